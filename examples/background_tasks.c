/* SPDX-License-Identifier: MIT
 *
 * background_tasks.c - fire and forget, with and without a set of what is still running.
 *
 *     background_tasks = set()                                        # from Python's documentation of create_task
 *     task = asyncio.create_task(work(1))
 *     background_tasks.add(task)
 *     task.add_done_callback(background_tasks.discard)
 *
 * Python's loop keeps weak references only: without the set a task can vanish while it runs. Here the loop keeps every
 * task until it is done, so the set is for whoever wants to count, cancel or await what is running.
 */
#define HASH_FUNCTION HASH_FNV /* uthash's default warns with clang -Wimplicit-fallthrough */
#include "asyncio.h"
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

struct member {
    asyncio_future *task; /* a Task is a Future, and a done callback is handed it as such */
    UT_hash_handle hh;
};

/* background_tasks.discard, as a done callback. */
static void discard(asyncio_future *task, void *arg)
{
    struct member **background_tasks = (struct member **)arg, *member;
    HASH_FIND_PTR(*background_tasks, &task, member);
    if (member == NULL)
        return;
    HASH_DEL(*background_tasks, member);
    asyncio_future_release(task);
    free(member);
}

/* create_task, add and add_done_callback in one. */
static int spawn(struct member **background_tasks, asyncio_root *coro)
{
    struct member *member = (struct member *)malloc(sizeof *member);
    asyncio_task *task = NULL;
    int err;
    if (member == NULL) {
        asyncio_coro_close(coro);
        return ASYNCIO_ENOMEM;
    }
    err = asyncio_create_task(coro, .into = &task);
    if (err == 0)
        err = asyncio_task_add_done_callback(task, NULL, discard, background_tasks);
    if (err != 0) {
        asyncio_task_release(task);
        free(member);
        return err;
    }
    member->task = asyncio_task_future(task);
    HASH_ADD_PTR(*background_tasks, task, member);
    return 0;
}

ASYNC(work, int number;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(self->number * 0.01));
    printf("work %d done\n", self->number);
    ASYNC_END;
}

ASYNC(main_coro, struct member **background_tasks; int i; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(work, .number = 1)); /* nobody keeps this one, but the loop */
    for (self->i = 2; self->i <= 4; self->i++) {
        self->err = spawn(self->background_tasks, ASYNC_NEW(work, .number = self->i));
        if (self->err != 0)
            ASYNC_RAISE(self->err);
    }
    printf("%u in the set\n", HASH_COUNT(*self->background_tasks));
    while (*self->background_tasks != NULL)
        ASYNC_AWAIT(asyncio_sleep(0.01));
    puts("the set is empty");
    ASYNC_END;
}

int main(void)
{
    struct member *background_tasks = NULL;
    return asyncio_run(ASYNC_NEW(main_coro, .background_tasks = &background_tasks));
}
