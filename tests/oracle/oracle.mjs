// The programs of tests/programs on CPython 3.14: pyodide, that is CPython in WebAssembly, loaded once in each thread.
//
//     node oracle.mjs trace FILE                             prints the trace of a file of programs
//     node oracle.mjs cancel FILE TICK NUMBER                the same if the NUMBER-th unfinished task is cancelled then
//     node oracle.mjs record FILE.prog...                    writes FILE.trace and FILE.sweep beside each
//     node oracle.mjs sweep INTERPRETER FILE.prog...         every task cancelled in every iteration by both: what differs
//                                                            is stored in differences/
//     node oracle.mjs compare INTERPRETER COUNT SEED JOBS [SECONDS]
//                                                            random programs from this seed on by both, each as it is and
//                                                            with a task cancelled in some iteration: what differs is
//                                                            made small and stored in differences/. Ends after SECONDS
//     node oracle.mjs coverage COUNT SEED                    how often which statement has which outcome in them
//     node oracle.mjs cover COUNT SEED                       prints a few of them that have each such outcome
//
// It works where `npm install pyodide@314` has put node_modules. INTERPRETER takes a file and prints its trace.
import { createRequire } from "node:module";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const BATCH = 250;

async function loadPython() {
    const pyodide = dirname(createRequire(process.cwd() + "/").resolve("pyodide/package.json"));
    const { loadPyodide } = await import(pathToFileURL(join(pyodide, "pyodide.mjs")));
    const python = await loadPyodide({ stdout: (line) => console.log(line), stderr: (line) => console.error(line) });
    for (const name of ["vloop.py", "det.py", "interpret.py", "generate.py"])
        python.FS.writeFile(name, readFileSync(new URL(name, import.meta.url)));
    return python.runPython(`
import asyncio, sys
sys.path.insert(0, '.')
asyncio._set_running_loop(None)  # that of the surroundings
import generate, interpret

def shrink(text, fails):
    def valid_and_fails(text):
        try:
            for name, lines in interpret.programs(text):
                interpret.Program(name, lines).close()
        except (interpret.InvalidProgram, TypeError, ValueError, IndexError):
            return False
        return fails(text)
    return generate.shrink(text, valid_and_fails)

{'traces': interpret.traces, 'complaint': interpret.complaint, 'cancelled': interpret.cancelled_traces, 'sweeps': interpret.sweeps, 'generate': generate.generate, 'shrink': shrink, 'coverage': interpret.coverage,
 'cover': interpret.cover}
`).toJs({ dict_converter: Object.fromEntries });
}

class InvalidPrograms extends Error {}

// The text of a file of programs.
function readPrograms(python, file) {
    const text = readFileSync(file, "utf8");
    const complaint = python.complaint(text);
    if (complaint !== undefined)
        throw new InvalidPrograms(`${file}:${complaint}`);
    return text;
}

// Into one string for each program, from its line `program` on.
const split = (text) => text.split(/^(?=program )/m);

function randomPrograms(python, count, seed) {
    const programs = [];
    for (let at = 0; at < count; at += BATCH)
        programs.push(...split(python.generate(seed + at, Math.min(BATCH, count - at))));
    return programs;
}

// The trace by the other interpreter, and what it complains of, each line naming the program first.
function other(interpreter, text, options) {
    const file = join("differences", `current-${process.pid}-${workerData.first}.prog`);
    writeFileSync(file, text);
    const result = spawnSync(interpreter, [...options, file],
                             { timeout: 120000, maxBuffer: 1 << 30, encoding: "utf8" });
    if (result.error)
        console.log(`${interpreter}: ${result.error.message}`);
    const failed = result.status === 0 ? "" : `failed: ${result.status ?? result.signal}\n`;
    return { trace: result.stdout ?? "", complaint: `${result.stderr ?? ""}${failed}` };
}

// The trace by CPython with these options of the other interpreter's.
const right = (python, text, [option, tick, number]) =>
    option === undefined ? python.traces(text) : python.cancelled(text, +tick, +number);

// How a batch is run: as it is, and with one task cancelled, in each batch at another time.
function variants(at) {
    const batch = Math.floor(at / BATCH);
    return [[], ["--cancel", `${2 + batch % 11}`, `${1 + Math.floor(batch / 11) % 4}`]];
}

// One that differs from CPython, made small, is stored with both traces.
function store(python, interpreter, program, options) {
    const isRefused = (got) => got.complaint.endsWith("failed: 2\n");
    const refused = isRefused(other(interpreter, program, options));
    const differs = (text) => {
        const got = other(interpreter, text, options);
        return isRefused(got) === refused && (got.complaint !== "" || got.trace !== right(python, text, options));
    };
    if (!differs(program)) // it was another one before it that went wrong
        return false;
    const name = join("differences", /^program (\S+)/.exec(program)[1]);
    const small = python.shrink(program, differs);
    const got = other(interpreter, small, options);
    writeFileSync(name + ".prog", small);
    writeFileSync(name + ".trace", right(python, small, options));
    writeFileSync(name + ".got", got.trace + got.complaint);
    console.log(`differs: ${process.cwd()}/${name}.prog ${options.join(" ")}\n${small}`);
    return true;
}

