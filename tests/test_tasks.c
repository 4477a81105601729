/* SPDX-License-Identifier: MIT
 *
 * Task: stepping, cancel() and uncancel(), names, factories, what is listed and what is freed. Named after CPython's
 * tests (test_tasks.py) where they say the same.
 */
#include "fixture.h"

/* Makes a coroutine a task, in storage of the test's, on the open loop. */
#define START(storage, ...) (void)asyncio_loop_create_task(&loop, ASYNC_AT(storage, __VA_ARGS__), &no_options)

/* ---- Coroutines that the tests share ---- */

/* Sleeps, then returns or raises. */
ASYNC(worker, double seconds; asyncio_value value; int raise;)
{
    ASYNC_BEGIN;
    if (self->seconds >= 0)
        ASYNC_AWAIT(asyncio_sleep(self->seconds));
    if (self->raise)
        ASYNC_RAISE(self->raise);
    ASYNC_RETURN(self->value);
    ASYNC_END;
}

ASYNC(waits_future, asyncio_future *future; asyncio_value got;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->got, self->future);
    log_tick("got");
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

/* A loop in which a task waits for a Future. */
static void open_with_waiter(struct waits_future_task *storage, asyncio_future *future)
{
    open_loop();
    asyncio_future_init(future, &loop);
    START(storage, waits_future, .future = future);
    step(1);
}

ASYNC(waits_task, asyncio_task *task; int err; asyncio_value got;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->got, self->task);
    log_tick("woken");
    if (self->err)
        ASYNC_RAISE(self->err, self->got);
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

/* ---- Construction, results ---- */

TEST(test_task_basics)
{
    static struct worker_task a, b, c;
    asyncio_value value = -1;
    open_loop();
    START(&a, worker, .value = 5);
    START(&b, worker, .seconds = 1, .raise = E1);
    START(&c, worker, .seconds = -1);
    CHECK(!asyncio_task_done(ASYNC_TASK(&a))); /* nothing runs inside create_task */
    CHECK_EQ(asyncio_task_result(ASYNC_TASK(&a), &value), ASYNCIO_EINVALIDSTATE);
    CHECK_EQ(asyncio_task_exception(ASYNC_TASK(&a)), ASYNCIO_EINVALIDSTATE);
    CHECK(asyncio_task_get_loop(ASYNC_TASK(&a)) == &loop);
    CHECK(asyncio_task_get_coro(ASYNC_TASK(&a)) == &a.frame.coro);
    CHECK((struct worker *)(void *)asyncio_task_get_coro(ASYNC_TASK(&a)) == &a.frame);
    step(1);
    CHECK(asyncio_task_done(ASYNC_TASK(&c)));
    step(1);
    CHECK(asyncio_task_done(ASYNC_TASK(&a)));
    CHECK(!asyncio_task_cancelled(ASYNC_TASK(&a)));
    CHECK_EQ(asyncio_task_result(ASYNC_TASK(&a), &value), 0);
    CHECK_EQ(value, 5);
    CHECK_EQ(asyncio_task_exception(ASYNC_TASK(&a)), 0);
    step(2);
    CHECK_EQ(asyncio_task_exception(ASYNC_TASK(&b)), E1);
    CHECK_EQ(asyncio_task_result(ASYNC_TASK(&b), &value), E1);
    CHECK_EQ(value, 0);
    CHECK(!asyncio_task_cancel(ASYNC_TASK(&b), NULL));
    CHECK(asyncio_task_cancel_message(ASYNC_TASK(&b)) == NULL);
    close_loop();
}

/* One that has its result already, and one that gets it later. */
TEST(test_step_result_future)
{
    static struct waits_future_task storage;
    asyncio_future future;
    asyncio_value value = 0;
    int late;
    for (late = 0; late < 2; late++) {
        open_loop();
        asyncio_future_init(&future, &loop);
        if (!late)
            CHECK_EQ(asyncio_future_set_result(&future, 3), 0);
        START(&storage, waits_future, .future = &future);
        step(1);
        CHECK_EQ(asyncio_task_done(ASYNC_TASK(&storage)), !late);
        CHECK_EQ(future.waiters != NULL, late);
        if (late)
            CHECK_EQ(asyncio_future_set_result(&future, 3), 0);
        step(late);
        CHECK_EQ(asyncio_task_result(ASYNC_TASK(&storage), &value), 0);
        CHECK_EQ(value, 3);
        CHECK_LOG(late ? "2 got" : "1 got");
        close_loop();
    }
}

ASYNC(sleeps_twice, int got;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0.05));
    ASYNC_AWAIT_INTO(self->got, asyncio_sleep(0.05, 42));
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

TEST(test_sleep)
{
    static struct sleeps_twice_task storage;
    asyncio_value value = 0;
    open_loop();
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&storage, sleeps_twice), &value), 0);
    CHECK_EQ(value, 42);
    CHECK_EQ(asyncio_loop_time(&loop), 2 * ASYNCIO_SECONDS(0.05));
    close_loop();
}

static void count(void *arg) { ++*(int *)arg; }
ASYNC(gives_way, asyncio_handle handle; int counted; int got;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_call_soon(&loop, &self->handle, count, &self->counted), 0);
    CHECK_EQ(self->counted, 0);
    ASYNC_AWAIT_INTO(self->got, asyncio_sleep(0, 10));
    CHECK_EQ(self->counted, 1);
    ASYNC_RETURN(self->got + self->counted);
    ASYNC_END;
}

TEST(test_sleep_zero)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, gives_way), 0);
    CHECK_EQ(value, 11);
}

TEST(test_task_awaits_a_task)
{
    static struct worker_task child;
    static struct waits_task_task parent;
    asyncio_value value = 0;
    open_loop();
    START(&parent, waits_task, .task = ASYNC_TASK(&child)); /* the parent's step comes first */
    START(&child, worker, .seconds = -1, .value = 8);
    step(2);
    CHECK_LOG("2 woken");
    CHECK_EQ(asyncio_task_result(ASYNC_TASK(&parent), &value), 0);
    CHECK_EQ(value, 8);
    close_loop();
}

/* ---- Awaiting what one must not ---- */

static asyncio_loop other;

ASYNC(awaits_foreign, asyncio_future *future; int err; asyncio_value got; uint32_t ticks;)
{
    ASYNC_BEGIN;
    self->ticks = loop.ticks;
    ASYNC_CATCH_ALL(self->err, self->future);
    CHECK_EQ(self->err, ASYNCIO_EWRONGLOOP);
    CHECK_EQ(loop.ticks, self->ticks + 1); /* Python throws it in at the next iteration */
    (void)asyncio_future_set_result(self->future, 6);
    ASYNC_CATCH_ALL_INTO(self->err, self->got, self->future); /* a done one is just read */
    CHECK_EQ(self->err, 0);
    CHECK_EQ(self->got, 6);
    CHECK_EQ(loop.ticks, self->ticks + 1);
    ASYNC_END;
}

TEST(test_other_loop_future)
{
    asyncio_future future;
    CHECK_EQ(asyncio_loop_init(&other, &asyncio_virtual_port), 0);
    asyncio_future_init(&future, &other);
    CHECK_EQ(RUN_CORO(NULL, awaits_foreign, .future = &future), 0);
    CHECK_EQ(asyncio_loop_close(&other), 0);
}

ASYNC(awaits_itself, int err; uint32_t ticks;)
{
    ASYNC_BEGIN;
    self->ticks = loop.ticks;
    ASYNC_CATCH_ALL(self->err, asyncio_current_task());
    CHECK_EQ(self->err, ASYNCIO_ESELFAWAIT);
    CHECK_EQ(loop.ticks, self->ticks + 1);
    ASYNC_AWAIT(asyncio_task_future(asyncio_current_task()));
    ASYNC_END;
}

TEST(test_task_awaits_on_itself) { CHECK_EQ(RUN_CORO(NULL, awaits_itself), ASYNCIO_ESELFAWAIT); }

/* ---- ensure_future ---- */

