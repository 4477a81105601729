/* SPDX-License-Identifier: MIT
 * What the plain and the ALL forms of catch and try catch: errors, and cancellation. */
#include "asyncio.h"
#include "tap.h"

ASYNC(failing)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RAISE(ASYNCIO_EUSER);
    ASYNC_END;
}

ASYNC(catching, int err; asyncio_value detail; asyncio_try attempt; bool block;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, ASYNC_NEW(failing));
    CHECK_EQ(self->err, ASYNCIO_EUSER);
    ASYNC_CATCH_INTO(self->err, self->detail, ASYNC_NEW(failing));
    CHECK_EQ(self->err, ASYNCIO_EUSER);
    ASYNC_TRY (&self->attempt) {
        ASYNC_AWAIT(ASYNC_NEW(failing));
    }
    ASYNC_EXCEPT (&self->attempt) {
        CHECK_EQ(self->attempt.block.err, ASYNCIO_EUSER);
        log_add("caught");
    }
    if (self->block) {
        ASYNC_TRY (&self->attempt) {
            ASYNC_AWAIT(asyncio_sleep(1));
        }
        ASYNC_EXCEPT (&self->attempt)
            log_add("wrong");
    } else {
        ASYNC_CATCH(self->err, asyncio_sleep(1));
    }
    log_add("not-reached");
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}

ASYNC(catching_all, int err; const char *message; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(1));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    log_add(self->message);
    ASYNC_TRY_ALL (&self->attempt) {
        ASYNC_AWAIT(asyncio_sleep(1));
    }
    ASYNC_EXCEPT (&self->attempt)
        log_add((const char *)self->attempt.block.detail);
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    ASYNC_RAISE(self->err);
    ASYNC_END;
}

ASYNC(cancel_it, asyncio_root *victim; int times; asyncio_task *task; int i; int err; const char *message;)
{
    static const char *const messages[] = {"one", "two", "three"};
    ASYNC_BEGIN;
    asyncio_create_task(self->victim, .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0.5));
    for (self->i = 0; self->i < self->times; self->i++) {
        CHECK(asyncio_task_cancel(self->task, messages[self->i]));
        ASYNC_AWAIT(asyncio_sleep(0.25));
    }
    ASYNC_CATCH_ALL_INTO(self->err, self->message, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK(asyncio_task_cancelled(self->task));
    log_add(self->message);
    asyncio_task_release(self->task);
    ASYNC_END;
}

TEST(test_catch_lets_a_cancellation_pass)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancel_it, .victim = ASYNC_NEW(catching), .times = 1), .port = &asyncio_virtual_port), 0);
    CHECK_LOG("caught finally one");
}

TEST(test_try_lets_a_cancellation_pass)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancel_it, .victim = ASYNC_NEW(catching, .block = true), .times = 1),
                         .port = &asyncio_virtual_port), 0);
    CHECK_LOG("caught finally one");
}

TEST(test_catch_all_and_try_all_catch_it_and_raise_it_again_with_its_message)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancel_it, .victim = ASYNC_NEW(catching_all), .times = 3),
                         .port = &asyncio_virtual_port), 0);
    CHECK_LOG("one two three");
}

int main(void)
{
    RUN(test_catch_lets_a_cancellation_pass);
    RUN(test_try_lets_a_cancellation_pass);
    RUN(test_catch_all_and_try_all_catch_it_and_raise_it_again_with_its_message);
    return tap_end();
}
