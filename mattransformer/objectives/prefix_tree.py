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
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mattransformer.objectives.choices import Choice, Node
from mattransformer.objectives.draws import child_keys, root_key
from mattransformer.objectives.sequences import SequenceBlock
from mattransformer.tokenization import END_ID, FIRST_ELEMENT_ID

TILE: Final = 4096
"""Most nodes that are evaluated together."""
_BRANCH: Final = 65_536  # weight of the nodes of the second atom that are one branch


class Stepper(Protocol):
    """What evaluates tiles: `models.stepping.TreeDecoder`, or a model without keys and values."""

    def step(self, prefixes: torch.Tensor, ancestors: torch.Tensor) -> torch.Tensor:
        """Give the logits of the next token of prefixes, prompt included; see `TreeDecoder.step`."""
        ...


class Mask(Protocol):
    """What may follow: `constraints.Automaton`."""

    def allowed(self, prefixes: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Say of each prefix, atomic numbers, whether it may end and which elements may follow, (N, 119)."""
        ...


@dataclass(frozen=True)
class Branch:
    """A part of the tree whose result depends on nothing outside of it.

    Attributes:
        number: counted from 0; the first holds what ends before it has two atoms.
        blocks: the sequences that it holds, computed when they are asked for.
    """

    number: int
    blocks: Iterator[SequenceBlock]


class PrefixTree:
    """A tree to walk through once.

    Attributes:
        nodes: how many were evaluated so far.
    """

    def __init__(
        self,
        stepper: Stepper,
        prompt: list[int],
        choice: Choice,
        seed: int | list[int],
        *,
        max_tokens: int,
        mask: Mask | None = None,
        device: torch.device | str = "cpu",
        log_share: float = 0.0,
    ) -> None:
        """Prepare a walk.

        Args:
            stepper: evaluates the model.
            prompt: condition tokens.
            choice: which children of a node are visited.
            seed: decides what is drawn.
            max_tokens: a sequence that has not ended after as many atoms is cut, with the atom that is too many.
            mask: what may follow; None for all tokens.
            device: of the model.
            log_share: natural logarithm of the probability that this tree is the one, where there are several.
        """
        self.nodes, self._log_share = 0, log_share
        self._stepper, self._choice, self._mask = stepper, choice, mask
        self._prompt, self._key, self._max_tokens, self._device = prompt, root_key(seed), max_tokens, device

    def walk(self) -> Iterator[SequenceBlock]:
        """Yield all sequences; distinct ones, but for a mask that admits several ways to write one composition."""
        for branch in self.branches():
            yield from branch.blocks

    def branches(self) -> Iterator[Branch]:
        """Divide the tree by its first two atoms.

        Yields:
            The branches in order. Nothing of one is evaluated unless its blocks are asked for before the next one is.
        """
        root = self._root()
        ended, firsts = self._grow(root)
        early, seconds = self._grow(firsts) if len(firsts) else ([], firsts)
        yield Branch(0, iter([*ended, *early]))
        weights = np.cumsum(self._choice.weights(seconds))
        edges = np.flatnonzero(np.diff(weights // _BRANCH, prepend=0) > 0) + 1
        for number, part in enumerate(np.split(np.arange(len(seconds)), edges), start=1):
            if len(part):
                yield Branch(number, self._descend(seconds.take(part)))

    def _root(self) -> Node:
        tokens = torch.tensor([self._prompt], device=self._device)
        ancestors = torch.zeros_like(tokens)
        for depth in range(len(self._prompt) - 1):
            self._stepper.step(tokens[:, : depth + 1], ancestors[:, :depth])
        return Node(
            tokens=np.array([self._prompt]),
            ancestors=np.zeros((1, len(self._prompt) - 1), dtype=np.int64),
            keys=self._key,
            log_probs=np.zeros(1),
            proposals=np.full(1, self._log_share),
            values=self._choice.start(self._key),
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
        prefixes, ancestors = (
            torch.from_numpy(array).to(self._device) for array in (tile.tokens, tile.ancestors)
        )
        logits = self._stepper.step(prefixes, ancestors)
        log_probs = torch.log_softmax(logits.float(), dim=-1).cpu().numpy()
        prompt = len(self._prompt)
        atoms = tile.tokens.shape[1] - prompt
        allowed = None
        if self._mask is not None:
            marks = self._mask.allowed(tile.tokens[:, prompt:] - (FIRST_ELEMENT_ID - 1))
            allowed = np.zeros(log_probs.shape, dtype=bool)
            allowed[:, END_ID] = marks[:, 0]
            allowed[:, FIRST_ELEMENT_ID : FIRST_ELEMENT_ID + marks.shape[1] - 1] = marks[:, 1:]
        parents, tokens, values, proposals = self._choice.children(tile, log_probs, allowed)
        totals = tile.log_probs[parents] + log_probs[parents, tokens]
        ends = tokens == END_ID
        cut = ~ends & ((tokens < FIRST_ELEMENT_ID) | (atoms + 1 > self._max_tokens))
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
        counts, arrivals = self._choice.outcome(values)
        return SequenceBlock(ids.astype(np.uint8), counts, log_probs, proposals, arrivals, finished)
