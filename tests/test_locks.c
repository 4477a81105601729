/* Locks: CPython's test_locks.py, named as there where a test stands alone; its oracle's scenarios t22 to t25, t33, x03
 * to x05, x17; each error, each cancellation, and what a loop's close and a wrong loop do. */
#include "actors.h"

/* ---- Lock ---- */

TEST(LockTests_test_acquire)
{
    open_stage();
    start(0, "a");
    start(1, "a");
    start(2, "a");
    step(1);
    CHECK_LOG("0a");
    CHECK(asyncio_lock_locked(&lock));
    step(2);
    CHECK_LOG("");
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    CHECK(!asyncio_lock_locked(&lock));
    step(1);
    CHECK_LOG("1a");
    CHECK(asyncio_lock_locked(&lock));
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    step(1);
    CHECK_LOG("2a");
    CHECK_EQ(actors[2].frame.got, 1);
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    close_stage();
}

TEST(LockTests_test_acquire_cancel)
{
    open_stage();
    CHECK(asyncio__lock_free(&lock));
    lock.state = ASYNCIO__LOCK_HELD;
    start(0, "a");
    step(1);
    cancel(0, "why");
    CHECK(lock.waiters == NULL);
    step(1);
    CHECK_LOG("0a!C:why");
    CHECK_EQ(lock.ahead, 0);
    CHECK(asyncio_lock_locked(&lock));
    close_stage();
}

/* a holds it, b and c wait; b is cancelled in the very callback that releases: c gets it. */
TEST(LockTests_test_cancel_race)
{
    open_stage();
    start(0, "a");
    start(1, "a");
    start(2, "a");
    step(1);
    CHECK_LOG("0a");
    cancel(1, NULL);
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    step(1); /* the cancelled one stood before c, and wakes it at its turn */
    CHECK_LOG("1a!C");
    step(1);
    CHECK_LOG("2a");
    close_stage();
}

TEST(LockTests_test_cancel_release_race)
{
    open_stage();
    lock.state = ASYNCIO__LOCK_HELD;
    start(0, "a");
    start(1, "a");
    step(1);
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    cancel(0, "late"); /* woken, but its turn has not come */
    step(1);
    CHECK_LOG("0a!C:late");
    step(1);
    CHECK_LOG("1a");
    close_stage();
    open_stage(); /* as CPython has it: cancelled first, and one more behind */
    lock.state = ASYNCIO__LOCK_HELD;
    start(0, "a");
    start(1, "a");
    start(2, "a");
    step(1);
    cancel(0, "early");
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    step(3);
    CHECK_LOG("0a!C:early 1a"); /* one of them */
    CHECK(!over(2));
    cancel(2, NULL);
    step(1);
    CHECK_LOG("2a!C");
    close_stage();
}

TEST(LockTests_test_finished_waiter_cancelled)
{
    open_stage();
    start(0, "a");
    start(1, "a");
    step(1);
    CHECK_LOG("0a");
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    cancel(1, NULL);
    start(2, "a r");
    step(1); /* 1 is at the head until its turn, 2 queues behind it, and is woken by nobody but ... */
    CHECK_LOG("1a!C 2a 2r");
    close_stage();
    open_stage(); /* the other way round */
    lock.state = ASYNCIO__LOCK_HELD;
    start(1, "a");
    step(1);
    start(2, "a");
    cancel(1, NULL);
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    step(1);
    CHECK_LOG("2a 1a!C");
    CHECK(asyncio_lock_locked(&lock));
    close_stage();
}

TEST(LockTests_test_release_not_acquired)
{
    open_stage();
    CHECK_EQ(asyncio_lock_release(&lock), ASYNCIO_ERUNTIME);
    lock.state = ASYNCIO__LOCK_HELD;
    start(0, "a");
    step(1);
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    CHECK_EQ(asyncio_lock_release(&lock), ASYNCIO_ERUNTIME); /* nobody has it, but one is on its way */
    step(1);
    CHECK_LOG("0a");
    close_stage();
}

/* Several were cancelled, in the queue's order or against it, and somebody comes before they run. */
TEST(test_lock_cancelled_ones_ahead)
{
    open_stage();
    lock.state = ASYNCIO__LOCK_HELD;
    start(0, "a");
    start(1, "a");
    start(2, "a");
    step(1);
    cancel(1, NULL);
    cancel(0, NULL);
    CHECK_EQ(lock.ahead, 1); /* 1 had 0 before it */
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    CHECK_EQ(lock.state, ASYNCIO__LOCK_FREE);
    step(1);
    CHECK_LOG("1a!C 0a!C");
    CHECK_EQ(lock.state, ASYNCIO__LOCK_PROMISED);
    step(1);
    CHECK_LOG("2a");
    start(3, "a");
    start(4, "a");
    step(1);
    cancel(3, NULL);
    cancel(4, NULL);
    CHECK_EQ(lock.ahead, 2);
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    start(5, "a");
    step(1); /* all who wait are cancelled: 5 needs not wait for them to run */
    CHECK_LOG("3a!C 4a!C 5a");
    close_stage();
}

/* The lock is free, and who waits for it is woken only when the cancelled one before it has its turn: no barging. */
TEST(test_lock_free_but_awaited)
{
    open_stage();
    lock.state = ASYNCIO__LOCK_HELD;
    start(0, "a");
    start(1, "ar");
    step(1);
    start(2, "a");
    cancel(0, NULL);
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    CHECK_EQ(lock.state, ASYNCIO__LOCK_FREE);
    step(1);
    CHECK_LOG("0a!C");
    step(1);
    CHECK_LOG("1a 1r");
    step(1);
    CHECK_LOG("2a");
    close_stage();
}

/* Who comes while a woken one is on its way queues up. One at the head that was cancelled keeps others from being
 * woken: it will do that itself. */
TEST(test_lock_overtakes_cancelled)
{
    open_stage();
    lock.state = ASYNCIO__LOCK_HELD;
    start(0, "a");
    start(1, "s a r");
    step(1);
    CHECK_LOG("");
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    CHECK_EQ(lock.state, ASYNCIO__LOCK_PROMISED);
    step(1);
    CHECK_LOG("1s 0a"); /* 1 came when nobody had it, and had to wait */
    start(2, "a");
    step(1);
    cancel(1, NULL);
    CHECK_EQ(asyncio_lock_release(&lock), 0); /* 1 is at the head */
    step(1);
    CHECK_LOG("1a!C 1r!R");
    step(1);
    CHECK_LOG("2a");
    close_stage();
}

