/* SPDX-License-Identifier: MIT
 *
 * world.h - what a program's statements work on: its objects, the trace, and every statement that does not await.
 */
#ifndef WORLD_H
#define WORLD_H

#include "program.h"

enum { UNIT = 64, STEPS = 2000, CALLS = 200 };

/* How a statement leaves: NORMAL goes on with the next one. RAISE: err and detail are in the scope. */
enum flow { NORMAL, BREAK, CONTINUE, LEAVE, RAISE };

/* A call of a function or a callback. */
struct scope {
    int arg, last, result;
    asyncio_future *item;      /* of the innermost as_completed */
    const asyncio_try *caught; /* by the innermost except clause */
    int err;
    asyncio_value detail;
};

/* What a gather, a wait or an as_completed is about. */
struct members {
    asyncio_child children[MEMBERS];
    asyncio_future *futures[MEMBERS];
    struct future *gathers[MEMBERS]; /* those among them that are a gather themselves */
    int count;
};

/* A Future as made. */
struct future {
    struct future *next;
    const char *name;
    asyncio_future *future;
    asyncio_gather gather;
    struct members *members; /* NULL: no gather */
    bool return_exceptions;
    unsigned serial, seen;
};

/* A callback that was given to the loop or to a Future. */
struct armed {
    struct armed *next;
    asyncio_handle handle;
    bool is_timer;
};

struct group {
    asyncio_taskgroup group;
    asyncio_taskgroup_error *parts; /* of the ExceptionGroup that its block was left with: the group's own end with the */
    size_t count;                   /* task that it was in */
};

/* What a task's await, wait_for or gather statement waits for; see leads_to. */
struct note {
    asyncio_future *on[MEMBERS];
    int count;
    struct members *gather;
    bool starts_eagerly;
};

struct as_completed {
    struct as_completed *next;
    asyncio_as_completed iterator;
    struct members members;
};

struct shield {
    struct shield *next;
    asyncio_shield shield;
};

struct unread {
    struct unread *next;
    const asyncio_future *future; /* NULL: a task's */
    unsigned serial;
    char text[160];
};

static FILE *trace;

static struct {
    asyncio_runner runner;
    asyncio_loop *loop;
    struct name *names;
    int steps, calls;
    bool eager;
    unsigned serial;       /* of the newest task or Future */
    unsigned search;       /* of the newest look for a circle */
    bool watched;          /* see runs.h */
    bool reports;          /* see `report` */
    bool told;             /* of an allocation that failed */
    unsigned idle;         /* deadlocks: for CPython, each is an iteration; here only if nobody watches */
    long names_before;     /* of the last task of the program before */
    asyncio_task *main;
    struct future *futures; /* newest first */
    struct armed *armed;
    struct as_completed *iterators;
    struct shield *shields;
    struct unread *unfinished, *unread;
} world;

/* A program's value, its argument or that of an awaitable, and all that a task must be known by. */
ASYNC_DECLARE(call, const struct name *function; const struct awaitable *what; struct scope *caller; struct scope scope;
              int arg; unsigned serial, seen; const struct note *note; int err; asyncio_value value;);

static struct call *call_of(asyncio_task *task)
{
    return (struct call *)(void *)asyncio_task_get_coro(task);
}

/* ---- The trace ---- */

/* `buffer`: 32 bytes. Names that asyncio made count from main's. */
static const char *name_of(asyncio_task *task, char *buffer)
{
    const char *text = asyncio_task_get_name(task, buffer);
    long number;
    if (strncmp(text, "Task-", 5) != 0)
        return text;
    number = atol(text + 5);
    if (task == world.main)
        world.names_before = number - 1;
    sprintf(buffer, "Task-%ld", number - world.names_before);
    return buffer;
}

/* In one of two buffers in turn. */
static const char *error_text(int err, asyncio_value detail)
{
    static char texts[2][80];
    static int turn;
    char *text = texts[turn ^= 1];
    if (err > ASYNCIO_EUSER && err < ASYNCIO_EUSER + 10)
        sprintf(text, "E%d", err - ASYNCIO_EUSER);
    else if (err == ASYNCIO_ECANCELLED && detail != 0 && *(const char *)detail != '\0')
        snprintf(text, sizeof texts[0], "CancelledError(%s)", (const char *)detail);
    else
        return asyncio_errname(err);
    return text;
}

static void say_where(asyncio_task *task)
{
    char buffer[32];
    fprintf(trace, "%u %lld %s ", (unsigned)world.loop->ticks + world.idle,
           (long long)(asyncio_loop_time(world.loop) / (ASYNCIO_TICKS_PER_SECOND / UNIT)),
           task != NULL ? name_of(task, buffer) : "-");
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list arguments;
    say_where(asyncio_current_task());
    va_start(arguments, format);
    vfprintf(trace, format, arguments);
    va_end(arguments);
    putc('\n', trace);
}

