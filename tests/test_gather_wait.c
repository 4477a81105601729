/* SPDX-License-Identifier: MIT
 *
 * gather, wait, as_completed and shield: CPython's tests under their names (test_tasks.py), and what C adds: errors,
 * memory, storage that goes, a cancel in every iteration.
 */
#include "children.h"
#include <math.h>

#if defined(ASYNC_NEW) && ASYNCIO_STRINGS
#define START(...) asyncio_create_task(__VA_ARGS__)

/* Runs it as main: nothing may leak, nothing be reported. */
#define PLAY(...) PLAY_REPORTS(0, __VA_ARGS__)
#define PLAY_REPORTS(want, ...)                                                                                        \
    do {                                                                                                               \
        int before = blocks;                                                                                           \
        CHECK_EQ(run(ASYNC_NEW(__VA_ARGS__), NULL), 0);                                                                \
        CHECK_EQ(blocks, before);                                                                                      \
        CHECK_EQ(reports, want);                                                                                       \
    } while (0)

#define NEW(...) ASYNC_NEW(worker, __VA_ARGS__)

static void says_done(asyncio_future *future, void *arg)
{
    CHECK(asyncio_future_done(future));
    log_tick((const char *)arg);
}
static char word_done[] = "done";

/* ---- gather ---- */

ASYNC(first_error, asyncio_gather all; asyncio_child children[2]; asyncio_task *slow; asyncio_future *outer; int err;)
{
    ASYNC_BEGIN;
    START(NEW(.delay = 5, .value = 7, .end = "slow finished", .stopped = "slow cancelled"), .into = &self->slow);
    self->outer = asyncio_gather_future(&self->all, self->children, ASYNC_NEW(worker, .delay = 0, .raise = E1),
                                        self->slow);
    ASYNC_CATCH(self->err, self->outer);
    log_tick(named(self->err));
    CHECK(!asyncio_task_done(self->slow));
    CHECK(!asyncio_future_cancel(self->outer, NULL));
    ASYNC_AWAIT(self->slow);
    log_tick("slow result");
    asyncio_gather_close(&self->all);
    asyncio_task_release(self->slow);
    ASYNC_END;
}

/* The first error ends it, once; what the others do then is nobody's business. */
ASYNC(five_futures, asyncio_gather all; asyncio_child children[5]; asyncio_handle handle; asyncio_future *outer;)
{
    ASYNC_BEGIN;
    futures_init();
    self->outer = asyncio_gather_future(&self->all, self->children, &a, &b, &c, &d, &e);
    asyncio_future_add_done_callback(self->outer, &self->handle, says_done, word_done);
    asyncio_future_set_result(&a, 1);
    asyncio_future_set_exception(&b, E1);
    TURN;
    TURN;
    CHECK_LOG("3 done");
    CHECK_EQ(asyncio_future_exception(self->outer), E1);
    asyncio_future_set_result(&c, 3);
    asyncio_future_cancel(&d, NULL);
    asyncio_future_set_exception(&e, E2);
    TURN;
    CHECK_EQ(asyncio_future_exception(self->outer), E1);
    CHECK(!asyncio_future_cancelled(self->outer));
    asyncio_gather_close(&self->all);
    futures_release();
    ASYNC_END;
}
TEST(test_one_exception)
{
    PLAY(first_error);
    CHECK_LOG("5 E1 7 slow finished 8 slow result");
    PLAY(five_futures);
    CHECK_LOG("");
}

ASYNC(gathers_two, asyncio_gather all; asyncio_child children[2]; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why,
                         asyncio_gather_return_exceptions(&self->all, self->children,
                                                          NEW(.delay = 5, .stopped = "child 1"),
                                                          NEW(.delay = 5, .stopped = "child 2")));
    log_tick(named(self->err));
    log_add((const char *)self->why);
    ASYNC_RAISE(self->err, self->why);
    ASYNC_END;
}
ASYNC(cancels_a_gather, asyncio_task *task; asyncio_waiting waiting; asyncio_child child;)
{
    ASYNC_BEGIN;
    START(ASYNC_NEW(gathers_two), .into = &self->task);
    TURN;
    TURN;
    asyncio_task_cancel(self->task, "q");
    log_tick("cancel");
    asyncio_child_set(&self->child, self->task);
    ASYNC_AWAIT(asyncio_wait(&self->waiting, &self->child, 1, ASYNCIO_ALL_COMPLETED));
    log_tick(asyncio_task_cancelled(self->task) ? "True" : "False");
    CHECK_EQ(asyncio_child_result(&self->child, NULL), ASYNCIO_ECANCELLED);
    asyncio_task_release(self->task);
    ASYNC_END;
}
/* The same through the Future, and two children that wait for one Future: it is cancelled, too. */
ASYNC(awaits_a, asyncio_future *outer;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(self->outer != NULL ? self->outer : &a);
    log_tick("NOT REACHED");
    ASYNC_END;
}
ASYNC(cancels_an_outer, asyncio_gather all; asyncio_child children[2]; asyncio_task *one, *two, *task; int err;)
{
    ASYNC_BEGIN;
    futures_init();
    START(ASYNC_NEW(awaits_a), .into = &self->one);
    START(ASYNC_NEW(awaits_a), .into = &self->two);
    START(ASYNC_NEW(awaits_a, .outer = asyncio_gather_future(&self->all, self->children, self->one, self->two)),
          .into = &self->task);
    TURN;
    CHECK(asyncio_task_cancel(self->task, NULL));
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK(!asyncio_future_cancel(asyncio_gather_outer(&self->all), NULL));
    CHECK(asyncio_future_cancelled(&a));
    CHECK(asyncio_task_cancelled(self->one) && asyncio_task_cancelled(self->two));
    asyncio_gather_close(&self->all);
    asyncio_task_release(self->one);
    asyncio_task_release(self->two);
    asyncio_task_release(self->task);
    futures_release();
    ASYNC_END;
}
TEST(test_cancellation_broadcast)
{
    PLAY(cancels_a_gather);
    CHECK_LOG("3 cancel 4 child 1 4 child 2 6 CancelledError q 8 True");
    PLAY(cancels_an_outer);
    CHECK_LOG("");
}

ASYNC(child_cancelled, asyncio_gather all; asyncio_child children[2]; asyncio_task *a, *b; asyncio_future *outer;
      asyncio_waiting waiting; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    START(NEW(.delay = 5), .into = &self->a);
    START(NEW(.delay = 5), .into = &self->b);
    self->outer = asyncio_gather_future(&self->all, self->children, self->a, self->b);
    TURN;
    asyncio_task_cancel(self->a, "k");
    ASYNC_CATCH_ALL_INTO(self->err, self->why, self->outer);
    log_tick(named(self->err));
    log_add((const char *)self->why);
    CHECK(!asyncio_future_cancelled(self->outer));
    CHECK(!asyncio_task_done(self->b));
    CHECK_EQ(asyncio_future_exception(self->outer), ASYNCIO_ECANCELLED);
    asyncio_gather_close(&self->all);
    asyncio_task_cancel(self->b, NULL);
    asyncio_child_set(&self->children[0], self->b);
    ASYNC_AWAIT(asyncio_wait(&self->waiting, self->children, 1, ASYNCIO_ALL_COMPLETED));
    asyncio_child_release(&self->children[0]);
    asyncio_task_release(self->a);
    asyncio_task_release(self->b);
    START(NEW(.delay = 5), .into = &self->a);
    START(NEW(.delay = 5), .into = &self->b);
    (void)asyncio_gather_return_exceptions(&self->all, self->children, self->a, self->b);
    TURN;
    asyncio_task_cancel(self->a, "kk");
    asyncio_task_cancel(self->b, NULL);
    ASYNC_AWAIT(asyncio_gather_outer(&self->all));
    log_tick(named(self->children[0].err));
    log_add(named(self->children[1].err));
    CHECK_EQ(self->children[0].value, 0); /* the message is lost, as in Python */
    asyncio_gather_close(&self->all);
    asyncio_task_release(self->a);
    asyncio_task_release(self->b);
    ASYNC_END;
}
TEST(test_one_cancellation)
{
    PLAY(child_cancelled);
    CHECK_LOG("5 CancelledError k 12 CancelledError CancelledError");
}

