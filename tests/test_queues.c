/* Queues: CPython's test_queues.py, named as there; its oracle's scenarios t26, t27 and x02; every kind in storage and
 * on the heap, every error, cancel, allocation that fails, and what a loop's close and a wrong loop do. */
#include "actors.h"

static int storage[4];

static int by_tens(const void *a, const void *b) { return *(const int *)a / 10 - *(const int *)b / 10; }

enum { FIFO, LIFO, PRIORITY, KINDS };
static void open_queue_of_kind(int kind, size_t count)
{
    open_stage();
    if (kind == FIFO)
        CHECK_EQ(asyncio_queue_init(&queue, storage, sizeof storage[0], count), 0);
    else if (kind == LIFO)
        CHECK_EQ(asyncio_lifo_queue_init(&queue, storage, sizeof storage[0], count), 0);
    else
        CHECK_EQ(asyncio_priority_queue_init(&queue, storage, sizeof storage[0], count, by_tens), 0);
}
static void open_queue(size_t count) { open_queue_of_kind(FIFO, count); }
static int put(int value) { return asyncio_queue_put_nowait(&queue, &value); }
static int get(void)
{
    int value = -1, err = asyncio_queue_get_nowait(&queue, &value);
    return err != 0 ? -err : value;
}
/* ---- Basics ---- */

TEST(QueueBasicTests_test_empty_full)
{
    open_queue(2);
    CHECK(asyncio_queue_empty(&queue));
    CHECK(!asyncio_queue_full(&queue));
    CHECK_EQ(asyncio_queue_maxsize(&queue), 2);
    CHECK_EQ(put(1), 0);
    CHECK(!asyncio_queue_empty(&queue));
    CHECK_EQ(asyncio_queue_qsize(&queue), 1);
    CHECK_EQ(put(2), 0);
    CHECK(asyncio_queue_full(&queue));
    close_stage();
}

TEST(QueueBasicTests_test_order)
{
    open_queue(3);
    CHECK_EQ(put(1), 0);
    CHECK_EQ(put(3), 0);
    CHECK_EQ(put(2), 0);
    start(0, "ggg");
    step(1);
    CHECK_LOG("0g=1 0g=3 0g=2");
    close_stage();
}

TEST(QueueBasicTests_test_maxsize)
{
    open_queue(2);
    start(0, "ppp");
    step(1);
    CHECK_LOG("0p 0p");
    step(1);
    CHECK_LOG("");
    CHECK_EQ(get(), 1);
    step(1);
    CHECK_LOG("0p");
    CHECK_EQ(get(), 2);
    CHECK_EQ(get(), 3);
    close_stage();
}

/* Around the end of the ring, many times. */
TEST(QueueGetTests_test_blocking_get)
{
    int i;
    open_queue(3);
    for (i = 0; i < 10; i++) {
        CHECK_EQ(put(i), 0);
        CHECK_EQ(put(i + 100), 0);
        CHECK_EQ(get(), i);
        CHECK_EQ(get(), i + 100);
    }
    start(0, "pgpgpg");
    step(1);
    CHECK_LOG("0p 0g=1 0p 0g=2 0p 0g=3");
    close_stage();
}

TEST(QueueGetTests_test_blocking_get_wait)
{
    open_queue(2);
    start(0, "g");
    step(2);
    CHECK_LOG("");
    CHECK_EQ(put(7), 0);
    CHECK_EQ(asyncio_queue_qsize(&queue), 1); /* it belongs to nobody yet */
    step(1);
    CHECK_LOG("0g=7");
    close_stage();
}

TEST(QueueGetTests_test_nonblocking_get_exception)
{
    open_queue(2);
    CHECK_EQ(get(), -ASYNCIO_EQUEUEEMPTY);
    start(0, "G");
    step(1);
    CHECK_LOG("0G!E");
    close_stage();
}

TEST(QueueGetTests_test_get_cancelled_race)
{
    open_queue(2);
    start(0, "g");
    start(1, "g");
    step(1);
    cancel(0, "why");
    CHECK_EQ(put(5), 0);
    step(1);
    CHECK_LOG("0g!C:why 1g=5");
    close_stage();
}

TEST(QueueGetTests_test_get_with_waiting_putters)
{
    open_queue(1);
    start(0, "p");
    start(1, "p");
    start(2, "p");
    step(1);
    CHECK_LOG("0p");
    start(3, "ggg");
    step(5);
    CHECK_LOG("3g=1 1p 3g=2 2p 3g=3");
    close_stage();
}

