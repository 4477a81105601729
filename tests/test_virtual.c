/* The virtual clock: when it jumps, how far, in which order things happen, and how it gets along with descriptors. */
#include "asyncio.h"
#include "tap.h"

static asyncio_loop loop;

static void word(void *arg)
{
    log_number(asyncio_loop_time(&loop) / ASYNCIO_SECONDS(1));
    log_add((const char *)arg);
}
static void open_loop(void) { CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0); }
static void close_loop(void) { CHECK_EQ(asyncio_loop_close(&loop), 0); }
static void later(int seconds, const char *what)
{
    CHECK_EQ(asyncio_call_later(&loop, NULL, seconds, word, (void *)(uintptr_t)what), 0);
}

TEST(test_time_stands_still_while_there_is_work)
{
    int i;
    open_loop();
    CHECK_EQ(asyncio_loop_time(&loop), 0);
    later(1000, "timer");
    for (i = 0; i < 10; i++) {
        CHECK_EQ(asyncio_call_soon(&loop, NULL, word, "soon"), 0);
        CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
        CHECK_EQ(asyncio_loop_time(&loop), 0);
    }
    log_clear();
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0); /* nothing to do, but told not to wait */
    CHECK_EQ(asyncio_loop_time(&loop), 0);
    CHECK_EQ(asyncio_loop_step(&loop, ASYNCIO_SECONDS(400)), 0); /* or not for so long */
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(400));
    CHECK_LOG("");
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(1000));
    CHECK_LOG("1000 timer");
    close_loop();
}

TEST(test_jumps_go_to_the_next_deadline)
{
    asyncio_handle stop;
    open_loop();
    later(7, "c");
    later(3, "a");
    later(1000000, "d"); /* eleven days: no real wait is that long */
    later(3, "b");
    later(-1, "past");
    while (loop.timers.count != 0) {
        asyncio_time before = asyncio_loop_time(&loop);
        CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
        CHECK(asyncio_loop_time(&loop) >= before);
    }
    CHECK_LOG("0 past 3 a 3 b 7 c 1000000 d");
    CHECK_EQ(loop.ticks, 4);
    CHECK_EQ(asyncio_call_later(&loop, &stop, 1, word, "cancelled"), 0);
    asyncio_handle_cancel(&stop);
    later(5, "e");
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("1000005 e");
    close_loop();
}

/* Time may also be set by the program: what became due in between fires late, in order. */
TEST(test_time_set_by_hand)
{
    open_loop();
    later(2, "b");
    later(1, "a");
    loop.virtual_now = ASYNCIO_SECONDS(10);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("10 a 10 b");
    later(1, "c");
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("11 c");
    close_loop();
}

ASYNC(ticker, int n; int seconds;)
{
    ASYNC_BEGIN;
    for (; self->n > 0; self->n--) {
        ASYNC_AWAIT(asyncio_sleep(self->seconds));
        log_number(asyncio_loop_time(&loop) / ASYNCIO_SECONDS(1) * 10 + self->seconds);
    }
    ASYNC_END;
}
ASYNC(tickers, asyncio_task *tasks[3]; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        asyncio_create_task(ASYNC_NEW(ticker, .n = 6 / (self->i + 1), .seconds = self->i + 1),
                            .into = &self->tasks[self->i]);
    for (self->i = 0; self->i < 3; self->i++) {
        ASYNC_AWAIT(self->tasks[self->i]);
        asyncio_task_release(self->tasks[self->i]);
    }
    ASYNC_END;
}
TEST(test_tasks_in_step)
{
    int i;
    for (i = 0; i < 2; i++) { /* twice the same */
        open_loop();
        CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(tickers), NULL), 0);
        CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(6));
        /* who armed first wakes first: at 2 the one that sleeps 2, at 6 in the order of their last sleeps */
        CHECK_LOG("11 22 21 33 31 42 41 51 63 62 61");
        close_loop();
    }
}

#if ASYNCIO_SELECTORS
/* ---- Descriptors ---- */

static int ends[2];
static void on_readable(void *arg)
{
    char byte = 0;
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    word(arg);
}
static void on_writable(void *arg)
{
    (void)asyncio_remove_writer(&loop, ends[1]);
    word(arg);
}
static void write_byte(void *arg)
{
    CHECK_EQ(write(ends[1], "x", 1), 1);
    word(arg);
}

