/* SPDX-License-Identifier: MIT
 *
 * asyncio/queues.h - Queue, LifoQueue, PriorityQueue: items go from task to task, in order, with a limit or without.
 *
 *     #include "asyncio.h"
 *     #include <stdio.h>
 *
 *     static asyncio_queue queue;
 *     static int items[4];                                              // room for four
 *
 *     ASYNC(consumer, int item;)
 *     {
 *         ASYNC_BEGIN;
 *         for (;;) {
 *             ASYNC_AWAIT(asyncio_queue_get(&queue, &self->item));
 *             printf("got %d\n", self->item);
 *             asyncio_queue_task_done(&queue);
 *         }
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, int item;)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_queue_init(&queue, items, sizeof items[0], 4);
 *         asyncio_create_task(ASYNC_NEW(consumer));
 *         for (self->item = 0; self->item < 10; self->item++)
 *             ASYNC_AWAIT(asyncio_queue_put(&queue, &self->item));      // waits while it is full
 *         ASYNC_AWAIT(asyncio_queue_join(&queue));                      // until each was marked as done
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * Rules, the bad news first
 *
 *   1. What put takes from and get writes to is read or written when the task's turn comes: a field, not a local.
 *   2. Queue and items stay where they are while a task waits in it. main's frame is good for it: it stays until run()
 *      is over. The frame of another coroutine is only if that one ends after those who wait, as with a task group. A
 *      queue belongs to the loop of the first task that waits in it, and to that one's thread. On the heap it is given
 *      up by asyncio_queue_close.
 *   3. An item belongs to nobody before get() returns: who comes between a consumer's wake-up and its turn takes it,
 *      and the consumer queues up again behind the others. No item is ever lost, whoever is cancelled when.
 *   4. Equal items leave a PriorityQueue in no particular order (CPython's): put a serial number into them.
 *   5. asyncio_queue_join waits for task_done, not for an empty queue.
 *
 *                    put             its turn: an item is there
 *     GETTING -----------------> WOKEN ------------------------> has it      Putting is the mirror image: woken by a
 *        ^  |  cancel              |                                         get, it looks for room.
 *        |  +--------> cancelled   +--> cancelled, and wakes the next
 *        +-------------------------+
 *                      its turn: taken by another
 *
 * Items have a size given at init and are copied; they may have none: then the queue counts. Storage is the caller's,
 * for firmware, too, or on the heap. Every function that ends in `status` below is for ASYNC_AWAIT, inside of a
 * coroutine's body only, in one statement. Costs are O(1) and a copy of the item, a PriorityQueue's O(log n) of both.
 */
#ifndef ASYNCIO_QUEUES_H
#define ASYNCIO_QUEUES_H

#include "../asyncio_loop.h"
#include "mixins.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Negative if item a comes before item b: what qsort takes does. Must not suspend, nor touch the queue. */
typedef int (*asyncio_compare)(const void *a, const void *b);

enum { ASYNCIO__QUEUE_FIFO, ASYNCIO__QUEUE_LIFO, ASYNCIO__QUEUE_PRIORITY };

typedef struct asyncio_queue {
    unsigned char *items;
    size_t size;        /* of an item, in bytes */
    size_t capacity;    /* how many there is room for */
    size_t maxsize;     /* 0: no limit */
    size_t first;       /* of a Queue: where the oldest item is; the others begin at 0 */
    size_t count;       /* how many there are */
    size_t unfinished;  /* put, and not marked as done */
    asyncio__node *getters, *putters, *joiners;
    asyncio_loop *loop, *join_loop; /* joiners have one of their own, as CPython's Event has */
    asyncio_compare compare;
    uint8_t kind; /* ASYNCIO__QUEUE_* */
    bool heap, closing;
} asyncio_queue;

/* ---- Items ---- */

/* Without a call to memcpy, which a firmware image may not have. */
static inline void asyncio__copy(void *to, const void *from, size_t size)
{
#if ASYNCIO_HOSTED && defined(__GNUC__) && !defined(__TINYC__)
    __asm__("" : "+r"(to), "+r"(from)); /* or gcc warns of the sizes that a smaller item does not have */
    if (size == 8)
        __builtin_memcpy(to, from, 8);
    else if (size == 4)
        __builtin_memcpy(to, from, 4);
    else if (size != 0)
        __builtin_memcpy(to, from, size);
#else
    unsigned char *out = (unsigned char *)to;
    const unsigned char *in = (const unsigned char *)from;
    while (size-- != 0) {
        *out++ = *in++;
#ifdef __GNUC__
        __asm__ volatile("" ::: "memory"); /* or the loop becomes the call again */
#endif
    }
#endif
}

