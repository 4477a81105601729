/* SPDX-License-Identifier: MIT
 *
 * asyncio/locks.h - Lock, Event, Condition, Semaphore, BoundedSemaphore, Barrier; `async with` for each that has it.
 *
 *     #include "asyncio.h"
 *     #include <stdio.h>
 *
 *     static asyncio_lock lock;                                  // zero: unlocked
 *     static asyncio_semaphore slots;
 *
 *     ASYNC(worker, int n; asyncio_held held, slot;)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_WITH(&self->slot, asyncio_semaphore_held(&slots)) {
 *             ASYNC_AWAIT(asyncio_sleep(1));                     // two of them at a time
 *             ASYNC_WITH(&self->held, asyncio_lock_held(&lock)) {
 *                 printf("worker %d has the lock\n", self->n);   // one at a time
 *                 ASYNC_AWAIT(asyncio_sleep(0));
 *             }
 *         }
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, int n;)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_semaphore_init(&slots, 2);
 *         for (self->n = 0; self->n < 4; self->n++)
 *             asyncio_create_task(ASYNC_NEW(worker, .n = self->n));
 *         ASYNC_AWAIT(asyncio_sleep(5));
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * Rules, the bad news first
 *
 *   1. An object stays where it is while a task waits in it. main's frame is good for it: it stays until run() is over.
 *      The frame of another coroutine is only if that one ends after those who wait, as with a task group. An object
 *      belongs to one loop from the first time that somebody waits, for ever: a wait from another loop gives
 *      ASYNCIO_EWRONGLOOP. Init makes a new one of it.
 *   2. Not between threads: everything here is called in the loop's thread. Elsewhere: asyncio_call_soon_threadsafe.
 *   3. A lock knows no owner: anybody may release it, and who acquires twice waits for itself.
 *   4. What is acquired by ASYNC_AWAIT must be released on every way out: use ASYNC_WITH, or ASYNC_FINALLY.
 *   5. Between its wake-up and its turn a task has not got the lock yet: asyncio_lock_locked is false then, and who
 *      acquires queues up nevertheless.
 *   6. cond.wait() comes back with the lock held also if it was cancelled, and may come back for nothing: ask again for
 *      what you wait for, in a loop or with asyncio_condition_wait_for.
 *
 * One who waits for a Lock. The others differ in what happens at its turn
 *
 *                 release            its turn
 *     WAITING ---------------> WOKEN ----------> has it       WOKEN, LEFT: in the ready list, a turn to come
 *        |  cancel               | cancel        cancelled    A WOKEN one that is cancelled wakes the next at its turn,
 *        +--------> LEFT         +-------------> wakes next   so does one that LEFT: no wake-up is ever lost
 *                     +------------------------> cancelled
 *
 * Every function that ends in `status` below is for ASYNC_AWAIT, inside of a coroutine's body only, in one statement.
 * They allocate nothing: who waits is linked into the object, in the order in which they came. Everything costs O(1)
 * but waking many at once. Cancelled while waiting, each gives ASYNCIO_ECANCELLED; if the task waits in something else
 * already, whose status was never awaited, ASYNCIO_ERUNTIME. No heap, no libc, no clock: for firmware, too.
 */
#ifndef ASYNCIO_LOCKS_H
#define ASYNCIO_LOCKS_H

#include "mixins.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Lock ---- */

/* CPython's queue holds a woken one, if any, at its head, and between those that wait some that were cancelled and have
 * not run yet: one of these at its head keeps release() from waking anybody, for it will do so itself. Only one that
 * had nobody waiting before it when it was cancelled can get there: the others run before those before them. */
enum { ASYNCIO__LOCK_FREE, ASYNCIO__LOCK_HELD, ASYNCIO__LOCK_PROMISED };
typedef struct asyncio_lock {
    asyncio__node *waiters;
    asyncio_loop *loop;
    unsigned ahead; /* WAIT_AHEAD: cancelled, turn to come, nobody before them */
    uint8_t state;  /* ASYNCIO__LOCK_*; promised: to the one that was woken */
} asyncio_lock;

/*
 * asyncio_lock_init - an unlocked Lock. Zeroed storage is one, too: static asyncio_lock lock;
 *
 *   Suspends   never. Returns nothing. Source: locks.py:Lock
 *
 * asyncio_lock_locked - whether it is held. Not while its next owner is on its way: see rule 5.
 */
static inline void asyncio_lock_init(asyncio_lock *lock) { asyncio__clear(lock, sizeof *lock); }
static inline bool asyncio_lock_locked(const asyncio_lock *lock)
{
    return lock->state == ASYNCIO__LOCK_HELD;
}

/* Whether acquire() may go ahead of those who have been cancelled, for nobody else waits. */
ASYNCIO__HOT bool asyncio__lock_free(const asyncio_lock *lock)
{
    return lock->state == ASYNCIO__LOCK_FREE && lock->waiters == NULL;
}

/* Of a free lock. */
static inline void asyncio__lock_wake_first(asyncio_lock *lock)
{
    if (lock->waiters != NULL && lock->ahead == 0 && asyncio__wake_next(&lock->waiters))
        lock->state = ASYNCIO__LOCK_PROMISED;
}

