/* SPDX-License-Identifier: MIT
 *
 * loop_per_thread.c - one loop per thread. cc -I. -pthread examples/loop_per_thread.c -o loop_per_thread
 *
 * asyncio_run makes the loop of the thread that calls it. Two loops share nothing: a task, a Future or a handle belongs
 * to one of them, and only asyncio_call_soon_threadsafe and asyncio/threads.h cross over.
 */
#include "asyncio.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#if !ASYNCIO_THREADS
#error "this compiler has no thread-local storage: one loop at a time"
#endif

#define THREADS 4

/* What a thread is given and gives back. */
struct job {
    pthread_t thread;
    int number;
    int err;
    asyncio_value result;
};

ASYNC(square, int n;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0.01));
    ASYNC_RETURN(self->n * self->n);
    ASYNC_END;
}

/* The sum of the squares of 1 .. n, all computed at the same time: n is 4 at most. */
ASYNC(sum_of_squares, int n; asyncio_task *tasks[THREADS]; int i; int one; int sum;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < self->n; self->i++)
        asyncio_create_task(ASYNC_NEW(square, .n = self->i + 1), .into = &self->tasks[self->i]);
    for (self->i = 0; self->i < self->n; self->i++) {
        ASYNC_AWAIT_INTO(self->one, self->tasks[self->i]);
        self->sum += self->one;
    }
    ASYNC_RETURN(self->sum);
    ASYNC_FINALLY;
    for (self->i = 0; self->i < self->n; self->i++)
        asyncio_task_release(self->tasks[self->i]);
    ASYNC_END;
}

static void *run_job(void *arg)
{
    struct job *job = (struct job *)arg;
    job->err = asyncio_run(ASYNC_NEW(sum_of_squares, .n = job->number), .result = &job->result);
    return NULL;
}

int main(void)
{
    struct job jobs[THREADS];
    int i, err;
    for (i = 0; i < THREADS; i++) {
        jobs[i].number = i + 1;
        err = pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]);
        if (err != 0) {
            fprintf(stderr, "loop_per_thread: %s\n", strerror(err));
            return 1;
        }
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(jobs[i].thread, NULL);
        if (jobs[i].err != 0)
            return 1;
        printf("thread %d: %d\n", jobs[i].number, (int)jobs[i].result);
    }
    return 0;
}
