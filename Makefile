# asyncio in C. The library is headers: nothing to build. `make help` lists the targets.

CC = cc
CXX = c++
CFLAGS = -g
# The tests' sanitizers; `make test SANITIZE=` for compilers that have none.
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined
PREFIX = /usr/local
JOBS = 2
# Of `make oracle`: how many programs, the first one's seed, and after how many seconds it ends anyhow.
N = 20000
SEED := $(shell date +%s)00000
LIMIT = 3600
export CC CXX JOBS

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wimplicit-fallthrough -Werror
FLAGS = -std=gnu11 -I. $(WARNINGS)
HEADERS = asyncio.h asyncio_task.h asyncio_loop.h $(wildcard asyncio/*.h)
TESTS = $(patsubst %.c,build/%,$(wildcard tests/test_*.c)) build/tests/multi_tu_c build/tests/multi_tu_cxx
# An example is a file or, of several files, a directory; those for boards have a build of their own.
EXAMPLES = $(patsubst %,build/%,$(basename $(wildcard examples/*.c examples/*.cc)) \
    $(patsubst %/,%,$(filter-out examples/firmware/,$(wildcard examples/*/))))
# Without -j from outside, what `make test` builds is built by $(JOBS) at once.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: help run examples test test-firmware sizes programs matrix sanitize oracle traces bench bench-check bench-record \
    structs install clean setup setup-test setup-matrix setup-oracle setup-bench FORCE
.DEFAULT_GOAL = help

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "    make %-13s %s\n", $$1, $$2 }' Makefile

run: build/examples/hello ## set up what is missing, then build and run examples/hello.c
	build/examples/hello
	@echo
	@echo 'That was examples/hello.c. Other examples, each started by `make run-<name>`:'
	@sed -n 's/^ \* \([a-z0-9_]*\)\(\.cc*\|, [a-z_]*\.[ch]\)* - \([^.?:]*[^ .?:]\).*/\1|\3/p' $(filter-out examples/hello.c,$(wildcard examples/*.c examples/*.cc examples/*/main.c)) | \
	    awk -F '|' '{ printf "    make run-%-18s %s\n", $$1, $$2 }'
	@echo
	@echo 'and what else there is:'
	@$(MAKE) --no-print-directory help

run-%: build/examples/% ## the same with another example, such as run-hello
	$<

examples: $(EXAMPLES) ## build all examples

