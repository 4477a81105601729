/* SPDX-License-Identifier: MIT
 *
 * asyncio/timeouts.h: timeout and move_on_after as blocks. Named after CPython's test_timeouts.py; the ticks are those
 * that CPython 3.14 traces. wait_for is in tests/test_wait_for.c.
 */
#include "sweep.h"
#include <math.h>

#define SECONDS(s) ASYNCIO_SECONDS(s)

static void log_state(const asyncio_timeout *timeout)
{
    log_add(asyncio_timeout_expired(timeout) ? "expired" : "live");
}

/* ---- As in CPython ---- */

ASYNC(basic, int form; asyncio_timeout limit; asyncio_try attempt; asyncio_time when;)
{
    asyncio_time seen = -1;
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    self->when = asyncio_loop_time(&loop) + SECONDS(0.01);
    ASYNC_TRY(&self->attempt)
    {
        if (self->form == 0) {
            ASYNC_WITH(&self->limit, asyncio_timeout(0.01))
            {
                ASYNC_AWAIT(asyncio_sleep(10));
                log_add("NOT REACHED");
            }
        } else if (self->form == 1) {
            ASYNC_WITH(&self->limit, asyncio_timeout_at(self->when)) { ASYNC_AWAIT(asyncio_sleep(10)); }
        } else if (self->form == 2) {
            asyncio_timeout_init(&self->limit, 0.01);
            ASYNC_WITH(&self->limit) { ASYNC_AWAIT(asyncio_sleep(10)); }
        } else {
            asyncio_timeout_init_at(&self->limit, self->when);
            ASYNC_WITH(&self->limit) { ASYNC_AWAIT(asyncio_sleep(10)); }
        }
        log_add("NOT REACHED");
    }
    CHECK_EQ(self->attempt.block.err, ASYNCIO_ETIMEOUT);
    CHECK(asyncio_timeout_expired(&self->limit));
    CHECK(asyncio_timeout_when(&self->limit, &seen));
    CHECK_EQ(seen, self->when);
    CHECK_EQ(asyncio_loop_time(&loop), self->when);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_AWAIT(asyncio_sleep(0)); /* nothing is left of the cancellation */
    log_add("end");
    ASYNC_END;
}
TEST(test_timeout_basic)
{
    CHECK_EQ(RUN_CORO(NULL, basic, .form = 0), 0);
    CHECK_LOG("end");
    CHECK_EQ(RUN_CORO(NULL, basic, .form = 2), 0);
    CHECK_LOG("end");
}
TEST(test_timeout_at_basic)
{
    CHECK_EQ(RUN_CORO(NULL, basic, .form = 1), 0);
    CHECK_LOG("end");
    CHECK_EQ(RUN_CORO(NULL, basic, .form = 3), 0);
    CHECK_LOG("end");
}

/* Only the outer one of two with the same deadline raises. */
ASYNC(nested, asyncio_timeout outer; asyncio_timeout inner; asyncio_try attempt; asyncio_try middle;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->outer, asyncio_timeout(1))
        {
            ASYNC_TRY_ALL(&self->middle)
            {
                ASYNC_WITH(&self->inner, asyncio_timeout(1)) { ASYNC_AWAIT(asyncio_sleep(5)); }
            }
            log_tick(asyncio_errname(self->middle.block.err));
            log_state(&self->inner);
            log_state(&self->outer);
            CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 1);
            ASYNC_RAISE(self->middle.block.err);
        }
    }
    log_tick(asyncio_errname(self->attempt.block.err));
    log_state(&self->inner);
    log_state(&self->outer);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_END;
}
TEST(test_nested_timeouts)
{
    CHECK_EQ(RUN_CORO(NULL, nested), 0);
    CHECK_LOG("3 CancelledError expired expired 3 TimeoutError expired expired");
}

ASYNC(waiter_cancelled, asyncio_timeout limit; asyncio_try attempt; int err; asyncio_value detail;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(0.01))
        {
            ASYNC_CATCH_ALL_INTO(self->err, self->detail, asyncio_sleep(10));
            CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
            CHECK_EQ(self->detail, 0); /* cancel() without a message */
            CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 1);
            ASYNC_RAISE(self->err);
        }
    }
    CHECK_EQ(self->attempt.block.err, ASYNCIO_ETIMEOUT);
    log_add("end");
    ASYNC_END;
}
TEST(test_waiter_cancelled)
{
    CHECK_EQ(RUN_CORO(NULL, waiter_cancelled), 0);
    CHECK_LOG("end");
}

ASYNC(in_time, asyncio_timeout limit;)
{
    asyncio_time when = 0;
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout(10)) { ASYNC_AWAIT(asyncio_sleep(0.01)); }
    CHECK(!asyncio_timeout_expired(&self->limit));
    CHECK(asyncio_timeout_when(&self->limit, &when));
    CHECK_EQ(when, SECONDS(10));
    CHECK_EQ(loop.timers.count, 0); /* taken back */
    ASYNC_AWAIT(asyncio_sleep(20));
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    log_add("end");
    ASYNC_END;
}
TEST(test_timeout_not_called)
{
    CHECK_EQ(RUN_CORO(NULL, in_time), 0);
    CHECK_LOG("end");
}

