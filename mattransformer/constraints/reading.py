"""What a chemist types for a rule, read: lists of elements, ranges, templates with their sites, partial formulas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from numbers import Integral
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, RANK
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.notation import MAX_LENGTH, show
from mattransformer.screening.oxidation import STATE_SETS, oxidation_states
from mattransformer.screening.stoichiometry import read_template

_SEPARATORS: Final = re.compile(r"[\s,;/-]+")
# A word before the next equals sign is the next letter, and no element of this one.
_SITE: Final = re.compile(
    r"([A-Z]'{0,2})\s*=\s*([A-Za-z]+(?:\s*,\s*[A-Za-z]+(?!['A-Za-z]*\s*=))*)(?:[\s,;]+|$)"
)
_PART: Final = re.compile(r"([A-Z][a-z]?)([0-9]{1,4}|\?)?")


class ConstraintError(MattransformerError):
    """A rule that cannot be read, or rules that no composition keeps."""


def refusal(name: str, value: object, reason: str, way_out: str) -> ConstraintError:
    """The error for a value of a rule, with the reason and what to write instead."""
    return ConstraintError(f"{name} {show(value)} cannot be used: {reason}; {way_out}")


def read_elements(name: str, value: object) -> frozenset[str]:
    """Read symbols, one by one or in a line such as `Li, Fe`, `Li Fe` or `Li-Fe`.

    Args:
        name: of the rule, for the message.
        value: what was given.

    Raises:
        ConstraintError: one is no element, or there is none.
    """
    way_out = "give symbols, such as Li, Fe"
    if isinstance(value, str):
        symbols: list[object] = [word for word in _SEPARATORS.split(value) if word]
    elif isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        symbols = list(value)
    else:
        raise refusal(name, value, f"it is of type {type(value).__name__}", way_out)
    # pymatgen's elements are an enumeration whose values are the symbols.
    symbols = [symbol.value if isinstance(symbol, Enum) else symbol for symbol in symbols]
    for symbol in symbols:
        if not isinstance(symbol, str) or symbol not in ATOMIC_NUMBER:
            raise refusal(name, value, f"{show(symbol)} is not an element", way_out)
    if not symbols:
        raise refusal(name, value, "it names no element", f"{way_out}, or leave it out")
    return frozenset(map(str, symbols))


def read_range(name: str, value: object, limits: tuple[int, int]) -> tuple[int, int]:
    """Read a number, or the least and the most with None for no limit on a side.

    Args:
        name: of the rule, for the message.
        value: what was given.
        limits: least and most of any composition.

    Raises:
        ConstraintError: a value is no whole number, or no number lies between them within the limits.
    """
    least, most = limits
    way_out = f"give a whole number from {least} to {most}, or two with None for no limit"
    ends = list(value) if isinstance(value, tuple | list) else [value, value]
    if value is None or len(ends) != 2:
        raise refusal(name, value, "it is neither a number nor two", way_out)
    found: list[int] = []
    for end, limit in zip(ends, limits, strict=True):
        if end is None:
            found.append(limit)
        elif isinstance(end, bool) or not isinstance(end, Integral):
            raise refusal(name, value, f"{show(end)} is not a whole number", way_out)
        elif not least <= int(end) <= most:
            raise refusal(
                name, value, f"compositions here have {least} to {most}, and {show(end)} is beyond", way_out
            )
        else:
            found.append(int(end))
    if found[0] > found[1]:
        raise refusal(
            name, value, f"no number is from {found[0]} to {found[1]}", "give the smaller one first"
        )
    return found[0], found[1]


def read_template_and_sites(
    template: object, sites: object
) -> tuple[str | None, Mapping[str, frozenset[str]]]:
    """Read a template and the elements that its letters may be, given behind it (`ABX3 X=O,S`) or apart.

    Args:
        template: in the notation of `mattransformer.screening.stoichiometry`, or None.
        sites: letter to elements, or None.

    Returns:
        The template without what stood behind it, and the elements of each letter that has some.

    Raises:
        ConstraintError: they cannot be read, or name a letter that the template does not have.
        TemplateError: the template cannot be read.
    """
    if sites is not None and not isinstance(sites, Mapping):
        raise refusal(
            "sites", sites, "it is no mapping", "give letters and elements, such as {'A': ['Ca', 'Sr']}"
        )
    if template is None:
        if sites:
            raise refusal("sites", sites, "there is no template", "give one, such as template='ABX3'")
        return None, {}
    if not isinstance(template, str) or len(template) > MAX_LENGTH:
        raise refusal("template", template, "it is no short text", "write one such as ABX3")
    text, read = _behind(template)
    for letter, elements in (sites or {}).items():
        if letter in read:
            raise refusal("sites", sites, f"the template says what {letter} may be", "say it once")
        read[letter] = read_elements(f"site {show(letter)}", elements)
    parsed = read_template(text)
    letters = [letter for letter, _ in parsed.free]
    for letter in read:
        if letter not in letters:
            there = f"its letters are {', '.join(sorted(letters))}" if letters else "it has no letters"
            raise refusal("template", template, f"{show(letter)} is no letter of it", there)
    return text, read


def _behind(template: str) -> tuple[str, dict[str, frozenset[str]]]:
    """Take off what stands behind a template."""
    first = _SITE.search(template)
    if first is None:
        return template.strip(), {}
    read: dict[str, frozenset[str]] = {}
    end = first.start()
    while end < len(template):
        term = _SITE.match(template, end)
        if term is None or term[1] in read:
            reason = f"{show(template[end:])} cannot be read" if term is None else f"{term[1]} comes twice"
            raise refusal(
                "template", template, reason, "write letters and elements behind it: ABX3 A=Ca,Sr X=O"
            )
        read[term[1]] = read_elements(f"template {show(template)}: site {term[1]}", term[2])
        end = term.end()
    return template[: first.start()].strip(), read


def read_partial(value: object) -> Mapping[str, int | None]:
    """Read a formula in which some amounts are open: `Li? P? O4`.

    Returns:
        Element to number of atoms of the reduced formula, None where any number will do.

    Raises:
        ConstraintError: it cannot be read, or no reduced formula has these amounts.
    """
    way_out = "write elements with numbers or question marks, such as Li? P? O4"
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_LENGTH:
        raise refusal("partial", value, "it is no short text", way_out)
    text = "".join(value.split())
    found: dict[str, int | None] = {}
    end = 0
    while end < len(text):
        term = _PART.match(text, end)
        if term is None:
            raise refusal("partial", value, f"{show(text[end])} cannot be read", way_out)
        symbol, amount = term[1], term[2] or "1"
        if symbol not in RANK or symbol in found:
            reason = "is not an element" if symbol not in RANK else "comes twice"
            raise refusal("partial", value, f"{symbol} {reason}", way_out)
        found[symbol] = None if amount == "?" else int(amount)
        end = term.end()
    _check_amounts(value, found)
    return found


def _check_amounts(value: str, found: Mapping[str, int | None]) -> None:
    """Refuse amounts that no reduced formula has."""
    for symbol, amount in found.items():
        if amount == 0:
            raise refusal("partial", value, f"there are no atoms of {symbol}", "leave the element out")
    fixed = {symbol: amount for symbol, amount in found.items() if amount is not None}
    if len(fixed) == len(found):
        formula = Formula.parse(fixed)
        if formula.reduced != formula:
            raise refusal("partial", value, "it is not reduced", f"write {formula.reduced}")


def read_switch(name: str, value: object) -> bool:
    """Read a yes or no.

    Raises:
        ConstraintError: it is neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise refusal(name, value, "it is neither True nor False", "give one of these")
    return bool(value)


def read_states(value: object) -> str:
    """Read the name of a set of oxidation states.

    Raises:
        ConstraintError: it is no name.
        ScreeningError: no set has this name.
    """
    if not isinstance(value, str):
        raise refusal("oxidation_states", value, "it is no name of a set", "give one such as 'smact14'")
    if value not in STATE_SETS:
        oxidation_states(value)  # a file or a filter, which may be wrong in more ways
    return value


def read_fingerprints(value: object) -> NDArray[np.uint64] | None:
    """Take fingerprints of compositions, and put them into ascending order if they are not.

    Raises:
        ConstraintError: they are not one column of 64-bit numbers without sign.
    """
    if value is None:
        return None
    if not isinstance(value, np.ndarray) or value.dtype != np.uint64 or value.ndim != 1:
        raise refusal(
            "exclude",
            type(value).__name__,
            "it is no column of fingerprints",
            "give Compositions.fingerprints()",
        )
    values: NDArray[np.uint64] = value
    return values if bool((values[1:] > values[:-1]).all()) else np.unique(values)
