"""What tests/test_oracle.c does, in Python: run.mjs records it into trace.txt, one line an event: tick, time, text.

Texts are such that C has them too: names of error classes, True and False, None for no message. A callback that raises
has no counterpart there and is left out, as is how many cancelled timers CPython keeps. What debug mode reports is
worded differently there, and tested in tests/test_base_events.c."""
import asyncio
import gc
import inspect
import signal

import det
from vloop import VirtualLoop

LOOP = None
SCENARIOS = []


class UserError(Exception):
    pass


def log(*words):
    print(f'{LOOP.tick} {LOOP.time():g}', *words)


def name(error):
    return type(error).__name__ if error is not None else None


def message(error):
    return error.args[0] if error.args else None


def exception_handler(loop, context):
    log('EXCHANDLER', context['message'], name(context.get('exception')))


def scenario(function):
    SCENARIOS.append(function)
    return function


def sleep0():
    return asyncio.sleep(0)


async def finish(*tasks):
    """Awaits each, one after the other, whatever becomes of them."""
    for task in tasks:
        try:
            await task
        except BaseException:
            pass


create = asyncio.create_task


@scenario
async def t01_call_soon_snapshot():
    def a():
        log('a')
        LOOP.call_soon(log, 'c')
    LOOP.call_soon(a)
    LOOP.call_soon(log, 'b')
    await sleep0()
    log('main 1')
    await sleep0()
    log('main 2')
    await sleep0()


@scenario
async def t02_call_later_and_call_soon():
    LOOP.call_later(0, log, 'later 0')
    LOOP.call_soon(log, 'soon')
    LOOP.call_later(-5, log, 'later -5')
    await sleep0()
    log('main resumes')
    await sleep0()


@scenario
async def t03_equal_deadlines():
    for n in (2, 3, 4, 5, 6, 8):
        when = LOOP.time() + 1
        for i in range(n):
            LOOP.call_at(when, log, i)
        await asyncio.sleep(2)
        log('of', n)


@scenario
async def t04_sleep_ties():
    async def sleeper(i):
        await asyncio.sleep(1)
        log('woke', i)
    await finish(*[create(sleeper(i)) for i in range(6)])
    log('all')


@scenario
async def t05_await_done_future():
    future = LOOP.create_future()
    future.set_result(1)
    LOOP.call_soon(log, 'callback')
    log('result', await future)
    await sleep0()
    log('after sleep0')


async def noop():
    log('noop')


@scenario
async def t06_task_ticks():
    log('create')
    await create(noop())
    log('after task')
    await noop()
    log('after direct')
    tasks = [create(noop()) for _ in range(2)]
    for task in tasks:
        await task
        log('after one of two')


@scenario
async def t07_cancel_before_start():
    async def never():
        try:
            log('started')
            await asyncio.sleep(1)
        finally:
            log('finally')
    task = create(never())
    task.cancel('m')
    try:
        await task
    except asyncio.CancelledError as e:
        log(name(e), message(e), task.cancelled())


@scenario
async def t08_cancel_when_ready():
    future = LOOP.create_future()

    async def waiter():
        try:
            log('got', await future)
        except asyncio.CancelledError as e:
            log('cancelled though the future has', future.result(), message(e))
            raise
    task = create(waiter())
    await sleep0()
    future.set_result(7)
    task.cancel('x')
    await finish(task)
    log(task.cancelled())


@scenario
async def t09_self_cancel():
    async def suspends():
        asyncio.current_task().cancel('self')
        log('before done future')
        future = LOOP.create_future()
        future.set_result(1)
        await future
        log('after done future')
        await sleep0()
        log('not reached')

    async def returns():
        asyncio.current_task().cancel()
        return 1

    async def raises():
        asyncio.current_task().cancel()
        raise UserError
    for coroutine in (suspends, returns, raises):
        task = create(coroutine())
        await finish(task)
        log(coroutine.__name__, 'cancelled' if task.cancelled() else name(task.exception()))


@scenario
async def t10_double_cancel():
    async def stubborn():
        n = 0
        while n < 3:
            try:
                await asyncio.sleep(10)
                break
            except asyncio.CancelledError as e:
                n += 1
                log('caught', n, message(e), asyncio.current_task().cancelling())
        return n
    task = create(stubborn())
    await sleep0()
    log(task.cancel('a'), task.cancel('b'))
    await sleep0()
    await sleep0()
    await sleep0()
    log(task.cancel('c'))
    await task
    log('result', task.result(), task.cancelled())


@scenario
async def t11_uncancel():
    async def survivor():
        me = asyncio.current_task()
        me.cancel()
        log('cancelling', me.cancelling())
        log('uncancel', me.uncancel())
        await sleep0()
        log('survived')
    task = create(survivor())
    await finish(task)
    log(task.cancelled())


