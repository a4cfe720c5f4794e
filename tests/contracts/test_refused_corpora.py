"""What `mattransformer corpus` refuses: each in one line that names the input, says why, and says what to do."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mattransformer.cli import main

Files = Callable[[Path], object]


def text(name: str, content: str | bytes) -> Files:
    """Make a file."""
    return lambda folder: (folder / name).write_bytes(
        content.encode() if isinstance(content, str) else content
    )


def table(name: str, **columns: list[object]) -> Files:
    return lambda folder: pd.DataFrame(columns).to_parquet(folder / name)


def cut_parquet(folder: Path) -> None:
    pd.DataFrame({"formula": ["MgO", "CaO"] * 500}).to_parquet(folder / "cut.parquet")
    content = (folder / "cut.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(content[: len(content) // 2])


def twice_parquet(folder: Path) -> None:
    rows = pa.Table.from_arrays([pa.array(["MgO"]), pa.array(["CaO"])], names=["formula", "formula"])
    pq.write_table(rows, folder / "twice.parquet")


def nothing(_: Path) -> None:
    pass


# Arguments, what lies in the folder, and what the line has to say: the input, the reason, the way out.
REFUSED: dict[str, tuple[list[str], Files, tuple[str, str, str]]] = {
    "unknown corpus": (["mpp"], nothing, ("mpp", "neither a file nor a corpus", "the corpora are mp-transport")),
    "missing file": (["mine.csv"], nothing, ("mine.csv", "neither a file", "the corpora are")),
    "unknown ending": (["x.xlsx"], text("x.xlsx", "MgO"), ("x.xlsx", "cannot tell the format", "should end in .csv")),
    "empty file": (["x.csv"], text("x.csv", ""), ("x.csv", "is empty", "give a file with one formula")),
    "header alone": (["x.csv"], text("x.csv", "formula,a\n"), ("x.csv", "no rows", "give a file with one formula")),
    "no formula column": (
        ["x.csv"], text("x.csv", "a,b\n1,2\n"), ("x.csv", "no column holds formulas", "name the one to read")
    ),
    "several formula columns": (
        ["x.csv"], text("x.csv", "a,b\nMgO,CaO\n"), ("x.csv", "several columns hold formulas", "name the one to read")
    ),
    "wrong column": (
        ["x.csv", "--column", "c"], text("x.csv", "a,b\nMgO,1\n"), ("x.csv", "no column 'c'", "it has a, b")
    ),
    "duplicate columns": (
        ["x.csv"], text("x.csv", "formula,formula\nMgO,CaO\n"), ("x.csv", "2 columns 'formula'", "rename")
    ),
    "duplicate columns of Parquet": (
        ["twice.parquet"], twice_parquet, ("twice.parquet", "2 columns 'formula'", "rename")
    ),
    "NaN column": (
        ["nan.parquet"],
        table("nan.parquet", formula=[float("nan"), float("nan")]),
        ("nan.parquet", "2 not parseable", "look at its column of formulas"),
    ),
    "NaN column of JSON": (
        ["x.json"], text("x.json", '{"formula": [NaN, null]}'), ("x.json", "2 not parseable", "look at its column")
    ),
    "empty column": (
        ["x.csv"], text("x.csv", "formula,a\n,1\n,2\n"), ("x.csv", "2 not parseable", "look at its column")
    ),
    "duplicate columns with the same values": (
        ["x.csv"], text("x.csv", "formula,a,formula\nMgO,1,MgO\n"), ("x.csv", "2 columns 'formula'", "rename")
    ),
    "mixed encodings": (
        ["x.csv"],
        text("x.csv", "formula,name\nSrTiO₃,é\n".encode() + "MgO,é\n".encode("latin-1")),
        ("x.csv", "not UTF-8", "save the file as UTF-8"),
    ),
    "UTF-16": (["x.csv"], text("x.csv", "formula\nMgO\n".encode("utf-16")), ("x.csv", "not UTF-8", "save the file")),
    "web page instead of JSON": (
        ["x.json"], text("x.json", "<!doctype html><p>404"), ("x.json", "a web page", "download the file itself")
    ),
    "web page instead of JSON lines": (
        ["x.jsonl"], text("x.jsonl", "<!doctype html>\n<p>404\n"), ("x.jsonl", "a web page", "download the file")
    ),
    "web page instead of Parquet": (
        ["x.parquet"], text("x.parquet", "<!doctype html><p>404"), ("x.parquet", "not a Parquet file", "get it anew")
    ),
    "a pickle": (
        ["x.pkl"], text("x.pkl", pickle.dumps(["MgO"])), ("x.pkl", "cannot tell the format", "should end in .csv")
    ),
    "a pickle that is named like Parquet": (
        ["x.parquet"], text("x.parquet", pickle.dumps(["MgO"])), ("x.parquet", "not a Parquet file", "get it anew")
    ),
    "broken JSON": (["x.json"], text("x.json", '["MgO",'), ("x.json, line 1", "not JSON", "correct it")),
    "broken JSON lines": (
        ["x.jsonl"], text("x.jsonl", '{"formula": "MgO"}\n{oops\n'), ("x.jsonl, line 2", "not JSON", "correct it")
    ),
    "broken Parquet": (["cut.parquet"], cut_parquet, ("cut.parquet", "not a Parquet file", "get it anew")),
    "text named Parquet": (
        ["x.parquet"], text("x.parquet", "formula\nMgO\n"), ("x.parquet", "not a Parquet file", "get it anew")
    ),
    "broken gzip": (
        ["x.csv.gz"], text("x.csv.gz", gzip.compress(b"formula\nMgO\n")[:-9]),
        ("x.csv.gz", "cannot read", "get it anew")
    ),
    "folder without CIFs": (["."], nothing, (".", "holds no .cif files", "name a folder")),
    "elements alone": (
        ["x.txt"], text("x.txt", "Fe\nCu\n"), ("x.txt", "2 fewer than 2 elements", "0 kept; look at its column")
    ),
    "unknown variant": (
        ["mp-transport", "--variant", "best"], nothing, ("'best'", "no variant", "choose one of mix, pure, strict")
    ),
    "output of unknown format": (
        ["mp-transport", "-o", "x.xlsx"], nothing, ("x.xlsx", "cannot tell the format", ".csv, .parquet, .jsonl")
    ),
    "output in no folder": (
        ["mp-transport", "-o", "no/x.csv"], nothing, ("no/x.csv", "there is no folder no", "make it first")
    ),
    "filter of a file": (
        ["x.txt", "--filter", "nelements=2"], text("x.txt", "MgO"), ("x.txt", "--filter", "for databases")
    ),
    "database without a name": (
        ["optimade:", "-o", "x.csv"], nothing, ("'optimade:'", "no database", "write optimade:mp")
    ),
    "database without a file": (["optimade:mp"], nothing, ("optimade:mp", "fetch one database at a time", "-o names")),
    "two databases": (
        ["optimade:mp", "optimade:oqmd", "-o", "x.csv"], nothing,
        ("optimade:oqmd", "one database at a time", "-o names")
    ),
    "column of a database": (
        ["optimade:mp", "--column", "a", "-o", "x.csv"], nothing,
        ("optimade:mp", "for data sets (hf:…) only", "have theirs")
    ),
    "limit of nothing": (
        ["optimade:mp", "--limit", "0", "-o", "x.csv"], nothing, ("0 rows", "leaves nothing", "give 1")
    ),
    "options of a data set": (
        ["hf:a/b?rows=3", "-o", "x.csv"], nothing, ("hf:a/b?rows=3", "options of a data set are", "?split=train")
    ),
    "filter of a data set": (
        ["hf:a/b", "--filter", "nelements=2", "-o", "x.csv"], nothing, ("hf:a/b", "for OPTIMADE", "filter the file")
    ),
    "Materials Project without a key": (
        ["mp-api", "-o", "x.csv"], nothing, ("mp-api", "needs a key", "optimade:mp, which needs none")
    ),
    "filter of mp-api": (
        ["mp-api", "--filter", "nelements=2", "-o", "x.csv"], nothing,
        ("mp-api", "takes no --filter", "optimade:mp does")
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_corpus_that_cannot_be_read_is_refused_in_one_line(
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    refused_in: Callable[[str, str, str], None],
) -> None:
    arguments, make, said = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MP_API_KEY", raising=False)
    make(tmp_path)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as left:
        main(["corpus", *arguments])
    shown = capsys.readouterr()
    assert left.value.code == 2
    assert shown.out == ""
    assert shown.err.startswith("mattransformer: error: ")
    assert shown.err.count("\n") == 1
    for words in said:
        assert words in shown.err
    assert set(tmp_path.rglob("*")) == before
    refused_in("corpus", case, shown.err.removeprefix("mattransformer: error: "))


@pytest.mark.parametrize("name", ["optimade:mp", "hf:LeMaterial/LeMat-Bulk", "mp-api"])
def test_a_training_names_files_and_no_databases(name: str) -> None:
    from mattransformer.data.corpora import load_corpus
    from mattransformer.data.readers import CorpusError

    with pytest.raises(
        CorpusError, match=r"is a database: fetch it to a file first, mattransformer corpus .* -o FILE"
    ):
        load_corpus(name)
