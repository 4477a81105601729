/* SPDX-License-Identifier: MIT
 *
 * The programs of tests/programs (see its README.md) by the interpreter in C: as they are, with every task cancelled in
 * every iteration, and with every allocation failing. What must come out is what CPython 3.14 recorded beside them. Of
 * the last two only a part, for they take time; with PROGRAMS=all in the environment all.
 */
#include <stddef.h>
#include "oracle/runs.h"
#include <dirent.h>
#include "tap.h"

enum { EVERY_SWEPT = 4, EVERY_STARVED = 16 };

static char path[1024];             /* of tests/programs/, then of the file that is tested */
static char *name_in_path;          /* in it */
static const char *wanted;          /* what is left of the recorded file */
static unsigned every, counted;     /* test each so many-th program */

static const char *read_beside(const char *name, const char *ending)
{
    FILE *file;
    char *text;
    sprintf(name_in_path, "%.*s%s", (int)strcspn(name, "."), name, ending);
    file = fopen(path, "r");
    CHECK(file != NULL);
    if (file == NULL)
        return (char *)calloc(1, 1);
    text = read_all(file, path);
    fclose(file);
    return text;
}

/* One program's part of the recorded file; it moves on to the next. */
static size_t wanted_size(void)
{
    const char *next = strstr(wanted, "\nprogram ");
    return next != NULL ? (size_t)(next + 1 - wanted) : strlen(wanted);
}

/* Prints the first line that differs. */
static bool same(const char *got, size_t size)
{
    size_t line = 0, i;
    if (strlen(got) == size && memcmp(got, wanted, size) == 0)
        return true;
    for (i = 0; i < size && got[i] == wanted[i]; i++)
        if (got[i] == '\n')
            line = i + 1;
    printf("# %.*s:\n#   got  %.*s\n#   want %.*s\n", (int)strcspn(wanted, "\n"), wanted,
           (int)strcspn(got + line, "\n"), got + line, (int)strcspn(wanted + line, "\n"), wanted + line);
    return false;
}

static bool replay(const struct source *source)
{
    size_t size = wanted_size();
    bool right = run_kept(source) & same(kept.text, size);
    wanted += size;
    return right;
}

static bool sweep_one(const struct source *source)
{
    size_t size = wanted_size(), got_size;
    char *got = NULL;
    FILE *file;
    bool right = true;
    if (counted++ % every == 0) {
        file = open_memstream(&got, &got_size);
        right = sweep(source, file);
        fclose(file);
        right &= same(got, size);
        free(got);
    }
    wanted += size;
    return right;
}

static bool starve_one(const struct source *source)
{
    const char *wrong = counted++ % every == 0 ? starve(source) : NULL;
    if (wrong != NULL)
        printf("# %.*s, allocation %ld%s: %s\n", (int)strcspn(kept.text, "\n"), kept.text, orders.fail_at,
               orders.fail_on ? " and all after it" : "", wrong);
    memset(&orders, 0, sizeof orders);
    return wrong == NULL;
}

static const char *file_name;

static void check_file(const char *ending, bool (*what)(const struct source *source))
{
    const char *text = read_beside(file_name, ".prog"), *recorded = ending != NULL ? read_beside(file_name, ending) : "";
    wanted = recorded;
    counted = 0;
    (void)for_each(file_name, text, check_source);
    CHECK(for_each(file_name, text, what));
    CHECK_STR(wanted, "");
    free((void *)(uintptr_t)text);
    if (ending != NULL)
        free((void *)(uintptr_t)recorded);
}

TEST(test_traces) { check_file(".trace", replay); }
TEST(test_cancelled_everywhere) { check_file(".sweep", sweep_one); }
TEST(test_every_allocation_fails) { check_file(NULL, starve_one); }

static void run_about(void (*test)(void), const char *what)
{
    char name[300];
    snprintf(name, sizeof name, "%s: %s", file_name, what);
    tap_run(test, name);
}

static void test_file(const char *name)
{
    bool all = getenv("PROGRAMS") != NULL && strcmp(getenv("PROGRAMS"), "all") == 0;
    file_name = name;
    run_about(test_traces, "traces");
    every = all ? 1 : EVERY_SWEPT;
    run_about(test_cancelled_everywhere, "every task cancelled in every iteration");
    every = all ? 1 : EVERY_STARVED;
    run_about(test_every_allocation_fails, "every allocation fails");
}

int main(void)
{
    const char *here = __FILE__, *slash = strrchr(here, '/');
    DIR *directory;
    struct dirent *entry;
    sprintf(path, "%.*sprograms/", slash != NULL ? (int)(slash + 1 - here) : 0, here);
    name_in_path = path + strlen(path);
    directory = opendir(path);
    if (directory == NULL) {
        perror(path);
        return 1;
    }
    keep_trace();
    while ((entry = readdir(directory)) != NULL)
        if (strstr(entry->d_name, ".prog") != NULL)
            test_file(entry->d_name);
    closedir(directory);
    fclose(kept.file);
    free(kept.text);
    return tap_end();
}
