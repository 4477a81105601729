#!/usr/bin/perl
# What the library takes of small chips: flash, RAM, stack. Prints the table, and compares it with the stored one.
#
#     bench/sizes.pl            compare with bench/sizes.txt: more than 2 % larger anywhere is an error
#     bench/sizes.pl --update   write that file
#
# Flash counts the initial values of variables, too. Programs: bench/size/*.c and examples/firmware/blinky.c, at -Os.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

my $root = abs_path(dirname($0) . '/..');
my $stored = "$root/bench/sizes.txt";
my @boards = qw(microbit an385 an386 virt32 atmega328p attiny85);
my %tools = (microbit => 'arm-none-eabi-', an385 => 'arm-none-eabi-', an386 => 'arm-none-eabi-',
    virt32 => 'riscv64-unknown-elf-', atmega328p => 'avr-', attiny85 => 'avr-');
my @heads = qw(Cortex-M0 Cortex-M3 Cortex-M4 RV32 ATmega328P ATtiny85);
my @features = ([TIMERS => ''], [CALLBACKS => ''], [CANCELLATION => ''], [FUTURES => ''], [GATHER => ''], [LOCK => ''],
    [EVENT => ''], [QUEUE => ''], [TIMEOUT => ''], [TASKGROUP => ''], [ISR_EVENT => ''], [ISR_QUEUE => ''],
    [NAMES => '-DASYNCIO_NAMES=1'], [CALL_GRAPH => ''], [REPORTS => '-DASYNCIO_REPORTS=1']);
my $work = tempdir(CLEANUP => 1);
chdir $work;

# A program's flash and RAM, or nothing where it does not fit.
sub build {
    my ($board, $source, %options) = @_;
    my $small = $options{full} ? '' : 'SMALL=1';
    my $more = $options{more} // '';
    my $text = `LEDS=1 $small $root/examples/firmware/build.sh $board $work/program.elf $more $root/$source 2>&1`;
    if ($? != 0) {
        die "$board, $source: $text" unless $text =~ /will not fit|overflowed|not within region/;
        return;
    }
    my ($flash, $data, $bss) = (split ' ', (`$tools{$board}size $work/program.elf`)[1])[0 .. 2];
    return ($flash + $data, $data + $bss);
}

# Frames from main down to a coroutine's body.
my @chain = qw(main asyncio_run_until_complete asyncio_run_until_future asyncio_run_forever asyncio__run_once
    asyncio__run_ready asyncio__run_node asyncio__step asyncio__step_in asyncio__step_on);
sub stack {
    my ($board) = @_;
    unlink glob "$work/*.su";
    build($board, 'examples/firmware/blinky.c', more => '-fstack-usage') or return;
    my %frame;
    foreach my $file (glob "$work/*.su") {
        open my $in, '<', $file or die;
        /:(\w+)[\w.]*\t(\d+)\t/ and $frame{$1} = $2 foreach <$in>;
    }
    my $sum = 0;
    $sum += $frame{$_} // 0 foreach @chain;
    return $sum;
}

sub structs {
    my ($board) = @_;
    my $flags = $board =~ /^at/ ? "-mmcu=$board" : $board eq 'virt32' ? '-march=rv32imac -misa-spec=2.2 -mabi=ilp32'
        : "-mthumb -mcpu=cortex-m" . { microbit => 0, an385 => 3, an386 => 4 }->{$board};
    my $small = '-DASYNCIO_TINY=1';
    my %size;
    foreach my $options ($small, '') {
        system("$tools{$board}gcc $flags -Os -std=c99 -ffreestanding -I$root $options -c $root/bench/size/structs.c -o $work/structs.o") == 0 or die;
        foreach (`$tools{$board}nm -S $work/structs.o`) {
            my ($size, $name) = /^\w+ (\w+) . size_of_(\w+)/ or next;
            $size{$options eq '' ? "$name, all options" : $name} = hex $size;
        }
    }
    return %size;
}

my (@rows, %table);
sub figure {
    my ($board, $row, $value) = @_;
    push @rows, $row unless grep { $_ eq $row } @rows;
    $table{$row}{$board} = $value if defined $value;
}

sub measure {
    my ($board) = @_;
    my ($base, $base_ram) = build($board, 'bench/size/base.c');
    figure($board, 'start-up code and port: flash', $base);
    foreach (['by hand', 'bench/size/by_hand.c'], ['protothreads', 'bench/size/protothreads.c'],
        ['here', 'examples/firmware/blinky.c'], ['here, all options', 'examples/firmware/blinky.c', full => 1]) {
        my ($name, $source, @options) = @$_;
        my ($flash, $ram) = build($board, $source, @options);
        figure($board, "blinky, $name: flash", defined $flash ? $flash - $base : undef);
        figure($board, "blinky, $name: RAM", defined $flash ? $ram - $base_ram : undef);
    }
    figure($board, 'blinky: stack of run()', stack($board));
    my %size = structs($board);
    figure($board, "sizeof $_", $size{$_}) foreach map({ ($_, "$_, all options") } qw(task frame future handle loop)),
        qw(lock queue timeout);
    my ($least) = build($board, 'bench/size/features.c');
    figure($board, 'two tasks that give way: flash', defined $least ? $least - $base : undef);
    foreach (@features) {
        my ($feature, $options) = @$_;
        my $name = lc $feature;
        my ($with) = defined $least ? build($board, 'bench/size/features.c', more => "-DWITH_$feature $options") : ();
        figure($board, "  with ". ($name =~ tr/_/ /r) . ': flash', defined $with ? $with - $least : undef);
    }
}

sub compilers { return join '', map { '# ' . (split /\n/, `${_}gcc --version`)[0] . "\n" } qw(arm-none-eabi- riscv64-unknown-elf- avr-) }

sub text {
    my $text = sprintf "%-36s%s\n", '# bytes', join '', map { sprintf '%11s', $_ } @heads;
    foreach my $row (@rows) {
        $text .= sprintf "%-36s%s\n", $row, join '', map { sprintf '%11s', $table{$row}{$_} // '-' } @boards;
    }
    return $text;
}

measure($_) foreach @boards;
print text();
if (@ARGV && $ARGV[0] eq '--update') {
    open my $out, '>', $stored or die "$stored: $!";
    print $out compilers(), text();
    exit 0;
}

open my $in, '<', $stored or die "$stored: $!";
my @lines = <$in>;
my $compilers = join '', grep { /^# .*\bgcc\b/ } @lines;
if ($compilers ne compilers()) {
    print "# other compilers than those of bench/sizes.txt: not compared\n";
    exit 0;
}
my ($grown, $shrunk) = (0, 0);
foreach (@lines) {
    next if /^#/;
    /^(.{36})(.*)$/ or next;
    my ($row, @was) = ($1, split ' ', $2);
    $row =~ s/ +$//;
    foreach my $i (0 .. $#boards) {
        my $now = $table{$row}{$boards[$i]} // '-';
        next if $now eq $was[$i];
        if ($was[$i] ne '-' && ($now eq '-' || $now > $was[$i] + abs($was[$i]) * 0.02)) {
            print "# $heads[$i]: $row: grew from $was[$i] to ", $now eq '-' ? 'more than there is' : $now, "\n";
            $grown++;
        } elsif ($was[$i] eq '-' || $now < $was[$i] - abs($was[$i]) * 0.02) {
            print "# $heads[$i]: $row: shrank from $was[$i] to $now\n";
            $shrunk++;
        }
    }
}
print "# `bench/sizes.pl --update` and commit bench/sizes.txt, if that is meant to be.\n" if $grown || $shrunk;
exit($grown ? 1 : 0);
