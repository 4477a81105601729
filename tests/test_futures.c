/* SPDX-License-Identifier: MIT
 *
 * asyncio/futures.h: states, waiters and callbacks in one order, handles, holds, reports of errors that nobody read.
 */
#include "fixture.h"

/* Makes a coroutine a task, in storage of the test's, on the open loop. */
#define START(storage, ...) (void)asyncio_loop_create_task(&loop, ASYNC_AT(storage, __VA_ARGS__), &no_options)

/* Waits for a Future, says how that ended. */
ASYNC(waiter, asyncio_future *future; const char *name; int err; asyncio_value value;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->value, self->future);
    log_add(self->name);
    ASYNC_END;
}

static void say(asyncio_future *future, void *arg)
{
    CHECK(asyncio_future_done(future));
    CHECK(asyncio_get_running_loop() == &loop);
    CHECK(asyncio_current_task() == NULL);
    log_add((const char *)arg);
}

/* ---- States ---- */

TEST(test_initial_state)
{
    asyncio_future future;
    asyncio_value value = 5;
    open_loop();
    asyncio_future_init(&future, &loop);
    CHECK(!asyncio_future_done(&future));
    CHECK(!asyncio_future_cancelled(&future));
    CHECK(asyncio_future_get_loop(&future) == &loop);
    CHECK(asyncio_future_cancel_message(&future) == NULL);
    CHECK_EQ(asyncio_future_result(&future, &value), ASYNCIO_EINVALIDSTATE);
    CHECK_EQ(value, 0);
    CHECK_EQ(asyncio_future_exception(&future), ASYNCIO_EINVALIDSTATE);
    CHECK(asyncio_future_cancel(&future, NULL)); /* as Python's test ends: it is not done, so it can be */
    CHECK(asyncio_future_cancelled(&future));
    close_loop();
}

static asyncio_loop *inside;
ASYNC(init_without_loop, asyncio_future future;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    inside = asyncio_future_get_loop(&self->future);
    ASYNC_END;
}

TEST(test_constructor_use_running_loop)
{
    static struct init_without_loop_task storage;
    asyncio_future future;
    open_loop();
    START(&storage, init_without_loop);
    step(1);
    CHECK(inside == &loop);
    asyncio_future_init(&future, NULL); /* outside of a loop it has none */
    CHECK(asyncio_future_get_loop(&future) == NULL);
    close_loop();
}

TEST(test_cancel)
{
    asyncio_future future;
    asyncio_value value = 5;
    open_loop();
    asyncio_future_init(&future, &loop);
    CHECK(asyncio_future_cancel(&future, "why"));
    CHECK(asyncio_future_done(&future));
    CHECK(asyncio_future_cancelled(&future));
    CHECK_STR(asyncio_future_cancel_message(&future), "why");
    CHECK_EQ(asyncio_future_result(&future, &value), ASYNCIO_ECANCELLED);
    CHECK_EQ(value, 0); /* the message is no result */
    CHECK_EQ(asyncio_future_exception(&future), ASYNCIO_ECANCELLED);
    CHECK_EQ(asyncio_future_set_result(&future, 1), ASYNCIO_EINVALIDSTATE);
    CHECK_EQ(asyncio_future_set_exception(&future, E1), ASYNCIO_EINVALIDSTATE);
    CHECK(!asyncio_future_cancel(&future, "again"));
    CHECK_STR(asyncio_future_cancel_message(&future), "why");
    asyncio_future_release(&future);
    CHECK_EQ(reports, 0);
    close_loop();
}

TEST(test_result)
{
    asyncio_future future;
    asyncio_value value = 0;
    open_loop();
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_future_set_result(&future, -42), 0);
    CHECK(asyncio_future_done(&future));
    CHECK(!asyncio_future_cancelled(&future));
    CHECK_EQ(asyncio_future_result(&future, &value), 0);
    CHECK_EQ(value, -42);
    CHECK_EQ(asyncio_future_result(&future, NULL), 0);
    CHECK_EQ(asyncio_future_exception(&future), 0);
    CHECK_EQ(asyncio_future_set_result(&future, 1), ASYNCIO_EINVALIDSTATE);
    CHECK_EQ(asyncio_future_set_exception(&future, E1), ASYNCIO_EINVALIDSTATE);
    CHECK(!asyncio_future_cancel(&future, NULL));
    CHECK_EQ(asyncio_future_result(&future, &value), 0);
    CHECK_EQ(value, -42);
    CHECK(asyncio_future_cancel_message(&future) == NULL);
    close_loop();
}

