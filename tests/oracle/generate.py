"""Random programs of the language in tests/programs/README.md, and how to make one that fails small.

    python3 generate.py FIRST COUNT                     prints the programs of these seeds
    python3 generate.py --shrink PROGRAM COMMAND...     prints the smallest part of it that it finds with which
                                                        COMMAND... FILE still succeeds
"""
import random
import subprocess
import sys
import tempfile

ERRORS = ('E1 E2 E3 CancelledError TimeoutError RuntimeError ValueError InvalidStateError QueueEmpty QueueFull '
          'QueueShutDown BrokenBarrierError').split()
COMMON = ('E1', 'E1', 'E2', 'CancelledError', 'TimeoutError', 'ValueError', 'RuntimeError')
CATCH = ('Exception', 'BaseException', 'BaseException', 'CancelledError', 'TimeoutError', 'E1', 'E1 E2',
         'RuntimeError', 'ExceptionGroup', 'ExceptionGroup E1', 'QueueShutDown', 'BrokenBarrierError', 'ValueError',
         'CancelledError TimeoutError', 'InvalidStateError', 'QueueEmpty QueueFull')
TOPICS = ('futures gather wait wait_for as_completed shield timeout group lock event condition semaphore barrier queue '
          'handles context names eager callbacks graph').split()
