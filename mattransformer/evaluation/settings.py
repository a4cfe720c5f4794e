"""The settings that samples are drawn in: which conditions, and how many samples under each.

`DEFAULT` is what a user gets who asks for nothing; `PUBLISHED` is all that is pure, from both sources in the
proportion of their training rows, as the published models were trained and measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mattransformer.errors import MattransformerError
from mattransformer.generation.samples import MOST_ATOMS, SampleSet
from mattransformer.objectives.sampling import SampledSequence, Truncation
from mattransformer.tokenization import prompt_ids

if TYPE_CHECKING:
    import pandas as pd

    from mattransformer.generation.language_model import LanguageModel


class EvaluationError(MattransformerError):
    """A measurement that cannot be made, or a record of one that cannot be used."""


@dataclass(frozen=True)
class Setting:
    """Conditions to sample under.

    Attributes:
        name: what results call it.
        conditions: pairs of source and variant; samples are divided over them by their numbers of training rows.
    """

    name: str
    conditions: tuple[tuple[str, str], ...]

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Take the rows that these conditions stand for.

        Args:
            table: rows of a corpus.

        Returns:
            Those with one of the pairs of `source` and `variant`.
        """
        pairs = list(zip(table["source"], table["variant"], strict=True))
        return table[[pair in self.conditions for pair in pairs]]

    def allotment(self, table: pd.DataFrame, n: int) -> list[int]:
        """Divide samples over the conditions, in proportion to their rows.

        Args:
            table: training rows.
            n: samples in all.

        Returns:
            Samples a pair of conditions; they add up to `n`.

        Raises:
            EvaluationError: the table has no row of these conditions.
        """
        pairs = table.value_counts(["source", "variant"])
        return allot(n, [int(pairs.get(pair, 0)) for pair in self.conditions])


DEFAULT: Final = Setting("default", (("mp", "strict"),))
PUBLISHED: Final = Setting(
    "published", (("mp", "strict"), ("mp", "pure"), ("oqmd", "strict"), ("oqmd", "pure"))
)
SETTINGS: Final = (PUBLISHED, DEFAULT)


def allot(n: int, rows: Sequence[int]) -> list[int]:
    """Divide a number in given proportions, by the largest remainder.

    Args:
        n: to divide.
        rows: the proportions.

    Returns:
        Whole numbers that add up to `n`.

    Raises:
        EvaluationError: all proportions are 0.
    """
    total = sum(rows)
    if total == 0:
        raise EvaluationError(
            "none of the training rows has the conditions of this setting; use corpora that have them"
        )
    shares = [n * count // total for count in rows]
    remainders = [n * count % total for count in rows]
    for index in np.argsort([-remainder for remainder in remainders], kind="stable")[: n - sum(shares)]:
        shares[index] += 1
    return shares


def draw(
    lm: LanguageModel, setting: Setting, table: pd.DataFrame, n: int, seed: int, temperature: float = 1.0
) -> SampleSet:
    """Draw plain samples under the conditions of a setting.

    Args:
        lm: the model.
        setting: the conditions.
        table: training rows; they decide the proportions.
        n: samples in all.
        seed: decides them.
        temperature: 1 samples the model itself.

    Returns:
        All samples in one set: a sequence that came under two conditions is one sequence.
    """
    samples = SampleSet()
    samples.add(merged(_sequences(lm, setting, setting.allotment(table, n), seed, temperature)))
    return samples


def merged(sequences: Iterable[SampledSequence]) -> Iterator[SampledSequence]:
    """Add up the counts of equal sequences, so that distinct failures are counted once each.

    Args:
        sequences: of several rounds or conditions.

    Yields:
        Every distinct sequence once, in the order of first appearance; its log-probability is that under the conditions
        it appeared under first.
    """
    found: dict[tuple[int, ...], SampledSequence] = {}
    for sequence in sequences:
        earlier = found.get(sequence.ids)
        count = sequence.count + (earlier.count if earlier else 0)
        first = earlier or sequence
        found[sequence.ids] = SampledSequence(first.ids, count, first.log_prob, first.finished)
    yield from found.values()


def _sequences(
    lm: LanguageModel, setting: Setting, numbers: Sequence[int], seed: int, temperature: float
) -> Iterator[SampledSequence]:
    for position, ((source, variant), n) in enumerate(zip(setting.conditions, numbers, strict=True)):
        prompt = prompt_ids({"source": source, "variant": variant})
        yield from lm.objective.sample(
            lm.model, prompt, n, [seed, position], Truncation(temperature), max_tokens=MOST_ATOMS
        )
