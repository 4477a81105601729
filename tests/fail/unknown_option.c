/* create_task has no such option.
 * any: no member named .priority
 */
#include "asyncio.h"

ASYNC(child)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

ASYNC(parent)
{
    ASYNC_BEGIN;
#ifdef FIXED
    asyncio_create_task(ASYNC_NEW(child), .name = "child");
#else
    asyncio_create_task(ASYNC_NEW(child), .priority = 1);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(parent)); }
