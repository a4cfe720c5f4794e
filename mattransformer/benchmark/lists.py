"""The data sets of the benchmark, and the lists that suggestions are held against.

    lists = read_lists("mp+oqmd")
    lists.training, lists.sought["test"], lists.setting("pure").conditions

A data set is its training rows; *mix* are all of them, *pure* the charge-neutral and electronegativity-balanced ones
(smact14, alloys not exempt), *strict* those that the narrower icsd24 states allow too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from mattransformer.baselines.one_hot import fits
from mattransformer.data.corpora import Corpus, load_corpus
from mattransformer.data.known import KnownFormulas
from mattransformer.data.readers import CorpusError
from mattransformer.data.variants import VARIANTS, holding
from mattransformer.evaluation.settings import DEFAULT, Setting
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.references import Figures

if TYPE_CHECKING:
    import pandas as pd

DATA: Final[Mapping[str, tuple[str, ...]]] = {"mp": ("mp",), "mp+oqmd": ("mp", "oqmd")}
"""Data sets: the corpora that they are made of."""

TRAINING: Final = "training"
TEST: Final = "test"
ICSD: Final = "icsd outside training"
MATRICES: Final = ", 8 x 85"
"""Marks the part of a list that MATGAN's matrix can hold."""


@dataclass(frozen=True, eq=False)
class Lists:
    """A data set.

    Attributes:
        data: its name.
        rows: of training, a table with `formula`, `source` and `variant`.
        training: the same rows.
        sought: what suggestions may recover, by name: training, validation and test rows, those of each corpus alone,
            the parts of training and test rows that MATGAN can represent, and, where the ICSD is at hand, its
            compositions outside the training rows and those outside MP and OQMD.
        sha256: of the file of each corpus that these are from.
    """

    data: str
    rows: pd.DataFrame
    training: FormulaList
    sought: Mapping[str, FormulaList]
    sha256: Mapping[str, str]

    @cached_property
    def known(self) -> KnownFormulas:
        """What MP and OQMD list, held-out rows too."""
        return KnownFormulas.load()

    @cached_property
    def figures(self) -> Figures:
        """Of the training rows."""
        return Figures.of(self.training)

    def setting(self, name: str) -> Setting:
        """Give a setting of this data set; `default` is what users get who ask for nothing."""
        if name == DEFAULT.name:
            return DEFAULT
        return Setting(name, tuple(product(DATA[self.data], holding(name))))

    def rows_of(self, name: str) -> FormulaList:
        """Give the training rows of a setting."""
        return FormulaList.of(self.setting(name).rows(self.rows)["formula"])

    def as_dict(self, seed: int = 0) -> dict[str, Any]:
        """Give the training rows' own figures by setting, and the size of each list, ready for JSON.

        Of *mix* those of the rows that MATGAN can learn from stand beside.
        """
        rows = {name: self.rows_of(name) for name in VARIANTS}
        rows[VARIANTS[0] + MATRICES] = self.sought[TRAINING + MATRICES]
        own = {}
        for name, formulas in rows.items():
            figures = Figures.of(formulas)
            own[name] = {
                "compositions": len(figures.formulas),
                "validity": {key: verdict.as_dict(seed) for key, verdict in figures.validity.items()},
            }
        return {"training": own, "sought": {name: len(part) for name, part in self.sought.items()}}


def read_lists(data: str) -> Lists:
    """Read a data set.

    Args:
        data: of `DATA`.

    Returns:
        Its lists.

    Raises:
        CorpusError: a corpus is not at hand; of the ICSD alone that leaves its lists out.
    """
    corpora = load_corpus(list(DATA[data]))
    parts = {name: _split(corpora, name) for name in ("train", "valid", "test")}
    sought = {TRAINING: parts["train"], "validation": parts["valid"], TEST: parts["test"]}
    if len(DATA[data]) > 1:
        sought |= {f"{own}:test": FormulaList.of_corpus(f"{own}:test") for own in DATA[data]}
    for name in (TRAINING, TEST):
        sought[name + MATRICES] = sought[name].select(fits(sought[name].compositions))
    sha256 = _hashes(corpora)
    try:
        icsd = load_corpus("icsd")
    except CorpusError:
        pass
    else:
        made = FormulaList.of(icsd.table["formula"])
        sought[ICSD] = made.select(parts["train"].find(made) < 0)
        everything = FormulaList.of(load_corpus(["mp", "oqmd"]).table["formula"])
        sought["icsd outside mp and oqmd"] = made.select(everything.find(made) < 0)
        sha256 |= _hashes(icsd)
    return Lists(data, corpora.split("train"), parts["train"], sought, sha256)


def _split(corpus: Corpus, name: str) -> FormulaList:
    return FormulaList.of(corpus.split(name)["formula"])


def _hashes(corpus: Corpus) -> dict[str, str]:
    return {part.name: part.sha256 for part in corpus.report.sources}
