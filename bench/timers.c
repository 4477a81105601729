/* SPDX-License-Identifier: MIT
 *
 * timers.c - a million timers at random deadlines within a second, armed and cancelled, armed and fired; a million
 * tasks that sleep one to two seconds each; one task that sleeps a millisecond again and again. The rows named _virtual
 * have a clock of the program's own, which moves on by whole milliseconds, so that nothing is waited for.
 *
 * Two floors: a binary heap with the deadlines in the heap's array, exact; and a hierarchical wheel (256 slots a level)
 * whose deadlines are rounded up to a millisecond, which the library does not do. Both sleep whole milliseconds.
 */
#include "floor.h"

#include "asyncio.h"

static const int64_t millisecond = 1000000, second = 1000000000;

/* ---- The clock, and what is slept ---- */

static bool real;
static int64_t now; /* of the clock that is not */

static int64_t clock_now(void)
{
    struct timespec time;
    if (!real)
        return now;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
}

/* Lets the time pass until `when`, rounded up to a millisecond. */
static void sleep_until(int64_t when)
{
    struct timespec time;
    when = (when + millisecond - 1) / millisecond * millisecond;
    time.tv_sec = when / second;
    time.tv_nsec = when % second;
    if (real)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
    else if (now < when)
        now = when;
}

static uint64_t seed;

static int64_t random_delay(void) /* below a second */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int64_t)(seed % 1000000000u) + 1;
}

static void begin(bool with_real_clock)
{
    real = with_real_clock;
    seed = 88172645463325252u;
    bench_start();
}

/* ---- By hand: a binary heap ---- */

typedef struct floor_entry floor_entry;
typedef struct floor_timer {
    void (*fire)(struct floor_timer *timer);
    size_t index;
} floor_timer;
typedef struct floor_sleeper {
    floor_task task;
    floor_timer timer;
} floor_sleeper;
struct floor_entry {
    int64_t when;
    floor_timer *timer;
};

