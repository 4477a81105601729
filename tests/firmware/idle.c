/* SPDX-License-Identifier: MIT
 *
 * idle.c - how often an idle board wakes in a minute, and that what wakes it for nothing does no harm: then the button's
 * interrupt comes while nobody has asked for it.
 */
#include "asyncio.h"
#include "board.h"

static asyncio_loop loop;

static void say(const char *text, uint32_t number)
{
    board_puts(text);
    board_put_number(number);
    board_put('\n');
}

ASYNC(idle, asyncio_time start; uint16_t wakes;)
{
    ASYNC_BEGIN;
    self->start = asyncio_loop_time(&loop);
    self->wakes = board_wakes;
    ASYNC_AWAIT(asyncio_sleep(60));
    say("wake-ups: ", (uint16_t)(board_wakes - self->wakes));
    say("ms: ", board_ms(asyncio_loop_time(&loop) - self->start));
    self->start = asyncio_loop_time(&loop);
    self->wakes = board_wakes;
    (void)board_button();
    ASYNC_AWAIT(asyncio_sleep(5));
    say("disturbed wake-ups: ", (uint16_t)(board_wakes - self->wakes));
    say("disturbed ms: ", board_ms(asyncio_loop_time(&loop) - self->start));
    ASYNC_END;
}

int main(void)
{
    static struct idle_task storage;
    board_init();
    (void)asyncio_loop_init(&loop, NULL);
    board_exit(asyncio_run_until_complete(&loop, ASYNC_AT(&storage, idle), NULL));
    return 0;
}
