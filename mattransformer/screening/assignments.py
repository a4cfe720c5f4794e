"""Oxidation states of a formula: the assignments that balance it, ranked by likelihood.

>>> print(assign_oxidation_states("Fe3O4")[0])
Fe2+ 1, Fe3+ 2, O2- 4

The likelihood rests on counts that SMACT publishes and that are read from the installed SMACT, never copied: how
often each element was reported in each oxidation state in the ICSD of 2024 (`oxidation_states_icsd24_counts.json`).
These counts include the compounds of any benchmark that is drawn from the ICSD.

An element takes one state, or two states mixed. One state of an element with n atoms (of the reduced formula) scores
n ** 0.5 times the logarithm of its share of the element's reports: atoms of one element are not independent, so
they count less than n times. Two states score the sum of the two logarithms less a penalty, whatever their numbers.
Conventions of inorganic nomenclature add or take off a penalty that depends on which elements the formula holds (see
`conventions`).

The probability of an assignment is the exponential of its score over the sum of those of all that balance, where
"all" is every choice of one state an element and of those pairs of states whose score is above a cut-off; pairs below
the cut-off are in neither. It compares the assignments of one formula and is not calibrated.

The work is bounded: a table over (element, sum of charges) holds the best completion of each sum, and the best
assignments are walked out of it in order, so nothing is searched twice and nothing that balances is lost.
"""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mattransformer.formula import Formula
from mattransformer.screening.conventions import mixing_penalty, state_penalty

__all__ = ["Assignment", "Species", "assign_oxidation_states", "reported_states"]

# Natural logarithms. Values of the exponent were compared on labelled formulas; see benchmarks/oxidation_states.py.
_ATOMS_EXPONENT: Final = 0.5  # compared with 0.35, 0.4, 0.6 and 0.7
_SMOOTHING: Final = 0.5  # reports added to every state that was reported at all; compared with 0.1, 2 and 5
_RARE: Final = (
    0.003  # share of an element's reports below which a state is more often a mistake of the report
)
_DOUBT: Final = 2.0  # taken off for it
_WORST: Final = 30.0  # two states that score less than this are not mixed
# Scores are whole multiples of this power of two, so that their sums are exact and ties are ties in any order.
_GRAIN: Final = 2.0**-20
_FAINT: Final = 1e-280  # a likelihood below this part of the largest may have lost terms to underflow

