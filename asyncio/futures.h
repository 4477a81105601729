/* SPDX-License-Identifier: MIT
 *
 * asyncio/futures.h - the Future: a result that somebody will have.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(worker, asyncio_future *done;)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_future_set_result(self->done, 42);
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, asyncio_future done; int answer;)        // a field, not a local: it must survive the await
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_future_init(&self->done, NULL);
 *         asyncio_create_task(ASYNC_NEW(worker, .done = &self->done));
 *         ASYNC_AWAIT_INTO(self->answer, &self->done);
 *         printf("%d\n", self->answer);
 *         asyncio_future_release(&self->done);
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * Rules, the bad news first
 *
 *   1. A Future in storage of yours stays where it is until it is done and its last callback has run, or until nobody
 *      waits for it and nobody will settle it.
 *   2. An error that nobody reads is reported when the last hold is released, not before: release every Future.
 *   3. Cancelling a task that awaits a Future cancels the Future, and so everybody else who awaits it.
 *
 *         set_result, set_exception
 *     PENDING -----------------------> FINISHED      Completion runs nothing: it puts every waiter, task or callback,
 *        |    cancel                                 into the ready list, in the order in which they came.
 *        +---------------------------> CANCELLED
 *
 * In front of it stands what it is made of: contexts, reports, the ready list, lists of waiters, handles.
 */
#ifndef ASYNCIO_FUTURES_H
#define ASYNCIO_FUTURES_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline asyncio__core *asyncio__core_of(asyncio_loop *loop)
{
    return (asyncio__core *)(void *)loop;
}

static inline asyncio_task *asyncio__node_task(asyncio__node *node)
{
    return (asyncio_task *)(void *)((char *)node - offsetof(asyncio_task, wait));
}

/* The root frame is always reached through this pointer, never as task->coro.x: the body sees the same bytes as part of
 * its own struct, and compilers may assume that two unrelated structs do not overlap. */
static inline asyncio_coro *asyncio__root_of(asyncio_task *task)
{
    return (asyncio_coro *)(void *)((char *)task + offsetof(asyncio_task, coro));
}

/* How often cancel() was called, less uncancel(). */
ASYNCIO__HOT uint16_t *asyncio__cancelling(asyncio_task *task)
{
#if ASYNCIO__CANCELLING_IN_FRAME
    return &asyncio__root_of(task)->cancelling;
#else
    return &task->future.cancelling;
#endif
}

static inline asyncio_task *asyncio__task_of(asyncio_coro *root)
{
    return (asyncio_task *)(void *)((char *)root - offsetof(asyncio_task, coro));
}

/* Clears without a call to memset, which a firmware image may not have. */
ASYNCIO__HOT void asyncio__clear(void *memory, size_t size)
{
#if ASYNCIO_HOSTED && defined(__GNUC__) && !defined(__TINYC__)
#if defined(__x86_64__) && !defined(__clang__) && !ASYNCIO__SMALL
    if (__builtin_constant_p(size) && size > 64 && size <= 1024) { /* gcc takes `rep stos`, which is slow to start */
        for (; size > 64; size -= 64) {
            __builtin_memset(memory, 0, 64);
            memory = (char *)memory + 64;
            ASYNCIO__OPAQUE(memory);
        }
    }
#endif
    __builtin_memset(memory, 0, size);
#else
    unsigned char *byte = (unsigned char *)memory;
    while (size-- != 0) {
        *byte++ = 0;
#ifdef __GNUC__
        __asm__ volatile("" ::: "memory"); /* or the loop becomes the call again */
#endif
    }
#endif
}

/* ---- Contexts ----
 *
 * A slot of a task, a handle, a thread. Only what has variables to lose costs more than a test for NULL. */

#if ASYNCIO_CONTEXTS
static inline void asyncio__variables_init(asyncio__variables *variables, bool shared,
                                           void (*free)(asyncio__variables *variables))
{
#if ASYNCIO_THREADS
    __atomic_store_n(&asyncio__variables_exist, true, __ATOMIC_RELAXED);
#else
    asyncio__variables_exist = true;
#endif
    variables->holds = 1;
    variables->shared = shared;
    variables->free = free;
}

/* Tables come from other threads, too: with call_soon_threadsafe. */
static inline asyncio__variables *asyncio__variables_hold(asyncio__variables *variables)
{
#if ASYNCIO_THREADS
    (void)__atomic_add_fetch(&variables->holds, 1, __ATOMIC_RELAXED);
#else
    variables->holds++;
#endif
    return variables;
}
ASYNCIO__NOINLINE void asyncio__variables_release(asyncio__variables *variables)
{
#if ASYNCIO_THREADS
    if (__atomic_sub_fetch(&variables->holds, 1, __ATOMIC_ACQ_REL) == 0)
#else
    if (--variables->holds == 0)
#endif
        variables->free(variables);
}

static inline void asyncio__context_drop(asyncio__variables **slot)
{
    asyncio__variables *variables = *slot;
    *slot = NULL;
    if (ASYNCIO__UNLIKELY(variables != NULL))
        asyncio__variables_release(variables);
}

/* The slot of what runs in this thread. */
static inline asyncio__variables **asyncio__context_slot(void)
{
    asyncio__core *core = asyncio__core_of(asyncio__running_loop);
    if (core != NULL && core->context != NULL)
        return core->context;
    if (core != NULL && core->current != NULL)
        return &core->current->context;
    return asyncio__outside.entered != NULL ? asyncio__outside.entered : &asyncio__outside.own;
}

