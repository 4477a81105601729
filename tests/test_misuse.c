/* SPDX-License-Identifier: MIT
 * What a beginner does wrong once, and debug builds (ASYNCIO_POISON) or debug mode answer with an error and a report,
 * where otherwise memory would be corrupted: locals that are waited for or with, a status that is kept, a frame that is
 * started twice, a task released too often, a task made in a wrong thread. And what every build answers: objects used
 * before their init, and functions that are given no loop. */
#define ASYNCIO_POISON 1
#include "fixture.h"

#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#endif

ASYNC(nap, double seconds; int result;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(self->seconds));
    ASYNC_RETURN(self->result);
    ASYNC_END;
}

/* Sanitizers may keep locals elsewhere than on the stack. */
static bool locals_on_stack;
ASYNC(look)
{
    volatile char local = 0;
    ASYNC_BEGIN;
    locals_on_stack = asyncio__is_local((uintptr_t)&local, ASYNCIO__BODY_END);
    ASYNC_END;
}

/* ---- Locals ---- */

ASYNC(local_frame)
{
    struct nap frame;
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&frame, nap, .seconds = 1));
    ASYNC_END;
}

ASYNC(local_event)
{
    asyncio_event event;
    ASYNC_BEGIN;
    asyncio_event_init(&event);
    ASYNC_AWAIT(asyncio_event_wait(&event));
    ASYNC_END;
}

ASYNC(local_future)
{
    asyncio_future future;
    ASYNC_BEGIN;
    asyncio_future_init(&future, NULL);
    ASYNC_AWAIT(&future);
    ASYNC_END;
}

ASYNC(local_item, asyncio_queue queue; int room[1];)
{
    int item;
    ASYNC_BEGIN;
    asyncio_queue_init(&self->queue, self->room, sizeof item, 1);
    ASYNC_AWAIT(asyncio_queue_get(&self->queue, &item));
    ASYNC_END;
}

ASYNC(local_block)
{
    asyncio_timeout limit;
    ASYNC_BEGIN;
    ASYNC_WITH(&limit, asyncio_timeout(1)) {
        ASYNC_AWAIT(asyncio_sleep(2));
    }
    ASYNC_END;
}

ASYNC(local_try)
{
    asyncio_try attempt;
    ASYNC_BEGIN;
    ASYNC_TRY(&attempt) {
        ASYNC_AWAIT(asyncio_sleep(2));
    }
    ASYNC_END;
}

ASYNC(local_wait_for)
{
    asyncio_waiting_for call;
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_wait_for(&call, asyncio_sleep(2), 1));
    ASYNC_END;
}

ASYNC(local_gather, asyncio_child children[1];)
{
    asyncio_gather all;
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_gather(&all, self->children, ASYNC_NEW(nap, .seconds = 1)));
    ASYNC_END;
}

ASYNC(local_children, asyncio_gather all;)
{
    asyncio_child children[1];
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_gather(&self->all, children, ASYNC_NEW(nap, .seconds = 1)));
    ASYNC_END;
}

ASYNC(local_waiting, asyncio_waiting waiting;)
{
    asyncio_child children[1];
    ASYNC_BEGIN;
    (void)asyncio_child_set(&children[0], ASYNC_NEW(nap, .seconds = 1));
    ASYNC_AWAIT(asyncio_wait(&self->waiting, children, 1, ASYNCIO_ALL_COMPLETED));
    ASYNC_FINALLY;
    asyncio_child_release(&children[0]); /* still good: the await was refused */
    ASYNC_END;
}

/* What was begun in the local frame ends properly: its FINALLY runs, its block is left, though it catches the error. */
ASYNC(stubborn, asyncio_timeout limit; int err; int *left;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout(1)) {
        ASYNC_CATCH(self->err, asyncio_sleep(2));
        ASYNC_AWAIT(asyncio_sleep(2));
    }
    ASYNC_FINALLY;
    (*self->left)++;
    ASYNC_END;
}
ASYNC(local_stubborn, int left;)
{
    struct stubborn frame;
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&frame, stubborn, .left = &self->left));
    ASYNC_FINALLY;
    CHECK_EQ(self->left, 1);
    ASYNC_END;
}

