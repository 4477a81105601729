/* A frame of ASYNC_IN has no room for a Task.
 * c: incompatible pointer type
 * g++: cannot convert .asyncio_coro
 * clang++: no known conversion from .asyncio_coro
 */
#include "asyncio.h"

ASYNC(child, int n;)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

ASYNC(parent, struct child sub;)
{
    ASYNC_BEGIN;
#ifdef FIXED
    asyncio_create_task(ASYNC_NEW(child, .n = 1));
#else
    asyncio_create_task(ASYNC_IN(&self->sub, child, .n = 1));
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(parent)); }
