/* SPDX-License-Identifier: MIT
 *
 * asyncio_wait_for, around each kind of thing that can be awaited. Named after CPython's test_waitfor.py; the ticks are
 * those that CPython 3.14 traces.
 */
#include "sweep.h"
#include <math.h>

static int running; /* -1: never, 1: it runs, 0: it ended */

/* Ends with its number, or as it is told to when it is cancelled. */
enum { LETS_GO, RETURNS, RAISES, TAKES_TIME, STUBBORN };
ASYNC(inner, double seconds; int on_cancel; asyncio_value value; asyncio_future *started; int err; asyncio_time until;
      asyncio_value detail;)
{
    ASYNC_BEGIN;
    running = 1;
    if (self->started != NULL)
        asyncio_future_set_result(self->started, 0);
    if (self->seconds < 0)
        ASYNC_RETURN(self->value);
    self->until = asyncio_loop_time(&loop) + ASYNCIO_SECONDS(self->seconds);
    do
        ASYNC_CATCH_ALL_INTO(self->err, self->detail,
                             asyncio_sleep(asyncio_to_seconds(self->until - asyncio_loop_time(&loop))));
    while (self->on_cancel == STUBBORN && asyncio_loop_time(&loop) < self->until);
    if (self->err == ASYNCIO_ECANCELLED) {
        log_tick("cancelled");
        if (self->on_cancel == RETURNS)
            ASYNC_RETURN(42);
        if (self->on_cancel == RAISES)
            ASYNC_RAISE(E1, 7);
        if (self->on_cancel == TAKES_TIME) {
            ASYNC_AWAIT(asyncio_sleep(0.5));
            log_tick("cleaned");
        }
        if (self->on_cancel != STUBBORN)
            ASYNC_RAISE(self->err, self->detail);
    }
    ASYNC_RETURN(self->value);
    ASYNC_FINALLY;
    running = 0;
    ASYNC_END;
}

/* ---- As in CPython ---- */

ASYNC(waits_for_inner, struct inner sub; double limit; double seconds; int on_cancel; asyncio_waiting_for call; int err;
      asyncio_value value;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_INTO(self->err, self->value,
                     asyncio_wait_for(&self->call,
                                      ASYNC_IN(&self->sub, inner, .seconds = self->seconds,
                                               .on_cancel = self->on_cancel, .value = 5),
                                      self->limit));
    log_tick(asyncio_errname(self->err));
    log_number((long long)self->value);
    CHECK_EQ(loop.timers.count, 0);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RETURN(self->err);
    ASYNC_END;
}

ASYNC(cancels, struct waits_for_inner_task child; double limit; int on_cancel; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->child, waits_for_inner, .seconds = 0.2, .on_cancel = self->on_cancel,
                                 .limit = self->limit));
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_cancel(ASYNC_TASK(&self->child), "why");
    ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&self->child));
    log_add(asyncio_errname(self->err));
    if (self->err != 0)
        CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&self->child)), "why");
    ASYNC_END;
}
TEST(test_asyncio_wait_for_cancelled) /* waits for the clean-up */
{
    CHECK_EQ(RUN_CORO(NULL, cancels, .limit = 2, .on_cancel = TAKES_TIME), 0);
    CHECK_LOG("3 cancelled 5 cleaned CancelledError");
    CHECK_EQ(running, 0);
}
TEST(test_asyncio_wait_for_timeout)
{
    asyncio_value err = -1;
    CHECK_EQ(RUN_CORO(&err, waits_for_inner, .limit = 0.1, .seconds = 0.2, .on_cancel = STUBBORN), 0);
    CHECK_EQ(err, 0); /* it goes on, and returns its value */
    CHECK_EQ(running, 0);
    CHECK_LOG("5 no error 5");
}