_Floats = npt.NDArray[np.float64]
_Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Species:
    """Atoms of one element in one oxidation state.

    Attributes:
        symbol: Element.
        charge: Oxidation state of one atom, in units of e.
        count: Number of atoms, from 1.
    """

    symbol: str
    charge: int
    count: int

    def __str__(self) -> str:
        """The species without its count: ``Fe3+``, ``Na+``, ``O2-``, ``Fe0``."""
        if self.charge == 0:
            return f"{self.symbol}0"
        size = "" if abs(self.charge) == 1 else abs(self.charge)
        return f"{self.symbol}{size}{'+' if self.charge > 0 else '-'}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Oxidation states of all atoms of a formula, with charges that sum to zero.

    Attributes:
        species: Species in canonical order of the elements, the states of one element by rising charge.
        probability: Share of the likelihood of all assignments that were considered and balance, in (0, 1].
    """

    species: tuple[Species, ...]
    probability: float

    def __str__(self) -> str:
        """The species and their counts: ``Fe2+ 1, Fe3+ 2, O2- 4``."""
        return ", ".join(f"{species} {species.count}" for species in self.species)


class _Options(NamedTuple):
    """What the atoms of one element can carry: arrays of one entry an option."""

    charge: _Whole  # of all atoms together
    score: _Floats
    lower: _Whole
    upper: _Whole
    raised: _Whole  # atoms in `upper`; 0 where all are in `lower`


def assign_oxidation_states(formula: Formula | str, most: int = 5) -> list[Assignment]:
    """Find the likeliest oxidation states that balance a formula.

    Args:
        formula: up to 12 elements and 1,000 atoms take bounded time. A multiple of it gets the same states, so that
            two states half and half in a formula with one such atom (Sb3+ and Sb5+ in Cs2SbCl6) are not found.
        most: number of assignments to return, from 1; thousands take seconds.

    Returns:
        At most `most` assignments, likeliest first; none where no reported states balance. Assignments of the same
        score keep one order: by the states of the first element, then of the next. The probabilities are normalised
        over all assignments that balance the reduced formula with one reported state an element or a pair of them
        above the cut-off of the module, returned or not; neither order nor probability depends on `most`. A single
        element has the state 0.

    Raises:
        FormulaError: `formula` is none.
        ValueError: `most` is below 1.
    """
    if most < 1:
        raise ValueError(f"most={most}: give a whole number from 1")
    counts = Formula.parse(formula).counts
    if len(counts) == 1:
        return [Assignment((Species(counts[0][0], 0, counts[0][1]),), 1.0)]
    divisor = math.gcd(*[count for _, count in counts])
    amounts = {symbol: count // divisor for symbol, count in counts}
    elements = [_options(symbol, amounts) for symbol in amounts]
    if not all(options.charge.size for options in elements):
        return []
    best, lowest = _completions(elements)
    found = _walk(elements, best, lowest, most)
    # Rounding can leave the sum of all a trifle below its largest term.
    normaliser = max(_likelihood(elements), found[0][0]) if found else 0.0
    assignments = []
    for score, chosen in found:
        species: list[Species] = []
        for (symbol, count), options, option in zip(counts, elements, chosen, strict=True):
            raised = int(options.raised[option]) * divisor
            species.append(Species(symbol, int(options.lower[option]), count - raised))
            if raised:
                species.append(Species(symbol, int(options.upper[option]), raised))
        probability = max(math.exp(min(score - normaliser, 0.0)), math.ulp(0.0))
        assignments.append(Assignment(tuple(species), probability))
    return assignments


def reported_states(symbol: str) -> Mapping[int, float]:
    """Give the oxidation states in which an element was reported, and how likely each is.

    Args:
        symbol: element.

    Returns:
        Oxidation state in units of e -> natural logarithm of its smoothed share of the element's reports in SMACT's
        counts of the ICSD of 2024, less a doubt where that share is below 0.3 %; empty for an element without reports.
    """
    return _reports().get(symbol, {})


@functools.cache
def _reports() -> Mapping[str, Mapping[int, float]]:
    """Read SMACT's counts: element -> oxidation state -> logarithm of its smoothed share of the reports."""
    from smact.utils.oxidation import ICSD24OxStatesFilter

    table = ICSD24OxStatesFilter().ox_states_df
    counts: dict[str, dict[int, int]] = {}
    columns = (table["element"], table["oxidation_state"], table["results_count"])
    for symbol, state, count in zip(*columns, strict=True):
        if count > 0:
            counts.setdefault(str(symbol), {})[int(state)] = int(count)
    logarithms = {}
    for symbol, listed in counts.items():
        total = sum(listed.values()) + _SMOOTHING * len(listed)
        shares = {state: (listed[state] + _SMOOTHING) / total for state in sorted(listed)}
        logarithms[symbol] = {
            state: math.log(share) - (_DOUBT if share < _RARE else 0.0) for state, share in shares.items()
        }
    return logarithms


def _options(symbol: str, amounts: Mapping[str, int]) -> _Options:
    """List what the atoms of one element can carry."""
    count = amounts[symbol]
    listed = _reports().get(symbol, {})
    scores = {state: value - state_penalty(symbol, state, amounts) for state, value in listed.items()}
    blocks = [
        (state, state, np.zeros(1, dtype=np.int64), value * count**_ATOMS_EXPONENT)
        for state, value in scores.items()
    ]
    states = list(scores)
    raised = np.arange(1, count, dtype=np.int64)
    for position, lower in enumerate(states):
        for upper in states[position + 1 :]:
            score = scores[lower] + scores[upper] - mixing_penalty(symbol, lower, upper, amounts)
            if score > -_WORST:
                blocks.append((lower, upper, raised, score))
    if not blocks:
        nothing = np.zeros(0, dtype=np.int64)
        return _Options(nothing, np.zeros(0), nothing, nothing, nothing)
    numbers = [moved.size for _, _, moved, _ in blocks]
    lows = np.repeat(np.array([lower for lower, _, _, _ in blocks], dtype=np.int64), numbers)
    highs = np.repeat(np.array([upper for _, upper, _, _ in blocks], dtype=np.int64), numbers)
    moved = np.concatenate([block[2] for block in blocks])
    grains = np.rint(np.array([block[3] for block in blocks], dtype=np.float64) / _GRAIN)
    values = np.repeat(grains * _GRAIN, numbers)
    return _Options(lows * count + moved * (highs - lows), values, lows, highs, moved)


