"""Blank filling against exhaustive enumeration, on a chemistry of hydrogen, helium and lithium."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch

from mattransformer.data.encoding import encode_formulas
from mattransformer.models.blank_filling import ACTIONS, LEFT, RIGHT, BlankFillingConfig, BlankFillingModel
from mattransformer.models.kernels import use_fast_kernels
from mattransformer.objectives import blank_sampling, orders
from mattransformer.objectives.blank_sampling import CanvasError, sample_blanks
from mattransformer.objectives.blanks import bound, canvases, losses
from mattransformer.objectives.sampling import SampledSequence, Truncation
from mattransformer.tokenization import (
    BLANK_ID,
    END_ID,
    FIRST_ELEMENT_ID,
    MASK_ID,
    PAD_ID,
    PROMPT_LENGTH,
    element_ids,
    prompt_ids,
)

H, HE, LI = ELEMENTS = tuple(element_ids(["H", "He", "Li"]))
MOST = 4
SAMPLES = 20_000
TRUNCATIONS = {
    "the model itself": Truncation(),
    "cold": Truncation(temperature=0.7),
    "hot, the two best elements": Truncation(temperature=1.5, top_k=2),
    "the best elements that hold 70 %": Truncation(top_p=0.7),
}
Canvas = tuple[int, ...]
FORMULAS: tuple[Canvas, ...] = (
    (H,),
    (LI, H),
    (H, H),
    (LI, LI, H),
    (HE, H, H),
    (LI, LI, H, H),
    (LI, HE, LI, H),
)


def toy(scale: float = 5.0, **changes: Any) -> BlankFillingModel:
    """A model of three elements whose choices depend on the canvas."""
    sizes: dict[str, Any] = {
        "vocab_size": FIRST_ELEMENT_ID + len(ELEMENTS),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 40,
        "hidden_dropout": 0.0,
    }
    torch.manual_seed(3)
    model = BlankFillingModel(BlankFillingConfig(**sizes | changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)
        # Blanks that stay are rarer than those that go, so that formulas are short.
        model.action_outer.bias.copy_(torch.tensor([1.5, 0.0, 0.3, -1.0]))
    return model


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Matrices this small are slower on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model() -> BlankFillingModel:
    return toy()


@pytest.fixture(scope="module")
def outcomes(model: BlankFillingModel) -> dict[Canvas, float]:
    """Everything that the model can sample, with its probability."""
    return enumerate_outcomes(model)


def sequences(*formulas: Canvas) -> torch.Tensor:
    return torch.tensor([[*prompt_ids(), *formula, END_ID] for formula in formulas])


def tempered(log_probs: list[float], temperature: float) -> list[float]:
    weights = [math.exp(value / temperature) for value in log_probs]
    return [weight / sum(weights) for weight in weights]


def truncated(log_probs: list[float], truncation: Truncation) -> list[float]:
    """The textbook definition, one element after another."""
    shares = tempered(log_probs, truncation.temperature)
    ranked = sorted(range(len(shares)), key=lambda element: -shares[element])[: truncation.top_k]
    total = sum(shares[element] for element in ranked)
    kept: dict[int, float] = {}
    for element in ranked:
        if sum(kept.values()) < (truncation.top_p or 1.0):
            kept[element] = shares[element] / total
    return [kept.get(element, 0.0) / sum(kept.values()) for element in range(len(shares))]


def steps(
    model: BlankFillingModel, canvas: Canvas, truncation: Truncation | None = None
) -> dict[tuple[int, int, int], float]:
    """Every step from a canvas, as blank, element and action, with its probability."""
    truncation = truncation or Truncation()
    ids = torch.tensor([[*prompt_ids(), *canvas]])
    at = [place for place, token in enumerate(canvas) if token == BLANK_ID]
    with torch.no_grad():
        hidden = model(input_ids=ids).last_hidden_state
        scores = model.blank_log_probs(hidden, ids)[0].double().tolist()
        chosen = tempered([scores[PROMPT_LENGTH + place] for place in at], truncation.temperature)
        found = {}
        for place, share in zip(at, chosen, strict=True):
            state = hidden[0, PROMPT_LENGTH + place]
            elements = truncated(model.element_log_probs(state).double().tolist(), truncation)
            kinds = model.action_log_probs(state.expand(3, -1), torch.tensor(ELEMENTS)).double().tolist()
            for token, own, beside in zip(ELEMENTS, elements, kinds, strict=True):
                for action, kind in enumerate(tempered(beside, truncation.temperature)):
                    found[place, token, action] = share * own * kind
    return found


def after(canvas: Canvas, place: int, token: int, action: int) -> Canvas:
    left, right = ((BLANK_ID,) if action & side else () for side in (LEFT, RIGHT))
    return (*canvas[:place], *left, token, *right, *canvas[place + 1 :])


def enumerate_outcomes(
    model: BlankFillingModel, start: Canvas = (BLANK_ID,), truncation: Truncation | None = None
) -> dict[Canvas, float]:
    """Every finished or cut canvas with its probability, by following all paths."""
    outcomes: dict[Canvas, float] = defaultdict(float)
    level = {start: 1.0}
    while level:
        following: dict[Canvas, float] = defaultdict(float)
        for canvas, share in level.items():
            if BLANK_ID not in canvas or len(canvas) > MOST:
                outcomes[canvas] += share
                continue
            for step, own in steps(model, canvas, truncation).items():
                if own:
                    following[after(canvas, *step)] += share * own
        level = following
    return outcomes


def path_log_probs(
    model: BlankFillingModel, formula: Canvas, given: frozenset[int] = frozenset()
) -> list[float]:
    """The log-probability of reaching a formula in each order of its missing atoms, one canvas at a time."""

    @cache
    def of(canvas: Canvas) -> dict[tuple[int, int, int], float]:
        return steps(model, canvas)

    totals = []
    for order in permutations([atom for atom in range(len(formula)) if atom not in given]):
        placed = set(given)
        total = 0.0
        for atom in order:
            kept = [i for i in range(len(formula)) if i in placed or i == 0 or i - 1 in placed]
            canvas = tuple(formula[i] if i in placed else BLANK_ID for i in kept)
            place = max(where for where, i in enumerate(kept) if i <= atom)
            left = LEFT * (atom > 0 and atom - 1 not in placed)
            right = RIGHT * (atom + 1 < len(formula) and atom + 1 not in placed)
            share = of(canvas)[place, formula[atom], left + right]
            total += math.log(share) if share else -math.inf
            placed.add(atom)
        totals.append(total)
    return totals


def exact_bound(model: BlankFillingModel, formula: Canvas) -> float:
    return -math.lgamma(len(formula) + 1) - float(np.mean(path_log_probs(model, formula)))


# Canvases


def test_strontium_titanate_around_its_titanium_has_a_blank_on_each_side() -> None:
    encoded = encode_formulas(["SrTiO3", "BaTiO3"], ["mp"] * 2, ["strict"] * 2)
    ids = torch.from_numpy(encoded.rows(np.arange(2)))
    drawn = canvases(ids, torch.tensor([[False, True, False, False, False], [True, True, False, True, True]]))
    ba, ti, o = element_ids(["Ba", "Ti", "O"])
    assert drawn.input_ids[:, PROMPT_LENGTH:].tolist() == [
        [BLANK_ID, ti, BLANK_ID, PAD_ID, PAD_ID],
        [ba, ti, BLANK_ID, o, o],
    ]
    assert drawn.attention_mask.sum(dim=1).tolist() == [PROMPT_LENGTH + 3, PROMPT_LENGTH + 5]
    assert (drawn.positions - PROMPT_LENGTH).tolist() == [[0, 1, 2, 2, 2], [0, 1, 2, 3, 4]]
    names = [[ACTIONS[action] for action in row] for row in drawn.actions.tolist()]
    assert names == [["E", "E", "E_", "_E_", "_E"], ["E"] * 5]


def test_every_subset_of_a_spinels_atoms_leads_back_to_the_spinel() -> None:
    ids = torch.from_numpy(encode_formulas(["MgAl2O4"], ["mp"], ["strict"]).rows(np.arange(1)))
    atoms = tuple(ids[0, PROMPT_LENGTH:-1].tolist())
    for placed in product([False, True], repeat=len(atoms)):
        drawn = canvases(ids, torch.tensor([placed]))
        for atom in [atom for atom, there in enumerate(placed) if not there]:
            canvas = tuple(drawn.input_ids[0, PROMPT_LENGTH:].tolist())
            place = int(drawn.positions[0, atom]) - PROMPT_LENGTH
            child = after(canvas, place, atoms[atom], int(drawn.actions[0, atom]))
            more = [there or other == atom for other, there in enumerate(placed)]
            expected = canvases(ids, torch.tensor([more])).input_ids[0, PROMPT_LENGTH:].tolist()
            assert list(child) == expected


# Probabilities


def test_what_blanks_can_become_adds_up_to_one(model: BlankFillingModel) -> None:
    for start in ((BLANK_ID,), (LI, BLANK_ID), (BLANK_ID, HE, BLANK_ID)):
        assert sum(steps(model, start).values()) == pytest.approx(1, abs=1e-5)
        assert sum(enumerate_outcomes(model, start).values()) == pytest.approx(1, abs=1e-5)


def test_the_orders_of_a_hydrides_atoms_add_up_to_its_probability(
    model: BlankFillingModel, outcomes: dict[Canvas, float]
) -> None:
    for formula in FORMULAS:
        together = sum(math.exp(total) for total in path_log_probs(model, formula))
        assert together == pytest.approx(outcomes[formula], rel=1e-4)


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_bound_is_the_mean_over_orders_and_below_the_probability(
    formula: Canvas, model: BlankFillingModel, outcomes: dict[Canvas, float]
) -> None:
    found = float(bound(model, sequences(formula), orders=5))
    assert found == pytest.approx(exact_bound(model, formula), abs=1e-4)
    assert -found <= math.log(outcomes[formula]) + 1e-6


def test_random_orders_of_a_lithium_hydride_give_the_same_bound_on_average(model: BlankFillingModel) -> None:
    formula = (LI, LI, H, H)
    ids = sequences(formula)
    found = np.array([float(bound(model, ids, 2, seed)) for seed in range(300)])
    assert found.std() > 0  # 8 canvases are fewer than the 15 there are
    assert abs(found.mean() - exact_bound(model, formula)) < 4 * found.std() / math.sqrt(len(found))


def test_the_bound_of_a_formula_does_not_depend_on_its_batch(model: BlankFillingModel) -> None:
    formulas = [(LI, LI, H, H), (LI, HE, LI, H), (H, H, H, H), (LI, LI, LI, H)]
    together, reverse = (bound(model, sequences(*rows), 2, 1) for rows in (formulas, formulas[::-1]))
    alone = [float(bound(model, sequences(row), 2, 1)) for row in formulas]
    assert together.tolist() == pytest.approx(alone, abs=1e-4)
    assert together.tolist() == pytest.approx(reverse.flip(0).tolist(), abs=1e-4)


def test_the_tiles_of_the_bound_change_nothing(
    model: BlankFillingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sequences((LI, LI, H, H), (LI, HE, LI, H))
    whole = bound(model, ids, 8)
    monkeypatch.setattr(orders, "TILE", 7)
    assert bound(model, ids, 8).tolist() == pytest.approx(whole.tolist(), abs=1e-5)


def test_hydrogen_between_given_atoms_is_bounded_by_the_paths_that_begin_with_them(
    model: BlankFillingModel,
) -> None:
    formula, given = (LI, HE, HE, H), (True, False, True, False)
    found = float(bound(model, sequences(formula), 3, given=torch.tensor([given])))
    paths = path_log_probs(model, formula, frozenset(at for at, there in enumerate(given) if there))
    assert len(paths) == 2
    assert found == pytest.approx(-math.log(2) - float(np.mean(paths)), abs=1e-4)


@pytest.mark.parametrize("formula", [(LI, H), (LI, LI, H, H)])
def test_the_training_loss_is_the_bound_on_average(model: BlankFillingModel, formula: Canvas) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        drawn = torch.cat(
            [losses(model, sequences(*[formula] * 70), generator).nats for _ in range(60)]
        ).double()
    error = float(drawn.std()) / math.sqrt(len(drawn))
    assert abs(float(drawn.mean()) - exact_bound(model, formula)) < 4 * error


def test_each_row_of_a_batch_is_estimated_without_bias(model: BlankFillingModel) -> None:
    formulas = [(LI, LI, H, H), (H, HE, H, HE), (LI, HE, LI, H)]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        drawn = torch.stack(
            [losses(model, sequences(*formulas), generator).nats for _ in range(1500)]
        ).double()
    expected = torch.tensor([exact_bound(model, formula) for formula in formulas], dtype=torch.float64)
    assert bool(((drawn.mean(dim=0) - expected).abs() < 4 * drawn.std(dim=0) / math.sqrt(1500)).all())


def test_every_weight_but_those_of_absent_tokens_learns_from_a_hydride(model: BlankFillingModel) -> None:
    model.zero_grad()
    drawn = losses(model, sequences((LI, HE, LI, H), (LI, LI, H, H)), torch.Generator().manual_seed(0))
    drawn.nats.sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
    model.zero_grad()


def test_with_blanks_left_only_behind_it_is_a_next_token_model() -> None:
    model = toy()
    with torch.no_grad():
        model.action_outer.bias[[LEFT, LEFT + RIGHT]] = -1e4
    outcomes = enumerate_outcomes(model)
    for formula in FORMULAS:
        forward = 1.0
        for size, token in enumerate(formula):
            action = 0 if size + 1 == len(formula) else RIGHT
            choices = steps(model, (*formula[:size], BLANK_ID))
            assert sum(share for (_, _, kind), share in choices.items() if kind & LEFT) == 0
            forward *= choices[size, token, action]
        assert outcomes[formula] == pytest.approx(forward, rel=1e-6)
        left_to_right = path_log_probs(model, formula)[0]  # the first of the permutations
        assert left_to_right == pytest.approx(math.log(forward), abs=1e-4)
    assert all(canvas.count(BLANK_ID) == (len(canvas) > MOST) for canvas in outcomes)


# Sampling


def draw(model: BlankFillingModel, n: int = SAMPLES, seed: int = 0, **settings: Any) -> list[SampledSequence]:
    return list(sample_blanks(model, prompt_ids(), n, seed, **{"max_tokens": MOST} | settings))


def check_frequencies(sequences: list[SampledSequence], outcomes: dict[Canvas, float]) -> None:
    """Pearson's test, with everything rarer than five expected samples in one class."""
    counts: Counter[Canvas] = Counter()
    for sequence in sequences:
        counts[sequence.ids] += sequence.count
    n = counts.total()
    assert counts.keys() <= {canvas for canvas, share in outcomes.items() if share > 0}
    common = [canvas for canvas, share in outcomes.items() if share * n >= 5]
    observed = np.array([counts[canvas] for canvas in common], dtype=float)
    expected = np.array([outcomes[canvas] * n for canvas in common])
    statistic = ((observed - expected) ** 2 / expected).sum()
    rest = max(n - expected.sum(), 1.0)
    statistic += (n - observed.sum() - rest) ** 2 / rest
    assert len(common) > 10
    assert abs(statistic - len(common)) < 4 * math.sqrt(2 * len(common))


