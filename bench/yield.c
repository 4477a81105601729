/* SPDX-License-Identifier: MIT
 *
 * yield.c - sleep(0): what a switch from task to task costs, with 2, 1,000 and 100,000 tasks taking turns.
 */
#include "floor.h"

#include "asyncio.h"

static unsigned long tasks;

/* ---- By hand ---- */

static floor_task *floor_tasks;

static void floor_yielder(floor_task *task)
{
    switch (task->state) {
    case 0:
        task->state = 1;
        while (task->left > 0) {
            task->left--;
            floor_push(task);
            return;
        case 1:;
        }
    }
}

static void yield_floor(unsigned long operations)
{
    unsigned long i;
    for (i = 0; i < tasks; i++)
        floor_start(&floor_tasks[i], floor_yielder, (uint32_t)(operations / tasks));
    bench_start();
    floor_run();
    bench_stop();
}

/* ---- The library ---- */

static asyncio_loop loop;
static unsigned long running;

ASYNC(yielder, uint32_t left;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--)
        ASYNC_AWAIT(asyncio_sleep(0));
    if (--running == 0)
        asyncio_loop_stop(&loop);
    ASYNC_END;
}

static struct yielder_task *yielders;

static void yield_subject(unsigned long operations)
{
    asyncio_task_options options;
    unsigned long i;
    asyncio__no_options(&options);
    for (i = 0; i < tasks; i++)
        asyncio_loop_create_task(&loop, ASYNC_AT(&yielders[i], yielder, .left = (uint32_t)(operations / tasks)),
                                 &options);
    running = tasks;
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

static void yield_row(const char *name, unsigned long count)
{
    tasks = count;
    floor_tasks = (floor_task *)calloc(count, sizeof *floor_tasks);
    yielders = (struct yielder_task *)calloc(count, sizeof *yielders);
    bench_row(name, yield_floor, yield_subject, 4000000, 1.5, sizeof *yielders);
    free(floor_tasks);
    free(yielders);
}

int main(void)
{
    bench_head("yield");
    if (asyncio_loop_init(&loop, NULL) != 0)
        return 1;
    yield_row("yield, 2 tasks", 2);
    yield_row("yield, 1,000 tasks", 1000);
    yield_row("yield, 100,000 tasks", 100000);
    return asyncio_loop_close(&loop);
}
