"""A request for compositions in the words of its user, and the table that answers it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mattransformer.constraints.automaton import Automaton
from mattransformer.constraints.rules import Rules
from mattransformer.data.known import KnownFormulas
from mattransformer.errors import MattransformerError
from mattransformer.formula import Formula
from mattransformer.generation.drawing import Drawn, Request
from mattransformer.generation.found import Found
from mattransformer.models.stepping import PRECISIONS
from mattransformer.notation import show
from mattransformer.objectives.sampling import Truncation
from mattransformer.screening.screen import screen
from mattransformer.tokenization import condition_values, prompt_ids

if TYPE_CHECKING:
    import pandas as pd

Elements = str | Iterable[str] | None
Range = int | tuple[int | None, int | None] | None
Listed = Iterable[str | Formula] | str | Path | KnownFormulas | None
KNOWN: Final = "known"
_log = logging.getLogger("mattransformer")


class GenerationError(MattransformerError):
    """A request for compositions that makes no sense."""


@dataclass(frozen=True)
class Order:
    """What a user wants.

    Attributes:
        n: distinct compositions.
        seed: decides them.
        conditions: every condition to its value.
        truncation: temperature, top-k and top-p.
        rules: that the compositions keep.
        replace: whether samples are independent.
        exact: whether they follow the model's own distribution given the rules.
        precision: of matrix products.
        likeliest: whether the most probable ones are asked for, and no samples.
    """

    n: int
    seed: int
    conditions: dict[str, str]
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
        conditions: dict[str, str],
        truncation: Truncation,
        rules: Rules,
        *,
        replace: bool = True,
        exact: bool = False,
        precision: str = "float32",
        likeliest: bool = False,
    ) -> Order:
        """Check what makes no sense.

        Raises:
            GenerationError: numbers, switches or a precision that are none, or ways of drawing that exclude each other.
        """
        check_whole("n", n, 1)
        check_whole("seed", seed, 0)
        for name, switch in (("replace", replace), ("exact", exact)):
            if not isinstance(switch, bool | np.bool_):
                raise GenerationError(f"{name}: {switch!r} is not possible; give True or False")
        if precision not in PRECISIONS:
            raise GenerationError(
                f"precision: {precision!r} is not possible; choose one of {', '.join(PRECISIONS)}"
            )
        if exact and not replace:
            raise GenerationError(
                "exact: without replacement the rules are always kept atom by atom; leave out exact or replace=False"
            )
        return cls(int(n), int(seed), conditions, truncation, rules, replace, exact, precision, likeliest)

    @property
    def ruled(self) -> bool:
        """Whether canonical sequences alone are drawn, each composition in one way."""
        return bool(self.rules.settings()) or not self.replace or self.exact or self.likeliest

    def request(self) -> Request:
        """Give it in the words of a drawing; rules that no composition keeps raise."""
        return Request(
            self.n,
            self.seed,
            prompt_ids(self.conditions),
            self.truncation,
            Automaton(self.rules) if self.ruled else None,
            self.replace,
            self.exact,
            self.precision,
        )

    def identity(self) -> dict[str, Any]:
        """Give all that decides the result, as plain values."""
        excluded = self.rules.exclude
        digest = None if excluded is None else hashlib.sha256(excluded.tobytes()).hexdigest()
        return {**self.settings(), "oxidation_states": self.rules.oxidation_states, "excluded_sha256": digest}

    def settings(self) -> dict[str, Any]:
        """Give it as plain values, what is as it is by default left out but for the oldest settings."""
        truncation = self.truncation
        given: dict[str, Any] = {
            "seed": self.seed,
            **self.conditions,
            "temperature": truncation.temperature,
            "top_k": truncation.top_k,
            "top_p": truncation.top_p,
        }
        given |= self.rules.settings()
        for name, usual in (
            ("replace", True),
            ("exact", False),
            ("precision", "float32"),
            ("likeliest", False),
        ):
            if getattr(self, name) != usual:
                given[name] = getattr(self, name)
        return given


def order_of(
    n: int,
    seed: int,
    *,
    conditions: Mapping[str, str],
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    oxidation_states: str = "smact14",
    exclude: Listed = None,
    replace: bool = True,
    exact: bool = False,
    precision: str = "float32",
    likeliest: bool = False,
    **rules: Any,  # noqa: ANN401 - in the words of `Rules.of`
) -> Order:
    """Read a request.

    Args:
        n: see `LanguageModel.generate`, as the others.
        seed: likewise.
        conditions: every condition to its value.
        temperature: likewise.
        top_k: likewise.
        top_p: likewise.
        oxidation_states: likewise.
        exclude: likewise.
        replace: likewise.
        exact: likewise.
        precision: likewise.
        likeliest: whether the most probable compositions are asked for.
        rules: likewise.

    Returns:
        The request.

    Raises:
        MattransformerError: what makes no sense.
    """
    return Order.of(
        n,
        seed,
        dict(conditions),
        truncation_of(temperature, top_k, top_p),
        Rules.of(**rules, oxidation_states=oxidation_states, exclude=fingerprints_of(exclude)),
        replace=replace,
        exact=exact,
        precision=precision,
        likeliest=likeliest,
    )


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


@contextmanager
def counting(n: int, doing: str, *, show: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar that is told how far it is."""
    from tqdm import tqdm

    with tqdm(total=n, desc=doing, unit="formula", disable=None if show else True) as bar:

        def count(have: int) -> None:
            bar.update(have - bar.n)

        yield count