WAKES = 'set_result set_exception release set_event notify notify_all put_nowait get_nowait shutdown task_done'.split()
STATES = {'task': 'tasks', 'future': 'futures', 'handle': 'handles', 'lock': 'lock', 'event': 'event',
          'condition': 'condition', 'semaphore': 'semaphore', 'bounded': 'semaphore', 'barrier': 'barrier',
          'queue': 'queue', 'lifo': 'queue', 'priority': 'queue', 'timeout': 'timeout', 'number': 'tasks'}


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed
        self.topics = set(self.random.sample(TOPICS, self.random.choice((1, 2, 2, 3, 3, 4, 5, 8, 12))))
        if self.chance(.5):
            self.topics.add('futures')
        self.objects = {}
        self.delays = self.random.choice(((0,), (0, 0, 1), (1,), (1, 1, 2), (0, 1, 1, 2, 3), (-1, 0, 1, 2), (2, 3, 5)))
        self.functions = []
        self.callbacks = []
        self.favour = {}
        self.driven = self.chance(.6)
        self.robust = self.random.choice((0, .2, .5, .8)) if self.driven else 0
        self.size = self.random.choice((.5, .7, 1, 1, 1.3))

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, choices):
        return self.random.choice(choices)

    def weighted(self, choices):
        """Each program favours some kinds of choices, and hardly knows others."""
        weights = []
        for weight, choice in choices:
            kind = getattr(choice, '__code__', choice)
            if kind not in self.favour:
                self.favour[kind] = self.pick((.2, .5, 1, 1, 1, 2, 4))
            weights.append(weight * self.favour[kind])
        return self.random.choices([c for _, c in choices], weights)[0]

    # ---- Declarations ----

    def declare(self, kind, names):
        self.objects[kind] = list(names)
        return self.objects[kind]

    def declarations(self):
        r = self.random
        topic = self.topics.__contains__
        lines = ['task ' + ' '.join(self.declare('task', [f't{n}' for n in range(r.choice((1, 2, 2, 3, 3, 4, 5)))]))]
        if topic('futures') or topic('wait') or topic('gather') or self.chance(.3):
            lines.append('future ' + ' '.join(self.declare('future', [f'f{n}' for n in range(r.choice((1, 1, 2, 3)))])))
        if topic('handles'):
            lines.append('handle ' + ' '.join(self.declare('handle', ['h0', 'h1'][:r.choice((1, 2))])))
        if topic('condition') or self.chance(.3):
            lines.append(f'number {self.declare("number", ["n"])[0]} {r.choice((0, 0, 1, 3))}')
        if topic('group'):
            lines.append('group ' + ' '.join(self.declare('group', ['g0', 'g1'][:r.choice((1, 1, 2))])))
        if topic('timeout'):
            lines.append('timeout ' + ' '.join(self.declare('timeout', ['o0', 'o1'][:r.choice((1, 1, 2))])))
        if topic('lock') or topic('condition') and self.chance(.4):
            lines.append('lock ' + ' '.join(self.declare('lock', ['l0', 'l1'][:r.choice((1, 1, 1, 2))])))
        if topic('event'):
            lines.append('event ' + ' '.join(self.declare('event', ['e0', 'e1'][:r.choice((1, 1, 2))])))
        if topic('condition'):
            own = 'lock' not in self.objects or self.chance(.5)
            lines.append(f'condition {self.declare("condition", ["c"])[0]}' + ('' if own else ' l0'))
        if topic('semaphore'):
            if self.chance(.7):
                lines.append(f'semaphore {self.declare("semaphore", ["s"])[0]} {r.choice((0, 1, 1, 2))}')
            if 'semaphore' not in self.objects or self.chance(.3):
                lines.append(f'bounded {self.declare("bounded", ["m"])[0]} {r.choice((0, 1, 1, 2))}')
        if topic('barrier'):
            lines.append(f'barrier {self.declare("barrier", ["b"])[0]} {r.choice((1, 2, 2, 2, 3, 3, 4))}')
        if topic('queue'):
            for kind, weight in (('queue', .7), ('lifo', .2), ('priority', .35)):
                if self.chance(weight):
                    lines.append(f'{kind} {self.declare(kind, ["q" + kind[0]])[0]} {r.choice((0, 1, 1, 1, 2, 3))}')
        if topic('context'):
            lines.append(f'var {self.declare("var", ["v"])[0]}' + (f' {r.randrange(5)}' if self.chance(.8) else ''))
            lines.append('token ' + ' '.join(self.declare('token', ['k0', 'k1'][:r.choice((1, 2))])))
            lines.append('context ' + ' '.join(self.declare('context', ['x0', 'x1'][:r.choice((1, 2))])))
        return lines

    def have(self, *kinds):
        return [name for kind in kinds for name in self.objects.get(kind, ())]

    # ---- Operands ----

    def number(self):
        choices = [(6, str(self.random.randrange(10))), (1, str(self.random.randrange(10, 40))), (1, '_'), (1, 'arg')]
        if self.have('number'):
            choices.append((1, 'n'))
        return self.weighted(choices)

    def delay(self):
        return str(self.pick(self.delays)) if self.chance(.97) else self.number()

    def when(self):
        return '+' + self.delay() if self.chance(.85) else str(self.random.randrange(6))

    def x(self):
        if self.here['as_completed'] and self.chance(.4):
            return 'item'
        if self.have('future') and self.chance(.4):
            return self.pick(self.have('future'))
        return self.task()

    def task(self):
        return 'self' if self.chance(.1) and not self.here['callback'] else self.pick(self.have('task'))

    def function(self, spawned=False):
        """Those made before, so that few programs call without end."""
        names = self.functions
        if self.here['index'] is not None and not self.chance(.04):
            names = names[:self.here['index']] or (names if spawned and self.chance(.05) else [])
        if not names:
            return None
        name = self.pick(names)
        return name if self.chance(.6) else f'{name}:{self.number()}'

    def member(self):
        function = self.function() if self.chance(.4) else None
        return function or self.x()

    def members(self, most=4, functions=True):
        words = [self.member() if functions else self.x() for _ in range(self.random.randint(1, most))]
        if len(words) > 1 and self.chance(.15):
            words[-1] = words[0]
        return ' '.join(words)

    def primitive(self):
        """An await of an object, or none."""
        choices = self.primitives()
        return self.weighted(choices)() if choices else None

    def awaitable(self):
        choices = [(5, lambda: f'sleep:{self.delay()}'), (1, lambda: f'sleep:{self.delay()}:{self.number()}'),
                   (5, self.x), (3, lambda: self.function() or self.x())]
        if 'shield' in self.topics:
            choices.append((5, lambda: 'shield:' + self.member()))
        return self.weighted(choices + self.primitives())()

    def primitives(self):
        choices = []
        for kind, weight, forms in (
                ('lock', 4, ('acquire:{}',)), ('semaphore', 4, ('acquire:{}',)), ('bounded', 4, ('acquire:{}',)),
                ('event', 6, ('wait:{}',)), ('barrier', 7, ('wait:{}', 'wait:{}', 'wait:{}', 'reset:{}', 'abort:{}')),
                ('condition', 4, ('acquire:{}', 'wait:{}', 'wait:{}')),
                *((queue, 6, ('get:{}', 'get:{}', 'get:{}', 'put:{}:#', 'put:{}:#', 'put:{}:#', 'join:{}'))
                  for queue in ('queue', 'lifo', 'priority'))):
            for name in self.have(kind):
                choices.append((weight, lambda name=name, forms=forms:
                                self.pick(forms).format(name).replace('#', self.number())))
        if self.have('condition') and self.have('number'):
            choices.append((2, lambda: f'waitfor:c:n:{self.random.randrange(5)}'))
        return choices

    def options(self):
        text = ''
        if 'names' in self.topics and self.chance(.4):
            text += ' name=' + self.pick(('amy', 'bob', 'eve'))
        if 'eager' in self.topics and self.chance(.5):
            text += self.pick((' eager=yes', ' eager=yes', ' eager=no'))
        if self.have('group') and self.chance(.6):
            text += ' group=' + self.pick(self.have('group'))
        if self.have('context') and self.chance(.3):
            text += ' context=' + self.pick(self.have('context'))
        return text

    def context(self):
        return ' context=' + self.pick(self.have('context')) if self.have('context') and self.chance(.4) else ''

    # ---- Statements: lines ----

    def plain(self):
        t = self.topics
        r = self.random
        choices = [(2, lambda: f'log {self.pick(("one", "two"))}'), (7, self.spawn),
                   (7, lambda: f'cancel {self.x()}{self.message()}'),
                   (2, lambda: f'uncancel {self.task()}'), (1, lambda: f'cancelling {self.task()}'),
                   (1, self.state), (1, lambda: f'result {self.x()}'), (1, lambda: f'exception {self.x()}'),
                   (.4, lambda: f'forget {self.pick(self.have("task"))}'), (.5, lambda: 'all_tasks'),
                   (.2, lambda: 'time'),
                   (.2, lambda: f'report {self.pick(("one", "two"))}{self.pick(("", " E1", " CancelledError"))}'),
                   (.15, lambda: 'current'), (.015, lambda: 'stop')]
        if self.have('number'):
            choices += [(2, lambda: f'set n {self.number()}'), (2, lambda: f'add n {r.choice((-1, 1, 1, 2))}')]
        if self.have('future'):
            f = lambda: self.pick(self.have('future'))
            choices += [(4, lambda: f'set_result {f()} {self.number()}'),
                        (2, lambda: f'set_exception {f()} {self.pick(COMMON)}'), (2, lambda: f'make {f()}'),
                        (.2, lambda: f'set_result {self.pick(self.have("task"))} 1')]
            if 'gather' in t:
                into = self.have('future')[-1]  # only there, for a gather is not set_result
                choices.append((4, lambda: f'make {into} {self.gather()} {self.members()}'))
        if self.callbacks:
            cb = lambda: self.pick(self.callbacks)
            if 'callbacks' in t:
                choices += [(4, lambda: f'add_callback {self.x()} {cb()}{self.context()}'),
                            (2, lambda: f'remove_callback {self.x()} {cb()}')]
            h = lambda: self.pick(self.have('handle') + ['-'])
            choices += [(1.5, lambda: f'call_soon {h()} {cb()}{self.context()}'),
                        (2, lambda: f'call_later {h()} {self.delay()} {cb()}{self.context()}'),
                        (1, lambda: f'call_at {h()} {self.when()} {cb()}{self.context()}')]
            choices.append((.5, lambda: f'threadsafe {h()} {cb()}'))
            if self.have('handle'):
                choices.append((3, lambda: f'cancel {self.pick(self.have("handle"))}'))
                choices.append((.3, lambda: f'forget {self.pick(self.have("handle"))}'))
                choices.append((.5, lambda: f'when {self.pick(self.have("handle"))}'))
        if 'names' in t:
            choices += [(1, lambda: f'name {self.task()} {self.pick(("amy", "bob", "joe", ""))}'.strip()),
                        (.5, lambda: 'current'), (1, lambda: 'all_tasks')]
        if 'eager' in t and self.chance(.15):
            choices.append((.7, lambda: f'factory {self.pick(("eager", "lazy"))}'))
        for kind in ('lock', 'semaphore', 'bounded', 'condition'):
            for name in self.have(kind):
                choices.append((1.5, lambda name=name: f'release {name}'))
        if 'graph' in t:
            choices.append((4, lambda: f'graph {self.x()}'))
        for name in self.have('group'):
            choices.append((.5, lambda name=name: f'parts {name}'))
        for name in self.have('event'):
            choices += [(4, lambda name=name: f'set_event {name}'), (2, lambda name=name: f'clear {name}')]
        for name in self.have('condition'):
            choices += [(3, lambda: f'notify c {r.choice((0, 1, 1, 2))}'), (1.5, lambda: 'notify_all c')]
        for kind in ('queue', 'lifo', 'priority'):
            for name in self.have(kind):
                choices += [(3, lambda name=name: f'put_nowait {name} {self.number()}'),
                            (3, lambda name=name: f'get_nowait {name}'), (2, lambda name=name: f'task_done {name}'),
                            (.5, lambda name=name: f'shutdown {name}{self.pick(("", " immediate"))}'),
                            (.1, lambda name=name: f'maxsize {name}')]
        for name in self.have('barrier'):
            choices.append((.2, lambda name=name: f'parties {name}'))
        for name in self.have('timeout'):
            choices += [(2, lambda name=name: f'reschedule {name} {self.when() if self.chance(.85) else "none"}'),
                        (.7, lambda name=name: f'state {name}')]
        if self.have('var'):
            c = lambda: self.pick(self.have('context'))
            token = lambda: ' ' + self.pick(self.have('token')) if self.chance(.7) else ''
            choices += [(3, lambda: f'setvar v {self.number()}{token()}'),
                        (3, lambda: 'getvar v'), (1.5, lambda: f'resetvar v {self.pick(self.have("token"))}'),
                        (2, lambda: f'copy_context {c()}'), (.5, lambda: f'new_context {c()}'),
                        (.5, lambda: f'getvar v {self.number()}'), (.5, lambda: f'copy_context {c()} {c()}'),
                        (1, lambda: f'context_of {self.task()} {c()}'), (1, lambda: f'lookup {c()} v'),
                        (.5, lambda: f'length {c()}')]
            if self.callbacks:
                choices.append((2, lambda: f'run {c()} {self.pick(self.callbacks)}'))
        line = next(filter(None, (self.weighted(choices)() for _ in range(4))), 'log none')
        if line.startswith('notify') and not self.here['callback'] and self.chance(.5):
            return ['with c', '    ' + line, 'end'] if self.chance(.5) else ['await acquire:c', line, 'release c']
        if line.split()[0] in WAKES and self.chance(.3):  # woken, and cancelled before its turn
            return [line, f'cancel {self.pick(self.have("task"))}{self.message()}']
        return [line]

    def spawn(self):
        function = self.function(True)
        if function is None:
            return None
        target = '-' if self.chance(.12) else self.pick(self.have('task'))
        return f'spawn {target} {function}{self.options()}'

    def message(self):
        return self.pick(('', '', ' m1', ' m2'))

    def state(self):
        kinds = [kind for kind in STATES if self.have(kind)]
        return f'state {self.pick(self.have(self.pick(kinds)))}'

    def condition(self):
        choices = [(3, lambda: f'done {self.x()}'), (1, lambda: f'cancelled {self.x()}'),
                   (1, lambda: f'{self.number()} {self.pick(("==", "<"))} {self.number()}')]
        for kind, words in (('lock', ('locked',)), ('event', ('is_set',)), ('semaphore', ('locked',)),
                            ('bounded', ('locked',)), ('condition', ('locked',)), ('barrier', ('broken',)),
                            ('queue', ('empty', 'full')), ('lifo', ('empty', 'full')), ('priority', ('empty', 'full')),
                            ('timeout', ('expired',)), ('handle', ('cancelled',))):
            for name in self.have(kind):
                choices.append((1, lambda name=name, words=words: f'{self.pick(words)} {name}'))
        for name in self.have('group'):
            choices.append((1, lambda name=name: f'has {name} {self.pick(CATCH).split()[0]}'))
        return self.pick(('', '', 'not ')) + self.weighted(choices)()

    def waiting(self):
        t = self.topics
        choices = [(10, lambda: f'await {self.awaitable()}')]
        if 'gather' in t:
            choices.append((7, lambda: f'{self.gather()} {self.members()}'))
        if 'wait' in t:
            choices.append((7, lambda: f'wait {self.pick(("all", "first", "exception"))}'
                            f'{self.limit()} {self.members(4, False)}'))
        if 'wait_for' in t:
            choices.append((8, lambda: f'wait_for {self.delay() if self.chance(.9) else "none"} {self.awaitable()}'))
        return [self.weighted(choices)()]

    def survived(self, lines):
        """Lines with a try around them, so that the function goes on."""
        classes = self.pick(CATCH) if self.chance(.4) else self.pick(('BaseException', 'BaseException', 'Exception'))
        handler = []
        if self.chance(.2):
            handler = self.inside(1, 1, **{'except': True}) if self.chance(.7) else ['    reraise']
        return ['try', *('    ' + line for line in lines), 'except ' + classes, *handler, 'end']

    def gather(self):
        return self.pick(('gather', 'gather', 'gather_all'))

    def limit(self):
        return f' timeout {self.delay()}' if self.chance(.4) else ''

    def flow(self):
        here = self.here
        choices = [(1, lambda: f'return {self.number()}'),
                   (2, lambda: f'raise {self.pick(COMMON if self.chance(.8) else ERRORS)}')]
        choices.append((1, lambda: f'raise CancelledError {self.pick(("m1", "m3"))}'))
        if here['loop']:
            choices += [(1, lambda: 'break'), (1, lambda: 'continue')]
        if here['except']:
            choices.append((5, lambda: 'reraise'))
        return [self.weighted(choices)()]

    # ---- Blocks: lines, those inside indented ----

    def inside(self, low, high, **changes):
        before = self.here
        self.here = {**before, 'level': before['level'] + 1, **changes}
        lines = self.body(self.random.randint(low, high))
        self.here = before
        return ['    ' + line for line in lines]

    def attempt(self):
        lines = ['try', *self.inside(1, 3)]
        kind = self.weighted(((5, 'except'), (2, 'finally'), (1.5, 'both')))
        if kind != 'finally':
            for _ in range(self.pick((1, 1, 1, 2))):
                lines += ['except ' + self.pick(CATCH), *self.inside(0, 2, **{'except': True})]
        if kind != 'except':
            lines += ['finally', *self.inside(0 if kind == 'both' else 1, 2)]
        return [*lines, 'end']

    def choice(self):
        lines = ['if ' + self.condition(), *self.inside(1, 2)]
        if self.chance(.3):
            lines += ['else', *self.inside(1, 2)]
        return [*lines, 'end']

    def loop(self):
        return [f'repeat {self.pick((2, 2, 3, 4))}', *self.inside(1, 3, loop=True), 'end']

    def managed(self):
        choices = []
        for kind, weight in (('lock', 4), ('semaphore', 3), ('bounded', 3), ('condition', 8), ('barrier', 2),
                             ('group', 10), ('timeout', 12), ('var', 3)):
            choices += [(weight, (kind, name)) for name in self.have(kind)]
        if self.have('var'):
            choices.append((8, ('token', 'v')))
        if not choices:
            return self.attempt()
        kind, name = self.weighted(choices)
        if kind == 'token':
            token = self.pick(self.have('token'))
            return [f'setvar v {self.number()} {token}', *self.body(self.random.randint(0, 2)), f'resetvar v {token}']
        head = f'with {name}'
        if kind == 'timeout':
            head += (' none' if self.chance(.05) else f' at {self.when()}' if self.chance(.2) else ' ' + self.delay())
        if kind == 'var':
            head += ' ' + self.number()
        lines = [head, *self.inside(1, 4)]
        if kind == 'timeout' and self.chance(.3):
            lines.insert(1, '    ' + self.pick((f'await sleep:{self.delay()}', f'await {self.awaitable()}')))
        if kind == 'timeout' and self.chance(.25):
            lines.insert(1, f'    reschedule {name} {self.when() if self.chance(.9) else "none"}')
        if kind == 'group':
            for _ in range(self.random.randint(0, 2)):
                function = self.function(True)
                if function:
                    lines.insert(1, f'    spawn {self.pick([*self.have("task"), "-"])} {function} group={name}')
        if kind == 'condition' and self.chance(.6):
            lines.insert(1, '    ' + self.pick(('await wait:c', 'notify c 1', 'notify_all c')))
        return [*lines, 'end']

    def completed(self):
        lines = [f'as_completed{self.limit()} {self.members()}']
        if self.chance(.6):
            lines.append('    ' + self.pick(('await item', 'result item', 'exception item')))
        return [*lines, *self.inside(0, 2, loop=True, as_completed=True), 'end']

    def callback_block(self):
        return self.choice() if self.chance(.7) else self.loop()

    def statement(self):
        here = self.here
        if here['callback']:
            if here['level'] < 2 and self.chance(.08):
                return self.callback_block()
            return self.plain()
        chance = self.random.random()
        if here['level'] < 3:
            if chance < .09:
                return self.attempt()
            if chance < .2:
                return self.managed()
            if chance < .24:
                return self.choice()
            if chance < .28:
                return self.loop()
            if 'as_completed' in self.topics and chance < .34:
                return self.completed()
        if chance < .58:
            lines = self.waiting()
            return self.survived(lines) if self.chance(self.robust) else lines
        if chance < .66 and (here['level'] or self.chance(.3)):
            return self.flow()
        return self.plain()

    def body(self, count):
        lines = []
        for _ in range(count):
            lines += self.statement()
            if lines[-1].split()[0] in ('return', 'raise', 'reraise', 'break', 'continue') and self.chance(.85):
                break
        return lines

    def waking(self):
        """A statement that somebody may wait for."""
        for _ in range(6):
            lines = self.plain()
            if lines[0].split()[0] in WAKES:
                break
        future = lines[0].split()[1:2]
        if future and future[0] in self.have('future') and lines[0].startswith('set_') and self.chance(.5):
            future = future[0]
            return [f'if done {future}', f'    make {future}', 'else', *('    ' + line for line in lines), 'end']
        return lines

    def drive(self):
        """What a main does that lets time pass, wakes, cancels and looks after the others."""
        lines = []
        for _ in range(self.random.randint(3, 10)):
            step = self.weighted(((6, 'sleep'), (4, 'wake'), (2, 'cancel'), (1.5, 'spawn'), (2.5, 'any')))
            if step == 'sleep':
                new = [f'await sleep:{self.delay()}']
            elif step == 'cancel':
                new = [f'cancel {self.pick(self.have("task"))}{self.message()}']
            elif step == 'spawn':
                new = [self.spawn() or 'log none']
            else:
                new = self.waking() if step == 'wake' else self.statement()
            lines += self.survived(new) if step == 'any' and self.chance(self.robust) else new
        tasks = ' '.join(self.have('task'))
        last = self.pick((None, f'wait all timeout {self.pick((5, 20))} {tasks}', f'gather_all {tasks}',
                          f'gather {tasks}', f'as_completed timeout 9 {tasks}'))
        if last is not None:
            lines += [last, *(self.inside(0, 1, loop=True, as_completed=True) + ['end']
                              if last.startswith('as_completed') else [])]
        return lines

    def function_lines(self, kind, name, index, low, high, first=()):
        self.here = {'index': index, 'callback': kind == 'callback', 'level': 0, 'loop': False, 'except': False,
                     'as_completed': False}
        if kind == 'callback':
            self.here['index'] = None
        count = max(1, round(self.random.randint(low, high) * self.size))
        if kind == 'callback' and self.chance(.4):
            first = [f'cancel {self.x()}{self.message()}']
        if kind == 'def' and name != 'main' and self.chance(.4):
            first = [f'await {self.primitive() or "sleep:" + self.delay()}']
            if first[0].startswith(('await wait:c', 'await waitfor:c')):
                first = self.pick((['await acquire:c', *first], ['await acquire:c', *first, 'release c'],
                                   ['with c', '    ' + first[0], 'end']))
        lines = [*first, *(self.drive() if kind == 'def' and name == 'main' and self.driven else self.body(count))]
        return [f'{kind} {name}', *['    ' + line for line in lines], 'end']

    def program(self):
        """Its lines. set_result of a gather is not allowed: then those slots that could hold one lose theirs."""
        lines = [f'program random{self.seed}', *self.declarations()]
        if 'future' not in self.objects:
            self.topics.discard('futures')
        self.functions = [f'work{n}' for n in range(self.random.choice((1, 2, 2, 3, 4)))]
        if self.topics & {'callbacks', 'handles', 'context'} or self.chance(.5):
            self.callbacks = [f'call{n}' for n in range(self.random.choice((1, 1, 2, 3)))]
        for n, name in enumerate(self.functions):
            lines += self.function_lines('def', name, n, 1, 5)
        for n, name in enumerate(self.callbacks):
            lines += self.function_lines('callback', name, n, 0, 3)
        first = []
        self.here = {'index': len(self.functions), 'as_completed': False, 'callback': False}
        if 'eager' in self.topics and self.chance(.25):
            first.append('factory eager')
        if self.driven or self.chance(.8):
            favourite = self.pick(self.functions) if self.chance(.5) else None
            for name in self.have('task'):
                if self.chance(.85):
                    function = favourite if favourite and self.chance(.7) else self.function(True)
                    first.append(f'spawn {name} {function or self.functions[0]}' +
                                 (self.options() if self.chance(.3) else ''))
        if self.callbacks and self.chance(.5):
            first.append(f'call_later - {self.delay()} {self.pick(self.callbacks)}')
        lines += self.function_lines('def', 'main', len(self.functions), 3, 8, first)
        return keep_gathers(lines)


