/* SPDX-License-Identifier: MIT
 *
 * runs.h - runs programs and files of them: as they are, with a task cancelled from outside, with an allocation that
 * fails; and all of these in turn.
 */
#ifndef RUNS_H
#define RUNS_H

#include "awaits.h"

/* ---- What a run is to be like ---- */

enum { TICKS = 4096 }; /* of a program: those after are not swept; STEPS and CALLS keep it far below */

static struct {
    unsigned tick, number; /* cancel: in this iteration the number-th unfinished task; 0: none */
    bool watched;          /* count the unfinished tasks of each iteration; also if one is cancelled */
    long fail_at;          /* this allocation fails; 0: none */
    bool fail_on;          /* and all that come after it */
} orders;

static struct {
    long blocks, allocations;
    bool failed;                 /* an allocation, as ordered */
    unsigned ticks;              /* the last iteration with an unfinished task */
    unsigned char alive[TICKS];  /* how many there were in each; at most 255 are swept */
} seen;

static void *count_malloc(size_t size)
{
    bool fails = ++seen.allocations == orders.fail_at ||
                 (orders.fail_on && orders.fail_at > 0 && seen.allocations > orders.fail_at);
    void *memory = fails ? NULL : malloc(size);
    seen.failed |= fails;
    seen.blocks += memory != NULL;
    return memory;
}
static void count_free(void *memory)
{
    seen.blocks -= memory != NULL;
    free(memory);
}

/* ---- Cancelled from outside ---- */

static void cancel_as_ordered(void)
{
    asyncio_task *tasks[255];
    size_t count = asyncio_all_tasks(world.loop, tasks, 255);
    unsigned tick = world.loop->ticks;
    char buffer[32];
    if (tick < TICKS && count > 0) {
        seen.alive[tick] = (unsigned char)(count < 255 ? count : 255);
        seen.ticks = tick;
    }
    if (tick != orders.tick || orders.number == 0 || orders.number > count)
        return;
    say_where(NULL);
    fprintf(trace, "sweep %s", name_of(tasks[orders.number - 1], buffer));
    fprintf(trace, " = %s\n", asyncio_task_cancel(tasks[orders.number - 1], "swept") ? "True" : "False");
}

/* While the loop waits, at the place where CPython's calls select(). */
static void watched_wait(asyncio_loop *loop, asyncio_time timeout)
{
    asyncio_time when;
    cancel_as_ordered();
    if (asyncio_loop_next_deadline(loop, &when) && when <= asyncio_loop_time(loop))
        asyncio_virtual_port.wait(loop, 0);
    else if (timeout >= 0)
        asyncio_virtual_port.wait(loop, timeout);
    else
        asyncio_loop_remove_source(loop); /* this iteration was to find out: it is a deadlock */
}

/* ---- Reports ---- */

static void add_unread(struct unread **list, const asyncio_exception_context *context)
{
    struct unread *unread = (struct unread *)make_room(sizeof *unread);
    char buffer[32];
    const char *name = "?";
    if (context->task != NULL) {
        name = name_of(context->task, buffer);
        unread->serial = call_of(context->task)->serial;
    } else {
        const struct future *made = world.futures;
        while (made != NULL && made->future != context->future)
            made = made->next;
        if (made != NULL) {
            name = made->name;
            unread->serial = made->serial;
        }
        unread->future = context->future;
    }
    if (context->err != 0)
        snprintf(unread->text, sizeof unread->text, "%s %s", name, error_text(context->err, context->detail));
    else
        snprintf(unread->text, sizeof unread->text, "%s", name);
    while (*list != NULL && (((*list)->future == NULL && unread->future != NULL) ||
                             (!(*list)->future == !unread->future && (*list)->serial < unread->serial)))
        list = &(*list)->next;
    unread->next = *list;
    *list = unread;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), length = strlen(end);
    return size >= length && strcmp(text + size - length, end) == 0;
}

