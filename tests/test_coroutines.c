/* SPDX-License-Identifier: MIT
 *
 * The ASYNC_ macros: frames and arguments, awaiting, errors, FINALLY, blocks, the mistakes that are caught, tracebacks.
 */
#include "fixture.h"

/* A coroutine in static storage as a task of an open loop, to be stepped and cancelled by the test. */
#define START(task, ...) START_(FIRST(__VA_ARGS__), task, __VA_ARGS__)
#define START_(name, task, ...) START__(name, task, __VA_ARGS__)
#define START__(name, task, ...)                                                                                       \
    do {                                                                                                               \
        static struct name##_task storage_##name;                                                                      \
        start(ASYNC_AT(&storage_##name, __VA_ARGS__), task);                                                           \
    } while (0)

static void start(asyncio_root *root, asyncio_task **task)
{
    asyncio_task_options options = {NULL, NULL, 0, NULL};
    options.into = task;
    CHECK_EQ(asyncio_loop_create_task(&loop, root, &options), 0);
}

static asyncio_status answer(int code)
{
    asyncio_status status;
    status.code = code;
    status.value = 0;
    return status;
}

/* ---- Frames and arguments ---- */

static int ran;

ASYNC(nothing)
{
    ASYNC_BEGIN;
    ran++;
    ASYNC_END;
}

TEST(test_frame_without_fields)
{
    asyncio_value value = 77;
    CHECK_EQ(sizeof(struct nothing), sizeof(asyncio_coro));
    CHECK_EQ(offsetof(struct nothing_task, frame), offsetof(asyncio_task, coro));
    ran = 0;
    CHECK_EQ(RUN_CORO(&value, nothing), 0);
    CHECK_EQ(ran, 1);
    CHECK_EQ(value, 0); /* falling into ASYNC_END returns 0 */
}

ASYNC(subtract, int a; int b; const char *word;)
{
    ASYNC_BEGIN;
    CHECK(self->word == NULL); /* what is not named is zero, whatever the storage held */
    ASYNC_RETURN(self->a - self->b);
    ASYNC_END;
}

TEST(test_arguments_by_name)
{
    static struct subtract_task storage;
    asyncio_value value = 0;
    unsigned char *byte = (unsigned char *)&storage;
    size_t i;
    CHECK_EQ(RUN_CORO(&value, subtract, .b = 2, .a = 44), 0);
    CHECK_EQ(value, 42);
    for (i = 0; i < sizeof storage; i++)
        byte[i] = 0xa5;
    CHECK_EQ(run(ASYNC_AT(&storage, subtract, .a = 5), &value), 0);
    CHECK_EQ(value, 5);
}

ASYNC(fifteen, int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o;)
{
    ASYNC_BEGIN;
    ASYNC_RETURN(self->a + 2 * self->b + 3 * self->c + 4 * self->d + 5 * self->e + 6 * self->f + 7 * self->g +
                 8 * self->h + 9 * self->i + 10 * self->j + 11 * self->k + 12 * self->l + 13 * self->m + 14 * self->n +
                 15 * self->o);
    ASYNC_END;
}

TEST(test_fifteen_arguments)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, fifteen, .a = 1, .b = 2, .c = 3, .d = 4, .e = 5, .f = 6, .g = 7, .h = 8, .i = 9, .j = 10,
                      .k = 11, .l = 12, .m = 13, .n = 14, .o = 15),
             0);
    CHECK_EQ(value, 1240); /* the sum of the squares: each value reached its own field */
}

struct point {
    int x, y;
};
ASYNC(origin_distance, struct point at; int calls;)
{
    ASYNC_BEGIN;
    ASYNC_RETURN(self->at.x * self->at.x + self->at.y * self->at.y + self->calls);
    ASYNC_END;
}

static int calls;
static int called(void) { return ++calls; }

TEST(test_argument_values)
{
    asyncio_value value = 0;
    calls = 0;
    CHECK_EQ(RUN_CORO(&value, origin_distance, .at = ((struct point){3, 4}), .calls = called() * 100), 0);
    CHECK_EQ(value, 125);
    CHECK_EQ(calls, 1); /* an argument is evaluated once */
}

ASYNC_DECLARE(declared, int n;);
ASYNC(uses_declared, struct declared sub; int got;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->got, ASYNC_IN(&self->sub, declared, .n = 20));
    ASYNC_RETURN(self->got);
    ASYNC_END;
}
ASYNC_DEFINE(declared)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RETURN(self->n + 1);
    ASYNC_END;
}

TEST(test_declare_and_define)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, uses_declared), 0);
    CHECK_EQ(value, 21);
}

#ifdef ASYNC_NEW
ASYNC(awaits_heap, int got;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_NEW(nothing));
    ASYNC_AWAIT_INTO(self->got, ASYNC_NEW(subtract, .a = 9, .b = 2));
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

TEST(test_new_with_and_without_arguments)
{
    asyncio_value value = 0;
    ran = 0;
    CHECK_EQ(run(ASYNC_NEW(awaits_heap), &value), 0);
    CHECK_EQ(value, 7);
    CHECK_EQ(ran, 1);
}

/* Python's test_create_task_error_closes_coro and coroutine.close(): under a sanitizer a frame that stays is a leak. */
TEST(test_close_of_a_coroutine_that_never_ran)
{
    static struct nothing_task storage;
    ran = 0;
    open_loop();
    asyncio_coro_close(ASYNC_NEW(nothing));
    asyncio_coro_close(ASYNC_AT(&storage, nothing));
    asyncio_coro_close(NULL);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_EQ(ran, 0);
}
#endif

/* ---- Awaiting ---- */

ASYNC(returns, asyncio_value value;)
{
    ASYNC_BEGIN;
    ASYNC_RETURN(self->value);
    ASYNC_END;
}

ASYNC(raises, int err; int sleeps;)
{
    ASYNC_BEGIN;
    while (self->sleeps-- > 0)
        ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RAISE(self->err);
    ASYNC_END;
}

ASYNC(no_suspension, struct nothing a; struct returns b; struct raises c; int err; asyncio_future done; uint32_t ticks;
      int got; struct nothing_task spawned;)
{
    ASYNC_BEGIN;
    self->ticks = loop.ticks;
    ASYNC_AWAIT(ASYNC_IN(&self->a, nothing));
    ASYNC_AWAIT_INTO(self->got, ASYNC_IN(&self->b, returns, .value = 3));
    CHECK_EQ(self->got, 3);
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->c, raises, .err = E1));
    CHECK_EQ(self->err, E1);
    asyncio_future_init(&self->done, NULL);
    asyncio_future_set_result(&self->done, 8);
    ASYNC_AWAIT_INTO(self->got, &self->done);
    CHECK_EQ(self->got, 8);
    ASYNC_AWAIT_INTO(self->got, &self->done); /* test_yield_from_twice */
    CHECK_EQ(self->got, 8);
    CHECK_EQ(loop.ticks, self->ticks);
    asyncio_create_task(ASYNC_AT(&self->spawned, nothing));
    ASYNC_AWAIT(ASYNC_TASK(&self->spawned));
    CHECK_EQ(loop.ticks, self->ticks + 2); /* a task costs two iterations: its step, and the wake-up */
    ASYNC_AWAIT(ASYNC_TASK(&self->spawned));
    CHECK_EQ(loop.ticks, self->ticks + 2);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_EQ(loop.ticks, self->ticks + 3);
    ASYNC_AWAIT(asyncio_sleep(1e-3));
    CHECK_EQ(loop.ticks, self->ticks + 5); /* the timer, then the wake-up */
    ASYNC_END;
}

TEST(test_awaiting_what_does_not_suspend_is_a_call)
{
    ran = 0;
    CHECK_EQ(RUN_CORO(NULL, no_suspension), 0);
    CHECK_EQ(ran, 2);
}

