"""What goes wrong between this program and a model hub, said in one line: who, why, and the way out.

    with plainly("ada/perovskites"):
        api.model_info("ada/perovskites")

Answers of a server are not trusted: the user's token and password are cut out of them, and they are shortened to one
line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from mattransformer.errors import MattransformerError, without_password, without_secrets
from mattransformer.models.reading import CheckpointError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

LOG_IN: Final = "set HF_TOKEN, or run `hf auth login`"
"""How a hub comes to know the user."""

_LATER: Final = "try again later"
_AGAIN: Final = "run it again"

# By the names of the classes, as every generation of the HTTP library has classes of its own. The special ones first.
_NETWORK: Final = {
    "ConnectTimeout": ("the hub cannot be reached: no answer in time", "check the network and HF_ENDPOINT"),
    "TimeoutException": ("the hub did not answer in time", _LATER),
    "ProxyError": ("the proxy refuses the connection", "check HTTP_PROXY and HTTPS_PROXY"),
    "ConnectError": ("the hub cannot be reached", "check the network, the proxy and HF_ENDPOINT"),
    "TooManyRedirects": ("the hub sends in circles", "check HF_ENDPOINT"),
    "TransportError": ("the connection broke", _AGAIN),
    "UnsupportedProtocol": ("no address of a hub", "check HF_ENDPOINT"),
    "InvalidURL": ("no address of a hub", "check HF_ENDPOINT"),
}

_STATUSES: Final = {
    400: ("the hub refuses the request", "mend what it names and run it again"),
    403: ("the hub forbids it", "use a token that has the right"),
    409: ("the hub sees a conflict", _AGAIN),
    412: ("somebody else changed it meanwhile", _AGAIN),
    413: ("the hub finds it too large", "send less"),
    429: ("too many requests", "wait some minutes and run it again"),
}


class HubError(CheckpointError):
    """What a hub refuses or cannot give, or a repository that holds no checkpoint.

    Attributes:
        passing: whether it may well be gone the next time: no network, or a hub that fails. What was fetched before is
            used then.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        """Say what went wrong."""
        super().__init__(message)
        self.passing = passing


class Reason(NamedTuple):
    """Why something failed.

    Attributes:
        why: in some words.
        way_out: what to do.
        passing: see `HubError`.
    """

    why: str
    way_out: str
    passing: bool = False


def endpoint() -> str:
    """Give the address of the hub for messages, without a password: `HF_ENDPOINT`, or that of the Hugging Face Hub."""
    from huggingface_hub import constants

    return without_password(constants.ENDPOINT)


def token() -> str | None:
    """Give the token that the user has set or logged in with. It is for comparing alone, never to be shown."""
    from huggingface_hub import get_token

    return get_token()


def secrets() -> list[str]:
    """Give what must not be shown: the user's token, and a password in the address of the hub."""
    from huggingface_hub import constants

    password = None
    with suppress(ValueError):  # no address, as the client library says
        password = urlsplit(constants.ENDPOINT).password
    return [secret for secret in (token(), password) if secret]


@contextmanager
def plainly(subject: str, revision: str | None = None) -> Iterator[None]:
    """Turn whatever a hub, the network or the client library raises into one line.

    Args:
        subject: the repository.
        revision: that was asked for.

    Yields:
        Nothing.

    Raises:
        HubError: subject, reason and way out.
    """
    try:
        yield
    except MattransformerError:
        raise
    except Exception as error:  # every class of failure of the client library, which has dozens
        reason = explained(error, revision)
        message = _clean(f"{subject}: {reason.why}; {reason.way_out}")
        # A server may say the token that it was sent: then its words are not shown behind ours.
        raise HubError(message, passing=reason.passing) from (None if _tells_secret(error) else error)


