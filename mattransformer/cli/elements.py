"""Elements as the command line takes them: symbols, and the names of groups."""

from __future__ import annotations

import re
from typing import Final

GROUPS: Final = ("RADIOACTIVE", "TOXIC", "NOBLE_GASES", "LANTHANIDES", "ACTINIDES")


def spelled_out(text: str | None) -> str | None:
    """Write out the groups among symbols; what is no symbol is for the library to refuse.

    Args:
        text: `Pb,TOXIC`, or `noble-gases`.

    Returns:
        Symbols with commas; None for None.
    """
    from mattransformer import elements

    def symbols(group: re.Match[str]) -> str:
        name = re.sub("[ -]", "_", group[0].upper())
        return ",".join(sorted(getattr(elements, name)))

    names = "|".join(group.replace("_", "[_ -]") for group in GROUPS)
    return None if text is None else re.sub(rf"\b(?:{names})\b", symbols, text, flags=re.IGNORECASE)