static int target;
ASYNC(all_values, struct returns sub; struct raises bad; int number; signed char small; uint64_t big; int *pointer;
      const char *text; int err; asyncio_value rest;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->number, ASYNC_IN(&self->sub, returns, .value = -5));
    CHECK_EQ(self->number, -5);
    ASYNC_AWAIT_INTO(self->small, ASYNC_IN(&self->sub, returns, .value = -3));
    CHECK_EQ(self->small, -3);
    ASYNC_AWAIT_INTO(self->big, ASYNC_IN(&self->sub, returns, .value = 1000000));
    CHECK_EQ(self->big, 1000000);
    ASYNC_AWAIT_INTO(self->pointer, ASYNC_IN(&self->sub, returns, .value = (asyncio_value)&target));
    CHECK(self->pointer == &target);
    ASYNC_AWAIT_INTO(self->text, ASYNC_IN(&self->sub, returns, .value = (asyncio_value) "word"));
    CHECK_STR(self->text, "word");
    self->err = 1;
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->sub, returns, .value = 4));
    CHECK_EQ(self->err, 0);
    ASYNC_CATCH_ALL_INTO(self->err, self->number, ASYNC_IN(&self->sub, returns, .value = 4));
    CHECK_EQ(self->err, 0);
    CHECK_EQ(self->number, 4);
    ASYNC_CATCH_ALL_INTO(self->err, self->rest, ASYNC_IN(&self->bad, raises, .err = E2, .sleeps = 1));
    CHECK_EQ(self->err, E2);
    self->number = 6;
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->bad, raises, .err = EINVAL, .sleeps = 0));
    CHECK_EQ(self->err, EINVAL);
    ASYNC_AWAIT_INTO(self->number, ASYNC_IN(&self->bad, raises, .err = E3, .sleeps = 1));
    CHECK(0);
    ASYNC_FINALLY;
    CHECK_EQ(self->number, 6); /* an error leaves the destination alone */
    ASYNC_END;
}

TEST(test_await_into_and_catch) { CHECK_EQ(RUN_CORO(NULL, all_values), E3); }

ASYNC(awaits_by_name, struct returns sub; struct nothing_task spawned; asyncio_future future;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_CORO(ASYNC_IN(&self->sub, returns));
    asyncio_future_init(&self->future, NULL);
    asyncio_future_set_exception(&self->future, E2);
    asyncio_create_task(ASYNC_AT(&self->spawned, nothing));
    ASYNC_AWAIT_TASK(ASYNC_TASK(&self->spawned));
    ASYNC_AWAIT_FUTURE(&self->future);
    CHECK(0);
    ASYNC_END;
}

TEST(test_await_spelled_out)
{
    ran = 0;
    CHECK_EQ(RUN_CORO(NULL, awaits_by_name), E2);
    CHECK_EQ(ran, 1);
}

ASYNC(awaits_at, struct returns_task sub; int got;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->got, ASYNC_AT(&self->sub, returns, .value = 12)); /* room for a Task does not hurt */
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

TEST(test_await_of_a_root)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, awaits_at), 0);
    CHECK_EQ(value, 12);
}

#if ASYNCIO_DENSE
ASYNC(one_line, int n; struct returns sub; int a; int b;)
{
    ASYNC_BEGIN;
    self->n++; ASYNC_AWAIT(asyncio_sleep(0)); self->n++; ASYNC_AWAIT(asyncio_sleep(0)); self->n++;
    ASYNC_AWAIT_INTO(self->a, ASYNC_IN(&self->sub, returns, .value = 1)); ASYNC_AWAIT(asyncio_sleep(0)); self->b = 2;
    ASYNC_RETURN(self->n * 100 + self->a * 10 + self->b);
    ASYNC_END;
}

TEST(test_two_awaits_on_one_line)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, one_line), 0);
    CHECK_EQ(value, 312);
    CHECK_EQ(loop.ticks, 5); /* first step, three sleeps, and the iteration in which run_until_complete is told */
}
#endif

ASYNC(raises_codes, int err; struct raises sub;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->sub, raises, .err = 0));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->sub, raises, .err = -5));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->sub, raises, .err = ASYNCIO_EUSERMAX + 1));
    CHECK_EQ(self->err, ASYNCIO_EVALUE);
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->sub, raises, .err = ASYNCIO_EUSERMAX));
    CHECK_EQ(self->err, ASYNCIO_EUSERMAX);
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->sub, raises, .err = 1));
    CHECK_EQ(self->err, 1);
    ASYNC_END;
}

TEST(test_raise_checks_the_range) { CHECK_EQ(RUN_CORO(NULL, raises_codes), 0); }

ASYNC(raises_message)
{
    ASYNC_BEGIN;
    ASYNC_RAISE(ASYNCIO_ECANCELLED, "by hand");
    ASYNC_END;
}
ASYNC(catches_message, struct raises_message sub; int err; const char *message;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->message, ASYNC_IN(&self->sub, raises_message));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_STR(self->message, "by hand");
    ASYNC_RAISE(self->err, self->message);
    ASYNC_END;
}

