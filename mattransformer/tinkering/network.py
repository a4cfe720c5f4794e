"""A transformer that fills a site: which element takes the place of another, all its atoms at once.

    network = load_network()
    network.log_probabilities([Site(Formula.parse("SrTiO3"), "Ti")])    # (1, candidates)

The input is a composition with a hole: one token an element with its number of atoms, in no order, one for the site,
and one for the element that is to be replaced, or for none. The hole stands for all atoms of the site, so they are
scored jointly, and a formula may be of any size. Asked for a dopant, which replaces few of the atoms, the network says
which elements are likely to share the site with the one that is there. Elements are described by their chemistry
(group, period, shells, electronegativity, radii, oxidation states) beside a vector that is learned, so that what is
learned of common elements reaches the rare ones. `learning` trains it; the descriptors are kept with the weights.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mattransformer.errors import MattransformerError
from mattransformer.tinkering.sites import CANDIDATES, INDEX, Site

WEIGHTS: Final = Path(__file__).with_name("files") / "network.safetensors"
WIDTH: Final = 96
LAYERS: Final = 2
HEADS: Final = 4
_SEPARATE_COUNTS: Final = 8  # numbers of atoms up to here have a vector of their own
_COUNT_FEATURES: Final = 3 + _SEPARATE_COUNTS + 1
_BATCH: Final = 512
_NOTHING: Final = -1


@dataclass(frozen=True)
class Holes:
    """Compositions with a hole.

    Attributes:
        elements: the other elements, places among the candidates, -1 behind the last, (n, most).
        amounts: their numbers of atoms, (n, most).
        atoms: of the site, (n,).
        host: element to be replaced, -1 where none is named, (n,).
        dilute: whether few of the site's atoms are replaced, (n,).
    """

    elements: Tensor
    amounts: Tensor
    atoms: Tensor
    host: Tensor
    dilute: Tensor

    def take(self, rows: Tensor) -> Holes:
        """Copy some of them, no wider than they need."""
        elements = self.elements[rows]
        widest = int((elements != _NOTHING).sum(dim=1).max())
        return Holes(
            elements[:, :widest],
            self.amounts[rows][:, :widest],
            self.atoms[rows],
            self.host[rows],
            self.dilute[rows],
        )


def holes_of(
    sites: Sequence[tuple[Sequence[tuple[str, int]], int, str | None]], *, dilute: bool = False
) -> Holes:
    """Encode compositions with a hole.

    Args:
        sites: the other elements with their numbers of atoms, atoms of the site, and the element to be replaced.
        dilute: whether few of the site's atoms are replaced.

    Returns:
        The same as numbers, multiples divided out.
    """
    most = max((len(others) for others, _, _ in sites), default=0)
    elements = torch.full((len(sites), most), _NOTHING)
    amounts = torch.ones(len(sites), most)
    atoms = torch.ones(len(sites))
    host = torch.full((len(sites),), _NOTHING)
    for row, (others, number, replaced) in enumerate(sites):
        divisor = math.gcd(number, *(amount for _, amount in others))
        for at, (symbol, amount) in enumerate(others):
            elements[row, at] = INDEX[symbol]
            amounts[row, at] = amount // divisor
        atoms[row] = number // divisor
        host[row] = _NOTHING if replaced is None else INDEX[replaced]
    return Holes(elements, amounts, atoms, host, torch.full((len(sites),), dilute))


class SubstitutionNetwork(nn.Module):
    """The transformer.

    Attributes:
        forget: share of elements whose learned vector is left out in training, so that descriptors carry what they can.
    """

    descriptors: Tensor

    def __init__(
        self,
        descriptors: Tensor,
        width: int = WIDTH,
        layers: int = LAYERS,
        heads: int = HEADS,
        dropout: float = 0.1,
        forget: float = 0.2,
    ) -> None:
        """Build a network.

        Args:
            descriptors: of the candidates, (candidates, descriptors).
            width: of the hidden vectors.
            layers: of the transformer.
            heads: of its attention.
            dropout: in training.
            forget: see above.
        """
        super().__init__()
        self.width, self.layers, self.heads, self.forget = width, layers, heads, forget
        candidates, described = descriptors.shape
        self.register_buffer("descriptors", descriptors)
        self.describe_in = _perceptron(described, width)
        self.describe_out = _perceptron(described, width)
        self.learned_in = nn.Parameter(torch.randn(candidates, width) * 0.02)
        self.learned_out = nn.Parameter(torch.randn(candidates, width) * 0.02)
        self.bias = nn.Parameter(torch.zeros(candidates))
        self.amount = nn.Linear(_COUNT_FEATURES, width)
        self.site = nn.Parameter(torch.randn(width) * 0.02)
        self.host = nn.Linear(width, width)
        self.named = nn.Parameter(torch.randn(3, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.likeness = nn.Sequential(nn.LayerNorm(width), _perceptron(width, width))
        self.company = nn.Sequential(nn.LayerNorm(width), _perceptron(width, width))

    def forward(self, holes: Holes) -> Tensor:
        """Score every candidate.

        Args:
            holes: n of them.

        Returns:
            Scores before the softmax, (n, candidates).
        """
        elements, amounts, count, host = holes.elements, holes.amounts, holes.atoms, holes.host
        total = count + torch.where(elements == _NOTHING, 0, amounts).sum(dim=1)
        inward = self._vectors(self.describe_in, self.learned_in)
        outward = self._vectors(self.describe_out, self.learned_out)
        others = inward[elements.clamp(min=0)] + self.amount(_count_features(amounts, total[:, None]))
        site = self.site + self.amount(_count_features(count, total))
        known = (host != _NOTHING)[:, None]
        replaced = inward[host.clamp(min=0)]
        dilute = holes.dilute[:, None]
        asked = torch.where(dilute, self.named[2], self.named[0])
        named = torch.where(known, self.host(replaced) + asked, self.named[1])
        tokens = torch.cat([site[:, None], named[:, None], others], dim=1)
        padding = torch.cat([elements.new_zeros(len(elements), 2).bool(), elements == _NOTHING], dim=1)
        hidden = self.norm(self.encoder(tokens, src_key_padding_mask=padding)[:, 0])
        # What the replaced element is like counts by itself too, whatever the composition.
        alike = torch.where(dilute, self.company(replaced), self.likeness(replaced))
        query = hidden + torch.where(known, alike, 0.0)
        return 2 * (query @ outward.T) / math.sqrt(self.width) + self.bias

    def _vectors(self, describe: nn.Module, learned: Tensor) -> Tensor:
        if self.training and self.forget:
            learned = learned * (torch.rand(len(learned), 1) > self.forget)
        return describe(self.descriptors) + learned


class Ensemble:
    """Networks of several seeds, asked together: their answers are averaged, ln P by ln P.

    Attributes:
        members: alike but for what chance decided in training.
    """

    name = "substitution network"

    def __init__(self, members: Sequence[SubstitutionNetwork]) -> None:
        """Take networks, one at least."""
        self.members = [member.eval() for member in members]

    @torch.no_grad()
    def log_probabilities(
        self, sites: Sequence[Site], *, host: bool = True, dilute: bool = False
    ) -> NDArray[np.float64]:
        """Give the logarithm of the probability that each element fills a site.

        Args:
            sites: any number.
            host: whether the element that is there now is told; otherwise the hole is to be filled from its
                surroundings alone.
            dilute: whether the element joins the one that is there, instead of replacing all its atoms.

        Returns:
            (sites, candidates). Elements that the host has elsewhere, and, where the host is told, the one that is
            there now, have a probability too, but no meaning.
        """
        asked = [(site.others, site.count, site.element if host else None) for site in sites]
        holes = holes_of(asked, dilute=dilute)
        found = np.zeros((len(sites), len(CANDIDATES)))
        for rows in torch.arange(len(sites)).split(_BATCH):
            taken = holes.take(rows)
            answers = [torch.log_softmax(member(taken), dim=-1) for member in self.members]
            mean = torch.log_softmax(torch.stack(answers).mean(dim=0), dim=-1)
            found[rows.numpy()] = mean.double().numpy()
        return found

    def scores(self, sites: Sequence[Site]) -> NDArray[np.float64]:
        """See `sites.Ranker`."""
        return self.log_probabilities(sites)


def save_network(network: Ensemble, path: Path = WEIGHTS) -> None:
    """Write networks in half precision, at once or not at all."""
    from safetensors.torch import save

    from mattransformer.files import write_bytes

    tensors = {
        f"{at}.{name}": tensor.half().contiguous()
        for at, member in enumerate(network.members)
        for name, tensor in member.state_dict().items()
    }
    first = network.members[0]
    shape = {name: str(getattr(first, name)) for name in ("width", "layers", "heads")}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, save(tensors, shape))


def load_network(path: Path = WEIGHTS) -> Ensemble:
    """Open networks; the shipped ones are opened once.

    Raises:
        MattransformerError: a file that is missing, damaged or no such network.
    """
    return _shipped() if path == WEIGHTS else _read(path)


@functools.cache
def _shipped() -> Ensemble:
    return _read(WEIGHTS)


def _read(path: Path) -> Ensemble:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            shape = {name: int(value) for name, value in file.metadata().items()}
            members: dict[str, dict[str, Tensor]] = {}
            for key in file.keys():  # noqa: SIM118 - no mapping
                at, name = key.split(".", maxsplit=1)
                members.setdefault(at, {})[name] = file.get_tensor(key).float()
        networks = []
        for _, tensors in sorted(members.items(), key=lambda item: int(item[0])):
            network = SubstitutionNetwork(tensors["descriptors"], **shape)
            network.load_state_dict(tensors)
            networks.append(network)
        if not networks:
            raise ValueError("it holds none")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise MattransformerError(
            f"{path}: cannot be read as a substitution network ({error}); install the package anew, or train one "
            "with python -m mattransformer.tinkering.learning"
        ) from error
    return Ensemble(networks)


def _perceptron(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width))


def _count_features(count: Tensor, total: Tensor) -> Tensor:
    """Describe numbers of atoms, of `total` in the formula: (..., features)."""
    plain = torch.stack([count.log() / 3, count / total, total.expand_as(count).log() / 4], dim=-1)
    separate = nn.functional.one_hot(count.clamp(max=_SEPARATE_COUNTS).long(), _SEPARATE_COUNTS + 1)
    return torch.cat([plain, separate.to(plain.dtype)], dim=-1)
