"""Runs programs of the language in tests/programs/README.md on CPython's asyncio and prints their traces.

A program is compiled to closures, one a statement: a plain one is called with the `Call` it belongs to, one that may
await gives a coroutine. Both answer None or how the function goes on: (BREAK,), (CONTINUE,) or (RETURN, value)."""
import asyncio
import asyncio.taskgroups
import asyncio.tasks
import contextvars
import gc
import inspect
import itertools
import re
import sys
import warnings

import det
import vloop

STEPS, CALLS, CANCELS, MEMBERS, DEEPEST = 2000, 200, 2000, 32, 100
UNIT = 64
BREAK, CONTINUE, RETURN = range(3)
OUT_OF_STEPS = (RETURN, 0)
MANY = 'task future handle group timeout context token lock event'.split()
QUEUES = ('queue', 'lifo', 'priority')
KINDS = MANY + 'number condition semaphore bounded barrier queue lifo priority var'.split()


# ---- CPython without chance ----

class OrderedSet(dict):
    """What `set` is replaced with where asyncio iterates one."""

    def __init__(self, items=()):
        super().__init__((item, None) for item in items)

    def add(self, item):
        self[item] = None

    def discard(self, item):
        self.pop(item, None)

    def remove(self, item):
        del self[item]


def ordered_sets():
    asyncio.taskgroups.set = asyncio.tasks.set = asyncio.tasks.OrderedSet = OrderedSet
    source = inspect.getsource(asyncio.tasks._AsCompletedIterator)
    comprehension = '{ensure_future(aw, loop=loop) for aw in set(aws)}'
    assert comprehension in source
    source = source.replace(comprehension, 'OrderedSet(' + comprehension[1:-1] + ')')
    exec(source, vars(asyncio.tasks))


def limited_cancels():
    """Gathers that wait for tasks that wait for gathers ...: where branches meet again, cancel() goes through them once
    for each way there, and the ways double with each level. Programs in which there are too many are given up.

    A cancelled gather takes the message of its last child, which may be one from any time before if that child was not
    cancelled: here only one that the gather's own cancel() has left there."""
    plain = asyncio.tasks._GatheringFuture.cancel

    def cancel(self, msg=None):
        loop, last = self.get_loop(), self._children[-1]
        loop.cancels += 1
        taken = loop.cancels < CANCELS and plain(self, msg)
        if not last.done() and getattr(last, '_must_cancel', False):
            self.left = msg
        return taken

    def set_exception(self, error):
        last = self._children[-1]
        failed = any(child.cancelled() or child._exception for child in self._children if child.done())
        if self._cancel_requested and not last.cancelled() and (self.return_exceptions or not failed):
            error = asyncio.CancelledError(*[self.left] * (self.left is not None))
        asyncio.Future.set_exception(self, error)
    asyncio.tasks._GatheringFuture.cancel = cancel
    asyncio.tasks._GatheringFuture.set_exception = set_exception
    asyncio.tasks._GatheringFuture.left = None


def gather(things, return_exceptions):
    future = asyncio.gather(*things, return_exceptions=return_exceptions)
    future.return_exceptions = return_exceptions
    return future


class Loop(vloop.VirtualLoop):
    """Keeps its tasks, in the order in which their creation began."""

    def __init__(self):
        super().__init__()
        self.made = []
        self.serial = {}
        self.cancels = 0

    def create_task(self, coro, **options):
        index = self.serial[coro] = len(self.made)
        self.made.append(None)
        self.made[index] = task = det.plain_create_task(self, coro, **options)
        return task


def all_tasks(loop):
    return sorted(det.plain_all_tasks(loop), key=lambda task: loop.serial[task.get_coro()])


def reads_for_certain(callback):
    """Whether a Future's callback is one that reads its error and does nothing else."""
    if getattr(callback, '__qualname__', '') != 'gather.<locals>._done_callback':
        return isinstance(getattr(callback, '__self__', None), asyncio.Task)
    outer = dict(zip(callback.__code__.co_freevars, callback.__closure__))['outer'].cell_contents
    return outer is None or outer.done()


class PrioritizedByTens(int):
    def __lt__(self, other):
        return int(self / 10) < int(other / 10)


class PriorityQueue(asyncio.PriorityQueue):
    """Of numbers, which are numbers like all others once they are out."""

    def _put(self, item):
        super()._put(PrioritizedByTens(item))

    def _get(self):
        return int(super()._get())


# ---- Errors and values ----

class InvalidProgram(Exception):
    pass


ERRORS = {f'E{n}': type(f'E{n}', (Exception,), {}) for n in range(1, 10)} | {
    'CancelledError': asyncio.CancelledError, 'TimeoutError': TimeoutError, 'RuntimeError': RuntimeError,
    'ValueError': ValueError, 'InvalidStateError': asyncio.InvalidStateError, 'QueueEmpty': asyncio.QueueEmpty,
    'QueueFull': asyncio.QueueFull, 'QueueShutDown': asyncio.QueueShutDown,
    'BrokenBarrierError': asyncio.BrokenBarrierError}
CATCHABLE = ERRORS | {'ExceptionGroup': BaseExceptionGroup, 'Exception': Exception, 'BaseException': BaseException}


def error_text(error, parts=False):
    if isinstance(error, BaseExceptionGroup):
        return 'ExceptionGroup' + ('[' + ','.join(map(error_text, error.exceptions)) + ']' if parts else '')
    if isinstance(error, asyncio.CancelledError) and error.args and error.args[0]:
        return f'CancelledError({error.args[0]})'
    return type(error).__name__


def value_text(value):
    if isinstance(value, list):
        return '[' + ','.join(map(item_text, value)) + ']'
    return 'ok' if value is None else str(value)


def item_text(value):
    if isinstance(value, BaseException):
        return '!' + error_text(value)
    return str(number_of(value))


def number_of(value):
    return len(value) if isinstance(value, list) else value


class Setting:
    """`with VAR V`: the token of a ContextVar is a context manager of itself, not an asynchronous one."""

    def __init__(self, var, value):
        self.var = var
        self.value = value

    async def __aenter__(self):
        self.token = self.var.set(self.value).__enter__()

    async def __aexit__(self, *error):
        return self.token.__exit__(*error)


class Call:
    """A coroutine function or a callback while it runs."""
    __slots__ = ('arg', 'last', 'items', 'caught')

    def __init__(self, arg):
        self.arg = arg
        self.last = 0
        self.items = []   # of the as_completed blocks around
        self.caught = []  # by the except clauses around


class Waiting:
    """What a task's await, wait_for or gather statement waits for."""
    __slots__ = ('on', 'gather', 'starts_eagerly')

    def __init__(self, on, starts_eagerly=False):
        self.on = on
        self.gather = None
        self.starts_eagerly = starts_eagerly


class Awaitable:
    """An AW, compiled."""
    __slots__ = ('make', 'x', 'needs', 'calls', 'number')

    def __init__(self, make, x=None, needs=None, calls=0, number=False):
        self.make = make      # gives what is awaited
        self.x = x            # gives the task or Future that it is
        self.needs = needs    # gives None if a slot is empty
        self.calls = calls
        self.number = number