/* A copy of a context for a slot. `variables` is not NULL. */
ASYNCIO__COLD asyncio__variables *asyncio__variables_copy(asyncio__variables *variables)
{
    if (variables->shared)
        variables = ((asyncio_context *)(void *)variables)->table;
    return variables != NULL ? asyncio__variables_hold(variables) : NULL;
}

/* A copy of the current context. In a loop that runs, that of its task or callback: it is this thread's then. */
ASYNCIO__COLD asyncio__variables *asyncio__context_look(asyncio__core *core)
{
    asyncio__variables **slot;
    if (core->running)
        slot = core->context != NULL ? core->context : core->current != NULL ? &core->current->context : NULL;
    else
        slot = asyncio__context_slot();
    return slot != NULL && *slot != NULL ? asyncio__variables_copy(*slot) : NULL;
}
ASYNCIO__HOT asyncio__variables *asyncio__context_capture(asyncio__core *core)
{
#if ASYNCIO_THREADS
    bool exist = __atomic_load_n(&asyncio__variables_exist, __ATOMIC_RELAXED);
#else
    bool exist = asyncio__variables_exist;
#endif
    return exist ? asyncio__context_look(core) : NULL;
}

/* What runs from here on in this thread runs in the context of this slot; leave gets what enter gave. */
static inline asyncio__variables ***asyncio__context_place(void)
{
    return asyncio__running_loop != NULL ? &asyncio__core_of(asyncio__running_loop)->context
                                         : &asyncio__outside.entered;
}
static inline void asyncio__context_leave(asyncio__variables **previous)
{
    *asyncio__context_place() = previous;
    if (asyncio__running_loop != NULL)
        asyncio__core_of(asyncio__running_loop)->lasting = previous;
}
static inline asyncio__variables **asyncio__context_enter(asyncio__variables **slot)
{
    asyncio__variables **previous = *asyncio__context_place();
    asyncio__context_leave(slot);
    return previous;
}

/* Around what runs within a callback or step, but in another context. */
static inline void asyncio__context_cover(asyncio__context_below *below)
{
    below->slot = asyncio__context_slot();
    below->next = asyncio__outside.below;
    asyncio__outside.below = below;
}
static inline void asyncio__context_uncover(const asyncio__context_below *below)
{
    asyncio__outside.below = below->next;
}

static inline void asyncio__handle_drop_context(asyncio_handle *handle) { asyncio__context_drop(&handle->context); }
static inline void asyncio__task_drop_context(asyncio_task *task) { asyncio__context_drop(&task->context); }
#else
static inline void asyncio__handle_drop_context(asyncio_handle *handle) { (void)handle; }
static inline void asyncio__task_drop_context(asyncio_task *task) { (void)task; }
#endif

/* ---- Reports ---- */

/*
 * asyncio_call_exception_handler - report something that no caller can be told of.
 *
 *   loop, context   not NULL
 *   Suspends        never. Returns nothing; allocates nothing.
 *   Source          base_events.py:BaseEventLoop.call_exception_handler. Differs: C handlers cannot raise, so there is
 *                   no "Unhandled error in exception handler". Without a handler a firmware build stays silent. The
 *                   handler runs in the context of the task that the report is about.
 */
static inline void asyncio_call_exception_handler(asyncio_loop *loop, const asyncio_exception_context *context)
{
    asyncio__core *core = asyncio__core_of(loop);
#if ASYNCIO_CONTEXTS
    asyncio_task *task = context->task;
    asyncio__variables **previous = NULL;
    if (task != NULL)
        previous = asyncio__context_enter(&task->context);
#endif
    if (ASYNCIO_REPORTS && core->handler != NULL)
        core->handler(loop, context, core->handler_arg);
    else if (ASYNCIO_REPORTS && core->default_handler != NULL)
        core->default_handler(loop, context, NULL);
#if ASYNCIO_CONTEXTS
    if (task != NULL) {
        asyncio__context_leave(previous);
        if ((task->future.flags & (ASYNCIO__DONE | ASYNCIO__CONTEXT)) == ASYNCIO__DONE)
            asyncio__task_drop_context(task); /* the handler set a variable: nobody else would drop it */
    }
#endif
}

ASYNCIO__COLD void asyncio__report(asyncio_future *future, const char *message)
{
    asyncio_exception_context context;
    if (!ASYNCIO_REPORTS)
        return;
    asyncio__clear(&context, sizeof context);
    context.message = message;
    if (future->flags & ASYNCIO__DONE) {
        context.err = future->err;
        context.detail = future->value;
    }
    if (future->flags & ASYNCIO__TASK)
        context.task = (asyncio_task *)(void *)future;
    else
        context.future = future;
    asyncio_call_exception_handler(future->loop, &context);
}

/* ---- Ready list ---- */

/* Whether a switch from task to task leaves out stores that a rare case then makes up for: more code, less time. */
#define ASYNCIO__FEW_STORES ASYNCIO_HOSTED

/* A node's `prev` stands for the link that leads to it, as a node's first member is its `next`: the node before, or the
 * list's head itself. So adding a node does not ask whether there is one before. Stale by design are the head's `prev`,
 * the last one's `next` and, with FEW_STORES until asyncio__ready_relink, the `prev` of what _push_last added. */
ASYNCIO__HOT_ONCE void asyncio__ready_push(asyncio__core *core, asyncio__node *node)
{
    asyncio__node **link = core->tail;
    core->tail = &node->next;
    node->prev = (asyncio__node *)(void *)link;
    *link = node;
}

