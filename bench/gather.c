/* SPDX-License-Identifier: MIT
 *
 * gather.c - tasks that wait for each other: a Future handed to and fro, gather and TaskGroup of 1,000, a limit around
 * what is ready, the cancel of a sleeping task. By hand a Future is a flag and its one waiter, a gather a counter, a
 * timer a link in a list that is sorted by chance.
 */
#include "floor.h"

#include "asyncio.h"

#define MANY 1000

static asyncio_loop loop;
static asyncio_task_options no_options;
static unsigned long each; /* what every player is to do */

/* ---- By hand ---- */

typedef struct floor_future {
    floor_task *waiter;
    uint32_t value;
    uint8_t done;
} floor_future;

static floor_future floor_ball[2];

static inline void floor_settle(floor_future *future, uint32_t value)
{
    floor_task *waiter = future->waiter;
    future->value = value;
    future->done = 1;
    future->waiter = NULL;
    if (waiter != NULL)
        floor_push(waiter);
}

typedef struct floor_player {
    floor_task task;
    uint32_t me;
} floor_player;

static void floor_play(floor_task *task)
{
    uint32_t me = ((floor_player *)task)->me;
    switch (task->state) {
    case 0:
        task->state = 1;
        while (task->left > 0) {
            task->left--;
            floor_ball[me].done = 0;
            floor_ball[me].waiter = NULL;
            floor_settle(&floor_ball[1 - me], 1);
            if (!floor_ball[me].done) {
                floor_ball[me].waiter = task;
                return;
            }
            BENCH_FALLTHROUGH;
        case 1:
            BENCH_KEEP(floor_ball[me].value);
        }
    }
    bench_done += each - task->left;
    floor_settle(&floor_ball[1 - me], 1);
}

static void ping_pong_floor(unsigned long operations)
{
    static floor_player players[2];
    floor_ball[0].waiter = floor_ball[1].waiter = NULL;
    players[1].me = 1;
    each = operations / 2;
    floor_start(&players[0].task, floor_play, (uint32_t)(operations / 2));
    floor_start(&players[1].task, floor_play, (uint32_t)(operations / 2));
    bench_start();
    floor_run();
    bench_stop();
}

static struct {
    floor_task task;
    uint32_t left;
} floor_parent;
static struct floor_child {
    floor_task task;
    uint32_t value;
} floor_children[MANY];
static uint32_t floor_rounds, floor_results[MANY];

static void floor_child(floor_task *task)
{
    switch (task->state) {
    case 0:
        task->state = 1;
        floor_push(task);
        return;
    case 1:
        ((struct floor_child *)task)->value = 7;
        if (--floor_parent.left == 0)
            floor_push(&floor_parent.task);
    }
}

static void floor_gather(floor_task *task)
{
    uint32_t i;
    if (task->state == 1)
        for (i = 0; i < MANY; i++)
            bench_done += (floor_results[i] = floor_children[i].value) == 7;
    task->state = 1;
    if (floor_rounds-- == 0)
        return;
    floor_parent.left = MANY;
    for (i = 0; i < MANY; i++)
        floor_start(&floor_children[i].task, floor_child, 0);
}

static void gather_tasks_floor(unsigned long operations)
{
    floor_rounds = (uint32_t)(operations / MANY);
    floor_start(&floor_parent.task, floor_gather, 0);
    bench_start();
    floor_run();
    bench_stop();
}

static floor_future floor_futures[MANY];

static void gather_done_floor(unsigned long operations)
{
    unsigned long round;
    uint32_t i, left;
    for (i = 0; i < MANY; i++)
        floor_futures[i].done = 1;
    bench_start();
    for (round = operations / MANY; round > 0; round--) {
        for (left = MANY, i = 0; i < MANY; i++)
            left -= floor_futures[i].done;
        for (i = 0; left == 0 && i < MANY; i++)
            floor_results[i] = floor_futures[i].value;
        BENCH_KEEP(floor_results);
        bench_done += MANY - left;
    }
    bench_stop();
}

static struct floor_sleeper {
    floor_task task;
    struct floor_sleeper *next, **link;
    floor_task *waiter;
    uint8_t cancelled;
} floor_sleeper, *floor_timers;

static void floor_sleep(floor_task *task)
{
    struct floor_sleeper *self = (struct floor_sleeper *)task;
    switch (task->state) {
    case 0:
        task->state = 1;
        self->next = floor_timers;
        self->link = &floor_timers;
        floor_timers = self;
        return;
    case 1:
        bench_done += self->cancelled;
        floor_push(self->waiter);
    }
}

static void floor_cancel(floor_task *task)
{
    switch (task->state) {
    case 0:
        for (; task->left > 0; task->left--) {
            floor_sleeper.cancelled = 0;
            floor_sleeper.waiter = task;
            floor_start(&floor_sleeper.task, floor_sleep, 0);
            floor_push(task);
            task->state = 1;
            return;
        case 1:
            *floor_sleeper.link = floor_sleeper.next;
            floor_sleeper.cancelled = 1;
            floor_push(&floor_sleeper.task);
            task->state = 2;
            return;
        case 2:;
        }
    }
}