static void refused(asyncio_root *root)
{
    open_loop();
    CHECK_EQ(asyncio_run_until_complete(&loop, root, NULL), ASYNCIO_ERUNTIME);
    CHECK_EQ(reports, 1);
    CHECK_EQ(last_report.err, ASYNCIO_ERUNTIME);
#if ASYNCIO_LINES
    CHECK(last_report.line > 0);
#endif
    close_loop();
    CHECK_EQ(blocks, 0);
}

TEST(test_local_across_await_is_refused)
{
    if (!locals_on_stack)
        return;
    refused(ASYNC_NEW(local_frame));
    refused(ASYNC_NEW(local_event));
    refused(ASYNC_NEW(local_future));
    refused(ASYNC_NEW(local_item));
    refused(ASYNC_NEW(local_block));
    refused(ASYNC_NEW(local_try));
    refused(ASYNC_NEW(local_wait_for));
    refused(ASYNC_NEW(local_stubborn));
}

/* The children were made before: they run on, or are destroyed with the loop. */
static void refused_with_children(asyncio_root *root)
{
    open_loop();
    CHECK_EQ(asyncio_run_until_complete(&loop, root, NULL), ASYNCIO_ERUNTIME);
    CHECK_EQ(reports, 1);
    step(3);
    close_loop();
    CHECK_EQ(blocks, 0);
}

TEST(test_local_of_gather_and_wait_is_refused)
{
    if (!locals_on_stack)
        return;
    refused_with_children(ASYNC_NEW(local_gather));
    refused_with_children(ASYNC_NEW(local_children));
    refused_with_children(ASYNC_NEW(local_waiting));
}

/* A local that is done with before the await is nobody's mistake. */
ASYNC(careful_local, asyncio_queue queue; int room[1]; struct nap frame; int value;)
{
    int item = 7;
    asyncio_gather all;
    asyncio_child children[1];
    ASYNC_BEGIN;
    asyncio_queue_init(&self->queue, self->room, sizeof item, 1);
    ASYNC_AWAIT(asyncio_queue_put(&self->queue, &item));
    ASYNC_AWAIT(asyncio_queue_get(&self->queue, &item));
    CHECK_EQ(item, 7);
    ASYNC_AWAIT(asyncio_gather_n(&all, children, 0));
    TURN;
    ASYNC_AWAIT_INTO(self->value, ASYNC_IN(&self->frame, nap, .result = 3));
    ASYNC_RETURN(self->value);
    ASYNC_END;
}

TEST(test_local_between_awaits_is_fine)
{
    asyncio_value value = 0;
    CHECK_EQ(run(ASYNC_NEW(careful_local), &value), 0);
    CHECK_EQ(value, 3);
    CHECK_EQ(reports, 0);
}

/* ---- Used before its init ---- */

