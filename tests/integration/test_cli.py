"""The command line: what it prints, writes and refuses. In-process, so that nothing is imported twice."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from mattransformer.cli import main
from mattransformer.elements import SYMBOLS
from mattransformer.formula import Formula


class Outcome(NamedTuple):
    """What a command left behind: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


class Program:
    """The command line in an empty working folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        """Run a command to its end."""
        with pytest.raises(SystemExit) as left:
            main(arguments)
        code = left.value.code
        assert isinstance(code, int)
        return Outcome(code, *self._capsys.readouterr())

    def refuses(self, *arguments: str) -> str:
        """Run a command that should fail, and give its one line."""
        outcome = self(*arguments)
        assert outcome.code == 2, outcome
        assert outcome.err.startswith("mattransformer: error: ")
        assert outcome.err.count("\n") == 1
        assert outcome.out == ""
        return outcome.err


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATTRANSFORMER_CACHE", str(tmp_path / "cache"))
    return Program(capsys)


def test_the_help_names_every_command_and_explains_its_words(program: Program) -> None:
    outcome = program("--help")
    assert outcome.code == 0
    for word in (
        "corpus",
        "train",
        "generate",
        "fill",
        "tinker",
        "screen",
        "evaluate",
        "publish",
        "charge-neutral",
        "novel",
        "variant",
    ):
        assert word in outcome.out


@pytest.mark.parametrize(
    "command", ["corpus", "train", "generate", "fill", "screen", "evaluate", "benchmark", "publish"]
)
def test_the_help_of_each_command_has_an_example(command: str, program: Program) -> None:
    outcome = program(command, "--help")
    assert outcome.code == 0
    assert f"mattransformer {command} " in outcome.out.partition("Examples")[2]


def test_the_version_is_that_of_the_package(program: Program) -> None:
    import mattransformer

    assert program("--version") == Outcome(0, f"mattransformer {mattransformer.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["melt"],
        ["screen"],
        ["screen", "NaCl", "--state", "icsd24"],
        ["generate", "-n", "0"],
        ["fill"],
        ["fill", "Sr <mask> O3", "--top", "0"],
    ],
)
def test_a_malformed_command_line_exits_with_2(arguments: list[str], program: Program) -> None:
    outcome = program(*arguments)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


def test_screening_tells_rock_salt_from_an_impossible_chloride(program: Program) -> None:
    outcome = program("screen", "NaCl", "NaCl2")
    assert outcome.code == 0
    assert "no smact14 oxidation states sum to zero" in outcome.out
    assert "2 formulas: 1 charge-neutral, 1 EN-balanced, 1 valid, 1 novel (smact14, " in outcome.out
    assert outcome.out.splitlines()[-1] == "1 fail: 1 no smact14 oxidation states sum to zero"


@pytest.mark.parametrize(("ending", "read"), [(".csv", pd.read_csv), (".parquet", pd.read_parquet)])
def test_screening_a_file_keeps_its_rows_and_gives_a_reason_for_the_broken_one(
    ending: str, read: object, program: Program
) -> None:
    Path("mine.csv").write_text("name,composition\nrutile,TiO2\ntypo,Xx2O3\nlime,CaO\n", encoding="utf-8")
    outcome = program("screen", "mine.csv", "BaTiO3", "-o", f"screened{ending}")
    assert outcome.code == 0
    assert callable(read)
    table = read(f"screened{ending}")
    assert table["formula"].tolist() == ["TiO2", "Xx2O3", "CaO", "BaTiO3"]
    assert table["charge_neutral"].tolist() == [True, False, True, True]
    assert table["novel"].tolist() == [False, False, False, False]
    assert "Xx is not an element" in table["reason"][1]


def test_a_folder_that_is_named_like_a_formula_is_read_as_a_formula(program: Program) -> None:
    Path("NaCl").mkdir()
    assert program("screen", "NaCl").code == 0
    assert "NaCl" in program.refuses("screen", "./NaCl")


def test_heavy_water_is_water_on_request(program: Program) -> None:
    assert "--heavy-hydrogen" in program.refuses("screen", "D2O")
    assert "1 valid" in program("screen", "D2O", "--heavy-hydrogen").out


def test_a_mistyped_formula_among_others_is_a_row_with_its_reason(program: Program) -> None:
    outcome = program("screen", "Fe3O4", "Xx2O3")
    assert outcome.code == 0
    assert "1 could not be read" in outcome.out
    assert "Xx2O3" in program.refuses("screen", "Xx2O3")


def test_a_column_without_a_file_is_refused(program: Program) -> None:
    assert "--column energy" in program.refuses("screen", "NaCl", "--column", "energy")


def test_half_a_water_is_no_path(program: Program) -> None:
    assert "CaSO4·1/2H2O" in program("screen", "CaSO4·1/2H2O").out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["screen", "Xx2O3"], "Xx is not an element"),
        (["screen", ""], "empty"),
        (["screen", "NaCl", "--oxidation-states", "smact15"], "smact14"),
        (["screen", "missing.csv"], "missing.csv"),
        (["screen", "missing/NaCl"], "missing/NaCl"),
        (["screen", "NaCl", "-o", "out.xlsx"], "out.xlsx"),
        (["screen", "NaCl", "-o", "missing/out.csv"], "missing"),
        (["corpus", "perovskites"], "perovskites"),
        (["corpus", "mp-transport", "--variant", "pur"], "pur"),
        (["corpus", "mp-transport", "-o", "out.txt"], "out.txt"),
        (["corpus", "."], "no .cif files"),
        (["train", "missing.yaml"], "missing.yaml"),
        (["generate", "-o", "out.txt", "--model", "missing"], "out.txt"),
        (["generate", "--model", "missing"], "missing"),
        (["fill", "SrTiO3"], "'SrTiO3' has nothing to fill: write <mask>"),
        (["fill", ""], "nothing to fill"),
        (["fill", "Sr Ti <blank>"], "ask bart or blm to fill <blank>"),
        (["fill", "Xx <mask> O3"], "Xx is not an element"),
        (["fill", "Sr <msk> O3"], "a hole is <mask> or <blank>"),
        (["fill", "<mask> O40"], "41 atoms or more, but models know up to 30"),
        (["fill", "Sr <mask> O3", "--model", "missing"], "missing"),
        (["fill", "Sr <mask> O3", "--source", "icsd"], "no source 'icsd'"),
        (["fill", "Sr <mask> O3", "--variant", "srict"], "did you mean 'strict'"),
        (["fill", "Sr <mask> O3", "-o", "out.txt", "--model", "missing"], "out.txt"),
    ],
)
def test_bad_input_ends_in_one_line_that_names_it(arguments: list[str], named: str, program: Program) -> None:
    assert named in program.refuses(*arguments)


def test_an_unknown_key_of_a_configuration_is_named_with_the_nearest_known_one(program: Program) -> None:
    Path("run.yaml").write_text("output: run\nlearning_rte: 0.1\n", encoding="utf-8")
    assert "did you mean 'learning_rate'?" in program.refuses("train", "run.yaml")
    Path("run.yaml").write_text("output: run\n", encoding="utf-8")
    assert "epochs: -1" in program.refuses("train", "run.yaml", "epochs=-1")


def test_a_corpus_without_its_data_folder_says_which_variable_to_set(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MATTRANSFORMER_DATA", raising=False)
    assert "MATTRANSFORMER_DATA" in program.refuses("corpus", "oqmd")


def test_a_corpus_reports_what_became_of_each_row(program: Program) -> None:
    Path("mine.csv").write_text("formula\nSrTiO3\nFe\nTiO2\nTi2O4\nXx2O3\n", encoding="utf-8")
    outcome = program("corpus", "mine.csv", "-o", "kept.jsonl")
    assert outcome.code == 0
    report = {line.rsplit(maxsplit=1)[0]: line.split()[-1] for line in outcome.out.splitlines() if line}
    assert report["rows read"] == "5"
    assert report["dropped: not parseable"] == "1"
    assert report["dropped: duplicate"] == "1"
    assert report["dropped: fewer than 2 elements"] == "1"
    assert pd.read_json("kept.jsonl", lines=True)["formula"].tolist() == ["SrTiO3", "TiO2"]


def test_a_full_disk_is_one_line_and_leaves_no_file(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    assert os.strerror(errno.ENOSPC) in program.refuses("screen", "NaCl", "-o", "out.csv")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_an_interrupt_is_one_line_and_exit_code_130(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mattransformer.data import known

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(known.KnownFormulas, "load", interrupted)
    assert program("screen", "NaCl") == Outcome(130, "", "mattransformer: interrupted\n")


def test_generated_compositions_are_unique_and_the_same_for_the_same_seed(program: Program) -> None:
    for name in ("one.csv", "two.csv"):
        outcome = program("generate", "-n", "50", "--seed", "7", "-o", name)
        assert outcome.code == 0
        assert "smact14" in outcome.out
    table = pd.read_csv("one.csv")
    assert table["formula"].nunique() == len(table) == 50
    assert table["log_prob"].is_monotonic_decreasing
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_a_formula_of_a_list_of_known_ones_is_not_novel(program: Program) -> None:
    assert program("generate", "-n", "50", "--seed", "7", "-o", "first.csv").code == 0
    first = pd.read_csv("first.csv")
    assert first["novel"].any()
    assert program("generate", "-n", "50", "--seed", "7", "--known", "first.csv", "-o", "again.csv").code == 0
    again = pd.read_csv("again.csv")
    assert again["formula"].tolist() == first["formula"].tolist()
    assert not again["novel"].any()


@pytest.fixture
def random_folder(tmp_path: Path) -> str:
    """The checkpoint of a generator that is no language model."""
    from mattransformer.baselines.checkpoints import save_generator
    from mattransformer.baselines.pseudo_random import StoichiometryRandom

    listed = ["SrTiO3", "CaTiO3", "NaCl", "KBr", "MgO", "Fe2O3", "Li3PO4", "GaAs", "TiO2", "MoS2"]
    save_generator(StoichiometryRandom.fit(listed), tmp_path / "random")
    return "random"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--data", "cod"], "there is no data set 'cod'"),
        (["--models", "gpt5", "--data", "mp"], "'gpt5' is neither a system of the data set mp nor a folder"),
        (["--settings", "loose"], "there is no setting 'loose'"),
        (["--methods", "guessing"], "there is no method 'guessing'"),
        (["--models", "gpt2", "--data", "mp+oqmd"], "MATTRANSFORMER_DATA"),
        (["--table", "--readme", "absent.md"], "absent.md"),
        (["--table", "--pictures", "pictures"], "has no measurement to draw"),
    ],
)
def test_a_benchmark_that_makes_no_sense_is_refused_in_one_line(
    arguments: list[str], named: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MATTRANSFORMER_DATA", raising=False)
    Path("results/benchmark").mkdir(parents=True)
    outcome = program("benchmark", *arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("mattransformer: error: ")
    assert outcome.err.count("\n") == 1
    assert named in outcome.err


@pytest.mark.parametrize(("ending", "read"), [(".parquet", pd.read_parquet), (".jsonl", pd.read_json)])
def test_a_generator_that_is_no_language_model_is_drawn_from_by_the_same_command(
    ending: str, read: object, random_folder: str, program: Program
) -> None:
    Path("mine.txt").write_text("SrTiO3\nRbF\n", encoding="utf-8")
    outcome = program(
        *("generate", "--model", random_folder, "-n", "60", "--seed", "1", "--oxidation-states", "icsd24"),
        *("--known", "mine.txt", "-o", f"drawn{ending}"),
    )
    assert outcome.code == 0
    assert outcome.err == ""
    assert callable(read)
    table = read(f"drawn{ending}", **({"lines": True} if ending == ".jsonl" else {}))
    assert list(table) == [
        *("formula", "oxidation_states_set", "charge_neutral", "electronegativity_balanced", "novel"),
    ]
    assert table["formula"].nunique() == len(table) == 60
    head, unique, novel, *_, last = outcome.out.splitlines()
    assert head == "random (generator stoichiometry-random, seed 1)"
    assert unique.split()[:2] == ["unique", "60"]
    assert novel.endswith("in none of the Materials Project, OQMD and mine.txt")
    assert last == f"written to drawn{ending}: 60 rows"


def test_the_first_rows_of_a_generator_are_printed_where_no_file_is_named(
    random_folder: str, program: Program
) -> None:
    outcome = program("generate", "--model", random_folder, "-n", "25")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].split()[0] == "formula"
    assert "... and 5 more rows; -o FILE.csv writes all of them" in lines


@pytest.mark.parametrize(
    "arguments",
    [
        ["--source", "mp"],
        ["--variant", "strict"],
        ["--require", "Li"],
        ["--n-elements", "few"],
        ["--template", "ABX3"],
        ["--charge-neutral"],
        ["--exclude", "known"],
        ["--temperature", "1.0"],
        ["--top-k", "5"],
        ["--top-p", "0.9"],
        ["--no-replacement"],
        ["--exact"],
        ["--likeliest"],
        ["--precision", "float32"],
    ],
)
def test_what_only_a_language_model_understands_is_refused_for_another_generator(
    arguments: list[str], random_folder: str, program: Program
) -> None:
    assert program.refuses("generate", "--model", random_folder, *arguments) == (
        f"mattransformer: error: {arguments[0]}: only language models understand it, and random is the generator "
        "stoichiometry-random; leave it out\n"
    )


def test_what_a_generator_is_judged_by_is_looked_at_before_it_draws(
    random_folder: str, program: Program
) -> None:
    draws = ("generate", "--model", random_folder, "-n", "1000000")
    assert "'smact15'" in program.refuses(*draws, "--oxidation-states", "smact15")
    assert "missing.txt" in program.refuses(*draws, "--known", "missing.txt")
    assert "out.txt" in program.refuses(*draws, "-o", "out.txt")


@pytest.mark.parametrize(
    "arguments",
    [
        ["fill", "Sr <mask> O3", "--model", "random"],
        ["tinker", "SrTiO3", "--site", "Ti", "--model", "random"],
        ["tinker", "SrTiO3", "--site", "Ti", "--masked", "random"],
        ["train", "run.yaml", "init_from=random"],
    ],
)
def test_commands_of_language_models_say_what_another_generator_is_for(
    arguments: list[str], random_folder: str, program: Program
) -> None:
    Path("run.yaml").write_text("output: run\n", encoding="utf-8")
    told = program.refuses(*arguments)
    assert "random holds the generator 'stoichiometry-random', which is no language model" in told
    assert "draw from it with `mattransformer generate`" in told


def test_the_titanium_site_of_strontium_titanate_is_filled_with_each_of_118_elements(
    program: Program,
) -> None:
    outcome = program("fill", "Sr <mask> O3", "--top", "200", "-o", "sites.csv")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "Sr <mask> O3, filled by gpt2 (source mp, variant strict, seed 0), the most probable first",
        "written to sites.csv: 118 rows",
    ]
    table = pd.read_csv("sites.csv")
    assert list(table) == ["formula", "filled", "log_prob"]
    assert sorted(table["filled"]) == sorted(SYMBOLS)
    assert table["log_prob"].is_monotonic_decreasing
    formulas = dict(zip(table["filled"], table["formula"], strict=True))
    assert formulas["Ti"] == "SrTiO3"
    assert Formula.parse("SrO4") == Formula.parse(formulas["O"])
    assert table["filled"].tolist().index("Ti") < 59  # likelier than half of them


def test_a_filled_table_that_is_printed_has_as_many_rows_as_were_asked_for(program: Program) -> None:
    outcome = program("fill", "Sr <mask> O3", "--top", "3", "--source", "oqmd", "--variant", "pure")
    assert outcome.code == 0
    head, *rows, summary = outcome.out.splitlines()
    assert head.split() == ["formula", "filled", "log_prob"]
    assert len(rows) == 3
    assert {row.split()[1] for row in rows} <= set(SYMBOLS)
    assert "(source oqmd, variant pure, seed 0)" in summary


def test_dopants_of_strontium_titanate_are_written_with_their_supercell(program: Program) -> None:
    outcome = program(
        *("tinker", "SrTiO3", "--site", "Ti", "--fraction", "0.05", "--top", "7", "-o", "dopants.csv")
    )
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "written to dopants.csv: 7 rows"
    table = pd.read_csv("dopants.csv")
    assert table["formula"].str.startswith("Sr20").all()
    assert table["rank"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_a_file_of_hosts_is_tinkered_with_in_one_go(program: Program, tmp_path: Path) -> None:
    (tmp_path / "hosts.csv").write_text("formula,site\nSrTiO3,Ti\nnonsense,Ti\nNaCl,Na\n", encoding="utf-8")
    outcome = program("tinker", "hosts.csv", "--score", "network", "--top", "3", "-o", "out.parquet")
    assert outcome.code == 0
    assert "1 row left out, the first in line 3: " in outcome.out
    table = pd.read_parquet("out.parquet")
    assert table["host"].tolist() == ["SrTiO3"] * 3 + ["NaCl"] * 3


def test_a_cif_gives_supercells_with_each_suggestion(program: Program, tmp_path: Path) -> None:
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

    rock_salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    rock_salt.to(filename=str(tmp_path / "periclase.cif"))
    outcome = program(
        *("tinker", "periclase.cif", "--site", "Mg", "--fraction", "0.25", "--top", "2", "--cifs", "cells"),
        *("--score", "network"),
    )
    assert outcome.code == 0
    written = sorted((tmp_path / "cells").iterdir())
    assert len(written) == 2
    assert Structure.from_file(written[0]).composition.get_atomic_fraction("Mg") == 0.375


def test_tinkering_refuses_what_cannot_be_in_one_line(program: Program) -> None:
    assert "Zr is not in SrTiO3" in program.refuses("tinker", "SrTiO3", "--site", "Zr")
    assert "fraction: 0" in program.refuses("tinker", "SrTiO3", "--site", "Ti", "--fraction", "0")
    assert "only: 'Zz' is no element" in program.refuses("tinker", "SrTiO3", "--site", "Ti", "--only", "Zz")
    assert "there is no such file" in program.refuses("tinker", "missing.cif", "--site", "Ti")
    assert "there is no such file" in program.refuses("tinker", "missing.csv", "--site", "Ti")
    assert "is no structure" in program.refuses("tinker", "SrTiO3", "--site", "Ti", "--cifs", "cells")


def test_screening_keeps_lead_free_perovskites_and_says_what_it_left_out(
    program: Program, tmp_path: Path
) -> None:
    source, target = tmp_path / "oxides.csv", tmp_path / "kept.parquet"
    source.write_text("formula\nSrTiO3\nPbTiO3\nMgO\nXx2O3\nCaTiO3\n", encoding="utf-8")
    outcome = program(
        "screen",
        str(source),
        "--template",
        "ABO3",
        "--no-toxic",
        "--keep-valid",
        "--check",
        "tolerance",
        "-o",
        str(target),
    )
    assert outcome.code == 0
    kept = pd.read_parquet(target)
    assert kept["formula"].tolist() == ["SrTiO3", "CaTiO3"]
    assert kept["goldschmidt"].between(0.9, 1.1).all()
    assert f"{source}, line 5: not parseable" in outcome.out
    assert "1 holds a toxic element" in outcome.out
    assert "1 not of the stoichiometry ABO3" in outcome.out


def test_screening_for_new_compounds_knows_ones_own_list(program: Program, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("Cs2AgInI6\n", encoding="utf-8")
    compound = "Cs2AgInI6"
    assert "it is listed" in program("screen", compound, "--known", str(own), "--novel").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--elements", "few"], "--elements: 'few' is no range; write 3, 2-4, 2- or -4"),
        (["--atoms", "9-2"], "atoms: no number is from 9 to 2"),
        (["--only", "Fe,Xx"], "'Xx' is no element"),
        (["--template", "A(B"], "A(B"),
        (["--check", "colour"], "no check 'colour'"),
        (["--known", "nowhere.csv"], "nowhere.csv"),
        (["--oxidation-states", "icsd24:x=1"], "no setting 'x'"),
    ],
)
def test_limits_that_make_no_sense_are_refused_in_one_line(
    program: Program, arguments: list[str], message: str
) -> None:
    outcome = program("screen", "NaCl", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
