/* SPDX-License-Identifier: MIT
 *
 * simavr.c - runs a program for an AVR in libsimavr, in simulated time, and tells what its pins did.
 *
 *     simavr <mcu> <hz> <file.elf> <milliseconds> [<event>...]
 *
 * Events, at simulated times in ms: 1500:D2=0 sets an input pin; 1500:text types characters on the serial line, a
 * backslash for the return key. What the program sends comes out as it is; pins of port B as lines `<ms> B5 on`.
 * The status is what the program wrote into GPIOR0; 97 if it crashed, 98 if its time was over before; that many
 * milliseconds are no failure if the last argument is `-`: then 0.
 */
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <simavr/sim_time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static avr_t *avr;
static int ended, status;
static unsigned long wakes;

static unsigned long long now_ms(void) { return avr->cycle * 1000ull / avr->frequency; }

static void on_exit_register(avr_t *self, avr_io_addr_t address, uint8_t value, void *arg)
{
    (void)self, (void)address, (void)arg;
    ended = 1;
    status = value;
}
static void on_serial(avr_irq_t *irq, uint32_t value, void *arg)
{
    (void)irq, (void)arg;
    putchar((int)value);
}
static void on_pin(avr_irq_t *irq, uint32_t value, void *arg)
{
    if (irq->value != value)
        printf("%llu B%d %s\n", now_ms(), (int)(size_t)arg, value ? "on" : "off");
}
static void silent(avr_t *self, const int level, const char *format, va_list arguments)
{
    (void)self, (void)level, (void)format, (void)arguments;
}
static void no_real_time(avr_t *self, avr_cycle_count_t cycles) { (void)self, (void)cycles; }

/* Characters wait for the receiver: it has room for a few only. */
static const char *typing;
static avr_irq_t *keyboard;
static avr_cycle_count_t on_key(avr_t *self, avr_cycle_count_t when, void *arg)
{
    (void)arg;
    if (*typing == '\0')
        return 0;
    avr_raise_irq(keyboard, *typing == '\\' ? '\r' : (uint8_t)*typing);
    typing++;
    return when + avr_usec_to_cycles(self, 2000);
}

static avr_cycle_count_t on_event(avr_t *self, avr_cycle_count_t when, void *arg)
{
    const char *what = (const char *)arg;
    (void)when;
    if (what[0] >= 'B' && what[0] <= 'D' && what[2] == '=') {
        avr_raise_irq(avr_io_getirq(self, AVR_IOCTL_IOPORT_GETIRQ(what[0]), (unsigned)(what[1] - '0')),
                      (uint32_t)(what[3] - '0'));
    } else {
        typing = what;
        avr_cycle_timer_register_usec(self, 1, on_key, NULL);
    }
    return 0;
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    avr_cycle_count_t end;
    uint32_t flags = 0;
    int i, state = cpu_Running, quietly = 0;
    avr_global_logger_set(silent);
    memset(&firmware, 0, sizeof firmware);
    if (argc < 5 || elf_read_firmware(argv[3], &firmware) != 0 || (avr = avr_make_mcu_by_name(argv[1])) == NULL)
        return 96;
    avr_init(avr);
    avr->log = LOG_ERROR;
    avr->sleep = no_real_time;
    avr->frequency = (uint32_t)atol(argv[2]);
    firmware.frequency = avr->frequency;
    avr_load_firmware(avr, &firmware);
    end = (avr_cycle_count_t)atol(argv[4]) * (avr->frequency / 1000);
    /* GPIOR0's address differs; both are general purpose registers that nothing else uses. */
    avr_register_io_write(avr, strcmp(argv[1], "attiny85") == 0 ? 0x31 : 0x3e, on_exit_register, NULL);
    if (avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags) == 0) {
        flags &= (uint32_t)~AVR_UART_FLAG_STDIO;
        avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
        avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_serial, NULL);
        keyboard = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    }
    for (i = 0; i < 8; i++)
        avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), i), on_pin, (void *)(size_t)i);
    for (i = 5; i < argc; i++) {
        char *colon = strchr(argv[i], ':');
        if (strcmp(argv[i], "-") == 0)
            quietly = 1;
        else if (colon != NULL)
            avr_cycle_timer_register_usec(avr, (uint32_t)(atof(argv[i]) * 1000), on_event, colon + 1);
    }
    while (!ended && avr->cycle < end) {
        int next = avr_run(avr);
        if (next == cpu_Crashed)
            return 97;
        if (next == cpu_Done)
            break;
        if (state == cpu_Sleeping && next != cpu_Sleeping)
            wakes++;
        state = next;
    }
    fflush(stdout);
    fprintf(stderr, "%lu wake-ups in %llu ms\n", wakes, now_ms());
    return ended ? status : quietly ? 0 : 98;
}
