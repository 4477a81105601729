/* SPDX-License-Identifier: MIT
 *
 * features.c - a program that runs two tasks, each of which gives way once, and with -DWITH_<feature> does one thing more:
 * what that adds to the program is what the feature costs where nothing else has linked it in already.
 */
#include "asyncio.h"
#include "board.h"

static asyncio_loop loop;

ASYNC(worker, uint8_t led;)
{
    ASYNC_BEGIN;
    board_led(self->led, true);
    ASYNC_AWAIT(asyncio_sleep_ticks(0));
    board_led(self->led, false);
    ASYNC_END;
}
static struct worker_task workers[2];

#if defined(WITH_TIMERS)
#define FIELDS
#define USE ASYNC_AWAIT(asyncio_sleep(0.5))
#elif defined(WITH_CALLBACKS)
static asyncio_handle handle;
static void callback(void *arg) { board_led(*(uint8_t *)arg, true); }
#define FIELDS uint8_t led;
#define USE                                                                                                            \
    (void)asyncio_call_soon(&loop, &handle, callback, &self->led);                                                     \
    asyncio_handle_cancel(&handle)
#elif defined(WITH_CANCELLATION)
#define FIELDS
#define USE (void)asyncio_task_cancel(ASYNC_TASK(&workers[0]), NULL)
#elif defined(WITH_FUTURES)
static asyncio_future future;
#define FIELDS
#define USE                                                                                                            \
    asyncio_future_init(&future, &loop);                                                                               \
    (void)asyncio_future_set_result(&future, 1);                                                                       \
    ASYNC_AWAIT(&future)
#elif defined(WITH_GATHER)
#define FIELDS asyncio_gather all; asyncio_child children[2];
#define USE ASYNC_AWAIT(asyncio_gather(&self->all, self->children, ASYNC_TASK(&workers[0]), ASYNC_TASK(&workers[1])))
#elif defined(WITH_LOCK)
static asyncio_lock lock;
#define FIELDS asyncio_held held;
#define USE ASYNC_WITH(&self->held, asyncio_lock_held(&lock)) board_led(0, true)
#elif defined(WITH_EVENT)
static asyncio_event event;
#define FIELDS
#define USE                                                                                                            \
    asyncio_event_set(&event);                                                                                         \
    ASYNC_AWAIT(asyncio_event_wait(&event))
#elif defined(WITH_QUEUE)
static asyncio_queue queue;
static uint8_t room[4];
#define FIELDS uint8_t item;
#define USE                                                                                                            \
    (void)asyncio_queue_init(&queue, room, 1, 4);                                                                      \
    ASYNC_AWAIT(asyncio_queue_put(&queue, &self->item));                                                               \
    ASYNC_AWAIT(asyncio_queue_get(&queue, &self->item))
#elif defined(WITH_TIMEOUT)
#define FIELDS asyncio_timeout limit;
#define USE ASYNC_WITH(&self->limit, asyncio_timeout(0.5)) board_led(0, true)
#elif defined(WITH_TASKGROUP)
static struct worker_task member;
#define FIELDS asyncio_taskgroup group;
#define USE                                                                                                            \
    ASYNC_WITH(&self->group, asyncio_taskgroup())                                                                      \
        asyncio_taskgroup_create_task(&self->group, ASYNC_AT(&member, worker))
#elif defined(WITH_NAMES)
#define FIELDS char buffer[ASYNCIO_NAME_SIZE];
#define USE board_led((uint8_t)*asyncio_task_get_name(ASYNC_TASK(&workers[1]), self->buffer), true)
#elif defined(WITH_CALL_GRAPH)
static asyncio_call_graph_node nodes[4];
#define FIELDS
#define USE                                                                                                            \
    (void)asyncio_capture_call_graph(asyncio_task_future(ASYNC_TASK(&workers[0])), nodes, 4, NULL);                    \
    board_led((uint8_t)nodes[0].depth, true)
#elif defined(WITH_ISR_EVENT)
static asyncio_isr_event event;
#define FIELDS
#define USE                                                                                                            \
    asyncio_isr_event_init(&event, &loop);                                                                             \
    asyncio_isr_event_set(&event);                                                                                     \
    ASYNC_AWAIT(asyncio_isr_event_wait(&event))
#elif defined(WITH_ISR_QUEUE)
static asyncio_isr_queue queue;
static uint8_t room[4];
#define FIELDS uint8_t item;
#define USE                                                                                                            \
    asyncio_isr_queue_init(&queue, &loop, room, 1, 4);                                                                 \
    (void)asyncio_isr_queue_put(&queue, &self->item);                                                                  \
    ASYNC_AWAIT(asyncio_isr_queue_get(&queue, &self->item))
#elif defined(WITH_REPORTS)
static void handler(asyncio_loop *where, const asyncio_exception_context *context, void *arg)
{
    (void)where, (void)arg;
    board_led((uint8_t)context->err, true);
}
#define FIELDS
#define USE asyncio_set_exception_handler(&loop, handler, NULL)
#else
#define FIELDS
#define USE (void)0
#endif

ASYNC(main_coro, FIELDS)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&workers[0], worker));
    asyncio_create_task(ASYNC_AT(&workers[1], worker, .led = 1));
    USE;
    ASYNC_AWAIT(asyncio_sleep_ticks(0));
    ASYNC_END;
}

int main(void)
{
    static struct main_coro_task storage;
    board_init();
    (void)asyncio_loop_init(&loop, NULL);
    return asyncio_run_until_complete(&loop, ASYNC_AT(&storage, main_coro), NULL);
}