test: ## set up what is missing, then build and run all tests
	+@$(MAKE) --no-print-directory $(PARALLEL) programs
	prove -j$(JOBS) --exec '' $(TESTS) $(wildcard tests/*.t)

programs: $(TESTS) $(EXAMPLES)

matrix: setup-matrix ## every test by every compiler, language and option (some twenty minutes)
	prove -v tests/matrix.sh

sanitize: setup-matrix ## every test with ASan and UBSan, TSan, MSan and valgrind
	prove -v tests/matrix.sh :: sanitizers

oracle: build/oracle/interpret | setup-oracle ## compare N=20000 random programs, from SEED= on, with CPython (some minutes)
	cd build/oracle && node ../../tests/oracle/oracle.mjs compare ./interpret $(N) $(SEED) $(JOBS) $(LIMIT)

traces: | setup-oracle ## record again what CPython does with tests/programs
	cd build/oracle && node ../../tests/oracle/oracle.mjs record $(abspath $(wildcard tests/programs/*.prog))

test-firmware: ## boards in emulators: programs, interrupts, the tests of the core, sizes (installs what it needs)
	@tests/setup.sh firmware
	prove --exec '' $(wildcard tests/firmware/*.t)

sizes: ## flash, RAM and stack on small chips, compared with bench/sizes.txt (installs what it needs)
	@tests/setup.sh firmware
	bench/sizes.pl

bench bench-check bench-record: export CFLAGS = -O2
bench: | setup-bench ## measure beside peers and the same work by hand: ROW=yield PEERS=libuv,go QUICK=1
	bench/run.py

bench-check: | setup-bench ## instructions per operation, by callgrind: fails where they grew by more than 3 %
	bench/instructions.py

structs: setup ## what a task, a Future, a loop take, per target and option
	bench/structs.sh

bench-record: | setup-bench
	bench/instructions.py --record

install: ## copy the headers and asyncio.pc to $(DESTDIR)$(PREFIX)
	mkdir -p '$(DESTDIR)$(PREFIX)/include/asyncio' '$(DESTDIR)$(PREFIX)/share/pkgconfig'
	cp asyncio.h asyncio_task.h asyncio_loop.h '$(DESTDIR)$(PREFIX)/include/'
	cp asyncio/*.h '$(DESTDIR)$(PREFIX)/include/asyncio/'
	{ echo 'prefix=$(PREFIX)'; \
	  echo 'includedir=$${prefix}/include'; \
	  echo; \
	  echo 'Name: asyncio'; \
	  echo "Description: Python's asyncio in C: header-only stackless coroutines"; \
	  echo "Version: $$(sed -n 's/^#define ASYNCIO_VERSION_[A-Z]* //p' asyncio.h | paste -s -d .)"; \
	  echo 'Cflags: -I$${includedir} -pthread'; \
	  echo 'Libs: -pthread'; \
	} > '$(DESTDIR)$(PREFIX)/share/pkgconfig/asyncio.pc'

clean: ## remove build/
	rm -rf build

setup:
	@tests/setup.sh run
setup-test:
	@tests/setup.sh test
setup-matrix:
	@tests/setup.sh test matrix
setup-oracle:
	@tests/setup.sh test oracle
setup-bench:
	@tests/setup.sh bench

build/tests/%: tests/%.c $(HEADERS) $(wildcard tests/*.h) build/flags | setup-test
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(CFLAGS) $(SANITIZE) $< -o $@ -pthread

# Those that are another test's source with an option flipped.
build/tests/test_alloc_freelist: tests/test_alloc.c
build/tests/test_timers_list: tests/test_timers.c

build/examples/%: examples/%.c $(HEADERS) $(wildcard examples/*.h) build/flags | setup
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -O2 $(CFLAGS) $< -o $@ -pthread

build/examples/%: examples/%.cc $(HEADERS) $(wildcard examples/*.h) build/flags | setup-test
	@mkdir -p $(@D)
	$(CXX) -std=c++11 -I. $(WARNINGS) -O2 $(CFLAGS) $< -o $@ -pthread

build/examples/%: examples/%/*.c $(HEADERS) $(wildcard examples/*/*.h) build/flags | setup
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -O2 $(CFLAGS) $(filter %.c,$^) -o $@ -pthread

build/oracle/interpret: tests/oracle/interpret.c $(wildcard tests/oracle/*.h) $(HEADERS) build/flags | setup
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -O2 $(CFLAGS) $(SANITIZE) $< -o $@ -pthread

# The same program twice: both units in C, and one of them in C++.
build/tests/multi_tu_c build/tests/multi_tu_cxx: $(wildcard tests/multi_tu/*) $(HEADERS) tests/tap.h build/flags | setup-test
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -Itests $(CFLAGS) $(SANITIZE) -c tests/multi_tu/main.c -o $@.main.o
	$(if $(filter %xx,$@),$(CXX) -x c++ $(filter-out -std=%,$(FLAGS)),$(CC) $(FLAGS)) \
	    $(CFLAGS) $(SANITIZE) -c tests/multi_tu/other.c -o $@.other.o
	$(if $(filter %xx,$@),$(CXX),$(CC)) $(SANITIZE) $@.main.o $@.other.o -o $@ -pthread

# Changes when the flags do, so that everything is built again then.
build/flags: FORCE
	@mkdir -p build
	@echo '$(CC) $(FLAGS) $(CFLAGS) $(SANITIZE)' | cmp -s - $@ || echo '$(CC) $(FLAGS) $(CFLAGS) $(SANITIZE)' > $@
