"""A trained model as a chemist uses it: open it, generate compositions, score formulas.

    lm = load("gpt2")
    table = lm.generate(1000, seed=0)
    lm.log_prob(["SrTiO3", "NaCl"])

A request is answered for one set of conditions at a time; the defaults are those of `tokenization.CONDITIONS`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from mattransformer.data.batches import length_batches
from mattransformer.data.encoding import EncodedFormulas, encode_formulas
from mattransformer.data.known import KnownFormulas
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation.filling import MOST_SCORED, added, candidates, most_fitting, read_canvas
from mattransformer.generation.samples import MOST_ATOMS, SampleSet
from mattransformer.models.architectures import positions
from mattransformer.models.checkpoints import find_checkpoint, load_model
from mattransformer.objectives.sampling import ROUND, Truncation
from mattransformer.objectives.table import objective_of
from mattransformer.screening.screen import screen
from mattransformer.tokenization import BLANK, MASK, PROMPT_LENGTH, condition_values, prompt_ids
from mattransformer.training.loss import formula_losses

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel

# Sampling stops when fewer than this share of a round's samples are new compositions.
LEAST_PROGRESS: Final = 0.002
# Orders of atoms that the bound of a formula is averaged over. Up to 5 atoms 8 of them cost no less than all.
ORDERS: Final = 8
_FINE_ORDERS: Final = 16  # where few compositions are compared; all orders up to 6 atoms
_ROUGH_ORDERS: Final = 4
_SHORTLIST: Final = 60
_LEAST_ROUND: Final = 256
_EMBEDDED_TOKENS: Final = 8192
_log = logging.getLogger(__name__)


class GenerationError(MattransformerError):
    """A request for compositions that makes no sense."""


class LanguageModel:
    """A language model of compositions.

    Attributes:
        model: the Hugging Face model, float32, in evaluation mode.
        folder: of its checkpoint.
        objective: what it was trained for.
    """

    def __init__(self, model: PreTrainedModel, folder: Path) -> None:
        """Wrap a model; `load` is the usual way."""
        self.model = model
        self.folder = folder
        self.objective = objective_of(model)

    def generate(
        self,
        n: int = 1000,
        seed: int = 0,
        *,
        conditions: Mapping[str, str] | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        oxidation_states: str = "smact14",
        known: Iterable[str] | str | Path | None = None,
        progress: bool = False,
        **condition: str,
    ) -> pd.DataFrame:
        """Sample until n distinct compositions are there.

        Samples with one element, over 8 elements or over 30 atoms are dropped; the rest are merged by reduced
        formula. If samples hardly bring new compositions any more, what there is is returned and a warning is logged.

        Args:
            n: distinct compositions wanted.
            seed: decides the result.
            conditions: what the samples are to look like, for example `{"source": "oqmd"}`; the single conditions
                are keywords too: `source` (`mp`, `oqmd`, `user`; default `mp`) and `variant` (`strict`, `pure`,
                `mix`; default `strict`).
            temperature: below 1 for likelier, above 1 for more varied compositions.
            top_k: sample each atom among that many most probable tokens.
            top_p: sample each atom among the most probable tokens that hold this share of the probability.
            oxidation_states: the set that charge neutrality is judged with.
            known: formulas, or a text file of them, that are not new either.
            progress: show a progress bar.
            condition: conditions by keyword.

        Returns:
            One row a composition, the most probable first: `formula` (reduced), `tokens`, `log_prob` (natural
            logarithm of the model's own probability of the canonical sequence, end token included, conditions given;
            `log_prob_bound` where only a lower bound is known), `oxidation_states_set`, `charge_neutral`,
            `electronegativity_balanced`, `novel` (neither in the Materials Project, nor in OQMD, nor in `known`).
            `attrs` holds the settings and what became of the samples.

        Raises:
            MattransformerError: a request that makes no sense.
        """
        _check_whole("n", n, 1)
        _check_whole("seed", seed, 0)
        chosen = condition_values({**(conditions or {}), **condition})
        truncation = _truncation(temperature, top_k, top_p)
        listed = KnownFormulas.load()
        if known is not None:
            listed = listed.with_formulas(known)
        samples, enough = self._until(n, seed, chosen, truncation, progress=progress)
        if not enough:
            _log.warning(
                "%d compositions instead of %d: after %d samples hardly any new one appears; raise the temperature, or "
                "loosen top_k and top_p",
                len(samples.compositions),
                n,
                samples.drawn,
            )
        table = self._table(samples, chosen, oxidation_states, listed)
        table.attrs |= {
            "requested": int(n),
            "drawn": samples.drawn,
            "failures": samples.failures,
            "settings": {"seed": seed, **chosen, "temperature": temperature, "top_k": top_k, "top_p": top_p},
        }
        return table

    def sample(
        self,
        n: int,
        seed: int | list[int] = 0,
        *,
        conditions: Mapping[str, str] | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> SampleSet:
        """Draw n plain samples, repetitions and failures counted.

        Args:
            n: samples.
            seed: decides them.
            conditions: see `generate`.
            temperature: see `generate`.
            top_k: see `generate`.
            top_p: see `generate`.

        Returns:
            The samples, merged by reduced formula.

        Raises:
            MattransformerError: a request that makes no sense.
        """
        samples = SampleSet()
        prompt = prompt_ids(conditions)
        truncation = _truncation(temperature, top_k, top_p)
        samples.add(self.objective.sample(self.model, prompt, n, seed, truncation, max_tokens=MOST_ATOMS))
        return samples

    def log_prob(
        self,
        formulas: Iterable[str | Formula],
        *,
        orders: int = ORDERS,
        conditions: Mapping[str, str] | None = None,
        **condition: str,
    ) -> np.ndarray:
        """Score formulas.

        Args:
            formulas: any number; each is reduced and put in canonical order.
            orders: for RoBERTa and BLM, the random orders of the atoms that the bound is averaged over. They depend on
                the formula alone. A formula of n atoms is averaged over all orders where 2^n - 1 <= n * orders, by
                default up to 5 atoms, with 32 up to 8; beyond that the error is about a nat, and a fourfold number
                halves it.
            conditions: see `generate`.
            condition: conditions by keyword.

        Returns:
            The natural logarithm of the probability of each canonical sequence, end token included, conditions given;
            float64, (n,). Exact for GPT, GPT-2, GPT-Neo, GPT-J and BART; for RoBERTa and BLM a lower bound of it, the
            mean over orders: exact for small formulas, for larger ones an estimate that is right on average.

        Raises:
            MattransformerError: a formula that cannot be read or is longer than the model's positions.
        """
        _check_whole("orders", orders, 1)
        chosen = condition_values({**(conditions or {}), **condition})
        encoded = self._encoded(formulas, chosen)
        return -formula_losses(self.model, encoded, orders=orders)

    def fill(
        self,
        canvas: str | Sequence[str],
        top: int = 10,
        *,
        seed: int = 0,
        conditions: Mapping[str, str] | None = None,
        **condition: str,
    ) -> pd.DataFrame:
        """Fill the holes of a composition.

        Args:
            canvas: atoms or formulas with holes between them: `<mask>` for one atom, and for BART and BLM `<blank>` for
                any number. `Sr <mask> O3` asks for X in SrXO3.
            top: rows wanted.
            seed: decides what a model proposes where there are too many choices to score all: with three masks and
                more, and with blanks.
            conditions: see `generate`.
            condition: conditions by keyword.

        Returns:
            The most probable compositions, best first: `formula` (reduced), `filled` (the atoms that were put in), and
            `log_prob` of the whole composition, or `log_prob_bound`, see `log_prob`.

        Raises:
            MattransformerError: holes that cannot be read, or that this model cannot fill.
        """
        import pandas as pd

        _check_whole("top", top, 1)
        _check_whole("seed", seed, 0)
        chosen = condition_values({**(conditions or {}), **condition})
        tokens = read_canvas(canvas)
        found = candidates(self.model, prompt_ids(chosen), tokens, seed)
        if not found:
            _log.warning(
                "%s: the model proposes nothing that fits; try another model, or fewer holes", canvas
            )
        found = self._shortlist(found, tokens, _SHORTLIST + 2 * top, chosen)
        table = pd.DataFrame(
            {
                "formula": [formula.reduced_formula for formula in found],
                "filled": [added(formula, tokens) for formula in found],
                self.score: self.log_prob(found, orders=_FINE_ORDERS, conditions=chosen),
            }
        )
        ranked = table.sort_values([self.score, "formula"], ascending=[False, True], kind="stable")
        return ranked.drop_duplicates("formula", ignore_index=True).head(top)

    def _shortlist(
        self, found: list[Formula], tokens: list[str], keep: int, chosen: dict[str, str]
    ) -> list[Formula]:
        """Leave out what a rough bound puts far down, where a good one of all would take minutes."""
        if self.objective.exact or len(found) <= keep:
            return found
        if tokens.count(MASK) <= MOST_SCORED and BLANK not in tokens:
            return most_fitting(self.model, prompt_ids(chosen), tokens, found, keep)
        rough = self.log_prob(found, orders=_ROUGH_ORDERS, conditions=chosen)
        return [found[index] for index in np.argsort(-rough, kind="stable")[:keep]]

    @property
    def score(self) -> str:
        """What `log_prob` gives, as columns name it: `log_prob`, or `log_prob_bound` where it is a lower bound."""
        return "log_prob" if self.objective.exact else "log_prob_bound"

    @torch.no_grad()
    def embed(
        self,
        formulas: Iterable[str | Formula],
        *,
        conditions: Mapping[str, str] | None = None,
        **condition: str,
    ) -> np.ndarray:
        """Give each formula a vector: the mean over its atoms of the last hidden layer, of two stacks the encoder's.

        Args:
            formulas: any number; each is reduced and put in canonical order.
            conditions: see `generate`.
            condition: conditions by keyword.

        Returns:
            float32, (n, width of the model).

        Raises:
            MattransformerError: a formula that cannot be read or is longer than the model's positions.
        """
        encoded = self._encoded(formulas, condition_values({**(conditions or {}), **condition}))
        found = np.zeros((len(encoded), self.model.config.hidden_size), dtype=np.float32)
        for batch in length_batches(encoded.lengths, np.arange(len(encoded)), _EMBEDDED_TOKENS, 0, 0):
            ids = torch.from_numpy(encoded.rows(batch)).to(self.model.device)
            hidden = self.objective.hidden(self.model, ids)
            found[batch] = hidden[:, PROMPT_LENGTH:-1].mean(dim=1).float().cpu().numpy()
        return found

    def _encoded(self, formulas: Iterable[str | Formula], chosen: dict[str, str]) -> EncodedFormulas:
        """Encode formulas, each reduced and in canonical order."""
        reduced = [Formula.parse(formula).reduced for formula in formulas]
        room = positions(self.model.config) - len(chosen) - 1
        for formula in reduced:
            if formula.atoms > room:
                raise GenerationError(f"{formula}: {formula.atoms} atoms, but the model has room for {room}")
        return encode_formulas(
            [formula.reduced_formula for formula in reduced],
            [chosen["source"]] * len(reduced),
            [chosen["variant"]] * len(reduced),
        )

    def _until(
        self, n: int, seed: int, chosen: dict[str, str], truncation: Truncation, *, progress: bool
    ) -> tuple[SampleSet, bool]:
        """Sample in rounds until n distinct compositions are there, or a round brings hardly a new one."""
        from tqdm import tqdm

        samples, rounds = SampleSet(), 0
        with tqdm(total=n, desc="generating", unit="formula", disable=None if progress else True) as bar:
            while (found := len(samples.compositions)) < n:
                wanted = n - found
                size = min(ROUND, max(_LEAST_ROUND, int(wanted * 1.1) if rounds == 0 else wanted * 2))
                sequences = self.objective.sample(
                    self.model, prompt_ids(chosen), size, [seed, rounds], truncation, max_tokens=MOST_ATOMS
                )
                samples.add(sequences)
                rounds += 1
                gained = len(samples.compositions) - found
                bar.update(min(gained, wanted))
                if gained < LEAST_PROGRESS * size:
                    break
        enough = len(samples.compositions) >= n
        _keep(samples, n, seed)
        return samples, enough

    def _table(
        self, samples: SampleSet, chosen: dict[str, str], oxidation_states: str, listed: KnownFormulas
    ) -> pd.DataFrame:
        formulas = [composition.formula for composition in samples.compositions.values()]
        log_probs = np.array(
            [np.nan if c.log_prob is None else c.log_prob for c in samples.compositions.values()]
        )
        unscored = np.flatnonzero(np.isnan(log_probs))
        if len(unscored):
            log_probs[unscored] = self.log_prob([formulas[index] for index in unscored], conditions=chosen)
        table = screen(list(samples.compositions), oxidation_states=oxidation_states, known=listed)
        table["tokens"] = [" ".join(formula.tokens) for formula in formulas]
        table[self.score] = log_probs
        columns = ["formula", "tokens", self.score, "oxidation_states_set", "charge_neutral"]
        table = table[[*columns, "electronegativity_balanced", "novel"]]
        return table.sort_values([self.score, "formula"], ascending=[False, True], ignore_index=True)


def load(name_or_folder: str | Path = "gpt2") -> LanguageModel:
    """Open a checkpoint.

    Args:
        name_or_folder: a shipped name such as `gpt2`, or a folder.

    Returns:
        The model.

    Raises:
        CheckpointError: a missing, damaged or foreign checkpoint; the file and the reason are named.
    """
    return LanguageModel(load_model(name_or_folder), find_checkpoint(name_or_folder))


def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise GenerationError(f"{name}: {value!r} is not possible; give a whole number from {least}")


def _truncation(temperature: float, top_k: int | None, top_p: float | None) -> Truncation:
    if not isinstance(temperature, int | float | np.number) or not 1e-3 <= temperature <= 100:
        raise GenerationError(
            f"temperature: {temperature!r} is not possible; give a number from 0.001 to 100, 1 is the model itself"
        )
    if top_k is not None:
        _check_whole("top_k", top_k, 1)
    if top_p is not None and not (isinstance(top_p, int | float | np.number) and 0 < top_p <= 1):
        raise GenerationError(f"top_p: {top_p!r} is not possible; give a share above 0 and up to 1")
    return Truncation(temperature, top_k, top_p)


def _keep(samples: SampleSet, n: int, seed: int) -> None:
    """Drop surplus compositions as if sampling had stopped at the n-th: those that came later in a random order."""
    names: Sequence[str] = list(samples.compositions)
    if len(names) <= n:
        return
    counts = np.array([samples.compositions[name].count for name in names])
    # The first of c uniform draws: its distribution is that of 1 - U ** (1 / c).
    arrival = 1 - np.random.default_rng([seed, n]).random(len(names)) ** (1 / counts)
    kept = {names[index]: samples.compositions[names[index]] for index in np.sort(np.argsort(arrival)[:n])}
    samples.compositions = kept
