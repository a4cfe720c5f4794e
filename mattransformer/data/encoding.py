"""Corpora as token arrays: every formula once, flat, with where each sequence begins.

A sequence is its condition tokens, one token an atom in canonical order, and the end token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from mattransformer.formula import Formula
from mattransformer.tokenization import END_ID, element_ids, prompt_ids

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EncodedFormulas:
    """Sequences of token ids in one flat array.

    Attributes:
        ids: all sequences one after another, (total tokens,), uint8.
        starts: where sequence i begins, with the total at the end, (sequences + 1,), int64.
    """

    ids: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        """Count the sequences."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens a sequence, conditions and end included, (sequences,), int64."""
        return np.diff(self.starts)

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Gather sequences of one length.

        Args:
            indices: which sequences, (n,); all of the same length.

        Returns:
            Token ids, (n, length), int64.
        """
        first = self.starts[indices]
        length = int(self.starts[indices[0] + 1] - first[0])
        return self.ids[first[:, None] + np.arange(length)].astype(np.int64)

    def take(self, indices: np.ndarray) -> EncodedFormulas:
        """Copy sequences of any lengths.

        Args:
            indices: which sequences, (n,); one may come several times.

        Returns:
            These sequences, in this order.
        """
        lengths = self.lengths[indices]
        starts = np.zeros(len(indices) + 1, dtype=np.int64)
        np.cumsum(lengths, out=starts[1:])
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        return EncodedFormulas(self.ids[np.repeat(self.starts[indices], lengths) + within], starts)


def encode_formulas(
    formulas: Sequence[str], sources: Sequence[str], variants: Sequence[str]
) -> EncodedFormulas:
    """Encode formulas under their conditions.

    Args:
        formulas: reduced formulas.
        sources: a source a formula.
        variants: a variant a formula.

    Returns:
        The sequences, in the order given.

    Raises:
        FormulaError: a formula that cannot be read.
    """
    prompts = {
        (source, variant): prompt_ids({"source": source, "variant": variant})
        for source, variant in set(zip(sources, variants, strict=True))
    }
    sequences = [
        [*prompts[source, variant], *element_ids(Formula.parse(formula).tokens), END_ID]
        for formula, source, variant in zip(formulas, sources, variants, strict=True)
    ]
    starts = np.zeros(len(sequences) + 1, dtype=np.int64)
    np.cumsum([len(sequence) for sequence in sequences], out=starts[1:])
    ids = np.fromiter(chain.from_iterable(sequences), dtype=np.uint8, count=int(starts[-1]))
    return EncodedFormulas(ids, starts)


def encode_table(table: pd.DataFrame) -> EncodedFormulas:
    """Encode the rows of a corpus.

    Args:
        table: columns `formula`, `source` and `variant`.

    Returns:
        A sequence a row, in the order of the rows.
    """
    return encode_formulas(table["formula"].tolist(), table["source"].tolist(), table["variant"].tolist())
