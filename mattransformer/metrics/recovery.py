"""How much of a list of targets, such as held-out compounds, is among the samples.

    found = recovery(sample, held_out, random)
    found.as_dict()["by_elements"]["ternary"]["share"]

Samples and targets are distinct compositions. The enrichment over random formulas is the share of targets found by the
first m samples divided by that found by the first m random formulas, m being the smaller number of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattransformer.metrics.classes import by_kind, kinds
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.intervals import ratio, share
from mattransformer.metrics.uniqueness import curve_sizes

_NO_TARGET = "the list to recover has none of these"


@dataclass(frozen=True, eq=False)
class Compared:
    """What samples and as many random formulas find of t targets.

    Attributes:
        samples: of either.
        found: by the samples, (t,).
        random: by the random formulas, (t,).
    """

    samples: int
    found: NDArray[np.bool_]
    random: NDArray[np.bool_]

    def as_dict(self, seed: int = 0) -> dict[str, Any]:
        """Give the `enrichment` and its `interval`, with the numbers that it rests on, ready for JSON."""
        times = ratio(self.found, self.random, seed)
        found: dict[str, Any] = {
            "enrichment": times.value,
            # JSON has no infinity: an open end is None.
            "interval": times.interval and [None if isinf(end) else end for end in times.interval],
            "samples": self.samples,
            "found": int(np.count_nonzero(self.found)),
            "found_by_random": int(np.count_nonzero(self.random)),
        }
        if times.value is None:
            found["reason"] = "the random formulas found none" if len(self.found) else _NO_TARGET
        return found


@dataclass(frozen=True, eq=False)
class Recovery:
    """Which of t targets n samples hit.

    Attributes:
        places: of each target among the distinct samples in the order of the input, -1 where it is not there, (t,).
        kinds: of each target by number of elements (`classes.KINDS`), (t,).
        samples: distinct ones, n.
        compared: with random formulas, if some were given.
    """

    places: NDArray[np.int64]
    kinds: NDArray[np.int64]
    samples: int
    compared: Compared | None = None

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether the samples hold the target, (t,)."""
        return self.places >= 0

    def within(self, targets: NDArray[np.bool_], samples: NDArray[np.bool_] | None = None) -> Recovery:
        """Keep some of the targets.

        Args:
            targets: which, (t,).
            samples: those that could be one of them, such as the oxides, (n,); all where left out. Numbers per 1,000
                samples and the curve are of these; the enrichment is not, since it compares whole lists.

        Returns:
            The recovery of these.
        """
        compared = self.compared and Compared(
            self.compared.samples, self.compared.found[targets], self.compared.random[targets]
        )
        places, count = self.places[targets], self.samples
        if samples is not None:
            places = np.where(places >= 0, (np.cumsum(samples) - 1)[places] if count else -1, -1)
            count = int(np.count_nonzero(samples))
        return Recovery(places, self.kinds[targets], count, compared)

    def as_dict(self, seed: int = 0) -> dict[str, Any]:
        """Give the numbers, ready for JSON.

        Args:
            seed: of the bootstrap over targets.

        Returns:
            `share`, `interval`, `count` and `of` of the targets; `per_1000_samples`; `enrichment` (see `Compared`, None
            without random formulas); the first and the last `by_elements`; and `curve`, targets found by the first n
            distinct samples.
        """
        by_elements = {
            kind: share(self.found[own], seed, _NO_TARGET).as_dict()
            | {"enrichment": self.within(own)._enrichment(seed)}
            for kind, own in by_kind(self.kinds).items()
        }
        sizes = curve_sizes(self.samples)
        hits = np.sort(self.places[self.found])
        return {
            **share(self.found, seed, _NO_TARGET).as_dict(),
            "per_1000_samples": 1000 * len(hits) / self.samples if self.samples else None,
            "enrichment": self._enrichment(seed),
            "by_elements": by_elements,
            "curve": {"samples": sizes.tolist(), "found": np.searchsorted(hits, sizes).tolist()},
        }

    def _enrichment(self, seed: int) -> dict[str, Any] | None:
        return None if self.compared is None else self.compared.as_dict(seed)


def recovery(formulas: FormulaList, targets: FormulaList, random: FormulaList | None = None) -> Recovery:
    """Look for targets among samples.

    Args:
        formulas: the samples, n distinct ones.
        targets: what is sought, t distinct ones.
        random: formulas of a random baseline to compare with.

    Returns:
        What was found.
    """
    places = formulas.find(targets)
    compared = None
    if random is not None:
        least = min(len(formulas), len(random))
        by_random = random.find(targets)
        compared = Compared(least, _below(places, least), _below(by_random, least))
    return Recovery(places, kinds(targets.compositions), len(formulas), compared)


def _below(places: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    return (places >= 0) & (places < n)
