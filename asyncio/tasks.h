/* SPDX-License-Identifier: MIT
 *
 * asyncio/tasks.h - several at once: gather, shield, cancel_and_wait; asyncio/completed.h has wait and as_completed.
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
 *     ASYNC(main_coro, asyncio_gather all; asyncio_child got[2];)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_AWAIT(asyncio_gather(&self->all, self->got, ASYNC_NEW(square, .n = 3), ASYNC_NEW(square, .n = 2)));
 *         printf("%d %d\n", (int)self->got[0].value, (int)self->got[1].value);
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * It prints `9 4`.
 *
 * Rules, the bad news first
 *
 *   1. The structs and the children's array are storage of yours in which the library has its links: fields, never
 *      locals. They stay where they are until the await of gather, shield or cancel_and_wait is over; then no pointer
 *      into them is left. Of asyncio_gather_future and asyncio_shield_outer until you close them: to forget that
 *      before the storage goes corrupts memory.
 *   2. gather ends at the first error; the other children run on, and their errors are lost, as in Python. Cancelling
 *      who awaits a gather cancels its children. A task group (asyncio/taskgroups.h) is the easier form.
 *   3. shield cancels nobody. A child holds its Future until its outcome was read: gather and as_completed do that
 *      themselves, after wait you do (asyncio_child_result, or asyncio_child_release).
 */
#ifndef ASYNCIO_TASKS_H
#define ASYNCIO_TASKS_H

#include "../asyncio_loop.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Children ---- */

/* One of several awaited things, and its outcome. Yours to read: done; if done, err and value (of an error its detail:
 * a cancellation's message, a traceback); future, until the outcome was read. 120 bytes where pointers have 8. */
typedef struct asyncio_child {
    asyncio_future *future; /* held; NULL if there is none, or none any more */
    asyncio_value value;
    asyncio_awaited_by link; /* its done callback; in as_completed's queue, its place */
    void *owner;
    int err; /* not done: why there is no Future */
    bool done;
    bool task; /* the Future is a Task's */
    bool made; /* from a coroutine */
    bool gone; /* its outcome was read, or it was given up */
    bool same; /* an earlier child has the same Future */
    bool late; /* was done before anybody waited */
} asyncio_child;

static inline int asyncio_child_set_future(asyncio_child *child, asyncio_future *future)
{
    asyncio__clear(child, sizeof *child);
    child->future = asyncio_future_hold(future);
    child->task = future != NULL && (future->flags & ASYNCIO__TASK);
    child->err = future != NULL ? 0 : ASYNCIO_ENOMEM;
    return child->err;
}
static inline int asyncio_child_set_task(asyncio_child *child, asyncio_task *task)
{
    return asyncio_child_set_future(child, task != NULL ? asyncio_task_future(task) : NULL);
}
static inline int asyncio_child_set_root(asyncio_child *child, asyncio_root *root)
{
    asyncio_task_options options;
    asyncio_task *task = NULL;
    int err;
    asyncio__clear(child, sizeof *child);
    asyncio__no_options(&options);
    options.into = &task;
    err = asyncio_loop_create_task(NULL, root, &options);
    if (err == 0 && task != NULL) {
        child->future = asyncio_task_future(task);
        child->task = child->made = true;
    } else {
        child->err = err != 0 ? err : ASYNCIO_ENOMEM;
    }
    return child->err;
}

/* Gives up the hold. A loop that is being closed frees its heap tasks itself, perhaps before this. */
static inline void asyncio__child_drop(asyncio_child *child, asyncio_loop *loop)
{
    asyncio_future *future = child->future;
    child->future = NULL;
    child->gone = true;
    if (future != NULL && !(child->task && asyncio__core_of(loop)->closed))
        asyncio_future_release(future);
}

/* Copies the outcome, without reading it: its error may still be reported. */
static inline void asyncio__child_look(asyncio_child *child)
{
    asyncio_future *future = child->future;
    child->done = asyncio_future_done(future);
    child->err = future->err;
    child->value = future->value;
    if (!child->done)
        child->err = 0, child->value = 0;
}

static inline void asyncio__child_read(asyncio_child *child, asyncio_loop *loop)
{
    asyncio__child_look(child);
    child->future->flags &= (uint16_t)~ASYNCIO__UNREAD;
    asyncio__child_drop(child, loop);
}

/*
 * asyncio_child_set(&child, x) - what a child waits for.
 *
 *   child      one that holds nothing: new, or its outcome was read, or released. Need not be zeroed.
 *   x          a coroutine (ASYNC_NEW, ASYNC_AT), which becomes a task of the running loop at once; a Task *; a Future *
 *   Suspends   never
 *   Returns    0; ASYNCIO_ENOMEM if x is NULL; what create_task returned, which it also reports. Then gather, wait and
 *              as_completed give that error, so that you need not look here.
 *   Memory     allocates nothing. Cost: O(1). Holds the Future: rule 3 says when it is given up.
 *   Source     tasks.py:ensure_future. In C without ASYNCIO_GENERIC: asyncio_child_set_root, _task, _future.
 *
 * asyncio_child_result(&child, &value) - read a child's outcome after wait or in as_completed, and give up its Future.
 *
 *   value      receives the result, or 0; may be NULL
 *   Suspends   never. Allocates nothing.
 *   Returns    0; the child's error, also ASYNCIO_ECANCELLED, which counts as read; ASYNCIO_EINVALIDSTATE if it is not
 *              done (it stays held), or was given up before it was
 *   Source     futures.py:Future.result
 *
 * asyncio_child_release(&child) - give a child up without reading its outcome. The task runs on. An error that nobody
 * reads is reported, as asyncio_future_release does. Nothing happens to one that holds nothing.
 */
