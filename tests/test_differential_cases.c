/* SPDX-License-Identifier: MIT
 * Small programs that random comparison with CPython 3.14 found to behave differently. */
#include "asyncio.h"
#include "tap.h"

/* Python's
 *     asyncio.current_task().cancel('m')
 *     try: raise UserError
 *     except UserError: pass
 *     try: await asyncio.sleep(1)
 *     except asyncio.CancelledError as e: ... e.args[0] is 'm' */
ASYNC(cancels_itself_and_catches, asyncio_try attempt; int err; const char *message;)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), "m");
    ASYNC_TRY (&self->attempt)
        ASYNC_RAISE(ASYNCIO_EUSER);
    ASYNC_EXCEPT (&self->attempt)
        CHECK_EQ(self->attempt.block.err, ASYNCIO_EUSER);
    ASYNC_CATCH_ALL_INTO(self->err, self->message, asyncio_sleep(1));
    CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
    CHECK_STR(self->message, "m");
    ASYNC_END;
}

/* Uncancelled meanwhile, the message is nobody's: what the handler catches and returns is its own. */
ASYNC(takes_its_cancel_back, asyncio_try attempt; int err;)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), "m");
    CHECK_EQ(asyncio_task_uncancel(asyncio_current_task()), 0);
    ASYNC_TRY (&self->attempt)
        ASYNC_RAISE(ASYNCIO_EUSER);
    ASYNC_EXCEPT (&self->attempt)
        log_add("caught");
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    CHECK_EQ(self->err, 0);
    ASYNC_RETURN(7);
    ASYNC_END;
}

TEST(test_a_cancel_message_survives_an_error_that_a_try_catches)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancels_itself_and_catches), .port = &asyncio_virtual_port), 0);
}

TEST(test_a_cancel_taken_back_leaves_no_message)
{
    asyncio_value value = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(takes_its_cancel_back), .port = &asyncio_virtual_port, .result = &value), 0);
    CHECK_EQ(value, 7);
    CHECK_LOG("caught");
}

/* A cancelled Task gives its CancelledError away once; those that it makes then have no message. A Future's have. */
ASYNC(sleeps)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(100));
    ASYNC_END;
}
ASYNC(reads_a_message_twice, asyncio_task *task; asyncio_future future; int i, err; const char *message;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(sleeps), .into = &self->task);
    CHECK_EQ(asyncio_future_detail(asyncio_task_future(self->task)), 0);
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_cancel(self->task, "of a Task");
    for (self->i = 0; self->i < 2; self->i++) {
        ASYNC_CATCH_ALL_INTO(self->err, self->message, self->task);
        CHECK_EQ(self->err, ASYNCIO_ECANCELLED);
        log_add(self->message != NULL ? self->message : "none");
    }
    CHECK_EQ(asyncio_future_detail(asyncio_task_future(self->task)), 0);
    CHECK_STR(asyncio_task_cancel_message(self->task), "of a Task");
    asyncio_task_release(self->task);
    asyncio_future_init(&self->future, NULL);
    asyncio_future_cancel(&self->future, "of a Future");
    for (self->i = 0; self->i < 2; self->i++) {
        ASYNC_CATCH_ALL_INTO(self->err, self->message, &self->future);
        log_add(self->message);
    }
    log_add((const char *)asyncio_future_detail(&self->future));
    asyncio_future_release(&self->future);
    ASYNC_END;
}
TEST(test_a_task_gives_its_cancel_message_once)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(reads_a_message_twice), .port = &asyncio_virtual_port), 0);
    CHECK_LOG("of a Task none of a Future of a Future of a Future");
}

