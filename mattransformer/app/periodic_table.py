"""The periodic table to click on: buttons in a grid, for pointer, keyboard and screen reader alike.

Coloured by a share of each element (how probable it is, how often it came), or with a rule each (required, allowed,
forbidden). Colour is never alone: a share is written in its cell, a rule has a sign, and both are in the label.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import Final

from mattransformer.elements import ATOMIC_NUMBER, NAMES, NOBLE_GASES, SYMBOLS

FREE: Final = "free"
SIGNS: Final[Mapping[str, str]] = MappingProxyType(
    {"required": "+", "allowed": "✓", "forbidden": "×", FREE: ""}
)
"""Rule to its sign."""

_LANTHANUM, _ACTINIUM, _SERIES = 57, 89, 15
_FULL: Final = 0.25  # share from which on the colour is strongest


def shares_as_html(
    name: str,
    shares: Mapping[str, float],
    details: Mapping[str, str] | None = None,
    *,
    full: float | None = None,
) -> str:
    """Draw a table with shares.

    Args:
        name: of the table, for those who hear it.
        shares: symbol to a share from 0 to 1.
        details: symbol to HTML that is shown when the element is chosen; escaped already.
        full: share from which on the colour is strongest; None takes the largest one, 25 % at most.

    Returns:
        HTML. Elements without a share cannot be chosen.
    """
    top = full or min(max(shares.values(), default=1.0), _FULL) or 1.0
    cells = []
    for symbol in SYMBOLS:
        share = shares.get(symbol)
        if share is None:
            cells.append(_cell(symbol, "no value", "", disabled=True))
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
    return _grid(name, cells) + f'<div class="mt-details" aria-live="polite">{hint}{chosen}</div>'


def rules_as_html(name: str, rules: Mapping[str, str]) -> str:
    """Draw a table with a rule each.

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
    return _grid(name, cells)


def place(symbol: str) -> tuple[int, int]:
    """Give row and column of an element, from 1; La to Lu and Ac to Lr stand in rows 9 and 10."""
    number = ATOMIC_NUMBER[symbol]
    for first, row in ((_LANTHANUM, 9), (_ACTINIUM, 10)):
        if first <= number < first + _SERIES:
            return row, 3 + number - first
    ends = [0, *(ATOMIC_NUMBER[gas] for gas in sorted(NOBLE_GASES, key=ATOMIC_NUMBER.__getitem__))]
    period = next(at for at, end in enumerate(ends) if number <= end)
    before, after = number - ends[period - 1], ends[period] - number
    # From the left as far as the second group, and from the right as far as the third.
    return period, before if before <= 2 and after > 0 else 18 - after


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
    return "<0.1" if 0 < percent < 0.1 else f"{percent:.1f}" if percent < 10 else f"{percent:.0f}"
