/* The loop without an operating system: calls, timers, stop, run_until_complete, reports, guest mode, deadlock.
 *
 * After CPython's test_base_events.py and test_events.py. Left out of those: what a raising callback does (C callbacks
 * cannot raise), weak references, shutdown of asynchronous generators and executors, and what needs descriptors,
 * signals or other threads, which has tests of its own. */
#include "asyncio_loop.h"
#include "tap.h"

static asyncio_loop loop;

static void word(void *arg) { log_add((const char *)arg); }
static void stop(void *arg)
{
    (void)arg;
    asyncio_loop_stop(&loop);
}

static void open_loop(void) { CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0); }
static void close_loop(void) { CHECK_EQ(asyncio_loop_close(&loop), 0); }

static void run_briefly(void)
{
    asyncio_loop_stop(&loop);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
}

static int start(asyncio_root *root, asyncio_task **into)
{
    asyncio_task_options options;
    asyncio__no_options(&options);
    options.into = into;
    return asyncio_loop_create_task(&loop, root, &options);
}

/* A port without a clock of its own: it notes what the loop asks of it, and `on_wait` stands for the outside world. */
static asyncio_time port_now, port_limits[16];
static unsigned port_waits;
static void (*port_on_wait)(void);

static asyncio_time port_time(asyncio_loop *self)
{
    (void)self;
    return port_now;
}
static void port_wait(asyncio_loop *self, asyncio_time limit)
{
    if (port_waits < 16)
        port_limits[port_waits] = limit;
    port_waits++;
    if (limit > 0)
        port_now += limit;
    if (port_on_wait != NULL)
        port_on_wait();
    else if (limit < 0) /* nobody would ever end this wait */
        asyncio_loop_stop(self);
}
static const asyncio_port exact_port = {NULL, NULL, port_time, port_wait, NULL, NULL, NULL, true};
static const asyncio_port lazy_port = {NULL, NULL, port_time, port_wait, NULL, NULL, NULL, false};

static void open_port(const asyncio_port *port)
{
    port_now = 0;
    port_waits = 0;
    port_on_wait = NULL;
    CHECK_EQ(asyncio_loop_init(&loop, port), 0);
}

/* ---- call_soon, call_later, call_at ---- */

TEST(test_call_soon)
{
    asyncio_handle a, b;
    open_loop();
    CHECK_EQ(asyncio_call_soon(&loop, &a, word, "a"), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &b, word, "b"), 0);
    CHECK_LOG("");
    CHECK(!asyncio_handle_cancelled(&a));
    run_briefly();
    CHECK_LOG("a b");
    run_briefly();
    CHECK_LOG("");
    CHECK_EQ(loop.ticks, 2);
    close_loop();
}

#ifdef ASYNC_NEW
TEST(test_call_soon_on_the_heap)
{
    open_loop();
    CHECK_EQ(asyncio_call_soon(&loop, NULL, word, "a"), 0);
    CHECK_EQ(asyncio_call_later(&loop, NULL, 1, word, "later"), 0);
    CHECK_EQ(asyncio_call_soon(&loop, NULL, word, "b"), 0);
    run_briefly();
    CHECK_LOG("a b");
    CHECK_EQ(asyncio_call_soon(&loop, NULL, word, "dropped"), 0);
    close_loop(); /* frees what never ran */
    CHECK_LOG("");
}
#endif

static asyncio_handle again_handle;
static int again_left;
static void again(void *arg)
{
    log_number(loop.ticks);
    if (--again_left > 0)
        CHECK_EQ(asyncio_call_soon(&loop, &again_handle, again, arg), 0);
}
TEST(test_a_callback_may_schedule_its_own_handle)
{
    asyncio_handle other;
    open_loop();
    again_left = 3;
    CHECK_EQ(asyncio_call_soon(&loop, &again_handle, again, NULL), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &other, word, "other"), 0);
    run_briefly();
    run_briefly();
    run_briefly();
    run_briefly();
    CHECK_LOG("1 other 2 3");
    close_loop();
}

/* What a callback schedules, a timer's or another, waits for the next iteration. */
static asyncio_handle scheduled;
static void schedule(void *arg) { CHECK_EQ(asyncio_call_soon(&loop, &scheduled, word, arg), 0); }
TEST(test__run_once_schedule_handle)
{
    asyncio_handle first;
    int timer;
    for (timer = 0; timer < 2; timer++) {
        open_loop();
        if (timer)
            CHECK_EQ(asyncio_call_at(&loop, &first, -1, schedule, "second"), 0);
        else
            CHECK_EQ(asyncio_call_soon(&loop, &first, schedule, "second"), 0);
        CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
        CHECK_LOG("");
        CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
        CHECK_LOG("second");
        close_loop();
    }
}

TEST(test_call_later)
{
    asyncio_handle timer, soon;
    open_loop();
    CHECK_EQ(asyncio_call_later(&loop, &timer, 5, word, "timer"), 0);
    CHECK_EQ(asyncio_handle_when(&timer), ASYNCIO_SECONDS(5));
    CHECK_EQ(asyncio_call_soon(&loop, &soon, word, "soon"), 0);
    run_briefly();
    CHECK_LOG("soon");
    CHECK_EQ(asyncio_loop_time(&loop), 0);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("timer");
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(5));
    CHECK_EQ(asyncio_handle_when(&timer), ASYNCIO_SECONDS(5));
    close_loop();
}

TEST(test_call_later_negative_delays)
{
    asyncio_handle handles[4];
    open_loop();
    CHECK_EQ(asyncio_call_later(&loop, &handles[0], -1, word, "-1"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &handles[1], -2, word, "-2"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &handles[2], 0, word, "0"), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &handles[3], word, "soon"), 0);
    run_briefly();
    CHECK_LOG("soon -2 -1 0");
    close_loop();
}