TEST(test_raise_with_a_message)
{
    asyncio_task *task;
    open_loop();
    START(&task, catches_message);
    step(1);
    CHECK(asyncio_task_cancelled(task));
    CHECK_EQ(asyncio_task_cancelling(task), 0);
    CHECK_STR(asyncio_future_cancel_message(asyncio_task_future(task)), "by hand");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* ---- Depth ---- */

enum { DEPTH = 1000 };

enum { BOTTOM_RETURNS, BOTTOM_RAISES, BOTTOM_FOREVER };
static int finallys;

ASYNC(deep, struct deep *frames; int depth; int what; int got;)
{
    ASYNC_BEGIN;
    if (self->depth == DEPTH) {
        if (self->what == BOTTOM_FOREVER)
            ASYNC_AWAIT(asyncio_sleep(1000));
        ASYNC_AWAIT(asyncio_sleep(0));
        ASYNC_AWAIT(asyncio_sleep(0));
        if (self->what == BOTTOM_RAISES)
            ASYNC_RAISE(E1);
        ASYNC_RETURN(1);
    }
    ASYNC_AWAIT_INTO(self->got, ASYNC_IN(&self->frames[self->depth], deep, .frames = self->frames,
                                         .depth = self->depth + 1, .what = self->what));
    ASYNC_RETURN(self->got + 1);
    ASYNC_FINALLY;
    finallys++;
    ASYNC_END;
}

static struct deep deep_frames[DEPTH];

TEST(test_depth_in_place)
{
    asyncio_value value = 0;
    asyncio_task *task;
    finallys = 0;
    CHECK_EQ(RUN_CORO(&value, deep, .frames = deep_frames), 0);
    CHECK_EQ(value, DEPTH + 1);
    CHECK_EQ(finallys, DEPTH + 1);
    CHECK_EQ(loop.ticks, 4);
    finallys = 0;
    CHECK_EQ(RUN_CORO(&value, deep, .frames = deep_frames, .what = BOTTOM_RAISES), E1);
    CHECK_EQ(finallys, DEPTH + 1);
    finallys = 0;
    open_loop();
    START(&task, deep, .frames = deep_frames, .what = BOTTOM_FOREVER);
    step(1);
    CHECK(asyncio_task_cancel(task, "deep down"));
    step(1);
    CHECK(asyncio_task_cancelled(task)); /* through every level in one iteration: it is one task */
    CHECK_STR(asyncio_future_cancel_message(asyncio_task_future(task)), "deep down");
    CHECK_EQ(finallys, DEPTH + 1);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

#ifdef ASYNC_NEW
ASYNC(deep_heap, int depth; int what; int got;)
{
    ASYNC_BEGIN;
    if (self->depth == 0) {
        if (self->what == BOTTOM_FOREVER)
            ASYNC_AWAIT(asyncio_sleep(1000));
        ASYNC_AWAIT(asyncio_sleep(0));
        if (self->what == BOTTOM_RAISES)
            ASYNC_RAISE(E1);
        ASYNC_RETURN(0);
    }
    ASYNC_AWAIT_INTO(self->got, ASYNC_NEW(deep_heap, .depth = self->depth - 1, .what = self->what));
    ASYNC_RETURN(self->got + 1);
    ASYNC_END;
}

TEST(test_depth_on_the_heap)
{
    asyncio_value value = 0;
    asyncio_task *task;
    CHECK_EQ(run(ASYNC_NEW(deep_heap, .depth = DEPTH), &value), 0);
    CHECK_EQ(value, DEPTH);
    CHECK_EQ(run(ASYNC_NEW(deep_heap, .depth = DEPTH, .what = BOTTOM_RAISES), &value), E1);
    open_loop(); /* and a loop that closes over it frees every level */
    START(&task, deep_heap, .depth = DEPTH, .what = BOTTOM_FOREVER);
    step(2);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
#if ASYNCIO_ALL_TASKS
    CHECK_EQ(reports, 1);
    CHECK_STR(last_report.message, "Task was destroyed but it is pending!");
#endif
}
#endif

/* ---- FINALLY ---- */

enum { BY_RETURN, BY_ERROR, BY_END, BY_WAIT };

static void log_error(int err)
{
    log_add(err == 0 ? "ok" : err == E1 ? "E1" : err == E2 ? "E2" : err == E3 ? "E3"
            : err == ASYNCIO_ECANCELLED ? "cancelled" : "other");
}

ASYNC(finally, int how; int awaits; int err; int raise; int overrides; struct returns sub;)
{
    ASYNC_BEGIN;
    log_add("body");
    if (self->how == BY_RETURN)
        ASYNC_RETURN(5);
    if (self->how == BY_ERROR)
        ASYNC_RAISE(E1);
    if (self->how == BY_WAIT)
        ASYNC_AWAIT(asyncio_sleep(100));
    ASYNC_FINALLY;
    log_add("finally");
    for (; self->awaits > 0; self->awaits--) {
        ASYNC_AWAIT(asyncio_sleep(0));
        ASYNC_AWAIT(ASYNC_IN(&self->sub, returns, .value = 99));
        log_add("awaited");
    }
    if (self->raise)
        ASYNC_RAISE(self->raise);
    if (self->overrides)
        ASYNC_RETURN(7);
    ASYNC_END;
}

ASYNC(around_finally, struct finally sub; int how; int awaits; int raise; int overrides; int err; asyncio_value got;
      int want; asyncio_value want_value;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->got, ASYNC_IN(&self->sub, finally, .how = self->how, .awaits = self->awaits,
                                                    .raise = self->raise, .overrides = self->overrides));
    CHECK_EQ(self->err, self->want);
    if (self->err == 0)
        CHECK_EQ(self->got, self->want_value);
    ASYNC_END;
}

static void check_finally(int how, int awaits, int raise, int overrides, int want, asyncio_value want_value,
                          bool nested)
{
    asyncio_value value = -1;
    log_clear();
    if (nested) {
        CHECK_EQ(RUN_CORO(NULL, around_finally, .how = how, .awaits = awaits, .raise = raise, .overrides = overrides,
                          .want = want, .want_value = want_value),
                 0);
    } else {
        CHECK_EQ(RUN_CORO(&value, finally, .how = how, .awaits = awaits, .raise = raise, .overrides = overrides), want);
        CHECK_EQ(value, want == 0 ? want_value : 0);
    }
    CHECK_LOG(awaits == 0 ? "body finally" : awaits == 1 ? "body finally awaited" : "body finally awaited awaited");
}

TEST(test_finally_keeps_the_outcome)
{
    int nested, awaits;
    for (nested = 0; nested < 2; nested++)
        for (awaits = 0; awaits < 3; awaits++) {
            check_finally(BY_RETURN, awaits, 0, 0, 0, 5, nested);
            check_finally(BY_ERROR, awaits, 0, 0, E1, 0, nested);
            check_finally(BY_END, awaits, 0, 0, 0, 0, nested);
        }
}

TEST(test_error_in_finally_replaces_the_outcome)
{
    int nested, awaits, how;
    for (nested = 0; nested < 2; nested++)
        for (awaits = 0; awaits < 2; awaits++)
            for (how = BY_RETURN; how <= BY_END; how++)
                check_finally(how, awaits, E2, 0, E2, 0, nested);
}

TEST(test_return_in_finally_overrides_the_outcome)
{
    int nested, awaits, how;
    for (nested = 0; nested < 2; nested++)
        for (awaits = 0; awaits < 2; awaits++)
            for (how = BY_RETURN; how <= BY_END; how++)
                check_finally(how, awaits, 0, 1, 0, 7, nested);
}

TEST(test_finally_on_cancellation)
{
    asyncio_task *task;
    asyncio_value value;
    open_loop();
    START(&task, finally, .how = BY_WAIT, .awaits = 1);
    step(1);
    CHECK(asyncio_task_cancel(task, "m"));
    step(1);
    CHECK(!asyncio_task_done(task)); /* it awaits in its FINALLY: that runs normally */
    step(1);
    CHECK(asyncio_task_cancelled(task));
    CHECK_STR(asyncio_future_cancel_message(asyncio_task_future(task)), "m");
    CHECK_LOG("body finally awaited");
    asyncio_task_release(task);
    START(&task, finally, .how = BY_WAIT, .overrides = 1); /* swallows the cancellation */
    step(1);
    CHECK(asyncio_task_cancel(task, "m"));
    step(1);
    CHECK_EQ(asyncio_task_result(task, &value), 0);
    CHECK_EQ(value, 7);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* A cancellation during FINALLY replaces the outcome like any error there; the clean-up does not run twice. */
TEST(test_cancel_during_finally)
{
    asyncio_task *task;
    int how;
    for (how = BY_RETURN; how <= BY_END; how++) {
        open_loop();
        log_clear();
        START(&task, finally, .how = how, .awaits = 1);
        step(1);
        CHECK(asyncio_task_cancel(task, "late"));
        step(1);
        CHECK(asyncio_task_cancelled(task));
        CHECK_LOG("body finally");
        CHECK_EQ(asyncio_loop_close(&loop), 0);
    }
}

/* What was on its way out is neither lost nor mistaken for a cancel message when a FINALLY catches a cancellation. */
ASYNC(patient_sub, int err; const char *message;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(0));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK(self->message == NULL || tap_same(self->message, "msg"));
    ASYNC_END;
}
ASYNC(patient, int how; int nested; int timer; int err; const char *message; struct patient_sub sub;)
{
    ASYNC_BEGIN;
    if (self->how == BY_RETURN)
        ASYNC_RETURN(5);
    if (self->how == BY_ERROR)
        ASYNC_RAISE(E1);
    ASYNC_FINALLY;
    if (self->nested) {
        ASYNC_AWAIT(ASYNC_IN(&self->sub, patient_sub));
    } else {
        ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(self->timer));
        CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
        CHECK(self->message == NULL || tap_same(self->message, "msg"));
    }
    ASYNC_END;
}

TEST(test_finally_that_catches_its_cancellation)
{
    asyncio_task *task;
    asyncio_value value;
    int how, variant;
    for (variant = 0; variant < 3; variant++)
        for (how = BY_RETURN; how <= BY_END; how++) {
            open_loop();
            START(&task, patient, .how = how, .nested = variant == 1, .timer = variant == 2);
            step(1);
            CHECK(asyncio_task_cancel(task, "msg"));
            step(1);
            CHECK(asyncio_task_done(task));
            CHECK_EQ(asyncio_task_result(task, &value), how == BY_ERROR ? E1 : 0);
            CHECK_EQ(value, how == BY_RETURN ? 5 : 0);
            CHECK_EQ(asyncio_loop_close(&loop), 0);
        }
}

ASYNC(cancels_itself, int how; int waits; int err; const char *message;)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), "self");
    if (self->how == BY_RETURN)
        ASYNC_RETURN(5);
    if (self->how == BY_ERROR)
        ASYNC_RAISE(E1);
    ASYNC_FINALLY;
    if (self->waits) {
        ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(self->waits - 1));
        CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
        CHECK(self->message == NULL || tap_same(self->message, "self"));
    }
    ASYNC_END;
}

