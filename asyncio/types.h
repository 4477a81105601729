/* SPDX-License-Identifier: MIT
 *
 * asyncio/types.h - the options, and the types that all parts of the core share. Functions: asyncio/futures.h and up.
 *
 * Programs fill asyncio_task_options and read asyncio_exception_context and asyncio_frame_info; what the other structs
 * hold is the library's.
 *
 * Options (define before the first include, the same in every translation unit of the program)
 *
 *   ASYNCIO_HOSTED       1 with an operating system and libc                  default: __STDC_HOSTED__
 *   ASYNCIO_TINY         1: for small chips, LINES, NAMES, ALL_TASKS, REPORTS, CHECKS, MESSAGES, FACTORIES and
 *                        ASYNCIO_LAZY_PASSES (asyncio_loop.h) are 0, unless you define them. While you develop, define
 *                        ASYNCIO_CHECKS 1 with it                             default: 0
 *   ASYNCIO_THREADS      1: one running loop per thread                       default: hosted and the compiler can
 *   ASYNCIO_STRINGS      1: keep names of errors and coroutines as text       default: ASYNCIO_HOSTED
 *   ASYNCIO_LINES        1: a frame knows the line it waits at (no RAM where state and line share a word)
 *                                                                             default: !ASYNCIO_TINY
 *   ASYNCIO_DENSE        1: resume points count 3, 4, 5...; 0: they are __LINE__, so one await a line, and a frame is
 *                        one word larger                                      default: 1 where __COUNTER__ is known
 *   ASYNCIO_NAMES        1: tasks have names (one pointer a task)             default: !ASYNCIO_TINY
 *   ASYNCIO_CONTEXTS     1: context variables (one pointer a task, a handle)  default: ASYNCIO_HOSTED
 *   ASYNCIO_ALL_TASKS    1: the loop lists its tasks (two pointers a task)    default: !ASYNCIO_TINY
 *   ASYNCIO_REPORTS      1: exception handlers are told what no caller can be told of; 0: nobody is, and no text of
 *                        such a message is linked                             default: !ASYNCIO_TINY
 *   ASYNCIO_CHECKS       1: mistakes of the program are errors at run time (ASYNCIO_ERUNTIME, _EREUSED, _ELOST,
 *                        _EWRONGLOOP, _ESELFAWAIT, _ERUNNING, _ECLOSED, _ENOINIT, _EDEADLOCK); 0: nothing looks for
 *                        them, what they do is undefined, and a loop with nothing to do waits
 *                                                                             default: !ASYNCIO_TINY
 *   ASYNCIO_MESSAGES     1: a cancel()'s message comes with the cancellation; 0: it is lost   default: !ASYNCIO_TINY
 *   ASYNCIO_FACTORIES    1: there are .eager_start and task factories; 0: both are ignored    default: !ASYNCIO_TINY
 *   ASYNCIO_DEBUG        1: there is a debug mode (asyncio_set_debug)         default: ASYNCIO_HOSTED
 *   ASYNCIO_TRACEBACK    entries of a loop's traceback ring, 0: none          default: 64 hosted, else 0
 *   ASYNCIO_POISON       1: a debug build. The stack is overwritten before a body runs, so that a local that was meant
 *                        to survive an await holds rubbish at once, not some day; an await that needs a local (a frame,
 *                        a block, a Future, a buffer) is refused, with a report; so is, in debug mode, ASYNC_IN with a
 *                        frame that is in use. A coroutine of ASYNC_NEW that nobody awaits is reported
 *                                                                             default: hosted, at -O0, without NDEBUG
 *   ASYNCIO_GENERIC      1: ASYNC_AWAIT accepts every awaitable; 0: statuses only, the rest by ASYNC_AWAIT_CORO,
 *                        _FUTURE and _TASK, and no asyncio_ensure_future: for compilers without _Generic
 *                                                                             default: 1
 */