TEST(test_time_and_call_at)
{
    asyncio_handle handles[3];
    open_loop();
    CHECK_EQ(asyncio_call_at(&loop, &handles[0], ASYNCIO_SECONDS(2), word, "2"), 0);
    CHECK_EQ(asyncio_call_at(&loop, &handles[1], ASYNCIO_SECONDS(1), word, "1"), 0);
    CHECK_EQ(asyncio_call_at(&loop, &handles[2], ASYNCIO_SECONDS(1) + 1, word, "1+"), 0);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("1");
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(1));
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("1+");
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(1) + 1);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("2");
    close_loop();
}

TEST(test_equal_deadlines_fire_in_the_order_they_were_armed)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    asyncio_handle handles[8];
    int i;
    open_loop();
    for (i = 0; i < 8; i++)
        CHECK_EQ(asyncio_call_at(&loop, &handles[i], i == 5 ? ASYNCIO_SECONDS(2) : ASYNCIO_SECONDS(3), word,
                                 (void *)(uintptr_t)names[i]), 0);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("5");
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("0 1 2 3 4 6 7");
    close_loop();
}

#if ASYNCIO_HOSTED
TEST(test_delays_that_are_no_time)
{
    asyncio_handle never, past, nan;
    volatile double zero = 0, huge = 1e308;
    open_loop();
    CHECK_EQ(asyncio_call_later(&loop, &nan, zero / zero, word, "nan"), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_call_later(&loop, &never, huge * huge, word, "never"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &past, -huge, word, "past"), 0);
    CHECK(asyncio_handle_when(&never) == INT64_MAX);
    CHECK(asyncio_handle_when(&past) == INT64_MIN);
    run_briefly();
    CHECK_LOG("past");
    loop.virtual_now = 5;
    CHECK_EQ(asyncio_call_later(&loop, &past, -huge, word, "past"), 0);
    run_briefly();
    CHECK_LOG("past");
    asyncio_handle_cancel(&never);
    CHECK_EQ(loop.timers.count, 0);
    close_loop();
}
#endif

/* ---- Handle.cancel ---- */

TEST(test_handle_cancel)
{
    asyncio_handle soon, timer, zeroed;
    open_loop();
    CHECK_EQ(asyncio_call_soon(&loop, &soon, word, "soon"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &timer, 1, word, "timer"), 0);
    asyncio_handle_cancel(&soon);
    asyncio_handle_cancel(&timer);
    CHECK(asyncio_handle_cancelled(&soon));
    CHECK(asyncio_handle_cancelled(&timer));
    CHECK_EQ(asyncio_handle_when(&timer), ASYNCIO_SECONDS(1));
    asyncio_handle_cancel(&soon);
    asyncio_handle_cancel(&timer);
    CHECK_EQ(loop.timers.count, 0);
    asyncio__clear(&zeroed, sizeof zeroed);
    asyncio_handle_cancel(&zeroed);
    run_briefly();
    CHECK_LOG("");
    CHECK_EQ(asyncio_call_soon(&loop, &soon, word, "reused"), 0);
    CHECK(!asyncio_handle_cancelled(&soon));
    run_briefly();
    CHECK_LOG("reused");
    asyncio_handle_cancel(&soon); /* after it ran */
    run_briefly();
    CHECK_LOG("");
    close_loop();
}

/* Callback `by` of five cancels `victim` of the batch that is running; number 4 schedules one for the next batch. */
static asyncio_handle batch[5];
static int batch_by, batch_victim;
static void batch_run(void *arg)
{
    int me = (int)(intptr_t)arg;
    log_number(me);
    if (me == batch_by)
        asyncio_handle_cancel(&batch[batch_victim]);
    if (me == batch_by)
        CHECK_EQ(asyncio_call_soon(&loop, &scheduled, word, "next"), 0);
}
static void batch_test(int by, int victim, const char *want)
{
    intptr_t i;
    open_loop();
    batch_by = by;
    batch_victim = victim;
    for (i = 0; i < 5; i++)
        CHECK_EQ(asyncio_call_soon(&loop, &batch[i], batch_run, (void *)i), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG(want); /* "next" must not run in this batch, whoever was cancelled */
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("next");
    CHECK(loop.core.head == NULL && loop.core.tail == &loop.core.head);
    close_loop();
}
TEST(test_handle_cancel_in_the_running_batch)
{
    batch_test(0, 0, "0 1 2 3 4"); /* itself: too late */
    batch_test(0, 1, "0 2 3 4");   /* the new head */
    batch_test(1, 3, "0 1 2 4");   /* the middle */
    batch_test(1, 4, "0 1 2 3");   /* the last of the batch */
    batch_test(3, 4, "0 1 2 3");   /* the last of the batch, which is the head too */
    batch_test(4, 0, "0 1 2 3 4"); /* one that ran */
    batch_test(4, 4, "0 1 2 3 4"); /* itself, the last */
}

static asyncio_handle pair[2];
static void cancel_pair(void *arg)
{
    (void)arg;
    log_add("cancel");
    asyncio_handle_cancel(&pair[1]);
    asyncio_handle_cancel(&pair[0]);
}
TEST(test_handle_cancel_all_that_is_left_of_the_batch)
{
    asyncio_handle first;
    open_loop();
    CHECK_EQ(asyncio_call_soon(&loop, &first, cancel_pair, NULL), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &pair[0], word, "0"), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &pair[1], word, "1"), 0);
    run_briefly();
    CHECK_LOG("cancel");
    CHECK(loop.core.head == NULL && loop.core.tail == &loop.core.head);
    CHECK_EQ(asyncio_call_soon(&loop, &first, word, "later"), 0);
    run_briefly();
    CHECK_LOG("later");
    close_loop();
}

