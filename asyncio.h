/* SPDX-License-Identifier: MIT
 *
 * asyncio.h - Python's asyncio in C: concurrency without threads and without callbacks. Header only.
 *
 *     #include "asyncio.h"
 *     #include <stdio.h>
 *
 *     ASYNC(child, int n;)
 *     {
 *         ASYNC_BEGIN;
 *         printf("started %d\n", self->n);
 *         ASYNC_AWAIT(asyncio_sleep(1));
 *         printf("finished %d\n", self->n);
 *         ASYNC_END;
 *     }
 *
 *     ASYNC(main_coro)
 *     {
 *         ASYNC_BEGIN;
 *         asyncio_create_task(ASYNC_NEW(child, .n = 7));
 *         puts("before sleep");
 *         ASYNC_AWAIT(asyncio_sleep(0));
 *         puts("after sleep");
 *         ASYNC_END;
 *     }
 *
 *     int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
 *
 * It prints `before sleep`, `started 7`, `after sleep`: run() cancels what is left when main returns, as Python does.
 *
 * asyncio_task.h has the rules (read them once: a local does not survive an await) and the lifetime of tasks. Hosted it
 * needs a POSIX system, gcc, clang or tcc, and uthash.h; freestanding, a compiler and a port (asyncio_loop.h). With a
 * strict -std=c99 include it before libc's headers, which otherwise hide what it needs of POSIX.
 *
 *     Python                                      here
 *     async def f(n): ...                         ASYNC(f, int n;) { ASYNC_BEGIN; ... ASYNC_END; }
 *     await f(7)                                  ASYNC_AWAIT(ASYNC_IN(&self->sub, f, .n = 7))       no heap
 *     x = await f(7)                              ASYNC_AWAIT_INTO(self->x, ASYNC_NEW(f, .n = 7))    one malloc
 *     try: await y / except Exception             ASYNC_CATCH(self->err, y); if (self->err == ...)
 *     try: ... finally: ...                       ... ASYNC_FINALLY; ...
 *     return x, raise E                           ASYNC_RETURN(x), ASYNC_RAISE(err)
 *     asyncio.create_task(f(7))                   asyncio_create_task(ASYNC_NEW(f, .n = 7))
 *     t = asyncio.create_task(f(7)); await t      asyncio_create_task(ASYNC_NEW(f, .n = 7), .into = &self->t);
 *                                                 ASYNC_AWAIT(self->t); asyncio_task_release(self->t)
 *     asyncio.run(main())                         asyncio_run(ASYNC_NEW(main_coro))
 *
 * One loop runs per thread. Every function belongs to the loop's thread, but asyncio_call_soon_threadsafe, the
 * asyncio_handle_cancel of what that was given, and what asyncio/threads.h has. Signals: asyncio_run handles SIGINT if
 * nobody else does; other signals are touched only by asyncio_add_signal_handler.
 */
#ifndef ASYNCIO_H
#define ASYNCIO_H

#define ASYNCIO_VERSION_MAJOR 0
#define ASYNCIO_VERSION_MINOR 1
#define ASYNCIO_VERSION_PATCH 0

#include "asyncio_loop.h"
#include "asyncio_task.h"
#include "asyncio/completed.h"
#include "asyncio/contexts.h"
#include "asyncio/graph.h"
#include "asyncio/interrupts.h"
#include "asyncio/locks.h"
#include "asyncio/queues.h"
#include "asyncio/scopes.h"
#include "asyncio/taskgroups.h"
#include "asyncio/tasks.h"
#include "asyncio/timeouts.h"

#include "asyncio/runners.h"
#if ASYNCIO_SELECTORS
#include "asyncio/selector_events.h"
#include "asyncio/unix_events.h"
#if ASYNCIO_THREADS
#include "asyncio/threads.h"
#endif
#endif

#endif /* ASYNCIO_H */

/*
 * Copyright (c) 2026 the asyncio.h authors
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
 * documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
 * rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
 * permit persons to whom the Software is furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
 * Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
 * WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
 * COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
 * OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
 */
