/* SPDX-License-Identifier: MIT
 *
 * asyncio/completed.h - wait and as_completed: those of several that are done.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(square, int n;)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_AWAIT(asyncio_sleep(0.1 * self->n));
 *         ASYNC_RETURN(self->n * self->n);
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, asyncio_waiting waiting; asyncio_as_completed each; asyncio_child children[3], *child;)
 *     {
 *         ASYNC_BEGIN;
 *         for (int i = 0; i < 3; i++)
 *             asyncio_child_set(&self->children[i], ASYNC_NEW(square, .n = 3 - i));
 *         ASYNC_AWAIT(asyncio_wait(&self->waiting, self->children, 3, ASYNCIO_FIRST_COMPLETED));
 *         printf("%d %d %d\n", self->children[0].done, self->children[1].done, self->children[2].done);
 *         ASYNC_FOR(self->child, &self->each, asyncio_as_completed(self->children, 3)) {
 *             printf("%d\n", (int)self->child->value);
 *         }
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * It prints `0 0 1`, then 1, 4 and 9.
 *
 * Rules, the bad news first
 *
 *   1. The structs and the children's array are storage of yours in which the library has its links: fields, never
 *      locals. They stay where they are until the await of wait is over, or as_completed's block; then no pointer into
 *      them is left. Of asyncio_as_completed_init until asyncio_as_completed_close: to forget that before the storage
 *      goes corrupts memory.
 *   2. Neither cancels anybody, and wait raises nobody's error: look at each child.
 *   3. A child holds its task until its outcome was read: after wait you call asyncio_child_result or
 *      asyncio_child_release for every child. An as_completed gives up all at its end, and an error that you have not
 *      read by asyncio_child_result is reported then.
 */
#ifndef ASYNCIO_COMPLETED_H
#define ASYNCIO_COMPLETED_H

#include "tasks.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- wait ---- */

enum { ASYNCIO_ALL_COMPLETED, ASYNCIO_FIRST_COMPLETED, ASYNCIO_FIRST_EXCEPTION };

/* What waits for some of several children. All of it is the library's. */
typedef struct asyncio_waiting {
    asyncio__waiter waiter;
    asyncio_handle timer;
    asyncio_child *children;
    size_t count, left;
    asyncio_time timeout;
    int mode;
    bool limited;
} asyncio_waiting;

static inline void asyncio__waiting_release(asyncio_waiting *waiting)
{
    if (!asyncio_future_done(&waiting->waiter.outer.future))
        (void)asyncio_future_set_result(&waiting->waiter.outer.future, 0);
}
static inline void asyncio__waiting_expire(void *arg) { asyncio__waiting_release((asyncio_waiting *)arg); }

/* One more is done. Looking for an error reads it, as in CPython, which does not look at the last one. */
static inline bool asyncio__waiting_count(asyncio_waiting *waiting, asyncio_future *future)
{
    if (--waiting->left == 0 || waiting->mode == ASYNCIO_FIRST_COMPLETED)
        return true;
    return waiting->mode == ASYNCIO_FIRST_EXCEPTION && !asyncio_future_cancelled(future) &&
           asyncio_future_exception(future) != 0;
}
static inline void asyncio__waiting_done(asyncio_future *future, void *arg)
{
    asyncio_waiting *waiting = (asyncio_waiting *)((asyncio_child *)arg)->owner;
    if (!asyncio__waiting_count(waiting, future))
        return;
    asyncio_handle_cancel(&waiting->timer);
    asyncio__waiting_release(waiting);
}

/* Callbacks that were to run yet would only have counted; in a closed loop not even that, and nobody is left there to
 * release children. */
static inline void asyncio__waiting_unhook(asyncio__waiter *waiter)
{
    asyncio_waiting *waiting = (asyncio_waiting *)(void *)waiter;
    asyncio_loop *loop = waiter->outer.future.loop;
    bool closed = asyncio__core_of(loop)->closed;
    size_t i;
    asyncio_handle_cancel(&waiting->timer);
    for (i = 0; i < waiting->count; i++) {
        asyncio_child *child = &waiting->children[i];
        if (child->future == NULL)
            continue;
        if (child->owner == waiting) {
            if (!closed && (child->link.handle.flags & ASYNCIO__HANDLE_QUEUED))
                (void)asyncio__waiting_count(waiting, child->future);
            asyncio_handle_cancel(&child->link.handle);
            child->owner = NULL;
        }
        if (closed)
            asyncio__child_drop(child, loop);
    }
}

