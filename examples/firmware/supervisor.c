/* SPDX-License-Identifier: MIT
 *
 * supervisor.c - a task that fails is started again, after a pause that doubles; after three failures in a row it is given
 * up, and the board says so. Its FINALLY puts the LED out whatever happened.
 */
#include "asyncio.h"
#include "board.h"

enum { NO_ANSWER = ASYNCIO_EUSER, BAD_CHECKSUM };

static uint8_t attempt;

/* Stands for a driver: the first two starts fail, the third works for a while, later ones fail at once. */
ASYNC(driver)
{
    ASYNC_BEGIN;
    attempt++;
    board_led(0, true);
    ASYNC_AWAIT(asyncio_sleep(0.05));
    if (attempt < 3)
        ASYNC_RAISE(NO_ANSWER);
    if (attempt == 3)
        ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RAISE(BAD_CHECKSUM);
    ASYNC_FINALLY;
    board_led(0, false);
    ASYNC_END;
}

static struct driver_task driver_storage;

static void say(const char *text, uint32_t number)
{
    board_puts(text);
    board_put_number(number);
    board_puts("\r\n");
}

ASYNC(supervisor, asyncio_time pause, started; uint8_t failures; int err;)
{
    ASYNC_BEGIN;
    for (self->failures = 0; self->failures < 3;) {
        self->started = asyncio_loop_time(asyncio_get_running_loop());
        (void)asyncio_create_task(ASYNC_AT(&driver_storage, driver));
        ASYNC_CATCH(self->err, ASYNC_TASK(&driver_storage));
        say("failed with ", (uint32_t)(self->err - ASYNCIO_EUSER));
        if (asyncio_loop_time(asyncio_get_running_loop()) - self->started > ASYNCIO_SECONDS(0.5)) {
            self->failures = 0; /* it had worked */
            self->pause = 0;
        }
        self->failures++;
        self->pause = self->pause == 0 ? ASYNCIO_SECONDS(0.1) : self->pause * 2;
        ASYNC_AWAIT(asyncio_sleep_ticks(self->pause));
    }
    ASYNC_RAISE(self->err);
    ASYNC_END;
}

static asyncio_loop loop;
static struct supervisor_task storage;

int main(void)
{
    int err;
    board_init();
    (void)asyncio_loop_init(&loop, NULL);
    err = asyncio_run_until_complete(&loop, ASYNC_AT(&storage, supervisor), NULL);
    say("given up: error ", (uint32_t)(err - ASYNCIO_EUSER));
    say("starts: ", attempt);
    board_exit(0);
    return err;
}
