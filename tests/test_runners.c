/* run() and Runner: results, errors, options, the orderly end, Ctrl-C. After CPython's test_runners.py.
 *
 * Left out of it: arguments of a wrong type (the compiler refuses them), policies and set_event_loop (there is no
 * current loop but the running one), shutdown of asynchronous generators and executors (there are none), threads in
 * which signals cannot be handled, and what a task's repr() does. test_contexts.c has context variables kept between
 * runs. */
#include "asyncio.h"
#include <sys/stat.h>
#include "tap.h"

static asyncio_loop own_loop;

static void report(asyncio_loop *loop, const asyncio_exception_context *context, void *arg)
{
    (void)loop, (void)arg;
    log_add(context->message);
    if (context->err >= ASYNCIO_EUSER)
        log_number(context->err - ASYNCIO_EUSER);
}
static asyncio_loop *reporting_loop(void)
{
    CHECK_EQ(asyncio_loop_init(&own_loop, &asyncio_virtual_port), 0);
    asyncio_set_exception_handler(&own_loop, report, NULL);
    return &own_loop;
}

static void init(asyncio_runner *runner)
{
    asyncio_run_options options;
    asyncio__no_run_options(&options);
    options.port = &asyncio_virtual_port;
    asyncio_runner_init(runner, &options);
}

ASYNC(give, int n; int err;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    if (self->err != 0)
        ASYNC_RAISE(self->err);
    ASYNC_RETURN(self->n);
    ASYNC_END;
}

/* ---- run() ---- */

TEST(test_run_return)
{
    asyncio_value value = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(give, .n = 42), .port = &asyncio_virtual_port, .result = &value), 0);
    CHECK_EQ(value, 42);
    CHECK_EQ(asyncio_run(ASYNC_NEW(give), .port = &asyncio_virtual_port), 0);
    CHECK(asyncio_get_running_loop() == NULL);
}

TEST(test_run_raises)
{
    asyncio_value value = 5;
    CHECK_EQ(asyncio_run(ASYNC_NEW(give, .err = ENOENT), .port = &asyncio_virtual_port, .quiet = true,
                         .result = &value), ENOENT);
    CHECK_EQ(value, 0);
    CHECK_EQ(asyncio_run(ASYNC_NEW(give, .err = ASYNCIO_ECANCELLED), .port = &asyncio_virtual_port, .quiet = true),
             ASYNCIO_ECANCELLED);
    CHECK_EQ(asyncio_run(NULL, .port = &asyncio_virtual_port, .quiet = true), ASYNCIO_ENOMEM);
}

/* An error must not look like success to whoever started the program. */
TEST(test_exit_status)
{
    int err;
    for (err = ASYNCIO__EBASE + 1; err < ASYNCIO__EEND; err++)
        CHECK((err & 0xff) != 0);
    CHECK((ASYNCIO_EUSER & 0xff) != 0);
}

ASYNC(debugs, int want;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_get_debug(asyncio_get_running_loop()), self->want);
    CHECK(asyncio_loop_is_running(asyncio_get_running_loop()));
    log_add("ran");
    ASYNC_END;
}
TEST(test_run_debug)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(debugs, .want = 1), .port = &asyncio_virtual_port, .debug = true), 0);
    CHECK_EQ(asyncio_run(ASYNC_NEW(debugs, .want = 0), .port = &asyncio_virtual_port), 0);
    CHECK_LOG("ran ran");
}

ASYNC(which_loop)
{
    ASYNC_BEGIN;
    CHECK(asyncio_get_running_loop() == &own_loop);
    log_add("ran");
    ASYNC_END;
}
TEST(test_run_on_a_loop_of_yours)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(which_loop), .loop = reporting_loop()), 0);
    CHECK(asyncio_loop_is_closed(&own_loop));
    CHECK_LOG("ran");
    CHECK_EQ(asyncio_run(ASYNC_NEW(which_loop), .loop = &own_loop, .quiet = true), ASYNCIO_ECLOSED);
    CHECK_LOG("");
}
TEST(test_run_on_a_loop_on_the_heap)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(give), .loop = asyncio_new_event_loop(&asyncio_virtual_port)), 0);
}

