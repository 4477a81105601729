/* SPDX-License-Identifier: MIT
 *
 * asyncio/interrupts.h - from an interrupt to a task: a call, an event, a queue.
 *
 *     #include "asyncio.h"
 *
 *     static asyncio_loop loop;
 *     static asyncio_isr_queue keys;
 *     static char room[16];
 *
 *     void UART_Handler(void)
 *     {
 *         char c = UART->DATA;
 *         (void)asyncio_isr_queue_put(&keys, &c);          // full: dropped and counted
 *     }
 *
 *     ASYNC(echo, char c;)
 *     {
 *         ASYNC_BEGIN;
 *         for (;;) {
 *             ASYNC_AWAIT(asyncio_isr_queue_get(&keys, &self->c));
 *             UART->DATA = self->c;
 *         }
 *         ASYNC_END;
 *     }
 *
 *     // before the interrupt is enabled: asyncio_isr_queue_init(&keys, &loop, room, sizeof room[0], sizeof room);
 *
 * Rules, the bad news first
 *
 *   1. An interrupt may call what has `isr` in its name below and says so, and nothing else of the library; so may
 *      another thread. Everything else belongs to the loop.
 *   2. The port must have `lock` and `unlock` that mask the interrupts which call, and `wake` (asyncio_loop.h). Without
 *      them it seems to work.
 *   3. An interrupt runs no task: it notes what happened and wakes the loop. Ten interrupts before the loop gets to it
 *      are one wake-up of an event, and ten items of a queue.
 *   4. What an interrupt uses is set up before that is enabled and stays until after it is disabled.
 *
 * Nothing here allocates; every cost is O(1) but for the copy of an item. There is no counterpart in Python, where signal
 * handlers and threads use call_soon_threadsafe.
 */
#ifndef ASYNCIO_INTERRUPTS_H
#define ASYNCIO_INTERRUPTS_H

#include "../asyncio_loop.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * asyncio_call_soon_from_isr - have callback(arg) called by the loop. From an interrupt.
 *
 *   handle     zeroed before its first use, not NULL. While the call waits, calling again does nothing: it cannot
 *              overflow.
 *   Returns    0; ASYNCIO_ECLOSED
 *   Source     asyncio_call_soon_threadsafe, under the name that one looks for here
 */
static inline int asyncio_call_soon_from_isr(asyncio_loop *loop, asyncio_handle *handle, asyncio_callback callback,
                                             void *arg)
{
    return asyncio_call_soon_threadsafe(loop, handle, callback, arg);
}

/* ---- What waits ---- */

static inline void asyncio__isr_wake_all(asyncio__node **waiters)
{
    asyncio__node *node = *waiters, *next;
    *waiters = NULL;
    for (; node != NULL; node = next) {
        next = node->next;
        node->wait->wake(node, NULL);
    }
}
static inline bool asyncio__isr_wake_next(asyncio__node **waiters)
{
    asyncio__node *node = *waiters;
    if (node == NULL)
        return false;
    asyncio__list_remove(waiters, node);
    node->wait->wake(node, NULL);
    return true;
}
static inline asyncio_status asyncio__isr_wait(asyncio_task *task, const asyncio__wait *wait, void *object,
                                               asyncio__node **waiters, const asyncio_loop *loop, asyncio_value word)
{
    if (ASYNCIO__UNLIKELY(task->future.loop != loop))
        return asyncio__status(ASYNCIO_EWRONGLOOP, 0);
    if (ASYNCIO__UNLIKELY(!asyncio__arm(task, wait)))
        return asyncio__status(ASYNCIO_ERUNTIME, 0);
    task->wait.slot.object = object;
    asyncio__list_append(waiters, &task->wait.node);
    return asyncio__status(ASYNCIO__PENDING, word);
}

/* ---- Event ---- */

/* An Event that an interrupt sets and tasks await. */
typedef struct asyncio_isr_event {
    asyncio_loop *loop;
    asyncio__node *waiters;
    asyncio_handle handle;
    volatile bool set;
} asyncio_isr_event;

static inline void asyncio__isr_event_wake(asyncio__node *node, asyncio_future *future)
{
    (void)future;
    asyncio__wake(asyncio__node_task(node), 0, 1);
}
static const asyncio__wait asyncio__isr_event_kind = {NULL, asyncio__isr_event_wake, NULL, NULL,
                                                      ASYNCIO__IN_LIST, offsetof(asyncio_isr_event, waiters)
                                                      ASYNCIO__WHAT("waiting for an interrupt's event")};

/* Perhaps taken back in the meantime; then those who waited have been woken by that. */
static inline void asyncio__isr_event_arrived(void *arg)
{
    asyncio_isr_event *event = (asyncio_isr_event *)arg;
    if (event->set)
        asyncio__isr_wake_all(&event->waiters);
}

