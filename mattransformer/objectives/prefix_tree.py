"""The tree of prefixes of a model that writes from left to right, each distinct prefix evaluated once.

Three ways lead through it, and each is one `Choice`: independent samples, of which each node draws the next tokens of
its own (`Samples`); distinct sequences in the order of their arrival, which is sampling without replacement
(`Arrivals`); and all sequences above a probability (`Likelier`). The tree is walked depth first in tiles of at most
`TILE` nodes, so memory depends on the tile and on no number of samples. What a node draws depends on the seed and on
its tokens alone (`objectives.draws`), so branches are independent of each other: a walk can leave out those that are
done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mattransformer.errors import MattransformerError
from mattransformer.objectives.choices import Choice, Node
from mattransformer.objectives.draws import child_keys, root_key
from mattransformer.objectives.sequences import SequenceBlock
from mattransformer.tokenization import END_ID, FIRST_ELEMENT_ID

if TYPE_CHECKING:
    from mattransformer.constraints.automaton import Automaton

TILE: Final = 4096
"""Most nodes that are evaluated together."""
_BRANCH: Final = 65_536  # weight of the nodes of the second atom that are one branch


class Stepper(Protocol):
    """What evaluates tiles: `models.stepping.TreeDecoder`, or a model without keys and values."""

    def step(self, prefixes: torch.Tensor, ancestors: torch.Tensor) -> torch.Tensor:
        """Give the logits of the next token of prefixes, prompt included; see `TreeDecoder.step`."""
        ...


@dataclass(frozen=True)
class Plan:
    """What is asked of a walk, whatever the model.

    Attributes:
        prompt: condition tokens.
        choice: which children of a node are visited.
        seed: decides what is drawn.
        max_tokens: a sequence that has not ended after as many atoms is cut, with the atom that is too many.
        rules: what may follow a prefix; None for all tokens.
        precision: of matrix products, see `models.stepping.PRECISIONS`.
        most_nodes: prefixes that are evaluated; None for any number.
    """

    prompt: list[int]
    choice: Choice
    seed: int | list[int]
    max_tokens: int
    rules: Automaton | None = None
    precision: str = "float32"
    most_nodes: int | None = None


class EndlessWalkError(MattransformerError):
    """A walk through more prefixes than were allowed."""


class PrefixTree:
    """A tree to walk through once.

    Attributes:
        nodes: how many were evaluated so far.
    """

    def __init__(
        self, stepper: Stepper, plan: Plan, device: torch.device | str = "cpu", *, log_share: float = 0.0
    ) -> None:
        """Prepare a walk.

        Args:
            stepper: evaluates the model.
            plan: what is asked for.
            device: of the model.
            log_share: natural logarithm of the probability that this tree is the one, where there are several.
        """
        self.nodes = 0
        self._stepper, self._plan, self._device, self._log_share = stepper, plan, device, log_share

    def walk(self) -> Iterator[SequenceBlock]:
        """Yield all sequences; distinct ones, but for a mask that admits several ways to write one composition."""
        for blocks in self.branches():
            yield from blocks

    def branches(self) -> Iterator[Iterator[SequenceBlock]]:
        """Divide the tree by its first two atoms into parts whose results depend on nothing outside of them.

        Yields:
            The blocks of each in turn; the first has what ends before it has two atoms. Nothing of one is evaluated
            unless its blocks are asked for before the next one is.
        """
        root = self._root()
        ended, firsts = self._grow(root)
        early, seconds = self._grow(firsts) if len(firsts) else ([], firsts)
        yield iter([*ended, *early])
        weights = np.cumsum(self._plan.choice.weights(seconds))
        edges = np.flatnonzero(np.diff(weights // _BRANCH, prepend=0) > 0) + 1
        for part in np.split(np.arange(len(seconds)), edges):
            if len(part):
                yield self._descend(seconds.take(part))

    def _root(self) -> Node:
        key = root_key(self._plan.seed)
        tokens = torch.tensor([self._plan.prompt], device=self._device)
        ancestors = torch.zeros_like(tokens)
        for depth in range(len(self._plan.prompt) - 1):
            self._stepper.step(tokens[:, : depth + 1], ancestors[:, :depth])
        return Node(
            tokens=np.array([self._plan.prompt]),
            ancestors=np.zeros((1, len(self._plan.prompt) - 1), dtype=np.int64),
            keys=key,
            log_probs=np.zeros(1),
            proposals=np.full(1, self._log_share),
            values=self._plan.choice.start(key),
        )

    def _descend(self, nodes: Node) -> Iterator[SequenceBlock]:
        pending = [nodes]
        while pending:
            tile = pending.pop()
            if len(tile) > TILE:
                # As few tiles as possible, all of about one size.
                parts = np.array_split(np.arange(len(tile)), -(-len(tile) // TILE))
                pending.extend(tile.take(part) for part in reversed(parts))
                continue
            ended, children = self._grow(tile)
            yield from ended
            if len(children):
                pending.append(children)

    def _grow(self, tile: Node) -> tuple[list[SequenceBlock], Node]:
        """Evaluate a tile, and give the sequences that end there and its children."""
        self.nodes += len(tile)
        if self._plan.most_nodes is not None and self.nodes > self._plan.most_nodes:
            raise EndlessWalkError(f"after {self.nodes:,} prefixes there is no end of the walk")
        prefixes, ancestors = (
            torch.from_numpy(array).to(self._device) for array in (tile.tokens, tile.ancestors)
        )
        logits = self._stepper.step(prefixes, ancestors)
        log_probs = torch.log_softmax(logits.float(), dim=-1).cpu().numpy()
        prompt = len(self._plan.prompt)
        atoms = tile.tokens.shape[1] - prompt
        allowed = None
        if self._plan.rules is not None:
            marks = self._plan.rules.allowed(tile.tokens[:, prompt:] - (FIRST_ELEMENT_ID - 1))
            allowed = np.zeros(log_probs.shape, dtype=bool)
            allowed[:, END_ID] = marks[:, 0]
            allowed[:, FIRST_ELEMENT_ID : FIRST_ELEMENT_ID + marks.shape[1] - 1] = marks[:, 1:]
        parents, tokens, values, proposals = self._plan.choice.children(tile, log_probs, allowed)
        totals = tile.log_probs[parents] + log_probs[parents, tokens]
        ends = tokens == END_ID
        cut = ~ends & ((tokens < FIRST_ELEMENT_ID) | (atoms + 1 > self._plan.max_tokens))
        blocks = []
        if ends.any():
            sequences = tile.tokens[parents[ends], prompt:]
            blocks.append(self._block(sequences, values[ends], totals[ends], proposals[ends], finished=True))
        if cut.any():
            sequences = np.concatenate([tile.tokens[parents[cut], prompt:], tokens[cut, None]], axis=1)
            blocks.append(self._block(sequences, values[cut], totals[cut], proposals[cut], finished=False))
        kept = np.flatnonzero(~ends & ~cut)
        parents, tokens = parents[kept], tokens[kept]
        children = Node(
            tokens=np.concatenate([tile.tokens[parents], tokens[:, None]], axis=1),
            ancestors=np.concatenate([tile.ancestors[parents], parents[:, None]], axis=1),
            keys=child_keys(tile.keys[parents], tokens),
            log_probs=totals[kept],
            proposals=proposals[kept],
            values=values[kept],
        )
        return blocks, children

    def _block(
        self,
        ids: NDArray[np.int64],
        values: NDArray[np.float64],
        log_probs: NDArray[np.float64],
        proposals: NDArray[np.float64],
        *,
        finished: bool,
    ) -> SequenceBlock:
        counts, arrivals = self._plan.choice.outcome(values)
        return SequenceBlock(ids.astype(np.uint8), counts, log_probs, proposals, arrivals, finished)
