/* Every allocation fails once: each program below runs with its first, second, ... allocation refused until a run needs
 * no more of them. Each time the failure must be told to somebody as ASYNCIO_ENOMEM, nothing may crash, and in the end
 * everything must have been freed. tests/test_alloc_freelist.c does the same with kept blocks. */
#include <stddef.h>
static void *test_malloc(size_t size);
static void test_free(void *memory);
#define ASYNCIO_MALLOC(size) test_malloc(size)
#define ASYNCIO_FREE(memory) test_free(memory)
#include "asyncio.h"
#include "tap.h"

static unsigned long allocations, fail_at, live;
static bool refused;

static void *test_malloc(size_t size)
{
    void *memory;
    if (++allocations == fail_at) {
        refused = true;
        return NULL;
    }
    memory = malloc(size);
    if (memory == NULL)
        abort();
    memset(memory, 0xa5, size); /* nobody may count on zeroes */
    live++;
    return memory;
}
static void test_free(void *memory)
{
    if (memory != NULL)
        live--;
    free(memory);
}

static asyncio_loop loop;
static int noted; /* the first error that anybody was told of */
static void note(int err)
{
    if (noted == 0 || noted == ASYNCIO_EDEADLOCK)
        noted = err;
}
static void on_exception(asyncio_loop *self, const asyncio_exception_context *context, void *arg)
{
    (void)self, (void)arg;
    note(context->err);
}
static int ran;
static void count(void *arg)
{
    (void)arg;
    ran++;
}
static void count_done(asyncio_future *future, void *arg)
{
    (void)future, (void)arg;
    ran++;
}

static bool open_loop(void)
{
    int err = asyncio_loop_init(&loop, &asyncio_virtual_port);
    note(err);
    if (err == 0)
        asyncio_set_exception_handler(&loop, on_exception, NULL);
    return err == 0;
}

/* Runs a program with every allocation refused in turn; `want` is what it counts if all goes well. */
static void sweep(void (*program)(void), int want)
{
    for (fail_at = 1;; fail_at++) {
        int failed = tap_failed_checks;
        allocations = 0;
        refused = false;
        noted = 0;
        ran = 0;
        program();
        if (!refused) {
            CHECK_EQ(noted, 0);
            CHECK_EQ(ran, want);
            CHECK_EQ(live, 0);
            CHECK(fail_at > 1);
            break;
        }
        CHECK_EQ(noted, ASYNCIO_ENOMEM);
        asyncio__free_all(); /* a loop that could not open has not emptied the lists of kept blocks */
        CHECK_EQ(live, 0);
        if (tap_failed_checks != failed) {
            TAP_WRITE("# with this allocation refused: ");
            tap_number((long long)fail_at);
            TAP_WRITE("\n");
            break;
        }
    }
    fail_at = 0;
    asyncio__free_all();
    live = 0;
}

/* ---- Tasks and nested coroutines ---- */

