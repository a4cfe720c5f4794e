"""SMACT's two verdicts on a formula, without walking through every combination of oxidation states.

`charge_neutral` and `electronegativity_balanced` equal SMACT 4.0.2's `smact_validity(...,
include_alloys=False, mixed_valence=False, oxidation_states_set=states)` without and with the Pauling test:
every element takes one oxidation state, charges sum to zero, and with the Pauling test every cation is
strictly less electronegative than every anion.

SMACT tries the product of all states. Here the sums that some elements can reach are the bits of one integer,
and one more element shifts that integer by each of its charges, so that the work grows with the sum of the
numbers of states and no longer with their product. The Pauling test asks for a threshold: elements below it
carry charges >= 0, those above it charges <= 0, so the sums of a prefix and of a suffix in order of
electronegativity need a bit in common.

What the rules say at the edges, as SMACT does:

- A single element (Fe, O2, even Og) passes both. Who counts single elements as failures has to do so.
- A compound of an element that the set does not list fails both.
- A compound of an element without electronegativity (He, Ne, Ar, Pm, Rn, Lr) fails the second.
- A charge of zero (set `wiki`) makes an element neither cation nor anion.

A compound of an element beyond Lr, at which SMACT raises KeyError, fails both here.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import gcd
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from mattransformer.screening.oxidation import electronegativities, oxidation_states

if TYPE_CHECKING:
    from mattransformer.formula import Formula

# Larger counts are rare and are worked out anew each time, so that no input makes the memo grow without end.
_LARGEST_REMEMBERED = 256


class _Ions(NamedTuple):
    """What the atoms of one element can carry together, in units of e, their number already multiplied in."""

    electronegativity: float | None
    depth: int  # minus the lowest charge: what makes `shifts` non-negative
    shifts: tuple[int, ...]  # every charge plus `depth`
    cationic: tuple[int, ...]  # charges >= 0
    anionic: tuple[int, ...]  # magnitudes of the charges <= 0


class _Rules(dict[tuple[str, int], _Ions | None]):
    """The rules with one set: a memo by (element, count) that fills itself; None where no state is listed."""

    def __init__(self, states: str) -> None:
        super().__init__()
        self._states = oxidation_states(states)
        self._electronegativities = electronegativities()

    def __missing__(self, key: tuple[str, int]) -> _Ions | None:
        symbol, count = key
        charges = [state * count for state in self._states.get(symbol, ())]
        ions = None
        if charges:
            depth = -min(charges)
            ions = _Ions(
                electronegativity=self._electronegativities.get(symbol),
                depth=depth,
                shifts=tuple(charge + depth for charge in charges),
                cationic=tuple(charge for charge in charges if charge >= 0),
                anionic=tuple(-charge for charge in charges if charge <= 0),
            )
        if count <= _LARGEST_REMEMBERED:
            self[key] = ions
        return ions

    def verdict(self, counts: tuple[tuple[str, int], ...]) -> tuple[bool, bool]:
        """Return (charge-neutral, electronegativity-balanced) for the counts of a formula."""
        if len(counts) == 1:
            return True, True
        divisor = gcd(*[count for _, count in counts])
        if divisor > 1:
            counts = tuple((symbol, count // divisor) for symbol, count in counts)
        present: list[_Ions] = []
        for key in counts:
            ions = self[key]
            if ions is None:
                return False, False
            present.append(ions)
        # A balanced assignment is a neutral one, so the second search is needed only where the first fails.
        return (True, True) if _balances(present) else (_neutral(present), False)


def _reach(sums: int, charges: tuple[int, ...]) -> int:
    """Return the bitset of all sums of one member of `sums` and one of `charges`."""
    reached = 0
    for charge in charges:
        reached |= sums << charge
    return reached


def _neutral(present: list[_Ions]) -> bool:
    """Tell whether one charge an element can sum to zero."""
    sums, zero = 1, 0
    for ions in present:
        sums = _reach(sums, ions.shifts)
        zero += ions.depth
    return zero >= 0 and bool(sums >> zero & 1)  # below zero: even the lowest sum is positive


def _balances(present: list[_Ions]) -> bool:
    """Tell whether charges can sum to zero with every cation less electronegative than every anion."""
    ranked: list[tuple[float, _Ions]] = []
    for ions in present:
        if ions.electronegativity is None:
            return False
        ranked.append((ions.electronegativity, ions))
    ranked.sort(key=itemgetter(0))
    below = [1]  # below[k]: sums of the k least electronegative elements as cations
    for _, ions in ranked:
        sums = _reach(below[-1], ions.cationic)
        if not sums:
            break
        below.append(sums)
    above = 1  # magnitudes of the sums of the others as anions
    following = float("inf")
    for split in range(len(ranked), -1, -1):
        electronegativity = ranked[split - 1][0] if split else float("-inf")
        # No threshold lies between two elements of one electronegativity: SMACT asks for strictly below.
        if electronegativity < following and split < len(below) and below[split] & above:
            return True
        if split:
            above = _reach(above, ranked[split - 1][1].anionic)
            if not above:
                return False
        following = electronegativity
    return False


@functools.cache
def _rules(states: str) -> _Rules:
    return _Rules(states)


def charge_neutral(formula: Formula, states: str = "smact14") -> bool:
    """Tell whether one oxidation state an element can sum to zero: `smact_validity` without the Pauling test.

    Args:
        formula: any multiple of it gives the same verdict.
        states: a name of `mattransformer.screening.STATE_SETS`.

    Raises:
        ScreeningError: no set has this name.
    """
    return _rules(states).verdict(formula.counts)[0]


def electronegativity_balanced(formula: Formula, states: str = "smact14") -> bool:
    """Tell whether a neutral assignment keeps every cation strictly less electronegative than every anion.

    The same as `smact_validity` with the Pauling test; electronegativities are SMACT's.

    Args:
        formula: any multiple of it gives the same verdict.
        states: a name of `mattransformer.screening.STATE_SETS`.

    Raises:
        ScreeningError: no set has this name.
    """
    return _rules(states).verdict(formula.counts)[1]


def verdicts(
    formulas: Sequence[Formula], states: str = "smact14"
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Judge many formulas at once.

    Args:
        formulas: n formulas; they need not be reduced.
        states: a name of `mattransformer.screening.STATE_SETS`.

    Returns:
        Two Boolean arrays of shape (n,): charge-neutral, and electronegativity-balanced, which implies it.

    Raises:
        ScreeningError: no set has this name.
    """
    verdict = _rules(states).verdict
    both = np.array([verdict(formula.counts) for formula in formulas], dtype=np.bool_).reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()


def failure(formula: Formula, states: str = "smact14") -> str:
    """Say in words which rule a formula fails first; an empty string if it passes both.

    Raises:
        ScreeningError: no set has this name.
    """
    neutral, balanced = _rules(states).verdict(formula.counts)
    if balanced:
        return ""
    if neutral:
        unknown = [symbol for symbol in formula.elements if symbol not in electronegativities()]
        if unknown:
            return f"no Pauling electronegativity for {', '.join(unknown)}"
        return f"no neutral {states} oxidation states keep cations less electronegative than anions"
    unlisted = [symbol for symbol in formula.elements if symbol not in oxidation_states(states)]
    if unlisted:
        return f"{states} lists no oxidation state for {', '.join(unlisted)}"
    return f"no {states} oxidation states sum to zero"
