"""SMACT's rules on a formula, without walking through every combination of oxidation states.

Charge-neutral: every element takes one oxidation state, and the charges sum to zero. Electronegativity-balanced: with
states that do so every cation is strictly less electronegative than every anion (SMACT's Pauling test). These are
SMACT 4.0.2's `smact_validity(..., include_alloys=False, mixed_valence=False)` without and with the Pauling test. With
`mixed_valence=True` SMACT lets each atom of some elements take a state of its own, unless that makes more than a
million combinations of states. Our own rule of mixed valence, `NEUTRAL_MIXED`, asks whether some whole multiple of
the formula is neutral if one element takes two positive states: Fe3O4, Pb3O4 and Cs2SbCl6 are.

SMACT tries the product of all states. Here the sums that some elements can reach are the bits of one integer,
and one more element shifts that integer by each of its charges, so that the work grows with the sum of the
numbers of states and no longer with their product. The Pauling test asks for a threshold: elements below it
carry charges >= 0, those above it charges <= 0, so the sums of a prefix and of a suffix in order of
electronegativity need a bit in common.

What the rules say at the edges, as SMACT does:

- A single element (Fe, O2, even Og) passes all. Who counts single elements as failures has to do so.
- A compound of an element that the set does not list fails all.
- A compound of an element without electronegativity (He, Ne, Ar, Pm, Rn, Lr) fails the Pauling test.
- A charge of zero (set `wiki`) makes an element neither cation nor anion.

A compound of an element beyond Lr, at which SMACT raises KeyError, fails all here.

This module judges formulas of any size one by one; `judgement` judges columns of them, large ones with `kernels`.
"""

from __future__ import annotations

import functools
from math import gcd, prod
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from mattransformer.screening.oxidation import (
    Edition,
    edition,
    electronegativities,
    mixed_valence_elements,
    oxidation_states,
)

if TYPE_CHECKING:
    from mattransformer.formula import Formula
    from mattransformer.notation import Counts

NEUTRAL: Final = 1
BALANCED: Final = 2
NEUTRAL_MIXED: Final = 4
VALENCE_NEUTRAL: Final = 8
VALENCE_BALANCED: Final = 16
"""Flags of a verdict; the last two are the first two with SMACT's mixed valence."""

ALL: Final = NEUTRAL | BALANCED | NEUTRAL_MIXED | VALENCE_NEUTRAL | VALENCE_BALANCED
MOST_COMBINATIONS: Final = 1_000_000
"""Of states, above which SMACT does not look for mixed valence (its `_MAX_MIXED_VALENCE_COMBOS`)."""

# Larger counts are rare and are worked out anew each time, so that no input makes the memo grow without end.
_LARGEST_REMEMBERED = 256


