#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Instructions per operation of our own rows, counted by callgrind: a figure that does not wobble with the machine.

    bench/instructions.py              compare with instructions.txt; a row that grew by more than 3 % fails
    bench/instructions.py --record     write instructions.txt anew
    ROW=yield,call                     only rows whose names begin so

What a program does before and after is subtracted: each row runs twice, the second time with more operations. Counts
belong to a compiler and its options, so the file keeps those of several, and one that is not in it is not compared.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
import programs

FILE = os.path.join(programs.ROOT, "bench", "instructions.txt")
TOLERANCE = 0.03
# Rows that wait for a clock count its ticks, too.
REAL_TIME = ("timers_cancel", "timers_fire", "sleepers", "wake_1ms", "echo", "idle_1000")
OPERATIONS = {"yield_100000": 200000, "spawn_all": 50000, "timers_fire_virtual": 50000, "timers_cancel_virtual": 50000,
              "sleepers_virtual": 50000}


def count(program, subject, row, operations):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *program.command, subject, row, "0"]
    done = subprocess.run([*command, str(operations)], capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"{subject} {row}: {done.stderr}")
    return int(found.group(1)), int(done.stdout.split()[3])


def per_operation(case):
    program, subject, row = case
    base = OPERATIONS.get(row, 10000)
    less, fewer = count(program, subject, row, base)
    more, many = count(program, subject, row, 3 * base)
    return (more - less) / (many - fewer)


def measure():
    cases = []
    for program in programs.wanted():
        problem = program.make()
        if problem:
            sys.exit(f"{program.name}: {problem}")
        cases += [(program, subject, row) for row, subject in program.cases
                  if row not in REAL_TIME and not subject.startswith("floor")
                  and programs.chosen(row, "ROW")]
    with ThreadPoolExecutor(int(os.environ.get("JOBS") or 1)) as pool:
        counts = list(pool.map(per_operation, cases))
    return {f"{row} | {subject}": value for (_, subject, row), value in zip(cases, counts)}


def read():
    """{compiler: {row: count}}"""
    stored, compiler = {}, None
    try:
        with open(FILE) as file:
            for line in file:
                if line.startswith("["):
                    compiler = stored.setdefault(line.strip()[1:-1], {})
                elif compiler is not None and "=" in line:
                    name, value = line.split("=")
                    compiler[name.strip()] = float(value)
    except OSError:
        pass
    return stored


def write(stored):
    with open(FILE, "w") as file:
        file.write("# Instructions per operation by callgrind.\n"
                   "# Written by `make bench-record`, compared by `make bench-check`.\n")
        for compiler in sorted(stored):
            file.write(f"\n[{compiler}]\n")
            for name, value in sorted(stored[compiler].items()):
                file.write(f"{name:40} = {value:.1f}\n")


def main():
    version = re.sub(r"^\S+ \(", "gcc (", programs.output(*programs.CC, "--version"))
    compiler = version + " " + " ".join(programs.CFLAGS)
    counts, stored = measure(), read()
    if "--record" in sys.argv:
        stored.setdefault(compiler, {}).update(counts)
        write(stored)
        return 0
    known, grown = stored.get(compiler), 0
    if known is None:
        print(f"# nothing stored for {compiler}: not compared")
        known = {}
    print(f"{'instructions per operation':40} {'now':>8} {'stored':>8}")
    for name, value in counts.items():
        before = known.get(name)
        verdict = ""
        if before is not None and value > before * (1 + TOLERANCE) + 0.1:
            verdict, grown = "  GREW", grown + 1
        change = f"{before:8.1f} {100 * (value / before - 1):+6.1f} %" if before else f"{'-':>8}"
        print(f"{name:40} {value:8.1f} {change}{verdict}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
