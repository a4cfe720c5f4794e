"""The screening table: one row a composition, with SMACT's verdicts and the rule that failed first.

>>> screen(["SrTiO3", "NaCl2"])["reason"].tolist()
['', 'no smact14 oxidation states sum to zero']

A row that is no formula gets False and the reason; it never stops the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from mattransformer.formula import Formula, FormulaError
from mattransformer.screening import oxidation
from mattransformer.screening.oxidation import ScreeningError, smact_version
from mattransformer.screening.rules import failure, verdicts

if TYPE_CHECKING:
    import pandas as pd

Composed = str | Formula | Mapping[Any, Any]
"""One composition: text, a Formula, or a mapping from element to amount such as pymatgen's Composition."""


class Known(Protocol):
    """A list of compounds that are known, such as an index of the Materials Project and OQMD."""

    def contains(self, reduced_formulas: list[str], /) -> npt.NDArray[np.bool_]:
        """Tell of each reduced formula whether it is listed: a Boolean array of the same length."""
        ...


def screen(
    formulas: Composed | Iterable[Composed], *, oxidation_states: str = "smact14", known: Known | None = None
) -> pd.DataFrame:
    """Say which compositions are charge-neutral and electronegativity-balanced, and why the others fail.

    The verdicts are SMACT's, with one oxidation state an element and no exemption for alloys. A single
    element passes both rules, as it does in SMACT.

    Args:
        formulas: text, `Formula`s, pymatgen Compositions and mappings from element to amount, mixed as they
            come; of a pandas Series the index is kept. One by itself makes a table of one row.
        oxidation_states: a name of `mattransformer.screening.STATE_SETS`.
        known: adds a column `novel`: a formula, and not listed there.

    Returns:
        A row for each composition, in the order given: `formula` (as given), `reduced_formula` (missing where
        it is no formula), `oxidation_states_set`, `charge_neutral`, `electronegativity_balanced`, `novel` if
        asked for, and `reason` (empty if both rules pass). `attrs` holds the `setting` in words and the
        version of `smact`.

    Raises:
        ScreeningError: no set has this name, or `formulas` is no list of compositions.
    """
    import pandas as pd

    states = oxidation_states
    oxidation.oxidation_states(states)  # refuses an unknown name before any work is done
    setting = f"{states}, one oxidation state an element, no alloys, Pauling test"
    values, index = _rows(formulas)
    parsed, complaints = _parse(values)
    readable = np.array([formula is not None for formula in parsed], dtype=np.bool_)
    accepted = [formula for formula in parsed if formula is not None]
    neutral = np.zeros(len(parsed), dtype=np.bool_)
    balanced = np.zeros(len(parsed), dtype=np.bool_)
    neutral[readable], balanced[readable] = verdicts(accepted, states)
    columns: dict[str, object] = {
        "formula": _text(values),
        "reduced_formula": _text(None if formula is None else formula.reduced_formula for formula in parsed),
        "oxidation_states_set": states,
        "charge_neutral": neutral,
        "electronegativity_balanced": balanced,
    }
    if known is not None:
        novel = np.zeros(len(parsed), dtype=np.bool_)
        novel[readable] = np.logical_not(known.contains([formula.reduced_formula for formula in accepted]))
        columns["novel"] = novel
    columns["reason"] = _text(
        complaint if formula is None else "" if passes else failure(formula, states)
        for formula, complaint, passes in zip(parsed, complaints, balanced, strict=True)
    )
    table = pd.DataFrame(columns, index=index)
    table.attrs = {"setting": setting, "smact": smact_version()}
    return table


def _rows(formulas: Composed | Iterable[Composed]) -> tuple[list[Composed], pd.Index | None]:
    """Return the compositions as a list, and the index of a Series."""
    import pandas as pd

    if isinstance(formulas, str | Formula | Mapping):
        return [formulas], None
    if isinstance(formulas, pd.DataFrame):
        names = ", ".join(map(str, formulas.columns[:5]))
        raise ScreeningError(f"a DataFrame is no list of formulas: give one of its columns ({names})")
    try:
        values = list(formulas)
    except TypeError:
        raise ScreeningError(
            f"{formulas!r} is no list of formulas: give text, a list or a column of a table"
        ) from None
    return values, formulas.index if isinstance(formulas, pd.Series) else None


def _parse(values: list[Composed]) -> tuple[list[Formula | None], list[str]]:
    """Return a Formula, or None and the complaint, for each value."""
    parsed: list[Formula | None] = []
    complaints: list[str] = []
    for value in values:
        try:
            parsed.append(Formula.parse(value))
            complaints.append("")
        except FormulaError as error:
            parsed.append(None)
            complaints.append(
                "not parseable: the cell is empty" if _missing(value) else f"not parseable: {error}"
            )
    return parsed, complaints


def _missing(value: object) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _text(values: Iterable[object]) -> pd.api.extensions.ExtensionArray:
    """Return a column of text, also where it is empty or all missing; what is no text is put in words."""
    import pandas as pd

    words = [value if isinstance(value, str) else None if _missing(value) else str(value) for value in values]
    return pd.array(words, dtype=pd.StringDtype(na_value=np.nan))
