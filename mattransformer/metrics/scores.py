"""All set-based metrics of one list of formulas, as a whole and by chemistry class, beside lists to hold it against.

    sample = FormulaList.of_file("samples.csv")
    scores = score(sample, training=FormulaList.of_corpus("mp:train"), held_out=FormulaList.of_corpus("mp:test"))
    json.dumps(scores.as_dict())

Everything but uniqueness is over the distinct compositions. Masks are kept; `as_dict` averages them. A share of nothing
is None with its reason beside it, so that an empty list has a report as every other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.errors import MattransformerError
from mattransformer.metrics.classes import CLASSES
from mattransformer.metrics.distributions import profile
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.intervals import NOTHING, share, share_of
from mattransformer.metrics.novelty import Novelty, novelty
from mattransformer.metrics.recovery import recovery
from mattransformer.metrics.references import HELD_OUT, RANDOM, TRAINING, Figures, Reference
from mattransformer.metrics.uniqueness import Uniqueness, uniqueness
from mattransformer.metrics.validity import SETTINGS
from mattransformer.screening.oxidation import smact_version
from mattransformer.screening.screen import Known

_NAMED: Final = 5  # unreadable rows that are told with their reasons
_INTERVALS: Final = (
    "95 % bootstrap percentile intervals over distinct compositions, of recovered shares over the compositions to "
    "recover; of uniqueness the jackknife's over rows; of shares of 0 and 100 % Wilson's"
)

Lists = FormulaList | Mapping[str, FormulaList] | None
"""One list, several by name, or none."""


class ScoresError(MattransformerError):
    """Lists that cannot be told apart by name."""


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of a list.

    Attributes:
        figures: of the sample, n distinct compositions.
        uniqueness: of its rows.
        novelty: against each list of known compositions; no list, no novelty.
        references: training, held-out and random lists.
        seed: of all intervals.
    """

    figures: Figures
    uniqueness: Uniqueness
    novelty: Novelty
    references: tuple[Reference, ...]
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Give everything ready for JSON.

        Returns:
            `rows` (`drawn`, `readable`, `unreadable`, `distinct` and the `first_unreadable` with their reasons);
            `remarks` on what is odd about the lists; `settings` in words, `smact` its version, `intervals` in words,
            `seed`; `references`, name to role and rows; `whole`, the metrics; `classes`, each class to the same metrics
            of its compositions alone. `profiles` has the counts of elements, sizes and atoms of every list, and
            `training_profile` those of all training lists together, where there is one.
        """
        formulas = self.figures.formulas
        first = [
            {"row": row, "reason": reason} for row, reason in islice(formulas.unreadable.items(), _NAMED)
        ]
        return {
            "rows": {
                "drawn": formulas.drawn,
                "readable": share_of(
                    formulas.readable, formulas.drawn, self.seed, "there is no row"
                ).as_dict(),
                "unreadable": len(formulas.unreadable),
                "first_unreadable": first,
                "distinct": len(formulas),
            },
            "remarks": list(_remarks(self)),
            "settings": {setting.name: setting.in_words for setting in SETTINGS},
            "smact": smact_version(),
            "intervals": _INTERVALS,
            "seed": self.seed,
            "references": {
                own.name: {
                    "role": own.role,
                    "drawn": own.figures.formulas.drawn,
                    "unreadable": len(own.figures.formulas.unreadable),
                }
                for own in self.references
            },
            "whole": self._group(),
            "classes": {name: self._class(name) for name in CLASSES},
            "profiles": {
                "sample": self.figures.profile.as_dict(),
                **{own.name: own.figures.profile.as_dict() for own in self.references},
            },
            **self._learned(),
        }

    def of_class(self, name: str) -> Scores:
        """Score one chemistry class, held against the same class of every list.

        Args:
            name: one of `classes.CLASSES`.

        Returns:
            The scores of this part.
        """
        chosen = self.figures.classes == CLASSES.index(name)
        figures = self.figures.within(chosen)
        references = tuple(own.of_class(name, chosen) for own in self.references)
        return Scores(
            figures, uniqueness(figures.formulas), self.novelty.within(chosen), references, self.seed
        )

    def _learned(self) -> dict[str, Any]:
        """Profile the compositions of all training lists, each of them once."""
        lists = [own.figures for own in self.references if own.role == TRAINING]
        if not lists:
            return {}
        if len(lists) == 1:
            return {"training_profile": lists[0].profile.as_dict()}
        together = FormulaList.joined([own.formulas for own in lists])
        return {"training_profile": profile(together.compositions).as_dict()}

    def _group(self) -> dict[str, Any]:
        """Average the masks."""
        group = {
            **self.figures.as_dict(self.seed),
            "uniqueness": self.uniqueness.as_dict(),
            "references": {own.name: own.as_dict(self.figures.profile, self.seed) for own in self.references},
        }
        if self.novelty.new:
            new = self.novelty.everywhere
            group["novelty"] = self.novelty.as_dict(self.seed)
            group["novel_only"] = {
                name: verdict.within(new).as_dict(self.seed)
                for name, verdict in self.figures.validity.items()
            }
        return group

    def _class(self, name: str) -> dict[str, Any]:
        """Average the masks of a class, with its share of the sample and of each list."""
        at = CLASSES.index(name)
        group = {
            "share": share(self.figures.classes == at, self.seed).as_dict(),
            **self.of_class(name)._group(),
        }
        for own in self.references:
            group["references"][own.name]["share"] = share(own.figures.classes == at, self.seed).as_dict()
        return group


def score(
    formulas: FormulaList,
    *,
    training: Lists = None,
    held_out: Lists = None,
    known: Known | Mapping[str, Known] | None = None,
    random: Lists = None,
    seed: int = 0,
) -> Scores:
    """Score a list of formulas.

    Args:
        formulas: the sample, its rows in the order in which they came.
        training: what its generator learned from: one list, or several by name.
        held_out: what it did not, to be recovered, such as a validation and a test list.
        known: what is not new: lists, or an index such as `KnownFormulas`; None leaves novelty out.
        random: formulas of a random baseline, of which the first or only one is what enrichments compare with.
        seed: of the bootstrap.

    Returns:
        The scores; of a list with nothing in it as well.

    Raises:
        ScoresError: two of the lists have the same name.
    """
    named = [(TRAINING, *own) for own in _named(training, TRAINING)]
    named += [(HELD_OUT, *own) for own in _named(held_out, HELD_OUT)]
    named += [(RANDOM, *own) for own in _named(random, RANDOM)]
    names = [name for _, name, _ in named]
    twice = next((name for name in names if names.count(name) > 1 or name == "sample"), None)
    if twice is not None:
        raise ScoresError(f"two lists are called {twice!r}: give each a name of its own")
    baseline = next((own for role, _, own in named if role == RANDOM), None)
    trained = [own for role, _, own in named if role == TRAINING]
    references = [
        Reference(
            name,
            role,
            Figures.of(own),
            None if role == RANDOM else recovery(formulas, own, baseline),
            _untrained(own, trained) if role == HELD_OUT and trained else None,
        )
        for role, name, own in named
    ]
    lists = dict(known) if isinstance(known, Mapping) else {} if known is None else {"known": known}
    return Scores(
        Figures.of(formulas), uniqueness(formulas), novelty(formulas, lists), tuple(references), seed
    )


def _named(lists: Lists, name: str) -> Iterator[tuple[str, FormulaList]]:
    if isinstance(lists, FormulaList):
        yield name, lists
    elif lists is not None:
        yield from lists.items()


def _untrained(own: FormulaList, trained: list[FormulaList]) -> NDArray[np.bool_]:
    return np.logical_and.reduce([training.find(own) < 0 for training in trained])


def _remarks(scores: Scores) -> Iterator[str]:
    """Say what a reader of the numbers should know first."""
    formulas = scores.figures.formulas
    if not formulas.drawn:
        yield f"the list is empty: {NOTHING}"
    elif not formulas.readable:
        yield f"no row is a formula ({formulas.drawn:,} rows read): {NOTHING}"
    elif len(formulas) == 1 < formulas.readable:
        yield f"all {formulas.readable:,} readable rows are the same composition"
    elif 1 < len(formulas) == formulas.readable:
        yield (
            f"no composition comes twice in {formulas.readable:,} readable rows: if repetitions were taken out before, "
            "a uniqueness of 100 % says nothing of the generator"
        )
    unary = int(np.count_nonzero(scores.figures.kinds == 0))
    if unary:
        every = "all" if unary == len(formulas) else "some"
        known = " and as known, not new" if scores.novelty.new else ""
        yield f"{every} compositions are single elements ({unary:,}): they count as not charge-neutral{known}"
    yield from _remarks_on_lists(scores)


def _remarks_on_lists(scores: Scores) -> Iterator[str]:
    """Say the same of the lists that the sample is held against."""
    for own in scores.references:
        listed = len(own.figures.formulas)
        if not listed:
            yield f"{own.name} has no composition"
        if own.untrained is not None and not own.untrained.all():
            seen = listed - int(np.count_nonzero(own.untrained))
            yield f"{seen:,} of the {listed:,} compositions of {own.name} are in a training list too"
        if own.role == RANDOM and listed < len(scores.figures.formulas):
            yield f"{own.name} has {listed:,} compositions, so enrichments are of the first {listed:,} samples"
    randoms = [own.name for own in scores.references if own.role == RANDOM]
    if len(randoms) > 1:
        yield f"enrichments are over {randoms[0]}, the first of {len(randoms)} random lists"