static inline bool asyncio__lock_leave(asyncio_lock *lock, asyncio_task *task, asyncio_value msg)
{
    if (lock->waiters == &task->wait.node) {
        asyncio__wait_add(task, ASYNCIO__WAIT_AHEAD);
        lock->ahead++;
    }
    return asyncio__wait_leave(task, &lock->waiters, msg);
}

/* The turn of one that will not take the lock. */
static inline void asyncio__lock_give_up(asyncio_lock *lock, asyncio_task *task)
{
    if (!asyncio__wait_is(task, ASYNCIO__WAIT_LEFT))
        lock->state = ASYNCIO__LOCK_FREE;
    else if (asyncio__wait_is(task, ASYNCIO__WAIT_AHEAD))
        lock->ahead--;
    if (lock->state == ASYNCIO__LOCK_FREE)
        asyncio__lock_wake_first(lock);
}

/* The turn of one that waited for the lock: whether it has it now. */
static inline bool asyncio__lock_take(asyncio_lock *lock, asyncio_task *task)
{
    if (asyncio__wait_is(task, ASYNCIO__WAIT_LEFT) || asyncio__must_cancel(task)) {
        asyncio__lock_give_up(lock, task);
        return false;
    }
    lock->state = ASYNCIO__LOCK_HELD;
    return true;
}

static inline asyncio_lock *asyncio__lock_awaited(asyncio_task *task) { return (asyncio_lock *)task->wait.slot.object; }
static inline int asyncio__lock_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    bool taken = asyncio__lock_take(asyncio__lock_awaited(task), task);
    if (taken)
        *asyncio__word_of(task) = 1;
    return taken ? 0 : ASYNCIO_ECANCELLED;
}
static inline void asyncio__lock_turn_detach(asyncio_task *task)
{
    asyncio__lock_give_up(asyncio__lock_awaited(task), task);
}
static inline bool asyncio__lock_cancel(asyncio_task *task, asyncio_value msg)
{
    return asyncio__lock_leave(asyncio__lock_awaited(task), task, msg);
}
static const asyncio__wait asyncio__lock_wait[2] = {
    {NULL, asyncio__wait_wake, NULL, asyncio__lock_cancel,
     ASYNCIO__IN_LIST, offsetof(asyncio_lock, waiters) ASYNCIO__WHAT("waiting for a Lock")},
    {asyncio__lock_run, NULL, asyncio__lock_turn_detach, asyncio__turn_cancel,
     ASYNCIO__IN_TURN, 0 ASYNCIO__WHAT("about to get a Lock")}};

/*
 * asyncio_lock_acquire(lock) - a status: take the lock, wait for it if need be.
 *
 *   lock       not NULL
 *   Suspends   if it is held, or somebody waits who was not cancelled. First come, first served.
 *   Returns    0, value 1; ASYNCIO_ECANCELLED; ASYNCIO_EWRONGLOOP and ASYNCIO_ERUNTIME at once
 *   Source     locks.py:Lock.acquire
 */
#define asyncio_lock_acquire(lock) asyncio__lock_acquire(ASYNCIO__CURRENT, lock)
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_status asyncio__lock_acquire(asyncio_task *task, asyncio_lock *lock)
{
    if (ASYNCIO__LIKELY(asyncio__lock_free(lock))) {
        lock->state = ASYNCIO__LOCK_HELD;
        return asyncio__status(0, 1);
    }
    return asyncio__wait_in(task, asyncio__lock_wait, lock, &lock->waiters, &lock->loop);
}

/*
 * asyncio_lock_release - give the lock back, and wake who has waited longest.
 *
 *   Suspends   never: the next owner runs in the next iteration
 *   Returns    0; ASYNCIO_ERUNTIME if it is not locked
 *   Source     locks.py:Lock.release. Differs: an error code may be ignored where Python raises.
 */
static inline int asyncio_lock_release(asyncio_lock *lock)
{
    if (lock->state != ASYNCIO__LOCK_HELD)
        return ASYNCIO_ERUNTIME;
    lock->state = ASYNCIO__LOCK_FREE;
    asyncio__lock_wake_first(lock);
    return 0;
}

/* ---- Event ---- */

typedef struct asyncio_event {
    asyncio__node *waiters;
    asyncio_loop *loop;
    bool set;
} asyncio_event;

static inline void asyncio__event_wake(asyncio__node *node, asyncio_future *future)
{
    (void)future;
    asyncio__wake(asyncio__node_task(node), 0, 1);
}
static const asyncio__wait asyncio__event_wait_kind = {NULL, asyncio__event_wake, NULL, NULL,
                                                       ASYNCIO__IN_LIST, offsetof(asyncio_event, waiters)
                                                       ASYNCIO__WHAT("waiting for an Event")};

/*
 * asyncio_event_init - an Event that is not set. Zeroed storage is one, too.
 * asyncio_event_set - set it, and wake everybody who waits, in order: also if it is cleared again before they run.
 * asyncio_event_clear - from now on wait() waits. asyncio_event_is_set - whether it is set.
 *
 *   Suspend    never. Return nothing but is_set. Cost of set: O(who waits).
 *   Source     locks.py:Event
 */
static inline void asyncio_event_init(asyncio_event *event) { asyncio__clear(event, sizeof *event); }
static inline void asyncio_event_set(asyncio_event *event)
{
    event->set = true;
    asyncio__let_go(&event->waiters, 1);
}
static inline void asyncio_event_clear(asyncio_event *event) { event->set = false; }
static inline bool asyncio_event_is_set(const asyncio_event *event) { return event->set; }

