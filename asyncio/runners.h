/* SPDX-License-Identifier: MIT
 *
 * asyncio/runners.h - run(): a loop, a main coroutine, and an orderly end.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(forever)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_AWAIT(asyncio_sleep(3600));
 *         ASYNC_FINALLY;
 *         puts("cancelled, as main is over");
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_create_task(ASYNC_NEW(forever));
 *         ASYNC_AWAIT(asyncio_sleep(0));
 *         ASYNC_RETURN(42);
 *         ASYNC_END;
 *     }
 *
 *     int main(void)
 *     {
 *         asyncio_value answer = 0;
 *         int err = asyncio_run(ASYNC_NEW(main_coro), .result = &answer);
 *         printf("%d\n", (int)answer);
 *         return err;
 *     }
 *
 * What run() does, in CPython's order (Lib/asyncio/runners.py)
 *
 *   1. makes a loop; in the main thread, SIGINT cancels the main task from now on, if nobody else handles it
 *   2. runs the main coroutine as a task until it is done; then SIGINT is as it was
 *   3. cancels every task that is left, and runs until those are done; tasks created meanwhile are not waited for
 *   4. reports what those died of ("unhandled exception during asyncio.run() shutdown")
 *   5. closes the loop
 *
 * There are no asynchronous generators and no default executor, which CPython would shut down before 5.
 *
 * Ctrl-C: the first cancels the main task; if that is what ends it, the result is ASYNCIO_EINTERRUPT. The second ends
 * the loop after the current iteration (CPython: at once), with the same result. The third is the system's own; and so
 * is the second, if a callback blocks and the loop has not even noticed the first, and every one from step 3 on. The
 * loop notices one in its next iteration, where CPython interrupts the callback: in the main task's last iterations one
 * counts as coming after its end.
 */
#ifndef ASYNCIO_RUNNERS_H
#define ASYNCIO_RUNNERS_H

#include "../asyncio_loop.h"
#if ASYNCIO_SELECTORS
#include "unix_events.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Options of run and of a runner; leave out what you do not need.
 *   .debug    debug mode (asyncio_set_debug)
 *   .port     the loop's port; NULL: this target's own. &asyncio_virtual_port: virtual time
 *   .loop     a loop that you initialised, instead of a new one; the runner closes it
 *   .result   receives the main coroutine's result (asyncio_run only)
 *   .quiet    do not print the error that ended the main coroutine (asyncio_run only) */
typedef struct asyncio_run_options {
    bool debug;
    const asyncio_port *port;
    asyncio_loop *loop;
    asyncio_value *result;
    bool quiet;
} asyncio_run_options;

/* A runner keeps one loop for several run()s. Not to be moved while open. */
typedef struct asyncio_runner {
    asyncio_loop *loop; /* NULL until the first use */
    asyncio_loop own;
    asyncio_run_options options;
    bool closed;
    asyncio_task *main_task;
    int interrupts;
#if ASYNCIO_CONTEXTS
    asyncio__variables *context; /* a slot: what the main coroutines run in, one after the other */
#endif
} asyncio_runner;

static inline void asyncio__no_run_options(asyncio_run_options *options)
{
    options->debug = false;
    options->port = NULL;
    options->loop = NULL;
    options->result = NULL;
    options->quiet = false;
}

/*
 * asyncio_runner_init - ready a runner. It opens its loop at first use.
 *
 *   options    NULL: none. Never suspends, never fails, allocates nothing.
 *   Source     runners.py:Runner.__init__. End it with asyncio_runner_close.
 */
static inline void asyncio_runner_init(asyncio_runner *runner, const asyncio_run_options *options)
{
    runner->loop = NULL;
    runner->closed = false;
    runner->main_task = NULL;
    runner->interrupts = 0;
#if ASYNCIO_CONTEXTS
    runner->context = NULL;
#endif
    asyncio__no_run_options(&runner->options);
    if (options != NULL) {
        runner->options.debug = options->debug;
        runner->options.port = options->port;
        runner->options.loop = options->loop;
    }
}

