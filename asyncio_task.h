/* SPDX-License-Identifier: MIT
 *
 * asyncio_task.h - what a coroutine, a Future and a Task are.
 *
 * No operating system, no libc call, no heap, no clock: asyncio_loop.h adds those. Programs include asyncio.h.
 *
 *     #include "asyncio.h"
 *     #include <stdio.h>
 *
 *     ASYNC(child, int n;)                              // fields: the arguments and every local that outlives an await
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_AWAIT(asyncio_sleep(1));
 *         ASYNC_RETURN(self->n * 2);
 *         ASYNC_FINALLY;                                // optional: runs on return, on error and on cancellation
 *         puts("clean");
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, int twice;)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_AWAIT_INTO(self->twice, ASYNC_NEW(child, .n = 21));
 *         printf("%d\n", self->twice);
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * Rules, the bad news first
 *
 *   1. A C local does not survive an await. What must survive is a field; the body reaches it as self->n. That goes for
 *      what an await works with, too: a frame, a block, a Future, a buffer. Between `{` and ASYNC_BEGIN stand
 *      declarations only: that part runs again at every resumption, and when a report asks for the frame's name.
 *   2. No ASYNC_ macro inside a `switch` of your own: its resume point would belong to your switch. It compiles; at run
 *      time the coroutine fails with ASYNCIO_ELOST and the report names file and line. Use if/else, or a `switch` that
 *      holds no await.
 *   3. Leave the body only through ASYNC_RETURN, ASYNC_RAISE or ASYNC_END; a plain `return` does not compile. Leave a
 *      block (ASYNC_WITH, ASYNC_TRY) at its end, by return, raise, break or continue; these two leave the block only.
 *      Never by `goto`: its exit does not run, and what it armed stays armed. That is reported at ASYNC_END; a goto to
 *      before the block is when it is entered again, and ends the coroutine with ASYNCIO_ERUNTIME, without its FINALLY.
 *   4. Capitals may leave your function at that place. What is not in capitals never suspends.
 *   5. ASYNC_NEW, ASYNC_AT and ASYNC_IN clear the frame before they evaluate `.field = value`: do not read the frame
 *      that you are about to start in its own arguments. A value with a bare comma needs parentheses around it, as in
 *      .at = ((struct point){1, 2}); at most 15 arguments.
 *      A descriptor field is 0 until you set it, and 0 is stdin: set it to -1 before a FINALLY that closes it.
 *      A task cancelled before its first step never runs, its FINALLY neither (as in Python): what it was to own is still
 *      yours then; a coroutine, too, that was to be awaited there (asyncio_coro_close). With .eager_start = 1 it takes
 *      over inside create_task.
 *   6. Results are integers or pointers (asyncio_value); anything larger goes through a pointer argument.
 *   7. In C++ a frame is plain data: no member with a constructor or destructor.
 *
 * States of a Task (numbers: who takes the arrow)
 *
 *            1            2              3
 *     NEW ------> READY -----> RUNNING -----> WAITING       1 create_task: asyncio_task_new
 *                   ^            |  |            |          2 the loop pops it: asyncio__step
 *                   |     5      |  | 6          | 4        3 an await suspends: asyncio__arm
 *                   +------------+  v            |          4 what it waits for happened: asyncio__wake
 *                   |             DONE           |          5 sleep(0)
 *                   +----------------------------+          6 the coroutine ended: asyncio__task_done
 *
 *   Invariant: a Task that is not done is RUNNING and has no `wait`, or in the ready list with asyncio__ready_wait, or
 *   it has another `wait`, which will put it there. A wait with `run` has a last word: in the ready list it still has
 *   its turn, and may go on waiting. cancel() in WAITING goes to `wait->cancel`; in READY and RUNNING, and if that
 *   answers false, it only sets MUST_CANCEL, which the next step, the next suspension or the end honours. A NEW
 *   coroutine is no Task yet and cannot be cancelled.
 *
 * Lifetime, in three lines
 *
 *   The loop holds a task until it is done; then a heap task is freed, unless somebody holds it.
 *   create_task(coro, .into = &p) gives you a held pointer: good until asyncio_task_release(p) or the loop's close.
 *   Any other task pointer (current_task, a callback's argument) is good until you next return or await; hold it to
 *   keep it.
 *
 *   A coroutine's frame goes with its task, and what lies in it with the frame: no other task may wait there any more.
 *   Debug mode reports one that does. What asyncio_run runs stays until the loop is closed, so that a queue or a lock
 *   in main's frame is good for the tasks that it leaves behind (asyncio_run_until_complete has the details).
 *
 * Options: asyncio/types.h lists them.
 *
 * Where what is: asyncio/exceptions.h error codes, asyncio/types.h types, asyncio/futures.h the Future, this file the
 * Task, asyncio/coroutines.h the ASYNC_ macros. Including this file includes them all.
 */
#ifndef ASYNCIO_TASK_H
#define ASYNCIO_TASK_H

#include "asyncio/futures.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Tracebacks ---- */

/* Notes that an error passed this frame. The ring keeps the newest; an older chain ends where it was overwritten. */
ASYNCIO__COLD asyncio_value asyncio__trace_add(asyncio_loop *loop, asyncio_value outer, const char *function,
                                               const char *file, int line)
{
#if ASYNCIO_TRACEBACK
    asyncio__core *core = asyncio__core_of(loop);
    uint32_t serial = ++core->traces == 0 ? ++core->traces : core->traces;
    asyncio_frame_info *info = &core->trace[serial % ASYNCIO_TRACEBACK];
    info->function = function;
    info->file = file;
    info->line = line;
    info->serial = serial;
    info->outer = (uint32_t)outer;
    info->err = 0;
    return (asyncio_value)serial;
#else
    (void)loop, (void)function, (void)file, (void)line;
    return outer;
#endif
}

/*
 * asyncio_traceback - walk the frames that an error passed, innermost last.
 *
 *   loop       the one that the error occurred in
 *   detail     the error's detail: of a context in an exception handler, or what ASYNC_CATCH_INTO gave. Not that of
 *              ASYNCIO_ECANCELLED, which has no traceback: its detail is the message.
 *   Suspends   never. Allocates nothing. Cost: O(1) a call.
 *   Returns    the outermost frame and, in *detail, what to ask for next, good until the next error; NULL at the end,
 *              if it was overwritten (*detail is not 0 then), or without ASYNCIO_TRACEBACK. After the frames that an
 *              ASYNCIO_EGROUP passed comes an entry that is none, with the group's first error, and that one's frames.
 *   Source     traceback.py:walk_tb. Differs: a ring of ASYNCIO_TRACEBACK entries for all errors of the loop.
 */
