#!/bin/bash
# Every test compiled by every compiler in every language standard that the library promises, and run in some of them,
# at every level and under every sanitizer. One TAP line per cell; what a failing cell said follows it. JOBS cells run at
# a time (2).
#
#     tests/matrix.sh [standards] [levels] [targets] [sanitizers] [units] [options] [firmware]        default: all
set -u
cd "$(dirname "$0")/.." || exit 1
export MATRIX=1 LC_ALL=C
groups=${*:-options standards levels targets sanitizers units firmware}
house='-I. -Itests -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror'
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
started=0 printed=0 failed=0

# Prints what has ended, in the order in which it was started.
print_ended() {
    while [ -e "$work/$((printed + 1)).end" ]; do
        printed=$((printed + 1))
        cat "$work/$printed.tap"
        grep -q '^not ok' "$work/$printed.tap" && failed=1
        rm -f "$work/$printed.tap" "$work/$printed.end"
    done
}

# cell <name> <command...>: runs the command in a directory of its own, $cell, as soon as there is a place.
cell() {
    local name=$1
    shift
    while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-2}" ]; do
        wait -n
        print_ended
    done
    started=$((started + 1))
    (
        trap - EXIT
        number=$started cell=$work/$started SECONDS=0
        mkdir "$cell"
        if "$@" >"$cell/log" 2>&1 </dev/null; then
            echo "ok $number - $name, $SECONDS s"
            sed -n 's/^# note: /# /p' "$cell/log"
        else
            echo "not ok $number - $name, $SECONDS s"
            grep '^===' "$cell/log" | sed 's/^/# /'
            grep -v '^ok ' "$cell/log" | head -n 200 | sed 's/^/# /'
        fi >"$work/$number.tap"
        rm -rf "$cell"
        : >"$work/$number.end"
    ) &
}

# The flags of a compiler for a file: strict, unless the file includes a header of libc before the library's.
standard() {
    local standard=$1 file=$2 first
    first=$(sed -n 's/^#include *\([<"][^>"]*\).*/\1/p' "$file" | head -n 1)
    case $first in
    '<'*) echo "-std=gnu${standard#c}" ;;
    '"test_'*) standard "$standard" "tests/${first#?}" ;;
    *) echo "-std=$standard" ;;
    esac
}

# Not valid C++: these hand string literals to callbacks as `void *`. Files that are not listed must be.
c_only='base_events freestanding no_task_list oracle programs runners timers timers_list virtual'
is_c_only() { case " $c_only " in *" $(basename "$1" .c | sed 's/^test_//') "*) ;; *) return 1 ;; esac; }

# The list above is not longer than it has to be.
list_is_right() {
    local name bad=0
    for name in $c_only; do
        ! compile g++ c++17 -fsyntax-only "tests/test_$name.c" 2>/dev/null || {
            echo "=== tests/test_$name.c is valid C++: take it off c_only"
            bad=1
        }
    done
    return $bad
}

# compile <compiler> <standard> <flags> <file> <output...>
compile() {
    local compiler=$1 std=$2 flags=$3 file=$4 language=c
    shift 4
    case $std in c++*) language=c++ ;; esac
    case $std:$file in # its volatile local is the point; C++20 deprecates chained assignment to one
    c++20:*/test_poison.c) flags="$flags -Wno-deprecated-volatile -Wno-volatile -Wno-unknown-warning-option" ;;
    esac
    $compiler $house $(standard "$std" "$file") $flags -x $language "$file" -x none "$@" -pthread
}

# tests <compiler> <standard> <flags> [runner] [files]: compiles every test and runs it. Lists what failed.
tests() {
    local compiler=$1 std=$2 flags=$3 runner=${4:-} files=${5:-tests/test_*.c} file bad=0
    for file in $files; do
        case $std in c++*) ! is_c_only "$file" || { echo "# note: $file is C only"; continue; } ;; esac
        if ! compile "$compiler" "$std" "$flags" "$file" -o "$cell/test"; then
            echo "=== $file: does not compile"
            bad=1
        elif ! timeout 300 $runner "$cell/test" >"$cell/out" 2>"$cell/err" || grep -q '^not ok' "$cell/out"; then
            echo "=== $file: fails"
            grep -v '^ok ' "$cell/out"
            tail -n 40 "$cell/err"
            bad=1
        fi
    done
    return $bad
}

# accepted <compiler> <standard> <flags>: compiles every test, without running it. Lists what failed.
accepted() {
    local file bad=0
    for file in tests/test_*.c; do
        case $2 in c++*) ! is_c_only "$file" || continue ;; esac
        compile "$1" "$2" "$3 -fsyntax-only" "$file" || { echo "=== $file: does not compile"; bad=1; }
    done
    return $bad
}

# env_tests <variable=value> ...: the same with a variable in the environment.
env_tests() {
    export "$1"
    shift
    tests "$@"
}

