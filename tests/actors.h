/* SPDX-License-Identifier: MIT
 *
 * actors.h - tasks that play a script, for the tests of locks and queues: a letter an operation on the one object of
 * each kind below, a word in the log for each that is over, as `0a` (actor 0 acquired), `1b=2` (with a value),
 * `0w!C:why` (an error, of a cancellation the message). An actor goes on after an error.
 *
 *     s sleep(0)                       g get   G get_nowait       e event.wait   E set   c clear
 *     a lock.acquire     r release     p put   P put_nowait       b barrier.wait   Z reset   X abort
 *     h async with lock: sleep(0)      d task_done   j join       D async with barrier
 *     A sem.acquire      R release     x condition.acquire   y release   w wait   n notify(1)   N notify_all
 *     H async with sem: sleep(0)       W async with condition: wait   f wait_for(predicate)
 */
#ifndef ACTORS_H
#define ACTORS_H

#include "fixture.h"

static asyncio_lock lock;
static asyncio_event event;
static asyncio_condition condition;
static asyncio_semaphore semaphore;
static asyncio_barrier barrier;
static asyncio_queue queue;
static int next_item, predicate_after;

static asyncio_value predicate(void *arg)
{
    CHECK(arg == &predicate_after);
    return --predicate_after <= 0 ? 42 : 0;
}

static const char *error_letter(int err)
{
    static const struct {
        int err;
        const char *letter;
    } letters[] = {{ASYNCIO_ECANCELLED, "!C"},     {ASYNCIO_ERUNTIME, "!R"},   {ASYNCIO_EVALUE, "!V"},
                   {ASYNCIO_EWRONGLOOP, "!L"},     {ASYNCIO_ENOMEM, "!M"},     {ASYNCIO_EQUEUEEMPTY, "!E"},
                   {ASYNCIO_EQUEUEFULL, "!F"},     {ASYNCIO_EQUEUESHUTDOWN, "!S"}, {ASYNCIO_EBROKENBARRIER, "!B"},
                   {0, "!?"}};
    int i = 0;
    while (letters[i].err != 0 && letters[i].err != err)
        i++;
    return letters[i].letter;
}

static void log_op(char id, char op, int err, const char *sign, asyncio_value value)
{
    char word[48], digits[24], *out = word, *at = digits + sizeof digits - 1;
    const char *more = "";
    *out++ = id;
    *out++ = op;
    *at = '\0';
    if (err != 0) {
        sign = error_letter(err);
        if (err == ASYNCIO_ECANCELLED && value != 0)
            more = (const char *)value;
    } else if (*sign != '\0') {
        do
            *--at = (char)('0' + (int)(value % 10));
        while ((value /= 10) != 0);
        more = at;
    }
    while (*sign != '\0')
        *out++ = *sign++;
    if (err != 0 && *more != '\0')
        *out++ = ':';
    while (*more != '\0' && out < word + sizeof word - 1)
        *out++ = *more++;
    *out = '\0';
    log_add(word);
}

/* What needs no wait. */
static int act(char op, int *item)
{
    switch (op) {
    case 'r': return asyncio_lock_release(&lock);
    case 'R': return asyncio_semaphore_release(&semaphore);
    case 'y': return asyncio_condition_release(&condition);
    case 'n': return asyncio_condition_notify(&condition, 1);
    case 'N': return asyncio_condition_notify_all(&condition);
    case 'E': asyncio_event_set(&event); return 0;
    case 'c': asyncio_event_clear(&event); return 0;
    case 'Z': return asyncio_barrier_reset(&barrier).code;
    case 'X': return asyncio_barrier_abort(&barrier).code;
    case 'G': return asyncio_queue_get_nowait(&queue, item);
    case 'P': *item = next_item++; return asyncio_queue_put_nowait(&queue, item);
    case 'd': return asyncio_queue_task_done(&queue);
    default: return ASYNCIO_ELOST;
    }
}