static void says(void *arg) { log_tick((const char *)arg); }
#define WORD(text) (void *)(uintptr_t)(text)
ASYNC(runs_once)
{
    ASYNC_BEGIN;
    log_tick("run");
    ASYNC_RETURN(1);
    ASYNC_END;
}
ASYNC(duplicates, asyncio_gather all; asyncio_child children[3]; asyncio_task *task; asyncio_child *got; int i;)
{
    ASYNC_BEGIN;
    START(ASYNC_NEW(runs_once), .into = &self->task);
    ASYNC_AWAIT_INTO(self->got, asyncio_gather(&self->all, self->children, self->task, self->task, self->task));
    CHECK(self->got == self->children);
    log_tick("all");
    for (self->i = 0; self->i < 3; self->i++)
        CHECK_EQ(self->children[self->i].value, 1);
    asyncio_call_soon(&loop, NULL, says, WORD("cb"));
    ASYNC_AWAIT(asyncio_gather_n(&self->all, self->children, 0));
    log_tick("none");
    for (self->i = 0; self->i < 3; self->i++)
        asyncio_child_set(&self->children[self->i], self->task);
    ASYNC_AWAIT(asyncio_gather_n(&self->all, self->children, 3));
    CHECK_EQ(self->children[2].value, 1);
    CHECK_EQ(self->task->future.holds, 1);
    CHECK(!(self->task->future.flags & ASYNCIO__SEEN));
    TURN;
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_duplicate_coroutines)
{
    PLAY(duplicates);
    CHECK_LOG("2 run 4 all 4 none 5 cb");
}

/* Values in the order of the arguments, whatever the order in which they come; done with the last. */
ASYNC(successes, bool errors_too; asyncio_gather all; asyncio_child children[3]; asyncio_handle handle;
      asyncio_future *outer;)
{
    ASYNC_BEGIN;
    futures_init();
    if (self->errors_too)
        (void)asyncio_gather_return_exceptions(&self->all, self->children, &a, &b, &c);
    else
        (void)asyncio_gather(&self->all, self->children, &a, &b, &c);
    self->outer = asyncio_gather_outer(&self->all);
    asyncio_future_add_done_callback(self->outer, &self->handle, says_done, word_done);
    asyncio_future_set_result(&b, 1);
    asyncio_future_set_result(&a, 2);
    TURN;
    CHECK(!asyncio_future_done(self->outer));
    asyncio_future_set_result(&c, 3);
    TURN;
    TURN;
    CHECK_LOG("4 done");
    CHECK_EQ(asyncio_future_exception(self->outer), 0);
    CHECK_EQ(self->children[0].value * 100 + self->children[1].value * 10 + self->children[2].value, 213);
    asyncio_gather_close(&self->all);
    futures_release();
    ASYNC_END;
}
TEST(test_success) { PLAY(successes); }
TEST(test_result_exception_success) { PLAY(successes, .errors_too = true); }

/* Errors are results, in the order of the arguments; it waits for the last. */
ASYNC(results, asyncio_gather all; asyncio_child children[4]; asyncio_handle handle;)
{
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_gather_return_exceptions(&self->all, self->children, &a, &b, &c, &d);
    asyncio_future_add_done_callback(asyncio_gather_outer(&self->all), &self->handle, says_done, word_done);
    asyncio_future_set_result(&b, 1);
    asyncio_future_set_exception(&c, E1);
    asyncio_future_set_result(&a, 3);
    TURN;
    CHECK(!asyncio_future_done(asyncio_gather_outer(&self->all)));
    asyncio_future_set_exception(&d, E2);
    TURN;
    TURN;
    CHECK_LOG("4 done");
    CHECK_EQ(asyncio_future_exception(asyncio_gather_outer(&self->all)), 0);
    CHECK_EQ(self->children[0].err, 0);
    CHECK_EQ(self->children[0].value, 3);
    CHECK_EQ(self->children[1].err, 0);
    CHECK_EQ(self->children[1].value, 1);
    CHECK_EQ(self->children[2].err, E1);
    CHECK_EQ(self->children[3].err, E2);
    asyncio_gather_close(&self->all);
    futures_release();
    ASYNC_END;
}
TEST(test_return_exceptions) { PLAY(results); }

ASYNC(results_with_cancelled, asyncio_gather all; asyncio_child children[6]; int i;)
{
    static const int errors[] = {0, E1, ASYNCIO_ECANCELLED, 0, ASYNCIO_ECANCELLED, E2};
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_gather_return_exceptions(&self->all, self->children, &a, &b, &c, &d, &e, &f);
    asyncio_future_set_result(&a, 1);
    asyncio_future_set_exception(&b, E1);
    asyncio_future_cancel(&c, "m");
    TURN;
    CHECK(!asyncio_future_done(asyncio_gather_outer(&self->all)));
    asyncio_future_set_result(&d, 3);
    asyncio_future_cancel(&e, NULL);
    asyncio_future_set_exception(&f, E2);
    ASYNC_AWAIT(asyncio_gather_outer(&self->all));
    for (self->i = 0; self->i < 6; self->i++) {
        CHECK(self->children[self->i].done);
        CHECK_EQ(self->children[self->i].err, errors[self->i]);
    }
    CHECK_EQ(self->children[0].value, 1);
    CHECK_STR((const char *)self->children[2].value, "m");
    CHECK_EQ(self->children[3].value, 3);
    asyncio_gather_close(&self->all);
    futures_release();
    ASYNC_END;
}
TEST(test_result_exception_one_cancellation) { PLAY(results_with_cancelled); }

ASYNC(two_fail, asyncio_gather all; asyncio_child children[2]; int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, asyncio_gather(&self->all, self->children, NEW(.delay = 0, .raise = E1),
                                          NEW(.delay = 0, .raise = E2)));
    log_tick(named(self->err));
    CHECK_EQ(self->children[1].err, E2);
    ASYNC_CATCH(self->err, asyncio_gather(&self->all, self->children, NEW(.delay = 0, .raise = E1),
                                          NEW(.delay = 2, .raise = E2)));
    ASYNC_AWAIT(asyncio_sleep(3));
    ASYNC_END;
}
TEST(test_exception_marking)
{
    PLAY(two_fail);
    CHECK_LOG("5 E1");
}

ASYNC(gather_forever, double delay; asyncio_gather all; asyncio_child children[1]; int err, rounds;)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT(asyncio_gather_return_exceptions(&self->all, self->children, NEW(.delay = self->delay)));
        self->rounds++;
    }
    ASYNC_END;
}
static void cancel_task(void *arg) { asyncio_task_cancel((asyncio_task *)arg, NULL); }
ASYNC(cancel_gather_2, asyncio_task *task; asyncio_handle handle; const char *message; int err, i; asyncio_value why;)
{
    ASYNC_BEGIN;
    START(ASYNC_NEW(gather_forever), .into = &self->task);
    for (self->i = 0; self->i < 20; self->i++) {
        TURN;
    }
    asyncio_call_soon(&loop, &self->handle, cancel_task, self->task);
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    asyncio_task_release(self->task);
    for (self->i = 0; self->i < 2; self->i++) { /* the message comes through the child's cancellation */
        self->message = self->i == 0 ? NULL : "my message";
        START(ASYNC_NEW(gather_forever, .delay = 0.05), .into = &self->task);
        ASYNC_AWAIT(asyncio_sleep(0.22));
        CHECK(asyncio_task_cancel(self->task, self->message));
        ASYNC_CATCH_ALL_INTO(self->err, self->why, self->task);
        CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
        CHECK_STR((const char *)self->why, self->message);
        CHECK(asyncio_loop_time(&loop) < ASYNCIO_SECONDS(1));
        asyncio_task_release(self->task);
    }
    ASYNC_END;
}
TEST(test_cancel_gather_2) { PLAY(cancel_gather_2); }

static asyncio_loop other;
ASYNC(two_loops, asyncio_gather all; asyncio_child children[3]; asyncio_waiting waiting; asyncio_as_completed each;
      asyncio_future foreign; int err;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_future_init(&self->foreign, &other);
    ASYNC_CATCH(self->err, asyncio_gather(&self->all, self->children, &a, &self->foreign,
                                          NEW(.delay = 0, .end = "no")));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    CHECK_EQ(self->foreign.holds, 1);
    CHECK_EQ(a.holds, 1);
    CHECK(a.waiters == NULL);
    asyncio_child_set(&self->children[0], &self->foreign);
    ASYNC_CATCH(self->err, asyncio_wait(&self->waiting, self->children, 1, ASYNCIO_ALL_COMPLETED));
    CHECK_EQ(self->err, ASYNCIO_EWRONGLOOP);
    CHECK_EQ(asyncio_as_completed_init(&self->each, self->children, 1), ASYNCIO_EVALUE);
    ASYNC_CATCH(self->err, asyncio_as_completed_next(&self->each));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    CHECK_EQ(self->foreign.holds, 1);
    futures_release();
    ASYNC_END;
}
TEST(test_constructor_heterogenous_futures)
{
    CHECK_EQ(asyncio_loop_init(&other, &asyncio_virtual_port), 0);
    PLAY(two_loops);
    CHECK_EQ(asyncio_loop_close(&other), 0);
    CHECK_LOG("");
}

