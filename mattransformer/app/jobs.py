"""Work in a thread of its own that says how far it is and can be stopped.

job = Job(lambda tell: requests.generate(n=1000, progress=tell))
for so_far in job.reports():
    print(so_far)
table = job.result()
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, TypeVar

from mattransformer.errors import MattransformerError

T = TypeVar("T")
_EVERY: Final = 0.25  # seconds between looks at the work
_BETWEEN: Final = 1.0  # seconds between reports, each of which a browser, perhaps a busy one, has to draw


class StoppedError(MattransformerError):
    """What ends a piece of work that was stopped."""


class Job(Generic[T]):
    """A piece of work that has begun."""

    def __init__(self, work: Callable[[Callable[[Any], None]], T]) -> None:
        """Begin.

        Args:
            work: is given a function to tell how far it is, which raises `StoppedError` once it has been stopped.
        """
        self._so_far: Any = None
        self._stopped, self._done = threading.Event(), threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def stop(self) -> None:
        """Let the work end the next time it says how far it is."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether it was stopped; it may be at work until it next says how far it is."""
        return self._stopped.is_set()

    def reports(self) -> Iterator[Any]:
        """Give what was told last, once a second at most, until the work is done or stopped.

        A caller that leaves early stops it.
        """
        next_one = 0.0
        try:
            while not self._done.wait(_EVERY) and not self.stopped:
                if time.monotonic() >= next_one:
                    yield self._so_far
                    next_one = time.monotonic() + _BETWEEN
        finally:
            if not self._done.is_set():
                self.stop()

    def result(self) -> T:
        """Wait for the work, and give what it gave or raise what it raised."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def _run(self, work: Callable[[Callable[[Any], None]], T]) -> None:
        try:
            self._tell(None)
            self._result = work(self._tell)
        except BaseException as error:  # told to who waits for the result
            self._error = error
        finally:
            self._done.set()

    def _tell(self, so_far: Any) -> None:  # noqa: ANN401 - numbers or words
        if self._stopped.is_set():
            raise StoppedError("stopped: nothing was kept; start it again for a table")
        self._so_far = so_far
