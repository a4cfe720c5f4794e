"""A request for compositions in the words of its user."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from mattransformer.constraints.automaton import Automaton
from mattransformer.constraints.rules import Rules
from mattransformer.data.known import KnownFormulas
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation.samples import MOST_ATOMS
from mattransformer.models.stepping import PRECISIONS
from mattransformer.notation import show
from mattransformer.objectives.choices import Choice
from mattransformer.objectives.prefix_tree import Plan
from mattransformer.objectives.sampling import Truncation
from mattransformer.screening.oxidation import oxidation_states
from mattransformer.tokenization import condition_values, prompt_ids

Elements = str | Iterable[str] | None
Range = int | tuple[int | None, int | None] | None
Listed = Iterable[str | Formula] | str | Path | KnownFormulas | None
KNOWN: Final = "known"


class GenerationError(MattransformerError):
    """A request for compositions that makes no sense."""


@dataclass(frozen=True)
class Request:
    """What a user wants.

    Attributes:
        n: distinct compositions.
        seed: decides them.
        conditions: every condition to its value.
        truncation: temperature, top-k and top-p.
        rules: that the compositions keep.
        replace: whether samples are independent; otherwise without replacement.
        exact: see `objectives.choices.Samples`.
        precision: of matrix products, see `models.stepping.PRECISIONS`.
        likeliest: whether the most probable ones are asked for, and no samples.
    """

    n: int
    seed: int
    conditions: Mapping[str, str]
    truncation: Truncation
    rules: Rules
    replace: bool = True
    exact: bool = False
    precision: str = "float32"
    likeliest: bool = False

    @classmethod
    def of(
        cls,
        n: int,
        seed: int,
        *,
        conditions: Mapping[str, str],
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        exclude: Listed = None,
        replace: bool = True,
        exact: bool = False,
        precision: str = "float32",
        likeliest: bool = False,
        **rules: Any,  # noqa: ANN401 - in the words of `Rules.of`
    ) -> Request:
        """Read a request in the words of `LanguageModel.generate`.

        Raises:
            MattransformerError: what makes no sense.
        """
        check_whole("n", n, 1)
        check_whole("seed", seed, 0)
        for name, switch in (("replace", replace), ("exact", exact)):
            if not isinstance(switch, bool | np.bool_):
                raise GenerationError(f"{name}: {switch!r} is not possible; give True or False")
        if not isinstance(precision, str) or precision not in PRECISIONS:
            raise GenerationError(
                f"precision: {precision!r} is not possible; choose one of {', '.join(PRECISIONS)}"
            )
        if exact and not replace:
            raise GenerationError(
                "exact samples and samples without replacement exclude each other: the latter keep rules atom by atom; "
                "leave one of them out"
            )
        truncation = truncation_of(temperature, top_k, top_p)
        asked = Rules.of(**rules, exclude=fingerprints_of(exclude))
        return cls(
            int(n), int(seed), conditions, truncation, asked, bool(replace), bool(exact), precision, likeliest
        )

    @property
    def ruled(self) -> bool:
        """Whether canonical sequences alone are drawn, each composition in one way."""
        return bool(self.rules.settings()) or not self.replace or self.exact or self.likeliest

    @cached_property
    def automaton(self) -> Automaton | None:
        """What keeps the rules; None for plain samples. Rules that no composition keeps raise."""
        return Automaton(self.rules) if self.ruled else None

    def plan(self, choice: Choice, seed: list[int], most_nodes: int | None = None) -> Plan:
        """Ask for a walk, through so many prefixes at most."""
        return Plan(
            prompt_ids(self.conditions), choice, seed, MOST_ATOMS, self.automaton, self.precision, most_nodes
        )

    def identity(self) -> dict[str, Any]:
        """Give all that decides the result, as plain values."""
        excluded = self.rules.exclude
        digest = None if excluded is None else hashlib.sha256(excluded.tobytes()).hexdigest()
        charges = {symbol: list(own) for symbol, own in oxidation_states(self.rules.oxidation_states).items()}
        states = hashlib.sha256(json.dumps(charges, sort_keys=True).encode()).hexdigest()
        return {"n": self.n, **self.settings(), "excluded_sha256": digest, "states_sha256": states}

    def settings(self) -> dict[str, Any]:
        """Give it as plain values, what is as it is by default left out but for the oldest settings."""
        given: dict[str, Any] = {"seed": self.seed, **self.conditions, **asdict(self.truncation)}
        given |= self.rules.settings()
        for field in fields(self)[-4:]:
            if getattr(self, field.name) != field.default:
                given[field.name] = getattr(self, field.name)
        return given


def conditions_of(conditions: Mapping[str, str] | None, single: Mapping[str, str]) -> dict[str, str]:
    """Read conditions that were given together and one by one.

    Raises:
        MattransformerError: they are no mapping, or of an unknown name or value.
    """
    if conditions is not None and not isinstance(conditions, Mapping):
        raise GenerationError(
            f"conditions: {show(conditions)} is no mapping; give one, such as {{'source': 'mp'}}"
        )
    return condition_values({**(conditions or {}), **single})


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse what is no whole number from `least` on.

    Raises:
        GenerationError: it names the input.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise GenerationError(f"{name}: {value!r} is not possible; give a whole number from {least}")


def truncation_of(temperature: float, top_k: int | None, top_p: float | None) -> Truncation:
    """Read how the model's distribution is to be changed.

    Raises:
        GenerationError: a number that is not possible.
    """
    if not isinstance(temperature, int | float | np.number) or not 1e-3 <= temperature <= 100:
        raise GenerationError(
            f"temperature: {temperature!r} is not possible; give a number from 0.001 to 100, 1 is the model itself"
        )
    if top_k is not None:
        check_whole("top_k", top_k, 1)
    if top_p is not None and not (isinstance(top_p, int | float | np.number) and 0 < top_p <= 1):
        raise GenerationError(f"top_p: {top_p!r} is not possible; give a share above 0 and up to 1")
    return Truncation(temperature, top_k, top_p)


def fingerprints_of(listed: Listed) -> np.ndarray | None:
    """Read formulas that are not to come.

    Args:
        listed: formulas, a file of them, an index, or `known` for the shipped index.

    Returns:
        Their fingerprints, ascending; None for none.

    Raises:
        MattransformerError: a formula or a file that cannot be read.
    """
    if listed is None or isinstance(listed, KnownFormulas):
        return None if listed is None else listed.hashes
    if isinstance(listed, str) and listed == KNOWN:
        return KnownFormulas.load().hashes
    if isinstance(listed, str | Path):
        return KnownFormulas.of([]).with_formulas(listed).hashes
    if not isinstance(listed, Iterable):
        raise GenerationError(
            f"exclude: {listed!r} is no list of formulas; give formulas, a file, or 'known'"
        )
    return KnownFormulas.of(listed).hashes


def known_besides(known: Listed) -> KnownFormulas:
    """Index what is not new: the Materials Project, OQMD, and what the user knows.

    Args:
        known: formulas, a file of them, an index, or None.

    Raises:
        MattransformerError: a formula or a file that cannot be read.
    """
    listed = _shipped_index()
    if known is None:
        return listed
    if isinstance(known, KnownFormulas):
        return KnownFormulas(np.union1d(listed.hashes, known.hashes))
    if not isinstance(known, Iterable | Path):
        raise GenerationError(
            f"known: {show(known)} is no list of formulas; give formulas, or a file of them"
        )
    return listed.with_formulas(known)


@cache
def _shipped_index() -> KnownFormulas:
    return KnownFormulas.load()
