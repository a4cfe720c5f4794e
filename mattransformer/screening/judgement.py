"""Verdicts over columns of compositions: small columns by `rules`, large ones by the compiled `kernels`.

Both give the same verdicts. Which compositions are too large for the kernels, with sums of charges above some
thousand, they say, and `rules` judges these.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, SYMBOLS
from mattransformer.screening import rules
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.oxidation import (
    Edition,
    edition,
    electronegativities,
    mixed_valence_elements,
    oxidation_states,
)

if TYPE_CHECKING:
    from mattransformer.formula import Formula

COMPILED_FROM: Final = 5_000
"""Rows from which the kernels pay for being loaded, or the first time ever for being compiled, for some seconds.

Once they are loaded, shorter columns use them too, since the verdicts are the same.
"""

_FEW: Final = 20  # rows that are as fast one by one
_ELEMENTS: Final = len(SYMBOLS) + 1


class Verdicts(NamedTuple):
    """Which rules compositions keep; every array Boolean, (n,).

    Attributes:
        charge_neutral: one oxidation state an element, the sum of charges zero.
        electronegativity_balanced: and every cation less electronegative than every anion.
        charge_neutral_mixed: some whole multiple is neutral if one element takes two positive states.
        valence_neutral: as `charge_neutral`, by SMACT with mixed valence.
        valence_balanced: as `electronegativity_balanced`, by SMACT with mixed valence.
    """

    charge_neutral: NDArray[np.bool_]
    electronegativity_balanced: NDArray[np.bool_]
    charge_neutral_mixed: NDArray[np.bool_]
    valence_neutral: NDArray[np.bool_]
    valence_balanced: NDArray[np.bool_]


def judge(
    compositions: Compositions, states: str = "smact14", *, mixed: bool = True, valences: bool = False
) -> Verdicts:
    """Judge compositions by every rule.

    Args:
        compositions: n of them; any multiple of one gives the same verdict.
        states: as `oxidation_states` takes it.
        mixed: whether to judge `charge_neutral_mixed`, which is False otherwise.
        valences: whether to judge `valence_neutral` and `valence_balanced`, which are False otherwise.

    Returns:
        The verdicts.

    Raises:
        ScreeningError: no set has this name.
    """
    asked = rules.NEUTRAL_MIXED * mixed | (rules.VALENCE_NEUTRAL | rules.VALENCE_BALANCED) * valences
    if not pays(len(compositions)):
        flags = np.zeros(len(compositions), dtype=np.uint8)
        left: Sequence[int] = range(len(compositions))
    else:
        flags, left = _compiled(compositions, states, asked)
    for at in left:
        flags[at] = rules.flags(compositions.counts(at), states, rules.NEUTRAL | rules.BALANCED | asked)
    if not mixed:
        flags &= ~np.uint8(rules.NEUTRAL_MIXED)
    if not valences:
        flags &= ~np.uint8(rules.VALENCE_NEUTRAL | rules.VALENCE_BALANCED)
    return Verdicts(
        *(
            (flags & flag).astype(np.bool_)
            for flag in (
                rules.NEUTRAL,
                rules.BALANCED,
                rules.NEUTRAL_MIXED,
                rules.VALENCE_NEUTRAL,
                rules.VALENCE_BALANCED,
            )
        )
    )


def pays(rows: int) -> bool:
    """Tell whether to use the compiled kernels for so many rows."""
    return rows >= (_FEW if "mattransformer.screening.kernels.charges" in sys.modules else COMPILED_FROM)


def verdicts(
    formulas: Sequence[Formula], states: str = "smact14"
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Judge formulas by SMACT's two rules.

    Args:
        formulas: n formulas; they need not be reduced.
        states: as `oxidation_states` takes it.

    Returns:
        Two Boolean arrays of shape (n,): charge-neutral, and electronegativity-balanced, which implies it.

    Raises:
        ScreeningError: no set has this name.
    """
    judged = judge(Compositions.of(formulas), states, mixed=False)
    return judged.charge_neutral, judged.electronegativity_balanced


def _compiled(compositions: Compositions, states: str, asked: int) -> tuple[NDArray[np.uint8], Sequence[int]]:
    from mattransformer.screening.kernels import charges

    flags = charges.judge(
        compositions.starts,
        compositions.numbers,
        compositions.amounts,
        *_tables(states, edition(states)),
        float(rules.MOST_COMBINATIONS),
        asked,
    )
    return flags, np.flatnonzero(flags & charges.TOO_LARGE).tolist()


@functools.cache
def _tables(
    states: str, _edition: Edition
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Lay out a set by atomic number: charges, how many, ranks of electronegativity, mixed valence."""
    listed = oxidation_states(states)
    charges = np.zeros((_ELEMENTS, max(map(len, listed.values()))), dtype=np.int64)
    sizes = np.zeros(_ELEMENTS, dtype=np.int64)
    for symbol, own in listed.items():
        charges[ATOMIC_NUMBER[symbol], : len(own)] = own
        sizes[ATOMIC_NUMBER[symbol]] = len(own)
    values = electronegativities()
    distinct = sorted(set(values.values()))
    ranks = np.full(_ELEMENTS, -1, dtype=np.int64)
    for symbol, value in values.items():
        ranks[ATOMIC_NUMBER[symbol]] = distinct.index(value)
    valences = np.zeros(_ELEMENTS, dtype=np.bool_)
    valences[[ATOMIC_NUMBER[symbol] for symbol in mixed_valence_elements()]] = True
    return charges, sizes, ranks, valences
