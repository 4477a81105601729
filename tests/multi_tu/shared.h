/* SPDX-License-Identifier: MIT
 *
 * Two translation units of one program: main.c has the loop, other.c a coroutine and questions about the loop.
 */
#ifndef SHARED_H
#define SHARED_H

#include "asyncio.h"

ASYNC_DECLARE(doubled, int n; asyncio_task **me;);

#ifdef __cplusplus
extern "C" {
#endif

asyncio_loop *other_running_loop(void);
asyncio_task *other_current_task(void);
int other_create(int n, asyncio_task **into);
int other_settle(asyncio_future *future);
bool other_is_cancelled(asyncio_task *task);
int other_run(void);

#ifdef __cplusplus
}
#endif
#endif
