/* Not a mistake: fields may have commas, and a program macros of any name.
 * any: none, it must compile
 */
#include "asyncio.h"

#define N 3
#define MANY 3

ASYNC(child, int a, b, c, d, e, f, g, h; int i, j, k, l, m, n, o, p; void (*call)(int, int, int); char q, r, s;)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(child, .a = 1, .s = 2)); }
