/* SPDX-License-Identifier: MIT
 *
 * Cancel scopes: a cancellation that stays, shields against it, and both nested with each other and with plain cancel().
 */
#include "fixture.h"

ASYNC(swallows, int rounds, i, err, count;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < self->rounds; self->i++) {
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
        self->count += self->err == ASYNCIO_ECANCELLED;
    }
    ASYNC_RETURN(self->count);
    ASYNC_END;
}

ASYNC(stays, asyncio_cancel_scope scope; struct swallows sub; int count; uint32_t began; int cancelling;)
{
    ASYNC_BEGIN;
    self->began = loop.ticks;
    ASYNC_WITH(&self->scope, asyncio_cancel_scope())
    {
        CHECK(!asyncio_cancel_scope_cancelled(&self->scope));
        asyncio_cancel_scope_cancel(&self->scope);
        CHECK(asyncio_cancel_scope_cancelled(&self->scope));
        asyncio_cancel_scope_cancel(&self->scope);
        CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 1);
        ASYNC_AWAIT_INTO(self->count, ASYNC_IN(&self->sub, swallows, .rounds = 3));
        ASYNC_AWAIT(asyncio_sleep(1));
        CHECK_STR("reached", NULL);
    }
    CHECK_EQ(self->count, 3);
    CHECK_EQ(loop.ticks - self->began, 4); /* an iteration for each await */
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_AWAIT_INTO(self->count, ASYNC_IN(&self->sub, swallows, .rounds = 2));
    CHECK_EQ(self->count, 0); /* over */
    ASYNC_END;
}

TEST(a_cancelled_scope_cancels_every_await_until_it_is_left) { CHECK_EQ(RUN_CORO(NULL, stays), 0); }

ASYNC(yields, asyncio_cancel_scope scope; int i, err;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->scope, asyncio_cancel_scope())
    {
        asyncio_cancel_scope_cancel(&self->scope);
        for (self->i = 0; self->i < 3; self->i++) {
            ASYNC_CATCH_ALL(self->err, asyncio_sleep(0));
            CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
        }
        CHECK_EQ(self->i, 3);
    }
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}

TEST(a_body_that_ends_by_itself_leaves_nothing_behind) { CHECK_EQ(RUN_CORO(NULL, yields), 0); }

ASYNC(waits, asyncio_cancel_scope *scope; asyncio_future *future; bool cleaned;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(self->scope)
    {
        ASYNC_AWAIT(self->future);
        CHECK_STR("reached", NULL);
    }
    ASYNC_AWAIT(asyncio_sleep(0));
    log_tick("out");
    ASYNC_END;
}

ASYNC(cancels_another, asyncio_cancel_scope scope; asyncio_future future; struct waits_task other; uint32_t began;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_cancel_scope_init(&self->scope);
    asyncio_create_task(ASYNC_AT(&self->other, waits, .scope = &self->scope, .future = &self->future));
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_cancel_scope_cancel(&self->scope);
    ASYNC_AWAIT(ASYNC_TASK(&self->other));
    CHECK(asyncio_future_cancelled(&self->future));
    CHECK_EQ(asyncio_task_cancelling(ASYNC_TASK(&self->other)), 0);
    CHECK_EQ(asyncio_task_result(ASYNC_TASK(&self->other), NULL), 0);
    ASYNC_END;
}

TEST(a_waiting_task_is_woken_by_its_scope)
{
    log_clear();
    CHECK_EQ(RUN_CORO(NULL, cancels_another), 0);
    CHECK_LOG("4 out");
}

ASYNC(cancels_early, asyncio_cancel_scope scope; asyncio_future future; struct waits sub;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_cancel_scope_init(&self->scope);
    asyncio_cancel_scope_cancel(&self->scope);
    ASYNC_AWAIT(ASYNC_IN(&self->sub, waits, .scope = &self->scope, .future = &self->future));
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_END;
}

TEST(a_scope_cancelled_before_it_is_entered) { CHECK_EQ(RUN_CORO(NULL, cancels_early), 0); }

ASYNC(shielded, asyncio_cancel_scope scope, shield; int err; asyncio_time began;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->scope, asyncio_cancel_scope())
    {
        asyncio_cancel_scope_cancel(&self->scope);
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
        CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
        self->began = asyncio_loop_time(&loop);
        ASYNC_WITH(&self->shield, asyncio_cancel_shield())
        {
            ASYNC_AWAIT(asyncio_sleep(1));
            ASYNC_AWAIT(asyncio_sleep(1));
            log_add("waited");
        }
        CHECK_EQ(asyncio_loop_time(&loop) - self->began, 2 * (long)ASYNCIO_SECONDS(1));
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
        CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    }
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}

TEST(a_shield_lets_clean_up_wait)
{
    log_clear();
    CHECK_EQ(RUN_CORO(NULL, shielded), 0);
    CHECK_LOG("waited");
}

ASYNC(cancelled_in_its_shield, asyncio_cancel_scope scope, shield; int err;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->scope, asyncio_cancel_scope())
    {
        ASYNC_WITH(&self->shield, asyncio_cancel_shield())
        {
            asyncio_cancel_scope_cancel(&self->scope);
            ASYNC_AWAIT(asyncio_sleep(1));
            CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
            log_add("waited");
        }
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
        CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
        ASYNC_AWAIT(asyncio_sleep(1));
        CHECK_STR("reached", NULL);
    }
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}

TEST(a_scope_cancelled_from_within_a_shield_waits_for_its_end)
{
    log_clear();
    CHECK_EQ(RUN_CORO(NULL, cancelled_in_its_shield), 0);
    CHECK_LOG("waited");
}