ASYNC(from_running_loop)
{
    static struct give_task storage;
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_run(ASYNC_NEW(give), .quiet = true), ASYNCIO_ERUNNING);
    CHECK_EQ(asyncio_run(ASYNC_AT(&storage, give), .port = &asyncio_virtual_port, .quiet = true), ASYNCIO_ERUNNING);
    CHECK_EQ(asyncio_run(ASYNC_AT(&storage, give), .loop = &own_loop, .quiet = true), ASYNCIO_ERUNNING);
    CHECK(!asyncio_loop_is_closed(&own_loop));
    log_add("refused");
    ASYNC_END;
}
TEST(test_run_from_running_loop)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(from_running_loop), .loop = reporting_loop()), 0);
    CHECK_LOG("refused");
}

/* ---- What is printed ---- */

static char printed[4096];
static int saved_stderr;
static FILE *capture_file;
static void capture(void)
{
    capture_file = tmpfile();
    CHECK(capture_file != NULL);
    fflush(stderr);
    saved_stderr = dup(2);
    CHECK_EQ(dup2(fileno(capture_file), 2), 2);
}
static void captured(void)
{
    fflush(stderr);
    dup2(saved_stderr, 2);
    close(saved_stderr);
    rewind(capture_file);
    printed[fread(printed, 1, sizeof printed - 1, capture_file)] = '\0';
    fclose(capture_file);
}
ASYNC(passes, struct give sub;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&self->sub, give, .err = ENOENT));
    ASYNC_END;
}
TEST(test_an_error_is_printed_with_its_awaits)
{
    char *outer;
    capture();
    (void)asyncio_run(ASYNC_NEW(passes), .port = &asyncio_virtual_port);
    captured();
    outer = strstr(printed, "in passes");
    CHECK(strstr(printed, "Traceback") == printed);
    CHECK(outer != NULL && strstr(outer, "in give") != NULL);
    CHECK(strstr(printed, "OSError: ") != NULL);
    CHECK(strstr(printed, strerror(ENOENT)) != NULL);
    capture();
    (void)asyncio_run(ASYNC_NEW(passes), .port = &asyncio_virtual_port, .quiet = true);
    (void)asyncio_run(ASYNC_NEW(give), .port = &asyncio_virtual_port);
    captured();
    CHECK_STR(printed, "");
    capture();
    (void)asyncio_run(ASYNC_NEW(give, .err = ASYNCIO_ECANCELLED), .port = &asyncio_virtual_port);
    captured();
    CHECK_STR(printed, "CancelledError\n");
}

/* A program whose first line it is should not be left to wonder. */
TEST(test_a_task_without_a_loop_is_told_of)
{
    capture();
    CHECK_EQ(asyncio_create_task(ASYNC_NEW(give)), ASYNCIO_ENOLOOP);
    captured();
    CHECK_STR(printed, "asyncio: create_task: no running event loop: the coroutine is dropped\n");
}

/* Once, and who waits on what. */
ASYNC(waits_for_ever, asyncio_event event;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_event_wait(&self->event));
    ASYNC_END;
}
TEST(test_a_deadlock_is_printed_once)
{
    char *first;
    capture();
    CHECK_EQ(asyncio_run(ASYNC_NEW(waits_for_ever), .port = &asyncio_virtual_port), ASYNCIO_EDEADLOCK);
    captured();
    first = strstr(printed, "deadlock");
    CHECK(strstr(printed, "asyncio: deadlock: nothing is ready") == printed);
    CHECK(strstr(printed, "waiting for an Event") != NULL);
    CHECK(first != NULL && strstr(first + 1, "deadlock") == NULL);
}

/* A task that fails, and nobody ever looks: the default handler says so when it goes. */
ASYNC(fails_unseen, asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(give, .err = ENOENT), .into = &self->task, .name = "unseen");
    ASYNC_AWAIT(asyncio_sleep(2));
    CHECK(asyncio_task_done(self->task));
    log_add("before");
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_default_exc_handler_coro)
{
    capture();
    CHECK_EQ(asyncio_run(ASYNC_NEW(fails_unseen), .port = &asyncio_virtual_port), 0);
    captured();
    CHECK_LOG("before");
    CHECK(strstr(printed, "asyncio: Task exception was never retrieved\n") == printed);
    CHECK(strstr(printed, "unseen") != NULL);
    CHECK(strstr(printed, "in give") != NULL);
    CHECK(strstr(printed, strerror(ENOENT)) != NULL);
}

