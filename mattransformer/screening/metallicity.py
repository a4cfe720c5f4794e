"""Alloys and metallicity, as SMACT exempts them from its rules.

An alloy is a composition of nothing but metals. The metallicity is SMACT's score from 0 to 1: a weighted sum of the
share of metal atoms, the number of metals, the share of d-block atoms, the mean difference of electronegativities
and how near the valence electrons an atom are to 8 (`smact.metallicity.metallicity_score`).
"""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, SYMBOLS
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.oxidation import electronegativities

METALLIC_FROM: Final = 0.7
"""The metallicity from which SMACT accepts a composition without a look at its charges, if it is asked to."""

# Shares of the score, in the order in which SMACT adds them.
_METALS, _D_BLOCK, _DISTINCT, _VALENCE, _PAULING = 0.3, 0.2, 0.2, 0.15, 0.15
_UNKNOWN = 0.5  # a term whose data are missing


class _Properties(NamedTuple):
    """What the score needs of elements, by atomic number, (119,)."""

    metal: NDArray[np.bool_]
    d_block: NDArray[np.bool_]
    valence: NDArray[np.float64]  # electrons; NaN where SMACT has none
    electronegativity: NDArray[np.float64]  # Pauling; NaN where SMACT has none


def alloy(compositions: Compositions) -> NDArray[np.bool_]:
    """Tell which compositions hold metals alone, by SMACT's list of metals.

    Args:
        compositions: n of them.

    Returns:
        (n,)
    """
    others = ~_properties().metal[compositions.numbers]
    return compositions.totals(others) == 0


def metallicity(compositions: Compositions) -> NDArray[np.float64]:
    """Score compositions from 0, not metallic, to 1.

    Args:
        compositions: n of them; any multiple of one has the same score.

    Returns:
        (n,)
    """
    properties = _properties()
    numbers, amounts = compositions.numbers, compositions.amounts.astype(np.float64)
    atoms = compositions.totals(amounts)
    with np.errstate(invalid="ignore", divide="ignore"):
        metals = compositions.totals(amounts * properties.metal[numbers]) / atoms
        d_block = compositions.totals(amounts * properties.d_block[numbers]) / atoms
        distinct = compositions.totals(properties.metal[numbers])
        electrons = compositions.totals(amounts * properties.valence[numbers]) / atoms
    valence = np.where(np.isnan(electrons), _UNKNOWN, 1.0 - np.abs(electrons - 8.0) / 8.0)
    difference = _mean_difference(compositions, properties.electronegativity[numbers])
    pauling = np.where(np.isnan(difference), _UNKNOWN, 1.0 - np.minimum(difference / 3.0, 1.0))
    score = (
        _METALS * metals
        + _D_BLOCK * d_block
        + _DISTINCT * np.minimum(distinct / 3.0, 1.0)
        + _VALENCE * valence
        + _PAULING * pauling
    )
    return np.clip(score, 0.0, 1.0)


def _mean_difference(compositions: Compositions, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average the differences of all pairs of elements; 0 for a single one, NaN where a value is missing."""
    sizes, starts = compositions.sizes, compositions.starts[:-1]
    means = np.zeros(len(compositions))
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        own = values[starts[rows][:, None] + np.arange(size)]
        pairs = [np.abs(own[:, i] - own[:, j]) for i in range(size) for j in range(i + 1, size)]
        if pairs:
            means[rows] = np.mean(np.stack(pairs, axis=1), axis=1)
        else:
            means[rows] = np.where(np.isnan(own[:, 0]), np.nan, 0.0)
    return means


@functools.cache
def _properties() -> _Properties:
    import smact

    size = len(SYMBOLS) + 1
    metal, d_block = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    metal[[ATOMIC_NUMBER[symbol] for symbol in smact.metals]] = True
    d_block[[ATOMIC_NUMBER[symbol] for symbol in smact.d_block]] = True
    valence, electronegativity = np.full(size, np.nan), np.full(size, np.nan)
    for symbol in smact.ordered_elements(1, 103):
        electrons = smact.Element(symbol).num_valence_modified
        if electrons is not None:
            valence[ATOMIC_NUMBER[symbol]] = electrons
    for symbol, value in electronegativities().items():
        if value > 0:
            electronegativity[ATOMIC_NUMBER[symbol]] = value
    return _Properties(metal, d_block, valence, electronegativity)
