/* SPDX-License-Identifier: MIT
 *
 * asyncio/timeouts.h - timeout, timeout_at and wait_for: stop waiting when time is up.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(main_coro, asyncio_timeout limit; asyncio_waiting_for call; int err;)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_WITH(&self->limit, asyncio_move_on_after(1.0))
 *         {
 *             ASYNC_AWAIT(asyncio_sleep(0.7));
 *             ASYNC_AWAIT(asyncio_sleep(0.7));
 *             puts("never printed");
 *         }
 *         printf("expired: %d\n", asyncio_timeout_expired(&self->limit));
 *         ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_sleep(60), 0.5));
 *         printf("%s\n", asyncio_errname(self->err));
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * Rules, the bad news first
 *
 *   1. A timeout cancels: what you await gets ASYNCIO_ECANCELLED, and its clean-up may take as long as it likes. Only
 *      when it has let go does the block raise ASYNCIO_ETIMEOUT. Awaiting somebody's Task or Future under a timeout
 *      cancels that Task or Future; asyncio_shield protects it.
 *   2. Whoever catches the cancellation inside of the block (ASYNC_CATCH_ALL) and goes on has swallowed the timeout.
 *   3. A body that never really waits is not interrupted. Of several nested timeouts with the same deadline the outermost
 *      raises ASYNCIO_ETIMEOUT; if somebody else cancels the task at the same time, ASYNCIO_ECANCELLED wins.
 *   4. asyncio_timeout is evaluated where it stands: its time runs from there, not from the first await.
 *
 *                 enter                time is up            exit
 *     CREATED ------------> ENTERED ----------------> EXPIRING --------> EXPIRED
 *                              |    exit                                         expired(): EXPIRING or EXPIRED
 *                              +-------------------> EXITED                      reschedule: in ENTERED only
 */
#ifndef ASYNCIO_TIMEOUTS_H
#define ASYNCIO_TIMEOUTS_H

#include "../asyncio_loop.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ASYNCIO__TIMEOUT_CREATED = 1, /* 0: storage that was not set up */
    ASYNCIO__TIMEOUT_AHEAD,       /* the same, and its deadline is still to come */
    ASYNCIO__TIMEOUT_ENTERED,
    ASYNCIO__TIMEOUT_EXPIRING,
    ASYNCIO__TIMEOUT_EXPIRED,
    ASYNCIO__TIMEOUT_EXITED
};

/* A block for ASYNC_WITH. All of it is the library's; read it by the functions below. */
typedef struct asyncio_timeout {
    asyncio_block block;
    asyncio_handle handle;
    asyncio_task *task;
    asyncio_time when;
    int cancelling; /* requests to cancel that were open on entry: not ours */
    uint8_t state;  /* ASYNCIO__TIMEOUT_* */
    bool limited;   /* `when` counts */
    bool moves_on;
} asyncio_timeout;

static inline void asyncio__timeout_expire(void *arg)
{
    asyncio_timeout *timeout = (asyncio_timeout *)arg;
    (void)asyncio_task_cancel(timeout->task, NULL);
    timeout->state = ASYNCIO__TIMEOUT_EXPIRING;
}

static inline void asyncio__timeout_arm(asyncio_timeout *timeout, bool ahead)
{
    asyncio_loop *loop = timeout->task->future.loop;
    asyncio_handle *handle = &timeout->handle;
    if (!timeout->limited)
        return;
    (void)asyncio__handle_init(loop, handle);
    handle->callback.plain = asyncio__timeout_expire;
    handle->arg = timeout;
    asyncio__handle_capture(loop, handle);
    if (ahead || asyncio__time_before(asyncio__now(loop), timeout->when))
        asyncio__call_at(loop, handle, timeout->when);
    else
        asyncio__call_soon(loop, handle);
}

static inline int asyncio__timeout_start(asyncio_timeout *timeout, asyncio_task *task)
{
    bool ahead = !ASYNCIO__SMALL && timeout->state == ASYNCIO__TIMEOUT_AHEAD;
    if (!ahead && timeout->state != ASYNCIO__TIMEOUT_CREATED)
        return ASYNCIO_ERUNTIME;
    timeout->state = ASYNCIO__TIMEOUT_ENTERED;
    timeout->task = task;
    timeout->cancelling = asyncio_task_cancelling(task);
    asyncio__timeout_arm(timeout, ahead);
    return 0;
}