/* The same for a node that only the loop's close takes out of the middle, or a mistake. */
ASYNCIO__HOT_ONCE void asyncio__ready_push_last(asyncio__core *core, asyncio__node *node)
{
    asyncio__node **link = core->tail;
    core->tail = &node->next;
    if (!ASYNCIO__FEW_STORES)
        node->prev = (asyncio__node *)(void *)link;
    *link = node;
}

/* Takes out the head while an iteration runs, which ends at `last`: only there the list can become empty. */
ASYNCIO__HOT asyncio__node *asyncio__ready_pop(asyncio__core *core)
{
    asyncio__node *node = core->head;
    if (node != core->last) {
        core->head = node->next;
        return node;
    }
    core->last = NULL;
    if (core->tail != &node->next) {
        core->head = node->next;
    } else {
        core->head = NULL;
        core->tail = &core->head;
    }
    return node;
}

/* Takes a node out of the middle. */
static inline void asyncio__ready_remove(asyncio__core *core, asyncio__node *node)
{
    bool first = node == core->head;
    asyncio__node **link = first ? &core->head : (asyncio__node **)(void *)node->prev;
    if (core->tail == &node->next) {
        *link = NULL;
        core->tail = link;
    } else {
        *link = node->next;
        node->next->prev = (asyncio__node *)(void *)link;
    }
    if (core->last == node)
        core->last = first ? NULL : node->prev;
}

/* Before such nodes are taken out: their `prev` is right until the next one is added. Cost: O(ready). */
static inline void asyncio__ready_relink(asyncio__core *core)
{
    asyncio__node **link;
    for (link = &core->head; ASYNCIO__FEW_STORES && link != core->tail; link = &(*link)->next)
        (*link)->prev = (asyncio__node *)(void *)link;
}

/* ---- Doubly linked lists whose head's prev is the last: a Future's waiters ---- */

static inline void asyncio__list_append(asyncio__node **head, asyncio__node *node)
{
    node->next = NULL;
    if (*head == NULL) {
        node->prev = node;
        *head = node;
    } else {
        asyncio__node *first = *head, *last = first->prev; /* read once: for a compiler `head` may lie in a node */
        last->next = node;
        first->prev = node;
        node->prev = last;
    }
}

static inline void asyncio__list_remove(asyncio__node **head, asyncio__node *node)
{
    if (node == *head) {
        *head = node->next;
        if (node->next != NULL)
            node->next->prev = node->prev;
    } else {
        node->prev->next = node->next;
        (node->next != NULL ? node->next : *head)->prev = node->prev;
    }
}

#if ASYNCIO_ALL_TASKS
static inline void asyncio__tasks_add(asyncio__task_list *list, asyncio_task *task)
{
    asyncio_task **link = list->end;
    list->end = &task->next_task;
    task->next_task = NULL;
    task->task_link = link;
    *link = task;
}

static inline void asyncio__tasks_remove(asyncio__task_list *list, asyncio_task *task)
{
    asyncio_task *next = task->next_task, **link = task->task_link;
    *link = next;
    if (next != NULL)
        next->task_link = link;
    else
        list->end = link;
}

/* A task that is done. */
static inline void asyncio__tasks_leave(asyncio_task *task)
{
    asyncio_future *future = &task->future;
    asyncio__core *core = asyncio__core_of(future->loop);
    asyncio__tasks_remove(&core->tasks, task);
    if (ASYNCIO__UNLIKELY(future->holds > 1 && (future->flags & ASYNCIO__HEAP))) {
        asyncio__tasks_add(&core->kept, task);
        future->flags |= ASYNCIO__LISTED;
    }
}
#endif

static inline void asyncio__core_init(asyncio__core *core)
{
    core->tail = &core->head;
#if ASYNCIO_ALL_TASKS
    core->tasks.end = &core->tasks.first;
    core->kept.end = &core->kept.first;
#endif
}

/* ---- Leftovers ---- */

ASYNCIO__COLD void asyncio__leftovers_release(asyncio_loop *loop, const asyncio_task *owner);

/* The owner's end looks for them only if it has the flag ASYNCIO__LEFTOVERS. */
static inline void asyncio__leftover_add(asyncio_task *owner, asyncio__leftover *leftover,
                                         void (*release)(asyncio_loop *loop, asyncio__leftover *leftover))
{
    asyncio__core *core = asyncio__core_of(owner->future.loop);
    leftover->owner = owner;
    leftover->release = release;
    leftover->prev = NULL;
    leftover->next = core->leftovers;
    core->give_up = asyncio__leftovers_release;
    if (core->leftovers != NULL)
        core->leftovers->prev = leftover;
    core->leftovers = leftover;
}

static inline void asyncio__leftover_remove(asyncio_loop *loop, asyncio__leftover *leftover)
{
    if (leftover->prev != NULL)
        leftover->prev->next = leftover->next;
    else
        asyncio__core_of(loop)->leftovers = leftover->next;
    if (leftover->next != NULL)
        leftover->next->prev = leftover->prev;
}

/* Gives up what is kept for this task; with NULL for any. */
ASYNCIO__COLD void asyncio__leftovers_release(asyncio_loop *loop, const asyncio_task *owner)
{
    asyncio__leftover *leftover = asyncio__core_of(loop)->leftovers;
    while (leftover != NULL) {
        asyncio__leftover *next = leftover->next;
        if (owner == NULL || leftover->owner == owner) {
            asyncio__leftover_remove(loop, leftover);
            leftover->release(loop, leftover);
        }
        leftover = next;
    }
}

