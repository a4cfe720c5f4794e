"""Count vectors, descriptors, and the networks that make them under a condition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mattransformer.baselines.adversarial import AdversarialMethod
from mattransformer.baselines.conditional import ConditionalGAN, ConditionalVAE, Decoder, scaled
from mattransformer.baselines.count_vectors import COUNTS, FRACTIONS, CountVectors
from mattransformer.baselines.descriptors import descriptors
from mattransformer.baselines.variational import VariationalMethod
from mattransformer.data.corpora import load_corpus
from mattransformer.elements import ATOMIC_NUMBER
from mattransformer.formula import Formula
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions


def compositions(*formulas: str) -> Compositions:
    return Compositions.of([Formula.parse(text) for text in formulas])


def formulas_of(vectors: CountVectors, values: list[list[float]]) -> list[str]:
    read = vectors.compositions_of(np.array(values, dtype=np.float32))
    return [str(read.formula(at)) if read.sizes[at] else "-" for at in range(len(read))]


def test_counts_are_shares_of_the_largest_number_of_atoms_of_each_element() -> None:
    vectors = CountVectors.of(compositions("Na2O", "Na4Cl4", "Al2O3"), COUNTS)
    assert vectors.numbers.tolist() == [8, 11, 13, 17]  # O Na Al Cl
    assert vectors.largest.tolist() == [3, 2, 2, 1]
    assert vectors.encode(compositions("Na2O", "NaCl"))[:, :2].tolist() == [
        [pytest.approx(1 / 3), 1.0],
        [0.0, 0.5],
    ]


def test_counts_are_rounded_to_whole_numbers() -> None:
    vectors = CountVectors(COUNTS, np.array([8, 13], np.uint8), np.array([3, 2], np.float32))
    read = formulas_of(vectors, [[0.9, 0.8], [0.15, 0.2], [0.5, 0.5], [0.18, 0.0]])
    assert read == ["Al2O3", "-", "AlO2", "O"]  # 2.7 and 1.6; 0.45 and 0.4; 1.5 and 1; 0.54 and 0


def test_fractions_below_three_hundredths_are_none_and_the_others_sum_to_one() -> None:
    vectors = CountVectors(FRACTIONS, np.array([8, 13, 22], np.uint8), np.array([1, 1, 1], np.float32))
    # 0.3 and 0.2 of 0.5 are 0.6 and 0.4; 0.02 of titanium is noise.
    assert formulas_of(vectors, [[0.3, 0.2, 0.02], [0.0, 0.02, 0.0]]) == ["Al2O3", "-"]


@pytest.mark.parametrize(
    ("shares", "formula"),
    [
        ([0.5, 0.5], "AlO"),
        ([0.508, 0.492], "AlO"),
        ([0.535, 0.465], "Al6O7"),  # 7 of 13 are 0.538; of fewer atoms 6 of 11, 0.545, come closest
        ([0.66, 0.34], "AlO2"),
        ([0.965, 0.035], "AlO22"),  # 22 of 23 are 0.957, 21 of 22 only 0.955
    ],
)
def test_fractions_become_the_fewest_atoms_that_come_close(shares: list[float], formula: str) -> None:
    vectors = CountVectors(FRACTIONS, np.array([8, 13], np.uint8), np.array([1, 1], np.float32))
    assert formulas_of(vectors, [shares]) == [formula]


@pytest.mark.parametrize("representation", [COUNTS, FRACTIONS])
def test_real_compositions_are_read_back_as_they_were_written(representation: str) -> None:
    corpus = read_column(load_corpus("mp-transport").split("valid")["formula"]).compositions
    vectors = CountVectors.of(corpus, representation)
    encoded = vectors.encode(corpus)
    assert encoded.min() == 0
    assert encoded.max() == pytest.approx(1)
    back = vectors.compositions_of(encoded).fingerprints() == corpus.fingerprints()
    # Fractions of many atoms can come within 0.01 of those of fewer.
    assert back.all() if representation == COUNTS else 0.9 < back.mean() < 1


def test_descriptors_of_rock_salt_are_those_computed_by_hand() -> None:
    number = descriptors(compositions("NaCl"))[0, :4]
    assert number.tolist() == [14.0, 9.0, 11.0, 17.0]  # mean, variance, least, greatest of 11 and 17
    electronegativity = descriptors(compositions("NaCl"))[0, 20:]
    assert electronegativity.tolist() == pytest.approx([2.045, 1.115**2, 0.93, 3.16], rel=1e-6)


def test_descriptors_weigh_elements_by_their_atoms_and_multiples_alike() -> None:
    fluoride, doubled = descriptors(compositions("MgF2", "Mg2F4"))
    assert fluoride.tolist() == doubled.tolist()
    assert fluoride[:2].tolist() == pytest.approx([(12 + 2 * 9) / 3, (2**2 + 2 * 1**2) / 3])
    assert fluoride[8] == pytest.approx((2 + 2 * 17) / 3)  # groups


def test_a_column_that_does_not_vary_is_scaled_to_zero() -> None:
    values = np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]], dtype=np.float32)
    assert scaled(values).tolist() == [[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]]


class Echo(nn.Module):
    """Stands in for a decoder: gives its condition for oxygen, and all of magnesium."""

    noise = 1
    outputs = 2

    def forward(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Give the condition."""
        return torch.stack([conditions, torch.ones_like(conditions)], dim=1)


