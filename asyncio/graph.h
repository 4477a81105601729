/* SPDX-License-Identifier: MIT
 *
 * asyncio/graph.h - the call graph: who waits for whom, and where.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(fetch)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_AWAIT(asyncio_sleep(60));
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, asyncio_task *task;)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_print_call_graph_on_signal(NULL, SIGUSR1);   // from now on `kill -USR1` shows what it is doing
 *         asyncio_create_task(ASYNC_NEW(fetch), .name = "fetch", .into = &self->task);
 *         ASYNC_AWAIT(self->task);
 *         asyncio_task_release(self->task);
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * prints, in the layout of CPython's format_call_graph:
 *
 *     * Task(name='fetch', id=0x55d0c0a01490)
 *       + Call stack:
 *       |   File 'fetch.c', line 6, in async fetch()
 *       + Awaited by:
 *         * Task(name='Task-1', id=0x55d0c0a01010)
 *           + Call stack:
 *           |   File 'fetch.c', line 15, in async main_coro()
 *
 * Rules, the bad news first
 *
 *   1. Of a task that is running, only its root frame is known, with the line of its newest await: hand over `here`,
 *      the frame that asks (&self->coro), and the current task's whole stack is.
 *   2. Who waits for a lock, a queue or a descriptor is not in the graph: only Futures and Tasks have waiters there.
 *   3. A Future that several others wait behind is shown once in full, then as "(see above)"; so a circle ends.
 *   4. From the loop's own thread only, and not in signal context.
 *
 * Source: CPython Lib/asyncio/graph.py, futures.py:future_add_to_awaited_by, base_tasks.py, tools.py
 */
#ifndef ASYNCIO_GRAPH_H
#define ASYNCIO_GRAPH_H

#include "../asyncio_loop.h"
#if ASYNCIO_SELECTORS
#include "unix_events.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Who waits ---- */

static inline void asyncio__link_wake(asyncio__node *node, asyncio_future *future)
{
    (void)future;
    ((asyncio_handle *)(void *)node)->flags &= (uint16_t)~ASYNCIO__HANDLE_LISTED;
}
static const asyncio__wait asyncio__link_kind = {NULL, asyncio__link_wake, NULL, NULL,
                                                ASYNCIO__NO_TASK, 0 ASYNCIO__WHAT("link")};

/*
 * asyncio_future_add_to_awaited_by - record that `waiter` waits for `future`, for primitives of your own. A task that
 * awaits a Future is recorded already, and so are those behind gather, wait, shield and a TaskGroup.
 *
 *   link       yours, until the Future is done or the record is discarded
 *   Suspends   never. Returns nothing; allocates nothing. Nothing happens if the Future is done. Cost: O(1).
 *   Source     futures.py:future_add_to_awaited_by. Differs: recording the same twice needs discarding it twice.
 *
 * asyncio_future_discard_from_awaited_by - take that back. Not needed once the Future is done; then it does nothing.
 */
static inline void asyncio_future_add_to_awaited_by(asyncio_future *future, asyncio_future *waiter,
                                                    asyncio_awaited_by *link)
{
    (void)asyncio__handle_init(future->loop, &link->handle);
    link->handle.timer.node.wait = &asyncio__link_kind;
    link->handle.callback.done = NULL;
    link->handle.arg = NULL;
    link->handle.of.future = future;
    link->handle.flags = ASYNCIO__HANDLE_DONE;
    asyncio__awaited_by(link, waiter);
    if (asyncio_future_done(future))
        return;
    link->handle.flags |= ASYNCIO__HANDLE_LISTED;
    asyncio__list_append(&future->waiters, &link->handle.timer.node);
}
static inline void asyncio_future_discard_from_awaited_by(asyncio_awaited_by *link)
{
    asyncio_handle_cancel(&link->handle);
}

