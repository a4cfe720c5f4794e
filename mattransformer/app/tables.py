"""Tables as HTML that any screen and screen reader takes: plain elements, and every text escaped.

Gradio's own table is an editor; these only show. All of a table is in the file to download.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from mattransformer.app.columns import LABELS, MEANINGS, explained

if TYPE_CHECKING:
    import pandas as pd

MOST_SHOWN: Final = 200
"""Rows on the page."""

_MOST_CHARACTERS: Final = 240  # of a cell; the file has all of it
_LONG: Final = 30  # characters of a cell that is as wide as prose has to be
_DIGITS: Final = 4
_HEADING: Final = "formula"  # the column that says what a row is about


def as_html(
    table: pd.DataFrame,
    name: str,
    columns: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """Show the first rows of a table.

    Args:
        table: any number of rows.
        name: of the table, its caption.
        columns: that are shown, as far as they are there; all where left out.
        labels: column to what stands above it, where it is not what `LABELS` has.

    Returns:
        The table in HTML, with a line below it if there are more rows.
    """
    names = [own for own in (columns or table.columns) if own in table.columns]
    if not len(table):
        return '<p class="mt-note">No rows.</p>'
    known = {**LABELS, **(labels or {})}
    head = "".join(
        f'<th scope="col" title="{escape(MEANINGS.get(own, own))}">'
        f"{escape(known.get(own, str(own).replace('_', ' ')))}</th>"
        for own in names
    )
    shown = table[names].head(MOST_SHOWN)
    body = "".join(
        f"<tr>{''.join(_cell(value, own == _HEADING) for own, value in zip(names, row, strict=True))}</tr>"
        for row in shown.itertuples(index=False, name=None)
    )
    more = len(table) - len(shown)
    note = f'<p class="mt-note">and {more:,} more rows: download the table for all.</p>' if more else ""
    return (
        f'<div class="mt-scroll" role="region" aria-label="{escape(name)}" tabindex="0"><table class="mt-table">'
        f"<caption><span>{escape(name)}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}"
    )


def meanings_as_html(names: Sequence[str]) -> str:
    """Explain columns as a list of terms."""
    rows = "".join(f"<dt>{_named(name)}</dt><dd>{escape(words)}</dd>" for name, words in explained(names))
    return f'<dl class="mt-meanings">{rows}</dl>'


def facts_as_html(facts: Mapping[str, str]) -> str:
    """Show some facts, name by name."""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in facts.items() if words
    )
    return f'<dl class="mt-facts">{rows}</dl>'


def written(value: Any) -> str:  # noqa: ANN401 - a cell of any column
    """Write a cell as text: yes and no, four digits of a number, nothing where nothing is known."""
    if isinstance(value, str):
        return value  # as it was typed, also where it reads nan or True
    if value is None or value != value or str(value) in ("<NA>", "NaT"):
        return ""
    if str(value) in ("True", "False"):
        return "yes" if value else "no"
    if isinstance(value, int) or not hasattr(value, "__float__"):
        return str(value)
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e6 else f"{number:.{_DIGITS}g}"


def _named(column: str) -> str:
    """Name a column as it is above the table, and as it is in the file."""
    return f"{escape(LABELS[column])} <code>{escape(column)}</code>" if column in LABELS else escape(column)


def _cell(value: Any, heading: bool) -> str:  # noqa: ANN401 - see `written`
    text = written(value)
    shown = text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
    if heading:
        return f'<th scope="row">{escape(shown)}</th>'
    kind = "mt-number" if text and not isinstance(value, str) and text[-1].isdigit() else ""
    kind = "mt-long" if len(text) > _LONG else kind
    return f'<td class="{kind}">{escape(shown)}</td>' if kind else f"<td>{escape(shown)}</td>"
