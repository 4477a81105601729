/* An int cannot be awaited.
 * gcc: _Generic. selector of type .int. is not compatible
 * clang: controlling expression type .int. not compatible
 * g++: no matching function for call to .asyncio__await
 * clang++: no matching function for call to .asyncio__await
 */
#include "asyncio.h"

ASYNC(main_coro, int n;)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_AWAIT(asyncio_sleep(self->n));
#else
    ASYNC_AWAIT(self->n);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