static inline int asyncio_child_result(asyncio_child *child, asyncio_value *value)
{
    if (child->future != NULL && asyncio_future_done(child->future)) {
        (void)asyncio_future_detail(child->future);
        asyncio__child_read(child, child->future->loop);
    }
    if (value != NULL)
        *value = child->done && child->err == 0 ? child->value : 0;
    if (child->done)
        return child->err;
    return child->err != 0 ? child->err : ASYNCIO_EINVALIDSTATE;
}
static inline void asyncio_child_release(asyncio_child *child)
{
    if (child->future != NULL)
        asyncio__child_drop(child, child->future->loop);
}

/* Marks the children whose Future an earlier one has, without comparing each with each. True to begin, false to end. */
static inline void asyncio__children_same(asyncio_child *children, size_t count, bool begin)
{
    size_t i;
    for (i = 0; i < count; i++) {
        asyncio_future *future = children[i].future;
        if (future == NULL)
            continue;
        if (begin)
            children[i].same = (future->flags & ASYNCIO__SEEN) != 0;
        if (begin)
            future->flags |= ASYNCIO__SEEN;
        else
            future->flags &= (uint16_t)~ASYNCIO__SEEN;
    }
}

/* `waiter`: who waits behind it, for the call graph; may be NULL. */
static inline int asyncio__child_listen(asyncio_child *child, asyncio_done_callback callback, void *owner,
                                        asyncio_future *waiter)
{
    int err = asyncio_future_add_done_callback(child->future, &child->link.handle, callback, child);
    child->owner = owner;
    if (waiter != NULL)
        asyncio__awaited_by(&child->link, waiter);
    return err;
}

/* ---- Coroutines that wait for a Future of their own, which callbacks settle ---- */

static inline asyncio__waiter *asyncio__waiter_of(asyncio_task *task)
{
    return (asyncio__waiter *)(void *)asyncio__root_of(task)->awaiter;
}

/* Only the loop's close takes a task out of the ready list, or out of the Future that it waits for here. */
static inline void asyncio__waiter_detach(asyncio_task *task)
{
    asyncio__waiter_of(task)->unhook(asyncio__waiter_of(task));
}
static const asyncio__wait asyncio__waiter_ready = {asyncio__ready_run, NULL, asyncio__waiter_detach, NULL,
                                                    ASYNCIO__IN_READY, 0 ASYNCIO__WHAT("ready")};
static inline void asyncio__waiter_woken(asyncio__node *node, asyncio_future *future)
{
    asyncio_task *task = asyncio__node_task(node);
    asyncio__task_woken(node, future);
    task->future.err = future->err;
    task->wait.node.wait = &asyncio__waiter_ready;
}
static const asyncio__wait asyncio__waiter_wait = {NULL, asyncio__waiter_woken, asyncio__waiter_detach, NULL,
                                                   ASYNCIO__IN_FUTURE, 0 ASYNCIO__WHAT("waiting for several")};

static inline void asyncio__waiter_init(asyncio__waiter *waiter, asyncio__resume resume,
                                        void (*unhook)(asyncio__waiter *waiter))
{
    waiter->coro.resume = resume;
    waiter->unhook = unhook;
    asyncio_future_init(&waiter->outer.future, NULL);
}

/* Who waits behind gather's and shield's children: the task that made it, until somebody asks for its Future. */
static inline asyncio_future *asyncio__waiter_for(asyncio__waiter *waiter)
{
    asyncio_task *task = asyncio_current_task();
    return task != NULL ? asyncio_task_future(task) : &waiter->outer.future;
}

static inline int asyncio__waiter_await(asyncio__waiter *waiter, asyncio_task *task)
{
    waiter->coro.state = 3;
    return asyncio__await_status(&waiter->coro, task,
                                 asyncio__future_status(task, &waiter->outer.future, &asyncio__waiter_wait));
}

static inline int asyncio__waiter_leave(asyncio__waiter *waiter, asyncio_task *task, int err)
{
    waiter->unhook(waiter);
    asyncio_future_release(&waiter->outer.future);
    waiter->coro.state = 2;
    *asyncio__result_of(&waiter->coro, task) = waiter->coro.value;
    return err;
}

/* ---- gather ---- */

/* What waits for several children together. All of it is the library's. */
typedef struct asyncio_gather {
    asyncio__waiter waiter;
    asyncio_child *children;
    size_t count, left;
    size_t refused;        /* arguments after one that could not be waited for */
    asyncio_value message; /* of a cancel() that the last child has, but did not die of */
    int err;               /* why it could not begin */
    bool return_exceptions;
    bool cancel_requested;
    bool cancelling;  /* it is cancelling its children just now */
    bool first_class; /* its Future may outlive the task that made it */
} asyncio_gather;

