/* `async with lock` by the status of its acquire, which would be armed and forgotten.
 * any: unused.result
 */
#include "asyncio.h"

static asyncio_lock lock;

ASYNC(main_coro, asyncio_held held;)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_WITH(&self->held, asyncio_lock_held(&lock)) {
#else
    ASYNC_WITH(&self->held, asyncio_lock_acquire(&lock)) {
#endif
        ASYNC_AWAIT(asyncio_sleep(0));
    }
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
