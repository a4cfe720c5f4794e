"""Structures as hosts: what is read, what is refused, and the sites of well-known minerals."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from mattransformer.tinkering.sites import TinkeringError
from mattransformer.tinkering.structures import (
    StructureSite,
    distinct_sites,
    find_site,
    near_cubic,
    read_structure,
    shortest_vector,
)
from tests import crystals


@pytest.fixture(scope="module")
def perovskite() -> Structure:
    return crystals.perovskite()


@pytest.fixture(scope="module")
def magnetite() -> Structure:
    return crystals.magnetite()


@pytest.fixture(scope="module")
def rutile() -> Structure:
    return crystals.rutile()


def refusal(source: str | Path | Structure) -> str:
    """The one line that refuses a structure."""
    with pytest.raises(TinkeringError) as refused:
        read_structure(source)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_titanium_in_strontium_titanate_has_six_neighbours(perovskite: Structure) -> None:
    (site,) = distinct_sites(perovskite, "Ti")
    assert site == StructureSite("Ti", "Ti1", (1,), "1b", 6)


def test_strontium_titanate_has_one_site_an_element(perovskite: Structure) -> None:
    sites = distinct_sites(perovskite)
    assert [(site.label, site.coordination) for site in sites][:2] == [("Sr1", 12), ("Ti1", 6)]
    assert sites[2].label == "O1"
    assert sites[2].indices == (2, 3, 4)


def test_magnetite_has_two_iron_sites_with_four_and_six_neighbours(magnetite: Structure) -> None:
    sites = distinct_sites(magnetite, "Fe")
    found = [(site.label, len(site.indices), site.coordination) for site in sites]
    assert found == [("Fe1", 8, 4), ("Fe2", 16, 6)]
    assert [site.wyckoff[:-1] for site in sites] == ["8", "16"]  # a and d, or b and c from the other origin


def test_wyckoff_multiplicities_are_those_of_the_conventional_cell_also_in_the_primitive_one(
    magnetite: Structure,
) -> None:
    sites = distinct_sites(magnetite.get_primitive_structure(), "Fe")
    assert sorted((site.wyckoff[:-1], len(site.indices)) for site in sites) == [("16", 4), ("8", 2)]


def test_oxygen_stays_one_site_in_a_supercell_that_is_not_cubic(perovskite: Structure) -> None:
    (site,) = distinct_sites(perovskite * (2, 1, 1), "O")
    assert (site.wyckoff, len(site.indices)) == ("3c", 6)


def test_rutile_has_octahedral_titanium_and_threefold_oxygen(rutile: Structure) -> None:
    assert [(site.label, site.coordination) for site in distinct_sites(rutile)] == [("Ti1", 6), ("O1", 3)]


def test_iron_two_is_the_octahedral_iron_of_magnetite(magnetite: Structure) -> None:
    (site,) = find_site(magnetite, "Fe2")
    assert site.coordination == 6
    assert [site.label for site in find_site(magnetite, "Fe")] == ["Fe1", "Fe2"]


@pytest.mark.parametrize("name", ["Fe3", "Zn", "", "fe1"])
def test_a_site_that_is_not_there_is_refused_with_those_that_are(magnetite: Structure, name: str) -> None:
    with pytest.raises(
        TinkeringError, match=r"Fe1 \(8[ab], 4 neighbours\), Fe2 \(16[cd], 6 neighbours\), O1"
    ):
        find_site(magnetite, name)


def test_charges_do_not_change_the_element_of_a_site(perovskite: Structure) -> None:
    charged = perovskite.copy()
    charged.add_oxidation_state_by_element({"Sr": 2, "Ti": 4, "O": -2})
    assert [site.label for site in distinct_sites(read_structure(charged))] == ["Sr1", "Ti1", "O1"]


def test_rutile_reads_back_from_a_cif(rutile: Structure, tmp_path: Path) -> None:
    path = tmp_path / "rutile.cif"
    rutile.to(str(path), fmt="cif", symprec=0.01)
    assert read_structure(path).composition.formula == "Ti2 O4"
    assert read_structure(str(path)).composition.formula == "Ti2 O4"


def test_partial_occupancy_is_refused_in_one_line(tmp_path: Path) -> None:
    mixed = Structure(Lattice.cubic(4.2), [{"Mg": 0.5, "Fe": 0.5}, "O"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    path = tmp_path / "mixed.cif"
    mixed.to(str(path), fmt="cif")
    for source in (mixed, path):
        message = refusal(source)
        assert "an ordered structure is needed" in message
        assert "Mg:0.5" in message
    assert refusal(path).startswith(str(path))


def test_an_element_by_itself_is_no_host() -> None:
    iron = Structure.from_spacegroup("Im-3m", Lattice.cubic(2.87), ["Fe"], [[0, 0, 0]])
    assert "a host has two elements at least" in refusal(iron)


def test_a_missing_file_and_a_file_without_a_structure_are_refused_by_name(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.cif")
    for name, text in [("empty.cif", ""), ("words.cif", "data_x\n_a 1\n"), ("notes.txt", "SrTiO3\n")]:
        path = tmp_path / name
        path.write_text(text)
        message = refusal(path)
        assert message.startswith(str(path))
        assert "no structure can be read" in message


def test_a_placeholder_atom_is_not_an_element() -> None:
    cell = Structure(Lattice.cubic(4.2), ["Xa", "O"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    assert "is not an element" in refusal(cell)


def test_twenty_cubic_cells_are_stacked_two_by_two_by_five(perovskite: Structure) -> None:
    assert sorted(near_cubic(perovskite.lattice.matrix, 20)) == [2, 2, 5]
    assert near_cubic(perovskite.lattice.matrix, 27) == (3, 3, 3)


def test_a_long_cell_is_repeated_across_and_not_along() -> None:
    assert near_cubic(Lattice.tetragonal(4, 16).matrix, 16) == (4, 4, 1)


def test_the_nearest_image_in_a_face_centred_cell_lies_half_a_diagonal_away() -> None:
    assert shortest_vector(Lattice([[0, 2, 2], [2, 0, 2], [2, 2, 0]]).matrix) == pytest.approx(8**0.5)
    assert shortest_vector(Lattice([[1, 0, 0], [9, 1, 0], [0, 7, 1]]).matrix) == pytest.approx(1)
