/* Descriptors: readers, writers and sock_ functions, in CPython's order and with what select() adds to it. Under the
 * virtual clock, with real descriptors: what is compared are ticks and logs, never durations. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* posix_openpt */
#endif
#include "asyncio.h"
#include "tap.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#define TEXT(word) ((void *)(uintptr_t)(word))

static void log_word(void *arg) { log_add((const char *)arg); }

/* The iteration, counted from the test's first one. */
static uint32_t first_tick;
static void start_ticks(void) { first_tick = asyncio_get_running_loop()->ticks; }
static void log_tick(const char *word)
{
    log_number((long long)(asyncio_get_running_loop()->ticks - first_tick));
    log_add(word);
}

static void make_pair(int fds[2])
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_EQ(asyncio_set_nonblocking(fds[0]), 0);
    CHECK_EQ(asyncio_set_nonblocking(fds[1]), 0);
}
static void close_pair(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}
static void put(int fd, const char *text) { CHECK_EQ(write(fd, text, strlen(text)), strlen(text)); }
static void small_buffer(int fd)
{
    int size = 2048;
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
}

/* A listener on 127.0.0.1 and its address. */
static int make_listener(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
    CHECK_EQ(listen(fd, 16), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)address, &size), 0);
    CHECK_EQ(asyncio_set_nonblocking(fd), 0);
    return fd;
}
static int make_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(asyncio_set_nonblocking(fd), 0);
    return fd;
}

/* Nothing is left that could wake the loop: else awaiting a Future that nobody settles would hang. */
static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *arg)
{
    (void)loop, (void)context, (void)arg;
}
ASYNC(nothing_ever, asyncio_future never;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->never, NULL);
    ASYNC_AWAIT(&self->never);
    ASYNC_END;
}
static void check_nothing_watched(asyncio_loop *loop)
{
    CHECK_EQ(loop->sources, 0);
    CHECK_EQ(asyncio__selector_of(loop)->watched, 0);
    if (loop->sources != 0)
        return;
    asyncio_set_exception_handler(loop, ignore, NULL);
    CHECK_EQ(asyncio_run_until_complete(loop, ASYNC_NEW(nothing_ever), NULL), ASYNCIO_EDEADLOCK);
}

/* Runs a coroutine on a loop with the virtual clock, which must be left with nothing watched. */
static int run(asyncio_root *root)
{
    asyncio_loop loop;
    int err;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    err = asyncio_run_until_complete(&loop, root, NULL);
    check_nothing_watched(&loop);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    return err;
}

/* ---- add_reader, add_writer ---- */

static void read_and_remove(void *arg)
{
    int fd = *(const int *)arg;
    char byte;
    CHECK_EQ(read(fd, &byte, 1), 1);
    log_add("new");
    log_add(asyncio_remove_reader(asyncio_get_running_loop(), fd) ? "true" : "false");
}
ASYNC(add_reader_order, int fds[2]; asyncio_loop *loop;)
{
    ASYNC_BEGIN;
    self->loop = asyncio_get_running_loop();
    make_pair(self->fds);
    CHECK_EQ(asyncio_add_reader(self->loop, self->fds[0], log_word, TEXT("old")), 0);
    CHECK_EQ(asyncio_add_reader(self->loop, self->fds[0], read_and_remove, &self->fds[0]), 0);
    put(self->fds[1], "1");
    ASYNC_AWAIT(asyncio_sleep(0.02));
    CHECK(!asyncio_remove_reader(self->loop, self->fds[0]));
    CHECK_LOG("new true");

    CHECK_EQ(asyncio_add_reader(self->loop, self->fds[0], log_word, TEXT("level")), 0);
    put(self->fds[1], "2");
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_remove_reader(self->loop, self->fds[0])); /* takes back the third one, which is due just now */
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_LOG("level level");

    CHECK_EQ(asyncio_add_writer(self->loop, self->fds[0], log_word, TEXT("W")), 0);
    CHECK_EQ(asyncio_add_reader(self->loop, self->fds[0], log_word, TEXT("R")), 0);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_remove_reader(self->loop, self->fds[0]));
    CHECK(asyncio_remove_writer(self->loop, self->fds[0]));
    CHECK_LOG("R W");

    CHECK_EQ(asyncio_add_reader(self->loop, self->fds[0], log_word, TEXT("io")), 0);
    CHECK_EQ(asyncio_call_later(self->loop, NULL, 0, log_word, TEXT("timer")), 0);
    CHECK_EQ(asyncio_call_soon(self->loop, NULL, log_word, TEXT("soon")), 0);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_remove_reader(self->loop, self->fds[0]));
    CHECK_LOG("soon io timer");
    close_pair(self->fds);
    ASYNC_END;
}
TEST(test_add_reader) { CHECK_EQ(run(ASYNC_NEW(add_reader_order)), 0); }

/* A reader of everything until end of file, and a writer of so many bytes. */
struct flow {
    asyncio_loop *loop;
    int fd;
    size_t bytes, calls;
};
static void read_some(void *arg)
{
    struct flow *flow = (struct flow *)arg;
    char buf[300];
    ssize_t got = read(flow->fd, buf, sizeof buf);
    flow->calls++;
    if (got > 0)
        flow->bytes += (size_t)got;
    else if (asyncio_remove_reader(flow->loop, flow->fd))
        asyncio_loop_stop(flow->loop);
}
TEST(test_reader_callback)
{
    asyncio_loop loop;
    struct flow flow = {NULL, -1, 0, 0};
    int fds[2];
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    make_pair(fds);
    flow.loop = &loop;
    flow.fd = fds[0];
    CHECK_EQ(asyncio_add_reader(&loop, fds[0], read_some, &flow), 0);
    put(fds[1], "abc");
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_EQ(flow.bytes, 3);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_EQ(flow.calls, 1);
    put(fds[1], "def");
    close(fds[1]);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_EQ(flow.bytes, 6);
    CHECK_EQ(flow.calls, 3);
    check_nothing_watched(&loop);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    close(fds[0]);
}

