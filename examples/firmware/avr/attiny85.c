/* SPDX-License-Identifier: MIT
 *
 * attiny85.c - ATtiny85 at 8 MHz: 512 bytes of RAM. Build with -DASYNCIO_TICKS_PER_SECOND=7812L.
 *
 * The clock is timer 0, 8 MHz divided by 1024, with its overflows counted in software: an idle board wakes 30 times a
 * second, for the timer has 8 bits. (Timer 1 can count 16 times slower; the emulator's stands still.) LEDs at B0 and B1,
 * the button at B2; no serial line.
 */
#include "avr.h"

static volatile uint32_t port_overflows;

ISR(TIMER0_OVF_vect) { port_overflows += 0x100; }
ISR(TIMER0_COMPA_vect) {}

static asyncio_time port_time(asyncio_loop *loop)
{
    uint8_t state = SREG, low;
    uint32_t now;
    (void)loop;
    cli();
    low = TCNT0;
    now = port_overflows + low;
    if ((TIFR & _BV(TOV0)) && low < 0x80)
        now += 0x100;
    SREG = state;
    return (asyncio_time)(now + (uint32_t)(BOARD_CLOCK_START));
}

static bool port_arm(asyncio_time timeout)
{
    if (timeout < 0 || timeout > 0xff)
        return true;
    OCR0A = (uint8_t)(TCNT0 + (uint8_t)timeout);
    TIFR = _BV(OCF0A);
    TIMSK |= _BV(OCIE0A);
    return timeout > 1;
}

static void port_disarm(void) { TIMSK &= (uint8_t)~_BV(OCIE0A); }

void board_init(void)
{
    TCCR0B = _BV(CS02) | _BV(CS00);
    TIMSK = _BV(TOIE0);
    DDRB = _BV(0) | _BV(1);
    PORTB = _BV(2);
    MCUCR |= _BV(ISC00); /* at both edges */
    GIMSK = _BV(INT0);
    sei();
}

void board_put(char c) { (void)c; }

void board_led(uint8_t which, bool on)
{
    uint8_t bit = which ? _BV(1) : _BV(0);
    if (on)
        PORTB |= bit;
    else
        PORTB &= (uint8_t)~bit;
}

bool board_button(void) { return !(PINB & _BV(2)); }

void board_exit(int err)
{
    cli();
    GPIOR0 = (uint8_t)err;
    for (;;)
        sleep_mode();
}

const asyncio_port asyncio_default_port = {NULL, NULL, port_time, port_wait, port_wake, port_lock, port_unlock, false};