/* What the body's error becomes. */
static inline int asyncio__timeout_finish(asyncio_timeout *timeout, int err)
{
    asyncio_handle_cancel(&timeout->handle);
    if (timeout->state != ASYNCIO__TIMEOUT_EXPIRING) {
        timeout->state = ASYNCIO__TIMEOUT_EXITED;
        return err;
    }
    timeout->state = ASYNCIO__TIMEOUT_EXPIRED;
    if (asyncio_task_uncancel(timeout->task) <= timeout->cancelling && err == ASYNCIO_ECANCELLED)
        return timeout->moves_on ? 0 : ASYNCIO_ETIMEOUT;
    return err;
}

static inline asyncio_status asyncio__timeout_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    (void)self;
    return asyncio__status(asyncio__timeout_start((asyncio_timeout *)(void *)block, task), 0);
}

static inline asyncio_status asyncio__timeout_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task,
                                                   int err)
{
    int left = asyncio__timeout_finish((asyncio_timeout *)(void *)block, err);
    (void)self, (void)task;
    return asyncio__status(left, left == err ? block->detail : 0);
}

static const asyncio_block_type asyncio__timeout_block = {asyncio__timeout_enter, asyncio__timeout_exit, NULL};

/*
 * asyncio_timeout(seconds), asyncio_timeout_at(when), asyncio_timeout_none() - a limit for a block:
 *
 *     ASYNC_WITH(&self->limit, asyncio_timeout(5.0)) {...}        with an asyncio_timeout in the frame
 *
 *   seconds    an int or a double, from now on; 0 or negative: at the body's first real suspension. INFINITY (hosted):
 *              no limit; NaN counts as 0.
 *   when       ticks of asyncio_loop_time; the past is allowed. none: no limit, until asyncio_timeout_reschedule.
 *   Suspends   the block never does on its own account; leaving it waits for nothing
 *   Errors     of the block: ASYNCIO_ETIMEOUT if its time was up and the cancellation came out of the body; another
 *              error of the body, and somebody else's cancellation, as they are; ASYNCIO_ERUNTIME for an
 *              asyncio_timeout that was entered before and not set up again
 *   Memory     allocates nothing. Cost: as asyncio_call_at.
 *   Source     timeouts.py:timeout, timeout_at, Timeout.__aenter__, __aexit__. Differs: no chain of causes.
 *
 * asyncio_move_on_after(seconds), asyncio_move_on_at(when) - the same, but an expired block ends without an error:
 * asyncio_timeout_expired tells. No counterpart in asyncio: anyio's and trio's move_on_after.
 *
 * asyncio_timeout_init(t, seconds), asyncio_timeout_init_at(t, when), asyncio_timeout_init_none(t) - set one up before
 * ASYNC_WITH(t). Once for each time it is entered.
 */
static inline void asyncio_timeout_init_none(asyncio_timeout *timeout)
{
    asyncio__clear(timeout, sizeof *timeout);
    timeout->block.type = &asyncio__timeout_block;
    timeout->state = ASYNCIO__TIMEOUT_CREATED;
}
static inline void asyncio_timeout_init_at(asyncio_timeout *timeout, asyncio_time when)
{
    asyncio_timeout_init_none(timeout);
    timeout->limited = true;
    timeout->when = when;
}
static inline void asyncio__timeout_init_after(asyncio_timeout *timeout, asyncio_time delay)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_timeout_init_at(timeout, loop != NULL ? asyncio__time_add(asyncio__now(loop), delay) : delay);
#if ASYNCIO_HOSTED
    timeout->limited = delay != INT64_MAX;