static void write_some(void *arg)
{
    struct flow *flow = (struct flow *)arg;
    static char data[1000];
    ssize_t sent;
    flow->calls++;
    while ((sent = write(flow->fd, data, sizeof data)) > 0)
        flow->bytes += (size_t)sent;
}
TEST(test_writer_callback)
{
    asyncio_loop loop;
    struct flow flow = {NULL, -1, 0, 0};
    char buf[20000];
    size_t got = 0;
    ssize_t n;
    int fds[2];
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    make_pair(fds);
    small_buffer(fds[0]);
    flow.loop = &loop;
    flow.fd = fds[0];
    CHECK_EQ(asyncio_add_writer(&loop, fds[0], write_some, &flow), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_EQ(flow.calls, 1);
    CHECK(flow.bytes > 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_EQ(flow.calls, 1); /* full */
    while ((n = read(fds[1], buf, sizeof buf)) > 0)
        got += (size_t)n;
    CHECK_EQ(got, flow.bytes);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_EQ(flow.calls, 2);
    CHECK(asyncio_remove_writer(&loop, fds[0]));
    CHECK(!asyncio_remove_writer(&loop, fds[0]));
    check_nothing_watched(&loop);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    close_pair(fds);
}

TEST(test_remove_reader_keeps_the_writer)
{
    asyncio_loop loop;
    int fds[2];
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    make_pair(fds);
    put(fds[1], "x");
    CHECK_EQ(asyncio_add_reader(&loop, fds[0], log_word, TEXT("R")), 0);
    CHECK_EQ(asyncio_add_writer(&loop, fds[0], log_word, TEXT("W")), 0);
    CHECK(asyncio_remove_reader(&loop, fds[0]));
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("W");
    CHECK_EQ(asyncio_add_reader(&loop, fds[0], log_word, TEXT("R")), 0);
    CHECK(asyncio_remove_writer(&loop, fds[0]));
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("R");
    CHECK(asyncio_remove_reader(&loop, fds[0]));
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("");
    check_nothing_watched(&loop);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    close_pair(fds);
}

/* The reader is due in this iteration already when another one replaces it. */
static void replace_reader(void *arg)
{
    CHECK_EQ(asyncio_add_reader(asyncio_get_running_loop(), *(const int *)arg, log_word, TEXT("new")), 0);
}
TEST(test_replacing_a_reader_that_is_due)
{
    asyncio_loop loop;
    int fds[2];
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    make_pair(fds);
    put(fds[1], "x");
    CHECK_EQ(asyncio_add_reader(&loop, fds[0], log_word, TEXT("old")), 0);
    CHECK_EQ(asyncio_call_soon(&loop, NULL, replace_reader, &fds[0]), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("");
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("new");
    CHECK_EQ(asyncio_loop_close(&loop), 0); /* with a reader still there */
    close_pair(fds);
}

/* Stopped in the iteration in which it ran, it does not run twice. */
static void log_and_stop(void *arg)
{
    log_add("io");
    asyncio_loop_stop((asyncio_loop *)arg);
}
TEST(test_single_event_callback_after_stopping)
{
    asyncio_loop loop;
    int fds[2];
    char byte;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    make_pair(fds);
    put(fds[1], "x");
    CHECK_EQ(asyncio_add_reader(&loop, fds[0], log_and_stop, &loop), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("io");
    CHECK_EQ(read(fds[0], &byte, 1), 1);
    asyncio_loop_stop(&loop);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    close_pair(fds);
}

TEST(test_a_closed_loop_watches_nothing)
{
    asyncio_loop loop;
    fd_set read, write;
    int fds[2];
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    make_pair(fds);
    CHECK_EQ(asyncio_add_reader(&loop, fds[0], log_word, TEXT("R")), 0);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_EQ(asyncio_add_reader(&loop, fds[0], log_word, TEXT("R")), ASYNCIO_ECLOSED);
    CHECK_EQ(asyncio_add_writer(&loop, fds[0], log_word, TEXT("W")), ASYNCIO_ECLOSED);
    CHECK(!asyncio_remove_reader(&loop, fds[0]));
    CHECK(!asyncio_remove_writer(&loop, fds[0]));
    FD_ZERO(&read);
    FD_ZERO(&write);
    CHECK_EQ(asyncio_loop_fds(&loop, &read, &write), -1);
    close_pair(fds);
}

/* ---- Which descriptors ---- */

/* A descriptor beyond select()'s reach; -1 if the system does not allow one. */
static int beyond_select(int fd)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= FD_SETSIZE + 100) {
        limit.rlim_cur = FD_SETSIZE + 101 < limit.rlim_max ? FD_SETSIZE + 101 : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    return fcntl(fd, F_DUPFD, FD_SETSIZE + 50);
}

ASYNC(far_descriptor, int fds[2], far, err, got; char byte; asyncio_loop *loop;)
{
    ASYNC_BEGIN;
    self->loop = asyncio_get_running_loop();
    make_pair(self->fds);
    self->far = beyond_select(self->fds[0]);
    CHECK_EQ(asyncio_add_reader(self->loop, -1, log_word, TEXT("no")), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_add_reader(self->loop, FD_SETSIZE, log_word, TEXT("no")), ASYNCIO_EVALUE);
    CHECK(!asyncio_remove_reader(self->loop, FD_SETSIZE));
    CHECK(!asyncio_remove_reader(self->loop, -1));
    CHECK_EQ(asyncio_add_writer(self->loop, FD_SETSIZE - 1, log_word, TEXT("bad")), 0);
    CHECK(asyncio_remove_writer(self->loop, FD_SETSIZE - 1));
    if (self->far >= 0) {
        CHECK(self->far >= FD_SETSIZE);
        CHECK_EQ(asyncio_add_writer(self->loop, self->far, log_word, TEXT("no")), ASYNCIO_EVALUE);
        put(self->fds[1], "x");
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->far, &self->byte, 1)); /* it need not wait */
        CHECK_EQ(self->got, 1);
        ASYNC_CATCH_ALL(self->err, asyncio_sock_recv(self->far, &self->byte, 1));
        CHECK_EQ(self->err, ASYNCIO_EVALUE);
        close(self->far);
    }
    CHECK_EQ(asyncio_add_writer(self->loop, self->fds[0], log_word, TEXT("W")), 0); /* select() still works */
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_remove_writer(self->loop, self->fds[0]));
    CHECK_LOG("W");
    close_pair(self->fds);
    ASYNC_END;
}
TEST(test_descriptors_that_select_cannot_take) { CHECK_EQ(run(ASYNC_NEW(far_descriptor)), 0); }