TEST(test_gather_outside_of_a_running_loop)
{
    static asyncio_gather all;
    static asyncio_child children[2];
    asyncio_future *outer;
    open_loop();
    futures_init();
    outer = asyncio_gather_future(&all, children, &a, &b);
    CHECK(asyncio_future_get_loop(outer) == &loop);
    asyncio_future_set_result(&a, 1);
    asyncio_future_set_result(&b, 2);
    step(1);
    CHECK(asyncio_future_done(outer));
    CHECK_EQ(children[0].value + children[1].value, 3);
    asyncio_gather_close(&all);
    outer = asyncio_gather_future(&all, children, NEW(.delay = 0), &b); /* no loop to make a task of */
    CHECK_EQ(asyncio_future_exception(outer), ASYNCIO_ENOLOOP);
    asyncio_gather_close(&all);
    futures_release();
    close_loop();
}

/* An error that nobody read is reported when the outer Future is given up. */
ASYNC(outer_unread, asyncio_gather all; asyncio_child children[1];)
{
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_gather_future(&self->all, self->children, &a);
    asyncio_future_set_exception(&a, E1);
    TURN;
    asyncio_gather_close(&self->all);
    CHECK_EQ(last_report.err, E1);
    futures_release();
    ASYNC_END;
}
TEST(test_gather_outer_never_read) { PLAY_REPORTS(1, outer_unread); }

ASYNC(no_memory, asyncio_gather all; asyncio_child children[4]; asyncio_shield shield; asyncio_waiting waiting;
      asyncio_as_completed each; asyncio_child *child; asyncio_try attempt; asyncio_cancel_and_wait stop;
      asyncio_task *nobody; int err;)
{
    ASYNC_BEGIN;
    futures_init();
    ASYNC_CATCH(self->err, asyncio_gather(&self->all, self->children, NEW(.delay = 1, .end = "runs on", .raise = E1),
                                          (asyncio_root *)NULL, NEW(.delay = 1, .end = "never"), &a));
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    CHECK_EQ(self->children[1].err, ASYNCIO_ENOMEM);
    CHECK_EQ(self->children[3].err, ASYNCIO_ENOMEM);
    CHECK_EQ(a.holds, 1);
    log_tick("failed");
    ASYNC_AWAIT(asyncio_sleep(2));
    asyncio_child_set(&self->children[0], NEW(.delay = 1, .end = "too"));
    CHECK_EQ(asyncio_child_set(&self->children[1], (asyncio_task *)NULL), ASYNCIO_ENOMEM);
    asyncio_child_set(&self->children[2], &a);
    ASYNC_CATCH(self->err, asyncio_wait(&self->waiting, self->children, 3, ASYNCIO_ALL_COMPLETED));
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    ASYNC_CATCH(self->err, asyncio_gather_n(&self->all, self->children, 3));
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    CHECK_EQ(a.holds, 1);
    asyncio_child_set(&self->children[0], NEW(.delay = 1));
    CHECK_EQ(asyncio_child_set(&self->children[1], (asyncio_future *)NULL), ASYNCIO_ENOMEM);
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_FOR(self->child, &self->each, asyncio_as_completed(self->children, 2))
            log_add("never");
    }
    CHECK_EQ(self->attempt.block.err, ASYNCIO_ENOMEM);
    ASYNC_CATCH(self->err, asyncio_shield(&self->shield, (asyncio_root *)NULL));
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    ASYNC_CATCH(self->err, asyncio_cancel_and_wait(&self->stop, self->nobody));
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    ASYNC_AWAIT(asyncio_sleep(2));
    futures_release();
    ASYNC_END;
}
TEST(test_children_that_cannot_be_made)
{
    PLAY_REPORTS(2, no_memory); /* create_task's own reports of the two NULL coroutines */
    CHECK_LOG("1 failed 4 runs on 10 too");
}

/* A child that awaits the gather itself. */
static asyncio_gather circle;
ASYNC(awaits_circle, int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_gather_outer(&circle));
    log_tick(named(self->err));
    log_add((const char *)self->why);
    ASYNC_RAISE(self->err, self->why);
    ASYNC_END;
}
ASYNC(makes_circle, asyncio_child children[2]; asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    START(ASYNC_NEW(awaits_circle), .into = &self->task);
    (void)asyncio_gather(&circle, self->children, NEW(.delay = 5), self->task);
    TURN;
    TURN;
    CHECK(asyncio_task_cancel(self->task, "round"));
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK(asyncio_future_cancelled(asyncio_gather_outer(&circle)));
    asyncio_gather_close(&circle);
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_gather_in_a_circle)
{
    PLAY(makes_circle);
    CHECK_LOG("4 CancelledError round");
}

#define MANY 1000
static asyncio_child many[MANY];
ASYNC(gathers_many, asyncio_gather all; int i; asyncio_value sum;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < MANY; self->i++)
        asyncio_child_set(&many[self->i], NEW(.delay = 0, .value = self->i));
    ASYNC_AWAIT(asyncio_gather_n(&self->all, many, MANY));
    for (self->i = 0; self->i < MANY; self->i++)
        self->sum += many[self->i].value;
    CHECK_EQ(self->sum, MANY * (MANY - 1) / 2);
    log_tick("all");
    for (self->i = 0; self->i < MANY; self->i++)
        asyncio_child_set(&many[self->i], NEW(.delay = 0, .raise = self->i == 500 ? E1 : 0));
    ASYNC_CATCH(self->i, asyncio_gather_n_return_exceptions(&self->all, many, MANY));
    CHECK_EQ(self->i, 0);
    CHECK_EQ(many[500].err, E1);
    ASYNC_END;
}
TEST(test_gather_of_a_thousand)
{
    PLAY(gathers_many);
    CHECK_LOG("5 all");
}

/* ---- wait ---- */

/* Waits for three that end after 3, 1 (with an error) and 2 seconds; cancels the rest. */
ASYNC(wait_mode, const char *name; int mode; double timeout; asyncio_waiting waiting; asyncio_gather all;
      asyncio_child children[3]; asyncio_task *tasks[3]; int i, done;)
{
    ASYNC_BEGIN;
    START(NEW(.delay = 3), .into = &self->tasks[0]);
    START(NEW(.delay = 1, .raise = E1), .into = &self->tasks[1]);
    START(NEW(.delay = 2), .into = &self->tasks[2]);
    for (self->i = 0; self->i < 3; self->i++)
        asyncio_child_set(&self->children[self->i], self->tasks[self->i]);
    if (self->timeout > 0)
        ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 3, self->mode, self->timeout));
    else
        ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 3, self->mode));
    log_tick(self->name);
    log_number(self->done);
    for (self->i = 0; self->i < 3; self->i++) {
        CHECK_EQ(self->children[self->i].done, asyncio_task_done(self->tasks[self->i]));
        CHECK_EQ(self->children[self->i].err, self->children[self->i].done && self->i == 1 ? E1 : 0);
        asyncio_child_release(&self->children[self->i]);
        asyncio_task_cancel(self->tasks[self->i], NULL);
    }
    ASYNC_AWAIT(asyncio_gather_return_exceptions(&self->all, self->children, self->tasks[0], self->tasks[1],
                                                 self->tasks[2]));
    for (self->i = 0; self->i < 3; self->i++)
        asyncio_task_release(self->tasks[self->i]);
    ASYNC_END;
}
ASYNC(wait_modes, struct wait_mode call; asyncio_waiting waiting; asyncio_gather all; asyncio_child children[2];
      asyncio_task *a, *b; int done;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&self->call, wait_mode, .name = "first", .mode = ASYNCIO_FIRST_COMPLETED));
    ASYNC_AWAIT(ASYNC_IN(&self->call, wait_mode, .name = "exception", .mode = ASYNCIO_FIRST_EXCEPTION));
    ASYNC_AWAIT(ASYNC_IN(&self->call, wait_mode, .name = "all", .mode = ASYNCIO_ALL_COMPLETED));
    ASYNC_AWAIT(ASYNC_IN(&self->call, wait_mode, .name = "timeout", .mode = ASYNCIO_ALL_COMPLETED, .timeout = 2));
    START(NEW(.delay = 1), .into = &self->a);
    START(NEW(.delay = 5), .into = &self->b);
    asyncio_task_cancel(self->a, NULL);
    asyncio_child_set(&self->children[0], self->a);
    asyncio_child_set(&self->children[1], self->b);
    ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_FIRST_EXCEPTION));
    log_tick("cancelled is no exception:");
    log_number(self->done);
    CHECK_EQ(asyncio_child_result(&self->children[0], NULL), ASYNCIO_ECANCELLED);
    asyncio_child_release(&self->children[1]);
    asyncio_task_release(self->a);
    asyncio_task_release(self->b);
    START(NEW(.delay = 1), .into = &self->a);
    START(NEW(.delay = 2), .into = &self->b);
    asyncio_child_set(&self->children[0], self->a);
    asyncio_child_set(&self->children[1], self->b);
    ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_ALL_COMPLETED, 0));
    log_tick("timeout 0:");
    log_number(self->done);
    ASYNC_AWAIT(asyncio_gather_n(&self->all, self->children, 2));
    asyncio_task_release(self->a);
    asyncio_task_release(self->b);
    ASYNC_END;
}
TEST(test_wait_modes)
{
    PLAY(wait_modes);
    CHECK_LOG("6 first 1 14 exception 1 28 all 3 34 timeout 1 43 cancelled is no exception: 2 45 timeout 0: 0");
}

