/* SPDX-License-Identifier: MIT
 *
 * children.h - what the tests of gather, wait, as_completed and shield wait for: a task that does as it is told, and six
 * Futures.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

#include "fixture.h"

#if defined(ASYNC_NEW) && ASYNCIO_STRINGS
/* Sleeps unless negative, says something, raises or returns. Cancelled, it says that, and is. */
ASYNC(worker, double delay; asyncio_value value; int raise; const char *end, *stopped; int err;)
{
    ASYNC_BEGIN;
    if (self->delay >= 0)
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(self->delay));
    if (self->err != 0) {
        if (self->stopped != NULL)
            log_tick(self->stopped);
        ASYNC_RAISE(self->err);
    }
    if (self->end != NULL)
        log_tick(self->end);
    if (self->raise != 0)
        ASYNC_RAISE(self->raise);
    ASYNC_RETURN(self->value);
    ASYNC_END;
}

static asyncio_future a, b, c, d, e, f;
static void futures_init(void)
{
    asyncio_future_init(&a, &loop);
    asyncio_future_init(&b, &loop);
    asyncio_future_init(&c, &loop);
    asyncio_future_init(&d, &loop);
    asyncio_future_init(&e, &loop);
    asyncio_future_init(&f, &loop);
}
static void futures_release(void)
{
    asyncio_future_release(&a);
    asyncio_future_release(&b);
    asyncio_future_release(&c);
    asyncio_future_release(&d);
    asyncio_future_release(&e);
    asyncio_future_release(&f);
}
#endif

#endif
