"""An event loop whose clock stands still while there is work and jumps to the next deadline when there is none.

It asks nothing of the operating system, so it also runs in CPython for WebAssembly. `tick` counts iterations."""
import asyncio.base_events


class NothingToDo(Exception):
    """The loop would wait for ever."""


class VirtualLoop(asyncio.base_events.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.tick = 0
        self.hook = None  # called in each iteration, where others would wait; if it makes something ready, time stays
        self._selector = self
        self._clock_resolution = 1e-10

    def time(self):
        return self.now

    def select(self, timeout):
        if self.hook is not None:
            self.hook()
            if self._ready:
                return ()
        if timeout is None:
            raise NothingToDo
        self.now += max(timeout, 0)
        return ()

    def _run_once(self):
        self.tick += 1
        super()._run_once()

    def _process_events(self, events):
        """There are none."""

    def _write_to_self(self):
        """select() never blocks: nobody has to be woken."""