static inline const asyncio_frame_info *asyncio_traceback(asyncio_loop *loop, asyncio_value *detail)
{
#if ASYNCIO_TRACEBACK
    uint32_t serial = (uint32_t)*detail;
    const asyncio_frame_info *info = &asyncio__core_of(loop)->trace[serial % ASYNCIO_TRACEBACK];
    if (serial == 0 || info->serial != serial)
        return NULL;
    *detail = (asyncio_value)info->outer;
    return info;
#else
    (void)loop, (void)detail;
    return NULL;
#endif
}

/* Where a frame's result or its error's detail goes: to the frame that awaits it, or into the Task's Future. */
ASYNCIO__HOT_ONCE asyncio_value *asyncio__result_of(asyncio_coro *self, asyncio_task *task)
{
    return self == asyncio__root_of(task) ? &task->future.value : &self->awaiter->value;
}

/* The line of a frame's newest await; 0 before the first, or if lines are not kept. */
static inline int asyncio__line_of(const asyncio_coro *self)
{
#if !ASYNCIO_DENSE
    return self->state > 2 ? (int)(self->state << 2 >> 4) : 0; /* without the two marks and the point's own two bits */
#elif ASYNCIO_LINES
    return (int)self->line;
#else
    (void)self;
    return 0;
#endif
}

/* An error leaves this frame: from an await, or from ASYNC_RAISE. Its detail is in self->value. */
ASYNCIO__COLD void asyncio__raise(asyncio_coro *self, asyncio_task *task, int err, const char *function,
                                  const char *file)
{
    asyncio_value detail = self->value;
    (void)function, (void)file;
    if (ASYNCIO_CHECKS && (err <= 0 || err > ASYNCIO_EUSERMAX))
        err = ASYNCIO_EVALUE;
    if (ASYNCIO_TRACEBACK && err != ASYNCIO_ECANCELLED)
        detail = asyncio__trace_add(task->future.loop, detail, function, file, asyncio__line_of(self));
    *asyncio__result_of(self, task) = detail;
    self->err = (int16_t)err;
    self->flags |= ASYNCIO__FRAME_RETURNING;
}

ASYNCIO__COLD void asyncio__report_lost(asyncio_coro *self, asyncio_task *task, const char *file)
{
    asyncio_exception_context context;
    if (!ASYNCIO_REPORTS)
        return;
    asyncio__clear(&context, sizeof context);
    context.message = "await inside a switch of your own: its resume point is lost (use if/else, or await outside)";
    context.err = ASYNCIO_ELOST;
    context.task = task;
    context.file = file;
    context.line = asyncio__line_of(self);
    asyncio_call_exception_handler(task->future.loop, &context);
}

/* The switch of a body found no such resume point; or somebody wants to know the body's name, and its frame's size. */
ASYNCIO__COLD int asyncio__lost(asyncio_coro *self, asyncio_task *task, int err, const char *function,
                                const char *file, size_t size)
{
    if (err == ASYNCIO__DESCRIBE) {
        asyncio_frame_info *info = (asyncio_frame_info *)(void *)task;
        info->serial = (uint32_t)size;
        info->function = function;
        info->file = file;
        return ASYNCIO__PENDING;
    }
    asyncio__report_lost(self, task, file);
    self->value = 0;
    asyncio__raise(self, task, ASYNCIO_ELOST, function, file);
    self->state = 2;
    return ASYNCIO_ELOST;
}

/* The answer of a library coroutine's frame to ASYNCIO__DESCRIBE. */
static inline int asyncio__name_frame(asyncio_task *task, const char *function, const char *file)
{
    asyncio_frame_info *info = (asyncio_frame_info *)(void *)task;
#if ASYNCIO_STRINGS
    info->function = function;
    info->file = file;
#else
    (void)info, (void)function, (void)file;
#endif
    return ASYNCIO__PENDING;
}

/*
 * asyncio_describe - function, file and line of a frame: where it waits, or ran last.
 *
 *   coro       a frame that lives: asyncio_task_get_coro's, or &frame.coro of one of yours
 *   Suspends   never. Allocates nothing. Cost: O(1).
 *   Returns    through info; line 0 before the first await or without ASYNCIO_LINES, no names without ASYNCIO_STRINGS
 *   Source     Python's coroutine.cr_code and cr_frame
 */
static inline void asyncio_describe(asyncio_coro *coro, asyncio_frame_info *info)
{
    asyncio__state state = coro->state;
    asyncio__clear(info, sizeof *info);
    if (ASYNCIO_STRINGS) {
        coro->state = (asyncio__state)~0u; /* no resume point has this number: the body answers instead of running */
        (void)coro->resume(coro, (asyncio_task *)(void *)info, ASYNCIO__DESCRIBE);
        coro->state = state;
    }
    info->line = asyncio__line_of(coro);
}

/* ---- Task ---- */

/* Too early for a running or ready task. Its slot, which it does not need now, keeps the message: where the result will
 * stand there may be one already. */
static inline bool asyncio__ready_cancel(asyncio_task *task, asyncio_value msg)
{
    task->wait.slot.message = msg;
    task->future.flags |= ASYNCIO__MESSAGE;
    return false;
}

static inline int asyncio__ready_run(asyncio__node *node) { return asyncio__node_task(node)->future.err; }

/* One object for the whole program: the loop compares with it. With FEW_STORES the outcome of the await is 0. */
extern const asyncio__wait asyncio__ready_wait ASYNCIO__WEAK;
const asyncio__wait asyncio__ready_wait = {ASYNCIO__FEW_STORES ? NULL : asyncio__ready_run, NULL, NULL, NULL,
                                           ASYNCIO__IN_READY, 0 ASYNCIO__WHAT("ready")};

/* The outcome is future.err. */
static const asyncio__wait asyncio__ready_outcome = {asyncio__ready_run, NULL, NULL, NULL,
                                                     ASYNCIO__IN_READY, 0 ASYNCIO__WHAT("ready")};

/* Puts a task into the ready list; its next step gets `err` as the outcome of its await. The answer is always
 * ASYNCIO__PENDING. */
ASYNCIO__HOT_ONCE int asyncio__make_ready(asyncio_task *task, int err)
{
    task->wait.node.wait = &asyncio__ready_wait;
    if (!ASYNCIO__FEW_STORES || err != 0)
        task->future.err = (int16_t)err;
    if (ASYNCIO__FEW_STORES && err != 0)
        task->wait.node.wait = &asyncio__ready_outcome;
    asyncio__ready_push_last(asyncio__core_of(task->future.loop), &task->wait.node);
    return ASYNCIO__PENDING;
}

/* Puts a task that waits into the ready list, with the outcome of its await. */
ASYNCIO__HOT void asyncio__wake(asyncio_task *task, int err, asyncio_value value)
{
    asyncio__root_of(task)->awaiter->value = value;
    (void)asyncio__make_ready(task, err);
}

