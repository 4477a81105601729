/* SPDX-License-Identifier: MIT
 *
 * cxx_coroutine.h - a coroutine that is written in C++, declared for C and for C++.
 */
#ifndef CXX_COROUTINE_H
#define CXX_COROUTINE_H

#include "asyncio.h"

#ifdef __cplusplus
class thermometer;
extern "C" {
#else
typedef struct thermometer thermometer;
#endif

thermometer *thermometer_new(const char *place);
void thermometer_delete(thermometer *sensor);

/* Takes `samples` readings, one every 10 ms. Its result is their average in tenths of a degree; ASYNCIO_EVALUE if
 * `samples` is not positive. */
ASYNC_DECLARE(average, thermometer *sensor; int samples; int taken; int sum;);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif
