/* SPDX-License-Identifier: MIT
 *
 * Eager tasks: the first step runs inside create_task. Named after CPython's test_eager_task_factory.py.
 */
#include "fixture.h"

ASYNC(returns, asyncio_value value; const char *word;)
{
    ASYNC_BEGIN;
    if (self->word)
        log_tick(self->word);
    ASYNC_RETURN(self->value);
    ASYNC_END;
}
ASYNC(yields, asyncio_value value; const char *word; const char *after;)
{
    ASYNC_BEGIN;
    log_tick(self->word);
    ASYNC_AWAIT(asyncio_sleep(0));
    log_tick(self->after);
    ASYNC_RETURN(self->value);
    ASYNC_END;
}
ASYNC(raises)
{
    ASYNC_BEGIN;
    ASYNC_RAISE(E1);
    ASYNC_END;
}

/* What CPython 3.14 traces for such a program: the eager task runs in its creator's iteration, awaiting one that is
 * done takes none, and one that blocked goes on in the next. */
ASYNC(trace, struct returns_task n; struct yields_task y; struct returns_task g1; struct returns_task g2; int got;
      asyncio_handle handle;)
{
    ASYNC_BEGIN;
    log_tick("create");
    asyncio_create_task(ASYNC_AT(&self->n, returns, .value = 1, .word = "runs"));
    log_tick(asyncio_task_done(ASYNC_TASK(&self->n)) ? "done" : "pending");
    asyncio_create_task(ASYNC_AT(&self->y, yields, .value = 2, .word = "y", .after = "resumed"));
    log_tick(asyncio_task_done(ASYNC_TASK(&self->y)) ? "done" : "pending");
    ASYNC_AWAIT_INTO(self->got, ASYNC_TASK(&self->y));
    log_tick("got");
    log_number(self->got);
    asyncio_create_task(ASYNC_AT(&self->g1, returns, .value = 1, .word = "runs"));
    asyncio_create_task(ASYNC_AT(&self->g2, returns, .value = 1, .word = "runs"));
    ASYNC_AWAIT_INTO(self->got, ASYNC_TASK(&self->g1));
    ASYNC_AWAIT_INTO(self->got, ASYNC_TASK(&self->g2));
    log_tick("both");
    ASYNC_END;
}

TEST(test_eager_ticks)
{
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, trace), 0);
    CHECK_LOG("1 create 1 runs 1 done 1 y 1 pending 2 resumed 3 got 2 3 runs 3 runs 3 both");
    CHECK_EQ(RUN_CORO_WITH(NULL, trace), 0); /* the same program with plain tasks */
    CHECK_LOG("1 create 1 pending 1 pending 2 runs 2 y 3 resumed 4 got 2 5 runs 5 runs 6 both");
}

ASYNC(sets_result, asyncio_future *future;)
{
    ASYNC_BEGIN;
    (void)asyncio_future_set_result(self->future, 5);
    ASYNC_END;
}
ASYNC(await_during, asyncio_future future; struct sets_result_task child; uint32_t ticks; int got;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    self->ticks = loop.ticks;
    asyncio_create_task(ASYNC_AT(&self->child, sets_result, .future = &self->future));
    CHECK(asyncio_future_done(&self->future));
    ASYNC_AWAIT_INTO(self->got, &self->future);
    CHECK_EQ(self->got, 5);
    CHECK_EQ(loop.ticks, self->ticks);
    ASYNC_END;
}

TEST(test_await_future_during_eager_step) { CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, await_during), 0); }

ASYNC(completes, struct returns_task child; struct raises_task bad; asyncio_task *task; asyncio_value value; int err;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_create_task(ASYNC_AT(&self->child, returns, .value = 12), .into = &self->task), 0);
    CHECK(self->task == ASYNC_TASK(&self->child));
    CHECK(asyncio_task_done(self->task));
    CHECK_EQ(asyncio_task_result(self->task, &self->value), 0);
    CHECK_EQ(self->value, 12);
    asyncio_task_release(self->task);
    CHECK_EQ(asyncio_create_task(ASYNC_AT(&self->bad, raises), .into = &self->task), 0); /* the task's error */
    CHECK(asyncio_task_done(self->task));
    CHECK_EQ(reports, 0);
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, E1);
    asyncio_task_release(self->task);
    CHECK_EQ(reports, 0);
    CHECK_EQ(asyncio_create_task(ASYNC_AT(&self->bad, raises)), 0); /* nobody can read this one */
    CHECK_EQ(reports, 1);
    CHECK_EQ(last_report.err, E1);
    ASYNC_END;
}

