/* SPDX-License-Identifier: MIT
 *
 * probe.c - which of these TCP ports are open? cc -I. examples/probe.c -o probe
 *
 *     $ probe -j 20 -t 0.5 localhost:22 '[::1]:80' 192.0.2.7:443
 *     TARGET         ADDRESS    STATE          MS
 *     localhost:22   127.0.0.1  open          0.1
 *     [::1]:80       ::1        refused       0.1
 *     192.0.2.7:443  192.0.2.7  timeout     500.2
 *
 * A task for every target, all in one TaskGroup; a Semaphore lets N of them probe at the same time, each under a
 * timeout. Ctrl-C cancels main, and so the group's tasks: their sockets are closed by their FINALLY parts, and the table
 * shows what was known by then.
 */
#define HASH_FUNCTION HASH_FNV /* uthash's default warns with clang -Wimplicit-fallthrough */
#include "asyncio.h"
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uthash.h>

#define MAX_JOBS 1000 /* select() cannot watch descriptors above 1023 */
#define MAX_TARGET 300
#define PENDING (-1) /* no outcome yet; errors are positive, 0 is open */

enum { EXIT_ALL_OPEN = 0, EXIT_DOWN = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

struct target {
    char *text;                 /* as the user wrote it */
    char place[32];             /* where: "line 3" */
    struct addrinfo *addresses; /* NULL: see resolve_error */
    int resolve_error;          /* of getaddrinfo */
    const struct addrinfo *tried;
    int outcome;
    double ms;
    UT_hash_handle hh; /* by text; uthash keeps the order in which they were added */
};

struct probe {
    struct target *targets;
    asyncio_semaphore slots;
    int jobs, finished;
    double seconds;
    bool bad_input, progress;
};

static const char help[] =
    "Usage: probe [-j N] [-t SECONDS] [HOST:PORT ... | -]\n"
    "Tells which TCP ports are open, probing many at the same time.\n"
    "\n"
    "  -j, --jobs=N           probe N targets at the same time, 1 to 1000 (default: 50)\n"
    "  -t, --timeout=SECONDS  give up on a target after this time, fractions allowed (default: 3)\n"
    "  -h, --help             show this help\n"
    "\n"
    "Targets are host:port, 192.0.2.7:80 or [2001:db8::1]:80. Without any, or for -, they are read from standard\n"
    "input, one a line; blank lines and what follows a # are ignored. A target given twice is probed once. All names\n"
    "are looked up before the first probe, one after the other. A name with several addresses is open if one of them\n"
    "is; the table shows the address that was tried last.\n"
    "\n"
    "Exit status: 0 if all are open, 1 if not, 2 for bad usage or input (the rest is probed), 130 after Ctrl-C.\n";

/* ---- Input ---- */

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "probe: %s: %s\n", what, why);
    exit(EXIT_USAGE);
}

static void *checked(void *memory)
{
    if (memory == NULL)
        fail("memory", "out of memory");
    return memory;
}

/* Says what is wrong with an input; quotes it in a way that does no harm to a terminal. */
static void reject(struct probe *probe, const char *place, const char *text, const char *why)
{
    int shown;
    fprintf(stderr, "probe: %s: %s: \"", place, why);
    for (shown = 0; text[shown] != '\0' && shown < 60; shown++)
        fputc(text[shown] >= ' ' && text[shown] <= '~' ? text[shown] : '?', stderr);
    fprintf(stderr, "%s\"\n", text[shown] != '\0' ? "..." : "");
    probe->bad_input = true;
}