/* A cancelled Task gives its message to who reads it first, and who is woken reads it when its turn comes. Until then
 * the word for what the await gave holds the Task. */
static inline int asyncio__message_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    asyncio_coro *coro = asyncio__root_of(task)->awaiter;
    asyncio_future *future = (asyncio_future *)coro->value;
    coro->value = asyncio__future_detail(future);
    asyncio__future_unhold(future);
    return ASYNCIO_ECANCELLED;
}
static inline void asyncio__message_detach(asyncio_task *task)
{
    asyncio__future_unhold((asyncio_future *)asyncio__root_of(task)->awaiter->value);
}
static const asyncio__wait asyncio__message_wait = {asyncio__message_run, NULL, asyncio__message_detach, NULL,
                                                    ASYNCIO__IN_READY, 0 ASYNCIO__WHAT("ready")};

ASYNCIO__COLD void asyncio__woken_by_cancel(asyncio_task *task, asyncio_future *future)
{
    if ((future->flags & ASYNCIO__TASK) && future->value != 0) {
        asyncio__future_hold(future);
        asyncio__wake(task, ASYNCIO_ECANCELLED, (asyncio_value)future);
        task->wait.node.wait = &asyncio__message_wait;
    } else {
        asyncio__wake(task, ASYNCIO_ECANCELLED, future->value);
    }
}

static inline void asyncio__task_woken(asyncio__node *node, asyncio_future *future)
{
    asyncio_task *task = asyncio__node_task(node);
    future->flags &= (uint16_t)~ASYNCIO__UNREAD;
    if (ASYNCIO_MESSAGES && ASYNCIO__UNLIKELY(future->flags & ASYNCIO__CANCELLED))
        asyncio__woken_by_cancel(task, future);
    else
        asyncio__wake(task, future->err, future->value);
}

static const asyncio__wait asyncio__future_wait = {NULL, asyncio__task_woken, NULL, NULL,
                                                   ASYNCIO__IN_FUTURE, 0 ASYNCIO__WHAT("waiting for a Future")};
#if ASYNCIO_REPORTS
static const asyncio__wait asyncio__task_wait = {NULL, asyncio__task_woken, NULL, NULL,
                                                 ASYNCIO__IN_FUTURE, 0 ASYNCIO__WHAT("waiting for a Task")};
#else
#define asyncio__task_wait asyncio__future_wait
#endif

/* Takes a task out of whatever it waits in. Its `wait` stays. */
ASYNCIO__HOT_ONCE void asyncio__detach(asyncio_task *task)
{
    const asyncio__wait *wait = task->wait.node.wait;
    void *object = task->wait.slot.object;
    if (wait->in == ASYNCIO__IN_OTHER) {
        wait->detach(task);
        return;
    }
    if (wait->in <= ASYNCIO__IN_TURN) {
        asyncio__ready_remove(asyncio__core_of(task->future.loop), &task->wait.node);
    } else if (wait->in == ASYNCIO__IN_FUTURE) {
        asyncio__list_remove(&((asyncio_future *)object)->waiters, &task->wait.node);
        asyncio__future_left((asyncio_future *)object);
    } else {
        asyncio__list_remove((asyncio__node **)(void *)((char *)object + wait->at), &task->wait.node);
    }
    if (wait->detach != NULL)
        wait->detach(task);
}

/* The usual set_result, without a call: for one task that waits, in this translation unit. False: it is not that. */
ASYNCIO__HOT bool asyncio__future_pass(asyncio_future *future, asyncio_value value)
{
    asyncio__node *node;
    ASYNCIO__OPAQUE(future);
    node = future->waiters;
    if (node == NULL || node->next != NULL || node->wait != &asyncio__future_wait ||
        !asyncio__future_is_held(future) ||
        (future->flags & (ASYNCIO__TASK | ASYNCIO__FORSAKEN | ASYNCIO__TARGET)) != 0)
        return false;
    future->value = value;
    future->flags |= ASYNCIO__DONE;
    future->waiters = NULL;
    asyncio__wake(asyncio__node_task(node), 0, value);
    return true;
}

/* The unfinished Task that a task waits for, if that is what it waits for. */
static inline asyncio_task *asyncio__awaited_task(asyncio_task *task)
{
    asyncio_future *future;
    if (task->wait.node.wait == NULL || task->wait.node.wait->in != ASYNCIO__IN_FUTURE)
        return NULL;
    future = (asyncio_future *)task->wait.slot.object;
    return asyncio_future_task(future);
}

/* Whether following what tasks wait for runs into a circle. The anchor moves up at every power of two, so that every
 * circle meets it. */
static inline bool asyncio__awaits_circle(asyncio_task *task)
{
    asyncio_task *anchor = task;
    unsigned long steps = 0, until = 2;
    while ((task = asyncio__awaited_task(task)) != NULL) {
        if (task == anchor)
            return true;
        if (++steps == until) {
            anchor = task;
            until *= 2;
        }
    }
    return false;
}

/* The message of a pending cancel(). One that came before a turn that needs the slot is lost to a result on its way. */
static inline asyncio_value asyncio__cancel_message(asyncio_task *task)
{
    if (!ASYNCIO_MESSAGES)
        return 0;
    if (task->future.flags & ASYNCIO__MESSAGE)
        return task->wait.slot.message;
    return asyncio__root_of(task)->flags & ASYNCIO__FRAME_RETURNING ? 0 : task->future.value;
}

static inline void asyncio__cancel_over(asyncio_task *task)
{
    unsigned over = ASYNCIO__MUST_CANCEL | ASYNCIO__MESSAGE;
    if (task->future.flags & ASYNCIO__STICKY)
        over = ASYNCIO__MESSAGE;
    task->future.flags &= (uint16_t)~over;
}

/* Cancels what a task waits for. False: it cannot be cancelled any more, or waits for its turn only. */
ASYNCIO__HOT bool asyncio__cancel_wait(asyncio_task *task, asyncio_value msg)
{
    const asyncio__wait *wait = task->wait.node.wait;
    if (wait->cancel != NULL)
        return wait->cancel(task, msg);
    if (wait->in < ASYNCIO__IN_OTHER) {
        if (wait->in == ASYNCIO__IN_READY)
            return asyncio__ready_cancel(task, msg);
        if (wait->in == ASYNCIO__IN_FUTURE)
            return asyncio_future_cancel((asyncio_future *)task->wait.slot.object, (const char *)msg);
    }
    asyncio__detach(task);
    asyncio__wake(task, ASYNCIO_ECANCELLED, msg);
    return true;
}

