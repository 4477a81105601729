#!/usr/bin/perl
# Every whole program in README.md and the one at the top of asyncio.h compiles with the house's warnings and prints what
# the text around it says.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $cc = $ENV{CC} || 'cc';
my $flags = '-std=gnu99 -I. -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my $dir = tempdir(CLEANUP => 1);

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!"; local $/; return <$in> }

sub build_and_run {
    my ($name, $source) = @_;
    open my $out, '>', "$dir/$name.c" or die $!;
    print $out $source;
    close $out;
    is(system("$cc $flags $dir/$name.c -o $dir/$name"), 0, "$name compiles");
    return scalar `$dir/$name`;
}

my @programs = slurp('README.md') =~ /```c\n(#include.*?)```/gs;
is(scalar @programs, 4, 'README.md has four programs');
is(build_and_run('first_screen', $programs[0]), "before sleep\nstarted 7\nafter sleep\n", 'first screen');
is(build_and_run('errors', $programs[1]), "cancelled while asleep\ncleaning up\nCancelledError: enough\n", 'errors');
is(build_and_run('no_heap', $programs[2]), "42\n", 'no heap');
is(build_and_run('several', $programs[3] =~ s/asyncio_run\(ASYNC_NEW\(main_coro\)/asyncio_run(ASYNC_NEW(main_coro), .port = &asyncio_virtual_port/r),
   "10 20\nTimeoutError\ntoo slow\n", 'several at once');

my ($manual) = slurp("asyncio.h") =~ /(#include "asyncio.h".*?int main\(void\)[^\n]*)/s;
$manual =~ s/^ \*     ?//gm;
$manual =~ s/^ \*$//gm;
is(build_and_run('manual', $manual), "before sleep\nstarted 7\nafter sleep\n", 'the program in asyncio.h');
done_testing();
