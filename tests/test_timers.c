/* Both queues of timers against a model that is too simple to be wrong: an array, searched from end to end.
 * tests/test_timers_list.c compiles this file a second time, for the sorted list. */
#ifndef ASYNCIO_TIMER_WHEEL
#define ASYNCIO_TIMER_WHEEL 1
#endif
#include "asyncio_loop.h"
#include "tap.h"

#if ASYNCIO_HOSTED
#define TIME_MAX INT64_MAX
#define TIME_MIN INT64_MIN
#define TIME_BITS 63
#else
#define TIME_MAX 0x3fffffff /* no two times further apart than half the range, for the model has no wrap */
#define TIME_MIN (-0x3fffffff)
#define TIME_BITS 29
#endif

#define TIMERS 48
#ifdef __AVR__ /* 60 lives would be six minutes of it, and more than one of its emulator's */
#define LIVES 3
#else
#define LIVES 60
#endif
static asyncio__timers queue;
static asyncio__timer timers[TIMERS];
static struct {
    bool armed;
    asyncio_time when;
    unsigned long serial;
} model[TIMERS];
static unsigned long serial;
static int fired[TIMERS], fired_count;
static asyncio_time now;

static uint32_t random_state;
static uint32_t random_bits(void) /* xorshift */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}
static unsigned below(unsigned limit) { return random_bits() % limit; }

static void note_fired(asyncio__node *node, asyncio_future *future)
{
    CHECK(future == NULL);
    fired[fired_count++] = (int)((asyncio__timer *)(void *)node - timers);
}
static asyncio__wait kind;

static void start(asyncio_time time)
{
    int i;
    now = time;
    serial = 0;
    for (i = 0; i < TIMERS; i++)
        model[i].armed = false;
    asyncio__timers_init(&queue, now);
}

static void arm(int i, asyncio_time when)
{
    kind.wake = note_fired;
    timers[i].node.wait = &kind;
    timers[i].slot.when = when;
    asyncio__timers_add(&queue, &timers[i]);
    model[i].armed = true;
    model[i].when = when;
    model[i].serial = serial++;
}

static void cancel(int i)
{
    asyncio__timers_remove(&queue, &timers[i]);
    model[i].armed = false;
}

/* The model's earliest timer that is due by `limit`; -1: none. */
static int earliest(asyncio_time limit)
{
    int i, best = -1;
    for (i = 0; i < TIMERS; i++)
        if (model[i].armed && model[i].when <= limit &&
            (best < 0 || model[i].when < model[best].when ||
             (model[i].when == model[best].when && model[i].serial < model[best].serial)))
            best = i;
    return best;
}

static bool next_agrees(void)
{
    asyncio_time when = 0, bound = 0;
    int best = earliest(TIME_MAX);
    bool bounded = asyncio__timers_next(&queue, &bound, false);
    bool any = asyncio__timers_next(&queue, &when, true);
    return any == (best >= 0) && bounded == any && (!any || (when == model[best].when && bound <= when));
}

static bool expire_agrees(asyncio_time time)
{
    int i, count;
    now = time;
    fired_count = 0;
    asyncio__timers_expire(&queue, now);
    count = fired_count;
    for (i = 0; i < count; i++) {
        if (fired[i] != earliest(now))
            return false;
        model[fired[i]].armed = false;
    }
    return earliest(now) < 0;
}

static bool count_agrees(void)
{
    size_t count = 0;
    int i;
    for (i = 0; i < TIMERS; i++)
        count += model[i].armed;
    return queue.count == count;
}

/* Time does not run backwards. */
static asyncio_time latest(asyncio_time time) { return time > now ? time : now; }

/* The time after now by `step`, no later than the end of time. */
static asyncio_time after(asyncio_time step) { return now > TIME_MAX - step ? TIME_MAX : now + step; }

/* A step of up to `bits` bits, often just at the border of a digit of the wheel. */
static asyncio_time random_step(unsigned bits)
{
    uint64_t wide = ((uint64_t)random_bits() << 32 | random_bits()) >> (64 - bits);
    unsigned digit = below(bits / 6u + 1u);
    switch (below(4)) {
    case 0:
        return (asyncio_time)wide;
    case 1:
        return (asyncio_time)(((uint64_t)1 << (6u * digit)) - 1u + below(3));
    case 2:
        return (asyncio_time)(wide >> below(bits));
    default:
        return (asyncio_time)below(4);
    }
}

