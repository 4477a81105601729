#!/bin/sh
# SPDX-License-Identifier: MIT
#
# build.sh - builds a program for a board.
#
#     examples/firmware/build.sh <board> <output> <sources and options...>
#     examples/firmware/build.sh microbit build/blinky.elf examples/firmware/blinky.c
#
# Boards: microbit (Cortex-M0), an385 (Cortex-M3), an386 (Cortex-M4), virt32 (RISC-V 32), atmega328p, atmega1284p, attiny85. PORT= for
# none of the board's files but start-up code; CFLAGS replaces -Os; SMALL=1 is ASYNCIO_TINY; LEDS=1
# has LEDs that no emulator shows, instead of messages on the serial line.
set -eu
board=$1 output=$2
shift 2
here=$(dirname "$0")
: "${CFLAGS:=-Os}" "${SMALL=}" "${STANDARD:=c99}"
[ -n "${LEDS-}" ] || CFLAGS="$CFLAGS -DBOARD_HAS_NO_LEDS"
[ -z "$SMALL" ] || CFLAGS="$CFLAGS -DASYNCIO_TINY=1"
house='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror'
common="-std=$STANDARD $CFLAGS -g -ffreestanding -ffunction-sections -fdata-sections -I$here/../.. -I$here $house -Wl,--gc-sections"

case $board in
microbit | an385 | an386)
    case $board in
    microbit) cpu=-mcpu=cortex-m0 ram=16K port=microbit ticks=31250L ;;
    an385) cpu=-mcpu=cortex-m3 ram=4M port=mps2 ticks=97656L ;;
    an386) cpu='-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16' ram=4M port=mps2 ticks=97656L ;;
    esac
    exec arm-none-eabi-gcc $cpu -mthumb $common -Wimplicit-fallthrough -DASYNCIO_TICKS_PER_SECOND=${TICKS:-$ticks} \
        -nostdlib -nostartfiles -Wl,--defsym=RAM_SIZE=$ram -T "$here/cortex_m/link.ld" \
        "$here/cortex_m/start.c" ${PORT-"$here/cortex_m/$port.c"} "$@" -lgcc -o "$output"
    ;;
virt32) # without -misa-spec gcc 12 would want zicsr in the name, and then take a 64-bit libgcc
    exec riscv64-unknown-elf-gcc -march=rv32imac -misa-spec=2.2 -mabi=ilp32 $common -Wimplicit-fallthrough \
        -DASYNCIO_TICKS_PER_SECOND=${TICKS:-78125L} -nostdlib -nostartfiles -Wl,--no-warn-rwx-segments \
        -T "$here/riscv32/link.ld" "$here/riscv32/start.S" ${PORT-"$here/riscv32/virt.c"} "$@" -lgcc -o "$output"
    ;;
atmega328p | atmega1284p | attiny85)
    case $board in
    atmega*) hz=16000000L ticks=15625L port=atmega328p ;;
    attiny85) hz=8000000L ticks=7812L port=attiny85 ;;
    esac
    exec avr-gcc -mmcu="$board" -DF_CPU=$hz $common -DASYNCIO_TICKS_PER_SECOND=${TICKS:-$ticks} ${PORT-"$here/avr/$port.c"} "$@" \
        -o "$output"
    ;;
*)
    echo "no such board: $board" >&2
    exit 2
    ;;
esac
