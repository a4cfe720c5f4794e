"""What a dopant does to its host: the charge it takes, whether it gives or takes electrons, and what makes up for it.

A dopant of another charge than the ion it replaces leaves the host charged, which a crystal does not stay. Three
things make up for it (Kröger and Vink, Solid State Phys. 3, 307 (1956)): a second dopant of the opposite difference,
vacancies, and electrons or holes. Which one nature takes depends on temperature and atmosphere and is not decided
here. Interstitial ions, such as F- in CaF2 with Y3+, are not proposed.

>>> host = Formula.parse("Zr32O64")
>>> species = assign_oxidation_states(host)[0].species
>>> [found.words for found in compensations(host, species, "Zr", 4, "Y", 3, replaced=2)][-2:]
['1 O vacancy per 2 Y (Y2Zr30O63)', '1 hole per Y']
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from mattransformer.elements import RANK
from mattransformer.formula import Formula
from mattransformer.screening.assignments import Species, reported_states
from mattransformer.tinkering.radii import radius_mismatch
from mattransformer.tinkering.sites import TinkeringError

__all__ = ["Compensation", "compensations", "dopant_state", "kind"]

# Natural logarithms, as the shares are. Chosen with the textbook cases of tests/unit/test_dopants.py: a difference
# compared with 0.75 to 1.25, an excess of size, for which Sb5+ and not Sb3+ is on Sn4+, with 0 to 4.
_DIFFERENCE: Final = 1.0  # for each unit of charge by which a state differs from that of the host's ion
_EXCESS: Final = 2.0  # for each e-fold by which the radius exceeds that of the host's ion
_RAREST: Final = math.log(0.003)  # share below which a report is more often a mistake: F2+, Na-

_PARTNERS: Final[Mapping[int, tuple[str, ...]]] = {
    1: ("Li", "Na", "K"),
    2: ("Mg", "Ca", "Sr", "Ba", "Zn"),
    3: ("Al", "Ga", "In", "Sc", "Y", "La", "Gd", "Lu"),
    4: ("Si", "Ge", "Ti", "Zr", "Hf", "Sn", "Ce"),
    5: ("P", "Nb", "Ta", "Sb"),
    6: ("W", "Mo"),
    -1: ("F", "Cl", "Br", "I"),
    -2: ("O", "S", "Se"),
    -3: ("N",),
}
"""Common ions of one usual charge, by that charge: what a second dopant is chosen from."""

# Goldschmidt's rules: ions that differ by more than one in charge or 15 % in radius replace each other to a small
# extent only. A dopant is little: the limits just let Mg2+ in place of Al3+ pass (35 %), as in sapphire with Ti4+.
_LARGEST_DIFFERENCE: Final = 2
_LARGEST_MISMATCH: Final = 40.0  # percent

_CENTRES: Final = frozenset({"B", "C", "Si", "N", "P", "As", "S", "Se", "Cl", "Br", "I"})
"""Nonmetals that, as cations, hold an anion such as carbonate or phosphate together: none of them is left out."""


class _Ion(NamedTuple):
    symbol: str
    charge: int

    def __str__(self) -> str:
        return str(Species(self.symbol, self.charge, 1))


@dataclass(frozen=True)
class Compensation:
    """One way to make a doped supercell neutral.

    Attributes:
        type: what makes up for the charge of the dopant.
        words: as a table shows it.
        formula: of the neutral supercell, doped and compensated; None with electrons or holes, which no formula shows.
        element: the co-dopant, or the element that is missing; None of electrons and holes.
        charge: oxidation state of these ions, in units of e; -1 of an electron, 1 of a hole.
        site: element whose place the co-dopant takes or that is missing; None of electrons and holes.
        site_charge: oxidation state of the host's ions there, in units of e; None of electrons and holes.
        number: of co-dopants, vacancies, electrons or holes in all `cells`.
        cells: supercells that `formula` is of: more than one where the number is not whole for one.
    """

    type: Literal["co-dopant", "vacancy", "electrons", "holes"]
    words: str
    formula: Formula | None
    element: str | None
    charge: int
    site: str | None
    site_charge: int | None
    number: int
    cells: int = 1


@functools.cache
def dopant_state(symbol: str, host_charge: int, coordination: int | None, host: str) -> int | None:
    """Guess the oxidation state that an element takes in place of an ion.

    A state scores the logarithm of its share of the element's reports, less penalties for each unit of charge by which
    it differs from the host's ion and for being larger than that ion.

    Args:
        symbol: element of the dopant.
        host_charge: oxidation state of the ion it replaces, in units of e.
        coordination: number of neighbours of the place; None where it is not known.
        host: element of the ion it replaces.

    Returns:
        The likeliest state; None where the element has none of the sign of `host_charge` in 0.3 % of its reports.
    """
    scores = {
        state: share - _DIFFERENCE * abs(state - host_charge)
        for state, share in reported_states(symbol).items()
        if state * host_charge > 0 and share >= _RAREST
    }
    for state in scores:
        size = radius_mismatch(host, host_charge, symbol, state, coordination)
        if size is not None and size.percent > 0:
            scores[state] -= _EXCESS * math.log1p(size.percent / 100)
    return max(scores, key=lambda state: (scores[state], -abs(state)), default=None)


def kind(host_charge: float, dopant_charge: int) -> str:
    """Tell a "donor", of higher charge (in e) than the host's ion (F- on O2-), from an "acceptor"; or "isovalent"."""
    if dopant_charge == host_charge:
        return "isovalent"
    return "donor" if dopant_charge > host_charge else "acceptor"


