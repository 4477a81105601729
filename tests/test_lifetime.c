/* SPDX-License-Identifier: MIT
 *
 * What lives how long: main's frame with what lies in it, other frames, coroutines that were handed over, Futures that
 * nobody will settle. Under ASan each would show what is used too late, and the counted heap what is never freed.
 */
#include "fixture.h"

#if defined(ASYNC_NEW) && ASYNCIO_ALL_TASKS
#define NO_LEAK(before) CHECK_EQ(blocks, before)

/* ---- main's frame ---- */

ASYNC(consumer, asyncio_queue *queue; int item; const char *name;)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT(asyncio_queue_get(self->queue, &self->item));
        log_add(self->name);
        log_number(self->item);
        asyncio_queue_task_done(self->queue);
    }
    ASYNC_FINALLY;
    log_add(self->name);
    log_number((long long)asyncio_queue_qsize(self->queue)); /* the queue is still there */
    ASYNC_END;
}
ASYNC(queue_in_main, asyncio_queue queue; int items[2], i;)
{
    ASYNC_BEGIN;
    asyncio_queue_init(&self->queue, self->items, sizeof self->items[0], 2);
    asyncio_create_task(ASYNC_NEW(consumer, .queue = &self->queue, .name = "a"));
    asyncio_create_task(ASYNC_NEW(consumer, .queue = &self->queue, .name = "b"));
    for (self->i = 0; self->i < 3; self->i++)
        ASYNC_AWAIT(asyncio_queue_put(&self->queue, &self->i));
    ASYNC_AWAIT(asyncio_queue_join(&self->queue));
    ASYNC_END;
}
TEST(test_consumers_of_a_queue_in_main)
{
    int before = blocks;
    CHECK_EQ(asyncio_run(ASYNC_NEW(queue_in_main), .port = &asyncio_virtual_port), 0);
    CHECK_LOG("a 0 a 1 a 2 a 0 b 0");
    NO_LEAK(before);
}

ASYNC(holder, asyncio_lock *lock; asyncio_event *event; asyncio_condition *condition; asyncio_semaphore *slots;
      asyncio_barrier *barrier; asyncio_future *future; int kind;)
{
    ASYNC_BEGIN;
    if (self->kind == 0)
        ASYNC_AWAIT(asyncio_lock_acquire(self->lock));
    else if (self->kind == 1)
        ASYNC_AWAIT(asyncio_event_wait(self->event));
    else if (self->kind == 2)
        ASYNC_AWAIT(asyncio_condition_acquire(self->condition));
    else if (self->kind == 3)
        ASYNC_AWAIT(asyncio_semaphore_acquire(self->slots));
    else if (self->kind == 4)
        ASYNC_AWAIT(asyncio_barrier_wait(self->barrier));
    else
        ASYNC_AWAIT(self->future);
    ASYNC_FINALLY;
    log_number(self->kind);
    ASYNC_END;
}
ASYNC(objects_in_main, asyncio_lock lock; asyncio_event event; asyncio_condition condition; asyncio_semaphore slots;
      asyncio_barrier barrier; asyncio_future future; int i, err;)
{
    ASYNC_BEGIN;
    asyncio_semaphore_init(&self->slots, 0);
    asyncio_barrier_init(&self->barrier, 2);
    asyncio_future_init(&self->future, NULL);
    ASYNC_AWAIT(asyncio_lock_acquire(&self->lock));
    ASYNC_AWAIT(asyncio_condition_acquire(&self->condition));
    for (self->i = 0; self->i < 6; self->i++)
        asyncio_create_task(ASYNC_NEW(holder, .lock = &self->lock, .event = &self->event, .slots = &self->slots,
                                      .condition = &self->condition, .barrier = &self->barrier,
                                      .future = &self->future, .kind = self->i));
    ASYNC_AWAIT(asyncio_sleep(1));
    asyncio_lock_release(&self->lock); /* these are woken, and have not had their turn */
    asyncio_semaphore_release(&self->slots);
    ASYNC_RAISE(E1);
    ASYNC_END;
}
TEST(test_all_kinds_of_objects_in_main)
{
    int before = blocks;
    CHECK_EQ(asyncio_run(ASYNC_NEW(objects_in_main), .port = &asyncio_virtual_port, .quiet = true), E1);
    CHECK_LOG("0 3 1 2 4 5");
    NO_LEAK(before);
}