/* cancel() of a gather that is over does nothing at all, while that of another Future reads its error. */
static int reports;
static void count_report(asyncio_loop *loop, const asyncio_exception_context *context, void *arg)
{
    (void)loop, (void)arg;
    reports++;
    log_add(context->message);
}
ASYNC(fails)
{
    ASYNC_BEGIN;
    ASYNC_RAISE(ASYNCIO_EUSER);
    ASYNC_END;
}
ASYNC(cancels_what_is_done, asyncio_gather all; asyncio_child child; asyncio_future future, *outer;)
{
    ASYNC_BEGIN;
    reports = 0;
    asyncio_set_exception_handler(asyncio_get_running_loop(), count_report, NULL);
    self->outer = asyncio_gather_future(&self->all, &self->child, ASYNC_NEW(fails));
    asyncio_future_init(&self->future, NULL);
    asyncio_future_set_exception(&self->future, ASYNCIO_EUSER);
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK(asyncio_future_done(self->outer));
    CHECK(!asyncio_future_cancel(&self->future, NULL));
    asyncio_future_release(&self->future);
    CHECK_EQ(reports, 0);
    CHECK(!asyncio_future_cancel(self->outer, NULL));
    asyncio_gather_close(&self->all);
    CHECK_EQ(reports, 1);
    ASYNC_END;
}
TEST(test_cancel_of_a_gather_that_is_over_reads_nothing)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(cancels_what_is_done), .port = &asyncio_virtual_port), 0);
    CHECK_LOG("Future exception was never retrieved");
}

/* run()'s shutdown waits by gather, whose callback for each task takes an iteration, also where nothing else happens.
 * `slow` is cancelled in the second iteration, which ends `quick`; the third has that one's callback; in the fourth the
 * second has passed, in the fifth `slow` goes on. */
static asyncio_loop own_loop;
ASYNC(slow, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(100));
    ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));
    log_number(own_loop.ticks);
    ASYNC_END;
}
ASYNC(leaves_two)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(slow));
    asyncio_create_task(ASYNC_NEW(sleeps));
    ASYNC_AWAIT(asyncio_sleep(0));
    log_number(own_loop.ticks);
    ASYNC_END;
}
TEST(test_the_iterations_of_a_shutdown)
{
    CHECK_EQ(asyncio_loop_init(&own_loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_run(ASYNC_NEW(leaves_two), .loop = &own_loop), 0);
    CHECK_LOG("2 7");
}

/* An error that ends a task in the shutdown is reported whether anybody has read it or not. */
ASYNC(fails_when_cancelled)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(100));
    ASYNC_FINALLY;
    ASYNC_RAISE(ASYNCIO_EUSER);
    ASYNC_END;
}
ASYNC(reads_the_error, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, self->task);
    CHECK_EQ(self->err, ASYNCIO_EUSER);
    ASYNC_END;
}
ASYNC(leaves_a_reader, asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(fails_when_cancelled), .into = &self->task);
    asyncio_create_task(ASYNC_NEW(reads_the_error, .task = self->task));
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_a_shutdown_reports_errors_that_were_read)
{
    CHECK_EQ(asyncio_loop_init(&own_loop, &asyncio_virtual_port), 0);
    asyncio_set_exception_handler(&own_loop, count_report, NULL);
    CHECK_EQ(asyncio_run(ASYNC_NEW(leaves_a_reader), .loop = &own_loop), 0);
    CHECK_LOG("unhandled exception during asyncio.run() shutdown");
}

/* run_until_complete's own callback comes an iteration after the end. If stop() was faster, it ends the next run. */
ASYNC(stops)
{
    ASYNC_BEGIN;
    asyncio_loop_stop(asyncio_get_running_loop());
    ASYNC_RETURN(5);
    ASYNC_END;
}
TEST(test_stop_and_end_at_once)
{
    asyncio_value value = 0;
    CHECK_EQ(asyncio_loop_init(&own_loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_run_until_complete(&own_loop, ASYNC_NEW(stops), &value), 0);
    CHECK_EQ(value, 5);
    CHECK_EQ(asyncio_run_until_complete(&own_loop, ASYNC_NEW(leaves_two), NULL), ASYNCIO_ESTOPPED);
    CHECK_EQ(own_loop.ticks, 2);
    CHECK_EQ(asyncio_run_until_complete(&own_loop, ASYNC_NEW(stops), &value), 0);
    asyncio_set_exception_handler(&own_loop, count_report, NULL);
    CHECK_EQ(asyncio_loop_close(&own_loop), 0);
    log_clear();
}

int main(void)
{
    RUN(test_a_cancel_message_survives_an_error_that_a_try_catches);
    RUN(test_a_cancel_taken_back_leaves_no_message);
    RUN(test_a_task_gives_its_cancel_message_once);
    RUN(test_cancel_of_a_gather_that_is_over_reads_nothing);
    RUN(test_the_iterations_of_a_shutdown);
    RUN(test_a_shutdown_reports_errors_that_were_read);
    RUN(test_stop_and_end_at_once);
    return tap_end();
}
