/* A frame is plain data.
 * c: none, C has no constructors
 * c++: asyncio__a_frame_is_plain_data
 */
#include "asyncio.h"

#ifdef __cplusplus
struct noisy {
    noisy() : n(1) {}
    ~noisy() { n = 0; }
    int n;
};
#endif

#ifdef FIXED
ASYNC(main_coro, int n;)
#else
ASYNC(main_coro, noisy n;)
#endif
{
    ASYNC_BEGIN;
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
