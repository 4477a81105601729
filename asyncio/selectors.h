/* SPDX-License-Identifier: MIT
 *
 * asyncio/selectors.h - the POSIX port: clock, wake-up pipe, lock, and select() behind a table of functions.
 *
 * A selector is the part that epoll, kqueue or poll would replace: it is told which descriptors matter (`set`) and
 * asked which are ready (`wait`). The table of descriptors above it, and its users, do not know which one runs.
 *
 * select()   descriptors below FD_SETSIZE (1024 with glibc) only, O(descriptors) a wait. A regular file is always
 *            ready. A descriptor that was closed while it was watched counts as ready once more, so that whoever waits
 *            for it gets EBADF, and is then forgotten.
 *
 * fork()     The child is outside of every loop: it may run one of its own (asyncio_run), and must leave by _exit or
 *            exec, not by returning into the coroutine. The parent's loop is not to be touched there.
 *
 * Memory     one block a loop, and one a descriptor that was ever watched, kept until the loop is closed.
 * Source     CPython Lib/selectors.py:SelectSelector
 */
#ifndef ASYNCIO_SELECTORS_H
#define ASYNCIO_SELECTORS_H

#include "../asyncio_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#ifndef CLOCK_MONOTONIC
#error "asyncio.h needs POSIX: include it before any libc header, or compile with -D_DEFAULT_SOURCE or -std=gnu99"
#endif
#if ASYNCIO_TICKS_PER_SECOND != 1000000000
#error "the POSIX port counts nanoseconds: leave ASYNCIO_TICKS_PER_SECOND alone, or define ASYNCIO_SELECTORS to 0"
#endif

#ifndef UTHASH_H
#define HASH_NONFATAL_OOM 1 /* else uthash calls exit() when memory runs out */
#endif
#include <uthash.h>

/* Ours in this file only: the program may use uthash with settings of its own, and may have files that do not include
 * this one. Descriptors are their own hash value, so HASH_FUNCTION is not used. */
#pragma push_macro("uthash_malloc")
#pragma push_macro("uthash_free")
#pragma push_macro("HASH_KEYCMP")
#undef uthash_malloc
#undef uthash_free
#undef HASH_KEYCMP
#define uthash_malloc(size) asyncio__uthash_alloc(size)
#define uthash_free(memory, size) asyncio__free(memory)
#define HASH_KEYCMP(a, b, size) memcmp(a, b, size)