def _completions(elements: list[_Options]) -> tuple[list[_Floats], list[int]]:
    """Work out the best score with which the elements from each one on reach each sum of charges.

    Returns:
        One array an element and a last one for none; and the sum that the first entry of each stands for.
    """
    best: list[_Floats] = [np.zeros(1)]
    lowest = [0]
    for options in reversed(elements):
        low, high = int(options.charge.min()), int(options.charge.max())
        top = np.full(high - low + 1, -np.inf)
        np.maximum.at(top, options.charge - low, options.score)
        previous = best[-1]
        table = np.full(previous.size + high - low, -np.inf)
        for shift in np.flatnonzero(np.isfinite(top)):
            window = table[shift : shift + previous.size]
            np.maximum(window, previous + top[shift], out=window)
        best.append(table)
        lowest.append(lowest[-1] + low)
    return best[::-1], lowest[::-1]


def _likelihood(elements: list[_Options]) -> float:
    """Add up the likelihood of all assignments whose charges sum to zero, and give its logarithm."""
    table, scale, lowest = np.ones(1), 0.0, 0
    logarithms: list[_Floats] = []
    for options in elements:
        low, high = int(options.charge.min()), int(options.charge.max())
        reference = float(options.score.max())
        weights = np.bincount(options.charge - low, np.exp(options.score - reference), high - low + 1)
        with np.errstate(divide="ignore"):
            logarithms.append(np.log(weights) + reference)
        table = np.convolve(table, weights)
        largest = float(table.max())
        table /= largest
        scale += reference + math.log(largest)
        lowest += low
    zero = -lowest
    if not 0 <= zero < table.size:
        return -math.inf
    if table[zero] > _FAINT:
        return scale + math.log(table[zero])
    # Too far from the likeliest sum for floating point: add up logarithms instead, which is slower.
    slow = np.zeros(1)
    for steps in logarithms:
        wider = np.full(slow.size + steps.size - 1, -np.inf)
        for shift in np.flatnonzero(np.isfinite(steps)):
            window = wider[shift : shift + slow.size]
            np.logaddexp(window, slow + steps[shift], out=window)
        slow = wider
    return float(slow[zero])


def _walk(
    elements: list[_Options], best: list[_Floats], lowest: list[int], most: int
) -> list[tuple[float, tuple[int, ...]]]:
    """Walk the best assignments out of the table, best first: score, and the option of each element."""

    def reach(position: int, needed: _Whole) -> _Floats:
        places = needed - lowest[position]
        inside = (places >= 0) & (places < best[position].size)
        return np.where(inside, best[position][np.where(inside, places, 0)], -np.inf)

    start = float(reach(0, np.zeros(1, dtype=np.int64))[0])
    # Bound of the score (negative), options so far, score so far, charge that the other elements must carry.
    open_paths: list[tuple[float, tuple[int, ...], float, int]] = []
    if start > -math.inf:
        open_paths.append((-start, (), 0.0, 0))
    found: list[tuple[float, tuple[int, ...]]] = []
    while open_paths and len(found) < most:
        _, chosen, score, needed = heapq.heappop(open_paths)
        if len(chosen) == len(elements):
            found.append((score, chosen))
            continue
        options = elements[len(chosen)]
        bounds = score + options.score + reach(len(chosen) + 1, needed - options.charge)
        # The best `most` assignments use only the best `most` options of each path; a stable order breaks ties by
        # the place of an option, as the heap does, so ties come out alike for any `most`.
        for option in np.argsort(-bounds, kind="stable")[:most]:
            if bounds[option] == -np.inf:
                break
            step = (*chosen, int(option))
            rest = needed - int(options.charge[option])
            heapq.heappush(
                open_paths, (-float(bounds[option]), step, score + float(options.score[option]), rest)
            )
    return found