#if ASYNCIO_GENERIC
ASYNC(ensures, struct worker_task storage; asyncio_future own; asyncio_future *future; asyncio_future *same; int got;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->own, NULL);
    self->future = asyncio_ensure_future(&self->own);
    CHECK(self->future == &self->own);
    asyncio_future_release(self->future);
    CHECK(!asyncio_future_done(&self->own));

    self->future = asyncio_ensure_future(ASYNC_AT(&self->storage, worker, .value = 5));
    CHECK(self->future == asyncio_task_future(ASYNC_TASK(&self->storage)));
    self->same = asyncio_ensure_future(ASYNC_TASK(&self->storage));
    CHECK(self->same == self->future);
    asyncio_future_release(self->same);
    ASYNC_AWAIT_INTO(self->got, self->future);
    CHECK_EQ(self->got, 5);
    asyncio_future_release(self->future);

    CHECK(asyncio_ensure_future((asyncio_future *)NULL) == NULL);
    CHECK(asyncio_ensure_future((asyncio_task *)NULL) == NULL);
    CHECK_EQ(reports, 0);
    CHECK(asyncio_ensure_future((asyncio_root *)NULL) == NULL);
    CHECK_EQ(reports, 1);
    CHECK_EQ(last_report.err, ASYNCIO_ENOMEM);
    ASYNC_END;
}

TEST(test_ensure_future_coroutine_future_and_task)
{
    static struct worker_task outside;
    CHECK_EQ(RUN_CORO(NULL, ensures), 0);
    CHECK(asyncio_ensure_future(ASYNC_AT(&outside, worker, .value = 1)) == NULL); /* no loop runs */
}

#ifdef ASYNC_NEW
ASYNC(ensures_heap, asyncio_future *future; int i; int sum; int got;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        self->future = asyncio_ensure_future(ASYNC_NEW(worker, .value = self->i));
        ASYNC_AWAIT(asyncio_sleep(1));
        ASYNC_AWAIT_INTO(self->got, self->future); /* it is held, so it is there long after its end */
        asyncio_future_release(self->future);
        self->sum += self->got;
    }
    ASYNC_RETURN(self->sum);
    ASYNC_END;
}

TEST(test_ensure_future_holds)
{
    asyncio_value value = 0;
    long before = blocks;
    CHECK_EQ(RUN_CORO(&value, ensures_heap), 0);
    CHECK_EQ(value, 3);
    CHECK_EQ(blocks, before);
}
#endif
#endif

/* ---- cancel ---- */

TEST(test_cancel)
{
    static struct worker_task storage;
    asyncio_task *task = ASYNC_TASK(&storage);
    open_loop();
    START(&storage, worker, .seconds = 10, .value = 12);
    step(1);
    CHECK(asyncio_task_cancel(task, NULL));
    CHECK(!asyncio_task_done(task)); /* never at once */
    step(1);
    CHECK(asyncio_task_done(task));
    CHECK(asyncio_task_cancelled(task));
    CHECK_EQ(asyncio_task_result(task, NULL), ASYNCIO_ECANCELLED);
    CHECK_EQ(asyncio_task_exception(task), ASYNCIO_ECANCELLED);
    CHECK(!asyncio_task_cancel(task, NULL));
    CHECK_EQ(asyncio_loop_time(&loop), 0);
    close_loop();
}

TEST(test_sleep_cancel)
{
    static struct worker_task storage;
    asyncio_time when = 0;
    open_loop();
    START(&storage, worker, .seconds = 10);
    step(1);
    CHECK(asyncio_loop_next_deadline(&loop, &when));
    CHECK_EQ(when, ASYNCIO_SECONDS(10));
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), NULL));
    step(1);
    CHECK(!asyncio_loop_next_deadline(&loop, &when)); /* its timer is gone */
    close_loop();
}

static void cancel_soon(void *arg) { CHECK(asyncio_task_cancel((asyncio_task *)arg, "msg")); }

TEST(test_task_cancel_sleeping_task)
{
    static struct worker_task sleeper;
    static struct waits_task_task waiting;
    asyncio_handle timer;
    asyncio_time when;
    open_loop();
    START(&sleeper, worker, .seconds = 5000);
    START(&waiting, waits_task, .task = ASYNC_TASK(&sleeper));
    CHECK_EQ(asyncio_call_later_ticks(&loop, &timer, ASYNCIO_SECONDS(1) / 10, cancel_soon, ASYNC_TASK(&sleeper)), 0);
    step(4);
    CHECK_LOG("4 woken");
    CHECK_EQ(waiting.frame.err, ASYNCIO_ECANCELLED);
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(1) / 10); /* not 5000 seconds later */
    CHECK(!asyncio_loop_next_deadline(&loop, &when));
    close_loop();
}

TEST(test_cancel_with_message_then_future_result)
{
    static const char *const messages[] = {NULL, "my message"};
    static struct worker_task storage;
    static struct waits_task_task waiting;
    int i;
    for (i = 0; i < 2; i++) {
        open_loop();
        START(&storage, worker, .seconds = 10);
        START(&waiting, waits_task, .task = ASYNC_TASK(&storage));
        step(1);
        CHECK(asyncio_future_cancel(asyncio_task_future(ASYNC_TASK(&storage)), messages[i]));
        step(2);
        CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), messages[i]);
        CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&waiting)), messages[i]);
        CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&waiting)), 0); /* nobody asked this one to stop */
        CHECK(asyncio_task_cancelled(ASYNC_TASK(&waiting)));
        CHECK_LOG("3 woken");
        close_loop();
    }
}

ASYNC(says_where, int awaits;)
{
    ASYNC_BEGIN;
    log_add("started");
    ASYNC_AWAIT(asyncio_sleep(10));
    ASYNC_FINALLY;
    log_tick("finally");
    ASYNC_END;
}

TEST(test_cancel_with_message_before_starting_task)
{
    static struct says_where_task storage;
    static struct waits_task_task waiting;
    open_loop();
    START(&storage, says_where, .awaits = 0);
    START(&waiting, waits_task, .task = ASYNC_TASK(&storage));
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "m"));
    CHECK(!asyncio_task_done(ASYNC_TASK(&storage)));
    step(1);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "m");
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&waiting)));
    CHECK_LOG("1 woken"); /* the body never ran, nor its FINALLY */
    close_loop();
}

TEST(test_cancel_before_starting_twice)
{
    static struct says_where_task storage;
    open_loop();
    START(&storage, says_where, .awaits = 0);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "a"));
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "b"));
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&storage)), 2);
    step(1);
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "b"); /* it was the last to be noted */
    CHECK_LOG("");
    close_loop();
}

/* The Future has its result, the task is ready: the cancellation still comes first, and the result is dropped there. */
TEST(test_cancel_when_ready)
{
    static struct waits_future_task storage;
    asyncio_future future;
    asyncio_value value = 0;
    open_with_waiter(&storage, &future);
    (void)asyncio_future_set_result(&future, 7);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "x"));
    step(1);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "x");
    CHECK_EQ(asyncio_future_result(&future, &value), 0);
    CHECK_EQ(value, 7);
    CHECK_LOG("");
    close_loop();
}

TEST(test_cancel_when_ready_with_an_error)
{
    static struct waits_future_task storage;
    asyncio_future future;
    open_with_waiter(&storage, &future);
    (void)asyncio_future_set_exception(&future, E1);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "x"));
    step(1);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "x");
    close_loop();
}

ASYNC(counts_cancels, int caught; int err; const char *message;)
{
    ASYNC_BEGIN;
    while (self->caught < 3) {
        ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(10));
        if (!self->err)
            break;
        self->caught++;
        log_tick(self->message ? self->message : "none");
        log_number(asyncio_task_cancelling(asyncio_current_task()));
    }
    ASYNC_RETURN(self->caught);
    ASYNC_END;
}

TEST(test_cancel_twice)
{
    static struct counts_cancels_task storage;
    asyncio_task *task = ASYNC_TASK(&storage);
    asyncio_value value = 0;
    open_loop();
    START(&storage, counts_cancels, .caught = 0);
    step(1);
    CHECK(asyncio_task_cancel(task, "a"));
    CHECK(asyncio_task_cancel(task, "b"));
    step(1);
    CHECK_LOG("2 a 2"); /* one error for both, with the first one's message */
    step(1);
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(10)); /* the second was not kept for later */
    CHECK(asyncio_task_cancel(task, "too late")); /* its timer has fired, its wake-up has not come: still time */
    step(2);
    CHECK_LOG("4 too late 3");
    step(2);
    CHECK_EQ(asyncio_task_result(task, &value), 0);
    CHECK_EQ(value, 2);
    close_loop();
}

/* Turns the cancellation of what it awaits into an error of its own. */
ASYNC(wraps_cancel, struct worker_task inner; asyncio_handle handle; int err; const char *message;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->inner, worker, .seconds = 10));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_EQ(asyncio_call_soon(&loop, &self->handle, cancel_soon, ASYNC_TASK(&self->inner)), 0);
    ASYNC_CATCH_ALL_INTO(self->err, self->message, ASYNC_TASK(&self->inner));
    log_add(self->message);
    ASYNC_RAISE(E1);
    ASYNC_END;
}

TEST(test_cancellation_exception_context)
{
    static struct wraps_cancel_task storage;
    open_loop();
    START(&storage, wraps_cancel, .err = 0);
    step(5);
    CHECK(!asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_EQ(asyncio_task_exception(ASYNC_TASK(&storage)), E1);
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage.frame.inner)), "msg");
    CHECK_LOG("msg");
    close_loop();
}

ASYNC(yields_twice)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RETURN(12);
    ASYNC_END;
}

TEST(test_cancel_yield)
{
    static struct yields_twice_task storage;
    open_loop();
    START(&storage, yields_twice);
    step(1);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "y"));
    step(1);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "y");
    CHECK(!asyncio_task_cancel(ASYNC_TASK(&storage), "z"));
    close_loop();
}

TEST(test_cancel_inner_future)
{
    static struct waits_future_task storage;
    asyncio_future future;
    open_with_waiter(&storage, &future);
    CHECK(asyncio_future_cancel(&future, "inner"));
    step(1);
    CHECK(asyncio_future_cancelled(&future));
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "inner");
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&storage)), 0);
    close_loop();
}

TEST(test_cancel_both_task_and_inner_future)
{
    static struct waits_future_task storage;
    asyncio_future future;
    open_with_waiter(&storage, &future);
    CHECK(asyncio_future_cancel(&future, "inner"));
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "outer"));
    step(1);
    CHECK(asyncio_future_cancelled(&future));
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "inner");
    close_loop();
}

/* The other way round: the task's cancel reaches the Future that it waits for. */
TEST(test_task_cancel_waiter_future)
{
    static struct waits_future_task storage;
    asyncio_future future;
    open_with_waiter(&storage, &future);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "t"));
    CHECK(asyncio_future_cancelled(&future));
    step(1);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "t");
    close_loop();
}

ASYNC(catches, asyncio_future *first; asyncio_future *second; int err; int got;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, self->first);
    log_number(self->err == ASYNCIO_ECANCELLED);
    if (self->second) {
        ASYNC_AWAIT_INTO(self->got, self->second);
        ASYNC_RETURN(self->got);
    }
    ASYNC_RETURN(42);
    ASYNC_END;
}

TEST(test_cancel_task_catching)
{
    static struct catches_task storage;
    asyncio_future first, second;
    asyncio_value value = 0;
    open_loop();
    asyncio_future_init(&first, &loop);
    asyncio_future_init(&second, &loop);
    START(&storage, catches, .first = &first);
    step(1);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), NULL));
    CHECK(asyncio_future_cancelled(&first));
    step(1);
    CHECK_EQ(asyncio_task_result(ASYNC_TASK(&storage), &value), 0);
    CHECK_EQ(value, 42);
    CHECK(!asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&storage)), 1);
    CHECK_LOG("1");
    close_loop();
}

TEST(test_cancel_task_ignoring)
{
    static struct catches_task storage;
    asyncio_future first, second;
    asyncio_value value = 0;
    open_loop();
    asyncio_future_init(&first, &loop);
    asyncio_future_init(&second, &loop);
    START(&storage, catches, .first = &first, .second = &second);
    step(1);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), NULL));
    step(2);
    CHECK(!asyncio_task_done(ASYNC_TASK(&storage)));
    CHECK(!asyncio_future_done(&second));
    (void)asyncio_future_set_result(&second, 9);
    step(1);
    CHECK_EQ(asyncio_task_result(ASYNC_TASK(&storage), &value), 0);
    CHECK_EQ(value, 9);
    close_loop();
}

enum { THEN_AWAIT, THEN_RETURN, THEN_RAISE, THEN_END, THEN_UNCANCEL };

ASYNC(cancels_itself, int then; asyncio_future done; int got;)
{
    ASYNC_BEGIN;
    CHECK(asyncio_task_cancel(asyncio_current_task(), "self"));
    asyncio_future_init(&self->done, NULL);
    asyncio_future_set_result(&self->done, 1);
    ASYNC_AWAIT_INTO(self->got, &self->done); /* no suspension, no cancellation */
    log_add("passed");
    if (self->then == THEN_RETURN)
        ASYNC_RETURN(12);
    if (self->then == THEN_RAISE)
        ASYNC_RAISE(E1);
    if (self->then == THEN_UNCANCEL)
        CHECK_EQ(asyncio_task_uncancel(asyncio_current_task()), 0);
    if (self->then != THEN_END) {
        ASYNC_AWAIT(asyncio_sleep(self->got - 1));
        ASYNC_AWAIT(asyncio_sleep(10));
        log_add("survived");
    }
    ASYNC_END;
}

TEST(test_cancel_current_task)
{
    static struct cancels_itself_task storage;
    open_loop();
    START(&storage, cancels_itself, .then = THEN_AWAIT);
    step(2);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "self");
    CHECK(!asyncio_task_cancel(ASYNC_TASK(&storage), NULL));
    CHECK_LOG("passed");
    close_loop();
}

TEST(test_cancel_at_end)
{
    static struct cancels_itself_task storage;
    asyncio_value value;
    int then;
    for (then = THEN_RETURN; then <= THEN_END; then++) {
        open_loop();
        START(&storage, cancels_itself, .then = then);
        step(1);
        CHECK(asyncio_task_done(ASYNC_TASK(&storage)));
        CHECK_EQ(asyncio_task_result(ASYNC_TASK(&storage), &value), then == THEN_RAISE ? E1 : ASYNCIO_ECANCELLED);
        CHECK_EQ(value, 0); /* a result is dropped; an error wins */
        if (then != THEN_RAISE)
            CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "self");
        CHECK(!asyncio_task_cancel(ASYNC_TASK(&storage), NULL));
        CHECK_LOG("passed");
        close_loop();
    }
}

ASYNC(in_the_middle, struct worker_task child; asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->child, worker, .seconds = 10));
    ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&self->child));
    log_tick("middle");
    ASYNC_RAISE(self->err);
    ASYNC_END;
}

/* A task cancels itself and then awaits one that waits: the request goes on to it, and to what it waits for. */
ASYNC(cancels_and_awaits, asyncio_future *future; struct waits_future_task nested;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->nested, waits_future, .future = self->future));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_task_cancel(asyncio_current_task(), "down"));
    CHECK(!asyncio_future_done(self->future));
    ASYNC_AWAIT(ASYNC_TASK(&self->nested));
    log_add("NOT REACHED");
    ASYNC_END;
}

TEST(test_cancel_awaited_task)
{
    static struct cancels_and_awaits_task storage;
    asyncio_future future;
    open_loop();
    asyncio_future_init(&future, &loop);
    START(&storage, cancels_and_awaits, .future = &future);
    step(2);
    CHECK(asyncio_future_cancelled(&future));
    step(2);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage.frame.nested)));
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&storage)), "down");
    CHECK_LOG("");
    close_loop();
}

