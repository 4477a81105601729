/* The scenarios of tests/oracle/scenarios.py in C: the same events, in the same iteration, at the same time, as those
 * of CPython in tests/oracle/trace.txt. Read the two files side by side; the trace is looked for beside this file. */
#include "asyncio.h"
#include <stdarg.h>
#include "tap.h"

static asyncio_loop loop;
static char got[16384];
static size_t got_size;

#ifdef __GNUC__
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif
static void put_list(const char *format, va_list arguments)
{
    int size = vsnprintf(got + got_size, sizeof got - got_size - 1, format, arguments);
    got_size += size > 0 ? (size_t)size : 0u;
    got[got_size++] = '\n';
    got[got_size] = '\0';
}
/* A line as it is. */
static void put(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put_list(format, arguments);
    va_end(arguments);
}
/* A line with tick and time in front. */
static void say(const char *format, ...)
{
    va_list arguments;
    got_size += (size_t)snprintf(got + got_size, 64, "%u %g ", (unsigned)loop.ticks,
                                 (double)asyncio_loop_time(&loop) / (double)ASYNCIO_TICKS_PER_SECOND);
    va_start(arguments, format);
    put_list(format, arguments);
    va_end(arguments);
}
static const char *truth(bool value) { return value ? "True" : "False"; }
static const char *name(int err) { return err != 0 ? asyncio_errname(err) : "None"; }
static const char *text(const char *message) { return message != NULL ? message : "None"; }

static void say_arg(void *arg) { say("%s", (const char *)arg); }
static void say_done(asyncio_future *future, void *arg)
{
    (void)future;
    say("%s", (const char *)arg);
}
static void on_exception(asyncio_loop *self, const asyncio_exception_context *context, void *arg)
{
    (void)self, (void)arg;
    say("EXCHANDLER %s %s", context->message, name(context->err));
}

#define SOON(callback, arg) CHECK_EQ(asyncio_call_soon(&loop, NULL, callback, arg), 0)
#define LATER(seconds, callback, arg) CHECK_EQ(asyncio_call_later(&loop, NULL, seconds, callback, arg), 0)

/* ---- Calls and timers ---- */

static void t01_a(void *arg)
{
    (void)arg;
    say("a");
    SOON(say_arg, "c");
}
ASYNC(t01_call_soon_snapshot)
{
    ASYNC_BEGIN;
    SOON(t01_a, NULL);
    SOON(say_arg, "b");
    ASYNC_AWAIT(asyncio_sleep(0));
    say("main 1");
    ASYNC_AWAIT(asyncio_sleep(0));
    say("main 2");
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}

ASYNC(t02_call_later_and_call_soon)
{
    ASYNC_BEGIN;
    LATER(0, say_arg, "later 0");
    SOON(say_arg, "soon");
    LATER(-5, say_arg, "later -5");
    ASYNC_AWAIT(asyncio_sleep(0));
    say("main resumes");
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}

static void say_number(void *arg) { say("%d", (int)(intptr_t)arg); }
static const int t03_counts[] = {2, 3, 4, 5, 6, 8};
ASYNC(t03_equal_deadlines, int k; intptr_t i; asyncio_time when;)
{
    ASYNC_BEGIN;
    for (self->k = 0; self->k < 6; self->k++) {
        self->when = asyncio_loop_time(&loop) + ASYNCIO_SECONDS(1);
        for (self->i = 0; self->i < t03_counts[self->k]; self->i++)
            CHECK_EQ(asyncio_call_at(&loop, NULL, self->when, say_number, (void *)self->i), 0);
        ASYNC_AWAIT(asyncio_sleep(2));
        say("of %d", t03_counts[self->k]);
    }
    ASYNC_END;
}

ASYNC(t04_sleeper, int i;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    say("woke %d", self->i);
    ASYNC_END;
}
ASYNC(t04_sleep_ties, asyncio_task *tasks[6]; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 6; self->i++)
        asyncio_create_task(ASYNC_NEW(t04_sleeper, .i = self->i), .into = &self->tasks[self->i]);
    for (self->i = 0; self->i < 6; self->i++) {
        ASYNC_AWAIT(self->tasks[self->i]);
        asyncio_task_release(self->tasks[self->i]);
    }
    say("all");
    ASYNC_END;
}

ASYNC(t05_await_done_future, asyncio_future *future; int result;)
{
    ASYNC_BEGIN;
    self->future = asyncio_future_new(&loop);
    asyncio_future_set_result(self->future, 1);
    SOON(say_arg, "callback");
    ASYNC_AWAIT_INTO(self->result, self->future);
    say("result %d", self->result);
    ASYNC_AWAIT(asyncio_sleep(0));
    say("after sleep0");
    asyncio_future_release(self->future);
    ASYNC_END;
}

ASYNC(noop)
{
    ASYNC_BEGIN;
    say("noop");
    ASYNC_END;
}
ASYNC(t06_task_ticks, asyncio_task *task; asyncio_task *tasks[2]; int i; struct noop sub;)
{
    ASYNC_BEGIN;
    say("create");
    asyncio_create_task(ASYNC_NEW(noop), .into = &self->task);
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    say("after task");
    ASYNC_AWAIT(ASYNC_IN(&self->sub, noop));
    say("after direct");
    for (self->i = 0; self->i < 2; self->i++)
        asyncio_create_task(ASYNC_NEW(noop), .into = &self->tasks[self->i]);
    for (self->i = 0; self->i < 2; self->i++) {
        ASYNC_AWAIT(self->tasks[self->i]);
        asyncio_task_release(self->tasks[self->i]);
        say("after one of two");
    }
    ASYNC_END;
}

ASYNC(t38_timer_cancel_and_when, asyncio_handle handle;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_call_later(&loop, &self->handle, 5, say_arg, "no"), 0);
    say("%g %s", (double)asyncio_handle_when(&self->handle) / 1e9, truth(asyncio_handle_cancelled(&self->handle)));
    asyncio_handle_cancel(&self->handle);
    say("%g %s", (double)asyncio_handle_when(&self->handle) / 1e9, truth(asyncio_handle_cancelled(&self->handle)));
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK_EQ(asyncio_call_later(&loop, &self->handle, 2, say_arg, "fired"), 0);
    ASYNC_AWAIT(asyncio_sleep(9));
    asyncio_handle_cancel(&self->handle);
    say("end");
    ASYNC_END;
}

static void x11_first(void *arg)
{
    (void)arg;
    say("s1");
    LATER(0, say_arg, "t from s1");
    SOON(say_arg, "s from s1");
}
ASYNC(x11_ready_then_timers, int i;)
{
    ASYNC_BEGIN;
    LATER(0, say_arg, "t0");
    SOON(x11_first, NULL);
    for (self->i = 0; self->i < 3; self->i++)
        ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}

ASYNC(x14_sleep_forms)
{
    ASYNC_BEGIN;
    SOON(say_arg, "callback 1");
    ASYNC_AWAIT(asyncio_sleep(-1));
    say("after -1");
    SOON(say_arg, "callback 2");
    ASYNC_AWAIT(asyncio_sleep(1e-9));
    say("after 1e-9");
    ASYNC_END;
}

/* ---- Cancellation ---- */

ASYNC(t07_never)
{
    ASYNC_BEGIN;
    say("started");
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_FINALLY;
    say("finally");
    ASYNC_END;
}
ASYNC(t07_cancel_before_start, asyncio_task *task; int err; const char *message;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(t07_never), .into = &self->task);
    asyncio_task_cancel(self->task, "m");
    ASYNC_CATCH_ALL_INTO(self->err, self->message, self->task);
    say("%s %s %s", name(self->err), text(self->message), truth(asyncio_task_cancelled(self->task)));
    asyncio_task_release(self->task);
    ASYNC_END;
}