/* ---- The orderly end ---- */

ASYNC(background, const char *name; int err;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(100));
    ASYNC_FINALLY;
    log_add(self->name);
    if (self->err != 0)
        ASYNC_RAISE(self->err);
    ASYNC_END;
}
static asyncio_task *left[3];
ASYNC(leaves, int err_of_second; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(background, .name = "first"), .into = &left[0]);
    asyncio_create_task(ASYNC_NEW(background, .name = "second", .err = self->err_of_second));
    asyncio_create_task(ASYNC_NEW(background, .name = "third"));
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_create_task(ASYNC_NEW(background, .name = "last"));
    log_add("main");
    if (self->err != 0)
        ASYNC_RAISE(self->err);
    ASYNC_END;
}
TEST(test_run_cancels_hanging_tasks)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(leaves), .loop = reporting_loop()), 0);
    CHECK_LOG("main first second third last");
    CHECK_EQ(asyncio_run(ASYNC_NEW(leaves, .err = ENOENT), .loop = reporting_loop(), .quiet = true), ENOENT);
    CHECK_LOG("main first second third last");
}
TEST(test_run_reports_hanging_tasks_errors)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(leaves, .err_of_second = ASYNCIO_EUSER + 4), .loop = reporting_loop()), 0);
    CHECK_LOG("main first second third last unhandled exception during asyncio.run() shutdown 4");
}

/* It waits for tasks that take their time, and not for those that they start. */
ASYNC(takes_its_time, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(100));
    log_number(self->err == ASYNCIO_ECANCELLED);
    asyncio_create_task(ASYNC_NEW(background, .name = "never run to its end"));
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(5));
    log_number(self->err);
    log_add("in its time");
    ASYNC_END;
}
ASYNC(leaves_slow, struct give sub;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(takes_its_time));
    ASYNC_AWAIT(ASYNC_IN(&self->sub, give));
    ASYNC_END;
}
TEST(test_tasks_created_during_shutdown)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(leaves_slow), .loop = reporting_loop()), 0);
    CHECK_EQ(own_loop.virtual_now, ASYNCIO_SECONDS(6));
    CHECK_LOG("1 0 in its time Task was destroyed but it is pending!");
}

/* A task that swallows its cancellation and then waits for what nobody can give. */
static asyncio_future never;
ASYNC(hangs, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, &never);
    asyncio_future_init(&never, NULL);
    ASYNC_AWAIT(&never);
    ASYNC_FINALLY;
    log_add("not reached");
    ASYNC_END;
}
ASYNC(leaves_hanging)
{
    ASYNC_BEGIN;
    asyncio_future_init(&never, NULL);
    asyncio_create_task(ASYNC_NEW(hangs));
    asyncio_create_task(ASYNC_NEW(background, .name = "good"));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
TEST(test_a_task_that_can_never_end)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(leaves_hanging), .loop = reporting_loop()), 0);
    CHECK_LOG("good deadlock in the shutdown: tasks were cancelled, and wait again for what nothing can wake "
              "waiting for a Future "
              "Task was destroyed but it is pending!");
}

/* The main coroutine itself hangs, or stops the loop: it is cancelled with the others. */
ASYNC(hangs_at_once)
{
    ASYNC_BEGIN;
    asyncio_future_init(&never, NULL);
    ASYNC_AWAIT(&never);
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}
ASYNC(stops)
{
    ASYNC_BEGIN;
    asyncio_loop_stop(asyncio_get_running_loop());
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}
TEST(test_a_main_coroutine_that_does_not_end)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(hangs_at_once), .loop = reporting_loop(), .quiet = true), ASYNCIO_EDEADLOCK);
    CHECK_LOG("deadlock: nothing is ready and nothing can wake the loop waiting for a Future finally");
    CHECK_EQ(asyncio_run(ASYNC_NEW(stops), .loop = reporting_loop(), .quiet = true), ASYNCIO_ESTOPPED);
    CHECK_LOG("finally");
}