ASYNC(done_future, asyncio_future future; double limit; asyncio_waiting_for call; int err; asyncio_value value;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_future_set_result(&self->future, 11);
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, &self->future, self->limit));
    CHECK_EQ(self->value, 11);
    asyncio_future_init(&self->future, NULL);
    asyncio_future_set_exception(&self->future, E1);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, &self->future, self->limit));
    CHECK_EQ(self->err, E1);
    asyncio_future_init(&self->future, NULL);
    asyncio_future_cancel(&self->future, "gone");
    ASYNC_CATCH_ALL_INTO(self->err, self->value, asyncio_wait_for(&self->call, &self->future, self->limit));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_STR((const char *)self->value, "gone");
    log_number(loop.ticks); /* it never suspended */
    ASYNC_AWAIT(asyncio_sleep(3));
    log_number(loop.ticks); /* nor left an iteration behind */
    ASYNC_END;
}
TEST(test_wait_for_timeout_less_then_0_or_0_future_done)
{
    CHECK_EQ(RUN_CORO(NULL, done_future, .limit = 0), 0);
    CHECK_LOG("1 3");
    CHECK_EQ(RUN_CORO(NULL, done_future, .limit = -1), 0);
    CHECK_LOG("1 3");
    CHECK_EQ(RUN_CORO(NULL, done_future, .limit = 1), 0);
    CHECK_LOG("1 3");
}

/* Of each kind of coroutine, and a primitive. A third iteration after, as if there had been a Task for it. */
ASYNC(not_started, int kind; double limit; struct inner sub; struct inner_task task; asyncio_waiting_for call; int err;
      asyncio_root *root;)
{
    ASYNC_BEGIN;
    running = -1;
    self->root = NULL;
    if (self->kind == 0)
        ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, ASYNC_IN(&self->sub, inner), self->limit));
    else if (self->kind == 1)
        ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, ASYNC_AT(&self->task, inner), self->limit));
    else if (self->kind == 2)
        ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_sleep(5), self->limit));
#ifdef ASYNC_NEW
    else if (self->kind == 3)
        ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, ASYNC_NEW(inner), self->limit));
    else if (self->kind == 4)
        ASYNC_CATCH(self->err, asyncio_wait_for_coro(&self->call, (asyncio_coro *)(void *)ASYNC_NEW(inner),
                                                     ASYNCIO_SECONDS(self->limit)));
#endif
    else
        ASYNC_CATCH(self->err, asyncio_wait_for_coro(&self->call, ASYNC_IN(&self->sub, inner),
                                                     ASYNCIO_SECONDS(self->limit)));
    log_tick(asyncio_errname(self->err));
    CHECK_EQ(running, -1);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    CHECK_EQ(loop.timers.count, 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    log_number(loop.ticks);
    ASYNC_END;
}
TEST(test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started)
{
    volatile double zero = 0;
    int kind;
    for (kind = 0; kind < 6; kind++) {
        CHECK_EQ(RUN_CORO(NULL, not_started, .kind = kind, .limit = 0), 0);
        CHECK_LOG("4 TimeoutError 6");
        CHECK_EQ(RUN_CORO(NULL, not_started, .kind = kind, .limit = -1), 0);
        CHECK_LOG("4 TimeoutError 6");
        CHECK_EQ(RUN_CORO(NULL, not_started, .kind = kind, .limit = zero / zero), 0);
        CHECK_LOG("4 TimeoutError 6");
    }
#ifdef ASYNC_NEW
    CHECK_EQ(blocks, 0);
#endif
}

