/* SPDX-License-Identifier: MIT
 *
 * asyncio/taskgroups.h. Named after CPython's test_taskgroups.py; the ticks are those that CPython 3.14 traces. Each of
 * CPython's tests runs with plain and with eager tasks, as there.
 */
#include "sweep.h"

#ifdef ASYNC_NEW

static int own; /* blocks that an open loop has itself */

/* Sleeps, then ends as told; cancelled, it cleans up as told. */
ASYNC(child, double seconds; double clean; asyncio_value value; int raises; int on_cancel; const char *word; int err;
      asyncio_value detail;)
{
    ASYNC_BEGIN;
    if (self->seconds >= 0) {
        ASYNC_CATCH_ALL_INTO(self->err, self->detail, asyncio_sleep(self->seconds));
        if (self->err == ASYNCIO_ECANCELLED) {
            if (self->word != NULL)
                log_add(self->word);
            if (self->clean > 0)
                ASYNC_AWAIT(asyncio_sleep(self->clean));
            if (self->on_cancel != 0)
                ASYNC_RAISE(self->on_cancel);
            ASYNC_RAISE(self->err, self->detail);
        }
    }
    if (self->raises != 0)
        ASYNC_RAISE(self->raises);
    if (self->word != NULL)
        log_add(self->word);
    ASYNC_RETURN(self->value);
    ASYNC_END;
}

/* Adds children(.seconds ...) and reports what the test counts on. */
#define SPAWN(group, ...) CHECK_EQ(asyncio_taskgroup_create_task(group, ASYNC_NEW(child, __VA_ARGS__)), 0)

static void log_errors(asyncio_taskgroup *group)
{
    asyncio_taskgroup_error error;
    size_t i;
    for (i = 0; asyncio_taskgroup_get_error(group, i, &error); i++)
        log_add(named(error.err));
    CHECK_EQ(i, asyncio_taskgroup_error_count(group));
    CHECK(!asyncio_taskgroup_get_error(group, i, &error));
    CHECK(error.err == 0 && error.detail == 0 && error.task == NULL);
}

static asyncio_task_factory factories[] = {NULL, asyncio_eager_task_factory};
#define BOTH(...)                                                                                                      \
    do {                                                                                                               \
        int eager_##__LINE__;                                                                                          \
        for (eager_##__LINE__ = 0; eager_##__LINE__ < 2; eager_##__LINE__++) {                                         \
            asyncio_task_factory factory = factories[eager_##__LINE__];                                                \
            __VA_ARGS__                                                                                                \
            CHECK_EQ(blocks, 0);                                                                                       \
            CHECK_EQ(reports, 0);                                                                                      \
        }                                                                                                              \
    } while (0)
#define RUNS(err, log, ...)                                                                                            \
    BOTH(CHECK_EQ(run_with(factory, ASYNC_NEW(__VA_ARGS__), NULL), err); CHECK_LOG(log);)

ASYNC(waits_for_all, int later; asyncio_taskgroup group; asyncio_task *t1; asyncio_task *t2;)
{
    asyncio_value value = 0;
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child, .seconds = self->later == 2 ? 1 : 0.1,
                                               .value = 42), .name = "first", .into = &self->t1), 0);
        if (self->later)
            ASYNC_AWAIT(asyncio_sleep(0.15));
        if (self->later == 2)
            CHECK(asyncio_task_cancel(self->t1, NULL));
        CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child, .seconds = 0.2, .value = 11),
                                               .into = &self->t2), 0);
        CHECK_STR(self->t1->name.text, "first");
    }
    CHECK_EQ(asyncio_task_result(self->t1, &value), self->later == 2 ? ASYNCIO_ECANCELLED : 0);
    CHECK_EQ(value, self->later == 2 ? 0 : 42);
    CHECK_EQ(asyncio_task_result(self->t2, &value), 0);
    CHECK_EQ(value, 11);
    asyncio_task_release(self->t1);
    asyncio_task_release(self->t2);
    log_number(asyncio_loop_time(&loop) / 10000000);
    ASYNC_END;
}
TEST(test_taskgroup_01) { RUNS(0, "20", waits_for_all, .later = 0); }
TEST(test_taskgroup_02) { RUNS(0, "35", waits_for_all, .later = 1); }
TEST(test_taskgroup_03) { RUNS(0, "35", waits_for_all, .later = 2); }

ASYNC(fails, asyncio_taskgroup group; int body; asyncio_task *t2; asyncio_try attempt; int err; int count;)
{
    ASYNC_BEGIN;
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            for (; self->count > 0; self->count--)
                SPAWN(&self->group, .seconds = 0.1, .raises = E1);
            CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child, .seconds = 5, .word = "t2"),
                                                   .into = &self->t2), 0);
            if (self->body) {
                ASYNC_CATCH_ALL(self->err, asyncio_sleep(10));
                log_add("body");
                CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 1);
                ASYNC_RAISE(self->err);
            }
        }
        log_add("NOT REACHED");
    }
    CHECK_EQ(self->attempt.block.err, ASYNCIO_EGROUP);
    CHECK(asyncio_task_cancelled(self->t2));
    asyncio_task_release(self->t2);
    log_errors(&self->group);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    asyncio_taskgroup_release(&self->group);
    CHECK_EQ(asyncio_taskgroup_error_count(&self->group), 0);
    asyncio_taskgroup_release(&self->group);
    ASYNC_AWAIT(asyncio_sleep(0)); /* no cancellation is left */
    ASYNC_END;
}
TEST(test_taskgroup_04) { RUNS(0, "t2 E1", fails, .count = 1); }
TEST(test_cancel_children_on_child_error) { RUNS(0, "t2 body E1 E1 E1", fails, .count = 3, .body = 1); }

