"""Which elements, how many atoms, and in which proportions: filters that need no data on the elements.

A template is an anonymous formula, such as `ABX3`, in which some elements may be fixed, as in `A2BO4`:

- The letters A, B, D, E, G, J, L, M, Q, R, T, X and Z are wildcards. Each stands for one element; different
  letters stand for different elements, and for none of the elements that the template fixes.
- Any other symbol is that element: the single letters C, F, H, I, K, N, O, P, S, U, V, W and Y, and every symbol
  of two letters, so that `AlX3` has aluminium and `ABC3` (three letters of `Formula.anonymous`) has carbon.
- B alone is both a letter for a site and boron: in a template it is a wildcard, and boron is written in quotes,
  `'B'`, as is any element that should stand out: `A'B'6` are the hexaborides.
- A letter with one or two primes is another wildcard: `A2BB'X6` and `A2B'B''X6` are the double perovskites. A mark
  that could as well be the first quote around an element is one, as in `A'B'6`.
- Proportions count, not sizes: `A2B2O6` is `ABO3`, and Sr2Ti2O6 matches both. A letter that comes twice is added
  up, and the order of the symbols says nothing.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Collection
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, ORDER, SYMBOLS
from mattransformer.errors import MattransformerError
from mattransformer.notation import MAX_AMOUNT
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.oxidation import ScreeningError

__all__ = [
    "WILDCARDS",
    "Template",
    "TemplateError",
    "atom_counts",
    "contains_elements",
    "element_counts",
    "matches_template",
    "only_elements",
    "read_template",
    "without_elements",
]

WILDCARDS: Final = frozenset("ABDEGJLMQRTXZ")
"""Letters that stand for any element in a template: those that are no symbol, and B."""

_CLOSED: Final = rf"(?:{'|'.join(ORDER)})'"
# In A2B'B''O6 the mark after the first B could open 'B', but then the mark behind it would belong to nothing.
_PRIME: Final = rf"'(?!{_CLOSED}(?!'(?!{_CLOSED})))"
_TERM: Final = re.compile(
    rf"(?:'(?P<quoted>[A-Za-z]+)'|(?P<plain>[A-Z][a-z]?)(?P<primes>(?:{_PRIME}){{0,2}}))(?P<amount>[0-9]*)"
)


class TemplateError(MattransformerError):
    """A stoichiometry template that cannot be read."""


class Template(NamedTuple):
    """Proportions without a common divisor.

    Attributes:
        fixed: atomic number and amount of each element that is given.
        free: each wildcard, with its primes, and its amount, by rising amount.
    """

    fixed: tuple[tuple[int, int], ...]
    free: tuple[tuple[str, int], ...]


def contains_elements(compositions: Compositions, elements: Collection[str]) -> NDArray[np.bool_]:
    """Tell which compositions contain at least one of some elements.

    Args:
        compositions: n compositions.
        elements: symbols, in any order.

    Returns:
        A Boolean array of shape (n,).

    Raises:
        ScreeningError: a symbol is not that of an element.
    """
    return compositions.totals(_listed(elements)[compositions.numbers]) > 0


def without_elements(compositions: Compositions, unwanted: Collection[str]) -> NDArray[np.bool_]:
    """Tell which compositions contain none of some elements.

    Args:
        compositions: n compositions.
        unwanted: symbols, in any order.

    Returns:
        A Boolean array of shape (n,).

    Raises:
        ScreeningError: a symbol is not that of an element.
    """
    return np.logical_not(contains_elements(compositions, unwanted))


def only_elements(compositions: Compositions, allowed: Collection[str]) -> NDArray[np.bool_]:
    """Tell which compositions are made of some elements and no others; they need not contain all of them.

    Args:
        compositions: n compositions.
        allowed: symbols, in any order.

    Returns:
        A Boolean array of shape (n,).

    Raises:
        ScreeningError: a symbol is not that of an element.
    """
    foreign = np.logical_not(_listed(allowed))
    return compositions.totals(foreign[compositions.numbers]) == 0


def element_counts(compositions: Compositions) -> NDArray[np.int64]:
    """Count the elements of each composition: 3 of SrTiO3.

    Returns:
        Whole numbers, (n,).
    """
    return compositions.sizes


def atom_counts(compositions: Compositions) -> NDArray[np.int64]:
    """Count the atoms of each composition after division by the greatest common divisor: 5 of Sr2Ti2O6.

    Peroxides and diatomic gases are no exception, although reduced formulas are written Na2O2 and O2: they
    count 2 and 1.

    Returns:
        Whole numbers, (n,).
    """
    atoms = np.zeros(len(compositions), dtype=np.int64)
    present = compositions.sizes > 0
    # reduceat takes an empty segment for its first entry, so compositions without entries are left out.
    starts = compositions.starts[:-1][present]
    if len(starts):
        amounts = compositions.amounts.astype(np.int64)
        atoms[present] = np.add.reduceat(amounts, starts) // np.gcd.reduceat(amounts, starts)
    return atoms


def matches_template(compositions: Compositions, template: str) -> NDArray[np.bool_]:
    """Tell which compositions have the proportions of a template for some choice of its wildcards.

    Args:
        compositions: n compositions, reduced or not.
        template: an anonymous formula with or without fixed elements (`ABX3`, `A2BO4`, `LiMO2`), in the
            notation at the head of this module.

    Returns:
        A Boolean array of shape (n,).

    Raises:
        TemplateError: `template` cannot be read.
    """
    fixed, wildcards = read_template(template)
    free = [amount for _, amount in wildcards]
    size = len(fixed) + len(free)
    matches = np.zeros(len(compositions), dtype=np.bool_)
    rows = np.flatnonzero(compositions.sizes == size)
    entries = compositions.starts[rows][:, None] + np.arange(size)
    numbers = compositions.numbers[entries]
    amounts = compositions.amounts[entries].astype(np.int64)
    total = sum(amount for _, amount in fixed) + sum(free)
    # The template has no common divisor, so a match is a whole multiple of it: no gcd of each row is needed.
    multiples, remainders = np.divmod(amounts.sum(axis=1), total)
    alike = remainders == 0
    for number, amount in fixed:
        here = numbers == number
        alike &= (here & (amounts == (amount * multiples)[:, None])).any(axis=1)
        amounts[here] = 0
    amounts.sort(axis=1)  # the fixed elements, now zeros, come first
    alike &= (amounts == multiples[:, None] * np.array([0] * len(fixed) + list(free))).all(axis=1)
    matches[rows] = alike
    return matches


def _listed(elements: Collection[str]) -> NDArray[np.bool_]:
    """Mark some elements by atomic number, (119,); number 0 is no element."""
    marks = np.zeros(len(SYMBOLS) + 1, dtype=np.bool_)
    for symbol in (elements,) if isinstance(elements, str) else elements:
        if symbol not in ATOMIC_NUMBER:
            raise ScreeningError(f"{symbol!r} is not an element: give symbols one by one, such as 'Na', 'Cl'")
        marks[ATOMIC_NUMBER[symbol]] = True
    return marks


@functools.lru_cache(maxsize=256)
def read_template(template: str) -> Template:
    """Read a template in the notation at the head of this module.

    Raises:
        TemplateError: `template` cannot be read.
    """
    fixed: Counter[int] = Counter()
    free: Counter[str] = Counter()
    text = "".join(template.split())
    end = 0
    for term in _TERM.finditer(text):
        if term.start() != end:
            break
        end = term.end()
        symbol = term["quoted"] or term["plain"]
        amount = int(term["amount"] or 1)
        if not 1 <= amount <= MAX_AMOUNT:
            raise _refusal(template, f"amounts go from 1 to {MAX_AMOUNT:,}", "write small whole numbers")
        if term["plain"] in WILDCARDS:
            free[symbol + term["primes"]] += amount
        elif term["primes"]:
            raise _refusal(
                template,
                f"{symbol} has a prime, but is no wildcard",
                f"wildcards are {', '.join(sorted(WILDCARDS))}",
            )
        elif symbol in ATOMIC_NUMBER:
            fixed[ATOMIC_NUMBER[symbol]] += amount
        else:
            raise _refusal(
                template,
                f"{symbol} is neither an element nor a wildcard",
                f"wildcards are {', '.join(sorted(WILDCARDS))}",
            )
    if end != len(text):
        raise _refusal(
            template,
            f"{text[end]} cannot be read",
            "write symbols and whole numbers without brackets, such as A3B2O8, and boron as 'B'",
        )
    if not text:
        raise _refusal(template, "it is empty", "write symbols and whole numbers, such as ABX3")
    divisor = math.gcd(*fixed.values(), *free.values())
    return Template(
        fixed=tuple((number, amount // divisor) for number, amount in fixed.items()),
        free=tuple(
            sorted(((letter, amount // divisor) for letter, amount in free.items()), key=itemgetter(1))
        ),
    )


def _refusal(template: str, reason: str, way_out: str) -> TemplateError:
    return TemplateError(f"template {template!r} cannot be used: {reason}; {way_out}")
