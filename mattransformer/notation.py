"""How formulas are written: from text or a mapping to an amount of each element.

`read_plain` is the fast path for what data sets hold (``SrTiO3``, ``Ca3(PO4)2``). `read_text` reads the rest:
any brackets, hydrates, unicode subscripts, blanks, decimals. There pymatgen does the arithmetic, but it is
asked only after the text has passed our own check, for it takes a good deal that is no formula (``Xx2O3``,
``NaCl0``, ``Ca(OH]2``) and reads ``CuSO4.5H2O`` as O4.5 without a word. Every refusal goes through `reject`,
so that all have one form: the input, the reason, the way out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from fractions import Fraction
from numbers import Real
from typing import Any, Final

from mattransformer.elements import RANK
from mattransformer.errors import MattransformerError

MAX_AMOUNT: Final = 10_000
"""Most atoms of one element in a formula; the corpora stay below 1,000."""

MAX_LENGTH: Final = 1_000
"""Most characters in a formula."""

MAX_DENOMINATOR: Final = 1_000
"""Fractional amounts are fractions with at most this denominator: three decimals are exact."""

AMOUNT_TOLERANCE: Final = 5e-7
"""Amounts are known to six decimals: 0.333333 is a third. `MAX_DENOMINATOR` keeps fractions further apart."""

UNREADABLE: Final = "not parseable"
"""What begins the reason of a row of a table that is no formula."""

_EXAMPLE: Final = "write symbols and amounts, such as SrTiO3"
_SMALLER: Final = "give smaller amounts, such as those of one formula unit"

HEAVY_HYDROGEN: Final = frozenset({"D", "T"})

Counts = tuple[tuple[str, int], ...]
"""Element and whole number of atoms, in canonical order."""


class FormulaError(MattransformerError):
    """The input is not a formula; the message names the input, the reason and the way out."""


_ATOM = re.compile(r"([A-Z][a-z]?)([1-9][0-9]{0,3})?")
_GROUP = re.compile(r"\(([^()]+)\)([1-9][0-9]{0,3})?")
_PLAIN = re.compile(
    r"(?:[A-Z][a-z]?(?:[1-9][0-9]{0,3})?|\((?:[A-Z][a-z]?(?:[1-9][0-9]{0,3})?)+\)(?:[1-9][0-9]{0,3})?)+"
)
_TOKEN = re.compile(
    r"(?P<symbol>[A-Z][a-z]*)|(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<skip>\s+|@)"
)
_SPECIES = re.compile(r"([A-Z][a-z]?)(?:[0-9]*\.?[0-9]*[+-])?(?:,spin=.+)?")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
# A full stop is a decimal point unless an element or bracket follows it (CaSO4.H2O), or an amount of water or
# ammonia up to the end or the next dot (CuSO4.5H2O); after a lone 0 or 1 it stays one even there (Li0.5H2O).
_STOP_BEFORE_GROUP = re.compile(r"\.(?=\s*[A-Z(\[{])")
_STOP_BEFORE_WATER = re.compile(
    r"(?<![^0-9][01])\.(\s*(?:[0-9]+/[0-9]+|[1-9][0-9]?(?:\.[0-9]+)?[½¼¾]?|0\.[0-9]+|[½¼¾]))"
    r"(?=\s*\(?(?:[HD]2O|NH3)\)?\s*(?:[·.]|$))"
)
# Decimals that could as well be such a dot: none of 0.5, 1.5, 2.05 or 2.125.
_DOUBTFUL = re.compile(r"(?:[2-9]|[1-9][0-9]+)?\.[1-9][0-9]?")
_COEFFICIENT = re.compile(r"\s*([0-9]+\s*/\s*[0-9]+|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_DOTS_AND_DIGITS = str.maketrans(
    dict.fromkeys("•∙⋅‧・*", "·") | {chr(ord("₀") + digit): str(digit) for digit in range(10)}
)
_FRACTIONS = str.maketrans({"½": ".5", "¼": ".25", "¾": ".75"})


def show(value: object) -> str:
    """The input as it stands in an error message: one line, at most 60 characters."""
    try:
        text = repr(dict(value.items()) if isinstance(value, Mapping) else value)
    except Exception:  # a foreign object's own __repr__ or items() may fail in any way
        text = f"<{type(value).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:40]}...{text[-17:]}"


def signed(state: float) -> str:
    """Write an oxidation state, or a mean of several: +4, -2, 0, +2.667."""
    return f"{state:+.4g}" if state else "0"


def reject(value: object, reason: str, remedy: str) -> FormulaError:
    """The error for `value`, with the reason and what to write instead."""
    return FormulaError(f"{show(value)} is not a formula: {reason}; {remedy}")


def read_plain(text: str) -> Counts | None:
    """Counts of a formula of symbols, whole numbers and simple parentheses; None if it is anything else.

    Returns:
        Counts in canonical order, not reduced, or None where `read_text` has to look.
    """
    if len(text) > MAX_LENGTH or _PLAIN.fullmatch(text) is None:
        return None
    amounts: dict[str, int] = {}
    if "(" in text:
        # re.split keeps the groups: plain, inside, factor, plain, inside, factor, ..., plain
        pieces = _GROUP.split(text)
        _add(amounts, pieces[0], 1)
        for i in range(1, len(pieces), 3):
            _add(amounts, pieces[i], int(pieces[i + 1] or 1))
            _add(amounts, pieces[i + 2], 1)
    else:
        _add(amounts, text, 1)
    try:
        ordered = sorted(amounts, key=RANK.__getitem__)
    except KeyError:
        return None
    if max(amounts.values()) > MAX_AMOUNT:
        return None
    return tuple([(symbol, amounts[symbol]) for symbol in ordered])


def _add(amounts: dict[str, int], text: str, factor: int) -> None:
    for symbol, number in _ATOM.findall(text):
        amount = int(number) * factor if number else factor
        amounts[symbol] = amounts[symbol] + amount if symbol in amounts else amount


def read_text(text: str) -> dict[str, float]:
    """Amounts of a formula in any accepted notation, D and T kept apart from H.

    Raises:
        FormulaError: the text is not a formula.
    """
    if len(text) > MAX_LENGTH:
        raise reject(text, f"it has {len(text):,} characters, more than {MAX_LENGTH:,}", "give one formula")
    if not text.strip():
        raise reject(text, "it is empty", _EXAMPLE)
    parts = _split_at_dots(text)
    symbols: set[str] = set()
    compact = []
    for part in parts:
        coefficient = "1"
        if len(parts) > 1 and (match := _COEFFICIENT.match(part)):
            coefficient = _coefficient(text, match[1])
            part = part[match.end() :]
        compact.append(f"({_compact(text, part, symbols)}){coefficient}")
    from pymatgen.core.composition import Composition  # slow to import, and plain formulas never need it

    try:
        amounts = {_name(element): amount for element, amount in Composition("".join(compact)).items()}
    except (ValueError, OverflowError) as error:
        raise reject(text, f"pymatgen says {show(str(error))}", _SMALLER) from error
    for symbol in symbols - amounts.keys():  # pymatgen drops amounts below 1e-8 without a word
        raise reject(text, f"the amount of {symbol} is almost zero", "leave the element out")
    return amounts


def _split_at_dots(text: str) -> list[str]:
    dotted = _STOP_BEFORE_GROUP.sub("·", text.translate(_DOTS_AND_DIGITS))
    # the number is taken along, for in CaSO4.2.5H2O the second full stop is a decimal point
    parts = _STOP_BEFORE_WATER.sub(r"·\1", dotted).translate(_FRACTIONS).split("·")
    if not all(part.strip() for part in parts):
        raise reject(text, "a part before or after a dot is empty", "write hydrates as CuSO4·5H2O")
    return parts


def _coefficient(text: str, number: str) -> str:
    top, _, bottom = number.partition("/")
    if float(top) == 0 or float(bottom or 1) == 0:
        raise reject(text, f"the coefficient {number} is zero", "leave that part out")
    if float(top) > MAX_AMOUNT:
        raise reject(text, f"it has a coefficient of {float(top):,.12g}, more than {MAX_AMOUNT:,}", _SMALLER)
    # never in exponent notation, which pymatgen does not read after a bracket
    return f"{float(top) / float(bottom or 1):.12f}"


def _compact(text: str, part: str, symbols: set[str]) -> str:
    """Check one dot-free part and return it without blanks; symbols met are added to `symbols`."""
    brackets: list[str] = []
    written: list[str] = []
    before = "open"
    tokens = list(_scan(text, part))
    _check_decimals(text, tokens)
    for kind, token in tokens:
        if kind == "symbol":
            _check_symbol(text, token)
            symbols.add(token)
        elif kind == "number":
            _check_number(text, token, before)
        elif kind == "open":
            brackets.append(_CLOSING[token])
        elif before == "open" or not brackets or brackets.pop() != token:
            raise reject(text, f"the bracket {token!r} closes nothing", "pair brackets, as in Ca3(PO4)2")
        written.append(token)
        before = kind
    if brackets:
        raise reject(text, f"a bracket is not closed by {brackets[-1]!r}", "pair brackets, as in Ca3(PO4)2")
    if not written:
        raise reject(text, "a coefficient stands alone", "write hydrates as CuSO4·5H2O")
    return "".join(written)


def _scan(text: str, part: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(part):
        match = _TOKEN.match(part, position)
        if match is None:
            character = part[position]
            reason = f"it has {character!r}"
            if character in "+-⁺⁻\N{MINUS SIGN}":
                raise reject(text, f"{reason}, a charge or an amount below zero", "leave it out, as in NaCl")
            raise reject(text, f"{reason}, which is no part of a formula", _EXAMPLE)
        position = match.end()
        if match.lastgroup is not None and match.lastgroup != "skip":
            yield match.lastgroup, match[0]


def _check_decimals(text: str, tokens: list[tuple[str, str]]) -> None:
    """Refuse a full stop that may be a hydrate's dot: an element comes again after it (``Al2O3.2SiO2``)."""
    doubtful = ""
    seen: set[str] = set()
    for kind, token in tokens:
        if kind == "number" and _DOUBTFUL.fullmatch(token):
            doubtful = token
        elif kind == "symbol":
            if doubtful and token in seen:
                reason = f"the full stop in {doubtful} may be a decimal point or a hydrate's dot"
                raise reject(text, reason, "write · for the dot, or every element once")
            seen.add(token)


