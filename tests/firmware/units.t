#!/usr/bin/perl
# The tests of the core and of the chapters, their sources as they are: on a Cortex-M3, a 32-bit RISC-V and an AVR (16-bit
# int) in emulators, and on a big-endian machine with Linux. On boards there is no heap, and what needs one is left out, but
# for one on the AVR, whose libc has one.
#
#     tests/firmware/units.t [an385] [virt32] [atmega1284p] [s390x]
use strict;
use warnings;
use Test::More;

my %port = (an385 => 'cortex_m/mps2.c', virt32 => 'riscv32/virt.c', atmega1284p => 'avr/atmega328p.c');
my @boards = @ARGV ? @ARGV : qw(an385 virt32 atmega1284p s390x);
my @tests = qw(base_events coroutines eager freestanding futures locks no_task_list queues scopes tasks timers_list);
# With their tables and texts in 16 KB of RAM.
my @fit = qw(differential_cases eager freestanding no_task_list scopes timers_list);
my %heap = (differential_cases => "-include stdlib.h '-DASYNCIO_MALLOC(size)=malloc(size)' '-DASYNCIO_FREE(memory)=free(memory)' ");
my @hosted = qw(base_events contexts coroutines futures gather_wait locks queues taskgroups tasks timeouts timers);
my $dir = 'build/firmware';
mkdir 'build';
mkdir $dir;
if (grep /^at/, @boards) {
    is(`gcc -O2 tests/firmware/simavr.c -o $dir/simavr -lsimavr -lelf 2>&1`, '', 'the emulator of AVRs');
}

# Its TAP, less what is as it should be.
sub passes {
    my ($command, $what) = @_;
    my $text = `$command </dev/null 2>&1`;
    my $status = $? >> 8;
    my $good = () = $text =~ /^ok /gm;
    ok($status == 0 && $good > 0 && $text !~ /^not ok/m && $text =~ /^1\.\.$good\r?$/m, "$what: $good tests")
        or diag join '', grep { !/^ok / } split /^/, $text;
}

foreach my $board (@boards) {
    my $file = "$dir/$board-unit";
    foreach my $name ($board eq 's390x' ? @hosted : $board =~ /^at/ ? @fit : @tests) {
        my ($build, $run);
        if ($board eq 's390x') {
            $build = "s390x-linux-gnu-gcc-12 -std=gnu11 -O1 -static -I. -Itests -idirafter /usr/include tests/test_$name.c -o $file -pthread";
            $run = "timeout 100 qemu-s390x-static $file";
        } else {
            $build = "PORT= TICKS=1000L examples/firmware/build.sh $board $file -Itests -DASYNCIO_DEBUG=1 " . ($heap{$name} // '') .
                "'-DPROGRAM=\"../test_$name.c\"' -Wno-unused-function -Wno-unused-variable -Wno-conversion " .
                "-Wl,--allow-multiple-definition tests/firmware/on_board.c examples/firmware/$port{$board}";
            $run = "tests/firmware/run.sh $board $file 600000";
        }
        my $text = `$build 2>&1`;
        if ($?) { fail("$board: $name builds") or diag $text } else { passes($run, "$board: $name") }
    }
}
done_testing;
