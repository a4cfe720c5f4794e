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

from mattransformer.screening.judgement import verdicts

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
    labels = np.full(len(formulas), "mix", dtype=object)
    _, balanced = verdicts(formulas, "smact14")
    pure = np.flatnonzero(balanced)
    labels[pure] = "pure"
    _, balanced = verdicts([formulas[at] for at in pure.tolist()], "icsd24")
    labels[pure[balanced]] = "strict"
    return labels.tolist()


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
