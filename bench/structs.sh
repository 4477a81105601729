#!/bin/sh
# SPDX-License-Identifier: MIT
#
# structs.sh - what a task, a frame's head, a Future, a handle and a loop take, per target and option.
set -eu
cd "$(dirname "$0")/.."
: "${CC:=cc}"
out=build/bench
mkdir -p $out
commit=$(git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
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