static inline int asyncio__waiting_check(asyncio_waiting *waiting, asyncio_loop *loop)
{
    bool any = false;
    size_t i;
    if (waiting->mode < ASYNCIO_ALL_COMPLETED || waiting->mode > ASYNCIO_FIRST_EXCEPTION)
        return ASYNCIO_EVALUE;
    for (i = 0; i < waiting->count; i++) {
        asyncio_child *child = &waiting->children[i];
        if (child->gone)
            continue;
        if (child->future == NULL)
            return child->err != 0 ? child->err : ASYNCIO_EVALUE;
        if (child->future->loop != loop)
            return ASYNCIO_EWRONGLOOP;
        any = true;
    }
    return any ? 0 : ASYNCIO_EVALUE;
}

static inline int asyncio__waiting_begin(asyncio_waiting *waiting, asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    int err = asyncio__waiting_check(waiting, loop);
    size_t i;
    if (err != 0)
        return err;
    waiting->waiter.outer.future.loop = loop;
    if (waiting->limited)
        (void)asyncio_call_later_ticks(loop, &waiting->timer, waiting->timeout, asyncio__waiting_expire, waiting);
    asyncio__children_same(waiting->children, waiting->count, true);
    asyncio__children_same(waiting->children, waiting->count, false);
    for (i = 0; i < waiting->count; i++) {
        asyncio_child *child = &waiting->children[i];
        if (child->future == NULL || child->same)
            continue;
        waiting->left++;
        (void)asyncio__child_listen(child, asyncio__waiting_done, waiting, &task->future);
    }
    return asyncio__waiter_await(&waiting->waiter, task);
}

static inline asyncio_value asyncio__waiting_look(asyncio_waiting *waiting)
{
    asyncio_value done = 0;
    size_t i;
    for (i = 0; i < waiting->count; i++) {
        asyncio_child *child = &waiting->children[i];
        if (child->future != NULL)
            asyncio__child_look(child);
        done += child->done;
    }
    return done;
}

static inline int asyncio__waiting_resume(asyncio_coro *self, asyncio_task *task, int err)
{
    asyncio_waiting *waiting = (asyncio_waiting *)(void *)self;
    if (err == ASYNCIO__DESCRIBE)
        return asyncio__name_frame(task, "asyncio_wait", __FILE__);
    if (self->state == 0)
        err = asyncio__waiting_begin(waiting, task);
    if (ASYNCIO_POISON && err == ASYNCIO__PENDING) /* as gather */
        self->value = (asyncio_value)waiting->children;
    if (err == ASYNCIO__PENDING)
        return err;
    asyncio__waiting_unhook(&waiting->waiter);
    if (err == 0)
        self->value = asyncio__waiting_look(waiting);
    return asyncio__waiter_leave(&waiting->waiter, task, err);
}

static inline ASYNCIO__NODISCARD asyncio_coro *asyncio__wait_start(asyncio_waiting *waiting, asyncio_child *children,
                                                                   size_t count, int mode, bool limited,
                                                                   asyncio_time timeout)
{
    asyncio__clear(waiting, sizeof *waiting);
    asyncio__waiter_init(&waiting->waiter, asyncio__waiting_resume, asyncio__waiting_unhook);
    waiting->children = children;
    waiting->count = count;
    waiting->mode = mode;
    waiting->timeout = timeout;
    waiting->limited = limited;
#if ASYNCIO_HOSTED
    waiting->limited = limited && timeout != INT64_MAX;
#endif
    return &waiting->waiter.coro;
}

/* ---- as_completed ---- */

/* An iterator over children as they are done. All of it is the library's. */
typedef struct asyncio_as_completed {
    asyncio_block block;
    asyncio_status (*next)(asyncio_block *block, asyncio_coro *self, asyncio_task *task);
    asyncio_loop *loop;
    asyncio_child *children;
    asyncio__node *waiters;     /* tasks in next() */
    asyncio__node *first, *last; /* handles of children that are done and were not given yet */
    asyncio_handle timer;
    size_t count;
    size_t todo;  /* not done yet */
    size_t left;  /* not asked for yet */
    size_t late;  /* not done when time was up, not given yet */
    int err;      /* why it could not begin */
} asyncio_as_completed;