#ifdef __cplusplus
extern "C" {
#endif

#define ASYNCIO__READ 1u
#define ASYNCIO__WRITE 2u

/* A descriptor that somebody watched once. */
typedef struct asyncio__fd {
    int fd;
    unsigned watched; /* ASYNCIO__READ, ASYNCIO__WRITE */
    unsigned waited;  /* those for which a task waits: nobody may replace or remove it */
    asyncio_handle reader, writer;
    UT_hash_handle hh;
} asyncio__fd;

typedef struct asyncio__selector asyncio__selector;
typedef struct asyncio_selector_type {
    int (*open)(asyncio__selector *selector); /* 0 or an error */
    void (*close)(asyncio__selector *selector);
    int (*set)(asyncio__selector *selector, int fd, unsigned events); /* 0: forget it */
    /* at most `timeout` ns, negative: no limit; calls asyncio__fd_ready for each ready descriptor */
    void (*wait)(asyncio_loop *loop, asyncio__selector *selector, asyncio_time timeout);
} asyncio_selector_type;

struct asyncio__selector {
    const asyncio_selector_type *type;
    asyncio__fd *fds; /* by descriptor, in order of first use */
    unsigned watched; /* events that are watched, over all descriptors but the pipe */
    int pipe[2];      /* a byte in it ends the wait */
    int woken;        /* there is one, or is about to be: one is enough */
    fd_set read, write;
    int highest;
};

static inline asyncio__selector *asyncio__selector_of(asyncio_loop *loop)
{
    return (asyncio__selector *)loop->selector;
}

/* A reader runs before its writer, both in this iteration, after what was ready already. */
static inline void asyncio__fd_ready(asyncio_loop *loop, asyncio__fd *entry, unsigned events)
{
    events &= entry->watched;
    if ((events & ASYNCIO__READ) && !(entry->reader.flags & ASYNCIO__HANDLE_QUEUED))
        asyncio__handle_queue(loop, &entry->reader);
    if ((events & ASYNCIO__WRITE) && !(entry->writer.flags & ASYNCIO__HANDLE_QUEUED))
        asyncio__handle_queue(loop, &entry->writer);
}

static inline void asyncio__fd_count(asyncio_loop *loop, asyncio__fd *entry, int change)
{
    asyncio__selector *selector = asyncio__selector_of(loop);
    if (entry->fd == selector->pipe[0]) /* the pipe itself is nobody's reason to wait */
        return;
    selector->watched += (unsigned)change;
    loop->sources += (unsigned)change;
}

/* For a selector that learns that a watched descriptor is not open any more: ready for the last time. */
static inline void asyncio__fd_lost(asyncio_loop *loop, asyncio__fd *entry)
{
    asyncio__selector *selector = asyncio__selector_of(loop);
    asyncio__fd_ready(loop, entry, entry->watched);
    asyncio__fd_count(loop, entry, -((entry->watched & ASYNCIO__READ) != 0) - ((entry->watched & ASYNCIO__WRITE) != 0));
    entry->watched = 0;
    (void)selector->type->set(selector, entry->fd, 0);
}

/* ---- select() ---- */

static inline int asyncio__select_open(asyncio__selector *selector)
{
    FD_ZERO(&selector->read);
    FD_ZERO(&selector->write);
    selector->highest = -1;
    return 0;
}

static inline int asyncio__select_set(asyncio__selector *selector, int fd, unsigned events)
{
    if (fd < 0 || fd >= (int)FD_SETSIZE)
        return ASYNCIO_EVALUE;
    /* unsigned, or the macros of musl convert a sign */
    FD_CLR((unsigned)fd, &selector->read);
    FD_CLR((unsigned)fd, &selector->write);
    if (events & ASYNCIO__READ)
        FD_SET((unsigned)fd, &selector->read);
    if (events & ASYNCIO__WRITE)
        FD_SET((unsigned)fd, &selector->write);
    if (events != 0 && fd > selector->highest)
        selector->highest = fd;
    while (selector->highest >= 0 && !FD_ISSET((unsigned)selector->highest, &selector->read) &&
           !FD_ISSET((unsigned)selector->highest, &selector->write))
        selector->highest--;
    return 0;
}

static inline void asyncio__select_report(asyncio_loop *loop, asyncio__selector *selector, const fd_set *read,
                                          const fd_set *write)
{
    asyncio__fd *entry;
    for (entry = selector->fds; entry != NULL; entry = (asyncio__fd *)entry->hh.next)
        if (entry->watched != 0)
            asyncio__fd_ready(loop, entry,
                              (FD_ISSET((unsigned)entry->fd, read) ? ASYNCIO__READ : 0u) |
                                  (FD_ISSET((unsigned)entry->fd, write) ? ASYNCIO__WRITE : 0u));
}

/* select() refuses the whole set for one closed descriptor: find those, or nobody would ever be woken again. */
static inline void asyncio__select_bad(asyncio_loop *loop, asyncio__selector *selector)
{
    asyncio__fd *entry;
    for (entry = selector->fds; entry != NULL; entry = (asyncio__fd *)entry->hh.next)
        if (entry->watched != 0 && fcntl(entry->fd, F_GETFD) < 0)
            asyncio__fd_lost(loop, entry);
}

static inline void asyncio__select_wait(asyncio_loop *loop, asyncio__selector *selector, asyncio_time timeout)
{
    fd_set read = selector->read, write = selector->write;
    struct timeval limit;
    int found;
    if (timeout > 86400 * (asyncio_time)1000000000) /* as CPython; the loop asks again */
        timeout = 86400 * (asyncio_time)1000000000;
    if (timeout >= 0) {
        int64_t us = (timeout + 999) / 1000; /* up: waking early would only cost another pass */
        limit.tv_sec = (time_t)(us / 1000000);
        limit.tv_usec = (suseconds_t)(us % 1000000);
    }
    found = select(selector->highest + 1, &read, &write, NULL, timeout >= 0 ? &limit : NULL);
    if (found > 0)
        asyncio__select_report(loop, selector, &read, &write);
    else if (found < 0 && errno == EBADF)
        asyncio__select_bad(loop, selector);
}

static inline void asyncio__select_close(asyncio__selector *selector) { (void)selector; }

static const asyncio_selector_type asyncio__select = {asyncio__select_open, asyncio__select_close, asyncio__select_set,
                                                      asyncio__select_wait};

/* ---- Descriptors ---- */

static inline void *asyncio__uthash_alloc(size_t size) { return asyncio__alloc(size); }

static inline asyncio__fd *asyncio__fd_find(asyncio_loop *loop, int fd)
{
    asyncio__fd *entry;
    HASH_FIND_BYHASHVALUE(hh, asyncio__selector_of(loop)->fds, &fd, sizeof fd, (unsigned)fd, entry);
    return entry;
}

static inline asyncio__fd *asyncio__fd_make(asyncio_loop *loop, int fd)
{
    asyncio__selector *selector = asyncio__selector_of(loop);
    asyncio__fd *entry = asyncio__fd_find(loop, fd);
    if (entry != NULL)
        return entry;
    entry = (asyncio__fd *)asyncio__alloc(sizeof *entry);
    if (entry == NULL)
        return NULL;
    asyncio__clear(entry, sizeof *entry);
    entry->fd = fd;
    HASH_ADD_BYHASHVALUE(hh, selector->fds, fd, sizeof fd, (unsigned)fd, entry);
    if (asyncio__fd_find(loop, fd) == NULL) { /* uthash had no memory for its table */
        asyncio__free(entry);
        return NULL;
    }
    return entry;
}

static inline asyncio_handle *asyncio__fd_handle(asyncio__fd *entry, unsigned event)
{
    return event == ASYNCIO__READ ? &entry->reader : &entry->writer;
}

/* Does a task wait for this event? Is it watched at all? */
static inline bool asyncio__fd_busy(asyncio_loop *loop, int fd, unsigned event)
{
    asyncio__fd *entry = asyncio__fd_find(loop, fd);
    return entry != NULL && (entry->waited & event) != 0;
}
static inline bool asyncio__fd_watched(asyncio_loop *loop, int fd, unsigned event)
{
    asyncio__fd *entry = asyncio__fd_find(loop, fd);
    return entry != NULL && (entry->watched & event) != 0;
}

/* Begins to watch an event; replaces the callback that watched it before. `waited` is the event if a task does. */
static inline int asyncio__fd_watch(asyncio_loop *loop, int fd, unsigned event, asyncio_callback callback, void *arg,
                                    unsigned waited)
{
    asyncio__selector *selector = asyncio__selector_of(loop);
    asyncio__fd *entry;
    asyncio_handle *handle;
    int err;
    if (loop->core.closed)
        return ASYNCIO_ECLOSED;
    if (fd < 0)
        return ASYNCIO_EVALUE;
    entry = asyncio__fd_make(loop, fd);
    if (entry == NULL)
        return ASYNCIO_ENOMEM;
    if (entry->waited & event)
        return ASYNCIO_EBUSY;
    if (!(entry->watched & event)) {
        err = selector->type->set(selector, fd, entry->watched | event);
        if (err != 0)
            return err;
        entry->watched |= event;
        asyncio__fd_count(loop, entry, 1);
    }
    entry->waited |= waited;
    handle = asyncio__fd_handle(entry, event);
    asyncio_handle_cancel(handle);
    asyncio__handle_init(loop, handle);
    handle->flags |= ASYNCIO__HANDLE_KEEPS;
    if (waited == 0 && fd != selector->pipe[0])
        asyncio__handle_capture(loop, handle);
    handle->callback.plain = callback;
    handle->arg = arg;
    return 0;
}

/* Takes back a call that is due, too. False: it was not watched (any more). */
static inline bool asyncio__fd_unwatch(asyncio_loop *loop, int fd, unsigned event)
{
    asyncio__selector *selector = asyncio__selector_of(loop);
    asyncio__fd *entry;
    if (loop->core.closed || (entry = asyncio__fd_find(loop, fd)) == NULL)
        return false;
    entry->waited &= ~event;
    asyncio_handle_cancel(asyncio__fd_handle(entry, event));
    if (!(entry->watched & event))
        return false;
    entry->watched &= ~event;
    asyncio__fd_count(loop, entry, -1);
    (void)selector->type->set(selector, fd, entry->watched);
    return true;
}

/* ---- The port ---- */

static inline void asyncio__posix_wake(asyncio_loop *loop)
{
    asyncio__selector *selector = asyncio__selector_of(loop);
    char byte = 0;
#if ASYNCIO_THREADS
    if (__atomic_exchange_n(&selector->woken, 1, __ATOMIC_SEQ_CST))
        return;
#endif
    while (write(selector->pipe[1], &byte, 1) < 0 && errno == EINTR)
        continue;
}

static inline void asyncio__posix_lock(asyncio_loop *loop) { pthread_mutex_lock(&loop->mutex); }
static inline void asyncio__posix_unlock(asyncio_loop *loop) { pthread_mutex_unlock(&loop->mutex); }

/* The wake-up pipe became readable. Empty it first: who wakes us before the flag falls writes nothing, and is seen in
 * the inbox; who comes after it writes a byte, which must stay for the next wait. */
static inline void asyncio__posix_woken(void *arg)
{
    asyncio__selector *selector = asyncio__selector_of((asyncio_loop *)arg);
    char bytes[64];
    while (read(selector->pipe[0], bytes, sizeof bytes) > 0)
        continue;
#if ASYNCIO_THREADS
    (void)__atomic_exchange_n(&selector->woken, 0, __ATOMIC_SEQ_CST);
#endif
    if (((asyncio_loop *)arg)->signals != NULL)
        ((asyncio_loop *)arg)->signals->deliver((asyncio_loop *)arg);
}

static inline int asyncio__set_fd_flags(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return errno;
    return 0;
}

static inline void asyncio__posix_close(asyncio_loop *loop)
{
    asyncio__selector *selector = asyncio__selector_of(loop);
    asyncio__fd *entry, *next;
    if (selector == NULL) /* it was never open */
        return;
    if (loop->signals != NULL)
        loop->signals->close(loop);
    selector->type->close(selector);
    entry = selector->fds;
    HASH_CLEAR(hh, selector->fds);
    for (; entry != NULL; entry = next) {
        next = (asyncio__fd *)entry->hh.next;
        asyncio__handle_drop_context(&entry->reader);
        asyncio__handle_drop_context(&entry->writer);
        asyncio__free(entry);
    }
    close(selector->pipe[0]);
    close(selector->pipe[1]);
    asyncio__free(selector);
    loop->selector = NULL;
}

#if ASYNCIO_THREADS
extern bool asyncio__fork_known;
ASYNCIO__WEAK bool asyncio__fork_known;
static inline void asyncio__forked(void) { asyncio__running_loop = NULL; }
#endif

static inline int asyncio__posix_open(asyncio_loop *loop)
{
    asyncio__selector *selector = (asyncio__selector *)asyncio__alloc(sizeof *selector);
    int err;
    if (selector == NULL)
        return ASYNCIO_ENOMEM;
#if ASYNCIO_THREADS
    if (!__atomic_exchange_n(&asyncio__fork_known, true, __ATOMIC_RELAXED))
        (void)pthread_atfork(NULL, NULL, asyncio__forked);
#endif
    asyncio__clear(selector, sizeof *selector);
    selector->type = &asyncio__select;
    if (pipe(selector->pipe) < 0) {
        err = errno;
        asyncio__free(selector);
        return err;
    }
    pthread_mutex_init(&loop->mutex, NULL); /* never destroyed: other threads may still come, and find a closed loop */
    loop->selector = selector;
    err = selector->type->open(selector);
    if (err == 0)
        err = asyncio__set_fd_flags(selector->pipe[0]);
    if (err == 0)
        err = asyncio__set_fd_flags(selector->pipe[1]);
    if (err == 0)
        err = asyncio__fd_watch(loop, selector->pipe[0], ASYNCIO__READ, asyncio__posix_woken, loop, 0);
    if (err != 0)
        asyncio__posix_close(loop);
    return err == ASYNCIO_EVALUE ? EMFILE : err; /* the pipe is beyond what select() can take */
}

static inline asyncio_time asyncio__posix_time(asyncio_loop *loop)
{
    struct timespec now;
    (void)loop;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (asyncio_time)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* With nothing watched and no wish to wait there is nothing to ask the system for: wakes are seen in the inbox. */
static inline void asyncio__posix_wait(asyncio_loop *loop, asyncio_time timeout)
{
    asyncio__selector *selector = asyncio__selector_of(loop);
    bool woken = true;
#if ASYNCIO_THREADS
    woken = __atomic_load_n(&selector->woken, __ATOMIC_RELAXED) != 0;
#endif
    if (timeout != 0 || selector->watched != 0 || woken)
        selector->type->wait(loop, selector, timeout);
}

/* asyncio_posix_port - the port of a loop that is given none: real time, descriptors, signals, other threads. */
static const asyncio_port asyncio_posix_port = {asyncio__posix_open, asyncio__posix_close, asyncio__posix_time,
                                                asyncio__posix_wait, asyncio__posix_wake,  asyncio__posix_lock,
                                                asyncio__posix_unlock, false};
static inline const asyncio_port *asyncio__default_port(void) { return &asyncio_posix_port; }

/* ---- The virtual clock's side of it ---- */

static inline int asyncio__virtual_open(asyncio_loop *loop) { return asyncio__posix_open(loop); }
static inline void asyncio__virtual_close(asyncio_loop *loop) { asyncio__posix_close(loop); }
static inline void asyncio__virtual_wait(asyncio_loop *loop, asyncio_time timeout)
{
    asyncio__posix_wait(loop, timeout < 0 ? -1 : 0);
    if (timeout > 0 && loop->core.head == NULL && !asyncio__inbox_waits(loop))
        loop->virtual_now = asyncio__time_add(loop->virtual_now, timeout);
}

/*
 * asyncio_loop_fds - the descriptors that a loop watches, for a select() of your own around asyncio_loop_step.
 *
 *   read, write   descriptors are added; set them up before
 *   Suspends      never
 *   Returns       the highest one added, or -1. Cost: O(descriptors).
 */
static inline int asyncio_loop_fds(asyncio_loop *loop, fd_set *read, fd_set *write)
{
    asyncio__fd *entry;
    int highest = -1;
    if (loop->core.closed)
        return -1;
    for (entry = asyncio__selector_of(loop)->fds; entry != NULL; entry = (asyncio__fd *)entry->hh.next) {
        if (entry->watched & ASYNCIO__READ)
            FD_SET((unsigned)entry->fd, read);
        if (entry->watched & ASYNCIO__WRITE)
            FD_SET((unsigned)entry->fd, write);
        if (entry->watched != 0 && entry->fd > highest)
            highest = entry->fd;
    }
    return highest;
}

#pragma pop_macro("uthash_malloc")
#pragma pop_macro("uthash_free")
#pragma pop_macro("HASH_KEYCMP")

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_SELECTORS_H */