/* What is ready already comes before what time brings: no jump while a descriptor has something to say. */
TEST(test_descriptors_before_jumps)
{
    open_loop();
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(asyncio_add_reader(&loop, ends[0], on_readable, "readable"), 0);
    later(5, "timer");
    CHECK_EQ(asyncio_call_soon(&loop, NULL, write_byte, "written"), 0);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("0 written");
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("0 readable");
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("5 timer");
    later(0, "due");
    CHECK_EQ(asyncio_call_soon(&loop, NULL, word, "ready"), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("5 ready 5 readable 5 due"); /* CPython's order in one iteration */
    CHECK_EQ(asyncio_add_writer(&loop, ends[1], on_writable, "writable"), 0);
    later(1, "timer");
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("5 writable");
    CHECK(asyncio_remove_reader(&loop, ends[0]));
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("6 timer");
    close_loop();
    close(ends[0]);
    close(ends[1]);
}

/* A watched descriptor that stays silent does not keep time from jumping. */
static int sockets[2];
ASYNC(reader, char bytes[8]; asyncio_value got;)
{
    ASYNC_BEGIN;
    do {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(sockets[0], self->bytes, sizeof self->bytes));
        log_number(asyncio_loop_time(&loop) / ASYNCIO_SECONDS(1));
        log_number(self->got);
    } while (self->got > 0);
    ASYNC_END;
}
ASYNC(writer, asyncio_task *task; int i;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(reader), .into = &self->task);
    for (self->i = 1; self->i <= 3; self->i++) {
        ASYNC_AWAIT(asyncio_sleep(3600));
        ASYNC_AWAIT(asyncio_sock_sendall(sockets[1], "abc", (size_t)self->i));
    }
    ASYNC_AWAIT(asyncio_sleep(3600));
    close(sockets[1]);
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_silent_descriptors)
{
    open_loop();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(writer), NULL), 0);
    CHECK_LOG("3600 1 7200 2 10800 3 14400 0");
    close_loop();
    close(sockets[0]);
}

#if ASYNCIO_THREADS
/* With nothing armed, but somebody announced, the loop really waits for a call from another thread. */
static asyncio_future answer;
static void settle(void *arg) { asyncio_future_set_result(&answer, (asyncio_value)arg); }
static asyncio_handle settle_handle;
static void *thread_body(void *arg)
{
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &settle_handle, settle, arg), 0);
    return NULL;
}
static void start_thread(void *arg) { CHECK_EQ(pthread_create((pthread_t *)arg, NULL, thread_body, (void *)7), 0); }
TEST(test_other_threads)
{
    asyncio_value value = 0;
    pthread_t thread;
    open_loop();
    asyncio_future_init(&answer, &loop);
    asyncio_loop_add_source(&loop);
    CHECK_EQ(asyncio_call_later(&loop, NULL, 30, start_thread, &thread), 0);
    CHECK_EQ(asyncio_run_until_future(&loop, &answer, &value), 0);
    CHECK_EQ(value, 7);
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(30));
    CHECK_EQ(pthread_join(thread, NULL), 0);
    close_loop();
}
#endif

/* Signals are noticed without any real time passing. */
static void on_signal(void *arg)
{
    word(arg);
    asyncio_loop_stop(&loop);
}
static void send_signal(void *arg)
{
    word(arg);
    CHECK_EQ(raise(SIGUSR1), 0);
}
TEST(test_signals)
{
    open_loop();
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, on_signal, "handled"), 0);
    CHECK_EQ(asyncio_call_later(&loop, NULL, 2, send_signal, "sent"), 0);
    later(3, "later");
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("2 sent 2 handled");
    close_loop();
}
#endif

int main(void)
{
    RUN(test_time_stands_still_while_there_is_work);
    RUN(test_jumps_go_to_the_next_deadline);
    RUN(test_time_set_by_hand);
    RUN(test_tasks_in_step);
#if ASYNCIO_SELECTORS
    RUN(test_descriptors_before_jumps);
    RUN(test_silent_descriptors);
#if ASYNCIO_THREADS
    RUN(test_other_threads);
#endif
    RUN(test_signals);
#endif
    return tap_end();
}