/*
 * asyncio_event_wait(event) - a status: wait until it is set.
 *
 *   event      not NULL
 *   Suspends   if it is not set. Who comes after set() overtakes those who were woken by it.
 *   Returns    0, value 1, and is_set() may be false again by then; ASYNCIO_ECANCELLED; ASYNCIO_EWRONGLOOP and
 *              ASYNCIO_ERUNTIME at once
 *   Source     locks.py:Event.wait
 */
#define asyncio_event_wait(event) asyncio__event_wait(ASYNCIO__CURRENT, event)
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_status asyncio__event_wait(asyncio_task *task, asyncio_event *event)
{
    if (event->set)
        return asyncio__status(0, 1);
    return asyncio__wait_in(task, &asyncio__event_wait_kind, event, &event->waiters, &event->loop);
}

/* ---- Condition ---- */

typedef struct asyncio_condition {
    asyncio_lock *lock; /* NULL: its own */
    asyncio__node *waiters;
    asyncio_loop *loop;
    asyncio_lock own;
} asyncio_condition;

static inline asyncio_lock *asyncio__condition_lock(asyncio_condition *condition)
{
    return condition->lock != NULL ? condition->lock : &condition->own;
}

/*
 * asyncio_condition_init - a Condition.
 *
 *   lock       the Lock to use, perhaps of several Conditions; must stay; NULL: one of its own. Zeroed storage is a
 *              Condition with a Lock of its own.
 *   Suspends   never. Returns nothing. Source: locks.py:Condition
 *
 * asyncio_condition_acquire(condition), asyncio_condition_release, asyncio_condition_locked - the Lock's: acquire is a
 * status.
 */
static inline void asyncio_condition_init(asyncio_condition *condition, asyncio_lock *lock)
{
    asyncio__clear(condition, sizeof *condition);
    condition->lock = lock;
}
#define asyncio_condition_acquire(condition) asyncio__condition_acquire(ASYNCIO__CURRENT, condition)
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_status asyncio__condition_acquire(asyncio_task *task,
                                                                          asyncio_condition *condition)
{
    return asyncio__lock_acquire(task, asyncio__condition_lock(condition));
}
static inline int asyncio_condition_release(asyncio_condition *condition)
{
    return asyncio_lock_release(asyncio__condition_lock(condition));
}
static inline bool asyncio_condition_locked(const asyncio_condition *condition)
{
    return asyncio_lock_locked(condition->lock != NULL ? condition->lock : &condition->own);
}

/*
 * asyncio_condition_notify, asyncio_condition_notify_all - wake the first n of those who wait, or all.
 *
 *   n          if fewer wait, all of them; 0 or less: nobody
 *   Suspends   never. Those who were woken run when they get the lock, one after the other: release it.
 *   Returns    0; ASYNCIO_ERUNTIME if the lock is not held
 *   Cost       O(who is woken)
 *   Source     locks.py:Condition.notify, notify_all
 */
static inline int asyncio_condition_notify(asyncio_condition *condition, int n)
{
    if (!asyncio_condition_locked(condition))
        return ASYNCIO_ERUNTIME;
    while (n-- > 0 && asyncio__wake_next(&condition->waiters))
        continue;
    return 0;
}
static inline int asyncio_condition_notify_all(asyncio_condition *condition)
{
    if (!asyncio_condition_locked(condition))
        return ASYNCIO_ERUNTIME;
    asyncio__wake_all(&condition->waiters);
    return 0;
}

static inline asyncio_condition *asyncio__condition_awaited(asyncio_task *task)
{
    return (asyncio_condition *)task->wait.slot.object;
}

/* The wait is over, with the lock unless it belongs to another loop. An error may have cost somebody a notification. */
static inline int asyncio__condition_over(asyncio_condition *condition, asyncio_task *task, int err)
{
    asyncio_value *word = asyncio__word_of(task);
    if (err == 0 && asyncio__wait_is(task, ASYNCIO__WAIT_CANCELLED))
        err = ASYNCIO_ECANCELLED;
    else if (err != 0)
        *word = 0;
    if (err != 0)
        (void)asyncio__wake_next(&condition->waiters);
    else
        *word = 1;
    return err;
}

