"""What dopants do to charges: their states, donors and acceptors, and formulas that are neutral again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattransformer.formula import Formula
from mattransformer.screening.assignments import assign_oxidation_states
from mattransformer.tinkering.dopants import Compensation, compensations, dopant_state, kind


@pytest.mark.parametrize(
    ("dopant", "host", "charge", "state"),
    [
        ("Nb", "Ti", 4, 5),
        ("Al", "Zn", 2, 3),
        ("Sn", "In", 3, 4),
        ("Y", "Zr", 4, 3),
        ("Fe", "Al", 3, 3),
        ("N", "O", -2, -3),
        ("F", "O", -2, -1),
        ("Mn", "Zn", 2, 2),
        ("Ce", "Y", 3, 3),
        ("Eu", "Y", 3, 3),
        ("Eu", "Sr", 2, 2),
        ("Li", "Ni", 2, 1),
        ("Sr", "La", 3, 2),
    ],
)
def test_textbook_dopants_take_their_textbook_states(dopant: str, host: str, charge: int, state: int) -> None:
    assert dopant_state(dopant, charge, None, host) == state


def test_fluoride_on_oxide_gives_an_electron_and_nitride_takes_one() -> None:
    assert (kind(-2, -1), kind(-2, -3), kind(4, 4)) == ("donor", "acceptor", "isovalent")


def test_yttrium_has_no_state_in_place_of_an_anion() -> None:
    assert dopant_state("Y", -2, None, "O") is None


def ways(host: str, site: str, dopant: str, replaced: int) -> tuple[list[Compensation], dict[str, int], int]:
    formula = Formula.parse(host)
    species = assign_oxidation_states(formula, most=1)[0].species
    charges = {item.symbol: item.charge for item in species}
    state = dopant_state(dopant, charges[site], None, site)
    assert state is not None
    found = compensations(formula, species, site, charges[site], dopant, state, replaced)
    return found, charges, state


@given(
    st.sampled_from(
        [("Sr20Ti20O60", "Ti"), ("Sr20Ti20O60", "Sr"), ("Zr32O64", "Zr"), ("Zn50O50", "Zn"), ("Zn50O50", "O")]
    ),
    st.sampled_from(["Nb", "Y", "Al", "Li", "Fe", "La", "W", "F", "N", "Mg"]),
    st.integers(1, 4),
)
def test_every_proposal_is_neutral(place: tuple[str, str], dopant: str, replaced: int) -> None:
    host, site = place
    formula = Formula.parse(host)
    charges = {item.symbol: item.charge for item in assign_oxidation_states(formula, most=1)[0].species}
    state = dopant_state(dopant, charges[site], None, site)
    if state is None or dopant in charges:
        return
    found, charges, state = ways(host, site, dopant, replaced)
    assert bool(found) == (state != charges[site])
    for way in found:
        if way.formula is None:
            continue
        own = {**charges, dopant: state}
        if way.type == "co-dopant":
            assert way.element is not None
            own[way.element] = way.charge
        assert sum(own[symbol] * count for symbol, count in way.formula.counts) == 0


def test_niobium_in_strontium_titanate_has_a_partner_a_vacancy_or_electrons() -> None:
    found, _, _ = ways("Sr20Ti20O60", "Ti", "Nb", 1)
    assert next(way.type for way in found) == "co-dopant"
    assert "vacancy" in {way.type for way in found}
    assert found[-1].words == "1 electron per Nb"
