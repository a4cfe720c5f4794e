"""What stands before the page: requests are no larger than the limit, and nothing is loaded from elsewhere.

Gradio fetches a file for whoever names its address, and so could be sent to places that only the server reaches: these
requests are refused, and while a page is served its process connects to no other machine at all.
"""

from __future__ import annotations

import ipaddress
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio compiles templates and handlers in the page, and styles elements one by one.
_SOURCES: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "frame-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)
_OWN_FILE: Final = "/gradio_api/file="
_THROWN_AWAY: Final = 1_000_000_000  # bytes of a refused request that are listened to
_FETCHING: Final = re.compile(r"/(?:file=\s*[a-z][a-z0-9+.-]*:|proxy=|deep_link)", re.IGNORECASE)


class BodyLimit:
    """Refuses requests with a larger body, before it is read where its length is told, and while it comes where not."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        """Stand before an application.

        Args:
            app: that answers.
            most: bytes of a body.
        """
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > self._most:
            await self._refuse(receive, send)
            return
        await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer as long as no more has come than may."""
        came, refused, started = 0, False, False

        async def counted() -> Message:
            nonlocal came, refused
            message = await receive()
            came += len(message.get("body", b""))
            if came <= self._most or refused:
                return message
            refused = True
            if not started and message.get("more_body"):
                await self._refuse(receive, send)
            elif not started:
                await self._refuse(_nothing_more, send)
            return {"type": "http.disconnect"}

        async def answered(message: Message) -> None:
            nonlocal started
            if not refused:  # what the application makes of the sender's leaving
                started = True
                await send(message)

        try:
            await self._app(scope, counted, answered)
        except Exception:
            if not refused:
                raise

    async def _refuse(self, receive: Receive, send: Send) -> None:
        words = f"a request of more than {self._most / 1e6:.0f} MB is not read here; the command line has no such limit"
        await _refused(413, words, send, receive)


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def _refused(status: int, words: str, send: Send, receive: Receive = _nothing_more) -> None:
    """Answer in one line; what is still being sent is taken and thrown away, or most senders would not see it."""
    body = json.dumps({"detail": words, "error": words}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    came = 0
    while came < _THROWN_AWAY:
        message = await receive()
        came += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
    await send({"type": "http.response.body", "body": b""})


class NothingFetched:
    """Refuses the requests by which Gradio would fetch something from elsewhere, or write a session to disk."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        words = "this page fetches nothing from elsewhere; drop the file itself"
        if _FETCHING.search(scope["path"]):
            await _refused(403, words, send)
            return
        kind = dict(scope["headers"]).get(b"content-type", b"")
        if scope["method"] != "POST" or kind.startswith(b"multipart/"):
            await self._app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        if names_an_address(b"".join(own.get("body", b"") for own in messages)):
            await _refused(403, words, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)


def names_an_address(body: bytes) -> bool:
    """Say whether a request in JSON has a file in it that lies elsewhere, which Gradio would fetch.

    A browser tells the address of a file that it has sent to the page itself, which is no such file.
    """
    if not any(sign in body for sign in (b"://", b"\\u", b"\\/")):
        return False
    try:
        open_ = [json.loads(body)]
    except RecursionError:
        return True
    except ValueError:
        return False  # the application says so
    while open_:
        own = open_.pop()
        if isinstance(own, dict):
            path, address = str(own.get("path", "")), str(own.get("url", ""))
            if "://" in path or ("path" in own and "://" in address and _OWN_FILE not in address):
                return True
        open_.extend(own.values() if isinstance(own, dict) else own if isinstance(own, list) else ())
    return False


class OwnSourcesOnly:
    """Tells browsers to load nothing from elsewhere; what is shown is escaped where it is written, not here."""

    def __init__(self, app: ASGIApp, frames: Sequence[str] = ()) -> None:
        """Stand before an application.

        Args:
            app: that answers.
            frames: addresses of the pages that may show this one in a frame, beside itself.
        """
        self._app = app
        self._headers = [
            (
                b"content-security-policy",
                " ".join([f"{_SOURCES}; frame-ancestors 'self'", *frames]).encode(),
            ),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),  # links hold what was asked for
        ]
        if not frames:
            self._headers.append((b"x-frame-options", b"SAMEORIGIN"))  # which knows no list

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and add to its headers."""

        async def added(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        await self._app(scope, receive, added)


_closed = 0  # pages that are served by this process
_hooked = False


@contextmanager
def no_connections(host: str) -> Iterator[None]:
    """Keep this process from connecting to other machines as long as the block lasts, whoever asks it to.

    It is an audit hook, which Python cannot take away again: after the block one stays, and does nothing.

    Args:
        host: that is listened on, which the page asks itself at.

    Yields:
        Nothing. What tries gets a `PermissionError`.
    """
    global _closed, _hooked  # audit hooks stay as long as their process, so that there is one
    _hosts.append(host)
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True
    _closed += 1
    try:
        yield
    finally:
        _closed -= 1
        _hosts.remove(host)


_hosts: Final[list[str]] = []  # that pages of this process listen on
_OWN: Final = {"localhost", "None", "", "0.0.0.0", "::"}


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _closed or event not in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        return
    address = arguments if event == "socket.getaddrinfo" else arguments[1]
    host = address[0] if isinstance(address, tuple) else "localhost"  # a path, of a socket of this machine
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host not in _OWN and host not in _hosts and not _is_loopback(host):
        raise PermissionError("the page connects to no other machine")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
