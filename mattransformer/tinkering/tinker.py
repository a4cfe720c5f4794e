"""`mattransformer.tinker`: which element could sit here, and what would it do."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mattransformer.data.known import KnownFormulas
from mattransformer.formula import Formula
from mattransformer.generation.language_model import LanguageModel, load
from mattransformer.generation.requests import Listed, known_besides
from mattransformer.notation import show
from mattransformer.screening.oxidation import oxidation_states as state_set
from mattransformer.screening.rules import charge_neutral
from mattransformer.tinkering.baselines import BASELINES
from mattransformer.tinkering.combined import Calibration, Combined
from mattransformer.tinkering.compounds import FilledSite, LikelihoodChange
from mattransformer.tinkering.hosts import Elements, Host, is_canvas, is_structure, read_elements, read_host
from mattransformer.tinkering.network import load_network
from mattransformer.tinkering.sites import Ranker, TinkeringError
from mattransformer.tinkering.suggestions import Tinkerer, Wish
from mattransformer.tinkering.supercells import nearest_dilution
from mattransformer.tokenization import BLANK

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core.structure import Structure

COMBINED: Final = "combined"
NETWORK: Final = "network"
SCORES: Final = (COMBINED, NETWORK, *BASELINES)
"""What candidates can be ranked by."""
_BATCH: Final = 256
_MASK_MODEL: Final = "roberta"
_BLANK_MODEL: Final = "blm"


def tinker(
    host: str | Path | Formula | Structure | Sequence[Any],
    site: str | Sequence[Any] | None = None,
    *,
    fraction: float | None = None,
    top: int = 20,
    only: Elements = None,
    forbid: Elements = None,
    score: str = COMBINED,
    model: str | Path | LanguageModel | None = None,
    masked: str | Path | LanguageModel | None = None,
    coordination: int | None = None,
    oxidation_states: str = "smact14",
    known: Listed = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Suggest elements that could take the place of another, best first.

    Args:
        host: a formula, a pymatgen structure or the name of a file with one, or a composition with holes such as
            `Sr <mask> O O O` or `Sr Ti <blank>`; also a list of formulas, or what `hosts.read_hosts` gives.
        site: element to be replaced; two of them are replaced together, and scored jointly. Of a structure also the
            label of one of its symmetry-distinct sites, such as `Fe2`; an element stands for all its sites, each of
            which is a question of its own. With a list of hosts, one element a host. Not with holes.
        fraction: of the site's atoms that is replaced, from 0.005 to 1; where it is not feasible, the nearest one is
            taken. None replaces all.
        top: suggestions a host.
        only: elements that may come, as symbols in a list or a text; groups are in `mattransformer.elements`.
        forbid: elements that may not. Without `only`, elements with no stable isotope are left out, unless the site
            holds one.
        score: what ranks: `combined`, `network` (faster: no causal model is asked), or a baseline: `periodic`,
            `hautier`, `hautier-any-charge`, `smact-doper`, `skipspecies`, `skipspecies-any-charge`.
        model: causal model of the combined score, `gpt2` where left out; with holes, the model that fills them.
        masked: a masked or blank-filling model (`roberta`, `blm`) whose score of the suggestions is shown beside.
        coordination: nearest neighbours of the site, where the host is a formula; it decides the radii. Six if unknown.
        oxidation_states: set that `charge_neutral` goes by where all atoms of a site are replaced.
        known: formulas, or a file of them, that are known besides the Materials Project and OQMD.
        progress: show a progress bar over a list of hosts.

    Returns:
        One row a suggestion: `rank`, `dopant` (element symbol), `host`, `site`, `formula` (of the supercell, where a
        fraction is given), `fraction` (as reached), `probability` (of the score, over all elements that the host does
        not have; with a fraction relative and not calibrated; empty for a baseline, whose scores are none),
        `log_odds` (ln of how much likelier the dopant is on
        the site than the host's element, from the surroundings alone), `masked_probability` (from the surroundings
        alone, all atoms of the site together),
        `exchange_probability` (the element that is there being told), `joining_probability` (that it joins the
        element that is there, instead of replacing all its atoms; with the size of the ions it ranks where a fraction
        is given), `log_likelihood_change` (ln of the probability of the compound under the causal model over that of
        the host; empty beyond the shortlist of 30 and beyond 30 atoms), `host_state` (mean oxidation state),
        `dopant_state`, `kind` (`donor`, `acceptor` or `isovalent`), `charge_neutral` (whether the compound can be, its
        elements in any states of
        `oxidation_states_set`; with a fraction, whether the dopant has the state of the ion it replaces),
        `compensation` (what would make the formula neutral, all others in the host's states),
        `radius_mismatch_percent` (Shannon radius of the dopant over that of the host's ion), `coordination` (that the
        radii are for), `electronegativity_difference` (Pauling, dopant less host) and `known`.
        For a composition with holes: `rank`, `dopant` (what was filled in), `formula`, `probability` (among the rows),
        `log_prob` or `log_prob_bound`, `charge_neutral`, `oxidation_states_set`, `known`.

    Raises:
        TinkeringError: a host, a site, a fraction or an option that makes no sense, in one line.
        MattransformerError: see `LanguageModel.fill` and `load`.
    """
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise TinkeringError(f"top: {top!r} is not possible; give a whole number from 1")
    if score not in SCORES:
        raise TinkeringError(f"score: {show(score)} is not possible; choose one of {', '.join(SCORES)}")
    state_set(oxidation_states)
    index = known_besides(known)
    if is_canvas(host):
        if site is not None or fraction is not None:
            raise TinkeringError(
                f"{host}: a composition with holes says by itself what is to be filled; leave out site and fraction"
            )
        if score != COMBINED or any(given is not None for given in (only, forbid, masked, coordination)):
            raise TinkeringError(
                f"{host}: only, forbid, score, masked and coordination go with a site; leave them out, and choose "
                "among the rows of the table"
            )
        return _filled(str(host), top, model, oxidation_states, index)
    if fraction is not None:
        nearest_dilution(1, fraction)  # refuses what is none
    wish = Wish(
        fraction,
        top,
        read_elements("only", only),
        read_elements("forbid", forbid) or frozenset(),
        oxidation_states,
    )
    hosts = _hosts(host, site, coordination)
    if fraction is not None and any(len(each.sites) > 1 for each in hosts):
        raise TinkeringError("fraction: it is for one site; give the sites one by one")
    asked = tinkerer(score, "gpt2" if model is None else model, masked, index)
    return _in_batches(asked, hosts, wish, progress=progress)


