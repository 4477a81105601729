/* SPDX-License-Identifier: MIT
 *
 * tap.h - a test program in TAP, without libc: on a board, define TAP_WRITE(text) before including it.
 *
 *     TEST(test_sum) { CHECK_EQ(1 + 1, 2); }
 *     int main(void) { RUN(test_sum); return tap_end(); }
 *
 * A failing CHECK prints place and values, fails its test, and goes on. log_add and log_number collect words, which
 * CHECK_LOG compares and clears: order is tested as one string.
 */
#ifndef TAP_H
#define TAP_H

#include <stdint.h>

#ifndef TAP_WRITE
#include <stdio.h>
#define TAP_WRITE(text) (void)(fputs((text), stdout), fflush(stdout))
#endif

static int tap_tests, tap_failed_tests, tap_failed_checks;
static char tap_log[4096];
static unsigned tap_log_size;

static inline void tap_number(long long number)
{
    char digits[24];
    unsigned long long rest = number < 0 ? 0ull - (unsigned long long)number : (unsigned long long)number;
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = (char)('0' + (int)(rest % 10));
    while ((rest /= 10) != 0);
    if (number < 0)
        *--at = '-';
    TAP_WRITE(at);
}

static inline int tap_same(const char *a, const char *b)
{
    if (a == b)
        return 1;
    if (!a || !b)
        return 0;
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static inline void tap_fail(const char *file, int line, const char *text)
{
    tap_failed_checks++;
    TAP_WRITE("# ");
    TAP_WRITE(file);
    TAP_WRITE(":");
    tap_number(line);
    TAP_WRITE(": ");
    TAP_WRITE(text);
}

static inline void tap_check(int good, const char *file, int line, const char *text)
{
    if (good)
        return;
    tap_fail(file, line, text);
    TAP_WRITE("\n");
}

static inline void tap_check_eq(long long got, long long want, const char *file, int line, const char *text)
{
    if (got == want)
        return;
    tap_fail(file, line, text);
    TAP_WRITE(": got ");
    tap_number(got);
    TAP_WRITE(", want ");
    tap_number(want);
    TAP_WRITE("\n");
}

static inline void tap_check_str(const char *got, const char *want, const char *file, int line, const char *text)
{
    if (tap_same(got, want))
        return;
    tap_fail(file, line, text);
    TAP_WRITE(":\n#   got  ");
    TAP_WRITE(got ? got : "(null)");
    TAP_WRITE("\n#   want ");
    TAP_WRITE(want ? want : "(null)");
    TAP_WRITE("\n");
}

static inline void log_clear(void)
{
    tap_log_size = 0;
    tap_log[0] = '\0';
}

/* Adds a word, a space before it unless it is the first. */
static inline void log_add(const char *word)
{
    if (tap_log_size > 0 && tap_log_size < sizeof tap_log - 1)
        tap_log[tap_log_size++] = ' ';
    while (*word && tap_log_size < sizeof tap_log - 1)
        tap_log[tap_log_size++] = *word++;
    tap_log[tap_log_size] = '\0';
}

static inline void log_number(long long number)
{
    char digits[24], *at = digits + sizeof digits - 1;
    unsigned long long rest = number < 0 ? 0ull - (unsigned long long)number : (unsigned long long)number;
    *at = '\0';
    do
        *--at = (char)('0' + (int)(rest % 10));
    while ((rest /= 10) != 0);
    if (number < 0)
        *--at = '-';
    log_add(at);
}

static inline void tap_check_log(const char *want, const char *file, int line)
{
    tap_check_str(tap_log, want, file, line, "log");
    log_clear();
}

static inline void tap_run(void (*test)(void), const char *name)
{
    int before = tap_failed_checks;
    log_clear();
    test();
    tap_tests++;
    if (tap_failed_checks != before)
        tap_failed_tests++;
    TAP_WRITE(tap_failed_checks != before ? "not ok " : "ok ");
    tap_number(tap_tests);
    TAP_WRITE(" - ");
    TAP_WRITE(name);
    TAP_WRITE("\n");
}

static inline int tap_end(void)
{
    TAP_WRITE("1..");
    tap_number(tap_tests);
    TAP_WRITE("\n");
    return tap_failed_tests != 0;
}

#define TEST(name) static void name(void)
#define RUN(name) tap_run(name, #name)
#define CHECK(condition) tap_check((condition) ? 1 : 0, __FILE__, __LINE__, #condition)
#define CHECK_EQ(got, want) tap_check_eq((long long)(got), (long long)(want), __FILE__, __LINE__, #got)
#define CHECK_STR(got, want) tap_check_str((got), (want), __FILE__, __LINE__, #got)
#define CHECK_LOG(want) tap_check_log((want), __FILE__, __LINE__)

#endif