/* ---- Coroutines that nobody has taken ---- */

/* The `awaiter` of a coroutine that is in the list of those that nobody has taken yet. Its Task's part is free until
 * then: the slot holds the file where it was made, and `value` the line. */
#if ASYNCIO__LISTS_UNTAKEN
extern asyncio_coro asyncio__untaken;
ASYNCIO__WEAK asyncio_coro asyncio__untaken;
ASYNCIO__COLD void asyncio__coro_made(asyncio_task *task, const char *file, int line)
{
    if (asyncio__running_loop == NULL)
        return;
    task->future.loop = asyncio__running_loop;
    task->future.value = line;
    task->wait.slot.object = (void *)(uintptr_t)file;
    asyncio__root_of(task)->awaiter = &asyncio__untaken;
    asyncio__tasks_add(&asyncio__core_of(task->future.loop)->kept, task);
}

/* Takes it off the list. False: it was not there. */
ASYNCIO__COLD bool asyncio__coro_take(asyncio_coro *coro)
{
    asyncio_task *task = asyncio__task_of(coro);
    if (coro->awaiter != &asyncio__untaken)
        return false;
    coro->awaiter = NULL;
    asyncio__tasks_remove(&asyncio__core_of(task->future.loop)->kept, task);
    return true;
}

/* Another thread will take it. Made in a loop of this thread, it leaves the list here; made in that one's, there. */
static inline void asyncio__coro_hand_over(asyncio_coro *coro)
{
    if (coro->awaiter == &asyncio__untaken && asyncio__task_of(coro)->future.loop == asyncio__running_loop)
        (void)asyncio__coro_take(coro);
}

/* The loop is being closed. Whoever has the coroutine may still take it. */
ASYNCIO__COLD void asyncio__report_untaken(asyncio__core *core)
{
    asyncio_task *task, *next;
    asyncio_exception_context context;
    for (task = core->kept.first; task != NULL; task = next) {
        asyncio_loop *loop = task->future.loop;
        next = task->next_task;
        if (!asyncio__coro_take(asyncio__root_of(task)))
            continue;
        asyncio__clear(&context, sizeof context);
        context.message = "a coroutine was made here, and never awaited";
        context.file = (const char *)task->wait.slot.object;
        context.line = (int)task->future.value;
        asyncio_call_exception_handler(loop, &context);
    }
}
#else
static inline bool asyncio__coro_take(asyncio_coro *coro)
{
    (void)coro;
    return false;
}
static inline void asyncio__coro_hand_over(asyncio_coro *coro) { (void)coro; }
#endif
#if ASYNCIO__LISTS_UNTAKEN && ASYNCIO_POISON
#define ASYNCIO__MADE(storage, file, line) asyncio__coro_made((asyncio_task *)(void *)(storage), file, line)
#else
#define ASYNCIO__MADE(storage, file, line) ((void)0)
#endif

/* ---- Handles ---- */

/* Nobody can reach it any more: report an unread error, free it. Not inline: gcc -O3 would warn that a Future on the
 * stack is too small for the links of a Task, which it does not have. */
ASYNCIO__NOINLINE void asyncio__future_forget(asyncio_future *future)
{
    if (future->flags & ASYNCIO__UNREAD) {
        future->flags &= (uint16_t)~ASYNCIO__UNREAD;
        asyncio__report(future, future->flags & ASYNCIO__TASK ? "Task exception was never retrieved"
                                                              : "Future exception was never retrieved");
    }
#if ASYNCIO_ALL_TASKS
    if (future->flags & ASYNCIO__LISTED) {
        future->flags &= (uint16_t)~ASYNCIO__LISTED;
        asyncio__tasks_remove(&asyncio__core_of(future->loop)->kept, (asyncio_task *)(void *)future);
    }
#endif
    if ((future->flags & (ASYNCIO__TASK | ASYNCIO__CONTEXT)) == (ASYNCIO__TASK | ASYNCIO__CONTEXT)) {
        future->flags &= (uint16_t)~ASYNCIO__CONTEXT;
        asyncio__task_drop_context((asyncio_task *)(void *)future);
    }
    if (future->flags & ASYNCIO__HEAP)
        asyncio__core_of(future->loop)->free(future);
}

#if ASYNCIO__COUNTS_HOLDS
/* Nobody holds it. Who waits only to report its error does not keep it. Out of line, as that. */
ASYNCIO__NOINLINE void asyncio__future_unheld(asyncio_future *future)
{
    asyncio__node *node = future->waiters;
    if (ASYNCIO__MISTAKE((future->flags & (ASYNCIO__TASK | ASYNCIO__DONE)) == ASYNCIO__TASK)) {
        future->holds = 1;
        asyncio__report(future, "a task is released that only its loop holds");
        return;
    }
    if ((future->flags & ASYNCIO__LOGS) && node != NULL && node->next == NULL && node->wait->in == ASYNCIO__NO_TASK) {
        asyncio_handle *handle = (asyncio_handle *)(void *)node;
        if (handle->flags & ASYNCIO__HANDLE_LOG) {
            future->waiters = NULL;
            asyncio__handle_drop_context(handle);
            asyncio__core_of(future->loop)->free(handle);
        }
    }
    if (future->waiters == NULL)
        asyncio__future_forget(future);
}

