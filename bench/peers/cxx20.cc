// SPDX-License-Identifier: MIT
//
// cxx20.cc - bare C++20 coroutines: a ready queue of handles in a ring, frames from a slab (a free list per size),
// awaits by symmetric transfer. No cancellation, no errors, no timers.
#include "../bench.h"

#include <coroutine>
#include <utility>
#include <vector>

// ---- Frames ----

struct Slab {
    static constexpr std::size_t classes = 32, unit = 16, chunk = 1 << 16;
    void *free[classes] = {};
    char *next = nullptr, *end = nullptr;

    void *get(std::size_t size)
    {
        std::size_t kind = (size + unit - 1) / unit;
        if (kind >= classes)
            return std::malloc(size);
        if (void *block = free[kind]) {
            free[kind] = *static_cast<void **>(block);
            return block;
        }
        if (std::size_t(end - next) < kind * unit) {
            next = static_cast<char *>(std::malloc(chunk));
            end = next + chunk;
        }
        return std::exchange(next, next + kind * unit);
    }
    void put(void *block, std::size_t size)
    {
        std::size_t kind = (size + unit - 1) / unit;
        if (kind >= classes)
            return std::free(block);
        *static_cast<void **>(block) = free[kind];
        free[kind] = block;
    }
};
static Slab slab;

struct Frame {
    static void *operator new(std::size_t size) { return slab.get(size); }
    static void operator delete(void *frame, std::size_t size) { slab.put(frame, size); }
};

// ---- The ready queue ----

struct Ready {
    std::vector<std::coroutine_handle<>> ring = std::vector<std::coroutine_handle<>>(1 << 10);
    std::size_t head = 0, count = 0;

    void push(std::coroutine_handle<> handle)
    {
        if (count == ring.size())
            grow();
        ring[(head + count++) & (ring.size() - 1)] = handle;
    }
    void grow()
    {
        std::vector<std::coroutine_handle<>> larger(ring.size() * 2);
        for (std::size_t i = 0; i < count; i++)
            larger[i] = ring[(head + i) & (ring.size() - 1)];
        ring = std::move(larger);
        head = 0;
    }
    void run()
    {
        while (count > 0) {
            std::coroutine_handle<> handle = ring[head];
            head = (head + 1) & (ring.size() - 1);
            count--;
            handle.resume();
        }
    }
};
static Ready ready;

// ---- A task that nobody waits for, and a call that somebody awaits ----

struct Spawned {
    struct promise_type : Frame {
        Spawned get_return_object()
        {
            ready.push(std::coroutine_handle<promise_type>::from_promise(*this));
            return {};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::abort(); }
    };
};