/* A cancel of a woken one that is taken back leaves it the lock. */
TEST(test_lock_uncancel)
{
    open_stage();
    lock.state = ASYNCIO__LOCK_HELD;
    start(0, "a");
    step(1);
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    cancel(0, "no");
    CHECK_EQ(asyncio_task_uncancel(ASYNC_TASK(&actors[0])), 0);
    step(1);
    CHECK_LOG("0a");
    CHECK_EQ(actors[0].frame.got, 1);
    close_stage();
}

/* t22 and x05 of the oracle */
ASYNC(t22_main)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_lock_acquire(&lock));
    start(0, "h");
    start(1, "h");
    start(2, "h");
    ASYNC_AWAIT(asyncio_sleep(0));
    log_tick("release");
    asyncio_lock_release(&lock);
    CHECK(!asyncio_lock_locked(&lock));
    ASYNC_AWAIT(asyncio_lock_acquire(&lock));
    log_tick("main");
    asyncio_lock_release(&lock);
    ASYNC_END;
}
TEST(test_t22_lock)
{
    asyncio_lock_init(&lock);
    CHECK_EQ(RUN_CORO(NULL, t22_main), 0);
    CHECK_LOG("2 release 0[ 0h 1[ 1h 2[ 2h 9 main");
}

TEST(test_lock_block)
{
    open_stage();
    start(0, "h");
    start(1, "hh");
    step(1);
    CHECK_LOG("0[");
    cancel(0, "in it");
    step(1);
    CHECK_LOG("0h!C:in it");
    step(1);
    CHECK_LOG("1[");
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    step(1); /* the body released it itself, and it is free for the next block */
    CHECK_LOG("1h!R 1[");
    step(1);
    CHECK_LOG("1h");
    lock.state = ASYNCIO__LOCK_HELD;
    start(2, "h");
    step(1);
    cancel(2, "before it");
    step(1);
    CHECK_LOG("2h!C:before it");
    CHECK(asyncio_lock_locked(&lock));
    close_stage();
}

/* ---- Event ---- */

TEST(EventTests_test_wait)
{
    open_stage();
    start(1, "e");
    start(2, "e");
    step(1);
    CHECK_LOG("");
    start(3, "e");
    CHECK(!asyncio_event_is_set(&event));
    asyncio_event_set(&event);
    CHECK(asyncio_event_is_set(&event));
    step(1); /* the late one does not wait at all */
    CHECK_LOG("3e 1e 2e");
    CHECK_EQ(actors[1].frame.got, 1);
    asyncio_event_set(&event); /* nothing more happens */
    step(1);
    CHECK_LOG("");
    close_stage();
}

TEST(EventTests_test_clear_with_waiters)
{
    open_stage();
    start(0, "ee");
    start(1, "e");
    step(1);
    asyncio_event_set(&event);
    asyncio_event_clear(&event);
    step(1);
    CHECK_LOG("0e 1e");
    asyncio_event_set(&event);
    asyncio_event_clear(&event);
    asyncio_event_set(&event);
    step(1);
    CHECK_LOG("0e");
    close_stage();
}

TEST(test_event_cancel)
{
    open_stage();
    start(0, "e");
    start(1, "e");
    start(2, "e");
    step(1);
    cancel(1, "waiting");
    asyncio_event_set(&event);
    cancel(2, "woken");
    step(1);
    CHECK_LOG("1e!C:waiting 0e 2e!C:woken");
    close_stage();
}

/* ---- Condition ---- */

TEST(ConditionTests_test_wait)
{
    open_stage();
    start(0, "xwy");
    start(1, "xwy");
    start(2, "xwy");
    step(1);
    CHECK_LOG("0x 1x 2x");
    CHECK(!asyncio_condition_locked(&condition));
    start(3, "xn");
    step(1);
    CHECK_LOG("3x 3n");
    step(2); /* one was woken, but the lock is not free */
    CHECK_LOG("");
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    step(1);
    CHECK_LOG("0w 0y");
    CHECK_EQ(actors[0].frame.err, 0);
    start(4, "xNy");
    step(1);
    CHECK_LOG("4x 4N 4y");
    step(1);
    CHECK_LOG("1w 1y 2w 2y");
    close_stage();
}

TEST(ConditionTests_test_wait_cancel)
{
    open_stage();
    start(0, "xwy");
    step(1);
    cancel(0, "why");
    CHECK(condition.waiters == NULL);
    step(1);
    CHECK_LOG("0x 0w!C:why 0y"); /* the lock was held: its release succeeded */
    close_stage();
}

TEST(ConditionTests_test_wait_cancel_contested)
{
    open_stage();
    start(0, "xwy");
    start(1, "xssssy");
    step(1);
    CHECK_LOG("0x 1x");
    cancel(0, "first");
    step(2);
    CHECK_LOG("1s 1s");
    CHECK_EQ(over(0), 0); /* it wants the lock before anything else */
    cancel(0, "second");
    step(1);
    CHECK_LOG("1s");
    step(1);
    CHECK_LOG("1s 1y");
    step(1);
    CHECK_LOG("0w!C:second 0y");
    close_stage();
}

TEST(ConditionTests_test_wait_cancel_after_notify)
{
    open_stage();
    start(0, "xwy");
    step(1);
    start(1, "xny");
    step(1);
    cancel(0, "notified");
    step(1);
    CHECK_LOG("0x 1x 1n 1y 0w!C:notified 0y");
    close_stage();
    open_stage(); /* when it waits for the lock again already */
    start(0, "xwy");
    step(1);
    start(1, "xnsssy");
    step(2);
    cancel(0, "relocking");
    step(1);
    CHECK(!over(0));
    step(1);
    CHECK_LOG("0x 1x 1n 1s 1s 1s 1y");
    step(1);
    CHECK_LOG("0w!C:relocking 0y");
    close_stage();
}

/* x03: notified, cancelled twice while it takes the lock again: the last message is raised, with the lock held. */
TEST(ConditionTests_test_cancelled_error_re_aquire)
{
    open_stage();
    start(0, "xwy");
    step(1);
    CHECK_LOG("0x");
    condition.own.state = ASYNCIO__LOCK_HELD;
    CHECK_EQ(asyncio_condition_notify(&condition, 1), 0);
    step(1);
    cancel(0, "one");
    step(1);
    cancel(0, "two");
    cancel(0, "three"); /* of two in one iteration the first */
    step(2);
    CHECK_LOG("");
    CHECK(asyncio_condition_locked(&condition));
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    CHECK(!over(0));
    step(1);
    CHECK_LOG("0w!C:two 0y");
    close_stage();
}

