"""Questions about holes: which element belongs there, where a compound that is known gives the answer.

A hidden element is one element of a compound, to be named from the others. A replaced element comes with a host, a
known compound that differs from the answer in this element alone. A joined element shares the site of another in the
answer, and the host has that other alone. Elements that are in the compound elsewhere, the
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
from mattransformer.tinkering.mixed_sites import mixed_sites
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


def joined_element_cases(
    compounds: Iterable[Formula], hosts: Collection[Formula], known: Iterable[Formula], seed: int
) -> list[Case]:
    """Ask which element joins another on its site; see `mixed_sites`. One question a compound.

    Args:
        compounds: held out, reduced.
        hosts: known compounds, reduced, that the others are with a part of an element replaced.
        known: all compounds that are known, to rule out other right answers.
        seed: decides which site of a compound is asked about, where there are several.
    """
    random = np.random.default_rng(seed)
    found: dict[Formula, list[tuple[Site, str]]] = defaultdict(list)
    for compound, site, symbol in mixed_sites(compounds, hosts):
        found[compound].append((site, symbol))
    joined: dict[tuple[Formula, str], set[str]] = defaultdict(set)
    for _, site, symbol in mixed_sites(known, {site.host for own in found.values() for site, _ in own}):
        joined[site.host, site.element].add(symbol)
    cases = []
    for compound, own in found.items():
        site, symbol = own[random.integers(len(own))]
        others = (joined[site.host, site.element] | set(site.host.elements)) - {symbol}
        compared = np.array([candidate not in others for candidate in CANDIDATES])
        cases.append(Case(site, symbol, compound, compared))
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