#ifndef ASYNCIO_TYPES_H
#define ASYNCIO_TYPES_H

/* With -std=c99 and its like libc hides POSIX; this must come before its first header. */
#if defined(__STRICT_ANSI__) && defined(__unix__) && !defined(_DEFAULT_SOURCE) && !defined(_POSIX_C_SOURCE)
#define _DEFAULT_SOURCE 1
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef ASYNCIO_HOSTED
#define ASYNCIO_HOSTED __STDC_HOSTED__
#endif
#ifndef ASYNCIO_THREADS
#if ASYNCIO_HOSTED && defined(__GNUC__) && !defined(__TINYC__)
#define ASYNCIO_THREADS 1
#else
#define ASYNCIO_THREADS 0
#endif
#endif
#ifndef ASYNCIO_STRINGS
#define ASYNCIO_STRINGS ASYNCIO_HOSTED
#endif
#ifndef ASYNCIO_TINY
#define ASYNCIO_TINY 0
#endif
#ifndef ASYNCIO_LINES
#define ASYNCIO_LINES (!ASYNCIO_TINY)
#endif
#ifndef ASYNCIO_DENSE
#ifdef __COUNTER__
#define ASYNCIO_DENSE 1
#else
#define ASYNCIO_DENSE 0
#endif
#endif
#ifndef ASYNCIO_NAMES
#define ASYNCIO_NAMES (!ASYNCIO_TINY)
#endif
#ifndef ASYNCIO_CONTEXTS
#define ASYNCIO_CONTEXTS ASYNCIO_HOSTED
#endif
#ifndef ASYNCIO_ALL_TASKS
#define ASYNCIO_ALL_TASKS (!ASYNCIO_TINY)
#endif
#ifndef ASYNCIO_REPORTS
#define ASYNCIO_REPORTS (!ASYNCIO_TINY)
#endif
#ifndef ASYNCIO_CHECKS
#define ASYNCIO_CHECKS (!ASYNCIO_TINY)
#endif
#ifndef ASYNCIO_MESSAGES
#define ASYNCIO_MESSAGES (!ASYNCIO_TINY)
#endif
#ifndef ASYNCIO_FACTORIES
#define ASYNCIO_FACTORIES (!ASYNCIO_TINY)
#endif
#ifndef ASYNCIO_DEBUG
#define ASYNCIO_DEBUG ASYNCIO_HOSTED
#endif
#ifndef ASYNCIO_TRACEBACK
#define ASYNCIO_TRACEBACK (ASYNCIO_HOSTED ? 64 : 0)
#endif
#ifndef ASYNCIO_POISON /* MSan sees such a local by itself, unless we write into it */
#if ASYNCIO_HOSTED && defined(__GNUC__) && !defined(__TINYC__) && !defined(__OPTIMIZE__) && !defined(NDEBUG)
#define ASYNCIO_POISON 1
#else
#define ASYNCIO_POISON 0
#endif
#endif
#ifndef ASYNCIO_GENERIC
#define ASYNCIO_GENERIC 1
#endif

/* Whether debug builds list the coroutines of ASYNC_NEW that nobody has taken yet, to report those that nobody does. */
#define ASYNCIO__LISTS_UNTAKEN (ASYNCIO_HOSTED && ASYNCIO_ALL_TASKS && ASYNCIO_CHECKS && ASYNCIO_REPORTS)

#define ASYNCIO__MISTAKE(x) (ASYNCIO_CHECKS && ASYNCIO__UNLIKELY(x))
#define ASYNCIO__MAY_BE_NULL(p) ((ASYNCIO__HAS_HEAP || ASYNCIO_CHECKS) && ASYNCIO__UNLIKELY((p) == NULL))