@pytest.mark.parametrize("truncation", TRUNCATIONS.values(), ids=list(TRUNCATIONS))
def test_samples_come_as_often_as_the_enumeration_says(
    model: BlankFillingModel, truncation: Truncation
) -> None:
    sampled = draw(model, truncation=truncation)
    assert sum(sequence.count for sequence in sampled) == SAMPLES
    check_frequencies(sampled, enumerate_outcomes(model, truncation=truncation))


def test_fillings_of_a_canvas_keep_its_atoms_and_come_as_often_as_they_should(
    model: BlankFillingModel,
) -> None:
    start = (BLANK_ID, LI, BLANK_ID)
    sampled = draw(model, canvas=start)
    assert all(LI in sequence.ids for sequence in sampled)
    check_frequencies(sampled, enumerate_outcomes(model, start))


@pytest.mark.parametrize(("name", "size"), [("TILE", 3), ("ROUND", 900), ("_STEPS", 2)])
def test_tiles_and_rounds_change_no_frequency(
    name: str,
    size: int,
    model: BlankFillingModel,
    outcomes: dict[Canvas, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blank_sampling, name, size)
    check_frequencies(draw(model), outcomes)


def test_equal_canvases_are_evaluated_once_whatever_their_parents(
    model: BlankFillingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Counter[Canvas] = Counter()
    fill = blank_sampling._fill

    def note(model: BlankFillingModel, canvas: np.ndarray, *others: Any) -> Any:
        seen.update(map(tuple, canvas.tolist()))
        return fill(model, canvas, *others)

    monkeypatch.setattr(blank_sampling, "_fill", note)
    sampled = draw(model)
    assert set(seen.values()) == {1}
    assert len({sequence.ids for sequence in sampled}) == len(sampled)


def test_one_seed_gives_the_same_hydrides_twice_and_another_gives_others(model: BlankFillingModel) -> None:
    first, again, other = (
        [(each.ids, each.count, each.finished) for each in draw(model, 500, seed)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_sample_ends_with_elements_alone_or_is_cut_with_its_blanks() -> None:
    torch.manual_seed(0)
    config = BlankFillingConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    sampled = draw(BlankFillingModel(config).eval(), 2000, max_tokens=12)
    assert sum(sequence.count for sequence in sampled) == 2000
    assert all(math.isnan(sequence.log_prob) for sequence in sampled)
    for sequence in sampled:
        elements = [token for token in sequence.ids if token >= FIRST_ELEMENT_ID]
        if sequence.finished:
            assert len(elements) == len(sequence.ids) <= 12
        else:
            assert len(sequence.ids) > 12
            assert set(sequence.ids) <= {*elements, BLANK_ID}


def test_a_formula_without_blanks_is_its_own_filling(model: BlankFillingModel) -> None:
    [sequence] = draw(model, 10, canvas=[LI, H])
    assert (sequence.ids, sequence.count, sequence.finished) == ((LI, H), 10, True)


def test_no_samples_are_no_work(model: BlankFillingModel) -> None:
    assert draw(model, 0) == []


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"canvas": [LI, MASK_ID, H]}, f"token {MASK_ID} of the canvas is neither an element nor a blank"),
        ({"max_tokens": 39}, "max_tokens 39 is more than the 38 that this model has positions for"),
    ],
)
def test_a_canvas_that_cannot_be_filled_is_refused(
    model: BlankFillingModel, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CanvasError, match=reason):
        draw(model, 10, **settings)


