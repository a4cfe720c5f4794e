"""A trained model as others get it: its checkpoint in a repository of a model hub.

lm = load("runs/oxides")
lm.push_to_hub("ada/oxides")
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mattransformer.generation.scoring import ScoringModel

if TYPE_CHECKING:
    from mattransformer.models.publications import Publication


class SharedModel(ScoringModel):
    """A model that can be published.

    Attributes:
        model: the Hugging Face model, float32, in evaluation mode.
        folder: of its checkpoint.
        objective: what it was trained for.
    """

    def push_to_hub(
        self,
        repository: str,
        *,
        revision: str = "main",
        private: bool = False,
        dry_run: bool = False,
        results: str | Path | None = None,
        licence: str | None = None,
    ) -> Publication:
        """Publish the checkpoint that this model was opened from; `mattransformer publish` on the command line.

        Sent are the files of the checkpoint as they lie in its folder, with its card and what was measured on it, all
        in one commit. What was done to `model` since it was opened is not sent.

        Args:
            repository: `owner/name`, made where there is none.
            revision: a branch, made where there is none.
            private: make the repository for its owner alone.
            dry_run: send nothing, and say what would be sent.
            results: what `benchmarks/checkpoint.py` measured on these weights, a JSON file.
            licence: of the weights, as hubs call it, for example `cc-by-4.0`.

        Returns:
            What was sent, or would be, and where it is.

        Raises:
            MattransformerError: a checkpoint that cannot be published, a missing or a wrong token, no right to the
                repository, or no network; nothing is published by halves.
        """
        # What a card is made of lies above this module, so it is looked up when it is asked for.
        publish = import_module("mattransformer.hub.publishing").publish
        published: Publication = publish(
            self.folder,
            repository,
            revision=revision,
            private=private,
            dry_run=dry_run,
            results=results,
            licence=licence,
        )
        return published
