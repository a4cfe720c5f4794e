"""Corpora: rules, labels, splits, sources, the cache and the account of it all."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from mattransformer.data import cache, embedded
from mattransformer.data.corpora import DATA_VARIABLE, load_corpus
from mattransformer.data.readers import CorpusError
from mattransformer.data.splits import SPLITS, split_of
from mattransformer.data.variants import VARIANTS
from mattransformer.formula import Formula


@pytest.fixture(scope="module")
def cache_of_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(cache_of_module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTRANSFORMER_CACHE", str(cache_of_module))
    monkeypatch.delenv(DATA_VARIABLE, raising=False)


def listed(path: Path, *formulas: str) -> Path:
    path.write_text("\n".join(formulas) + "\n", encoding="utf-8")
    return path


# The embedded corpus


def test_the_embedded_corpus_holds_47737_entries_of_34631_formulas() -> None:
    with gzip.open(embedded.EMBEDDED_FILE, "rt", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 47_737
    assert len({row["mp_id"] for row in rows}) == 47_737
    assert len({row["formula"] for row in rows}) == 34_631


def test_every_entry_of_the_embedded_corpus_is_kept_or_counted_under_a_rule() -> None:
    corpus = load_corpus()
    (source,) = corpus.report.sources
    assert corpus.sources == ("mp",)
    assert source.read == 47_737
    assert source.kept == len(corpus.table) == corpus.table["formula"].nunique()
    assert source.dropped["not parseable"] == 0
    assert all(source.dropped[rule] for rule in ("fewer than 2 elements", "more than 30 atoms", "duplicate"))
    formulas = [Formula.parse(formula) for formula in corpus.table["formula"]]
    assert {len(formula.elements) for formula in formulas} <= set(range(2, 9))
    assert max(formula.atoms for formula in formulas) == 30
    assert [f.reduced_formula for f in formulas] == corpus.table["formula"].tolist()


def test_matminers_tarball_gives_the_embedded_corpus_byte_for_byte(tmp_path: Path) -> None:
    with gzip.open(embedded.EMBEDDED_FILE, "rt", encoding="utf-8") as stream:
        entries = [(row["mp_id"], row["formula"]) for row in csv.DictReader(stream)]
    table = tmp_path / "transport_database.csv"
    shuffled = sorted(entries, key=lambda entry: entry[0])
    table.write_text(
        "mp_id,pretty_formula,sigma_p\n"
        + "".join(f"{identifier},{formula},1.5\n" for identifier, formula in shuffled),
        encoding="utf-8",
    )
    tarball = tmp_path / "transport_database.tar.xz"
    with tarfile.open(tarball, "w:xz") as archive:
        archive.add(table, arcname="transport_database.csv")
    assert embedded.main([str(tarball), "-o", str(tmp_path / "built.csv.gz")]) == 0
    assert (tmp_path / "built.csv.gz").read_bytes() == embedded.EMBEDDED_FILE.read_bytes()


def test_a_shortened_transport_database_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "transport_database.csv"
    table.write_text("mp_id,pretty_formula\nmp-5229,SrTiO3\n", encoding="utf-8")
    assert embedded.main([str(table), "-o", str(tmp_path / "built.csv.gz")]) == 2
    assert "holds 1 entries of 1 formulas" in capsys.readouterr().err
    assert not (tmp_path / "built.csv.gz").exists()


# Rules


def test_each_row_is_counted_under_the_first_rule_that_it_breaks(tmp_path: Path) -> None:
    file = listed(
        tmp_path / "mine.txt",
        "SrTiO3",
        "Sr2Ti2O6",  # duplicate after reduction
        "Xx2O3",  # no such element
        "D2O",  # an isotope, which counts as H on request only
        "Fe",
        "Fe60",  # one element, and over 30 atoms
        "LiNaKRbCsBeMgCaO",  # nine elements
        "LiNaKRbCsBeMgCaO99",  # nine elements, and over 30 atoms
        "Al12Mg17O2",  # 31 atoms
        "Al12Mg17O",  # 30 atoms
        "Al24Mg34O2",  # the same
        "CaCO3",
    )
    corpus = load_corpus(file)
    (source,) = corpus.report.sources
    assert dict(source.dropped) == {
        "not parseable": 2,
        "fewer than 2 elements": 2,
        "more than 8 elements": 2,
        "more than 30 atoms": 1,
        "duplicate": 2,
    }
    assert corpus.table["formula"].tolist() == ["SrTiO3", "Mg17Al12O", "CaCO3"]
    assert corpus.table["source"].tolist() == ["user"] * 3
    heavy = load_corpus(file, heavy_hydrogen=True)
    assert heavy.report.sources[0].dropped["not parseable"] == 1
    assert "H2O" in heavy.table["formula"].tolist()


def test_a_missing_cell_or_a_number_is_not_a_formula(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(
        '[{"formula": null}, {"formula": 12}, {"formula": "MgO"}]', encoding="utf-8"
    )
    corpus = load_corpus(tmp_path / "x.json")
    assert corpus.report.sources[0].dropped["not parseable"] == 2
    assert corpus.table["formula"].tolist() == ["MgO"]


def test_compositions_in_parquet_lose_the_elements_they_do_not_hold(tmp_path: Path) -> None:
    cells = [{"Na": 1, "Cl": 1}, {"Sr": 2, "Ti": 2, "O": 6}]
    pd.DataFrame({"composition": cells}).to_parquet(tmp_path / "cells.parquet")
    assert load_corpus(tmp_path / "cells.parquet").table["formula"].tolist() == ["NaCl", "SrTiO3"]


def test_a_file_of_which_nothing_is_left_is_refused_with_the_reasons(tmp_path: Path) -> None:
    file = listed(tmp_path / "metals.txt", "Fe", "Cu", "Xx")
    with pytest.raises(
        CorpusError, match=r"metals\.txt .* 3 read, 1 not parseable, 2 fewer than 2 elements, 0 kept"
    ):
        load_corpus(file)


def test_properties_stay_with_their_compound(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("formula,band_gap\nFe,0\nMgO,7.8\nNaCl,\n", encoding="utf-8")
    table = load_corpus(tmp_path / "x.csv").table
    assert table["formula"].tolist() == ["MgO", "NaCl"]
    assert table["band_gap"].tolist() == pytest.approx([7.8, float("nan")], nan_ok=True)


# Variants and splits


def test_the_pure_variant_keeps_pure_and_strict_rows_only() -> None:
    mix, pure, strict = (load_corpus(variant=variant) for variant in VARIANTS)
    labels = mix.table["variant"].value_counts()
    assert len(strict.table) == labels["strict"]
    assert len(pure.table) == labels["pure"] + labels["strict"]
    assert set(pure.table["variant"]) == {"pure", "strict"}
    assert pure.report.sources == mix.report.sources


def test_no_formula_is_in_two_splits_of_a_corpus_of_all_sources(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(shared_data))
    own = listed(tmp_path / "mine.txt", "SrTiO3", "NaCl", "MgO")
    corpus = load_corpus(["mp", "oqmd", own])
    assert corpus.sources == ("mp", "oqmd", "user")
    assert corpus.name == "mp+oqmd+mine.txt"
    assert len(corpus.table) > 400_000
    assert corpus.table.groupby("formula")["split"].nunique().max() == 1
    assert not corpus.table.duplicated(["formula", "source"]).any()
    titanate = corpus.table[corpus.table["formula"] == "SrTiO3"]
    assert titanate["source"].tolist() == ["mp", "oqmd", "user"]
    assert sum(len(corpus.split(name)) for name in SPLITS) == len(corpus.table)
    assert corpus.report.sources[0].read == 84_972
    assert corpus.report.sources[1].read == 340_137
    assert all(
        source.dropped["not parseable"] == source.dropped["duplicate"] == 0
        for source in corpus.report.sources
    )


def test_a_published_split_against_the_hash_rule_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = "test" if split_of("SrTiO3") != "test" else "train"
    with gzip.open(tmp_path / "mp.csv.gz", "wt", encoding="utf-8") as stream:
        stream.write(f"formula,split\nSrTiO3,{wrong}\n")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(CorpusError, match=f"SrTiO3 is listed under '{wrong}', but its hash says"):
        load_corpus("mp")


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(CorpusError, match="no split 'dev': choose one of train, valid, test"):
        load_corpus().split("dev")


# Names and sources


def test_a_formula_of_two_user_files_is_kept_once_and_counted(tmp_path: Path) -> None:
    first = listed(tmp_path / "a.txt", "MgO", "CaO")
    second = listed(tmp_path / "b.txt", "CaO", "SrO")
    corpus = load_corpus([first, second])
    assert corpus.table["formula"].tolist() == ["MgO", "CaO", "SrO"]
    assert [source.dropped["duplicate"] for source in corpus.report.sources] == [0, 1]
    assert [source.kept for source in corpus.report.sources] == [2, 1]


@pytest.mark.parametrize("name", ["mp", "oqmd"])
def test_a_corpus_that_is_not_embedded_says_which_variable_to_set(name: str) -> None:
    with pytest.raises(
        CorpusError, match=f"'{name}' needs {DATA_VARIABLE}: set it to the folder that holds {name}.csv.gz"
    ):
        load_corpus(name)


def test_a_data_folder_without_the_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(CorpusError, match=r"there is no oqmd\.csv\.gz in it"):
        load_corpus("oqmd")


def test_the_icsd_measures_models_and_never_trains_them(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(shared_data))
    icsd = load_corpus("icsd")
    assert icsd.report.sources[0].read == 43_449
    assert not icsd.trainable
    with pytest.raises(CorpusError, match="'icsd' is for measuring only"):
        icsd.require_trainable()
    with pytest.raises(CorpusError, match="measuring only"):
        load_corpus(["embedded", "icsd"]).require_trainable()
    load_corpus("embedded").require_trainable()


@pytest.mark.parametrize(
    ("names", "variant", "reason"),
    [
        ("mpp", "mix", "mpp is neither a file nor a corpus; the corpora are mp-transport"),
        ([], "mix", "no corpus was named"),
        ("embedded", "purest", "no variant 'purest': choose one of mix, pure, strict"),
    ],
)
def test_an_unknown_name_or_variant_is_refused_in_one_line(
    names: str | list[str], variant: str, reason: str
) -> None:
    with pytest.raises(CorpusError) as refusal:
        load_corpus(names, variant=variant)
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


# The cache


def test_a_cached_corpus_is_the_same_and_needs_no_second_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTRANSFORMER_CACHE", str(tmp_path / "cache"))
    first = load_corpus("embedded")

    def refuse(*_: object) -> None:
        raise AssertionError("the file was read again")

    monkeypatch.setattr("mattransformer.data.corpora.corpus_pieces", refuse)
    second = load_corpus("mp-transport")
    pd.testing.assert_frame_equal(first.table, second.table)
    assert first.sha256 == second.sha256
    assert first.report.sources[0].dropped == second.report.sources[0].dropped


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    assert load_corpus(listed(tmp_path / "x.txt", "MgO")).table["formula"].tolist() == ["MgO"]
    assert load_corpus(listed(tmp_path / "x.txt", "CaO")).table["formula"].tolist() == ["CaO"]


def test_a_damaged_cache_is_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTRANSFORMER_CACHE", str(tmp_path / "cache"))
    file = listed(tmp_path / "x.txt", "MgO", "CaO")
    expected = load_corpus(file).sha256
    (arrow,) = (tmp_path / "cache").rglob("*.arrow")
    arrow.write_bytes(arrow.read_bytes()[:100])
    assert load_corpus(file).sha256 == expected
    assert len(arrow.read_bytes()) > 100


def test_a_cache_that_cannot_be_written_costs_a_warning_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = listed(tmp_path / "occupied", "not a folder")
    monkeypatch.setenv("MATTRANSFORMER_CACHE", str(occupied))
    with pytest.warns(UserWarning, match="not cached"):
        corpus = load_corpus(listed(tmp_path / "x.txt", "MgO"))
    assert corpus.table["formula"].tolist() == ["MgO"]


def test_without_a_folder_of_its_own_the_cache_lies_with_that_of_datasets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import datasets

    monkeypatch.delenv("MATTRANSFORMER_CACHE")
    assert cache.cache_folder() == Path(datasets.config.HF_DATASETS_CACHE) / "mattransformer"


# The account


def test_the_account_adds_up_and_reads_the_same_in_json_and_on_the_terminal() -> None:
    report = load_corpus("embedded", variant="strict").report
    (source,) = report.sources
    assert sum(source.variants.values()) == sum(source.splits.values()) == source.kept
    assert sum(report.splits.values()) == report.rows == source.variants["strict"]
    plain = json.loads(json.dumps(report.as_dict()))
    assert plain["sources"][0]["kept"] == source.kept
    assert plain["sha256"] == report.sha256
    text = str(report)
    for number in (
        source.read,
        source.kept,
        *source.dropped.values(),
        *source.variants.values(),
        report.rows,
    ):
        assert f"{number:,}" in text
    assert report.sha256 in text


def test_no_progress_bar_reaches_a_log(tmp_path: Path) -> None:
    program = "from mattransformer.data import load_corpus; print(len(load_corpus('embedded').table))"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "MATTRANSFORMER_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    assert int(run.stdout) == 31_920


def test_the_icsd_is_for_measuring_only_also_when_it_is_named_by_its_path(shared_data: Path) -> None:
    corpus = load_corpus(shared_data / "icsd.csv.gz")
    assert not corpus.trainable
    with pytest.raises(CorpusError, match="measuring"):
        corpus.require_trainable()


def test_a_file_without_a_formula_is_refused_again_when_it_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "nothing.csv"
    file.write_text("formula\nXx\nYy2\n")
    for _ in range(2):
        with pytest.raises(CorpusError, match="2 not parseable"):
            load_corpus(file)


# Pieces


def test_a_parquet_file_in_many_pieces_is_the_corpus_of_the_same_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mattransformer.data.pieces._ROWS", 7)
    monkeypatch.setattr("mattransformer.data.admission._BATCH", 5)
    formulas = [
        "SrTiO3",
        "Fe",
        "MgO",
        "Xx2",
        "Sr2Ti2O6",
        "Ba0.9Sr0.1TiO3",
        "Na2O2",
        "NaO",
        "CaCO3",
        "Mg2O2",
    ] * 4
    table = pd.DataFrame({"band_gap": range(40), "comment": ["x" * 50] * 40, "formula": formulas})
    table.to_csv(tmp_path / "rows.csv", index=False)
    table.to_parquet(tmp_path / "rows.parquet", row_group_size=16)
    whole, pieces = load_corpus(tmp_path / "rows.csv"), load_corpus(tmp_path / "rows.parquet")
    pd.testing.assert_frame_equal(pieces.table, whole.table)
    assert pieces.sha256 == whole.sha256
    assert pieces.table["formula"].tolist() == ["SrTiO3", "MgO", "Na2O2", "CaCO3"]
    assert pieces.table["band_gap"].tolist() == [0, 2, 6, 8]
    source = pieces.report.sources[0]
    assert (source.read, source.kept, source.dropped["duplicate"]) == (40, 4, 24)
    assert source.dropped == whole.report.sources[0].dropped


def test_amounts_by_element_in_a_column_of_maps_are_formulas(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = pa.array(
        [[("Na", 1), ("Cl", 1)], [("Sr", 2), ("Ti", 2), ("O", 6)]], pa.map_(pa.string(), pa.int64())
    )
    pq.write_table(pa.table({"composition": cells}), tmp_path / "cells.parquet")
    assert load_corpus(tmp_path / "cells.parquet").table["formula"].tolist() == ["NaCl", "SrTiO3"]


def test_a_source_before_a_file_is_that_of_its_rows(tmp_path: Path) -> None:
    file = listed(tmp_path / "new.txt", "MgO", "CaO")
    corpus = load_corpus(["mp-transport", f"oqmd={file}"])
    assert corpus.sources == ("mp", "oqmd")
    assert corpus.name == "mp-transport+new.txt"