/*
 * asyncio_isr_event_init - an event that is not set; from now on a loop with nothing to do waits for interrupts, which is
 *     no deadlock. asyncio_isr_event_close takes that back; nobody may wait, and nobody set it any more.
 * asyncio_isr_event_set - set it, and wake who waits. From an interrupt, a thread or the loop.
 * asyncio_isr_event_clear - from now on wait() waits. Who waited when it was set is woken all the same. From the loop.
 * asyncio_isr_event_is_set - whether it is set. From anywhere.
 *
 *   loop       not NULL: the one that its tasks run in
 *   Suspend    never. Return nothing but is_set.
 *
 * asyncio_isr_event_wait(event) - a status: wait until it is set. Clear it before you look at what the interrupt left for
 *     you, not after: what comes in between is then noticed.
 *
 *   Suspends   if it is not set
 *   Returns    0, value 1; ASYNCIO_ECANCELLED; ASYNCIO_EWRONGLOOP and ASYNCIO_ERUNTIME at once
 */
static inline void asyncio_isr_event_init(asyncio_isr_event *event, asyncio_loop *loop)
{
    asyncio__clear(event, sizeof *event);
    event->loop = loop;
    asyncio_loop_add_source(loop);
}
static inline void asyncio_isr_event_close(asyncio_isr_event *event)
{
    asyncio_handle_cancel(&event->handle);
    asyncio_loop_remove_source(event->loop);
}
static inline void asyncio_isr_event_set(asyncio_isr_event *event)
{
    event->set = true;
    (void)asyncio_call_soon_from_isr(event->loop, &event->handle, asyncio__isr_event_arrived, event);
}
static inline void asyncio_isr_event_clear(asyncio_isr_event *event)
{
    asyncio__isr_event_arrived(event);
    event->set = false;
}
static inline bool asyncio_isr_event_is_set(const asyncio_isr_event *event) { return event->set; }

#define asyncio_isr_event_wait(event) asyncio__isr_event_wait(ASYNCIO__CURRENT, event)
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_status asyncio__isr_event_wait(asyncio_task *task, asyncio_isr_event *event)
{
    if (event->set)
        return asyncio__status(0, 1);
    return asyncio__isr_wait(task, &asyncio__isr_event_kind, event, &event->waiters, event->loop, 0);
}

/* ---- Queue ---- */

/* A queue from interrupts to tasks. `first` and `count` are guarded by the port's lock. */
typedef struct asyncio_isr_queue {
    asyncio_loop *loop;
    asyncio__node *waiters;
    asyncio_handle handle;
    unsigned char *items;
    volatile uint16_t first, count;
    uint16_t size, capacity;
    volatile uint16_t dropped;
} asyncio_isr_queue;

static inline void asyncio__isr_copy(void *to, const void *from, unsigned size)
{
    volatile unsigned char *out = (volatile unsigned char *)to; /* or the loop becomes a call to memcpy */
    const unsigned char *in = (const unsigned char *)from;
    while (size-- != 0)
        *out++ = *in++;
}

static inline bool asyncio__isr_queue_pop(asyncio_isr_queue *queue, void *item)
{
    unsigned first = queue->first;
    if (queue->count == 0)
        return false;
    asyncio__isr_copy(item, queue->items + (size_t)first * queue->size, queue->size); /* no interrupt writes there */
    asyncio__lock(queue->loop);
    queue->first = (uint16_t)(first + 1 == queue->capacity ? 0 : first + 1);
    queue->count = (uint16_t)(queue->count - 1);
    asyncio__unlock(queue->loop);
    return true;
}

static inline void asyncio__isr_queue_arrived(void *arg)
{
    (void)asyncio__isr_wake_next(&((asyncio_isr_queue *)arg)->waiters);
}

/* Whoever was woken for an item that it does not take, or that is not the only one, wakes the next. */
static inline void asyncio__isr_queue_pass(asyncio_isr_queue *queue)
{
    if (queue->count != 0)
        (void)asyncio__isr_wake_next(&queue->waiters);
}
static inline asyncio_isr_queue *asyncio__isr_queue_awaited(asyncio_task *task)
{
    return (asyncio_isr_queue *)task->wait.slot.object;
}
static inline asyncio_status asyncio__isr_queue_get(asyncio_task *task, asyncio_isr_queue *queue, void *item);

/* Its turn: until then the item is the queue's, so that a cancellation loses none. */
static inline int asyncio__isr_queue_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    asyncio_isr_queue *queue = asyncio__isr_queue_awaited(task);
    asyncio_value *word = &asyncio__root_of(task)->awaiter->value;
    if (task->future.flags & ASYNCIO__MUST_CANCEL) {
        asyncio__isr_queue_pass(queue);
    } else {
        node->wait = NULL;
        if (asyncio__isr_queue_get(task, queue, (void *)*word).code == ASYNCIO__PENDING)
            return ASYNCIO__PENDING;
        asyncio__isr_queue_pass(queue);
        *word = 0;
    }
    return 0;
}
static inline void asyncio__isr_queue_turn_detach(asyncio_task *task)
{
    asyncio__isr_queue_pass(asyncio__isr_queue_awaited(task));
}
static inline bool asyncio__isr_queue_turn_cancel(asyncio_task *task, asyncio_value msg)
{
    (void)task, (void)msg;
    return false;
}
static const asyncio__wait asyncio__isr_queue_turn = {asyncio__isr_queue_run, NULL, asyncio__isr_queue_turn_detach,
                                                      asyncio__isr_queue_turn_cancel, ASYNCIO__IN_TURN, 0
                                                      ASYNCIO__WHAT("about to get from an interrupt's queue")};