/* Listens no more: outcomes are read, and who still runs is left to itself. */
static inline void asyncio__gather_leave(asyncio_gather *all)
{
    asyncio_loop *loop = all->waiter.outer.future.loop;
    size_t i;
    for (i = 0; i < all->count; i++) {
        asyncio_child *child = &all->children[i];
        asyncio_future *future = child->future;
        bool keeps;
        if (future == NULL)
            continue;
        if (child->link.handle.flags & (ASYNCIO__HANDLE_LISTED | ASYNCIO__HANDLE_QUEUED))
            asyncio_handle_cancel(&child->link.handle);
        if (asyncio__core_of(loop)->closed) { /* no callback will read it any more */
            asyncio__child_drop(child, loop);
            continue;
        }
        if (!asyncio_future_done(future))
            future->flags |= ASYNCIO__FORSAKEN;
        keeps = !child->task || !asyncio_future_cancelled(future) || (future->flags & ASYNCIO__MESSAGE);
        asyncio__child_read(child, loop);
        if (!keeps) /* as in CPython, where a Task's message went with the error that it died of */
            child->value = 0;
    }
}

static inline void asyncio__gather_end(asyncio_gather *all, int err, asyncio_value value)
{
    asyncio__gather_leave(all);
    asyncio__future_settle(&all->waiter.outer.future, err != 0 ? ASYNCIO__UNREAD : 0u, err, value);
}

/* All are done, and this is the last one. */
static inline void asyncio__gather_cancelled(asyncio_gather *all)
{
    asyncio_future *last = all->children[all->count - 1].future;
    asyncio__gather_end(all, ASYNCIO_ECANCELLED,
                        asyncio_future_cancelled(last) ? asyncio_future_detail(last) : all->message);
}

static inline void asyncio__gather_one(asyncio_gather *all, asyncio_future *future)
{
    all->left--;
    if (future->err != 0 && !all->return_exceptions)
        asyncio__gather_end(all, future->err, asyncio__future_detail(future));
    else if (all->left == 0 && all->cancel_requested)
        asyncio__gather_cancelled(all);
    else if (all->left == 0)
        asyncio__gather_end(all, 0, (asyncio_value)all->children);
}
static inline void asyncio__gather_done(asyncio_future *future, void *arg)
{
    asyncio__gather_one((asyncio_gather *)((asyncio_child *)arg)->owner, future);
}

/* Its cancel(): goes to the children. If it comes back to here, a child waits for this gather, and nobody is at the
 * bottom to ask: whoever waits here is woken at once. */
static inline bool asyncio__gather_cancel(asyncio_future *future, const char *msg)
{
    asyncio_gather *all = (asyncio_gather *)(void *)((char *)future - offsetof(asyncio__waiter, outer));
    bool any = false;
    size_t i;
    if (all->cancelling) {
        asyncio__gather_leave(all);
        asyncio__future_settle(future, ASYNCIO__CANCELLED, ASYNCIO_ECANCELLED, (asyncio_value)msg);
        return true;
    }
    all->cancelling = true;
    for (i = 0; i < all->count && !asyncio_future_done(future); i++) {
        asyncio_future *child = all->children[i].future;
        if (!asyncio_future_cancel(child, msg))
            continue;
        any = true;
        if (i == all->count - 1 && all->children[i].task && (child->flags & ASYNCIO__MUST_CANCEL))
            all->message = (asyncio_value)msg;
    }
    all->cancelling = false;
    if (any)
        all->cancel_requested = true;
    return any;
}

static inline void asyncio__gather_unhook(asyncio__waiter *waiter)
{
    if (!asyncio_future_done(&waiter->outer.future))
        asyncio__gather_leave((asyncio_gather *)(void *)waiter);
}

static inline int asyncio__gather_resume(asyncio_coro *self, asyncio_task *task, int err)
{
    asyncio__waiter *waiter = (asyncio__waiter *)(void *)self;
    if (err == ASYNCIO__DESCRIBE)
        return asyncio__name_frame(task, "asyncio_gather", __FILE__);
    if (self->state == 0)
        err = asyncio__waiter_await(waiter, task);
    if (ASYNCIO_POISON && err == ASYNCIO__PENDING) /* the word in which debug builds look for pointers to locals */
        self->value = (asyncio_value)((asyncio_gather *)(void *)self)->children;
    return err == ASYNCIO__PENDING ? err : asyncio__waiter_leave(waiter, task, err);
}

static inline int asyncio__gather_listen(asyncio_gather *all, asyncio_child *child)
{
    asyncio_loop **loop = &all->waiter.outer.future.loop;
    if (child->future == NULL)
        return child->err != 0 && !child->gone ? child->err : ASYNCIO_EVALUE;
    if (*loop == NULL)
        *loop = child->future->loop;
    if (*loop != child->future->loop)
        return ASYNCIO_EVALUE;
    if (child->made)
        child->future->flags |= ASYNCIO__QUIET;
    if (child->same)
        return 0;
    child->late = asyncio_future_done(child->future);
    all->left++;
    if (child->late)
        return 0;
    return asyncio__child_listen(child, asyncio__gather_done, all, asyncio__waiter_for(&all->waiter));
}

