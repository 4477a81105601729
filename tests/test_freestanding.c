/* The firmware profile on this machine: no heap, no libc, tasks in storage of the program's, 32-bit ticks that wrap. */
#define ASYNCIO_HOSTED 0
#include "asyncio.h"
#include "tap.h"

#ifdef ASYNC_NEW
#error "a freestanding build has no heap unless it is given one"
#endif

static uint32_t port_now;
static unsigned port_waits, port_locked;
static void (*port_interrupt)(void);

static asyncio_time port_time(asyncio_loop *self)
{
    (void)self;
    return (asyncio_time)port_now;
}
static void port_wait(asyncio_loop *self, asyncio_time limit)
{
    port_waits++;
    CHECK_EQ(port_locked, 0);
    if (limit > 0)
        port_now += (uint32_t)limit;
    if (port_interrupt != NULL)
        port_interrupt();
    else if (limit < 0)
        asyncio_loop_stop(self);
}
static void port_lock(asyncio_loop *self)
{
    (void)self;
    CHECK_EQ(port_locked++, 0);
}
static void port_unlock(asyncio_loop *self)
{
    (void)self;
    CHECK_EQ(--port_locked, 0);
}
const asyncio_port asyncio_default_port = {NULL, NULL, port_time, port_wait, NULL, port_lock, port_unlock, false};

static asyncio_loop loop;
static void open_loop(uint32_t now)
{
    port_now = now;
    port_waits = 0;
    port_interrupt = NULL;
    CHECK_EQ(asyncio_loop_init(&loop, NULL), 0);
}
static void close_loop(void) { CHECK_EQ(asyncio_loop_close(&loop), 0); }

static void word(void *arg) { log_add((const char *)arg); }
static void stop(void *arg)
{
    (void)arg;
    asyncio_loop_stop(&loop);
}

TEST(test_times)
{
    CHECK_EQ(sizeof(asyncio_time), 4);
    CHECK_EQ(ASYNCIO_SECONDS(0.25), 250);
    CHECK_EQ(ASYNCIO_SECONDS(-3), -3000);
}

/* ---- Across 2^31, where the ticks turn negative, and 2^32, where they begin again ---- */

static const uint32_t begins[] = {0, 0x7ffffff0u, 0x7fffffffu, 0x80000000u, 0xfffffff0u, 0xffffffffu};
#define BEGINS (int)(sizeof begins / sizeof *begins)

static uint32_t begin;
ASYNC(sleeper, int i; asyncio_time ticks;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep_ticks(self->ticks));
    log_number(self->i);
    CHECK_EQ(port_now - begin, self->ticks);
    ASYNC_END;
}
#define SLEEPERS 8
static struct sleeper_task sleepers[SLEEPERS];
static const asyncio_time sleeps[SLEEPERS] = {40, 8, 16, 0x7fffffff, 15, 16, 24, 1};
ASYNC(all_sleepers, int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < SLEEPERS; self->i++)
        CHECK_EQ(asyncio_create_task(ASYNC_AT(&sleepers[self->i], sleeper, .i = self->i, .ticks = sleeps[self->i])), 0);
    for (self->i = 0; self->i < SLEEPERS; self->i++)
        ASYNC_AWAIT(ASYNC_TASK(&sleepers[self->i]));
    ASYNC_RETURN(SLEEPERS);
    ASYNC_END;
}
static struct all_sleepers_task main_storage;

TEST(test_sleep_across_the_wrap)
{
    asyncio_value value;
    int i;
    for (i = 0; i < BEGINS; i++) {
        value = 0;
        open_loop(begin = begins[i]);
        CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&main_storage, all_sleepers), &value), 0);
        CHECK_EQ(value, SLEEPERS);
        CHECK_LOG("7 1 4 2 5 6 0 3");
        CHECK_EQ(loop.timers.count, 0);
        close_loop();
    }
}

TEST(test_timers_across_the_wrap)
{
    static asyncio_handle handles[7];
    asyncio_time when = 0;
    int i;
    for (i = 0; i < BEGINS; i++) {
        open_loop(begins[i]);
        CHECK_EQ(asyncio_call_later(&loop, &handles[0], 0.032, word, "32"), 0);
        CHECK_EQ(asyncio_call_later(&loop, &handles[1], -0.001, word, "-1"), 0);
        CHECK_EQ(asyncio_call_at(&loop, &handles[2], (asyncio_time)(begins[i] + 16u), word, "16"), 0);
        CHECK_EQ(asyncio_call_later(&loop, &handles[3], 0.016, word, "16 too"), 0);
        CHECK_EQ(asyncio_call_later(&loop, &handles[4], -0.002, word, "-2"), 0);
        CHECK_EQ(asyncio_call_later(&loop, &handles[5], 0.008, word, "cancelled"), 0);
        CHECK_EQ(asyncio_call_later(&loop, &handles[6], 0.064, stop, NULL), 0);
        CHECK_EQ(asyncio_handle_when(&handles[5]), (asyncio_time)(begins[i] + 8u));
        asyncio_handle_cancel(&handles[5]);
        CHECK(asyncio_loop_next_deadline(&loop, &when));
        CHECK_EQ(when, (asyncio_time)(begins[i] - 2u));
        CHECK_EQ(asyncio_run_forever(&loop), 0);
        CHECK_EQ(port_now, begins[i] + 64u);
        CHECK_LOG("-2 -1 16 16 too 32");
        close_loop();
    }
}

/* Five times around the clock, in steps of nearly half of it. */
ASYNC(around, int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 10; self->i++)
        ASYNC_AWAIT(asyncio_sleep_ticks(0x7fffffff));
    ASYNC_RETURN(self->i);
    ASYNC_END;
}
static struct around_task around_storage;
TEST(test_around_the_clock)
{
    asyncio_value value = 0;
    open_loop(5);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&around_storage, around), &value), 0);
    CHECK_EQ(value, 10);
    CHECK_EQ(port_now, 5u + 10u * 0x7fffffffu);
    CHECK_EQ(port_waits < 100, 1);
    close_loop();
}

/* ---- The rest of the profile ---- */

ASYNC(fail)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0.5));
    ASYNC_RAISE(ASYNCIO_EUSER + 1);
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}
ASYNC(background)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(100));
    ASYNC_FINALLY;
    log_add("cancelled");
    ASYNC_END;
}
ASYNC(program, struct fail sub; int err;)
{
    static struct background_task storage;
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&storage, background));
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->sub, fail));
    log_number(self->err - ASYNCIO_EUSER);
    ASYNC_RETURN(3);
    ASYNC_END;
}
static struct program_task program_storage;
static struct fail_task fail_storage;
TEST(test_run)
{
    asyncio_value value = 0;
    open_loop(0xffffff00u);
    CHECK_EQ(asyncio_run(ASYNC_AT(&program_storage, program), .loop = &loop, .result = &value), 0);
    CHECK_EQ(value, 3);
    CHECK_LOG("finally 1 cancelled");
    CHECK_EQ(port_now, 0xffffff00u + 500u);
    open_loop(0);
    CHECK_EQ(asyncio_run(ASYNC_AT(&fail_storage, fail), .loop = &loop), ASYNCIO_EUSER + 1);
    CHECK_LOG("finally");
}

TEST(test_no_heap)
{
    asyncio_future future;
    open_loop(0);
    asyncio_future_init(&future, &loop);
    CHECK_EQ(asyncio_call_soon(&loop, NULL, word, "no"), ASYNCIO_ENOMEM);
    CHECK_EQ(asyncio_call_later(&loop, NULL, 1, word, "no"), ASYNCIO_ENOMEM);
    CHECK_EQ(asyncio_call_soon_threadsafe(&loop, NULL, word, "no"), ASYNCIO_ENOMEM);
    CHECK_EQ(asyncio_future_add_done_callback(&future, NULL, NULL, NULL), ASYNCIO_ENOMEM);
    CHECK_EQ(asyncio_run_until_complete(&loop, NULL, NULL), ASYNCIO_ENOMEM);
    close_loop();
}

/* An interrupt that comes often before the loop gets to it is one call. */
static asyncio_future ready;
static asyncio_handle interrupt_handle;
static int interrupts;
static void on_ready(void *arg)
{
    log_number(interrupts);
    if (interrupts >= 9)
        asyncio_future_set_result((asyncio_future *)arg, interrupts);
}
static void interrupt(void)
{
    int i;
    for (i = 0; i < 3; i++, interrupts++)
        CHECK_EQ(asyncio_call_soon_threadsafe(&loop, &interrupt_handle, on_ready, &ready), 0);
}
TEST(test_interrupts)
{
    asyncio_value value = 0;
    open_loop(0);
    asyncio_future_init(&ready, &loop);
    CHECK_EQ(asyncio_run_until_future(&loop, &ready, NULL), ASYNCIO_EDEADLOCK); /* nobody announced them */
    asyncio_future_init(&ready, &loop);
    asyncio_loop_add_source(&loop);
    interrupts = 0;
    port_interrupt = interrupt;
    CHECK_EQ(asyncio_run_until_future(&loop, &ready, &value), 0);
    CHECK_EQ(value, 9);
    CHECK_LOG("3 6 9");
    asyncio_loop_remove_source(&loop);
    close_loop();
}

