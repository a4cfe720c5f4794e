"""A checkpoint sent to a repository of a model hub, in one commit or not at all.

    publish("runs/oxides", "ada/oxides")

The token comes from `HF_TOKEN` or from the login of `huggingface_hub` and goes nowhere but to the hub. A run that was
cut off is safe to repeat: nothing is there until the commit is, and what is there already is not sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattransformer.hub.contents import Contents, contents
from mattransformer.models.hub_failures import LOG_IN, HubError, endpoint, plainly, token
from mattransformer.models.publications import SENT, UNCHANGED, Publication, PublishedFile
from mattransformer.models.repositories import MAIN, check_repository, check_revision, hub

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_MESSAGE: Final = "Publish a checkpoint: weights, tokenizer, record of the run, evaluation and card"


def publish(
    checkpoint: str | Path,
    repository: str,
    *,
    revision: str = MAIN,
    private: bool = False,
    dry_run: bool = False,
    results: str | Path | None = None,
    licence: str | None = None,
) -> Publication:
    """Publish a checkpoint.

    Args:
        checkpoint: a shipped name, or a folder with its `run.json`.
        repository: `owner/name`, made where there is none.
        revision: a branch, made where there is none.
        private: make the repository for its owner alone; one that is there and public is refused.
        dry_run: put everything together and send nothing.
        results: see `contents`.
        licence: see `contents`.

    Returns:
        What was sent, or would be.

    Raises:
        MattransformerError: a checkpoint that cannot be published, no token, one that may only read or that is another
            owner's, no network, or a hub that refuses; the repository is as it was then, or made and empty.
    """
    check_repository(repository)
    check_revision(repository, revision)
    if not dry_run:
        _require_token(repository)  # before a card is rendered, which takes a while
    made = contents(checkpoint, repository, revision=revision, results=results, licence=licence)
    planned = Publication(
        repository,
        revision,
        endpoint(),
        tuple(PublishedFile(name, size) for name, size in made.sizes().items()),
        made.card,
    )
    if dry_run:
        return planned
    api = hub()
    with plainly(repository, revision):
        _require_right(repository, api.whoami())
        _ready(api, repository, private=private)
        before = _branch(api, repository, revision)
        commit = _send(api, planned, made, before)
    return replace(planned, outcome=UNCHANGED if commit == before else SENT, commit=commit)


def _require_token(repository: str) -> None:
    if token() is None:
        raise HubError(f"{repository}: no token, and nobody may publish without one; {LOG_IN}")


def _require_right(repository: str, account: Mapping[str, Any]) -> None:
    """Refuse a token that may only read, and one of somebody who has nothing to do with the owner."""
    access = (account.get("auth") or {}).get("accessToken") or {}
    if access.get("role") == "read":
        raise HubError(
            f"{repository}: the token may only read; make one that may write on the settings page of the hub, and "
            f"{LOG_IN}"
        )
    owner, _, name = repository.partition("/")
    user = account["name"]
    owners = [user, *(group["name"] for group in account.get("orgs") or ())]
    if owner.lower() not in [one.lower() for one in owners]:
        raise HubError(
            f"{repository}: the token is {user}'s, who is no member of {owner}; publish as {user}/{name}, or use a "
            f"token of {owner}"
        )


def _ready(api: HfApi, repository: str, *, private: bool) -> None:
    """See that the repository is there."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        found = api.model_info(repository)
    except RepositoryNotFoundError:
        api.create_repo(repository, private=private or None)
        return
    if private and not found.private:
        raise HubError(
            f"{repository} is there and public; make it private on its settings page, or leave --private out"
        )


def _branch(api: HfApi, repository: str, revision: str) -> str:
    """See that the branch is there, and give its commit."""
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        found = api.model_info(repository, revision=revision)
    except RevisionNotFoundError:
        api.create_branch(repository, branch=revision, exist_ok=True)
        found = api.model_info(repository, revision=revision)
    return str(found.sha)


def _send(api: HfApi, planned: Publication, made: Contents, before: str) -> str:
    """Make one commit of all files, on top of what the branch was at, and give it."""
    from huggingface_hub import CommitOperationAdd

    done = api.create_commit(
        planned.repository,
        [
            CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
            for name, content in sorted(made.files.items())
        ],
        commit_message=_MESSAGE,
        revision=planned.revision,
        parent_commit=before,
    )
    return done.oid