/* One that was woken or cancelled takes the lock again, or joins those who wait for it. */
static int asyncio__condition_relock(asyncio_condition *condition, asyncio_task *task);
static inline int asyncio__relock_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    asyncio_condition *condition = asyncio__condition_awaited(task);
    if (!asyncio__wait_is(task, ASYNCIO__WAIT_LEFT) && (task->future.flags & ASYNCIO__STICKY)) {
        /* This cancellation comes at every turn: two such would hand the lock to each other for ever. */
        asyncio__turn_absorb(task);
        asyncio__condition_lock(condition)->state = ASYNCIO__LOCK_HELD;
    } else if (!asyncio__lock_take(asyncio__condition_lock(condition), task)) {
        asyncio__turn_absorb(task);
        return asyncio__condition_relock(condition, task);
    }
    return asyncio__condition_over(condition, task, 0);
}
static inline void asyncio__relock_turn_detach(asyncio_task *task)
{
    asyncio__lock_give_up(asyncio__condition_lock(asyncio__condition_awaited(task)), task);
}
static inline void asyncio__relock_detach(asyncio_task *task)
{
    asyncio__list_remove(&asyncio__condition_lock(asyncio__condition_awaited(task))->waiters, &task->wait.node);
}
static inline bool asyncio__relock_cancel(asyncio_task *task, asyncio_value msg)
{
    asyncio_lock *lock = asyncio__condition_lock(asyncio__condition_awaited(task));
    return asyncio__lock_leave(lock, task, msg);
}
static const asyncio__wait asyncio__relock_wait[2] = {
    {NULL, asyncio__wait_wake, asyncio__relock_detach, asyncio__relock_cancel,
     ASYNCIO__IN_OTHER, 0 ASYNCIO__WHAT("waiting for a Condition's Lock")},
    {asyncio__relock_run, NULL, asyncio__relock_turn_detach, asyncio__turn_cancel,
     ASYNCIO__IN_TURN, 0 ASYNCIO__WHAT("about to get a Condition's Lock")}};

ASYNCIO__NOINLINE int asyncio__condition_relock(asyncio_condition *condition, asyncio_task *task)
{
    asyncio_lock *lock = asyncio__condition_lock(condition);
    int state = task->future.err & ~(ASYNCIO__WAIT_LEFT | ASYNCIO__WAIT_AHEAD);
    asyncio_status status;
    if (asyncio__lock_free(lock)) {
        lock->state = ASYNCIO__LOCK_HELD;
        return asyncio__condition_over(condition, task, 0);
    }
    task->wait.node.wait = NULL;
    status = asyncio__wait_in(task, asyncio__relock_wait, condition, &lock->waiters, &lock->loop);
    asyncio__wait_set(task, state);
    return status.code != ASYNCIO__PENDING ? asyncio__condition_over(condition, task, status.code) : status.code;
}

static inline int asyncio__condition_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    asyncio__turn_absorb(task);
    return asyncio__condition_relock(asyncio__condition_awaited(task), task);
}
static inline void asyncio__condition_turn_detach(asyncio_task *task)
{
    if (!asyncio__wait_is(task, ASYNCIO__WAIT_LEFT))
        (void)asyncio__wake_next(&asyncio__condition_awaited(task)->waiters);
}
static inline bool asyncio__condition_cancel(asyncio_task *task, asyncio_value msg)
{
    return asyncio__wait_leave(task, &asyncio__condition_awaited(task)->waiters, msg);
}
static const asyncio__wait asyncio__condition_wait_kind[2] = {
    {NULL, asyncio__wait_wake, NULL, asyncio__condition_cancel,
     ASYNCIO__IN_LIST, offsetof(asyncio_condition, waiters) ASYNCIO__WHAT("waiting for a Condition")},
    {asyncio__condition_run, NULL, asyncio__condition_turn_detach, asyncio__turn_cancel,
     ASYNCIO__IN_TURN, 0 ASYNCIO__WHAT("notified by a Condition")}};

/*
 * asyncio_condition_wait(condition) - a status: release the lock, wait to be notified, take the lock again.
 *
 *   condition  not NULL; its lock held by this task
 *   Suspends   always. A cancel() while it takes the lock again waits until it has it, too; of several the last one's
 *              message is raised.
 *   Returns    0, value 1, and with the lock held ASYNCIO_ECANCELLED: a notification that it may have got goes to the
 *              next then. At once ASYNCIO_ERUNTIME if the lock is not held; ASYNCIO_EWRONGLOOP.
 *   Source     locks.py:Condition.wait
 */
#define asyncio_condition_wait(condition) asyncio__condition_wait(ASYNCIO__CURRENT, condition)
static inline ASYNCIO__NODISCARD asyncio_status asyncio__condition_wait(asyncio_task *task,
                                                                        asyncio_condition *condition)
{
    asyncio_status status;
    if (!asyncio_condition_locked(condition))
        return asyncio__status(ASYNCIO_ERUNTIME, 0);
    status = asyncio__wait_in(task, asyncio__condition_wait_kind, condition, &condition->waiters, &condition->loop);
    if (status.code == ASYNCIO__PENDING)
        (void)asyncio_condition_release(condition);
    return status;
}

/* The frame of asyncio_condition_wait_for. */
typedef struct asyncio_condition_waiting {
    asyncio_coro coro;
    asyncio_condition *condition;
    asyncio_value (*predicate)(void *arg);
    void *arg;
} asyncio_condition_waiting;

static inline int asyncio__condition_waiting_resume(asyncio_coro *coro, asyncio_task *task, int err)
{
    asyncio_condition_waiting *self = (asyncio_condition_waiting *)(void *)coro;
    const char *name = ASYNCIO_STRINGS ? "asyncio_condition_wait_for" : NULL;
    asyncio_value result;
    if (err == ASYNCIO__DESCRIBE) {
        ((asyncio_frame_info *)(void *)task)->function = name;
        return ASYNCIO__PENDING;
    }
    coro->state = 1;
    while (err == 0) {
        result = self->predicate(self->arg);
        if (result != 0) {
            *asyncio__result_of(coro, task) = result;
            coro->state = 2;
            return 0;
        }
        err = asyncio__await_status(coro, task, asyncio__condition_wait(task, self->condition));
    }
    if (err != ASYNCIO__PENDING) {
        asyncio__raise(coro, task, err, name, NULL);
        coro->state = 2;
    }
    return err;
}