TEST(test_eager_completion) { CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, completes), 0); }

ASYNC(cancelled_late, struct returns_task child; asyncio_task *task; int got;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_create_task(ASYNC_AT(&self->child, returns, .value = 12), .into = &self->task), 0);
    CHECK(!asyncio_task_cancel(self->task, "late"));
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, 12);
    CHECK(!asyncio_task_cancelled(self->task));
    asyncio_task_release(self->task);
    ASYNC_END;
}

TEST(test_cancellation_after_eager_completion)
{
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, cancelled_late), 0);
}

ASYNC(blocks_on, asyncio_future *future; int got;)
{
    ASYNC_BEGIN;
    log_add("in");
    ASYNC_AWAIT_INTO(self->got, self->future);
    log_add("on");
    ASYNC_RETURN(self->got);
    ASYNC_END;
}
ASYNC(block_after, asyncio_future future; struct blocks_on_task child; int got;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_create_task(ASYNC_AT(&self->child, blocks_on, .future = &self->future));
    log_add("created");
    CHECK(!asyncio_task_done(ASYNC_TASK(&self->child)));
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK(!asyncio_task_done(ASYNC_TASK(&self->child)));
    (void)asyncio_future_set_result(&self->future, 7);
    ASYNC_AWAIT_INTO(self->got, ASYNC_TASK(&self->child));
    CHECK_EQ(self->got, 7);
    ASYNC_END;
}

TEST(test_block_after_eager_step)
{
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, block_after), 0);
    CHECK_LOG("in created on");
}

ASYNC(cancel_after, asyncio_future future; struct blocks_on_task child; int err; const char *message;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_create_task(ASYNC_AT(&self->child, blocks_on, .future = &self->future));
    CHECK(asyncio_task_cancel(ASYNC_TASK(&self->child), "cancelled"));
    CHECK(!asyncio_task_done(ASYNC_TASK(&self->child)));
    ASYNC_CATCH_ALL_INTO(self->err, self->message, ASYNC_TASK(&self->child));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_STR(self->message, "cancelled");
    ASYNC_END;
}

TEST(test_cancellation_after_eager_step_blocks)
{
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, cancel_after), 0);
    CHECK_LOG("in");
}

ASYNC(cancels_in_its_first_step, int returns;)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), "self");
    if (self->returns)
        ASYNC_RETURN(1);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(0);
    ASYNC_END;
}
ASYNC(eager_self_cancel, struct cancels_in_its_first_step_task child; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->child, cancels_in_its_first_step, .returns = 1));
    CHECK(asyncio_task_cancelled(ASYNC_TASK(&self->child)));
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&self->child)), "self");
    asyncio_create_task(ASYNC_AT(&self->child, cancels_in_its_first_step, .returns = 0));
    CHECK(!asyncio_task_done(ASYNC_TASK(&self->child)));
    ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&self->child));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_STR(asyncio_task_cancel_message(ASYNC_TASK(&self->child)), "self");
    ASYNC_END;
}

TEST(test_self_cancellation_in_the_eager_step)
{
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, eager_self_cancel), 0);
}

ASYNC(is_current, asyncio_task *task; asyncio_task **into;)
{
    ASYNC_BEGIN;
    CHECK(asyncio_current_task() == self->task);
    if (self->into)
        CHECK(*self->into == self->task); /* .into is set before the step */
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_current_task() == self->task);
    ASYNC_END;
}
ASYNC(nests, struct is_current_task child; asyncio_task *into;)
{
    ASYNC_BEGIN;
    log_add("nested");
    asyncio_create_task(ASYNC_AT(&self->child, is_current, .task = ASYNC_TASK(&self->child), .into = &self->into),
                        .into = &self->into);
    CHECK(asyncio_current_task() != self->into);
    ASYNC_AWAIT(self->into);
    asyncio_task_release(self->into);
    ASYNC_END;
}
ASYNC(current, asyncio_task *me; struct nests_task child; struct is_current_task other;)
{
    ASYNC_BEGIN;
    self->me = asyncio_current_task();
    asyncio_create_task(ASYNC_AT(&self->child, nests));
    CHECK(asyncio_current_task() == self->me);
    asyncio_create_task(ASYNC_AT(&self->other, is_current, .task = ASYNC_TASK(&self->other)));
    CHECK(asyncio_current_task() == self->me);
    ASYNC_AWAIT(ASYNC_TASK(&self->child));
    CHECK(asyncio_current_task() == self->me);
    ASYNC_END;
}

