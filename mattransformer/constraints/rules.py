"""What is asked of a composition: elements, numbers, stoichiometry, charges, and none of those listed.

>>> rules = Rules.of(template="ABX3 X=O", forbid="Pb", charge_neutral=True)
>>> rules.settings()
{'forbid': ['Pb'], 'template': 'ABX3', 'sites': {'X': ['O']}, 'charge_neutral': True}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.constraints.reading import (
    ConstraintError,
    read_elements,
    read_fingerprints,
    read_partial,
    read_range,
    read_states,
    read_switch,
    read_template_and_sites,
    refusal,
)
from mattransformer.elements import RANK

__all__ = ["ATOMS", "ELEMENTS", "ConstraintError", "Rules"]

ELEMENTS: Final = (2, 8)
"""Least and most elements of any composition."""

ATOMS: Final = (2, 30)
"""Least and most atoms of any composition, as its reduced formula is written."""

Range = int | tuple[int | None, int | None]
"""A number, or least and most, both included; None is no limit."""


@dataclass(frozen=True, eq=False)
class Rules:
    """What a composition has to keep. `Rules.of` reads them from what a chemist types.

    Attributes:
        require: elements that must be present.
        allow: no others than these; None allows all 118.
        forbid: elements that must not be present.
        n_elements: least and most elements.
        n_atoms: least and most atoms of the reduced formula as written: Na2O2 has 4.
        template: proportions, such as `ABX3`, in the notation of `mattransformer.screening.stoichiometry`.
        sites: letter of the template to the elements that it may be; the others may be any.
        partial: exactly these elements, with their atoms in the reduced formula or `?`: `Li? P? O4`.
        charge_neutral: whether one oxidation state an element must be able to sum to zero.
        electronegativity_balanced: whether, besides, every cation must be less electronegative than every anion.
        oxidation_states: the set that both go by.
        exclude: fingerprints of compositions that must not come, ascending.
    """

    require: frozenset[str] = frozenset()
    allow: frozenset[str] | None = None
    forbid: frozenset[str] = frozenset()
    n_elements: tuple[int, int] = ELEMENTS
    n_atoms: tuple[int, int] = ATOMS
    template: str | None = None
    sites: Mapping[str, frozenset[str]] = field(default_factory=dict)
    partial: str | None = None
    charge_neutral: bool = False
    electronegativity_balanced: bool = False
    oxidation_states: str = "smact14"
    exclude: NDArray[np.uint64] | None = None

    @classmethod
    def of(
        cls,
        *,
        require: str | Iterable[str] | None = None,
        allow: str | Iterable[str] | None = None,
        forbid: str | Iterable[str] | None = None,
        chemical_system: str | Iterable[str] | None = None,
        n_elements: Range | None = None,
        n_atoms: Range | None = None,
        template: str | None = None,
        sites: Mapping[str, str | Iterable[str]] | None = None,
        partial: str | None = None,
        charge_neutral: bool = False,
        electronegativity_balanced: bool = False,
        oxidation_states: str = "smact14",
        exclude: NDArray[np.uint64] | None = None,
    ) -> Rules:
        """Read rules from what a chemist types; what is left out is no rule.

        Args:
            require: symbols, one by one or in a line: `Li, Fe`, `Li Fe`, `Li-Fe`.
            allow: as `require`.
            forbid: as `require`.
            chemical_system: exactly these elements: `Li-P-S`.
            n_elements: a number, or least and most with None for no limit on a side.
            n_atoms: as `n_elements`.
            template: `ABX3`, if need be with elements for its letters behind it: `A2BB'X6 A=Ca,Sr X=O`.
            sites: the same apart: `{"A": ["Ca", "Sr"]}`.
            partial: `Li? P? O4`.
            charge_neutral: as the attribute.
            electronegativity_balanced: as the attribute.
            oxidation_states: as `mattransformer.screening.oxidation_states` takes it.
            exclude: of `Compositions.fingerprints`.

        Raises:
            ConstraintError: a value cannot be used.
            TemplateError: a template cannot be read.
            ScreeningError: no set of oxidation states has this name.
        """
        required = frozenset() if require is None else read_elements("require", require)
        allowed = None if allow is None else read_elements("allow", allow)
        if chemical_system is not None:
            if require is not None or allow is not None:
                raise refusal(
                    "chemical_system",
                    chemical_system,
                    "it requires and allows its own elements",
                    "leave out require and allow",
                )
            required = allowed = read_elements("chemical_system", chemical_system)
        template, read = read_template_and_sites(template, sites)
        if partial is not None:
            read_partial(partial)
        return cls(
            require=required,
            allow=allowed,
            forbid=frozenset() if forbid is None else read_elements("forbid", forbid),
            n_elements=ELEMENTS if n_elements is None else read_range("n_elements", n_elements, ELEMENTS),
            n_atoms=ATOMS if n_atoms is None else read_range("n_atoms", n_atoms, ATOMS),
            template=template,
            sites=read,
            partial=partial,
            charge_neutral=read_switch("charge_neutral", charge_neutral),
            electronegativity_balanced=read_switch("electronegativity_balanced", electronegativity_balanced),
            oxidation_states=read_states(oxidation_states),
            exclude=read_fingerprints(exclude),
        )

    @property
    def neutral(self) -> bool:
        """Whether charges must sum to zero, by either rule of charges."""
        return self.charge_neutral or self.electronegativity_balanced

    def settings(self) -> dict[str, object]:
        """Give what differs from no rules, as values that JSON can hold; of `exclude` how many there are."""
        system = bool(self.require) and self.require == self.allow
        values: dict[str, object] = {
            "chemical_system": "-".join(ordered(self.require)) if system else None,
            "require": ordered(self.require) if self.require and not system else None,
            "allow": ordered(self.allow) if self.allow is not None and not system else None,
            "forbid": ordered(self.forbid) or None,
            "n_elements": list(self.n_elements) if self.n_elements != ELEMENTS else None,
            "n_atoms": list(self.n_atoms) if self.n_atoms != ATOMS else None,
            "template": self.template,
            "sites": {letter: ordered(self.sites[letter]) for letter in sorted(self.sites)} or None,
            "partial": self.partial,
            "charge_neutral": self.charge_neutral or None,
            "electronegativity_balanced": self.electronegativity_balanced or None,
            # Without a rule of charges the set is none.
            "oxidation_states": self.oxidation_states
            if self.neutral and self.oxidation_states != Rules.oxidation_states
            else None,
            "exclude": len(self.exclude) if self.exclude is not None else None,
        }
        return {name: value for name, value in values.items() if value is not None}


def ordered(symbols: Iterable[str]) -> list[str]:
    """Put symbols into the canonical order."""
    return sorted(symbols, key=RANK.__getitem__)
