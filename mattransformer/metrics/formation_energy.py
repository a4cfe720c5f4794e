"""Formation energies of compositions, estimated by regression trees that were fitted to the Materials Project.

    predict(sample.compositions)             # eV/atom, (n,)
    record()["test"]["mae"]                  # how wrong it is on rows that it was not fitted to
    formation_energies(sample.compositions).as_dict()    # a summary with this error beside it

The energy is that of the lowest polymorph, from the elements, as the Materials Project calculates it. Most of its
entries are stable or nearly so, and the trees know no others: what is far from stable is estimated too low. The record
has the errors on its test rows, and, as `hypothetical`, on rows of OQMD that are not in the Materials Project, most of
which are enumerated and unstable; 0.06 eV/atom of their bias is that OQMD's energies of the same compounds are higher.
The energies of generated compositions are to be read with both.

The shipped trees are built from the folder that `MATTRANSFORMER_DATA` names, in minutes and with scikit-learn, which
nothing else needs, by

    python -m mattransformer.metrics.formation_energy
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.data.readers import CorpusError
from mattransformer.elements import SYMBOLS
from mattransformer.files import write_text
from mattransformer.metrics.energy_features import PROPERTIES, names
from mattransformer.metrics.energy_regressor import (
    BUILD,
    FormationEnergyError,
    Regressor,
    boosting,
    errors,
    fit,
)
from mattransformer.metrics.intervals import mean, share
from mattransformer.screening.compositions import Compositions

if TYPE_CHECKING:
    import pandas as pd

FILE: Final = Path(__file__).with_name("files") / "formation_energy.npz"
RECORD_FILE: Final = FILE.with_suffix(".json")

FITTED: Final = "mp"
HYPOTHETICAL: Final = "oqmd"
"""Its rows that are not in the other corpus measure the errors on compounds that nobody found stable."""

ENERGY: Final = "formation_energy_per_atom"

MOST: Final = 5.0
"""eV/atom; above are failed calculations, 43 eV/atom among them."""

# Chosen by the error on the valid rows.
RECIPE: Final[Mapping[str, Any]] = {
    "max_iter": 1000,
    "learning_rate": 0.08,
    "max_leaf_nodes": 63,
    "max_features": 0.2,
    "max_bins": 255,
    "early_stopping": False,
    "random_state": 0,
}

_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class FormationEnergies:
    """Estimated formation energies of n compositions.

    Attributes:
        values: eV/atom, (n,); NaN where an element is not in the fitted rows.
        record: of the regressor, with its errors, see the function `record`.
        seed: of the intervals.
    """

    values: NDArray[np.float64]
    record: Mapping[str, Any]
    seed: int

    @property
    def estimated(self) -> NDArray[np.bool_]:
        """Which compositions have an estimate, (n,)."""
        return np.isfinite(self.values)

    def as_dict(self) -> dict[str, Any]:
        """Give the metric ready for JSON.

        Returns:
            `estimated`, the share that has an estimate; of these the `mean` in eV/atom and its 95 % interval, the
            `quantiles`, and `below_zero`, the share; and the regressor's own errors, on `test` rows of the Materials
            Project and on `hypothetical` compounds: `rows`, `mae`, `rmse`, `bias` and `r2`.
        """
        known = self.values[self.estimated]
        quantiles = np.quantile(known, _QUANTILES).tolist() if len(known) else [None] * len(_QUANTILES)
        return {
            "estimated": share(self.estimated, self.seed).as_dict(),
            "mean": mean(known, self.seed).as_dict(),
            "quantiles": {str(at): value for at, value in zip(_QUANTILES, quantiles, strict=True)},
            "below_zero": share(known < 0, self.seed).as_dict(),
            **{part: self._errors(part) for part in ("test", "hypothetical")},
        }

    def _errors(self, part: str) -> dict[str, Any]:
        return {name: value for name, value in self.record[part].items() if name != "by_distance"}


def predict(compositions: Compositions) -> NDArray[np.float64]:
    """Estimate formation energies with the shipped regressor.

    Args:
        compositions: n of them, reduced or not.

    Returns:
        eV/atom, (n,); NaN for a composition with an element that is in none of the fitted rows. A value does not depend
        on the other compositions. How wrong it is: `record()`.

    Raises:
        FormationEnergyError: the regressor is missing.
    """
    return _shipped().predict(compositions)


def formation_energies(compositions: Compositions, seed: int = 0) -> FormationEnergies:
    """Estimate formation energies and keep the error of such estimates beside them; see `predict`."""
    return FormationEnergies(predict(compositions), record(), seed)


@functools.cache
def record() -> dict[str, Any]:
    """Tell what the shipped regressor is and how wrong.

    Returns:
        `recipe`, `trees`, `properties`, `elements`, number of `features`, `rows`, SHA-256 of the corpora in `files` and
        of the regressor, `versions`; and, as `energy_regressor.errors` gives them, the errors on the `valid`, `test`
        and `hypothetical` rows.

    Raises:
        FormationEnergyError: the record is missing.
    """
    try:
        read: dict[str, Any] = json.loads(RECORD_FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormationEnergyError(f"cannot read {RECORD_FILE}: {error}; build it with {BUILD}") from error
    return read


def build(folder: Path = FILE.parent) -> dict[str, Any]:
    """Build the regressor from the Materials Project in `MATTRANSFORMER_DATA`, and its record with OQMD beside it.

    Args:
        folder: where both files are written; it must exist.

    Returns:
        The record.

    Raises:
        CorpusError: a corpus is missing.
        FormationEnergyError: scikit-learn is not installed.
    """
    from mattransformer.data.corpora import corpus_path
    from mattransformer.data.readers import read_rows, sha256_of
    from mattransformer.training.record import versions

    paths = [corpus_path(name) for name in (FITTED, HYPOTHETICAL)]
    boosting()
    rows, others = (_known(read_rows(path)) for path in paths)
    parts = {name: _read(rows[rows["split"] == name]) for name in ("train", "valid", "test")}
    parts["hypothetical"] = _read(
        others[(others["split"] == "test") & ~others["formula"].isin(rows["formula"])]
    )
    regressor = fit(*parts["train"], **RECIPE)
    regressor.save(folder / FILE.name)
    found = {
        "recipe": dict(RECIPE),
        "trees": len(regressor.trees),
        "properties": list(PROPERTIES),
        "elements": [SYMBOLS[number - 1] for number in regressor.elements],
        "features": len(names(regressor.elements.tolist())),
        "rows": {name: len(energies) for name, (_, energies) in parts.items()},
        "files": {path.name: sha256_of(path) for path in paths},
        "sha256": sha256_of(folder / FILE.name),
        "versions": versions() | {"scikit-learn": import_module("sklearn").__version__},
        "valid": errors(regressor, *parts["valid"]),
        "test": errors(regressor, *parts["test"], fitted=parts["train"][0]),
        "hypothetical": errors(regressor, *parts["hypothetical"], fitted=parts["train"][0]),
    }
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / RECORD_FILE.name, text + "\n")
    return found


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows with an energy that a compound can have."""
    return rows[rows[ENERGY] <= MOST]


def _read(rows: pd.DataFrame) -> tuple[Compositions, NDArray[np.float64]]:
    from mattransformer.screening.columns import read_column

    column = read_column(rows["formula"])
    return column.compositions, rows[ENERGY].to_numpy(dtype=np.float64)[column.readable]


@functools.cache
def _shipped() -> Regressor:
    return Regressor.load(FILE)


def main() -> int:
    """Build the regressor in place; the command of the module docstring."""
    try:
        found = build()
    except (CorpusError, FormationEnergyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    mae, rows = found["test"]["mae"]["value"], found["rows"]["test"]
    print(f"{FILE}: {found['trees']:,} trees; mean absolute error {mae:.3f} eV/atom on {rows:,} test rows")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
