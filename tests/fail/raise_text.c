/* An error is a number; the text is its detail.
 * gcc: makes integer from pointer
 * clang: incompatible pointer to integer
 * g++: invalid conversion from .const char\*. to .int
 * clang++: assigning to .int. from incompatible type
 */
#include "asyncio.h"

ASYNC(main_coro)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_RAISE(ASYNCIO_ECANCELLED, "stop");
#else
    ASYNC_RAISE("stop");
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