ASYNC(disabled, int form; asyncio_timeout limit;)
{
    asyncio_time when = 1;
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    if (self->form == 0)
        asyncio_timeout_init_none(&self->limit);
    else
        asyncio_timeout_init(&self->limit, HUGE_VAL);
    CHECK(!asyncio_timeout_when(&self->limit, &when));
    ASYNC_WITH(&self->limit)
    {
        CHECK_EQ(loop.timers.count, 0);
        ASYNC_AWAIT(asyncio_sleep(1e6));
        CHECK(!asyncio_timeout_when(&self->limit, &when));
    }
    CHECK(!asyncio_timeout_expired(&self->limit));
    if (self->form == 0) {
        ASYNC_WITH(&self->limit, asyncio_timeout_none()) { ASYNC_AWAIT(asyncio_sleep(1)); }
    } else {
        ASYNC_WITH(&self->limit, asyncio_timeout(HUGE_VAL)) { ASYNC_AWAIT(asyncio_sleep(1)); }
    }
    log_add("end");
    ASYNC_END;
}
TEST(test_timeout_disabled)
{
    CHECK_EQ(RUN_CORO(NULL, disabled, .form = 1), 0);
    CHECK_LOG("end");
}
TEST(test_timeout_at_disabled)
{
    CHECK_EQ(RUN_CORO(NULL, disabled, .form = 0), 0);
    CHECK_LOG("end");
}

/* At once: by the first real suspension, even that of sleep(0); the deadline is where it was set. */
ASYNC(at_once, double delay; double sleep; asyncio_time want; asyncio_timeout limit; asyncio_try attempt;)
{
    asyncio_time when = 1;
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(100));
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(self->delay))
        {
            ASYNC_AWAIT(asyncio_sleep(self->sleep));
            log_add("NOT REACHED");
        }
    }
    CHECK_EQ(self->attempt.block.err, ASYNCIO_ETIMEOUT);
    CHECK(asyncio_timeout_expired(&self->limit));
    CHECK(asyncio_timeout_when(&self->limit, &when));
    CHECK_EQ(when, self->want);
    CHECK(now() == 100);
    log_number(loop.ticks);
    ASYNC_END;
}
TEST(test_timeout_zero)
{
    CHECK_EQ(RUN_CORO(NULL, at_once, .delay = 0, .sleep = 10, .want = SECONDS(100)), 0);
    CHECK_LOG("5");
}
TEST(test_timeout_zero_sleep_zero)
{
    CHECK_EQ(RUN_CORO(NULL, at_once, .delay = 0, .sleep = 0, .want = SECONDS(100)), 0);
    CHECK_LOG("4");
}
TEST(test_timeout_in_the_past_sleep_zero)
{
    CHECK_EQ(RUN_CORO(NULL, at_once, .delay = -11, .sleep = 0, .want = SECONDS(89)), 0);
    CHECK_LOG("4");
    CHECK_EQ(RUN_CORO(NULL, at_once, .delay = -HUGE_VAL, .sleep = 0, .want = INT64_MIN + SECONDS(100)), 0);
    CHECK_LOG("4");
}
TEST(test_timeout_nan_is_zero)
{
    volatile double zero = 0;
    CHECK_EQ(RUN_CORO(NULL, at_once, .delay = zero / zero, .sleep = 10, .want = SECONDS(100)), 0);
    CHECK_LOG("5");
}

ASYNC(no_suspension, asyncio_future done; asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->done, NULL);
    asyncio_future_set_result(&self->done, 1);
    ASYNC_WITH(&self->limit, asyncio_timeout(0)) { log_tick("body"); }
    log_state(&self->limit);
    ASYNC_WITH(&self->limit, asyncio_timeout(-1))
    {
        ASYNC_AWAIT(&self->done);
        log_tick("awaited");
    }
    log_state(&self->limit);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    log_tick("end");
    ASYNC_END;
}
TEST(test_timeout_without_a_suspension)
{
    CHECK_EQ(RUN_CORO(NULL, no_suspension), 0);
    CHECK_LOG("1 body live 1 awaited live 2 end");
}

