"""A map of compositions: training, held-out and generated ones, close to each other where they hold similar elements.

    points = [
        Points.of("training", training.compositions, embedding=embedding_of("gpt2")),
        Points.of("generated", sample.compositions, embedding=embedding_of("gpt2")),
    ]
    composition_map(points, embedding=embedding_of("gpt2").in_words)

Two dimensions by UMAP (McInnes, Healy and Melville, arXiv:1802.03426). Distances within a neighbourhood mean something;
those between distant groups, and the axes, do not.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.pictures.embeddings import BY_FRACTIONS, Embedding
from mattransformer.pictures.picture import (
    GENERATED,
    HELD_OUT,
    LINES,
    TRAINING,
    Picture,
    PictureError,
    escaped,
    figure,
    require,
)
from mattransformer.screening.compositions import Compositions

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST: Final = 3_000
"""Points of one kind."""

NEIGHBOURS: Final = 15
SPREAD: Final = 0.1
"""UMAP's `min_dist`, its own default, as is the number of neighbours."""

METRIC: Final = "euclidean"

_COLOURS: Final = {"training": TRAINING, "held out": HELD_OUT, "generated": GENERATED}
_HEIGHT: Final = 460
_LEAST_FOR_SPECTRUM: Final = 10  # points, below which there is no spectral layout to begin with


@dataclass(frozen=True, eq=False)
class Points:
    """Compositions of one kind.

    Attributes:
        name: `training`, `held out` and `generated` have their colours in every picture.
        embeddings: one row a composition, (n, d).
        labels: formulas, n.
        left_out: compositions that have more atoms than the embedding takes.
    """

    name: str
    embeddings: NDArray[np.float32]
    labels: Sequence[str]
    left_out: int = 0

    @classmethod
    def of(
        cls,
        name: str,
        compositions: Compositions,
        seed: int = 0,
        most: int = MOST,
        embedding: Embedding = BY_FRACTIONS,
    ) -> Points:
        """Draw compositions and embed them.

        Args:
            name: of the kind.
            compositions: n of them.
            seed: of the draw.
            most: compositions to draw; all where there are no more.
            embedding: what makes numbers of them; by default their element fractions, in 118 dimensions.

        Returns:
            At most so many points, of compositions that the embedding takes.
        """
        taken = np.flatnonzero(embedding.takes(compositions))
        own = compositions.take(taken[_drawn(len(taken), most, seed)])
        labels = [own.formula(at).reduced_formula for at in range(len(own))]
        return cls(name, embedding.vectors(own), labels, len(compositions) - len(taken))

    def draw(self, seed: int, most: int) -> Points:
        """Keep at most so many, in their order."""
        rows = _drawn(len(self.labels), most, seed)
        labels = [self.labels[row] for row in rows.tolist()]
        return Points(self.name, self.embeddings[rows], labels, self.left_out)


def composition_map(
    points: Sequence[Points], *, embedding: str = BY_FRACTIONS.in_words, seed: int = 0, most: int = MOST
) -> Picture:
    """Draw points of several kinds on one map.

    Args:
        points: the first kind, such as training, is the background of a panel for each of the others.
        embedding: what the numbers are, for the caption.
        seed: of the draw and of UMAP.
        most: points of one kind.

    Returns:
        The picture.

    Raises:
        PictureError: there are fewer than 3 points, they have different numbers of dimensions, or a library is missing.
    """
    require("plotly", "umap", "sklearn")
    for own in points:
        if np.ndim(own.embeddings) != 2 or len(own.embeddings) != len(own.labels):
            raise PictureError(
                f"{own.name!r} has embeddings of the shape {np.shape(own.embeddings)} and {len(own.labels)} labels: "
                f"give one row of numbers and one label a composition"
            )
    if len({own.embeddings.shape[1] for own in points}) > 1:
        raise PictureError(
            "embeddings of different dimensions have no map in common: embed all in the same way"
        )
    drawn = [own.draw(seed, most) for own in points]
    if not drawn:
        raise PictureError("there is no list to map: give at least one with 3 compositions")
    places = layout(np.concatenate([own.embeddings for own in drawn]), seed)
    parts = np.split(places, np.cumsum([len(own.labels) for own in drawn])[:-1])
    counts = ", ".join(f"{len(own.labels):,} {own.name}" for own in drawn)
    caption = (
        f"UMAP of {embedding}: {NEIGHBOURS} neighbours, min_dist {SPREAD}, {METRIC} distance, seed {seed}; {counts}, "
        f"drawn at random where there are more. Neighbours are similar; the axes have no unit and distances between "
        f"groups no meaning."
    )
    left_out = sum(own.left_out for own in drawn)
    if left_out:
        caption += f" Left out: {left_out:,} with more atoms than the model has room for."
    return Picture("map", "Map of compositions", caption, _draw(drawn, parts), least_width=640)


