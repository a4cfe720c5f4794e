"""Where a list lies as tables: coverage and precision, diversity, estimated formation energies.

    space_tables(neighbourhood(sample, held_out, training).as_dict())

Whole lists first, then each chemistry class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattransformer.pictures.tables import NONE, Cell, Row, Table, estimate, number

_WHOLE: Final = "all"
_DIGITS: Final = 2  # of places and eV/atom, after the point


def space_tables(space: Mapping[str, Any]) -> tuple[Table, ...]:
    """Lay out where a list lies.

    Args:
        space: of `metrics.space.Neighbourhood.as_dict`, or of JSON made from it; an empty one has no tables.

    Returns:
        The tables that there are numbers for.
    """
    if not space:
        return ()
    found = (_coverage_table(space), _energy_table(space))
    return tuple(table for table in found if table.rows)


def _parts(space: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield _WHOLE, space
    yield from (space.get("classes") or {}).items()


def _coverage_table(space: Mapping[str, Any]) -> Table:
    rows = [
        Row(
            name if part == _WHOLE else f"{name}, {part}",
            (
                estimate(own["coverage"]),
                estimate(own["precision"]),
                _fixed(own["threshold"]),
                _mean(own["distance_to_sample"]),
                _mean(own["distance_to_reference"]),
                _compared(own["compared"], "references"),
                _compared(own["compared"], "samples"),
            ),
        )
        for name in space["coverage"]
        for part, where in _parts(space)
        if (own := where["coverage"][name])["compared"]["references"] or part == _WHOLE
    ]
    columns = (
        *("coverage", "precision", "near: within", "to the nearest sample", "to the nearest held-out one"),
        *("held-out compositions compared", "samples compared"),
    )
    note = (
        "Coverage: held-out compositions that have a sample near. Precision: samples that have a held-out composition "
        "near. Distances are the element-mover's, in places of the modified Pettifor scale. Of longer lists as many "
        "are drawn and compared as is said. "
    )
    said = [_near(name, own) for name, own in space["coverage"].items()]
    return Table("Coverage and precision", columns, tuple(rows), note + " ".join(said))


def _near(name: str, own: Mapping[str, Any]) -> str:
    """Say what near means for a held-out list, or why there is no saying."""
    reason = own["coverage"].get("reason") or own["precision"].get("reason")
    if reason:
        return f"Coverage of {name} cannot be judged: {reason}."
    left_out = own.get("threshold_of", {}).get("left_out")
    words = f"; {left_out:,} of it are training compositions and left out of this" if left_out else ""
    return f"Near, for {name}: {own['threshold_is']}{words}."


def _energy_table(space: Mapping[str, Any]) -> Table:
    rows = [
        Row(
            part,
            (
                _mean(own["diversity"]),
                _mean(own["formation_energy"]["mean"]),
                _fixed(own["formation_energy"]["quantiles"]["0.5"]),
                estimate(own["formation_energy"]["below_zero"]),
                estimate(own["formation_energy"]["estimated"]),
                Cell(number(own["formation_energy"]["estimated"]["of"])),
            ),
        )
        for part, own in _parts(space)
        if own["formation_energy"]["estimated"]["of"]
    ]
    columns = (
        "diversity",
        "formation energy, mean",
        "median",
        "below zero",
        "with an estimate",
        "compositions",
    )
    energy = space["formation_energy"]
    test, beyond = energy["test"], energy["hypothetical"]
    bias = beyond["bias"]["value"]
    note = (
        "Diversity: mean element-mover's distance of two generated compositions, in places of the modified Pettifor "
        "scale. Formation energies in eV/atom, estimated from the composition alone. The estimates are off by "
        f"{test['mae']['value']:.{_DIGITS}f} eV/atom on {test['rows']:,} test rows of the Materials Project, and "
        f"{abs(bias):.{_DIGITS}f} eV/atom too {'low' if bias < 0 else 'high'} on average on {beyond['rows']:,} "
        "hypothetical compounds of OQMD: an energy below zero does not show that a compound is stable."
    )
    return Table("Diversity and estimated formation energies", columns, tuple(rows), note)


def _compared(compared: Mapping[str, int], key: str) -> Cell:
    own, of = compared[key], compared[f"of_{key}"]
    return Cell(number(own)) if own == of else Cell(f"{own:,} of {of:,}")


def _mean(own: Mapping[str, Any]) -> Cell:
    interval = own["interval"]
    ends = " to ".join(f"{end:.{_DIGITS}f}" for end in interval) if interval else ""
    return Cell(_fixed(own["mean"]).value, ends)


def _fixed(value: float | None) -> Cell:
    return Cell(NONE if value is None else f"{value:.{_DIGITS}f}")