/* Without run(): the loop's close finds them waiting. */
TEST(test_loop_closed_over_a_queue_of_main)
{
    int before = blocks;
    CHECK_EQ(run(ASYNC_NEW(queue_in_main), NULL), 0);
    CHECK_EQ(reports, 2); /* destroyed, but pending */
    log_clear();
    NO_LEAK(before);
}

/* It is kept until the next one is over, not longer: who runs a million of them does not grow. */
ASYNC(quick)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
ASYNC(background)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1000));
    ASYNC_END;
}
TEST(test_many_mains)
{
    asyncio_runner runner;
    asyncio_run_options options;
    int start = blocks, before, i;
    open_loop();
    before = blocks;
    asyncio__no_run_options(&options);
    options.loop = &loop;
    asyncio_runner_init(&runner, &options);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(quick), NULL), 0);
    NO_LEAK(before); /* nobody is left who could use it */
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(background), &no_options), 0);
    for (i = 0; i < 10; i++) {
        CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(quick), NULL), 0);
        CHECK_EQ(blocks, before + 2);
    }
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(quick), NULL), 0);
    CHECK_EQ(blocks, before + 2);
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    NO_LEAK(start);
}

/* ---- Other frames ---- */

ASYNC(leaves_waiters, asyncio_event event; asyncio_task *waiter; double seconds;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(holder, .event = &self->event, .kind = 1), .into = &self->waiter);
    ASYNC_AWAIT(asyncio_sleep(1));
    if (self->seconds > 0)
        asyncio_event_set(&self->event);
    ASYNC_AWAIT(asyncio_sleep(self->seconds));
    asyncio_task_release(self->waiter);
    ASYNC_END;
}
/* The frame is still there when it is reported: this takes who waits out of it, as no program could rely on. */
static void rescue(asyncio_loop *where, const asyncio_exception_context *context, void *arg)
{
    (void)where, (void)arg;
    log_add(context->message);
    CHECK(context->line != 0);
    asyncio_task_cancel(context->task, NULL);
}
ASYNC(watches, double seconds;)
{
    ASYNC_BEGIN;
    asyncio_set_debug(&loop, true);
    asyncio_set_exception_handler(&loop, rescue, NULL);
    asyncio_create_task(ASYNC_NEW(leaves_waiters, .seconds = self->seconds));
    ASYNC_AWAIT(asyncio_sleep(5));
    ASYNC_END;
}
TEST(test_debug_mode_reports_who_waits_in_a_frame_that_goes)
{
    int before = blocks;
    CHECK_EQ(run(ASYNC_NEW(watches), NULL), 0);
    CHECK_LOG("a task waits for something in the frame of a task that has ended 1");
    CHECK_EQ(run(ASYNC_NEW(watches, .seconds = 1), NULL), 0);
    CHECK_LOG("1"); /* it was let go in time */
    NO_LEAK(before);
}

/* Storage of the program's is its own: it may start again at once. */
TEST(test_main_in_storage_again)
{
    static struct quick_task storage;
    int i;
    open_loop();
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(background), &no_options), 0);
    for (i = 0; i < 3; i++) {
        CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&storage, quick), NULL), 0);
        CHECK_EQ(storage.future.holds, 0);
        CHECK(asyncio_task_done(ASYNC_TASK(&storage)));
    }
    close_loop();
}

/* What a task starts while run() ends may wait in a frame that is over by then: it is there until the loop is closed. */
ASYNC(late, asyncio_event *event;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_event_wait(self->event));
    ASYNC_END;
}
ASYNC(starts_late, asyncio_event event;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1000));
    ASYNC_FINALLY;
    asyncio_create_task(ASYNC_NEW(late, .event = &self->event), .eager_start = 1);
    ASYNC_END;
}
ASYNC(leaves_one)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(starts_late));
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
TEST(test_task_started_by_the_end)
{
    int before = blocks;
    open_loop();
    CHECK_EQ(asyncio_run(ASYNC_NEW(leaves_one), .loop = &loop), 0);
    CHECK_EQ(reports, 1); /* destroyed, but pending */
    NO_LEAK(before);
}
/* ---- Coroutines that are handed over ---- */