static inline int asyncio__runner_open(asyncio_runner *runner)
{
    int err = 0;
    if (runner->closed)
        return ASYNCIO_ECLOSED;
    if (runner->loop != NULL)
        return 0;
    if (runner->options.loop == NULL)
        err = asyncio_loop_init(&runner->own, runner->options.port);
    if (err != 0)
        return err;
    runner->loop = runner->options.loop != NULL ? runner->options.loop : &runner->own;
    if (runner->options.debug)
        asyncio_set_debug(runner->loop, true);
#if ASYNCIO_CONTEXTS
    runner->context = asyncio__context_capture(&runner->loop->core);
#endif
    return 0;
}

/* asyncio_runner_get_loop - the runner's loop, opened if need be; NULL if that failed or the runner is closed. Never
 * suspends. Source: runners.py:Runner.get_loop */
static inline asyncio_loop *asyncio_runner_get_loop(asyncio_runner *runner)
{
    return asyncio__runner_open(runner) == 0 ? runner->loop : NULL;
}

#if ASYNCIO_SELECTORS
/* Puts SIGINT back, unless the program has a handler of its own there by now; the second time it does nothing. */
static inline void asyncio__runner_uncatch(asyncio_runner *runner, bool caught)
{
    if (caught && asyncio__signal_table[SIGINT].loop == runner->loop && asyncio__signal_table[SIGINT].arg == runner)
        (void)asyncio_remove_signal_handler(runner->loop, SIGINT, NULL);
}

/* In the loop, not in signal context. */
static inline void asyncio__runner_interrupt(void *arg)
{
    asyncio_runner *runner = (asyncio_runner *)arg;
    runner->interrupts++;
    if (runner->interrupts == 1 && runner->main_task != NULL && !asyncio_task_done(runner->main_task)) {
        asyncio_task_cancel(runner->main_task, NULL);
        return;
    }
    runner->loop->core.stopping |= ASYNCIO__INTERRUPTED;
    asyncio__runner_uncatch(runner, true);
}

/* Only where nobody else handles it, and without keeping the loop from noticing a deadlock. */
static inline bool asyncio__runner_catch(asyncio_runner *runner)
{
    struct sigaction now;
    if (sigaction(SIGINT, NULL, &now) < 0 || (now.sa_flags & SA_SIGINFO) || now.sa_handler != SIG_DFL)
        return false;
    if (asyncio_add_signal_handler(runner->loop, SIGINT, asyncio__runner_interrupt, runner) != 0)
        return false;
    asyncio__signal_table[SIGINT].kill_if_stuck = true;
    asyncio__signal_count(&asyncio__signal_table[SIGINT], false);
    return true;
}
#else
static inline bool asyncio__runner_catch(asyncio_runner *runner)
{
    (void)runner;
    return false;
}
static inline void asyncio__runner_uncatch(asyncio_runner *runner, bool caught) { (void)runner, (void)caught; }
#endif

/* The main task begins in the runner's context and leaves there what it has set. */
static inline int asyncio__runner_start(asyncio_runner *runner, asyncio_root *root, asyncio_task_options *options)
{
#if ASYNCIO_CONTEXTS
    asyncio__variables **previous = asyncio__context_enter(&runner->context);
    int err;
    if (options->context == NULL && runner->context != NULL && runner->context->shared)
        options->context = (asyncio_context *)(void *)runner->context; /* somebody asked for it: no copy will do */
    err = asyncio_loop_create_task(runner->loop, root, options);
    asyncio__context_leave(previous);
    if (err == 0)
        runner->main_task->future.flags |= ASYNCIO__CONTEXT;
    return err;
#else
    return asyncio_loop_create_task(runner->loop, root, options);
#endif
}
static inline void asyncio__runner_keep_context(asyncio_runner *runner)
{
#if ASYNCIO_CONTEXTS
    asyncio__variables *variables = runner->main_task->context;
    if (variables == runner->context)
        return;
    asyncio__context_drop(&runner->context);
    runner->context = variables != NULL ? asyncio__variables_hold(variables) : NULL;
#else
    (void)runner;
#endif
}

