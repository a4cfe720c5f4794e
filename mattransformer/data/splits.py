"""The split of a formula, from its text alone.

Train, valid and test hold 90, 5 and 5 % of all formulas. The choice is made by SHA-256 of pymatgen's reduced
formula, so that a formula is in the same split in every corpus and on every machine, and a model trained on
one corpus can be measured on another.
"""

from __future__ import annotations

import hashlib

SPLITS: tuple[str, ...] = ("train", "valid", "test")


def split_of(reduced_formula: str) -> str:
    """Name the split of a formula.

    Args:
        reduced_formula: pymatgen's reduced formula (`SrTiO3`); another spelling of the same composition may
            land in another split.

    Returns:
        `train`, `valid` or `test`.
    """
    percentile = int(hashlib.sha256(reduced_formula.encode()).hexdigest()[:8], 16) % 100
    if percentile < 90:
        return "train"
    return "valid" if percentile < 95 else "test"