/* Who waits in this node of a Future's list; NULL: a callback on nobody's behalf. */
static inline asyncio_future *asyncio__graph_waiter(asyncio__node *node)
{
    if (node->wait->in != ASYNCIO__NO_TASK)
        return &asyncio__node_task(node)->future;
    if (((asyncio_handle *)(void *)node)->flags & ASYNCIO__HANDLE_WAITER)
        return ((asyncio_awaited_by *)(void *)node)->waiter;
    return NULL;
}

/* ---- Frames ---- */

/* Where a walk through a task's frames begins: at the innermost one that is known. NULL: there is none. */
static inline asyncio_coro *asyncio__graph_leaf(asyncio_task *task, asyncio_coro *here)
{
    if (asyncio_task_done(task))
        return NULL;
    if (task->wait.node.wait != NULL)
        return asyncio__root_of(task)->awaiter;
    return here != NULL && task == asyncio_current_task() ? here : asyncio__root_of(task);
}

/*
 * asyncio_task_get_stack - the frames of a task, from its root to where it waits; of one that ended with an error, the
 * frames that the error passed.
 *
 *   here         of the current task: the frame that asks, &self->coro; else NULL
 *   infos, size  where to put the innermost `size` of them, outermost first (of an error: the outermost `size`); NULL
 *                and 0 to count only
 *   Suspends     never. Allocates nothing. Cost: O(frames).
 *   Returns      how many there are: 0 for a task that is done without an error, or whose traceback was overwritten
 *   Source       tasks.py:Task.get_stack. Differs: all frames, where CPython has only the root's of a suspended task.
 */
static inline size_t asyncio_task_get_stack(asyncio_task *task, asyncio_coro *here, asyncio_frame_info *infos,
                                            size_t size)
{
    asyncio_coro *leaf = asyncio__graph_leaf(task, here), *coro;
    size_t count = 0, at;
    if (leaf == NULL) {
        asyncio_value detail = task->future.value;
        const asyncio_frame_info *info;
        if (task->future.err == 0 || task->future.err == ASYNCIO_ECANCELLED)
            return 0;
        for (; (info = asyncio_traceback(task->future.loop, &detail)) != NULL; count++)
            if (count < size)
                infos[count] = *info;
        return count;
    }
    for (coro = leaf; coro != asyncio__root_of(task); coro = coro->awaiter)
        count++;
    at = ++count < size ? count : size;
    for (coro = leaf; at > 0; coro = coro->awaiter)
        asyncio_describe(coro, &infos[--at]);
    return count;
}

/* ---- The graph ---- */

#define ASYNCIO__NO_PARENT ((size_t)-1)

/* A Future in the graph. The first is the one asked about; each stands behind the one that it waits for. */
typedef struct asyncio_call_graph_node {
    asyncio_future *future; /* asyncio_future_task gives the Task that it is */
    size_t parent;          /* the index of the node that it waits for; SIZE_MAX: it is the first */
    size_t depth;           /* 0: it is the first */
    bool again;             /* it came before in full: its waiters are there */
    asyncio__node *link;    /* the library's: its place among the parent's waiters */
} asyncio_call_graph_node;

typedef struct asyncio__graph {
    asyncio_call_graph_node *nodes;
    size_t size, count;
    bool full;
} asyncio__graph;

static inline bool asyncio__graph_push(asyncio__graph *graph, asyncio_future *future, size_t parent,
                                       asyncio__node *link)
{
    asyncio_call_graph_node *node;
    if (graph->count == graph->size) {
        graph->full = true;
        return false;
    }
    node = &graph->nodes[graph->count++];
    node->future = future;
    node->parent = parent;
    node->depth = parent == ASYNCIO__NO_PARENT ? 0 : graph->nodes[parent].depth + 1;
    node->again = (future->flags & ASYNCIO__SEEN) != 0;
    node->link = link;
    future->flags |= ASYNCIO__SEEN;
    return true;
}

/* Everybody who waits for a Future, for those, and so on: depth first, without recursion, for the way back is in the
 * nodes. */
static inline void asyncio__graph_tree(asyncio__graph *graph, asyncio_future *future)
{
    size_t at = graph->count;
    asyncio__node *link;
    if (!asyncio__graph_push(graph, future, ASYNCIO__NO_PARENT, NULL))
        return;
    link = graph->nodes[at].again ? NULL : future->waiters;
    for (;;) {
        while (link != NULL && asyncio__graph_waiter(link) == NULL)
            link = link->next;
        if (link != NULL) {
            if (!asyncio__graph_push(graph, asyncio__graph_waiter(link), at, link))
                return;
            at = graph->count - 1;
            link = graph->nodes[at].again ? NULL : graph->nodes[at].future->waiters;
        } else {
            if (graph->nodes[at].parent == ASYNCIO__NO_PARENT)
                return;
            link = graph->nodes[at].link->next;
            at = graph->nodes[at].parent;
        }
    }
}

static inline void asyncio__graph_over(asyncio__graph *graph)
{
    size_t i;
    for (i = 0; i < graph->count; i++)
        graph->nodes[i].future->flags &= (uint16_t)~ASYNCIO__SEEN;
}

/*
 * asyncio_capture_call_graph - a Future, who waits for it, who waits for those, and so on.
 *
 *   future       NULL: the current task
 *   nodes, size  where to put the first `size` of them, depth first, waiters in the order in which they came
 *   full         true if there are more than that; may be NULL
 *   Suspends     never. Allocates nothing, needs no stack: the depth is limited by `size` only. Cost: O(nodes).
 *   Returns      how many were put there; 0 if future is NULL and there is no current task. The pointers are good until
 *                you next await. The frames of each: asyncio_task_get_stack.
 *   Source       graph.py:capture_call_graph. Differs: a list with depths, not a tree; circles end.
 */
static inline size_t asyncio_capture_call_graph(asyncio_future *future, asyncio_call_graph_node *nodes, size_t size,
                                                bool *full)
{
    asyncio__graph graph;
    if (future == NULL && asyncio_current_task() != NULL)
        future = &asyncio_current_task()->future;
    graph.nodes = nodes;
    graph.size = size;
    graph.count = 0;
    graph.full = false;
    if (future != NULL)
        asyncio__graph_tree(&graph, future);
    asyncio__graph_over(&graph);
    if (full != NULL)
        *full = graph.full;
    return graph.count;
}

#if ASYNCIO_HOSTED

/* ---- Text ---- */

/* Where text goes: a file, or what fits of a buffer. */
typedef struct asyncio__graph_out {
    FILE *file;
    char *buffer;
    size_t size, length;
} asyncio__graph_out;

static inline void asyncio__graph_text(asyncio__graph_out *out, const char *text)
{
    if (out->file != NULL)
        fputs(text, out->file);
    for (; *text != '\0'; text++, out->length++)
        if (out->file == NULL && out->length + 1 < out->size)
            out->buffer[out->length] = *text;
}
static inline void asyncio__graph_number(asyncio__graph_out *out, const char *format, unsigned long number)
{
    char text[32];
    snprintf(text, sizeof text, format, number);
    asyncio__graph_text(out, text);
}

/* Deeper than this the lines do not move further to the right, and say their depth. */
#define ASYNCIO__GRAPH_INDENT 32u
static inline void asyncio__graph_indent(asyncio__graph_out *out, size_t depth)
{
    size_t i;
    for (i = 0; i < depth && i < ASYNCIO__GRAPH_INDENT; i++)
        asyncio__graph_text(out, "    ");
}

static inline void asyncio__graph_name(asyncio__graph_out *out, asyncio_future *future)
{
    char text[40];
#if ASYNCIO_NAMES
    char name[ASYNCIO_NAME_SIZE];
#endif
    if (future->flags & ASYNCIO__TASK) {
        asyncio__graph_text(out, "Task(");
#if ASYNCIO_NAMES
        asyncio__graph_text(out, "name='");
        asyncio__graph_text(out, asyncio_task_get_name(asyncio_future_task(future), name));
        asyncio__graph_text(out, "', ");
#endif
    } else {
        asyncio__graph_text(out, "Future(");
    }
    snprintf(text, sizeof text, "id=%p)", (void *)future);
    asyncio__graph_text(out, text);
}

