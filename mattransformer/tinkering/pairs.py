"""What replaces an element whatever the compound: the pair of ions, for dopants that are too few to make a compound.

For an element and the anion it is with, the substitution network's answers are averaged (ln P) over known compounds
that have both: Ti among oxides. Like the substitution probabilities of Hautier et al. (Inorg. Chem. 50, 656, 2011) the
result depends on the pair alone, and like them it can be made once for all:

    python -m mattransformer.tinkering.pairs        # needs MATTRANSFORMER_DATA; some minutes
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.files import write_bytes
from mattransformer.formula import Formula
from mattransformer.tinkering.network import SubstitutionNetwork, load_network
from mattransformer.tinkering.rows import rows_of
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Site, TinkeringError

TABLE: Final = Path(__file__).with_name("files") / "pairs.npz"
_ANY: Final = -1  # in place of an anion: of all compounds of the element
_LEAST: Final = 5  # compounds of an element with an anion, below which those with any anion are taken
_MOST: Final = 200  # compounds that are averaged over
_STEPS: Final = 12  # to a nat, in which logarithms are kept, so that the table is small


@dataclass(frozen=True, eq=False)
class Pairs:
    """Averages by element and anion.

    Attributes:
        keys: place of the element among the candidates, and of the anion or -1 for any, (n, 2).
        values: mean -ln P of each candidate in twelfths of a nat, up to 21 nats, (n, candidates).
    """

    keys: NDArray[np.int16]
    values: NDArray[np.uint8]

    @functools.cached_property
    def places(self) -> dict[tuple[int, int], int]:
        """Element and anion to their row."""
        return {(int(element), int(anion)): at for at, (element, anion) in enumerate(self.keys)}

    def scores(self, sites: Sequence[Site]) -> NDArray[np.float64]:
        """Give what replaces the element of each site, (sites, candidates); NaN for an element without compounds."""
        places = self.places
        found = np.full((len(sites), len(CANDIDATES)), np.nan)
        for row, site in enumerate(sites):
            element = INDEX[site.element]
            own = places.get((element, INDEX.get(site.host.elements[-1], _ANY)), places.get((element, _ANY)))
            if own is not None:
                found[row] = self.values[own] / -_STEPS
        return found


def average(network: SubstitutionNetwork, compounds: Iterable[Formula], seed: int = 0) -> Pairs:
    """Make the table from known compounds.

    Args:
        network: asked.
        compounds: reduced, each once.
        seed: decides which compounds are taken where there are many.

    Returns:
        An entry for each element, and one for each anion it has five compounds with.
    """
    groups: dict[tuple[int, int], list[Site]] = defaultdict(list)
    for formula in compounds:
        if len(formula.counts) > 1 and all(symbol in INDEX for symbol in formula.elements):
            anion = INDEX[formula.elements[-1]]
            for symbol in formula.elements:
                site = Site(formula, symbol)
                groups[INDEX[symbol], anion].append(site)
                groups[INDEX[symbol], _ANY].append(site)
    random = np.random.default_rng(seed)
    keys = sorted(key for key, sites in groups.items() if key[1] == _ANY or len(sites) >= _LEAST)
    values = []
    for key in keys:
        sites = [groups[key][at] for at in random.permutation(len(groups[key]))[:_MOST].tolist()]
        values.append(network.log_probabilities(sites).mean(axis=0))
    steps = np.clip(np.rint(np.array(values) * -_STEPS), 0, np.iinfo(np.uint8).max)
    return Pairs(np.array(keys, dtype=np.int16), steps.astype(np.uint8))


@functools.cache
def load_pairs(path: Path = TABLE) -> Pairs:
    """Open the table.

    Raises:
        TinkeringError: it is missing or no such table.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            return Pairs(held["keys"], held["values"])
    except (OSError, ValueError, KeyError) as error:
        raise TinkeringError(
            f"{path}: no table of pairs can be read ({error}); install the package anew, or make one with "
            "python -m mattransformer.tinkering.pairs"
        ) from error


def save_pairs(pairs: Pairs, path: Path = TABLE) -> None:
    """Write a table, at once or not at all."""
    import io

    content = io.BytesIO()
    np.savez_compressed(content, keys=pairs.keys, values=pairs.values)
    write_bytes(path, content.getvalue())


def main() -> None:
    """Make the shipped table."""
    pairs = average(load_network(), rows_of("mp", "train"))
    save_pairs(pairs)
    print(f"{TABLE}: {len(pairs.keys):,} pairs of element and anion")


if __name__ == "__main__":
    main()