ASYNC(worker, int n;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    ran++;
    ASYNC_RETURN(self->n);
    ASYNC_END;
}
ASYNC(spawner, asyncio_task *tasks[3]; int i; int err;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        note(asyncio_create_task(ASYNC_NEW(worker, .n = self->i), .into = &self->tasks[self->i]));
    asyncio_create_task(ASYNC_NEW(worker, .n = 3)); /* fire and forget */
    for (self->i = 0; self->i < 3; self->i++) {
        ASYNC_CATCH_ALL(self->err, self->tasks[self->i]);
        note(self->err);
        asyncio_task_release(self->tasks[self->i]);
    }
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
static void tasks(void)
{
    if (!open_loop())
        return;
    note(asyncio_run_until_complete(&loop, ASYNC_NEW(spawner), NULL));
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
TEST(test_tasks) { sweep(tasks, 4); }

ASYNC(nested, int depth; asyncio_value below;)
{
    ASYNC_BEGIN;
    if (self->depth == 0) {
        ASYNC_AWAIT(asyncio_sleep(1));
        ran++;
        ASYNC_RETURN(0);
    }
    ASYNC_AWAIT_INTO(self->below, ASYNC_NEW(nested, .depth = self->depth - 1));
    ASYNC_RETURN(self->below + 1);
    ASYNC_FINALLY;
    ASYNC_AWAIT(ASYNC_NEW(worker)); /* one more on the way out, also out of memory's way */
    ASYNC_END;
}
static void nest(void)
{
    asyncio_value value = 0;
    if (!open_loop())
        return;
    note(asyncio_run_until_complete(&loop, ASYNC_NEW(nested, .depth = 3), &value));
    CHECK_EQ(value, noted == 0 ? 3 : 0);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
TEST(test_nested_coroutines) { sweep(nest, 5); }

/* A task destroyed in mid-await gives back all of its frames; so do the callbacks that wait for it. */
ASYNC(waits_for, asyncio_future *future;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(self->future);
    ASYNC_END;
}
ASYNC(holder, asyncio_future *future;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_NEW(waits_for, .future = self->future));
    ASYNC_END;
}
static void quiet(asyncio_loop *self, const asyncio_exception_context *context, void *arg)
{
    (void)self, (void)arg;
    if (context->err != 0 && context->err != ASYNCIO_ECANCELLED && context->err != ASYNCIO_EDEADLOCK)
        note(context->err);
}
static void abandon(void)
{
    asyncio_future future, *awaited;
    asyncio_task *task = NULL, *other = NULL;
    asyncio_task_options options;
    if (!open_loop())
        return;
    asyncio_set_exception_handler(&loop, quiet, NULL);
    asyncio_future_init(&future, &loop);
    asyncio__no_options(&options);
    options.into = &task;
    note(asyncio_loop_create_task(&loop, ASYNC_NEW(holder, .future = &future), &options));
    options.into = &other;
    awaited = task != NULL ? &task->future : &future;
    note(asyncio_loop_create_task(&loop, ASYNC_NEW(holder, .future = awaited), &options));
    if (task != NULL)
        note(asyncio_task_add_done_callback(task, NULL, count_done, NULL));
    if (other != NULL)
        note(asyncio_task_add_done_callback(other, NULL, count_done, NULL));
    note(asyncio_call_soon(&loop, NULL, count, NULL));
    note(asyncio_call_later(&loop, NULL, 1, count, NULL));
    asyncio_loop_stop(&loop);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    note(asyncio_call_soon(&loop, NULL, count, NULL));
    note(asyncio_call_soon_threadsafe(&loop, NULL, count, NULL));
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
TEST(test_a_loop_closed_in_the_middle) { sweep(abandon, 1); }

/* Fire and forget does not grow; kept blocks are used again. */
ASYNC(spawns_many, int i; unsigned long before;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 100; self->i++) {
        asyncio_create_task(ASYNC_NEW(worker));
        ASYNC_AWAIT(asyncio_sleep(2));
        CHECK_EQ(live, self->i == 0 ? live : self->before);
        self->before = live;
    }
    ASYNC_END;
}
TEST(test_spawning_does_not_grow)
{
    if (!open_loop())
        return;
    allocations = 0;
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_NEW(spawns_many), NULL), 0);
    CHECK_EQ(allocations, ASYNCIO_FREELIST ? 2 : 101);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_EQ(live, 0);
}

