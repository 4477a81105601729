/* SPDX-License-Identifier: MIT
 *
 * asyncio/tasks.h and asyncio/completed.h, iteration by iteration: gather, wait, as_completed, shield,
 * cancel_and_wait. The logs (iteration, what happened) are what CPython 3.14.2 gives for the same programs, but where a
 * test says otherwise. test_gather_wait.c has CPython's own tests, and what C adds: memory, errors, storage.
 */
#include "children.h"

#if defined(ASYNC_NEW) && ASYNCIO_STRINGS
#include <stdarg.h>

static void on_report_log(asyncio_loop *where, const asyncio_exception_context *context, void *arg)
{
    (void)where, (void)arg;
    log_number(loop.ticks);
    log_add("!");
    log_add(context->message);
}

static void say(const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_tick(text);
}
static const char *truth(bool value) { return value ? "True" : "False"; }

/* "CancelledError:message", with a prefix */
static void say_error(const char *prefix, int err, asyncio_value detail)
{
    if (err == ASYNCIO_ECANCELLED && detail != 0)
        say("%s%s:%s", prefix, named(err), (const char *)detail);
    else
        say("%s%s", prefix, named(err));
}

/* Runs it as main, on a loop whose reports are in the log, too; nothing may leak. */
#define PLAY(name, want)                                                                                               \
    do {                                                                                                               \
        int before = blocks;                                                                                           \
        CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);                                                  \
        asyncio_set_exception_handler(&loop, on_report_log, NULL);                                                     \
        CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(name), NULL), 0);                                         \
        close_loop();                                                                                                  \
        CHECK_LOG(want);                                                                                               \
        CHECK_EQ(blocks, before);                                                                                      \
    } while (0)

/* Cancelled, it takes a second to clean up. */
ASYNC(slow_to_stop, int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_sleep(5));
    if (self->err != 0) {
        ASYNC_AWAIT(asyncio_sleep(1));
        log_tick("cleaned");
        ASYNC_RAISE(self->err, self->why);
    }
    ASYNC_END;
}

/* Awaits a Future and says its error. */
ASYNC(awaits, asyncio_future *future; const char *prefix; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why, self->future);
    if (self->err != 0)
        say_error(self->prefix, self->err, self->why);
    else
        say("%s%d", self->prefix, (int)self->why);
    ASYNC_END;
}

static void say_word(asyncio_future *future, void *arg)
{
    (void)future;
    log_tick((const char *)arg);
}
static void say_soon(void *arg) { log_tick((const char *)arg); }

/* ---- gather, as CPython does it ---- */

ASYNC(leftover, asyncio_gather all; asyncio_child children[2]; asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(worker, .delay = 2, .end = "slow"), .into = &self->task);
    ASYNC_CATCH(self->err, asyncio_gather(&self->all, self->children, ASYNC_NEW(worker, .delay = -1, .raise = E1),
                                          self->task));
    log_tick(named(self->err));
    CHECK(self->children[0].done);
    CHECK_EQ(self->children[0].err, E1);
    CHECK(!self->children[1].done);
    CHECK(self->children[1].future == NULL);
    asyncio__clear(&self->all, sizeof self->all); /* nobody needs it any more */
    asyncio__clear(self->children, sizeof self->children);
    ASYNC_AWAIT(asyncio_sleep(3));
    log_tick("end");
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_who_gather_left_takes_its_iteration) { PLAY(leftover, "4 E1 6 slow 9 end"); }

static asyncio_gather static_all;
static asyncio_child static_children[4];

ASYNC(cancel_refused, asyncio_task *task;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_create_task(ASYNC_NEW(awaits, .prefix = "",
                                  .future = asyncio_gather_future(&static_all, static_children, &a)),
                        .into = &self->task);
    TURN;
    TURN;
    asyncio_future_set_result(&a, 1);
    log_tick(truth(asyncio_future_cancel(asyncio_gather_outer(&static_all), NULL)));
    log_tick(truth(asyncio_task_cancel(self->task, "m")));
    ASYNC_AWAIT(self->task);
    log_tick(truth(asyncio_future_done(asyncio_gather_outer(&static_all))));
    asyncio_gather_close(&static_all);
    asyncio_task_release(self->task);
    futures_release();
    ASYNC_END;
}
/* Its child has just ended when a callback of what the child waited for cancels it: too late, the result is kept. */
static void cancel_outer(asyncio_future *future, void *arg)
{
    (void)future, (void)arg;
    log_tick(truth(asyncio_future_cancel(asyncio_gather_outer(&static_all), NULL)));
}
ASYNC(awaits_value, asyncio_value value;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->value, &a);
    ASYNC_RETURN(self->value);
    ASYNC_END;
}
ASYNC(cancel_too_late, asyncio_future *outer; asyncio_handle handle;)
{
    ASYNC_BEGIN;
    futures_init();
    self->outer = asyncio_gather_future(&static_all, static_children, ASYNC_NEW(awaits_value));
    TURN;
    asyncio_future_add_done_callback(&a, &self->handle, cancel_outer, NULL);
    asyncio_future_set_result(&a, 42);
    ASYNC_AWAIT(self->outer);
    CHECK(!asyncio_future_cancelled(self->outer));
    CHECK_EQ(static_children[0].value, 42);
    log_tick("42");
    asyncio_gather_close(&static_all);
    futures_release();
    ASYNC_END;
}
TEST(test_cancel_gather_1) { PLAY(cancel_too_late, "3 False 5 42"); }
TEST(test_cancel_of_a_gather_whose_children_are_done)
{
    PLAY(cancel_refused, "3 False 3 True 5 CancelledError:m 6 True");
}

