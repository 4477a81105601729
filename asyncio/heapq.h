/* SPDX-License-Identifier: MIT
 *
 * asyncio/heapq.h - the loop's queue of timers: earliest deadline first, equal deadlines in the order they were armed.
 *
 * Two of one interface (asyncio__timers_*), both intrusive, neither allocates:
 *
 *   ASYNCIO_TIMER_WHEEL 1   a radix of 64-ary digits, for any number of timers: arm and cancel O(1), a timer moves at
 *                           most 10 times before it fires, not at all if few are near it; the next deadline O(1), but
 *                           exactly, after the earliest was cancelled, O(timers of its slot). 11 KB a loop.
 *                                                                                              default: hosted
 *   ASYNCIO_TIMER_WHEEL 0   a sorted list, for firmware with a few dozen timers: arm O(n), the rest O(1), compares that
 *                           survive a wrapping clock. One pointer a loop.                          default: otherwise
 *
 * The wheel. `base` is a time that no deadline in the wheel precedes. A timer lies in the slot of the highest digit
 * (6 bits each) in which its deadline and `base` differ: level = that digit's place, slot = the deadline's digit there.
 *
 *   Invariant 1: all timers of a level are later than all of the levels below; within a level, later slots are later.
 *   Invariant 2: a timer's place depends on `base` and its deadline only, and moving `base` towards it without entering
 *                its slot does not change it. Hence removal finds the list without having stored it.
 *   Order:       a slot is emptied into lower levels, in its order, at the moment `base` enters it; so of two equal
 *                deadlines the one armed first is always ahead in the same list.
 *
 * Deadlines before `base` (armed in the past) are in `past`, a sorted list that is due as a whole: arm O(n) there.
 * `earliest` of a slot is exact unless its bit in `dirty` says that the earliest may have been cancelled; then it is a
 * lower bound. Who may wake up early takes that: a timer that wakes for nothing empties the slot, so it happens at most
 * once a slot and level, where timeouts that are armed and cancelled all the time would otherwise be searched all the time.
 */
#ifndef ASYNCIO_HEAPQ_H
#define ASYNCIO_HEAPQ_H

#include "../asyncio_task.h"

#ifndef ASYNCIO_TIMER_WHEEL
#define ASYNCIO_TIMER_WHEEL ASYNCIO_HOSTED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a comes before b, correct across a wrap of the port's clock. */
static inline bool asyncio__time_before(asyncio_time a, asyncio_time b)
{
#if ASYNCIO_HOSTED
    return a < b;
#else
    return (asyncio_time)((uint32_t)a - (uint32_t)b) < 0;
#endif
}

/* Later minus earlier, of which one is the present: the distance of two deadlines may be too large. */
static inline asyncio_time asyncio__time_diff(asyncio_time later, asyncio_time earlier)
{
#if ASYNCIO_HOSTED
    return later - earlier;
#else
    return (asyncio_time)((uint32_t)later - (uint32_t)earlier);
#endif
}

/* The time after `delay`: saturates where time has 64 bits, wraps where the port's ticks do. */
static inline asyncio_time asyncio__time_add(asyncio_time time, asyncio_time delay)
{
#if ASYNCIO_HOSTED
    if (delay > 0 && time > INT64_MAX - delay)
        return INT64_MAX;
    if (delay < 0 && time < INT64_MIN - delay)
        return INT64_MIN;
    return time + delay;
#else
    return (asyncio_time)((uint32_t)time + (uint32_t)delay);
#endif
}

static inline asyncio__timer *asyncio__node_timer(asyncio__node *node) { return (asyncio__timer *)(void *)node; }

/* Into a list sorted by deadline, behind its equals. Cost: O(timers not later than it); at the end, unless size counts,
 * O(1). */
static inline void asyncio__timers_insert(asyncio__node **head, asyncio__timer *timer)
{
    asyncio__node **link = head, *node = &timer->node, *next = *head;
    if (!ASYNCIO__SMALL && next != NULL &&
        !asyncio__time_before(timer->slot.when, asyncio__node_timer(next->prev)->slot.when))
        next = NULL;
    for (; next != NULL && !asyncio__time_before(timer->slot.when, asyncio__node_timer(next)->slot.when); next = *link)
        link = &next->next;
    if (next == NULL) {
        asyncio__list_append(head, node);
        return;
    }
    node->next = next;
    node->prev = next->prev;
    next->prev = node;
    *link = node;
}

#if ASYNCIO_TIMER_WHEEL

