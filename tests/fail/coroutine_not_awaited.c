/* A coroutine that is made, and nobody awaits: Python's "was never awaited". It would leak.
 * any: unused.result
 */
#include "asyncio.h"

ASYNC(child)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

ASYNC(main_coro)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_AWAIT(ASYNC_NEW(child));
#else
    ASYNC_NEW(child);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
