# SPDX-License-Identifier: MIT
"""What can be measured: the programs of this directory and of peers/, what each needs, and how it is built.

Every program speaks the protocol of bench.h, whatever language it is written in.
"""

import glob
import os
import re
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "build", "bench")
CC = shlex.split(os.environ.get("CC") or "cc")
CXX = shlex.split(os.environ.get("CXX") or "c++")
CFLAGS = shlex.split(os.environ.get("CFLAGS") or "-O2")


def chosen(name, variable):
    """Is a row or a peer wanted? ROW= and PEERS= hold the beginnings of names."""
    names = [part for part in os.environ.get(variable, "").split(",") if part]
    return not names or names == ["all"] or any(name.startswith(part) for part in names)


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
    ours("yield"), ours("await"), ours("call"), ours("spawn"),
    ours("spawn", "spawn-freelist", "-DASYNCIO_FREELIST=1024"), ours("gather"), ours("locks"), ours("timers"),
    ours("echo"),
]

# ---- Peers ----

def compiles(*command, text):
    """Can `text` be compiled, as `command` would do it? Asked when it is wanted."""
    def ask():
        done = subprocess.run([*command, "-", "-o", os.devnull], input=text, capture_output=True, text=True)
        return done.returncode == 0
    return ask


def debian(package):
    return lambda: output("dpkg-query", "-W", "-f", "${Version}", package)


def c(name, library, package):
    target = os.path.join(OUT, "peer-" + name)
    source = f"bench/peers/{name}.c"
    header = {"libuv": "uv.h", "libev": "ev.h", "libevent": "event2/event.h", "st": "st.h"}[name]
    return Program(name, [target], [*CC, "-std=gnu11", *CFLAGS, source, "-o", target, "-l" + library],
                   [source, "bench/bench.h", "bench/net.h"], [package],
                   compiles(*CC, "-fsyntax-only", "-x", "c", text=f"#include <{header}>\n"), debian(package))


def cxx(name, header, packages, version, *flags):
    target = os.path.join(OUT, "peer-" + name)
    source = f"bench/peers/{name}.cc"
    return Program(name, [target], [*CXX, "-std=c++20", *CFLAGS, *flags, source, "-o", target, "-pthread"],
                   [source, "bench/bench.h", "bench/net.h"], packages,
                   compiles(*CXX, "-std=c++20", "-fsyntax-only", "-x", "c++", text=f"#include <{header}>\n"), version)


def script(name, interpreter, source, packages, version):
    return Program(name, [interpreter, os.path.join(ROOT, "bench", "peers", source)], None, (), packages,
                   lambda: bool(shutil.which(interpreter)), version)


# Debian's Python, which has uvloop for a module, not another one that comes first in the path.
PYTHON = "/usr/bin/python3"


def python():
    names = "import sys, uvloop; print(sys.version.split()[0], 'with uvloop', uvloop.__version__)"
    peer = script("python", PYTHON, "python.py", ["python3", "python3-uvloop"], lambda: output(PYTHON, "-c", names))
    peer.present = lambda: bool(shutil.which(PYTHON)) and output(PYTHON, "-c", names)[:1].isdigit()
    return peer


def go():
    target = os.path.join(OUT, "peer-go")
    source = "bench/peers/go.go"
    return Program("go", [target], ["go", "build", "-o", target, source], [source], ["golang-go"],
                   lambda: bool(shutil.which("go")), lambda: output("go", "version").split(" ")[2][2:])


CARGO = """[package]
name = "tokio-peer"
version = "0.1.0"
edition = "2021"

[[bin]]
name = "tokio-peer"
path = "{source}"

[dependencies]
tokio = {{ version = "1", features = ["rt", "time", "sync", "net", "io-util", "macros"] }}

[profile.release]
lto = "fat"
codegen-units = 1
panic = "abort"
"""


class Tokio(Program):
    """Built of Debian's crates; nothing is fetched."""

    def __init__(self):
        work, crates = os.path.join(OUT, "tokio"), "/usr/share/cargo/registry"
        self.manifest = os.path.join(work, "Cargo.toml")
        replace = ["source.crates-io.replace-with='debian'", f"source.debian.directory='{crates}'"]
        super().__init__("tokio", [os.path.join(work, "release", "tokio-peer")],
                         ["cargo", "build", "--quiet", "--release", "--offline", "--manifest-path", self.manifest,
                          "--target-dir", work, *(word for option in replace for word in ("--config", option))],
                         ["bench/peers/tokio.rs"], ["librust-tokio-dev", "rustc", "cargo"],
                         lambda: bool(shutil.which("cargo")) and bool(glob.glob(crates + "/tokio-1*")),
                         lambda: os.path.basename(glob.glob(crates + "/tokio-1*")[0])[6:] + ", "
                         + " ".join(output("rustc", "--version").split(" ")[:2]))

    def make(self):
        os.makedirs(os.path.dirname(self.manifest), exist_ok=True)
        with open(self.manifest, "w") as file:
            file.write(CARGO.format(source=self.sources[0]))
        return super().make()


def wanted():
    """Ours, but those of which no row is chosen: to build them takes longer than to run them."""
    def has_some(program):
        with open(program.sources[0]) as file:
            return any(chosen(row, "ROW") for row in re.findall(r'"([a-z]\w+)[" ]', file.read()))
    return [program for program in OURS if has_some(program)]


PEERS = [
    cxx("cxx20", "coroutine", ["g++"], lambda: output(*CXX, "-dumpfullversion")),
    c("libuv", "uv", "libuv1-dev"),
    c("libev", "ev", "libev-dev"),
    c("libevent", "event", "libevent-dev"),
    cxx("asio", "asio.hpp", ["libasio-dev"], debian("libasio-dev")),
    c("st", "st", "libst-dev"),
    Tokio(),
    go(),
    script("node", "node", "node.mjs", ["nodejs"], lambda: output("node", "--version")[1:]),
    python(),
]