static asyncio_time random_deadline(unsigned bits)
{
    int other = (int)below(TIMERS);
    asyncio_time block;
    switch (below(12)) {
    case 0:
        return TIME_MAX;
    case 1:
        return TIME_MIN;
    case 2:
        return now - (asyncio_time)below(100); /* may be negative */
    case 3:
        return -random_step(bits);
    case 4:
    case 5:
    case 6:
        return model[other].when < now && below(2) ? now : model[other].when; /* a tie, armed or not */
    case 7: /* the last or first of a block of 64, 4096, ... */
        block = (asyncio_time)(((uint64_t)1 << (6u * (1u + below(bits / 6u)))) - 1u);
        return after(block & ~now) - (asyncio_time)below(2);
    default:
        return after(random_step(bits));
    }
}

/* One long random life. */
static bool live(uint32_t seed, unsigned bits)
{
    int steps;
    random_state = seed * 2654435761u + 1u;
    start(random_step(bits));
    for (steps = 0; steps < 4000; steps++) {
        int i = (int)below(TIMERS);
        int best;
        switch (below(8)) {
        case 0: /* to the next deadline */
            best = earliest(TIME_MAX);
            if (best >= 0 && model[best].when < TIME_MAX && !expire_agrees(latest(model[best].when)))
                return false;
            break;
        case 1: /* just before it */
            best = earliest(TIME_MAX);
            if (best >= 0 && model[best].when > now && !expire_agrees(model[best].when - 1))
                return false;
            break;
        case 2:
            if (below(8) == 0 && !expire_agrees(after(random_step(bits) / 256)))
                return false;
            break;
        case 3:
            if (!expire_agrees(after((asyncio_time)below(3))))
                return false;
            break;
        default:
            if (model[i].armed)
                cancel(i);
            if (below(3) != 0)
                arm(i, random_deadline(bits));
        }
        if (below(2) && !next_agrees()) /* not always: asking makes the wheel remember */
            return false;
        if (!count_agrees())
            return false;
    }
    while ((steps = earliest(TIME_MAX)) >= 0)
        if (!next_agrees() || !expire_agrees(latest(model[steps].when)))
            return false;
    return queue.count == 0 && !asyncio__timers_next(&queue, &now, true);
}

static void lives(unsigned bits)
{
    uint32_t seed;
    for (seed = 1; seed <= LIVES; seed++)
        if (!live(seed, bits)) {
            tap_fail(__FILE__, __LINE__, "the model disagrees\n");
            CHECK_EQ(seed, 0);
            return;
        }
}
TEST(test_short_times) { lives(7); }
TEST(test_middle_times) { lives(22); }
TEST(test_long_times) { lives(TIME_BITS); }

/* Every border of a digit: a timer just before, at and behind it, seen from just before, at and behind another one. */
TEST(test_borders_of_digits)
{
    unsigned from, to;
    int a, b;
    for (from = 0; from < TIME_BITS; from += 3)
        for (to = from; to < TIME_BITS; to += 3)
            for (a = -1; a <= 1; a++) {
                asyncio_time begin = (asyncio_time)((uint64_t)1 << from) + a;
                asyncio_time border = (asyncio_time)((uint64_t)1 << to);
                start(begin);
                for (b = -1; b <= 1; b++)
                    arm(1 - b, border + b); /* the latest first */
                arm(3, begin);
                for (b = 0; b < 4; b++) {
                    int best = earliest(TIME_MAX);
                    if (best < 0)
                        break;
                    CHECK(next_agrees());
                    if (model[best].when > now)
                        CHECK(expire_agrees(model[best].when - 1));
                    CHECK(expire_agrees(latest(model[best].when)));
                }
                CHECK_EQ(queue.count, 0);
            }
}

/* One jump over everything fires all in order. */
TEST(test_one_jump)
{
    int i;
    start(0);
    for (i = 0; i < TIMERS; i++) /* ties of three, in descending order */
        arm(i, (asyncio_time)((uint64_t)1 << ((unsigned)(TIMERS - 1 - i) / 3u * (TIME_BITS / 16u))));
    CHECK(expire_agrees(TIME_MAX - 1));
    CHECK_EQ(queue.count, 0);
    CHECK_EQ(fired_count, TIMERS);
    CHECK_EQ(fired[0], TIMERS - 3);
    CHECK_EQ(fired[1], TIMERS - 2);
    CHECK_EQ(fired[TIMERS - 1], 2);
}

/* Jumps over some of the timers that share a slot: few or many, armed in any order, with ties. */
TEST(test_jumps)
{
    uint32_t seed;
    for (seed = 1; seed <= 600; seed++) {
        int i, count, most;
        unsigned bits;
        random_state = seed * 2654435761u + 1u;
        bits = 5u + below(TIME_BITS - 6u);
        most = 1 + (int)below(TIMERS);
        start(random_step(bits));
        for (i = 0; i < most; i++)
            arm(i, i != 0 && below(4) == 0 ? model[below((unsigned)i)].when : after(random_step(bits)));
        for (count = 0; queue.count != 0 && count < 10000; count++)
            if (!expire_agrees(after(random_step(bits))) || !count_agrees() || !next_agrees())
                break;
        CHECK_EQ(queue.count, 0);
        CHECK(earliest(TIME_MAX) < 0);
    }
}

