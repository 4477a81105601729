#!/bin/sh
# `make install` into a directory of its own, then a program that is compiled with what pkg-config says about it.
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
count=0

check() {
    count=$((count + 1))
    name=$1
    shift
    if "$@" >"$root/log" 2>&1; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        sed 's/^/# /' "$root/log"
    fi
}

cat >"$root/program.c" <<'END'
#include <asyncio.h>
#include <asyncio_loop.h>
#include <asyncio_task.h>
#include <asyncio/runners.h>

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    printf("%d.%d.%d\n", ASYNCIO_VERSION_MAJOR, ASYNCIO_VERSION_MINOR, ASYNCIO_VERSION_PATCH);
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
END

# As a package would be built: PREFIX is where it will be, DESTDIR where it is now.
PKG_CONFIG_PATH=$root/staged/opt/asyncio/share/pkgconfig
export PKG_CONFIG_PATH
unset MAKEFLAGS MFLAGS MAKELEVEL
config() { pkg-config --define-variable=prefix="$root/staged/opt/asyncio" "$@" asyncio; }
compiles() { (cd "$root" && "${CC:-cc}" $(config --cflags) program.c -o program $(config --libs)); }
same_headers() {
    for header in asyncio.h asyncio_task.h asyncio_loop.h asyncio/*.h; do
        cmp "$header" "$root/staged/opt/asyncio/include/$header" || return 1
    done
}
nothing_else() { [ "$(find "$root/staged" -type f | wc -l)" -eq $(($(ls asyncio.h asyncio_*.h asyncio/*.h | wc -l) + 1)) ]; }
version() { [ "$("$root/program")" = "$(config --modversion)" ]; }
prefix() { [ "$(pkg-config --variable=includedir asyncio)" = /opt/asyncio/include ]; }

check 'make install' make --no-print-directory install PREFIX=/opt/asyncio DESTDIR="$root/staged"
check 'every header, as it is here' same_headers
check 'and asyncio.pc, but nothing else' nothing_else
check 'asyncio.pc knows the prefix, not the staging directory' prefix
check 'a program compiles with what pkg-config says' compiles
check 'it prints the version that asyncio.pc has' version
check 'installing again does no harm' make --no-print-directory install PREFIX=/opt/asyncio DESTDIR="$root/staged"
echo "1..$count"
