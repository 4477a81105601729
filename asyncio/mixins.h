/* SPDX-License-Identifier: MIT
 *
 * asyncio/mixins.h - what locks and queues have in common: tasks that wait in an object, in the order in which they
 * came, and an object that belongs to one loop from the first time that somebody waits in it.
 *
 * All of it is the library's: asyncio/locks.h and asyncio/queues.h have what programs call.
 *
 *              an object wakes it              its turn          its turn is a `run`: it takes what it waited for,
 *     WAITING ---------------------> WOKEN ----------------->    goes on waiting, or hands the wake-up on
 *        |  cancel                                     ^
 *        +----------> LEFT ----------------------------+
 *
 * Source: CPython Lib/asyncio/mixins.py has the loop; the waiters are the deques of Futures in locks.py and queues.py.
 */
#ifndef ASYNCIO_MIXINS_H
#define ASYNCIO_MIXINS_H

#include "../asyncio_task.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A task that waits has no use yet for its Future's `err`, the outcome of its await: it says how the wait stands. */
#define ASYNCIO__WAIT_CANCELLED 1 /* the outcome will be ASYNCIO_ECANCELLED, with the leaf's value as its message */
#define ASYNCIO__WAIT_LEFT 2      /* in the ready list because it was cancelled, not because it was woken */
#define ASYNCIO__WAIT_AHEAD 4     /* ... when nobody waited before it: the lock counts those */
#define ASYNCIO__WAIT_FILLS 8     /* counted in the Barrier; the leaf's value is its index until it is cancelled */

static inline bool asyncio__wait_is(const asyncio_task *task, int state) { return (task->future.err & state) != 0; }
static inline void asyncio__wait_set(asyncio_task *task, int state) { task->future.err = (int16_t)state; }
static inline void asyncio__wait_add(asyncio_task *task, int state)
{
    task->future.err = (int16_t)(task->future.err | state);
}
static inline bool asyncio__must_cancel(const asyncio_task *task)
{
    return (task->future.flags & ASYNCIO__MUST_CANCEL) != 0;
}

/* The word of a waiting task, in the frame that waits. */
static inline asyncio_value *asyncio__word_of(asyncio_task *task) { return &asyncio__root_of(task)->awaiter->value; }

/* Makes the task wait in an object's list. `bound` is the object's loop: the first that had to wait decides. */
static inline asyncio_status asyncio__wait_in(asyncio_task *task, const asyncio__wait *wait, void *object,
                                              asyncio__node **waiters, asyncio_loop **bound)
{
    if (*bound == NULL)
        *bound = task->future.loop;
    if (ASYNCIO__UNLIKELY(*bound != task->future.loop))
        return asyncio__status(ASYNCIO_EWRONGLOOP, 0);
    if (ASYNCIO__UNLIKELY(!asyncio__arm(task, wait)))
        return asyncio__status(ASYNCIO_ERUNTIME, 0);
    task->wait.slot.object = object;
    asyncio__wait_set(task, 0);
    asyncio__list_append(waiters, &task->wait.node);
    return asyncio__status(ASYNCIO__PENDING, 0);
}

/* Into the ready list, where its turn is to come. What a task is while it waits, and what it is then, are two of one
 * array: an indirect call less. */
static inline void asyncio__wait_turn(asyncio__node *node)
{
    node->wait++;
    asyncio__ready_push(asyncio__core_of(asyncio__node_task(node)->future.loop), node);
}
static inline void asyncio__wait_wake(asyncio__node *node, asyncio_future *future)
{
    (void)future;
    asyncio__wait_turn(node);
}

/* Wakes who has waited longest in a list, or everybody. */
static inline bool asyncio__wake_next(asyncio__node **waiters)
{
    asyncio__node *node = *waiters, *next;
    if (node == NULL)
        return false;
    *waiters = next = node->next;
    if (next != NULL)
        next->prev = node->prev;
    asyncio__wait_turn(node);
    return true;
}
static inline void asyncio__wake_all(asyncio__node **waiters)
{
    asyncio__node *node = *waiters, *next;
    *waiters = NULL;
    for (; node != NULL; node = next) {
        next = node->next;
        asyncio__wait_turn(node);
    }
}

/* The same for those who have nothing to do at their turn: they go on at once, with this value. */
static inline void asyncio__let_go(asyncio__node **waiters, asyncio_value value)
{
    asyncio__node *node = *waiters, *next;
    *waiters = NULL;
    for (; node != NULL; node = next) {
        next = node->next;
        asyncio__wake(asyncio__node_task(node), 0, value);
    }
}

/* A cancelled task leaves the list that it waits in; its turn is to come. */
static inline bool asyncio__wait_leave(asyncio_task *task, asyncio__node **waiters, asyncio_value msg)
{
    asyncio__list_remove(waiters, &task->wait.node);
    *asyncio__word_of(task) = msg;
    asyncio__wait_add(task, ASYNCIO__WAIT_LEFT | ASYNCIO__WAIT_CANCELLED);
    asyncio__wait_turn(&task->wait.node);
    return true;
}

/* cancel() of one whose turn is to come. The slot is in use: the message goes where nothing stands that an uncancel()
 * might still need, else asyncio_task_cancel's own copy must do. */
static inline bool asyncio__turn_cancel(asyncio_task *task, asyncio_value msg)
{
    if (task->future.err == 0)
        *asyncio__word_of(task) = msg;
    return false;
}

/* A cancel() that came before its turn is taken, not delivered yet: the coroutine has more to do. */
static inline void asyncio__turn_absorb(asyncio_task *task)
{
    if (!asyncio__must_cancel(task))
        return;
    if (!asyncio__wait_is(task, ASYNCIO__WAIT_LEFT)) { /* else it had one already, and of two the first is raised */
        if (task->future.err != 0)
            *asyncio__word_of(task) = asyncio__cancel_message(task);
        asyncio__wait_add(task, ASYNCIO__WAIT_CANCELLED);
    }
    asyncio__cancel_over(task);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_MIXINS_H */
