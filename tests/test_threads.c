/* Threads: call_soon_threadsafe, run_coroutine_threadsafe, one loop per thread, fork. The only tests with real threads;
 * built with -fsanitize=thread, too. No test depends on how long anything takes. */
#include "asyncio.h"
#include "tap.h"

#include <sched.h>
#include <sys/wait.h>

#define POSTERS 4
#define POSTS 500

static void wait_until(const int *flag)
{
    while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE))
        sched_yield();
}
static void set_flag(int *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELEASE); }

/* A loop in a thread of its own, which runs until it is stopped. */
struct host {
    asyncio_loop loop;
    pthread_t thread;
    int err;
};
static void *host_run(void *arg)
{
    struct host *host = (struct host *)arg;
    host->err = asyncio_run_forever(&host->loop);
    return NULL;
}
static void host_stop(void *arg) { asyncio_loop_stop((asyncio_loop *)arg); }
static void host_start(struct host *host, const asyncio_port *port)
{
    CHECK_EQ(asyncio_loop_init(&host->loop, port), 0);
    CHECK_EQ(pthread_create(&host->thread, NULL, host_run, host), 0);
}
static void host_join(struct host *host)
{
    CHECK_EQ(asyncio_call_soon_threadsafe(&host->loop, NULL, host_stop, &host->loop), 0);
    pthread_join(host->thread, NULL);
    CHECK_EQ(host->err, 0);
    CHECK_EQ(asyncio_loop_close(&host->loop), 0);
}

/* ---- call_soon_threadsafe ---- */

struct post {
    struct poster *poster;
    int number;
};
struct poster {
    asyncio_loop *loop;
    pthread_t thread;
    int sent, seen, wrong;
    struct post posts[POSTS];
};
static int posts_seen;

static void post_arrived(void *arg)
{
    struct post *post = (struct post *)arg;
    if (post->number != post->poster->seen)
        post->poster->wrong++;
    post->poster->seen++;
    if (++posts_seen == POSTERS * POSTS)
        asyncio_loop_stop(post->poster->loop);
}

static void *post_all(void *arg)
{
    struct poster *poster = (struct poster *)arg;
    int i;
    for (i = 0; i < POSTS; i++) {
        poster->posts[i].poster = poster;
        poster->posts[i].number = i;
        if (asyncio_call_soon_threadsafe(poster->loop, NULL, post_arrived, &poster->posts[i]) == 0)
            poster->sent++;
        if (i % 50 == 0)
            sched_yield();
    }
    return NULL;
}

static void post_from_all(const asyncio_port *port)
{
    static struct poster posters[POSTERS];
    asyncio_loop loop;
    int i;
    posts_seen = 0;
    CHECK_EQ(asyncio_loop_init(&loop, port), 0);
    for (i = 0; i < POSTERS; i++) {
        posters[i].loop = &loop;
        posters[i].sent = posters[i].seen = posters[i].wrong = 0;
        CHECK_EQ(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    }
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    for (i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].thread, NULL);
        CHECK_EQ(posters[i].sent, POSTS);
        CHECK_EQ(posters[i].seen, POSTS);
        CHECK_EQ(posters[i].wrong, 0);
    }
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
TEST(test_every_call_arrives_and_in_each_threads_order) { post_from_all(NULL); }
TEST(test_every_call_arrives_under_the_virtual_clock) { post_from_all(&asyncio_virtual_port); }

/* One call at a time, the next only when the one before has run: each one finds the loop on its way to sleep, or
 * asleep. A single wake-up that is lost stops it for ever. */
