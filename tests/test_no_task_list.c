/* Without the list of tasks a loop cannot cancel or report what is left when it closes: it must leave it alone. */
#define ASYNCIO_ALL_TASKS 0
#include "asyncio.h"
#include "tap.h"

static asyncio_loop loop;
static asyncio_future never;

ASYNC(sleeps, int n;)
{
    ASYNC_BEGIN;
    for (self->n = 0; self->n < 2; self->n++)
        ASYNC_AWAIT(asyncio_sleep(1));
    log_add("slept");
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}
ASYNC(waits)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(&never);
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}
static struct sleeps_task sleeping, other;
static struct waits_task waiting;

static void word(void *arg) { log_add((const char *)arg); }
static void create(asyncio_root *root)
{
    asyncio_task_options options;
    asyncio__no_options(&options);
    CHECK_EQ(asyncio_loop_create_task(&loop, root, &options), 0);
}

/* Every byte of a frame that may be taken for something else is set. */
static void dirty(struct sleeps_task *storage)
{
    storage->frame.n = -1;
#if ASYNCIO_NAMES
    storage->name.number = (uintptr_t)-1;
#endif
}

TEST(test_close)
{
    struct sleeps_task copy;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio_future_init(&never, &loop);
    create(ASYNC_AT(&sleeping, sleeps));
    create(ASYNC_AT(&waiting, waits));
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    create(ASYNC_AT(&other, sleeps)); /* not started */
#ifdef ASYNC_NEW
    CHECK_EQ(asyncio_call_soon(&loop, NULL, word, "no"), 0);
    CHECK_EQ(asyncio_call_later(&loop, NULL, 1, word, "no"), 0);
    CHECK_EQ(asyncio_call_later(&loop, NULL, 2, word, "no"), 0);
#endif
    dirty(&sleeping);
    dirty(&other);
    copy = sleeping;
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_LOG("");
    CHECK(copy.frame.coro.resume == sleeping.frame.coro.resume);
    CHECK(copy.frame.coro.awaiter == sleeping.frame.coro.awaiter);
    CHECK_EQ(copy.frame.n, sleeping.frame.n);
    CHECK_EQ(copy.future.holds, sleeping.future.holds);
#if ASYNCIO_CONTEXTS
    CHECK(copy.context == sleeping.context);
#endif
#if ASYNCIO_NAMES
    CHECK(copy.name.number == sleeping.name.number);
#endif
}

ASYNC(spawns)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&sleeping, sleeps));
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(4);
    ASYNC_END;
}
static struct spawns_task spawning;
TEST(test_run)
{
    asyncio_value value = 0;
    CHECK_EQ(asyncio_run(ASYNC_AT(&spawning, spawns), .port = &asyncio_virtual_port, .result = &value), 0);
    CHECK_EQ(value, 4);
    CHECK_LOG("");
}

int main(void)
{
    RUN(test_close);
    RUN(test_run);
    return tap_end();
}
