/* Fifteen arguments at most.
 * any: at_most_15_arguments
 */
#include "asyncio.h"

ASYNC(child, int a; int b; int c; int d; int e; int f; int g; int h; int i; int j; int k; int l; int m; int n; int o;
      int p;)
{
    ASYNC_BEGIN;
    ASYNC_END;
}

#ifdef FIXED
#define LAST .o = 1
#else
#define LAST .o = 1, .p = 1
#endif

int main(void)
{
    return asyncio_run(ASYNC_NEW(child, .a = 1, .b = 1, .c = 1, .d = 1, .e = 1, .f = 1, .g = 1, .h = 1, .i = 1,
                                 .j = 1, .k = 1, .l = 1, .m = 1, .n = 1, LAST));
}
