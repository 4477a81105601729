/* SPDX-License-Identifier: MIT
 *
 * The core in one program that compiles and behaves the same under every option: tests/config.t flips them one by one.
 * Where an option can be seen from outside, this looks.
 */
#include "asyncio_loop.h"
#include "tap.h"

#if !ASYNCIO_HOSTED
/* The port that a firmware brings along: here one whose clock is about to wrap. */
static asyncio_time port_now = INT32_MAX - 100;
static asyncio_time port_time(asyncio_loop *loop)
{
    (void)loop;
    return port_now;
}
static void port_wait(asyncio_loop *loop, asyncio_time timeout)
{
    (void)loop;
    if (timeout > 0)
        port_now = (asyncio_time)((uint32_t)port_now + (uint32_t)timeout);
}
ASYNCIO__EXTERN_C const asyncio_port asyncio_default_port;
const asyncio_port asyncio_default_port = {NULL, NULL, port_time, port_wait, NULL, NULL, NULL, true};
#define PORT NULL
#else
#define PORT &asyncio_virtual_port
#endif

static asyncio_loop loop;
static int reported;
static int reported_err;

static void on_report(asyncio_loop *where, const asyncio_exception_context *context, void *arg)
{
    (void)where, (void)arg;
    reported++;
    reported_err = context->err;
}

static int run(asyncio_root *root, asyncio_value *value)
{
    int err;
    reported = 0;
    CHECK_EQ(asyncio_loop_init(&loop, PORT), 0);
    asyncio_set_exception_handler(&loop, on_report, NULL);
    err = asyncio_run_until_complete(&loop, root, value);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    return err;
}

/* ASYNC_AWAIT of a coroutine, a Future and a Task by their own names, which ASYNCIO_GENERIC 0 leaves. */

ASYNC(child, int id; int delay;)
{
    ASYNC_BEGIN;
    log_number(self->id);
    ASYNC_AWAIT(asyncio_sleep(self->delay));
    log_number(-self->id);
    ASYNC_RETURN(self->id * 2);
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}

static struct child_task children[3];

ASYNC(order, int i; struct child sub;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        asyncio_create_task(ASYNC_AT(&children[self->i], child, .id = self->i + 1, .delay = 3 - self->i));
    log_add("created");
    ASYNC_AWAIT(asyncio_sleep(0));
    log_add("yielded");
    ASYNC_AWAIT_CORO(ASYNC_IN(&self->sub, child, .id = 4, .delay = 0));
    ASYNC_AWAIT_TASK(ASYNC_TASK(&children[0]));
    log_number(ASYNC_TASK(&children[0])->future.value);
    ASYNC_RETURN(42);
    ASYNC_END;
}

TEST(test_order)
{
    static struct order_task root;
    asyncio_value value = 0;
    CHECK_EQ(run(ASYNC_AT(&root, order), &value), 0);
    CHECK_EQ(value, 42);
    CHECK_LOG("created 1 2 3 yielded 4 -4 finally -3 finally -2 finally -1 finally 2");
}

ASYNC(sleeper, int woken;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->woken, asyncio_sleep(3600));
    log_number(self->woken == ASYNCIO_ECANCELLED);
    ASYNC_RAISE(self->woken);
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_AWAIT(asyncio_sleep(1));
    log_add("slept");
    ASYNC_END;
}

static struct sleeper_task sleeping;

ASYNC(canceller, asyncio_try attempt;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&sleeping, sleeper));
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK(asyncio_task_cancel(ASYNC_TASK(&sleeping), "enough"));
    ASYNC_TRY_ALL(&self->attempt) {
        ASYNC_AWAIT_TASK(ASYNC_TASK(&sleeping));
        log_add("not reached");
    }
    ASYNC_EXCEPT(&self->attempt) {
        log_add(asyncio_task_cancelled(ASYNC_TASK(&sleeping)) ? "cancelled" : "not cancelled");
        CHECK_EQ(self->attempt.block.err, ASYNCIO_ECANCELLED);
    }
    ASYNC_END;
}

TEST(test_cancel)
{
    static struct canceller_task root;
    CHECK_EQ(run(ASYNC_AT(&root, canceller), NULL), 0);
    CHECK_LOG("1 finally slept cancelled");
}