struct ping {
    asyncio_loop *loop;
    int got;
};
static int pings_over;
static void ping_over(void *arg)
{
    if (++pings_over == 2)
        asyncio_loop_stop((asyncio_loop *)arg);
}
static void ping_arrived(void *arg) { set_flag(&((struct ping *)arg)->got); }
static void *ping_all(void *arg)
{
    struct ping *ping = (struct ping *)arg;
    int i;
    for (i = 0; i < 5000; i++) {
        __atomic_store_n(&ping->got, 0, __ATOMIC_RELEASE);
        (void)asyncio_call_soon_threadsafe(ping->loop, NULL, ping_arrived, ping);
        wait_until(&ping->got);
    }
    (void)asyncio_call_soon_threadsafe(ping->loop, NULL, ping_over, ping->loop);
    return NULL;
}
TEST(test_no_wake_up_is_lost)
{
    struct ping pings[2];
    pthread_t threads[2];
    asyncio_loop loop;
    int i;
    CHECK_EQ(asyncio_loop_init(&loop, NULL), 0);
    for (i = 0; i < 2; i++) {
        pings[i].loop = &loop;
        CHECK_EQ(pthread_create(&threads[i], NULL, ping_all, &pings[i]), 0);
    }
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    asyncio_loop_close(&loop);
    for (i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static void log_word(void *arg) { log_add((const char *)arg); }
static void log_two(void *arg)
{
    asyncio_loop *loop = (asyncio_loop *)arg;
    (void)asyncio_call_soon_threadsafe(loop, NULL, log_word, (void *)(uintptr_t)"threadsafe");
    (void)asyncio_call_soon(loop, NULL, log_word, (void *)(uintptr_t)"soon");
    (void)asyncio_call_soon_threadsafe(loop, NULL, host_stop, loop);
}
TEST(test_threadsafe_and_plain_calls_share_one_queue_in_the_loops_thread)
{
    asyncio_loop loop;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    (void)asyncio_call_soon_threadsafe(&loop, NULL, log_word, (void *)(uintptr_t)"hello");
    (void)asyncio_call_soon(&loop, NULL, log_word, (void *)(uintptr_t)"world");
    (void)asyncio_call_soon(&loop, NULL, log_two, &loop);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("hello world threadsafe soon");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

TEST(test_a_handle_that_waits_is_not_queued_twice)
{
    asyncio_loop loop;
    asyncio_handle handle;
    memset(&handle, 0, sizeof handle);
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, (void *)(uintptr_t)"once"), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, (void *)(uintptr_t)"once"), 0);
    asyncio__inbox_drain(&loop); /* an interrupt can come just here, between the drain and the call */
    (void)asyncio_call_soon(&loop, NULL, log_word, (void *)(uintptr_t)"behind");
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, (void *)(uintptr_t)"once"), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("once behind");
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, (void *)(uintptr_t)"again"), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("again");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

struct again {
    asyncio_loop *loop;
    asyncio_handle handle;
    int left;
};
static void call_again(void *arg)
{
    struct again *self = (struct again *)arg;
    log_number(self->left);
    if (--self->left > 0)
        (void)asyncio_call_soon_threadsafe(self->loop, &self->handle, call_again, self);
}
TEST(test_the_callback_may_use_its_own_handle_again)
{
    asyncio_loop loop;
    struct again self;
    memset(&self, 0, sizeof self);
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    self.loop = &loop;
    self.left = 3;
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &self.handle, call_again, &self), 0);
    while (self.left > 0)
        CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("3 2 1");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* ---- cancel from another thread ---- */

static void *cancel_handle(void *arg)
{
    asyncio_handle_cancel((asyncio_handle *)arg);
    return NULL;
}
static void in_a_thread(void *(*function)(void *), void *arg)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, function, arg), 0);
    pthread_join(thread, NULL);
}

