"""What a dopant does: its charge on textbook sites, donors and acceptors, and formulas that are neutral again."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattransformer.formula import Formula
from mattransformer.screening.assignments import Species, assign_oxidation_states, reported_states
from mattransformer.tinkering.dopants import Compensation, compensations, dopant_state, kind
from mattransformer.tinkering.sites import CANDIDATES, TinkeringError

HOSTS = (
    "SrTiO3",
    "ZrO2",
    "Al2O3",
    "ZnO",
    "Fe3O4",
    "LaMnO3",
    "LiNiO2",
    "CaF2",
    "Ca5P3O13H",
    "CaCO3",
    "GaN",
    "CsPbBr3",
    "LaOF",
    "CuInS2",
)


def proposals(
    host: str, site: str, charge: int, dopant: str, state: int, replaced: int
) -> list[Compensation]:
    formula = Formula.parse(host)
    species = assign_oxidation_states(formula, most=1)[0].species
    return compensations(formula, species, site, charge, dopant, state, replaced)


def words(host: str, site: str, charge: int, dopant: str, state: int, replaced: int) -> list[str]:
    return [found.words for found in proposals(host, site, charge, dopant, state, replaced)]


# The two penalties of dopant_state were chosen with these.
@pytest.mark.parametrize(
    ("dopant", "host", "charge", "coordination", "state"),
    [
        ("Nb", "Ti", 4, 6, 5),
        ("Ta", "Ti", 4, 6, 5),
        ("W", "Ti", 4, 6, 6),
        ("Cr", "Ti", 4, 6, 3),
        ("Fe", "Ti", 4, 6, 3),
        ("Mn", "Ti", 4, 6, 4),
        ("Pb", "Ti", 4, 6, 4),
        ("Sb", "Sn", 4, 6, 5),
        ("Sb", "Bi", 3, 6, 3),
        ("W", "V", 4, 6, 6),
        ("Mo", "V", 5, 5, 6),
        ("Re", "W", 6, 6, 6),
        ("Y", "Zr", 4, 8, 3),
        ("Ce", "Zr", 4, 8, 4),
        ("Gd", "Ce", 4, 8, 3),
        ("Sm", "Ce", 4, 8, 3),
        ("Al", "Zn", 2, 4, 3),
        ("Ga", "Zn", 2, 4, 3),
        ("Mn", "Zn", 2, 4, 2),
        ("Co", "Zn", 2, 4, 2),
        ("Ag", "Zn", 2, 4, 1),
        ("Ni", "Mg", 2, 6, 2),
        ("Cr", "Mg", 2, 6, 3),
        ("Sn", "In", 3, 6, 4),
        ("Sn", "Pb", 2, 6, 2),
        ("Bi", "Pb", 2, 6, 3),
        ("Tl", "Pb", 2, 6, 1),
        ("Tl", "K", 1, 6, 1),
        ("Cr", "Al", 3, 6, 3),
        ("Fe", "Al", 3, 6, 3),
        ("Ti", "Al", 3, 6, 4),
        ("V", "Al", 3, 6, 3),
        ("Mg", "Al", 3, 6, 2),
        ("Si", "Ga", 3, 4, 4),
        ("Co", "Fe", 3, 6, 3),
        ("Mn", "Fe", 3, 6, 3),
        ("Li", "Ni", 2, 6, 1),
        ("Sr", "La", 3, 12, 2),
        ("Ni", "La", 3, 12, 2),
        ("La", "Sr", 2, 12, 3),
        ("Eu", "Sr", 2, 9, 2),
        ("Eu", "Ca", 2, 6, 2),
        ("Sm", "Sr", 2, 9, 3),
        ("Ce", "Ca", 2, 8, 3),
        ("Ce", "Y", 3, 8, 3),
        ("Eu", "Y", 3, 6, 3),
        ("Tb", "Y", 3, 6, 3),
        ("B", "Si", 4, 4, 3),
        ("P", "Si", 4, 4, 5),
        ("V", "P", 5, 4, 5),
        ("N", "O", -2, 4, -3),
        ("F", "O", -2, 6, -1),
        ("S", "O", -2, 4, -2),
        ("Br", "Cl", -1, 6, -1),
        ("I", "S", -2, 6, -1),
        ("O", "N", -3, 4, -2),
    ],
)
def test_a_dopant_takes_its_textbook_charge(
    dopant: str, host: str, charge: int, coordination: int, state: int
) -> None:
    assert dopant_state(dopant, charge, coordination, host) == state


@pytest.mark.parametrize(
    ("dopant", "host", "charge"), [("He", "Ti", 4), ("Na", "O", -2), ("F", "Ti", 4), ("Fe", "Fe", 0)]
)
def test_an_element_that_has_no_such_charge_but_by_mistake_is_no_dopant(
    dopant: str, host: str, charge: int
) -> None:
    assert dopant_state(dopant, charge, None, host) is None


@given(
    dopant=st.sampled_from(CANDIDATES),
    host=st.sampled_from(CANDIDATES),
    charge=st.integers(-4, 7),
    coordination=st.none() | st.integers(2, 12),
)
def test_the_state_of_a_dopant_is_a_reported_one_of_the_sign_of_the_host(
    dopant: str, host: str, charge: int, coordination: int | None
) -> None:
    state = dopant_state(dopant, charge, coordination, host)
    shares = reported_states(dopant)
    possible = {
        reported for reported in shares if reported * charge > 0 and shares[reported] > math.log(0.003)
    }
    assert state in possible if possible else state is None


@pytest.mark.parametrize(
    ("host", "dopant", "expected"),
    [
        (4, 5, "donor"),
        (4, 3, "acceptor"),
        (2, 2, "isovalent"),
        (-2, -1, "donor"),
        (-2, -3, "acceptor"),
        (8 / 3, 3, "donor"),
    ],
)
def test_a_higher_charge_gives_electrons_and_a_lower_one_takes_them(
    host: float, dopant: int, expected: str
) -> None:
    assert kind(host, dopant) == expected


def test_two_yttrium_in_zirconia_leave_one_oxygen_vacancy() -> None:
    assert words("Zr32O64", "Zr", 4, "Y", 3, 2) == [
        "1 Nb5+ on Zr per Y (Y2Zr28Nb2O64)",
        "1 F- on O per Y (Y2Zr30O62F2)",
        "1 O vacancy per 2 Y (Y2Zr30O63)",
        "1 hole per Y",
    ]


def test_one_yttrium_in_zirconia_needs_two_supercells_for_an_oxygen_vacancy() -> None:
    found = proposals("Zr32O64", "Zr", 4, "Y", 3, 1)[2]
    assert found == Compensation(
        "vacancy",
        "1 O vacancy per 2 Y (Y2Zr62O127, 2 supercells)",
        Formula.parse("Y2Zr62O127"),
        element="O",
        charge=-2,
        site="O",
        site_charge=-2,
        number=1,
        cells=2,
    )


def test_niobium_in_strontium_titanate_is_balanced_by_ions_vacancies_or_electrons() -> None:
    assert words("Sr8Ti8O24", "Ti", 4, "Nb", 5, 1) == [
        "1 Ga3+ on Ti per Nb (Sr8Ti6NbGaO24)",
        "1 Na+ on Sr per Nb (NaSr7Ti7NbO24)",
        "1 N3- on O per Nb (Sr8Ti7NbNO23)",
        "1 Sr vacancy per 2 Nb (Sr15Ti14Nb2O48, 2 supercells)",
        "1 Ti vacancy per 4 Nb (Sr32Ti27Nb4O96, 4 supercells)",
        "1 electron per Nb",
    ]


def test_nitrogen_in_zinc_oxide_is_paired_with_fluorine() -> None:
    assert words("Zn16O16", "O", -2, "N", -3, 2)[0] == "1 F- on O per N (Zn16N2O12F2)"


def test_fluorine_in_tin_dioxide_gives_one_electron() -> None:
    last = proposals("Sn16O32", "O", -2, "F", -1, 1)[-1]
    assert (last.type, last.words, last.formula, last.number) == ("electrons", "1 electron per F", None, 1)


def test_titanium_in_sapphire_is_balanced_by_magnesium_first() -> None:
    found = words("Al32O48", "Al", 3, "Ti", 4, 1)
    assert found[0] == "1 Mg2+ on Al per Ti (MgTiAl30O48)"
    assert "1 Al vacancy per 3 Ti (Ti3Al92O144, 3 supercells)" in found


def test_tungsten_in_titania_gives_two_electrons() -> None:
    assert words("Ti8O16", "Ti", 4, "W", 6, 1)[-1] == "2 electrons per W"


def test_vacancies_of_magnetite_tell_its_two_irons_apart() -> None:
    found = words("Fe24O32", "Fe", 3, "Ti", 4, 1)
    assert "1 Fe2+ vacancy per 2 Ti (Ti2Fe45O64, 2 supercells)" in found
    assert "1 Fe3+ vacancy per 3 Ti (Ti3Fe68O96, 3 supercells)" in found


def test_no_carbon_is_left_out_of_a_carbonate() -> None:
    missing = {
        found.element for found in proposals("Ca8C8O24", "Ca", 2, "La", 3, 2) if found.type == "vacancy"
    }
    assert missing == {"Ca"}


def test_no_ion_pairs_with_a_lone_yttrium_in_a_cell_with_one_zirconium() -> None:
    found = proposals("ZrO2", "Zr", 4, "Y", 3, 1)
    assert all(item.site != "Zr" for item in found)


def test_iron_of_the_same_charge_needs_nothing() -> None:
    assert proposals("Al32O48", "Al", 3, "Fe", 3, 4) == []


def test_more_atoms_than_the_host_has_cannot_be_replaced() -> None:
    with pytest.raises(TinkeringError, match=r"9 Ti4\+ cannot be replaced: Sr8Ti8O24 has 8 of them"):
        proposals("Sr8Ti8O24", "Ti", 4, "Nb", 5, 9)
    with pytest.raises(TinkeringError, match=r"1 Ti3\+ cannot be replaced: Sr8Ti8O24 has 0 of them"):
        proposals("Sr8Ti8O24", "Ti", 3, "Nb", 5, 1)


@pytest.mark.parametrize(
    "species",
    [
        (Species("Zn", 2, 2), Species("O", -2, 1)),
        (Species("Zn", 1, 1), Species("O", -2, 1)),
        (Species("Mg", 2, 1), Species("O", -2, 1)),
        (),
    ],
)
def test_states_of_other_atoms_or_with_a_charge_are_refused(species: tuple[Species, ...]) -> None:
    with pytest.raises(TinkeringError, match="ZnO: give the states of all its atoms"):
        compensations(Formula.parse("ZnO"), species, "Zn", 2, "Al", 3, 1)


@st.composite
def dopings(draw: st.DrawFn) -> dict[str, Any]:
    """A supercell of a known host, and a dopant in a reported state of the sign of the ion it replaces."""
    cell = Formula.parse(draw(st.sampled_from(HOSTS)))
    times = draw(st.integers(1, 32))
    host = Formula(tuple((symbol, count * times) for symbol, count in cell.counts))
    species = assign_oxidation_states(host, most=1)[0].species
    site = draw(st.sampled_from(species))
    states = [
        (symbol, state)
        for symbol in CANDIDATES
        for state in reported_states(symbol)
        if state * site.charge > 0 and symbol != site.symbol
    ]
    dopant, state = draw(st.sampled_from(states))
    return {
        "host": host,
        "species": species,
        "site_element": site.symbol,
        "site_charge": site.charge,
        "dopant": dopant,
        "dopant_charge": state,
        "replaced": draw(st.integers(1, min(site.count, 6))),
        "coordination": draw(st.none() | st.integers(2, 12)),
    }


@given(doping=dopings())
def test_every_proposal_is_neutral_and_its_formula_counts_its_ions(doping: dict[str, Any]) -> None:
    found = compensations(**doping)
    site = (doping["site_element"], doping["site_charge"])
    dopant = (doping["dopant"], doping["dopant_charge"])
    for item in found:
        ions: Counter[tuple[str, int]] = Counter()
        for species in doping["species"]:
            ions[species.symbol, species.charge] += species.count * item.cells
        ions[site] -= doping["replaced"] * item.cells
        ions[dopant] += doping["replaced"] * item.cells
        if item.site is not None and item.site_charge is not None:
            ions[item.site, item.site_charge] -= item.number
        if item.type == "co-dopant" and item.element is not None:
            ions[item.element, item.charge] += item.number
        assert min(ions.values()) >= 0
        charge = sum(state * count for (_, state), count in ions.items())
        if item.formula is None:
            assert item.type in {"electrons", "holes"}
            assert charge + item.charge * item.number == 0
            continue
        assert charge == 0
        atoms: Counter[str] = Counter()
        for (symbol, _), count in ions.items():
            atoms[symbol] += count
        assert dict(item.formula.counts) == +atoms


@given(doping=dopings())
def test_carriers_come_last_and_only_where_charges_differ(doping: dict[str, Any]) -> None:
    types = [item.type for item in compensations(**doping)]
    effect = kind(doping["site_charge"], doping["dopant_charge"])
    if effect == "isovalent":
        assert types == []
        return
    carriers = {"donor": "electrons", "acceptor": "holes"}[effect]
    assert types[-1] == carriers
    assert types[:-1] == sorted(types[:-1], key=["co-dopant", "vacancy"].index)


@given(doping=dopings())
def test_vacancies_are_whole_for_the_fewest_supercells_and_leave_some_of_the_ions(
    doping: dict[str, Any],
) -> None:
    excess = (doping["dopant_charge"] - doping["site_charge"]) * doping["replaced"]
    for item in compensations(**doping):
        if item.type == "vacancy":
            assert item.charge * excess > 0  # cations are missing for a donor, anions for an acceptor
            assert item.charge * item.number == excess * item.cells
            assert all(excess * fewer % item.charge for fewer in range(1, item.cells))
            assert item.formula is not None
            assert item.element in item.formula.elements
            assert "vacanc" in item.words
