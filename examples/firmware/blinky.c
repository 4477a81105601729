/* SPDX-License-Identifier: MIT
 *
 * blinky.c - two LEDs, changing every 500 and every 300 milliseconds.
 */
#include "board.h"

ASYNC(blink, uint8_t led; bool on; asyncio_time period;)
{
    ASYNC_BEGIN;
    for (;;) {
        self->on = !self->on;
        board_led(self->led, self->on);
        ASYNC_AWAIT(asyncio_sleep_ticks(self->period));
    }
    ASYNC_END;
}

static struct blink_task slow, fast;

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_AT(&slow, blink, .led = 0, .period = ASYNCIO_SECONDS(0.5)));
    asyncio_create_task(ASYNC_AT(&fast, blink, .led = 1, .period = ASYNCIO_SECONDS(0.3)));
    ASYNC_AWAIT(ASYNC_TASK(&slow));
    ASYNC_END;
}

static asyncio_loop loop;
static struct main_coro_task storage;

int main(void)
{
    board_init();
    (void)asyncio_loop_init(&loop, NULL);
    return asyncio_run_until_complete(&loop, ASYNC_AT(&storage, main_coro), NULL);
}
