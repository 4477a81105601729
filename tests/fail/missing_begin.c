/* No ASYNC_BEGIN.
 * any: asyncio__after_ASYNC_BEGIN
 */
#include "asyncio.h"

ASYNC(main_coro)
{
#ifdef FIXED
    ASYNC_BEGIN;
#endif
    ASYNC_AWAIT(asyncio_sleep(1));
#ifdef FIXED
    ASYNC_END;
#endif
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
