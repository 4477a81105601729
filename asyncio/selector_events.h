/* SPDX-License-Identifier: MIT
 *
 * asyncio/selector_events.h - descriptors: readers, writers, and sockets that a coroutine awaits.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(echo, int fd; char buf[64]; int got;)
 *     {
 *         ASYNC_BEGIN;
 *         for (;;) {
 *             ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buf, sizeof self->buf));
 *             if (self->got == 0)
 *                 break;
 *             ASYNC_AWAIT(asyncio_sock_sendall(self->fd, self->buf, (size_t)self->got));
 *         }
 *         ASYNC_FINALLY;
 *         close(self->fd);
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, int fds[2]; char buf[64]; int got;)
 *     {
 *         ASYNC_BEGIN;
 *         if (socketpair(AF_UNIX, SOCK_STREAM, 0, self->fds) < 0)
 *             ASYNC_RAISE(errno);
 *         asyncio_create_task(ASYNC_NEW(echo, .fd = self->fds[1]));
 *         ASYNC_AWAIT(asyncio_sock_sendall(self->fds[0], "hello", 5));
 *         ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fds[0], self->buf, sizeof self->buf));
 *         printf("%.*s\n", self->got, self->buf);
 *         close(self->fds[0]);
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * The sock_ functions try the system call at once and suspend only if it would block. While a task waits for a
 * descriptor nobody else may wait for the same event of it. Cancelling leaves nothing registered; bytes that sendall
 * had sent by then are sent. Close a descriptor only when nobody watches it: whoever does gets EBADF, at best.
 *
 * Source: CPython Lib/asyncio/selector_events.py. Differs: a second waiter gets ASYNCIO_EBUSY, where CPython silently
 * replaces the first one; recv and sendall also take pipes, terminals and files, which are read or written once ready;
 * sockets need not be non-blocking for recv and sendall.
 */
#ifndef ASYNCIO_SELECTOR_EVENTS_H
#define ASYNCIO_SELECTOR_EVENTS_H

#include "../asyncio_loop.h"

#include <limits.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * asyncio_add_reader, asyncio_add_writer - call callback(arg) whenever the loop looks and fd is readable (writable): at
 * most once per iteration, and again as long as it is.
 *
 *   loop       NULL: the running loop of this thread
 *   fd         0 .. FD_SETSIZE - 1. Replaces the callback that was there. End of file and errors are readable, too.
 *   Suspends   never
 *   Returns    0; ASYNCIO_EVALUE for a descriptor that select() cannot take; ASYNCIO_ENOMEM; ASYNCIO_ECLOSED;
 *              ASYNCIO_ENOLOOP; ASYNCIO_EBUSY if a task waits for it. A descriptor that is not open is found out when
 *              the loop waits: one call, then it is forgotten. While one is watched, having nothing to do is no
 *              deadlock.
 *   Memory     one block the first time that a descriptor is watched, kept until the loop closes
 *   Cost       O(1)
 *   Source     selector_events.py:_add_reader, _add_writer
 *
 * asyncio_remove_reader, asyncio_remove_writer - stop that.
 *
 *   Suspends   never
 *   Returns    true; false if there was none, if a task waits (cancel it), or if the loop is closed. A call that is due
 *              in this iteration is taken back.
 *   Source     selector_events.py:_remove_reader, _remove_writer
 */
static inline int asyncio_add_reader(asyncio_loop *loop, int fd, asyncio_callback callback, void *arg)
{
    loop = asyncio__loop_or_running(loop);
    return loop != NULL ? asyncio__fd_watch(loop, fd, ASYNCIO__READ, callback, arg, 0) : ASYNCIO_ENOLOOP;
}
static inline int asyncio_add_writer(asyncio_loop *loop, int fd, asyncio_callback callback, void *arg)
{
    loop = asyncio__loop_or_running(loop);
    return loop != NULL ? asyncio__fd_watch(loop, fd, ASYNCIO__WRITE, callback, arg, 0) : ASYNCIO_ENOLOOP;
}
static inline bool asyncio__remove_callback(asyncio_loop *loop, int fd, unsigned event)
{
    loop = asyncio__loop_or_running(loop);
    return loop != NULL && !loop->core.closed && !asyncio__fd_busy(loop, fd, event) &&
           asyncio__fd_unwatch(loop, fd, event);
}
static inline bool asyncio_remove_reader(asyncio_loop *loop, int fd)
{
    return asyncio__remove_callback(loop, fd, ASYNCIO__READ);
}
static inline bool asyncio_remove_writer(asyncio_loop *loop, int fd)
{
    return asyncio__remove_callback(loop, fd, ASYNCIO__WRITE);
}

