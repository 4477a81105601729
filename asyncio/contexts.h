/* SPDX-License-Identifier: MIT
 *
 * asyncio/contexts.h - contextvars: variables of which each task has values of its own.
 *
 *     #include "asyncio.h"
 *
 *     static const asyncio_contextvar request = ASYNCIO_CONTEXTVAR("request", 0);
 *
 *     static void log_line(const char *text) { printf("[%d] %s\n", (int)asyncio_contextvar_get(&request), text); }
 *
 *     ASYNC(query)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_AWAIT(asyncio_sleep(0.1));
 *         log_line("query");                       // the number of whoever started it, without having been handed it
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(serve, int number; asyncio_task *task;)
 *     {
 *         ASYNC_BEGIN;
 *         if (asyncio_contextvar_set(&request, self->number, NULL) != 0)
 *             ASYNC_RAISE(ASYNCIO_ENOMEM);
 *         asyncio_create_task(ASYNC_NEW(query), .into = &self->task);
 *         ASYNC_AWAIT(self->task);
 *         asyncio_task_release(self->task);
 *         log_line("served");
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_create_task(ASYNC_NEW(serve, .number = 1));
 *         asyncio_create_task(ASYNC_NEW(serve, .number = 2));
 *         ASYNC_AWAIT(asyncio_sleep(1));
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * Rules, the bad news first
 *
 *   1. Setting a variable may allocate, and so may putting it back: both can answer ASYNCIO_ENOMEM, and then nothing
 *      has changed.
 *   2. A value is an integer or a pointer. What it points to is yours: nobody holds it, and it must live as long as any
 *      context in which the variable has this value.
 *   3. A coroutine that is awaited runs in its awaiter's context, and what it sets its awaiter sees. Only tasks and
 *      callbacks have contexts of their own.
 *   4. What a thread sets outside of a loop stays until that thread sets it back (asyncio_contextvar_reset); a thread
 *      that ends without loses the memory. asyncio_context_run is the tidy way.
 *
 * Who runs in which context
 *
 *   a task                 a copy of its creator's, made by create_task; with .context = c in c itself: whoever else
 *                          has c sees what it sets
 *   call_soon, call_at,    a copy of the caller's, made by the call; with ..._in_context(..., c) in c itself
 *   call_later, done callbacks
 *   call_soon_threadsafe   the same across threads, and so run_coroutine_threadsafe (with ASYNCIO_THREADS; else empty)
 *   add_reader, _writer,   a copy of the caller's, made once: what one call sets the next one sees
 *   add_signal_handler
 *   an exception handler   that of the task that the report is about, else that of who reports
 *   run()                  a copy of the caller's; a runner's runs have one, one after the other
 *   outside of a loop      the thread's own
 *
 * A copy costs O(1): it shares a table of values, which is copied when one of its holders next sets a variable. Where
 * no variable was ever set there is no table, and a task costs a pointer. A task's context goes when the task is done; if
 * it ended with an error that nobody has read, when that is reported or the task released.
 *
 * An asyncio_context object belongs to one thread at a time. Not without ASYNCIO_CONTEXTS, nor without a heap.
 *
 * Source: CPython Python/context.c and PEP 567; asyncio's use of it. Differs: no LookupError, a variable has a default;
 * a table is a sorted array, not a tree.
 */
#ifndef ASYNCIO_CONTEXTS_H
#define ASYNCIO_CONTEXTS_H

#include "runners.h"

#if ASYNCIO_CONTEXTS && defined(ASYNCIO_MALLOC)

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Variables ---- */

/* A variable: it is known by its address, so it is static, or lives as long as anybody has a value for it. */
typedef struct asyncio_contextvar {
    const char *name;            /* for you; may be NULL */
    asyncio_value default_value; /* where it is not set */
} asyncio_contextvar;

/* ASYNCIO_CONTEXTVAR(name, default) - initialises one; the default is an integer constant or a pointer. Python's
 * ContextVar(name, default=...). A variable of several files is defined in one and declared extern elsewhere. */
