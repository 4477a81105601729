/* In strict C99 libc hides POSIX before asyncio.h can ask for it.
 * flags: -std=c99
 * c: asyncio.h needs POSIX: include it before any libc header
 * c++: none, libstdc++ and libc++ always ask for everything
 */
#ifdef FIXED
#include "asyncio.h"
#include <stdio.h>
#else
#include <stdio.h>
#include "asyncio.h"
#endif

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    puts("hello");
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