TEST(test_handle_cancel_of_a_timer_that_is_due)
{
    asyncio_handle first;
    open_loop(); /* due in the same batch, but the one before cancels it */
    CHECK_EQ(asyncio_call_soon(&loop, &first, cancel_pair, NULL), 0);
    CHECK_EQ(asyncio_call_later(&loop, &pair[0], 0, word, "0"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &pair[1], -1, word, "1"), 0);
    run_briefly();
    run_briefly();
    CHECK_LOG("cancel");
    close_loop();
}

/* ---- One iteration ---- */

static void count(void *arg) { ++*(int *)arg; }
TEST(test_run_once)
{
    asyncio_handle handle, last;
    int times = 0;
    open_loop();
    CHECK_EQ(asyncio_call_soon(&loop, &handle, count, &times), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &last, stop, NULL), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_EQ(times, 1);
    CHECK_EQ(loop.ticks, 1);
    close_loop();
}

TEST(test__run_once)
{
    asyncio_handle timers[3];
    open_port(&exact_port);
    CHECK_EQ(asyncio_call_at(&loop, &timers[0], 10, word, "cancelled head"), 0);
    CHECK_EQ(asyncio_call_at(&loop, &timers[1], 30, word, "live"), 0);
    CHECK_EQ(asyncio_call_at(&loop, &timers[2], 70, word, "later"), 0);
    asyncio_handle_cancel(&timers[0]);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_EQ(port_waits, 1);
    CHECK_EQ(port_limits[0], 30);
    CHECK_LOG("live");
    CHECK_EQ(asyncio_loop_step(&loop, 15), 0);
    CHECK_EQ(port_limits[1], 15);
    CHECK_LOG("");
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_EQ(port_limits[2], 0);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_EQ(port_limits[3], 25);
    CHECK_LOG("later");
    CHECK_EQ(asyncio_loop_step(&loop, 7), 0);
    CHECK_EQ(port_limits[4], 7);
    close_loop();
}

TEST(test_cancelled_timers_are_gone_at_once)
{
    static asyncio_handle timers[101];
    int i;
    open_loop();
    for (i = 0; i < 101; i++)
        CHECK_EQ(asyncio_call_later(&loop, &timers[i], 50, word, "no"), 0);
    for (i = 0; i < 60; i++)
        asyncio_handle_cancel(&timers[i]);
    CHECK_EQ(loop.timers.count, 41);
    for (i = 60; i < 101; i++)
        asyncio_handle_cancel(&timers[i]);
    CHECK_EQ(loop.timers.count, 0);
    CHECK(!asyncio_loop_next_deadline(&loop, &port_now));
    close_loop();
}

/* A port that is not exact may leave out looks outside, but only so many. */
static int spin_left;
static void spin(void *arg)
{
    port_now++;
    if (--spin_left > 0)
        CHECK_EQ(asyncio_call_soon(&loop, &again_handle, spin, arg), 0);
    else
        asyncio_loop_stop(&loop);
}
TEST(test_lazy_passes)
{
    asyncio_handle timer;
    open_port(&lazy_port);
    spin_left = 1000;
    CHECK_EQ(asyncio_call_soon(&loop, &again_handle, spin, NULL), 0);
    CHECK_EQ(asyncio_call_at(&loop, &timer, 100, word, "timer"), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("timer");
    CHECK(port_waits >= 1000 / (ASYNCIO_LAZY_PASSES + 1) && port_waits <= 1000);
#if ASYNCIO_LAZY_PASSES > 0
    CHECK(port_waits < 100);
#endif
    close_loop();
    open_port(&exact_port);
    spin_left = 100;
    CHECK_EQ(asyncio_call_soon(&loop, &again_handle, spin, NULL), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_EQ(port_waits, 100);
    close_loop();
}

/* ---- stop, run_forever, run_until_complete ---- */

TEST(test_run_forever_pre_stopped)
{
    asyncio_handle handle;
    open_port(&exact_port);
    asyncio_loop_stop(&loop);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_EQ(loop.ticks, 1);
    CHECK_EQ(port_waits, 1);
    CHECK_EQ(port_limits[0], 0);
    CHECK_EQ(asyncio_call_soon(&loop, &handle, stop, NULL), 0); /* that stop() is used up */
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_EQ(loop.ticks, 2);
    close_loop();
}

TEST(test_stop_runs_the_batch_and_keeps_the_rest)
{
    asyncio_handle handles[3];
    open_loop();
    CHECK_EQ(asyncio_call_soon(&loop, &handles[0], stop, NULL), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &handles[1], schedule, "next time"), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &handles[2], word, "same batch"), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("same batch");
    CHECK(!asyncio_loop_is_running(&loop));
    CHECK_EQ(loop.ticks, 1);
    run_briefly();
    CHECK_LOG("next time");
    close_loop();
}

static void look(void *arg)
{
    (void)arg;
    CHECK(asyncio_get_running_loop() == &loop);
    CHECK(asyncio_current_task() == NULL);
    CHECK(asyncio_loop_is_running(&loop));
    log_add("looked");
}
TEST(test_running_loop)
{
    asyncio_handle handle;
    CHECK(asyncio_get_running_loop() == NULL);
    CHECK(asyncio_current_task() == NULL);
    open_loop();
    CHECK(!asyncio_loop_is_running(&loop));
    CHECK(!asyncio_loop_is_closed(&loop));
    CHECK_EQ(asyncio_call_soon(&loop, &handle, look, NULL), 0);
    run_briefly();
    CHECK_LOG("looked");
    CHECK(asyncio_get_running_loop() == NULL);
    close_loop();
    CHECK(asyncio_loop_is_closed(&loop));
}

ASYNC(give, int n; int err;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    if (self->err != 0)
        ASYNC_RAISE(self->err);
    ASYNC_RETURN(self->n);
    ASYNC_END;
}
static struct give_task give_storage;

TEST(test_run_until_complete)
{
    asyncio_value value = 0;
    open_loop();
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&give_storage, give, .n = 7), &value), 0);
    CHECK_EQ(value, 7);
    CHECK_EQ(loop.ticks, 4); /* start, timer, resume, stop */
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&give_storage, give, .err = ASYNCIO_EUSER), &value),
             ASYNCIO_EUSER);
    CHECK_EQ(value, 0);
    CHECK_EQ(asyncio_run_until_complete(&loop, NULL, NULL), ASYNCIO_ENOMEM);
    CHECK(loop.target == NULL);
    close_loop();
}

