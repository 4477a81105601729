/* SPDX-License-Identifier: MIT
 *
 * bench.h - timing and printing for the programs in this directory. Include it before asyncio.h.
 *
 * Every number stands beside a floor: the same work written by hand in C, without a library. Floor and subject take turns
 * in every round, so that what disturbs the machine disturbs both; CPU time, not the wall's. The ratio is the median
 * of the rounds' ratios, the nanoseconds are medians, too.
 */
#ifndef BENCH_H
#define BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* sched_setaffinity */
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#ifdef __linux__
#include <sched.h>
#endif

#ifndef BENCH_CFLAGS
#define BENCH_CFLAGS "?"
#endif
#ifndef BENCH_COMMIT
#define BENCH_COMMIT "?"
#endif
#ifndef BENCH_ROUNDS
#define BENCH_ROUNDS 9
#endif

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

/* ---- Time ---- */

static double bench_ns;           /* of the last start .. stop */
static unsigned long bench_count; /* allocations in it */

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

/* ---- Rows ---- */

/* Does `operations` operations, the measured part of them between bench_start and bench_stop. */
typedef void (*bench_function)(unsigned long operations);

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, bench_compare);
    return values[count / 2];
}

static inline double bench_one(bench_function run, unsigned long operations)
{
    run(operations);
    return bench_ns / (double)operations;
}

/*
 * bench_row - measure and print one row.
 *
 *   target          the ratio to reach; 0: none
 *   bytes           per task or timer; 0: does not apply
 */
static inline void bench_row(const char *name, bench_function floor, bench_function subject, unsigned long operations,
                             double target, size_t bytes)
{
    double floors[BENCH_ROUNDS], subjects[BENCH_ROUNDS], ratios[BENCH_ROUNDS], allocations = 0, ratio;
    int round;
    floor(operations / 8 + 1); /* warm up: page faults, branch predictors, clock frequency */
    subject(operations / 8 + 1);
    for (round = 0; round < BENCH_ROUNDS; round++) {
        if (round % 2 == 0)
            floors[round] = bench_one(floor, operations);
        subjects[round] = bench_one(subject, operations);
        allocations = (double)bench_count / (double)operations;
        if (round % 2 != 0)
            floors[round] = bench_one(floor, operations);
        ratios[round] = subjects[round] / floors[round];
    }
    ratio = bench_median(ratios, BENCH_ROUNDS);
    printf("%-34s %9.2f %9.2f %7.2f", name, bench_median(subjects, BENCH_ROUNDS), bench_median(floors, BENCH_ROUNDS), ratio);
    if (target > 0)
        printf(" %6.2f %-4s", target, ratio <= target ? "ok" : "MISS");
    else
        printf(" %6s %-4s", "-", "");
    printf(" %9.3f", allocations);
    if (bytes > 0)
        printf(" %8lu\n", (unsigned long)bytes);
    else
        printf(" %8s\n", "-");
    fflush(stdout);
}

static inline void bench_cpu_name(char *name, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256], *colon;
    snprintf(name, size, "unknown CPU");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "model name", 10) == 0 && (colon = strchr(line, ':')) != NULL) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(name, size, "%.80s", colon + 2);
            break;
        }
    if (file != NULL)
        fclose(file);
}

/* The first lines: what ran where. Pins the process to the core that it is on. */
static inline void bench_head(const char *what)
{
    struct utsname system;
    char cpu[96];
#ifdef __linux__
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)sched_getcpu(), &set);
    (void)sched_setaffinity(0, sizeof set, &set);
#endif
    bench_cpu_name(cpu, sizeof cpu);
    uname(&system);
#ifdef __clang__
    printf("# %s | clang %s", what, __clang_version__);
#else
    printf("# %s | gcc %s", what, __VERSION__);
#endif
    printf(" | %s | %s | %s %s | %s\n", BENCH_CFLAGS, cpu, system.sysname, system.release, BENCH_COMMIT);
    printf("%-34s %9s %9s %7s %6s %-4s %9s %8s\n", "", "ns/op", "floor", "ratio", "target", "", "allocs/op", "bytes");
}

#endif
