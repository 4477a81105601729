/* Signals as callbacks of a loop. Real signals, sent by the program to itself; virtual clock. */
#include "asyncio.h"
#include "tap.h"

#include <sys/time.h>

#define TEXT(word) ((void *)(uintptr_t)(word))

static void log_word(void *arg) { log_add((const char *)arg); }
static void send_signal(int number) { CHECK_EQ(kill(getpid(), number), 0); }

/* What happens on the signal now. */
static void (*disposition(int number))(int)
{
    struct sigaction action;
    CHECK_EQ(sigaction(number, NULL, &action), 0);
    return action.sa_handler;
}
static bool removed(asyncio_loop *loop, int number)
{
    bool was_there = true;
    CHECK_EQ(asyncio_remove_signal_handler(loop, number, &was_there), 0);
    return was_there;
}

/* ---- Order ---- */

static uint32_t first_tick;
static void log_tick(const char *word)
{
    log_number((long long)(asyncio_get_running_loop()->ticks - first_tick));
    log_add(word);
}
static void caught(void *arg)
{
    log_tick("handler");
    (void)asyncio_future_set_result((asyncio_future *)arg, 0);
}

/* The signal comes in tick 0; tick 1 finds the byte in the pipe; the handler runs in 2, and whom it wakes in 3. */
ASYNC(order, asyncio_future event; asyncio_loop *loop;)
{
    ASYNC_BEGIN;
    self->loop = asyncio_get_running_loop();
    first_tick = self->loop->ticks;
    asyncio_future_init(&self->event, NULL);
    CHECK_EQ(asyncio_add_signal_handler(self->loop, SIGUSR1, caught, &self->event), 0);
    send_signal(SIGUSR1);
    log_tick("kill");
    ASYNC_AWAIT(&self->event);
    log_tick("woken");
    CHECK(removed(self->loop, SIGUSR1));
    CHECK(!removed(self->loop, SIGUSR1));
    CHECK_LOG("0 kill 2 handler 3 woken");
    ASYNC_END;
}
TEST(test_order) { CHECK_EQ(asyncio_run(ASYNC_NEW(order), .port = &asyncio_virtual_port), 0); }

/* ---- Arguments ---- */

TEST(test_add_signal_handler)
{
    asyncio_loop loop;
    bool was_there;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGKILL, log_word, TEXT("no")), ASYNCIO_ERUNTIME);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGSTOP, log_word, TEXT("no")), ASYNCIO_ERUNTIME);
    CHECK_EQ(asyncio_add_signal_handler(&loop, 9999, log_word, TEXT("no")), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_add_signal_handler(&loop, 65, log_word, TEXT("no")), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_add_signal_handler(&loop, 0, log_word, TEXT("no")), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_add_signal_handler(&loop, -1, log_word, TEXT("no")), ASYNCIO_EVALUE);
#ifdef __linux__
    CHECK_EQ(asyncio_add_signal_handler(&loop, 32, log_word, TEXT("no")), ASYNCIO_EVALUE); /* the C library's own */
#endif
    was_there = true;
    CHECK_EQ(asyncio_remove_signal_handler(&loop, 9999, &was_there), ASYNCIO_EVALUE);
    CHECK(!was_there);
    CHECK_EQ(asyncio_remove_signal_handler(&loop, 0, NULL), ASYNCIO_EVALUE);
    CHECK(!removed(&loop, SIGKILL));
    CHECK(!removed(&loop, SIGUSR1));
    CHECK_EQ(loop.sources, 0);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("no")), ASYNCIO_ECLOSED);
    CHECK(!removed(&loop, SIGUSR1));
    CHECK(disposition(SIGUSR1) == SIG_DFL);
}

/* ---- What was there before is put back ---- */

TEST(test_removal_restores)
{
    asyncio_loop loop;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("a")), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("b")), 0); /* replaces, and forgets nothing */
    CHECK(disposition(SIGUSR1) != SIG_IGN);
    CHECK_EQ(loop.sources, 1);
    CHECK(removed(&loop, SIGUSR1));
    CHECK(disposition(SIGUSR1) == SIG_IGN);
    CHECK_EQ(loop.sources, 0);
    send_signal(SIGUSR1); /* ignored again */
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
}

