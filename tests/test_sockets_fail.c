/* Every system call below the loop is made to fail, one after the other, at each of its calls in turn: what is
 * transient passes unnoticed, what is not arrives as an error, nothing hangs, and nothing stays open or allocated. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* the system's headers come first here */
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum call {
    NONE, PIPE, FCNTL, SELECT, READ, WRITE, RECV, SEND, ACCEPT, CONNECT, GETSOCKOPT, SIGACTION, MALLOC
};
static enum call failing; /* this call fails, */
static int countdown;     /* the so-many-th time, */
static int failure;       /* with this errno */
static int blocks;        /* that are allocated */

static int fails(enum call call)
{
    if (call != failing || --countdown != 0)
        return 0;
    errno = failure;
    return 1;
}
static int faulty_pipe(int fds[2]) { return fails(PIPE) ? -1 : pipe(fds); }
static int faulty_fcntl(int fd, int command, ...)
{
    va_list arguments;
    int argument;
    va_start(arguments, command);
    argument = command == F_GETFL || command == F_GETFD ? 0 : va_arg(arguments, int);
    va_end(arguments);
    return fails(FCNTL) ? -1 : fcntl(fd, command, argument);
}
static int faulty_select(int count, fd_set *in, fd_set *out, fd_set *error, struct timeval *limit)
{
    return fails(SELECT) ? -1 : select(count, in, out, error, limit);
}
static void (*before_read)(void *arg); /* once: what another thread does just then */
static void *before_read_arg;
static ssize_t faulty_read(int fd, void *buf, size_t size)
{
    void (*other)(void *arg) = before_read;
    before_read = NULL;
    if (other != NULL)
        other(before_read_arg);
    return fails(READ) ? -1 : read(fd, buf, size);
}
static ssize_t faulty_write(int fd, const void *buf, size_t size) { return fails(WRITE) ? -1 : write(fd, buf, size); }
static ssize_t faulty_recv(int fd, void *buf, size_t size, int flags)
{
    return fails(RECV) ? -1 : recv(fd, buf, size, flags);
}
static ssize_t faulty_send(int fd, const void *buf, size_t size, int flags)
{
    return fails(SEND) ? -1 : send(fd, buf, size, flags);
}
static int faulty_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    return fails(ACCEPT) ? -1 : accept(fd, address, size);
}
static int faulty_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    int failed = fails(CONNECT), result;
    if (failed && failure != EINTR)
        return -1;
    result = connect(fd, address, size); /* an interrupted connect goes on by itself */
    if (!failed)
        return result;
    errno = EINTR;
    return -1;
}
static int faulty_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
    return fails(GETSOCKOPT) ? -1 : getsockopt(fd, level, name, value, size);
}
static int faulty_sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
    return fails(SIGACTION) ? -1 : sigaction(number, action, before);
}
static void *faulty_malloc(size_t size)
{
    void *memory = fails(MALLOC) ? NULL : malloc(size);
    blocks += memory != NULL;
    return memory;
}
static void faulty_free(void *memory)
{
    blocks -= memory != NULL;
    free(memory);
}
/* The real one: faulty close()s are nobody's to handle. */
static int close_it(int fd) { return close(fd); }
static int open_descriptors(void)
{
    int fd, count = 0;
    for (fd = 0; fd < 200; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

#define pipe faulty_pipe
#define fcntl faulty_fcntl
#define select faulty_select
#define read faulty_read
#define write faulty_write
#define recv faulty_recv
#define send faulty_send
#define accept faulty_accept
#define connect faulty_connect
#define getsockopt faulty_getsockopt
#define ASYNCIO_MALLOC(size) faulty_malloc(size)
#define ASYNCIO_FREE(memory) faulty_free(memory)
/* a struct has this name, too */
#define sigaction(number, action, before) faulty_sigaction(number, action, before)
#include "asyncio.h"
#include "tap.h"

#define SIZE 300000
static char data[SIZE];

/* ---- What is run: a connection, a pipe, a signal ---- */

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *arg)
{
    (void)loop, (void)context, (void)arg;
}

/* Takes one connection, reads it to its end, answers. */
ASYNC(serve, int listener; int fd; int got; size_t total; char buf[32768];)
{
    ASYNC_BEGIN;
    self->fd = -1;
    ASYNC_AWAIT_INTO(self->fd, asyncio_sock_accept(self->listener, NULL, NULL));
    for (;;) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buf, sizeof self->buf));
        if (self->got == 0)
            break;
        self->total += (size_t)self->got;
    }
    ASYNC_AWAIT(asyncio_sock_sendall(self->fd, "ok", 2));
    if (self->total != SIZE)
        ASYNC_RAISE(ASYNCIO_EINCOMPLETEREAD);
    ASYNC_FINALLY;
    if (self->fd >= 0)
        close_it(self->fd);
    close_it(self->listener);
    ASYNC_END;
}

