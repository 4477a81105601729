/* SPDX-License-Identifier: MIT
 *
 * fixture.h - what the tests of the core have in common: a heap that is counted, a loop in virtual time whose reports
 * are kept, coroutines run in static storage. Includes asyncio.h; stands before any libc header.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stddef.h>

#if __STDC_HOSTED__
static inline void *counted_malloc(size_t size);
static inline void counted_free(void *memory);
#define ASYNCIO_MALLOC(size) counted_malloc(size)
#define ASYNCIO_FREE(memory) counted_free(memory)
#endif
#include "asyncio.h"
#include "tap.h"

#ifdef ASYNC_NEW
static int blocks, peak;          /* allocated and not freed, and the most of them at any time */
static int allocations_left = -1; /* then they fail; negative: never */
static inline void *counted_malloc(size_t size)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    if (++blocks > peak)
        peak = blocks;
    return malloc(size);
}
static inline void counted_free(void *memory)
{
    blocks--;
    free(memory);
}
#endif

#define E1 (ASYNCIO_EUSER + 1)
#define E2 (ASYNCIO_EUSER + 2)
#define E3 (ASYNCIO_EUSER + 3)

static asyncio_loop loop;
static asyncio_exception_context last_report;
static int reports;

static inline void on_report(asyncio_loop *where, const asyncio_exception_context *context, void *arg)
{
    CHECK(where == &loop);
    CHECK(arg == &reports);
    last_report = *context;
    reports++;
}

static inline void open_loop(void)
{
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio_set_exception_handler(&loop, on_report, &reports);
    reports = 0;
}

static inline void close_loop(void) { CHECK_EQ(asyncio_loop_close(&loop), 0); }

static inline void step(int times)
{
    asyncio_time when; /* with nothing to do it would wait for ever */
    while (times-- > 0)
        CHECK_EQ(asyncio_loop_step(&loop, asyncio_loop_next_deadline(&loop, &when) ? -1 : 0), 0);
}

static inline void log_tick(const char *word)
{
    log_number(loop.ticks);
    log_add(word);
}

/* One iteration of a task that waits for nothing else. */
#define TURN ASYNC_AWAIT(asyncio_sleep(0))

#if ASYNCIO_HOSTED
static inline double now(void) { return asyncio_to_seconds(asyncio_loop_time(&loop)); }
#endif
#if ASYNCIO_STRINGS
static inline const char *named(int err)
{
    return err == E1 ? "E1" : err == E2 ? "E2" : err == E3 ? "E3" : asyncio_errname(err);
}
#endif

/* Runs a coroutine as the main task of a loop with this task factory. */
static inline int run_with(asyncio_task_factory factory, asyncio_root *root, asyncio_value *value)
{
    int err;
    open_loop();
    asyncio_set_task_factory(&loop, factory);
    err = asyncio_run_until_complete(&loop, root, value);
    close_loop();
    return err;
}

static inline int run(asyncio_root *root, asyncio_value *value) { return run_with(NULL, root, value); }

/* The same in static storage of its own: RUN_CORO(&value, name, .field = 1) */
#define FIRST(...) FIRST_(__VA_ARGS__, 0)
#define FIRST_(first, ...) first
#define RUN_CORO(value, ...) RUN_CORO_(FIRST(__VA_ARGS__), NULL, value, __VA_ARGS__)
#define RUN_CORO_WITH(factory, ...) RUN_CORO_(FIRST(__VA_ARGS__), factory, NULL, __VA_ARGS__)
#define RUN_CORO_(name, factory, value, ...) RUN_CORO__(name, factory, value, __VA_ARGS__)
#define RUN_CORO__(name, factory, value, ...)                                                                          \
    ASYNCIO__EXTENSION({                                                                                               \
        static struct name##_task storage_##name;                                                                      \
        run_with(factory, ASYNC_AT(&storage_##name, __VA_ARGS__), value);                                              \
    })

static const asyncio_task_options no_options = {NULL, NULL, 0, NULL};

#endif
