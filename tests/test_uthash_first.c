/* The same with uthash.h included before asyncio.h. */
#define TEST_UTHASH_FIRST 1
#include "test_uthash.c"
