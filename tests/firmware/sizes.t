#!/usr/bin/perl
# What the library takes of small chips has not grown by more than 2 % anywhere since bench/sizes.txt was written.
use strict;
use warnings;
use Test::More;

my $text = `bench/sizes.pl 2>&1`;
is($? >> 8, 0, 'no figure has grown by more than 2 %');
diag $_ foreach grep { /^# (?!bytes)/ || $? } split /^/, $text;
done_testing;