/* The exception handler. */
static void on_report(asyncio_loop *loop, const asyncio_exception_context *context, void *arg)
{
    const char *message = context->message;
    (void)arg;
    if (world.reports) {
        say_where(NULL);
        fprintf(trace, context->err != 0 ? "! %s %s\n" : "! %s\n", message, error_text(context->err, 0));
    } else if (ends_with(message, "exception was never retrieved")) {
        add_unread(&world.unread, context);
    } else if (ends_with(message, "exception in shielded future") ||
               ends_with(message, "during asyncio.run() shutdown")) {
        say_where(NULL);
        fprintf(trace, "! %s %s\n", message, error_text(context->err, context->detail));
    } else if (strstr(message, "but it is pending") != NULL) {
        add_unread(&world.unfinished, context);
    } else if (context->err == ASYNCIO_EDEADLOCK) {
        if (world.watched)
            asyncio_loop_add_source(loop); /* for the next run */
        else
            world.idle++;
    } else if (context->err == ASYNCIO_ENOMEM) {
        world.told = true;
    } else if (context->err != 0 && !ends_with(message, "outside of its TaskGroup's block")) { /* it has an outcome */
        asyncio_default_exception_handler(loop, context, NULL);
    }
}

/* ---- Begin and end ---- */

static int compare_by_tens(const void *a, const void *b)
{
    return *(const int *)a / 10 - *(const int *)b / 10;
}

static void make_object(struct name *name)
{
    size_t size = name->number > 0 ? (size_t)name->number : 0;
    struct future *made;
    switch (name->kind) {
    case FUTURE:
        made = new_future(name);
        made->future = asyncio_future_new(world.loop);
        if (made->future != NULL)
            put_future(name, made);
        else
            fprintf(trace, "future %s ! MemoryError\n", name->text);
        break;
    case GROUP:
        name->is.group = (struct group *)make_room(sizeof *name->is.group);
        asyncio_taskgroup_init(&name->is.group->group);
        break;
    case TIMEOUT:
        name->is.timeout = (asyncio_timeout *)make_room(sizeof *name->is.timeout);
        asyncio_timeout_init_none(name->is.timeout);
        break;
    case CONDITION:
        asyncio_condition_init(&name->is.condition, name->lock != NULL ? &name->lock->is.lock : NULL);
        break;
    case SEMAPHORE:
        (void)asyncio_semaphore_init(&name->is.semaphore, name->number);
        break;
    case BOUNDED:
        (void)asyncio_bounded_semaphore_init(&name->is.semaphore, name->number);
        break;
    case BARRIER:
        (void)asyncio_barrier_init(&name->is.barrier, name->number);
        break;
    case QUEUE:
        asyncio_queue_init_heap(&name->is.queue, sizeof(int), size);
        break;
    case LIFO:
        asyncio_lifo_queue_init_heap(&name->is.queue, sizeof(int), size);
        break;
    case PRIORITY:
        asyncio_priority_queue_init_heap(&name->is.queue, sizeof(int), size, compare_by_tens);
        break;
    case VAR:
        name->is.var.name = name->text;
        name->is.var.default_value = name->number;
        break;
    default: /* zeroed storage is an unlocked lock, an event that is not set, an empty slot */
        break;
    }
}

/* The loop is closed: what was made and outlives it is given up. */
static void end_world(void)
{
    struct future *made;
    struct name *name;
    for (; world.armed != NULL; world.armed = world.armed->next)
        asyncio_handle_cancel(&world.armed->handle);
    for (; world.iterators != NULL; world.iterators = world.iterators->next)
        asyncio_as_completed_close(&world.iterators->iterator);
    for (; world.shields != NULL; world.shields = world.shields->next)
        asyncio_shield_close(&world.shields->shield);
    for (made = world.futures; made != NULL; made = made->next) {
        if (made->members != NULL)
            asyncio_gather_close(&made->gather);
        else
            asyncio_future_release(made->future);
    }
    for (name = world.names; name != NULL; name = name->next) {
        if (BIT(name->kind) & QUEUES)
            asyncio_queue_close(&name->is.queue);
        else if (name->kind == CONTEXT)
            asyncio_context_release(name->is.context);
    }
}