TEST(QueueGetTests_test_why_are_getters_waiting)
{
    open_queue(1);
    start(0, "pppp");
    start(1, "gggg");
    step(20);
    CHECK(over(0) && over(1));
    CHECK_EQ(asyncio_queue_qsize(&queue), 0);
    log_clear();
    close_stage();
}

ASYNC(late_getter, asyncio_waiting_for call; int item; int err;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, asyncio_wait_for(&self->call, asyncio_queue_get(&queue, &self->item), 0.1));
    CHECK_EQ(self->err, ASYNCIO_ETIMEOUT);
    CHECK(queue.getters == NULL);
    log_add("late");
    ASYNC_END;
}
TEST(QueueGetTests_test_cancelled_getters_not_being_held_in_self_getters)
{
    static struct late_getter_task late;
    open_queue(4);
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&late, late_getter), &no_options), 0);
    step(1);
    CHECK(queue.getters != NULL);
    step(2);
    CHECK_LOG("late");
    close_stage();
    open_queue(1);
    start(0, "g");
    step(1);
    CHECK(queue.getters != NULL);
    cancel(0, NULL);
    CHECK(queue.getters == NULL);
    step(1);
    CHECK_LOG("0g!C");
    close_stage();
}

/* ---- Put ---- */

/* t27: woken, then cancelled: the item stays, and the next one gets it. */
TEST(QueuePutTests_test_get_cancel_drop_one_pending_reader)
{
    open_queue(1);
    start(0, "g");
    start(1, "g");
    step(1);
    CHECK_EQ(put(1), 0);
    cancel(0, "woken");
    step(1);
    CHECK_LOG("0g!C:woken");
    step(1);
    CHECK_LOG("1g=1");
    start(2, "g");
    step(1);
    CHECK_EQ(put(2), 0);
    cancel(2, NULL);
    step(2);
    CHECK_LOG("2g!C");
    CHECK_EQ(get(), 2);
    close_stage();
}

/* ... but if the item is gone, it wakes nobody, who would lose its place. */
TEST(test_get_cancel_robbed)
{
    open_queue(4);
    start(0, "g");
    start(1, "g");
    start(2, "g");
    step(1);
    CHECK_EQ(put(1), 0);
    CHECK_EQ(get(), 1);
    cancel(0, NULL);
    step(2);
    CHECK_LOG("0g!C");
    CHECK_EQ(put(2), 0);
    CHECK_EQ(put(3), 0);
    step(1);
    CHECK_LOG("1g=2 2g=3");
    close_stage();
}

TEST(QueuePutTests_test_get_cancel_drop_many_pending_readers)
{
    int i;
    open_queue(4);
    for (i = 0; i < 3; i++)
        start(i, "g");
    step(1);
    CHECK_EQ(put(1), 0);
    CHECK_EQ(put(2), 0);
    cancel(0, NULL);
    cancel(1, NULL);
    step(2);
    CHECK_LOG("0g!C 1g!C 2g=1");
    CHECK_EQ(get(), 2);
    close_stage();
}

/* A cancel of a woken one that is taken back: it knows still where its item goes. */
TEST(test_get_uncancel)
{
    open_queue(1);
    start(0, "g");
    start(1, "sp");
    step(1);
    CHECK_EQ(put(1), 0);
    cancel(0, "no");
    CHECK_EQ(asyncio_task_uncancel(ASYNC_TASK(&actors[0])), 0);
    step(1);
    CHECK_LOG("1s 0g=1");
    step(1);
    CHECK_LOG("1p");
    start(0, "p");
    step(1);
    CHECK_EQ(get(), 1);
    cancel(0, "no");
    CHECK_EQ(asyncio_task_uncancel(ASYNC_TASK(&actors[0])), 0);
    step(1);
    CHECK_LOG("0p");
    CHECK_EQ(get(), 2);
    close_stage();
}

TEST(QueuePutTests_test_put_cancel_drop)
{
    open_queue(1);
    CHECK_EQ(put(9), 0);
    start(0, "p");
    start(1, "p");
    step(1);
    CHECK_EQ(get(), 9);
    cancel(0, "woken");
    step(1);
    CHECK_LOG("0p!C:woken");
    CHECK_EQ(asyncio_queue_qsize(&queue), 0);
    step(1);
    CHECK_LOG("1p");
    CHECK_EQ(get(), 2);
    start(2, "p"); /* woken, cancelled, and full again meanwhile: nobody else is woken for nothing */
    start(3, "p");
    CHECK_EQ(put(9), 0);
    step(1);
    CHECK_EQ(get(), 9);
    CHECK_EQ(put(8), 0);
    cancel(2, NULL);
    step(1);
    CHECK_LOG("2p!C");
    CHECK(queue.putters != NULL);
    close_stage();
}

