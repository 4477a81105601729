/* An array of variable length in a body.
 * gcc: switch jumps into scope of identifier with variably modified type
 * g++: forbids variable length array
 * clang: cannot jump from switch statement to this case label
 * clang++: variable length arrays are a C99 feature
 */
#include "asyncio.h"

ASYNC(main_coro, int n; char fixed[8];)
{
    ASYNC_BEGIN;
    self->n = 8;
#ifdef FIXED
    self->fixed[self->n - 1] = 0;
    ASYNC_AWAIT(asyncio_sleep(1));
#else
    char buffer[self->n];
    buffer[0] = 0;
    ASYNC_AWAIT(asyncio_sleep(buffer[0]));
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
