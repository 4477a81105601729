/* SPDX-License-Identifier: MIT
 *
 * spawn.c - create a task, run it, release it: a driver starts a batch of tasks, gives way until they ran, and again.
 * Batches of 1, of 1,000, and one of all: a million alive at once.
 *
 * By hand: storage of one's own, malloc, or a free list. Built a second time with -DASYNCIO_FREELIST=1024 it measures
 * the library's.
 */
#include "floor.h"

#include "asyncio.h"

static unsigned long batch, sum;

static void begin(void)
{
    sum = 0;
    bench_start();
}

/* Each batch adds up 1 .. batch. */
static void end(unsigned long operations)
{
    bench_stop();
    bench_done = sum == operations / batch * (batch * (batch - 1) / 2) + operations ? operations : 0;
}

/* ---- By hand ---- */

typedef struct floor_worker {
    floor_task task;
    unsigned long argument;
} floor_worker;

static floor_worker *floor_workers;
static floor_worker *floor_free;

static void floor_work(floor_task *task)
{
    floor_worker *worker = (floor_worker *)task;
    switch (task->state) {
    case 0:
        sum += worker->argument + 1;
        task->state = 1;
    }
}

static void floor_work_malloc(floor_task *task)
{
    floor_work(task);
    free(task);
}

static void floor_work_list(floor_task *task)
{
    floor_work(task);
    task->next = (floor_task *)floor_free;
    floor_free = (floor_worker *)task;
}

static inline void floor_work_start(floor_worker *worker, void (*resume)(floor_task *task), unsigned long argument)
{
    worker->argument = argument;
    floor_start(&worker->task, resume, 0);
}

static void floor_driver(floor_task *task)
{
    unsigned long i;
    switch (task->state) {
    case 0:
        task->state = 1;
        for (; task->left > 0; task->left--) {
            for (i = 0; i < batch; i++)
                floor_work_start(&floor_workers[i], floor_work, i);
            floor_push(task);
            return;
        case 1:;
        }
    }
}

static void floor_driver_malloc(floor_task *task)
{
    unsigned long i;
    switch (task->state) {
    case 0:
        task->state = 1;
        for (; task->left > 0; task->left--) {
            for (i = 0; i < batch; i++)
                floor_work_start((floor_worker *)malloc(sizeof(floor_worker)), floor_work_malloc, i);
            floor_push(task);
            return;
        case 1:;
        }
    }
}

static void floor_driver_list(floor_task *task)
{
    unsigned long i;
    switch (task->state) {
    case 0:
        task->state = 1;
        for (; task->left > 0; task->left--) {
            for (i = 0; i < batch; i++) {
                floor_worker *worker = floor_free;
                floor_free = (floor_worker *)worker->task.next;
                floor_work_start(worker, floor_work_list, i);
            }
            floor_push(task);
            return;
        case 1:;
        }
    }
}

static void floor_drive(void (*driver)(floor_task *task), unsigned long operations)
{
    static floor_task task;
    floor_start(&task, driver, (uint32_t)(operations / batch));
    begin();
    floor_run();
    end(operations);
}

static void floor_place(unsigned long operations, unsigned long tasks)
{
    batch = tasks;
    floor_workers = (floor_worker *)calloc(batch, sizeof *floor_workers);
    floor_drive(floor_driver, operations);
    free(floor_workers);
}
static void floor_list(unsigned long operations, unsigned long tasks)
{
    unsigned long i;
    batch = tasks;
    floor_free = NULL;
    floor_workers = (floor_worker *)calloc(batch, sizeof *floor_workers);
    for (i = batch; i-- > 0;) {
        floor_workers[i].task.next = (floor_task *)floor_free;
        floor_free = &floor_workers[i];
    }
    floor_drive(floor_driver_list, operations);
    free(floor_workers);
}
static void floor_malloc(unsigned long operations, unsigned long tasks)
{
    batch = tasks;
    floor_drive(floor_driver_malloc, operations);
}