static floor_entry *heap;
static size_t heap_size;

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
    floor_run();
    while (heap_size > 0) {
        int64_t time;
        sleep_until(heap[0].when);
        time = clock_now();
        while (heap_size > 0 && heap[0].when <= time) {
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
    bench_done++;
}

static void heap_timers(unsigned long operations, bool with_real_clock, bool cancel)
{
    floor_timer *timers = (floor_timer *)calloc(operations, sizeof *timers);
    int64_t start;
    unsigned long i;
    heap = (floor_entry *)calloc(operations, sizeof *heap);
    begin(with_real_clock);
    start = clock_now();
    for (i = 0; i < operations; i++) {
        timers[i].fire = count_timer;
        heap_arm(&timers[i], start + random_delay());
    }
    for (i = 0; cancel && i < operations; i++)
        heap_cancel(&timers[i]);
    if (cancel && heap_size == 0)
        bench_done = operations;
    heap_run();
    bench_stop();
    free(heap);
    free(timers);
}

static void heap_cancel_floor(unsigned long operations) { heap_timers(operations, true, true); }
static void heap_fire_floor(unsigned long operations) { heap_timers(operations, true, false); }
static void heap_cancel_virtual(unsigned long operations) { heap_timers(operations, false, true); }
static void heap_fire_virtual(unsigned long operations) { heap_timers(operations, false, false); }

static void wake_sleeper(floor_timer *timer)
{
    floor_push((floor_task *)(void *)((char *)timer - offsetof(floor_sleeper, timer)));
}

/* `least` and a random part of a second, or a millisecond each of `left` times. */
static int64_t least;
static void floor_sleep(floor_task *task)
{
    floor_timer *timer = &((floor_sleeper *)task)->timer;
    switch (task->state) {
    case 0:
        task->state = 1;
        timer->fire = wake_sleeper;
        for (; task->left > 0; task->left--) {
            heap_arm(timer, clock_now() + (least > 0 ? least + random_delay() : millisecond));
            return;
        case 1:
            bench_done++;
        }
    }
}

static void floor_sleeps(unsigned long tasks, uint32_t times, bool with_real_clock)
{
    floor_sleeper *sleepers = (floor_sleeper *)calloc(tasks, sizeof *sleepers);
    unsigned long i;
    heap = (floor_entry *)calloc(tasks, sizeof *heap);
    begin(with_real_clock);
    for (i = 0; i < tasks; i++)
        floor_start(&sleepers[i].task, floor_sleep, times);
    heap_run();
    bench_stop();
    free(heap);
    free(sleepers);
}

static void sleepers_floor(unsigned long operations)
{
    least = second;
    floor_sleeps(operations, 1, true);
}
static void sleepers_virtual(unsigned long operations)
{
    least = second;
    floor_sleeps(operations, 1, false);
}
static void wake_floor(unsigned long operations)
{
    least = 0;
    floor_sleeps(1, (uint32_t)operations, true);
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

static void wheel_ready(void)
{
    unsigned level, slot;
    for (level = 0; level < 4; level++)
        for (slot = 0; slot < 256; slot++)
            wheel[level][slot].next = wheel[level][slot].prev = &wheel[level][slot];
    wheel_tick = clock_now() / millisecond;
}

static void count_plain(void *arg)
{
    (void)arg;
    bench_done++;
}

static void wheel_timers(unsigned long operations, bool with_real_clock, bool cancel)
{
    wheel_timer *timers = (wheel_timer *)calloc(operations, sizeof *timers);
    int64_t start;
    unsigned long i;
    begin(with_real_clock);
    start = clock_now();
    wheel_ready();
    for (i = 0; i < operations; i++)
        wheel_arm(&timers[i], start + random_delay(), count_plain, NULL);
    for (i = 0; cancel && i < operations; i++)
        wheel_cancel(&timers[i]);
    for (i = 0; cancel && i < 4 * 256; i++)
        if (wheel[i / 256][i % 256].next != &wheel[i / 256][i % 256])
            break;
    if (cancel && i == 4 * 256)
        bench_done = operations;
    while (bench_done < operations) {
        sleep_until((wheel_tick + 1) * millisecond);
        while (wheel_tick < clock_now() / millisecond)
            wheel_advance();
    }
    bench_stop();
    free(timers);
}

static void wheel_cancel_floor(unsigned long operations) { wheel_timers(operations, true, true); }
static void wheel_fire_floor(unsigned long operations) { wheel_timers(operations, true, false); }
static void wheel_cancel_virtual(unsigned long operations) { wheel_timers(operations, false, true); }
static void wheel_fire_virtual(unsigned long operations) { wheel_timers(operations, false, false); }

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
        sleep_until(now + timeout);
}

static const asyncio_port port = {NULL, NULL, port_time, port_wait, NULL, NULL, NULL, false};
static asyncio_loop loop;
static unsigned long left;

static void open_loop(bool with_real_clock)
{
    if (asyncio_loop_init(&loop, with_real_clock ? NULL : &port) != 0)
        exit(1);
}

static void run_loop(void)
{
    (void)asyncio_run_forever(&loop);
    bench_stop();
    (void)asyncio_loop_close(&loop);
}

static void count_handle(void *arg)
{
    (void)arg;
    bench_done++;
    if (--left == 0)
        asyncio_loop_stop(&loop);
}

static void cancel_handles(unsigned long operations, bool with_real_clock)
{
    asyncio_handle *handles = (asyncio_handle *)calloc(operations, sizeof *handles);
    asyncio_time start;
    unsigned long i;
    open_loop(with_real_clock);
    begin(with_real_clock);
    start = asyncio_loop_time(&loop);
    for (i = 0; i < operations; i++)
        asyncio_call_at(&loop, &handles[i], start + random_delay(), count_handle, NULL);
    for (i = 0; i < operations; i++)
        asyncio_handle_cancel(&handles[i]);
    asyncio_loop_stop(&loop);
    run_loop();
    for (i = 0; i < operations; i++)
        bench_done += asyncio_handle_cancelled(&handles[i]);
    free(handles);
}

static void fire_handles(unsigned long operations, bool with_real_clock, bool on_heap)
{
    asyncio_handle *handles = on_heap ? NULL : (asyncio_handle *)calloc(operations, sizeof *handles);
    asyncio_time start;
    unsigned long i;
    open_loop(with_real_clock);
    left = operations;
    begin(with_real_clock);
    start = asyncio_loop_time(&loop);
    for (i = 0; i < operations; i++)
        asyncio_call_at(&loop, on_heap ? NULL : &handles[i], start + random_delay(), count_handle, NULL);
    run_loop();
    free(handles);
}

static void timers_cancel(unsigned long operations) { cancel_handles(operations, true); }
static void timers_cancel_virtual(unsigned long operations) { cancel_handles(operations, false); }
static void timers_fire(unsigned long operations) { fire_handles(operations, true, false); }
static void timers_fire_heap(unsigned long operations) { fire_handles(operations, true, true); }
static void timers_fire_virtual(unsigned long operations) { fire_handles(operations, false, false); }

ASYNC(sleeper, unsigned long argument; unsigned long result;) /* a frame of 16 bytes */
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep_for(asyncio_current_task(), second + random_delay()));
    self->result = self->argument + 1;
    bench_done++;
    if (--left == 0)
        asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void sleepers(unsigned long operations, bool with_real_clock, bool on_heap)
{
    struct sleeper_task *tasks = on_heap ? NULL : (struct sleeper_task *)calloc(operations, sizeof *tasks);
    asyncio_task_options options;
    unsigned long i;
    asyncio__no_options(&options);
    open_loop(with_real_clock);
    left = operations;
    begin(with_real_clock);
    for (i = 0; i < operations; i++)
        asyncio_loop_create_task(
            &loop, on_heap ? ASYNC_NEW(sleeper, .argument = i) : ASYNC_AT(&tasks[i], sleeper, .argument = i), &options);
    run_loop();
    free(tasks);
}