static inline void asyncio__graph_frame(asyncio__graph_out *out, asyncio_coro *coro)
{
    asyncio_frame_info info;
    asyncio_describe(coro, &info);
    asyncio__graph_text(out, "  |   File '");
    asyncio__graph_text(out, info.file != NULL ? info.file : "?");
    asyncio__graph_number(out, "', line %lu, in async ", (unsigned long)info.line);
    asyncio__graph_text(out, info.function != NULL ? info.function : "?");
    asyncio__graph_text(out, "()\n");
}

/* The frames from the innermost to the root, as many as the limit says. */
static inline void asyncio__graph_stack(asyncio__graph_out *out, asyncio_task *task, asyncio_coro *here, int limit,
                                        size_t depth)
{
    asyncio_coro *root = asyncio__root_of(task), *coro = asyncio__graph_leaf(task, here), *next;
    unsigned long count = 1, skip = 0;
    if (coro == NULL || limit == 0)
        return;
    for (next = coro; next != root; next = next->awaiter)
        count++;
    if (limit > 0 && (unsigned long)limit < count)
        skip = count - (unsigned long)limit;
    else if (limit < 0 && 0ul - (unsigned long)limit < count)
        count = 0ul - (unsigned long)limit;
    asyncio__graph_indent(out, depth);
    asyncio__graph_text(out, "  + Call stack:\n");
    for (; count > 0; count--, coro = coro->awaiter) {
        if (skip > 0) {
            skip--;
            continue;
        }
        asyncio__graph_indent(out, depth);
        asyncio__graph_frame(out, coro);
    }
}

static inline void asyncio__graph_show(asyncio__graph_out *out, const asyncio__graph *graph, asyncio_coro *here,
                                       int limit)
{
    size_t i;
    for (i = 0; i < graph->count; i++) {
        const asyncio_call_graph_node *node = &graph->nodes[i];
        asyncio_task *task = asyncio_future_task(node->future);
        asyncio__graph_indent(out, node->depth);
        asyncio__graph_text(out, "* ");
        asyncio__graph_name(out, node->future);
        if (node->depth > ASYNCIO__GRAPH_INDENT)
            asyncio__graph_number(out, " (depth %lu)", (unsigned long)node->depth);
        asyncio__graph_text(out, node->again ? " (see above)\n" : "\n");
        if (task != NULL && !node->again)
            asyncio__graph_stack(out, task, here, limit, node->depth);
        if (i + 1 < graph->count && graph->nodes[i + 1].parent == i) {
            asyncio__graph_indent(out, node->depth);
            asyncio__graph_text(out, "  + Awaited by:\n");
        }
    }
    if (graph->full)
        asyncio__graph_text(out, "... (out of memory)\n");
}

/* Grows until everything fits; without memory it stays what it is. */
static inline bool asyncio__graph_grow(asyncio__graph *graph, asyncio_call_graph_node *few)
{
    size_t size = graph->size * 4;
    asyncio_call_graph_node *nodes = (asyncio_call_graph_node *)ASYNCIO_MALLOC(size * sizeof *nodes);
    if (nodes == NULL)
        return false;
    if (graph->nodes != few)
        ASYNCIO_FREE(graph->nodes);
    graph->nodes = nodes;
    graph->size = size;
    return true;
}

enum { ASYNCIO__GRAPH_FEW = 32 };

static inline void asyncio__graph_write(asyncio__graph_out *out, asyncio_future *future, asyncio_coro *here, int limit)
{
    asyncio_call_graph_node few[ASYNCIO__GRAPH_FEW];
    asyncio__graph graph;
    graph.nodes = few;
    graph.size = ASYNCIO__GRAPH_FEW;
    do
        graph.count = asyncio_capture_call_graph(future, graph.nodes, graph.size, &graph.full);
    while (graph.full && asyncio__graph_grow(&graph, few));
    if (graph.full) /* the nodes may be new ones */
        graph.count = asyncio_capture_call_graph(future, graph.nodes, graph.size, &graph.full);
    asyncio__graph_show(out, &graph, here, limit);
    if (graph.nodes != few)
        ASYNCIO_FREE(graph.nodes);
}