/* ---- Runner ---- */

TEST(test_runner_runs_again)
{
    asyncio_runner runner;
    asyncio_value value = 0;
    asyncio_loop *loop;
    init(&runner);
    CHECK(runner.loop == NULL);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(give, .n = 1), &value), 0);
    CHECK_EQ(value, 1);
    loop = asyncio_runner_get_loop(&runner);
    CHECK(loop != NULL && !asyncio_loop_is_closed(loop));
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(give, .err = ENOENT), &value), ENOENT);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(give, .n = 2), &value), 0);
    CHECK_EQ(value, 2);
    CHECK(asyncio_runner_get_loop(&runner) == loop);
    CHECK_EQ(asyncio_loop_time(loop), ASYNCIO_SECONDS(3));
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(leaves), NULL), 0);
    CHECK_LOG("main"); /* what is left goes on in the next run */
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(give), NULL), 0);
    CHECK_LOG("");
    asyncio_task_cancel(left[0], NULL);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(give), NULL), 0);
    CHECK_LOG("first");
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    CHECK_LOG("second third last");
}

TEST(test_runner_close)
{
    asyncio_runner runner;
    init(&runner);
    CHECK_EQ(asyncio_runner_close(&runner), 0); /* never used */
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    CHECK(asyncio_runner_get_loop(&runner) == NULL);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(give), NULL), ASYNCIO_ECLOSED);
    asyncio_runner_init(&runner, NULL);
    CHECK(asyncio_runner_get_loop(&runner) != NULL);
    CHECK(asyncio_runner_get_loop(&runner)->port == &asyncio_posix_port);
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    CHECK(asyncio_runner_get_loop(&runner) == NULL);
}

ASYNC(recursive, asyncio_runner *runner;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_runner_run(self->runner, ASYNC_NEW(give), NULL), ASYNCIO_ERUNNING);
    CHECK_EQ(asyncio_runner_close(self->runner), ASYNCIO_ERUNNING);
    log_add("refused");
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
TEST(test_runner_recursive_run)
{
    asyncio_runner runner, other;
    init(&runner);
    init(&other);
    CHECK(asyncio_runner_get_loop(&other) != NULL);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(recursive, .runner = &runner), NULL), 0);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(recursive, .runner = &other), NULL), 0);
    CHECK_EQ(asyncio_runner_run(&other, ASYNC_NEW(give), NULL), 0);
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    CHECK_EQ(asyncio_runner_close(&other), 0);
    CHECK_LOG("refused refused");
}

/* ---- Ctrl-C ---- */

static void interrupt(void *arg)
{
    (void)arg;
    CHECK_EQ(raise(SIGINT), 0);
}
static bool default_handler(void)
{
    struct sigaction now;
    return sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

ASYNC(busy, int n;)
{
    ASYNC_BEGIN;
    CHECK(!default_handler());
    for (self->n = 0; self->n < 1000; self->n++) {
        if (self->n == 10)
            interrupt(NULL);
        ASYNC_AWAIT(asyncio_sleep(0));
    }
    log_add("not reached");
    ASYNC_FINALLY;
    CHECK(self->n >= 10 && self->n < 100);
    log_add("finally");
    ASYNC_END;
}
TEST(test_interrupt_busy)
{
    CHECK(default_handler());
    CHECK_EQ(asyncio_run(ASYNC_NEW(busy), .loop = reporting_loop(), .quiet = true), ASYNCIO_EINTERRUPT);
    CHECK_LOG("finally");
    CHECK(default_handler());
    CHECK_EQ(asyncio_run(ASYNC_NEW(busy), .quiet = true), ASYNCIO_EINTERRUPT); /* the same with the real port */
    CHECK_LOG("finally");
    CHECK(default_handler());
}

ASYNC(waits)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_call_later(asyncio_get_running_loop(), NULL, 1, interrupt, NULL), 0);
    ASYNC_AWAIT(asyncio_sleep(100));
    ASYNC_FINALLY;
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    ASYNC_END;
}
TEST(test_interrupt_wait)
{
    asyncio_runner runner;
    int i;
    init(&runner);
    for (i = 0; i < 2; i++) { /* the second run counts anew */
        CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(waits), NULL), ASYNCIO_EINTERRUPT);
        CHECK_EQ(asyncio_loop_time(runner.loop), ASYNCIO_SECONDS(i + 1));
        CHECK_LOG("1");
        CHECK(default_handler());
    }
    CHECK_EQ(asyncio_runner_close(&runner), 0);
}

