"""What the training loop asks of a way to train a generator: networks, one step, and what came of it.

Each method draws its batches and its noise from the one stream of random numbers it is given, whose state the loop
saves: a run that is resumed goes on as if it had never been interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from mattransformer.baselines.drawing import DrawingGenerator

Noise = Callable[[int], Tensor]
"""Draws noise for so many samples, (n, noise)."""


class Batches(Protocol):
    """Training rows."""

    def __len__(self) -> int:
        """Count the rows."""
        ...

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Give rows as the generator would: samples, and the conditions they belong to, if any."""
        ...


class Method(Protocol):
    """A way to train a generator.

    Attributes:
        networks: by name; `generator` is the one that is kept.
        optimizers: by the name of the network they move, each with one group of parameters.
    """

    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]

    def step(self) -> dict[str, float]:
        """Do one step of the generator and what belongs to it.

        Returns:
            Losses by name.
        """
        ...


Sampler = Callable[[nn.Module], DrawingGenerator]
"""Makes what users get of the trained network."""
