"""The compiled form of the rules, over columns of compositions.

`rules` explains them and judges what does not fit here. As there, the sums of charges that elements can reach are
bits, here of 64-bit words, and an element shifts them by each of its charges. Only the bits up to the sum that is
asked for matter, so most compositions need a single word.

Compiled by numba on first use and kept in its cache; one thread.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from mattransformer.screening.rules import (
    BALANCED,
    NEUTRAL,
    NEUTRAL_MIXED,
    VALENCE_BALANCED,
    VALENCE_NEUTRAL,
)

WORDS: Final = 64
"""Most words of a set of sums: charges that add up to more than 4,095 are too large."""

MOST_ELEMENTS: Final = 24
TOO_LARGE: Final = 32
"""The flag of a composition that `rules` has to judge."""

_compiled: Any = njit(cache=True, nogil=True)


@_compiled
def _add_shifted(target: np.ndarray, source: np.ndarray, shift: int, words: int) -> None:
    skip = shift >> 6
    if skip >= words:
        return
    low = np.uint64(shift & 63)
    if low == np.uint64(0):
        for word in range(words - 1, skip - 1, -1):
            target[word] |= source[word - skip]
        return
    high = np.uint64(64) - low
    for word in range(words - 1, skip, -1):
        target[word] |= (source[word - skip] << low) | (source[word - skip - 1] >> high)
    target[skip] |= source[0] << low


@_compiled
def _extend(
    target: np.ndarray,
    source: np.ndarray,
    spare: np.ndarray,
    charges: np.ndarray,
    listed: int,
    sign: int,
    depth: int,
    amount: int,
    each: bool,
    words: int,
) -> None:
    """Write the sums after one more element, all of its atoms alike or `each` for itself.

    With `sign` 0 a charge counts from `depth`, the lowest one; with 1 only charges from 0, with -1 only those to 0,
    by their magnitude. `target` is another array than `source`; `spare` a third one.
    """
    rounds = amount if each else 1
    unit = 1 if each else amount
    for word in range(words):
        spare[word] = source[word]
    for step in range(rounds):
        for word in range(words):
            target[word] = np.uint64(0)
        for place in range(listed):
            charge = charges[place]
            if sign == 0:
                _add_shifted(target, spare, (charge - depth) * unit, words)
            elif charge * sign >= 0:
                _add_shifted(target, spare, charge * sign * unit, words)
        if step < rounds - 1:
            for word in range(words):
                spare[word] = target[word]


@_compiled
def _sums(
    sets: np.ndarray,
    spare: np.ndarray,
    elements: np.ndarray,
    counts: np.ndarray,
    size: int,
    without: int,
    charges: np.ndarray,
    listed: np.ndarray,
    each: np.ndarray,
    words: int,
) -> int:
    """Write the sums of all elements but one into a row of `sets`; return which."""
    now = 0
    for word in range(words):
        sets[0, word] = np.uint64(0)
    sets[0, 0] = np.uint64(1)
    for place in range(size):
        if place == without:
            continue
        element = elements[place]
        _extend(
            sets[1 - now],
            sets[now],
            spare,
            charges[element],
            listed[element],
            0,
            charges[element, 0],
            counts[place],
            each[element],
            words,
        )
        now = 1 - now
    return now


@_compiled
def _neutral(
    sets: np.ndarray,
    spare: np.ndarray,
    elements: np.ndarray,
    counts: np.ndarray,
    size: int,
    charges: np.ndarray,
    listed: np.ndarray,
    each: np.ndarray,
) -> int:
    """1 if charges can sum to zero, 0 if not, -1 if it is too large to say here."""
    zero = 0
    for place in range(size):
        zero -= charges[elements[place], 0] * counts[place]
    if zero < 0:
        return 0
    words = (zero >> 6) + 1
    if words > WORDS:
        return -1
    now = _sums(sets, spare, elements, counts, size, -1, charges, listed, each, words)
    return int((sets[now, zero >> 6] >> np.uint64(zero & 63)) & np.uint64(1))


@_compiled
def _neutral_mixed(
    sets: np.ndarray,
    spare: np.ndarray,
    elements: np.ndarray,
    counts: np.ndarray,
    size: int,
    charges: np.ndarray,
    listed: np.ndarray,
    none: np.ndarray,
) -> int:
    """As `_neutral`, where one element may take any mean of its positive states."""
    for mixed in range(size):
        element = elements[mixed]
        low = 0
        for place in range(listed[element]):
            if charges[element, place] > 0:
                low = charges[element, place]
                break
        high = charges[element, listed[element] - 1]
        if low == 0 or low == high:
            continue
        base = 0
        for place in range(size):
            if place != mixed:
                base -= charges[elements[place], 0] * counts[place]
        last = base - low * counts[mixed]
        if last < 0:
            continue
        words = (last >> 6) + 1
        if words > WORDS:
            return -1
        now = _sums(sets, spare, elements, counts, size, mixed, charges, listed, none, words)
        for bit in range(max(0, base - high * counts[mixed]), last + 1):
            if (sets[now, bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1):
                return 1
    return 0


@_compiled
def _balanced(
    below: np.ndarray,
    above: np.ndarray,
    spare: np.ndarray,
    elements: np.ndarray,
    counts: np.ndarray,
    size: int,
    charges: np.ndarray,
    listed: np.ndarray,
    ranks: np.ndarray,
    each: np.ndarray,
) -> int:
    """1 if charges can sum to zero with cations less electronegative than anions, 0 if not, -1 if too large.

    `elements` are in order of electronegativity, and each has one.
    """
    positive, negative = 0, 0
    for place in range(size):
        element = elements[place]
        positive += max(0, charges[element, listed[element] - 1]) * counts[place]
        negative += max(0, -charges[element, 0]) * counts[place]
    words = (min(positive, negative) >> 6) + 1
    if words > WORDS:
        return -1
    for word in range(words):
        below[0, word] = np.uint64(0)
        above[0, word] = np.uint64(0)
    below[0, 0] = np.uint64(1)
    above[0, 0] = np.uint64(1)
    reached = 0
    for place in range(size):
        element = elements[place]
        if charges[element, listed[element] - 1] < 0:
            break
        _extend(
            below[place + 1],
            below[place],
            spare,
            charges[element],
            listed[element],
            1,
            0,
            counts[place],
            each[element],
            words,
        )
        reached = place + 1
    now = 0
    following = 1 << 20
    for split in range(size, -1, -1):
        rank = ranks[elements[split - 1]] if split else -1
        if rank < following and split <= reached:
            for word in range(words):
                if below[split, word] & above[now, word]:
                    return 1
        if split:
            element = elements[split - 1]
            if charges[element, 0] > 0:
                return 0
            _extend(
                above[1 - now],
                above[now],
                spare,
                charges[element],
                listed[element],
                -1,
                0,
                counts[split - 1],
                each[element],
                words,
            )
            now = 1 - now
        following = rank
    return 0


@_compiled
def judge(
    starts: np.ndarray,
    numbers: np.ndarray,
    amounts: np.ndarray,
    charges: np.ndarray,
    listed: np.ndarray,
    ranks: np.ndarray,
    valences: np.ndarray,
    most_combinations: float,
    asked: int,
) -> np.ndarray:
    """Judge compositions by the rules that are asked for.

    Args:
        starts: of `Compositions`, (n + 1,).
        numbers: of `Compositions`.
        amounts: of `Compositions`.
        charges: oxidation states by atomic number, ascending, (119, most states).
        listed: how many states each element has, (119,).
        ranks: place in the order of electronegativities, equal ones alike, by atomic number; -1 for none, (119,).
        valences: which elements SMACT splits into atoms of their own states, (119,).
        most_combinations: of states, above which SMACT does not split.
        asked: `NEUTRAL_MIXED` and `VALENCE_NEUTRAL` (with `VALENCE_BALANCED`), added, or 0.

    Returns:
        Which rules are kept, as a sum of flags, (n,), uint8; `TOO_LARGE` says that nothing is said here.
    """
    rows = len(starts) - 1
    verdicts = np.zeros(rows, np.uint8)
    elements = np.empty(MOST_ELEMENTS, np.int64)
    counts = np.empty(MOST_ELEMENTS, np.int64)
    sets = np.empty((2, WORDS), np.uint64)
    below = np.empty((MOST_ELEMENTS + 1, WORDS), np.uint64)
    spare = np.empty(WORDS, np.uint64)
    none = np.zeros(len(listed), np.bool_)
    for row in range(rows):
        size = starts[row + 1] - starts[row]
        if size == 1:
            verdicts[row] = NEUTRAL | BALANCED | NEUTRAL_MIXED | VALENCE_NEUTRAL | VALENCE_BALANCED
            continue
        if size > MOST_ELEMENTS:
            verdicts[row] = TOO_LARGE
            continue
        divisor, complete, ranked = 0, True, True
        for place in range(size):
            element, count = int(numbers[starts[row] + place]), int(amounts[starts[row] + place])
            complete &= listed[element] > 0
            ranked &= ranks[element] >= 0
            a, b = count, divisor
            while b:
                a, b = b, a % b
            divisor = a
            hole = place
            while hole > 0 and ranks[elements[hole - 1]] > ranks[element]:
                elements[hole] = elements[hole - 1]
                counts[hole] = counts[hole - 1]
                hole -= 1
            elements[hole] = element
            counts[hole] = count
        if not complete:
            continue
        for place in range(size):
            counts[place] //= divisor
        flags, large = 0, False
        balanced = 0
        if ranked:
            balanced = _balanced(below, sets, spare, elements, counts, size, charges, listed, ranks, none)
        neutral = balanced
        if balanced == 0:
            neutral = _neutral(sets, spare, elements, counts, size, charges, listed, none)
        large |= balanced < 0 or neutral < 0
        flags |= BALANCED * (balanced == 1) | NEUTRAL * (neutral == 1)
        if asked & NEUTRAL_MIXED:
            mixed = neutral
            if neutral == 0:
                mixed = _neutral_mixed(sets, spare, elements, counts, size, charges, listed, none)
            large |= mixed < 0
            flags |= NEUTRAL_MIXED * (mixed == 1)
        if asked & VALENCE_NEUTRAL:
            flags |= VALENCE_BALANCED * (balanced == 1) | VALENCE_NEUTRAL * (neutral == 1)
            combinations = 1.0
            splits = False
            for place in range(size):
                splits |= valences[elements[place]]
                for _ in range(counts[place] if valences[elements[place]] else 1):
                    combinations *= listed[elements[place]]
                    if combinations > most_combinations:
                        break
                if combinations > most_combinations:
                    break
            if splits and combinations <= most_combinations and balanced != 1:
                split_balanced = 0
                if ranked:
                    split_balanced = _balanced(
                        below, sets, spare, elements, counts, size, charges, listed, ranks, valences
                    )
                split_neutral = max(neutral, split_balanced)
                if split_neutral == 0:
                    split_neutral = _neutral(sets, spare, elements, counts, size, charges, listed, valences)
                large |= split_balanced < 0 or split_neutral < 0
                flags |= VALENCE_BALANCED * (split_balanced == 1) | VALENCE_NEUTRAL * (split_neutral == 1)
        verdicts[row] = TOO_LARGE if large else flags
    return verdicts
