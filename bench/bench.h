/* SPDX-License-Identifier: MIT
 *
 * bench.h - what every C program of this directory and of peers/ has in common: the protocol that run.py speaks, time,
 * memory. Include it before asyncio.h.
 *
 *     program                                        prints `row subject` for all that it can measure
 *     program subject row warm-up operations         does the one, measures the other, and prints
 *                                                    `row ns_per_op bytes_per_op operations allocations_per_op`
 *
 * Nanoseconds are CPU time of the whole process, bytes the growth of resident memory at its peak. A run counts what it
 * saw happen in bench_done; a count that differs from what was asked for is an error and prints no time.
 */
#ifndef BENCH_H
#define BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Allocations of the library are counted ---- */

static unsigned long bench_allocations;

static inline void *bench_malloc(size_t size)
{
    bench_allocations++;
    return malloc(size);
}

#define ASYNCIO_MALLOC(size) bench_malloc(size)
#define ASYNCIO_FREE(memory) free(memory)

/* ---- Against an optimiser that sees too much ---- */

#define BENCH_KEEP(value) __asm__ volatile("" : : "g"(value) : "memory")
#define BENCH_NOINLINE __attribute__((noinline))
#define BENCH_FALLTHROUGH __attribute__((fallthrough)) /* clang takes no comment for it */

/* ---- Time and memory ---- */

static double bench_ns;           /* of the last start .. stop */
static unsigned long bench_count; /* allocations in it */
static unsigned long bench_done;  /* operations that happened */
static unsigned long bench_size;  /* the row's: so many tasks, so deep */

static inline double bench_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline void bench_start(void)
{
    bench_count = bench_allocations;
    bench_ns = bench_cpu();
}

static inline void bench_stop(void)
{
    bench_ns = bench_cpu() - bench_ns;
    bench_count = bench_allocations - bench_count;
}

/* getrusage's ru_maxrss would do, if it did not begin with that of the process that started this one. */
static inline double bench_peak(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    double kilobytes = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = strtod(line + 6, NULL);
    if (file != NULL)
        fclose(file);
    return kilobytes * 1024;
}

/* ---- Rows ---- */

typedef struct bench_case {
    const char *subject, *row;
    void (*run)(unsigned long operations); /* the measured part of it between bench_start and bench_stop */
    unsigned long size;                    /* bench_size; operations are rounded up to multiples of it */
} bench_case;

static inline void bench_run(const bench_case *row, unsigned long operations)
{
    bench_done = 0;
    row->run(operations);
    if (bench_done == operations)
        return;
    fprintf(stderr, "%s %s: %lu of %lu operations happened\n", row->subject, row->row, bench_done, operations);
    exit(1);
}

static inline unsigned long bench_number(const char *text)
{
    return (strtoul(text, NULL, 10) + bench_size - 1) / bench_size * bench_size;
}

static inline int bench_main(int argc, char **argv, const bench_case *cases, size_t count)
{
    unsigned long warm_up, operations;
    double before;
    size_t i;
    for (i = 0; argc < 5 && i < count; i++)
        printf("%s %s\n", cases[i].row, cases[i].subject);
    if (argc < 5)
        return 0;
    for (i = 0; i < count; i++)
        if (strcmp(cases[i].subject, argv[1]) == 0 && strcmp(cases[i].row, argv[2]) == 0)
            break;
    if (i == count)
        return 2;
    bench_size = cases[i].size;
    warm_up = bench_number(argv[3]);
    operations = bench_number(argv[4]);
    before = bench_peak();
    if (warm_up > 0) /* page faults, predictors, clock frequency */
        bench_run(&cases[i], warm_up);
    bench_run(&cases[i], operations);
    printf("%s %.3f %.1f %lu %.4f\n", argv[2], bench_ns / (double)operations,
           (bench_peak() - before) / (double)operations, operations, (double)bench_count / (double)operations);
    return 0;
}

#define BENCH_MAIN(argc, argv, cases) bench_main(argc, argv, cases, sizeof(cases) / sizeof(cases)[0])

#endif
