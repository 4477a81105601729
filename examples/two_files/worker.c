/* SPDX-License-Identifier: MIT */
#include "worker.h"
#include <stdio.h>

/* Only this file knows it, so its frame cannot lie in worker's, which the header shows: ASYNC_NEW. */
ASYNC(count_one, const char *name; int number;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    printf("%s counts %d\n", self->name, self->number);
    ASYNC_RETURN(self->number);
    ASYNC_END;
}

ASYNC_DEFINE(worker)
{
    int number;
    ASYNC_BEGIN;
    printf("%s waits\n", self->name);
    ASYNC_AWAIT(self->go);
    for (self->i = 1; self->i <= self->count; self->i++) {
        ASYNC_AWAIT_INTO(number, ASYNC_NEW(count_one, .name = self->name, .number = self->i));
        self->sum += number; /* a local is good up to the next await */
    }
    ASYNC_RETURN(self->sum);
    ASYNC_END;
}
