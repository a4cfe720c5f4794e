"""Whether whole compositions keep rules, judged by the columns of `mattransformer.screening` and no automaton."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mattransformer.constraints.reading import read_partial
from mattransformer.constraints.rules import Rules
from mattransformer.elements import SYMBOLS
from mattransformer.notation import Counts
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.judgement import judge
from mattransformer.screening.stoichiometry import (
    atom_counts,
    contains_elements,
    element_counts,
    matches_template,
    only_elements,
    read_template,
    without_elements,
)


def keeps(rules: Rules, compositions: Compositions) -> NDArray[np.bool_]:
    """Tell which compositions keep all rules.

    Args:
        rules: what is asked for.
        compositions: n of them, of any multiple.

    Returns:
        A Boolean array of shape (n,).
    """
    elements, atoms = element_counts(compositions), _written_atoms(compositions)
    kept = (elements >= rules.n_elements[0]) & (elements <= rules.n_elements[1])
    kept &= (atoms >= rules.n_atoms[0]) & (atoms <= rules.n_atoms[1])
    for symbol in rules.require:
        kept &= contains_elements(compositions, [symbol])
    if rules.allow is not None:
        kept &= only_elements(compositions, rules.allow)
    kept &= without_elements(compositions, rules.forbid)
    if rules.template is not None:
        kept &= matches_template(compositions, rules.template)
    if rules.neutral:
        verdicts = judge(compositions, rules.oxidation_states, mixed=False)
        kept &= (
            verdicts.electronegativity_balanced
            if rules.electronegativity_balanced
            else verdicts.charge_neutral
        )
    if rules.exclude is not None:
        kept &= ~np.isin(compositions.fingerprints(), rules.exclude)
    if rules.sites or rules.partial is not None:
        for at in np.flatnonzero(kept).tolist():
            counts = compositions.formula(at).reduced.counts
            kept[at] = _fits_sites(rules, counts) and _fits_partial(rules, counts)
    return kept


def _written_atoms(compositions: Compositions) -> NDArray[np.int64]:
    """Count the atoms of reduced formulas as written: 4 of Na2O2."""
    atoms = atom_counts(compositions)
    # Only pairs of two and single elements are written doubled, so the others need no formula.
    for at in np.flatnonzero(atoms <= 2).tolist():
        atoms[at] = compositions.formula(at).reduced.atoms if compositions.sizes[at] else 0
    return atoms


def _fits_partial(rules: Rules, counts: Counts) -> bool:
    if rules.partial is None:
        return True
    partial = read_partial(rules.partial)
    return dict(counts).keys() == partial.keys() and all(
        partial[symbol] in (None, amount) for symbol, amount in counts
    )


def _fits_sites(rules: Rules, counts: Counts) -> bool:
    """Tell whether elements in the proportions of the template can be dealt out to its letters."""
    if rules.template is None or not rules.sites:
        return True
    template = read_template(rules.template)
    fixed = {SYMBOLS[number - 1] for number, _ in template.fixed}
    multiple = sum(amount for _, amount in counts) // sum(
        amount for _, amount in (*template.fixed, *template.free)
    )
    left = {symbol: amount // multiple for symbol, amount in counts if symbol not in fixed}
    return _dealt(list(template.free), left, rules)


def _dealt(letters: list[tuple[str, int]], left: dict[str, int], rules: Rules) -> bool:
    if not letters:
        return True
    letter, amount = letters[0]
    for symbol, own in left.items():
        if own == amount and symbol in rules.sites.get(letter, (symbol,)):
            others = {other: number for other, number in left.items() if other != symbol}
            if _dealt(letters[1:], others, rules):
                return True
    return False