static inline void *asyncio__queue_item(const asyncio_queue *queue, size_t index)
{
    return queue->size != 0 ? queue->items + index * queue->size : NULL;
}
static inline void asyncio__queue_store(const asyncio_queue *queue, size_t index, const void *item)
{
    if (!ASYNCIO__SMALL && ASYNCIO__LIKELY(queue->size == 8)) /* the usual size, without a multiplication */
        asyncio__copy(queue->items + index * 8, item, 8);
    else
        asyncio__copy(asyncio__queue_item(queue, index), item, queue->size);
}
static inline void asyncio__queue_load(const asyncio_queue *queue, size_t index, void *item)
{
    if (!ASYNCIO__SMALL && ASYNCIO__LIKELY(queue->size == 8))
        asyncio__copy(item, queue->items + index * 8, 8);
    else
        asyncio__copy(item, asyncio__queue_item(queue, index), queue->size);
}

/* heapq: a binary heap in an array, nobody less than its parent. `item` lies outside of the heap's `hole` already. */
ASYNCIO__NOINLINE void asyncio__heap_up(const asyncio_queue *queue, size_t hole, const void *item)
{
    while (hole > 0) {
        const void *parent = asyncio__queue_item(queue, (hole - 1) / 2);
        if (queue->compare(item, parent) >= 0)
            break;
        asyncio__queue_store(queue, hole, parent);
        hole = (hole - 1) / 2;
    }
    asyncio__queue_store(queue, hole, item);
}

/* Takes out the first of `count` + 1: the hole goes down along the smaller children, then the last item goes up from
 * there. As in CPython, so that equal items leave in its order; the last one may stay where it is meanwhile. */
ASYNCIO__NOINLINE void asyncio__heap_pop(const asyncio_queue *queue, size_t count)
{
    size_t hole = 0, child;
    while ((child = 2 * hole + 1) < count) {
        if (child + 1 < count &&
            queue->compare(asyncio__queue_item(queue, child), asyncio__queue_item(queue, child + 1)) >= 0)
            child++;
        asyncio__queue_store(queue, hole, asyncio__queue_item(queue, child));
        hole = child;
    }
    if (count > 0)
        asyncio__heap_up(queue, hole, asyncio__queue_item(queue, count));
}

/* The place `index` items after the first. */
ASYNCIO__HOT size_t asyncio__queue_place(const asyncio_queue *queue, size_t index)
{
    index += queue->first;
    return index >= queue->capacity ? index - queue->capacity : index;
}

/* There is room for one more. */
static inline void asyncio__queue_push(asyncio_queue *queue, const void *item)
{
    size_t count = queue->count++;
    if (ASYNCIO__UNLIKELY(queue->kind == ASYNCIO__QUEUE_PRIORITY))
        asyncio__heap_up(queue, count, item);
    else
        asyncio__queue_store(queue, asyncio__queue_place(queue, count), item);
}

/* There is one; to NULL: it is dropped. */
static inline void asyncio__queue_pop(asyncio_queue *queue, void *item)
{
    size_t from = queue->kind == ASYNCIO__QUEUE_LIFO ? queue->count - 1 : queue->first;
    if (item != NULL)
        asyncio__queue_load(queue, from, item);
    queue->count--;
    if (queue->kind == ASYNCIO__QUEUE_FIFO)
        queue->first = asyncio__queue_place(queue, 1);
    else if (queue->kind == ASYNCIO__QUEUE_PRIORITY)
        asyncio__heap_pop(queue, queue->count);
}

/* Makes room for one more. False: out of memory, and nothing has changed. */
#ifdef ASYNCIO_MALLOC
ASYNCIO__COLD bool asyncio__queue_grow(asyncio_queue *queue)
{
    size_t capacity = queue->capacity < 4 ? 8 : queue->capacity * 2, head;
    unsigned char *items;
    if (!queue->heap || capacity <= queue->capacity)
        return false;
    if (queue->maxsize != 0 && capacity > queue->maxsize)
        capacity = queue->maxsize;
    if (queue->size != 0) {
        if (capacity > SIZE_MAX / 2 / queue->size)
            return false;
        items = (unsigned char *)asyncio__alloc(capacity * queue->size);
        if (items == NULL)
            return false;
        if (queue->items != NULL) {
            head = queue->count < queue->capacity - queue->first ? queue->count : queue->capacity - queue->first;
            asyncio__copy(items, asyncio__queue_item(queue, queue->first), head * queue->size);
            asyncio__copy(items + head * queue->size, queue->items, (queue->count - head) * queue->size);
            asyncio__free(queue->items);
        }
        queue->items = items;
    }
    queue->first = 0;
    queue->capacity = capacity;
    return true;
}
#else
static inline bool asyncio__queue_grow(asyncio_queue *queue)
{
    (void)queue;
    return false;
}
#endif