#define ASYNCIO_CONTEXTVAR(name, default_value) {(name), (asyncio_value)(default_value)}

/* What a set() replaced. Yours; holds nothing. */
typedef struct asyncio_contextvar_token {
    const asyncio_contextvar *var;
    asyncio_value old_value; /* if was_set */
    const void *where;
    uint32_t ended;
    bool was_set, used;
} asyncio_contextvar_token;

typedef struct asyncio__binding {
    const asyncio_contextvar *var;
    asyncio_value value;
} asyncio__binding;

/* The bindings follow, sorted by the address of their variable. Never empty. */
typedef struct asyncio__table {
    asyncio__variables head;
    size_t count, room;
} asyncio__table;

static inline asyncio__binding *asyncio__bindings(const asyncio__table *table)
{
    return (asyncio__binding *)(void *)((char *)(uintptr_t)table + sizeof *table);
}

/* Where a variable is in a table, or would be. True: it is there. */
static inline bool asyncio__table_find(const asyncio__table *table, const asyncio_contextvar *var, size_t *index)
{
    size_t low = 0, high = table != NULL ? table->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const asyncio_contextvar *there = asyncio__bindings(table)[middle].var;
        if (there == var) {
            *index = middle;
            return true;
        }
        if ((uintptr_t)there < (uintptr_t)var)
            low = middle + 1;
        else
            high = middle;
    }
    *index = low;
    return false;
}

/* Where the table of a slot is: in the slot, or in the asyncio_context that stands there. */
static inline asyncio__variables **asyncio__table_place(asyncio__variables **slot)
{
    return *slot != NULL && (*slot)->shared ? &((asyncio_context *)(void *)*slot)->table : slot;
}
static inline asyncio__table *asyncio__table_of(asyncio__variables **slot)
{
    return (asyncio__table *)(void *)*asyncio__table_place(slot);
}

static inline bool asyncio__table_lookup(const asyncio__table *table, const asyncio_contextvar *var,
                                         asyncio_value *value)
{
    size_t index;
    bool set = asyncio__table_find(table, var, &index);
    *value = set ? asyncio__bindings(table)[index].value : 0;
    return set;
}

/*
 * asyncio_contextvar_get - the variable's value in the current context, else its default.
 * asyncio_contextvar_lookup - the same, telling whether it is set.
 *
 *   value      receives the value; 0 if not set
 *   Suspends   never. From any thread: it asks the calling one's context. Allocates nothing.
 *   Returns    get: the value; lookup: whether it is set. Cost: O(log of the variables set).
 *   Source     ContextVar.get; `var in copy_context()`
 */
static inline bool asyncio_contextvar_lookup(const asyncio_contextvar *var, asyncio_value *value)
{
    return asyncio__table_lookup(asyncio__table_of(asyncio__context_slot()), var, value);
}
static inline asyncio_value asyncio_contextvar_get(const asyncio_contextvar *var)
{
    asyncio_value value;
    return asyncio_contextvar_lookup(var, &value) ? value : var->default_value;
}

/* Whether this table may be changed where it is: nobody else holds it, and then nobody else can begin to. */
static inline bool asyncio__table_sole(const asyncio__table *table)
{
#if ASYNCIO_THREADS
    return table != NULL && __atomic_load_n(&table->head.holds, __ATOMIC_ACQUIRE) == 1;
#else
    return table != NULL && table->head.holds == 1;
#endif
}

static inline void asyncio__table_free(asyncio__variables *variables) { asyncio__free(variables); }

static inline asyncio__table *asyncio__table_new(size_t room)
{
    asyncio__table *table = (asyncio__table *)asyncio__alloc(sizeof *table + room * sizeof(asyncio__binding));
    if (table != NULL) {
        asyncio__variables_init(&table->head, false, asyncio__table_free);
        table->count = 0;
        table->room = room;
    }
    return table;
}

