# asyncio in C. `make help` lists the targets.

CC = cc
CXX = c++
CFLAGS = -O1 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror
FLAGS = -I. $(WARNINGS) $(CFLAGS)
HEADERS = asyncio.h asyncio_task.h asyncio_loop.h $(wildcard asyncio/*.h)
TESTS = $(patsubst tests/%.c,build/tests/%,$(wildcard tests/test_*.c))

.PHONY: all test clean
all: test

build/tests/%: tests/%.c $(HEADERS) tests/tap.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(FLAGS) $< -o $@ -pthread

test: $(TESTS)
	prove --exec '' $(TESTS)

clean:
	rm -rf build
