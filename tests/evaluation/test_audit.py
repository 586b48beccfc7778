"""The audit of Koopman eigenvalues, from the forecaster's process to the picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.evaluation._analysis import _audit
from chaosbench.forecasters import Audit
from chaosbench.isolation.outcome import Outcome
from chaosbench.plotting import plot_pseudospectrum, save


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """Keep the data of all these tests in one place."""
    old = os.environ.get("CHAOSBENCH_CACHE")
    os.environ["CHAOSBENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("CHAOSBENCH_CACHE")
    if old is not None:
        os.environ["CHAOSBENCH_CACHE"] = old


@pytest.fixture(scope="module")
def found():
    return cb.analyse("edmd:degree=3", "forecast/henon-v1", points=1000)


def test_the_analysis_of_edmd_verifies_the_constant_and_refuses_most(found):
    audit = found.audit
    assert audit is not None
    assert 1 <= len(audit.verified) < len(audit.eigenvalues)
    assert abs(audit.verified[0] - 1) < 1e-8
    assert "eigenvalues verified to 0.1" in repr(found)


def test_its_verdicts_go_into_the_json(found):
    made = json.loads(json.dumps(found.to_dict(), allow_nan=False))["audit"]
    assert made["tolerance"] == 0.1
    assert len(made["eigenvalues"]) == len(found.audit.eigenvalues)
    assert sum(row["verified"] for row in made["eigenvalues"]) == len(found.audit.verified)


def test_a_forecaster_without_one_has_none():
    other = cb.analyse("persistence", "forecast/henon-v1", points=1000)
    assert other.audit is None
    assert "audit" not in other.to_dict()


@pytest.mark.slow
def test_the_command_says_it_and_draws_it(tmp_path):
    done = subprocess.run(
        [
            sys.executable, "-m", "chaosbench.cli", "analyse", "edmd:degree=2",
            "forecast/henon-v1", "--points", "500", "--out", str(tmp_path / "out"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert "eigenvalues verified to 0.1" in done.stdout + done.stderr
    assert (tmp_path / "out" / "pseudospectrum.png").stat().st_size > 10_000


def _arrays() -> dict[str, np.ndarray]:
    return {
        "eigenvalues": np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.3]]),
        "tolerance": np.array([0.1]),
        "real": np.linspace(-1, 1, 5),
        "imaginary": np.linspace(-1, 1, 4),
        "pseudospectrum": np.full((4, 5), 0.2),
    }


def test_what_the_process_sends_becomes_an_audit():
    made = _audit(Outcome("ok", arrays=_arrays()))
    assert isinstance(made, Audit)
    assert made.verified.tolist() == [1.0]
    assert made.refused.tolist() == [0.5 + 0.5j]
    assert made.least_nontrivial == 0.3


@pytest.mark.parametrize("level", [0.0, 0.05, 1.0])
def test_every_pseudospectrum_can_be_drawn(tmp_path, level):
    grid = np.full((4, 5), level)
    grid[2, 2] = 0.09
    made = Audit(
        np.array([1.0 + 0j]), np.array([0.0]), 0.1, np.linspace(-1, 1, 5), np.linspace(-1, 1, 4),
        grid,
    )  # fmt: skip
    figure = plot_pseudospectrum(made)
    save(figure, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["0 refused", "1 verified"]