/* What becomes of the binding at an index: it gets another value, is inserted there, is taken out. */
typedef enum { ASYNCIO__TABLE_SET, ASYNCIO__TABLE_ADD, ASYNCIO__TABLE_REMOVE } asyncio__table_edit;

/* Moves the bindings behind an index up or down by one, within a table or from one into another. */
static inline void asyncio__table_move(asyncio__table *to, const asyncio__table *from, size_t index,
                                       asyncio__table_edit edit)
{
    size_t count = from != NULL ? from->count : 0, i;
    asyncio__binding *target = asyncio__bindings(to);
    const asyncio__binding *source = from != NULL ? asyncio__bindings(from) : NULL;
    for (i = 0; to != from && i < index; i++)
        target[i] = source[i];
    if (edit == ASYNCIO__TABLE_ADD)
        for (i = count; i > index; i--)
            target[i] = source[i - 1];
    else if (edit == ASYNCIO__TABLE_REMOVE)
        for (i = index + 1; i < count; i++)
            target[i - 1] = source[i];
    else
        for (i = index; to != from && i < count; i++)
            target[i] = source[i];
    to->count = edit == ASYNCIO__TABLE_SET ? count : edit == ASYNCIO__TABLE_ADD ? count + 1 : count - 1;
}

/* Readies a table for that, a copy if it is shared or full. False: out of memory, nothing has changed. */
static inline bool asyncio__table_change(asyncio__variables **place, size_t index, asyncio__table_edit edit)
{
    asyncio__table *table = (asyncio__table *)(void *)*place, *changed = table;
    size_t count = table != NULL ? table->count : 0;
    if (!asyncio__table_sole(table) || (edit == ASYNCIO__TABLE_ADD && count == table->room)) {
        changed = asyncio__table_new(edit == ASYNCIO__TABLE_ADD ? count + count / 2 + 2 : count);
        if (changed == NULL)
            return false;
    }
    asyncio__table_move(changed, table, index, edit);
    if (changed != table) {
        asyncio__context_drop(place);
        *place = &changed->head;
    }
    return true;
}

static inline bool asyncio__context_write(asyncio__variables **slot, const asyncio_contextvar *var, asyncio_value value)
{
    asyncio__variables **place = asyncio__table_place(slot);
    asyncio__table *table = (asyncio__table *)(void *)*place;
    asyncio__table_edit edit = ASYNCIO__TABLE_SET;
    size_t index;
    if (!asyncio__table_find(table, var, &index))
        edit = ASYNCIO__TABLE_ADD;
    if (!asyncio__table_change(place, index, edit))
        return false;
    table = (asyncio__table *)(void *)*place;
    asyncio__bindings(table)[index].var = var;
    asyncio__bindings(table)[index].value = value;
    return true;
}

/* A callback's slot is on the stack, where that of one before was, too. */
static inline bool asyncio__slot_is_of_callback(asyncio__variables **slot)
{
    asyncio__core *core = asyncio__core_of(asyncio__running_loop);
    return core != NULL && core->context == slot && core->lasting != slot;
}

static inline bool asyncio__context_erase(asyncio__variables **slot, const asyncio_contextvar *var)
{
    asyncio__variables **place = asyncio__table_place(slot);
    asyncio__table *table = (asyncio__table *)(void *)*place;
    size_t index;
    if (!asyncio__table_find(table, var, &index))
        return true;
    if (table->count > 1 || asyncio__slot_is_of_callback(slot)) /* which is to be noticed when it ends */
        return asyncio__table_change(place, index, ASYNCIO__TABLE_REMOVE);
    asyncio__context_drop(place);
    return true;
}

/* By what a token knows its context: the object, or the slot while there is none. */
static inline const void *asyncio__context_where(asyncio__variables **slot)
{
    return *slot != NULL && (*slot)->shared ? (const void *)*slot : (const void *)slot;
}
static inline uint32_t asyncio__contexts_ended(void)
{
    return asyncio__running_loop != NULL ? asyncio__core_of(asyncio__running_loop)->contexts_ended : 0;
}

