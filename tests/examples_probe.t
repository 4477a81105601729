#!/usr/bin/env perl
# examples/probe.c as a user meets it. All connections go to listeners of this test's own, on loopback.
use strict;
use warnings;
use Cwd 'abs_path';
use Fcntl;
use File::Basename 'dirname';
use File::Temp 'tempdir';
use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6 unpack_sockaddr_in6 AF_INET6);
use Test::More;
use Time::HiRes qw(time sleep);

chdir dirname(abs_path($0)) . '/..' or die;
my $cc  = $ENV{CC} || 'cc';
my $dir = tempdir(CLEANUP => 1);
my $probe = "$dir/probe";
my $strict = '-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror';
my $sanitize = '-g -fsanitize=address,undefined -fno-sanitize-recover=all';

# Every run below is checked for leaks where the compiler can do it.
my $sanitized = system("$cc $sanitize $strict -I. examples/probe.c -o $probe 2>$dir/err") == 0
    && system("$probe --help >/dev/null 2>&1") == 0;
BAIL_OUT('examples/probe.c does not compile') if !$sanitized && system("$cc $strict -I. examples/probe.c -o $probe") != 0;
diag 'without sanitizers' if !$sanitized;
$ENV{ASAN_OPTIONS} = 'exitcode=99';
$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';

sub slurp { local (@ARGV, $/) = @_; my $text = <>; defined $text ? $text : '' }

sub start {
    my ($input, @command) = @_;
    open my $file, '>', "$dir/in" or die;
    print $file $input;
    close $file;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        $SIG{INT} = 'DEFAULT';
        open STDIN,  '<', "$dir/in" or die;
        open STDOUT, '>', "$dir/out" or die;
        open STDERR, '>', "$dir/err" or die;
        alarm 60;
        exec @command or exit 127;
    }
    return $pid;
}

# Exit status (or "signal N"), stdout, stderr.
sub finish {
    waitpid $_[0], 0;
    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, slurp("$dir/out"), slurp("$dir/err"));
}
sub run { return finish(start(@_)) }
sub probe { return run('', $probe, @_) }
sub probe_lines { my ($input, @options) = @_; return run($input, $probe, @options) }

# Rows as "target address state", without head and milliseconds.
sub rows {
    my @rows = split /\n/, $_[0];
    shift @rows;
    return map { /^(\S+)\s+(\S+)\s+(.*?)\s+(?:[\d.]+|-)$/ ? "$1 $2 $3" : "no row: $_" } @rows;
}

sub bound {
    socket(my $socket, PF_INET, SOCK_STREAM, 0) or die;
    bind($socket, sockaddr_in(0, INADDR_LOOPBACK)) or die;
    return ($socket, (sockaddr_in(getsockname($socket)))[0]);
}
sub listening { my ($socket, $port) = bound(); listen($socket, 128) or die; return ($socket, $port) }

# A port that never answers: its listener's queue is full. Empty if this system refuses or accepts instead.
my @fillers;
sub silent {
    my ($socket, $port) = bound();
    listen($socket, 0) or die;
    my $last;
    for (1 .. 4) {
        socket($last, PF_INET, SOCK_STREAM, 0) or die;
        fcntl($last, F_SETFL, O_NONBLOCK);
        connect($last, sockaddr_in($port, INADDR_LOOPBACK));
        push @fillers, $last;
    }
    sleep 0.1;
    my $bits = '';
    vec($bits, fileno($last), 1) = 1;
    return select(undef, $bits, undef, 0) ? () : ($socket, $port);
}

my ($open, $open_port) = listening();
my ($closed, $closed_port) = bound();    # bound, but nobody listens: nobody else can get this port
my ($quiet, $quiet_port) = silent();

# One target.
{
    my ($status, $out, $err) = probe("127.0.0.1:$open_port");
    like $out, qr/\ATARGET +ADDRESS +STATE +MS\n127\.0\.0\.1:$open_port +127\.0\.0\.1 +open +\d+\.\d\n\z/, 'open';
    is "$status$err", '0', 'open: 0, and nothing on stderr: it is no terminal';
    ($status, $out, $err) = probe("127.0.0.1:$closed_port");
    like $out, qr/^127\.0\.0\.1:$closed_port +127\.0\.0\.1 +refused +\d+\.\d$/m, 'refused';
    is "$status$err", '1', 'refused: 1';
    ($status, $out, $err) = probe("127.0.0.1:$closed_port", "127.0.0.1:$open_port");
    is $status, 1, 'one of two is down: 1';
    my %length = map { length($_) => 1 } split /\n/, $out;
    is keys %length, 1, 'aligned' or diag $out;
}