ASYNC(t08_waiter, asyncio_future *future; int err; const char *message;)
{
    asyncio_value value;
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->message, self->future);
    if (self->err == 0) {
        say("got");
    } else {
        CHECK_EQ(asyncio_future_result(self->future, &value), 0);
        say("cancelled though the future has %d %s", (int)value, text(self->message));
        ASYNC_RAISE(self->err, self->message);
    }
    ASYNC_END;
}
ASYNC(t08_cancel_when_ready, asyncio_future *future; asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    self->future = asyncio_future_new(NULL);
    asyncio_create_task(ASYNC_NEW(t08_waiter, .future = self->future), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_future_set_result(self->future, 7);
    asyncio_task_cancel(self->task, "x");
    ASYNC_CATCH_ALL(self->err, self->task);
    say("%s", truth(asyncio_task_cancelled(self->task)));
    asyncio_task_release(self->task);
    asyncio_future_release(self->future);
    ASYNC_END;
}

ASYNC(t09_suspends, asyncio_future future;)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), "self");
    say("before done future");
    asyncio_future_init(&self->future, NULL);
    asyncio_future_set_result(&self->future, 1);
    ASYNC_AWAIT(&self->future);
    say("after done future");
    ASYNC_AWAIT(asyncio_sleep(0));
    say("not reached");
    ASYNC_END;
}
ASYNC(t09_returns)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), NULL);
    ASYNC_RETURN(1);
    ASYNC_END;
}
ASYNC(t09_raises)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), NULL);
    ASYNC_RAISE(ASYNCIO_EUSER);
    ASYNC_END;
}
static const char *t09_outcome(asyncio_task *task)
{
    return asyncio_task_cancelled(task) ? "cancelled" : name(asyncio_task_exception(task));
}
ASYNC(t09_self_cancel, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(t09_suspends), .into = &self->task);
    ASYNC_CATCH_ALL(self->err, self->task);
    say("suspends %s", t09_outcome(self->task));
    asyncio_task_release(self->task);
    asyncio_create_task(ASYNC_NEW(t09_returns), .into = &self->task);
    ASYNC_CATCH_ALL(self->err, self->task);
    say("returns %s", t09_outcome(self->task));
    asyncio_task_release(self->task);
    asyncio_create_task(ASYNC_NEW(t09_raises), .into = &self->task);
    ASYNC_CATCH_ALL(self->err, self->task);
    say("raises %s", t09_outcome(self->task));
    asyncio_task_release(self->task);
    ASYNC_END;
}

ASYNC(t10_stubborn, int n; int err; const char *message;)
{
    ASYNC_BEGIN;
    while (self->n < 3) {
        ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(10));
        if (self->err == 0)
            break;
        self->n++;
        say("caught %d %s %d", self->n, text(self->message), asyncio_task_cancelling(asyncio_current_task()));
    }
    ASYNC_RETURN(self->n);
    ASYNC_END;
}
ASYNC(t10_double_cancel, asyncio_task *task; bool first; int result;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(t10_stubborn), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    self->first = asyncio_task_cancel(self->task, "a");
    say("%s %s", truth(self->first), truth(asyncio_task_cancel(self->task, "b")));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    say("%s", truth(asyncio_task_cancel(self->task, "c")));
    ASYNC_AWAIT_INTO(self->result, self->task);
    say("result %d %s", self->result, truth(asyncio_task_cancelled(self->task)));
    asyncio_task_release(self->task);
    ASYNC_END;
}

ASYNC(t11_survivor)
{
    asyncio_task *me = asyncio_current_task();
    ASYNC_BEGIN;
    asyncio_task_cancel(me, NULL);
    say("cancelling %d", asyncio_task_cancelling(me));
    say("uncancel %d", asyncio_task_uncancel(me));
    ASYNC_AWAIT(asyncio_sleep(0));
    say("survived");
    ASYNC_END;
}
ASYNC(t11_uncancel, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(t11_survivor), .into = &self->task);
    ASYNC_CATCH_ALL(self->err, self->task);
    say("%s", truth(asyncio_task_cancelled(self->task)));
    asyncio_task_release(self->task);
    ASYNC_END;
}

ASYNC(t12_inner, int err; const char *message;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(10));
    say("inner %s", text(self->message));
    ASYNC_RAISE(self->err, self->message);
    ASYNC_END;
}
ASYNC(t12_outer, asyncio_task *task; int err; const char *message;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(t12_inner), .into = &self->task);
    ASYNC_CATCH_ALL_INTO(self->err, self->message, self->task);
    say("outer %s %s", text(self->message), truth(asyncio_task_cancelled(self->task)));
    asyncio_task_release(self->task);
    ASYNC_RAISE(self->err, self->message);
    ASYNC_END;
}
ASYNC(t12_cancel_chain, asyncio_task *task; int i; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(t12_outer), .into = &self->task);
    for (self->i = 0; self->i < 3; self->i++)
        ASYNC_AWAIT(asyncio_sleep(0));
    say("cancel");
    asyncio_task_cancel(self->task, "msg");
    ASYNC_CATCH_ALL(self->err, self->task);
    say("done %s", truth(asyncio_task_cancelled(self->task)));
    asyncio_task_release(self->task);
    ASYNC_END;
}

