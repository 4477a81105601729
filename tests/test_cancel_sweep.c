/* SPDX-License-Identifier: MIT
 *
 * Cancel every task of every program at every iteration: each FINALLY and each block exit runs exactly as often as its
 * body was entered, nothing stays registered, nothing stays allocated.
 */
#include <stddef.h>
#include <stdlib.h>

static long blocks;
static inline void *count_malloc(size_t size)
{
    blocks++;
    return malloc(size);
}
static inline void count_free(void *memory)
{
    blocks -= memory != NULL;
    free(memory);
}
#define ASYNCIO_MALLOC(size) count_malloc(size)
#define ASYNCIO_FREE(memory) count_free(memory)

#include "asyncio.h"
#include "tap.h"

static int entered, left;        /* bodies with a FINALLY */
static int opened, closed;       /* blocks */
static asyncio_future signal_future;

static asyncio_status gate_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    (void)block, (void)self;
    return asyncio_sleep_for(task, 0);
}
static asyncio_status gate_resume(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err, int outcome)
{
    asyncio_status status = {0, 0};
    (void)self, (void)task;
    if (block->phase == ASYNCIO__BLOCK_ENTER) {
        opened += outcome == 0;
        status.code = outcome;
    } else {
        status.code = outcome != 0 ? outcome : err;
    }
    return status;
}
static asyncio_status gate_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    (void)block, (void)self, (void)err;
    closed++;
    return asyncio_sleep_for(task, 1);
}
static const asyncio_block_type gate_type = {gate_enter, gate_exit, gate_resume};

struct gate {
    asyncio_block block;
};

ASYNC(leaf, int depth;)
{
    ASYNC_BEGIN;
    entered++;
    ASYNC_AWAIT(asyncio_sleep(0));
    if (self->depth > 0)
        ASYNC_AWAIT(ASYNC_NEW(leaf, .depth = self->depth - 1));
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(self->depth);
    ASYNC_FINALLY;
    left++;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}

ASYNC(nested, int value; struct leaf sub;)
{
    ASYNC_BEGIN;
    entered++;
    ASYNC_AWAIT_INTO(self->value, ASYNC_IN(&self->sub, leaf, .depth = 3));
    ASYNC_FINALLY;
    left++;
    ASYNC_END;
}

ASYNC(gated, struct gate outer; struct gate inner; asyncio_try attempt; int i;)
{
    ASYNC_BEGIN;
    entered++;
    for (self->i = 0; self->i < 2; self->i++) {
        self->outer.block.type = self->inner.block.type = &gate_type;
        ASYNC_WITH (&self->outer) {
            ASYNC_TRY_ALL (&self->attempt) {
                ASYNC_WITH (&self->inner) {
                    ASYNC_AWAIT(asyncio_sleep(1));
                    if (self->i == 1)
                        ASYNC_RAISE(ASYNCIO_EUSER);
                }
            }
            ASYNC_EXCEPT (&self->attempt) {
                if (self->attempt.block.err == ASYNCIO_ECANCELLED)
                    ASYNC_RAISE(self->attempt.block.err);
            }
        }
    }
    ASYNC_FINALLY;
    left++;
    ASYNC_END;
}

ASYNC(awaiter, asyncio_task *child; int err;)
{
    ASYNC_BEGIN;
    entered++;
    asyncio_create_task(ASYNC_NEW(nested), .into = &self->child);
    ASYNC_CATCH_ALL(self->err, self->child);
    ASYNC_AWAIT(&signal_future);
    ASYNC_FINALLY;
    left++;
    asyncio_task_release(self->child);
    ASYNC_END;
}

ASYNC(signaller)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(2));
    (void)asyncio_future_set_result(&signal_future, 1);
    ASYNC_END;
}

ASYNC(reader, int fd; char byte[4]; int got;)
{
    ASYNC_BEGIN;
    entered++;
    for (;;) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->byte, sizeof self->byte));
        if (self->got == 0)
            break;
    }
    ASYNC_FINALLY;
    left++;
    close(self->fd);
    ASYNC_END;
}

ASYNC(writer, int fd; int i;)
{
    ASYNC_BEGIN;
    entered++;
    for (self->i = 0; self->i < 3; self->i++) {
        ASYNC_AWAIT(asyncio_sock_sendall(self->fd, "abc", 3));
        ASYNC_AWAIT(asyncio_sleep(1));
    }
    ASYNC_FINALLY;
    left++;
    close(self->fd);
    ASYNC_END;
}

static int pair[2];

ASYNC(program_coroutines)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(nested));
    asyncio_create_task(ASYNC_NEW(leaf, .depth = 2), .eager_start = 1);
    asyncio_create_task(ASYNC_NEW(gated));
    ASYNC_AWAIT(asyncio_sleep(20));
    ASYNC_END;
}

ASYNC(program_futures)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(awaiter));
    asyncio_create_task(ASYNC_NEW(awaiter));
    asyncio_create_task(ASYNC_NEW(signaller));
    ASYNC_AWAIT(asyncio_sleep(20));
    ASYNC_END;
}

ASYNC(program_sockets)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(reader, .fd = pair[0]));
    asyncio_create_task(ASYNC_NEW(writer, .fd = pair[1]));
    ASYNC_AWAIT(asyncio_sleep(20));
    ASYNC_END;
}

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *arg)
{
    (void)loop, (void)context, (void)arg;
}

