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

int main(void)
{
    RUN(test_a_cancel_message_survives_an_error_that_a_try_catches);
    RUN(test_a_cancel_taken_back_leaves_no_message);
    return tap_end();
}
