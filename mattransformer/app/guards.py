"""What stands before the page: requests are no larger than the limit, and pages load nothing from elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio compiles templates and handlers in the page, and styles elements one by one.
_SOURCES: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "frame-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)


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
            await self._refuse(send)
            return
        came = 0
        refused = False

        async def counted() -> Message:
            nonlocal came, refused
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._most and not refused:
                refused = True
                return {"type": "http.disconnect"}
            return message

        await self._app(scope, counted, send)

    async def _refuse(self, send: Send) -> None:
        words = f"a request of more than {self._most / 1e6:.0f} MB is not read here; the command line has no such limit"
        body = json.dumps({"detail": words, "error": words}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class OwnSourcesOnly:
    """Tells browsers to load nothing from elsewhere, and to show the page in no frame of another."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and add to its headers."""

        async def added(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    (b"content-security-policy", _SOURCES.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        await self._app(scope, receive, added)
