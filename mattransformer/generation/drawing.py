"""Drawing until enough distinct compositions are there, in pieces that are kept as they come.

A drawing goes in rounds, a round in branches of the tree of prefixes, and what a branch gives depends on the request
alone. So a store that holds the pieces of an interrupted drawing lets it go on where it was, to the same end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from mattransformer.errors import MattransformerError
from mattransformer.generation.found import Failures, Found, Seen, gather, merged
from mattransformer.generation.requests import Request
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.objectives.choices import Arrivals, Choice, Likelier, Samples
from mattransformer.objectives.draws import root_key, uniforms
from mattransformer.objectives.prefix_tree import EndlessWalkError
from mattransformer.objectives.sampling import ROUND
from mattransformer.objectives.sequences import SequenceBlock, in_blocks
from mattransformer.objectives.table import objective_of
from mattransformer.tokenization import prompt_ids

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Drawing stops when fewer than this share of a round's samples are new compositions; one is expected of it at least.
LEAST_PROGRESS: Final = 0.002
_LEAST_EXACT: Final = 2e-5  # where most samples may break a rule, and are cheap
_ROUND_GROWTH: Final = (
    8  # of a round, to the one before, so that a poor round does not lead to a boundless one
)
_LEAST_ROUND: Final = 256
_MOST_ROUND: Final = 2**24
_GROWTH: Final = 1.3
MOST_NODES: Final = 1_000_000
"""Prefixes that one walk evaluates in search of the most probable compositions, some minutes of work."""
_MARGIN: Final = 1e-3  # nats, so that rounding does not lose the sample that the search begins at
_LEAST_STEP: Final = 0.3  # nats by which the search is deepened
_MOST_STEP: Final = 2.0


class DrawingError(MattransformerError):
    """A way of drawing that a model does not have."""


@dataclass(frozen=True)
class Piece:
    """What a branch gave.

    Attributes:
        found: compositions; of independent samples those that did not come before.
        drawn: samples, repetitions and failures counted.
        failures: why samples are no composition, and how many.
        complete: whether nothing was left out so far, see `objectives.choices.Arrivals`.
    """

    found: Found
    drawn: int
    failures: dict[str, int] = field(default_factory=dict)
    complete: bool = False


class Store(Protocol):
    """Keeps the pieces of a drawing."""

    def get(self, round_: int, branch: int) -> Piece | None:
        """Give a piece that was kept, or None."""
        ...

    def put(self, round_: int, branch: int, piece: Piece) -> None:
        """Keep a piece."""
        ...


@dataclass
class Drawn:
    """The end of a drawing.

    Attributes:
        found: at most as many compositions as were asked for.
        drawn: samples in all.
        failures: see `Piece`.
        enough: whether as many were found as were asked for.
        complete: whether there are no others that keep the rules at all.
        last: the arrival that came too late by one, for inclusion probabilities; NaN for independent samples.
    """

    found: Found
    drawn: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    enough: bool = True
    complete: bool = False
    last: float = math.nan


Score = Callable[[Found], np.ndarray]
"""Gives the log-probabilities of compositions whose canonical sequences did not come, (n,)."""


class Drawing:
    """A drawing from one model."""

    def __init__(
        self,
        model: PreTrainedModel,
        request: Request,
        score: Score,
        store: Store | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Prepare it.

        Args:
            model: in evaluation mode.
            request: what is wanted.
            score: called where the tree does not tell log-probabilities.
            store: keeps pieces.
            progress: is told how many compositions there are, after each piece.

        Raises:
            DrawingError: a way of drawing that the model does not have.
        """
        self._model, self._request, self._score = model, request, score
        self._store, self._progress = store, progress or (lambda _: None)
        self._objective: Any = objective_of(model)
        if not self._objective.exact and (request.exact or not request.replace or request.likeliest):
            raise DrawingError(
                f"{model.config.model_type}: its probabilities of formulas are not known exactly, so neither the most "
                "probable ones, nor exact samples, nor samples without replacement are possible; choose a causal model "
                "or bart"
            )

    def run(self) -> Drawn:
        """Draw.

        Returns:
            What was found: the most probable first where these are asked for, otherwise in no particular order.
        """
        if self._request.likeliest:
            return self._likeliest()
        return self._independent() if self._request.replace else self._arriving()

    def _independent(self) -> Drawn:
        """Draw independent samples in rounds, each as large as the one before makes it seem necessary."""
        request, seen, kept = self._request, Seen(), list[Found]()
        result, failures = Drawn(merged([])), Failures()
        least = _LEAST_EXACT if request.exact else LEAST_PROGRESS
        rate, round_, largest = 1 / 1.1, 0, _MOST_ROUND
        while len(seen) < request.n:
            before = len(seen)
            wanted = request.n - before
            size = min(_MOST_ROUND, largest, max(_LEAST_ROUND, math.ceil(wanted / rate)))
            gained: list[Found] = []
            for piece in self._round(round_, size, seen):
                gained.append(piece.found)
                seen.add(piece.found.fingerprints)
                result.drawn += piece.drawn
                for reason, count in piece.failures.items():
                    failures.add(reason, count)
                self._progress(min(len(seen), request.n))
            new = merged(gained)
            kept.append(new if len(new) <= wanted else _earliest(new, wanted, request.seed))
            if len(new) < min(wanted, least * size) and least * size >= 1:
                result.enough = False
                break
            rate, round_, largest = max(len(new) / size / 2, least), round_ + 1, _ROUND_GROWTH * size
        result.found, result.failures = merged(kept), failures.counts
        return result

    def _round(self, round_: int, size: int, seen: Seen) -> Iterator[Piece]:
        """Draw a round of independent samples."""

        def draw(blocks: Iterator[SequenceBlock]) -> Piece:
            failures = Failures()
            found = gather(blocks, failures)
            drawn = int(found.counts.sum()) + failures.total
            new = found.take(np.flatnonzero(~seen.holds(found.fingerprints)))
            return Piece(self._scored(new), drawn, failures.counts)

        drawn = 0
        for branch, blocks in enumerate(self._branches(round_, size)):
            piece = self._piece(round_, branch, lambda blocks=blocks: draw(blocks))  # type: ignore[misc]
            drawn += piece.drawn
            yield piece
        if self._request.exact and drawn < size:
            yield Piece(merged([]), size - drawn, {"breaks a rule": size - drawn})

    def _piece(self, round_: int, branch: int, draw: Callable[[], Piece]) -> Piece:
        """Take a piece from the store, or draw it and keep it."""
        piece = None if self._store is None else self._store.get(round_, branch)
        if piece is None:
            piece = draw()
            if self._store is not None:
                self._store.put(round_, branch, piece)
        return piece

    def _scored(self, found: Found) -> Found:
        unknown = np.flatnonzero(np.isnan(found.log_probs))
        if not len(unknown):
            return found
        log_probs = found.log_probs.copy()
        log_probs[unknown] = self._score(found.take(unknown))
        return Found(
            found.compositions, found.fingerprints, found.counts, log_probs, found.proposals, found.arrivals
        )

    def _branches(self, round_: int, size: int) -> Iterator[Iterator[SequenceBlock]]:
        """Divide a round of independent samples; a branch that is not asked for costs nothing."""
        request = self._request
        if request.ruled or self._objective.left_to_right:
            choice = Samples(size, request.truncation, request.exact)
            yield from self._walk(choice, [request.seed, round_])
            return
        prompt = prompt_ids(request.conditions)
        for part, first in enumerate(range(0, size, ROUND)):
            yield in_blocks(
                self._objective.sample(
                    self._model,
                    prompt,
                    min(ROUND, size - first),
                    [request.seed, round_, part],
                    request.truncation,
                    max_tokens=MOST_ATOMS,
                )
            )

    def _walk(self, choice: Choice, seed: list[int]) -> Iterator[Iterator[SequenceBlock]]:
        for tree in self._objective.trees(self._model, self._request.plan(choice, seed)):
            yield from tree.branches()

    def _arriving(self) -> Drawn:
        """Draw without replacement: all that arrive before a time, which is put off until enough have."""
        request = self._request
        time, round_ = request.n * 1.1 + 30, 0
        while True:
            choice = Arrivals(-math.log(time), request.truncation)

            def draw(blocks: Iterator[SequenceBlock], choice: Arrivals = choice) -> Piece:
                found = self._scored(gather(blocks, Failures()))
                return Piece(found, len(found), complete=choice.complete)

            parts: list[Found] = []
            for branch, blocks in enumerate(self._walk(choice, [request.seed])):
                piece = self._piece(round_, branch, lambda blocks=blocks: draw(blocks))  # type: ignore[misc]
                choice.complete &= piece.complete  # of a piece that was kept
                parts.append(piece.found)
                self._progress(min(sum(map(len, parts)), request.n))
            found = merged(parts)
            if len(found) > request.n or choice.complete:
                order = np.argsort(-found.arrivals, kind="stable")
                later = len(found) > request.n
                return Drawn(
                    found.take(order[: request.n]),
                    len(found),
                    enough=len(found) >= request.n,
                    complete=not later,
                    last=float(found.arrivals[order[request.n]]) if later else -math.inf,
                )
            time *= max(_GROWTH, _GROWTH * request.n / max(len(found), 1))
            round_ += 1

    def _likeliest(self) -> Drawn:
        """Find the most probable compositions that keep the rules: exactly these, and no search that may miss one.

        Prefixes are at least as probable as what they begin, so the tree is walked above a probability that is lowered
        until enough are found; it starts at the most probable sample.
        """
        request = self._request
        samples = Samples(min(max(2 * request.n, 1_000), 50_000))
        least = float(self._all(samples).log_probs.max()) - _MARGIN
        while True:
            choice = Likelier(least)
            found = self._all(choice)
            enough = len(found) >= request.n
            if enough or choice.complete:
                order = np.argsort(-found.log_probs, kind="stable")[: request.n]
                return Drawn(found.take(order), len(found), enough=enough, complete=not enough)
            missing = math.log(request.n / max(len(found), 1))
            least -= min(max(missing / 2, _LEAST_STEP), _MOST_STEP)

    def _all(self, choice: Choice) -> Found:
        """Walk through trees whole, unless there is no end to it."""
        plan = self._request.plan(choice, [self._request.seed], MOST_NODES)
        trees = self._objective.trees(self._model, plan)
        try:
            return merged([gather(blocks, Failures()) for tree in trees for blocks in tree.branches()])
        except EndlessWalkError as error:
            raise DrawingError(
                f"the {self._request.n:,} most probable compositions that keep these rules are too improbable to be "
                f"searched for ({error}); ask for fewer, or draw without replacement (generate with replace=False)"
            ) from error


def _earliest(found: Found, n: int, seed: int) -> Found:
    """Drop surplus compositions as if drawing had stopped at the n-th: those that came later in a random order."""
    # The first of c uniform draws: its distribution is that of 1 - U ** (1 / c).
    numbers = uniforms(found.fingerprints ^ root_key(seed), np.zeros(len(found), dtype=np.int64))
    arrival = 1 - numbers ** (1 / found.counts)
    return found.take(np.sort(np.argsort(arrival, kind="stable")[:n]))