static inline bool asyncio__context_is(asyncio__variables **slot, const asyncio_contextvar_token *token)
{
    bool shared = *slot != NULL && (*slot)->shared;
    if (shared && (const void *)*slot == token->where)
        return true;
    if (token->where != (shared ? (const void *)((asyncio_context *)(void *)*slot)->was : (const void *)slot))
        return false;
    return token->ended == asyncio__contexts_ended() || !asyncio__slot_is_of_callback(slot);
}

/*
 * asyncio_contextvar_set - give a variable a value in the current context.
 *
 *   token      receives what asyncio_contextvar_reset needs (after an error it counts as used); NULL: not wanted
 *   Suspends   never
 *   Returns    0; ASYNCIO_ENOMEM, and nothing has changed
 *   Memory     one block for all variables of a context, a new one when it is shared with a copy or full
 *   Cost       O(variables set)
 *   Source     ContextVar.set
 *
 * asyncio_contextvar_reset - put a variable back to what it was before the set() that gave the token.
 *
 *   Suspends   never
 *   Returns    0; ASYNCIO_ERUNTIME for a token that was used; ASYNCIO_EVALUE for one of another variable, or of another
 *              context (told by its address: that of a task that is gone may be another's now); ASYNCIO_ENOMEM, and
 *              nothing has changed: not where it was set last in this context and no copy was made since
 *   Cost       O(variables set)
 *   Source     ContextVar.reset
 */
static inline int asyncio_contextvar_set(const asyncio_contextvar *var, asyncio_value value,
                                         asyncio_contextvar_token *token)
{
    asyncio__variables **slot = asyncio__context_slot();
    asyncio_contextvar_token made;
    made.var = var;
    made.where = asyncio__context_where(slot);
    made.ended = asyncio__contexts_ended();
    made.was_set = asyncio__table_lookup(asyncio__table_of(slot), var, &made.old_value);
    made.used = !asyncio__context_write(slot, var, value);
    if (token != NULL)
        *token = made;
    return made.used ? ASYNCIO_ENOMEM : 0;
}

static inline int asyncio_contextvar_reset(const asyncio_contextvar *var, asyncio_contextvar_token *token)
{
    asyncio__variables **slot = asyncio__context_slot();
    bool done;
    if (token->used)
        return ASYNCIO_ERUNTIME;
    if (token->var != var || !asyncio__context_is(slot, token))
        return ASYNCIO_EVALUE;
    done = token->was_set ? asyncio__context_write(slot, var, token->old_value) : asyncio__context_erase(slot, var);
    token->used = done;
    return done ? 0 : ASYNCIO_ENOMEM;
}

/* ---- Contexts ---- */

static inline void asyncio__context_free(asyncio__variables *variables)
{
    asyncio_context *context = (asyncio_context *)(void *)variables;
    asyncio__context_drop(&context->table);
    asyncio__free(context);
}

static inline asyncio_context *asyncio__context_new(asyncio__variables *table, asyncio__variables **was)
{
    asyncio_context *context = (asyncio_context *)asyncio__alloc(sizeof *context);
    if (context != NULL) {
        asyncio__variables_init(&context->head, true, asyncio__context_free);
        context->table = table;
        context->was = was;
    }
    return context;
}

static inline asyncio_context *asyncio__context_copy_of(asyncio__variables *variables)
{
    asyncio__variables *table = variables != NULL ? asyncio__variables_copy(variables) : NULL;
    asyncio_context *context = asyncio__context_new(table, NULL);
    if (context == NULL)
        asyncio__context_drop(&table);
    return context;
}

/*
 * asyncio_copy_context - a copy of the current context. asyncio_context_copy - of another one. asyncio_context_new - an
 * empty one.
 *
 *   Suspends   never
 *   Returns    a context, held once by you: give it up with asyncio_context_release. NULL without memory: look, for a
 *              .context of NULL is none.
 *   Memory     one block. Cost: O(1).
 *   Source     contextvars.copy_context, Context.copy, Context
 *
 * asyncio_context_hold, asyncio_context_release - keep a context, give it up. NULL is ignored. Never suspend. Tasks and
 * handles hold theirs, so you may release it as soon as they have it. hold returns its argument.
 */
