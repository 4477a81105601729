#!/usr/bin/env perl
# The echo server of examples/ serves netcat, its own client with many connections, clients that stop halfway, that
# reset and that only wait; it ends cleanly by SIGTERM and SIGINT, and leaks neither memory nor descriptors.
use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename 'dirname';
use File::Temp 'tempdir';
use IO::Select;
use IO::Socket::INET;
use Socket qw(:all);
use Test::More;

chdir dirname(abs_path($0)) . '/..' or die;
my $cc = $ENV{CC} || 'cc';
my $dir = tempdir(CLEANUP => 1);
my $warnings = '-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my $sanitize = '-g -fsanitize=address,undefined -fno-sanitize-recover=all';
$SIG{ALRM} = sub { die "a client or the server hangs\n" };
$SIG{PIPE} = 'IGNORE';
alarm 100;

sub slurp { local (@ARGV, $/) = @_; my $text = <>; defined $text ? $text : '' }
sub works { return system("$_[0] >$dir/log 2>&1") == 0 }

open my $trivial, '>', "$dir/trivial.c" or die;
print $trivial "int main(void) { return 0; }\n";
close $trivial;
my $flags = works("$cc $sanitize $dir/trivial.c -o $dir/trivial") && works("$dir/trivial") ? $sanitize : '';
note $flags ? "with $flags" : 'without sanitizers';
for my $name (qw(echo_server echo_client)) {
    ok works("$cc -std=c99 $warnings -I. examples/$name.c -o $dir/x"), "$name compiles without a word"
        or diag slurp("$dir/log");
    ok works("$cc $flags -I. examples/$name.c -o $dir/$name"), "$name compiles as the test runs it";
}

# Starts a server; returns its pid and port. What it prints goes to out and err.
sub start {
    my ($prefix) = @_;
    unlink "$dir/out", "$dir/err";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', "$dir/out" or die;
        open STDERR, '>', "$dir/err" or die;
        exec 'sh', '-c', ($prefix || '') . "exec $dir/echo_server 0" or exit 127;
    }
    for (1 .. 1000) {
        return ($pid, $1) if -e "$dir/out" && slurp("$dir/out") =~ /^listening on port (\d+)\n/;
        select undef, undef, undef, 0.01;
    }
    die 'the server does not start: ' . slurp("$dir/err");
}
sub stop {
    my ($pid, $signal, $how, $complaint) = @_;
    kill $signal, $pid;
    waitpid $pid, 0;
    is $?, 0, "$how: exits with 0";
    like slurp("$dir/out"), qr/\nstopped\n\z/, "$how: says so";
    is slurp("$dir/err"), $complaint || '', "$how: no leak, no complaint" . ($complaint ? ' but one' : '');
}
sub dial {
    my ($port) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp') || die "connect: $!";
}
sub descriptors { my @all = glob "/proc/$_[0]/fd/*"; return scalar @all }

# Waits until the server has closed what it had: it learns of it a moment after the client.
sub settles {
    my ($pid, $count) = @_;
    for (1 .. 500) {
        return $count if descriptors($pid) == $count;
        select undef, undef, undef, 0.01;
    }
    return descriptors($pid);
}

my $self = $$;
my ($pid, $port) = start();
END { kill 'KILL', $pid if $pid && $$ == $self && kill 0, $pid } # should the test die
my $idle = descriptors($pid);

SKIP: {
    skip 'no netcat that knows -N', 2 if system('nc -h 2>&1 | grep -q -e -N') != 0;
    is `printf 'hello\\nworld' | nc -N 127.0.0.1 $port`, "hello\nworld", 'netcat by IPv4';
    skip 'no IPv6', 1 if system("nc -6 -z ::1 $port") != 0;
    is `printf 'hello\\nworld' | nc -6 -N ::1 $port`, "hello\nworld", 'netcat by IPv6';
}

# A peer that has closed its sending half and still reads: everything comes back, then end of file.
{
    my $data = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 75000;
    my $client = dial($port);
    my ($sent, $got) = (0, '');
    $client->blocking(0);
    my $select = IO::Select->new($client);
    while (1) {
        my ($read, $write) = IO::Select->select($select, $sent < length $data ? $select : undef, undef, 20);
        last if !$read;
        if (@$write) {
            my $n = syswrite $client, $data, 65536, $sent;
            $sent += $n if defined $n;
            shutdown $client, 1 if $sent == length $data;
        }
        if (@$read) {
            my $n = sysread $client, $got, 65536, length $got;
            last if defined $n && $n == 0;
        }
    }
    ok $got eq $data, 'a half-closed peer gets all of its 300000 bytes back, then end of file';
}

