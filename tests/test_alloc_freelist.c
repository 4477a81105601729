/* tests/test_alloc.c with freed blocks kept for reuse. */
#define ASYNCIO_FREELIST 32
#include "test_alloc.c"