TEST(test_no_loop_when_the_pipe_is_beyond_select)
{
    struct rlimit limit;
    asyncio_loop loop;
    int i, count = 0, pipes[2];
    static int fds[FD_SETSIZE + 10];
    if (beyond_select(0) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    do
        fds[count] = fcntl(0, F_DUPFD, 0);
    while (fds[count] >= 0 && fds[count++] < FD_SETSIZE - 1);
    CHECK_EQ(asyncio_loop_init(&loop, NULL), EMFILE);
    for (i = 0; i < count; i++)
        close(fds[i]);
    close(FD_SETSIZE + 50);
    CHECK_EQ(pipe(pipes), 0); /* and the pipe was closed */
    CHECK(pipes[1] < FD_SETSIZE);
    close_pair(pipes);
}

struct once {
    int fd, calls, err;
};
static void read_error(void *arg)
{
    struct once *once = (struct once *)arg;
    char byte;
    once->calls++;
    once->err = read(once->fd, &byte, 1) < 0 ? errno : 0;
}
ASYNC(recv_into, int fd; char *buf; size_t size; const char *word; int got;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->got, *(int *)(void *)self->buf, asyncio_sock_recv(self->fd, self->buf + 8, self->size));
    if (self->got != 0)
        ASYNC_RAISE(self->got);
    log_tick(self->word);
    ASYNC_RETURN(*(int *)(void *)self->buf);
    ASYNC_END;
}

/* Closed while watched: the reader runs once and finds out; a task gets EBADF; everybody else goes on as ever. */
ASYNC(closed_descriptor, int fds[2], good[2], pipe[2]; int err; asyncio_loop *loop; struct once once;
      union { char c[16]; int i; } a, b, c; asyncio_task *reader, *writer, *other; uint32_t ticks;)
{
    ASYNC_BEGIN;
    self->loop = asyncio_get_running_loop();
    start_ticks();
    make_pair(self->fds);
    make_pair(self->good);
    CHECK_EQ(pipe(self->pipe), 0);
    self->once.fd = self->pipe[0];
    CHECK_EQ(asyncio_add_reader(self->loop, self->pipe[0], read_error, &self->once), 0);
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->fds[0], .buf = self->a.c, .size = 1, .word = "closed"),
                        .into = &self->reader);
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->good[0], .buf = self->b.c, .size = 1, .word = "other"),
                        .into = &self->other);
    ASYNC_AWAIT(asyncio_sleep(0));
    close_pair(self->pipe);
    close_pair(self->fds);
    put(self->good[1], "x");
    self->ticks = self->loop->ticks;
    ASYNC_CATCH_ALL(self->err, self->reader);
    CHECK_EQ(self->err, EBADF);
    ASYNC_CATCH_ALL_INTO(self->err, self->a.i, self->other);
    CHECK_EQ(self->err, 0);
    CHECK_EQ(self->a.i, 1);
    CHECK_EQ(self->once.calls, 1);
    CHECK_EQ(self->once.err, EBADF);
    CHECK(self->loop->ticks - self->ticks < 8);
    CHECK(!asyncio_remove_reader(self->loop, self->once.fd)); /* forgotten */
    log_clear();
    self->ticks = self->loop->ticks;
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK(self->loop->ticks - self->ticks <= 3); /* no spinning */
    CHECK_EQ(self->once.calls, 1);
    asyncio_task_release(self->reader);
    asyncio_task_release(self->other);

    self->a.i = -1; /* closed already: at once, without detail: the traceback begins where it is raised */
    ASYNC_CATCH_INTO(self->err, self->a.i, asyncio_sock_recv(self->once.fd, self->a.c + 8, 1));
    CHECK_EQ(self->err, EBADF);
    CHECK_EQ(self->a.i, 0);
    ASYNC_CATCH_ALL(self->err, asyncio_sock_sendall(self->once.fd, "x", 1));
    CHECK_EQ(self->err, EBADF);
    ASYNC_CATCH_ALL(self->err, asyncio_sock_sendall(-1, "x", 1));
    CHECK_EQ(self->err, EBADF);

    self->once.calls = 0; /* never open: the same */
    CHECK_EQ(asyncio_add_reader(self->loop, self->once.fd, read_error, &self->once), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK_EQ(self->once.calls, 1);
    close_pair(self->good);
    ASYNC_END;
}
TEST(test_a_closed_descriptor_gets_EBADF_and_does_not_spin) { CHECK_EQ(run(ASYNC_NEW(closed_descriptor)), 0); }

/* The number is another descriptor's by the time that the task would try again, in the iteration that found out. */
static void open_again(void *arg)
{
    int *fds = (int *)arg;
    CHECK_EQ(dup2(fds[1], fds[0]), fds[0]);
    CHECK_EQ(asyncio_add_reader(asyncio_get_running_loop(), fds[0], log_word, TEXT("no")), ASYNCIO_EBUSY);
}
ASYNC(reused_number, int fds[2], other[2], swap[2], err; union { char c[16]; int i; } buf; asyncio_task *task;)
{
    ASYNC_BEGIN;
    make_pair(self->fds);
    make_pair(self->other);
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->fds[0], .buf = self->buf.c, .size = 1, .word = "no"),
                        .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    close(self->fds[0]);
    self->swap[0] = self->fds[0];
    self->swap[1] = self->other[0];
    (void)asyncio_call_soon(asyncio_get_running_loop(), NULL, open_again, self->swap);
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, EBADF);
    asyncio_task_release(self->task);
    close_pair(self->fds);
    close_pair(self->other);
    ASYNC_END;
}
TEST(test_a_number_that_is_reused_wakes_nobody_by_mistake) { CHECK_EQ(run(ASYNC_NEW(reused_number)), 0); }