static void cancel_floor(unsigned long operations)
{
    static floor_task canceller;
    floor_start(&canceller, floor_cancel, (uint32_t)operations);
    bench_start();
    floor_run();
    bench_stop();
}

/* A limit: when it is due, in a list. */
static void timeout_floor(unsigned long operations)
{
    struct floor_limit {
        struct floor_limit *next, **link;
        int64_t when;
    } limit, *limits = NULL;
    struct timespec now;
    floor_futures[0].done = 1;
    bench_start();
    for (; operations > 0; operations--) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        limit.when = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + 5000000000;
        limit.next = limits;
        limit.link = &limits;
        limits = &limit;
        BENCH_KEEP(&limits);
        if (!floor_futures[0].done)
            break;
        *limit.link = limit.next;
        BENCH_KEEP(&limits);
        bench_done++;
    }
    bench_stop();
}

/* ---- The library ---- */

static asyncio_future ball[2];

ASYNC(player, int me; uint32_t left; asyncio_value value;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        asyncio_future_init(&ball[self->me], &loop);
        (void)asyncio_future_set_result(&ball[1 - self->me], 1);
        ASYNC_AWAIT_INTO(self->value, &ball[self->me]);
    }
    bench_done += each - self->left;
    (void)asyncio_future_set_result(&ball[1 - self->me], 1);
    if (self->me == 1)
        asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void ping_pong_place(unsigned long operations)
{
    static struct player_task players[2];
    asyncio_future_init(&ball[0], &loop);
    asyncio_future_init(&ball[1], &loop);
    each = operations / 2;
    asyncio_loop_create_task(&loop, ASYNC_AT(&players[0], player, .me = 0, .left = (uint32_t)each), &no_options);
    asyncio_loop_create_task(&loop, ASYNC_AT(&players[1], player, .me = 1, .left = (uint32_t)each), &no_options);
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

/* The same with a new Future from the heap for every hop. */
static asyncio_future *heap_ball[2];

ASYNC(heap_player, int me; uint32_t left; asyncio_value value;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        asyncio_future_release(heap_ball[self->me]);
        heap_ball[self->me] = asyncio_future_new(&loop);
        (void)asyncio_future_set_result(heap_ball[1 - self->me], 1);
        ASYNC_AWAIT_INTO(self->value, heap_ball[self->me]);
    }
    bench_done += each - self->left;
    (void)asyncio_future_set_result(heap_ball[1 - self->me], 1);
    if (self->me == 1)
        asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void ping_pong_heap(unsigned long operations)
{
    each = operations / 2;
    heap_ball[0] = asyncio_future_new(&loop);
    heap_ball[1] = asyncio_future_new(&loop);
    asyncio_loop_create_task(&loop, ASYNC_NEW(heap_player, .me = 0, .left = (uint32_t)each), &no_options);
    asyncio_loop_create_task(&loop, ASYNC_NEW(heap_player, .me = 1, .left = (uint32_t)each), &no_options);
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
    asyncio_future_release(heap_ball[0]);
    asyncio_future_release(heap_ball[1]);
}

static asyncio_gather all;
static asyncio_child children[MANY];

ASYNC(child)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RETURN(7);
    ASYNC_END;
}
static struct child_task child_tasks[MANY];

