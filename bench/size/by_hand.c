/* SPDX-License-Identifier: MIT
 *
 * by_hand.c - examples/firmware/blinky.c as one would write it without a library: two deadlines and a loop, on the same
 * clock and the same sleep.
 */
#include "board.h"

static struct {
    asyncio_time due;
    bool on;
} leds[2];
static const asyncio_time periods[2] = {ASYNCIO_TICKS_PER_SECOND / 2, ASYNCIO_TICKS_PER_SECOND * 3 / 10};

int main(void)
{
    board_init();
    for (;;) {
        asyncio_time now = asyncio_default_port.time(NULL), wait = INT32_MAX;
        uint8_t i;
        for (i = 0; i < 2; i++) {
            if (leds[i].due - now <= 0) {
                leds[i].on = !leds[i].on;
                board_led(i, leds[i].on);
                leds[i].due += periods[i];
            }
            if (leds[i].due - now < wait)
                wait = leds[i].due - now;
        }
        asyncio_default_port.wait(NULL, wait);
    }
}
