/* A body is left by ASYNC_RETURN.
 * gcc: 'return' with no value
 * g++: return-statement with no value, in function returning 'asyncio__leave_by_ASYNC_RETURN'
 * clang: 'asyncio__body_main_coro' should return a value
 * clang++: 'asyncio__body_main_coro' should return a value
 */
#include "asyncio.h"

ASYNC(main_coro, int n;)
{
    ASYNC_BEGIN;
    if (self->n == 0)
#ifdef FIXED
        ASYNC_RETURN(0);
#else
        return;
#endif
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