static inline void asyncio__gather_begin(asyncio_gather *all, asyncio_child *children, bool return_exceptions)
{
    asyncio__clear(all, sizeof *all);
    asyncio__waiter_init(&all->waiter, asyncio__gather_resume, asyncio__gather_unhook);
    all->waiter.coro.flags = ASYNCIO__FRAME_FUTURE;
    all->waiter.outer.cancel = asyncio__gather_cancel;
    all->waiter.outer.future.flags |= ASYNCIO__CANCEL_HOOK;
    all->children = children;
    all->return_exceptions = return_exceptions;
}

/* Takes one child more. After the first that failed, the rest is not listened to. */
static inline void asyncio__gather_take(asyncio_gather *all, asyncio_child *child)
{
    if (all->err == 0)
        all->err = asyncio__gather_listen(all, child);
    if (all->err == 0)
        all->count++;
    else
        asyncio_child_release(child);
}

/* The next child is filled. Compared with each one before it: there are at most 13. */
static inline void asyncio__gather_added(asyncio_gather *all, asyncio_child *child)
{
    size_t i;
    for (i = 0; i < all->count && !child->made; i++)
        if (all->children[i].future == child->future)
            child->same = true;
    asyncio__gather_take(all, child);
    if (all->err != 0)
        all->refused++;
}

/* After a child that could not be made, the next ones are not begun. */
static inline asyncio_child *asyncio__gather_next(asyncio_gather *all)
{
    asyncio_child *child = &all->children[all->count + all->refused];
    if (all->err == 0)
        return child;
    asyncio__clear(child, sizeof *child);
    child->err = all->err;
    all->refused++;
    return NULL;
}
static inline void asyncio__gather_add_future(asyncio_gather *all, asyncio_future *future)
{
    asyncio_child *child = asyncio__gather_next(all);
    if (child == NULL)
        return;
    (void)asyncio_child_set_future(child, future);
    asyncio__gather_added(all, child);
}
static inline void asyncio__gather_add_task(asyncio_gather *all, asyncio_task *task)
{
    asyncio__gather_add_future(all, task != NULL ? asyncio_task_future(task) : NULL);
}
static inline void asyncio__gather_add_root(asyncio_gather *all, asyncio_root *root)
{
    asyncio_child *child = asyncio__gather_next(all);
    if (child == NULL) {
        asyncio_coro_close(root);
        return;
    }
    (void)asyncio_child_set_root(child, root);
    asyncio__gather_added(all, child);
}

/* All are there. Those that were done before count now, in their order. */
static inline asyncio_coro *asyncio__gather_begun(asyncio_gather *all)
{
    asyncio_future *outer = &all->waiter.outer.future;
    size_t i;
    if (all->err != 0)
        asyncio__gather_end(all, all->err, 0);
    else if (all->count == 0)
        asyncio__gather_end(all, 0, (asyncio_value)all->children);
    for (i = 0; i < all->count && !asyncio_future_done(outer); i++)
        if (all->children[i].late)
            asyncio__gather_one(all, all->children[i].future);
    return &all->waiter.coro;
}

static inline asyncio_coro *asyncio__gather_n(asyncio_gather *all, asyncio_child *children, size_t count,
                                              bool return_exceptions)
{
    size_t i;
    asyncio__gather_begin(all, children, return_exceptions);
    asyncio__children_same(children, count, true);
    asyncio__children_same(children, count, false);
    for (i = 0; i < count; i++)
        asyncio__gather_take(all, &children[i]);
    return asyncio__gather_begun(all);
}

/*
 * asyncio_gather(&self->all, self->children, x, y, ...) - for ASYNC_AWAIT: run several at once, wait for all.
 *
 *   all        an asyncio_gather in the frame; children: an array of at least as many asyncio_child as there are x, also
 *              in the frame. Both without side effects; need not be zeroed. In use until the await is over, no longer.
 *   x, y ...   1 to 14: coroutines (ASYNC_NEW, ASYNC_AT; each becomes a task), Task * and Future *, mixed; the same one
 *              several times, too
 *   Suspends   until all are done, or the first error; not at all if they are done already
 *   Gives      the children's address. Each child has .done and its .value.
 *              Errors: that of the first child that fails, ASYNCIO_ECANCELLED too, with its detail; the others run on,
 *              and their errors are lost, but .done, .err and .value tell what those had that were done by then.
 *              ASYNCIO_ECANCELLED if this task was cancelled: its children are, and it waits until the first (with
 *              return_exceptions: until all) are done. ASYNCIO_EVALUE for Futures of several loops. ASYNCIO_ENOMEM and
 *              the like if a child cannot be made: those before it run on, forsaken; the coroutines after it are closed.
 *   Memory     allocates nothing. Cost: O(children), a Future given several times too; n x n / 2 comparisons of pointers
 *              for the at most 14 of this macro.
 *   Source     tasks.py:gather. Differs: no list is made, children[i] is the i-th result. A circle (a child awaits this
 *              gather) that is cancelled has no bottom: the gather itself is cancelled, where CPython's recursion ends
 *              in RecursionError. The message of a cancelled gather whose last child was not cancelled is never an older
 *              one that this child was given.
 *
 * asyncio_gather_return_exceptions(&self->all, self->children, x, y, ...) - the same, but errors are results: waits for
 * all; each child has .err (0: a result) and .value (of ASYNCIO_ECANCELLED the message, which a cancelled Task mostly
 * has lost: as in Python). Gives an error only if this task was cancelled, or a child could not be made.
 *
 * asyncio_gather_n(&self->all, self->children, n), asyncio_gather_n_return_exceptions(...) - of n children filled by
 * asyncio_child_set, as many as you like, none too. Takes them over: nothing to release. If one cannot be waited for, it
 * and those after it are released.
 */