/* Without a heap these flags are 0, and what asks for them goes away. */
#if ASYNCIO_HOSTED || defined(ASYNCIO_MALLOC)
#define ASYNCIO__HAS_HEAP 1
#else
#define ASYNCIO__HAS_HEAP 0
#endif
/* Whether anything is to be done when nobody holds a Future any more. */
#define ASYNCIO__COUNTS_HOLDS (ASYNCIO__HAS_HEAP || ASYNCIO_REPORTS || ASYNCIO_ALL_TASKS || ASYNCIO_CONTEXTS)
/* Whether a frame ends in two bytes that nobody else needs, and a Future gets smaller without them. */
#define ASYNCIO__CANCELLING_IN_FRAME                                                                                   \
    (!ASYNCIO__COUNTS_HOLDS && ASYNCIO_DENSE && !ASYNCIO_LINES && UINTPTR_MAX > 0xffffu)

#if defined(__GNUC__) && !defined(__TINYC__)
#define ASYNCIO__LIKELY(x) __builtin_expect(!!(x), 1)
#define ASYNCIO__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ASYNCIO__COLD static __attribute__((unused, noinline, cold))
#define ASYNCIO__NOINLINE static __attribute__((unused, noinline))
#if defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__) /* at -O0 structs by value would be copied by calls to memcpy */
#define ASYNCIO__HOT static inline __attribute__((unused, always_inline))
#else
#define ASYNCIO__HOT static inline __attribute__((unused))
#endif
/* Inline for speed; but one copy where size counts. */
#ifdef __OPTIMIZE_SIZE__
#define ASYNCIO__SMALL 1
#define ASYNCIO__HOT_ONCE ASYNCIO__NOINLINE
#else
#define ASYNCIO__SMALL 0
#define ASYNCIO__HOT_ONCE ASYNCIO__HOT
#endif
#define ASYNCIO__NODISCARD __attribute__((warn_unused_result))
#else
#define ASYNCIO__LIKELY(x) (x)
#define ASYNCIO__UNLIKELY(x) (x)
#define ASYNCIO__COLD static inline
#define ASYNCIO__HOT static inline
#define ASYNCIO__SMALL 0
#define ASYNCIO__HOT_ONCE static inline
#define ASYNCIO__NOINLINE static inline
#define ASYNCIO__NODISCARD
#endif
/* Of an element of an array, gcc would otherwise compute the address anew for each store, and not know what it stored. */
#if defined(__GNUC__) && !defined(__TINYC__) && !ASYNCIO__SMALL
#define ASYNCIO__OPAQUE(p) __asm__("" : "+r"(p))
#else
#define ASYNCIO__OPAQUE(p) ((void)0)
#endif
/* One object for the whole program, however many translation units include this: a weak definition, no static one. */
#define ASYNCIO__WEAK __attribute__((weak))
#if ASYNCIO_THREADS
#define ASYNCIO__THREAD_LOCAL __thread
#else
#define ASYNCIO__THREAD_LOCAL
#endif
#ifdef __cplusplus
#define ASYNCIO__EXTERN_C extern "C"
#else
#define ASYNCIO__EXTERN_C extern
#endif

#include "exceptions.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a body returns besides 0 and errors: it suspended; what it is called with besides those: say your name. */
#define ASYNCIO__PENDING (-1)
#define ASYNCIO__DESCRIBE (-2)
#define ASYNCIO__BELOW (-3) /* of a status: pending, and a coroutine below is the one that waits */

/* ---- Types ---- */

typedef struct asyncio_coro asyncio_coro;
typedef struct asyncio_future asyncio_future;
typedef struct asyncio_task asyncio_task;
typedef struct asyncio_handle asyncio_handle;
typedef struct asyncio_loop asyncio_loop;
/* A coroutine with room for its Task in front: what ASYNC_NEW and ASYNC_AT give, and create_task and run take. Never
 * defined: a plain frame (ASYNC_IN) given to create_task is a wrong pointer type. */
typedef struct asyncio_root asyncio_root;

