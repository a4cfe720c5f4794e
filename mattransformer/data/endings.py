"""Where a formula must not end: compositions that break the rule of the condition they stand under.

Under `<mp> <strict>`, `Fe Fe O O` must not end, since Fe2O2 is not reduced, and `Na Cl Cl` not, since NaCl2 is not
neutral: the rule of a condition can be asked at every atom and not only of whole formulas. A formula breaks the rule of
`<strict>` and `<pure>` where it is not of that variant, has one element or more than the corpora hold, is not reduced,
or has its atoms out of canonical order; `<mix>` has no rule.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.data.admission import MAX_ELEMENTS
from mattransformer.elements import RANK, SYMBOLS
from mattransformer.formula import PEROXIDE_FORMERS
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.judgement import judge
from mattransformer.tokenization import CONDITIONS, FIRST_ELEMENT_ID, PROMPT_LENGTH, TOKEN_ID

_ORDER: Final = np.array([RANK[symbol] for symbol in SYMBOLS])
_VARIANT: Final = [condition.name for condition in CONDITIONS].index("variant")
_STRICT, _PURE = TOKEN_ID["<strict>"], TOKEN_ID["<pure>"]
_OXYGEN: Final = SYMBOLS.index("O")
_PEROXIDES: Final = [SYMBOLS.index(symbol) for symbol in sorted(PEROXIDE_FORMERS)]
_FIRST, _LAST = -1, len(SYMBOLS)  # before and after every rank


def broken_endings(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say after which atoms a formula would break the rule of its condition if it ended there.

    Args:
        ids: condition tokens and n atoms, (B, PROMPT_LENGTH + n); a token that is no atom is none from there on.

    Returns:
        (B, n); False everywhere under conditions without a rule.
    """
    atoms = ids[:, PROMPT_LENGTH:] - FIRST_ELEMENT_ID
    foreign = np.cumsum(atoms < 0, axis=1) > 0
    atoms = np.where(foreign, 0, atoms)
    ranks = _ORDER[atoms]
    ordered = ranks >= np.maximum.accumulate(ranks, axis=1)
    possible = (np.cumsum(~ordered, axis=1) == 0) & ~foreign
    counts = (atoms[:, :, None] == np.arange(len(SYMBOLS))).cumsum(axis=1, dtype=np.int32)
    variants = np.repeat(ids[:, _VARIANT], atoms.shape[1])
    broken = _broken(counts.reshape(-1, len(SYMBOLS)), variants, possible.ravel())
    return broken.reshape(atoms.shape)


def broken_choices(ids: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which elements, put in the place of one atom, give a formula that breaks the rule of its condition.

    Args:
        ids: condition tokens and n atoms, (B, PROMPT_LENGTH + n).
        at: which of the n atoms is open, (B,); what stands there does not matter.

    Returns:
        (B, elements), by atomic number; False everywhere under conditions without a rule.
    """
    rows = np.arange(len(ids))
    atoms = ids[:, PROMPT_LENGTH:] - FIRST_ELEMENT_ID
    ranks = np.pad(_ORDER[atoms], ((0, 0), (1, 1)), constant_values=((0, 0), (_FIRST, _LAST)))
    ranks[rows, at + 1] = ranks[rows, at]
    ordered = np.diff(ranks, axis=1).min(axis=1) >= 0
    before, after = ranks[rows, at][:, None], ranks[rows, at + 2][:, None]
    fitting = (before <= _ORDER) & (after >= _ORDER) & ordered[:, None]
    counts = (atoms[:, :, None] == np.arange(len(SYMBOLS))).sum(axis=1, dtype=np.int32)
    counts[rows, atoms[rows, at]] -= 1
    filled = counts[:, None] + np.eye(len(SYMBOLS), dtype=np.int32)  # (B, elements, elements)
    variants = np.repeat(ids[:, _VARIANT], len(SYMBOLS))
    broken = _broken(filled.reshape(-1, len(SYMBOLS)), variants, fitting.ravel())
    return broken.reshape(len(ids), len(SYMBOLS))


def _broken(
    counts: NDArray[np.int32], variants: NDArray[np.int64], possible: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Say which compositions break the rule of their variant.

    Args:
        counts: atoms by atomic number, (N, elements).
        variants: the condition token of each, (N,).
        possible: which are in canonical order at all, (N,).

    Returns:
        (N,).
    """
    ruled = (variants == _STRICT) | (variants == _PURE)
    sizes = (counts > 0).sum(axis=1)
    asked = np.flatnonzero(ruled & possible & (sizes >= 2) & (sizes <= MAX_ELEMENTS))
    kept = np.zeros(len(counts), dtype=np.bool_)
    if len(asked):
        compositions = _compositions(counts[asked])
        divisors = np.gcd.reduceat(compositions.amounts, compositions.starts[:-1])
        reduced = divisors == np.where(_doubled(counts[asked]), 2, 1)
        kept[asked] = reduced & judge(compositions, "smact14", mixed=False).electronegativity_balanced
        strict = np.flatnonzero(kept[asked] & (variants[asked] == _STRICT))
        narrower = judge(compositions.take(strict), "icsd24", mixed=False).electronegativity_balanced
        kept[asked[strict]] = narrower
    return ruled & ~kept


def _doubled(counts: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Say which compositions are peroxides, whose reduced formulas are Na2O2 and the like, (N,)."""
    oxygens = counts[:, _OXYGEN]
    others = counts[:, _PEROXIDES]
    alike = (counts > 0).sum(axis=1) == 2
    return alike & ((others == oxygens[:, None]) & (others > 0)).any(axis=1)


def _compositions(counts: NDArray[np.int32]) -> Compositions:
    rows, elements = np.nonzero(counts)
    starts = np.searchsorted(rows, np.arange(len(counts) + 1))
    return Compositions(starts, (elements + 1).astype(np.uint8), counts[rows, elements])
