"""One run of cheap cells and the bundle that is made of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from forging import CLOUD, FAULTY, SAID, Forger

from chaosbench.entries import submit
from chaosbench.evaluation import plan, run, spec_of
from chaosbench.tasks import registry


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A cache of data for all tests of entries."""
    before = os.environ.get("CHAOSBENCH_CACHE")
    os.environ["CHAOSBENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield Path(os.environ["CHAOSBENCH_CACHE"])
    if before is None:
        del os.environ["CHAOSBENCH_CACHE"]
    else:
        os.environ["CHAOSBENCH_CACHE"] = before


@pytest.fixture(scope="session")
def home(cache, tmp_path_factory):
    """A run: the floor, a forecaster with samples, one that goes astray, and the ceiling."""
    folder = tmp_path_factory.mktemp("entries") / "run"
    tasks = [registry["forecast/henon-v2"], registry["forecast/logistic-v2"]]
    specs = [spec_of(name, plugins=[FAULTY]) for name in (CLOUD, "blows_up")]
    run(plan(tasks, specs), directory=folder)
    return folder


@pytest.fixture(scope="session")
def bundle(home, tmp_path_factory):
    names = ("persistence", CLOUD, "blows_up")
    return submit([home], tmp_path_factory.mktemp("bundle") / "b", SAID, forecasters=names).path


@pytest.fixture
def forger(bundle, tmp_path):
    return Forger(bundle, tmp_path / "forged")