def explained(error: BaseException, revision: str | None = None) -> Reason:
    """Say why a call of the client library failed.

    Args:
        error: what it raised; the causes behind it are looked at, too.
        revision: that was asked for.

    Returns:
        The reason.
    """
    from huggingface_hub.errors import HfHubHTTPError

    for cause in _causes(error):
        if isinstance(cause, HfHubHTTPError):
            return _answer(cause, revision)
        network = next((kind.__name__ for kind in type(cause).__mro__ if kind.__name__ in _NETWORK), None)
        if network is not None:
            why, way_out = _NETWORK[network]
            return Reason(f"{why} ({endpoint()})", way_out, passing=True)
        if reason := _local(cause):
            return reason
    return Reason(f"{type(error).__name__}: {_shortened(error)}", _AGAIN)


def _answer(error: HfHubHTTPError, revision: str | None) -> Reason:
    """Read an answer of a hub that is no success."""
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return Reason(
            "its owner asks for consent before it is given", f"ask for access on its page, and {LOG_IN}"
        )
    if isinstance(error, DisabledRepoError):
        return Reason("the hub has closed it", "take another")
    if isinstance(error, RevisionNotFoundError):
        return Reason(
            f"it has no revision {revision or 'main'!r}", "name a branch, a tag or a commit that it has"
        )
    if isinstance(error, RemoteEntryNotFoundError):
        return Reason("a file that it lists is not there", _AGAIN)
    if status == 401 and token() is not None and not isinstance(error, RepositoryNotFoundError):
        return Reason("the hub does not accept the token", f"make a new one, and {LOG_IN}")
    asked = error.response.request.method in ("GET", "HEAD")
    if isinstance(error, RepositoryNotFoundError) or (asked and status in (401, 404)):
        entitled = f"if it is private, {LOG_IN}" if token() is None else "that the token may see it"
        return Reason(
            f"no such repository on {endpoint()}, or a private one", f"check the name, or {entitled}"
        )
    if status >= 500:
        return Reason(f"the hub fails ({_status(error)})", _LATER, passing=True)
    why, way_out = _STATUSES.get(status, (f"the hub answers {_status(error)}", _LATER))
    said = f" ({_shortened(error.server_message)})" if error.server_message else f" ({_status(error)})"
    return Reason(why + said, way_out, passing=status == 429)


def _local(cause: BaseException) -> Reason | None:
    """Say why a call failed that got no bad answer."""
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    if isinstance(cause, OfflineModeIsEnabled):
        return Reason("HF_HUB_OFFLINE is set, and it is not in the cache", "unset it", passing=True)
    if isinstance(cause, UnicodeEncodeError):  # headers are ASCII, and nothing else of the user is in one
        return Reason("the token has a character that none has", f"copy it again: {LOG_IN}")
    if isinstance(cause, json.JSONDecodeError):
        why = f"{endpoint()} answers with something that is no JSON"
        return Reason(why, "check HF_ENDPOINT, and whether a login page stands between", passing=True)
    if isinstance(cause, KeyError | TypeError | AttributeError | AssertionError):
        return Reason(f"{endpoint()} answers in a form that no hub has", "check HF_ENDPOINT", passing=True)
    if isinstance(cause, OSError) and "Consistency check failed" in str(cause):
        return Reason("a file came truncated", _AGAIN)
    if isinstance(cause, OSError) and cause.errno is not None:
        where = f"{cause.filename}: " if cause.filename else ""
        return Reason(f"{where}{cause.strerror}", "see to the disk and run it again")
    if isinstance(cause, LocalEntryNotFoundError) and cause.__cause__ is None:
        return Reason(
            "the hub cannot be reached, and it is not in the cache", "check the network", passing=True
        )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Go from an error to what is behind it."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__


def _status(error: HfHubHTTPError) -> str:
    return f"{error.response.status_code} {error.response.reason_phrase}".strip()


def _shortened(text: object) -> str:
    return _clean(str(text))[:200]


def _clean(message: str) -> str:
    """Take secrets out of a message, and put it in one line."""
    return " ".join(without_secrets(message, secrets()).split())


def _tells_secret(error: BaseException) -> bool:
    return any(without_secrets(str(cause), secrets()) != str(cause) for cause in _causes(error))
