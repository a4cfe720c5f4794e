"""Runs of the benchmark on a small data set: what is measured, kept, gone on with and rendered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mattransformer.baselines.checkpoints import save_generator
from mattransformer.baselines.pseudo_random import StoichiometryRandom
from mattransformer.benchmark import again, systems
from mattransformer.benchmark.cells import Records, table_rung
from mattransformer.benchmark.lists import ICSD, MATRICES, TEST, TRAINING, Lists, read_lists
from mattransformer.benchmark.measurement import measure_list
from mattransformer.benchmark.records import read_all
from mattransformer.benchmark.run import (
    SAMPLING,
    SHORT,
    TOP,
    WITHOUT,
    Request,
    measure_lists,
    measure_system,
    run,
    train_system,
)
from mattransformer.benchmark.short_tables import short_tables
from mattransformer.benchmark.sources import LanguageModelSource
from mattransformer.benchmark.systems import BenchmarkError, System
from mattransformer.benchmark.tables import (
    MARKS,
    PAGE,
    class_table,
    page,
    write_tables,
)
from mattransformer.cli import main
from mattransformer.data.corpora import load_corpus
from mattransformer.metrics.formulas import FormulaList
from mattransformer.metrics.published import FIGURES
from mattransformer.training import loop
from mattransformer.training.state import save_state

SALTS = [f"{metal}{halogen}" for metal in ("Li", "Na", "K", "Rb", "Cs") for halogen in ("F", "Cl", "Br", "I")]


@pytest.fixture(scope="module")
def lists() -> Lists:
    """The embedded corpus as a data set, its validation rows in the place of compounds that were made."""
    corpus = load_corpus("mp-transport")
    parts = {name: FormulaList.of(corpus.split(name)["formula"]) for name in ("train", "valid", "test")}
    sought = {TRAINING: parts["train"], TEST: parts["test"], ICSD: parts["valid"]}
    sought |= {TRAINING + MATRICES: parts["train"], TEST + MATRICES: parts["test"]}
    return Lists("mp", corpus.split("train"), parts["train"], sought, {"mp-transport": "0" * 64})


@pytest.fixture(scope="module")
def results(lists: Lists, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of a random generator in all settings and of a language model in one."""
    folder = tmp_path_factory.mktemp("results")
    measure_lists(lists, folder)
    request = Request(up_to=1_000, settings=("mix", "strict"))
    measure_system(System("pseudo-random", "mp", None), lists, request, folder)
    measure_system(System("gpt2", "mp", "gpt2"), lists, request, folder)
    return folder


def cell(folder: Path, system: str, setting: str) -> dict[str, Any]:
    record = json.loads((folder / "mp" / f"{system}.json").read_text())
    found: dict[str, Any] = record["settings"][setting][SAMPLING]["1000"]
    return found


def share(own: dict[str, Any], *keys: str) -> float:
    value: Any = own
    for key in keys:
        value = value[key]
    return float(value["share"])


def test_a_language_model_is_ahead_of_random_formulas_in_all_that_is_counted(results: Path) -> None:
    model, random = (cell(results, name, "mix") for name in ("gpt2", "pseudo-random"))
    for keys in (
        ("validity", "smact14", "charge_neutral"),
        ("validity", "smact14", "balanced"),
        ("found", TEST, "ternary"),
        ("found", TRAINING, "all"),
    ):
        assert share(model, *keys) > share(random, *keys)


def test_chemistry_classes_are_recorded_with_intervals_and_what_is_found_of_their_test_rows(
    lists: Lists, results: Path
) -> None:
    own = cell(results, "gpt2", "mix")
    classes, found = own["classes"], own["found"][TEST]["all"]
    assert sum(part["found"]["count"] for part in classes.values()) == found["count"]
    assert sum(part["found"]["of"] for part in classes.values()) == found["of"] == len(lists.sought[TEST])
    assert all(
        len(part[key]["interval"]) == 2
        for part in classes.values()
        for key in ("share", "balanced", "new", "found")
        if part[key]["of"]
    )


def test_tables_by_class_have_what_is_found_and_a_dash_for_older_records(results: Path) -> None:
    oxides = cell(results, "gpt2", "mix")["classes"]["oxide"]
    assert f"{100 * oxides['found']['share']:.1f} %" in class_cell(read_all("mp", results), "gpt2")
    older = read_all("mp", results)
    for part in older["gpt2"]["settings"]["mix"][SAMPLING]["1000"]["classes"].values():
        part |= {key: part[key]["share"] for key in ("share", "charge_neutral", "balanced", "new")}
        del part["found"]
    assert class_cell(older, "gpt2").endswith(", –")
    assert class_cell(older, "gpt2").startswith(f"{100 * oxides['share']['share']:.1f} %, ")