ASYNC(foreign, asyncio_timeout limit; asyncio_try attempt; asyncio_try inner; int when;)
{
    ASYNC_BEGIN;
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(self->when == 2 ? 10 : 0.01))
        {
            if (self->when == 0)
                ASYNC_RAISE(E1, 77);
            if (self->when == 2)
                asyncio_task_cancel(asyncio_current_task(), "self");
            ASYNC_TRY_ALL(&self->inner) { ASYNC_AWAIT(asyncio_sleep(10)); }
            CHECK_EQ(self->inner.block.err, ASYNCIO_ECANCELLED);
            if (self->when == 1)
                ASYNC_RAISE(E2);
            ASYNC_RAISE(ASYNCIO_ECANCELLED, self->inner.block.detail);
        }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    log_state(&self->limit);
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    if (self->when == 2)
        CHECK_STR((const char *)self->attempt.block.detail, "self");
    ASYNC_RAISE(self->attempt.block.err, self->attempt.block.detail);
    ASYNC_END;
}
TEST(test_foreign_exception_passed)
{
    CHECK_EQ(RUN_CORO(NULL, foreign, .when = 0), E1);
    CHECK_LOG("UserError live 0");
}
TEST(test_foreign_exception_on_timeout)
{
    CHECK_EQ(RUN_CORO(NULL, foreign, .when = 1), E2);
    CHECK_LOG("UserError expired 0");
}
TEST(test_foreign_cancel_doesnt_timeout_if_not_expired)
{
    CHECK_EQ(RUN_CORO(NULL, foreign, .when = 2), ASYNCIO_ECANCELLED);
    CHECK_LOG("CancelledError live 1");
}

ASYNC(times_out, double seconds; asyncio_timeout limit; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(self->seconds)) { ASYNC_AWAIT(asyncio_sleep(10)); }
    }
    log_tick(asyncio_errname(self->attempt.block.err));
    ASYNC_END;
}
ASYNC(outer_task, struct times_out_task child;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->child, times_out, .seconds = 0.001));
    ASYNC_AWAIT(ASYNC_TASK(&self->child));
    CHECK(!asyncio_task_cancelled(ASYNC_TASK(&self->child)));
    CHECK(asyncio_task_done(ASYNC_TASK(&self->child)));
    log_tick("end");
    ASYNC_END;
}
TEST(test_outer_task_is_not_cancelled)
{
    CHECK_EQ(RUN_CORO(NULL, outer_task), 0);
    CHECK_LOG("4 TimeoutError 5 end");
}

/* The loop is busy: while both expire, only the outer one, or both and something is left to do. */
enum { BOTH_EXPIRE, OUTER_EXPIRES, INNER_FIRST };
ASYNC(busy, int how; asyncio_timeout outer; asyncio_timeout inner; asyncio_try attempt; asyncio_try middle;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->outer, asyncio_timeout(0.1))
        {
            ASYNC_TRY(&self->middle)
            {
                ASYNC_WITH(&self->inner, asyncio_timeout(self->how == INNER_FIRST ? 0.01 : 0.2))
                {
                    /* work that blocks */
                    loop.virtual_now += self->how == BOTH_EXPIRE   ? SECONDS(1)
                                        : self->how == INNER_FIRST ? SECONDS(0.09)
                                                                   : SECONDS(0.15);
                    ASYNC_AWAIT(asyncio_sleep(1));
                    log_add("NOT REACHED");
                }
            }
            log_add(asyncio_errname(self->middle.block.err));
            CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
            ASYNC_AWAIT(asyncio_sleep(10));
            log_add("NOT REACHED");
        }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    log_state(&self->inner);
    log_state(&self->outer);
    ASYNC_END;
}
TEST(test_nested_timeouts_loop_busy)
{
    CHECK_EQ(RUN_CORO(NULL, busy, .how = INNER_FIRST), 0);
    CHECK_LOG("TimeoutError TimeoutError expired expired");
}
TEST(test_nested_timeouts_concurrent)
{
    CHECK_EQ(RUN_CORO(NULL, busy, .how = BOTH_EXPIRE), 0);
    CHECK_LOG("TimeoutError expired expired"); /* both requests are open when the inner one ends: the outer raises */
    CHECK_EQ(RUN_CORO(NULL, busy, .how = OUTER_EXPIRES), 0);
    CHECK_LOG("TimeoutError live expired");
}

ASYNC(rescheduled, asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout_at(SECONDS(10))) { ASYNC_AWAIT(asyncio_sleep(50)); }
    log_add("NOT REACHED");
    ASYNC_END;
}
ASYNC(rescheduler, struct rescheduled_task child; int err;)
{
    asyncio_time when = 0;
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->child, rescheduled));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_timeout_when(&self->child.frame.limit, &when));
    CHECK_EQ(when, SECONDS(10));
    CHECK_EQ(asyncio_timeout_reschedule(&self->child.frame.limit, SECONDS(30)), 0);
    CHECK(asyncio_timeout_when(&self->child.frame.limit, &when));
    CHECK_EQ(when, SECONDS(30));
    CHECK_EQ(asyncio_timeout_reschedule_none(&self->child.frame.limit), 0);
    CHECK(!asyncio_timeout_when(&self->child.frame.limit, &when));
    ASYNC_AWAIT(asyncio_sleep(40));
    CHECK(!asyncio_task_done(ASYNC_TASK(&self->child)));
    asyncio_task_cancel(ASYNC_TASK(&self->child), NULL);
    ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&self->child));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK(!asyncio_timeout_expired(&self->child.frame.limit));
    log_add("end");
    ASYNC_END;
}
TEST(test_reschedule)
{
    CHECK_EQ(RUN_CORO(NULL, rescheduler), 0);
    CHECK_LOG("end");
}

