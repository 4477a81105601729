/* create_task returns an error; the task comes by .into.
 * gcc: makes pointer from integer
 * clang: incompatible integer to pointer
 * g++: invalid conversion from .int. to .asyncio_task
 * clang++: assigning to .asyncio_task
 */
#include "asyncio.h"

ASYNC(child)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

ASYNC(parent, asyncio_task *task;)
{
    ASYNC_BEGIN;
#ifdef FIXED
    asyncio_create_task(ASYNC_NEW(child), .into = &self->task);
#else
    self->task = asyncio_create_task(ASYNC_NEW(child));
#endif
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(parent)); }