TEST(QueuePutTests_test_put_with_waiting_getters)
{
    open_queue(1);
    start(0, "g");
    step(1);
    start(1, "p");
    step(1);
    CHECK_LOG("1p");
    step(1);
    CHECK_LOG("0g=1");
    close_stage();
}

TEST(QueuePutTests_test_cancelled_puts_not_being_held_in_self_putters)
{
    open_queue(1);
    CHECK_EQ(put(1), 0);
    start(0, "p");
    step(1);
    CHECK(queue.putters != NULL);
    cancel(0, NULL);
    step(1);
    CHECK_LOG("0p!C");
    CHECK(queue.putters == NULL);
    close_stage();
}

/* Woken, so that it is in no list any more, and then cancelled. */
TEST(QueuePutTests_test_cancelled_put_silence_value_error_exception)
{
    open_queue(1);
    CHECK_EQ(put(1), 0);
    start(0, "p");
    step(1);
    CHECK_EQ(get(), 1);
    cancel(0, NULL);
    step(1);
    CHECK_LOG("0p!C");
    CHECK(asyncio_queue_empty(&queue));
    close_stage();
}

TEST(QueuePutTests_test_put_cancelled_race)
{
    open_queue(1);
    start(0, "p");
    start(1, "p");
    start(2, "p");
    step(1);
    CHECK_LOG("0p");
    cancel(1, NULL);
    CHECK_EQ(get(), 1);
    step(1);
    CHECK_LOG("1p!C 2p");
    CHECK_EQ(get(), 3);
    close_stage();
}

TEST(QueuePutTests_test_why_are_putters_waiting)
{
    open_queue(2);
    start(0, "p");
    start(1, "p");
    start(2, "p");
    start(3, "p");
    start(4, "GGGG");
    step(1);
    CHECK_LOG("0p 1p 4G=1 4G=2 4G!E 4G!E");
    step(1);
    CHECK_LOG("2p 3p");
    close_stage();
}

TEST(QueuePutTests_test_nonblocking_put_exception)
{
    open_queue(1);
    CHECK_EQ(put(1), 0);
    CHECK_EQ(put(2), ASYNCIO_EQUEUEFULL);
    CHECK_EQ(queue.unfinished, 1);
    close_stage();
}

/* A putter that finds the queue full at its turn queues up again, at the end. */
TEST(test_putter_overtaken)
{
    open_queue(1);
    CHECK_EQ(put(9), 0);
    start(0, "p");
    start(1, "p");
    step(1);
    CHECK_EQ(get(), 9);
    CHECK_EQ(put(8), 0);
    step(1);
    CHECK_LOG("");
    CHECK_EQ(get(), 8);
    step(1);
    CHECK_LOG("1p");
    CHECK_EQ(get(), 2);
    step(1);
    CHECK_LOG("0p");
    CHECK_EQ(get(), 1);
    close_stage();
}

/* x02 and the first part of t26 */
TEST(test_x02_stealing_requeues_last)
{
    open_queue(4);
    start(0, "g");
    start(1, "g");
    step(1);
    CHECK_EQ(put(1), 0);
    CHECK_EQ(get(), 1);
    step(1);
    CHECK_LOG("");
    CHECK_EQ(put(2), 0);
    step(1);
    CHECK_LOG("1g=2");
    CHECK_EQ(put(3), 0);
    step(1);
    CHECK_LOG("0g=3");
    start(0, "g");
    start(1, "g");
    step(1);
    CHECK_EQ(put(1), 0);
    CHECK_EQ(get(), 1);
    CHECK_EQ(put(2), 0);
    CHECK_EQ(put(3), 0);
    step(1);
    CHECK_LOG("0g=2 1g=3");
    close_stage();
}

/* ---- Kinds ---- */

TEST(LifoQueueTests_test_order)
{
    open_stage();
    CHECK_EQ(asyncio_lifo_queue_init(&queue, storage, sizeof storage[0], 3), 0);
    CHECK_EQ(put(1), 0);
    CHECK_EQ(put(3), 0);
    CHECK_EQ(put(2), 0);
    CHECK_EQ(put(4), ASYNCIO_EQUEUEFULL);
    CHECK_EQ(get(), 2);
    CHECK_EQ(get(), 3);
    CHECK_EQ(put(5), 0);
    CHECK_EQ(get(), 5);
    CHECK_EQ(get(), 1);
    CHECK_EQ(get(), -ASYNCIO_EQUEUEEMPTY);
    close_stage();
}