static void say_error(const struct statement *at, int err, asyncio_value detail)
{
    say("%s ! %s", at->text, error_text(err, detail));
}

static void say_done(const struct statement *at, int err)
{
    if (err != 0)
        say_error(at, err, 0);
    else
        say("%s = ok", at->text);
}

static void say_bool(const struct statement *at, bool value) { say("%s = %s", at->text, value ? "True" : "False"); }
static void say_number(const struct statement *at, long long value) { say("%s = %lld", at->text, value); }

/* ---- Operands ---- */

static int value_of(const struct scope *scope, const struct value *value)
{
    if (value->how == OF_NUMBER)
        return value->number->number;
    return value->how == ARGUMENT ? scope->arg : value->how == LAST ? scope->last : value->literal;
}

static double seconds_of(const struct scope *scope, const struct value *value)
{
    return (double)value_of(scope, value) / UNIT;
}

static asyncio_time time_of(const struct scope *scope, const struct when *when)
{
    asyncio_time time = (asyncio_time)value_of(scope, &when->value) * (ASYNCIO_TICKS_PER_SECOND / UNIT);
    return when->from_now ? asyncio_loop_time(world.loop) + time : time;
}

/* The task or Future in a slot, NULL if it is empty. */
static asyncio_future *future_of(const struct scope *scope, const struct slot *slot)
{
    asyncio_task *task = NULL;
    if (slot->how == ITEM)
        return scope->item;
    if (slot->how == NAMED && slot->name->kind == FUTURE)
        return slot->name->is.future != NULL ? slot->name->is.future->future : NULL;
    if (slot->how == SELF)
        task = asyncio_current_task();
    else if (slot->how == NAMED && slot->name->kind == TASK)
        task = slot->name->is.task;
    return task != NULL ? asyncio_task_future(task) : NULL;
}

static asyncio_task *task_of(const struct scope *scope, const struct slot *slot)
{
    return asyncio_future_task(future_of(scope, slot));
}

/* A context, or NULL if none is asked for. */
static asyncio_context *context_of(const struct statement *at)
{
    return at->context.how == NAMED ? at->context.name->is.context : NULL;
}

static bool slot_is_empty(const struct scope *scope, const struct slot *slot)
{
    if (slot->how == NOTHING)
        return false;
    if (slot->how == NAMED && slot->name->kind == HANDLE)
        return slot->name->is.handle == NULL;
    if (slot->how == NAMED && slot->name->kind == CONTEXT)
        return slot->name->is.context == NULL;
    if (slot->how == NAMED && slot->name->kind == TOKEN)
        return slot->name->is.token == NULL;
    if (slot->how == NAMED && slot->name->kind != TASK && slot->name->kind != FUTURE)
        return false;
    return future_of(scope, slot) == NULL;
}

/* The gather that this is, if it is one. A newer Future may have an older one's address. */
static struct future *gather_of(const asyncio_future *future)
{
    struct future *made;
    for (made = world.futures; made != NULL; made = made->next)
        if (made->future == future)
            return made->members != NULL ? made : NULL;
    return NULL;
}

/* ---- Limits and circles ---- */

static bool take_step(void)
{
    if (world.steps <= 0)
        return false;
    world.steps--;
    return true;
}

static bool take_calls(int count)
{
    if (world.calls < count)
        return false;
    world.calls -= count;
    return true;
}

static bool members_lead_to(const struct members *members, const asyncio_task *task);

/* Whether cancelling this would come to that task. Marks what it has seen. */
static bool leads_to(asyncio_future *future, const asyncio_task *target)
{
    asyncio_task *task = future != NULL ? asyncio_future_task(future) : NULL;
    struct future *gather;
    const struct note *note;
    int i;
    if (task == target)
        return task != NULL;
    if (future == NULL || asyncio_future_done(future))
        return false;
    if (task == NULL) {
        gather = gather_of(future);
        if (gather == NULL || gather->seen == world.search)
            return false;
        gather->seen = world.search;
        return members_lead_to(gather->members, target);
    }
    note = call_of(task)->note;
    if (note == NULL || call_of(task)->seen == world.search)
        return false;
    call_of(task)->seen = world.search;
    if (note->starts_eagerly)
        return true;
    for (i = 0; i < note->count; i++)
        if (leads_to(note->on[i], target))
            return true;
    return note->gather != NULL && members_lead_to(note->gather, target);
}

static bool members_lead_to(const struct members *members, const asyncio_task *task)
{
    int i;
    for (i = 0; i < members->count; i++)
        if (leads_to(members->children[i].future, task))
            return true;
    return false;
}

