/* SPDX-License-Identifier: MIT
 *
 * yield.c - sleep(0): what a switch from task to task costs, with 2, 1,000 and 100,000 tasks taking turns.
 */
#include "floor.h"

#include "asyncio.h"

static unsigned long turns; /* of each task */

/* ---- By hand ---- */

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
        bench_done += turns;
    }
}

static void yield_floor(unsigned long operations)
{
    floor_task *tasks = (floor_task *)calloc(bench_size, sizeof *tasks);
    unsigned long i;
    turns = operations / bench_size;
    for (i = 0; i < bench_size; i++)
        floor_start(&tasks[i], floor_yielder, (uint32_t)turns);
    bench_start();
    floor_run();
    bench_stop();
    free(tasks);
}

/* ---- The library ---- */

static asyncio_loop loop;
static unsigned long running;

ASYNC(yielder, uint32_t left;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--)
        ASYNC_AWAIT(asyncio_sleep(0));
    bench_done += turns;
    if (--running == 0)
        asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void start(asyncio_root *root)
{
    asyncio_task_options options;
    asyncio__no_options(&options);
    asyncio_loop_create_task(&loop, root, &options);
}

static void run(void)
{
    running = bench_size;
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

static void yield_place(unsigned long operations)
{
    struct yielder_task *tasks = (struct yielder_task *)calloc(bench_size, sizeof *tasks);
    unsigned long i;
    turns = operations / bench_size;
    for (i = 0; i < bench_size; i++)
        start(ASYNC_AT(&tasks[i], yielder, .left = (uint32_t)turns));
    run();
    free(tasks);
}

static void yield_heap(unsigned long operations)
{
    unsigned long i;
    turns = operations / bench_size;
    for (i = 0; i < bench_size; i++)
        start(ASYNC_NEW(yielder, .left = (uint32_t)turns));
    run();
}

static const bench_case cases[] = {
    {"floor", "yield_2", yield_floor, 2},          {"floor", "yield_1000", yield_floor, 1000},
    {"floor", "yield_100000", yield_floor, 100000}, {"asyncio.h", "yield_2", yield_place, 2},
    {"asyncio.h", "yield_1000", yield_place, 1000}, {"asyncio.h", "yield_100000", yield_place, 100000},
    {"asyncio.h heap", "yield_2", yield_heap, 2},   {"asyncio.h heap", "yield_1000", yield_heap, 1000},
    {"asyncio.h heap", "yield_100000", yield_heap, 100000},
};

int main(int argc, char **argv)
{
    if (asyncio_loop_init(&loop, NULL) != 0)
        return 1;
    return BENCH_MAIN(argc, argv, cases);
}