static inline asyncio_coro *asyncio_gather_n(asyncio_gather *all, asyncio_child *children, size_t n)
{
    return asyncio__gather_n(all, children, n, false);
}
static inline asyncio_coro *asyncio_gather_n_return_exceptions(asyncio_gather *all, asyncio_child *children, size_t n)
{
    return asyncio__gather_n(all, children, n, true);
}

/*
 * asyncio_gather_future(&all, children, x, y, ...), asyncio_gather_future_return_exceptions(...) - gather's outer Future
 * itself: to store, cancel, shield, await several times, give to another gather, add callbacks to.
 * asyncio_gather_outer(&all) - that of any gather above.
 *
 *   Suspends   never
 *   Returns    the Future, never NULL; done already if all children are. asyncio_future_cancel passes the request on to
 *              all children: true if one of them took it; the Future ends when they do. false if it is done, or if all
 *              children are.
 *   Memory     allocates nothing. all and children must stay until asyncio_gather_close, and the Future until its last
 *              callback has run.
 *   Source     tasks.py:_GatheringFuture
 *
 * asyncio_gather_close(&all) - give it up. Children that still run are left to themselves, and their errors count as
 * read; nobody may wait for the Future any more. An error of the Future that nobody read is reported. Needless if the
 * gather was awaited as a coroutine.
 */
static inline asyncio_future *asyncio_gather_outer(asyncio_gather *all)
{
    asyncio_future *outer = &all->waiter.outer.future;
    size_t i;
    for (i = 0; i < all->count && !all->first_class; i++)
        all->children[i].link.waiter = outer;
    all->first_class = true;
    return outer;
}
static inline void asyncio_gather_close(asyncio_gather *all)
{
    asyncio__gather_unhook(&all->waiter);
    asyncio_future_release(&all->waiter.outer.future);
}

/* ---- shield ---- */

/* What shields one awaited thing. All of it is the library's. */
typedef struct asyncio_shield {
    asyncio__waiter waiter;
    asyncio_child inner;
    asyncio_handle handle; /* the outer Future's first done callback */
} asyncio_shield;

static inline void asyncio__shield_log(asyncio_future *future, void *arg)
{
    (void)arg;
    if (asyncio_future_cancelled(future) || asyncio_future_exception(future) == 0)
        return;
    asyncio__report(future, "exception in shielded future");
}

/* Its error will be reported, once. On the heap, for the shield goes before; without one, only if nobody reads it. */
static inline void asyncio__shield_log_later(asyncio_future *future)
{
    asyncio__node *node;
    for (node = future->waiters; node != NULL; node = node->next) {
        if (node->wait->in == ASYNCIO__NO_TASK && (((asyncio_handle *)(void *)node)->flags & ASYNCIO__HANDLE_LOG)) {
            asyncio__list_remove(&future->waiters, node);
            asyncio__list_append(&future->waiters, node);
            return;
        }
    }
    if (asyncio_future_add_done_callback(future, NULL, asyncio__shield_log, NULL) == 0) {
        ((asyncio_handle *)(void *)future->waiters->prev)->flags |= ASYNCIO__HANDLE_LOG;
        if (!(future->flags & ASYNCIO__TASK))
            future->flags |= ASYNCIO__LOGS;
    }
}

static inline void asyncio__shield_inner_done(asyncio_future *inner, void *arg)
{
    asyncio_shield *shield = (asyncio_shield *)((asyncio_child *)arg)->owner;
    asyncio_future *outer = &shield->waiter.outer.future;
    if (!asyncio_future_done(outer)) {
        unsigned flags = inner->err == 0 ? 0u : ASYNCIO__UNREAD;
        if (asyncio_future_cancelled(inner)) {
            (void)asyncio_future_cancel(outer, NULL);
        } else {
            inner->flags &= (uint16_t)~ASYNCIO__UNREAD;
            asyncio__future_settle(outer, flags, inner->err, inner->value);
        }
    }
    asyncio__child_drop(&shield->inner, outer->loop);
}

static inline void asyncio__shield_outer_done(asyncio_future *outer, void *arg)
{
    asyncio_shield *shield = (asyncio_shield *)arg;
    asyncio_future *inner = shield->inner.future;
    if (inner == NULL || asyncio_future_done(inner))
        return;
    asyncio_handle_cancel(&shield->inner.link.handle);
    asyncio__shield_log_later(inner);
    asyncio__child_drop(&shield->inner, outer->loop);
}