/* No blanks, no control characters, nothing beyond ASCII: names with letters of other scripts are given as xn--. */
static bool is_plain(const char *text)
{
    while (*text > ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

/* Cuts "host:port" or "[address]:port" in two. Returns NULL, or what is wrong with it. */
static const char *split(char *text, char **host, char **port)
{
    char *end = strrchr(text, ':');
    if (*text == '[') {
        char *bracket = strchr(text, ']');
        if (bracket == NULL)
            return "no ']' after the address";
        *bracket = '\0';
        *host = text + 1;
        end = bracket + 1;
        if (*end != ':')
            return "no :PORT after the ']'";
    } else {
        if (end == NULL)
            return "no :PORT after the host";
        if (end != strchr(text, ':'))
            return "an IPv6 address needs brackets, as in [::1]:80";
        *host = text;
    }
    *end = '\0';
    *port = end + 1;
    if (**host == '\0')
        return "no host before the port";
    if (**port == '\0')
        return "no port after the ':'";
    if ((*port)[strspn(*port, "0123456789")] != '\0')
        return "the port is not a number";
    if (strtol(*port, NULL, 10) < 1 || strtol(*port, NULL, 10) > 65535)
        return "the port is not within 1 to 65535";
    return NULL;
}

static int resolve(const char *host, const char *port, struct addrinfo **addresses)
{
    struct addrinfo hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    return getaddrinfo(host, port, &hints, addresses);
}

static void add_target(struct probe *probe, const char *place, const char *text)
{
    char copy[MAX_TARGET + 1], *host, *port;
    const char *wrong;
    struct target *target;
    if (strlen(text) > MAX_TARGET)
        wrong = "too long";
    else if (!is_plain(text))
        wrong = "blank, control or non-ASCII character";
    else
        wrong = split(strcpy(copy, text), &host, &port);
    if (wrong != NULL) {
        reject(probe, place, text, wrong);
        return;
    }
    HASH_FIND_STR(probe->targets, text, target);
    if (target != NULL) {
        fprintf(stderr, "probe: %s: %s was given before (%s): probed once\n", place, text, target->place);
        return;
    }
    target = (struct target *)checked(calloc(1, sizeof *target));
    target->text = (char *)checked(strdup(text));
    strcpy(target->place, place);
    target->outcome = PENDING;
    target->resolve_error = resolve(host, port, &target->addresses);
    HASH_ADD_KEYPTR(hh, probe->targets, target->text, strlen(target->text), target);
    checked(target->hh.tbl);
}

/* What is left of a line without comment, line end and blanks around it. */
static char *trim(char *line)
{
    size_t size;
    line[strcspn(line, "#")] = '\0';
    line += strspn(line, " \t\r\n");
    for (size = strlen(line); size > 0 && strchr(" \t\r\n", line[size - 1]) != NULL; size--)
        line[size - 1] = '\0';
    return line;
}

static void read_lines(struct probe *probe)
{
    char *line = NULL, place[32];
    size_t room = 0;
    ssize_t size;
    int number;
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "probe: reading targets from the terminal, one a line\n");
    for (number = 1; (size = getline(&line, &room, stdin)) >= 0; number++) {
        snprintf(place, sizeof place, "line %d", number);
        if (strlen(line) != (size_t)size)
            reject(probe, place, line, "zero byte");
        else if (*trim(line) != '\0')
            add_target(probe, place, trim(line));
    }
    free(line);
    if (ferror(stdin))
        fail("standard input", strerror(errno));
}

static void read_targets(struct probe *probe, char **arguments, int count)
{
    char place[32];
    int i;
    if (count == 0)
        read_lines(probe);
    for (i = 0; i < count; i++) {
        snprintf(place, sizeof place, "argument %d", i + 1);
        if (strcmp(arguments[i], "-") == 0)
            read_lines(probe);
        else
            add_target(probe, place, arguments[i]);
    }
    if (probe->targets == NULL && !probe->bad_input)
        fail("input", "no targets");
}

/* A number from low to high, a whole one if `whole`; else the program ends. */
static double number_option(const char *option, const char *text, double low, double high, bool whole)
{
    char *end;
    double number = strtod(text, &end);
    bool valid = end != text && *end == '\0' && number >= low && number <= high;
    if (!valid || (whole && number != (double)(int)number)) {
        fprintf(stderr, "probe: %s: not a%s number from %g to %g: %s\nTry 'probe --help'.\n", option,
                whole ? " whole" : "", low, high, text);
        exit(EXIT_USAGE);
    }
    return number;
}

/* Returns the index of the first argument that is no option. */
static int read_options(struct probe *probe, int argc, char **argv)
{
    static const struct option options[] = {{"jobs", required_argument, NULL, 'j'},
                                            {"timeout", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "j:t:h", options, NULL)) != -1) {
        if (option == 'j') {
            probe->jobs = (int)number_option("-j", optarg, 1, MAX_JOBS, true);
        } else if (option == 't') {
            probe->seconds = number_option("-t", optarg, 0.001, 86400, false);
        } else if (option == 'h') {
            fputs(help, stdout);
            exit(EXIT_ALL_OPEN);
        } else {
            fputs("Try 'probe --help'.\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    return optind;
}

/* ---- Probing ---- */

/* A socket for an address, non-blocking; -1 and errno. */
static int open_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    int err = fd < 0 ? 0 : asyncio_set_nonblocking(fd);
    if (err == 0)
        return fd;
    close(fd);
    errno = err;
    return -1;
}

ASYNC(connect_to, const struct addrinfo *address; int fd;)
{
    ASYNC_BEGIN;
    self->fd = open_socket(self->address);
    if (self->fd < 0)
        ASYNC_RAISE(errno);
    ASYNC_AWAIT(asyncio_sock_connect(self->fd, self->address->ai_addr, self->address->ai_addrlen));
    ASYNC_FINALLY;
    if (self->fd >= 0)
        close(self->fd);
    ASYNC_END;
}

/* Tries the addresses of a target until one is open. Raises the error of the last one, or ASYNCIO_ETIMEOUT. */
ASYNC(connect_to_any, struct target *target; double seconds; asyncio_timeout limit; struct connect_to sub; int err;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout(self->seconds)) {
        self->target->tried = self->target->addresses;
        for (;;) {
            ASYNC_CATCH(self->err, ASYNC_IN(&self->sub, connect_to, .address = self->target->tried));
            if (self->err == 0 || self->target->tried->ai_next == NULL)
                break;
            self->target->tried = self->target->tried->ai_next;
        }
        if (self->err != 0)
            ASYNC_RAISE(self->err);
    }
    ASYNC_END;
}

static void show_progress(struct probe *probe)
{
    probe->finished++;
    if (probe->progress)
        fprintf(stderr, "\rprobed %d of %u", probe->finished, HASH_COUNT(probe->targets));
}

/* Waits for its turn, and notes the outcome in the target. Raises nothing but a cancellation from outside. */
ASYNC(probe_one, struct probe *probe; struct target *target; asyncio_held slot; asyncio_time start;
      struct connect_to_any sub; int err;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->slot, asyncio_semaphore_held(&self->probe->slots)) {
        self->start = asyncio_loop_time(asyncio_get_running_loop());
        ASYNC_CATCH(self->err, ASYNC_IN(&self->sub, connect_to_any, .target = self->target,
                                        .seconds = self->probe->seconds));
        self->target->outcome = self->err;
        self->target->ms =
            asyncio_to_seconds(asyncio_loop_time(asyncio_get_running_loop()) - self->start) * 1000.0;
        show_progress(self->probe);
    }
    ASYNC_END;
}