def tinkerer(
    score: str,
    model: str | Path | LanguageModel,
    masked: str | Path | LanguageModel | None,
    known: KnownFormulas,
) -> Tinkerer:
    """Load what `tinker` asks; a checkpoint that was named before is not read again."""
    network = load_network()
    ranker: Ranker
    if score == COMBINED:
        ranker = Combined(network, Calibration.load(), LikelihoodChange(_loaded(model)))
    else:
        ranker = network if score == NETWORK else BASELINES[score]()
    return Tinkerer(network, ranker, known, [] if masked is None else [_filling(_loaded(masked))])


def _hosts(host: Any, site: Any, coordination: int | None) -> list[Host]:  # noqa: ANN401 - see `tinker`
    if isinstance(host, str | Path | Formula) or is_structure(host) or not isinstance(host, Iterable):
        return read_host(host, site, coordination)
    formulas = list(host)
    if formulas and all(isinstance(each, Host) for each in formulas):
        return formulas
    sites = [site] * len(formulas) if isinstance(site, str) or site is None else list(site)
    if len(sites) != len(formulas):
        raise TinkeringError(
            f"site: {len(sites)} for {len(formulas)} hosts; give one element for all, or one a host"
        )
    return [
        each
        for formula, own in zip(formulas, sites, strict=True)
        for each in read_host(formula, own, coordination)
    ]


def _in_batches(asked: Tinkerer, hosts: list[Host], wish: Wish, *, progress: bool) -> pd.DataFrame:
    import pandas as pd
    from tqdm import tqdm

    starts = range(0, max(len(hosts), 1), _BATCH)
    bar = tqdm(starts, desc="tinkering", unit="batch", disable=None if progress else True)
    tables = [asked.suggest(hosts[start : start + _BATCH], wish) for start in bar]
    return pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]


def _filled(
    canvas: str, top: int, model: str | Path | LanguageModel | None, states: str, known: KnownFormulas
) -> pd.DataFrame:
    """Fill the holes of a composition."""
    usual = _BLANK_MODEL if BLANK in canvas else _MASK_MODEL
    lm = _loaded(usual if model is None else model)
    table = lm.fill(canvas, top=top)
    score = np.array(table[lm.score], dtype=np.float64)
    shares = np.exp(score - score.max()) if len(score) else score
    return table.assign(
        rank=range(1, len(table) + 1),
        dopant=table["filled"],
        probability=shares / shares.sum() if len(score) else score,
        charge_neutral=[charge_neutral(Formula.parse(formula), states) for formula in table["formula"]],
        oxidation_states_set=states,
        known=known.contains(table["formula"].tolist()) if len(table) else [],
    )[
        [
            *("rank", "dopant", "formula", "probability", lm.score),
            *("charge_neutral", "oxidation_states_set", "known"),
        ]
    ]


def _filling(lm: LanguageModel) -> Ranker:
    return LikelihoodChange(lm) if lm.objective.exact else FilledSite(lm)


def _loaded(model: str | Path | LanguageModel) -> LanguageModel:
    return model if isinstance(model, LanguageModel) else _open(str(model))


@functools.lru_cache(maxsize=4)
def _open(name: str) -> LanguageModel:
    return load(name)