ASYNC(swallows, int ready; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    if (self->ready) {
        ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_sleep(0));
        if (self->err == 0)
            ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_sleep(0));
        if (self->err == 0)
            ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_sleep(0));
    } else {
        ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_sleep(5));
    }
    if (self->err != 0)
        say_error("c", self->err, self->why);
    ASYNC_RETURN(1);
    ASYNC_END;
}
ASYNC(gathers_a_swallower, int ready; asyncio_gather all; asyncio_child children[2]; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why,
                         asyncio_gather_return_exceptions(&self->all, self->children, ASYNC_NEW(worker, .delay = 5),
                                                          ASYNC_NEW(swallows, .ready = self->ready)));
    say_error("", self->err, self->why);
    CHECK_EQ(self->children[0].err, ASYNCIO_ECANCELLED);
    CHECK_EQ(self->children[1].err, 0);
    CHECK_EQ(self->children[1].value, 1);
    ASYNC_END;
}
ASYNC(all_swallowed, int ready; asyncio_task *task;)
{
    ASYNC_BEGIN;
    for (self->ready = 0; self->ready < 2; self->ready++) {
        asyncio_create_task(ASYNC_NEW(gathers_a_swallower, .ready = self->ready), .into = &self->task);
        TURN;
        TURN;
        asyncio_task_cancel(self->task, "q");
        ASYNC_AWAIT(self->task);
        asyncio_task_release(self->task);
    }
    ASYNC_END;
}
TEST(test_gather_is_cancelled_though_a_child_swallows)
{
    PLAY(all_swallowed,
         "4 cCancelledError:q 6 CancelledError 10 cCancelledError:q 12 CancelledError:q");
}

ASYNC(cancels_itself, const char *message; bool waits;)
{
    ASYNC_BEGIN;
    TURN;
    asyncio_task_cancel(asyncio_current_task(), self->message);
    if (self->waits)
        ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(1);
    ASYNC_END;
}
ASYNC(cancels_future, asyncio_future *future;)
{
    ASYNC_BEGIN;
    TURN;
    asyncio_future_cancel(self->future, "f");
    ASYNC_END;
}
ASYNC(last_words, asyncio_gather all; asyncio_child children[4]; int i;)
{
    ASYNC_BEGIN;
    futures_init();
    ASYNC_AWAIT(asyncio_gather_return_exceptions(
        &self->all, self->children, ASYNC_NEW(cancels_itself, .message = "w"),
        ASYNC_NEW(cancels_itself, .message = "x", .waits = true), &a,
        ASYNC_NEW(cancels_future, .future = &a)));
    for (self->i = 0; self->i < 3; self->i++)
        say_error("", self->children[self->i].err, self->children[self->i].value);
    CHECK_EQ(self->children[3].err, 0);
    futures_release();
    ASYNC_END;
}
TEST(test_what_is_left_of_a_cancel_message)
{
    PLAY(last_words, "6 CancelledError:w 6 CancelledError 6 CancelledError:f");
}

ASYNC(nests, asyncio_gather all, inner; asyncio_child children[2], grandchildren[2]; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why,
                         asyncio_gather(&self->all, self->children, ASYNC_NEW(worker, .delay = 5),
                                        asyncio_gather_future(&self->inner, self->grandchildren,
                                                              ASYNC_NEW(worker, .delay = 5),
                                                              ASYNC_NEW(worker, .delay = 6, .end = "no"))));
    say_error("", self->err, self->why);
    asyncio_gather_close(&self->inner);
    ASYNC_END;
}
ASYNC(nested, asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(nests), .into = &self->task);
    TURN;
    TURN;
    asyncio_task_cancel(self->task, "n");
    ASYNC_AWAIT(self->task);
    log_tick("end");
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_gather_in_gather) { PLAY(nested, "6 CancelledError:n 7 end"); }

