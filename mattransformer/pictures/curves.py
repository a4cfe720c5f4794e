"""How uniqueness falls and recovery grows with the number of samples, one line a system or a target.

    uniqueness_curves([Curve("gpt2", np.array([10, 100, 1000]), np.array([1.0, 1.0, 0.98]))])

Shares are from 0 to 1 and drawn in per cent; numbers of samples are on a logarithmic axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.pictures.picture import (
    DASHES,
    LINES,
    SYMBOLS,
    Picture,
    PictureError,
    escaped,
    figure,
    require,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

_HEIGHT: Final = 420
_LEGEND_LINE: Final = 22  # pixels
_LEAST_SPAN: Final = 5.0  # per cent, of an axis of uniqueness, so that chance does not look like a fall


@dataclass(frozen=True, eq=False)
class Curve:
    """A share against a number of samples.

    Attributes:
        name: of the system or the target.
        sizes: numbers of samples, ascending, from 1, (k,).
        shares: from 0 to 1, (k,).
        colour: of the line; None takes the next of `picture.LINES`.
    """

    name: str
    sizes: NDArray[Any]
    shares: NDArray[Any]
    colour: str | None = None


def uniqueness_curves(curves: Sequence[Curve]) -> Picture:
    """Draw the share of distinct compositions among the first n rows.

    Args:
        curves: one a system.

    Returns:
        The picture. Its axis of shares does not begin at 0.

    Raises:
        PictureError: there is no curve, one is not well formed, or Plotly is missing.
    """
    least = min((100 * float(np.min(curve.shares)) for curve in _checked(curves)), default=0.0)
    bottom = max(0.0, min(least - 1.0, 100.0 - _LEAST_SPAN))
    return Picture(
        "uniqueness",
        "Uniqueness against the number of samples",
        "Distinct compositions among the first n readable rows, in the order in which they came. The axis of shares "
        "does not begin at 0.",
        _draw(
            curves,
            "samples n (logarithmic)",
            "distinct compositions / % of n",
            [bottom, 100 + (100 - bottom) / 50],
        ),
    )


def recovery_curves(curves: Sequence[Curve], what: str = "each list") -> Picture:
    """Draw the share of targets found among the first n distinct samples.

    Args:
        curves: one a target, or one a system.
        what: the compositions that are sought, for the caption.

    Returns:
        The picture.

    Raises:
        PictureError: there is no curve, one is not well formed, or Plotly is missing.
    """
    most = max((100 * float(np.max(curve.shares)) for curve in _checked(curves)), default=0.0)
    return Picture(
        "recovery",
        "Recovery against the number of samples",
        f"Compositions of {what} among the first n distinct samples, in the order in which they came, in per cent of "
        f"those to be found.",
        _draw(
            curves,
            "distinct samples n (logarithmic)",
            "found / % of the targets",
            [0, 1.05 * most if most else 1.0],
        ),
    )


def _checked(curves: Sequence[Curve]) -> Sequence[Curve]:
    require("plotly")
    if not any(len(curve.sizes) for curve in curves):
        raise PictureError("there is no sample, so that there is no curve: give a list with a readable row")
    for curve in curves:
        if np.shape(curve.sizes) != np.shape(curve.shares):
            raise PictureError(
                f"the curve {curve.name!r} has {len(curve.sizes)} sizes and {len(curve.shares)} shares: give as many"
            )
        if np.any(np.diff(curve.sizes) <= 0) or np.any(np.asarray(curve.sizes) < 1):
            raise PictureError(f"the sizes of the curve {curve.name!r} do not ascend from 1: sort them")
    return [curve for curve in curves if len(curve.sizes)]


def _draw(curves: Sequence[Curve], along: str, up: str, ends: list[float]) -> go.Figure:
    import plotly.graph_objects as go

    lines = [
        go.Scatter(
            x=np.asarray(curve.sizes),
            y=100 * np.asarray(curve.shares, dtype=np.float64),
            name=escaped(curve.name),
            mode="lines+markers",
            line={
                "color": curve.colour or LINES[at % len(LINES)],
                "dash": DASHES[at // len(LINES) % len(DASHES)],
                "width": 2,
            },
            marker={"symbol": SYMBOLS[at % len(SYMBOLS)], "size": 6},
            hovertemplate="n = %{x:,}: %{y:.2f} %",
        )
        for at, curve in enumerate(curves)
    ]
    return figure(
        lines,
        height=_HEIGHT + _LEGEND_LINE * (len(lines) // 3),
        showlegend=True,
        # d3's numbers: 10 000 samples are written 10k
        xaxis={"type": "log", "title": {"text": along}, "dtick": 1, "tickformat": "~s"},
        yaxis={"title": {"text": up}, "range": ends},
    )