TEST(test_closing_the_loop_restores)
{
    asyncio_loop loop, other;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_loop_init(&other, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("loop")), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR2, log_word, TEXT("loop")), 0);
    CHECK_EQ(asyncio_add_signal_handler(&other, SIGHUP, log_word, TEXT("other")), 0);
    CHECK_EQ(asyncio_add_signal_handler(&other, SIGUSR1, log_word, TEXT("no")), ASYNCIO_EBUSY);
    CHECK(!removed(&other, SIGUSR1)); /* it is not this loop's to remove */
    send_signal(SIGUSR1);             /* caught, and dropped by closing */
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK(disposition(SIGUSR1) == SIG_DFL);
    CHECK(disposition(SIGUSR2) == SIG_DFL);
    CHECK(disposition(SIGHUP) != SIG_DFL);
    CHECK_EQ(asyncio_add_signal_handler(&other, SIGUSR1, log_word, TEXT("mine")), 0);
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_LOG(""); /* nor is the first loop's signal delivered to the second */
    send_signal(SIGUSR1);
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_LOG("mine");
    CHECK_EQ(asyncio_loop_close(&other), 0);
    CHECK(disposition(SIGHUP) == SIG_DFL);
}

/* ---- Several, twice, too late ---- */

static void two_steps(asyncio_loop *loop)
{
    CHECK_EQ(asyncio_loop_step(loop, 0), 0);
    CHECK_EQ(asyncio_loop_step(loop, 0), 0);
}

TEST(test_several_signals)
{
    asyncio_loop loop;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGHUP, log_word, TEXT("hup")), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("usr1")), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR2, log_word, TEXT("usr2")), 0);
    send_signal(SIGUSR2);
    send_signal(SIGUSR1);
    send_signal(SIGUSR1);
    send_signal(SIGHUP);
    two_steps(&loop);
    CHECK_LOG("hup usr1 usr2"); /* one call for two signals */
    two_steps(&loop);
    CHECK_LOG("");
    send_signal(SIGUSR1); /* and again */
    two_steps(&loop);
    CHECK_LOG("usr1");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

TEST(test_removed_before_it_is_called)
{
    asyncio_loop loop;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("no")), 0);
    send_signal(SIGUSR1);
    CHECK(removed(&loop, SIGUSR1)); /* before the loop has noticed */
    two_steps(&loop);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("no")), 0);
    asyncio__posix_wake(&loop); /* for another reason */
    two_steps(&loop);
    CHECK_LOG(""); /* what the old one had missed is not the new one's */
    send_signal(SIGUSR1);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK(removed(&loop, SIGUSR1)); /* when its call is due */
    two_steps(&loop);
    CHECK_LOG("");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

TEST(test_replaced_before_it_is_called)
{
    asyncio_loop loop;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("old")), 0);
    send_signal(SIGUSR1);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("new")), 0);
    two_steps(&loop);
    CHECK_LOG("new");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* ---- A loop that sleeps ---- */

/* No deadline, nothing ready: select() has no limit, and only the signal ends it. */
static void alarm_soon(void)
{
    struct itimerval timer = {{0, 0}, {0, 1000}};
    CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}
ASYNC(until_signal, int number; asyncio_future event; asyncio_loop *loop; uint32_t ticks;)
{
    ASYNC_BEGIN;
    self->loop = asyncio_get_running_loop();
    self->ticks = self->loop->ticks;
    asyncio_future_init(&self->event, NULL);
    CHECK_EQ(asyncio_add_signal_handler(self->loop, self->number, caught, &self->event), 0);
    if (self->number == SIGALRM)
        alarm_soon();
    ASYNC_AWAIT(&self->event);
    CHECK(self->loop->ticks - self->ticks < 8); /* it slept, and did not ask over and over */
    CHECK(removed(self->loop, self->number));
    ASYNC_END;
}
TEST(test_signal_handling_while_selecting)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(until_signal, .number = SIGALRM), .port = &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_run(ASYNC_NEW(until_signal, .number = SIGALRM)), 0);
}

/* Caught by another thread, it wakes the loop all the same. */
static void *raise_here(void *arg)
{
    (void)pthread_kill(pthread_self(), *(const int *)arg);
    return NULL;
}
TEST(test_a_signal_in_another_thread)
{
    asyncio_loop loop;
    pthread_t thread;
    int number = SIGUSR2;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR2, log_word, TEXT("caught")), 0);
    CHECK_EQ(pthread_create(&thread, NULL, raise_here, &number), 0);
    pthread_join(thread, NULL);
    two_steps(&loop);
    CHECK_LOG("caught");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* While a handler is installed, having nothing to do is no deadlock; without one it is. */
