"""What is published of a checkpoint: weights, configuration, tokenizer, the record of the run, evaluation and card.

A checkpoint is opened before anything of it is sent, so that what others fetch can be opened by them. The card is
rendered from what was recorded; what was not measured is not in it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final

from mattransformer.data.databases.addresses import HUB
from mattransformer.data.readers import READERS
from mattransformer.evaluation.card import LICENCE, render, require_run, require_same_weights
from mattransformer.evaluation.card_facts import Subject
from mattransformer.evaluation.examples import measure_examples
from mattransformer.evaluation.report import figures
from mattransformer.evaluation.results import KIND, read_results
from mattransformer.evaluation.settings import EvaluationError
from mattransformer.generation.language_model import LanguageModel
from mattransformer.hub.licences import contradiction
from mattransformer.models.architectures import BY_MODEL_TYPE
from mattransformer.models.checkpoints import (
    CODE,
    SHIPPED,
    describe,
    find_checkpoint,
    load_model,
    shipped_names,
)
from mattransformer.models.hub_failures import HubError
from mattransformer.models.reading import (
    CONFIG,
    GENERATION,
    RUN,
    TOKENIZER,
    TOKENIZER_CONFIG,
    WEIGHTS,
    read_json,
)
from mattransformer.models.repositories import CARD, EVALUATION, LARGEST, MAIN
from mattransformer.notation import show
from mattransformer.training.record import versions

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

RESULTS: Final = Path(__file__).resolve().parents[2] / "results"
"""Where a checkout keeps what was measured on the checkpoints that ship."""

_AS_THEY_ARE: Final = (CONFIG, GENERATION, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS)
_BEFORE_PATH: Final = re.compile(
    rf"(?:{HUB}:|[\w-]+=|file://)+"
)  # what stands before the path of a file or folder
_LICENCE: Final = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")


@dataclass(frozen=True)
class Contents:
    """The files of a publication.

    Attributes:
        files: name in the repository to a file, or to what is in it.
        card: the text of `README.md`.
    """

    files: Mapping[str, Path | bytes]
    card: str

    def sizes(self) -> dict[str, int]:
        """Give the bytes of each file, by name."""
        return {
            name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in sorted(self.files.items())
        }


def contents(
    checkpoint: str | Path,
    repository: str,
    *,
    revision: str = MAIN,
    results: str | Path | None = None,
    licence: str | None = None,
) -> Contents:
    """Put together what is published of a checkpoint.

    Args:
        checkpoint: a shipped name, or a folder with its `run.json`.
        repository: `owner/name`, which the card names.
        revision: the branch, which the card names if it is not the main one.
        results: what `benchmarks/checkpoint.py` measured on these weights; where left out, `evaluation.json` of the
            folder, or for a checkpoint that ships the results of the checkout.
        licence: of the weights, as hubs call it; where left out, that of the checkpoints that ship, for these alone.
            One that allows more than the data does is used, and warned of in the log.

    Returns:
        The files.

    Raises:
        MattransformerError: no such checkpoint, a damaged one, one without a run or with results of other weights, code
            that somebody would have to run, a file that is too large, a figure that is no finite number, or a licence
            of another form.
    """
    if licence is not None and not _LICENCE.fullmatch(licence):
        raise HubError(
            f"licence {show(licence)}: hubs call licences by identifiers; give one such as mit, cc-by-4.0 or other"
        )
    folder = find_checkpoint(checkpoint)
    facts = describe(folder)
    lm = LanguageModel(load_model(folder), folder)
    run = shareable(require_run(checkpoint, facts["run"]))
    for name in (TOKENIZER_CONFIG, GENERATION):
        _refuse_code(folder / name)
    record = shareable(_evaluation(lm, facts, run, results))
    licence = licence or (None if _shipped_as(folder, facts["sha256"]) is None else LICENCE)
    card = render(
        Subject(
            name=repository,
            sha256=facts["sha256"],
            model_type=lm.model.config.model_type,
            run=run,
            record=record,
            licence=licence,
            repository=True,
            revision=None if revision == MAIN else revision,
        )
    )
    if (stricter := contradiction(licence, run)) is not None:
        _log.warning("%s: %s", repository, stricter)
    files: dict[str, Path | bytes] = {
        name: folder / name for name in _AS_THEY_ARE if (folder / name).is_file()
    }
    shared = _json(run, folder / RUN)
    files[RUN] = folder / RUN if run == facts["run"] else shared
    files[EVALUATION] = _json(record, Path(results) if results else folder / EVALUATION)
    files[CARD] = card.encode()
    made = Contents(files, card)
    for name, size in made.sizes().items():
        if size > LARGEST[name]:
            raise HubError(
                f"{folder / name} has {size:,} bytes, and at most {LARGEST[name]:,} are fetched by anybody; publish a "
                "smaller one"
            )
    return made


def shareable(record: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Take what is the user's own business out of a record: of the paths of a disk, the last part stays.

    These are paths from the root, from a home or from a folder that is named by dots, and those of files that can be a
    corpus; also behind `hf:`, `file://` and the name that a corpus is given (`mp=oxides.csv`).

    Args:
        record: of a run, or a part of it.

    Returns:
        The same, with shorter paths; equal to what was given where it has none.
    """
    if isinstance(record, dict):
        return {shareable(key): shareable(value) for key, value in record.items()}
    if isinstance(record, list):
        return [shareable(value) for value in record]
    if not isinstance(record, str):
        return record
    before = _BEFORE_PATH.match(record)
    beginning = before[0] if before else ""
    return beginning.removesuffix("file://") + _last_part(record.removeprefix(beginning))


