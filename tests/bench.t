#!/usr/bin/perl
# Every row of bench/ that waits for no clock does what it is to measure: the programs count what happened and say so.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $cc = $ENV{CC} || 'cc';
my $flags = '-std=gnu11 -I. -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my $dir = tempdir(CLEANUP => 1);
my $waits = qr/^(timers_cancel|timers_fire|sleepers|wake_1ms|echo)$/;

for my $name (qw(yield await call spawn gather locks timers echo load)) {
    is(system("$cc $flags bench/$name.c -o $dir/$name -pthread"), 0, "$name compiles");
    for (`$dir/$name`) {
        my ($row, $subject) = /^(\S+) (.*)$/ or die $_;
        next if $row =~ $waits;
        like(scalar `$dir/$name '$subject' $row 0 2000`, qr/^$row [\d.]+ -?[\d.]+ \d+ [\d.]+$/, "$row, $subject");
    }
}

# A count that is wrong is an error.
open my $out, '>', "$dir/idle.c" or die $!;
print $out <<'END';
#include "bench.h"
static void nothing(unsigned long operations) { (void)operations; bench_start(); bench_stop(); }
int main(int argc, char **argv)
{
    static const bench_case cases[] = {{"nobody", "nothing", nothing, 1}};
    return BENCH_MAIN(argc, argv, cases);
}
END
close $out;
is(system("$cc $flags -Ibench $dir/idle.c -o $dir/idle"), 0, 'a program that does nothing compiles');
is(`$dir/idle nobody nothing 0 10 2>&1`, "nobody nothing: 0 of 10 operations happened\n", 'and is found out');
done_testing();
