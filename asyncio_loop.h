/* SPDX-License-Identifier: MIT
 *
 * asyncio_loop.h - what runs coroutines: the ready list, timers, callbacks, one iteration, and the port below it.
 *
 *     #include "asyncio.h"
 *
 *     static void tick(void *arg) { puts((char *)arg); }
 *
 *     ASYNC(main_coro, asyncio_handle timer;)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_call_later(asyncio_get_running_loop(), &self->timer, 0.1, tick, "tick");
 *         ASYNC_AWAIT(asyncio_sleep(0.2));
 *         puts("done");
 *         ASYNC_END;
 *     }
 *
 *     static asyncio_loop loop;
 *     static struct main_coro_task storage;
 *
 *     int main(void)
 *     {
 *         int err = asyncio_loop_init(&loop, NULL);          // NULL: this target's own port
 *         if (err == 0) {
 *             err = asyncio_run_until_complete(&loop, ASYNC_AT(&storage, main_coro), NULL);
 *             asyncio_loop_close(&loop);
 *         }
 *         return err;
 *     }
 *
 * Hosted programs call asyncio_run (asyncio.h), which does this and CPython's orderly shutdown.
 *
 * One iteration, in CPython's order (base_events.py:BaseEventLoop._run_once)
 *
 *   1. wait: not at all if something is ready, else until the next deadline, a descriptor or a wake-up
 *   2. what the wait found -> ready                        (a descriptor's reader before its writer)
 *   3. timers that are due -> ready                        (earliest first, equal ones in the order they were armed)
 *   4. run what is ready now; what that makes ready runs in the next iteration
 *
 * A port that is not `exact` may leave out 1 to 3 for up to ASYNCIO_LAZY_PASSES iterations while something is ready: a
 * poll and a clock cost more than a switch. The virtual clock never does, so its ticks are CPython's.
 *
 * Options
 *
 *   ASYNCIO_TICKS_PER_SECOND   what one second of loop time is            default: 1000000000 hosted, else 1000
 *   ASYNCIO_LAZY_PASSES        see above; 0: never                        default: 64, 0 with ASYNCIO_TINY
 *   ASYNCIO_LAZY_STEPS         nor for more than so many callbacks        default: 512
 *   ASYNCIO_MALLOC, _FREE      the heap of ASYNC_NEW and of NULL handles  default: malloc, free; freestanding: none
 *   ASYNCIO_FREELIST           keep so many freed blocks per size class   default: 0. At most 512 bytes a block; each
 *                              thread has its own, and closing a loop frees those of its thread
 *   ASYNCIO_SELECTORS          1: descriptors, signals, real time         default: hosted. 0: virtual time, unless:
 *   ASYNCIO_DEFAULT_PORT       the port of a loop that is given none      default: see below
 *   ASYNCIO_TIMER_WHEEL        see asyncio/heapq.h
 *
 * The port is a struct of functions. Freestanding, the program defines `const asyncio_port asyncio_default_port`, the
 * only symbol that these headers leave undefined. asyncio_virtual_port has no clock: time jumps to the next deadline
 * when there is nothing to do, so that tests take no time and always happen in the same order.
 */
#ifndef ASYNCIO_LOOP_H
#define ASYNCIO_LOOP_H

#include "asyncio_task.h"
#include "asyncio/heapq.h"

#ifndef ASYNCIO_TICKS_PER_SECOND
#define ASYNCIO_TICKS_PER_SECOND (ASYNCIO_HOSTED ? 1000000000L : 1000L)
#endif
#ifndef ASYNCIO_LAZY_PASSES
#define ASYNCIO_LAZY_PASSES (ASYNCIO_TINY ? 0 : 64)
#endif
#ifndef ASYNCIO_LAZY_STEPS
#define ASYNCIO_LAZY_STEPS 512
#endif
#ifndef ASYNCIO_FREELIST
#define ASYNCIO_FREELIST 0
#endif
#ifndef ASYNCIO_SELECTORS
#define ASYNCIO_SELECTORS ASYNCIO_HOSTED
#endif

#if ASYNCIO_SELECTORS
#include <pthread.h>
#endif
#if ASYNCIO_HOSTED
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if !defined(ASYNCIO_MALLOC) && !defined(ASYNCIO_FREE)
#define ASYNCIO_MALLOC(size) malloc(size)
#define ASYNCIO_FREE(memory) free(memory)
#endif
#endif
#if defined(ASYNCIO_MALLOC) != defined(ASYNCIO_FREE)
#error "define both ASYNCIO_MALLOC and ASYNCIO_FREE, or neither"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ASYNCIO_SECONDS - seconds to loop time: the nearest tick, at least one if positive; evaluated once. Freestanding:
 * give it constants, they are folded, and must fit into 31 bits of ticks; a double variable would link floating point
 * (asyncio_sleep_ticks, asyncio_call_at and asyncio_call_later_ticks take ticks). */
#if ASYNCIO_HOSTED
static inline asyncio_time asyncio__seconds(double seconds)
{
    double ticks = seconds * (double)ASYNCIO_TICKS_PER_SECOND;
    if (ticks >= 9223372036854774784.0)
        return INT64_MAX;
    if (ticks <= -9223372036854774784.0)
        return INT64_MIN;
    if (ticks > 0)
        return ticks < 1.0 ? 1 : (asyncio_time)(ticks + 0.5);
    return ticks < 0 ? (asyncio_time)(ticks - 0.5) : 0;
}
#define ASYNCIO_SECONDS(seconds) asyncio__seconds((double)(seconds))
#else
#define ASYNCIO__ROUND(ticks) ((ticks) <= 0 ? (ticks) - 0.5 : (ticks) < 1 ? 1 : (ticks) + 0.5)
#define ASYNCIO_SECONDS(seconds)                                                                                       \
    (__builtin_constant_p(seconds) ? (asyncio_time)ASYNCIO__ROUND((seconds) * ASYNCIO_TICKS_PER_SECOND)                \
                                   : (asyncio_time)((seconds) * ASYNCIO_TICKS_PER_SECOND))
#endif

#if ASYNCIO_HOSTED
/* asyncio_to_seconds - loop time as seconds. */
static inline double asyncio_to_seconds(asyncio_time ticks) { return (double)ticks / (double)ASYNCIO_TICKS_PER_SECOND; }
#endif

/* What the loop needs of its surroundings. Where there are neither other threads nor interrupts, `wake`, `lock` and
 * `unlock` may be NULL.
 *   open     ready the loop's own resources; 0 or an error. close undoes it. Both may be NULL.
 *   time     now, in ticks; monotonic; not negative where time has 64 bits
 *   wait     sleep at most `timeout` ticks (0: just look; negative: no limit), until `wake`, or until something that
 *            the port knows of happened. May return early. Must not miss a wake that came just before.
 *   wake     called from other threads and from interrupts, locked; from signal handlers, not locked
 *   lock     guards the list of calls from other threads and from interrupts: excludes both. Never nested, but an
 *            interrupt calls it, too: then unlock must leave interrupts as lock found them.
 *   exact    do not leave out waits while something is ready */
