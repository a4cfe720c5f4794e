"""Generators of count vectors that are conditioned on a property: the decoder of a VAE, or the generator of a GAN.

    ConditionalGAN(decoder, vectors, conditions, "formation_energy_per_atom").generate(1000, seed=0)

Source: Sawada, Morikawa and Fujii (arXiv:1910.11499), and for the GAN the authors' release (github.com/yoshihidesawada/
CompGAN): fully connected layers with ReLU, of 30 and 60 units, Sigmoid at the end, from 10 numbers between -1 and 1 and
the condition; a critic of 60 and 30 units with two outputs, the score and a prediction of the condition, learned by
squared error (an auxiliary classifier, arXiv:1610.09585, as a regression); Wasserstein loss with gradient penalty 10,
five steps of the critic for one of the generator, Adam with a rate of 1e-4 and betas 0 and 0.9, batches of 256. Count
vector, descriptors and condition, the formation energy per atom, are scaled to 0 to 1 over the training rows. For the
VAE no sizes are released; here its decoder is the GAN's generator, its encoder the mirror image, which is given the
condition too, its loss the summed squared error and, weighted, the divergence of the codes from a normal distribution.

Conditions are drawn from the training rows, so that samples are spread over the property as the rows are. Descriptors,
which the network gives beside the count vector, are dropped when a composition is read.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mattransformer.baselines.count_vectors import CountVectors
from mattransformer.baselines.drawing import DrawingGenerator
from mattransformer.screening.compositions import Compositions

_NETWORK: Final = "network."


class Decoder(nn.Module):
    """Noise and condition to a vector; the generator of the GAN, the decoder of the VAE."""

    def __init__(self, noise: int, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.noise, self.widths, self.outputs = noise, list(widths), outputs
        self.layers = nn.Sequential(
            *_hidden([noise + 1, *widths]), nn.Linear(widths[-1], outputs), nn.Sigmoid()
        )

    def forward(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Make vectors.

        Args:
            noise: (n, noise).
            conditions: scaled to 0 to 1, (n,).

        Returns:
            Values from 0 to 1, (n, outputs).
        """
        return self.layers(torch.cat([noise, conditions[:, None]], dim=1))


class VectorCritic(nn.Module):
    """Vectors to scores, high for true ones, and to the condition that they look like."""

    def __init__(self, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_hidden([outputs, *reversed(widths)]))
        self.heads = nn.Linear(widths[0], 2)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Judge vectors.

        Args:
            vectors: (n, outputs).

        Returns:
            Scores and predicted conditions, each (n,).
        """
        score, prediction = self.heads(self.layers(vectors)).unbind(dim=1)
        return score, prediction


class Encoder(nn.Module):
    """Vectors and conditions to codes: the encoder of the VAE."""

    def __init__(self, noise: int, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_hidden([outputs + 1, *reversed(widths)]))
        self.heads = nn.Linear(widths[0], 2 * noise)

    def forward(self, vectors: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Encode vectors.

        Args:
            vectors: (n, outputs).
            conditions: scaled to 0 to 1, (n,).

        Returns:
            Mean and logarithm of the variance of the codes, each (n, noise).
        """
        mean, log_variance = self.heads(self.layers(torch.cat([vectors, conditions[:, None]], dim=1))).chunk(
            2, dim=1
        )
        return mean, log_variance


class CountVectorGenerator(DrawingGenerator):
    """A trained conditional generator.

    Attributes:
        network: in evaluation mode.
        vectors: how its first outputs are read.
        conditions: of the training rows, of which one is drawn a sample, in the unit of the property, (rows,), float32.
        condition: name of the property.
    """

    chunk: ClassVar[int] = 4096

    def __init__(
        self, network: Decoder, vectors: CountVectors, conditions: NDArray[np.float32], condition: str
    ) -> None:
        self.network, self.vectors = network.eval(), vectors
        self.conditions, self.condition = conditions, condition

    @staticmethod
    @abstractmethod
    def noise(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw what the network starts from."""

    def draw(self, rng: np.random.Generator) -> Compositions:
        """Draw a chunk; see `DrawingGenerator.draw`."""
        noise = self.noise((self.chunk, self.network.noise), rng)
        conditions = rng.choice(scaled(self.conditions), self.chunk)
        with torch.inference_mode():
            vectors = self.network(torch.from_numpy(noise), torch.from_numpy(conditions)).numpy()
        return self.vectors.compositions_of(vectors[:, : len(self.vectors.numbers)])

    def parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Give what a checkpoint keeps; see `DrawingGenerator.parts`."""
        network, vectors = self.network, self.vectors
        settings = {
            "noise": network.noise,
            "widths": network.widths,
            "outputs": network.outputs,
            "representation": vectors.representation,
            "condition": self.condition,
        }
        arrays = {f"{_NETWORK}{name}": tensor.numpy() for name, tensor in network.state_dict().items()}
        vector_arrays = {"numbers": vectors.numbers, "largest": vectors.largest}
        return settings, {**arrays, **vector_arrays, "conditions": self.conditions}

    @classmethod
    def of_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Make a generator of what `parts` gave."""
        network = Decoder(settings["noise"], settings["widths"], settings["outputs"])
        weights = {name: array for name, array in arrays.items() if name.startswith(_NETWORK)}
        network.load_state_dict(
            {name.removeprefix(_NETWORK): torch.from_numpy(array) for name, array in weights.items()}
        )
        vectors = CountVectors(settings["representation"], arrays["numbers"], arrays["largest"])
        return cls(network, vectors, arrays["conditions"], settings["condition"])


class ConditionalGAN(CountVectorGenerator):
    """The generator of the GAN."""

    name: ClassVar[str] = "cgan"

    @staticmethod
    def noise(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw uniformly from -1 to 1."""
        return 2 * rng.random(shape, dtype=np.float32) - 1


class ConditionalVAE(CountVectorGenerator):
    """The decoder of the VAE."""

    name: ClassVar[str] = "cvae"

    @staticmethod
    def noise(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw normal numbers."""
        return rng.standard_normal(shape, dtype=np.float32)


def scaled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale columns to 0 to 1 between the least and the greatest value; one that does not vary becomes 0.

    Args:
        values: (rows,) or (rows, columns).

    Returns:
        The same shape, float32.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    return ((values - low) / np.maximum(high - low, 1e-6)).astype(np.float32)


def _hidden(widths: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers
