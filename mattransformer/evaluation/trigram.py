"""An interpolated trigram model of token sequences: what a transformer has to beat.

The probability of a token is a weighted mean of a uniform, a unigram, a bigram and a trigram estimate (Jelinek and
Mercer, 1980). The weights are fitted by expectation maximisation on a tenth of the training rows with counts from the
other nine; then the counts are taken from all of them. Condition tokens are context and never predicted, as for the
transformer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mattransformer.data.encoding import EncodedFormulas
from mattransformer.tokenization import END_ID, FIRST_ELEMENT_ID, PROMPT_LENGTH, VOCABULARY

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_SIZE: Final = len(VOCABULARY)
_PREDICTED: Final = np.array([END_ID, *range(FIRST_ELEMENT_ID, _SIZE)])  # the end, and 118 elements
_HELD_OUT: Final = 10
_ITERATIONS: Final = 500
_CONVERGED: Final = 1e-7


@dataclass(frozen=True, eq=False)
class TrigramModel:
    """A fitted model.

    Attributes:
        weights: of the uniform, unigram, bigram and trigram estimates, (4,), adding up to 1.
        unigrams: counts of each token, (V,).
        bigrams: counts of each token after each, (V, V), earlier token first.
        trigrams: likewise after each two, (V, V, V).
    """

    weights: Numbers
    unigrams: Counts
    bigrams: Counts
    trigrams: Counts

    @classmethod
    def count(cls, formulas: EncodedFormulas, weights: Numbers) -> TrigramModel:
        """Count tokens, with weights that are given.

        Args:
            formulas: training sequences.
            weights: (4,), adding up to 1.

        Returns:
            The model.
        """
        at = _positions(formulas)
        ids = formulas.ids.astype(np.int64)
        keys = (ids[at - 2] * _SIZE + ids[at - 1]) * _SIZE + ids[at]
        trigrams = np.bincount(keys, minlength=_SIZE**3).reshape(_SIZE, _SIZE, _SIZE)
        bigrams = trigrams.sum(axis=0)
        return cls(weights, bigrams.sum(axis=0), bigrams, trigrams)

    @classmethod
    def fit(cls, formulas: EncodedFormulas, seed: int = 0) -> TrigramModel:
        """Fit weights on a tenth of the sequences, then count all of them.

        Args:
            formulas: training sequences, at least two.
            seed: draws the tenth.

        Returns:
            The model.
        """
        order = np.random.default_rng(seed).permutation(len(formulas))
        size = max(1, len(formulas) // _HELD_OUT)
        equal = np.full(4, 0.25)
        others = cls.count(_take(formulas, order[size:]), equal)
        return cls.count(formulas, others._fitted_weights(_take(formulas, order[:size])))

    def probabilities(self, first: int, second: int) -> Numbers:
        """Give the distribution of the next token.

        Args:
            first: id of the token before `second`.
            second: id of the token before the one that is asked for.

        Returns:
            (V,); 0 for tokens that are never predicted.
        """
        estimates = self._estimates(np.full(_SIZE, first), np.full(_SIZE, second), np.arange(_SIZE))
        estimates[0, np.setdiff1d(np.arange(_SIZE), _PREDICTED)] = 0.0
        return self.weights @ estimates

    def nats(self, formulas: EncodedFormulas) -> Numbers:
        """Score sequences.

        Args:
            formulas: the sequences.

        Returns:
            Negative natural log-likelihood a formula, end included, conditions given, (rows,).
        """
        at = _positions(formulas)
        ids = formulas.ids.astype(np.int64)
        nats = np.zeros(len(ids))
        nats[at] = -np.log(self.weights @ self._estimates(ids[at - 2], ids[at - 1], ids[at]))
        return np.add.reduceat(nats, formulas.starts[:-1])

    def _estimates(self, first: Counts, second: Counts, token: Counts) -> Numbers:
        """Give the four estimates, (4, positions); in a context never seen, that of the shorter one."""
        uniform = np.full(len(token), 1 / len(_PREDICTED))
        unigram = self.unigrams[token] / self.unigrams.sum()
        bigram = _ratio(self.bigrams[second, token], self.bigrams.sum(axis=1)[second], unigram)
        trigram = _ratio(
            self.trigrams[first, second, token], self.trigrams.sum(axis=2)[first, second], bigram
        )
        return np.stack([uniform, unigram, bigram, trigram])

    def _fitted_weights(self, held_out: EncodedFormulas) -> Numbers:
        at = _positions(held_out)
        ids = held_out.ids.astype(np.int64)
        estimates = self._estimates(ids[at - 2], ids[at - 1], ids[at])
        weights = self.weights
        for _ in range(_ITERATIONS):
            joint = weights[:, None] * estimates
            updated = (joint / joint.sum(axis=0)).mean(axis=1)
            if np.abs(updated - weights).max() < _CONVERGED:
                return updated
            weights = updated
        return weights


def _ratio(counts: Counts, totals: Counts, otherwise: Numbers) -> Numbers:
    return np.where(totals > 0, counts / np.maximum(totals, 1), otherwise)


def _positions(formulas: EncodedFormulas) -> Counts:
    """List where in the flat array the predicted tokens are: the atoms and the end."""
    predicted = np.ones(len(formulas.ids), dtype=np.bool_)
    predicted[formulas.starts[:-1, None] + np.arange(PROMPT_LENGTH)] = False
    return np.flatnonzero(predicted)


def _take(formulas: EncodedFormulas, rows: npt.NDArray[np.int64]) -> EncodedFormulas:
    lengths = formulas.lengths[rows]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    at = np.repeat(formulas.starts[rows] - starts[:-1], lengths) + np.arange(starts[-1])
    return EncodedFormulas(formulas.ids[at], starts)
