/* SPDX-License-Identifier: MIT
 *
 * microbit.c - BBC micro:bit (Nordic nRF51822, Cortex-M0). Build with -DASYNCIO_TICKS_PER_SECOND=31250L.
 *
 * The clock is TIMER0: 16 MHz divided by 512, 32 bits, which wrap after 38 hours. It interrupts at a deadline only. (On
 * a battery you would take RTC1, which runs in a deeper sleep and counts 24 bits; emulators have no RTC1.)
 */
#include "cortex_m.h"

#define TIMER0 0x40008000u
#define TIMER_START REGISTER(TIMER0 + 0x000)
#define TIMER_CAPTURE1 REGISTER(TIMER0 + 0x044)
#define TIMER_COMPARED0 REGISTER(TIMER0 + 0x140)
#define TIMER_INTERRUPTS REGISTER(TIMER0 + 0x304)
#define TIMER_BITS REGISTER(TIMER0 + 0x508)
#define TIMER_PRESCALER REGISTER(TIMER0 + 0x510)
#define TIMER_CC0 REGISTER(TIMER0 + 0x540)
#define TIMER_CC1 REGISTER(TIMER0 + 0x544)

#define UART 0x40002000u
#define UART_START_RX REGISTER(UART + 0x000)
#define UART_START_TX REGISTER(UART + 0x008)
#define UART_RX_READY REGISTER(UART + 0x108)
#define UART_TX_READY REGISTER(UART + 0x11C)
#define UART_INTERRUPTS REGISTER(UART + 0x304)
#define UART_ENABLE REGISTER(UART + 0x500)
#define UART_RX REGISTER(UART + 0x518)
#define UART_TX REGISTER(UART + 0x51C)
#define UART_BAUD REGISTER(UART + 0x524)

#define GPIO_SET REGISTER(0x50000508)
#define GPIO_CLEAR REGISTER(0x5000050C)
#define GPIO_IN REGISTER(0x50000510)
#define GPIO_OUTPUTS REGISTER(0x50000518)
#define GPIOTE_EVENT0 REGISTER(0x40006100)
#define GPIOTE_INTERRUPTS REGISTER(0x40006304)
#define GPIOTE_CONFIG0 REGISTER(0x40006510)
#define BUTTON_A 17

void irq2(void), irq6(void), irq8(void);

static uint32_t port_count(void)
{
    TIMER_CAPTURE1 = 1;
    return TIMER_CC1;
}

static asyncio_time port_time(asyncio_loop *loop)
{
    (void)loop;
    return (asyncio_time)(port_count() + (uint32_t)BOARD_CLOCK_START);
}

static bool port_arm(asyncio_time timeout)
{
    uint32_t now = port_count();
    TIMER_COMPARED0 = 0;
    TIMER_CC0 = now + (uint32_t)timeout;
    return port_count() - now < (uint32_t)timeout;
}

void irq8(void) { TIMER_COMPARED0 = 0; }

void irq2(void)
{
    UART_RX_READY = 0;
    if (board_on_char != NULL)
        board_on_char((char)UART_RX);
    else
        (void)UART_RX;
}

void irq6(void)
{
    GPIOTE_EVENT0 = 0;
    if (board_on_button != NULL)
        board_on_button();
}

void board_init(void)
{
    TIMER_BITS = 3;
    TIMER_PRESCALER = 9;
    TIMER_INTERRUPTS = 1u << 16;
    TIMER_START = 1;
    UART_ENABLE = 4;
    UART_BAUD = 0x01D7E000; /* 115200 */
    UART_INTERRUPTS = 1u << 2;
    UART_START_RX = 1;
    UART_START_TX = 1;
    GPIO_OUTPUTS = 1u << 2 | 1u << 3;
    GPIOTE_CONFIG0 = 1u | BUTTON_A << 8 | 3u << 16; /* an event at both edges */
    GPIOTE_INTERRUPTS = 1;
    NVIC_ENABLE = 1u << 2 | 1u << 6 | 1u << 8;
}

void board_put(char c)
{
    UART_TX_READY = 0;
    UART_TX = (uint8_t)c;
    while (UART_TX_READY == 0)
        continue;
}

void board_led(uint8_t which, bool on)
{
    if (on)
        GPIO_SET = 4u << which;
    else
        GPIO_CLEAR = 4u << which;
    BOARD_SHOW_LED(which, on);
}

bool __attribute__((weak)) board_button(void) { return (GPIO_IN >> BUTTON_A & 1u) == 0; }

const asyncio_port asyncio_default_port = {NULL, NULL, port_time, port_wait, port_wake, port_lock, port_unlock, false};