struct Call {
    struct promise_type : Frame {
        std::coroutine_handle<> caller;
        long value = 0;
        Call get_return_object() { return Call{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept
        {
            struct Back {
                bool await_ready() noexcept { return false; }
                std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept
                {
                    return self.promise().caller;
                }
                void await_resume() noexcept {}
            };
            return Back{};
        }
        void return_value(long result) { value = result; }
        void unhandled_exception() { std::abort(); }
    };
    std::coroutine_handle<promise_type> handle;
    explicit Call(std::coroutine_handle<promise_type> from) : handle(from) {}
    Call(Call &&) = delete;
    ~Call() { handle.destroy(); }
    bool await_ready() { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> from)
    {
        handle.promise().caller = from;
        return handle;
    }
    long await_resume() { return handle.promise().value; }
};

struct Yield {
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> handle) { ready.push(handle); }
    void await_resume() {}
};

struct Future {
    std::coroutine_handle<> waiter;
    bool done = false;
    void set()
    {
        done = true;
        if (waiter)
            ready.push(std::exchange(waiter, nullptr));
    }
    bool await_ready() { return done; }
    void await_suspend(std::coroutine_handle<> handle) { waiter = handle; }
    void await_resume() {}
};

struct Mutex {
    struct Waiter;
    Waiter *head = nullptr, *tail = nullptr;
    bool locked = false;
    struct Waiter {
        Mutex &mutex;
        Waiter *next = nullptr;
        std::coroutine_handle<> handle{};
        bool await_ready() { return std::exchange(mutex.locked, true) == false; }
        void await_suspend(std::coroutine_handle<> from)
        {
            handle = from;
            (mutex.tail ? mutex.tail->next : mutex.head) = this;
            mutex.tail = this;
        }
        void await_resume() {}
    };
    Waiter lock() { return {*this}; }
    void unlock()
    {
        Waiter *first = head;
        if (!first) {
            locked = false;
            return;
        }
        head = first->next;
        if (!head)
            tail = nullptr;
        ready.push(first->handle);
    }
};

// One getter and one putter at a time, which is all that the row has.
struct Queue {
    std::vector<uint64_t> items;
    std::size_t first = 0, count = 0;
    Future room, some;
    explicit Queue(std::size_t size) : items(size) {}
};

// ---- The rows ----

static unsigned long batch, sum, each;

static Spawned worker(unsigned long argument)
{
    sum += argument + 1;
    co_return;
}

static Spawned driver(unsigned long left)
{
    for (; left > 0; left--) {
        for (unsigned long i = 0; i < batch; i++)
            worker(i);
        co_await Yield{};
    }
}

static void spawn_batches(unsigned long operations, unsigned long tasks)
{
    batch = tasks;
    sum = 0;
    bench_start();
    driver(operations / batch);
    ready.run();
    bench_stop();
    bench_done = sum == operations / batch * (batch * (batch - 1) / 2) + operations ? operations : 0;
}
static void spawn(unsigned long operations) { spawn_batches(operations, bench_size); }
static void spawn_all(unsigned long operations) { spawn_batches(operations, operations); }

static Spawned yielder(unsigned long turns)
{
    unsigned long i;
    for (i = 0; i < turns; i++)
        co_await Yield{};
    bench_done += i;
}

static void yield(unsigned long operations)
{
    for (unsigned long i = 0; i < bench_size; i++)
        yielder(operations / bench_size);
    bench_start();
    ready.run();
    bench_stop();
}

static Call chain(unsigned long depth, unsigned long turns)
{
    if (depth > 1)
        co_return co_await chain(depth - 1, turns);
    unsigned long i;
    for (i = 0; i < turns; i++)
        co_await Yield{};
    co_return long(i);
}

static Spawned chain_root(unsigned long turns)
{
    bench_done = static_cast<unsigned long>(co_await chain(bench_size, turns));
}

static void resume(unsigned long operations)
{
    chain_root(operations);
    bench_start();
    ready.run();
    bench_stop();
}

static BENCH_NOINLINE Call add(long argument) { co_return argument + 1; }

static Spawned caller(unsigned long operations)
{
    long total = 0;
    for (; operations > 0; operations--)
        total = co_await add(total);
    bench_done = static_cast<unsigned long>(total);
}

static void call(unsigned long operations)
{
    caller(operations);
    bench_start();
    ready.run();
    bench_stop();
}

static Future ball[2];

static Spawned player(int me)
{
    Future &mine = ball[me], &other = ball[1 - me]; // g++ 12 copies what co_await finds in an array
    unsigned long i;
    for (i = 0; i < each; i++) {
        mine = Future{};
        other.set();
        co_await mine;
    }
    bench_done += i;
    other.set();
}

static void ping_pong(unsigned long operations)
{
    each = operations / 2;
    ball[0] = ball[1] = Future{};
    player(0);
    player(1);
    bench_start();
    ready.run();
    bench_stop();
}

static Mutex mutex;

static Spawned alone(unsigned long left)
{
    for (; left > 0; left--) {
        co_await mutex.lock();
        BENCH_KEEP(&mutex);
        mutex.unlock();
        BENCH_KEEP(&mutex);
        bench_done++;
    }
}

static Spawned contender(unsigned long left)
{
    for (; left > 0; left--) {
        co_await mutex.lock();
        co_await Yield{};
        mutex.unlock();
        bench_done++;
    }
}

static void lock_alone(unsigned long operations)
{
    alone(operations);
    bench_start();
    ready.run();
    bench_stop();
}

static void lock_contended(unsigned long operations)
{
    for (unsigned long i = 0; i < bench_size; i++)
        contender(operations / bench_size);
    bench_start();
    ready.run();
    bench_stop();
}

static Spawned producer(Queue &queue, unsigned long left)
{
    for (; left > 0; left--) {
        while (queue.count == queue.items.size()) {
            queue.room.done = false;
            co_await queue.room;
        }
        queue.items[(queue.first + queue.count++) & (queue.items.size() - 1)] = left;
        queue.some.set();
    }
}

static Spawned consumer(Queue &queue, unsigned long left)
{
    uint64_t total = 0;
    for (; left > 0; left--) {
        while (queue.count == 0) {
            queue.some.done = false;
            co_await queue.some;
        }
        total += queue.items[queue.first];
        queue.first = (queue.first + 1) & (queue.items.size() - 1);
        queue.count--;
        queue.room.set();
        bench_done++;
    }
    BENCH_KEEP(total);
}

static void queue(unsigned long operations)
{
    Queue items(bench_size);
    producer(items, operations);
    consumer(items, operations);
    bench_start();
    ready.run();
    bench_stop();
}

static const char name[] = "C++20 + slab";
static const bench_case cases[] = {
    {name, "spawn_1", spawn, 1},          {name, "spawn_1000", spawn, 1000},
    {name, "spawn_all", spawn_all, 1},    {name, "yield_2", yield, 2},
    {name, "yield_1000", yield, 1000},    {name, "yield_100000", yield, 100000},
    {name, "resume_1", resume, 1},        {name, "resume_10", resume, 10},
    {name, "resume_100", resume, 100},    {name, "call", call, 1},
    {name, "ping_pong", ping_pong, 2},    {name, "mutex", lock_alone, 1},
    {name, "mutex_1000_tasks", lock_contended, 1000}, {name, "queue_1", queue, 1},
    {name, "queue_64", queue, 64},
};

int main(int argc, char **argv) { return BENCH_MAIN(argc, argv, cases); }