# No answer.
SKIP: {
    skip 'no silent port on this system', 6 if !defined $quiet_port;
    my ($status, $out, $err) = probe('-t', '0.25', "127.0.0.1:$quiet_port", "127.0.0.1:$open_port");
    is_deeply [rows($out)], ["127.0.0.1:$quiet_port 127.0.0.1 timeout", "127.0.0.1:$open_port 127.0.0.1 open"],
        'timeout, in the order given';
    is "$status$err", '1', 'timeout: 1';
    my ($ms) = $out =~ /timeout +([\d.]+)/;
    cmp_ok $ms, '>=', 250, 'it waited as long as it was told';

    my @same = map { '127.0.0.1:' . '0' x $_ . $quiet_port } 0 .. 7;    # eight texts for one port
    my $before = time;
    ($status, $out) = probe('-j8', '-t0.25', @same);
    cmp_ok time - $before, '<', 1.5, '-j 8 waits for eight at a time';
    is scalar(grep { / timeout$/ } rows($out)), 8, 'all eight timed out';
    $before = time;
    probe('--jobs=1', '--timeout=0.25', @same[0 .. 3]);
    cmp_ok time - $before, '>=', 1, '-j 1 waits for one after the other';
}

# IPv6 and names.
SKIP: {
    my $loopback = inet_pton(AF_INET6, '::1');
    my $six;
    skip 'no ::1', 3 unless socket($six, AF_INET6, SOCK_STREAM, 0) && bind($six, pack_sockaddr_in6(0, $loopback));
    my ($port) = unpack_sockaddr_in6(getsockname($six));
    my ($status, $out) = probe("[::1]:$port");
    is "$status " . join('', rows($out)), "1 [::1]:$port ::1 refused", '[::1], refused';
    listen($six, 8);
    ($status, $out) = probe("[::1]:$port");
    is "$status " . join('', rows($out)), "0 [::1]:$port ::1 open", '[::1], open';
    ($status, $out) = probe("[0:0:0:0:0:0:0:1]:$port");
    is "$status " . join('', rows($out)), "0 [0:0:0:0:0:0:0:1]:$port ::1 open", 'the address tried, not the text';
}
{
    my ($status, $out) = probe("localhost:$open_port");
    is "$status " . join('', rows($out)), "0 localhost:$open_port 127.0.0.1 open", 'a name';
    my $name = 'x' x 70;    # longer than a name's part can be: nobody is asked
    ($status, $out) = probe("$name:80", "127.0.0.1:$open_port");
    like $out, qr/^$name:80 +- +\w.*\S +-$/m, 'a name that does not resolve has a text and no address';
    is_deeply [$status, (rows($out))[1]], [1, "127.0.0.1:$open_port 127.0.0.1 open"], '... is down: 1; the next is probed';
}

# A name with two addresses: a getaddrinfo of the test's own puts 127.0.0.2, where nobody listens, in front.
SKIP: {
    socket(my $second, PF_INET, SOCK_STREAM, 0) or die;
    skip 'no 127.0.0.2', 3 if !bind($second, sockaddr_in(0, inet_aton('127.0.0.2')));
    open my $file, '>', "$dir/lookup.c" or die;
    print $file <<'END';
#define _DEFAULT_SOURCE 1
#include <netdb.h>
int lookup(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found);
int lookup(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    int err = getaddrinfo("127.0.0.2", port, hints, found);
    return err != 0 ? err : getaddrinfo(host, port, hints, &(*found)->ai_next);
}
END
    close $file;
    is system("$cc -Dgetaddrinfo=lookup -I. -c examples/probe.c -o $dir/two.o && $cc -c $dir/lookup.c -o $dir/lookup.o"
              . " && $cc $dir/two.o $dir/lookup.o -o $dir/two"), 0, 'built with two addresses a name';
    my ($status, $out) = run('', "$dir/two", "127.0.0.1:$open_port");
    is "$status " . join('', rows($out)), "0 127.0.0.1:$open_port 127.0.0.1 open", 'open if the second address is';
    ($status, $out) = run('', "$dir/two", "127.0.0.1:$closed_port");
    is "$status " . join('', rows($out)), "1 127.0.0.1:$closed_port 127.0.0.1 refused", 'refused by both';
}

