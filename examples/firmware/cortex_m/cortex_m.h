/* SPDX-License-Identifier: MIT
 *
 * cortex_m.h - what the ports of all Cortex-M have in common: masking interrupts, and the sleep that cannot miss one.
 */
#ifndef CORTEX_M_H
#define CORTEX_M_H

#include "../board.h"
#include "registers.h"

#ifndef BOARD_CLOCK_START
#define BOARD_CLOCK_START 0 /* a test starts it just before it wraps */
#endif

void (*volatile board_on_button)(void);
void (*volatile board_on_char)(char c);
volatile uint16_t board_wakes;

/* Interrupts stay as they were found, for an interrupt locks, too. Nobody can come between who locks and who unlocks,
 * so that one word for what was found is enough. */
static uint32_t port_mask;
static void port_lock(asyncio_loop *loop)
{
    uint32_t mask;
    (void)loop;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(mask)::"memory");
    port_mask = mask;
}
static void port_unlock(asyncio_loop *loop)
{
    uint32_t mask = port_mask;
    (void)loop;
    __asm__ volatile("msr primask, %0" ::"r"(mask) : "memory");
}

/* Set by an interrupt that has work for the loop: then wait() does not sleep. Always locked. */
static volatile bool port_woken;
static void port_wake(asyncio_loop *loop)
{
    (void)loop;
    port_woken = true;
}

/* The board's: interrupt at this time from now on; false if that time has come. */
static bool port_arm(asyncio_time timeout);

/* With interrupts masked, WFI still ends when one becomes pending; it is served as soon as they are on again. So an
 * interrupt that comes after the look at `port_woken` ends the sleep instead of preceding it. */
static void port_wait(asyncio_loop *loop, asyncio_time timeout)
{
    (void)loop;
    if (timeout == 0)
        return;
    __asm__ volatile("cpsid i" ::: "memory");
    if (!port_woken && (timeout < 0 || port_arm(timeout))) {
        __asm__ volatile("dsb\n\twfi" ::: "memory");
        board_wakes++;
    }
    port_woken = false;
    __asm__ volatile("cpsie i" ::: "memory");
}

/* Semihosting's SYS_EXIT_EXTENDED: an emulator ends with this status. */
void board_exit(int err)
{
    uint32_t block[2];
    register uint32_t r0 __asm__("r0") = 0x20;
    register uint32_t *r1 __asm__("r1") = block;
    block[0] = 0x20026;
    block[1] = (uint32_t)err;
    for (;;)
        __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

#endif