/* A group in a task that is cancelled from outside at 0.1: how its children and its body take it. */
ASYNC(runner, int count; int on_cancel; bool body; int body_raises; double seconds; int raises; double body_clean;
      asyncio_taskgroup group; asyncio_try attempt; int i, err;)
{
    ASYNC_BEGIN;
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            for (self->i = 0; self->i < self->count; self->i++)
                SPAWN(&self->group, .seconds = self->seconds, .on_cancel = self->on_cancel, .raises = self->raises,
                      .word = self->raises ? NULL : "c");
            if (self->body) {
                ASYNC_CATCH_ALL(self->err, asyncio_sleep(10));
                log_add("body");
                if (self->body_clean > 0)
                    ASYNC_AWAIT(asyncio_sleep(self->body_clean));
                ASYNC_RAISE(self->body_raises ? self->body_raises : self->err);
            }
        }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    log_errors(&self->group);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 1);
    ASYNC_RAISE(self->attempt.block.err, self->attempt.block.detail);
    ASYNC_END;
}
ASYNC(canceller, asyncio_root *root; asyncio_task *task; int err; int twice;)
{
    ASYNC_BEGIN;
    asyncio_create_task(self->root, .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0.1));
    CHECK(asyncio_task_cancel(self->task, "outside"));
    ASYNC_CATCH_ALL(self->err, self->task);
    log_add(self->err == ASYNCIO_ECANCELLED ? "cancelled" : asyncio_errname(self->err));
    if (self->err == ASYNCIO_ECANCELLED)
        CHECK_STR(asyncio_task_cancel_message(self->task), "outside");
    asyncio_task_release(self->task);
    ASYNC_END;
}
#define CANCELLED(log, ...)                                                                                            \
    BOTH(CHECK_EQ(run_with(factory, ASYNC_NEW(canceller, .root = ASYNC_NEW(runner, __VA_ARGS__)), NULL), 0);           \
         CHECK_LOG(log);)
TEST(test_cancellation) { CANCELLED("c c c CancelledError cancelled", .count = 3, .seconds = 5); }
TEST(test_taskgroup_07) { CANCELLED("body c c c CancelledError cancelled", .count = 3, .seconds = 5, .body = true); }
TEST(test_taskgroup_08)
{
    CANCELLED("body c c ExceptionGroup E1 E1 ExceptionGroup", .count = 2, .seconds = 5, .on_cancel = E1, .body = true);
}
TEST(test_taskgroup_15) /* the child fails while the body delays its cancellation */
{
    CANCELLED("body ExceptionGroup E1 ExceptionGroup", .count = 1, .seconds = 0.3, .raises = E1, .body = true,
              .body_clean = 0.5);
}
TEST(test_taskgroup_17) { CANCELLED("body CancelledError cancelled", .body = true); }
TEST(test_taskgroup_18) { CANCELLED("body ExceptionGroup E2 ExceptionGroup", .body = true, .body_raises = E2); }
TEST(test_taskgroup_22) { CANCELLED("c c CancelledError cancelled", .count = 2, .seconds = 1); }

ASYNC(awaits_runner, asyncio_root *root; asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(self->root, .into = &self->task);
    ASYNC_AWAIT(self->task);
    ASYNC_FINALLY;
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_taskgroup_16) /* the same through a task that awaits it */
{
    BOTH(CHECK_EQ(run_with(factory, ASYNC_NEW(canceller, .root = ASYNC_NEW(awaits_runner, .root =
                               ASYNC_NEW(runner, .count = 1, .seconds = 0.3, .raises = E1, .body = true,
                                         .body_clean = 0.5))), NULL), 0);
         CHECK_LOG("body ExceptionGroup E1 ExceptionGroup"););
}

ASYNC(body_fails, bool waits; asyncio_taskgroup group; asyncio_try attempt; asyncio_task *t1;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child, .seconds = 1), .into = &self->t1), 0);
            SPAWN(&self->group, .seconds = 2);
            if (self->waits)
                ASYNC_AWAIT(asyncio_sleep(0.1));
            ASYNC_RAISE(E1, 77);
        }
    }
    log_errors(&self->group);
    CHECK_EQ(self->attempt.block.err, ASYNCIO_EGROUP);
    {
        asyncio_taskgroup_error error;
        CHECK(asyncio_taskgroup_get_error(&self->group, 0, &error));
        CHECK(error.task == NULL);
        CHECK(asyncio_traceback(&loop, &error.detail) != NULL);
    }
    CHECK(asyncio_task_cancelled(self->t1));
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    asyncio_task_release(self->t1);
    ASYNC_END;
}
TEST(test_taskgroup_09) { RUNS(0, "E1", body_fails, .waits = true); }
TEST(test_taskgroup_10) { RUNS(0, "E1", body_fails, .waits = false); }

/* Nested groups: a child for each, the time after which it fails, or what it raises when it is cancelled. */
ASYNC(nested, double outer_after; double inner_after; int on_cancel; bool empty; asyncio_taskgroup outer;
      asyncio_taskgroup inner; asyncio_try attempt; bool body;)
{
    ASYNC_BEGIN;
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_WITH(&self->outer, asyncio_taskgroup())
        {
            if (!self->empty)
                SPAWN(&self->outer, .seconds = self->outer_after, .raises = E1);
            ASYNC_WITH(&self->inner, asyncio_taskgroup())
            {
                SPAWN(&self->inner, .seconds = self->inner_after, .raises = E2, .on_cancel = self->on_cancel);
                if (self->body)
                    ASYNC_AWAIT(asyncio_sleep(10));
            }
        }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    log_errors(&self->outer);
    log_add("inner");
    log_errors(&self->inner);
    ASYNC_RAISE(self->attempt.block.err, self->attempt.block.detail);
    ASYNC_END;
}
#define NESTED_CANCELLED(log, ...)                                                                                     \
    BOTH(CHECK_EQ(run_with(factory, ASYNC_NEW(canceller, .root = ASYNC_NEW(nested, __VA_ARGS__)), NULL), 0);           \
         CHECK_LOG(log);)
