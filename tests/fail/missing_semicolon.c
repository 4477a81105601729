/* A field ends in a semicolon.
 * gcc: no semicolon at end of struct
 * g++: expected ';' at end of member declaration
 * clang: expected ';' at end of declaration list
 * clang++: expected ';' at end of declaration list
 */
#include "asyncio.h"

#ifdef FIXED
ASYNC(child, int n;)
#else
ASYNC(child, int n)
#endif
{
    ASYNC_BEGIN;
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(child, .n = 7)); }
