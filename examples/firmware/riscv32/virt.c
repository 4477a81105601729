/* SPDX-License-Identifier: MIT
 *
 * virt.c - QEMU's 32-bit RISC-V board. Build with -DASYNCIO_TICKS_PER_SECOND=78125L.
 *
 * The clock is the CLINT's mtime, 64 bits at 10 MHz, of which a shift by 7 makes ticks: no division. The board has
 * neither LEDs nor a button.
 */
#include "../board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define MTIMECMP REGISTER(0x02004000)
#define MTIMECMP_HIGH REGISTER(0x02004004)
#define MTIME REGISTER(0x0200BFF8)
#define MTIME_HIGH REGISTER(0x0200BFFC)
#define PLIC_PRIORITY(irq) REGISTER(0x0C000000 + 4 * (irq))
#define PLIC_ENABLE REGISTER(0x0C002000)
#define PLIC_CLAIM REGISTER(0x0C200004)
#define UART_DATA (*(volatile uint8_t *)0x10000000)
#define UART_INTERRUPT (*(volatile uint8_t *)0x10000001)
#define UART_STATE (*(volatile uint8_t *)0x10000005)
#define UART_IRQ 10
#define TEST_DEVICE REGISTER(0x00100000)
#define MIE 8u /* in mstatus */
#define SHIFT 7

#ifndef BOARD_CLOCK_START
#define BOARD_CLOCK_START 0 /* a test starts it just before it wraps */
#endif

void (*volatile board_on_button)(void);
void (*volatile board_on_char)(char c);
volatile uint16_t board_wakes;

void trap(void);

static uint64_t port_mtime(void)
{
    uint32_t high, low;
    do {
        high = MTIME_HIGH;
        low = MTIME;
    } while (high != MTIME_HIGH);
    return (uint64_t)high << 32 | low;
}
static void port_alarm(uint64_t when)
{
    MTIMECMP_HIGH = UINT32_MAX;
    MTIMECMP = (uint32_t)when;
    MTIMECMP_HIGH = (uint32_t)(when >> 32);
}

static asyncio_time port_time(asyncio_loop *loop)
{
    (void)loop;
    return (asyncio_time)((uint32_t)(port_mtime() >> SHIFT) + (uint32_t)BOARD_CLOCK_START);
}

static uint32_t port_state;
static void port_lock(asyncio_loop *loop)
{
    uint32_t state;
    (void)loop;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(state)::"memory");
    port_state = state & MIE;
}
static void port_unlock(asyncio_loop *loop)
{
    (void)loop;
    __asm__ volatile("csrs mstatus, %0" ::"r"(port_state) : "memory");
}

static volatile bool port_woken;
static void port_wake(asyncio_loop *loop)
{
    (void)loop;
    port_woken = true;
}

/* As on a Cortex-M: with interrupts off, WFI still ends when one that is enabled becomes pending. */
static void port_wait(asyncio_loop *loop, asyncio_time timeout)
{
    (void)loop;
    if (timeout == 0)
        return;
    __asm__ volatile("csrci mstatus, 8" ::: "memory");
    if (!port_woken) {
        if (timeout > 0)
            port_alarm(((port_mtime() >> SHIFT) + (uint32_t)timeout) << SHIFT);
        __asm__ volatile("wfi" ::: "memory");
        board_wakes++;
    }
    port_woken = false;
    __asm__ volatile("csrsi mstatus, 8" ::: "memory");
}

void __attribute__((interrupt("machine"), aligned(4))) trap(void)
{
    uint32_t cause;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if (cause == 0x80000007u) {
        port_alarm(UINT64_MAX);
    } else if (cause == 0x8000000Bu) {
        uint32_t irq = PLIC_CLAIM;
        while (UART_STATE & 1u) {
            char c = (char)UART_DATA;
            if (board_on_char != NULL)
                board_on_char(c);
        }
        PLIC_CLAIM = irq;
    } else {
        board_exit(99);
    }
}

void board_init(void)
{
    port_alarm(UINT64_MAX);
    UART_INTERRUPT = 1;
    PLIC_PRIORITY(UART_IRQ) = 1;
    PLIC_ENABLE = 1u << UART_IRQ;
    __asm__ volatile("csrs mie, %0\n\tcsrsi mstatus, 8" ::"r"(0x880));
}

void board_put(char c)
{
    while (!(UART_STATE & 0x20u))
        continue;
    UART_DATA = (uint8_t)c;
}

void board_led(uint8_t which, bool on)
{
    static volatile uint32_t pins; /* stands for a port's register */
    pins = on ? pins | 1u << which : pins & ~(1u << which);
    BOARD_SHOW_LED(which, on);
}

bool __attribute__((weak)) board_button(void) { return false; }

void board_exit(int err)
{
    for (;;)
        TEST_DEVICE = err != 0 ? (uint32_t)err << 16 | 0x3333u : 0x5555u;
}

const asyncio_port asyncio_default_port = {NULL, NULL, port_time, port_wait, port_wake, port_lock, port_unlock, false};
