"""The evaluation of one list or file, with all that it rests on: hashes of the lists, versions, seed.

    evaluation = evaluate_file("samples.csv", training=["mp:train"], held_out=["mp:test", "mine=a/list.csv"])
    print(evaluation.in_words())
    evaluation.write("report")    # report/scores.json
    evaluate(["SrTiO3", "NaCl"], held_out=["mp:test"])

Tables and most pictures are made of the record alone; maps and histograms of the lists beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.data.readers import sha256_of
from mattransformer.files import write_text
from mattransformer.metrics.formulas import FormulaList, label_of, parts_of
from mattransformer.metrics.scores import ScoresError, score
from mattransformer.metrics.space import Neighbourhood, neighbourhood

if TYPE_CHECKING:
    from mattransformer.screening.columns import Composed
    from mattransformer.screening.screen import Known

KIND: Final = "evaluation"
FILE: Final = "scores.json"
INDEX: Final = "MP and OQMD"
"""What the shipped index of known formulas is called."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured of a list, and of which other lists.

    Attributes:
        record: ready for JSON: `kind`, the `file` and its hash (null of a list that was in no file), the `lists` and
            theirs, `versions`, the `scores` as `Scores.as_dict` gives them, and `space` as `Neighbourhood.as_dict`
            does.
        sample: the list.
        training: lists by name.
        held_out: likewise.
        space: where the sample lies.
    """

    record: Mapping[str, Any]
    sample: FormulaList
    training: Mapping[str, FormulaList]
    held_out: Mapping[str, FormulaList]
    space: Neighbourhood

    def in_words(self) -> str:
        """Write the headlines: some tens of lines, for a terminal."""
        from mattransformer.metrics.table import space_table, table

        name = self.record["file"]["name"] if self.record["file"] else "list"
        return f"{table(self.record['scores'], name)}\n\n{space_table(self.record['space'])}"

    def write(self, folder: str | Path) -> Path:
        """Write the record, whole or not at all.

        Args:
            folder: see `check_folder`; made where it is missing.

        Returns:
            The file, `scores.json` of the folder.

        Raises:
            OSError: the disk is full, or fails.
        """
        path = Path(folder) / FILE
        path.parent.mkdir(exist_ok=True)
        write_text(path, json.dumps(self.record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return path


def evaluate(
    formulas: Composed | Iterable[Composed],
    *,
    training: Sequence[str] = (),
    held_out: Sequence[str] = (),
    known: Sequence[str] = (),
    random: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[str], object] = lambda _: None,
) -> Evaluation:
    """Score a list of formulas, such as `lm.generate(1000).formula`; see `evaluate_file` for a file of them.

    Args:
        formulas: in the order in which they were generated, repetitions and all; as `screen` takes them.
        training: see `evaluate_file`, and so are the others.
        held_out: lists to recover.
        known: lists of what is not new.
        random: formulas of random baselines.
        seed: of the bootstrap.
        progress: told of every stage in words, before it begins.

    Returns:
        The record, and the lists that it is of.

    Raises:
        ScreeningError: `formulas` is no list of compositions.
        CorpusError: a file or corpus cannot be found or read.
        ScoresError: two lists have the same name, before any is read.
    """
    _check_labels([*training, *held_out, *random], known)
    progress("reading the list")
    return _evaluated(FormulaList.of(formulas), None, training, held_out, known, random, seed, progress)


def evaluate_file(
    path: str | Path,
    column: str | None = None,
    *,
    training: Sequence[str] = (),
    held_out: Sequence[str] = (),
    known: Sequence[str] = (),
    random: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[str], object] = lambda _: None,
) -> Evaluation:
    """Score the formulas of a file.

    Args:
        path: of the file, in any format that `FormulaList.of_file` reads.
        column: that holds the formulas, where it is not found by itself.
        training: lists of training formulas, as `FormulaList.of_corpus` reads them, each perhaps with a name of its
            own and `=` before it, which tells lists apart whose files have the same name.
        held_out: lists to recover.
        known: lists of what is not new; by default the shipped index of the Materials Project and OQMD.
        random: formulas of random baselines; enrichments are over the first.
        seed: of the bootstrap.
        progress: told of every stage in words, before it begins.

    Returns:
        The record, and the lists that it is of.

    Raises:
        CorpusError: a file or corpus cannot be found or read.
        ScoresError: two lists have the same name, before any is read.
    """
    path = Path(path).expanduser()
    _check_labels([*training, *held_out, *random], known)
    progress(f"reading {path.name}")
    sample = FormulaList.of_file(path, column)
    file = {"name": path.name, "sha256": sha256_of(path), "column": column}
    return _evaluated(sample, file, training, held_out, known, random, seed, progress)


def _evaluated(
    sample: FormulaList,
    file: Mapping[str, Any] | None,
    training: Sequence[str],
    held_out: Sequence[str],
    known: Sequence[str],
    random: Sequence[str],
    seed: int,
    progress: Callable[[str], object],
) -> Evaluation:
    from mattransformer.training.record import versions

    progress("reading the other lists")
    trained, sought, randoms, listed = _read(training), _read(held_out), _read(random), _known(known)
    progress("validity, novelty, recovery")
    scores = score(
        sample,
        training=trained,
        held_out=sought,
        known=listed,
        random=randoms,
        seed=seed,
    )
    progress("distances and formation energies")
    space = neighbourhood(sample, sought, trained, seed)
    progress("intervals")
    given = [*training, *held_out, *known, *random]
    record = {
        "kind": KIND,
        "file": file,
        "lists": {_label(name): _hashes(label_of(name)[1]) for name in given},
        "versions": versions(),
        "scores": scores.as_dict(),
        "space": space.as_dict(),
    }
    return Evaluation(record, sample, trained, sought, space)


def check_folder(folder: Path) -> None:
    """Refuse a folder that a report could not be written to, before any work is done.

    Args:
        folder: that exists, or whose parent does.

    Raises:
        ScoresError: it is a file, its parent is missing, or nothing may be written there.
    """
    if folder.exists() and not folder.is_dir():
        raise ScoresError(f"cannot write to {folder}: it is a file; name a folder")
    nearest = folder if folder.exists() else folder.parent
    if not nearest.is_dir():
        raise ScoresError(f"cannot make {folder}: there is no folder {nearest}; make it first")
    if not os.access(nearest, os.W_OK):
        raise ScoresError(f"cannot write to {folder}: the folder {nearest} is not writable")


def _read(names: Sequence[str]) -> dict[str, FormulaList]:
    return {_label(name): FormulaList.of_corpus(label_of(name)[1]) for name in names}


def _known(names: Sequence[str]) -> dict[str, Known]:
    from mattransformer.data.known import KnownFormulas

    if not names:
        return {INDEX: KnownFormulas.load()}
    return {_label(name): FormulaList.of_corpus(label_of(name)[1], whole=True) for name in names}


def _check_labels(compared: Sequence[str], known: Sequence[str]) -> None:
    """Refuse lists that could not be told apart: of what is known, only if another list has the name."""
    for names in (compared, known):
        labels = [_label(name) for name in names]
        for label in labels:
            if labels.count(label) > 1:
                raise _alike(label, *[name for name in names if _label(name) == label][:2])
    lists = {_label(name): name for name in compared}
    for name in known:
        label = _label(name)
        if label in lists and label_of(lists[label])[1] != label_of(name)[1]:
            raise _alike(label, lists[label], name)


def _alike(label: str, one: str, other: str) -> ScoresError:
    lists = f"{label_of(one)[1]} and {label_of(other)[1]}"
    return ScoresError(
        f"two lists are called {label!r} ({lists}): give one a name of its own, such as mine={label_of(other)[1]}"
    )


def _label(name: str) -> str:
    """Name a list as it was asked for, or without the folders of its files."""
    label, files = label_of(name)
    if label:
        return label
    parts = [(Path(part).name, split) for part, split in parts_of(files)]
    return "+".join(f"{part}:{split}" if split else part for part, split in parts)


def _hashes(name: str) -> dict[str, str]:
    from mattransformer.data.corpora import CORPUS_NAMES, corpus_path

    files = [
        corpus_path(part) if part in CORPUS_NAMES else Path(part).expanduser() for part, _ in parts_of(name)
    ]
    found: dict[str, str] = {}
    for at, file in enumerate(files, 1):
        # Two files of one name in a list are told apart by their places in it; folders say nothing to others.
        found[file.name if file.name not in found else f"{file.name} ({at})"] = sha256_of(file)
    return found
