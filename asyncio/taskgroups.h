/* SPDX-License-Identifier: MIT
 *
 * asyncio/taskgroups.h - TaskGroup: start several tasks, wait for all, and if one fails cancel the rest.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(work, int n;)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_AWAIT(asyncio_sleep(self->n * 0.1));
 *         if (self->n == 2)
 *             ASYNC_RAISE(ASYNCIO_EVALUE);
 *         printf("%d done\n", self->n);
 *         ASYNC_FINALLY;
 *         printf("%d left\n", self->n);
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, asyncio_taskgroup group; asyncio_try attempt; int i;)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_TRY(&self->attempt)
 *         {
 *             ASYNC_WITH(&self->group, asyncio_taskgroup())
 *             {
 *                 for (self->i = 1; self->i <= 3; self->i++)
 *                     asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(work, .n = self->i));
 *             }
 *         }
 *         ASYNC_EXCEPT(&self->attempt)
 *         {
 *             asyncio_taskgroup_error error;
 *             for (self->i = 0; asyncio_taskgroup_get_error(&self->group, (size_t)self->i, &error); self->i++)
 *                 printf("%s\n", asyncio_errname(error.err));
 *             asyncio_taskgroup_release(&self->group);
 *         }
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * Rules, the bad news first
 *
 *   1. The block waits for every child, whatever happens, however long a child takes over its clean-up.
 *   2. The first child that fails cancels the others and the body; the body learns of it at its next real suspension.
 *      The block then raises ASYNCIO_EGROUP, whatever the errors were: look at the list.
 *   3. A cancelled child is no failure. ASYNCIO_EINTERRUPT (Python's KeyboardInterrupt) is raised alone, not in a group.
 *   4. The errors, and the tasks that had them, are kept until asyncio_taskgroup_release, until the task that the block
 *      ran in ends, or until the loop is closed: a coroutine that starts one failing group after another should release
 *      them. With asyncio_taskgroup_in the errors are in your array, and the task's end does not release them.
 *   5. A group is used by one block at a time, in the frame of the coroutine (or in storage that outlives the block).
 *
 *            enter                 a child fails, cancel(), an error of the body
 *     NEW ---------> OPEN --------------------------------------------------------> ABORTING
 *                     | end of the body                                                |  end of the body
 *                     v           a child fails, cancel(), the parent is cancelled     v
 *                  EXITING --------------------------------------------------------> EXITING, ABORTING
 *                     | no child left                                                  | no child left
 *                     +------------------------------> FINISHED <----------------------+
 *
 *   create_task: in OPEN, and in EXITING while a child runs.
 */
#ifndef ASYNCIO_TASKGROUPS_H
#define ASYNCIO_TASKGROUPS_H

#include "../asyncio_loop.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asyncio_taskgroup asyncio_taskgroup;

/* One child that runs, or its error: on the heap, or in an array of yours. All of it is the library's. */
typedef struct asyncio_taskgroup_child asyncio_taskgroup_child;
struct asyncio_taskgroup_child {
    asyncio__leftover leftover; /* first; on the heap only: an array may be gone before its task ends */
    asyncio_taskgroup_child *next, *prev;
    asyncio_taskgroup *group;
    asyncio_task *task;
    asyncio_awaited_by link; /* its done callback, on the parent's behalf */
    asyncio_value detail;
    int err;
    bool heap;
};

/* A block for ASYNC_WITH. All of it is the library's; read it by the functions below. */
struct asyncio_taskgroup {
    asyncio_block block;
    asyncio_task *parent;              /* while entered */
    asyncio_taskgroup_child *children; /* that run, oldest first; the first one's prev is the last */
    asyncio_taskgroup_child *errors;   /* the same of those that failed */
    asyncio_taskgroup_child *spare;    /* of the array, linked by next */
    asyncio_future completed;          /* settled when the last child has gone */
    asyncio_value detail;              /* of the cancellation that the block will raise */
    size_t error_count;
    int body_err;
    asyncio_value body_detail;
    bool heap; /* children on the heap, not in an array */
    bool entered, exiting, aborting, finished;
    bool waiting;          /* `completed` is awaited */
    bool cancelled;        /* a cancellation is to go on outward */
    bool parent_cancelled; /* by this group */
    bool interrupted;      /* ASYNCIO_EINTERRUPT is to be raised alone */
};