/* cancel() goes down to what is waited for at the bottom; the error comes up one task an iteration. */
TEST(test_cancel_goes_to_the_bottom)
{
    static struct in_the_middle_task middle;
    static struct waits_task_task outer;
    open_loop();
    START(&middle, in_the_middle, .err = 0);
    START(&outer, waits_task, .task = ASYNC_TASK(&middle));
    step(3);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&outer), "msg"));
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&outer)), 1);
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&middle)), 1);
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&middle.frame.child)), 1);
    step(1);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&middle.frame.child)));
    CHECK_LOG("");
    step(1);
    CHECK_LOG("5 middle");
    step(1);
    CHECK_LOG("6 woken");
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&outer)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&outer)), "msg");
    close_loop();
}

/* Somebody else cancelled what one awaits: the same error, but nobody has asked this task. */
TEST(test_awaited_task_cancelled_by_somebody_else)
{
    static struct worker_task child;
    static struct waits_task_task parent;
    open_loop();
    START(&child, worker, .seconds = 10);
    START(&parent, waits_task, .task = ASYNC_TASK(&child));
    step(1);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&child), NULL));
    step(2);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&parent)));
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&parent)), 0);
    close_loop();
}

ASYNC(cleans_up, double before; double seconds;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(self->before));
    ASYNC_FINALLY;
    ASYNC_AWAIT(asyncio_sleep(self->seconds));
    log_add("clean");
    ASYNC_END;
}

TEST(test_cancel_and_cleanup_that_waits)
{
    static struct cleans_up_task storage;
    asyncio_task *task = ASYNC_TASK(&storage);
    open_loop();
    START(&storage, cleans_up, .before = 10, .seconds = 1);
    step(1);
    CHECK(asyncio_task_cancel(task, "m"));
    step(3);
    CHECK_LOG("clean"); /* edge-triggered: the clean-up's own await is not cancelled again */
    CHECK(asyncio_task_cancelled(task));
    CHECK_STR(asyncio_task_cancel_message(task), "m");
    START(&storage, cleans_up, .before = 10, .seconds = 1);
    step(1);
    CHECK(asyncio_task_cancel(task, "m"));
    step(1);
    CHECK(asyncio_task_cancel(task, "n")); /* but a second request reaches it */
    step(1);
    CHECK_LOG("");
    CHECK(asyncio_task_cancelled(task));
    CHECK_STR(asyncio_task_cancel_message(task), "n");
    close_loop();
}

ASYNC(level3, asyncio_future *future;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(self->future);
    ASYNC_FINALLY;
    log_add("3");
    ASYNC_END;
}
ASYNC(level2, struct level3 sub; asyncio_future *future;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&self->sub, level3, .future = self->future));
    ASYNC_FINALLY;
    log_add("2");
    ASYNC_END;
}
ASYNC(level1, struct level2 sub; asyncio_future *future;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&self->sub, level2, .future = self->future));
    ASYNC_FINALLY;
    log_add("1");
    ASYNC_END;
}

TEST(test_yield_future_passes_cancel)
{
    static struct level1_task storage;
    asyncio_future future;
    open_loop();
    asyncio_future_init(&future, &loop);
    START(&storage, level1, .future = &future);
    step(1);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), NULL));
    step(1);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&storage)));
    CHECK(asyncio_future_cancelled(&future));
    CHECK_LOG("3 2 1");
    close_loop();
}

static asyncio_task *to_cancel;
static bool cancel_said;
static void cancels(asyncio_future *future, void *arg)
{
    (void)future, (void)arg;
    cancel_said = asyncio_task_cancel(to_cancel, NULL);
}

/* A done callback that cancels a task which awaits the same Future: who registered first decides. */
TEST(test_cancel_from_a_done_callback)
{
    static struct waits_future_task storage;
    asyncio_future future;
    asyncio_handle handle;
    int late;
    for (late = 0; late < 2; late++) {
        open_loop();
        asyncio_future_init(&future, &loop);
        to_cancel = ASYNC_TASK(&storage);
        if (!late)
            (void)asyncio_future_add_done_callback(&future, &handle, cancels, NULL);
        START(&storage, waits_future, .future = &future);
        step(1);
        if (late)
            (void)asyncio_future_add_done_callback(&future, &handle, cancels, NULL);
        (void)asyncio_future_set_result(&future, 1);
        step(1);
        CHECK_EQ(cancel_said, !late);
        CHECK_EQ(asyncio_task_cancelled(ASYNC_TASK(&storage)), !late);
        CHECK(asyncio_task_done(ASYNC_TASK(&storage)));
        CHECK_LOG(late ? "2 got" : "");
        close_loop();
    }
}

/* Tasks that await each other in a circle: Python's cancel() recurses until the interpreter stops it. */
TEST(test_cancel_of_a_circle)
{
    static struct waits_task_task a, b;
    open_loop();
    START(&a, waits_task, .task = ASYNC_TASK(&b));
    START(&b, waits_task, .task = ASYNC_TASK(&a));
    step(1);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&a), "open"));
    step(2);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&a)));
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&b)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&b)), "open");
    close_loop();
}

ASYNC(chain_link, asyncio_task *next; asyncio_future *end;)
{
    ASYNC_BEGIN;
    if (self->next)
        ASYNC_AWAIT(self->next);
    else
        ASYNC_AWAIT(self->end);
    ASYNC_END;
}

TEST(test_cancel_through_a_long_chain_of_tasks)
{
    enum { LENGTH = 1000 };
    static struct chain_link_task chain[LENGTH];
    asyncio_future end;
    int i;
    open_loop();
    asyncio_future_init(&end, &loop);
    for (i = 0; i < LENGTH; i++)
        START(&chain[i], chain_link, .next = i > 0 ? ASYNC_TASK(&chain[i - 1]) : NULL, .end = &end);
    step(1);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&chain[LENGTH - 1]), "far"));
    CHECK(asyncio_future_cancelled(&end));
    step(LENGTH - 1);
    CHECK(!asyncio_task_done(ASYNC_TASK(&chain[LENGTH - 1])));
    step(1);
    for (i = 0; i < LENGTH; i++)
        CHECK(asyncio_task_cancelled(ASYNC_TASK(&chain[i])));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&chain[LENGTH - 1])), "far");
    close_loop();
}

/* ---- cancelling, uncancel ---- */

TEST(test_cancelling)
{
    static struct worker_task storage;
    asyncio_task *task = ASYNC_TASK(&storage);
    open_loop();
    START(&storage, worker, .seconds = 10);
    CHECK_EQ(asyncio_task_cancelling(task), 0);
    CHECK(asyncio_task_cancel(task, NULL));
    CHECK_EQ(asyncio_task_cancelling(task), 1);
    CHECK(asyncio_task_cancel(task, NULL));
    CHECK_EQ(asyncio_task_cancelling(task), 2);
    step(1);
    CHECK(asyncio_task_cancelled(task));
    CHECK_EQ(asyncio_task_cancelling(task), 2);
    CHECK(!asyncio_task_cancel(task, NULL));
    CHECK_EQ(asyncio_task_cancelling(task), 2);
    close_loop();
}

ASYNC(swallows_and_uncancels, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(10));
    CHECK_EQ(asyncio_task_uncancel(asyncio_current_task()), 0);
    CHECK_EQ(asyncio_task_uncancel(asyncio_current_task()), 0); /* not below */
    ASYNC_AWAIT(asyncio_sleep(10));
    ASYNC_END;
}

TEST(test_uncancel_basic)
{
    static struct swallows_and_uncancels_task storage;
    asyncio_task *task = ASYNC_TASK(&storage);
    open_loop();
    START(&storage, swallows_and_uncancels, .err = 0);
    step(1);
    CHECK(asyncio_task_cancel(task, NULL));
    CHECK_EQ(asyncio_task_cancelling(task), 1);
    step(1);
    CHECK_EQ(asyncio_task_cancelling(task), 0);
    CHECK(!asyncio_task_done(task));
    CHECK(asyncio_task_cancel(task, NULL));
    CHECK_EQ(asyncio_task_cancelling(task), 1);
    step(1);
    CHECK(asyncio_task_cancelled(task));
    CHECK_EQ(asyncio_task_cancelling(task), 1);
    CHECK_EQ(asyncio_task_uncancel(task), 0); /* bookkeeping only: it stays cancelled */
    CHECK(asyncio_task_cancelled(task));
    close_loop();
}