/* Cancelled when the lock is its own already, but for its turn: then it queues up once more, behind the others. */
TEST(test_condition_cancel_while_getting_the_lock)
{
    open_stage();
    start(0, "xwy");
    step(1);
    condition.own.state = ASYNCIO__LOCK_HELD;
    CHECK_EQ(asyncio_condition_notify(&condition, 1), 0);
    start(1, "sxsy");
    step(2);
    CHECK_LOG("0x 1s");
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    cancel(0, "late");
    step(1);
    CHECK_LOG("");
    step(1);
    CHECK_LOG("1x");
    step(1);
    CHECK_LOG("1s 1y");
    step(1);
    CHECK_LOG("0w!C:late 0y");
    /* the same, taken back: what came before stays */
    start(2, "xwy");
    step(1);
    condition.own.state = ASYNCIO__LOCK_HELD;
    cancel(2, "stays");
    step(1);
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    cancel(2, "taken back");
    asyncio_task_uncancel(ASYNC_TASK(&actors[2]));
    CHECK_EQ(asyncio_task_uncancel(ASYNC_TASK(&actors[2])), 0);
    step(1);
    CHECK_LOG("2x 2w!C:stays 2y");
    close_stage();
}

TEST(ConditionTests_test_wait_unacquired)
{
    open_stage();
    start(0, "w");
    step(1);
    CHECK_LOG("0w!R");
    close_stage();
}

TEST(ConditionTests_test_wait_for)
{
    asyncio_frame_info info;
    open_stage();
    predicate_after = 3;
    start(0, "xfy");
    step(1);
    CHECK_LOG("0x");
    asyncio_describe(asyncio_task_get_coro(ASYNC_TASK(&actors[0]))->awaiter, &info);
#if ASYNCIO_STRINGS
    CHECK_STR(info.function, "asyncio_condition_wait_for");
#endif
    CHECK_EQ(info.line, 0);
    start(1, "xny xny");
    step(1);
    CHECK_LOG("1x 1n 1y 1x 1n 1y");
    CHECK_EQ(predicate_after, 2);
    step(1);
    CHECK_LOG("");
    CHECK_EQ(predicate_after, 1);
    start(1, "xny");
    step(1);
    CHECK_LOG("1x 1n 1y");
    step(1);
    CHECK_LOG("0f 0y");
    CHECK_EQ(predicate_after, 0);
    predicate_after = 0;
    start(2, "xf");
    step(1);
    CHECK_LOG("2x 2f");
    CHECK_EQ(actors[2].frame.got, 42);
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    predicate_after = 9;
    start(3, "f xfyxf");
    step(1);
    cancel(3, "m");
    step(1);
    cancel(3, "n");
    step(1);
    CHECK_LOG("3f!R 3x 3f!C:m 3y 3x 3f!C:n");
    close_stage();
}

/* Without the lock: what is true needs no wait. */
TEST(ConditionTests_test_wait_for_unacquired)
{
    open_stage();
    predicate_after = 0;
    start(0, "f");
    step(1);
    CHECK_LOG("0f");
    CHECK_EQ(actors[0].frame.got, 42);
    predicate_after = 9;
    start(0, "f");
    step(1);
    CHECK_LOG("0f!R");
    close_stage();
}

TEST(ConditionTests_test_cancelled_error_wakeup)
{
    open_stage();
    predicate_after = 9;
    start(0, "xfy");
    step(1);
    cancel(0, "foo");
    step(1);
    CHECK_LOG("0x 0f!C:foo 0y");
    close_stage();
}

TEST(ConditionTests_test_notify)
{
    int i;
    open_stage();
    for (i = 0; i < 5; i++)
        start(i, "xwy");
    step(1);
    condition.own.state = ASYNCIO__LOCK_HELD;
    CHECK_EQ(asyncio_condition_notify(&condition, 0), 0);
    CHECK_EQ(asyncio_condition_notify(&condition, -1), 0);
    CHECK_EQ(asyncio_condition_notify(&condition, 1), 0);
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    step(2);
    CHECK_LOG("0x 1x 2x 3x 4x 0w 0y");
    condition.own.state = ASYNCIO__LOCK_HELD;
    cancel(1, NULL);
    CHECK_EQ(asyncio_condition_notify(&condition, 2), 0); /* not the cancelled one */
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    step(2);
    CHECK_LOG("1w!C 1y 2w 2y 3w 3y 4w 4y"); /* the cancelled one notified another */
    condition.own.state = ASYNCIO__LOCK_HELD;
    CHECK_EQ(asyncio_condition_notify(&condition, 2048), 0);
    close_stage();
}

TEST(ConditionTests_test_notify_unacquired)
{
    open_stage();
    CHECK_EQ(asyncio_condition_notify(&condition, 1), ASYNCIO_ERUNTIME);
    CHECK_EQ(asyncio_condition_notify_all(&condition), ASYNCIO_ERUNTIME);
    CHECK_EQ(asyncio_condition_release(&condition), ASYNCIO_ERUNTIME);
    close_stage();
}

TEST(ConditionTests_test_explicit_lock)
{
    open_stage();
    asyncio_condition_init(&condition, &lock);
    start(0, "aw");
    step(1);
    CHECK_LOG("0a");
    CHECK(!asyncio_lock_locked(&lock));
    start(1, "xnr");
    step(2);
    CHECK_LOG("1x 1n 1r 0w");
    CHECK(asyncio_lock_locked(&lock) && asyncio_condition_locked(&condition));
    CHECK(!asyncio_lock_locked(&condition.own));
    close_stage();
}

/* A wait that is late in a block, and one that is cancelled: the block finds the lock held, and releases it. */
ASYNC(late_in_block, asyncio_held held; asyncio_waiting_for call; int err;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->held, asyncio_condition_held(&condition)) {
        ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_condition_wait(&condition), 0.5));
        CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
        CHECK(asyncio_condition_locked(&condition));
    }
    CHECK(!asyncio_condition_locked(&condition));
    log_number(asyncio_loop_time(&loop) / ASYNCIO_SECONDS(0.1));
    ASYNC_END;
}
TEST(ConditionTests_test_timeout_in_block)
{
    static struct late_in_block_task storage;
    open_stage();
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&storage, late_in_block), &no_options), 0);
    step(4);
    CHECK_LOG("5");
    close_stage();
    open_stage();
    start(0, "W");
    step(1);
    cancel(0, NULL);
    step(1);
    CHECK_LOG("0W!C");
    CHECK(!asyncio_condition_locked(&condition));
    close_stage();
}

TEST(ConditionTests_test_cancelled_wakeup)
{
    open_stage();
    start(0, "xwy");
    start(1, "xwy");
    step(1);
    condition.own.state = ASYNCIO__LOCK_HELD;
    CHECK_EQ(asyncio_condition_notify(&condition, 1), 0);
    cancel(0, "notified");
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    step(1);
    CHECK_LOG("0x 1x 0w!C:notified 0y");
    step(1);
    CHECK_LOG("1w 1y");
    close_stage();
}