/* What a coroutine returns and a Future holds: an integer, or a pointer cast to it. */
typedef intptr_t asyncio_value;

/* Loop time: nanoseconds, or with ASYNCIO_HOSTED 0 a port's own ticks, whose differences are signed: a sleep is shorter
 * than half the range. */
#if ASYNCIO_HOSTED
typedef int64_t asyncio_time;
#else
typedef int32_t asyncio_time;
#endif

/* What a primitive (sleep, a socket, a lock) answers when the current task asks it: done, failed, or wait for me.
 * Good for ASYNC_AWAIT in the same statement only: by then the task may already be registered as a waiter. */
typedef struct asyncio_status {
    int code;            /* 0, an error, ASYNCIO__PENDING or _BELOW */
    asyncio_value value; /* if pending, a word for the primitive: the innermost frame keeps it in its `value` */
} asyncio_status;

typedef int (*asyncio__resume)(asyncio_coro *self, asyncio_task *task, int err);
typedef void (*asyncio__release)(void *memory);
typedef void (*asyncio_callback)(void *arg);
typedef void (*asyncio_done_callback)(asyncio_future *future, void *arg);

#if ASYNCIO_DENSE
typedef uint16_t asyncio__state;
#else
typedef uint32_t asyncio__state;
#endif

/* The head of every frame. 32 bytes where pointers have 8, 20 where they have 4; without ASYNCIO_DENSE 40 and 24. */
struct asyncio_coro {
    asyncio__resume resume;
    asyncio_coro *awaiter; /* the frame that awaits this one; in a task's root frame: the innermost suspended frame */
    asyncio_value value;   /* what the newest await gave: its value, or its error's detail (message, traceback) */
    /* state: 0 not started, 1 FINALLY, 2 ended, else a resume point; err: the error that is on its way out through
     * blocks and FINALLY; handler: where an error or a return goes next: the innermost block's exit, 1 FINALLY, 2 end
     */
    asyncio__state state;
#if ASYNCIO_DENSE
#if ASYNCIO_LINES
    uint16_t line;
#endif
    int16_t err;
    uint8_t handler;
#else
    asyncio__state handler;
    int16_t err;
#endif
    uint8_t flags; /* ASYNCIO__FRAME_* */
#if ASYNCIO__CANCELLING_IN_FRAME
    uint16_t cancelling; /* of a Task's root frame, see below */
#endif
};

#define ASYNCIO__FRAME_HEAP (ASYNCIO__HAS_HEAP * 1u)      /* the library allocated it and frees it */
#define ASYNCIO__FRAME_ROOM 2u      /* a Task stands in front of it */
#define ASYNCIO__FRAME_RETURNING 4u /* a return or an error is on its way out */
#define ASYNCIO__FRAME_FUTURE 8u    /* the head of an asyncio__waiter that has begun already */

/* How a node of the ready list or of a list of waiters behaves. What is decided never hangs on its address: each
 * translation unit has copies of its own. `run` gives the outcome with which its task is to be stepped, or
 * ASYNCIO__PENDING: it goes on waiting, or is no task. */
typedef struct asyncio__node asyncio__node;
typedef struct asyncio__wait {
    int (*run)(asyncio__node *node);                           /* its turn has come; NULL: a task to be stepped */
    void (*wake)(asyncio__node *node, asyncio_future *future); /* its Future is done; with NULL: its time has come */
    void (*detach)(asyncio_task *task);                        /* what else there is to leave than its list, or NULL */
    bool (*cancel)(asyncio_task *task, asyncio_value msg);     /* NULL: as asyncio__cancel_wait says */
    uint8_t in; /* ASYNCIO__IN_*: the list that it is in */
    uint8_t at; /* of IN_LIST: where in slot.object the list's head is */
#if ASYNCIO_REPORTS
    const char *what; /* for the deadlock report */
#endif
} asyncio__wait;

