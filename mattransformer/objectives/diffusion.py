"""Masked diffusion: atoms are masked at a rate drawn from 0 to 1 and predicted, each by itself, from what is left.

With a number of atoms n drawn from the training rows, all atoms masked, and one position after another filled in a
random order, such a model generates. The probability of a formula is a mean over orders, of which

    log p >= log p(n) + sum over k of the mean over sets M of k masked atoms of (1/k) * sum over M of log p(atom | rest)

is a lower bound (Uria, Murray, Larochelle, ICML 2014; Sahoo et al., NeurIPS 2024). Training draws one k and one set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from mattransformer.errors import MattransformerError
from mattransformer.objectives.choices import Samples
from mattransformer.objectives.left_to_right import MaskStepper
from mattransformer.objectives.losses import Losses, broken_choice_loss
from mattransformer.objectives.orders import mean_over_orders
from mattransformer.objectives.prefix_tree import Plan, PrefixTree
from mattransformer.objectives.sampling import (
    ROUND,
    TILE,
    SampledSequence,
    Truncation,
    probabilities,
)
from mattransformer.tokenization import END_ID, FIRST_ELEMENT_ID, MASK_ID, PROMPT_LENGTH, VOCABULARY

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mattransformer.data.encoding import EncodedFormulas
    from mattransformer.models.architectures import Architecture

LENGTHS: Final = "formula_lengths"
"""Setting of the configuration: conditions to how often each number of atoms, from 0, came among the training rows."""


class LengthError(MattransformerError):
    """A model that knows nothing of numbers of atoms, since it was never trained."""


class MaskedDiffusion:
    """RoBERTa."""

    exact = False
    fills_blanks = False
    fills_in_order = False
    left_to_right = False

    def __init__(self, row: Architecture) -> None:
        """Take a row of the table of architectures."""
        del row

    def losses(self, model: Any, ids: torch.Tensor, *, ruled: bool = False) -> Losses:  # noqa: ANN401 - wrapped for several processes
        """See `Objective.losses`; an unbiased draw of the bound, but for the constant log p(n).

        The numbers of masked atoms of a batch are spread evenly, which lowers the variance of its mean. Where one atom
        alone is masked, its choice ends the formula.
        """
        rows, atoms = ids.shape[0], ids.shape[1] - PROMPT_LENGTH - 1
        shares = (torch.rand(()) + torch.randperm(rows) / rows) % 1
        counts = 1 + (shares * atoms).long().clamp_(max=atoms - 1)
        ranks = torch.rand(rows, atoms).argsort(dim=1).argsort(dim=1)
        masked = (ranks < counts[:, None]).to(ids.device)
        counts = counts.to(ids.device)
        logits = self._logits(model, ids, masked)
        nats = self._nats(logits, ids, masked).sum(dim=1) * (atoms / counts)
        broken = torch.zeros_like(nats)
        if ruled:
            last = torch.nonzero(counts == 1)[:, 0]
            at = masked[last].long().argmax(dim=1)
            broken = broken.index_add(0, last, atoms * broken_choice_loss(logits[last, at], ids[last], at))
        return Losses(nats, broken)

    @torch.no_grad()
    def nats(
        self,
        model: PreTrainedModel,
        ids: torch.Tensor,
        seed: int,
        orders: int,
        given: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See `Objective.nats`; the bound, and with atoms that are given none of the number of atoms."""

        def score(rows: np.ndarray, placed: np.ndarray) -> np.ndarray:
            chosen, masked = ids[torch.from_numpy(rows)], ~torch.from_numpy(placed).to(ids.device)
            nats = self._nats(self._logits(model, chosen, masked), chosen, masked).sum(dim=1)
            found: np.ndarray = -nats.double().cpu().numpy()
            return found

        atoms = ids[:, PROMPT_LENGTH:-1].cpu().numpy()
        if given is not None:
            return torch.from_numpy(-mean_over_orders(score, atoms, orders, seed, given.cpu().numpy()))
        lengths = [self._length_shares(model, row[:PROMPT_LENGTH])[atoms.shape[1]] for row in ids.tolist()]
        return torch.from_numpy(-mean_over_orders(score, atoms, orders, seed) - np.log(lengths))

    def sample(
        self,
        model: PreTrainedModel,
        prompt: list[int],
        n: int,
        seed: int | list[int],
        truncation: Truncation | None = None,
        *,
        max_tokens: int,
    ) -> Iterator[SampledSequence]:
        """See `Objective.sample`; the number of atoms is drawn first."""
        generator = np.random.default_rng(seed)
        shares = self._length_shares(model, prompt)[: max_tokens + 1]
        for start in range(0, n, ROUND):
            drawn = generator.multinomial(min(ROUND, n - start), shares / shares.sum())
            for atoms in np.flatnonzero(drawn).tolist():
                canvas = [*prompt, *[MASK_ID] * atoms, END_ID]
                yield from fill_masks(model, canvas, int(drawn[atoms]), generator, truncation or Truncation())

    def fill(
        self, model: PreTrainedModel, canvas: Sequence[int], n: int, seed: int, *, max_tokens: int
    ) -> Iterator[SampledSequence]:
        """See `Objective.fill`; no canvas gets longer."""
        del max_tokens
        return fill_masks(model, list(canvas), n, np.random.default_rng(seed), Truncation())

    def hidden(self, model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
        """See `Objective.hidden`."""
        return model(input_ids=ids, output_hidden_states=True).hidden_states[-1]

    def trees(self, model: PreTrainedModel, plan: Plan) -> Iterator[PrefixTree]:
        """See `Objective.trees`."""
        choice, rules = plan.choice, plan.rules
        assert rules is not None
        assert isinstance(choice, Samples)
        shares = self._length_shares(model, plan.prompt)[: plan.max_tokens + 1]
        numbers = ((atoms, rules.with_atoms(atoms)) for atoms in range(2, len(shares)))
        parts = {atoms: own for atoms, own in numbers if own is not None}
        possible = np.array(sorted(parts))
        shares = shares[possible] / shares[possible].sum()
        drawn = np.random.default_rng(plan.seed).multinomial(choice.n, shares)
        for atoms, n, share in zip(possible.tolist(), drawn.tolist(), shares.tolist(), strict=True):
            if n:
                seed = [*np.atleast_1d(plan.seed).tolist(), atoms]
                own = replace(plan, choice=replace(choice, n=n), seed=seed, rules=parts[atoms])
                yield PrefixTree(MaskStepper(model, atoms), own, model.device, log_share=math.log(share))

    def observe(self, model: PreTrainedModel, formulas: EncodedFormulas, weights: np.ndarray) -> None:
        """Keep how often each number of atoms comes under each condition, for `sample`.

        Args:
            model: its configuration is changed; what it knows of other conditions stays.
            formulas: training rows.
            weights: how often each is seen.
        """
        known: dict[str, list[float]] = dict(getattr(model.config, LENGTHS, None) or {})
        prompts = np.stack([formulas.ids[formulas.starts[:-1] + at] for at in range(PROMPT_LENGTH)], axis=1)
        atoms = formulas.lengths - PROMPT_LENGTH - 1
        for prompt in np.unique(prompts, axis=0).tolist():
            chosen = (prompts == prompt).all(axis=1)
            counts = np.bincount(atoms[chosen], weights[chosen])
            if counts.any():
                known[_name(prompt)] = [round(float(count), 3) for count in counts]
        setattr(model.config, LENGTHS, known)

    def _logits(self, model: Any, ids: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        """Give the scores of the elements for every atom, (B, n, elements), float32, some atoms masked."""
        canvas = ids.clone()
        canvas[:, PROMPT_LENGTH:-1] = torch.where(masked, MASK_ID, ids[:, PROMPT_LENGTH:-1])
        logits: torch.Tensor = model(input_ids=canvas).logits[:, PROMPT_LENGTH:-1, FIRST_ELEMENT_ID:]
        return logits.float()

    def _nats(self, logits: torch.Tensor, ids: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:
        """Give the nats of the masked atoms, 0 for the others, (B, n), float32."""
        atoms = ids[:, PROMPT_LENGTH:-1]
        nats = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), (atoms - FIRST_ELEMENT_ID).reshape(-1), reduction="none"
        )
        return nats.view(atoms.shape) * masked

    def _length_shares(self, model: PreTrainedModel, prompt: list[int]) -> np.ndarray:
        """Give the probability of each number of atoms, from 0; of unknown conditions that of all together."""
        known: dict[str, list[float]] = getattr(model.config, LENGTHS, None) or {}
        if not known:
            raise LengthError("the model was never trained, and knows no number of atoms: train it first")
        counts = np.zeros(model.config.max_position_embeddings)
        try:
            own = known.get(_name(prompt))
            for listed in known.values() if own is None else [own]:
                counts[: len(listed)] += np.asarray(listed, dtype=np.float64)
            if not (np.isfinite(counts).all() and counts.min() >= 0 and counts[1:].sum() > 0):
                raise ValueError("no counts from 0 up")
        except (AttributeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise LengthError(
                f"config.json: its {LENGTHS} are no numbers of formulas a number of atoms ({reason}); copy it again"
            ) from error
        counts[1:] += 1e-6 * counts.sum()  # none is impossible
        return counts / counts.sum()


@torch.no_grad()
def fill_masks(
    model: PreTrainedModel, canvas: list[int], n: int, generator: np.random.Generator, truncation: Truncation
) -> Iterator[SampledSequence]:
    """Fill the masks of a canvas one after another, in an order that each sample draws for itself.

    Args:
        model: in evaluation mode.
        canvas: condition tokens, atoms and masks, end token.
        n: samples.
        generator: decides them.
        truncation: how each atom is drawn.

    Yields:
        Distinct sequences with counts that add up to `n`.
    """
    blanks = np.array([at for at, token in enumerate(canvas) if token == MASK_ID], dtype=np.int64)
    states = np.tile(np.array(canvas, dtype=np.int64), (n, 1))
    orders = (
        blanks[generator.random((n, len(blanks))).argsort(axis=1)] if len(blanks) else np.zeros((n, 0), int)
    )
    for step in range(len(blanks)):
        at = orders[:, step]
        distinct, where = np.unique(states, axis=0, return_inverse=True)
        log_probs = _element_log_probs(model, distinct)  # (distinct, T, elements)
        draws = generator.random(n)
        for first in range(0, n, TILE):
            own = slice(first, first + TILE)
            shares = probabilities(log_probs[where[own], at[own]], truncation).cumsum(axis=1)
            chosen = (shares < draws[own, None] * shares[:, -1:]).sum(axis=1)
            states[np.arange(n)[own], at[own]] = FIRST_ELEMENT_ID + np.minimum(chosen, shares.shape[1] - 1)
    distinct, counts = np.unique(states, axis=0, return_counts=True)
    for row, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        yield SampledSequence(tuple(row[PROMPT_LENGTH:-1]), count, float("nan"), finished=True)


def _element_log_probs(model: PreTrainedModel, states: np.ndarray) -> np.ndarray:
    parts = []
    for first in range(0, len(states), TILE):
        ids = torch.from_numpy(states[first : first + TILE]).to(model.device)
        logits = model(input_ids=ids).logits[:, :, FIRST_ELEMENT_ID:].double()
        parts.append(torch.log_softmax(logits, dim=-1).float().cpu().numpy())
    return np.concatenate(parts)


def _name(prompt: list[int]) -> str:
    return " ".join(VOCABULARY[token].strip("<>") for token in prompt)
