/* One ASYNC_FINALLY per coroutine.
 * any: duplicate case value
 */
#include "asyncio.h"

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_FINALLY;
#ifndef FIXED
    ASYNC_FINALLY;
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
