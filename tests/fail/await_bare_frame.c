/* A frame that ASYNC_IN did not set up.
 * gcc: _Generic. selector of type .struct child
 * clang: controlling expression type .struct child
 * c++: no matching function for call to .asyncio__await
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
    ASYNC_AWAIT(ASYNC_IN(&self->sub, child, .n = 1));
#else
    ASYNC_AWAIT(&self->sub);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(parent)); }