# ---- The compiler ----

class Program:
    def __init__(self, name, lines):
        self.name = name
        self.line = getattr(lines, 'begin', 0)
        self.kinds = {}
        self.objects = {}
        self.functions = {}
        self.out = []
        self.steps = STEPS
        self.calls = CALLS
        self.waiting = {}
        self.futures = []  # (name, Future), as made
        self.eager = False
        self.dead = False
        self.groups = []     # all task groups that were entered
        self.listening = []  # a Future, the task that listens, the Future that ends that or None: see stop_listening
        self.loop = Loop()
        self.loop.set_exception_handler(self.exception_handler)
        self.done_callbacks = {}
        self.lines = lines
        self.position = 0
        self.in_callback = False
        self.in_except = self.in_loop = self.in_as_completed = self.depth = 0
        self.parse()

    def error(self, message):
        raise InvalidProgram(f'{self.lines[self.position - 1][0] if self.position else self.line}: {message}')

    def check(self, condition, message):
        if not condition:
            self.error(message)

    def parse(self):
        bodies = []
        while self.position < len(self.lines):
            number, words = self.lines[self.position]
            self.position += 1
            self.check(len(words) > 1, f'no declaration: {words[0]}')
            if words[0] in ('def', 'callback'):
                self.check(len(words) == 2, 'too many words')
                self.declare(words[1], words[0])
                bodies.append((words[1], self.position))
                self.skip_block()
            elif words[0] in KINDS:
                self.declaration(words[0], words[1:])
            else:
                self.error(f'no declaration: {words[0]}')
        self.check(self.kinds.get('main') == 'def', 'main does not belong here')
        for name, start in bodies:
            self.position = start
            self.in_callback = self.kinds[name] == 'callback'
            self.functions[name] = self.block()[0]
            if self.in_callback:
                self.done_callbacks[name] = self.make_done_callback(name)

    def skip_block(self):
        depth = 1
        while depth:
            self.check(self.position < len(self.lines), 'end is missing')
            word = self.lines[self.position][1][0]
            self.position += 1
            if word in ('repeat', 'if', 'try', 'with', 'as_completed'):
                depth += 1
            elif word == 'end':
                depth -= 1

    def declare(self, name, kind):
        self.check(re.fullmatch('[A-Za-z][A-Za-z0-9_]*', name) and name not in ('self', 'item', 'arg', 'none'),
                   f'{name} cannot be a name')
        self.check(name not in self.kinds, f'{name}: declared twice')
        self.kinds[name] = kind

    def declaration(self, kind, words):
        self.check(words, 'a name is missing')
        many = kind in MANY
        for name in words if many else words[:1]:
            self.declare(name, kind)
            self.objects[name] = self.new_object(kind, name, [] if many else words[1:])

    def new_object(self, kind, name, words):
        if kind == 'future':
            return self.new_future(name)
        if kind == 'condition':
            self.check(len(words) < 2, 'too many words')
            self.check(not words or self.kinds.get(words[0]) == 'lock', f'{"".join(words)} does not belong here')
            return asyncio.Condition(*(self.objects[word] for word in words))
        simple = {'lock': asyncio.Lock, 'event': asyncio.Event, 'group': asyncio.TaskGroup,
                  'timeout': lambda: asyncio.timeout_at(None)}
        if kind in simple:
            return simple[kind]()
        self.check(len(words) <= 1, 'too many words')
        numbers = [self.literal(word) for word in words]
        self.check(None not in numbers, f'{"".join(words)} is no number')
        self.check(numbers or kind not in ('semaphore', 'bounded', 'barrier'), 'a number is missing')
        least = 1 if kind == 'barrier' else 0 if kind in (*QUEUES, 'semaphore', 'bounded') else None
        self.check(least is None or all(number >= least for number in numbers), f'{"".join(words)} is too small')
        if kind == 'number':
            return numbers[0] if numbers else 0
        if kind == 'var':
            return contextvars.ContextVar(name, default=numbers[0]) if numbers else contextvars.ContextVar(name)
        counted = {'semaphore': asyncio.Semaphore, 'bounded': asyncio.BoundedSemaphore, 'barrier': asyncio.Barrier,
                   'queue': asyncio.Queue, 'lifo': asyncio.LifoQueue, 'priority': PriorityQueue}
        return counted[kind](*numbers) if kind in counted else None

    def new_future(self, name, future=None):
        future = self.loop.create_future() if future is None else future
        self.futures.append((name, future))
        return future

    # Operands: each gives a closure

    def kind(self, name, *kinds):
        self.check(self.kinds.get(name) in kinds, f'{name} does not belong here')
        return name

    def literal(self, word):
        """The number that it is, or None."""
        if not re.fullmatch('-?[0-9]+', word):
            return None
        self.check(len(word.lstrip('-')) <= 10 and abs(int(word)) < 1 << 31, f'{word} has more than 32 bits')
        return int(word)

    def value(self, word):
        number = self.literal(word)
        if number is not None:
            return lambda call: number
        if word == 'arg':
            return lambda call: call.arg
        if word == '_':
            return lambda call: call.last
        self.kind(word, 'number')
        objects = self.objects
        return lambda call: objects[word]

    def when(self, word):
        loop = self.loop
        if word.startswith('+'):
            value = self.value(word[1:])
            return lambda call: loop.now + value(call) / UNIT
        value = self.value(word)
        return lambda call: value(call) / UNIT

    def slot(self, word, *kinds):
        if word == 'self' and 'task' in kinds:
            loop = self.loop
            return lambda call: asyncio.current_task(loop)
        if word == 'item' and 'future' in kinds:
            return lambda call: call.items[-1] if call.items else None
        self.kind(word, *kinds)
        objects = self.objects
        return lambda call: objects[word]

    def x(self, word):
        return self.slot(word, 'task', 'future')

    def function(self, word):
        """FN or FN:V: gives a closure that makes the coroutine; None if the word is none."""
        name, *argument = word.split(':')
        if self.kinds.get(name) != 'def':
            return None
        self.check(len(argument) <= 1, 'one argument')
        value = self.value(argument[0] if argument else '0')
        return lambda call: self.run_function(name, value(call))

    def member(self, word):
        """A word of gather and the like: X, FN or FN:V."""
        function = self.function(word)
        if function:
            return Awaitable(function, calls=1, number=True)
        x = self.x(word)
        return Awaitable(x, x, x, number=True)

    def members(self, words):
        self.check(len(words) <= MEMBERS, f'at most {MEMBERS} words')
        return [self.member(word) for word in words]

    def awaitable(self, word):
        name, *rest = word.split(':')
        if not rest or self.kinds.get(name) == 'def':
            return self.member(word)
        objects = self.objects
        if name == 'shield':
            inner = self.member(':'.join(rest))

            def shield(call):
                shielded = asyncio.ensure_future(inner.make(call), loop=self.loop)
                outer, task = asyncio.shield(shielded), asyncio.current_task(self.loop)
                self.listening.append((shielded, task, None))
                if outer is not shielded:
                    outer.add_done_callback(lambda _: self.discard_from_awaited_by(shielded, task))
                return outer
            return Awaitable(shield, None, inner.needs, inner.calls, True)
        if name == 'sleep':
            self.check(len(rest) <= 2, 'sleep:V or sleep:V:R')
            delay, *result = map(self.value, rest)
            if result:
                return Awaitable(lambda call: asyncio.sleep(delay(call) / UNIT, result[0](call)), number=True)
            return Awaitable(lambda call: asyncio.sleep(delay(call) / UNIT))
        target, *rest = rest
        if name == 'acquire':
            self.kind(target, 'lock', 'semaphore', 'bounded', 'condition')
            return self.method(target, 'acquire', rest)
        if name == 'wait':
            self.kind(target, 'event', 'condition', 'barrier')
            return self.method(target, 'wait', rest, self.kinds[target] == 'barrier')
        if name == 'waitfor':
            self.kind(target, 'condition')
            self.check(len(rest) == 2, 'waitfor:C:N:V')
            number, least = self.kind(rest[0], 'number'), self.value(rest[1])

            def make(call):
                value = least(call)
                return objects[target].wait_for(lambda: objects[number] >= value)
            return Awaitable(make)
        if name in ('get', 'put', 'join'):
            self.kind(target, 'queue', 'lifo', 'priority')
            if name == 'put':
                self.check(len(rest) == 1, 'put:Q:V')
                value = self.value(rest[0])
                return Awaitable(lambda call: objects[target].put(value(call)))
            return self.method(target, name, rest, name == 'get')
        if name in ('reset', 'abort'):
            self.kind(target, 'barrier')
            return self.method(target, name, rest)
        self.error(f'nothing to await: {name}')

    def method(self, target, name, rest, number=False):
        self.check(not rest, 'too many parts')
        objects = self.objects
        return Awaitable(lambda call: getattr(objects[target], name)(), number=number)

    # Blocks and statements

    def block(self, *also):
        """Statements up to `end` or one of `also`: gives them and that line's words."""
        body = []
        while True:
            self.check(self.position < len(self.lines), 'end is missing')
            words = self.lines[self.position][1]
            self.position += 1
            if words[0] in ('end', 'else', 'except', 'finally'):
                self.check(words[0] == 'end' or words[0] in also, f'{words[0]} does not belong here')
                self.check(len(words) == 1 or words[0] == 'except', f'too many words: {" ".join(words[:2])}')
                return body, words
            body.append(self.statement(words))

    def statement(self, words):
        """(whether it may await, closure)"""
        text = ' '.join(words)
        kind, compiler = next(((kind, getattr(self, kind + words[0])) for kind in ('do_', 'block_', 'wait_')
                               if hasattr(self, kind + words[0])), ('', None))
        self.check(compiler is not None, f'no statement: {words[0]}')
        signature = inspect.signature(compiler)
        try:
            signature.bind_partial(text, *words[1:])
        except TypeError:
            self.error(f'too many words: {text}')
        try:
            signature.bind(text, *words[1:])
        except TypeError:
            self.error('a word is missing')
        if kind == 'do_':
            return False, compiler(text, *words[1:])
        if kind == 'wait_':
            self.check(not self.in_callback, f'{words[0]} in a callback')
            return True, compiler(text, *words[1:])
        self.check(self.depth < DEEPEST, f'more than {DEEPEST} blocks in each other')
        self.depth += 1
        block = compiler(text, *words[1:])
        self.depth -= 1
        return block

    def simple(self, text, action, slot=None, calls=0):
        """A statement that prints what `action` gives or raises; its `slot` must not be empty."""
        def run(call):
            if slot is not None and slot(call) is None:
                self.log(text + ' empty')
                return
            if calls and not self.take_calls(calls):
                self.log(text + ' limit')
                return
            try:
                value = action(call)
            except BaseException as error:
                self.log(f'{text} ! {error_text(error)}')
            else:
                self.log(f'{text} = {value_text(value)}')
        return run

    def do_log(self, text, *words):
        return lambda call: self.log(text)

    def do_set(self, text, name, value):
        self.kind(name, 'number')
        value = self.value(value)

        def action(call):
            self.objects[name] = value(call)
            return self.objects[name]
        return self.simple(text, action)

    def do_add(self, text, name, value):
        self.kind(name, 'number')
        value = self.value(value)

        def action(call):
            self.objects[name] = (self.objects[name] + value(call) + (1 << 31)) % (1 << 32) - (1 << 31)
            return self.objects[name]
        return self.simple(text, action)

    def do_raise(self, text, name, *message):
        self.check(not self.in_callback, 'raise in a callback')
        self.check(name in ERRORS, f'{name} is no error')
        self.check(not message or name == 'CancelledError', 'only CancelledError has a message')
        self.check(len(message) <= 1, f'too many words: {text}')

        def run(call):
            self.log(text)
            raise ERRORS[name](*message)
        return run

    def do_reraise(self, text):
        self.check(self.in_except, 'no except around it')

        def run(call):
            self.log(text)
            raise call.caught[-1]
        return run

    def do_return(self, text, value='0'):
        value = self.value(value)

        def run(call):
            self.log(text)
            return RETURN, value(call)
        return run

    def leave(self, text, signal):
        self.check(self.in_loop, 'no loop around it')

        def run(call):
            self.log(text)
            return signal
        return run

    def do_break(self, text):
        return self.leave(text, (BREAK,))

    def do_continue(self, text):
        return self.leave(text, (CONTINUE,))

    def do_spawn(self, text, target, function, *options):
        if target != '-':
            self.kind(target, 'task')
        make = self.function(function)
        self.check(make is not None, f'{function} is no coroutine function')
        given = {}
        keys = ['name', 'eager', 'group', 'context']
        for option in options:
            key, _, word = option.partition('=')
            self.check(key in keys and word, f'too many words: {text}')
            del keys[:keys.index(key) + 1]
            given[key] = word
        self.check(given.get('eager', 'yes') in ('yes', 'no'), 'eager=yes or eager=no')
        group = self.kind(given['group'], 'group') if 'group' in given else None
        context = self.slot(given['context'], 'context') if 'context' in given else None

        def action(call):
            keywords = {}
            if 'name' in given:
                keywords['name'] = given['name']
            if 'eager' in given:
                keywords['eager_start'] = given['eager'] == 'yes'
            if context is not None:
                keywords['context'] = context(call)
                if keywords.get('eager_start', self.eager):
                    context(call).run(int)
            maker = self.objects[group] if group else self.loop
            task = maker.create_task(make(call), **keywords)
            if target != '-':
                self.objects[target] = task
            return self.name_of(task)
        return self.simple(text, action, context, calls=1)

    def do_make(self, text, name, how=None, *words):
        self.kind(name, 'future')
        if how is None:
            def action(call):
                self.objects[name] = self.new_future(name)
            return self.simple(text, action)
        self.check(how in ('gather', 'gather_all'), 'gather or gather_all')
        members = self.members(words)

        def run(call):
            if any(member.needs and member.needs(call) is None for member in members):
                self.log(text + ' empty')
            elif not self.take_calls(sum(member.calls for member in members)):
                self.log(text + ' limit')
            else:
                future = gather([member.make(call) for member in members], how == 'gather_all')
                for child in getattr(future, '_children', ()):  # not the task: it does not wait
                    self.discard_from_awaited_by(child, asyncio.current_task(self.loop))
                    asyncio.future_add_to_awaited_by(child, future)
                self.objects[name] = self.new_future(name, future)
                self.log(text + ' = ok')
        return run

    def do_cancel(self, text, name, *message):
        self.check(len(message) <= 1, f'too many words: {text}')
        if self.kinds.get(name) == 'handle':
            self.check(not message, 'a handle is cancelled without a message')
            slot = self.slot(name, 'handle')
            return self.simple(text, lambda call: slot(call).cancel(), slot)
        x = self.x(name)
        return self.simple(text, lambda call: x(call).cancel(*message), x)

    def do_uncancel(self, text, name):
        task = self.slot(name, 'task')
        return self.simple(text, lambda call: task(call).uncancel(), task)

    def do_cancelling(self, text, name):
        task = self.slot(name, 'task')
        return self.simple(text, lambda call: task(call).cancelling(), task)

    def do_name(self, text, name, new=None):
        task = self.slot(name, 'task')
        if new is None:
            return self.simple(text, lambda call: self.name_of(task(call)), task)
        return self.simple(text, lambda call: task(call).set_name(new), task)

    def do_forget(self, text, name):
        self.kind(name, 'task', 'handle')

        def action(call):
            self.objects[name] = None
        return self.simple(text, action, self.slot(name, 'task', 'handle'))

    def do_result(self, text, name):
        x = self.x(name)
        return self.simple(text, lambda call: x(call).result(), x)

    def do_exception(self, text, name):
        x = self.x(name)

        def action(call):
            error = x(call).exception()
            return 'None' if error is None else error_text(error)
        return self.simple(text, action, x)

    def do_set_result(self, text, name, value):
        x = self.x(name)
        value = self.value(value)
        return self.simple(text, lambda call: x(call).set_result(value(call)), x)

    def do_set_exception(self, text, name, error):
        x = self.x(name)
        self.check(error in ERRORS, f'{error} is no error')
        return self.simple(text, lambda call: x(call).set_exception(ERRORS[error]()), x)

    def keywords(self, options):
        """[context=C]: gives what makes the keywords, and the slot or None."""
        if not options:
            return lambda call: {}, None
        self.check(len(options) == 1 and options[0].startswith('context='), 'context=C')
        context = self.slot(options[0][8:], 'context')
        return lambda call: {'context': context(call)}, context

    def do_add_callback(self, text, name, callback, *options):
        x = self.x(name)
        self.kind(callback, 'callback')
        keywords, context = self.keywords(options)

        def action(call):
            x(call).add_done_callback(self.done_callbacks[callback], **keywords(call))
        return self.simple(text, action, lambda call: None if context and context(call) is None else x(call))

    def do_remove_callback(self, text, name, callback):
        x = self.x(name)
        self.kind(callback, 'callback')
        return self.simple(text, lambda call: x(call).remove_done_callback(self.done_callbacks[callback]), x)

    def do_current(self, text):
        return self.simple(text, lambda call: self.name_of(asyncio.current_task(self.loop), 'None'))

    def do_all_tasks(self, text):
        return self.simple(text, lambda call: ' '.join(map(self.name_of, all_tasks(self.loop))) or 'None')

    def do_factory(self, text, how):
        self.check(how in ('eager', 'lazy'), 'eager or lazy')

        def action(call):
            self.eager = how == 'eager'
            self.loop.set_task_factory(asyncio.eager_task_factory if self.eager else None)
        return self.simple(text, action)

    def arm(self, text, target, callback, options, arm):
        if target != '-':
            self.kind(target, 'handle')
        self.kind(callback, 'callback')
        keywords, context = self.keywords(options)

        def action(call):
            handle = arm(call, self.run_callback, callback, **keywords(call))
            if target != '-':
                self.objects[target] = handle
        return self.simple(text, action, context)

    def do_call_soon(self, text, target, callback, *options):
        def arm(call, *what, **keywords):
            return self.loop.call_soon(*what, **keywords)
        return self.arm(text, target, callback, options, arm)

    def do_threadsafe(self, text, target, callback, *options):
        def arm(call, *what, **keywords):
            return self.loop.call_soon_threadsafe(*what, **keywords)
        return self.arm(text, target, callback, options, arm)

    def do_call_later(self, text, target, delay, callback, *options):
        delay = self.value(delay)

        def arm(call, *what, **keywords):
            return self.loop.call_later(delay(call) / UNIT, *what, **keywords)
        return self.arm(text, target, callback, options, arm)

    def do_call_at(self, text, target, when, callback, *options):
        when = self.when(when)

        def arm(call, *what, **keywords):
            return self.loop.call_at(when(call), *what, **keywords)
        return self.arm(text, target, callback, options, arm)

    def do_when(self, text, name):
        slot = self.slot(name, 'handle')

        def action(call):
            handle = slot(call)
            return round(handle.when() * UNIT) if isinstance(handle, asyncio.TimerHandle) else 'none'
        return self.simple(text, action, slot)

    def do_time(self, text):
        def action(call):
            call.last = round(self.loop.time() * UNIT)
            return call.last
        return self.simple(text, action)

    def do_report(self, text, message, *error):
        self.check(all(name in ERRORS for name in error), f'{"".join(error)} is no error')
        self.check(len(error) <= 1, f'too many words: {text}')

        def action(call):
            context = {'message': message}
            for name in error:
                context['exception'] = ERRORS[name]()
            self.loop.call_exception_handler(context)
        return self.simple(text, action)

    def do_graph(self, text, name):
        """The tasks that wait for it, or for what waits for it."""
        x = self.x(name)

        def action(call):
            waiting = {}
            left = [x(call)]
            while left:
                awaited = left.pop()
                for waiter in () if awaited.done() else awaited._asyncio_awaited_by or ():
                    if waiter not in waiting and not waiter.done() and not self.listens_no_more(awaited, waiter):
                        waiting[waiter] = None
                        left.append(waiter)
            waiting.pop(x(call), None)
            tasks = sorted((task for task in waiting if isinstance(task, asyncio.Task)),
                           key=lambda task: self.loop.serial[task.get_coro()])
            return ' '.join(map(self.name_of, tasks)) or 'None'
        return self.simple(text, action, x)

    def listens_no_more(self, awaited, waiter):
        outers = [outer for x, task, outer in self.listening if x is awaited and task is waiter]
        return outers and all(outer is not None and outer.done() for outer in outers) \
            and not self.is_parent(waiter, awaited)

    def is_parent(self, task, child):
        return any(group._parent_task is task and child in group._tasks for group in self.groups)

    def discard_from_awaited_by(self, x, task):
        """CPython notes a task once, even if it is also the parent of x in a group."""
        if not self.is_parent(task, x):
            asyncio.future_discard_from_awaited_by(x, task)

    def stop_listening(self):
        """CPython's call graph goes on to show who shielded a task, gathered it or waited for it, until that is done."""
        task = asyncio.current_task(self.loop)
        for x, waiter, _ in self.listening:
            if waiter is task:
                self.discard_from_awaited_by(x, task)
        self.listening = [entry for entry in self.listening if entry[1] is not task]

    def do_stop(self, text):
        return self.simple(text, lambda call: self.loop.stop())

    def on_object(self, text, name, kinds, method, *arguments):
        self.kind(name, *kinds)
        return self.simple(text, lambda call: getattr(self.objects[name], method)(*[a(call) for a in arguments]))

    def do_release(self, text, name):
        return self.on_object(text, name, ('lock', 'semaphore', 'bounded', 'condition'), 'release')

    def do_set_event(self, text, name):
        return self.on_object(text, name, ('event',), 'set')

    def do_clear(self, text, name):
        return self.on_object(text, name, ('event',), 'clear')

    def do_notify(self, text, name, count):
        return self.on_object(text, name, ('condition',), 'notify', self.value(count))

    def do_notify_all(self, text, name):
        return self.on_object(text, name, ('condition',), 'notify_all')

    def do_reschedule(self, text, name, when):
        when = (lambda call: None) if when == 'none' else self.when(when)
        return self.on_object(text, name, ('timeout',), 'reschedule', when)

    def do_put_nowait(self, text, name, value):
        self.kind(name, *QUEUES)
        return self.on_object(text, name, QUEUES, 'put_nowait', self.value(value))

    def do_get_nowait(self, text, name):
        self.kind(name, *QUEUES)

        def action(call):
            call.last = self.objects[name].get_nowait()
            return call.last
        return self.simple(text, action)

    def do_task_done(self, text, name):
        return self.on_object(text, name, QUEUES, 'task_done')

    def do_shutdown(self, text, name, *immediate):
        self.check(immediate in ((), ('immediate',)), f'too many words: {text}')
        return self.on_object(text, name, QUEUES, 'shutdown', lambda call: bool(immediate))

    def do_setvar(self, text, name, value, *token):
        self.kind(name, 'var')
        value = self.value(value)
        self.check(len(token) <= 1 and all(self.kind(word, 'token') for word in token), 'one token')

        def action(call):
            got = self.objects[name].set(value(call))
            for word in token:
                self.objects[word] = got
        return self.simple(text, action)

    def do_getvar(self, text, name, *default):
        self.kind(name, 'var')
        self.check(len(default) <= 1, 'one default')
        default = [self.value(word) for word in default]

        def action(call):
            call.last = self.objects[name].get(*[value(call) for value in default])
            return call.last
        return self.simple(text, action)

    def do_resetvar(self, text, name, token):
        self.kind(name, 'var')
        slot = self.slot(token, 'token')
        return self.simple(text, lambda call: self.objects[name].reset(slot(call)), slot)

    def new_context(self, text, name, make, slot=None):
        self.kind(name, 'context')

        def action(call):
            self.objects[name] = make(call)
        return self.simple(text, action, slot)

    def do_copy_context(self, text, name, *source):
        self.check(len(source) <= 1, 'one context')
        if source:
            slot = self.slot(source[0], 'context')
            return self.new_context(text, name, lambda call: slot(call).copy(), slot)
        return self.new_context(text, name, lambda call: contextvars.copy_context())

    def do_new_context(self, text, name):
        return self.new_context(text, name, lambda call: contextvars.Context())

    def do_context_of(self, text, task, name):
        slot = self.slot(task, 'task')

        def undone(call):
            return None if slot(call) is None or slot(call).done() else slot(call)
        return self.new_context(text, name, lambda call: slot(call).get_context(), undone)

    def do_lookup(self, text, name, var):
        slot = self.slot(name, 'context')
        self.kind(var, 'var')
        return self.simple(text, lambda call: str(slot(call).get(self.objects[var])), slot)

    def do_length(self, text, name):
        slot = self.slot(name, 'context')
        return self.simple(text, lambda call: len(slot(call)), slot)

    def do_run(self, text, name, callback):
        slot = self.slot(name, 'context')
        self.kind(callback, 'callback')
        return self.simple(text, lambda call: slot(call).run(self.run_callback, callback), slot)

    def do_parties(self, text, name):
        self.kind(name, 'barrier')
        return self.simple(text, lambda call: self.objects[name].parties)

    def do_maxsize(self, text, name):
        self.kind(name, *QUEUES)
        return self.simple(text, lambda call: self.objects[name].maxsize)

    def do_parts(self, text, name):
        self.kind(name, 'group')
        return self.simple(text, lambda call: '[' + ','.join(map(error_text, self.parts(name))) + ']')

    def parts(self, name):
        """The errors in the ExceptionGroup with which this group's block was left."""
        return getattr(self.objects[name], 'parts', ())

    def do_state(self, text, name):
        kind = self.kinds.get(name, 'task' if name == 'self' else 'future')
        slot = self.slot(name, kind) if kind not in ('number',) else lambda call: 0

        def action(call):
            thing = slot(call)
            if kind in ('task', 'future'):
                return 'cancelled' if thing.cancelled() else 'done' if thing.done() else 'pending'
            if kind == 'handle':
                return thing.cancelled()
            if kind in ('lock', 'semaphore', 'bounded', 'condition'):
                return 'locked' if thing.locked() else 'unlocked'
            if kind == 'event':
                return 'set' if thing.is_set() else 'unset'
            if kind == 'barrier':
                return f'{thing.n_waiting} {thing.broken}'
            if kind in QUEUES:
                return f'{thing.qsize()} {thing.empty()} {thing.full()}'
            if kind == 'timeout':
                when = thing.when()
                return f'{"none" if when is None else round(when * UNIT)} {thing.expired()}'
            return self.objects[name]
        self.check(kind not in ('group', 'var', 'token', 'context', 'def', 'callback'), f'{name} does not belong here')
        return self.simple(text, action, slot)

    # Statements that await

    def outcome(self, text, waiting, awaited, number):
        """Awaits what `awaited` makes and prints what comes of it. `waiting` (call): None, or what to note of it."""
        async def run(call):
            task = asyncio.current_task(self.loop)
            note = waiting(call)
            if note is not None:
                self.waiting[task] = note
                for x in note.on:
                    if isinstance(x, asyncio.Task):  # a task that awaited itself would keep this for ever
                        x._asyncio_future_blocking = False
            try:
                value = await awaited(call, note)
            except BaseException as error:
                if not self.dead:
                    self.log(f'{text} ! {error_text(error)}')
                raise
            finally:
                self.stop_listening()
                if note is not None:
                    del self.waiting[task]
            if number:
                call.last = number_of(value)
            self.log(f'{text} = {value_text(value) if number else "ok"}')
        return run

    def guarded(self, text, members, circles, run, allow_self=False):
        """The checks before a statement that awaits."""
        calls = sum(member.calls for member in members)

        async def guard(call):
            if any(member.needs and member.needs(call) is None for member in members):
                self.log(text + ' empty')
                return None
            if circles:
                task = asyncio.current_task(self.loop)
                xs = [member.x(call) for member in members if member.x]
                if any(self.leads_to(x, task, set()) for x in xs if not (allow_self and x is task)):
                    self.log(text + ' circle')
                    return None
            if not self.take_calls(calls):
                self.log(text + ' limit')
                return None
            return await run(call)
        return guard

    def leads_to(self, x, task, seen):
        if x is task:
            return True
        if x.done() or x in seen:
            return False
        seen.add(x)
        note = self.waiting.get(x)
        if note is not None:
            if note.starts_eagerly:
                return True
            if any(self.leads_to(y, task, seen) for y in note.on):
                return True
            x = note.gather
            if x is None or x.done():
                return False
        return any(self.leads_to(child, task, seen) for child in getattr(x, '_children', ()))

    def wait_await(self, text, word):
        aw = self.awaitable(word)

        async def awaited(call, note):
            return await aw.make(call)

        def waiting(call):
            return Waiting([aw.x(call)]) if aw.x else None
        return self.guarded(text, [aw], True, self.outcome(text, waiting, awaited, aw.number), True)

    def wait_wait_for(self, text, limit, word):
        aw = self.awaitable(word)
        limit = None if limit == 'none' else self.value(limit)

        async def awaited(call, note):
            awaitable, timeout = aw.make(call), None if limit is None else limit(call) / UNIT
            if timeout is not None and timeout <= 0:
                self.stop_listening()  # a shield is cancelled at once
            return await asyncio.wait_for(awaitable, timeout)

        def waiting(call):
            return Waiting([aw.x(call)]) if aw.x else None
        return self.guarded(text, [aw], True, self.outcome(text, waiting, awaited, aw.number), True)

    def gather(self, text, words, return_exceptions):
        members = self.members(words)
        functions = any(member.calls for member in members)

        def waiting(call):
            return Waiting([member.x(call) for member in members if member.x], functions and self.eager)

        async def awaited(call, note):
            note.gather = gather([member.make(call) for member in members], return_exceptions)
            self.listening += [(child, asyncio.current_task(self.loop), note.gather)
                               for child in getattr(note.gather, '_children', ())]
            return await note.gather
        return self.guarded(text, members, True, self.outcome(text, waiting, awaited, True))

    def wait_gather(self, text, *words):
        return self.gather(text, words, False)

    def wait_gather_all(self, text, *words):
        return self.gather(text, words, True)

    def limit(self, words):
        """[timeout V]: gives the closure or None, and the other words."""
        if words and words[0] == 'timeout':
            self.check(len(words) > 1, 'a word is missing')
            return self.value(words[1]), words[2:]
        return None, words

    def wait_wait(self, text, mode, *words):
        self.check(mode in ('all', 'first', 'exception'), 'all, first or exception')
        return_when = {'all': asyncio.ALL_COMPLETED, 'first': asyncio.FIRST_COMPLETED,
                       'exception': asyncio.FIRST_EXCEPTION}[mode]
        limit, words = self.limit(words)
        members = self.members(words)
        self.check(not any(member.calls for member in members), 'wait takes no coroutines')

        async def run(call):
            xs = [member.make(call) for member in members]
            self.listening += [(x, asyncio.current_task(self.loop), None) for x in xs]
            try:
                done, pending = await asyncio.wait(xs, timeout=None if limit is None else limit(call) / UNIT,
                                                   return_when=return_when)
            except BaseException as error:
                if not self.dead:
                    self.log(f'{text} ! {error_text(error)}')
                raise
            finally:
                self.stop_listening()
            self.log(f'{text} = ' + ' '.join('1' if x in done else '0' for x in xs))
        return self.guarded(text, members, False, run)

    # Blocks

    def inside(self, *also, **counters):
        """self.block() while the counters in_... are one higher, or, given 0, are 0."""
        before = {name: getattr(self, name) for name in counters}
        for name, step in counters.items():
            setattr(self, name, step and before[name] + step)
        result = self.block(*also)
        for name, value in before.items():
            setattr(self, name, value)
        return result

    def block_repeat(self, text, count):
        count = self.value(count)
        body, _ = self.inside(in_loop=1)

        def run(call):
            for _ in range(count(call)):
                if self.steps <= 0:
                    return OUT_OF_STEPS
                self.steps -= 1
                signal = self.run_plain(body, call)
                if signal is not None and signal[0] != CONTINUE:
                    return None if signal[0] == BREAK else signal
            return None

        async def run_async(call):
            for _ in range(count(call)):
                if self.steps <= 0:
                    return OUT_OF_STEPS
                self.steps -= 1
                signal = await self.run_body(body, call)
                if signal is not None and signal[0] != CONTINUE:
                    return None if signal[0] == BREAK else signal
            return None
        return (True, run_async) if any(awaits for awaits, _ in body) else (False, run)

    def block_if(self, text, *words):
        condition = self.condition(words)
        body, end = self.block('else')
        other = self.block()[0] if end[0] == 'else' else []

        def run(call):
            truth = condition(call)
            self.log(f'{text} = {truth}')
            return self.run_plain(body if truth else other, call)

        async def run_async(call):
            truth = condition(call)
            self.log(f'{text} = {truth}')
            return await self.run_body(body if truth else other, call)
        return (True, run_async) if any(awaits for awaits, _ in body + other) else (False, run)

    def condition(self, words):
        if words and words[0] == 'not':
            condition = self.condition(words[1:])
            return lambda call: not condition(call)
        if words and words[0] == 'has':
            self.check(len(words) == 3, 'a word is missing' if len(words) < 3 else 'too many words')
            self.check(words[2] in CATCHABLE, f'{words[2]} is no error')
            name, error = self.kind(words[1], 'group'), CATCHABLE[words[2]]
            return lambda call: any(isinstance(part, error) for part in self.parts(name))
        if len(words) == 3:
            left, right = self.value(words[0]), self.value(words[2])
            if words[1] == '==':
                return lambda call: left(call) == right(call)
            self.check(words[1] == '<', '== or <')
            return lambda call: left(call) < right(call)
        tests = {'done': ('done', 'task', 'future'), 'cancelled': ('cancelled', 'task', 'future', 'handle'),
                 'locked': ('locked', 'lock', 'semaphore', 'bounded', 'condition'), 'is_set': ('is_set', 'event'),
                 'empty': ('empty', *QUEUES), 'full': ('full', *QUEUES), 'expired': ('expired', 'timeout')}
        self.check(words, 'a word is missing')
        self.check(words[0] in tests or words[0] == 'broken', f'no condition: {words[0]}')
        self.check(len(words) == 2, 'a word is missing' if len(words) < 2 else 'too many words')
        if words[0] == 'broken':
            name = self.kind(words[1], 'barrier')
            return lambda call: self.objects[name].broken
        method, *kinds = tests[words[0]]
        slot = self.slot(words[1], *kinds)

        def test(call):
            thing = slot(call)
            return thing is not None and getattr(thing, method)()
        return test

    def block_try(self, text):
        self.check(not self.in_callback, 'try in a callback')
        body, end = self.block('except', 'finally')
        self.check(end[0] != 'end', 'except or finally')
        clauses, final = [], None
        while end[0] == 'except':
            self.check(len(end) > 1, 'except CLASS...')
            for name in end[1:]:
                self.check(name in CATCHABLE, f'{name} is no error')
            line, classes = ' '.join(end), tuple(CATCHABLE[name] for name in end[1:])
            handler, end = self.inside('except', 'finally', in_except=1)
            clauses.append((line, classes, handler))
        if end[0] == 'finally':
            final, end = self.block()

        async def guarded(call):
            try:
                return await self.run_body(body, call)
            except BaseException as error:
                if self.dead:
                    raise
                for line, classes, handler in clauses:
                    if isinstance(error, classes):
                        self.log(f'{line} ! {error_text(error)}')
                        call.caught.append(error)
                        try:
                            return await self.run_body(handler, call)
                        finally:
                            call.caught.pop()
                raise

        async def run(call):
            try:
                signal = await guarded(call)
            except BaseException:
                if not self.dead:
                    self.log('finally')
                    signal = await self.run_body(final, call)
                    if signal is not None:
                        return signal
                raise
            self.log('finally')
            return await self.run_body(final, call) or signal
        return True, guarded if final is None else run

    def block_with(self, text, name, *words):
        self.check(not self.in_callback, 'with in a callback')
        kind = self.kinds.get(name)
        self.kind(name, 'lock', 'semaphore', 'bounded', 'condition', 'barrier', 'group', 'timeout', 'var')
        if kind == 'var':
            self.check(words, 'a word is missing')
            value, words = self.value(words[0]), words[1:]
            make = lambda call: Setting(self.objects[name], value(call))
        elif kind == 'timeout':
            if words and words[0] == 'at':
                self.check(len(words) > 1, 'a word is missing')
                when, words = self.when(words[1]), words[2:]
                make = lambda call: asyncio.timeout_at(when(call))
            else:
                self.check(words, 'a word is missing')
                if words[0] == 'none':
                    make = lambda call: asyncio.timeout(None)
                else:
                    delay = self.value(words[0])
                    make = lambda call: asyncio.timeout(delay(call) / UNIT)
                words = words[1:]
        elif kind == 'group':
            make = lambda call: asyncio.TaskGroup()
        else:
            make = lambda call: self.objects[name]
        self.check(not words, f'too many words: {text}')
        body, _ = self.block()

        async def run(call):
            manager = make(call)
            if kind in ('group', 'timeout'):
                self.objects[name] = manager
            if kind == 'group':
                self.groups.append(manager)
            try:
                async with manager:
                    self.log(text + ' = entered')
                    signal = await self.run_body(body, call)
            except BaseException as error:
                if kind == 'group' and isinstance(error, BaseExceptionGroup):
                    manager.parts = error.exceptions
                if not self.dead:
                    self.log(f'{text} ! {error_text(error, kind == "group")}')
                raise
            self.log(text + ' = left')
            return signal
        return True, run

    def block_as_completed(self, text, *words):
        self.check(not self.in_callback, 'as_completed in a callback')
        limit, words = self.limit(words)
        members = self.members(words)
        body, _ = self.inside(in_loop=1, in_as_completed=1)

        async def run(call):
            things = [member.make(call) for member in members]
            first = [position for position, thing in enumerate(things) if thing not in things[:position]]
            iterator = asyncio.as_completed(things, timeout=None if limit is None else limit(call) / UNIT)
            positions = dict(zip(iterator._todo, first))
            while True:
                if self.steps <= 0:
                    return OUT_OF_STEPS
                self.steps -= 1
                try:
                    item = await anext(iterator)
                except StopAsyncIteration:
                    break
                except BaseException as error:
                    if not self.dead:
                        self.log(f'{text} ! {error_text(error)}')
                    raise
                self.log(f'{text} = {positions[item]}')
                call.items.append(item)
                try:
                    signal = await self.run_body(body, call)
                finally:
                    call.items.pop()
                if signal is not None and signal[0] != CONTINUE:
                    return None if signal[0] == BREAK else signal
            self.log(text + ' = end')
            return None
        return True, self.guarded(text, members, False, run)

    # ---- Running ----

    def log(self, what):
        loop = self.loop
        self.out.append(f'{loop.tick} {round(loop.now * UNIT)} {self.name_of(asyncio.current_task(loop))} {what}')

    def name_of(self, task, nobody='-'):
        if task is None:
            return nobody
        name = task.get_name()
        return f'Task-{int(name[5:]) - self.names_before}' if name.startswith('Task-') else name

    def take_calls(self, count):
        if self.calls < count:
            return False
        self.calls -= count
        return True

    def run_plain(self, body, call):
        for _, statement in body:
            if self.steps <= 0:
                return OUT_OF_STEPS
            self.steps -= 1
            signal = statement(call)
            if signal is not None:
                return signal
        return None

    async def run_body(self, body, call):
        for awaits, statement in body:
            if self.steps <= 0:
                return OUT_OF_STEPS
            self.steps -= 1
            signal = statement(call)
            if awaits:
                signal = await signal
            if signal is not None:
                return signal
        return None

    async def run_function(self, name, argument):
        self.log(f'begin {name} {argument}')
        try:
            signal = await self.run_body(self.functions[name], Call(argument))
        except BaseException as error:
            if not self.dead:
                self.log(f'end {name} ! {error_text(error)}')
            raise
        value = signal[1] if signal else 0
        self.log(f'end {name} = {value}')
        return value

    def run_callback(self, name, *cancelled):
        if self.dead or not self.take_calls(1):
            return
        self.log(' '.join(['callback', name, *cancelled]))
        self.run_plain(self.functions[name], Call(0))

    def make_done_callback(self, name):
        return lambda future: self.run_callback(name, str(future.cancelled()))

    def exception_handler(self, loop, context):
        if self.dead:
            return
        message = context['message']
        if message.endswith('exception in shielded future'):
            message = 'exception in shielded future'
        error = [error_text(context['exception'])] if 'exception' in context else []
        self.out.append(' '.join([f'{loop.tick} {round(loop.now * UNIT)} - !', message, *error]))

    def run(self):
        loop = self.loop
        main = loop.create_task(self.run_function('main', 0))
        self.names_before = int(main.get_name()[5:]) - 1
        try:
            last = f'run = {loop.run_until_complete(main)}'
        except vloop.NothingToDo:
            last = 'run deadlock'
        except BaseException as error:
            last = f'run ! {error_text(error)}'
        self.shut_down()
        self.out.append(last)
        self.report()
        return self.out

    def shut_down(self):
        left = all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            try:
                self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            except (vloop.NothingToDo, RuntimeError):
                pass
        for task in left:
            if task.done() and not task.cancelled() and task.exception() is not None:
                self.loop.call_exception_handler({'message': 'unhandled exception during asyncio.run() shutdown',
                                                  'exception': task.exception(), 'task': task})

    def report(self):
        for task in filter(None, self.loop.made):
            if not task.done() and task._log_destroy_pending:
                self.out.append(f'unfinished {self.name_of(task)}')
        # An error on its way to a task that awaits it, or to a gather that is over, counts as read.
        read = {handle._args[0] for handle in self.loop._ready if handle._args and reads_for_certain(handle._callback)}
        for name, future in [(self.name_of(task), task) for task in filter(None, self.loop.made)] + self.futures:
            if future._log_traceback and future not in read:
                self.out.append(f'unread {name} {error_text(future._exception)}')

    def close(self):
        """Ends what is unfinished, without a word."""
        self.dead = True
        for future in [*self.loop.made, *(future for _, future in self.futures)]:
            if future is not None:
                future._log_traceback = False
        for task in self.loop.made:
            if task is not None and not task.done():
                task._log_destroy_pending = False
                try:
                    task.get_coro().close()
                except BaseException:
                    pass
        self.loop._ready.clear()
        self.loop._scheduled.clear()
        self.loop.close()


