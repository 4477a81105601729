/* An argument of the wrong type.
 * gcc: makes integer from pointer
 * clang: incompatible pointer to integer
 * g++: invalid conversion from .const char\*. to .int
 * clang++: assigning to .int. from incompatible type
 */
#include "asyncio.h"

ASYNC(child, int n;)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

#ifdef FIXED
int main(void) { return asyncio_run(ASYNC_NEW(child, .n = 7)); }
#else
int main(void) { return asyncio_run(ASYNC_NEW(child, .n = "7")); }
#endif
