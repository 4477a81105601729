/* SPDX-License-Identifier: MIT
 *
 * asyncio/coroutines.h - the ASYNC_ macros: how a C function becomes a coroutine, awaits, catches, cleans up.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(fetch, int n;)
 *     {
 *         ASYNC_BEGIN;
 *         if (self->n < 0)
 *             ASYNC_RAISE(ASYNCIO_EVALUE);
 *         ASYNC_AWAIT(asyncio_sleep(0.1));
 *         ASYNC_RETURN(self->n * 2);
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, struct fetch call; asyncio_try attempt; int i, twice, sum;)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_TRY(&self->attempt)
 *         {
 *             for (self->i = 2; self->i > -2; self->i--) {
 *                 ASYNC_AWAIT_INTO(self->twice, ASYNC_IN(&self->call, fetch, .n = self->i));
 *                 self->sum += self->twice;
 *             }
 *         }
 *         ASYNC_EXCEPT(&self->attempt)
 *         {
 *             printf("%s at %d\n", asyncio_errname(self->attempt.block.err), self->i);
 *         }
 *         ASYNC_FINALLY;
 *         printf("%d\n", self->sum);
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * asyncio_task.h includes this file and has the rules. How it works: a body is one `switch` on the frame's `state`;
 * every await is a `case` in it. An await that must wait stores its number and returns ASYNCIO__PENDING through all
 * frames above; the loop later calls the innermost frame's body alone, which jumps to that case. `handler` is the case
 * where an error or a return goes: the innermost block's exit (the block keeps the outer one's number), 1 FINALLY, 2
 * the end.
 */
#ifndef ASYNCIO_COROUTINES_H
#define ASYNCIO_COROUTINES_H

#include "../asyncio_task.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Awaiting ---- */

/* Not inline: of a frame in an array gcc would say that no Task stands in front of it, not knowing its flags. */
ASYNCIO__NOINLINE void asyncio__frame_free(asyncio_task *task, asyncio_coro *coro)
{
    asyncio__core_of(task->future.loop)->free(asyncio__task_of(coro));
}

ASYNCIO__HOT int asyncio__await_coro(asyncio_coro *self, asyncio_task *task, asyncio_coro *child)
{
    bool heap;
    int err;
    self->value = 0;
    if (ASYNCIO__MAY_BE_NULL(child))
        return ASYNCIO_ENOMEM;
    if (ASYNCIO__MISTAKE(child->awaiter != NULL) && !asyncio__coro_take(child))
        return ASYNCIO_EREUSED;
    heap = (child->flags & ASYNCIO__FRAME_HEAP) != 0; /* asked here, a compiler often knows */
    child->awaiter = self;
    err = child->resume(child, task, 0);
    if (heap && err != ASYNCIO__PENDING)
        asyncio__frame_free(task, child);
    return err;
}

ASYNCIO__HOT int asyncio__await_root(asyncio_coro *self, asyncio_task *task, asyncio_root *root)
{
    return asyncio__await_coro(self, task, asyncio__coro_of(root));
}

ASYNCIO__HOT int asyncio__await_status(asyncio_coro *self, asyncio_task *task, asyncio_status status)
{
    if (status.code == ASYNCIO__BELOW)
        return ASYNCIO__PENDING;
    self->value = status.value;
    if (status.code == ASYNCIO__PENDING)
        asyncio__root_of(task)->awaiter = self;
    return status.code;
}

ASYNCIO__HOT_ONCE asyncio_status asyncio__future_status(asyncio_task *task, asyncio_future *future,
                                                   const asyncio__wait *wait)
{
    if (ASYNCIO__MAY_BE_NULL(future))
        return asyncio__status(ASYNCIO_ENOMEM, 0);
    ASYNCIO__OPAQUE(future);
    if (future->flags & ASYNCIO__DONE) {
        future->flags &= (uint16_t)~ASYNCIO__UNREAD;
        return asyncio__status(future->err, asyncio__future_detail(future));
    }
    if (ASYNCIO__MISTAKE(future->loop != task->future.loop))
        return asyncio__yield(task, future->loop != NULL ? ASYNCIO_EWRONGLOOP : ASYNCIO_ENOINIT);
    if (ASYNCIO__MISTAKE(future == &task->future))
        return asyncio__yield(task, ASYNCIO_ESELFAWAIT);
    if (ASYNCIO__UNLIKELY(!asyncio__arm(task, wait)))
        return asyncio__status(ASYNCIO_ERUNTIME, 0);
    task->wait.slot.object = future;
    asyncio__list_append(&future->waiters, &task->wait.node);
    return asyncio__status(ASYNCIO__PENDING, 0);
}

ASYNCIO__HOT int asyncio__await_future(asyncio_coro *self, asyncio_task *task, asyncio_future *future)
{
    return asyncio__await_status(self, task, asyncio__future_status(task, future, &asyncio__future_wait));
}

ASYNCIO__HOT int asyncio__await_task(asyncio_coro *self, asyncio_task *task, asyncio_task *awaited)
{
    asyncio_future *future = awaited != NULL ? &awaited->future : NULL;
    return asyncio__await_status(self, task, asyncio__future_status(task, future, &asyncio__task_wait));
}

#if ASYNCIO_POISON
/* Called just before a body, it writes where the body's locals are about to be: far enough for the frames that ASan
 * makes wide, and itself without its gaps. */
static __attribute__((noinline, unused, no_sanitize("address"))) void asyncio__poison_stack(void)
{
    volatile unsigned char bytes[1024];
    size_t i;
    for (i = 0; i < sizeof bytes; i++)
        bytes[i] = 0xa5;
}

/* Whether something lies among the locals of the body that called us: between this frame and the end of the body's. */
static __attribute__((noinline, unused)) bool asyncio__is_local(uintptr_t address, const void *end)
{
    return address < (uintptr_t)end && address >= (uintptr_t)__builtin_frame_address(0);
}

ASYNCIO__COLD int asyncio__report_misuse(asyncio_coro *self, asyncio_task *task, const char *file, const char *message)
{
    asyncio_exception_context context;
    self->value = 0;
    asyncio__clear(&context, sizeof context);
    context.message = message;
    context.err = ASYNCIO_ERUNTIME;
    context.task = task;
    context.file = file;
    context.line = asyncio__line_of(self);
    asyncio_call_exception_handler(task->future.loop, &context);
    return ASYNCIO_ERUNTIME;
}
#define ASYNCIO__LOCAL_LOST "a local variable does not survive an await: what is waited for, or with, must be a field"
#define ASYNCIO__SHARED_BLOCK "two blocks, one inside of the other, share their storage"

/* Ends the frames below this one, as long as they are there: what they have armed goes with them. */
ASYNCIO__COLD void asyncio__end_below(asyncio_coro *self, asyncio_task *task)
{
    asyncio_coro *coro = asyncio__root_of(task)->awaiter, *awaiter;
    int err = ASYNCIO_ERUNTIME, most = 100;
    asyncio__forget_wait(task);
    while (coro != self && most-- > 0) {
        bool heap = (coro->flags & ASYNCIO__FRAME_HEAP) != 0;
        awaiter = coro->awaiter;
        coro->value = 0;
        err = coro->resume(coro, task, err);
        if (err == ASYNCIO__PENDING) { /* it caught that */
            asyncio__forget_wait(task);
            coro = asyncio__root_of(task)->awaiter;
            err = ASYNCIO_ERUNTIME;
            continue;
        }
        if (heap)
            asyncio__frame_free(task, coro);
        coro = awaiter;
    }
}

/* A body is about to suspend: does what it waits for, or with, lie among its locals? Below it may be frames that do. */
static __attribute__((unused)) int asyncio__check_suspension(asyncio_coro *self, asyncio_task *task, int err,
                                                             const char *file, const void *end)
{
    asyncio_coro *leaf = asyncio__root_of(task)->awaiter, *coro = leaf;
    const asyncio__wait *wait = task->wait.node.wait;
    bool local;
    if (err != ASYNCIO__PENDING)
        return err;
    if (wait == NULL)
        return asyncio__report_misuse(self, task, file, "a status is awaited that was not asked for just now");
    local = wait->wake != NULL && asyncio__is_local((uintptr_t)task->wait.slot.object, end);
    for (local = local || asyncio__is_local((uintptr_t)leaf->value, end); !local && coro != self; coro = coro->awaiter)
        local = asyncio__is_local((uintptr_t)(void *)coro, end);
    if (!local)
        return ASYNCIO__PENDING;
    asyncio__end_below(self, task);
    return asyncio__report_misuse(self, task, file, ASYNCIO__LOCAL_LOST);
}
#ifdef __TINYC__
#define ASYNCIO__BODY_END __builtin_frame_address(0)
#else
#define ASYNCIO__BODY_END __builtin_dwarf_cfa()
#endif
#endif

