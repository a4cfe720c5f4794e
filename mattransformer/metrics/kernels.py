"""The compiled loops of the metrics: element-mover's distances and regression trees.

Compiled by numba on first use and kept in its cache; one thread.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

_ROUNDING: Final = 1e-9
"""By how much a mean place on the scale, which is rounded, may be wrong at most."""

_ROWS: Final = 256
"""Rows that go through a tree together."""

_compiled: Any = njit(cache=True, nogil=True)


@_compiled
def moved(
    places: np.ndarray,
    amounts: np.ndarray,
    at: int,
    end: int,
    other_places: np.ndarray,
    other_amounts: np.ndarray,
    other_at: int,
    other_end: int,
    atoms: int,
    other_atoms: int,
    enough: float,
) -> float:
    """Give the distance of two compositions, or any larger number than `enough` once it is passed.

    Between two places of the scale the difference of the cumulative fractions is carried. It is summed in whole
    numbers, as a fraction of the product of the atoms: equal distances are equal numbers, whichever list comes first.
    """
    whole = atoms * other_atoms
    most = enough * whole
    carried = 0
    total = 0
    last = 0
    while at < end or other_at < other_end:
        if other_at == other_end or (at < end and places[at] <= other_places[other_at]):
            place = places[at]
            step = amounts[at] * other_atoms
            at += 1
        else:
            place = other_places[other_at]
            step = -other_amounts[other_at] * atoms
            other_at += 1
        total += abs(carried) * (place - last)
        if total > most:
            break
        carried += step
        last = place
    return total / whole


@_compiled
def moved_by_row(
    starts: np.ndarray,
    places: np.ndarray,
    amounts: np.ndarray,
    atoms: np.ndarray,
    other_starts: np.ndarray,
    other_places: np.ndarray,
    other_amounts: np.ndarray,
    other_atoms: np.ndarray,
    found: np.ndarray,
) -> None:
    """Write the distance of each composition to the one of the same row to `found`, (n,)."""
    for row in range(len(found)):
        found[row] = moved(
            places,
            amounts,
            starts[row],
            starts[row + 1],
            other_places,
            other_amounts,
            other_starts[row],
            other_starts[row + 1],
            atoms[row],
            other_atoms[row],
            np.inf,
        )


@_compiled
def nearest(
    starts: np.ndarray,
    places: np.ndarray,
    amounts: np.ndarray,
    atoms: np.ndarray,
    means: np.ndarray,
    other_starts: np.ndarray,
    other_places: np.ndarray,
    other_amounts: np.ndarray,
    other_atoms: np.ndarray,
    other_means: np.ndarray,
    found: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Write the least distance of each composition to `found` and the first row that has it to `rows`, (n,).

    The others are sorted by their mean place, at least one of them. Two compositions are at least as far apart as their
    mean places, so that the search goes outwards from the mean and ends where no closer one can come.
    """
    for row in range(len(found)):
        right = np.searchsorted(other_means, means[row])
        left = right - 1
        best = np.inf
        best_row = -1
        while left >= 0 or right < len(other_means):
            below = means[row] - other_means[left] if left >= 0 else np.inf
            above = other_means[right] - means[row] if right < len(other_means) else np.inf
            if min(below, above) > best + _ROUNDING:
                break
            if below < above:
                other = left
                left -= 1
            else:
                other = right
                right += 1
            distance = moved(
                places,
                amounts,
                starts[row],
                starts[row + 1],
                other_places,
                other_amounts,
                other_starts[other],
                other_starts[other + 1],
                atoms[row],
                other_atoms[other],
                best,
            )
            if distance < best or (distance == best and other < best_row):
                best = distance
                best_row = other
        found[row] = best
        rows[row] = best_row


@_compiled
def describe(
    starts: np.ndarray,
    numbers: np.ndarray,
    amounts: np.ndarray,
    properties: np.ndarray,
    electronegativity: int,
    columns: np.ndarray,
    described: np.ndarray,
) -> None:
    """Write the features of compositions to `described`, (n, f), zero before; see `energy_features.features`.

    The entries of a composition come by atomic number, so that sums do not depend on how it was written. `properties`
    is (119, p) and `columns`, (119,), the place of an element's fraction.
    """
    width = properties.shape[1]
    for row in range(len(starts) - 1):
        start, end = starts[row], starts[row + 1]
        atoms = amounts[start:end].sum()
        for name in range(width):
            total = 0.0
            lowest = np.inf
            highest = -np.inf
            for entry in range(start, end):
                value = properties[numbers[entry], name]
                total += value * amounts[entry]
                lowest = min(lowest, value)
                highest = max(highest, value)
            mean = total / atoms
            spread = 0.0
            for entry in range(start, end):
                spread += abs(properties[numbers[entry], name] - mean) * amounts[entry]
            described[row, name] = mean
            described[row, width + name] = spread / atoms
            described[row, 2 * width + name] = lowest
            described[row, 3 * width + name] = highest
        at = 4 * width
        described[row, at] = end - start
        squares = 0.0
        ionic = 0.0
        for entry in range(start, end):
            fraction = amounts[entry] / atoms
            described[row, columns[numbers[entry]]] = fraction
            squares += fraction * fraction
            for other in range(start, entry):
                step = (
                    properties[numbers[entry], electronegativity]
                    - properties[numbers[other], electronegativity]
                )
                ionic += step * step * fraction * amounts[other] / atoms
        described[row, at + 1] = squares
        described[row, at + 2] = ionic


@_compiled
def encode(described: np.ndarray, edges: np.ndarray, edge_starts: np.ndarray, codes: np.ndarray) -> None:
    """Write how many edges of its feature each number is above to `codes`, (n, f)."""
    for row in range(len(described)):
        for name in range(described.shape[1]):
            low, high = edge_starts[name], edge_starts[name + 1]
            value = described[row, name]
            while low < high:
                middle = (low + high) // 2
                if edges[middle] < value:
                    low = middle + 1
                else:
                    high = middle
            codes[row, name] = low - edge_starts[name]


@_compiled
def add_leaves(
    codes: np.ndarray,
    starts: np.ndarray,
    features: np.ndarray,
    splits: np.ndarray,
    rights: np.ndarray,
    values: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Add the value of the leaf of every tree to `sums`, (n,), tree after tree.

    Some rows go through a tree together, which then stays in the processor's cache. The left child of a node is the
    next one, the right one `rights` further; a leaf has 0 there. The step is a product and no choice, since which way a
    row goes cannot be predicted and a wrong guess costs more.
    """
    for first in range(0, len(codes), _ROWS):
        last = min(first + _ROWS, len(codes))
        for tree in range(len(starts) - 1):
            for row in range(first, last):
                node = starts[tree]
                right = np.int64(rights[node])
                while right != 0:
                    above = codes[row, features[node]] > splits[node]
                    node += 1 + (right - 1) * np.int64(above)
                    right = np.int64(rights[node])
                sums[row] += values[node]