ASYNC(in_finally, asyncio_timeout outer; asyncio_timeout inner; asyncio_try body; asyncio_try clean;
      asyncio_try all;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->all)
    {
        ASYNC_WITH(&self->outer, asyncio_timeout(0.01))
        {
            ASYNC_TRY_ALL(&self->body) { ASYNC_AWAIT(asyncio_sleep(1)); }
            ASYNC_TRY(&self->clean)
            {
                ASYNC_WITH(&self->inner, asyncio_timeout(0.01)) { ASYNC_AWAIT(asyncio_sleep(10)); }
            }
            log_add(asyncio_errname(self->clean.block.err));
            CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 1);
            ASYNC_RAISE(self->body.block.err);
        }
    }
    log_add(asyncio_errname(self->all.block.err));
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(0.02)); /* now() is a double: not the same on every machine */
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_END;
}
/* The same in ASYNC_FINALLY: the block in there has its own outcome, the coroutine keeps its own. */
ASYNC(real_finally, asyncio_timeout inner; asyncio_try clean;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_FINALLY;
    ASYNC_TRY(&self->clean)
    {
        ASYNC_WITH(&self->inner, asyncio_timeout(0.01)) { ASYNC_AWAIT(asyncio_sleep(10)); }
    }
    log_add(asyncio_errname(self->clean.block.err));
    ASYNC_END;
}
ASYNC(around_finally, asyncio_timeout outer; struct real_finally call;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->outer, asyncio_timeout(0.01)) { ASYNC_AWAIT(ASYNC_IN(&self->call, real_finally)); }
    ASYNC_END;
}
TEST(test_nested_timeout_in_finally)
{
    CHECK_EQ(RUN_CORO(NULL, in_finally), 0);
    CHECK_LOG("TimeoutError TimeoutError");
    CHECK_EQ(RUN_CORO(NULL, around_finally), ASYNCIO_ETIMEOUT);
    CHECK_LOG("TimeoutError");
}

ASYNC(after_cancellation, bool again; asyncio_timeout limit; asyncio_try attempt; int err;)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), NULL);
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1)); /* swallowed, and not uncancelled */
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(self->again ? 1 : 0))
        {
            if (self->again)
                asyncio_task_cancel(asyncio_current_task(), NULL);
            ASYNC_AWAIT(asyncio_sleep(2));
        }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    ASYNC_END;
}
TEST(test_timeout_after_cancellation)
{
    CHECK_EQ(RUN_CORO(NULL, after_cancellation, .again = false), 0);
    CHECK_LOG("TimeoutError 1");
}
TEST(test_cancel_in_timeout_after_cancellation)
{
    CHECK_EQ(RUN_CORO(NULL, after_cancellation, .again = true), 0);
    CHECK_LOG("CancelledError 2");
}

ASYNC(entered_twice, bool inside; asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    if (self->inside) {
        ASYNC_WITH(&self->limit, asyncio_timeout(0.01))
        {
            ASYNC_WITH(&self->limit) { log_add("NOT REACHED"); }
        }
    } else {
        ASYNC_WITH(&self->limit, asyncio_timeout(0.01)) { log_add("once"); }
        ASYNC_WITH(&self->limit) { log_add("NOT REACHED"); }
    }
    ASYNC_FINALLY;
    log_number((long long)loop.timers.count);
    ASYNC_END;
}
TEST(test_timeout_already_entered)
{
    CHECK_EQ(RUN_CORO(NULL, entered_twice, .inside = true), ASYNCIO_ERUNTIME);
    CHECK_LOG("0");
}
TEST(test_timeout_double_enter)
{
    CHECK_EQ(RUN_CORO(NULL, entered_twice, .inside = false), ASYNCIO_ERUNTIME);
    CHECK_LOG("once 0");
}

ASYNC(never_set_up, asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    CHECK(!asyncio_timeout_expired(&self->limit));
    CHECK_EQ(asyncio_timeout_reschedule(&self->limit, 1), ASYNCIO_ERUNTIME);
    ASYNC_WITH(&self->limit) { log_add("NOT REACHED"); }
    ASYNC_END;
}
TEST(test_timeout_never_set_up)
{
    CHECK_EQ(RUN_CORO(NULL, never_set_up), ASYNCIO_ENOINIT);
    CHECK_LOG("");
}