TEST(test_uncancel_resets_must_cancel)
{
    static struct waits_future_task storage;
    static struct says_where_task unstarted;
    static struct cancels_itself_task itself;
    asyncio_future future;
    asyncio_value value = 0;
    open_with_waiter(&storage, &future);
    (void)asyncio_future_set_result(&future, 42);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "no"));
    CHECK(asyncio_task_cancel(ASYNC_TASK(&storage), "no"));
    CHECK_EQ(asyncio_task_uncancel(ASYNC_TASK(&storage)), 1);
    CHECK_EQ(asyncio_task_uncancel(ASYNC_TASK(&storage)), 0); /* before it was delivered: it never happened */
    step(1);
    CHECK_EQ(asyncio_task_result(ASYNC_TASK(&storage), &value), 0);
    CHECK_EQ(value, 42);
    CHECK_LOG("2 got");
    START(&unstarted, says_where, .awaits = 0);
    CHECK(asyncio_task_cancel(ASYNC_TASK(&unstarted), NULL));
    CHECK_EQ(asyncio_task_uncancel(ASYNC_TASK(&unstarted)), 0);
    step(1);
    CHECK_LOG("started");
    START(&itself, cancels_itself, .then = THEN_UNCANCEL);
    step(5);
    CHECK_LOG("passed 7 finally survived");
    CHECK_EQ(asyncio_task_result(ASYNC_TASK(&itself), NULL), 0);
    close_loop();
}

/* A timeout by hand, as CPython's test has one: only one's own cancellation becomes a timeout. */
static void deadline(void *arg)
{
    (void)asyncio_task_cancel((asyncio_task *)arg, NULL);
    log_add("deadline");
}
ASYNC(times_out, asyncio_handle timer; int err; double limit; double seconds;)
{
    ASYNC_BEGIN;
    (void)asyncio_call_later(&loop, &self->timer, self->limit, deadline, asyncio_current_task());
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(self->seconds));
    asyncio_handle_cancel(&self->timer);
    if (self->err == ASYNCIO_ECANCELLED && asyncio_task_uncancel(asyncio_current_task()) == 0 && self->limit < 5)
        self->err = ASYNCIO_ETIMEOUT;
    if (self->err)
        ASYNC_RAISE(self->err);
    ASYNC_END;
}

TEST(test_uncancel_structured_blocks)
{
    static struct times_out_task storage;
    asyncio_task *task = ASYNC_TASK(&storage);
    open_loop();
    START(&storage, times_out, .limit = 1, .seconds = 10); /* its own */
    step(3);
    CHECK_EQ(asyncio_task_exception(task), ASYNCIO_ETIMEOUT);
    CHECK_EQ(asyncio_task_cancelling(task), 0);
    START(&storage, times_out, .limit = 2, .seconds = 1); /* in time */
    step(3);
    CHECK_EQ(asyncio_task_exception(task), 0);
    START(&storage, times_out, .limit = 1, .seconds = 10); /* its own, and somebody else's in the same iteration */
    step(2);
    CHECK_EQ(asyncio_task_cancelling(task), 1);
    CHECK(asyncio_task_cancel(task, NULL));
    step(1);
    CHECK(asyncio_task_cancelled(task));
    CHECK_EQ(asyncio_task_cancelling(task), 1);
    CHECK_LOG("deadline deadline");
    close_loop();
}

/* ---- The current task ---- */

ASYNC(interleaved, asyncio_task *self_task;)
{
    ASYNC_BEGIN;
    CHECK(asyncio_current_task() == self->self_task);
    CHECK(asyncio_get_running_loop() == &loop);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_current_task() == self->self_task);
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK(asyncio_current_task() == self->self_task);
    ASYNC_END;
}

static void nobody(void *arg)
{
    (void)arg;
    CHECK(asyncio_current_task() == NULL);
    CHECK(asyncio_get_running_loop() == &loop);
    log_add("callback");
}

TEST(test_current_task_with_interleaving_tasks)
{
    static struct interleaved_task a, b;
    asyncio_handle handle;
    CHECK(asyncio_current_task() == NULL);
    CHECK(asyncio_get_running_loop() == NULL);
    open_loop();
    START(&a, interleaved, .self_task = ASYNC_TASK(&a));
    (void)asyncio_call_soon(&loop, &handle, nobody, NULL);
    START(&b, interleaved, .self_task = ASYNC_TASK(&b));
    CHECK(asyncio_current_task() == NULL);
    step(1);
    CHECK(asyncio_current_task() == NULL);
    step(3);
    CHECK(asyncio_task_done(ASYNC_TASK(&a)) && asyncio_task_done(ASYNC_TASK(&b)));
    CHECK_LOG("callback");
    close_loop();
}

/* ---- Names and contexts ---- */

#if ASYNCIO_NAMES
static unsigned number_of(const char *name)
{
    unsigned number = 0;
    for (name += 5; *name; name++)
        number = number * 10 + (unsigned)(*name - '0');
    return number;
}

TEST(test_bare_create_named_task)
{
    static struct worker_task named, a, b;
    asyncio_task_options options = {"my name", NULL, 0, NULL};
    char buffer[ASYNCIO_NAME_SIZE], second[ASYNCIO_NAME_SIZE];
    open_loop();
    (void)asyncio_loop_create_task(&loop, ASYNC_AT(&named, worker, .value = 1), &options);
    CHECK_STR(asyncio_task_get_name(ASYNC_TASK(&named), buffer), "my name");
    START(&a, worker, .value = 1);
    START(&b, worker, .value = 1);
    CHECK(asyncio_task_get_name(ASYNC_TASK(&a), buffer) == buffer);
    CHECK_EQ(buffer[0] == 'T' && buffer[4] == '-', 1);
    CHECK_EQ(number_of(asyncio_task_get_name(ASYNC_TASK(&b), second)), number_of(buffer) + 1);
    asyncio_task_set_name(ASYNC_TASK(&a), "later");
    CHECK_STR(asyncio_task_get_name(ASYNC_TASK(&a), buffer), "later");
    step(2);
    CHECK_STR(asyncio_task_get_name(ASYNC_TASK(&a), buffer), "later"); /* also when it is done */
    close_loop();
}
#endif

#if ASYNCIO_CONTEXTS && defined(ASYNC_NEW)
static const asyncio_contextvar colour = ASYNCIO_CONTEXTVAR("colour", 0);
ASYNC(inherits, struct worker_task child; struct worker_task given; asyncio_context *context;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_contextvar_get(&colour), 5);
    asyncio_create_task(ASYNC_AT(&self->child, worker, .value = 1));
    self->context = asyncio_task_get_context(ASYNC_TASK(&self->child));
    CHECK(self->context != asyncio_task_get_context(asyncio_current_task()));
    CHECK_EQ(asyncio_context_get(self->context, &colour), 5);
    self->context = asyncio_context_new();
    asyncio_create_task(ASYNC_AT(&self->given, worker, .value = 1), .context = self->context);
    CHECK(asyncio_task_get_context(ASYNC_TASK(&self->given)) == self->context);
    asyncio_context_release(self->context);
    ASYNC_AWAIT(asyncio_sleep(1));
    log_add("done");
    ASYNC_END;
}

TEST(test_context)
{
    static struct inherits_task storage;
    static struct worker_task none;
    asyncio_task_options options = {NULL, NULL, 0, NULL};
    asyncio_contextvar_token token;
    open_loop();
    START(&none, worker, .value = 1);
    CHECK_EQ(asyncio_context_len(asyncio_task_get_context(ASYNC_TASK(&none))), 0);
    CHECK_EQ(asyncio_contextvar_set(&colour, 5, &token), 0);
    (void)asyncio_loop_create_task(&loop, ASYNC_AT(&storage, inherits), &options);
    CHECK_EQ(asyncio_contextvar_reset(&colour, &token), 0);
    step(5);
    CHECK(asyncio_task_get_context(ASYNC_TASK(&storage)) == NULL); /* over */
    CHECK_LOG("done");
    close_loop();
}
#endif

/* ---- create_task's errors ---- */

