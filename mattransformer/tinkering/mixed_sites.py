"""Sites that two elements share in an ordered compound: what a solid solution does, at the size of a cell.

LaSrMn2O6 is LaMnO3 with half of the La replaced by Sr, so Sr joins La. No corpus of ordered compounds lists dopants of
a few per cent; this is the nearest that it has, and what the scores of dilute dopants are learned from. Formulas do not
tell whether the two have places of the same kind: P beside Ag in Ag3PO4 counts as an element that joins Ag, too. The
size of the ions, which the score adds, tells most of these apart.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from mattransformer.formula import Formula
from mattransformer.screening.assignments import reported_states
from mattransformer.tinkering.sites import INDEX, Site

_USUAL: Final = 0.05  # share of an element's reports from which states of a sign are usual


def mixed_sites(
    formulas: Iterable[Formula], known: Collection[Formula]
) -> Iterator[tuple[Formula, Site, str]]:
    """Find compounds that are another, simpler one with a part of an element replaced.

    The element that comes in has no more atoms than the one it joins, the simpler compound has oxidation states, and
    the element has a usual one of the sign of the ion that it joins: I- does not join Ba2+.

    Args:
        formulas: compounds, reduced.
        known: what counts as a simpler compound, reduced.

    Yields:
        The compound, the site of the simpler one, and the element that joins the one on it.
    """
    for formula in formulas:
        if len(formula.counts) < 3 or not all(symbol in INDEX for symbol in formula.elements):
            continue  # the simpler one is a compound too
        for symbol, count in formula.counts:
            for joined, present in formula.counts:
                if joined == symbol or count > present:
                    continue
                counts = dict(formula.counts)
                counts[joined] += counts.pop(symbol)
                simpler = Formula.parse(counts).reduced
                if simpler not in known:
                    continue
                site = Site(simpler, joined)
                if site.state and _usual_with_sign(symbol, site.state):
                    yield formula, site, symbol


def _usual_with_sign(symbol: str, state: float) -> bool:
    shares = reported_states(symbol)
    return sum(math.exp(share) for charge, share in shares.items() if charge * state > 0) >= _USUAL