/* ---- Making and giving up ---- */

static inline void asyncio__queue_fill(asyncio_queue *queue, int kind, void *items, size_t size, size_t maxsize,
                                       asyncio_compare compare)
{
    asyncio__clear(queue, sizeof *queue);
    queue->kind = (uint8_t)kind;
    queue->items = (unsigned char *)items;
    queue->size = size;
    queue->maxsize = maxsize;
    queue->compare = compare;
}
static inline int asyncio__queue_init(asyncio_queue *queue, int kind, void *items, size_t size, size_t count,
                                      asyncio_compare compare)
{
    asyncio__queue_fill(queue, kind, items, size, count, compare);
    queue->capacity = count;
    return count == 0 ? ASYNCIO_EVALUE : 0;
}

/*
 * asyncio_queue_init, asyncio_lifo_queue_init, asyncio_priority_queue_init - a queue in storage of yours: the oldest
 * item first, the newest first, or the smallest first.
 *
 *   items      an array for `count` items; uninitialised; must stay; NULL if size is 0
 *   size       of an item in bytes, as in sizeof items[0]; 0: items without content
 *   count      the queue's maxsize: 1 or more
 *   compare    as qsort's: negative if a comes before b. Only whether it is negative matters.
 *   Suspends   never
 *   Returns    0; ASYNCIO_EVALUE if count is 0: then it is as if this had not been called
 *   Source     queues.py:Queue, LifoQueue, PriorityQueue. Differs: bounded always; the _heap forms need not be.
 */
static inline int asyncio_queue_init(asyncio_queue *queue, void *items, size_t size, size_t count)
{
    return asyncio__queue_init(queue, ASYNCIO__QUEUE_FIFO, items, size, count, NULL);
}
static inline int asyncio_lifo_queue_init(asyncio_queue *queue, void *items, size_t size, size_t count)
{
    return asyncio__queue_init(queue, ASYNCIO__QUEUE_LIFO, items, size, count, NULL);
}
static inline int asyncio_priority_queue_init(asyncio_queue *queue, void *items, size_t size, size_t count,
                                              asyncio_compare compare)
{
    return asyncio__queue_init(queue, ASYNCIO__QUEUE_PRIORITY, items, size, count, compare);
}

#ifdef ASYNCIO_MALLOC
/*
 * asyncio_queue_init_heap, asyncio_lifo_queue_init_heap, asyncio_priority_queue_init_heap - the same on the heap.
 *
 *   size       of an item in bytes; may be 0
 *   maxsize    how many there may be; 0: any number
 *   compare    as asyncio_priority_queue_init's
 *   Suspends   never. Returns nothing.
 *   Memory     none yet. put makes room for 8, 16, 32... items, but not for more than maxsize, and keeps it until
 *              asyncio_queue_close. Only with a heap (ASYNCIO_MALLOC).
 *   Source     as above
 */
static inline void asyncio__queue_init_heap(asyncio_queue *queue, int kind, size_t size, size_t maxsize,
                                            asyncio_compare compare)
{
    asyncio__queue_fill(queue, kind, NULL, size, maxsize, compare);
    queue->heap = true;
}
static inline void asyncio_queue_init_heap(asyncio_queue *queue, size_t size, size_t maxsize)
{
    asyncio__queue_init_heap(queue, ASYNCIO__QUEUE_FIFO, size, maxsize, NULL);
}
static inline void asyncio_lifo_queue_init_heap(asyncio_queue *queue, size_t size, size_t maxsize)
{
    asyncio__queue_init_heap(queue, ASYNCIO__QUEUE_LIFO, size, maxsize, NULL);
}
static inline void asyncio_priority_queue_init_heap(asyncio_queue *queue, size_t size, size_t maxsize,
                                                    asyncio_compare compare)
{
    asyncio__queue_init_heap(queue, ASYNCIO__QUEUE_PRIORITY, size, maxsize, compare);
}