/* What a body returns: no int, so that a plain `return 0;` in it does not compile. */
typedef struct asyncio__leave_by_ASYNC_RETURN {
    int code;
} asyncio__leave_by_ASYNC_RETURN;

ASYNCIO__HOT asyncio__leave_by_ASYNC_RETURN asyncio__leave(int code)
{
    asyncio__leave_by_ASYNC_RETURN leave;
    leave.code = code;
    return leave;
}

/* ---- Raising again what was caught ---- */

/* A caught error's detail stays in `value` until the next await of this frame, and every await sets `state` anew: so a
 * mark in `state` says whether it is still there. A running frame's state is not used otherwise. */
#define ASYNCIO__CAUGHT ((unsigned)1 << (8 * sizeof ((asyncio_coro *)NULL)->state - 1))
#define ASYNCIO__CAUGHT_CANCEL (ASYNCIO__CAUGHT >> 1)

static inline void asyncio__caught(asyncio_coro *self, int err)
{
    unsigned mark = err == ASYNCIO_ECANCELLED ? ASYNCIO__CAUGHT | ASYNCIO__CAUGHT_CANCEL : ASYNCIO__CAUGHT;
    self->state = (asyncio__state)((self->state & ~(ASYNCIO__CAUGHT | ASYNCIO__CAUGHT_CANCEL)) | mark);
}

/* ASYNC_RAISE without a detail: of the same kind as what was just caught, it takes over message and traceback. */
static inline void asyncio__raise_again(asyncio_coro *self, int err)
{
    bool cancelled = (self->state & ASYNCIO__CAUGHT_CANCEL) != 0;
    if (!(self->state & ASYNCIO__CAUGHT) || cancelled != (err == ASYNCIO_ECANCELLED))
        self->value = 0;
}

/* ---- Blocks: what ASYNC_WITH and ASYNC_FOR enter and leave; the first member of your own block's struct ---- */

/* Both functions may answer "wait for me" (any status of a library primitive, or asyncio_await_coro): then `resume` is
 * called with the outcome of that wait, until it answers something else.
 *   enter    its error is raised before the body; NULL: nothing to do
 *   exit     err is the body's error, 0 after its end or a return. The answer is the error to go on with: 0 swallows
 *            it. Not NULL.
 *   resume   entering: err is 0; leaving: err is what exit was given. NULL: the outcome of the wait is the answer */
typedef struct asyncio_block asyncio_block;
typedef struct asyncio_block_type {
    asyncio_status (*enter)(asyncio_block *block, asyncio_coro *self, asyncio_task *task);
    asyncio_status (*exit)(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err);
    asyncio_status (*resume)(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err, int outcome);
} asyncio_block_type;

struct asyncio_block {
    const asyncio_block_type *type;
    asyncio_value detail; /* of err */
    asyncio_value kept;   /* in a FINALLY: the coroutine's result, while the body has one of its own */
    int16_t kept_err;     /* its error; -1: not in a FINALLY */
    int16_t err;          /* what the body ended with */
    uint8_t phase;        /* ASYNCIO__BLOCK_* */
#if ASYNCIO_DENSE
    uint8_t outer; /* the handler outside */
#else
    uint32_t outer;
#endif
};

enum {
    ASYNCIO__BLOCK_ENTER,
    ASYNCIO__BLOCK_OPEN,
    ASYNCIO__BLOCK_INSIDE,
    ASYNCIO__BLOCK_EXIT,
    ASYNCIO__BLOCK_NEXT, /* of ASYNC_FOR, inside: it asks for the next item, */
    ASYNCIO__BLOCK_GIVEN /* and has it */
};

/* A try block; after it, .err and .detail tell how its body ended. */
typedef struct asyncio_try {
    asyncio_block block;
} asyncio_try;

/*
 * asyncio_await_coro - let a block's exit wait for a coroutine.
 *
 *   self, task   what the block's function was given; child: from ASYNC_IN, or ASYNC_NEW cast to asyncio_coro *
 *   Returns      a status: the coroutine's error and value, or "wait for me"; ASYNCIO_ENOMEM if child is NULL,
 *                ASYNCIO_EREUSED if it was awaited before. Frees what ASYNC_NEW allocated, allocates nothing.
 */
static inline asyncio_status asyncio_await_coro(asyncio_coro *self, asyncio_task *task, asyncio_coro *child)
{
    int err = asyncio__await_coro(self, task, child);
    return asyncio__status(err == ASYNCIO__PENDING ? ASYNCIO__BELOW : err, self->value);
}

/*
 * asyncio_await_future - the status of waiting for a Future: for blocks, and for primitives of your own.
 *
 *   task       what the block's function was given; in a helper function: asyncio_current_task()
 *   Returns    a status for ASYNC_AWAIT in the same statement: the Future's error and value if it is done, or "wait for
 *              me"; errors as ASYNC_AWAIT's. Allocates nothing. Cost: O(1).
 */
static inline asyncio_status asyncio_await_future(asyncio_task *task, asyncio_future *future)
{
    return asyncio__future_status(task, future, &asyncio__future_wait);
}

/* Whether, in a debug build, a block is about to be set up in the storage of one around. */
static inline int asyncio__block_enters(asyncio_coro *self, asyncio_block *block, bool sets_up)
{
    bool inside = ASYNCIO_POISON && sets_up && self->handler > 2 && block->phase == ASYNCIO__BLOCK_INSIDE &&
                  block->detail == (asyncio_value)self;
    block->phase = ASYNCIO__BLOCK_ENTER;
    return inside;
}

static inline int asyncio__block_enter(asyncio_coro *self, asyncio_task *task, asyncio_block *block)
{
    if (ASYNCIO__MISTAKE(block->type == NULL)) /* it would swallow errors, as a try block */
        return asyncio__await_status(self, task, asyncio__status(ASYNCIO_ENOINIT, 0));
    if (block->type->enter == NULL)
        return 0;
    return asyncio__await_status(self, task, block->type->enter(block, self, task));
}

/* In a FINALLY an outcome is on its way out already: it is put aside, for what happens in the block is another one. */
static inline void asyncio__block_open(asyncio_coro *self, asyncio_task *task, asyncio_block *block)
{
    block->kept_err = -1;
    if (ASYNCIO_POISON)
        block->detail = (asyncio_value)self; /* who is inside: for asyncio__block_enters */
    if (self->flags & ASYNCIO__FRAME_RETURNING) {
        asyncio_value *result = asyncio__result_of(self, task);
        block->kept_err = self->err;
        block->kept = *result;
        *result = 0;
        self->err = 0;
        self->flags &= (uint8_t)~ASYNCIO__FRAME_RETURNING;
    }
}

static inline int asyncio__block_leave(asyncio_coro *self, asyncio_task *task, asyncio_block *block)
{
    self->handler = block->outer;
    block->phase = ASYNCIO__BLOCK_EXIT;
    block->err = self->flags & ASYNCIO__FRAME_RETURNING ? self->err : (int16_t)0;
    block->detail = block->err != 0 ? *asyncio__result_of(self, task) : 0;
    if (block->type == NULL) /* a try block swallows */
        return 0;
    return asyncio__await_status(self, task, block->type->exit(block, self, task, block->err));
}

static inline int asyncio__block_resume(asyncio_coro *self, asyncio_task *task, asyncio_block *block, int outcome)
{
    int err = block->phase == ASYNCIO__BLOCK_ENTER ? 0 : block->err;
    if (block->type->resume == NULL)
        return outcome;
    return asyncio__await_status(self, task, block->type->resume(block, self, task, err, outcome));
}

/* What stands where a result will: nothing, or the message of a cancel() that came earlier in this step, which the error
 * that was just caught has overwritten. */
static inline asyncio_value asyncio__no_result(asyncio_coro *self, asyncio_task *task)
{
    bool pending = (task->future.flags & ASYNCIO__MESSAGE) && task->wait.node.wait == NULL;
    return pending && self == asyncio__root_of(task) ? task->wait.slot.message : 0;
}

