"""Which rules no composition can keep together, in the user's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mattransformer.constraints.reading import ConstraintError
from mattransformer.constraints.rules import ATOMS, ELEMENTS, Rules, ordered
from mattransformer.notation import show

_MOST_SYMBOLS = 12  # named in a message

_Unit = tuple[str, Callable[[Rules], Rules]]
"""A rule in words, and how to leave it out."""


def clash(rules: Rules, possible: Callable[[Rules], bool]) -> ConstraintError:
    """Find a smallest clash: rules that can all be kept as soon as any one of them is dropped.

    Args:
        rules: that no composition keeps.
        possible: tells whether some composition keeps rules.
    """
    needed: list[str] = []
    left = rules
    for words, without in _units(rules):
        fewer = without(left)
        if possible(fewer):
            needed.append(words)
        else:
            left = fewer
    needed.reverse()
    limits = f"no composition of {ELEMENTS[0]} to {ELEMENTS[1]} elements and at most {ATOMS[1]} atoms"
    if len(needed) == 1:
        return ConstraintError(f"{needed[0]} cannot be kept: {limits} does; drop or loosen it")
    keeps = "keeps both" if len(needed) == 2 else "keeps all of them"
    listed = f"{', '.join(needed[:-1])} and {needed[-1]}"
    return ConstraintError(f"{listed} clash: {limits} {keeps}; drop or loosen one of them")


def _units(rules: Rules) -> list[_Unit]:
    """List the rules that are set, those first that had better not be named."""
    units: list[_Unit] = []
    if rules.exclude is not None:
        words = f"exclude of {len(rules.exclude):,} compositions"
        units.append((words, lambda left: replace(left, exclude=None)))
    units += _on_charges(rules)
    for name in ("n_atoms", "n_elements"):
        units += _on_numbers(rules, name)
    if rules.forbid:
        units.append((f"forbid {_named(rules.forbid)}", lambda left: replace(left, forbid=frozenset())))
    if rules.require and rules.require == rules.allow:
        words = f"chemical_system {_named(rules.require, '-')}"
        units.append((words, lambda left: replace(left, require=frozenset(), allow=None)))
    else:
        if rules.allow is not None:
            units.append((f"allow {_named(rules.allow)}", lambda left: replace(left, allow=None)))
        if rules.require:
            units.append(
                (f"require {_named(rules.require)}", lambda left: replace(left, require=frozenset()))
            )
    units += [_of_site(letter, rules.sites[letter]) for letter in sorted(rules.sites)]
    if rules.template is not None:
        units.append((f"template {rules.template}", lambda left: replace(left, template=None, sites={})))
    if rules.partial is not None:
        units.append((f"partial {show(rules.partial)}", lambda left: replace(left, partial=None)))
    return units


def _on_charges(rules: Rules) -> list[_Unit]:
    units: list[_Unit] = []
    if rules.electronegativity_balanced:
        words = f"electronegativity_balanced with {rules.oxidation_states}"
        # What is balanced is neutral, so that the weaker rule falls with the stronger one.
        units.append(
            (words, lambda left: replace(left, electronegativity_balanced=False, charge_neutral=False))
        )
    elif rules.charge_neutral:
        words = f"charge_neutral with {rules.oxidation_states}"
        units.append((words, lambda left: replace(left, charge_neutral=False)))
    return units


def _on_numbers(rules: Rules, name: str) -> list[_Unit]:
    limits = {"n_atoms": ATOMS, "n_elements": ELEMENTS}[name]
    least, most = getattr(rules, name)
    if (least, most) == limits:
        return []
    words = f"{name} {least}" if least == most else f"{name} {least} to {most}"
    return [(words, lambda left: replace(left, **{name: limits}))]


def _of_site(letter: str, elements: frozenset[str]) -> _Unit:
    def without(left: Rules) -> Rules:
        return replace(left, sites={other: own for other, own in left.sites.items() if other != letter})

    return f"site {letter}={_named(elements, ',')}", without


def _named(symbols: frozenset[str], between: str = " ") -> str:
    listed = ordered(symbols)
    if len(listed) <= _MOST_SYMBOLS:
        return between.join(listed)
    return f"{between.join(listed[:_MOST_SYMBOLS])}{between}... ({len(listed)} elements)"
