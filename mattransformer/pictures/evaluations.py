"""All pictures of one evaluation: those of its scores, a map of its compositions, and their formation energies.

print(write_pictures(evaluation, Path("report")).note)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mattransformer.errors import MattransformerError
from mattransformer.metrics.evaluations import Evaluation
from mattransformer.metrics.formation_energy import predict
from mattransformer.metrics.formulas import FormulaList
from mattransformer.pictures.composition_map import Points, composition_map
from mattransformer.pictures.embeddings import DEFAULT, embedding_of
from mattransformer.pictures.energies import Energies, energy_histogram
from mattransformer.pictures.picture import Picture, PictureError, require
from mattransformer.pictures.report import write_report
from mattransformer.pictures.score_pictures import score_pictures

_MOST: Final = 20_000  # compositions of a list whose energies are drawn
_LEAST: Final = 20  # compositions that a map is worth drawing for


@dataclass(frozen=True)
class Drawn:
    """What was drawn of an evaluation.

    Attributes:
        page: `report.html`; None where nothing could be drawn.
        note: one line that says what was written, or why nothing was.
        missing: what is missing and why; empty if nothing is.
    """

    page: Path | None
    note: str
    missing: str = ""


def write_pictures(
    evaluation: Evaluation, folder: str | Path, *, embed: str = DEFAULT, images: bool = True
) -> Drawn:
    """Write the page with the pictures of an evaluation, `report.html`.

    Args:
        evaluation: of a list or a file.
        folder: for it; made where it is missing.
        embed: what the map is of, see `embedding_of`.
        images: whether each picture is a PNG file beside the page too, where a browser is found.

    Returns:
        What was written; without the extra `report` nothing, and why.
    """
    record = evaluation.record
    title = f"Report on {record['file']['name']}" if record["file"] else "Report on a list of formulas"
    try:
        pictures, missing = evaluation_pictures(evaluation, embed)
        report = write_report(record["scores"], pictures, folder, title, record["space"], images=images)
    except PictureError as error:
        return Drawn(None, f"no pictures: {error}", f"no pictures: {error}")
    return Drawn(report.page, report.note + missing, missing.removeprefix("; "))


def evaluation_pictures(evaluation: Evaluation, embed: str = DEFAULT) -> tuple[list[Picture], str]:
    """Draw all pictures of an evaluation.

    Args:
        evaluation: of a file.
        embed: what the map is of, see `embedding_of`.

    Returns:
        The pictures, and what is missing among them in words that follow a sentence; empty if nothing is.

    Raises:
        PictureError: none can be drawn.
    """
    training = _joined(list(evaluation.training.values()))
    held_out = _joined(list(evaluation.held_out.values()))
    pictures = [
        *score_pictures(evaluation.record["scores"]),
        *_energies_drawn(evaluation, training, held_out),
    ]
    try:
        return [*pictures, *_map_drawn(evaluation.sample, training, held_out, embed)], ""
    except MattransformerError as error:  # of a library or model that is missing: the others are worth having
        return pictures, f"; no map: {error}"


def _energies_drawn(
    evaluation: Evaluation, training: FormulaList, held_out: FormulaList
) -> Iterator[Picture]:
    energies = evaluation.space.energies
    if np.isfinite(energies.values).any():
        yield energy_histogram(
            Energies(energies.values, _energies(training), _energies(held_out)),
            float(energies.record["test"]["mae"]["value"]),
            float(energies.record["hypothetical"]["bias"]["value"]),
            origin="estimated, too",
        )


def _map_drawn(
    sample: FormulaList, training: FormulaList, held_out: FormulaList, embed: str
) -> Iterator[Picture]:
    lists = {"training": training, "held out": held_out, "generated": sample}
    if sum(map(len, lists.values())) < _LEAST:
        return
    require("plotly", "umap", "sklearn")  # before a model is opened in vain
    embedding = embedding_of(embed)
    points = [
        Points.of(name, own.compositions, embedding=embedding) for name, own in lists.items() if len(own)
    ]
    points = [own for own in points if len(own.labels)]
    if sum(len(own.labels) for own in points) >= _LEAST:
        yield composition_map(points, embedding=embedding.in_words)


def _joined(lists: list[FormulaList]) -> FormulaList:
    return FormulaList.joined(lists) if lists else FormulaList.of([])


def _energies(own: FormulaList) -> np.ndarray:
    rows = np.random.default_rng(0).permutation(len(own))[:_MOST]
    return predict(own.compositions.take(np.sort(rows)))