/* Cancelled in the iteration in which it would learn that its descriptor is gone. */
static void cancel_task(void *arg) { asyncio_task_cancel((asyncio_task *)arg, NULL); }
ASYNC(closed_and_cancelled, int fds[2], err; union { char c[16]; int i; } buf; asyncio_task *task;)
{
    ASYNC_BEGIN;
    make_pair(self->fds);
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->fds[0], .buf = self->buf.c, .size = 1, .word = "no"),
                        .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    close_pair(self->fds);
    (void)asyncio_call_soon(asyncio_get_running_loop(), NULL, cancel_task, self->task);
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    asyncio_task_release(self->task);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
TEST(test_closed_and_cancelled_at_once) { CHECK_EQ(run(ASYNC_NEW(closed_and_cancelled)), 0); }

/* ---- sock_recv, sock_sendall ---- */

ASYNC(sock_ops, int fds[2], got, err; union { char c[16]; int i; } buf; asyncio_task *task; asyncio_loop *loop;)
{
    ASYNC_BEGIN;
    self->loop = asyncio_get_running_loop();
    start_ticks();
    make_pair(self->fds);
    (void)asyncio_call_soon(self->loop, NULL, log_word, TEXT("cb"));
    ASYNC_AWAIT(asyncio_sock_sendall(self->fds[0], "xy", 2));
    log_tick("sent");
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fds[1], self->buf.c, 1));
    CHECK_EQ(self->got, 1);
    CHECK_EQ(self->buf.c[0], 'x');
    log_tick("x");
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv_into(self->fds[1], self->buf.c, 16));
    CHECK_EQ(self->got, 1);
    CHECK_EQ(self->buf.c[0], 'y');
    log_tick("y");
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->fds[1], .buf = self->buf.c, .size = 1, .word = "no"),
                        .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(!asyncio_remove_reader(self->loop, self->fds[1])); /* a task's wait is not a callback to be removed */
    asyncio_task_cancel(self->task, NULL);
    log_tick("cancel");
    ASYNC_CATCH_ALL(self->err, self->task);
    log_tick("cancelled");
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK(!asyncio_remove_reader(self->loop, self->fds[1]));
    CHECK_EQ(self->loop->sources, 0);
    asyncio_task_release(self->task);
    CHECK_LOG("0 sent 0 x 0 y cb 1 cancel 3 cancelled");
    close_pair(self->fds);
    ASYNC_END;
}
TEST(test_sock_ops) { CHECK_EQ(run(ASYNC_NEW(sock_ops)), 0); }

/* The bytes come in tick 1: the poll of tick 2 sees them, its callback makes the task ready for tick 3. */
ASYNC(recv_waits, int fds[2]; union { char c[16]; int i; } buf; asyncio_task *task; int got;)
{
    ASYNC_BEGIN;
    start_ticks();
    make_pair(self->fds);
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->fds[0], .buf = self->buf.c, .size = 8, .word = "received"),
                        .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    put(self->fds[1], "hello");
    log_tick("put");
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, 5);
    CHECK(memcmp(self->buf.c + 8, "hello", 5) == 0);
    log_tick("done");
    CHECK_LOG("1 put 3 received 4 done");
    asyncio_task_release(self->task);
    close(self->fds[1]);
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fds[0], self->buf.c, 8));
    CHECK_EQ(self->got, 0); /* end of file */
    close(self->fds[0]);
    ASYNC_END;
}
TEST(test_recv_that_waits) { CHECK_EQ(run(ASYNC_NEW(recv_waits)), 0); }

/* End of file and a reset wake a task that waits. */
ASYNC(peer_goes, int fds[2]; union { char c[16]; int i; } buf; asyncio_task *task; int got, err;)
{
    ASYNC_BEGIN;
    start_ticks();
    make_pair(self->fds);
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->fds[0], .buf = self->buf.c, .size = 8, .word = "eof"),
                        .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    close(self->fds[1]);
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, 0);
    CHECK_LOG("3 eof");
    asyncio_task_release(self->task);
    ASYNC_CATCH_ALL(self->err, asyncio_sock_sendall(self->fds[0], "x", 1));
    CHECK_EQ(self->err, EPIPE); /* and we are still alive */
    close(self->fds[0]);
    ASYNC_END;
}
TEST(test_end_of_file_and_EPIPE_without_SIGPIPE) { CHECK_EQ(run(ASYNC_NEW(peer_goes)), 0); }

ASYNC(reset, int listener, client, peer, err; struct linger linger; struct sockaddr_in address; asyncio_value detail;
      union { char c[16]; int i; } buf; asyncio_task *task;)
{
    ASYNC_BEGIN;
    self->listener = make_listener(&self->address);
    self->client = make_socket();
    ASYNC_AWAIT(asyncio_sock_connect(self->client, (struct sockaddr *)&self->address, sizeof self->address));
    ASYNC_AWAIT_INTO(self->peer, asyncio_sock_accept(self->listener, NULL, NULL));
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->client, .buf = self->buf.c, .size = 8, .word = "no"),
                        .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    self->linger.l_onoff = 1;
    CHECK_EQ(setsockopt(self->peer, SOL_SOCKET, SO_LINGER, &self->linger, sizeof self->linger), 0);
    close(self->peer);
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ECONNRESET);
    asyncio_task_release(self->task);
    ASYNC_CATCH_ALL_INTO(self->err, self->detail, asyncio_sock_sendall(self->client, "x", 1));
    CHECK_EQ(self->err, EPIPE);
    CHECK_EQ(self->detail, 0); /* the traceback begins where it is raised */
    close(self->client);
    close(self->listener);
    ASYNC_END;
}
TEST(test_ECONNRESET) { CHECK_EQ(run(ASYNC_NEW(reset)), 0); }

