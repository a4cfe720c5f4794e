"""Counting while a formula is written: everything about numbers of atoms that what follows depends on.

Elements come one after the other, each with its number of atoms. What the elements so far mean for those to come
is their counter, and only counters that can be reached are listed.

- Without a template: atoms and elements so far, and the primes that divide all amounts, since a formula is reduced.
- With one: which of its letters and fixed elements are used up. An element may fit several letters, so that one
  element can lead to several counters.
- Equal numbers of an alkali metal or hydrogen and oxygen are the exception of reduced formulas: one of each is
  written doubled, as Na2O2. A tag follows these pairs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattransformer.constraints.rules import Rules
from mattransformer.elements import ATOMIC_NUMBER
from mattransformer.formula import PEROXIDE_FORMERS
from mattransformer.screening.stoichiometry import read_template

_PLAIN, _FORMER, _OXYGEN = range(3)
_NO_PAIR, _ONE, _TWO, _SINGLE, _DOUBLE = range(5)  # one or two atoms of a former, and of oxygen with them


class Counter(NamedTuple):
    """What is counted; two prefixes with the same go on alike.

    Attributes:
        atoms: so far.
        elements: so far.
        divisor: the product of the primes that divide every amount; 0 before the first.
        pair: how far the pair of a peroxide has come.
        used: bits of the letters of a template that are taken.
    """

    atoms: int
    elements: int
    divisor: int
    pair: int
    used: int


class Counters(NamedTuple):
    """All counters, and where an element with its atoms leads from each.

    Attributes:
        kinds: kind of each usable element, (R,).
        first: where in `following` the counters after a kind, a counter and a number of atoms begin,
            (kinds, C, most atoms + 2).
        following: counters, flat.
        final: which counters may be the end, (C,).
        widest: most counters that one prefix can have.
    """

    kinds: NDArray[np.int32]
    first: NDArray[np.int32]
    following: NDArray[np.int32]
    final: NDArray[np.bool_]
    widest: int


class _Slot(NamedTuple):
    """A letter or fixed element of a template."""

    amount: int
    elements: frozenset[str] | None  # None: any that is not fixed


class _Kind(NamedTuple):
    """What the counters have to know of an element."""

    role: int
    slots: tuple[bool, ...]


def count(rules: Rules, symbols: list[str]) -> Counters:
    """List the counters.

    Args:
        rules: what is asked for.
        symbols: R elements that may occur, in canonical order.
    """
    slots, fixed = _slots(rules)
    kinds: dict[_Kind, int] = {}
    own = [kinds.setdefault(_kind(symbol, slots, fixed), len(kinds)) for symbol in symbols]
    most = rules.n_atoms[1]
    start = Counter(0, 0, 0, _NO_PAIR, 0)
    numbers = {start: 0}
    steps: list[list[list[list[int]]]] = []  # counter, kind, atoms -> counters
    queue = [start]
    for counter in queue:
        rows: list[list[list[int]]] = []
        for kind in kinds:
            row: list[list[int]] = [[]]
            for amount in range(1, most + 1):
                found = []
                for after in _after(counter, kind, amount, slots, rules):
                    if after not in numbers:
                        numbers[after] = len(numbers)
                        queue.append(after)
                    found.append(numbers[after])
                row.append(found)
            rows.append(row)
        steps.append(rows)
    first = np.zeros((max(len(kinds), 1), len(queue), most + 2), dtype=np.int32)
    following: list[int] = []
    for kind_number in range(len(kinds)):
        for at in range(len(queue)):
            for amount, found in enumerate(steps[at][kind_number]):
                first[kind_number, at, amount] = len(following)
                following += found
            first[kind_number, at, most + 1] = len(following)
    layers = np.bincount([counter.elements for counter in queue])
    return Counters(
        kinds=np.array(own, dtype=np.int32),
        first=first,
        following=np.array(following or [0], dtype=np.int32),
        final=np.array([_final(counter, slots, rules) for counter in queue], dtype=np.bool_),
        widest=int(layers.max()) if slots else 1,
    )


def _slots(rules: Rules) -> tuple[list[_Slot], frozenset[str]]:
    """List what a template has to be filled with, equal letters side by side, and its fixed elements."""
    if rules.template is None:
        return [], frozenset()
    template = read_template(rules.template)
    symbols = {number: symbol for symbol, number in ATOMIC_NUMBER.items()}
    slots = [_Slot(amount, frozenset({symbols[number]})) for number, amount in template.fixed]
    slots += [_Slot(amount, rules.sites.get(letter)) for letter, amount in template.free]
    return slots, frozenset(symbols[number] for number, _ in template.fixed)


def _kind(symbol: str, slots: list[_Slot], fixed: frozenset[str]) -> _Kind:
    role = _OXYGEN if symbol == "O" else _FORMER if symbol in PEROXIDE_FORMERS else _PLAIN
    fits = []
    for place, slot in enumerate(slots):
        if place < len(fixed):
            fits.append(slot.elements == frozenset({symbol}))
        else:
            fits.append(symbol not in fixed and (slot.elements is None or symbol in slot.elements))
    return _Kind(role, tuple(fits))


def _after(counter: Counter, kind: _Kind, amount: int, slots: list[_Slot], rules: Rules) -> Iterator[Counter]:
    """List the counters after one more element."""
    atoms, elements = counter.atoms + amount, counter.elements + 1
    if atoms > rules.n_atoms[1] or elements > rules.n_elements[1]:
        return
    pair = _pair(counter, kind.role, amount)
    if not slots:
        divisor = _primes(amount) if counter.elements == 0 else math.gcd(counter.divisor, amount)
        yield Counter(atoms, elements, divisor, pair, 0)
        return
    # The template has no common divisor, so its amounts are those of the reduced formula, but for peroxides.
    doubled = 1
    if [slot.amount for slot in slots] == [1, 1]:
        if counter.pair == _TWO and pair != _DOUBLE:
            return
        doubled = 2 if pair in (_TWO, _DOUBLE) else 1
    for place, slot in enumerate(slots):
        if counter.used >> place & 1 or not kind.slots[place] or slot.amount * doubled != amount:
            continue
        # Of letters that are alike the first is taken first: the others would only repeat it.
        twins = (other for other in range(place) if slots[other] == slot)
        if all(counter.used >> other & 1 for other in twins):
            yield Counter(atoms, elements, 0, pair, counter.used | 1 << place)


def _pair(counter: Counter, role: int, amount: int) -> int:
    """Follow the pair of a peroxide by one element."""
    if counter.elements == 0 and role == _FORMER:
        return {1: _ONE, 2: _TWO}.get(amount, _NO_PAIR)
    if role == _OXYGEN and (counter.pair, amount) in ((_ONE, 1), (_TWO, 2)):
        return _SINGLE if amount == 1 else _DOUBLE
    return _NO_PAIR


def _final(counter: Counter, slots: list[_Slot], rules: Rules) -> bool:
    """Tell whether a formula may end."""
    if not rules.n_atoms[0] <= counter.atoms or not rules.n_elements[0] <= counter.elements:
        return False
    if slots:
        return counter.used == (1 << len(slots)) - 1 and counter.pair != _SINGLE
    return counter.pair == _DOUBLE or (counter.divisor == 1 and counter.pair != _SINGLE)


@functools.cache
def _primes(number: int) -> int:
    """Multiply the distinct primes of a number."""
    return math.prod(
        prime
        for prime in range(2, number + 1)
        if number % prime == 0 and all(prime % lower for lower in range(2, prime))
    )
