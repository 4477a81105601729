/* SPDX-License-Identifier: MIT */
#include "shared.h"

ASYNC_DEFINE(doubled)
{
    ASYNC_BEGIN;
    if (self->me != NULL)
        *self->me = asyncio_current_task();
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(self->n * 2);
    ASYNC_END;
}

asyncio_loop *other_running_loop(void) { return asyncio_get_running_loop(); }
asyncio_task *other_current_task(void) { return asyncio_current_task(); }
int other_create(int n, asyncio_task **into)
{
    return asyncio_create_task(ASYNC_NEW(doubled, .n = n), .into = into);
}
int other_settle(asyncio_future *future) { return asyncio_future_set_result(future, 11); }
bool other_is_cancelled(asyncio_task *task) { return asyncio_task_cancelled(task); }
int other_run(void) { return asyncio_run(ASYNC_NEW(doubled, .n = 1), .port = &asyncio_virtual_port, .quiet = true); }
