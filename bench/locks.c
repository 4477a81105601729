/* SPDX-License-Identifier: MIT
 *
 * locks.c - Lock, Semaphore and Queue. By hand each is what one program needs of it: a flag or a counter, a list of
 * tasks that wait, an array. Where a lock changes hands, and in a queue of 1, one task is ready at a time: then every
 * switch is an iteration of the loop, which the floor has not.
 */
#include "floor.h"

#include "asyncio.h"

static asyncio_loop loop;
static unsigned long running; /* tasks of the library that are not over */
static unsigned long each;    /* what every task is to do */

static void run_loop(void)
{
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
}
static void start(asyncio_root *root)
{
    asyncio_task_options options;
    asyncio__no_options(&options);
    running++;
    asyncio_loop_create_task(&loop, root, &options);
}
static inline void over(unsigned long done)
{
    bench_done += done;
    if (--running == 0)
        asyncio_loop_stop(&loop);
}

/* ---- By hand: tasks in a list of those that wait ---- */

typedef struct floor_list {
    floor_task *head, *tail;
} floor_list;

static inline void floor_wait(floor_list *list, floor_task *task)
{
    task->next = NULL;
    if (list->tail != NULL)
        list->tail->next = task;
    else
        list->head = task;
    list->tail = task;
}
static inline void floor_wake(floor_list *list)
{
    floor_task *task = list->head;
    if (task == NULL)
        return;
    list->head = task->next;
    if (list->head == NULL)
        list->tail = NULL;
    floor_push(task);
}

/* A lock is handed to who waits first: it stays locked, so that nobody comes between. */
static struct {
    floor_list waiters;
    bool locked;
} floor_lock;

static inline bool floor_acquire(floor_task *task)
{
    if (!floor_lock.locked) {
        floor_lock.locked = true;
        return true;
    }
    floor_wait(&floor_lock.waiters, task);
    return false;
}
static inline void floor_release(void)
{
    if (floor_lock.waiters.head != NULL)
        floor_wake(&floor_lock.waiters);
    else
        floor_lock.locked = false;
}

/* ---- Uncontended: acquire and release, nobody else there ---- */

static void floor_alone(floor_task *task)
{
    switch (task->state) {
    case 0:
        task->state = 1;
        for (; task->left > 0; task->left--) {
            if (!floor_acquire(task))
                return;
            BENCH_FALLTHROUGH;
        case 1:
            BENCH_KEEP(&floor_lock);
            floor_release();
            BENCH_KEEP(&floor_lock);
        }
        bench_done += each - task->left;
    }
}
static void alone_floor(unsigned long operations)
{
    static floor_task task;
    each = operations;
    floor_start(&task, floor_alone, (uint32_t)operations);
    bench_start();
    floor_run();
    bench_stop();
}

static asyncio_lock lock;
ASYNC(alone, uint32_t left;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        ASYNC_AWAIT(asyncio_lock_acquire(&lock));
        BENCH_KEEP(&lock);
        asyncio_lock_release(&lock);
        BENCH_KEEP(&lock);
    }
    over(each - self->left);
    ASYNC_END;
}
static void alone_place(unsigned long operations)
{
    static struct alone_task task;
    each = operations;
    start(ASYNC_AT(&task, alone, .left = (uint32_t)operations));
    run_loop();
}

ASYNC(alone_block, uint32_t left; asyncio_held held;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        ASYNC_WITH(&self->held, asyncio_lock_held(&lock)) {
            BENCH_KEEP(&lock);
        }
        BENCH_KEEP(&lock);
    }
    over(each - self->left);
    ASYNC_END;
}
static void block_place(unsigned long operations)
{
    static struct alone_block_task task;
    each = operations;
    start(ASYNC_AT(&task, alone_block, .left = (uint32_t)operations));
    run_loop();
}

static struct {
    floor_list waiters;
    int value;
} floor_semaphore;

static void floor_semaphore_alone(floor_task *task)
{
    switch (task->state) {
    case 0:
        task->state = 1;
        for (; task->left > 0; task->left--) {
            if (floor_semaphore.value == 0) {
                floor_wait(&floor_semaphore.waiters, task);
                return;
            }
            floor_semaphore.value--;
            BENCH_FALLTHROUGH;
        case 1:
            BENCH_KEEP(&floor_semaphore);
            if (floor_semaphore.waiters.head != NULL)
                floor_wake(&floor_semaphore.waiters);
            else
                floor_semaphore.value++;
        }
        bench_done += each - task->left;
    }
}
static void semaphore_floor(unsigned long operations)
{
    static floor_task task;
    each = operations;
    floor_semaphore.value = 1;
    floor_start(&task, floor_semaphore_alone, (uint32_t)operations);
    bench_start();
    floor_run();
    bench_stop();
}

static asyncio_semaphore semaphore;
ASYNC(semaphore_alone, uint32_t left;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        ASYNC_AWAIT(asyncio_semaphore_acquire(&semaphore));
        BENCH_KEEP(&semaphore);
        asyncio_semaphore_release(&semaphore);
    }
    over(each - self->left);
    ASYNC_END;
}
static void semaphore_place(unsigned long operations)
{
    static struct semaphore_alone_task task;
    each = operations;
    asyncio_semaphore_init(&semaphore, 1);
    start(ASYNC_AT(&task, semaphore_alone, .left = (uint32_t)operations));
    run_loop();
}