/* The end of t26: seven of equal priority leave in heapq's order. */
TEST(PriorityQueueTests_test_order)
{
    static int room[16];
    static const int want[] = {1, 3, 6, 7, 5, 2, 4};
    uint32_t random = 7;
    int i, j, last;
    open_stage();
    CHECK_EQ(asyncio_priority_queue_init(&queue, room, sizeof room[0], 16, by_tens), 0);
    CHECK_EQ(put(10), 0);
    CHECK_EQ(put(30), 0);
    CHECK_EQ(put(20), 0);
    CHECK_EQ(get(), 10);
    CHECK_EQ(get(), 20);
    CHECK_EQ(get(), 30);
    for (i = 1; i <= 7; i++)
        CHECK_EQ(put(i), 0);
    for (i = 0; i < 7; i++)
        CHECK_EQ(get(), want[i]);
    for (i = 0; i < 50; i++) {
        for (j = 0; j < 16; j++) {
            random = random * 1664525u + 1013904223u;
            CHECK_EQ(put((int)(random >> 20)), 0);
        }
        CHECK_EQ(put(1), ASYNCIO_EQUEUEFULL);
        for (j = 0, last = 0; j < 16; j++) {
            int next = get();
            CHECK(next / 10 >= last / 10);
            last = next;
        }
    }
    close_stage();
}

/* What heapq answers for ten items of three priorities, put and taken in turns. */
TEST(test_priority_order_of_equals)
{
    static int room[16];
    static const int puts[] = {21, 12, 23, 14, 35, 16, 27, 18, 39, 20};
    static const int want[] = {12, 16, 14, 18, 27, 23, 20, 21, 39, 35};
    int i;
    open_stage();
    CHECK_EQ(asyncio_priority_queue_init(&queue, room, sizeof room[0], 16, by_tens), 0);
    for (i = 0; i < 10; i++)
        CHECK_EQ(put(puts[i]), 0);
    for (i = 0; i < 10; i++)
        CHECK_EQ(get(), want[i]);
    close_stage();
}

/* Items without content, of one byte, and larger than any special case. */
struct large {
    char text[37];
};
TEST(test_item_sizes)
{
    static unsigned char bytes[3];
    static struct large larges[2], item;
    int i;
    open_stage();
    CHECK_EQ(asyncio_queue_init(&queue, NULL, 0, 2), 0);
    CHECK_EQ(asyncio_queue_put_nowait(&queue, NULL), 0);
    CHECK_EQ(asyncio_queue_put_nowait(&queue, NULL), 0);
    CHECK_EQ(asyncio_queue_put_nowait(&queue, NULL), ASYNCIO_EQUEUEFULL);
    start(0, "gg");
    step(1);
    CHECK(over(0));
    CHECK_EQ(asyncio_queue_get_nowait(&queue, NULL), ASYNCIO_EQUEUEEMPTY);
    log_clear();
    CHECK_EQ(asyncio_queue_init(&queue, bytes, 1, 3), 0);
    for (i = 0; i < 9; i++) {
        unsigned char byte = (unsigned char)i, got = 0;
        CHECK_EQ(asyncio_queue_put_nowait(&queue, &byte), 0);
        CHECK_EQ(asyncio_queue_get_nowait(&queue, i % 3 ? &got : NULL), 0);
        CHECK_EQ(got, i % 3 ? i : 0);
    }
    CHECK_EQ(asyncio_queue_init(&queue, larges, sizeof larges[0], 2), 0);
    for (i = 0; i < 37; i++)
        item.text[i] = (char)i;
    CHECK_EQ(asyncio_queue_put_nowait(&queue, &item), 0);
    asyncio__clear(&item, sizeof item);
    CHECK_EQ(asyncio_queue_get_nowait(&queue, &item), 0);
    CHECK_EQ(item.text[36], 36);
    CHECK_EQ(item.text[1], 1);
    CHECK_EQ(asyncio_queue_init(&queue, NULL, 4, 0), ASYNCIO_EVALUE);
    CHECK_EQ(put(1), ASYNCIO_CHECKS ? ASYNCIO_ENOINIT : ASYNCIO_ENOMEM);
    CHECK_EQ(asyncio_lifo_queue_init(&queue, NULL, 4, 0), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_priority_queue_init(&queue, NULL, 4, 0, by_tens), ASYNCIO_EVALUE);
    CHECK_EQ(put(1), ASYNCIO_CHECKS ? ASYNCIO_ENOINIT : ASYNCIO_ENOMEM);
    CHECK_EQ(queue.unfinished, 0);
    close_stage();
}