/* A thousand ticks that pass while the program is busy make what is due late, not lost. */
static void busy(void *arg)
{
    (void)arg;
    port_now += 1000;
}
TEST(test_late_timers)
{
    static asyncio_handle handles[4];
    open_loop(0x7fffff00u);
    CHECK_EQ(asyncio_call_later(&loop, &handles[0], 0.2, word, "200"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &handles[1], 0.9, word, "900"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &handles[2], 1.5, stop, NULL), 0);
    CHECK_EQ(asyncio_call_soon(&loop, &handles[3], busy, NULL), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("200 900");
    CHECK_EQ(port_now, 0x7fffff00u + 1500u);
    close_loop();
}

/* Locks and queues: storage of the program's, items copied without libc. */
struct reading {
    uint8_t sensor, bytes[6];
};
static struct reading readings[2];
static asyncio_queue queue;
static asyncio_lock bus;
static asyncio_semaphore slots;
static asyncio_barrier start_line;
static asyncio_condition changed;
ASYNC(sensor, int i; int n; asyncio_held held; struct reading reading;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_barrier_wait(&start_line));
    for (self->n = 0; self->n < 2; self->n++) {
        ASYNC_WITH(&self->held, asyncio_lock_held(&bus)) {
            ASYNC_AWAIT(asyncio_sleep(0.01));
            self->reading.sensor = (uint8_t)self->i;
            self->reading.bytes[5] = (uint8_t)(10 * self->i + self->n);
        }
        ASYNC_AWAIT(asyncio_queue_put(&queue, &self->reading));
    }
    ASYNC_END;
}
static asyncio_value is_empty(void *arg) { return asyncio_queue_empty((asyncio_queue *)arg); }
ASYNC(station, int n; int err; struct reading reading; asyncio_held held; asyncio_condition_waiting waiting;)
{
    static struct sensor_task sensors[2];
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_queue_init(&queue, readings, sizeof readings[0], 2), 0);
    CHECK_EQ(asyncio_semaphore_init(&slots, 1), 0);
    CHECK_EQ(asyncio_barrier_init(&start_line, 3), 0);
    for (self->n = 0; self->n < 2; self->n++)
        asyncio_create_task(ASYNC_AT(&sensors[self->n], sensor, .i = self->n + 1));
    ASYNC_AWAIT(asyncio_barrier_wait(&start_line));
    for (self->n = 0; self->n < 4; self->n++) {
        ASYNC_AWAIT(asyncio_queue_get(&queue, &self->reading));
        log_number(self->reading.sensor);
        log_number(self->reading.bytes[5]);
        CHECK_EQ(asyncio_queue_task_done(&queue), 0);
    }
    ASYNC_AWAIT(asyncio_queue_join(&queue));
    ASYNC_WITH(&self->held, asyncio_condition_held(&changed)) {
        ASYNC_AWAIT(asyncio_condition_wait_for(&self->waiting, &changed, is_empty, &queue));
    }
    ASYNC_WITH(&self->held, asyncio_semaphore_held(&slots)) {
        asyncio_queue_shutdown(&queue, true);
    }
    ASYNC_CATCH(self->err, asyncio_queue_get(&queue, &self->reading));
    ASYNC_RETURN(self->err == ASYNCIO_EQUEUESHUTDOWN);
    ASYNC_END;
}
static struct station_task station_storage;
TEST(test_locks_and_queues)
{
    asyncio_value value = 0;
    open_loop(0xfffffff0u);
    CHECK_EQ(asyncio_run_until_complete(&loop, ASYNC_AT(&station_storage, station), &value), 0);
    CHECK_EQ(value, 1);
    CHECK_LOG("2 20 1 10 2 21 1 11"); /* the last to come goes first */
    close_loop();
}

int main(void)
{
    RUN(test_times);
    RUN(test_sleep_across_the_wrap);
    RUN(test_timers_across_the_wrap);
    RUN(test_around_the_clock);
    RUN(test_run);
    RUN(test_no_heap);
    RUN(test_interrupts);
    RUN(test_late_timers);
    RUN(test_locks_and_queues);
    return tap_end();
}