static inline void asyncio__each_drop(asyncio_as_completed *each)
{
    size_t i;
    asyncio_handle_cancel(&each->timer);
    for (i = 0; i < each->count; i++) {
        asyncio_child *child = &each->children[i];
        if (child->owner != each)
            continue;
        child->owner = NULL;
        asyncio_handle_cancel(&child->link.handle);
        asyncio__child_drop(child, each->loop);
    }
    each->first = each->last = NULL;
    each->count = each->todo = each->left = each->late = 0;
}

/* A task in next() keeps the iterator in its leaf's value; while it waits, in its slot, too. */
static inline asyncio_as_completed *asyncio__each_of(asyncio_task *task)
{
    return (asyncio_as_completed *)asyncio__root_of(task)->awaiter->value;
}
static inline void asyncio__each_closed(asyncio_as_completed *each)
{
    if (asyncio__core_of(each->loop)->closed)
        asyncio__each_drop(each);
}
static inline void asyncio__each_ready_detach(asyncio_task *task)
{
    asyncio__each_closed(asyncio__each_of(task));
}
static inline void asyncio__each_detach(asyncio_task *task)
{
    asyncio__each_closed((asyncio_as_completed *)task->wait.slot.object);
}

/* Cancelled while it waited: when its turn comes, the one that it had asked for may be asked for again. */
static inline int asyncio__each_cancelled_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    ((asyncio_as_completed *)task->wait.slot.object)->left++;
    return ASYNCIO_ECANCELLED;
}
static inline bool asyncio__each_cancelled_cancel(asyncio_task *task, asyncio_value msg)
{
    (void)task, (void)msg; /* of two, the first message counts */
    return false;
}
static const asyncio__wait asyncio__each_cancelled = {asyncio__each_cancelled_run, NULL, asyncio__each_detach,
                                                      asyncio__each_cancelled_cancel,
                                                      ASYNCIO__IN_TURN, 0 ASYNCIO__WHAT("ready")};
static inline bool asyncio__each_cancel(asyncio_task *task, asyncio_value msg)
{
    asyncio_as_completed *each = (asyncio_as_completed *)task->wait.slot.object;
    asyncio__list_remove(&each->waiters, &task->wait.node);
    asyncio__wake(task, ASYNCIO_ECANCELLED, msg);
    task->wait.node.wait = &asyncio__each_cancelled;
    return true;
}
static inline void asyncio__each_wake_one(asyncio__node *node, asyncio_future *future);
static const asyncio__wait asyncio__each_wait = {NULL, asyncio__each_wake_one, asyncio__each_detach,
                                                 asyncio__each_cancel,
                                                 ASYNCIO__IN_LIST, offsetof(asyncio_as_completed, waiters)
                                                 ASYNCIO__WHAT("waiting in as_completed")};

static inline void asyncio__each_enqueue(asyncio_as_completed *each, asyncio_task *task)
{
    task->wait.slot.object = each;
    asyncio__list_append(&each->waiters, &task->wait.node);
}

static inline asyncio_status asyncio__each_take(asyncio_as_completed *each)
{
    asyncio_child *child;
    if (each->first == NULL) {
        each->late--;
        return asyncio__status(ASYNCIO_ETIMEOUT, 0);
    }
    child = (asyncio_child *)(void *)((char *)each->first - offsetof(asyncio_child, link));
    each->first = each->first == each->last ? NULL : each->first->next;
    asyncio__child_look(child);
    return asyncio__status(0, (asyncio_value)child);
}

static inline bool asyncio__each_empty(const asyncio_as_completed *each)
{
    return each->first == NULL && each->late == 0;
}

/* Woken: takes what is there, or waits again, at the end, if another task was faster. */
static inline int asyncio__each_run(asyncio__node *node);
static const asyncio__wait asyncio__each_woken = {asyncio__each_run, NULL, asyncio__each_ready_detach, NULL,
                                                  ASYNCIO__IN_READY, 0 ASYNCIO__WHAT("ready")};
