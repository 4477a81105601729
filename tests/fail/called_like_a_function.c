/* A coroutine is not called.
 * c: implicit declaration of function 'child'
 * g++: no matching function for call to 'child::child
 * clang++: no matching conversion for functional-style cast from 'int' to 'child'
 */
#include "asyncio.h"

ASYNC(child, int n;)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

ASYNC(parent, struct child sub;)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_AWAIT(ASYNC_IN(&self->sub, child, .n = 7));
#else
    ASYNC_AWAIT(child(7));
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(parent)); }