ASYNC(gathers_tasks, uint32_t rounds; uint32_t i; bool heap;)
{
    ASYNC_BEGIN;
    for (; self->rounds > 0; self->rounds--) {
        for (self->i = 0; self->i < MANY; self->i++)
            (void)asyncio_child_set(&children[self->i],
                                    self->heap ? ASYNC_NEW(child) : ASYNC_AT(&child_tasks[self->i], child));
        ASYNC_AWAIT(asyncio_gather_n(&all, children, MANY));
        for (self->i = 0; self->i < MANY; self->i++)
            bench_done += children[self->i].value == 7;
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static asyncio_future futures[MANY];

ASYNC(gathers_done, uint32_t rounds; uint32_t i;)
{
    ASYNC_BEGIN;
    for (; self->rounds > 0; self->rounds--) {
        for (self->i = 0; self->i < MANY; self->i++)
            (void)asyncio_child_set(&children[self->i], &futures[self->i]);
        ASYNC_AWAIT(asyncio_gather_n(&all, children, MANY));
        for (self->i = 0; self->i < MANY; self->i++)
            bench_done += children[self->i].value == 7;
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void run(asyncio_root *root)
{
    asyncio_loop_create_task(&loop, root, &no_options);
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

static void gather_tasks_place(unsigned long operations)
{
    static struct gathers_tasks_task task;
    run(ASYNC_AT(&task, gathers_tasks, .rounds = (uint32_t)(operations / MANY)));
}

static void gather_tasks_heap(unsigned long operations)
{
    run(ASYNC_NEW(gathers_tasks, .rounds = (uint32_t)(operations / MANY), .heap = true));
}

static void gather_done_place(unsigned long operations)
{
    static struct gathers_done_task task;
    unsigned i;
    for (i = 0; i < MANY; i++) {
        asyncio_future_init(&futures[i], &loop);
        (void)asyncio_future_set_result(&futures[i], 7);
    }
    run(ASYNC_AT(&task, gathers_done, .rounds = (uint32_t)(operations / MANY)));
}

ASYNC(sleeper)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(3600));
    ASYNC_END;
}

ASYNC(canceller, uint32_t left; struct sleeper_task sleeper; int err;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        asyncio_create_task(ASYNC_AT(&self->sleeper, sleeper));
        ASYNC_AWAIT(asyncio_sleep(0));
        (void)asyncio_task_cancel(ASYNC_TASK(&self->sleeper), NULL);
        ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&self->sleeper));
        bench_done += self->err == ASYNCIO_ECANCELLED;
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void cancel_place(unsigned long operations)
{
    static struct canceller_task task;
    run(ASYNC_AT(&task, canceller, .left = (uint32_t)operations));
}

ASYNC(heap_canceller, uint32_t left; asyncio_task *sleeper; int err;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        asyncio_create_task(ASYNC_NEW(sleeper), .into = &self->sleeper);
        ASYNC_AWAIT(asyncio_sleep(0));
        (void)asyncio_task_cancel(self->sleeper, NULL);
        ASYNC_CATCH_ALL(self->err, self->sleeper);
        asyncio_task_release(self->sleeper);
        bench_done += self->err == ASYNCIO_ECANCELLED;
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void cancel_heap(unsigned long operations) { run(ASYNC_NEW(heap_canceller, .left = (uint32_t)operations)); }

static asyncio_taskgroup group;
static asyncio_taskgroup_child records[MANY];

ASYNC(member)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    bench_done++;
    ASYNC_END;
}
static struct member_task members[MANY];

ASYNC(groups, uint32_t rounds; uint32_t i;)
{
    ASYNC_BEGIN;
    for (; self->rounds > 0; self->rounds--) {
        ASYNC_WITH(&group, asyncio_taskgroup_in(records, MANY)) {
            for (self->i = 0; self->i < MANY; self->i++)
                (void)asyncio_taskgroup_create_task(&group, ASYNC_AT(&members[self->i], member));
        }
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

ASYNC(groups_heap, uint32_t rounds; uint32_t i;)
{
    ASYNC_BEGIN;
    for (; self->rounds > 0; self->rounds--) {
        ASYNC_WITH(&group, asyncio_taskgroup()) {
            for (self->i = 0; self->i < MANY; self->i++)
                (void)asyncio_taskgroup_create_task(&group, ASYNC_NEW(member));
        }
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void groups_place(unsigned long operations)
{
    static struct groups_task task;
    run(ASYNC_AT(&task, groups, .rounds = (uint32_t)(operations / MANY)));
}
static void groups_on_heap(unsigned long operations)
{
    run(ASYNC_NEW(groups_heap, .rounds = (uint32_t)(operations / MANY)));
}

ASYNC(limits, uint32_t left; asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        ASYNC_WITH(&self->limit, asyncio_timeout(5)) {
            ASYNC_AWAIT(&futures[0]);
            bench_done++;
        }
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void timeout_place(unsigned long operations)
{
    static struct limits_task task;
    asyncio_future_init(&futures[0], &loop);
    (void)asyncio_future_set_result(&futures[0], 7);
    run(ASYNC_AT(&task, limits, .left = (uint32_t)operations));
}

static const bench_case cases[] = {
    {"floor", "ping_pong", ping_pong_floor, 2},
    {"floor", "gather_1000", gather_tasks_floor, MANY},
    {"floor", "gather_1000_done", gather_done_floor, MANY},
    {"floor", "taskgroup_1000", gather_tasks_floor, MANY},
    {"floor", "timeout_around_ready", timeout_floor, 1},
    {"floor", "cancel_sleeper", cancel_floor, 1},
    {"asyncio.h", "ping_pong", ping_pong_place, 2},
    {"asyncio.h", "gather_1000", gather_tasks_place, MANY},
    {"asyncio.h", "gather_1000_done", gather_done_place, MANY},
    {"asyncio.h", "taskgroup_1000", groups_place, MANY},
    {"asyncio.h heap", "taskgroup_1000", groups_on_heap, MANY},
    {"asyncio.h", "timeout_around_ready", timeout_place, 1},
    {"asyncio.h", "cancel_sleeper", cancel_place, 1},
    {"asyncio.h heap", "ping_pong", ping_pong_heap, 2},
    {"asyncio.h heap", "gather_1000", gather_tasks_heap, MANY},
    {"asyncio.h heap", "cancel_sleeper", cancel_heap, 1},
};

int main(int argc, char **argv)
{
    if (asyncio_loop_init(&loop, NULL) != 0)
        return 1;
    return BENCH_MAIN(argc, argv, cases);
}
