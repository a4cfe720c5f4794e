"""The matrices of MATGAN, its networks, and the loss of a generator against its critic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mattransformer.baselines.adversarial import AdversarialMethod
from mattransformer.baselines.matgan import (
    NOISE,
    PRESETS,
    MatganCritic,
    MatganGenerator,
    element_order,
    sizes_of,
    with_settled_norms,
)
from mattransformer.baselines.one_hot import (
    COLUMNS,
    ELEMENTS,
    ROWS,
    compositions_of,
    fits,
    matrices,
)
from mattransformer.data.corpora import load_corpus
from mattransformer.formula import Formula
from mattransformer.screening.columns import read_column
from mattransformer.screening.compositions import Compositions


def compositions(*formulas: str) -> Compositions:
    return Compositions.of([Formula.parse(text) for text in formulas])


# Matrices


def test_strontium_titanate_has_a_one_for_each_element_in_the_row_of_its_atoms() -> None:
    (matrix,) = matrices(compositions("Sr2Ti2O6"))
    assert matrix.shape == (8, 85)
    assert matrix.sum() == 3
    assert [matrix[0, ELEMENTS.index("Sr")], matrix[0, ELEMENTS.index("Ti")]] == [1, 1]
    assert matrix[2, ELEMENTS.index("O")] == 1


def test_the_85_elements_are_those_of_the_authors() -> None:
    assert len(ELEMENTS) == COLUMNS == 85
    assert ELEMENTS[:9] == ("H", "Li", "Be", "B", "C", "N", "O", "F", "Na")
    assert ELEMENTS[-7:] == ("Bi", "Ac", "Th", "Pa", "U", "Np", "Pu")
    assert "Xe" in ELEMENTS
    assert not {"He", "Ne", "Ar", "Kr", "Po", "Rn", "Ra", "Am"} & set(ELEMENTS)


@pytest.mark.parametrize(
    ("formula", "does"),
    [
        ("SrTiO3", True),
        ("Na12(SiO3)6", True),  # Na2SiO3
        ("Mg2P2O8", True),  # MgPO4
        ("Ca3(PO4)2", True),
        ("Al2(SO4)3", False),  # 12 O
        ("KrF2", False),
        ("PuO2", True),
        ("AmO2", False),
    ],
)
def test_a_formula_fits_with_at_most_8_atoms_of_each_of_the_85_elements(formula: str, does: bool) -> None:
    assert fits(read_column([formula]).compositions).tolist() == [does]


def test_two_thirds_of_the_materials_project_fit(shared_data: Path) -> None:
    import pandas as pd

    formulas = pd.read_csv(shared_data / "mp.csv.gz")["formula"].tolist()
    assert 0.6 < fits(read_column(formulas).compositions).mean() < 0.75


def test_matrices_are_read_back_as_they_were_written() -> None:
    formulas = load_corpus("mp-transport").split("valid")["formula"].tolist()
    read = read_column(formulas).compositions
    kept = read.take(np.flatnonzero(fits(read)))
    assert len(kept) > 1000
    assert np.array_equal(compositions_of(matrices(kept)).fingerprints(), kept.fingerprints())


def test_the_largest_value_of_a_column_counts_if_it_is_above_one_half() -> None:
    filled = np.zeros((2, ROWS, COLUMNS), dtype=np.float32)
    filled[0, 1, ELEMENTS.index("Fe")] = 0.7
    filled[0, 4, ELEMENTS.index("Fe")] = 0.6
    filled[0, 2, ELEMENTS.index("O")] = 0.99
    filled[0, 0, ELEMENTS.index("Cl")] = 0.5
    read = compositions_of(filled)
    assert read.sizes.tolist() == [2, 0]
    assert read.formula(0) == Formula.parse("Fe2O3")


# Networks


@pytest.mark.parametrize("preset", ["small", "published"])
def test_a_generator_makes_matrices_that_its_critic_scores(preset: str) -> None:
    sizes = sizes_of(preset, 16)
    made = MatganGenerator(sizes)(torch.randn(5, NOISE))
    assert made.shape == (5, 8, 85)
    assert ((made > 0) & (made < 1)).all()
    scores, predicted = MatganCritic(sizes)(made)
    assert scores.shape == (5,)
    assert predicted is None


def test_the_published_networks_have_the_layers_of_the_authors() -> None:
    with torch.device("meta"):
        generator = _kernels(MatganGenerator(PRESETS["published"]))
        critic = _kernels(MatganCritic(PRESETS["published"]))
    # Dan et al.'s release, WGANGP_OQMD.py: fully connected to 6 x 4 x 256, seven deconvolutions; seven convolutions.
    assert generator == [
        (6144, 128),
        (256, 128, 5, 5),
        (128, 128, 3, 3),
        (128, 64, 3, 3),
        (64, 64, 3, 3),
        (64, 32, 3, 3),
        (32, 32, 3, 3),
        (32, 1, 3, 3),
    ]
    assert critic == [
        (32, 1, 3, 3),
        (32, 32, 3, 3),
        (64, 32, 3, 3),
        (64, 64, 3, 3),
        (128, 64, 3, 3),
        (128, 128, 3, 3),
        (256, 128, 5, 5),
        (1, 6144),
    ]


def _kernels(network: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(parameter.shape) for parameter in network.parameters() if parameter.ndim > 1]


def test_elements_in_the_order_of_electronegativity_begin_with_caesium_and_end_with_fluorine() -> None:
    ordered = [ELEMENTS[column] for column in element_order("electronegativity")]
    assert ordered[0] == "Cs"
    assert ordered[-2:] == ["O", "F"]
    assert sorted(ordered) == sorted(ELEMENTS)


def test_a_generator_turns_its_own_order_of_elements_back_into_that_of_atomic_numbers() -> None:
    generator, critic = MatganGenerator(sizes_of("small", 16)), MatganCritic(sizes_of("small", 16))
    columns = torch.arange(85)
    assert torch.equal(columns[critic.order][generator.places], columns)


def test_settled_norms_are_the_mean_and_variance_over_noise() -> None:
    torch.manual_seed(0)
    generator = MatganGenerator(sizes_of("small", 16))
    generator(10 * torch.randn(64, NOISE))  # statistics of something else
    settled = with_settled_norms(generator)
    norm = settled.fully_connected[1]
    weights = settled.fully_connected[0].weight
    assert isinstance(weights, Tensor)
    # Of normal noise a unit without bias has mean 0 and as variance the square of its weights.
    assert norm.running_mean.abs().max() < 0.1  # type: ignore[operator]
    assert torch.allclose(norm.running_var, weights.square().sum(dim=1), rtol=0.1)  # type: ignore[arg-type]
    assert not settled.training


# The loss


class Linear(nn.Module):
    """A critic whose gradient is its weight, everywhere."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, samples: Tensor) -> tuple[Tensor, None]:
        """Multiply by the weights."""
        return samples @ self.weights, None