TEST(test_taskgroup_11)
{
    NESTED_CANCELLED("ExceptionGroup ExceptionGroup inner E3 ExceptionGroup", .empty = true, .inner_after = 10,
                     .on_cancel = E3, .body = true);
}
TEST(test_taskgroup_12)
{
    NESTED_CANCELLED("ExceptionGroup ExceptionGroup inner E3 ExceptionGroup", .outer_after = 10, .inner_after = 10,
                     .on_cancel = E3, .body = true);
}
TEST(test_taskgroup_13)
{
    RUNS(ASYNCIO_EGROUP, "ExceptionGroup E1 inner", nested, .outer_after = 0.1, .inner_after = 10);
}
TEST(test_taskgroup_14)
{
    RUNS(ASYNCIO_EGROUP, "ExceptionGroup ExceptionGroup inner E2", nested, .outer_after = 10, .inner_after = 0.1);
}

ASYNC(crash_in_cleanup, int error;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(10));
    ASYNC_FINALLY;
    ASYNC_RAISE(self->error);
    ASYNC_END;
}
ASYNC(child_and_body, int first; int second; asyncio_taskgroup group; asyncio_try attempt; struct crash_in_cleanup sub;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            SPAWN(&self->group, .seconds = 0.1, .raises = self->first);
            ASYNC_AWAIT(ASYNC_IN(&self->sub, crash_in_cleanup, .error = self->second));
        }
    }
    log_errors(&self->group);
    ASYNC_RAISE(self->attempt.block.err);
    ASYNC_END;
}
TEST(test_taskgroup_19) { RUNS(ASYNCIO_EGROUP, "E1 E2", child_and_body, .first = E1, .second = E2); }
TEST(test_taskgroup_20) { RUNS(ASYNCIO_EINTERRUPT, "E1", child_and_body, .first = E1, .second = ASYNCIO_EINTERRUPT); }
TEST(test_taskgroup_21)
{
    RUNS(ASYNCIO_EINTERRUPT, "KeyboardInterrupt", child_and_body, .first = ASYNCIO_EINTERRUPT, .second = E2);
}

ASYNC(drops, asyncio_taskgroup group; int i;)
{
    asyncio_task *tasks[2];
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        for (self->i = 0; self->i < 10; self->i++) {
            ASYNC_AWAIT(asyncio_sleep(0.1));
            SPAWN(&self->group, .seconds = 0.3);
            if (self->i == 5) {
                CHECK(asyncio_taskgroup_children(&self->group, tasks, 2) < 5);
                CHECK(!asyncio_task_done(tasks[1]) && tasks[0] != tasks[1]);
            }
        }
        ASYNC_AWAIT(asyncio_sleep(1.35));
        CHECK_EQ(asyncio_taskgroup_children(&self->group, NULL, 0), 0);
        CHECK_EQ(blocks - own, 1); /* this task */
    }
    ASYNC_END;
}
TEST(test_taskgroup_23) { RUNS(0, "", drops); }

ASYNC(hydra, asyncio_taskgroup *group; int depth; double seconds;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(self->seconds));
    if (self->depth > 0) {
        (void)asyncio_taskgroup_create_task(self->group, ASYNC_NEW(hydra, .group = self->group,
                                            .depth = self->depth - 1, .seconds = self->seconds));
        (void)asyncio_taskgroup_create_task(self->group, ASYNC_NEW(hydra, .group = self->group,
                                            .depth = self->depth - 1, .seconds = self->seconds));
    }
    log_number(self->depth);
    ASYNC_END;
}
ASYNC(multiply, int depth; double fails_after; double seconds; asyncio_taskgroup group; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(hydra, .group = &self->group,
                                                   .depth = self->depth, .seconds = self->seconds)), 0);
            if (self->fails_after > 0)
                SPAWN(&self->group, .seconds = self->fails_after, .raises = E1);
        }
    }
    CHECK_EQ(asyncio_taskgroup_children(&self->group, NULL, 0), 0);
    ASYNC_RAISE(self->attempt.block.err ? self->attempt.block.err : E3);
    ASYNC_END;
}
TEST(test_taskgroup_24)
{
    RUNS(E3, "2 1 1 0 0 0 0", multiply, .depth = 2, .seconds = 0.1);
    RUNS(E3, "1 0 0", multiply, .depth = 1, .seconds = 0);
}
TEST(test_taskgroup_25)
{
    RUNS(ASYNCIO_EGROUP, "100 99 99 98 98 98 98", multiply, .depth = 100, .seconds = 0.1, .fails_after = 0.35);
}

ASYNC(adds_late, asyncio_taskgroup *group; int err;)
{
    asyncio_task *task = asyncio_current_task();
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_EQ(asyncio_taskgroup_create_task(self->group, ASYNC_NEW(child), .into = &task), ASYNCIO_ERUNTIME);
    CHECK(task == NULL);
    log_add("refused");
    ASYNC_END;
}
ASYNC(adds_after_failure, asyncio_taskgroup group;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        SPAWN(&self->group, .seconds = 0.001, .raises = E1);
        CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(adds_late, .group = &self->group)), 0);
    }
    ASYNC_END;
}
TEST(test_taskgroup_no_create_task_after_failure) { RUNS(ASYNCIO_EGROUP, "refused", adds_after_failure); }

typedef struct raising {
    asyncio_block block;
} raising;
static asyncio_status raising_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    asyncio_status status = {E2, 0};
    (void)block, (void)self, (void)task, (void)err;
    return status;
}
static const asyncio_block_type raising_type = {NULL, raising_exit, NULL};
ASYNC(exit_raises, asyncio_taskgroup group; raising database; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            self->database.block.type = &raising_type;
            ASYNC_WITH(&self->database)
            {
                SPAWN(&self->group, .seconds = -1, .raises = E1);
                ASYNC_AWAIT(asyncio_sleep(1));
            }
        }
    }
    log_errors(&self->group);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    ASYNC_END;
}
TEST(test_taskgroup_context_manager_exit_raises) { RUNS(0, "E1 E2", exit_raises); }