class Lines(list):
    """A program's lines; `begin` is the number of the one before them."""


def programs(text):
    """(name, lines) of each program, a line being its number and words."""
    name, lines = None, []
    for number, line in enumerate(text.split('\n'), 1):
        words = re.findall('[^ \\t\\r\\f\\v]+', line.partition('#')[0])
        if not words:
            continue
        if words[0] == 'program' or name is None:
            if words[0] != 'program' or len(words) != 2:
                raise InvalidProgram(f'{number}: program NAME')
            if name is not None:
                yield name, lines
            name, lines = words[1], Lines()
            lines.begin = number
        else:
            lines.append((number, words))
    if name is not None:
        yield name, lines


def complaint(text):
    """What is wrong with a text of programs, after the number of its line; or None."""
    if '\0' in text:
        return f'{text[:text.index(chr(0))].count(chr(10)) + 1}: no text'
    try:
        for name, lines in programs(text):
            Program(name, lines).close()
    except InvalidProgram as error:
        return str(error)
    return None


traced = itertools.count()


def trace(name, lines, hook=None):
    """The lines of one program's trace. hook(program): called in each iteration."""
    if next(traced) % 200 == 199:
        gc.collect()
    program = Program(name, lines)
    if hook is not None:
        program.loop.hook = lambda: hook(program)
    try:
        lines = contextvars.Context().run(program.run)
        return [f'program {name}', *(lines if program.loop.cancels < CANCELS else ['given up'])]
    finally:
        program.close()