ASYNC(actor, char id; char op; const char *script; int err; asyncio_value got; int item; asyncio_held held;
      asyncio_try attempt; asyncio_condition_waiting waiting;)
{
    const char *sign;
    ASYNC_BEGIN;
    for (; *self->script != '\0'; self->script++) {
        self->op = *self->script;
        self->err = 0;
        self->got = 0;
        if (self->op == ' ') {
            continue;
        } else if (self->op == 's') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_sleep(0));
        } else if (self->op == 'a') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_lock_acquire(&lock));
        } else if (self->op == 'A') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_semaphore_acquire(&semaphore));
        } else if (self->op == 'e') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_event_wait(&event));
        } else if (self->op == 'x') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_condition_acquire(&condition));
        } else if (self->op == 'w') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_condition_wait(&condition));
        } else if (self->op == 'f') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got,
                                 asyncio_condition_wait_for(&self->waiting, &condition, predicate, &predicate_after));
        } else if (self->op == 'b') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_barrier_wait(&barrier));
        } else if (self->op == 'g') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_queue_get(&queue, &self->item));
        } else if (self->op == 'p') {
            self->item = next_item++;
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_queue_put(&queue, &self->item));
        } else if (self->op == 'j') {
            ASYNC_CATCH_ALL_INTO(self->err, self->got, asyncio_queue_join(&queue));
        } else if (self->op == 'h' || self->op == 'H' || self->op == 'W' || self->op == 'D') {
            ASYNC_TRY_ALL(&self->attempt)
            {
                if (self->op == 'h') {
                    ASYNC_WITH(&self->held, asyncio_lock_held(&lock)) {
                        log_op(self->id, '[', 0, "", 0);
                        ASYNC_AWAIT(asyncio_sleep(0));
                    }
                } else if (self->op == 'H') {
                    ASYNC_WITH(&self->held, asyncio_semaphore_held(&semaphore)) {
                        log_op(self->id, '[', 0, "", 0);
                        ASYNC_AWAIT(asyncio_sleep(0));
                    }
                } else if (self->op == 'W') {
                    ASYNC_WITH(&self->held, asyncio_condition_held(&condition)) {
                        ASYNC_AWAIT(asyncio_condition_wait(&condition));
                    }
                } else {
                    ASYNC_WITH(&self->held, asyncio_barrier_held(&barrier)) {
                        self->got = self->held.index;
                    }
                }
            }
            ASYNC_EXCEPT(&self->attempt)
            {
                self->err = self->attempt.block.err;
                self->got = self->attempt.block.detail;
            }
        } else {
            self->err = act(self->op, &self->item);
        }
        sign = self->err == 0 && (self->op == 'b' || self->op == 'D' || self->op == 'g' || self->op == 'G') ? "=" : "";
        if (self->op == 'g' || self->op == 'G')
            log_op(self->id, self->op, self->err, sign, self->err == 0 ? self->item : self->got);
        else
            log_op(self->id, self->op, self->err, sign, self->got);
    }
    ASYNC_RETURN(self->got);
    ASYNC_END;
}

static struct actor_task actors[10];

static void start_on(asyncio_loop *where, int i, const char *script)
{
    CHECK_EQ(asyncio_loop_create_task(where, ASYNC_AT(&actors[i], actor, .id = (char)('0' + i), .script = script),
                                      &no_options), 0);
}
static void start(int i, const char *script) { start_on(&loop, i, script); }
static void cancel(int i, const char *msg) { CHECK(asyncio_task_cancel(ASYNC_TASK(&actors[i]), msg)); }
static int over(int i) { return asyncio_task_done(ASYNC_TASK(&actors[i])); }

static void open_stage(void)
{
    open_loop();
    asyncio_lock_init(&lock);
    asyncio_event_init(&event);
    asyncio_condition_init(&condition, NULL);
    next_item = 1;
}

/* No waiter, no wake-up may be left behind. */
static void close_stage(void)
{
    close_loop();
#if ASYNCIO_ALL_TASKS /* else it does not know who waits */
    CHECK(lock.waiters == NULL && lock.state != ASYNCIO__LOCK_PROMISED && lock.ahead == 0);
    CHECK(condition.waiters == NULL && condition.own.waiters == NULL);
    CHECK(condition.own.state != ASYNCIO__LOCK_PROMISED && condition.own.ahead == 0);
    CHECK(event.waiters == NULL);
    CHECK(semaphore.waiters == NULL && semaphore.woken == 0);
    CHECK(barrier.waiters == NULL);
    CHECK(queue.getters == NULL && queue.putters == NULL && queue.joiners == NULL);
#endif
}

#endif