/*
 * asyncio_print_call_graph - print the call graph of a Future. asyncio_format_call_graph - into a buffer.
 *
 *   future        NULL: the current task
 *   here          of the current task: the frame that asks, &self->coro; else NULL
 *   limit         ASYNCIO_ALL_FRAMES; n > 0: the n outermost frames of each task, n < 0: the -n innermost, 0: none
 *   buffer, size  receives as much as fits, with a 0 at its end; NULL and 0 to measure only
 *   Suspends      never
 *   Returns       format: the length of the whole text, as snprintf does. Nothing is printed, and 0 returned, if future
 *                 is NULL and there is no current task.
 *   Memory        one block for more than 32 Futures; without memory the rest is left out, and the text says so
 *   Source        graph.py:print_call_graph, format_call_graph
 */
#define ASYNCIO_ALL_FRAMES 0x7fff
static inline void asyncio_print_call_graph(FILE *file, asyncio_future *future, asyncio_coro *here, int limit)
{
    asyncio__graph_out out = {NULL, NULL, 0, 0};
    out.file = file;
    asyncio__graph_write(&out, future, here, limit);
}
static inline size_t asyncio_format_call_graph(char *buffer, size_t size, asyncio_future *future, asyncio_coro *here,
                                               int limit)
{
    asyncio__graph_out out = {NULL, NULL, 0, 0};
    out.buffer = buffer;
    out.size = size;
    asyncio__graph_write(&out, future, here, limit);
    if (size > 0)
        buffer[out.length < size ? out.length : size - 1] = '\0';
    return out.length;
}

/*
 * asyncio_task_print_stack - print what asyncio_task_get_stack gives, and the error of a task that failed.
 *
 *   here       as there
 *   Suspends   never. Memory: one block for more than 32 frames; without it the rest is left out, and the text says so.
 *   Source     tasks.py:Task.print_stack. Differs: the lines' text is not printed.
 */
static inline void asyncio_task_print_stack(FILE *file, asyncio_task *task, asyncio_coro *here)
{
    asyncio__graph_out out = {NULL, NULL, 0, 0};
    asyncio_frame_info few[ASYNCIO__GRAPH_FEW], *infos = few;
    size_t count = asyncio_task_get_stack(task, here, NULL, 0), room = ASYNCIO__GRAPH_FEW, i;
    bool failed = asyncio_task_done(task) && task->future.err != 0 && task->future.err != ASYNCIO_ECANCELLED;
    if (count > room && (infos = (asyncio_frame_info *)ASYNCIO_MALLOC(count * sizeof *infos)) != NULL)
        room = count;
    else
        infos = few;
    (void)asyncio_task_get_stack(task, here, infos, room);
    out.file = file;
    fputs(count == 0 ? "No stack for " : failed ? "Traceback for " : "Stack for ", file);
    asyncio__graph_name(&out, &task->future);
    fputs(count == 0 ? "\n" : " (most recent call last):\n", file);
    if (count > room)
        fputs("  ... (out of memory)\n", file);
    for (i = 0; i < count && i < room; i++)
        asyncio__print_frame(file, &infos[i]);
    if (failed)
        asyncio_print_error(file, task->future.loop, task->future.err, 0);
    if (infos != few)
        ASYNCIO_FREE(infos);
}

#if ASYNCIO_ALL_TASKS
/* Marks who waits for any of these tasks, or takes the marks back. Answers how many waiters there are. */
static inline size_t asyncio__graph_mark(asyncio_task **tasks, size_t count, bool mark)
{
    size_t i, waiters = 0;
    for (i = 0; i < count; i++) {
        asyncio__node *node;
        for (node = tasks[i]->future.waiters; node != NULL; node = node->next) {
            asyncio_future *waiter = asyncio__graph_waiter(node);
            if (waiter == NULL)
                continue;
            waiter->flags &= (uint16_t)~ASYNCIO__SEEN;
            if (mark)
                waiter->flags |= ASYNCIO__SEEN;
            waiters++;
        }
    }
    return waiters;
}

