/* A Future is awaited by its address.
 * gcc: _Generic. selector of type .*asyncio_future
 * clang: controlling expression type .asyncio_future
 * c++: no matching function for call to .asyncio__await
 */
#include "asyncio.h"

ASYNC(main_coro, asyncio_future done;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->done, NULL);
#ifdef FIXED
    ASYNC_AWAIT(&self->done);
#else
    ASYNC_AWAIT(self->done);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