ASYNC(running_task, double limit; int on_cancel; bool as_future; struct inner_task task; asyncio_future started;
      asyncio_waiting_for call; int err; asyncio_value value;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->started, NULL);
    asyncio_create_task(ASYNC_AT(&self->task, inner, .seconds = 10, .started = &self->started,
                                 .on_cancel = self->on_cancel));
    ASYNC_AWAIT(&self->started);
    log_tick("started");
    if (self->as_future)
        ASYNC_CATCH_INTO(self->err, self->value,
                         asyncio_wait_for(&self->call, asyncio_task_future(ASYNC_TASK(&self->task)), self->limit));
    else
        ASYNC_CATCH_INTO(self->err, self->value,
                         asyncio_wait_for(&self->call, ASYNC_TASK(&self->task), self->limit));
    log_tick(asyncio_errname(self->err));
    CHECK(asyncio_task_done(ASYNC_TASK(&self->task)));
    CHECK_EQ(asyncio_task_cancelled(ASYNC_TASK(&self->task)),
             self->on_cancel == LETS_GO || self->on_cancel == TAKES_TIME);
    CHECK_EQ(running, 0);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_RETURN(self->err == 0 ? self->value : self->err);
    ASYNC_END;
}
TEST(test_wait_for_timeout_less_then_0_or_0)
{
    int as_future;
    for (as_future = 0; as_future < 2; as_future++) {
        CHECK_EQ(RUN_CORO(NULL, running_task, .limit = 0, .as_future = as_future != 0), 0);
        CHECK_LOG("3 started 4 cancelled 6 TimeoutError");
        CHECK_EQ(RUN_CORO(NULL, running_task, .limit = -1, .as_future = as_future != 0), 0);
        CHECK_LOG("3 started 4 cancelled 6 TimeoutError");
    }
}
TEST(test_wait_for)
{
    CHECK_EQ(RUN_CORO(NULL, running_task, .limit = 0.1), 0);
    CHECK_LOG("3 started 5 cancelled 6 TimeoutError");
    CHECK_EQ(RUN_CORO(NULL, running_task, .limit = 0.1, .as_future = true), 0);
    CHECK_LOG("3 started 5 cancelled 6 TimeoutError");
}
TEST(test_wait_for_waits_for_task_cancellation)
{
    CHECK_EQ(RUN_CORO(NULL, running_task, .limit = 0.1, .on_cancel = TAKES_TIME), 0);
    CHECK_LOG("3 started 5 cancelled 7 cleaned 8 TimeoutError");
}
TEST(test_wait_for_waits_for_task_cancellation_w_timeout_0)
{
    CHECK_EQ(RUN_CORO(NULL, running_task, .limit = 0, .on_cancel = TAKES_TIME), 0);
    CHECK_LOG("3 started 4 cancelled 6 cleaned 8 TimeoutError");
}
TEST(test_wait_for_reraises_exception_during_cancellation)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, running_task, .limit = 0.1, .on_cancel = RAISES), 0);
    CHECK_EQ(value, E1);
    CHECK_EQ(RUN_CORO(&value, running_task, .limit = 0, .on_cancel = RAISES), 0);
    CHECK_EQ(value, E1);
    log_clear();
}
TEST(test_wait_for_cancel_suppressed)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, running_task, .limit = 0.1, .on_cancel = RETURNS), 0);
    CHECK_EQ(value, 42);
    CHECK_EQ(RUN_CORO(&value, running_task, .limit = 0, .on_cancel = RETURNS), 0);
    CHECK_EQ(value, 42);
    log_clear();
    CHECK_EQ(RUN_CORO(&value, waits_for_inner, .limit = 0.1, .seconds = 10, .on_cancel = RETURNS), 0);
    CHECK_LOG("3 cancelled 3 no error 42");
}

TEST(test_wait_for_blocking) /* without a limit */
{
    CHECK_EQ(RUN_CORO(NULL, waits_for_inner, .limit = HUGE_VAL, .seconds = -1), 0);
    CHECK_LOG("1 no error 5");
    CHECK_EQ(RUN_CORO(NULL, waits_for_inner, .limit = HUGE_VAL, .seconds = 1e6), 0);
    CHECK_LOG("3 no error 5");
}

static void settle(void *future)
{
    log_tick("settled");
    if (!asyncio_future_done((asyncio_future *)future))
        CHECK_EQ(asyncio_future_set_result((asyncio_future *)future, 3), 0);
}
ASYNC(race, int when; asyncio_future future; asyncio_handle handle; asyncio_waiting_for call; int err;
      asyncio_value value;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    if (self->when == 0)
        CHECK_EQ(asyncio_call_soon(&loop, &self->handle, settle, &self->future), 0);
    else if (self->when == 1) /* due with the timeout, but armed before */
        CHECK_EQ(asyncio_call_later(&loop, &self->handle, 1, settle, &self->future), 0);
    ASYNC_CATCH_INTO(self->err, self->value, asyncio_wait_for(&self->call, &self->future, 1));
    log_tick(asyncio_errname(self->err));
    log_number((long long)self->value);
    ASYNC_END;
}
TEST(test_wait_for_race_condition)
{
    CHECK_EQ(RUN_CORO(NULL, race, .when = 0), 0);
    CHECK_LOG("2 settled 3 no error 3");
    CHECK_EQ(RUN_CORO(NULL, race, .when = 1), 0); /* the timeout comes before the task's turn: it wins */
    CHECK_LOG("2 settled 3 TimeoutError 0");
}
TEST(test_wait_for_cancellation_race_condition)
{
    CHECK_EQ(RUN_CORO(NULL, waits_for_inner, .limit = 0.01, .seconds = 1, .on_cancel = RETURNS), 0);
    CHECK_LOG("3 cancelled 3 no error 42");
}

