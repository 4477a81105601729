/* SPDX-License-Identifier: MIT
 *
 * awaits.h - the statements that await. A call of a function is the coroutine `call`, a list of statements is `execute`,
 * and each statement that awaits is a coroutine of its own, which gives how the list goes on (enum flow); errors are
 * errors. An await of a coroutine costs no iteration, so all this is invisible in the trace.
 */
#ifndef AWAITS_H
#define AWAITS_H

#include "world.h"
#include <math.h>

/* A list of statements. Gives an enum flow. */
ASYNC_DECLARE(execute, struct scope *scope; const struct statement *at; int flow;);

/* Says so if there is no memory for it: an error that comes later might hide it. */
static asyncio_root *or_say(const struct statement *at, asyncio_root *root)
{
    if (root == NULL)
        say_error(at, ASYNCIO_ENOMEM, 0);
    return root;
}

/* What a block holds. */
static asyncio_root *new_list(struct scope *scope, const struct statement *block, const struct statement *first)
{
    return or_say(block, ASYNC_NEW(execute, .scope = scope, .at = first));
}

/* ---- What can be awaited ---- */

struct number_is_least {
    const struct name *number;
    int least;
};

static asyncio_value number_is_least(void *arg)
{
    const struct number_is_least *condition = (const struct number_is_least *)arg;
    return condition->number->number >= condition->least;
}

/* Everything but X and FN that has no result of its own, each as AWAIT(x); `self` has what, value, item, waiting. */
#define PRIMITIVES(AWAIT)                                                                                              \
    if (self->what->kind == AWAIT_SLEEP)                                                                               \
        AWAIT(asyncio_sleep((double)self->value / UNIT, self->result));                                                \
    else if (self->what->kind == AWAIT_ACQUIRE && self->what->object->kind == LOCK)                                    \
        AWAIT(asyncio_lock_acquire(&self->what->object->is.lock));                                                     \
    else if (self->what->kind == AWAIT_ACQUIRE && self->what->object->kind == CONDITION)                               \
        AWAIT(asyncio_condition_acquire(&self->what->object->is.condition));                                           \
    else if (self->what->kind == AWAIT_ACQUIRE)                                                                        \
        AWAIT(asyncio_semaphore_acquire(&self->what->object->is.semaphore));                                           \
    else if (self->what->kind == AWAIT_WAIT && self->what->object->kind == EVENT)                                      \
        AWAIT(asyncio_event_wait(&self->what->object->is.event));                                                      \
    else if (self->what->kind == AWAIT_WAIT && self->what->object->kind == CONDITION)                                  \
        AWAIT(asyncio_condition_wait(&self->what->object->is.condition));                                              \
    else if (self->what->kind == AWAIT_WAIT)                                                                           \
        AWAIT(asyncio_barrier_wait(&self->what->object->is.barrier));                                                  \
    else if (self->what->kind == AWAIT_WAIT_FOR)                                                                       \
        AWAIT(asyncio_condition_wait_for(&self->waiting, &self->what->object->is.condition, number_is_least,           \
                                         &self->least));                                                               \
    else if (self->what->kind == AWAIT_GET)                                                                            \
        AWAIT(asyncio_queue_get(&self->what->object->is.queue, &self->item));                                          \
    else if (self->what->kind == AWAIT_PUT)                                                                            \
        AWAIT(asyncio_queue_put(&self->what->object->is.queue, &self->item));                                          \
    else if (self->what->kind == AWAIT_JOIN)                                                                           \
        AWAIT(asyncio_queue_join(&self->what->object->is.queue));                                                      \
    else if (self->what->kind == AWAIT_RESET)                                                                          \
        AWAIT(asyncio_barrier_reset(&self->what->object->is.barrier));                                                 \
    else                                                                                                               \
        AWAIT(asyncio_barrier_abort(&self->what->object->is.barrier))

#define PRIMITIVE_FIELDS                                                                                               \
    const struct awaitable *what;                                                                                      \
    int value, result, item;                                                                                           \
    struct number_is_least least;                                                                                      \
    asyncio_condition_waiting waiting;