TEST(test_cancel_from_another_thread_in_the_inbox)
{
    asyncio_loop loop;
    asyncio_handle handle;
    memset(&handle, 0, sizeof handle);
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, (void *)(uintptr_t)"no"), 0);
    in_a_thread(cancel_handle, &handle);
    CHECK(asyncio_handle_cancelled(&handle));
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* The first callback lets another thread cancel the second, which is in the ready list by then. */
static void cancel_other(void *arg) { in_a_thread(cancel_handle, arg); }
TEST(test_cancel_from_another_thread_in_the_ready_list)
{
    asyncio_loop loop;
    asyncio_handle handle;
    memset(&handle, 0, sizeof handle);
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, NULL, cancel_other, &handle), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, (void *)(uintptr_t)"no"), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, NULL, log_word, (void *)(uintptr_t)"yes"), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("yes");
    CHECK(asyncio_handle_cancelled(&handle));
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, (void *)(uintptr_t)"now"), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("now");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

static void cancel_here(void *arg)
{
    asyncio_handle_cancel((asyncio_handle *)arg);
    memset(arg, 0xff, sizeof(asyncio_handle)); /* the storage is ours again, at once */
}
TEST(test_cancel_in_the_loops_thread_takes_it_out_of_the_ready_list)
{
    asyncio_loop loop;
    asyncio_handle handle;
    memset(&handle, 0, sizeof handle);
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, NULL, cancel_here, &handle), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, (void *)(uintptr_t)"no"), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_LOG("");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

/* A thread posts and cancels as fast as it can while the loop takes the calls. */
struct race {
    asyncio_loop *loop;
    asyncio_handle handle;
    int ran, stopped;
};
static void race_ran(void *arg) { __atomic_add_fetch(&((struct race *)arg)->ran, 1, __ATOMIC_RELAXED); }
static void *race_run(void *arg)
{
    struct race *race = (struct race *)arg;
    int i;
    for (i = 0; i < 3000; i++) {
        (void)asyncio_call_soon_threadsafe(race->loop, &race->handle, race_ran, race);
        if (i % 7 == 0)
            sched_yield();
        if (i % 3 != 0)
            asyncio_handle_cancel(&race->handle);
    }
    (void)asyncio_call_soon_threadsafe(race->loop, NULL, host_stop, race->loop);
    return NULL;
}
TEST(test_post_and_cancel_race_with_the_loop)
{
    struct race race;
    pthread_t thread;
    asyncio_loop loop;
    memset(&race, 0, sizeof race);
    CHECK_EQ(asyncio_loop_init(&loop, NULL), 0);
    race.loop = &loop;
    CHECK_EQ(pthread_create(&thread, NULL, race_run, &race), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    pthread_join(thread, NULL);
    CHECK(race.ran <= 3000);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

TEST(test_a_closed_loop_refuses)
{
    asyncio_loop loop;
    asyncio_handle handle;
    memset(&handle, 0, sizeof handle);
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, (void *)(uintptr_t)"dropped"), 0);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, NULL, log_word, NULL), ASYNCIO_ECLOSED);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &handle, log_word, NULL), ASYNCIO_ECLOSED);
    asyncio_handle_cancel(&handle);
    CHECK_LOG("");
}

/* The loop may close as soon as it has seen the last call, though the thread that made it is still on its way out. */
static void *stop_it(void *arg)
{
    (void)asyncio_call_soon_threadsafe((asyncio_loop *)arg, NULL, host_stop, arg);
    return NULL;
}
TEST(test_the_last_call_may_end_the_loop)
{
    int i;
    for (i = 0; i < 200; i++) {
        pthread_t thread;
        asyncio_loop loop;
        CHECK_EQ(asyncio_loop_init(&loop, NULL), 0);
        CHECK_EQ(pthread_create(&thread, NULL, stop_it, &loop), 0);
        CHECK_EQ(asyncio_run_forever(&loop), 0);
        CHECK_EQ(asyncio_loop_close(&loop), 0);
        pthread_join(thread, NULL);
    }
}

/* ---- one loop per thread ---- */

#define WORKERS 4
ASYNC(worker, int number; int *sum; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 5; self->i++) {
        ASYNC_AWAIT(asyncio_sleep_for(asyncio_current_task(), (asyncio_time)100000 * self->number));
        *self->sum += self->number;
    }
    ASYNC_RETURN(self->number);
    ASYNC_END;
}
ASYNC(workers, int sum; int i; asyncio_task *tasks[20]; int got; asyncio_loop *loop;)
{
    ASYNC_BEGIN;
    self->loop = asyncio_get_running_loop();
    for (self->i = 0; self->i < 20; self->i++)
        asyncio_create_task(ASYNC_NEW(worker, .number = self->i, .sum = &self->sum), .into = &self->tasks[self->i]);
    for (self->i = 0; self->i < 20; self->i++) {
        ASYNC_AWAIT_INTO(self->got, self->tasks[self->i]);
        asyncio_task_release(self->tasks[self->i]);
        if (self->got != self->i || asyncio_get_running_loop() != self->loop)
            ASYNC_RAISE(ASYNCIO_EVALUE);
    }
    ASYNC_RETURN(self->sum);
    ASYNC_END;
}
struct run {
    const asyncio_port *port;
    asyncio_value sum;
    int err;
};
static void *run_workers(void *arg)
{
    struct run *run = (struct run *)arg;
    run->err = asyncio_run(ASYNC_NEW(workers), .port = run->port, .result = &run->sum);
    return NULL;
}
TEST(test_one_loop_per_thread)
{
    struct run runs[WORKERS];
    pthread_t threads[WORKERS];
    int i;
    for (i = 0; i < WORKERS; i++) {
        runs[i].port = i % 2 == 0 ? NULL : &asyncio_virtual_port;
        CHECK_EQ(pthread_create(&threads[i], NULL, run_workers, &runs[i]), 0);
    }
    for (i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_EQ(runs[i].err, 0);
        CHECK_EQ(runs[i].sum, 950);
    }
    CHECK(asyncio_get_running_loop() == NULL);
}

/* ---- run_coroutine_threadsafe ---- */

ASYNC(add, int a, b; int fail; int wait;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    if (self->wait)
        ASYNC_AWAIT(asyncio_sleep(3600));
    if (self->fail != 0)
        ASYNC_RAISE(self->fail);
    ASYNC_RETURN(self->a + self->b);
    ASYNC_END;
}

TEST(test_run_coroutine_threadsafe)
{
    struct host host;
    asyncio_concurrent_future future;
    asyncio_value value = -1;
    host_start(&host, NULL);
    CHECK_EQ(asyncio_run_coroutine_threadsafe(ASYNC_NEW(add, .a = 1, .b = 2), &host.loop, &future), 0);
    CHECK_EQ(asyncio_concurrent_future_result(&future, -1, &value), 0);
    CHECK_EQ(value, 3);
    CHECK(asyncio_concurrent_future_done(&future));
    CHECK(!asyncio_concurrent_future_cancel(&future));
    CHECK_EQ(asyncio_concurrent_future_result(&future, 0, NULL), 0); /* any number of times */
    asyncio_concurrent_future_destroy(&future);
    host_join(&host);
}

