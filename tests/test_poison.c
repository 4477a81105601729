/* SPDX-License-Identifier: MIT
 * A local that is meant to survive an await holds rubbish at once, with ASYNCIO_POISON. */
#define ASYNCIO_POISON 1
#include "asyncio.h"
#include "tap.h"

#ifdef __GNUC__
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

static unsigned seen;

ASYNC(careless)
{
    volatile unsigned local[4];
    ASYNC_BEGIN;
    local[0] = local[1] = local[2] = local[3] = 7;
    ASYNC_AWAIT(asyncio_sleep(0));
    seen = local[1];
    ASYNC_END;
}

TEST(test_local_across_await_is_poisoned)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(careless), .port = &asyncio_virtual_port), 0);
    CHECK(seen != 7);
}

int main(void)
{
    RUN(test_local_across_await_is_poisoned);
    return tap_end();
}
