"""What language models say of the compounds that a replacement leads to.

A causal model is asked for the whole compound: by how much is BaTiO3 likelier than SrTiO3. A masked or blank-filling
model is asked for the atoms of the site alone, all of them together, with the rest of the compound as it is. Both know
compounds of up to 30 atoms; a site of a larger one they leave unscored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mattransformer.formula import Formula
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Site
from mattransformer.tokenization import END_ID, TOKEN_ID, prompt_ids

if TYPE_CHECKING:
    from mattransformer.generation.language_model import LanguageModel

_CONDITIONS: Final = {"source": "mp", "variant": "strict"}
_ORDERS: Final = 4
_TOKENS: Final = 8192


def replacements(site: Site, compared: NDArray[np.bool_] | None = None) -> dict[int, Formula]:
    """List the compounds that a site can lead to.

    Args:
        site: of a host.
        compared: candidates that count, (candidates,); None for all but the elements of the other atoms.

    Returns:
        Place of the candidate to the reduced compound; nothing for one beyond what the language models know.
    """
    if site.host.reduced.atoms > MOST_ATOMS:
        return {}
    present = {INDEX[symbol] for symbol, _ in site.others if symbol in INDEX}
    chosen = np.ones(len(CANDIDATES), dtype=bool) if compared is None else compared
    filled = {
        at: site.filled(CANDIDATES[at]).reduced for at in np.flatnonzero(chosen).tolist() if at not in present
    }
    return {at: compound for at, compound in filled.items() if compound.atoms <= MOST_ATOMS}


@dataclass(frozen=True, eq=False)
class LikelihoodChange:
    """By how much a replacement makes the compound likelier, under a model whose likelihood is exact.

    Attributes:
        lm: a causal model, or BART.
    """

    lm: LanguageModel

    @property
    def name(self) -> str:
        """As tables name it."""
        return f"{self.lm.name}, change of log-likelihood"

    def scores(self, sites: Sequence[Site], compared: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Score candidates: ln P(compound) - ln P(host), (sites, candidates).

        Args:
            sites: any number.
            compared: candidates to score, (sites, candidates); None for all. The others are NaN.
        """
        found = np.full((len(sites), len(CANDIDATES)), np.nan)
        places: dict[Formula, int] = {}
        wanted: list[tuple[int, int, int, int]] = []
        for row, site in enumerate(sites):
            filled = replacements(site, None if compared is None else compared[row])
            own = places.setdefault(site.host.reduced, len(places)) if filled else 0
            wanted.extend(
                (row, at, places.setdefault(formula, len(places)), own) for at, formula in filled.items()
            )
        if wanted:
            log_probs = self.lm.log_prob(list(places), conditions=_CONDITIONS)
            rows, columns, new, old = np.array(wanted).T
            found[rows, columns] = log_probs[new] - log_probs[old]
        return found


@dataclass(frozen=True, eq=False)
class FilledSite:
    """How likely a model finds the atoms of the site, given the rest: all of them jointly, in any order.

    Attributes:
        lm: a masked or blank-filling model, RoBERTa or BLM.
        orders: that the bound is averaged over; up to three atoms it is exact.
    """

    lm: LanguageModel
    orders: int = _ORDERS

    @property
    def name(self) -> str:
        """As tables name it."""
        return f"{self.lm.name}, site filled given the rest"

    def scores(self, sites: Sequence[Site], compared: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Score candidates: ln P(atoms of the site | the others), or a bound of it, (sites, candidates)."""
        found = np.full((len(sites), len(CANDIDATES)), np.nan)
        for row, site in enumerate(sites):
            filled = replacements(site, None if compared is None else compared[row])
            if filled:
                found[row, list(filled)] = self._filled(list(filled), list(filled.values()))
        return found

    @torch.no_grad()
    def _filled(self, places: list[int], compounds: list[Formula]) -> NDArray[np.float64]:
        """Score the compounds of one site; all have the same number of atoms of it."""
        model = self.lm.model
        prompt = prompt_ids(_CONDITIONS)
        values = np.full(len(compounds), np.nan)
        lengths = np.array([formula.atoms for formula in compounds])
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            for part in np.array_split(rows, -(-len(rows) * int(length) // _TOKENS)):
                tokens = [compounds[row].tokens for row in part]
                new = [CANDIDATES[places[row]] for row in part]
                ids = torch.tensor([[*prompt, *(TOKEN_ID[token] for token in own), END_ID] for own in tokens])
                given = torch.tensor(
                    [[token != symbol for token in own] for own, symbol in zip(tokens, new, strict=True)]
                )
                nats = self.lm.objective.nats(
                    model, ids.to(model.device), 0, self.orders, given.to(model.device)
                )
                values[part] = -nats.double().cpu().numpy()
        return values