static inline void asyncio__isr_queue_wake(asyncio__node *node, asyncio_future *future)
{
    (void)future;
    node->wait = &asyncio__isr_queue_turn;
    asyncio__ready_push(asyncio__core_of(asyncio__node_task(node)->future.loop), node);
}
static const asyncio__wait asyncio__isr_queue_kind = {NULL, asyncio__isr_queue_wake, NULL, NULL,
                                                      ASYNCIO__IN_LIST, offsetof(asyncio_isr_queue, waiters)
                                                      ASYNCIO__WHAT("waiting for an item of an interrupt's queue")};

/*
 * asyncio_isr_queue_init - an empty queue; as asyncio_isr_event_init. asyncio_isr_queue_close - as its close.
 *
 *   loop       not NULL: the one that its tasks run in
 *   items      room for `capacity` items of `size` bytes, both at most 65535; stays where it is
 *   Suspend    never. Return nothing.
 *
 * asyncio_isr_queue_put - add an item. From an interrupt, a thread or the loop.
 *
 *   item       copied, with interrupts masked: keep items small
 *   Suspends   never
 *   Returns    0; ASYNCIO_EQUEUEFULL: dropped, and counted
 *
 * asyncio_isr_queue_dropped - how many were, in all, up to 65535. asyncio_isr_queue_qsize - how many wait. From anywhere.
 *
 * asyncio_isr_queue_get(queue, item) - a status: take the oldest item, when there is one.
 *
 *   item       where to; written when the task's turn comes: a field, not a local
 *   Suspends   while it is empty
 *   Returns    0; ASYNCIO_ECANCELLED, and nothing was taken; ASYNCIO_EWRONGLOOP and ASYNCIO_ERUNTIME at once
 *
 * asyncio_isr_queue_get_nowait - the same or ASYNCIO_EQUEUEEMPTY. From the loop.
 */
static inline void asyncio_isr_queue_init(asyncio_isr_queue *queue, asyncio_loop *loop, void *items, size_t size,
                                          size_t capacity)
{
    asyncio__clear(queue, sizeof *queue);
    queue->loop = loop;
    queue->items = (unsigned char *)items;
    queue->size = (uint16_t)size;
    queue->capacity = (uint16_t)capacity;
    asyncio_loop_add_source(loop);
}
static inline void asyncio_isr_queue_close(asyncio_isr_queue *queue)
{
    asyncio_handle_cancel(&queue->handle);
    asyncio_loop_remove_source(queue->loop);
}
static inline int asyncio_isr_queue_put(asyncio_isr_queue *queue, const void *item)
{
    unsigned place;
    asyncio__lock(queue->loop);
    if (queue->count == queue->capacity) {
        if (queue->dropped < UINT16_MAX)
            queue->dropped = (uint16_t)(queue->dropped + 1);
        asyncio__unlock(queue->loop);
        return ASYNCIO_EQUEUEFULL;
    }
    place = (unsigned)(queue->capacity - queue->first) > queue->count
                ? (unsigned)queue->first + queue->count
                : (unsigned)queue->count - (unsigned)(queue->capacity - queue->first);
    asyncio__isr_copy(queue->items + (size_t)place * queue->size, item, queue->size);
    queue->count = (uint16_t)(queue->count + 1);
    asyncio__unlock(queue->loop);
    (void)asyncio_call_soon_from_isr(queue->loop, &queue->handle, asyncio__isr_queue_arrived, queue);
    return 0;
}
static inline unsigned asyncio_isr_queue_dropped(asyncio_isr_queue *queue)
{
    unsigned dropped;
    asyncio__lock(queue->loop);
    dropped = queue->dropped;
    asyncio__unlock(queue->loop);
    return dropped;
}
static inline unsigned asyncio_isr_queue_qsize(asyncio_isr_queue *queue)
{
    unsigned count;
    asyncio__lock(queue->loop);
    count = queue->count;
    asyncio__unlock(queue->loop);
    return count;
}
static inline int asyncio_isr_queue_get_nowait(asyncio_isr_queue *queue, void *item)
{
    return asyncio__isr_queue_pop(queue, item) ? 0 : ASYNCIO_EQUEUEEMPTY;
}

#define asyncio_isr_queue_get(queue, item) asyncio__isr_queue_get(ASYNCIO__CURRENT, queue, item)
static inline ASYNCIO__NODISCARD asyncio_status asyncio__isr_queue_get(asyncio_task *task, asyncio_isr_queue *queue,
                                                                       void *item)
{
    if (asyncio__isr_queue_pop(queue, item))
        return asyncio__status(0, 0);
    return asyncio__isr_wait(task, &asyncio__isr_queue_kind, queue, &queue->waiters, queue->loop, (asyncio_value)item);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_INTERRUPTS_H */
