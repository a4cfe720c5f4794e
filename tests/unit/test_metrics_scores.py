"""All scores of a list: by hand, of bad lists, in any order, and from the command line."""

from __future__ import annotations

import gzip
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattransformer.cli import main
from mattransformer.data.known import KnownFormulas
from mattransformer.data.readers import CorpusError
from mattransformer.metrics.classes import CLASSES
from mattransformer.metrics.evaluations import check_folder, evaluate_file
from mattransformer.metrics.formulas import FormulaList, label_of
from mattransformer.metrics.scores import Scores, ScoresError, score
from mattransformer.metrics.table import space_table, table

POOL = [
    "NaCl",
    "ClNa",
    "KBr",
    "MgO",
    "SrTiO3",
    "CaTiO3",
    "LiFePO4",
    "Ni3Al",
    "GaAs",
    "NaCl2",
    "MoS2",
    "Fe",
    "Xx2",
    "",
]
TRAINING = FormulaList.of(["NaCl", "MgO", "CuZn", "CaTiO3", "GaN"])
HELD_OUT = {"valid": FormulaList.of(["KBr", "SrTiO3"]), "test": FormulaList.of(["LiFePO4", "NaCl", "RbI"])}


def scores_of(rows: list[str]) -> Scores:
    return score(FormulaList.of(rows), training=TRAINING, held_out=HELD_OUT, known=TRAINING)


def test_scores_of_six_rows_by_hand() -> None:
    found = scores_of(["NaCl", "ClNa", "NaCl2", "SrTiO3", "Xx2", "CuZn"]).as_dict()
    assert found["rows"]["drawn"] == 6
    assert found["rows"]["readable"]["share"] == pytest.approx(5 / 6)
    assert found["rows"]["distinct"] == 4
    assert found["rows"]["first_unreadable"] == [{"row": 4, "reason": FormulaList.of(["Xx2"]).unreadable[0]}]
    whole = found["whole"]
    assert whole["uniqueness"]["share"] == 0.8
    assert whole["validity"]["smact14"]["charge_neutral"]["share"] == 0.5  # NaCl and SrTiO3
    assert whole["validity"]["smact-default"]["balanced"]["share"] == 0.75  # and brass
    assert whole["novelty"]["lists"]["known"]["count"] == 2  # NaCl2 and SrTiO3
    assert whole["novel_only"]["smact14"]["balanced"]["share"] == 0.5
    assert whole["number_of_elements"]["ternary"]["share"] == 0.25
    assert whole["references"]["valid"]["recovery"]["count"] == 1
    assert whole["references"]["test"]["recovery"]["count"] == 1
    assert found["references"]["valid"]["role"] == "held-out"


def test_the_figures_of_the_training_list_stand_beside() -> None:
    beside = scores_of(["NaCl"]).as_dict()["whole"]["references"]["training"]
    assert beside["compositions"] == 5
    assert beside["validity"]["smact14"]["balanced"]["count"] == 4  # all but brass
    assert beside["validity"]["smact-default"]["balanced"]["count"] == 5
    assert beside["number_of_elements"]["binary"]["share"] == 0.8
    assert beside["recovery"]["count"] == 1


def test_each_class_is_scored_against_its_own_part_of_every_list() -> None:
    found = scores_of(["MgO", "SrTiO3", "NaCl", "MoS2", "MgO"]).as_dict()["classes"]
    assert list(found) == list(CLASSES)
    oxides = found["oxide"]
    assert oxides["share"]["share"] == 0.5
    assert oxides["uniqueness"]["share"] == pytest.approx(2 / 3)
    assert oxides["references"]["training"]["share"]["share"] == 0.4
    assert oxides["references"]["training"]["recovery"]["share"] == 0.5
    assert oxides["references"]["training"]["recovery"]["per_1000_samples"] == 500.0
    assert oxides["references"]["valid"]["recovery"]["share"] == 1.0
    assert oxides["novelty"]["all"]["share"] == 0.5
    assert found["chalcogenide"]["references"]["training"]["recovery"]["share"] is None
    assert found["nitride"]["validity"]["smact14"]["balanced"]["share"] is None
    assert sum(own["share"]["count"] for own in found.values()) == 4