TEST(test_exception)
{
    asyncio_future future;
    asyncio_value value = 5;
    open_loop();
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_future_set_exception(&future, E1), 0);
    CHECK(asyncio_future_done(&future));
    CHECK(!asyncio_future_cancelled(&future));
    CHECK_EQ(asyncio_future_result(&future, &value), E1);
    CHECK_EQ(value, 0);
    CHECK_EQ(asyncio_future_exception(&future), E1);
    CHECK_EQ(asyncio_future_set_result(&future, 1), ASYNCIO_EINVALIDSTATE);
    CHECK_EQ(asyncio_future_set_exception(&future, E2), ASYNCIO_EINVALIDSTATE);
    CHECK(!asyncio_future_cancel(&future, NULL));
    CHECK_EQ(asyncio_future_exception(&future), E1);
    close_loop();
}

TEST(test_set_exception_checks_the_range)
{
    static const int bad[] = {0, -1, ASYNCIO__PENDING, ASYNCIO_EUSERMAX + 1, 0x10000 + E1};
    static const int good[] = {1, EINVAL, ASYNCIO_ETIMEOUT, ASYNCIO_EUSER, ASYNCIO_EUSERMAX};
    asyncio_future future;
    unsigned i;
    open_loop();
    asyncio_future_init(&future, &loop);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(asyncio_future_set_exception(&future, bad[i]), ASYNCIO_EVALUE);
        CHECK(!asyncio_future_done(&future));
    }
    for (i = 0; i < sizeof good / sizeof *good; i++) {
        asyncio_future_init(&future, &loop);
        CHECK_EQ(asyncio_future_set_exception(&future, good[i]), 0);
        CHECK_EQ(asyncio_future_exception(&future), good[i]);
    }
    CHECK_EQ(asyncio_future_set_exception(&future, 0), ASYNCIO_EINVALIDSTATE); /* done: that comes first */
    close_loop();
}

/* Python's set_exception(CancelledError()): the awaiter sees a CancelledError, the Future is not cancelled(). */
TEST(test_set_exception_cancelled)
{
    static struct waiter_task a;
    asyncio_future future;
    open_loop();
    asyncio_future_init(&future, &loop);
    START(&a, waiter, .future = &future, .name = "a");
    step(1);
    CHECK_EQ(asyncio_future_set_exception(&future, ASYNCIO_ECANCELLED), 0);
    CHECK(asyncio_future_done(&future));
    CHECK(!asyncio_future_cancelled(&future));
    CHECK_EQ(asyncio_future_exception(&future), ASYNCIO_ECANCELLED);
    step(1);
    CHECK_EQ(a.frame.err, ASYNCIO_ECANCELLED);
    close_loop();
}

/* ---- Waiters and callbacks ---- */

TEST(test_future_await_by_many)
{
    enum { MANY = 1000 };
    static struct waiter_task tasks[MANY];
    asyncio_future future;
    int i;
    open_loop();
    asyncio_future_init(&future, &loop);
    for (i = 0; i < MANY; i++)
        START(&tasks[i], waiter, .future = &future, .name = "");
    step(1);
    CHECK_EQ(asyncio_future_set_result(&future, 7), 0);
    step(1);
    for (i = 0; i < MANY; i++) {
        CHECK(asyncio_task_done(ASYNC_TASK(&tasks[i])));
        CHECK_EQ(tasks[i].frame.value, 7);
    }
    CHECK_EQ(loop.ticks, 2); /* all in one iteration */
    close_loop();
}

ASYNC(awaits_twice, asyncio_future *future; int first; int second; uint32_t ticks;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->first, self->future);
    self->ticks = loop.ticks;
    ASYNC_AWAIT_INTO(self->second, self->future); /* done: it does not wait again */
    CHECK_EQ(loop.ticks, self->ticks);
    ASYNC_END;
}