/* CPython's a and b: a sleeps for so long, b for so long and may fail; `limit` 0: none. Twice: the second time what is
 * done is done. */
ASYNC(wait_two, int mode; double a, b; int raise; double limit; asyncio_waiting waiting; asyncio_gather all;
      asyncio_child children[2]; asyncio_task *tasks[2]; int i, done, twice;)
{
    ASYNC_BEGIN;
    START(NEW(.delay = self->a), .into = &self->tasks[0]);
    START(NEW(.delay = self->b, .raise = self->raise), .into = &self->tasks[1]);
    do {
        asyncio_child_set(&self->children[0], self->tasks[1]);
        asyncio_child_set(&self->children[1], self->tasks[0]);
        if (self->limit > 0)
            ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, self->mode, self->limit));
        else
            ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, self->mode));
        log_number(self->done);
        log_add(self->children[1].done ? "a" : "-");
        log_add(self->children[0].done ? self->children[0].err != 0 ? named(self->children[0].err) : "b" : "-");
        log_number(asyncio_loop_time(&loop) / ASYNCIO_SECONDS(0.01));
        asyncio_child_release(&self->children[0]);
        asyncio_child_release(&self->children[1]);
    } while (self->twice-- > 0);
    ASYNC_AWAIT(asyncio_gather_return_exceptions(&self->all, self->children, self->tasks[0], self->tasks[1]));
    asyncio_task_release(self->tasks[0]);
    asyncio_task_release(self->tasks[1]);
    ASYNC_END;
}
TEST(test_wait_first_completed)
{
    PLAY(wait_two, .mode = ASYNCIO_FIRST_COMPLETED, .a = 10, .b = 0.1);
    CHECK_LOG("1 - b 10");
}
TEST(test_wait_first_exception)
{
    PLAY(wait_two, .mode = ASYNCIO_FIRST_EXCEPTION, .a = 10, .b = -1, .raise = E1);
    CHECK_LOG("1 - E1 0");
    PLAY(wait_two, .mode = ASYNCIO_FIRST_EXCEPTION, .a = 10, .b = -1); /* none: all */
    CHECK_LOG("2 a b 1000");
}
TEST(test_wait_first_exception_in_wait)
{
    PLAY(wait_two, .mode = ASYNCIO_FIRST_EXCEPTION, .a = 10, .b = 0.01, .raise = E1);
    CHECK_LOG("1 - E1 1");
}
TEST(test_wait_with_exception)
{
    PLAY(wait_two, .mode = ASYNCIO_ALL_COMPLETED, .a = 0.1, .b = 0.15, .raise = E1, .twice = 1);
    CHECK_LOG("2 a E1 15 2 a E1 15");
}
TEST(test_wait_with_timeout)
{
    PLAY(wait_two, .mode = ASYNCIO_ALL_COMPLETED, .a = 0.1, .b = 0.15, .limit = 0.11);
    CHECK_LOG("1 a - 11");
}

/* b ends after a, but before who waits for the first of them goes on: both are done then. */
ASYNC(yields, int times;)
{
    ASYNC_BEGIN;
    while (self->times-- > 0)
        TURN;
    ASYNC_END;
}
ASYNC(wait_really_done, asyncio_waiting waiting; asyncio_child children[2]; asyncio_task *a, *b; int done;)
{
    ASYNC_BEGIN;
    START(ASYNC_NEW(yields, .times = 1), .into = &self->a);
    START(ASYNC_NEW(yields, .times = 2), .into = &self->b);
    TURN; /* CPython's test waits in a task of its own: they have begun */
    asyncio_child_set(&self->children[0], self->b);
    asyncio_child_set(&self->children[1], self->a);
    ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_FIRST_COMPLETED));
    CHECK_EQ(self->done, 2);
    CHECK(asyncio_task_done(self->a) && asyncio_task_done(self->b));
    CHECK_EQ(asyncio_child_result(&self->children[0], NULL), 0);
    CHECK_EQ(asyncio_child_result(&self->children[1], NULL), 0);
    asyncio_task_release(self->a);
    asyncio_task_release(self->b);
    ASYNC_END;
}
TEST(test_wait_really_done) { PLAY(wait_really_done); }

ASYNC(wait_again, asyncio_waiting waiting; asyncio_gather all; asyncio_child children[2]; asyncio_shield shield;
      int done; asyncio_value value;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], NEW(.delay = 1, .value = 1));
    asyncio_child_set(&self->children[1], NEW(.delay = 2, .value = 2));
    ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_ALL_COMPLETED));
    CHECK_EQ(self->done, 2);
    log_tick("once");
    ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_ALL_COMPLETED));
    CHECK_EQ(self->done, 2);
    log_tick("again");
    CHECK_EQ(asyncio_child_result(&self->children[0], &self->value), 0);
    CHECK_EQ(self->value, 1);
    CHECK_EQ(asyncio_child_result(&self->children[0], NULL), 0); /* still known */
    ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_FIRST_COMPLETED));
    CHECK_EQ(asyncio_child_result(&self->children[1], &self->value), 0);
    CHECK_EQ(self->value, 2);
    futures_init();
    asyncio_future_set_result(&a, 1);
    asyncio_call_soon(&loop, NULL, says, WORD("cb"));
    asyncio_child_set(&self->children[0], &a);
    ASYNC_AWAIT(asyncio_wait(&self->waiting, self->children, 1, ASYNCIO_ALL_COMPLETED));
    log_tick("after wait");
    asyncio_child_release(&self->children[0]);
    asyncio_call_soon(&loop, NULL, says, WORD("cb"));
    ASYNC_AWAIT(asyncio_gather(&self->all, self->children, &a));
    log_tick("after gather");
    ASYNC_AWAIT_INTO(self->done, asyncio_shield(&self->shield, &a));
    CHECK_EQ(self->done, 1);
    log_tick("after shield");
    TURN;
    futures_release();
    ASYNC_END;
}
TEST(test_wait)
{
    PLAY(wait_again);
    CHECK_LOG("9 once 11 again 14 cb 15 after wait 15 after gather 15 after shield 16 cb");
}

ASYNC(wait_same, asyncio_waiting waiting; asyncio_child children[3]; asyncio_task *task; int done, i;)
{
    ASYNC_BEGIN;
    START(NEW(.delay = 1, .value = 4), .into = &self->task);
    for (self->i = 0; self->i < 3; self->i++)
        asyncio_child_set(&self->children[self->i], self->task);
    ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 3, ASYNCIO_ALL_COMPLETED));
    CHECK_EQ(self->done, 3);
    log_tick("done");
    for (self->i = 0; self->i < 3; self->i++) {
        CHECK_EQ(self->children[self->i].value, 4);
        asyncio_child_release(&self->children[self->i]);
    }
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_wait_duplicate_coroutines)
{
    PLAY(wait_same);
    CHECK_LOG("6 done");
}

ASYNC(wait_errors, asyncio_waiting waiting; asyncio_gather all; asyncio_child children[1]; int err;)
{
    ASYNC_BEGIN;
    futures_init();
    ASYNC_CATCH(self->err, asyncio_wait(&self->waiting, self->children, 0, ASYNCIO_ALL_COMPLETED));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    ASYNC_CATCH(self->err, asyncio_wait(&self->waiting, self->children, 1, ASYNCIO_ALL_COMPLETED, 1));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    asyncio_child_set(&self->children[0], &a);
    ASYNC_CATCH(self->err, asyncio_wait(&self->waiting, self->children, 1, -1));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    ASYNC_CATCH(self->err, asyncio_wait(&self->waiting, self->children, 1, 3));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_child_result(&self->children[0], NULL), ASYNCIO_EINVALIDSTATE);
    asyncio_child_release(&self->children[0]);
    CHECK_EQ(asyncio_child_result(&self->children[0], NULL), ASYNCIO_EINVALIDSTATE);
    ASYNC_CATCH(self->err, asyncio_wait(&self->waiting, self->children, 1, ASYNCIO_ALL_COMPLETED));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    ASYNC_CATCH(self->err, asyncio_gather_n(&self->all, self->children, 1));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    CHECK_EQ(loop.timers.count, 0);
    CHECK_EQ(a.holds, 1);
    futures_release();
    ASYNC_END;
}
TEST(test_wait_errors) { PLAY(wait_errors); }