/* The exit gave an error. Is it not the body's: another one, or a later one of the same kind? */
static inline bool asyncio__block_raises(const asyncio_coro *self, const asyncio_block *block, int err)
{
    return err != block->err || (self->value != 0 && self->value != block->detail);
}

/* The exit gave none. True: a return goes on outward. */
static inline bool asyncio__block_close(asyncio_coro *self, asyncio_task *task, asyncio_block *block)
{
    if (block->err != 0) {
        *asyncio__result_of(self, task) = asyncio__no_result(self, task);
        self->err = 0;
        self->flags &= (uint8_t)~ASYNCIO__FRAME_RETURNING;
        self->value = block->detail;
        asyncio__caught(self, block->err);
    }
    if (self->flags & ASYNCIO__FRAME_RETURNING)
        return true;
    if (block->kept_err >= 0) {
        *asyncio__result_of(self, task) = block->kept;
        self->err = block->kept_err;
        self->flags |= ASYNCIO__FRAME_RETURNING;
    }
    return false;
}

ASYNCIO__COLD void asyncio__block_escaped(asyncio_coro *self, asyncio_task *task, const char *file)
{
    asyncio_exception_context context;
    task->future.flags |= ASYNCIO__LEFTOVERS; /* of a group: its children report to nobody any more */
    if (!ASYNCIO_REPORTS)
        return;
    asyncio__clear(&context, sizeof context);
    context.message = "a block was left by goto: its exit did not run";
    context.err = ASYNCIO_ERUNTIME;
    context.task = task;
    context.file = file;
    context.line = asyncio__line_of(self);
    asyncio_call_exception_handler(task->future.loop, &context);
}

/* A goto led to before a block that is still open. Nobody knows what is outside of it any more: the coroutine ends, and
 * what is armed in the frame is not armed a second time. */
ASYNCIO__COLD int asyncio__block_left_open(asyncio_coro *self, asyncio_task *task, const char *file)
{
    asyncio__block_escaped(self, task, file);
    self->handler = 2;
    self->value = 0;
    return ASYNCIO_ERUNTIME;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

/* ---- The macros ---- */

/* A body's second parameter. A library call that needs it outside of a coroutine fails to compile with this name. */
#define ASYNCIO__CURRENT asyncio__use_this_only_inside_ASYNC

#if ASYNCIO_STRINGS
#define ASYNCIO__FUNCTION (__func__ + sizeof "asyncio__body_" - 1)
#define ASYNCIO__FILE __FILE__
#else
#define ASYNCIO__FUNCTION NULL
#define ASYNCIO__FILE NULL
#endif

#ifdef __TINYC__
#define ASYNCIO__EXTENSION
#define ASYNCIO__ASSUME(x) ((void)0)
#else
#define ASYNCIO__EXTENSION __extension__
#define ASYNCIO__ASSUME(x) ((x) ? (void)0 : __builtin_unreachable())
#endif

#if ASYNCIO_DENSE
#define ASYNCIO__POINT(k) __COUNTER__
#define ASYNCIO__BASE (__COUNTER__ - 2)
#else
#define ASYNCIO__POINT(k) (__LINE__ * 4 + (k))
#define ASYNCIO__BASE 0
#endif
#if ASYNCIO_DENSE && ASYNCIO_LINES
#define ASYNCIO__HERE(n) (self->coro.state = (n) - asyncio__after_ASYNC_BEGIN, self->coro.line = (uint16_t)__LINE__)
#define ASYNCIO__LINE_HERE (self->coro.line = (uint16_t)__LINE__)
#else
#define ASYNCIO__HERE(n) (self->coro.state = (n) - asyncio__after_ASYNC_BEGIN)
#define ASYNCIO__LINE_HERE ((void)0)
#endif

/* COUNT counts 1..16 arguments and says 17 for more, MANY says 1 or 2 for more, of at most 64. Numbers, for a program
 * may have macros of any name. The last 0 keeps C99's `...` from being empty. */
#define ASYNCIO__NTH(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20,    \
    a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33, a34, a35, a36, a37, a38, a39, a40, a41, a42,      \
    a43, a44, a45, a46, a47, a48, a49, a50, a51, a52, a53, a54, a55, a56, a57, a58, a59, a60, a61, a62, a63, N, ...) N
#define ASYNCIO__COUNT(...) ASYNCIO__NTH(__VA_ARGS__, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17,      \
    17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17,    \
    17, 17, 17, 17, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define ASYNCIO__MANY(...) ASYNCIO__NTH(__VA_ARGS__, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,    \
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,     \
    2, 2, 2, 2, 2, 1, 0)
#define ASYNCIO__CAT(a, b) ASYNCIO__CAT_(a, b)
#define ASYNCIO__CAT_(a, b) a##b
#define ASYNCIO__FIRST(...) ASYNCIO__FIRST_(__VA_ARGS__, 0)
#define ASYNCIO__FIRST_(first, ...) first

/* ASYNCIO__SET(p, first, .a = 1, .b = 2) makes `p .a = 1; p .b = 2;`: arguments by name in any language standard. */
#define ASYNCIO__SET(p, ...) ASYNCIO__CAT(ASYNCIO__SET_, ASYNCIO__COUNT(__VA_ARGS__))(p, __VA_ARGS__)
#define ASYNCIO__SET_1(p, f)
#define ASYNCIO__SET_2(p, f, a) p a;
#define ASYNCIO__SET_3(p, f, a, ...) p a; ASYNCIO__SET_2(p, f, __VA_ARGS__)
#define ASYNCIO__SET_4(p, f, a, ...) p a; ASYNCIO__SET_3(p, f, __VA_ARGS__)
#define ASYNCIO__SET_5(p, f, a, ...) p a; ASYNCIO__SET_4(p, f, __VA_ARGS__)
#define ASYNCIO__SET_6(p, f, a, ...) p a; ASYNCIO__SET_5(p, f, __VA_ARGS__)
#define ASYNCIO__SET_7(p, f, a, ...) p a; ASYNCIO__SET_6(p, f, __VA_ARGS__)
#define ASYNCIO__SET_8(p, f, a, ...) p a; ASYNCIO__SET_7(p, f, __VA_ARGS__)
#define ASYNCIO__SET_9(p, f, a, ...) p a; ASYNCIO__SET_8(p, f, __VA_ARGS__)
#define ASYNCIO__SET_10(p, f, a, ...) p a; ASYNCIO__SET_9(p, f, __VA_ARGS__)
#define ASYNCIO__SET_11(p, f, a, ...) p a; ASYNCIO__SET_10(p, f, __VA_ARGS__)
#define ASYNCIO__SET_12(p, f, a, ...) p a; ASYNCIO__SET_11(p, f, __VA_ARGS__)
#define ASYNCIO__SET_13(p, f, a, ...) p a; ASYNCIO__SET_12(p, f, __VA_ARGS__)
#define ASYNCIO__SET_14(p, f, a, ...) p a; ASYNCIO__SET_13(p, f, __VA_ARGS__)
#define ASYNCIO__SET_15(p, f, a, ...) p a; ASYNCIO__SET_14(p, f, __VA_ARGS__)
#define ASYNCIO__SET_16(p, f, a, ...) p a; ASYNCIO__SET_15(p, f, __VA_ARGS__)
#define ASYNCIO__SET_17(p, ...) asyncio__at_most_15_arguments;

/*
 * ASYNC(name, fields...) {body} - a coroutine of this file. Each field ends in a semicolon; there may be none.
 *
 *   Makes `struct name` (the frame: `asyncio_coro coro`, then the fields) and `struct name_task` (the same with its
 *   Task in front, `.frame` inside): no struct of yours can have these names. The body is a function of its own in which
 *   `self` is the frame; it holds ASYNC_BEGIN, perhaps ASYNC_FINALLY, and ASYNC_END. At most 62 commas between the
 *   fields; none needs more alignment than a pointer. Both are checked when you compile.
 *
 * ASYNC_DECLARE(name, fields...); in a header and ASYNC_DEFINE(name) {body} in one source file are its two halves, in C
 * and in C++.
 */
