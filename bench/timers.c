/* SPDX-License-Identifier: MIT
 *
 * timers.c - a million timers at random deadlines within a second: armed and cancelled, armed and fired. The clock is the
 * program's own and moves on by whole milliseconds, for the floors as for the library, so that nothing is waited for.
 *
 * Two floors: a binary heap with the deadlines in the heap's array, exact; and a hierarchical wheel (256 slots a level)
 * whose deadlines are rounded up to a millisecond, which the library does not do.
 */
#define BENCH_ROUNDS 5
#include "floor.h"

#include "asyncio.h"

enum { TIMERS = 1000000 };
static const int64_t millisecond = 1000000;
static int64_t *deadlines; /* ns, from the moment of arming */
static int64_t now;
static unsigned long fired, expected;

static void shuffle_deadlines(void)
{
    uint64_t random = 88172645463325252u;
    unsigned long i;
    for (i = 0; i < TIMERS; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        deadlines[i] = (int64_t)(random % 1000000000u) + 1;
    }
}

/* ---- By hand: a binary heap ---- */

typedef struct floor_entry floor_entry;
typedef struct floor_timer {
    void (*fire)(struct floor_timer *timer);
    size_t index;
    floor_task task; /* of the sleepers */
} floor_timer;
struct floor_entry {
    int64_t when;
    floor_timer *timer;
};

static floor_entry *heap;
static size_t heap_size;
static floor_timer *floor_timers;

static void heap_up(size_t i, floor_entry entry)
{
    while (i > 0 && entry.when < heap[(i - 1) / 2].when) {
        heap[i] = heap[(i - 1) / 2];
        heap[i].timer->index = i;
        i = (i - 1) / 2;
    }
    heap[i] = entry;
    entry.timer->index = i;
}

static void heap_down(size_t i, floor_entry entry)
{
    size_t child;
    while ((child = 2 * i + 1) < heap_size) {
        if (child + 1 < heap_size && heap[child + 1].when < heap[child].when)
            child++;
        if (entry.when <= heap[child].when)
            break;
        heap[i] = heap[child];
        heap[i].timer->index = i;
        i = child;
    }
    heap[i] = entry;
    entry.timer->index = i;
}

static void heap_arm(floor_timer *timer, int64_t when)
{
    floor_entry entry;
    entry.when = when;
    entry.timer = timer;
    heap_up(heap_size++, entry);
}

static void heap_cancel(floor_timer *timer)
{
    floor_entry last = heap[--heap_size];
    size_t i = timer->index;
    if (i == heap_size)
        return;
    if (i > 0 && last.when < heap[(i - 1) / 2].when)
        heap_up(i, last);
    else
        heap_down(i, last);
}

static void heap_run(void)
{
    while (heap_size > 0) {
        now = (heap[0].when + millisecond - 1) / millisecond * millisecond;
        while (heap_size > 0 && heap[0].when <= now) {
            floor_timer *timer = heap[0].timer;
            heap_cancel(timer);
            timer->fire(timer);
        }
        floor_run();
    }
}

static void count_timer(floor_timer *timer)
{
    (void)timer;
    fired++;
}

static void heap_cancel_floor(unsigned long operations)
{
    unsigned long i;
    bench_start();
    for (i = 0; i < operations; i++) {
        floor_timers[i].fire = count_timer;
        heap_arm(&floor_timers[i], now + deadlines[i]);
    }
    for (i = 0; i < operations; i++)
        heap_cancel(&floor_timers[i]);
    bench_stop();
}

static void heap_fire_floor(unsigned long operations)
{
    unsigned long i;
    bench_start();
    for (i = 0; i < operations; i++) {
        floor_timers[i].fire = count_timer;
        heap_arm(&floor_timers[i], now + deadlines[i]);
    }
    heap_run();
    bench_stop();
}

static void wake_sleeper(floor_timer *timer) { floor_push(&timer->task); }

static void floor_sleeper(floor_task *task)
{
    floor_timer *timer = (floor_timer *)(void *)((char *)task - offsetof(floor_timer, task));
    switch (task->state) {
    case 0:
        task->state = 1;
        timer->fire = wake_sleeper;
        heap_arm(timer, now + deadlines[task->left]);
        return;
    case 1:
        fired++;
    }
}

static void sleepers_floor(unsigned long operations)
{
    unsigned long i;
    bench_start();
    for (i = 0; i < operations; i++)
        floor_start(&floor_timers[i].task, floor_sleeper, (uint32_t)i);
    floor_run();
    heap_run();
    bench_stop();
}

/* ---- By hand: a wheel ---- */

typedef struct wheel_timer wheel_timer;
struct wheel_timer {
    wheel_timer *next, *prev;
    int64_t tick;
    void (*fire)(void *arg);
    void *arg;
};

static wheel_timer wheel[4][256];
static wheel_timer *wheel_timers;
static int64_t wheel_tick;

static void wheel_put(wheel_timer *timer)
{
    uint64_t far = (uint64_t)(timer->tick - wheel_tick);
    unsigned level = far < 256 ? 0 : far < 65536 ? 1 : far < 16777216 ? 2 : 3;
    wheel_timer *slot = &wheel[level][(uint64_t)timer->tick >> (8 * level) & 255];
    timer->next = slot;
    timer->prev = slot->prev;
    slot->prev->next = timer;
    slot->prev = timer;
}

static void wheel_arm(wheel_timer *timer, int64_t when, void (*fire)(void *arg), void *arg)
{
    timer->tick = (when + millisecond - 1) / millisecond;
    timer->fire = fire;
    timer->arg = arg;
    wheel_put(timer);
}

