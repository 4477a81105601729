/* SPDX-License-Identifier: MIT
 *
 * asyncio/scopes.h - a cancellation that stays: once a scope is cancelled, every await in it that would suspend raises
 * ASYNCIO_ECANCELLED, until the scope is left. For those who know anyio's or trio's cancel scopes; asyncio has none.
 *
 *     #include "asyncio.h"
 *
 *     ASYNC(stubborn, int i, err;)
 *     {
 *         ASYNC_BEGIN;
 *         for (self->i = 0; self->i < 3; self->i++) {
 *             ASYNC_CATCH_ALL(self->err, asyncio_sleep(1));             // swallows a cancellation, wrongly
 *             printf("%s\n", asyncio_errname(self->err));
 *         }
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro, asyncio_cancel_scope scope; struct stubborn sub;)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_WITH(&self->scope, asyncio_cancel_scope())
 *         {
 *             asyncio_cancel_scope_cancel(&self->scope);
 *             ASYNC_AWAIT(ASYNC_IN(&self->sub, stubborn));             // three times CancelledError, in no time
 *             ASYNC_AWAIT(asyncio_sleep(1));
 *         }
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * Rules, the bad news first
 *
 *   1. A clean-up that must wait cannot, inside of a cancelled scope: put it into a block of asyncio_cancel_shield().
 *   2. What is awaited is cancelled, too, at every await again: a Task or Future of somebody else's included.
 *   3. A loop that catches everything and awaits again spins: one iteration a round.
 *   4. Scopes nest. A cancelled scope ends without an error if the cancellation comes out of it and nobody else asked
 *      for one; other errors pass.
 */
#ifndef ASYNCIO_SCOPES_H
#define ASYNCIO_SCOPES_H

#include "../asyncio_loop.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A block for ASYNC_WITH. All of it is the library's. Invariant: those of one task stand in the loop's list from the
 * innermost to the outermost. */
typedef struct asyncio_cancel_scope asyncio_cancel_scope;
struct asyncio_cancel_scope {
    asyncio_block block;
    asyncio_cancel_scope *next, *prev;
    asyncio_task *task; /* while entered */
    int cancelling;     /* requests to cancel that were open on entry */
    bool shield, cancelled, finished;
    bool counted; /* it made a request of its own */
};

/* Whether the innermost scopes of a task have it cancelled, as far as no shield stands between. */
static inline bool asyncio__scope_holds(asyncio_task *task)
{
    asyncio_cancel_scope *scope = (asyncio_cancel_scope *)asyncio__core_of(task->future.loop)->scopes;
    for (; scope != NULL; scope = scope->next) {
        if (scope->task == task && (scope->cancelled || scope->shield))
            return scope->cancelled;
    }
    return false;
}

/* Brings the task's flags in line: a cancellation that stays is a MUST_CANCEL that delivery does not clear. */
static inline void asyncio__scope_update(asyncio_task *task)
{
    bool held = (task->future.flags & ASYNCIO__STICKY) != 0, holds = asyncio__scope_holds(task);
    if (held && !holds) {
        task->future.flags &= (uint16_t)~ASYNCIO__STICKY;
        asyncio__cancel_over(task);
    } else if (holds) {
        task->future.flags |= ASYNCIO__STICKY;
        asyncio__must_cancel_later(task);
    }
}

static inline asyncio_status asyncio__scope_enter(asyncio_block *block, asyncio_coro *self, asyncio_task *task)
{
    asyncio_cancel_scope *scope = (asyncio_cancel_scope *)(void *)block;
    asyncio__core *core = asyncio__core_of(task->future.loop);
    (void)self;
    if (scope->task != NULL || scope->finished)
        return asyncio__status(ASYNCIO_ERUNTIME, 0);
    scope->task = task;
    scope->cancelling = asyncio_task_cancelling(task);
    scope->next = (asyncio_cancel_scope *)core->scopes;
    if (scope->next != NULL)
        scope->next->prev = scope;
    core->scopes = scope;
    asyncio__scope_update(task);
    return asyncio__status(0, 0);
}

static inline void asyncio__scope_leave(asyncio_cancel_scope *scope)
{
    if (scope->prev != NULL)
        scope->prev->next = scope->next;
    else
        asyncio__core_of(scope->task->future.loop)->scopes = scope->next;
    if (scope->next != NULL)
        scope->next->prev = scope->prev;
    asyncio__scope_update(scope->task);
    scope->task = NULL;
    scope->finished = true;
}

static inline asyncio_status asyncio__scope_exit(asyncio_block *block, asyncio_coro *self, asyncio_task *task, int err)
{
    asyncio_cancel_scope *scope = (asyncio_cancel_scope *)(void *)block;
    (void)self;
    asyncio__scope_leave(scope);
    if (scope->counted)
        (void)asyncio_task_uncancel(task);
    if (scope->cancelled && err == ASYNCIO_ECANCELLED && !(task->future.flags & ASYNCIO__STICKY) &&
        asyncio_task_cancelling(task) <= scope->cancelling)
        return asyncio__status(0, 0);
    return asyncio__status(err, block->detail);
}

static const asyncio_block_type asyncio__scope_block = {asyncio__scope_enter, asyncio__scope_exit, NULL};

/*
 * asyncio_cancel_scope() - a block that can be cancelled for good: ASYNC_WITH(&self->scope, asyncio_cancel_scope())
 * asyncio_cancel_shield() - a block in which the scopes around it do not count, for clean-up that must wait. A
 * asyncio_task_cancel from elsewhere is delivered there as anywhere, once.
 *
 *   Suspends   never on its own account
 *   Errors     the body's; not ASYNCIO_ECANCELLED of a scope that was cancelled, unless somebody else cancelled the
 *              task, too, or a scope outside is cancelled; ASYNCIO_ERUNTIME if it was entered before and not set up again
 *   Memory     allocates nothing. Cost: O(scopes of the loop that are entered).
 *   Source     anyio's CancelScope, trio's cancel scopes
 *
 * asyncio_cancel_scope_init(scope), asyncio_cancel_shield_init(scope) - set one up before ASYNC_WITH(scope).
 */
static inline void asyncio_cancel_scope_init(asyncio_cancel_scope *scope)
{
    asyncio__clear(scope, sizeof *scope);
    scope->block.type = &asyncio__scope_block;
}
static inline void asyncio_cancel_shield_init(asyncio_cancel_scope *scope)
{
    asyncio_cancel_scope_init(scope);
    scope->shield = true;
}
#define asyncio_cancel_scope() asyncio_cancel_scope_init(ASYNCIO__BLOCK)
#define asyncio_cancel_shield() asyncio_cancel_shield_init(ASYNCIO__BLOCK)

/*
 * asyncio_cancel_scope_cancel - cancel what runs in a scope, and whatever it awaits until it has left. Before it is
 * entered: from its first suspension on. Again, or afterwards: nothing. Never suspends, returns nothing.
 *
 * asyncio_cancel_scope_cancelled - whether that was called.
 */
static inline void asyncio_cancel_scope_cancel(asyncio_cancel_scope *scope)
{
    asyncio_task *task = scope->task;
    if (scope->cancelled || scope->finished)
        return;
    scope->cancelled = true;
    if (task == NULL || (task->future.flags & ASYNCIO__STICKY) || !asyncio__scope_holds(task))
        return;
    scope->counted = true;
    (void)asyncio_task_cancel(task, NULL);
    asyncio__scope_update(task);
}
static inline bool asyncio_cancel_scope_cancelled(const asyncio_cancel_scope *scope) { return scope->cancelled; }

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ASYNCIO_SCOPES_H */
