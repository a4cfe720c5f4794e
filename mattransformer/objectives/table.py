"""Which objective a model has, and what every objective can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from mattransformer.models.architectures import (
    BLANK_FILLING,
    BY_MODEL_TYPE,
    CAUSAL,
    INFILLING,
    MASKED_DIFFUSION,
    Architecture,
)
from mattransformer.objectives.blanks import BlankFilling
from mattransformer.objectives.causal import Causal
from mattransformer.objectives.diffusion import MaskedDiffusion
from mattransformer.objectives.infilling import Infilling

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel

    from mattransformer.data.encoding import EncodedFormulas
    from mattransformer.objectives.losses import Losses
    from mattransformer.objectives.prefix_tree import Plan, PrefixTree
    from mattransformer.objectives.sampling import SampledSequence, Truncation


class Objective(Protocol):
    """What a model is trained for, and how it is sampled.

    Sequences `ids` are of one length, without padding: condition tokens, atoms in canonical order, end token, (B, T).

    Attributes:
        exact: whether `nats` is the negative log-likelihood itself, and no upper bound of it.
        fills_blanks: whether `fill` takes holes of any number of atoms.
        left_to_right: whether `trees` samples the model's own distribution where no rules are given. The others place
            atoms in any order; for them it is a way to keep rules.
        fills_in_order: whether `fill` finds the place of each hole by itself, so that the order of a canvas is of no
            account.
    """

    exact: bool
    fills_blanks: bool
    fills_in_order: bool
    left_to_right: bool

    def losses(self, model: Any, ids: torch.Tensor, *, ruled: bool = False) -> Losses:  # noqa: ANN401 - wrapped for several processes
        """Give what training lowers; torch's generator decides what is drawn for it.

        Args:
            model: in training mode.
            ids: (B, T); own samples that were cut have no end token.
            ruled: whether to ask for the ends that would break the rule of the conditions.
        """
        ...

    def nats(
        self,
        model: PreTrainedModel,
        ids: torch.Tensor,
        seed: int,
        orders: int,
        given: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Give the negative log-likelihood of each formula, or an upper bound of it, conditions given.

        Args:
            model: in evaluation mode.
            ids: (B, T).
            seed: decides the orders that a bound is averaged over; those of a formula do not depend on the others.
            orders: how many; few atoms are placed in all orders, and the bound is exact.
            given: atoms that a bound takes as there from the start, bool, (B, n), as many in each row. Exact
                likelihoods are those of the whole formula all the same.

        Returns:
            Nats, (B,).
        """
        ...

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
        """Draw independent samples.

        Args:
            model: in evaluation mode.
            prompt: condition tokens.
            n: samples.
            seed: decides them, together with `n`.
            truncation: temperature, top-k and top-p.
            max_tokens: atoms of a sample at most; a longer one is cut, or not drawn.

        Yields:
            Distinct sequences with counts that add up to `n`; one may come more than once.
        """
        ...

    def trees(self, model: PreTrainedModel, plan: Plan) -> Iterator[PrefixTree]:
        """Prepare walks through the trees of prefixes, whose sequences are the samples together.

        Args:
            model: in evaluation mode.
            plan: what is asked for; of those that place atoms in any order `Samples` alone, in float32 alone.

        Yields:
            One tree, or one for each number of atoms.
        """
        ...

    def fill(
        self, model: PreTrainedModel, canvas: Sequence[int], n: int, seed: int, *, max_tokens: int
    ) -> Iterator[SampledSequence]:
        """Propose whole formulas given a canvas; some may not fit it, which is for the caller to see.

        Args:
            model: in evaluation mode.
            canvas: condition tokens, atoms and masks, and blanks for those that fill them, end token.
            n: proposals, where they are drawn.
            seed: decides them.
            max_tokens: atoms of a proposal at most.

        Yields:
            As `sample` does.
        """
        ...

    def observe(self, model: PreTrainedModel, formulas: EncodedFormulas, weights: np.ndarray) -> None:
        """Keep in the configuration of a model what sampling needs to know of its training rows.

        Args:
            model: to be trained.
            formulas: its training rows.
            weights: how often each is seen.
        """
        ...

    def hidden(self, model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
        """Give the last hidden layer over the sequences, (B, T, width); of two stacks the encoder's."""
        ...


_KINDS: Final[dict[str, Callable[[Architecture], Objective]]] = {
    CAUSAL: Causal,
    MASKED_DIFFUSION: MaskedDiffusion,
    INFILLING: Infilling,
    BLANK_FILLING: BlankFilling,
}


def objective_of(model: PreTrainedModel) -> Objective:
    """Find what a model was made for.

    Args:
        model: of an architecture in the table.

    Returns:
        Its objective.
    """
    row = BY_MODEL_TYPE[model.config.model_type]
    return _KINDS[row.objective](row)