def test_held_out_compositions_that_were_trained_on_are_told_apart() -> None:
    found = scores_of(["NaCl", "LiFePO4"]).as_dict()
    assert "1 of the 3 compositions of test are in a training list too" in found["remarks"]
    beside = found["whole"]["references"]["test"]
    assert (beside["recovery"]["count"], beside["recovery"]["of"]) == (2, 3)
    outside = beside["recovery_outside_training"]
    assert (outside["count"], outside["of"]) == (1, 2)
    assert "recovery_outside_training" not in found["whole"]["references"]["valid"]


def test_the_settings_are_named() -> None:
    found = scores_of(["NaCl"]).as_dict()
    assert list(found["settings"]) == ["smact14", "smact-default", "icsd24"]
    assert found["settings"]["smact14"].startswith("smact14, one oxidation state an element, no alloys")
    assert found["smact"].startswith("4.")


BAD = {
    "empty": ([], "the list is empty"),
    "unparseable": (["Xx2", "", "!", "12"], "no row is a formula (4 rows read)"),
    "duplicates": (["NaCl"] * 7, "all 7 readable rows are the same composition"),
    "one element": (["Fe", "Fe2", "O2", "Cu"], "all compositions are single elements (3)"),
}


@pytest.mark.parametrize("rows", [rows for rows, _ in BAD.values()], ids=list(BAD))
@pytest.mark.parametrize("beside", [True, False])
def test_bad_lists_have_a_report_and_no_crash(rows: list[str], beside: bool) -> None:
    lists: dict[str, Any] = {
        "training": TRAINING,
        "held_out": HELD_OUT,
        "known": KnownFormulas.load(),
        "random": TRAINING,
    }
    found = score(FormulaList.of(rows), **(lists if beside else {})).as_dict()
    remark = next(words for own, words in BAD.values() if own == rows)
    assert any(remark in words for words in found["remarks"])
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text)["rows"]["drawn"] == len(rows)
    assert remark in table(json.loads(text), "bad.csv")


def test_single_elements_are_no_novelty_and_the_report_says_so() -> None:
    found = scores_of(["Fe", "O2", "KCl"]).as_dict()
    assert found["whole"]["novelty"]["all"]["count"] == 1
    assert found["whole"]["novelty"]["single_elements"] == 2
    assert (
        "some compositions are single elements (2): they count as not charge-neutral and as known, not new"
        in (found["remarks"])
    )


def test_a_list_without_repetition_says_that_its_uniqueness_may_say_nothing() -> None:
    words = "no composition comes twice in 3 readable rows"
    assert any(words in own for own in scores_of(["NaCl", "KCl", "MgO", "Xx2"]).as_dict()["remarks"])
    for rows in (["NaCl", "KCl", "KCl"], ["NaCl"], []):
        assert not any("comes twice" in own for own in scores_of(rows).as_dict()["remarks"])


def test_a_share_of_none_is_printed_with_an_interval_that_has_a_width() -> None:
    found = score(FormulaList.of(["NaCl2", "NaCl3"])).as_dict()
    line = next(
        line for line in table(found, "odd.csv").splitlines() if line.startswith("EN-balanced, smact14")
    )
    assert line.endswith("0.0 %  0.0 to 65.8 %")  # Wilson's: 3.8415 / (2 + 3.8415)
    assert "of shares of 0 and 100 % Wilson's" in found["intervals"]