TEST(ConditionTests_test_cancelled_wakeup_relock)
{
    open_stage();
    start(0, "xwy");
    start(1, "xwy");
    step(1);
    condition.own.state = ASYNCIO__LOCK_HELD;
    CHECK_EQ(asyncio_condition_notify(&condition, 1), 0);
    step(1);
    cancel(0, "in the lock's queue");
    step(1);
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    step(1);
    CHECK_LOG("0x 1x 0w!C:in the lock's queue 0y");
    step(1);
    CHECK_LOG("1w 1y");
    close_stage();
}

/* A cancellation that stays (asyncio/scopes.h) does not make two of them hand the lock to each other for ever. */
ASYNC(scoped, asyncio_cancel_scope scope; int err;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->scope, asyncio_cancel_scope()) {
        ASYNC_AWAIT(asyncio_condition_acquire(&condition));
        ASYNC_CATCH_ALL(self->err, asyncio_condition_wait(&condition));
        CHECK_EQ(asyncio_condition_release(&condition), 0);
        ASYNC_RAISE(self->err);
    }
    log_add("left");
    ASYNC_END;
}
TEST(test_condition_cancelled_scopes)
{
    static struct scoped_task storages[2];
    open_stage();
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&storages[0], scoped), &no_options), 0);
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&storages[1], scoped), &no_options), 0);
    step(1);
    condition.own.state = ASYNCIO__LOCK_HELD;
    asyncio_cancel_scope_cancel(&storages[0].frame.scope);
    asyncio_cancel_scope_cancel(&storages[1].frame.scope);
    step(3);
    CHECK_LOG("");
    CHECK_EQ(asyncio_condition_release(&condition), 0);
    step(2);
    CHECK_LOG("left left");
    CHECK_EQ(storages[0].frame.err, ASYNCIO_ECANCELLED);
    CHECK_EQ(storages[1].frame.err, ASYNCIO_ECANCELLED);
    close_stage();
}

/* ---- Semaphore ---- */

TEST(SemaphoreTests_test_initial)
{
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, -1), ASYNCIO_EVALUE);
    CHECK(asyncio_semaphore_locked(&semaphore));
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    CHECK_EQ(asyncio_bounded_semaphore_init(&semaphore, -1), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_semaphore_init(&semaphore, (int)(~0u >> 1)), 0);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 2), 0);
    CHECK(!asyncio_semaphore_locked(&semaphore));
    close_stage();
}

TEST(SemaphoreTests_test_acquire)
{
    int i;
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 3), 0);
    for (i = 0; i < 6; i++)
        start(i, "A");
    step(1);
    CHECK_LOG("0A 1A 2A");
    CHECK(asyncio_semaphore_locked(&semaphore));
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    CHECK_EQ(semaphore.value, 0); /* they have got them already */
    step(1);
    CHECK_LOG("3A 4A");
    CHECK_EQ(actors[3].frame.got, 1);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    step(1);
    CHECK_LOG("5A");
    for (i = 0; i < 3; i++)
        CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    CHECK_EQ(semaphore.value, 3);
    CHECK(!asyncio_semaphore_locked(&semaphore));
    close_stage();
}

TEST(SemaphoreTests_test_acquire_cancel)
{
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 1), 0);
    start(0, "A");
    start(1, "A");
    step(1);
    cancel(1, "why");
    CHECK(semaphore.waiters == NULL);
    step(1);
    CHECK_LOG("0A 1A!C:why");
    close_stage();
}

TEST(SemaphoreTests_test_acquire_cancel_before_awoken)
{
    int i;
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 0), 0);
    for (i = 0; i < 4; i++)
        start(i, "A");
    step(1);
    cancel(0, "a");
    cancel(1, "b");
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    step(1);
    CHECK_LOG("0A!C:a 1A!C:b 2A");
    CHECK(!over(3));
    close_stage();
}

TEST(SemaphoreTests_test_acquire_hang)
{
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 0), 0);
    start(0, "A");
    start(1, "A");
    step(1);
    cancel(0, NULL);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    step(1);
    CHECK_LOG("0A!C 1A");
    CHECK(asyncio_semaphore_locked(&semaphore));
    close_stage();
}

TEST(SemaphoreTests_test_acquire_no_hang)
{
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 1), 0);
    start(0, "A");
    start(1, "A");
    step(1);
    CHECK_LOG("0A");
    cancel(1, NULL);
    CHECK(asyncio_semaphore_locked(&semaphore)); /* its value is 0 */
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    CHECK(!asyncio_semaphore_locked(&semaphore)); /* who is cancelled does not count */
    start(2, "A");
    step(1);
    CHECK_LOG("1A!C 2A");
    close_stage();
}

/* x04: woken, then cancelled: the slot goes to the next. */
TEST(test_x04_sem_cancel_variants)
{
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 0), 0);
    start(0, "A");
    start(1, "A");
    start(2, "A");
    step(1);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    cancel(0, "x");
    step(1);
    CHECK_LOG("0A!C:x");
    step(1);
    CHECK_LOG("1A");
    CHECK_EQ(semaphore.value, 0);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    cancel(2, "taken back");
    CHECK_EQ(asyncio_task_uncancel(ASYNC_TASK(&actors[2])), 0);
    step(1);
    CHECK_LOG("2A");
    CHECK_EQ(actors[2].frame.got, 1);
    close_stage();
}

TEST(SemaphoreTests_test_release_not_acquired)
{
    open_stage();
    CHECK_EQ(asyncio_bounded_semaphore_init(&semaphore, 1), 0);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), ASYNCIO_EVALUE);
    start(0, "A R R");
    step(1);
    CHECK_LOG("0A 0R 0R!V");
    close_stage();
}

TEST(SemaphoreTests_test_acquire_fifo_order)
{
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 1), 0);
    start(0, "AsR AsR");
    start(1, "AsR AsR");
    start(2, "AsR AsR");
    step(12);
    CHECK_LOG("0A 0s 0R 1A 1s 1R 2A 2s 2R 0A 0s 0R 1A 1s 1R 2A 2s 2R");
    close_stage();
}

/* Slots are free, but those who wait come first: t25's late one, and who acquires again at once. */
TEST(SemaphoreTests_test_acquire_fifo_order_2)
{
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 1), 0);
    start(0, "A R A");
    start(1, "A R");
    step(1);
    CHECK_LOG("0A 0R 0A");
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    step(1);
    CHECK_LOG("1A 1R");
    start(0, "A s R A");
    start(1, "A s R");
    start(2, "A s R");
    step(1);
    CHECK_LOG("0A");
    step(1);
    CHECK_LOG("0s 0R"); /* and waits again: 1 is first */
    step(6);
    CHECK_LOG("1A 1s 1R 2A 2s 2R 0A");
    close_stage();
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 1), 0);
    start(1, "A");
    start(2, "A R A");
    start(3, "A");
    step(1);
    CHECK_LOG("1A");
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    step(3);
    CHECK_LOG("2A 2R 3A 2A");
    close_stage();
}