/*
 * asyncio_runner_run - run a coroutine to its end on the runner's loop. May be called again.
 *
 *   root       from ASYNC_NEW or ASYNC_AT; taken over in every case
 *   value      receives its result, if 0 is returned; may be NULL
 *   Suspends   never: it blocks
 *   Returns    0; the coroutine's error; ASYNCIO_EINTERRUPT after Ctrl-C; ASYNCIO_ERUNNING while a loop runs in this
 *              thread; ASYNCIO_ECLOSED; ASYNCIO_ESTOPPED and ASYNCIO_EDEADLOCK as asyncio_run_until_complete; what
 *              create_task refuses with; an errno value or ASYNCIO_ENOMEM if the loop cannot open
 *   Source     runners.py:Runner.run. The context variables that one run sets the next one sees. To run in a context of
 *              your own: asyncio_runner_run_in_context (asyncio/contexts.h).
 */
static inline int asyncio__runner_wait(asyncio_runner *runner, asyncio_root *root, asyncio_value *value,
                                       asyncio_value *detail, asyncio_context *context)
{
    asyncio_task_options options;
    bool caught;
    int err;
    asyncio__no_options(&options);
    options.into = &runner->main_task;
    options.context = context;
    err = asyncio__runner_start(runner, root, &options);
    if (err != 0)
        return err;
    runner->interrupts = 0;
    caught = asyncio__runner_catch(runner);
    err = asyncio_run_until_future(runner->loop, &runner->main_task->future, value);
    asyncio__runner_uncatch(runner, caught);
    if (detail != NULL && err != 0 && asyncio_task_done(runner->main_task))
        *detail = asyncio_future_detail(&runner->main_task->future);
    if (err == ASYNCIO_ECANCELLED && runner->interrupts > 0 && asyncio_task_uncancel(runner->main_task) == 0)
        err = ASYNCIO_EINTERRUPT;
    if (context == NULL)
        asyncio__runner_keep_context(runner);
    asyncio__main_over(runner->loop, runner->main_task);
    runner->main_task = NULL;
    return err;
}

static inline int asyncio__runner_run(asyncio_runner *runner, asyncio_root *root, asyncio_value *value,
                                      asyncio_value *detail, asyncio_context *context)
{
    int err = asyncio__running_loop != NULL ? ASYNCIO_ERUNNING : asyncio__runner_open(runner);
    if (err == 0)
        return asyncio__runner_wait(runner, root, value, detail, context);
    asyncio_coro_close(root);
    return err;
}

static inline int asyncio_runner_run(asyncio_runner *runner, asyncio_root *root, asyncio_value *value)
{
    return asyncio__runner_run(runner, root, value, NULL, NULL);
}

#if ASYNCIO_ALL_TASKS
/* The tasks that shutdown cancelled are counted down; one iteration after the last, `target` is settled. */
static inline void asyncio__shutdown_over(void *arg)
{
    (void)asyncio_future_set_result((asyncio_future *)arg, 0);
}
static inline void asyncio__shutdown_watched(asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    loop->core.nudge = true; /* CPython's gather has a callback for it */
    if (--loop->watched == 0)
        (void)asyncio_call_soon(loop, &loop->stop_handle, asyncio__shutdown_over, loop->target);
}

static inline void asyncio__shutdown_report(asyncio_loop *loop)
{
    asyncio_task *task, *next;
    for (task = loop->core.tasks.first; task != NULL; task = next) {
        next = task->next_task;
        if (!(task->future.flags & ASYNCIO__WATCHED) || !asyncio_task_done(task))
            continue;
        if (!asyncio_task_cancelled(task) && task->future.err != 0) /* read or not */
            asyncio__report(&task->future, "unhandled exception during asyncio.run() shutdown");
        asyncio__tasks_leave(task);
        task->future.flags &= (uint16_t)~(ASYNCIO__WATCHED | ASYNCIO__UNREAD);
        if (task->future.flags & ASYNCIO__HEAP) /* until the loop is closed: a task of late may wait in its frame */
            asyncio__future_keep(&task->future);
        else
            asyncio_task_release(task);
    }
}