@scenario
async def t12_cancel_chain():
    async def inner():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError as e:
            log('inner', message(e))
            raise

    async def outer():
        task = create(inner())
        try:
            await task
        except asyncio.CancelledError as e:
            log('outer', message(e), task.cancelled())
            raise
    task = create(outer())
    for _ in range(3):
        await sleep0()
    log('cancel')
    task.cancel('msg')
    await finish(task)
    log('done', task.cancelled())


@scenario
async def t28_done_callback_order():
    future = LOOP.create_future()
    future.add_done_callback(lambda _: log('callback 1'))

    async def waiter(i):
        await future
        log('waiter', i)
    tasks = [create(waiter(i)) for i in range(2)]
    await sleep0()
    future.add_done_callback(lambda _: log('callback 2'))
    future.set_result(0)
    log('set')
    await finish(*tasks)
    future.add_done_callback(lambda _: log('callback after done'))
    log('added')
    await sleep0()


@scenario
async def t30_never_retrieved():
    async def bad():
        raise UserError
    task = create(bad())
    await sleep0()
    log('release')
    await sleep0()
    del task
    log('released')
    future = LOOP.create_future()
    future.set_exception(UserError())
    log('release')
    del future
    log('released')
    future = LOOP.create_future()
    future.set_exception(UserError())
    future.exception()
    del future
    log('no report after exception()')
    future = LOOP.create_future()
    future.set_exception(UserError())
    future.cancel()
    del future
    log('no report after cancel()')


@scenario
async def t34_eager():
    LOOP.set_task_factory(asyncio.eager_task_factory)

    async def ends():
        log('eager', asyncio.current_task() is not main)
        return 1

    async def waits():
        log('eager')
        await sleep0()
        log('resumed')
        return 2
    main = asyncio.current_task()
    log('create')
    task = create(ends())
    log('created', task.done(), asyncio.current_task() is main)
    other = create(waits())
    log('created', other.done())
    log(await other)
    LOOP.call_soon(log, 'callback')
    log(await task)
    LOOP.set_task_factory(None)


@scenario
async def t35_names_and_all_tasks():
    def number(task):
        return int(task.get_name().removeprefix('Task-')) - me
    me = 0
    me = number(asyncio.current_task())
    log(len(asyncio.all_tasks()))
    tasks = [create(sleep0()) for _ in range(2)]
    log(number(tasks[0]), number(tasks[1]), len(asyncio.all_tasks()))
    await sleep0()
    log(len(asyncio.all_tasks()))
    await sleep0()
    log(len(asyncio.all_tasks()))


@scenario
async def t37_raise_cancelled_by_hand():
    async def by_hand():
        raise asyncio.CancelledError('by hand')
    task = create(by_hand())
    await finish(task)
    log(task.cancelled(), task.cancelling())

    async def by_future():
        future = LOOP.create_future()
        future.cancel('fm')
        await future
    task = create(by_future())
    await finish(task)
    log(task.cancelled(), task.cancelling())


@scenario
async def t38_timer_cancel_and_when():
    handle = LOOP.call_later(5, log, 'no')
    log(f'{handle.when():g}', handle.cancelled())
    handle.cancel()
    log(f'{handle.when():g}', handle.cancelled())
    await asyncio.sleep(1)
    handle = LOOP.call_later(2, log, 'fired')
    await asyncio.sleep(9)
    handle.cancel()
    log('end')


@scenario
async def t40_done_twice():
    future = LOOP.create_future()
    future.set_result(1)
    for function in (lambda: future.set_result(2), lambda: future.set_exception(UserError())):
        try:
            function()
        except asyncio.InvalidStateError as e:
            log(name(e))
    log('cancel', future.cancel(), future.result())
    future = LOOP.create_future()
    for function in (future.result, future.exception):
        try:
            function()
        except asyncio.InvalidStateError as e:
            log(name(e))
    future.cancel('why')
    for function in (future.result, future.exception):
        try:
            function()
        except asyncio.CancelledError as e:
            log(name(e), message(e))


@scenario
async def x06_cancel_during_cleanup():
    async def tidy():
        try:
            await asyncio.sleep(10)
        finally:
            log('cleanup starts')
            await asyncio.sleep(1)
            log('cleanup ends')
    task = create(tidy())
    await sleep0()
    task.cancel()
    await finish(task)
    log(task.cancelled())


@scenario
async def x11_ready_then_timers():
    def first():
        log('s1')
        LOOP.call_later(0, log, 't from s1')
        LOOP.call_soon(log, 's from s1')
    LOOP.call_later(0, log, 't0')
    LOOP.call_soon(first)
    for _ in range(3):
        await sleep0()


