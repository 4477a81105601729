#!/bin/sh
# Installs what `make run`, `make test`, `make matrix`, `make bench`... need and this machine lacks:
# tests/setup.sh run|test|matrix|oracle|firmware|bench...
# Looks for abilities, not for packages; with nothing missing it says nothing and touches no network.
set -u

CC=${CC:-cc}
missing=

# need <Debian packages> <command that succeeds if they are not needed>
need() {
    packages=$1
    shift
    "$@" </dev/null >/dev/null 2>&1 || missing="$missing $packages"
}

header() { printf '#include <%s>\n' "$1" | "$CC" -E -x c - ; }
links() { printf 'int main(void) { return 0; }\n' | "$@" - -o /dev/null; }
runs() { command -v "$1"; }

# The metapackage gcc-multilib would remove every cross compiler; the versioned packages do not.
multilib() {
    version=$(gcc -dumpversion 2>/dev/null | cut -d. -f1)
    echo "gcc-${version:-12}-multilib g++-${version:-12}-multilib"
}

for purpose in "${@:-run}"; do
    case $CC in *clang*) compiler=clang ;; *tcc*) compiler=tcc ;; *) compiler=gcc ;; esac
    need "$compiler libc6-dev" runs "$CC"
    need libc6-dev header stdio.h
    need uthash-dev header uthash.h
    case $purpose in
    run) ;;
    test | matrix | firmware)
        need g++ runs "${CXX:-c++}"
        need perl runs prove
        need pkg-config runs pkg-config
        ;;
    oracle)
        need nodejs runs node
        need npm runs npm
        ;;
    bench)
        need python3 runs python3
        need gnuplot-nox runs gnuplot
        need 'valgrind libc6-dbg' valgrind -q true
        ;;
    *)
        echo "usage: tests/setup.sh run|test|matrix|oracle|firmware|bench" >&2
        exit 2
        ;;
    esac
    if [ "$purpose" = firmware ]; then
        need gcc-arm-none-eabi runs arm-none-eabi-gcc
        need qemu-system-arm runs qemu-system-arm
        need gcc-riscv64-unknown-elf runs riscv64-unknown-elf-gcc
        need qemu-system-misc runs qemu-system-riscv32
        need 'gcc-avr avr-libc' runs avr-gcc
        need 'avr-libc' test -e /usr/lib/avr/include/avr/io.h
        need 'libsimavr-dev libelf-dev' header simavr/sim_avr.h
        need 'gcc-12-s390x-linux-gnu libc6-dev-s390x-cross' runs s390x-linux-gnu-gcc-12
        need qemu-user-static runs qemu-s390x-static
    fi
    [ "$purpose" = matrix ] || continue
    need 'gcc g++' runs g++
    need clang runs clang++
    need libclang-rt-dev links clang -fsanitize=memory -x c
    need tcc runs tcc
    need musl-tools runs musl-gcc
    need "$(multilib)" links gcc -m32 -x c
    need "$(multilib)" links g++ -m32 -x c++
    need 'valgrind libc6-dbg' valgrind -q true
    need gcc-arm-none-eabi runs arm-none-eabi-gcc
done

# CPython 3.14 for Node.js, in build/ and nowhere else.
pyodide() {
    case " $* " in *' oracle '*) ;; *) return 0 ;; esac
    [ -d build/oracle/node_modules/pyodide ] && return 0
    mkdir -p build/oracle
    echo 'Installing pyodide@314' >&2
    npm install --silent --no-audit --no-fund --prefix build/oracle pyodide@314 >&2
}

missing=$(echo $missing | tr ' ' '\n' | sort -u | tr '\n' ' ')
if [ -z "${missing% }" ]; then
    pyodide "$@"
    exit
fi

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing here (by Debian's package names): ${missing% }" >&2
    echo "Install a C compiler, make and uthash.h with this system's package manager, then try again." >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root='sudo -n'
else
    echo "Missing: ${missing% }. Install with:" >&2
    echo "    sudo apt-get install ${missing% }" >&2
    exit 1
fi

echo "Installing ${missing% }" >&2
get="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300"
# The lists of packages may be absent or old: then the first try fails and is not worth a word.
$get install --no-install-recommends $missing </dev/null >/dev/null 2>&1 ||
    { $get update </dev/null >/dev/null && $get install --no-install-recommends $missing </dev/null >/dev/null; } || {
    echo "apt-get could not install: ${missing% }" >&2
    exit 1
}
pyodide "$@"