/* A megabyte through a buffer of a few kilobytes, by sockets that would block or not, or by pipes. */
#define BIG (1u << 20)
static char big[BIG];
static void fill_big(void)
{
    uint32_t x = 1, i;
    for (i = 0; i < BIG; i++) {
        x = x * 1664525u + 1013904223u;
        big[i] = (char)(x >> 24);
    }
}
ASYNC(drain, int fd; size_t total; int wrong; int got; char buf[5000];)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buf, sizeof self->buf));
        if (self->got == 0)
            break;
        if (self->total + (size_t)self->got > BIG || memcmp(self->buf, big + self->total, (size_t)self->got) != 0)
            self->wrong++;
        self->total += (size_t)self->got;
    }
    ASYNC_RETURN(self->wrong == 0 ? (asyncio_value)self->total : -1);
    ASYNC_END;
}
ASYNC(flood, int from, to; asyncio_task *task; int got; uint32_t ticks;)
{
    ASYNC_BEGIN;
    self->ticks = asyncio_get_running_loop()->ticks;
    asyncio_create_task(ASYNC_NEW(drain, .fd = self->to), .into = &self->task);
    ASYNC_AWAIT(asyncio_sock_sendall(self->from, big, BIG));
    CHECK(asyncio_get_running_loop()->ticks - self->ticks > 10); /* it did wait */
    close(self->from);
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, BIG);
    asyncio_task_release(self->task);
    close(self->to);
    ASYNC_END;
}
TEST(test_partial_sends)
{
    int fds[2];
    fill_big();
    make_pair(fds);
    small_buffer(fds[0]);
    CHECK_EQ(run(ASYNC_NEW(flood, .from = fds[0], .to = fds[1])), 0);
}
TEST(test_blocking_sockets)
{
    int fds[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    small_buffer(fds[0]);
    CHECK_EQ(run(ASYNC_NEW(flood, .from = fds[0], .to = fds[1])), 0);
}
TEST(test_pipes)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(run(ASYNC_NEW(flood, .from = fds[1], .to = fds[0])), 0);
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(asyncio_set_nonblocking(fds[0]), 0);
    CHECK_EQ(asyncio_set_nonblocking(fds[1]), 0);
    CHECK_EQ(run(ASYNC_NEW(flood, .from = fds[1], .to = fds[0])), 0);
}

/* Cancelled in the middle: no writer is left, what was sent is sent. */
ASYNC(send_big, int fd;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sock_sendall(self->fd, big, BIG));
    ASYNC_END;
}
ASYNC(cancelled_send, int fds[2], err; asyncio_task *task; size_t total; ssize_t got; char buf[8192];)
{
    ASYNC_BEGIN;
    make_pair(self->fds);
    small_buffer(self->fds[0]);
    asyncio_create_task(ASYNC_NEW(send_big, .fd = self->fds[0]), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_cancel(self->task, NULL);
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    asyncio_task_release(self->task);
    CHECK(!asyncio_remove_writer(asyncio_get_running_loop(), self->fds[0]));
    while ((self->got = read(self->fds[1], self->buf, sizeof self->buf)) > 0) {
        CHECK(memcmp(self->buf, big + self->total, (size_t)self->got) == 0);
        self->total += (size_t)self->got;
    }
    CHECK(self->total > 0 && self->total < BIG);
    ASYNC_AWAIT(asyncio_sock_sendall(self->fds[0], "again", 5));
    CHECK_EQ(read(self->fds[1], self->buf, 10), 5);
    close_pair(self->fds);
    ASYNC_END;
}
TEST(test_cancelled_send) { CHECK_EQ(run(ASYNC_NEW(cancelled_send)), 0); }

/* A cancel takes effect in the next iteration, not when the poll ends; a wait that was won already keeps its result. */
ASYNC(prompt, int fds[2], err; union { char c[16]; int i; } buf; asyncio_task *task;)
{
    ASYNC_BEGIN;
    start_ticks();
    make_pair(self->fds);
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->fds[0], .buf = self->buf.c, .size = 1, .word = "no"),
                        .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(1));
    start_ticks();
    asyncio_task_cancel(self->task, "enough");
    ASYNC_CATCH_ALL(self->err, self->task);
    log_tick("cancelled");
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_STR(asyncio_future_cancel_message(asyncio_task_future(self->task)), "enough");
    CHECK_LOG("2 cancelled");
    asyncio_task_release(self->task);
    close_pair(self->fds);
    ASYNC_END;
}
TEST(test_prompt_cancellation) { CHECK_EQ(run(ASYNC_NEW(prompt)), 0); }

/* A second task may not wait for the same event; it may for the other one. The first is not disturbed. */
ASYNC(busy, int fds[2], err, got; union { char c[16]; int i; } buf; asyncio_task *task; asyncio_loop *loop; char byte;)
{
    ASYNC_BEGIN;
    self->loop = asyncio_get_running_loop();
    start_ticks();
    make_pair(self->fds);
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->fds[0], .buf = self->buf.c, .size = 1, .word = "first"),
                        .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_CATCH_ALL(self->err, asyncio_sock_recv(self->fds[0], &self->byte, 1));
    CHECK_EQ(self->err, ASYNCIO_EBUSY);
    CHECK_EQ(asyncio_add_reader(self->loop, self->fds[0], log_word, TEXT("no")), ASYNCIO_EBUSY);
    ASYNC_AWAIT(asyncio_sock_sendall(self->fds[0], "w", 1));
    CHECK_EQ(asyncio_add_writer(self->loop, self->fds[0], log_word, TEXT("no")), 0);
    CHECK(asyncio_remove_writer(self->loop, self->fds[0]));
    put(self->fds[1], "12");
    ASYNC_CATCH_ALL(self->err, asyncio_sock_recv(self->fds[0], &self->byte, 1)); /* though there is something to read */
    CHECK_EQ(self->err, ASYNCIO_EBUSY);
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, 1);
    CHECK_EQ(self->buf.c[8], '1');
    asyncio_task_release(self->task);
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fds[0], &self->byte, 1));
    CHECK_EQ(self->byte, '2');
    close_pair(self->fds);
    ASYNC_END;
}
TEST(test_a_second_waiter_is_refused) { CHECK_EQ(run(ASYNC_NEW(busy)), 0); }

