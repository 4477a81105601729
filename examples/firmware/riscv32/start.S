/* SPDX-License-Identifier: MIT
 *
 * start.S - from reset to main. The linker script puts .data where it belongs: QEMU loads the ELF file into RAM.
 */
    .section .text.start
    .globl start
start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, stack_top
    la t0, trap
    csrw mtvec, t0
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  call main
    call board_exit
