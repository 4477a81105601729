/* A coroutine's name is not a coroutine.
 * gcc: 'main_coro' undeclared
 * clang: undeclared identifier 'main_coro'
 * g++: expected primary-expression
 * clang++: 'main_coro' does not refer to a value
 */
#include "asyncio.h"

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

#ifdef FIXED
int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
#else
int main(void) { return asyncio_run(main_coro); }
#endif