static inline void asyncio__shield_unhook(asyncio__waiter *waiter)
{
    asyncio_shield *shield = (asyncio_shield *)(void *)waiter;
    asyncio_future *outer = &waiter->outer.future;
    asyncio_handle_cancel(&shield->handle);
    asyncio_handle_cancel(&shield->inner.link.handle);
    if (shield->inner.late && shield->inner.future != NULL) { /* one outcome, which was read here or there */
        if (!(outer->flags & ASYNCIO__UNREAD) && !(shield->inner.task && asyncio__core_of(outer->loop)->closed))
            shield->inner.future->flags &= (uint16_t)~ASYNCIO__UNREAD;
        outer->flags &= (uint16_t)~ASYNCIO__UNREAD;
    }
    asyncio__child_drop(&shield->inner, outer->loop);
}

static inline int asyncio__shield_resume(asyncio_coro *self, asyncio_task *task, int err)
{
    asyncio__waiter *waiter = (asyncio__waiter *)(void *)self;
    asyncio_child *inner = &((asyncio_shield *)(void *)self)->inner;
    if (err == ASYNCIO__DESCRIBE)
        return asyncio__name_frame(task, "asyncio_shield", __FILE__);
    if (self->state == 0 && inner->late && inner->future->err != 0)
        waiter->outer.future.value = asyncio_future_detail(inner->future);
    if (self->state == 0)
        err = asyncio__waiter_await(waiter, task);
    return err == ASYNCIO__PENDING ? err : asyncio__waiter_leave(waiter, task, err);
}

static inline asyncio_coro *asyncio__shield_begun(asyncio_shield *shield)
{
    asyncio_future *inner = shield->inner.future, *outer = &shield->waiter.outer.future;
    asyncio__waiter_init(&shield->waiter, asyncio__shield_resume, asyncio__shield_unhook);
    shield->waiter.coro.flags = ASYNCIO__FRAME_FUTURE;
    if (inner == NULL) {
        asyncio__future_settle(outer, ASYNCIO__UNREAD, shield->inner.err, 0);
        return &shield->waiter.coro;
    }
    outer->loop = inner->loop;
    shield->inner.late = asyncio_future_done(inner);
    if (shield->inner.late) {
        unsigned flags = inner->flags & (ASYNCIO__UNREAD | ASYNCIO__CANCELLED);
        asyncio__future_settle(outer, flags, inner->err, inner->value);
    } else {
        (void)asyncio__child_listen(&shield->inner, asyncio__shield_inner_done, shield,
                                    asyncio__waiter_for(&shield->waiter));
        (void)asyncio_future_add_done_callback(outer, &shield->handle, asyncio__shield_outer_done, shield);
    }
    return &shield->waiter.coro;
}

/*
 * asyncio_shield(&self->shield, x) - for ASYNC_AWAIT: wait for x, but if this task is cancelled, x is not.
 *
 *   shield     an asyncio_shield in the frame, in use until the await is over
 *   x          a coroutine (ASYNC_NEW, ASYNC_AT), which becomes a task at once; a Task *; a Future *
 *   Suspends   until x is done; not at all if it is done already
 *   Gives      x's value or error; ASYNCIO_ECANCELLED if this task was cancelled (x runs on) or x was (without a
 *              message); ASYNCIO_ENOMEM if x is NULL, and the like
 *   Memory     allocates nothing, but one block if it is cancelled before x is done, until x is: that x's error is then
 *              reported at once ("exception in shielded future") and counts as read. Where there is no heap it is
 *              reported only if nobody reads it. Cost: O(1).
 *   Source     tasks.py:shield, of 3.14.2. Differs: x is held. Without ASYNCIO_GENERIC: asyncio_shield_root, _task,
 *              _future.
 *
 * asyncio_shield_outer(&shield) - the Future to store, cancel, gather, or add callbacks to: of x itself if that was done
 * from the start. Good until asyncio_shield_close, which gives all up (an error that nobody read is reported) and must
 * come before the storage goes; needless if the shield was awaited as a coroutine.
 */
static inline asyncio_coro *asyncio_shield_future(asyncio_shield *shield, asyncio_future *x)
{
    asyncio__clear(shield, sizeof *shield);
    (void)asyncio_child_set_future(&shield->inner, x);
    return asyncio__shield_begun(shield);
}
static inline asyncio_coro *asyncio_shield_task(asyncio_shield *shield, asyncio_task *x)
{
    return asyncio_shield_future(shield, x != NULL ? asyncio_task_future(x) : NULL);
}
static inline asyncio_coro *asyncio_shield_root(asyncio_shield *shield, asyncio_root *x)
{
    asyncio__clear(shield, sizeof *shield);
    (void)asyncio_child_set_root(&shield->inner, x);
    return asyncio__shield_begun(shield);
}
static inline asyncio_future *asyncio_shield_outer(asyncio_shield *shield)
{
    if (shield->inner.late)
        return shield->inner.future;
    shield->inner.link.waiter = &shield->waiter.outer.future;
    return &shield->waiter.outer.future;
}
static inline void asyncio_shield_close(asyncio_shield *shield)
{
    asyncio__shield_unhook(&shield->waiter);
    asyncio_future_release(&shield->waiter.outer.future);
}

/* ---- cancel_and_wait ---- */

