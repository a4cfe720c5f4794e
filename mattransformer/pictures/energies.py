"""Formation energies of what was generated, beside those that were learned and those held out.

    energy_histogram(Energies(generated=..., training=..., held_out=...), test_error=0.09, bias=-0.3)

Energies are in eV/atom. Lines are shares of each list in bins of equal width, so that lists of any length compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.pictures.picture import (
    GENERATED,
    HELD_OUT,
    TRAINING,
    Picture,
    PictureError,
    figure,
    require,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

WIDTH: Final = 0.1
"""Of a bin, in eV/atom."""

_SHOWN: Final = (0.1, 99.9)  # percentiles of all energies that the axis ends at
_MOST_BINS: Final = 10_000
_FILL: Final = "rgba(213,94,0,0.18)"  # of the generated, light enough for the lines behind it


@dataclass(frozen=True, eq=False)
class Energies:
    """Formation energies in eV/atom; what is not finite is not known and not drawn.

    Attributes:
        generated: as the regressor predicts them, (n,).
        training: of the training set, (t,).
        held_out: of held-out compositions, (h,).
    """

    generated: NDArray[np.float64]
    training: NDArray[np.float64]
    held_out: NDArray[np.float64]


def energy_histogram(
    energies: Energies,
    test_error: float,
    bias: float | None = None,
    *,
    origin: str = "as the corpus has them",
    width: float = WIDTH,
) -> Picture:
    """Draw the three distributions.

    Args:
        energies: in eV/atom.
        test_error: mean absolute error of the regressor on compositions it did not learn from, in eV/atom.
        bias: mean of its estimates minus the calculated energies of hypothetical compounds, rows of OQMD that are not
            in the Materials Project, in eV/atom; None where that is not known.
        origin: where the energies of the training and held-out compositions are from, for the caption.
        width: of a bin, in eV/atom.

    Returns:
        The picture.

    Raises:
        PictureError: no energy is known, they are not in eV/atom, or Plotly is missing.
    """
    require("plotly")
    lists = (
        ("training", np.asarray(energies.training, dtype=np.float64), TRAINING),
        ("held out", np.asarray(energies.held_out, dtype=np.float64), HELD_OUT),
        ("generated", np.asarray(energies.generated, dtype=np.float64), GENERATED),
    )
    finite = [(name, own[np.isfinite(own)], colour) for name, own, colour in lists]
    every = np.concatenate([own for _, own, _ in finite])
    if not len(every):
        raise PictureError("no formation energy is known: give at least one finite number in eV/atom")
    # Whole numbers of bins from zero, so that zero is always an edge.
    low, high = int(np.floor(every.min() / width)), int(np.floor(every.max() / width)) + 1
    if high - low > _MOST_BINS:
        raise PictureError(
            f"energies from {every.min():g} to {every.max():g} are not in eV/atom: convert them first"
        )
    edges = np.asarray(width * np.arange(low, high + 1), dtype=np.float64)
    traces = [_steps(name, own, colour, edges) for name, own, colour in finite if len(own)]
    return Picture(
        "energies",
        "Formation energies",
        f"Share of each list in bins of {width:g} eV/atom. Generated: predicted from the composition alone by a "
        f"regressor with a mean absolute error of {test_error:.3g} eV/atom on compositions that it did not learn from"
        f"{'' if bias is None else _biased(bias)}. Training and held out: {origin}.",
        _draw(traces, np.percentile(every, _SHOWN).tolist(), width),
    )


def _biased(bias: float) -> str:
    return (
        f"; of hypothetical compounds (of OQMD, not in MP) its estimates are {abs(bias):.2f} eV/atom too "
        f"{'low' if bias < 0 else 'high'} on average, so that they do not show that a compound is stable"
    )


def _steps(name: str, own: NDArray[np.float64], colour: str, edges: NDArray[np.float64]) -> go.Scatter:
    import plotly.graph_objects as go

    counts = np.bincount(
        np.clip(np.searchsorted(edges, own, side="right") - 1, 0, len(edges) - 2), minlength=len(edges) - 1
    )
    shares = 100 * counts / len(own)
    filled: dict[str, Any] = {"fill": "tozeroy", "fillcolor": _FILL} if name == "generated" else {}
    return go.Scatter(
        x=edges,
        y=np.append(shares, shares[-1]),  # the last step ends at the last edge
        name=f"{name} ({len(own):,})",
        mode="lines",
        line={"shape": "hv", "color": colour, "width": 2},
        hovertemplate="from %{x:.2f} eV/atom: %{y:.2f} %",
        **filled,
    )


def _draw(traces: list[go.Scatter], ends: list[float], width: float) -> go.Figure:
    return figure(
        traces,
        height=420,
        showlegend=True,
        xaxis={"title": {"text": "formation energy / eV/atom"}, "range": [ends[0] - width, ends[1] + width]},
        yaxis={"title": {"text": f"compositions / % in {width:g} eV/atom"}, "rangemode": "tozero"},
    )