static struct waits_for_task_task *cancelled_one;
ASYNC(waits_for_task, asyncio_task *task; double limit; asyncio_waiting_for call; int err;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_wait_for(&self->call, self->task, self->limit));
    ASYNC_AWAIT(asyncio_sleep(1));
    log_add("NOT REACHED");
    ASYNC_END;
}
static void cancel_it(void *arg)
{
    (void)arg;
    CHECK(asyncio_task_cancel(ASYNC_TASK(cancelled_one), "it"));
}
ASYNC(cancel_outer, double limit; double seconds; struct inner_task task; struct waits_for_task_task waiter;
      asyncio_handle handle; int err;)
{
    ASYNC_BEGIN;
    cancelled_one = &self->waiter;
    asyncio_create_task(ASYNC_AT(&self->task, inner, .seconds = self->seconds, .value = 8));
    asyncio_create_task(ASYNC_AT(&self->waiter, waits_for_task, .task = ASYNC_TASK(&self->task), .limit = self->limit));
    if (self->seconds < 0) {
        ASYNC_AWAIT(asyncio_sleep(0));
        cancel_it(NULL);
    } else {
        CHECK_EQ(asyncio_call_soon(&loop, &self->handle, cancel_it, NULL), 0);
    }
    ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&self->waiter));
    log_tick(asyncio_errname(self->err));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&self->waiter)), "it");
    CHECK(asyncio_task_done(ASYNC_TASK(&self->task)));
    log_add(asyncio_task_cancelled(ASYNC_TASK(&self->task)) ? "inner cancelled" : "inner done");
    CHECK_EQ(loop.timers.count, 0);
    ASYNC_END;
}
TEST(test_cancel_wait_for)
{
    CHECK_EQ(RUN_CORO(NULL, cancel_outer, .limit = 60, .seconds = 100), 0);
    CHECK_LOG("3 cancelled 5 CancelledError inner cancelled");
}
TEST(test_cancel_blocking_wait_for)
{
    CHECK_EQ(RUN_CORO(NULL, cancel_outer, .limit = HUGE_VAL, .seconds = 100), 0);
    CHECK_LOG("3 cancelled 5 CancelledError inner cancelled");
}
TEST(test_wait_for_issue86296) /* a cancel in the tick in which the inner task ends is not lost */
{
    CHECK_EQ(RUN_CORO(NULL, cancel_outer, .limit = 100, .seconds = -1), 0);
    CHECK_LOG("4 CancelledError inner done");
}

ASYNC(shielded, double limit; struct inner_task task; asyncio_shield shield; asyncio_waiting_for call; int err;
      int value;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->task, inner, .seconds = 0.5, .value = 9));
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_shield(&self->shield, ASYNC_TASK(&self->task)),
                                            self->limit));
    log_add(asyncio_errname(self->err));
    CHECK_EQ(asyncio_task_done(ASYNC_TASK(&self->task)), self->err == 0);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_AWAIT_INTO(self->value, ASYNC_TASK(&self->task));
    log_number(self->value);
    ASYNC_END;
}
TEST(test_zero_timeout)
{
    CHECK_EQ(RUN_CORO(NULL, shielded, .limit = 0), 0);
    CHECK_LOG("TimeoutError 9");
    CHECK_EQ(RUN_CORO(NULL, shielded, .limit = -2), 0);
    CHECK_LOG("TimeoutError 9");
}
TEST(test_none_timeout)
{
    CHECK_EQ(RUN_CORO(NULL, shielded, .limit = HUGE_VAL), 0);
    CHECK_LOG("no error 9");
}
TEST(test_shielded_timeout)
{
    CHECK_EQ(RUN_CORO(NULL, shielded, .limit = 0.1), 0);
    CHECK_LOG("TimeoutError 9");
}

/* ---- What CPython 3.14 traces ---- */