/* One of them, as a coroutine: what CPython's lock.acquire() gives. The words were evaluated before. */
ASYNC(primitive, PRIMITIVE_FIELDS asyncio_value given;)
{
    ASYNC_BEGIN;
    self->item = self->value;
    self->least.number = self->what->number;
    self->least.least = self->value;
#define AWAIT_PLAIN(x) ASYNC_AWAIT_INTO(self->given, x)
    PRIMITIVES(AWAIT_PLAIN);
    if (self->what->kind == AWAIT_GET)
        ASYNC_RETURN(self->item);
    ASYNC_RETURN(self->given);
    ASYNC_END;
}

/* The same with a time limit, which is not over from the start. */
ASYNC(limited_primitive, PRIMITIVE_FIELDS double seconds; asyncio_waiting_for limit; asyncio_value given;)
{
    ASYNC_BEGIN;
    self->item = self->value;
    self->least.number = self->what->number;
    self->least.least = self->value;
#define AWAIT_LIMITED(x) ASYNC_AWAIT_INTO(self->given, asyncio_wait_for(&self->limit, x, self->seconds))
    PRIMITIVES(AWAIT_LIMITED);
    if (self->what->kind == AWAIT_GET)
        ASYNC_RETURN(self->item);
    ASYNC_RETURN(self->given);
    ASYNC_END;
}

/* What a task does. */
ASYNC_DEFINE(call)
{
    ASYNC_BEGIN;
    if (self->what != NULL) {
        ASYNC_AWAIT_INTO(self->value, ASYNC_NEW(primitive, .what = self->what, .value = self->arg,
                                                .result = self->scope.last));
        ASYNC_RETURN(self->value);
    }
    self->scope.arg = self->arg;
    say("begin %s %d", self->function->text, self->arg);
    ASYNC_CATCH_ALL_INTO(self->err, self->value,
                         ASYNC_NEW(execute, .scope = &self->scope, .at = self->function->body));
    if (self->value != LEAVE) /* a return that a break, a continue or an error replaced */
        self->scope.result = 0;
    if (self->err != 0) {
        say("end %s ! %s", self->function->text, error_text(self->err, self->value));
        ASYNC_RAISE(self->err, self->value);
    }
    say("end %s = %d", self->function->text, self->scope.result);
    ASYNC_RETURN(self->scope.result);
    ASYNC_END;
}

/* ---- await and wait_for ---- */

static void begin_note(struct note *note, const struct scope *scope, const struct statement *at)
{
    int i;
    for (i = 0; i < at->count; i++)
        if (at->words[i].kind == AWAIT_X && !at->words[i].shielded)
            note->on[note->count++] = future_of(scope, &at->words[i].x);
    for (i = 0; i < note->count; i++) /* Futures live to the end anyhow */
        (void)asyncio_task_hold(asyncio_future_task(note->on[i]));
    if (note->count > 0 || at->verb == DO_GATHER || at->verb == DO_GATHER_ALL)
        call_of(asyncio_current_task())->note = note;
}

static void end_note(struct note *note)
{
    int i;
    call_of(asyncio_current_task())->note = NULL;
    for (i = 0; i < note->count; i++)
        asyncio_task_release(asyncio_future_task(note->on[i]));
}

static struct shield *new_shield(void)
{
    struct shield *shield = (struct shield *)make_room(sizeof *shield);
    shield->next = world.shields;
    return world.shields = shield;
}

static asyncio_coro *start_shield(asyncio_shield *shield, asyncio_root *root, asyncio_future *future)
{
    if (future == NULL)
        return asyncio_shield(shield, root);
    if (asyncio_future_task(future) != NULL)
        return asyncio_shield(shield, asyncio_future_task(future));
    return asyncio_shield(shield, future);
}

