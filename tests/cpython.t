#!/usr/bin/perl
# tests/CPYTHON.md says the truth: every test of ours that it names exists and is run, none stands there twice, neither
# of CPython's nor of ours, and its two numbers are right.
use strict;
use warnings;
use Test::More;

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!"; local $/; return <$in> }
sub names { my ($text) = @_; return grep { /^(\w+\.)?test_/ } $text =~ /`([^`]*)`/g }

my ($file, %theirs, %ours, %source, @twice, @missing);
my ($here, $left_out, $said) = (0, 0, '');

sub is_there {
    my ($path, $test) = @_;
    $source{$path} //= -e "tests/$path" ? slurp("tests/$path") : '';
    my $defined = $source{$path} =~ /^TEST\(\Q$test\E\)/m;
    my $run = $source{$path} =~ /^\s+RUN\(\Q$test\E\);/m;
    push @missing, "$path: $test" . ($defined ? ' is not run' : '') unless $defined && $run;
}

foreach my $line (split /\n/, slurp('tests/CPYTHON.md')) {
    if ($line =~ /^## (test_\w+\.py)$/) {
        $file = $1;
    } elsif ($line =~ /^(\d+) of CPython's tests are here; (\d+) are left out/) {
        $said = "$1 here, $2 left out";
    }
    next unless defined $file;
    if ($line =~ /^\| (`.*?) \| (test_\w+\.c)(?:: `(\w+)`)? \|/) {
        my ($theirs, $path, $test) = ($1, $2, $3);
        my @names = names($theirs);
        ($test = $names[0]) =~ tr/./_/ unless defined $test;
        is_there($path, $test);
        push @twice, "$path: $test" if $ours{"$path: $test"}++;
        push @twice, map { "$file: $_" } grep { $theirs{"$file: $_"}++ } @names;
        $here += @names;
    } elsif ($line =~ /^\| `/) {
        fail("a row that cannot be read: $line");
    } elsif ($line =~ /^(- |  )/) {
        my @names = names($line);
        push @twice, map { "$file: $_" } grep { $theirs{"$file: $_"}++ } @names;
        $left_out += @names;
    }
}
ok($here > 300, 'the table was read');
is(join("\n", @missing), '', 'every test that it names exists and is run');
is(join("\n", @twice), '', 'none stands there twice');
is($said, "$here here, $left_out left out", 'its numbers are right');
done_testing;