TEST(test_cancel_of_itself_before_finally)
{
    asyncio_task *task;
    asyncio_value value;
    const char *message;
    int how, waits;
    for (waits = 0; waits < 3; waits++)
        for (how = BY_RETURN; how <= BY_END; how++) {
            open_loop();
            START(&task, cancels_itself, .how = how, .waits = waits);
            step(2);
            CHECK(asyncio_task_done(task));
            message = asyncio_future_cancel_message(asyncio_task_future(task));
            CHECK(message == NULL || tap_same(message, "self"));
            if (how == BY_ERROR)
                CHECK_EQ(asyncio_task_result(task, &value), E1); /* an error wins over the request */
            else
                CHECK_EQ(asyncio_task_result(task, &value), waits ? 0 : ASYNCIO_ECANCELLED);
            CHECK_EQ(value, waits && how == BY_RETURN ? 5 : 0);
            CHECK_EQ(asyncio_loop_close(&loop), 0);
        }
}

/* ---- Blocks ---- */

enum { PASS, SWALLOW, REPLACE, SLEEP, SLEEP_SWALLOW, CORO, CORO_ERROR };

struct probe {
    asyncio_block block;
    const char *name;
    int enters, exits; /* how: PASS returns at once, ... */
    struct raises sub;
    struct returns value;
    int seen;
};

static int opened, closed;

static void log_probe(const char *before, struct probe *probe, int err)
{
    log_add(before);
    log_add(probe->name);
    log_error(err);
}

static asyncio_status probe_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    struct probe *probe = (struct probe *)(void *)block;
    if (probe->enters == SLEEP)
        return asyncio_sleep_for(task, ASYNCIO_SECONDS(1));
    if (probe->enters == CORO)
        return asyncio_await_coro(self, task, ASYNC_IN(&probe->sub, raises, .err = E3, .sleeps = 1));
    if (probe->enters == REPLACE)
        return answer(E2);
    opened++;
    log_probe("+", probe, 0);
    return answer(0);
}

static asyncio_status probe_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    struct probe *probe = (struct probe *)(void *)block;
    closed++;
    log_probe("-", probe, err);
    switch (probe->exits) {
    case SWALLOW:
        return answer(0);
    case REPLACE:
        return answer(E2);
    case SLEEP:
    case SLEEP_SWALLOW:
        return asyncio_sleep_for(task, ASYNCIO_SECONDS(1));
    case CORO:
        return asyncio_await_coro(self, task, ASYNC_IN(&probe->value, returns, .value = 3));
    case CORO_ERROR:
        return asyncio_await_coro(self, task, ASYNC_IN(&probe->sub, raises, .err = E3, .sleeps = 2));
    default:
        return answer(err);
    }
}

static asyncio_status probe_resume(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err, int outcome)
{
    struct probe *probe = (struct probe *)(void *)block;
    (void)task;
    if (block->phase == ASYNCIO__BLOCK_ENTER && outcome == 0) {
        opened++;
        log_probe("+", probe, 0);
    } else {
        log_probe("~", probe, outcome);
    }
    if (outcome != 0) {
        asyncio_status status = answer(outcome);
        status.value = self->value; /* its message, or its traceback */
        return status;
    }
    return answer(probe->exits == SLEEP_SWALLOW ? 0 : err);
}

static const asyncio_block_type probe_type = {probe_enter, probe_exit, probe_resume};
static const asyncio_block_type plain_type = {NULL, probe_exit, NULL};

static void probe_init(struct probe *probe, const char *name, int enters, int exits)
{
    asyncio__clear(probe, sizeof *probe);
    probe->block.type = &probe_type;
    probe->name = name;
    probe->enters = enters;
    probe->exits = exits;
}

ASYNC(with_one, struct probe a; int enters; int exits; int how; int plain;)
{
    ASYNC_BEGIN;
    probe_init(&self->a, "a", self->enters, self->exits);
    if (self->plain)
        self->a.block.type = &plain_type;
    ASYNC_WITH(&self->a) {
        log_add("in");
        if (self->how == BY_RETURN)
            ASYNC_RETURN(5);
        if (self->how == BY_ERROR)
            ASYNC_RAISE(E1);
        ASYNC_AWAIT(asyncio_sleep(0));
        log_add("out");
    }
    log_add("after");
    ASYNC_RETURN(6);
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}

static void check_with(int enters, int exits, int how, int want, asyncio_value want_value, const char *want_log)
{
    asyncio_value value = -1;
    opened = closed = 0;
    log_clear();
    CHECK_EQ(RUN_CORO(&value, with_one, .enters = enters, .exits = exits, .how = how), want);
    CHECK_EQ(value, want_value);
    CHECK_EQ(opened, closed);
    tap_check_str(tap_log, want_log, __FILE__, __LINE__, "log");
    log_clear();
}

TEST(test_with)
{
    check_with(PASS, PASS, BY_END, 0, 6, "+ a ok in out - a ok after finally");
    check_with(PASS, PASS, BY_RETURN, 0, 5, "+ a ok in - a ok finally");
    check_with(PASS, PASS, BY_ERROR, E1, 0, "+ a ok in - a E1 finally");
}

TEST(test_with_exit_swallows_and_replaces)
{
    check_with(PASS, SWALLOW, BY_END, 0, 6, "+ a ok in out - a ok after finally");
    check_with(PASS, SWALLOW, BY_RETURN, 0, 5, "+ a ok in - a ok finally"); /* a return is no error */
    check_with(PASS, SWALLOW, BY_ERROR, 0, 6, "+ a ok in - a E1 after finally");
    check_with(PASS, REPLACE, BY_END, E2, 0, "+ a ok in out - a ok finally");
    check_with(PASS, REPLACE, BY_RETURN, E2, 0, "+ a ok in - a ok finally");
    check_with(PASS, REPLACE, BY_ERROR, E2, 0, "+ a ok in - a E1 finally");
}

TEST(test_with_enter_and_exit_that_wait)
{
    check_with(SLEEP, PASS, BY_END, 0, 6, "+ a ok in out - a ok after finally");
    check_with(SLEEP, SLEEP, BY_END, 0, 6, "+ a ok in out - a ok ~ a ok after finally");
    check_with(SLEEP, SLEEP, BY_RETURN, 0, 5, "+ a ok in - a ok ~ a ok finally");
    check_with(SLEEP, SLEEP, BY_ERROR, E1, 0, "+ a ok in - a E1 ~ a ok finally");
    check_with(PASS, SLEEP_SWALLOW, BY_ERROR, 0, 6, "+ a ok in - a E1 ~ a ok after finally");
}

TEST(test_with_exit_that_awaits_a_coroutine)
{
    check_with(PASS, CORO, BY_END, 0, 6, "+ a ok in out - a ok after finally");
    check_with(PASS, CORO_ERROR, BY_END, E3, 0, "+ a ok in out - a ok ~ a E3 finally");
    check_with(PASS, CORO_ERROR, BY_RETURN, E3, 0, "+ a ok in - a ok ~ a E3 finally");
    check_with(PASS, CORO_ERROR, BY_ERROR, E3, 0, "+ a ok in - a E1 ~ a E3 finally");
}

TEST(test_with_enter_that_fails)
{
    check_with(REPLACE, PASS, BY_END, E2, 0, "finally"); /* the exit belongs to a block that was entered */
    check_with(CORO, PASS, BY_END, E3, 0, "~ a E3 finally");
}

TEST(test_with_block_type_without_enter_and_resume)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, with_one, .plain = 1, .exits = PASS, .how = BY_ERROR), E1);
    CHECK_LOG("in - a E1 finally");
    CHECK_EQ(RUN_CORO(&value, with_one, .plain = 1, .exits = SLEEP, .how = BY_RETURN), 0);
    CHECK_EQ(value, 5);
    CHECK_LOG("in - a ok finally");
    CHECK_EQ(RUN_CORO(&value, with_one, .plain = 1, .exits = CORO_ERROR, .how = BY_ERROR), E3);
    CHECK_LOG("in - a E1 finally");
}

