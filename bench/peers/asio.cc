// SPDX-License-Identifier: MIT
//
// asio.cc - Asio (without Boost) with C++20 coroutines, on an io_context of one thread.
#include "../bench.h"
#include "../net.h"

#include <asio.hpp>
#include <asio/experimental/channel.hpp>
#include <memory>
#include <random>
#include <vector>

using asio::awaitable;
using asio::co_spawn;
using asio::detached;
using asio::use_awaitable;
using channel = asio::experimental::channel<void(asio::error_code, unsigned long)>;
using timer = asio::steady_timer;
using std::chrono::nanoseconds;

static asio::io_context io(1);
static unsigned long batch, sum;

static std::mt19937_64 random_numbers(42);
static nanoseconds random_delay() { return nanoseconds(random_numbers() % 1000000000 + 1); }

static awaitable<void> yield_once() { co_await asio::post(io, use_awaitable); }

static void run()
{
    io.restart();
    bench_start();
    io.run();
    bench_stop();
}

// ---- Tasks ----

static awaitable<void> worker(unsigned long argument)
{
    sum += argument + 1;
    co_return;
}

static awaitable<void> driver(unsigned long left)
{
    for (; left > 0; left--) {
        for (unsigned long i = 0; i < batch; i++)
            co_spawn(io, worker(i), detached);
        co_await yield_once();
    }
}

static void spawn_batches(unsigned long operations, unsigned long tasks)
{
    batch = tasks;
    sum = 0;
    co_spawn(io, driver(operations / batch), detached);
    run();
    bench_done = sum == operations / batch * (batch * (batch - 1) / 2) + operations ? operations : 0;
}
static void spawn(unsigned long operations) { spawn_batches(operations, bench_size); }
static void spawn_all(unsigned long operations) { spawn_batches(operations, operations); }

static awaitable<void> yielder(unsigned long turns)
{
    unsigned long i;
    for (i = 0; i < turns; i++)
        co_await asio::post(io, use_awaitable);
    bench_done += i;
}

static void yield(unsigned long operations)
{
    for (unsigned long i = 0; i < bench_size; i++)
        co_spawn(io, yielder(operations / bench_size), detached);
    run();
}

static awaitable<unsigned long> chain(unsigned long depth, unsigned long turns)
{
    if (depth > 1)
        co_return co_await chain(depth - 1, turns);
    unsigned long i;
    for (i = 0; i < turns; i++)
        co_await asio::post(io, use_awaitable);
    co_return i;
}

static awaitable<void> chain_root(unsigned long turns) { bench_done = co_await chain(bench_size, turns); }

static void resume(unsigned long operations)
{
    co_spawn(io, chain_root(operations), detached);
    run();
}

static awaitable<unsigned long> add(unsigned long argument) { co_return argument + 1; }

static awaitable<void> caller(unsigned long operations)
{
    unsigned long total = 0;
    for (; operations > 0; operations--)
        total = co_await add(total);
    bench_done = total;
}

static void call(unsigned long operations)
{
    co_spawn(io, caller(operations), detached);
    run();
}

// ---- Channels ----

static awaitable<void> producer(channel &items, unsigned long left)
{
    for (; left > 0; left--)
        co_await items.async_send(asio::error_code(), left, use_awaitable);
}

static awaitable<void> consumer(channel &items, unsigned long left)
{
    for (; left > 0; left--) {
        co_await items.async_receive(use_awaitable);
        bench_done++;
    }
}

static void queue(unsigned long operations)
{
    channel items(io, bench_size);
    co_spawn(io, producer(items, operations), detached);
    co_spawn(io, consumer(items, operations), detached);
    run();
}

// ---- Timers ----

static void timers(unsigned long operations, nanoseconds least, bool cancel)
{
    std::vector<timer> handles;
    bench_start();
    handles.reserve(operations);
    for (unsigned long i = 0; i < operations; i++) {
        handles.emplace_back(io, least + random_delay());
        handles.back().async_wait([cancel](asio::error_code error) { bench_done += cancel == (error.value() != 0); });
    }
    for (unsigned long i = 0; cancel && i < operations; i++)
        handles[i].cancel();
    io.restart();
    io.run();
    bench_stop();
}

static void timers_cancel(unsigned long operations) { timers(operations, std::chrono::seconds(10), true); }
static void timers_fire(unsigned long operations) { timers(operations, nanoseconds(0), false); }

static awaitable<void> sleeper()
{
    timer alarm(io, std::chrono::seconds(1) + random_delay());
    co_await alarm.async_wait(use_awaitable);
    bench_done++;
}

static awaitable<void> start_sleepers(unsigned long left)
{
    for (; left > 0; left--)
        co_spawn(io, sleeper(), detached);
    co_return;
}

static void sleepers(unsigned long operations)
{
    co_spawn(io, start_sleepers(operations), detached);
    run();
}

static awaitable<void> waker(unsigned long left)
{
    timer alarm(io);
    for (; left > 0; left--) {
        alarm.expires_after(std::chrono::milliseconds(1));
        co_await alarm.async_wait(use_awaitable);
        bench_done++;
    }
}

static void wake(unsigned long operations)
{
    co_spawn(io, waker(operations), detached);
    run();
}

// ---- Echo ----

static awaitable<void> client(asio::ip::tcp::socket socket)
{
    std::vector<char> buffer(NET_BUFFER);
    try {
        for (;;) {
            std::size_t got = co_await socket.async_read_some(asio::buffer(buffer), use_awaitable);
            co_await asio::async_write(socket, asio::buffer(buffer.data(), got), use_awaitable);
        }
    } catch (const std::system_error &) { // the peer is gone
    }
}

static awaitable<void> server(unsigned short port)
{
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
    for (;;) {
        asio::ip::tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
        socket.set_option(asio::ip::tcp::no_delay(true));
        co_spawn(io, client(std::move(socket)), detached);
    }
}

static const char name[] = "Asio";
static const bench_case cases[] = {
    {name, "spawn_1", spawn, 1},
    {name, "spawn_1000", spawn, 1000},
    {name, "spawn_all", spawn_all, 1},
    {name, "yield_2", yield, 2},
    {name, "yield_1000", yield, 1000},
    {name, "yield_100000", yield, 100000},
    {name, "resume_1", resume, 1},
    {name, "resume_10", resume, 10},
    {name, "resume_100", resume, 100},
    {name, "call", call, 1},
    {name, "queue_1", queue, 1},
    {name, "queue_64", queue, 64},
    {name, "timers_cancel", timers_cancel, 1},
    {name, "timers_fire", timers_fire, 1},
    {name, "sleepers", sleepers, 1},
    {name, "wake_1ms", wake, 1},
    {name, "echo", nullptr, 1},
};

int main(int argc, char **argv)
{
    if (argc > 4 && strcmp(argv[2], "echo") == 0) {
        co_spawn(io, server(static_cast<unsigned short>(atoi(argv[4]))), detached);
        io.run();
    }
    return BENCH_MAIN(argc, argv, cases);
}