/* ---- Contended: 1,000 tasks, each takes its turn with the lock, and gives way once while it has it ---- */

#define CONTENDERS 1000

static floor_task floor_contenders[CONTENDERS];
static void floor_contend(floor_task *task)
{
    for (;;) {
        switch (task->state) {
        case 0:
            task->state = 1;
            if (!floor_acquire(task))
                return;
            break;
        case 1:
            task->state = 2;
            floor_push(task);
            return;
        default:
            floor_release();
            if (--task->left == 0) {
                bench_done += each;
                return;
            }
            task->state = 0;
        }
    }
}
static void contended_floor(unsigned long operations)
{
    int i;
    each = operations / CONTENDERS;
    for (i = 0; i < CONTENDERS; i++)
        floor_start(&floor_contenders[i], floor_contend, (uint32_t)(operations / CONTENDERS));
    bench_start();
    floor_run();
    bench_stop();
}

ASYNC(contender, uint32_t left;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        ASYNC_AWAIT(asyncio_lock_acquire(&lock));
        ASYNC_AWAIT(asyncio_sleep(0));
        asyncio_lock_release(&lock);
    }
    over(each - self->left);
    ASYNC_END;
}
static void contended_place(unsigned long operations)
{
    static struct contender_task tasks[CONTENDERS];
    int i;
    each = operations / CONTENDERS;
    for (i = 0; i < CONTENDERS; i++)
        start(ASYNC_AT(&tasks[i], contender, .left = (uint32_t)(operations / CONTENDERS)));
    run_loop();
}

/* ---- A bounded queue, one producer, one consumer ---- */

static struct {
    floor_list getters, putters;
    uint64_t items[64];
    uint32_t first, count;
} floor_queue;

static void floor_produce(floor_task *task)
{
    switch (task->state) {
    case 0:
        task->state = 1;
        for (; task->left > 0; task->left--) {
            while (floor_queue.count == bench_size) {
                floor_wait(&floor_queue.putters, task);
                return;
            case 1:;
            }
            floor_queue.items[(floor_queue.first + floor_queue.count++) % 64] = task->left;
            floor_wake(&floor_queue.getters);
        }
    }
}
static uint64_t floor_sum;
static void floor_consume(floor_task *task)
{
    switch (task->state) {
    case 0:
        task->state = 1;
        for (; task->left > 0; task->left--) {
            while (floor_queue.count == 0) {
                floor_wait(&floor_queue.getters, task);
                return;
            case 1:;
            }
            floor_sum += floor_queue.items[floor_queue.first];
            floor_queue.first = (floor_queue.first + 1) % 64;
            floor_queue.count--;
            floor_wake(&floor_queue.putters);
        }
        bench_done += each - task->left;
    }
}
static void queue_floor(unsigned long operations)
{
    static floor_task producer, consumer;
    each = operations;
    floor_start(&producer, floor_produce, (uint32_t)operations);
    floor_start(&consumer, floor_consume, (uint32_t)operations);
    bench_start();
    floor_run();
    bench_stop();
    BENCH_KEEP(floor_sum);
}

static asyncio_queue queue;
ASYNC(producer, uint32_t left; uint64_t item;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        self->item = self->left;
        ASYNC_AWAIT(asyncio_queue_put(&queue, &self->item));
    }
    over(0);
    ASYNC_END;
}
ASYNC(consumer, uint32_t left; uint64_t item, sum;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        ASYNC_AWAIT(asyncio_queue_get(&queue, &self->item));
        self->sum += self->item;
    }
    over(each - self->left);
    ASYNC_END;
}
static void queue_run(unsigned long operations)
{
    static struct producer_task from;
    static struct consumer_task to;
    each = operations;
    start(ASYNC_AT(&from, producer, .left = (uint32_t)operations));
    start(ASYNC_AT(&to, consumer, .left = (uint32_t)operations));
    run_loop();
}
static void queue_place(unsigned long operations)
{
    static uint64_t items[64];
    asyncio_queue_init(&queue, items, sizeof items[0], bench_size);
    queue_run(operations);
}
static void queue_heap(unsigned long operations)
{
    asyncio_queue_init_heap(&queue, sizeof(uint64_t), bench_size);
    queue_run(operations);
    asyncio_queue_close(&queue);
}

static const bench_case cases[] = {
    {"floor", "mutex", alone_floor, 1},
    {"floor", "semaphore", semaphore_floor, 1},
    {"floor", "mutex_1000_tasks", contended_floor, CONTENDERS},
    {"floor", "queue_1", queue_floor, 1},
    {"floor", "queue_64", queue_floor, 64},
    {"asyncio.h", "mutex", alone_place, 1},
    {"asyncio.h ASYNC_WITH", "mutex", block_place, 1},
    {"asyncio.h", "semaphore", semaphore_place, 1},
    {"asyncio.h", "mutex_1000_tasks", contended_place, CONTENDERS},
    {"asyncio.h", "queue_1", queue_place, 1},
    {"asyncio.h", "queue_64", queue_place, 64},
    {"asyncio.h heap", "queue_1", queue_heap, 1},
    {"asyncio.h heap", "queue_64", queue_heap, 64},
};

int main(int argc, char **argv)
{
    if (asyncio_loop_init(&loop, NULL) != 0)
        return 1;
    return BENCH_MAIN(argc, argv, cases);
}