is `$dir/echo_client localhost $port 2>&1`, "1 of 1 connections got their 10000 bytes back\n", 'the client, once';
is `$dir/echo_client 127.0.0.1 $port 200 20000 2>&1`, "200 of 200 connections got their 20000 bytes back\n",
    '200 connections at once';
is $?, 0, 'the client exits with 0';

# 200 that are only there do not disturb those that talk.
{
    my @silent = map { dial($port) } 1 .. 200;
    is `$dir/echo_client 127.0.0.1 $port 50 5000 2>&1`, "50 of 50 connections got their 5000 bytes back\n",
        '50 that talk beside 200 that are silent';
  SKIP: {
        skip 'no /proc', 1 if !$idle;
        is settles($pid, $idle + 200), $idle + 200, 'the silent ones are connected';
    }
    is syswrite($silent[77], 'still here'), 10, 'one of the silent ones speaks';
    is sysread($silent[77], my $answer, 100), 10, 'and is answered';
}

# A peer that resets: the server says so and goes on.
{
    my $client = dial($port);
    setsockopt $client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    close $client;
}
SKIP: {
    skip 'no /proc', 1 if !$idle;
    is settles($pid, $idle), $idle, 'no descriptor is left behind';
}
is `$dir/echo_client 127.0.0.1 $port 2>&1`, "1 of 1 connections got their 10000 bytes back\n",
    'after a reset it goes on';

isnt system("$dir/echo_server $port >$dir/out2 2>$dir/err2"), 0, 'a second server on that port fails';
like slurp("$dir/err2"), qr/Address already in use/i, 'and says why';
is system("$dir/echo_server 70000 2>$dir/err2") >> 8, 2, 'a wrong port is refused';
is slurp("$dir/err2"), "usage: echo_server [port]\n", 'and it says what would be right';
is system("$dir/echo_server 1x 2>$dir/err2") >> 8, 2, 'a wrong number, too';

# Stopped while 20 are connected: they see end of file, or a reset if it had not taken them in yet.
{
    my @connected = map { dial($port) } 1 .. 20;
    is syswrite($connected[19], 'x'), 1, 'the last one sends';
    is sysread($connected[19], my $byte, 1), 1, 'and is served, so all are in';
    stop($pid, 'TERM', 'SIGTERM with 20 connections', "connection lost: Connection reset by peer\n");
    is scalar(grep { my $n = sysread $_, my $rest, 1; !defined $n || $n != 0 } @connected), 0, 'they see end of file';
}

($pid, $port) = start();
stop($pid, 'INT', 'SIGINT at once');

# Fewer descriptors than connections: those that wait are served when others leave. It does not spin meanwhile.
($pid, $port) = start('ulimit -n 30; ');
{
    my @connected = map { dial($port) } 1 .. 40;
    my ($user, $system) = (0, 0);
    syswrite $connected[39], 'late';
    select undef, undef, undef, 0.3;
    my @stat = -e "/proc/$pid/stat" ? split ' ', slurp("/proc/$pid/stat") : ((0) x 20);
    cmp_ok $stat[13] + $stat[14], '<', 30, 'less than 0.3 s of processor time';
    close $_ for @connected[0 .. 29];
    is sysread($connected[39], my $answer, 10), 4, 'whoever had to wait is served in the end';
}
kill 'TERM', $pid;
waitpid $pid, 0;
$pid = 0;
is $?, 0, 'short of descriptors: exits with 0';
like slurp("$dir/err"), qr/\A(cannot accept: Too many open files\n)+\z/, 'and has said what was wrong';

# A server that cannot be reached, and one that hangs up.
my $hung_up = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, Proto => 'tcp') || die "listen: $!";
$port = $hung_up->sockport;
my $child = fork;
if ($child == 0) {
    my $client = $hung_up->accept;
    sysread $client, my $some, 100;
    close $client;
    exit 0;
}
close $hung_up;
like `$dir/echo_client 127.0.0.1 $port 2>&1`, qr/\Aconnection 0: .*\n0 of 1 connections/,
    'the client notices a server that hangs up';
isnt $?, 0, 'and fails';
waitpid $child, 0;
like `$dir/echo_client 127.0.0.1 $port 3 2>&1`, qr/\A(connection \d: Connection refused\n){3}0 of 3/,
    'and one that is not there';
isnt $?, 0, 'and fails';

done_testing;
