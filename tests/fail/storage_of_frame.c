/* ASYNC_AT wants a struct child_task, not a struct child.
 * c: incompatible pointer type
 * g++: cannot convert .child\*. to .child_task\*
 * clang++: cannot initialize a variable of type .struct child_task \*
 */
#include "asyncio.h"

ASYNC(child, int n;)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

#ifdef FIXED
static struct child_task storage;
#else
static struct child storage;
#endif

int main(void) { return asyncio_run(ASYNC_AT(&storage, child, .n = 1)); }