/* A task that waits for a descriptor is in no list, so its links are free: `next` holds the bytes still to go (or the
 * address length's place), `prev` the descriptor, the slot the buffer (or the address's place). */
static inline void asyncio__sock_set(asyncio_task *task, int fd, void *buf, uintptr_t size)
{
    task->wait.slot.object = buf;
    task->wait.node.next = (asyncio__node *)size;
    task->wait.node.prev = (asyncio__node *)(uintptr_t)fd;
}
static inline int asyncio__sock_fd(asyncio_task *task) { return (int)(uintptr_t)task->wait.node.prev; }

/* One try of what the task wants: 0 and the value, an error, or EAGAIN. `ready`: select() says it will not block. */
typedef int (*asyncio__sock_try)(int fd, asyncio_task *task, bool ready, asyncio_value *value);

/* A wait for a descriptor, and how to try again. */
typedef struct asyncio__sock_wait {
    asyncio__wait wait;
    asyncio__sock_try attempt;
    unsigned event;
} asyncio__sock_wait;

static inline const asyncio__sock_wait *asyncio__sock_wait_of(asyncio_task *task)
{
    return (const asyncio__sock_wait *)(const void *)task->wait.node.wait;
}

static inline void asyncio__sock_detach(asyncio_task *task)
{
    asyncio__fd_unwatch(task->future.loop, asyncio__sock_fd(task), asyncio__sock_wait_of(task)->event);
}

static inline bool asyncio__would_block(int err) { return err == EAGAIN || err == EWOULDBLOCK || err == EINTR; }

static inline void asyncio__sock_ready(void *arg)
{
    asyncio_task *task = (asyncio_task *)arg;
    const asyncio__sock_wait *wait = asyncio__sock_wait_of(task);
    asyncio_value value = 0;
    int fd = asyncio__sock_fd(task), err = wait->attempt(fd, task, true, &value);
    if (asyncio__would_block(err)) {
        if (asyncio__fd_watched(task->future.loop, fd, wait->event))
            return;
        err = EBADF; /* it was closed while we waited; this one has its number only */
    }
    asyncio__sock_detach(task);
    asyncio__wake(task, err, value);
}

/* Tries at once if `now`; else, or if it would block, makes the task wait. */
static inline asyncio_status asyncio__sock_start(const asyncio__sock_wait *wait, int fd, void *buf, uintptr_t size,
                                                 bool now)
{
    asyncio_task *task = asyncio_current_task();
    asyncio_value value = 0;
    int err;
    if (task == NULL || task->wait.node.wait != NULL)
        return asyncio__status(ASYNCIO_ERUNTIME, 0);
    if (asyncio__fd_busy(task->future.loop, fd, wait->event))
        return asyncio__status(ASYNCIO_EBUSY, 0);
    asyncio__sock_set(task, fd, buf, size);
    task->future.flags &= (uint16_t)~ASYNCIO__MESSAGE; /* a pending cancel()'s was in the slot; the Future has it too */
    if (now) {
        err = wait->attempt(fd, task, false, &value);
        if (!asyncio__would_block(err))
            return asyncio__status(err, value);
    }
    err = asyncio__fd_watch(task->future.loop, fd, wait->event, asyncio__sock_ready, task, wait->event);
    if (err != 0)
        return asyncio__status(err, 0);
    task->wait.node.wait = &wait->wait;
    return asyncio__status(ASYNCIO__PENDING, 0);
}

#ifdef MSG_NOSIGNAL
#define ASYNCIO__SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
#else
#define ASYNCIO__SEND_FLAGS MSG_DONTWAIT
#endif
/* What a pipe that select() calls writable takes without blocking. */
#ifdef PIPE_BUF
#define ASYNCIO__PIPE_BUF ((size_t)PIPE_BUF)
#else
#define ASYNCIO__PIPE_BUF ((size_t)512)
#endif