/* A block's exit awaits a coroutine whose own FINALLY waits after its return: the value is still there then. */
ASYNC(returns_slowly, asyncio_value value; int err;)
{
    ASYNC_BEGIN;
    if (self->err)
        ASYNC_RAISE(self->err);
    ASYNC_RETURN(self->value);
    ASYNC_FINALLY;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
struct reader {
    asyncio_block block;
    struct returns_slowly sub;
    asyncio_value got;
    int err;
};
static asyncio_status reader_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    struct reader *reader = (struct reader *)(void *)block;
    (void)err;
    return asyncio_await_coro(self, task, ASYNC_IN(&reader->sub, returns_slowly, .value = 41, .err = reader->err));
}
static asyncio_status reader_resume(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err, int outcome)
{
    struct reader *reader = (struct reader *)(void *)block;
    (void)task, (void)err;
    reader->got = self->value;
    return answer(outcome);
}
static const asyncio_block_type reader_type = {NULL, reader_exit, reader_resume};
ASYNC(reads_at_exit, struct reader a;)
{
    ASYNC_BEGIN;
    self->a.block.type = &reader_type;
    ASYNC_WITH(&self->a)
        log_add("in");
    ASYNC_RETURN(self->a.got);
    ASYNC_END;
}

TEST(test_value_of_a_coroutine_awaited_by_a_block)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, reads_at_exit), 0);
    CHECK_EQ(value, 41);
}

ASYNC(with_three, struct probe a; struct probe b; struct probe c; int how; int exits;)
{
    ASYNC_BEGIN;
    probe_init(&self->a, "a", PASS, self->exits);
    probe_init(&self->b, "b", SLEEP, SLEEP);
    probe_init(&self->c, "c", PASS, PASS);
    ASYNC_WITH(&self->a) {
        ASYNC_AWAIT(asyncio_sleep(0));
        ASYNC_WITH(&self->b) {
            ASYNC_WITH(&self->c) {
                if (self->how == BY_RETURN)
                    ASYNC_RETURN(5);
                if (self->how == BY_ERROR)
                    ASYNC_RAISE(E1);
                ASYNC_AWAIT(asyncio_sleep(1));
            }
            log_add("in b");
        }
        log_add("in a");
        ASYNC_AWAIT(asyncio_sleep(0));
    }
    log_add("after");
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}

TEST(test_with_three_deep)
{
    asyncio_value value = -1;
    CHECK_EQ(RUN_CORO(&value, with_three, .how = BY_END), 0);
    CHECK_EQ(value, 0);
    CHECK_LOG("+ a ok + b ok + c ok - c ok in b - b ok ~ b ok in a - a ok after finally");
    CHECK_EQ(RUN_CORO(&value, with_three, .how = BY_RETURN), 0);
    CHECK_EQ(value, 5);
    CHECK_LOG("+ a ok + b ok + c ok - c ok - b ok ~ b ok - a ok finally");
    CHECK_EQ(RUN_CORO(&value, with_three, .how = BY_ERROR), E1);
    CHECK_LOG("+ a ok + b ok + c ok - c E1 - b E1 ~ b ok - a E1 finally");
    CHECK_EQ(RUN_CORO(&value, with_three, .how = BY_ERROR, .exits = SWALLOW), 0);
    CHECK_LOG("+ a ok + b ok + c ok - c E1 - b E1 ~ b ok - a E1 after finally");
}

/* Whatever it waits for, a cancelled coroutine closes what it opened, cleans up once, and is cancelled. */
TEST(test_cancel_at_every_suspension_inside_blocks)
{
    int at, cancelled = 0;
    for (at = 1; at < 20; at++) {
        asyncio_task *task;
        open_loop();
        log_clear();
        opened = closed = 0;
        START(&task, with_three, .how = BY_END, .exits = SLEEP);
        step(at);
        if (!asyncio_task_done(task)) {
            CHECK(asyncio_task_cancel(task, "stop"));
            cancelled++;
            step(8);
            CHECK(asyncio_task_cancelled(task));
            CHECK_STR(asyncio_future_cancel_message(asyncio_task_future(task)), "stop");
        }
        CHECK(asyncio_task_done(task));
        CHECK_EQ(opened, closed);
        CHECK(opened > 0);
        log_add("");
        CHECK(tap_log_size >= 8 && tap_same(tap_log + tap_log_size - 8, "finally "));
        CHECK_EQ(asyncio_loop_close(&loop), 0);
        CHECK_EQ(reports, 0);
    }
    CHECK(cancelled >= 10);
}

TEST(test_cancel_during_the_exit_replaces_the_first_message)
{
    asyncio_task *task;
    open_loop();
    START(&task, with_one, .exits = SLEEP, .how = BY_WAIT);
    step(1);
    CHECK(asyncio_task_cancel(task, "first"));
    step(1);
    CHECK(asyncio_task_cancel(task, "second"));
    step(1);
    CHECK(asyncio_task_cancelled(task));
    CHECK_STR(asyncio_future_cancel_message(asyncio_task_future(task)), "second");
    CHECK_LOG("+ a ok in - a cancelled ~ a cancelled finally");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

ASYNC(in_a_loop, struct probe a; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 4; self->i++) {
        probe_init(&self->a, "a", PASS, self->i % 2 ? SLEEP : PASS);
        ASYNC_WITH(&self->a) {
            log_number(self->i);
            if (self->i == 1)
                continue; /* both leave the block, not the loop */
            if (self->i == 2)
                break;
            ASYNC_AWAIT(asyncio_sleep(0));
            log_add("end");
        }
    }
    ASYNC_RETURN(self->i);
    ASYNC_END;
}

TEST(test_with_in_a_loop_and_break_and_continue)
{
    asyncio_value value = 0;
    CHECK_EQ(RUN_CORO(&value, in_a_loop), 0);
    CHECK_EQ(value, 4);
    CHECK_LOG("+ a ok 0 end - a ok + a ok 1 - a ok ~ a ok + a ok 2 - a ok + a ok 3 end - a ok ~ a ok");
}

/* Statements around a block keep their meaning: it is one statement, and an else belongs to the if it seems to. */
ASYNC(dangling, struct probe a; asyncio_try t; int take;)
{
    ASYNC_BEGIN;
    probe_init(&self->a, "a", PASS, PASS);
    if (self->take) {
        ASYNC_WITH(&self->a)
            log_add("one");
    } else {
        log_add("else");
    }
    ASYNC_TRY_ALL(&self->t)
        ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_EXCEPT(&self->t)
        log_add("never");
    ASYNC_END;
}

TEST(test_blocks_as_statements)
{
    CHECK_EQ(RUN_CORO(NULL, dangling, .take = 1), 0);
    CHECK_LOG("+ a ok one - a ok");
    CHECK_EQ(RUN_CORO(NULL, dangling), 0);
    CHECK_LOG("else");
}

/* ---- TRY ---- */

ASYNC(tries, asyncio_try outer; asyncio_try inner; int how; int again; struct raises sub;)
{
    ASYNC_BEGIN;
    ASYNC_TRY_ALL(&self->outer) {
        ASYNC_AWAIT(asyncio_sleep(0));
        ASYNC_TRY_ALL(&self->inner) {
            ASYNC_AWAIT(asyncio_sleep(0));
            if (self->how == BY_ERROR)
                ASYNC_AWAIT(ASYNC_IN(&self->sub, raises, .err = E1, .sleeps = 1));
            if (self->how == BY_RETURN)
                ASYNC_RETURN(5);
            if (self->how == BY_WAIT)
                ASYNC_AWAIT(asyncio_sleep(100));
            log_add("no error");
        }
        ASYNC_EXCEPT(&self->inner) {
            log_add("inner");
            log_error(self->inner.block.err);
            ASYNC_AWAIT(asyncio_sleep(0));
            if (self->again)
                ASYNC_RAISE(self->inner.block.err, self->inner.block.detail);
        }
        log_add("between");
    }
    ASYNC_EXCEPT(&self->outer) {
        log_add("outer");
        log_error(self->outer.block.err);
    }
    log_error(self->inner.block.err);
    ASYNC_RETURN(6);
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}