static bool makes_circle(const struct scope *scope, const struct statement *at)
{
    asyncio_task *task = asyncio_current_task();
    bool self_allowed = at->verb == DO_AWAIT || at->verb == DO_WAIT_FOR;
    int i;
    if (at->verb != DO_AWAIT && at->verb != DO_WAIT_FOR && at->verb != DO_GATHER && at->verb != DO_GATHER_ALL)
        return false;
    world.search++;
    for (i = 0; i < at->count; i++) {
        const struct awaitable *what = &at->words[i];
        asyncio_future *future;
        if (what->kind != AWAIT_X || what->shielded)
            continue;
        future = future_of(scope, &what->x);
        if (!(self_allowed && asyncio_future_task(future) == task) && leads_to(future, task))
            return true;
    }
    return false;
}

/* The checks that come before a statement. True: it says why it is skipped. */
static bool is_skipped(const struct scope *scope, const struct statement *at)
{
    bool empty = slot_is_empty(scope, &at->x) || slot_is_empty(scope, &at->context);
    int i, calls = 0;
    if (at->verb == DO_IF)
        return false;
    if (at->verb == DO_CONTEXT_OF && !empty)
        empty = asyncio_task_done(task_of(scope, &at->x)); /* this library has given it up then */
    for (i = 0; i < at->count; i++) {
        if (at->words[i].kind == AWAIT_X)
            empty |= slot_is_empty(scope, &at->words[i].x);
        calls += at->words[i].kind == AWAIT_CALL;
    }
    if (empty)
        say("%s empty", at->text);
    else if (makes_circle(scope, at))
        say("%s circle", at->text);
    else if (!take_calls(calls))
        say("%s limit", at->text);
    else
        return false;
    return true;
}

/* ---- Callbacks ---- */

static enum flow perform_all(struct scope *scope, const struct statement *at);

static void run_callback(const struct name *callback, const char *more)
{
    struct scope scope;
    if (!take_calls(1))
        return;
    memset(&scope, 0, sizeof scope);
    say("callback %s%s", callback->text, more);
    (void)perform_all(&scope, callback->body);
}
static void on_call(void *arg) { run_callback((const struct name *)arg, ""); }
static void on_done(asyncio_future *future, void *arg)
{
    run_callback((const struct name *)arg, asyncio_future_cancelled(future) ? " True" : " False");
}
static void do_nothing(void *arg) { (void)arg; }

static struct armed *new_armed(void)
{
    struct armed *armed = (struct armed *)make_room(sizeof *armed);
    armed->next = world.armed;
    return world.armed = armed;
}

static void arm_call(const struct scope *scope, const struct statement *at)
{
    struct armed *armed = new_armed();
    asyncio_context *context = context_of(at);
    int err;
    armed->is_timer = at->verb == DO_CALL_LATER || at->verb == DO_CALL_AT;
    if (at->verb == DO_CALL_LATER)
        err = asyncio_call_later_in_context(world.loop, &armed->handle, seconds_of(scope, &at->value), on_call,
                                            at->callback, context);
    else if (at->verb == DO_CALL_AT)
        err = asyncio_call_at_in_context(world.loop, &armed->handle, time_of(scope, &at->when), on_call, at->callback,
                                         context);
    else if (at->verb == DO_THREADSAFE)
        err = asyncio_call_soon_threadsafe(world.loop, &armed->handle, on_call, at->callback);
    else
        err = asyncio_call_soon_in_context(world.loop, &armed->handle, on_call, at->callback, context);
    if (at->object != NULL)
        at->object->is.handle = armed;
    say_done(at, err);
}

/* ---- Making tasks and Futures ---- */

/* The task factory: every task of a program is a `call`, and is counted here. */
static int make_task(asyncio_loop *loop, asyncio_root *root, const asyncio_task_options *options)
{
    struct call *call = (struct call *)(void *)root;
    int err;
    call->serial = ++world.serial;
    err = world.eager ? asyncio_eager_task_factory(loop, root, options) : asyncio_task_new(loop, root, options);
    if (err == 0 && world.main == NULL)
        world.main = asyncio_task_hold(*options->into);
    return err;
}

static asyncio_root *new_call(const struct awaitable *what, int arg)
{
    return ASYNC_NEW(call, .function = what->object, .arg = arg);
}

/* What children wait for: every word is evaluated before the first of them is started. `all`: the gather that takes each
 * before the next one starts, as asyncio_gather(...) does; or NULL. */
static void set_members(struct members *members, const struct scope *scope, const struct statement *at,
                        asyncio_gather *all)
{
    int args[MEMBERS], i;
    members->count = at->count;
    for (i = 0; i < at->count; i++) {
        const struct awaitable *what = &at->words[i];
        args[i] = value_of(scope, &what->value);
        members->futures[i] = what->kind == AWAIT_X ? future_of(scope, &what->x) : NULL;
        members->gathers[i] = what->kind == AWAIT_X ? gather_of(members->futures[i]) : NULL;
        if (members->futures[i] != NULL) /* one that starts eagerly may empty its slot */
            (void)asyncio_task_hold(asyncio_future_task(members->futures[i]));
    }
    for (i = 0; i < at->count; i++) {
        asyncio_child *child = &members->children[i];
        asyncio_future *future = members->futures[i];
        if (all != NULL && future == NULL)
            asyncio__gather_add_root(all, new_call(&at->words[i], args[i]));
        else if (all != NULL)
            asyncio__gather_add_future(all, future);
        else if (future == NULL)
            (void)asyncio_child_set(child, new_call(&at->words[i], args[i]));
        else if (asyncio_future_task(future) != NULL)
            (void)asyncio_child_set(child, asyncio_future_task(future));
        else
            (void)asyncio_child_set(child, future);
        members->futures[i] = child->future;
        if (future != NULL)
            asyncio_task_release(asyncio_future_task(future));
    }
}

