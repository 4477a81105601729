/* SPDX-License-Identifier: MIT
 *
 * size.c - what things weigh. Compiled for a target, not run there: each size is the size of an array, which
 * structs.sh reads with nm -S; so it works with any compiler and any options.
 */
#include "asyncio_loop.h"

char asyncio_bench_size_task[sizeof(asyncio_task)];
char asyncio_bench_size_coro[sizeof(asyncio_coro)];
char asyncio_bench_size_future[sizeof(asyncio_future)];
char asyncio_bench_size_handle[sizeof(asyncio_handle)];
char asyncio_bench_size_loop[sizeof(asyncio_loop)];
