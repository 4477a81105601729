/* SPDX-License-Identifier: MIT
 *
 * mps2.c - Arm MPS2 with AN385 (Cortex-M3) or AN386 (Cortex-M4). Build with -DASYNCIO_TICKS_PER_SECOND=97656L.
 *
 * The clock is the first of the dual timer's halves, free running at 25 MHz divided by 256: 32 bits, which wrap after 12
 * hours. The second is the alarm, started for each sleep.
 */
#include "cortex_m.h"

#define DUALTIMER 0x40002000u
#define TIMER1_VALUE REGISTER(DUALTIMER + 0x04)
#define TIMER1_CONTROL REGISTER(DUALTIMER + 0x08)
#define TIMER2_LOAD REGISTER(DUALTIMER + 0x20)
#define TIMER2_CONTROL REGISTER(DUALTIMER + 0x28)
#define TIMER2_CLEAR REGISTER(DUALTIMER + 0x2C)
#define TIMER_ENABLE 0x80u
#define TIMER_INTERRUPT 0x20u
#define TIMER_BY_256 0x08u
#define TIMER_32_BITS 0x02u
#define TIMER_ONCE 0x01u

#define UART0 0x40004000u
#define UART_DATA REGISTER(UART0 + 0x0)
#define UART_STATE REGISTER(UART0 + 0x4)
#define UART_CONTROL REGISTER(UART0 + 0x8)
#define UART_INTERRUPT REGISTER(UART0 + 0xC)
#define UART_DIVIDER REGISTER(UART0 + 0x10)

#define GPIO0 0x40010000u
#define GPIO_IN REGISTER(GPIO0 + 0x00)
#define GPIO_OUT REGISTER(GPIO0 + 0x04)
#define GPIO_OUTPUTS REGISTER(GPIO0 + 0x10)
#define GPIO_INTERRUPTS REGISTER(GPIO0 + 0x20)
#define GPIO_CLEAR REGISTER(GPIO0 + 0x38)
#define BUTTON 4

void irq0(void), irq6(void), irq10(void);

static asyncio_time port_time(asyncio_loop *loop)
{
    (void)loop;
    return (asyncio_time)(~TIMER1_VALUE + (uint32_t)BOARD_CLOCK_START);
}

static bool port_arm(asyncio_time timeout)
{
    TIMER2_CONTROL = 0;
    TIMER2_CLEAR = 1;
    TIMER2_LOAD = (uint32_t)timeout;
    TIMER2_CONTROL = TIMER_ENABLE | TIMER_INTERRUPT | TIMER_BY_256 | TIMER_32_BITS | TIMER_ONCE;
    return true;
}

void irq10(void)
{
    TIMER2_CONTROL = 0;
    TIMER2_CLEAR = 1;
}

void irq0(void)
{
    UART_INTERRUPT = 2;
    while (UART_STATE & 2u) {
        char c = (char)UART_DATA;
        if (board_on_char != NULL)
            board_on_char(c);
    }
}

void irq6(void)
{
    GPIO_CLEAR = 1u << BUTTON;
    if (board_on_button != NULL)
        board_on_button();
}

void board_init(void)
{
    TIMER1_CONTROL = TIMER_ENABLE | TIMER_BY_256 | TIMER_32_BITS;
    UART_DIVIDER = 217; /* 115200 */
    UART_CONTROL = 0xB; /* send, receive, interrupt on receiving */
    GPIO_OUTPUTS = 3;
    GPIO_INTERRUPTS = 1u << BUTTON;
    NVIC_ENABLE = 1u << 0 | 1u << 6 | 1u << 10;
}

void board_put(char c)
{
    while (UART_STATE & 1u)
        continue;
    UART_DATA = (uint8_t)c;
}

void board_led(uint8_t which, bool on)
{
    uint32_t bit = 1u << which;
    GPIO_OUT = on ? GPIO_OUT | bit : GPIO_OUT & ~bit;
    BOARD_SHOW_LED(which, on);
}

bool __attribute__((weak)) board_button(void) { return (GPIO_IN >> BUTTON & 1u) == 0; }

const asyncio_port asyncio_default_port = {NULL, NULL, port_time, port_wait, port_wake, port_lock, port_unlock, false};