ASYNC(t17_first)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(10));
    ASYNC_FINALLY;
    log_tick("inner cancelled");
    ASYNC_AWAIT(asyncio_sleep(0));
    log_tick("cleanup done");
    ASYNC_END;
}
ASYNC(t17, struct t17_first sub; struct inner other; struct inner_task task; asyncio_future future;
      asyncio_waiting_for call; int err; asyncio_value value;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, ASYNC_IN(&self->sub, t17_first), 1));
    log_tick(asyncio_errname(self->err));
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, ASYNC_IN(&self->other, inner, .seconds = 10,
                                                                         .on_cancel = RETURNS), 1));
    log_tick("swallow");
    ASYNC_CATCH_INTO(self->err, self->value, asyncio_wait_for(&self->call, ASYNC_IN(&self->other, inner, .seconds = 10,
                                                                       .on_cancel = RAISES), 1));
    log_tick("err");
    CHECK_EQ(self->err, E1);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, ASYNC_AT(&self->task, inner), 0));
    log_tick(asyncio_errname(self->err));
    asyncio_future_init(&self->future, NULL);
    asyncio_future_set_result(&self->future, 3);
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, &self->future, 0));
    log_tick("done");
    ASYNC_END;
}
TEST(test_ticks_of_wait_for)
{
    CHECK_EQ(RUN_CORO(NULL, t17), 0);
    CHECK_LOG("3 inner cancelled 4 cleanup done 4 TimeoutError 6 cancelled 6 swallow 8 cancelled 8 err 11 TimeoutError "
              "11 done");
}

ASYNC(t18_waiter, asyncio_future *future; double limit; asyncio_waiting_for call; int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, asyncio_wait_for(&self->call, self->future, self->limit));
    log_tick(asyncio_errname(self->err));
    ASYNC_RAISE(self->err);
    ASYNC_END;
}
ASYNC(t18, asyncio_future future; struct t18_waiter_task child; asyncio_handle handle; int err;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_create_task(ASYNC_AT(&self->child, t18_waiter, .future = &self->future, .limit = 10));
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_future_set_result(&self->future, 1);
    asyncio_task_cancel(ASYNC_TASK(&self->child), NULL);
    ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&self->child));
    log_tick(asyncio_errname(self->err));
    asyncio_future_init(&self->future, NULL);
    asyncio_create_task(ASYNC_AT(&self->child, t18_waiter, .future = &self->future, .limit = 1));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_EQ(asyncio_call_later(&loop, &self->handle, 1, settle, &self->future), 0);
    ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&self->child));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
    ASYNC_END;
}
TEST(test_cancel_and_result_in_one_tick)
{
    CHECK_EQ(RUN_CORO(NULL, t18), 0);
    CHECK_LOG("3 CancelledError 4 CancelledError 6 settled 7 TimeoutError");
}

/* ---- Each kind of x ---- */

ASYNC(kinds, struct inner sub; struct inner_task task; asyncio_future future; asyncio_handle handle;
      asyncio_waiting_for call; asyncio_waiting_for other; int value; int err;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, ASYNC_IN(&self->sub, inner, .seconds = 0.1,
                     .value = 1), 1));
    log_number(self->value);
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, ASYNC_AT(&self->task, inner, .seconds = 0.1,
                     .value = 2), 1));
    log_number(self->value);
    asyncio_create_task(ASYNC_AT(&self->task, inner, .seconds = 0.1, .value = 3));
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, ASYNC_TASK(&self->task), 1));
    log_number(self->value);
    asyncio_future_init(&self->future, NULL);
    CHECK_EQ(asyncio_call_later(&loop, &self->handle, 0.1, settle, &self->future), 0);
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, &self->future, 1));
    log_number(self->value + 1);
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, asyncio_sleep(0.1, 5), 1));
    log_number(self->value);
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, asyncio_wait_for(&self->other, asyncio_sleep(0.1, 6),
                     1), 2));
    log_number(self->value);
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for_ticks(&self->call, asyncio_sleep(0.1, 7), ASYNCIO_SECONDS(1)));
    log_number(self->value);
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for_coro(&self->call, ASYNC_IN(&self->sub, inner, .seconds = -1,
                     .value = 8), 1));
    log_number(self->value);
    asyncio_create_task(ASYNC_AT(&self->task, inner, .seconds = 0.1, .value = 9));
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for_task(&self->call, ASYNC_TASK(&self->task), ASYNCIO_SECONDS(1)));
    log_number(self->value);
    asyncio_future_init(&self->future, NULL);
    asyncio_future_set_result(&self->future, 10);
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for_future(&self->call, &self->future, 1));
    log_number(self->value);