static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *arg)
{
    (void)loop, (void)context, (void)arg;
}
ASYNC(for_ever, asyncio_future event;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->event, NULL);
    ASYNC_AWAIT(&self->event);
    ASYNC_END;
}
TEST(test_without_a_handler_it_is_a_deadlock)
{
    asyncio_loop loop;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio_set_exception_handler(&loop, ignore, NULL);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("no")), 0);
    CHECK(removed(&loop, SIGUSR1));
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(for_ever), NULL), ASYNCIO_EDEADLOCK);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* run() has SIGINT while nobody else does. A program that takes it, and gives it back, leaves the count right. */
ASYNC(own_interrupt, asyncio_future event; asyncio_loop *loop;)
{
    ASYNC_BEGIN;
    self->loop = asyncio_get_running_loop();
    first_tick = self->loop->ticks;
    CHECK_EQ(self->loop->sources, 0); /* run()'s handler alone is nothing to wait for */
    asyncio_future_init(&self->event, NULL);
    CHECK_EQ(asyncio_add_signal_handler(self->loop, SIGINT, caught, &self->event), 0);
    CHECK_EQ(self->loop->sources, 1);
    send_signal(SIGINT);
    ASYNC_AWAIT(&self->event);
    CHECK_LOG("2 handler");
    CHECK(removed(self->loop, SIGINT));
    CHECK_EQ(self->loop->sources, 0);
    CHECK(disposition(SIGINT) == SIG_DFL);
    ASYNC_END;
}
ASYNC(takes_interrupt)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_add_signal_handler(asyncio_get_running_loop(), SIGINT, log_word, TEXT("interrupt")), 0);
    ASYNC_END;
}
ASYNC(own_interrupt_again)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_get_running_loop()->sources, 1);
    send_signal(SIGINT);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
TEST(test_the_programs_own_SIGINT_under_run)
{
    asyncio_runner runner;
    asyncio_run_options options;
    CHECK_EQ(asyncio_run(ASYNC_NEW(own_interrupt), .port = &asyncio_virtual_port), 0);
    asyncio__no_run_options(&options);
    options.port = &asyncio_virtual_port;
    asyncio_runner_init(&runner, &options);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(takes_interrupt), NULL), 0);
    CHECK(disposition(SIGINT) != SIG_DFL); /* not run()'s, so not run()'s to take away before the loop closes */
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(own_interrupt_again), NULL), 0);
    CHECK_LOG("interrupt");
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    CHECK(disposition(SIGINT) == SIG_DFL);
}

/* ---- Signal context ---- */

TEST(test_errno_survives)
{
    asyncio_loop loop;
    int i;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, log_word, TEXT("usr1")), 0);
    close(asyncio__selector_of(&loop)->pipe[1]); /* so that the write fails */
    errno = 4711;
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(errno, 4711);
    i = dup(asyncio__selector_of(&loop)->pipe[0]); /* for close() */
    CHECK_EQ(i, asyncio__selector_of(&loop)->pipe[1]);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* The callback runs in the loop: it may start tasks, add handlers, remove its own. */
static asyncio_loop *the_loop;
ASYNC(started_by_signal)
{
    ASYNC_BEGIN;
    log_add("task");
    ASYNC_AWAIT(asyncio_sleep(1));
    log_add("slept");
    asyncio_loop_stop(the_loop);
    ASYNC_END;
}
static void anything(void *arg)
{
    (void)arg;
    CHECK(removed(the_loop, SIGUSR1));
    CHECK_EQ(asyncio_add_signal_handler(the_loop, SIGUSR2, log_word, TEXT("usr2")), 0);
    asyncio_create_task(ASYNC_NEW(started_by_signal));
    send_signal(SIGUSR2);
}
TEST(test_the_callback_may_do_anything)
{
    asyncio_loop loop;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    the_loop = &loop;
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, anything, NULL), 0);
    send_signal(SIGUSR1);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("task usr2 slept");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

int main(void)
{
    (void)signal(SIGINT, SIG_DFL); /* a shell's background jobs begin with it ignored */
    RUN(test_order);
    RUN(test_add_signal_handler);
    RUN(test_removal_restores);
    RUN(test_closing_the_loop_restores);
    RUN(test_several_signals);
    RUN(test_removed_before_it_is_called);
    RUN(test_replaced_before_it_is_called);
    RUN(test_signal_handling_while_selecting);
    RUN(test_a_signal_in_another_thread);
    RUN(test_without_a_handler_it_is_a_deadlock);
    RUN(test_the_programs_own_SIGINT_under_run);
    RUN(test_errno_survives);
    RUN(test_the_callback_may_do_anything);
    return tap_end();
}