static inline void asyncio__each_wake_one(asyncio__node *node, asyncio_future *future)
{
    (void)future;
    node->wait = &asyncio__each_woken;
    asyncio__ready_push(asyncio__core_of(asyncio__node_task(node)->future.loop), node);
}
static inline void asyncio__each_wake(asyncio_as_completed *each)
{
    asyncio__node *node = each->waiters;
    if (node == NULL)
        return;
    asyncio__list_remove(&each->waiters, node);
    node->wait->wake(node, NULL);
}
static inline int asyncio__each_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    asyncio_as_completed *each = asyncio__each_of(task);
    asyncio_status status = {0, 0};
    if (task->future.flags & ASYNCIO__MUST_CANCEL) {
        each->left++;
        if (!asyncio__each_empty(each))
            asyncio__each_wake(each);
    } else if (asyncio__each_empty(each)) {
        node->wait = &asyncio__each_wait;
        asyncio__each_enqueue(each, task);
        return ASYNCIO__PENDING;
    } else {
        status = asyncio__each_take(each);
    }
    asyncio__root_of(task)->awaiter->value = status.value;
    return status.code;
}

static inline void asyncio__each_done(asyncio_future *future, void *arg)
{
    asyncio_child *child = (asyncio_child *)arg;
    asyncio_as_completed *each = (asyncio_as_completed *)child->owner;
    asyncio__node *node = &child->link.handle.timer.node;
    (void)future;
    if (each->first == NULL)
        each->first = node;
    else
        each->last->next = node;
    each->last = node;
    asyncio__each_wake(each);
    if (--each->todo == 0)
        asyncio_handle_cancel(&each->timer);
}

/* Time is up. Who is not done stays held until the end, so that you can cancel it. */
static inline void asyncio__each_expire(void *arg)
{
    asyncio_as_completed *each = (asyncio_as_completed *)arg;
    size_t i;
    for (i = 0; i < each->count; i++) {
        asyncio_child *child = &each->children[i];
        if (child->owner == each &&
            (child->link.handle.flags & (ASYNCIO__HANDLE_LISTED | ASYNCIO__HANDLE_QUEUED)))
            asyncio_handle_cancel(&child->link.handle);
    }
    for (; each->todo > 0; each->todo--) {
        each->late++;
        asyncio__each_wake(each);
    }
}

static inline asyncio_status asyncio__each_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    (void)self, (void)task;
    return asyncio__status(((asyncio_as_completed *)(void *)block)->err, 0);
}
static inline asyncio_status asyncio__each_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    (void)self, (void)task;
    asyncio__each_drop((asyncio_as_completed *)(void *)block);
    return asyncio__status(err, 0);
}
static const asyncio_block_type asyncio__each_block = {asyncio__each_enter, asyncio__each_exit, NULL};
static inline asyncio_status asyncio__each_next(asyncio_block *block, asyncio_coro *self, asyncio_task *task);

static inline int asyncio__each_check(asyncio_child *children, size_t count, asyncio_loop *loop)
{
    size_t i;
    for (i = 0; i < count; i++) {
        if (children[i].gone)
            continue;
        if (children[i].future == NULL)
            return children[i].err != 0 ? children[i].err : ASYNCIO_EVALUE;
        if (children[i].future->loop != loop)
            return ASYNCIO_EVALUE;
    }
    return 0;
}

static inline int asyncio__each_init(asyncio_as_completed *each, asyncio_child *children, size_t count, bool limited,
                                     asyncio_time timeout)
{
    size_t i;
    asyncio__clear(each, sizeof *each);
    each->block.type = &asyncio__each_block;
    each->next = asyncio__each_next;
    each->loop = asyncio__running_loop;
    each->children = children;
    each->err = each->loop == NULL ? ASYNCIO_ENOLOOP : asyncio__each_check(children, count, each->loop);
    if (each->err != 0) {
        for (i = 0; i < count; i++)
            asyncio_child_release(&children[i]);
        return each->err;
    }
    each->count = count;
    asyncio__children_same(children, count, true);
    asyncio__children_same(children, count, false);
    for (i = 0; i < count; i++) {
        asyncio_child *child = &children[i];
        if (child->same)
            asyncio_child_release(child);
        if (child->future == NULL)
            continue;
        (void)asyncio__child_listen(child, asyncio__each_done, each, NULL);
        each->todo++;
    }
    each->left = each->todo;
#if ASYNCIO_HOSTED
    limited = limited && timeout != INT64_MAX;
#endif
    if (limited && each->todo != 0)
        (void)asyncio_call_later_ticks(each->loop, &each->timer, timeout, asyncio__each_expire, each);
    return 0;
}