def _check_symbol(text: object, symbol: str) -> None:
    if symbol not in RANK and symbol not in HEAVY_HYDROGEN:
        raise reject(text, f"{symbol} is not an element", "use the 118 symbols, case as in NaCl")


def _check_number(text: str, number: str, before: str) -> None:
    if before == "open":
        raise reject(text, f"the number {number} stands before a symbol", "write it behind, as in H2O")
    if before == "number":
        raise reject(text, f"the number {number} follows another", "write hydrates as CuSO4·5H2O")
    if float(number) == 0:
        raise reject(text, "it has an amount of zero", "leave the element out")
    if float(number) > MAX_AMOUNT:
        raise reject(text, f"it has an amount of {float(number):,.12g}, more than {MAX_AMOUNT:,}", _SMALLER)


def read_mapping(mapping: Mapping[Any, Any]) -> dict[str, float]:
    """Amounts of a mapping or pymatgen Composition; charges are dropped, D and T kept apart from H.

    Raises:
        FormulaError: a key is no element or species, or an amount no positive finite number.
    """
    amounts: dict[str, float] = {}
    for key, amount in mapping.items():
        match = _SPECIES.fullmatch(_name(key))
        if match is None:
            raise reject(mapping, f"the key {show(key)} is not an element", "use symbols, such as 'Ti'")
        _check_symbol(mapping, match[1])
        amounts[match[1]] = amounts.get(match[1], 0.0) + _amount(mapping, match[1], amount)
    if not amounts:
        raise reject(mapping, "it is empty", "give at least one element and its amount")
    return amounts


