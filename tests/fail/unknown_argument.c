/* The coroutine has no such argument.
 * any: no member named .count
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
int main(void) { return asyncio_run(ASYNC_NEW(child, .count = 7)); }
#endif
