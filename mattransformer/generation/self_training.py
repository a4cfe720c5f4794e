"""What a model learns from its own samples: to keep the rule of the condition that it was asked for.

A model that has learned real formulas still breaks the rule of a condition now and then: under `<strict>`, a composition
that is not charge-neutral. The rule can be checked on any sample, so samples are training data. With p the model's
distribution under a condition and Z the share of it that keeps the rule, the gradient of log Z is the mean over samples of

    (kept / Z - 1) * gradient of log p(sample)

(Williams, Mach. Learn. 8, 229 (1992), with the mean as baseline). Following it moves p towards p given that the rule
holds. No label and no formula from elsewhere enters. Formulas that the hash rule puts in the valid or test split count for
nothing, so that these stay unseen; rows of the training split are left to the training itself. A sample whose atoms are not
in canonical order, or not reduced, breaks the rule of every condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mattransformer.data.encoding import EncodedFormulas
from mattransformer.data.splits import split_of
from mattransformer.data.variants import VARIANTS, holding, variants_of
from mattransformer.generation.prefix_tree import SampledSequence, sample_sequences
from mattransformer.generation.samples import MOST_ATOMS, canonical_formula
from mattransformer.tokenization import END_ID, prompt_ids
from mattransformer.training.rows import OwnSampler, WeightedRows, load_training_data

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
    """

    shares: Mapping[Conditions, float]
    known: Mapping[str, frozenset[str]]

    def __call__(self, model: PreTrainedModel, samples: int, seed: list[int]) -> WeightedRows:
        """Sample a model.

        Args:
            model: in evaluation mode.
            samples: how many, over all conditions.
            seed: decides them.

        Returns:
            The distinct sequences that teach something. A weight of 1 is that of a row.
        """
        lessons = _Lessons()
        for number, ((source, variant), share) in enumerate(self.shares.items()):
            prompt = prompt_ids({"source": source, "variant": variant})
            drawn = list(
                sample_sequences(model, prompt, round(samples * share), [*seed, number], max_tokens=MOST_ATOMS)
            )
            self._weigh(drawn, prompt, source, variant, lessons)
        return lessons.rows()

    def _weigh(
        self, drawn: list[SampledSequence], prompt: list[int], source: str, variant: str, lessons: _Lessons
    ) -> None:
        formulas = [canonical_formula(sequence) for sequence in drawn]
        readable = [index for index, formula in enumerate(formulas) if formula is not None]
        labels = variants_of([formula for formula in formulas if formula is not None])
        kept = np.zeros(len(drawn), dtype=bool)
        kept[readable] = [label in holding(variant) for label in labels]
        counted = np.ones(len(drawn), dtype=bool)
        names = {index: str(formulas[index] and formulas[index].reduced_formula) for index in readable}
        for index, name in names.items():
            counted[index] = split_of(name) == "train" and name not in self.known[source]
        counts = np.array([sequence.count for sequence in drawn]) * counted
        share = float(counts[kept].sum() / max(1, counts.sum()))
        if not 0 < share < 1:
            return  # nothing to learn where all samples keep the rule, or none does
        for sequence, keeps, count in zip(drawn, kept, counts, strict=True):
            if count:
                lessons.add([*prompt, *sequence.ids], float(count * (keeps / share - 1)), finished=sequence.finished)


@dataclass
class _Lessons:
    sequences: list[list[int]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, ids: list[int], weight: float, *, finished: bool) -> None:
        self.sequences.append([*ids, END_ID] if finished else ids)
        self.weights.append(weight)

    def rows(self) -> WeightedRows:
        starts = np.zeros(len(self.sequences) + 1, dtype=np.int64)
        np.cumsum([len(sequence) for sequence in self.sequences], out=starts[1:])
        ids = np.array([token for sequence in self.sequences for token in sequence], dtype=np.uint8)
        return WeightedRows(EncodedFormulas(ids, starts), np.array(self.weights))


def own_sampler(config: TrainingConfig) -> OwnSampler:
    """Make the sampler of a training.

    Args:
        config: its corpora and weights decide under which conditions samples are drawn: those of the rows that keep a
            rule (*pure* and *strict*), each as often as its rows are seen.

    Returns:
        What `training.loop.train` takes as `own_sampler`.
    """
    data = load_training_data(config)
    table = data.corpus.split("train")
    weight = table["source"].map(lambda source: config.weights.get(source, 1.0))
    seen = weight.groupby([table["source"], table["variant"]]).sum()
    ruled = {key: float(total) for key, total in seen.items() if key[1] != VARIANTS[0] and total > 0}
    known = {source: frozenset(rows) for source, rows in table.groupby("source")["formula"]}
    return SelfTraining({key: total / sum(ruled.values()) for key, total in ruled.items()}, known)