/* What a gather gives, as [1,!E1,2]. */
static void say_members(const struct statement *at, const struct members *members)
{
    char text[MEMBERS * 96 + 2], *end = text;
    int i;
    for (i = 0; i < members->count; i++) {
        const asyncio_child *child = &members->children[i];
        end += sprintf(end, "%s%s", i == 0 ? "" : ",", child->err != 0 ? "!" : "");
        if (child->err != 0)
            end += sprintf(end, "%s", error_text(child->err, child->value));
        else
            end += sprintf(end, "%lld", members->gathers[i] != NULL ? members->gathers[i]->members->count
                                                                    : (long long)child->value);
    }
    *end = '\0';
    say("%s = [%s]", at->text, text);
}

/* What an await gave. */
static int say_value(const struct statement *at, const struct future *gather, asyncio_value value)
{
    if (gather == NULL) {
        say_number(at, value);
        return (int)value;
    }
    say_members(at, gather->members);
    return gather->members->count;
}

static struct future *new_future(struct name *name)
{
    struct future *made = (struct future *)make_room(sizeof *made);
    made->name = name->text;
    return made;
}

/* It lives to the end of the program; see `end_world`. */
static void put_future(struct name *name, struct future *made)
{
    made->serial = ++world.serial;
    made->next = world.futures;
    world.futures = made;
    name->is.future = made;
}

static asyncio_coro *start_gather(asyncio_gather *all, struct members *members, const struct scope *scope,
                                  const struct statement *at, bool return_exceptions)
{
    asyncio__gather_begin(all, members->children, return_exceptions);
    set_members(members, scope, at, all);
    return asyncio__gather_begun(all);
}

static void make_future(const struct scope *scope, const struct statement *at)
{
    struct future *made = new_future(at->object);
    if (!at->is_gather) {
        made->future = asyncio_future_new(world.loop);
    } else {
        made->members = (struct members *)make_room(sizeof *made->members);
        (void)start_gather(&made->gather, made->members, scope, at, at->return_exceptions);
        made->future = asyncio_gather_outer(&made->gather);
    }
    if (made->future != NULL)
        put_future(at->object, made);
    say_done(at, made->future != NULL ? 0 : ASYNCIO_ENOMEM);
}

static void spawn(const struct scope *scope, const struct statement *at)
{
    asyncio_root *root;
    asyncio_task *task = NULL;
    asyncio_context *context = context_of(at);
    char buffer[32];
    int err = 0;
    if (context != NULL && (at->eager > 0 || (at->eager == 0 && world.eager)))
        err = asyncio_context_run(context, do_nothing, NULL);
    if (err == 0) {
        root = new_call(&at->words[0], value_of(scope, &at->words[0].value));
        if (root == NULL)
            err = ASYNCIO_ENOMEM;
        else if (at->group != NULL)
            err = asyncio_taskgroup_create_task(&at->group->is.group->group, root, .name = at->word, .context = context,
                                                .eager_start = at->eager, .into = &task);
        else
            err = asyncio_create_task(root, .name = at->word, .context = context, .eager_start = at->eager,
                                      .into = &task);
    }
    if (err != 0) {
        say_error(at, err, 0);
        return;
    }
    if (at->object != NULL) {
        asyncio_task *before = at->object->is.task;
        at->object->is.task = task;
        say("%s = %s", at->text, name_of(task, buffer));
        asyncio_task_release(before);
    } else {
        say("%s = %s", at->text, name_of(task, buffer));
        asyncio_task_release(task);
    }
}

/* ---- Statements about tasks, Futures and handles ---- */

static void forget(const struct statement *at)
{
    asyncio_task *task = NULL;
    if (at->x.name->kind == HANDLE) {
        at->x.name->is.handle = NULL;
    } else {
        task = at->x.name->is.task;
        at->x.name->is.task = NULL;
    }
    say("%s = ok", at->text);
    asyncio_task_release(task);
}

static void cancel(const struct scope *scope, const struct statement *at)
{
    if (at->x.how == NAMED && at->x.name->kind == HANDLE) {
        asyncio_handle_cancel(&at->x.name->is.handle->handle);
        say("%s = ok", at->text);
    } else {
        say_bool(at, asyncio_future_cancel(future_of(scope, &at->x), at->word));
    }
}