def warn_if_short(drawn: Drawn, order: Order) -> None:
    """Log why there are fewer compositions than were asked for."""
    if drawn.enough:
        return
    have = len(drawn.found)
    if drawn.complete:
        _log.warning("%d compositions instead of %d: there are no more that keep the rules", have, order.n)
    else:
        way_out = (
            "leave out exact, or loosen the rules"
            if order.exact
            else "raise the temperature, or loosen top_k and top_p"
        )
        _log.warning(
            "%d compositions instead of %d: after %d samples hardly any new one appears; %s",
            have,
            order.n,
            drawn.drawn,
            way_out,
        )


def composition_table(drawn: Drawn, order: Order, score: str, listed: KnownFormulas) -> pd.DataFrame:
    """Make the table of `LanguageModel.generate`.

    Args:
        drawn: compositions.
        order: what was asked for.
        score: name of the column of log-probabilities.
        listed: formulas that are not novel.

    Returns:
        The most probable first, with settings and counts in `attrs`.
    """
    best_first = np.argsort(-drawn.found.log_probs, kind="stable")
    table = rows_of(drawn.found.take(best_first), drawn.last, order, score, listed)
    table = table.sort_values([score, "formula"], ascending=[False, True], ignore_index=True)
    table.attrs |= {
        "requested": order.n,
        "drawn": drawn.drawn,
        "failures": drawn.failures,
        "settings": order.settings(),
    }
    return table


def rows_of(found: Found, last: float, order: Order, score: str, listed: KnownFormulas) -> pd.DataFrame:
    """Make rows of compositions, in their order; see `composition_table`."""
    formulas = [found.compositions.formula(at).reduced for at in range(len(found))]
    table = screen(
        [formula.reduced_formula for formula in formulas],
        oxidation_states=order.rules.oxidation_states,
        known=listed,
    )
    table["tokens"] = [" ".join(formula.tokens) for formula in formulas]
    table[score] = found.log_probs
    columns = ["formula", "tokens", score]
    if order.ruled and not order.likeliest:
        table["log_proposal"] = found.proposals
        columns.append("log_proposal")
    if not order.replace:
        table["inclusion_probability"] = -np.expm1(-np.exp(found.proposals - last))
        columns.append("inclusion_probability")
    return table[[*columns, "oxidation_states_set", "charge_neutral", "electronegativity_balanced", "novel"]]