def class_cell(records: Records, system: str) -> str:
    """What the table by class says of a system's oxides."""
    lines = list(class_table("mp", records))
    at = next(line for line in lines if "| system" in line).split(" | ").index("oxide")
    return next(line for line in lines if line.startswith(f"| `{system}`")).split(" | ")[at]


def test_training_rows_recover_themselves_and_no_test_row(lists: Lists) -> None:
    measured = measure_list(lists.training.first(1_000), lists, seed=0)
    assert measured["found"][TRAINING]["all"]["count"] == 1_000
    assert measured["found"][TEST]["all"]["count"] == 0
    assert measured["new"][TRAINING]["share"] == 0
    kinds = measured["number_of_elements"]
    assert sum(kinds.values()) == pytest.approx(1)


def test_a_record_says_what_it_rests_on(results: Path) -> None:
    record = json.loads((results / "mp" / "gpt2.json").read_text())
    assert len(record["weights_sha256"]) == 64
    assert record["lists_sha256"] == {"mp-transport": "0" * 64}
    own = record["settings"]["mix"][SAMPLING]["1000"]
    assert {"threads", "machine", "versions", "seconds"} <= set(own)
    assert own["versions"]["torch"]


def test_what_was_measured_is_not_measured_again(lists: Lists, results: Path) -> None:
    path = results / "mp" / "pseudo-random.json"
    before = path.stat().st_mtime_ns
    measure_system(
        System("pseudo-random", "mp", None), lists, Request(up_to=1_000, settings=("mix",)), results
    )
    assert path.stat().st_mtime_ns == before


def test_a_run_that_was_cut_off_ends_with_what_an_unbroken_one_ends_with(
    lists: Lists, tmp_path: Path
) -> None:
    """Lower rungs are those of the same draws, whether they were kept or not."""
    system = System("stoichiometry-random", "mp", None)
    for folder, steps in ((tmp_path / "unbroken", (10_000,)), (tmp_path / "broken", (1_000, 10_000))):
        for up_to in steps:
            measure_system(system, lists, Request(up_to=up_to, settings=("mix",)), folder)
    one, other = (
        json.loads((tmp_path / name / "mp" / "stoichiometry-random.json").read_text())["settings"]["mix"][
            SAMPLING
        ]
        for name in ("unbroken", "broken")
    )
    for rung in ("1000", "10000"):
        for measured in (one, other):
            del measured[rung]["seconds"]
        assert one[rung] == other[rung]


def test_another_seed_starts_a_record_anew(lists: Lists, results: Path, tmp_path: Path) -> None:
    system = System("pseudo-random", "mp", None)
    for seed in (0, 1):
        measure_system(system, lists, Request(up_to=1_000, settings=("mix",), seed=seed), tmp_path)
    record = json.loads((tmp_path / "mp" / "pseudo-random.json").read_text())
    assert record["seed"] == 1
    assert record["settings"]["mix"][SAMPLING]["1000"] != cell(results, "pseudo-random", "mix")


def test_a_generator_with_few_compositions_is_recorded_as_short(lists: Lists, tmp_path: Path) -> None:
    save_generator(StoichiometryRandom.fit(["NaCl", "KBr", "MgO"]), tmp_path / "salts")
    system = systems.find(str(tmp_path / "salts"), "mp")
    measure_system(system, lists, Request(up_to=1_000), tmp_path / "results")
    record = json.loads((tmp_path / "results" / "mp" / "salts.json").read_text())
    assert record["settings"]["mix"][SAMPLING] == {SHORT: {"rung": 1_000}}


def test_samples_without_replacement_and_the_most_probable_ones_are_measured_by_default_conditions(
    lists: Lists, tmp_path: Path
) -> None:
    system = System("gpt2", "mp+oqmd", "gpt2")
    request = Request(up_to=1_000, settings=("default",), methods=(WITHOUT, TOP))
    path = measure_system(system, lists, request, tmp_path)
    measured = json.loads(path.read_text())["settings"]["default"]
    assert measured[WITHOUT]["1000"]["distinct"] == measured[TOP]["1000"]["distinct"] == 1_000
    assert share(measured[TOP]["1000"], "found", TRAINING, "all") > share(
        measured[WITHOUT]["1000"], "found", TRAINING, "all"
    )


