"""Fractions of a site as whole-number formulas and as ordered supercells."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from mattransformer.formula import Formula
from mattransformer.tinkering.sites import TinkeringError
from mattransformer.tinkering.structures import find_site, read_structure
from mattransformer.tinkering.supercells import (
    Dilution,
    diluted,
    nearest_dilution,
    ordered_supercell,
    write_cif,
)
from tests import crystals


@pytest.fixture(scope="module")
def perovskite() -> Structure:
    return crystals.perovskite()


@pytest.fixture(scope="module")
def magnetite() -> Structure:
    return crystals.magnetite()


def counted(structure: Structure) -> Formula:
    """The atoms of a cell."""
    return Formula.parse(structure.composition)


@pytest.mark.parametrize(
    ("count", "fraction", "expected"),
    [
        (1, 0.05, Dilution(1, 20, 20)),
        (1, 0.02, Dilution(1, 50, 50)),
        (1, 1 / 3, Dilution(1, 3, 3)),
        (1, 0.3333333, Dilution(1, 3, 3)),
        (1, 2 / 3, Dilution(2, 3, 3)),
        (2, 0.5, Dilution(1, 2, 1)),
        (2, 0.05, Dilution(1, 20, 10)),
        (3, 1.0, Dilution(3, 3, 1)),
        (16, 0.125, Dilution(2, 16, 1)),
        (1, 0.005, Dilution(1, 200, 200)),
    ],
)
def test_fractions_take_the_fewest_formula_units(count: int, fraction: float, expected: Dilution) -> None:
    assert nearest_dilution(count, fraction) == expected


def test_half_a_percent_of_three_atoms_is_one_in_198() -> None:
    assert nearest_dilution(3, 0.005) == Dilution(1, 198, 66)


@pytest.mark.parametrize("fraction", [0, 1.2, -0.1, math.nan, math.inf, True, "0.05", None])
def test_what_is_not_a_share_of_the_site_is_refused(fraction: float) -> None:
    with pytest.raises(TinkeringError, match="is not a number above 0 and up to 1"):
        nearest_dilution(1, fraction)


def test_a_tenth_of_a_percent_is_refused_unless_allowed() -> None:
    with pytest.raises(TinkeringError, match=r"0\.001 is below 0\.005"):
        nearest_dilution(1, 0.001)
    assert nearest_dilution(1, 0.001, smallest=0.001) == Dilution(1, 1000, 1000)


@given(count=st.integers(1, 200), fraction=st.floats(0.005, 1))
def test_a_dilution_replaces_some_atoms_and_is_as_near_as_its_largest_cell(
    count: int, fraction: float
) -> None:
    found = nearest_dilution(count, fraction)
    assert 1 <= found.replaced <= found.of <= 200
    assert found.of == count * found.cells
    assert abs(found.fraction - fraction) <= 1 / (2 * (200 // count * count)) + 1e-9


@given(count=st.integers(1, 12), of=st.integers(1, 16), data=st.data())
def test_a_fraction_that_a_cell_holds_is_met(count: int, of: int, data: st.DataObject) -> None:
    replaced = data.draw(st.integers(1, count * of))
    found = nearest_dilution(count, replaced / (count * of))
    assert found.replaced * count * of == replaced * found.of
    assert found.cells <= of


def test_five_percent_of_niobium_in_strontium_titanate_is_one_of_twenty() -> None:
    host = Formula.parse("SrTiO3")
    assert str(diluted(host, "Ti", "Nb", nearest_dilution(1, 0.05))) == "Sr20Ti19NbO60"


def test_a_full_site_has_none_of_its_element_left() -> None:
    assert str(diluted(Formula.parse("SrTiO3"), "Ti", "Zr", nearest_dilution(1, 1))) == "SrZrO3"


def test_strontium_on_the_titanium_site_is_counted_with_the_rest() -> None:
    assert str(diluted(Formula.parse("SrTiO3"), "Ti", "Sr", nearest_dilution(1, 0.5))) == "Sr3TiO6"


def test_the_supercell_of_an_even_formula_is_not_reduced() -> None:
    assert str(diluted(Formula.parse("Ti2O4"), "Ti", "Ge", Dilution(2, 4, 2))) == "Ti2Ge2O8"


@pytest.mark.parametrize(
    ("element", "dopant", "dilution", "reason"),
    [
        ("Zr", "Nb", Dilution(1, 2, 2), "Zr is not in SrTiO3"),
        ("Ti", "Ti", Dilution(1, 2, 2), "Ti is what the site holds already"),
        ("Ti", "Nn", Dilution(1, 2, 2), "Nn is not an element"),
        ("Ti", "Nb", Dilution(1, 2, 1), "use nearest_dilution"),
    ],
)
def test_a_dilution_that_does_not_fit_is_refused(
    element: str, dopant: str, dilution: Dilution, reason: str
) -> None:
    with pytest.raises(TinkeringError, match=reason):
        diluted(Formula.parse("SrTiO3"), element, dopant, dilution)


def test_five_percent_of_niobium_reads_back_from_its_cif(perovskite: Structure, tmp_path: Path) -> None:
    cell = ordered_supercell(perovskite, [1], "Nb", 0.05)
    assert cell.fraction == pytest.approx(0.05)
    assert cell.distance == pytest.approx(2 * 3.905)
    path = tmp_path / "doped.cif"
    write_cif(path, cell)
    back = read_structure(path)
    assert str(counted(back)) == "Sr20Ti19NbO60"
    (niobium,) = find_site(back, "Nb")
    assert niobium.coordination == 6


def test_half_a_percent_is_one_niobium_in_a_thousand_atoms(perovskite: Structure) -> None:
    cell = ordered_supercell(perovskite, [1], "Nb", 0.005)
    assert str(counted(cell.structure)) == "Sr200Ti199NbO600"
    assert cell.distance == pytest.approx(5 * 3.905)


def test_two_of_sixteen_octahedral_irons_are_no_neighbours(magnetite: Structure) -> None:
    (site,) = find_site(magnetite, "Fe2")
    cell = ordered_supercell(magnetite, site.indices, "Al", 0.125)
    assert str(counted(cell.structure)) == "Al2Fe22O32"
    assert cell.distance > 1.9 * 8.396 / 8**0.5
    pair = [at for at, atom in enumerate(cell.structure) if atom.specie.symbol == "Al"]
    assert cell.structure.get_distance(*pair) == pytest.approx(cell.distance, abs=1e-3)


def test_aluminium_keeps_its_distance_in_a_flat_cell_of_magnetite(magnetite: Structure) -> None:
    primitive = magnetite.get_primitive_structure()
    irons = [at for at, atom in enumerate(primitive) if atom.specie.symbol == "Fe"]
    cell = ordered_supercell(primitive, irons, "Al", 0.02)
    assert str(counted(cell.structure)) == "Al3Fe147O200"
    assert cell.distance == pytest.approx(8.396 / 2**0.5, abs=1e-3)  # one cell high


@settings(max_examples=20)
@given(
    fraction=st.sampled_from([1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1]),
    a=st.floats(3, 9),
    angle=st.floats(50, 115),
)
def test_dopants_are_counted_and_measured_in_any_rhombohedral_cell(
    fraction: float, a: float, angle: float
) -> None:
    salt = Structure(Lattice.rhombohedral(a, angle), ["Na", "Cl"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    cell = ordered_supercell(salt * (2, 2, 2), range(8), "K", fraction)
    potassium = [atom for atom in cell.structure if atom.specie.symbol == "K"]
    assert len(potassium) == 8 * fraction
    near = [
        other.nn_distance
        for atom in potassium
        for other in cell.structure.get_neighbors(atom, cell.distance + 0.01)
        if other.specie.symbol == "K"
    ]
    assert min(near) == pytest.approx(cell.distance, abs=1e-6)


def test_a_quarter_of_the_tetrahedral_irons_leaves_the_others_alone(magnetite: Structure) -> None:
    (site,) = find_site(magnetite, "Fe1")
    cell = ordered_supercell(magnetite, site.indices, "Zn", 0.25)
    assert {zinc.coordination for zinc in find_site(cell.structure, "Zn")} == {4}


@pytest.mark.parametrize(("fraction", "distance"), [(1 / 2, 2**0.5), (1 / 4, 3**0.5)])
def test_titanium_is_replaced_as_far_apart_as_eight_cells_allow(
    perovskite: Structure, fraction: float, distance: float
) -> None:
    cell = ordered_supercell(perovskite * (2, 2, 2), range(8, 16), "Zr", fraction)
    assert cell.distance == pytest.approx(distance * 3.905)


def test_charges_are_dropped_with_the_dopants_in(perovskite: Structure) -> None:
    charged = perovskite.copy()
    charged.add_oxidation_state_by_element({"Sr": 2, "Ti": 4, "O": -2})
    cell = ordered_supercell(charged, [1], "Nb", 0.5)
    assert {site.species_string for site in cell.structure} == {"Sr", "Ti", "Nb", "O"}


def test_lanthanum_and_vacancies_join_iron_in_one_cell(perovskite: Structure) -> None:
    extra = [([0], "La", 1), ([2, 3, 4], "vacancy", 2)]
    cell = ordered_supercell(perovskite, [1], "Fe", 0.25, extra=extra)
    assert str(counted(cell.structure)) == "Sr3LaTi3FeO10"
    assert cell.fraction == pytest.approx(0.25)


def test_the_second_kind_on_a_site_takes_other_atoms(perovskite: Structure) -> None:
    cell = ordered_supercell(perovskite, [1], "Nb", 0.125, extra=[([1], "Fe", 7)])
    assert "Ti" not in counted(cell.structure).elements


def test_the_same_question_has_the_same_answer(magnetite: Structure) -> None:
    (site,) = find_site(magnetite, "Fe2")
    first, second = (ordered_supercell(magnetite, site.indices, "Al", 0.25) for _ in range(2))
    assert first.distance == second.distance
    assert np.array_equal(first.structure.frac_coords, second.structure.frac_coords)
    assert first.structure.species == second.structure.species


def test_the_host_stays_as_it_was(perovskite: Structure) -> None:
    before = perovskite.copy()
    ordered_supercell(perovskite, [1], "Nb", 0.5)
    assert perovskite == before
    assert "place" not in perovskite.site_properties


@pytest.mark.parametrize(
    ("indices", "dopant", "fraction", "reason"),
    [
        ([1], "Ti", 0.5, "Ti is what the site holds already"),
        ([1], "Q", 0.5, "Q is not an element"),
        ([1], "Nb", 0, "is not a number above 0"),
        ([1], "Nb", 1.2, "is not a number above 0"),
        ([9], "Nb", 0.5, "not places of different atoms"),
        ([], "Nb", 0.5, "not places of different atoms"),
        ([1, 1], "Nb", 0.5, "not places of different atoms"),
    ],
)
def test_a_supercell_that_makes_no_sense_is_refused(
    perovskite: Structure, indices: list[int], dopant: str, fraction: float, reason: str
) -> None:
    with pytest.raises(TinkeringError, match=reason):
        ordered_supercell(perovskite, indices, dopant, fraction)


def test_a_supercell_that_is_too_large_is_refused_with_its_number_of_atoms(perovskite: Structure) -> None:
    with pytest.raises(TinkeringError, match=r"takes 1,000 atoms, more than 500; .*allow more atoms"):
        ordered_supercell(perovskite, [1], "Nb", 0.005, most_atoms=500)


def test_more_codopants_than_atoms_are_refused(perovskite: Structure) -> None:
    with pytest.raises(TinkeringError, match="La: 3 atoms do not fit the 2 free ones"):
        ordered_supercell(perovskite, [1], "Nb", 0.5, extra=[([0], "La", 3)])
