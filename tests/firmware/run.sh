#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh - runs a program for a board in its emulator, in simulated time: idle time takes none.
#
#     tests/firmware/run.sh <board> <file.elf> [<milliseconds> <events for simavr.c...>]
#
# The serial line is stdin and stdout, the status what the program gave to board_exit. Stops after $LIMIT real seconds (60).
set -eu
board=$1 file=$2
shift 2
: "${TIME:=-icount shift=6,align=off,sleep=off}" # idle time takes none
qemu="-nographic -monitor none -serial stdio $TIME"
arm="$qemu -semihosting-config enable=on,target=native"
limit="timeout ${LIMIT:-60}"
case $board in
microbit) exec $limit qemu-system-arm -M microbit $arm -kernel "$file" ;;
an385 | an386) exec $limit qemu-system-arm -M mps2-$board $arm -kernel "$file" ;;
virt32) exec $limit qemu-system-riscv32 -M virt -bios none $qemu -kernel "$file" ;;
atmega*) exec $limit build/firmware/simavr $board 16000000 "$file" "$@" ;;
attiny85) exec $limit build/firmware/simavr $board 8000000 "$file" "$@" ;;
esac