def test_tables_hold_what_the_records_do(results: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# A project\n{MARKS[0]}\nold\n{MARKS[1]}\n")
    rendered, _ = write_tables(results, readme)
    measured = cell(results, "gpt2", "mix")["validity"]["smact14"]
    shown = f"{100 * measured['charge_neutral']['share']:.1f} %"
    line = next(line for line in readme.read_text().splitlines() if line.startswith("| `gpt2`"))
    assert shown in line
    assert f"{shown} (" in rendered.read_text()
    assert "old" not in readme.read_text()
    assert all(f"{100 * own.charge_neutral:.1f} %" in rendered.read_text() for own in FIGURES)


def test_pictures_hold_every_system_beside_the_training_rows_and_published_values(
    results: Path, tmp_path: Path
) -> None:
    pytest.importorskip("plotly", reason="pictures need the extra `report`")
    from mattransformer.benchmark.pictures import pictures_of, write_pictures

    drawn = {picture.name: picture for picture in pictures_of("mp", read_all("mp", results))}
    assert list(drawn) == ["mp-validity", "mp-uniqueness", "mp-recovery"]
    bars = json.dumps(drawn["mp-validity"].figure.to_plotly_json(), default=str)
    for name in ("gpt2", "pseudo-random", "training rows", "MATGAN, MP"):
        assert name in bars
    larger = next(pictures_of("mp+oqmd", read_all("mp", results)))
    assert "MATGAN, OQMD" in json.dumps(larger.figure.to_plotly_json(), default=str)
    assert "MATGAN, MP" not in json.dumps(larger.figure.to_plotly_json(), default=str)
    curves = {trace.name: trace for trace in drawn["mp-recovery"].figure.data}
    found = cell(results, "gpt2", "mix")["found"][TEST]
    assert curves["gpt2"].y[-1] == pytest.approx(100 * found["all"]["share"], abs=1e-3)
    note = write_pictures(results, tmp_path)
    assert (tmp_path / "report.html").is_file()
    assert "report.html" in note


def test_the_tables_of_this_project_are_those_of_its_records() -> None:
    home = Path(__file__).resolve().parents[2]
    records = home / "results" / "benchmark"
    assert (records / PAGE).read_text() == "\n".join(page(records)) + "\n"
    start, _, rest = (home / "README.md").read_text().partition(f"{MARKS[0]}\n")
    assert start
    assert rest.partition(f"\n{MARKS[1]}")[0] == "\n".join(short_tables(records))


def test_systems_are_compared_at_the_largest_number_that_all_have(results: Path) -> None:
    records = {
        path.stem: json.loads(path.read_text())
        for path in (results / "mp").glob("*.json")
        if path.stem != "lists"
    }
    assert table_rung(records) == 1_000
    assert table_rung({}) is None


def test_a_system_that_was_measured_on_fewer_suggestions_is_named_below_the_table(
    results: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(results, tmp_path / "results"))
    for name in ("pseudo-random", "another"):
        record = json.loads((results / "mp" / "pseudo-random.json").read_text())
        measured = record["settings"]["mix"][SAMPLING]
        measured["10000"] = measured["1000"]
        (folder / "mp" / f"{name}.json").write_text(json.dumps(record | {"system": name}))
    text = "\n".join(short_tables(folder))
    assert "**MP, the first 10,000 distinct suggestions of each**" in text
    assert "Measured on fewer suggestions, see the page of all tables: `gpt2` (1,000)." in text
    assert "| `gpt2` |" not in text.partition("Rediscovery")[0]


def test_a_language_model_that_is_not_ahead_of_a_baseline_is_named_below_the_table(
    results: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(results, tmp_path / "results"))
    own = json.loads((results / "mp" / "gpt2.json").read_text())
    (folder / "mp" / "pseudo-random.json").write_text(json.dumps(own | {"system": "pseudo-random"}))
    text = "\n".join(short_tables(folder))
    assert "Not ahead of every baseline, *mix*, 1,000: in charge neutrality `gpt2` (best" in text
    assert "EN balance `gpt2` (best of the others: `pseudo-random`)" in text
    assert "charge neutrality `gpt2`" not in "\n".join(short_tables(results))
    assert "Not ahead of every baseline, *mix*, 1,000: in charge neutrality `gpt2` (best" in "\n".join(
        page(folder)
    )
    own["settings"]["mix"][SAMPLING]["10000"] = own["settings"]["mix"][SAMPLING]["1000"]
    for name in ("pseudo-random", "stoichiometry-random", "cvae"):
        (folder / "mp" / f"{name}.json").write_text(json.dumps(own | {"system": name}))
    text = "\n".join(short_tables(folder))
    assert "the first 10,000 distinct suggestions of each" in text
    assert "Not ahead of every baseline, *mix*, 1,000: in charge neutrality `gpt2` (best" in text


def test_the_page_says_how_far_each_system_was_measured_and_what_was_not_run(results: Path) -> None:
    lines = list(page(results))
    start = next(at for at, text in enumerate(lines) if "measured at most" in text)
    rows = [text for text in lines[start : start + 20] if text.startswith("| `")]
    assert "| `gpt2` | 1,000 | – | 1,000 | – |" in rows
    assert "| `matgan` | – | – | – | – |" in rows


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"up_to": 50_000}, "choose one of 1,000, 10,000"),
        ({"settings": ("loose",)}, "no setting 'loose'"),
        ({"methods": ("guessing",)}, "no method 'guessing'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(BenchmarkError, match=words):
        Request(**wanted)


def test_a_system_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(BenchmarkError, match="neither a system of the data set mp nor a folder"):
        systems.find("gpt5", "mp")


def test_a_checkpoint_that_is_missing_is_told_with_the_command_that_makes_it(
    lists: Lists, tmp_path: Path
) -> None:
    system = systems.find("gpt", "mp", Path("configs"), tmp_path)
    with pytest.raises(BenchmarkError, match=r"mattransformer train configs/gpt-mp-small\.yaml"):
        systems.open_source(system, lists, "mix")


def test_a_training_that_was_cut_off_is_not_measured(lists: Lists, tmp_path: Path) -> None:
    """Trainings keep a checkpoint on the way, which is not what a finished one ends with."""
    save_generator(StoichiometryRandom.fit(["NaCl", "KBr"]), tmp_path / "matgan-mp")
    for done, cut_off in ((17_000, 17_000), (18_000, None)):
        record = {"steps": done, "config": {"steps": 18_000}}
        (tmp_path / "matgan-mp" / "run.json").write_text(json.dumps(record))
        system = systems.find("matgan", "mp", Path("configs"), tmp_path)
        assert (system.missing, system.cut_off) == (False, cut_off)
        if cut_off:
            with pytest.raises(BenchmarkError, match="cut off after 17,000 steps; add --train"):
                systems.open_source(system, lists, "mix")


def test_a_generator_that_learned_from_pure_rows_is_measured_in_that_setting_alone(tmp_path: Path) -> None:
    assert systems.find("matgan-pure", "mp").config == Path("configs/matgan-mp-pure.yaml")
    save_generator(StoichiometryRandom.fit(["NaCl", "KBr"]), tmp_path / "matgan-mp-pure")
    record = {"steps": 9_000, "config": {"steps": 9_000, "variant": "pure"}}
    (tmp_path / "matgan-mp-pure" / "run.json").write_text(json.dumps(record))
    assert systems.find("matgan-pure", "mp", Path("configs"), tmp_path).settings == ("pure",)


def test_the_short_table_shows_a_generator_beside_itself_trained_on_strict_rows(
    results: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(results, tmp_path / "results"))
    measured = json.loads((results / "mp" / "pseudo-random.json").read_text())
    for name, setting in (("matgan", "mix"), ("matgan-strict", "strict")):
        own = measured | {"system": name, "settings": {setting: measured["settings"][setting]}}
        (folder / "mp" / f"{name}.json").write_text(json.dumps(own))
    text = "\n".join(short_tables(folder))
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| `")}
    assert rows["`matgan`"].split("|")[2:] == rows["`pseudo-random`"].split("|")[2:]
    assert "`matgan-strict`" not in rows


def test_a_language_model_of_the_benchmark_is_trained_and_one_that_was_cut_off_is_trained_on(
    lists: Lists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "salts.csv").write_text("\n".join(["composition", *SALTS]))
    config = tmp_path / "gpt2-mp-small.yaml"
    config.write_text(
        f"corpora: [{tmp_path / 'salts.csv'}]\noutput: elsewhere\nepochs: 2\nthreads: 1\ntokens_per_batch: 128\n"
        "sizes: {n_layer: 1, n_embd: 32, n_head: 2}\n"
    )
    system = systems.find("gpt2", "mp", tmp_path, tmp_path / "runs")
    assert system.missing

    def save_and_stop(*arguments: Any) -> None:
        save_state(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train_system(system)
    monkeypatch.undo()
    assert not system.missing
    assert system.cut_off is not None
    with pytest.raises(BenchmarkError, match=r"gpt2 on mp: the training in .* was cut off after"):
        systems.open_source(system, lists, "mix")
    own = systems.find(str(system.checkpoint), "mp")
    with pytest.raises(BenchmarkError, match="run mattransformer train with its configuration and --resume"):
        systems.open_source(own, lists, "mix")
    train_system(system)
    assert system.cut_off is None
    assert isinstance(systems.open_source(system, lists, "mix"), LanguageModelSource)


def test_a_request_that_means_nothing_to_any_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="none of these systems has what was asked for"):
        run(["pseudo-random"], ["mp"], Request(methods=(TOP,)), tmp_path, tmp_path, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_has_no_checkpoint_is_left_out_or_where_it_was_named_refused_before_anything_is_measured(
    lists: Lists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mattransformer.benchmark.run.read_lists", lambda data: lists)
    monkeypatch.setattr(systems, "LANGUAGE_MODELS", ("gpt",))
    monkeypatch.setattr(systems, "KEPT", tmp_path)
    request = Request(up_to=1_000, settings=("mix",))
    with pytest.raises(BenchmarkError, match=r"gpt on mp has no checkpoint in .*: add --train, or run"):
        run(["pseudo-random", "gpt"], ["mp"], request, tmp_path / "a", Path("configs"), tmp_path)
    assert not (tmp_path / "a").exists()
    run([], ["mp"], request, tmp_path / "b", Path("configs"), tmp_path)
    assert {path.stem for path in (tmp_path / "b" / "mp").iterdir()} == {
        *("lists", "pseudo-random", "stoichiometry-random")
    }
    assert "left out: gpt on mp has no checkpoint" in caplog.text


def test_what_records_hold_is_measured_again_by_one_command_and_is_the_same(
    lists: Lists, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, anew = tmp_path / "earlier", tmp_path / "anew"
    shutil.copytree(results, earlier)
    (earlier / "mp" / "gpt2.json").unlink()  # of MP it has no checkpoint here
    monkeypatch.setattr(again, "read_lists", lambda data: lists)
    with pytest.raises(SystemExit) as ended:
        main(["benchmark", "--again", str(earlier), "--results", str(anew)])
    assert ended.value.code == 0
    assert (anew / "mp" / "lists.json").read_text() == (earlier / "mp" / "lists.json").read_text()
    for setting in ("mix", "strict"):
        one, other = (cell(folder, "pseudo-random", setting) for folder in (earlier, anew))
        assert one.pop("seconds") >= 0
        assert other.pop("seconds") >= 0
        assert one == other
    assert (anew / PAGE).is_file()


def test_records_are_not_measured_again_into_their_own_folder_nor_from_none(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, words in ((results, "name another one in --results"), (tmp_path, "has no records")):
        with pytest.raises(SystemExit):
            main(["benchmark", "--again", str(folder), "--results", str(results)])
        message = capsys.readouterr().err
        assert words in message
        assert message.count("\n") == 1


def test_records_of_this_project_are_all_of_systems_that_can_be_measured_again() -> None:
    home = Path(__file__).resolve().parents[2]
    wanted = list(again.recorded(home / "results" / "benchmark"))
    assert len(wanted) > 50
    for own in wanted:
        system = systems.find(own.system, own.data, home / "configs", home / "runs")
        assert system.config is None or system.config.is_file()


def test_lists_of_the_real_corpora_are_apart_where_they_should_be(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTRANSFORMER_DATA", str(shared_data))
    real = read_lists("mp")
    for name in ("validation", TEST, ICSD):
        assert (real.training.find(real.sought[name]) < 0).all()
    outside = real.sought["icsd outside mp and oqmd"]
    assert not real.known.lists(outside.compositions).any()
    assert (real.sought[ICSD].find(outside) >= 0).all()
    assert real.sought[TRAINING].find(real.sought[TRAINING + MATRICES]).min() >= 0
    assert len(real.sought[TRAINING + MATRICES]) < len(real.training)
    assert set(real.sha256) == {"mp", "icsd"}


def test_every_system_but_the_random_and_the_shipped_ones_has_a_configuration() -> None:
    configs = Path(__file__).resolve().parents[2] / "configs"
    trained = [
        systems.find(name, data, configs) for data in ("mp", "mp+oqmd") for name in systems.names(data)
    ]
    assert all(system.config.is_file() for system in trained if system.config is not None)
    assert {system.name for system in trained if system.config is None and system.data == "mp"} == set(
        systems.RANDOM
    )


def test_a_record_of_something_else_is_left_alone(lists: Lists, tmp_path: Path) -> None:
    path = tmp_path / "mp" / "pseudo-random.json"
    path.parent.mkdir()
    path.write_text('{"kind": "suite"}')
    with pytest.raises(BenchmarkError, match="is no record of the benchmark"):
        measure_system(System("pseudo-random", "mp", None), lists, Request(up_to=1_000), tmp_path)
    assert path.read_text() == '{"kind": "suite"}'