/* reschedule is allowed in one state only; what it was asked to do leaves no trace in the others. */
ASYNC(states, asyncio_timeout limit; asyncio_try attempt; int err;)
{
    asyncio_time when = 0;
    ASYNC_BEGIN;
    asyncio_timeout_init(&self->limit, 0.01);
    CHECK_EQ(asyncio_timeout_reschedule(&self->limit, SECONDS(5)), ASYNCIO_ERUNTIME); /* not entered */
    CHECK_EQ(asyncio_timeout_reschedule_none(&self->limit), ASYNCIO_ERUNTIME);
    CHECK_EQ(loop.timers.count, 0);
    ASYNC_WITH(&self->limit) { CHECK_EQ(loop.timers.count, 1); }
    CHECK_EQ(asyncio_timeout_reschedule(&self->limit, SECONDS(5)), ASYNCIO_ERUNTIME); /* finished */
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(0.01))
        {
            ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
            CHECK(asyncio_timeout_expired(&self->limit));
            CHECK_EQ(asyncio_timeout_reschedule(&self->limit, SECONDS(5)), ASYNCIO_ERUNTIME); /* expiring */
            ASYNC_RAISE(self->err);
        }
    }
    CHECK_EQ(self->attempt.block.err, ASYNCIO_ETIMEOUT);
    CHECK_EQ(asyncio_timeout_reschedule(&self->limit, SECONDS(5)), ASYNCIO_ERUNTIME); /* expired */
    CHECK(asyncio_timeout_expired(&self->limit));
    CHECK(asyncio_timeout_when(&self->limit, &when));
    CHECK_EQ(when, SECONDS(0.01));
    CHECK_EQ(loop.timers.count, 0);
    log_add("end");
    ASYNC_END;
}
TEST(test_timeout_finished_expired_expiring_not_entered)
{
    CHECK_EQ(RUN_CORO(NULL, states), 0);
    CHECK_LOG("end");
}

static asyncio_timeout outside;
TEST(test_timeout_without_task)
{
    asyncio_time when = 0;
    open_loop();
    asyncio_timeout_init(&outside, 0.01); /* no loop runs: counted from 0 */
    CHECK(asyncio_timeout_when(&outside, &when));
    CHECK_EQ(when, SECONDS(0.01));
    CHECK_EQ(asyncio_timeout_reschedule(&outside, 1), ASYNCIO_ERUNTIME);
    close_loop();
}

ASYNC(crashes)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(2));
    ASYNC_FINALLY;
    ASYNC_RAISE(E1);
    ASYNC_END;
}
ASYNC(around_group, struct crashes_task child; asyncio_taskgroup_child records[1]; asyncio_timeout limit;
      asyncio_taskgroup group; asyncio_try attempt; int err;)
{
    asyncio_taskgroup_error error;
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(0.01))
        {
            ASYNC_WITH(&self->group, asyncio_taskgroup_in(self->records, 1))
            {
                CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_AT(&self->child, crashes)), 0);
                ASYNC_AWAIT(asyncio_sleep(1));
            }
        }
    }
    CHECK_EQ(self->attempt.block.err, ASYNCIO_EGROUP);
    CHECK(asyncio_timeout_expired(&self->limit));
    CHECK_EQ(asyncio_taskgroup_error_count(&self->group), 1);
    CHECK(asyncio_taskgroup_get_error(&self->group, 0, &error));
    CHECK_EQ(error.err, E1);
    asyncio_taskgroup_release(&self->group);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(0));
    log_number(self->err);
    ASYNC_END;
}
TEST(test_timeout_taskgroup)
{
    CHECK_EQ(RUN_CORO(NULL, around_group), 0);
    CHECK_LOG("0");
}

/* tasks.py: what a timeout does by hand; here with the real one */
ASYNC(structured, double sleep; asyncio_timeout limit; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(0.1))
        {
            ASYNC_AWAIT(asyncio_sleep(self->sleep));
            log_add("finished");
        }
    }
    log_state(&self->limit);
    ASYNC_AWAIT(asyncio_sleep(0));
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    ASYNC_END;
}
TEST(test_uncancel_structured_blocks)
{
    CHECK_EQ(RUN_CORO(NULL, structured, .sleep = 10), 0);
    CHECK_LOG("expired 0");
    CHECK_EQ(RUN_CORO(NULL, structured, .sleep = 0), 0);
    CHECK_LOG("finished live 0");
}

/* ---- What CPython 3.14 traces ---- */

