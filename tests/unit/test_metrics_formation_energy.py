"""Formation energies of compositions, by trees that need no scikit-learn."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mattransformer.data.embedded import EMBEDDED_FILE
from mattransformer.data.readers import read_rows, sha256_of
from mattransformer.formula import Formula
from mattransformer.metrics.energy_features import PROPERTIES, element_properties, features, names
from mattransformer.metrics.energy_regressor import FormationEnergyError, Regressor, errors, fit
from mattransformer.metrics.formation_energy import FILE, formation_energies, main, predict, record
from mattransformer.metrics.trees import Trees, TreesError
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions


def compositions_of(*formulas: str) -> Compositions:
    return Compositions.of([Formula.parse(formula) for formula in formulas])


def real(n: int) -> Compositions:
    return read_column(read_rows(EMBEDDED_FILE)["formula"].sample(n, random_state=0)).compositions


def stump() -> Trees:
    """One tree over one feature: at most 0.5 gives 1, up to 2.5 gives 2, above gives 3; from a baseline of 10."""
    return Trees(
        baseline=np.array([10.0]),
        edges=np.array([0.5, 2.5], dtype=np.float32),
        edge_starts=np.array([0, 2]),
        starts=np.array([0, 5]),
        features=np.zeros(5, dtype=np.uint8),
        splits=np.array([0, 0, 1, 0, 0], dtype=np.uint8),
        rights=np.array([2, 0, 2, 0, 0], dtype=np.uint16),
        leaves=np.array([1.0, 2.0, 3.0], dtype=np.float32),
    )


def test_rock_salt_is_described_as_one_counts_by_hand() -> None:
    elements = np.array([11, 17], dtype=np.uint8)
    row = features(compositions_of("NaCl"), element_properties(), elements)[0]
    told = dict(zip(names(elements.tolist()), row.tolist(), strict=True))
    assert told["mean electronegativity"] == pytest.approx((0.93 + 3.16) / 2)
    assert told["spread electronegativity"] == pytest.approx((3.16 - 0.93) / 2)
    assert told["least electronegativity"] == pytest.approx(0.93)
    assert told["greatest electronegativity"] == pytest.approx(3.16)
    assert told["mean lowest_oxidation_state"] == 0  # +1 and -1
    assert told["ionic_term"] == pytest.approx((3.16 - 0.93) ** 2 / 4)
    assert (told["elements"], told["squared_fractions"]) == (2, 0.5)
    assert (told["fraction of Na"], told["fraction of Cl"]) == (0.5, 0.5)


def test_elements_of_one_period_do_not_spread_over_periods() -> None:
    row = features(compositions_of("Na5AlCl3"), element_properties(), np.array([11, 13, 17], dtype=np.uint8))[
        0
    ]
    told = dict(zip(names([11, 13, 17]), row.tolist(), strict=True))
    assert (told["mean row"], told["spread row"]) == (3, 0)


def test_every_element_has_every_property() -> None:
    table = element_properties()
    assert table.shape == (119, len(PROPERTIES))
    assert np.isfinite(table).all()


def test_a_threshold_itself_goes_with_what_is_below() -> None:
    values = np.array([[0.0], [0.5], [0.6], [2.5], [2.6]], dtype=np.float32)
    assert stump().predict(values).tolist() == [11, 11, 12, 12, 13]


def test_trees_refuse_what_is_not_theirs() -> None:
    with pytest.raises(TreesError, match=r"the trees ask for \(n, 1\)"):
        stump().predict(np.zeros((2, 3), dtype=np.float32))
    arrays = stump().arrays()
    with pytest.raises(TreesError, match="the trees lack leaves"):
        Trees.from_arrays({name: array for name, array in arrays.items() if name != "leaves"})
    with pytest.raises(TreesError, match="differ in length"):
        Trees.from_arrays(arrays | {"leaves": arrays["leaves"][1:]})


@pytest.mark.parametrize("recipe", [{"max_leaf_nodes": 31}, {"max_leaf_nodes": 127, "max_bins": 16}])
def test_a_forest_of_scikit_learn_answers_the_same_as_arrays(recipe: dict[str, Any]) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    own = real(3_000)
    elements = np.unique(own.numbers)
    described = features(own, element_properties(), elements)
    target = described[:, names(elements.tolist()).index("ionic_term")] + np.sin(described[:, 0])
    fitted = ensemble.HistGradientBoostingRegressor(max_iter=20, early_stopping=False, **recipe)
    fitted.fit(described[:2_000], target[:2_000])
    trees = Trees.of(fitted)
    assert len(trees) == 20
    assert trees.predict(described) == pytest.approx(fitted.predict(described), abs=1e-6)


def test_a_regressor_is_the_same_after_a_file(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    own = real(500)
    regressor = fit(own, np.linspace(-3.0, 0.0, 500), max_iter=5)
    regressor.save(tmp_path / "small.npz")
    again = Regressor.load(tmp_path / "small.npz")
    assert again.predict(own).tolist() == regressor.predict(own).tolist()


def test_rock_salt_fluorite_and_magnesia_have_about_their_energies() -> None:
    # Materials Project, eV/atom.
    known = {"NaCl": -2.10, "CaF2": -4.20, "MgO": -3.04, "Al2O3": -3.43, "FeS2": -0.71, "NiAl": -0.68}
    found = predict(compositions_of(*known))
    assert found == pytest.approx(np.array(list(known.values())), abs=0.35)


def test_the_recorded_error_is_found_again_on_the_test_rows(shared_data: Path) -> None:
    rows = read_rows(shared_data / "mp.csv.gz")
    rows = rows[(rows["split"] == "test") & rows["formation_energy_per_atom"].notna()]
    energies = rows["formation_energy_per_atom"].to_numpy(dtype=np.float64)
    found = errors(Regressor.load(FILE), read_column(rows["formula"]).compositions, energies)
    told = record()["test"]
    assert found["rows"] == told["rows"] == len(rows)
    for name in ("mae", "rmse", "bias", "r2"):
        assert found[name]["value"] == pytest.approx(told[name]["value"], abs=1e-4)
        assert told[name]["interval"][0] < told[name]["value"] < told[name]["interval"][1]


def test_the_record_belongs_to_the_regressor() -> None:
    told, shipped = record(), Regressor.load(FILE)
    assert told["sha256"] == sha256_of(FILE)
    assert told["trees"] == len(shipped.trees)
    assert told["properties"] == list(PROPERTIES)
    assert [Formula.parse(symbol).elements[0] for symbol in told["elements"]] == told["elements"]
    assert len(told["elements"]) == len(shipped.elements)


def test_no_estimate_depends_on_how_or_beside_what_a_composition_is_written() -> None:
    written = compositions_of("SrTiO3", "O6Sr2Ti2", "Ti1Sr1O3")
    first, *others = predict(written)
    assert others == [first, first]
    own = real(20_000)
    every = predict(own)
    assert predict(own.take(np.arange(17_000, 17_050))).tolist() == every[17_000:17_050].tolist()


def test_an_element_that_was_never_fitted_has_no_estimate() -> None:
    found = formation_energies(compositions_of("NaCl", "RfCl4", "RaCl2"))
    assert found.estimated.tolist() == [True, False, False]
    told = found.as_dict()
    assert told["estimated"]["count"] == 1
    assert told["below_zero"]["share"] == 1
    assert told["mean"]["mean"] == found.values[0]


def test_a_summary_has_the_error_beside_it_and_an_empty_list_has_one_too() -> None:
    some, none = formation_energies(real(100)).as_dict(), formation_energies(compositions_of()).as_dict()
    for told in (some, none):
        assert told["test"]["mae"] == record()["test"]["mae"]
        assert told["hypothetical"]["bias"] == record()["hypothetical"]["bias"]
        json.dumps(told, allow_nan=False)
    assert none["mean"]["mean"] is None
    assert none["below_zero"]["share"] is None


def test_errors_of_a_known_difference() -> None:
    shipped = Regressor.load(FILE)
    own = real(200)
    found = errors(shipped, own, shipped.predict(own) + np.tile([0.1, -0.3], 100), fitted=own)
    assert found["rows"] == 200
    assert found["mae"]["value"] == pytest.approx(0.2, abs=1e-5)
    assert found["rmse"]["value"] == pytest.approx(math.sqrt(0.05), abs=1e-5)
    assert found["bias"]["value"] == pytest.approx(0.1, abs=1e-5)  # the estimates are too high by this
    assert found["bias"]["interval"] == pytest.approx(
        [0.1 - 0.028, 0.1 + 0.028], abs=5e-3
    )  # 1.96 * 0.2 / 200 ** 0.5
    assert found["by_distance"][0]["rows"] == 200


def test_what_is_far_from_stable_is_estimated_too_low_and_the_record_says_so() -> None:
    told = record()
    assert told["hypothetical"]["bias"]["interval"][1] < -0.1
    assert told["hypothetical"]["mae"]["value"] > 2 * told["test"]["mae"]["value"]


def test_a_file_that_is_no_regressor_is_refused_with_the_way_to_a_new_one(tmp_path: Path) -> None:
    for content in (b"", b"not an archive", FILE.read_bytes()[:5_000]):
        (tmp_path / "broken.npz").write_bytes(content)
        with pytest.raises(FormationEnergyError, match="python -m mattransformer"):
            Regressor.load(tmp_path / "broken.npz")
    with pytest.raises(FormationEnergyError, match="python -m mattransformer"):
        Regressor.load(tmp_path / "missing.npz")


def test_building_without_the_corpus_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MATTRANSFORMER_DATA", raising=False)
    assert main() == 2
    assert "MATTRANSFORMER_DATA" in capsys.readouterr().err