/* An earlier primitive's status was never awaited: the running task leaves what it waits in. */
ASYNCIO__COLD void asyncio__forget_wait(asyncio_task *task)
{
    asyncio__ready_relink(asyncio__core_of(task->future.loop));
    asyncio__detach(task);
    task->wait.node.wait = NULL;
    task->future.flags &= (uint16_t)~ASYNCIO__MESSAGE;
}

/* Makes the running task wait. False: it waited already, for an earlier primitive's status was never awaited. */
ASYNCIO__HOT bool asyncio__arm(asyncio_task *task, const asyncio__wait *wait)
{
    if (ASYNCIO__MISTAKE(task->wait.node.wait != NULL)) {
        asyncio__forget_wait(task);
        return false;
    }
    task->wait.node.wait = wait;
    return true;
}

ASYNCIO__HOT asyncio_status asyncio__status(int code, asyncio_value value)
{
    asyncio_status status;
    status.code = code;
    status.value = value;
    return status;
}

/* Into the ready list at once, with this outcome of the await: sleep(0), and errors that Python throws a tick later. */
ASYNCIO__HOT asyncio_status asyncio__yield(asyncio_task *task, int err)
{
    if (ASYNCIO__MISTAKE(task->wait.node.wait != NULL)) {
        asyncio__forget_wait(task);
        return asyncio__status(ASYNCIO_ERUNTIME, 0);
    }
    return asyncio__status(asyncio__make_ready(task, err), 0);
}

/* There is one, so that somebody linked what it takes: asyncio__cancel_later. */
ASYNCIO__COLD int asyncio__cancel_due(asyncio_task *task, asyncio_coro *coro, int err)
{
    return asyncio__core_of(task->future.loop)->cancel_later(task, coro, err);
}

#define ASYNCIO__ENDS_OTHERWISE                                                                                        \
    (ASYNCIO__MUST_CANCEL | ASYNCIO__WATCHED | ASYNCIO__FORSAKEN | ASYNCIO__LEFTOVERS | ASYNCIO__TARGET)

/* The coroutine ended. A cancel() that came in its last stretch wins over a result, not over an error, as in Python. */
ASYNCIO__NOINLINE void asyncio__task_settle(asyncio_task *task, int err)
{
    asyncio_future *future = &task->future;
    unsigned flags = 0;
    if (ASYNCIO__MISTAKE(task->wait.node.wait != NULL))
        asyncio__forget_wait(task);
    if (ASYNCIO__UNLIKELY(future->flags & (ASYNCIO__ENDS_OTHERWISE))) {
        if (future->flags & ASYNCIO__MUST_CANCEL) {
            flags = err == 0 ? ASYNCIO__MESSAGE : 0u;
            err = asyncio__cancel_due(task, NULL, err);
        }
        if (future->flags & ASYNCIO__WATCHED)
            asyncio__core_of(future->loop)->watched(task);
        if ((future->flags & ASYNCIO__LEFTOVERS) && asyncio__core_of(future->loop)->give_up != NULL)
            asyncio__core_of(future->loop)->give_up(future->loop, task);
    }
    if (ASYNCIO__UNLIKELY(err != 0))
        flags |= err == ASYNCIO_ECANCELLED          ? ASYNCIO__CANCELLED
                 : future->flags & ASYNCIO__FORSAKEN ? 0u
                                                     : ASYNCIO__UNREAD;
#if ASYNCIO_CONTEXTS
    if (ASYNCIO__UNLIKELY(task->context != NULL)) { /* the report of an error that nobody reads will want it */
        if (flags & ASYNCIO__UNREAD)
            future->flags |= ASYNCIO__CONTEXT;
        else if (!(future->flags & ASYNCIO__CONTEXT))
            asyncio__task_drop_context(task);
    }
#endif
    asyncio__future_settle(future, flags, err, future->value);
#if ASYNCIO_ALL_TASKS /* after that: LISTED is TARGET */
    if (!(future->flags & ASYNCIO__WATCHED))
        asyncio__tasks_leave(task);
#endif
    asyncio__future_unhold(future);
}

/* The usual end is a result that nobody waits for, of a task that only the loop holds. For the rest, see above. */
ASYNCIO__HOT void asyncio__task_done(asyncio_task *task, int err)
{
#if ASYNCIO__COUNTS_HOLDS && !ASYNCIO__SMALL
    asyncio_future *future = &task->future;
    uintptr_t somebody = (uintptr_t)future->waiters | (uintptr_t)task->wait.node.wait;
#if ASYNCIO_CONTEXTS
    somebody |= (uintptr_t)task->context;
#endif
    if (ASYNCIO__UNLIKELY(err != 0 || future->holds != 1 || somebody != 0 ||
                          (future->flags & (ASYNCIO__ENDS_OTHERWISE)) != 0)) {
        asyncio__task_settle(task, err);
        return;
    }
#if ASYNCIO_ALL_TASKS
    asyncio__tasks_remove(&asyncio__core_of(future->loop)->tasks, task);
#endif
    if (future->flags & ASYNCIO__HEAP) {
        asyncio__core_of(future->loop)->free(task);
        return;
    }
    future->flags |= ASYNCIO__DONE;
    future->holds = 0;
    future->err = 0;
#else
    asyncio__task_settle(task, err);
#endif
}

/* A step ended in a suspension: a cancel() that came during the step goes to what is waited for now. */
static inline void asyncio__suspended(asyncio_task *task)
{
    asyncio_value message = asyncio__cancel_message(task);
#if ASYNCIO_MESSAGES
    if (task->wait.node.wait->wake != NULL) { /* its slot is in use again */
        if (task->future.flags & ASYNCIO__MESSAGE)
            message = asyncio__core_of(task->future.loop)->message;
        task->future.flags &= (uint16_t)~ASYNCIO__MESSAGE;
    }
#endif
    if (asyncio__cancel_wait(task, message))
        asyncio__cancel_over(task);
}

/* A frame below another one ended: goes on with that. */
static inline asyncio_coro *asyncio__frame_over(asyncio_task *task, asyncio_coro *coro)
{
    asyncio_coro *awaiter = coro->awaiter;
    if (coro->flags & ASYNCIO__FRAME_HEAP)
        asyncio__core_of(task->future.loop)->free(asyncio__task_of(coro));
    return awaiter;
}

/* Runs a frame and, when that ends, those that await it, until one suspends or the root ends. */
ASYNCIO__NOINLINE void asyncio__step_on(asyncio_task *task, asyncio_coro *coro, int err)
{
    for (;;) {
        err = coro->resume(coro, task, err);
        if (err == ASYNCIO__PENDING) {
            if (ASYNCIO__UNLIKELY(task->future.flags & ASYNCIO__MUST_CANCEL))
                (void)asyncio__cancel_due(task, coro, ASYNCIO__PENDING);
            return;
        }
        if (coro == asyncio__root_of(task))
            break;
        coro = asyncio__frame_over(task, coro);
    }
    asyncio__task_done(task, err);
}