ASYNC(nested, asyncio_cancel_scope outer, inner; bool both; int passed; int err;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->outer, asyncio_cancel_scope())
    {
        ASYNC_WITH(&self->inner, asyncio_cancel_scope())
        {
            asyncio_cancel_scope_cancel(&self->inner);
            if (self->both)
                asyncio_cancel_scope_cancel(&self->outer);
            ASYNC_AWAIT(asyncio_sleep(1));
        }
        self->passed++;
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    }
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_RETURN(self->passed * 10 + (self->err != 0));
    ASYNC_END;
}

TEST(an_inner_scope_ends_for_itself)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, nested), 0);
    CHECK_EQ(value, 10);
}

TEST(a_cancelled_outer_scope_goes_on_where_the_inner_one_ends)
{
    asyncio_value value = -1;
    CHECK_EQ(RUN_CORO(&value, nested, .both = true), 0);
    CHECK_EQ(value, 0); /* the inner one passed the error on */
}

ASYNC(cancelled_by_others_too, asyncio_cancel_scope scope;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->scope, asyncio_cancel_scope())
    {
        asyncio_cancel_scope_cancel(&self->scope);
        asyncio_task_cancel(asyncio_current_task(), "theirs");
        ASYNC_AWAIT(asyncio_sleep(1));
    }
    CHECK_STR("reached", NULL);
    ASYNC_FINALLY;
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 1);
    ASYNC_AWAIT(asyncio_sleep(1)); /* not for good: that was the scope */
    ASYNC_END;
}

TEST(a_cancellation_of_the_task_passes_a_cancelled_scope)
{
    CHECK_EQ(RUN_CORO(NULL, cancelled_by_others_too), ASYNCIO_ECANCELLED);
}

ASYNC(fails, asyncio_cancel_scope scope;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->scope, asyncio_cancel_scope())
    {
        asyncio_cancel_scope_cancel(&self->scope);
        ASYNC_RAISE(E1);
    }
    ASYNC_FINALLY;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}

TEST(other_errors_pass_a_cancelled_scope) { CHECK_EQ(RUN_CORO(NULL, fails), E1); }

ASYNC(returns, asyncio_cancel_scope scope;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->scope, asyncio_cancel_scope())
    {
        asyncio_cancel_scope_cancel(&self->scope);
        ASYNC_RETURN(7);
    }
    ASYNC_END;
}

TEST(a_return_out_of_a_cancelled_scope_is_not_cancelled)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, returns), 0);
    CHECK_EQ(value, 7);
}

ASYNC(enters_twice, asyncio_cancel_scope scope; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    asyncio_cancel_scope_init(&self->scope);
    ASYNC_WITH(&self->scope)
        CHECK(true);
    asyncio_cancel_scope_cancel(&self->scope); /* afterwards: nothing */
    CHECK(!asyncio_cancel_scope_cancelled(&self->scope));
    ASYNC_TRY(&self->attempt)
        ASYNC_WITH(&self->scope)
            CHECK_STR("entered", NULL);
    CHECK_EQ(self->attempt.block.err, ASYNCIO_ERUNTIME);
    ASYNC_END;
}

TEST(a_scope_is_entered_once) { CHECK_EQ(RUN_CORO(NULL, enters_twice), 0); }

ASYNC(tarries, asyncio_cancel_scope *scope; struct swallows sub;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(self->scope)
        ASYNC_AWAIT(ASYNC_IN(&self->sub, swallows, .rounds = 5));
    log_add("tarried");
    ASYNC_END;
}

ASYNC(two_tasks, asyncio_cancel_scope theirs, mine; struct tarries_task other; struct swallows sub; int n;)
{
    ASYNC_BEGIN;
    asyncio_cancel_scope_init(&self->theirs);
    asyncio_create_task(ASYNC_AT(&self->other, tarries, .scope = &self->theirs));
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_cancel_scope_cancel(&self->theirs);
    ASYNC_WITH(&self->mine, asyncio_cancel_scope())
        ASYNC_AWAIT_INTO(self->n, ASYNC_IN(&self->sub, swallows, .rounds = 2));
    CHECK_EQ(self->n, 0);
    log_add("mine");
    ASYNC_AWAIT(ASYNC_TASK(&self->other));
    ASYNC_END;
}

TEST(a_scope_is_its_own_tasks_alone)
{
    log_clear();
    CHECK_EQ(RUN_CORO(NULL, two_tasks), 0);
    CHECK_LOG("tarried mine");
}

int main(void)
{
    RUN(a_cancelled_scope_cancels_every_await_until_it_is_left);
    RUN(a_body_that_ends_by_itself_leaves_nothing_behind);
    RUN(a_waiting_task_is_woken_by_its_scope);
    RUN(a_scope_cancelled_before_it_is_entered);
    RUN(a_shield_lets_clean_up_wait);
    RUN(a_scope_cancelled_from_within_a_shield_waits_for_its_end);
    RUN(an_inner_scope_ends_for_itself);
    RUN(a_cancelled_outer_scope_goes_on_where_the_inner_one_ends);
    RUN(a_cancellation_of_the_task_passes_a_cancelled_scope);
    RUN(other_errors_pass_a_cancelled_scope);
    RUN(a_return_out_of_a_cancelled_scope_is_not_cancelled);
    RUN(a_scope_is_entered_once);
    RUN(a_scope_is_its_own_tasks_alone);
    return tap_end();
}