@scenario
async def x12_cancel_from_done_callback():
    async def waiter(future):
        await future
        log('resumed')
    future = LOOP.create_future()
    task = create(waiter(future))
    await sleep0()
    future.add_done_callback(lambda _: log('cancel', task.cancel()))
    future.set_result(1)
    await finish(task)
    log('cancelled', task.cancelled())
    future = LOOP.create_future()
    future.add_done_callback(lambda _: log('cancel', task.cancel()))
    task = create(waiter(future))
    await sleep0()
    future.set_result(1)
    await finish(task)
    log('cancelled', task.cancelled())


@scenario
async def x13_cancelled_by_someone_else():
    async def sleeper():
        await asyncio.sleep(5)

    async def waiter():
        try:
            await task
        except asyncio.CancelledError:
            log('sees it', asyncio.current_task().cancelling())
            raise
    task = create(sleeper())
    await sleep0()
    other = create(waiter())
    await sleep0()
    task.cancel()
    await finish(other)
    log(other.cancelled(), other.cancelling())


@scenario
async def x14_sleep_forms():
    LOOP.call_soon(log, 'callback 1')
    await asyncio.sleep(-1)
    log('after -1')
    LOOP.call_soon(log, 'callback 2')
    await asyncio.sleep(1e-9)
    log('after 1e-9')


@scenario
async def x20_cancel_returns():
    async def deaf():
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            pass
    task = create(deaf())
    await sleep0()
    log('cancel', task.cancel())
    await task
    log(task.cancelled(), 'cancel', task.cancel())


@scenario
def sync01_stop():
    LOOP.call_soon(log, 'callback')
    LOOP.stop()
    LOOP.run_forever()
    log('stopped before it ran')

    def last():
        LOOP.call_soon(log, 'scheduled by it')
        LOOP.stop()
    LOOP.call_soon(last)
    LOOP.call_soon(log, 'same batch')
    LOOP.run_forever()
    log('stopped')
    LOOP.stop()
    LOOP.run_forever()


@scenario
def sync02_run_until_complete():
    future = LOOP.create_future()
    future.set_result(7)
    log(LOOP.run_until_complete(future))
    future = LOOP.create_future()
    LOOP.call_soon(LOOP.stop)
    try:
        LOOP.run_until_complete(future)
    except RuntimeError as e:
        log(e)

    async def leaves():
        LOOP.call_soon(log, 'left 1')
        LOOP.call_soon(log, 'left 2')
        return 5
    log(LOOP.run_until_complete(leaves()))
    LOOP.call_soon(LOOP.stop)
    LOOP.run_forever()
    LOOP.close()
    try:
        LOOP.call_soon(log)
    except RuntimeError as e:
        log(e)


def run(main):
    """asyncio.run() on LOOP."""
    with asyncio.Runner(loop_factory=lambda: LOOP) as runner:
        return runner.run(main)


@scenario
def sync03_run_shutdown():
    tasks = []

    async def background(n, mode):
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            log(n, 'cancelled')
            if mode == 'error':
                raise UserError
            if mode == 'linger':
                for _ in range(4):  # no timer: iterations that run nothing but gather()'s callbacks are CPython's own
                    await sleep0()
                log(n, 'lingered')
            if mode == 'spawn':
                tasks.append(create(background('child', '')))
                await sleep0()
                return
            raise

    async def main():
        for n, mode in enumerate(('error', 'linger', 'spawn', '')):
            tasks.append(create(background(n, mode)))
        await sleep0()
        log('main returns')
        return 3
    print('run returned', run(main()))  # no tick: CPython also shuts down generators and threads in between
    for task in tasks[:4]:
        print('cancelled' if task.cancelled() else name(task.exception()))
    print(tasks[4].done())
    tasks[4]._log_destroy_pending = False


@scenario
def sync03_run_raises():
    async def main():
        try:
            await asyncio.sleep(1)
        finally:
            log('finally')
            raise UserError
    try:
        run(main())
    except UserError as e:
        print('run raised', name(e))


@scenario
def sync04_sigint():
    """Order only: when a signal is noticed is not CPython's to say."""
    async def passes():
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(1)
            print('not reached')
        except asyncio.CancelledError:
            print('cancelled')
            raise

    async def swallows():
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            print('swallowed')
        return 4

    async def cancels():
        asyncio.current_task().cancel()
        await sleep0()
    for main in (passes, swallows, cancels):
        try:
            result = asyncio.run(main(), loop_factory=VirtualLoop)
            print(main.__name__, result)
        except BaseException as e:
            print(main.__name__, name(e))


@scenario
def sync05_nested_run():
    async def main():
        inner = sleep0()
        try:
            asyncio.run(inner)
        except RuntimeError as e:
            log(name(e))
        inner.close()
    run(main())


def record():
    global LOOP
    for function in SCENARIOS:
        print('==', function.__name__)
        LOOP = VirtualLoop()
        LOOP.set_exception_handler(exception_handler)
        if inspect.iscoroutinefunction(function):
            LOOP.run_until_complete(function())
        else:
            function()
        LOOP.close()
        gc.collect()


if __name__ == '__main__':
    record()