static void say_result(const struct scope *scope, const struct statement *at)
{
    asyncio_future *future = future_of(scope, &at->x);
    asyncio_value value;
    int err = asyncio_future_result(future, &value);
    if (err != 0)
        say_error(at, err, asyncio_future_detail(future));
    else
        (void)say_value(at, gather_of(future), value);
}

static void say_exception(const struct scope *scope, const struct statement *at)
{
    asyncio_future *future = future_of(scope, &at->x);
    int err = asyncio_future_exception(future);
    if (!asyncio_future_done(future) || asyncio_future_cancelled(future))
        say_error(at, err, asyncio_future_detail(future));
    else
        say("%s = %s", at->text, err != 0 ? error_text(err, asyncio_future_detail(future)) : "None");
}

static void add_callback(const struct scope *scope, const struct statement *at)
{
    say_done(at, asyncio_future_add_done_callback_in_context(future_of(scope, &at->x), &new_armed()->handle, on_done,
                                                             at->callback, context_of(at)));
}

static void say_all_tasks(const struct statement *at)
{
    asyncio_task *tasks[CALLS + STEPS + 1];
    size_t count = asyncio_all_tasks(world.loop, tasks, CALLS + STEPS + 1), i;
    char buffer[32];
    say_where(asyncio_current_task());
    fprintf(trace, "%s =%s", at->text, count == 0 ? " None" : "");
    for (i = 0; i < count; i++)
        fprintf(trace, " %s", name_of(tasks[i], buffer));
    putc('\n', trace);
}

static void say_current(const struct statement *at)
{
    char buffer[32];
    asyncio_task *task = asyncio_current_task();
    say("%s = %s", at->text, task != NULL ? name_of(task, buffer) : "None");
}

static void say_name(const struct scope *scope, const struct statement *at)
{
    asyncio_task *task = task_of(scope, &at->x);
    char buffer[32];
    if (at->word != NULL)
        asyncio_task_set_name(task, at->word);
    say("%s = %s", at->text, at->word != NULL ? "ok" : name_of(task, buffer));
}

static void say_when(const struct statement *at)
{
    const struct armed *armed = at->x.name->is.handle;
    if (armed->is_timer)
        say_number(at, asyncio_handle_when(&armed->handle) / (ASYNCIO_TICKS_PER_SECOND / UNIT));
    else
        say("%s = none", at->text);
}

static void report(const struct statement *at)
{
    asyncio_exception_context context;
    memset(&context, 0, sizeof context);
    context.message = at->word;
    context.err = at->err;
    world.reports = true;
    asyncio_call_exception_handler(world.loop, &context);
    world.reports = false;
    say("%s = ok", at->text);
}

static int compare_serials(const void *a, const void *b)
{
    unsigned first = call_of(*(asyncio_task *const *)a)->serial, second = call_of(*(asyncio_task *const *)b)->serial;
    return first < second ? -1 : first > second;
}

/* The tasks that wait for it, or for what waits for it. */
static void say_graph(const struct scope *scope, const struct statement *at)
{
    enum { NODES = 4096 };
    asyncio_call_graph_node *nodes = (asyncio_call_graph_node *)make_room(NODES * sizeof *nodes);
    asyncio_task *tasks[CALLS + STEPS];
    size_t count = asyncio_capture_call_graph(future_of(scope, &at->x), nodes, NODES, NULL), found = 0, i;
    char buffer[32];
    for (i = 1; i < count; i++)
        if (asyncio_future_task(nodes[i].future) != NULL && nodes[i].future != nodes[0].future && found < CALLS + STEPS)
            tasks[found++] = asyncio_future_task(nodes[i].future);
    qsort(tasks, found, sizeof tasks[0], compare_serials);
    say_where(asyncio_current_task());
    fprintf(trace, "%s =%s", at->text, found == 0 ? " None" : "");
    for (i = 0; i < found; i++)
        if (i == 0 || tasks[i] != tasks[i - 1])
            fprintf(trace, " %s", name_of(tasks[i], buffer));
    putc('\n', trace);
}

static void set_factory(const struct statement *at)
{
    world.eager = at->yes;
    say("%s = ok", at->text);
}

/* ---- Statements about objects ---- */

static bool is_locked(const struct name *name)
{
    if (name->kind == LOCK)
        return asyncio_lock_locked(&name->is.lock);
    return name->kind == CONDITION ? asyncio_condition_locked(&name->is.condition)
                                   : asyncio_semaphore_locked(&name->is.semaphore);
}

static int release(struct name *name)
{
    if (name->kind == LOCK)
        return asyncio_lock_release(&name->is.lock);
    return name->kind == CONDITION ? asyncio_condition_release(&name->is.condition)
                                   : asyncio_semaphore_release(&name->is.semaphore);
}