ASYNC(ask, struct sockaddr_in address; int fd; int got; char answer[2];)
{
    ASYNC_BEGIN;
    self->fd = socket(AF_INET, SOCK_STREAM, 0);
    self->got = 20000; /* small, so that it has to wait */
    CHECK_EQ(setsockopt(self->fd, SOL_SOCKET, SO_SNDBUF, &self->got, sizeof self->got), 0);
    self->got = asyncio_set_nonblocking(self->fd);
    if (self->got != 0)
        ASYNC_RAISE(self->got);
    ASYNC_AWAIT(asyncio_sock_connect(self->fd, (struct sockaddr *)&self->address, sizeof self->address));
    ASYNC_AWAIT(asyncio_sock_sendall(self->fd, data, SIZE));
    shutdown(self->fd, SHUT_WR);
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->answer, 2));
    if (self->got != 2)
        ASYNC_RAISE(ASYNCIO_EINCOMPLETEREAD);
    ASYNC_FINALLY;
    close_it(self->fd);
    ASYNC_END;
}

/* The storage is static: that a task cannot be allocated is another test's matter. */
static struct serve_task serving;
static struct ask_task asking;
static int errors[2]; /* of the two that talk to each other */
ASYNC(both, asyncio_root *first, *second; asyncio_task *tasks[2];)
{
    ASYNC_BEGIN;
    asyncio_create_task(self->first, .into = &self->tasks[0]);
    asyncio_create_task(self->second, .into = &self->tasks[1]);
    ASYNC_CATCH_ALL(errors[1], self->tasks[1]);
    if (errors[1] != 0) /* it may have failed before the first could know of it */
        asyncio_task_cancel(self->tasks[0], NULL);
    ASYNC_CATCH_ALL(errors[0], self->tasks[0]);
    ASYNC_END;
}
static struct both_task the_both;

static int run_both(asyncio_loop *loop, asyncio_root *first, asyncio_root *second)
{
    asyncio_task_options options;
    int err;
    asyncio__no_options(&options);
    err = asyncio_run_until_complete(loop, ASYNC_AT(&the_both, both, .first = first, .second = second), NULL);
    CHECK_EQ(loop->sources, 0);
    CHECK_EQ(asyncio__selector_of(loop)->watched, 0);
    CHECK_EQ(asyncio_loop_close(loop), 0);
    return err;
}

static int a_connection(void)
{
    asyncio_loop loop;
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int err, listener, size = 20000;
    err = asyncio_loop_init(&loop, &asyncio_virtual_port);
    if (err != 0)
        return err;
    asyncio_set_exception_handler(&loop, ignore, NULL);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
    CHECK_EQ(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(listen(listener, 1), 0);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    err = asyncio_set_nonblocking(listener);
    if (err != 0) {
        close_it(listener);
        CHECK_EQ(asyncio_loop_close(&loop), 0);
        return err;
    }
    return run_both(&loop, ASYNC_AT(&serving, serve, .listener = listener),
                    ASYNC_AT(&asking, ask, .address = address));
}

ASYNC(drain, int fd; int got; size_t total; char buf[3000];)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buf, sizeof self->buf));
        if (self->got == 0)
            break;
        self->total += (size_t)self->got;
    }
    if (self->total != 20000)
        ASYNC_RAISE(ASYNCIO_EINCOMPLETEREAD);
    ASYNC_FINALLY;
    close_it(self->fd);
    ASYNC_END;
}
ASYNC(fill, int fd;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sock_sendall(self->fd, data, 20000));
    ASYNC_FINALLY;
    close_it(self->fd);
    ASYNC_END;
}
static struct drain_task draining;
static struct fill_task filling;

static int a_pipe(void)
{
    asyncio_loop loop;
    int err, fds[2];
    enum call before = failing;
    err = asyncio_loop_init(&loop, &asyncio_virtual_port);
    if (err != 0)
        return err;
    asyncio_set_exception_handler(&loop, ignore, NULL);
    failing = NONE;
    CHECK_EQ(pipe(fds), 0);
    failing = before;
    return run_both(&loop, ASYNC_AT(&draining, drain, .fd = fds[0]), ASYNC_AT(&filling, fill, .fd = fds[1]));
}