ASYNC(cancelled_too, asyncio_timeout limit; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(1)) { ASYNC_AWAIT(asyncio_sleep(5)); }
    }
    log_tick(asyncio_errname(self->attempt.block.err));
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    if (self->attempt.block.detail != 0)
        log_add((const char *)self->attempt.block.detail);
    ASYNC_RAISE(self->attempt.block.err);
    ASYNC_END;
}
static struct cancelled_too_task both_storage;
static void cancel_both(void *msg)
{
    log_tick("cancel");
    CHECK(asyncio_task_cancel(ASYNC_TASK(&both_storage), (const char *)msg));
}
static char external[] = "external";
ASYNC(both, int when; int err; asyncio_handle handle;)
{
    ASYNC_BEGIN;
    if (self->when == 1) /* armed before the timeout is: it comes first */
        CHECK_EQ(asyncio_call_at(&loop, &self->handle, SECONDS(1), cancel_both, external), 0);
    asyncio_create_task(ASYNC_AT(&both_storage, cancelled_too));
    ASYNC_AWAIT(asyncio_sleep(0));
    if (self->when == 0)
        CHECK_EQ(asyncio_call_at(&loop, &self->handle, SECONDS(1), cancel_both, external), 0);
    if (self->when == 2) { /* while its cancellation has not been delivered yet */
        ASYNC_AWAIT(asyncio_sleep(0));
        CHECK_EQ(asyncio_timeout_reschedule(&both_storage.frame.limit, 0), 0);
        ASYNC_AWAIT(asyncio_sleep(0));
        CHECK(asyncio_timeout_expired(&both_storage.frame.limit));
        cancel_both(external);
    }
    ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&both_storage));
    log_tick(asyncio_errname(self->err));
    ASYNC_END;
}
TEST(test_external_cancel_in_the_tick_of_the_timeout_wins)
{
    CHECK_EQ(RUN_CORO(NULL, both, .when = 0), 0);
    CHECK_LOG("3 cancel 4 CancelledError 1 5 CancelledError");
    CHECK_EQ(RUN_CORO(NULL, both, .when = 1), 0);
    CHECK_LOG("3 cancel 4 CancelledError 1 external 5 CancelledError");
    CHECK_EQ(RUN_CORO(NULL, both, .when = 2), 0);
    CHECK_LOG("4 cancel 5 CancelledError 1 6 CancelledError");
}

ASYNC(t19, asyncio_timeout limit; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(0)) { ASYNC_AWAIT(asyncio_sleep(0)); }
    }
    log_tick(asyncio_errname(self->attempt.block.err));
    ASYNC_WITH(&self->limit, asyncio_timeout(1))
    {
        CHECK_EQ(asyncio_timeout_reschedule(&self->limit, SECONDS(3)), 0);
        ASYNC_AWAIT(asyncio_sleep(2));
        log_tick("rescheduled");
        log_state(&self->limit);
    }
    log_state(&self->limit);
    ASYNC_END;
}
TEST(test_ticks_of_a_timeout)
{
    CHECK_EQ(RUN_CORO(NULL, t19), 0);
    CHECK_LOG("2 TimeoutError 4 rescheduled live live");
}

ASYNC(swallows, asyncio_timeout limit; int err;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout(1))
    {
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(10));
        log_tick("swallowed");
    }
    log_tick("no error");
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    log_state(&self->limit);
    ASYNC_END;
}
ASYNC(x07, struct swallows_task child;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->child, swallows));
    ASYNC_AWAIT(ASYNC_TASK(&self->child));
    ASYNC_END;
}
TEST(test_swallowed_timeout)
{
    CHECK_EQ(RUN_CORO(NULL, x07), 0);
    CHECK_LOG("4 swallowed 4 no error 0 expired");
}

static void say(void *word) { log_tick((const char *)word); }
static char before[] = "before", after[] = "after";
ASYNC(in_the_past, asyncio_timeout limit; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout_at(asyncio_loop_time(&loop) - SECONDS(1)))
        {
            ASYNC_AWAIT(asyncio_sleep(0));
        }
    }
    log_tick(asyncio_errname(self->attempt.block.err));
    ASYNC_END;
}
ASYNC(x16, struct in_the_past_task child; asyncio_handle handles[2];)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_call_soon(&loop, &self->handles[0], say, before), 0);
    asyncio_create_task(ASYNC_AT(&self->child, in_the_past));
    CHECK_EQ(asyncio_call_soon(&loop, &self->handles[1], say, after), 0);
    ASYNC_AWAIT(ASYNC_TASK(&self->child));
    ASYNC_END;
}
TEST(test_timeout_in_the_past_and_what_is_ready)
{
    CHECK_EQ(RUN_CORO(NULL, x16), 0);
    CHECK_LOG("2 before 2 after 3 TimeoutError");
}

/* Entered long after it was set up: its time runs from where it was made. */
ASYNC(late_entry, asyncio_timeout limit; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    asyncio_timeout_init(&self->limit, 1);
    ASYNC_AWAIT(asyncio_sleep(3));
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit) { ASYNC_AWAIT(asyncio_sleep(1)); }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    CHECK(now() == 3);
    ASYNC_END;
}
TEST(test_time_runs_from_where_it_was_set_up)
{
    CHECK_EQ(RUN_CORO(NULL, late_entry), 0);
    CHECK_LOG("TimeoutError");
}

/* ---- move_on ---- */