static void reschedule(const struct scope *scope, const struct statement *at)
{
    asyncio_timeout *timeout = at->object->is.timeout;
    say_done(at, at->when.none ? asyncio_timeout_reschedule_none(timeout)
                               : asyncio_timeout_reschedule(timeout, time_of(scope, &at->when)));
}

static void get_nowait(struct scope *scope, const struct statement *at)
{
    int item, err = asyncio_queue_get_nowait(&at->object->is.queue, &item);
    if (err != 0)
        say_error(at, err, 0);
    else
        say_number(at, scope->last = item);
}

static void set_var(const struct scope *scope, const struct statement *at)
{
    asyncio_contextvar_token *token = (asyncio_contextvar_token *)make_room(sizeof *token);
    int err = asyncio_contextvar_set(&at->object->is.var, value_of(scope, &at->value), token);
    if (err == 0 && at->group != NULL)
        at->group->is.token = token;
    if (err == 0 && at->group != NULL) /* a later task in its memory would pass for it */
        (void)asyncio_task_hold(asyncio_current_task());
    say_done(at, err);
}

static void get_var(struct scope *scope, const struct statement *at)
{
    asyncio_value value;
    if (asyncio_contextvar_lookup(&at->object->is.var, &value))
        scope->last = (int)value;
    else if (at->limited)
        scope->last = value_of(scope, &at->value);
    else if (at->object->given)
        scope->last = at->object->number;
    else {
        say("%s ! LookupError", at->text);
        return;
    }
    say_number(at, scope->last);
}

static void look_up(const struct statement *at)
{
    asyncio_value value;
    if (asyncio_context_lookup(context_of(at), &at->object->is.var, &value))
        say_number(at, value);
    else
        say("%s = None", at->text);
}

static void make_context(const struct scope *scope, const struct statement *at)
{
    asyncio_context *from = context_of(at), *context;
    if (at->verb == DO_CONTEXT_OF)
        context = asyncio_context_hold(asyncio_task_get_context(task_of(scope, &at->x)));
    else if (at->verb == DO_NEW_CONTEXT)
        context = asyncio_context_new();
    else
        context = from != NULL ? asyncio_context_copy(from) : asyncio_copy_context();
    asyncio_context_release(at->object->is.context);
    at->object->is.context = context;
    say_done(at, context != NULL ? 0 : ASYNCIO_ENOMEM);
}

static void run_in_context(const struct statement *at)
{
    asyncio_context *context = asyncio_context_hold(context_of(at)); /* the callback may put another into the slot */
    say_done(at, asyncio_context_run(context, on_call, at->callback));
    asyncio_context_release(context);
}

static void say_timeout(const struct statement *at, const asyncio_timeout *timeout)
{
    asyncio_time when;
    const char *expired = asyncio_timeout_expired(timeout) ? "True" : "False";
    if (asyncio_timeout_when(timeout, &when))
        say("%s = %lld %s", at->text, (long long)(when / (ASYNCIO_TICKS_PER_SECOND / UNIT)), expired);
    else
        say("%s = none %s", at->text, expired);
}

static void say_state(const struct scope *scope, const struct statement *at)
{
    const struct name *name = at->x.name;
    const asyncio_future *future;
    switch (at->x.how == NAMED ? name->kind : FUTURE) {
    case TASK:
    case FUTURE:
        future = future_of(scope, &at->x);
        say("%s = %s", at->text,
            asyncio_future_cancelled(future) ? "cancelled" : asyncio_future_done(future) ? "done" : "pending");
        break;
    case HANDLE:
        say_bool(at, asyncio_handle_cancelled(&name->is.handle->handle));
        break;
    case EVENT:
        say("%s = %s", at->text, asyncio_event_is_set(&name->is.event) ? "set" : "unset");
        break;
    case BARRIER:
        say("%s = %d %s", at->text, asyncio_barrier_n_waiting(&name->is.barrier),
            asyncio_barrier_broken(&name->is.barrier) ? "True" : "False");
        break;
    case QUEUE:
    case LIFO:
    case PRIORITY:
        say("%s = %d %s %s", at->text, (int)asyncio_queue_qsize(&name->is.queue),
            asyncio_queue_empty(&name->is.queue) ? "True" : "False",
            asyncio_queue_full(&name->is.queue) ? "True" : "False");
        break;
    case TIMEOUT:
        say_timeout(at, name->is.timeout);
        break;
    case NUMBER:
        say_number(at, name->number);
        break;
    default:
        say("%s = %s", at->text, is_locked(name) ? "locked" : "unlocked");
        break;
    }
}

/* ---- Conditions ---- */

/* Whether an error is of this class, by name. */
static bool is_a(int err, const char *class_name)
{
    if (strcmp(class_name, error_text(err, 0)) == 0 || strcmp(class_name, "BaseException") == 0)
        return true;
    if (strcmp(class_name, "Exception") == 0)
        return err != ASYNCIO_ECANCELLED;
    return strcmp(class_name, "RuntimeError") == 0 && err == ASYNCIO_EBROKENBARRIER;
}