TEST(test_current_task)
{
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, current), 0);
    CHECK_LOG("nested");
}

/* From a plain callback there is no task around it. */
static struct is_current_task from_callback;
static void creates(void *arg)
{
    (void)arg;
    CHECK(asyncio_current_task() == NULL);
    asyncio_create_task(ASYNC_AT(&from_callback, is_current, .task = ASYNC_TASK(&from_callback)));
    CHECK(asyncio_current_task() == NULL);
    log_add("callback");
}
ASYNC(calls_soon, asyncio_handle handle;)
{
    ASYNC_BEGIN;
    (void)asyncio_call_soon(&loop, &self->handle, creates, NULL);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_task_done(ASYNC_TASK(&from_callback)));
    ASYNC_END;
}

TEST(test_eager_start_from_a_callback)
{
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, calls_soon), 0);
    CHECK_LOG("callback");
}

#if ASYNCIO_ALL_TASKS
ASYNC(counts_tasks, size_t want;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_all_tasks(&loop, NULL, 0), self->want);
    ASYNC_END;
}
ASYNC(all_tasks_completion, struct counts_tasks_task a;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_all_tasks(&loop, NULL, 0), 1);
    asyncio_create_task(ASYNC_AT(&self->a, counts_tasks, .want = 2)); /* listed while it runs */
    CHECK(asyncio_task_done(ASYNC_TASK(&self->a)));
    CHECK_EQ(asyncio_all_tasks(&loop, NULL, 0), 1); /* and not after */
    ASYNC_END;
}
ASYNC(all_tasks_blocking, asyncio_future future; struct blocks_on_task a;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_create_task(ASYNC_AT(&self->a, blocks_on, .future = &self->future));
    CHECK_EQ(asyncio_all_tasks(&loop, NULL, 0), 2);
    (void)asyncio_future_set_result(&self->future, 0);
    ASYNC_AWAIT(ASYNC_TASK(&self->a));
    CHECK_EQ(asyncio_all_tasks(&loop, NULL, 0), 1);
    ASYNC_END;
}

TEST(test_all_tasks_with_eager_completion)
{
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, all_tasks_completion), 0);
}
TEST(test_all_tasks_with_blocking) { CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, all_tasks_blocking), 0); }
#endif

/* ---- eager_start, task by task ---- */

ASYNC(flags, struct returns_task a; struct returns_task b; struct returns_task c; int factory;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&self->a, returns, .word = "eager"), .eager_start = 1);
    CHECK(asyncio_task_done(ASYNC_TASK(&self->a)));
    asyncio_create_task(ASYNC_AT(&self->b, returns, .word = "lazy"), .eager_start = -1);
    CHECK(!asyncio_task_done(ASYNC_TASK(&self->b)));
    asyncio_create_task(ASYNC_AT(&self->c, returns, .word = "as the factory says"));
    CHECK_EQ(asyncio_task_done(ASYNC_TASK(&self->c)), self->factory);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_task_done(ASYNC_TASK(&self->b)));
    CHECK(asyncio_task_done(ASYNC_TASK(&self->c)));
    ASYNC_END;
}

TEST(test_eager_start_true_and_false)
{
    CHECK_EQ(RUN_CORO_WITH(NULL, flags, .factory = 0), 0);
    CHECK_LOG("1 eager 2 lazy 2 as the factory says");
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, flags, .factory = 1), 0);
    CHECK_LOG("1 eager 1 as the factory says 2 lazy");
}

/* A loop that does not run yet has nobody to run it eagerly: it comes with the first iteration. */
TEST(test_eager_start_before_the_loop_runs)
{
    static struct returns_task storage;
    asyncio_task_options options = {NULL, NULL, 1, NULL};
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&storage, returns, .word = "ran"), &options), 0);
    CHECK(!asyncio_task_done(ASYNC_TASK(&storage)));
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK(asyncio_task_done(ASYNC_TASK(&storage)));
    CHECK_LOG("1 ran");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