ASYNC(counts_cancels, int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_sleep(5));
    say_error("", self->err, self->why);
    log_number(asyncio_task_cancelling(asyncio_current_task()));
    ASYNC_RAISE(self->err, self->why);
    ASYNC_END;
}
ASYNC(gathers_twice_the_same, asyncio_task *same; asyncio_gather all; asyncio_child children[3]; int err;
      asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why,
                         asyncio_gather(&self->all, self->children, self->same, ASYNC_NEW(worker, .delay = 5),
                                        self->same));
    say_error("", self->err, self->why);
    CHECK_EQ(self->children[0].err, ASYNCIO_ECANCELLED);
    CHECK_EQ(self->children[2].err, ASYNCIO_ECANCELLED);
    ASYNC_END;
}
ASYNC(dup_cancel, asyncio_task *same, *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(counts_cancels), .into = &self->same);
    asyncio_create_task(ASYNC_NEW(gathers_twice_the_same, .same = self->same), .into = &self->task);
    TURN;
    TURN;
    asyncio_task_cancel(self->task, "d");
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    asyncio_task_release(self->same);
    ASYNC_END;
}
TEST(test_the_same_child_twice_is_cancelled_twice) { PLAY(dup_cancel, "4 CancelledError:d 2 6 CancelledError:d"); }

ASYNC(gathers_slow, asyncio_gather all; asyncio_child children[2]; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_gather(&self->all, self->children, ASYNC_NEW(slow_to_stop),
                                                              ASYNC_NEW(worker, .delay = 7)));
    say_error("m ", self->err, self->why);
    ASYNC_END;
}
ASYNC(twice_cancelled, asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(gathers_slow), .into = &self->task);
    TURN;
    TURN;
    asyncio_task_cancel(self->task, "a");
    TURN;
    log_tick(truth(asyncio_task_cancel(self->task, "b")));
    ASYNC_AWAIT(self->task);
    ASYNC_AWAIT(asyncio_sleep(2));
    log_tick("end");
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_gather_cancelled_twice) { PLAY(twice_cancelled, "4 True 6 m CancelledError:a 9 end"); }

ASYNC(done_children, asyncio_gather all; asyncio_child children[3]; int err;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_future_set_exception(&a, E1);
    asyncio_future_set_exception(&b, E2);
    asyncio_call_soon(&loop, NULL, say_soon, (void *)(uintptr_t)"cb");
    ASYNC_CATCH(self->err, asyncio_gather(&self->all, self->children, &c, &a, &b));
    log_tick(named(self->err));
    asyncio_future_set_exception(&c, E2);
    TURN;
    TURN;
    log_tick("end");
    futures_release(); /* all errors count as read */
    ASYNC_END;
}
TEST(test_children_that_are_done_already) { PLAY(done_children, "1 E1 2 cb 3 end"); }

ASYNC(adds_callback)
{
    ASYNC_BEGIN;
    asyncio_future_add_done_callback(&a, NULL, say_word, (void *)(uintptr_t)"eager");
    ASYNC_RETURN(1);
    ASYNC_END;
}
ASYNC(awaits_a, asyncio_value value;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->value, &a);
    log_tick("aw");
    ASYNC_RETURN(self->value);
    ASYNC_END;
}
ASYNC(eager_mix, asyncio_gather all; asyncio_child children[4]; asyncio_future *outer; int i;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_set_task_factory(&loop, asyncio_eager_task_factory);
    asyncio_future_add_done_callback(&a, NULL, say_word, (void *)(uintptr_t)"first");
    self->outer = asyncio_gather_future(&self->all, self->children, &a, ASYNC_NEW(adds_callback), &a,
                                        ASYNC_NEW(awaits_a));
    asyncio_future_add_done_callback(self->outer, NULL, say_word, (void *)(uintptr_t)"outer");
    TURN;
    asyncio_future_set_result(&a, 3);
    ASYNC_AWAIT(self->outer);
    for (self->i = 0; self->i < 4; self->i++)
        say("%d", (int)self->children[self->i].value);
    asyncio_gather_close(&self->all);
    futures_release();
    ASYNC_END;
}
TEST(test_gather_with_eager_tasks) { PLAY(eager_mix, "3 first 3 eager 3 aw 5 outer 5 3 5 1 5 3 5 3"); }

/* ---- wait, as CPython does it ---- */

static void set_b(void *arg)
{
    (void)arg;
    asyncio_future_set_result(&b, 1);
}
static void set_b_late(void *arg)
{
    (void)arg;
    asyncio_future_set_result(&b, 1);
    log_tick("late");
}
static void soon(asyncio_future *future, void *arg)
{
    (void)future, (void)arg;
    asyncio_call_soon(&loop, NULL, set_b, NULL);
}
static void soon_late(void *arg)
{
    (void)arg;
    asyncio_call_soon(&loop, NULL, set_b_late, NULL);
}