def _name(key: object) -> str:
    # pymatgen's Element is an Enum: D and T are its names, but str() and `symbol` say H.
    return key.name if isinstance(key, Enum) else str(key)


def _amount(mapping: Mapping[Any, Any], symbol: str, amount: object) -> float:
    if isinstance(amount, bool) or not isinstance(amount, Real):
        reason = f"the amount {show(amount)} of {symbol} is not a number"
        raise reject(mapping, reason, "give whole numbers or decimals")
    try:
        value = float(amount)
    except OverflowError:
        value = math.inf
    if not value > 0:  # also true of NaN
        raise reject(mapping, f"the amount {value:g} of {symbol} is not above zero", "leave the element out")
    return value


def whole_cell(amounts: Mapping[str, float], value: object, max_cell_atoms: int) -> dict[str, int]:
    """Whole numbers of atoms: the amounts if they are whole, else the smallest cell in the same proportions.

    Args:
        amounts: Positive amounts, one an element.
        value: What the user gave, for the message.
        max_cell_atoms: Most atoms in a cell that fractions are expanded to.

    Raises:
        FormulaError: an amount is above `MAX_AMOUNT`, or the cell has more than `max_cell_atoms` atoms.
    """
    for symbol, amount in amounts.items():
        if not amount <= MAX_AMOUNT:
            raise reject(value, f"{amount:,.12g} atoms of {symbol} are more than {MAX_AMOUNT:,}", _SMALLER)
    if all(amount == int(amount) for amount in amounts.values()):
        return {symbol: int(amount) for symbol, amount in amounts.items()}
    fractions = {symbol: _fraction(amount, symbol, value) for symbol, amount in amounts.items()}
    multiple = math.lcm(*(fraction.denominator for fraction in fractions.values()))
    counts = {symbol: int(fraction * multiple) for symbol, fraction in fractions.items()}
    divisor = 1 if multiple == 1 else math.gcd(*counts.values())
    atoms = sum(counts.values()) // divisor
    limit = min(max_cell_atoms, MAX_AMOUNT)
    if multiple > 1 and atoms > limit:
        reason = f"its smallest whole-number cell has {atoms:,} atoms, more than {limit:,}"
        raise reject(value, reason, f"round the amounts, or raise max_cell_atoms (at most {MAX_AMOUNT:,})")
    return {symbol: count // divisor for symbol, count in counts.items()}


def _fraction(amount: float, symbol: str, value: object) -> Fraction:
    fraction = Fraction(amount).limit_denominator(MAX_DENOMINATOR)
    if not fraction or abs(fraction - Fraction(amount)) > AMOUNT_TOLERANCE:
        reason = f"{amount:.9g} of {symbol} is no fraction with a denominator up to {MAX_DENOMINATOR:,}"
        raise reject(value, reason, "round to three decimals, give thirds to six, or write whole numbers")
    return fraction
