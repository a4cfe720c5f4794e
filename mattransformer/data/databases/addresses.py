"""How a database is named: `optimade:mp`, `hf:owner/dataset`, `mp-api`.

optimade:mp                         a provider of the OPTIMADE list with one database
optimade:alexandria/alexandria-pbe  one of several databases of a provider
optimade:https://host/optimade      any server, by its base URL
hf:LeMaterial/LeMat-Bulk?config=compatible_pbe&split=train&revision=main
mp-api                              the Materials Project by its own interface, with a key
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from mattransformer.data.readers import CorpusError
from mattransformer.errors import without_password

OPTIMADE: Final = "optimade"
HUB: Final = "hf"
MATERIALS_PROJECT: Final = "mp-api"

PROVIDERS_VARIABLE: Final = "OPTIMADE_PROVIDERS"
"""Names another list of providers than the public one."""

_HUB_OPTIONS: Final = ("config", "split", "revision")
_EXAMPLES: Final = "optimade:mp, optimade:https://host/optimade, hf:owner/dataset or mp-api"


@dataclass(frozen=True)
class Address:
    """A database by name.

    Attributes:
        text: as it was written, without a password.
        kind: `OPTIMADE`, `HUB` or `MATERIALS_PROJECT`.
        place: what stands behind the colon, without options: a provider, a base URL, a data set or its folder.
        options: of a data set: `config`, `split`, `revision`.
    """

    text: str
    kind: str
    place: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def is_url(self) -> bool:
        """Whether the place is a base URL."""
        return self.place.startswith(("http://", "https://"))


def is_address(name: object) -> bool:
    """Tell whether a name is that of a database; a file of that name comes first."""
    if not isinstance(name, str) or Path(name).exists():
        return False
    return name == MATERIALS_PROJECT or (name.partition(":")[0] in (OPTIMADE, HUB) and ":" in name)


def read_address(text: str) -> Address:
    """Take a name apart.

    Args:
        text: see the module.

    Returns:
        The address.

    Raises:
        CorpusError: it names no database.
    """
    if text == MATERIALS_PROJECT:
        return Address(text, MATERIALS_PROJECT)
    kind, _, place = text.partition(":")
    text = without_password(text)
    if kind == OPTIMADE and place.strip():
        return Address(text, kind, place.strip().rstrip("/"))
    if kind == HUB and place.strip():
        name, _, options = place.strip().partition("?")
        chosen = dict(parse_qsl(options, keep_blank_values=True))
        wrong = [option for option in chosen if option not in _HUB_OPTIONS]
        if wrong or not name:
            raise CorpusError(
                f"{text}: options of a data set are {', '.join(_HUB_OPTIONS)}, such as hf:owner/name?split=train"
            )
        return Address(text, kind, name, chosen)
    raise CorpusError(f"{text!r} names no database: write {_EXAMPLES}")