static void place_floor(unsigned long operations) { floor_place(operations, bench_size); }
static void place_floor_all(unsigned long operations) { floor_place(operations, operations); }
static void malloc_floor(unsigned long operations) { floor_malloc(operations, bench_size); }
static void malloc_floor_all(unsigned long operations) { floor_malloc(operations, operations); }
static void list_floor(unsigned long operations) { floor_list(operations, bench_size); }

/* ---- The library ---- */

static asyncio_loop loop;

ASYNC(worker, unsigned long argument;)
{
    ASYNC_BEGIN;
    sum += self->argument + 1;
    ASYNC_END;
}

static struct worker_task *workers;

ASYNC(place_driver, unsigned long left, i;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        for (self->i = 0; self->i < batch; self->i++)
            asyncio_create_task(ASYNC_AT(&workers[self->i], worker, .argument = self->i));
        ASYNC_AWAIT(asyncio_sleep(0));
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

ASYNC(heap_driver, unsigned long left, i;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        for (self->i = 0; self->i < batch; self->i++)
            asyncio_create_task(ASYNC_NEW(worker, .argument = self->i));
        ASYNC_AWAIT(asyncio_sleep(0));
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void drive(asyncio_root *root, unsigned long operations)
{
    asyncio_task_options options;
    asyncio__no_options(&options);
    asyncio_loop_create_task(&loop, root, &options);
    begin();
    (void)asyncio_run_forever(&loop);
    end(operations);
}

static void place(unsigned long operations, unsigned long tasks)
{
    static struct place_driver_task task;
    batch = tasks;
    workers = (struct worker_task *)calloc(batch, sizeof *workers);
    drive(ASYNC_AT(&task, place_driver, .left = operations / batch), operations);
    free(workers);
}

static void heap(unsigned long operations, unsigned long tasks)
{
    static struct heap_driver_task task;
    batch = tasks;
    drive(ASYNC_AT(&task, heap_driver, .left = operations / batch), operations);
}

static void spawn_place(unsigned long operations) { place(operations, bench_size); }
static void spawn_place_all(unsigned long operations) { place(operations, operations); }
static void spawn_heap(unsigned long operations) { heap(operations, bench_size); }
static void spawn_heap_all(unsigned long operations) { heap(operations, operations); }

static const bench_case cases[] = {
#if ASYNCIO_FREELIST
    {"asyncio.h free list", "spawn_1", spawn_heap, 1},
    {"asyncio.h free list", "spawn_1000", spawn_heap, 1000},
    {"asyncio.h free list", "spawn_all", spawn_heap_all, 1},
#else
    {"floor", "spawn_1", place_floor, 1},
    {"floor", "spawn_1000", place_floor, 1000},
    {"floor", "spawn_all", place_floor_all, 1},
    {"floor malloc", "spawn_1", malloc_floor, 1},
    {"floor malloc", "spawn_1000", malloc_floor, 1000},
    {"floor malloc", "spawn_all", malloc_floor_all, 1},
    {"floor free list", "spawn_1", list_floor, 1},
    {"floor free list", "spawn_1000", list_floor, 1000},
    {"asyncio.h", "spawn_1", spawn_place, 1},
    {"asyncio.h", "spawn_1000", spawn_place, 1000},
    {"asyncio.h", "spawn_all", spawn_place_all, 1},
    {"asyncio.h heap", "spawn_1", spawn_heap, 1},
    {"asyncio.h heap", "spawn_1000", spawn_heap, 1000},
    {"asyncio.h heap", "spawn_all", spawn_heap_all, 1},
#endif
};

int main(int argc, char **argv)
{
    (void)place_floor, (void)place_floor_all, (void)malloc_floor, (void)malloc_floor_all, (void)list_floor;
    (void)spawn_place, (void)spawn_place_all;
    if (asyncio_loop_init(&loop, NULL) != 0)
        return 1;
    return BENCH_MAIN(argc, argv, cases);
}