ASYNC(waits_first, const char *prefix; asyncio_waiting waiting; asyncio_child children[2]; int done;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], &a);
    asyncio_child_set(&self->children[1], &b);
    ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_FIRST_COMPLETED));
    if (self->prefix != NULL)
        log_tick(self->prefix);
    else
        say("%d %d", self->done, 2 - self->done);
    CHECK_EQ(self->children[0].done + self->children[1].done, self->done);
    asyncio_child_release(&self->children[0]);
    asyncio_child_release(&self->children[1]);
    ASYNC_END;
}
ASYNC(really_done, asyncio_task *task;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_create_task(ASYNC_NEW(waits_first), .into = &self->task);
    TURN;
    TURN;
    asyncio_future_add_done_callback(&a, NULL, soon, NULL);
    asyncio_future_set_result(&a, 0);
    ASYNC_AWAIT(self->task);
    TURN;
    log_tick("end");
    ASYNC_AWAIT(asyncio_sleep(1));
    log_tick("end");
    asyncio_task_release(self->task);
    futures_release();
    ASYNC_END;
}
TEST(test_wait_evaluated_when_it_goes_on) { PLAY(really_done, "5 1 1 7 end 9 end"); }

ASYNC(leftover_iteration, asyncio_task *task;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_create_task(ASYNC_NEW(waits_first, .prefix = "m"), .into = &self->task);
    TURN;
    asyncio_future_set_result(&a, 0);
    asyncio_call_soon(&loop, NULL, soon_late, NULL);
    ASYNC_AWAIT(asyncio_sleep(1));
    log_tick("end");
    asyncio_task_release(self->task);
    futures_release();
    ASYNC_END;
}
TEST(test_wait_leftover_iteration) { PLAY(leftover_iteration, "4 m 4 late 6 end"); }

ASYNC(waits_a, asyncio_waiting waiting; asyncio_child children[1]; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], &a);
    ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_wait(&self->waiting, self->children, 1, ASYNCIO_ALL_COMPLETED));
    say_error("m ", self->err, self->why);
    asyncio_child_release(&self->children[0]);
    ASYNC_RAISE(self->err, self->why);
    ASYNC_END;
}
static void cancel_z(void *arg) { log_tick(truth(asyncio_task_cancel((asyncio_task *)arg, "z"))); }
ASYNC(wait_cancel_woken, asyncio_task *task; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_create_task(ASYNC_NEW(waits_a), .into = &self->task);
    TURN;
    TURN;
    asyncio_future_set_result(&a, 1);
    asyncio_call_soon(&loop, NULL, cancel_z, self->task);
    ASYNC_CATCH_ALL_INTO(self->err, self->why, self->task);
    say_error("", self->err, self->why);
    asyncio_task_release(self->task);
    futures_release();
    ASYNC_END;
}
TEST(test_wait_cancelled_when_it_was_woken)
{
    PLAY(wait_cancel_woken, "4 True 5 m CancelledError:z 6 CancelledError:z");
}

ASYNC(timeout_ticks, asyncio_waiting waiting; asyncio_child children[1]; int i, done;)
{
    ASYNC_BEGIN;
    futures_init();
    for (self->i = 0; self->i < 3; self->i++) {
        asyncio_child_set(&self->children[0], &a);
        ASYNC_AWAIT_INTO(self->done,
                         asyncio_wait(&self->waiting, self->children, 1, ASYNCIO_ALL_COMPLETED,
                                      self->i == 0 ? 0 : self->i == 1 ? -1 : 1));
        say("%d %d %g", self->done, 1 - self->done, asyncio_to_seconds(asyncio_loop_time(&loop)));
        asyncio_child_release(&self->children[0]);
    }
    futures_release();
    ASYNC_END;
}
TEST(test_wait_timeout_ticks) { PLAY(timeout_ticks, "3 0 1 0 5 0 1 0 7 0 1 1"); }

/* One ends when time is up: with its timer armed first (as in CPython's test) it is done by then, else not. */
ASYNC(concurrent, bool begun; asyncio_task *a, *b; asyncio_waiting waiting; asyncio_child children[2]; int done;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(worker, .delay = 1), .into = &self->a);
    asyncio_create_task(ASYNC_NEW(worker, .delay = 5), .into = &self->b);
    if (self->begun)
        TURN;
    asyncio_child_set(&self->children[0], self->a);
    asyncio_child_set(&self->children[1], self->b);
    ASYNC_AWAIT_INTO(self->done, asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_ALL_COMPLETED, 1));
    say("%d %d %g", self->done, 2 - self->done, asyncio_to_seconds(asyncio_loop_time(&loop)));
    asyncio_child_release(&self->children[0]);
    asyncio_child_release(&self->children[1]);
    asyncio_task_cancel(self->b, NULL);
    TURN;
    TURN;
    log_tick("end");
    asyncio_task_release(self->a);
    asyncio_task_release(self->b);
    ASYNC_END;
}
ASYNC(concurrent_begun, struct concurrent call;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&self->call, concurrent, .begun = true));
    ASYNC_END;
}
TEST(test_wait_concurrent_complete)
{
    PLAY(concurrent, "4 0 2 1 6 end");
    PLAY(concurrent_begun, "4 1 1 1 6 end");
}