static inline void asyncio__future_unhold(asyncio_future *future)
{
    if (future->holds == UINT16_MAX) /* counted past the end: kept for ever */
        return;
    if (future->holds > 0)
        future->holds--;
    if (future->holds == 0 &&
        (future->flags & (ASYNCIO__HEAP | ASYNCIO__LISTED | ASYNCIO__UNREAD | ASYNCIO__CONTEXT | ASYNCIO__LOGS)))
        asyncio__future_unheld(future);
}

/* Nobody waits for it any more: if nobody holds it either, it was kept for those only. */
static inline void asyncio__future_left(asyncio_future *future)
{
    if (ASYNCIO__UNLIKELY(future->holds == 0) &&
        (future->flags & (ASYNCIO__HEAP | ASYNCIO__UNREAD | ASYNCIO__CONTEXT | ASYNCIO__LOGS)))
        asyncio__future_unheld(future);
}

static inline int asyncio__future_hold(asyncio_future *future)
{
    if (future->holds < UINT16_MAX)
        future->holds++;
    return 0;
}
static inline bool asyncio__future_is_held(const asyncio_future *future) { return future->holds != 0; }
#else
static inline void asyncio__future_unhold(asyncio_future *future) { (void)future; }
static inline void asyncio__future_left(asyncio_future *future) { (void)future; }
static inline int asyncio__future_hold(asyncio_future *future)
{
    (void)future;
    return 0;
}
static inline bool asyncio__future_is_held(const asyncio_future *future)
{
    (void)future;
    return true;
}
#endif

/* Held by the program. A task that is done already was not listed then, so that the loop's close would miss it. */
ASYNCIO__NOINLINE void asyncio__future_keep(asyncio_future *future)
{
    asyncio__future_hold(future);
#if ASYNCIO_ALL_TASKS
    if ((future->flags & ASYNCIO__TASK) && (future->flags & ASYNCIO__DONE) && (future->flags & ASYNCIO__HEAP) &&
        !(future->flags & (ASYNCIO__LISTED | ASYNCIO__WATCHED))) {
        asyncio__tasks_add(&asyncio__core_of(future->loop)->kept, (asyncio_task *)(void *)future);
        future->flags |= ASYNCIO__LISTED;
    }
#endif
}

/* Around a callback. Its context goes on with what runs, for the handle is free again; a handle that is called again
 * and again keeps it. */
typedef struct asyncio__callback_context {
#if ASYNCIO_CONTEXTS
    asyncio__variables *own;
#else
    char unused;
#endif
} asyncio__callback_context;
ASYNCIO__HOT void asyncio__callback_begin(asyncio__callback_context *run, asyncio_loop *loop, asyncio_handle *handle)
{
#if ASYNCIO_CONTEXTS
    if (ASYNCIO__UNLIKELY(handle->flags & ASYNCIO__HANDLE_KEEPS)) {
        run->own = NULL;
        asyncio__core_of(loop)->context = asyncio__core_of(loop)->lasting = &handle->context;
    } else {
        run->own = handle->context;
        handle->context = NULL;
        asyncio__core_of(loop)->context = &run->own;
    }
#else
    (void)run, (void)loop, (void)handle;
#endif
}
ASYNCIO__HOT void asyncio__callback_end(asyncio__callback_context *run, asyncio_loop *loop)
{
#if ASYNCIO_CONTEXTS
    asyncio__core_of(loop)->context = NULL;
    if (ASYNCIO__UNLIKELY(run->own != NULL)) {
        asyncio__core_of(loop)->contexts_ended++;
        if (asyncio__core_of(loop)->lasting == &run->own)
            asyncio__core_of(loop)->lasting = NULL;
        asyncio__variables_release(run->own);
    }
#else
    (void)run, (void)loop;
#endif
}

static inline int asyncio__handle_run(asyncio__node *node)
{
    asyncio_handle *handle = (asyncio_handle *)(void *)node;
    asyncio__callback_context run;
    unsigned flags = handle->flags; /* copied first: the callback may arm or free its own storage */
    void *arg = handle->arg;
    handle->flags &= (uint16_t)~ASYNCIO__HANDLE_QUEUED;
    if (flags & ASYNCIO__HANDLE_DONE) {
        asyncio_done_callback done = handle->callback.done;
        asyncio_future *future = handle->of.future;
        asyncio_loop *loop = future->loop;
        asyncio__callback_begin(&run, loop, handle);
        if (flags & ASYNCIO__HANDLE_HEAP)
            asyncio__core_of(loop)->free(handle);
        done(future, arg);
        asyncio__callback_end(&run, loop);
        asyncio__future_unhold(future);
    } else {
        asyncio_callback plain = handle->callback.plain;
        asyncio_loop *loop = handle->of.loop;
        asyncio__callback_begin(&run, loop, handle);
        if (flags & ASYNCIO__HANDLE_HEAP)
            asyncio__core_of(loop)->free(handle);
        plain(arg);
        asyncio__callback_end(&run, loop);
    }
    return ASYNCIO__PENDING;
}

static inline void asyncio__handle_queue(asyncio_loop *loop, asyncio_handle *handle)
{
    asyncio__core *core = asyncio__core_of(loop);
    unsigned odd = core->odd ? ASYNCIO__HANDLE_ODD : 0u;
    handle->flags = (uint16_t)((handle->flags & ~(ASYNCIO__HANDLE_LISTED | ASYNCIO__HANDLE_ODD)) |
                               ASYNCIO__HANDLE_QUEUED | odd);
    asyncio__ready_push(core, &handle->timer.node);
}

