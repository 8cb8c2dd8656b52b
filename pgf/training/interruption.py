"""Reasons to stop a run before its end: a signal, Ctrl-C, the end of a job's time, a hang.

A run that is asked to stop writes a checkpoint and ends with exit code 75 (EX_TEMPFAIL of
sysexits.h), after Ctrl-C with 130: nothing is wrong, and the same command goes on from there.
"""

import faulthandler
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import TextIO

TO_BE_CONTINUED = 75
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGINT)
"""Sent by schedulers before they kill, and by a person's Ctrl-C."""
CTRL_C = b"\npgf: stopping with a checkpoint; Ctrl-C again ends at once, without one\n"
HANG_SECONDS = 1800.0
"""Without a sign of life for so long a process ends itself, with its stack traces in the log."""


class InterruptedRunError(Exception):
    """A run was asked to stop; its checkpoint is written."""


@dataclass
class Watch:
    """Tells a run when to stop, and ends a process that hangs."""

    deadline: float | None = None
    """Time of day (`time.time()`) at which the job will be killed."""
    reserve: float = 120.0
    """Seconds before the deadline at which to stop, beside two of the slowest steps so far."""
    hang_seconds: float = HANG_SECONDS
    signalled: str = ""
    has_worked: bool = False
    """True once a step, an evaluation or a run is finished: a requeued job makes progress."""
    traces: TextIO = field(default_factory=lambda: sys.stderr)
    """An open file for the stack traces of a process that hangs."""
    _armed: float = field(default=-math.inf, init=False)
    _last: float = field(default=math.inf, init=False)
    _slowest: float = field(default=0.0, init=False)
    _calls: list[Callable[[], None]] = field(default_factory=list, init=False)

    @contextmanager
    def over_steps(self) -> Iterator[None]:
        """Watch over hangs and slow steps inside: from here on signs of life follow each other."""
        self._last = math.inf
        self.beat()
        try:
            yield
        finally:
            self.rest()

    def rest(self) -> None:
        """Do not watch over hangs until the next sign of life."""
        faulthandler.cancel_dump_traceback_later()
        self._armed = -math.inf
        self._last = math.inf  # a rest is no slow step

    def beat(self) -> None:
        """Give a sign of life: after every step and every batch of an evaluation."""
        now = time.monotonic()
        self._slowest, self._last = max(self._slowest, now - self._last), now
        for call in self._calls:
            call()
        # Each call starts a thread, in C: it ends a process even where Python itself hangs.
        if now - self._armed > self.hang_seconds / 100:
            faulthandler.dump_traceback_later(self.hang_seconds, exit=True, file=self.traces)
            self._armed = now

    def reason(self) -> str:
        """Return why to stop now, or nothing."""
        if self.signalled:
            return self.signalled
        if self.deadline is not None and time.time() > self._last_call():
            return "the job's time is nearly over"
        return ""

    def _last_call(self) -> float:
        assert self.deadline is not None
        return self.deadline - self.reserve - 2 * self._slowest

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """Have something called at every sign of life."""
        self._calls.append(call)
        try:
            yield
        finally:
            self._calls.remove(call)

    @contextmanager
    def on_duty(self) -> Iterator["Watch"]:
        """Note signals rather than die of them; a second Ctrl-C raises KeyboardInterrupt."""

        def note(number: int, frame: FrameType | None) -> None:
            del frame
            self.signalled = signal.Signals(number).name
            if number == signal.SIGINT:
                signal.signal(number, signal.default_int_handler)
                with suppress(OSError):  # print is not safe in a handler
                    os.write(2, CTRL_C)

        kept = {number: signal.signal(number, note) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)
