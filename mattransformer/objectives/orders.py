"""Orders in which the atoms of a formula are placed, and the mean over them that bounds its probability.

Where atoms are placed one after another in an order drawn at random, the mean over orders of the log-probability is

    sum over t of the mean over sets S of t placed atoms of sum over missing atoms of log p(atom | S) / (n - t)

and each canvas S is evaluated once for all the atoms that may come next.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mattransformer.objectives.sampling import TILE

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the rows (canvases,) and their placed atoms (canvases, n) to the summed log-probabilities of placing each of the
missing ones next, (canvases,), float64."""


def mean_over_orders(
    score: Score, atoms: np.ndarray, orders: int, seed: int, given: np.ndarray | None = None
) -> np.ndarray:
    """Average the log-probability of formulas over the orders of their atoms.

    Where all canvases cost no more than those of the random orders, all are taken and the mean is exact. Otherwise the
    orders of a formula depend on the formula and the seed, and not on the other rows.

    Args:
        score: what a model says of canvases.
        atoms: token ids, (B, n).
        orders: random orders a formula, at least 1.
        seed: decides them.
        given: atoms that are there from the start, bool, (B, n), as many in each row; None for none.

    Returns:
        Nats, (B,), float64, below 0. Its expectation does not depend on `orders`.
    """
    rows, n = atoms.shape
    missing = n if given is None else n - int(given[0].sum())
    if 2**missing - 1 <= missing * orders:
        placed, weights = _all_sets(missing)
        placed = placed[:, None].repeat(rows, axis=1)
    else:
        placed, weights = _prefixes(atoms, missing, orders, seed)
    shares = weights[:, None] / (missing - placed.sum(axis=2))  # (S, B)
    if given is not None:
        whole = np.broadcast_to(given, (len(placed), rows, n)).copy()
        whole[:, ~given] = placed.reshape(len(placed), -1)
        placed = whole
    which, flat = np.tile(np.arange(rows), len(placed)), placed.reshape(-1, n)
    scores = [
        score(which[at], flat[at])
        for at in (slice(first, first + TILE) for first in range(0, len(flat), TILE))
    ]
    mean: np.ndarray = (shares * np.concatenate(scores).reshape(shares.shape)).sum(axis=0)
    return mean


def _all_sets(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give every set of placed atoms but the full one, smallest first, and its probability among those of its size.

    Args:
        n: atoms.

    Returns:
        The sets, bool, (2^n - 1, n), and the probabilities, (2^n - 1,).
    """
    placed = (np.arange(2**n - 1)[:, None] >> np.arange(n) & 1).astype(bool)
    placed = placed[np.argsort(placed.sum(axis=1), kind="stable")]
    return placed, np.array([1 / math.comb(n, int(size)) for size in placed.sum(axis=1)])


def _prefixes(atoms: np.ndarray, n: int, orders: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw sets of placed atoms: the prefixes of random orders, shortest first; the empty one once.

    Up to n orders of a formula are one drawn at random and rotated by equal steps, so that each atom is placed early
    as often as late. For formulas of 9 to 30 atoms that halves the error of independent orders, or better.

    Args:
        atoms: token ids of formulas, which decide their orders, (B, at least n).
        n: atoms to place.
        orders: how many orders a formula.
        seed: decides them, with the atoms.

    Returns:
        The sets, bool, (S, B, n), and the weight of each, which add up to 1 a size, (S,).
    """
    ranks = np.empty((orders, len(atoms), n), dtype=np.int64)
    for column, row in enumerate(atoms.tolist()):
        generator = np.random.default_rng([seed, *row])
        for first in range(0, orders, n):
            turns = np.arange(min(n, orders - first))
            ranks[first : first + len(turns), column] = (
                generator.permutation(n) + turns[:, None] * n // len(turns)
            ) % n
    placed = [np.zeros((1, len(atoms), n), dtype=bool), *(ranks < size for size in range(1, n))]
    return np.concatenate(placed), np.repeat([1.0, 1 / orders], [1, (n - 1) * orders])