ASYNC(waits_for_errors, int mode; bool same; asyncio_waiting waiting; asyncio_child children[2]; asyncio_task *a, *b;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(worker, .delay = -1, .raise = E1), .into = &self->a);
    asyncio_create_task(ASYNC_NEW(worker, .delay = -1, .raise = E2), .into = &self->b);
    asyncio_child_set(&self->children[0], self->a);
    asyncio_child_set(&self->children[1], self->same ? self->a : self->b);
    ASYNC_AWAIT(asyncio_wait(&self->waiting, self->children, 2, self->mode));
    say("%s %s", truth(self->a->future.flags & ASYNCIO__UNREAD), truth(self->b->future.flags & ASYNCIO__UNREAD));
    CHECK_EQ(self->children[0].err, E1);
    CHECK_EQ(self->children[1].err, self->same ? E1 : E2);
    asyncio_child_release(&self->children[0]);
    asyncio_child_release(&self->children[1]);
    asyncio_task_release(self->a);
    if (self->same)
        asyncio_task_exception(self->b);
    asyncio_task_release(self->b);
    ASYNC_END;
}
ASYNC(wait_unread, struct waits_for_errors call;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&self->call, waits_for_errors, .mode = ASYNCIO_ALL_COMPLETED));
    ASYNC_AWAIT(ASYNC_IN(&self->call, waits_for_errors, .mode = ASYNCIO_FIRST_COMPLETED));
    ASYNC_AWAIT(ASYNC_IN(&self->call, waits_for_errors, .mode = ASYNCIO_FIRST_EXCEPTION));
    ASYNC_AWAIT(ASYNC_IN(&self->call, waits_for_errors, .mode = ASYNCIO_FIRST_EXCEPTION, .same = true));
    ASYNC_END;
}
#define NEVER "! Task exception was never retrieved"
TEST(test_what_wait_reads)
{
    PLAY(wait_unread, "4 True True 4 " NEVER " 4 " NEVER " 7 True True 7 " NEVER " 7 " NEVER
                      " 10 False True 10 " NEVER " 13 True True 13 " NEVER);
}

/* ---- as_completed, as CPython does it ---- */

static asyncio_as_completed each;
static asyncio_child each_children[8];

ASYNC(asks, const char *name; asyncio_child *child; int err; asyncio_value got;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_as_completed_next(&each));
    if (self->err != 0) {
        say_error(self->name, self->err, self->got);
        ASYNC_RAISE(self->err, self->got);
    }
    self->child = (asyncio_child *)self->got;
    if (self->child != NULL)
        say("%s%s", self->name, (const char *)self->child->value);
    else
        say("%snone", self->name);
    ASYNC_END;
}

#define TEXT(text) (asyncio_value)(uintptr_t)(text)

ASYNC(each_cancelled, asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&each_children[0], ASYNC_NEW(worker, .delay = 1, .value = TEXT("1")));
    asyncio_child_set(&each_children[1], ASYNC_NEW(worker, .delay = 2, .value = TEXT("2")));
    CHECK_EQ(asyncio_as_completed_init(&each, each_children, 2), 0);
    asyncio_create_task(ASYNC_NEW(asks, .name = "a "), .into = &self->task);
    asyncio_create_task(ASYNC_NEW(asks, .name = "b "));
    TURN;
    TURN;
    asyncio_task_cancel(self->task, "k");
    ASYNC_AWAIT(asyncio_sleep(3));
    log_tick("end");
    asyncio_task_release(self->task);
    asyncio_create_task(ASYNC_NEW(asks, .name = "c ")); /* a's turn is not lost; in 3.14.2 it is */
    asyncio_create_task(ASYNC_NEW(asks, .name = "d "));
    TURN;
    ASYNC_END;
}
TEST(test_as_completed_cancelled_step)
{
    PLAY(each_cancelled, "4 a CancelledError:k 8 b 1 13 end 14 c 2 14 d none");
}

static void cancel_k(asyncio_future *future, void *arg)
{
    (void)future;
    log_tick(truth(asyncio_task_cancel((asyncio_task *)arg, "k")));
}
ASYNC(each_woken_cancelled, asyncio_task *task;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_child_set(&each_children[0], &a);
    asyncio_child_set(&each_children[1], &b);
    asyncio_as_completed_init(&each, each_children, 2);
    asyncio_create_task(ASYNC_NEW(asks, .name = "a "), .into = &self->task);
    asyncio_create_task(ASYNC_NEW(asks, .name = "b "));
    TURN;
    TURN;
    asyncio_future_set_result(&a, TEXT("x"));
    asyncio_future_add_done_callback(&a, NULL, cancel_k, self->task);
    ASYNC_AWAIT(asyncio_sleep(1));
    asyncio_future_set_result(&b, TEXT("y"));
    ASYNC_AWAIT(asyncio_sleep(1));
    log_tick("end");
    asyncio_task_release(self->task);
    asyncio_create_task(ASYNC_NEW(asks, .name = "c "));
    asyncio_create_task(ASYNC_NEW(asks, .name = "d "));
    TURN;
    futures_release();
    ASYNC_END;
}
TEST(test_as_completed_cancelled_when_it_was_woken)
{
    PLAY(each_woken_cancelled, "4 True 5 a CancelledError:k 6 b x 11 end 12 c y 12 d none");
}

