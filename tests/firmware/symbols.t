#!/usr/bin/perl
# What the core, locks and queues need of others, on every target and at every level: a port, and of the compiler's own
# library a few helpers that are instructions of larger processors. No libc (not even memcpy or memset), no 64-bit
# division, no floating point, no atomics. With every option, and with those of a small chip.
use strict;
use warnings;
use Test::More;

my %targets = (
    'Cortex-M0' => 'arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb',
    'Cortex-M3' => 'arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb',
    'Cortex-M4' => 'arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16',
    'RISC-V 32' => 'riscv64-unknown-elf-gcc -march=rv32imac -misa-spec=2.2 -mabi=ilp32',
    'ATmega328P' => 'avr-gcc -mmcu=atmega328p',
);
my $house = '-std=c99 -ffreestanding -I. -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror';
my $small = join ' ', map { "-DASYNCIO_$_=0" } qw(NAMES ALL_TASKS LINES REPORTS CHECKS MESSAGES FACTORIES LAZY_PASSES);
# Jump tables; on AVR also multiplication, the start-up code's marks, saving and restoring registers, copying bits.
my $helper = qr/^__(?:gnu_thumb1_case_\w+|mulhi3|mulqi3|tablejump2__|do_copy_data|do_clear_bss|prologue_saves__|epilogue_restores__)$/;
my $object = 'build/firmware/symbols.o';
mkdir 'build';
mkdir 'build/firmware';

foreach my $target (sort keys %targets) {
    foreach my $options ('', $small) {
        my (@others, %helpers);
        foreach my $level ($options eq '' ? qw(-O0 -O1 -O2 -O3 -Os) : qw(-O0 -Os)) {
            my $text = `$targets{$target} $level $house -DFIRMWARE_LOCKS $options -c tests/firmware.c -o $object 2>&1`;
            push @others, "$level: $text" if $?;
            (my $nm = $targets{$target}) =~ s/gcc.*/nm/;
            foreach (map { /(\w+)$/ } `$nm -u $object`) {
                if (/$helper/) { $helpers{$_} = 1 } elsif ($_ ne 'asyncio_default_port') { push @others, "$level: $_" }
            }
        }
        is("@others", '', $target . ($options eq '' ? '' : ', small'));
        note join ' ', sort keys %helpers;
    }
}
done_testing;