static void keep_parts(struct group *group)
{
    asyncio_taskgroup_error part;
    group->count = 0;
    group->parts = (asyncio_taskgroup_error *)make_room(asyncio_taskgroup_error_count(&group->group) * sizeof part);
    while (asyncio_taskgroup_get_error(&group->group, group->count, &part))
        group->parts[group->count++] = part;
}

static bool has_part(const struct group *group, const char *class_name)
{
    size_t i;
    for (i = 0; i < group->count; i++)
        if (is_a(group->parts[i].err, class_name))
            return true;
    return false;
}

static void say_errors(const struct group *group)
{
    size_t i;
    fprintf(trace, "[");
    for (i = 0; i < group->count; i++)
        fprintf(trace, "%s%s", i > 0 ? "," : "", error_text(group->parts[i].err, group->parts[i].detail));
    fprintf(trace, "]\n");
}

static bool is_true(const struct scope *scope, const struct condition *condition)
{
    const struct name *name = condition->x.name;
    asyncio_future *future;
    if (slot_is_empty(scope, &condition->x))
        return condition->negated;
    if (condition->test == IS_CANCELLED && condition->x.how == NAMED && name->kind == HANDLE)
        return asyncio_handle_cancelled(&name->is.handle->handle) != condition->negated;
    switch (condition->test) {
    case IS_DONE:
    case IS_CANCELLED:
        future = future_of(scope, &condition->x);
        return (condition->test == IS_DONE ? asyncio_future_done(future) : asyncio_future_cancelled(future)) !=
               condition->negated;
    case IS_LOCKED:
        return is_locked(name) != condition->negated;
    case IS_SET:
        return asyncio_event_is_set(&name->is.event) != condition->negated;
    case IS_EMPTY:
        return asyncio_queue_empty(&name->is.queue) != condition->negated;
    case IS_FULL:
        return asyncio_queue_full(&name->is.queue) != condition->negated;
    case IS_BROKEN:
        return asyncio_barrier_broken(&name->is.barrier) != condition->negated;
    case HAS:
        return has_part(name->is.group, condition->class_name) != condition->negated;
    case IS_EXPIRED:
        return asyncio_timeout_expired(name->is.timeout) != condition->negated;
    case IS_EQUAL:
        return (value_of(scope, &condition->left) == value_of(scope, &condition->right)) != condition->negated;
    default:
        return (value_of(scope, &condition->left) < value_of(scope, &condition->right)) != condition->negated;
    }
}

/* Says which way an `if` goes, and gives the statements there. */
static const struct statement *choose(const struct scope *scope, const struct statement *at)
{
    bool truth = is_true(scope, &at->condition);
    say_bool(at, truth);
    return truth ? at->body : at->other;
}

/* ---- One statement that does not await ---- */

static enum flow repeat(struct scope *scope, const struct statement *at)
{
    int left = value_of(scope, &at->value);
    while (left-- > 0) {
        enum flow flow = LEAVE;
        if (take_step())
            flow = perform_all(scope, at->body);
        else
            scope->result = 0;
        if (flow == BREAK)
            break;
        if (flow == LEAVE || flow == RAISE)
            return flow;
    }
    return NORMAL;
}

/* Those that change how the function goes on. */
static enum flow perform_flow(struct scope *scope, const struct statement *at)
{
    if (at->verb == DO_REPEAT)
        return repeat(scope, at);
    if (at->verb == DO_IF)
        return perform_all(scope, choose(scope, at));
    say("%s", at->text);
    if (at->verb == DO_BREAK || at->verb == DO_CONTINUE)
        return at->verb == DO_BREAK ? BREAK : CONTINUE;
    if (at->verb == DO_RETURN) {
        scope->result = value_of(scope, &at->value);
        return LEAVE;
    }
    scope->err = at->verb == DO_RAISE ? at->err : scope->caught->block.err;
    scope->detail = at->verb == DO_RAISE ? (asyncio_value)at->word : scope->caught->block.detail;
    return RAISE;
}