/* A frame ended that is not the root. Not inline, or the usual case below would lack a register. */
ASYNCIO__NOINLINE void asyncio__step_out(asyncio_task *task, asyncio_coro *coro, int err)
{
    asyncio__step_on(task, asyncio__frame_over(task, coro), err);
}

/* As step_on, with the usual case in place: it suspends, or the root ends. */
ASYNCIO__HOT void asyncio__step_in(asyncio_task *task, asyncio_coro *coro, int err)
{
    if (ASYNCIO__SMALL) {
        asyncio__step_on(task, coro, err);
        return;
    }
    err = coro->resume(coro, task, err);
    if (ASYNCIO__UNLIKELY(err != ASYNCIO__PENDING)) {
        if (ASYNCIO__LIKELY(coro == asyncio__root_of(task)))
            asyncio__task_done(task, err);
        else
            asyncio__step_out(task, coro, err);
    } else if (ASYNCIO__UNLIKELY(task->future.flags & ASYNCIO__MUST_CANCEL)) {
        (void)asyncio__cancel_due(task, coro, ASYNCIO__PENDING);
    }
}

/* A cancel() that came while the task was ready or ran. At the step's start it is delivered, not what the task was
 * woken with, and before the first step the body never runs. Else the answer is what to go on with: after a suspension,
 * err ASYNCIO__PENDING, it goes to what is waited for now; at the end, coro NULL, it wins over a result. */
ASYNCIO__COLD int asyncio__cancel_later(asyncio_task *task, asyncio_coro *coro, int err)
{
    if (err == ASYNCIO__PENDING) {
        asyncio__suspended(task);
        return err;
    }
    if (coro == NULL && err == 0)
        task->future.value = asyncio__cancel_message(task);
    if (coro != NULL && err != ASYNCIO_ECANCELLED)
        coro->value = asyncio__cancel_message(task);
    asyncio__cancel_over(task);
    if (coro == NULL)
        return err != 0 ? err : ASYNCIO_ECANCELLED;
    if (coro->state == 0)
        asyncio__task_settle(task, ASYNCIO_ECANCELLED);
    else
        asyncio__step_in(task, coro, ASYNCIO_ECANCELLED);
    return 0;
}
static inline void asyncio__must_cancel_later(asyncio_task *task)
{
    task->future.flags |= ASYNCIO__MUST_CANCEL;
    asyncio__core_of(task->future.loop)->cancel_later = asyncio__cancel_later;
}

/* One step of a task: what CPython's Task.__step does. The caller resets `current`. */
ASYNCIO__HOT void asyncio__step(asyncio__core *core, asyncio_task *task, int err)
{
    asyncio_coro *coro = asyncio__root_of(task)->awaiter;
    core->current = task;
    task->wait.node.wait = NULL;
    if (ASYNCIO__UNLIKELY(task->future.flags & ASYNCIO__MUST_CANCEL))
        (void)asyncio__cancel_due(task, coro, err);
    else
        asyncio__step_in(task, coro, err);
}

/* What a node that is nothing but a task to be stepped has for its `wait`. In debug mode no node has: so one comparison
 * asks both. */
#if ASYNCIO_DEBUG
#define ASYNCIO__PLAIN(core) ((core)->plain)
#else
#define ASYNCIO__PLAIN(core) (&asyncio__ready_wait)
#endif

/* Runs the node that was popped from the ready list. Where size counts, all are asked for the outcome. */
ASYNCIO__HOT void asyncio__run_node(asyncio__core *core, asyncio__node *node, const asyncio__wait *plain)
{
    int err = 0;
    if (!ASYNCIO__FEW_STORES || ASYNCIO__UNLIKELY(node->wait != plain)) {
        core->current = NULL;
        err = node->wait->run(node);
        if (err == ASYNCIO__PENDING)
            return;
    }
    asyncio__step(core, asyncio__node_task(node), err);
}

static inline void asyncio__cancel_counted(asyncio_task *task)
{
    uint16_t *cancelling = asyncio__cancelling(task);
    if (*cancelling < UINT16_MAX)
        ++*cancelling;
}

/*
 * asyncio_task_cancel - ask a task to stop: ASYNCIO_ECANCELLED is raised at its await.
 *
 *   task       not NULL. May be the current one: it goes on, and its next await raises.
 *   msg        not copied; NULL for none. It is the detail of the error, and of whoever awaits the task.
 *   Suspends   never; delivered in the task's next step at the earliest. Allocates nothing.
 *   Returns    true if it will be delivered; false if the task is done. True promises nothing: the task may catch it.
 *   Cost       O(depth of tasks awaiting tasks): the request goes down to what is awaited at the bottom. Tasks that
 *              await each other in a circle have no bottom: the one that is cancelled is woken itself.
 *   Source     tasks.py:Task.cancel. Before its first step the body never runs, not even its FINALLY.
 */
static inline bool asyncio_task_cancel(asyncio_task *task, const char *msg)
{
    asyncio_task *awaited = asyncio__awaited_task(task);
    task->future.flags &= (uint16_t)~ASYNCIO__UNREAD;
    if (task->future.flags & ASYNCIO__DONE)
        return false;
    asyncio__cancel_counted(task);
    /* Nobody at the bottom to ask: this one is woken at once. */
    if (ASYNCIO_CHECKS && awaited != NULL && asyncio__awaits_circle(task)) {
        asyncio__detach(task);
        asyncio__wake(task, ASYNCIO_ECANCELLED, (asyncio_value)msg);
        return true;
    }
    for (; awaited != NULL; awaited = asyncio__awaited_task(task)) {
        task = awaited;
        asyncio__cancel_counted(task);
    }
    if (task->wait.node.wait != NULL && asyncio__cancel_wait(task, (asyncio_value)msg))
        return true;
    asyncio__must_cancel_later(task);
#if ASYNCIO_MESSAGES
    if (task->wait.node.wait == NULL) {
        (void)asyncio__ready_cancel(task, (asyncio_value)msg);
        asyncio__core_of(task->future.loop)->message = (asyncio_value)msg;
    }
    if (!(asyncio__root_of(task)->flags & ASYNCIO__FRAME_RETURNING)) /* else a result waits there for FINALLY to end */
        task->future.value = (asyncio_value)msg;
#endif
    return true;
}

/*
 * asyncio_task_cancelling, asyncio_task_uncancel - how many cancel() requests are open; take one back.
 *
 *   Suspends   never. Allocates nothing. Cost: O(1).
 *   Returns    the number of open requests, after the call; uncancel never goes below 0. When it gets there, a request
 *              that was not yet delivered is forgotten.
 *   Source     tasks.py:Task.cancelling, uncancel (since 3.13)
 */
