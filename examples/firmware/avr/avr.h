/* SPDX-License-Identifier: MIT
 *
 * avr.h - what the ports of all AVRs have in common: masking interrupts, and the sleep that cannot miss one.
 */
#ifndef AVR_H
#define AVR_H

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#include "../board.h"

#ifndef BOARD_CLOCK_START
#define BOARD_CLOCK_START 0 /* a test starts it just before it wraps */
#endif

void (*volatile board_on_button)(void);
void (*volatile board_on_char)(char c);
volatile uint16_t board_wakes;

ISR(INT0_vect)
{
    if (board_on_button != NULL)
        board_on_button();
}

/* Interrupts stay as they were found, for an interrupt locks, too. */
static uint8_t port_state;
static void port_lock(asyncio_loop *loop)
{
    uint8_t state = SREG;
    (void)loop;
    cli();
    port_state = state;
}
static void port_unlock(asyncio_loop *loop)
{
    (void)loop;
    __asm__ volatile("" ::: "memory");
    SREG = port_state;
}

static volatile bool port_woken;
static void port_wake(asyncio_loop *loop)
{
    (void)loop;
    port_woken = true;
}

/* The chip's: interrupt at this time from now on, false if it is so near that it may pass meanwhile; take that back. A
 * deadline beyond the timer's bits waits for the overflow before it. */
static bool port_arm(asyncio_time timeout);
static void port_disarm(void);

/* The instruction after SEI runs before any interrupt does: what comes after the look at `port_woken` ends the sleep. It
 * is the idle mode, in which the timer runs: what the chip has after reset. */
static void port_wait(asyncio_loop *loop, asyncio_time timeout)
{
    (void)loop;
    if (timeout == 0)
        return;
    cli();
    if (!port_woken && port_arm(timeout)) {
        sleep_enable();
        sei();
        sleep_cpu();
        sleep_disable();
        board_wakes++;
        cli();
    }
    port_disarm();
    port_woken = false;
    sei();
}

#endif