#define ASYNCIO__LEVELS 11
typedef struct asyncio__timers {
    asyncio_time base;
    asyncio__node *past;
    size_t count;
    unsigned levels; /* bit l: level l has timers */
    uint64_t used[ASYNCIO__LEVELS], dirty[ASYNCIO__LEVELS];
    asyncio__node *slots[ASYNCIO__LEVELS][64];
    asyncio_time earliest[ASYNCIO__LEVELS][64];
} asyncio__timers;

#if defined(__GNUC__) && !defined(__TINYC__)
#define ASYNCIO__PREFETCH(address) __builtin_prefetch(address)
static inline unsigned asyncio__lowest_bit(uint64_t bits) { return (unsigned)__builtin_ctzll(bits); }
static inline unsigned asyncio__highest_bit(uint64_t bits) { return 63u - (unsigned)__builtin_clzll(bits); }
#else
#define ASYNCIO__PREFETCH(address) ((void)(address))
static inline unsigned asyncio__lowest_bit(uint64_t bits)
{
    unsigned n = 0;
    while (!(bits & 1u))
        bits >>= 1, n++;
    return n;
}
static inline unsigned asyncio__highest_bit(uint64_t bits)
{
    unsigned n = 0;
    while ((bits >>= 1) != 0)
        n++;
    return n;
}
#endif

static inline void asyncio__timers_init(asyncio__timers *timers, asyncio_time now)
{
    asyncio__clear(timers, sizeof *timers);
    timers->base = now;
}

static inline unsigned asyncio__timers_level(const asyncio__timers *timers, asyncio_time when)
{
    return asyncio__highest_bit((uint64_t)(when ^ timers->base) | 1u) / 6u;
}

static inline void asyncio__timers_place(asyncio__timers *timers, asyncio__timer *timer)
{
    asyncio_time when = timer->slot.when;
    unsigned level = asyncio__timers_level(timers, when);
    unsigned slot = (unsigned)(when >> (6u * level)) & 63u;
    uint64_t bit = (uint64_t)1 << slot;
    if (!(timers->used[level] & bit)) {
        timers->used[level] |= bit;
        timers->dirty[level] &= ~bit;
        timers->levels |= 1u << level;
        timers->earliest[level][slot] = when;
        timers->slots[level][slot] = NULL;
    } else if (when < timers->earliest[level][slot]) {
        timers->earliest[level][slot] = when; /* exact again, whatever was cancelled */
        timers->dirty[level] &= ~bit;
    }
    asyncio__list_append(&timers->slots[level][slot], &timer->node);
}

static inline void asyncio__timers_add(asyncio__timers *timers, asyncio__timer *timer)
{
    timers->count++;
    if (timer->slot.when < timers->base)
        asyncio__timers_insert(&timers->past, timer);
    else
        asyncio__timers_place(timers, timer);
}

static inline void asyncio__timers_emptied(asyncio__timers *timers, unsigned level, unsigned slot)
{
    timers->used[level] &= ~((uint64_t)1 << slot);
    if (timers->used[level] == 0)
        timers->levels &= ~(1u << level);
}

static inline void asyncio__timers_remove(asyncio__timers *timers, asyncio__timer *timer)
{
    asyncio_time when = timer->slot.when;
    unsigned level, slot;
    timers->count--;
    if (when < timers->base) {
        asyncio__list_remove(&timers->past, &timer->node);
        return;
    }
    level = asyncio__timers_level(timers, when);
    slot = (unsigned)(when >> (6u * level)) & 63u;
    asyncio__list_remove(&timers->slots[level][slot], &timer->node);
    if (timers->slots[level][slot] == NULL)
        asyncio__timers_emptied(timers, level, slot);
    else if (level != 0 && when == timers->earliest[level][slot])
        timers->dirty[level] |= (uint64_t)1 << slot;
}

/* The earliest deadline of all; unless `exact`, perhaps a time before it. False: there is none. */
static inline bool asyncio__timers_next(asyncio__timers *timers, asyncio_time *when, bool exact)
{
    unsigned level, slot;
    if (timers->past != NULL) {
        *when = asyncio__node_timer(timers->past)->slot.when;
        return true;
    }
    if (timers->levels == 0)
        return false;
    level = asyncio__lowest_bit(timers->levels);
    slot = asyncio__lowest_bit(timers->used[level]);
    if (exact && (timers->dirty[level] >> slot & 1u)) {
        asyncio__node *node = timers->slots[level][slot];
        asyncio_time earliest = asyncio__node_timer(node)->slot.when;
        for (; node != NULL; node = node->next)
            if (asyncio__node_timer(node)->slot.when < earliest)
                earliest = asyncio__node_timer(node)->slot.when;
        timers->earliest[level][slot] = earliest;
        timers->dirty[level] &= ~((uint64_t)1 << slot);
    }
    *when = timers->earliest[level][slot];
    return true;
}