/*
 * asyncio_queue_close - free what a queue on the heap holds. The items in it are gone; it is as after its init.
 *
 *   queue      nobody may wait in it (asyncio_queue_shutdown lets them go, an iteration before); one in storage of
 *              yours is just emptied
 *   Suspends   never. Returns nothing. Source: none, Python counts references.
 */
static inline void asyncio_queue_close(asyncio_queue *queue)
{
    void *items = queue->items;
    bool heap = queue->heap;
    size_t capacity = queue->capacity;
    asyncio__queue_fill(queue, queue->kind, heap ? NULL : items, queue->size, queue->maxsize, queue->compare);
    queue->heap = heap;
    queue->capacity = heap ? 0 : capacity;
    if (heap && items != NULL)
        asyncio__free(items);
}
#endif

/* ---- State ---- */

/* asyncio_queue_qsize - how many items are in it. asyncio_queue_maxsize - the limit, 0: none. asyncio_queue_empty,
 * asyncio_queue_full - whether get, or put, would wait; without a limit it is never full. Source: queues.py:Queue */
static inline size_t asyncio_queue_qsize(const asyncio_queue *queue) { return queue->count; }
static inline size_t asyncio_queue_maxsize(const asyncio_queue *queue) { return queue->maxsize; }
static inline bool asyncio_queue_empty(const asyncio_queue *queue) { return queue->count == 0; }
static inline bool asyncio_queue_full(const asyncio_queue *queue)
{
    return queue->maxsize != 0 && queue->count >= queue->maxsize;
}

/* ---- Without waiting ---- */

/*
 * asyncio_queue_put_nowait, asyncio_queue_get_nowait - put an item, or take the next one, or fail.
 *
 *   item       where it is copied from, or to; get: NULL to drop it
 *   Suspends   never
 *   Returns    put: 0; ASYNCIO_EQUEUESHUTDOWN; ASYNCIO_EQUEUEFULL; ASYNCIO_ENOMEM, on the heap: nothing was put;
 *              ASYNCIO_ENOINIT for zeroed storage.
 *              get: 0; ASYNCIO_EQUEUEEMPTY; ASYNCIO_EQUEUESHUTDOWN if it is empty and was shut down
 *   Memory     put, on the heap: sometimes a larger array
 *   Source     queues.py:Queue.put_nowait, get_nowait
 */
static inline bool asyncio__queue_unready(const asyncio_queue *queue) { return queue->capacity == 0 && !queue->heap; }
static inline int asyncio__queue_add(asyncio_queue *queue, const void *item)
{
    if (ASYNCIO__UNLIKELY(queue->count == queue->capacity) && !asyncio__queue_grow(queue))
        return ASYNCIO__MISTAKE(asyncio__queue_unready(queue)) ? ASYNCIO_ENOINIT : ASYNCIO_ENOMEM;
    asyncio__queue_push(queue, item);
    queue->unfinished++;
    (void)asyncio__wake_next(&queue->getters);
    return 0;
}
static inline int asyncio_queue_put_nowait(asyncio_queue *queue, const void *item)
{
    if (queue->closing)
        return ASYNCIO_EQUEUESHUTDOWN;
    return asyncio_queue_full(queue) ? ASYNCIO_EQUEUEFULL : asyncio__queue_add(queue, item);
}
static inline int asyncio_queue_get_nowait(asyncio_queue *queue, void *item)
{
    if (queue->count == 0)
        return queue->closing ? ASYNCIO_EQUEUESHUTDOWN : ASYNCIO_EQUEUEEMPTY;
    asyncio__queue_pop(queue, item);
    (void)asyncio__wake_next(&queue->putters);
    return 0;
}

/* ---- Waiting ---- */

static inline asyncio_queue *asyncio__queue_awaited(asyncio_task *task)
{
    return (asyncio_queue *)task->wait.slot.object;
}

/* cancel() of one that was woken: at its turn. The message stays where asyncio_task_cancel puts it: neither slot nor
 * word is free. */
static inline bool asyncio__queue_turn_cancel(asyncio_task *task, asyncio_value msg)
{
    (void)task, (void)msg;
    return false;
}

ASYNCIO__HOT_ONCE ASYNCIO__NODISCARD asyncio_status asyncio__queue_get(asyncio_task *task, asyncio_queue *queue,
                                                                       void *item);
ASYNCIO__HOT_ONCE ASYNCIO__NODISCARD asyncio_status asyncio__queue_put(asyncio_task *task, asyncio_queue *queue,
                                                                       const void *item);