ASYNC(twice, bool inside; asyncio_taskgroup group;)
{
    ASYNC_BEGIN;
    asyncio_taskgroup_init(&self->group);
    ASYNC_WITH(&self->group)
    {
        SPAWN(&self->group, .seconds = 1, .word = "child");
        ASYNC_AWAIT(asyncio_sleep(0));
        if (self->inside) {
            ASYNC_WITH(&self->group) { log_add("NOT REACHED"); }
        }
    }
    log_add("once");
    ASYNC_WITH(&self->group) { log_add("NOT REACHED"); }
    ASYNC_END;
}
TEST(test_taskgroup_double_enter) { RUNS(ASYNCIO_ERUNTIME, "child once", twice); }
TEST(test_taskgroup_already_entered) /* the error is one of the body: the children are cancelled */
{
    RUNS(ASYNCIO_EGROUP, "child", twice, .inside = true);
}

ASYNC(refusals, asyncio_taskgroup group;)
{
    asyncio_task *task = asyncio_current_task();
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child)), ASYNCIO_ERUNTIME); /* never set up */
    asyncio_taskgroup_init(&self->group);
    CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child), .into = &task), ASYNCIO_ERUNTIME);
    CHECK(task == NULL);
    ASYNC_WITH(&self->group) { log_add("in"); }
    CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child)), ASYNCIO_ERUNTIME); /* finished */
    CHECK_EQ(blocks - own, 1); /* closed */
    CHECK_EQ(reports, ASYNCIO_REPORTS ? 3 : 0);
    reports = 0;
    log_number(loop.ticks);
    ASYNC_WITH(&self->group, asyncio_taskgroup()) { SPAWN(&self->group, .seconds = -1, .word = "again"); }
    ASYNC_END;
}
TEST(test_taskgroup_finished_not_entered_coro_closed) { RUNS(0, "in 1 again", refusals); }

ASYNC(level, double seconds; asyncio_taskgroup group; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup()) { SPAWN(&self->group, .seconds = self->seconds, .raises = E1); }
    }
    CHECK_EQ(self->attempt.block.err, ASYNCIO_EGROUP);
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    ASYNC_AWAIT(asyncio_sleep(0));
    log_add("end");
    ASYNC_END;
}
TEST(test_cancelling_level_preserved) { RUNS(0, "0 end", level, .seconds = 0); }
TEST(test_cancellation_does_not_leak_out_of_tg) { RUNS(0, "0 end", level, .seconds = -1); } /* eager: in the body */

ASYNC(both_cancelled, asyncio_taskgroup outer; asyncio_taskgroup inner; asyncio_try in; asyncio_try out;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->out)
    {
        ASYNC_WITH(&self->outer, asyncio_taskgroup())
        {
            ASYNC_TRY(&self->in)
            {
                ASYNC_WITH(&self->inner, asyncio_taskgroup())
                {
                    SPAWN(&self->inner, .seconds = 0, .raises = E1);
                    SPAWN(&self->outer, .seconds = 0, .raises = E2);
                }
            }
            log_errors(&self->inner);
            log_number(asyncio_task_cancelling(asyncio_current_task()));
        }
    }
    log_errors(&self->outer);
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    ASYNC_END;
}
TEST(test_nested_groups_both_cancelled) { RUNS(0, "E1 1 E2 0", both_cancelled); }

ASYNC(m2, asyncio_taskgroup group; asyncio_try attempt; int err;)
{
    ASYNC_BEGIN;
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup()) { SPAWN(&self->group, .seconds = 10, .on_cancel = E1); }
    }
    log_tick(asyncio_errname(self->attempt.block.err));
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(0));
    log_tick(asyncio_errname(self->err));
    ASYNC_RAISE(self->err);
    ASYNC_END;
}
ASYNC(error_and_cancel, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(m2), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_task_cancel(self->task, NULL));
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_cancel_makes_a_child_fail) /* cancelled in tick 3; parent 4, child 5, its callback 6, parent 7 */
{
    CHECK_EQ(run(ASYNC_NEW(error_and_cancel), NULL), 0);
    CHECK_LOG("7 ExceptionGroup 1 8 CancelledError");
    CHECK_EQ(blocks, 0);
}

/* The child is about to fail when the task is cancelled from outside, in its body. */
static asyncio_event started;
ASYNC(starts_and_fails)
{
    ASYNC_BEGIN;
    asyncio_event_set(&started);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RAISE(E1);
    ASYNC_END;
}
ASYNC(inner_of_error_and_cancel, asyncio_taskgroup group; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(starts_and_fails)), 0);
            ASYNC_AWAIT(asyncio_sleep(1));
            log_add("NOT REACHED");
        }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    log_errors(&self->group);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 1);
    ASYNC_AWAIT(asyncio_sleep(1));
    log_add("NOT REACHED");
    ASYNC_END;
}
ASYNC(outer_of_error_and_cancel, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    asyncio_event_init(&started);
    asyncio_create_task(ASYNC_NEW(inner_of_error_and_cancel), .into = &self->task);
    ASYNC_AWAIT(asyncio_event_wait(&started));
    CHECK_EQ(asyncio_task_cancelling(self->task), 0);
    CHECK(asyncio_task_cancel(self->task, NULL));
    CHECK_EQ(asyncio_task_cancelling(self->task), 1);
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK(asyncio_task_cancelled(self->task));
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_error_and_cancel) { RUNS(0, "ExceptionGroup E1", outer_of_error_and_cancel); }

ASYNC(second_child, asyncio_taskgroup *group; int err;)
{
    ASYNC_BEGIN;
    SPAWN(self->group, .seconds = -1, .raises = E1);
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(0));
    if (self->err == 0)
        ASYNC_CATCH_ALL(self->err, asyncio_sleep(0));
    log_add(asyncio_errname(self->err));
    ASYNC_END;
}
ASYNC(created_during_creation, asyncio_taskgroup group; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(second_child, .group = &self->group)), 0);
        }
    }
    log_errors(&self->group);
    ASYNC_END;
}
TEST(test_cancels_task_if_created_during_creation) { RUNS(0, "CancelledError E1", created_during_creation); }

ASYNC(named_child, asyncio_taskgroup group; asyncio_task *task;)
{
    char buffer[ASYNCIO_NAME_SIZE];
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child, .seconds = 0), .name = "yolo",
                                               .into = &self->task), 0);
        CHECK_STR(asyncio_task_get_name(self->task, buffer), "yolo");
    }
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_taskgroup_task_name) { RUNS(0, "", named_child); }