static inline asyncio_status asyncio__each_next(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    asyncio_as_completed *each = (asyncio_as_completed *)(void *)block;
    (void)self;
    if (each->err != 0)
        return asyncio__status(each->err, 0);
    if (each->left == 0) {
        if (each->waiters == NULL && asyncio__each_empty(each))
            asyncio__each_drop(each);
        return asyncio__status(0, 0);
    }
    each->left--;
    if (!asyncio__each_empty(each))
        return asyncio__each_take(each);
    if (!asyncio__arm(task, &asyncio__each_wait))
        return asyncio__status(ASYNCIO_ERUNTIME, 0);
    asyncio__each_enqueue(each, task);
    return asyncio__status(ASYNCIO__PENDING, (asyncio_value)each);
}

/*
 * asyncio_as_completed_close(&each) - give up an iterator that no block does: unhooks it from the children that still
 * run, releases all. They run on; cancel them by child->future before, if you like. Nobody may wait in next() any more.
 * Needless, and harmless, after next() gave NULL and after a block.
 *
 *   Suspends   never. Returns nothing. Cost: O(n).
 *   Source     none: Python counts references
 */
static inline void asyncio_as_completed_close(asyncio_as_completed *each) { asyncio__each_drop(each); }

#ifdef __cplusplus
} /* extern "C" */
#endif

/*
 * asyncio_wait(&self->waiting, self->children, n, mode), asyncio_wait(..., mode, seconds) - for ASYNC_AWAIT: wait until
 * some of the children are done.
 *
 *   waiting    an asyncio_waiting in the frame, in use until the await is over
 *   children   n of them, filled by asyncio_child_set. Those that were read or released are left out, so that you can
 *              wait for the rest again; the same Future may be there several times.
 *   mode       ASYNCIO_ALL_COMPLETED; ASYNCIO_FIRST_COMPLETED: until one is done; ASYNCIO_FIRST_EXCEPTION: until one
 *              fails (a cancelled one did not), else all
 *   seconds    no longer than that, an int or a double; 0 or negative: some iterations only, to look; left out or
 *              INFINITY (hosted): no limit. asyncio_wait_ticks(...): in ticks.
 *   Suspends   always: two iterations if all are done already
 *   Gives      how many children are done. Each child's .done, and if so its .err and .value, are set as they are when
 *              this task goes on: more may be done than it waited for. No error when time is up, none of the children's.
 *              ASYNCIO_ECANCELLED if this task was cancelled (the children are not); ASYNCIO_EVALUE for no children, a
 *              child that was never set, or a bad mode; ASYNCIO_EWRONGLOOP; a child's error if it could not be made.
 *   Memory     allocates nothing. Cost: O(n), of a timeout as asyncio_call_at. The children stay held; an error counts
 *              as unread until asyncio_child_result (FIRST_EXCEPTION reads what it looks at, as in Python).
 *   Source     tasks.py:wait. Differs: flags in the array for two sets. A coroutine, which Python refuses, becomes a
 *              task in asyncio_child_set, which you still hold.
 */
#define asyncio_wait(...) ASYNCIO__CAT(ASYNCIO__WAIT_FOR_SOME_, ASYNCIO__COUNT(__VA_ARGS__))(__VA_ARGS__)
#define ASYNCIO__WAIT_FOR_SOME_4(waiting, children, n, mode)                                                           \
    asyncio__wait_start((waiting), (children), (n), (mode), false, 0)
#define ASYNCIO__WAIT_FOR_SOME_5(waiting, children, n, mode, seconds)                                                  \
    asyncio_wait_ticks(waiting, children, n, mode, ASYNCIO_SECONDS(seconds))
#define asyncio_wait_ticks(waiting, children, n, mode, ticks)                                                          \
    asyncio__wait_start((waiting), (children), (n), (mode), true, (ticks))