static inline asyncio_context *asyncio_context_new(void) { return asyncio__context_new(NULL, NULL); }
static inline asyncio_context *asyncio_copy_context(void)
{
    return asyncio__context_copy_of(*asyncio__context_slot());
}
static inline asyncio_context *asyncio_context_copy(asyncio_context *context)
{
    return asyncio__context_copy_of(&context->head);
}
static inline asyncio_context *asyncio_context_hold(asyncio_context *context)
{
    if (context != NULL)
        asyncio__variables_hold(&context->head);
    return context;
}
static inline void asyncio_context_release(asyncio_context *context)
{
    if (context != NULL)
        asyncio__variables_release(&context->head);
}

/*
 * asyncio_context_run - call callback(arg) in a context, now.
 *
 *   Suspends   never, and an await of the current task is not possible in it; tasks and callbacks that it creates copy
 *              this context
 *   Returns    0; ASYNCIO_ERUNTIME if this context is the current one, or below it; ASYNCIO_ENOMEM if context is NULL.
 *              Then callback was not called.
 *   Memory     allocates nothing. Cost: O(1). Inside and outside of a loop.
 *   Source     Context.run. Differs: a task may start eagerly in its creator's own context, where CPython 3.14 fails.
 */
static inline bool asyncio__context_is_entered(const asyncio_context *context)
{
    const asyncio__variables *variables = &context->head;
    asyncio__variables **outside = asyncio__outside.entered; /* below the loop that runs, if one does */
    const asyncio__context_below *below = asyncio__outside.below;
    if (*asyncio__context_slot() == variables || (outside != NULL && *outside == variables))
        return true;
    while (below != NULL && *below->slot != variables)
        below = below->next;
    return below != NULL;
}

static inline int asyncio_context_run(asyncio_context *context, asyncio_callback callback, void *arg)
{
    asyncio__variables *own, **previous;
    asyncio__context_below below;
    if (context == NULL)
        return ASYNCIO_ENOMEM;
    if (asyncio__context_is_entered(context))
        return ASYNCIO_ERUNTIME;
    asyncio__context_cover(&below);
    own = asyncio__variables_hold(&context->head);
    previous = asyncio__context_enter(&own);
    callback(arg);
    asyncio__context_leave(previous);
    asyncio__variables_release(own);
    asyncio__context_uncover(&below);
    return 0;
}

/*
 * asyncio_context_get - a variable's value in a context, else its default. asyncio_context_lookup - the same, telling
 * whether it is set. asyncio_context_len - how many variables are set. asyncio_context_item - the n-th of them, false
 * behind the last; in no particular order, good until one is set.
 *
 *   Suspends   never. Allocate nothing. Cost: O(log of the variables set); len and item O(1).
 *   Source     Context.get, __contains__, __len__, items
 */
static inline bool asyncio_context_lookup(const asyncio_context *context, const asyncio_contextvar *var,
                                          asyncio_value *value)
{
    return asyncio__table_lookup((const asyncio__table *)(const void *)context->table, var, value);
}
static inline asyncio_value asyncio_context_get(const asyncio_context *context, const asyncio_contextvar *var)
{
    asyncio_value value;
    return asyncio_context_lookup(context, var, &value) ? value : var->default_value;
}
static inline size_t asyncio_context_len(const asyncio_context *context)
{
    return context->table != NULL ? ((const asyncio__table *)(const void *)context->table)->count : 0;
}
static inline bool asyncio_context_item(const asyncio_context *context, size_t n, const asyncio_contextvar **var,
                                        asyncio_value *value)
{
    const asyncio__binding *bindings;
    if (n >= asyncio_context_len(context))
        return false;
    bindings = asyncio__bindings((const asyncio__table *)(const void *)context->table);
    *var = bindings[n].var;
    *value = bindings[n].value;
    return true;
}