/* ---- Done ---- */

TEST(QueueJoinTests_test_task_done_underflow)
{
    int kind;
    for (kind = 0; kind < KINDS; kind++) {
        open_queue_of_kind(kind, 1);
        CHECK_EQ(asyncio_queue_task_done(&queue), ASYNCIO_EVALUE);
        CHECK_EQ(put(1), 0);
        CHECK_EQ(asyncio_queue_task_done(&queue), 0);
        CHECK_EQ(asyncio_queue_task_done(&queue), ASYNCIO_EVALUE);
        close_stage();
    }
}

TEST(QueueJoinTests_test_join_empty_queue)
{
    int kind;
    for (kind = 0; kind < KINDS; kind++) {
        open_queue_of_kind(kind, 1);
        start(0, "jj");
        step(1);
        CHECK_LOG("0j 0j");
        close_stage();
    }
}

/* Two workers take what is there and say so; who joins goes on when all is done. */
static int taken;
ASYNC(takes_all, int item;)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT(asyncio_queue_get(&queue, &self->item));
        taken += self->item;
        CHECK_EQ(asyncio_queue_task_done(&queue), 0);
        if (self->item == 0)
            break;
    }
    ASYNC_END;
}
static void join_two_workers(int kind)
{
    static struct takes_all_task workers[2];
    static int room[100];
    int i;
    open_stage();
    if (kind == FIFO)
        CHECK_EQ(asyncio_queue_init(&queue, room, sizeof room[0], 100), 0);
    else if (kind == LIFO)
        CHECK_EQ(asyncio_lifo_queue_init(&queue, room, sizeof room[0], 100), 0);
    else
        CHECK_EQ(asyncio_priority_queue_init(&queue, room, sizeof room[0], 100, by_tens), 0);
    for (i = 1; i <= 100; i++)
        CHECK_EQ(put(i), 0);
    taken = 0;
    start(0, "j");
    for (i = 0; i < 2; i++)
        CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&workers[i], takes_all), &no_options), 0);
    step(1);
    CHECK_LOG("");
    step(100);
    CHECK_LOG("0j");
    CHECK_EQ(taken, 5050);
    CHECK_EQ(put(0), 0);
    CHECK_EQ(put(0), 0);
    step(2);
    CHECK(asyncio_task_done(ASYNC_TASK(&workers[0])) && asyncio_task_done(ASYNC_TASK(&workers[1])));
    close_stage();
}

TEST(QueueJoinTests_test_task_done)
{
    open_queue(4);
    start(0, "j");
    step(1);
    CHECK_LOG("0j");
    CHECK_EQ(put(1), 0);
    CHECK_EQ(put(2), 0);
    start(0, "j");
    start(1, "j");
    step(1);
    CHECK_EQ(get(), 1);
    CHECK_EQ(get(), 2);
    step(1);
    CHECK_EQ(asyncio_queue_task_done(&queue), 0);
    step(1);
    CHECK_LOG("");
    cancel(1, "bored");
    CHECK_EQ(asyncio_queue_task_done(&queue), 0);
    CHECK_EQ(put(3), 0); /* too late to make it wait again */
    step(1);
    CHECK_LOG("1j!C:bored 0j");
    close_stage();
    join_two_workers(FIFO);
    join_two_workers(LIFO);
    join_two_workers(PRIORITY);
}

/* ---- Shutdown ---- */

static void shutdown_empty(int kind)
{
    open_queue_of_kind(kind, 2);
    start(0, "gG");
    start(1, "g");
    step(1);
    cancel(1, "before");
    asyncio_queue_shutdown(&queue, false);
    asyncio_queue_shutdown(&queue, true);
    CHECK_EQ(asyncio_queue_qsize(&queue), 0);
    step(1);
    CHECK_LOG("1g!C:before 0g!S 0G!S");
    start(0, "gGpPj");
    step(1);
    CHECK_LOG("0g!S 0G!S 0p!S 0P!S 0j");
    close_stage();
}