ASYNC(given)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    log_add("ran");
    ASYNC_END;
}
ASYNC(awaits_given, asyncio_root *given;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(self->given);
    ASYNC_END;
}
ASYNC(hands_over, asyncio_root *given; asyncio_task *task; int eagerly;)
{
    ASYNC_BEGIN;
    self->given = ASYNC_NEW(given);
    asyncio_create_task(ASYNC_NEW(awaits_given, .given = self->given), .eager_start = self->eagerly, .into = &self->task);
    asyncio_task_cancel(self->task, NULL);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_task_cancelled(self->task));
    if (!self->eagerly) /* it never ran, and never took it */
        asyncio_coro_close(self->given);
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_coroutine_handed_to_one_that_never_runs)
{
    int before = blocks;
    CHECK_EQ(run(ASYNC_NEW(hands_over), NULL), 0);
    NO_LEAK(before);
    CHECK_EQ(run(ASYNC_NEW(hands_over, .eagerly = 1), NULL), 0);
    NO_LEAK(before);
    CHECK_LOG("");
}

/* ---- Futures that nobody will settle ---- */

static char callback[] = "callback";
static void on_done(asyncio_future *future, void *arg)
{
    log_add((const char *)arg);
    log_add(asyncio_future_cancelled(future) ? "cancelled" : "done");
}
TEST(test_pending_future_on_the_heap_with_callbacks)
{
    int before = blocks, how;
    for (how = 0; how < 3; how++) {
        asyncio_future *future;
        open_loop();
        future = asyncio_future_new(&loop);
        CHECK_EQ(asyncio_future_add_done_callback(future, NULL, on_done, callback), 0);
        if (how == 0)
            CHECK(asyncio_future_cancel(future, NULL));
        else if (how == 1)
            CHECK_EQ(asyncio_future_remove_done_callback(future, on_done, callback), 1);
        asyncio_future_release(future);
        if (how == 2) /* who will settle it needs no hold: its callback keeps it */
            CHECK_EQ(asyncio_future_set_result(future, 0), 0);
        step(1);
        close_loop();
        NO_LEAK(before);
    }
    CHECK_LOG("callback cancelled callback done");
}

/* ---- Messages ---- */

ASYNC(cancels_itself, asyncio_future *future; asyncio_lock lock; asyncio_value message; int err, how;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_lock_acquire(&self->lock));
    ASYNC_RETURN(7);
    ASYNC_FINALLY;
    asyncio_task_cancel(asyncio_current_task(), "first");
    asyncio_task_cancel(asyncio_current_task(), "why");
    if (self->how == 0)
        ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(1));
    else if (self->how == 1)
        ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_lock_acquire(&self->lock));
    else if (self->how == 2)
        ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(0));
    else
        ASYNC_CATCH_ALL_INTO(self->err, self->message, self->future);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    log_add(self->message != 0 ? (const char *)self->message : "lost");
    ASYNC_END;
}
ASYNC(cancels_eagerly, asyncio_task *task; asyncio_value message; int err; asyncio_future future;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    ASYNC_RETURN(7);
    ASYNC_FINALLY;
    asyncio_task_cancel(asyncio_current_task(), "mine");
    asyncio_create_task(ASYNC_NEW(cancels_itself, .future = &self->future), .eager_start = 1, .into = &self->task);
    ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(1));
    log_add(self->message != 0 ? (const char *)self->message : "lost");
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    asyncio_future_release(&self->future);
    ASYNC_END;
}
TEST(test_cancelled_in_its_own_step_in_finally)
{
    int before = blocks, how;
    asyncio_value value;
    asyncio_future future;
    for (how = 0; how < 4; how++) {
        asyncio_root *root = ASYNC_NEW(cancels_itself, .how = how, .future = &future);
        open_loop();
        asyncio_future_init(&future, &loop);
        CHECK_EQ(asyncio_run_until_complete(&loop, root, &value), 0);
        CHECK_EQ(value, 7);
        close_loop();
        CHECK_LOG("why");
    }
    CHECK_EQ(run(ASYNC_NEW(cancels_eagerly), &value), 0);
    CHECK_EQ(value, 7);
    CHECK_LOG("why mine");
    NO_LEAK(before);
}

