"""Radioactive and toxic elements.

Both are properties of elements here, not of compounds: a composition is marked if it contains one of them in
any amount. How poisonous a solid is depends on its solubility and the oxidation states in it, so `toxic` is a
reason to look closer and no verdict of a toxicologist.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import SYMBOLS
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.stoichiometry import contains_elements

__all__ = ["RADIOACTIVE", "TOXIC", "radioactive", "toxic"]

RADIOACTIVE: Final = frozenset({"Tc", "Pm", *SYMBOLS[SYMBOLS.index("Po") :]})
"""Elements without a stable isotope: Tc, Pm, and all from Po on, Th and U among them.

Source: IUPAC's table of standard atomic weights, which gives such elements none, or, where a natural isotopic
composition exists (Th, Pa, U), marks them as radioactive. IUPAC counts Bi among them; with a half-life of
2e19 years (de Marcillac et al., Nature 422, 876 (2003)) it is stable for every practical purpose, and is left
out. So are elements with a weakly active natural isotope beside stable ones, such as K, Rb and Lu.
"""

TOXIC: Final = frozenset({"As", "Be", "Cd", "Hg", "Pb", "Tl"})
"""Elements whose compounds as a class are restricted or classified as dangerous to health.

- As, Cd, Hg, Pb: among the World Health Organization's ten chemicals of major public health concern.
- Cd, Hg, Pb: restricted in electrical equipment by the European Union's RoHS directive 2011/65/EU, Annex II.
- As, Be, Cd: with their compounds carcinogenic to humans, Group 1 of the International Agency for Research on
  Cancer (Monographs, volume 100C, 2012).
- Tl: its compounds are classed as fatal if swallowed or inhaled, Regulation (EC) No 1272/2008 (CLP), Annex VI.

Elements that are dangerous in some states only are left out, since a composition does not tell the state: Cr
(RoHS restricts hexavalent chromium, Cr2O3 is a common pigment), Ni (compounds, Group 1), Os (OsO4), Se, Sb, Ba
(soluble salts). Where these count, ask with `TOXIC | {"Cr", "Ni"}`. Radioactive elements are in `RADIOACTIVE`.
"""


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
