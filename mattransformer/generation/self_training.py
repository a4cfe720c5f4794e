"""What a model learns from its own samples: to keep the rule of the condition that it was asked for.

A model that has learned real formulas still breaks the rule of a condition now and then: under `<strict>`, a
composition that is not charge-neutral. The rule can be checked on any sample, so samples are training data. With p
the model's distribution under a condition and Z the share of it that keeps the rule, the gradient of log Z is the
mean over samples of

    (kept / Z - 1) * gradient of log p(sample)

(Williams, Mach. Learn. 8, 229 (1992), with the mean as baseline). Following it moves p towards p given that the
rule holds; learning the samples that keep the rule like rows does so too, with less noise. Z is taken for each number
of elements by itself, so that compositions of many elements, which break rules more often, do not become rarer than in
the rows.

Formulas that the hash rule puts in the valid or test split count for nothing, so that these stay unseen. Rows that
keep the rule are left to the training itself, unless they are to be repeated less: what a model gives up goes to new
compositions. A sample whose atoms are not in canonical order, or not reduced, breaks the rule of every condition.
More aims can be set: to repeat fewer rows; to keep to their analogues (a new composition that is on no list of them,
see `data.analogues`, counts as a miss, too); to draw fewer compositions again and again, and let rare ones gain as
much as frequent ones; and to hold the shares of compositions of two, three, … elements to those of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mattransformer.data.encoding import EncodedFormulas
from mattransformer.data.splits import split_of
from mattransformer.data.variants import VARIANTS, holding, variants_of
from mattransformer.formula import Formula
from mattransformer.generation.samples import MOST_ATOMS, MOST_ELEMENTS, canonical_formula
from mattransformer.objectives.sampling import SampledSequence
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import END_ID, prompt_ids
from mattransformer.training.rows import WeightedRows, load_training_data

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mattransformer.training.config import TrainingConfig

Conditions = tuple[str, str]  # source, variant


@dataclass(frozen=True)
class SelfTraining:
    """Draws samples under the conditions of the training rows and weighs them by whether they keep the rule.

    Attributes:
        shares: source and variant to the share of samples drawn under them.
        known: source to the formulas of its training rows.
        elements: source and variant to the shares of their rows by number of elements, (MOST_ELEMENTS + 1,).
        weight: how much a sample counts beside a row, for what it gains or misses.
        kept: how much a sample that keeps the rule counts as a row, which holds the model to what it was.
        likely: source to the analogues of its rows.
        repeats: how much a repeated row counts as a miss, from 0 to 1.
        unlikely: how much a new composition that is no analogue counts as a miss, from 0 to 1, where there are some.
        crowding: how much every draw of a composition after its first counts as a miss, from 0 to 1.
        spread: from 0, where a composition gains by how often it was drawn, to 1, where all that gain do so alike and
            the model becomes more diverse.
        balance: how much a lack of compositions of some number of elements counts, from 0 to 1.
    """

    shares: Mapping[Conditions, float]
    known: Mapping[str, frozenset[str]]
    elements: Mapping[Conditions, np.ndarray] = field(default_factory=dict)
    likely: Mapping[str, frozenset[str]] = field(default_factory=dict)
    weight: float = 1.0
    kept: float = 0.0
    repeats: float = 0.0
    unlikely: float = 0.0
    crowding: float = 0.0
    spread: float = 0.0
    balance: float = 0.0

    def __call__(self, model: PreTrainedModel, samples: int, seed: list[int]) -> WeightedRows:
        """Sample a model.

        Args:
            model: in evaluation mode.
            samples: how many, over all conditions.
            seed: decides them.

        Returns:
            The distinct sequences that teach something.
        """
        lessons = Lessons()
        objective = objective_of(model)
        for number, ((source, variant), share) in enumerate(self.shares.items()):
            prompt = prompt_ids({"source": source, "variant": variant})
            drawn = list(
                objective.sample(
                    model, prompt, round(samples * share), [*seed, number], max_tokens=MOST_ATOMS
                )
            )
            judged = self.judge(drawn, source, variant)
            lessons.facts[f"kept, {source} {variant}"] = judged.share(judged.kept)
            if source in self.likely:
                lessons.facts[f"analogues, {source} {variant}"] = judged.share(judged.likely)
            weights = self.weight * self._weights(judged, (source, variant)) + self.kept * judged.good
            for sequence, weight in zip(drawn, weights.tolist(), strict=True):
                # A bound is one of whole formulas; where it is exact, a prefix is unlearned as well.
                if weight and (sequence.finished or objective.exact):
                    lessons.add([*prompt, *sequence.ids], weight, finished=sequence.finished)
        return lessons.rows()

    def judge(self, drawn: list[SampledSequence], source: str, variant: str) -> _Judged:
        """Judge samples.

        Args:
            drawn: under one set of conditions.
            source: of them.
            variant: of them.

        Returns:
            What they are.
        """
        formulas = {
            index: formula
            for index, formula in enumerate(map(canonical_formula, drawn))
            if formula is not None
        }
        labels = variants_of(list(formulas.values()))
        names = [formula.reduced_formula for formula in formulas.values()]
        at = np.fromiter(formulas, dtype=np.int64, count=len(formulas))
        kept, repeated, likely, counted = (np.zeros(len(drawn), dtype=bool) for _ in range(4))
        kept[at] = [label in holding(variant) for label in labels]
        repeated[at] = [name in self.known[source] for name in names]
        likely[at] = [name in self.likely.get(source, ()) for name in names]
        counted[:] = True
        counted[at] = [split_of(name) == "train" for name in names]
        return _Judged(
            counts=np.array([sequence.count for sequence in drawn]),
            elements=np.array([len(set(sequence.ids)) for sequence in drawn]),
            kept=kept,
            repeated=repeated & kept,
            likely=likely & kept,
            counted=counted,
        )

    def _weights(self, judged: _Judged, conditions: Conditions) -> np.ndarray:
        """Weigh samples: misses below 0, and as much above 0 on new compositions of as many elements."""
        new = judged.kept & ~judged.repeated
        unlikely = new & ~judged.likely if self.unlikely and conditions[0] in self.likely else new & False
        share = np.select(
            [~judged.kept, judged.repeated, unlikely], [1.0, self.repeats, self.unlikely], default=0.0
        )
        crowd = self.crowding * np.where(judged.kept, judged.counts - 1, 0)
        misses = judged.counted * (judged.counts * share + crowd)
        gains = judged.counts ** (1 - self.spread) * judged.counted * (new & ~unlikely)
        weights = -misses
        for number in np.unique(judged.elements):
            group = judged.elements == number
            total = misses[group].sum()
            if self.balance and number <= MOST_ELEMENTS:
                lack = self.elements[conditions][number] - judged.counts[group].sum() / judged.counts.sum()
                total += self.balance * lack * judged.counts.sum()
            if gains[group].any():
                weights = weights + np.where(group, gains * total / gains[group].sum(), 0.0)
        return weights


@dataclass(frozen=True)
class _Judged:
    """Facts of distinct sequences, all (sequences,): how often drawn, elements, and what they are.

    `kept` keeps the rule, `repeated` also is a row of the training, `likely` an analogue of one; `counted` belongs to
    the training split or to none.
    """

    counts: np.ndarray
    elements: np.ndarray
    kept: np.ndarray
    repeated: np.ndarray
    likely: np.ndarray
    counted: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """How often each sequence that keeps the rule was drawn, 0 for those of the validation and test splits."""
        return self.counts * (self.kept & self.counted)

    def share(self, chosen: np.ndarray) -> float:
        return round(float(self.counts[chosen].sum() / self.counts.sum()), 4)


@dataclass
class Lessons:
    """Sequences that teach, each with how much, and what the record is to say of them."""

    sequences: list[list[int]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)

    def add(self, ids: list[int], weight: float, *, finished: bool) -> None:
        """Add a sequence, with an end token where it is finished."""
        self.sequences.append([*ids, END_ID] if finished else ids)
        self.weights.append(weight)

    def rows(self) -> WeightedRows:
        """Give all sequences."""
        starts = np.zeros(len(self.sequences) + 1, dtype=np.int64)
        np.cumsum([len(sequence) for sequence in self.sequences], out=starts[1:])
        ids = np.array([token for sequence in self.sequences for token in sequence], dtype=np.uint8)
        return WeightedRows(EncodedFormulas(ids, starts), np.array(self.weights), self.facts)


def own_sampler(config: TrainingConfig) -> SelfTraining:
    """Make the sampler of a training.

    Args:
        config: its corpora and weights decide under which conditions samples are drawn: those of the rows that keep a
            rule (*pure* and *strict*), each as often as its rows are seen.

    Returns:
        What `training.loop.train` takes as `own_sampler`.
    """
    data = load_training_data(config)
    table = data.corpus.split("train")
    known: dict[str, set[str]] = {}
    elements: dict[Conditions, np.ndarray] = {}
    rows = zip(table["formula"], table["source"], table["variant"], strict=True)
    for formula, source, variant in rows:
        known.setdefault(source, set()).add(formula)
        if variant != VARIANTS[0]:
            seen = elements.setdefault((source, variant), np.zeros(MOST_ELEMENTS + 1))
            seen[len(Formula.parse(formula).elements)] += 1
    seen_rows = {key: float(seen.sum()) * config.weights.get(key[0], 1.0) for key, seen in elements.items()}
    return SelfTraining(
        {key: rows / sum(seen_rows.values()) for key, rows in seen_rows.items() if rows},
        {source: frozenset(formulas) for source, formulas in known.items()},
        {key: seen / seen.sum() for key, seen in elements.items()},
        likely={} if data.analogues is None else {data.analogues.source: data.analogues.names},
        weight=config.own_weight,
        kept=config.own_kept,
        repeats=config.own_repeats,
        unlikely=config.own_unlikely,
        crowding=config.own_crowding,
        spread=config.own_spread,
        balance=config.own_balance,
    )
