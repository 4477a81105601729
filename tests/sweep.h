/* SPDX-License-Identifier: MIT
 *
 * sweep.h - a program of coroutines in which each task in turn is cancelled at each iteration, or the loop is closed
 * there. Whatever the iteration, every coroutine that began must clean up, and nothing be left.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "fixture.h"

#ifdef ASYNC_NEW
static int entered, left; /* coroutines that began, and that cleaned up: each of the program's counts itself */

/* Sleeps, and takes an iteration over its clean-up. */
ASYNC(sub, double seconds;)
{
    ASYNC_BEGIN;
    entered++;
    ASYNC_AWAIT(asyncio_sleep(self->seconds));
    ASYNC_FINALLY;
    left++;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}

/* Runs the program and, at iteration `at`, cancels task `who` of those that there are, or closes the loop. Returns 0 if
 * it did not come to that, 1 if it did, 2 if the program was cancelled, too. */
static inline int interrupted(asyncio_root *program, unsigned at, size_t who, bool close)
{
    asyncio_task *tasks[16], *task = NULL;
    asyncio_task_options options = no_options;
    int hit = 0, the_loops = blocks;
    unsigned i;
    entered = left = 0;
    options.into = &task;
    open_loop();
    the_loops = blocks - the_loops;
    CHECK_EQ(asyncio_loop_create_task(&loop, program, &options), 0);
    for (i = 0; i < 200 && asyncio_all_tasks(&loop, NULL, 0) != 0 && !(hit && close); i++) {
        if (i == at && asyncio_all_tasks(&loop, tasks, 16) > who) {
            hit = 1;
            if (!close)
                CHECK(asyncio_task_cancel(tasks[who], "sweep"));
        }
        if (!(hit && close))
            step(1);
    }
    CHECK(i < 200);
    if (hit && !close && asyncio_task_cancelled(task))
        hit = 2;
    asyncio_task_release(task);
    if (!close) {
        if (loop.core.head != NULL) /* what was left to itself gives up what it had in the iteration after its end */
            step(1);
        CHECK_EQ(entered, left);
        CHECK_EQ(loop.timers.count, 0);
        CHECK(loop.core.head == NULL && loop.core.leftovers == NULL);
        CHECK_EQ(reports, 0);
        if (ASYNCIO_FREELIST == 0) /* else they stay with the loop */
            CHECK_EQ(blocks, the_loops);
    }
    close_loop();
    CHECK_EQ(blocks, 0);
    return hit;
}
#endif

#endif