#endif
}
/* The same for a block that is entered at once: to look at the clock a second time would tell nothing new. */
static inline void asyncio__timeout_now(asyncio_timeout *timeout, asyncio_time delay)
{
    asyncio__timeout_init_after(timeout, delay);
    if (!ASYNCIO__SMALL && delay > 0)
        timeout->state = ASYNCIO__TIMEOUT_AHEAD;
}
static inline void asyncio__move_on_init_at(asyncio_timeout *timeout, asyncio_time when)
{
    asyncio_timeout_init_at(timeout, when);
    timeout->moves_on = true;
}
static inline void asyncio__move_on_now(asyncio_timeout *timeout, asyncio_time delay)
{
    asyncio__timeout_now(timeout, delay);
    timeout->moves_on = true;
}
#define asyncio_timeout_init(timeout, seconds) asyncio__timeout_init_after(timeout, ASYNCIO_SECONDS(seconds))
#define asyncio_timeout(seconds) asyncio__timeout_now(ASYNCIO__BLOCK, ASYNCIO_SECONDS(seconds))
#define asyncio_timeout_at(when) asyncio_timeout_init_at(ASYNCIO__BLOCK, when)
#define asyncio_timeout_none() asyncio_timeout_init_none(ASYNCIO__BLOCK)
#define asyncio_move_on_after(seconds) asyncio__move_on_now(ASYNCIO__BLOCK, ASYNCIO_SECONDS(seconds))
#define asyncio_move_on_at(when) asyncio__move_on_init_at(ASYNCIO__BLOCK, when)

/*
 * asyncio_timeout_reschedule(t, when), asyncio_timeout_reschedule_none(t) - move a running timeout's deadline, lift it.
 *
 *   when       ticks of asyncio_loop_time; the past: at the next real suspension
 *   Suspends   never
 *   Returns    0; ASYNCIO_ERUNTIME before its block was entered, when its time was up, and after the block
 *   Memory     allocates nothing. Cost: as asyncio_call_at.
 *   Source     timeouts.py:Timeout.reschedule
 */
static inline int asyncio__timeout_change(asyncio_timeout *timeout, bool limited, asyncio_time when)
{
    if (timeout->state != ASYNCIO__TIMEOUT_ENTERED)
        return ASYNCIO_ERUNTIME;
    asyncio_handle_cancel(&timeout->handle);
    timeout->limited = limited;
    timeout->when = when;
    asyncio__timeout_arm(timeout, false);
    return 0;
}
static inline int asyncio_timeout_reschedule(asyncio_timeout *timeout, asyncio_time when)
{
    return asyncio__timeout_change(timeout, true, when);
}
static inline int asyncio_timeout_reschedule_none(asyncio_timeout *timeout)
{
    return asyncio__timeout_change(timeout, false, 0);
}

/* asyncio_timeout_when - true, and the deadline in ticks through `when`; false: no limit. asyncio_timeout_expired -
 * whether its time was up before the block was left. Never suspend, never fail. Source: timeouts.py:Timeout.when, expired */
static inline bool asyncio_timeout_when(const asyncio_timeout *timeout, asyncio_time *when)
{
    *when = timeout->when;
    return timeout->limited;
}
static inline bool asyncio_timeout_expired(const asyncio_timeout *timeout)
{
    return timeout->state == ASYNCIO__TIMEOUT_EXPIRING || timeout->state == ASYNCIO__TIMEOUT_EXPIRED;
}

/* ---- wait_for ---- */

enum { ASYNCIO__FOR_STATUS, ASYNCIO__FOR_CORO, ASYNCIO__FOR_ROOT, ASYNCIO__FOR_FUTURE, ASYNCIO__FOR_TASK };

/* What is awaited, and its limit: a coroutine of the library's in the caller's frame. */
typedef struct asyncio_waiting_for {
    asyncio_coro coro;
    asyncio_timeout limit; /* its handle serves as done callback, too, if time is up from the start */
    asyncio_future waiter; /* only then */
    asyncio_future *future; /* what is cancelled then; NULL: something that never started */
    union {
        asyncio_coro *coro;
        asyncio_future *future;
        asyncio_value value; /* of a status */
    } x;
    int code;     /* of a status */
    uint8_t kind; /* ASYNCIO__FOR_* */
    bool late;    /* time was up from the start */
} asyncio_waiting_for;

/* Of a wait_for's frame: its limit runs, and what it waits for may be armed, before it is awaited. */
#define ASYNCIO__FRAME_BEGUN 16u

enum { ASYNCIO__WAITING_FOR_X = 3, ASYNCIO__WAITING_FOR_END };

static inline int asyncio__wait_for_leave(asyncio_waiting_for *wait, asyncio_task *task, int err, asyncio_value value)
{
    wait->coro.state = 2;
    *asyncio__result_of(&wait->coro, task) = value;
    return err;
}