#if ASYNCIO_NAMES && ASYNCIO_CONTEXTS && defined(ASYNC_NEW)
static const asyncio_contextvar colour = ASYNCIO_CONTEXTVAR("colour", 0);
ASYNC(knows_itself, asyncio_context *context;)
{
    char buffer[ASYNCIO_NAME_SIZE];
    ASYNC_BEGIN;
    log_add(asyncio_task_get_name(asyncio_current_task(), buffer));
    CHECK(asyncio_task_get_context(asyncio_current_task()) == self->context);
    CHECK_EQ(asyncio_contextvar_set(&colour, 7, NULL), 0);
    ASYNC_END;
}
ASYNC(names, struct knows_itself_task child; asyncio_context *context;)
{
    ASYNC_BEGIN;
    self->context = asyncio_context_new();
    asyncio_create_task(ASYNC_AT(&self->child, knows_itself, .context = self->context), .name = "example",
                        .context = self->context);
    CHECK_EQ(asyncio_context_get(self->context, &colour), 7);
    CHECK_EQ(asyncio_contextvar_get(&colour), 0);
    asyncio_context_release(self->context);
    ASYNC_END;
}

TEST(test_name_and_context_in_the_eager_step)
{
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, names), 0);
    CHECK_LOG("example");
}
#endif

/* ---- On the heap; many of them ---- */

#ifdef ASYNC_NEW
ASYNC(spawns, int count; asyncio_task *task; int got;)
{
    ASYNC_BEGIN;
    for (; self->count > 0; self->count--)
        CHECK_EQ(asyncio_create_task(ASYNC_NEW(returns, .value = 1)), 0); /* gone when create_task returns */
    CHECK_EQ(asyncio_create_task(ASYNC_NEW(returns, .value = 3), .into = &self->task), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_AWAIT_INTO(self->got, self->task);
    CHECK_EQ(self->got, 3);
    asyncio_task_release(self->task);
    ASYNC_END;
}

TEST(test_eager_fire_and_forget)
{
    long before = blocks;
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, spawns, .count = 1000), 0);
    CHECK_EQ(blocks, before);
    CHECK_EQ(RUN_CORO_WITH(NULL, spawns, .count = 1000), 0);
    CHECK_EQ(blocks, before);
}

/* Python's BaseTaskCountingTests: how many of the tasks that each level starts five of had to be scheduled. */
static int scheduled;
static int count_scheduled(asyncio_loop *where, asyncio_root *root, const asyncio_task_options *options, int eager)
{
    asyncio_task_options counted = *options;
    asyncio_task *task;
    int err;
    counted.into = &task;
    counted.eager_start = eager;
    err = asyncio_task_new(where, root, &counted);
    scheduled += err == 0 && !asyncio_task_done(task);
    if (options->into != NULL)
        *options->into = task;
    else if (err == 0)
        asyncio_task_release(task);
    return err;
}
static int counts_lazy(asyncio_loop *where, asyncio_root *root, const asyncio_task_options *options)
{
    return count_scheduled(where, root, options, 0);
}
static int counts_eager(asyncio_loop *where, asyncio_root *root, const asyncio_task_options *options)
{
    return count_scheduled(where, root, options, 1);
}

ASYNC(chain, int depth; int got;)
{
    ASYNC_BEGIN;
    if (self->depth == 0)
        ASYNC_RETURN(0);
    ASYNC_AWAIT_INTO(self->got, ASYNC_NEW(chain, .depth = self->depth - 1));
    ASYNC_RETURN(self->got + 1);
    ASYNC_END;
}
ASYNC(gathers, int depth; asyncio_gather all; asyncio_child children[5];)
{
    ASYNC_BEGIN;
    if (self->depth > 0)
        ASYNC_AWAIT(asyncio_gather(&self->all, self->children, ASYNC_NEW(gathers, .depth = self->depth - 1),
                                   ASYNC_NEW(gathers, .depth = self->depth - 1),
                                   ASYNC_NEW(gathers, .depth = self->depth - 1),
                                   ASYNC_NEW(gathers, .depth = self->depth - 1),
                                   ASYNC_NEW(gathers, .depth = self->depth - 1)));
    ASYNC_END;
}
ASYNC(groups, int depth; asyncio_taskgroup group; int i;)
{
    ASYNC_BEGIN;
    if (self->depth > 0) {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            for (self->i = 0; self->i < 5; self->i++)
                CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(groups, .depth = self->depth - 1)), 0);
        }
    }
    ASYNC_END;
}