static asyncio_status leave(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    (void)block, (void)self, (void)task;
    log_add("exit");
    log_number(err);
    return asyncio_sleep_for(task, 1);
}
static const asyncio_block_type guard_type = {NULL, leave, NULL};
typedef struct guard_block {
    asyncio_block block;
} guard_block;

ASYNC(inner, int err; guard_block guard;)
{
    ASYNC_BEGIN;
    self->guard.block.type = &guard_type;
    ASYNC_WITH(&self->guard) {
        ASYNC_AWAIT(asyncio_sleep(1));
        ASYNC_RAISE(self->err);
    }
    log_add("swallowed");
    ASYNC_RETURN(5);
    ASYNC_END;
}

ASYNC(blocks, int got; struct inner sub;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_CORO(ASYNC_IN(&self->sub, inner, .err = ASYNCIO_EUSER));
    self->got = (int)self->coro.value;
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

TEST(test_blocks)
{
    static struct blocks_task root;
    asyncio_value value = 0;
    CHECK_EQ(run(ASYNC_AT(&root, blocks), &value), 0);
    CHECK_EQ(value, 5);
    CHECK_LOG("exit 24577 swallowed");
}

static void settle(void *arg)
{
    log_add("settle");
    CHECK_EQ(asyncio_future_set_result((asyncio_future *)arg, 7), 0);
}
static void on_done(asyncio_future *future, void *arg)
{
    (void)arg;
    log_add(asyncio_future_done(future) ? "done" : "not done");
}

ASYNC(waiter, asyncio_future future; asyncio_handle soon, later, done;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    CHECK_EQ(asyncio_call_later(asyncio_get_running_loop(), &self->later, 2, settle, &self->future), 0);
    CHECK_EQ(asyncio_call_later(asyncio_get_running_loop(), &self->soon, 1, settle, &self->future), 0);
    asyncio_handle_cancel(&self->soon);
    CHECK_EQ(asyncio_future_add_done_callback(&self->future, &self->done, on_done, NULL), 0);
    ASYNC_AWAIT_FUTURE(&self->future);
    asyncio_future_release(&self->future);
    ASYNC_RETURN(self->coro.value);
    ASYNC_END;
}

TEST(test_futures)
{
    static struct waiter_task root;
    asyncio_value value = 0;
    CHECK_EQ(run(ASYNC_AT(&root, waiter), &value), 0);
    CHECK_EQ(value, 7);
    CHECK_LOG("settle done");
}

ASYNC(bad)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RAISE(ASYNCIO_EUSER);
    ASYNC_END;
}

static struct bad_task forgotten;

ASYNC(careless, struct bad sub; int err; asyncio_value detail; const asyncio_frame_info *frame;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&forgotten, bad));
    ASYNC_CATCH_ALL_INTO(self->err, self->detail, asyncio_await_coro(&self->coro, asyncio_current_task(),
                                                                 ASYNC_IN(&self->sub, bad)));
    CHECK_EQ(self->err, ASYNCIO_EUSER);
    self->frame = asyncio_traceback(asyncio_get_running_loop(), &self->detail);
#if ASYNCIO_TRACEBACK
    CHECK(self->frame != NULL);
#if ASYNCIO_STRINGS
    if (self->frame != NULL)
        CHECK_STR(self->frame->function, "bad");
#else
    CHECK(self->frame != NULL && self->frame->function == NULL);
#endif
#else
    CHECK(self->frame == NULL);
#endif
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}

TEST(test_errors)
{
    static struct careless_task root;
    CHECK_EQ(run(ASYNC_AT(&root, careless), NULL), 0);
    CHECK_EQ(reported, ASYNCIO_REPORTS); /* the forgotten one's */
    CHECK_EQ(reported_err, ASYNCIO_REPORTS ? ASYNCIO_EUSER : 0);
}

#if ASYNCIO_CHECKS
ASYNC(stuck, asyncio_future future;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    ASYNC_AWAIT_FUTURE(&self->future);
    ASYNC_END;
}

TEST(test_deadlock)
{
    static struct stuck_task root;
    CHECK_EQ(run(ASYNC_AT(&root, stuck), NULL), ASYNCIO_EDEADLOCK);
    CHECK(reported >= ASYNCIO_REPORTS);
}
#endif