typedef struct asyncio_taskgroup_error {
    int err;
    asyncio_value detail; /* see asyncio_traceback */
    asyncio_task *task;   /* NULL: the block's own body */
} asyncio_taskgroup_error;

/* ---- The children ---- */

static inline void asyncio__group_link(asyncio_taskgroup_child **head, asyncio_taskgroup_child *child)
{
    child->next = NULL;
    child->prev = child;
    if (*head != NULL) {
        child->prev = (*head)->prev;
        child->prev->next = child;
        (*head)->prev = child;
    } else {
        *head = child;
    }
}

static inline void asyncio__group_unlink(asyncio_taskgroup_child **head, asyncio_taskgroup_child *child)
{
    if (child == *head)
        *head = child->next;
    else
        child->prev->next = child->next;
    if (child->next != NULL)
        child->next->prev = child->prev;
    else if (*head != NULL)
        (*head)->prev = child->prev;
}

/* The task that the block ran in has ended, or the loop is closed. The group itself may be gone. */
static inline void asyncio__group_leftover(asyncio_loop *loop, asyncio__leftover *leftover)
{
    asyncio_taskgroup_child *child = (asyncio_taskgroup_child *)(void *)leftover;
    asyncio_handle_cancel(&child->link.handle); /* it runs: its block was left by goto */
    if (child->err != 0)
        asyncio_task_release(child->task);
    asyncio__core_of(loop)->free(child);
}

static inline asyncio_taskgroup_child *asyncio__group_child_new(asyncio_taskgroup *group)
{
    asyncio__core *core = asyncio__core_of(group->parent->future.loop);
    asyncio_taskgroup_child *child = group->spare;
    if (child != NULL)
        group->spare = child->next;
    else if (group->heap && core->alloc != NULL)
        child = (asyncio_taskgroup_child *)core->alloc(sizeof *child);
    if (child == NULL)
        return NULL;
    asyncio__clear(child, sizeof *child);
    child->group = group;
    child->heap = group->heap;
    if (child->heap)
        asyncio__leftover_add(group->parent, &child->leftover, asyncio__group_leftover);
    return child;
}

static inline void asyncio__group_child_free(asyncio_taskgroup *group, asyncio_loop *loop,
                                             asyncio_taskgroup_child *child)
{
    if (child->heap) {
        asyncio__leftover_remove(loop, &child->leftover);
        asyncio__core_of(loop)->free(child);
    } else {
        child->next = group->spare;
        group->spare = child;
    }
}

static inline void asyncio__group_abort(asyncio_taskgroup *group)
{
    asyncio_taskgroup_child *child;
    group->aborting = true;
    for (child = group->children; child != NULL; child = child->next)
        if (!asyncio_task_done(child->task))
            (void)asyncio_task_cancel(child->task, NULL);
}

static inline void asyncio__group_cancel_parent(asyncio_taskgroup *group)
{
    group->parent_cancelled = true;
    (void)asyncio_task_cancel(group->parent, NULL);
}

static inline void asyncio__group_failed(asyncio_taskgroup *group, asyncio_taskgroup_child *child)
{
    child->err = asyncio_task_exception(child->task);
    child->detail = child->task->future.value;
    (void)asyncio_task_hold(child->task);
    if (child->heap)
        group->parent->future.flags |= ASYNCIO__LEFTOVERS;
    asyncio__group_link(&group->errors, child);
    group->error_count++;
    if (child->err == ASYNCIO_EINTERRUPT)
        group->interrupted = true;
    if (!group->aborting && !group->parent_cancelled) {
        asyncio__group_abort(group);
        asyncio__group_cancel_parent(group);
    }
}

static inline void asyncio__group_child_done(asyncio_future *future, void *arg)
{
    asyncio_taskgroup_child *child = (asyncio_taskgroup_child *)arg;
    asyncio_taskgroup *group = child->group;
    asyncio__group_unlink(&group->children, child);
    if (group->waiting && group->children == NULL && !asyncio_future_done(&group->completed))
        (void)asyncio_future_set_result(&group->completed, 1);
    if (asyncio_future_cancelled(future) || asyncio_future_exception(future) == 0)
        asyncio__group_child_free(group, future->loop, child);
    else
        asyncio__group_failed(group, child);
}

