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

from mattransformer.constraints.automaton import Automaton
from mattransformer.errors import MattransformerError
from mattransformer.generation.found import Failures, Found, Seen, gather, merged
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.objectives.choices import Arrivals, Choice, Likelier, Samples
from mattransformer.objectives.draws import root_key, uniforms
from mattransformer.objectives.sampling import ROUND, Truncation
from mattransformer.objectives.sequences import SequenceBlock, in_blocks
from mattransformer.objectives.table import objective_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Drawing stops when fewer than this share of a round's samples are new compositions.
LEAST_PROGRESS: Final = 0.002
_LEAST_EXACT: Final = 2e-5  # where most samples may break a rule, and are cheap
_LEAST_ROUND: Final = 256
_MOST_ROUND: Final = 2**24
_GROWTH: Final = 1.3


class DrawingError(MattransformerError):
    """A way of drawing that a model does not have."""


@dataclass(frozen=True)
class Request:
    """What is to be drawn.

    Attributes:
        n: distinct compositions.
        seed: decides them.
        prompt: condition tokens.
        truncation: temperature, top-k and top-p.
        automaton: rules that are kept for certain; None for plain samples.
        replace: whether samples are independent; otherwise without replacement.
        exact: see `objectives.choices.Samples`.
        precision: of matrix products, see `models.stepping.PRECISIONS`.
    """

    n: int
    seed: int
    prompt: list[int]
    truncation: Truncation = field(default_factory=Truncation)
    automaton: Automaton | None = None
    replace: bool = True
    exact: bool = False
    precision: str = "float32"


@dataclass(frozen=True)
class Piece:
    """What a branch gave.

    Attributes:
        found: compositions that did not come before.
        drawn: samples, repetitions and failures counted.
        failures: why samples are no composition, and how many.
    """

    found: Found
    drawn: int
    failures: dict[str, int]


class Store(Protocol):
    """Keeps the pieces of a drawing."""

    def get(self, round_: int, branch: int) -> Piece | None:
        """Give a piece that was kept, or None."""
        ...

    def put(self, round_: int, branch: int, piece: Piece) -> None:
        """Keep a piece."""
        ...

    def forget(self, round_: int) -> None:
        """Leave out the pieces of a round."""
        ...


