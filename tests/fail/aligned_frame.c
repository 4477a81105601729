/* A field that wants more alignment than the heap's blocks and the Task in front of it give.
 * any: asyncio__frame_needs_no_more_alignment_than_a_pointer
 */
#include "asyncio.h"

typedef int vector __attribute__((aligned(64)));

#ifdef FIXED
ASYNC(main_coro, int v;)
#else
ASYNC(main_coro, vector v;)
#endif
{
    ASYNC_BEGIN;
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
