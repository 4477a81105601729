#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh - build and run every program of this directory, and print the table of sizes.
#
#     CC=clang CFLAGS='-O2' bench/run.sh [yield await call spawn timers locks size]
#
# Two columns decide: the ratio to the same work by hand, measured in the same process, and whether it is within its
# target. CPU time of one pinned core, medians of 9 rounds (timers: 5).
set -eu
cd "$(dirname "$0")/.."
: "${CC:=cc}" "${CFLAGS:=-O2}"
out=build/bench
mkdir -p $out
commit=$(git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
[ $# -gt 0 ] || set -- yield await call spawn timers locks size

# measure program name options...
measure()
{
    program=$1 name=$2
    shift 2
    $CC -std=gnu11 $CFLAGS "$@" -I. -DBENCH_CFLAGS="\"$CFLAGS $*\"" -DBENCH_COMMIT="\"$commit\"" \
        "bench/$program.c" -o "$out/$name" -pthread
    "$out/$name"
    echo
}

# sizes title compiler options...: a row of the table, or nothing where the compiler cannot
sizes()
{
    title=$1
    shift
    "$@" -std=gnu11 -I. -c bench/size.c -o $out/size.o 2>/dev/null || return 0
    printf '%-34s' "$title"
    for what in task coro future handle loop; do
        size=$(nm -S $out/size.o | sed -n "s/^[0-9a-f]* 0*\([0-9a-f]\{1,\}\) . asyncio_bench_size_$what\$/\1/p")
        printf ' %8d' "0x$size"
    done
    echo
}

size_table()
{
    echo "# sizes in bytes | $($CC --version | head -n 1) | $commit"
    printf '%-34s %8s %8s %8s %8s %8s\n' '' task coro future handle loop
    arm='arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -Os -ffreestanding'
    for target in "64 bits|$CC" "32 bits|$CC -m32" "32 bits, freestanding|$CC -m32 -ffreestanding" "Cortex-M0, freestanding|$arm"; do
        compiler=${target#*|}
        sizes "${target%%|*}" $compiler
        for option in NAMES CONTEXTS ALL_TASKS LINES DENSE; do
            sizes "    ASYNCIO_$option 0" $compiler -DASYNCIO_$option=0
        done
        sizes "    ASYNCIO_NAMES, CONTEXTS, ALL_TASKS 0" $compiler -DASYNCIO_NAMES=0 -DASYNCIO_CONTEXTS=0 \
            -DASYNCIO_ALL_TASKS=0
        sizes "    ASYNCIO_CONTEXTS 1" $compiler -DASYNCIO_CONTEXTS=1
        sizes "    ASYNCIO_TIMER_WHEEL 0" $compiler -DASYNCIO_TIMER_WHEEL=0
        sizes "    ASYNCIO_TRACEBACK 0" $compiler -DASYNCIO_TRACEBACK=0
    done
}

for program; do
    case $program in
    size) size_table ;;
    spawn)
        measure spawn spawn
        measure spawn spawn-freelist -DASYNCIO_FREELIST=1024
        ;;
    *) measure "$program" "$program" ;;
    esac
done