TEST(test_yield_from_twice)
{
    static struct awaits_twice_task storage;
    asyncio_future future;
    open_loop();
    asyncio_future_init(&future, &loop);
    START(&storage, awaits_twice, .future = &future);
    step(1);
    CHECK_EQ(asyncio_future_set_result(&future, 42), 0);
    step(1);
    CHECK(asyncio_task_done(ASYNC_TASK(&storage)));
    CHECK_EQ(storage.frame.first, 42);
    CHECK_EQ(storage.frame.second, 42);
    close_loop();
}

/* Cancelling one waiter cancels the Future, and so all waiters: Python's, and why there is shield(). */
TEST(test_cancel_of_a_waiter_cancels_the_future)
{
    static struct waiter_task a, b;
    asyncio_future future;
    open_loop();
    asyncio_future_init(&future, &loop);
    START(&a, waiter, .future = &future, .name = "a");
    START(&b, waiter, .future = &future, .name = "b");
    step(1);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&b), "m"));
    CHECK(asyncio_future_cancelled(&future)); /* at once; the tasks learn of it in the next iteration */
    CHECK_STR(asyncio_future_cancel_message(&future), "m");
    CHECK_LOG("");
    step(1);
    CHECK_LOG("a b");
    CHECK_EQ(a.frame.err, ASYNCIO_ECANCELLED);
    CHECK_STR((const char *)a.frame.value, "m");
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&a)), 0);
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&b)), 1);
    close_loop();
}

/* One list: tasks and callbacks in the order in which they came. */
static void check_order(int how)
{
    static struct waiter_task a, b;
    static char w1[] = "1", w2[] = "2", w3[] = "3", w4[] = "4";
    asyncio_future future;
    asyncio_handle first, second, third, fourth;
    open_loop();
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_future_add_done_callback(&future, &first, say, w1), 0);
    START(&a, waiter, .future = &future, .name = "a");
    step(1);
    CHECK_EQ(asyncio_future_add_done_callback(&future, &second, say, w2), 0);
    START(&b, waiter, .future = &future, .name = "b");
    step(1);
    CHECK_EQ(asyncio_future_add_done_callback(&future, &third, say, w3), 0);
    if (how == 0)
        CHECK_EQ(asyncio_future_set_result(&future, 1), 0);
    else if (how == 1)
        CHECK_EQ(asyncio_future_set_exception(&future, E1), 0);
    else
        CHECK(asyncio_future_cancel(&future, NULL));
    CHECK_EQ(asyncio_future_add_done_callback(&future, &fourth, say, w4), 0);
    CHECK_LOG(""); /* completion runs nothing */
    step(1);
    CHECK_LOG("1 a 2 b 3 4");
    CHECK_EQ(a.frame.err, how == 0 ? 0 : how == 1 ? E1 : ASYNCIO_ECANCELLED);
    step(1);
    CHECK_LOG("");
    close_loop();
}

TEST(test_callbacks_invoked_on_set_result) { check_order(0); }
TEST(test_callbacks_invoked_on_set_exception) { check_order(1); }
TEST(test_callbacks_invoked_on_cancel) { check_order(2); }

static char word_a[] = "a", word_b[] = "b", word_c[] = "c";
static void say_too(asyncio_future *future, void *arg)
{
    (void)future;
    log_add((const char *)arg);
}

TEST(test_remove_done_callback)
{
    static struct waiter_task task;
    asyncio_future future;
    asyncio_handle handles[6];
    open_loop();
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_future_remove_done_callback(&future, say, word_a), 0);
    (void)asyncio_future_add_done_callback(&future, &handles[0], say, word_a);
    (void)asyncio_future_add_done_callback(&future, &handles[1], say, word_b);
    START(&task, waiter, .future = &future, .name = "task");
    step(1);
    (void)asyncio_future_add_done_callback(&future, &handles[2], say_too, word_a);
    (void)asyncio_future_add_done_callback(&future, &handles[3], say, word_a);
    (void)asyncio_future_add_done_callback(&future, &handles[4], say, word_c);
    (void)asyncio_future_add_done_callback(&future, &handles[5], say, word_a);
    CHECK_EQ(asyncio_future_remove_done_callback(&future, say, word_a), 3); /* all that are equal, no others */
    CHECK_EQ(asyncio_future_remove_done_callback(&future, say, word_a), 0);
    (void)asyncio_future_add_done_callback(&future, &handles[5], say, word_b); /* its storage is free again */
    CHECK_EQ(asyncio_future_set_result(&future, 0), 0);
    CHECK_EQ(asyncio_future_remove_done_callback(&future, say, word_c), 0); /* too late: it is scheduled */
    step(1);
    CHECK_LOG("b task a c b");
    close_loop();
}