ASYNC(uninitialised, int item; asyncio_queue queue; asyncio_semaphore slots; asyncio_held held; asyncio_barrier barrier;
      asyncio_timeout limit; asyncio_future future; asyncio_waiting_for call;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->item, asyncio_queue_get(&self->queue, &self->item));
    CHECK_EQ(self->item, ASYNCIO_ENOINIT);
    ASYNC_CATCH(self->item, asyncio_queue_put(&self->queue, &self->item));
    CHECK_EQ(self->item, ASYNCIO_ENOINIT);
    CHECK_EQ(asyncio_queue_put_nowait(&self->queue, &self->item), ASYNCIO_ENOINIT);
    ASYNC_CATCH(self->item, asyncio_semaphore_acquire(&self->slots));
    CHECK_EQ(self->item, ASYNCIO_ENOINIT);
    CHECK_EQ(asyncio_semaphore_release(&self->slots), ASYNCIO_ENOINIT);
    ASYNC_CATCH(self->item, asyncio_barrier_wait(&self->barrier));
    CHECK_EQ(self->item, ASYNCIO_ENOINIT);
    ASYNC_CATCH(self->item, &self->future);
    CHECK_EQ(self->item, ASYNCIO_ENOINIT);
    CHECK_EQ(asyncio_future_add_done_callback(&self->future, NULL, NULL, NULL), ASYNCIO_ENOINIT);
    ASYNC_CATCH(self->item, asyncio_wait_for(&self->call, asyncio_semaphore_acquire(&self->slots), 1));
    CHECK_EQ(self->item, ASYNCIO_ENOINIT);
    ASYNC_WITH(&self->limit) {
        log_add("never");
    }
    ASYNC_END;
}
TEST(test_used_before_its_init)
{
    CHECK_EQ(run(ASYNC_NEW(uninitialised), NULL), ASYNCIO_ENOINIT);
    CHECK_LOG("");
    CHECK_EQ(blocks, 0);
}

/* A bounded semaphore of none is one: who waits for it waits. */
ASYNC(waits_for_none, asyncio_semaphore none; asyncio_waiting_for call;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_bounded_semaphore_init(&self->none, 0), 0);
    CHECK_EQ(asyncio_semaphore_release(&self->none), ASYNCIO_EVALUE);
    ASYNC_AWAIT(asyncio_wait_for(&self->call, asyncio_semaphore_acquire(&self->none), 1));
    ASYNC_END;
}
TEST(test_semaphore_of_none) { CHECK_EQ(run(ASYNC_NEW(waits_for_none), NULL), ASYNCIO_ETIMEOUT); }

/* ---- No loop given ---- */

static void say(void *arg) { log_add((const char *)arg); }
ASYNC(without_naming_it, asyncio_handle handle;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_call_soon(NULL, &self->handle, say, (void *)"soon"), 0);
    CHECK_EQ(asyncio_call_later(NULL, NULL, 1, say, (void *)"later"), 0);
    CHECK_EQ(asyncio_call_at(NULL, NULL, asyncio_loop_time(NULL) + ASYNCIO_SECONDS(0.5), say, (void *)"at"), 0);
#if ASYNCIO_CONTEXTS
    CHECK_EQ(asyncio_call_soon_in_context(NULL, NULL, say, (void *)"context", NULL), 0);
    CHECK_EQ(asyncio_call_later_in_context(NULL, NULL, 2, say, (void *)"too", NULL), 0);
#endif
#if ASYNCIO_ALL_TASKS
    CHECK_EQ(asyncio_all_tasks(NULL, NULL, 0), 1);
#endif
    ASYNC_AWAIT(asyncio_sleep(3));
    ASYNC_END;
}
TEST(test_no_loop_is_the_running_one)
{
    CHECK_EQ(run(ASYNC_NEW(without_naming_it), NULL), 0);
    CHECK_LOG(ASYNCIO_CONTEXTS ? "soon context at later too" : "soon at later");
    CHECK_EQ(asyncio_call_soon(NULL, NULL, say, NULL), ASYNCIO_ENOLOOP);
    CHECK_EQ(asyncio_call_soon_threadsafe(NULL, NULL, say, NULL), ASYNCIO_ENOLOOP);
    CHECK_EQ(asyncio_call_later(NULL, NULL, 1, say, NULL), ASYNCIO_ENOLOOP);
    CHECK_EQ(asyncio_call_at(NULL, NULL, 1, say, NULL), ASYNCIO_ENOLOOP);
#if ASYNCIO_SELECTORS
    CHECK_EQ(asyncio_add_reader(NULL, 0, say, NULL), ASYNCIO_ENOLOOP);
    CHECK(!asyncio_remove_reader(NULL, 0));
    CHECK_EQ(asyncio_add_signal_handler(NULL, SIGUSR1, say, NULL), ASYNCIO_ENOLOOP);
    CHECK_EQ(asyncio_remove_signal_handler(NULL, SIGUSR1, NULL), ASYNCIO_ENOLOOP);
#endif
#if ASYNCIO_ALL_TASKS
    CHECK_EQ(asyncio_all_tasks(NULL, NULL, 0), 0);
#endif
    CHECK_EQ(blocks, 0);
}

