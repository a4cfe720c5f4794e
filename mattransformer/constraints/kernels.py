# ruff: noqa: C901
# mypy: disallow-untyped-decorators=False
"""The compiled part of the automaton: filling its tables, and asking them what may follow prefixes.

A prefix is a few entries: a counter, a phase, and the sums of charges that its whole elements can reach with them, as
the bits of 64-bit words. The entries are worked out anew for every prefix, so that nothing is kept between calls.

Compiled by numba on first use and kept in its cache; one thread.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from mattransformer.constraints.tables import Tables

LEVELS: Final = 10
"""Most elements of a prefix, and one more level for what follows."""

_compiled: Any = njit(cache=True, nogil=True)


@_compiled
def _add_shifted(target: np.ndarray, source: np.ndarray, shift: int) -> bool:
    """Add the sums of `source`, all moved by `shift`; tell whether one of them is within the words."""
    words = len(source)
    any_bit = np.uint64(0)
    if shift >= 0:
        skip, low = shift >> 6, np.uint64(shift & 63)
        high = np.uint64(64) - low
        for word in range(words - 1, skip - 1, -1):
            moved = source[word - skip] << low
            if low != np.uint64(0) and word > skip:
                moved |= source[word - skip - 1] >> high
            target[word] |= moved
            any_bit |= moved
    else:
        skip, low = (-shift) >> 6, np.uint64((-shift) & 63)
        high = np.uint64(64) - low
        for word in range(words - skip):
            moved = source[word + skip] >> low
            if low != np.uint64(0) and word + skip + 1 < words:
                moved |= source[word + skip + 1] << high
            target[word] |= moved
            any_bit |= moved
    return any_bit != np.uint64(0)


@_compiled
def fill(tables: Tables) -> None:
    """Fill `reach` and `use`, from the last element to the first."""
    elements, counters = len(tables.numbers), len(tables.final)
    most = tables.amounts.shape[1] - 1
    for counter in range(counters):
        if tables.final[counter]:
            for phase in range(tables.phases[elements], tables.phases[elements + 1]):
                tables.reach[counter, phase, tables.zero >> 6] |= np.uint64(1) << np.uint64(tables.zero & 63)
    for place in range(elements - 1, -1, -1):
        kind = tables.kinds[place]
        for counter in range(counters):
            for phase in range(tables.phases[place], tables.phases[place + 1]):
                use = tables.use[counter, phase]
                for amount in range(1, most + 1):
                    if not tables.amounts[place, amount]:
                        continue
                    for at in range(
                        tables.first[kind, counter, amount], tables.first[kind, counter, amount + 1]
                    ):
                        following = tables.following[at]
                        for state in range(tables.listed[place]):
                            after = tables.after[phase, tables.signs[place, state]]
                            if after >= 0:
                                _add_shifted(
                                    use,
                                    tables.reach[following, after],
                                    -tables.charges[place, state] * amount,
                                )
                for word in range(len(use)):
                    reached = use[word]
                    if not tables.required[place]:
                        reached |= tables.reach[counter, tables.after[phase, 0], word]
                    tables.reach[counter, phase, word] = reached


@_compiled
def _step(
    tables: Tables,
    place: int,
    amount: int,
    size: int,
    pairs: np.ndarray,
    sums: np.ndarray,
    new_pairs: np.ndarray,
    new_sums: np.ndarray,
) -> int:
    """Write the entries after an element of which there are `amount` atoms; return how many."""
    found = 0
    if amount >= tables.amounts.shape[1] or not tables.amounts[place, amount]:
        return 0
    kind = tables.kinds[place]
    for entry in range(size):
        counter, phase = pairs[entry, 0], pairs[entry, 1]
        for at in range(tables.first[kind, counter, amount], tables.first[kind, counter, amount + 1]):
            following = tables.following[at]
            for state in range(tables.listed[place]):
                after = tables.after[phase, tables.signs[place, state]]
                if after < 0:
                    continue
                spot = 0
                while spot < found and (new_pairs[spot, 0] != following or new_pairs[spot, 1] != after):
                    spot += 1
                if spot == found:
                    new_sums[spot, :] = np.uint64(0)
                reached = _add_shifted(new_sums[spot], sums[entry], tables.charges[place, state] * amount)
                if spot == found and reached:
                    new_pairs[spot, 0], new_pairs[spot, 1] = following, after
                    found += 1
    return found


@_compiled
def _pass_over(tables: Tables, size: int, pairs: np.ndarray) -> None:
    """Move entries to the next place without its element."""
    for entry in range(size):
        pairs[entry, 1] = tables.after[pairs[entry, 1], 0]


@_compiled
def _meets(table: np.ndarray, size: int, pairs: np.ndarray, sums: np.ndarray) -> bool:
    """Tell whether some entry has a sum with which a table says that it can be completed."""
    for entry in range(size):
        row = table[pairs[entry, 0], pairs[entry, 1]]
        for word in range(len(row)):
            if row[word] & sums[entry, word]:
                return True
    return False


@_compiled
def _may_end(tables: Tables, size: int, pairs: np.ndarray, sums: np.ndarray) -> bool:
    """Tell whether some entry can be the end; whether required elements are missing is not asked."""
    for entry in range(size):
        if tables.final[pairs[entry, 0]] and (
            sums[entry, tables.zero >> 6] >> np.uint64(tables.zero & 63)
        ) & np.uint64(1):
            return True
    return False


@_compiled
def _excluded(numbers: np.ndarray, amounts: np.ndarray, size: int, exclude: np.ndarray) -> bool:
    """Tell whether a composition is listed; its fingerprint is that of `Compositions.fingerprints`."""
    divisor = 0
    for at in range(size):
        a, b = amounts[at], divisor
        while b:
            a, b = b, a % b
        divisor = a
    fingerprint = np.uint64(0)
    for at in range(size):
        value = (np.uint64(numbers[at]) << np.uint64(32)) | np.uint64(amounts[at] // divisor)
        value = value + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        fingerprint += value ^ (value >> np.uint64(31))
    low, high = 0, len(exclude)
    while low < high:
        middle = (low + high) >> 1
        if exclude[middle] < fingerprint:
            low = middle + 1
        else:
            high = middle
    return low < len(exclude) and exclude[low] == fingerprint


@_compiled
def _unlisted(
    tables: Tables,
    exclude: np.ndarray,
    last_required: int,
    depth: int,
    place: int,
    least: int,
    sizes: np.ndarray,
    pairs: np.ndarray,
    sums: np.ndarray,
    numbers: np.ndarray,
    amounts: np.ndarray,
) -> bool:
    """Tell whether some completion with at least so many atoms of the element of `place` is not excluded.

    The entries before that element stand at `depth`, moved to its place; deeper levels are overwritten. Every whole
    element that the tables admit leads to an end, so the search sees at most one end more than are excluded.
    """
    most = tables.amounts.shape[1] - 1
    elements = len(tables.numbers)
    places = np.empty(LEVELS, np.int64)
    level = depth
    places[level] = place
    amounts[level] = least - 1
    while level >= depth:
        amounts[level] += 1
        if amounts[level] > most:
            # All numbers of atoms of this element are done: the next element in its place.
            at = places[level]
            ahead = level > depth
            while ahead:
                if tables.required[at]:
                    ahead = False
                    break
                _pass_over(tables, sizes[level], pairs[level])
                at += 1
                if at == elements:
                    ahead = False
                elif _meets(tables.use, sizes[level], pairs[level], sums[level]):
                    break
            if ahead:
                places[level], amounts[level] = at, 0
            else:
                level -= 1
            continue
        numbers[level] = tables.numbers[places[level]]
        below = level + 1
        sizes[below] = _step(
            tables,
            places[level],
            amounts[level],
            sizes[level],
            pairs[level],
            sums[level],
            pairs[below],
            sums[below],
        )
        if not _meets(tables.reach, sizes[below], pairs[below], sums[below]):
            continue
        if (
            places[level] >= last_required
            and _may_end(tables, sizes[below], pairs[below], sums[below])
            and not _excluded(numbers, amounts, below, exclude)
        ):
            return True
        at = places[level] + 1
        while at < elements:
            if _meets(tables.use, sizes[below], pairs[below], sums[below]):
                break
            if tables.required[at]:
                at = elements
                break
            _pass_over(tables, sizes[below], pairs[below])
            at += 1
        if at < elements:
            level = below
            places[level], amounts[level] = at, 0
    return False


@_compiled
def allowed(tables: Tables, exclude: np.ndarray, prefixes: np.ndarray, mask: np.ndarray) -> None:
    """Write what may follow each prefix.

    Args:
        tables: of the rules.
        exclude: fingerprints, ascending; none excludes nothing.
        prefixes: atomic numbers, (N, depth).
        mask: written, (N, 119): column 0 is the end.
    """
    elements, widest = len(tables.numbers), tables.widest
    words = tables.reach.shape[2]
    most = tables.amounts.shape[1] - 1
    last_required = -1
    for place in range(elements):
        if tables.required[place]:
            last_required = place
    sizes = np.zeros(LEVELS + 1, np.int64)
    pairs = np.zeros((LEVELS + 1, widest, 2), np.int64)
    sums = np.zeros((LEVELS + 1, widest, words), np.uint64)
    numbers = np.zeros(LEVELS, np.int64)
    amounts = np.zeros(LEVELS, np.int64)
    listed = len(exclude) > 0
    for row in range(len(prefixes)):
        mask[row, :] = False
        # Level k holds the entries after k whole elements, moved to the place of the next one.
        level, place = 0, 0
        sizes[0] = 1
        pairs[0, 0, 0] = pairs[0, 0, 1] = 0
        sums[0, 0, :] = np.uint64(0)
        sums[0, 0, tables.zero >> 6] = np.uint64(1) << np.uint64(tables.zero & 63)
        at, depth, possible = 0, prefixes.shape[1], True
        while at < depth and possible:
            number = prefixes[row, at]
            run = 1
            while at + run < depth and prefixes[row, at + run] == number:
                run += 1
            at += run
            rank = tables.ranks[number]
            if rank < place or level >= LEVELS - 1:
                possible = False
                break
            while place < rank:
                possible &= not tables.required[place]
                _pass_over(tables, sizes[level], pairs[level])
                place += 1
            numbers[level], amounts[level] = number, run
            level += 1
            if at < depth:
                sizes[level] = _step(
                    tables,
                    rank,
                    run,
                    sizes[level - 1],
                    pairs[level - 1],
                    sums[level - 1],
                    pairs[level],
                    sums[level],
                )
                possible &= sizes[level] > 0
                place += 1
        if not possible:
            continue
        if level > 0:
            # One more atom of the last element: some larger number of them leads to an end.
            before = level - 1
            run = amounts[before]
            for more in range(run + 1, most + 1):
                size = _step(
                    tables, place, more, sizes[before], pairs[before], sums[before], pairs[level], sums[level]
                )
                if size and _meets(tables.reach, size, pairs[level], sums[level]):
                    mask[row, numbers[before]] = not listed or _unlisted(
                        tables,
                        exclude,
                        last_required,
                        before,
                        place,
                        run + 1,
                        sizes,
                        pairs,
                        sums,
                        numbers,
                        amounts,
                    )
                    break
            amounts[before] = run
            sizes[level] = _step(
                tables, place, run, sizes[before], pairs[before], sums[before], pairs[level], sums[level]
            )
            mask[row, 0] = (
                place >= last_required
                and _may_end(tables, sizes[level], pairs[level], sums[level])
                and not (listed and _excluded(numbers, amounts, level, exclude))
            )
            place += 1
        size = sizes[level]
        while place < elements:
            if _meets(tables.use, size, pairs[level], sums[level]):
                mask[row, tables.numbers[place]] = not listed or _unlisted(
                    tables, exclude, last_required, level, place, 1, sizes, pairs, sums, numbers, amounts
                )
            if tables.required[place]:
                break
            _pass_over(tables, size, pairs[level])
            place += 1