TEST(test_run_until_future)
{
    asyncio_future future;
    asyncio_value value = 0;
    asyncio_loop other;
    open_loop();
    asyncio_future_init(&future, &loop);
    asyncio_future_set_result(&future, 7);
    CHECK_EQ(asyncio_run_until_future(&loop, &future, &value), 0);
    CHECK_EQ(value, 7);
    CHECK_EQ(loop.ticks, 1);
    CHECK_EQ(asyncio_loop_init(&other, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_run_until_future(&other, &future, &value), ASYNCIO_EWRONGLOOP);
    CHECK_EQ(asyncio_loop_close(&other), 0);
    asyncio_future_init(&future, &loop);
    asyncio_future_cancel(&future, "why");
    CHECK_EQ(asyncio_run_until_future(&loop, &future, &value), ASYNCIO_ECANCELLED);
    close_loop();
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_run_until_future(&loop, &future, NULL), ASYNCIO_ECLOSED);
}

/* A stop() leaves nothing behind: when the future is done later, the next run_forever is not cut short. */
TEST(test_run_until_complete_stopped)
{
    asyncio_future future;
    asyncio_handle handles[2];
    open_loop();
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_call_soon(&loop, &handles[0], stop, NULL), 0);
    CHECK_EQ(asyncio_run_until_future(&loop, &future, NULL), ASYNCIO_ESTOPPED);
    CHECK(future.waiters == NULL);
    CHECK_EQ(future.holds, 1);
    asyncio_future_set_result(&future, 1);
    CHECK_EQ(asyncio_call_later(&loop, &handles[0], 5, word, "late"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &handles[1], 6, stop, NULL), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("late");
    CHECK_EQ(asyncio_call_soon(&loop, &handles[0], stop, NULL), 0);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&give_storage, give, .n = 1), NULL), ASYNCIO_ESTOPPED);
    CHECK(!asyncio_task_done(ASYNC_TASK(&give_storage))); /* it goes on when the loop does */
    CHECK_EQ(asyncio_call_later(&loop, &handles[1], 6, stop, NULL), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK(asyncio_task_done(ASYNC_TASK(&give_storage)));
    close_loop();
}

static asyncio_loop inner;
static struct give_task inner_storage;
static void nest(void *arg)
{
    asyncio_future future;
    (void)arg;
    CHECK_EQ(asyncio_run_forever(&loop), ASYNCIO_ERUNNING);
    CHECK_EQ(asyncio_loop_step(&loop, 0), ASYNCIO_ERUNNING);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&inner_storage, give, .n = 1), NULL), ASYNCIO_ERUNNING);
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_run_until_future(&loop, &future, NULL), ASYNCIO_ERUNNING);
    CHECK_EQ(asyncio_loop_close(&loop), ASYNCIO_ERUNNING);
    CHECK_EQ(asyncio_run_forever(&inner), ASYNCIO_ERUNNING); /* another loop in this thread */
    CHECK_EQ(asyncio_loop_step(&inner, 0), ASYNCIO_ERUNNING);
    CHECK_EQ(asyncio_run_until_complete(&inner, ASYNC_AT(&inner_storage, give, .n = 1), NULL), ASYNCIO_ERUNNING);
    CHECK(asyncio_get_running_loop() == &loop);
    log_add("nested");
#ifdef ASYNC_NEW
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(give, .n = 1), NULL), ASYNCIO_ERUNNING); /* and frees it */
#endif
}
TEST(test_run_until_complete_nesting)
{
    asyncio_handle handle;
    open_loop();
    CHECK_EQ(asyncio_loop_init(&inner, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &handle, nest, NULL), 0);
    run_briefly();
    CHECK_LOG("nested");
    CHECK_EQ(asyncio_loop_close(&inner), 0);
    close_loop();
}

/* A task that ends as if by Ctrl-C: the error comes out, is not reported besides, and leaves no stop() behind. */
ASYNC(interrupted)
{
    ASYNC_BEGIN;
    ASYNC_RAISE(ASYNCIO_EINTERRUPT);
    ASYNC_END;
}
static struct interrupted_task interrupted_storage;
static int interrupted_reports;
static void count_report(asyncio_loop *self, const asyncio_exception_context *context, void *arg)
{
    (void)self, (void)context, (void)arg;
    interrupted_reports++;
}
TEST(test_run_forever_keyboard_interrupt)
{
    open_loop();
    interrupted_reports = 0;
    asyncio_set_exception_handler(&loop, count_report, NULL);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&interrupted_storage, interrupted), NULL), ASYNCIO_EINTERRUPT);
    close_loop();
    CHECK_EQ(interrupted_reports, 0);
}