static int signals;
static void count_signal(void *arg)
{
    signals++;
    asyncio_loop_stop((asyncio_loop *)arg);
}
static int a_signal(void)
{
    asyncio_loop loop;
    struct sigaction now;
    int err;
    enum call before;
    err = asyncio_loop_init(&loop, &asyncio_virtual_port);
    if (err != 0)
        return err;
    signals = 0;
    err = asyncio_add_signal_handler(&loop, SIGUSR1, count_signal, &loop);
    if (err == 0) {
        CHECK_EQ(kill(getpid(), SIGUSR1), 0);
        CHECK_EQ(asyncio_run_forever(&loop), 0);
        CHECK_EQ(signals, 1);
        (void)asyncio_remove_signal_handler(&loop, SIGUSR1, NULL);
    }
    CHECK_EQ(loop.sources, 0);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    before = failing;
    failing = NONE;
    (void)sigaction(SIGUSR1, NULL, &now);
    failing = before;
    CHECK(now.sa_handler == SIG_DFL || failure != 0);
    (void)signal(SIGUSR1, SIG_DFL);
    return err;
}

/* ---- The sweeps ---- */

/* Lets each call in turn fail once. `want` is what then must be reported, by the scenario itself or by one of the two
 * that talk to each other; 0: nothing, it passes unnoticed. Returns how many calls there were. */
static int sweep(int (*scenario)(void), enum call call, int err, int want)
{
    int n, result, descriptors = open_descriptors(), allocated = blocks;
    for (n = 1; n < 100; n++) {
        failing = call;
        countdown = n;
        failure = err;
        errors[0] = errors[1] = 0;
        result = scenario();
        failing = NONE;
        if (want == 0 || countdown > 0) {
            CHECK_EQ(result, 0);
            CHECK_EQ(errors[0], 0);
            CHECK_EQ(errors[1], 0);
        } else {
            CHECK(result == want || errors[0] == want || errors[1] == want);
        }
        CHECK_EQ(open_descriptors(), descriptors);
        CHECK_EQ(blocks, allocated);
        if (countdown > 0)
            break;
    }
    return n - 1;
}

TEST(test_without_a_failure)
{
    CHECK_EQ(sweep(a_connection, NONE, 0, 0), 0);
    CHECK_EQ(sweep(a_pipe, NONE, 0, 0), 0);
    CHECK_EQ(sweep(a_signal, NONE, 0, 0), 0);
}

TEST(test_opening_a_loop)
{
    CHECK_EQ(sweep(a_signal, PIPE, EMFILE, EMFILE), 1);
    CHECK_EQ(sweep(a_signal, PIPE, ENFILE, ENFILE), 1);
    CHECK_EQ(sweep(a_signal, FCNTL, EBADF, EBADF), 6); /* three for each end of the pipe */
    CHECK(sweep(a_signal, MALLOC, 0, ASYNCIO_ENOMEM) >= 4);
}

TEST(test_select)
{
    CHECK(sweep(a_connection, SELECT, EINTR, 0) > 5);
    CHECK(sweep(a_connection, SELECT, ENOMEM, 0) > 5);
    CHECK(sweep(a_connection, SELECT, EBADF, 0) > 5); /* though all descriptors are good */
    CHECK(sweep(a_pipe, SELECT, EINTR, 0) > 5);
    CHECK(sweep(a_signal, SELECT, EINTR, 0) >= 1);
}

TEST(test_recv)
{
    CHECK(sweep(a_connection, RECV, EINTR, 0) > 5);
    CHECK(sweep(a_connection, RECV, EAGAIN, 0) > 5);
    CHECK(sweep(a_connection, RECV, ECONNRESET, ECONNRESET) > 5);
    CHECK(sweep(a_connection, RECV, ENOMEM, ENOMEM) > 5);
    CHECK(sweep(a_pipe, RECV, EBADF, EBADF) > 5);
}

TEST(test_send)
{
    CHECK(sweep(a_connection, SEND, EINTR, 0) > 1);
    CHECK(sweep(a_connection, SEND, EAGAIN, 0) > 1);
    CHECK(sweep(a_connection, SEND, ENOBUFS, ENOBUFS) > 1);
    CHECK(sweep(a_connection, SEND, EPIPE, EPIPE) > 1);
    CHECK(sweep(a_pipe, SEND, EBADF, EBADF) > 1);
}