/* Waiting for a Future, it is cancelled, too. */
static asyncio_future awaited;
ASYNC(waits_for_future, bool at_once;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&awaited, NULL);
    if (self->at_once)
        interrupt(NULL);
    else
        CHECK_EQ(asyncio_call_later(asyncio_get_running_loop(), NULL, 1, interrupt, NULL), 0);
    ASYNC_AWAIT(&awaited);
    log_add("not reached");
    ASYNC_END;
}
TEST(test_interrupt_wait_for_a_future)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(waits_for_future), .loop = reporting_loop(), .quiet = true), ASYNCIO_EINTERRUPT);
    CHECK(asyncio_future_cancelled(&awaited));
    CHECK_EQ(asyncio_run(ASYNC_NEW(waits_for_future, .at_once = true), .loop = reporting_loop(), .quiet = true),
             ASYNCIO_EINTERRUPT);
    CHECK(asyncio_future_cancelled(&awaited));
    /* the same with the real port */
    CHECK_EQ(asyncio_run(ASYNC_NEW(waits_for_future, .at_once = true), .quiet = true), ASYNCIO_EINTERRUPT);
    CHECK(asyncio_future_cancelled(&awaited));
    CHECK_LOG("");
}

ASYNC(cancels_and_interrupts, asyncio_task *task;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_cancel(self->task, NULL);
    interrupt(NULL);
    ASYNC_END;
}
ASYNC(cancelled_by_another, bool takes_time;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(cancels_and_interrupts, .task = asyncio_current_task()));
    ASYNC_AWAIT(asyncio_sleep(10));
    ASYNC_FINALLY;
    if (self->takes_time)
        ASYNC_AWAIT(asyncio_sleep(10));
    ASYNC_END;
}
ASYNC(cancelled_by_itself)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), NULL);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
ASYNC(cancelled_twice, int err;)
{
    ASYNC_BEGIN;
    interrupt(NULL);
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    asyncio_task_cancel(asyncio_current_task(), NULL); /* not only Ctrl-C wants it */
    ASYNC_RAISE(self->err);
    ASYNC_END;
}
ASYNC(turns_it, int err; int into;)
{
    ASYNC_BEGIN;
    interrupt(NULL);
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    if (self->into != 0)
        ASYNC_RAISE(self->into);
    ASYNC_RETURN(5);
    ASYNC_END;
}
TEST(test_interrupt_cancelled_task)
{
    asyncio_value value = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancelled_by_another, .takes_time = true), .loop = reporting_loop(), .quiet = true),
             ASYNCIO_ECANCELLED);
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancelled_by_another), .loop = reporting_loop(), .quiet = true),
             ASYNCIO_EINTERRUPT); /* its end is nearer than the iteration in which the loop notices the signal */
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancelled_by_itself), .loop = reporting_loop(), .quiet = true), ASYNCIO_ECANCELLED);
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancelled_twice), .loop = reporting_loop(), .quiet = true), ASYNCIO_ECANCELLED);
    CHECK_EQ(asyncio_run(ASYNC_NEW(turns_it, .into = ENOENT), .loop = reporting_loop(), .quiet = true), ENOENT);
    CHECK_EQ(asyncio_run(ASYNC_NEW(turns_it), .loop = reporting_loop(), .result = &value), 0);
    CHECK_EQ(value, 5);
    CHECK(default_handler());
}