static inline int asyncio_task_cancelling(const asyncio_task *task)
{
    return (int)*asyncio__cancelling((asyncio_task *)task);
}
static inline int asyncio_task_uncancel(asyncio_task *task)
{
    uint16_t *cancelling = asyncio__cancelling(task);
    if (*cancelling > 0 && --*cancelling == 0 && !(task->future.flags & ASYNCIO__DONE))
        asyncio__cancel_over(task);
    return (int)*cancelling;
}

/* A Task is a Future: these are its Future's functions under Task's name, with the same returns and errors. */
static inline asyncio_future *asyncio_task_future(asyncio_task *task) { return &task->future; }
static inline bool asyncio_task_done(const asyncio_task *task) { return asyncio_future_done(&task->future); }
static inline bool asyncio_task_cancelled(const asyncio_task *task) { return asyncio_future_cancelled(&task->future); }
static inline int asyncio_task_result(asyncio_task *task, asyncio_value *value)
{
    return asyncio_future_result(&task->future, value);
}
static inline int asyncio_task_exception(asyncio_task *task) { return asyncio_future_exception(&task->future); }
static inline asyncio_loop *asyncio_task_get_loop(const asyncio_task *task) { return task->future.loop; }
static inline const char *asyncio_task_cancel_message(const asyncio_task *task)
{
    return asyncio_future_cancel_message(&task->future);
}
static inline int asyncio_task_add_done_callback(asyncio_task *task, asyncio_handle *handle,
                                                 asyncio_done_callback callback, void *arg)
{
    return asyncio_future_add_done_callback(&task->future, handle, callback, arg);
}
static inline int asyncio_task_remove_done_callback(asyncio_task *task, asyncio_done_callback callback, void *arg)
{
    return asyncio_future_remove_done_callback(&task->future, callback, arg);
}

/* asyncio_task_hold, asyncio_task_release - keep a task's pointer good, give it up; see Lifetime. NULL is ignored.
 * Releasing last reports an error that nobody read, as asyncio_future_release does, and frees a heap task that is done.
 * A task in storage of yours is never freed by it. Released once too often, a heap task that is not done is kept, which
 * is reported; of one that is done the pointer is good for nothing. */
static inline asyncio_task *asyncio_task_hold(asyncio_task *task)
{
    if (task != NULL)
        asyncio__future_keep(&task->future);
    return task;
}
static inline void asyncio_task_release(asyncio_task *task)
{
    if (task != NULL)
        asyncio__future_unhold(&task->future);
}

/* asyncio_task_get_coro - the root frame: cast it to its struct, or see asyncio_describe. Lives as long as the task. */
static inline asyncio_coro *asyncio_task_get_coro(asyncio_task *task) { return asyncio__root_of(task); }

#if ASYNCIO_NAMES
/*
 * asyncio_task_get_name, asyncio_task_set_name - the task's name.
 *
 *   buffer     used if the task has none of its own, for "Task-<n>": ASYNCIO_NAME_SIZE bytes
 *   name       not copied: must live as long as the task
 *   Returns    get: the name, or buffer. Never fail, never suspend, allocate nothing.
 *   Source     tasks.py:Task.get_name, set_name. Differs: a name is a string already, and is not copied.
 */
#define ASYNCIO_NAME_SIZE 16
static inline void asyncio_task_set_name(asyncio_task *task, const char *name)
{
    task->name.text = name;
    task->future.flags |= ASYNCIO__NAMED;
}
static inline const char *asyncio_task_get_name(const asyncio_task *task, char *buffer)
{
    uintptr_t number = task->name.number;
    const char *prefix = "Task-";
    char *at = buffer + ASYNCIO_NAME_SIZE;
    char *out = buffer;
    if (task->future.flags & ASYNCIO__NAMED)
        return task->name.text;
    *--at = '\0';
    for (; number != 0; number /= 10)
        *--at = (char)('0' + (int)(number % 10));
    while (*prefix != '\0')
        *out++ = *prefix++;
    while ((*out++ = *at++) != '\0')
        continue;
    return buffer;
}
#endif
/* ---- Starting tasks ---- */

static inline asyncio_coro *asyncio__coro_of(asyncio_root *root) { return (asyncio_coro *)(void *)root; }

/*
 * asyncio_coro_close - give up a coroutine that was never awaited nor made a task.
 *
 *   root       from ASYNC_NEW or ASYNC_AT; NULL is ignored. One that was started and still lives is left alone.
 *   Suspends   never. Returns nothing; frees what ASYNC_NEW allocated.
 *   Source     Python's coroutine.close(). Differs: not for a coroutine that was started; cancel its task.
 */
static inline void asyncio_coro_close(asyncio_root *root)
{
    asyncio_coro *coro = asyncio__coro_of(root);
    if (coro != NULL && (coro->awaiter == NULL || asyncio__coro_take(coro)) && (coro->flags & ASYNCIO__FRAME_HEAP))
        ((asyncio__release)coro->value)(asyncio__task_of(coro)); /* ASYNC_NEW left it there: there may be no loop to ask */
}

ASYNCIO__COLD int asyncio__task_refuse(asyncio_loop *loop, asyncio_root *root, asyncio_task **into, int err,
                                       const char *message)
{
    asyncio_exception_context context;
    if (into != NULL)
        *into = NULL;
    if (err != ASYNCIO_EREUSED)
        asyncio_coro_close(root);
    if (ASYNCIO_REPORTS && loop != NULL && message != NULL) {
        asyncio__clear(&context, sizeof context);
        context.message = message;
        context.err = err;
        asyncio_call_exception_handler(loop, &context);
    }
    return err;
}

/* Out of line: an eager start happens deep inside another task's step. */
ASYNCIO__COLD int asyncio__step_now(asyncio_task *task)
{
    asyncio__core *core = asyncio__core_of(task->future.loop);
    asyncio_task *previous = core->current;
#if ASYNCIO_MESSAGES
    asyncio_value message = core->message;
#endif
#if ASYNCIO_CONTEXTS
    asyncio__variables **context = core->context;
    asyncio__context_below below;
    asyncio__context_cover(&below);
    core->context = NULL;
#endif
    asyncio__step(core, task, 0);
    core->current = previous;
#if ASYNCIO_MESSAGES
    core->message = message;
    if (previous != NULL && (previous->future.flags & ASYNCIO__MESSAGE)) /* perhaps only now, by the one that began */
        core->message = previous->wait.slot.message;
#endif
#if ASYNCIO_CONTEXTS
    asyncio__context_uncover(&below);
    core->context = context;
#endif
    return 0;
}

