/* No ASYNC_END.
 * gcc: nested functions
 * clang: function definition is not allowed here
 * c++: function.definition is not allowed here
 */
#include "asyncio.h"

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
#ifdef FIXED
    ASYNC_END;
#endif
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