/* test_callbacks_remove_first_callback and its like: whichever of n is removed, the others keep their order. */
TEST(test_callbacks_remove_each)
{
    static char words[4][2] = {"0", "1", "2", "3"};
    static const char *const want[] = {"1 2 3", "0 2 3", "0 1 3", "0 1 2"};
    int removed, i;
    for (removed = 0; removed < 4; removed++) {
        asyncio_future future;
        asyncio_handle handles[4];
        open_loop();
        asyncio_future_init(&future, &loop);
        for (i = 0; i < 4; i++)
            (void)asyncio_future_add_done_callback(&future, &handles[i], say, words[i]);
        CHECK_EQ(asyncio_future_remove_done_callback(&future, say, words[removed]), 1);
        (void)asyncio_future_set_result(&future, 0);
        step(1);
        CHECK_LOG(want[removed]);
        close_loop();
    }
}

static asyncio_handle mutation[3];
static void mutates(asyncio_future *future, void *arg)
{
    log_add((const char *)arg);
    CHECK_EQ(asyncio_future_remove_done_callback(future, say, word_b), 0); /* scheduled already */
    CHECK_EQ(asyncio_future_add_done_callback(future, &mutation[2], say, word_c), 0);
}

TEST(test_schedule_callbacks_list_mutation_1)
{
    asyncio_future future;
    open_loop();
    asyncio_future_init(&future, &loop);
    (void)asyncio_future_add_done_callback(&future, &mutation[0], mutates, word_a);
    (void)asyncio_future_add_done_callback(&future, &mutation[1], say, word_b);
    (void)asyncio_future_set_result(&future, 0);
    step(1);
    CHECK_LOG("a b");
    step(1);
    CHECK_LOG("c"); /* added by a callback: the next iteration */
    close_loop();
}

/* A callback's handle is its storage's owner's again as soon as it runs. */
static asyncio_handle again;
static int turns;
static void runs_again(asyncio_future *future, void *arg)
{
    log_number(++turns);
    if (turns < 3)
        CHECK_EQ(asyncio_future_add_done_callback(future, &again, runs_again, arg), 0);
}

TEST(test_callback_reuses_its_handle)
{
    asyncio_future future;
    open_loop();
    asyncio_future_init(&future, &loop);
    turns = 0;
    (void)asyncio_future_add_done_callback(&future, &again, runs_again, NULL);
    (void)asyncio_future_set_result(&future, 0);
    step(4);
    CHECK_LOG("1 2 3");
    close_loop();
}

TEST(test_handle_cancel)
{
    static struct waiter_task task;
    asyncio_future future;
    asyncio_handle a, b, c, unused;
    open_loop();
    asyncio_future_init(&future, &loop);
    asyncio__clear(&unused, sizeof unused);
    asyncio_handle_cancel(&unused);
    (void)asyncio_future_add_done_callback(&future, &a, say, word_a);
    (void)asyncio_future_add_done_callback(&future, &b, say, word_b);
    (void)asyncio_future_add_done_callback(&future, &c, say, word_c);
    START(&task, waiter, .future = &future, .name = "task");
    step(1);
    CHECK(!asyncio_handle_cancelled(&b));
    asyncio_handle_cancel(&b); /* before the Future is done */
    asyncio_handle_cancel(&b);
    CHECK(asyncio_handle_cancelled(&b));
    (void)asyncio_future_set_result(&future, 0);
    asyncio_handle_cancel(&a); /* when it is scheduled */
    asyncio_handle_cancel(&a);
    CHECK(asyncio_handle_cancelled(&a));
    step(1);
    CHECK_LOG("c task");
    CHECK(!asyncio_handle_cancelled(&c));
    asyncio_handle_cancel(&c); /* after it ran: no effect but on what it says */
    (void)asyncio_future_add_done_callback(&future, &b, say, word_b);
    CHECK(!asyncio_handle_cancelled(&b));
    step(1);
    CHECK_LOG("b");
    close_loop();
}