static const asyncio_contextvar colour = ASYNCIO_CONTEXTVAR("colour", 0);
ASYNC(sets_colour, int value;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_EQ(asyncio_contextvar_set(&colour, self->value, NULL), 0);
    ASYNC_END;
}
ASYNC(children_in_context, asyncio_taskgroup group; asyncio_context *context; asyncio_task *task; int i;)
{
    ASYNC_BEGIN;
    self->context = asyncio_copy_context();
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        for (self->i = 1; self->i <= 2; self->i++) {
            CHECK_EQ(asyncio_context_get(self->context, &colour), self->i - 1);
            CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(sets_colour, .value = self->i),
                                                   .context = self->context, .into = &self->task), 0);
            ASYNC_AWAIT(self->task);
            asyncio_task_release(self->task);
        }
        CHECK_EQ(asyncio_context_get(self->context, &colour), 2);
    }
    CHECK_EQ(asyncio_contextvar_get(&colour), 0);
    asyncio_context_release(self->context);
    ASYNC_END;
}
TEST(test_taskgroup_task_context) { RUNS(0, "", children_in_context); }

/* ---- What CPython 3.14 traces ---- */

ASYNC(noop)
{
    ASYNC_BEGIN;
    ASYNC_END;
}
ASYNC(ticks, asyncio_taskgroup group; asyncio_try attempt; int err; asyncio_task *a;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup()) { asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(noop)); }
    log_tick("noop");
    ASYNC_WITH(&self->group, asyncio_taskgroup()) { self->err = 0; }
    log_tick("empty");
    ASYNC_TRY(&self->attempt) /* t21: 1 -> 11 */
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            SPAWN(&self->group, .seconds = 1, .word = "w1");
            SPAWN(&self->group, .seconds = 2, .raises = E1);
            SPAWN(&self->group, .seconds = 9, .word = "w9");
            ASYNC_CATCH_ALL(self->err, asyncio_sleep(100));
            log_tick("body");
            ASYNC_RAISE(self->err);
        }
    }
    log_tick("group");
    ASYNC_TRY(&self->attempt) /* 11 -> 14 */
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            SPAWN(&self->group, .seconds = 5, .word = "NOT REACHED");
            ASYNC_RAISE(E2);
        }
    }
    log_tick("group");
    ASYNC_WITH(&self->group, asyncio_taskgroup()) /* 22 -> 29 */
    {
        CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child, .seconds = 5), .into = &self->a), 0);
        SPAWN(&self->group, .seconds = 1, .word = "w1");
        ASYNC_AWAIT(asyncio_sleep(0));
        asyncio_task_cancel(self->a, NULL);
    }
    log_tick("ok");
    CHECK(asyncio_task_cancelled(self->a));
    asyncio_task_release(self->a);
    ASYNC_END;
}
TEST(test_ticks_of_a_group)
{
    CHECK_EQ(run(ASYNC_NEW(ticks), NULL), 0);
    CHECK_LOG("4 noop 4 empty w1 w9 12 body 14 group 17 group w1 24 ok");
    CHECK_EQ(blocks, 0);
}

ASYNC(x08, asyncio_taskgroup group; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            SPAWN(&self->group, .seconds = -1, .raises = E1);
            log_tick("body");
        }
    }
    log_tick("group");
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            SPAWN(&self->group, .seconds = -1, .raises = E1);
            ASYNC_AWAIT(asyncio_sleep(0));
            log_tick("after sleep");
            ASYNC_AWAIT(asyncio_sleep(0));
            log_add("NOT REACHED");
        }
    }
    log_tick("group");
    ASYNC_END;
}
TEST(test_body_is_cancelled_at_its_next_suspension)
{
    CHECK_EQ(run(ASYNC_NEW(x08), NULL), 0);
    CHECK_LOG("1 body 4 group 5 after sleep 6 group");
    CHECK_EQ(blocks, 0);
}

ASYNC(x19, asyncio_taskgroup group; asyncio_try attempt; int err;)
{
    asyncio_taskgroup_error error;
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            SPAWN(&self->group, .seconds = 9, .on_cancel = E2);
            SPAWN(&self->group, .seconds = 2, .raises = E3);
            SPAWN(&self->group, .seconds = 1, .raises = E1);
            ASYNC_CATCH_ALL(self->err, asyncio_sleep(9));
            ASYNC_RAISE(ASYNCIO_EVALUE);
        }
    }
    log_tick("group");
    log_errors(&self->group);
    CHECK(asyncio_taskgroup_get_error(&self->group, 1, &error));
    CHECK(error.task != NULL && asyncio_task_exception(error.task) == E2);
    CHECK(asyncio_traceback(&loop, &error.detail) != NULL);
    ASYNC_END;
}
TEST(test_order_of_the_errors)
{
    CHECK_EQ(run(ASYNC_NEW(x19), NULL), 0);
    CHECK_LOG("8 group E1 E2 ValueError");
    CHECK_EQ(blocks, 0);
}

ASYNC(abort_order, asyncio_taskgroup group; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            SPAWN(&self->group, .seconds = 9, .word = "a");
            SPAWN(&self->group, .seconds = 9, .word = "b", .clean = 1);
            SPAWN(&self->group, .seconds = 1, .raises = E1);
            SPAWN(&self->group, .seconds = 9, .word = "c");
        }
    }
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(2)); /* it waited for b's clean-up */
    ASYNC_END;
}
TEST(test_abort_goes_from_the_oldest) { RUNS(0, "a b c", abort_order); }

/* ---- cancel(), of CPython 3.15 ---- */

