"""Which compositions are in none of some named lists.

>>> found = novelty(FormulaList.of(["NaCl", "Na5Cl"]), {"salts": FormulaList.of(["KCl", "NaCl"])})
>>> found.new["salts"].tolist()
[False, True]

A single element, such as `Fe` or `O2`, is not new, whatever the lists hold: corpora mostly leave the elements out. They
are counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.metrics.classes import KINDS, by_kind, kinds
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.intervals import share
from mattransformer.screening.screen import Known

_SINGLE: Final = KINDS.index("unary")


@dataclass(frozen=True, eq=False)
class Novelty:
    """Novelty of n distinct compositions.

    Attributes:
        new: name of each list to whether it lacks the composition, single elements aside, (n,).
        kinds: by number of elements (`classes.KINDS`), (n,).
    """

    new: Mapping[str, NDArray[np.bool_]]
    kinds: NDArray[np.int64]

    @property
    def everywhere(self) -> NDArray[np.bool_]:
        """Whether all lists lack the composition, (n,)."""
        return np.logical_and.reduce([np.ones(len(self.kinds), dtype=np.bool_), *self.new.values()])

    def within(self, mask: NDArray[np.bool_]) -> Novelty:
        """Keep some of the compositions, (n,)."""
        return Novelty({name: new[mask] for name, new in self.new.items()}, self.kinds[mask])

    def as_dict(self, seed: int = 0) -> dict[str, Any]:
        """Give shares of the distinct compositions, ready for JSON.

        Args:
            seed: of the bootstrap.

        Returns:
            `lists`, name to the share that it lacks; `all`, the share that all of them lack; `by_elements`, the same
            by number of elements; `single_elements`, how many compositions are one, which are known.
        """
        everywhere = self.everywhere
        return {
            "lists": {name: share(new, seed).as_dict() for name, new in self.new.items()},
            "all": share(everywhere, seed).as_dict(),
            "by_elements": {
                kind: share(everywhere[own], seed).as_dict() for kind, own in by_kind(self.kinds).items()
            },
            "single_elements": int(np.count_nonzero(self.kinds == _SINGLE)),
        }


def novelty(formulas: FormulaList, known: Mapping[str, Known]) -> Novelty:
    """Hold compositions against lists of known ones.

    Args:
        formulas: n distinct compositions.
        known: by name: `FormulaList`s, or indexes such as `KnownFormulas`.

    Returns:
        The masks.
    """
    compositions = formulas.compositions
    sorts = kinds(compositions)
    return Novelty(
        {name: ~own.lists(compositions) & (sorts != _SINGLE) for name, own in known.items()}, sorts
    )