def cancelled_trace(name, lines, tick, number):
    """The same if in this iteration the number-th unfinished task is cancelled from outside."""
    def cancel(program):
        tasks = all_tasks(program.loop)
        if program.loop.tick == tick and 0 < number <= len(tasks):
            task = tasks[number - 1]
            program.log(f'sweep {program.name_of(task)} = {task.cancel("swept")}')
    return trace(name, lines, cancel)


def fnv1a(text, number):
    for byte in text.encode():
        number = (number ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return number


def sweep(name, lines):
    """Every task cancelled in every iteration. A line for each iteration that has unfinished tasks: its number, theirs,
    and the hash of what comes of it, one after the other."""
    alive = {}

    def count(program):
        alive[program.loop.tick] = len(all_tasks(program.loop))
    trace(name, lines, count)
    yield f'program {name}'
    for tick, tasks in alive.items():
        traces = [cancelled_trace(name, lines, tick, number) for number in range(1, tasks + 1)]
        number = 0xcbf29ce484222325
        for text in traces:
            number = fnv1a('\n'.join([*text, '']), number)
        if any(text[-1] == 'given up' for text in traces):
            yield f'{tick} {tasks} given up'
        elif tasks:
            yield f'{tick} {tasks} {number:016x}'


def set_up():
    warnings.simplefilter('ignore')
    sys.setrecursionlimit(5000)
    ordered_sets()
    limited_cancels()
    gc.collect()
    gc.freeze()
    gc.disable()


def traces(text):
    """The trace of a text of programs."""
    return ''.join(line + '\n' for name, lines in programs(text) for line in trace(name, lines))


def cancelled_traces(text, tick, number):
    return ''.join(line + '\n' for name, lines in programs(text) for line in cancelled_trace(name, lines, tick, number))


def sweeps(text):
    return ''.join(line + '\n' for name, lines in programs(text) for line in sweep(name, lines))


OUTCOMES = ('ok True False None end entered left pending cancelled done set unset locked unlocked none').split()


def kind_of_line(line):
    """Which kind of statement with which kind of outcome a line of a trace is; None if it is none."""
    words = line.split()
    if not words or words[0] == 'program':
        return None
    if words[0].isdigit():
        words = words[3:]
    kind = words[0]
    if kind in ('await', 'wait_for'):
        what, colon, rest = words[1 + (kind == 'wait_for')].partition(':')
        if what in ('acquire', 'wait', 'get', 'put'):
            what += ':' + rest[0]
        kind += ' ' + what.rstrip('0123456789')
    elif kind in ('with', 'state', 'release', 'wait', 'cancel'):
        kind += ' ' + words[1].rstrip('0123456789')
    elif kind == 'make' and words[2] in ('gather', 'gather_all'):
        kind += ' ' + words[2]
    elif kind == '!':
        return ' '.join(words[:-1]), ''
    if '!' in words[1:]:
        return kind, '! ' + re.split('[([]', words[words.index('!', 1) + 1])[0]
    if '=' in words[:-1]:
        value = words[words.index('=') + 1]
        value = ('number' if re.fullmatch('-?[0-9]+', value) else 'list' if value[0] == '[' else
                 value if value in OUTCOMES else 'word')
        return kind, '= ' + value
    return kind, words[-1] if words[-1] in ('empty', 'limit', 'circle', 'deadlock') else ''


def coverage(text):
    """A table: how often each kind of statement has which outcome in a trace."""
    table = {}
    for kind, outcome in filter(None, map(kind_of_line, text.split('\n'))):
        row = table.setdefault(kind, {})
        row[outcome] = row.get(outcome, 0) + 1
    return ''.join(f'{kind:<28}' + ', '.join(f'{outcome or "-"} {count}' for outcome, count in
                                              sorted(row.items(), key=lambda item: -item[1])) + '\n'
                   for kind, row in sorted(table.items()))


def cover(trace_texts):
    """Indices of traces that together have every kind of line that one of them has."""
    kinds = [set(filter(None, map(kind_of_line, text.split('\n')))) - {('given', '')} for text in trace_texts]
    missing = set().union(*kinds)
    chosen = []
    while missing:
        best = max(range(len(kinds)), key=lambda index: (len(kinds[index] & missing) / (200 + len(trace_texts[index]))))
        chosen.append(best)
        missing -= kinds[best]
    return sorted(chosen)


set_up()
