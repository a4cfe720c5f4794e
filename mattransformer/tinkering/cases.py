"""Questions about holes: which element belongs there, where a compound that is known gives the answer.

A hidden element is one element of a compound, to be named from the others. A replaced element comes with a host, a
known compound that differs from the answer in this element alone. Elements that are in the compound elsewhere, the
host's own, and those that give another known compound are not compared with the answer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.formula import Formula
from mattransformer.screening.assignments import Species
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Site

_SPECIES: Final = re.compile(r"([A-Z][a-z]?)(\d*)([+-]?):(\d+)")
_Hole = tuple[frozenset[tuple[str, int]], int]


@dataclass(frozen=True, eq=False)
class Case:
    """One question.

    Attributes:
        site: of the host; of the compound itself where an element is hidden.
        answer: element that makes the held-out compound.
        compound: the held-out compound.
        compared: candidates that the answer is ranked among, itself included, (candidates,).
    """

    site: Site
    answer: str
    compound: Formula
    compared: NDArray[np.bool_]


def hidden_element_cases(compounds: Iterable[Formula], known: Collection[Formula]) -> list[Case]:
    """Ask for every element of compounds.

    Args:
        compounds: held out, reduced.
        known: all compounds that are known, reduced, to rule out other right answers.
    """
    return [
        Case(site, symbol, compound, _compared(site, symbol, known, host=False))
        for compound in compounds
        if _possible(compound)
        for symbol in compound.elements
        for site in [Site(compound, symbol)]
    ]


def replaced_element_cases(
    compounds: Iterable[Formula],
    hosts: Mapping[Formula, tuple[Species, ...]],
    known: Collection[Formula],
) -> list[Case]:
    """Ask what replaces an element of a host.

    Args:
        compounds: held out, reduced.
        hosts: known compounds, reduced, with the species that are reported for them.
        known: see `hidden_element_cases`.
    """
    fillers: dict[_Hole, list[str]] = defaultdict(list)
    whole: dict[tuple[_Hole, str], Formula] = {}
    for host in hosts:
        if _possible(host):
            for symbol, count in host.counts:
                hole = (frozenset(pair for pair in host.counts if pair[0] != symbol), count)
                fillers[hole].append(symbol)
                whole[hole, symbol] = host
    cases = []
    for compound in compounds:
        if not _possible(compound):
            continue
        for symbol, count in compound.counts:
            hole = (frozenset(pair for pair in compound.counts if pair[0] != symbol), count)
            for replaced in fillers.get(hole, ()):
                if replaced == symbol:
                    continue
                host = whole[hole, replaced]
                charges = tuple(item for item in hosts[host] if item.symbol == replaced)
                site = Site(host, replaced, charges=charges or None)
                cases.append(Case(site, symbol, compound, _compared(site, symbol, known, host=True)))
    return cases


def species_of(text: str) -> tuple[Species, ...]:
    """Read species of a cell such as `Ba2+:1 Ti4+:1 O2-:3`."""
    return tuple(
        Species(symbol, int(size or 0) * (-1 if sign == "-" else 1), int(count))
        for symbol, size, sign, count in _SPECIES.findall(text)
    )


def _possible(formula: Formula) -> bool:
    return len(formula.counts) > 1 and all(symbol in INDEX for symbol in formula.elements)


def _compared(site: Site, answer: str, known: Collection[Formula], *, host: bool) -> NDArray[np.bool_]:
    left_out = {symbol for symbol, _ in site.others} | ({site.element} if host else set())
    return np.array(
        [
            symbol == answer or (symbol not in left_out and site.filled(symbol).reduced not in known)
            for symbol in CANDIDATES
        ]
    )