#define ASYNC(...)                                                                                                     \
    ASYNCIO__CAT(ASYNCIO__FRAME_, ASYNCIO__MANY(__VA_ARGS__))(__VA_ARGS__)                                             \
    ASYNCIO__INLINE ASYNCIO__RESUME(ASYNCIO__FIRST(__VA_ARGS__));                                                      \
    ASYNCIO__BODY(ASYNCIO__FIRST(__VA_ARGS__))
#define ASYNC_DECLARE(...)                                                                                             \
    ASYNCIO__CAT(ASYNCIO__FRAME_, ASYNCIO__MANY(__VA_ARGS__))(__VA_ARGS__)                                             \
    ASYNCIO__EXTERN_C ASYNCIO__RESUME(ASYNCIO__FIRST(__VA_ARGS__))
#define ASYNC_DEFINE(name) ASYNCIO__BODY(name)

#define ASYNCIO__FRAME_1(name)                                                                                         \
    struct name {                                                                                                      \
        asyncio_coro coro;                                                                                             \
    };                                                                                                                 \
    ASYNCIO__FRAME_TASK(name)
#define ASYNCIO__FRAME_2(name, ...)                                                                                    \
    struct name {                                                                                                      \
        asyncio_coro coro;                                                                                             \
        __VA_ARGS__                                                                                                    \
    };                                                                                                                 \
    ASYNCIO__FRAME_TASK(name)
#define ASYNCIO__FRAME_TASK(name)                                                                                      \
    struct name##_task {                                                                                               \
        ASYNCIO__TASK_HEAD                                                                                             \
        struct name frame;                                                                                             \
    };                                                                                                                 \
    typedef char asyncio__frame_needs_no_more_alignment_than_a_pointer_##name                                          \
        [offsetof(struct name##_task, frame) == offsetof(asyncio_task, coro) ? 1 : -1];                                \
    ASYNCIO__PLAIN_DATA(name)
#ifdef __cplusplus /* the library clears a frame and frees it, nothing more */
#define ASYNCIO__PLAIN_DATA(name)                                                                                      \
    typedef char asyncio__a_frame_is_plain_data_##name[__is_trivial(struct name) ? 1 : -1];
#else
#define ASYNCIO__PLAIN_DATA(name)
#endif
#define ASYNCIO__RESUME(name) ASYNCIO__RESUME_(name)
#define ASYNCIO__RESUME_(name)                                                                                         \
    int asyncio__resume_##name(asyncio_coro *asyncio__self, asyncio_task *asyncio__task, int asyncio__err)
#define ASYNCIO__BODY(name) ASYNCIO__BODY_(name)
#define ASYNCIO__BODY_(name)                                                                                           \
    ASYNCIO__INLINE asyncio__leave_by_ASYNC_RETURN asyncio__body_##name(                                               \
        struct name *self, asyncio_task *ASYNCIO__CURRENT, int asyncio__err);                                          \
    ASYNCIO__RESUME_(name)                                                                                             \
    {                                                                                                                  \
        ASYNCIO__POISON_STACK;                                                                                         \
        asyncio__err = asyncio__body_##name((struct name *)(void *)asyncio__self, asyncio__task, asyncio__err).code;   \
        ASYNCIO__POISON_STACK; /* a second time: or the call would be a jump, with its frame elsewhere */              \
        return asyncio__err;                                                                                           \
    }                                                                                                                  \
    ASYNCIO__INLINE asyncio__leave_by_ASYNC_RETURN asyncio__body_##name(                                               \
        struct name *self, asyncio_task *ASYNCIO__CURRENT, int asyncio__err)
#if ASYNCIO_POISON
#define ASYNCIO__INLINE static __attribute__((noinline))
#define ASYNCIO__POISON_STACK asyncio__poison_stack()
#else
#define ASYNCIO__INLINE static inline
#define ASYNCIO__POISON_STACK ((void)0)
#endif

/*
 * ASYNC_NEW(name, .field = value, ...)             a coroutine on the heap (asyncio_loop.h, hosted)
 * ASYNC_AT(&storage, name, .field = value, ...)    in a struct name_task of yours
 * ASYNC_IN(&frame, name, .field = value, ...)      in a struct name of yours, for ASYNC_AWAIT only
 *
 *   Arguments by name, in any order, the rest zero. Nothing runs before it is awaited or made a task.
 *   NEW and AT give an asyncio_root *, for create_task, run and ASYNC_AWAIT; IN an asyncio_coro *, for ASYNC_AWAIT.
 *   NEW gives NULL without memory: whoever gets that NULL answers ASYNCIO_ENOMEM. What nobody takes never runs, and of
 *   NEW leaks: compilers warn of one that stands alone, and in debug builds (ASYNCIO_POISON) one that was made in a
 *   running loop is reported when that is closed.
 *   Suspends   never
 *   Memory     NEW: one allocation, of sizeof(struct name_task); freed when the coroutine or its task is over, by
 *              whoever took it, or by asyncio_coro_close. AT and IN: none; the storage must stay until then, and starts
 *              another coroutine only after that. Cost: O(size), for clearing.
 *   Source     none: Python's f(7) does it
 */
