"""Sizes of ions: Shannon's own values, and what holds of every comparison."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mattransformer.screening.assignments import reported_states
from mattransformer.tinkering.radii import Radius, ionic_radius, radius_mismatch
from mattransformer.tinkering.sites import CANDIDATES

COORDINATIONS = st.none() | st.integers(1, 14)
IONS = st.deferred(  # SMACT is not read before a test needs it
    lambda: st.sampled_from(
        [
            (symbol, state)
            for symbol in CANDIDATES
            for state in sorted(reported_states(symbol))
            if ionic_radius(symbol, state, None) is not None
        ]
    )
)

SIZED = st.sampled_from(
    [
        (symbol, charge)
        for symbol in CANDIDATES
        for charge in sorted(reported_states(symbol))
        if all((size := ionic_radius(symbol, charge, n)) and size.angstrom > 0 for n in (2, 6, 12))
    ]
)


@pytest.mark.parametrize(
    ("symbol", "charge", "coordination", "angstrom"),
    [
        ("Ti", 4, 6, 0.605),
        ("Zr", 4, 6, 0.72),
        ("Zr", 4, 8, 0.84),
        ("Sr", 2, 12, 1.44),
        ("O", -2, 6, 1.40),
        ("Nb", 5, 6, 0.64),
        ("Y", 3, 8, 1.019),
        ("La", 3, 12, 1.36),
        ("Al", 3, 4, 0.39),
        ("Li", 1, 4, 0.59),
        ("F", -1, 4, 1.31),
        ("N", -3, 4, 1.46),
    ],
)
def test_radii_are_those_of_shannons_table(
    symbol: str, charge: int, coordination: int, angstrom: float
) -> None:
    assert ionic_radius(symbol, charge, coordination) == Radius(angstrom, coordination, exact=True)


def test_an_ion_of_unknown_place_has_six_neighbours() -> None:
    assert ionic_radius("Ti", 4, None) == Radius(0.605, 6, exact=True)


def test_silver_has_no_radius_for_three_neighbours_and_takes_the_smaller_of_the_two_nearest() -> None:
    assert ionic_radius("Ag", 1, 3) == Radius(0.67, 2, exact=False)


def test_radium_has_no_octahedral_radius_and_takes_that_for_eight_neighbours() -> None:
    assert ionic_radius("Ra", 2, None) == Radius(1.48, 8, exact=False)


def test_tetrahedral_nickel_is_not_mixed_with_square_planar_nickel() -> None:
    assert ionic_radius("Ni", 2, 4) == Radius(0.55, 4, exact=True)


def test_square_planar_palladium_counts_since_there_is_no_tetrahedral_one() -> None:
    assert ionic_radius("Pd", 2, 4) == Radius(0.64, 4, exact=True)


def test_bismuth_with_four_neighbours_is_none_of_shannons_ions() -> None:
    assert ionic_radius("Bi", 3, 4) == Radius(0.96, 5, exact=False)


@pytest.mark.parametrize(("symbol", "charge"), [("Ti", 7), ("Sn", 2), ("He", 1), ("C", -4), ("Xx", 1)])
def test_an_ion_that_shannon_does_not_have_has_no_size(symbol: str, charge: int) -> None:
    assert ionic_radius(symbol, charge, 6) is None


def test_niobium_is_six_percent_larger_than_the_titanium_it_replaces() -> None:
    found = radius_mismatch("Ti", 4, "Nb", 5, 6)
    assert found is not None
    assert found.percent == pytest.approx(100 * (0.64 - 0.605) / 0.605)
    assert (found.coordination, found.exact) == (6, True)


def test_yttrium_in_zirconia_is_compared_with_eight_neighbours() -> None:
    found = radius_mismatch("Zr", 4, "Y", 3, 8)
    assert found is not None
    assert found.percent == pytest.approx(100 * (1.019 - 0.84) / 0.84)
    assert (found.coordination, found.exact) == (8, True)


def test_calcium_is_seven_percent_smaller_than_strontium_in_a_perovskite() -> None:
    found = radius_mismatch("Sr", 2, "Ca", 2, 12)
    assert found is not None
    assert found.percent == pytest.approx(100 * (1.34 - 1.44) / 1.44)


def test_titanium_among_twelve_neighbours_of_strontium_is_compared_with_eight() -> None:
    found = radius_mismatch("Sr", 2, "Ti", 4, 12)
    assert found is not None
    assert found.percent == pytest.approx(100 * (0.74 - 1.26) / 1.26)
    assert (found.coordination, found.exact) == (8, False)


def test_ions_without_a_common_coordination_are_compared_each_at_its_own() -> None:
    found = radius_mismatch("N", -3, "S", -2, 4)
    assert found is not None
    assert (found.host.coordination, found.dopant.coordination) == (4, 6)
    assert found.percent == pytest.approx(100 * (1.84 - 1.46) / 1.46)
    assert (found.coordination, found.exact) == (4, False)


def test_nothing_is_larger_or_smaller_than_a_proton() -> None:
    assert radius_mismatch("H", 1, "Li", 1, 2) is None
    assert radius_mismatch("Sn", 2, "Pb", 2, 6) is None


@given(ion=IONS, coordination=COORDINATIONS)
def test_a_radius_is_exact_just_where_it_is_for_the_coordination_asked_for(
    ion: tuple[str, int], coordination: int | None
) -> None:
    found = ionic_radius(*ion, coordination)
    assert found is not None
    assert found.exact == (found.coordination == (6 if coordination is None else coordination))
    assert -0.4 < found.angstrom < 2.5
    assert ionic_radius(*ion, found.coordination) == Radius(found.angstrom, found.coordination, exact=True)


@given(ion=IONS, coordination=COORDINATIONS)
def test_an_ion_is_as_large_as_itself(ion: tuple[str, int], coordination: int | None) -> None:
    found = radius_mismatch(*ion, *ion, coordination)
    assume(found is not None)
    assert found is not None
    assert found.percent == 0
    assert found.host == ionic_radius(*ion, coordination)


@given(host=SIZED, dopant=SIZED, coordination=COORDINATIONS)
def test_a_dopant_is_larger_just_where_the_host_would_be_smaller(
    host: tuple[str, int], dopant: tuple[str, int], coordination: int | None
) -> None:
    there = radius_mismatch(*host, *dopant, coordination)
    back = radius_mismatch(*dopant, *host, coordination)
    assert there is not None
    assert back is not None
    assert (1 + there.percent / 100) * (1 + back.percent / 100) == pytest.approx(1)
    assert there.exact == back.exact
    assert (there.host, there.dopant) == (back.dopant, back.host)