/* Only sockets can be asked not to block: the others must wait until they are ready. */
static inline int asyncio__recv_attempt(int fd, asyncio_task *task, bool ready, asyncio_value *value)
{
    size_t size = (size_t)(uintptr_t)task->wait.node.next;
    ssize_t got = recv(fd, task->wait.slot.object, size, MSG_DONTWAIT);
    if (got < 0 && errno == ENOTSOCK) {
        if (!ready)
            return EAGAIN;
        got = read(fd, task->wait.slot.object, size);
    }
    if (got < 0)
        return errno;
    *value = got;
    return 0;
}
static const asyncio__sock_wait asyncio__recv_wait = {
    {NULL, NULL, asyncio__sock_detach, NULL, ASYNCIO__IN_OTHER, 0 ASYNCIO__WHAT("waiting for a descriptor to read")},
    asyncio__recv_attempt,
    ASYNCIO__READ};

static inline int asyncio__send_attempt(int fd, asyncio_task *task, bool ready, asyncio_value *value)
{
    size_t left = (size_t)(uintptr_t)task->wait.node.next;
    ssize_t sent = send(fd, task->wait.slot.object, left, ASYNCIO__SEND_FLAGS);
    (void)value;
    if (sent < 0 && errno == ENOTSOCK) {
        if (!ready)
            return EAGAIN;
        sent = write(fd, task->wait.slot.object, left < ASYNCIO__PIPE_BUF ? left : ASYNCIO__PIPE_BUF);
    }
    if (sent < 0)
        return errno;
    asyncio__sock_set(task, fd, (char *)task->wait.slot.object + sent, left - (size_t)sent);
    return (size_t)sent == left ? 0 : EAGAIN;
}
static const asyncio__sock_wait asyncio__send_wait = {
    {NULL, NULL, asyncio__sock_detach, NULL, ASYNCIO__IN_OTHER, 0 ASYNCIO__WHAT("waiting for a descriptor to write")},
    asyncio__send_attempt,
    ASYNCIO__WRITE};

static inline int asyncio__accept_attempt(int fd, asyncio_task *task, bool ready, asyncio_value *value)
{
    socklen_t *size = (socklen_t *)(void *)task->wait.node.next;
    int peer = accept(fd, (struct sockaddr *)task->wait.slot.object, size), err;
    (void)ready;
    if (peer < 0)
        return errno == ECONNABORTED ? EAGAIN : errno; /* that one went away: wait for the next */
    err = asyncio__set_fd_flags(peer);
    if (err != 0) {
        close(peer);
        return err;
    }
    *value = peer;
    return 0;
}
static const asyncio__sock_wait asyncio__accept_wait = {
    {NULL, NULL, asyncio__sock_detach, NULL, ASYNCIO__IN_OTHER, 0 ASYNCIO__WHAT("waiting for a connection to accept")},
    asyncio__accept_attempt,
    ASYNCIO__READ};

static inline int asyncio__connect_attempt(int fd, asyncio_task *task, bool ready, asyncio_value *value)
{
    int err = 0;
    socklen_t size = sizeof err;
    (void)task, (void)ready, (void)value;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 ? errno : err;
}
static const asyncio__sock_wait asyncio__connect_wait = {
    {NULL, NULL, asyncio__sock_detach, NULL, ASYNCIO__IN_OTHER, 0 ASYNCIO__WHAT("waiting for a connection to be made")},
    asyncio__connect_attempt,
    ASYNCIO__WRITE};

/*
 * asyncio_sock_recv(fd, buf, size) - for ASYNC_AWAIT_INTO: receive what is there. asyncio_sock_recv_into is the same.
 *
 *   fd         a socket, blocking or not; a pipe, terminal or file: waits until it is readable, then reads once
 *   buf, size  yours, good until the await is over; size in bytes
 *   Suspends   if nothing is there yet; always for what is no socket
 *   Gives      the number of bytes, 0 at end of file; errno values; ASYNCIO_EBUSY, ASYNCIO_ECANCELLED, ASYNCIO_ENOMEM,
 *              ASYNCIO_EVALUE (descriptor too large for select), ASYNCIO_ERUNTIME outside of a task, or if an earlier
 *              status was not awaited
 *   Memory     none but the descriptor's block at its first wait. Cost: one recv; another and a select if it must wait.
 *   Source     selector_events.py:sock_recv, sock_recv_into
 */