ASYNC(t37_by_hand)
{
    ASYNC_BEGIN;
    ASYNC_RAISE(ASYNCIO_ECANCELLED, "by hand");
    ASYNC_END;
}
ASYNC(t37_by_future, asyncio_future future;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_future_cancel(&self->future, "fm");
    ASYNC_AWAIT(&self->future);
    ASYNC_END;
}
ASYNC(t37_raise_cancelled_by_hand, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(t37_by_hand), .into = &self->task);
    ASYNC_CATCH_ALL(self->err, self->task);
    say("%s %d", truth(asyncio_task_cancelled(self->task)), asyncio_task_cancelling(self->task));
    asyncio_task_release(self->task);
    asyncio_create_task(ASYNC_NEW(t37_by_future), .into = &self->task);
    ASYNC_CATCH_ALL(self->err, self->task);
    say("%s %d", truth(asyncio_task_cancelled(self->task)), asyncio_task_cancelling(self->task));
    asyncio_task_release(self->task);
    ASYNC_END;
}

ASYNC(x06_tidy)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(10));
    ASYNC_FINALLY;
    say("cleanup starts");
    ASYNC_AWAIT(asyncio_sleep(1));
    say("cleanup ends");
    ASYNC_END;
}
ASYNC(x06_cancel_during_cleanup, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(x06_tidy), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_cancel(self->task, NULL);
    ASYNC_CATCH_ALL(self->err, self->task);
    say("%s", truth(asyncio_task_cancelled(self->task)));
    asyncio_task_release(self->task);
    ASYNC_END;
}

ASYNC(x12_waiter, asyncio_future *future;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(self->future);
    say("resumed");
    ASYNC_END;
}
static void x12_cancel(asyncio_future *future, void *arg)
{
    (void)future;
    say("cancel %s", truth(asyncio_task_cancel(*(asyncio_task **)arg, NULL)));
}
ASYNC(x12_cancel_from_done_callback, asyncio_future *future; asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    self->future = asyncio_future_new(NULL);
    asyncio_create_task(ASYNC_NEW(x12_waiter, .future = self->future), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_EQ(asyncio_future_add_done_callback(self->future, NULL, x12_cancel, &self->task), 0);
    asyncio_future_set_result(self->future, 1);
    ASYNC_CATCH_ALL(self->err, self->task);
    say("cancelled %s", truth(asyncio_task_cancelled(self->task)));
    asyncio_task_release(self->task);
    asyncio_future_release(self->future);
    self->future = asyncio_future_new(NULL);
    CHECK_EQ(asyncio_future_add_done_callback(self->future, NULL, x12_cancel, &self->task), 0);
    asyncio_create_task(ASYNC_NEW(x12_waiter, .future = self->future), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_future_set_result(self->future, 1);
    ASYNC_CATCH_ALL(self->err, self->task);
    say("cancelled %s", truth(asyncio_task_cancelled(self->task)));
    asyncio_task_release(self->task);
    asyncio_future_release(self->future);
    ASYNC_END;
}

ASYNC(x13_sleeper)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(5));
    ASYNC_END;
}
ASYNC(x13_waiter, asyncio_task *task; int err; const char *message;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->message, self->task);
    say("sees it %d", asyncio_task_cancelling(asyncio_current_task()));
    ASYNC_RAISE(self->err, self->message);
    ASYNC_END;
}
ASYNC(x13_cancelled_by_someone_else, asyncio_task *task; asyncio_task *other; int err;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(x13_sleeper), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_create_task(ASYNC_NEW(x13_waiter, .task = self->task), .into = &self->other);
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_cancel(self->task, NULL);
    ASYNC_CATCH_ALL(self->err, self->other);
    say("%s %d", truth(asyncio_task_cancelled(self->other)), asyncio_task_cancelling(self->other));
    asyncio_task_release(self->task);
    asyncio_task_release(self->other);
    ASYNC_END;
}