TEST(SemaphoreTests_test_acquire_fifo_order_3)
{
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 0), 0);
    start(0, "A");
    start(1, "s A");
    step(2);
    CHECK_LOG("1s");
    cancel(0, NULL);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    start(2, "A");
    step(1);
    CHECK_LOG("0A!C 1A 2A");
    close_stage();
}

/* More slots are free than who waited before got: its turn wakes all who queued up behind it for fairness only. */
TEST(SemaphoreTests_test_acquire_fifo_order_4)
{
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 0), 0);
    start(0, "A");
    start(1, "R R R A");
    start(2, "A");
    step(1);
    CHECK_LOG("1R 1R 1R");
    CHECK_EQ(semaphore.value, 2);
    CHECK(asyncio_semaphore_locked(&semaphore));
    step(1);
    CHECK_LOG("0A");
    CHECK_EQ(semaphore.value, 0);
    step(1);
    CHECK_LOG("1A 2A");
    close_stage();
}

TEST(test_semaphore_block)
{
    open_stage();
    CHECK_EQ(asyncio_bounded_semaphore_init(&semaphore, 1), 0);
    start(0, "H");
    start(1, "HH");
    step(1);
    CHECK_LOG("0[");
    step(1);
    CHECK_LOG("0H");
    step(1);
    CHECK_LOG("1[");
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    step(1);
    CHECK_LOG("1H!V 1[");
    step(1);
    CHECK_LOG("1H");
    close_stage();
}

/* ---- Barrier ---- */

TEST(BarrierTests_test_barrier_parties)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 0), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_barrier_parties(&barrier), 1);
    CHECK_EQ(asyncio_barrier_init(&barrier, 5), 0);
    CHECK_EQ(asyncio_barrier_parties(&barrier), 5);
    CHECK_EQ(asyncio_barrier_n_waiting(&barrier), 0);
    CHECK(!asyncio_barrier_broken(&barrier));
    close_stage();
}

TEST(BarrierTests_test_filling_one_task_twice)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 1), 0);
    start(0, "bbD");
    step(1);
    CHECK_LOG("0b=0 0b=0 0D=0");
    close_stage();
}

TEST(BarrierTests_test_filling_task_by_task)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 3), 0);
    start(0, "b");
    step(1);
    CHECK_EQ(asyncio_barrier_n_waiting(&barrier), 1);
    start(1, "D");
    step(1);
    CHECK_EQ(asyncio_barrier_n_waiting(&barrier), 2);
    CHECK_LOG("");
    start(2, "b");
    step(1);
    CHECK_LOG("2b=2");
    CHECK_EQ(asyncio_barrier_n_waiting(&barrier), 0);
    step(1);
    CHECK_LOG("0b=0 1D=1");
    CHECK_EQ(barrier.state, ASYNCIO__BARRIER_FILLING);
    close_stage();
}

TEST(BarrierTests_test_filling_tasks_wait_twice)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 2), 0);
    start(0, "bb");
    start(1, "bb");
    step(1);
    CHECK_LOG("1b=1"); /* it is the last, and comes again before the first has left */
    step(1);
    CHECK_LOG("0b=0");
    step(2);
    CHECK_LOG("1b=1 0b=0");
    close_stage();
}

TEST(BarrierTests_test_filling_tasks_check_return_value)
{
    int i;
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 5), 0);
    for (i = 0; i < 5; i++)
        start(i, i % 2 ? "D" : "b");
    step(2);
    CHECK_LOG("4b=4 0b=0 1D=1 2b=2 3D=3");
    close_stage();
}

/* Those who come while others leave wait for that; with them the barrier fills again. */
TEST(BarrierTests_test_blocking_tasks_while_draining)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 3), 0);
    start(0, "bb");
    start(1, "bb");
    start(2, "bb");
    start(3, "b");
    step(1);
    CHECK_LOG("2b=2");
    CHECK_EQ(barrier.state, ASYNCIO__BARRIER_DRAINING);
    step(1);
    CHECK_LOG("0b=0 1b=1");
    step(1);
    CHECK_LOG("3b=2"); /* 2 was first in line, then 3 and, at once, 0 and 1 */
    close_stage();
}

TEST(BarrierTests_test_filling_tasks_cancel_one)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 3), 0);
    start(0, "b");
    start(1, "b");
    step(1);
    cancel(0, "why");
    step(1);
    CHECK_LOG("0b!C:why");
    CHECK_EQ(asyncio_barrier_n_waiting(&barrier), 1);
    CHECK(!asyncio_barrier_broken(&barrier));
    start(2, "b");
    start(3, "b");
    step(1);
    CHECK_LOG("3b=2");
    step(1);
    CHECK_LOG("1b=1 2b=1"); /* the place was free again, with its number */
    close_stage();
}

/* As a Condition's, an error passes a wake-up on that it may have cost: the next looks, and queues up at the end. */
TEST(test_barrier_cancel_wakes_next)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 4), 0);
    start(3, "b");
    start(4, "b");
    start(5, "b");
    step(1);
    cancel(3, NULL);
    step(2);
    CHECK_LOG("3b!C");
    start(6, "b");
    start(7, "b");
    step(2);
    CHECK_LOG("7b=3 5b=2 4b=1 6b=2");
    close_stage();
}

/* Woken and then cancelled, and the same taken back: the index is still there. */
TEST(test_barrier_cancel_when_woken)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 3), 0);
    start(0, "b");
    start(1, "b");
    start(2, "b");
    step(1);
    CHECK_LOG("2b=2");
    cancel(0, "late");
    cancel(1, "no");
    CHECK_EQ(asyncio_task_uncancel(ASYNC_TASK(&actors[1])), 0);
    step(1);
    CHECK_LOG("0b!C:late 1b=1");
    CHECK_EQ(barrier.state, ASYNCIO__BARRIER_FILLING);
    close_stage();
}

TEST(BarrierTests_test_reset_barrier_while_tasks_waiting)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 3), 0);
    start(0, "bb");
    start(1, "bb");
    step(1);
    start(2, "Z b");
    step(1);
    CHECK_LOG("2Z");
    CHECK_EQ(barrier.state, ASYNCIO__BARRIER_RESETTING);
    CHECK_EQ(asyncio_barrier_n_waiting(&barrier), 0);
    step(1);
    CHECK_LOG("0b!B 1b!B");
    step(1);
    CHECK_LOG("0b=2"); /* usable again: 1 was the last to leave, and in at once; 2 and 0 had to wait for that */
    step(1);
    CHECK_LOG("1b=0 2b=1");
    close_stage();
}