/* What waits for something that it cancelled. All of it is the library's. */
typedef struct asyncio_cancel_and_wait {
    asyncio__waiter waiter;
    asyncio_child child;
} asyncio_cancel_and_wait;

static inline void asyncio__cancel_and_wait_done(asyncio_future *future, void *arg)
{
    asyncio_cancel_and_wait *wait = (asyncio_cancel_and_wait *)((asyncio_child *)arg)->owner;
    (void)future;
    if (!asyncio_future_done(&wait->waiter.outer.future))
        (void)asyncio_future_set_result(&wait->waiter.outer.future, 0);
}

static inline void asyncio__cancel_and_wait_unhook(asyncio__waiter *waiter)
{
    asyncio_cancel_and_wait *wait = (asyncio_cancel_and_wait *)(void *)waiter;
    asyncio_handle_cancel(&wait->child.link.handle);
    asyncio__child_drop(&wait->child, waiter->outer.future.loop);
}

static inline int asyncio__cancel_and_wait_begin(asyncio_cancel_and_wait *wait, asyncio_task *task)
{
    asyncio_future *future = wait->child.future;
    if (future == NULL)
        return ASYNCIO_ENOMEM;
    if (future->loop != task->future.loop)
        return ASYNCIO_EWRONGLOOP;
    (void)asyncio__child_listen(&wait->child, asyncio__cancel_and_wait_done, wait, NULL);
    (void)asyncio_future_cancel(future, NULL);
    return asyncio__waiter_await(&wait->waiter, task);
}

static inline int asyncio__cancel_and_wait_resume(asyncio_coro *self, asyncio_task *task, int err)
{
    asyncio_cancel_and_wait *wait = (asyncio_cancel_and_wait *)(void *)self;
    if (err == ASYNCIO__DESCRIBE)
        return asyncio__name_frame(task, "asyncio_cancel_and_wait", __FILE__);
    if (self->state == 0)
        err = asyncio__cancel_and_wait_begin(wait, task);
    return err == ASYNCIO__PENDING ? err : asyncio__waiter_leave(&wait->waiter, task, err);
}

/*
 * asyncio_cancel_and_wait(&self->stop, x) - for ASYNC_AWAIT: cancel x, and wait until it is done.
 *
 *   stop       an asyncio_cancel_and_wait in the frame, in use until the await is over
 *   x          a Task * or a Future *, held meanwhile
 *   Suspends   always: two iterations if x is done already, else until it is, however long its clean-up takes
 *   Gives      0, whatever x ended with: asyncio_task_result tells. ASYNCIO_ECANCELLED if this task itself was cancelled
 *              while it waited, so that the two cannot be confused (x then is still asked to stop); ASYNCIO_ENOMEM if x
 *              is NULL; ASYNCIO_EWRONGLOOP
 *   Memory     allocates nothing. Cost: O(1), and as asyncio_task_cancel.
 *   Source     tasks.py:_cancel_and_wait, which is private there. Without ASYNCIO_GENERIC: asyncio_cancel_and_wait_task,
 *              _future.
 */