/* ---- Tasks and callbacks ---- */

/* The context of a slot as an object, which from now on stands there. */
static inline asyncio_context *asyncio__context_share(asyncio__variables **slot)
{
    if (*slot == NULL || !(*slot)->shared) {
        asyncio_context *context = asyncio__context_new(*slot, slot);
        if (context == NULL)
            return NULL;
        *slot = &context->head;
    }
    return (asyncio_context *)(void *)*slot;
}

/*
 * asyncio_task_get_context, asyncio_handle_get_context - the context that a task, or a callback, runs in.
 *
 *   handle     of a callback that is waiting to be called
 *   Suspends   never
 *   Returns    the context itself, no copy: good until the task is done or the callback was called; hold it to keep it.
 *              NULL without memory; for a task that is done; for a handle that is not in use
 *   Memory     one block the first time. Cost: O(1).
 *   Source     tasks.py:Task.get_context, events.py:Handle.get_context. Differs: gone with the task's end.
 */
static inline asyncio_context *asyncio_task_get_context(asyncio_task *task)
{
    return asyncio_task_done(task) ? NULL : asyncio__context_share(&task->context);
}
static inline asyncio_context *asyncio_handle_get_context(asyncio_handle *handle)
{
    bool used = (handle->flags & (ASYNCIO__HANDLE_QUEUED | ASYNCIO__HANDLE_LISTED)) != 0;
    return used ? asyncio__context_share(&handle->context) : NULL;
}

static inline void asyncio__handle_in_context(asyncio_loop *loop, asyncio_handle *handle, asyncio_context *context)
{
    if (context != NULL)
        handle->context = asyncio__variables_hold(&context->head);
    else
        asyncio__handle_capture(loop, handle);
}

/*
 * asyncio_call_soon_in_context, asyncio_call_at_in_context, asyncio_call_later_in_context,
 * asyncio_call_later_ticks_in_context, asyncio_future_add_done_callback_in_context - as their namesakes without
 * "_in_context", and the callback runs in `context`.
 *
 *   context    the context itself, no copy; held until the callback was called or cancelled. NULL: a copy of the
 *              current one, as without.
 *   The rest   as their namesakes. call_soon_threadsafe has none: a context belongs to one thread.
 *   Source     base_events.py:BaseEventLoop.call_soon(context=) and so on; futures.py:Future.add_done_callback
 */
static inline int asyncio_call_soon_in_context(asyncio_loop *loop, asyncio_handle *handle, asyncio_callback callback,
                                               void *arg, asyncio_context *context)
{
    int err = asyncio__handle_new(loop = asyncio__loop_or_running(loop), &handle, callback, arg);
    if (err == 0) {
        asyncio__handle_in_context(loop, handle, context);
        asyncio__call_soon(loop, handle);
    }
    return err;
}
static inline int asyncio_call_at_in_context(asyncio_loop *loop, asyncio_handle *handle, asyncio_time when,
                                             asyncio_callback callback, void *arg, asyncio_context *context)
{
    int err = asyncio__handle_new(loop = asyncio__loop_or_running(loop), &handle, callback, arg);
    if (err == 0) {
        asyncio__handle_in_context(loop, handle, context);
        asyncio__call_at(loop, handle, when);
    }
    return err;
}
static inline int asyncio_call_later_ticks_in_context(asyncio_loop *loop, asyncio_handle *handle, asyncio_time delay,
                                                      asyncio_callback callback, void *arg, asyncio_context *context)
{
    loop = asyncio__loop_or_running(loop);
    if (ASYNCIO__MISTAKE(loop == NULL))
        return ASYNCIO_ENOLOOP;
    return asyncio_call_at_in_context(loop, handle, asyncio__time_add(asyncio__now(loop), delay), callback, arg,
                                      context);
}
#if ASYNCIO_HOSTED
static inline int asyncio__call_later_in_context(asyncio_loop *loop, asyncio_handle *handle, double seconds,
                                                 asyncio_callback callback, void *arg, asyncio_context *context)
{
    if (seconds != seconds)
        return ASYNCIO_EVALUE;
    return asyncio_call_later_ticks_in_context(loop, handle, asyncio__seconds(seconds), callback, arg, context);
}
#define asyncio_call_later_in_context(loop, handle, seconds, callback, arg, context)                                   \
    asyncio__call_later_in_context(loop, handle, (double)(seconds), callback, arg, context)
