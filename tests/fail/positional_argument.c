/* Arguments have names.
 * gcc: expected ';' before numeric constant
 * g++: expected ';' before numeric constant
 * clang: expected ';' after expression
 * clang++: expected ';' after expression
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
int main(void) { return asyncio_run(ASYNC_NEW(child, 7)); }
#endif