/* Runs a program step by step and cancels its n-th task before iteration k. True: the program was that long and wide. */
static bool run_cancelled(asyncio_root *root, unsigned k, size_t n)
{
    asyncio_loop loop;
    asyncio_task *tasks[16], *main_task = NULL;
    asyncio_task_options options = {NULL, NULL, 0, NULL};
    bool hit = false;
    unsigned step;
    entered = left = opened = closed = 0;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio_set_exception_handler(&loop, ignore, NULL);
    asyncio_future_init(&signal_future, &loop);
    options.into = &main_task;
    CHECK_EQ(asyncio_loop_create_task(&loop, root, &options), 0);
    for (step = 0; step < 400 && asyncio_all_tasks(&loop, tasks, 16) != 0; step++) {
        if (step == k && asyncio_all_tasks(&loop, tasks, 16) > n) {
            asyncio_task_cancel(tasks[n], "sweep");
            hit = true;
        }
        if (asyncio_task_done(main_task)) /* who still waits for a peer that never came would wait for ever */
            asyncio_task_cancel(tasks[0], NULL);
        CHECK_EQ(asyncio_loop_step(&loop, ASYNCIO_SECONDS(100)), 0);
    }
    CHECK(step < 400);
    CHECK_EQ(left, entered);
    CHECK_EQ(closed, opened);
    CHECK_EQ(loop.sources, 0);
    CHECK_EQ(loop.timers.count, 0);
    asyncio_task_release(main_task);
    asyncio_future_release(&signal_future);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_EQ(blocks, 0);
    return hit;
}

#define SWEEP(program)                                                                                                 \
    do {                                                                                                               \
        unsigned k, hits = 0;                                                                                          \
        size_t n;                                                                                                      \
        for (n = 0; n < 8; n++)                                                                                        \
            for (k = 0; k < 60; k++)                                                                                   \
                hits += run_cancelled(ASYNC_NEW(program), k, n);                                                       \
        CHECK(hits > 20);                                                                                              \
    } while (0)

TEST(test_cancel_coroutines_and_blocks_at_every_iteration) { SWEEP(program_coroutines); }
TEST(test_cancel_waiters_of_tasks_and_futures_at_every_iteration) { SWEEP(program_futures); }

TEST(test_cancel_socket_operations_at_every_iteration)
{
    unsigned k, hits = 0;
    size_t n;
    for (n = 0; n < 3; n++) {
        for (k = 0; k < 40; k++) {
            CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
            hits += run_cancelled(ASYNC_NEW(program_sockets), k, n);
            if (entered < 2) { /* cancelled before its first step, a task never owned its descriptor */
                close(pair[0]);
                close(pair[1]);
            }
        }
    }
    CHECK(hits > 20);
}

#define CHAIN 100000
static asyncio_task *chain[CHAIN];

/* Awaits the task before it, the first one the last: a circle, unless that one sleeps. */
ASYNC(link, int i; bool closed;)
{
    ASYNC_BEGIN;
    entered++;
    ASYNC_AWAIT(asyncio_sleep(0));
    if (self->i == 0 && !self->closed)
        ASYNC_AWAIT(asyncio_sleep(1000));
    ASYNC_AWAIT(chain[self->i > 0 ? self->i - 1 : CHAIN - 1]);
    ASYNC_FINALLY;
    left++;
    ASYNC_END;
}

ASYNC(cancel_chain, bool closed; int i; int err; const char *msg;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < CHAIN; self->i++)
        asyncio_create_task(ASYNC_NEW(link, .i = self->i, .closed = self->closed), .into = &chain[self->i]);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_task_cancel(chain[CHAIN / 2], "round"));
    ASYNC_CATCH_ALL_INTO(self->err, self->msg, chain[CHAIN - 1]);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    if (self->closed)
        CHECK(self->msg == NULL); /* chain[0] waited first: the message is its */
    else
        CHECK_STR(self->msg, "round");
    ASYNC_AWAIT(asyncio_sleep(1)); /* in a circle the second half ends after the first */
    for (self->i = 0; self->i < CHAIN; self->i++) {
        CHECK(asyncio_task_cancelled(chain[self->i]));
        asyncio_task_release(chain[self->i]);
    }
    ASYNC_END;
}

TEST(test_cancel_goes_down_a_long_chain_of_tasks)
{
    entered = left = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancel_chain, .closed = false), .port = &asyncio_virtual_port), 0);
    CHECK_EQ(entered, CHAIN);
    CHECK_EQ(left, CHAIN);
    CHECK_EQ(blocks, 0);
}

TEST(test_cancel_opens_a_circle_of_tasks)
{
    entered = left = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancel_chain, .closed = true), .port = &asyncio_virtual_port), 0);
    CHECK_EQ(left, CHAIN);
    CHECK_EQ(blocks, 0);
}

ASYNC(circle_forgotten)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(link, .i = 1), .into = &chain[1]);
    asyncio_create_task(ASYNC_NEW(link, .i = 2), .into = &chain[2]);
    chain[0] = chain[2];
    ASYNC_AWAIT(chain[1]);
    ASYNC_END;
}

TEST(test_deadlocked_circle_is_reported_and_taken_apart)
{
    entered = left = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(circle_forgotten), .port = &asyncio_virtual_port, .quiet = true), ASYNCIO_EDEADLOCK);
    CHECK_EQ(left, 2);
    CHECK_EQ(blocks, 0);
}

int main(void)
{
    RUN(test_cancel_goes_down_a_long_chain_of_tasks);
    RUN(test_cancel_opens_a_circle_of_tasks);
    RUN(test_deadlocked_circle_is_reported_and_taken_apart);
    RUN(test_cancel_coroutines_and_blocks_at_every_iteration);
    RUN(test_cancel_waiters_of_tasks_and_futures_at_every_iteration);
    RUN(test_cancel_socket_operations_at_every_iteration);
    return tap_end();
}