ASYNCIO__NODISCARD static inline asyncio_status asyncio_sock_recv(int fd, void *buf, size_t size)
{
    return asyncio__sock_start(&asyncio__recv_wait, fd, buf, (uintptr_t)size, true);
}
ASYNCIO__NODISCARD static inline asyncio_status asyncio_sock_recv_into(int fd, void *buf, size_t size)
{
    return asyncio_sock_recv(fd, buf, size);
}

/*
 * asyncio_sock_sendall(fd, data, size) - for ASYNC_AWAIT: send everything.
 *
 *   fd         as asyncio_sock_recv's; a pipe, terminal or file is written in pieces of PIPE_BUF bytes
 *   data       good until the await is over
 *   Suspends   if the socket's buffer is full; always for what is no socket
 *   Gives      0; errors as asyncio_sock_recv. After an error or a cancellation nobody knows how much was sent, as in
 *              Python. A peer that is gone: EPIPE or ECONNRESET, and no SIGPIPE where the system has MSG_NOSIGNAL;
 *              elsewhere, and from pipes, the program must ignore SIGPIPE.
 *   Memory     as asyncio_sock_recv. Cost: one send; one more, and a select, whenever the buffer is full.
 *   Source     selector_events.py:sock_sendall
 */
ASYNCIO__NODISCARD static inline asyncio_status asyncio_sock_sendall(int fd, const void *data, size_t size)
{
    return asyncio__sock_start(&asyncio__send_wait, fd, (void *)(uintptr_t)data, (uintptr_t)size, true);
}

/*
 * asyncio_sock_accept(fd, address, size) - for ASYNC_AWAIT_INTO: accept one connection.
 *
 *   fd            listening and non-blocking (asyncio_set_nonblocking)
 *   address, size as accept()'s, may both be NULL; they must outlive the await
 *   Suspends      if no connection is waiting
 *   Gives         the new descriptor, non-blocking and close-on-exec; errors as asyncio_sock_recv. Without descriptors
 *                 or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) the connection stays in the queue: sleep, then try again.
 *   Memory        as asyncio_sock_recv. Cost: one accept, which may come after a select, and three fcntl.
 *   Source        selector_events.py:sock_accept. Differs: a connection that its peer has given up (ECONNABORTED) is
 *                 skipped, where CPython raises.
 */
ASYNCIO__NODISCARD static inline asyncio_status asyncio_sock_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    return asyncio__sock_start(&asyncio__accept_wait, fd, address, (uintptr_t)size, true);
}

/*
 * asyncio_sock_connect(fd, address, size) - for ASYNC_AWAIT: connect.
 *
 *   fd         non-blocking
 *   address    already resolved; needed during the call only
 *   Suspends   if the peer does not answer at once
 *   Gives      0; ECONNREFUSED and the other errno values (EAGAIN: the queue of a local socket is full); else as
 *              asyncio_sock_recv. After a cancellation the attempt goes on: close the socket.
 *   Memory     as asyncio_sock_recv. Cost: one connect; if it must wait a getsockopt, and a select.
 *   Source     selector_events.py:sock_connect. Differs: no name resolution here.
 */
ASYNCIO__NODISCARD static inline asyncio_status asyncio_sock_connect(int fd, const struct sockaddr *address,
                                                                     socklen_t size)
{
    if (connect(fd, address, size) == 0)
        return asyncio__status(0, 0);
    if (errno != EINPROGRESS && errno != EALREADY && errno != EINTR)
        return asyncio__status(errno, 0);
    return asyncio__sock_start(&asyncio__connect_wait, fd, NULL, 0, false);
}

/* asyncio_set_nonblocking - set O_NONBLOCK and FD_CLOEXEC. Returns 0 or an errno value; never suspends. */
static inline int asyncio_set_nonblocking(int fd) { return asyncio__set_fd_flags(fd); }

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_SELECTOR_EVENTS_H */