/* Takes a queued handle back. What is queued for the next batch leaves a gap there, as in CPython: an iteration. */
static inline void asyncio__handle_unqueue(asyncio_loop *loop, asyncio_handle *handle)
{
    asyncio__core *core = asyncio__core_of(loop);
    asyncio__ready_remove(core, &handle->timer.node);
    if (core->odd == ((handle->flags & ASYNCIO__HANDLE_ODD) != 0))
        core->nudge = true;
}

static inline void asyncio__handle_wake(asyncio__node *node, asyncio_future *future)
{
    asyncio_handle *handle = (asyncio_handle *)(void *)node;
    if (future != NULL)
        asyncio__future_hold(future); /* until the callback has run */
    asyncio__handle_queue(future != NULL ? future->loop : handle->of.loop, handle);
}

static const asyncio__wait asyncio__handle_kind = {asyncio__handle_run, asyncio__handle_wake, NULL, NULL,
                                                   ASYNCIO__NO_TASK, 0 ASYNCIO__WHAT("callback")};

/* Fills a handle: yours, or with NULL one from the heap. NULL: out of memory. Its callback's context is empty. */
static inline asyncio_handle *asyncio__handle_init(asyncio_loop *loop, asyncio_handle *handle)
{
    uint16_t flags = 0;
    if (handle == NULL) {
        asyncio__core *core = asyncio__core_of(loop);
        if (core->alloc == NULL || (handle = (asyncio_handle *)core->alloc(sizeof *handle)) == NULL)
            return NULL;
        flags = ASYNCIO__HANDLE_HEAP;
    }
    handle->timer.node.wait = &asyncio__handle_kind;
    handle->flags = flags;
    handle->of.loop = loop;
#if ASYNCIO_CONTEXTS
    handle->context = NULL;
#endif
    return handle;
}

/* Fills the context of a handle that has none yet: with a copy of the current one. */
static inline void asyncio__handle_capture(asyncio_loop *loop, asyncio_handle *handle)
{
#if ASYNCIO_CONTEXTS
    handle->context = asyncio__context_capture(asyncio__core_of(loop));
#else
    (void)loop, (void)handle;
#endif
}

/* Names who waits behind a done callback that was added just before. Good while the callback is in the list. */
static inline void asyncio__awaited_by(asyncio_awaited_by *link, asyncio_future *waiter)
{
    link->waiter = waiter;
    link->handle.flags |= ASYNCIO__HANDLE_WAITER;
}

/* ---- Future ----
 *
 * Nothing here suspends; nothing allocates but add_done_callback without a handle; what states no cost is O(1). */

/*
 * asyncio_future_init - a pending Future in storage of yours, held once by you.
 *
 *   future     cleared and bound to the loop
 *   loop       NULL: the running loop of this thread, which there must be
 *   Suspends   never. Returns nothing; allocates nothing.
 *   Source     futures.py:Future.__init__. End it with asyncio_future_release to learn of an error that nobody read.
 */
static inline void asyncio_future_init(asyncio_future *future, asyncio_loop *loop)
{
    ASYNCIO__OPAQUE(future);
    future->loop = loop != NULL ? loop : asyncio__running_loop;
    future->waiters = NULL;
    future->value = 0;
#if !ASYNCIO__CANCELLING_IN_FRAME
    future->cancelling = 0; /* from here on: one store */
#endif
    future->flags = 0;
#if ASYNCIO__COUNTS_HOLDS
    future->holds = 1;
#endif
    future->err = 0;
}

/* asyncio_future_done, asyncio_future_cancelled, asyncio_future_get_loop - as Python's. Never suspend, never fail. One
 * that holds ASYNCIO_ECANCELLED by set_exception is not cancelled(). */
static inline bool asyncio_future_done(const asyncio_future *future) { return (future->flags & ASYNCIO__DONE) != 0; }
static inline bool asyncio_future_cancelled(const asyncio_future *future)
{
    return (future->flags & ASYNCIO__CANCELLED) != 0;
}
static inline asyncio_loop *asyncio_future_get_loop(const asyncio_future *future) { return future->loop; }

/* asyncio_future_task - the Task that a Future is the head of, as in a done callback; NULL if it is no Task's. */
static inline asyncio_task *asyncio_future_task(asyncio_future *future)
{
    return future->flags & ASYNCIO__TASK ? (asyncio_task *)(void *)future : NULL;
}

/* Settles the outcome and schedules every waiter, in order. Nothing runs before the loop's next iteration. */
static inline void asyncio__future_settle(asyncio_future *future, unsigned flags, int err, asyncio_value value)
{
    asyncio__node *node = future->waiters;
    if (ASYNCIO__UNLIKELY(future->flags & (ASYNCIO__FORSAKEN | ASYNCIO__TARGET))) {
        asyncio__core *core = asyncio__core_of(future->loop);
        if (future->flags & ASYNCIO__TARGET)
            core->stopping |= ASYNCIO__STOP_NEXT;
        if (future->flags & ASYNCIO__FORSAKEN) {
            core->nudge = true;
            flags &= ~ASYNCIO__UNREAD;
        }
        future->flags &= (uint16_t)~ASYNCIO__TARGET;
    }
    future->value = value;
    future->err = (int16_t)err;
    future->flags = (uint16_t)(future->flags | ASYNCIO__DONE | flags);
    future->waiters = NULL;
    while (node != NULL) {
        asyncio__node *next = node->next;
        node->wait->wake(node, future);
        node = next;
    }
    asyncio__future_left(future);
}

