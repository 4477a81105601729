/* SPDX-License-Identifier: MIT
 *
 * asyncio/unix_events.h - signals as ordinary callbacks of a loop.
 *
 *     #include "asyncio.h"
 *
 *     static void on_term(void *arg) { asyncio_event_set((asyncio_event *)arg); } // in the loop: it may do anything
 *
 *     ASYNC(main_coro, asyncio_event stop;)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_add_signal_handler(asyncio_get_running_loop(), SIGTERM, on_term, &self->stop);
 *         raise(SIGTERM);                                    // or somebody else: kill -TERM
 *         ASYNC_AWAIT(asyncio_event_wait(&self->stop));
 *         puts("stopped");
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * The process has one handler per signal, so one loop can have it. What runs in signal context only marks the signal
 * and wakes the loop; the callback runs in the iteration after the loop noticed. Signals that come twice before that
 * are one; different ones are called in the order of their numbers. While a handler is installed, having nothing else
 * to do is not a deadlock. System calls that a signal interrupts are restarted where the system can.
 *
 * With threads: only a loop in the main thread can have handlers, as in CPython. A signal may be caught in any thread;
 * so that none is on its way when the loop closes, block signals in the other threads.
 *
 * Source: CPython Lib/asyncio/unix_events.py:_UnixSelectorEventLoop.add_signal_handler
 */
#ifndef ASYNCIO_UNIX_EVENTS_H
#define ASYNCIO_UNIX_EVENTS_H

#include "../asyncio_loop.h"

#include <signal.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#elif defined(__FreeBSD__) || defined(__OpenBSD__)
#include <pthread_np.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define ASYNCIO__SIGNALS 65

typedef struct asyncio__signal {
    asyncio_loop *loop; /* NULL: not handled */
    asyncio_callback callback;
    void *arg;
    volatile sig_atomic_t pending;
    bool kill_if_stuck; /* coming again while still pending, it ends the process as if unhandled */
    bool counted;       /* among those who may wake the loop */
    asyncio_handle handle;
#if ASYNCIO_CONTEXTS
    asyncio__variables *context; /* a slot: that in which the handler was added */
#endif
    struct sigaction before;
} asyncio__signal;

extern asyncio__signal asyncio__signal_table[ASYNCIO__SIGNALS];
ASYNCIO__WEAK asyncio__signal asyncio__signal_table[ASYNCIO__SIGNALS];

/* In signal context. */
static inline void asyncio__signal_caught(int number)
{
    int saved = errno;
    asyncio_loop *loop = asyncio__signal_table[number].loop;
    if (asyncio__signal_table[number].pending && asyncio__signal_table[number].kill_if_stuck) {
        signal(number, SIG_DFL);
        raise(number);
    }
    asyncio__signal_table[number].pending = 1;
    if (loop != NULL)
        loop->port->wake(loop);
    errno = saved;
}

/* Every call runs in the one context that the handler was added in. */
static inline void asyncio__signal_run(void *arg)
{
    asyncio__signal *entry = (asyncio__signal *)arg;
#if ASYNCIO_CONTEXTS
    asyncio__variables **previous = asyncio__context_enter(&entry->context);
    entry->callback(entry->arg);
    asyncio__context_leave(previous);
    if (entry->loop == NULL)
        asyncio__context_drop(&entry->context);
#else
    entry->callback(entry->arg);
#endif
}

static inline void asyncio__signals_deliver(asyncio_loop *loop)
{
    int number;
    for (number = 1; number < ASYNCIO__SIGNALS; number++) {
        asyncio__signal *entry = &asyncio__signal_table[number];
        if (entry->loop != loop || !entry->pending)
            continue;
        entry->pending = 0;
        if (!(entry->handle.flags & ASYNCIO__HANDLE_QUEUED))
            (void)asyncio_call_soon(loop, &entry->handle, asyncio__signal_run, entry);
    }
}

static inline int asyncio_remove_signal_handler(asyncio_loop *loop, int number, bool *removed);
static inline void asyncio__signals_close(asyncio_loop *loop)
{
    int number;
    for (number = 1; number < ASYNCIO__SIGNALS; number++)
        (void)asyncio_remove_signal_handler(loop, number, NULL);
}

static inline struct asyncio__signals *asyncio__signals_hooks(void)
{
    static struct asyncio__signals hooks = {asyncio__signals_deliver, asyncio__signals_close};
    return &hooks;
}