class Memory:
    """Keeps nothing: a drawing that is not to be resumed."""

    def get(self, round_: int, branch: int) -> Piece | None:
        """See `Store.get`."""

    def put(self, round_: int, branch: int, piece: Piece) -> None:
        """See `Store.put`."""

    def forget(self, round_: int) -> None:
        """See `Store.forget`."""


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
        progress: Callable[[int], None] | None = None,
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
        self._store: Store = store or Memory()
        self._progress = progress or (lambda _: None)
        self._objective: Any = objective_of(model)
        if not self._objective.exact and (request.exact or not request.replace):
            raise DrawingError(
                f"{model.config.model_type}: its probabilities of formulas are not known exactly, so replace=False and "
                "exact=True are not possible; choose a causal model or bart"
            )

    def run(self) -> Drawn:
        """Draw.

        Returns:
            What was found, in no particular order.
        """
        return self._independent() if self._request.replace else self._arriving()

    def _independent(self) -> Drawn:
        """Draw independent samples in rounds, each as large as the one before makes it seem necessary."""
        request, seen, kept = self._request, Seen(), list[Found]()
        result, failures = Drawn(merged([])), Failures()
        rate, round_ = 1 / 1.1, 0
        while len(seen) < request.n:
            missing = request.n - len(seen)
            size = min(_MOST_ROUND, max(_LEAST_ROUND, math.ceil(missing / rate)))
            gained: list[Found] = []
            for branch, piece in enumerate(self._pieces(round_, size, seen)):
                gained.append(piece.found)
                seen.add(piece.found.fingerprints)
                result.drawn += piece.drawn
                for reason, count in piece.failures.items():
                    failures.add(reason, count)
                self._progress(min(len(seen), request.n))
                del branch
            new = merged(gained)
            if len(seen) > request.n:
                new = _earliest(new, len(new) - (len(seen) - request.n), request.seed)
            kept.append(new)
            least = _LEAST_EXACT if request.exact else LEAST_PROGRESS
            if len(seen) < request.n and sum(map(len, gained)) < least * size:
                result.enough = False
                break
            rate = max(sum(map(len, gained)) / size / 2, least)
            round_ += 1
        result.found, result.failures = merged(kept), failures.counts
        return result

    def _pieces(self, round_: int, size: int, seen: Seen) -> Iterator[Piece]:
        """Draw a round."""
        done = 0
        for branch, blocks in enumerate(self._branches(round_, size)):
            piece = self._store.get(round_, branch)
            if piece is None:
                failures = Failures()
                found = gather(blocks, failures)
                drawn = int(found.counts.sum()) + failures.total
                found = self._scored(found.take(np.flatnonzero(~seen.holds(found.fingerprints))))
                piece = Piece(found, drawn, failures.counts)
                self._store.put(round_, branch, piece)
            done += piece.drawn
            yield piece
        if self._request.exact and done < size:
            yield Piece(merged([]), size - done, {"breaks a rule": size - done})

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
        if request.automaton is None and not self._objective.left_to_right:
            for part, first in enumerate(range(0, size, ROUND)):
                yield in_blocks(
                    self._objective.sample(
                        self._model,
                        request.prompt,
                        min(ROUND, size - first),
                        [request.seed, round_, part],
                        request.truncation,
                        max_tokens=MOST_ATOMS,
                    )
                )
            return
        choice = Samples(size, request.truncation, request.exact)
        yield from self._walk(choice, [request.seed, round_])

    def _walk(self, choice: Choice, seed: list[int]) -> Iterator[Iterator[SequenceBlock]]:
        request = self._request
        trees = self._objective.trees(
            self._model,
            request.prompt,
            choice,
            seed,
            rules=request.automaton,
            precision=request.precision,
            max_tokens=MOST_ATOMS,
        )
        for tree in trees:
            for branch in tree.branches():
                yield branch.blocks

    def _arriving(self) -> Drawn:
        """Draw without replacement: all that arrive before a time, which is put off until enough have."""
        request = self._request
        time, round_ = request.n * 1.1 + 30, 0
        while True:
            choice = Arrivals(-math.log(time), request.truncation)
            parts: list[Found] = []
            have = 0
            for branch, blocks in enumerate(self._walk(choice, [request.seed])):
                piece = self._store.get(round_, branch)
                if piece is None:
                    found = self._scored(gather(blocks, Failures()))
                    # What was left out has to be known again when the drawing is resumed.
                    failures = {} if choice.complete else {"later": 1}
                    piece = Piece(found, len(found), failures)
                    self._store.put(round_, branch, piece)
                choice.complete &= not piece.failures
                have += len(piece.found)
                parts.append(piece.found)
                self._progress(min(have, request.n))
            found = merged(parts)
            if len(found) > request.n or choice.complete:
                order = np.argsort(-found.arrivals, kind="stable")
                last = float(found.arrivals[order[request.n]]) if len(found) > request.n else -math.inf
                return Drawn(
                    found.take(order[: request.n]),
                    len(found),
                    enough=len(found) >= request.n,
                    complete=choice.complete and len(found) <= request.n,
                    last=last,
                )
            self._store.forget(round_)
            time *= max(_GROWTH, _GROWTH * request.n / max(len(found), 1))
            round_ += 1


def likeliest(model: PreTrainedModel, request: Request, score: Score) -> Drawn:
    """Find the most probable compositions that keep the rules: exactly these, and no search that may miss one.

    Prefixes are at least as probable as what they begin, so the tree is walked above a probability that is lowered
    until enough are found; where it starts is read off samples.

    Args:
        model: one with exact likelihoods.
        request: truncation and seed decide nothing but the time it takes.
        score: see `Drawing`.

    Returns:
        The compositions, the most probable first.

    Raises:
        DrawingError: a model whose likelihood is a bound.
    """
    drawing = Drawing(model, request, score)
    if not drawing._objective.exact:
        raise DrawingError(
            f"{model.config.model_type}: its probabilities of formulas are not known exactly; choose a causal model or "
            "bart"
        )
    samples = Samples(min(max(2 * request.n, 1_000), 50_000))
    drawn = merged([gather(blocks, Failures()) for blocks in drawing._walk(samples, [request.seed])])
    ranked = np.sort(drawn.log_probs)[::-1]
    least = float(ranked[min(request.n, len(ranked)) - 1]) - 1e-3
    while True:
        choice = Likelier(least)
        found = merged([gather(blocks, Failures()) for blocks in drawing._walk(choice, [request.seed])])
        if len(found) >= request.n or choice.complete:
            order = np.argsort(-found.log_probs, kind="stable")[: request.n]
            enough = len(found) >= request.n
            return Drawn(
                found.take(order), len(found), enough=enough, complete=choice.complete and not enough
            )
        least -= 1.0


def _earliest(found: Found, n: int, seed: int) -> Found:
    """Drop surplus compositions as if drawing had stopped at the n-th: those that came later in a random order."""
    # The first of c uniform draws: its distribution is that of 1 - U ** (1 / c).
    numbers = uniforms(found.fingerprints ^ root_key(seed), np.zeros(len(found), dtype=np.int64))
    arrival = 1 - numbers ** (1 / found.counts)
    return found.take(np.sort(np.argsort(arrival, kind="stable")[:n]))