#else
#define asyncio_call_later_in_context(loop, handle, seconds, callback, arg, context)                                   \
    asyncio_call_later_ticks_in_context(loop, handle, ASYNCIO_SECONDS(seconds), callback, arg, context)
#endif
static inline int asyncio_future_add_done_callback_in_context(asyncio_future *future, asyncio_handle *handle,
                                                              asyncio_done_callback callback, void *arg,
                                                              asyncio_context *context)
{
    if (asyncio__core_of(future->loop)->closed)
        return ASYNCIO_ECLOSED;
    handle = asyncio__handle_init(future->loop, handle);
    if (handle == NULL)
        return ASYNCIO_ENOMEM;
    asyncio__handle_in_context(future->loop, handle, context);
    handle->callback.done = callback;
    handle->arg = arg;
    asyncio__future_listen(future, handle);
    return 0;
}
static inline int asyncio_task_add_done_callback_in_context(asyncio_task *task, asyncio_handle *handle,
                                                            asyncio_done_callback callback, void *arg,
                                                            asyncio_context *context)
{
    return asyncio_future_add_done_callback_in_context(&task->future, handle, callback, arg, context);
}

/* asyncio_runner_run_in_context - as asyncio_runner_run, and the main task runs in `context`, not in the runner's;
 * NULL: in the runner's. Source: runners.py:Runner.run(context=). */
static inline int asyncio_runner_run_in_context(asyncio_runner *runner, asyncio_root *root, asyncio_value *value,
                                                asyncio_context *context)
{
    return asyncio__runner_run(runner, root, value, NULL, context);
}

/* ---- A block ---- */

/*
 * asyncio_contextvar_setting(var, value) - set a variable for a block:
 *
 *     ASYNC_WITH(&self->setting, asyncio_contextvar_setting(&request, 7)) {...}     with a field of that type
 *
 *   Suspends   never on its own account
 *   Errors     of the block: ASYNCIO_ENOMEM before the body, or after it, as set and reset; else the body's
 *   Source     Token.__enter__, __exit__ (3.14)
 */
typedef struct asyncio_contextvar_setting {
    asyncio_block block;
    const asyncio_contextvar *var;
    asyncio_value value;
    asyncio_contextvar_token token;
} asyncio_contextvar_setting;

static inline asyncio_status asyncio__setting_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    asyncio_contextvar_setting *setting = (asyncio_contextvar_setting *)(void *)block;
    (void)self, (void)task;
    return asyncio__status(asyncio_contextvar_set(setting->var, setting->value, &setting->token), 0);
}
static inline asyncio_status asyncio__setting_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task,
                                                   int err)
{
    asyncio_contextvar_setting *setting = (asyncio_contextvar_setting *)(void *)block;
    int failed = asyncio_contextvar_reset(setting->var, &setting->token);
    (void)self, (void)task;
    return failed != 0 ? asyncio__status(failed, 0) : asyncio__status(err, block->detail);
}
static const asyncio_block_type asyncio__setting_block = {asyncio__setting_enter, asyncio__setting_exit, NULL};

static inline void asyncio_contextvar_setting_init(asyncio_contextvar_setting *setting, const asyncio_contextvar *var,
                                                 asyncio_value value)
{
    setting->block.type = &asyncio__setting_block;
    setting->var = var;
    setting->value = value;
}
#define asyncio_contextvar_setting(var, value)                                                                         \
    asyncio_contextvar_setting_init(ASYNCIO__BLOCK, var, ASYNCIO__VALUE(value))

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif

#endif /* ASYNCIO_CONTEXTS_H */