/* ---- One program ---- */

static void say_end(int err, asyncio_value value)
{
    const struct unread *unread;
    if (err == 0)
        fprintf(trace, "run = %lld\n", (long long)value);
    else if (err == ASYNCIO_EDEADLOCK)
        fprintf(trace, "run deadlock\n");
    else
        fprintf(trace, "run ! %s\n", error_text(err, value));
    for (unread = world.unfinished; unread != NULL; unread = unread->next)
        fprintf(trace, "unfinished %s\n", unread->text);
    for (unread = world.unread; unread != NULL; unread = unread->next)
        fprintf(trace, "unread %s\n", unread->text);
}

static void run_main(struct name *names, asyncio_value *value)
{
    struct awaitable main_function = {.kind = AWAIT_CALL};
    struct name *name;
    int err;
    asyncio_set_exception_handler(world.loop, on_report, NULL);
    asyncio_set_task_factory(world.loop, make_task);
    if (world.watched)
        asyncio_loop_add_source(world.loop);
    for (name = names; name != NULL; name = name->next) {
        make_object(name);
        if (strcmp(name->text, "main") == 0)
            main_function.object = name;
    }
    err = asyncio_runner_run(&world.runner, new_call(&main_function, 0), value);
    if (err == ASYNCIO_ECANCELLED && world.main != NULL)
        *value = asyncio_future_detail(asyncio_task_future(world.main));
    (void)asyncio_runner_close(&world.runner);
    end_world();
    say_end(err, *value);
}

/* Runs it as asyncio_run would. Answers whether it left nothing behind. */
static bool run_program(struct name *names, const char *title)
{
    asyncio_port port = asyncio_virtual_port;
    asyncio_run_options options = {.port = &asyncio_virtual_port};
    asyncio_value value = 0;
    if (orders.watched || orders.number > 0) {
        port.wait = watched_wait;
        options.port = &port;
    }
    memset(&world, 0, sizeof world);
    memset(&seen, 0, sizeof seen);
    world.names = names;
    world.steps = STEPS;
    world.calls = CALLS;
    world.watched = options.port == &port;
    fprintf(trace, "program %s\n", title);
    asyncio_runner_init(&world.runner, &options);
    world.loop = asyncio_runner_get_loop(&world.runner);
    if (world.loop != NULL)
        run_main(names, &value);
    else
        say_end(ASYNCIO_ENOMEM, 0);
    asyncio__free_all(); /* with ASYNCIO_FREELIST: what was given back since the loop's close */
    if (seen.blocks != 0)
        fprintf(stderr, "%s: %ld blocks left\n", title, seen.blocks);
    return seen.blocks == 0;
}

/* ---- The text of a program, which can be run again and again ---- */

struct source {
    const char *file, *text;
    size_t size;
    int line; /* how many are before it */
};

static struct name *parse_source(const struct source *source, struct parser *parser)
{
    char *text = (char *)make_room(source->size + 1);
    memcpy(text, source->text, source->size);
    read_program(parser, source->file, text, source->line);
    return parse_program(parser);
}

static bool run_source(const struct source *source)
{
    struct parser parser;
    struct name *names = parse_source(source, &parser);
    bool clean = run_program(names, parser.program);
    free_rooms();
    return clean;
}

/* Ends the process if it is none. */
static bool check_source(const struct source *source)
{
    struct parser parser;
    (void)parse_source(source, &parser);
    free_rooms();
    return true;
}

