/* SPDX-License-Identifier: MIT
 *
 * on_board.c - a test program of the directory above, -DPROGRAM='"../test_tasks.c"', on a board: its TAP goes to the serial
 * line, its status to board_exit.
 */
#include <stddef.h>
#include <stdint.h>

static void on_board_write(const char *text);
#define TAP_WRITE(text) on_board_write(text)
#ifndef EINVAL
#define EINVAL 22 /* the tests need one errno value, and not every compiler brings errno.h */
#endif

#define main test_main
#include PROGRAM
#undef main

#include "board.h"

static void on_board_write(const char *text) { board_puts(text); }

/* The library calls neither; but compilers do, of the tests' own copies of structs. */
#ifndef __AVR__
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *memory, int byte, size_t size);
void *memcpy(void *to, const void *from, size_t size)
{
    volatile unsigned char *out = (volatile unsigned char *)to;
    const unsigned char *in = (const unsigned char *)from;
    while (size-- != 0)
        *out++ = *in++;
    return to;
}
void *memset(void *memory, int byte, size_t size)
{
    volatile unsigned char *out = (volatile unsigned char *)memory;
    while (size-- != 0)
        *out++ = (unsigned char)byte;
    return memory;
}
#endif

int main(void)
{
    board_init();
    board_exit(test_main());
    return 0;
}