static void stop_too(void *arg)
{
    log_add((const char *)arg);
    asyncio_loop_stop(&loop);
}
static void schedule_stop(void *arg) { CHECK_EQ(asyncio_call_soon(&loop, &scheduled, stop_too, arg), 0); }
TEST(test_run_until_complete_baseexception)
{
    asyncio_handle handle;
    open_loop();
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&interrupted_storage, interrupted), NULL), ASYNCIO_EINTERRUPT);
    CHECK_EQ(asyncio_call_soon(&loop, &handle, schedule_stop, "called"), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0); /* it needs a second iteration */
    CHECK_LOG("called");
    close_loop();
}

static void close_it(void *arg)
{
    CHECK_EQ(asyncio_loop_close(&loop), ASYNCIO_ERUNNING);
    log_add((const char *)arg);
}
TEST(test_close_running_event_loop)
{
    asyncio_handle first, second;
    open_loop();
    CHECK_EQ(asyncio_call_soon(&loop, &first, close_it, "refused"), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &second, word, "goes on"), 0);
    run_briefly();
    CHECK_LOG("refused goes on");
    CHECK(!asyncio_loop_is_closed(&loop));
    close_loop();
}

TEST(test_close)
{
    asyncio_handle soon, timer;
    asyncio_task *task = ASYNC_TASK(&give_storage);
    open_loop();
    CHECK_EQ(asyncio_call_soon(&loop, &soon, word, "ready"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &timer, 1, word, "armed"), 0);
    close_loop(); /* drops them */
    CHECK_LOG("");
    CHECK_EQ(asyncio_loop_close(&loop), 0); /* again */
    CHECK(asyncio_loop_is_closed(&loop));
    CHECK_EQ(asyncio_call_soon(&loop, &soon, word, "no"), ASYNCIO_ECLOSED);
    CHECK_EQ(asyncio_call_later(&loop, &timer, 1, word, "no"), ASYNCIO_ECLOSED);
    CHECK_EQ(asyncio_call_at(&loop, &timer, 1, word, "no"), ASYNCIO_ECLOSED);
    CHECK_EQ(asyncio_run_forever(&loop), ASYNCIO_ECLOSED);
    CHECK_EQ(asyncio_loop_step(&loop, 0), ASYNCIO_ECLOSED);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&give_storage, give, .n = 1), NULL), ASYNCIO_ECLOSED);
    CHECK_EQ(start(ASYNC_AT(&give_storage, give, .n = 1), &task), ASYNCIO_ECLOSED);
    CHECK(task == NULL);
#ifdef ASYNC_NEW
    CHECK_EQ(asyncio_call_soon(&loop, NULL, word, "no"), ASYNCIO_ECLOSED);
    CHECK_EQ(start(ASYNC_NEW(give, .n = 1), &task), ASYNCIO_ECLOSED); /* and frees it */
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(give, .n = 1), NULL), ASYNCIO_ECLOSED);
#endif
    asyncio_handle_cancel(&soon);
    asyncio_handle_cancel(&timer);
}

/* ---- Reports ---- */

#if ASYNCIO_STRINGS
#define OF(name) " " name
#else
#define OF(name) ""
#endif
static void report(asyncio_loop *self, const asyncio_exception_context *context, void *arg)
{
    CHECK(self == &loop);
    log_add((const char *)arg);
    log_add(context->message);
    if (context->err != 0)
        log_number(context->err - ASYNCIO_EUSER);
    if (context->task != NULL) {
        asyncio_frame_info info;
        asyncio_describe(asyncio_task_get_coro(context->task), &info);
        if (info.function != NULL)
            log_add(info.function);
        CHECK(context->future == NULL);
    }
}

ASYNC(fail, int err;)
{
    ASYNC_BEGIN;
    ASYNC_RAISE(self->err);
    ASYNC_END;
}
static struct fail_task fail_storage;

TEST(test_set_exception_handler)
{
    asyncio_future future;
    open_loop();
    CHECK(asyncio_get_exception_handler(&loop) == NULL);
    asyncio_set_exception_handler(&loop, report, "first:");
    CHECK(asyncio_get_exception_handler(&loop) == report);
    asyncio_future_init(&future, &loop);
    asyncio_future_set_exception(&future, ASYNCIO_EUSER + 3);
    asyncio_future_release(&future);
    CHECK_LOG("first: Future exception was never retrieved 3");
    asyncio_set_exception_handler(&loop, report, "second:");
    CHECK_EQ(start(ASYNC_AT(&fail_storage, fail, .err = ASYNCIO_EUSER + 4), NULL), 0);
    run_briefly();
    CHECK_LOG("second: Task exception was never retrieved 4" OF("fail"));
    asyncio_set_exception_handler(&loop, NULL, NULL);
    CHECK(asyncio_get_exception_handler(&loop) == NULL);
    loop.core.default_handler = NULL; /* as a firmware build: silent */
    asyncio_future_init(&future, &loop);
    asyncio_future_set_exception(&future, ASYNCIO_EUSER + 3);
    asyncio_future_release(&future);
    CHECK_LOG("");
    loop.core.default_handler = report; /* what the default one is told, it is told with no argument of yours */
    loop.core.handler = NULL;
    close_loop();
}