def keep_gathers(lines):
    """set_result and set_exception of a slot that can hold a gather: made a cancel."""
    gathers = {words[1] for words in map(str.split, lines) if words[0] == 'make' and len(words) > 2}

    def fixed(line):
        words = line.split()
        if words[0] in ('set_result', 'set_exception') and (words[1] in gathers or words[1] == 'item' and gathers):
            return line[:len(line) - len(line.lstrip())] + 'cancel ' + words[1]
        return line
    return [fixed(line) for line in lines]


def generate(first, count):
    return ''.join('\n'.join(Generator(seed).program()) + '\n' for seed in range(first, first + count))


# ---- Shrinking ----

class Node:
    """A statement; of a block: its head, its parts (the first under the head) and their clauses."""

    def __init__(self, line):
        self.line = line
        self.clauses = []  # [line, nodes]

    def lines(self, indent=''):
        if not self.clauses:
            return [indent + self.line]
        lines = []
        for line, nodes in self.clauses:
            lines += [indent + line, *(text for node in nodes for text in node.lines(indent + '    '))]
        return [*lines, indent + 'end']


def tree(lines):
    """The nodes of a program, without its line `program`."""
    lines = iter([line.partition('#')[0].split() for line in lines])

    def nodes(into):
        for words in lines:
            if not words:
                continue
            if words[0] == 'end' or words[0] in ('except', 'finally', 'else'):
                return words
            node = Node(' '.join(words))
            if words[0] in ('def', 'callback', 'repeat', 'if', 'try', 'with', 'as_completed'):
                end = words
                while end[0] != 'end':
                    node.clauses.append([' '.join(end), []])
                    end = nodes(node.clauses[-1][1]) or ['end']
            into.append(node)
        return None
    all_nodes = []
    nodes(all_nodes)
    return all_nodes