TEST(BarrierTests_test_reset_barrier_when_tasks_half_draining)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 3), 0);
    start(0, "b");
    start(1, "b");
    start(2, "bZ");
    step(2);
    CHECK_LOG("2b=2 2Z 0b!B 1b!B");
    CHECK_EQ(barrier.state, ASYNCIO__BARRIER_FILLING);
    close_stage();
}

TEST(BarrierTests_test_abort_barrier)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 3), 0);
    start(0, "b");
    start(1, "D");
    step(1);
    start(2, "XbDZ");
    step(1);
    CHECK_LOG("2X 2b!B 2D!B 2Z"); /* a reset before they left: they were in it, and are broken */
    step(1);
    CHECK_LOG("0b!B 1D!B");
    CHECK(!asyncio_barrier_broken(&barrier));
    start(0, "b");
    step(1);
    (void)asyncio_barrier_abort(&barrier);
    CHECK(asyncio_barrier_broken(&barrier));
    CHECK_EQ(asyncio_barrier_n_waiting(&barrier), 0);
    step(1);
    CHECK_LOG("0b!B");
    CHECK(asyncio_barrier_broken(&barrier));
    (void)asyncio_barrier_reset(&barrier);
    CHECK(!asyncio_barrier_broken(&barrier));
    close_stage();
}

TEST(BarrierTests_test_abort_barrier_when_exception)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 2), 0);
    start(0, "b");
    start(1, "sX");
    step(3);
    CHECK_LOG("1s 1X 0b!B");
    close_stage();
}

/* Five tasks that run the same coroutine, at the barrier above; what they count. */
enum { PARTIES = 5 };
static int drained, broken, passed, thrice;
static void five_begin(void)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, PARTIES), 0);
    drained = broken = passed = thrice = 0;
}
static void five_end(bool is_broken)
{
    CHECK_EQ(asyncio_barrier_n_waiting(&barrier), 0);
    CHECK_EQ(asyncio_barrier_broken(&barrier), is_broken);
    CHECK(barrier.state != ASYNCIO__BARRIER_RESETTING);
    close_stage();
}
#define FIVE(name)                                                                                                     \
    do {                                                                                                               \
        static struct name##_task tasks[PARTIES];                                                                      \
        int number;                                                                                                    \
        for (number = 0; number < PARTIES; number++)                                                                   \
            CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&tasks[number], name), &no_options), 0);                 \
        step(30);                                                                                                      \
        for (number = 0; number < PARTIES; number++)                                                                   \
            CHECK_EQ(asyncio_task_exception(ASYNC_TASK(&tasks[number])), 0);                                           \
    } while (0)

ASYNC(sees_state, asyncio_held held;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->held, asyncio_barrier_held(&barrier)) {
        log_add(barrier.state == ASYNCIO__BARRIER_DRAINING ? "draining" : "filling");
    }
    ASYNC_END;
}
TEST(BarrierTests_test_draining_state)
{
    five_begin();
    FIVE(sees_state);
    CHECK_LOG("draining draining draining draining filling"); /* the last that leaves makes room for the next */
    five_end(false);
}

TEST(BarrierTests_test_reset_barrier)
{
    open_stage();
    CHECK_EQ(asyncio_barrier_init(&barrier, 1), 0);
    start(0, "Z");
    step(1);
    CHECK_LOG("0Z");
    five_end(false);
}

/* Half of them are out and wait for the next round, half are not, when one resets it. */
ASYNC(resets_half_way, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, asyncio_barrier_wait(&barrier));
    if (self->err == ASYNCIO_EBROKENBARRIER) {
        broken++;
        ASYNC_AWAIT(asyncio_barrier_wait(&barrier));
    } else if (++drained > PARTIES / 2) {
        ASYNC_AWAIT(asyncio_barrier_reset(&barrier));
        ASYNC_AWAIT(asyncio_barrier_wait(&barrier));
    } else {
        ASYNC_AWAIT(asyncio_barrier_wait(&barrier));
    }
    passed++;
    ASYNC_END;
}
TEST(BarrierTests_test_reset_barrier_when_tasks_half_draining_half_blocking)
{
    five_begin();
    FIVE(resets_half_way);
    CHECK_EQ(broken, PARTIES / 2);
    CHECK_EQ(passed, PARTIES);
    five_end(false);
}

/* Broken, they come again at once; one more makes them complete. */
ASYNC(waits_again, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, asyncio_barrier_wait(&barrier));
    broken += self->err == ASYNCIO_EBROKENBARRIER;
    ASYNC_AWAIT(asyncio_barrier_wait(&barrier));
    passed++;
    ASYNC_END;
}
TEST(BarrierTests_test_reset_barrier_while_tasks_waiting_and_waiting_again)
{
    static struct waits_again_task tasks[PARTIES - 1];
    int i;
    five_begin();
    for (i = 0; i < PARTIES - 1; i++)
        CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&tasks[i], waits_again), &no_options), 0);
    start(0, "Z");
    step(1);
    start(1, "D");
    step(10);
    CHECK_EQ(broken, PARTIES - 1);
    CHECK_EQ(passed, PARTIES - 1);
    CHECK(over(1));
    log_clear();
    five_end(false);
}

/* All are out, and all but one wait for the next round, when that one resets it: nobody is left to be broken. */
ASYNC(resets_when_out, int err;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_barrier_wait(&barrier));
    if (++drained == PARTIES) {
        ASYNC_AWAIT(asyncio_barrier_reset(&barrier));
        ASYNC_AWAIT(asyncio_barrier_wait(&barrier));
    } else {
        ASYNC_CATCH(self->err, asyncio_barrier_wait(&barrier));
        broken += self->err != 0;
        passed++;
    }
    ASYNC_AWAIT(asyncio_barrier_wait(&barrier));
    thrice++;
    ASYNC_END;
}
TEST(BarrierTests_test_reset_barrier_while_tasks_draining)
{
    five_begin();
    FIVE(resets_when_out);
    CHECK_EQ(broken, 0);
    CHECK_EQ(passed, PARTIES - 1);
    CHECK_EQ(thrice, PARTIES);
    five_end(false);
}