/*
 * asyncio_add_signal_handler - call callback(arg) in the loop when the signal comes.
 *
 *   loop       NULL: the running loop of this thread
 *   number     SIGTERM, SIGUSR1, ...: all but SIGKILL and SIGSTOP. Replaces this loop's earlier handler.
 *   Suspends   never
 *   Returns    0; ASYNCIO_EVALUE for a number that is no signal; ASYNCIO_ERUNTIME for one that cannot be caught, and
 *              outside of the main thread (where the system can tell); ASYNCIO_EBUSY if another loop has it;
 *              ASYNCIO_ECLOSED; ASYNCIO_ENOLOOP
 *   Memory     allocates nothing
 *   Cost       one sigaction. A wake-up of a loop that has handlers looks through all signals.
 *   Source     unix_events.py:add_signal_handler
 *
 * asyncio_remove_signal_handler - put back what was installed before. Closing the loop does it for all of its handlers.
 *
 *   removed    true if there was one; may be NULL
 *   Suspends   never
 *   Returns    0; ASYNCIO_EVALUE for a number that is no signal; ASYNCIO_ENOLOOP. A callback that is due is taken back.
 *   Source     unix_events.py:remove_signal_handler. Differs: CPython installs the default action.
 */
static inline bool asyncio__in_main_thread(void)
{
#if defined(__linux__) && (defined(_DEFAULT_SOURCE) || defined(_GNU_SOURCE))
    return (pid_t)syscall(SYS_gettid) == getpid();
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__)
    return pthread_main_np() != 0;
#else
    return true; /* no way to tell */
#endif
}

static inline bool asyncio__signal_exists(int number)
{
    sigset_t all;
    return number > 0 && number < ASYNCIO__SIGNALS && sigfillset(&all) == 0 && sigismember(&all, number) == 1;
}

/* A handler is a reason to wait, unless it is run()'s own. */
static inline void asyncio__signal_count(asyncio__signal *entry, bool counted)
{
    if (entry->counted != counted)
        entry->loop->sources += counted ? 1u : 0u - 1u;
    entry->counted = counted;
}

static inline int asyncio_add_signal_handler(asyncio_loop *loop, int number, asyncio_callback callback, void *arg)
{
    struct sigaction action;
    asyncio__signal *entry;
    if (!asyncio__signal_exists(number))
        return ASYNCIO_EVALUE;
    loop = asyncio__loop_or_running(loop);
    if (loop == NULL)
        return ASYNCIO_ENOLOOP;
    if (loop->core.closed)
        return ASYNCIO_ECLOSED;
    if (!asyncio__in_main_thread())
        return ASYNCIO_ERUNTIME;
    entry = &asyncio__signal_table[number];
    if (entry->loop != NULL && entry->loop != loop)
        return ASYNCIO_EBUSY;
    entry->callback = callback;
    entry->arg = arg;
#if ASYNCIO_CONTEXTS
    asyncio__context_drop(&entry->context);
    entry->context = asyncio__context_capture(&loop->core);
#endif
    entry->kill_if_stuck = false;
    if (entry->loop == loop) {
        asyncio__signal_count(entry, true);
        return 0;
    }
    entry->pending = 0;
    asyncio__clear(&action, sizeof action);
    action.sa_handler = asyncio__signal_caught;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    asyncio__clear(&entry->handle, sizeof entry->handle);
    loop->signals = asyncio__signals_hooks();
    entry->loop = loop;
    if (sigaction(number, &action, &entry->before) < 0) {
        entry->loop = NULL;
#if ASYNCIO_CONTEXTS
        asyncio__context_drop(&entry->context);
#endif
        return ASYNCIO_ERUNTIME;
    }
    asyncio__signal_count(entry, true);
    return 0;
}

static inline int asyncio_remove_signal_handler(asyncio_loop *loop, int number, bool *removed)
{
    asyncio__signal *entry;
    if (removed != NULL)
        *removed = false;
    if (!asyncio__signal_exists(number))
        return ASYNCIO_EVALUE;
    loop = asyncio__loop_or_running(loop);
    if (loop == NULL)
        return ASYNCIO_ENOLOOP;
    entry = &asyncio__signal_table[number];
    if (entry->loop != loop)
        return 0;
    (void)sigaction(number, &entry->before, NULL);
    asyncio__signal_count(entry, false);
    if (!loop->core.closed)
        asyncio_handle_cancel(&entry->handle);
    entry->loop = NULL;
#if ASYNCIO_CONTEXTS
    asyncio__context_drop(&entry->context);
#endif
    if (removed != NULL)
        *removed = true;
    return 0;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_UNIX_EVENTS_H */
