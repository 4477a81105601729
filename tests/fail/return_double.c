/* A result is an integer or a pointer: a double would be cut without a word.
 * gcc: aggregate value used where an integer was expected
 * clang: asyncio__results_are_integers_or_pointers
 * c++: asyncio__results_are_integers_or_pointers
 */
#include "asyncio.h"

ASYNC(half, int n; double result;)
{
    ASYNC_BEGIN;
    self->result = self->n / 2.0;
#ifdef FIXED
    ASYNC_RETURN(&self->result);
#else
    ASYNC_RETURN(self->result);
#endif
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(half, .n = 7)); }