def compensations(
    host: Formula,
    species: Sequence[Species],
    site_element: str,
    site_charge: int,
    dopant: str,
    dopant_charge: int,
    replaced: int,
    coordination: int | None = None,
) -> list[Compensation]:
    """Propose what makes a doped supercell neutral again.

    Args:
        host: the supercell before doping.
        species: oxidation states of all its atoms, whose charges sum to zero.
        site_element: element that is replaced.
        site_charge: its oxidation state, in units of e; where it has several, that of the atoms that are replaced.
        dopant: element that replaces it.
        dopant_charge: its oxidation state, in units of e.
        replaced: number of atoms replaced, from 1.
        coordination: number of neighbours of the place, for the sizes of co-dopants; None where it is not known.

    Returns:
        Best first, nothing where both charges are the same. Co-dopants: for each place the ion of closest size,
        those in the dopant's own place first, then those of the same sign, then the others. Vacancies: of cations
        for a donor, of anions for an acceptor, those of lower charge first. Electrons or holes come last.

    Raises:
        TinkeringError: the species are not those of the host or not neutral, or it has not `replaced` such atoms.
    """
    ions = _ions(host, species)
    site = _Ion(site_element, site_charge)
    if not 1 <= replaced <= ions[site]:
        raise TinkeringError(f"{replaced} {site} cannot be replaced: {host} has {ions[site]} of them")
    excess = (dopant_charge - site_charge) * replaced
    if not excess:
        return []
    ions[site] -= replaced
    doped = _Doped(ions, excess, site, _Ion(dopant, dopant_charge), replaced, coordination)
    carriers: Literal["electrons", "holes"] = "electrons" if excess > 0 else "holes"
    words = _share(abs(excess), replaced, carriers.removesuffix("s"), carriers, dopant)
    last = Compensation(carriers, words, None, None, -1 if excess > 0 else 1, None, None, abs(excess))
    return [*_partners(doped), *_vacancies(doped), last]


