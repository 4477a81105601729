#!/usr/bin/perl
# tests/fail/*.c are mistakes that must not compile, each with the words that the message must have. With -DFIXED the same
# file must compile, so that it fails for its mistake and nothing else.
#
# The first comment says what to look for: `gcc:`, `g++:`, `clang:`, `clang++:`, else `c:` or `c++:`, else `any:`, and a
# regular expression; `none, <why>` where that compiler cannot know. `flags:` are added to the house's.
use strict;
use warnings;
use Test::More;

my $house = '-I. -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my %language = (gcc => 'c', clang => 'c', 'g++' => 'c++', 'clang++' => 'c++');
my %standard = ('c' => '-std=c99', 'c++' => '-std=c++11');
# All four in the matrix; in `make test` gcc and g++ alone, for the time that it takes.
my @compilers = $ENV{MATRIX} ? sort keys %language : qw(gcc g++);
$ENV{LC_ALL} = 'C'; # plain quotes in messages

sub directives {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    my %found;
    while (<$in>) {
        last if m{\*/};
        $found{$1} = $2 if m{^ \* (gcc|g\+\+|clang|clang\+\+|c|c\+\+|any|flags): (.*)};
    }
    return %found;
}

sub compile {
    my ($compiler, $flags, $path) = @_;
    my $language = $language{$compiler};
    my $text = `$compiler $standard{$language} $house $flags -x $language -c $path -o /dev/null 2>&1`;
    return ($? >> 8, $text);
}

foreach my $compiler (@compilers) {
    foreach my $path (sort glob 'tests/fail/*.c') {
        my ($name) = $path =~ m{([^/]+)\.c$};
        my %for = directives($path);
        my $flags = $for{flags} // '';
        my $words = $for{$compiler} // $for{$language{$compiler}} // $for{any};
      SKIP: {
            skip "$compiler is not installed", 2 unless grep { -x "$_/$compiler" } split /:/, $ENV{PATH};
            $flags =~ s/-std=c99// if $language{$compiler} eq 'c++';
            my ($status, $text) = compile($compiler, "$flags -DFIXED", $path);
            ok($status == 0, "$compiler: $name, corrected") or diag $text;
            skip "$compiler: $1", 1 if $words =~ /^none, (.*)/;
            ($status, $text) = compile($compiler, $flags, $path);
            ok($status != 0 && $text =~ /$words/, "$compiler: $name")
                or diag($status != 0 ? "expected /$words/ in\n$text" : 'it compiles');
        }
    }
}
done_testing;