def layout(embeddings: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    """Lay points out in two dimensions by UMAP, on one thread, so that the seed decides.

    Args:
        embeddings: (n, d).
        seed: of the layout.

    Returns:
        Places without a unit, (n, 2).

    Raises:
        PictureError: there are fewer than 3 points, or umap-learn is missing.
    """
    require("umap", "sklearn")
    n = len(embeddings)
    if n < 3:
        raise PictureError(f"a map of {n} compositions shows nothing: give 3 or more")
    from sklearn.neighbors import NearestNeighbors
    from umap import UMAP

    neighbours = min(NEIGHBOURS, n - 1)
    # Exact, and for some thousand points in a fraction of the time that UMAP takes to approximate them.
    search = NearestNeighbors(n_neighbors=neighbours, metric=METRIC, algorithm="brute").fit(embeddings)
    distances, nearest = search.kneighbors(embeddings)
    reducer = UMAP(
        n_components=2,
        n_neighbors=neighbours,
        precomputed_knn=(nearest, distances),
        min_dist=SPREAD,
        metric=METRIC,
        init="spectral" if n >= _LEAST_FOR_SPECTRUM else "random",
        random_state=seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        # That no new points can be placed without UMAP's own search, and that some groups have no neighbour in common.
        warnings.simplefilter("ignore", UserWarning)
        places: NDArray[np.float32] = np.asarray(reducer.fit_transform(embeddings), dtype=np.float32)
    return places


def _drawn(n: int, most: int, seed: int) -> NDArray[np.int64]:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def _draw(points: Sequence[Points], places: Sequence[NDArray[np.float32]]) -> go.Figure:
    """Draw the first kind in every panel, and one of the others on top of it."""
    import plotly.graph_objects as go

    panels = max(1, len(points) - 1)
    traces: list[go.Scatter] = []
    for at, (own, place) in enumerate(zip(points, places, strict=True)):
        for panel in range(panels) if at == 0 else (at - 1,):
            traces.append(
                go.Scatter(
                    x=place[:, 0],
                    y=place[:, 1],
                    xaxis=f"x{panel + 1}",
                    yaxis=f"y{panel + 1}",
                    name=f"{escaped(own.name)} ({len(own.labels):,})",
                    legendgroup=str(at),
                    showlegend=at > 0 or panel == 0,
                    mode="markers",
                    marker={
                        "color": _COLOURS.get(own.name, LINES[at % len(LINES)]),
                        "size": 3.5,
                        "opacity": 0.6,
                    },
                    text=[escaped(label) for label in own.labels],
                    hovertemplate="%{text}",
                )
            )
    return figure(
        traces,
        height=_HEIGHT,
        showlegend=True,
        legend={"itemsizing": "constant"},
        margin={"b": 40},
        **_axes(panels),
    )


def _axes(panels: int) -> dict[str, Any]:
    """Give each panel its axes, all of them with the same ends."""
    shared = {"showticklabels": False, "ticks": "", "showgrid": False, "mirror": True}
    found: dict[str, Any] = {}
    for panel in range(panels):
        ends = [(panel + 0.03 * (panel > 0)) / panels, (panel + 1) / panels]
        matched = {} if panel == 0 else {"matches": "x"}
        found[f"xaxis{panel + 1}"] = {
            **shared,
            **matched,
            "domain": ends,
            "anchor": f"y{panel + 1}",
            "title": {"text": "UMAP 1 (no unit)"},
        }
        found[f"yaxis{panel + 1}"] = {
            **shared,
            **({} if panel == 0 else {"matches": "y"}),
            "anchor": f"x{panel + 1}",
            "title": {"text": "UMAP 2 (no unit)" if panel == 0 else ""},
        }
    return found