class _Doped(NamedTuple):
    """A supercell with its dopant, still charged."""

    host: Counter[_Ion]  # what is left of the host's ions
    excess: int  # sum of charges
    site: _Ion
    dopant: _Ion
    replaced: int
    coordination: int | None

    def formula(self, removed: _Ion, number: int, added: str | None = None, cells: int = 1) -> Formula:
        """Count the atoms of `cells` supercells with `number` ions removed and as many of an element added."""
        counts: Counter[str] = Counter()
        for ion, count in (*self.host.items(), (self.dopant, self.replaced)):
            counts[ion.symbol] += count * cells
        counts[removed.symbol] -= number
        if added is not None:
            counts[added] += number
        return Formula(tuple(sorted((+counts).items(), key=lambda item: RANK[item[0]])))

    def named(self, ion: _Ion) -> str:
        """Name an ion of the host: by its charge too where the element has several."""
        return str(ion) if sum(other.symbol == ion.symbol for other in self.host) > 1 else ion.symbol


def _partners(doped: _Doped) -> Iterator[Compensation]:
    """Find the co-dopant of closest size for each place."""
    found: list[tuple[tuple[bool, bool, float], Compensation]] = []
    natives = {doped.dopant.symbol, *(ion.symbol for ion in doped.host)}
    for place, there in doped.host.items():
        own, choices = place == doped.site, []
        for charge, symbols in _PARTNERS.items():
            step = charge - place.charge
            number = -doped.excess // step if step and doped.excess % step == 0 else 0
            possible = charge * place.charge > 0 and abs(step) <= _LARGEST_DIFFERENCE and 1 <= number <= there
            for symbol in symbols if possible else ():
                size = radius_mismatch(*place, symbol, charge, doped.coordination if own else None)
                if size is not None and symbol not in natives and abs(size.percent) <= _LARGEST_MISMATCH:
                    choices.append((abs(size.percent), _Ion(symbol, charge), number))
        for mismatch, ion, number in sorted(choices)[:1]:
            formula, name = doped.formula(place, number, ion.symbol), f"{ion} on {doped.named(place)}"
            words = f"{_share(number, doped.replaced, name, name, doped.dopant.symbol)} ({formula})"
            order = (not own, place.charge * doped.site.charge < 0, mismatch)
            found.append((order, Compensation("co-dopant", words, formula, *ion, *place, number)))
    yield from (item for _, item in sorted(found, key=lambda entry: entry[0]))


def _vacancies(doped: _Doped) -> Iterator[Compensation]:
    """Count the vacancies of each of the host's ions that are charged like the dopant's excess."""
    for ion in sorted(doped.host, key=lambda ion: (abs(ion.charge), RANK[ion.symbol])):
        if ion.charge * doped.excess <= 0 or (ion.charge > 0 and ion.symbol in _CENTRES):
            continue
        cells = abs(ion.charge) // math.gcd(ion.charge, doped.excess)
        number = doped.excess * cells // ion.charge
        if number >= doped.host[ion] * cells:  # a place that is all empty is another structure
            continue
        name, formula = doped.named(ion), doped.formula(ion, number, cells=cells)
        one, several, dopants = f"{name} vacancy", f"{name} vacancies", doped.replaced * cells
        words = _share(number, dopants, one, several, doped.dopant.symbol)
        words += f" ({formula}, {cells} supercells)" if cells > 1 else f" ({formula})"
        yield Compensation("vacancy", words, formula, ion.symbol, ion.charge, *ion, number, cells)


def _ions(host: Formula, species: Sequence[Species]) -> Counter[_Ion]:
    ions = Counter(_Ion(item.symbol, item.charge) for item in species for _ in range(item.count))
    charge = sum(ion.charge for ion in ions.elements())
    if charge or Counter(ion.symbol for ion in ions.elements()) != dict(host.counts):
        raise TinkeringError(f"{host}: give the states of all its atoms; these have {charge:+d} in all")
    return ions


def _share(number: int, dopants: int, one: str, several: str, dopant: str) -> str:
    """Write a number of something for a number of dopants, both as small as can be: 1 O vacancy per 2 Y."""
    divisor = math.gcd(number, dopants)
    number, dopants = number // divisor, dopants // divisor
    return f"{number} {one if number == 1 else several} per {f'{dopants} ' if dopants > 1 else ''}{dopant}"
