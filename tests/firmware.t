#!/usr/bin/perl
# The core, and with it locks and queues, on a Cortex-M0: freestanding, without a warning, and without any symbol but the port's. libgcc's helpers for
# dense switches (__gnu_thumb1_case_*) are the one exception: a few instructions of the compiler's own, no library.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $house = '-I. -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my $target = '-mcpu=cortex-m0 -mthumb -ffreestanding';
my $dir = tempdir(CLEANUP => 1);
my %compilers = (
    'arm-none-eabi-gcc -std=c99' => '',
    'arm-none-eabi-g++ -std=gnu++11' => '-x c++ -fno-exceptions -fno-rtti',
);
my @installed = grep { -x "$_/arm-none-eabi-gcc" } split /:/, $ENV{PATH};
plan skip_all => 'no arm-none-eabi-gcc (tests/setup.sh matrix installs it)' unless @installed || $ENV{MATRIX};

foreach my $compiler (sort keys %compilers) {
    foreach my $level ('-O0', '-Os', '-O2', '-O0 -DFIRMWARE_LOCKS', '-Os -DFIRMWARE_LOCKS', '-O2 -DFIRMWARE_LOCKS') {
        my $what = "$compiler $level";
        my $text = `$compiler $compilers{$compiler} $target $level $house -c tests/firmware.c -o $dir/firmware.o 2>&1`;
        ok($? == 0, "$what: compiles") or diag $text;
      SKIP: {
            skip 'nothing to look into', 1 if $?;
            my @undefined = map { /(\w+)$/ } `arm-none-eabi-nm -u $dir/firmware.o`;
            my @helpers = grep { /^__gnu_thumb1_case_/ } @undefined;
            my @others = grep { !/^__gnu_thumb1_case_/ } @undefined;
            is("@others", 'asyncio_default_port', "$what: needs a port and nothing else");
            note "libgcc: @helpers" if @helpers;
            my ($code, $data, $bss) = (split ' ', (`arm-none-eabi-size $dir/firmware.o`)[1])[0 .. 2];
            diag sprintf '%-55s %5d bytes of code, %d of RAM', $what, $code, $data + $bss;
        }
    }
}
done_testing;