/*
 * asyncio_future_set_result, asyncio_future_set_exception - settle a Future; its waiters run in the next iteration.
 *
 *   value      an integer, or a pointer cast to asyncio_value
 *   err        1 .. 0x7fff: an errno value, a library code or one of your own. ASYNCIO_ECANCELLED is allowed, as in
 *              Python: the Future then holds that error but is not cancelled().
 *   Suspends   never
 *   Returns    0; ASYNCIO_EINVALIDSTATE if done already; ASYNCIO_ERUNTIME for a Task, whose coroutine alone settles it;
 *              set_exception: ASYNCIO_EVALUE if err is out of range
 *   Memory     allocates nothing. Cost: O(waiters).
 *   Source     futures.py:Future.set_result, set_exception. Differs: an int for an exception object, so no message.
 */
ASYNCIO__HOT bool asyncio__future_pass(asyncio_future *future, asyncio_value value); /* asyncio_task.h */
ASYNCIO__NOINLINE int asyncio__future_set(asyncio_future *future, asyncio_value value)
{
    if (future->flags & (ASYNCIO__DONE | ASYNCIO__TASK))
        return future->flags & ASYNCIO__TASK ? ASYNCIO_ERUNTIME : ASYNCIO_EINVALIDSTATE;
    asyncio__future_settle(future, 0, 0, value);
    return 0;
}
static inline int asyncio_future_set_result(asyncio_future *future, asyncio_value value)
{
    return !ASYNCIO__SMALL && asyncio__future_pass(future, value) ? 0 : asyncio__future_set(future, value);
}

static inline int asyncio_future_set_exception(asyncio_future *future, int err)
{
    if (future->flags & (ASYNCIO__DONE | ASYNCIO__TASK))
        return future->flags & ASYNCIO__TASK ? ASYNCIO_ERUNTIME : ASYNCIO_EINVALIDSTATE;
    if (err <= 0 || err > ASYNCIO_EUSERMAX)
        return ASYNCIO_EVALUE;
    asyncio__future_settle(future, ASYNCIO__UNREAD, err, 0);
    return 0;
}

/*
 * asyncio_future_result - the outcome of a Future.
 *
 *   value      receives the result, or 0; may be NULL
 *   Suspends   never
 *   Returns    0; the error it holds; ASYNCIO_ECANCELLED if cancelled; ASYNCIO_EINVALIDSTATE while pending
 *   Source     futures.py:Future.result. Marks the error as read.
 */
static inline int asyncio_future_result(asyncio_future *future, asyncio_value *value)
{
    if (value != NULL)
        *value = (future->flags & ASYNCIO__DONE) && future->err == 0 ? future->value : 0;
    if (!(future->flags & ASYNCIO__DONE))
        return ASYNCIO_EINVALIDSTATE;
    future->flags &= (uint16_t)~ASYNCIO__UNREAD;
    return future->err;
}

/*
 * asyncio_future_exception - the error that a Future holds.
 *
 *   Suspends   never
 *   Returns    0 if it has a result; the error; ASYNCIO_ECANCELLED if cancelled; ASYNCIO_EINVALIDSTATE while pending
 *   Source     futures.py:Future.exception. Marks the error as read.
 */
static inline int asyncio_future_exception(asyncio_future *future) { return asyncio_future_result(future, NULL); }

/* The detail of a done Future's error, for somebody who reads it. A Task hands out the message that it was cancelled
 * with once, unless that cancel() came at its very end. */
ASYNCIO__HOT asyncio_value asyncio__future_detail(asyncio_future *future)
{
    const unsigned once = ASYNCIO__CANCELLED | ASYNCIO__TASK;
    if (!ASYNCIO_MESSAGES || ASYNCIO__LIKELY(!(future->flags & ASYNCIO__CANCELLED)))
        return future->value;
    if ((future->flags & (once | ASYNCIO__MESSAGE)) != once)
        return future->value;
    if (future->flags & ASYNCIO__MUST_CANCEL)
        return 0;
    future->flags |= ASYNCIO__MUST_CANCEL;
    return future->value;
}

/*
 * asyncio_future_detail - what goes with the error that a Future holds, as ASYNC_CATCH_INTO gives it: a traceback (see
 * asyncio_traceback); of ASYNCIO_ECANCELLED the message, a const char *. For ASYNC_RAISE(err, detail).
 *
 *   Suspends   never
 *   Returns    the detail; 0 if there is none, no error, or it is not done. Of a cancelled Task it goes to one reader
 *              only: by this, or by an await.
 *   Source     the exception object of Future.result. As in CPython, which gives away the CancelledError of a Task once
 *              and then makes new ones without a message.
 *
 * asyncio_future_cancel_message - what cancel() was given, however often you ask; NULL if nothing, or if not cancelled.
 */
static inline asyncio_value asyncio_future_detail(asyncio_future *future)
{
    return (future->flags & ASYNCIO__DONE) && future->err != 0 ? asyncio__future_detail(future) : 0;
}
static inline const char *asyncio_future_cancel_message(const asyncio_future *future)
{
    return future->flags & ASYNCIO__CANCELLED ? (const char *)future->value : NULL;
}

static inline bool asyncio_task_cancel(asyncio_task *task, const char *msg);

/* Not inline: of a plain Future gcc would say that no hook stands behind it, not knowing its flags. */
ASYNCIO__NOINLINE bool asyncio__cancel_hooked(asyncio_future *future, const char *msg)
{
    return ((asyncio__hooked_future *)(void *)future)->cancel(future, msg);
}