/* ---- The block ---- */

static inline asyncio_status asyncio__group_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    asyncio_taskgroup *group = (asyncio_taskgroup *)(void *)block;
    (void)self;
    if (group->entered)
        return asyncio__status(ASYNCIO_ERUNTIME, 0);
    group->entered = true;
    group->parent = task;
    if (group->aborting) /* asyncio_taskgroup_cancel came first */
        asyncio__group_cancel_parent(group);
    return asyncio__status(0, 0);
}

/* Where the traceback of ASYNCIO_EGROUP ends that of the first error begins. */
ASYNCIO__COLD asyncio_value asyncio__group_traceback(const asyncio_taskgroup *group, asyncio_loop *loop)
{
#if ASYNCIO_TRACEBACK
    const asyncio_taskgroup_child *first = group->errors;
    asyncio_value detail = first != NULL ? first->detail : group->body_detail;
    detail = asyncio__trace_add(loop, detail, NULL, NULL, (int)group->error_count);
    asyncio__core_of(loop)->trace[(uint32_t)detail % ASYNCIO_TRACEBACK].err = first ? first->err : group->body_err;
    return detail;
#else
    (void)group, (void)loop;
    return 0;
#endif
}

/* All children have gone: what the block raises. */
static inline asyncio_status asyncio__group_finish(asyncio_taskgroup *group)
{
    asyncio_task *parent = group->parent;
    group->finished = true;
    group->parent = NULL;
    if (group->interrupted)
        return asyncio__status(ASYNCIO_EINTERRUPT, 0);
    if (group->parent_cancelled && asyncio_task_uncancel(parent) == 0)
        group->cancelled = false;
    if (group->cancelled && group->errors == NULL)
        return asyncio__status(ASYNCIO_ECANCELLED, group->detail);
    if (group->body_err != 0 && group->body_err != ASYNCIO_ECANCELLED)
        group->error_count++; /* the last in the list */
    if (group->error_count == 0)
        return asyncio__status(0, 0);
    if (asyncio_task_cancelling(parent) != 0) { /* somebody else's request: it is delivered at the next await */
        (void)asyncio_task_uncancel(parent);
        (void)asyncio_task_cancel(parent, NULL);
    }
    return asyncio__status(ASYNCIO_EGROUP, asyncio__group_traceback(group, parent->future.loop));
}

static inline asyncio_status asyncio__group_wait(asyncio_taskgroup *group, asyncio_task *task)
{
    group->waiting = group->children != NULL;
    if (!group->waiting)
        return asyncio__group_finish(group);
    asyncio_future_init(&group->completed, task->future.loop);
    return asyncio_await_future(task, &group->completed);
}

static inline void asyncio__group_cancelled(asyncio_taskgroup *group, asyncio_value detail)
{
    group->cancelled = true;
    group->detail = detail;
}

static inline asyncio_status asyncio__group_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    asyncio_taskgroup *group = (asyncio_taskgroup *)(void *)block;
    (void)self;
    if (task->wait.node.wait != NULL && err == 0) /* a primitive's status that was never awaited: else the block could */
        err = ASYNCIO_ERUNTIME;                   /* not wait for its children */
    if (task->wait.node.wait != NULL)
        asyncio__forget_wait(task);
    group->exiting = true;
    group->body_err = err;
    group->body_detail = block->detail;
    if (err == ASYNCIO_EINTERRUPT)
        group->interrupted = true;
    if (err == ASYNCIO_ECANCELLED)
        asyncio__group_cancelled(group, block->detail);
    if (err != 0 && !group->aborting)
        asyncio__group_abort(group);
    return asyncio__group_wait(group, task);
}

/* The wait for the last child is over: it has gone, or the parent was cancelled, perhaps not for the first time. */
static inline asyncio_status asyncio__group_resume(asyncio_block *block, asyncio_coro *self, asyncio_task *task,
                                                   int err, int outcome)
{
    asyncio_taskgroup *group = (asyncio_taskgroup *)(void *)block;
    (void)err;
    if (outcome == ASYNCIO_ECANCELLED && !group->aborting) {
        asyncio__group_cancelled(group, self->value);
        asyncio__group_abort(group);
    }
    return asyncio__group_wait(group, task);
}

