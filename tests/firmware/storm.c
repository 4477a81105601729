/* SPDX-License-Identifier: MIT
 *
 * storm.c - interrupts that come whenever they like, some hundred instructions apart, while the loop takes what they leave:
 * nothing is lost, nothing comes twice or out of order, what did not fit is counted, and the last wake-up arrives. With
 * NO_LOCK the port's critical section is missing; then some of that must fail.
 */
#include "asyncio.h"
#include "board.h"

#define STORMS 20000u

static asyncio_loop loop;
static asyncio_isr_queue queue;
static uint16_t room[4];
static asyncio_isr_event event;
static asyncio_handle handle;
static volatile uint16_t sent;
static uint16_t received, called;
static bool wrong;

static void start(void);
static void next(uint16_t random);
static void end(void);

static void on_call(void *arg) { *(uint16_t *)arg = sent; }

static void storm(void)
{
    static uint16_t random = 1;
    uint16_t item = (uint16_t)(sent + 1u);
    random = (uint16_t)(random >> 1 ^ (random & 1u ? 0xB400u : 0u));
    (void)asyncio_isr_queue_put(&queue, &item);
    asyncio_isr_event_set(&event);
    (void)asyncio_call_soon_from_isr(&loop, &handle, on_call, &called);
    sent = item;
    if (item == STORMS)
        end();
    else
        next(random);
}

#if defined(__AVR__)
#include <avr/interrupt.h>
#include <avr/io.h>
ISR(TIMER0_COMPA_vect) { storm(); }
static void start(void)
{
    OCR0A = 200;
    TCCR0A = _BV(WGM01);
    TCCR0B = _BV(CS01); /* 2 MHz */
    TIMSK0 = _BV(OCIE0A);
}
static void next(uint16_t random) { OCR0A = (uint8_t)(180 + random % 76); }
static void end(void) { TIMSK0 = 0; }
#elif defined(MICROBIT)
#include "cortex_m/registers.h"
#define TIMER1 0x40009000u
void irq9(void);
void irq9(void)
{
    REGISTER(TIMER1 + 0x140) = 0;
    storm();
}
static void next(uint16_t random)
{
    REGISTER(TIMER1 + 0x004) = 1;
    REGISTER(TIMER1 + 0x00C) = 1;
    REGISTER(TIMER1 + 0x540) = 400u + random % 600u;
    REGISTER(TIMER1 + 0x000) = 1;
}
static void start(void)
{
    REGISTER(TIMER1 + 0x304) = 1u << 16;
    REGISTER(TIMER1 + 0x510) = 0; /* 16 MHz */
    NVIC_ENABLE = 1u << 9;
    next(0);
}
static void end(void) { NVIC_DISABLE = 1u << 9; }
#else
#include "cortex_m/registers.h"
#define TIMER0 0x40000000u
void irq8(void);
void irq8(void)
{
    REGISTER(TIMER0 + 0xC) = 1;
    storm();
}
static void next(uint16_t random) { REGISTER(TIMER0 + 0x8) = 800u + random % 800u; }
static void start(void)
{
    REGISTER(TIMER0 + 0x4) = 1000;
    REGISTER(TIMER0 + 0x8) = 1000;
    REGISTER(TIMER0 + 0x0) = 9;
    NVIC_ENABLE = 1u << 8;
}
static void end(void) { NVIC_DISABLE = 1u << 8; }
#endif

ASYNC(taker, uint16_t item, last;)
{
    ASYNC_BEGIN;
    while (self->last < STORMS && received + asyncio_isr_queue_dropped(&queue) < STORMS) {
        ASYNC_AWAIT(asyncio_isr_queue_get(&queue, &self->item));
        received++;
        if (self->item <= self->last)
            wrong = true;
        self->last = self->item;
    }
    ASYNC_END;
}
ASYNC(watcher, uint16_t seen;)
{
    ASYNC_BEGIN;
    while (sent < STORMS) {
        ASYNC_AWAIT(asyncio_isr_event_wait(&event));
        asyncio_isr_event_clear(&event);
    }
    ASYNC_END;
}
ASYNC(main_coro)
{
    static struct taker_task taker_storage;
    static struct watcher_task watcher_storage;
    ASYNC_BEGIN;
    (void)asyncio_create_task(ASYNC_AT(&taker_storage, taker));
    (void)asyncio_create_task(ASYNC_AT(&watcher_storage, watcher));
    start();
    ASYNC_AWAIT(ASYNC_TASK(&watcher_storage));
    ASYNC_AWAIT(asyncio_sleep(0.01));
    if (sent != STORMS || called != STORMS || !asyncio_task_done(ASYNC_TASK(&taker_storage)))
        wrong = true;
    if (received + asyncio_isr_queue_dropped(&queue) != STORMS || asyncio_isr_queue_qsize(&queue) != 0)
        wrong = true;
    ASYNC_END;
}

int main(void)
{
    static struct main_coro_task storage;
    asyncio_port port = asyncio_default_port;
#ifdef NO_LOCK
    port.lock = port.unlock = NULL;
#endif
    board_init();
    (void)asyncio_loop_init(&loop, &port);
    asyncio_isr_queue_init(&queue, &loop, room, sizeof room[0], 4);
    asyncio_isr_event_init(&event, &loop);
    if (asyncio_run_until_complete(&loop, ASYNC_AT(&storage, main_coro), NULL) != 0)
        wrong = true;
    board_put_number(received);
    board_puts(" received, ");
    board_put_number(asyncio_isr_queue_dropped(&queue));
    board_puts(wrong ? " dropped, wrong\n" : " dropped\n");
    board_exit(wrong);
    return 0;
}
