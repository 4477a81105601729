"""Two orders that CPython leaves to chance, made the order of creation: import before any loop is made.

Timers of equal deadlines (a heap compares deadlines only) and asyncio.all_tasks() (a set), which run()'s shutdown
uses."""
import asyncio
import itertools
import weakref
from asyncio import events, tasks

serial = itertools.count()


class FirstArmedFirst(events.TimerHandle):
    __slots__ = ('serial',)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.serial = next(serial)

    def __lt__(self, other):
        return (self._when, self.serial) < (other._when, other.serial)

    __hash__ = events.TimerHandle.__hash__


events.TimerHandle = FirstArmedFirst

born = weakref.WeakKeyDictionary()
plain_create_task = asyncio.BaseEventLoop.create_task
plain_all_tasks = tasks.all_tasks


def create_task(self, coro, **options):
    task = plain_create_task(self, coro, **options)
    born[task] = next(serial)
    return task


def all_tasks(loop=None):
    return sorted(plain_all_tasks(loop), key=born.__getitem__)


asyncio.BaseEventLoop.create_task = create_task
tasks.all_tasks = asyncio.all_tasks = all_tasks