/* X or FN, or a primitive of its own task because the limit is over from the start. */
ASYNC(await_x, struct scope *scope; const struct statement *at; asyncio_future *future; asyncio_root *root;
      asyncio_shield shield; asyncio_waiting_for limit; double seconds; asyncio_value value;)
{
    ASYNC_BEGIN;
    if (self->at->words->shielded && self->at->verb == DO_WAIT_FOR && self->seconds <= 0) {
        /* It is cancelled before anybody waits for it, and goes on to listen: closed at the program's end. */
        struct shield *late = new_shield();
        (void)start_shield(&late->shield, self->root, self->future);
        ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->limit, asyncio_shield_outer(&late->shield), 0));
    } else if (self->at->words->shielded && self->at->verb == DO_WAIT_FOR) {
        asyncio_coro *shield = start_shield(&self->shield, self->root, self->future); /* before the limit */
        ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->limit, shield, self->seconds));
    } else if (self->at->words->shielded) {
        ASYNC_AWAIT_INTO(self->value, start_shield(&self->shield, self->root, self->future));
    } else if (self->at->verb == DO_WAIT_FOR) {
        if (self->future == NULL)
            ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->limit, self->root, self->seconds));
        else if (asyncio_future_task(self->future) != NULL)
            ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->limit, asyncio_future_task(self->future),
                                                           self->seconds));
        else
            ASYNC_AWAIT_INTO(self->value, asyncio_wait_for(&self->limit, self->future, self->seconds));
    } else if (self->future == NULL) {
        ASYNC_AWAIT_INTO(self->value, self->root);
    } else if (asyncio_future_task(self->future) != NULL) {
        ASYNC_AWAIT_INTO(self->value, asyncio_future_task(self->future));
    } else {
        ASYNC_AWAIT_INTO(self->value, self->future);
    }
    ASYNC_RETURN(self->value);
    ASYNC_END;
}

/* The coroutine that an `await` or `wait_for` awaits. */
static asyncio_root *new_awaited(struct scope *scope, const struct statement *at)
{
    const struct awaitable *what = at->words;
    int value = value_of(scope, &what->value), result = value_of(scope, &what->result);
    double seconds = at->when.none ? INFINITY : seconds_of(scope, &at->when.value);
    asyncio_root *root = NULL, *outer;
    if (what->kind == AWAIT_CALL)
        root = new_call(what, value);
    else if (what->kind != AWAIT_X && at->verb == DO_WAIT_FOR && seconds > 0)
        return ASYNC_NEW(limited_primitive, .what = what, .value = value, .result = result, .seconds = seconds);
    else if (what->kind != AWAIT_X && at->verb != DO_WAIT_FOR)
        return ASYNC_NEW(primitive, .what = what, .value = value, .result = result);
    else if (what->kind != AWAIT_X)
        root = ASYNC_NEW(call, .what = what, .arg = value, .scope.last = result);
    if (what->kind != AWAIT_X && root == NULL)
        return NULL;
    outer = ASYNC_NEW(await_x, .scope = scope, .at = at, .seconds = seconds, .root = root,
                      .future = what->kind == AWAIT_X ? future_of(scope, &what->x) : NULL);
    if (outer == NULL)
        asyncio_coro_close(root);
    return outer;
}

ASYNC(await_one, struct scope *scope; const struct statement *at; struct note note; const struct future *gather; int err;
      asyncio_value value;)
{
    ASYNC_BEGIN;
    begin_note(&self->note, self->scope, self->at);
    if (self->at->words->kind == AWAIT_X)
        self->gather = gather_of(future_of(self->scope, &self->at->words->x));
    ASYNC_CATCH_ALL_INTO(self->err, self->value, new_awaited(self->scope, self->at));
    end_note(&self->note);
    if (self->err != 0) {
        say_error(self->at, self->err, self->value);
        ASYNC_RAISE(self->err, self->value);
    }
    if (self->at->words->gives_number)
        self->scope->last = say_value(self->at, self->gather, self->value);
    else
        say("%s = ok", self->at->text);
    ASYNC_RETURN(NORMAL);
    ASYNC_END;
}

/* ---- gather, wait, as_completed ---- */

ASYNC(gather, struct scope *scope; const struct statement *at; struct note note; struct members members;
      asyncio_gather all; asyncio_coro *outer; int err; asyncio_value value;)
{
    ASYNC_BEGIN;
    begin_note(&self->note, self->scope, self->at);
    for (int i = 0; i < self->at->count; i++)
        self->note.starts_eagerly |= world.eager && self->at->words[i].kind == AWAIT_CALL;
    self->outer = start_gather(&self->all, &self->members, self->scope, self->at, self->at->verb == DO_GATHER_ALL);
    self->note.gather = &self->members;
    ASYNC_CATCH_ALL_INTO(self->err, self->value, self->outer);
    end_note(&self->note);
    if (self->err != 0) {
        say_error(self->at, self->err, self->value);
        ASYNC_RAISE(self->err, self->value);
    }
    say_members(self->at, &self->members);
    self->scope->last = self->at->count;
    ASYNC_RETURN(NORMAL);
    ASYNC_END;
}