/* The turn of one that was woken: it may find that others were faster, and queue up again. */
static inline int asyncio__queue_turn_over(asyncio_task *task, asyncio_status status)
{
    if (status.code != ASYNCIO__PENDING)
        *asyncio__word_of(task) = 0;
    return status.code;
}
static inline int asyncio__getter_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    asyncio_queue *queue = asyncio__queue_awaited(task);
    if (asyncio__must_cancel(task)) {
        if (queue->count != 0)
            (void)asyncio__wake_next(&queue->getters);
        return 0;
    }
    node->wait = NULL;
    return asyncio__queue_turn_over(task, asyncio__queue_get(task, queue, (void *)*asyncio__word_of(task)));
}
static inline int asyncio__putter_run(asyncio__node *node)
{
    asyncio_task *task = asyncio__node_task(node);
    asyncio_queue *queue = asyncio__queue_awaited(task);
    if (asyncio__must_cancel(task)) {
        if (!asyncio_queue_full(queue))
            (void)asyncio__wake_next(&queue->putters);
        return 0;
    }
    node->wait = NULL;
    return asyncio__queue_turn_over(task, asyncio__queue_put(task, queue, (const void *)*asyncio__word_of(task)));
}
static inline void asyncio__getter_turn_detach(asyncio_task *task)
{
    if (asyncio__queue_awaited(task)->count != 0)
        (void)asyncio__wake_next(&asyncio__queue_awaited(task)->getters);
}
static inline void asyncio__putter_turn_detach(asyncio_task *task)
{
    if (!asyncio_queue_full(asyncio__queue_awaited(task)))
        (void)asyncio__wake_next(&asyncio__queue_awaited(task)->putters);
}

static const asyncio__wait asyncio__getter_wait[2] = {
    {NULL, asyncio__wait_wake, NULL, NULL,
     ASYNCIO__IN_LIST, offsetof(asyncio_queue, getters) ASYNCIO__WHAT("waiting for an item of a Queue")},
    {asyncio__getter_run, NULL, asyncio__getter_turn_detach, asyncio__queue_turn_cancel,
     ASYNCIO__IN_TURN, 0 ASYNCIO__WHAT("about to get from a Queue")}};
static const asyncio__wait asyncio__putter_wait[2] = {
    {NULL, asyncio__wait_wake, NULL, NULL,
     ASYNCIO__IN_LIST, offsetof(asyncio_queue, putters) ASYNCIO__WHAT("waiting for room in a Queue")},
    {asyncio__putter_run, NULL, asyncio__putter_turn_detach, asyncio__queue_turn_cancel,
     ASYNCIO__IN_TURN, 0 ASYNCIO__WHAT("about to put into a Queue")}};

/* What is not the usual get or put: nothing is there; no room, or no more is taken. */
static inline asyncio_status asyncio__queue_wait_get(asyncio_task *task, asyncio_queue *queue, void *item)
{
    asyncio_status status;
    if (queue->closing)
        return asyncio__status(ASYNCIO_EQUEUESHUTDOWN, 0);
    if (ASYNCIO__MISTAKE(queue->loop == NULL && asyncio__queue_unready(queue)))
        return asyncio__status(ASYNCIO_ENOINIT, 0);
    status = asyncio__wait_in(task, asyncio__getter_wait, queue, &queue->getters, &queue->loop);
    if (status.code == ASYNCIO__PENDING)
        status.value = (asyncio_value)item;
    return status;
}
static inline asyncio_status asyncio__queue_wait_put(asyncio_task *task, asyncio_queue *queue, const void *item)
{
    asyncio_status status;
    if (queue->closing)
        return asyncio__status(ASYNCIO_EQUEUESHUTDOWN, 0);
    if (!asyncio_queue_full(queue))
        return asyncio__status(asyncio__queue_add(queue, item), 0);
    status = asyncio__wait_in(task, asyncio__putter_wait, queue, &queue->putters, &queue->loop);
    if (status.code == ASYNCIO__PENDING)
        status.value = (asyncio_value)item;
    return status;
}