static void shutdown_nonempty(int kind)
{
    open_queue_of_kind(kind, 1);
    CHECK_EQ(put(7), 0);
    start(0, "p");
    start(1, "j");
    step(1);
    asyncio_queue_shutdown(&queue, false);
    CHECK_EQ(asyncio_queue_qsize(&queue), 1);
    step(1);
    CHECK_LOG("0p!S");
    CHECK_EQ(put(8), ASYNCIO_EQUEUESHUTDOWN);
    start(2, "gpgGsdd");
    step(1);
    CHECK_LOG("2g=7 2p!S 2g!S 2G!S");
    CHECK(!over(1)); /* what was taken is not done yet */
    step(1);
    CHECK_LOG("2s 2d 2d!V");
    step(1);
    CHECK_LOG("1j");
    close_stage();
}

static void shutdown_immediate(int kind)
{
    open_queue_of_kind(kind, 3);
    start(0, "p p p p");
    start(1, "j");
    step(1);
    CHECK_LOG("0p 0p 0p");
    asyncio_queue_shutdown(&queue, true);
    CHECK_EQ(asyncio_queue_qsize(&queue), 0);
    step(1);
    CHECK_LOG("1j 0p!S");
    CHECK_EQ(get(), -ASYNCIO_EQUEUESHUTDOWN);
    CHECK_EQ(put(1), ASYNCIO_EQUEUESHUTDOWN);
    CHECK_EQ(asyncio_queue_task_done(&queue), ASYNCIO_EVALUE);
    start(2, "gp");
    step(1);
    CHECK_LOG("2g!S 2p!S");
    close_stage();
}

static void shutdown_immediate_with_unfinished(int kind)
{
    open_queue_of_kind(kind, 3);
    start(0, "p p g j");
    step(1);
    CHECK_LOG(kind == LIFO ? "0p 0p 0g=2" : "0p 0p 0g=1");
    asyncio_queue_shutdown(&queue, true);
    CHECK_EQ(asyncio_queue_qsize(&queue), 0);
    CHECK_EQ(queue.unfinished, 1);
    step(1);
    CHECK_LOG("");
    start(1, "pgPG");
    step(1);
    CHECK_LOG("1p!S 1g!S 1P!S 1G!S");
    CHECK_EQ(asyncio_queue_task_done(&queue), 0);
    CHECK_EQ(asyncio_queue_task_done(&queue), ASYNCIO_EVALUE);
    step(1);
    CHECK_LOG("0j");
    close_stage();
    open_queue_of_kind(kind, 3); /* more were marked as done than taken */
    CHECK_EQ(put(1), 0);
    CHECK_EQ(put(1), 0);
    CHECK_EQ(asyncio_queue_task_done(&queue), 0);
    asyncio_queue_shutdown(&queue, true);
    CHECK_EQ(queue.unfinished, 0);
    close_stage();
}

static void each_kind(void (*test)(int kind))
{
    int kind;
    for (kind = 0; kind < KINDS; kind++)
        test(kind);
}
TEST(QueueShutdownTests_test_shutdown_empty) { each_kind(shutdown_empty); }
TEST(QueueShutdownTests_test_shutdown_nonempty) { each_kind(shutdown_nonempty); }
TEST(QueueShutdownTests_test_shutdown_immediate) { each_kind(shutdown_immediate); }
TEST(QueueShutdownTests_test_shutdown_immediate_with_unfinished) { each_kind(shutdown_immediate_with_unfinished); }

/* Woken by a shutdown, and cancelled before its turn. */
TEST(test_shutdown_and_cancel)
{
    open_queue(1);
    start(0, "g");
    step(1);
    asyncio_queue_shutdown(&queue, false);
    cancel(0, "why");
    step(1);
    CHECK_LOG("0g!C:why");
    close_stage();
}

/* ---- Loops ---- */

TEST(test_other_loop)
{
    static asyncio_loop other;
    open_queue(1);
    CHECK_EQ(asyncio_loop_init(&other, &asyncio_virtual_port), 0);
    start_on(&other, 0, "pgdj");
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_LOG("0p 0g=1 0d 0j");
    start(1, "g");
    step(1);
    start_on(&other, 0, "gp");
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_LOG("0g!L 0p");
    step(1);
    CHECK_LOG("1g=2");
    start_on(&other, 0, "j");
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    start(1, "jpp");
    step(1);
    CHECK_LOG("1j!L 1p");
    start_on(&other, 2, "p");
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_LOG("2p!L");
    cancel(0, NULL);
    CHECK_EQ(asyncio_loop_step(&other, 0), 0);
    CHECK_LOG("0j!C");
    CHECK_EQ(asyncio_loop_close(&other), 0);
    close_stage();
}

