/* SPDX-License-Identifier: MIT
 *
 * protothreads.c - examples/firmware/blinky.c in the style of protothreads: stackless functions that are called again and
 * again until their condition holds. They know no deadline that somebody could sleep until, so the board never sleeps.
 */
#include "board.h"

#define BEGIN(thread) switch ((thread)->line) { case 0:
#define WAIT_UNTIL(thread, condition)                                                                                  \
    do {                                                                                                               \
        (thread)->line = __LINE__;                                                                                     \
        if (0) {                                                                                                       \
        case __LINE__:;                                                                                                \
        }                                                                                                              \
        if (!(condition))                                                                                              \
            return;                                                                                                    \
    } while (0)
#define END }

struct blink {
    uint16_t line;
    uint8_t led;
    bool on;
    asyncio_time start, period;
};

static asyncio_time now(void) { return asyncio_default_port.time(NULL); }

static void blink(struct blink *self)
{
    BEGIN(self);
    for (;;) {
        self->on = !self->on;
        board_led(self->led, self->on);
        self->start = now();
        WAIT_UNTIL(self, now() - self->start >= self->period);
    }
    END;
}

int main(void)
{
    static struct blink slow = {0, 0, false, 0, ASYNCIO_TICKS_PER_SECOND / 2};
    static struct blink fast = {0, 1, false, 0, ASYNCIO_TICKS_PER_SECOND * 3 / 10};
    board_init();
    for (;;) {
        blink(&slow);
        blink(&fast);
    }
}