static inline int asyncio__wait_for_x(asyncio_waiting_for *wait, asyncio_task *task)
{
    asyncio_future *future = wait->x.future;
    switch (wait->kind) {
    case ASYNCIO__FOR_STATUS:
        return asyncio__await_status(&wait->coro, task, asyncio__status(wait->code, wait->x.value));
    case ASYNCIO__FOR_CORO:
    case ASYNCIO__FOR_ROOT:
        return asyncio__await_coro(&wait->coro, task, wait->x.coro);
    case ASYNCIO__FOR_TASK:
        return asyncio__await_task(&wait->coro, task, (asyncio_task *)(void *)future);
    default:
        return asyncio__await_future(&wait->coro, task, future);
    }
}

/* What wait_for waits for when it cancels: the callback of the task that it cancelled, or what stands for one. */
static inline void asyncio__wait_for_release(asyncio_waiting_for *wait)
{
    if (!asyncio_future_done(&wait->waiter))
        (void)asyncio_future_set_result(&wait->waiter, 0);
}
static inline void asyncio__wait_for_ended(asyncio_future *future, void *arg)
{
    (void)future;
    asyncio__wait_for_release((asyncio_waiting_for *)arg);
}
static inline void asyncio__wait_for_never_ended(void *arg) { asyncio__wait_for_release((asyncio_waiting_for *)arg); }
static inline void asyncio__wait_for_never_began(void *arg)
{
    asyncio_waiting_for *wait = (asyncio_waiting_for *)arg;
    (void)asyncio_call_soon(wait->waiter.loop, &wait->limit.handle, asyncio__wait_for_never_ended, wait);
}

/* Too late from the start: what runs is cancelled and waited for. What never ran takes the time that CPython's task for
 * it takes: its first step, and its callback. */
static inline int asyncio__wait_for_cancel(asyncio_waiting_for *wait, asyncio_task *task)
{
    asyncio_future_init(&wait->waiter, task->future.loop);
    if (wait->future != NULL) {
        (void)asyncio_future_add_done_callback(wait->future, &wait->limit.handle, asyncio__wait_for_ended, wait);
        (void)asyncio_future_cancel(wait->future, NULL);
    } else {
#if ASYNCIO_NAMES
        (void)asyncio__task_number(); /* its task would have one */
#endif
        (void)asyncio_call_soon(task->future.loop, &wait->limit.handle, asyncio__wait_for_never_began, wait);
    }
    wait->coro.state = ASYNCIO__WAITING_FOR_END;
    return asyncio__await_future(&wait->coro, task, &wait->waiter);
}

static inline int asyncio__wait_for_late(asyncio_waiting_for *wait, asyncio_task *task)
{
    if (wait->future == NULL && wait->kind != ASYNCIO__FOR_STATUS &&
        (wait->kind != ASYNCIO__FOR_CORO || wait->x.coro == NULL))
        return ASYNCIO_ENOMEM;
    if (wait->future != NULL && asyncio_future_done(wait->future))
        return asyncio__await_future(&wait->coro, task, wait->future);
    return asyncio__wait_for_cancel(wait, task);
}

static inline int asyncio__wait_for_late_end(asyncio_waiting_for *wait, asyncio_task *task, int err)
{
    asyncio_value value = 0;
    asyncio_handle_cancel(&wait->limit.handle);
    if (err == 0) {
        err = wait->future != NULL ? asyncio_future_result(wait->future, &value) : ASYNCIO_ECANCELLED;
        if (err != 0 && wait->future != NULL)
            value = asyncio_future_detail(wait->future);
        if (err == ASYNCIO_ECANCELLED)
            err = ASYNCIO_ETIMEOUT, value = 0;
    } else {
        value = wait->coro.value;
    }
    if (wait->kind == ASYNCIO__FOR_CORO && wait->future != NULL)
        ((asyncio__waiter *)(void *)wait->x.coro)->unhook((asyncio__waiter *)(void *)wait->x.coro);
    if (wait->kind == ASYNCIO__FOR_ROOT)
        asyncio_future_release(wait->future);
    return asyncio__wait_for_leave(wait, task, err, value);
}

static inline int asyncio__wait_for_resume(asyncio_coro *self, asyncio_task *task, int err)
{
    asyncio_waiting_for *wait = (asyncio_waiting_for *)(void *)self;
    int left;
    if (err == ASYNCIO__DESCRIBE)
        return asyncio__name_frame(task, "asyncio_wait_for", __FILE__);
    if (self->state == 0) {
        self->state = ASYNCIO__WAITING_FOR_X;
        err = wait->late ? asyncio__wait_for_late(wait, task) : asyncio__wait_for_x(wait, task);
    }
    if (err == ASYNCIO__PENDING)
        return err;
    if (wait->late)
        return asyncio__wait_for_late_end(wait, task, err);
    left = asyncio__timeout_finish(&wait->limit, err);
    return asyncio__wait_for_leave(wait, task, left, left == err ? self->value : 0);
}

