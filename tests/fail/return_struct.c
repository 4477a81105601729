/* A result is an integer or a pointer.
 * gcc: aggregate value used where an integer was expected
 * clang: operand of type .struct point. where arithmetic or pointer type is required
 * c++: asyncio__value
 */
#include "asyncio.h"

struct point {
    int x, y;
};

ASYNC(where, struct point here;)
{
    ASYNC_BEGIN;
#ifdef FIXED
    ASYNC_RETURN(&self->here);
#else
    ASYNC_RETURN(self->here);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(where)); }