ASYNC(probe_all, struct probe *probe; struct target *target; asyncio_taskgroup group;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->group, asyncio_taskgroup()) {
        for (self->target = self->probe->targets; self->target != NULL;
             self->target = (struct target *)self->target->hh.next) {
            int err = 0;
            if (self->target->addresses != NULL)
                err = asyncio_taskgroup_create_task(
                    &self->group, ASYNC_NEW(probe_one, .probe = self->probe, .target = self->target));
            if (err != 0)
                ASYNC_RAISE(err);
        }
    }
    ASYNC_END;
}

/* ---- Output ---- */

static const char *state_of(const struct target *target)
{
    if (target->resolve_error != 0)
        return gai_strerror(target->resolve_error);
    switch (target->outcome) {
    case PENDING:
        return target->tried != NULL ? "interrupted" : "not probed";
    case 0:
        return "open";
    case ECONNREFUSED:
        return "refused";
    case ETIMEDOUT:
    case ASYNCIO_ETIMEOUT:
        return "timeout";
    case EHOSTUNREACH:
    case ENETUNREACH:
        return "unreachable";
    default:
        return asyncio_strerror(target->outcome);
    }
}

static const char *address_of(const struct target *target, char *buffer, size_t size)
{
    const struct addrinfo *tried = target->tried;
    if (tried == NULL ||
        getnameinfo(tried->ai_addr, tried->ai_addrlen, buffer, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0)
        return "-";
    return buffer;
}

static void widen(int *width, const char *text)
{
    if ((int)strlen(text) > *width)
        *width = (int)strlen(text);
}

static void print_table(const struct probe *probe)
{
    const struct target *target;
    char address[NI_MAXHOST], ms[32];
    int targets = 6, addresses = 7, states = 5;
    for (target = probe->targets; target != NULL; target = (const struct target *)target->hh.next) {
        widen(&targets, target->text);
        widen(&addresses, address_of(target, address, sizeof address));
        widen(&states, state_of(target));
    }
    if (probe->targets != NULL)
        printf("%-*s  %-*s  %-*s  %8s\n", targets, "TARGET", addresses, "ADDRESS", states, "STATE", "MS");
    for (target = probe->targets; target != NULL; target = (const struct target *)target->hh.next) {
        snprintf(ms, sizeof ms, "%.1f", target->ms);
        printf("%-*s  %-*s  %-*s  %8s\n", targets, target->text, addresses, address_of(target, address, sizeof address),
               states, state_of(target), target->outcome == PENDING ? "-" : ms);
    }
}

static bool all_open(const struct probe *probe)
{
    const struct target *target;
    for (target = probe->targets; target != NULL; target = (const struct target *)target->hh.next)
        if (target->outcome != 0)
            return false;
    return true;
}

static void free_targets(struct probe *probe)
{
    struct target *target, *next;
    HASH_ITER(hh, probe->targets, target, next) {
        HASH_DEL(probe->targets, target);
        if (target->addresses != NULL)
            freeaddrinfo(target->addresses);
        free(target->text);
        free(target);
    }
}

/* ---- The program ---- */

/* Every probe has one socket open. A limit that cannot be raised shows in the table. */
static void allow_descriptors(int count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= (rlim_t)count)
        return;
    limit.rlim_cur = limit.rlim_max < (rlim_t)count ? limit.rlim_max : (rlim_t)count;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int exit_status(const struct probe *probe, int err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        fail("standard output", strerror(errno));
    if (err == ASYNCIO_EINTERRUPT)
        return EXIT_INTERRUPTED;
    if (err != 0)
        fail("probing", asyncio_strerror(err));
    if (probe->bad_input)
        return EXIT_USAGE;
    return all_open(probe) ? EXIT_ALL_OPEN : EXIT_DOWN;
}

int main(int argc, char **argv)
{
    struct probe probe;
    int first, err, status;
    memset(&probe, 0, sizeof probe);
    probe.jobs = 50;
    probe.seconds = 3;
    first = read_options(&probe, argc, argv);
    read_targets(&probe, argv + first, argc - first);
    probe.progress = isatty(STDERR_FILENO);
    (void)asyncio_semaphore_init(&probe.slots, probe.jobs);
    allow_descriptors(probe.jobs + 16);
    err = asyncio_run(ASYNC_NEW(probe_all, .probe = &probe), .quiet = true);
    if (probe.progress)
        fprintf(stderr, "\r\033[K");
    print_table(&probe);
    status = exit_status(&probe, err);
    free_targets(&probe);
    return status;
}