static asyncio_handle victim;
static void cancels_victim(asyncio_future *future, void *arg)
{
    (void)future;
    log_add((const char *)arg);
    asyncio_handle_cancel(&victim);
}

TEST(test_handle_cancel_from_an_earlier_callback)
{
    asyncio_future future;
    asyncio_handle a, c;
    int last;
    for (last = 0; last < 2; last++) {
        open_loop();
        asyncio_future_init(&future, &loop);
        (void)asyncio_future_add_done_callback(&future, &a, cancels_victim, word_a);
        (void)asyncio_future_add_done_callback(&future, &victim, say, word_b);
        if (!last)
            (void)asyncio_future_add_done_callback(&future, &c, say, word_c);
        (void)asyncio_future_set_result(&future, 0);
        step(1);
        CHECK_LOG(last ? "a" : "a c");
        step(1);
        CHECK_LOG("");
        close_loop();
    }
}

/* ---- Tasks as Futures ---- */

ASYNC(gives, asyncio_value value; int err; asyncio_future *wait;)
{
    ASYNC_BEGIN;
    if (self->wait)
        ASYNC_AWAIT(self->wait);
    if (self->err)
        ASYNC_RAISE(self->err);
    ASYNC_RETURN(self->value);
    ASYNC_END;
}

TEST(test_task_set_methods)
{
    static struct gives_task storage;
    asyncio_future *future, gate;
    asyncio_value value = 0;
    open_loop();
    asyncio_future_init(&gate, &loop);
    START(&storage, gives, .value = 3, .wait = &gate);
    future = asyncio_task_future(ASYNC_TASK(&storage));
    CHECK_EQ(asyncio_future_set_result(future, 1), ASYNCIO_ERUNTIME);
    CHECK_EQ(asyncio_future_set_exception(future, E1), ASYNCIO_ERUNTIME);
    step(1);
    CHECK_EQ(asyncio_future_set_result(future, 1), ASYNCIO_ERUNTIME);
    CHECK_EQ(asyncio_future_result(future, &value), ASYNCIO_EINVALIDSTATE);
    CHECK_EQ(value, 0);
    (void)asyncio_future_set_result(&gate, 0);
    step(1);
    CHECK_EQ(asyncio_future_set_result(future, 1), ASYNCIO_ERUNTIME);
    CHECK_EQ(asyncio_future_result(future, &value), 0);
    CHECK_EQ(value, 3);
    close_loop();
}

#if ASYNCIO_TRACEBACK && ASYNCIO_STRINGS
/* However often a failed one is awaited: the traceback of each error has the frames of that await, and no others. */
ASYNC(awaits_failed, asyncio_task *task;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(self->task);
    ASYNC_END;
}
ASYNC(awaits_it_often, struct gives_task failing; asyncio_task *task; struct awaits_failed sub; int i; int err;
      asyncio_value detail;)
{
    const asyncio_frame_info *frame;
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->failing, gives, .err = E1), .into = &self->task);
    for (self->i = 0; self->i < 5; self->i++) {
        ASYNC_CATCH_INTO(self->err, self->detail, ASYNC_IN(&self->sub, awaits_failed, .task = self->task));
        CHECK_EQ(self->err, E1);
        while ((frame = asyncio_traceback(&loop, &self->detail)) != NULL)
            log_add(frame->function);
    }
    asyncio_task_release(self->task);
    ASYNC_END;
}

TEST(test_future_traceback)
{
    CHECK_EQ(RUN_CORO(NULL, awaits_it_often), 0);
    CHECK_LOG("awaits_failed gives awaits_failed gives awaits_failed gives awaits_failed gives awaits_failed gives");
}
#endif

