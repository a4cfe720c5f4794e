"""Published and simple rankers of the elements that could take a site: what a model has to be better than.

>>> from mattransformer.formula import Formula
>>> from mattransformer.tinkering.sites import INDEX, Site
>>> row = IonicSubstitution().scores([Site(Formula.parse("SrTiO3"), "Ti")])[0]
>>> bool(row[INDEX["Zr"]] > row[INDEX["Na"]])
True

A score has a meaning within one site and one ranker: higher is likelier, and its unit is the ranker's own. The
element of the site and the other elements of the host are scored as any; whoever ranks masks them.

The tables of Hautier and of SMACT are read from the installed pymatgen and SMACT, never copied, once a process.
Both were learned from compounds of the ICSD or of the Materials Project, which may include those of a benchmark.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ACTINIDES, ATOMIC_NUMBER, LANTHANIDES
from mattransformer.formula import Formula
from mattransformer.screening.assignments import assign_oxidation_states
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Ranker, Site, TinkeringError

if TYPE_CHECKING:
    from smact.dopant_prediction.doper import Doper

__all__ = [
    "BASELINES",
    "DopantPredictor",
    "ElementFrequency",
    "IonicSubstitution",
    "PeriodicDistance",
    "SpeciesEmbedding",
]

_EVERY: Final = 1_000_000  # more dopants than there are, so that SMACT gives them all
_HOST_ION: Final = 1  # places in a row of SMACT's results
_COMBINED: Final = 5
_SAME_CHARGE: Final = ", same charge first"

_Floats = NDArray[np.float64]
_Ion = tuple[str, int]  # symbol, oxidation state in units of e
_Table = Mapping[_Ion, _Floats]  # of each ion on a site, the scores of all candidates


@dataclass(frozen=True, eq=False)
class ElementFrequency:
    """The commoner an element is in known compounds, the likelier it takes any site.

    Score: natural logarithm of the number of compounds that hold the element, plus one. Every candidate has one.

    Attributes:
        counts: compounds that hold each candidate, (candidates,).
    """

    counts: NDArray[np.int64]
    name = "element frequency"

    def __post_init__(self) -> None:
        """Refuse counts that are not one a candidate.

        Raises:
            TinkeringError: it names the shape, or the smallest count.
        """
        if self.counts.shape != (len(CANDIDATES),):
            raise TinkeringError(f"counts of shape {self.counts.shape}: give ({len(CANDIDATES)},)")
        if self.counts.min() < 0:
            raise TinkeringError(f"counts: {self.counts.min()} compounds; give whole numbers from 0")

    @classmethod
    def of(cls, formulas: Iterable[Formula]) -> ElementFrequency:
        """Count compounds: each formula once an element, whatever its atoms; elements past lawrencium not at all."""
        counts = np.zeros(len(CANDIDATES), dtype=np.int64)
        for formula in formulas:
            counts[[INDEX[symbol] for symbol in formula.elements if symbol in INDEX]] += 1
        return cls(counts)

    def scores(self, sites: Sequence[Site]) -> _Floats:
        """Score every candidate, (sites, candidates): one row for all."""
        return np.tile(np.log(self.counts + 1.0), (len(sites), 1))


@dataclass(frozen=True)
class PeriodicDistance:
    """The nearer two elements are in the periodic table, the likelier one takes the other's site.

    Score: minus the distance ``|difference of groups| + |difference of periods|``, in steps. Groups run from 1 to
    18 and periods from 1 to 7 (pymatgen's `Element.group` and `Element.row`; H is in group 1, He in group 18).
    Lanthanides and actinides share group 3: the n-th of the 15, from 0 for La and Ac, stands at ``3 + n / 15``,
    so that Gd is next to Eu and Tb, and Lu comes just before Hf. Every candidate has a score.
    """

    name = "distance in the periodic table"

    def scores(self, sites: Sequence[Site]) -> _Floats:
        """Score every candidate, (sites, candidates), in steps, at most 0."""
        places = _places()
        own = np.array([ATOMIC_NUMBER[site.element] - 1 for site in sites], dtype=np.int64)
        if own.size and own.max() >= len(CANDIDATES):
            raise TinkeringError("a site of an element past lawrencium has no place among the candidates")
        return -np.abs(places[own, None] - places[None]).sum(axis=2)


@dataclass(frozen=True)
class IonicSubstitution:
    """Ionic substitutions mined from the ICSD: Hautier et al., Inorg. Chem. 50, 656 (2011), in pymatgen.

    Score: natural logarithm of the conditional probability of a species of the candidate where the host has one of
    the site's (`SubstitutionProbability.cond_prob`), the highest over the pairs of both. A candidate has no say
    without a species in the table of 230; a site has none without oxidation states, or where the table lacks them.

    Attributes:
        same_charge: whether candidates with a species of a charge that the site has come first, all others behind
            them in their own order (their scores less a constant). It is the strongest form that we found.
    """

    same_charge: bool = True
    name = "ionic substitution (Hautier et al.)"

    def __post_init__(self) -> None:
        """Add what the flag does to the name."""
        if self.same_charge:
            object.__setattr__(self, "name", self.name + _SAME_CHARGE)

    def scores(self, sites: Sequence[Site]) -> _Floats:
        """Score every candidate, (sites, candidates); NaN where the table has no species."""
        table = _substitutions(self.same_charge)
        return _stacked(_row(site, table) for site in sites)


@dataclass(frozen=True)
class SpeciesEmbedding:
    """Cosine similarity of SMACT's SkipSpecies vectors: Onwuli et al., APL Mach. Learn. 2, 036112 (2024).

    Score: the highest similarity, -1 to 1, of a species of the candidate and one of the site. A candidate has no
    say without a species among the 319 embedded ones; a site has none without oxidation states among them.

    Attributes:
        same_charge: as of `IonicSubstitution`.
    """

    same_charge: bool = True
    name = "species embedding (SkipSpecies)"

    def __post_init__(self) -> None:
        """Add what the flag does to the name."""
        if self.same_charge:
            object.__setattr__(self, "name", self.name + _SAME_CHARGE)

    def scores(self, sites: Sequence[Site]) -> _Floats:
        """Score every candidate, (sites, candidates); NaN where a species has no vector."""
        table = _similarities(self.same_charge)
        return _stacked(_row(site, table) for site in sites)


@dataclass(frozen=True)
class DopantPredictor:
    """SMACT's dopant predictor (`smact.dopant_prediction.doper.Doper`) with its defaults.

    It proposes aliovalent dopants alone: species of a higher (n-type) or a lower charge (p-type) than the species
    they replace, and of its sign. Score: SMACT's combined score, 0.75 times the lambda of Hautier et al. plus 0.25
    times the selectivity for the site among the cations of the host, the highest over the pairs of species of
    candidate and site. The host has the species of its likeliest assignment, those of the site as the site says. A
    candidate that SMACT does not propose has no say; a site has none in a host that does not balance.

    Pairs that were never observed (lambda -5) equal SMACT's threshold and pass it or not by the last digit of its
    normaliser. SMACT's answer is kept as it is: such elements come last, or have no score, on one machine or another.
    """

    name = "SMACT's dopant predictor"

    def scores(self, sites: Sequence[Site]) -> _Floats:
        """Score every candidate, (sites, candidates); NaN where SMACT proposes no dopant of the element."""
        return _stacked(_row(site, _dopants(_host_ions(site))) for site in sites)


BASELINES: Final[dict[str, Callable[[], Ranker]]] = {
    "periodic": PeriodicDistance,
    "hautier": IonicSubstitution,
    "hautier-any-charge": partial(IonicSubstitution, same_charge=False),
    "smact-doper": DopantPredictor,
    "skipspecies": SpeciesEmbedding,
    "skipspecies-any-charge": partial(SpeciesEmbedding, same_charge=False),
}
"""Short key to what makes the ranker; `ElementFrequency`, key ``frequency`` by custom, needs counts and is not here."""


def _stacked(rows: Iterable[_Floats]) -> _Floats:
    """Stack rows of candidates, of which there may be none."""
    return np.array(list(rows), dtype=np.float64).reshape(-1, len(CANDIDATES))


def _row(site: Site, table: _Table) -> _Floats:
    """Take the best score of each candidate over the species of a site, (candidates,)."""
    best = np.full(len(CANDIDATES), np.nan)
    for species in site.species:
        known = table.get((species.symbol, species.charge)) if species.count else None
        if known is not None:
            np.fmax(best, known, out=best)  # fmax passes NaN over
    return best


@functools.cache
def _places() -> _Floats:
    """Group and period of every candidate, (candidates, 2)."""
    from pymatgen.core.periodic_table import Element  # slow to import

    places = np.array([(Element(symbol).group, Element(symbol).row) for symbol in CANDIDATES], dtype=float)
    for series, first in ((LANTHANIDES, "La"), (ACTINIDES, "Ac")):
        for symbol in series:
            places[INDEX[symbol], 0] = 3 + (INDEX[symbol] - INDEX[first]) / len(series)
    return places


@functools.cache
def _substitutions(same_charge: bool) -> _Table:
    """Logarithms of the conditional probabilities of Hautier et al."""
    return _by_element(*_conditional(), same_charge)


@functools.cache
def _conditional() -> tuple[list[_Ion], _Floats]:
    """Species of the table of Hautier et al., and log P(column's species | row's), (species, species)."""
    try:  # slow to import
        from pymatgen.core.structure_prediction.substitution_probability import SubstitutionProbability
    except ModuleNotFoundError:  # pymatgen before 2026
        from pymatgen.analysis.structure_prediction.substitution_probability import SubstitutionProbability

    model: Any = SubstitutionProbability()
    species = sorted(model.species, key=str)
    probabilities = [[model.cond_prob(new, old) for new in species] for old in species]
    return [(one.symbol, int(one.oxi_state)) for one in species], np.log(np.array(probabilities))


@functools.cache
def _similarities(same_charge: bool) -> _Table:
    """Cosine similarities of the SkipSpecies vectors, as SMACT lists them for all pairs."""
    from smact.dopant_prediction.doper import SKIPSPECIES_COSINE_SIM_PATH
    from smact.utils.species import parse_spec

    pairs = json.loads(Path(SKIPSPECIES_COSINE_SIM_PATH).read_text(encoding="utf-8"))
    place = {written: at for at, written in enumerate(sorted({pair[0] for pair in pairs}))}
    values = np.full((len(place), len(place)), np.nan)
    for old, new, similarity in pairs:
        values[place[old], place[new]] = similarity
    return _by_element([parse_spec(written) for written in place], values, same_charge)


def _by_element(ions: list[_Ion], values: _Floats, same_charge: bool) -> _Table:
    """Take the best of each candidate's ions.

    Args:
        ions: of rows and columns alike.
        values: score of the column's ion where the host has the row's, (ions, ions).
        same_charge: whether ions of another charge come behind all ions of the same.
    """
    if same_charge:
        charges = np.array([charge for _, charge in ions])
        behind = float(values.max() - values.min()) + 1.0  # more than the spread: the two never overlap
        values = values - behind * (charges[:, None] != charges[None])
    scores = np.full((len(ions), len(CANDIDATES)), np.nan)
    for column, (symbol, _) in enumerate(ions):
        if symbol in INDEX:
            own = scores[:, INDEX[symbol]]
            np.fmax(own, values[:, column], out=own)
    return dict(zip(ions, scores, strict=True))


def _host_ions(site: Site) -> tuple[_Ion, ...]:
    """All ions of the host, each once and in one order; none where it does not balance."""
    best = assign_oxidation_states(site.host, most=1)
    if not best:
        return ()
    others = (species for species in best[0].species if species.symbol != site.element)
    return tuple(sorted({(species.symbol, species.charge) for species in (*others, *site.species)}))


@functools.cache
def _doper() -> Doper:
    """SMACT's predictor, one for all hosts, since it fills a table of all pairs of species when it is made."""
    from smact.dopant_prediction.doper import Doper

    doper = Doper(())
    mutator = doper.cation_mutator  # it looks a pair up in a pandas table, which takes most of the time
    mutator.get_lambda = functools.cache(mutator.get_lambda)  # type: ignore[method-assign]
    return doper


@functools.lru_cache(maxsize=4096)  # sites of one host, and of hosts with the same ions, share an answer
def _dopants(host: tuple[_Ion, ...]) -> _Table:
    """SMACT's combined scores of all dopants that it proposes for each ion of a host."""
    if not host:
        return {}
    from smact.utils.species import parse_spec, unparse_spec

    doper = _doper()
    doper.original_species = tuple(unparse_spec(ion) for ion in host)
    proposed: dict[_Ion, _Floats] = {}
    for found in doper.get_dopants(num_dopants=_EVERY, group_by_charge=False).values():
        for dopant in found["sorted"]:
            row = proposed.setdefault(parse_spec(dopant[_HOST_ION]), np.full(len(CANDIDATES), np.nan))
            symbol, _ = parse_spec(dopant[0])
            if symbol in INDEX:
                row[INDEX[symbol]] = np.fmax(row[INDEX[symbol]], dopant[_COMBINED])
    return proposed