/* Starts the limit before `x` is evaluated, which may arm a timer of its own. True: it is too late for that. */
static inline bool asyncio__wait_for_begin(asyncio_waiting_for *wait, asyncio_task *task, asyncio_time delay,
                                           bool is_status)
{
    asyncio__clear(wait, sizeof *wait);
    wait->coro.resume = asyncio__wait_for_resume;
    wait->coro.flags = ASYNCIO__FRAME_BEGUN;
    wait->late = delay <= 0;
    if (!wait->late) {
        asyncio__timeout_now(&wait->limit, delay);
        (void)asyncio__timeout_start(&wait->limit, task);
    }
    return wait->late && is_status;
}

static inline asyncio_coro *asyncio__wait_for_coro(asyncio_waiting_for *wait, asyncio_coro *coro)
{
    wait->kind = ASYNCIO__FOR_CORO;
    wait->x.coro = coro;
    if (wait->late && coro != NULL && (coro->flags & ASYNCIO__FRAME_FUTURE)) { /* gather, shield: as their Future */
        wait->future = &((asyncio__waiter *)(void *)coro)->outer.future;
    } else if (wait->late && coro != NULL && (coro->flags & ASYNCIO__FRAME_BEGUN)) {
        wait->late = false; /* it cannot be left alone: it is cancelled as it suspends */
        asyncio__timeout_init_after(&wait->limit, 0);
        (void)asyncio__timeout_start(&wait->limit, asyncio_current_task());
    } else if (wait->late) {
        asyncio_coro_close((asyncio_root *)(void *)coro);
    }
    return &wait->coro;
}
static inline asyncio_coro *asyncio__wait_for_root(asyncio_waiting_for *wait, asyncio_root *root)
{
    wait->kind = ASYNCIO__FOR_ROOT;
    if (wait->late)
        wait->future = asyncio__ensure_root(root);
    else
        wait->x.coro = asyncio__coro_of(root);
    return &wait->coro;
}
static inline asyncio_coro *asyncio__wait_for_future(asyncio_waiting_for *wait, asyncio_future *future)
{
    wait->kind = ASYNCIO__FOR_FUTURE;
    wait->x.future = wait->future = future;
    return &wait->coro;
}
static inline asyncio_coro *asyncio__wait_for_task(asyncio_waiting_for *wait, asyncio_task *task)
{
    (void)asyncio__wait_for_future(wait, task != NULL ? &task->future : NULL);
    wait->kind = ASYNCIO__FOR_TASK;
    return &wait->coro;
}
static inline asyncio_coro *asyncio__wait_for_status(asyncio_waiting_for *wait, asyncio_status status)
{
    wait->kind = ASYNCIO__FOR_STATUS;
    wait->code = status.code;
    wait->x.value = status.value;
    return &wait->coro;
}
static inline asyncio_coro *asyncio__wait_for_never(asyncio_waiting_for *wait) { return &wait->coro; }

#ifdef __cplusplus
} /* extern "C" */
#endif

/*
 * asyncio_wait_for(&self->call, x, seconds) - for ASYNC_AWAIT and ASYNC_CATCH: wait for x, but not longer.
 *
 *   call       an asyncio_waiting_for in the frame, in use until the await is over; evaluated twice
 *   x          what ASYNC_AWAIT takes: a coroutine, a Future *, a Task *, or the status of a library primitive, as in
 *              asyncio_wait_for(&self->call, asyncio_lock_acquire(&lock), 5.0)
 *   seconds    an int or a double; INFINITY (hosted): no limit; NaN counts as 0. 0 or less: what is done already is
 *              taken; a Future or Task that is not is cancelled and waited for; a coroutine never starts, and a
 *              primitive's status is not even evaluated. A wait_for in a wait_for is cancelled as it suspends.
 *   Suspends   if x does; with 0 seconds or less for some iterations. After the deadline until x has let go, however
 *              long that takes.
 *   Gives      x's value or error; ASYNCIO_ETIMEOUT if it was cancelled because time was up (if it swallows that and
 *              returns, its value); ASYNCIO_ECANCELLED if this task was cancelled; ASYNCIO_ENOMEM if x is NULL
 *   Memory     allocates nothing. Cost: as asyncio_call_at.
 *   Source     tasks.py:wait_for. x runs in this task, not in one of its own. Differs, with 0 seconds or less only:
 *              CPython makes a Task of every coroutine and cancels it; here ASYNC_IN and a primitive get none, so that
 *              all_tasks does not show it, nor an eager task factory see it.
 *
 * asyncio_wait_for_ticks(&self->call, x, ticks) - the same in ticks. Without ASYNCIO_GENERIC both take a status only,
 * and asyncio_wait_for_coro, _future and _task (ticks, too) the rest; all are for ASYNC_AWAIT_CORO then.
 */
