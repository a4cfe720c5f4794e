"""The measurements of a checkpoint, each a stage with its settings and its numbers, ready for JSON.

Samples are drawn once a setting; everything else is computed from them by pure functions of this package.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from mattransformer.data.analogues import analogues
from mattransformer.data.corpora import Corpus
from mattransformer.data.encoding import encode_table
from mattransformer.data.known import KnownFormulas
from mattransformer.evaluation.rediscovery import rediscovered, targets
from mattransformer.evaluation.settings import DEFAULT, SETTINGS, Setting, draw
from mattransformer.evaluation.trigram import TrigramModel
from mattransformer.evaluation.validity import judge_samples, largest_difference, row_shares, shares
from mattransformer.formula import Formula
from mattransformer.training.loss import formula_losses
from mattransformer.training.record import machine

if TYPE_CHECKING:
    import pandas as pd

    from mattransformer.generation.language_model import LanguageModel

TRIGRAM_SEED: Final = 0
_WARM_UP: Final = 100  # samples
_log = logging.getLogger(__name__)


def measure_validity(
    lm: LanguageModel, corpora: Corpus, n: int, seed: int, temperature: float = 1.0
) -> dict[str, Any]:
    """Draw plain samples in every setting and give their shares beside those of the training rows.

    Args:
        lm: the model.
        corpora: MP and OQMD, all rows.
        n: samples a setting.
        seed: decides them.
        temperature: 1 samples the model itself.

    Returns:
        `settings`; name of each setting to its `conditions` (with samples each), `samples`, `training_rows` and
        `elements_difference` in points; and `all_training_rows`.
    """
    train, known = corpora.split("train"), KnownFormulas.load()
    measured: dict[str, Any] = {
        "settings": {"samples": n, "seed": seed, "temperature": temperature, "alloys": "not exempt"}
    }
    for setting in SETTINGS:
        _log.info("drawing %d samples in the setting %s", n, setting.name)
        samples = draw(lm, setting, train, n, seed, temperature)
        rows = row_shares(_formulas(setting.rows(train)))
        of_samples = shares(judge_samples(samples, known))
        measured[setting.name] = {
            "conditions": _conditions(setting, train, n),
            "samples": of_samples | {"failure_reasons": samples.failures},
            "training_rows": rows,
            "elements_difference": largest_difference(of_samples["elements"], rows["elements"]),
        }
    measured["all_training_rows"] = row_shares(_formulas(train))
    return measured


def measure_likelihood(lm: LanguageModel, corpora: Corpus) -> dict[str, Any]:
    """Score the validation rows, each under its own conditions, with the model and with a trigram model.

    Args:
        lm: the model.
        corpora: MP and OQMD, all rows; the trigram model counts their training rows.

    Returns:
        `settings`; whether the nats of the model are `exact` or an upper bound; and for `mp`, `oqmd` and `both` the
        number of `rows`, and nats a formula of `model` and `trigram`.
    """
    valid = corpora.split("valid")
    encoded = encode_table(valid)
    trigram = TrigramModel.fit(encode_table(corpora.split("train")), TRIGRAM_SEED)
    nats = {"model": formula_losses(lm.model, encoded), "trigram": trigram.nats(encoded)}
    measured: dict[str, Any] = {
        "settings": {
            "split": "valid",
            "trigram_seed": TRIGRAM_SEED,
            "trigram_weights": dict(
                zip(("uniform", "unigram", "bigram", "trigram"), trigram.weights.tolist(), strict=True)
            ),
        },
        "exact": lm.objective.exact,
    }
    for name, sources in {"mp": ["mp"], "oqmd": ["oqmd"], "both": ["mp", "oqmd"]}.items():
        chosen = valid["source"].isin(sources).to_numpy()
        means = {model: float(values[chosen].mean()) for model, values in nats.items()}
        measured[name] = {"rows": int(chosen.sum()), **means}
    return measured


def measure_speed(lm: LanguageModel, n: int, seed: int) -> dict[str, Any]:
    """Time plain samples under the default conditions.

    Args:
        lm: the model.
        n: samples.
        seed: decides them.

    Returns:
        `settings`; `samples`, `samples_per_second`, `unique` of them, and the `machine` and `threads` that it ran on.
    """
    import torch

    source, variant = DEFAULT.conditions[0]
    conditions = {"source": source, "variant": variant}
    lm.sample(_WARM_UP, seed, conditions=conditions)
    started = time.perf_counter()
    drawn = lm.sample(n, seed, conditions=conditions)
    seconds = time.perf_counter() - started
    return {
        "settings": {**conditions, "seed": seed, "temperature": 1.0},
        "samples": drawn.drawn,
        "samples_per_second": round(drawn.drawn / seconds, 1),
        "unique": len(drawn.compositions),
        "machine": machine(),
        "threads": torch.get_num_threads(),
    }


def measure_rediscovery(
    lm: LanguageModel,
    corpora: Corpus,
    icsd: Corpus,
    sizes: Sequence[int],
    seed: int,
    temperature: float = 1.0,
) -> dict[str, Any]:
    """Generate unique compositions under the default conditions and look for formulas that the model never saw.

    Args:
        lm: the model.
        corpora: MP and OQMD, all rows.
        icsd: the ICSD, all rows.
        sizes: numbers of unique compositions.
        seed: decides them.
        temperature: 1 samples the model itself.

    Returns:
        `settings`; each size, as text, to `unique` (which is smaller where the model had no more), `drawn` and
        `targets`; and `analogues`, what as many compositions find as the largest size has, if they are the best
        analogues of the training rows that the default conditions come from (`data.analogues`), without a model.
    """
    sought = targets(corpora.table, icsd.table)
    source, variant = DEFAULT.conditions[0]
    measured: dict[str, Any] = {
        "settings": {"source": source, "variant": variant, "seed": seed, "temperature": temperature}
    }
    for n in sizes:
        _log.info("generating %d unique compositions", n)
        table = lm.generate(n, seed, source=source, variant=variant, temperature=temperature, progress=True)
        measured[str(n)] = {
            "unique": len(table),
            "drawn": table.attrs["drawn"],
            "targets": rediscovered(table["formula"].tolist(), sought),
        }
    ranked = _best_analogues(corpora, max(sizes))
    measured["analogues"] = {"unique": len(ranked), "targets": rediscovered(ranked, sought)}
    return measured


def _best_analogues(corpora: Corpus, n: int) -> list[str]:
    """Rank compositions that no training row has, held-out rows among them: these are sought, too."""
    train = corpora.split("train")
    listed = set(train["formula"])
    found, _ = analogues(_formulas(DEFAULT.rows(train)), n + len(listed))
    return [name for name in (formula.reduced_formula for formula in found) if name not in listed][:n]


def _conditions(setting: Setting, train: pd.DataFrame, n: int) -> list[dict[str, Any]]:
    numbers = setting.allotment(train, n)
    return [
        {"source": source, "variant": variant, "samples": number}
        for (source, variant), number in zip(setting.conditions, numbers, strict=True)
    ]


def _formulas(table: pd.DataFrame) -> list[Formula]:
    return [Formula.parse(formula) for formula in table["formula"]]
