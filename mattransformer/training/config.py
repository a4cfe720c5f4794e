"""The configuration of a training: a YAML file, and `key=value` changes to it.

    architecture: gpt2
    preset: small
    corpora: [mp-transport]
    output: runs/gpt2-small

Every key but `output` may be left out; a key that does not exist is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from mattransformer.errors import MattransformerError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)


class ConfigError(MattransformerError):
    """A configuration that cannot be read or makes no sense."""


@dataclass(frozen=True)
class TrainingConfig:
    """What decides a trained model.

    Attributes:
        output: folder of the checkpoint, the resumable state, the record and the logs.
        architecture: a row of the architecture table, for example `gpt2`.
        preset: `small` or `published`.
        sizes: settings that replace those of the preset, by the names of the Hugging Face configuration.
        init_from: checkpoint (name or folder) whose weights are trained on; architecture, preset and sizes are its own.
        corpora: names of corpora and files.
        column: formula column of the files, where it is not found by itself.
        variant: `mix` trains on all rows, `pure` and `strict` on those only.
        weights: source to how often its rows are seen an epoch; 1 where it is not named.
        limit: train on that many rows only, drawn by the seed; None for all.
        epochs: passes over the weighted rows.
        stop_after: passes after which the training ends, with the schedule of `epochs` all the same; None for all.
        tokens_per_batch: tokens an optimizer step, all processes together.
        learning_rate: peak of the schedule.
        warmup_steps: steps of linear rise to the peak; a cosine falls from there to `final_learning_rate`.
        final_learning_rate: share of the peak at the end.
        optimizer: `adamw`, or `muon` for the matrices between layers, with AdamW for the rest.
        weight_decay: on matrices only.
        betas: of AdamW.
        clip: largest norm of the gradient.
        dropout: share of activations dropped.
        average_steps: the weights that are kept are a running mean over about that many steps; 0 keeps the last ones.
        analogues: how many compositions one swapped element away from the rows, best first, are learned beside them;
            0 for none. See `data.analogues`.
        analogue_rows: how many of them an epoch, drawn in proportion to their scores.
        analogues_of: source of the rows that have them; None for the first of the corpora.
        own_samples: how many samples of itself, drawn and screened at the start of each epoch, teach the model the
            rules of its conditions beside the rows; 0 for none. See `generation.self_training`.
        own_weight: how much an own sample counts beside a row, for what it gains or misses.
        own_kept: how much an own sample that keeps the rule counts as a row.
        own_repeats: how much an own sample that repeats a row counts as a miss, from 0 to 1.
        own_unlikely: how much an own sample that is neither a row nor an analogue counts as a miss, from 0 to 1, under
            the source that has analogues.
        own_crowding: how much every draw of an own sample after its first counts as a miss, from 0 to 1.
        own_spread: from 0, where an own sample gains by how often it was drawn, to 1, where all that gain do so alike.
        own_balance: how much own samples are held to the rows' shares of two, three, … elements, from 0 to 1.
        rule_weight: how much the probability of an end that breaks the rule of its condition counts beside the
            likelihood, for rows and own samples; 0 asks for no rule. See `objectives.losses`.
        teacher: causal checkpoint (name or folder) whose probabilities of every next token are learned on own samples,
            of which half are the teacher's. `own_weight` and all else of own samples do not matter then. See
            `generation.teaching`.
        keep: `best` keeps the weights with the lowest validation loss, `last` the newest ones.
        evaluations_per_epoch: how often the validation loss is measured and the state saved.
        patience: evaluations without a better validation loss before the training stops; 0 never stops early.
        validation_rows: most rows the validation loss is measured on; None for all.
        seed: decides weights, batches and dropout.
        threads: threads a process; None leaves them to torch.
        precision: `auto` computes in bfloat16 where the processor has it, `bf16` and `fp32` insist.
    """

    output: str
    architecture: str = "gpt2"
    preset: str = "small"
    sizes: dict[str, Any] = field(default_factory=dict)
    init_from: str | None = None
    corpora: list[str] = field(default_factory=lambda: ["mp-transport"])
    column: str | None = None
    variant: str = "mix"
    weights: dict[str, float] = field(default_factory=dict)
    limit: int | None = None
    epochs: float = 20.0
    stop_after: int | None = None
    tokens_per_batch: int = 6144
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    final_learning_rate: float = 0.02
    optimizer: str = "adamw"
    weight_decay: float = 0.1
    betas: list[float] = field(default_factory=lambda: [0.9, 0.95])
    clip: float = 1.0
    dropout: float = 0.0
    average_steps: int = 1000
    analogues: int = 0
    analogue_rows: int = 0
    analogues_of: str | None = None
    own_samples: int = 0
    own_weight: float = 1.0
    own_kept: float = 0.0
    own_repeats: float = 0.0
    own_unlikely: float = 0.0
    own_crowding: float = 0.0
    own_spread: float = 0.0
    own_balance: float = 0.0
    rule_weight: float = 0.0
    teacher: str | None = None
    keep: str = "best"
    evaluations_per_epoch: int = 1
    patience: int = 5
    validation_rows: int | None = 20_000
    seed: int = 0
    threads: int | None = None
    precision: str = "auto"

    def __post_init__(self) -> None:
        """Check types and ranges.

        Raises:
            ConfigError: names the key, its value and what is allowed.
        """
        for key, (test, allowed) in RANGES.items():
            value = getattr(self, key)
            if not test(value):
                raise ConfigError(f"{key}: {value!r} is not possible; {allowed}")
        if self.own_samples and self.evaluations_per_epoch != 1:
            raise ConfigError(
                "evaluations_per_epoch: own samples come from the weights at the start of an epoch, where alone a run "
                "can be resumed; set it to 1"
            )

        if self.teacher is not None and not self.own_samples:
            raise ConfigError(
                "teacher: it teaches on own samples; set own_samples, how many are drawn an epoch"
            )
        if self.teacher is not None and self.analogue_rows:
            raise ConfigError("teacher: it teaches own samples and no analogues; set analogue_rows to 0")
        if bool(self.analogue_rows) > bool(self.analogues):
            raise ConfigError(
                "analogue_rows: there are none without analogues; set analogues, how many are ranked"
            )
        if self.analogues and not (self.analogue_rows or self.own_unlikely):
            raise ConfigError(
                "analogues: none of them is used; set analogue_rows, how many are seen an epoch"
            )
        if self.own_unlikely and not self.analogues:
            raise ConfigError(
                "own_unlikely: without analogues every new composition is unlikely; set analogues"
            )

    def as_dict(self) -> dict[str, Any]:
        """Give the configuration as plain values, in the order of the attributes."""
        return asdict(self)


def number(low: float, high: float, *, above: bool = False) -> tuple[Any, str]:
    """Give a test of numbers in a range, and what is allowed in words."""

    def test(value: Any) -> bool:  # noqa: ANN401 - any YAML value
        inside = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return bool(inside and not (above and value == low))

    return test, f"give a number {'above' if above else 'from'} {low:g} to {high:g}"


def whole(low: int, high: int = 2**53, *, optional: bool = False) -> tuple[Any, str]:
    """Give a test of whole numbers in a range, and what is allowed in words."""

    def test(value: Any) -> bool:  # noqa: ANN401
        return (optional and value is None) or (
            isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        )

    limit = f" to {high}" if high < 2**53 else ""
    return test, f"give a whole number from {low}{limit}{' or null' if optional else ''}"


def choice(*values: str) -> tuple[Any, str]:
    """Give a test of one of some values, and what is allowed in words."""
    return (lambda value: value in values), f"choose one of {', '.join(values)}"


def text(*, optional: bool = False) -> tuple[Any, str]:
    """Give a test of texts that are not empty, and what is allowed in words."""
    return (
        lambda value: (optional and value is None) or (isinstance(value, str) and bool(value))
    ), "give a text"


RANGES: dict[str, tuple[Any, str]] = {
    "output": text(),
    "architecture": text(),
    "preset": text(),
    "init_from": text(optional=True),
    "column": text(optional=True),
    "sizes": (lambda value: isinstance(value, dict), "give settings by name, such as {n_layer: 2}"),
    "corpora": (
        lambda value: (
            isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)
        ),
        "give a list of corpora or files",
    ),
    "weights": (
        lambda value: (
            isinstance(value, dict) and all(number(0, 1000)[0](weight) for weight in value.values())
        ),
        "give a number from 0 to 1000 a source, such as {mp: 2}",
    ),
    "variant": choice("mix", "pure", "strict"),
    "limit": whole(1, optional=True),
    "epochs": number(0, 1e6, above=True),
    "stop_after": whole(1, optional=True),
    "tokens_per_batch": whole(1),
    "learning_rate": number(0, 1, above=True),
    "warmup_steps": whole(0),
    "final_learning_rate": number(0, 1),
    "optimizer": choice("adamw", "muon"),
    "weight_decay": number(0, 10),
    "betas": (
        lambda value: (
            isinstance(value, list) and len(value) == 2 and all(number(0, 0.999999)[0](b) for b in value)
        ),
        "give two numbers from 0 to below 1",
    ),
    "clip": number(0, 1e6, above=True),
    "dropout": number(0, 0.9),
    "average_steps": whole(0),
    "analogues": whole(0),
    "analogue_rows": whole(0),
    "analogues_of": text(optional=True),
    "own_samples": whole(0),
    "own_weight": number(0, 100),
    "own_kept": number(0, 100),
    "own_repeats": number(0, 1),
    "own_unlikely": number(0, 1),
    "own_crowding": number(0, 1),
    "own_spread": number(0, 1),
    "own_balance": number(0, 1),
    "rule_weight": number(0, 100),
    "teacher": text(optional=True),
    "keep": choice("best", "last"),
    "evaluations_per_epoch": whole(1),
    "patience": whole(0),
    "validation_rows": whole(1, optional=True),
    "seed": whole(0),
    "threads": whole(1, 1024, optional=True),
    "precision": choice("auto", "bf16", "fp32"),
}


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainingConfig:
    """Read a configuration.

    Args:
        path: a YAML file.
        overrides: `key=value`, the value as in YAML; `key.name=value` reaches into `sizes` and `weights`.

    Returns:
        The configuration.

    Raises:
        ConfigError: a missing or broken file, an unknown key (the nearest known one is named), a value out of range.
    """
    settings = read_settings(path)
    for override in overrides:
        apply_override(settings, override)
    return config_from(settings, str(path))


def read_settings(path: str | Path, example: str = "architecture: gpt2") -> dict[str, Any]:
    """Read the settings of a YAML file as they stand.

    Raises:
        ConfigError: a missing or broken file.
    """
    import yaml

    try:
        settings = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or error}; give a YAML file, such as those in configs/"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} holds no settings: write lines such as {example!r}")
    return settings


def config_from(settings: dict[str, Any], origin: str) -> TrainingConfig:
    """Make a configuration from plain values.

    Args:
        settings: key to value.
        origin: what an error names.

    Returns:
        The configuration.

    Raises:
        ConfigError: an unknown or missing key, or a value out of range.
    """
    return filled(TrainingConfig, settings, origin)


def filled(kind: type[T], settings: dict[str, Any], origin: str, keys: str = "the keys") -> T:
    """Make a configuration of any kind; see `config_from`."""
    known = [entry.name for entry in fields(kind)]
    for key in settings:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"{keys} are {', '.join(known)}"
            raise ConfigError(f"{origin}: unknown key {key!r}; {hint}")
    if "output" not in settings:
        raise ConfigError(
            f"{origin}: the key 'output' is missing; name the folder that the checkpoint goes to"
        )
    kinds = get_type_hints(kind)
    return kind(**{key: as_float(value) if kinds[key] is float else value for key, value in settings.items()})


def as_float(value: Any) -> Any:  # noqa: ANN401 - what is no number is judged by the ranges
    """Read what YAML has as a text or a whole number as a number, where it is one."""
    # YAML 1.1 reads 2e-3, without a point, as a text.
    try:
        return float(value) if isinstance(value, str | int) and not isinstance(value, bool) else value
    except ValueError:
        return value


def apply_override(settings: dict[str, Any], override: str) -> None:
    """Change settings by `key=value`; see `load_config`."""
    import yaml

    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{override!r} is no setting: write key=value, for example epochs=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{override!r}: the value is not YAML") from error
    outer, dot, inner = key.partition(".")
    if not dot:
        settings[key] = value
        return
    if outer not in ("sizes", "weights"):
        raise ConfigError(f"{override!r}: only sizes and weights have inner keys")
    inside = settings.setdefault(outer, {})
    if not isinstance(inside, dict):
        raise ConfigError(f"{override!r}: {outer} is {inside!r}, which has no inner keys")
    inside[inner] = as_float(value) if outer == "weights" else value