/* Equal deadlines stay in order when some of them arrive in a slot from above and some are armed there later. */
TEST(test_ties_across_levels)
{
    int i;
    start(0);
    for (i = 0; i < 40; i++) {
        arm(i, 100000);
        CHECK(expire_agrees(100000 * (i + 1) / 41));
    }
    CHECK(expire_agrees(100000));
    CHECK_EQ(fired_count, 40);
    for (i = 0; i < fired_count; i++)
        CHECK_EQ(fired[i], i);
}

/* After the earliest of a slot was cancelled the wheel still knows the next one. */
TEST(test_cancel_the_earliest)
{
    int i;
    start(0);
    for (i = 0; i < 30; i++)
        arm(i, 70000 + i);
    for (i = 0; i < 29; i++) {
        CHECK(next_agrees());
        cancel(i);
        CHECK(next_agrees());
    }
    arm(0, 70001);
    CHECK(next_agrees());
    cancel(0);
    cancel(29);
    CHECK(next_agrees());
    arm(5, 70002); /* a slot that was emptied and forgotten */
    CHECK(next_agrees());
    CHECK(expire_agrees(70002));
}

/* ---- In the loop ---- */

static asyncio_loop loop;
static void word(void *arg) { log_add((const char *)arg); }

#if ASYNCIO_HOSTED
static void stop(void *arg)
{
    (void)arg;
    asyncio_loop_stop(&loop);
}
/* The beginning and the end of time in one queue, long after its beginning. */
TEST(test_extreme_deadlines)
{
    asyncio_handle handles[6];
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    loop.virtual_now = ASYNCIO_SECONDS(1000);
    CHECK_EQ(asyncio_call_soon(&loop, &handles[0], stop, NULL), 0);
    CHECK_EQ(asyncio_call_at(&loop, &handles[1], 1, word, "before"), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0); /* the queue takes notice of the time */
    CHECK_LOG("before");
    CHECK_EQ(asyncio_call_at(&loop, &handles[0], INT64_MAX, word, "never"), 0);
    CHECK_EQ(asyncio_call_at(&loop, &handles[1], 5, word, "5"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &handles[2], -1e300, word, "begin"), 0);
    CHECK_EQ(asyncio_call_at(&loop, &handles[3], INT64_MIN, word, "begin too"), 0);
    CHECK_EQ(asyncio_call_later(&loop, &handles[4], 1e300, word, "never too"), 0);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("begin too begin 5");
    CHECK_EQ(asyncio_loop_time(&loop), ASYNCIO_SECONDS(1000));
    CHECK_EQ(asyncio_call_at(&loop, &handles[5], INT64_MAX - 1, word, "last"), 0);
    CHECK_EQ(asyncio_loop_step(&loop, -1), 0);
    CHECK_LOG("last");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}
#endif

ASYNC(sleeper, int i;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep_for(asyncio_current_task(), self->i % 5 + 1));
    log_number(self->i);
    ASYNC_END;
}
static struct sleeper_task sleepers[12];
TEST(test_tasks_and_callbacks_share_one_queue)
{
    static asyncio_handle handle;
    asyncio_task_options options;
    int i;
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio__no_options(&options);
    for (i = 0; i < 12; i++)
        CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_AT(&sleepers[i], sleeper, .i = i), &options), 0);
    CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
    CHECK_EQ(loop.timers.count, 12);
    CHECK_EQ(asyncio_call_at(&loop, &handle, 3, word, "callback"), 0);
    asyncio_task_cancel(ASYNC_TASK(&sleepers[6]), NULL);
    CHECK_EQ(loop.timers.count, 12);
    for (i = 0; i < 20; i++)
        CHECK_EQ(asyncio_loop_step(&loop, 1), 0);
    CHECK_LOG("0 5 10 1 11 callback 2 7 3 8 4 9");
    CHECK_EQ(asyncio_loop_close(&loop), 0);
}

int main(void)
{
    RUN(test_short_times);
    RUN(test_middle_times);
    RUN(test_long_times);
    RUN(test_borders_of_digits);
    RUN(test_one_jump);
    RUN(test_jumps);
    RUN(test_ties_across_levels);
    RUN(test_cancel_the_earliest);
#if ASYNCIO_HOSTED
    RUN(test_extreme_deadlines);
#endif
    RUN(test_tasks_and_callbacks_share_one_queue);
    return tap_end();
}