TEST(test_accept)
{
    CHECK(sweep(a_connection, ACCEPT, EINTR, 0) >= 1);
    CHECK(sweep(a_connection, ACCEPT, EAGAIN, 0) >= 1);
    CHECK(sweep(a_connection, ACCEPT, ECONNABORTED, 0) >= 1);
    CHECK(sweep(a_connection, ACCEPT, EMFILE, EMFILE) >= 1);
    CHECK(sweep(a_connection, ACCEPT, ENOMEM, ENOMEM) >= 1);
    CHECK_EQ(sweep(a_connection, FCNTL, EINVAL, EINVAL), 15); /* pipe, listener, client, and what was accepted */
}

TEST(test_connect)
{
    CHECK_EQ(sweep(a_connection, CONNECT, EINTR, 0), 1);
    CHECK_EQ(sweep(a_connection, CONNECT, ENETUNREACH, ENETUNREACH), 1);
    CHECK_EQ(sweep(a_connection, CONNECT, EADDRNOTAVAIL, EADDRNOTAVAIL), 1);
    (void)sweep(a_connection, GETSOCKOPT, ENOMEM, ENOMEM); /* not called if the system connects at once */
}

TEST(test_read_and_write)
{
    CHECK(sweep(a_pipe, READ, EINTR, 0) > 1);
    CHECK(sweep(a_pipe, READ, EAGAIN, 0) > 1);
    CHECK(sweep(a_pipe, READ, EIO, EIO) > 1);
    CHECK(sweep(a_pipe, WRITE, EINTR, 0) > 1);
    CHECK(sweep(a_pipe, WRITE, EAGAIN, 0) > 1);
    CHECK(sweep(a_pipe, WRITE, EIO, EIO) > 1);
}

TEST(test_the_wake_up_pipe)
{
    CHECK(sweep(a_signal, WRITE, EINTR, 0) >= 1);
    CHECK(sweep(a_signal, READ, EINTR, 0) >= 1);
    CHECK(sweep(a_signal, READ, EIO, 0) >= 1);
}

/* A wake-up that comes while the loop empties the pipe: its byte must not go with the old one while the flag says that
 * there is one, for then nobody would ever write again. */
static void wake_up(void *arg) { asyncio__posix_wake((asyncio_loop *)arg); }
TEST(test_a_wake_up_while_the_pipe_is_emptied)
{
    asyncio_loop loop;
    fd_set in, out;
    struct timeval now = {0, 0};
    int highest;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio__posix_wake(&loop);
    before_read = wake_up;
    before_read_arg = &loop;
    asyncio__posix_woken(&loop);
    CHECK(before_read == NULL);
    asyncio__posix_wake(&loop); /* the next one */
    FD_ZERO(&in);
    FD_ZERO(&out);
    highest = asyncio_loop_fds(&loop, &in, &out);
    CHECK_EQ(select(highest + 1, &in, &out, NULL, &now), 1);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* Only its installation is a call whose failure anybody could do something about. */
TEST(test_sigaction)
{
    failing = SIGACTION;
    countdown = 1;
    failure = EINVAL;
    CHECK_EQ(a_signal(), ASYNCIO_ERUNTIME);
    failing = NONE;
    CHECK_EQ(a_signal(), 0);
}

/* No memory for the descriptor's entry, or for the table of all: whoever waits is told. */
TEST(test_out_of_memory)
{
    CHECK(sweep(a_connection, MALLOC, 0, ASYNCIO_ENOMEM) >= 6);
    CHECK(sweep(a_pipe, MALLOC, 0, ASYNCIO_ENOMEM) >= 6);
}

int main(void)
{
    alarm(60);
    (void)signal(SIGPIPE, SIG_IGN); /* a_pipe's reader may be gone */
    RUN(test_without_a_failure);
    RUN(test_opening_a_loop);
    RUN(test_select);
    RUN(test_recv);
    RUN(test_send);
    RUN(test_accept);
    RUN(test_connect);
    RUN(test_read_and_write);
    RUN(test_the_wake_up_pipe);
    RUN(test_a_wake_up_while_the_pipe_is_emptied);
    RUN(test_sigaction);
    RUN(test_out_of_memory);
    return tap_end();
}