static const asyncio_block_type asyncio__group_block = {asyncio__group_enter, asyncio__group_exit,
                                                        asyncio__group_resume};

/*
 * asyncio_taskgroup() - a group for a block, its children's records on the heap:
 * asyncio_taskgroup_in(array, count) - the same with records in an array of asyncio_taskgroup_child of yours: as many
 * children at a time; those that failed keep theirs.
 *
 *     ASYNC_WITH(&self->group, asyncio_taskgroup()) {...}        with an asyncio_taskgroup in the frame
 *
 *   array      in use until the block is over, and its errors until asyncio_taskgroup_release
 *   Suspends   leaving the block does, until the last child is done and its callback ran
 *   Errors     of the block: ASYNCIO_EGROUP if a child failed, or the body while or before it waited;
 *              ASYNCIO_ECANCELLED if the task was cancelled from outside and nothing failed (if something did, ECANCELLED
 *              comes at the next await); ASYNCIO_EINTERRUPT; ASYNCIO_ERUNTIME for a group that was entered before and
 *              not set up again
 *   Memory     one block per child that runs (heap); entering and leaving allocate nothing. Cost: O(children).
 *   Source     taskgroups.py:TaskGroup. Differs: an abort goes through the children oldest first, where CPython has a
 *              set.
 *
 * asyncio_taskgroup_init(group), asyncio_taskgroup_init_in(group, array, count) - set one up before ASYNC_WITH(group).
 * Once for each time it is entered.
 */
static inline void asyncio_taskgroup_init(asyncio_taskgroup *group)
{
    asyncio__clear(group, sizeof *group);
    group->block.type = &asyncio__group_block;
    group->heap = true;
}
static inline void asyncio_taskgroup_init_in(asyncio_taskgroup *group, asyncio_taskgroup_child *array, size_t count)
{
    asyncio_taskgroup_init(group);
    group->heap = false;
    while (count-- > 0) {
        array[count].next = group->spare;
        group->spare = &array[count];
    }
}
#define asyncio_taskgroup() asyncio_taskgroup_init(ASYNCIO__BLOCK)
#define asyncio_taskgroup_in(array, count) asyncio_taskgroup_init_in(ASYNCIO__BLOCK, array, count)

/*
 * asyncio_taskgroup_create_task(group, coro, .name = "n", ...) - run a coroutine as a child.
 *
 *   coro       from ASYNC_NEW or ASYNC_AT; taken over in every case. Options as asyncio_create_task's.
 *   Suspends   never
 *   Returns    0; ASYNCIO_ERUNTIME if the group is shutting down, or, told to the exception handler, too, if it was not
 *              entered or is finished; ASYNCIO_ENOMEM, told as well, if there is no record for it or coro is NULL; what
 *              create_task returns. After an error the coroutine is closed.
 *   Memory     one block, freed when the child's callback ran, unless it failed. Cost: O(1).
 *   Source     taskgroups.py:TaskGroup.create_task
 */
static inline int asyncio__group_refused(const asyncio_taskgroup *group)
{
    return !group->entered || group->finished || group->aborting || (group->exiting && group->children == NULL);
}

static inline int asyncio__group_start(asyncio_taskgroup *group, asyncio_root *root, asyncio_task_options *options,
                                       asyncio_taskgroup_child *child)
{
    asyncio_task **into = options->into;
    asyncio_loop *loop = group->parent->future.loop;
    int err;
    options->into = &child->task;
    err = asyncio_loop_create_task(loop, root, options);
    if (err == 0 && child->task == NULL) /* a factory that did not hand .into on */
        err = ASYNCIO_ERUNTIME;
    if (into != NULL)
        *into = err == 0 ? asyncio_task_hold(child->task) : NULL;
    if (err != 0) {
        asyncio__group_child_free(group, loop, child);
        return err;
    }
    asyncio__group_link(&group->children, child);
    (void)asyncio_task_add_done_callback(child->task, &child->link.handle, asyncio__group_child_done, child);
    asyncio__awaited_by(&child->link, &group->parent->future);
    asyncio_task_release(child->task);
    return 0;
}

