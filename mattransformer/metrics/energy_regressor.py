"""A regressor from compositions to energies: fitted with scikit-learn, kept and asked without it.

regressor = fit(compositions, energies, max_iter=100)
regressor.predict(others)    # eV/atom, (n,)
errors(regressor, test_compositions, test_energies)
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mattransformer.errors import MattransformerError
from mattransformer.files import replacing
from mattransformer.metrics.energy_features import element_properties, features
from mattransformer.metrics.intervals import PERCENTILES
from mattransformer.metrics.trees import Trees
from mattransformer.screening.compositions import Compositions

BUILD: Final = "python -m mattransformer.metrics.formation_energy"
"""The command that builds the shipped regressor."""

_FLOATS: Final = ("edges", "leaves")  # arrays of trees that are kept byte by byte
_ROWS: Final = 1 << 14  # described at a time, which bounds the memory
_DISTANCES: Final = (0.0, 0.25, 0.5, 1.0, 2.0, math.inf)  # places of the modified Pettifor scale
_RESAMPLES: Final = 1_000
_MEASURES: Final = ("mae", "rmse", "bias", "r2")


class FormationEnergyError(MattransformerError):
    """The regressor is missing, or cannot be built."""


@dataclass(frozen=True, eq=False)
class Regressor:
    """Trees and what they need to describe compositions.

    Attributes:
        trees: over the features.
        properties: of the elements, (119, properties), as `energy_features.element_properties` gives them.
        elements: atomic numbers of the elements in the fitted rows, ascending, (k,).
    """

    trees: Trees
    properties: NDArray[np.float32]
    elements: NDArray[np.uint8]

    def predict(self, compositions: Compositions) -> NDArray[np.float64]:
        """Estimate energies.

        Args:
            compositions: n of them, reduced or not.

        Returns:
            As fitted, eV/atom, (n,); NaN for a composition with an element that is in none of the fitted rows. A value
            does not depend on the other compositions.
        """
        found = np.full(len(compositions), math.nan)
        foreign = ~np.isin(compositions.numbers, self.elements)
        rows = np.flatnonzero(compositions.totals(foreign) == 0)
        for first in range(0, len(rows), _ROWS):
            piece = rows[first : first + _ROWS]
            described = features(compositions.take(piece), self.properties, self.elements)
            found[piece] = self.trees.predict(described)
        return found

    def save(self, path: Path) -> None:
        """Write it to an `.npz` file, whole or not at all."""
        with replacing(path) as temporary:
            np.savez_compressed(
                temporary,
                allow_pickle=False,
                properties=self.properties,
                elements=self.elements,
                **{
                    name: _planes(array) if name in _FLOATS else array
                    for name, array in self.trees.arrays().items()
                },
            )

    @classmethod
    def load(cls, path: Path) -> Regressor:
        """Open a file.

        Args:
            path: as `save` writes it.

        Returns:
            The regressor.

        Raises:
            FormationEnergyError: the file is missing or is no regressor.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                read = dict(arrays)
            read |= {name: _joined(read[name]) for name in _FLOATS}
            return cls(Trees.from_arrays(read), read["properties"], read["elements"])
        except (OSError, ValueError, EOFError, KeyError, BadZipFile, zlib.error) as error:
            raise FormationEnergyError(
                f"cannot read the regressor of formation energies {path}: {error}; build it with {BUILD}"
            ) from error


def _planes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Take floats apart into their first bytes, their second ones and so on, (4, n): that packs a tenth smaller."""
    return np.ascontiguousarray(values.astype("<f4").view(np.uint8).reshape(-1, 4).T)


def _joined(planes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Put floats together again, (n,)."""
    if planes.dtype != np.uint8 or planes.ndim != 2 or len(planes) != np.dtype("<f4").itemsize:
        raise ValueError("its floats are not in four planes of bytes")
    return np.ascontiguousarray(planes.T).view("<f4").reshape(-1).astype(np.float32)


def fit(compositions: Compositions, energies: NDArray[np.float64], **recipe: object) -> Regressor:
    """Fit trees.

    Args:
        compositions: n of them.
        energies: eV/atom, (n,).
        recipe: settings of scikit-learn's `HistGradientBoostingRegressor`.

    Returns:
        The regressor.

    Raises:
        FormationEnergyError: scikit-learn is not installed.
    """
    properties, elements = element_properties(), np.unique(compositions.numbers)
    described = features(compositions, properties, elements)
    fitted = boosting()(**recipe).fit(described, energies)
    return Regressor(Trees.of(fitted), properties, elements)


def boosting() -> Any:  # noqa: ANN401 - scikit-learn has no types
    """Give the class `HistGradientBoostingRegressor`.

    Raises:
        FormationEnergyError: scikit-learn is not installed.
    """
    try:
        return import_module("sklearn.ensemble").HistGradientBoostingRegressor
    except ImportError as error:
        raise FormationEnergyError("fitting needs scikit-learn: pip install scikit-learn") from error


def errors(
    regressor: Regressor,
    compositions: Compositions,
    energies: NDArray[np.float64],
    fitted: Compositions | None = None,
) -> dict[str, Any]:
    """Compare estimates with known energies.

    Args:
        regressor: which.
        compositions: n of them; those without an estimate are left out.
        energies: eV/atom, (n,).
        fitted: the compositions it was fitted to, for the error by distance to the nearest of them.

    Returns:
        `rows` that were compared; `mae` and `rmse` in eV/atom, `bias`, the mean of estimate minus energy, and `r2`,
        each with `value` and 95 % bootstrap `interval`. With `fitted` also `by_distance`, the mean absolute error and
        bias by element-mover's distance to the nearest of these.
    """
    from mattransformer.metrics.element_mover import nearest

    estimates = regressor.predict(compositions)
    rows = np.flatnonzero(np.isfinite(estimates))
    energies, wrong = energies[rows], estimates[rows] - energies[rows]
    rng = np.random.default_rng(0)
    drawn = [_measures(wrong[own], energies[own]) for own in _resamples(rng, len(rows))]
    low, high = np.percentile(drawn, PERCENTILES, axis=0)
    found: dict[str, Any] = {"rows": len(rows)}
    for at, value in enumerate(_measures(wrong, energies)):
        found[_MEASURES[at]] = {"value": _rounded(value), "interval": [_rounded(low[at]), _rounded(high[at])]}
    if fitted is not None:
        place = np.digitize(nearest(compositions.take(rows), fitted).distances, _DISTANCES)
        found["by_distance"] = [
            {
                "from": _DISTANCES[at - 1],
                "to": None if math.isinf(_DISTANCES[at]) else _DISTANCES[at],
                "rows": int(np.count_nonzero(place == at)),
                "mae": _rounded(np.abs(wrong[place == at]).mean()) if (place == at).any() else None,
                "bias": _rounded(wrong[place == at].mean()) if (place == at).any() else None,
            }
            for at in range(1, len(_DISTANCES))
        ]
    return found


def _resamples(rng: np.random.Generator, n: int) -> Iterator[NDArray[np.int64]]:
    for _ in range(_RESAMPLES):
        yield rng.integers(n, size=n)


def _measures(wrong: NDArray[np.float64], energies: NDArray[np.float64]) -> tuple[float, ...]:
    """Return what `_MEASURES` names."""
    square = float((wrong**2).mean())
    explained = 1 - square / float(energies.var())
    return float(np.abs(wrong).mean()), math.sqrt(square), float(wrong.mean()), explained


def _rounded(value: float) -> float:
    return round(float(value), 5)
