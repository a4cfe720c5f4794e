"""The pictures that the scores of a list are enough for.

    pictures = score_pictures(scores.as_dict())

They are the periodic table, validity beside published values, and uniqueness and recovery over n. The map and the
energies need more than scores (`composition_map`, `energies`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from mattransformer.pictures.curves import Curve, recovery_curves, uniqueness_curves
from mattransformer.pictures.periodic_tables import Occurrence, element_table
from mattransformer.pictures.picture import BLUE, GREEN, GREY, PURPLE, Picture
from mattransformer.pictures.validity import (
    MEASURED,
    PUBLISHED,
    TRAINING_SET,
    Bar,
    Estimate,
    validity_bars,
)

SETTING: Final = "smact14"
"""That published values were measured in."""

_TRAINING: Final = "training"  # the role of a reference, as scores name it
_OTHERS: Final = (BLUE, GREEN, PURPLE)  # of the lines of lists that are held out, one after another


def score_pictures(
    scores: Mapping[str, Any], name: str = "generated", published: Sequence[Bar] = PUBLISHED
) -> tuple[Picture, ...]:
    """Draw what is in the scores of a list; what is not, or is of nothing, has no picture.

    Args:
        scores: of `metrics.scores.Scores.as_dict`, or of JSON made from it.
        name: of the list.
        published: what to draw beside it as published elsewhere.

    Returns:
        Up to four pictures.

    Raises:
        PictureError: Plotly is missing.
    """
    return tuple(_pictures(scores, name, published))


def _pictures(scores: Mapping[str, Any], name: str, published: Sequence[Bar]) -> Iterator[Picture]:
    whole = scores.get("whole") or {}
    references: Mapping[str, Any] = whole.get("references") or {}
    training = [
        own for own, told in (scores.get("references") or {}).items() if told.get("role") == _TRAINING
    ]
    bars = _bars(whole, references, training, name)
    if bars:
        words = (scores.get("settings") or {}).get(SETTING, SETTING)
        yield validity_bars(bars, words, published)
    yield from _element_tables(scores, training)
    unique = (whole.get("uniqueness") or {}).get("curve") or {}
    if unique.get("rows"):
        sizes = np.array(unique["rows"])
        yield uniqueness_curves([Curve(name, sizes, np.array(unique["unique"]) / sizes)])
    found = list(_recovered(references, training))
    if found:
        yield recovery_curves(found)


def _bars(
    whole: Mapping[str, Any], references: Mapping[str, Any], training: Sequence[str], name: str
) -> list[Bar]:
    lists = [(name, whole.get("validity"), MEASURED)]
    if "novel_only" in whole:
        lists.append((f"{name}, novel only", whole["novel_only"], MEASURED))
    lists += [(own, references[own].get("validity"), TRAINING_SET) for own in training if own in references]
    return [
        Bar(label, _estimate(verdict["charge_neutral"]), _estimate(verdict["balanced"]), role)
        for label, validity, role in lists
        if (verdict := (validity or {}).get(SETTING)) and verdict["balanced"]["share"] is not None
    ]


def _estimate(share: Mapping[str, Any]) -> Estimate:
    low, high = share.get("interval") or (None, None)
    return Estimate(share["share"], low, high)


def _element_tables(scores: Mapping[str, Any], training: Sequence[str]) -> Iterator[Picture]:
    """Draw the sample beside all training lists together, or the first, where only their single profiles are known."""
    profiles = scores.get("profiles") or {}
    named = [name for name in training if name in profiles]
    if not named or "sample" not in profiles:
        return
    together = scores.get("training_profile")
    sample, learned = _occurrence(profiles["sample"]), _occurrence(together or profiles[named[0]])
    if sample.compositions and learned.compositions:
        name = f"{', '.join(named)} together" if together and len(named) > 1 else named[0]
        yield element_table(sample, learned, name)


def _occurrence(profile: Mapping[str, Any]) -> Occurrence:
    return Occurrence(profile["elements"], sum(profile["number_of_elements"].values()))


def _recovered(references: Mapping[str, Any], training: Sequence[str]) -> Iterator[Curve]:
    others = 0
    for name, told in references.items():
        recovery = told.get("recovery") or {}
        curve = recovery.get("curve") or {}
        if not recovery.get("of") or not curve.get("samples"):
            continue
        shares = np.array(curve["found"]) / recovery["of"]
        colour = GREY if name in training else _OTHERS[others % len(_OTHERS)]
        others += name not in training
        yield Curve(f"{name} ({recovery['of']:,})", np.array(curve["samples"]), shares, colour)
