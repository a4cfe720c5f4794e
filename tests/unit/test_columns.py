"""Columns of formulas: the compiled reader against `Formula.parse`, and every kind of column."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.composition import Composition

from mattransformer.elements import SYMBOLS
from mattransformer.formula import Formula, FormulaError
from mattransformer.screening import judgement
from mattransformer.screening.columns import as_text, read_column
from mattransformer.screening.judgement import COMPILED_FROM
from mattransformer.screening.oxidation import ScreeningError
from tests.crystals import perovskite


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read short columns by the compiled reader too."""
    monkeypatch.setattr(judgement, "COMPILED_FROM", 0)
    monkeypatch.setattr(judgement, "_FEW", 0)


def counts(texts: list[str]) -> list[dict[str, int] | None]:
    """What a column of text was read as; None where it is no formula."""
    column = read_column(texts)
    own = iter([dict(column.compositions.counts(at)) for at in range(len(column.compositions))])
    return [next(own) if readable else None for readable in column.readable]


def parsed(text: str) -> dict[str, int] | None:
    try:
        return dict(Formula.parse(text).counts)
    except FormulaError:
        return None


@pytest.mark.parametrize("corpus", ["mp", "oqmd", "icsd"])
def test_the_compiled_reader_reads_every_formula_of_the_corpora_as_formula_does(
    shared_data: Path, corpus: str
) -> None:
    with gzip.open(shared_data / f"{corpus}.csv.gz", "rt", encoding="utf-8") as lines:
        next(lines)
        texts = [line.split(",", 1)[0] for line in lines]
    texts = texts[:: max(1, len(texts) // 40_000)]
    assert counts(texts) == [dict(Formula.parse(text).counts) for text in texts]


# fmt: off
ODD = [
    "", " ", "SrTiO3", "Ca3(PO4)2", "Al2(SO4)3", "Na", "NaNa", "Na2Cl2Na", "K4(Fe(CN)6)", "((Na))2Cl", "()", "Na()",
    "(NaCl", "NaCl)", ")(", "(", "2", "2NaCl", "Na0Cl", "Na00", "Na01Cl", "Na1.5Cl", "naCl", "NACL", "Xx", "X", "D2O",
    "T2O", "Na10000", "Na10001", "Na99999999999", "(Na5000)3", "Na9999Na2", "CuSO4·5H2O", "CuSO4.5H2O", "TiO₂",
    "Na+", "NaCl-", "Fe3+", "[Fe(CN)6]", "Na Cl", " NaCl", "NaCl\n", "NaCl\t", "é", "Ba0.9Sr0.1TiO3", "Co", "CO", "cO",
    "Uue", "Og2", "H" * 300, "(((((((((((((((((Na)))))))))))))))))", "Na(2)", "N(aCl)", "Na2(", "(Na)2(Cl)2", "Na\x00",
]
# fmt: on


@pytest.mark.parametrize("text", ODD)
def test_odd_text_is_read_as_formula_reads_it(text: str) -> None:
    assert counts([text, "NaCl"]) == [parsed(text), {"Na": 1, "Cl": 1}]


@given(
    st.lists(
        st.one_of(
            st.text(alphabet="HNaClOFe0123456789()+- .", max_size=12),
            st.lists(st.tuples(st.sampled_from(SYMBOLS), st.integers(1, 10_001)), min_size=1, max_size=6).map(
                lambda pairs: "".join(f"{symbol}{count}" for symbol, count in pairs)
            ),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_text_is_read_as_formula_reads_it(texts: list[str]) -> None:
    column = read_column(texts)
    assert counts(texts) == [parsed(text) for text in texts]
    assert set(column.complaints) == {row for row, text in enumerate(texts) if parsed(text) is None}


FORMULAS = ["SrTiO3", "CuSO4·5H2O", "nonsense", "Ca3(PO4)2", "NaCl"]


@pytest.mark.parametrize(
    "kind",
    [
        list,
        tuple,
        pd.Series,
        lambda texts: pd.Series(texts, dtype="string"),
        lambda texts: pd.Series(texts, dtype=object),
        lambda texts: pd.Series(texts, dtype="category"),
        lambda texts: np.array(texts, dtype=object),
        pl.Series,
        lambda texts: pl.Series(texts, dtype=pl.Categorical),
        pa.array,
        lambda texts: pa.array(texts, pa.large_string()),
        lambda texts: pa.array(["Xx", *texts])[1:],
        lambda texts: pa.chunked_array([texts[:2], texts[2:]]),
        lambda texts: pa.array(texts).dictionary_encode(),
        lambda texts: iter(texts),
    ],
)
def test_every_kind_of_column_is_read_alike(kind: Callable[[list[str]], Any]) -> None:
    column = read_column(kind(FORMULAS))
    assert column.readable.tolist() == [True, True, False, True, True]
    assert [dict(column.compositions.counts(at)) for at in range(4)] == [
        dict(Formula.parse(text).counts) for text in FORMULAS if text != "nonsense"
    ]
    assert list(column.complaints) == [2]
    assert as_text(column.given).tolist() == FORMULAS


@pytest.mark.parametrize("rows", [1, COMPILED_FROM])
def test_a_text_too_long_for_a_formula_is_refused_in_short_and_long_columns(rows: int) -> None:
    assert read_column(["NaCl" * 300, *["NaCl"] * rows]).readable.tolist() == [False, *[True] * rows]


@pytest.mark.parametrize("rows", [1, COMPILED_FROM])
def test_half_a_character_is_one_bad_row(rows: int) -> None:
    column = read_column(["\ud800", *["NaCl"] * rows])
    assert column.readable.tolist() == [False, *[True] * rows]
    assert as_text(column.given)[0] == "?"


def test_arrow_columns_that_are_no_text_are_read_by_value() -> None:
    assert read_column(pa.nulls(2)).complaints == dict.fromkeys((0, 1), "not parseable: the cell is empty")
    assert "42" in read_column(pa.array([42])).complaints[0]
    pairs = [[("Sr", 1.0), ("O", 1.0)], [("Na", 1.0), ("Cl", 1.0)]]
    rocksalts = [dict(own) for own in pairs]
    for column in (pa.array(rocksalts), pa.array(pairs, pa.map_(pa.string(), pa.float64()))):
        read = read_column(column)
        assert [str(read.compositions.formula(row)) for row in range(2)] == ["SrO", "NaCl"]
    elements = pl.Struct(dict.fromkeys(("Sr", "Na", "Cl", "O"), pl.Float64))
    assert read_column(pl.Series(rocksalts, dtype=elements)).readable.all()
    with pytest.raises(ScreeningError, match=r"give one of its columns \(formula, id\)"):
        read_column(pa.table({"formula": ["NaCl"], "id": [1]}))
    with pytest.raises(ScreeningError, match=r"mine\.csv is a path .* use mattransformer\.screen_file"):
        read_column(Path("mine.csv"))  # type: ignore[arg-type]
    with pytest.raises(ScreeningError, match="is bytes: decode it"):
        read_column(b"NaCl")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [pd.Series, pl.Series, pa.array, list])
def test_missing_cells_are_told_from_text(kind: Callable[[list[str | None]], Any]) -> None:
    column = read_column(kind(["NaCl", None, "MgO", ""]))
    assert column.readable.tolist() == [True, False, True, False]
    assert column.complaints[1] == "not parseable: the cell is empty"
    assert "it is empty" in column.complaints[3]


def test_compositions_formulas_and_mappings_are_read_beside_text() -> None:
    column = read_column([Composition("TiO2"), Formula.parse("TiO2"), {"Ti": 1, "O": 2}, "TiO2", 7])  # type: ignore[list-item]
    assert column.readable.tolist() == [True, True, True, True, False]
    assert all(dict(column.compositions.counts(at)) == {"Ti": 1, "O": 2} for at in range(4))


def test_deuterium_counts_as_hydrogen_on_request_alone() -> None:
    assert not read_column(["D2O", "NaCl"]).readable[0]
    column = read_column(["D2O", "NaCl"], heavy_hydrogen=True)
    assert dict(column.compositions.counts(0)) == {"H": 2, "O": 1}


def test_values_of_readable_rows_go_back_to_their_places() -> None:
    column = read_column(["NaCl", "?", "MgO"])
    assert column.spread(np.array([1.0, 2.0]), np.nan).tolist()[::2] == [1.0, 2.0]
    assert np.isnan(column.spread(np.array([1.0, 2.0]), np.nan)[1])


@pytest.mark.parametrize(
    "nothing",
    [[], pd.Series([], dtype="str"), pl.Series([], dtype=pl.String), pa.array([], pa.string())],
)
def test_no_rows_make_an_empty_column(nothing: Any) -> None:
    column = read_column(nothing)
    assert len(column) == len(column.compositions) == 0


def test_what_is_no_text_is_shown_as_a_formula() -> None:
    """A Structure prints itself in many lines."""
    cells: list[Any] = [perovskite(), {"Na": 1, "Cl": 1}, "SrTiO3", 7, None]
    column = read_column(cells)
    words = pd.Series(as_text(column.given))
    assert words.tolist()[:4] == ["SrTiO3", "NaCl", "SrTiO3", "7"]
    assert pd.isna(words[4])
    assert Formula.parse(perovskite()) == Formula.parse(pa.scalar("SrTiO3")) == Formula.parse("SrTiO3")
    with pytest.raises(FormulaError, match="it is of type"):
        Formula.parse(pa.scalar(3))