ASYNC(moves_on, int form; asyncio_timeout limit; int err;)
{
    ASYNC_BEGIN;
    if (self->form == 0) {
        ASYNC_WITH(&self->limit, asyncio_move_on_after(1))
        {
            ASYNC_AWAIT(asyncio_sleep(2));
            log_add("NOT REACHED");
        }
    } else if (self->form == 1) {
        ASYNC_WITH(&self->limit, asyncio_move_on_at(SECONDS(1))) { ASYNC_AWAIT(asyncio_sleep(2)); }
    } else if (self->form == 2) {
        ASYNC_WITH(&self->limit, asyncio_move_on_after(3)) { ASYNC_AWAIT(asyncio_sleep(2)); }
    } else if (self->form == 3) {
        ASYNC_WITH(&self->limit, asyncio_move_on_after(1))
        {
            ASYNC_CATCH_ALL(self->err, asyncio_sleep(2));
            ASYNC_RAISE(E1);
        }
    } else {
        ASYNC_WITH(&self->limit, asyncio_move_on_after(1))
        {
            asyncio_task_cancel(asyncio_current_task(), NULL);
            ASYNC_AWAIT(asyncio_sleep(2));
        }
    }
    log_state(&self->limit);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    log_number((long long)now());
    ASYNC_RETURN(5);
    ASYNC_END;
}
TEST(test_move_on_after)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, moves_on, .form = 0), 0);
    CHECK_EQ(value, 5);
    CHECK_LOG("expired 2");
    CHECK_EQ(RUN_CORO(NULL, moves_on, .form = 1), 0);
    CHECK_LOG("expired 2");
    CHECK_EQ(RUN_CORO(NULL, moves_on, .form = 2), 0);
    CHECK_LOG("live 3");
    CHECK_EQ(RUN_CORO(NULL, moves_on, .form = 3), E1);
    CHECK_LOG("");
    CHECK_EQ(RUN_CORO(NULL, moves_on, .form = 4), ASYNCIO_ECANCELLED);
    CHECK_LOG("");
}

ASYNC(nested_move_on, asyncio_timeout outer; asyncio_timeout inner;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->outer, asyncio_move_on_after(1))
    {
        ASYNC_WITH(&self->inner, asyncio_move_on_after(1)) { ASYNC_AWAIT(asyncio_sleep(2)); }
        log_add("NOT REACHED"); /* as with timeout: the outer one takes it */
    }
    log_state(&self->inner);
    log_state(&self->outer);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_END;
}
TEST(test_nested_move_on_after)
{
    CHECK_EQ(RUN_CORO(NULL, nested_move_on), 0);
    CHECK_LOG("expired expired");
}

/* ---- Ways out ---- */

ASYNC(leaves, int way; asyncio_timeout limit; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 2; self->i++) {
        ASYNC_WITH(&self->limit, asyncio_timeout(1))
        {
            ASYNC_AWAIT(asyncio_sleep(0.5));
            if (self->way == 0)
                break;
            if (self->way == 1)
                continue;
            if (self->way == 2)
                ASYNC_RETURN(9);
        }
        CHECK_EQ(loop.timers.count, 0);
    }
    ASYNC_AWAIT(asyncio_sleep(5));
    ASYNC_RETURN(3);
    ASYNC_FINALLY;
    CHECK_EQ(loop.timers.count, 0);
    CHECK(!asyncio_timeout_expired(&self->limit));
    ASYNC_END;
}
TEST(test_ways_out_of_a_timeout)
{
    asyncio_value value = 0;
    int way;
    for (way = 0; way < 4; way++) {
        CHECK_EQ(RUN_CORO(&value, leaves, .way = way), 0);
        CHECK_EQ(value, way == 2 ? 9 : 3);
    }
}

/* A return while it expires: the value stands, the request to cancel is taken back. */
ASYNC(returns_late, asyncio_timeout limit; int err;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout(1))
    {
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(5));
        ASYNC_RETURN(4);
    }
    ASYNC_FINALLY;
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
TEST(test_return_from_an_expired_timeout)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, returns_late), 0);
    CHECK_EQ(value, 4);
}

/* What is awaited is cancelled, be it somebody else's task. */
ASYNC(sleeps, double seconds;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(self->seconds));
    ASYNC_END;
}
ASYNC(awaits_task, struct sleeps_task child; asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->child, sleeps, .seconds = 9));
    ASYNC_WITH(&self->limit, asyncio_timeout(1)) { ASYNC_AWAIT(ASYNC_TASK(&self->child)); }
    ASYNC_FINALLY;
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&self->child)));
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&self->child)), 1);
    log_tick("end");
    ASYNC_END;
}
TEST(test_timeout_cancels_what_is_awaited)
{
    CHECK_EQ(RUN_CORO(NULL, awaits_task), ASYNCIO_ETIMEOUT);
    CHECK_LOG("5 end"); /* timer 3, child 4, parent 5 */
}