enum { CHILDREN, BODY, NO_AWAIT, IDEMPOTENT, AFTER, BEFORE, BEFORE_ERROR, CHILD_ERROR, BODY_SWALLOWS, FROM_CHILD };
ASYNC(stops, asyncio_taskgroup *group;)
{
    ASYNC_BEGIN;
    asyncio_taskgroup_cancel(self->group);
    ASYNC_AWAIT(asyncio_sleep(5));
    log_add("NOT REACHED");
    ASYNC_END;
}
ASYNC(cancelled_group, int how; asyncio_taskgroup group; asyncio_try attempt; int err;)
{
    ASYNC_BEGIN;
    asyncio_taskgroup_init(&self->group);
    if (self->how == BEFORE) {
        asyncio_taskgroup_cancel(&self->group);
        asyncio_taskgroup_cancel(&self->group);
    }
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_WITH(&self->group)
        {
            if (self->how == BEFORE)
                CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child)), ASYNCIO_ERUNTIME);
            else
                SPAWN(&self->group, .seconds = self->how == AFTER ? 0 : 10,
                      .word = self->how == AFTER ? NULL : "child", .on_cancel = self->how == CHILD_ERROR ? E1 : 0);
            log_add("1");
            ASYNC_AWAIT(asyncio_sleep(0));
            if (self->how == FROM_CHILD)
                CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(stops, .group = &self->group),
                                                       .eager_start = -1), 0);
            else if (self->how != AFTER)
                asyncio_taskgroup_cancel(&self->group);
            if (self->how == IDEMPOTENT)
                asyncio_taskgroup_cancel(&self->group);
            if (self->how == BEFORE_ERROR)
                ASYNC_RAISE(E2);
            log_add("2");
            if (self->how == BODY_SWALLOWS)
                ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
            else if (self->how != NO_AWAIT && self->how != CHILDREN && self->how != AFTER)
                ASYNC_AWAIT(asyncio_sleep(1));
            log_add("3");
        }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    log_errors(&self->group);
    asyncio_taskgroup_cancel(&self->group);
    CHECK_EQ(asyncio_task_cancelling(asyncio_current_task()), 0);
    CHECK_EQ(asyncio_loop_time(&loop), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
TEST(test_taskgroup_cancel_children) { RUNS(0, "1 2 3 child no error", cancelled_group, .how = CHILDREN); }
TEST(test_taskgroup_cancel_body) { RUNS(0, "1 2 child no error", cancelled_group, .how = BODY); }
TEST(test_taskgroup_cancel_body_without_await)
{
    RUNS(0, "1 2 3 child no error", cancelled_group, .how = NO_AWAIT);
}
TEST(test_taskgroup_cancel_idempotent) { RUNS(0, "1 2 child no error", cancelled_group, .how = IDEMPOTENT); }
TEST(test_taskgroup_cancel_after_exit) { RUNS(0, "1 2 3 no error", cancelled_group, .how = AFTER); }
TEST(test_taskgroup_cancel_before_enter) { RUNS(0, "1 no error", cancelled_group, .how = BEFORE); }
TEST(test_taskgroup_cancel_before_exception)
{
    RUNS(0, "1 child ExceptionGroup E2", cancelled_group, .how = BEFORE_ERROR);
}
TEST(test_taskgroup_cancel_child_fails)
{
    RUNS(0, "1 2 child ExceptionGroup E1", cancelled_group, .how = CHILD_ERROR);
}
TEST(test_taskgroup_cancel_swallowed_by_the_body)
{
    RUNS(0, "1 2 child 3 no error", cancelled_group, .how = BODY_SWALLOWS);
}
TEST(test_taskgroup_cancel_by_a_child) { RUNS(0, "1 2 child no error", cancelled_group, .how = FROM_CHILD); }

/* cancel() and somebody else's: the latter goes on outward. */
ASYNC(cancelled_twice, asyncio_taskgroup group; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            asyncio_taskgroup_cancel(&self->group);
            asyncio_task_cancel(asyncio_current_task(), NULL);
            ASYNC_AWAIT(asyncio_sleep(1));
        }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    ASYNC_END;
}
TEST(test_taskgroup_cancel_and_external_cancel) { RUNS(0, "CancelledError 1", cancelled_twice); }

/* Cancelled twice while it waits for a slow child: absorbed, the child is cancelled once. */
ASYNC(slow_exit, asyncio_taskgroup group;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup()) { SPAWN(&self->group, .seconds = 10, .word = "child", .clean = 1); }
    ASYNC_END;
}
ASYNC(cancels_again, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(slow_exit), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK(asyncio_task_cancel(self->task, "one"));
    ASYNC_AWAIT(asyncio_sleep(0.5));
    CHECK(asyncio_task_cancel(self->task, "two"));
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_STR(asyncio_task_cancel_message(self->task), "one");
    CHECK_EQ(asyncio_task_cancelling(self->task), 2);
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(2));
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_cancelled_again_while_it_waits) { RUNS(0, "child", cancels_again); }

/* ---- Records in storage of the caller's ---- */

static asyncio_taskgroup_child shared_records[2];
ASYNC(in_array, asyncio_taskgroup group; asyncio_try attempt;)
{
    asyncio_task *task = asyncio_current_task();
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup_in(shared_records, 2))
        {
            SPAWN(&self->group, .seconds = 1);
            SPAWN(&self->group, .seconds = 3, .raises = E1);
            CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child), .into = &task), ASYNCIO_ENOMEM);
            CHECK(task == NULL);
            CHECK_EQ(reports, 1); /* told to the exception handler, too */
            reports = 0;
            ASYNC_AWAIT(asyncio_sleep(2));
            SPAWN(&self->group, .seconds = 9, .on_cancel = E2); /* the first one's record */
            ASYNC_AWAIT(asyncio_sleep(9));
        }
    }
    log_errors(&self->group);
    asyncio_taskgroup_release(&self->group);
    CHECK_EQ(blocks - own, 1);
    ASYNC_WITH(&self->group, asyncio_taskgroup_in(shared_records, 2))
    {
        SPAWN(&self->group, .seconds = 0);
        SPAWN(&self->group, .seconds = 0);
    }
    ASYNC_WITH(&self->group, asyncio_taskgroup_in(NULL, 0))
    {
        CHECK_EQ(asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(child)), ASYNCIO_ENOMEM);
        CHECK_EQ(asyncio_taskgroup_create_task(&self->group, NULL), ASYNCIO_ENOMEM);
        CHECK_EQ(reports, 2);
        reports = 0;
    }
    ASYNC_END;
}
TEST(test_taskgroup_in_runs_out_of_records) { RUNS(0, "E1 E2", in_array); }