ASYNC(waits, asyncio_waiting waiting; asyncio_child *child; double limit;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_wait(&self->waiting, self->child, 1, ASYNCIO_ALL_COMPLETED, self->limit));
    ASYNC_END;
}
ASYNC(cancels_wait, asyncio_child child; asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->child, NEW(.delay = 3, .end = "child finished", .stopped = "child cancelled"));
    START(ASYNC_NEW(waits, .child = &self->child, .limit = 9), .into = &self->task);
    TURN;
    CHECK_EQ(loop.timers.count, 2);
    asyncio_task_cancel(self->task, NULL);
    TURN;
    CHECK_EQ(loop.timers.count, 1);
    ASYNC_AWAIT(asyncio_sleep(5));
    log_tick(asyncio_task_cancelled(self->task) ? "True" : "False");
    CHECK_EQ(asyncio_child_result(&self->child, NULL), 0);
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_yield_wait_does_not_shield_cancel)
{
    PLAY(cancels_wait);
    CHECK_LOG("5 child finished 7 True");
}

/* ---- as_completed ---- */

ASYNC(in_order, asyncio_as_completed each; asyncio_child children[3], *child; double limit;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], NEW(.delay = 3, .value = 3));
    asyncio_child_set(&self->children[1], NEW(.delay = 1, .value = 1));
    asyncio_child_set(&self->children[2], NEW(.delay = 2, .raise = E1));
    ASYNC_FOR(self->child, &self->each, asyncio_as_completed(self->children, 3, self->limit)) {
        log_tick(named(self->child->err));
        log_number(self->child->err == 0 ? (long long)self->child->value : 0);
        CHECK(self->child->done);
        CHECK(asyncio_future_done(self->child->future));
        CHECK_EQ(asyncio_child_result(self->child, NULL), self->child->err);
        CHECK(self->child->future == NULL);
        CHECK_EQ(self->child - self->children, self->child->err == E1 ? 2 : self->child->value == 3 ? 0 : 1);
    }
    log_tick("end");
    CHECK_EQ(loop.timers.count, 0);
    asyncio_as_completed_close(&self->each); /* harmless */
    ASYNC_END;
}
TEST(test_as_completed)
{
    PLAY(in_order, .limit = INFINITY);
    CHECK_LOG("6 no error 1 10 E1 0 14 no error 3 14 end");
}
TEST(test_as_completed_with_unused_timeout)
{
    PLAY(in_order, .limit = 9);
    CHECK_LOG("6 no error 1 10 E1 0 14 no error 3 14 end");
}

/* Who only looks has not read. */
ASYNC(each_unread, asyncio_as_completed each; asyncio_child children[2], *child;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], NEW(.delay = 0, .raise = E1));
    asyncio_child_set(&self->children[1], NEW(.delay = 1, .raise = E2));
    ASYNC_WITH(&self->each, asyncio_as_completed(self->children, 2))
    {
        ASYNC_AWAIT_INTO(self->child, asyncio_as_completed_next(&self->each));
        CHECK_EQ(self->child->err, E1);
        ASYNC_AWAIT_INTO(self->child, asyncio_as_completed_next(&self->each));
        CHECK_EQ(asyncio_child_result(self->child, NULL), E2);
        CHECK_EQ(reports, 0);
        ASYNC_AWAIT_INTO(self->child, asyncio_as_completed_next(&self->each));
        CHECK(self->child == NULL);
        CHECK_EQ(reports, 1);
    }
    CHECK_EQ(last_report.err, E1);
    ASYNC_END;
}
TEST(test_as_completed_reads_nothing) { PLAY_REPORTS(1, each_unread); }

ASYNC(resumes, asyncio_as_completed each; asyncio_child children[3], *child; int err;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], NEW(.delay = 1, .value = 1));
    asyncio_child_set(&self->children[1], NEW(.delay = 2, .value = 2));
    asyncio_child_set(&self->children[2], NEW(.delay = 5, .value = 5, .end = "runs on"));
    ASYNC_WITH(&self->each, asyncio_as_completed(self->children, 3))
    {
        ASYNC_AWAIT_INTO(self->child, asyncio_as_completed_next(&self->each));
        CHECK_EQ(self->child->value, 1);
        ASYNC_AWAIT(asyncio_sleep(2));
        ASYNC_AWAIT_INTO(self->child, asyncio_as_completed_next(&self->each));
        CHECK_EQ(self->child->value, 2);
    }
    CHECK(self->children[2].future == NULL);
    asyncio__clear(&self->each, sizeof self->each);
    asyncio__clear(self->children, sizeof self->children);
    ASYNC_AWAIT(asyncio_sleep(5));
    ASYNC_END;
}
ASYNC(broken_off, asyncio_as_completed each; asyncio_child children[4], *child; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 4; self->i++)
        asyncio_child_set(&self->children[self->i], NEW(.delay = -1, .value = self->i));
    asyncio_as_completed_init(&self->each, self->children, 4);
    for (self->i = 0; self->i < 4; self->i++) {
        ASYNC_AWAIT_INTO(self->child, asyncio_as_completed_next(&self->each));
        log_number(self->child->value);
        if (self->i == 1)
            break;
    }
    log_add("later");
    for (;;) {
        ASYNC_AWAIT_INTO(self->child, asyncio_as_completed_next(&self->each));
        if (self->child == NULL)
            break;
        log_number(self->child->value);
    }
    ASYNC_END;
}
TEST(test_as_completed_resume_iterator)
{
    PLAY(broken_off);
    CHECK_LOG("0 1 later 2 3");
    PLAY(resumes);
    CHECK_LOG("13 runs on");
}

/* However its loop is left: its frame goes, and the children end later. */
enum { LEAVE_BREAK, LEAVE_RETURN, LEAVE_ERROR, LEAVE_TIMEOUT, LEAVE_CANCEL_IN_NEXT, LEAVE_CANCEL_IN_BODY };
ASYNC(leaver, int how; asyncio_as_completed each; asyncio_child children[3], *child; asyncio_future *third;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], NEW(.delay = 1, .value = 1));
    asyncio_child_set(&self->children[1], NEW(.delay = 4, .value = 4, .end = "runs on"));
    asyncio_child_set(&self->children[2], self->third);
    ASYNC_FOR(self->child, &self->each,
              asyncio_as_completed(self->children, 3, self->how == LEAVE_TIMEOUT ? 2.0 : 9.0)) {
        log_number(self->child->value);
        if (self->how == LEAVE_BREAK)
            break;
        if (self->how == LEAVE_RETURN)
            ASYNC_RETURN(7);
        if (self->how == LEAVE_ERROR)
            ASYNC_RAISE(E1);
        if (self->how == LEAVE_CANCEL_IN_BODY)
            ASYNC_AWAIT(asyncio_sleep(9));
    }
    ASYNC_FINALLY;
    CHECK_EQ(asyncio_future_done(self->third), false);
    CHECK(self->third->waiters == NULL);
    CHECK(self->children[1].future == NULL);
    CHECK(self->children[2].future == NULL);
    ASYNC_END;
}
ASYNC(leaves, int how; asyncio_task *task; asyncio_future *third; int err;)
{
    ASYNC_BEGIN;
    self->third = asyncio_future_new(NULL);
    START(ASYNC_NEW(leaver, .how = self->how, .third = self->third), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(3));
    if (self->how >= LEAVE_CANCEL_IN_NEXT)
        asyncio_task_cancel(self->task, NULL);
    ASYNC_CATCH_ALL(self->err, self->task);
    log_add(named(self->err));
    asyncio_task_release(self->task); /* frees its frame */
    asyncio_future_set_result(self->third, 0);
    asyncio_future_release(self->third);
    CHECK_EQ(loop.timers.count, 1);
    ASYNC_AWAIT(asyncio_sleep(5));
    ASYNC_END;
}
TEST(test_as_completed_left_early)
{
    static const char *const want[] = {"1 no error 11 runs on", "1 no error 11 runs on", "1 E1 11 runs on",
                                       "1 TimeoutError 13 runs on", "1 CancelledError 13 runs on",
                                       "1 CancelledError 13 runs on"};
    int how;
    for (how = LEAVE_BREAK; how <= LEAVE_CANCEL_IN_BODY; how++) {
        PLAY(leaves, .how = how);
        CHECK_LOG(want[how]);
    }
}

