"""Analogues: compositions that nobody has listed yet, one element away from known ones.

Two elements are alike as far as they stand in for each other in the known compositions: Sr and Ba, since SrTiO3 and
BaTiO3, SrO and BaO, … are both there. With a hole for one element (`?TiO3`), the elements known to fill it are a
small class, and the likeness of a and b is

    likeness(a -> b) = sum over holes that both fill of 1 / (other elements that fill it) / (holes that a fills + 5)

An analogue swaps one element of a known composition, all of its atoms, for one that this composition does not have.
Its score is the sum of the likenesses of all swaps that lead to it: a composition with many known neighbours comes
first. The idea that substitution likelihoods can be counted from data is that of Hautier et al., Inorg. Chem. 50, 656
(2011); the counts here are of whole compositions, and of the rows given alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from mattransformer.data.splits import split_of
from mattransformer.data.variants import holding, variants_of
from mattransformer.elements import ORDER, RANK
from mattransformer.formula import Formula

if TYPE_CHECKING:
    import pandas as pd

# Holes that are added to those that an element fills, so that a rare element is not alike by one chance.
_DOUBT: Final = 5.0
_MOST_ATOMS: Final = 64  # of one element in a composition; those with more have no analogues
_HOLE: Final = len(ORDER)  # stands for an element in the keys


def analogue_table(known: Sequence[Formula], listed: Collection[str], most: int) -> pd.DataFrame:
    """Rank the analogues that a model may learn from.

    Left out are those that are listed anywhere, those that the hash rule puts in the valid or test split, so that
    these stay unseen, and those that are not even *pure*.

    Args:
        known: reduced formulas, each once.
        listed: formulas of all splits of all corpora.
        most: how many of the best to return.

    Returns:
        Columns `formula`, `variant` and `score`, best first.
    """
    import pandas as pd

    formulas, scores = analogues(known, 2 * most)
    names = [formula.reduced_formula for formula in formulas]
    table = pd.DataFrame({"formula": names, "variant": variants_of(formulas), "score": scores})
    unseen = np.array([split_of(name) == "train" and name not in listed for name in names], dtype=bool)
    return table[unseen & table["variant"].isin(holding("pure"))].head(most).reset_index(drop=True)


def analogues(known: Sequence[Formula], most: int) -> tuple[list[Formula], np.ndarray]:
    """Rank the compositions that are one swapped element away from known ones.

    Args:
        known: reduced formulas, each once.
        most: how many of the best to return.

    Returns:
        Up to `most` reduced formulas that are not known, best first, and their scores, (formulas,).
    """
    known = [formula for formula in known if max(count for _, count in formula.counts) < _MOST_ATOMS]
    if not known or most < 1:
        return [], np.zeros(0)
    sites = _Sites(known)
    likeness = sites.likeness()
    keys, scores, swaps = sites.swaps(likeness)
    unknown = ~np.isin(keys, sites.formula_keys)
    order = np.flatnonzero(unknown)
    # Ties go by key, so that the order of the rows decides nothing.
    order = order[np.lexsort((keys[order], -scores[order]))]
    formulas: list[Formula] = []
    kept: list[float] = []
    for at in order.tolist():
        if len(formulas) == most:
            break
        parent, removed, added = swaps[at].tolist()
        counts = dict(known[parent].counts)
        counts[ORDER[added]] = counts.pop(ORDER[removed])
        formula = Formula.parse(counts)
        if formula.reduced == formula:  # LiO of BeO is written Li2O2 and is another composition
            formulas.append(formula)
            kept.append(float(scores[at]))
    return formulas, np.array(kept)


class _Sites:
    """The elements of known compositions, one entry an element of a composition, and keys that name them.

    The key of a composition is the sum, modulo 2^64, of a fixed random number for each element and amount; removing
    an element and adding another is then two additions (Zobrist 1970). Two of ten million keys are the same with a
    probability below 10^-5.
    """

    def __init__(self, known: Sequence[Formula]) -> None:
        table = np.random.default_rng(0).integers(
            0, 2**64, (_HOLE + 1, _MOST_ATOMS), np.uint64, endpoint=False
        )
        self.table = table
        sizes = np.array([len(formula.counts) for formula in known])
        entries = [(RANK[symbol], count) for formula in known for symbol, count in formula.counts]
        self.element, self.amount = np.array(entries).T
        self.parent = np.repeat(np.arange(len(known)), sizes)
        starts = np.cumsum(sizes) - sizes
        self.formula_keys = np.add.reduceat(table[self.element, self.amount], starts)
        # Every element is looked up in its composition when a swap must not meet it there.
        self.present = np.zeros((len(known), _HOLE), dtype=bool)
        self.present[self.parent, self.element] = True
        self.hole = (
            self.formula_keys[self.parent] - table[self.element, self.amount] + table[_HOLE, self.amount]
        )

    def likeness(self) -> np.ndarray:
        """Count how well elements stand in for each other, (elements, elements), from the row's to the column's."""
        order = np.argsort(self.hole, kind="stable")
        hole, element = self.hole[order], self.element[order]
        _, first, fillers = np.unique(hole, return_index=True, return_counts=True)
        together = np.zeros((_HOLE, _HOLE))
        filled = np.bincount(element, minlength=_HOLE).astype(float)
        for size in np.unique(fillers):
            if size < 2:
                continue
            groups = element[first[fillers == size][:, None] + np.arange(size)]
            for shift in range(1, int(size)):
                pairs = (groups, np.roll(groups, shift, axis=1))
                np.add.at(together, pairs, 1.0 / (size - 1))
        return together / (filled[:, None] + _DOUBT)

    def swaps(self, likeness: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """List what swaps lead to: keys and scores, (compositions,), and one swap to each, (compositions, 3)."""
        keys, scores, swaps = [], [], []
        for element in range(_HOLE):
            alike = np.flatnonzero(likeness[element])
            at = np.flatnonzero(self.element == element)
            if not len(alike) or not len(at):
                continue
            site, added = (grid.ravel() for grid in np.meshgrid(at, alike, indexing="ij"))
            free = ~self.present[self.parent[site], added]
            site, added = site[free], added[free]
            amount = self.amount[site]
            keys.append(self.hole[site] - self.table[_HOLE, amount] + self.table[added, amount])
            scores.append(likeness[element, added])
            swap = [self.parent[site], np.full(len(site), element), added]
            swaps.append(np.stack(swap, axis=1).astype(np.int32))
        if not keys:
            return np.zeros(0, np.uint64), np.zeros(0), np.zeros((0, 3), int)
        distinct, first, inverse = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
        summed = np.bincount(inverse, np.concatenate(scores))
        # Rounded, so that scores which are the same in all but the order of their sums are the same.
        return distinct, summed.round(9), np.concatenate(swaps)[first]