def _last_part(text: str) -> str:
    """Give the name of the file or folder that a path leads to, and whatever is no path as it is."""
    if "://" in text:
        return text
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(text)
        own = path.is_absolute() or text.startswith(("~", "./", "../", ".\\", "..\\"))
        if (
            len(path.parts) > 1
            and "\n" not in text
            and (own or path.suffix in READERS or path.suffix == ".gz")
        ):
            return path.name
    return text


def _evaluation(
    lm: LanguageModel, facts: Mapping[str, Any], run: Mapping[str, Any], results: str | Path | None
) -> dict[str, Any]:
    """Give what was measured on the weights, with some compositions that they generate."""
    path = next(_results(lm.folder, facts["sha256"]), None) if results is None else Path(results)
    if path is None:
        record: dict[str, Any] = {
            "kind": KIND,
            "checkpoint": {
                "name": facts["name"],
                "objective": BY_MODEL_TYPE[lm.model.config.model_type].objective,
                "sha256": facts["sha256"],
                "parameters": lm.model.num_parameters(),
            },
            "stages": {},
        }
    else:
        record = _read(path)
        require_same_weights(record, facts["sha256"], path, lm.folder)
    if "examples" not in record["stages"]:
        record["stages"]["examples"] = {**measure_examples(lm, run), "versions": versions()}
    return record


def _read(path: Path) -> dict[str, Any]:
    """Read results that may be of anybody's making."""
    record = read_results(path)
    try:
        figures(record)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise EvaluationError(
            f"{path} is damaged: {type(error).__name__} {show(str(error))}; measure again with benchmarks/checkpoint.py"
        ) from error
    return record


def _results(folder: Path, sha256: str | None) -> Iterator[Path]:
    """Look for what was measured on a checkpoint: beside it, or in the checkout that it ships from."""
    if (folder / EVALUATION).is_file():
        yield folder / EVALUATION
    name = _shipped_as(folder, sha256)
    if name is not None and (RESULTS / f"{name}.json").is_file():
        yield RESULTS / f"{name}.json"


def _shipped_as(folder: Path, sha256: str | None) -> str | None:
    """Give the name of the checkpoint with these weights that ships, if there is one."""
    size = (folder / WEIGHTS).stat().st_size
    alike = (name for name in shipped_names() if (SHIPPED / name / WEIGHTS).stat().st_size == size)
    return next((name for name in alike if describe(name)["sha256"] == sha256), None)


def _refuse_code(path: Path) -> None:
    if not path.is_file():
        return
    for key in CODE:
        if key in read_json(path):
            raise HubError(
                f"{path} asks for code ({key}), which others would have to trust; take the entry out"
            )


def _json(record: Any, path: Path) -> bytes:  # noqa: ANN401
    try:
        return (json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except ValueError as error:
        raise HubError(
            f"{path} holds NaN or infinity, as of a training that diverged, and JSON has no such number; publish a "
            "checkpoint of finite figures"
        ) from error
