"""The variants of a corpus: *mix*, *pure* and *strict*.

*mix* is every row. *pure* is what SMACT finds charge-neutral and electronegativity-balanced with its 2014
oxidation states, one state an element, alloys not excused. *strict* is pure, and balanced with the narrower
ICSD 2024 states too. Each variant holds the next, so a formula is labelled with the strongest one it
satisfies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mattransformer.screening.compositions import Compositions
from mattransformer.screening.judgement import judge

if TYPE_CHECKING:
    from mattransformer.formula import Formula

# From the widest to the narrowest.
VARIANTS: tuple[str, ...] = ("mix", "pure", "strict")


def variants_of(formulas: Sequence[Formula]) -> list[str]:
    """Label each formula with the strongest variant that it satisfies.

    Args:
        formulas: reduced formulas; any number.

    Returns:
        One of `VARIANTS` a formula, in the same order.
    """
    return [VARIANTS[at] for at in strongest(Compositions.of(formulas)).tolist()]


def strongest(compositions: Compositions) -> NDArray[np.int8]:
    """Give the place in `VARIANTS` of the strongest variant that each composition satisfies.

    Args:
        compositions: n of them, reduced or not.

    Returns:
        Places, (n,).
    """
    places = np.zeros(len(compositions), dtype=np.int8)
    pure = np.flatnonzero(judge(compositions, "smact14", mixed=False).electronegativity_balanced)
    places[pure] = 1
    strict = judge(compositions.take(pure), "icsd24", mixed=False).electronegativity_balanced
    places[pure[strict]] = 2
    return places


def variant_of(formula: Formula) -> str:
    """Name the strongest variant that one formula satisfies.

    Args:
        formula: a reduced formula.

    Returns:
        `strict`, `pure` or `mix`.
    """
    return variants_of([formula])[0]


def holding(variant: str) -> tuple[str, ...]:
    """List the labels of the rows that a variant holds: `pure` holds `pure` and `strict` ones.

    Args:
        variant: one of `VARIANTS`.

    Returns:
        The labels, the variant itself first.
    """
    return VARIANTS[VARIANTS.index(variant) :]