TEST(test_callbacks_of_a_task)
{
    static struct gives_task storage;
    static struct waiter_task awaits;
    asyncio_task *task = ASYNC_TASK(&storage);
    asyncio_handle a, b, c;
    open_loop();
    START(&storage, gives, .err = E1);
    CHECK_EQ(asyncio_task_add_done_callback(task, &a, say, word_a), 0);
    START(&awaits, waiter, .future = asyncio_task_future(task), .name = "task");
    CHECK_EQ(asyncio_task_add_done_callback(task, &b, say, word_b), 0);
    CHECK_EQ(asyncio_task_remove_done_callback(task, say, word_b), 1);
    CHECK_EQ(asyncio_task_add_done_callback(task, &c, say, word_c), 0);
    step(2);
    CHECK_LOG("task a c"); /* the task was done in the first: the waiter did not have to wait */
    CHECK_EQ(awaits.frame.err, E1);
    CHECK_EQ(reports, 0);
    close_loop();
}

/* ---- Errors that nobody read ---- */

static void check_unread(void (*read)(asyncio_future *future), int err, int want)
{
    asyncio_future future;
    open_loop();
    asyncio_future_init(&future, &loop);
    if (err)
        (void)asyncio_future_set_exception(&future, err);
    else
        (void)asyncio_future_set_result(&future, 42);
    if (read != NULL)
        read(&future);
    CHECK_EQ(reports, 0);
    asyncio_future_release(&future);
    CHECK_EQ(reports, want);
    if (want) {
        CHECK_STR(last_report.message, "Future exception was never retrieved");
        CHECK_EQ(last_report.err, err);
        CHECK(last_report.future == &future);
        CHECK(last_report.task == NULL);
        CHECK(last_report.handle == NULL);
    }
    asyncio_future_release(&future); /* once too often: not reported twice */
    CHECK_EQ(reports, want);
    close_loop();
}

static void reads_exception(asyncio_future *future) { CHECK_EQ(asyncio_future_exception(future), E1); }
static void reads_result(asyncio_future *future)
{
    asyncio_value value;
    CHECK_EQ(asyncio_future_result(future, &value), E1);
}
static void cancels(asyncio_future *future) { CHECK(!asyncio_future_cancel(future, NULL)); }
static void looks(asyncio_future *future)
{
    CHECK(asyncio_future_done(future));
    CHECK(!asyncio_future_cancelled(future));
    CHECK(asyncio_future_cancel_message(future) == NULL);
}

TEST(test_tb_logger_not_called_after_cancel) { check_unread(cancels, E1, 0); }
TEST(test_tb_logger_result_unretrieved) { check_unread(NULL, 0, 0); }
TEST(test_tb_logger_exception_unretrieved) { check_unread(NULL, E1, 1); }
TEST(test_tb_logger_exception_only_looked_at) { check_unread(looks, E1, 1); }
TEST(test_tb_logger_exception_retrieved) { check_unread(reads_exception, E1, 0); }
TEST(test_tb_logger_exception_result_retrieved) { check_unread(reads_result, E1, 0); }

TEST(test_tb_logger_abandoned)
{
    asyncio_future future;
    open_loop();
    asyncio_future_init(&future, &loop);
    asyncio_future_release(&future); /* never settled: nothing was lost */
    CHECK_EQ(reports, 0);
    close_loop();
    CHECK_EQ(reports, 0);
}

TEST(test_tb_logger_exception_awaited)
{
    static struct waiter_task a, late;
    asyncio_future future;
    int when;
    for (when = 0; when < 2; when++) {
        open_loop();
        asyncio_future_init(&future, &loop);
        if (when == 0) {
            START(&a, waiter, .future = &future, .name = "a");
            step(1);
        }
        (void)asyncio_future_set_exception(&future, E1);
        if (when == 1)
            START(&late, waiter, .future = &future, .name = "late");
        step(1);
        asyncio_future_release(&future);
        CHECK_EQ(reports, 0);
        close_loop();
    }
    CHECK_LOG("a late");
}