TEST(test_create_task_errors)
{
    static struct worker_task storage;
    static struct worker plain;
    asyncio_task *into = ASYNC_TASK(&storage);
    asyncio_task_options options = {NULL, NULL, 0, NULL};
    options.into = &into;
    CHECK_EQ(asyncio_create_task(ASYNC_AT(&storage, worker, .value = 1), .into = &into), ASYNCIO_ENOLOOP);
    CHECK(into == NULL);
    open_loop();
    into = ASYNC_TASK(&storage);
    CHECK_EQ(asyncio_loop_create_task(&loop, NULL, &options), ASYNCIO_ENOMEM);
    CHECK(into == NULL);
    CHECK_EQ(reports, 1); /* who ignores create_task's answer is told this way */
    CHECK_EQ(last_report.err, ASYNCIO_ENOMEM);
    CHECK_EQ(asyncio_loop_create_task(&loop, (asyncio_root *)(void *)ASYNC_IN(&plain, worker, .value = 1), &options),
             ASYNCIO_EVALUE);
    CHECK_EQ(reports, 2);
    CHECK_EQ(last_report.err, ASYNCIO_EVALUE);
    START(&storage, worker, .value = 1);
    into = ASYNC_TASK(&storage);
    CHECK_EQ(asyncio_loop_create_task(&loop, (asyncio_root *)(void *)&storage.frame, &options), ASYNCIO_EREUSED);
    CHECK(into == NULL);
    CHECK_EQ(reports, 3);
    step(2);
    CHECK(asyncio_task_done(ASYNC_TASK(&storage)));
    close_loop();
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&storage, worker, .value = 1), &options), ASYNCIO_ECLOSED);
    CHECK_EQ(reports, 3);
}

#if ASYNCIO_ALL_TASKS
ASYNC(starts_again, struct worker_task child; struct worker saved;)
{
    ASYNC_BEGIN;
    asyncio_set_debug(&loop, true);
    asyncio_create_task(ASYNC_AT(&self->child, worker, .seconds = 1));
    ASYNC_AWAIT(ASYNC_TASK(&self->child));
    asyncio_create_task(ASYNC_AT(&self->child, worker, .seconds = 1)); /* it is done: that is fine */
    CHECK_EQ(reports, 0);
    self->saved = self->child.frame;
    CHECK(ASYNC_AT(&self->child, worker, .seconds = 1) != NULL);
    CHECK_EQ(reports, 1);
    CHECK(last_report.task == ASYNC_TASK(&self->child));
    self->child.frame = self->saved; /* as if nothing had happened */
    asyncio_set_debug(&loop, false);
    ASYNC_AWAIT(ASYNC_TASK(&self->child));
    ASYNC_END;
}

TEST(test_storage_of_a_running_task_in_debug_mode)
{
    CHECK_EQ(RUN_CORO(NULL, starts_again), 0);
    CHECK_EQ(reports, 1);
}

/* ---- all_tasks ---- */

TEST(test_all_tasks)
{
    static struct worker_task tasks[4];
    asyncio_task *listed[4];
    int i;
    open_loop();
    CHECK_EQ(asyncio_all_tasks(&loop, NULL, 0), 0);
    for (i = 0; i < 4; i++)
        START(&tasks[i], worker, .seconds = i == 2 ? 0 : 1);
    CHECK_EQ(asyncio_all_tasks(&loop, NULL, 0), 4);
    CHECK_EQ(asyncio_all_tasks(&loop, listed, 4), 4);
    for (i = 0; i < 4; i++)
        CHECK(listed[i] == ASYNC_TASK(&tasks[i])); /* oldest first */
    step(2);
    listed[2] = NULL;
    CHECK_EQ(asyncio_all_tasks(&loop, listed, 2), 3); /* says how many there are, also if they do not fit */
    CHECK(listed[2] == NULL);
    CHECK_EQ(asyncio_all_tasks(&loop, listed, 4), 3);
    CHECK(listed[2] == ASYNC_TASK(&tasks[3]));
    step(2);
    CHECK_EQ(asyncio_all_tasks(&loop, listed, 4), 0);
    close_loop();
}

/* ---- The end of a loop ---- */

TEST(test_log_destroyed_pending_task)
{
    static struct says_where_task a;
    static struct worker_task unstarted;
    static struct waits_task_task waits;
    open_loop();
    START(&a, says_where, .awaits = 0);
    START(&waits, waits_task, .task = ASYNC_TASK(&a));
    step(1);
    START(&unstarted, worker, .value = 1);
    close_loop();
    CHECK_EQ(reports, 3);
    CHECK_STR(last_report.message, "Task was destroyed but it is pending!");
    CHECK(last_report.task == ASYNC_TASK(&unstarted));
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&a))); /* its FINALLY did not run */
    CHECK_LOG("started");
}
#endif

ASYNC(stops_at_two, int x;)
{
    ASYNC_BEGIN;
    while (self->x < 10) {
        ASYNC_AWAIT(asyncio_sleep(0.1));
        if (++self->x == 2)
            asyncio_loop_stop(&loop);
    }
    ASYNC_END;
}

TEST(test_stop_while_run_in_complete)
{
    static struct stops_at_two_task storage;
    asyncio_task *task = ASYNC_TASK(&storage);
    open_loop();
    START(&storage, stops_at_two, .x = 0);
    asyncio_future_hold(asyncio_task_future(task));
    asyncio_loop_stop(&loop);
    CHECK_EQ(asyncio_run_until_future(&loop, asyncio_task_future(task), NULL), ASYNCIO_ESTOPPED); /* before it ran */
    CHECK_EQ(storage.frame.x, 0);
    CHECK_EQ(asyncio_run_until_future(&loop, asyncio_task_future(task), NULL), ASYNCIO_ESTOPPED);
    CHECK(!asyncio_task_done(task));
    CHECK_EQ(storage.frame.x, 2);
    CHECK_EQ(asyncio_loop_time(&loop), 2 * ASYNCIO_SECONDS(0.1));
    CHECK(asyncio_task_cancel(task, NULL));
    CHECK_EQ(asyncio_run_until_future(&loop, asyncio_task_future(task), NULL), ASYNCIO_ECANCELLED);
    CHECK(asyncio_task_cancelled(task));
    asyncio_task_release(task);
    CHECK_EQ(reports, 0);
    close_loop();
}

/* ---- Errors that nobody read ---- */

TEST(test_tb_logger_of_a_task)
{
    static struct worker_task storage;
    asyncio_task *task = ASYNC_TASK(&storage), *into;
    asyncio_task_options options = {NULL, NULL, 0, NULL};
    open_loop();
    START(&storage, worker, .raise = E1); /* nobody can read it: reported as soon as it is there */
    step(2);
    CHECK_EQ(reports, 1);
    CHECK_STR(last_report.message, "Task exception was never retrieved");
    CHECK(last_report.task == task);
    CHECK(last_report.future == NULL);
    CHECK_EQ(last_report.err, E1);
    options.into = &into; /* somebody can: reported when that one gives it up */
    (void)asyncio_loop_create_task(&loop, ASYNC_AT(&storage, worker, .raise = E2), &options);
    step(2);
    CHECK_EQ(reports, 1);
    asyncio_task_release(into);
    CHECK_EQ(reports, 2);
    CHECK_EQ(last_report.err, E2);
    (void)asyncio_loop_create_task(&loop, ASYNC_AT(&storage, worker, .raise = E2), &options);
    step(2);
    CHECK(!asyncio_task_cancel(into, NULL)); /* test_tb_logger_not_called_after_cancel */
    asyncio_task_release(into);
    (void)asyncio_loop_create_task(&loop, ASYNC_AT(&storage, worker, .raise = E2), &options);
    step(2);
    CHECK_EQ(asyncio_task_exception(into), E2);
    asyncio_task_release(into);
    (void)asyncio_loop_create_task(&loop, ASYNC_AT(&storage, worker, .seconds = 5), &options);
    step(1);
    CHECK(asyncio_task_cancel(into, NULL));
    step(1);
    asyncio_task_release(into); /* cancelled is no error */
    CHECK_EQ(reports, 2);
    asyncio_task_release(NULL);
    CHECK(asyncio_task_hold(NULL) == NULL);
    close_loop();
}