ASYNC(x20_deaf, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    ASYNC_END;
}
ASYNC(x20_cancel_returns, asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(x20_deaf), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    say("cancel %s", truth(asyncio_task_cancel(self->task, NULL)));
    ASYNC_AWAIT(self->task);
    say("%s cancel %s", truth(asyncio_task_cancelled(self->task)), truth(asyncio_task_cancel(self->task, NULL)));
    asyncio_task_release(self->task);
    ASYNC_END;
}

/* ---- Futures ---- */

ASYNC(t28_waiter, asyncio_future *future; int i;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(self->future);
    say("waiter %d", self->i);
    ASYNC_END;
}
ASYNC(t28_done_callback_order, asyncio_future *future; asyncio_task *tasks[2]; int i; int err;)
{
    ASYNC_BEGIN;
    self->future = asyncio_future_new(NULL);
    CHECK_EQ(asyncio_future_add_done_callback(self->future, NULL, say_done, "callback 1"), 0);
    for (self->i = 0; self->i < 2; self->i++)
        asyncio_create_task(ASYNC_NEW(t28_waiter, .future = self->future, .i = self->i), .into = &self->tasks[self->i]);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_EQ(asyncio_future_add_done_callback(self->future, NULL, say_done, "callback 2"), 0);
    asyncio_future_set_result(self->future, 0);
    say("set");
    for (self->i = 0; self->i < 2; self->i++) {
        ASYNC_CATCH_ALL(self->err, self->tasks[self->i]);
        asyncio_task_release(self->tasks[self->i]);
    }
    CHECK_EQ(asyncio_future_add_done_callback(self->future, NULL, say_done, "callback after done"), 0);
    say("added");
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_future_release(self->future);
    ASYNC_END;
}

ASYNC(t30_bad)
{
    ASYNC_BEGIN;
    ASYNC_RAISE(ASYNCIO_EUSER);
    ASYNC_END;
}
ASYNC(t30_never_retrieved, asyncio_task *task; asyncio_future *future;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(t30_bad), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    say("release");
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_release(self->task);
    say("released");
    self->future = asyncio_future_new(NULL);
    asyncio_future_set_exception(self->future, ASYNCIO_EUSER);
    say("release");
    asyncio_future_release(self->future);
    say("released");
    self->future = asyncio_future_new(NULL);
    asyncio_future_set_exception(self->future, ASYNCIO_EUSER);
    (void)asyncio_future_exception(self->future);
    asyncio_future_release(self->future);
    say("no report after exception()");
    self->future = asyncio_future_new(NULL);
    asyncio_future_set_exception(self->future, ASYNCIO_EUSER);
    asyncio_future_cancel(self->future, NULL);
    asyncio_future_release(self->future);
    say("no report after cancel()");
    ASYNC_END;
}

ASYNC(t40_done_twice, asyncio_future *future;)
{
    asyncio_value value = 0;
    bool cancelled;
    ASYNC_BEGIN;
    self->future = asyncio_future_new(NULL);
    asyncio_future_set_result(self->future, 1);
    say("%s", name(asyncio_future_set_result(self->future, 2)));
    say("%s", name(asyncio_future_set_exception(self->future, ASYNCIO_EUSER)));
    cancelled = asyncio_future_cancel(self->future, NULL);
    CHECK_EQ(asyncio_future_result(self->future, &value), 0);
    say("cancel %s %d", truth(cancelled), (int)value);
    asyncio_future_release(self->future);
    self->future = asyncio_future_new(NULL);
    say("%s", name(asyncio_future_result(self->future, NULL)));
    say("%s", name(asyncio_future_exception(self->future)));
    asyncio_future_cancel(self->future, "why");
    say("%s %s", name(asyncio_future_result(self->future, NULL)), text(asyncio_future_cancel_message(self->future)));
    say("%s %s", name(asyncio_future_exception(self->future)), text(asyncio_future_cancel_message(self->future)));
    asyncio_future_release(self->future);
    ASYNC_END;
}

/* ---- Tasks ---- */