# Standard input.
my @both = ("127.0.0.1:$open_port 127.0.0.1 open", "127.0.0.1:$closed_port 127.0.0.1 refused");
for my $case (
    ['lines', "127.0.0.1:$open_port\n127.0.0.1:$closed_port\n"],
    ['no final newline', "127.0.0.1:$open_port\n127.0.0.1:$closed_port"],
    ['CRLF', "127.0.0.1:$open_port\r\n127.0.0.1:$closed_port\r\n"],
    ['blank lines and blanks', "\n  127.0.0.1:$open_port \n\t\n\n\t127.0.0.1:$closed_port\t\n\n"],
    ['comments', "# both\n127.0.0.1:$open_port # web\n  # and\n127.0.0.1:$closed_port#\n"],
) {
    my ($name, $input) = @$case;
    for my $options ([], ['-'], ['-j1', '-']) {
        my ($status, $out, $err) = probe_lines($input, @$options);
        is_deeply [$status, $err, rows($out)], [1, '', @both], "$name, probe @$options";
    }
}
{
    my ($status, $out, $err) = probe_lines("127.0.0.1:$open_port\n", "127.0.0.1:0$open_port", '-', "127.0.0.1:$closed_port");
    is_deeply [$status, $err, rows($out)], [1, '', "127.0.0.1:0$open_port 127.0.0.1 open", @both],
        '- stands for standard input among arguments';
}

# Bad input: a message with its place, the rest is probed, 2.
for my $case (
    ['missing port', '127.0.0.1', 'no :PORT after the host: "127.0.0.1"'],
    ['empty port', '127.0.0.1:', q(no port after the ':': "127.0.0.1:")],
    ['empty host', ':80', 'no host before the port: ":80"'],
    ['port 0', '127.0.0.1:0', 'the port is not within 1 to 65535: "127.0.0.1:0"'],
    ['port 70000', '127.0.0.1:70000', 'the port is not within 1 to 65535: "127.0.0.1:70000"'],
    ['huge port', '127.0.0.1:99999999999999999999', 'the port is not within 1 to 65535: "127.0.0.1:99999999999999999999"'],
    ['negative port', '127.0.0.1:-1', 'the port is not a number: "127.0.0.1:-1"'],
    ['service name', '127.0.0.1:http', 'the port is not a number: "127.0.0.1:http"'],
    ['no brackets', '::1:80', 'an IPv6 address needs brackets, as in [::1]:80: "::1:80"'],
    ['open bracket', '[::1:80', q(no ']' after the address: "[::1:80")],
    ['no port after brackets', '[::1]', q(no :PORT after the ']': "[::1]")],
    ['empty brackets', '[]:80', 'no host before the port: "[]:80"'],
    ['blank inside', '127.0.0.1 :80', 'blank, control or non-ASCII character: "127.0.0.1 :80"'],
    ['control characters', "\e[2J:80", 'blank, control or non-ASCII character: "?[2J:80"'],
    ['garbage', '!"$%', 'no :PORT after the host: "!"$%"'],
    ['too long', 'x' x 400 . ':80', 'too long: "' . 'x' x 60 . '..."'],
    ['very long', 'x' x 1_000_000, 'too long: "' . 'x' x 60 . '..."'],
    ['not ASCII', "m\xc3\xbcnchen:80", 'blank, control or non-ASCII character: "m??nchen:80"'],
) {
    my ($name, $text, $message) = @$case;
    my ($status, $out, $err) = probe_lines("127.0.0.1:$open_port\n$text\n127.0.0.1:$closed_port\n");
    is_deeply [$status, $err, rows($out)], [2, "probe: line 2: $message\n", @both], "$name on a line";
    next if length $text > 100_000;
    ($status, $out, $err) = probe("127.0.0.1:$open_port", $text, "127.0.0.1:$closed_port");
    is_deeply [$status, $err, rows($out)], [2, "probe: argument 2: $message\n", @both], "$name as an argument";
}
{
    my ($status, $out, $err) = probe_lines("127.0.0.1:$open_port\0\n127.0.0.1:$closed_port\n");
    is_deeply [$status, $err, rows($out)], [2, "probe: line 1: zero byte: \"127.0.0.1:$open_port\"\n", $both[1]],
        'a zero byte';
    ($status, $out, $err) = probe('');
    is_deeply [$status, $err, $out], [2, "probe: argument 1: no :PORT after the host: \"\"\n", ''], 'an empty argument';
    ($status, $out, $err) = probe_lines("x\ny\n");
    is_deeply [$status, $err, $out],
        [2, "probe: line 1: no :PORT after the host: \"x\"\nprobe: line 2: no :PORT after the host: \"y\"\n", ''],
        'nothing but bad lines: no table';
    my $same = "127.0.0.1:$open_port";
    ($status, $out, $err) = probe_lines("$same\n\n$same\n");
    is_deeply [$status, $err, rows($out)], [0, "probe: line 3: $same was given before (line 1): probed once\n", $both[0]],
        'a duplicate is told and probed once; that is no error';
}