/* Made in the loop, given to a thread, which gives it to the loop: debug builds list it meanwhile. */
struct errand {
    pthread_t thread;
    asyncio_loop *loop;
    asyncio_root *root;
    asyncio_value value;
    int done;
};
static void *errand_run(void *arg)
{
    struct errand *errand = (struct errand *)arg;
    asyncio_concurrent_future future;
    if (asyncio_run_coroutine_threadsafe(errand->root, errand->loop, &future) == 0)
        (void)asyncio_concurrent_future_result(&future, -1, &errand->value);
    asyncio_concurrent_future_destroy(&future);
    set_flag(&errand->done);
    return NULL;
}
ASYNC(sends, struct errand errands[8]; struct errand *errand; asyncio_task *held; int i; int sum;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 8; self->i++) {
        self->errand = &self->errands[self->i];
        self->errand->loop = asyncio_get_running_loop();
        self->errand->root = ASYNC_NEW(add, .a = self->i, .b = 1);
        CHECK_EQ(pthread_create(&self->errand->thread, NULL, errand_run, self->errand), 0);
        asyncio_create_task(ASYNC_NEW(add), .into = &self->held);
        ASYNC_AWAIT(self->held);
        asyncio_task_release(self->held);
    }
    for (self->i = 0; self->i < 8; self->i++) {
        while (!__atomic_load_n(&self->errands[self->i].done, __ATOMIC_ACQUIRE))
            ASYNC_AWAIT(asyncio_sleep(0));
        pthread_join(self->errands[self->i].thread, NULL);
        self->sum += (int)self->errands[self->i].value;
    }
    ASYNC_RETURN(self->sum);
    ASYNC_END;
}
TEST(test_run_coroutine_threadsafe_of_one_made_in_the_loop)
{
    asyncio_value sum = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(sends), .result = &sum), 0);
    CHECK_EQ(sum, 36);
}

TEST(test_run_coroutine_threadsafe_with_exception)
{
    struct host host;
    asyncio_concurrent_future future;
    asyncio_value value = -1;
    host_start(&host, NULL);
    CHECK_EQ(asyncio_run_coroutine_threadsafe(ASYNC_NEW(add, .fail = ASYNCIO_EUSER + 3), &host.loop, &future), 0);
    CHECK_EQ(asyncio_concurrent_future_result(&future, -1, &value), ASYNCIO_EUSER + 3);
    CHECK_EQ(value, 0);
    asyncio_concurrent_future_destroy(&future);
    host_join(&host);
}

TEST(test_run_coroutine_threadsafe_with_timeout)
{
    struct host host;
    asyncio_concurrent_future future;
    host_start(&host, NULL);
    CHECK_EQ(asyncio_run_coroutine_threadsafe(ASYNC_NEW(add, .wait = 1), &host.loop, &future), 0);
    CHECK_EQ(asyncio_concurrent_future_result(&future, 0, NULL), ASYNCIO_ETIMEOUT);
    CHECK_EQ(asyncio_concurrent_future_result(&future, 0.001, NULL), ASYNCIO_ETIMEOUT);
    CHECK(!asyncio_concurrent_future_done(&future));
    CHECK(asyncio_concurrent_future_cancel(&future));
    CHECK_EQ(asyncio_concurrent_future_result(&future, -1, NULL), ASYNCIO_ECANCELLED);
    CHECK(asyncio_concurrent_future_done(&future));
    asyncio_concurrent_future_destroy(&future);
    host_join(&host);
}

