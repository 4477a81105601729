/* SPDX-License-Identifier: MIT
 *
 * structs.c - what things take in RAM. Compiled for a target, not run there: each size is that of an array.
 */
#include "asyncio.h"

char size_of_task[sizeof(asyncio_task)]; /* with an empty frame; its timer lies in it */
char size_of_frame[sizeof(asyncio_coro)];
char size_of_future[sizeof(asyncio_future)];
char size_of_handle[sizeof(asyncio_handle)];
char size_of_loop[sizeof(asyncio_loop)];
char size_of_lock[sizeof(asyncio_lock)];
char size_of_queue[sizeof(asyncio_queue)];
char size_of_timeout[sizeof(asyncio_timeout)];
