"""What every generator that language models are compared with has to do: learn, keep, draw by seed, and resume."""

from __future__ import annotations

import functools
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import mattransformer as mt
from mattransformer.baselines.adversarial import AdversarialMethod
from mattransformer.baselines.answers import COLUMNS, composition_table
from mattransformer.baselines.checkpoints import NAMES, is_generator, load_generator, save_generator
from mattransformer.baselines.config import (
    CganConfig,
    CvaeConfig,
    GeneratorConfig,
    MatganConfig,
    load_generator_config,
    names_generator,
)
from mattransformer.baselines.drawing import DrawingGenerator
from mattransformer.baselines.matgan import MATGAN, MatganGenerator, sizes_of, with_settled_norms
from mattransformer.baselines.pseudo_random import PseudoRandom, StoichiometryRandom
from mattransformer.baselines.recipes import recipe_of
from mattransformer.baselines.training import train_generator
from mattransformer.baselines.variational import VariationalMethod
from mattransformer.cli import main
from mattransformer.data.corpora import load_corpus
from mattransformer.data.known import KnownFormulas
from mattransformer.elements import PAULING
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation.generator import Generator
from mattransformer.models.checkpoints import CheckpointError, find_checkpoint
from mattransformer.training.state import TrainingError

TRAINED = ("matgan", "cgan", "cvae")
SHIPPED = [
    path for path in sorted((Path(__file__).parents[2] / "configs").glob("*.yaml")) if names_generator(path)
]