/* ---- Lifetime on the heap ---- */

#ifdef ASYNC_NEW
ASYNC(spawner, long count;)
{
    ASYNC_BEGIN;
    for (; self->count > 0; self->count--) {
        (void)asyncio_create_task(ASYNC_NEW(worker, .seconds = self->count % 2 ? -1 : 0));
        ASYNC_AWAIT(asyncio_sleep(0));
    }
    ASYNC_END;
}

TEST(test_fire_and_forget_does_not_grow)
{
    long before = blocks;
    peak = blocks;
    CHECK_EQ(RUN_CORO(NULL, spawner, .count = 100000), 0);
    CHECK_EQ(blocks, before);
    CHECK(peak - before < 20); /* whatever the loop has of its own, and two tasks */
}

ASYNC(keeps, asyncio_task *task; asyncio_task *held; int got; int err;)
{
    ASYNC_BEGIN;
    (void)asyncio_create_task(ASYNC_NEW(worker, .value = 5), .into = &self->task);
    CHECK(self->task != NULL);
    ASYNC_AWAIT(asyncio_sleep(10)); /* long done, and the pointer is good */
    CHECK(asyncio_task_done(self->task));
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, 5);
    self->held = asyncio_task_hold(self->task);
    asyncio_task_release(self->task);
    CHECK(asyncio_task_done(self->held));
    asyncio_task_release(self->held);

    (void)asyncio_create_task(ASYNC_NEW(worker, .seconds = 1, .raise = E1), .into = &self->task);
    asyncio_task_release(self->task); /* given up before its end: fire and forget */
    ASYNC_AWAIT(asyncio_sleep(2));
    CHECK_EQ(reports, 1);
    CHECK_EQ(last_report.err, E1);

    (void)asyncio_create_task(ASYNC_NEW(worker, .seconds = 1, .value = 6), .into = &self->task);
    asyncio_task_release(self->task);
    ASYNC_AWAIT_INTO(self->got, self->task); /* it is not done, so it is there; awaiting sees it through */
    CHECK_EQ(self->got, 6);
    ASYNC_END;
}

TEST(test_into_hold_and_release)
{
    long before = blocks;
    CHECK_EQ(RUN_CORO(NULL, keeps), 0);
    CHECK_EQ(blocks, before);
}

#if ASYNCIO_ALL_TASKS /* else a loop that closes knows of none */
ASYNC(forgets_to_release, asyncio_task *task; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        (void)asyncio_create_task(ASYNC_NEW(worker, .raise = self->i == 1 ? E1 : 0), .into = &self->task);
        ASYNC_AWAIT(asyncio_sleep(1));
    }
    (void)asyncio_create_task(ASYNC_NEW(worker, .seconds = 100), .into = &self->task);
    CHECK_EQ(reports, 0);
    ASYNC_END;
}

TEST(test_a_forgotten_release_ends_with_the_loop)
{
    long before = blocks;
    CHECK_EQ(RUN_CORO(NULL, forgets_to_release), 0);
    CHECK_EQ(blocks, before);
    CHECK_EQ(reports, 2); /* one error that nobody read, one task that was not done */
}

#endif

static asyncio_task *kept;
static void keeps_it(asyncio_future *future, void *arg)
{
    (void)arg;
    kept = asyncio_task_hold((asyncio_task *)(void *)future);
}
ASYNC(holds_in_a_callback, asyncio_task *task; int release; int got;)
{
    ASYNC_BEGIN;
    (void)asyncio_create_task(ASYNC_NEW(worker, .value = 4), .into = &self->task);
    (void)asyncio_task_add_done_callback(self->task, NULL, keeps_it, NULL);
    asyncio_task_release(self->task);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_AWAIT_INTO(self->got, kept);
    CHECK_EQ(self->got, 4);
    if (self->release)
        asyncio_task_release(kept);
    ASYNC_END;
}

/* A callback's argument is good until it returns; held there, it stays, and even then not longer than the loop. */
TEST(test_hold_in_a_done_callback)
{
    long before = blocks;
    int release;
    for (release = 1; release >= 1 - ASYNCIO_ALL_TASKS; release--) {
        CHECK_EQ(RUN_CORO(NULL, holds_in_a_callback, .release = release), 0);
        CHECK_EQ(blocks, before);
    }
}

#if ASYNCIO_ALL_TASKS
ASYNC(nests_heap, int depth;)
{
    ASYNC_BEGIN;
    if (self->depth > 0)
        ASYNC_AWAIT(ASYNC_NEW(nests_heap, .depth = self->depth - 1));
    ASYNC_AWAIT(asyncio_sleep(10));
    ASYNC_END;
}

/* However tasks hang together when a loop closes: all is freed. */
TEST(test_close_frees_everything)
{
    long before = blocks;
    asyncio_task *task, *child;
    asyncio_task_options options = {NULL, NULL, 0, NULL};
    asyncio_future *future;
    open_loop();
    options.into = &child;
    (void)asyncio_loop_create_task(&loop, ASYNC_NEW(worker, .seconds = 10), &options);
    (void)asyncio_task_add_done_callback(child, NULL, keeps_it, NULL);
    (void)asyncio_loop_create_task(&loop, ASYNC_NEW(waits_task, .task = child), &no_options);
    options.into = &task;
    (void)asyncio_loop_create_task(&loop, ASYNC_NEW(nests_heap, .depth = 10), &options);
    asyncio_task_release(task);
    future = asyncio_future_new(&loop);
    (void)asyncio_loop_create_task(&loop, ASYNC_NEW(waits_future, .future = future), &no_options);
    step(1);
    asyncio_future_release(future);
    (void)asyncio_loop_create_task(&loop, ASYNC_NEW(worker, .seconds = 10), &no_options);
    close_loop();
    CHECK_EQ(blocks, before);
    CHECK_EQ(reports, 5);
}
#endif

ASYNC(cancelled_unstarted, asyncio_task *task;)
{
    ASYNC_BEGIN;
    (void)asyncio_create_task(ASYNC_NEW(says_where, .awaits = 0), .into = &self->task);
    asyncio_task_cancel(self->task, NULL);
    asyncio_task_release(self->task);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}

TEST(test_cancelled_before_its_first_step_it_is_freed)
{
    long before = blocks;
    CHECK_EQ(RUN_CORO(NULL, cancelled_unstarted), 0);
    CHECK_EQ(blocks, before);
    CHECK_LOG("");
}

TEST(test_create_task_error_closes_coro)
{
    long before = blocks;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    close_loop();
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(worker, .value = 1), &no_options), ASYNCIO_ECLOSED);
    CHECK_EQ(blocks, before);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(worker, .value = 1), NULL), ASYNCIO_ECLOSED);
    CHECK_EQ(blocks, before);
}
#endif

ASYNC(reuses_storage, struct worker_task child; int i; int got; int sum;)
{
    ASYNC_BEGIN;
    for (self->i = 1; self->i <= 100; self->i++) {
        asyncio_create_task(ASYNC_AT(&self->child, worker, .value = self->i, .seconds = self->i % 3));
        ASYNC_AWAIT_INTO(self->got, ASYNC_TASK(&self->child));
        self->sum += self->got;
    }
    ASYNC_RETURN(self->sum);
    ASYNC_END;
}

TEST(test_storage_is_used_again)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, reuses_storage), 0);
    CHECK_EQ(value, 5050);
}

/* ---- Factories, a Task type and a loop type of one's own ---- */

/* A loop type: the library's is its first member. */
struct counting_loop {
    asyncio_loop loop;
    int created, finished;
};
static struct counting_loop counting;

/* A Task type: its frame has what it adds, and awaits the coroutine that create_task was given. */
ASYNC(counting_task, asyncio_root *inner; asyncio_root *taken; asyncio_handle over; const char *label; int steps;
      asyncio_value got;)
{
    ASYNC_BEGIN;
    log_add(self->label);
    self->steps++;
    self->taken = self->inner;
    self->inner = NULL;
    ASYNC_AWAIT_INTO(self->got, self->taken);
    ASYNC_RETURN(self->got);
    ASYNC_FINALLY;
    counting.finished++;
    ASYNC_END;
}

