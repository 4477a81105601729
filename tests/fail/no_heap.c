/* Freestanding there is no heap unless the program gives one.
 * flags: -ffreestanding
 * c: implicit declaration of function 'ASYNC_NEW'
 * g++: ASYNC_NEW
 * clang++: 'child' does not refer to a value
 */
#include "asyncio_loop.h"

ASYNC(child, int n;)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

ASYNC(parent)
{
#ifdef FIXED
    static struct child_task storage;
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&storage, child, .n = 1));
#else
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(child, .n = 1));
#endif
    ASYNC_END;
}

int main(void)
{
    static struct parent_task parent;
    static asyncio_loop loop;
    asyncio_loop_init(&loop, NULL);
    return asyncio_run_until_complete(&loop, ASYNC_AT(&parent, parent), NULL);
}