#if ASYNCIO_ALL_TASKS
TEST(test_close_reports_what_is_pending)
{
    asyncio_task *task;
    open_loop();
    asyncio_set_exception_handler(&loop, report, "!");
    CHECK_EQ(start(ASYNC_AT(&give_storage, give, .n = 1), &task), 0);
    run_briefly();
    CHECK_EQ(loop.timers.count, 1);
    close_loop();
    CHECK_LOG("! Task was destroyed but it is pending!" OF("give"));
    CHECK(asyncio_task_done(task));
    CHECK(asyncio_task_cancelled(task));
    CHECK_EQ(loop.timers.count, 0);
}
#endif

static asyncio_task *joined;
ASYNC(join, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, joined);
    log_add("joined");
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}
static struct join_task join_storage;
#if defined(ASYNC_NEW) && ASYNCIO_ALL_TASKS
static void note_done(asyncio_future *future, void *arg)
{
    (void)future;
    log_add((const char *)arg);
}
/* Whoever waits for a task may be destroyed before or after it, and its done callbacks never run. */
TEST(test_close_with_tasks_that_await_tasks)
{
    asyncio_task *task;
    int order;
    for (order = 0; order < 2; order++) {
        open_loop();
        asyncio_set_exception_handler(&loop, report, "!");
        if (order == 1)
            CHECK_EQ(start(ASYNC_AT(&join_storage, join), &task), 0);
        CHECK_EQ(start(ASYNC_NEW(give, .n = 1), &joined), 0);
        if (order == 0)
            CHECK_EQ(start(ASYNC_AT(&join_storage, join), &task), 0);
        CHECK_EQ(asyncio_task_add_done_callback(joined, NULL, note_done, "done"), 0);
        run_briefly();
        close_loop();
        CHECK(asyncio_task_cancelled(task));
        if (order == 0)
            CHECK_LOG("! Task was destroyed but it is pending!" OF("give")
                      " ! Task was destroyed but it is pending!" OF("join"));
        else
            CHECK_LOG("! Task was destroyed but it is pending!" OF("join")
                      " ! Task was destroyed but it is pending!" OF("give"));
    }
}
#endif

/* ---- Task factory ---- */

static int factory_calls;
static int factory(asyncio_loop *self, asyncio_root *root, const asyncio_task_options *options)
{
    factory_calls++;
    return asyncio_task_new(self, root, options);
}
static int refuse(asyncio_loop *self, asyncio_root *root, const asyncio_task_options *options)
{
    (void)self;
    if (options->into != NULL)
        *options->into = NULL;
    asyncio_coro_close(root);
    return ASYNCIO_EUSER;
}
TEST(test_set_task_factory)
{
    asyncio_value value = 0;
    open_loop();
    CHECK(asyncio_get_task_factory(&loop) == NULL);
    asyncio_set_task_factory(&loop, factory);
    CHECK(asyncio_get_task_factory(&loop) == factory);
    factory_calls = 0;
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&give_storage, give, .n = 7), &value), 0);
    CHECK_EQ(value, 7);
    CHECK_EQ(factory_calls, 1);
    asyncio_set_task_factory(&loop, refuse);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&give_storage, give, .n = 7), &value), ASYNCIO_EUSER);
#ifdef ASYNC_NEW
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(give, .n = 7), &value), ASYNCIO_EUSER);
#endif
    asyncio_set_task_factory(&loop, NULL);
    CHECK(asyncio_get_task_factory(&loop) == NULL);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&give_storage, give, .n = 8), &value), 0);
    CHECK_EQ(factory_calls, 1);
    close_loop();
}

/* ---- Debug mode ---- */

static int slow_line;
static const char *slow_function, *slow_message;
static bool slow_has_task;
static void report_slow(asyncio_loop *self, const asyncio_exception_context *context, void *arg)
{
    asyncio_frame_info info;
    (void)self, (void)arg;
    slow_message = context->message;
    slow_line = context->line;
    slow_has_task = context->task != NULL;
    if (context->task != NULL) {
        asyncio_describe(asyncio_task_get_coro(context->task), &info);
        slow_function = info.function;
    }
}
static void take(asyncio_time time) { loop.virtual_now += time; }
static void take_long(void *arg)
{
    (void)arg;
    take(ASYNCIO_SECONDS(1));
}
enum { SLOW_LINE = __LINE__ + 4 };
ASYNC(slow)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0)); /* SLOW_LINE: from here to the end it took too long */
    take(ASYNCIO_SECONDS(1));
    ASYNC_END;
}
static struct slow_task slow_storage;

TEST(test_slow_callback_duration)
{
    asyncio_handle handle;
    open_loop();
    CHECK(!asyncio_get_debug(&loop));
    asyncio_set_exception_handler(&loop, report_slow, NULL);
    slow_message = slow_function = NULL;
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&slow_storage, slow), NULL), 0);
    CHECK_STR(slow_message, NULL); /* not outside of debug mode */
    asyncio_set_debug(&loop, true);
    CHECK(asyncio_get_debug(&loop));
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&slow_storage, slow), NULL), 0);
    CHECK_STR(slow_message, "slow step of a task");
    CHECK(slow_has_task);
#if ASYNCIO_STRINGS
    CHECK_STR(slow_function, "slow");
#endif
#if ASYNCIO_LINES
    CHECK_EQ(slow_line, SLOW_LINE);
#endif
    CHECK_EQ(asyncio_call_soon(&loop, &handle, take_long, NULL), 0);
    run_briefly();
    CHECK_STR(slow_message, "slow callback");
    CHECK(!slow_has_task);
    slow_message = NULL;
    loop.slow_callback_duration = ASYNCIO_SECONDS(2);
    CHECK_EQ(asyncio_call_soon(&loop, &handle, take_long, NULL), 0);
    run_briefly();
    CHECK_STR(slow_message, NULL);
    close_loop();
}