/* One task reads and another writes the same socket; the peer sends everything back. */
ASYNC(echo_all, int fd; int got; char buf[3000];)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buf, sizeof self->buf));
        if (self->got == 0)
            break;
        ASYNC_AWAIT(asyncio_sock_sendall(self->fd, self->buf, (size_t)self->got));
    }
    shutdown(self->fd, SHUT_WR);
    ASYNC_END;
}
ASYNC(both_ways, int fds[2], got; asyncio_task *echo, *reader;)
{
    ASYNC_BEGIN;
    make_pair(self->fds);
    small_buffer(self->fds[0]);
    small_buffer(self->fds[1]);
    asyncio_create_task(ASYNC_NEW(echo_all, .fd = self->fds[1]), .into = &self->echo);
    asyncio_create_task(ASYNC_NEW(drain, .fd = self->fds[0]), .into = &self->reader);
    ASYNC_AWAIT(asyncio_sock_sendall(self->fds[0], big, BIG));
    shutdown(self->fds[0], SHUT_WR);
    ASYNC_AWAIT_INTO(self->got, self->reader);
    CHECK_EQ(self->got, BIG);
    ASYNC_AWAIT(self->echo);
    asyncio_task_release(self->reader);
    asyncio_task_release(self->echo);
    close_pair(self->fds);
    ASYNC_END;
}
TEST(test_one_reads_while_another_writes) { CHECK_EQ(run(ASYNC_NEW(both_ways)), 0); }

/* Cancelled predecessors on the same sockets neither steal bytes nor leave anything behind. */
ASYNC(racing, int fds[2], i, err, got; union { char c[16]; int i; } buf; asyncio_task *task; char byte;)
{
    ASYNC_BEGIN;
    start_ticks();
    make_pair(self->fds);
    for (self->i = 0; self->i < 5; self->i++) {
        asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->fds[0], .buf = self->buf.c, .size = 1, .word = "no"),
                            .into = &self->task);
        ASYNC_AWAIT(asyncio_sleep(0));
        if (self->i == 4) { /* the last one is cancelled while its byte is there */
            put(self->fds[1], "x");
            asyncio_task_cancel(self->task, NULL);
        } else {
            asyncio_task_cancel(self->task, NULL);
            ASYNC_AWAIT(asyncio_sleep(0));
        }
        ASYNC_CATCH_ALL(self->err, self->task);
        CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
        asyncio_task_release(self->task);
    }
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fds[0], &self->byte, 1));
    CHECK_EQ(self->got, 1);
    CHECK_EQ(self->byte, 'x');
    close_pair(self->fds);
    ASYNC_END;
}
TEST(test_sock_client_racing) { CHECK_EQ(run(ASYNC_NEW(racing)), 0); }

/* ---- Files, terminals ---- */

ASYNC(read_file, int fd, got; char buf[32]; uint32_t ticks;)
{
    ASYNC_BEGIN;
    self->ticks = asyncio_get_running_loop()->ticks;
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buf, sizeof self->buf));
    CHECK_EQ(self->got, 8);
    CHECK(memcmp(self->buf, "contents", 8) == 0);
    CHECK_EQ(asyncio_get_running_loop()->ticks - self->ticks, 2); /* always ready, so it waits for one poll */
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buf, sizeof self->buf));
    CHECK_EQ(self->got, 0);
    ASYNC_END;
}
ASYNC(write_file, int fd;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sock_sendall(self->fd, big, 100000));
    ASYNC_END;
}
TEST(test_a_regular_file_is_always_ready)
{
    FILE *file = tmpfile();
    struct stat status;
    int fd = fileno(file), before;
    CHECK_EQ(fwrite("contents", 1, 8, file), 8);
    rewind(file);
    CHECK_EQ(run(ASYNC_NEW(read_file, .fd = fd)), 0);
    rewind(file);
    before = dup(0); /* standard input redirected from a file */
    CHECK_EQ(dup2(fd, 0), 0);
    CHECK_EQ(run(ASYNC_NEW(read_file, .fd = 0)), 0);
    if (before >= 0) {
        CHECK_EQ(dup2(before, 0), 0);
        close(before);
    }
    rewind(file);
    CHECK_EQ(run(ASYNC_NEW(write_file, .fd = fd)), 0);
    CHECK_EQ(fstat(fd, &status), 0);
    CHECK_EQ(status.st_size, 100000);
    fclose(file);
}

ASYNC(terminal, int master, slave, got; union { char c[16]; int i; } buf; asyncio_task *task;)
{
    ASYNC_BEGIN;
    start_ticks();
    asyncio_create_task(ASYNC_NEW(recv_into, .fd = self->slave, .buf = self->buf.c, .size = 8, .word = "line"),
                        .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    put(self->master, "ab"); /* no line yet */
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK(!asyncio_task_done(self->task));
    ASYNC_AWAIT(asyncio_sock_sendall(self->master, "c\n", 2));
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, 4);
    CHECK(memcmp(self->buf.c + 8, "abc\n", 4) == 0);
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_a_terminal)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
        if (master >= 0)
            close(master);
        return; /* a system without pseudo-terminals */
    }
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0);
    CHECK_EQ(run(ASYNC_NEW(terminal, .master = master, .slave = slave)), 0);
    close(slave);
    close(master);
}

/* ---- sock_accept, sock_connect ---- */

