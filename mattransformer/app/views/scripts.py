"""What runs in the browser: which element or atom is chosen, by pointer and by keyboard. All else is the server's."""

from __future__ import annotations

from typing import Final

_KEYS: Final = """
const moves = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
let last = null;
const focusOn = (cell) => {
  cell.parentElement.querySelectorAll('.mt-element').forEach((own) => { own.tabIndex = -1; });
  cell.tabIndex = 0;
  cell.focus();
};
element.addEventListener('keydown', (event) => {
  const cell = event.target.closest('.mt-element');
  const move = moves[event.key];
  if (!cell || !move) return;
  event.preventDefault();
  let row = Number(cell.dataset.row), column = Number(cell.dataset.column);
  for (let step = 0; step < 18; step += 1) {
    row += move[0]; column += move[1];
    const next = cell.parentElement.querySelector(`.mt-element[data-row="${row}"][data-column="${column}"]`);
    if (next) { focusOn(next); return; }
  }
});
"""

ELEMENTS: Final = (
    _KEYS
    + """
element.addEventListener('click', (event) => {
  const cell = event.target.closest('.mt-element');
  if (!cell || cell.getAttribute('aria-disabled') === 'true') return;
  const panel = cell.closest('.mt-panel');
  panel.querySelectorAll('.mt-element').forEach((own) => {
    if (own === cell) { own.setAttribute('aria-pressed', 'true'); } else { own.removeAttribute('aria-pressed'); }
  });
  panel.querySelectorAll('[data-detail]').forEach((own) => {
    own.hidden = own.dataset.detail !== cell.dataset.symbol;
  });
  const hint = panel.querySelector('.mt-hint');
  if (hint) hint.hidden = true;
});
"""
)
"""Of tables whose elements have details, each in a panel of its own."""

RULES: Final = (
    _KEYS
    + """
element.addEventListener('click', (event) => {
  const cell = event.target.closest('.mt-element');
  if (!cell) return;
  last = cell.dataset.symbol;
  trigger('select', {symbol: last});
});
watch('value', () => {
  const cell = last && element.querySelector(`.mt-element[data-symbol="${last}"]`);
  if (cell) focusOn(cell);
  last = null;
});
"""
)
"""Of a table whose elements have rules."""

TOKENS: Final = """
let last = -1;
element.addEventListener('click', (event) => {
  const token = event.target.closest('.mt-token');
  if (!token) return;
  last = [...element.querySelectorAll('.mt-token')].indexOf(token);
  trigger('select', {site: token.dataset.site});
});
watch('value', () => {
  const token = element.querySelectorAll('.mt-token')[last];
  if (token) token.focus();
  last = -1;
});
"""
"""Of the atoms of a compound."""

PASTE: Final = """
document.addEventListener('paste', (event) => {
  const area = event.target.closest && event.target.closest('#screen-formulas textarea');
  const text = area && event.clipboardData ? event.clipboardData.getData('text/plain') : '';
  if (text.length < 20000) return;
  event.preventDefault();
  area.value = area.value.slice(0, area.selectionStart) + text + area.value.slice(area.selectionEnd);
  area.dispatchEvent(new Event('input', {bubbles: true}));
});
"""
"""Of long lists: editors of browsers take minutes to put 100,000 lines where they belong one by one."""


LIVE: Final = """
element.setAttribute('role', 'status');
element.setAttribute('aria-live', 'polite');
"""
"""Of words that come and go: screen readers say them. The element stays, since what is new in it is what is said."""
