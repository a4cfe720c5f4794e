"""The configuration of a generator that is trained, as `training.config` for language models: YAML, strict.

    generator: matgan
    corpora: [mp]
    output: runs/matgan-mp

The key `generator` says which; each has a class of its own here, whose attributes are its keys. Every key but
`generator` and `output` may be left out; one that does not exist is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

from mattransformer.training.config import (
    RANGES,
    ConfigError,
    apply_override,
    choice,
    filled,
    number,
    read_settings,
    whole,
)

_Range = tuple[Any, str]

# Keys that mean the same as for language models.
_SHARED = (
    *("output", "corpora", "column", "variant", "limit", "learning_rate", "final_learning_rate", "betas"),
    *("seed", "threads", "precision"),
)


@dataclass(frozen=True)
class GeneratorConfig:
    """What decides a trained generator, whichever it is.

    Attributes:
        output: folder of the checkpoint, the resumable state and the record.
        generator: `matgan`, `cgan` or `cvae`.
        corpora: names of corpora and files; their training rows are learned from.
        column: formula column of the files, where it is not found by itself.
        variant: `mix` trains on all rows, `pure` and `strict` on those only.
        limit: train on that many rows only, drawn by the seed; None for all.
        steps: optimizer steps of the generator.
        batch_size: rows a step, drawn with repetition.
        learning_rate: of the generator at the start.
        final_learning_rate: share of it at the end; it falls linearly over the last half of the steps.
        betas: of Adam.
        average_steps: the weights that are kept are a running mean over about that many steps; 0 keeps the last ones.
        measure_every: steps between two measurements of the samples, after which the state and a checkpoint are saved.
        seed: decides weights, batches and noise.
        threads: threads of the process; None leaves them to torch.
        precision: of convolutions; `auto` computes in bfloat16 where the processor has it, `bf16` and `fp32` insist.
    """

    output: str
    generator: str = ""
    corpora: list[str] = field(default_factory=lambda: ["mp"])
    column: str | None = None
    variant: str = "mix"
    limit: int | None = None
    steps: int = 10_000
    batch_size: int = 256
    learning_rate: float = 1e-3
    final_learning_rate: float = 0.02
    betas: list[float] = field(default_factory=lambda: [0.0, 0.9])
    average_steps: int = 500
    measure_every: int = 500
    seed: int = 0
    threads: int | None = None
    precision: str = "auto"

    ranges: ClassVar[dict[str, _Range]] = {
        **{key: RANGES[key] for key in _SHARED},
        "steps": whole(1),
        "batch_size": whole(2, 2**20),
        "average_steps": whole(0),
        "measure_every": whole(1),
    }

    def __post_init__(self) -> None:
        """Check types and ranges.

        Raises:
            ConfigError: names the key, its value and what is allowed.
        """
        for key, (test, allowed) in self.ranges.items():
            value = getattr(self, key)
            if not test(value):
                raise ConfigError(f"{key}: {value!r} is not possible; {allowed}")

    def as_dict(self) -> dict[str, Any]:
        """Give the configuration as plain values, in the order of the attributes."""
        return asdict(self)


_ADVERSARIAL: dict[str, _Range] = {
    "critic_steps": whole(1, 1000),
    "critic_learning_rate": number(0, 1, above=True),
    "gradient_penalty": number(0, 1000, above=True),
}


@dataclass(frozen=True)
class MatganConfig(GeneratorConfig):
    """MATGAN; see `matgan`.

    Attributes:
        preset: `small` or `published` networks.
        width: channels of the widest maps, which the others are shares of; None is that of the preset.
        critic_steps: steps of the critic for one of the generator.
        critic_learning_rate: of the critic at the start.
        gradient_penalty: weight of the penalty on gradients whose norm is not 1.
    """

    generator: str = "matgan"
    preset: str = "small"
    width: int | None = None
    critic_steps: int = 3
    critic_learning_rate: float = 1e-3
    gradient_penalty: float = 10.0

    ranges: ClassVar[dict[str, _Range]] = {
        **GeneratorConfig.ranges,
        **_ADVERSARIAL,
        "generator": choice("matgan"),
        "preset": choice("small", "published"),
        "width": whole(1, 4096, optional=True),
    }


@dataclass(frozen=True)
class CountVectorConfig(GeneratorConfig):
    """A conditional generator of count vectors; see `count_vectors` and `conditional`.

    Attributes:
        condition: property that the generator is conditioned on, a column of the corpora.
        representation: `counts`, numbers of atoms, or `fractions` of them.
        descriptors: whether physical descriptors of the composition stand beside it.
        noise: numbers that the generator starts from.
        widths: hidden layers of the generator, from the noise on; those of the other network are the same in reverse.
    """

    condition: str = "formation_energy_per_atom"
    representation: str = "counts"
    descriptors: bool = True
    noise: int = 10
    widths: list[int] = field(default_factory=lambda: [30, 60])

    ranges: ClassVar[dict[str, _Range]] = {
        **GeneratorConfig.ranges,
        "condition": choice("formation_energy_per_atom", "e_above_hull", "band_gap"),
        "representation": choice("counts", "fractions"),
        "descriptors": (lambda value: isinstance(value, bool), "give true or false"),
        "noise": whole(1, 4096),
        "widths": (
            lambda value: (
                isinstance(value, list) and bool(value) and all(whole(1, 65536)[0](width) for width in value)
            ),
            "give a list of whole numbers from 1 to 65536",
        ),
    }


@dataclass(frozen=True)
class CganConfig(CountVectorConfig):
    """The conditional GAN; see `conditional`.

    Attributes:
        critic_steps: steps of the critic for one of the generator.
        critic_learning_rate: of the critic at the start.
        gradient_penalty: weight of the penalty on gradients whose norm is not 1.
    """

    generator: str = "cgan"
    critic_steps: int = 5
    critic_learning_rate: float = 1e-4
    gradient_penalty: float = 10.0

    ranges: ClassVar[dict[str, _Range]] = {
        **CountVectorConfig.ranges,
        **_ADVERSARIAL,
        "generator": choice("cgan"),
    }


@dataclass(frozen=True)
class CvaeConfig(CountVectorConfig):
    """The conditional VAE; see `conditional`.

    Attributes:
        kl_weight: weight of the divergence of the codes from a normal distribution, beside the summed squared error.
    """

    generator: str = "cvae"
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    kl_weight: float = 0.01

    ranges: ClassVar[dict[str, _Range]] = {
        **CountVectorConfig.ranges,
        "generator": choice("cvae"),
        "kl_weight": number(0, 1000, above=True),
    }


CONFIGS: dict[str, type[GeneratorConfig]] = {"matgan": MatganConfig, "cgan": CganConfig, "cvae": CvaeConfig}
"""Generator to the class of its configurations."""


def names_generator(path: str | Path) -> bool:
    """Tell whether a configuration is one of a generator: a YAML file with the key `generator`.

    Args:
        path: of the file; what is wrong with it is for `load_generator_config` or `load_config` to say.
    """
    try:
        return "generator" in read_settings(path)
    except ConfigError:
        return False


def load_generator_config(path: str | Path, overrides: Sequence[str] = ()) -> GeneratorConfig:
    """Read a configuration.

    Args:
        path: a YAML file with the key `generator`.
        overrides: `key=value`, the value as in YAML.

    Returns:
        The configuration, of the class of its generator.

    Raises:
        ConfigError: a missing or broken file, an unknown generator or key (the nearest known one is named), a value out
            of range.
    """
    settings = read_settings(path, "generator: matgan")
    for override in overrides:
        apply_override(settings, override)
    return generator_config_from(settings, str(path))


def generator_config_from(settings: dict[str, Any], origin: str) -> GeneratorConfig:
    """Make a configuration from plain values.

    Args:
        settings: key to value.
        origin: what an error names.

    Returns:
        The configuration, of the class of its generator.

    Raises:
        ConfigError: an unknown generator, an unknown or missing key, or a value out of range.
    """
    name = settings.get("generator")
    if not isinstance(name, str) or name not in CONFIGS:
        near = get_close_matches(str(name), CONFIGS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the generators are {', '.join(CONFIGS)}"
        raise ConfigError(f"{origin}: no generator {name!r}; {hint}")
    return filled(CONFIGS[name], settings, origin, f"the keys of {name}")
