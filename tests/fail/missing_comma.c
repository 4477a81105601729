/* No comma after the coroutine's name.
 * gcc: expected identifier or '\(' before '\.'
 * clang: expected identifier
 * c++: asyncio__new_child
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
int main(void) { return asyncio_run(ASYNC_NEW(child .n = 7)); }
#endif