/* ---- Blocks left by goto ---- */

/* To before it: the block is entered while it is still open. It must neither run for ever nor be set up again. */
ASYNC(goes_back, asyncio_timeout limit, inner; asyncio_try attempt; int how, rounds;)
{
    ASYNC_BEGIN;
again:
    self->rounds++;
    if (self->how == 0) {
        ASYNC_WITH(&self->limit, asyncio_timeout(1))
        {
            ASYNC_AWAIT(asyncio_sleep(0));
            if (self->rounds < 3)
                goto again;
        }
    } else if (self->how == 1) {
        ASYNC_WITH(&self->limit, asyncio_timeout(1))
        {
            ASYNC_WITH(&self->inner, asyncio_timeout(1))
            {
                if (self->rounds < 3)
                    goto again;
            }
        }
    } else {
        ASYNC_TRY(&self->attempt)
        {
            ASYNC_AWAIT(asyncio_sleep(0));
            if (self->rounds < 3)
                goto again;
            ASYNC_RAISE(E1);
        }
        ASYNC_EXCEPT(&self->attempt)
            log_add("caught");
    }
    log_add("never");
    ASYNC_FINALLY;
    log_add("neither");
    ASYNC_END;
}
static asyncio_root *going_back(struct goes_back_task *storage, int how)
{
    return ASYNC_AT(storage, goes_back, .how = how);
}
TEST(test_goto_to_before_a_block)
{
    static struct goes_back_task storage[3]; /* what the blocks armed is left behind */
    int how;
    for (how = 0; how < 3; how++) {
        CHECK_EQ(run(going_back(&storage[how], how), NULL), ASYNCIO_ERUNTIME);
        CHECK_EQ(reports, 1);
        CHECK_STR(last_report.message, "a block was left by goto: its exit did not run");
        CHECK(last_report.line != 0);
        CHECK_EQ(storage[how].frame.rounds, 2);
        CHECK_LOG("");
    }
}

/* What leaves properly may go back: from the except part, from behind the block, by continue around it. */
ASYNC(comes_back, asyncio_timeout limit; asyncio_try attempt; int rounds;)
{
    ASYNC_BEGIN;
again:
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(1))
            ASYNC_AWAIT(asyncio_sleep(self->rounds < 2 ? 3 : 0));
    }
    ASYNC_EXCEPT(&self->attempt)
    {
        log_add(asyncio_errname(self->attempt.block.err));
        self->rounds++;
        goto again;
    }
    if (self->rounds++ < 4)
        goto again;
    log_number(self->rounds);
    ASYNC_END;
}
TEST(test_goto_around_blocks)
{
    int before = blocks;
    CHECK_EQ(run(ASYNC_NEW(comes_back), NULL), 0);
    CHECK_EQ(reports, 0);
    CHECK_LOG("TimeoutError TimeoutError 5");
    NO_LEAK(before);
}
#endif

int main(void)
{
#if defined(ASYNC_NEW) && ASYNCIO_ALL_TASKS
    RUN(test_consumers_of_a_queue_in_main);
    RUN(test_all_kinds_of_objects_in_main);
    RUN(test_loop_closed_over_a_queue_of_main);
    RUN(test_many_mains);
    RUN(test_main_in_storage_again);
    RUN(test_task_started_by_the_end);
#if ASYNCIO_DEBUG
    RUN(test_debug_mode_reports_who_waits_in_a_frame_that_goes);
#endif
    RUN(test_coroutine_handed_to_one_that_never_runs);
    RUN(test_pending_future_on_the_heap_with_callbacks);
    RUN(test_cancelled_in_its_own_step_in_finally);
    RUN(test_goto_to_before_a_block);
    RUN(test_goto_around_blocks);
#endif
    return tap_end();
}
