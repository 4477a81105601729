/* Neither has run.
 * any: no member named .timeout
 */
#include "asyncio.h"

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

#ifdef FIXED
int main(void) { return asyncio_run(ASYNC_NEW(main_coro), .debug = true); }
#else
int main(void) { return asyncio_run(ASYNC_NEW(main_coro), .timeout = 1); }
#endif