static asyncio_task *t34_main;
ASYNC(t34_ends)
{
    ASYNC_BEGIN;
    say("eager %s", truth(asyncio_current_task() != t34_main));
    ASYNC_RETURN(1);
    ASYNC_END;
}
ASYNC(t34_waits)
{
    ASYNC_BEGIN;
    say("eager");
    ASYNC_AWAIT(asyncio_sleep(0));
    say("resumed");
    ASYNC_RETURN(2);
    ASYNC_END;
}
ASYNC(t34_eager, asyncio_task *task; asyncio_task *other; int result;)
{
    ASYNC_BEGIN;
    asyncio_set_task_factory(&loop, asyncio_eager_task_factory);
    t34_main = asyncio_current_task();
    say("create");
    asyncio_create_task(ASYNC_NEW(t34_ends), .into = &self->task);
    say("created %s %s", truth(asyncio_task_done(self->task)), truth(asyncio_current_task() == t34_main));
    asyncio_create_task(ASYNC_NEW(t34_waits), .into = &self->other);
    say("created %s", truth(asyncio_task_done(self->other)));
    ASYNC_AWAIT_INTO(self->result, self->other);
    say("%d", self->result);
    SOON(say_arg, "callback");
    ASYNC_AWAIT_INTO(self->result, self->task);
    say("%d", self->result);
    asyncio_task_release(self->task);
    asyncio_task_release(self->other);
    asyncio_set_task_factory(&loop, NULL);
    ASYNC_END;
}

ASYNC(t35_sleep)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
static int t35_number(asyncio_task *task)
{
    char buffer[ASYNCIO_NAME_SIZE];
    return atoi(asyncio_task_get_name(task, buffer) + 5);
}
ASYNC(t35_names_and_all_tasks, int me; asyncio_task *tasks[2];)
{
    ASYNC_BEGIN;
    self->me = t35_number(asyncio_current_task());
    say("%u", (unsigned)asyncio_all_tasks(&loop, NULL, 0));
    asyncio_create_task(ASYNC_NEW(t35_sleep), .into = &self->tasks[0]);
    asyncio_create_task(ASYNC_NEW(t35_sleep), .into = &self->tasks[1]);
    say("%d %d %u", t35_number(self->tasks[0]) - self->me, t35_number(self->tasks[1]) - self->me,
        (unsigned)asyncio_all_tasks(&loop, NULL, 0));
    ASYNC_AWAIT(asyncio_sleep(0));
    say("%u", (unsigned)asyncio_all_tasks(&loop, NULL, 0));
    ASYNC_AWAIT(asyncio_sleep(0));
    say("%u", (unsigned)asyncio_all_tasks(&loop, NULL, 0));
    asyncio_task_release(self->tasks[0]);
    asyncio_task_release(self->tasks[1]);
    ASYNC_END;
}

/* ---- Loop and run() ---- */

static void stop(void *arg)
{
    (void)arg;
    asyncio_loop_stop(&loop);
}
static void sync01_last(void *arg)
{
    SOON(say_arg, "scheduled by it");
    stop(arg);
}
static void sync01_stop(void)
{
    SOON(say_arg, "callback");
    asyncio_loop_stop(&loop);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    say("stopped before it ran");
    SOON(sync01_last, NULL);
    SOON(say_arg, "same batch");
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    say("stopped");
    asyncio_loop_stop(&loop);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
}

ASYNC(sync02_leaves)
{
    ASYNC_BEGIN;
    SOON(say_arg, "left 1");
    SOON(say_arg, "left 2");
    ASYNC_RETURN(5);
    ASYNC_END;
}
static void sync02_run_until_complete(void)
{
    asyncio_future *future = asyncio_future_new(&loop);
    asyncio_value value = 0;
    asyncio_future_set_result(future, 7);
    CHECK_EQ(asyncio_run_until_future(&loop, future, &value), 0);
    say("%d", (int)value);
    asyncio_future_release(future);
    future = asyncio_future_new(&loop);
    SOON(stop, NULL);
    say("%s", asyncio_strerror(asyncio_run_until_future(&loop, future, &value)));
    asyncio_future_release(future);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(sync02_leaves), &value), 0);
    say("%d", (int)value);
    SOON(stop, NULL);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    say("%s", asyncio_strerror(asyncio_call_soon(&loop, NULL, say_arg, "no")));
}