def test_all_training_lists_together_have_a_profile_with_each_composition_once() -> None:
    lists = {"old": FormulaList.of(["NaCl", "KCl"]), "new": FormulaList.of(["NaCl", "MgO", "CaO"])}
    found = score(FormulaList.of(["NaCl"]), training=lists).as_dict()
    assert found["training_profile"]["elements"] == {"O": 2, "Na": 1, "Mg": 1, "Cl": 2, "K": 1, "Ca": 1}
    assert found["training_profile"]["number_of_elements"] == {"2": 4}
    assert "training_profile" not in score(FormulaList.of(["NaCl"])).as_dict()


def test_of_several_random_lists_the_first_is_compared_with_and_the_report_says_so() -> None:
    lists = {"a": FormulaList.of(["NaCl"]), "b": FormulaList.of(["KCl"])}
    found = score(FormulaList.of(["NaCl"]), held_out=TRAINING, random=lists).as_dict()
    assert "enrichments are over a, the first of 2 random lists" in found["remarks"]
    assert found["whole"]["references"]["held-out"]["recovery"]["enrichment"]["found_by_random"] == 1


def test_shares_of_an_empty_list_are_none_with_the_reason_beside() -> None:
    whole = scores_of([]).as_dict()["whole"]
    assert whole["validity"]["smact14"]["balanced"]["share"] is None
    assert whole["validity"]["smact14"]["balanced"]["reason"] == "there is no composition to take it of"
    assert whole["uniqueness"]["share"] is None
    assert whole["references"]["training"]["distances"]["elements"] is None
    assert whole["references"]["training"]["recovery"]["share"] == 0.0


def test_every_bad_list_may_be_a_reference_too() -> None:
    sample = FormulaList.of(["NaCl", "SrTiO3"])
    for rows, _ in BAD.values():
        bad = FormulaList.of(rows)
        found = score(
            sample, training=bad, held_out={"test": bad}, known={"bad": bad}, random={"r": bad}
        ).as_dict()
        json.dumps(found, allow_nan=False)
        assert found["rows"]["distinct"] == 2


def test_two_lists_of_one_name_are_refused() -> None:
    with pytest.raises(ScoresError, match="two lists are called 'test'"):
        score(TRAINING, training={"test": TRAINING}, held_out={"test": TRAINING})


@settings(max_examples=25)
@given(rows=st.lists(st.sampled_from(POOL), max_size=30), data=st.data())
def test_the_order_of_the_input_changes_no_share_and_no_distance(
    rows: list[str], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(rows))
    one, other = (without_order(scores_of(list(own)).as_dict()) for own in (rows, shuffled))
    assert one == other


def without_order(value: Any) -> Any:
    """Leave out curves and the first unreadable rows, which go by the order of the input."""
    if isinstance(value, dict):
        return {
            key: without_order(own) for key, own in value.items() if key not in ("curve", "first_unreadable")
        }
    return value


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "samples.csv"
    pd.DataFrame({"formula": ["NaCl", "SrTiO3", "Ti2Sr2O6", "Xx2", "Cs3Xe7Og2"]}).to_csv(path, index=False)
    return path