/* The main task is one of them: it begins before the loop runs. */
TEST(test_awaitables_chain)
{
    long before = blocks;
    scheduled = 0;
    CHECK_EQ(RUN_CORO_WITH(counts_lazy, chain, .depth = 100), 0);
    CHECK_EQ(RUN_CORO_WITH(counts_eager, chain, .depth = 100), 0);
    CHECK_EQ(scheduled, 2);
    CHECK_EQ(blocks, before);
}
TEST(test_recursive_taskgroups)
{
    long before = blocks;
    scheduled = 0;
    CHECK_EQ(RUN_CORO_WITH(counts_lazy, groups, .depth = 4), 0);
    CHECK_EQ(scheduled, 781);
    scheduled = 0;
    CHECK_EQ(RUN_CORO_WITH(counts_eager, groups, .depth = 4), 0);
    CHECK_EQ(scheduled, 156); /* a group waits for its children's callbacks, which take an iteration */
    CHECK_EQ(blocks, before);
}
TEST(test_recursive_gather)
{
    long before = blocks;
    scheduled = 0;
    CHECK_EQ(RUN_CORO_WITH(counts_lazy, gathers, .depth = 4), 0);
    CHECK_EQ(scheduled, 781); /* 1 + 5 + 25 + 125 + 625 */
    scheduled = 0;
    CHECK_EQ(RUN_CORO_WITH(counts_eager, gathers, .depth = 4), 0);
    CHECK_EQ(scheduled, 1);
    CHECK_EQ(blocks, before);
}

/* The same with tasks that are awaited one by one, and that suspend. */
static int resumed;
ASYNC(recursive, int width; int depth; asyncio_task *tasks[2]; int i; int suspends; uint32_t ticks;)
{
    ASYNC_BEGIN;
    self->ticks = loop.ticks;
    if (self->depth == 0) {
        if (self->suspends)
            ASYNC_AWAIT(asyncio_sleep(0));
    } else {
        for (self->i = 0; self->i < 2; self->i++)
            CHECK_EQ(asyncio_create_task(ASYNC_NEW(recursive, .depth = self->depth - 1, .suspends = self->suspends),
                                         .into = &self->tasks[self->i]),
                     0);
        for (self->i = 0; self->i < 2; self->i++) {
            ASYNC_AWAIT(self->tasks[self->i]);
            asyncio_task_release(self->tasks[self->i]);
        }
    }
    resumed += loop.ticks != self->ticks;
    ASYNC_END;
}

TEST(test_recursive)
{
    long before = blocks;
    resumed = 0;
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, recursive, .depth = 5), 0);
    CHECK_EQ(resumed, 0); /* nothing suspends: not one of 63 tasks reached the loop a second time */
    CHECK_EQ(loop.ticks, 2);
    CHECK_EQ(RUN_CORO_WITH(asyncio_eager_task_factory, recursive, .depth = 5, .suspends = 1), 0);
    CHECK_EQ(resumed, 63);
    resumed = 0;
    CHECK_EQ(RUN_CORO_WITH(NULL, recursive, .depth = 5), 0);
    CHECK_EQ(resumed, 31);
    CHECK_EQ(blocks, before);
}
#endif

int main(void)
{
    RUN(test_eager_ticks);
    RUN(test_await_future_during_eager_step);
    RUN(test_eager_completion);
    RUN(test_cancellation_after_eager_completion);
    RUN(test_block_after_eager_step);
    RUN(test_cancellation_after_eager_step_blocks);
    RUN(test_self_cancellation_in_the_eager_step);
    RUN(test_current_task);
    RUN(test_eager_start_from_a_callback);
#if ASYNCIO_ALL_TASKS
    RUN(test_all_tasks_with_eager_completion);
    RUN(test_all_tasks_with_blocking);
#endif
    RUN(test_eager_start_true_and_false);
    RUN(test_eager_start_before_the_loop_runs);
#if ASYNCIO_NAMES && ASYNCIO_CONTEXTS && defined(ASYNC_NEW)
    RUN(test_name_and_context_in_the_eager_step);
#endif
#ifdef ASYNC_NEW
    RUN(test_eager_fire_and_forget);
    RUN(test_awaitables_chain);
    RUN(test_recursive_taskgroups);
    RUN(test_recursive_gather);
    RUN(test_recursive);
#endif
    return tap_end();
}
