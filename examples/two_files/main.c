/* SPDX-License-Identifier: MIT
 *
 * two_files - a program of two C files: the headers need no implementation file, and all files share one loop.
 *
 *     cc -I. examples/two_files/main.c examples/two_files/worker.c -o two_files
 */
#include "worker.h"
#include <stdio.h>

ASYNC(main_coro, asyncio_future go; asyncio_task *anna; asyncio_task *bert; int sum;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->go, NULL);
    asyncio_create_task(ASYNC_NEW(worker, .name = "anna", .count = 3, .go = &self->go), .into = &self->anna);
    asyncio_create_task(ASYNC_NEW(worker, .name = "bert", .count = 2, .go = &self->go), .into = &self->bert);
    ASYNC_AWAIT(asyncio_sleep(0));
    puts("go");
    asyncio_future_set_result(&self->go, 0);
    ASYNC_AWAIT_INTO(self->sum, self->anna);
    printf("anna: %d\n", self->sum);
    ASYNC_AWAIT_INTO(self->sum, self->bert);
    printf("bert: %d\n", self->sum);
    ASYNC_FINALLY;
    asyncio_task_release(self->anna);
    asyncio_task_release(self->bert);
    asyncio_future_release(&self->go);
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