/* break and continue are the loop's; an inner loop over the same kind is its own; in a FINALLY, too. */
ASYNC(nested, asyncio_as_completed each, inner; asyncio_child children[3], others[2], *child, *other; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        asyncio_child_set(&self->children[self->i], NEW(.delay = self->i, .value = self->i));
    ASYNC_FOR(self->child, &self->each, asyncio_as_completed(self->children, 3)) {
        log_number(self->child->value);
        if (self->child->value == 0)
            continue;
        for (self->i = 0; self->i < 2; self->i++)
            asyncio_child_set(&self->others[self->i], NEW(.delay = self->i, .value = 10 + self->i));
        ASYNC_FOR(self->other, &self->inner, asyncio_as_completed(self->others, 2)) {
            log_number(self->other->value);
            ASYNC_AWAIT(asyncio_sleep(0));
            if (self->child->value == 2)
                break;
        }
        log_add("after");
    }
    ASYNC_RETURN(7);
    ASYNC_FINALLY;
    asyncio_child_set(&self->children[0], NEW(.delay = 1, .value = 20));
    ASYNC_FOR(self->child, &self->each, asyncio_as_completed(self->children, 1))
        log_number(self->child->value);
    ASYNC_END;
}
ASYNC(nests, int value;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->value, ASYNC_NEW(nested));
    CHECK_EQ(self->value, 7);
    ASYNC_END;
}
TEST(test_as_completed_nested)
{
    PLAY(nests);
    CHECK_LOG("0 1 10 11 after 2 10 after 20");
}

/* An iterator of a program's own: it waits for each item, and its exit waits, too. */
struct range {
    asyncio_block block;
    asyncio_status (*next)(asyncio_block *block, asyncio_coro *self, asyncio_task *task);
    int items[4], at, count, raise;
};
static asyncio_status range_next(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    struct range *range = (struct range *)(void *)block;
    asyncio_value item = range->at < range->count ? (asyncio_value)&range->items[range->at++] : 0;
    (void)self;
    if (item == 0)
        return asyncio__status(range->raise, 0);
    return asyncio__sleep_for(task, range->at % 2 == 0 ? 0 : ASYNCIO_SECONDS(1), item);
}
static asyncio_status range_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    (void)block, (void)self;
    log_add(named(err));
    return asyncio_sleep_for(task, 0);
}
static asyncio_status range_resume(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err, int outcome)
{
    (void)block, (void)self, (void)task;
    log_add("left");
    return asyncio__status(outcome != 0 ? outcome : err, 0);
}
static const asyncio_block_type range_type = {NULL, range_exit, range_resume};
static void range_init(struct range *range, int count, int raise)
{
    int i;
    asyncio__clear(range, sizeof *range);
    range->block.type = &range_type;
    range->next = range_next;
    range->count = count;
    range->raise = raise;
    for (i = 0; i < count; i++)
        range->items[i] = i;
}
#define range_of(count, raise) range_init(ASYNCIO__BLOCK, count, raise)
ASYNC(ranges, struct range range; int *item, err;)
{
    ASYNC_BEGIN;
    ASYNC_FOR(self->item, &self->range, range_of(4, 0)) {
        if (*self->item == 1)
            continue;
        log_number(*self->item);
        ASYNC_AWAIT(asyncio_sleep(0));
    }
    range_init(&self->range, 4, 0);
    ASYNC_FOR(self->item, &self->range)
        if (*self->item == 2)
            break;
    CHECK_EQ(*self->item, 2);
    ASYNC_FOR(self->item, &self->range, range_of(2, E2))
        log_number(*self->item);
    log_add("never");
    ASYNC_END;
}
TEST(test_async_for_an_iterator_of_ones_own)
{
    CHECK_EQ(run(ASYNC_NEW(ranges), NULL), E2);
    CHECK_LOG("0 2 3 no error left no error left 0 1 E2 left");
}

static asyncio_as_completed shared;
ASYNC(asks, int name; asyncio_child *child;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->child, asyncio_as_completed_next(&shared));
    log_number(self->name);
    log_number((long long)self->child->value);
    ASYNC_END;
}
ASYNC(reverse, asyncio_child children[2];)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], NEW(.delay = 2, .value = 20));
    asyncio_child_set(&self->children[1], NEW(.delay = 1, .value = 10));
    asyncio_as_completed_init(&shared, self->children, 2);
    START(ASYNC_NEW(asks, .name = 2));
    START(ASYNC_NEW(asks, .name = 1));
    ASYNC_AWAIT(asyncio_sleep(3));
    asyncio_as_completed_close(&shared);
    ASYNC_END;
}
TEST(test_as_completed_reverse_wait)
{
    PLAY(reverse);
    CHECK_LOG("2 10 1 20");
}

/* ---- shield ---- */

ASYNC(shield_result, asyncio_shield shield; asyncio_value got;)
{
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_shield(&self->shield, &a);
    asyncio_future_set_result(&a, 41);
    ASYNC_AWAIT_INTO(self->got, asyncio_shield_outer(&self->shield));
    CHECK_EQ(self->got, 41);
    asyncio_shield_close(&self->shield);
    log_tick("41");
    ASYNC_AWAIT_INTO(self->got, asyncio_shield(&self->shield, NEW(.delay = 0, .value = 42)));
    CHECK_EQ(self->got, 42);
    log_tick("42");
    futures_release();
    ASYNC_END;
}
TEST(test_shield_result)
{
    PLAY(shield_result);
    CHECK_LOG("3 41 7 42");
}

ASYNC(shield_exception, asyncio_shield shield; int err;)
{
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_shield(&self->shield, &a);
    TURN;
    asyncio_future_set_exception(&a, E2);
    TURN;
    CHECK_EQ(asyncio_future_exception(asyncio_shield_outer(&self->shield)), E2);
    asyncio_shield_close(&self->shield);
    ASYNC_CATCH(self->err, asyncio_shield(&self->shield, NEW(.delay = 0, .raise = E1)));
    CHECK_EQ(self->err, E1);
    futures_release();
    ASYNC_END;
}
TEST(test_shield_exception) { PLAY(shield_exception); }

ASYNC(shield_cancel_inner, asyncio_shield shield; int err; asyncio_value got;)
{
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_shield(&self->shield, &a);
    TURN;
    asyncio_future_cancel(&a, "w");
    ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_shield_outer(&self->shield));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_EQ(self->got, 0);
    CHECK(asyncio_future_cancelled(asyncio_shield_outer(&self->shield)));
    asyncio_shield_close(&self->shield);
    CHECK_EQ(a.holds, 1);
    futures_release();
    ASYNC_END;
}
TEST(test_shield_cancel_inner) { PLAY(shield_cancel_inner); }

ASYNC(shield_shortcut, asyncio_shield shield; int err; asyncio_value got;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_future_set_result(&a, 42);
    (void)asyncio_shield(&self->shield, &a);
    CHECK(asyncio_shield_outer(&self->shield) == &a);
    asyncio_shield_close(&self->shield);
    ASYNC_AWAIT_INTO(self->got, asyncio_shield(&self->shield, &a));
    CHECK_EQ(self->got, 42);
    asyncio_future_set_exception(&b, E2);
    ASYNC_CATCH(self->err, asyncio_shield(&self->shield, &b));
    CHECK_EQ(self->err, E2);
    log_number(loop.ticks);
    futures_release();
    ASYNC_END;
}
TEST(test_shield_shortcut)
{
    PLAY(shield_shortcut);
    CHECK_LOG("1"); /* it never suspended */
}

/* Given up while both are pending. */
ASYNC(shield_closed, asyncio_shield shield;)
{
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_shield(&self->shield, &c);
    asyncio_shield_close(&self->shield);
    CHECK(c.waiters == NULL);
    CHECK_EQ(c.holds, 1);
    futures_release();
    ASYNC_END;
}
TEST(test_shield_closed) { PLAY(shield_closed); }

/* Cancelled itself: the inner one goes on, and neither calls the other any more. */
ASYNC(shield_cancel_outer, asyncio_shield shield;)
{
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_shield(&self->shield, &a);
    TURN;
    CHECK(asyncio_future_cancel(asyncio_shield_outer(&self->shield), NULL));
    TURN;
    CHECK(asyncio_future_cancelled(asyncio_shield_outer(&self->shield)));
    CHECK(asyncio_shield_outer(&self->shield)->waiters == NULL);
    CHECK(!asyncio_future_done(&a));
    asyncio_shield_close(&self->shield);
    asyncio_future_set_result(&a, 1);
    TURN;
    futures_release();
    ASYNC_END;
}
TEST(test_shield_cancel_outer) { PLAY(shield_cancel_outer); }

