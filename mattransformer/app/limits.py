"""What one request may ask for, so that a page that many share answers all of them.

Whoever needs more has the command line and Python, which have none of these limits: every refusal says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mattransformer.errors import MattransformerError
from mattransformer.notation import show
from mattransformer.tokenization import BLANK, MASK

MOST_SAMPLES: Final = 10_000
"""Distinct compositions of a request."""

MOST_ROWS: Final = 100_000
"""Formulas of a list."""

MOST_CHARACTERS: Final = 300
"""Of a formula, and of any other short text."""

MOST_SUGGESTIONS: Final = 118
"""Elements of a table of suggestions, that is all of them."""

MOST_HOLES: Final = 3
"""`<mask>` in a composition; one `<blank>` has to be alone, since it stands for many atoms."""

MOST_UPLOAD: Final = 20_000_000
"""Bytes of a file, and of what else a request sends."""

MOST_UNPACKED: Final = 100_000_000
"""Bytes of a compressed file, unpacked."""

MOST_CIF: Final = 1_000_000
"""Bytes of a CIF."""

MOST_ATOMS: Final = 400
"""Atoms in the cell of a structure."""

MOST_SECONDS: Final = 300.0
"""From asking to the answer, time in which others are before included."""

MOST_WAITING: Final = 12
"""Requests of a kind that wait for their turn at the models, each in a thread; more wait in the queue."""

MOST_REMEMBERED: Final = 128
"""Tables of suggestions for formulas, so that the same question is answered at once."""

SECONDS_KEPT: Final = 900.0
"""That a dropped list and a table to download are kept, after they were used last; less if the page is closed."""

MOST_KEPT_OF_ONE: Final = 32_000_000
"""Characters of what one visitor dropped."""

MOST_KEPT: Final = 256_000_000
"""Characters of what all visitors dropped; beyond it, those who used theirs least recently lose it."""

MOST_FILES: Final = 1_000_000_000
"""Bytes of all files that wait to be downloaded; beyond it, the oldest go."""

MOST_EXPANDED: Final = 20_000
"""Places in a CIF times its symmetry operations, before those that are the same atom are found."""

COMMAND_LINE: Final = "the command line has no such limit"


class LimitError(MattransformerError):
    """A request for more than this page gives, in one line with the limit and the way out."""


def check_whole(name: str, value: object, most: int, command: str, *, least: int = 1) -> int:
    """Refuse what is no whole number from `least` to `most`.

    Args:
        name: of the input.
        value: what was given; 20.0 counts as 20, since JSON and pages tell no difference.
        most: the limit.
        command: of the command line, which has none.
        least: the smallest number that makes sense.

    Returns:
        The number.

    Raises:
        LimitError: names the input and the limit.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise LimitError(
            f"{name}: {show(value)} is not possible; give a whole number from {least} to {most:,}"
        )
    if value > most:
        told = f"{value:,}" if value < 10**15 else show(value)
        raise LimitError(
            f"{name}: {told} is more than the {most:,} that one request may ask for; {COMMAND_LINE}: "
            f"mattransformer {command}"
        )
    return value


def check_text(name: str, text: object, most: int = MOST_CHARACTERS) -> str:
    """Refuse a text that is none, or longer than any that makes sense.

    Args:
        name: of the input.
        text: what was given; None is the empty text.
        most: characters.

    Returns:
        The text without blanks around it.

    Raises:
        LimitError: names the input and the limit.
    """
    if text is None:
        return ""
    if not isinstance(text, str):
        raise LimitError(f"{name}: {show(text)} is no text; give one")
    stripped = text.strip()
    if len(stripped) > most:
        raise LimitError(
            f"{name}: a text of {len(stripped):,} characters is longer than the {most:,} that are read here; "
            "shorten it"
        )
    return stripped


def check_holes(formula: str) -> str:
    """Refuse a composition with so many holes that filling them takes minutes.

    Args:
        formula: a compound, or a composition with holes.

    Returns:
        The same.

    Raises:
        LimitError: names the limit.
    """
    blanks = formula.count(BLANK)
    holes = blanks + formula.count(MASK)
    if holes > (1 if blanks else MOST_HOLES):
        raise LimitError(
            f"formula: {holes} holes are more than one request may have, {MOST_HOLES} {MASK} or one {BLANK}; "
            f'{COMMAND_LINE}: mattransformer tinker "Sr Ti {BLANK}"'
        )
    return formula


def check_switch(name: str, value: object) -> bool:
    """Refuse what is neither true nor false, such as the text "false", which would count as true.

    Args:
        name: of the input.
        value: what was given.

    Returns:
        The switch.

    Raises:
        LimitError: names the input.
    """
    if not isinstance(value, bool):
        raise LimitError(f"{name}: {show(value)} is neither true nor false; give one of them, without quotes")
    return value


def check_formulas(formulas: object, command: str) -> list[str]:
    """Refuse a list of formulas that is none, empty, or too long.

    Args:
        formulas: what was given; blank entries are left out.
        command: of the command line, which has no limit.

    Returns:
        The formulas as they were written, without blanks around them.

    Raises:
        LimitError: names the limit, or the first entry that is no text or too long.
    """
    if not isinstance(formulas, Sequence) or isinstance(formulas, str | bytes):
        raise LimitError(f"formulas: {show(formulas)} is no list; give texts such as SrTiO3 in a list")
    if len(formulas) > MOST_ROWS:
        raise LimitError(
            f"formulas: {len(formulas):,} are more than the {MOST_ROWS:,} that one request may hold; {COMMAND_LINE}: "
            f"mattransformer {command}"
        )
    kept = [check_text(f"formulas, entry {number:,}", own) for number, own in enumerate(formulas, start=1)]
    kept = [own for own in kept if own]
    if not kept:
        raise LimitError("formulas: the list is empty; give a formula or more, such as SrTiO3")
    return kept


def check_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """Refuse what is none of some names. Names of files are none: nothing on the server is read for a request.

    Args:
        name: of the input.
        value: what was given.
        choices: what there is.

    Returns:
        The value.

    Raises:
        LimitError: names the choices.
    """
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(choice for choice in choices if choice)
        raise LimitError(f"{name}: {show(value)} is not possible here; choose one of {listed}")
    return value
