"""Samples as compositions: which sequences are formulas at all, and how often each composition came."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mattransformer.formula import Formula
from mattransformer.objectives.sampling import SampledSequence
from mattransformer.tokenization import FIRST_ELEMENT_ID, VOCABULARY

# The limits of the corpora, and of the published samplers.
MOST_ATOMS: Final = 30
MOST_ELEMENTS: Final = 8


@dataclass
class Composition:
    """One composition that was sampled.

    Attributes:
        formula: reduced.
        count: samples that gave it, in any order of its atoms.
        log_prob: of the canonical sequence, if that was sampled and is known; otherwise None.
    """

    formula: Formula
    count: int
    log_prob: float | None


@dataclass
class SampleSet:
    """Samples, merged by reduced formula.

    Attributes:
        compositions: reduced formula to composition, in the order of first appearance.
        drawn: samples in all.
        failures: why samples are no composition of 2 to 8 elements and at most 30 atoms, and how many.
        distinct_failures: different sequences among them.
    """

    compositions: dict[str, Composition] = field(default_factory=dict)
    drawn: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    distinct_failures: int = 0

    def add(self, sequences: Iterable[SampledSequence]) -> None:
        """Take in samples.

        Args:
            sequences: from `sample_sequences`.
        """
        for sequence in sequences:
            self.drawn += sequence.count
            failure = failure_of(sequence)
            if failure is None:
                self._merge(sequence)
            else:
                self.failures[failure] = self.failures.get(failure, 0) + sequence.count
                self.distinct_failures += 1

    def _merge(self, sequence: SampledSequence) -> None:
        formula = Formula.from_tokens(_tokens(sequence)).reduced
        canonical = is_canonical(sequence, formula) and not math.isnan(sequence.log_prob)
        log_prob = sequence.log_prob if canonical else None
        merged = self.compositions.setdefault(formula.reduced_formula, Composition(formula, 0, None))
        merged.count += sequence.count
        if log_prob is not None:
            merged.log_prob = log_prob


def failure_of(sequence: SampledSequence) -> str | None:
    """Say why a sequence is no composition that the corpora could hold.

    Args:
        sequence: a sample.

    Returns:
        The reason in words; None for a composition.
    """
    if not sequence.ids or min(sequence.ids) < FIRST_ELEMENT_ID:
        return "malformed"
    if not sequence.finished:
        return f"over {MOST_ATOMS} atoms"
    elements = len(set(sequence.ids))
    if elements < 2:
        return "single element"
    return f"over {MOST_ELEMENTS} elements" if elements > MOST_ELEMENTS else None


def is_canonical(sequence: SampledSequence, reduced: Formula) -> bool:
    """Tell whether a sequence is the canonical one of its composition: reduced, its atoms in canonical order.

    Args:
        sequence: a sample that is a composition.
        reduced: its reduced formula.
    """
    return reduced.tokens == _tokens(sequence)


def _tokens(sequence: SampledSequence) -> tuple[str, ...]:
    return tuple(VOCABULARY[index] for index in sequence.ids)


def canonical_formula(sequence: SampledSequence) -> Formula | None:
    """Read a canonical sequence.

    Args:
        sequence: a sample.

    Returns:
        Its reduced formula; None where the sample is no composition, or not its canonical sequence.
    """
    if failure_of(sequence) is not None:
        return None
    reduced = Formula.from_tokens(_tokens(sequence)).reduced
    return reduced if is_canonical(sequence, reduced) else None