/* reschedule into the past acts at the next suspension; from a callback, and twice */
ASYNC(moved, asyncio_timeout limit; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->limit, asyncio_timeout(50))
        {
            ASYNC_AWAIT(asyncio_sleep(2));
            CHECK_EQ(asyncio_timeout_reschedule(&self->limit, SECONDS(1)), 0);
            CHECK_EQ(loop.timers.count, 0);
            CHECK_EQ(asyncio_timeout_reschedule(&self->limit, asyncio_loop_time(&loop)), 0);
            CHECK(!asyncio_timeout_expired(&self->limit));
            ASYNC_AWAIT(asyncio_sleep(0));
            log_add("NOT REACHED");
        }
    }
    log_tick(asyncio_errname(self->attempt.block.err));
    CHECK(now() == 2);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_END;
}
TEST(test_reschedule_into_the_past)
{
    CHECK_EQ(RUN_CORO(NULL, moved), 0);
    CHECK_LOG("4 TimeoutError");
}

ASYNC(set_later, asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout_none())
    {
        ASYNC_AWAIT(asyncio_sleep(5));
        CHECK_EQ(asyncio_timeout_reschedule(&self->limit, SECONDS(7)), 0);
        ASYNC_AWAIT(asyncio_sleep(5));
    }
    ASYNC_FINALLY;
    CHECK(now() == 7);
    ASYNC_END;
}
TEST(test_a_timeout_without_limit_gets_one)
{
    CHECK_EQ(RUN_CORO(NULL, set_later), ASYNCIO_ETIMEOUT);
}

/* ---- Cancelled and closed at every iteration ---- */

#ifdef ASYNC_NEW
ASYNC(limited, asyncio_timeout outer; asyncio_timeout inner; asyncio_try attempt; int i;)
{
    ASYNC_BEGIN;
    entered++;
    for (self->i = 0; self->i < 2; self->i++) {
        ASYNC_TRY(&self->attempt)
        {
            ASYNC_WITH(&self->outer, asyncio_timeout(2))
            {
                ASYNC_WITH(&self->inner, asyncio_move_on_after(self->i))
                {
                    ASYNC_AWAIT(ASYNC_NEW(sub, .seconds = 5));
                }
                ASYNC_AWAIT(ASYNC_NEW(sub, .seconds = 5));
            }
        }
        CHECK_EQ(self->attempt.block.err, ASYNCIO_ETIMEOUT);
    }
    ASYNC_FINALLY;
    left++;
    CHECK_EQ(loop.timers.count, 0);
    ASYNC_END;
}

TEST(test_cancelled_at_every_iteration)
{
    unsigned at = 0;
    int hit;
    while ((hit = interrupted(ASYNC_NEW(limited), at, 0, false)) != 0) {
        CHECK_EQ(hit, 2);
        at++;
    }
    CHECK(at > 8);
}
TEST(test_loop_closed_at_every_iteration)
{
    unsigned at = 0;
    while (interrupted(ASYNC_NEW(limited), at, 0, true) != 0)
        at++;
    CHECK(at > 8);
}
#endif

int main(void)
{
    RUN(test_timeout_basic);
    RUN(test_timeout_at_basic);
    RUN(test_nested_timeouts);
    RUN(test_waiter_cancelled);
    RUN(test_timeout_not_called);
    RUN(test_timeout_disabled);
    RUN(test_timeout_at_disabled);
    RUN(test_timeout_zero);
    RUN(test_timeout_zero_sleep_zero);
    RUN(test_timeout_in_the_past_sleep_zero);
    RUN(test_timeout_nan_is_zero);
    RUN(test_timeout_without_a_suspension);
    RUN(test_foreign_exception_passed);
    RUN(test_foreign_exception_on_timeout);
    RUN(test_foreign_cancel_doesnt_timeout_if_not_expired);
    RUN(test_outer_task_is_not_cancelled);
    RUN(test_nested_timeouts_concurrent);
    RUN(test_nested_timeouts_loop_busy);
    RUN(test_reschedule);
    RUN(test_nested_timeout_in_finally);
    RUN(test_timeout_after_cancellation);
    RUN(test_cancel_in_timeout_after_cancellation);
    RUN(test_timeout_already_entered);
    RUN(test_timeout_double_enter);
    RUN(test_timeout_never_set_up);
    RUN(test_timeout_finished_expired_expiring_not_entered);
    RUN(test_timeout_without_task);
    RUN(test_timeout_taskgroup);
    RUN(test_uncancel_structured_blocks);
    RUN(test_external_cancel_in_the_tick_of_the_timeout_wins);
    RUN(test_ticks_of_a_timeout);
    RUN(test_swallowed_timeout);
    RUN(test_timeout_in_the_past_and_what_is_ready);
    RUN(test_time_runs_from_where_it_was_set_up);
    RUN(test_move_on_after);
    RUN(test_nested_move_on_after);
    RUN(test_ways_out_of_a_timeout);
    RUN(test_return_from_an_expired_timeout);
    RUN(test_timeout_cancels_what_is_awaited);
    RUN(test_reschedule_into_the_past);
    RUN(test_a_timeout_without_limit_gets_one);
#ifdef ASYNC_NEW
    RUN(test_cancelled_at_every_iteration);
    RUN(test_loop_closed_at_every_iteration);
#endif
    return tap_end();
}