#ifdef ASYNC_NEW
    ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->call, ASYNC_NEW(inner, .seconds = 0.1, .value = 11), 1));
    log_number(self->value);
#endif
    CHECK_EQ(loop.timers.count, 0);
    ASYNC_END;
}
TEST(test_wait_for_each_kind)
{
    CHECK_EQ(RUN_CORO(NULL, kinds), 0);
    CHECK_LOG("1 2 3 10 settled 4 5 6 7 8 9 10 11");
#ifdef ASYNC_NEW
    CHECK_EQ(blocks, 0);
#endif
}

static asyncio_coro *no_coro;
static asyncio_root *no_root;
static asyncio_task *no_task;
static asyncio_future *no_future;
ASYNC(nothing, double limit; asyncio_waiting_for call; int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, no_coro, self->limit));
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, no_root, self->limit));
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, no_task, self->limit));
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, no_future, self->limit));
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    CHECK_EQ(loop.timers.count, 0);
    log_number(loop.ticks);
    ASYNC_END;
}
TEST(test_wait_for_null)
{
    CHECK_EQ(RUN_CORO(NULL, nothing, .limit = 1), 0);
    CHECK_LOG("1");
    CHECK_EQ(RUN_CORO(NULL, nothing, .limit = 0), 0);
    CHECK_LOG("1");
}

ASYNC(wrong, struct inner sub; asyncio_waiting_for call; int err; double limit;)
{
    volatile double zero = 0;
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_sleep(zero / zero), 1));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    CHECK_EQ(loop.timers.count, 0);
    ASYNC_AWAIT(ASYNC_IN(&self->sub, inner, .seconds = -1));
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, &self->sub.coro, 1));
    CHECK_EQ(self->err, ASYNCIO_EREUSED);
    CHECK_EQ(loop.timers.count, 0);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_current_task(), 1));
    CHECK_EQ(self->err, ASYNCIO_ESELFAWAIT);
    CHECK_EQ(loop.timers.count, 0);
    ASYNC_AWAIT(asyncio_wait_for(&self->call, asyncio_sleep(0.1), 1));
    ASYNC_CATCH(self->err, &self->call.coro); /* a wait_for that is over */
    CHECK_EQ(self->err, ASYNCIO_EREUSED);
    log_add("end");
    ASYNC_END;
}
TEST(test_wait_for_what_cannot_be_awaited)
{
    CHECK_EQ(RUN_CORO(NULL, wrong), 0);
    CHECK_LOG("end");
}

/* wait_for on a Lock and a Queue: a timeout leaves no waiter, and loses nothing. */
ASYNC(with_lock, asyncio_lock lock; asyncio_queue queue; int items[1]; int item; asyncio_waiting_for call; int err;)
{
    ASYNC_BEGIN;
    asyncio_lock_init(&self->lock);
    ASYNC_AWAIT(asyncio_wait_for(&self->call, asyncio_lock_acquire(&self->lock), 1));
    CHECK(asyncio_lock_locked(&self->lock));
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_lock_acquire(&self->lock), 1));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
    CHECK(now() == 1);
    CHECK_EQ(asyncio_lock_release(&self->lock), 0);
    CHECK(!asyncio_lock_locked(&self->lock));
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_lock_acquire(&self->lock), 0));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT); /* not even tried */
    CHECK(!asyncio_lock_locked(&self->lock));
    asyncio_queue_init(&self->queue, self->items, sizeof self->items[0], 1);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_queue_get(&self->queue, &self->item), 1));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
    self->item = 5;
    ASYNC_AWAIT(asyncio_wait_for(&self->call, asyncio_queue_put(&self->queue, &self->item), 1));
    self->item = 6;
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_queue_put(&self->queue, &self->item), 1));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
    ASYNC_AWAIT(asyncio_wait_for(&self->call, asyncio_queue_get(&self->queue, &self->item), 1));
    CHECK_EQ(self->item, 5);
    CHECK_EQ(asyncio_queue_qsize(&self->queue), 0);
    CHECK_EQ(loop.timers.count, 0);
    log_add("end");
    ASYNC_END;
}
TEST(test_wait_for_lock_and_queue)
{
    CHECK_EQ(RUN_CORO(NULL, with_lock), 0);
    CHECK_LOG("end");
}