# Usage.
for my $case (
    ['no targets', []], ['only a comment', ['-'], "# nothing\n"], ['-j 0', ['-j', '0']], ['-j 1001', ['-j', '1001']],
    ['-j -1', ['-j', '-1']], ['-j many', ['-j', 'many']], ['-j 1.5', ['-j', '1.5']], ['-j ""', ['-j', '']],
    ['-t 0', ['-t', '0']], ['-t -1', ['-t', '-1']], ['-t nan', ['-t', 'nan']], ['-t inf', ['-t', 'inf']],
    ['-t 1s', ['-t', '1s']], ['-t 1e9', ['-t', '1e9']], ['-x', ['-x']], ['--wrong', ['--wrong']], ['-j', ['-j']],
) {
    my ($name, $options, $input) = @$case;
    my @target = @$options && $name ne 'only a comment' && $name ne '-j' ? ("127.0.0.1:$open_port") : ();
    my ($status, $out, $err) = probe_lines(defined $input ? $input : '', @$options, @target);
    is_deeply [$status, $out], [2, ''], "$name: 2, no table";
    isnt $err, '', "$name: says why";
}
for my $option ('-h', '--help') {
    my ($status, $out, $err) = probe($option);
    is "$status$err", '0', "$option: 0";
    like $out, qr/^Usage: probe .*looked up before the first probe.*^Exit status:/ms, "$option: help on stdout";
    unlike $out, qr/.{121}/, "$option: lines fit";
}

# Many.
{
    my (@sockets, @targets, @expected);
    for my $i (1 .. 300) {
        my ($socket, $port) = $i % 3 ? listening() : bound();
        push @sockets, $socket;
        push @targets, "127.0.0.1:$port\n";
        push @expected, "127.0.0.1:$port 127.0.0.1 " . ($i % 3 ? 'open' : 'refused');
    }
    for my $jobs (1, 50, 300) {
        my ($status, $out, $err) = probe_lines(join('', @targets), "-j$jobs");
        is_deeply [$status, $err, rows($out)], [1, '', @expected], "300 targets in order, -j $jobs";
    }
    my ($status, $out, $err) = run(join('', @targets), 'sh', '-c', 'ulimit -n 16 && exec "$0" -j 4', $probe);
    is_deeply [$status, $err, rows($out)], [1, '', @expected], '300 targets with 16 descriptors: each is closed';
    ($status, $out, $err) = run(join('', @targets), 'sh', '-c', 'ulimit -S -n 16 && exec "$0" -j 200', $probe);
    is_deeply [$status, $err, rows($out)], [1, '', @expected], 'a soft limit that is too low for -j is raised';
}

# Ctrl-C, while the second of three does not answer.
SKIP: {
    skip 'no silent port on this system', 4 if !defined $quiet_port;
    my ($first, $first_port) = listening();
    my $pid = start('', $probe, '-j1', '-t30', map { "127.0.0.1:$_" } $first_port, $quiet_port, $open_port);
    my $bits = '';
    vec($bits, fileno($first), 1) = 1;
    select($bits, undef, undef, 20);    # the first probe has come
    sleep 0.3;
    my $before = time;
    kill 'INT', $pid;
    my ($status, $out, $err) = finish($pid);
    is $status, 130, 'Ctrl-C: 130';
    is_deeply [rows($out)], ["127.0.0.1:$first_port 127.0.0.1 open", "127.0.0.1:$quiet_port 127.0.0.1 interrupted",
        "127.0.0.1:$open_port - not probed"], 'Ctrl-C: what is known so far';
    is $err, '', 'Ctrl-C: and nothing else';
    cmp_ok time - $before, '<', 10, 'Ctrl-C: at once';
}

# A terminal, and a full disk.
SKIP: {
    my ($status) = run('', 'script', '-qec', 'true', '/dev/null');
    skip 'no script(1) of this kind', 2 if $status ne '0';
    my $out;
    ($status, $out) = run('', 'script', '-qec', "$probe 127.0.0.1:$open_port 127.0.0.1:$closed_port", '/dev/null');
    is $status, 1, 'in a terminal';
    like $out, qr/\rprobed 1 of 2\rprobed 2 of 2\r\e\[KTARGET .*^127\.0\.0\.1:$open_port /ms,
        'progress, erased before the table';
}
SKIP: {
    skip 'no /dev/full', 1 if !-e '/dev/full';
    my ($status, $out, $err) = run('', 'sh', '-c', "$probe 127.0.0.1:$open_port >/dev/full");
    like "$status $err", qr/^2 probe: standard output: /, 'a table that cannot be written is an error';
}

done_testing;