typedef struct asyncio_port {
    int (*open)(asyncio_loop *loop);
    void (*close)(asyncio_loop *loop);
    asyncio_time (*time)(asyncio_loop *loop);
    void (*wait)(asyncio_loop *loop, asyncio_time timeout);
    void (*wake)(asyncio_loop *loop);
    void (*lock)(asyncio_loop *loop);
    void (*unlock)(asyncio_loop *loop);
    bool exact;
} asyncio_port;

/* What asyncio/unix_events.h hangs into a loop. */
struct asyncio__signals {
    void (*deliver)(asyncio_loop *loop);
    void (*close)(asyncio_loop *loop);
};

/* A call that another thread or an interrupt can make, too, lies in `inbox` until the loop's next iteration. */
struct asyncio_loop {
    asyncio__core core;
    const asyncio_port *port;
    asyncio__timers timers;
    asyncio__node *inbox; /* guarded by the port's lock; read without it as a hint */
#if !ASYNCIO_THREADS
    void (*drain)(asyncio_loop *loop); /* who fills the inbox links what empties it */
#endif
    asyncio_time virtual_now;
    unsigned sources; /* who may wake the loop from outside, see asyncio_loop_add_source */
    int lazy;         /* what iterations may still spend before the next look outside */
    bool deadlocked;
    void *memory;                        /* of asyncio_new_event_loop: this struct */
    asyncio_future *target;              /* what run_until_complete waits for */
#if ASYNCIO_ALL_TASKS && defined(ASYNCIO_MALLOC)
    asyncio_task *last_main; /* the newest that run_until_complete waited for, held while others may use its frame */
#endif
#if ASYNCIO_ALL_TASKS
    unsigned watched;                    /* tasks that run()'s shutdown waits for */
    asyncio_handle stop_handle;          /* ends that shutdown */
#endif
    uint32_t ticks;                      /* iterations so far */
    asyncio_time slow_callback_duration; /* yours to set: what debug mode reports, in ticks; at first 0.1 s */
#if ASYNCIO_SELECTORS
    void *selector;                   /* asyncio/selectors.h */
    struct asyncio__signals *signals; /* asyncio/unix_events.h */
    pthread_mutex_t mutex;
#endif
#if ASYNCIO_THREADS
    asyncio__node *closing; /* asyncio/threads.h: who must know when the loop closes; guarded by the port's lock */
#endif
    void *user; /* yours */
};

#ifndef ASYNCIO_DEFAULT_PORT
#if ASYNCIO_SELECTORS
#define ASYNCIO_DEFAULT_PORT asyncio__default_port()
#elif ASYNCIO_HOSTED
#define ASYNCIO_DEFAULT_PORT &asyncio_virtual_port
#else
#define ASYNCIO_DEFAULT_PORT &asyncio_default_port
extern const asyncio_port asyncio_default_port;
#endif
#endif

/* ---- Memory ---- */

#ifdef ASYNCIO_MALLOC
#if ASYNCIO_FREELIST
/* Blocks of up to 16 classes of 32 bytes, kept per thread. The class stands in front of the block. */
typedef struct asyncio__freelist {
    void *block[16];
    unsigned count[16];
} asyncio__freelist;
extern ASYNCIO__THREAD_LOCAL asyncio__freelist asyncio__free_blocks;
ASYNCIO__WEAK ASYNCIO__THREAD_LOCAL asyncio__freelist asyncio__free_blocks;
#define ASYNCIO__BLOCK_HEAD 16u

static inline void *asyncio__alloc(size_t size)
{
    size_t kind = (size + ASYNCIO__BLOCK_HEAD - 1) / 32;
    char *block;
    if (kind < 16 && asyncio__free_blocks.block[kind] != NULL) {
        block = (char *)asyncio__free_blocks.block[kind];
        asyncio__free_blocks.block[kind] = *(void **)(void *)block;
        asyncio__free_blocks.count[kind]--;
        return block;
    }
    block = (char *)ASYNCIO_MALLOC(kind < 16 ? (kind + 1) * 32 : size + ASYNCIO__BLOCK_HEAD);
    if (block == NULL)
        return NULL;
    *(size_t *)(void *)block = kind;
    return block + ASYNCIO__BLOCK_HEAD;
}

static inline void asyncio__free(void *memory)
{
    char *block = (char *)memory - ASYNCIO__BLOCK_HEAD;
    size_t kind = *(size_t *)(void *)block;
    if (kind < 16 && asyncio__free_blocks.count[kind] < ASYNCIO_FREELIST) {
        *(void **)memory = asyncio__free_blocks.block[kind];
        asyncio__free_blocks.block[kind] = memory;
        asyncio__free_blocks.count[kind]++;
    } else {
        ASYNCIO_FREE(block);
    }
}

static inline void asyncio__free_all(void)
{
    unsigned kind;
    for (kind = 0; kind < 16; kind++) {
        void *memory;
        while ((memory = asyncio__free_blocks.block[kind]) != NULL) {
            asyncio__free_blocks.block[kind] = *(void **)memory;
            ASYNCIO_FREE((char *)memory - ASYNCIO__BLOCK_HEAD);
        }
        asyncio__free_blocks.count[kind] = 0;
    }
}
#else
static inline void *asyncio__alloc(size_t size) { return ASYNCIO_MALLOC(size); }
static inline void asyncio__free(void *memory) { ASYNCIO_FREE(memory); }
static inline void asyncio__free_all(void) {}
#endif