/* Eager tasks run inside create_task. */
static void eager(void)
{
    if (!open_loop())
        return;
    asyncio_set_task_factory(&loop, asyncio_eager_task_factory);
    note(asyncio_run_until_complete(&loop, ASYNC_NEW(spawner), NULL));
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
TEST(test_eager_tasks) { sweep(eager, 4); }

/* ---- Handles and futures ---- */

static void handles(void)
{
    asyncio_future future;
    int i;
    if (!open_loop())
        return;
    asyncio_future_init(&future, &loop);
    for (i = 0; i < 2; i++) {
        note(asyncio_call_soon(&loop, NULL, count, NULL));
        note(asyncio_call_later(&loop, NULL, i, count, NULL));
        note(asyncio_call_at(&loop, NULL, -1, count, NULL));
        note(asyncio_call_soon_threadsafe(&loop, NULL, count, NULL));
        note(asyncio_future_add_done_callback(&future, NULL, count_done, NULL));
        note(asyncio_future_add_done_callback(&future, NULL, count_done, &loop));
    }
    (void)asyncio_future_remove_done_callback(&future, count_done, &loop);
    CHECK_EQ(asyncio_future_set_result(&future, 1), 0);
    note(asyncio_future_add_done_callback(&future, NULL, count_done, NULL)); /* it is done already */
    note(asyncio_run_until_complete(&loop, ASYNC_NEW(worker), NULL));
    asyncio_future_release(&future);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
TEST(test_handles) { sweep(handles, 12); }

ASYNC(settler, asyncio_future *future;)
{
    ASYNC_BEGIN;
    if (self->future != NULL)
        asyncio_future_set_result(self->future, 5);
    ASYNC_END;
}
ASYNC(future_user, asyncio_future *future; asyncio_value value; int err;)
{
    ASYNC_BEGIN;
    self->future = asyncio_future_new(NULL);
    ASYNC_CATCH_ALL(self->err, ASYNC_NEW(settler, .future = self->future));
    note(self->err);
    if (self->err != 0 && self->future != NULL)
        asyncio_future_set_exception(self->future, self->err);
    ASYNC_AWAIT_INTO(self->value, self->future);
    ran += (int)self->value;
    ASYNC_FINALLY;
    asyncio_future_release(self->future);
    ASYNC_END;
}
static void futures(void)
{
    if (!open_loop())
        return;
    note(asyncio_run_until_complete(&loop, ASYNC_NEW(future_user), NULL));
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
TEST(test_future_new) { sweep(futures, 5); }

/* ---- Loops and runners ---- */

static void new_loop(void)
{
    asyncio_loop *heap = asyncio_new_event_loop(&asyncio_virtual_port);
    if (heap == NULL) {
        note(ASYNCIO_ENOMEM);
        return;
    }
    asyncio_set_exception_handler(heap, on_exception, NULL);
    note(asyncio_run_until_complete(heap, ASYNC_NEW(worker), NULL));
    CHECK_EQ(asyncio_loop_close(heap), 0);
}
TEST(test_new_event_loop) { sweep(new_loop, 1); }

static asyncio_run_options runner_options;
static void runner(void)
{
    asyncio_runner runner;
    asyncio__no_run_options(&runner_options);
    runner_options.port = &asyncio_virtual_port;
    asyncio_runner_init(&runner, &runner_options);
    if (asyncio_runner_get_loop(&runner) != NULL)
        asyncio_set_exception_handler(asyncio_runner_get_loop(&runner), on_exception, NULL);
    else
        note(ASYNCIO_ENOMEM); /* the next run() tries again */
    note(asyncio_runner_run(&runner, ASYNC_NEW(worker), NULL));
    note(asyncio_runner_run(&runner, ASYNC_NEW(worker), NULL));
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    CHECK_EQ(asyncio_runner_run(&runner, NULL, NULL), ASYNCIO_ECLOSED);
}
TEST(test_runner) { sweep(runner, 2); }

static void run(void)
{
    asyncio_value value = 0;
    note(asyncio_run(ASYNC_NEW(worker, .n = 7), .port = &asyncio_virtual_port, .quiet = true, .result = &value));
    CHECK_EQ(value, noted == 0 ? 7 : 0);
}
TEST(test_run) { sweep(run, 1); }

/* What run() finds unfinished is cancelled, and may need memory while it ends. */
ASYNC(tidy)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(100));
    ASYNC_FINALLY;
    ASYNC_AWAIT(ASYNC_NEW(worker));
    ran++;
    ASYNC_END;
}
ASYNC(leaves_work)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(tidy));
    asyncio_create_task(ASYNC_NEW(tidy));
    ASYNC_AWAIT(ASYNC_NEW(worker));
    ASYNC_END;
}
static void run_shutdown(void)
{
    if (open_loop())
        note(asyncio_run(ASYNC_NEW(leaves_work), .loop = &loop, .quiet = true));
}
TEST(test_run_shutdown) { sweep(run_shutdown, 5); }