static inline void asyncio__cancel_all_tasks(asyncio_loop *loop)
{
    asyncio_future over;
    asyncio_task *task;
    loop->watched = 0;
    loop->core.watched = asyncio__shutdown_watched;
    for (task = loop->core.tasks.first; task != NULL; task = task->next_task) {
        task->future.flags |= ASYNCIO__WATCHED;
        asyncio__future_hold(&task->future);
        asyncio_task_cancel(task, NULL);
        loop->watched++;
    }
    if (loop->watched == 0)
        return;
    asyncio_future_init(&over, loop);
    (void)asyncio_run_until_future(loop, &over, NULL);
    asyncio_handle_cancel(&loop->stop_handle);
    asyncio__shutdown_report(loop);
}
#else
static inline void asyncio__cancel_all_tasks(asyncio_loop *loop) { (void)loop; }
#endif

/*
 * asyncio_runner_close - cancel what is left, wait for it, close the loop.
 *
 *   Suspends   never: it blocks. A task that swallows its cancellation and goes on keeps it waiting, as in CPython; one
 *              that can never be woken again is a deadlock, reported and destroyed. Without ASYNCIO_ALL_TASKS nothing
 *              is cancelled.
 *   Returns    0, also the second time; ASYNCIO_ERUNNING while a loop runs in this thread
 *   Source     runners.py:Runner.close
 */
static inline int asyncio_runner_close(asyncio_runner *runner)
{
    if (runner->loop != NULL) {
        if (asyncio_loop_is_running(runner->loop) || asyncio__running_loop != NULL)
            return ASYNCIO_ERUNNING;
        if (!asyncio_loop_is_closed(runner->loop)) {
            asyncio__cancel_all_tasks(runner->loop);
            (void)asyncio_loop_close(runner->loop);
        }
    }
    runner->loop = NULL;
    runner->closed = true;
#if ASYNCIO_CONTEXTS
    asyncio__context_drop(&runner->context);
#endif
    return 0;
}

#if ASYNCIO_HOSTED
static inline void asyncio__print_end(asyncio_loop *loop, int err, asyncio_value detail)
{
    if (err == 0 || (err == ASYNCIO_EDEADLOCK && detail == 0)) /* that was reported */
        return;
    if (loop != NULL)
        asyncio_print_error(stderr, loop, err, err == ASYNCIO_EINTERRUPT ? 0 : detail);
    else
        fprintf(stderr, "asyncio_run: %s\n", asyncio_strerror(err));
}
#endif

/*
 * asyncio_run(coro, .option = value, ...) - run the main coroutine of a program. See the top of this file.
 *
 *   coro       from ASYNC_NEW or ASYNC_AT; options by name, may be left out: see asyncio_run_options
 *   Returns    as asyncio_runner_run; an error is printed with the awaits that it passed, unless .quiet (a deadlock is
 *              reported anyhow). Fit for main's return: the low byte is not 0, except of a code of your own that is a
 *              multiple of 256.
 *   Memory     the loop on the stack (asyncio_loop_init) and its resources, released before it returns. Frames of main
 *              and of the tasks that it leaves behind go last: they may wait for what lies in one another's.
 *   Source     runners.py:run. Differs: .loop instead of loop_factory.
 */
static inline int asyncio__run(asyncio_root *root, const asyncio_run_options *options)
{
    asyncio_runner runner;
    asyncio_value detail = 0;
    int err;
    asyncio_runner_init(&runner, options);
    err = asyncio__runner_run(&runner, root, options->result, &detail, NULL);
#if ASYNCIO_HOSTED
    if (!options->quiet)
        asyncio__print_end(runner.loop, err, detail);
#endif
    (void)asyncio_runner_close(&runner);
    return err;
}
#define asyncio_run(...)                                                                                               \
    ASYNCIO__EXTENSION({                                                                                               \
        asyncio_run_options asyncio__options;                                                                          \
        asyncio__no_run_options(&asyncio__options);                                                                    \
        ASYNCIO__SET(asyncio__options, __VA_ARGS__)                                                                    \
        asyncio__run(ASYNCIO__FIRST(__VA_ARGS__), &asyncio__options);                                                  \
    })

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_RUNNERS_H */