/* ASYNC_NEW: see asyncio/coroutines.h. One allocation for Task and frame. */
#define ASYNC_NEW(...) ASYNCIO__NEW(ASYNCIO__FIRST(__VA_ARGS__), __VA_ARGS__)
#define ASYNCIO__NEW(name, ...) ASYNCIO__NEW_(name, __VA_ARGS__)
#define ASYNCIO__NEW_(name, ...)                                                                                       \
    asyncio__to_be_awaited_or_started(ASYNCIO__EXTENSION({                                                             \
        struct name##_task *asyncio__new_##name = (struct name##_task *)asyncio__alloc(sizeof(struct name##_task));    \
        if (asyncio__new_##name != NULL) {                                                                             \
            ASYNCIO__PREPARE(name, (&asyncio__new_##name->frame), ASYNCIO__FRAME_ROOM | ASYNCIO__FRAME_HEAP,           \
                             __VA_ARGS__)                                                                              \
            asyncio__new_##name->frame.coro.value = (asyncio_value)asyncio__free;                                      \
            ASYNCIO__MADE(asyncio__new_##name, __FILE__, __LINE__);                                                    \
        }                                                                                                              \
        (asyncio_root *)(void *)(asyncio__new_##name != NULL ? &asyncio__new_##name->frame : NULL);                    \
    }))

/* asyncio_future_new - Python's loop.create_future(): a pending Future on the heap, NULL without memory. Release it;
 * the loop's close does not. One that nobody will settle any more and that has callbacks must be cancelled before, or
 * they removed: who waits keeps it. loop NULL: the running loop; NULL if none runs.
 * Source: base_events.py:create_future */
static inline asyncio_future *asyncio_future_new(asyncio_loop *loop)
{
    asyncio_future *future = NULL;
    if (loop != NULL || asyncio__running_loop != NULL)
        future = (asyncio_future *)asyncio__alloc(sizeof *future);
    if (future != NULL) {
        asyncio_future_init(future, loop);
        future->flags |= ASYNCIO__HEAP;
    }
    return future;
}
#endif

/* ---- Calls and timers ---- */

/*
 * asyncio_call_soon - have callback(arg) called in the next iteration. From the loop's own thread only.
 *
 *   loop       NULL: the running loop of this thread (not with ASYNCIO_CHECKS 0)
 *   handle     storage for it, yours until it was called or cancelled, so that you can cancel it; not while it is in
 *              use already, which would corrupt the loop's lists. NULL: from the heap, and freed before the call.
 *   Suspends   never
 *   Returns    0; ASYNCIO_ENOLOOP if loop is NULL and none runs; ASYNCIO_ECLOSED; ASYNCIO_ENOMEM (handle NULL); in
 *              debug mode ASYNCIO_ERUNTIME from another thread, when the loop runs in its own
 *   Memory     one block if handle is NULL. Cost: O(1).
 *   Source     base_events.py:BaseEventLoop.call_soon. It runs in a copy of the context of this call
 *              (asyncio/contexts.h). Differs: a C callback cannot raise.
 */
static inline asyncio_loop *asyncio__loop_or_running(asyncio_loop *loop)
{
    return ASYNCIO_CHECKS && loop == NULL ? asyncio__running_loop : loop;
}
static inline int asyncio__handle_new(asyncio_loop *loop, asyncio_handle **handle, asyncio_callback callback, void *arg)
{
    if (ASYNCIO__MISTAKE(loop == NULL))
        return ASYNCIO_ENOLOOP;
    if (loop->core.closed)
        return ASYNCIO_ECLOSED;
    if (ASYNCIO_DEBUG && ASYNCIO__UNLIKELY(loop->core.debug) && loop->core.running && asyncio__running_loop != loop)
        return ASYNCIO_ERUNTIME;
    *handle = asyncio__handle_init(loop, *handle);
    if (*handle == NULL)
        return ASYNCIO_ENOMEM;
    (*handle)->callback.plain = callback;
    (*handle)->arg = arg;
    return 0;
}

static inline bool asyncio__inbox_waits(asyncio_loop *loop);
ASYNCIO__COLD void asyncio__inbox_drain(asyncio_loop *loop);
#if ASYNCIO_THREADS
#define ASYNCIO__DRAIN(loop) asyncio__inbox_drain(loop)
#else
#define ASYNCIO__DRAIN(loop) (loop)->drain(loop)
#endif
static inline void asyncio__call_soon(asyncio_loop *loop, asyncio_handle *handle)
{
    if (ASYNCIO__UNLIKELY(asyncio__inbox_waits(loop))) /* what call_soon_threadsafe was given before goes first */
        ASYNCIO__DRAIN(loop);
    asyncio__handle_queue(loop, handle);
}
static inline int asyncio_call_soon(asyncio_loop *loop, asyncio_handle *handle, asyncio_callback callback, void *arg)
{
    int err = asyncio__handle_new(loop = asyncio__loop_or_running(loop), &handle, callback, arg);
    if (err == 0) {
        asyncio__handle_capture(loop, handle);
        asyncio__call_soon(loop, handle);
    }
    return err;
}

/* asyncio_loop_time - now, in ticks: nanoseconds hosted. loop NULL: the running one, which there must be. Python's
 * loop.time(). */
static inline asyncio_time asyncio__now(asyncio_loop *loop) { return loop->port->time(loop); }
static inline asyncio_time asyncio_loop_time(asyncio_loop *loop)
{
    return asyncio__now(asyncio__loop_or_running(loop));
}

/*
 * asyncio_call_at, asyncio_call_later, asyncio_call_later_ticks - the same at a time, or after a delay.
 *
 *   handle     as call_soon's; a TimerHandle: asyncio_handle_when tells its deadline
 *   when       ticks, as asyncio_loop_time counts. The past is allowed: due in the next iteration, the earlier first.
 *   seconds    an int or a double, folded if constant; negative is the past. NaN: ASYNCIO_EVALUE (hosted).
 *   delay      the same in ticks
 *   Suspends   never. Returns and Memory: as call_soon.
 *   Cost       O(1) with the wheel (asyncio/heapq.h); else, or in the past, O(timers)
 *   Source     base_events.py:call_at, call_later. Differs: equal deadlines are first come, first served, where
 *              CPython's heap mixes them; a cancelled timer is gone at once.
 */
static inline void asyncio__call_at(asyncio_loop *loop, asyncio_handle *handle, asyncio_time when)
{
    handle->flags |= ASYNCIO__HANDLE_LISTED;
    handle->timer.slot.when = when;
    asyncio__timers_add(&loop->timers, &handle->timer);
}
static inline int asyncio_call_at(asyncio_loop *loop, asyncio_handle *handle, asyncio_time when,
                                  asyncio_callback callback, void *arg)
{
    int err = asyncio__handle_new(loop = asyncio__loop_or_running(loop), &handle, callback, arg);
    if (err == 0) {
        asyncio__handle_capture(loop, handle);
        asyncio__call_at(loop, handle, when);
    }
    return err;
}
static inline int asyncio_call_later_ticks(asyncio_loop *loop, asyncio_handle *handle, asyncio_time delay,
                                           asyncio_callback callback, void *arg)
{
    loop = asyncio__loop_or_running(loop);
    if (ASYNCIO__MISTAKE(loop == NULL))
        return ASYNCIO_ENOLOOP;
    return asyncio_call_at(loop, handle, asyncio__time_add(asyncio__now(loop), delay), callback, arg);
}
#if ASYNCIO_HOSTED
static inline int asyncio__call_later(asyncio_loop *loop, asyncio_handle *handle, double seconds,
                                      asyncio_callback callback, void *arg)
{
    if (seconds != seconds)
        return ASYNCIO_EVALUE;
    return asyncio_call_later_ticks(loop, handle, asyncio__seconds(seconds), callback, arg);
}
#define asyncio_call_later(loop, handle, seconds, callback, arg)                                                       \
    asyncio__call_later(loop, handle, (double)(seconds), callback, arg)
#else
#define asyncio_call_later(loop, handle, seconds, callback, arg)                                                       \
    asyncio_call_later_ticks(loop, handle, ASYNCIO_SECONDS(seconds), callback, arg)
#endif

typedef asyncio_handle asyncio_timer_handle; /* Python's name */

/*
 * asyncio_handle_cancel - take back a call_soon, call_at or call_later, or a done callback.
 *
 *   handle     storage that one of them was given, or zeroed storage. Free for reuse afterwards.
 *              Of call_soon_threadsafe: from any thread, but not from an interrupt. Outside of the running loop its
 *              storage then stays in use until the loop's next iteration is over. When this returns, the callback has
 *              begun or never will.
 *   Suspends   never
 *   Returns    nothing; the callback of one that was cancelled twice, or after it ran, is not affected. Cost: O(1).
 *   Source     events.py:Handle.cancel, TimerHandle.cancel
 *
 * asyncio_handle_cancelled - whether asyncio_handle_cancel was called since. asyncio_handle_when - the deadline, in
 * ticks, of call_at and call_later; of nothing else.
 */
static inline void asyncio__shared_cancel(asyncio_handle *handle);
static inline void asyncio_handle_cancel(asyncio_handle *handle)
{
    const asyncio__wait *kind = handle->timer.node.wait;
    asyncio_loop *loop;
    if (kind != NULL && kind->wake == NULL) { /* only then may this be another thread */
        asyncio__shared_cancel(handle);
        return;
    }
    loop = handle->flags & ASYNCIO__HANDLE_DONE ? NULL : handle->of.loop;
    if (handle->flags & ASYNCIO__HANDLE_DONE) {
        if (handle->flags & ASYNCIO__HANDLE_LISTED) {
            asyncio__list_remove(&handle->of.future->waiters, &handle->timer.node);
            asyncio__future_left(handle->of.future);
        } else if (handle->flags & ASYNCIO__HANDLE_QUEUED) {
            loop = handle->of.future->loop;
        }
    } else if (handle->flags & ASYNCIO__HANDLE_LISTED) {
        asyncio__timers_remove(&loop->timers, &handle->timer);
    }
    if (handle->flags & ASYNCIO__HANDLE_QUEUED) {
        asyncio__handle_unqueue(loop, handle);
        if (handle->flags & ASYNCIO__HANDLE_DONE)
            asyncio__future_unhold(handle->of.future);
    }
    asyncio__handle_drop_context(handle);
    handle->flags = (uint16_t)((handle->flags & ~(ASYNCIO__HANDLE_QUEUED | ASYNCIO__HANDLE_LISTED)) |
                               ASYNCIO__HANDLE_CANCELLED);
}
static inline bool asyncio_handle_cancelled(const asyncio_handle *handle)
{
    return (handle->flags & ASYNCIO__HANDLE_CANCELLED) != 0;
}
static inline asyncio_time asyncio_handle_when(const asyncio_handle *handle) { return handle->timer.slot.when; }

/* ---- Calls from other threads and from interrupts ---- */

static inline void asyncio__lock(asyncio_loop *loop)
{
    if (loop->port->lock != NULL)
        loop->port->lock(loop);
}
static inline void asyncio__unlock(asyncio_loop *loop)
{
    if (loop->port->unlock != NULL)
        loop->port->unlock(loop);
}

static inline bool asyncio__inbox_waits(asyncio_loop *loop)
{
#if ASYNCIO_THREADS
    return __atomic_load_n(&loop->inbox, __ATOMIC_RELAXED) != NULL;
#else
    return *(asyncio__node *volatile *)&loop->inbox != NULL;
#endif
}
static inline void asyncio__inbox_set(asyncio_loop *loop, asyncio__node *head)
{
#if ASYNCIO_THREADS
    __atomic_store_n(&loop->inbox, head, __ATOMIC_RELAXED);
#else
    *(asyncio__node *volatile *)&loop->inbox = head;
#endif
}

/*
 * asyncio_call_soon_threadsafe - call_soon from any thread, or from an interrupt with storage of yours.
 *
 *   loop       NULL: as call_soon's, which from another thread is ASYNCIO_ENOLOOP
 *   handle     as call_soon's, but zeroed before its first use: while it waits to be called, calling again does nothing
 *              (so an interrupt that comes faster than the loop runs cannot overflow anything). The callback may call
 *              again, with the same storage. NULL, from the heap: not in an interrupt.
 *   Suspends   never
 *   Returns    0; ASYNCIO_ECLOSED; ASYNCIO_ENOMEM (handle NULL). The loop must not be destroyed meanwhile.
 *   Memory     one block if handle is NULL. Cost: O(1), a lock, and a write to a pipe if the loop may sleep.
 *   Source     base_events.py:call_soon_threadsafe. One FIFO with call_soon, if called from the loop's own thread, and
 *              with ASYNCIO_THREADS also with the tasks that become ready. Not from signal handlers:
 *              asyncio/unix_events.h. With ASYNCIO_THREADS it runs in a copy of the calling thread's context, else in
 *              an empty one.
 */

/* The flags of such a handle are guarded by the lock as long as it waits, in the inbox or in the ready list: until here
 * another thread may call again, or cancel. */
static inline int asyncio__shared_run(asyncio__node *node)
{
    asyncio_handle *handle = (asyncio_handle *)(void *)node;
    asyncio_loop *loop = handle->of.loop;
    asyncio__callback_context run;
    asyncio_callback callback;
    unsigned flags;
    void *arg;
    asyncio__lock(loop);
    flags = handle->flags;
    callback = handle->callback.plain;
    arg = handle->arg;
    handle->flags &= (uint16_t)~ASYNCIO__HANDLE_QUEUED;
    asyncio__callback_begin(&run, loop, handle);
    asyncio__unlock(loop);
    if (flags & ASYNCIO__HANDLE_HEAP)
        loop->core.free(handle);
    if (!(flags & ASYNCIO__HANDLE_CANCELLED))
        callback(arg);
    asyncio__callback_end(&run, loop);
    return ASYNCIO__PENDING;
}

/* No `wake`: it can be neither a timer nor a done callback, and by this asyncio_handle_cancel knows it. */
static const asyncio__wait asyncio__shared_kind = {asyncio__shared_run, NULL, NULL, NULL,
                                                   ASYNCIO__NO_TASK, 0 ASYNCIO__WHAT("callback")};

static inline int asyncio_call_soon_threadsafe(asyncio_loop *loop, asyncio_handle *handle, asyncio_callback callback,
                                               void *arg)
{
    asyncio__node *head;
    unsigned waits;
    loop = asyncio__loop_or_running(loop);
    if (ASYNCIO__MISTAKE(loop == NULL))
        return ASYNCIO_ENOLOOP;
    if (handle == NULL && (handle = asyncio__handle_init(loop, NULL)) == NULL)
        return ASYNCIO_ENOMEM;
    asyncio__lock(loop);
    if (loop->core.closed) {
        asyncio__unlock(loop);
        if (handle->flags & ASYNCIO__HANDLE_HEAP)
            loop->core.free(handle);
        return ASYNCIO_ECLOSED;
    }
    waits = handle->flags & (ASYNCIO__HANDLE_INBOX | ASYNCIO__HANDLE_QUEUED);
    if (waits == 0 || (handle->flags & ASYNCIO__HANDLE_CANCELLED)) {
        handle->callback.plain = callback;
        handle->arg = arg;
#if ASYNCIO_CONTEXTS && ASYNCIO_THREADS /* without thread-local storage there is no telling what runs in this thread */
        asyncio__handle_drop_context(handle);
        if (*asyncio__context_slot() != NULL)
            handle->context = asyncio__variables_copy(*asyncio__context_slot());
#endif
    }
    handle->flags &= (uint16_t)(waits | ASYNCIO__HANDLE_HEAP); /* cancelled by another thread, it is still in a list */
    if (waits == 0) {
#if !ASYNCIO_THREADS
        loop->drain = asyncio__inbox_drain;
#endif
        if (handle->of.loop != loop) /* written at its first use only: another thread's cancel reads both unlocked */
            handle->of.loop = loop;
        if (handle->timer.node.wait == NULL || handle->timer.node.wait->wake != NULL)
            handle->timer.node.wait = &asyncio__shared_kind;
        handle->flags |= ASYNCIO__HANDLE_INBOX;
        head = loop->inbox;
        asyncio__list_append(&head, &handle->timer.node);
        asyncio__inbox_set(loop, head);
    }
    /* An interrupt finds its loop running, perhaps on the way into `wait`. Locked: close() would take the rest away. */
    if (loop->port->wake != NULL && (!ASYNCIO_HOSTED || asyncio__running_loop != loop))
        loop->port->wake(loop);
    asyncio__unlock(loop);
#if ASYNCIO_THREADS
    if (asyncio__running_loop == loop) /* of this thread: it goes before what becomes ready from here on */
        asyncio__inbox_drain(loop);
#endif
    return 0;
}

/* The ready list is the loop's own: a foreign thread can only mark what is in there already. */
static inline void asyncio__shared_cancel(asyncio_handle *handle)
{
    asyncio_loop *loop = handle->of.loop;
    asyncio__node *head;
    asyncio__lock(loop);
    if (handle->flags & ASYNCIO__HANDLE_INBOX) {
        head = loop->inbox;
        asyncio__list_remove(&head, &handle->timer.node);
        asyncio__inbox_set(loop, head);
        handle->flags = 0;
    } else if ((handle->flags & ASYNCIO__HANDLE_QUEUED) && asyncio__running_loop == loop) {
        asyncio__handle_unqueue(loop, handle);
        handle->flags = 0;
    }
    asyncio__handle_drop_context(handle);
    handle->flags |= ASYNCIO__HANDLE_CANCELLED;
    asyncio__unlock(loop);
}

/* The inbox's calls join the ready list. */
ASYNCIO__COLD void asyncio__inbox_drain(asyncio_loop *loop)
{
    asyncio__node *node;
    asyncio__lock(loop);
    node = loop->inbox;
    asyncio__inbox_set(loop, NULL);
    while (node != NULL) {
        asyncio__node *next = node->next;
        asyncio_handle *handle = (asyncio_handle *)(void *)node;
        handle->flags &= (uint16_t)~ASYNCIO__HANDLE_INBOX;
        asyncio__handle_queue(loop, handle);
        node = next;
    }
    asyncio__unlock(loop);
}

/* ---- Sleep ---- */

/* Two steps, as in CPython: in the iteration in which it is due, the timer's turn comes in the ready list, which only
 * then makes the task ready for the next one. In between it can still be cancelled. */
static inline int asyncio__sleep_over(asyncio__node *node)
{
    return asyncio__make_ready(asyncio__node_task(node), 0);
}
static const asyncio__wait asyncio__sleep_due = {asyncio__sleep_over, NULL, NULL, NULL,
                                                 ASYNCIO__IN_TURN, 0 ASYNCIO__WHAT("waiting in sleep")};
static inline void asyncio__sleep_fire(asyncio__node *node, asyncio_future *future)
{
    (void)future;
    node->wait = &asyncio__sleep_due;
    asyncio__ready_push(asyncio__core_of(asyncio__node_task(node)->future.loop), node);
}
static inline void asyncio__sleep_detach(asyncio_task *task)
{
    asyncio__timers_remove(&task->future.loop->timers, &task->wait);
}
static const asyncio__wait asyncio__sleep_wait = {NULL, asyncio__sleep_fire, asyncio__sleep_detach, NULL,
                                                  ASYNCIO__IN_OTHER, 0 ASYNCIO__WHAT("waiting in sleep")};

ASYNCIO__NOINLINE int asyncio__sleep_until(asyncio_task *task, asyncio_time when)
{
    if (!asyncio__arm(task, &asyncio__sleep_wait))
        return ASYNCIO_ERUNTIME;
    task->wait.slot.when = when;
    asyncio__timers_add(&task->future.loop->timers, &task->wait);
    return ASYNCIO__PENDING;
}

/*
 * asyncio_sleep(seconds), asyncio_sleep(seconds, result) - for ASYNC_AWAIT: suspend the calling task. Inside a
 * coroutine's body only.
 *
 *   seconds    an int or a double, folded to ticks if constant; <= 0 gives way for exactly one iteration, without a
 *              timer. NaN: ASYNCIO_EVALUE at once (hosted).
 *   Suspends   always
 *   result     an integer, or a pointer cast to asyncio_value: the value that ASYNC_AWAIT_INTO gets; default 0
 *   Gives      0; ASYNCIO_ECANCELLED if cancelled while waiting; ASYNCIO_ERUNTIME if an earlier status was not awaited
 *   Memory     allocates nothing: the timer lies in the task. Cost: as asyncio_call_at.
 *   Source     tasks.py:sleep
 *
 * asyncio_sleep_ticks(ticks) - the same in ticks, which may be a variable on small chips, too.
 *
 * asyncio_sleep_for(task, ticks) - the same for a helper function that the coroutine calls: task is
 * asyncio_current_task(). Its status must be awaited in the same expression.
 */
ASYNCIO__HOT_ONCE ASYNCIO__NODISCARD asyncio_status asyncio__sleep_for(asyncio_task *task, asyncio_time ticks,
                                                                  asyncio_value result)
{
    asyncio_status status = {ASYNCIO__PENDING, 0};
    if (ticks <= 0)
        status = asyncio__yield(task, 0);
    else
        status.code = asyncio__sleep_until(task, asyncio__time_add(asyncio__now(task->future.loop), ticks));
    if (status.code == ASYNCIO__PENDING)
        status.value = result;
    return status;
}
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_status asyncio_sleep_for(asyncio_task *task, asyncio_time ticks)
{
    return asyncio__sleep_for(task, ticks, 0);
}
#if ASYNCIO_HOSTED
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_status asyncio__sleep(asyncio_task *task, double seconds, asyncio_value result)
{
    if (seconds != seconds)
        return asyncio__status(ASYNCIO_EVALUE, 0);
    return asyncio__sleep_for(task, asyncio__seconds(seconds), result);
}
#define ASYNCIO__SLEEP(seconds, result) asyncio__sleep(ASYNCIO__CURRENT, (double)(seconds), result)
#else
#define ASYNCIO__SLEEP(seconds, result) asyncio__sleep_for(ASYNCIO__CURRENT, ASYNCIO_SECONDS(seconds), result)
#endif
#define asyncio_sleep_ticks(ticks) asyncio__sleep_for(ASYNCIO__CURRENT, ticks, 0)
#define asyncio_sleep(...) ASYNCIO__CAT(ASYNCIO__SLEEP_, ASYNCIO__COUNT(__VA_ARGS__))(__VA_ARGS__)
#define ASYNCIO__SLEEP_1(seconds) ASYNCIO__SLEEP(seconds, 0)
#define ASYNCIO__SLEEP_2(seconds, result) ASYNCIO__SLEEP(seconds, ASYNCIO__VALUE(result))

/* ---- One iteration ---- */

ASYNCIO__COLD void asyncio__run_slow(asyncio_loop *loop, asyncio__node *node);

/* Runs exactly what is ready now, and counts it. `last` is in the core: cancelling a handle may have to move it. */
ASYNCIO__HOT int asyncio__run_ready(asyncio_loop *loop)
{
    asyncio__core *core = &loop->core;
    int count = 0;
    core->odd = !core->odd;
    if (core->head == NULL)
        return 0;
    core->last = (asyncio__node *)(void *)core->tail; /* a node's first member is its link */
    do {
        asyncio__node *node = asyncio__ready_pop(core);
        if (ASYNCIO_DEBUG && ASYNCIO__UNLIKELY(node->wait != ASYNCIO__PLAIN(core)) && core->debug)
            asyncio__run_slow(loop, node);
        else
            asyncio__run_node(core, node, ASYNCIO__PLAIN(core));
        count++;
    } while (core->last != NULL);
    core->current = NULL;
    return count;
}

/* How long to wait: ticks, or negative for no limit. */
static inline asyncio_time asyncio__timeout(asyncio_loop *loop)
{
    asyncio_time when, now;
    if (loop->core.head != NULL || loop->core.nudge || loop->core.stopping || asyncio__inbox_waits(loop))
        return 0;
    if (!asyncio__timers_next(&loop->timers, &when, loop->port->exact))
        return -1;
    now = asyncio__now(loop);
    return asyncio__time_before(now, when) ? asyncio__time_diff(when, now) : 0;
}

ASYNCIO__NOINLINE void asyncio__look_outside(asyncio_loop *loop, asyncio_time timeout)
{
    loop->core.nudge = false;
    loop->port->wait(loop, timeout);
    if (asyncio__inbox_waits(loop))
        ASYNCIO__DRAIN(loop);
    if (loop->timers.count != 0)
        asyncio__timers_expire(&loop->timers, asyncio__now(loop));
}

/* Iterations and callbacks spend what the last look outside gave them; then the next one is due. */
#define ASYNCIO__LAZY_PASS (ASYNCIO_LAZY_STEPS / (ASYNCIO_LAZY_PASSES + 1))
ASYNCIO__HOT void asyncio__run_once(asyncio_loop *loop)
{
    loop->ticks++;
    if (ASYNCIO_LAZY_PASSES == 0 || loop->lazy <= 0 || (loop->core.head == NULL && !loop->core.stopping)) {
        asyncio__look_outside(loop, asyncio__timeout(loop));
        if (ASYNCIO_LAZY_PASSES != 0)
            loop->lazy = loop->port->exact ? 0 : ASYNCIO_LAZY_STEPS;
    }
    if (ASYNCIO_LAZY_PASSES == 0)
        asyncio__run_ready(loop);
    else
        loop->lazy -= asyncio__run_ready(loop) + ASYNCIO__LAZY_PASS;
}

/* Nothing is ready, armed, watched or announced: no wake-up can come. */
static inline bool asyncio__stuck(asyncio_loop *loop)
{
    return loop->core.head == NULL && loop->timers.count == 0 && loop->sources == 0 && !loop->core.nudge &&
           !asyncio__inbox_waits(loop) && !loop->core.stopping;
}

/*
 * asyncio_loop_step - one iteration, for a loop that lives inside another one.
 *
 *   limit      longest wait in ticks if nothing is ready; 0: do not wait; negative: until something happens
 *   Suspends   never: it blocks. Nothing is ever a deadlock to it.
 *   Returns    0; ASYNCIO_ERUNNING from inside of the loop or while another runs in this thread; ASYNCIO_ECLOSED
 *   Source     base_events.py:_run_once between _run_forever_setup and _run_forever_cleanup
 *
 * asyncio_loop_next_deadline - when it wants to be called again at the latest.
 *
 *   Suspends   never
 *   Returns    true and through `when` the time in ticks: now, if something is ready; false: no deadline
 */
static inline int asyncio__enter_loop(asyncio_loop *loop)
{
    if (ASYNCIO__MISTAKE(loop->core.closed))
        return ASYNCIO_ECLOSED;
    if (ASYNCIO__MISTAKE(loop->core.running || asyncio__running_loop != NULL))
        return ASYNCIO_ERUNNING;
    loop->lazy = 0;
    loop->core.running = true;
    asyncio__running_loop = loop;
    return 0;
}
static inline void asyncio__leave_loop(asyncio_loop *loop)
{
    loop->core.running = false;
    loop->core.stopping = (uint8_t)((loop->core.stopping & ASYNCIO__STOP_NEXT) >> 1);
    asyncio__running_loop = NULL;
}
static inline int asyncio_loop_step(asyncio_loop *loop, asyncio_time limit)
{
    asyncio_time timeout;
    int err = asyncio__enter_loop(loop);
    if (err != 0)
        return err;
    timeout = asyncio__timeout(loop);
    if (limit >= 0 && (timeout < 0 || timeout > limit))
        timeout = limit;
    loop->ticks++;
    asyncio__look_outside(loop, timeout);
    asyncio__run_ready(loop);
    asyncio__leave_loop(loop);
    return 0;
}
static inline bool asyncio_loop_next_deadline(asyncio_loop *loop, asyncio_time *when)
{
    if (loop->core.head != NULL || loop->core.nudge || asyncio__inbox_waits(loop)) {
        *when = asyncio__now(loop);
        return true;
    }
    return asyncio__timers_next(&loop->timers, when, loop->port->exact);
}

/* ---- Running ---- */

/* asyncio_loop_stop - end run_forever after this iteration; before it: after exactly one. Callbacks that the last
 * iteration made ready run at the next start. From the loop's own thread. Source: base_events.py:BaseEventLoop.stop
 * asyncio_loop_is_running, asyncio_loop_is_closed - as Python's. None of them suspends or fails. */
static inline void asyncio_loop_stop(asyncio_loop *loop) { loop->core.stopping |= ASYNCIO__STOP; }
static inline bool asyncio_loop_is_running(const asyncio_loop *loop) { return loop->core.running; }
static inline bool asyncio_loop_is_closed(const asyncio_loop *loop) { return loop->core.closed; }

/*
 * asyncio_loop_add_source, asyncio_loop_remove_source - announce that something outside may wake the loop: another
 * thread, an interrupt. While any is announced, having nothing to do is not a deadlock. Counted. From the loop's own
 * thread. Never suspend, never fail. No counterpart in Python.
 */
static inline void asyncio_loop_add_source(asyncio_loop *loop) { loop->sources++; }
static inline void asyncio_loop_remove_source(asyncio_loop *loop) { loop->sources--; }

/*
 * asyncio_run_forever - run until asyncio_loop_stop.
 *
 *   Suspends   never: it blocks. With nothing to do it waits for a wake-up from outside.
 *   Returns    0 after stop; ASYNCIO_ERUNNING (this loop, or another one in this thread, runs already);
 *              ASYNCIO_ECLOSED; ASYNCIO_EINTERRUPT after a second Ctrl-C under asyncio_run
 *   Source     base_events.py:BaseEventLoop.run_forever
 */
ASYNCIO__NOINLINE int asyncio_run_forever(asyncio_loop *loop)
{
    int err = asyncio__enter_loop(loop);
    if (err != 0)
        return err;
    for (;;) {
        if (ASYNCIO_CHECKS && loop->core.head == NULL && loop->target != NULL && asyncio__stuck(loop)) {
            asyncio__look_outside(loop, 0); /* a signal that has come already may still end the wait */
            if (asyncio__stuck(loop)) {
                loop->deadlocked = true;
                break;
            }
        }
        asyncio__run_once(loop);
        if (ASYNCIO__UNLIKELY(loop->core.stopping)) {
            if (loop->core.stopping != ASYNCIO__STOP_NEXT)
                break;
            loop->core.stopping >>= 1;
        }
    }
    err = loop->core.stopping & ASYNCIO__INTERRUPTED ? ASYNCIO_EINTERRUPT : 0;
    asyncio__leave_loop(loop);
    return err;
}

/*
 * asyncio_run_until_complete, asyncio_run_until_future - run a coroutine as a task, or the loop until a Future is done;
 * return the outcome.
 *
 *   root       from ASYNC_NEW or ASYNC_AT, taken over in every case
 *   value      receives the result, if 0 is returned; may be NULL
 *   Suspends   never: it blocks
 *   Returns    0; the coroutine's error (ASYNCIO_ECANCELLED if it was cancelled); ASYNCIO_ESTOPPED if the loop was
 *              stopped before; ASYNCIO_EDEADLOCK if nothing can complete it any more (reported: who waits on what);
 *              ASYNCIO_EWRONGLOOP for another loop's Future; what asyncio_run_forever and create_task return
 *   Memory     allocates nothing. A coroutine of ASYNC_NEW is freed when it is over and no other task is left; else
 *              when the next one that is run to its end is over, or the loop is closed: tasks may wait for what lies
 *              in it.
 *   Source     base_events.py:BaseEventLoop.run_until_complete. Differs: CPython waits for ever where this finds a
 *              deadlock; threads and interrupts that may still come must be announced by asyncio_loop_add_source.
 */
ASYNCIO__COLD void asyncio__report_deadlock(asyncio_loop *loop);
static inline int asyncio_run_until_future(asyncio_loop *loop, asyncio_future *future, asyncio_value *value)
{
    int err;
    if (ASYNCIO__MISTAKE(future->loop != loop))
        return ASYNCIO_EWRONGLOOP;
    if (ASYNCIO__MISTAKE(loop->core.closed))
        return ASYNCIO_ECLOSED;
    if (ASYNCIO__MISTAKE(loop->core.running || asyncio__running_loop != NULL))
        return ASYNCIO_ERUNNING;
    asyncio_future_hold(future);
    if (asyncio_future_done(future))
        loop->core.stopping |= ASYNCIO__STOP;
    else
        future->flags |= ASYNCIO__TARGET;
    loop->target = future;
    err = asyncio_run_forever(loop);
    loop->target = NULL;
    if (asyncio_future_done(future)) {
        if (err == 0)
            err = asyncio_future_result(future, value);
    } else {
        future->flags &= (uint16_t)~ASYNCIO__TARGET;
        if (err == 0)
            err = ASYNCIO_ESTOPPED;
    }
    if (ASYNCIO_CHECKS && loop->deadlocked) {
        loop->deadlocked = false;
        asyncio__report_deadlock(loop);
        err = ASYNCIO_EDEADLOCK;
    }
    asyncio_future_release(future);
    return err;
}

/* A main coroutine is over, or nobody waits for it any more: gives up the caller's hold, but not while tasks are left
 * that may wait for something in its frame. One is kept, so that who runs many does not grow. */
static inline void asyncio__main_over(asyncio_loop *loop, asyncio_task *task)
{
#if ASYNCIO_ALL_TASKS && defined(ASYNCIO_MALLOC)
    asyncio_task *before = loop->last_main;
    loop->last_main = NULL;
    asyncio_task_release(before);
    if (loop->core.tasks.first != NULL && asyncio_task_done(task) && (task->future.flags & ASYNCIO__HEAP)) {
        loop->last_main = task;
        return;
    }
#else
    (void)loop;
#endif
    asyncio_task_release(task);
}

static inline int asyncio_run_until_complete(asyncio_loop *loop, asyncio_root *root, asyncio_value *value)
{
    asyncio_task_options options;
    asyncio_task *task;
    int err;
    if (ASYNCIO__MISTAKE(loop->core.running || asyncio__running_loop != NULL)) {
        asyncio_coro_close(root);
        return ASYNCIO_ERUNNING;
    }
    asyncio__no_options(&options);
    options.into = &task;
    err = asyncio_loop_create_task(loop, root, &options);
    if (err != 0)
        return err;
    err = asyncio_run_until_future(loop, &task->future, value);
    if (!asyncio_task_done(task))
        task->future.flags |= ASYNCIO__QUIET; /* the caller knows */
    asyncio__main_over(loop, task);
    return err;
}

/* ---- Exception handlers ---- */

/* asyncio_set_exception_handler - NULL: the default one, which hosted prints to stderr, and else is silent. `arg` is
 * handed to it. asyncio_get_exception_handler - NULL if none was set. asyncio_default_exception_handler (hosted) - what
 * the default one does. Never suspend, never fail. Source: base_events.py:BaseEventLoop */
static inline void asyncio_set_exception_handler(asyncio_loop *loop, asyncio_exception_handler handler, void *arg)
{
    loop->core.handler = handler;
    loop->core.handler_arg = arg;
}
static inline asyncio_exception_handler asyncio_get_exception_handler(asyncio_loop *loop) { return loop->core.handler; }

/* asyncio_set_debug, asyncio_get_debug - debug mode: steps and callbacks that take loop->slow_callback_duration or
 * longer are reported; call_soon, timers and create_task from a wrong thread refused, ASYNC_AT of a running task's
 * storage reported, ASYNC_IN of a frame in use refused (debug builds: ASYNCIO_POISON),
 * and who waits in the frame of a task that ends (of the 1,000 oldest tasks). Costs two clock readings a callback, and
 * a look at these at a heap task's end. Source: base_events.py:BaseEventLoop.set_debug */
static inline void asyncio_set_debug(asyncio_loop *loop, bool debug)
{
    loop->core.debug = debug;
#if ASYNCIO_DEBUG
    loop->core.plain = debug ? NULL : &asyncio__ready_wait;
#endif
}
static inline bool asyncio_get_debug(const asyncio_loop *loop) { return loop->core.debug; }

/* ---- The virtual clock ---- */

static inline asyncio_time asyncio__virtual_time(asyncio_loop *loop) { return loop->virtual_now; }
static inline void asyncio__virtual_wait(asyncio_loop *loop, asyncio_time timeout);
static inline int asyncio__virtual_open(asyncio_loop *loop);
static inline void asyncio__virtual_close(asyncio_loop *loop);

/* Time is loop->virtual_now, 0 at first; it moves only when the loop would wait, straight to the next deadline. With
 * descriptors and no deadline the loop really waits for them. */
#if ASYNCIO_SELECTORS
static inline void asyncio__posix_wake(asyncio_loop *loop);
static inline void asyncio__posix_lock(asyncio_loop *loop);
static inline void asyncio__posix_unlock(asyncio_loop *loop);
static const asyncio_port asyncio_virtual_port = {
    asyncio__virtual_open, asyncio__virtual_close, asyncio__virtual_time, asyncio__virtual_wait,
    asyncio__posix_wake,   asyncio__posix_lock,    asyncio__posix_unlock, true};
#else
static const asyncio_port asyncio_virtual_port = {
    asyncio__virtual_open, asyncio__virtual_close, asyncio__virtual_time, asyncio__virtual_wait,
    NULL,                  NULL,                   NULL,                  true};
static inline int asyncio__virtual_open(asyncio_loop *loop)
{
    (void)loop;
    return 0;
}
static inline void asyncio__virtual_close(asyncio_loop *loop) { (void)loop; }
static inline void asyncio__virtual_wait(asyncio_loop *loop, asyncio_time timeout)
{
    if (timeout > 0)
        loop->virtual_now = asyncio__time_add(loop->virtual_now, timeout);
}
#endif

/* ---- Making and closing a loop ---- */

#if ASYNCIO_SELECTORS
static inline const asyncio_port *asyncio__default_port(void); /* asyncio/selectors.h */
#endif
#if ASYNCIO_HOSTED
static inline void asyncio_default_exception_handler(asyncio_loop *loop, const asyncio_exception_context *context,
                                                     void *arg); /* asyncio/log.h */
#endif

/*
 * asyncio_loop_init - a loop in storage of yours. asyncio_new_event_loop - one on the heap, NULL if that fails.
 *
 *   port       NULL: this target's own (hosted: asyncio_posix_port; freestanding: asyncio_default_port)
 *   Suspends   never
 *   Returns    0; ASYNCIO_ENOMEM, or the errno value with which the port could not open its wake-up pipe: then there is
 *              nothing to close
 *   Memory     a loop is 14 KB with the wheel and 64-bit pointers; with ASYNCIO_SELECTORS also a few small blocks and
 *              two descriptors. Not to be moved.
 *   Source     base_events.py:BaseEventLoop.__init__, events.py:new_event_loop
 */
static inline int asyncio_loop_init(asyncio_loop *loop, const asyncio_port *port)
{
    asyncio__clear(loop, sizeof *loop);
    asyncio__core_init(&loop->core);
#if ASYNCIO_DEBUG
    loop->core.plain = &asyncio__ready_wait;
#endif
    loop->port = port != NULL ? port : (ASYNCIO_DEFAULT_PORT);
#if ASYNCIO_HOSTED
    loop->core.default_handler = asyncio_default_exception_handler;
#endif
#ifdef ASYNCIO_MALLOC
    loop->core.alloc = asyncio__alloc;
    loop->core.free = asyncio__free;
#endif
    if (ASYNCIO_DEBUG)
        loop->slow_callback_duration = ASYNCIO_TICKS_PER_SECOND / 10;
    if (loop->port->open != NULL) {
        int err = loop->port->open(loop);
        if (err != 0)
            return err;
    }
#if ASYNCIO_TIMER_WHEEL
    asyncio__timers_init(&loop->timers, asyncio__now(loop));
#endif
    return 0;
}

/*
 * asyncio_loop_close - give up a loop.
 *
 *   Drops what is ready and armed without running it. Unfinished tasks are reported ("Task was destroyed but it is
 *   pending!") and freed without running their FINALLY; errors that nobody read are reported; every heap task is freed,
 *   held or not (with ASYNCIO_ALL_TASKS; else no task is reported or freed). Frees the loop if asyncio_new_event_loop
 *   made it.
 *   Suspends   never
 *   Returns    0, also the second time, unless that freed it; ASYNCIO_ERUNNING while it runs
 *   Cost       O(what it drops)
 *   Source     base_events.py:BaseEventLoop.close, and what CPython's garbage collector does later
 */
static inline void asyncio__drop(asyncio_loop *loop, asyncio__node *node)
{
    asyncio_handle *handle = (asyncio_handle *)(void *)node;
    if (node->wait->in != ASYNCIO__NO_TASK) /* a task: without a list of tasks, nobody's to free */
        return;
    handle->flags &= (uint16_t)~(ASYNCIO__HANDLE_QUEUED | ASYNCIO__HANDLE_LISTED | ASYNCIO__HANDLE_INBOX);
    asyncio__handle_drop_context(handle);
    if (handle->flags & ASYNCIO__HANDLE_DONE)
        asyncio__future_unhold(handle->of.future);
    if (handle->flags & ASYNCIO__HANDLE_HEAP)
        loop->core.free(handle);
}

ASYNCIO__COLD void asyncio__drop_all(asyncio_loop *loop)
{
    asyncio__node *node;
    asyncio_time when;
    if (asyncio__inbox_waits(loop))
        ASYNCIO__DRAIN(loop);
#if ASYNCIO_ALL_TASKS
    asyncio__tasks_detach(&loop->core);
#endif
    while ((node = loop->core.head) != NULL) {
        asyncio__ready_remove(&loop->core, node);
        asyncio__drop(loop, node);
    }
    while (asyncio__timers_next(&loop->timers, &when, true)) {
        asyncio__timers_expire(&loop->timers, when);
        while ((node = loop->core.head) != NULL) {
            asyncio__ready_remove(&loop->core, node);
            asyncio__drop(loop, node);
        }
    }
#if ASYNCIO_ALL_TASKS
    while (loop->core.tasks.first != NULL) /* only now: handles may lie in their frames */
        asyncio__task_destroy(loop->core.tasks.first);
#endif
    asyncio__leftovers_release(loop, NULL);
#if ASYNCIO_ALL_TASKS
#if ASYNCIO__LISTS_UNTAKEN
    asyncio__report_untaken(&loop->core);
#endif
    while (loop->core.kept.first != NULL) {
        loop->core.kept.first->future.holds = 1;
        asyncio__future_unhold(&loop->core.kept.first->future);
    }
#endif
}

static inline int asyncio_loop_close(asyncio_loop *loop)
{
    void *memory = loop->memory; /* not `loop` itself: gcc would warn that a loop on the stack may be freed */
    if (loop->core.running)
        return ASYNCIO_ERUNNING;
    if (loop->core.closed)
        return 0;
    asyncio__lock(loop);
    loop->core.closed = true;
    asyncio__unlock(loop);
    asyncio__drop_all(loop);
#if ASYNCIO_THREADS
    while (loop->closing != NULL) {
        asyncio__node *node = loop->closing;
        asyncio__list_remove(&loop->closing, node);
        (void)node->wait->run(node);
    }
#endif
    if (loop->port->close != NULL)
        loop->port->close(loop);
#ifdef ASYNCIO_MALLOC
    asyncio__free_all();
    if (memory != NULL)
        ASYNCIO_FREE(memory);
#else
    (void)memory;
#endif
    return 0;
}

#ifdef ASYNCIO_MALLOC
static inline asyncio_loop *asyncio_new_event_loop(const asyncio_port *port)
{
    asyncio_loop *loop = (asyncio_loop *)ASYNCIO_MALLOC(sizeof *loop);
    if (loop == NULL)
        return NULL;
    if (asyncio_loop_init(loop, port) != 0) {
        ASYNCIO_FREE(loop);
        return NULL;
    }
    loop->memory = loop;
    return loop;
}
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif

#include "asyncio/log.h"
#if ASYNCIO_SELECTORS
#include "asyncio/selectors.h"
#endif

#endif /* ASYNCIO_LOOP_H */
