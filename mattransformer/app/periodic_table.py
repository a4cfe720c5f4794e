"""The periodic table to click on: buttons in a grid, for pointer, keyboard and screen reader alike.

Coloured by a share of each element (how probable it is, how often it came), or with a rule each (required, allowed,
forbidden). Colour is never alone: a share is written in its cell, a rule has a sign, both are in the label, and a
legend says what the colours mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import Final

from mattransformer.elements import ATOMIC_NUMBER, NAMES, SYMBOLS, place

FREE: Final = "free"
SIGNS: Final[Mapping[str, str]] = MappingProxyType(
    {"required": "+", "allowed": "✓", "forbidden": "×", FREE: ""}
)
"""Rule to its sign."""

_FULL: Final = 0.25  # share from which on the colour is strongest
_STEPS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the colours, that the legend shows


def shares_as_html(
    name: str,
    shares: Mapping[str, float],
    details: Mapping[str, str] | None = None,
    *,
    ends: tuple[str, str] = ("rare", "common"),
    without: str = "no value",
    full: float | None = None,
) -> str:
    """Draw a table with shares, under its name and a legend of its colours.

    Args:
        name: of the table.
        shares: symbol to a share from 0 to 1.
        details: symbol to HTML that is shown when the element is chosen; escaped already.
        ends: words for the palest and the strongest colour.
        without: words for an element without a share.
        full: share from which on the colour is strongest; None takes the largest one, 25 % at most.

    Returns:
        HTML. Elements without a share cannot be chosen.
    """
    largest = max(shares.values(), default=1.0)
    top = full or min(largest, _FULL) or 1.0
    cells = []
    for symbol in SYMBOLS:
        share = shares.get(symbol)
        if share is None:
            cells.append(_cell(symbol, without, "", disabled=True))
            continue
        percent = _in_percent(share)
        style = f"--share:{min(share / top, 1) ** 0.5:.3f}"  # the eye tells pale colours apart
        cells.append(_cell(symbol, f"{percent} %", percent, style=style))
    chosen = "".join(
        f'<div class="mt-detail" data-detail="{symbol}" hidden>{html}</div>'
        for symbol, html in (details or {}).items()
    )
    hint = (
        '<p class="mt-note mt-hint">Choose a coloured element to see what it would do.</p>' if details else ""
    )
    legend = _scale(top, ends, without, more=largest > top)
    return (
        f'<section class="mt-panel"><h3 class="mt-title">{escape(name)}</h3>{legend}{_grid(name, cells)}'
        f'<div class="mt-details" aria-live="polite">{hint}{chosen}</div></section>'
    )


def rules_as_html(name: str, rules: Mapping[str, str]) -> str:
    """Draw a table with a rule each, and a legend of signs and colours.

    Args:
        name: of the table, for those who hear it.
        rules: symbol to `required`, `allowed` or `forbidden`; the others are free.

    Returns:
        HTML.
    """
    cells = [
        _cell(symbol, rule, SIGNS[rule], kind=f"mt-{rule}")
        for symbol in SYMBOLS
        for rule in [rules.get(symbol, FREE)]
    ]
    keys = [
        _key(f'<span class="mt-swatch mt-{rule}">{escape(sign)}</span>', rule) for rule, sign in SIGNS.items()
    ]
    return f"{_legend(keys)}{_grid(name, cells)}"


def _scale(top: float, ends: tuple[str, str], without: str, *, more: bool) -> str:
    """Say what share each colour stands for; see `shares_as_html` for how one follows from the other."""
    keys = []
    for step in _STEPS:
        words = f"{_in_percent(top * step**2)} %"
        if step == _STEPS[0]:
            words = f"{words}, {ends[0]}"
        elif step == _STEPS[-1]:
            words = f"{words}{' or more' if more else ''}, {ends[1]}"
        keys.append(_key(f'<span class="mt-swatch" style="--share:{step:.3f}"></span>', words))
    keys.append(_key('<span class="mt-swatch mt-empty"></span>', without))
    return _legend(keys)


def _legend(keys: list[str]) -> str:
    return f'<ul class="mt-legend" aria-label="What the colours mean">{"".join(keys)}</ul>'


def _key(swatch: str, words: str) -> str:
    return f"<li>{swatch}{escape(words)}</li>"


def _grid(name: str, cells: list[str]) -> str:
    return (
        f'<div class="mt-scroll"><div class="mt-elements" role="group" aria-label="{escape(name)}. '
        f'Arrow keys move between elements.">{"".join(cells)}</div></div>'
    )


def _cell(
    symbol: str, words: str, below: str, *, style: str = "", kind: str = "", disabled: bool = False
) -> str:
    row, column = place(symbol)
    label = f"{symbol}, {NAMES[ATOMIC_NUMBER[symbol] - 1]}, {words}"
    closed = ' aria-disabled="true"' if disabled else ""
    focus = 0 if symbol == "H" else -1  # one stop of the Tab key; arrows go on from there
    return (
        f'<button type="button" class="mt-element {kind}" data-symbol="{symbol}" data-row="{row}" '
        f'data-column="{column}" tabindex="{focus}" aria-label="{escape(label)}" title="{escape(label)}" '
        f'style="grid-row:{row};grid-column:{column};{style}"{closed}>'
        f"<b>{symbol}</b><small>{escape(below)}</small></button>"
    )


def _in_percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 0.1:
        return "<0.1"
    return f"{percent:.1f}".removesuffix(".0") if percent < 10 else f"{percent:.0f}"
