/* SPDX-License-Identifier: MIT
 *
 * call.c - awaiting a coroutine that does not suspend. By hand: fill the callee's frame, call it through its pointer,
 * take its result. Two floors: a caller whose locals are in registers, which no coroutine can have, and one that is a
 * state machine as well. And two subjects: a callee that the compiler sees, and may inline, and one that it does not.
 */
#include "floor.h"

#include "asyncio.h"

/* ---- By hand ---- */

typedef struct floor_callee floor_callee;
struct floor_callee {
    int (*resume)(floor_callee *callee);
    uint32_t state;
    long argument, result;
};

static BENCH_NOINLINE int floor_add(floor_callee *callee)
{
    switch (callee->state) {
    case 0:
        callee->result = callee->argument + 1;
        callee->state = 1;
    }
    return 0;
}

static void call_floor(unsigned long operations)
{
    floor_callee callee;
    long sum = 0;
    int (*resume)(floor_callee *) = floor_add;
    BENCH_KEEP(&resume);
    bench_start();
    while (operations-- > 0) {
        callee.resume = resume;
        callee.state = 0;
        callee.argument = sum;
        BENCH_KEEP(&callee);
        if (callee.resume(&callee) != 0)
            break;
        sum = callee.result;
    }
    bench_stop();
    bench_done = (unsigned long)sum;
}

typedef struct floor_caller {
    uint32_t state;
    unsigned long left;
    long sum;
    floor_callee callee;
} floor_caller;

static BENCH_NOINLINE int floor_call(floor_caller *caller, int (*resume)(floor_callee *))
{
    switch (caller->state) {
    case 0:
        for (; caller->left > 0; caller->left--) {
            caller->callee.resume = resume;
            caller->callee.state = 0;
            caller->callee.argument = caller->sum;
            caller->state = 1;
            if (caller->callee.resume(&caller->callee) != 0) {
                return 1;
            case 1:;
            }
            caller->sum = caller->callee.result;
        }
    }
    return 0;
}

static void call_machine_floor(unsigned long operations)
{
    static floor_caller caller;
    int (*resume)(floor_callee *) = floor_add;
    BENCH_KEEP(&resume);
    caller.state = 0;
    caller.left = operations;
    caller.sum = 0;
    bench_start();
    BENCH_KEEP(floor_call(&caller, resume));
    bench_stop();
    bench_done = (unsigned long)caller.sum;
}

static void call_heap_floor(unsigned long operations)
{
    long sum = 0;
    int (*resume)(floor_callee *) = floor_add;
    BENCH_KEEP(&resume);
    bench_start();
    while (operations-- > 0) {
        floor_callee *callee = (floor_callee *)malloc(sizeof *callee);
        BENCH_KEEP(callee);
        callee->resume = resume;
        callee->state = 0;
        callee->argument = sum;
        if (callee->resume(callee) != 0)
            break;
        sum = callee->result;
        free(callee);
    }
    bench_stop();
    bench_done = (unsigned long)sum;
}

/* ---- The library ---- */

static asyncio_loop loop;

ASYNC(add, long argument;)
{
    ASYNC_BEGIN;
    ASYNC_RETURN(self->argument + 1);
    ASYNC_END;
}

ASYNC(caller, unsigned long left; long sum; struct add callee;)
{
    ASYNC_BEGIN;
    bench_start();
    for (; self->left > 0; self->left--)
        ASYNC_AWAIT_INTO(self->sum, ASYNC_IN(&self->callee, add, .argument = self->sum));
    bench_stop();
    bench_done = (unsigned long)self->sum;
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

/* The compiler no longer knows what this coroutine is. */
static inline asyncio_coro *hide(asyncio_coro *coro)
{
    __asm__ volatile("" : "+r"(coro) : : "memory");
    return coro;
}

ASYNC(far_caller, unsigned long left; long sum; struct add callee;)
{
    ASYNC_BEGIN;
    bench_start();
    for (; self->left > 0; self->left--)
        ASYNC_AWAIT_INTO(self->sum, hide(ASYNC_IN(&self->callee, add, .argument = self->sum)));
    bench_stop();
    bench_done = (unsigned long)self->sum;
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

ASYNC(heap_caller, unsigned long left; long sum;)
{
    ASYNC_BEGIN;
    bench_start();
    for (; self->left > 0; self->left--)
        ASYNC_AWAIT_INTO(self->sum, ASYNC_NEW(add, .argument = self->sum));
    bench_stop();
    bench_done = (unsigned long)self->sum;
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void run(asyncio_root *root)
{
    asyncio_task_options options;
    asyncio__no_options(&options);
    asyncio_loop_create_task(&loop, root, &options);
    (void)asyncio_run_forever(&loop);
}

static void call_place(unsigned long operations)
{
    static struct caller_task task;
    run(ASYNC_AT(&task, caller, .left = operations));
}

static void call_far(unsigned long operations)
{
    static struct far_caller_task task;
    run(ASYNC_AT(&task, far_caller, .left = operations));
}

static void call_heap(unsigned long operations)
{
    static struct heap_caller_task task;
    run(ASYNC_AT(&task, heap_caller, .left = operations));
}

static const bench_case cases[] = {
    {"floor", "call", call_floor, 1},
    {"floor as a state machine", "call", call_machine_floor, 1},
    {"floor malloc", "call", call_heap_floor, 1},
    {"asyncio.h", "call", call_place, 1},
    {"asyncio.h not inlined", "call", call_far, 1},
    {"asyncio.h heap", "call", call_heap, 1},
};

int main(int argc, char **argv)
{
    if (asyncio_loop_init(&loop, NULL) != 0)
        return 1;
    return BENCH_MAIN(argc, argv, cases);
}