/* Takes what was meant for one that was woken: that one waits again. */
ASYNC(steals, asyncio_child *child;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(&c);
    ASYNC_AWAIT_INTO(self->child, asyncio_as_completed_next(&each));
    say("thief %s", (const char *)self->child->value);
    ASYNC_END;
}
static void set_c(asyncio_future *future, void *arg)
{
    (void)future, (void)arg;
    asyncio_future_set_result(&c, 0);
}
ASYNC(each_steal)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_child_set(&each_children[0], &a);
    asyncio_child_set(&each_children[1], &b);
    asyncio_future_add_done_callback(&a, NULL, set_c, NULL); /* before the iterator's own */
    asyncio_as_completed_init(&each, each_children, 2);
    asyncio_create_task(ASYNC_NEW(steals));
    asyncio_create_task(ASYNC_NEW(asks, .name = "a "));
    TURN;
    asyncio_future_set_result(&a, TEXT("x"));
    ASYNC_AWAIT(asyncio_sleep(1));
    asyncio_future_set_result(&b, TEXT("y"));
    ASYNC_AWAIT(asyncio_sleep(1));
    log_tick("end");
    asyncio_as_completed_close(&each);
    futures_release();
    ASYNC_END;
}
TEST(test_as_completed_stolen) { PLAY(each_steal, "4 thief x 8 a y 10 end"); }

/* Says each that is done, and each error, until there are no more. */
ASYNC(says_each, asyncio_as_completed *each; asyncio_child *child; int err; asyncio_value got;)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_CATCH_INTO(self->err, self->got, asyncio_as_completed_next(self->each));
        self->child = (asyncio_child *)self->got;
        if (self->err != 0)
            log_tick(named(self->err));
        else if (self->child != NULL)
            say("%d", (int)self->child->value);
        else
            break;
    }
    ASYNC_END;
}

ASYNC(each_timeout, asyncio_as_completed each; asyncio_child children[5]; struct says_each says; asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(worker, .delay = 1, .value = 1), .into = &self->task);
    asyncio_child_set(&self->children[0], self->task);
    asyncio_child_set(&self->children[1], ASYNC_NEW(worker, .delay = 9, .value = 9));
    asyncio_child_set(&self->children[2], ASYNC_NEW(worker, .delay = 1, .value = 1));
    asyncio_child_set(&self->children[3], ASYNC_NEW(worker, .delay = 8, .value = 8));
    asyncio_child_set(&self->children[4], self->task);
    ASYNC_WITH(&self->each, asyncio_as_completed(self->children, 5, 2))
    {
        ASYNC_AWAIT(ASYNC_IN(&self->says, says_each, .each = &self->each));
    }
    log_tick("end");
    asyncio__clear(&self->each, sizeof self->each);
    asyncio__clear(self->children, sizeof self->children);
    ASYNC_AWAIT(asyncio_sleep(10));
    log_tick("end");
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_as_completed_with_timeout)
{
    PLAY(each_timeout, "6 1 6 1 8 TimeoutError 8 TimeoutError 8 end 14 end");
}

ASYNC(each_race, asyncio_as_completed each; asyncio_child children[2]; struct says_each says;)
{
    ASYNC_BEGIN;
    asyncio_child_set(&self->children[0], ASYNC_NEW(worker, .delay = 1, .value = 1));
    asyncio_child_set(&self->children[1], ASYNC_NEW(worker, .delay = 2, .value = 2));
    TURN;
    asyncio_as_completed_init(&self->each, self->children, 2, 2);
    ASYNC_AWAIT(ASYNC_IN(&self->says, says_each, .each = &self->each));
    log_tick("end");
    ASYNC_END;
}
TEST(test_as_completed_timeout_at_the_same_time) { PLAY(each_race, "6 1 8 TimeoutError 8 end"); }

ASYNC(each_done, asyncio_child *child;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_future_set_result(&a, TEXT("f"));
    asyncio_future_set_result(&b, TEXT("g"));
    asyncio_child_set(&each_children[0], &a);
    asyncio_child_set(&each_children[1], &b);
    asyncio_child_set(&each_children[2], &a);
    ASYNC_FOR(self->child, &each, asyncio_as_completed(each_children, 3))
        log_tick((const char *)self->child->value);
    ASYNC_FOR(self->child, &each, asyncio_as_completed(each_children, 0))
        log_add("never");
    log_tick("end");
    futures_release();
    ASYNC_END;
}
TEST(test_as_completed_duplicate_coroutines) { PLAY(each_done, "3 f 3 g 3 end"); }

