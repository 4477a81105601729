/* SPDX-License-Identifier: MIT
 *
 * What a firmware program uses of the core, in one translation unit: tasks in storage of its own, sleep, timers, Futures,
 * blocks, cancellation, FINALLY, an interrupt that wakes the loop; with FIRMWARE_LOCKS, locks and queues, too.
 * tests/firmware.t compiles it for a Cortex-M0, where it must need nothing but a port; its size is what the core costs
 * when all of this is used.
 */
#include "asyncio_loop.h"
#ifdef FIRMWARE_LOCKS
#include "asyncio/locks.h"
#include "asyncio/queues.h"
#endif

#ifdef __cplusplus
extern "C" int program(void);
extern "C" void interrupt(void);
#else
int program(void);
void interrupt(void);
#endif

static volatile uint32_t pins;
static asyncio_loop loop;
static asyncio_handle from_interrupt;
static asyncio_future pressed;

ASYNC(blink, int pin; asyncio_time period; int count;)
{
    ASYNC_BEGIN;
    for (self->count = 0; self->count < 10; self->count++) {
        pins ^= (uint32_t)1 << self->pin;
        ASYNC_AWAIT(asyncio_sleep_ticks(self->period));
    }
    ASYNC_RETURN(self->count);
    ASYNC_FINALLY;
    pins &= ~((uint32_t)1 << self->pin);
    ASYNC_AWAIT(asyncio_sleep(0.25));
    ASYNC_END;
}

static asyncio_status power_on(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    (void)block, (void)self;
    pins |= (uint32_t)1 << 31;
    return asyncio_sleep_for(task, ASYNCIO_SECONDS(0.01));
}
static asyncio_status power_off(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    (void)block, (void)self, (void)task;
    pins &= ~((uint32_t)1 << 31);
    return asyncio__status(err, 0);
}
static asyncio_status powered(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err, int outcome)
{
    (void)block, (void)self, (void)task, (void)err;
    return asyncio__status(outcome, 0);
}
static const asyncio_block_type power_type = {power_on, power_off, powered};
typedef struct power {
    asyncio_block block;
} power;

static void button(void *arg)
{
    (void)arg;
    if (!asyncio_future_done(&pressed))
        (void)asyncio_future_set_result(&pressed, 1);
}

void interrupt(void)
{
    (void)asyncio_call_soon_threadsafe(&loop, &from_interrupt, button, NULL);
}

static void give_up(void *arg) { (void)asyncio_task_cancel((asyncio_task *)arg, NULL); }

static struct blink_task leds[2];

ASYNC(main_coro, power supply; asyncio_handle timer; asyncio_try attempt; int err; asyncio_value got; struct blink sub;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&leds[0], blink, .pin = 3, .period = 500));
    asyncio_create_task(ASYNC_AT(&leds[1], blink, .pin = 4, .period = 200), .name = "second");
    asyncio_future_init(&pressed, NULL);
    (void)asyncio_call_later(asyncio_get_running_loop(), &self->timer, 30, give_up, ASYNC_TASK(&leds[0]));
    self->supply.block.type = &power_type;
    ASYNC_WITH(&self->supply) {
        ASYNC_AWAIT_INTO(self->got, &pressed);
        ASYNC_AWAIT(ASYNC_IN(&self->sub, blink, .pin = 5, .period = 100));
    }
    asyncio_handle_cancel(&self->timer);
    ASYNC_TRY_ALL(&self->attempt) {
        ASYNC_AWAIT(ASYNC_TASK(&leds[0]));
    }
    ASYNC_EXCEPT(&self->attempt) {
        if (self->attempt.block.err != ASYNCIO_ECANCELLED)
            ASYNC_RAISE(self->attempt.block.err);
    }
    ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&leds[1]));
    ASYNC_RETURN(self->err);
    ASYNC_END;
}

#ifdef FIRMWARE_LOCKS
struct reading {
    uint8_t sensor, bytes[6];
};
static struct reading readings[8], urgent[8];
static asyncio_queue queue, priorities;
static asyncio_lock bus;
static asyncio_event started;
static asyncio_condition changed;
static asyncio_semaphore slots;
static asyncio_barrier line;

static int by_sensor(const void *a, const void *b)
{
    return ((const struct reading *)a)->sensor - ((const struct reading *)b)->sensor;
}
static asyncio_value is_full(void *arg) { return asyncio_queue_full((asyncio_queue *)arg); }

ASYNC(sensor, struct reading reading; asyncio_held held; asyncio_condition_waiting waiting;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_event_wait(&started));
    ASYNC_AWAIT(asyncio_barrier_wait(&line));
    ASYNC_WITH(&self->held, asyncio_semaphore_held(&slots)) {
        ASYNC_AWAIT(asyncio_queue_put(&queue, &self->reading));
    }
    ASYNC_WITH(&self->held, asyncio_condition_held(&changed)) {
        ASYNC_AWAIT(asyncio_condition_wait_for(&self->waiting, &changed, is_full, &priorities));
    }
    ASYNC_END;
}
static struct sensor_task sensors[2];
ASYNC(station, struct reading reading; asyncio_held held; int i;)
{
    ASYNC_BEGIN;
    (void)asyncio_queue_init(&queue, readings, sizeof readings[0], 8);
    (void)asyncio_priority_queue_init(&priorities, urgent, sizeof urgent[0], 8, by_sensor);
    (void)asyncio_semaphore_init(&slots, 1);
    (void)asyncio_barrier_init(&line, 3);
    for (self->i = 0; self->i < 2; self->i++)
        asyncio_create_task(ASYNC_AT(&sensors[self->i], sensor));
    asyncio_event_set(&started);
    ASYNC_WITH(&self->held, asyncio_barrier_held(&line)) {
        pins = (uint32_t)self->held.index;
    }
    for (self->i = 0; self->i < 2; self->i++) {
        ASYNC_AWAIT(asyncio_queue_get(&queue, &self->reading));
        ASYNC_AWAIT(asyncio_queue_put(&priorities, &self->reading));
        (void)asyncio_queue_task_done(&queue);
    }
    ASYNC_AWAIT(asyncio_queue_join(&queue));
    ASYNC_WITH(&self->held, asyncio_lock_held(&bus)) {
        ASYNC_AWAIT(asyncio_sleep(0.1));
    }
    ASYNC_WITH(&self->held, asyncio_condition_held(&changed)) {
        (void)asyncio_condition_notify_all(&changed);
    }
    (void)asyncio_barrier_reset(&line);
    (void)asyncio_barrier_abort(&line);
    asyncio_queue_shutdown(&queue, false);
    ASYNC_END;
}
static struct station_task station_storage;
#endif

int program(void)
{
    static struct main_coro_task storage;
    asyncio_value value = 0;
    int err = asyncio_loop_init(&loop, NULL);
    if (err == 0) {
        asyncio_loop_add_source(&loop);
        err = asyncio_run_until_complete(&loop, ASYNC_AT(&storage, main_coro), &value);
#ifdef FIRMWARE_LOCKS
        if (err == 0)
            err = asyncio_run_until_complete(&loop, ASYNC_AT(&station_storage, station), &value);
#endif
        (void)asyncio_loop_close(&loop);
    }
    return err;
}
