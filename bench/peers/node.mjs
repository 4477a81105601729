// SPDX-License-Identifier: MIT
//
// node.mjs - async functions on Node.js. To yield is to await a promise that is fulfilled: a microtask. Speaks the
// protocol of bench.h.
import fs from 'node:fs';
import net from 'node:net';

const cpu = () => { const used = process.cpuUsage(); return (used.user + used.system) * 1000; };
const peak = () => Number(/VmHWM:\s*(\d+)/.exec(fs.readFileSync('/proc/self/status'))[1]) * 1024;
const repeat = (count, make) => Array.from({ length: count }, (_, i) => make(i));

async function spawn(operations, size) {
    let sum = 0;
    const batch = size || operations;
    async function worker(argument) { await undefined; sum += argument; }
    for (let round = operations / batch; round > 0; round--) {
        const tasks = [];
        for (let i = 0; i < batch; i++) tasks.push(worker(1));
        await Promise.all(tasks);
    }
    return sum;
}

async function yields(operations, size) {
    async function yielder(turns) { let i = 0; for (; i < turns; i++) await undefined; return i; }
    return (await Promise.all(repeat(size, () => yielder(operations / size)))).reduce((a, b) => a + b);
}

async function resume(operations, size) {
    async function chain(depth) {
        if (depth > 1) return await chain(depth - 1);
        let i = 0;
        for (; i < operations; i++) await undefined;
        return i;
    }
    return await chain(size);
}

async function pingPong(operations) {
    let done = 0;
    const ball = [null, null];
    function future() {
        let set;
        const promise = new Promise(resolve => { set = resolve; });
        return { promise, set };
    }
    ball[0] = future(); ball[1] = future();
    async function player(me) {
        for (let i = 0; i < operations / 2; i++) {
            ball[me] = future();
            ball[1 - me].set();
            await ball[me].promise;
            done++;
        }
        ball[1 - me].set();
    }
    await Promise.all([player(0), player(1)]);
    return done;
}

function timersCancel(operations) {
    let cancelled = 0;
    const timers = repeat(operations, () => setTimeout(() => {}, Math.random() * 1000));
    for (const timer of timers) { clearTimeout(timer); cancelled += timer._destroyed; }
    return cancelled;
}

const timersFire = operations => new Promise(resolve => {
    let fired = 0;
    for (let i = 0; i < operations; i++)
        setTimeout(() => { if (++fired === operations) resolve(fired); }, Math.random() * 1000);
});

async function sleepers(operations) {
    let done = 0;
    async function sleeper() { await new Promise(resolve => setTimeout(resolve, 1000 + Math.random() * 1000)); done++; }
    await Promise.all(repeat(operations, sleeper));
    return done;
}

async function wake(operations) {
    let i = 0;
    for (; i < operations; i++) await new Promise(resolve => setTimeout(resolve, 1));
    return i;
}

function echo(port) {
    net.createServer({ noDelay: true }, socket => {
        socket.on('data', data => { if (!socket.write(data)) socket.pause(); });
        socket.on('drain', () => socket.resume());
        socket.on('error', () => socket.destroy());
    }).listen({ port, host: '127.0.0.1', backlog: 1024 });
}

const rows = {
    spawn_1: [spawn, 1], spawn_1000: [spawn, 1000], spawn_all: [spawn, 0], yield_2: [yields, 2],
    yield_1000: [yields, 1000], yield_100000: [yields, 100000], resume_1: [resume, 1],
    resume_10: [resume, 10], resume_100: [resume, 100],
    ping_pong: [pingPong, 2], timers_cancel: [timersCancel, 1], timers_fire: [timersFire, 1], sleepers: [sleepers, 1],
    wake_1ms: [wake, 1],
};

async function run(row, operations) {
    const start = cpu(), done = await rows[row][0](operations, rows[row][1]), ns = cpu() - start;
    if (done !== operations) {
        console.error(`${done} of ${operations} operations happened`);
        process.exit(1);
    }
    return ns;
}

async function main([, row, warm, count]) {
    if (count === undefined) {
        console.log([...Object.keys(rows), 'echo'].map(name => `${name} Node.js`).join('\n'));
        return;
    }
    if (row === 'echo') return echo(Number(count));
    const size = rows[row][1] || 1;
    const [warmUp, operations] = [warm, count].map(word => Math.ceil(Number(word) / size) * size);
    const before = peak();
    if (warmUp > 0) await run(row, warmUp);
    const ns = await run(row, operations);
    console.log(row, (ns / operations).toFixed(3), ((peak() - before) / operations).toFixed(1), operations);
}

await main(process.argv.slice(2));