/* ---- shield, as CPython does it ---- */

ASYNC(shields, asyncio_future *future; const char *prefix; asyncio_shield shield; int err; asyncio_value got;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_shield(&self->shield, self->future));
    if (self->err == 0) {
        say("%s%d", self->prefix, (int)self->got);
        ASYNC_RETURN(self->got);
    }
    say_error(self->prefix, self->err, self->got);
    ASYNC_RAISE(self->err, self->got);
    ASYNC_END;
}

ASYNC(shield_same_tick, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_create_task(ASYNC_NEW(shields, .future = &a, .prefix = ""), .into = &self->task);
    TURN;
    asyncio_task_cancel(self->task, "s");
    asyncio_future_set_exception(&a, E1);
    ASYNC_CATCH_ALL(self->err, self->task);
    log_tick("t");
    asyncio_task_release(self->task);
    TURN;
    TURN;
    log_tick("end");
    CHECK(a.flags & ASYNCIO__UNREAD);
    CHECK_EQ(a.holds, 1);
    asyncio_future_exception(&a);
    futures_release();
    ASYNC_END;
}
TEST(test_shield_cancelled_while_inner_fails) { PLAY(shield_same_tick, "3 CancelledError:s 4 t 6 end"); }

ASYNC(shield_then_cancel, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_create_task(ASYNC_NEW(shields, .future = &a, .prefix = ""), .into = &self->task);
    TURN;
    asyncio_future_set_exception(&a, E1);
    TURN;
    log_tick(truth(asyncio_task_cancel(self->task, "s")));
    ASYNC_CATCH_ALL(self->err, self->task);
    log_tick("t");
    asyncio_task_release(self->task);
    TURN;
    TURN;
    log_tick("end");
    futures_release();
    ASYNC_END;
}
TEST(test_shield_cancelled_after_inner_failed) { PLAY(shield_then_cancel, "3 True 4 CancelledError:s 5 t 7 end"); }

ASYNC(shield_logs, asyncio_task *a, *b;)
{
    ASYNC_BEGIN;
    futures_init();
    asyncio_create_task(ASYNC_NEW(shields, .future = &a, .prefix = "t"), .into = &self->a);
    asyncio_create_task(ASYNC_NEW(shields, .future = &a, .prefix = "u"), .into = &self->b);
    TURN;
    asyncio_future_add_done_callback(&a, NULL, say_word, (void *)(uintptr_t)"one");
    asyncio_task_cancel(self->a, "s");
    TURN;
    TURN;
    asyncio_future_add_done_callback(&a, NULL, say_word, (void *)(uintptr_t)"two");
    asyncio_task_cancel(self->b, NULL);
    TURN;
    TURN;
    asyncio_future_add_done_callback(&a, NULL, say_word, (void *)(uintptr_t)"three");
    asyncio_future_set_exception(&a, E1);
    TURN;
    TURN;
    log_tick("end");
    asyncio_task_release(self->a);
    asyncio_task_release(self->b);
    futures_release();
    ASYNC_END;
}
TEST(test_shield_cancel_outer_exception)
{
    PLAY(shield_logs, "3 tCancelledError:s 5 uCancelledError "
                      "7 one 7 two 7 ! exception in shielded future 7 three 8 end");
}

ASYNC(shield_iteration, asyncio_task *inner, *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(worker, .delay = 2, .end = "inner"), .into = &self->inner);
    asyncio_create_task(ASYNC_NEW(shields, .future = asyncio_task_future(self->inner), .prefix = ""),
                        .into = &self->task);
    TURN;
    TURN;
    asyncio_task_cancel(self->task, NULL);
    ASYNC_AWAIT(asyncio_sleep(3));
    log_tick("end");
    asyncio_task_release(self->task);
    asyncio_task_release(self->inner);
    ASYNC_END;
}
TEST(test_shield_cancelled_before_inner_ends) { PLAY(shield_iteration, "4 CancelledError 6 inner 9 end"); }

ASYNC(gather_in_shield, asyncio_gather all; asyncio_child children[2]; asyncio_shield shield;)
{
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_shield(&self->shield, asyncio_gather_future(&self->all, self->children, &a, &b));
    CHECK(asyncio_future_cancel(asyncio_shield_outer(&self->shield), NULL));
    TURN;
    log_tick(truth(asyncio_future_cancelled(asyncio_shield_outer(&self->shield))));
    asyncio_shield_close(&self->shield);
    asyncio_future_set_result(&a, 1);
    asyncio_future_set_result(&b, 2);
    TURN;
    CHECK_EQ(asyncio_future_exception(asyncio_gather_outer(&self->all)), 0);
    say("%d %d", (int)self->children[0].value, (int)self->children[1].value);
    TURN; /* where the shield's callback runs */
    asyncio_gather_close(&self->all);
    futures_release();
    ASYNC_END;
}
TEST(test_shield_gather) { PLAY(gather_in_shield, "2 True 3 1 2"); }