ASYNC(described)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
static struct described_task description;

ASYNC(describer, asyncio_frame_info info;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&description, described));
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_describe(asyncio_task_get_coro(ASYNC_TASK(&description)), &self->info);
    ASYNC_AWAIT_TASK(ASYNC_TASK(&description));
#if ASYNCIO_STRINGS
    CHECK_STR(self->info.function, "described");
#else
    CHECK(self->info.function == NULL);
#endif
    CHECK_EQ(self->info.line > 0, ASYNCIO_LINES || !ASYNCIO_DENSE); /* there the line is the state: it costs nothing */
    ASYNC_END;
}

TEST(test_describe)
{
    static struct describer_task root;
    CHECK_EQ(run(ASYNC_AT(&root, describer), NULL), 0);
}

/* To the nearest tick, at least one; and on every target the same, however exact its floating point is. */
TEST(test_seconds)
{
    int three = 3;
    CHECK_EQ(ASYNCIO_SECONDS(1.001), ASYNCIO_TICKS_PER_SECOND / 1000 * 1001);
    CHECK_EQ(ASYNCIO_SECONDS(0.008), ASYNCIO_TICKS_PER_SECOND / 1000 * 8);
    CHECK_EQ(ASYNCIO_SECONDS(1e-12), 1);
    CHECK_EQ(ASYNCIO_SECONDS(0), 0);
    CHECK_EQ(ASYNCIO_SECONDS(-1.001), -(ASYNCIO_TICKS_PER_SECOND / 1000 * 1001));
    CHECK_EQ(ASYNCIO_SECONDS(2), 2 * ASYNCIO_TICKS_PER_SECOND);
    CHECK_EQ(ASYNCIO_SECONDS(three), 3LL * ASYNCIO_TICKS_PER_SECOND);
}

/* What an option leaves out takes no room. */
TEST(test_sizes)
{
    size_t pointers = 3 + (ASYNCIO_ALL_TASKS ? 2 : 0) + (ASYNCIO_NAMES ? 1 : 0) + (ASYNCIO_CONTEXTS ? 1 : 0);
    size_t slot = sizeof(asyncio_time) > sizeof(void *) ? sizeof(asyncio_time) : sizeof(void *);
    size_t rest = sizeof(asyncio_future) + pointers * sizeof(void *) + slot + sizeof(asyncio_coro);
    CHECK(sizeof(asyncio_task) - rest < 8);
    CHECK(ASYNCIO_TIMER_WHEEL ? sizeof(asyncio__timers) > 4096 : sizeof(asyncio__timers) < 64);
#if ASYNCIO_STRINGS
    CHECK_STR(asyncio_errname(ASYNCIO_ETIMEOUT), "TimeoutError");
#endif
#if ASYNCIO_NAMES
    {
        char name[ASYNCIO_NAME_SIZE];
        asyncio_task_set_name(ASYNC_TASK(&description), "one");
        CHECK_STR(asyncio_task_get_name(ASYNC_TASK(&description), name), "one");
    }
#endif
#if ASYNCIO_ALL_TASKS
    CHECK_EQ(asyncio_all_tasks(&loop, NULL, 0), 0);
#endif
}

#ifdef ASYNC_NEW
ASYNC(heap, int i; asyncio_task *task; asyncio_value sum;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 40; self->i++) {
        asyncio_create_task(ASYNC_NEW(child, .id = 1), .into = &self->task);
        ASYNC_AWAIT_TASK(self->task);
        self->sum += self->coro.value;
        asyncio_task_release(self->task);
    }
    log_clear();
    ASYNC_RETURN(self->sum);
    ASYNC_END;
}

TEST(test_heap)
{
    asyncio_value value = 0;
    CHECK_EQ(run(ASYNC_NEW(heap), &value), 0);
    CHECK_EQ(value, 80);
}
#endif

int main(void)
{
    RUN(test_order);
    RUN(test_cancel);
    RUN(test_blocks);
    RUN(test_futures);
    RUN(test_errors);
#if ASYNCIO_CHECKS
    RUN(test_deadlock);
#endif
    RUN(test_describe);
    RUN(test_seconds);
    RUN(test_sizes);
#ifdef ASYNC_NEW
    RUN(test_heap);
#endif
    return tap_end();
}
