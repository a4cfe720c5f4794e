"""Shares of charge-neutral and EN-balanced compositions, beside the training set and what is published.

    validity_bars([Bar("gpt2", Estimate(0.974, 0.966, 0.981), Estimate(0.961, 0.953, 0.969))], setting="smact14")

Published bars are hatched and named as such: they were measured by others, on their samples.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mattransformer.metrics.intervals import percent_ends
from mattransformer.metrics.published import FIGURES
from mattransformer.pictures.picture import (
    BLUE,
    GREEN,
    Picture,
    PictureError,
    escaped,
    figure,
    require,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

MEASURED: Final = "measured"
TRAINING_SET: Final = "training set"
PUBLISHED_ELSEWHERE: Final = "published"

_ROLES: Final = (MEASURED, TRAINING_SET, PUBLISHED_ELSEWHERE)
_ROW: Final = 66  # pixels: a line of text above two bars
_AROUND: Final = 130  # pixels of legend and axis
_COLUMN: Final = 102  # where the values are written, in per cent
_OFFSET: Final = 0.14  # of each of the two bars of a row from their middle
_MIDDLE: Final = 0.14  # of the bars, below that of the row
_LETTERS: Final = 44  # of a name that go into a line
_MEASURES: Final = (("neutral", "charge-neutral", BLUE), ("balanced", "electronegativity-balanced", GREEN))


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval.

    Attributes:
        value: from 0 to 1.
        low: the interval's lower end; None where there is no interval.
        high: its upper end; None likewise.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Bar:
    """A row of the picture.

    Attributes:
        name: of the system or list.
        neutral: share of charge-neutral compositions.
        balanced: share that is electronegativity-balanced too.
        role: `MEASURED`, `TRAINING_SET` or `PUBLISHED_ELSEWHERE`.
    """

    name: str
    neutral: Estimate
    balanced: Estimate
    role: str = MEASURED


def published_of(*data: str) -> tuple[Bar, ...]:
    """Give what `metrics.published` has of models of some data sets, as that calls them."""
    return tuple(_published(data))


def _published(data: Sequence[str]) -> Iterator[Bar]:
    for own in FIGURES:
        if own.data in data:
            name = f"{own.system}, {own.data}"
            yield Bar(name, Estimate(own.charge_neutral), Estimate(own.balanced), PUBLISHED_ELSEWHERE)
            if own.training is not None:
                neutral, balanced = map(Estimate, own.training)
                yield Bar(f"training set of {name}", neutral, balanced, PUBLISHED_ELSEWHERE)


PUBLISHED: Final = published_of("MP", "its own pure sets")
"""What `metrics.published` has of models of MP and of the pure sets."""


def validity_bars(bars: Sequence[Bar], setting: str, published: Sequence[Bar] = PUBLISHED) -> Picture:
    """Draw the two shares of each list.

    Args:
        bars: what was measured, and the training sets'.
        setting: how SMACT was asked, in words.
        published: what is drawn as published elsewhere; only comparable with the setting `smact14`.

    Returns:
        The picture: systems first, then training sets, then what is published.

    Raises:
        PictureError: there is no bar, a share is not from 0 to 1, or Plotly is missing.
    """
    require("plotly")
    rows = [*bars, *published]
    if not rows:
        raise PictureError("there is no list to judge: give a list with a readable row")
    for row in rows:
        if row.role not in _ROLES:
            raise PictureError(f"{row.role!r} is no role of {row.name!r}: use one of {', '.join(_ROLES)}")
        if not (0 <= row.neutral.value <= 1 and 0 <= row.balanced.value <= 1):
            raise PictureError(
                f"the shares of {row.name!r} are not from 0 to 1: give fractions, not per cent"
            )
    rows.sort(key=lambda row: _ROLES.index(row.role))
    caption = f"Share of distinct compositions. SMACT's rules: {setting}. Whiskers are 95 % intervals."
    if any(row.role == TRAINING_SET for row in rows):
        caption += " Dotted lines continue the values of the training set."
    if any(row.role == PUBLISHED_ELSEWHERE for row in rows):
        caption += " Hatched: published values, not measured here, on the samples of their authors."
    return Picture("validity", "Validity beside published values", caption, _draw(rows), least_width=280)


def _draw(rows: Sequence[Bar]) -> go.Figure:
    measures = range(len(_MEASURES))
    traces = [_bars(rows, at, hatched=hatched) for hatched in (False, True) for at in measures]
    traces += [_values(rows, at) for at in measures]
    lines = [
        {
            "type": "line",
            "x0": 100 * getattr(row, measure).value,
            "x1": 100 * getattr(row, measure).value,
            "y0": -0.5,
            "y1": len(rows) - 0.5,
            "line": {"color": colour, "dash": "dot", "width": 1},
        }
        for row in rows
        if row.role == TRAINING_SET
        for measure, _, colour in _MEASURES
    ]
    return figure(
        traces,
        height=_AROUND + _ROW * len(rows),
        shapes=lines,
        barmode="overlay",
        showlegend=True,
        legend={"itemclick": False, "itemdoubleclick": False},
        xaxis={
            "range": [0, 115],
            "tickvals": [0, 20, 40, 60, 80, 100],
            "title": {"text": "compositions / %"},
        },
        yaxis={"range": [len(rows) - 0.5, -0.5], "showgrid": False, "showticklabels": False, "ticks": ""},
        margin={"l": 12},
        annotations=[_named(row, place) for place, row in enumerate(rows)],
    )


def _bars(rows: Sequence[Bar], at: int, *, hatched: bool) -> go.Bar:
    """Draw one measure of what was measured, with whiskers, or of what is published, hatched."""
    import plotly.graph_objects as go

    measure, name, colour = _MEASURES[at]
    named = not hatched or all(
        row.role == PUBLISHED_ELSEWHERE for row in rows
    )  # the rows say what is published
    chosen = [place for place, row in enumerate(rows) if (row.role == PUBLISHED_ELSEWHERE) == hatched]
    estimates: list[Estimate] = [getattr(rows[place], measure) for place in chosen]
    whiskers = {
        "type": "data",
        "symmetric": False,
        "array": [100 * (own.high - own.value) if own.high is not None else 0.0 for own in estimates],
        "arrayminus": [100 * (own.value - own.low) if own.low is not None else 0.0 for own in estimates],
        "thickness": 1.5,
        "width": 4,
    }
    return go.Bar(
        orientation="h",
        name=name,
        showlegend=named,
        x=[100 * own.value for own in estimates],
        y=[height for place, height in enumerate(_heights(rows, at)) if place in chosen],
        width=2 * _OFFSET - 0.04,
        marker={
            "color": colour,
            "line": {"color": colour, "width": 1},
            "pattern": {"shape": "/" if hatched else "", "fillmode": "replace", "size": 6},
        },
        error_x=None if hatched else whiskers,
        customdata=[_in_words(own) for own in estimates],
        hovertemplate="%{customdata}",
        visible=bool(chosen),
    )


def _values(rows: Sequence[Bar], at: int) -> go.Scatter:
    """Write the values in a column right of the bars, where no line crosses them."""
    import plotly.graph_objects as go

    estimates: list[Estimate] = [getattr(row, _MEASURES[at][0]) for row in rows]
    return go.Scatter(
        x=[_COLUMN] * len(rows),
        y=_heights(rows, at),
        mode="text",
        text=[f"{100 * own.value:.1f}" for own in estimates],
        textposition="middle right",
        textfont={"size": 12},
        cliponaxis=False,
        showlegend=False,
        hoverinfo="skip",
    )


def _heights(rows: Sequence[Bar], at: int) -> list[float]:
    return [row + _MIDDLE + (_OFFSET if at else -_OFFSET) for row in range(len(rows))]


def _named(row: Bar, place: int) -> dict[str, object]:
    """Write the name of a row above its bars, on two lines if it is long: so it leaves the bars a phone's width."""
    words = row.name if row.role == MEASURED else f"{row.name}, {row.role}"
    lines = textwrap.wrap(words, _LETTERS, max_lines=2, placeholder=" …")
    return {
        "text": "<br>".join(map(escaped, lines)),
        "x": 0,
        "y": place + _MIDDLE - 2 * _OFFSET,
        "xanchor": "left",
        "yanchor": "bottom",
        "xshift": 2,
        "yshift": -2,
        "showarrow": False,
        "align": "left",
        "font": {"size": 13 if len(lines) == 1 else 11},
    }


def _in_words(own: Estimate) -> str:
    value = f"{100 * own.value:.1f} %"
    return (
        value
        if own.low is None or own.high is None
        else f"{value} ({' to '.join(percent_ends((own.low, own.high)))})"
    )