static inline ASYNCIO__NODISCARD asyncio_coro *asyncio_cancel_and_wait_future(asyncio_cancel_and_wait *stop,
                                                                              asyncio_future *x)
{
    asyncio__clear(stop, sizeof *stop);
    asyncio__waiter_init(&stop->waiter, asyncio__cancel_and_wait_resume, asyncio__cancel_and_wait_unhook);
    (void)asyncio_child_set_future(&stop->child, x);
    return &stop->waiter.coro;
}
static inline ASYNCIO__NODISCARD asyncio_coro *asyncio_cancel_and_wait_task(asyncio_cancel_and_wait *stop,
                                                                            asyncio_task *x)
{
    return asyncio_cancel_and_wait_future(stop, x != NULL ? asyncio_task_future(x) : NULL);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#ifdef __cplusplus
static inline int asyncio_child_set(asyncio_child *child, asyncio_root *x) { return asyncio_child_set_root(child, x); }
static inline int asyncio_child_set(asyncio_child *child, asyncio_task *x) { return asyncio_child_set_task(child, x); }
static inline int asyncio_child_set(asyncio_child *child, asyncio_future *x)
{
    return asyncio_child_set_future(child, x);
}
static inline void asyncio__gather_add(asyncio_gather *all, asyncio_root *x) { asyncio__gather_add_root(all, x); }
static inline void asyncio__gather_add(asyncio_gather *all, asyncio_task *x) { asyncio__gather_add_task(all, x); }
static inline void asyncio__gather_add(asyncio_gather *all, asyncio_future *x) { asyncio__gather_add_future(all, x); }
static inline asyncio_coro *asyncio__shield(asyncio_shield *shield, asyncio_root *x)
{
    return asyncio_shield_root(shield, x);
}
static inline asyncio_coro *asyncio__shield(asyncio_shield *shield, asyncio_task *x)
{
    return asyncio_shield_task(shield, x);
}
static inline asyncio_coro *asyncio__shield(asyncio_shield *shield, asyncio_future *x)
{
    return asyncio_shield_future(shield, x);
}
static inline ASYNCIO__NODISCARD asyncio_coro *asyncio__cancel_and_wait(asyncio_cancel_and_wait *stop, asyncio_task *x)
{
    return asyncio_cancel_and_wait_task(stop, x);
}
static inline ASYNCIO__NODISCARD asyncio_coro *asyncio__cancel_and_wait(asyncio_cancel_and_wait *stop,
                                                                        asyncio_future *x)
{
    return asyncio_cancel_and_wait_future(stop, x);
}
#define ASYNCIO__GATHER_ADD(all, x) asyncio__gather_add((all), (x))
#define asyncio_shield(shield, x) asyncio__shield((shield), (x))
#define asyncio_cancel_and_wait(stop, x) asyncio__cancel_and_wait((stop), (x))
#elif ASYNCIO_GENERIC
#define ASYNCIO__GATHER_ADD(all, x)                                                                                    \
    (ASYNCIO__EXTENSION _Generic((x),                                                                                  \
         asyncio_root *: asyncio__gather_add_root,                                                                     \
         asyncio_task *: asyncio__gather_add_task,                                                                     \
         asyncio_future *: asyncio__gather_add_future)((all), (x)))
#define asyncio_child_set(child, x)                                                                                    \
    (ASYNCIO__EXTENSION _Generic((x),                                                                                  \
         asyncio_root *: asyncio_child_set_root,                                                                       \
         asyncio_task *: asyncio_child_set_task,                                                                       \
         asyncio_future *: asyncio_child_set_future)((child), (x)))
#define asyncio_shield(shield, x)                                                                                      \
    (ASYNCIO__EXTENSION _Generic((x),                                                                                  \
         asyncio_root *: asyncio_shield_root,                                                                          \
         asyncio_task *: asyncio_shield_task,                                                                          \
         asyncio_future *: asyncio_shield_future)((shield), (x)))
#define asyncio_cancel_and_wait(stop, x)                                                                               \
    (ASYNCIO__EXTENSION _Generic((x),                                                                                  \
         asyncio_task *: asyncio_cancel_and_wait_task,                                                                 \
         asyncio_future *: asyncio_cancel_and_wait_future)((stop), (x)))
#endif

/* An array that is too small does not compile; of a pointer nobody knows. */
#define ASYNCIO__ROOM_FOR(children, n)                                                                                 \
    ((void)sizeof(char[sizeof(children) < sizeof(asyncio_child) || sizeof(children) >= (n) * sizeof(asyncio_child)     \
                           ? 1                                                                                         \
                           : -1]))
#define asyncio_gather(all, children, ...) ASYNCIO__GATHER(false, all, children, __VA_ARGS__)
#define asyncio_gather_return_exceptions(all, children, ...) ASYNCIO__GATHER(true, all, children, __VA_ARGS__)
#define asyncio_gather_future(all, children, ...)                                                                      \
    ((void)ASYNCIO__GATHER(false, all, children, __VA_ARGS__), asyncio_gather_outer(all))
#define asyncio_gather_future_return_exceptions(all, children, ...)                                                    \
    ((void)ASYNCIO__GATHER(true, all, children, __VA_ARGS__), asyncio_gather_outer(all))
#define ASYNCIO__GATHER(mode, all, children, ...)                                                                      \
    (ASYNCIO__ROOM_FOR(children, ASYNCIO__COUNT(__VA_ARGS__)), asyncio__gather_begin((all), (children), mode),         \
     ASYNCIO__CAT(ASYNCIO__ADD_, ASYNCIO__COUNT(__VA_ARGS__))(all, __VA_ARGS__), asyncio__gather_begun(all))
#define ASYNCIO__ADD_1(all, x) ASYNCIO__GATHER_ADD(all, x)
#define ASYNCIO__ADD_2(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_1(all, __VA_ARGS__)
#define ASYNCIO__ADD_3(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_2(all, __VA_ARGS__)
#define ASYNCIO__ADD_4(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_3(all, __VA_ARGS__)
#define ASYNCIO__ADD_5(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_4(all, __VA_ARGS__)
#define ASYNCIO__ADD_6(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_5(all, __VA_ARGS__)
#define ASYNCIO__ADD_7(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_6(all, __VA_ARGS__)
#define ASYNCIO__ADD_8(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_7(all, __VA_ARGS__)
#define ASYNCIO__ADD_9(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_8(all, __VA_ARGS__)
#define ASYNCIO__ADD_10(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_9(all, __VA_ARGS__)
#define ASYNCIO__ADD_11(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_10(all, __VA_ARGS__)
#define ASYNCIO__ADD_12(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_11(all, __VA_ARGS__)
#define ASYNCIO__ADD_13(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_12(all, __VA_ARGS__)
#define ASYNCIO__ADD_14(all, x, ...) ASYNCIO__ADD_1(all, x), ASYNCIO__ADD_13(all, __VA_ARGS__)
#define ASYNCIO__ADD_15(all, ...) asyncio__gather_at_most_14_or_use_asyncio_gather_n
#define ASYNCIO__ADD_16(all, ...) asyncio__gather_at_most_14_or_use_asyncio_gather_n
#define ASYNCIO__ADD_17(all, ...) asyncio__gather_at_most_14_or_use_asyncio_gather_n

#endif /* ASYNCIO_TASKS_H */