static void end_wait(const struct statement *at, struct members *members, bool say_it)
{
    int i;
    if (say_it) {
        say_where(asyncio_current_task());
        fprintf(trace, "%s =", at->text);
        for (i = 0; i < members->count; i++)
            fprintf(trace, " %d", members->children[i].done);
        putc('\n', trace);
    }
    for (i = 0; i < members->count; i++)
        asyncio_child_release(&members->children[i]);
}

ASYNC(wait_for_some, struct scope *scope; const struct statement *at; struct members members; asyncio_waiting waiting;
      int mode, err; double seconds; asyncio_value value;)
{
    static const int modes[] = {ASYNCIO_ALL_COMPLETED, ASYNCIO_FIRST_COMPLETED, ASYNCIO_FIRST_EXCEPTION};
    ASYNC_BEGIN;
    self->mode = modes[self->at->wait_mode];
    self->seconds = seconds_of(self->scope, &self->at->value);
    set_members(&self->members, self->scope, self->at, NULL);
    if (self->at->limited)
        ASYNC_CATCH_ALL_INTO(self->err, self->value, asyncio_wait(&self->waiting, self->members.children,
                                                                  (size_t)self->at->count, self->mode, self->seconds));
    else
        ASYNC_CATCH_ALL_INTO(self->err, self->value, asyncio_wait(&self->waiting, self->members.children,
                                                                  (size_t)self->at->count, self->mode));
    end_wait(self->at, &self->members, self->err == 0);
    if (self->err != 0) {
        say_error(self->at, self->err, self->value);
        ASYNC_RAISE(self->err, self->value);
    }
    ASYNC_RETURN(NORMAL);
    ASYNC_END;
}

/* CPython's iterator goes on listening after the loop over it was left, so this one is closed at the program's end. */
static struct as_completed *new_iterator(const struct scope *scope, const struct statement *at)
{
    struct as_completed *each = (struct as_completed *)make_room(sizeof *each);
    struct members *members = &each->members;
    int i;
    set_members(members, scope, at, NULL);
    for (i = 0; i < members->count; i++) /* for `item`; the loop's close gives them up */
        if (members->futures[i] != NULL)
            (void)asyncio_task_hold(asyncio_future_task(members->futures[i]));
    if (at->limited)
        (void)asyncio_as_completed_init(&each->iterator, members->children, (size_t)members->count,
                                        seconds_of(scope, &at->value));
    else
        (void)asyncio_as_completed_init(&each->iterator, members->children, (size_t)members->count);
    each->next = world.iterators;
    return world.iterators = each;
}

/* Which word's turn it is. */
static int completed(const struct as_completed *each, const asyncio_child *child)
{
    const asyncio_future *future = each->members.futures[child - each->members.children];
    int i = 0;
    while (each->members.futures[i] != future)
        i++;
    return i;
}

ASYNC(each_completed, struct scope *scope; const struct statement *at; struct as_completed *each; asyncio_child *child;
      asyncio_future *outer_item; int err, index; asyncio_value value;)
{
    ASYNC_BEGIN;
    self->outer_item = self->scope->item;
    self->each = new_iterator(self->scope, self->at);
    for (;;) {
        if (!take_step()) {
            self->scope->result = 0;
            ASYNC_RETURN(LEAVE);
        }
        ASYNC_CATCH_ALL_INTO(self->err, self->value, asyncio_as_completed_next(&self->each->iterator));
        if (self->err != 0) {
            say_error(self->at, self->err, self->value);
            ASYNC_RAISE(self->err, self->value);
        }
        self->child = (asyncio_child *)self->value;
        if (self->child == NULL)
            break;
        self->index = completed(self->each, self->child);
        say_number(self->at, self->index);
        self->scope->item = self->each->members.futures[self->index];
        ASYNC_CATCH_ALL_INTO(self->err, self->value, new_list(self->scope, self->at, self->at->body));
        self->scope->item = self->outer_item;
        if (self->err != 0)
            ASYNC_RAISE(self->err, self->value);
        if (self->value == BREAK)
            ASYNC_RETURN(NORMAL);
        if (self->value == LEAVE)
            ASYNC_RETURN(LEAVE);
    }
    say("%s = end", self->at->text);
    ASYNC_RETURN(NORMAL);
    ASYNC_END;
}

