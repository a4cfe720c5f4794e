"""Permanent links: the inputs of a view in the query of its address, and back.

    encoded("tinker", {"formula": "SrTiO3", "site": "Ti"})   # "view=tinker&formula=SrTiO3&site=Ti"

A link may come from anywhere. What is valid of it is restored, all else is named and left at what it usually is.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import mattransformer as mt
from mattransformer.app import limits, requests
from mattransformer.app.limits import LimitError, check_choice, check_text, check_whole
from mattransformer.elements import ATOMIC_NUMBER
from mattransformer.errors import MattransformerError
from mattransformer.notation import show

MOST_QUERY: Final = 4_000
"""Characters of a query, which servers and programs pass on."""

BETWEEN_SYMBOLS: Final = re.compile(r"[\s,;/-]+")
"""What stands between symbols of a list, as in the rules of the library."""

WITHOUT: Final = "without"
"""The name by which a link says what it could not hold, of `_LEFT_OUT`."""

_LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {"cif": "the CIF: drop it again", "formulas": "the list: paste or drop it again"}
)
"""Inputs that links do not hold, and what to do about it."""

Reader = Callable[[str, str], Any]


def _text(name: str, given: str) -> str:
    return check_text(name, given)


def _symbols(name: str, given: str) -> str:
    for symbol in filter(None, BETWEEN_SYMBOLS.split(given)):
        if symbol not in ATOMIC_NUMBER:
            raise LimitError(f"{name}: {show(symbol)} is no element; write symbols such as Ti")
    return check_text(name, given, limits.MOST_CHARACTERS * 2)


def _whole(most: int, least: int = 1) -> Reader:
    def read(name: str, given: str) -> int:
        number = int(given) if given.isascii() and given.isdecimal() and len(given) < 20 else given
        return check_whole(name, number, most, "--help", least=least)

    return read


def _number(least: float, most: float) -> Reader:
    def read(name: str, given: str) -> float:
        try:
            number = float(check_text(name, given, 40))
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise LimitError(f"{name}: {show(given)} is no number from {least:g} to {most:g}")
        return number

    return read


def _switch(name: str, given: str) -> bool:
    return check_choice(name, given, ("true", "false")) == "true"


def _choice(*choices: str) -> Reader:
    return lambda name, given: check_choice(name, given, choices)


def _lines(_: str, given: str) -> list[str]:
    return limits.check_formulas(given.splitlines(), "screen FILE")


_SEED: Final = _whole(2**63 - 1, 0)
FIELDS: Final[Mapping[str, Mapping[str, Reader]]] = MappingProxyType(
    {
        "tinker": {
            "formula": _text,
            "site": _text,
            "fraction": _number(0.005, 1),
            "top": _whole(limits.MOST_SUGGESTIONS),
            "only": _symbols,
            "forbid": _symbols,
            "score": _choice(*requests.SCORES),
        },
        "generate": {
            "model": _choice(*mt.shipped_names()),
            "n": _whole(limits.MOST_SAMPLES),
            "seed": _SEED,
            "require": _symbols,
            "allow": _symbols,
            "forbid": _symbols,
            "template": _text,
            "charge_neutral": _switch,
            "electronegativity_balanced": _switch,
            "new_only": _switch,
            "temperature": _number(0.001, 100),
            "source": _choice(*requests.SOURCES),
            "variant": _choice(*requests.VARIANTS),
        },
        "screen": {
            "formulas": _lines,
            "oxidation_states": _choice(*mt.STATE_SETS),
            "mixed_valence": _switch,
            "alloys": _switch,
        },
        "evaluate": {
            "formulas": _lines,
            "training": _choice(*requests.TRAINING),
            "held_out": _choice(*requests.HELD_OUT),
            "seed": _SEED,
        },
    }
)
"""Views, and of each the inputs that a link may hold, named like the arguments of the function that they go to."""


@dataclass(frozen=True)
class Restored:
    """What a link holds.

    Attributes:
        view: of `FIELDS`; None where the link names none.
        values: inputs that are valid.
        complaints: a line for each that is not.
    """

    view: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


def defaults(view: str) -> dict[str, Any]:
    """Give what the inputs of a view are if nothing is said: the defaults of its function."""
    parameters = inspect.signature(getattr(requests, view)).parameters
    empty = inspect.Parameter.empty
    return {
        name: [] if parameters[name].default is empty else parameters[name].default for name in FIELDS[view]
    }


def encoded(view: str, values: Mapping[str, Any]) -> str:
    """Write inputs as a query.

    Args:
        view: of `FIELDS`.
        values: inputs; those that no link holds, such as a CIF, and those that are as usual are left out, and so is a
            list of formulas that makes the query longer than `MOST_QUERY`.

    Returns:
        The query, without a question mark; with `without` in it if a CIF or a list was left out.
    """
    usual = defaults(view)
    said = {
        name: _written(values[name])
        for name in FIELDS[view]
        if name in values and values[name] != usual[name]
    }
    if values.get("cif"):
        said[WITHOUT] = "cif"
    query = urlencode({"view": view, **said})
    if len(query) > MOST_QUERY and said.pop("formulas", ""):
        query = urlencode({"view": view, **said, WITHOUT: "formulas"})
    return query


def left_out_in_words(view: str, values: Mapping[str, Any]) -> str:
    """Say what of the inputs a link does not hold; empty if it holds all.

    Args:
        view: see `encoded`.
        values: see `encoded`.
    """
    name = dict(parse_qsl(encoded(view, values))).get(WITHOUT)
    return f"It restores everything but {_LEFT_OUT[name]}." if name else ""


def decoded(query: Mapping[str, str]) -> Restored:
    """Read a query.

    Args:
        query: names to values, as a browser sends them.

    Returns:
        What is valid of it.
    """
    view = query.get("view")
    if view is None:
        return Restored(None)
    if view not in FIELDS:
        listed = ", ".join(FIELDS)
        return Restored(None, {}, (f"link: there is no view {show(view)}; there are {listed}",))
    values, complaints = {}, []
    for name, given in query.items():
        if name in ("view", "__theme"):  # the second is Gradio's own
            continue
        if name == WITHOUT and given in _LEFT_OUT:
            complaints.append(f"link: it restores everything but {_LEFT_OUT[given]}")
            continue
        if name not in FIELDS[view]:
            complaints.append(f"link: {view} has no input {show(name)}; it was left out")
            continue
        try:
            values[name] = FIELDS[view][name](name, given)
        except MattransformerError as error:
            complaints.append(f"link: {error}")
    return Restored(view, values, tuple(complaints[:5]))


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return str(value)