/* ---- Made, and never awaited ---- */

#if ASYNCIO__LISTS_UNTAKEN
static asyncio_root *untaken;
ASYNC(makes, asyncio_root *root; asyncio_gather all; asyncio_child children[1]; asyncio_waiting_for call;)
{
    ASYNC_BEGIN;
    self->root = ASYNC_NEW(nap); /* each way to take one */
    ASYNC_AWAIT(self->root);
    self->root = ASYNC_NEW(nap);
    asyncio_create_task(self->root);
    self->root = ASYNC_NEW(nap);
    ASYNC_AWAIT(asyncio_gather(&self->all, self->children, self->root));
    self->root = ASYNC_NEW(nap);
    ASYNC_AWAIT(asyncio_wait_for(&self->call, self->root, 1));
    self->root = ASYNC_NEW(nap);
    asyncio_coro_close(self->root);
    untaken = ASYNC_NEW(nap);
    ASYNC_END;
}
TEST(test_coroutine_that_nobody_takes)
{
    asyncio_root *before = ASYNC_NEW(nap); /* without a loop nobody would know when it is too late */
    CHECK_EQ(run(ASYNC_NEW(makes), NULL), 0);
    CHECK_EQ(reports, 1);
    CHECK_STR(last_report.message, "a coroutine was made here, and never awaited");
    CHECK_STR(last_report.file, __FILE__);
    CHECK(last_report.line > 0);
    CHECK_EQ(run(untaken, NULL), 0); /* it is still good */
    CHECK_EQ(run(before, NULL), 0);
    CHECK_EQ(reports, 0);
    CHECK_EQ(blocks, 0);
}
#endif

/* ---- A status that is kept ---- */

ASYNC(late_status, asyncio_status status; int err;)
{
    ASYNC_BEGIN;
    self->status = asyncio_sleep(1);
    ASYNC_CATCH(self->err, asyncio_sleep(2));
    CHECK_EQ(self->err, ASYNCIO_ERUNTIME);
    ASYNC_AWAIT(self->status);
    ASYNC_END;
}

TEST(test_status_awaited_late) { refused(ASYNC_NEW(late_status)); }

/* ---- One frame, two tasks ---- */

#if ASYNCIO_ALL_TASKS /* who waits where is asked of that list */
static struct nap shared;
ASYNC(sharing, int err; asyncio_value value;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_INTO(self->err, self->value, ASYNC_IN(&shared, nap, .seconds = 1, .result = 5));
    log_number(self->err == ASYNCIO_EREUSED ? -1 : (long)self->value);
    ASYNC_END;
}
ASYNC(share, asyncio_gather all; asyncio_child children[2]; struct sharing again;)
{
    ASYNC_BEGIN;
    asyncio_set_debug(&loop, true);
    ASYNC_AWAIT(asyncio_gather(&self->all, self->children, ASYNC_NEW(sharing), ASYNC_NEW(sharing)));
    ASYNC_AWAIT(ASYNC_IN(&self->again, sharing));
    ASYNC_END;
}

TEST(test_frame_in_use_is_not_started_again)
{
    CHECK_EQ(run(ASYNC_NEW(share), NULL), 0);
    CHECK_LOG("-1 5 5");
    CHECK_EQ(reports, 1);
    CHECK_EQ(blocks, 0);
}
#endif

/* ---- One storage, two blocks ---- */