#define ASYNC_AT(storage, ...) ASYNCIO__AT(ASYNCIO__FIRST(__VA_ARGS__), storage, __VA_ARGS__)
#define ASYNC_IN(storage, ...) ASYNCIO__IN(ASYNCIO__FIRST(__VA_ARGS__), storage, __VA_ARGS__)
#define ASYNCIO__AT(name, storage, ...) ASYNCIO__AT_(name, storage, __VA_ARGS__)
#define ASYNCIO__IN(name, storage, ...) ASYNCIO__IN_(name, storage, __VA_ARGS__)
#define ASYNCIO__AT_(name, storage, ...)                                                                               \
    asyncio__to_be_awaited_or_started(ASYNCIO__EXTENSION({                                                             \
        struct name##_task *asyncio__at_##name = (storage);                                                            \
        ASYNCIO__OPAQUE(asyncio__at_##name);                                                                           \
        asyncio__check_storage(asyncio__at_##name);                                                                    \
        ASYNCIO__PREPARE(name, (&asyncio__at_##name->frame), ASYNCIO__FRAME_ROOM, __VA_ARGS__)                         \
        (asyncio_root *)(void *)&asyncio__at_##name->frame;                                                            \
    }))
#define ASYNCIO__IN_(name, storage, ...)                                                                               \
    asyncio__to_be_awaited(ASYNCIO__EXTENSION({                                                                        \
        struct name *asyncio__in_##name = (storage);                                                                   \
        asyncio_coro *asyncio__made_##name = ASYNCIO__UNUSED_FRAME(&asyncio__in_##name->coro);                         \
        if (ASYNCIO__IS_UNUSED(asyncio__made_##name, &asyncio__in_##name->coro)) {                                     \
            ASYNCIO__PREPARE(name, asyncio__in_##name, 0, __VA_ARGS__)                                                 \
        }                                                                                                              \
        asyncio__made_##name;                                                                                          \
    }))
/* So that a compiler warns of a coroutine that is made, and neither awaited nor given away. */
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_root *asyncio__to_be_awaited_or_started(asyncio_root *root) { return root; }
ASYNCIO__HOT ASYNCIO__NODISCARD asyncio_coro *asyncio__to_be_awaited(asyncio_coro *coro) { return coro; }
#define ASYNCIO__PREPARE(name, at, mark, ...)                                                                          \
    asyncio__coro_prepare((asyncio_coro *)(void *)at, sizeof *at, asyncio__resume_##name, mark);                       \
    ASYNCIO__SET((*at), __VA_ARGS__)

/* Field by field, not cleared as a whole: so a compiler knows what create_task and await are about to check. */
ASYNCIO__HOT void asyncio__coro_init(asyncio_coro *coro, asyncio__resume resume, unsigned flags)
{
    coro->resume = resume;
    coro->awaiter = NULL;
    coro->value = 0;
    coro->state = 0;
#if ASYNCIO_DENSE && ASYNCIO_LINES
    coro->line = 0;
#endif
    coro->err = 0;
    coro->handler = 1;
    coro->flags = (uint8_t)flags;
}

/* `coro` is the head of a frame of `size` bytes. */
ASYNCIO__HOT_ONCE void asyncio__coro_prepare(asyncio_coro *coro, size_t size, asyncio__resume resume, unsigned flags)
{
    asyncio__clear((char *)coro + sizeof *coro, size - sizeof *coro);
    asyncio__coro_init(coro, resume, flags);
}

/* Debug mode of debug builds: a frame in which another coroutine still waits is not to be cleared. In its place comes
 * one that was awaited already. Asked of the oldest tasks, not of the storage. */
#if ASYNCIO_POISON && ASYNCIO_ALL_TASKS
ASYNCIO__COLD asyncio_task *asyncio__find_frame(asyncio_loop *loop, const asyncio_coro *frame)
{
    asyncio_task *task = asyncio__core_of(loop)->tasks.first;
    int most = 1000;
    for (; task != NULL && most > 0; task = task->next_task, most--) {
        asyncio_coro *coro = asyncio__root_of(task)->awaiter;
        if (task->wait.node.wait == NULL) /* it runs: what it waited in last may be gone */
            continue;
        while (coro != frame && coro != asyncio__root_of(task))
            coro = coro->awaiter;
        if (coro == frame)
            return task;
    }
    return NULL;
}
static __attribute__((unused)) asyncio_coro *asyncio__unused_frame(asyncio_coro *frame)
{
    static asyncio_coro used;
    asyncio_loop *loop = asyncio__running_loop;
    asyncio_task *task;
    if (loop == NULL || !asyncio__core_of(loop)->debug || (task = asyncio__find_frame(loop, frame)) == NULL)
        return frame;
    asyncio__report(&task->future, "ASYNC_IN: the frame of a coroutine that still waits is started again");
    used.awaiter = &used;
    return &used;
}
#define ASYNCIO__UNUSED_FRAME(frame) asyncio__unused_frame(frame)
#define ASYNCIO__IS_UNUSED(made, frame) ((made) == (frame))
#else
#define ASYNCIO__UNUSED_FRAME(frame) (frame)
#define ASYNCIO__IS_UNUSED(made, frame) ((void)(made), 1)
#endif

/* In debug mode: storage whose task still runs is not to be started again. Asked of the list, not of the storage. */
#if ASYNCIO_ALL_TASKS
ASYNCIO__COLD void asyncio__find_storage(asyncio_loop *loop, void *storage)
{
    asyncio_task *task;
    for (task = asyncio__core_of(loop)->tasks.first; task != NULL; task = task->next_task)
        if ((void *)task == storage && !asyncio_task_done(task))
            asyncio__report(&task->future, "ASYNC_AT: the storage of a task that is still running is started again");
}
#endif
ASYNCIO__HOT void asyncio__check_storage(void *storage)
{
#if ASYNCIO_ALL_TASKS
    asyncio_loop *loop = asyncio__running_loop;
    if (ASYNCIO__UNLIKELY(loop != NULL && asyncio__core_of(loop)->debug))
        asyncio__find_storage(loop, storage);
#else
    (void)storage;
#endif
}

/* ASYNC_TASK(&storage) - the Task in a struct name_task of yours; good once create_task or run has it. */
#define ASYNC_TASK(storage) ((asyncio_task *)(void *)&(storage)->future)

/*
 * asyncio_create_task(coro, .name = "n", .into = &pointer, ...) - run a coroutine concurrently, on the running loop.
 *
 *   coro       from ASYNC_NEW or ASYNC_AT; options by name, may be left out: see asyncio_task_options
 *   Suspends   never: the task's first step comes in the next iteration, but with .eager_start at once
 *   Returns    as asyncio_task_new, or what a task factory returned. An error to ignore in good conscience: it is
 *              reported, and the coroutine freed. Outside of a running loop ASYNCIO_ENOLOOP, and freed, too, which
 *              hosted is printed to stderr: start the first task by run or asyncio_loop_create_task.
 *   Memory     allocates nothing. Cost: O(1).
 *   Source     tasks.py:create_task. Differs: the loop holds the task; a pointer to it comes by .into, see Lifetime.
 */
#define asyncio_create_task(...)                                                                                       \
    ASYNCIO__EXTENSION({                                                                                               \
        asyncio_task_options asyncio__options;                                                                         \
        asyncio__no_options(&asyncio__options);                                                                        \
        ASYNCIO__SET(asyncio__options, __VA_ARGS__)                                                                    \
        asyncio__create_task(ASYNCIO__FIRST(__VA_ARGS__), &asyncio__options);                                          \
    })

/*
 * asyncio_ensure_future(x) - the Future of whatever can be awaited: of a Future * and of a Task * itself; a coroutine
 * (asyncio_root *) becomes a task of the running loop.
 *
 *   Suspends   never
 *   Returns    the Future, held once more in every case: give it up with asyncio_future_release. NULL if x is NULL, or
 *              if create_task failed, which is reported as it does; awaiting that NULL gives ASYNCIO_ENOMEM.
 *   Memory     allocates nothing. Cost: O(1).
 *   Source     tasks.py:ensure_future. Differs: no `loop` argument; wrap other awaitables in a coroutine by hand.
 *              Not in C without ASYNCIO_GENERIC.
 */
static inline asyncio_future *asyncio__ensure_future(asyncio_future *future)
{
    return asyncio_future_hold(future);
}
static inline asyncio_future *asyncio__ensure_task(asyncio_task *task)
{
    return task != NULL ? asyncio_task_future(asyncio_task_hold(task)) : NULL;
}
static inline asyncio_future *asyncio__ensure_root(asyncio_root *root)
{
    asyncio_task_options options;
    asyncio_task *task = NULL;
    asyncio__no_options(&options);
    options.into = &task;
    return asyncio_loop_create_task(NULL, root, &options) == 0 && task != NULL ? asyncio_task_future(task) : NULL;
}

/* Whether a body may be called with a state that it does not know. */
#define ASYNCIO__ASKS_BODIES (ASYNCIO_CHECKS || ASYNCIO_STRINGS)

/* ASYNC_BEGIN; ... ASYNC_END; - around the whole body. Falling into ASYNC_END returns 0. */
#define ASYNC_BEGIN                                                                                                    \
    enum { asyncio__after_ASYNC_BEGIN = ASYNCIO__BASE };                                                               \
    if (0) {                                                                                                           \
        goto asyncio__error;                                                                                           \
    asyncio__error:                                                                                                    \
        asyncio__raise(&self->coro, ASYNCIO__CURRENT, asyncio__err, ASYNCIO__FUNCTION, ASYNCIO__FILE);                 \
        asyncio__err = 0; /* not needed any more: or every resumption would make room to keep it over that call */     \
        goto asyncio__unwind;                                                                                          \
    asyncio__unwind:                                                                                                   \
        ASYNCIO__ASSUME(self->coro.handler != 0); /* never back to the start: else the body is compiled as a loop */   \
        self->coro.state = self->coro.handler;                                                                         \
    }                                                                                                                  \
    switch (self->coro.state) {                                                                                        \
    default:                                                                                                           \
        if (!ASYNCIO__ASKS_BODIES || self->coro.state <= 2) /* no FINALLY to run, or ended */                          \
            goto asyncio__end;                                                                                         \
        return asyncio__leave(asyncio__lost(&self->coro, ASYNCIO__CURRENT, asyncio__err, ASYNCIO__FUNCTION,            \
                                            ASYNCIO__FILE, ASYNCIO_DEBUG ? sizeof *self : 0));                         \
    case 0:

/* ASYNC_FINALLY; - what follows runs once, on return, error and cancellation, and may await. An error raised in it
 * replaces the pending one; an ASYNC_RETURN in it replaces error and value. Python's finally. It does not run if the
 * task was cancelled before its first step, as in Python, nor if the loop was closed over it. */
#define ASYNC_FINALLY                                                                                                  \
    ASYNCIO__FALL_OFF;                                                                                                 \
    self->coro.flags |= ASYNCIO__FRAME_RETURNING;                                                                      \
    if (0) {                                                                                                           \
    case 1:;                                                                                                           \
    }                                                                                                                  \
    self->coro.handler = 2

#define ASYNC_END                                                                                                      \
    }                                                                                                                  \
    if (self->coro.handler != 2)                                                                                       \
        ASYNCIO__FALL_OFF;                                                                                             \
    asyncio__end:                                                                                                      \
    self->coro.state = 2;                                                                                              \
    return asyncio__leave(self->coro.err)

#define ASYNCIO__FALL_OFF                                                                                              \
    do {                                                                                                               \
        *asyncio__result_of(&self->coro, ASYNCIO__CURRENT) = 0;                                                        \
        if (ASYNCIO__MISTAKE(self->coro.handler != 1))                                                                 \
            asyncio__block_escaped(&self->coro, ASYNCIO__CURRENT, ASYNCIO__FILE);                                      \
    } while (0)

/* Suspends at point n if expr says so; afterwards asyncio__err is the outcome. The label stands behind a return, so
 * that no compiler sees a case fall through. */
#define ASYNCIO__SUSPEND(n, expr)                                                                                      \
    ASYNCIO__HERE(n);                                                                                                  \
    asyncio__err = ASYNCIO__CHECKED(expr);                                                                             \
    if (asyncio__err == ASYNCIO__PENDING) {                                                                            \
        return asyncio__leave(ASYNCIO__PENDING);                                                                       \
    case (n) - asyncio__after_ASYNC_BEGIN:;                                                                            \
    }

#if ASYNCIO_POISON
#define ASYNCIO__CHECKED(expr)                                                                                         \
    asyncio__check_suspension(&self->coro, ASYNCIO__CURRENT, (expr), ASYNCIO__FILE, ASYNCIO__BODY_END)
#define ASYNCIO__ENTERS(b, sets_up) (asyncio__err = asyncio__block_enters(&self->coro, b, sets_up))
#define ASYNCIO__CHECK_STORAGE(n, b)                                                                                   \
    if (asyncio__err != 0 || asyncio__is_local((uintptr_t)(void *)(b), ASYNCIO__BODY_END)) {                           \
        ASYNCIO__HERE(n);                                                                                              \
        asyncio__err =                                                                                                 \
            asyncio__report_misuse(&self->coro, ASYNCIO__CURRENT, ASYNCIO__FILE,                                       \
                                   asyncio__err ? ASYNCIO__SHARED_BLOCK : ASYNCIO__LOCAL_LOST);                        \
        goto asyncio__error;                                                                                           \
    }
#else
#define ASYNCIO__CHECKED(expr) (expr)
#define ASYNCIO__ENTERS(b, sets_up) ((b)->phase = ASYNCIO__BLOCK_ENTER)
#define ASYNCIO__CHECK_STORAGE(n, b)
#endif

#define ASYNCIO__RAISE_IF_ERR                                                                                          \
    if (ASYNCIO__UNLIKELY(asyncio__err != 0))                                                                          \
        goto asyncio__error

/*
 * ASYNC_AWAIT(x)                 wait for x; an error leaves through the blocks around it and FINALLY
 * ASYNC_AWAIT_INTO(dst, x)       the same, and x's value into the variable dst: an integer or pointer, no bit-field
 * ASYNC_CATCH(err, x)            try/except Exception around one await: the int err is 0 or the error. A cancellation
 *                                is not caught: it leaves as from ASYNC_AWAIT; who forgets to look is still cancelled.
 * ASYNC_CATCH_INTO(err, dst, x)  the same with the value; on an error dst, wide enough for a pointer, is its detail, to
 *                                hand on in ASYNC_RAISE(err, dst)
 * ASYNC_CATCH_ALL(err, x), ASYNC_CATCH_ALL_INTO(err, dst, x)
 *                                try/except BaseException: ASYNCIO_ECANCELLED too, whether this task was cancelled or
 *                                what it awaited (asyncio_task_cancelling tells). Its detail is cancel()'s message.
 *
 *   x          a coroutine (ASYNC_NEW, ASYNC_IN, ASYNC_AT), a Future *, a Task *, or the status of a library primitive
 *   Suspends   if x is not ready; awaiting a done Future or a coroutine that does not suspend goes straight on
 *   Errors     x's; ASYNCIO_ENOMEM if x is NULL; ASYNCIO_EREUSED for a coroutine that was awaited before (but one of
 *              ASYNC_NEW is freed when it is over: its pointer is good for nothing then). One iteration later:
 *              ASYNCIO_EWRONGLOOP for another loop's Future, ASYNCIO_ENOINIT for one without a loop, ASYNCIO_ESELFAWAIT
 *              for this task itself. ASYNCIO_ERUNTIME if an earlier primitive's status was never awaited, and,
 *              reported, in debug builds (ASYNCIO_POISON) if what is waited for, or with, is a local variable, or a
 *              status that was kept
 *   Memory     allocates nothing; frees a coroutine of ASYNC_NEW that ended. Cost: O(1) at any depth of awaits.
 *   Source     Python's await; futures.py:Future.__await__, tasks.py:Task.__step
 */
#define ASYNC_AWAIT(x) ASYNCIO__AWAIT(ASYNCIO__POINT(0), x)
#define ASYNC_AWAIT_INTO(dst, x) ASYNCIO__AWAIT_INTO(ASYNCIO__POINT(0), dst, x)
#define ASYNC_CATCH(err, x) ASYNCIO__CATCH(ASYNCIO__POINT(0), err, x)
#define ASYNC_CATCH_INTO(err, dst, x) ASYNCIO__CATCH_INTO(ASYNCIO__POINT(0), err, dst, x)
#define ASYNC_CATCH_ALL(err, x) ASYNCIO__CATCH_ALL(ASYNCIO__POINT(0), err, x)
#define ASYNC_CATCH_ALL_INTO(err, dst, x) ASYNCIO__CATCH_ALL_INTO(ASYNCIO__POINT(0), err, dst, x)
#define ASYNCIO__AWAIT(n, x)                                                                                           \
    do {                                                                                                               \
        ASYNCIO__SUSPEND(n, ASYNCIO__AWAITED(x))                                                                       \
        ASYNCIO__RAISE_IF_ERR;                                                                                         \
    } while (0)
#define ASYNCIO__AWAIT_INTO(n, dst, x)                                                                                 \
    do {                                                                                                               \
        ASYNCIO__SUSPEND(n, ASYNCIO__AWAITED(x))                                                                       \
        ASYNCIO__RAISE_IF_ERR;                                                                                         \
        ASYNCIO__INTO(dst, self->coro.value);                                                                          \
    } while (0)
#define ASYNCIO__CATCH(n, error, x)                                                                                    \
    do {                                                                                                               \
        ASYNCIO__SUSPEND(n, ASYNCIO__AWAITED(x))                                                                       \
        if (ASYNCIO__UNLIKELY(asyncio__err != 0)) {                                                                    \
            if (asyncio__err == ASYNCIO_ECANCELLED)                                                                    \
                goto asyncio__error;                                                                                   \
            asyncio__caught(&self->coro, asyncio__err);                                                                \
        }                                                                                                              \
        (error) = asyncio__err;                                                                                        \
    } while (0)
#define ASYNCIO__CATCH_INTO(n, error, dst, x)                                                                          \
    do {                                                                                                               \
        ASYNCIO__CATCH(n, error, x);                                                                                   \
        ASYNCIO__INTO(dst, self->coro.value);                                                                          \
    } while (0)
#define ASYNCIO__CATCH_ALL(n, error, x)                                                                                \
    do {                                                                                                               \
        ASYNCIO__SUSPEND(n, ASYNCIO__AWAITED(x))                                                                       \
        if (ASYNCIO__UNLIKELY(asyncio__err != 0))                                                                      \
            asyncio__caught(&self->coro, asyncio__err);                                                                \
        (error) = asyncio__err;                                                                                        \
    } while (0)
#define ASYNCIO__CATCH_ALL_INTO(n, error, dst, x)                                                                      \
    do {                                                                                                               \
        ASYNCIO__CATCH_ALL(n, error, x);                                                                               \
        ASYNCIO__INTO(dst, self->coro.value);                                                                          \
    } while (0)

/* ASYNC_AWAIT for one type each, where there is no _Generic. CORO: ASYNC_IN, or ASYNC_NEW cast to asyncio_coro *. To
 * catch or to get a value: ASYNC_CATCH(err, asyncio_await_future(asyncio_current_task(), future)) and its like. */
#define ASYNC_AWAIT_CORO(x) ASYNCIO__AWAIT_BY(ASYNCIO__POINT(0), asyncio__await_coro, x)
#define ASYNC_AWAIT_FUTURE(x) ASYNCIO__AWAIT_BY(ASYNCIO__POINT(0), asyncio__await_future, x)
#define ASYNC_AWAIT_TASK(x) ASYNCIO__AWAIT_BY(ASYNCIO__POINT(0), asyncio__await_task, x)
#define ASYNCIO__AWAIT_BY(n, function, x)                                                                              \
    do {                                                                                                               \
        ASYNCIO__SUSPEND(n, function(&self->coro, ASYNCIO__CURRENT, x))                                                \
        ASYNCIO__RAISE_IF_ERR;                                                                                         \
    } while (0)

/*
 * ASYNC_RETURN(value)            end the coroutine: through the blocks around it and FINALLY, then to the awaiter. An
 *                                integer or a pointer; a float does not compile. Nothing to return: 0.
 * ASYNC_RAISE(err)               the same with an error: 1 .. 0x7fff, else it becomes ASYNCIO_EVALUE. Without an await
 *                                since it was caught, its message or traceback goes on, as with Python's bare raise.
 * ASYNC_RAISE(err, detail)       with the message of a cancellation, or what ASYNC_CATCH_INTO gave
 */
#define ASYNC_RETURN(value)                                                                                            \
    do {                                                                                                               \
        *asyncio__result_of(&self->coro, ASYNCIO__CURRENT) = ASYNCIO__VALUE(value);                                    \
        self->coro.err = 0;                                                                                            \
        self->coro.flags |= ASYNCIO__FRAME_RETURNING;                                                                  \
        goto asyncio__unwind;                                                                                          \
    } while (0)
#define ASYNC_RAISE(...) ASYNCIO__CAT(ASYNCIO__RAISE_, ASYNCIO__COUNT(__VA_ARGS__))(__VA_ARGS__)
#define ASYNCIO__RAISE_1(error)                                                                                        \
    do {                                                                                                               \
        asyncio__err = (error);                                                                                        \
        asyncio__raise_again(&self->coro, asyncio__err);                                                               \
        ASYNCIO__LINE_HERE;                                                                                            \
        goto asyncio__error;                                                                                           \
    } while (0)
#define ASYNCIO__RAISE_2(error, detail)                                                                                \
    do {                                                                                                               \
        asyncio__err = (error);                                                                                        \
        self->coro.value = (asyncio_value)(detail);                                                                    \
        ASYNCIO__LINE_HERE;                                                                                            \
        goto asyncio__error;                                                                                           \
    } while (0)

/*
 * ASYNC_WITH(block) {body} - Python's `async with`: enter, body, exit, whatever way the body ends.
 * ASYNC_WITH(block, init(...)) {body} - sets the block up first, as in ASYNC_WITH(&self->limit, asyncio_timeout(5.0)).
 *
 *   block      a pointer without side effects to a struct in the frame whose first member is an asyncio_block; without
 *              init, set up before (its type). Blocks nest, each in storage of its own. break and continue in the body
 *              leave the block only, not a loop around it.
 *   init       a call, evaluated once, in which ASYNCIO__BLOCK is the block: for a block type of your own,
 *              #define my_block(x) my_block_init(ASYNCIO__BLOCK, x)
 *   Suspends   if its enter or exit does
 *   Errors     enter's, before the body; else what exit makes of the body's; ASYNCIO_ENOINIT for a block that was not
 *              set up; in debug builds (ASYNCIO_POISON), reported, ASYNCIO_ERUNTIME for storage that is a local or that
 *              of a block around
 *
 * ASYNC_FOR(item, block, init(...)) {body} - Python's `async for`, in a block of its own: whatever way the loop ends,
 * the block's exit runs. break ends the loop, continue goes on with the next item.
 *
 *   item       a pointer variable: a field, if the body awaits
 *   block      as above, to a struct that has a member `next`, too: asyncio_status (*next)(asyncio_block *block,
 *              asyncio_coro *self, asyncio_task *task), which gives an item, "wait for me", or NULL at the end
 *   Suspends   if the block does, or `next`
 *   Errors     the block's, next's and the body's
 *
 * ASYNC_TRY(try) {body} ASYNC_EXCEPT(try) {handler} - try/except Exception over several awaits.
 *
 *   try        a pointer to an asyncio_try in the frame; in and after the handler (try)->block.err and .detail
 *   Every error of the body ends up there, but a cancellation: that and a return pass. Raise again what you do not
 *   handle. ASYNC_TRY_ALL(try) catches ASYNCIO_ECANCELLED, too.
 *
 *   All allocate nothing and cost O(1). A block must start among the first 250 awaits of its coroutine; one further
 *   down does not compile (with ASYNCIO_DENSE 0 there is no limit). A WITH counts as three awaits, a FOR as four, a
 *   TRY as one.
 */
#define ASYNC_WITH(...) ASYNCIO__CAT(ASYNCIO__WITH_, ASYNCIO__MANY(__VA_ARGS__))(__VA_ARGS__)
#define ASYNCIO__WITH_1(b) ASYNCIO__WITH_INIT(false, (b), ASYNCIO__NO_INIT)
#define ASYNCIO__WITH_2(b, ...) ASYNCIO__WITH_INIT(true, (b), __VA_ARGS__)
#define ASYNCIO__WITH_INIT(sets_up, b, ...)                                                                            \
    ASYNCIO__WITH(ASYNCIO__POINT(0), ASYNCIO__POINT(1), ASYNCIO__POINT(2), (&(b)->block), ASYNCIO__EXTENSION({         \
                      __typeof__(b) ASYNCIO__BLOCK = (b);                                                              \
                      (void)ASYNCIO__BLOCK;                                                                            \
                      __VA_ARGS__;                                                                                     \
                      (void)0; /* or gcc would not warn of a status here: asyncio_lock_acquire for _held */            \
                  }), sets_up)
#define ASYNCIO__NO_INIT (void)0
#define ASYNCIO__BLOCK asyncio__use_this_only_inside_ASYNC_WITH
#define ASYNC_FOR(item, ...) ASYNCIO__FOR(ASYNCIO__POINT(3), item, ASYNCIO__FIRST(__VA_ARGS__), __VA_ARGS__)
#define ASYNCIO__FOR(n, item, b, ...)                                                                                  \
    ASYNC_WITH(__VA_ARGS__)                                                                                            \
        for ((b)->block.phase = ASYNCIO__BLOCK_NEXT;;)                                                                 \
            if ((b)->block.phase == ASYNCIO__BLOCK_NEXT) {                                                             \
                ASYNCIO__SUSPEND(n, asyncio__await_status(&self->coro, ASYNCIO__CURRENT,                               \
                                                          (b)->next(&(b)->block, &self->coro, ASYNCIO__CURRENT)))      \
                ASYNCIO__RAISE_IF_ERR;                                                                                 \
                if (self->coro.value == 0)                                                                             \
                    break;                                                                                             \
                ASYNCIO__INTO(item, self->coro.value);                                                                 \
                (b)->block.phase = ASYNCIO__BLOCK_GIVEN;                                                               \
            } else if ((b)->block.phase != ASYNCIO__BLOCK_GIVEN) /* the body ended by break */                         \
                break;                                                                                                 \
            else                                                                                                       \
                for ((b)->block.phase = ASYNCIO__BLOCK_INSIDE; (b)->block.phase == ASYNCIO__BLOCK_INSIDE;              \
                     (b)->block.phase = ASYNCIO__BLOCK_NEXT)
#define ASYNC_TRY(b) ASYNCIO__TRY(ASYNCIO__POINT(0), (&(b)->block), ASYNCIO_ECANCELLED)
#define ASYNC_TRY_ALL(b) ASYNCIO__TRY(ASYNCIO__POINT(0), (&(b)->block), 0)
#define ASYNC_EXCEPT(b) if ((b)->block.err != 0)
#define ASYNCIO__WITH(in, out, wait, b, init, sets_up)                                                                 \
    for (ASYNCIO__ENTERS(b, sets_up);;)                                                                                \
        if ((b)->phase == ASYNCIO__BLOCK_ENTER) {                                                                      \
            ASYNCIO__ALL_CLOSED_FROM(out);                                                                             \
            ASYNCIO__CHECK_STORAGE(in, b)                                                                              \
            init;                                                                                                      \
            (b)->phase = ASYNCIO__BLOCK_ENTER;                                                                         \
            ASYNCIO__HERE(in);                                                                                         \
            asyncio__err = asyncio__block_enter(&self->coro, ASYNCIO__CURRENT, b);                                     \
            if (0) {                                                                                                   \
            case (in) - asyncio__after_ASYNC_BEGIN:                                                                    \
                asyncio__err = asyncio__block_resume(&self->coro, ASYNCIO__CURRENT, b, asyncio__err);                  \
            }                                                                                                          \
            if (asyncio__err == ASYNCIO__PENDING)                                                                      \
                return asyncio__leave(ASYNCIO__PENDING);                                                               \
            ASYNCIO__RAISE_IF_ERR;                                                                                     \
            ASYNCIO__BLOCK_OPENED(out, b);                                                                             \
        } else if ((b)->phase != ASYNCIO__BLOCK_OPEN) {                                                                \
            if (0) {                                                                                                   \
            case (out) - asyncio__after_ASYNC_BEGIN:;                                                                  \
            }                                                                                                          \
            ASYNCIO__HERE(wait);                                                                                       \
            asyncio__err = asyncio__block_leave(&self->coro, ASYNCIO__CURRENT, b);                                     \
            if (0) {                                                                                                   \
            case (wait) - asyncio__after_ASYNC_BEGIN:                                                                  \
                asyncio__err = asyncio__block_resume(&self->coro, ASYNCIO__CURRENT, b, asyncio__err);                  \
            }                                                                                                          \
            if (asyncio__err == ASYNCIO__PENDING)                                                                      \
                return asyncio__leave(ASYNCIO__PENDING);                                                               \
            ASYNCIO__BLOCK_CLOSED(b)                                                                                   \
            break;                                                                                                     \
        } else                                                                                                         \
            for ((b)->phase = ASYNCIO__BLOCK_INSIDE; (b)->phase == ASYNCIO__BLOCK_INSIDE;                              \
                 (b)->phase = ASYNCIO__BLOCK_EXIT)
#define ASYNCIO__TRY(out, b, passes)                                                                                   \
    for (ASYNCIO__ENTERS(b, true);;)                                                                                   \
        if ((b)->phase == ASYNCIO__BLOCK_ENTER) {                                                                      \
            ASYNCIO__ALL_CLOSED_FROM(out);                                                                             \
            ASYNCIO__CHECK_STORAGE(out, b)                                                                             \
            (b)->type = NULL;                                                                                          \
            ASYNCIO__BLOCK_OPENED(out, b);                                                                             \
        } else if ((b)->phase != ASYNCIO__BLOCK_OPEN) {                                                                \
            if (0) {                                                                                                   \
            case (out) - asyncio__after_ASYNC_BEGIN:;                                                                  \
            }                                                                                                          \
            asyncio__err = asyncio__block_leave(&self->coro, ASYNCIO__CURRENT, b);                                     \
            if ((b)->err == (passes))                                                                                  \
                asyncio__err = (passes);                                                                               \
            ASYNCIO__BLOCK_CLOSED(b)                                                                                   \
            break;                                                                                                     \
        } else                                                                                                         \
            for ((b)->phase = ASYNCIO__BLOCK_INSIDE; (b)->phase == ASYNCIO__BLOCK_INSIDE;                              \
                 (b)->phase = ASYNCIO__BLOCK_EXIT)
#define ASYNCIO__BLOCK_CLOSED(b)                                                                                       \
    if (ASYNCIO__UNLIKELY(asyncio__err != 0)) {                                                                        \
        if (asyncio__block_raises(&self->coro, b, asyncio__err))                                                       \
            goto asyncio__error;                                                                                       \
        goto asyncio__unwind;                                                                                          \
    }                                                                                                                  \
    if (asyncio__block_close(&self->coro, ASYNCIO__CURRENT, b))                                                        \
        goto asyncio__unwind;
/* A block's number is higher than that of those around it. */
#define ASYNCIO__ALL_CLOSED_FROM(n)                                                                                    \
    if (ASYNCIO__MISTAKE((int)self->coro.handler >= (n) - asyncio__after_ASYNC_BEGIN)) {                               \
        ASYNCIO__LINE_HERE;                                                                                            \
        asyncio__err = asyncio__block_left_open(&self->coro, ASYNCIO__CURRENT, ASYNCIO__FILE);                         \
        goto asyncio__error;                                                                                           \
    }
#if ASYNCIO_DENSE /* a handler number has 8 bits */
#define ASYNCIO__HANDLER_FITS(n) ((void)sizeof(char[(n) - asyncio__after_ASYNC_BEGIN < 256 ? 1 : -1]))
#else
#define ASYNCIO__HANDLER_FITS(n) ((void)0)
#endif
#define ASYNCIO__BLOCK_OPENED(n, b)                                                                                    \
    ASYNCIO__HANDLER_FITS(n);                                                                                          \
    asyncio__block_open(&self->coro, ASYNCIO__CURRENT, b);                                                             \
    (b)->outer = self->coro.handler;                                                                                   \
    (b)->phase = ASYNCIO__BLOCK_OPEN;                                                                                  \
    self->coro.handler = (n) - asyncio__after_ASYNC_BEGIN

#ifdef __cplusplus
#define ASYNCIO__AWAITED(x) asyncio__await(&self->coro, ASYNCIO__CURRENT, (x))
#define ASYNCIO__INTO(dst, value) asyncio__into((dst), (value))
#define ASYNCIO__VALUE(x) asyncio__value(x)
static inline int asyncio__await(asyncio_coro *self, asyncio_task *task, asyncio_coro *x)
{
    return asyncio__await_coro(self, task, x);
}
static inline int asyncio__await(asyncio_coro *self, asyncio_task *task, asyncio_root *x)
{
    return asyncio__await_root(self, task, x);
}
static inline int asyncio__await(asyncio_coro *self, asyncio_task *task, asyncio_future *x)
{
    return asyncio__await_future(self, task, x);
}
static inline int asyncio__await(asyncio_coro *self, asyncio_task *task, asyncio_task *x)
{
    return asyncio__await_task(self, task, x);
}
static inline int asyncio__await(asyncio_coro *self, asyncio_task *task, asyncio_status x)
{
    return asyncio__await_status(self, task, x);
}
static inline asyncio_future *asyncio_ensure_future(asyncio_future *x) { return asyncio__ensure_future(x); }
static inline asyncio_future *asyncio_ensure_future(asyncio_task *x) { return asyncio__ensure_task(x); }
static inline asyncio_future *asyncio_ensure_future(asyncio_root *x) { return asyncio__ensure_root(x); }
template <class T> static inline void asyncio__into(T &dst, asyncio_value value) { dst = (T)value; }
template <class T> struct asyncio__results_are_integers_or_pointers { enum { ok = 1 }; };
template <> struct asyncio__results_are_integers_or_pointers<float>;
template <> struct asyncio__results_are_integers_or_pointers<double>;
template <> struct asyncio__results_are_integers_or_pointers<long double>;
template <class T> static inline asyncio_value asyncio__value(T value)
{
    return (asyncio_value)value + (asyncio__results_are_integers_or_pointers<T>::ok - 1);
}
#else
#define ASYNCIO__INTO(dst, value) ((dst) = (__typeof__(dst))(value))
#if ASYNCIO_GENERIC
#define ASYNCIO__AWAITED(x)                                                                                            \
    (ASYNCIO__EXTENSION _Generic((x),                                                                                  \
         asyncio_coro *: asyncio__await_coro,                                                                          \
         asyncio_root *: asyncio__await_root,                                                                          \
         asyncio_future *: asyncio__await_future,                                                                      \
         asyncio_task *: asyncio__await_task,                                                                          \
         asyncio_status: asyncio__await_status)(&self->coro, ASYNCIO__CURRENT, (x)))
#define asyncio_ensure_future(x)                                                                                       \
    (ASYNCIO__EXTENSION _Generic((x),                                                                                  \
         asyncio_future *: asyncio__ensure_future,                                                                     \
         asyncio_task *: asyncio__ensure_task,                                                                         \
         asyncio_root *: asyncio__ensure_root)(x))
struct asyncio__results_are_integers_or_pointers {
    int unused;
};
static const struct asyncio__results_are_integers_or_pointers asyncio__no_float = {0};
#define ASYNCIO__VALUE(x)                                                                                              \
    ((asyncio_value)ASYNCIO__EXTENSION _Generic((x),                                                                   \
         float: asyncio__no_float,                                                                                     \
         double: asyncio__no_float,                                                                                    \
         long double: asyncio__no_float,                                                                               \
         default: (x)))
#else
#define ASYNCIO__AWAITED(x) asyncio__await_status(&self->coro, ASYNCIO__CURRENT, (x))
#define ASYNCIO__VALUE(x) ((asyncio_value)(x))
#endif
#endif

#endif /* ASYNCIO_COROUTINES_H */
