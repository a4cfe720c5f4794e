"""Boosted regression trees as plain arrays: kept in one `.npz` file without pickle, evaluated without scikit-learn.

A tree asks at each node whether a feature is at most a threshold. Thresholds are numbered per feature, and nodes hold
these numbers of one byte; a row of features is turned into such numbers once for all trees.

    trees = Trees.of(fitted)    # a HistGradientBoostingRegressor of scikit-learn
    trees.predict(features)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.errors import MattransformerError

MOST: Final = 255
"""Most features, and most thresholds of one."""


class TreesError(MattransformerError):
    """Arrays that are no trees, or trees that do not fit into them."""


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of trees over f features; nodes of a tree in the order node, left part, right part.

    Attributes:
        baseline: what the trees add to, (1,), float64.
        edges: thresholds, ascending for each feature, (e,), float32.
        edge_starts: where those of each feature begin, with e at the end, (f + 1,), int64.
        starts: where the nodes of each tree begin, with their number at the end, (t + 1,), int64.
        features: that each node asks for, (nodes,), uint8; 0 of leaves.
        splits: which of its thresholds, (nodes,), uint8; 0 of leaves. At most the threshold: the next node.
        rights: how many nodes further it goes on above the threshold, (nodes,), uint16; 0 of leaves.
        leaves: values of the leaves, in their order, (leaves,), float32.
    """

    baseline: NDArray[np.float64]
    edges: NDArray[np.float32]
    edge_starts: NDArray[np.int64]
    starts: NDArray[np.int64]
    features: NDArray[np.uint8]
    splits: NDArray[np.uint8]
    rights: NDArray[np.uint16]
    leaves: NDArray[np.float32]

    @classmethod
    def of(cls, fitted: Any) -> Trees:  # noqa: ANN401 - scikit-learn has no types
        """Take the trees out of a regressor.

        Args:
            fitted: a `HistGradientBoostingRegressor`, fitted to float32 features without missing values and categories,
                with the squared error.

        Returns:
            Trees with the same answers for float32 features, up to rounding of the leaves to float32.

        Raises:
            TreesError: there are more features or bins than a byte holds.
        """
        tables = [tree.nodes for stage in fitted._predictors for tree in stage]
        width = int(fitted.n_features_in_)
        if width > MOST or fitted.max_bins > MOST:
            raise TreesError(f"{width} features of {fitted.max_bins} bins: at most {MOST} of {MOST} fit")
        inner = np.concatenate([table[table["is_leaf"] == 0] for table in tables])
        thresholds = _rounded_down(inner["num_threshold"])
        edges = [np.unique(thresholds[inner["feature_idx"] == name]) for name in range(width)]
        ordered = [table[_in_order(table)] for table in tables]
        nodes = np.concatenate(ordered)
        leaf = nodes["is_leaf"].astype(bool)
        features = np.where(leaf, 0, nodes["feature_idx"])
        splits = np.zeros(len(nodes), dtype=np.uint8)
        for name, own in enumerate(edges):
            asked = np.flatnonzero(~leaf & (features == name))
            splits[asked] = np.searchsorted(own, _rounded_down(nodes["num_threshold"][asked]))
        return cls(
            baseline=np.asarray(fitted._baseline_prediction, dtype=np.float64).reshape(1),
            edges=np.concatenate(edges),
            edge_starts=np.concatenate([[0], np.cumsum([len(own) for own in edges])]).astype(np.int64),
            starts=np.concatenate([[0], np.cumsum([len(table) for table in ordered])]).astype(np.int64),
            features=features.astype(np.uint8),
            splits=splits,
            rights=np.concatenate([_rights(table) for table in tables]),
            leaves=nodes["value"][leaf].astype(np.float32),
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Trees:
        """Put trees together again.

        Args:
            arrays: as `arrays` gives them; others beside them are left alone.

        Returns:
            The trees.

        Raises:
            TreesError: one is missing, or they do not belong together.
        """
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in arrays]
        if missing:
            raise TreesError(f"the trees lack {', '.join(missing)}: build the file again")
        trees = cls(**{name: np.asarray(arrays[name]) for name in names})
        nodes = len(trees.features)
        leaves = int(np.count_nonzero(trees.rights == 0))
        if not (
            len(trees.splits) == len(trees.rights) == trees.starts[-1] == nodes
            and len(trees.leaves) == leaves
            and len(trees.edges) == trees.edge_starts[-1]
        ):
            raise TreesError("the arrays of the trees differ in length: build the file again")
        return trees

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __len__(self) -> int:
        """Count the trees."""
        return len(self.starts) - 1

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum the leaves.

        Args:
            features: (n, f), without missing values.

        Returns:
            (n,); the same for a row whatever the others are.

        Raises:
            TreesError: there are more or fewer features.
        """
        from mattransformer.metrics.kernels import add_leaves, encode

        width = len(self.edge_starts) - 1
        if features.ndim != 2 or features.shape[1] != width:
            raise TreesError(f"features of shape {features.shape}: the trees ask for (n, {width})")
        codes = np.empty(features.shape, dtype=np.uint8)
        encode(features, self.edges, self.edge_starts, codes)
        values = np.zeros(len(self.features), dtype=np.float32)
        values[self.rights == 0] = self.leaves
        sums = np.full(len(features), self.baseline[0])
        add_leaves(codes, self.starts, self.features, self.splits, self.rights, values, sums)
        return sums


def _rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round so that the same float32 numbers are at most the threshold as before."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _in_order(table: NDArray[Any]) -> list[int]:
    """Return the nodes of one tree of scikit-learn in the order node, left part, right part."""
    order: list[int] = []
    waiting = [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if not table["is_leaf"][node]:
            waiting += [int(table["right"][node]), int(table["left"][node])]
    return order


def _rights(table: NDArray[Any]) -> NDArray[np.uint16]:
    order = _in_order(table)
    place = {node: at for at, node in enumerate(order)}
    steps = [
        0 if table["is_leaf"][node] else place[int(table["right"][node])] - place[node] for node in order
    ]
    return np.array(steps, dtype=np.uint16)