ASYNC(nested, asyncio_timeout limit; asyncio_timeout outer; int i;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->outer, asyncio_timeout(9)) {
        for (self->i = 0; self->i < 3; self->i++) {
            ASYNC_WITH(&self->limit, asyncio_timeout(8)) { /* one after the other: nobody's mistake */
                if (self->i == 2) {
                    ASYNC_WITH(&self->limit, asyncio_timeout(7)) {
                        log_add("never");
                    }
                }
                TURN;
            }
            log_add("one");
        }
        log_add("never");
    }
    ASYNC_FINALLY;
    log_add("finally");
    ASYNC_END;
}
ASYNC(nested_try, asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt) {
        ASYNC_TRY(&self->attempt) {
            TURN;
        }
        ASYNC_EXCEPT(&self->attempt) { log_add("never"); }
    }
    ASYNC_EXCEPT(&self->attempt) { ASYNC_RAISE(self->attempt.block.err); }
    ASYNC_END;
}
/* The same storage in the frame of a coroutine inside: a coroutine that calls itself has other frames. */
ASYNC(recursive, int depth; asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout(5)) {
        TURN;
        if (self->depth > 0)
            ASYNC_AWAIT(ASYNC_NEW(recursive, .depth = self->depth - 1));
    }
    ASYNC_END;
}

TEST(test_nested_blocks_share_storage)
{
    refused(ASYNC_NEW(nested));
    CHECK_LOG("one one finally");
    refused(ASYNC_NEW(nested_try));
    CHECK_LOG("");
    CHECK_EQ(run(ASYNC_NEW(recursive, .depth = 3), NULL), 0);
    CHECK_EQ(reports, 0);
}

/* ---- Releases ---- */

ASYNC(release_too_often, asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(nap, .seconds = 1, .result = 4), .into = &self->task);
    asyncio_task_release(self->task);
    asyncio_task_release(self->task);
    CHECK_EQ(reports, 1);
    CHECK(last_report.task == self->task);
    asyncio_task_release(self->task);
    CHECK_EQ(reports, 2);
    asyncio_task_hold(self->task);
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    ASYNC_END;
}

TEST(test_task_of_the_loop_is_not_released)
{
    CHECK_EQ(run(ASYNC_NEW(release_too_often), NULL), 0);
    CHECK_EQ(reports, 2);
    CHECK_EQ(blocks, 0);
}

/* ---- Threads ---- */

#if ASYNCIO_THREADS
static int thread_err;
static void *start_from_thread(void *arg)
{
    thread_err = asyncio_loop_create_task(&loop, (asyncio_root *)arg, &no_options);
    return NULL;
}
ASYNC(other_thread)
{
    pthread_t thread;
    ASYNC_BEGIN;
    asyncio_set_debug(&loop, true);
    CHECK_EQ(pthread_create(&thread, NULL, start_from_thread, ASYNC_NEW(nap, .seconds = 1)), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    ASYNC_END;
}

TEST(test_task_made_in_a_wrong_thread)
{
    thread_err = 0;
    CHECK_EQ(run(ASYNC_NEW(other_thread), NULL), 0);
    CHECK_EQ(thread_err, ASYNCIO_ERUNTIME);
    CHECK_EQ(blocks, 0);
}
#endif

int main(void)
{
    (void)run(ASYNC_NEW(look), NULL);
    RUN(test_local_across_await_is_refused);
    RUN(test_local_of_gather_and_wait_is_refused);
    RUN(test_local_between_awaits_is_fine);
    RUN(test_used_before_its_init);
    RUN(test_semaphore_of_none);
    RUN(test_no_loop_is_the_running_one);
#if ASYNCIO__LISTS_UNTAKEN
    RUN(test_coroutine_that_nobody_takes);
#endif
    RUN(test_status_awaited_late);
#if ASYNCIO_ALL_TASKS
    RUN(test_frame_in_use_is_not_started_again);
#endif
    RUN(test_nested_blocks_share_storage);
    RUN(test_task_of_the_loop_is_not_released);
#if ASYNCIO_THREADS
    RUN(test_task_made_in_a_wrong_thread);
#endif
    return tap_end();
}