def test_conditions_are_drawn_from_those_of_the_training_rows() -> None:
    vectors = CountVectors(COUNTS, np.array([8, 12], np.uint8), np.array([4, 1], np.float32))
    energies = np.array([-2.0, -1.0, -1.0, 0.0], dtype=np.float32)  # scaled 0, 1/2, 1/2, 1
    generator = ConditionalGAN(Echo(), vectors, energies, "formation_energy_per_atom")  # type: ignore[arg-type]
    drawn = generator.sample(4096).compositions
    oxygen = np.zeros(len(drawn), dtype=np.int64)
    is_oxygen = drawn.numbers == ATOMIC_NUMBER["O"]
    oxygen[drawn.owners[is_oxygen]] = drawn.amounts[is_oxygen]
    assert np.bincount(oxygen) / len(drawn) == pytest.approx([0.25, 0, 0.5, 0, 0.25], abs=0.03)


def test_the_gan_starts_from_uniform_and_the_vae_from_normal_noise() -> None:
    uniform = ConditionalGAN.noise((10_000, 1), np.random.default_rng(0))
    normal = ConditionalVAE.noise((10_000, 1), np.random.default_rng(0))
    assert (uniform.min(), uniform.max()) == (pytest.approx(-1, abs=0.01), pytest.approx(1, abs=0.01))
    assert (normal.mean(), normal.std()) == (pytest.approx(0, abs=0.03), pytest.approx(1, abs=0.03))


# Losses


class Rows:
    """Ten rows (1, 2) with the condition 1."""

    def __len__(self) -> int:
        return 10

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Give so many of them."""
        return torch.tensor([1.0, 2.0]).expand(len(rows), 2), torch.ones(len(rows))


class Fixed(nn.Module):
    """A network of any kind whose outputs are numbers to learn, whatever it is given."""

    def __init__(self, *outputs: list[float], together: bool = False) -> None:
        super().__init__()
        self.outputs = nn.ParameterList([nn.Parameter(torch.tensor(values)) for values in outputs])
        self.together = together

    def forward(self, given: Tensor, conditions: Tensor | None = None) -> Tensor | tuple[Tensor, ...]:
        """Give the numbers, as many times as there are rows."""
        outputs = tuple(values.expand(len(given), -1) for values in self.outputs)
        return outputs[0] if self.together else outputs


def test_the_loss_of_the_vae_is_squared_error_and_divergence() -> None:
    decoder = Fixed([0.5, 0.0], together=True)
    encoder = Fixed([2.0], [math.log(4.0)])  # codes with mean 2 and variance 4
    rng = torch.Generator().manual_seed(0)
    method = VariationalMethod(
        decoder,
        encoder,
        Rows(),
        lambda n: torch.randn((n, 1), generator=rng),
        rng,
        batch_size=3,
        rate=0.01,
        betas=(0.9, 0.999),
        kl_weight=0.5,
    )
    losses = method.step()
    assert losses["squared_error"] == pytest.approx(0.25 + 4.0)
    # Of N(2, 4) from N(0, 1): (4 + 4 - 1 - ln 4) / 2.
    assert losses["divergence"] == pytest.approx((7 - math.log(4)) / 2)
    assert encoder.outputs[0].grad is not None
    assert encoder.outputs[0].grad.item() == pytest.approx(0.5 * 2.0)  # the weight times the mean


class TwoHeads(nn.Module):
    """A critic whose score is the sum of a sample, and whose prediction is a number to learn."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(2))
        self.prediction = nn.Parameter(torch.tensor(0.25))

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Give score and prediction."""
        return samples @ self.weights, self.prediction.expand(len(samples))


def test_critic_and_generator_of_the_gan_are_held_to_the_condition() -> None:
    rng = torch.Generator().manual_seed(0)
    critic = TwoHeads()
    method = AdversarialMethod(
        Fixed([0.0, 0.0], together=True),
        critic,
        Rows(),
        lambda n: torch.zeros(n, 1),
        rng,
        batch_size=3,
        rates=(0.01, 0.01),
        betas=(0.0, 0.9),
        critic_steps=1,
        gradient_penalty=10.0,
    )
    losses = method.step()
    assert losses["condition_error"] == pytest.approx(0.75**2)
    assert losses["distance"] == pytest.approx(3.0)
    assert losses["penalty"] == pytest.approx((math.sqrt(2) - 1) ** 2)
    # After the step of the critic the prediction is 0.26, and a generated sample is still 0, so its score too.
    assert losses["generator_loss"] == pytest.approx(0.74**2, rel=1e-4)


def test_the_layers_of_the_gan_are_those_of_the_authors() -> None:
    # Sawada et al.'s release, model.py: 10 numbers and the property to 30, 60 and the vector.
    shapes = [tuple(parameter.shape) for parameter in Decoder(10, [30, 60], 111).parameters()]
    assert shapes == [(30, 11), (30,), (60, 30), (60,), (111, 60), (111,)]