ASYNCIO__NOINLINE int asyncio__group_create_task(asyncio_taskgroup *group, asyncio_root *root,
                                                 asyncio_task_options *options)
{
    asyncio_taskgroup_child *child;
    if (asyncio__group_refused(group))
        return asyncio__task_refuse(group->aborting && !group->finished ? NULL : asyncio__running_loop, root,
                                    options->into, ASYNCIO_ERUNTIME, "create_task: outside of its TaskGroup's block");
    child = root != NULL ? asyncio__group_child_new(group) : NULL;
    if (child == NULL)
        return asyncio__task_refuse(group->parent->future.loop, root, options->into, ASYNCIO_ENOMEM,
                                    root == NULL ? "create_task: out of memory" : "create_task: no record for a child");
    return asyncio__group_start(group, root, options, child);
}

#define asyncio_taskgroup_create_task(group, ...)                                                                      \
    ASYNCIO__EXTENSION({                                                                                               \
        asyncio_task_options asyncio__child_options;                                                                   \
        asyncio__no_options(&asyncio__child_options);                                                                  \
        ASYNCIO__SET(asyncio__child_options, __VA_ARGS__)                                                              \
        asyncio__group_create_task((group), ASYNCIO__FIRST(__VA_ARGS__), &asyncio__child_options);                     \
    })

/*
 * asyncio_taskgroup_cancel - end a group early: cancel what runs in it, and its body; the block then ends without an
 * error, unless something fails. Before the block is entered: as soon as it is. Again, or afterwards: nothing.
 *
 *   Suspends   never. Returns nothing; allocates nothing. Cost: O(children).
 *   Source     CPython 3.15's TaskGroup.cancel
 */
static inline void asyncio_taskgroup_cancel(asyncio_taskgroup *group)
{
    if (group->finished)
        return;
    if (!group->aborting)
        asyncio__group_abort(group);
    if (group->parent != NULL && !group->parent_cancelled)
        asyncio__group_cancel_parent(group);
}

/*
 * asyncio_taskgroup_children - the children whose end the group has not seen yet, oldest first.
 *
 *   tasks, size   where to put the first `size` of them; NULL and 0 to count only
 *   Suspends      never. Allocates nothing. Cost: O(n).
 *   Returns       how many there are. The pointers are good until you next await.
 *   Source        none; asked for by asyncio's users
 */
static inline size_t asyncio_taskgroup_children(const asyncio_taskgroup *group, asyncio_task **tasks, size_t size)
{
    size_t count = 0;
    const asyncio_taskgroup_child *child;
    for (child = group->children; child != NULL; child = child->next, count++)
        if (count < size)
            tasks[count] = child->task;
    return count;
}

/*
 * asyncio_taskgroup_error_count - how many errors the group has. asyncio_taskgroup_get_error - one of them.
 *
 *   index      0: the first that the group learned of; the body's own is the last
 *   error      receives the error, its detail and its task (held by the group; NULL: the body's); zeros for none
 *   Suspends   never. Allocates nothing. Cost: O(index).
 *   Returns    false if there is none with that index
 *   Source     Python's ExceptionGroup.exceptions
 */
static inline size_t asyncio_taskgroup_error_count(const asyncio_taskgroup *group) { return group->error_count; }
static inline bool asyncio_taskgroup_get_error(const asyncio_taskgroup *group, size_t index,
                                               asyncio_taskgroup_error *error)
{
    const asyncio_taskgroup_child *child = group->errors;
    if (index >= group->error_count) {
        error->err = 0;
        error->detail = 0;
        error->task = NULL;
        return false;
    }
    for (; child != NULL && index > 0; index--)
        child = child->next;
    error->err = child != NULL ? child->err : group->body_err;
    error->detail = child != NULL ? child->detail : group->body_detail;
    error->task = child != NULL ? child->task : NULL;
    return true;
}

/*
 * asyncio_taskgroup_release - give up the errors of a group whose block is over, and the tasks that had them.
 *
 *   Suspends   never. Returns nothing. Cost: O(errors).
 *   Source     none: Python counts references
 */
static inline void asyncio_taskgroup_release(asyncio_taskgroup *group)
{
    asyncio_taskgroup_child *child;
    while (group->finished && (child = group->errors) != NULL) {
        asyncio_loop *loop = child->task->future.loop;
        asyncio__group_unlink(&group->errors, child);
        asyncio_task_release(child->task);
        asyncio__group_child_free(group, loop, child);
    }
    if (group->finished)
        group->error_count = 0;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_TASKGROUPS_H */
