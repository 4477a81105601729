/* SPDX-License-Identifier: MIT
 *
 * board.h - what the programs in this directory ask of a board: two LEDs, a button, a serial line.
 *
 * A board is a folder: start-up code and a linker script where the compiler brings none, and one file that has the
 * functions below and the port, `asyncio_default_port`: the clock, the sleep and the critical section of the loop.
 */
#ifndef BOARD_H
#define BOARD_H

#include "asyncio_loop.h"

#ifdef __cplusplus
extern "C" {
#endif

void board_init(void); /* clock, pins, serial line; interrupts on */
void board_led(uint8_t which, bool on);
bool board_button(void);  /* whether it is pressed; it bounces */
void board_put(char c);   /* waits until there is room */
void board_exit(int err); /* ends an emulator; does not return */

/* Called in interrupts, if set: the button's level changed; a character came. */
extern void (*volatile board_on_button)(void);
extern void (*volatile board_on_char)(char c);

/* How often the processor woke from its sleep. */
extern volatile uint16_t board_wakes;

static inline void board_puts(const char *text)
{
    while (*text != '\0')
        board_put(*text++);
}
static inline void board_put_number(uint32_t number)
{
    char digits[11];
    uint8_t at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + (uint8_t)(number % 10));
    while ((number /= 10) != 0);
    board_puts(digits + at);
}

/* Ticks to milliseconds, of at most an hour or so: in 32 bits, for 64-bit division is a library function. */
static inline uint32_t board_ms(asyncio_time ticks)
{
    uint32_t seconds = (uint32_t)ticks / ASYNCIO_TICKS_PER_SECOND;
    return seconds * 1000u + (uint32_t)ticks % ASYNCIO_TICKS_PER_SECOND * 1000u / ASYNCIO_TICKS_PER_SECOND;
}

/* An emulator shows no LEDs: there board_led says on the serial line what it does, and when. */
#ifdef BOARD_HAS_NO_LEDS
#define BOARD_SHOW_LED(which, on)                                                                                      \
    do {                                                                                                               \
        board_put_number(board_ms(asyncio_default_port.time(NULL) - (asyncio_time)(BOARD_CLOCK_START)));               \
        board_puts((which) ? " led1 " : " led0 ");                                                                     \
        board_puts((on) ? "on\n" : "off\n");                                                                           \
    } while (0)
#else
#define BOARD_SHOW_LED(which, on) ((void)0)
#endif

#ifdef __cplusplus
}
#endif

#endif