/*
 * asyncio_condition_wait_for - a coroutine: wait in the Condition until predicate(arg) is not 0.
 *
 *   waiting     its frame: storage of yours, a field, until it is over; may be used again then
 *   condition   its lock held by the awaiting task
 *   predicate   called with the lock held, at first before it waits, then after every wake-up; arg is handed to it
 *   Suspends    if the predicate is 0 at first
 *   Returns     0 and the predicate's value; errors as asyncio_condition_wait's
 *   Memory      none but `waiting`
 *   Source      locks.py:Condition.wait_for
 *
 *     ASYNC_AWAIT(asyncio_condition_wait_for(&self->waiting, &condition, is_ready, arg));
 */
static inline ASYNCIO__NODISCARD asyncio_coro *asyncio_condition_wait_for(asyncio_condition_waiting *waiting,
                                                                          asyncio_condition *condition,
                                                                          asyncio_value (*predicate)(void *arg),
                                                                          void *arg)
{
    asyncio__clear(waiting, sizeof *waiting);
    waiting->coro.resume = asyncio__condition_waiting_resume;
    waiting->condition = condition;
    waiting->predicate = predicate;
    waiting->arg = arg;
    return &waiting->coro;
}

/* ---- Semaphore ---- */

typedef struct asyncio_semaphore {
    asyncio__node *waiters;
    asyncio_loop *loop;
    int value;
    unsigned limit; /* one more than it may have; 0: not set up */
    unsigned woken; /* who got a slot already, and has not had its turn */
} asyncio_semaphore;

/*
 * asyncio_semaphore_init, asyncio_bounded_semaphore_init - a Semaphore with `value` free slots; the bounded one never
 * has more than that.
 *
 *   value      0 or more
 *   Suspends   never
 *   Returns    0; ASYNCIO_EVALUE if value is negative: then it is as with 0
 *   Source     locks.py:Semaphore, BoundedSemaphore. Differs: one type for both; at most INT_MAX slots.
 */
static inline int asyncio__semaphore_init(asyncio_semaphore *semaphore, int value, int bound)
{
    asyncio__clear(semaphore, sizeof *semaphore);
    semaphore->value = value < 0 ? 0 : value;
    semaphore->limit = bound < 0 ? 1u : (unsigned)bound + 1;
    return value < 0 ? ASYNCIO_EVALUE : 0;
}
static inline int asyncio_semaphore_init(asyncio_semaphore *semaphore, int value)
{
    return asyncio__semaphore_init(semaphore, value, (int)(~0u >> 1));
}
static inline int asyncio_bounded_semaphore_init(asyncio_semaphore *semaphore, int value)
{
    return asyncio__semaphore_init(semaphore, value, value);
}

/* asyncio_semaphore_locked - whether acquire() would wait: no slot is free, or somebody comes first. */
ASYNCIO__HOT bool asyncio_semaphore_locked(const asyncio_semaphore *semaphore)
{
    return semaphore->value == 0 || semaphore->waiters != NULL || semaphore->woken != 0;
}

/* The slot is taken for the one that is woken, before it runs. */
static inline bool asyncio__semaphore_wake_next(asyncio_semaphore *semaphore)
{
    if (!asyncio__wake_next(&semaphore->waiters))
        return false;
    semaphore->value--;
    semaphore->woken++;
    return true;
}

static inline asyncio_semaphore *asyncio__semaphore_awaited(asyncio_task *task)
{
    return (asyncio_semaphore *)task->wait.slot.object;
}

/* The turn of one that was woken, or cancelled: whether it has its slot. */
static inline bool asyncio__semaphore_take(asyncio_semaphore *semaphore, asyncio_task *task, bool wants)
{
    bool taken = wants && !asyncio__wait_is(task, ASYNCIO__WAIT_LEFT);
    if (!asyncio__wait_is(task, ASYNCIO__WAIT_LEFT)) {
        semaphore->woken--;
        if (!taken)
            semaphore->value++;
    }
    while (semaphore->value > 0 && asyncio__semaphore_wake_next(semaphore))
        continue;
    return taken;
}
static inline int asyncio__semaphore_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    bool taken = asyncio__semaphore_take(asyncio__semaphore_awaited(task), task, !asyncio__must_cancel(task));
    if (taken)
        *asyncio__word_of(task) = 1;
    return taken ? 0 : ASYNCIO_ECANCELLED;
}
static inline void asyncio__semaphore_turn_detach(asyncio_task *task)
{
    (void)asyncio__semaphore_take(asyncio__semaphore_awaited(task), task, false);
}
static inline bool asyncio__semaphore_cancel(asyncio_task *task, asyncio_value msg)
{
    return asyncio__wait_leave(task, &asyncio__semaphore_awaited(task)->waiters, msg);
}
static const asyncio__wait asyncio__semaphore_wait[2] = {
    {NULL, asyncio__wait_wake, NULL, asyncio__semaphore_cancel,
     ASYNCIO__IN_LIST, offsetof(asyncio_semaphore, waiters) ASYNCIO__WHAT("waiting for a Semaphore")},
    {asyncio__semaphore_run, NULL, asyncio__semaphore_turn_detach, asyncio__turn_cancel,
     ASYNCIO__IN_TURN, 0 ASYNCIO__WHAT("about to get a Semaphore")}};