#if ASYNCIO_ALL_TASKS
/* It is only told: what it did to the storage is undone here. */
static void start_again(void *arg)
{
    struct give_task copy = give_storage;
    (void)arg;
    CHECK(ASYNC_AT(&give_storage, give, .n = 2) != NULL);
    give_storage = copy;
}
TEST(test_storage_of_a_running_task_started_again)
{
    asyncio_handle handle;
    open_loop();
    asyncio_set_debug(&loop, true);
    asyncio_set_exception_handler(&loop, report, "!");
    CHECK_EQ(start(ASYNC_AT(&give_storage, give, .n = 1), NULL), 0);
    CHECK_EQ(start((asyncio_root *)(void *)&give_storage.frame, NULL), ASYNCIO_EREUSED);
    CHECK_EQ(asyncio_call_soon(&loop, &handle, start_again, NULL), 0);
    log_clear();
    run_briefly();
    CHECK_LOG("! ASYNC_AT: the storage of a task that is still running is started again" OF("give"));
    asyncio_set_exception_handler(&loop, NULL, NULL);
    loop.core.default_handler = NULL;
    close_loop();
}
#endif

#if ASYNCIO_THREADS && ASYNCIO_SELECTORS
static void *other_thread(void *arg)
{
    asyncio_handle *handles = (asyncio_handle *)arg;
    int want = asyncio_get_debug(&loop) ? ASYNCIO_ERUNTIME : 0;
    CHECK_EQ(asyncio_call_soon(&loop, &handles[0], word, "soon"), want);
    CHECK_EQ(asyncio_call_later(&loop, &handles[1], 1, word, "later"), want);
    CHECK_EQ(asyncio_call_at(&loop, &handles[2], 1, word, "at"), want);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handles[3], word, "threadsafe"), 0);
    return NULL;
}
static asyncio_handle other_handles[4];
static void from_another_thread(void *arg)
{
    pthread_t thread;
    (void)arg;
    CHECK_EQ(pthread_create(&thread, NULL, other_thread, other_handles), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}
TEST(test_check_thread)
{
    asyncio_handle handle;
    open_loop();
    asyncio_set_debug(&loop, true);
    CHECK_EQ(asyncio_call_soon(&loop, &handle, from_another_thread, NULL), 0);
    run_briefly();
    run_briefly();
    CHECK_LOG("threadsafe");
    close_loop();
    open_loop(); /* nobody looks; it goes well, for this thread waits for the other */
    CHECK_EQ(asyncio_call_soon(&loop, &handle, from_another_thread, NULL), 0);
    run_briefly();
    run_briefly();
    CHECK_LOG("soon threadsafe");
    CHECK_EQ(loop.timers.count, 2);
    close_loop();
}
#endif

/* ---- call_soon_threadsafe from the loop's own thread ---- */

static asyncio_handle mixed[4];
static void mix(void *arg)
{
    (void)arg;
    CHECK_EQ(asyncio_call_soon(&loop, &mixed[0], word, "0"), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &mixed[1], word, "1"), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &mixed[2], word, "2"), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &mixed[3], word, "3"), 0);
}
TEST(test_call_soon_threadsafe_same_thread)
{
    asyncio_handle handle;
    open_loop();
    mix(NULL); /* before it runs */
    run_briefly();
    CHECK_LOG("0 1 2 3");
    CHECK_EQ(asyncio_call_soon(&loop, &handle, mix, NULL), 0);
    run_briefly();
    CHECK_LOG("");
    run_briefly();
    CHECK_LOG("0 1 2 3");
    mix(NULL);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &mixed[3], word, "3 again"), 0); /* one that waits already: nothing */
    asyncio_handle_cancel(&mixed[1]);
    run_briefly();
    CHECK_LOG("0 2 3");
    close_loop();
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &mixed[1], word, "no"), ASYNCIO_ECLOSED);
}

#if ASYNCIO_SELECTORS
/* Delays below what the clock or the system can tell end by themselves, not in a loop that asks over and over. With
 * the real clock: it takes a tenth of a millisecond. */
ASYNC(naps, double delay;)
{
    ASYNC_BEGIN;
    for (self->delay = 1e-4; self->delay > 1e-12; self->delay *= 1e-2)
        ASYNC_AWAIT(asyncio_sleep(self->delay));
    ASYNC_END;
}
static struct naps_task naps_storage;

TEST(test_timeout_rounding)
{
    CHECK_EQ(asyncio_loop_init(&loop, NULL), 0);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&naps_storage, naps), NULL), 0);
    CHECK(loop.ticks <= 20);
    close_loop();
}
#endif

/* ---- Inside a foreign main loop ---- */

ASYNC(blink, int n;)
{
    ASYNC_BEGIN;
    for (self->n = 0; self->n < 3; self->n++) {
        log_number(asyncio_loop_time(&loop));
        ASYNC_AWAIT(asyncio_sleep_for(asyncio_current_task(), 10));
    }
    log_add("end");
    ASYNC_END;
}
static struct blink_task blink_storage;

TEST(test_custom_run_forever_integration)
{
    asyncio_time when = -1;
    int turns = 0;
    open_port(&exact_port);
    CHECK(!asyncio_loop_next_deadline(&loop, &when));
    CHECK_EQ(start(ASYNC_AT(&blink_storage, blink), NULL), 0);
    while (asyncio_loop_next_deadline(&loop, &when) && turns < 100) {
        CHECK(when >= port_now);
        port_now = when; /* the foreign loop sleeps till then */
        CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
        CHECK(asyncio_get_running_loop() == NULL);
        turns++;
    }
    CHECK_LOG("0 10 20 end");
    CHECK_EQ(turns, 7); /* start; timer and resume, three times */
    CHECK_EQ(port_now, 30);
    CHECK_EQ(port_limits[0], 0);
    close_loop();
}