class Point(nn.Module):
    """A generator of one point."""

    def __init__(self, *place: float) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor(place))

    def forward(self, noise: Tensor) -> Tensor:
        """Give the point, whatever the noise."""
        return self.place.expand(len(noise), -1)


class Rows:
    """Ten rows, all at one point."""

    def __init__(self, *place: float) -> None:
        self.place = torch.tensor(place)

    def __len__(self) -> int:
        return 10

    def take(self, rows: Tensor) -> tuple[Tensor, None]:
        """Give the point so many times."""
        return self.place.expand(len(rows), -1), None


def game(point: Point, critic: Linear, rows: Rows, critic_steps: int = 1) -> AdversarialMethod:
    rng = torch.Generator().manual_seed(0)
    return AdversarialMethod(
        point,
        critic,
        rows,
        lambda n: torch.zeros(n, 1),
        rng,
        batch_size=4,
        rates=(0.01, 0.01),
        betas=(0.0, 0.9),
        critic_steps=critic_steps,
        gradient_penalty=10.0,
    )


def test_distance_and_penalty_of_a_linear_critic_are_those_computed_by_hand() -> None:
    losses = game(Point(0.0, 0.0), Linear(3.0, 4.0), Rows(1.0, 2.0)).step()
    assert losses["distance"] == pytest.approx(11.0)  # 3 + 8 - 0
    assert losses["penalty"] == pytest.approx(16.0)  # the norm is 5


def test_a_critic_reaches_the_wasserstein_distance_and_leads_the_generator_to_the_rows() -> None:
    point = Point(0.0, 0.0)
    method = game(point, Linear(0.1, 0.0), Rows(0.6, 0.8), critic_steps=300)
    # The points are 1 apart; the optimum of w - 10 (w - 1)^2 is w = 1.05.
    assert method.step()["distance"] == pytest.approx(1.05, abs=0.02)
    method.critic_steps = 1
    distances = [method.step()["distance"] for _ in range(30)]
    assert distances == sorted(distances, reverse=True)
    assert point.place.tolist() == pytest.approx([0.31, 0.31], abs=0.01)  # 31 steps of Adam


def test_a_step_of_the_generator_leaves_no_gradient_in_the_critic() -> None:
    critic = Linear(3.0, 4.0)
    method = game(Point(0.0, 0.0), critic, Rows(1.0, 2.0))
    method.step()
    assert critic.weights.grad is not None
    # The gradient of 10 (|w| - 1)^2 - w.x: 80 (0.6, 0.8) - (1, 2).
    assert critic.weights.grad.tolist() == pytest.approx([47.0, 62.0])
