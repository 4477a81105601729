/* SPDX-License-Identifier: MIT
 *
 * The running loop is one object for the whole program: what one translation unit starts, the other sees, awaits, cancels.
 */
#include "shared.h"
#include "tap.h"

ASYNC(sees_the_same)
{
    ASYNC_BEGIN;
    CHECK(other_running_loop() == asyncio_get_running_loop() && other_running_loop() != NULL);
    CHECK(other_current_task() == asyncio_current_task() && other_current_task() != NULL);
    CHECK_EQ(other_run(), ASYNCIO_ERUNNING);
    ASYNC_END;
}

TEST(test_running_loop)
{
    CHECK(other_running_loop() == NULL && other_current_task() == NULL);
    CHECK_EQ(asyncio_run(ASYNC_NEW(sees_the_same), .port = &asyncio_virtual_port), 0);
    CHECK(other_running_loop() == NULL && other_current_task() == NULL);
    CHECK_EQ(other_run(), 0);
}

ASYNC(awaits_there, int got; struct doubled sub; asyncio_task *seen;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->got, ASYNC_IN(&self->sub, doubled, .n = 21, .me = &self->seen));
    CHECK(self->seen == asyncio_current_task());
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

TEST(test_coroutine_of_the_other)
{
    asyncio_value value = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(awaits_there), .port = &asyncio_virtual_port, .result = &value), 0);
    CHECK_EQ(value, 42);
}

ASYNC(awaits_task, asyncio_task *task; int got, err;)
{
    ASYNC_BEGIN;
    CHECK_EQ(other_create(5, &self->task), 0);
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, 10);
    asyncio_task_release(self->task);
    CHECK_EQ(other_create(6, &self->task), 0);
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_cancel(self->task, "stop");
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK(other_is_cancelled(self->task));
    asyncio_task_release(self->task);
    ASYNC_END;
}

TEST(test_task_of_the_other)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(awaits_task), .port = &asyncio_virtual_port), 0);
}

ASYNC(names, asyncio_task *here, *there;)
{
    char name[ASYNCIO_NAME_SIZE], next[ASYNCIO_NAME_SIZE];
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(doubled), .into = &self->here);
    other_create(1, &self->there);
    CHECK(strcmp(asyncio_task_get_name(self->here, name), asyncio_task_get_name(self->there, next)) != 0);
    CHECK_EQ(atol(next + 5), atol(name + 5) + 1); /* counted together */
    asyncio_task_release(self->here);
    asyncio_task_release(self->there);
    ASYNC_END;
}

TEST(test_task_numbers)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(names), .port = &asyncio_virtual_port), 0);
}

static void settle_later(void *arg) { CHECK_EQ(other_settle((asyncio_future *)arg), 0); }

ASYNC(awaits_future, asyncio_future future; asyncio_handle handle; int got;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_call_soon(asyncio_get_running_loop(), &self->handle, settle_later, &self->future);
    ASYNC_AWAIT_INTO(self->got, &self->future);
    asyncio_future_release(&self->future);
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

TEST(test_future_settled_by_the_other)
{
    asyncio_value value = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(awaits_future), .port = &asyncio_virtual_port, .result = &value), 0);
    CHECK_EQ(value, 11);
}

int main(void)
{
    RUN(test_running_loop);
    RUN(test_coroutine_of_the_other);
    RUN(test_task_of_the_other);
    RUN(test_task_numbers);
    RUN(test_future_settled_by_the_other);
    return tap_end();
}
