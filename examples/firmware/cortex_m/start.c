/* SPDX-License-Identifier: MIT
 *
 * start.c - from reset to main, for any Cortex-M: no CMSIS, no libc.
 */
#include <stdint.h>

extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];

int main(void);
void board_exit(int err);
void reset(void);
void fault(void);
void irq0(void), irq6(void), irq8(void), irq9(void), irq10(void), irq2(void);

void fault(void) { board_exit(99); }

void reset(void)
{
    uint32_t *to = data_start;
    const uint32_t *from = data_load;
    while (to < data_end)
        *to++ = *from++;
    for (to = bss_start; to < bss_end;)
        *to++ = 0;
#ifdef __ARM_FP
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* the FPU is off at reset */
    __asm__ volatile("dsb\n\tisb");
#endif
    board_exit(main());
}

/* A board's file defines those that it uses. */
#define UNUSED __attribute__((weak, alias("fault")))
void UNUSED irq0(void);
void UNUSED irq2(void);
void UNUSED irq6(void);
void UNUSED irq8(void);
void UNUSED irq9(void);
void UNUSED irq10(void);

__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {
    (void (*)(void))(uintptr_t)stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault,
    irq0, fault, irq2, fault, fault, fault, irq6, fault, irq8, irq9, irq10};