#ifdef ASYNC_NEW
static void counting_over(asyncio_future *future, void *arg)
{
    struct counting_task *frame = (struct counting_task *)arg;
    (void)future;
    asyncio_coro_close(frame->inner); /* cancelled before its first step */
}

static int counting_factory(asyncio_loop *where, asyncio_root *root, const asyncio_task_options *options)
{
    struct counting_loop *mine = (struct counting_loop *)(void *)where;
    asyncio_task_options with_pointer = *options;
    asyncio_task *task;
    int err;
    with_pointer.into = &task;
    err = asyncio_task_new(where, ASYNC_NEW(counting_task, .inner = root, .label = "mine"), &with_pointer);
    if (err != 0) {
        asyncio_coro_close(root);
    } else {
        struct counting_task *frame = (struct counting_task *)(void *)asyncio_task_get_coro(task);
        (void)asyncio_task_add_done_callback(task, &frame->over, counting_over, frame);
        mine->created++;
    }
    if (options->into != NULL)
        *options->into = err == 0 ? task : NULL;
    else if (err == 0)
        asyncio_task_release(task);
    return err;
}

ASYNC(uses_factory, asyncio_task *task; int got; int err;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_create_task(ASYNC_NEW(worker, .value = 5), .into = &self->task, .name = "n"), 0);
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, 5);
    CHECK_EQ(((struct counting_task *)(void *)asyncio_task_get_coro(self->task))->steps, 1); /* what is its own */
#if ASYNCIO_NAMES
    {
        char buffer[ASYNCIO_NAME_SIZE];
        CHECK_STR(asyncio_task_get_name(self->task, buffer), "n");
    }
#endif
    asyncio_task_release(self->task);
    CHECK_EQ(asyncio_create_task(ASYNC_NEW(worker, .raise = E1), .into = &self->task), 0);
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, E1);
    asyncio_task_release(self->task);
    CHECK_EQ(asyncio_create_task(ASYNC_NEW(worker, .seconds = 100), .into = &self->task), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    asyncio_task_cancel(self->task, NULL);
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    asyncio_task_release(self->task);
    CHECK_EQ(asyncio_create_task(ASYNC_NEW(worker, .seconds = 100), .into = &self->task), 0);
    asyncio_task_cancel(self->task, NULL); /* before its first step: neither body runs, both frames are freed */
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    asyncio_task_release(self->task);
    CHECK_EQ(asyncio_create_task(ASYNC_NEW(worker, .value = 5)), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}

TEST(test_set_task_factory)
{
    long before = blocks;
    CHECK_EQ(asyncio_loop_init(&counting.loop, &asyncio_virtual_port), 0);
    CHECK(asyncio_get_task_factory(&counting.loop) == NULL);
    asyncio_set_task_factory(&counting.loop, counting_factory);
    CHECK(asyncio_get_task_factory(&counting.loop) == counting_factory);
    CHECK_EQ(asyncio_run_until_complete(&counting.loop, ASYNC_NEW(uses_factory), NULL), 0);
    CHECK_EQ(counting.created, 6);
    CHECK_EQ(counting.finished, 5);
    CHECK_LOG("mine mine mine mine mine");
    asyncio_set_task_factory(&counting.loop, NULL); /* None restores the default */
    CHECK_EQ(asyncio_run_until_complete(&counting.loop, ASYNC_NEW(worker, .value = 1), NULL), 0);
    CHECK_EQ(counting.created, 6);
    CHECK_EQ(asyncio_loop_close(&counting.loop), 0);
    CHECK_EQ(blocks, before);
}

static int refusing_factory(asyncio_loop *where, asyncio_root *root, const asyncio_task_options *options)
{
    (void)where;
    asyncio_coro_close(root);
    if (options->into != NULL)
        *options->into = NULL;
    return E2;
}

TEST(test_factory_that_refuses)
{
    long before = blocks;
    asyncio_task *task = NULL;
    asyncio_task_options options = {NULL, NULL, 0, NULL};
    options.into = &task;
    open_loop();
    asyncio_set_task_factory(&loop, refusing_factory);
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(worker, .value = 1), &options), E2);
    CHECK(task == NULL);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(worker, .value = 1), NULL), E2);
    CHECK_EQ(asyncio_loop_create_task(&loop, NULL, &options), ASYNCIO_ENOMEM); /* a factory is not bothered with NULL */
    close_loop();
    CHECK_EQ(blocks, before);
}
#endif

#ifdef ASYNC_NEW
TEST(test_create_task_without_a_loop_frees_the_coroutine)
{
    asyncio_task *task;
    int before = blocks;
    CHECK_EQ(asyncio_create_task(ASYNC_NEW(worker), .into = &task), ASYNCIO_ENOLOOP);
    CHECK(task == NULL);
    CHECK_EQ(blocks, before);
}
#endif

int main(void)
{
#ifdef ASYNC_NEW
    RUN(test_create_task_without_a_loop_frees_the_coroutine);
#endif
    RUN(test_task_basics);
    RUN(test_step_result_future);
    RUN(test_sleep);
    RUN(test_sleep_zero);
    RUN(test_task_awaits_a_task);
    RUN(test_other_loop_future);
    RUN(test_task_awaits_on_itself);
#if ASYNCIO_GENERIC
    RUN(test_ensure_future_coroutine_future_and_task);
#ifdef ASYNC_NEW
    RUN(test_ensure_future_holds);
#endif
#endif
    RUN(test_cancel);
    RUN(test_sleep_cancel);
    RUN(test_task_cancel_sleeping_task);
    RUN(test_cancel_with_message_then_future_result);
    RUN(test_cancel_with_message_before_starting_task);
    RUN(test_cancel_before_starting_twice);
    RUN(test_cancel_when_ready);
    RUN(test_cancel_when_ready_with_an_error);
    RUN(test_cancel_twice);
    RUN(test_cancellation_exception_context);
    RUN(test_cancel_yield);
    RUN(test_cancel_inner_future);
    RUN(test_cancel_both_task_and_inner_future);
    RUN(test_task_cancel_waiter_future);
    RUN(test_cancel_task_catching);
    RUN(test_cancel_task_ignoring);
    RUN(test_cancel_current_task);
    RUN(test_cancel_at_end);
    RUN(test_cancel_awaited_task);
    RUN(test_cancel_goes_to_the_bottom);
    RUN(test_awaited_task_cancelled_by_somebody_else);
    RUN(test_cancel_and_cleanup_that_waits);
    RUN(test_yield_future_passes_cancel);
    RUN(test_cancel_from_a_done_callback);
    RUN(test_cancel_of_a_circle);
    RUN(test_cancel_through_a_long_chain_of_tasks);
    RUN(test_cancelling);
    RUN(test_uncancel_basic);
    RUN(test_uncancel_resets_must_cancel);
    RUN(test_uncancel_structured_blocks);
    RUN(test_current_task_with_interleaving_tasks);
#if ASYNCIO_NAMES
    RUN(test_bare_create_named_task);
#endif
#if ASYNCIO_CONTEXTS && defined(ASYNC_NEW)
    RUN(test_context);
#endif
    RUN(test_create_task_errors);
#if ASYNCIO_ALL_TASKS
    RUN(test_storage_of_a_running_task_in_debug_mode);
    RUN(test_all_tasks);
    RUN(test_log_destroyed_pending_task);
#endif
    RUN(test_stop_while_run_in_complete);
    RUN(test_tb_logger_of_a_task);
#ifdef ASYNC_NEW
    RUN(test_fire_and_forget_does_not_grow);
    RUN(test_into_hold_and_release);
    RUN(test_hold_in_a_done_callback);
#if ASYNCIO_ALL_TASKS
    RUN(test_a_forgotten_release_ends_with_the_loop);
    RUN(test_close_frees_everything);
#endif
    RUN(test_cancelled_before_its_first_step_it_is_freed);
    RUN(test_create_task_error_closes_coro);
    RUN(test_set_task_factory);
    RUN(test_factory_that_refuses);
#endif
    RUN(test_storage_is_used_again);
    return tap_end();
}