/*
 * asyncio_future_cancel - cancel a Future; of a Task: ask it to stop, see asyncio_task_cancel.
 *
 *   msg        not copied; NULL for none. Whoever awaits gets ASYNCIO_ECANCELLED with this as its detail.
 *   Suspends   never
 *   Returns    true; false if it was done already (then an unread error counts as read, unless it is a gather's, as in
 *              Python)
 *   Memory     allocates nothing. Cost: O(waiters).
 *   Source     futures.py:Future.cancel
 */
static inline bool asyncio_future_cancel(asyncio_future *future, const char *msg)
{
    if (future->flags & ASYNCIO__DONE) {
        if ((future->flags & (ASYNCIO__TASK | ASYNCIO__CANCEL_HOOK)) != ASYNCIO__CANCEL_HOOK)
            future->flags &= (uint16_t)~ASYNCIO__UNREAD;
        return false;
    }
    if (future->flags & (ASYNCIO__TASK | ASYNCIO__CANCEL_HOOK))
        return future->flags & ASYNCIO__TASK ? asyncio_task_cancel((asyncio_task *)(void *)future, msg)
                                             : asyncio__cancel_hooked(future, msg);
    asyncio__future_settle(future, ASYNCIO__CANCELLED, ASYNCIO_ECANCELLED, (asyncio_value)msg);
    return true;
}

/*
 * asyncio_future_add_done_callback - have callback(future, arg) called by the loop when the Future is done.
 *
 *   handle     storage for it, yours until it was called or removed; NULL: one allocation, freed before the call
 *   callback   gets a Future that is kept alive until it returns; asyncio_future_task gives the Task that it is
 *   Suspends   never; never calls it synchronously, also not when the Future is done already
 *   Returns    0; ASYNCIO_ENOMEM (handle NULL); ASYNCIO_ECLOSED; ASYNCIO_ENOINIT for a Future without a loop
 *   Cost       O(1)
 *   Source     futures.py:Future.add_done_callback. Waiting tasks and callbacks run in one order, that of registration.
 *              It runs in a copy of the context that it was registered in (asyncio/contexts.h).
 *              Differs: the same callback may be taken back alone, by asyncio_handle_cancel.
 */
static inline void asyncio__future_listen(asyncio_future *future, asyncio_handle *handle)
{
    handle->flags = (uint16_t)(handle->flags | ASYNCIO__HANDLE_DONE | ASYNCIO__HANDLE_LISTED);
    handle->of.future = future;
    if (future->flags & ASYNCIO__DONE)
        asyncio__handle_wake(&handle->timer.node, future);
    else
        asyncio__list_append(&future->waiters, &handle->timer.node);
}
static inline int asyncio_future_add_done_callback(asyncio_future *future, asyncio_handle *handle,
                                                   asyncio_done_callback callback, void *arg)
{
    if (ASYNCIO__MISTAKE(future->loop == NULL))
        return ASYNCIO_ENOINIT;
    if (asyncio__core_of(future->loop)->closed)
        return ASYNCIO_ECLOSED;
    handle = asyncio__handle_init(future->loop, handle);
    if (handle == NULL)
        return ASYNCIO_ENOMEM;
    asyncio__handle_capture(future->loop, handle);
    handle->callback.done = callback;
    handle->arg = arg;
    asyncio__future_listen(future, handle);
    return 0;
}

/*
 * asyncio_future_remove_done_callback - remove every callback with this function and argument.
 *
 *   Suspends   never
 *   Returns    how many; 0 once the Future is done, for then they are scheduled. Their storage is yours again.
 *   Cost       O(waiters)
 *   Source     futures.py:Future.remove_done_callback
 */
static inline int asyncio_future_remove_done_callback(asyncio_future *future, asyncio_done_callback callback, void *arg)
{
    int removed = 0;
    asyncio__node *node, *next;
    for (node = future->waiters; node != NULL; node = next) {
        asyncio_handle *handle = (asyncio_handle *)(void *)node;
        next = node->next;
        if (node->wait->in != ASYNCIO__NO_TASK) /* a waiting task */
            continue;
        if (handle->callback.done != callback || handle->arg != arg)
            continue;
        asyncio__list_remove(&future->waiters, node);
        handle->flags &= (uint16_t)~ASYNCIO__HANDLE_LISTED;
        asyncio__handle_drop_context(handle);
        if (handle->flags & ASYNCIO__HANDLE_HEAP)
            asyncio__core_of(future->loop)->free(handle);
        removed++;
    }
    if (removed != 0)
        asyncio__future_left(future);
    return removed;
}

/*
 * asyncio_future_hold, asyncio_future_release - keep a Future, give it up. NULL is ignored.
 *
 *   Releasing the last hold reports an error that nobody read ("... was never retrieved"), and frees what is on the
 *   heap: at once, or when the last waiter is gone. 65535 holds at a time keep it for ever.
 *   Suspends   never
 *   Returns    hold: the same pointer
 *   Source     none: Python counts references
 */
static inline asyncio_future *asyncio_future_hold(asyncio_future *future)
{
    if (future != NULL)
        asyncio__future_keep(future);
    return future;
}
static inline void asyncio_future_release(asyncio_future *future)
{
    if (future != NULL)
        asyncio__future_unhold(future);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#include "../asyncio_task.h" /* for asyncio_task_cancel, where this file is included alone */

#endif /* ASYNCIO_FUTURES_H */