static asyncio_status put_and(asyncio_task *task, asyncio_status status)
{
    (void)status;
    CHECK_EQ(put(5), 0);
    return asyncio__queue_join(task, &queue);
}
static asyncio_status get_and(asyncio_task *task, asyncio_status status)
{
    (void)status;
    CHECK(get() > 0);
    return asyncio__queue_join(task, &queue);
}
ASYNC(careless, int err, err2, item;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, put_and(asyncio_current_task(), asyncio_queue_get(&queue, &self->item)));
    self->item = 6;
    ASYNC_CATCH(self->err2, get_and(asyncio_current_task(), asyncio_queue_put(&queue, &self->item)));
    ASYNC_END;
}
/* The wait that is forgotten was over: it wakes the next. */
TEST(test_status_not_awaited)
{
    static struct careless_task storage_of_it;
    open_queue(1);
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&storage_of_it, careless), &no_options), 0);
    start(0, "g");
    start(1, "pp");
    step(1);
    CHECK_EQ(storage_of_it.frame.err, ASYNCIO_ERUNTIME);
    CHECK_EQ(storage_of_it.frame.err2, ASYNCIO_ERUNTIME);
    CHECK_LOG("1p");
    step(2);
    CHECK_LOG("0g=1 1p");
    close_stage();
}

#if ASYNCIO_ALL_TASKS
TEST(test_loop_closed)
{
    int when;
    for (when = 0; when < 3; when++) {
        open_queue(1);
        start(0, "g");
        start(1, "g");
        step(1);
        if (when == 1)
            CHECK_EQ(put(1), 0);
        else if (when == 2)
            cancel(0, NULL);
        close_stage();
        open_queue(1);
        CHECK_EQ(put(1), 0);
        start(0, "p");
        start(1, "p");
        start(2, "j");
        step(1);
        if (when == 1)
            CHECK_EQ(get(), 1);
        else if (when == 2)
            cancel(0, NULL);
        close_stage();
        CHECK_EQ(reports, 3);
        CHECK_EQ(queue.count, when != 1);
    }
}
#endif

/* ---- On the heap ---- */

#ifdef ASYNC_NEW
TEST(test_heap_grows)
{
    int i, kind, before;
    open_stage();
    before = blocks;
    for (kind = 0; kind < 3; kind++) {
        if (kind == 0)
            asyncio_queue_init_heap(&queue, sizeof(int), 0);
        else if (kind == 1)
            asyncio_lifo_queue_init_heap(&queue, sizeof(int), 0);
        else
            asyncio_priority_queue_init_heap(&queue, sizeof(int), 0, by_tens);
        CHECK_EQ(blocks, before);
        CHECK_EQ(asyncio_queue_maxsize(&queue), 0);
        CHECK_EQ(put(-1), 0); /* so that the ring does not begin at its begin */
        CHECK_EQ(put(-1), 0);
        CHECK_EQ(asyncio_queue_get_nowait(&queue, NULL), 0);
        for (i = 1; i < 1000; i++)
            CHECK_EQ(put((kind == 2 ? 1000 - i : i) * 10), 0);
        CHECK_EQ(asyncio_queue_get_nowait(&queue, NULL), 0);
        CHECK(!asyncio_queue_full(&queue));
        CHECK_EQ(blocks, before + 1);
        CHECK_EQ(asyncio_queue_qsize(&queue), 999);
        for (i = 1; i < 900; i++)
            CHECK_EQ(get(), kind == 1 ? (999 - i) * 10 : i * 10);
        asyncio_queue_close(&queue);
        CHECK_EQ(blocks, before);
        CHECK(asyncio_queue_empty(&queue));
        CHECK_EQ(put(4), 0);
        CHECK_EQ(get(), 4);
        asyncio_queue_close(&queue);
        asyncio_queue_close(&queue);
        CHECK_EQ(blocks, before);
    }
    asyncio_queue_init_heap(&queue, 0, 0);
    for (i = 0; i < 100; i++)
        CHECK_EQ(asyncio_queue_put_nowait(&queue, NULL), 0);
    CHECK_EQ(asyncio_queue_qsize(&queue), 100);
    CHECK_EQ(blocks, before);
    asyncio_queue_close(&queue);
    CHECK_EQ(asyncio_queue_init(&queue, storage, sizeof storage[0], 1), 0);
    CHECK_EQ(put(1), 0);
    asyncio_queue_shutdown(&queue, false);
    asyncio_queue_close(&queue);
    CHECK_EQ(put(2), 0);
    CHECK_EQ(put(3), ASYNCIO_EQUEUEFULL);
    close_stage();
}

