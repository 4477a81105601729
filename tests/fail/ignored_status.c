/* A sleep that nobody awaits.
 * any: unused.result
 */
#include "asyncio.h"

ASYNC(main_coro)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_AWAIT(asyncio_sleep(1));
#else
    asyncio_sleep(1);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
