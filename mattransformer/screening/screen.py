"""The screening table: one row a composition, with SMACT's verdicts and the rule that failed first.

>>> screen(["SrTiO3", "NaCl2"])["reason"].tolist()
['', 'no smact14 oxidation states sum to zero']

A row that is no formula gets False and the reason; it never stops the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from mattransformer.screening import oxidation
from mattransformer.screening.columns import Column, Composed, as_text, read_column
from mattransformer.screening.compositions import Compositions
from mattransformer.screening.judgement import Verdicts, judge
from mattransformer.screening.metallicity import METALLIC_FROM, alloy, metallicity
from mattransformer.screening.oxidation import ScreeningError, electronegativities, smact_version

if TYPE_CHECKING:
    import pandas as pd

    from mattransformer.screening.limits import Limits

__all__ = ["Composed", "Known", "Validity", "screen"]


class Known(Protocol):
    """A list of compounds that are known, such as an index of the Materials Project and OQMD."""

    def lists(self, compositions: Compositions, /) -> NDArray[np.bool_]:
        """Tell of each composition whether it, or a multiple of it, is listed: a Boolean array, (n,)."""
        ...


@dataclass(frozen=True)
class Validity:
    """What `smact_valid` asks for: the options of SMACT's `smact_validity`.

    Attributes:
        pauling: whether cations must be less electronegative than anions.
        alloys: whether compositions of metals alone are valid whatever their charges.
        metallic: the same for compositions of a metallicity from `metallic_from`.
        metallic_from: from 0 to 1.
        mixed_valence: whether atoms of mixed-valence elements may take states of their own.
    """

    pauling: bool = True
    alloys: bool = False
    metallic: bool = False
    metallic_from: float = METALLIC_FROM
    mixed_valence: bool = False

    def __post_init__(self) -> None:
        """Refuse a threshold that is no share.

        Raises:
            ScreeningError: names it.
        """
        if not 0 <= self.metallic_from <= 1:
            raise ScreeningError(
                f"metallic_from: {self.metallic_from!r} is not possible; give a number from 0 to 1"
            )

    def in_words(self, states: str) -> str:
        """Say in one line what was asked for, the set of oxidation states first."""
        return ", ".join(
            [
                set_name(states),
                "mixed valence as in SMACT" if self.mixed_valence else "one oxidation state an element",
                "alloys are valid" if self.alloys else "no alloys",
                *([f"metallicity from {self.metallic_from:g} is valid"] if self.metallic else []),
                "Pauling test" if self.pauling else "no Pauling test",
            ]
        )

    def holds(
        self,
        verdicts: Verdicts,
        single: NDArray[np.bool_],
        alloys: NDArray[np.bool_],
        metals: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Tell which compositions SMACT calls valid, given what is known of them, all (n,)."""
        if self.mixed_valence:
            kept = verdicts.valence_balanced if self.pauling else verdicts.valence_neutral
        else:
            kept = verdicts.electronegativity_balanced if self.pauling else verdicts.charge_neutral
        return kept | single | (alloys & self.alloys) | (metals & self.metallic)


def set_name(states: str) -> str:
    """Name a set of oxidation states in results: itself, or a file without its folder, unless that names a set."""
    name = Path(states).name
    return states if states in oxidation.STATE_SETS or name in oxidation.STATE_SETS else name


def _name_of(states: object) -> str:
    if not isinstance(states, str | Path):
        raise ScreeningError(
            f"{states!r} is no set of oxidation states: name one of {', '.join(oxidation.STATE_SETS)}, or a file"
        )
    return str(states)