ASYNC(accept_task, int fd; int *result; int peer;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->peer, asyncio_sock_accept(self->fd, NULL, NULL));
    *self->result = self->peer;
    ASYNC_END;
}
ASYNC(connections, int listener, client, peer, got, err, taken; struct sockaddr_in address, from, own; socklen_t size;
      asyncio_task *task; char byte;)
{
    ASYNC_BEGIN;
    self->listener = make_listener(&self->address);
    self->taken = self->peer = -1;
    asyncio_create_task(ASYNC_NEW(accept_task, .fd = self->listener, .result = &self->taken), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_cancel(self->task, NULL); /* the listener stays usable, and no connection is stolen */
    self->client = make_socket();
    ASYNC_AWAIT(asyncio_sock_connect(self->client, (struct sockaddr *)&self->address, sizeof self->address));
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_EQ(self->taken, -1);
    asyncio_task_release(self->task);
    self->size = sizeof self->from;
    ASYNC_AWAIT_INTO(self->peer, asyncio_sock_accept(self->listener, (struct sockaddr *)&self->from, &self->size));
    CHECK(self->peer >= 0);
    CHECK_EQ(self->size, sizeof self->from);
    self->size = sizeof self->own;
    CHECK_EQ(getsockname(self->client, (struct sockaddr *)&self->own, &self->size), 0);
    CHECK_EQ(self->from.sin_port, self->own.sin_port);
    CHECK(fcntl(self->peer, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(self->peer, F_GETFD) & FD_CLOEXEC);
    ASYNC_AWAIT(asyncio_sock_sendall(self->client, "!", 1));
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->peer, &self->byte, 1));
    CHECK_EQ(self->byte, '!');
    close(self->peer);
    close(self->client);

    asyncio_create_task(ASYNC_NEW(accept_task, .fd = self->listener, .result = &self->taken), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0)); /* now one that waits before the connection comes */
    self->client = make_socket();
    ASYNC_AWAIT(asyncio_sock_connect(self->client, (struct sockaddr *)&self->address, sizeof self->address));
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    CHECK(self->taken >= 0);
    close(self->taken);
    close(self->client);

    close(self->listener);
    self->client = make_socket();
    ASYNC_CATCH(self->err, asyncio_sock_connect(self->client, (struct sockaddr *)&self->address, sizeof self->address));
    CHECK_EQ(self->err, ECONNREFUSED);
    ASYNC_CATCH_ALL(self->err, asyncio_sock_connect(-1, (struct sockaddr *)&self->address, sizeof self->address));
    CHECK_EQ(self->err, EBADF);
    ASYNC_CATCH_ALL(self->err, asyncio_sock_accept(self->client, NULL, NULL));
    CHECK_EQ(self->err, EINVAL); /* not listening */
    close(self->client);
    ASYNC_END;
}
TEST(test_accept_and_connect) { CHECK_EQ(run(ASYNC_NEW(connections)), 0); }

/* A local socket whose listener's queue is full is not "in progress": waiting for it would report success. */
ASYNC(full_queue, int listener, i, err, clients[8]; struct sockaddr_un address; socklen_t size;)
{
    ASYNC_BEGIN;
    self->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    self->address.sun_family = AF_UNIX;
    CHECK_EQ(bind(self->listener, (struct sockaddr *)&self->address, sizeof(sa_family_t)), 0); /* it is named */
    self->size = sizeof self->address;
    CHECK_EQ(getsockname(self->listener, (struct sockaddr *)&self->address, &self->size), 0);
    CHECK_EQ(listen(self->listener, 0), 0);
    for (self->i = 0; self->i < 8; self->i++) {
        self->clients[self->i] = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK_EQ(asyncio_set_nonblocking(self->clients[self->i]), 0);
        ASYNC_CATCH(self->err, asyncio_sock_connect(self->clients[self->i], (struct sockaddr *)&self->address,
                                                    self->size));
        CHECK_EQ(self->err, self->i == 0 ? 0 : EAGAIN);
    }
    for (self->i = 0; self->i < 8; self->i++)
        close(self->clients[self->i]);
    close(self->listener);
    ASYNC_END;
}
#ifdef __linux__
TEST(test_the_queue_of_a_local_socket_is_full) { CHECK_EQ(run(ASYNC_NEW(full_queue)), 0); }
#endif

/* ---- Many, misuse, guest mode, closing ---- */

#define MANY 200
static int many_done;
ASYNC(many_reader, int fd; int want; int got; int number;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, &self->number, sizeof self->number));
    CHECK_EQ(self->number, self->want);
    ASYNC_AWAIT(asyncio_sock_sendall(self->fd, &self->number, sizeof self->number));
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, &self->number, sizeof self->number));
    CHECK_EQ(self->got, 0);
    many_done++;
    ASYNC_END;
}
ASYNC(many, int fds[MANY][2]; int i, k, got, number;)
{
    ASYNC_BEGIN;
    many_done = 0;
    for (self->i = 0; self->i < MANY; self->i++) {
        make_pair(self->fds[self->i]);
        asyncio_create_task(ASYNC_NEW(many_reader, .fd = self->fds[self->i][0], .want = self->i));
    }
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_EQ(asyncio_get_running_loop()->sources, MANY);
    for (self->i = 0; self->i < MANY; self->i++) {
        self->k = self->i * 77 % MANY; /* each once, in disorder */
        ASYNC_AWAIT(asyncio_sock_sendall(self->fds[self->k][1], &self->k, sizeof self->k));
    }
    for (self->i = 0; self->i < MANY; self->i++) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fds[self->i][1], &self->number, sizeof self->number));
        CHECK_EQ(self->number, self->i);
        close(self->fds[self->i][1]);
    }
    while (many_done < MANY)
        ASYNC_AWAIT(asyncio_sleep(0));
    for (self->i = 0; self->i < MANY; self->i++)
        close(self->fds[self->i][0]);
    ASYNC_END;
}
TEST(test_many_connections) { CHECK_EQ(run(ASYNC_NEW(many)), 0); }

