"""The answer to "what could sit here": ranked elements, and what each would do.

    tinker("SrTiO3", site="Ti")
    tinker("SrTiO3", site="Ti", fraction=0.05)

Each candidate is scored (see `combined`), and the best are explained: charges, compensation, radii, whether the
compound is known. A dilute dopant has no compound of its own that a model could know: at 5 % the formula has a hundred
atoms, and models see thirty. It is scored by the parent compound and the pair of ions: how likely the dopant joins the
host's element on its site, and how well it fits by size. The fraction decides the formula, the
compensation and whether it is neutral.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.data.known import KnownFormulas
from mattransformer.elements import PAULING, RADIOACTIVE
from mattransformer.formula import Formula
from mattransformer.screening.assignments import Species
from mattransformer.screening.rules import charge_neutral
from mattransformer.tinkering.combined import Combined, Evidence, dilute_scores, evidence, probabilities
from mattransformer.tinkering.dopants import compensations, dopant_state, kind
from mattransformer.tinkering.hosts import Host
from mattransformer.tinkering.network import Ensemble
from mattransformer.tinkering.radii import radius_mismatch
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Ranker, Site
from mattransformer.tinkering.supercells import Dilution, diluted, nearest_dilution

if TYPE_CHECKING:
    import pandas as pd

_Floats = NDArray[np.float64]
_ISOVALENT: Final = "isovalent"
_PARTNERS: Final = 40  # elements of the first site that are paired with those of the second


@dataclass(frozen=True)
class Wish:
    """What a user wants to see.

    Attributes:
        fraction: of the site's atoms that is replaced; None for all.
        top: suggestions a host.
        only: elements that may come; None for all.
        forbid: elements that may not.
        oxidation_states: set that neutrality is judged with.
    """

    fraction: float | None = None
    top: int = 20
    only: frozenset[str] | None = None
    forbid: frozenset[str] = frozenset()
    oxidation_states: str = "smact14"

    def dilution(self, site: Site) -> Dilution:
        """Say how many atoms of a site are replaced, in how many formula units."""
        if self.fraction is None:
            return Dilution(site.count, site.count, 1)
        return nearest_dilution(site.count, self.fraction)

    def dilutes(self, site: Site) -> bool:
        """Say whether some atoms of a site stay; 0.999 of one atom is all of it."""
        return self.dilution(site).fraction < 1

    def wanted(self, sites: Sequence[Site]) -> NDArray[np.bool_]:
        """Say which candidates may come: radioactive ones only where they are asked for or there already."""
        usual = RADIOACTIVE if not any(site.element in RADIOACTIVE for site in sites) else frozenset()
        left_out = self.forbid | (usual if self.only is None else frozenset())
        return np.array(
            [symbol not in left_out and (self.only is None or symbol in self.only) for symbol in CANDIDATES]
        )


class Tinkerer:
    """Models that are loaded, ready to be asked.

    Attributes:
        network: the substitution network.
        ranker: what orders the candidates; a `Combined`, the network, or a baseline.
        known: compounds that are known.
    """

    def __init__(
        self, network: Ensemble, ranker: Ranker, known: KnownFormulas, extra: Sequence[Ranker] = ()
    ) -> None:
        """Take what is loaded.

        Args:
            network: the substitution network.
            ranker: what orders the candidates.
            known: compounds that are known.
            extra: more rankers, whose scores of the suggestions are shown beside.
        """
        self.network, self.ranker, self.known, self.extra = network, ranker, known, extra

    def suggest(self, hosts: Sequence[Host], wish: Wish) -> pd.DataFrame:
        """Suggest elements for sites.

        Args:
            hosts: any number, all of one site, or of two sites together.
            wish: what is wanted.

        Returns:
            See `tinker`.
        """
        import pandas as pd

        single = iter(self._single([host for host in hosts if len(host.sites) == 1], wish))
        chosen = [next(single) if len(host.sites) == 1 else self._paired(host, wish) for host in hosts]
        rows = [
            {"rank": rank, **self._explained(host, each, wish)}
            for host, own in zip(hosts, chosen, strict=True)
            for rank, each in enumerate(own, start=1)
        ]
        table = pd.DataFrame(rows, columns=None if rows else COLUMNS)
        if rows:
            table["known"] = self.known.contains(table["known"].tolist())
            if not isinstance(self.ranker, Combined | Ensemble):
                table["probability"] = np.nan  # the scores of a baseline are on a scale of their own
            names = [*COLUMNS, *(ranker.name for ranker in self.extra)]
            table = table[[name for name in names if name in table]]
            if all(len(host.sites) == 1 for host in hosts):
                table["dopant_state"] = table["dopant_state"].astype("Int64")
        return table

    def _single(self, hosts: Sequence[Host], wish: Wish) -> list[list[_Chosen]]:
        """Rank the candidates of hosts with one site."""
        sites = [host.sites[0] for host in hosts]
        if not sites:
            return []
        wanted = np.array([wish.wanted([site]) for site in sites])
        known = self._evidence(sites, wanted)
        scores = self._scores(sites, known)
        if isinstance(self.ranker, Combined):
            dilute = np.array([[wish.dilutes(site)] for site in sites])
            scores = np.where(dilute, dilute_scores(known, sites), scores) if dilute.any() else scores
        extra = {ranker.name: ranker.scores(sites) for ranker in self.extra}
        scores = np.where(known.free, scores, np.nan)
        chances = probabilities(scores)
        may = wanted & ~np.isnan(scores)
        order = np.argsort(-np.where(may, scores, -np.inf), axis=1, kind="stable")
        found = []
        for row, site in enumerate(sites):
            found.append(
                [
                    _Chosen(
                        (CANDIDATES[at],),
                        float(chances[row, at]),
                        _measures(known, row, at, INDEX[site.element])
                        | {name: float(values[row, at]) for name, values in extra.items()},
                    )
                    for at in order[row, : min(wish.top, may[row].sum())].tolist()
                ]
            )
        return found

    def _evidence(self, sites: Sequence[Site], wanted: NDArray[np.bool_]) -> Evidence:
        return (
            self.ranker.gather(sites, wanted)
            if isinstance(self.ranker, Combined)
            else evidence(self.network, sites)
        )

    def _scores(self, sites: Sequence[Site], known: Evidence) -> _Floats:
        if isinstance(self.ranker, Combined):
            return self.ranker.calibration.scores(known)
        return self.ranker.scores(sites)

    def _paired(self, host: Host, wish: Wish) -> list[_Chosen]:
        """Rank pairs of elements for two sites: the mean of choosing the first and then the second, and the reverse."""
        ways = [self._in_turn(host.sites, wish), self._in_turn(host.sites[::-1], wish)]
        joint: dict[tuple[str, ...], list[tuple[float, dict[str, float]]]] = {}
        for way, turned in zip(ways, (False, True), strict=True):
            for pair, (score, measures) in way.items():
                joint.setdefault(pair[::-1] if turned else pair, []).append((score, measures))
        pairs = list(joint)
        scores = np.array([np.mean([score for score, _ in joint[pair]]) for pair in pairs])
        chances = probabilities(scores[None])[0] if pairs else scores
        order = np.argsort(-scores, kind="stable")[: wish.top]
        return [
            _Chosen(
                pairs[at],
                float(chances[at]),
                {
                    name: float(np.mean([measures[name] for _, measures in joint[pairs[at]]]))
                    for name in joint[pairs[at]][0][1]
                },
            )
            for at in order.tolist()
        ]

    def _in_turn(
        self, sites: Sequence[Site], wish: Wish
    ) -> dict[tuple[str, ...], tuple[float, dict[str, float]]]:
        """Score pairs: the first site's element, then the second's in the compound that this makes."""
        first, second = sites
        wanted = wish.wanted(sites)
        known = self._evidence([first], wanted)
        scores = self._scores([first], known)
        logs = np.log(np.maximum(probabilities(scores)[0], 1e-300))
        may = np.flatnonzero(known.free[0] & wanted & ~np.isnan(scores[0]))
        partners = may[np.argsort(-logs[may], kind="stable")[:_PARTNERS]]
        # What stood on the first site may come on the second: the two may change places.
        later = [Site(first.filled(CANDIDATES[at]), second.element, second.coordination) for at in partners]
        after = self._evidence(later, wanted)
        values = self._scores(later, after)
        chances = np.log(np.maximum(probabilities(values), 1e-300))
        found: dict[tuple[str, ...], tuple[float, dict[str, float]]] = {}
        for row, at in enumerate(partners.tolist()):
            one = _measures(known, 0, at, INDEX[first.element])
            for other in np.flatnonzero(after.free[row] & wanted & ~np.isnan(values[row])).tolist():
                two = _measures(after, row, other, INDEX[second.element])
                found[CANDIDATES[at], CANDIDATES[other]] = (
                    float(logs[at] + chances[row, other]),
                    {name: one[name] + two[name] for name in one},
                )
        return found

    def _explained(self, host: Host, chosen: _Chosen, wish: Wish) -> dict[str, Any]:
        """Say what elements would do on their sites."""
        each = [_effect(site, symbol) for site, symbol in zip(host.sites, chosen.elements, strict=True)]
        site = host.sites[0]
        dilution = wish.dilution(site)
        if wish.dilutes(site):
            formula = diluted(host.formula, site.element, chosen.elements[0], dilution)
            neutral = each[0].kind == _ISOVALENT
        else:
            formula = _replaced(host, chosen.elements)
            neutral = charge_neutral(formula, wish.oxidation_states)
        return {
            "dopant": ", ".join(chosen.elements),
            "host": host.formula.reduced.reduced_formula,
            "site": ", ".join(
                [place.label for place in host.places] or [site.element for site in host.sites]
            ),
            "formula": str(formula) if wish.dilutes(site) else formula.reduced.reduced_formula,
            "fraction": dilution.fraction,
            "probability": chosen.probability,
            **chosen.measures,
            **_merged(each),
            "charge_neutral": bool(neutral),
            "oxidation_states_set": wish.oxidation_states,
            "compensation": "; ".join(_compensated(host, each[0], chosen.elements[0], dilution)),
            "known": formula,
        }


@dataclass(frozen=True)
class _Chosen:
    """Elements for the sites of a host.

    Attributes:
        elements: one a site.
        probability: of all of them together.
        measures: columns of the table.
    """

    elements: tuple[str, ...]
    probability: float
    measures: dict[str, float]


@dataclass(frozen=True)
class _Effect:
    """What an element does on a site; names are those of the table."""

    host_state: float | None
    dopant_state: int | None
    kind: str | None
    radius_mismatch_percent: float | None
    coordination: int | None
    electronegativity_difference: float | None


COLUMNS: Final = [
    *("rank", "dopant", "host", "site", "formula", "fraction", "probability", "log_odds"),
    *("masked_probability", "exchange_probability", "joining_probability", "log_likelihood_change"),
    *("host_state", "dopant_state", "kind", "charge_neutral", "oxidation_states_set", "compensation"),
    *("radius_mismatch_percent", "coordination", "electronegativity_difference", "known"),
]
"""Columns of the table, in their order."""


def _measures(known: Evidence, row: int, at: int, host: int) -> dict[str, float]:
    return {
        "log_odds": float(known.context[row, at] - known.context[row, host]),
        "masked_probability": float(np.exp(known.context[row, at])),
        "exchange_probability": float(np.exp(known.exchange[row, at])),
        "joining_probability": float(np.exp(known.joining[row, at])),
        "log_likelihood_change": float(known.likelihood_change[row, at]),
    }


def _effect(site: Site, symbol: str) -> _Effect:
    own, other = PAULING.get(site.element), PAULING.get(symbol)
    difference = None if own is None or other is None else round(other - own, 2)
    if not site.species:
        return _Effect(None, None, None, None, site.coordination, difference)
    charge = site.species[0].charge
    state = dopant_state(symbol, charge, site.coordination, site.element)
    if state is None:
        return _Effect(site.state, None, None, None, site.coordination, difference)
    mismatch = radius_mismatch(site.element, charge, symbol, state, site.coordination)
    if mismatch is not None and mismatch.dopant.angstrom <= 0:
        mismatch = None  # of a bare proton Shannon's radius is negative, and compares with nothing
    return _Effect(
        site.state,
        state,
        kind(charge, state),
        None if mismatch is None else round(mismatch.percent, 1),
        site.coordination if mismatch is None else mismatch.coordination,
        difference,
    )


def _merged(each: Sequence[_Effect]) -> dict[str, Any]:
    """Put the effects on several sites into one row, in words where they are two."""
    names = [field.name for field in fields(_Effect)]
    if len(each) == 1:
        return {name: getattr(each[0], name) for name in names}

    def written(value: object) -> str:
        return "?" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)

    return {name: ", ".join(written(getattr(effect, name)) for effect in each) for name in names}


def _replaced(host: Host, elements: Sequence[str]) -> Formula:
    """Write the compound with all atoms of its sites replaced."""
    counts = Counter(dict(host.formula.counts))
    for site, symbol in zip(host.sites, elements, strict=True):
        counts[site.element] -= site.count
        counts[symbol] += site.count
    return Formula.parse(+counts)


def _compensated(host: Host, effect: _Effect, symbol: str, dilution: Dilution) -> list[str]:
    """Propose what makes the formula neutral, in words: a co-dopant, a vacancy, electrons or holes.

    Nothing where two sites change, where no states are known, or where atoms of several states are replaced.
    """
    site = host.sites[0]
    if len(host.sites) > 1 or effect.dopant_state is None or effect.kind == _ISOVALENT or not site.assigned:
        return []
    species = [Species(item.symbol, item.charge, item.count * dilution.cells) for item in site.assigned]
    own = site.species[0]
    there = sum(item.count for item in species if (item.symbol, item.charge) == (own.symbol, own.charge))
    if dilution.replaced > there:
        return []
    whole = Formula.parse({element: count * dilution.cells for element, count in site.host.counts})
    ways = compensations(
        whole,
        species,
        own.symbol,
        own.charge,
        symbol,
        effect.dopant_state,
        dilution.replaced,
        site.coordination,
    )
    first = {way.type: way.words for way in reversed(ways)}
    return [first[name] for name in ("co-dopant", "vacancy", "electrons", "holes") if name in first]
