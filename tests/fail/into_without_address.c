/* .into wants the pointer's address.
 * c: incompatible pointer type
 * g++: cannot convert .asyncio_task\*
 * clang++: take the address with &
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
    asyncio_create_task(ASYNC_NEW(child), .into = self->task);
#endif
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(parent)); }
