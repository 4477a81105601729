/* Another coroutine's storage.
 * c: incompatible pointer type
 * g++: cannot convert .other_task\*. to .child_task\*
 * clang++: cannot initialize a variable of type .struct child_task \*
 */
#include "asyncio.h"

ASYNC(child, int n;)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

ASYNC(other)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

static struct other_task others;
#ifdef FIXED
static struct child_task storage;
#else
static struct other_task storage;
#endif

int main(void)
{
    if (asyncio_run(ASYNC_AT(&others, other)) != 0)
        return 1;
    return asyncio_run(ASYNC_AT(&storage, child, .n = 1));
}
