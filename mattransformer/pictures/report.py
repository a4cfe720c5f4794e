"""One page for the scores of a list: tables and pictures in a file that asks nothing of the network.

    report = write_report(scores.as_dict(), score_pictures(scores.as_dict()), Path("report"))
    print(report.note)

The page holds Plotly's script once, follows the light or dark scheme of its reader, and goes down to the width of a
phone. Where a browser is found each picture is a PNG file beside it too. Whatever comes from a list is escaped.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattransformer.files import write_text
from mattransformer.pictures.picture import Picture, PictureError, require, template
from mattransformer.pictures.rendering import HOW_TO_GET, find_browser, write_images
from mattransformer.pictures.space_tables import space_tables
from mattransformer.pictures.tables import tables

PAGE: Final = "report.html"
TEMPLATE: Final = Path(__file__).with_name("report.html.j2")

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        page: the HTML file.
        images: a PNG file a picture; none without a browser.
        note: one line on what is there, and without images why there are none and how to get them.
    """

    page: Path
    images: tuple[Path, ...]
    note: str


def write_report(
    scores: Mapping[str, Any],
    figures: Sequence[Picture],
    folder: str | Path,
    title: str = "Report on a list of compositions",
    space: Mapping[str, Any] | None = None,
    *,
    images: bool = True,
) -> Report:
    """Write `report.html` and, where a browser is found, a PNG file a picture.

    Args:
        scores: of `metrics.scores.Scores.as_dict`, or of JSON made from it.
        figures: in the order in which they are shown.
        folder: is made where it is missing; PNG files of the same names that an earlier report left are replaced or
            removed.
        title: of the page.
        space: of `metrics.space.Neighbourhood.as_dict`: coverage, precision, diversity and energies; None has no such
            tables.
        images: whether to write PNG files.

    Returns:
        What was written; see its `note`.

    Raises:
        PictureError: two pictures have the same name, a name cannot be that of a file, the folder cannot be written
            to, or a library is missing.
    """
    require("plotly", "jinja2")
    _check_names(figures)
    page = render_page(scores, figures, title, space)
    folder = Path(folder).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Of an earlier report: its pictures would not belong to this page.
        for picture in figures:
            (folder / f"{picture.name}.png").unlink(missing_ok=True)
        write_text(folder / PAGE, page)
        drawn, note = _images(figures, folder) if images else ((), "HTML alone, as was asked for")
    except OSError as error:
        raise PictureError(
            f"cannot write a report to {folder} ({error.strerror}): name another folder"
        ) from error
    return Report(folder / PAGE, drawn, f"{folder / PAGE}: {note}")


def render_page(
    scores: Mapping[str, Any], figures: Sequence[Picture], title: str, space: Mapping[str, Any] | None = None
) -> str:
    """Give the page as text; see `write_report`."""
    from jinja2 import Environment, StrictUndefined
    from plotly.offline import get_plotlyjs

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    written: str = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        tables=(*tables(scores), *space_tables(space or {})),
        remarks=[str(remark) for remark in scores.get("remarks") or ()],
        unreadable=_unreadable(scores),
        footnotes=_footnotes(scores),
        pictures=figures,
        plots=_script([_plot(picture) for picture in figures]),
        templates=_script({"light": template(dark=False), "dark": template(dark=True)}),
        plotly=get_plotlyjs(),
    )
    return written


def _images(figures: Sequence[Picture], folder: Path) -> tuple[tuple[Path, ...], str]:
    if not figures:
        return (), "no pictures"
    browser = find_browser()
    if browser is None:
        return (), f"HTML only, no PNG files, since no browser was found: {HOW_TO_GET}"
    try:
        images = write_images(figures, folder, browser)
    except PictureError as error:
        return (), f"HTML only, no PNG files: {error}"
    return images, f"{len(images)} pictures, as PNG files too"


def _check_names(figures: Sequence[Picture]) -> None:
    for name, times in Counter(picture.name for picture in figures).items():
        if not _NAME.fullmatch(name):
            raise PictureError(
                f"{name!r} is no name of a picture: use lower case letters, digits and single hyphens"
            )
        if times > 1:
            raise PictureError(f"{times} pictures are called {name!r}: give each a name of its own")


def _plot(picture: Picture) -> dict[str, Any]:
    """Give a figure as Plotly's script takes it; the template is the page's, since it depends on the scheme."""
    plot: dict[str, Any] = json.loads(picture.figure.to_json())
    plot["layout"].pop("template", None)
    return {"name": picture.name, "data": plot["data"], "layout": plot["layout"]}


def _script(value: object) -> str:
    """Write JSON that cannot end the element of a page it stands in."""
    from markupsafe import Markup

    text = json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(text.replace("&", "\\u0026"))


def _unreadable(scores: Mapping[str, Any]) -> list[str]:
    rows = scores.get("rows") or {}
    first = rows.get("first_unreadable") or ()
    told = [f"row {own['row']:,}: {own['reason']}" for own in first]
    rest = int(rows.get("unreadable") or 0) - len(told)
    return [*told, f"and {rest:,} more"] if told and rest > 0 else told


def _footnotes(scores: Mapping[str, Any]) -> list[str]:
    notes = [f"Intervals: {scores['intervals']}."] if scores.get("intervals") else []
    if scores.get("smact"):
        notes.append(f"SMACT {scores['smact']}.")
    if scores.get("seed") is not None:
        notes.append(f"Seed of the intervals: {scores['seed']}.")
    for name, told in (scores.get("references") or {}).items():
        notes.append(f"{name}: {told.get('role', 'reference')}, {told.get('drawn', 0):,} rows.")
    return notes
