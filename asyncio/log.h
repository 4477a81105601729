/* SPDX-License-Identifier: MIT
 *
 * asyncio/log.h - what the library says, and to whom: errors as text, the default exception handler, the reports of
 * debug mode and of a deadlock.
 *
 *     #include "asyncio.h"
 *
 *     static void on_error(asyncio_loop *loop, const asyncio_exception_context *context, void *arg)
 *     {
 *         fprintf((FILE *)arg, "%s: %s\n", context->message, asyncio_strerror(context->err));
 *         asyncio_default_exception_handler(loop, context, NULL);
 *     }
 *
 *     ASYNC(fails)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_RAISE(ASYNCIO_EVALUE);
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_set_exception_handler(asyncio_get_running_loop(), on_error, stdout);
 *         asyncio_create_task(ASYNC_NEW(fails));             // nobody will look at its error
 *         ASYNC_AWAIT(asyncio_sleep(0.1));
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * It prints `Task exception was never retrieved: an argument is out of range`, and then, to stderr, what it would
 * without a handler: that, the task and the traceback.
 *
 * Rule: an exception handler must neither await nor close the loop; what its context points to is good during the call
 * only.
 */
#ifndef ASYNCIO_LOG_H
#define ASYNCIO_LOG_H

#include "../asyncio_loop.h"

