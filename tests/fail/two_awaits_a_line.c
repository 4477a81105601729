/* Where resume points are line numbers.
 * flags: -DASYNCIO_DENSE=0
 * any: duplicate case value
 */
#include "asyncio.h"

ASYNC(main_coro)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_AWAIT(asyncio_sleep(1));
#else
    ASYNC_AWAIT(asyncio_sleep(1)); ASYNC_AWAIT(asyncio_sleep(1));
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