/*
 * asyncio_queue_put(queue, item), asyncio_queue_get(queue, item) - statuses: put an item, when there is room for it;
 * take the next one, when there is one.
 *
 *   item       where it is copied from, or to, when the task's turn comes; get: NULL to drop it
 *   Suspends   put: while it is full; get: while it is empty
 *   Returns    0; ASYNCIO_EQUEUESHUTDOWN, also if that comes while it waits; ASYNCIO_ECANCELLED; put, on the heap:
 *              ASYNCIO_ENOMEM; ASYNCIO_EWRONGLOOP, ASYNCIO_ENOINIT and ASYNCIO_ERUNTIME at once. After an error nothing
 *              was put, or taken.
 *   Memory     put, on the heap: sometimes a larger array
 *   Source     queues.py:Queue.put, get. Differs in one thing: the message of a cancel() that comes between wake-up and
 *              turn of a task that waits in its root's FINALLY is lost.
 */
#define asyncio_queue_put(queue, item) asyncio__queue_put(ASYNCIO__CURRENT, queue, item)
#define asyncio_queue_get(queue, item) asyncio__queue_get(ASYNCIO__CURRENT, queue, item)
ASYNCIO__HOT_ONCE ASYNCIO__NODISCARD asyncio_status asyncio__queue_put(asyncio_task *task, asyncio_queue *queue,
                                                                       const void *item)
{
    if (ASYNCIO__LIKELY(queue->count < queue->capacity && !queue->closing)) /* which is never above maxsize */
        return asyncio__status(asyncio__queue_add(queue, item), 0);
    return asyncio__queue_wait_put(task, queue, item);
}
ASYNCIO__HOT_ONCE ASYNCIO__NODISCARD asyncio_status asyncio__queue_get(asyncio_task *task, asyncio_queue *queue,
                                                                       void *item)
{
    if (ASYNCIO__LIKELY(queue->count != 0))
        return asyncio__status(asyncio_queue_get_nowait(queue, item), 0);
    return asyncio__queue_wait_get(task, queue, item);
}

/* ---- Work that is done ---- */

/*
 * asyncio_queue_task_done - an item that was taken has been dealt with.
 *
 *   Suspends   never: who is in join() runs in the next iteration
 *   Returns    0; ASYNCIO_EVALUE if called more often than items were put
 *   Source     queues.py:Queue.task_done
 *
 * asyncio_queue_join(queue) - a status: wait until every item that was put has been dealt with.
 *
 *   Suspends   unless they are
 *   Returns    0; ASYNCIO_ECANCELLED; ASYNCIO_EWRONGLOOP and ASYNCIO_ERUNTIME at once
 *   Source     queues.py:Queue.join
 */
static inline int asyncio_queue_task_done(asyncio_queue *queue)
{
    if (queue->unfinished == 0)
        return ASYNCIO_EVALUE;
    if (--queue->unfinished == 0)
        asyncio__let_go(&queue->joiners, 0);
    return 0;
}
static inline void asyncio__joiner_wake(asyncio__node *node, asyncio_future *future)
{
    (void)future;
    asyncio__wake(asyncio__node_task(node), 0, 0);
}
static const asyncio__wait asyncio__joiner_wait = {NULL, asyncio__joiner_wake, NULL, NULL,
                                                   ASYNCIO__IN_LIST, offsetof(asyncio_queue, joiners)
                                                   ASYNCIO__WHAT("waiting for a Queue's items to be done")};
#define asyncio_queue_join(queue) asyncio__queue_join(ASYNCIO__CURRENT, queue)
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_status asyncio__queue_join(asyncio_task *task, asyncio_queue *queue)
{
    if (queue->unfinished == 0)
        return asyncio__status(0, 0);
    return asyncio__wait_in(task, &asyncio__joiner_wait, queue, &queue->joiners, &queue->join_loop);
}

/*
 * asyncio_queue_shutdown - from now on every put fails, and every get as soon as the queue is empty, both with
 * ASYNCIO_EQUEUESHUTDOWN. For ever, and however often it is called.
 *
 *   immediate  true: the items in it are dropped, and count as done
 *   Suspends   never: everybody who waits looks again in the next iteration
 *   Returns    nothing. Cost: O(who waits).
 *   Source     queues.py:Queue.shutdown (since 3.13)
 */
static inline void asyncio_queue_shutdown(asyncio_queue *queue, bool immediate)
{
    queue->closing = true;
    if (immediate) {
        queue->unfinished -= queue->count < queue->unfinished ? queue->count : queue->unfinished;
        queue->count = 0;
        if (queue->unfinished == 0)
            asyncio__let_go(&queue->joiners, 0);
    }
    asyncio__wake_all(&queue->getters);
    asyncio__wake_all(&queue->putters);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_QUEUES_H */