static void wheel_cancel(wheel_timer *timer)
{
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
}

static void wheel_advance(void)
{
    unsigned level;
    wheel_timer *slot, *timer;
    wheel_tick++;
    for (level = 1; level < 4 && ((uint64_t)wheel_tick >> (8 * (level - 1)) & 255) == 0; level++) {
        slot = &wheel[level][(uint64_t)wheel_tick >> (8 * level) & 255];
        timer = slot->next;
        slot->next = slot->prev = slot;
        while (timer != slot) {
            wheel_timer *next = timer->next;
            wheel_put(timer);
            timer = next;
        }
    }
    slot = &wheel[0][wheel_tick & 255];
    timer = slot->next;
    slot->next = slot->prev = slot;
    while (timer != slot) {
        wheel_timer *next = timer->next;
        timer->fire(timer->arg);
        timer = next;
    }
}

static void count_plain(void *arg)
{
    (void)arg;
    fired++;
}

static void wheel_ready(void)
{
    unsigned level, slot;
    for (level = 0; level < 4; level++)
        for (slot = 0; slot < 256; slot++)
            wheel[level][slot].next = wheel[level][slot].prev = &wheel[level][slot];
    wheel_tick = now / millisecond;
}

static void wheel_cancel_floor(unsigned long operations)
{
    unsigned long i;
    wheel_ready();
    bench_start();
    for (i = 0; i < operations; i++)
        wheel_arm(&wheel_timers[i], now + deadlines[i], count_plain, NULL);
    for (i = 0; i < operations; i++)
        wheel_cancel(&wheel_timers[i]);
    bench_stop();
}

static void wheel_fire_floor(unsigned long operations)
{
    unsigned long i;
    wheel_ready();
    fired = 0;
    bench_start();
    for (i = 0; i < operations; i++)
        wheel_arm(&wheel_timers[i], now + deadlines[i], count_plain, NULL);
    while (fired < operations)
        wheel_advance();
    bench_stop();
    now = wheel_tick * millisecond;
}

/* ---- The library ---- */

static asyncio_time port_time(asyncio_loop *loop)
{
    (void)loop;
    return now;
}

static void port_wait(asyncio_loop *loop, asyncio_time timeout)
{
    (void)loop;
    if (timeout > 0)
        now = (now + timeout + millisecond - 1) / millisecond * millisecond;
}

static const asyncio_port port = {NULL, NULL, port_time, port_wait, NULL, NULL, NULL, false};
static asyncio_loop loop;
static asyncio_handle *handles;

static void count_handle(void *arg)
{
    if (++fired == expected)
        asyncio_loop_stop((asyncio_loop *)arg);
}

static void handles_cancel_subject(unsigned long operations)
{
    unsigned long i;
    bench_start();
    for (i = 0; i < operations; i++)
        asyncio_call_at(&loop, &handles[i], now + deadlines[i], count_handle, &loop);
    for (i = 0; i < operations; i++)
        asyncio_handle_cancel(&handles[i]);
    bench_stop();
}

static void handles_fire_subject(unsigned long operations)
{
    unsigned long i;
    fired = 0;
    expected = operations;
    bench_start();
    for (i = 0; i < operations; i++)
        asyncio_call_at(&loop, &handles[i], now + deadlines[i], count_handle, &loop);
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

ASYNC(sleeper, uint32_t i;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep_for(asyncio_current_task(), deadlines[self->i]));
    if (++fired == expected)
        asyncio_loop_stop(&loop);
    ASYNC_END;
}

static struct sleeper_task *sleepers;

static void sleepers_subject(unsigned long operations)
{
    asyncio_task_options options;
    unsigned long i;
    asyncio__no_options(&options);
    fired = 0;
    expected = operations;
    bench_start();
    for (i = 0; i < operations; i++)
        asyncio_loop_create_task(&loop, ASYNC_AT(&sleepers[i], sleeper, .i = (uint32_t)i), &options);
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

int main(void)
{
    bench_head("timers");
    if (asyncio_loop_init(&loop, &port) != 0)
        return 1;
    deadlines = (int64_t *)calloc(TIMERS, sizeof *deadlines);
    shuffle_deadlines();
    heap = (floor_entry *)calloc(TIMERS, sizeof *heap);
    floor_timers = (floor_timer *)calloc(TIMERS, sizeof *floor_timers);
    wheel_timers = (wheel_timer *)calloc(TIMERS, sizeof *wheel_timers);
    handles = (asyncio_handle *)calloc(TIMERS, sizeof *handles);
    bench_row("call_at, arm + cancel (heap)", heap_cancel_floor, handles_cancel_subject, TIMERS, 1.0, sizeof *handles);
    bench_row("call_at, arm + cancel (ms wheel)", wheel_cancel_floor, handles_cancel_subject, TIMERS, 0, sizeof *handles);
    bench_row("call_at, arm + fire (heap)", heap_fire_floor, handles_fire_subject, TIMERS, 1.0, sizeof *handles);
    bench_row("call_at, arm + fire (ms wheel)", wheel_fire_floor, handles_fire_subject, TIMERS, 0, sizeof *handles);
    free(handles);
    free(wheel_timers);
    sleepers = (struct sleeper_task *)calloc(TIMERS, sizeof *sleepers);
    bench_row("create, sleep, end (heap)", sleepers_floor, sleepers_subject, TIMERS, 1.0, sizeof *sleepers);
    free(sleepers);
    free(floor_timers);
    free(heap);
    free(deadlines);
    return asyncio_loop_close(&loop);
}