/*
 * asyncio_as_completed(children, n), asyncio_as_completed(children, n, seconds) - a block that collects children in the
 * order in which they are done, for ASYNC_FOR and ASYNC_WITH, with an asyncio_as_completed in the frame:
 *
 *     ASYNC_FOR(self->child, &self->each, asyncio_as_completed(self->children, 3)) {...}
 *
 *   children   n of them, filled by asyncio_child_set; in use until the block is over. Taken over: nothing to release.
 *              Those that were read or released are left out; of equal ones only the first counts, the others are
 *              released.
 *   seconds    for all together; left out or INFINITY (hosted): no limit. asyncio_as_completed_ticks: in ticks.
 *   Suspends   ASYNC_FOR while none is done that was not given yet; entering and leaving the block never do
 *   Errors     of the block, before its body: ASYNCIO_EVALUE for a child that was never set or of another loop; a
 *              child's error if it could not be made: then all are released. Of ASYNC_FOR: next's, below.
 *   Memory     allocates nothing. Cost: O(n), of the timeout as asyncio_call_at.
 *   Source     tasks.py:as_completed, _AsCompletedIterator. Differs: gives a child for a Future; its error is not
 *              raised. A loop that was left early listens no more, so its left-over callbacks take no iterations.
 *
 * Leaving it early, in any way, leaves children that still run to themselves, and gives them up.
 *
 * asyncio_as_completed_next(&each) - for ASYNC_AWAIT_INTO(self->child, ...): the next one, where ASYNC_FOR will not do:
 *
 *     ASYNC_WITH(&self->each, asyncio_as_completed(self->children, 3, 5.0)) {
 *         ASYNC_CATCH_INTO(self->err, self->child, asyncio_as_completed_next(&self->each));
 *         ...
 *     }
 *
 *   Suspends   if none is done that was not given yet. Several tasks may wait, until the block is over; first come,
 *              first served.
 *   Gives      the asyncio_child *, with .err, .value and .future; which one it is tells child - children. An error
 *              counts as read when asyncio_child_result has, or the Future was awaited.
 *              NULL after the last: then all is released. ASYNCIO_ETIMEOUT, once for each child that was not done when
 *              time was up; those stay held until the end. ASYNCIO_ECANCELLED if this task was cancelled: what it
 *              waited for can be asked for again, nothing is lost.
 *   Memory     allocates nothing. Cost: O(1).
 *   Source     tasks.py:_AsCompletedIterator.__anext__. Differs: after a cancelled step CPython 3.14.2 asks for one
 *              less, and so never gives the last one; later ones do as here.
 *
 * asyncio_as_completed_init(&each, children, n), asyncio_as_completed_init(&each, children, n, seconds) - begin without
 * a block, for several coroutines or one that has several loops over it; in a running loop. Storage and children are in
 * use until next() gave NULL, or asyncio_as_completed_close.
 *
 *   Suspends   never
 *   Returns    0; ASYNCIO_ENOLOOP; the block's errors: next() gives them, too.
 *
 * asyncio_as_completed_init_ticks: in ticks.
 */
#define asyncio_as_completed(...) asyncio_as_completed_init(ASYNCIO__BLOCK, __VA_ARGS__)
#define asyncio_as_completed_ticks(children, n, ticks)                                                                 \
    asyncio_as_completed_init_ticks(ASYNCIO__BLOCK, children, n, ticks)
#define asyncio_as_completed_init(...)                                                                                 \
    ASYNCIO__CAT(ASYNCIO__AS_COMPLETED_, ASYNCIO__COUNT(__VA_ARGS__))(__VA_ARGS__)
#define ASYNCIO__AS_COMPLETED_3(each, children, n) asyncio__each_init((each), (children), (n), false, 0)
#define ASYNCIO__AS_COMPLETED_4(each, children, n, seconds)                                                            \
    asyncio_as_completed_init_ticks(each, children, n, ASYNCIO_SECONDS(seconds))
#define asyncio_as_completed_init_ticks(each, children, n, ticks)                                                      \
    asyncio__each_init((each), (children), (n), true, (ticks))
#define asyncio_as_completed_next(each) asyncio__each_next(&(each)->block, NULL, ASYNCIO__CURRENT)

#endif /* ASYNCIO_COMPLETED_H */
