/* SPDX-License-Identifier: MIT
 *
 * button.c - each press of the button starts the next blink pattern from its beginning.
 *
 * The button bounces: its interrupt sets an event at every edge, and the task looks at the level once the edges have been
 * quiet for 20 ms. The pattern that runs is cancelled; its FINALLY puts the LED out before the next one begins.
 */
#include "asyncio.h"
#include "asyncio/interrupts.h"
#include "board.h"

static const uint16_t patterns[][2] = {{500, 500}, {100, 100}, {50, 450}}; /* on, off: ms */

static asyncio_time ms(uint16_t number) { return (asyncio_time)number * (ASYNCIO_TICKS_PER_SECOND / 8) / 125; }

ASYNC(blink, uint8_t pattern;)
{
    ASYNC_BEGIN;
    for (;;) {
        board_led(0, true);
        ASYNC_AWAIT(asyncio_sleep_ticks(ms(patterns[self->pattern][0])));
        board_led(0, false);
        ASYNC_AWAIT(asyncio_sleep_ticks(ms(patterns[self->pattern][1])));
    }
    ASYNC_FINALLY;
    board_led(0, false);
    ASYNC_END;
}

static asyncio_isr_event edge;
static void on_button(void) { asyncio_isr_event_set(&edge); }

/* Returns once the button went down. */
ASYNC(press, bool was_down, is_down; asyncio_timeout quiet;)
{
    ASYNC_BEGIN;
    for (self->was_down = board_button();; self->was_down = self->is_down) {
        ASYNC_AWAIT(asyncio_isr_event_wait(&edge));
        do {
            asyncio_isr_event_clear(&edge);
            ASYNC_WITH(&self->quiet, asyncio_move_on_after(0.02)) {
                ASYNC_AWAIT(asyncio_isr_event_wait(&edge));
            }
        } while (!asyncio_timeout_expired(&self->quiet));
        self->is_down = board_button();
        if (self->is_down && !self->was_down)
            ASYNC_RETURN(0);
    }
    ASYNC_END;
}

static struct blink_task pattern_storage;

ASYNC(main_coro, uint8_t pattern; int err; struct press next;)
{
    ASYNC_BEGIN;
    for (;; self->pattern = (uint8_t)((self->pattern + 1) % 3)) {
        (void)asyncio_create_task(ASYNC_AT(&pattern_storage, blink, .pattern = self->pattern));
        ASYNC_AWAIT(ASYNC_IN(&self->next, press));
        (void)asyncio_task_cancel(ASYNC_TASK(&pattern_storage), NULL);
        ASYNC_CATCH_ALL(self->err, ASYNC_TASK(&pattern_storage));
    }
    ASYNC_END;
}

static asyncio_loop loop;
static struct main_coro_task storage;

int main(void)
{
    board_init();
    (void)asyncio_loop_init(&loop, NULL);
    asyncio_isr_event_init(&edge, &loop);
    board_on_button = on_button;
    return asyncio_run_until_complete(&loop, ASYNC_AT(&storage, main_coro), NULL);
}