TEST(test_tb_logger_callback_does_not_read)
{
    asyncio_future future;
    asyncio_handle handle;
    open_loop();
    asyncio_future_init(&future, &loop);
    (void)asyncio_future_add_done_callback(&future, &handle, say, word_a);
    (void)asyncio_future_set_exception(&future, E2);
    asyncio_future_release(&future);
    CHECK_EQ(reports, 0); /* the callback that is to come may read it */
    step(1);
    CHECK_EQ(reports, 1);
    CHECK_EQ(last_report.err, E2);
    close_loop();
}

TEST(test_hold_and_release)
{
    asyncio_future future;
    open_loop();
    asyncio_future_release(NULL);
    asyncio_future_init(&future, &loop);
    (void)asyncio_future_set_exception(&future, E1);
    CHECK(asyncio_future_hold(&future) == &future);
    CHECK(asyncio_future_hold(&future) == &future);
    asyncio_future_release(&future);
    asyncio_future_release(&future);
    CHECK_EQ(reports, 0);
    asyncio_future_release(&future);
    CHECK_EQ(reports, 1);
    close_loop();
}

/* ---- On the heap ---- */

#ifdef ASYNC_NEW
TEST(test_future_new)
{
    asyncio_future *future;
    int before;
    open_loop();
    before = blocks;
    future = asyncio_future_new(&loop);
    CHECK(future != NULL);
    CHECK_EQ(blocks, before + 1);
    CHECK(asyncio_future_get_loop(future) == &loop);
    asyncio_future_hold(future);
    asyncio_future_release(future);
    CHECK_EQ(blocks, before + 1);
    (void)asyncio_future_set_exception(future, E1);
    asyncio_future_release(future);
    CHECK_EQ(blocks, before);
    CHECK_EQ(reports, 1);
    close_loop();
}

static void reads(asyncio_future *future, void *arg)
{
    asyncio_value value;
    (void)arg;
    CHECK_EQ(asyncio_future_result(future, &value), 0);
    log_number(value);
}

TEST(test_heap_callbacks)
{
    asyncio_future *future;
    int i, outside = blocks, before;
    open_loop();
    step(1); /* what the loop itself needs, it has now */
    before = blocks;
    future = asyncio_future_new(&loop);
    for (i = 0; i < 3; i++)
        CHECK_EQ(asyncio_future_add_done_callback(future, NULL, reads, NULL), 0);
    CHECK_EQ(asyncio_future_add_done_callback(future, NULL, say, word_a), 0);
    CHECK_EQ(blocks, before + 5);
    CHECK_EQ(asyncio_future_remove_done_callback(future, say, word_a), 1);
    CHECK_EQ(blocks, before + 4);
    (void)asyncio_future_set_result(future, 6);
    asyncio_future_release(future);
    CHECK_EQ(blocks, before + 4); /* it stays for the callbacks that are to come */
    step(1);
    CHECK_LOG("6 6 6");
    CHECK_EQ(blocks, before);

    future = asyncio_future_new(&loop); /* and a loop that closes before they come drops them */
    (void)asyncio_future_add_done_callback(future, NULL, reads, NULL);
    (void)asyncio_future_set_result(future, 6);
    asyncio_future_release(future);
    close_loop();
    CHECK_EQ(blocks, outside);
    CHECK_LOG("");
}

/* Given up while somebody waits for it, it stays until whoever waits has gone, whatever way. */
TEST(test_release_with_waiters)
{
    static struct waiter_task a, b;
    asyncio_future *future;
    int how;
    for (how = 0; how < 3 + ASYNCIO_ALL_TASKS; how++) { /* the last: the loop closes over them */
        int outside = blocks, before;
        open_loop();
        future = asyncio_future_new(&loop);
        START(&a, waiter, .future = future, .name = "a");
        START(&b, waiter, .future = future, .name = "b");
        step(1);
        before = blocks;
        asyncio_future_release(future);
        CHECK_EQ(blocks, before);
        if (how == 0)
            CHECK_EQ(asyncio_future_set_result(future, 3), 0);
        else if (how == 1)
            CHECK_EQ(asyncio_future_set_exception(future, E1), 0);
        else if (how == 2)
            CHECK(asyncio_task_cancel(ASYNC_TASK(&a), NULL));
        step(how == 3 ? 0 : 1);
        close_loop();
        CHECK_EQ(blocks, outside);
        if (how < 3) {
            CHECK_EQ(reports, 0);
            CHECK_EQ(a.frame.err, how == 0 ? 0 : how == 1 ? E1 : ASYNCIO_ECANCELLED);
            CHECK_LOG("a b");
        }
    }
}