/* Not given the options: a struct by value to a function that is not inline may be copied by a call to memcpy. */
ASYNCIO__COLD int asyncio__task_refused(asyncio_loop *loop, asyncio_root *root, asyncio_task **into)
{
    if (root == NULL)
        return asyncio__task_refuse(loop, root, into, ASYNCIO_ENOMEM, "create_task: out of memory");
    if (asyncio__core_of(loop)->closed)
        return asyncio__task_refuse(loop, root, into, ASYNCIO_ECLOSED, NULL);
    if (asyncio__coro_of(root)->awaiter != NULL)
        return asyncio__task_refuse(loop, root, into, ASYNCIO_EREUSED,
                                    "create_task: this coroutine was awaited or made a task before");
    return asyncio__task_refuse(loop, root, into, ASYNCIO_EVALUE,
                                "create_task: a frame without room for a Task (use ASYNC_NEW or ASYNC_AT)");
}

#if ASYNCIO_NAMES
/* Relaxed: two threads may draw the same number, which only a reader of logs would notice. */
ASYNCIO__HOT uint32_t asyncio__task_number(void)
{
#if ASYNCIO_THREADS
    uint32_t number = __atomic_load_n(&asyncio__task_count, __ATOMIC_RELAXED) + 1;
    __atomic_store_n(&asyncio__task_count, number, __ATOMIC_RELAXED);
    return number;
#else
    return ++asyncio__task_count;
#endif
}
#endif

ASYNCIO__HOT void asyncio__task_fill(asyncio_task *task, asyncio_loop *loop, const asyncio_task_options *options)
{
    asyncio_future *future = &task->future;
    asyncio_coro *root = asyncio__root_of(task);
    unsigned flags = ASYNCIO__TASK | (root->flags & ASYNCIO__FRAME_HEAP ? ASYNCIO__HEAP : 0u);
#if ASYNCIO_CONTEXTS
    if (ASYNCIO__UNLIKELY(options->context != NULL))
        task->context = asyncio__variables_hold((asyncio__variables *)(void *)options->context);
    else
        task->context = asyncio__context_capture(asyncio__core_of(loop));
#endif
#if ASYNCIO_NAMES
    if (options->name != NULL) {
        task->name.text = options->name;
        flags |= ASYNCIO__NAMED;
    } else {
        task->name.number = (uintptr_t)asyncio__task_number();
    }
#endif
    if (options->into != NULL)
        *options->into = task;
    root->awaiter = root;
    future->loop = loop;
    future->waiters = NULL;
    future->value = 0;
    future->err = 0; /* of no use before the end, but so all four are one store */
    future->flags = (uint16_t)flags;
#if ASYNCIO__COUNTS_HOLDS
    future->holds = options->into != NULL ? 2 : 1; /* the loop's is one */
#endif
    *asyncio__cancelling(task) = 0;
}

/* asyncio_task_new's work. Where this is inlined, the options never are in memory: their address goes nowhere else. */
ASYNCIO__HOT_ONCE int asyncio__task_start(asyncio_loop *loop, asyncio_root *root, const asyncio_task_options *options)
{
    asyncio__core *core = asyncio__core_of(loop);
    asyncio_coro *coro = asyncio__coro_of(root);
    asyncio_task *task;
    if (ASYNCIO__MAY_BE_NULL(root) ||
        (ASYNCIO__MISTAKE(coro->awaiter != NULL || !(coro->flags & ASYNCIO__FRAME_ROOM)) && !asyncio__coro_take(coro)))
        return asyncio__task_refused(loop, root, options->into);
    task = asyncio__task_of(coro);
    asyncio__task_fill(task, loop, options);
#if ASYNCIO_ALL_TASKS
    asyncio__tasks_add(&core->tasks, task);
#endif
    if (ASYNCIO_FACTORIES && ASYNCIO__UNLIKELY(options->eager_start > 0 && core->running))
        return asyncio__step_now(task);
    task->wait.node.wait = &asyncio__ready_wait;
    asyncio__ready_push_last(core, &task->wait.node);
    return 0;
}

/*
 * asyncio_task_new - the constructor, Python's asyncio.Task(coro, loop=loop, ...): what a task factory calls.
 *
 *   loop       not NULL
 *   root       from ASYNC_NEW or ASYNC_AT; taken over in every case
 *   options    not NULL; see asyncio_task_options
 *   Suspends   never; with .eager_start, in a running loop, it runs the coroutine up to its first suspension
 *   Returns    0; ASYNCIO_ENOMEM if root is NULL (ASYNC_NEW failed); ASYNCIO_ECLOSED, which frees root;
 *              ASYNCIO_EREUSED if it was awaited or started; ASYNCIO_EVALUE for a frame without room for a Task.
 *              All but ECLOSED are told to the exception handler, too: a fire-and-forget would hide them.
 *   Memory     allocates nothing: the Task lies in front of the frame. Cost: O(1).
 *   Source     tasks.py:Task.__init__. Differs: the loop holds the task.
 */
static inline int asyncio_task_new(asyncio_loop *loop, asyncio_root *root, const asyncio_task_options *options)
{
    if (ASYNCIO__MISTAKE(asyncio__core_of(loop)->closed)) /* a running one never is */
        return asyncio__task_refused(loop, root, options->into);
    return asyncio__task_start(loop, root, options);
}

/* asyncio_eager_task_factory - for set_task_factory: every task starts at once, unless .eager_start is -1. Returns what
 * asyncio_task_new does. Source: tasks.py:eager_task_factory. */
static inline int asyncio_eager_task_factory(asyncio_loop *loop, asyncio_root *root,
                                             const asyncio_task_options *options)
{
    asyncio_task_options eager;
    eager.name = options->name;
    eager.context = options->context;
    eager.eager_start = options->eager_start == 0 ? 1 : options->eager_start;
    eager.into = options->into;
    return asyncio_task_new(loop, root, &eager);
}

#if ASYNCIO_HOSTED
void asyncio__tell_no_loop(void); /* asyncio/log.h */
#endif

/*
 * asyncio_loop_create_task - as asyncio_create_task, on a loop that need not run yet.
 *
 *   loop       NULL: the running loop of this thread
 *   root       from ASYNC_NEW or ASYNC_AT; taken over in every case
 *   options    not NULL; all zero: none
 *   Suspends   never
 *   Returns    what the loop's task factory or asyncio_task_new returns; ASYNCIO_ENOLOOP if loop is NULL and none runs;
 *              in debug mode ASYNCIO_ERUNTIME from another thread, when the loop runs in its own: there it is
 *              asyncio_run_coroutine_threadsafe
 *   Memory     allocates nothing. Cost: O(1).
 *   Source     base_events.py:BaseEventLoop.create_task
 */
