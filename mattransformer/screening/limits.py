"""What a materials scientist asks for beside sensible charges: columns to add, and limits that a composition keeps.

`CHECKS` are columns to look at, `Limits` are rules: a composition beyond one of them gets it as its reason, if it has
kept SMACT's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import ATOMIC_NUMBER
from mattransformer.formula import Formula
from mattransformer.screening.assignments import assign_oxidation_states
from mattransformer.screening.columns import Column, as_text
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.hazards import radioactive, toxic
from mattransformer.screening.oxidation import ScreeningError
from mattransformer.screening.stoichiometry import (
    atom_counts,
    element_counts,
    matches_template,
    only_elements,
    without_elements,
)
from mattransformer.screening.supply import crustal_abundance, herfindahl_hirschman
from mattransformer.screening.tolerance import tolerance_factors

if TYPE_CHECKING:
    from mattransformer.screening.screen import Known

Range = tuple[int | None, int | None]
"""Least and most, both included; None is no limit."""


def _supply_risk(compositions: Compositions) -> dict[str, NDArray[np.generic]]:
    index = herfindahl_hirschman(compositions)
    return {"hhi_production": index.production, "hhi_reserves": index.reserves}


def _tolerance(compositions: Compositions) -> dict[str, NDArray[np.generic]]:
    factors = tolerance_factors(compositions)
    return {"goldschmidt": factors.goldschmidt, "bartel": factors.bartel}


CHECKS: Final[Mapping[str, Callable[[Compositions], Mapping[str, NDArray[np.generic]]]]] = MappingProxyType(
    {
        "counts": lambda own: {"elements": element_counts(own), "atoms": atom_counts(own)},
        "hazards": lambda own: {"radioactive": radioactive(own), "toxic": toxic(own)},
        "supply": _supply_risk,
        "abundance": lambda own: {"crustal_abundance": crustal_abundance(own)},
        "tolerance": _tolerance,
    }
)
"""Name of a check to the columns it adds.

`counts`: numbers of elements and of atoms of the reduced formula. `hazards`: radioactive, toxic. `supply`: the
Herfindahl-Hirschman indices of production and reserves. `abundance`: of the scarcest element in the crust, mg/kg.
`tolerance`: Goldschmidt's and Bartel's factors of ABX3.
"""


def _likely_states(formula: Formula) -> str | None:
    found = assign_oxidation_states(formula, most=1)
    return str(found[0]) if found else None


TEXT_CHECKS: Final[Mapping[str, Callable[[Formula], str | None]]] = MappingProxyType(
    {
        "reduced_formula": lambda formula: formula.reduced_formula,
        "likely_states": _likely_states,
    }
)
"""Checks that add one column of text by their own name, worked out row by row.

`likely_states`: the likeliest oxidation states, missing where none balance; about a millisecond a formula.
"""


@dataclass(frozen=True)
class Limits:
    """Rules beside SMACT's.

    Attributes:
        only: elements that are allowed; None allows all.
        without: elements that are not.
        elements: how many elements.
        atoms: how many atoms the reduced formula has.
        template: stoichiometry, such as `ABO3`; see `stoichiometry.matches_template`.
        radioactive: whether radioactive elements are allowed.
        toxic: whether toxic elements are.
        novel: whether only compositions that are not listed are.
    """

    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    elements: Range = (None, None)
    atoms: Range = (None, None)
    template: str | None = None
    radioactive: bool = True
    toxic: bool = True
    novel: bool = False

    def __post_init__(self) -> None:
        """Refuse what no composition could keep.

        Raises:
            ScreeningError: an unknown element, no element at all, or a range without a number in it.
            TemplateError: a template that cannot be read.
        """
        if self.only is not None and not self.only:
            raise ScreeningError(
                "only: it names no element, so that nothing could be kept; write symbols such as Fe"
            )
        for symbol in sorted({*(self.only or ()), *self.without}):
            if symbol not in ATOMIC_NUMBER:
                raise ScreeningError(f"{symbol!r} is no element: write symbols such as Fe")
        for name, (least, most) in (("elements", self.elements), ("atoms", self.atoms)):
            if most is not None and most < 1:
                raise ScreeningError(f"{name}: no composition has {most}; give a number from 1")
            if least is not None and most is not None and least > most:
                raise ScreeningError(
                    f"{name}: no number is from {least} to {most}; give the smaller one first"
                )
        if self.template is not None:
            matches_template(Compositions.of([]), self.template)

    def explain(self, column: Column, reasons: NDArray[np.object_], novel: object) -> None:
        """Write the first limit that a row is beyond, where no reason is given yet.

        Args:
            column: n rows.
            reasons: changed; (n,).
            novel: which rows are new, (n,), or None if nobody has looked.

        Raises:
            ScreeningError: new ones are asked for, and nobody has looked.
        """
        for words, kept in self._rules(column.compositions):
            beyond = ~column.spread(kept, missing=True)
            reasons[beyond & (reasons == "")] = words
        if self.novel:
            if not isinstance(novel, np.ndarray):
                raise ScreeningError("novel: there is no list to compare with; give `known`")
            reasons[~novel & (reasons == "")] = "it is listed"

    def _rules(self, own: Compositions) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """List the limits that are set, in words, and which compositions keep them."""
        if self.only is not None:
            yield f"holds an element other than {_listed(self.only)}", only_elements(own, self.only)
        if self.without:
            yield f"holds {_listed(self.without)}", without_elements(own, self.without)
        yield from _within("elements", element_counts, self.elements, own)
        yield from _within("atoms", atom_counts, self.atoms, own)
        if self.template is not None:
            yield f"not of the stoichiometry {self.template}", matches_template(own, self.template)
        if not self.radioactive:
            yield "holds a radioactive element", ~radioactive(own)
        if not self.toxic:
            yield "holds a toxic element", ~toxic(own)


def added_columns(column: Column, checks: Iterable[str], known: Known | None) -> dict[str, object]:
    """Make the columns that are asked for.

    Args:
        column: n rows.
        checks: of `CHECKS` and `TEXT_CHECKS`.
        known: makes the column `novel`.

    Returns:
        Name to values, (n,); where a row is no formula, False, 0, NaN or missing text.

    Raises:
        ScreeningError: an unknown check.
    """
    asked = list(dict.fromkeys(checks))
    for name in asked:
        if name not in CHECKS and name not in TEXT_CHECKS:
            raise ScreeningError(f"no check {name!r}: choose of {', '.join([*TEXT_CHECKS, *CHECKS])}")
    added: dict[str, object] = {}
    for name in asked:
        if name in TEXT_CHECKS:
            added[name] = as_text(_text_of(column, TEXT_CHECKS[name]))
        else:
            for title, values in CHECKS[name](column.compositions).items():
                missing = np.nan if values.dtype.kind == "f" else values.dtype.type(0)
                added[title] = column.spread(values, missing)
    if known is not None:
        added["novel"] = column.spread(~known.lists(column.compositions), missing=False)
    return added


def _text_of(column: Column, words: Callable[[Formula], str | None]) -> list[object]:
    texts: list[object] = [None] * len(column)
    for at, row in enumerate(np.flatnonzero(column.readable).tolist()):
        texts[row] = words(column.compositions.formula(at))
    return texts


def _within(
    what: str, count: Callable[[Compositions], NDArray[np.int64]], limits: Range, own: Compositions
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    least, most = limits
    if least is not None:
        yield f"fewer than {least} {what}", count(own) >= least
    if most is not None:
        yield f"more than {most} {what}", count(own) <= most


def _listed(symbols: Iterable[str]) -> str:
    return ", ".join(sorted(symbols))