#ifdef __cplusplus
extern "C" {
#endif

#if ASYNCIO_HOSTED
/*
 * asyncio_strerror - the text of an error code.
 *
 *   Suspends   never. Allocates nothing.
 *   Returns    a string; for errno values strerror's, good until its next call in this thread or elsewhere
 */
static inline const char *asyncio_strerror(int err)
{
    static const char *const texts[] = {
#define ASYNCIO__TEXT(name, python, text) text,
        ASYNCIO_ERRORS(ASYNCIO__TEXT)
#undef ASYNCIO__TEXT
    };
    if (err > ASYNCIO__EBASE && err < ASYNCIO__EEND)
        return texts[err - ASYNCIO__EBASE - 1];
    if (err >= ASYNCIO_EUSER && err <= ASYNCIO_EUSERMAX)
        return "an error of this program's own";
    return strerror(err);
}

/* There is no loop, and so no exception handler, to tell of a coroutine that will never run. */
ASYNCIO__WEAK void asyncio__tell_no_loop(void)
{
    fprintf(stderr, "asyncio: create_task: no running event loop: the coroutine is dropped\n");
}

static inline void asyncio__print_code(FILE *file, int err)
{
#if ASYNCIO_STRINGS
    fprintf(file, "%s: ", asyncio_errname(err));
#endif
    fprintf(file, "[%d] %s\n", err, asyncio_strerror(err));
}
static inline void asyncio__print_frame(FILE *file, const asyncio_frame_info *frame)
{
    if (frame->err == 0) {
        fprintf(file, "  File \"%s\", line %d, in %s\n", frame->file != NULL ? frame->file : "?", frame->line,
                frame->function != NULL ? frame->function : "?");
    } else {
        fprintf(file, "  error 1 of %d: ", frame->line);
        asyncio__print_code(file, frame->err);
    }
}

/*
 * asyncio_print_error - print the chain of awaits that an error passed, like Python's traceback, and "Name: [code]
 * text"; of ASYNCIO_EGROUP also the first error in it and its chain, of ASYNCIO_ECANCELLED its message.
 *
 *   loop       the one that the error occurred in
 *   detail     the error's: a context's, or what ASYNC_CATCH_INTO gave; 0: unknown
 *   Suspends   never. Returns nothing; allocates nothing. Cost: O(frames that it passed).
 *   Source     traceback.py:print_exception
 */
static inline void asyncio_print_error(FILE *file, asyncio_loop *loop, int err, asyncio_value detail)
{
    const asyncio_frame_info *frame;
    if (err == ASYNCIO_ECANCELLED) {
        fprintf(file, "CancelledError%s%s\n", detail != 0 ? ": " : "", detail != 0 ? (const char *)detail : "");
        return;
    }
    if (detail != 0)
        fprintf(file, "Traceback (most recent call last):\n");
    while ((frame = asyncio_traceback(loop, &detail)) != NULL)
        asyncio__print_frame(file, frame);
    if (detail != 0)
        fprintf(file, "  ... (older entries were overwritten)\n");
    asyncio__print_code(file, err);
}

static inline void asyncio_default_exception_handler(asyncio_loop *loop, const asyncio_exception_context *context,
                                                     void *arg)
{
    (void)arg;
    fprintf(stderr, "asyncio: %s\n", context->message);
    if (context->file != NULL)
        fprintf(stderr, "  at %s:%d\n", context->file, context->line);
    if (context->took != 0 && context->until != 0)
        fprintf(stderr, "  took %.3f seconds, until line %d\n", asyncio_to_seconds(context->took), context->until);
    else if (context->took != 0)
        fprintf(stderr, "  took %.3f seconds, until its end\n", asyncio_to_seconds(context->took));
    if (context->task != NULL) {
        asyncio_frame_info info;
        asyncio_describe(asyncio_task_get_coro(context->task), &info);
#if ASYNCIO_NAMES
        {
            char name[ASYNCIO_NAME_SIZE];
            fprintf(stderr, "  task: %s, ", asyncio_task_get_name(context->task, name));
        }
#endif
        fprintf(stderr, "coroutine %s (%s:%d)\n", info.function != NULL ? info.function : "?",
                info.file != NULL ? info.file : "?", info.line);
    }
    if (context->err != 0 && strcmp(context->message, asyncio_strerror(context->err)) != 0)
        asyncio_print_error(stderr, loop, context->err, context->detail);
}
#endif

/* ---- Reports ---- */

/* The innermost frame with a line: of the library's coroutines, such as gather, nobody wants to know. */
ASYNCIO__COLD void asyncio__describe_waiting(asyncio_task *task, asyncio_frame_info *info)
{
    asyncio_coro *coro = asyncio__root_of(task)->awaiter;
    asyncio_describe(coro, info);
    while (info->line == 0 && coro != asyncio__root_of(task)) {
        coro = coro->awaiter;
        asyncio_describe(coro, info);
    }
}

ASYNCIO__COLD void asyncio__report_deadlock(asyncio_loop *loop)
{
    asyncio_exception_context context;
    if (!ASYNCIO_REPORTS)
        return;
    asyncio__clear(&context, sizeof context);
    context.message = "deadlock: nothing is ready and nothing can wake the loop";
#if ASYNCIO_ALL_TASKS && ASYNCIO_HOSTED
    if (loop->watched != 0)
        context.message = "deadlock in the shutdown: tasks were cancelled, and wait again for what nothing can wake";
#endif
    context.err = ASYNCIO_EDEADLOCK;
    asyncio_call_exception_handler(loop, &context);
#if ASYNCIO_ALL_TASKS && ASYNCIO_REPORTS
    {
        asyncio_task *task;
        for (task = loop->core.tasks.first; task != NULL; task = task->next_task) {
            asyncio_frame_info info;
            if (asyncio_task_done(task))
                continue;
            asyncio__describe_waiting(task, &info);
            context.message = task->wait.node.wait != NULL ? task->wait.node.wait->what : "not waiting";
            context.task = task;
            context.err = 0;
            context.file = info.file;
            context.line = info.line;
            asyncio_call_exception_handler(loop, &context);
        }
    }
#endif
}

/* Debug mode: a task ended, and nobody holds it. Is there one that waits for something in its frame, which is about to
 * go? Among the oldest, for this is done at the end of every task. */
ASYNCIO__COLD void asyncio__check_frame(asyncio_loop *loop, asyncio_task *ended)
{
#if ASYNCIO_ALL_TASKS
    asyncio_exception_context context;
    asyncio_frame_info info;
    asyncio_task *task = loop->core.tasks.first;
    uintptr_t frame = (uintptr_t)(void *)asyncio__root_of(ended);
    int most = 1000;
    if (!(ended->future.flags & ASYNCIO__HEAP) || ended->future.holds > 1)
        return;
    asyncio_describe(asyncio__root_of(ended), &info);
    for (; task != NULL && most > 0; task = task->next_task, most--) {
        if (task->wait.node.wait == NULL || (uintptr_t)task->wait.slot.object - frame >= info.serial)
            continue;
        asyncio__clear(&context, sizeof context);
        context.message = "a task waits for something in the frame of a task that has ended";
        context.err = ASYNCIO_ERUNTIME;
        context.task = task;
        context.file = info.file;
        context.line = info.line;
        asyncio_call_exception_handler(loop, &context);
    }
#else
    (void)loop, (void)ended;
#endif
}

/* Debug mode: how long did it take, and between which lines? */
ASYNCIO__COLD void asyncio__run_slow(asyncio_loop *loop, asyncio__node *node)
{
    asyncio_time before = asyncio__now(loop), took;
    asyncio_exception_context context;
    asyncio_task *task = node->wait->in != ASYNCIO__NO_TASK ? asyncio__node_task(node) : NULL;
    asyncio_frame_info info;
    asyncio__clear(&info, sizeof info);
    if (task != NULL) {
        asyncio_future_hold(&task->future);
        asyncio_describe(asyncio__root_of(task)->awaiter, &info);
    }
    asyncio__run_node(&loop->core, node, &asyncio__ready_wait);
    took = asyncio__time_diff(asyncio__now(loop), before);
    if (took >= loop->slow_callback_duration) {
        asyncio__clear(&context, sizeof context);
        context.message = task != NULL ? "slow step of a task" : "slow callback";
        context.task = task;
        context.file = info.file;
        context.line = info.line;
        context.took = took;
        if (task != NULL && !asyncio_task_done(task)) {
            asyncio_describe(asyncio__root_of(task)->awaiter, &info);
            context.until = info.line;
        }
        asyncio_call_exception_handler(loop, &context);
    }
    if (task != NULL && asyncio_task_done(task))
        asyncio__check_frame(loop, task);
    if (task != NULL)
        asyncio_future_release(&task->future);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_LOG_H */