/* The other way round: the task is cancelled in the loop, and the thread learns of it. */
ASYNC(cancels_itself)
{
    ASYNC_BEGIN;
    asyncio_task_cancel(asyncio_current_task(), NULL);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
TEST(test_run_coroutine_threadsafe_task_cancelled)
{
    struct host host;
    asyncio_concurrent_future future;
    host_start(&host, NULL);
    CHECK_EQ(asyncio_run_coroutine_threadsafe(ASYNC_NEW(cancels_itself), &host.loop, &future), 0);
    CHECK_EQ(asyncio_concurrent_future_result(&future, -1, NULL), ASYNCIO_ECANCELLED);
    asyncio_concurrent_future_destroy(&future);
    host_join(&host);
}

/* Cancelled before its first step, while it runs and when it is over: whatever comes first, it ends, nothing leaks. */
TEST(test_run_coroutine_threadsafe_cancelled_at_any_time)
{
    struct host host;
    int i;
    host_start(&host, NULL);
    for (i = 0; i < 200; i++) {
        asyncio_concurrent_future future;
        int err, yields;
        CHECK_EQ(asyncio_run_coroutine_threadsafe(ASYNC_NEW(add, .a = i), &host.loop, &future), 0);
        for (yields = i % 4; yields > 0; yields--)
            sched_yield();
        (void)asyncio_concurrent_future_cancel(&future);
        (void)asyncio_concurrent_future_cancel(&future);
        err = asyncio_concurrent_future_result(&future, -1, NULL);
        CHECK(err == 0 || err == ASYNCIO_ECANCELLED);
        asyncio_concurrent_future_destroy(&future);
    }
    host_join(&host);
}

struct asker {
    asyncio_loop *loop;
    int wrong;
};
static void *ask(void *arg)
{
    struct asker *asker = (struct asker *)arg;
    int i;
    for (i = 0; i < 100; i++) {
        asyncio_concurrent_future future;
        asyncio_value value = -1;
        (void)asyncio_run_coroutine_threadsafe(ASYNC_NEW(add, .a = i, .b = 1), asker->loop, &future);
        if (asyncio_concurrent_future_result(&future, -1, &value) != 0 || value != i + 1)
            asker->wrong++;
        asyncio_concurrent_future_destroy(&future);
    }
    return NULL;
}
TEST(test_many_threads_ask_one_loop)
{
    struct host host;
    struct asker askers[POSTERS];
    pthread_t threads[POSTERS];
    int i;
    host_start(&host, NULL);
    for (i = 0; i < POSTERS; i++) {
        askers[i].loop = &host.loop;
        askers[i].wrong = 0;
        CHECK_EQ(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_EQ(askers[i].wrong, 0);
    }
    host_join(&host);
}

TEST(test_run_coroutine_threadsafe_refused)
{
    asyncio_loop loop;
    asyncio_concurrent_future future;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_run_coroutine_threadsafe(NULL, &loop, &future), ASYNCIO_ENOMEM);
    CHECK_EQ(asyncio_concurrent_future_result(&future, -1, NULL), ASYNCIO_ENOMEM);
    asyncio_concurrent_future_destroy(&future);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_EQ(asyncio_run_coroutine_threadsafe(ASYNC_NEW(add), &loop, &future), ASYNCIO_ECLOSED);
    CHECK_EQ(asyncio_concurrent_future_result(&future, -1, NULL), ASYNCIO_ECLOSED);
    CHECK(!asyncio_concurrent_future_cancel(&future));
    asyncio_concurrent_future_destroy(&future);
}

/* A loop that closes before it came to the coroutine, or before that was done: nobody waits for ever, nothing leaks. */
static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *arg)
{
    (void)loop, (void)context, (void)arg;
}
TEST(test_the_loop_closes_before_the_coroutine_starts)
{
    asyncio_loop loop;
    asyncio_concurrent_future future;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_run_coroutine_threadsafe(ASYNC_NEW(add), &loop, &future), 0);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK(asyncio_concurrent_future_done(&future));
    CHECK_EQ(asyncio_concurrent_future_result(&future, 0, NULL), ASYNCIO_ECLOSED);
    asyncio_concurrent_future_destroy(&future);
}
TEST(test_the_loop_closes_before_the_coroutine_is_done)
{
    asyncio_loop loop;
    asyncio_concurrent_future futures[3];
    int i;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio_set_exception_handler(&loop, ignore, NULL);
    for (i = 0; i < 3; i++)
        CHECK_EQ(asyncio_run_coroutine_threadsafe(ASYNC_NEW(add, .wait = i != 1), &loop, &futures[i]), 0);
    for (i = 0; i < 5; i++)
        CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_EQ(asyncio_concurrent_future_result(&futures[1], 0, NULL), 0);
    asyncio_concurrent_future_destroy(&futures[1]);
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    for (i = 0; i < 3; i += 2) {
        CHECK_EQ(asyncio_concurrent_future_result(&futures[i], 0, NULL), ASYNCIO_ECLOSED);
        asyncio_concurrent_future_destroy(&futures[i]);
    }
}

