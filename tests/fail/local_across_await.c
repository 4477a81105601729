/* A local does not survive an await. C++ refuses the jump over its initialisation.
 * c: none, C allows the jump; debug builds fill such a local with rubbish
 * g++: jump to case label
 * clang++: cannot jump from switch statement to this case label
 */
#include "asyncio.h"

#ifdef FIXED
ASYNC(main_coro, int n;)
{
    ASYNC_BEGIN;
    self->n = 7;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(self->n);
    ASYNC_END;
}
#else
ASYNC(main_coro)
{
    ASYNC_BEGIN;
    int n = 7;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(n);
    ASYNC_END;
}
#endif

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