# examples <compiler> <standard> <flags>: compiles every example of one file.
examples() {
    local compiler=$1 std=$2 flags=$3 file bad=0
    for file in examples/*.c; do
        compile "$compiler" "$std" "$flags" "$file" -c -o "$cell/example.o" || { echo "=== $file"; bad=1; }
    done
    return $bad
}

# Two translation units, each by a compiler of its own.
two_units() {
    $1 $house -c tests/multi_tu/main.c -o "$cell/main.o" &&
        $2 $house -c tests/multi_tu/other.c -o "$cell/other.o" &&
        $3 "$cell/main.o" "$cell/other.o" -o "$cell/program" -pthread && "$cell/program" >"$cell/out" || {
        cat "$cell/out"
        return 1
    }
}

# musl-gcc does not look into /usr/include, where uthash.h is. The tests' own FD_ISSET converts signs with musl's headers.
musl() {
    mkdir "$cell/include"
    ln -s /usr/include/uthash.h /usr/include/utlist.h "$cell/include"
    script tests/headers.t "musl-gcc -std=c99 -isystem $cell/include" &&
        tests musl-gcc c99 "-O1 -isystem $cell/include -Wno-sign-conversion"
}

# tcc knows neither the house's warnings nor `-x none` nor atomics, so no threads.
tiny() {
    local file bad=0
    for file in tests/test_*.c examples/hello.c; do
        ! grep -q __atomic "$file" || { echo "# note: not $file: no atomics"; continue; }
        if ! tcc -Wall -Werror -I. -Itests "$file" -o "$cell/test" -pthread; then
            echo "=== $file: does not compile"
            bad=1
        elif ! timeout 300 "$cell/test" >"$cell/out" 2>"$cell/err" || grep -q '^not ok' "$cell/out"; then
            echo "=== $file: fails"
            grep -v '^ok ' "$cell/out"
            bad=1
        fi
    done
    return $bad
}

script() { "$@" 2>&1 | sed 's/^# \(.* bytes of code.*\)/# note: \1/' && return "${PIPESTATUS[0]}"; }

for group in $groups; do
    case $group in
    options)
        cell 'every option' script tests/config.t
        cell 'mistakes that must not compile, by four compilers' script tests/compile_fail.t
        ;;
    standards)
        cell 'what is not valid C++ is still not' list_is_right
        for level in -O0 -O2; do
            for std in c99 c11 c17 c++11 c++17 c++20; do
                for compiler in gcc clang; do
                    case $std in c++*) compiler=${compiler/gcc/g}++ ;; esac
                    cell "$compiler -std=$std $level: headers" script tests/headers.t "$compiler -std=$std $level"
                    cell "$compiler -std=$std $level: examples" examples $compiler $std $level
                    # the compiler's code differs from level to level, hardly from standard to standard
                    case $level:$std in
                    -O0:c99 | -O0:c++11 | -O2:c17 | -O2:c++20) how='tests' ;;
                    *) how='accepted' ;;
                    esac
                    cell "$compiler -std=$std $level: $how" $how $compiler $std $level
                done
            done
        done
        ;;
    levels)
        cell 'gcc -O3: tests' tests gcc c11 -O3 # -O1: the sanitizers have it; gcc -Os: the boards
        cell 'clang -Os: tests' tests clang c11 -Os
        ;;
    targets)
        # the 32-bit headers of the kernel are the 64-bit ones, but elsewhere
        multiarch="-m32 -idirafter /usr/include/$(gcc -print-multiarch)"
        cell 'gcc -m32: tests' tests gcc c99 "-O2 $multiarch"
        cell 'g++ -m32: tests' tests g++ c++11 "-O1 $multiarch"
        cell 'musl: headers, tests' musl
        cell 'tcc: tests' tiny
        ;;
    sanitizers)
        sanitize='-g -fno-omit-frame-pointer -fno-sanitize-recover=all'
        # test_poison commits on purpose the mistake that MSan and valgrind find; under MSan signal() answers an address
        # of MSan's own for a handler that sigaction() set, which test_runners compares
        clean=$(ls tests/test_*.c | grep -v poison)
        threads=$(grep -l pthread_create tests/test_*.c)
        # gcc's ASan and UBSan: `make test`
        cell 'clang ASan, UBSan' tests clang c11 "-O1 $sanitize -fsanitize=address,undefined"
        cell 'clang++ ASan, UBSan' tests clang++ c++17 "-O1 $sanitize -fsanitize=address,undefined"
        cell 'gcc TSan: tests with threads' tests gcc c11 "-O1 $sanitize -fsanitize=thread" '' "$threads"
        cell 'clang TSan: tests with threads' tests clang c11 "-O1 $sanitize -fsanitize=thread" '' "$threads"
        cell 'clang MSan' tests clang c11 "-O1 $sanitize -fsanitize=memory" '' "${clean/tests\/test_runners.c/}"
        cell 'gcc ASan, UBSan: all programs cancelled and starved everywhere' env_tests PROGRAMS=all gcc c11 \
            "-O1 $sanitize -fsanitize=address,undefined" '' tests/test_programs.c
        cell 'valgrind' tests gcc c11 '-O1 -g' 'valgrind -q --error-exitcode=9 --leak-check=full' "$clean"
        ;;
    units)
        cell 'two units: gcc C + gcc C' two_units 'gcc -std=c99' 'gcc -std=c99' gcc
        cell 'two units: clang C + clang C, optimised' two_units 'clang -std=c99 -O2' 'clang -std=c11 -O2' clang
        cell 'two units: gcc C + g++' two_units 'gcc -std=c99' 'g++ -x c++ -std=c++11' g++
        cell 'two units: clang C + clang++' two_units 'clang -std=c17 -O1' 'clang++ -x c++ -std=c++20' clang++
        cell 'two units: gcc C + clang C, of different levels' two_units 'gcc -std=c99 -O2' 'clang -std=c99' gcc
        cell 'two units: g++ + gcc C, at link time optimised' two_units 'g++ -x c++ -std=c++17 -O2 -flto' \
            'gcc -std=c99 -O2 -flto' 'g++ -O2 -flto=1'
        cell 'two units: gcc C + gcc C, TSan' two_units 'gcc -std=c99 -fsanitize=thread' \
            'gcc -std=c99 -fsanitize=thread' 'gcc -fsanitize=thread'
        ;;
    firmware)
        cell 'Cortex-M0 without libc' script tests/firmware.t
        ;;
    *)
        echo "Bail out! no such group: $group"
        exit 2
        ;;
    esac
done
while [ "$printed" -lt "$started" ]; do
    wait -n
    print_ended
done
echo "1..$started"
exit $failed