ASYNC(aborts_half_way, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, asyncio_barrier_wait(&barrier));
    if (self->err == ASYNCIO_EBROKENBARRIER) {
        broken++;
    } else if (++drained > PARTIES / 2) {
        ASYNC_AWAIT(asyncio_barrier_abort(&barrier));
    } else {
        ASYNC_CATCH(self->err, asyncio_barrier_wait(&barrier));
        passed += self->err == ASYNCIO_EBROKENBARRIER;
    }
    ASYNC_END;
}
TEST(BarrierTests_test_abort_barrier_when_tasks_half_draining_half_blocking)
{
    five_begin();
    FIVE(aborts_half_way);
    CHECK_EQ(broken, PARTIES / 2);              /* had not left */
    CHECK_EQ(passed, PARTIES - PARTIES / 2 - 1); /* were out, and had come again */
    five_end(true);
}

static asyncio_barrier in_between;
ASYNC(aborts_then_resets, int err, index;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH_INTO(self->err, self->index, asyncio_barrier_wait(&barrier));
    if (self->err == 0 && self->index == PARTIES / 2) {
        ASYNC_AWAIT(asyncio_barrier_abort(&barrier));
    } else {
        if (self->err == 0)
            ASYNC_CATCH(self->err, asyncio_barrier_wait(&barrier));
        passed += self->err == 0;
        broken += self->err == ASYNCIO_EBROKENBARRIER;
    }
    ASYNC_AWAIT_INTO(self->index, asyncio_barrier_wait(&in_between));
    if (self->index == PARTIES / 2)
        ASYNC_AWAIT(asyncio_barrier_reset(&barrier));
    ASYNC_AWAIT(asyncio_barrier_wait(&in_between));
    ASYNC_AWAIT(asyncio_barrier_wait(&barrier));
    thrice++;
    ASYNC_END;
}
TEST(BarrierTests_test_abort_barrier_when_exception_then_resetting)
{
    five_begin();
    CHECK_EQ(asyncio_barrier_init(&in_between, PARTIES), 0);
    FIVE(aborts_then_resets);
    CHECK_EQ(passed, 0);
    CHECK_EQ(broken, PARTIES - 1);
    CHECK_EQ(thrice, PARTIES);
    five_end(false);
}

/* ---- Wrong loops, statuses that nobody awaits, loops that are closed ---- */

/* The first that has to wait decides, as in CPython: an object that never made anybody wait is free for every loop. */
TEST(test_other_loop)
{
    static asyncio_loop other;
    asyncio_time when;
    open_stage();
    CHECK_EQ(asyncio_loop_init(&other, &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 1), 0);
    CHECK_EQ(asyncio_barrier_init(&barrier, 3), 0);
    start_on(&other, 0, "ar AR Ecxy E e c");
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_LOG("0a 0r 0A 0R 0E 0c 0x 0y 0E 0e 0c");
    start(1, "a");
    start(2, "a");
    start(3, "A");
    start(4, "A");
    start(5, "e");
    start(6, "xw");
    start(7, "b");
    step(1);
    CHECK_LOG("1a 3A 6x");
    start_on(&other, 0, "a A e xwy b");
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_LOG("0a!L 0A!L 0e!L 0x 0w!L 0y 0b!L");
    CHECK_EQ(asyncio_barrier_n_waiting(&barrier), 1); /* it left again */
    CHECK(!asyncio_loop_next_deadline(&other, &when));
    cancel(6, NULL);
    asyncio_lock_release(&lock);
    step(1);
    CHECK_LOG("6w!C 2a");
    asyncio_condition_init(&condition, &lock); /* a Condition of the other loop, with a Lock of this one */
    asyncio_lock_release(&lock);
    start_on(&other, 0, "xw");
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    start(1, "anss");
    start(2, "a");
    step(1);
    CHECK_LOG("0x 1a 1n");
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_LOG("0w!L");
    CHECK_EQ(asyncio_loop_close(&other), 0);
    step(2);
    CHECK_LOG("1s 1s");
    asyncio_condition_init(&condition, NULL);
    close_stage();
}

/* Two statuses in one await: the first was never awaited. It leaves what it waited in, and hands on what it got. */
static asyncio_status lock_and(asyncio_task *task, asyncio_status status)
{
    (void)status;
    return asyncio__event_wait(task, &event);
}
ASYNC(careless, int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, lock_and(asyncio_current_task(), asyncio_lock_acquire(&lock)));
    ASYNC_RETURN(self->err);
    ASYNC_END;
}
static asyncio_status release_and(asyncio_task *task, asyncio_status status)
{
    (void)status;
    CHECK_EQ(asyncio_lock_release(&lock), 0);
    CHECK_EQ(asyncio_semaphore_release(&semaphore), 0);
    return asyncio__event_wait(task, &event);
}
ASYNC(careless_woken, int err, err2;)
{
    ASYNC_BEGIN;
    lock.state = ASYNCIO__LOCK_HELD;
    ASYNC_CATCH(self->err, release_and(asyncio_current_task(), asyncio_lock_acquire(&lock)));
    lock.state = ASYNCIO__LOCK_HELD;
    ASYNC_CATCH(self->err2, release_and(asyncio_current_task(), asyncio_semaphore_acquire(&semaphore)));
    ASYNC_RETURN(self->err);
    ASYNC_END;
}
TEST(test_status_not_awaited)
{
    static struct careless_task first;
    static struct careless_woken_task second;
    open_stage();
    CHECK_EQ(asyncio_semaphore_init(&semaphore, 0), 0);
    lock.state = ASYNCIO__LOCK_HELD;
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&first, careless), &no_options), 0);
    step(1);
    CHECK_EQ(first.frame.err, ASYNCIO_ERUNTIME);
    CHECK(lock.waiters == NULL);
    start(0, "A");
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&second, careless_woken), &no_options), 0);
    start(1, "a");
    start(2, "A");
    step(1);
    CHECK_LOG("1a");
    CHECK_EQ(second.frame.err, ASYNCIO_ERUNTIME);
    CHECK_EQ(second.frame.err2, ASYNCIO_ERUNTIME);
    step(2);
    CHECK_LOG("0A 2A");
    close_stage();
}

#if ASYNCIO_ALL_TASKS
/* The loop is closed over tasks that wait, that were woken, that were cancelled: the objects are as new. */
TEST(test_loop_closed)
{
    int when;
    for (when = 0; when < 3; when++) {
        open_stage();
        CHECK_EQ(asyncio_semaphore_init(&semaphore, 0), 0);
        CHECK_EQ(asyncio_barrier_init(&barrier, 3), 0);
        lock.state = ASYNCIO__LOCK_HELD;
        start(0, "a");
        start(1, "A");
        start(2, "e");
        start(3, "xw");
        start(4, "b");
        start(5, "a");
        start(6, "A");
        start(7, "b");
        step(1);
        CHECK_LOG("3x");
        if (when == 1) {
            asyncio_lock_release(&lock);
            asyncio_semaphore_release(&semaphore);
            asyncio_event_set(&event);
            condition.own.state = ASYNCIO__LOCK_HELD;
            asyncio_condition_notify_all(&condition);
            (void)asyncio_barrier_abort(&barrier);
        } else if (when == 2) {
            int i;
            for (i = 0; i < 8; i++)
                cancel(i, NULL);
        }
        close_stage();
        CHECK_EQ(reports, 8);
        CHECK_EQ(semaphore.value, when == 1);
        CHECK_EQ(barrier.count, 0);
        log_clear();
    }
    /* in the queue of a Condition's Lock, waiting and woken */
    for (when = 0; when < 2; when++) {
        open_stage();
        start(0, "xw");
        start(1, "xw");
        step(1);
        condition.own.state = ASYNCIO__LOCK_HELD;
        asyncio_condition_notify_all(&condition);
        step(1);
        if (when == 1)
            asyncio_condition_release(&condition);
        close_stage();
        log_clear();
    }
}

