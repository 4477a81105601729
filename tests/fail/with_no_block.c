/* ASYNC_WITH wants a pointer to something that holds a block.
 * any: no member named .block
 */
#include "asyncio.h"

struct counter {
    int n;
};

ASYNC(main_coro, struct counter counter; asyncio_try attempt;)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_TRY_ALL(&self->attempt) {
        self->counter.n++;
    }
#else
    ASYNC_TRY_ALL(&self->counter) {
        self->counter.n++;
    }
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
