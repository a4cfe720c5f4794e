"""The 118 elements, groups of them, their Pauling electronegativities, and the order that follows from them.

The canonical order of elements in this package is pymatgen's: Pauling electronegativity ascending (cations
first, as chemists write), elements without a value last, ties by symbol. ``SrTiO3`` is Sr, Ti, O.

Symbols: IUPAC periodic table of the elements. Electronegativities: Pauling scale, dimensionless, the values
that pymatgen tabulates (``Element.X``); a test compares the two.
"""

from __future__ import annotations

from typing import Final

# fmt: off
SYMBOLS: Final[tuple[str, ...]] = (
    "H", "He",
    "Li", "Be", "B", "C", "N", "O", "F", "Ne",
    "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar",
    "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se",
    "Br", "Kr",
    "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te",
    "I", "Xe",
    "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb",
    "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn",
    "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No",
    "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
)
"""Symbols by atomic number, hydrogen first; one period begins a line."""

PAULING: Final[dict[str, float]] = {
    "H": 2.2,
    "Li": 0.98, "Be": 1.57, "B": 2.04, "C": 2.55, "N": 3.04, "O": 3.44, "F": 3.98,
    "Na": 0.93, "Mg": 1.31, "Al": 1.61, "Si": 1.9, "P": 2.19, "S": 2.58, "Cl": 3.16,
    "K": 0.82, "Ca": 1.0, "Sc": 1.36, "Ti": 1.54, "V": 1.63, "Cr": 1.66, "Mn": 1.55, "Fe": 1.83,
    "Co": 1.88, "Ni": 1.91, "Cu": 1.9, "Zn": 1.65, "Ga": 1.81, "Ge": 2.01, "As": 2.18, "Se": 2.55,
    "Br": 2.96, "Kr": 3.0,
    "Rb": 0.82, "Sr": 0.95, "Y": 1.22, "Zr": 1.33, "Nb": 1.6, "Mo": 2.16, "Tc": 1.9, "Ru": 2.2,
    "Rh": 2.28, "Pd": 2.2, "Ag": 1.93, "Cd": 1.69, "In": 1.78, "Sn": 1.96, "Sb": 2.05, "Te": 2.1,
    "I": 2.66, "Xe": 2.6,
    "Cs": 0.79, "Ba": 0.89, "La": 1.1, "Ce": 1.12, "Pr": 1.13, "Nd": 1.14, "Pm": 1.13, "Sm": 1.17,
    "Eu": 1.2, "Gd": 1.2, "Tb": 1.1, "Dy": 1.22, "Ho": 1.23, "Er": 1.24, "Tm": 1.25, "Yb": 1.1,
    "Lu": 1.27, "Hf": 1.3, "Ta": 1.5, "W": 2.36, "Re": 1.9, "Os": 2.2, "Ir": 2.2, "Pt": 2.28,
    "Au": 2.54, "Hg": 2.0, "Tl": 1.62, "Pb": 2.33, "Bi": 2.02, "Po": 2.0, "At": 2.2, "Rn": 2.2,
    "Fr": 0.7, "Ra": 0.9, "Ac": 1.1, "Th": 1.3, "Pa": 1.5, "U": 1.38, "Np": 1.36, "Pu": 1.28,
    "Am": 1.3, "Cm": 1.3, "Bk": 1.3, "Cf": 1.3, "Es": 1.3, "Fm": 1.3, "Md": 1.3, "No": 1.3,
    "Lr": 1.3,
}
"""Pauling electronegativity; He, Ne, Ar and the elements past Lr have none and are absent."""
NAMES: Final[tuple[str, ...]] = (
    "hydrogen", "helium", "lithium", "beryllium", "boron", "carbon", "nitrogen", "oxygen", "fluorine", "neon",
    "sodium", "magnesium", "aluminium", "silicon", "phosphorus", "sulfur", "chlorine", "argon", "potassium",
    "calcium", "scandium", "titanium", "vanadium", "chromium", "manganese", "iron", "cobalt", "nickel",
    "copper", "zinc", "gallium", "germanium", "arsenic", "selenium", "bromine", "krypton", "rubidium",
    "strontium", "yttrium", "zirconium", "niobium", "molybdenum", "technetium", "ruthenium", "rhodium",
    "palladium", "silver", "cadmium", "indium", "tin", "antimony", "tellurium", "iodine", "xenon", "caesium",
    "barium", "lanthanum", "cerium", "praseodymium", "neodymium", "promethium", "samarium", "europium",
    "gadolinium", "terbium", "dysprosium", "holmium", "erbium", "thulium", "ytterbium", "lutetium", "hafnium",
    "tantalum", "tungsten", "rhenium", "osmium", "iridium", "platinum", "gold", "mercury", "thallium", "lead",
    "bismuth", "polonium", "astatine", "radon", "francium", "radium", "actinium", "thorium", "protactinium",
    "uranium", "neptunium", "plutonium", "americium", "curium", "berkelium", "californium", "einsteinium",
    "fermium", "mendelevium", "nobelium", "lawrencium", "rutherfordium", "dubnium", "seaborgium", "bohrium",
    "hassium", "meitnerium", "darmstadtium", "roentgenium", "copernicium", "nihonium", "flerovium",
    "moscovium", "livermorium", "tennessine", "oganesson",
)
"""IUPAC's English names by atomic number, hydrogen first."""
# fmt: on