static inline int asyncio_loop_create_task(asyncio_loop *loop, asyncio_root *root, const asyncio_task_options *options)
{
    if (loop == NULL)
        loop = asyncio__running_loop;
    if (ASYNCIO__MISTAKE(loop == NULL)) {
#if ASYNCIO_HOSTED
        asyncio__tell_no_loop();
#endif
        return asyncio__task_refuse(NULL, root, options->into, ASYNCIO_ENOLOOP, NULL);
    }
    if (ASYNCIO_DEBUG && asyncio__core_of(loop)->debug && asyncio__core_of(loop)->running &&
        asyncio__running_loop != loop)
        return asyncio__task_refuse(NULL, root, options->into, ASYNCIO_ERUNTIME, NULL);
    if (ASYNCIO_FACTORIES &&
        ASYNCIO__UNLIKELY(asyncio__core_of(loop)->factory != NULL && !asyncio__core_of(loop)->closed && root != NULL))
        return asyncio__core_of(loop)->factory(loop, root, options);
    return asyncio_task_new(loop, root, options);
}

/* Not given the options as a struct, which the hot path would have to lay out in memory. */
ASYNCIO__NOINLINE int asyncio__create_otherwise(asyncio_root *root, const char *name, asyncio_context *context,
                                                int eager_start, asyncio_task **into)
{
    asyncio_task_options options;
    options.name = name;
    options.context = context;
    options.eager_start = eager_start;
    options.into = into;
    return asyncio_loop_create_task(NULL, root, &options);
}
ASYNCIO__HOT int asyncio__create_task(asyncio_root *root, const asyncio_task_options *options)
{
    asyncio_loop *loop = asyncio__running_loop;
    if (ASYNCIO__MISTAKE(loop == NULL) ||
        (ASYNCIO_FACTORIES && ASYNCIO__UNLIKELY(asyncio__core_of(loop)->factory != NULL)))
        return asyncio__create_otherwise(root, options->name, options->context, options->eager_start, options->into);
    return asyncio__task_start(loop, root, options);
}

static inline void asyncio__no_options(asyncio_task_options *options)
{
    options->name = NULL;
    options->context = NULL;
    options->eager_start = 0;
    options->into = NULL;
}

/* asyncio_set_task_factory, asyncio_get_task_factory - what create_task calls; NULL: asyncio_task_new. A factory gets
 * the coroutine (never NULL) and must make it a task, or free it with asyncio_coro_close and return an error. A Task
 * type of your own is a coroutine of yours whose frame has your fields and which awaits the one that the factory was
 * given. Source: base_events.py:BaseEventLoop.set_task_factory. */
static inline void asyncio_set_task_factory(asyncio_loop *loop, asyncio_task_factory factory)
{
    asyncio__core_of(loop)->factory = factory;
}
static inline asyncio_task_factory asyncio_get_task_factory(asyncio_loop *loop)
{
    return asyncio__core_of(loop)->factory;
}

/* asyncio_get_running_loop, asyncio_current_task - NULL outside; current_task also in plain callbacks. As Python's
 * _get_running_loop and current_task. */
static inline asyncio_loop *asyncio_get_running_loop(void) { return asyncio__running_loop; }
static inline asyncio_task *asyncio_current_task(void)
{
    return asyncio__running_loop != NULL ? asyncio__core_of(asyncio__running_loop)->current : NULL;
}

#if ASYNCIO_ALL_TASKS
/*
 * asyncio_all_tasks - the unfinished tasks of a loop, oldest first.
 *
 *   loop          NULL: the running loop of this thread
 *   tasks, size   where to put the first `size` of them; NULL and 0 to count only
 *   Suspends      never. Allocates nothing. Cost: O(n).
 *   Returns       how many there are, 0 without a loop. The pointers are good until you next await; hold what you keep.
 *   Source        tasks.py:all_tasks. Differs: in creation order, where CPython has a set. With ASYNCIO_ALL_TASKS only.
 */
static inline size_t asyncio_all_tasks(asyncio_loop *loop, asyncio_task **tasks, size_t size)
{
    size_t count = 0;
    asyncio_task *task;
    if (loop == NULL)
        loop = asyncio__running_loop;
    for (task = loop != NULL ? asyncio__core_of(loop)->tasks.first : NULL; task != NULL; task = task->next_task) {
        if (asyncio_task_done(task))
            continue;
        if (count < size)
            tasks[count] = task;
        count++;
    }
    return count;
}

/* The callbacks of a task that is destroyed. */
static inline void asyncio__waiters_drop(asyncio_future *future)
{
    asyncio__node *node = future->waiters;
    future->waiters = NULL;
    while (node != NULL) {
        asyncio__node *next = node->next;
        asyncio_handle *handle = (asyncio_handle *)(void *)node;
        handle->flags &= (uint16_t)~ASYNCIO__HANDLE_LISTED;
        asyncio__handle_drop_context(handle);
        if (handle->flags & ASYNCIO__HANDLE_HEAP)
            asyncio__core_of(future->loop)->free(handle);
        node = next;
    }
}

/* A task that the loop's close finds unfinished, and that nothing is linked to: its frames are freed; FINALLY does not
 * run. */
ASYNCIO__COLD void asyncio__task_destroy(asyncio_task *task)
{
    asyncio__core *core = asyncio__core_of(task->future.loop);
    asyncio_coro *root = asyncio__root_of(task), *coro = root->awaiter;
    asyncio__tasks_remove(&core->tasks, task);
    while (coro != root) {
        asyncio_coro *awaiter = coro->awaiter;
        if (coro->flags & ASYNCIO__FRAME_HEAP)
            core->free(asyncio__task_of(coro));
        coro = awaiter;
    }
    task->future.flags = (uint16_t)(task->future.flags | ASYNCIO__DONE | ASYNCIO__CANCELLED);
    task->future.err = ASYNCIO_ECANCELLED;
    asyncio__task_drop_context(task);
    if (task->future.flags & ASYNCIO__HEAP)
        core->free(task);
}

/* Before any of them is destroyed: what one waits in, or calls back, may lie in the frame of another. */
ASYNCIO__COLD void asyncio__tasks_detach(asyncio__core *core)
{
    asyncio_task *task;
    for (task = core->tasks.first; task != NULL; task = task->next_task)
        if (!(task->future.flags & ASYNCIO__QUIET))
            asyncio__report(&task->future, "Task was destroyed but it is pending!");
    asyncio__ready_relink(core);
    for (task = core->tasks.first; task != NULL; task = task->next_task)
        if (task->wait.node.wait != NULL) {
            asyncio__detach(task);
            task->wait.node.wait = NULL;
        }
    for (task = core->tasks.first; task != NULL; task = task->next_task)
        asyncio__waiters_drop(&task->future);
}
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif

#include "asyncio/coroutines.h"

#endif /* ASYNCIO_TASK_H */