/* ---- Deadlock ---- */

static asyncio_future never;
ASYNC(wait_inner)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(&never);
    ASYNC_END;
}
ASYNC(wait_outer, struct wait_inner sub;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&self->sub, wait_inner));
    ASYNC_END;
}
static struct wait_outer_task wait_storage;
static void report_where(asyncio_loop *self, const asyncio_exception_context *context, void *arg)
{
    (void)self, (void)arg;
    log_add(context->message);
    if (context->task != NULL) {
        asyncio_frame_info info;
        asyncio_describe(asyncio_task_get_coro(context->task)->awaiter, &info);
        log_add(info.function != NULL ? info.function : "?");
        CHECK_EQ(info.line, context->line);
    }
}
static void end_wait(void)
{
    if (port_limits[port_waits - 1] >= 0)
        return; /* it only looked */
    log_add("interrupt");
    asyncio_future_set_result(&never, 0);
}
TEST(test_deadlock)
{
    open_port(&exact_port);
    asyncio_set_exception_handler(&loop, report_where, NULL);
    asyncio_future_init(&never, &loop);
    joined = ASYNC_TASK(&wait_storage);
    CHECK_EQ(start(ASYNC_AT(&join_storage, join), NULL), 0);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&wait_storage, wait_outer), NULL), ASYNCIO_EDEADLOCK);
#if ASYNCIO_STRINGS && ASYNCIO_ALL_TASKS
    CHECK_LOG("deadlock: nothing is ready and nothing can wake the loop "
              "waiting for a Task join waiting for a Future wait_inner");
#endif
    log_clear();
    asyncio_loop_add_source(&loop); /* now somebody may end it */
    port_on_wait = end_wait;
    CHECK_EQ(asyncio_run_until_future(&loop, &ASYNC_TASK(&wait_storage)->future, NULL), 0);
    CHECK_LOG("interrupt joined finally");
    asyncio_loop_remove_source(&loop);
    asyncio_future_init(&never, &loop);
    port_on_wait = NULL;
    CHECK_EQ(asyncio_run_until_future(&loop, &never, NULL), ASYNCIO_EDEADLOCK);
    CHECK(never.waiters == NULL);
    CHECK_LOG("deadlock: nothing is ready and nothing can wake the loop");
    close_loop();
}

/* A callback, a timer or a call of another thread is no deadlock. */
static void settle(void *arg) { asyncio_future_set_result((asyncio_future *)arg, 3); }
TEST(test_no_deadlock)
{
    asyncio_handle handle;
    asyncio_value value = 0;
    open_loop();
    asyncio_future_init(&never, &loop);
    CHECK_EQ(asyncio_call_later(&loop, &handle, 100, settle, &never), 0);
    CHECK_EQ(asyncio_run_until_future(&loop, &never, &value), 0);
    CHECK_EQ(value, 3);
    asyncio_future_init(&never, &loop);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, settle, &never), 0);
    CHECK_EQ(asyncio_run_until_future(&loop, &never, &value), 0);
    close_loop();
}

int main(void)
{
    RUN(test_call_soon);
#ifdef ASYNC_NEW
    RUN(test_call_soon_on_the_heap);
#endif
    RUN(test_a_callback_may_schedule_its_own_handle);
    RUN(test__run_once_schedule_handle);
    RUN(test_call_later);
    RUN(test_call_later_negative_delays);
    RUN(test_time_and_call_at);
    RUN(test_equal_deadlines_fire_in_the_order_they_were_armed);
#if ASYNCIO_HOSTED
    RUN(test_delays_that_are_no_time);
#endif
    RUN(test_handle_cancel);
    RUN(test_handle_cancel_in_the_running_batch);
    RUN(test_handle_cancel_all_that_is_left_of_the_batch);
    RUN(test_handle_cancel_of_a_timer_that_is_due);
    RUN(test_run_once);
    RUN(test__run_once);
    RUN(test_cancelled_timers_are_gone_at_once);
    RUN(test_lazy_passes);
    RUN(test_run_forever_pre_stopped);
    RUN(test_stop_runs_the_batch_and_keeps_the_rest);
    RUN(test_running_loop);
    RUN(test_run_until_complete);
    RUN(test_run_until_future);
    RUN(test_run_until_complete_stopped);
    RUN(test_run_until_complete_nesting);
    RUN(test_run_forever_keyboard_interrupt);
    RUN(test_run_until_complete_baseexception);
    RUN(test_close_running_event_loop);
    RUN(test_close);
    RUN(test_set_exception_handler);
#if ASYNCIO_ALL_TASKS
    RUN(test_close_reports_what_is_pending);
#endif
#if defined(ASYNC_NEW) && ASYNCIO_ALL_TASKS
    RUN(test_close_with_tasks_that_await_tasks);
#endif
    RUN(test_set_task_factory);
    RUN(test_slow_callback_duration);
#if ASYNCIO_ALL_TASKS
    RUN(test_storage_of_a_running_task_started_again);
#endif
#if ASYNCIO_THREADS && ASYNCIO_SELECTORS
    RUN(test_check_thread);
#endif
    RUN(test_call_soon_threadsafe_same_thread);
#if ASYNCIO_SELECTORS
    RUN(test_timeout_rounding);
#endif
    RUN(test_custom_run_forever_integration);
    RUN(test_deadlock);
    RUN(test_no_deadlock);
    return tap_end();
}
