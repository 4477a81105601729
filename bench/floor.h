/* SPDX-License-Identifier: MIT
 *
 * floor.h - what a careful C programmer writes by hand for one program: a state machine with a `switch`, called through
 * a function pointer; an intrusive ready list; a free list. No cancellation, no errors, no names, nothing to wait for.
 */
#ifndef FLOOR_H
#define FLOOR_H

#include "bench.h"

typedef struct floor_task floor_task;
struct floor_task {
    floor_task *next;
    void (*resume)(floor_task *task);
    uint32_t state, left;
};

static floor_task *floor_head, *floor_tail;

static inline void floor_push(floor_task *task)
{
    task->next = NULL;
    if (floor_tail != NULL)
        floor_tail->next = task;
    else
        floor_head = task;
    floor_tail = task;
}

static BENCH_NOINLINE __attribute__((unused)) void floor_run(void)
{
    floor_task *task;
    while ((task = floor_head) != NULL) {
        floor_head = task->next;
        if (floor_head == NULL)
            floor_tail = NULL;
        task->resume(task);
    }
}

static inline void floor_start(floor_task *task, void (*resume)(floor_task *task), uint32_t left)
{
    task->resume = resume;
    task->state = 0;
    task->left = left;
    floor_push(task);
}

#endif
