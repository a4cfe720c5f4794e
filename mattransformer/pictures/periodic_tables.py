"""Which elements a generator favours or avoids: a periodic table of generated minus training frequencies.

    element_table(Occurrence({"O": 1024}, 2000), Occurrence({"O": 23901}, 68715))

The frequency of an element is the share of distinct compositions that hold it; differences are in percentage points.

The tiles are drawn here, since the heat map of pymatviz 0.18 does not run with Plotly 7 (its figure factory is gone).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER, NAMES, SYMBOLS, place
from mattransformer.pictures.picture import GREY, Picture, PictureError, figure, require

if TYPE_CHECKING:
    import plotly.graph_objects as go

# ColorBrewer's RdBu (Brewer 2003) from its other end: blue is less, red is more, and no colour vision deficiency mixes
# them up. Its darkest colours are left out, since black letters stand on all of them.
SCALE: Final = (
    "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7", "#fddbc7", "#f4a582", "#d6604d",
)  # fmt: skip
_SATURATED: Final = 0.95  # quantile of the absolute differences at which the colours end
_LEAST: Final = 0.1  # percentage points
_COLUMNS: Final = 18
_EDGES: Final = (0, 1, 2, 3, 4, 5, 6, 7, 7.4, 8.4, 9.4)  # of the rows, downwards, with a low empty one
_WIDTH: Final = 720


@dataclass(frozen=True)
class Occurrence:
    """How many compositions hold each element.

    Attributes:
        counts: symbol to number of compositions.
        compositions: in all.
    """

    counts: Mapping[str, int]
    compositions: int

    def frequency(self, symbol: str) -> float:
        """Give the share of compositions with an element, from 0 to 1."""
        return self.counts.get(symbol, 0) / self.compositions


def element_table(
    generated: Occurrence,
    training: Occurrence,
    training_name: str = "training set",
    limit: float | None = None,
) -> Picture:
    """Draw how much more often an element is generated than it was learned.

    Args:
        generated: elements of the samples.
        training: elements of the training set.
        training_name: what to call it.
        limit: percentage points at which the colours end; None takes the 95th percentile of all differences, since
            oxygen alone would leave all others pale.

    Returns:
        The picture; elements in neither list are grey.

    Raises:
        PictureError: one of the lists is empty, an element is none, or Plotly is missing.
    """
    require("plotly")
    differences = _differences(generated, training)
    limit = _limit(list(differences.values())) if limit is None else limit
    beyond = [f"{symbol}\u00a0{value:+.1f}" for symbol, value in differences.items() if abs(value) > limit]
    caption = (
        f"Share of compositions that hold an element: {generated.compositions:,} generated minus "
        f"{training.compositions:,} of {training_name}, in percentage points. Red is generated more often than "
        f"learned, blue less often, grey is in neither list."
    )
    if beyond:
        caption += f" Colours end at ±{limit:g}; beyond are {', '.join(beyond)}."
    title = "Elements, generated minus training"
    return Picture("elements", title, caption, _draw(differences, limit), least_width=_WIDTH)


def _differences(generated: Occurrence, training: Occurrence) -> dict[str, float]:
    for name, own in (("generated", generated), ("training", training)):
        if own.compositions < 1:
            raise PictureError(f"the {name} list is empty: a periodic table needs compositions on both sides")
    symbols = {*generated.counts, *training.counts}
    if not symbols <= ATOMIC_NUMBER.keys():
        unknown = min(symbols - ATOMIC_NUMBER.keys())
        raise PictureError(f"{unknown!r} is no element: give counts by symbol, such as O or Fe")
    return {
        symbol: 100 * (generated.frequency(symbol) - training.frequency(symbol))
        for symbol in sorted(symbols, key=ATOMIC_NUMBER.__getitem__)
    }


def _limit(differences: list[float]) -> float:
    """Round the saturation point up to one significant digit, so that the colour bar has a number to read."""
    wanted = float(np.quantile(np.abs(differences), _SATURATED)) if differences else 0.0
    unit = 10.0 ** np.floor(np.log10(max(_LEAST, wanted)))
    return float(f"{np.ceil(max(_LEAST, wanted) / unit - 1e-9) * unit:.1g}")


def _draw(differences: Mapping[str, float], limit: float) -> go.Figure:
    """Draw tiles: a grey one for every element, and a coloured one over it where there is a difference."""
    values = np.full((len(_EDGES) - 1, _COLUMNS), np.nan)
    present = np.full_like(values, np.nan)
    names, texts, notes = (np.full(values.shape, "", dtype=np.object_) for _ in range(3))
    for symbol in SYMBOLS:
        row, column = (at - 1 for at in place(symbol))
        name = NAMES[ATOMIC_NUMBER[symbol] - 1]
        value = differences.get(symbol)
        present[row, column] = 0
        names[row, column] = f"<b>{symbol}</b>"
        notes[row, column] = f"{name}: in neither list"
        if value is not None:
            values[row, column] = value
            texts[row, column] = f"<span style='font-size:13px'><b>{symbol}</b></span><br>{_signed(value)}"
            notes[row, column] = f"{name}: {_signed(value, 2)} percentage points"
            names[row, column] = ""
    return figure(
        [
            _tiles(
                present,
                names,
                notes,
                colorscale=["rgba(128,128,128,0.15)"] * 2,
                showscale=False,
                textfont={"size": 13, "color": GREY},
            ),
            _tiles(
                values,
                texts,
                notes,
                colorscale=list(SCALE),
                zmin=-limit,
                zmax=limit,
                textfont={"size": 10, "color": "#111111"},
                colorbar=_bar(limit),
            ),
        ],
        height=450,
        margin={"l": 5, "r": 5, "t": 5, "b": 5},
        xaxis={"visible": False, "fixedrange": True},
        yaxis={"visible": False, "fixedrange": True, "autorange": "reversed"},
    )


def _tiles(
    values: NDArray[np.float64], texts: NDArray[np.object_], notes: NDArray[np.object_], **style: object
) -> go.Heatmap:
    import plotly.graph_objects as go

    return go.Heatmap(
        z=values,
        y=list(_EDGES),
        text=texts,
        texttemplate="%{text}",
        customdata=notes,
        hovertemplate="%{customdata}<extra></extra>",
        xgap=2,
        ygap=2,
        **style,
    )


def _bar(limit: float) -> dict[str, Any]:
    """Put the colour bar into the gap above the transition metals."""
    ticks = [-limit, -limit / 2, 0, limit / 2, limit]
    return {
        "orientation": "h",
        "x": 0.4,
        "y": 0.8,
        "yanchor": "bottom",
        "len": 0.46,
        "thickness": 12,
        "outlinewidth": 0,
        "title": {
            "text": "generated minus training / percentage points",
            "side": "top",
            "font": {"size": 13},
        },
        "tickvals": ticks,
        "ticktext": [f"≤ −{limit:g}", f"−{limit / 2:g}", "0", f"+{limit / 2:g}", f"≥ +{limit:g}"],
        "tickfont": {"size": 12},
    }


def _signed(value: float, digits: int = 1) -> str:
    """Write a difference with its sign, and none where it rounds to nothing."""
    text = f"{abs(value):.{digits}f}"
    return text if not float(text) else ("+" if value > 0 else "−") + text
