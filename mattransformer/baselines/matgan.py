"""MATGAN: a generator and a critic of one-hot matrices, convolutional, trained against each other.

    MATGAN(generator).generate(1000, seed=0)

Source: Dan et al., npj Comput. Mater. 6, 84 (2020): the matrix (`one_hot`); a generator of a fully connected layer and
seven deconvolutions with batch normalisation and ReLU, Sigmoid at the end; a critic of seven convolutions and a fully
connected layer; the Wasserstein loss with gradient penalty. Sizes and rates are those of the authors' release
(github.com/originofmatter/MatGAN): the preset `published` is its network for OQMD, which has these layers (that for MP
has four and five). 128 numbers of normal noise become maps of 6 x 4 with 256 channels, which grow along the elements to
11, 22, 43 and 85, by kernels of 3 x 3 (5 x 5 at the narrow end); the critic has batch normalisation and LeakyReLU of
0.2. Elements stand in the order of atomic numbers. The release trains with gradient penalty 10, Adam with betas 0.5 and
0.9, and one step of the critic for one of the generator, at rates of 0.01 and 0.001. For how many steps is not known:
its settings have `times = 100000000` (function/Config.py), but no program that trains comes with them.

The preset `small` is for a processor. It has as many layers with the same strides, but takes the 8 rows as channels, so
that a convolution runs along the elements only and sees all numbers of atoms at once: a twentieth of the arithmetic, at
half the width a hundredth. Its elements stand in the order of electronegativity, in which neighbours have the same part
in a compound, and its critic has no batch normalisation, since the gradient penalty is one of single samples (Gulrajani
et al., arXiv:1704.00028). Both presets start the last bias of the generator low, so that the first matrices are sparse.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mattransformer.baselines.drawing import DrawingGenerator
from mattransformer.baselines.one_hot import COLUMNS, ELEMENTS, ROWS, compositions_of
from mattransformer.elements import RANK
from mattransformer.screening.compositions import Compositions

NOISE: Final = 128
"""Numbers that the generator starts from."""

_FIRST_COLUMNS: Final = 6  # of the narrowest maps; 11, 22, 43 and 85 come after
_FIRST_ROWS: Final = 4
_CRITIC_STRIDES: Final = (1, 2, 1, 2, 1, 2, 2)  # along the elements
_GENERATOR_STRIDES: Final = (2, 1, 2, 1, 2, 1, 2)
_SHARES: Final = (8, 8, 4, 4, 2, 2, 1)  # of the width that the maps of the critic have, widest last
_SLOPE: Final = 0.2
_SETTLING: Final = 8  # batches
_SPARSE: Final = -4.0  # bias under which a value of the first matrices is 0.02; true ones hold 3 of 680


@dataclass(frozen=True)
class MatganSizes:
    """What decides the two networks.

    Attributes:
        width: channels of the widest maps; a multiple of 8.
        rows_as_channels: whether convolutions run along the elements only, with the 8 rows as channels.
        critic_norm: whether the critic has batch normalisation, after every convolution but the first.
        order: of the elements along the matrix: `atomic-number` or `electronegativity`.
    """

    width: int
    rows_as_channels: bool
    critic_norm: bool
    order: str

    def as_dict(self) -> dict[str, Any]:
        """Give the sizes as plain values."""
        return asdict(self)


PRESETS: Final[Mapping[str, MatganSizes]] = {
    "published": MatganSizes(256, rows_as_channels=False, critic_norm=True, order="atomic-number"),
    "small": MatganSizes(128, rows_as_channels=True, critic_norm=False, order="electronegativity"),
}


class MatganGenerator(nn.Module):
    """Noise to matrices."""

    def __init__(self, sizes: MatganSizes) -> None:
        super().__init__()
        self.sizes = sizes
        channels = [sizes.width // share for share in reversed(_SHARES)]
        first = channels[0], (1 if sizes.rows_as_channels else _FIRST_ROWS), _FIRST_COLUMNS
        self.fully_connected = nn.Sequential(
            nn.Linear(NOISE, int(np.prod(first)), bias=False), nn.BatchNorm1d(int(np.prod(first))), nn.ReLU()
        )
        self.unflatten = nn.Unflatten(1, first)
        layers: list[nn.Module] = []
        # Channels narrow as the maps grow; the last layer gives the matrix.
        outputs = [*channels[1:], ROWS if sizes.rows_as_channels else 1]
        for number, (wide, narrow) in enumerate(zip(channels, outputs, strict=True)):
            last = number == len(channels) - 1
            layers.append(_deconvolution(wide, narrow, number, sizes, bias=last))
            if not last:
                layers += [nn.BatchNorm2d(narrow), nn.ReLU()]
        self.deconvolutions = nn.Sequential(*layers)
        bias = layers[-1].bias
        assert isinstance(bias, Tensor)
        nn.init.constant_(bias, _SPARSE)
        self.places = torch.from_numpy(element_order(sizes.order).argsort())

    def forward(self, noise: Tensor) -> Tensor:
        """Make matrices.

        Args:
            noise: normal numbers, (n, 128).

        Returns:
            Values from 0 to 1, (n, 8, 85), elements by atomic number.
        """
        maps = self.deconvolutions(self.unflatten(self.fully_connected(noise)))
        return maps.sigmoid().reshape(len(noise), ROWS, COLUMNS)[:, :, self.places]


class MatganCritic(nn.Module):
    """Matrices to scores, high for true ones."""

    def __init__(self, sizes: MatganSizes) -> None:
        super().__init__()
        self.sizes = sizes
        channels = [sizes.width // share for share in _SHARES]
        layers: list[nn.Module] = []
        inputs = [ROWS if sizes.rows_as_channels else 1, *channels[:-1]]
        for number, (narrow, wide) in enumerate(zip(inputs, channels, strict=True)):
            layers.append(_convolution(narrow, wide, number, sizes))
            if sizes.critic_norm and number:
                layers.append(nn.BatchNorm2d(wide))
            layers.append(nn.LeakyReLU(_SLOPE))
        self.convolutions = nn.Sequential(*layers)
        rows = 1 if sizes.rows_as_channels else _FIRST_ROWS
        self.fully_connected = nn.Linear(channels[-1] * rows * _FIRST_COLUMNS, 1)
        self.order = torch.from_numpy(element_order(sizes.order))

    def forward(self, matrices: Tensor) -> tuple[Tensor, None]:
        """Score matrices.

        Args:
            matrices: values from 0 to 1, (n, 8, 85), elements by atomic number.

        Returns:
            Scores, (n,), and no prediction of a condition.
        """
        shape = (ROWS, 1, COLUMNS) if self.sizes.rows_as_channels else (1, ROWS, COLUMNS)
        maps = self.convolutions(matrices[:, :, self.order].reshape(len(matrices), *shape))
        return self.fully_connected(maps.flatten(1)).squeeze(1), None


class MATGAN(DrawingGenerator):
    """A trained generator.

    Attributes:
        network: in evaluation mode.
    """

    name: ClassVar[str] = "matgan"
    chunk: ClassVar[int] = 1024

    def __init__(self, network: MatganGenerator) -> None:
        self.network = network.eval()

    def draw(self, rng: np.random.Generator) -> Compositions:
        """Draw a chunk; see `DrawingGenerator.draw`."""
        noise = rng.standard_normal((self.chunk, NOISE), dtype=np.float32)
        with torch.inference_mode():
            return compositions_of(self.network(torch.from_numpy(noise)).numpy())

    def parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Give what a checkpoint keeps; see `DrawingGenerator.parts`."""
        arrays = {name: tensor.numpy() for name, tensor in self.network.state_dict().items()}
        return {"sizes": self.network.sizes.as_dict()}, arrays

    @classmethod
    def of_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Make a generator of what `parts` gave."""
        network = MatganGenerator(MatganSizes(**settings["sizes"]))
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        return cls(network)


def with_settled_norms(network: MatganGenerator, seed: int = 0) -> MatganGenerator:
    """Copy a generator, its batch normalisation set to what its weights give over much noise.

    The running statistics of a training belong to weights that change, and not at all to their mean.

    Args:
        network: any state.
        seed: of the noise.

    Returns:
        The copy, in evaluation mode.
    """
    settled = copy.deepcopy(network).train()
    for layer in settled.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over the batches
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(_SETTLING):
            settled(torch.randn(MATGAN.chunk, NOISE, generator=rng))
    return settled.eval()


def sizes_of(preset: str, width: int | None = None) -> MatganSizes:
    """Give the sizes of a preset.

    Args:
        preset: `small` or `published`.
        width: replaces that of the preset.

    Returns:
        The sizes.
    """
    sizes = PRESETS[preset]
    return sizes if width is None else MatganSizes(**{**sizes.as_dict(), "width": width})


def element_order(order: str) -> np.ndarray:
    """Give the elements of a matrix in another order.

    Args:
        order: `atomic-number` or `electronegativity`.

    Returns:
        Columns of `one_hot.ELEMENTS`, (85,), int64.
    """
    columns = list(range(COLUMNS))
    if order == "electronegativity":
        columns.sort(key=lambda column: RANK[ELEMENTS[column]])
    return np.array(columns, dtype=np.int64)


def _deconvolution(wide: int, narrow: int, number: int, sizes: MatganSizes, *, bias: bool) -> nn.Module:
    size, stride, padding = _kernel(_GENERATOR_STRIDES[number], sizes, narrowest=number == 0)
    # A map twice as long is one shorter unless it is padded: 22 is the only even number of columns, 8 of rows.
    even = (stride[0] - 1, int(number == 2))
    return nn.ConvTranspose2d(wide, narrow, size, stride, padding, even, bias=bias)


def _convolution(narrow: int, wide: int, number: int, sizes: MatganSizes) -> nn.Module:
    size, stride, padding = _kernel(_CRITIC_STRIDES[number], sizes, narrowest=number == len(_SHARES) - 1)
    return nn.Conv2d(narrow, wide, size, stride, padding)


_Pair = tuple[int, int]


def _kernel(stride: int, sizes: MatganSizes, *, narrowest: bool) -> tuple[_Pair, _Pair, _Pair]:
    """Give size, stride and padding of a layer, each along rows and elements."""
    size = 5 if narrowest else 3
    if sizes.rows_as_channels:
        return (1, size), (1, stride), (0, size // 2)
    return (size, size), (2 if narrowest else 1, stride), (size // 2, size // 2)
