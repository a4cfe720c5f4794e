"""Which children of a node are visited: independent samples, arrivals without replacement, or all likely ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mattransformer.objectives.draws import Keys, child_keys, gumbels, split
from mattransformer.objectives.sampling import Truncation, probabilities

Floats = NDArray[np.float64]
MODEL_ITSELF: Final = Truncation()
Children = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], Floats]
"""Parent, token, value and log-probability of proposing each child, all (children,)."""


@dataclass(frozen=True)
class Node:
    """Nodes of one depth, not yet evaluated.

    Attributes:
        tokens: prompt and atoms, (n, prompt + atoms).
        ancestors: places of the keys and values of all tokens before the last, prompt included, (n, depth).
        keys: see `objectives.draws`, (n,).
        log_probs: of the atoms, (n,).
        proposals: of the atoms, as they are drawn, (n,).
        values: what the choice needs to know: numbers of samples, or times of arrival, (n,).
    """

    tokens: NDArray[np.int64]
    ancestors: NDArray[np.int64]
    keys: Keys
    log_probs: Floats
    proposals: Floats
    values: NDArray[np.float64]

    def __len__(self) -> int:
        """Count the nodes."""
        return len(self.keys)

    def take(self, rows: NDArray[np.int64]) -> Node:
        """Copy some of them."""
        return Node(
            self.tokens[rows],
            self.ancestors[rows],
            self.keys[rows],
            self.log_probs[rows],
            self.proposals[rows],
            self.values[rows],
        )


class Choice(Protocol):
    """A way through the tree."""

    def start(self, key: Keys) -> NDArray[np.float64]:
        """Give the value of the root, (1,), from its key, (1,)."""
        ...

    def weights(self, nodes: Node) -> Floats:
        """Say how much work is expected below nodes, (n,)."""
        ...

    def children(
        self, nodes: Node, log_probs: NDArray[np.float32], allowed: NDArray[np.bool_] | None
    ) -> Children:
        """Choose the children to visit.

        Args:
            nodes: a tile, (n,).
            log_probs: the model's, of the next token, (n, V).
            allowed: which tokens rules admit, (n, V); None for all.
        """
        ...

    def outcome(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], Floats]:
        """Give counts and arrivals of sequences with these values, both (n,)."""
        ...


@dataclass(frozen=True)
class Samples:
    """Independent samples.

    Attributes:
        n: how many.
        truncation: temperature, top-k and top-p, which are applied to what rules leave.
        exact: whether tokens are drawn from the model itself and a sample that breaks a rule is dropped, as soon as no
            formula can follow. What is left follows the model's own distribution, given the rules. Otherwise tokens are
            drawn from those that the rules admit, and no sample is dropped.
    """

    n: int
    truncation: Truncation = MODEL_ITSELF
    exact: bool = False

    def start(self, key: Keys) -> NDArray[np.float64]:
        """See `Choice.start`."""
        del key
        return np.array([float(self.n)])

    def weights(self, nodes: Node) -> Floats:
        """See `Choice.weights`."""
        return nodes.values

    def children(
        self, nodes: Node, log_probs: NDArray[np.float32], allowed: NDArray[np.bool_] | None
    ) -> Children:
        """See `Choice.children`."""
        if allowed is None and self.truncation == MODEL_ITSELF:
            # Sums are off 1 by rounding, which `split` makes good.
            shares: NDArray[np.floating] = torch.from_numpy(log_probs).exp().numpy()
        else:
            masked = log_probs.astype(np.float64)
            if allowed is not None and not self.exact:
                masked = np.where(allowed, masked, -np.inf)
            shares = probabilities(masked, self.truncation)
        parents, tokens, times = split(nodes.keys, nodes.values.astype(np.int64), shares)
        if allowed is not None and self.exact:
            kept = allowed[parents, tokens]
            parents, tokens, times = parents[kept], tokens[kept], times[kept]
        proposals = nodes.proposals[parents] + np.log(shares[parents, tokens].astype(np.float64))
        return parents, tokens, times.astype(np.float64), proposals

    def outcome(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], Floats]:
        """See `Choice.outcome`."""
        return values.astype(np.int64), np.full(len(values), np.nan)


@dataclass
class Arrivals:
    """Sequences that arrive before a time, if each arrives at a rate that is its probability.

    The first n of them are a sample without replacement. Negative logarithms of times are Gumbel numbers, and those of
    the children of a node can be drawn given the node's, which is their maximum (Kool, van Hoof, Welling, ICML 2019).

    Attributes:
        latest: negative logarithm of the time; about exp(-latest) samples with replacement are as many.
        truncation: temperature, top-k and top-p.
        complete: whether nothing was left out so far, that is, whether all sequences there are came in time.
    """

    latest: float
    truncation: Truncation = MODEL_ITSELF
    complete: bool = True

    def start(self, key: Keys) -> NDArray[np.float64]:
        """See `Choice.start`; the first arrival of all."""
        return gumbels(child_keys(key, np.array([0])), 1)[:, 0]

    def weights(self, nodes: Node) -> Floats:
        """See `Choice.weights`."""
        return np.exp(np.minimum(nodes.proposals - self.latest, 40.0))

    def children(
        self, nodes: Node, log_probs: NDArray[np.float32], allowed: NDArray[np.bool_] | None
    ) -> Children:
        """See `Choice.children`."""
        masked = log_probs.astype(np.float64)
        if allowed is not None:
            masked = np.where(allowed, masked, -np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            proposals = nodes.proposals[:, None] + np.log(probabilities(masked, self.truncation))
            drawn = proposals + gumbels(nodes.keys, proposals.shape[1])
            highest = drawn.max(axis=1, keepdims=True)
            # Moved so that the highest of a node's children is the node's own.
            gap = nodes.values[:, None] - drawn + np.log1p(-np.exp(drawn - highest))
            moved = nodes.values[:, None] - np.maximum(gap, 0.0) - np.log1p(np.exp(-np.abs(gap)))
        moved = np.where(drawn == highest, nodes.values[:, None], moved)
        possible = np.isfinite(proposals)
        parents, tokens = np.nonzero(possible & (moved > self.latest))
        self.complete &= len(parents) == np.count_nonzero(possible)
        return parents, tokens, moved[parents, tokens], proposals[parents, tokens]

    def outcome(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], Floats]:
        """See `Choice.outcome`."""
        return np.ones(len(values), dtype=np.int64), values


@dataclass
class Likelier:
    """All sequences above a probability.

    Attributes:
        least: natural logarithm of the probability.
        complete: whether nothing was left out so far, that is, whether there are no less likely ones.
    """

    least: float
    complete: bool = True

    def start(self, key: Keys) -> NDArray[np.float64]:
        """See `Choice.start`."""
        del key
        return np.zeros(1)

    def weights(self, nodes: Node) -> Floats:
        """See `Choice.weights`."""
        return np.exp(np.minimum(nodes.log_probs - self.least, 40.0))

    def children(
        self, nodes: Node, log_probs: NDArray[np.float32], allowed: NDArray[np.bool_] | None
    ) -> Children:
        """See `Choice.children`."""
        totals = nodes.log_probs[:, None] + log_probs
        if allowed is not None:
            totals = np.where(allowed, totals, -np.inf)
        parents, tokens = np.nonzero(totals > self.least)
        self.complete &= len(parents) == np.count_nonzero(np.isfinite(totals))
        return parents, tokens, np.zeros(len(parents)), totals[parents, tokens]

    def outcome(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], Floats]:
        """See `Choice.outcome`."""
        return np.ones(len(values), dtype=np.int64), np.full(len(values), np.nan)
