/* SPDX-License-Identifier: MIT
 *
 * The programs of tests/programs (see its README.md) by the interpreter in C: as they are, with every task cancelled in
 * every iteration, and with every allocation failing. What must come out is what CPython 3.14 recorded beside them. Of
 * the last two only a part, for they take time; with PROGRAMS=all in the environment all.
 */
#include <stddef.h>
#ifndef ASYNCIO_POISON
#define ASYNCIO_POISON 0 /* would take half of the time */
#endif
#include "oracle/runs.h"
#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tap.h"

enum { EVERY_SWEPT = 6, EVERY_STARVED = 50 };

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
    bool right = run_kept(source);
    if (ASYNCIO_THREADS || strncmp(kept.text, "program threadsafe_", 19) != 0)
        right &= same(kept.text, size); /* without threads the loop takes threadsafe for an interrupt's, and later */
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

/* What the check of a text says, in a process of its own; answers its status. */
static int complain(const char *text, char *said, size_t size)
{
    int ends[2], status = 0;
    size_t used = 0;
    ssize_t got;
    pid_t child;
    fflush(NULL);
    if (pipe(ends) != 0 || (child = fork()) < 0)
        return -1;
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)for_each("p", text, check_source);
        _exit(0);
    }
    close(ends[1]);
    while (used + 1 < size && (got = read(ends[0], said + used, size - 1 - used)) > 0)
        used += (size_t)got;
    said[used] = '\0';
    close(ends[0]);
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Those that interpret.py refuses with the same words. */
TEST(test_what_is_no_program)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"\n \t\r\n# nothing\n", ""},
        {"task t\n", "p:1: program NAME\n"},
        {"program\n", "p:1: program NAME\n"},
        {"program a b\n", "p:1: program NAME\n"},
        {"\nprogram a\ntask t\n", "p:3: main does not belong here\n"},
        {"program a\ndef main\nend\nprogram b\ndef main\nlog x\n", "p:6: end is missing\n"},
        {"program a\ndef main\nend\nend\n", "p:4: no declaration: end\n"},
        {"program a\ndef main\nend x\n", "p:3: too many words: end x\n"},
        {"program a\r\ndef main\r\nlog x\r\nend\r\n", ""},
        {"program a\ndef main\nend", ""},
        {"program a\ntask t t\ndef main\nend\n", "p:2: t: declared twice\n"},
        {"program a\ntask self\ndef main\nend\n", "p:2: self cannot be a name\n"},
        {"program a\nbarrier b 0\ndef main\nend\n", "p:2: 0 is too small\n"},
        {"program a\nsemaphore s\ndef main\nend\n", "p:2: a number is missing\n"},
        {"program a\nnumber n 2147483648\ndef main\nend\n", "p:2: 2147483648 has more than 32 bits\n"},
        {"program a\ndef main\nawait sleep:99999999999999999999\nend\n",
         "p:3: 99999999999999999999 has more than 32 bits\n"},
        {"program a\ndef main\nfly\nend\n", "p:3: no statement: fly\n"},
        {"program a\ndef main\nawait t\nend\n", "p:3: t does not belong here\n"},
        {"program a\ndef main\nawait\nend\n", "p:3: a word is missing\n"},
        {"program a\ndef main\nreturn 1 2\nend\n", "p:3: too many words: return 1 2\n"},
        {"program a\ntask t\ndef main\nspawn t\nend\n", "p:4: a word is missing\n"},
        {"program a\ndef main\nbreak\nend\n", "p:3: no loop around it\n"},
        {"program a\ndef main\nreraise\nend\n", "p:3: no except around it\n"},
        {"program a\ndef main\nelse\nend\n", "p:3: else does not belong here\n"},
        {"program a\ndef main\ntry\nend\nend\n", "p:4: except or finally\n"},
        {"program a\ndef main\nraise E0\nend\n", "p:3: E0 is no error\n"},
        {"program a\ndef main\nif 1 > 2\nend\nend\n", "p:3: == or <\n"},
        {"program a\ncallback c\nawait sleep:1\nend\ndef main\nend\n", "p:3: await in a callback\n"},
    };
    char said[512];
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = complain(cases[i][0], said, sizeof said);
        CHECK_STR(said, cases[i][1]);
        CHECK_EQ(status, *cases[i][1] != '\0' ? 2 : 0);
    }
}

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
    RUN(test_what_is_no_program);
    while ((entry = readdir(directory)) != NULL)
        if (strstr(entry->d_name, ".prog") != NULL)
            test_file(entry->d_name);
    closedir(directory);
    fclose(kept.file);
    free(kept.text);
    return tap_end();
}
