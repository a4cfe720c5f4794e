"""What the server remembers of those who have the page open: what they dropped, for minutes and within quotas.

Gradio keeps beside it what every component showed last, for links that this page does not have, until hundreds of
others have come; and the values of a page that was closed for an hour. Here nothing of the kind is kept, and a session
goes, with its files, soon after its page was closed or when nobody has used it for some time.
"""

from __future__ import annotations

import datetime
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from gradio.state_holder import SessionState, StateHolder

from mattransformer.app import limits

if TYPE_CHECKING:
    from gradio.blocks import Blocks

_NOTHING: Final[dict[int, Any]] = {}


class Session(SessionState):
    """The values of one page that is open, and no copy of what it shows."""

    def __init__(self, blocks: Blocks) -> None:
        """Begin with the page as it is laid out."""
        self.blocks_config = copy(blocks.default_config)
        self.config_values = _NOTHING
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 0

    def __setitem__(self, key: int, value: Any) -> None:  # noqa: ANN401 - a component, or the value of one
        """Keep a value; one beyond the quota is not."""
        block = self.blocks_config.blocks.get(key)
        if block is None or not block.stateful:
            self.blocks_config.blocks[key] = value
            return
        self._state_ttl[key] = (block.time_to_live, datetime.datetime.now())  # type: ignore[attr-defined]
        self.state_data[key] = value if size(value) <= limits.MOST_KEPT_OF_ONE else block.value  # type: ignore[attr-defined]

    def _update_config(self, key: int) -> None:
        """Keep no copy."""

    def _update_value_in_config(self, key: int, value: Any) -> None:  # noqa: ANN401 - see `__setitem__`
        """Keep no copy."""

    @property
    def size(self) -> int:
        """Characters that are kept."""
        return sum(size(value) for value in list(self.state_data.values()))


class Sessions(StateHolder):
    """The sessions of a server."""

    def __init__(self) -> None:
        """Begin with nobody."""
        super().__init__()  # type: ignore[no-untyped-call]

    def __getitem__(self, session_id: str) -> Session:
        """Give a session, a new one if there is none of this name."""
        with self.lock:
            found = self.session_data.get(session_id)
            if found is None:
                found = self.session_data[session_id] = Session(self.blocks)
            self.session_data.move_to_end(session_id)
            self.time_last_used[session_id] = datetime.datetime.now()
            while len(self.session_data) > self.capacity:
                self._drop(next(iter(self.session_data)))
        return found  # type: ignore[return-value]

    def sweep(self, age: float, closed: float) -> list[str]:
        """Drop what is no longer used, and the oldest ones as long as all together keep more than the quota.

        Args:
            age: seconds since a session was used last.
            closed: the same, of one whose page was closed.

        Returns:
            The names of those that were dropped.
        """
        dropped = []
        now = datetime.datetime.now()
        with self.lock:
            for name, session in list(self.session_data.items()):
                idle = (now - self.time_last_used[name]).total_seconds()
                if idle > (closed if session.is_closed else age):
                    dropped.append(name)
                    self._drop(name)
            sizes = {name: session.size for name, session in self.session_data.items()}  # type: ignore[attr-defined]
            total = sum(sizes.values())
            for name, own in sizes.items():
                if total <= limits.MOST_KEPT:
                    break
                if own:
                    total -= own
                    dropped.append(name)
                    self._drop(name)
        return dropped

    def _drop(self, name: str) -> None:
        """Forget a session, and stop its work."""
        session = self.session_data.pop(name)
        self.time_last_used.pop(name, None)
        for value in list(session.state_data.values()):
            if hasattr(value, "stop"):
                value.stop()


def size(value: Any) -> int:  # noqa: ANN401 - what a session holds
    """Give the characters of a text, or of the texts in a list."""
    if isinstance(value, str):
        return len(value)
    return sum(map(size, value)) if isinstance(value, list | tuple) else 0
