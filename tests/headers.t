#!/usr/bin/perl
# Every header compiles alone, twice, and before or after any other; nothing in them but names of the library's own.
# Arguments: compilers to use, with their options; without: gcc in C99 and g++ in C++11.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $house = '-I. -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my $dir = tempdir(CLEANUP => 1);
my @headers = (qw(asyncio.h asyncio_loop.h asyncio_task.h), sort glob 'asyncio/*.h');
my @compilers = @ARGV ? @ARGV : ('gcc -std=c99', 'g++ -std=c++11');

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!"; local $/; return <$in> }

sub compiles {
    my ($compiler, $what, @included) = @_;
    my $language = $compiler =~ /\+\+/ ? 'c++' : 'c';
    open my $out, '>', "$dir/unit.c" or die $!;
    print $out map { "#include \"$_\"\n" } @included;
    print $out "int main(void) { return 0; }\n";
    close $out;
    my $text = `$compiler $house -x $language -c $dir/unit.c -o $dir/unit.o 2>&1`;
    ok($? == 0, "$compiler: $what") or diag $text;
}

foreach my $compiler (@compilers) {
    compiles($compiler, "$_ alone", $_) foreach @headers;
    compiles($compiler, "$_ twice", $_, $_) foreach @headers;
    compiles($compiler, 'all', @headers);
    compiles($compiler, 'all, the other way round', reverse @headers);
}

if (!@ARGV) {
    foreach my $path (@headers) {
        my $source = slurp($path);
        my @macros = grep { !/^(ASYNC|asyncio)(_|IO_|$)/ } $source =~ /^\s*#\s*define\s+(\w+)/gm;
        # libc's switch for POSIX; what uthash.h wants to be told, which is put back afterwards
        @macros = grep { !/^(_DEFAULT_SOURCE|HASH_\w+|uthash_\w+)$/ } @macros;
        is("@macros", '', "$path: macros of the library's own names only");
        like($source, qr{\A/\* SPDX-License-Identifier: MIT\n}, "$path: its licence");
        unlike($source, qr/[\t\r]| \n|[^\x00-\x7f]/, "$path: plain ASCII, no tabs, nothing at the ends of lines");
    }
    my $keep = '-fkeep-inline-functions -fkeep-static-functions';
    open my $out, '>', "$dir/names.c" or die $!;
    print $out map { "#include \"$_\"\n" } @headers;
    close $out;
    system("gcc -std=c99 -I. -O0 $keep -c $dir/names.c -o $dir/names.o");
    # a name with a dot is a static object inside of a function
    my @names = map { / [a-zA-Z] (\w+)$/ && $1 !~ /^asyncio_/ ? $1 : () } `nm --defined-only $dir/names.o`;
    # libc's own inline functions are kept, too
    my %libc = map { $_ => 1 } map { / [a-zA-Z] (\w+)/ ? $1 : () }
        `printf '#include <stdlib.h>\\n#include <stdio.h>\\n#include <errno.h>\\n#include <sys/select.h>\\n#include <uthash.h>\\n' |
         gcc -std=gnu99 -O0 $keep -x c -c - -o $dir/libc.o; nm --defined-only $dir/libc.o`;
    is(join(' ', grep { !$libc{$_} } @names), '', "functions and objects of the library's own names only");
}
done_testing;