static void sleepers_place(unsigned long operations) { sleepers(operations, true, false); }
static void sleepers_heap(unsigned long operations) { sleepers(operations, true, true); }
static void sleepers_place_virtual(unsigned long operations) { sleepers(operations, false, false); }

ASYNC(waker, unsigned long left;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--) {
        ASYNC_AWAIT(asyncio_sleep(0.001));
        bench_done++;
    }
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void wake_place(unsigned long operations)
{
    static struct waker_task task;
    asyncio_task_options options;
    asyncio__no_options(&options);
    open_loop(true);
    begin(true);
    asyncio_loop_create_task(&loop, ASYNC_AT(&task, waker, .left = operations), &options);
    run_loop();
}

static const bench_case cases[] = {
    {"floor", "timers_cancel", heap_cancel_floor, 1},
    {"floor", "timers_fire", heap_fire_floor, 1},
    {"floor", "timers_cancel_virtual", heap_cancel_virtual, 1},
    {"floor", "timers_fire_virtual", heap_fire_virtual, 1},
    {"floor", "sleepers", sleepers_floor, 1},
    {"floor", "sleepers_virtual", sleepers_virtual, 1},
    {"floor", "wake_1ms", wake_floor, 1},
    {"floor ms wheel", "timers_cancel", wheel_cancel_floor, 1},
    {"floor ms wheel", "timers_fire", wheel_fire_floor, 1},
    {"floor ms wheel", "timers_cancel_virtual", wheel_cancel_virtual, 1},
    {"floor ms wheel", "timers_fire_virtual", wheel_fire_virtual, 1},
    {"asyncio.h", "timers_cancel", timers_cancel, 1},
    {"asyncio.h", "timers_fire", timers_fire, 1},
    {"asyncio.h", "timers_cancel_virtual", timers_cancel_virtual, 1},
    {"asyncio.h", "timers_fire_virtual", timers_fire_virtual, 1},
    {"asyncio.h", "sleepers", sleepers_place, 1},
    {"asyncio.h", "sleepers_virtual", sleepers_place_virtual, 1},
    {"asyncio.h", "wake_1ms", wake_place, 1},
    {"asyncio.h heap", "timers_fire", timers_fire_heap, 1},
    {"asyncio.h heap", "sleepers", sleepers_heap, 1},
};

int main(int argc, char **argv) { return BENCH_MAIN(argc, argv, cases); }
