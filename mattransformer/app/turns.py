"""Turns at what one request at a time may use, first come, first served; who waits can be called off.

turns = Turns()
with turns.taken(check):  # check() is called while it waits; what it raises ends the waiting
    work()
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from mattransformer.app import limits
from mattransformer.app.limits import COMMAND_LINE, LimitError

_EVERY: Final = 0.1  # seconds between looks at whether to go on waiting


class Turns:
    """A queue of threads, of which the first has its turn."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._waiting: deque[object] = deque()
        self._moved = threading.Condition()

    @contextmanager
    def taken(self, check: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Wait for a turn, and have it as long as the block lasts.

        Args:
            check: called several times a second while others are before; what it raises ends the waiting.

        Yields:
            Nothing.
        """
        own = object()
        with self._moved:
            self._waiting.append(own)
        try:
            while not self._is_first(own):
                check()
            yield
        finally:
            with self._moved:
                self._waiting.remove(own)
                self._moved.notify_all()

    def _is_first(self, own: object) -> bool:
        with self._moved:
            return self._waiting[0] is own or (self._moved.wait(_EVERY) and self._waiting[0] is own)


class Clock:
    """Tells a request that its time is over: `limits.MOST_SECONDS` from its beginning, waiting included."""

    def __init__(self, command: str, progress: Callable[..., object] | None = None) -> None:
        """Start.

        Args:
            command: of the command line, which has no limit.
            progress: is told how far the request is; what it raises ends it too.
        """
        self._command, self._progress = command, progress
        self._most = limits.MOST_SECONDS
        self._end = time.monotonic() + self._most

    def __call__(self, so_far: object) -> None:
        """Pass on how far the work is.

        Raises:
            LimitError: the time is over.
        """
        self._pass_on(so_far, f"the {self._most:g} seconds of a request are over; ask for less")

    def waiting(self, so_far: object = None) -> None:
        """Say that it has not begun.

        Raises:
            LimitError: the time is over.
        """
        others = f"others were before this request for {self._most:g} seconds, the longest that one may take"
        self._pass_on(so_far, f"{others}; come back later")

    def _pass_on(self, so_far: object, over: str) -> None:
        if time.monotonic() > self._end:
            name = self._command.split()[0]
            raise LimitError(f"{name}: {over}; {COMMAND_LINE}: mattransformer {self._command}")
        if self._progress is not None:
            self._progress(so_far)