static asyncio_task *sync03_tasks[5];
static bool sync03_child_done;
ASYNC(sync03_background, const char *n; const char *mode; int err; int i;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(100));
    if (self->err == 0)
        ASYNC_RETURN(0);
    say("%s cancelled", self->n);
    if (tap_same(self->mode, "error"))
        ASYNC_RAISE(ASYNCIO_EUSER);
    if (tap_same(self->mode, "linger")) {
        for (self->i = 0; self->i < 4; self->i++)
            ASYNC_AWAIT(asyncio_sleep(0));
        say("%s lingered", self->n);
    }
    if (tap_same(self->mode, "spawn")) {
        asyncio_create_task(ASYNC_NEW(sync03_background, .n = "child", .mode = ""), .into = &sync03_tasks[4]);
        ASYNC_AWAIT(asyncio_sleep(0));
        ASYNC_RETURN(0);
    }
    ASYNC_RAISE(ASYNCIO_ECANCELLED);
    ASYNC_END;
}
static const char *const sync03_modes[][2] = {{"0", "error"}, {"1", "linger"}, {"2", "spawn"}, {"3", ""}};
static struct sync03_background_task sync03_storage[4];
ASYNC(sync03_main, int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 4; self->i++)
        asyncio_create_task(ASYNC_AT(&sync03_storage[self->i], sync03_background, .n = sync03_modes[self->i][0],
                                     .mode = sync03_modes[self->i][1]),
                            .into = &sync03_tasks[self->i]);
    ASYNC_AWAIT(asyncio_sleep(0));
    say("main returns");
    ASYNC_RETURN(3);
    ASYNC_END;
}
/* Python's task that is pending at the end vanishes in silence there; here the loop's close frees and reports it. */
static void sync03_on_exception(asyncio_loop *self, const asyncio_exception_context *context, void *arg)
{
    if (context->task == sync03_tasks[4])
        sync03_child_done = !tap_same(context->message, "Task was destroyed but it is pending!");
    else
        on_exception(self, context, arg);
}
static void sync03_run_shutdown(void)
{
    asyncio_value value = 0;
    int i;
    sync03_child_done = true;
    asyncio_set_exception_handler(&loop, sync03_on_exception, NULL);
    CHECK_EQ(asyncio_run(ASYNC_NEW(sync03_main), .loop = &loop, .result = &value), 0);
    put("run returned %d", (int)value);
    for (i = 0; i < 4; i++)
        put("%s", t09_outcome(sync03_tasks[i]));
    put("%s", truth(sync03_child_done));
}

ASYNC(sync03_raises)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_FINALLY;
    say("finally");
    ASYNC_RAISE(ASYNCIO_EUSER);
    ASYNC_END;
}
static void sync03_run_raises(void)
{
    put("run raised %s", name(asyncio_run(ASYNC_NEW(sync03_raises), .loop = &loop, .quiet = true)));
}

ASYNC(sync04_passes, int err;)
{
    ASYNC_BEGIN;
    CHECK_EQ(raise(SIGINT), 0);
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    put(self->err == ASYNCIO_ECANCELLED ? "cancelled" : "not reached");
    ASYNC_RAISE(self->err);
    ASYNC_END;
}
ASYNC(sync04_swallows, int err;)
{
    ASYNC_BEGIN;
    CHECK_EQ(raise(SIGINT), 0);
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    put("swallowed");
    ASYNC_RETURN(4);
    ASYNC_END;
}
ASYNC(sync04_cancels)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), NULL);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
static void sync04_sigint(void)
{
    asyncio_value value = 0;
    put("passes %s", name(asyncio_run(ASYNC_NEW(sync04_passes), .port = &asyncio_virtual_port, .quiet = true)));
    CHECK_EQ(asyncio_run(ASYNC_NEW(sync04_swallows), .port = &asyncio_virtual_port, .result = &value), 0);
    put("swallows %d", (int)value);
    put("cancels %s", name(asyncio_run(ASYNC_NEW(sync04_cancels), .port = &asyncio_virtual_port, .quiet = true)));
}

ASYNC(sync05_main)
{
    ASYNC_BEGIN;
    say("%s", name(asyncio_run(ASYNC_NEW(t35_sleep), .quiet = true)));
    ASYNC_END;
}
static void sync05_nested_run(void) { CHECK_EQ(asyncio_run(ASYNC_NEW(sync05_main), .loop = &loop), 0); }

/* ---- Comparing ---- */

static char trace[32768];

static void read_trace(void)
{
    char path[1024];
    FILE *file;
    const char *here = __FILE__, *slash = strrchr(here, '/');
    snprintf(path, sizeof path, "%.*soracle/trace.txt", slash != NULL ? (int)(slash - here) + 1 : 0, here);
    file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    trace[fread(trace, 1, sizeof trace - 1, file)] = '\0';
    fclose(file);
}

/* The lines between "== name" and the next "== ". */
static char *section(const char *of)
{
    char head[128], *begin, *end;
    static char copy[sizeof trace];
    snprintf(head, sizeof head, "== %s\n", of);
    begin = strstr(trace, head);
    if (begin == NULL)
        return NULL;
    begin += strlen(head);
    end = strstr(begin, "== ");
    snprintf(copy, sizeof copy, "%.*s", end != NULL ? (int)(end - begin) : (int)strlen(begin), begin);
    return copy;
}

static void compare(const char *of)
{
    char *want = section(of), *have = got;
    CHECK(want != NULL && *want != '\0');
    while (want != NULL && (*want != '\0' || *have != '\0')) {
        char *want_end = strchr(want, '\n'), *have_end = strchr(have, '\n');
        if (want_end != NULL)
            *want_end = '\0';
        if (have_end != NULL)
            *have_end = '\0';
        CHECK_STR(have, want);
        want = want_end != NULL ? want_end + 1 : want + strlen(want);
        have = have_end != NULL ? have_end + 1 : have + strlen(have);
    }
}

static void begin(void)
{
    got_size = 0;
    got[0] = '\0';
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio_set_exception_handler(&loop, on_exception, NULL);
}

#define COROUTINE(name)                                                                                                \
    TEST(test_##name)                                                                                                  \
    {                                                                                                                  \
        begin();                                                                                                       \
        CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(name), NULL), 0);                                         \
        CHECK_EQ(asyncio_loop_close(&loop), 0);                                                                        \
        compare(#name);                                                                                                \
    }
#define FUNCTION(name)                                                                                                 \
    TEST(test_##name)                                                                                                  \
    {                                                                                                                  \
        begin();                                                                                                       \
        name();                                                                                                        \
        CHECK_EQ(asyncio_loop_close(&loop), 0);                                                                        \
        compare(#name);                                                                                                \
    }
#define SCENARIOS(C, F)                                                                                                \
    C(t01_call_soon_snapshot) C(t02_call_later_and_call_soon) C(t03_equal_deadlines) C(t04_sleep_ties)                 \
    C(t05_await_done_future) C(t06_task_ticks) C(t07_cancel_before_start) C(t08_cancel_when_ready) C(t09_self_cancel)  \
    C(t10_double_cancel) C(t11_uncancel) C(t12_cancel_chain) C(t28_done_callback_order) C(t30_never_retrieved)         \
    C(t34_eager) C(t35_names_and_all_tasks) C(t37_raise_cancelled_by_hand) C(t38_timer_cancel_and_when)                \
    C(t40_done_twice) C(x06_cancel_during_cleanup) C(x11_ready_then_timers) C(x12_cancel_from_done_callback)           \
    C(x13_cancelled_by_someone_else) C(x14_sleep_forms) C(x20_cancel_returns) F(sync01_stop)                           \
    F(sync02_run_until_complete) F(sync03_run_shutdown) F(sync03_run_raises) F(sync04_sigint) F(sync05_nested_run)
#define RUN_SCENARIO(name) RUN(test_##name);
#define COUNT_SCENARIO(name) +1

SCENARIOS(COROUTINE, FUNCTION)

TEST(test_that_no_scenario_was_forgotten)
{
    const char *at = trace;
    int count = 0;
    for (; (at = strstr(at, "== ")) != NULL; at++)
        count++;
    CHECK_EQ(count, 0 SCENARIOS(COUNT_SCENARIO, COUNT_SCENARIO));
}

int main(void)
{
    (void)signal(SIGINT, SIG_DFL); /* a shell's background jobs begin with it ignored */
    read_trace();
    SCENARIOS(RUN_SCENARIO, RUN_SCENARIO)
    RUN(test_that_no_scenario_was_forgotten);
    return tap_end();
}
