/* SPDX-License-Identifier: MIT
 *
 * The ready list against a model of it: tasks and callbacks that yield, are added, cancelled and taken back at random. What
 * is next must be what the model says, in the iteration after the one that added it.
 */
#include "fixture.h"

enum { HANDLES = 12, TASKS = 10, TOKENS = 4096 };

/* The model: a queue of tokens. One that is taken back stays, dead. */
typedef struct token {
    uint32_t tick;
    bool dead;
} token;
static token tokens[TOKENS];
static int first_token, last_token;

static uint32_t seed;
static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static int promise(void)
{
    tokens[last_token].tick = loop.ticks;
    tokens[last_token].dead = false;
    return last_token++;
}

static void turn_of(int mine)
{
    while (first_token < last_token && tokens[first_token].dead)
        first_token++;
    CHECK_EQ(mine, first_token);
    CHECK_EQ(loop.ticks, tokens[mine].tick + 1);
    first_token = mine + 1;
}

static asyncio_handle handles[HANDLES];
static int handle_token[HANDLES]; /* -1: not queued */
static int tasks_alive, acts_left;

static void act(void);

static void called(void *arg)
{
    int i = (int)(intptr_t)arg;
    CHECK(handle_token[i] >= 0);
    turn_of(handle_token[i]);
    handle_token[i] = -1;
    act();
}

static void call_or_take_back(int i)
{
    if (handle_token[i] >= 0) {
        tokens[handle_token[i]].dead = true;
        handle_token[i] = -1;
        asyncio_handle_cancel(&handles[i]);
    } else {
        handle_token[i] = promise();
        CHECK_EQ(asyncio_call_soon(&loop, &handles[i], called, (void *)(intptr_t)i), 0);
    }
}

ASYNC(walker, int steps, mine, err; bool started; asyncio_status forgotten;)
{
    ASYNC_BEGIN;
    self->started = true;
    if (self->mine >= 0)
        turn_of(self->mine);
    for (; self->steps > 0; self->steps--) {
        act();
        if (draw(8) == 0) { /* the task takes itself out of the list */
            self->forgotten = asyncio_sleep(0);
            act();
            ASYNC_CATCH(self->err, asyncio_sleep(0));
            CHECK_EQ(self->err, ASYNCIO_ERUNTIME);
        }
        self->mine = promise();
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(0));
        CHECK(self->err == 0 || self->err == ASYNCIO_ECANCELLED);
        turn_of(self->mine);
    }
    act();
    ASYNC_FINALLY;
    tasks_alive--;
    ASYNC_END;
}

static void start(void)
{
    static struct walker_task storage[TASKS];
    int i = 0;
    bool eager = draw(4) == 0 && asyncio_get_running_loop() != NULL;
    int steps = (int)draw(6);
    asyncio_task_options options = no_options;
    asyncio_root *root;
    if (tasks_alive == TASKS || last_token > TOKENS - 64)
        return;
    while (i < TASKS && storage[i].future.loop != NULL && !asyncio_task_done(ASYNC_TASK(&storage[i])))
        i++;
    if (i == TASKS || draw(2) == 0)
        root = ASYNC_NEW(walker, .steps = steps, .mine = -1);
    else
        root = ASYNC_AT(&storage[i], walker, .steps = steps, .mine = -1);
    tasks_alive++;
    options.eager_start = eager;
    if (!eager)
        ((struct walker *)(void *)root)->mine = promise();
    CHECK_EQ(asyncio_loop_create_task(&loop, root, &options), 0);
}

/* A task that is cancelled before its first step never runs; its turn comes, and passes. */
static void cancel_one(void)
{
    asyncio_task *all[64];
    size_t there = asyncio_all_tasks(&loop, all, 64), count = there < 64 ? there : 64;
    asyncio_task *task = count > 0 ? all[draw((uint32_t)count)] : NULL;
    struct walker *frame;
    if (task == NULL || task == asyncio_current_task())
        return;
    frame = (struct walker *)(void *)asyncio_task_get_coro(task);
    if (frame->mine < 0)
        return;
    if (!frame->started && !tokens[frame->mine].dead) {
        tokens[frame->mine].dead = true;
        tasks_alive--;
    }
    CHECK(asyncio_task_cancel(task, NULL));
}

static void act(void)
{
    uint32_t times = draw(4);
    while (times-- > 0 && acts_left > 0 && last_token < TOKENS - 64) {
        acts_left--;
        switch (draw(8)) {
        case 0:
        case 1:
            start();
            break;
        case 2:
            cancel_one();
            break;
        default:
            call_or_take_back((int)draw(HANDLES));
        }
    }
}

static void play(uint32_t with_seed, int iterations)
{
    int i;
    open_loop();
    asyncio_set_exception_handler(&loop, NULL, NULL);
    loop.core.default_handler = NULL;
    seed = with_seed;
    first_token = last_token = 0;
    tasks_alive = 0;
    acts_left = 400;
    for (i = 0; i < HANDLES; i++)
        handle_token[i] = -1;
    for (i = 0; i < 4; i++) {
        start();
        call_or_take_back((int)draw(HANDLES));
    }
    step(iterations);
    if (iterations > 1000) {
        while (first_token < last_token && tokens[first_token].dead)
            first_token++;
        CHECK_EQ(first_token, last_token);
        CHECK_EQ(tasks_alive, 0);
        CHECK(loop.core.head == NULL && loop.core.tail == &loop.core.head && loop.core.last == NULL);
    }
    close_loop();
    CHECK_EQ(blocks, 0);
}

TEST(test_random_programs_to_their_end)
{
    uint32_t i;
    for (i = 1; i <= 400; i++)
        play(i * 2654435761u | 1u, 1100);
}

TEST(test_random_programs_that_are_closed_over)
{
    uint32_t i;
    for (i = 1; i <= 400; i++)
        play(i * 2246822519u | 1u, (int)(i % 20));
}

int main(void)
{
    RUN(test_random_programs_to_their_end);
    RUN(test_random_programs_that_are_closed_over);
    return tap_end();
}