ASYNC(shields_in_gather, asyncio_gather all; asyncio_child children[2]; asyncio_shield a, b; int err;)
{
    ASYNC_BEGIN;
    futures_init();
    (void)asyncio_shield(&self->a, &a);
    (void)asyncio_shield(&self->b, &b);
    (void)asyncio_gather(&self->all, self->children, asyncio_shield_outer(&self->a), asyncio_shield_outer(&self->b));
    log_tick(truth(asyncio_future_cancel(asyncio_gather_outer(&self->all), NULL)));
    ASYNC_CATCH_ALL(self->err, asyncio_gather_outer(&self->all));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    log_tick("cancelled");
    say("%s %s", truth(asyncio_future_done(&a)), truth(asyncio_future_done(&b)));
    asyncio_gather_close(&self->all);
    asyncio_shield_close(&self->a);
    asyncio_shield_close(&self->b);
    asyncio_future_set_result(&a, 0);
    asyncio_future_set_result(&b, 0);
    TURN;
    log_tick("end");
    futures_release();
    ASYNC_END;
}
TEST(test_gather_shield) { PLAY(shields_in_gather, "1 True 3 cancelled 3 False False 4 end"); }

/* ---- cancel_and_wait ---- */

ASYNC(stops, asyncio_task *task; asyncio_cancel_and_wait stop; int err; asyncio_value why;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->why, asyncio_cancel_and_wait(&self->stop, self->task));
    say_error("m ", self->err, self->why);
    ASYNC_RAISE(self->err, self->why);
    ASYNC_END;
}
ASYNC(cancels_and_waits, asyncio_task *task, *other; asyncio_cancel_and_wait stop;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(slow_to_stop), .into = &self->task);
    TURN;
    ASYNC_AWAIT(asyncio_cancel_and_wait(&self->stop, self->task));
    log_tick("None");
    log_tick(truth(asyncio_task_cancelled(self->task)));
    ASYNC_AWAIT(asyncio_cancel_and_wait(&self->stop, asyncio_task_future(self->task)));
    log_tick("None");
    asyncio_task_release(self->task);
    asyncio_create_task(ASYNC_NEW(slow_to_stop), .into = &self->task);
    TURN;
    asyncio_create_task(ASYNC_NEW(stops, .task = self->task), .into = &self->other);
    TURN;
    TURN;
    asyncio_task_cancel(self->other, "u");
    ASYNC_AWAIT(asyncio_sleep(3));
    log_tick("end");
    asyncio_task_release(self->task);
    asyncio_task_release(self->other);
    ASYNC_END;
}
TEST(test_cancel_and_wait)
{
    PLAY(cancels_and_waits, "5 cleaned 7 None 7 True 9 None 13 m CancelledError:u 15 cleaned 17 end");
}

#endif
int main(void)
{
#if defined(ASYNC_NEW) && ASYNCIO_STRINGS
    RUN(test_who_gather_left_takes_its_iteration);
    RUN(test_cancel_gather_1);
    RUN(test_cancel_of_a_gather_whose_children_are_done);
    RUN(test_gather_is_cancelled_though_a_child_swallows);
    RUN(test_what_is_left_of_a_cancel_message);
    RUN(test_gather_in_gather);
    RUN(test_the_same_child_twice_is_cancelled_twice);
    RUN(test_gather_cancelled_twice);
    RUN(test_children_that_are_done_already);
    RUN(test_gather_with_eager_tasks);
    RUN(test_wait_evaluated_when_it_goes_on);
    RUN(test_wait_leftover_iteration);
    RUN(test_wait_cancelled_when_it_was_woken);
    RUN(test_wait_timeout_ticks);
    RUN(test_wait_concurrent_complete);
    RUN(test_what_wait_reads);
    RUN(test_as_completed_cancelled_step);
    RUN(test_as_completed_cancelled_when_it_was_woken);
    RUN(test_as_completed_stolen);
    RUN(test_as_completed_with_timeout);
    RUN(test_as_completed_timeout_at_the_same_time);
    RUN(test_as_completed_duplicate_coroutines);
    RUN(test_shield_cancelled_while_inner_fails);
    RUN(test_shield_cancelled_after_inner_failed);
    RUN(test_shield_cancel_outer_exception);
    RUN(test_shield_cancelled_before_inner_ends);
    RUN(test_shield_gather);
    RUN(test_gather_shield);
    RUN(test_cancel_and_wait);
#endif
    return tap_end();
}
