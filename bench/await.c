/* SPDX-License-Identifier: MIT
 *
 * await.c - resuming a chain of awaits of depth 1, 10 and 100: one task whose innermost coroutine gives way again and
 * again. By hand the task remembers its innermost frame; the library does it for you.
 */
#include "floor.h"

#include "asyncio.h"

static unsigned long depth;

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
    for (i = 0; i < depth; i++) {
        floor_frames[i].resume = i + 1 < depth ? floor_branch : floor_leaf;
        floor_frames[i].state = 0;
    }
    floor_frames[0].caller = NULL;
    floor_frames[depth - 1].left = (uint32_t)operations;
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
    ASYNC_END;
}

ASYNC_DECLARE(branch, unsigned long level; uint32_t left; struct leaf leaf;);
static struct branch branches[101];

ASYNC_DEFINE(branch)
{
    ASYNC_BEGIN;
    if (self->level + 1 < depth)
        ASYNC_AWAIT(ASYNC_IN(&branches[self->level + 1], branch, .level = self->level + 1, .left = self->left));
    else
        ASYNC_AWAIT(ASYNC_IN(&self->leaf, leaf, .left = self->left));
    ASYNC_END;
}

ASYNC(chain, uint32_t left; struct leaf leaf;)
{
    ASYNC_BEGIN;
    if (depth > 1)
        ASYNC_AWAIT(ASYNC_IN(&branches[1], branch, .level = 1, .left = self->left));
    else
        ASYNC_AWAIT(ASYNC_IN(&self->leaf, leaf, .left = self->left));
    asyncio_loop_stop(&loop);
    ASYNC_END;
}

static void await_subject(unsigned long operations)
{
    static struct chain_task task;
    asyncio_task_options options;
    asyncio__no_options(&options);
    asyncio_loop_create_task(&loop, ASYNC_AT(&task, chain, .left = (uint32_t)operations), &options);
    bench_start();
    (void)asyncio_run_forever(&loop);
    bench_stop();
}

static void await_row(const char *name, unsigned long frames)
{
    depth = frames;
    bench_row(name, await_floor, await_subject, 4000000, 1.3, sizeof(struct leaf));
}

int main(void)
{
    bench_head("await");
    if (asyncio_loop_init(&loop, NULL) != 0)
        return 1;
    await_row("resume, depth 1", 1);
    await_row("resume, depth 10", 10);
    await_row("resume, depth 100", 100);
    return asyncio_loop_close(&loop);
}