#if ASYNCIO_THREADS && ASYNCIO_SELECTORS
ASYNC(wait_long)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(3));
    ASYNC_END;
}
static struct wait_long_task wait_storage;
static void threadsafe(void)
{
    asyncio_concurrent_future answer;
    int err;
    if (!open_loop())
        return;
    err = asyncio_run_coroutine_threadsafe(ASYNC_NEW(worker), &loop, &answer);
    note(err);
    CHECK_EQ(asyncio_concurrent_future_done(&answer), err != 0);
    note(asyncio_run_until_complete(&loop, ASYNC_AT(&wait_storage, wait_long), NULL));
    CHECK(asyncio_concurrent_future_done(&answer));
    asyncio_concurrent_future_destroy(&answer);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
TEST(test_run_coroutine_threadsafe) { sweep(threadsafe, 1); }
#endif

/* ---- Descriptors ---- */

#if ASYNCIO_SELECTORS
/* Enough of them that the table of descriptors must grow, which may fail, too: then it only gets slower. */
#define MANY 360
static int many[MANY], ends[2];
static void readers(void)
{
    int i;
    if (!open_loop())
        return;
    for (i = 0; i < MANY; i++)
        note(asyncio_add_reader(&loop, many[i], count, NULL));
    if (noted == 0)
        note(asyncio_add_writer(&loop, ends[1], count, NULL));
    asyncio_loop_stop(&loop);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    for (i = 0; i < MANY; i++)
        (void)asyncio_remove_reader(&loop, many[i]);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
static void readers_sweep(void)
{
    for (fail_at = 1; fail_at < MANY + 40; fail_at++) {
        allocations = 0;
        refused = false;
        noted = 0;
        ran = 0;
        readers();
        CHECK(noted == 0 || noted == ASYNCIO_ENOMEM);
        CHECK(noted != 0 || ran == MANY + 1);
        asyncio__free_all();
        CHECK_EQ(live, 0);
    }
    CHECK(!refused);
    fail_at = 0;
}
TEST(test_add_reader)
{
    int i;
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    for (i = 0; i < MANY; i++)
        CHECK((many[i] = dup(ends[0])) >= 0);
    readers_sweep();
    for (i = 0; i < MANY; i++)
        close(many[i]);
    close(ends[0]);
    close(ends[1]);
}

static int sockets[2];
ASYNC(receiver, char byte; int got;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(sockets[0], &self->byte, 1));
    ran += self->got;
    ASYNC_END;
}
ASYNC(talk, asyncio_task *task; int err;)
{
    ASYNC_BEGIN;
    note(asyncio_create_task(ASYNC_NEW(receiver), .into = &self->task));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sock_sendall(sockets[1], "x", 1));
    ASYNC_CATCH_ALL(self->err, self->task);
    note(self->err);
    asyncio_task_release(self->task);
    ASYNC_END;
}
static void sock(void)
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    if (open_loop()) {
        note(asyncio_run_until_complete(&loop, ASYNC_NEW(talk), NULL));
        CHECK_EQ(asyncio_loop_close(&loop), 0);
    }
    close(sockets[0]);
    close(sockets[1]);
}
TEST(test_sock) { sweep(sock, 1); }
#endif

int main(void)
{
    RUN(test_tasks);
    RUN(test_nested_coroutines);
    RUN(test_a_loop_closed_in_the_middle);
    RUN(test_spawning_does_not_grow);
    RUN(test_eager_tasks);
    RUN(test_handles);
    RUN(test_future_new);
    RUN(test_new_event_loop);
    RUN(test_runner);
    RUN(test_run);
    RUN(test_run_shutdown);
#if ASYNCIO_THREADS && ASYNCIO_SELECTORS
    RUN(test_run_coroutine_threadsafe);
#endif
#if ASYNCIO_SELECTORS
    RUN(test_add_reader);
    RUN(test_sock);
#endif
    return tap_end();
}
