"""A corpus becomes a model, the model new compositions, and these their verdicts: all through the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import mattransformer

CONFIG = """
architecture: gpt2
sizes: {n_layer: 2, n_embd: 64, n_head: 4}
corpora: [mp-transport]
variant: strict
limit: 2000
validation_rows: 200
epochs: 3
tokens_per_batch: 1024
learning_rate: 5.0e-3
warmup_steps: 20
average_steps: 20
threads: 1
output: runs/strict
"""


class Program:
    """The command line as a user runs it, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        package = Path(mattransformer.__file__).parents[1]
        self.environment = {**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}

    def run(self, *arguments: str) -> str:
        """Run a command that should succeed, and give what it prints."""
        finished = subprocess.run(
            [sys.executable, "-m", "mattransformer", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        assert "Traceback" not in finished.stderr
        return finished.stdout


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_from_a_corpus_to_screened_compositions(program: Program, tmp_path: Path) -> None:
    report = program.run("corpus", "mp-transport", "--variant", "strict", "-o", "strict.parquet")
    assert "47,737" in report
    rows = pd.read_parquet(tmp_path / "strict.parquet")
    assert set(rows["variant"]) == {"strict"}

    (tmp_path / "strict.yaml").write_text(CONFIG, encoding="utf-8")
    trained = program.run("train", "strict.yaml", "epochs=4")
    assert "runs/strict: " in trained.replace("\\", "/")
    assert "nats a validation formula after" in trained

    summary = program.run("generate", "--model", "runs/strict", "-n", "200", "--seed", "1", "-o", "new.csv")
    assert "charge-neutral" in summary
    new = pd.read_csv(tmp_path / "new.csv", keep_default_na=False)
    assert len(new) == new["formula"].nunique() == 200
    assert new["log_prob"].is_monotonic_decreasing

    program.run("screen", "new.csv", "--check", "reduced_formula", "-o", "screened.jsonl")
    screened = pd.read_json(tmp_path / "screened.jsonl", lines=True)
    assert screened["reduced_formula"].tolist() == new["formula"].tolist()
    for verdict in ("charge_neutral", "electronegativity_balanced", "novel"):
        assert screened[verdict].tolist() == new[verdict].tolist()
    # Four epochs on 2,000 formulas do not make a chemist, but chance alone balances one in three.
    assert new["charge_neutral"].mean() > 0.4
    assert 0.5 < new["novel"].mean() < 1
