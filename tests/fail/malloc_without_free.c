/* Half a heap.
 * any: define both ASYNCIO_MALLOC and ASYNCIO_FREE, or neither
 */
#include <stdlib.h>
#define ASYNCIO_MALLOC(size) malloc(size)
#ifdef FIXED
#define ASYNCIO_FREE(memory) free(memory)
#endif
#define ASYNCIO_SELECTORS 0
#include "asyncio.h"

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