/* Who is in which list. What leaving one takes is linked where a cancel() or a close() is, not where a list is used. */
enum {
    ASYNCIO__NO_TASK,   /* a callback */
    ASYNCIO__IN_READY,  /* of a task that waits for its turn only: a cancel() waits for that, too */
    ASYNCIO__IN_TURN,   /* in the ready list, with a last word */
    ASYNCIO__IN_FUTURE, /* of the Future that slot.object is: a cancel() goes on to that */
    ASYNCIO__IN_LIST,   /* of slot.object, at `at` */
    ASYNCIO__IN_OTHER   /* which `detach` knows */
};
#if ASYNCIO_REPORTS
#define ASYNCIO__WHAT(text) , text
#else
#define ASYNCIO__WHAT(text)
#endif

struct asyncio__node {
    asyncio__node *next, *prev;
    const asyncio__wait *wait; /* NULL: a task that runs or is done */
};

/* A node that can wait for a deadline or for an object. */
typedef struct asyncio__timer {
    asyncio__node node;
    union {
        asyncio_time when;
        void *object;
        asyncio_value message; /* of a cancel() that is to come, see ASYNCIO__MESSAGE */
    } slot;
} asyncio__timer;

/* A Future: loop, waiters, outcome. 32 bytes where pointers have 8; where they have 4, 20 or, with ASYNCIO_TINY, 16. */
struct asyncio_future {
    asyncio_loop *loop;
    asyncio__node *waiters; /* tasks and callbacks in order of registration; head->prev is the last */
    asyncio_value value;    /* result, or the error's detail; in an unfinished Task a pending cancel message */
#if !ASYNCIO__CANCELLING_IN_FRAME
    uint16_t cancelling; /* of a Task: cancel() requests less uncancel() */
#endif
    uint16_t flags;      /* ASYNCIO__* below */
#if ASYNCIO__COUNTS_HOLDS
    uint16_t holds;      /* who keeps it alive: a Task's loop while unfinished, hold(), scheduled callbacks */
#endif
    int16_t err;         /* its error; of a ready Task: the outcome of its await */
};

#define ASYNCIO__DONE 1u
#define ASYNCIO__CANCELLED 2u
#define ASYNCIO__UNREAD (ASYNCIO_REPORTS * 4u) /* an error that nobody has looked at */
#define ASYNCIO__TASK 8u         /* it is the head of a Task */
#define ASYNCIO__HEAP (ASYNCIO__HAS_HEAP * 16u)        /* the library allocated it and frees it */
#define ASYNCIO__MUST_CANCEL 32u /* cancel() came while it was not waiting; done: somebody was given its message */
/* That cancel()'s message lies in the wait's slot; done: it came at the very end. */
#define ASYNCIO__MESSAGE (ASYNCIO_MESSAGES * 64u)
#define ASYNCIO__QUIET (ASYNCIO_ALL_TASKS * 128u) /* no report when destroyed unfinished: who ran it knows */
#define ASYNCIO__NAMED 256u      /* its name is a text, not a number */
#define ASYNCIO__LISTED (ASYNCIO_ALL_TASKS * 512u) /* done, but held: in the loop's list of what its close frees */
#define ASYNCIO__TARGET 512u /* not done: run_until_complete waits for it */
#define ASYNCIO__WATCHED (ASYNCIO_ALL_TASKS * 1024u) /* run()'s shutdown waits for it */
#define ASYNCIO__FORSAKEN 2048u  /* who listened has gone: its end takes an iteration, and its error counts as read */
#define ASYNCIO__CANCEL_HOOK 4096u /* no Task: it is the head of an asyncio__hooked_future */
#define ASYNCIO__LEFTOVERS 8192u /* when this task is done, what is kept on its behalf is given up */
#define ASYNCIO__STICKY 16384u   /* MUST_CANCEL stays when it is delivered */
#define ASYNCIO__SEEN 32768u     /* came up already, while a function looks for equal ones; never set between calls */
#define ASYNCIO__LOGS (ASYNCIO__HAS_HEAP * 8192u) /* no Task: has a callback that reports what a shield shielded */
#define ASYNCIO__CONTEXT (ASYNCIO_CONTEXTS * 4096u) /* of a Task: it keeps its context when done, until it is forgotten */

