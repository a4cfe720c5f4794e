"""Corpora as token arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mattransformer.data.encoding import EncodedFormulas, encode_formulas, encode_table
from mattransformer.formula import FormulaError
from mattransformer.tokenization import VOCABULARY


@pytest.fixture(scope="module")
def encoded() -> EncodedFormulas:
    return encode_formulas(["SrTiO3", "NaCl", "CaCO3"], ["mp", "user", "oqmd"], ["strict", "pure", "mix"])


def words(ids: np.ndarray) -> str:
    return " ".join(VOCABULARY[index] for index in ids)


def test_a_sequence_is_its_conditions_its_atoms_and_the_end(encoded: EncodedFormulas) -> None:
    assert words(encoded.ids) == (
        "<mp> <strict> Sr Ti O O O </s> <user> <pure> Na Cl </s> <oqmd> <mix> Ca C O O O </s>"
    )


def test_lengths_count_conditions_and_end(encoded: EncodedFormulas) -> None:
    assert len(encoded) == 3
    assert encoded.lengths.tolist() == [8, 5, 8]
    assert encoded.starts.tolist() == [0, 8, 13, 21]


def test_sequences_of_one_length_are_gathered_in_the_order_asked_for(encoded: EncodedFormulas) -> None:
    rows = encoded.rows(np.array([2, 0]))
    assert rows.shape == (2, 8)
    assert rows.dtype == np.int64
    assert [words(row) for row in rows] == [
        "<oqmd> <mix> Ca C O O O </s>",
        "<mp> <strict> Sr Ti O O O </s>",
    ]


def test_a_token_takes_one_byte(encoded: EncodedFormulas) -> None:
    assert encoded.ids.dtype == np.uint8
    assert len(VOCABULARY) <= 256


def test_the_rows_of_a_table_keep_their_order(encoded: EncodedFormulas) -> None:
    table = pd.DataFrame(
        {
            "formula": ["SrTiO3", "NaCl", "CaCO3"],
            "source": ["mp", "user", "oqmd"],
            "variant": ["strict", "pure", "mix"],
        }
    )
    again = encode_table(table)
    assert np.array_equal(again.ids, encoded.ids)
    assert np.array_equal(again.starts, encoded.starts)


def test_no_formula_gives_no_sequence() -> None:
    nothing = encode_formulas([], [], [])
    assert len(nothing) == 0
    assert nothing.lengths.shape == (0,)


def test_an_element_that_does_not_exist_is_refused() -> None:
    with pytest.raises(FormulaError, match="Xx2O3"):
        encode_formulas(["NaCl", "Xx2O3"], ["mp", "mp"], ["mix", "mix"])
