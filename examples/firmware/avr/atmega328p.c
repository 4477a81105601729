/* SPDX-License-Identifier: MIT
 *
 * atmega328p.c - ATmega328P at 16 MHz, as on an Arduino Uno. Build with -DASYNCIO_TICKS_PER_SECOND=15625L.
 *
 * The clock is timer 1, 16 MHz divided by 1024, with its overflows counted in software: 32 bits, which wrap after 76
 * hours. It overflows every 4.2 s: as often an idle board wakes. LEDs at B5 (the one on an Uno) and B4, the button at D2.
 */
#include "avr.h"

#ifndef USART_RX_vect /* larger ones of the family have several */
#define USART_RX_vect USART0_RX_vect
#endif

static volatile uint16_t port_overflows;

ISR(TIMER1_OVF_vect) { port_overflows++; }
ISR(TIMER1_COMPA_vect) {}
ISR(USART_RX_vect)
{
    char c = (char)UDR0;
    if (board_on_char != NULL)
        board_on_char(c);
}

/* Interrupts off. Of an overflow that is not counted yet, the counter tells whether it came before the reading. */
static uint32_t port_count(void)
{
    uint16_t low = TCNT1, high = port_overflows;
    if ((TIFR1 & _BV(TOV1)) && low < 0x8000u)
        high++;
    return (uint32_t)high << 16 | low;
}

static asyncio_time port_time(asyncio_loop *loop)
{
    uint8_t state = SREG;
    uint32_t now;
    (void)loop;
    cli();
    now = port_count();
    SREG = state;
    return (asyncio_time)(now + (uint32_t)(BOARD_CLOCK_START));
}

static bool port_arm(asyncio_time timeout)
{
    if (timeout < 0 || timeout > 0xffff)
        return true;
    OCR1A = (uint16_t)(TCNT1 + (uint16_t)timeout);
    TIFR1 = _BV(OCF1A);
    TIMSK1 |= _BV(OCIE1A);
    return timeout > 1;
}

static void port_disarm(void) { TIMSK1 &= (uint8_t)~_BV(OCIE1A); }

void board_init(void)
{
    TCCR1B = _BV(CS12) | _BV(CS10);
    TIMSK1 = _BV(TOIE1);
    DDRB = _BV(5) | _BV(4);
    PORTD = _BV(2);
    EICRA = _BV(ISC00); /* at both edges */
    EIMSK = _BV(INT0);
    UBRR0 = 8; /* 115200 */
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
    sei();
}

void board_put(char c)
{
    while (!(UCSR0A & _BV(UDRE0)))
        continue;
    UDR0 = (uint8_t)c;
}

void board_led(uint8_t which, bool on)
{
    uint8_t bit = which ? _BV(4) : _BV(5);
    if (on)
        PORTB |= bit;
    else
        PORTB &= (uint8_t)~bit;
}

bool board_button(void) { return !(PIND & _BV(2)); }

/* tests/firmware's emulator ends with what is written here; on the real chip it is one more register. */
void board_exit(int err)
{
    while (!(UCSR0A & _BV(UDRE0)))
        continue;
    cli();
    GPIOR0 = (uint8_t)err;
    for (;;)
        sleep_mode();
}

const asyncio_port asyncio_default_port = {NULL, NULL, port_time, port_wait, port_wake, port_lock, port_unlock, false};
