/* SPDX-License-Identifier: MIT
 *
 * finger.c - presses the button of an emulated Cortex-M board, which has none that a test could reach: a timer that the
 * port does not use interrupts at each edge, bounces included. Starts when the button is looked at for the first time.
 */
#include "board.h"
#include "cortex_m/registers.h"

/* 1 ms after another, and the level from then on. */
static const struct {
    uint16_t after;
    bool down;
} edges[] = {{1200, true}, {2, false}, {1, true},               /* pressed */
             {297, false}, {1, true},  {1, false},              /* released */
             {798, true},  {300, false}, {1000, true}, {5, false}}; /* pressed, released; too short to count */

static volatile uint8_t edge;
static volatile bool down;

void irq8(void), irq9(void);

#ifdef MICROBIT
#define TIMER1 0x40009000u
static void arm(uint16_t ms)
{
    REGISTER(TIMER1 + 0x004) = 1; /* stop */
    REGISTER(TIMER1 + 0x00C) = 1; /* clear */
    REGISTER(TIMER1 + 0x140) = 0;
    REGISTER(TIMER1 + 0x304) = 1u << 16;
    REGISTER(TIMER1 + 0x510) = 9;
    REGISTER(TIMER1 + 0x540) = ms * 125u / 4;
    REGISTER(TIMER1 + 0x000) = 1;
    NVIC_ENABLE = 1u << 9;
}
static void stop(void)
{
    REGISTER(TIMER1 + 0x004) = 1;
    REGISTER(TIMER1 + 0x140) = 0;
}
#define HANDLER irq9
#else
#define TIMER0 0x40000000u
static void arm(uint16_t ms)
{
    REGISTER(TIMER0 + 0x0) = 0;
    REGISTER(TIMER0 + 0xC) = 1;
    REGISTER(TIMER0 + 0x4) = ms * 25000u;
    REGISTER(TIMER0 + 0x8) = ms * 25000u;
    REGISTER(TIMER0 + 0x0) = 9;
    NVIC_ENABLE = 1u << 8;
}
static void stop(void)
{
    REGISTER(TIMER0 + 0x0) = 0;
    REGISTER(TIMER0 + 0xC) = 1;
}
#define HANDLER irq8
#endif

void HANDLER(void)
{
    down = edges[edge].down;
    edge++;
    if (edge < sizeof edges / sizeof *edges)
        arm(edges[edge].after);
    else
        stop();
    if (board_on_button != NULL)
        board_on_button();
}

bool board_button(void)
{
    static bool started;
    if (!started)
        arm(edges[0].after);
    started = true;
    return down;
}
