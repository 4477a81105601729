/* The same with a value.
 * gcc: incompatible types when returning type 'int' but 'asyncio__leave_by_ASYNC_RETURN' was expected
 * clang: returning 'int' from a function with incompatible result type 'asyncio__leave_by_ASYNC_RETURN'
 * g++: could not convert .* to 'asyncio__leave_by_ASYNC_RETURN'
 * clang++: no viable conversion from returned value of type 'int' to .* 'asyncio__leave_by_ASYNC_RETURN'
 */
#include "asyncio.h"

ASYNC(main_coro, int n;)
{
    ASYNC_BEGIN;
    if (self->n == 0)
#ifdef FIXED
        ASYNC_RETURN(1);
#else
        return 1;
#endif
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