// Of one program: how many cancellations from outside end differently. Each is stored with both traces.
function compareSweep(python, interpreter, program) {
    const name = /^program (\S+)/.exec(program)[1];
    const run = (options) => spawnSync(interpreter, options, { input: program, timeout: 120000, encoding: "utf8" });
    const swept = run(["--sweep"]);
    const expected = python.sweeps(program).split("\n"), got = new Set(swept.stdout.split("\n"));
    let differences = 0;
    if (swept.status !== 0)
        console.log(`${name}: ${swept.stderr}status ${swept.status ?? swept.signal}`);
    for (const [tick, count] of expected.slice(1).filter((line) => !got.has(line)).map((line) => line.split(" ")))
        for (let number = 1; number <= +count; number++) {
            const right = python.cancelled(program, +tick, number), one = run(["--cancel", tick, `${number}`]);
            if (right.endsWith("\ngiven up\n") || (right === one.stdout && one.status === 0))
                continue;
            const file = join("differences", `${name}-${tick}-${number}`);
            writeFileSync(`${file}.prog`, program);
            writeFileSync(`${file}.trace`, right);
            writeFileSync(`${file}.got`, `${one.stdout}${one.stderr}`);
            console.log(`differs: ${process.cwd()}/${file}.got`);
            differences++;
        }
    return differences || +(swept.status !== 0);
}

// How many programs of a batch the two disagree about, `most` at most.
function compareBatch(python, interpreter, text, options, most) {
    const all = split(text), traces = split(right(python, text, options));
    const kept = all.map((_, i) => i).filter((i) => !traces[i].endsWith("\ngiven up\n"));
    const programs = kept.map((i) => all[i]), expected = kept.map((i) => traces[i]);
    const { trace, complaint } = other(interpreter, programs.join(""), options);
    const got = split(trace);
    let differences = 0;
    for (let i = 0; i < programs.length && differences < most; i++) {
        const name = /^program (\S+)/.exec(programs[i])[1];
        if (expected[i] !== got[i] || complaint.includes(`${name}:`))
            differences += store(python, interpreter, programs[i], options);
    }
    return differences;
}

async function compare({ interpreter, end, first, step, until }) {
    const python = await loadPython();
    mkdirSync("differences", { recursive: true });
    let differences = 0;
    for (let at = first; at < end && differences < 20 && Date.now() < until; at += step) {
        const count = Math.min(BATCH, end - at), text = python.generate(at, count);
        for (const options of variants(at))
            differences += compareBatch(python, interpreter, text, options, 20 - differences);
        parentPort.postMessage({ done: count, differences });
    }
}

const modes = {
    async trace({ files: [file] }) {
        const python = await loadPython();
        process.stdout.write(python.traces(readPrograms(python, file)));
    },
    async record({ files }) {
        const python = await loadPython();
        for (const file of files) {
            const text = readPrograms(python, file), name = file.replace(/\.prog$/, "");
            writeFileSync(name + ".trace", python.traces(text));
            writeFileSync(name + ".sweep", python.sweeps(text));
        }
    },
    async cancel({ files: [file, tick, number] }) {
        const python = await loadPython();
        process.stdout.write(python.cancelled(readPrograms(python, file), +tick, +number));
    },
    async sweep({ files: [interpreter, ...files] }) {
        const python = await loadPython();
        mkdirSync("differences", { recursive: true });
        let differences = 0;
        for (const file of files)
            for (const program of split(readPrograms(python, file)).filter((text) => text.startsWith("program ")))
                differences += compareSweep(python, interpreter, program);
        console.log(`${differences} differences`);
        process.exitCode = differences > 0 ? 1 : 0;
    },
    async coverage({ files: [count, seed] }) {
        const python = await loadPython();
        const traces = randomPrograms(python, +count, +seed).map((text) => python.traces(text));
        process.stdout.write(python.coverage(traces.join("")));
    },
    async cover({ files: [count, seed] }) {
        const python = await loadPython();
        const programs = randomPrograms(python, +count, +seed);
        const chosen = python.cover(programs.map((text) => python.traces(text)));
        process.stdout.write(chosen.map((index) => programs[index]).join(""));
    },
    compare,
};

// In a thread because a thread can have a stack that is large enough for calls as deep as the language allows.
const start = (data) =>
    new Worker(fileURLToPath(import.meta.url), { workerData: data, resourceLimits: { stackSizeMb: 64 } });

function compareAll(interpreter, count, seed, jobs, seconds) {
    const until = Date.now() + seconds * 1000;
    let done = 0, last = Date.now();
    console.log(`${count} programs from seed ${seed} on`);
    const differences = new Array(jobs).fill(0);
    const total = () => differences.reduce((sum, one) => sum + one, 0);
    for (let job = 0; job < jobs; job++) {
        const worker = start({ mode: "compare", interpreter, end: seed + count, first: seed + job * BATCH,
                               step: jobs * BATCH, until });
        worker.on("message", (message) => {
            done += message.done;
            differences[job] = message.differences;
            if (Date.now() - last > 10000) {
                console.log(`${done} programs, ${total()} differences`);
                last = Date.now();
            }
        });
        worker.on("error", (error) => { throw error; });
    }
    process.on("exit", (code) => {
        console.log(`${done} programs from seed ${seed} on, ${total()} differences`);
        if (code === 0 && (total() > 0 || (done < count && Date.now() < until)))
            process.exitCode = 1;
    });
}

if (isMainThread) {
    const [mode, ...words] = process.argv.slice(2);
    if (mode === "compare")
        compareAll(words[0], +words[1], +words[2], +words[3] || 1, +words[4] || 1e9);
    else
        start({ mode, files: words })
            .on("message", (complaint) => {
                console.error(complaint);
                process.exitCode = 2;
            })
            .on("error", (error) => { throw error; });
} else {
    try {
        await modes[workerData.mode](workerData);
    } catch (error) {
        if (!(error instanceof InvalidPrograms))
            throw error;
        parentPort.postMessage(error.message);
    }
}