/* What a context slot holds: NULL, no variable is set; a table of variables, shared by all who hold it and copied by
 * who sets one; or an asyncio_context, which others use at the same time. asyncio/contexts.h has the rest. */
typedef struct asyncio__variables asyncio__variables;
struct asyncio__variables {
    uint32_t holds;
    bool shared; /* it is an asyncio_context */
    void (*free)(asyncio__variables *variables);
};
typedef struct asyncio_context asyncio_context;
struct asyncio_context {
    asyncio__variables head;
    asyncio__variables *table; /* NULL: empty */
    asyncio__variables **was;  /* the slot that it stood for before somebody asked for it; NULL: none */
};

/* The slot that was the current one when another was entered within a callback or step of it. On the C stack. */
typedef struct asyncio__context_below asyncio__context_below;
struct asyncio__context_below {
    asyncio__variables **slot;
    asyncio__context_below *next;
};

/* The part of a Task that stands in front of its coroutine's frame. */
#if ASYNCIO_ALL_TASKS
#define ASYNCIO__TASK_LINKS asyncio_task *next_task, **task_link; /* see asyncio__task_list */
#else
#define ASYNCIO__TASK_LINKS
#endif
#if ASYNCIO_NAMES
#define ASYNCIO__TASK_NAME                                                                                             \
    union {                                                                                                            \
        const char *text; /* if NAMED */                                                                               \
        uintptr_t number; /* else: Task-<number> */                                                                    \
    } name;
#else
#define ASYNCIO__TASK_NAME
#endif
#if ASYNCIO_CONTEXTS
#define ASYNCIO__TASK_CONTEXT asyncio__variables *context; /* a slot, see below */
#else
#define ASYNCIO__TASK_CONTEXT
#endif
#define ASYNCIO__TASK_HEAD                                                                                             \
    asyncio_future future;                                                                                             \
    asyncio__timer wait; /* its place in the ready list, in a timer queue or in a list of waiters */                   \
    ASYNCIO__TASK_LINKS                                                                                                \
    ASYNCIO__TASK_NAME                                                                                                 \
    ASYNCIO__TASK_CONTEXT

/* A Task is a Future and a coroutine in one piece, the coroutine last so that the frame's fields can follow it. */
struct asyncio_task {
    ASYNCIO__TASK_HEAD
    asyncio_coro coro;
};

/* A Future that passes a cancel() on instead of obeying it. */
typedef struct asyncio__hooked_future {
    asyncio_future future;
    bool (*cancel)(asyncio_future *future, const char *msg);
} asyncio__hooked_future;

/* A coroutine of the library's that waits for a Future inside of it, which callbacks settle. What takes back every
 * pointer into its frame is `unhook`. */
typedef struct asyncio__waiter asyncio__waiter;
struct asyncio__waiter {
    asyncio_coro coro;
    asyncio__hooked_future outer;
    void (*unhook)(asyncio__waiter *waiter);
};

/* A callback in the ready list, or in a Future's list of done callbacks. In storage of yours it can be cancelled, and
 * must stay until it ran or was cancelled; where a function takes NULL instead, the library allocates one. */
struct asyncio_handle {
    asyncio__timer timer;
    union {
        asyncio_callback plain;
        asyncio_done_callback done;
    } callback;
    void *arg;
    union {
        asyncio_loop *loop;
        asyncio_future *future;
    } of;
    uint16_t flags; /* ASYNCIO__HANDLE_* */
#if ASYNCIO_CONTEXTS
    asyncio__variables *context; /* a slot; not NULL only while the callback may be called */
#endif
};

