#!/usr/bin/perl
# The programs of examples/firmware on emulated boards, and what only interrupts can show: a clock that wraps, an idle
# minute, interrupts at any moment. Simulated time; but what is typed into QEMU comes in real time.
use strict;
use warnings;
use Test::More;

my %flags = (microbit => '-DMICROBIT');
my @boards = @ARGV ? @ARGV : qw(microbit an385 an386 virt32 atmega328p attiny85);
my $dir = 'build/firmware';
my $null = '</dev/null 2>/dev/null';
mkdir 'build';
mkdir $dir;
if (grep /^at/, @boards) {
    my $text = `gcc -O2 -Wall -Wextra -Werror tests/firmware/simavr.c -o $dir/simavr -lsimavr -lelf 2>&1`;
    is($text, '', 'the emulator of AVRs');
}

sub build {
    my ($board, $name, $sources) = @_;
    my $small = $board eq 'attiny85' ? 'SMALL=1' : '';
    my $text = `$small examples/firmware/build.sh $board $dir/$board-$name.elf $sources 2>&1`;
    is($text, '', "$board: $name builds without a word");
    return $text eq '';
}
sub run {
    my ($board, $name, $arguments) = @_;
    my $text = `tests/firmware/run.sh $board $dir/$board-$name.elf $arguments`;
    $text =~ s/\r//g;
    return ($text, $? >> 8);
}

# What the LEDs did, of a program that never ends: the first lines as [ms, led, on].
sub leds {
    my ($board, $name, $count, $events) = @_;
    my @seen;
    my $arguments = $board =~ /^at/ ? "5000 $events -" : '';
    my $pid = open my $out, '-|', "exec tests/firmware/run.sh $board $dir/$board-$name.elf $arguments $null" or die;
    while (@seen < $count && defined(my $line = <$out>)) {
        push @seen, [$1, $2, $3] if $line =~ /^(\d+) led(\d) (on|off)/;
        push @seen, [$1, $2 == ($board eq 'attiny85' ? 0 : 5) ? 0 : 1, $3] if $line =~ /^(\d+) B([0145]) (on|off)/;
    }
    kill TERM => $pid;
    close $out;
    return @seen;
}

# Within `late` ms, in any order where times are equal.
sub leds_are {
    my ($seen, $want, $late, $what) = @_;
    my @left = @$seen;
    my $good = @left == @$want;
    foreach my $change (@$want) {
        my ($i) = grep {
            $left[$_][1] == $change->[1] && $left[$_][2] eq $change->[2] && $left[$_][0] >= $change->[0] - 1 &&
                $left[$_][0] <= $change->[0] + $late
        } 0 .. $#left;
        if (defined $i) { splice @left, $i, 1 } else { $good = 0 }
    }
    ok($good, $what) or diag join "\n", map { "@$_" } @$seen;
}

my @blinky = sort { $a->[0] <=> $b->[0] } map({ [500 * $_, 0, $_ % 2 ? 'off' : 'on'] } 0 .. 5),
    map({ [300 * $_, 1, $_ % 2 ? 'off' : 'on'] } 0 .. 8);
my @pressed = ([0, 0, 'on'], [500, 0, 'off'], [1000, 0, 'on'], [1223, 0, 'off'], [1223, 0, 'on'],
    map({ [1223 + 100 * $_, 0, $_ % 2 ? 'off' : 'on'] } 1 .. 10), [2321, 0, 'off'], [2321, 0, 'on'],
    map { ([2371 + 500 * $_, 0, 'off'], [2821 + 500 * $_, 0, 'on']) } 0 .. 3);
my $finger = '0:D2=1 1200:D2=0 1202:D2=1 1203:D2=0 1500:D2=1 1501:D2=0 1502:D2=1 2300:D2=0 2600:D2=1 ' .
    '3600:D2=0 3605:D2=1';
my $supervised = "0 on\n50 off\nfailed with 0\n150 on\n200 off\nfailed with 0\n400 on\n1450 off\nfailed with 1\n" .
    "1550 on\n1600 off\nfailed with 1\n1800 on\n1850 off\nfailed with 1\ngiven up: error 1\nstarts: 5\n";
my %wakes = (microbit => 2, an385 => 2, an386 => 2, virt32 => 2, atmega328p => 16);

