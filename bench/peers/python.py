# SPDX-License-Identifier: MIT
"""python.py - asyncio of CPython, with its own event loop and with uvloop's. Speaks the protocol of bench.h."""

import asyncio
import random
import socket
import sys
import time

try:
    import uvloop
except ImportError:
    uvloop = None

done = 0  # operations that happened


def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


class Timed:
    """with Timed() as t: ... t.ns"""

    def __enter__(self):
        self.start = time.process_time_ns()
        return self

    def __exit__(self, *error):
        self.ns = time.process_time_ns() - self.start


async def spawn(operations, size):
    total = 0

    async def worker(argument):
        nonlocal total
        total += argument

    batch = size or operations
    with Timed() as timed:
        for _ in range(operations // batch):
            tasks = [asyncio.create_task(worker(1)) for _ in range(batch)]
            await asyncio.sleep(0)
        del tasks
    return timed.ns, total


async def yields(operations, size):
    async def yielder(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    tasks = [asyncio.create_task(yielder(operations // size)) for _ in range(size)]
    with Timed() as timed:
        for task in tasks:
            await task
    return timed.ns, sum(task.result() for task in tasks)


async def resume(operations, size):
    async def chain(depth):
        if depth > 1:
            return await chain(depth - 1)
        for _ in range(operations):
            await asyncio.sleep(0)
        return operations

    with Timed() as timed:
        count = await chain(size)
    return timed.ns, count


async def call(operations, size):
    async def add(argument):
        return argument + 1

    total = 0
    with Timed() as timed:
        for _ in range(operations):
            total = await add(total)
    return timed.ns, total


async def ping_pong(operations, size):
    loop = asyncio.get_running_loop()
    ball = [loop.create_future(), loop.create_future()]

    async def player(me):
        for _ in range(operations // 2):
            ball[me] = loop.create_future()
            if not ball[1 - me].done():
                ball[1 - me].set_result(None)
            await ball[me]
        if not ball[1 - me].done():
            ball[1 - me].set_result(None)
        return operations // 2

    with Timed() as timed:
        counts = await asyncio.gather(player(0), player(1))
    return timed.ns, sum(counts)


async def mutex(operations, size):
    lock = asyncio.Lock()
    count = 0
    with Timed() as timed:
        for _ in range(operations):
            await lock.acquire()
            lock.release()
            count += 1
    return timed.ns, count


async def semaphore(operations, size):
    slots = asyncio.Semaphore(1)
    count = 0
    with Timed() as timed:
        for _ in range(operations):
            await slots.acquire()
            slots.release()
            count += 1
    return timed.ns, count


async def contended(operations, size):
    lock = asyncio.Lock()
    count = 0

    async def contender():
        nonlocal count
        for _ in range(operations // size):
            async with lock:
                await asyncio.sleep(0)
            count += 1

    with Timed() as timed:
        await asyncio.gather(*(contender() for _ in range(size)))
    return timed.ns, count


async def queue(operations, size):
    items = asyncio.Queue(size)

    async def producer():
        for i in range(operations):
            await items.put(i)

    async def consumer():
        count = 0
        for _ in range(operations):
            await items.get()
            count += 1
        return count

    with Timed() as timed:
        _, count = await asyncio.gather(producer(), consumer())
    return timed.ns, count


async def child():
    await asyncio.sleep(0)
    return 7


async def gather(operations, size):
    count = 0
    with Timed() as timed:
        for _ in range(operations // size):
            count += sum(result == 7 for result in await asyncio.gather(*[child() for _ in range(size)]))
    return timed.ns, count


async def taskgroup(operations, size):
    count = 0

    async def member():
        nonlocal count
        await asyncio.sleep(0)
        count += 1

    with Timed() as timed:
        for _ in range(operations // size):
            async with asyncio.TaskGroup() as group:
                for _ in range(size):
                    group.create_task(member())
    return timed.ns, count


async def timeout(operations, size):
    ready = asyncio.get_running_loop().create_future()
    ready.set_result(7)
    count = 0
    with Timed() as timed:
        for _ in range(operations):
            async with asyncio.timeout(5):
                await ready
            count += 1
    return timed.ns, count


async def cancel(operations, size):
    count = 0
    with Timed() as timed:
        for _ in range(operations):
            task = asyncio.create_task(asyncio.sleep(3600))
            await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                count += 1
    return timed.ns, count


async def timers_cancel(operations, size):
    loop = asyncio.get_running_loop()
    with Timed() as timed:
        start = loop.time()
        handles = [loop.call_at(start + random.random(), int) for _ in range(operations)]
        for handle in handles:
            handle.cancel()
        await asyncio.sleep(0)
    return timed.ns, sum(handle.cancelled() for handle in handles)


async def timers_fire(operations, size):
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    count = 0

    def fire():
        nonlocal count
        count += 1
        if count == operations:
            over.set_result(None)

    with Timed() as timed:
        start = loop.time()
        for _ in range(operations):
            loop.call_at(start + random.random(), fire)
        await over
    return timed.ns, count


async def sleepers(operations, size):
    count = 0

    async def sleeper():
        nonlocal count
        await asyncio.sleep(1 + random.random())
        count += 1

    with Timed() as timed:
        tasks = [asyncio.create_task(sleeper()) for _ in range(operations)]
        for task in tasks:
            await task
    return timed.ns, count


async def wake(operations, size):
    count = 0
    with Timed() as timed:
        for _ in range(operations):
            await asyncio.sleep(0.001)
            count += 1
    return timed.ns, count


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.transport.write(data)


async def echo_protocol(port):
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


async def echo_streams(port):
    async def client(reader, writer):
        while data := await reader.read(16384):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


ROWS = {
    "spawn_1": (spawn, 1), "spawn_1000": (spawn, 1000), "spawn_all": (spawn, 0),
    "yield_2": (yields, 2), "yield_1000": (yields, 1000), "yield_100000": (yields, 100000),
    "resume_1": (resume, 1), "resume_10": (resume, 10), "resume_100": (resume, 100), "call": (call, 1),
    "ping_pong": (ping_pong, 2), "mutex": (mutex, 1), "semaphore": (semaphore, 1),
    "mutex_1000_tasks": (contended, 1000),
    "queue_1": (queue, 1), "queue_64": (queue, 64), "gather_1000": (gather, 1000), "taskgroup_1000": (taskgroup, 1000),
    "timeout_around_ready": (timeout, 1), "cancel_sleeper": (cancel, 1), "timers_cancel": (timers_cancel, 1),
    "timers_fire": (timers_fire, 1), "sleepers": (sleepers, 1), "wake_1ms": (wake, 1),
}


def run(loop, row, operations):
    global done
    measure, size = ROWS[row]
    ns, done = loop.run_until_complete(measure(operations, size))
    if done != operations:
        sys.exit(f"{done} of {operations} operations happened")
    return ns


def main():
    subjects = ["CPython asyncio"] + (["uvloop"] if uvloop else [])
    if len(sys.argv) < 5:
        for subject in subjects:
            for row in ROWS:
                print(row, subject)
            print("echo", subject + " protocol")
            print("echo", subject + " streams")
        return
    subject, row = sys.argv[1:3]
    loop = uvloop.new_event_loop() if subject.startswith("uvloop") else asyncio.new_event_loop()
    if row == "echo":
        loop.run_until_complete((echo_streams if subject.endswith("streams") else echo_protocol)(int(sys.argv[4])))
    size = ROWS[row][1] or 1
    warm_up, operations = (-(-int(word) // size) * size for word in sys.argv[3:5])
    before = peak()
    if warm_up > 0:
        run(loop, row, warm_up)
    ns = run(loop, row, operations)
    print(row, f"{ns / operations:.3f}", f"{(peak() - before) / operations:.1f}", operations)


if __name__ == "__main__":
    main()