/* ---- Library coroutines that begin where they are written, too late ---- */

ASYNC(late_wait_for, double outer; struct inner_task task; asyncio_waiting_for a; asyncio_waiting_for b; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->task, inner, .seconds = 60));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->a, asyncio_wait_for(&self->b, asyncio_sleep(9), 1), self->outer));
    log_add(asyncio_errname(self->err));
    CHECK_EQ(loop.timers.count, 1); /* the task's; the inner limit has gone */
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->a, asyncio_wait_for(&self->b, ASYNC_TASK(&self->task), 5),
                                            self->outer));
    log_add(asyncio_errname(self->err));
    CHECK_EQ(loop.timers.count, 0);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&self->task)));
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->a, asyncio_wait_for(&self->b, asyncio_sleep(9), 0), self->outer));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
    ASYNC_AWAIT(asyncio_sleep(20));
    log_add("end");
    ASYNC_END;
}
TEST(test_wait_for_in_wait_for_too_late)
{
    CHECK_EQ(RUN_CORO(NULL, late_wait_for, .outer = 0), 0);
    CHECK_LOG("TimeoutError 6 cancelled TimeoutError end");
    CHECK_EQ(RUN_CORO(NULL, late_wait_for, .outer = -1), 0);
    log_clear();
}

ASYNC(late_gather, double limit; struct inner_task tasks[2]; asyncio_gather all; asyncio_child children[2];
      asyncio_waiting_for call; int err;)
{
    ASYNC_BEGIN;
    running = -1;
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call,
                                            asyncio_gather(&self->all, self->children,
                                                           ASYNC_AT(&self->tasks[0], inner, .seconds = 5),
                                                           ASYNC_AT(&self->tasks[1], inner, .seconds = 5)),
                                            self->limit));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
    CHECK_EQ(running, -1);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&self->tasks[0])));
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&self->tasks[1])));
    asyncio_create_task(ASYNC_AT(&self->tasks[0], inner, .seconds = 5));
    asyncio_create_task(ASYNC_AT(&self->tasks[1], inner, .seconds = -1, .value = 3));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call,
                                            asyncio_gather(&self->all, self->children, ASYNC_TASK(&self->tasks[0]),
                                                           ASYNC_TASK(&self->tasks[1])),
                                            self->limit));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&self->tasks[0])));
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, /* done: its result */
                                            asyncio_gather(&self->all, self->children, ASYNC_TASK(&self->tasks[1])),
                                            self->limit));
    CHECK_EQ(self->err, 0);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    log_add("end");
    ASYNC_END;
}
TEST(test_wait_for_gather_too_late)
{
    CHECK_EQ(RUN_CORO(NULL, late_gather, .limit = 0), 0);
    log_clear();
}

/* ---- Cancelled while it waits for what it cancelled; at every iteration ---- */

ASYNC(late_cancelled, int kind; asyncio_future future; asyncio_waiting_for call; struct inner_task task;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    if (self->kind == 0) {
        ASYNC_AWAIT(asyncio_wait_for(&self->call, asyncio_sleep(5), 0));
    } else if (self->kind == 1) {
        ASYNC_AWAIT(asyncio_wait_for(&self->call, &self->future, 0));
    } else if (self->kind == 2) {
        asyncio_create_task(ASYNC_AT(&self->task, inner, .seconds = 5, .on_cancel = STUBBORN));
        ASYNC_AWAIT(asyncio_sleep(0));
        ASYNC_AWAIT(asyncio_wait_for(&self->call, ASYNC_TASK(&self->task), 0));
    } else {
        ASYNC_AWAIT(asyncio_wait_for(&self->call, ASYNC_AT(&self->task, inner, .seconds = 5), 0));
    }
    ASYNC_END;
}
static struct late_cancelled_task late_storage;
TEST(test_cancelled_while_it_is_late)
{
    int kind;
    unsigned at;
    for (kind = 0; kind < 4; kind++) {
        for (at = 1; at < 5; at++) {
            unsigned i;
            open_loop();
            CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&late_storage, late_cancelled, .kind = kind),
                                              &no_options), 0);
            step((int)at);
            (void)asyncio_task_cancel(ASYNC_TASK(&late_storage), "outside");
            for (i = 0; i < 20; i++)
                step(1);
            CHECK(asyncio_task_done(ASYNC_TASK(&late_storage)));
            if (!asyncio_task_cancelled(ASYNC_TASK(&late_storage)))

                CHECK(asyncio_task_exception(ASYNC_TASK(&late_storage)) == ASYNCIO_ETIMEOUT &&
                      at >= (kind == 1 ? 3 : 4));
            else
                CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&late_storage)), "outside");
            CHECK(loop.core.head == NULL);
            CHECK_EQ(loop.timers.count, 0);
            close_loop();
        }
    }
    log_clear();
}