def shrink(text, fails):
    """The smallest program that was found for which fails(text) still holds."""
    name, *rest = text.strip().split('\n')
    root = tree(rest)

    def current():
        return '\n'.join([name, *(line for node in root for line in node.lines())]) + '\n'

    def lists(nodes):
        yield nodes
        for node in list(nodes):
            for _, inner in node.clauses:
                yield from lists(inner)

    def attempt(nodes, start, stop, replacement):
        """Replaces a slice, if it still fails then."""
        old = nodes[start:stop]
        nodes[start:stop] = replacement
        if fails(current()):
            return True
        nodes[start:start + len(replacement)] = old
        return False

    def simpler_words(node, position, other):
        words = node.line.split()
        del words[position]
        new = ' '.join(words if other is None else [*words[:position], other, *words[position:]])
        old = node.line
        node.line = new
        if node.clauses:
            node.clauses[0][0] = new
        if new != old and fails(current()):
            return True
        node.line = old
        if node.clauses:
            node.clauses[0][0] = old
        return False

    changed = True
    while changed:
        changed = False
        for nodes in list(lists(root)):
            size = max(len(nodes), 1)
            while size:
                start = 0
                while start < len(nodes):
                    if attempt(nodes, start, start + size, []):
                        changed = True
                    else:
                        start += size
                size //= 2
        for nodes in list(lists(root)):
            for index in range(len(nodes) - 1, -1, -1):
                node = nodes[index]
                if node.line.split()[0] in ('def', 'callback'):
                    continue
                for clause in range(len(node.clauses) - 1, 0, -1):
                    if attempt(node.clauses, clause, clause + 1, []):
                        changed = True
                if node.clauses and attempt(nodes, index, index + 1, node.clauses[0][1]):
                    changed = True
        for nodes in list(lists(root)):
            for node in nodes:
                for position in range(len(node.line.split()) - 1, 0, -1):
                    if simpler_words(node, position, None):
                        changed = True
    return current()


def main(arguments):
    if arguments[0] == '--shrink':
        with open(arguments[1]) as file:
            text = file.read()

        def fails(text):
            with tempfile.NamedTemporaryFile('w', suffix='.prog') as file:
                file.write(text)
                file.flush()
                return subprocess.run([*arguments[2:], file.name], stdout=subprocess.DEVNULL).returncode == 0
        print(shrink(text, fails), end='')
    else:
        print(generate(int(arguments[0]), int(arguments[1])), end='')


if __name__ == '__main__':
    main(sys.argv[1:])