/* ---- try ---- */

static bool catches(const struct clause *clause, int err)
{
    int i;
    for (i = 0; i < clause->count; i++)
        if (is_a(err, clause->classes[i]))
            return true;
    return false;
}

ASYNC(try_except, struct scope *scope; const struct statement *at; asyncio_try attempt; const asyncio_try *outer;
      const struct clause *clause; int flow;)
{
    ASYNC_BEGIN;
    self->outer = self->scope->caught;
    ASYNC_TRY_ALL(&self->attempt)
    {
        ASYNC_AWAIT_INTO(self->flow, new_list(self->scope, self->at, self->at->body));
    }
    ASYNC_EXCEPT(&self->attempt)
    {
        self->clause = self->at->clauses;
        while (self->clause != NULL && !catches(self->clause, self->attempt.block.err))
            self->clause = self->clause->next;
        if (self->clause == NULL)
            ASYNC_RAISE(self->attempt.block.err, self->attempt.block.detail);
        say("%s ! %s", self->clause->text, error_text(self->attempt.block.err, self->attempt.block.detail));
        self->scope->caught = &self->attempt;
        ASYNC_AWAIT_INTO(self->flow, new_list(self->scope, self->at, self->clause->body));
    }
    ASYNC_RETURN(self->flow);
    ASYNC_FINALLY;
    self->scope->caught = self->outer;
    ASYNC_END;
}

ASYNC(try_finally, struct scope *scope; const struct statement *at; int flow, result;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT_INTO(self->flow, or_say(self->at, ASYNC_NEW(try_except, .scope = self->scope, .at = self->at)));
    ASYNC_RETURN(self->flow);
    ASYNC_FINALLY;
    say("finally");
    self->result = self->scope->result;
    ASYNC_AWAIT_INTO(self->flow, new_list(self->scope, self->at, self->at->other));
    if (self->flow != NORMAL)
        ASYNC_RETURN(self->flow);
    self->scope->result = self->result;
    ASYNC_END;
}

/* ---- with ---- */

static void say_left_with(const struct statement *at, struct group *group, int err, asyncio_value detail)
{
    if (err != ASYNCIO_EGROUP || group == NULL) {
        say_error(at, err, detail);
        return;
    }
    keep_parts(group);
    say_where(asyncio_current_task());
    fprintf(trace, "%s ! ExceptionGroup", at->text);
    say_errors(group);
}

