"""What a generator of compositions is: anything that gives n of them for a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Generator(Protocol):
    """A source of compositions: a language model, a GAN or a random baseline alike."""

    def generate(self, n: int, seed: int = 0) -> pd.DataFrame:
        """Give n distinct compositions, best first, with a column `formula`; the seed decides them."""
        ...