#define asyncio_wait_for(wait, x, seconds) asyncio_wait_for_ticks(wait, x, ASYNCIO_SECONDS(seconds))
#define asyncio_wait_for_ticks(wait, x, ticks)                                                                         \
    asyncio__to_be_awaited(asyncio__wait_for_begin((wait), ASYNCIO__CURRENT, (ticks), ASYNCIO__IS_STATUS(x))           \
                               ? asyncio__wait_for_never((wait))                                                       \
                               : ASYNCIO__WAIT_FOR((wait), x))
#define asyncio_wait_for_coro(wait, x, ticks) ASYNCIO__WAIT_FOR_BY(asyncio__wait_for_coro, wait, x, ticks)
#define asyncio_wait_for_future(wait, x, ticks) ASYNCIO__WAIT_FOR_BY(asyncio__wait_for_future, wait, x, ticks)
#define asyncio_wait_for_task(wait, x, ticks) ASYNCIO__WAIT_FOR_BY(asyncio__wait_for_task, wait, x, ticks)
#define ASYNCIO__WAIT_FOR_BY(function, wait, x, ticks)                                                                 \
    ((void)asyncio__wait_for_begin((wait), ASYNCIO__CURRENT, (ticks), false), function((wait), (x)))

#ifdef __cplusplus
static inline asyncio_coro *asyncio__wait_for(asyncio_waiting_for *wait, asyncio_coro *x)
{
    return asyncio__wait_for_coro(wait, x);
}
static inline asyncio_coro *asyncio__wait_for(asyncio_waiting_for *wait, asyncio_root *x)
{
    return asyncio__wait_for_root(wait, x);
}
static inline asyncio_coro *asyncio__wait_for(asyncio_waiting_for *wait, asyncio_future *x)
{
    return asyncio__wait_for_future(wait, x);
}
static inline asyncio_coro *asyncio__wait_for(asyncio_waiting_for *wait, asyncio_task *x)
{
    return asyncio__wait_for_task(wait, x);
}
static inline asyncio_coro *asyncio__wait_for(asyncio_waiting_for *wait, asyncio_status x)
{
    return asyncio__wait_for_status(wait, x);
}
#define ASYNCIO__WAIT_FOR(wait, x) asyncio__wait_for(wait, (x))
struct asyncio__a_status {
    char size[2];
};
asyncio__a_status asyncio__status_or_not(asyncio_status x);
template <class T> char asyncio__status_or_not(T *x);
#define ASYNCIO__IS_STATUS(x) (sizeof(asyncio__status_or_not(x)) == sizeof(asyncio__a_status))
#elif ASYNCIO_GENERIC
#define ASYNCIO__WAIT_FOR(wait, x)                                                                                     \
    (ASYNCIO__EXTENSION _Generic((x),                                                                                  \
         asyncio_coro *: asyncio__wait_for_coro,                                                                       \
         asyncio_root *: asyncio__wait_for_root,                                                                       \
         asyncio_future *: asyncio__wait_for_future,                                                                   \
         asyncio_task *: asyncio__wait_for_task,                                                                       \
         asyncio_status: asyncio__wait_for_status)(wait, (x)))
#define ASYNCIO__IS_STATUS(x) (ASYNCIO__EXTENSION _Generic((x), asyncio_status: true, default: false))
#else
#define ASYNCIO__WAIT_FOR(wait, x) asyncio__wait_for_status(wait, x)
#define ASYNCIO__IS_STATUS(x) true
#endif

#endif /* ASYNCIO_TIMEOUTS_H */
