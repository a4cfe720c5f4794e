"""What a picture is: a Plotly figure with the words that belong to it, in colours that work on white and on black.

    Picture("recovery", "Held-out formulas found", "Among distinct samples ...", figure)

The figure itself has neither title nor caption: a page sets them as text that wraps, an image draws them (`rendering`).
Text inside a figure goes through `escaped`, since Plotly reads tags. Colours are those of Okabe and Ito ("Color
universal design", 2008), which people with a colour vision deficiency tell apart, as far as their contrast is 3 or more
on both backgrounds.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from mattransformer.errors import MattransformerError

if TYPE_CHECKING:
    import plotly.graph_objects as go

BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
GREY: Final = "#808080"

TRAINING: Final = GREY
HELD_OUT: Final = BLUE
GENERATED: Final = VERMILION

LINES: Final = (VERMILION, BLUE, GREEN, PURPLE, GREY)
DASHES: Final = ("solid", "dash", "dot", "dashdot")
SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up")

FONT: Final = "system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif"
INSTALL: Final = "pip install 'mattransformer[report]'"


class PictureError(MattransformerError):
    """Numbers that cannot be drawn, or a library that is missing."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its words.

    Attributes:
        name: of its file, without an ending: lower case letters, digits and hyphens.
        title: what it shows, plain text.
        caption: settings, sources and how to read it, plain text.
        figure: without title; its height in pixels is set, its width is not.
        least_width: in pixels, below which it cannot be read; a page scrolls it sideways on a narrower screen.
    """

    name: str
    title: str
    caption: str
    figure: go.Figure
    least_width: int = 320


def require(*modules: str) -> None:
    """Make sure that the libraries of a picture are there.

    Raises:
        PictureError: one is not.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise PictureError(f"pictures need {', '.join(missing)}: {INSTALL}")


def escaped(text: str) -> str:
    """Keep Plotly from reading tags in a text; it decodes what is escaped here when it draws."""
    return html.escape(text, quote=False)


def figure(traces: Sequence[Any], height: int, **layout: object) -> go.Figure:
    """Make a figure in the style of the package.

    Args:
        traces: of Plotly.
        height: in pixels.
        **layout: as `go.Layout` takes it.

    Returns:
        The figure, on the light background.
    """
    import plotly.graph_objects as go

    drawn = go.Figure(list(traces))
    drawn.update_layout(template=template(dark=False), height=height, **layout)
    return drawn


def template(*, dark: bool) -> dict[str, Any]:
    """Give Plotly's template for a light or a dark background, ready for JSON; the background itself is the page's."""
    ink, faint, edge, paper = (
        ("#e8eaed", "#3a3f46", "#8b929a", "#1b1e23") if dark else ("#1f2328", "#e3e6ea", "#8b929a", "#ffffff")
    )
    axis: Mapping[str, Any] = {
        "gridcolor": faint,
        "linecolor": edge,
        "showline": True,
        "ticks": "outside",
        "tickcolor": edge,
        "zeroline": False,
        "automargin": True,
        "title": {"standoff": 10, "font": {"size": 14}},
    }
    return {
        "data": {"bar": [{"error_x": {"color": ink}}]},
        "layout": {
            "font": {"family": FONT, "size": 14, "color": ink},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(LINES),
            "xaxis": dict(axis),
            "yaxis": dict(axis),
            "margin": {"l": 60, "r": 20, "t": 20, "b": 55},
            "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
            "hoverlabel": {"bgcolor": paper, "bordercolor": edge, "font": {"color": ink, "family": FONT}},
        },
    }