# Learning


def test_a_small_model_learns_eight_formulas_by_heart_and_gives_them_back() -> None:
    formulas = ["NaCl", "ZnS", "SrTiO3", "CaCO3", "Fe2O3", "KMgF3", "LiFePO4", "MgAl2O4"]
    encoded = encode_formulas(formulas, ["mp"] * 8, ["strict"] * 8)
    groups = [torch.from_numpy(encoded.rows(np.array(group))) for group in ([0, 1], [2, 3, 4, 5], [6, 7])]
    torch.manual_seed(0)
    config = BlankFillingConfig(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
        max_position_embeddings=40,
        hidden_dropout=0.0,
    )
    model = BlankFillingModel(config)
    use_fast_kernels(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=400, pct_start=0.1)
    for _ in range(400):
        loss = torch.cat([losses(model, ids.repeat(8, 1)).nats for ids in groups]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    sampled = draw(model.eval(), 400, max_tokens=30)
    known = {tuple(row[PROMPT_LENGTH:-1].tolist()) for ids in groups for row in ids}
    assert len(known & {sequence.ids for sequence in sampled}) >= 7
    assert sum(sequence.count for sequence in sampled if sequence.ids in known) >= 240
    assert float(torch.cat([bound(model, ids, 8) for ids in groups]).mean()) < math.log(8) + 1
    sr, ti, o = element_ids(["Sr", "Ti", "O"])
    filled = draw(model, 100, max_tokens=30, canvas=[sr, BLANK_ID, o, o, o])
    assert max(filled, key=lambda each: each.count).ids == (sr, ti, o, o, o)
