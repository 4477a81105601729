/* SPDX-License-Identifier: MIT
 *
 * base.c - what every program on a board has: start-up code, pins, the clock, the sleep. The others are measured above it.
 */
#include "board.h"

int main(void)
{
    board_init();
    for (;;) {
        board_led(0, true);
        asyncio_default_port.wait(NULL, asyncio_default_port.time(NULL));
    }
}
