/* tests/test_timers.c with the sorted list. */
#define ASYNCIO_TIMER_WHEEL 0
#include "test_timers.c"