ASYNC(shields, asyncio_shield shield;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_shield(&self->shield, NEW(.delay = 1, .end = "inner done", .stopped = "inner cancelled")));
    ASYNC_END;
}
ASYNC(shield_effect, asyncio_task *task; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    START(ASYNC_NEW(shields), .into = &self->task);
    TURN;
    asyncio_task_cancel(self->task, "z");
    ASYNC_CATCH_ALL_INTO(self->err, self->why, self->task);
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_STR((const char *)self->why, "z");
    asyncio_task_release(self->task);
    ASYNC_AWAIT(asyncio_sleep(2));
    ASYNC_END;
}
TEST(test_shield_effect)
{
    PLAY(shield_effect);
    CHECK_LOG("6 inner done");
}

/* The inner one is never done: nothing is reported, the one block goes with the Future's loop or outcome. */
ASYNC(never_retrieved, asyncio_shield shield; asyncio_task *task;)
{
    ASYNC_BEGIN;
    START(NEW(.delay = 1, .raise = E1), .into = &self->task);
    (void)asyncio_shield(&self->shield, self->task);
    TURN;
    asyncio_future_cancel(asyncio_shield_outer(&self->shield), NULL);
    TURN;
    asyncio_shield_close(&self->shield);
    ASYNC_AWAIT(asyncio_sleep(2));
    CHECK_EQ(reports, 1);
    CHECK_STR(last_report.message, "exception in shielded future");
    CHECK(last_report.task == self->task);
    CHECK_EQ(last_report.err, E1);
    asyncio_task_release(self->task); /* it counts as read */
    ASYNC_END;
}
TEST(test_shield_cancel_outer_exception_never_retrieved) { PLAY_REPORTS(1, never_retrieved); }

/* ---- What C adds ---- */

ASYNC(stuck_gather, asyncio_gather all; asyncio_child children[3];)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_gather(&self->all, self->children, NEW(.delay = 9), &a, NEW(.delay = 1)));
    ASYNC_END;
}

#if ASYNCIO_ALL_TASKS /* else a loop that closes knows of none */
/* The loop is closed over all of them: nothing is left, nothing touched that was freed. */
ASYNC(stuck_wait, asyncio_waiting waiting; asyncio_child *child;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_wait(&self->waiting, self->child, 1, ASYNCIO_ALL_COMPLETED, 5));
    ASYNC_END;
}
ASYNC(stuck_each, asyncio_as_completed each; asyncio_child children[2], *child;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], NEW(.delay = 9));
    asyncio_child_set(&self->children[1], &b);
    ASYNC_FOR(self->child, &self->each, asyncio_as_completed(self->children, 2, 7))
        continue;
    ASYNC_END;
}
ASYNC(stuck_shield, asyncio_shield shield; asyncio_task *task;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_shield(&self->shield, self->task));
    ASYNC_END;
}
ASYNC(stuck_stop, asyncio_cancel_and_wait stop; asyncio_task *task;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_cancel_and_wait(&self->stop, self->task));
    ASYNC_END;
}
ASYNC(ignores_cancel, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(9));
    ASYNC_AWAIT(asyncio_sleep(9));
    ASYNC_END;
}
/* `older`: the child is older than who waits for it, and goes first. */
static void close_over(int steps, bool settle, bool older)
{
    static asyncio_child child;
    asyncio_task *task = NULL, *stubborn = NULL;
    asyncio_task_options into = no_options, into_stubborn = no_options;
    int before = blocks;
    into.into = &task;
    into_stubborn.into = &stubborn;
    open_loop();
    futures_init();
    if (older)
        asyncio_loop_create_task(&loop, NEW(.delay = 9), &into);
    asyncio_loop_create_task(&loop, ASYNC_NEW(stuck_gather), &no_options);
    asyncio_loop_create_task(&loop, ASYNC_NEW(stuck_each), &no_options);
    if (!older)
        asyncio_loop_create_task(&loop, NEW(.delay = 9), &into);
    asyncio_loop_create_task(&loop, ASYNC_NEW(ignores_cancel), &into_stubborn);
    asyncio_child_set(&child, task);
    asyncio_loop_create_task(&loop, ASYNC_NEW(stuck_wait, .child = &child), &no_options);
    asyncio_loop_create_task(&loop, ASYNC_NEW(stuck_shield, .task = task), &no_options);
    asyncio_loop_create_task(&loop, ASYNC_NEW(stuck_stop, .task = stubborn), &no_options);
    step(steps);
    if (settle) {
        asyncio_task_cancel(task, NULL);
        asyncio_future_set_result(&a, 0);
        asyncio_future_set_result(&b, 0);
        step(settle ? steps % 3 : 0);
    }
    close_loop();
    CHECK(a.waiters == NULL);
    CHECK(b.waiters == NULL);
    CHECK(a.holds <= 1);
    CHECK(b.holds <= 1);
    futures_release();
    CHECK_EQ(blocks, before);
}
TEST(test_close_over_waiters)
{
    int i;
    for (i = 0; i < 9; i++) {
        close_over(i, false, false);
        close_over(i, false, true);
        close_over(i, true, false);
        close_over(i, true, true);
    }
}
#endif

/* Everything at once, cancelled in every iteration; with a lid on, it must come to an end, and nothing be left. */
ASYNC(everything, asyncio_gather all; asyncio_waiting waiting; asyncio_as_completed each; asyncio_shield shield;
      asyncio_cancel_and_wait stop; asyncio_child children[3], others[2]; asyncio_child *child; asyncio_task *task;
      asyncio_try attempt; int i;)
{
    ASYNC_BEGIN;
    START(NEW(.delay = 3), .into = &self->task);
    ASYNC_AWAIT(asyncio_gather_return_exceptions(&self->all, self->children, NEW(.delay = 1),
                                                 NEW(.delay = 2, .raise = E1), NEW(.delay = 0)));
    ASYNC_AWAIT(asyncio_shield(&self->shield, NEW(.delay = 1)));
    asyncio_child_set(&self->others[0], NEW(.delay = 1));
    asyncio_child_set(&self->others[1], NEW(.delay = 2, .raise = E1));
    ASYNC_AWAIT(asyncio_wait(&self->waiting, self->others, 2, ASYNCIO_FIRST_COMPLETED, 1.5));
    for (self->i = 0; self->i < 3; self->i++)
        asyncio_child_set(&self->children[self->i], NEW(.delay = self->i));
    ASYNC_FOR(self->child, &self->each, asyncio_as_completed(self->children, 3, 1.5)) {
        if (self->child == &self->children[1])
            break;
    }
    ASYNC_AWAIT(asyncio_cancel_and_wait(&self->stop, self->task));
    log_add("through");
    ASYNC_FINALLY;
    asyncio_task_release(self->task);
    asyncio_child_result(&self->others[0], NULL);
    asyncio_child_result(&self->others[1], NULL);
    asyncio_child_release(&self->others[0]);
    asyncio_child_release(&self->others[1]);
    ASYNC_END;
}
ASYNC(sweeper, int at, twice; asyncio_task *task; int i, err;)
{
    ASYNC_BEGIN;
    START(ASYNC_NEW(everything), .into = &self->task);
    for (self->i = 0; self->i < self->at; self->i++) {
        ASYNC_AWAIT(asyncio_sleep(self->i % 3 == 2 ? 0.5 : 0));
    }
    asyncio_task_cancel(self->task, "sweep");
    for (self->i = 0; self->i < self->twice; self->i++) {
        TURN;
    }
    if (self->twice > 0)
        asyncio_task_cancel(self->task, "again");
    ASYNC_CATCH_ALL(self->err, self->task);
    CHECK(self->err == ASYNCIO_ECANCELLED || self->err == 0);
    log_add(self->err != 0 ? "stopped" : "ended");
    asyncio_task_release(self->task);
    ASYNC_AWAIT(asyncio_sleep(9)); /* what was left to itself ends */
    ASYNC_END;
}
TEST(test_cancel_everywhere)
{
    int at, twice;
    for (twice = 0; twice < 4; twice++) {
        for (at = 0; at < 60; at++) {
            int before = blocks;
            CHECK_EQ(run(ASYNC_NEW(sweeper, .at = at, .twice = twice), NULL), 0);
            CHECK_EQ(blocks, before);
            CHECK(tap_same(tap_log, at > 40 ? "through ended" : "stopped") || (at > 20 && at <= 40));
            log_clear();
        }
    }
}