/* Sorts tasks: those first that wait for no other one, each in its order. `spare` has room for as many. */
static inline void asyncio__graph_sort(asyncio_task **tasks, size_t count, asyncio_task **spare)
{
    size_t i, awaited = 0, waiting = 0;
    (void)asyncio__graph_mark(tasks, count, true);
    for (i = 0; i < count; i++) {
        if (tasks[i]->future.flags & ASYNCIO__SEEN)
            spare[waiting++] = tasks[i];
        else
            tasks[awaited++] = tasks[i];
    }
    (void)asyncio__graph_mark(tasks, awaited, false);
    (void)asyncio__graph_mark(spare, waiting, false);
    for (i = 0; i < waiting; i++)
        tasks[awaited + i] = spare[i];
}

/*
 * asyncio_print_all_call_graphs - print the call graphs of all unfinished tasks of a loop: each task once, those that
 * wait for another one below it.
 *
 *   loop       NULL: the running loop, which there must be
 *   Suspends   never. Memory: two blocks; without memory it says so. Cost: O(tasks + waiters).
 *   Source     tools.py: `python -m asyncio pstree`, from inside, and the other way round: who is awaited stands on top
 *
 * asyncio_print_call_graph_on_signal - do that on stderr whenever a signal comes, such as SIGUSR1.
 *
 *   loop       NULL: the running loop, which there must be
 *   Returns    as asyncio_add_signal_handler, which installs it; asyncio_remove_signal_handler takes it back. While it
 *              is there, having nothing else to do is not a deadlock.
 */
static inline void asyncio_print_all_call_graphs(FILE *file, asyncio_loop *loop)
{
    asyncio__graph_out out = {NULL, NULL, 0, 0};
    asyncio__graph graph = {NULL, 0, 0, false};
    asyncio_task **tasks;
    size_t count, i;
    out.file = file;
    loop = loop != NULL ? loop : asyncio__running_loop;
    count = asyncio_all_tasks(loop, NULL, 0);
    tasks = (asyncio_task **)ASYNCIO_MALLOC((2 * count + 1) * sizeof *tasks);
    if (tasks != NULL) {
        (void)asyncio_all_tasks(loop, tasks, count);
        asyncio__graph_sort(tasks, count, tasks + count);
        graph.size = count + asyncio__graph_mark(tasks, count, false) + 64; /* and some waiters of Futures that wait */
        graph.nodes = (asyncio_call_graph_node *)ASYNCIO_MALLOC(graph.size * sizeof *graph.nodes);
    }
    if (graph.nodes != NULL) {
        for (i = 0; i < count; i++)
            if (!(tasks[i]->future.flags & ASYNCIO__SEEN))
                asyncio__graph_tree(&graph, &tasks[i]->future);
        asyncio__graph_over(&graph);
        asyncio__graph_show(&out, &graph, NULL, ASYNCIO_ALL_FRAMES);
        ASYNCIO_FREE(graph.nodes);
    } else {
        fputs("... (out of memory)\n", file);
    }
    if (tasks != NULL)
        ASYNCIO_FREE(tasks);
}

#if ASYNCIO_SELECTORS
static inline void asyncio__print_graphs_now(void *arg)
{
    asyncio_print_all_call_graphs(stderr, (asyncio_loop *)arg);
    fflush(stderr);
}
static inline int asyncio_print_call_graph_on_signal(asyncio_loop *loop, int number)
{
    loop = loop != NULL ? loop : asyncio__running_loop;
    return asyncio_add_signal_handler(loop, number, asyncio__print_graphs_now, loop);
}
#endif
#endif

#endif

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_GRAPH_H */