@functools.cache
def formulas() -> list[str]:
    """Binary and ternary compounds of the embedded corpus with few atoms, which little training reaches."""
    listed = load_corpus("mp-transport").table["formula"].tolist()
    small = [text for text in listed if Formula.parse(text).atoms <= 5]
    return small[:: max(1, len(small) // 1500)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """These compounds, each with an energy that follows from its electronegativities."""
    path = tmp_path_factory.mktemp("corpus") / "small.csv"
    lines = ["formula,formation_energy_per_atom"]
    for text in formulas():
        values = [PAULING.get(symbol, 0.0) for symbol in Formula.parse(text).elements]
        lines.append(f"{text},{min(values) - max(values):.3f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def settings(name: str, corpus: Path, folder: Path, **changes: Any) -> GeneratorConfig:
    """A training of some seconds."""
    configs: dict[str, GeneratorConfig] = {
        "matgan": MatganConfig(
            str(folder), width=32, steps=30, measure_every=10, critic_learning_rate=1e-3, critic_steps=3
        ),
        "cgan": CganConfig(
            str(folder), widths=[64, 64], steps=300, measure_every=100, critic_learning_rate=3e-3
        ),
        "cvae": CvaeConfig(str(folder), widths=[64, 64], steps=900, measure_every=300, kl_weight=1e-3),
    }
    values = {"corpora": [str(corpus)], "batch_size": 64, "learning_rate": 3e-3}
    return changed(configs[name], threads=1, average_steps=20, **values | changes)


def changed(config: GeneratorConfig, **changes: Any) -> GeneratorConfig:
    """Replace settings that only some generators have."""
    return type(config)(**config.as_dict() | changes)


@pytest.fixture(scope="module")
def trained_folders(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A short training of every generator that has one."""
    root = tmp_path_factory.mktemp("trained")
    for name in TRAINED:
        train_generator(settings(name, corpus, root / name))
    return {name: root / name for name in TRAINED}


def varied_matgan() -> MATGAN:
    """A generator whose matrices hold some ones, as only a long training would give: its last layer is scaled up."""
    torch.manual_seed(0)
    network = MatganGenerator(sizes_of("small", 16))
    last = network.deconvolutions[-1]
    assert isinstance(last, torch.nn.ConvTranspose2d)
    with torch.no_grad():
        last.weight *= 9
    return MATGAN(with_settled_norms(network))


@pytest.fixture(scope="module")
def folders(trained_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of every generator."""
    root = tmp_path_factory.mktemp("generators")
    made = [PseudoRandom.fit(formulas()), StoichiometryRandom.fit(formulas()), varied_matgan()]
    for generator in made:
        save_generator(generator, root / generator.name)
    return {**trained_folders, **{generator.name: root / generator.name for generator in made}}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def generator(name: str, folders: dict[str, Path]) -> DrawingGenerator:
    return load_generator(folders[name])


# Drawing


def test_n_distinct_reduced_formulas_within_the_limits_come(generator: Generator) -> None:
    table = generator.generate(30, seed=3)
    parsed = [Formula.parse(text) for text in table["formula"]]
    assert len({formula.reduced for formula in parsed}) == 30
    assert [formula.reduced_formula for formula in parsed] == table["formula"].tolist()
    assert all(2 <= len(formula.elements) <= 8 and formula.atoms <= 30 for formula in parsed)


def test_the_table_says_how_often_was_drawn_and_what_failed(generator: DrawingGenerator, name: str) -> None:
    table = generator.generate(30, seed=3)
    assert table.attrs["settings"] == {"generator": name, "seed": 3}
    draws = generator.sample(table.attrs["drawn"], seed=3)
    assert draws.failures() == table.attrs["failures"]
    good = draws.compositions.take(np.flatnonzero(draws.failure == 0))
    assert len(set(good.fingerprints().tolist())) == 30
    # The last draw is the one that brought the thirtieth.
    assert draws.failure[-1] == 0
    assert draws.compositions.formula(len(draws) - 1).reduced_formula == table["formula"].iloc[-1]


def test_a_seed_decides_the_formulas_and_another_gives_others(generator: Generator) -> None:
    first = generator.generate(30, seed=3)["formula"].tolist()
    assert generator.generate(30, seed=3)["formula"].tolist() == first
    assert generator.generate(30, seed=4)["formula"].tolist() != first


def test_fewer_formulas_are_the_beginning_of_more(generator: Generator) -> None:
    more = generator.generate(30, seed=3)["formula"].tolist()
    assert generator.generate(7, seed=3)["formula"].tolist() == more[:7]


def test_drawing_leaves_the_random_numbers_of_the_user_alone(generator: DrawingGenerator) -> None:
    before = torch.get_rng_state()
    generator.sample(10, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


# Checkpoints


def test_a_saved_generator_draws_the_same(generator: DrawingGenerator, tmp_path: Path) -> None:
    save_generator(generator, tmp_path / "copy")
    again = load_generator(tmp_path / "copy")
    assert type(again) is type(generator)
    ours, theirs = generator.sample(500, seed=1), again.sample(500, seed=1)
    for array in ("starts", "numbers", "amounts"):
        assert np.array_equal(getattr(ours.compositions, array), getattr(theirs.compositions, array))


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("file", "change", "reason"),
    [
        ("model.safetensors", lambda content: content[:100], "is truncated"),
        ("model.safetensors", lambda content: pickle.dumps(["SrTiO3"]), "is a pickle by another name"),
        ("config.json", lambda content: content[:20], "is damaged: not JSON"),
        (
            "config.json",
            lambda content: b'{"generator": "gpt2"}',
            "generator 'gpt2' is none of pseudo-random",
        ),
        (
            "config.json",
            lambda content: b'{"architectures": []}',
            "open a language model with mattransformer.load",
        ),
    ],
)
def test_a_damaged_or_foreign_checkpoint_is_told_in_one_line(
    file: str,
    change: Callable[[bytes], bytes],
    reason: str,
    folders: dict[str, Path],
    name: str,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "copy"
    save_generator(load_generator(folders[name]), folder)
    damage(folder / file, change)
    with pytest.raises(CheckpointError, match=reason) as refused:
        load_generator(folder)
    assert "\n" not in str(refused.value)


def test_weights_of_another_generator_do_not_fit(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    save_generator(load_generator(folders[name]), folder)
    other = "matgan" if name != "matgan" else "cgan"
    (folder / "model.safetensors").write_bytes((folders[other] / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match=r"does not fit .*; copy both files from the same checkpoint"):
        load_generator(folder)


def test_what_only_a_language_model_can_do_names_the_generator_and_the_way_out(
    folders: dict[str, Path], name: str
) -> None:
    assert is_generator(folders[name])
    with pytest.raises(CheckpointError) as refused:
        mt.load(folders[name])
    assert str(refused.value) == (
        f"{folders[name]} holds the generator {name!r}, which is no language model; draw from it with "
        "`mattransformer generate`, or open it with mattransformer.baselines.checkpoints.load_generator"
    )


def test_a_language_model_is_no_generator_and_what_cannot_be_read_is_neither(tmp_path: Path) -> None:
    assert not is_generator(find_checkpoint("gpt2"))
    assert not is_generator(tmp_path)
    (tmp_path / "config.json").write_text('{"generator"', encoding="utf-8")
    assert not is_generator(tmp_path)


# The table


def test_the_table_has_the_verdicts_of_the_screening_in_the_order_of_the_draws(
    generator: DrawingGenerator,
) -> None:
    drawn = generator.generate(20, seed=3)
    known = drawn["formula"].tolist()[:5]
    table = composition_table(generator, 20, seed=3, oxidation_states="icsd24", known=known)
    assert tuple(table) == COLUMNS
    assert table["formula"].tolist() == drawn["formula"].tolist()
    assert table.attrs == drawn.attrs
    assert not table["novel"][:5].any()
    for verdict in COLUMNS[1:4]:
        expected = mt.screen(table["formula"], oxidation_states="icsd24")[verdict]
        assert table[verdict].tolist() == expected.tolist()


# Training


def history(folder: Path) -> list[dict[str, Any]]:
    entries = json.loads((folder / "run.json").read_text(encoding="utf-8"))["history"]
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in entries]


@pytest.mark.parametrize("trained", TRAINED)
def test_training_learns(trained: str, trained_folders: dict[str, Path]) -> None:
    first, *_, last = history(trained_folders[trained])
    if trained != "matgan":  # which takes more than some seconds to give a composition
        assert last["samples"]["within_limits"] > 0.05
    if trained == "cvae":
        assert last["losses"]["squared_error"] < 0.8 * first["losses"]["squared_error"]
    else:  # the gradient of the critic, nearly 0 at first, comes to have norm 1
        assert last["losses"]["penalty"] < 0.1
        assert last["losses"]["penalty"] < first["losses"]["penalty"] / 3
    if trained == "cgan":
        assert last["losses"]["condition_error"] < 0.8 * first["losses"]["condition_error"]


@pytest.mark.parametrize("trained", TRAINED)
def test_the_record_says_what_the_generator_was_made_from(
    trained: str, trained_folders: dict[str, Path], corpus: Path
) -> None:
    record = json.loads((trained_folders[trained] / "run.json").read_text(encoding="utf-8"))
    config = settings(trained, corpus, trained_folders[trained])
    assert record["config"] == {**config.as_dict(), "output": trained}
    assert record["steps"] == config.steps
    assert len(record["data"]["sha256"]) == 64
    train = record["data"]["splits"]["train"]
    assert record["rows"]["train"] + sum(record["rows"]["left_out"].values()) == train
    assert {"generator"} < set(record["model"]["parameters"])
    assert record["versions"]["torch"]
    assert record["seconds"] > 0


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_a_configuration_that_ships_does_a_step(path: Path, corpus: Path, tmp_path: Path) -> None:
    overrides = [f"output={tmp_path}", f"corpora=[{corpus}]", "limit=50", "batch_size=4"]
    losses = recipe_of(load_generator_config(path, overrides)).method.step()
    assert losses
    assert all(math.isfinite(loss) for loss in losses.values())


class Killed(BaseException):
    """Ends a training as a kill would: nothing is saved any more."""


def interrupt(method: type[Any], after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the training die in the step after so many."""
    step = method.step
    done = 0

    def dying(self: Any) -> dict[str, float]:
        nonlocal done
        done += 1
        if done > after:
            raise Killed
        losses: dict[str, float] = step(self)
        return losses

    monkeypatch.setattr(method, "step", dying)


@pytest.mark.parametrize("trained", TRAINED)
def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(
    trained: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = (
        settings(trained, corpus, tmp_path / run, steps=12, measure_every=4) for run in ("whole", "killed")
    )
    train_generator(whole)
    with monkeypatch.context() as patch:
        interrupt(VariationalMethod if trained == "cvae" else AdversarialMethod, 6, patch)
        with pytest.raises(Killed):
            train_generator(killed)
    assert [entry["step"] for entry in history(Path(killed.output))] == [4]
    train_generator(killed, resume=True)
    assert history(Path(killed.output)) == history(Path(whole.output))
    weights = [Path(run.output) / "model.safetensors" for run in (whole, killed)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    states = [load_file(Path(run.output) / "state.safetensors") for run in (whole, killed)]
    assert states[0].keys() == states[1].keys()
    assert all(tensor.equal(states[1][key]) for key, tensor in states[0].items())


def test_a_run_is_not_overwritten_and_only_resumed_as_it_was(corpus: Path, tmp_path: Path) -> None:
    config = settings("cvae", corpus, tmp_path / "run", steps=4, measure_every=2)
    with pytest.raises(TrainingError, match="nothing to resume"):
        train_generator(config, resume=True)
    first = train_generator(config)
    with pytest.raises(TrainingError, match="holds a run already; add --resume"):
        train_generator(config)
    with pytest.raises(TrainingError, match=r"belongs to another run: kl_weight was 0\.001, now 0\.5"):
        train_generator(changed(config, kl_weight=0.5), resume=True)
    again = train_generator(config, resume=True)
    assert (again.steps, again.samples) == (first.steps, first.samples)
    state = tmp_path / "run" / "state.safetensors"
    damage(state, lambda content: content[:1000])
    with pytest.raises(TrainingError, match=r"state\.safetensors is damaged"):
        train_generator(config, resume=True)
    state.unlink()
    with pytest.raises(TrainingError, match="holds a checkpoint, which would be replaced"):
        train_generator(config)


def test_a_loss_that_is_no_number_ends_in_one_line(corpus: Path, tmp_path: Path) -> None:
    config = settings("cgan", corpus, tmp_path / "run", learning_rate=1.0, critic_learning_rate=1.0)
    with pytest.raises(TrainingError, match=r"is (nan|inf|-inf) at step \d+; start again with lower"):
        train_generator(changed(config, gradient_penalty=1000.0, steps=3000, betas=[0.9, 0.0]))


def test_only_training_rows_are_learned_from(corpus: Path, tmp_path: Path) -> None:
    recipe = recipe_of(settings("cvae", corpus, tmp_path))
    held_out = load_corpus(str(corpus)).table.query("split != 'train'")["formula"]
    learned = {recipe.rows.formula(at).reduced_formula for at in range(len(recipe.rows))}
    assert len(held_out) > 50
    assert not KnownFormulas.of(learned).contains(held_out.tolist()).any()


def test_matgan_learns_from_rows_that_fit_and_conditional_networks_from_rows_with_the_property(
    tmp_path: Path,
) -> None:
    path = tmp_path / "few.csv"
    path.write_text(
        "formula,formation_energy_per_atom\nSrTiO3,-3.5\nNaCl,-2.1\nAl2(SO4)3,\nMgO,-3\nCaO,-3.2\n", "utf-8"
    )
    splits = load_corpus(str(path)).table.set_index("formula")["split"]
    training = int((splits == "train").sum())
    assert splits["Al2(SO4)3"] == "train"
    matgan = recipe_of(settings("matgan", path, tmp_path))
    assert (len(matgan.rows), matgan.left_out) == (training - 1, {"does not fit into the matrix": 1})
    cvae = recipe_of(settings("cvae", path, tmp_path))
    assert (len(cvae.rows), cvae.left_out) == (training - 1, {"no formation_energy_per_atom": 1})


@pytest.mark.parametrize(
    ("trained", "text", "reason"),
    [
        (
            "matgan",
            "formula\nAl2(SO4)3\n",
            "has no training row that fits into 85 elements and 8 atoms of each",
        ),
        ("cgan", "formula\nNaCl\n", "has no formation_energy_per_atom; choose corpora that have it"),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(
    trained: str, text: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "few.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MattransformerError, match=reason):
        recipe_of(settings(trained, path, tmp_path))


# Command line


def test_the_command_trains_a_generator_and_tells_what_its_samples_are_like(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "tiny.yaml"
    config.write_text(
        f"generator: cvae\ncorpora: ['{corpus}']\nsteps: 3\noutput: {tmp_path / 'run'}\n", "utf-8"
    )
    with pytest.raises(SystemExit) as ended:
        main(["train", str(config), "threads=1"])
    assert ended.value.code == 0
    assert "3 steps" in capsys.readouterr().out
    assert load_generator(tmp_path / "run").name == "cvae"
    with pytest.raises(SystemExit) as ended:
        main(["train", str(config), "kl_wieght=1"])
    assert ended.value.code == 2
    assert "unknown key 'kl_wieght'; did you mean 'kl_weight'?" in capsys.readouterr().err


def test_the_command_generates_from_the_folder_of_any_generator(
    folders: dict[str, Path], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "drawn.csv"
    with pytest.raises(SystemExit) as ended:
        main(["generate", "--model", str(folders[name]), "-n", "20", "--seed", "3", "-o", str(output)])
    assert ended.value.code == 0
    table = pd.read_csv(output, keep_default_na=False)
    pd.testing.assert_frame_equal(
        table, composition_table(load_generator(folders[name]), 20, seed=3), check_dtype=False
    )
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == f"{folders[name]} (generator {name}, seed 3)"
    assert last == f"written to {output}: 20 rows"
