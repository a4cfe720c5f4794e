"""What can go wrong at a hub, at a step of the exchange: bad answers, cut connections, lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

BEFORE, AFTER = -1, -2
"""Where a connection is cut: before anything is done, and when all is done but nothing was said."""


@dataclass
class Fault:
    """Something that goes wrong.

    Attributes:
        step: of the exchange, see `server.ROUTES`.
        status: answered in place of what would be.
        body: of that answer.
        headers: of that answer; without a status they are added to those of the right one.
        cut: `BEFORE`, `AFTER`, or the bytes of the body after which the connection is cut; None leaves it.
        change: makes another answer out of the JSON of the right one.
        body_of: makes another body out of the right one; its length is what the answer says.
        seconds: of silence before the answer.
        times: that it happens.
    """

    step: str
    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    change: Callable[[Any], Any] | None = None
    body_of: Callable[[bytes], bytes] | None = None
    seconds: float = 0
    times: int = 1_000


def refused(step: str, status: int, **more: Any) -> Fault:
    """Answer with a status, and say so in JSON."""
    body = b'{"error": "said by the hub"}'
    return Fault(step, status, body, {"Content-Type": "application/json", "Retry-After": "0"}, **more)


def page(step: str) -> Fault:
    """Answer as a login page does: with HTML, and as if all were well."""
    return Fault(step, 200, b"<!doctype html><title>Log in</title>", {"Content-Type": "text/html"})
