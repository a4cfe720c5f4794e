"""Licences side by side: what the data asks for, and whether the licence of the weights asks for it too.

Whether a model is made from its data in the sense of a licence is for lawyers. What can be seen from here is that a
source allows less than the weights are said to allow, which whoever publishes them should know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mattransformer.evaluation.attribution import Attribution
from mattransformer.evaluation.card_facts import learned_from, training_steps

_UNKNOWN_TERMS: Final = "other"
"""What hubs call a licence with terms of its own, which nobody can compare."""

# Of licences in words without capitals and signs: what they ask of those who pass on what is made from the data.
_NON_COMMERCIAL: Final = "non-commercial use only"
_SHARE_ALIKE: Final = "what is made from it under the same licence only"
_UNCHANGED: Final = "no changed copies"
_CREATIVE_COMMONS: Final = {"nc": _NON_COMMERCIAL, "sa": _SHARE_ALIKE, "nd": _UNCHANGED}
_TERMS: Final = re.compile(r"\bby((?: (?:nc|sa|nd))+)\b")
_WORDS: Final = {
    _NON_COMMERCIAL: re.compile(r"\bnon ?commercial\b"),
    _SHARE_ALIKE: re.compile(r"\bshare ?alike\b|\bodbl\b|\b[al]?gpl\b"),
}


def contradiction(licence: str | None, run: Mapping[str, Any]) -> str | None:
    """Hold the licence of the weights against those of the data that they were trained on.

    Args:
        licence: of the weights, as hubs call it; None where nobody stated one.
        run: the record of the training, with those of the checkpoints that it started from.

    Returns:
        One line that names what is stricter than the weights; None where nothing is.
    """
    if licence is None or licence == _UNKNOWN_TERMS:
        return None
    granted = demands(licence)
    stricter = [
        _told(corpus.report["name"], corpus.attribution, missing)
        for corpus in learned_from(list(training_steps(run)))
        if (missing := demands(corpus.attribution.licence) - granted)
    ]
    if not stricter:
        return None
    return (
        f"the weights are to be under {licence}, but were trained on {', and on '.join(stricter)}; choose a licence "
        "that asks for the same, or ask the source"
    )


def demands(licence: str) -> frozenset[str]:
    """Tell what a licence asks of those who pass on what is made from the data.

    Args:
        licence: an identifier, a link or words; of several, separated by commas, one may be chosen, and links say
            nothing beside identifiers.

    Returns:
        None, one or several of three demands: non-commercial use, the same licence, no changes.
    """
    choices = [words.strip() for words in licence.split(",")]
    named = [words for words in choices if not words.startswith(("http://", "https://"))]
    return frozenset.intersection(*map(_demands_of_one, named or choices))


def _demands_of_one(licence: str) -> frozenset[str]:
    words = re.sub(r"[^a-z0-9]+", " ", licence.lower())
    terms = {term for match in _TERMS.finditer(words) for term in match[1].split()}
    spelled = {demand for demand, pattern in _WORDS.items() if pattern.search(words)}
    return frozenset({_CREATIVE_COMMONS[term] for term in terms} | spelled)


def _told(name: str, attribution: Attribution, missing: frozenset[str]) -> str:
    return f"{name} ({attribution.title}) under {attribution.licence}, which allows {' and '.join(sorted(missing))}"
