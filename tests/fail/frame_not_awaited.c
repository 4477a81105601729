/* A coroutine in the frame that nobody awaits would never run.
 * any: unused.result
 */
#include "asyncio.h"

ASYNC(child)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

ASYNC(main_coro, struct child call;)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_AWAIT(ASYNC_IN(&self->call, child));
#else
    ASYNC_IN(&self->call, child);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
