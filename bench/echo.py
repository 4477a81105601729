# SPDX-License-Identifier: MIT
"""TCP echo over loopback: a server pinned to one core, bench/load.c on another, for every server the same.

`program subject echo 0 port` serves until it is killed. A connection is made and closed before anything is measured:
some servers are slow until one has been.
"""

import os
import signal
import socket
import statistics
import subprocess
import time

import programs
import report

LOAD = programs.ours("load")
CONNECTIONS = (1, 50, 1000)
SIZES = (64, 16384)
IDLE = 1000


def cpu_ns(pid):
    """What all threads of a process have used."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total


def resident(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process that has served its first connection."""

    def __init__(self, program, subject, core):
        self.port = free_port()
        self.process = subprocess.Popen([*program.command, subject, "echo", "0", str(self.port)], cwd=programs.ROOT,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def __enter__(self):
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as first:
                    first.sendall(b"hello")
                    if first.recv(5) == b"hello":
                        break
            except OSError:
                time.sleep(0.02)
        time.sleep(0.05)
        return self

    def __exit__(self, *error):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def load(server, core, connections, size, seconds):
    """[requests, requests a second, p50, p99, p99.9 in us], or None."""
    command = [*LOAD.command, str(server.port), str(connections), str(size), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30 + seconds,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if done.returncode != 0:
        return None
    return [float(word) for word in done.stdout.split()]


def once(program, subject, core, other, connections, size, seconds):
    try:
        with Server(program, subject, core) as server:
            before = cpu_ns(server.process.pid)
            got = load(server, other, connections, size, seconds)
            return got and (got, (cpu_ns(server.process.pid) - before) / 1000 / got[0])
    except (OSError, subprocess.TimeoutExpired):
        return None


def evaluate(figures):
    floors = {turn: cpu for turn, (_, cpu) in figures.get("floor", [])}
    records = []
    for subject, got in figures.items():
        if not got:
            continue
        rates = [values[1] for _, (values, _) in got]
        ratios = [cpu / floors[turn] for turn, (_, cpu) in got if turn in floors]
        p50, p99, p999 = (statistics.median(values[i] for _, (values, _) in got) for i in (2, 3, 4))
        records.append({"subject": subject, "requests": statistics.median(rates), "min": min(rates), "max": max(rates),
                        "p50": p50, "p99": p99, "p999": p999, "cpu": statistics.median(cpu for _, (_, cpu) in got),
                        "least_cpu": min(cpu for _, (_, cpu) in got),
                        "ratio": statistics.median(ratios) if ratios else None, "rounds": len(rates)})
    return report.rank(records, "cpu")


def measure(results, servers, core, quick):
    problem = LOAD.make()
    others = sorted(os.sched_getaffinity(0) - {core})
    if problem or not others:
        print(f"\n# echo: {problem or 'needs two cores'}")
        return
    rounds, seconds = (1, 0.3) if quick else (3, 0.5)
    for size in SIZES:
        for connections in CONNECTIONS:
            figures = {subject: [] for subject in servers}
            for turn in range(rounds):
                for subject, program in servers.items() if turn % 2 == 0 else reversed(servers.items()):
                    if turn == 2 and not subject.startswith(("floor", "asyncio.h")):
                        continue
                    got = once(program, subject, core, others[0], connections, size, seconds)
                    if got:
                        figures[subject].append((turn, got))
            title = f"TCP echo, {connections:,} connection{'s' * (connections > 1)}, {size:,} bytes"
            results["echo"].append({"row": f"echo_{connections}_{size}", "title": title, "subjects": evaluate(figures)})
            report.echo_table(results["echo"][-1])
    idle(results, servers, core, others[0], 0.5 if quick else 2)


def idle(results, servers, core, other, seconds):
    records = []
    for subject, program in servers.items():
        try:
            with Server(program, subject, core) as server:
                pid, before = server.process.pid, resident(server.process.pid)
                holder = subprocess.Popen([*LOAD.command, str(server.port), str(IDLE), "0", str(seconds + 1)],
                                          preexec_fn=lambda: os.sched_setaffinity(0, {other}))
                time.sleep(0.7)  # until all are accepted
                start = cpu_ns(pid)
                time.sleep(seconds)
                records.append({"subject": subject, "bytes": (resident(pid) - before) / IDLE,
                                "cpu": (cpu_ns(pid) - start) / 1000 / seconds})
                holder.wait()
        except (OSError, StopIteration):
            pass
    results["idle"].append({"row": f"idle_{IDLE}", "title": f"{IDLE:,} idle connections",
                            "subjects": report.rank(records, "bytes")})
    report.idle_table(results["idle"][-1])
