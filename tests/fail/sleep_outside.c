/* asyncio_sleep belongs into a coroutine.
 * any: asyncio__use_this_only_inside_ASYNC
 */
#include "asyncio.h"

#ifndef FIXED
static asyncio_status pause(void) { return asyncio_sleep(1); }
#endif

ASYNC(main_coro)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_AWAIT(asyncio_sleep(1));
#else
    ASYNC_AWAIT(pause());
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