TEST(test_heap_bounded)
{
    int i;
    open_stage();
    asyncio_queue_init_heap(&queue, sizeof(int), 11);
    CHECK_EQ(asyncio_queue_maxsize(&queue), 11);
    for (i = 0; i < 11; i++)
        CHECK_EQ(put(i), 0);
    CHECK_EQ(put(i), ASYNCIO_EQUEUEFULL);
    CHECK_EQ(queue.capacity, 11);
    start(0, "p");
    step(1);
    for (i = 0; i < 11; i++)
        CHECK_EQ(get(), i);
    step(1);
    CHECK_LOG("0p");
    CHECK_EQ(get(), 1);
    asyncio_queue_close(&queue);
    close_stage();
}

/* An allocation fails: nothing was put, nobody was woken, and later it works again. */
TEST(test_heap_fails)
{
    int i, before;
    open_stage();
    before = blocks;
    asyncio_queue_init_heap(&queue, sizeof(int), 0);
    start(0, "g");
    step(1);
    allocations_left = 0;
    start(1, "pP");
    step(2);
    CHECK_LOG("1p!M 1P!M");
    CHECK_EQ(queue.unfinished, 0);
    allocations_left = 1;
    for (i = 0; i < 8; i++)
        CHECK_EQ(put(i + 10), 0);
    CHECK_EQ(put(0), ASYNCIO_ENOMEM);
    CHECK_EQ(asyncio_queue_qsize(&queue), 8);
    step(1);
    CHECK_LOG("0g=10");
    CHECK_EQ(put(18), 0);
    CHECK_EQ(put(0), ASYNCIO_ENOMEM);
    allocations_left = -1;
    CHECK_EQ(put(19), 0);
    for (i = 1; i < 10; i++)
        CHECK_EQ(get(), i + 10);
    asyncio_queue_close(&queue);
    asyncio_queue_init_heap(&queue, SIZE_MAX / 4, 0);
    CHECK_EQ(asyncio_queue_put_nowait(&queue, &queue), ASYNCIO_ENOMEM);
    asyncio_queue_close(&queue);
    CHECK_EQ(blocks, before);
    close_stage();
}
#endif

int main(void)
{
    RUN(QueueBasicTests_test_empty_full);
    RUN(QueueBasicTests_test_order);
    RUN(QueueBasicTests_test_maxsize);
    RUN(QueueGetTests_test_blocking_get);
    RUN(QueueGetTests_test_blocking_get_wait);
    RUN(QueueGetTests_test_nonblocking_get_exception);
    RUN(QueueGetTests_test_get_cancelled_race);
    RUN(QueueGetTests_test_get_with_waiting_putters);
    RUN(QueueGetTests_test_why_are_getters_waiting);
    RUN(QueueGetTests_test_cancelled_getters_not_being_held_in_self_getters);
    RUN(QueuePutTests_test_get_cancel_drop_one_pending_reader);
    RUN(test_get_cancel_robbed);
    RUN(QueuePutTests_test_get_cancel_drop_many_pending_readers);
    RUN(test_get_uncancel);
    RUN(QueuePutTests_test_put_cancel_drop);
    RUN(QueuePutTests_test_put_with_waiting_getters);
    RUN(QueuePutTests_test_cancelled_puts_not_being_held_in_self_putters);
    RUN(QueuePutTests_test_cancelled_put_silence_value_error_exception);
    RUN(QueuePutTests_test_put_cancelled_race);
    RUN(QueuePutTests_test_why_are_putters_waiting);
    RUN(QueuePutTests_test_nonblocking_put_exception);
    RUN(test_putter_overtaken);
    RUN(test_x02_stealing_requeues_last);
    RUN(LifoQueueTests_test_order);
    RUN(PriorityQueueTests_test_order);
    RUN(test_priority_order_of_equals);
    RUN(test_item_sizes);
    RUN(QueueJoinTests_test_task_done_underflow);
    RUN(QueueJoinTests_test_join_empty_queue);
    RUN(QueueJoinTests_test_task_done);
    RUN(QueueShutdownTests_test_shutdown_empty);
    RUN(QueueShutdownTests_test_shutdown_nonempty);
    RUN(QueueShutdownTests_test_shutdown_immediate);
    RUN(QueueShutdownTests_test_shutdown_immediate_with_unfinished);
    RUN(test_shutdown_and_cancel);
    RUN(test_other_loop);
    RUN(test_status_not_awaited);
#if ASYNCIO_ALL_TASKS
    RUN(test_loop_closed);
#endif
#ifdef ASYNC_NEW
    RUN(test_heap_grows);
    RUN(test_heap_bounded);
    RUN(test_heap_fails);
#endif
    return tap_end();
}
