#!/usr/bin/perl
# Every option of the headers flipped, one at a time and in some combinations: tests/config.c and examples/hello.c compile
# without a warning, in C and in C++, and run. With MATRIX set also by clang and optimised, and all other tests as well.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $house = '-I. -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my $dir = tempdir(CLEANUP => 1);
my @compilers = ('gcc -std=c99', 'g++ -x c++ -std=c++11');
push @compilers, 'clang -std=c11 -O2', 'clang++ -x c++ -std=c++20 -O1', 'gcc -std=c17 -O2' if $ENV{MATRIX};

my @options = (
    '',
    'ASYNCIO_HOSTED=0',
    'ASYNCIO_THREADS=0',
    'ASYNCIO_STRINGS=0',
    'ASYNCIO_LINES=0',
    'ASYNCIO_DENSE=0',
    'ASYNCIO_NAMES=0',
    'ASYNCIO_CONTEXTS=0',
    'ASYNCIO_ALL_TASKS=0',
    'ASYNCIO_REPORTS=0',
    'ASYNCIO_DEBUG=0',
    'ASYNCIO_CHECKS=0',
    'ASYNCIO_MESSAGES=0',
    'ASYNCIO_FACTORIES=0',
    'ASYNCIO_TRACEBACK=0',
    'ASYNCIO_TRACEBACK=1',
    'ASYNCIO_POISON=0',
    'ASYNCIO_POISON=1',
    'ASYNCIO_GENERIC=0',
    'ASYNCIO_TIMER_WHEEL=0',
    'ASYNCIO_LAZY_PASSES=0',
    'ASYNCIO_LAZY_STEPS=1',
    'ASYNCIO_FREELIST=16',
    'ASYNCIO_TINY=1',
    'ASYNCIO_HOSTED=0 ASYNCIO_TINY=1',
    'ASYNCIO_HOSTED=0 ASYNCIO_TINY=1 ASYNCIO_CHECKS=1',
    'ASYNCIO_SELECTORS=0',
    'ASYNCIO_SELECTORS=0 ASYNCIO_TICKS_PER_SECOND=1000',
    'ASYNCIO_DENSE=0 ASYNCIO_LINES=0',
    'ASYNCIO_SELECTORS=0 ASYNCIO_THREADS=0',
    'ASYNCIO_STRINGS=0 ASYNCIO_NAMES=0 ASYNCIO_CONTEXTS=0 ASYNCIO_ALL_TASKS=0 ASYNCIO_TRACEBACK=0 ASYNCIO_LINES=0',
    'ASYNCIO_HOSTED=0 ASYNCIO_REPORTS=0 ASYNCIO_CHECKS=0 ASYNCIO_MESSAGES=0 ASYNCIO_FACTORIES=0 ASYNCIO_ALL_TASKS=0',
    'ASYNCIO_HOSTED=0 ASYNCIO_DENSE=0 ASYNCIO_NAMES=0 ASYNCIO_ALL_TASKS=0 ASYNCIO_LINES=0',
    'ASYNCIO_HOSTED=0 ASYNCIO_STRINGS=1 ASYNCIO_CONTEXTS=1 ASYNCIO_TRACEBACK=4 ASYNCIO_TIMER_WHEEL=1',
    'ASYNCIO_HOSTED=0 ASYNCIO_MALLOC(size)=malloc(size) ASYNCIO_FREE(memory)=free(memory) ASYNCIO_FREELIST=2',
);

# These take nothing away from what a program may write: there all other tests must pass as well, but those whose source
# shows that they measure what the option changes (how often a port waits, how many blocks are allocated) or set it.
my %invisible = (
    'ASYNCIO_TIMER_WHEEL=0' => qr/define ASYNCIO_TIMER_WHEEL/,
    'ASYNCIO_LAZY_PASSES=0' => qr/port_waits|lazy_port/,
    'ASYNCIO_LAZY_STEPS=1' => qr/port_waits|lazy_port/,
    'ASYNCIO_FREELIST=16' => qr/define ASYNCIO_FREELIST|CHECK_EQ\(blocks/,
);

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!"; local $/; return <$in> }

sub compiles_and_runs {
    my ($compiler, $option, $path) = @_;
    my $flags = join ' ', map { "'-D$_'" } split / /, $option;
    $flags .= ' -include stdlib.h' if $option =~ /MALLOC/;
    (my $name = $path) =~ s{.*/|\.c$}{}g;
    my $what = join ', ', $compiler, $option eq '' ? 'defaults' : $option, $name;
    my $text = `$compiler $house $flags $path -o $dir/$name -pthread 2>&1`;
    return fail($what) || diag $text if $?;
    $text = `timeout 60 $dir/$name 2>&1 </dev/null`;
    ok($? == 0, $what) or diag $text;
}

foreach my $compiler (@compilers) {
    my ($program) = split / /, $compiler;
    foreach my $option (@options) {
      SKIP: {
            skip "$program is not installed", 1 unless grep { -x "$_/$program" } split /:/, $ENV{PATH};
            compiles_and_runs($compiler, $option, 'tests/config.c');
            compiles_and_runs($compiler, $option, 'examples/hello.c')
                if $option !~ /HOSTED=0/ && -e 'examples/hello.c';
        }
    }
}

if ($ENV{MATRIX}) {
    foreach my $option (sort keys %invisible) {
        my @paths = grep { slurp($_) !~ $invisible{$option} } sort glob 'tests/test_*.c';
        compiles_and_runs('gcc -std=gnu99', $option, $_) foreach @paths;
    }
}
done_testing;
