/* SPDX-License-Identifier: MIT */
#ifndef WORKER_H
#define WORKER_H

#include "asyncio.h"

/* Waits until `go` is done, then counts to `count`. Its result is the sum of what it counted. */
ASYNC_DECLARE(worker, const char *name; int count; asyncio_future *go; int i; int sum;);

#endif