TEST(test_release_with_callbacks)
{
    asyncio_future *future;
    asyncio_handle handle;
    int before, removes;
    open_loop();
    before = blocks;
    for (removes = 0; removes < 2; removes++) {
        future = asyncio_future_new(&loop);
        (void)asyncio_future_add_done_callback(future, &handle, say, word_a);
        asyncio_future_release(future);
        CHECK_EQ(blocks, before + 1);
        if (removes) /* the last that kept it */
            CHECK_EQ(asyncio_future_remove_done_callback(future, say, word_a), 1);
        else
            asyncio_handle_cancel(&handle);
        CHECK_EQ(blocks, before);
    }
    close_loop();
}

static bool no_memory;
static void *failing_alloc(size_t size) { return no_memory ? NULL : counted_malloc(size); }

TEST(test_callback_without_memory)
{
    asyncio_future future;
    open_loop();
    loop.core.alloc = failing_alloc;
    no_memory = true;
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_future_add_done_callback(&future, NULL, say, word_a), ASYNCIO_ENOMEM);
    loop.core.alloc = NULL; /* a loop without a heap */
    CHECK_EQ(asyncio_future_add_done_callback(&future, NULL, say, word_a), ASYNCIO_ENOMEM);
    (void)asyncio_future_set_result(&future, 0);
    step(1);
    CHECK_LOG("");
    close_loop();
}
#endif

TEST(test_callback_on_a_closed_loop)
{
    asyncio_future future;
    asyncio_handle handle;
    open_loop();
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_future_set_result(&future, 1), 0);
    close_loop();
    CHECK_EQ(asyncio_future_add_done_callback(&future, &handle, say, NULL), ASYNCIO_ECLOSED);
}

#ifdef ASYNC_NEW
TEST(test_new_without_a_loop)
{
    CHECK(asyncio_future_new(NULL) == NULL);
}
#endif

int main(void)
{
    RUN(test_callback_on_a_closed_loop);
#ifdef ASYNC_NEW
    RUN(test_new_without_a_loop);
#endif
    RUN(test_initial_state);
    RUN(test_constructor_use_running_loop);
    RUN(test_cancel);
    RUN(test_result);
    RUN(test_exception);
    RUN(test_set_exception_checks_the_range);
    RUN(test_set_exception_cancelled);
    RUN(test_future_await_by_many);
    RUN(test_yield_from_twice);
    RUN(test_cancel_of_a_waiter_cancels_the_future);
    RUN(test_callbacks_invoked_on_set_result);
    RUN(test_callbacks_invoked_on_set_exception);
    RUN(test_callbacks_invoked_on_cancel);
    RUN(test_remove_done_callback);
    RUN(test_callbacks_remove_each);
    RUN(test_schedule_callbacks_list_mutation_1);
    RUN(test_callback_reuses_its_handle);
    RUN(test_handle_cancel);
    RUN(test_handle_cancel_from_an_earlier_callback);
    RUN(test_task_set_methods);
#if ASYNCIO_TRACEBACK && ASYNCIO_STRINGS
    RUN(test_future_traceback);
#endif
    RUN(test_callbacks_of_a_task);
    RUN(test_tb_logger_not_called_after_cancel);
    RUN(test_tb_logger_result_unretrieved);
    RUN(test_tb_logger_exception_unretrieved);
    RUN(test_tb_logger_exception_only_looked_at);
    RUN(test_tb_logger_exception_retrieved);
    RUN(test_tb_logger_exception_result_retrieved);
    RUN(test_tb_logger_abandoned);
    RUN(test_tb_logger_exception_awaited);
    RUN(test_tb_logger_callback_does_not_read);
    RUN(test_hold_and_release);
#ifdef ASYNC_NEW
    RUN(test_future_new);
    RUN(test_heap_callbacks);
    RUN(test_release_with_waiters);
    RUN(test_release_with_callbacks);
    RUN(test_callback_without_memory);
#endif
    return tap_end();
}