TEST(test_try)
{
    asyncio_value value = 0;
    asyncio_task *task;
    CHECK_EQ(RUN_CORO(&value, tries, .how = BY_END), 0);
    CHECK_EQ(value, 6);
    CHECK_LOG("no error between ok finally");
    CHECK_EQ(RUN_CORO(&value, tries, .how = BY_ERROR), 0);
    CHECK_EQ(value, 6);
    CHECK_LOG("inner E1 between E1 finally");
    CHECK_EQ(RUN_CORO(&value, tries, .how = BY_ERROR, .again = 1), 0);
    CHECK_EQ(value, 6);
    CHECK_LOG("inner E1 outer E1 E1 finally");
    CHECK_EQ(RUN_CORO(&value, tries, .how = BY_RETURN), 0);
    CHECK_EQ(value, 5); /* a return passes */
    CHECK_LOG("finally");
    open_loop();
    START(&task, tries, .how = BY_WAIT, .again = 1);
    step(3);
    CHECK(asyncio_task_cancel(task, "m"));
    step(2);
    CHECK(asyncio_task_done(task) && !asyncio_task_cancelled(task));
    CHECK_LOG("inner cancelled outer cancelled cancelled finally");
    CHECK_EQ(asyncio_task_cancelling(task), 1);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* Python's `except Exception`: a cancellation is none, and leaves whoever forgets to look. */
ASYNC(catches_exceptions, asyncio_try t; int what; int err; asyncio_value value; struct raises sub;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, ASYNC_IN(&self->sub, raises, .err = E1, .sleeps = 1));
    log_error(self->err);
    if (self->what == 0)
        ASYNC_CATCH(self->err, asyncio_sleep(10));
    if (self->what == 1)
        ASYNC_CATCH_INTO(self->err, self->value, asyncio_sleep(10));
    if (self->what == 2) {
        ASYNC_TRY(&self->t)
            ASYNC_AWAIT(asyncio_sleep(10));
        ASYNC_EXCEPT(&self->t)
            log_add("except");
    }
    if (self->what == 3)
        ASYNC_CATCH(self->err, ASYNC_IN(&self->sub, raises, .err = ASYNCIO_ECANCELLED, .sleeps = 100));
    log_add("after");
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}

TEST(test_catch_and_try_let_a_cancellation_pass)
{
    int what;
    for (what = 0; what < 4; what++) {
        asyncio_task *task;
        open_loop();
        START(&task, catches_exceptions, .what = what);
        step(2);
        CHECK(asyncio_task_cancel(task, "m"));
        step(1);
        CHECK(asyncio_task_cancelled(task));
        CHECK_STR(asyncio_task_cancel_message(task), "m");
        CHECK_LOG("E1 finally");
        CHECK_EQ(asyncio_loop_close(&loop), 0);
    }
}

ASYNC(try_falls_off, asyncio_try t; int again;)
{
    ASYNC_BEGIN;
    ASYNC_TRY_ALL(&self->t)
        ASYNC_RAISE(E1);
    ASYNC_EXCEPT(&self->t)
        if (self->again)
            ASYNC_RAISE(self->t.block.err, self->t.block.detail);
    ASYNC_END;
}
ASYNC(try_in_with, struct probe a; asyncio_try t;)
{
    ASYNC_BEGIN;
    probe_init(&self->a, "a", PASS, PASS);
    ASYNC_TRY_ALL(&self->t) {
        ASYNC_WITH(&self->a) {
            ASYNC_AWAIT(asyncio_sleep(0));
            ASYNC_RAISE(E2);
        }
    }
    ASYNC_EXCEPT(&self->t)
        log_error(self->t.block.err);
    ASYNC_END;
}

TEST(test_try_at_the_end_and_around_a_block)
{
    asyncio_value value = -1;
    CHECK_EQ(RUN_CORO(&value, try_falls_off), 0);
    CHECK_EQ(value, 0); /* nothing of the handled error is left */
    CHECK_EQ(RUN_CORO(&value, try_falls_off, .again = 1), E1);
    CHECK_EQ(RUN_CORO(&value, try_in_with), 0);
    CHECK_EQ(value, 0);
    CHECK_LOG("+ a ok - a E2 E2");
}

/* ---- Blocks in FINALLY: the outcome that is on its way out is none of theirs ---- */

ASYNC(finally_with, struct probe a; struct probe b; asyncio_try t; int how; int body; int exits; int nested;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    if (self->how == BY_RETURN)
        ASYNC_RETURN(5);
    if (self->how == BY_ERROR)
        ASYNC_RAISE(E1);
    ASYNC_FINALLY;
    probe_init(&self->a, "a", PASS, self->exits);
    probe_init(&self->b, "b", SLEEP, PASS);
    ASYNC_WITH(&self->a) {
        if (self->nested) {
            ASYNC_WITH(&self->b) {
                ASYNC_AWAIT(asyncio_sleep(0));
                if (self->body == BY_ERROR)
                    ASYNC_RAISE(E3);
            }
        }
        ASYNC_AWAIT(asyncio_sleep(0));
        if (self->body == BY_RETURN)
            ASYNC_RETURN(7);
        if (self->body == BY_ERROR)
            ASYNC_RAISE(E3);
    }
    ASYNC_TRY_ALL(&self->t)
        ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_EXCEPT(&self->t)
        log_add("wrong");
    log_add("end");
    ASYNC_END;
}
ASYNC(around_finally_with, struct finally_with sub; int how; int body; int exits; int nested; int err;
      asyncio_value got;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL_INTO(self->err, self->got,
                     ASYNC_IN(&self->sub, finally_with, .how = self->how, .body = self->body, .exits = self->exits,
                              .nested = self->nested));
    if (self->err)
        ASYNC_RAISE(self->err);
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

TEST(test_block_in_finally_keeps_the_outcome)
{
    int how, inside, nested;
    for (inside = 0; inside < 2; inside++)
        for (nested = 0; nested < 2; nested++)
            for (how = BY_RETURN; how <= BY_END; how++) {
                asyncio_value value = -1;
                int want = how == BY_ERROR ? E1 : 0, err;
                log_clear();
                if (inside)
                    err = RUN_CORO(&value, around_finally_with, .how = how, .body = BY_END, .nested = nested);
                else
                    err = RUN_CORO(&value, finally_with, .how = how, .body = BY_END, .nested = nested);
                CHECK_EQ(err, want);
                CHECK_EQ(value, how == BY_RETURN ? 5 : 0);
                CHECK_LOG(nested ? "+ a ok + b ok - b ok - a ok end" : "+ a ok - a ok end");

                if (inside) /* an error in the block that the block swallows */
                    err = RUN_CORO(&value, around_finally_with, .how = how, .body = BY_ERROR, .nested = nested,
                                   .exits = SLEEP_SWALLOW);
                else
                    err = RUN_CORO(&value, finally_with, .how = how, .body = BY_ERROR, .nested = nested,
                                   .exits = SLEEP_SWALLOW);
                CHECK_EQ(err, want);
                CHECK_EQ(value, how == BY_RETURN ? 5 : 0);
                CHECK_LOG(nested ? "+ a ok + b ok - b E3 - a E3 ~ a ok end" : "+ a ok - a E3 ~ a ok end");

                if (inside) /* one that it passes on replaces the outcome */
                    err = RUN_CORO(&value, around_finally_with, .how = how, .body = BY_ERROR, .nested = nested);
                else
                    err = RUN_CORO(&value, finally_with, .how = how, .body = BY_ERROR, .nested = nested);
                CHECK_EQ(err, E3);
                CHECK_LOG(nested ? "+ a ok + b ok - b E3 - a E3" : "+ a ok - a E3");

                if (inside) /* and so does a return */
                    err = RUN_CORO(&value, around_finally_with, .how = how, .body = BY_RETURN, .nested = nested);
                else
                    err = RUN_CORO(&value, finally_with, .how = how, .body = BY_RETURN, .nested = nested);
                CHECK_EQ(err, 0);
                CHECK_EQ(value, 7);
                CHECK_LOG(nested ? "+ a ok + b ok - b ok - a ok" : "+ a ok - a ok");
            }
}

/* A cancel request that a block's exit makes while it swallows an error arrives at the next await, with no message that
 * would be something else's remains. */
static asyncio_status rearm_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    (void)block, (void)self, (void)err;
    asyncio_task_cancel(task, NULL);
    return answer(0);
}
static const asyncio_block_type rearm_type = {NULL, rearm_exit, NULL};
ASYNC(rearms, struct probe a; int err; const char *message; int timer;)
{
    ASYNC_BEGIN;
    probe_init(&self->a, "a", PASS, PASS);
    self->a.block.type = &rearm_type;
    ASYNC_WITH(&self->a)
        ASYNC_RAISE(E1);
    ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(self->timer));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK(self->message == NULL);
    ASYNC_END;
}