class _Ions(NamedTuple):
    """What some atoms of one element can carry together, in units of e, their number already multiplied in."""

    electronegativity: float | None
    depth: int  # minus the lowest charge: what makes `shifts` non-negative
    shifts: tuple[int, ...]  # every charge plus `depth`
    cationic: tuple[int, ...]  # charges >= 0
    anionic: tuple[int, ...]  # magnitudes of the charges <= 0
    atoms: int = 1  # groups of atoms that choose a state each


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

    def flags(self, counts: Counts, asked: int = NEUTRAL | BALANCED) -> int:
        """Return which of the rules that are asked for the counts of a formula keep, as a sum of flags."""
        if len(counts) == 1:
            return ALL
        divisor = gcd(*[count for _, count in counts])
        if divisor > 1:
            counts = tuple((symbol, count // divisor) for symbol, count in counts)
        present: list[_Ions] = []
        for key in counts:
            ions = self[key]
            if ions is None:
                return 0
            present.append(ions)
        # A balanced assignment is a neutral one, so the second search is needed only where the first fails.
        kept = NEUTRAL | BALANCED if _balances(present) else NEUTRAL * _neutral(present)
        if asked & NEUTRAL_MIXED and (kept & NEUTRAL or self._neutral_mixed(counts, present)):
            kept |= NEUTRAL_MIXED
        if asked & (VALENCE_NEUTRAL | VALENCE_BALANCED):
            kept |= self._with_valences(counts, present, kept)
        return kept

    def _neutral_mixed(self, counts: Counts, present: list[_Ions]) -> bool:
        """Tell whether charges can sum to zero with one element at a mean of its positive states."""
        for at, (symbol, count) in enumerate(counts):
            positive = [state for state in self._states[symbol] if state > 0]
            if len(positive) < 2:
                continue
            sums, zero = _sums(present[:at] + present[at + 1 :])
            last = zero - positive[0] * count
            first = max(0, zero - positive[-1] * count)
            if last >= first and sums >> first & ((1 << last - first + 1) - 1):
                return True
        return False

    def _with_valences(self, counts: Counts, present: list[_Ions], kept: int) -> int:
        """Judge as SMACT does if atoms of mixed-valence elements choose their states each for itself."""
        unsplit = VALENCE_NEUTRAL * bool(kept & NEUTRAL) | VALENCE_BALANCED * bool(kept & BALANCED)
        splits = [symbol in mixed_valence_elements() for symbol, _ in counts]
        combinations = prod(
            len(self._states[symbol]) ** (count if split else 1)
            for (symbol, count), split in zip(counts, splits, strict=True)
        )
        if not any(splits) or combinations > MOST_COMBINATIONS:
            return unsplit
        atoms: list[_Ions] = []
        for (symbol, count), ions, split in zip(counts, present, splits, strict=True):
            one = self[symbol, 1] if split else ions
            assert one is not None  # the element has states, or nobody asks
            atoms.append(one._replace(atoms=count) if split else one)
        if _balances(atoms):
            return VALENCE_NEUTRAL | VALENCE_BALANCED
        return unsplit | VALENCE_NEUTRAL * _neutral(atoms)


def _reach(sums: int, charges: tuple[int, ...], atoms: int) -> int:
    """Return the bitset of all sums of one member of `sums` and one of `charges` for each of the atoms."""
    for _ in range(atoms):
        reached = 0
        for charge in charges:
            reached |= sums << charge
        sums = reached
    return sums


def _sums(present: list[_Ions]) -> tuple[int, int]:
    """Return the bitset of all sums of charges, and the bit that stands for zero."""
    sums, zero = 1, 0
    for ions in present:
        sums = _reach(sums, ions.shifts, ions.atoms)
        zero += ions.depth * ions.atoms
    return sums, zero


def _neutral(present: list[_Ions]) -> bool:
    """Tell whether charges can sum to zero."""
    sums, zero = _sums(present)
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
        sums = _reach(below[-1], ions.cationic, ions.atoms)
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
            ions = ranked[split - 1][1]
            above = _reach(above, ions.anionic, ions.atoms)
            if not above:
                return False
        following = electronegativity
    return False


def _rules(states: str) -> _Rules:
    return _rules_of(states, edition(states))


@functools.cache
def _rules_of(states: str, _edition: Edition) -> _Rules:
    return _Rules(states)


def charge_neutral(formula: Formula, states: str = "smact14") -> bool:
    """Tell whether one oxidation state an element can sum to zero: `smact_validity` without the Pauling test.

    Args:
        formula: any multiple of it gives the same verdict.
        states: a name of `mattransformer.screening.STATE_SETS`.

    Raises:
        ScreeningError: no set has this name.
    """
    return bool(_rules(states).flags(formula.counts) & NEUTRAL)


def electronegativity_balanced(formula: Formula, states: str = "smact14") -> bool:
    """Tell whether a neutral assignment keeps every cation strictly less electronegative than every anion.

    The same as `smact_validity` with the Pauling test; electronegativities are SMACT's.

    Args:
        formula: any multiple of it gives the same verdict.
        states: a name of `mattransformer.screening.STATE_SETS`.

    Raises:
        ScreeningError: no set has this name.
    """
    return bool(_rules(states).flags(formula.counts) & BALANCED)


def flags(counts: Counts, states: str, asked: int) -> int:
    """Judge the counts of one formula.

    Args:
        counts: of a `Formula`; any multiple gives the same verdict.
        states: as `oxidation_states` takes it.
        asked: flags of the rules to judge by; `NEUTRAL` and `BALANCED` always are.

    Returns:
        The sum of the flags of those it keeps.

    Raises:
        ScreeningError: no set has this name.
    """
    return _rules(states).flags(counts, asked)
