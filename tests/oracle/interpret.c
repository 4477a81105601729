/* SPDX-License-Identifier: MIT
 *
 * interpret.c - runs programs of the language in tests/programs/README.md as coroutines of this library, in virtual
 * time, and prints their traces; tests/oracle/interpret.py does the same with CPython's asyncio.
 *
 *     interpret [FILE...]                        without a file: stdin
 *     interpret --cancel TICK NUMBER [FILE...]   in this iteration the NUMBER-th unfinished task is cancelled
 *     interpret --sweep [FILE...]                every task in every iteration: hashes instead of traces
 *     interpret --fail N [FILE...]               the N-th allocation of each program fails
 *     interpret --fail-from N [FILE...]          and all after it
 *     interpret --starve [FILE...]               every allocation, alone and with all after it: prints what is wrong
 *
 * Its status is 1 if something is wrong, such as memory that a program leaves behind, and 2 if one is no program.
 *
 * program.h has the parser, world.h the statements that do not await, awaits.h those that do, runs.h the rest.
 */
#include <stddef.h>
#include "runs.h"

static bool sweep_to_stdout(const struct source *source) { return sweep(source, stdout); }

static bool starve_and_say(const struct source *source)
{
    const char *wrong = starve(source);
    if (wrong == NULL)
        return true;
    printf("%.*s, allocation %ld%s: %s\n", (int)strcspn(kept.text, "\n"), kept.text, orders.fail_at,
           orders.fail_on ? " and all after it" : "", wrong);
    return false;
}

static bool run_file(const char *path, bool (*what)(const struct source *source))
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *text;
    bool right;
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    text = read_all(file, path);
    if (file != stdin)
        fclose(file);
    (void)for_each(path, text, check_source);
    right = for_each(path, text, what);
    free(text);
    return right;
}

/* Reads the options; answers how many words they are, or 0 if they are none. */
static int read_options(int count, char **words, bool (**what)(const struct source *source))
{
    if (count == 0 || strncmp(words[0], "--", 2) != 0)
        return 0;
    if (strcmp(words[0], "--sweep") == 0 || strcmp(words[0], "--starve") == 0) {
        keep_trace();
        *what = words[0][3] == 'w' ? sweep_to_stdout : starve_and_say;
        return 1;
    }
    if (count > 1 && (strcmp(words[0], "--fail") == 0 || strcmp(words[0], "--fail-from") == 0)) {
        orders.fail_at = atol(words[1]);
        orders.fail_on = words[0][6] != '\0';
        return 2;
    }
    if (count > 2 && strcmp(words[0], "--cancel") == 0) {
        orders.tick = (unsigned)atoi(words[1]);
        orders.number = (unsigned)atoi(words[2]);
        return 3;
    }
    fprintf(stderr, "interpret: see the top of interpret.c for its options\n");
    exit(2);
}

int main(int argc, char **argv)
{
    bool (*what)(const struct source *source) = run_source;
    bool right = true;
    int i = 1;
    trace = stdout;
    i += read_options(argc - 1, argv + 1, &what);
    if (i == argc)
        right = run_file("-", what);
    for (; i < argc; i++)
        right &= run_file(argv[i], what);
    if (kept.file != NULL) {
        fclose(kept.file);
        free(kept.text);
    }
    return !right;
}