def test_the_command_scores_a_file_and_writes_all_numbers(
    samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(
        *("evaluate", str(samples), "--training", "mp-transport:train", "--held-out", "mp-transport:test"),
        *("--held-out", "mp-transport:valid", "-o", "report"),
    )
    printed = capsys.readouterr().out
    assert code == 0
    assert "samples.csv: 5 rows, 1 of them unreadable; 3 different compositions (75.0 %" in printed
    assert "EN-balanced, smact14 states, no alloys" in printed
    assert "not in MP and OQMD" in printed
    assert "line 5: not parseable: 'Xx2'" in printed
    report = json.loads(Path("report/scores.json").read_text(encoding="utf-8"))
    assert report == json.loads(
        json.dumps(
            evaluate_file(
                samples, training=["mp-transport:train"], held_out=["mp-transport:test", "mp-transport:valid"]
            ).record
        )
    )
    assert "formation energy, estimated: mean" in printed
    page = Path("report/report.html").read_text(encoding="utf-8")
    for words in (
        *("Coverage and precision", "Diversity and estimated formation energies", "eV/atom too low"),
        *(("UMAP of embeddings of the language model gpt2",) if find_spec("umap") else ()),
    ):
        assert words in page
    assert report["space"]["coverage"]["mp-transport:test"]["coverage"]["share"] is not None
    assert report["scores"]["whole"]["validity"]["smact14"]["balanced"]["count"] == 2
    assert report["scores"]["whole"]["novelty"]["all"]["count"] == 1
    assert list(report["scores"]["references"]) == [
        "mp-transport:train",
        "mp-transport:test",
        "mp-transport:valid",
    ]
    assert (
        len(report["file"]["sha256"])
        == len(report["lists"]["mp-transport:test"]["mp_transport.csv.gz"])
        == 64
    )
    assert str(samples.parent) not in json.dumps(report)


@pytest.fixture
def lists(samples: Path) -> Path:
    """Two folders with a list of the same name in each."""
    for folder, rows in (("a", ["NaCl", "KCl"]), ("b", ["SrTiO3", "MgO", "CaO"])):
        (samples.parent / folder).mkdir()
        (samples.parent / folder / "list.txt").write_text("\n".join(rows))
    return samples


def test_lists_of_one_file_name_are_told_apart_by_names_of_their_own(
    lists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", str(lists), "--held-out", "salts=a/list.txt", "--held-out", "b/list.txt") == 0
    printed = capsys.readouterr().out
    assert any(line.startswith("salts ") and "1 of 2" in line for line in printed.splitlines())
    assert any(line.startswith("list.txt ") and "1 of 3" in line for line in printed.splitlines())


def test_hashes_of_two_files_of_one_name_in_one_list_are_both_kept(lists: Path) -> None:
    record = evaluate_file(lists, held_out=["both=a/list.txt+b/list.txt"]).record
    assert list(record["lists"]["both"]) == ["list.txt", "list.txt (2)"]
    assert record["scores"]["whole"]["references"]["both"]["compositions"] == 5


def test_a_name_of_a_folder_with_an_equals_sign_is_no_name_of_a_list() -> None:
    assert label_of("mine=a/list.csv:test+mp") == ("mine", "a/list.csv:test+mp")
    assert label_of("lr=0.1/list.csv") == ("lr", "0.1/list.csv")
    assert label_of("./lr=0.1/list.csv") == ("", "./lr=0.1/list.csv")
    assert label_of("mp:train+oqmd:train") == ("", "mp:train+oqmd:train")


@pytest.mark.parametrize("second", ["--known", "--held-out", "--random", "--training"])
def test_lists_that_cannot_be_told_apart_are_refused_with_the_way_out(
    second: str, lists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", str(lists), "--training", "a/list.txt", second, "b/list.txt") == 2
    told = capsys.readouterr().err
    assert "two lists are called 'list.txt' (a/list.txt and b/list.txt)" in told
    assert "mine=b/list.txt" in told
    assert told.count("\n") == 1


def test_every_random_list_is_used(lists: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run("evaluate", str(lists), *("--random", "one=a/list.txt"), *("--random", "two=b/list.txt"))
    printed = capsys.readouterr().out
    assert code == 0
    assert next(line for line in printed.splitlines() if "95 % interval" in line).split()[-2:] == [
        "one",
        "two",
    ]
    assert "enrichments are over one, the first of 2 random lists" in printed


def test_the_text_says_on_how_many_compositions_coverage_rests(samples: Path) -> None:
    space = evaluate_file(samples, held_out=["mp-transport:test"]).record["space"]
    own = space["coverage"]["mp-transport:test"]
    told = space_table(space)
    assert f"({own['compared']['references']:,}" in told or f"(all {own['compared']['references']:,}" in told
    assert "of the samples (all 3) have one" in told
    own["compared"] |= {"samples": 10_000, "of_samples": 944_902}
    own["threshold_of"]["left_out"] = 12
    told = space_table(space)
    assert "of the samples (10,000 drawn of 944,902) have one of mp-transport:test" in told
    assert "12 of mp-transport:test are training compositions, and left out of what is near" in told


def test_coverage_of_a_held_out_list_that_was_trained_is_not_judged(lists: Path) -> None:
    space = evaluate_file(
        lists, training=["mp-transport:train"], held_out=["twin=mp-transport:train"]
    ).record["space"]
    assert space["coverage"]["twin"]["coverage"]["share"] is None
    told = space_table(space)
    assert "coverage of twin cannot be judged: what is near is measured on 6 compositions or more" in told


def test_the_stages_of_an_evaluation_are_told_before_they_begin(samples: Path) -> None:
    stages: list[str] = []
    evaluate_file(samples, held_out=["mp-transport:test"], progress=stages.append)
    assert stages == [
        "reading samples.csv",
        "reading the other lists",
        "validity, novelty, recovery",
        "distances and formation energies",
        "intervals",
    ]
    stages.clear()
    with pytest.raises(CorpusError):
        evaluate_file(samples, held_out=["nowhere"], progress=stages.append)
    assert stages[-1] == "reading the other lists"


def test_the_command_names_its_stages_on_a_terminal_alone(
    samples: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("evaluate", str(samples)) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    assert run("evaluate", str(samples), "-o", "report") == 0
    told = capsys.readouterr().err
    for stage in ("reading samples.csv", "distances and formation energies", "pictures"):
        assert f"{stage} [" in told


def test_the_command_reports_an_empty_file(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples.write_text("formula\n")
    assert run("evaluate", str(samples), "-o", "report") == 0
    assert "the list is empty" in capsys.readouterr().out
    assert Path("report/scores.json").is_file()


def test_an_empty_list_of_json_has_a_report_as_an_empty_table_has(
    samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = samples.with_suffix(".json")
    path.write_text("[]")
    assert run("evaluate", str(path)) == 0
    assert "the list is empty" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("image.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "it is no text, or not UTF-8 (byte 8 is zero)"),
        (
            "list.txt",
            "NaCl\nKCl\n".encode("utf-16"),
            "it is no text, or not UTF-8 (byte 3 is zero); save the file as UTF-8",
        ),
        ("list.json", b"\x00\x01", "it is no text"),
        ("list.csv.gz", b"formula\nNaCl\n", "not compressed with gzip, as its name says; take .gz off"),
        ("list.jsonl", gzip.compress(b'"NaCl"', mtime=0), "compressed with gzip; let its name end in .gz"),
        (
            "list.csv",
            b"x,y\nNaCl,KCl\n",
            "name the one to read (column=..., on the command line --column), or call it",
        ),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused_in_one_line(
    name: str, content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert run("evaluate", str(tmp_path / name)) == 2
    told = capsys.readouterr().err
    assert words in told
    assert name in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.csv"], "missing.csv"),
        (["samples.csv", "--embed", "gpt5", "-o", "report"], "gpt5"),
        (["samples.csv", "--column", "energy"], "has no column 'energy'"),
        (["samples.csv", "--held-out", "mq:test"], "mq is neither a file nor a corpus"),
        (["samples.csv", "--training", "samples.csv", "--held-out", "samples.csv"], "two lists are called"),
        (["samples.csv", "-o", "samples.csv"], "it is a file"),
        (["samples.csv", "-o", "no/report"], "there is no folder no"),
    ],
)
def test_the_command_refuses_in_one_line_and_writes_nothing(
    arguments: list[str], words: str, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", *arguments) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert list(samples.parent.iterdir()) == [samples]


def test_the_help_of_the_command_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "--help") == 0
    told = capsys.readouterr().out
    assert "mattransformer evaluate " in told.partition("Examples")[2]
    assert "[NAME=]FILE_OR_CORPUS" in told


def test_an_existing_folder_is_written_to(tmp_path: Path) -> None:
    check_folder(tmp_path)
    check_folder(tmp_path / "new")