foreach my $board (@boards) {
    my $options = $flags{$board} // '';
    my $late = $board eq 'attiny85' ? 40 : 8;
    foreach my $start ('', '0x7ffff000', '0xfffff000') {
        my $where = $start eq '' ? '' : " -DBOARD_CLOCK_START=$start";
        build($board, 'blinky', "$options$where examples/firmware/blinky.c") or next;
        leds_are([leds($board, 'blinky', scalar @blinky, '')], \@blinky, $late, "$board: blinky$where");
    }
    next if $board eq 'attiny85';

    if (build($board, 'supervisor', 'examples/firmware/supervisor.c')) {
        my ($text, $status) = run($board, 'supervisor', "20000 $null");
        $text =~ s/(?:led0|B5) //g;
        $text =~ s/^(\d+) /int($1 \/ 10 + 0.1) * 10 . ' '/gem;
        is($text, $supervised, "$board: supervisor");
        is($status, 0, "$board: supervisor ends");
    }

    if (build($board, 'console', 'examples/firmware/console.c')) {
        my ($text, $status);
        if ($board eq 'atmega328p') {
            my ($code, $data, $bss) = (split ' ', (`avr-size $dir/$board-console.elf`)[1])[0 .. 2];
            diag sprintf '%s: the line editor: %d of 32768 bytes of flash, %d of 2048 of RAM', $board, $code + $data, $data + $bss;
            cmp_ok($code + $data, '<=', 32768, "$board: its flash");
            cmp_ok($data + $bss, '<=', 2048 - 400, "$board: its RAM, with a stack of 400 bytes");
        }
        if ($board =~ /^at/) {
            ($text, $status) = run($board, 'console',
                "20000 '700:read 4\\' 1300:rxa'\b\b''ead 5\\' '2500:foo\\' '2700:quit\\' $null");
        } else {
            my $keys = '(sleep 0.7; for line in "read 4" "rxa\b\bead 5" foo quit; do printf "$line\r"; sleep 0.7; done)';
            $text = `$keys | TIME=' ' LIMIT=30 tests/firmware/run.sh $board $dir/$board-console.elf`;
            $status = $? >> 8;
            $text =~ s/\r//g;
        }
        like($text, qr/\A> read 4\n(?:\d+ ms: .*\n){4}> rxa[\b] [\b][\b] [\b]ead 5\n(?:\d+ ms: .*\n){5}> foo\nread \[n\], quit\n> quit\nbye, 0 lost\n\z/,
            "$board: the line editor");
        is($status, 0, "$board: it ends");
        my ($bad, $last) = (0);
        while ($text =~ /^(\d+) ms: (?:(\d+)|timed out)$/gm) {
            my ($ms, $value) = ($1, $2);
            my $number = int($ms / 100 + 0.5) + 1;
            $bad++ if abs($ms - ($number - 1) * 100) > ($board =~ /^at/ ? 1 : 30);
            $bad++ if $number % 4 == 0 ? defined $value : ($value // 0) != 200 + $number;
            $bad++ if defined $last && $number <= $last;
            $last = $number;
        }
        is($bad, 0, "$board: every sample on time, every fourth timed out") or diag $text;
    }

    my $sources = "$options tests/firmware/finger.c";
    $sources = $options if $board !~ /^(?:microbit|an38)/;
    if ($board ne 'virt32' && build($board, 'button', "examples/firmware/button.c $sources")) {
        leds_are([leds($board, 'button', scalar @pressed, $finger)], \@pressed, 8, "$board: button");
    }

    if (build($board, 'idle', "tests/firmware/idle.c $sources")) {
        my ($text, $status) = run($board, 'idle', "70000 0:D2=1 61000:D2=0 61001:D2=1 61500:D2=0 62000:D2=1 $null");
        my ($wakes, $ms, $more, $later) = $text =~ /(\d+)$/gm;
        cmp_ok($wakes, '<=', $wakes{$board}, "$board: an idle minute takes $wakes wake-ups");
        cmp_ok(abs($ms - 60000), '<=', 2, "$board: it is a minute");
        cmp_ok($more, '>', 4, "$board: interrupts that want nothing wake it, too") if $board ne 'virt32';
        cmp_ok(abs($later - 5000), '<=', 2, "$board: and no sleep is shorter or longer for that");
    }

    next if $board eq 'virt32'; # has no timer besides the port's
    if (build($board, 'storm', "$options tests/firmware/storm.c")) {
        my ($text, $status) = run($board, 'storm', "30000 $null");
        my ($received, $dropped) = $text =~ /(\d+)/g;
        is($status, 0, "$board: 20000 interrupts at any moment") or diag $text;
        is($received + $dropped, 20000, "$board: each item received, or counted as dropped");
    }
    if (build($board, 'storm', "$options -DNO_LOCK tests/firmware/storm.c")) {
        local $ENV{LIMIT} = 20;
        my ($text, $status) = run($board, 'storm', "30000 $null");
        isnt($status, 0, "$board: without the critical section that fails");
    }
}
done_testing;