TEST(test_cancel_from_a_blocks_exit)
{
    CHECK_EQ(RUN_CORO(NULL, rearms, .timer = 1), 0);
    CHECK_EQ(RUN_CORO(NULL, rearms, .timer = 0), 0);
}

/* ---- Mistakes that are caught ---- */

static int await_line;

ASYNC(own_switch, int n;)
{
    ASYNC_BEGIN;
    await_line = __LINE__ + 3;
    switch (self->n) {
    case 0:
        ASYNC_AWAIT(asyncio_sleep(0));
        break;
    default:
        break;
    }
    log_add("never");
    ASYNC_FINALLY;
    log_add("never");
    ASYNC_END;
}
ASYNC(around_own_switch, struct own_switch sub; int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->sub, own_switch));
    CHECK_EQ(self->err, ASYNCIO_ELOST);
    ASYNC_END;
}

TEST(test_await_inside_a_switch_of_ones_own)
{
    CHECK_EQ(RUN_CORO(NULL, own_switch), ASYNCIO_ELOST);
    CHECK_EQ(reports, 1);
    CHECK_EQ(last_report.err, ASYNCIO_ELOST);
    CHECK_STR(last_report.message,
              "await inside a switch of your own: its resume point is lost (use if/else, or await outside)");
#if ASYNCIO_STRINGS
    CHECK_STR(last_report.file, __FILE__);
#endif
#if ASYNCIO_LINES
    CHECK_EQ(last_report.line, await_line);
#endif
    CHECK(last_report.task != NULL);
    CHECK_LOG("");
    CHECK_EQ(RUN_CORO(NULL, around_own_switch), 0);
    CHECK_EQ(reports, 1);
}

ASYNC(escapes, struct probe a; int finally; int again;)
{
    ASYNC_BEGIN;
    probe_init(&self->a, "a", PASS, PASS);
    ASYNC_WITH(&self->a) {
        ASYNC_AWAIT(asyncio_sleep(0));
        goto outside;
    }
outside:
    log_add("outside");
    ASYNC_END;
}
ASYNC(escapes_finally, struct probe a;)
{
    ASYNC_BEGIN;
    probe_init(&self->a, "a", PASS, PASS);
    ASYNC_WITH(&self->a) {
        ASYNC_AWAIT(asyncio_sleep(0));
        goto outside;
    }
outside:
    log_add("outside");
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}

TEST(test_goto_out_of_a_block)
{
    CHECK_EQ(RUN_CORO(NULL, escapes), 0);
    CHECK_EQ(reports, 1);
    CHECK_STR(last_report.message, "a block was left by goto: its exit did not run");
    CHECK_EQ(last_report.err, ASYNCIO_ERUNTIME);
#if ASYNCIO_STRINGS
    CHECK_STR(last_report.file, __FILE__);
#endif
    CHECK_LOG("+ a ok outside");
    CHECK_EQ(RUN_CORO(NULL, escapes_finally), 0);
    CHECK_EQ(reports, 1);
    CHECK_LOG("+ a ok outside finally");
}

ASYNC(waits_long)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
ASYNC(awaits_root, asyncio_root *root; int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, self->root);
    if (self->err)
        ASYNC_RAISE(self->err);
    ASYNC_END;
}
ASYNC(reuses, struct nothing sub; asyncio_coro *first_use; int err; struct waits_long_task shared; asyncio_root *root;
      struct awaits_root_task first;)
{
    ASYNC_BEGIN;
    self->first_use = ASYNC_IN(&self->sub, nothing);
    ASYNC_AWAIT(self->first_use);
    ASYNC_CATCH_ALL(self->err, self->first_use);
    CHECK_EQ(self->err, ASYNCIO_EREUSED);
    self->root = ASYNC_AT(&self->shared, waits_long); /* while another task is inside of it */
    asyncio_create_task(ASYNC_AT(&self->first, awaits_root, .root = self->root));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_CATCH_ALL(self->err, self->root);
    CHECK_EQ(self->err, ASYNCIO_EREUSED);
    CHECK_EQ(asyncio_create_task(self->root), ASYNCIO_EREUSED);
    CHECK_EQ(reports, 1);
    ASYNC_AWAIT(ASYNC_TASK(&self->first)); /* the first is not disturbed */
    ASYNC_CATCH_ALL(self->err, self->root);
    CHECK_EQ(self->err, ASYNCIO_EREUSED);
    ASYNC_AWAIT(ASYNC_IN(&self->sub, nothing)); /* a new coroutine in old storage is a new one */
    ASYNC_END;
}

TEST(test_reuse_of_an_awaited_coroutine)
{
    ran = 0;
    CHECK_EQ(RUN_CORO(NULL, reuses), 0);
    CHECK_EQ(ran, 2);
}

ASYNC(awaits_null, int err; asyncio_value got; uint32_t ticks;)
{
    ASYNC_BEGIN;
    self->ticks = loop.ticks;
    ASYNC_CATCH_ALL(self->err, (asyncio_root *)NULL);
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    ASYNC_CATCH_ALL(self->err, (asyncio_coro *)NULL);
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    ASYNC_CATCH_ALL(self->err, (asyncio_future *)NULL);
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    ASYNC_CATCH_ALL_INTO(self->err, self->got, (asyncio_task *)NULL);
    CHECK_EQ(self->err, ASYNCIO_ENOMEM);
    CHECK_EQ(self->got, 0);
    CHECK_EQ(loop.ticks, self->ticks);
    CHECK_EQ(asyncio_create_task(NULL), ASYNCIO_ENOMEM);
    ASYNC_AWAIT((asyncio_root *)NULL);
    ASYNC_END;
}

TEST(test_awaiting_null) { CHECK_EQ(RUN_CORO(NULL, awaits_null), ASYNCIO_ENOMEM); }

enum { FORGETS_SLEEP, FORGETS_YIELD, FORGETS_FUTURE, FORGETS_READY_FUTURE };

ASYNC(forgets, asyncio_status status; int what; int err; int goes_on; asyncio_future future; asyncio_future other;
      struct returns sub; struct raises sleeper;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    asyncio_future_init(&self->other, NULL);
    if (self->what == FORGETS_SLEEP)
        self->status = asyncio_sleep(50);
    else if (self->what == FORGETS_YIELD)
        self->status = asyncio_sleep(0);
    else
        self->status = asyncio_await_future(asyncio_current_task(), &self->future);
    if (self->what == FORGETS_READY_FUTURE)
        asyncio_future_set_result(&self->future, 1);
    if (self->goes_on == 0)
        ASYNC_RETURN(3);
    if (self->goes_on == 1)
        ASYNC_AWAIT(asyncio_sleep(0));
    if (self->goes_on == 2)
        ASYNC_AWAIT(asyncio_sleep(1));
    if (self->goes_on == 3)
        ASYNC_AWAIT(&self->other);
    if (self->goes_on == 4)
        ASYNC_AWAIT(ASYNC_IN(&self->sleeper, raises, .err = E1, .sleeps = 1));
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    CHECK_EQ(self->err, ASYNCIO_ERUNTIME);
    ASYNC_AWAIT(asyncio_sleep(1)); /* said once; then all is well again */
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RETURN(4);
    ASYNC_END;
}

TEST(test_a_status_that_was_never_awaited)
{
    int what, goes_on;
    for (what = FORGETS_SLEEP; what <= FORGETS_READY_FUTURE; what++) {
        asyncio_value value = 0;
        CHECK_EQ(RUN_CORO(&value, forgets, .what = what, .goes_on = 0), 0);
        CHECK_EQ(value, 3);
        for (goes_on = 1; goes_on <= 4; goes_on++)
            CHECK_EQ(RUN_CORO(&value, forgets, .what = what, .goes_on = goes_on), ASYNCIO_ERUNTIME);
        CHECK_EQ(RUN_CORO(&value, forgets, .what = what, .goes_on = 5), 0);
        CHECK_EQ(value, 4);
        CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(1)); /* the forgotten one waits for nothing any more */
    }
}

