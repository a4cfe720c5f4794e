"""Radioactive and toxic elements.

Both are properties of elements here, not of compounds: a composition is marked if it contains one of them in
any amount. How poisonous a solid is depends on its solubility and the oxidation states in it, so `toxic` is a
reason to look closer and no verdict of a toxicologist.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import RADIOACTIVE, TOXIC
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.stoichiometry import contains_elements

__all__ = ["RADIOACTIVE", "TOXIC", "radioactive", "toxic"]


def radioactive(compositions: Compositions, elements: Collection[str] = RADIOACTIVE) -> NDArray[np.bool_]:
    """Tell which compositions contain a radioactive element.

    Args:
        compositions: n compositions.
        elements: symbols of the elements that count as radioactive.

    Returns:
        A Boolean array of shape (n,).

    Raises:
        ScreeningError: a symbol is not that of an element.
    """
    return contains_elements(compositions, elements)


def toxic(compositions: Compositions, elements: Collection[str] = TOXIC) -> NDArray[np.bool_]:
    """Tell which compositions contain a toxic element.

    Args:
        compositions: n compositions.
        elements: symbols of the elements that count as toxic.

    Returns:
        A Boolean array of shape (n,).

    Raises:
        ScreeningError: a symbol is not that of an element.
    """
    return contains_elements(compositions, elements)