/* Groups and timeouts live to the program's end, in the slot or not. */
ASYNC(with, struct scope *scope; const struct statement *at; asyncio_try attempt; asyncio_held held;
      struct group *group; asyncio_timeout *timeout; asyncio_contextvar_setting setting; double seconds; int flow;)
{
    struct name *name = self->at->object;
#define BODY                                                                                                           \
    say("%s = entered", self->at->text);                                                                               \
    ASYNC_AWAIT_INTO(self->flow, new_list(self->scope, self->at, self->at->body))
    ASYNC_BEGIN;
    if (name->kind == GROUP)
        name->is.group = self->group = (struct group *)make_room(sizeof *self->group);
    if (name->kind == TIMEOUT)
        name->is.timeout = self->timeout = (asyncio_timeout *)make_room(sizeof *self->timeout);
    ASYNC_TRY_ALL(&self->attempt)
    {
        if (name->kind == LOCK) {
            ASYNC_WITH(&self->held, asyncio_lock_held(&name->is.lock)) { BODY; }
        } else if (name->kind == CONDITION) {
            ASYNC_WITH(&self->held, asyncio_condition_held(&name->is.condition)) { BODY; }
        } else if (name->kind == BARRIER) {
            ASYNC_WITH(&self->held, asyncio_barrier_held(&name->is.barrier)) { BODY; }
        } else if (name->kind == GROUP) {
            ASYNC_WITH(&self->group->group, asyncio_taskgroup()) { BODY; }
        } else if (name->kind == VAR) {
            ASYNC_WITH(&self->setting, asyncio_contextvar_setting(&name->is.var,
                                                                  value_of(self->scope, &self->at->value))) { BODY; }
        } else if (name->kind != TIMEOUT) {
            ASYNC_WITH(&self->held, asyncio_semaphore_held(&name->is.semaphore)) { BODY; }
        } else if (self->at->yes) {
            ASYNC_WITH(self->timeout, asyncio_timeout_at(time_of(self->scope, &self->at->when))) { BODY; }
        } else if (self->at->when.none) {
            ASYNC_WITH(self->timeout, asyncio_timeout_none()) { BODY; }
        } else {
            ASYNC_WITH(self->timeout, asyncio_timeout(seconds_of(self->scope, &self->at->when.value))) { BODY; }
        }
    }
    ASYNC_EXCEPT(&self->attempt)
    {
        say_left_with(self->at, self->group, self->attempt.block.err, self->attempt.block.detail);
        ASYNC_RAISE(self->attempt.block.err, self->attempt.block.detail);
    }
    say("%s = left", self->at->text);
    ASYNC_RETURN(self->flow);
    ASYNC_END;
}

/* ---- repeat, and the list of statements ---- */

ASYNC(repeat_async, struct scope *scope; const struct statement *at; int left, flow;)
{
    ASYNC_BEGIN;
    for (self->left = value_of(self->scope, &self->at->value); self->left > 0; self->left--) {
        if (!take_step()) {
            self->scope->result = 0;
            ASYNC_RETURN(LEAVE);
        }
        ASYNC_AWAIT_INTO(self->flow, new_list(self->scope, self->at, self->at->body));
        if (self->flow == BREAK)
            break;
        if (self->flow == LEAVE)
            ASYNC_RETURN(LEAVE);
    }
    ASYNC_RETURN(NORMAL);
    ASYNC_END;
}

/* The coroutine of a statement that awaits. */
static asyncio_root *new_statement(struct scope *scope, const struct statement *at)
{
    switch (at->verb) {
    case DO_AWAIT:
    case DO_WAIT_FOR:
        return ASYNC_NEW(await_one, .scope = scope, .at = at);
    case DO_GATHER:
    case DO_GATHER_ALL:
        return ASYNC_NEW(gather, .scope = scope, .at = at);
    case DO_WAIT:
        return ASYNC_NEW(wait_for_some, .scope = scope, .at = at);
    case DO_AS_COMPLETED:
        return ASYNC_NEW(each_completed, .scope = scope, .at = at);
    case DO_WITH:
        return ASYNC_NEW(with, .scope = scope, .at = at);
    case DO_TRY:
        return at->has_finally ? ASYNC_NEW(try_finally, .scope = scope, .at = at)
                               : ASYNC_NEW(try_except, .scope = scope, .at = at);
    case DO_REPEAT:
        return ASYNC_NEW(repeat_async, .scope = scope, .at = at);
    default:
        return ASYNC_NEW(execute, .scope = scope, .at = choose(scope, at));
    }
}

ASYNC_DEFINE(execute)
{
    ASYNC_BEGIN;
    for (; self->at != NULL; self->at = self->at->next) {
        if (!take_step()) {
            self->scope->result = 0;
            ASYNC_RETURN(LEAVE);
        }
        self->flow = NORMAL;
        if (!self->at->awaits)
            self->flow = (int)perform(self->scope, self->at);
        else if (!is_skipped(self->scope, self->at))
            ASYNC_AWAIT_INTO(self->flow, or_say(self->at, new_statement(self->scope, self->at)));
        if (self->flow == RAISE)
            ASYNC_RAISE(self->scope->err, self->scope->detail);
        if (self->flow != NORMAL)
            ASYNC_RETURN(self->flow);
    }
    ASYNC_RETURN(NORMAL);
    ASYNC_END;
}

#endif