#define ASYNCIO__HANDLE_HEAP (ASYNCIO__HAS_HEAP * 1u)
#define ASYNCIO__HANDLE_QUEUED 2u /* in the ready list */
#define ASYNCIO__HANDLE_LISTED 4u /* in a Future's list, or armed as a timer */
#define ASYNCIO__HANDLE_CANCELLED 8u
#define ASYNCIO__HANDLE_DONE 16u /* a done callback: called with a Future */
#define ASYNCIO__HANDLE_ODD 32u /* queued in a batch with an odd number */
#define ASYNCIO__HANDLE_INBOX 64u /* see asyncio_call_soon_threadsafe */
#define ASYNCIO__HANDLE_LOG 128u /* reports the error of what a cancelled shield shielded */
#define ASYNCIO__HANDLE_KEEPS 256u /* called again and again, in one context */
#define ASYNCIO__HANDLE_WAITER 512u /* it is the head of an asyncio_awaited_by */

/* A done callback that somebody waits behind, as gather's caller does behind each of its children: so the call graph
 * (asyncio/graph.h) knows who. Yours, as a handle is; see asyncio_future_add_to_awaited_by. */
typedef struct asyncio_awaited_by {
    asyncio_handle handle;
    asyncio_future *waiter;
} asyncio_awaited_by;

/* What an exception handler is told; fields that do not apply are NULL or 0. Good during the call only. */
typedef struct asyncio_exception_context {
    const char *message;
    int err;
    asyncio_value detail;
    asyncio_future *future; /* a Future that is no Task */
    asyncio_task *task;
    asyncio_handle *handle;
    const char *file; /* where, if the message is about a place in the source */
    int line;
    int until;         /* of a slow step: the line where it ended, 0 if the coroutine did */
    asyncio_time took; /* of a slow step or callback: ticks */
} asyncio_exception_context;

typedef void (*asyncio_exception_handler)(asyncio_loop *loop, const asyncio_exception_context *context, void *arg);

/* One frame that an error passed on its way out, or that asyncio_describe was asked about; or, if it has an `err`, the
 * first of a TaskGroup's `line` errors: what passed that one follows. */
typedef struct asyncio_frame_info {
    const char *function; /* it and the file are NULL without ASYNCIO_STRINGS */
    const char *file;
    int line;               /* 0 if unknown */
    uint32_t serial, outer; /* the library's: its number in the ring, or its size; that of the frame outside */
    int err;
} asyncio_frame_info;

/* Options of create_task; leave out what you do not need, later versions may add more.
 *   .name         not copied; default Task-<n>, n counted over the whole program
 *   .context      the context that it runs in, shared with whoever else has it; default: a copy of the creator's
 *   .eager_start  1: run up to the first suspension inside create_task, -1: do not, whatever the factory says
 *   .into         where to put a held pointer to the task (NULL on failure), see Lifetime */
typedef struct asyncio_task_options {
    const char *name;
    asyncio_context *context;
    int eager_start;
    asyncio_task **into;
} asyncio_task_options;

typedef int (*asyncio_task_factory)(asyncio_loop *loop, asyncio_root *coro, const asyncio_task_options *options);

/* Something that is kept until a task is done, or its loop is closed: then `release` gets it. */
typedef struct asyncio__leftover asyncio__leftover;
struct asyncio__leftover {
    asyncio__leftover *next, *prev;
    asyncio_task *owner;
    void (*release)(asyncio_loop *loop, asyncio__leftover *leftover);
};

/* Tasks, oldest first. `end` and a task's `task_link` are where the pointer to the next, and to the task itself, stands:
 * in the task before, or in `first`. So neither adding nor removing asks whether there is one before. */
typedef struct asyncio__task_list {
    asyncio_task *first, **end;
} asyncio__task_list;