/* ---- Lifetime ---- */

ASYNC(fails_in_a_frame, asyncio_taskgroup group;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        SPAWN(&self->group, .seconds = -1, .raises = E1);
        SPAWN(&self->group, .seconds = 0, .raises = E2);
    }
    ASYNC_END;
}
ASYNC(never_released, int i, err; int most;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        ASYNC_CATCH(self->err, ASYNC_NEW(fails_in_a_frame)); /* that frame goes, its errors stay with this task */
        CHECK_EQ(self->err, ASYNCIO_EGROUP);
        CHECK_EQ(blocks - own, 1 + 2 * (self->i + 1)); /* of the other child nobody heard but its cancellation */
    }
    ASYNC_END;
}
TEST(test_errors_outlive_the_frame_and_go_with_the_task)
{
    open_loop();
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(never_released), NULL), 0);
    CHECK_EQ(blocks, own); /* before the loop is closed */
    close_loop();
    CHECK_EQ(reports, 0);
}

ASYNC(left_by_goto, asyncio_taskgroup group;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        SPAWN(&self->group, .seconds = 1, .raises = E1);
        goto out;
    }
out:
    log_add("out");
    ASYNC_END;
}
ASYNC(awaits_goto, asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(left_by_goto), .into = &self->task);
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    CHECK_EQ(reports, 1); /* a block was left by goto */
    ASYNC_AWAIT(asyncio_sleep(2));
    CHECK_EQ(reports, 2); /* and nobody looked at the child's error */
    ASYNC_END;
}
TEST(test_children_of_a_group_left_by_goto)
{
    CHECK_EQ(run(ASYNC_NEW(awaits_goto), NULL), 0);
    CHECK_LOG("out");
    CHECK_EQ(blocks, 0);
}

ASYNC(forgets_to_await, asyncio_taskgroup group; asyncio_try attempt; asyncio_status status;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->group, asyncio_taskgroup())
        {
            SPAWN(&self->group, .seconds = 1, .word = "child");
            ASYNC_AWAIT(asyncio_sleep(0));
            self->status = asyncio_sleep(5);
        }
    }
    log_add(asyncio_errname(self->attempt.block.err));
    log_errors(&self->group);
    CHECK_EQ(loop.timers.count, 0);
    ASYNC_END;
}
TEST(test_status_that_was_never_awaited) { RUNS(0, "child ExceptionGroup RuntimeError", forgets_to_await); }

/* A group whose body went well costs the loop nothing at the task's end, however many other groups there are. */
ASYNC(waits_in_group, asyncio_taskgroup group;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup()) { SPAWN(&self->group, .seconds = 1); }
    CHECK(!(asyncio_current_task()->future.flags & ASYNCIO__LEFTOVERS));
    ASYNC_END;
}
#if ASYNCIO_TRACEBACK && ASYNCIO_STRINGS
/* What a group or a timeout raises tells where; the group's also where its first error came from. */
static void log_traceback(asyncio_value detail)
{
    const asyncio_frame_info *frame;
    while ((frame = asyncio_traceback(&loop, &detail)) != NULL) {
        log_add(frame->err != 0 ? named(frame->err) : frame->function);
        if (frame->err != 0)
            log_number(frame->line);
    }
    CHECK_EQ(detail, 0);
}

ASYNC(fails_in_groups, int depth; int body; asyncio_taskgroup group;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        if (self->depth > 0)
            asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(fails_in_groups, .depth = self->depth - 1));
        else if (self->body == 0)
            SPAWN(&self->group, .raises = E1);
        ASYNC_AWAIT(asyncio_sleep(0));
        if (self->body != 0)
            ASYNC_RAISE(self->body);
        ASYNC_AWAIT(asyncio_sleep(9));
    }
    ASYNC_END;
}
ASYNC(takes_too_long, asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout(1)) {
        ASYNC_AWAIT(asyncio_sleep(9));
    }
    ASYNC_END;
}
ASYNC(traces, int err; asyncio_value detail; struct fails_in_groups groups; struct takes_too_long late;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_INTO(self->err, self->detail, ASYNC_IN(&self->groups, fails_in_groups, .depth = 1));
    CHECK_EQ(self->err, ASYNCIO_EGROUP);
    log_traceback(self->detail);
    CHECK_LOG("fails_in_groups ExceptionGroup 1 fails_in_groups E1 1 child");
    ASYNC_CATCH_INTO(self->err, self->detail, ASYNC_IN(&self->groups, fails_in_groups, .body = E2));
    CHECK_EQ(self->err, ASYNCIO_EGROUP);
    log_traceback(self->detail);
    CHECK_LOG("fails_in_groups E2 1 fails_in_groups");
    ASYNC_CATCH_INTO(self->err, self->detail, ASYNC_IN(&self->late, takes_too_long));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
    log_traceback(self->detail);
    CHECK_LOG("takes_too_long");
    ASYNC_END;
}
TEST(test_traceback_of_a_group) { RUNS(0, "", traces); }
#endif

TEST(test_nothing_is_left_over_without_errors) { RUNS(0, "", waits_in_group); }

/* ---- Cancelled and closed at every iteration, and without memory ---- */

static unsigned long allocations, fail_at;
static int noted;
static void note(int err)
{
    if (noted == 0)
        noted = err;
}

