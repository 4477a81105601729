/* SPDX-License-Identifier: MIT
 *
 * asyncio/threads.h - coroutines for other threads: run_coroutine_threadsafe.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(twice, int n;)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_AWAIT(asyncio_sleep(0.01));
 *         ASYNC_RETURN(self->n * 2);
 *         ASYNC_END;
 *     }
 *
 *     static void stop(void *loop) { asyncio_loop_stop((asyncio_loop *)loop); }
 *
 *     static void *thread(void *arg)                         // not the loop's
 *     {
 *         asyncio_loop *loop = (asyncio_loop *)arg;
 *         asyncio_concurrent_future answer;
 *         asyncio_value value;
 *         int err = asyncio_run_coroutine_threadsafe(ASYNC_NEW(twice, .n = 21), loop, &answer);
 *         if (err == 0)
 *             err = asyncio_concurrent_future_result(&answer, -1, &value); // blocks this thread
 *         if (err == 0)
 *             printf("%d\n", (int)value);
 *         asyncio_concurrent_future_destroy(&answer);
 *         asyncio_call_soon_threadsafe(loop, NULL, stop, loop);
 *         return NULL;
 *     }
 *
 *     int main(void)
 *     {
 *         static asyncio_loop loop;
 *         pthread_t other;
 *         if (asyncio_loop_init(&loop, NULL) != 0 || pthread_create(&other, NULL, thread, &loop) != 0)
 *             return 1;
 *         asyncio_run_forever(&loop);
 *         pthread_join(other, NULL);
 *         return asyncio_loop_close(&loop);
 *     }
 *
 * The loop's own thread must not wait for such a future: it would wait for itself. A loop that has nothing to do but to
 * wait for other threads is told so with asyncio_loop_add_source, or it is run by asyncio_run_forever.
 *
 * Source: CPython Lib/asyncio/tasks.py:run_coroutine_threadsafe, Lib/concurrent/futures/_base.py:Future
 */
#ifndef ASYNCIO_THREADS_H
#define ASYNCIO_THREADS_H

#include "../asyncio_loop.h"

#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In storage of yours, until it is done: result() returned something else than ASYNCIO_ETIMEOUT, or done() is true. */
typedef struct asyncio_concurrent_future {
    pthread_mutex_t mutex;
    pthread_cond_t settled;
    bool done;
    int err;
    asyncio_value value;
    asyncio_loop *loop;
    asyncio_root *root; /* NULL once it is a task. This and the next are the loop's thread's */
    asyncio_task *task;
    asyncio_handle start, cancel, finish;
    asyncio__node closing; /* in the loop's list of those who must know that it closes */
} asyncio_concurrent_future;

/* In the loop's thread. Nobody may touch `future` afterwards: its owner may be gone. */
static inline void asyncio__concurrent_settle(asyncio_concurrent_future *future, int err, asyncio_value value)
{
    pthread_mutex_lock(&future->mutex);
    asyncio_handle_cancel(&future->cancel);
    future->err = err;
    future->value = value;
    future->done = true;
    pthread_cond_broadcast(&future->settled);
    pthread_mutex_unlock(&future->mutex);
}

static inline void asyncio__concurrent_leave(asyncio_concurrent_future *future)
{
    asyncio__lock(future->loop);
    asyncio__list_remove(&future->loop->closing, &future->closing);
    asyncio__unlock(future->loop);
}

static inline void asyncio__concurrent_finish(asyncio_future *done, void *arg)
{
    asyncio_concurrent_future *future = (asyncio_concurrent_future *)arg;
    asyncio_value value = 0;
    int err = asyncio_future_result(done, &value);
    asyncio_task *task = future->task;
    asyncio__concurrent_leave(future);
    asyncio__concurrent_settle(future, err, value);
    asyncio_task_release(task);
}

static inline void asyncio__concurrent_start(void *arg)
{
    asyncio_concurrent_future *future = (asyncio_concurrent_future *)arg;
    asyncio_task_options options;
    int err;
    asyncio__no_options(&options);
    options.into = &future->task;
    err = asyncio_loop_create_task(future->loop, future->root, &options);
    future->root = NULL;
    if (err == 0) {
        (void)asyncio_task_add_done_callback(future->task, &future->finish, asyncio__concurrent_finish, future);
    } else {
        asyncio__concurrent_leave(future);
        asyncio__concurrent_settle(future, err, 0);
    }
}

/* The loop has destroyed its tasks by now, ours among them. */
static inline int asyncio__concurrent_closed(asyncio__node *node)
{
    asyncio_concurrent_future *future =
        (asyncio_concurrent_future *)(void *)((char *)node - offsetof(asyncio_concurrent_future, closing));
    asyncio_coro_close(future->root);
    asyncio__concurrent_settle(future, ASYNCIO_ECLOSED, 0);
    return ASYNCIO__PENDING;
}
static const asyncio__wait asyncio__concurrent_kind = {asyncio__concurrent_closed, NULL, NULL, NULL,
                                                       ASYNCIO__NO_TASK, 0 ASYNCIO__WHAT("another thread")};

static inline void asyncio__concurrent_cancel(void *arg)
{
    asyncio_concurrent_future *future = (asyncio_concurrent_future *)arg;
    if (future->task != NULL)
        asyncio_task_cancel(future->task, NULL);
}

