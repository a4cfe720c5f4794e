"""Sequences that a walk through the tree of prefixes gives, many of one length at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mattransformer.objectives.sampling import SampledSequence


@dataclass(frozen=True)
class SequenceBlock:
    """Distinct sequences of one length.

    Attributes:
        ids: token ids after the prompt, without the end token, (n, L), uint8.
        counts: samples that gave each, (n,).
        log_probs: natural logarithm of the model's own probability, end token included, conditions given; for
            unfinished ones that of the tokens; (n,).
        proposals: natural logarithm of the probability that it is drawn with, under truncation and rules, (n,).
        arrivals: when each came, as a negative logarithm of time: the largest came first; NaN for independent samples,
            (n,).
        finished: whether they ended; otherwise they were cut after `max_tokens`, or at a token that is no element.
    """

    ids: NDArray[np.uint8]
    counts: NDArray[np.int64]
    log_probs: NDArray[np.float64]
    proposals: NDArray[np.float64]
    arrivals: NDArray[np.float64]
    finished: bool

    def __len__(self) -> int:
        """Count the sequences."""
        return len(self.ids)


def one_by_one(blocks: Iterable[SequenceBlock]) -> Iterator[SampledSequence]:
    """Give the sequences of blocks one by one."""
    for block in blocks:
        for ids, count, log_prob in zip(
            block.ids.tolist(), block.counts.tolist(), block.log_probs.tolist(), strict=True
        ):
            yield SampledSequence(tuple(ids), count, log_prob, block.finished)


def in_blocks(sequences: Iterable[SampledSequence]) -> Iterator[SequenceBlock]:
    """Gather sequences that come one by one into blocks by length."""
    groups: dict[tuple[int, bool], list[SampledSequence]] = {}
    for sequence in sequences:
        groups.setdefault((len(sequence.ids), sequence.finished), []).append(sequence)
    for (length, finished), group in groups.items():
        log_probs = np.array([sequence.log_prob for sequence in group])
        yield SequenceBlock(
            np.array([sequence.ids for sequence in group], dtype=np.uint8).reshape(len(group), length),
            np.array([sequence.count for sequence in group], dtype=np.int64),
            log_probs,
            np.full(len(group), np.nan),
            np.full(len(group), np.nan),
            finished,
        )
