"""The base of every error this package raises on purpose.

Each subclass lives where it is raised (``FormulaError`` with the formulas, ``ConfigError`` with the
configurations, ...). A message is one line: the input, the reason, and the way out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_TELLING: Final = 8  # characters of a secret in a row that are taken for a piece of it


class MattransformerError(ValueError):
    """Bad input, said in one line; the command line prints it and exits with code 2."""


def without_password(address: str) -> str:
    """Take user and password out of an address of the network, for messages and records.

    Args:
        address: `http://user:password@host/path`, also behind `optimade:`; whatever is none stays as it is.
    """
    beginning, _, rest = address.partition("://")
    place, slash, path = rest.partition("/")
    return f"{beginning}://{place.rpartition('@')[2]}{slash}{path}" if rest else address


def without_secrets(text: str, secrets: Iterable[str | None]) -> str:
    """Take secrets out of words that come from elsewhere, pieces of them too: a server may cut what it repeats.

    Args:
        text: before it is shortened.
        secrets: tokens, keys and passwords; None and empty ones are passed over.

    Returns:
        The text, `<secret>` in the place of each piece of eight characters or more, or of a shorter secret as a whole.
    """
    for secret in secrets:
        if secret:
            text = _without(text, secret)
    return text


def _without(text: str, secret: str) -> str:
    least = min(_TELLING, len(secret))
    kept, at = [], 0
    while at < len(text):
        size = 0
        while at + size < len(text) and text[at : at + size + 1] in secret:
            size += 1
        kept.append("<secret>" if size >= least else text[at])
        at += size if size >= least else 1
    return "".join(kept)