/*
 * asyncio_semaphore_acquire(semaphore) - a status: take a slot, wait for one if need be.
 *
 *   semaphore  not NULL
 *   Suspends   if asyncio_semaphore_locked. First come, first served, also if slots are free.
 *   Returns    0, value 1; ASYNCIO_ECANCELLED; ASYNCIO_EWRONGLOOP, ASYNCIO_ERUNTIME, and ASYNCIO_ENOINIT for zeroed
 *              storage at once
 *   Source     locks.py:Semaphore.acquire
 */
#define asyncio_semaphore_acquire(semaphore) asyncio__semaphore_acquire(ASYNCIO__CURRENT, semaphore)
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_status asyncio__semaphore_acquire(asyncio_task *task,
                                                                          asyncio_semaphore *semaphore)
{
    if (ASYNCIO__LIKELY(!asyncio_semaphore_locked(semaphore))) {
        semaphore->value--;
        return asyncio__status(0, 1);
    }
    if (ASYNCIO__MISTAKE(semaphore->limit == 0))
        return asyncio__status(ASYNCIO_ENOINIT, 0);
    return asyncio__wait_in(task, asyncio__semaphore_wait, semaphore, &semaphore->waiters, &semaphore->loop);
}

/*
 * asyncio_semaphore_release - give a slot back, and wake who has waited longest.
 *
 *   Suspends   never: who is woken runs in the next iteration
 *   Returns    0; ASYNCIO_EVALUE if a bounded one has all its slots already, or another one INT_MAX; ASYNCIO_ENOINIT
 *   Source     locks.py:Semaphore.release, BoundedSemaphore.release
 */
static inline int asyncio_semaphore_release(asyncio_semaphore *semaphore)
{
    if ((unsigned)semaphore->value + 1 >= semaphore->limit)
        return ASYNCIO__MISTAKE(semaphore->limit == 0) ? ASYNCIO_ENOINIT : ASYNCIO_EVALUE;
    semaphore->value++;
    (void)asyncio__semaphore_wake_next(semaphore);
    return 0;
}

/* ---- Barrier ---- */

enum { ASYNCIO__BARRIER_FILLING, ASYNCIO__BARRIER_DRAINING, ASYNCIO__BARRIER_RESETTING, ASYNCIO__BARRIER_BROKEN };

/*             parties are in it                  the last has left
 *     FILLING -------------------> DRAINING ------------------------> FILLING      abort() from anywhere: BROKEN,
 *        |  reset() while some are in it                 |                         until reset()
 *        +-----------------------> RESETTING ------------+
 *
 * CPython's has a Condition for its waiters. Its lock is never held across an await, so there is nothing to wait for
 * and none here; what else a Condition does is the same: an error passes the wake-up on. */
typedef struct asyncio_barrier {
    asyncio__node *waiters; /* those in it, and those who wait until others have left */
    asyncio_loop *loop;
    int parties, count; /* count: who is in it */
    uint8_t state;      /* ASYNCIO__BARRIER_* */
} asyncio_barrier;

static inline asyncio_status asyncio__barrier_advance(asyncio_barrier *barrier, asyncio_task *task, bool fills, int err,
                                                      asyncio_value word);
static inline asyncio_barrier *asyncio__barrier_awaited(asyncio_task *task)
{
    return (asyncio_barrier *)task->wait.slot.object;
}
static inline int asyncio__barrier_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    asyncio_barrier *barrier = asyncio__barrier_awaited(task);
    asyncio_value *word = asyncio__word_of(task);
    asyncio_status status;
    int err;
    asyncio__turn_absorb(task);
    err = asyncio__wait_is(task, ASYNCIO__WAIT_CANCELLED) ? ASYNCIO_ECANCELLED : 0;
    if (err != 0)
        (void)asyncio__wake_next(&barrier->waiters);
    node->wait = NULL;
    status = asyncio__barrier_advance(barrier, task, asyncio__wait_is(task, ASYNCIO__WAIT_FILLS), err, *word);
    *word = status.value;
    return status.code;
}

/* Who is in it counts, also if it is gone. */
static inline void asyncio__barrier_exit(asyncio_barrier *barrier)
{
    if (--barrier->count != 0)
        return;
    if (barrier->state == ASYNCIO__BARRIER_RESETTING || barrier->state == ASYNCIO__BARRIER_DRAINING)
        barrier->state = ASYNCIO__BARRIER_FILLING;
    asyncio__wake_all(&barrier->waiters);
}
static inline void asyncio__barrier_turn_detach(asyncio_task *task)
{
    (void)asyncio__wake_next(&asyncio__barrier_awaited(task)->waiters);
    if (asyncio__wait_is(task, ASYNCIO__WAIT_FILLS))
        asyncio__barrier_exit(asyncio__barrier_awaited(task));
}
static inline void asyncio__barrier_detach(asyncio_task *task)
{
    if (asyncio__wait_is(task, ASYNCIO__WAIT_FILLS))
        asyncio__barrier_exit(asyncio__barrier_awaited(task));
}
static inline bool asyncio__barrier_cancel(asyncio_task *task, asyncio_value msg)
{
    return asyncio__wait_leave(task, &asyncio__barrier_awaited(task)->waiters, msg);
}
static const asyncio__wait asyncio__barrier_wait_kind[2] = {
    {NULL, asyncio__wait_wake, asyncio__barrier_detach, asyncio__barrier_cancel,
     ASYNCIO__IN_LIST, offsetof(asyncio_barrier, waiters) ASYNCIO__WHAT("waiting in a Barrier")},
    {asyncio__barrier_run, NULL, asyncio__barrier_turn_detach, asyncio__turn_cancel,
     ASYNCIO__IN_TURN, 0 ASYNCIO__WHAT("about to leave a Barrier")}};