/* Outside of a task there is nobody to wait. */
static void recv_in_a_callback(void *arg)
{
    asyncio_status status = asyncio_sock_recv(*(const int *)arg, arg, 1);
    log_number(status.code);
}
ASYNC(misuse, int fds[2], err, got; asyncio_status forgotten; char byte;)
{
    ASYNC_BEGIN;
    make_pair(self->fds);
    (void)asyncio_call_soon(asyncio_get_running_loop(), NULL, recv_in_a_callback, self->fds);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    log_number(ASYNCIO_ERUNTIME);
    CHECK(tap_log_size == 11 && memcmp(tap_log, tap_log + 6, 5) == 0);
    log_clear();
    self->forgotten = asyncio_sock_recv(self->fds[0], &self->byte, 1);
    CHECK_EQ(self->forgotten.code, ASYNCIO__PENDING);
    ASYNC_CATCH(self->err, asyncio_sock_recv(self->fds[1], &self->byte, 1)); /* it waits for the other one already */
    CHECK_EQ(self->err, ASYNCIO_ERUNTIME);
    put(self->fds[1], "x");
    ASYNC_AWAIT_INTO(self->got, self->forgotten);
    CHECK_EQ(self->got, 1);
    close_pair(self->fds);
    ASYNC_END;
}
TEST(test_misuse) { CHECK_EQ(run(ASYNC_NEW(misuse)), 0); }

/* A select() of the program's own around asyncio_loop_step. */
TEST(test_guest_mode)
{
    asyncio_loop loop;
    asyncio_task *task = NULL;
    asyncio_task_options options;
    union {
        char c[16];
        int i;
    } buf;
    asyncio_value value = -1;
    fd_set read, write;
    struct timeval now = {0, 0};
    int fds[2], highest, steps, idle;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    make_pair(fds);
    asyncio__no_options(&options);
    options.into = &task;
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(recv_into, .fd = fds[0], .buf = buf.c, .size = 3, .word = "got"),
                                      &options), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    FD_ZERO(&read);
    FD_ZERO(&write);
    highest = asyncio_loop_fds(&loop, &read, &write);
    CHECK(highest >= fds[0]);
    CHECK(FD_ISSET(fds[0], &read));
    CHECK(!FD_ISSET(fds[0], &write));
    idle = select(highest + 1, &read, &write, NULL, &now);
    CHECK_EQ(idle, 0);
    put(fds[1], "abc");
    for (steps = 0; steps < 10 && !asyncio_task_done(task); steps++) {
        FD_ZERO(&read);
        FD_ZERO(&write);
        highest = asyncio_loop_fds(&loop, &read, &write);
        (void)select(highest + 1, &read, &write, NULL, &now);
        CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    }
    CHECK_EQ(steps, 2);
    CHECK_EQ(asyncio_task_result(task, &value), 0);
    CHECK_EQ(value, 3);
    asyncio_task_release(task);

    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, NULL, log_word, TEXT("woken")), 0); /* wakes that select(), too */
    FD_ZERO(&read);
    FD_ZERO(&write);
    highest = asyncio_loop_fds(&loop, &read, &write);
    CHECK_EQ(select(highest + 1, &read, &write, NULL, &now), 1);
    log_clear();
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("woken");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    close_pair(fds);
}

/* A loop that closes under waiting tasks, one of them with its descriptor ready. */
TEST(test_closing_under_waiting_tasks)
{
    asyncio_loop loop;
    asyncio_task_options options;
    union {
        char c[16];
        int i;
    } buf[2];
    int a[2], b[2];
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio_set_exception_handler(&loop, ignore, NULL);
    asyncio__no_options(&options);
    make_pair(a);
    make_pair(b);
    (void)asyncio_loop_create_task(&loop, ASYNC_NEW(recv_into, .fd = a[0], .buf = buf[0].c, .size = 1, .word = "no"),
                                   &options);
    (void)asyncio_loop_create_task(&loop, ASYNC_NEW(recv_into, .fd = b[0], .buf = buf[1].c, .size = 1, .word = "no"),
                                   &options);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    put(a[1], "x");
    asyncio__posix_wait(&loop, 0); /* a reader is in the ready list now */
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_LOG("");
    close_pair(a);
    close_pair(b);
}

int main(void)
{
    alarm(60);
    RUN(test_add_reader);
    RUN(test_reader_callback);
    RUN(test_writer_callback);
    RUN(test_remove_reader_keeps_the_writer);
    RUN(test_replacing_a_reader_that_is_due);
    RUN(test_single_event_callback_after_stopping);
    RUN(test_a_closed_loop_watches_nothing);
    RUN(test_descriptors_that_select_cannot_take);
    RUN(test_no_loop_when_the_pipe_is_beyond_select);
    RUN(test_a_closed_descriptor_gets_EBADF_and_does_not_spin);
    RUN(test_a_number_that_is_reused_wakes_nobody_by_mistake);
    RUN(test_closed_and_cancelled_at_once);
    RUN(test_sock_ops);
    RUN(test_recv_that_waits);
    RUN(test_end_of_file_and_EPIPE_without_SIGPIPE);
    RUN(test_ECONNRESET);
    RUN(test_partial_sends);
    RUN(test_blocking_sockets);
    RUN(test_pipes);
    RUN(test_cancelled_send);
    RUN(test_prompt_cancellation);
    RUN(test_a_second_waiter_is_refused);
    RUN(test_one_reads_while_another_writes);
    RUN(test_sock_client_racing);
    RUN(test_a_regular_file_is_always_ready);
    RUN(test_a_terminal);
    RUN(test_accept_and_connect);
#ifdef __linux__
    RUN(test_the_queue_of_a_local_socket_is_full);
#endif
    RUN(test_many_connections);
    RUN(test_misuse);
    RUN(test_guest_mode);
    RUN(test_closing_under_waiting_tasks);
    return tap_end();
}
