/* SPDX-License-Identifier: MIT
 *
 * console.c - a line editor on the serial line, and beside it a sensor that is sampled every 100 ms to the tick,
 * whatever the line does. Commands: `read` takes the oldest sample, `read 3` three of them; `quit`. Backspace works.
 *
 *     interrupt -- asyncio_isr_queue --> editor <-- asyncio_queue -- sensor
 *
 * A conversion takes 5 ms; every fourth hangs, which asyncio_timeout ends after 20 ms. When nobody reads, the oldest
 * sample makes room for the newest.
 */
#include "asyncio.h"
#include "asyncio/interrupts.h"
#include "board.h"

typedef struct sample {
    asyncio_time when;
    uint16_t value; /* 0: timed out */
} sample;

static asyncio_queue samples;
static sample samples_room[4];
static asyncio_isr_queue keys;
static char keys_room[16];

static void on_char(char c) { (void)asyncio_isr_queue_put(&keys, &c); }

/* ---- The sensor ---- */

ASYNC(convert, uint8_t number;)
{
    ASYNC_BEGIN;
    if (self->number % 4 == 0)
        ASYNC_AWAIT(asyncio_sleep(3600));
    ASYNC_AWAIT(asyncio_sleep(0.005));
    ASYNC_RETURN(200 + self->number);
    ASYNC_END;
}

static void keep(sample *next)
{
    sample oldest;
    if (asyncio_queue_full(&samples))
        (void)asyncio_queue_get_nowait(&samples, &oldest);
    (void)asyncio_queue_put_nowait(&samples, next);
}

/* Its deadlines are counted from each other, not from when it got to look at the clock: nothing adds up. */
ASYNC(sensor, asyncio_time due; uint8_t number; sample next; asyncio_timeout limit; struct convert call;)
{
    ASYNC_BEGIN;
    self->due = asyncio_loop_time(asyncio_get_running_loop());
    for (;;) {
        self->number++;
        self->next.when = asyncio_loop_time(asyncio_get_running_loop());
        self->next.value = 0;
        ASYNC_WITH(&self->limit, asyncio_move_on_after(0.02)) {
            ASYNC_AWAIT_INTO(self->next.value, ASYNC_IN(&self->call, convert, .number = self->number));
        }
        keep(&self->next);
        self->due += ASYNCIO_SECONDS(0.1);
        ASYNC_AWAIT(asyncio_sleep_ticks(self->due - asyncio_loop_time(asyncio_get_running_loop())));
    }
    ASYNC_END;
}

/* ---- The editor ---- */

ASYNC(read_line, char *line; uint8_t size, length; char c;)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT(asyncio_isr_queue_get(&keys, &self->c));
        if (self->c == '\r' || self->c == '\n')
            break;
        if ((self->c == '\b' || self->c == 127) && self->length > 0) {
            self->length--;
            board_puts("\b \b");
        } else if (self->c >= ' ' && self->c < 127 && self->length < self->size - 1) {
            self->line[self->length++] = self->c;
            board_put(self->c);
        }
    }
    board_puts("\r\n");
    self->line[self->length] = '\0';
    ASYNC_RETURN(self->length);
    ASYNC_END;
}

static bool begins(const char *text, const char *word)
{
    while (*word != '\0')
        if (*text++ != *word++)
            return false;
    return true;
}

static void print_sample(const sample *got)
{
    board_put_number(board_ms(got->when));
    if (got->value == 0) {
        board_puts(" ms: timed out\r\n");
    } else {
        board_puts(" ms: ");
        board_put_number(got->value);
        board_puts("\r\n");
    }
}

ASYNC(editor, struct read_line call; char line[16]; uint8_t count; sample got;)
{
    ASYNC_BEGIN;
    for (;;) {
        board_puts("> ");
        ASYNC_AWAIT(ASYNC_IN(&self->call, read_line, .line = self->line, .size = sizeof self->line));
        if (begins(self->line, "quit"))
            break;
        if (begins(self->line, "read")) {
            self->count = self->line[4] == ' ' ? (uint8_t)(self->line[5] - '0') : 1;
            for (; self->count > 0; self->count--) {
                ASYNC_AWAIT(asyncio_queue_get(&samples, &self->got));
                print_sample(&self->got);
            }
        } else if (self->line[0] != '\0') {
            board_puts("read [n], quit\r\n");
        }
    }
    ASYNC_END;
}

static struct sensor_task sensor_storage;
static struct editor_task editor_storage;
static asyncio_loop loop;

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    (void)asyncio_create_task(ASYNC_AT(&sensor_storage, sensor));
    (void)asyncio_create_task(ASYNC_AT(&editor_storage, editor));
    ASYNC_AWAIT(ASYNC_TASK(&editor_storage));
    ASYNC_FINALLY;
    (void)asyncio_task_cancel(ASYNC_TASK(&sensor_storage), NULL);
    ASYNC_END;
}
static struct main_coro_task storage;

int main(void)
{
    int err;
    board_init();
    (void)asyncio_loop_init(&loop, NULL);
    (void)asyncio_queue_init(&samples, samples_room, sizeof samples_room[0], 4);
    asyncio_isr_queue_init(&keys, &loop, keys_room, sizeof keys_room[0], 16);
    board_on_char = on_char;
    err = asyncio_run_until_complete(&loop, ASYNC_AT(&storage, main_coro), NULL);
    board_puts("bye, ");
    board_put_number(asyncio_isr_queue_dropped(&keys));
    board_puts(" lost\r\n");
    board_exit(err);
    return err;
}
