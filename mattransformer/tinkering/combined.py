"""One score of several: how likely an element takes a site, calibrated on compounds that were held out.

The score of a candidate is a weighted sum of

- `exchange`: ln P of the substitution network, which is told the element to be replaced,
- `state`: ln of the share of the candidate's reports in the oxidation states that the site has now,
- `likelihood_change`: by how much a causal model finds the compound likelier than the host, for the candidates that the
  rest of the score puts first; compounds beyond 30 atoms, and all hosts where no model is given, do without.

The weights are those of a conditional logit model (McFadden 1974) of which element the held-out rows of the Materials
Project and OQMD have where a train row has the host's; `calibration` fits them. The probability of a candidate is
therefore the share of such rows that it is expected to have. Evidence whose weight would be negative has none; of the
shipped calibration that is the causal model's, whose answer is shown all the same. What the network says without being
told the element is left out: it is at home among compounds whose neighbours it has learned, and misleads among others.

A dilute dopant makes no such row. Its score is the sum of `joining`, ln P of the network that it joins the element
that is there, and `size`: the 15 % by which ions on one site differ at most, in the rules of Goldschmidt and of
Hume-Rothery, as the standard deviation of a Gaussian, ``-(mismatch of the Shannon radii / 15 %)^2 / 2``. In an ordered
compound, which `joining` is learned from, the two elements may have places of different sizes; on the site of a host
they have not. A host without charges (NiTi) has no such rows to learn from: there `exchange` ranks.
Probabilities of dilute dopants are relative, and not calibrated.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.screening.assignments import reported_states
from mattransformer.tinkering.compounds import LikelihoodChange
from mattransformer.tinkering.dopants import dopant_state
from mattransformer.tinkering.radii import radius_mismatch
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Site, TinkeringError

if TYPE_CHECKING:
    from mattransformer.tinkering.network import Ensemble

CALIBRATION: Final = Path(__file__).with_name("files") / "calibration.json"
PLAIN: Final = ("exchange", "state")
ALL: Final = (*PLAIN, "likelihood_change")
SHORTLIST: Final = 30
"""Candidates that the causal model is asked about."""
_LEAST: Final = (
    3e-3  # share of reports that a state has at least, so that a new one is unlikely and not impossible
)
_TOLERATED_MISMATCH: Final = 15.0  # percent
_UNKNOWN_MISMATCH: Final = 40.0  # percent

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of each candidate, (sites, candidates) each.

    Attributes:
        exchange: see the module.
        context: ln P of the network that is not told the element to be replaced.
        state: see the module; 0 for all where the site's oxidation state is not known.
        joining: see the module.
        likelihood_change: see the module; NaN where it was not asked for.
        free: candidates that the host does not have.
    """

    exchange: _Floats
    context: _Floats
    state: _Floats
    joining: _Floats
    likelihood_change: _Floats
    free: NDArray[np.bool_]

    def with_change(self, change: _Floats) -> Evidence:
        """Add what a causal model says."""
        return replace(self, likelihood_change=change)

    def take(self, rows: NDArray[np.int64]) -> Evidence:
        """Copy the evidence of some sites."""
        return Evidence(*(getattr(self, field.name)[rows] for field in fields(self)))


def evidence(network: Ensemble, sites: Sequence[Site]) -> Evidence:
    """Gather what needs no causal model."""
    free = np.ones((len(sites), len(CANDIDATES)), dtype=bool)
    for row, site in enumerate(sites):
        free[row, [INDEX[symbol] for symbol in site.host.elements if symbol in INDEX]] = False
    exchange = network.log_probabilities(sites)
    return Evidence(
        exchange,
        network.log_probabilities(sites, host=False),
        np.array([state_scores(site) for site in sites]).reshape(len(sites), len(CANDIDATES)),
        network.log_probabilities(sites, dilute=True),
        np.full(exchange.shape, np.nan),
        free,
    )


def state_scores(site: Site) -> _Floats:
    """Say how usual the site's present oxidation states are for each candidate: ln of a share, (candidates,)."""
    total = sum(item.count for item in site.species)
    if not total:
        return np.zeros(len(CANDIDATES))
    shares = np.zeros(len(CANDIDATES))
    for item in site.species:
        shares += item.count / total * _shares(item.charge)
    return np.log(shares + _LEAST)