ATOMIC_NUMBER: Final[dict[str, int]] = {symbol: z for z, symbol in enumerate(SYMBOLS, start=1)}
"""Symbol to atomic number."""

ORDER: Final[tuple[str, ...]] = tuple(
    sorted(SYMBOLS, key=lambda symbol: (PAULING.get(symbol, float("inf")), symbol))
)
"""Symbols in the canonical order."""

RANK: Final[dict[str, int]] = {symbol: rank for rank, symbol in enumerate(ORDER)}
"""Symbol to its position in `ORDER`."""

NOBLE_GASES: Final[frozenset[str]] = frozenset({"He", "Ne", "Ar", "Kr", "Xe", "Rn", "Og"})
"""Group 18 of the periodic table, Og with it, of whose chemistry nothing is known."""

LANTHANIDES: Final[frozenset[str]] = frozenset(SYMBOLS[SYMBOLS.index("La") : SYMBOLS.index("Lu") + 1])
"""La to Lu, 15 elements: IUPAC's lanthanoids. The rare earths are these with Sc and Y: `LANTHANIDES | {"Sc", "Y"}`."""

ACTINIDES: Final[frozenset[str]] = frozenset(SYMBOLS[SYMBOLS.index("Ac") : SYMBOLS.index("Lr") + 1])
"""Ac to Lr, 15 elements: IUPAC's actinoids. All of them are in `RADIOACTIVE` too."""

RADIOACTIVE: Final[frozenset[str]] = frozenset({"Tc", "Pm", *SYMBOLS[SYMBOLS.index("Po") :]})
"""Elements without a stable isotope: Tc, Pm, and all from Po on, Th and U among them.

Source: IUPAC's table of standard atomic weights, which gives such elements none, or, where a natural isotopic
composition exists (Th, Pa, U), marks them as radioactive. IUPAC counts Bi among them; with a half-life of
2e19 years (de Marcillac et al., Nature 422, 876 (2003)) it is stable for every practical purpose, and is left
out. So are elements with a weakly active natural isotope beside stable ones, such as K, Rb and Lu.
"""

TOXIC: Final[frozenset[str]] = frozenset({"As", "Be", "Cd", "Hg", "Pb", "Tl"})
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

_SERIES: Final = {9: LANTHANIDES, 10: ACTINIDES}
"""Rows below the periodic table to the elements that stand there."""


def place(symbol: str) -> tuple[int, int]:
    """Give the place of an element in the periodic table of 18 columns.

    Args:
        symbol: of `SYMBOLS`.

    Returns:
        Row and column, from 1: its period and its group. La to Lu and Ac to Lr stand in rows 9 and 10, from column 3.
    """
    number = ATOMIC_NUMBER[symbol]
    for row, series in _SERIES.items():
        if symbol in series:
            return row, 3 + number - min(map(ATOMIC_NUMBER.__getitem__, series))
    ends = [0, *sorted(map(ATOMIC_NUMBER.__getitem__, NOBLE_GASES))]
    period = next(at for at, end in enumerate(ends) if number <= end)
    before, after = number - ends[period - 1], ends[period] - number
    # From the left as far as the second group, and from the right as far as the third.
    return period, before if before <= 2 and after > 0 else 18 - after
