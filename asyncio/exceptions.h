/* SPDX-License-Identifier: MIT
 *
 * asyncio/exceptions.h - error codes: Python's exceptions as int.
 *
 *     #include "asyncio.h"
 *
 *     enum { ENOTHERE = ASYNCIO_EUSER, ETOOLONG };          // errors of this program's own
 *
 *     ASYNC(main_coro)
 *     {
 *         ASYNC_BEGIN;
 *         ASYNC_RAISE(ENOTHERE);
 *         ASYNC_END;
 *     }
 *
 *     int main(void)
 *     {
 *         int err = asyncio_run(ASYNC_NEW(main_coro), .quiet = true);
 *         printf("%s: %s\n", asyncio_errname(err), asyncio_strerror(err));
 *         return asyncio_exit_status(err);
 *     }
 *
 * 0 is success. Codes below 0x5000 are errno values (OSError), those from there on the library's (ASYNCIO_E...), and
 * from ASYNCIO_EUSER to ASYNCIO_EUSERMAX a program's own. All fit a 16-bit int. Use the names: the numbers may change.
 *
 * ASYNCIO_ETIMEOUT is asyncio's TimeoutError, errno's ETIMEDOUT the network's: they are never confused, and neither is
 * ASYNCIO_ECANCELLED with errno's ECANCELED. ASYNCIO_EINTERRUPT is what run() returns after Ctrl-C; raised by a
 * coroutine it is an error like any other, where CPython's KeyboardInterrupt leaves the loop at once.
 *
 * As the status of a process, an error is its low byte: 130 for ASYNCIO_EINTERRUPT, as shells have it for Ctrl-C, and
 * not 0 for any other but a program's own 0x6100, 0x6200, ...; asyncio_exit_status gives 0, 130 or 1.
 */
#ifndef ASYNCIO_EXCEPTIONS_H
#define ASYNCIO_EXCEPTIONS_H

/* Name, what Python calls it, text. EINCOMPLETEREAD and ELIMITOVERRUN are for streams, which are still to come. */
#define ASYNCIO_ERRORS(X)                                                                                              \
    X(ECANCELLED, "CancelledError", "cancelled")                                                                       \
    X(ETIMEOUT, "TimeoutError", "timed out")                                                                           \
    X(EINVALIDSTATE, "InvalidStateError", "the Future is not in a state that allows this")                             \
    X(ERUNTIME, "RuntimeError", "not allowed here or now")                                                             \
    X(EVALUE, "ValueError", "an argument is out of range")                                                             \
    X(ENOMEM, "MemoryError", "out of memory")                                                                          \
    X(ENOLOOP, "RuntimeError", "no running event loop")                                                                \
    X(ECLOSED, "RuntimeError", "Event loop is closed")                                                                 \
    X(ERUNNING, "RuntimeError", "This event loop is already running")                                                  \
    X(ESTOPPED, "RuntimeError", "Event loop stopped before Future completed.")                                         \
    X(EWRONGLOOP, "RuntimeError", "attached to a different loop")                                                      \
    X(ESELFAWAIT, "RuntimeError", "Task cannot await on itself")                                                       \
    X(EREUSED, "RuntimeError", "cannot reuse already awaited coroutine")                                               \
    X(ELOST, "RuntimeError", "resume point not found: an await stands inside a switch of your own")                    \
    X(EDEADLOCK, "RuntimeError", "deadlock: nothing is ready and nothing can wake the loop")                           \
    X(EINTERRUPT, "KeyboardInterrupt", "interrupted")                                                                  \
    X(EBUSY, "RuntimeError", "somebody else is already waiting here")                                                  \
    X(ENOINIT, "RuntimeError", "used before its init, or made without a loop")                                         \
    X(EQUEUEEMPTY, "QueueEmpty", "the queue is empty")                                                                 \
    X(EQUEUEFULL, "QueueFull", "the queue is full")                                                                    \
    X(EQUEUESHUTDOWN, "QueueShutDown", "the queue was shut down")                                                      \
    X(EBROKENBARRIER, "BrokenBarrierError", "the barrier is broken")                                                   \
    X(EINCOMPLETEREAD, "IncompleteReadError", "end of file before the data was complete")                              \
    X(ELIMITOVERRUN, "LimitOverrunError", "the separator is further away than the limit")                              \
    X(EGROUP, "ExceptionGroup", "unhandled errors in a TaskGroup")

enum asyncio_error {
    ASYNCIO_OK = 0,
    ASYNCIO__EBASE = 0x5072, /* above every errno, fits a 16-bit int, and gives ASYNCIO_EINTERRUPT the low byte 130 */
#define ASYNCIO__ENUM(name, python, text) ASYNCIO_##name,
    ASYNCIO_ERRORS(ASYNCIO__ENUM)
#undef ASYNCIO__ENUM
    ASYNCIO__EEND,
    ASYNCIO_EUSER = 0x6001,   /* first code that is a program's own */
    ASYNCIO_EUSERMAX = 0x7fff /* last one */
};

/* asyncio_exit_status - what main returns for an error: 0, 130 after Ctrl-C, else 1. */
static inline int asyncio_exit_status(int err) { return err == 0 ? 0 : err == ASYNCIO_EINTERRUPT ? 130 : 1; }

#ifndef ASYNCIO_HOSTED
#define ASYNCIO_HOSTED __STDC_HOSTED__
#endif
#ifndef ASYNCIO_STRINGS
#define ASYNCIO_STRINGS ASYNCIO_HOSTED
#endif
#if ASYNCIO_STRINGS
/*
 * asyncio_errname - Python's name of an error code.
 *
 *   Returns   a string that lives for ever: "CancelledError", ...; "OSError" for an errno value, "UserError" for a
 *             program's own, "no error" for 0. Never suspends, allocates nothing. Not without ASYNCIO_STRINGS.
 */
static inline const char *asyncio_errname(int err)
{
    static const char *const names[] = {
#define ASYNCIO__NAME(name, python, text) python,
        ASYNCIO_ERRORS(ASYNCIO__NAME)
#undef ASYNCIO__NAME
    };
    if (err == 0)
        return "no error";
    if (err > ASYNCIO__EBASE && err < ASYNCIO__EEND)
        return names[err - ASYNCIO__EBASE - 1];
    return err >= ASYNCIO_EUSER ? "UserError" : "OSError";
}
#endif

#endif /* ASYNCIO_EXCEPTIONS_H */