@dataclass(frozen=True)
class Calibration:
    """Weights of the evidence.

    Attributes:
        plain: of what is known of every host.
        full: of all evidence, for hosts whose compounds a causal model knows.
    """

    plain: Mapping[str, float]
    full: Mapping[str, float]

    @classmethod
    def load(cls, path: Path = CALIBRATION) -> Calibration:
        """Open a calibration, by default the shipped one.

        Raises:
            TinkeringError: a file that is missing or holds something else.
        """
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            found = cls(held["plain"], held["full"])
            if set(found.plain) != set(PLAIN) or set(found.full) != set(ALL):
                raise ValueError(f"weights of {sorted(found.full)}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TinkeringError(
                f"{path}: no calibration can be read ({error}); install the package anew, or make one with "
                "python -m mattransformer.tinkering.calibration"
            ) from error
        return found

    def scores(self, known: Evidence) -> _Floats:
        """Weigh the evidence: (sites, candidates), NaN for elements of the host."""
        plain = sum(weight * getattr(known, name) for name, weight in self.plain.items())
        asked = ~np.isnan(known.likelihood_change)
        lowest = np.min(np.where(asked, known.likelihood_change, np.inf), axis=1, keepdims=True)
        # A candidate beyond the shortlist is no likelier than the least likely one on it.
        change = np.where(asked, known.likelihood_change, np.where(np.isfinite(lowest), lowest, 0.0))
        filled = known.with_change(change)
        full = sum(weight * getattr(filled, name) for name, weight in self.full.items())
        scores: _Floats = np.where(asked.any(axis=1, keepdims=True), full, plain)
        return np.where(known.free, scores, np.nan)


@dataclass(frozen=True, eq=False)
class Combined:
    """The combined score as a ranker.

    Attributes:
        network: the substitution network.
        calibration: weights.
        change: what asks the causal model; None to do without.
    """

    network: Ensemble
    calibration: Calibration
    change: LikelihoodChange | None = None

    @cached_property
    def name(self) -> str:
        """As tables name it."""
        return "combined score" if self.change else "combined score without a causal model"

    def gather(self, sites: Sequence[Site], wanted: NDArray[np.bool_] | None = None) -> Evidence:
        """Gather the evidence.

        Args:
            sites: any number.
            wanted: candidates that matter, (candidates,), so that no others are on the shortlist.
        """
        known = evidence(self.network, sites)
        if self.change is None or not len(sites):
            return known
        scores = self.calibration.scores(known)
        if wanted is not None:
            scores = np.where(wanted, scores, np.nan)
        order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")[:, :SHORTLIST]
        short = np.zeros(scores.shape, dtype=bool)
        np.put_along_axis(short, order, True, axis=1)
        return known.with_change(self.change.scores(sites, short & ~np.isnan(scores)))

    def scores(self, sites: Sequence[Site]) -> _Floats:
        """See `sites.Ranker`: the score of each candidate, higher is likelier."""
        return self.calibration.scores(self.gather(sites))


def dilute_scores(known: Evidence, sites: Sequence[Site]) -> _Floats:
    """Score dopants of few atoms, (sites, candidates), NaN for elements of the host; see the module."""
    size = np.array([size_scores(site) for site in sites]).reshape(known.joining.shape)
    charged = np.array([bool(site.state) for site in sites]).reshape(-1, 1)
    return np.where(known.free, np.where(charged, known.joining + size, known.exchange), np.nan)


def size_scores(site: Site) -> _Floats:
    """Say how well the candidates' ions fit a site by size, (candidates,), at most 0.

    Each has the charge that it would take there. Where no radius is tabulated the mismatch counts as the median of the
    site's others, at least 40 %; where no oxidation states of the host are known all candidates have 0.
    """
    if not site.species:
        return np.zeros(len(CANDIDATES))
    return np.array(_sizes(site.element, site.species[0].charge, site.coordination))


@functools.lru_cache(maxsize=4096)  # few ions on many sites
def _sizes(element: str, charge: int, coordination: int | None) -> tuple[float, ...]:
    percents: list[float] = []
    for symbol in CANDIDATES:
        state = dopant_state(symbol, charge, coordination, element)
        found = None if state is None else radius_mismatch(element, charge, symbol, state, coordination)
        known = found is not None and found.dopant.angstrom > 0  # of a bare proton it is negative
        percents.append(abs(found.percent) if found is not None and known else math.nan)
    measured = [percent for percent in percents if not math.isnan(percent)]
    unknown = max(_UNKNOWN_MISMATCH, median(measured)) if measured else _UNKNOWN_MISMATCH
    return tuple(
        -(((unknown if math.isnan(percent) else percent) / _TOLERATED_MISMATCH) ** 2) / 2
        for percent in percents
    )


def probabilities(scores: _Floats) -> _Floats:
    """Turn scores into probabilities over the candidates, those without a score left out: rows sum to 1."""
    lowest = np.where(np.isnan(scores), -np.inf, scores)
    highest = lowest.max(axis=1, keepdims=True)
    relative = np.exp(lowest - np.where(np.isfinite(highest), highest, 0.0))
    total = relative.sum(axis=1, keepdims=True)
    shares: _Floats = np.divide(relative, total, out=np.zeros_like(relative), where=total > 0)
    return shares


def _shares(charge: int) -> _Floats:
    return np.array([math.exp(reported_states(symbol).get(charge, -math.inf)) for symbol in CANDIDATES])