/* ---- Where is it? ---- */

static int describe_line;
ASYNC(described, struct waits_long sub;)
{
    ASYNC_BEGIN;
    describe_line = __LINE__ + 1;
    ASYNC_AWAIT(ASYNC_IN(&self->sub, waits_long));
    log_add("resumed");
    ASYNC_END;
}

TEST(test_describe)
{
    asyncio_task *task;
    asyncio_frame_info info;
    open_loop();
    START(&task, described);
    asyncio_describe(asyncio_task_get_coro(task), &info);
#if ASYNCIO_STRINGS
    CHECK_STR(info.function, "described");
    CHECK_STR(info.file, __FILE__);
#endif
    CHECK_EQ(info.line, 0); /* it has not awaited yet */
    step(1);
    asyncio_describe(asyncio_task_get_coro(task), &info);
#if ASYNCIO_LINES
    CHECK_EQ(info.line, describe_line);
#endif
    asyncio_describe(asyncio_task_get_coro(task), &info); /* asking changes nothing */
#if ASYNCIO_LINES
    CHECK_EQ(info.line, describe_line);
#endif
    CHECK_EQ(reports, 0);
    step(2);
    CHECK(asyncio_task_done(task));
    CHECK_LOG("resumed");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

#if ASYNCIO_TRACEBACK && ASYNCIO_STRINGS && ASYNCIO_DENSE && ASYNCIO_LINES
static int lines[4];

ASYNC(trace_inner, int sleeps;)
{
    ASYNC_BEGIN;
    if (self->sleeps)
        ASYNC_AWAIT(asyncio_sleep(0));
    lines[2] = __LINE__ + 1;
    ASYNC_RAISE(E1);
    ASYNC_END;
}
ASYNC(trace_middle, struct trace_inner sub; int sleeps; int catches; int err; asyncio_value detail;)
{
    ASYNC_BEGIN;
    if (self->catches) { /* handed on, the traceback goes on */
        ASYNC_CATCH_ALL_INTO(self->err, self->detail, ASYNC_IN(&self->sub, trace_inner, .sleeps = self->sleeps));
        lines[1] = __LINE__ + 1;
        ASYNC_RAISE(self->err, self->detail);
    }
    lines[1] = __LINE__ + 1;
    ASYNC_AWAIT(ASYNC_IN(&self->sub, trace_inner, .sleeps = self->sleeps));
    ASYNC_END;
}
ASYNC(trace_outer, struct trace_middle sub; int sleeps; int catches;)
{
    ASYNC_BEGIN;
    lines[0] = __LINE__ + 1;
    ASYNC_AWAIT(ASYNC_IN(&self->sub, trace_middle, .sleeps = self->sleeps, .catches = self->catches));
    ASYNC_END;
}

static int frames_seen;
static void on_traceback(asyncio_loop *where, const asyncio_exception_context *context, void *arg)
{
    static const char *const names[] = {"trace_outer", "trace_middle", "trace_inner"};
    asyncio_value detail = context->detail;
    const asyncio_frame_info *info;
    (void)arg;
    CHECK_STR(context->message, "Task exception was never retrieved");
    CHECK_EQ(context->err, E1);
    while ((info = asyncio_traceback(where, &detail)) != NULL && frames_seen < 3) {
        CHECK_STR(info->function, names[frames_seen]);
        CHECK_STR(info->file, __FILE__);
        CHECK_EQ(info->line, lines[frames_seen]);
        frames_seen++;
    }
    CHECK(info == NULL);
    CHECK_EQ(detail, 0);
}

TEST(test_traceback)
{
    int sleeps, catches;
    for (sleeps = 0; sleeps < 2; sleeps++)
        for (catches = 0; catches < 2; catches++) {
            asyncio_task *task;
            open_loop();
            asyncio_set_exception_handler(&loop, on_traceback, NULL);
            frames_seen = 0;
            START(&task, trace_outer, .sleeps = sleeps, .catches = catches);
            step(2);
            asyncio_task_release(task);
            CHECK_EQ(frames_seen, 3);
            CHECK_EQ(asyncio_loop_close(&loop), 0);
        }
}

ASYNC(fails_often, int times; struct raises sub; int err;)
{
    ASYNC_BEGIN;
    while (self->times-- > 0)
        ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->sub, raises, .err = E2));
    ASYNC_END;
}
static int count_frames(asyncio_value *detail)
{
    int count = 0;
    while (asyncio_traceback(&loop, detail) != NULL)
        count++;
    return count;
}

TEST(test_traceback_that_was_overwritten)
{
    asyncio_task *task, *noise;
    asyncio_value detail, whole;
    open_loop();
    START(&task, trace_outer);
    step(1);
    whole = detail = asyncio_task_future(task)->value;
    CHECK_EQ(count_frames(&detail), 3);
    CHECK_EQ(detail, 0);
    START(&noise, fails_often, .times = ASYNCIO_TRACEBACK - 2); /* leaves two of the three */
    step(1);
    detail = whole;
    CHECK_EQ(count_frames(&detail), 2);
    CHECK(detail != 0); /* how one knows that there was more */
    START(&noise, fails_often, .times = 2);
    step(1);
    detail = whole;
    CHECK_EQ(count_frames(&detail), 0);
    CHECK(detail != 0);
    CHECK_EQ(asyncio_task_exception(task), E1);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_EQ(RUN_CORO(NULL, deep, .frames = deep_frames, .what = BOTTOM_RAISES), E1); /* longer than the ring */
}
#endif

int main(void)
{
    RUN(test_frame_without_fields);
    RUN(test_arguments_by_name);
    RUN(test_fifteen_arguments);
    RUN(test_argument_values);
    RUN(test_declare_and_define);
#ifdef ASYNC_NEW
    RUN(test_new_with_and_without_arguments);
    RUN(test_close_of_a_coroutine_that_never_ran);
    RUN(test_depth_on_the_heap);
#endif
    RUN(test_awaiting_what_does_not_suspend_is_a_call);
    RUN(test_await_into_and_catch);
    RUN(test_await_spelled_out);
    RUN(test_await_of_a_root);
#if ASYNCIO_DENSE
    RUN(test_two_awaits_on_one_line);
#endif
    RUN(test_raise_checks_the_range);
    RUN(test_raise_with_a_message);
    RUN(test_depth_in_place);
    RUN(test_finally_keeps_the_outcome);
    RUN(test_error_in_finally_replaces_the_outcome);
    RUN(test_return_in_finally_overrides_the_outcome);
    RUN(test_finally_on_cancellation);
    RUN(test_cancel_during_finally);
    RUN(test_finally_that_catches_its_cancellation);
    RUN(test_cancel_of_itself_before_finally);
    RUN(test_with);
    RUN(test_with_exit_swallows_and_replaces);
    RUN(test_with_enter_and_exit_that_wait);
    RUN(test_with_exit_that_awaits_a_coroutine);
    RUN(test_with_enter_that_fails);
    RUN(test_with_block_type_without_enter_and_resume);
    RUN(test_value_of_a_coroutine_awaited_by_a_block);
    RUN(test_with_three_deep);
    RUN(test_cancel_at_every_suspension_inside_blocks);
    RUN(test_cancel_during_the_exit_replaces_the_first_message);
    RUN(test_with_in_a_loop_and_break_and_continue);
    RUN(test_blocks_as_statements);
    RUN(test_try);
    RUN(test_catch_and_try_let_a_cancellation_pass);
    RUN(test_try_at_the_end_and_around_a_block);
    RUN(test_block_in_finally_keeps_the_outcome);
    RUN(test_cancel_from_a_blocks_exit);
    RUN(test_await_inside_a_switch_of_ones_own);
    RUN(test_goto_out_of_a_block);
    RUN(test_reuse_of_an_awaited_coroutine);
    RUN(test_awaiting_null);
    RUN(test_a_status_that_was_never_awaited);
    RUN(test_describe);
#if ASYNCIO_TRACEBACK && ASYNCIO_STRINGS && ASYNCIO_DENSE && ASYNCIO_LINES
    RUN(test_traceback);
    RUN(test_traceback_that_was_overwritten);
#endif
    return tap_end();
}