/* The second one ends the loop in spite of a main coroutine that goes on; its clean-up still comes. */
static bool after_second;
static void note_second(void *arg)
{
    (void)arg;
    after_second = true;
    CHECK(default_handler());
}
ASYNC(goes_on, int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(background, .name = "background"));
    interrupt(NULL);
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    log_add("swallowed");
    interrupt(NULL);
    CHECK_EQ(asyncio_call_later(asyncio_get_running_loop(), NULL, 50, note_second, NULL), 0);
    ASYNC_AWAIT(asyncio_sleep(100));
    log_add("not reached");
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_AWAIT(asyncio_sleep(60));
    log_add("to its end");
    ASYNC_END;
}
TEST(test_interrupt_twice)
{
    after_second = false;
    CHECK_EQ(asyncio_run(ASYNC_NEW(goes_on), .loop = reporting_loop(), .quiet = true), ASYNCIO_EINTERRUPT);
    CHECK_LOG("swallowed finally background to its end");
    CHECK(after_second);
    CHECK(default_handler());
}

/* Somebody else's handler is left alone. */
static volatile sig_atomic_t mine;
static void my_handler(int number)
{
    (void)number;
    mine++;
}
ASYNC(raises_once)
{
    ASYNC_BEGIN;
    interrupt(NULL);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(1);
    ASYNC_END;
}
TEST(test_another_handler_of_sigint)
{
    struct sigaction now;
    mine = 0;
    CHECK(signal(SIGINT, my_handler) == SIG_DFL);
    CHECK_EQ(asyncio_run(ASYNC_NEW(raises_once), .loop = reporting_loop()), 0);
    CHECK_EQ(mine, 1);
    CHECK_EQ(sigaction(SIGINT, NULL, &now), 0);
    CHECK(now.sa_handler == my_handler);
    CHECK(signal(SIGINT, SIG_IGN) == my_handler);
    CHECK_EQ(asyncio_run(ASYNC_NEW(raises_once), .loop = reporting_loop()), 0);
    CHECK(signal(SIGINT, SIG_DFL) == SIG_IGN);
}

/* A program's own handler on the loop, installed while it runs, takes Ctrl-C from run(). */
static void on_sigint(void *arg) { log_add((const char *)arg); }
ASYNC(handles_it)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_add_signal_handler(asyncio_get_running_loop(), SIGINT, on_sigint, "handled"), 0);
    interrupt(NULL);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(1);
    ASYNC_END;
}
TEST(test_a_handler_of_the_loop)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(handles_it), .loop = reporting_loop()), 0);
    CHECK_LOG("handled");
    CHECK(default_handler());
}

/* Ctrl-C being handled does not hide a deadlock, and a deadlock restores it. */
TEST(test_deadlock_is_noticed)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(hangs_at_once), .loop = reporting_loop(), .quiet = true), ASYNCIO_EDEADLOCK);
    CHECK(default_handler());
    CHECK_EQ(own_loop.sources, 0);
    log_clear();
}

int main(void)
{
    (void)signal(SIGINT, SIG_DFL); /* a shell's background jobs begin with it ignored */
    RUN(test_run_return);
    RUN(test_run_raises);
    RUN(test_exit_status);
    RUN(test_run_debug);
    RUN(test_run_on_a_loop_of_yours);
    RUN(test_run_on_a_loop_on_the_heap);
    RUN(test_run_from_running_loop);
    RUN(test_an_error_is_printed_with_its_awaits);
    RUN(test_a_task_without_a_loop_is_told_of);
    RUN(test_a_deadlock_is_printed_once);
    RUN(test_default_exc_handler_coro);
    RUN(test_run_cancels_hanging_tasks);
    RUN(test_run_reports_hanging_tasks_errors);
    RUN(test_tasks_created_during_shutdown);
    RUN(test_a_task_that_can_never_end);
    RUN(test_a_main_coroutine_that_does_not_end);
    RUN(test_runner_runs_again);
    RUN(test_runner_close);
    RUN(test_runner_recursive_run);
    RUN(test_interrupt_busy);
    RUN(test_interrupt_wait);
    RUN(test_interrupt_wait_for_a_future);
    RUN(test_interrupt_cancelled_task);
    RUN(test_interrupt_twice);
    RUN(test_another_handler_of_sigint);
    RUN(test_a_handler_of_the_loop);
    RUN(test_deadlock_is_noticed);
    return tap_end();
}
