"""Checkpoints in the repositories of a model hub: named, checked before they are fetched, kept in a cache.

    fetch("ada/perovskites")            # its main branch, as a folder in the cache of huggingface_hub
    fetch("ada/perovskites", "v2")      # a branch, a tag or a commit

Only the files that a checkpoint is made of are fetched, by their names: no pickles, no code. Their sizes are looked at
before, and their hashes afterwards; what was checked is noted beside them. Without a network the cache is read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from mattransformer.files import write_text
from mattransformer.models.hub_failures import HubError, endpoint, plainly
from mattransformer.models.reading import (
    CONFIG,
    GENERATION,
    RUN,
    TOKENIZER,
    TOKENIZER_CONFIG,
    WEIGHTS,
    CheckpointError,
    read_json,
)
from mattransformer.notation import show

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoSibling
    from tqdm import tqdm

EVALUATION: Final = "evaluation.json"
"""What was measured on a checkpoint, in its repository."""
CARD: Final = "README.md"
MAIN: Final = "main"

_MOST_WEIGHTS: Final = 4 << 30  # bytes; the largest model of this package has a tenth of it
_MOST_BESIDE: Final = 64 << 20  # of any other file, such as the record of a long training
LARGEST: Final = {
    WEIGHTS: _MOST_WEIGHTS,
    **dict.fromkeys((CONFIG, GENERATION, TOKENIZER, TOKENIZER_CONFIG, RUN, EVALUATION, CARD), _MOST_BESIDE),
}
"""The files of a checkpoint in a repository, and what they may have in bytes."""
_NEEDED: Final = (CONFIG, TOKENIZER)
_PICKLED: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_REVISION: Final = re.compile(r"\w[\w./+-]{0,199}", re.ASCII)
_ETAG: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")
_PART: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")
_LONGEST: Final = 96

_log = logging.getLogger(__name__)


def check_repository(name: str) -> str:
    """Refuse what no repository can be called.

    Args:
        name: `owner/name`.

    Returns:
        The name.

    Raises:
        HubError: says what a name looks like.
    """
    parts = name.split("/")
    if len(parts) != 2:
        why = "it has to be owner/name, with one slash"
    elif len(name) > _LONGEST:
        why = f"it has {len(name)} characters, and {_LONGEST} are possible"
    elif not all(_PART.fullmatch(part) for part in parts):
        why = "letters, digits, '-', '_' and '.' are possible, but no '-' or '.' at an end"
    elif "--" in name or ".." in name or name.endswith(".git"):
        why = "'--', '..' and '.git' at the end are not possible"
    else:
        return name
    raise HubError(f"{show(name)} is no name of a repository: {why}; give one such as ada/perovskites")


def check_revision(repository: str, revision: str) -> str:
    """Refuse what no branch, tag or commit can be called.

    Args:
        repository: `owner/name`, for the message.
        revision: of the repository.

    Returns:
        The revision.

    Raises:
        HubError: says what one looks like.
    """
    if not isinstance(revision, str) or not _REVISION.fullmatch(revision) or ".." in revision:
        raise HubError(
            f"{repository}: no branch, tag or commit is called {show(revision)}; give one such as main or v2"
        )
    return revision


def as_repository(given: str, revision: str | None = None) -> tuple[str, str] | None:
    """Read what a user named as a repository, if it can be one.

    Args:
        given: `owner/name` or `owner/name@revision`.
        revision: named beside it.

    Returns:
        Name and revision; None for a path of another form, such as `./runs/gpt2` or `runs/oxides/gpt2`.

    Raises:
        HubError: it has the form of a repository with a name or a revision that none can have, or two revisions.
    """
    name, at, behind = given.partition("@")
    if not given.isprintable() or name.count("/") != 1 or name[0] in "./~" or name.endswith("/"):
        if revision is not None:
            check_repository(name)
        return None
    if at and revision not in (None, behind):
        raise HubError(
            f"{show(given)} names a revision, and {show(revision)} is another; leave one of them out"
        )
    repository = check_repository(name)
    return repository, check_revision(repository, behind if at else MAIN if revision is None else revision)


def is_fetched(folder: Path) -> bool:
    """Say whether a folder lies in the cache of what was fetched from a hub.

    Args:
        folder: of a checkpoint.
    """
    home = folder.parent.parent.name.split("--")
    return folder.parent.name == "snapshots" and len(home) == 3 and home[0] == "models"


def name_of(folder: Path) -> str:
    """Say what a checkpoint is called.

    Args:
        folder: of the checkpoint.

    Returns:
        `owner/name` for what was fetched from a hub, whose folder in the cache is called by its commit; the name of the
        folder for any other.
    """
    return "/".join(folder.parent.parent.name.split("--")[1:]) if is_fetched(folder) else folder.name


def hub() -> HfApi:
    """Give the client that everything is asked through; it says to the hub which program asks."""
    from importlib.metadata import version

    from huggingface_hub import HfApi

    return HfApi(library_name="mattransformer", library_version=version("mattransformer"))


def fetch(name: str, revision: str = MAIN) -> Path:
    """Bring a checkpoint from a hub into the cache, or find it there.

    A commit that is in the cache is not asked for again. Where the hub cannot be reached, or fails, what the cache has
    of the revision is used, with a warning.

    Args:
        name: `owner/name`.
        revision: a branch, a tag or a commit.

    Returns:
        The folder in the cache.

    Raises:
        HubError: no such repository or revision, no right to it, no network, no checkpoint in it, files that are too
            large or not what the hub says that they are.
    """
    if _COMMIT.fullmatch(revision):
        folder = _cached(name, revision)
        if folder is not None and _is_checked(folder):
            return folder
    try:
        listed = _listing(name, revision)
        return _download(name, revision, listed)
    except HubError as error:
        folder = _cached(name, revision) if error.passing else None
        if folder is None:
            raise
        unchecked = (
            "" if _is_checked(folder) else "; another program fetched it, and its hashes were not looked at"
        )
        _log.warning(
            "%s; what was fetched of %s before is used, commit %s%s", error, name, folder.name[:12], unchecked
        )
        return folder


def _listing(name: str, revision: str) -> ModelInfo:
    """Ask for the files of a revision, and refuse those that are not to be fetched."""
    from huggingface_hub import constants

    with plainly(f"{name}, which is no folder here", revision):
        listed = hub().model_info(
            name, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
        )
    if not _COMMIT.fullmatch(listed.sha or ""):
        raise HubError(f"{name}: {endpoint()} names no commit; check HF_ENDPOINT")
    files = {file.rfilename: file for file in listed.siblings or ()}
    check_names(name, files)
    _check_sizes(name, files)
    return listed


def check_names(repository: str, names: Iterable[str]) -> None:
    """Refuse a repository whose files lead out of it, and one that is no checkpoint.

    Args:
        repository: `owner/name`.
        names: of all its files.

    Raises:
        HubError: names the file, or says what is missing.
    """
    names = list(names)
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not name.isprintable():
            raise HubError(
                f"{repository}: a file is called {show(name)}, which leads out of the repository; tell its owner, and "
                "take another"
            )
    if WEIGHTS not in names:
        pickled = [name for name in names if name.endswith(_PICKLED)]
        if pickled:
            raise HubError(
                f"{repository} has only {', '.join(pickled[:3])}, and pickled weights are never opened; ask its owner "
                "for safetensors"
            )
    missing = [name for name in (*_NEEDED, WEIGHTS) if name not in names]
    if missing:
        raise HubError(
            f"{repository} is no checkpoint of this package: it has no {', '.join(missing)}; give another repository"
        )


def _check_sizes(repository: str, files: dict[str, RepoSibling]) -> None:
    for name, most in LARGEST.items():
        if name not in files:
            continue
        size = files[name].size
        if not isinstance(size, int) or size < 0:
            raise HubError(f"{repository}: the hub does not say how large {name} is; try again later")
        if size > most:
            raise HubError(
                f"{repository}: {name} is said to have {size:,} bytes, and at most {most:,} are fetched; give another "
                "repository"
            )


def _download(name: str, revision: str, listed: ModelInfo) -> Path:
    """Bring the files of a revision into the cache, where they are not there yet and checked."""
    files = [file for file in listed.siblings or () if file.rfilename in LARGEST]
    commit = str(listed.sha)
    folder = _cached(name, revision)
    if folder is not None and folder.name == commit and _is_checked(folder):
        return folder
    with plainly(name, revision):
        for file in files:
            _ask(name, revision, commit, file)
        folder = Path(
            hub().snapshot_download(name, revision=revision, allow_patterns=list(LARGEST), tqdm_class=_bar())
        )
    if folder.name != commit:
        raise HubError(f"{name}: {revision} was changed while it was fetched; run it again")
    for file in files:
        _verify(name, folder / file.rfilename, file)
    with suppress(OSError):  # in a cache that nobody may write to they are checked every time
        _mark(folder).parent.mkdir(exist_ok=True)
        write_text(_mark(folder), json.dumps({"checked": sorted(file.rfilename for file in files)}) + "\n")
    return folder


def _ask(name: str, revision: str, commit: str, file: RepoSibling) -> None:
    """Look, before a file is fetched, at what the hub says of it by itself.

    The client library keeps it under the ETag, as long as the hub says that it is.
    """
    from huggingface_hub import constants, hf_hub_url

    api = hub()
    url = hf_hub_url(name, file.rfilename, revision=revision, endpoint=api.endpoint)
    said = api.get_hf_file_metadata(url=url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    if not _ETAG.fullmatch(said.etag or ""):
        raise HubError(
            f"{name}: {endpoint()} gives {file.rfilename} the hash {show(said.etag or '')}, which is none; check "
            "HF_ENDPOINT"
        )
    if said.commit_hash != commit:
        raise HubError(f"{name}: {revision} was changed while it was fetched; run it again")
    if said.size is not None and said.size != file.size:
        raise HubError(
            f"{name}: {file.rfilename} has {said.size:,} bytes, and {file.size:,} were listed; run it again, or give "
            "another repository"
        )


def _mark(folder: Path) -> Path:
    """Give the file that says which files of a commit were checked; it goes where the cache of the repository goes."""
    return folder.parent.parent / "mattransformer" / f"{folder.name}.json"


def _is_checked(folder: Path) -> bool:
    """Say whether all files of a commit are in the cache, and were held against the hashes of the hub.

    Other programs, plain transformers among them, fetch the files that they need, and leave a part of a commit.
    """
    try:
        checked = read_json(_mark(folder))["checked"]
    except (CheckpointError, KeyError):
        return False
    return all((folder / str(file)).is_file() for file in checked)


def _bar() -> type[tqdm[Any]]:
    """Give the progress bar of the client library, for terminals alone."""
    from huggingface_hub.utils.tqdm import tqdm as bar

    class Bar(bar):
        def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401 - those of tqdm
            super().__init__(*args, **{"disable": None, **settings})  # type: ignore[no-untyped-call]

    return Bar


def _verify(repository: str, path: Path, file: RepoSibling) -> None:
    """Hold a file against the size and the hash that the hub has of it; one that differs is removed from the cache."""
    if not path.is_file():
        raise HubError(f"{repository}: {path.name} did not come; run it again")
    with path.open("rb") as content:
        if path.stat().st_size != file.size:
            same = False
        elif file.lfs is not None:
            same = hashlib.file_digest(content, "sha256").hexdigest() == file.lfs.sha256
        elif file.blob_id is not None:  # as git names a file
            named = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
            named.update(content.read())
            same = named.hexdigest() == file.blob_id
        else:
            same = True
    if not same:
        blob = path.resolve()
        path.unlink()
        blob.unlink(missing_ok=True)
        raise HubError(
            f"{repository}: {path.name} came damaged: its size or hash is not the one listed; run it again"
        )


def _cached(name: str, revision: str) -> Path | None:
    """Give what the cache has of a revision, if all of it is there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(name, revision=revision, allow_patterns=list(LARGEST), local_files_only=True)
        )
    except (LocalEntryNotFoundError, OSError):
        return None
    return folder if all((folder / file).is_file() for file in (*_NEEDED, WEIGHTS)) else None
