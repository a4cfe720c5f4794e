"""Requests to servers that are busy, slow or cut the line: asked again after a pause, refused in one line.

What is asked again: no connection, a broken one, and the answers 429, 500, 502, 503 and 504. The pauses double; a
server that says how long to wait (`Retry-After`) is waited for, up to five minutes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

from mattransformer.data.readers import CorpusError
from mattransformer.errors import without_password

ATTEMPTS: Final = 6
PAUSE: Final = 1.0
"""Seconds before the second attempt; each further pause is twice as long."""

_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_LONGEST: Final = 300.0  # seconds that a server is waited for
_TIMEOUT: Final = (20.0, 120.0)  # seconds to connect, and between two bytes
_LATER: Final = "run the command again later, it goes on where it was"


class RefusalError(CorpusError):
    """A server does not accept a request, whenever it is asked.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unanswered(BaseException):
    """Carries an error past the client of OPTIMADE, which would print every Exception and go on without.

    Attributes:
        error: to be raised.
    """

    def __init__(self, error: CorpusError) -> None:
        super().__init__(str(error))
        self.error = error


def session_class(
    name: str, pause: float = PAUSE, user: tuple[str, str] = ("", "")
) -> type[requests.Session]:
    """Make a class of sessions that are patient; all of them share their connections.

    Args:
        name: of the database, for messages.
        pause: seconds before the second attempt.
        user: name and password; empty where there are none.

    Returns:
        The class, whose sessions raise Unanswered in place of the errors of requests, and give only answers that hold
        a mapping in JSON.
    """
    adapter = HTTPAdapter()

    class PatientSession(requests.Session):
        """Asks again where that may help."""

        def __init__(self) -> None:
            super().__init__()
            self.auth = user if any(user) else None
            self.mount("https://", adapter)
            self.mount("http://", adapter)

        def close(self) -> None:
            """Leave the connections open for the next session."""

        def request(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - those of requests
            """Ask until there is an answer, or no hope of one."""
            asked = partial(super().request, *args, **{**kwargs, "timeout": _TIMEOUT})
            try:
                return _patient(asked, name, pause)
            except CorpusError as error:
                raise Unanswered(error) from error

    return PatientSession


def _patient(ask: Callable[[], requests.Response], name: str, pause: float) -> requests.Response:
    """Repeat a request until its answer is one."""
    reason = ""
    for attempt in range(ATTEMPTS):
        answer, reason = _attempt(ask, name)
        if answer is not None and answer.status_code not in _AGAIN:
            return _with_content(answer, _checked(name, answer))
        wait = 0.0 if answer is None else _asked_pause(answer)
        if wait > _LONGEST:
            raise CorpusError(f"{name}: {reason} and asks to wait {wait / 60:,.0f} minutes; {_LATER}")
        if attempt + 1 < ATTEMPTS:
            time.sleep(max(wait, pause * 2**attempt))
    raise CorpusError(f"{name}: {reason}, {ATTEMPTS} times; {_LATER}")


def _with_content(answer: requests.Response, content: Mapping[str, Any]) -> requests.Response:
    """Let an answer give what was read of it; requests would read it again, and by a module that takes no NaN."""
    answer.json = lambda **_: dict(content)  # type: ignore[method-assign]
    return answer


def _attempt(ask: Callable[[], requests.Response], name: str) -> tuple[requests.Response | None, str]:
    """Ask once: the answer, or none; and what is wrong in case it has to be asked again."""
    try:
        answer = ask()
    except requests.exceptions.SSLError as error:
        raise CorpusError(f"{name}: no secure connection ({_short(error)}); check the address") from error
    except (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    ) as error:
        return None, f"the connection broke ({_short(error)})"
    except requests.exceptions.RequestException as error:
        raise CorpusError(f"{name}: cannot be asked ({_short(error)}); check the address") from error
    return answer, f"{_host(answer.url)} answers {answer.status_code}"


def read_json(session: requests.Session, url: str) -> dict[str, Any]:
    """Ask for a document in JSON.

    Args:
        session: a patient one.
        url: of the document.

    Returns:
        The mapping that it holds.

    Raises:
        CorpusError: there is no such document, or no answer.
    """
    try:
        content: dict[str, Any] = session.get(url).json()
    except Unanswered as refused:
        raise refused.error from refused.error.__cause__
    return content


def _checked(name: str, answer: requests.Response) -> Mapping[str, Any]:
    """Read an answer, and refuse one that is an error or no document of OPTIMADE."""
    try:
        content = json.loads(answer.content)
    except (ValueError, RecursionError):
        content = None
    if answer.status_code != requests.codes.ok:
        raise RefusalError(
            f"{name}: {_host(answer.url)} refuses the request with {answer.status_code}{_said(content)}",
            answer.status_code,
        )
    if not isinstance(content, Mapping) or not _is_document(content):
        page = answer.content.lstrip()[:1] == b"<"
        what = "a web page" if page else "something else"
        raise CorpusError(
            f"{name}: {without_password(answer.url.partition('?')[0])} answers with {what} instead of the JSON of "
            "OPTIMADE; check the address, and whether a login or a proxy is in between"
        )
    return {**content, "meta": content.get("meta") or {}, "links": content.get("links") or {}}


def _is_document(content: Mapping[str, Any]) -> bool:
    """Tell whether an answer has the outer form that JSON:API and OPTIMADE ask for."""
    return (
        isinstance(content.get("data"), list | Mapping)
        and isinstance(content.get("meta") or {}, Mapping)
        and isinstance(content.get("links") or {}, Mapping)
    )


def _said(content: object) -> str:
    """Give the server's own words on what is wrong: JSON:API errors."""
    errors = content.get("errors") if isinstance(content, Mapping) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, Mapping):
        return "; check the address"
    words = " ".join(str(first.get("detail") or first.get("title") or "").split())
    return f": {words[:300]}" if words else "; check the address"


def _asked_pause(answer: requests.Response) -> float:
    """Give the seconds that a server asks to wait: a number, or a date."""
    asked = answer.headers.get("Retry-After", "").strip()
    if not asked:
        return 0.0
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _host(url: str) -> str:
    return without_password(url).partition("://")[2].partition("/")[0] or url


def _short(error: Exception) -> str:
    """Name the innermost reason of an error of requests, whose own words are long."""
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    words = " ".join(str(inner).split()) or type(inner).__name__
    return words[:160]
