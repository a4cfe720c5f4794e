"""Pictures as PNG files, drawn by a Chromium without a window.

    images = write_images(pictures, Path("report"), find_browser())

Kaleido needs a browser: the one that `BROWSER_PATH` names, or else a Chromium or Chrome on the PATH. Debian has it as
`chromium`. Nothing is asked of the network.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.files import write_bytes
from mattransformer.pictures.picture import Picture, PictureError, escaped, require

if TYPE_CHECKING:
    import plotly.graph_objects as go

WIDTH: Final = 800
"""Of an image, in pixels at a scale of 1."""

SCALE: Final = 2
"""Pixels of the file for each of them, so that an image is sharp on dense screens."""

BROWSERS: Final = (
    "chromium",
    "chromium-headless-shell",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
HOW_TO_GET: Final = "install Chromium (Debian: apt install chromium) or name a browser in BROWSER_PATH"

_TITLE: Final = 20  # pixels of a letter
_CAPTION: Final = 13
_SOFT: Final = "#59636e"
_LINE: Final = 18  # pixels of a line of the caption
_LETTERS: Final = 110  # that go into one
_LEGEND_LINE: Final = 22
_KEY: Final = 55  # pixels of a line or mark of the legend
_LETTER: Final = 8  # and of a letter beside it
_TIMEOUT: Final = 120  # seconds a picture


def find_browser() -> str | None:
    """Find the browser that draws.

    Returns:
        Its path; None where there is none, or `BROWSER_PATH` names no program.
    """
    named = os.environ.get("BROWSER_PATH")
    if named:
        return shutil.which(named)
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def write_images(
    pictures: Sequence[Picture], folder: Path, browser: str, width: int = WIDTH, scale: float = SCALE
) -> tuple[Path, ...]:
    """Draw pictures with their titles and captions on white.

    Args:
        pictures: with different names.
        folder: that exists.
        browser: of `find_browser`.
        width: in pixels.
        scale: pixels of the file for each of these.

    Returns:
        One PNG file a picture, `NAME.png`; all are there or, after an error, none is new.

    Raises:
        PictureError: kaleido is missing or the browser does not draw.
    """
    require("plotly", "kaleido")
    if not pictures:
        return ()
    import kaleido

    with tempfile.TemporaryDirectory() as scratch:
        drawn = [Path(scratch) / f"{picture.name}.png" for picture in pictures]
        jobs = [_job(picture, path, width, scale) for picture, path in zip(pictures, drawn, strict=True)]
        try:
            kaleido.write_fig_from_object_sync(
                jobs,
                cancel_on_error=True,
                # MathJax would be fetched from a server.
                kopts={"path": browser, "mathjax": False, "timeout": _TIMEOUT},
            )
        # Of a browser that does not start anything may come, from OSError to errors of kaleido's own; of one that is
        # too slow, a task that was cancelled, which is no Exception.
        except (Exception, asyncio.CancelledError) as error:
            raise PictureError(f"{browser} does not draw ({_first_line(error)}): {HOW_TO_GET}") from error
        contents = [path.read_bytes() for path in drawn]
    images = tuple(folder / path.name for path in drawn)
    for path, content in zip(images, contents, strict=True):
        write_bytes(path, content)
    return images


def standing_alone(picture: Picture, width: int = WIDTH) -> go.Figure:
    """Give a figure its title and its caption above it, on white.

    Args:
        picture: whose figure stays as it is.
        width: in pixels, by which the caption is wrapped.

    Returns:
        A new figure, higher by these.
    """
    import plotly.graph_objects as go

    drawn = go.Figure(picture.figure)
    lines = textwrap.wrap(picture.caption, max(20, _LETTERS * width // WIDTH))
    margin = {**drawn.layout.template.layout.margin.to_plotly_json(), **drawn.layout.margin.to_plotly_json()}
    above = 2 * _TITLE + _LINE * len(lines) + _legend_height(drawn, width - margin["l"] - margin["r"])
    drawn.update_layout(
        paper_bgcolor="white",
        width=width,
        height=drawn.layout.height + above,
        margin={"t": margin["t"] + above},
        title={
            "text": escaped(picture.title),
            "font": {"size": _TITLE},
            "subtitle": {
                "text": "<br>".join(map(escaped, lines)),
                "font": {"size": _CAPTION, "color": _SOFT},
            },
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 12, "t": 12},
        },
    )
    return drawn


def _legend_height(drawn: go.Figure, width: int) -> int:
    """Estimate the height of a horizontal legend, which Plotly lets grow upwards into what is above."""
    names = [str(trace.name) for trace in drawn.data if trace.name and trace.showlegend is not False]
    if not drawn.layout.showlegend or not names:
        return 0
    widths = [_KEY + _LETTER * len(name) for name in names]
    columns = len(names) if sum(widths) <= width else max(1, width // max(widths))
    return _LEGEND_LINE * (-(-len(names) // columns))


def _job(picture: Picture, path: Path, width: int, scale: float) -> dict[str, Any]:
    drawn = standing_alone(picture, width)
    opts = {"format": "png", "width": width, "height": drawn.layout.height, "scale": scale}
    return {"fig": drawn, "path": path, "opts": opts}


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