/* What Barrier.wait does at first, and after each wait. `word` is its index, or the message of its cancellation. The
 * answer: it is over, or waits. */
static inline asyncio_status asyncio__barrier_advance(asyncio_barrier *barrier, asyncio_task *task, bool fills, int err,
                                                      asyncio_value word)
{
    bool waits = false;
    if (err == 0 && !fills) {
        waits = barrier->state == ASYNCIO__BARRIER_DRAINING || barrier->state == ASYNCIO__BARRIER_RESETTING;
        if (barrier->state == ASYNCIO__BARRIER_BROKEN) {
            err = ASYNCIO_EBROKENBARRIER;
        } else if (!waits) {
            fills = true;
            word = barrier->count++;
            waits = barrier->count != barrier->parties;
            if (!waits) {
                barrier->state = ASYNCIO__BARRIER_DRAINING;
                asyncio__wake_all(&barrier->waiters);
            }
        }
    } else if (err == 0) {
        waits = barrier->state == ASYNCIO__BARRIER_FILLING;
        if (barrier->state == ASYNCIO__BARRIER_BROKEN || barrier->state == ASYNCIO__BARRIER_RESETTING)
            err = ASYNCIO_EBROKENBARRIER;
    }
    if (waits) {
        asyncio_status status = asyncio__wait_in(task, asyncio__barrier_wait_kind, barrier, &barrier->waiters,
                                                 &barrier->loop);
        if (status.code == ASYNCIO__PENDING) {
            asyncio__wait_set(task, fills ? ASYNCIO__WAIT_FILLS : 0);
            status.value = word;
            return status;
        }
        err = status.code;
    }
    if (fills)
        asyncio__barrier_exit(barrier);
    return asyncio__status(err, err == 0 || err == ASYNCIO_ECANCELLED ? word : 0);
}

/*
 * asyncio_barrier_init - a Barrier.
 *
 *   parties    how many tasks make it open: 1 or more
 *   Suspends   never
 *   Returns    0; ASYNCIO_EVALUE if parties is less than 1: then it is as with 1
 *   Source     locks.py:Barrier
 *
 * asyncio_barrier_parties, asyncio_barrier_n_waiting, asyncio_barrier_broken - as Python's; n_waiting is 0 while those
 * leave who opened it.
 */
static inline int asyncio_barrier_init(asyncio_barrier *barrier, int parties)
{
    asyncio__clear(barrier, sizeof *barrier);
    barrier->parties = parties < 1 ? 1 : parties;
    return parties < 1 ? ASYNCIO_EVALUE : 0;
}
static inline int asyncio_barrier_parties(const asyncio_barrier *barrier) { return barrier->parties; }
static inline int asyncio_barrier_n_waiting(const asyncio_barrier *barrier)
{
    return barrier->state == ASYNCIO__BARRIER_FILLING ? barrier->count : 0;
}
static inline bool asyncio_barrier_broken(const asyncio_barrier *barrier)
{
    return barrier->state == ASYNCIO__BARRIER_BROKEN;
}

/*
 * asyncio_barrier_wait(barrier) - a status: wait until `parties` tasks do.
 *
 *   barrier    not NULL
 *   Suspends   unless it is the last of them; who comes while others are leaving waits for that first
 *   Returns    0, value: its index, 0 for the first to come, parties - 1 for the last, who is the first to go on;
 *              ASYNCIO_EBROKENBARRIER after abort() and, for those who were in it, reset(); ASYNCIO_ECANCELLED, which
 *              frees its place and breaks nothing; ASYNCIO_EWRONGLOOP, ASYNCIO_ERUNTIME, and ASYNCIO_ENOINIT for zeroed
 *              storage at once
 *   Cost       O(1), the last one's O(parties)
 *   Source     locks.py:Barrier.wait. Differs in one thing: the message of a cancel() that comes between wake-up and
 *              turn of a task that waits in its root's FINALLY is lost.
 */
#define asyncio_barrier_wait(barrier) asyncio__barrier_wait(ASYNCIO__CURRENT, barrier)
static inline ASYNCIO__NODISCARD asyncio_status asyncio__barrier_wait(asyncio_task *task, asyncio_barrier *barrier)
{
    if (ASYNCIO__MISTAKE(barrier->parties == 0))
        return asyncio__status(ASYNCIO_ENOINIT, 0);
    return asyncio__barrier_advance(barrier, task, false, 0, 0);
}

/*
 * asyncio_barrier_reset, asyncio_barrier_abort - break the waits of those in it, and take in new ones after they left;
 * or break those of everybody until a reset().
 *
 *   Suspends   never. Good for ASYNC_AWAIT, as in Python, and for a plain call from anywhere.
 *   Returns    a status: 0
 *   Cost       O(who waits)
 *   Source     locks.py:Barrier.reset, abort
 */
