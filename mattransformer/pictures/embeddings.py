"""What makes numbers of compositions for a map: a language model, or the fractions of the elements.

embedding = embedding_of("gpt2")
embedding.vectors(sample.compositions)    # (n, 192)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mattransformer.elements import SYMBOLS
from mattransformer.pictures.picture import PictureError
from mattransformer.screening.compositions import Compositions

DEFAULT: Final = "gpt2"
"""The shipped model that embeds where nothing is said."""

FRACTIONS: Final = "fractions"
"""Names the embedding without a model."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """A way from compositions to numbers.

    Attributes:
        in_words: what the numbers are, for a caption.
        vectors: n compositions to n rows of numbers.
        most_atoms: of a reduced formula that can be embedded; None for any.
    """

    in_words: str
    vectors: Callable[[Compositions], NDArray[np.float32]]
    most_atoms: int | None = None

    def takes(self, compositions: Compositions) -> NDArray[np.bool_]:
        """Tell which compositions can be embedded, (n,)."""
        if self.most_atoms is None:
            return np.ones(len(compositions), dtype=np.bool_)
        reduced = compositions.reduced
        return np.asarray(reduced.totals(reduced.amounts) <= self.most_atoms, dtype=np.bool_)


def element_fractions(compositions: Compositions) -> NDArray[np.float32]:
    """Give the share of each element among the atoms.

    Args:
        compositions: n of them.

    Returns:
        From 0 to 1, by atomic number from hydrogen, (n, 118).
    """
    found = np.zeros((len(compositions), len(SYMBOLS)), dtype=np.float32)
    atoms = compositions.totals(compositions.amounts)
    owners = compositions.owners
    found[owners, compositions.numbers.astype(np.int64) - 1] = compositions.amounts / atoms[owners]
    return found


BY_FRACTIONS: Final = Embedding("element fractions", element_fractions)


def check_embedding(name: str) -> None:
    """Refuse a name that no embedding has, before any work is done.

    Args:
        name: see `embedding_of`.

    Raises:
        MattransformerError: there is no such checkpoint, or it is no language model.
    """
    from mattransformer.baselines.checkpoints import is_generator
    from mattransformer.models.checkpoints import find_checkpoint

    if name != FRACTIONS and is_generator(find_checkpoint(name)):
        raise PictureError(
            f"{name} is no language model and embeds nothing: name one, such as {DEFAULT}, or {FRACTIONS}"
        )


def embedding_of(name: str = DEFAULT) -> Embedding:
    """Open an embedding.

    Args:
        name: a language model as `mattransformer.load` takes it, or `FRACTIONS`. The model's vector of a formula is the
            mean of its last hidden layer over the atoms (`lm.embed`), by the default conditions.

    Returns:
        The embedding.

    Raises:
        MattransformerError: there is no such checkpoint, or it is no language model.
    """
    if name == FRACTIONS:
        return BY_FRACTIONS
    from mattransformer.generation.language_model import load
    from mattransformer.tokenization import condition_values

    check_embedding(name)
    model = load(name)

    def vectors(compositions: Compositions) -> NDArray[np.float32]:
        return model.embed(compositions.formula(at) for at in range(len(compositions)))

    words = (
        f"embeddings of the language model {model.name} (its last hidden layer, mean over the atoms, conditions "
        f"{', '.join(condition_values().values())})"
    )
    return Embedding(words, vectors, model.most_atoms)
