"""The records of the benchmark as pictures: validity beside published values, uniqueness and recovery over n.

write_pictures(Path("results/benchmark"), Path("report"))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mattransformer.benchmark.cells import (
    Cell,
    Records,
    cell_of,
    in_order,
    published_data,
    table_rung,
    title_of,
)
from mattransformer.benchmark.lists import DATA, TEST
from mattransformer.benchmark.records import LISTS, read_all
from mattransformer.benchmark.run import RUNGS
from mattransformer.data.variants import VARIANTS
from mattransformer.metrics.intervals import recorded
from mattransformer.pictures.curves import Curve, recovery_curves, uniqueness_curves
from mattransformer.pictures.picture import Picture, PictureError
from mattransformer.pictures.report import write_report
from mattransformer.pictures.validity import TRAINING_SET, Bar, Estimate, published_of, validity_bars

_MIX = VARIANTS[0]


def write_pictures(results: Path, folder: Path) -> str:
    """Draw all that was measured in the setting *mix*, a page and, where a browser is found, a PNG file a picture.

    Args:
        results: the folder of results.
        folder: for the page and its pictures; made where it is missing.

    Returns:
        One line that says what was written.

    Raises:
        MattransformerError: a record that cannot be read, nothing to draw, or a library that is missing.
    """
    pictures = [picture for data in DATA for picture in pictures_of(data, read_all(data, results))]
    if not pictures:
        raise PictureError(f"{results} has no measurement to draw: run mattransformer benchmark first")
    return write_report({}, pictures, folder, "The benchmark of generators of compositions").note


def pictures_of(data: str, records: Records) -> Iterator[Picture]:
    """Draw the records of a data set.

    Args:
        data: its name.
        records: of `records.read_all`.

    Yields:
        Bars of validity at the largest number of suggestions that most systems have; curves over n of each system as
        far as it was measured. Nothing, where nothing was measured.
    """
    n = table_rung(records)
    if n is None:
        return
    longest = [(name, cell) for name, own in in_order(data, records) if (cell := _longest(own)) is not None]
    pictures = (
        validity_bars(
            list(_bars(data, records, n)),
            f"smact14; the first {n:,} distinct suggestions, mix",
            published_of(published_data(data), "its own pure sets"),
        ),
        uniqueness_curves([_uniqueness(name, cell) for name, cell in longest]),
        recovery_curves(
            [_recovery(name, cell) for name, cell in longest], f"the test rows of {title_of(data)}"
        ),
    )
    for picture in pictures:
        yield replace(
            picture,
            name=f"{data.replace('+', '-')}-{picture.name}",
            title=f"{title_of(data)}: {picture.title[0].lower()}{picture.title[1:]}",
        )


def _longest(record: Mapping[str, Any]) -> Cell | None:
    cells = (cell_of(record, _MIX, n) for n in reversed(RUNGS))
    return next((cell for cell in cells if cell is not None), None)


def _bars(data: str, records: Records, n: int) -> Iterator[Bar]:
    own = records[LISTS]["training"][_MIX]["validity"]["smact14"]
    for name, record in in_order(data, records):
        cell = cell_of(record, _MIX, n)
        if cell is not None:
            yield _bar(name, cell["validity"]["smact14"])
    yield replace(_bar("training rows", own), role=TRAINING_SET)


def _bar(name: str, verdict: Mapping[str, Any]) -> Bar:
    neutral, balanced = (
        Estimate(own["share"], *(recorded(own) or (None, None)))
        for own in (verdict["charge_neutral"], verdict["balanced"])
    )
    return Bar(name, neutral, balanced)


def _uniqueness(name: str, cell: Cell) -> Curve:
    curve = cell["uniqueness"]["curve"]
    sizes = np.array(curve["rows"])
    return Curve(name, sizes, np.array(curve["unique"]) / sizes)


def _recovery(name: str, cell: Cell) -> Curve:
    curve, sought = cell["curve"], cell["found"][TEST]["all"]["of"]
    return Curve(name, np.array(curve["samples"]), np.array(curve["found"]) / max(sought, 1))