/* Nothing here takes memory of its own. */
ASYNC(allocates_nothing, asyncio_gather all; asyncio_waiting waiting; asyncio_as_completed each; asyncio_shield shield;
      asyncio_child children[2]; struct worker_task storage[2]; asyncio_child *child; int before, seen;)
{
    ASYNC_BEGIN;
    self->before = peak = blocks;
    ASYNC_AWAIT(asyncio_gather(&self->all, self->children, ASYNC_AT(&self->storage[0], worker, .delay = 1),
                               ASYNC_AT(&self->storage[1], worker, .delay = 1)));
    asyncio_child_set(&self->children[0], ASYNC_AT(&self->storage[0], worker, .delay = 1));
    asyncio_child_set(&self->children[1], ASYNC_AT(&self->storage[1], worker, .delay = 1));
    ASYNC_AWAIT(asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_ALL_COMPLETED, 5));
    ASYNC_FOR(self->child, &self->each, asyncio_as_completed(self->children, 2, 5))
        self->seen++;
    CHECK_EQ(self->seen, 2);
    ASYNC_AWAIT(asyncio_shield(&self->shield, ASYNC_AT(&self->storage[0], worker, .delay = 1)));
    CHECK_EQ(peak, self->before);
    ASYNC_END;
}
TEST(test_no_allocation) { PLAY(allocates_nothing); }

/* Of a cancelled Task's message, as in CPython: whoever comes first gets it. */
ASYNC(message_once, asyncio_shield shield; asyncio_gather all; asyncio_child children[1]; asyncio_task *task;
      int i, err; asyncio_value got;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        START(NEW(.delay = 5), .into = &self->task);
        TURN;
        asyncio_task_cancel(self->task, "m");
        TURN;
        if (self->i == 0) {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_shield(&self->shield, self->task));
        } else if (self->i == 1) {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_gather(&self->all, self->children, self->task));
        } else {
            asyncio_child_set(&self->children[0], self->task);
            self->err = asyncio_child_result(&self->children[0], NULL);
            self->got = self->children[0].value;
        }
        CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
        log_add(self->got != 0 ? (const char *)self->got : "none");
        ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_shield(&self->shield, self->task));
        log_add(self->got != 0 ? (const char *)self->got : "none");
        asyncio_task_release(self->task);
    }
    ASYNC_END;
}
TEST(test_a_message_is_given_once)
{
    PLAY(message_once);
    CHECK_LOG("m none m none m none");
}

/* What shield gives of something that is done is read once, here or there. */
ASYNC(shield_unread, asyncio_shield shield;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_future_set_exception(&a, E1);
    (void)asyncio_shield(&self->shield, &a);
    asyncio_shield_close(&self->shield);
    CHECK_EQ(reports, 0);
    futures_release();
    CHECK_EQ(reports, 1);
    ASYNC_END;
}
TEST(test_shield_of_an_unread_error) { PLAY_REPORTS(1, shield_unread); }

/* What is late from the start: gather passes it on to its children, shield does not. */
ASYNC(too_late, asyncio_waiting_for call; asyncio_gather all; asyncio_child children[2]; asyncio_shield shield; int err;
      asyncio_value got;)
{
    ASYNC_BEGIN;
    futures_init();
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_gather(&self->all, self->children,
                                                                        NEW(.delay = 5, .stopped = "never began"), &a),
                                            0));
    log_tick(named(self->err));
    CHECK(asyncio_future_cancelled(&a));
    asyncio_future_release(&a);
    asyncio_future_init(&a, NULL);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_shield(&self->shield, &a), 0));
    log_tick(named(self->err));
    CHECK(!asyncio_future_done(&a));
    CHECK_EQ(a.holds, 1);
    asyncio_future_set_exception(&a, E1);
    TURN; /* reported: the shield was cancelled */
    CHECK_EQ(reports, 1);
    asyncio_future_set_exception(&b, E2);
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_shield(&self->shield, &b), 0));
    CHECK_EQ(self->err, E2);
    asyncio_future_set_result(&c, 3);
    ASYNC_CATCH_INTO(self->err, self->got,
                     asyncio_wait_for(&self->call, asyncio_gather(&self->all, self->children, &c), 0));
    CHECK_EQ(self->err, 0);
    CHECK(self->got == (asyncio_value)self->children);
    CHECK_EQ(self->children[0].value, 3);
    futures_release();
    ASYNC_END;
}
TEST(test_wait_for_what_is_late)
{
    PLAY_REPORTS(1, too_late);
    CHECK_LOG("4 TimeoutError 6 TimeoutError");
}

/* The call graph knows who waits behind a child. */
ASYNC(in_graph, asyncio_task *task; asyncio_gather all; asyncio_child children[2]; asyncio_shield shield;
      asyncio_call_graph_node nodes[4];)
{
    ASYNC_BEGIN;
    futures_init();
    START(ASYNC_NEW(stuck_gather), .into = &self->task);
    TURN;
    CHECK_EQ(asyncio_capture_call_graph(&a, self->nodes, 4, NULL), 2);
    CHECK(self->nodes[1].future == asyncio_task_future(self->task));
    (void)asyncio_shield(&self->shield, &c);
    (void)asyncio_gather_future(&self->all, self->children, &b, asyncio_shield_outer(&self->shield));
    CHECK_EQ(asyncio_capture_call_graph(&b, self->nodes, 4, NULL), 2);
    CHECK(self->nodes[1].future == asyncio_gather_outer(&self->all));
    CHECK_EQ(asyncio_capture_call_graph(&c, self->nodes, 4, NULL), 3);
    CHECK(self->nodes[2].future == asyncio_gather_outer(&self->all));
    asyncio_gather_close(&self->all);
    asyncio_shield_close(&self->shield);
    asyncio_task_cancel(self->task, NULL);
    TURN;
    asyncio_task_release(self->task);
    TURN;
    TURN;
    futures_release();
    ASYNC_END;
}
TEST(test_call_graph) { PLAY(in_graph); }

/* Who waits where, for reports. */
ASYNC(described, asyncio_task *task; asyncio_frame_info info;)
{
    ASYNC_BEGIN;
    futures_init();
    START(ASYNC_NEW(stuck_gather), .into = &self->task);
    TURN;
    asyncio_describe(asyncio_task_get_coro(self->task)->awaiter, &self->info);
    CHECK_STR(self->info.function, "asyncio_gather");
    asyncio_task_cancel(self->task, NULL);
    TURN;
    asyncio_task_release(self->task);
    TURN;
    TURN;
    futures_release();
    ASYNC_END;
}
TEST(test_describe) { PLAY(described); }
#endif

int main(void)
{
#if defined(ASYNC_NEW) && ASYNCIO_STRINGS
    RUN(test_one_exception);
    RUN(test_cancellation_broadcast);
    RUN(test_one_cancellation);
    RUN(test_duplicate_coroutines);
    RUN(test_success);
    RUN(test_result_exception_success);
    RUN(test_return_exceptions);
    RUN(test_result_exception_one_cancellation);
    RUN(test_exception_marking);
    RUN(test_cancel_gather_2);
    RUN(test_constructor_heterogenous_futures);
    RUN(test_gather_outside_of_a_running_loop);
    RUN(test_gather_outer_never_read);
    RUN(test_children_that_cannot_be_made);
    RUN(test_gather_in_a_circle);
    RUN(test_gather_of_a_thousand);
    RUN(test_wait_modes);
    RUN(test_wait_first_completed);
    RUN(test_wait_first_exception);
    RUN(test_wait_first_exception_in_wait);
    RUN(test_wait_with_exception);
    RUN(test_wait_with_timeout);
    RUN(test_wait_really_done);
    RUN(test_wait);
    RUN(test_wait_duplicate_coroutines);
    RUN(test_wait_errors);
    RUN(test_yield_wait_does_not_shield_cancel);
    RUN(test_as_completed);
    RUN(test_as_completed_with_unused_timeout);
    RUN(test_as_completed_reads_nothing);
    RUN(test_as_completed_resume_iterator);
    RUN(test_as_completed_left_early);
    RUN(test_as_completed_nested);
    RUN(test_async_for_an_iterator_of_ones_own);
    RUN(test_as_completed_reverse_wait);
    RUN(test_shield_result);
    RUN(test_shield_exception);
    RUN(test_shield_cancel_inner);
    RUN(test_shield_shortcut);
    RUN(test_shield_closed);
    RUN(test_shield_cancel_outer);
    RUN(test_shield_effect);
    RUN(test_shield_cancel_outer_exception_never_retrieved);
#if ASYNCIO_ALL_TASKS
    RUN(test_close_over_waiters);
#endif
    RUN(test_cancel_everywhere);
    RUN(test_no_allocation);
    RUN(test_a_message_is_given_once);
    RUN(test_shield_of_an_unread_error);
    RUN(test_wait_for_what_is_late);
    RUN(test_call_graph);
    RUN(test_describe);
#endif
    return tap_end();
}
