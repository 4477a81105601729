/* SPDX-License-Identifier: MIT
 *
 * await.c - resuming a chain of awaits of depth 1, 10 and 100: one task whose innermost coroutine gives way again and
 * again. By hand the task remembers its innermost frame; the library does it for you.
 */
#include "floor.h"

#include "asyncio.h"

static unsigned long wanted;

/* ---- By hand ---- */

typedef struct floor_frame floor_frame;
typedef struct floor_chain floor_chain;
struct floor_frame {
    int (*resume)(floor_frame *frame, floor_chain *chain);
    floor_frame *caller;
    uint32_t state, left;
};
struct floor_chain {
    floor_task task;
    floor_frame *innermost;
};

static floor_frame floor_frames[101];

static int floor_leaf(floor_frame *frame, floor_chain *chain)
{
    switch (frame->state) {
    case 0:
        frame->state = 1;
        while (frame->left > 0) {
            frame->left--;
            chain->innermost = frame;
            floor_push(&chain->task);
            return 1;
        case 1:;
        }
        bench_done = wanted - frame->left;
    }
    return 0;
}

static int floor_branch(floor_frame *frame, floor_chain *chain)
{
    switch (frame->state) {
    case 0:
        frame->state = 1;
        frame[1].caller = frame;
        return frame[1].resume(frame + 1, chain);
    }
    return 0;
}

static void floor_root(floor_task *task)
{
    floor_chain *chain = (floor_chain *)task;
    floor_frame *frame = chain->innermost;
    while (frame != NULL && frame->resume(frame, chain) == 0)
        frame = frame->caller;
}

static void await_floor(unsigned long operations)
{
    static floor_chain chain;
    unsigned long i;
    wanted = operations;
    for (i = 0; i < bench_size; i++) {
        floor_frames[i].resume = i + 1 < bench_size ? floor_branch : floor_leaf;
        floor_frames[i].state = 0;
    }
    floor_frames[0].caller = NULL;
    floor_frames[bench_size - 1].left = (uint32_t)operations;
    chain.innermost = floor_frames;
    floor_start(&chain.task, floor_root, 0);
    bench_start();
    floor_run();
    bench_stop();
}

/* ---- The library ---- */

static asyncio_loop loop;

ASYNC(leaf, uint32_t left;)
{
    ASYNC_BEGIN;
    for (; self->left > 0; self->left--)
        ASYNC_AWAIT(asyncio_sleep(0));
    bench_done = wanted - self->left;
    ASYNC_END;
}

ASYNC_DECLARE(branch, unsigned long level; uint32_t left; struct leaf leaf;);
static struct branch branches[101];

ASYNC_DEFINE(branch)
{
    ASYNC_BEGIN;
    if (self->level + 1 < bench_size)
        ASYNC_AWAIT(ASYNC_IN(&branches[self->level + 1], branch, .level = self->level + 1, .left = self->left));
    else
        ASYNC_AWAIT(ASYNC_IN(&self->leaf, leaf, .left = self->left));
    ASYNC_END;
}

ASYNC(chain, uint32_t left; struct leaf leaf;)
{
    ASYNC_BEGIN;
    if (bench_size > 1)
        ASYNC_AWAIT(ASYNC_IN(&branches[1], branch, .level = 1, .left = self->left));
    else
        ASYNC_AWAIT(ASYNC_IN(&self->leaf, leaf, .left = self->left));
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void await_place(unsigned long operations)
{
    static struct chain_task task;
    asyncio_task_options options;
    asyncio__no_options(&options);
    wanted = operations;
    asyncio_loop_create_task(&loop, ASYNC_AT(&task, chain, .left = (uint32_t)operations), &options);
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

/* The same with a frame from the heap for every await on the way. */
ASYNC(heap_branch, unsigned long level; uint32_t left;)
{
    ASYNC_BEGIN;
    if (self->level < bench_size)
        ASYNC_AWAIT(ASYNC_NEW(heap_branch, .level = self->level + 1, .left = self->left));
    else
        ASYNC_AWAIT(ASYNC_NEW(leaf, .left = self->left));
    if (self->level == 1)
        asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void await_heap(unsigned long operations)
{
    asyncio_task_options options;
    asyncio__no_options(&options);
    wanted = operations;
    asyncio_loop_create_task(&loop, ASYNC_NEW(heap_branch, .level = 1, .left = (uint32_t)operations), &options);
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

static const bench_case cases[] = {
    {"floor", "resume_1", await_floor, 1},         {"floor", "resume_10", await_floor, 10},
    {"floor", "resume_100", await_floor, 100},     {"asyncio.h", "resume_1", await_place, 1},
    {"asyncio.h", "resume_10", await_place, 10},   {"asyncio.h", "resume_100", await_place, 100},
    {"asyncio.h heap", "resume_1", await_heap, 1}, {"asyncio.h heap", "resume_10", await_heap, 10},
    {"asyncio.h heap", "resume_100", await_heap, 100},
};

int main(int argc, char **argv)
{
    if (asyncio_loop_init(&loop, NULL) != 0)
        return 1;
    return BENCH_MAIN(argc, argv, cases);
}
