#!/usr/bin/perl
# Every whole program in README.md and at the top of a header compiles with the house's warnings and prints what the text
# around it says.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $cc = $ENV{CC} || 'cc';
my $flags = '-std=gnu99 -I. -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my $dir = tempdir(CLEANUP => 1);

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!"; local $/; return <$in> }

sub build {
    my ($name, $source) = @_;
    open my $out, '>', "$dir/$name.c" or die $!;
    print $out $source;
    close $out;
    return system("$cc $flags $dir/$name.c -o $dir/$name -pthread");
}

sub build_and_run {
    my ($name, $source) = @_;
    is(build($name, $source), 0, "$name compiles");
    return scalar `$dir/$name`;
}

my @programs = slurp('README.md') =~ /```c\n(#include.*?)```/gs;
is(scalar @programs, 4, 'README.md has four programs');
is(build_and_run('first_screen', $programs[0]), "before sleep\nstarted 7\nafter sleep\n", 'first screen');
is(build_and_run('errors', $programs[1]), "cancelled while asleep\ncleaning up\nCancelledError: enough\n", 'errors');
is(build_and_run('no_heap', $programs[2]), "42\n", 'no heap');
is(build_and_run('several', $programs[3] =~ s/asyncio_run\(ASYNC_NEW\(main_coro\)/asyncio_run(ASYNC_NEW(main_coro), .port = &asyncio_virtual_port/r),
   "10 20\nTimeoutError\ntoo slow\n", 'several at once');

my %prints = (
    'asyncio.h' => "before sleep\nstarted 7\nafter sleep\n",
    'asyncio_task.h' => "clean\n42\n",
    'asyncio_loop.h' => "tick\ndone\n",
    'asyncio/completed.h' => "0 0 1\n1\n4\n9\n",
    'asyncio/contexts.h' => "[1] query\n[2] query\n[1] served\n[2] served\n",
    'asyncio/coroutines.h' => "ValueError at -1\n6\n",
    'asyncio/exceptions.h' => "UserError: an error of this program's own\n",
    'asyncio/futures.h' => "42\n",
    'asyncio/graph.h' => undef, # waits for a signal
    'asyncio/locks.h' => join('', map { "worker $_ has the lock\n" } 0 .. 3),
    'asyncio/log.h' => "Task exception was never retrieved: an argument is out of range\n",
    'asyncio/queues.h' => join('', map { "got $_\n" } 0 .. 9),
    'asyncio/runners.h' => "cancelled, as main is over\n42\n",
    'asyncio/scopes.h' => "CancelledError\n" x 3,
    'asyncio/selector_events.h' => "hello\n",
    'asyncio/taskgroups.h' => "1 done\n1 left\n2 left\n3 left\nValueError\n",
    'asyncio/tasks.h' => "9 4\n",
    'asyncio/threads.h' => "42\n",
    'asyncio/timeouts.h' => "expired: 1\nTimeoutError\n",
    'asyncio/unix_events.h' => "stopped\n",
);
my @without = qw(asyncio/heapq.h asyncio/mixins.h asyncio/selectors.h asyncio/types.h); # nothing to call
push @without, 'asyncio/interrupts.h'; # for a board
foreach my $path ('asyncio.h', 'asyncio_task.h', 'asyncio_loop.h', sort glob 'asyncio/*.h') {
    next if grep { $_ eq $path } @without;
    my ($top) = slurp($path) =~ m{\A(.*?)\*/}s;
    my ($program) = $top =~ /(#include "asyncio.h".*?int main\(void\)(?:[^\n]*\}|.*?\n \*     \})\n)/s;
    ok($program, "$path has a program") or next;
    $program =~ s/^ \*     ?//gm;
    $program =~ s/^ \*$//gm;
    # in virtual time, but for those that are about the system's
    $program =~ s/asyncio_run\((ASYNC_NEW\(\w+\))/asyncio_run($1, .port = &asyncio_virtual_port/;
    my $name = $path =~ s/\W/_/gr;
    is(build($name, $program), 0, "$path: its program compiles");
    is(scalar `$dir/$name 2>$dir/err`, $prints{$path}, "$path: and prints that") if defined $prints{$path};
}
done_testing();