static void perform_about_tasks(struct scope *scope, const struct statement *at)
{
    switch (at->verb) {
    case DO_SPAWN:
        spawn(scope, at);
        break;
    case DO_MAKE:
        make_future(scope, at);
        break;
    case DO_CANCEL:
        cancel(scope, at);
        break;
    case DO_UNCANCEL:
        say_number(at, asyncio_task_uncancel(task_of(scope, &at->x)));
        break;
    case DO_CANCELLING:
        say_number(at, asyncio_task_cancelling(task_of(scope, &at->x)));
        break;
    case DO_NAME:
        say_name(scope, at);
        break;
    case DO_FORGET:
        forget(at);
        break;
    case DO_RESULT:
        say_result(scope, at);
        break;
    case DO_EXCEPTION:
        say_exception(scope, at);
        break;
    case DO_SET_RESULT:
        say_done(at, asyncio_future_set_result(future_of(scope, &at->x), value_of(scope, &at->value)));
        break;
    case DO_SET_EXCEPTION:
        say_done(at, asyncio_future_set_exception(future_of(scope, &at->x), at->err));
        break;
    case DO_ADD_CALLBACK:
        add_callback(scope, at);
        break;
    case DO_REMOVE_CALLBACK:
        say_number(at, asyncio_future_remove_done_callback(future_of(scope, &at->x), on_done, at->callback));
        break;
    case DO_CURRENT:
        say_current(at);
        break;
    case DO_ALL_TASKS:
        say_all_tasks(at);
        break;
    case DO_FACTORY:
        set_factory(at);
        break;
    case DO_WHEN:
        say_when(at);
        break;
    case DO_TIME:
        scope->last = (int)(asyncio_loop_time(world.loop) / (ASYNCIO_TICKS_PER_SECOND / UNIT));
        say_number(at, scope->last);
        break;
    case DO_REPORT:
        report(at);
        break;
    case DO_GRAPH:
        say_graph(scope, at);
        break;
    case DO_STOP:
        asyncio_loop_stop(world.loop);
        say("%s = ok", at->text);
        break;
    default:
        arm_call(scope, at);
        break;
    }
}

static void perform_about_objects(struct scope *scope, const struct statement *at)
{
    struct name *name = at->object;
    switch (at->verb) {
    case DO_SET:
        say_number(at, name->number = value_of(scope, &at->value));
        break;
    case DO_ADD:
        name->number = (int)((unsigned)name->number + (unsigned)value_of(scope, &at->value));
        say_number(at, name->number);
        break;
    case DO_RELEASE:
        say_done(at, release(name));
        break;
    case DO_SET_EVENT:
        asyncio_event_set(&name->is.event);
        say("%s = ok", at->text);
        break;
    case DO_CLEAR:
        asyncio_event_clear(&name->is.event);
        say("%s = ok", at->text);
        break;
    case DO_NOTIFY:
        say_done(at, asyncio_condition_notify(&name->is.condition, value_of(scope, &at->value)));
        break;
    case DO_NOTIFY_ALL:
        say_done(at, asyncio_condition_notify_all(&name->is.condition));
        break;
    case DO_RESCHEDULE:
        reschedule(scope, at);
        break;
    case DO_PUT_NOWAIT: {
        int item = value_of(scope, &at->value);
        say_done(at, asyncio_queue_put_nowait(&name->is.queue, &item));
        break;
    }
    case DO_GET_NOWAIT:
        get_nowait(scope, at);
        break;
    case DO_TASK_DONE:
        say_done(at, asyncio_queue_task_done(&name->is.queue));
        break;
    case DO_SHUTDOWN:
        asyncio_queue_shutdown(&name->is.queue, at->yes);
        say("%s = ok", at->text);
        break;
    case DO_SETVAR:
        set_var(scope, at);
        break;
    case DO_GETVAR:
        get_var(scope, at);
        break;
    case DO_RESETVAR:
        say_done(at, asyncio_contextvar_reset(&name->is.var, at->x.name->is.token));
        break;
    case DO_COPY_CONTEXT:
    case DO_NEW_CONTEXT:
    case DO_CONTEXT_OF:
        make_context(scope, at);
        break;
    case DO_RUN:
        run_in_context(at);
        break;
    case DO_LOOKUP:
        look_up(at);
        break;
    case DO_LENGTH:
        say_number(at, (long long)asyncio_context_len(context_of(at)));
        break;
    case DO_PARTIES:
        say_number(at, asyncio_barrier_parties(&name->is.barrier));
        break;
    case DO_MAXSIZE:
        say_number(at, (long long)asyncio_queue_maxsize(&name->is.queue));
        break;
    case DO_PARTS:
        say_where(asyncio_current_task());
        fprintf(trace, "%s = ", at->text);
        say_errors(name->is.group);
        break;
    default:
        say_state(scope, at);
        break;
    }
}

static enum flow perform(struct scope *scope, const struct statement *at)
{
    if (is_skipped(scope, at))
        return NORMAL;
    if (at->verb == DO_LOG) {
        say("%s", at->text);
    } else if (at->verb < DO_SPAWN) {
        if (at->verb != DO_SET && at->verb != DO_ADD)
            return perform_flow(scope, at);
        perform_about_objects(scope, at);
    } else if (at->verb <= DO_STOP) {
        perform_about_tasks(scope, at);
    } else {
        perform_about_objects(scope, at);
    }
    return NORMAL;
}

static enum flow perform_all(struct scope *scope, const struct statement *at)
{
    for (; at != NULL; at = at->next) {
        enum flow flow;
        if (!take_step()) {
            scope->result = 0;
            return LEAVE;
        }
        flow = perform(scope, at);
        if (flow != NORMAL)
            return flow;
    }
    return NORMAL;
}

#endif
