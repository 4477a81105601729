#!/usr/bin/env perl
# Builds every example as a user would, under the house flags, as C++ and under sanitizers; compares what it prints.
use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename 'dirname';
use File::Temp 'tempdir';
use Test::More;
use Time::HiRes 'time';

chdir dirname(abs_path($0)) . '/..' or die;
my $cc  = $ENV{CC}  || 'cc';
my $cxx = $ENV{CXX} || 'c++';
my $dir = tempdir(CLEANUP => 1);
my $strict = '-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my $sanitize = '-g -fsanitize=address,undefined -fno-sanitize-recover=all';

sub slurp { local (@ARGV, $/) = @_; my $text = <>; defined $text ? $text : '' }

# Returns exit status (or "signal N"), stdout, stderr. A program that hangs dies of SIGALRM.
sub run {
    my @command = @_;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', "$dir/out" or die;
        open STDERR, '>', "$dir/err" or die;
        alarm 120;
        exec @command or exit 127;
    }
    waitpid $pid, 0;
    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, slurp("$dir/out"), slurp("$dir/err"));
}

sub compiles {
    my ($command, $name) = @_;
    my ($status, $out, $err) = run('sh', '-c', $command);
    is "$status$out$err", '0', "$name compiles without a word" or diag $command;
}

sub prints {
    my ($expected, $name, @command) = @_;
    my ($status, $out, $err) = run(@command);
    is $out, $expected, "$name prints what it should";
    is "$status$err", '0', "$name exits with 0 and no complaint";
}

sub works { my ($status) = run('sh', '-c', "$_[0]"); return $status eq '0' }

open my $trivial, '>', "$dir/trivial.c" or die;
print $trivial "int main(void) { return 0; }\n";
close $trivial;
my $has_sanitizers = works("$cc $sanitize $dir/trivial.c -o $dir/trivial") && works("$dir/trivial");
my $has_valgrind = works("valgrind -q --error-exitcode=9 /bin/true");
my @compilers = sort { $a->[0] cmp $b->[0] }
    grep { works("$_->[0] --version") && works("$_->[1] --version") } (['gcc', 'g++'], ['clang', 'clang++']);
@compilers = ([$cc, $cxx]) if !@compilers;

my $two_files = 'examples/two_files/main.c examples/two_files/worker.c';
my @c_examples = (
    ['hello', 'examples/hello.c', "before sleep\nstarted child\nafter sleep\n"],
    ['background_tasks', 'examples/background_tasks.c',
     "3 in the set\nwork 1 done\nwork 2 done\nwork 3 done\nwork 4 done\nthe set is empty\n"],
    ['two_files', $two_files,
     "anna waits\nbert waits\ngo\nanna counts 1\nbert counts 1\nanna counts 2\nbert counts 2\nanna counts 3\n"
     . "anna: 6\nbert: 3\n"],
    ['loop_per_thread', '-pthread examples/loop_per_thread.c',
     "thread 1: 1\nthread 2: 5\nthread 3: 14\nthread 4: 30\n"],
    ['probe', 'examples/probe.c', undef],    # examples_probe.t runs it
);

for (@c_examples) {
    my ($name, $sources, $expected) = @$_;
    compiles("$cc -I. $sources -o $dir/$name", $name);
    prints($expected, $name, "$dir/$name") if defined $expected;
    for my $pair (@compilers) {
        my ($c, $cplusplus) = @$pair;
        compiles("$c -std=c99 $strict -O2 -I. $sources -o $dir/x", "$name, $c -std=c99");
        compiles("$c -std=c17 $strict -fsyntax-only -I. $sources", "$name, $c -std=c17");
        compiles("$cplusplus -x c++ -std=c++11 $strict -I. $sources -o $dir/xx", "$name, $cplusplus -std=c++11");
        prints($expected, "$name, $cplusplus -std=c++11", "$dir/xx") if defined $expected;
    }
  SKIP: {
        skip 'no sanitizers', 3 if !$has_sanitizers || !defined $expected;
        compiles("$cc $sanitize -I. $sources -o $dir/x", "$name, sanitized");
        prints($expected, "$name, sanitized", "$dir/x");
    }
}

# The child of hello would need a second; run() ends it.
my $before = time;
run("$dir/hello");
cmp_ok time - $before, '<', 0.9, 'hello does not wait for its child';
SKIP: {
    skip 'no valgrind', 2 if !$has_valgrind;
    prints("before sleep\nstarted child\nafter sleep\n", 'hello, under valgrind',
           qw(valgrind -q --leak-check=full --show-leak-kinds=all --error-exitcode=9), "$dir/hello");
}

# A coroutine of C++ in a program of C++, and in a program of C that knows no more than the header.
my $readings = "kitchen: 197\nkitchen: 201\nkitchen: 205\n";
my $cxx_output = $readings . "20.1 degrees\nno samples: ValueError\n";
compiles("$cxx -I. examples/cxx_coroutine.cc -o $dir/cxx", 'cxx_coroutine');
prints($cxx_output, 'cxx_coroutine', "$dir/cxx");
for my $pair (@compilers) {
    compiles("$pair->[1] -std=$_ $strict -O2 -I. examples/cxx_coroutine.cc -o $dir/x", "cxx_coroutine, $pair->[1] $_")
        for qw(c++11 c++20);
}
open my $c_user, '>', "$dir/user.c" or die;
print $c_user <<'END';
#include "cxx_coroutine.h"
#include <stdio.h>
ASYNC(main_coro, thermometer *sensor; int tenths;)
{
    ASYNC_BEGIN;
    self->sensor = thermometer_new("kitchen");
    ASYNC_AWAIT_INTO(self->tenths, ASYNC_NEW(average, .samples = 3, .sensor = self->sensor));
    printf("%d from C\n", self->tenths);
    ASYNC_FINALLY;
    thermometer_delete(self->sensor);
    ASYNC_END;
}
int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
END
close $c_user;
my $flags = $has_sanitizers ? $sanitize : '';
compiles("$cc -std=c99 $strict $flags -I. -Iexamples -c $dir/user.c -o $dir/user.o", 'C that uses cxx_coroutine.h');
compiles("$cxx $flags -Dmain=unused_main -I. -c examples/cxx_coroutine.cc -o $dir/cxx.o", 'cxx_coroutine without main');
compiles("$cxx $flags $dir/user.o $dir/cxx.o -o $dir/c_user", 'both together');
prints($readings . "201 from C\n", 'a coroutine of C++ awaited by C', "$dir/c_user");

done_testing;