/* asyncio_run's shutdown cancels what other threads started, and they learn of it. */
ASYNC(ends_soon, int *ready;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    wait_until(self->ready);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
struct late {
    asyncio_loop *loop;
    int ready, err;
};
static void *ask_late(void *arg)
{
    struct late *late = (struct late *)arg;
    asyncio_concurrent_future future;
    (void)asyncio_run_coroutine_threadsafe(ASYNC_NEW(add, .wait = 1), late->loop, &future);
    set_flag(&late->ready);
    late->err = asyncio_concurrent_future_result(&future, -1, NULL);
    asyncio_concurrent_future_destroy(&future);
    return NULL;
}
TEST(test_run_cancels_what_threads_started)
{
    asyncio_loop loop;
    struct late late;
    pthread_t thread;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    late.loop = &loop;
    late.ready = 0;
    CHECK_EQ(pthread_create(&thread, NULL, ask_late, &late), 0);
    CHECK_EQ(asyncio_run(ASYNC_NEW(ends_soon, .ready = &late.ready), .loop = &loop), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(late.err, ASYNCIO_ECANCELLED);
}

/* ---- fork ---- */

ASYNC(child_main)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(7);
    ASYNC_END;
}
ASYNC(forks, pid_t pid; int status;)
{
    ASYNC_BEGIN;
    self->pid = fork();
    if (self->pid == 0) {
        asyncio_value value = 0;
        int err = 1;
        if (asyncio_get_running_loop() == NULL && asyncio_current_task() == NULL)
            err = asyncio_run(ASYNC_NEW(child_main), .port = &asyncio_virtual_port, .result = &value);
        _exit(err == 0 && value == 7 ? 42 : 1);
    }
    CHECK_EQ(waitpid(self->pid, &self->status, 0), self->pid);
    CHECK(asyncio_get_running_loop() != NULL);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RETURN(WIFEXITED(self->status) ? WEXITSTATUS(self->status) : -1);
    ASYNC_END;
}
TEST(test_a_child_process_can_run_a_loop_of_its_own)
{
    asyncio_value value = 0;
    CHECK_EQ(asyncio_run(ASYNC_NEW(forks), .port = &asyncio_virtual_port, .result = &value), 0);
    CHECK_EQ(value, 42);
}

int main(void)
{
    alarm(60); /* a lost wake-up ends the program, not the patience */
    RUN(test_every_call_arrives_and_in_each_threads_order);
    RUN(test_every_call_arrives_under_the_virtual_clock);
    RUN(test_no_wake_up_is_lost);
    RUN(test_threadsafe_and_plain_calls_share_one_queue_in_the_loops_thread);
    RUN(test_a_handle_that_waits_is_not_queued_twice);
    RUN(test_the_callback_may_use_its_own_handle_again);
    RUN(test_cancel_from_another_thread_in_the_inbox);
    RUN(test_cancel_from_another_thread_in_the_ready_list);
    RUN(test_cancel_in_the_loops_thread_takes_it_out_of_the_ready_list);
    RUN(test_post_and_cancel_race_with_the_loop);
    RUN(test_a_closed_loop_refuses);
    RUN(test_the_last_call_may_end_the_loop);
    RUN(test_one_loop_per_thread);
    RUN(test_run_coroutine_threadsafe);
    RUN(test_run_coroutine_threadsafe_of_one_made_in_the_loop);
    RUN(test_run_coroutine_threadsafe_with_exception);
    RUN(test_run_coroutine_threadsafe_with_timeout);
    RUN(test_run_coroutine_threadsafe_task_cancelled);
    RUN(test_run_coroutine_threadsafe_cancelled_at_any_time);
    RUN(test_many_threads_ask_one_loop);
    RUN(test_run_coroutine_threadsafe_refused);
    RUN(test_the_loop_closes_before_the_coroutine_starts);
    RUN(test_the_loop_closes_before_the_coroutine_is_done);
    RUN(test_run_cancels_what_threads_started);
    RUN(test_a_child_process_can_run_a_loop_of_its_own);
    return tap_end();
}
