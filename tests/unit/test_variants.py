"""Variants are SMACT's verdicts, with the settings of the published data sets."""

from __future__ import annotations

import random

import pytest
from smact.screening import smact_validity

from mattransformer.data.corpora import load_corpus
from mattransformer.data.variants import VARIANTS, holding, variant_of, variants_of
from mattransformer.formula import Formula


@pytest.mark.parametrize(
    ("formula", "variant"),
    [
        ("SrTiO3", "strict"),
        ("NaCl", "strict"),
        ("Ni3Al", "pure"),  # nickel as an anion: smact14 lists Ni1-, icsd24 does not
        ("NaCl2", "mix"),
        ("Fe3O4", "mix"),  # mixed valence: no single state of iron balances four oxides
        ("Na2He", "mix"),  # helium has no oxidation state
    ],
)
def test_a_compound_has_the_strongest_variant_that_it_satisfies(formula: str, variant: str) -> None:
    assert variant_of(Formula.parse(formula)) == variant


def test_labels_of_real_compounds_are_the_verdicts_of_smact_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("MATTRANSFORMER_CACHE", str(tmp_path_factory.mktemp("cache")))
    table = load_corpus("mp-transport").table
    rows = table.iloc[random.Random(0).sample(range(len(table)), 300)]
    labels = []
    for formula in rows["formula"]:
        pure, narrow = (
            smact_validity(formula, oxidation_states_set=states, include_alloys=False)
            for states in ("smact14", "icsd24")
        )
        labels.append("strict" if pure and narrow else "pure" if pure else "mix")
    assert rows["variant"].tolist() == labels
    assert set(labels) == set(VARIANTS)


def test_a_batch_is_labelled_like_its_members() -> None:
    formulas = [Formula.parse(text) for text in ("NaCl2", "SrTiO3", "Ni3Al", "Fe3O4", "MgO")]
    assert variants_of(formulas) == [variant_of(formula) for formula in formulas]
    assert variants_of([]) == []


def test_pure_holds_strict_and_mix_holds_everything() -> None:
    assert holding("mix") == ("mix", "pure", "strict")
    assert holding("pure") == ("pure", "strict")
    assert holding("strict") == ("strict",)