#ifdef ASYNC_NEW
/* The object lies in a frame on the heap that is freed before the tasks that wait in it. */
ASYNC(owner, asyncio_lock mine; asyncio_event never;)
{
    ASYNC_BEGIN;
    self->mine.state = ASYNCIO__LOCK_HELD;
    ASYNC_AWAIT(asyncio_event_wait(&self->never));
    ASYNC_END;
}
ASYNC(guest, struct owner *owner;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_lock_acquire(&self->owner->mine));
    ASYNC_END;
}
TEST(test_loop_closed_owner_first)
{
    asyncio_task_options options = {NULL, NULL, 0, NULL};
    asyncio_task *task;
    struct owner *frame;
    open_loop();
    options.into = &task;
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(owner), &options), 0);
    frame = (struct owner *)(void *)asyncio_task_get_coro(task);
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(guest, .owner = frame), &no_options), 0);
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(guest, .owner = frame), &no_options), 0);
    step(1);
    asyncio_lock_release(&frame->mine);
    asyncio_task_release(task);
    close_loop();
    CHECK_EQ(reports, 3);
    CHECK_EQ(blocks, 0);
}
#endif

/* What is reported of a task that is destroyed while it waits is no error. */
TEST(test_destroyed_has_no_error)
{
    open_stage();
    lock.state = ASYNCIO__LOCK_HELD;
    start(0, "a");
    step(1);
    cancel(0, NULL);
    close_stage();
    CHECK_EQ(reports, 1);
    CHECK_EQ(last_report.err, 0);
    CHECK_EQ(last_report.detail, 0);
}
#endif

int main(void)
{
    RUN(LockTests_test_acquire);
    RUN(LockTests_test_acquire_cancel);
    RUN(LockTests_test_cancel_race);
    RUN(LockTests_test_cancel_release_race);
    RUN(LockTests_test_finished_waiter_cancelled);
    RUN(LockTests_test_release_not_acquired);
    RUN(test_lock_cancelled_ones_ahead);
    RUN(test_lock_free_but_awaited);
    RUN(test_lock_overtakes_cancelled);
    RUN(test_lock_uncancel);
    RUN(test_t22_lock);
    RUN(test_lock_block);
    RUN(EventTests_test_wait);
    RUN(EventTests_test_clear_with_waiters);
    RUN(test_event_cancel);
    RUN(ConditionTests_test_wait);
    RUN(ConditionTests_test_wait_cancel);
    RUN(ConditionTests_test_wait_cancel_contested);
    RUN(ConditionTests_test_wait_cancel_after_notify);
    RUN(ConditionTests_test_cancelled_error_re_aquire);
    RUN(test_condition_cancel_while_getting_the_lock);
    RUN(ConditionTests_test_wait_unacquired);
    RUN(ConditionTests_test_wait_for);
    RUN(ConditionTests_test_wait_for_unacquired);
    RUN(ConditionTests_test_cancelled_error_wakeup);
    RUN(ConditionTests_test_notify);
    RUN(ConditionTests_test_notify_unacquired);
    RUN(ConditionTests_test_explicit_lock);
    RUN(ConditionTests_test_timeout_in_block);
    RUN(ConditionTests_test_cancelled_wakeup);
    RUN(ConditionTests_test_cancelled_wakeup_relock);
    RUN(test_condition_cancelled_scopes);
    RUN(SemaphoreTests_test_initial);
    RUN(SemaphoreTests_test_acquire);
    RUN(SemaphoreTests_test_acquire_cancel);
    RUN(SemaphoreTests_test_acquire_cancel_before_awoken);
    RUN(SemaphoreTests_test_acquire_hang);
    RUN(SemaphoreTests_test_acquire_no_hang);
    RUN(test_x04_sem_cancel_variants);
    RUN(SemaphoreTests_test_release_not_acquired);
    RUN(SemaphoreTests_test_acquire_fifo_order);
    RUN(SemaphoreTests_test_acquire_fifo_order_2);
    RUN(SemaphoreTests_test_acquire_fifo_order_3);
    RUN(SemaphoreTests_test_acquire_fifo_order_4);
    RUN(test_semaphore_block);
    RUN(BarrierTests_test_barrier_parties);
    RUN(BarrierTests_test_filling_one_task_twice);
    RUN(BarrierTests_test_filling_task_by_task);
    RUN(BarrierTests_test_filling_tasks_wait_twice);
    RUN(BarrierTests_test_filling_tasks_check_return_value);
    RUN(BarrierTests_test_blocking_tasks_while_draining);
    RUN(BarrierTests_test_filling_tasks_cancel_one);
    RUN(test_barrier_cancel_wakes_next);
    RUN(test_barrier_cancel_when_woken);
    RUN(BarrierTests_test_reset_barrier_while_tasks_waiting);
    RUN(BarrierTests_test_reset_barrier_when_tasks_half_draining);
    RUN(BarrierTests_test_abort_barrier);
    RUN(BarrierTests_test_abort_barrier_when_exception);
    RUN(BarrierTests_test_draining_state);
    RUN(BarrierTests_test_reset_barrier);
    RUN(BarrierTests_test_reset_barrier_when_tasks_half_draining_half_blocking);
    RUN(BarrierTests_test_reset_barrier_while_tasks_waiting_and_waiting_again);
    RUN(BarrierTests_test_reset_barrier_while_tasks_draining);
    RUN(BarrierTests_test_abort_barrier_when_tasks_half_draining_half_blocking);
    RUN(BarrierTests_test_abort_barrier_when_exception_then_resetting);
    RUN(test_other_loop);
    RUN(test_status_not_awaited);
#if ASYNCIO_ALL_TASKS
    RUN(test_loop_closed);
#ifdef ASYNC_NEW
    RUN(test_loop_closed_owner_first);
#endif
    RUN(test_destroyed_has_no_error);
#endif
    return tap_end();
}
