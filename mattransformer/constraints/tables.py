"""The tables that an automaton looks ahead with: which elements, their charges, and what is reached from where.

A prefix of whole elements has a counter (`counters`), a phase, and sums of charges that its elements can reach.

The phase is for the rule of electronegativity. Its thresholds are SMACT's values, which are not everywhere in the
canonical order (SMACT has W at 1.7, pymatgen at 2.36). So a phase is a pair: the most electronegative cation and the
least electronegative anion so far, each only as far as it matters to elements that may still come. Where these are all
more electronegative than those before, two are left; over all elements it is six on average, and nineteen at most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattransformer.constraints.counters import count
from mattransformer.constraints.reading import read_partial
from mattransformer.constraints.rules import Rules
from mattransformer.elements import ATOMIC_NUMBER, ORDER, SYMBOLS
from mattransformer.screening.oxidation import electronegativities, oxidation_states
from mattransformer.screening.stoichiometry import read_template

ZERO, CATION, ANION = range(3)
"""Signs of a charge, the columns of `Tables.after`."""


class Tables(NamedTuple):
    """What the kernels read. R elements that may occur, C counters, T phases of all places, W words of a set of sums.

    Place r is before the element of rank r, place R at the end. The phases of one place stand together.

    Attributes:
        numbers: atomic number of each element, (R,).
        ranks: place of each atomic number, -1 for those that may not occur, (119,).
        required: which elements must be present, (R,).
        amounts: which numbers of atoms an element may have, (R, most atoms + 1).
        charges: oxidation states, (R, most states).
        signs: `ZERO`, `CATION` or `ANION` as far as the phases need it, (R, most states).
        listed: how many states each element has, (R,).
        kinds: of `Counters`.
        first: of `Counters`.
        following: of `Counters`.
        final: of `Counters`.
        phases: where the phases of each place begin, (R + 2,).
        after: phase at the next place after a charge of each sign, -1 if it must not be; `ZERO` is also that of an
            element left out, (T, 3).
        reach: sums so far with which a prefix can be completed by elements from this place on, (C, T, W).
        use: the same with the element of this place, (C, T, W).
        zero: the bit of a sum of zero.
        widest: most pairs of counter and phase that a prefix can have.
    """

    numbers: NDArray[np.int32]
    ranks: NDArray[np.int32]
    required: NDArray[np.bool_]
    amounts: NDArray[np.bool_]
    charges: NDArray[np.int32]
    signs: NDArray[np.int32]
    listed: NDArray[np.int32]
    kinds: NDArray[np.int32]
    first: NDArray[np.int32]
    following: NDArray[np.int32]
    final: NDArray[np.bool_]
    phases: NDArray[np.int32]
    after: NDArray[np.int32]
    reach: NDArray[np.uint64]
    use: NDArray[np.uint64]
    zero: int
    widest: int


def build(rules: Rules) -> Tables | None:
    """Build the tables, or return None if rules on single elements leave no composition."""
    symbols = _usable(rules)
    partial = read_partial(rules.partial) if rules.partial is not None else {}
    required = rules.require | partial.keys()
    if not required <= set(symbols) or len(symbols) < rules.n_elements[0] or _oversized(rules):
        return None
    most = rules.n_atoms[1]
    amounts = np.ones((len(symbols), most + 1), dtype=np.bool_)
    for at, symbol in enumerate(symbols):
        amount = partial.get(symbol)
        if amount is not None:
            amounts[at] = np.arange(most + 1) == amount
    states = _states(rules, symbols)
    charges = np.zeros((len(symbols), max(map(len, states))), dtype=np.int32)
    for at, own in enumerate(states):
        charges[at, : len(own)] = own
    phases, after = _phases(rules, symbols)
    below, above = _spread(charges, most)
    words = (below + above) // 64 + 1
    counters = count(rules, symbols)
    ranks = np.full(len(SYMBOLS) + 1, -1, dtype=np.int32)
    numbers = np.array([ATOMIC_NUMBER[symbol] for symbol in symbols], dtype=np.int32)
    ranks[numbers] = np.arange(len(symbols))
    shape = (len(counters.final), len(after), words)
    tables = Tables(
        numbers=numbers,
        ranks=ranks,
        required=np.array([symbol in required for symbol in symbols], dtype=np.bool_),
        amounts=amounts,
        charges=charges,
        signs=_signs(rules, charges),
        listed=np.array(list(map(len, states)), dtype=np.int32),
        kinds=counters.kinds,
        first=counters.first,
        following=counters.following,
        final=counters.final,
        phases=phases,
        after=after,
        reach=np.zeros(shape, dtype=np.uint64),
        use=np.zeros(shape, dtype=np.uint64),
        zero=below,
        widest=counters.widest * int(np.diff(phases).max()),
    )
    from mattransformer.constraints import kernels  # compiled only when it is used

    kernels.fill(tables)
    return tables


def _usable(rules: Rules) -> list[str]:
    """List the elements that may occur, in canonical order."""
    found = set(SYMBOLS if rules.allow is None else rules.allow) - rules.forbid
    if rules.partial is not None:
        found &= read_partial(rules.partial).keys()
    if rules.neutral:
        found &= oxidation_states(rules.oxidation_states).keys()
    if rules.electronegativity_balanced:
        found &= electronegativities().keys()
    if rules.template is not None:
        template = read_template(rules.template)
        sites = [rules.sites.get(letter) for letter, _ in template.free]
        if None not in sites:
            fixed = {SYMBOLS[number - 1] for number, _ in template.fixed}
            found &= fixed.union(*(site for site in sites if site is not None))
    return [symbol for symbol in ORDER if symbol in found]


def _oversized(rules: Rules) -> bool:
    """Tell whether a template has more than any composition: not worth listing counters for."""
    if rules.template is None:
        return False
    template = read_template(rules.template)
    amounts = [amount for _, amount in (*template.fixed, *template.free)]
    return len(amounts) > rules.n_elements[1] or sum(amounts) > rules.n_atoms[1]


def _states(rules: Rules, symbols: list[str]) -> list[tuple[int, ...]]:
    """List the charges of each element; a single zero if nobody asks for them."""
    if not rules.neutral:
        return [(0,)] * len(symbols)
    listed = oxidation_states(rules.oxidation_states)
    return [listed[symbol] for symbol in symbols]


def _signs(rules: Rules, charges: NDArray[np.int32]) -> NDArray[np.int32]:
    if not rules.electronegativity_balanced:
        return np.zeros_like(charges)
    return np.where(charges > 0, CATION, np.where(charges < 0, ANION, ZERO)).astype(np.int32)


def _spread(charges: NDArray[np.int32], most: int) -> tuple[int, int]:
    """Say how far below and above zero a sum can be if the atoms that are left must bring it back."""
    high, low = max(0, int(charges.max())), max(0, -int(charges.min()))
    atoms = range(most + 1)
    below = max(min(low * count, high * (most - count)) for count in atoms)
    above = max(min(high * count, low * (most - count)) for count in atoms)
    return below, above


def _phases(rules: Rules, symbols: list[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """List the phases of all places and how they follow each other."""
    values = [electronegativities()[symbol] for symbol in symbols] if rules.electronegativity_balanced else []
    nowhere, everywhere = float("-inf"), float("inf")
    place = [(nowhere, everywhere)]
    starts = [0]
    after: list[tuple[int, int, int]] = []
    for at in range(len(symbols)):
        coming = sorted(set(values[at + 1 :]))
        found: dict[tuple[float, float], int] = {}
        base = starts[-1] + len(place)

        def number(cation: float, anion: float) -> int:
            below = max((value for value in coming if value <= cation), default=nowhere)  # noqa: B023
            above = min((value for value in coming if value >= anion), default=everywhere)  # noqa: B023
            return base + found.setdefault((below, above), len(found))  # noqa: B023

        for cation, anion in place:
            same = number(cation, anion)
            positive = negative = same
            if values:
                value = values[at]
                positive = number(max(cation, value), anion) if value < anion else -1
                negative = number(cation, min(anion, value)) if value > cation else -1
            after.append((same, positive, negative))
        starts.append(base)
        place = list(found)
    starts.append(starts[-1] + len(place))
    after += [(-1, -1, -1)] * len(place)
    return np.array(starts, dtype=np.int32), np.array(after, dtype=np.int32)
