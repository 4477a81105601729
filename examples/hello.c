/* SPDX-License-Identifier: MIT
 *
 * hello.c - Python's create_task example. cc -I. examples/hello.c -o hello
 *
 *     async def child():                       async def main():
 *         print("started child")                   asyncio.create_task(child())
 *         await asyncio.sleep(1)                   print("before sleep")
 *         print("finished child")                  await asyncio.sleep(0)
 *                                                  print("after sleep")
 *     asyncio.run(main())
 *
 * As in Python the child does not finish: when main is done, run() cancels what is left.
 */
#include "asyncio.h"
#include <stdio.h>

ASYNC(child)
{
    ASYNC_BEGIN;
    puts("started child");
    ASYNC_AWAIT(asyncio_sleep(1));
    puts("finished child");
    ASYNC_END;
}

ASYNC(main_coro)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(child));
    puts("before sleep");
    ASYNC_AWAIT(asyncio_sleep(0));
    puts("after sleep");
    ASYNC_END;
}

int main(void) { return asyncio_run(ASYNC_NEW(main_coro)); }