/* Takes the whole earliest slot out if it begins by `now`, and moves `base` to its begin. NULL: none does. */
static inline asyncio__node *asyncio__timers_enter(asyncio__timers *timers, asyncio_time now, unsigned *level)
{
    unsigned slot, shift;
    asyncio_time begin;
    if (timers->levels == 0)
        return NULL;
    *level = asyncio__lowest_bit(timers->levels);
    slot = asyncio__lowest_bit(timers->used[*level]);
    shift = 6u * *level;
    begin = (asyncio_time)(((uint64_t)timers->base >> shift & ~(uint64_t)63) << shift | (uint64_t)slot << shift);
    if (begin > now)
        return NULL;
    timers->base = begin;
    asyncio__timers_emptied(timers, *level, slot);
    return timers->slots[*level][slot];
}

static inline void asyncio__timers_fire(asyncio__timers *timers, asyncio__node *node)
{
    while (node != NULL) {
        asyncio__node *next = node->next;
        timers->count--;
        node->wait->wake(node, NULL);
        node = next;
    }
}

/* Puts a slot's timers into the slots below. Following `next` waits for the memory at each of them; going back from the
 * last at the same time fetches the other half meanwhile. Past the middle that walk is useless, but in valid lists. */
static inline void asyncio__timers_spread(asyncio__timers *timers, asyncio__node *node)
{
    asyncio__node *ahead = node;
    while (node != NULL) {
        asyncio__node *next = node->next;
        ahead = ahead->prev;
        ASYNCIO__PREFETCH(ahead);
        asyncio__timers_place(timers, asyncio__node_timer(node));
        node = next;
    }
}

/* Whether a slot's list is short: then its timers are sorted on the spot, not sent down level by level. */
static inline bool asyncio__timers_few(const asyncio__node *node)
{
    unsigned left = 16;
    while (node != NULL && left != 0)
        node = node->next, left--;
    return node == NULL;
}

/* Wakes those of a slot that are due at `now`, in order: lower levels are empty, later slots later. Places the rest. */
static inline void asyncio__timers_sort(asyncio__timers *timers, asyncio__node *node, asyncio_time now)
{
    asyncio__node *due = NULL;
    while (node != NULL) {
        asyncio__node *next = node->next;
        if (asyncio__node_timer(node)->slot.when <= now)
            asyncio__timers_insert(&due, asyncio__node_timer(node));
        else
            asyncio__timers_place(timers, asyncio__node_timer(node));
        node = next;
    }
    asyncio__timers_fire(timers, due);
}

/* Wakes every timer that is due at `now`, in order. */
static inline void asyncio__timers_expire(asyncio__timers *timers, asyncio_time now)
{
    asyncio__node *node = timers->past;
    unsigned level;
    timers->past = NULL;
    asyncio__timers_fire(timers, node);
    while ((node = asyncio__timers_enter(timers, now, &level)) != NULL) {
        if (level == 0)
            asyncio__timers_fire(timers, node);
        else if (asyncio__timers_few(node))
            asyncio__timers_sort(timers, node, now);
        else
            asyncio__timers_spread(timers, node);
    }
    if (now > timers->base)
        timers->base = now;
}

#else /* a sorted list */

typedef struct asyncio__timers {
    asyncio__node *first;
    size_t count;
} asyncio__timers;

static inline void asyncio__timers_init(asyncio__timers *timers, asyncio_time now)
{
    (void)now;
    timers->first = NULL;
    timers->count = 0;
}

static inline void asyncio__timers_add(asyncio__timers *timers, asyncio__timer *timer)
{
    timers->count++;
    asyncio__timers_insert(&timers->first, timer);
}

static inline void asyncio__timers_remove(asyncio__timers *timers, asyncio__timer *timer)
{
    timers->count--;
    asyncio__list_remove(&timers->first, &timer->node);
}

static inline bool asyncio__timers_next(asyncio__timers *timers, asyncio_time *when, bool exact)
{
    (void)exact; /* it always is */
    if (timers->first == NULL)
        return false;
    *when = asyncio__node_timer(timers->first)->slot.when;
    return true;
}

static inline void asyncio__timers_expire(asyncio__timers *timers, asyncio_time now)
{
    while (timers->first != NULL && !asyncio__time_before(now, asyncio__node_timer(timers->first)->slot.when)) {
        asyncio__node *node = timers->first;
        asyncio__timers_remove(timers, asyncio__node_timer(node));
        node->wait->wake(node, NULL);
    }
}

#endif

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_HEAPQ_H */