ASYNC(worker, asyncio_taskgroup *group; int depth; int raises;)
{
    ASYNC_BEGIN;
    entered++;
    if (self->depth > 0)
        note(asyncio_taskgroup_create_task(self->group, ASYNC_NEW(worker, .group = self->group,
                                           .depth = self->depth - 1, .raises = self->raises)));
    ASYNC_AWAIT(asyncio_sleep(self->depth));
    if (self->raises == self->depth)
        ASYNC_RAISE(E1);
    ASYNC_FINALLY;
    left++;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
ASYNC(program, asyncio_taskgroup outer; asyncio_taskgroup inner; asyncio_taskgroup_child records[3];
      asyncio_timeout limit; asyncio_try attempt; int i;)
{
    ASYNC_BEGIN;
    entered++;
    for (self->i = 0; self->i < 4; self->i++) {
        ASYNC_TRY(&self->attempt)
        {
            ASYNC_WITH(&self->outer, asyncio_taskgroup())
            {
                note(asyncio_taskgroup_create_task(&self->outer, ASYNC_NEW(worker, .group = &self->outer, .depth = 2,
                                                   .raises = self->i), .eager_start = self->i == 2));
                ASYNC_WITH(&self->limit, asyncio_move_on_after(self->i == 3 ? 0.5 : 9))
                {
                    ASYNC_WITH(&self->inner, asyncio_taskgroup_in(self->records, 3))
                    {
                        note(asyncio_taskgroup_create_task(&self->inner, ASYNC_NEW(worker, .group = &self->inner,
                                                           .depth = 1, .raises = self->i)));
                        ASYNC_AWAIT(ASYNC_NEW(sub, .seconds = 0));
                    }
                }
            }
        }
        asyncio_taskgroup_release(&self->inner);
        if (self->i % 2 == 0)
            asyncio_taskgroup_release(&self->outer);
    }
    ASYNC_FINALLY;
    left++;
    asyncio_taskgroup_release(&self->inner);
    ASYNC_END;
}

TEST(test_cancelled_at_every_iteration)
{
    unsigned at, hits = 0;
    size_t who;
    for (at = 0; at < 60; at++)
        for (who = 0; who < 6; who++)
            hits += interrupted(ASYNC_NEW(program), at, who, false) != 0;
    CHECK(hits > 60);
}
TEST(test_loop_closed_at_every_iteration)
{
    unsigned at, hits = 0;
    for (at = 0; at < 60; at++)
        hits += interrupted(ASYNC_NEW(program), at, 0, true) != 0;
    CHECK(hits > 20);
}

static void *failing_alloc(size_t size) { return ++allocations == fail_at ? NULL : counted_malloc(size); }
TEST(test_every_allocation_of_a_record_fails)
{
    for (fail_at = 1; fail_at < 100; fail_at++) {
        allocations = 0;
        noted = entered = left = 0;
        open_loop();
        loop.core.alloc = failing_alloc;
        CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(program), NULL), 0);
        CHECK_EQ(entered, left);
        CHECK_EQ(blocks, own);
        CHECK_EQ(reports, allocations >= fail_at);
        CHECK_EQ(noted == ASYNCIO_ENOMEM, allocations >= fail_at);
        close_loop();
        if (allocations < fail_at)
            break;
    }
    CHECK(fail_at > 5 && fail_at < 100);
}

int main(void)
{
    open_loop();
    own = blocks;
    close_loop();
    RUN(test_taskgroup_01);
    RUN(test_taskgroup_02);
    RUN(test_taskgroup_03);
    RUN(test_taskgroup_04);
    RUN(test_cancel_children_on_child_error);
    RUN(test_cancellation);
    RUN(test_taskgroup_07);
    RUN(test_taskgroup_08);
    RUN(test_taskgroup_15);
    RUN(test_taskgroup_17);
    RUN(test_taskgroup_18);
    RUN(test_taskgroup_22);
    RUN(test_taskgroup_16);
    RUN(test_taskgroup_09);
    RUN(test_taskgroup_10);
    RUN(test_taskgroup_11);
    RUN(test_taskgroup_12);
    RUN(test_taskgroup_13);
    RUN(test_taskgroup_14);
    RUN(test_taskgroup_19);
    RUN(test_taskgroup_20);
    RUN(test_taskgroup_21);
    RUN(test_taskgroup_23);
    RUN(test_taskgroup_24);
    RUN(test_taskgroup_25);
    RUN(test_taskgroup_no_create_task_after_failure);
    RUN(test_taskgroup_context_manager_exit_raises);
    RUN(test_taskgroup_double_enter);
    RUN(test_taskgroup_already_entered);
    RUN(test_taskgroup_finished_not_entered_coro_closed);
    RUN(test_cancelling_level_preserved);
    RUN(test_cancellation_does_not_leak_out_of_tg);
    RUN(test_nested_groups_both_cancelled);
    RUN(test_cancel_makes_a_child_fail);
    RUN(test_error_and_cancel);
    RUN(test_cancels_task_if_created_during_creation);
    RUN(test_taskgroup_task_name);
    RUN(test_taskgroup_task_context);
    RUN(test_ticks_of_a_group);
    RUN(test_body_is_cancelled_at_its_next_suspension);
    RUN(test_order_of_the_errors);
    RUN(test_abort_goes_from_the_oldest);
    RUN(test_taskgroup_cancel_children);
    RUN(test_taskgroup_cancel_body);
    RUN(test_taskgroup_cancel_body_without_await);
    RUN(test_taskgroup_cancel_idempotent);
    RUN(test_taskgroup_cancel_after_exit);
    RUN(test_taskgroup_cancel_before_enter);
    RUN(test_taskgroup_cancel_before_exception);
    RUN(test_taskgroup_cancel_child_fails);
    RUN(test_taskgroup_cancel_swallowed_by_the_body);
    RUN(test_taskgroup_cancel_by_a_child);
    RUN(test_taskgroup_cancel_and_external_cancel);
    RUN(test_cancelled_again_while_it_waits);
    RUN(test_taskgroup_in_runs_out_of_records);
    RUN(test_errors_outlive_the_frame_and_go_with_the_task);
    RUN(test_children_of_a_group_left_by_goto);
    RUN(test_status_that_was_never_awaited);
#if ASYNCIO_TRACEBACK && ASYNCIO_STRINGS
    RUN(test_traceback_of_a_group);
#endif
    RUN(test_nothing_is_left_over_without_errors);
    RUN(test_cancelled_at_every_iteration);
    RUN(test_loop_closed_at_every_iteration);
    RUN(test_every_allocation_of_a_record_fails);
    return tap_end();
}
#else
int main(void) { return tap_end(); }
#endif