static bool begins_program(const char *line)
{
    line += strspn(line, BLANKS);
    return strncmp(line, "program", 7) == 0 && strchr(BLANKS "\n#", line[7]) != NULL;
}

/* The next program of a text, with what is before the first one; false at its end. */
static bool next_source(struct source *source)
{
    const char *end = source->text + source->size;
    bool begun = false, blank = true;
    for (; source->text < end; source->text++)
        source->line += *source->text == '\n';
    for (; *end != '\0' && !(begun && begins_program(end)); end += *end == '\n') {
        begun |= begins_program(end);
        blank &= strchr("#\n", end[strspn(end, BLANKS)]) != NULL;
        end += strcspn(end, "\n");
    }
    source->size = (size_t)(end - source->text);
    return !blank;
}

/* What `what` answers, of all programs of a text. */
static bool for_each(const char *file, const char *text, bool (*what)(const struct source *source))
{
    struct source source = {file, text, 0, 0};
    bool all = true;
    while (next_source(&source))
        all &= what(&source);
    return all;
}

/* ---- Runs whose trace is kept ---- */

static struct {
    FILE *file;
    char *text;
    size_t size;
} kept;

static void keep_trace(void)
{
    kept.file = open_memstream(&kept.text, &kept.size);
    if (kept.file == NULL)
        abort();
    trace = kept.file;
}

/* Runs it; the trace is in `kept`. */
static bool run_kept(const struct source *source)
{
    bool clean;
    rewind(kept.file);
    clean = run_source(source);
    fputc('\0', kept.file);
    fflush(kept.file);
    kept.size = strlen(kept.text);
    return clean;
}

static uint64_t hash_kept(uint64_t hash) /* FNV-1a */
{
    size_t i;
    for (i = 0; i < kept.size; i++)
        hash = (hash ^ (unsigned char)kept.text[i]) * 0x100000001b3u;
    return hash;
}

/* Writes a line for each iteration that has unfinished tasks: its number, theirs, and the hash of what comes of
 * cancelling each of them then. */
static bool sweep(const struct source *source, FILE *out)
{
    static unsigned char alive[TICKS];
    unsigned ticks;
    bool clean;
    memset(&orders, 0, sizeof orders);
    orders.watched = true;
    clean = run_kept(source);
    ticks = seen.ticks;
    memcpy(alive, seen.alive, sizeof alive);
    fprintf(out, "%.*s\n", (int)strcspn(kept.text, "\n"), kept.text);
    for (orders.tick = 1; orders.tick <= ticks; orders.tick++) {
        uint64_t hash = 0xcbf29ce484222325u;
        for (orders.number = 1; orders.number <= alive[orders.tick]; orders.number++) {
            clean &= run_kept(source);
            hash = hash_kept(hash);
        }
        if (alive[orders.tick] > 0)
            fprintf(out, "%u %d %016llx\n", orders.tick, alive[orders.tick], (unsigned long long)hash);
    }
    memset(&orders, 0, sizeof orders);
    return clean;
}

/* A failure must be seen if it changes anything. A shield without memory for its report leaves the error to be unread. */
static bool is_told(uint64_t plain)
{
    return hash_kept(0) == plain || world.told || strstr(kept.text, "MemoryError") != NULL ||
           strstr(kept.text, "\nunread ") != NULL;
}

/* Every allocation fails: alone, then with all after it. Says what is wrong with it, or NULL. */
static const char *starve(const struct source *source)
{
    const char *wrong = NULL;
    uint64_t plain;
    memset(&orders, 0, sizeof orders);
    (void)run_kept(source);
    plain = hash_kept(0);
    do {
        orders.fail_at += orders.fail_on || orders.fail_at == 0;
        orders.fail_on = !orders.fail_on;
        if (!run_kept(source))
            wrong = "leaks";
        else if (!is_told(plain))
            wrong = "says nothing";
    } while (wrong == NULL && (seen.failed || orders.fail_on));
    return wrong;
}

#endif
