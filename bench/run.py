#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make bench: every row, ours and the peers', beside the same work written by hand; prints tables, writes build/bench/.

    ROW=yield,queue      rows whose names begin so               default: all
    PEERS=libuv,tokio    peers whose names begin so; PEERS= none  default: all that can be built here
    QUICK=1              fewer and shorter rounds; ours and the floor only, unless PEERS names others (PEERS=all)
    CORE=1               the core that is measured; an echo's load generator gets another one
    CC=, CXX=, CFLAGS=   default cc, c++, -O2

One process per figure, pinned to a core. In each round all subjects of a row take turns, so that what disturbs the
machine disturbs all; a subject's ratio is the median of its rounds' ratios to the floor of the same round. Of what
takes more than a second and a half we and the floor have two rounds, peers one.
"""

import os
import platform
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import echo
import programs
import report

QUICK = os.environ.get("QUICK", "") not in ("", "0")
CORE = int(os.environ.get("CORE") or max(os.sched_getaffinity(0)))
ROUNDS = 3 if QUICK else 5
BUDGET = 0.03e9 if QUICK else 0.08e9  # ns of CPU for a figure

# name, what it says, operations of a figure (0: as many as fit the budget), the ratio that we aim at, whether the
# growth of memory is of interest
ROWS = [
    ("spawn_1", "create, run and end a task, one at a time", 0, 1.5, False),
    ("spawn_1000", "create, run and end tasks, 1,000 at a time", 0, 1.5, False),
    ("spawn_all", "create, run and end tasks, a million alive", 1000000, 0, True),
    ("yield_2", "yield, 2 tasks", 0, 1.5, False),
    ("yield_1000", "yield, 1,000 tasks", 0, 1.5, False),
    ("yield_100000", "yield, 100,000 tasks", 2000000, 1.5, False),
    ("resume_1", "resume below 1 await", 0, 1.3, False),
    ("resume_10", "resume below 10 awaits", 0, 1.3, False),
    ("resume_100", "resume below 100 awaits", 0, 1.3, False),
    ("call", "await a coroutine that does not suspend", 0, 2, False),
    ("ping_pong", "two tasks, a future to and fro, per hop", 0, 1.5, False),
    ("mutex", "lock and unlock, nobody else there", 0, 1.5, False),
    ("semaphore", "semaphore, nobody else there", 0, 1.5, False),
    ("mutex_1000_tasks", "lock, 1,000 tasks, a yield while it is held", 0, 1.5, False),
    ("queue_1", "bounded queue of 1, per item", 0, 1.5, False),
    ("queue_64", "bounded queue of 64, per item", 0, 1.5, False),
    ("gather_1000", "gather of 1,000 tasks, per task", 0, 0, False),
    ("gather_1000_done", "gather of 1,000 done futures, per future", 0, 0, False),
    ("taskgroup_1000", "task group of 1,000, per task", 0, 0, False),
    ("timeout_around_ready", "timeout block around what is ready", 0, 0, False),
    ("cancel_sleeper", "cancel of a task that sleeps", 0, 0, False),
    ("timers_cancel", "a million timers, arm and cancel", 1000000, 1, True),
    ("timers_fire", "a million timers within a second, arm and fire", 1000000, 1, True),
    ("timers_cancel_virtual", "a million timers, arm and cancel, virtual clock", 1000000, 1, False),
    ("timers_fire_virtual", "a million timers, arm and fire, virtual clock", 1000000, 1, False),
    ("sleepers", "a million tasks asleep for 1 to 2 s", 1000000, 2, True),
    ("sleepers_virtual", "a million tasks asleep, virtual clock", 1000000, 2, False),
    ("wake_1ms", "a task that sleeps a millisecond, per wake-up", 300, 0, False),
]


failed = []  # what could not be measured


def gather_programs():
    """{row: {subject: program}} of all that can be measured, in order; and a line for each that cannot."""
    wanted = programs.wanted()
    if os.environ.get("PEERS", "" if QUICK else "all") != "":
        wanted += [peer for peer in programs.PEERS if programs.chosen(peer.name, "PEERS")]
    cases, skipped = {}, []
    for program in wanted:
        problem = program.make()
        if problem and program in programs.OURS:
            sys.exit(f"{program.name}: {problem}")
        if problem:
            skipped.append(f"{program.name}: {problem}")
        for row, subject in program.cases:
            cases.setdefault(row, {})[subject] = program
    return wanted, cases, skipped


def figure(program, subject, row, warm_up, operations):
    """(ns, bytes, operations, allocations) of one run, or None."""
    done = subprocess.run([*program.command, subject, row, str(warm_up), str(operations)], cwd=programs.ROOT,
                          capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {CORE}))
    words = done.stdout.split()
    if done.returncode != 0 or len(words) < 4:
        failed.append(f"{subject} {row}: {(done.stderr.strip().splitlines() or [done.returncode])[-1]}")
        print(f"# {failed[-1]}", file=sys.stderr)
        return None
    return float(words[1]), float(words[2]), int(words[3]), float(words[4]) if len(words) > 4 else 0.0


def calibrate(program, subject, row, fixed):
    """So many operations that a figure takes the budget."""
    if fixed:
        return fixed
    operations = 2000
    while True:
        got = figure(program, subject, row, operations, operations)
        if got is None:
            return 0
        ns, _, operations, _ = got
        if ns * operations > BUDGET / 20 or operations > 1e8:
            return max(int(BUDGET / max(ns, 0.01)), operations)
        operations *= 10


def measure(row, subjects, fixed):
    """The figures of a row: {subject: [(round, figure)...]}."""
    operations = {subject: calibrate(program, subject, row, fixed) for subject, program in subjects.items()}
    figures = {subject: [] for subject in subjects if operations[subject]}
    left = {subject: 1 if QUICK and fixed else ROUNDS for subject in figures}
    warm_up = 0 if row.startswith(("sleepers", "spawn_all") + (("timers", "wake") if QUICK else ())) else 8
    for turn in range(ROUNDS):
        for subject in list(figures) if turn % 2 == 0 else list(reversed(figures)):
            if left[subject] <= 0:
                continue
            began = time.monotonic()
            got = figure(subjects[subject], subject, row, operations[subject] // warm_up if warm_up else 0,
                         operations[subject])
            took = time.monotonic() - began
            left[subject] -= 1 if took < 1.5 else ROUNDS / 2 if subject.startswith(("floor", "asyncio.h")) else ROUNDS
            if got is not None:
                figures[subject].append((turn, got))
    return {subject: got for subject, got in figures.items() if got}


def evaluate(figures):
    """One record per subject: medians, spread, ratio to the floor of the same round, rank among those not by hand."""
    floors = {turn: got[0] for turn, got in figures.get("floor", [])}
    records = []
    for subject, got in figures.items():
        ns = [values[0] for _, values in got]
        ratios = [values[0] / floors[turn] for turn, values in got if turn in floors]
        records.append({"subject": subject, "ns": statistics.median(ns), "min": min(ns), "max": max(ns),
                        "rounds": len(ns), "ratio": statistics.median(ratios) if ratios else None,
                        "bytes": statistics.median(values[1] for _, values in got),
                        "allocations": got[-1][1][3] if subject.startswith("asyncio.h") else None})
    return report.rank(records, "ns")


def about(wanted):
    """What was measured with what."""
    cpu = "unknown CPU"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": f"{cpu}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "compiler": programs.output(*programs.CC, "--version"),
        "flags": " ".join(programs.CFLAGS),
        "commit": programs.output("git", "describe", "--always", "--dirty", "--exclude", "*") or "unknown",
        "load": "%.1f" % os.getloadavg()[0],
        "versions": {peer.name: peer.version() for peer in wanted if peer.version and peer.cases},
    }


def main():
    os.makedirs(programs.OUT, exist_ok=True)
    wanted, cases, skipped = gather_programs()
    results = {"about": about(wanted), "skipped": skipped, "rows": [], "echo": [], "idle": []}
    report.head(results)
    for name, title, fixed, aim, memory in ROWS:
        if name not in cases or not programs.chosen(name, "ROW"):
            continue
        subjects = dict(cases[name])
        records = evaluate(measure(name, subjects, fixed))
        results["rows"].append({"row": name, "title": title, "aim": aim, "memory": memory, "subjects": records})
        report.table(results["rows"][-1])
        report.store(results, programs.OUT)  # an interrupted run leaves what it has
    if programs.chosen("echo", "ROW") and "echo" in cases:
        echo.measure(results, cases["echo"], CORE, QUICK)
    report.summary(results)
    report.write(results, programs.OUT)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
