"""What a user gets to a request: a table, progress on the way to it, and a word where it falls short."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from mattransformer.data.known import KnownFormulas
from mattransformer.generation.drawing import Drawn
from mattransformer.generation.found import Found
from mattransformer.generation.requests import Request
from mattransformer.screening.screen import screen

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel

_log = logging.getLogger(__name__)


Progress = bool | Callable[[int], object]
"""Whether to show a bar, or what is told how many compositions there are; what it raises ends the work."""


@contextmanager
def counting(
    n: int, doing: str, *, show: Progress, model: PreTrainedModel | None = None
) -> Iterator[Callable[[int], object]]:
    """Show a progress bar that is told how far it is, or tell the caller.

    Args:
        n: what is to be done in all.
        doing: what, for the bar.
        show: see `Progress`.
        model: is asked on the way; before each of its batches a caller is told anew, since one piece of work may be
            many batches, and what is told may want to end it.

    Yields:
        What is told how far it is.
    """
    from tqdm import tqdm

    if callable(show):
        have = 0

        def count(now: int) -> None:
            nonlocal have
            have = now
            show(now)

        def again(*_: object) -> None:
            show(have)

        hook = None if model is None else model.register_forward_pre_hook(again)
        try:
            yield count
        finally:
            if hook is not None:
                hook.remove()
        return
    with tqdm(total=n, desc=doing, unit="formula", disable=None if show else True) as bar:
        yield lambda have: bar.update(have - bar.n)


def warn_if_short(drawn: Drawn, request: Request) -> None:
    """Log why there are fewer compositions than were asked for."""
    if drawn.enough:
        return
    have = len(drawn.found)
    if drawn.complete:
        _log.warning("%d compositions instead of %d: there are no more that keep the rules", have, request.n)
    else:
        if request.exact:
            way_out = "leave out exact, or loosen the rules"
        elif request.ruled:
            way_out = (
                "draw without replacement (replace=False), which finds all there are, or loosen the rules"
            )
        else:
            way_out = "raise the temperature, or loosen top_k and top_p"
        _log.warning(
            "%d compositions instead of %d: after %d samples hardly any new one appears; %s",
            have,
            request.n,
            drawn.drawn,
            way_out,
        )


def composition_table(drawn: Drawn, request: Request, score: str, listed: KnownFormulas) -> pd.DataFrame:
    """Make the table of `LanguageModel.generate`.

    Args:
        drawn: compositions.
        request: what was asked for.
        score: name of the column of log-probabilities.
        listed: formulas that are not novel.

    Returns:
        The most probable first, with settings and counts in `attrs`.
    """
    best_first = np.argsort(-drawn.found.log_probs, kind="stable")
    table = rows_of(drawn.found.take(best_first), drawn.last, request, score, listed)
    table = table.sort_values([score, "formula"], ascending=[False, True], ignore_index=True)
    table.attrs |= {
        "requested": request.n,
        "drawn": drawn.drawn,
        "failures": drawn.failures,
        "settings": request.settings(),
    }
    return table


def rows_of(found: Found, last: float, request: Request, score: str, listed: KnownFormulas) -> pd.DataFrame:
    """Make rows of compositions, in their order; see `composition_table`."""
    formulas = [found.compositions.formula(at).reduced for at in range(len(found))]
    table = screen(
        [formula.reduced_formula for formula in formulas],
        oxidation_states=request.rules.oxidation_states,
        known=listed,
    )
    table["tokens"] = [" ".join(formula.tokens) for formula in formulas]
    table[score] = found.log_probs
    columns = ["formula", "tokens", score]
    if request.ruled and not request.likeliest:
        table["log_proposal"] = found.proposals
        columns.append("log_proposal")
    if not request.replace:
        table["inclusion_probability"] = -np.expm1(-np.exp(found.proposals - last))
        columns.append("inclusion_probability")
    return table[[*columns, "oxidation_states_set", "charge_neutral", "electronegativity_balanced", "novel"]]
