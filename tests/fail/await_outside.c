/* A plain function cannot await.
 * any: asyncio__use_this_only_inside_ASYNC
 */
#include "asyncio.h"

static int tick(asyncio_task *task)
{
#ifdef FIXED
    (void)task;
#else
    ASYNC_AWAIT(task);
#endif
    return 0;
}

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    ASYNC_RETURN(tick(asyncio_current_task()));
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
