"""What nomenclature says for or against the oxidation states of a formula, as penalties of their log-likelihood.

The counts behind `assignments` say how often an element was reported in a state in any compound. These conventions
(IUPAC Red Book 2005, IR-4.3 and IR-5.4, and the practice of the ICSD for carbonyls, carbonates, ammonium salts, alkyl
groups and metal ammines) say in which compounds. Penalties are natural logarithms, set by hand in whole numbers and
kept where they raised the share of atoms right on labelled formulas, none of which was a test row; see
benchmarks/oxidation_states.py. Amounts are those of the reduced formula: element -> number of atoms.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from mattransformer.screening.oxidation import electronegativities

__all__ = ["mixing_penalty", "state_penalty"]

_IMPOSSIBLE: Final = 20.0  # more electrons given or taken than the outer shell has or lacks
_ZERO: Final = 8.0  # elements in compounds have a charge
_UNUSUAL: Final = 6.0  # against a convention
_MISPLACED: Final = 6.0  # the most electronegative element as a cation, the least electronegative as an anion
_METAL_ANION: Final = 4.0  # a transition metal as an anion
_UNCOMMON: Final = 3.0  # nitrogen beside hydrogen and oxygen that is no ammonium, nitrite or nitrate
_UNLIKELY: Final = (
    2.0  # oxidised nitrogen in an ammine, a hydride in an oxide, phosphorus below 5+ in a phosphate
)

_MIXED: Final = 6.0  # two states of one element; compared with 5, 7 and 8
_MIXED_ACROSS_ZERO: Final = 12.0  # a cation and an anion of one element; compared with 9 and 15
_NEIGHBOURS: Final = 3.0  # states of a transition metal that differ by one, as Fe2+ and Fe3+
_CHAINED: Final = 4.0  # S2- and S- (or selenium's), as in polysulfides
_AMMONIUM: Final = 6.0  # of ammonium beside other nitrogen
_NITROSYL: Final = 3.0  # of N3+ beside cyanide
_TWO_HYDROGENS: Final = 3.0  # of boron-bound H- beside protons
_ALKYL: Final = 0.0  # of carbon-bound H- beside protons of ammonium

_TRANSITION: Final = frozenset(
    {
        "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Hf", "Ta", "W",
        "Re", "Os", "Ir", "Pt", "Au",
    }
)  # fmt: skip
_ANY: Final = 9
_HALOGENS: Final = frozenset({"F", "Cl", "Br", "I"})


def state_penalty(symbol: str, state: int, amounts: Mapping[str, int]) -> float:
    """Give the penalty of one state of an element of a formula."""
    if state == 0:
        return 0.0 if symbol in _TRANSITION and _is_carbonyl(amounts) else _ZERO
    lowest, highest = _possible(symbol)
    penalty = _misplaced(symbol, state, amounts) + (0.0 if lowest <= state <= highest else _IMPOSSIBLE)
    if symbol == "C":
        return penalty + _of_carbon(state, amounts)
    if symbol == "N":
        return penalty + _of_nitrogen(state, amounts)
    if symbol == "H":
        hydride_in_an_oxide = state < 0 and "O" in amounts and "C" not in amounts
        return penalty + (_UNLIKELY if hydride_in_an_oxide else 0.0)
    if symbol == "P":
        lower_than_phosphate = -3 < state < 5 and "O" in amounts and "H" not in amounts
        return penalty + (_UNLIKELY if lower_than_phosphate else 0.0)
    return penalty + (_METAL_ANION if symbol in _TRANSITION and state < 0 else 0.0)


def mixing_penalty(symbol: str, lower: int, upper: int, amounts: Mapping[str, int]) -> float:
    """Give the penalty of two states of one element in one formula."""
    if lower * upper < 0:
        return _across_zero(symbol, lower, upper, amounts)
    if symbol in _TRANSITION and 0 < lower == upper - 1:
        return _NEIGHBOURS
    if symbol in {"S", "Se"} and (lower, upper) == (-2, -1):
        return _CHAINED
    return _MIXED


def _across_zero(symbol: str, lower: int, upper: int, amounts: Mapping[str, int]) -> float:
    carbon, nitrogen, hydrogen, oxygen = (amounts.get(other, 0) for other in ("C", "N", "H", "O"))
    if symbol == "N" and (lower, upper) == (-3, 3) and carbon < nitrogen <= 1.25 * carbon and oxygen:
        return _NITROSYL
    if symbol == "N" and lower == -3 and hydrogen and oxygen:
        return _AMMONIUM
    if symbol == "H" and _is_alkylammonium(amounts):
        return _ALKYL
    if symbol == "H" and "B" in amounts and (nitrogen or oxygen):
        return _TWO_HYDROGENS
    return _MIXED_ACROSS_ZERO


@functools.cache
def _possible(symbol: str) -> tuple[int, int]:
    """Give the lowest and the highest state that the electrons outside the noble-gas core allow (octet rule)."""
    from pymatgen.core.periodic_table import Element

    element = Element(symbol)
    group = int(element.group)
    if symbol == "H":
        return -1, 1
    if element.is_lanthanoid or element.is_actinoid or 9 <= group <= 12:
        return -_ANY, _ANY  # f electrons and full d shells set no such bound
    if group >= 13:
        return group - 18, group - 10
    return -_ANY, group


def _misplaced(symbol: str, state: int, amounts: Mapping[str, int]) -> float:
    """Give the penalty of a sign that electronegativity speaks against: electrons go to the more electronegative."""
    known = electronegativities()
    others = [known[other] for other in amounts if other != symbol and other in known]
    if symbol not in known or not others:
        return 0.0
    own = known[symbol]
    if state > 0:
        return _MISPLACED if own > max(others) else 0.0
    metal_beside_nonmetal = own < 2.1 and max(others) >= 2.2
    return (_UNUSUAL if metal_beside_nonmetal else 0.0) + (_MISPLACED if own < min(others) else 0.0)


def _of_carbon(state: int, amounts: Mapping[str, int]) -> float:
    """Without hydrogen, carbon binds oxygen as a cation, and as C2+ in carbonyls."""
    if "H" in amounts or "O" not in amounts:
        return 0.0
    return _UNUSUAL if state < 0 or (_is_carbonyl(amounts) and state != 2) else 0.0


def _of_nitrogen(state: int, amounts: Mapping[str, int]) -> float:
    """With enough hydrogen for it, nitrogen is ammonia or ammonium."""
    hydrogen = amounts.get("H", 0)
    ammine = state > 0 and hydrogen >= 3 * amounts["N"]
    uncommon = state not in {-3, 3, 5} and hydrogen and "O" in amounts
    return (_UNLIKELY if ammine else 0.0) + (_UNCOMMON if uncommon else 0.0)


def _is_carbonyl(amounts: Mapping[str, int]) -> bool:
    """Tell whether a formula reads as a carbonyl: about as much C as O, and more of it than of metal."""
    carbon, oxygen = amounts.get("C", 0), amounts.get("O", 0)
    metals = sum(count for symbol, count in amounts.items() if symbol in _TRANSITION)
    return metals > 0 and 2 * metals <= carbon and 0.8 * oxygen <= carbon <= 1.25 * oxygen


def _is_alkylammonium(amounts: Mapping[str, int]) -> bool:
    """Tell whether a formula reads as the salt of an alkylammonium ion: at most one N a C, hydrogen for both."""
    carbon, nitrogen, hydrogen = (amounts.get(symbol, 0) for symbol in ("C", "N", "H"))
    if not 0 < nitrogen <= carbon or amounts.get("O", 0) > 1.9 * carbon:
        return False
    halide = not _HALOGENS.isdisjoint(amounts)
    return hydrogen > (2 if halide else 3) * carbon
