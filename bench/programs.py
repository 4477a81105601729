# SPDX-License-Identifier: MIT
"""What can be measured: the programs of this directory and of peers/, what each needs, and how it is built.

Every program speaks the protocol of bench.h, whatever language it is written in.
"""

import glob
import os
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "build", "bench")
CC = shlex.split(os.environ.get("CC") or "cc")
CXX = shlex.split(os.environ.get("CXX") or "c++")
CFLAGS = shlex.split(os.environ.get("CFLAGS") or "-O2")


class Program:
    """A program, and how to get it: `command` runs it, `build` makes it from `sources`."""

    def __init__(self, name, command, build=None, sources=(), packages=(), present=None, version=None):
        self.name = name
        self.command = command
        self.build = build
        self.sources = [os.path.join(ROOT, source) for source in sources]
        self.packages = packages
        self.present = present or (lambda: True)
        self.version = version
        self.cases = []  # (row, subject), once it is made

    def make(self):
        """Build what is not there or older than its sources; None, or why it cannot be measured."""
        if not self.present():
            install(self.packages)
        if not self.present():
            return "needs " + " ".join(self.packages)
        newest = max((os.path.getmtime(source) for source in self.sources), default=0)
        target = self.command[-1]
        if self.build and not (os.path.exists(target) and os.path.getmtime(target) > newest and same_flags(self)):
            done = subprocess.run(self.build, cwd=ROOT, capture_output=True, text=True)
            if done.returncode != 0:
                return "does not build: " + (done.stderr.strip().splitlines() or ["?"])[0]
            with open(target + ".flags", "w") as file:
                file.write(shlex.join(self.build))
        return self.list()

    def list(self):
        done = subprocess.run(self.command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            return "does not run: " + (done.stderr.strip().splitlines() or ["?"])[-1]
        self.cases = [tuple(line.split(" ", 1)) for line in done.stdout.splitlines()]
        return None


def same_flags(program):
    try:
        with open(program.command[-1] + ".flags") as file:
            return file.read() == shlex.join(program.build)
    except OSError:
        return False


def install(packages):
    if not packages or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print("Installing " + " ".join(packages), file=sys.stderr)
    get = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "install", "--no-install-recommends", *packages]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL,
             "env": dict(os.environ, DEBIAN_FRONTEND="noninteractive")}
    if subprocess.run(get, **quiet).returncode != 0:
        subprocess.run(["apt-get", "-q", "update"], **quiet)
        subprocess.run(get, **quiet)


def output(*command):
    """The first line that a command prints, or an empty one."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return ((done.stdout or done.stderr).splitlines() or [""])[0]


# ---- Ours ----

HEADERS = [os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "asyncio*.h"))
           + glob.glob(os.path.join(ROOT, "asyncio", "*.h")) + glob.glob(os.path.join(ROOT, "bench", "*.h"))]


def ours(source, name=None, *flags):
    target = os.path.join(OUT, name or source)
    build = [*CC, "-std=gnu11", *CFLAGS, *flags, "-I.", f"bench/{source}.c", "-o", target, "-pthread"]
    return Program(name or source, [target], build, [f"bench/{source}.c", *HEADERS])


OURS = [
    ours("yield"), ours("await"), ours("call"), ours("spawn"), ours("spawn", "spawn-freelist", "-DASYNCIO_FREELIST=1024"),
    ours("gather"), ours("locks"), ours("timers"), ours("echo"),
]

PEERS = []