/* When run_forever ends: after this iteration; after the next, in which CPython's run_until_complete would be called
 * back, for its Future is done (both: so does the next run); after this one, with ASYNCIO_EINTERRUPT. */
#define ASYNCIO__STOP 1u
#define ASYNCIO__STOP_NEXT 2u /* twice STOP: the iteration after makes one of the other */
#define ASYNCIO__INTERRUPTED 4u

/* What tasks know of their loop: the first member of struct asyncio_loop. */
typedef struct asyncio__core {
    asyncio__node *head;  /* ready list */
    asyncio__node **tail; /* where the next node's address goes: the last one's `next`, or head */
    asyncio__node *last;  /* the last node of the iteration that is running */
    asyncio_task *current;
#if ASYNCIO_DEBUG
    const asyncio__wait *plain; /* see ASYNCIO__PLAIN */
#endif
    bool debug, closed, running;
    uint8_t stopping; /* ASYNCIO__STOP... */
    bool nudge; /* the next iteration does not wait: CPython's would find a handle that was cancelled */
    bool odd;   /* how many batches of ready nodes were begun, modulo 2 */
#if ASYNCIO_ALL_TASKS
    asyncio__task_list tasks; /* unfinished; during run()'s shutdown also done ones that it waits for, in their order */
    asyncio__task_list kept;  /* done, but held: heap tasks; in debug builds also coroutines that nobody has taken */
#endif
    asyncio_task_factory factory;
    asyncio_exception_handler handler;
    void *handler_arg;
    asyncio_exception_handler default_handler;
    void (*watched)(asyncio_task *task); /* a WATCHED task is done */
    asyncio__leftover *leftovers;
    void (*give_up)(asyncio_loop *loop, const asyncio_task *owner); /* who adds leftovers links what releases them */
    /* Who cancels links what a cancel() that cannot be delivered at once takes. */
    int (*cancel_later)(asyncio_task *task, asyncio_coro *coro, int err);
    void *scopes; /* asyncio/scopes.h */
#if ASYNCIO_MESSAGES
    asyncio_value message; /* of the newest cancel() of a task that runs: the wait that ends its step takes the slot */
#endif
    void *(*alloc)(size_t size);         /* NULL: no heap */
    void (*free)(void *memory);
#if ASYNCIO_CONTEXTS
    asyncio__variables **context; /* the slot of a callback that runs; NULL: that of the current task */
    asyncio__variables **lasting; /* this slot outlives the callback: the newest that is not one on the stack */
    uint32_t contexts_ended;      /* how many on the stack had variables when they went */
#endif
#if ASYNCIO_TRACEBACK
    uint32_t traces;
    asyncio_frame_info trace[ASYNCIO_TRACEBACK];
#endif
} asyncio__core;

/* The running loop of this thread, and the newest Task-<n>'s number. */
extern ASYNCIO__THREAD_LOCAL asyncio_loop *asyncio__running_loop;
ASYNCIO__WEAK ASYNCIO__THREAD_LOCAL asyncio_loop *asyncio__running_loop;
#if ASYNCIO_NAMES
extern uint32_t asyncio__task_count;
ASYNCIO__WEAK uint32_t asyncio__task_count;
#endif

#if ASYNCIO_CONTEXTS
/* The context of a thread outside of loops: what asyncio_context_run entered, else its own. */
typedef struct asyncio__thread_context {
    asyncio__variables **entered, *own;
    asyncio__context_below *below; /* of loops, too */
} asyncio__thread_context;
extern ASYNCIO__THREAD_LOCAL asyncio__thread_context asyncio__outside;
ASYNCIO__WEAK ASYNCIO__THREAD_LOCAL asyncio__thread_context asyncio__outside;
/* Whether this program has ever had variables: until then every slot is NULL, and who makes tasks need not look. */
extern bool asyncio__variables_exist;
ASYNCIO__WEAK bool asyncio__variables_exist;
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_TYPES_H */