static inline asyncio_status asyncio_barrier_reset(asyncio_barrier *barrier)
{
    barrier->state = barrier->count > 0 ? ASYNCIO__BARRIER_RESETTING : ASYNCIO__BARRIER_FILLING;
    asyncio__wake_all(&barrier->waiters);
    return asyncio__status(0, 0);
}
static inline asyncio_status asyncio_barrier_abort(asyncio_barrier *barrier)
{
    barrier->state = ASYNCIO__BARRIER_BROKEN;
    asyncio__wake_all(&barrier->waiters);
    return asyncio__status(0, 0);
}

/* ---- async with ---- */

/*
 * ASYNC_WITH(&self->held, asyncio_lock_held(&lock)) {body} - acquire, body, release, whatever way the body ends. The
 * same with asyncio_condition_held and asyncio_semaphore_held; asyncio_barrier_held waits at its begin and does nothing
 * at its end, and held.index is what `as position` is in Python.
 *
 *   held       an asyncio_held in the frame, one for each block that is open
 *   Suspends   if the acquire does
 *   Errors     acquire's or the Barrier's, before the body; the body's; release's instead of that (ASYNCIO_ERUNTIME if
 *              the body released the lock, ASYNCIO_EVALUE from a bounded semaphore)
 *   Source     locks.py:_ContextManagerMixin, Barrier.__aenter__
 */
typedef struct asyncio_held {
    asyncio_block block;
    void *object;
    int index; /* of a Barrier */
} asyncio_held;

static inline void asyncio__held_init(asyncio_held *held, const asyncio_block_type *type, void *object)
{
    held->block.type = type;
    held->object = object;
    held->index = 0;
}
static inline void *asyncio__held_object(asyncio_block *block) { return ((asyncio_held *)(void *)block)->object; }
static inline asyncio_status asyncio__held_over(int err, int release)
{
    return asyncio__status(release != 0 ? release : err, 0);
}

static inline asyncio_status asyncio__lock_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    (void)self;
    return asyncio__lock_acquire(task, (asyncio_lock *)asyncio__held_object(block));
}
static inline asyncio_status asyncio__lock_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    (void)self, (void)task;
    return asyncio__held_over(err, asyncio_lock_release((asyncio_lock *)asyncio__held_object(block)));
}
static const asyncio_block_type asyncio__lock_held_type = {asyncio__lock_enter, asyncio__lock_exit, NULL};
#define asyncio_lock_held(lock) asyncio_lock_held_init(ASYNCIO__BLOCK, lock)
static inline void asyncio_lock_held_init(asyncio_held *held, asyncio_lock *lock)
{
    asyncio__held_init(held, &asyncio__lock_held_type, lock);
}
#define asyncio_condition_held(condition) asyncio_condition_held_init(ASYNCIO__BLOCK, condition)
static inline void asyncio_condition_held_init(asyncio_held *held, asyncio_condition *condition)
{
    asyncio__held_init(held, &asyncio__lock_held_type, asyncio__condition_lock(condition));
}

static inline asyncio_status asyncio__semaphore_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    (void)self;
    return asyncio__semaphore_acquire(task, (asyncio_semaphore *)asyncio__held_object(block));
}
static inline asyncio_status asyncio__semaphore_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task,
                                                     int err)
{
    (void)self, (void)task;
    return asyncio__held_over(err, asyncio_semaphore_release((asyncio_semaphore *)asyncio__held_object(block)));
}
static const asyncio_block_type asyncio__semaphore_held_type = {asyncio__semaphore_enter, asyncio__semaphore_exit,
                                                                NULL};
#define asyncio_semaphore_held(semaphore) asyncio_semaphore_held_init(ASYNCIO__BLOCK, semaphore)
static inline void asyncio_semaphore_held_init(asyncio_held *held, asyncio_semaphore *semaphore)
{
    asyncio__held_init(held, &asyncio__semaphore_held_type, semaphore);
}

static inline asyncio_status asyncio__barrier_held_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    asyncio_status status = asyncio__barrier_wait(task, (asyncio_barrier *)asyncio__held_object(block));
    (void)self;
    if (status.code == 0)
        ((asyncio_held *)(void *)block)->index = (int)status.value;
    return status;
}
static inline asyncio_status asyncio__barrier_held_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task,
                                                        int err)
{
    (void)block, (void)self, (void)task;
    return asyncio__status(err, 0);
}
static inline asyncio_status asyncio__barrier_held_resume(asyncio_block *block, asyncio_coro *self, asyncio_task *task,
                                                          int err, int outcome)
{
    (void)task, (void)err;
    if (outcome == 0)
        ((asyncio_held *)(void *)block)->index = (int)self->value;
    return asyncio__status(outcome, self->value);
}
static const asyncio_block_type asyncio__barrier_held_type = {asyncio__barrier_held_enter, asyncio__barrier_held_exit,
                                                              asyncio__barrier_held_resume};
#define asyncio_barrier_held(barrier) asyncio_barrier_held_init(ASYNCIO__BLOCK, barrier)
static inline void asyncio_barrier_held_init(asyncio_held *held, asyncio_barrier *barrier)
{
    asyncio__held_init(held, &asyncio__barrier_held_type, barrier);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_LOCKS_H */
