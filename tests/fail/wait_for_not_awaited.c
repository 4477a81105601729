/* A wait_for that nobody awaits: its limit would never end.
 * any: unused.result
 */
#include "asyncio.h"

ASYNC(main_coro, asyncio_waiting_for call;)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_AWAIT(asyncio_wait_for(&self->call, asyncio_sleep(1), 2));
#else
    asyncio_wait_for(&self->call, asyncio_sleep(1), 2);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
