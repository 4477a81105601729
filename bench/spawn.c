/* SPDX-License-Identifier: MIT
 *
 * spawn.c - create a task, run it, release it: a driver starts a batch of tasks, gives way until they ran, and again.
 *
 * By hand: storage of one's own, malloc, or a free list. Built a second time with -DASYNCIO_FREELIST=1024 it measures
 * the library's.
 */
#include "floor.h"

#include "asyncio.h"

enum { MOST = 1000 };
static unsigned long batch, sum;

/* ---- By hand ---- */

typedef struct floor_worker {
    floor_task task;
    unsigned long argument;
} floor_worker;

static floor_worker floor_workers[MOST];
static floor_worker *floor_free;

static void floor_work(floor_task *task)
{
    floor_worker *worker = (floor_worker *)task;
    switch (task->state) {
    case 0:
        sum += worker->argument;
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
    bench_start();
    floor_run();
    bench_stop();
}

static void place_floor(unsigned long operations) { floor_drive(floor_driver, operations); }
static void malloc_floor(unsigned long operations) { floor_drive(floor_driver_malloc, operations); }
static void list_floor(unsigned long operations)
{
    unsigned long i;
    floor_free = NULL;
    for (i = MOST; i-- > 0;) {
        floor_workers[i].task.next = (floor_task *)floor_free;
        floor_free = &floor_workers[i];
    }
    floor_drive(floor_driver_list, operations);
}

/* ---- The library ---- */

static asyncio_loop loop;

ASYNC(worker, unsigned long argument;)
{
    ASYNC_BEGIN;
    sum += self->argument;
    ASYNC_END;
}

static struct worker_task workers[MOST];

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

static void drive(asyncio_root *root)
{
    asyncio_task_options options;
    asyncio__no_options(&options);
    asyncio_loop_create_task(&loop, root, &options);
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

static void place_subject(unsigned long operations)
{
    static struct place_driver_task task;
    drive(ASYNC_AT(&task, place_driver, .left = operations / batch));
}

static void heap_subject(unsigned long operations)
{
    static struct heap_driver_task task;
    drive(ASYNC_AT(&task, heap_driver, .left = operations / batch));
}

static void spawn_rows(const char *const names[], unsigned long count)
{
    const unsigned long operations = 2000000;
    batch = count;
#if ASYNCIO_FREELIST
    bench_row(names[2], list_floor, heap_subject, operations, 2.5, sizeof(struct worker_task));
    (void)place_floor, (void)malloc_floor, (void)place_subject;
#else
    bench_row(names[0], place_floor, place_subject, operations, 1.5, sizeof(struct worker_task));
    bench_row(names[1], malloc_floor, heap_subject, operations, 0, sizeof(struct worker_task));
    (void)list_floor;
#endif
}

int main(void)
{
    static const char *const one[] = {"spawn 1, own storage", "spawn 1, heap", "spawn 1, ASYNCIO_FREELIST"};
    static const char *const many[] = {"spawn 1,000, own storage", "spawn 1,000, heap", "spawn 1,000, ASYNCIO_FREELIST"};
    bench_head("spawn");
    if (asyncio_loop_init(&loop, NULL) != 0)
        return 1;
    spawn_rows(one, 1);
    spawn_rows(many, MOST);
    BENCH_KEEP(sum);
    return asyncio_loop_close(&loop);
}