#ifdef ASYNC_NEW
ASYNC(everything, asyncio_waiting_for call; asyncio_waiting_for other; asyncio_task *task; asyncio_shield shield;
      int i, err;)
{
    ASYNC_BEGIN;
    entered++;
    for (self->i = 0; self->i < 2; self->i++) {
        ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, ASYNC_NEW(sub, .seconds = 3), self->i));
        CHECK(self->err == ASYNCIO_ETIMEOUT || self->err == ASYNCIO_ENOMEM);
        ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_wait_for(&self->other, ASYNC_NEW(sub,
                         .seconds = 3), 1),
                                                self->i));
        ASYNC_CATCH(self->err, asyncio_wait_for(&self->call,
                                                asyncio_shield(&self->shield, ASYNC_NEW(sub, .seconds = 2)), self->i));
        asyncio_create_task(ASYNC_NEW(sub, .seconds = 3), .into = &self->task);
        ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, self->task, self->i));
        asyncio_task_release(self->task);
        self->task = NULL;
    }
    ASYNC_FINALLY;
    left++;
    asyncio_task_release(self->task);
    ASYNC_END;
}

TEST(test_cancelled_and_closed_at_every_iteration)
{
    unsigned at, who, hits[3] = {0, 0, 0};
    for (at = 0; at < 60; at++)
        for (who = 0; who < 3; who++)
            hits[who] += interrupted(ASYNC_NEW(everything), at, who, false) != 0;
    CHECK(hits[0] > 20 && hits[1] > 5);
    for (at = 0; at < 60; at++)
        hits[2] += interrupted(ASYNC_NEW(everything), at, 0, true) != 0;
    CHECK(hits[2] > 20);
}
#endif

int main(void)
{
    RUN(test_asyncio_wait_for_cancelled);
    RUN(test_asyncio_wait_for_timeout);
    RUN(test_wait_for_timeout_less_then_0_or_0_future_done);
    RUN(test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started);
    RUN(test_wait_for_timeout_less_then_0_or_0);
    RUN(test_wait_for);
    RUN(test_wait_for_blocking);
    RUN(test_wait_for_race_condition);
    RUN(test_wait_for_cancellation_race_condition);
    RUN(test_wait_for_waits_for_task_cancellation);
    RUN(test_wait_for_waits_for_task_cancellation_w_timeout_0);
    RUN(test_wait_for_reraises_exception_during_cancellation);
    RUN(test_cancel_wait_for);
    RUN(test_cancel_blocking_wait_for);
    RUN(test_wait_for_cancel_suppressed);
    RUN(test_wait_for_issue86296);
    RUN(test_zero_timeout);
    RUN(test_none_timeout);
    RUN(test_shielded_timeout);
    RUN(test_ticks_of_wait_for);
    RUN(test_cancel_and_result_in_one_tick);
    RUN(test_wait_for_each_kind);
    RUN(test_wait_for_null);
    RUN(test_wait_for_what_cannot_be_awaited);
    RUN(test_wait_for_lock_and_queue);
    RUN(test_wait_for_in_wait_for_too_late);
    RUN(test_wait_for_gather_too_late);
    RUN(test_cancelled_while_it_is_late);
#ifdef ASYNC_NEW
    RUN(test_cancelled_and_closed_at_every_iteration);
#endif
    return tap_end();
}