def screen(
    formulas: Composed | Iterable[Composed],
    *,
    oxidation_states: str | Path = "smact14",
    validity: Validity | None = None,
    limits: Limits | None = None,
    known: Known | None = None,
    checks: Iterable[str] = (),
    heavy_hydrogen: bool = False,
) -> pd.DataFrame:
    """Say which compositions are chemically sensible, and why the others are not.

    The verdicts are SMACT's. A single element passes every rule, as it does in SMACT. Fractional amounts are judged in
    the whole-number cell that they describe (Li0.5CoO2 as LiCo2O4), where SMACT cuts them off.

    Args:
        formulas: text, `Formula`s, pymatgen Compositions and mappings from element to amount, mixed as they
            come, in a list or a pandas, polars or Arrow column; of a pandas Series the index is kept. One by itself
            makes a table of one row.
        oxidation_states: smact14, icsd16, icsd24, pymatgen_sp or wiki; `icsd24:consensus=3,commonality=low`, SMACT's
            own default; or a file with a line an element, such as `Fe 2 3`.
        validity: what `smact_valid` asks for; by default the Pauling test, and no exemption.
        limits: what else a composition has to keep, such as allowed elements or a template.
        known: adds a column `novel`: a formula, and not listed there.
        checks: columns to add, of `mattransformer.screening.limits`: `CHECKS` and `TEXT_CHECKS`.
        heavy_hydrogen: whether D and T count as hydrogen; otherwise they are no elements.

    Returns:
        A row for each composition, in the order given: `formula` (as given), `oxidation_states_set`,
        `charge_neutral`, `charge_neutral_mixed` (some whole multiple is neutral if one element takes two positive
        states), `electronegativity_balanced`, `alloy` (metals alone), `metallic` (by SMACT's score), `smact_valid`,
        what was asked for beside, and `reason`: the first rule that fails, empty if none does. `attrs` holds the
        `setting` in words and the version of `smact`.

    Raises:
        ScreeningError: an unknown set or check, or `formulas` is no list of compositions.
    """
    import pandas as pd

    from mattransformer.screening.limits import added_columns

    asked = validity or Validity()
    oxidation_states = _name_of(oxidation_states)
    if known is not None and not hasattr(known, "lists"):
        raise ScreeningError(
            "known: give an index of formulas, such as mattransformer.KnownFormulas.of(['NaCl'])"
        )
    oxidation.oxidation_states(oxidation_states)  # refuses an unknown name before any work is done
    column = read_column(formulas, heavy_hydrogen=heavy_hydrogen)
    compositions = column.compositions
    verdicts = judge(compositions, oxidation_states, valences=asked.mixed_valence)
    alloys, metals = alloy(compositions), metallicity(compositions) >= asked.metallic_from
    valid = asked.holds(verdicts, compositions.sizes == 1, alloys, metals)
    columns: dict[str, object] = {
        "formula": as_text(column.given),
        "oxidation_states_set": pd.Series([set_name(oxidation_states)], dtype="str")
        .repeat(len(column))
        .array,
    }
    for name, values in {
        "charge_neutral": verdicts.charge_neutral,
        "charge_neutral_mixed": verdicts.charge_neutral_mixed,
        "electronegativity_balanced": verdicts.electronegativity_balanced,
        "alloy": alloys,
        "metallic": metals,
        "smact_valid": valid,
    }.items():
        columns[name] = column.spread(values, missing=False)
    columns |= added_columns(column, checks, known)
    reasons = _reasons(column, verdicts, valid, oxidation_states, asked)
    if limits is not None:
        limits.explain(column, reasons, columns.get("novel"))
    columns["reason"] = as_text(reasons)
    table = pd.DataFrame(columns, index=formulas.index if isinstance(formulas, pd.Series) else None)
    table.attrs = {"setting": asked.in_words(oxidation_states), "smact": smact_version()}
    return table


def _reasons(
    column: Column, verdicts: Verdicts, valid: NDArray[np.bool_], states: str, asked: Validity
) -> NDArray[np.object_]:
    """Say which rule each row fails first; empty where it fails none."""
    name = set_name(states)
    compositions = column.compositions
    words = np.full(len(compositions), "", dtype=object)
    neutral = verdicts.valence_neutral if asked.mixed_valence else verdicts.charge_neutral
    words[~valid & ~neutral] = f"no {name} oxidation states sum to zero"
    words[~valid & neutral] = (
        f"no neutral {name} oxidation states keep cations less electronegative than anions"
    )
    _name_elements(
        words, compositions, ~valid & neutral, electronegativities(), "no Pauling electronegativity for"
    )
    listed = oxidation.oxidation_states(states)
    _name_elements(words, compositions, ~valid & ~neutral, listed, f"{name} lists no oxidation state for")
    reasons = column.spread(words, missing="")
    for row, complaint in column.complaints.items():
        reasons[row] = complaint
    return reasons


def _name_elements(
    words: NDArray[np.object_],
    compositions: Compositions,
    failing: NDArray[np.bool_],
    listed: Iterable[str],
    complaint: str,
) -> None:
    """Write the complaint for failing compositions with elements that are not listed."""
    from mattransformer.elements import ATOMIC_NUMBER, SYMBOLS

    unlisted = np.ones(len(SYMBOLS) + 1, dtype=np.bool_)
    unlisted[[ATOMIC_NUMBER[symbol] for symbol in listed]] = False
    concerned = compositions.totals(unlisted[compositions.numbers]) > 0
    for row in np.flatnonzero(failing & concerned).tolist():
        own = compositions.formula(row).elements
        words[row] = f"{complaint} {', '.join(symbol for symbol in own if unlisted[ATOMIC_NUMBER[symbol]])}"