/*
 * asyncio_run_coroutine_threadsafe - start a coroutine in a loop that runs in another thread.
 *
 *   root       from ASYNC_NEW or ASYNC_AT; taken over in every case
 *   future     yours, not initialised; destroy it with asyncio_concurrent_future_destroy when it is done
 *   Suspends   never; from any thread
 *   Returns    0; ASYNCIO_ECLOSED and ASYNCIO_ENOMEM (root is NULL), the future then being done with that error. What
 *              create_task refuses with is the future's error.
 *   Memory     allocates nothing. Cost: as asyncio_call_soon_threadsafe, and a mutex and a condition variable made.
 *   Source     tasks.py:run_coroutine_threadsafe. Differs: if the loop closes before it is done, the future is done
 *              with ASYNCIO_ECLOSED, where CPython lets its owner wait for ever.
 */
static inline int asyncio_run_coroutine_threadsafe(asyncio_root *root, asyncio_loop *loop,
                                                   asyncio_concurrent_future *future)
{
    pthread_condattr_t attributes;
    int err = root == NULL ? ASYNCIO_ENOMEM : 0;
    if (root != NULL)
        asyncio__coro_hand_over(asyncio__coro_of(root));
    asyncio__clear(future, sizeof *future);
    pthread_mutex_init(&future->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&future->settled, &attributes);
    pthread_condattr_destroy(&attributes);
    future->loop = loop;
    future->root = root;
    future->closing.wait = &asyncio__concurrent_kind;
    asyncio__lock(loop);
    if (err == 0 && loop->core.closed)
        err = ASYNCIO_ECLOSED;
    if (err == 0)
        asyncio__list_append(&loop->closing, &future->closing);
    asyncio__unlock(loop);
    if (err == 0) /* should the loop close just now, it is this list that tells us */
        (void)asyncio_call_soon_threadsafe(loop, &future->start, asyncio__concurrent_start, future);
    if (err != 0) {
        asyncio_coro_close(root);
        future->err = err;
        future->done = true;
    }
    return err;
}

/*
 * asyncio_concurrent_future_result - block the calling thread until the coroutine is done.
 *
 *   seconds    longest wait; 0: do not wait; negative: no limit
 *   value      receives its result, or 0; may be NULL
 *   Suspends   never: it blocks. Not for the loop's own thread, unless seconds is 0.
 *   Returns    0; its error; ASYNCIO_ECANCELLED; ASYNCIO_ECLOSED; ASYNCIO_ETIMEOUT, and the coroutine goes on: whether
 *              the code is the coroutine's own tells asyncio_concurrent_future_done
 *   Source     concurrent/futures/_base.py:Future.result
 */
static inline int asyncio_concurrent_future_result(asyncio_concurrent_future *future, double seconds,
                                                   asyncio_value *value)
{
    struct timespec until;
    int err;
    clock_gettime(CLOCK_MONOTONIC, &until);
    if (seconds >= 0) {
        asyncio_time ns = asyncio__time_add(until.tv_nsec, ASYNCIO_SECONDS(seconds));
        until.tv_sec += (time_t)(ns / 1000000000);
        until.tv_nsec = (long)(ns % 1000000000);
    }
    pthread_mutex_lock(&future->mutex);
    while (!future->done) {
        if (seconds < 0)
            pthread_cond_wait(&future->settled, &future->mutex);
        else if (pthread_cond_timedwait(&future->settled, &future->mutex, &until) != 0)
            break;
    }
    err = future->done ? future->err : ASYNCIO_ETIMEOUT;
    if (value != NULL)
        *value = err == 0 ? future->value : 0;
    pthread_mutex_unlock(&future->mutex);
    return err;
}

/* asyncio_concurrent_future_done - whether it is, from any thread, without waiting. */
static inline bool asyncio_concurrent_future_done(asyncio_concurrent_future *future)
{
    bool done;
    pthread_mutex_lock(&future->mutex);
    done = future->done;
    pthread_mutex_unlock(&future->mutex);
    return done;
}

/* asyncio_concurrent_future_cancel - cancel the task, from any thread. False: done already, or the loop is closed. The
 * future is done when the task is, with ASYNCIO_ECANCELLED unless the task catches it. Differs: CPython's is cancelled
 * at once, whatever becomes of the task. */
static inline bool asyncio_concurrent_future_cancel(asyncio_concurrent_future *future)
{
    bool open;
    pthread_mutex_lock(&future->mutex);
    open = !future->done;
    if (open)
        open = asyncio_call_soon_threadsafe(future->loop, &future->cancel, asyncio__concurrent_cancel, future) == 0;
    pthread_mutex_unlock(&future->mutex);
    return open;
}

/* asyncio_concurrent_future_destroy - once it is done, and no other thread uses it. */
static inline void asyncio_concurrent_future_destroy(asyncio_concurrent_future *future)
{
    pthread_mutex_lock(&future->mutex); /* whoever settled it has left by now */
    pthread_mutex_unlock(&future->mutex);
    pthread_cond_destroy(&future->settled);
    pthread_mutex_destroy(&future->mutex);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_THREADS_H */
