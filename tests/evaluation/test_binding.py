"""A board of a run's directory refuses a record whose forecast is another one."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from chaosbench.cli import app
from chaosbench.datasets import write_trajectories
from chaosbench.errors import InputError
from chaosbench.evaluation import (
    RunDirectory,
    UnboundWarning,
    plan,
    read_bound_records,
    read_records,
    run,
    spec_of,
    write_file,
)
from chaosbench.tasks import registry


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("binding") / "run"
    task = registry["forecast/logistic-v2"]
    run(plan([task], [spec_of("persistence")]), directory=folder)
    return folder


@pytest.fixture
def home(made, tmp_path):
    shutil.copytree(made, tmp_path / "run")
    return tmp_path / "run"


def test_every_record_is_read_and_none_is_loose(home):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_bound_records(home)
    assert repr(list(found)) == repr(list(read_records(home)))  # NaN is not itself


def test_a_forecast_that_was_replaced_is_refused(home):
    (path,) = (home / "forecasts").glob("*persistence*")
    before = RunDirectory(home, exam_seed=0).answer(path.stem, dt=1.0, variables=("x",)).values
    values = before.values.copy()
    values[0, 0, 0] = np.nextafter(values[0, 0, 0], 2)
    write_trajectories(path, replace(before, values=values))
    with pytest.raises(InputError, match="of 'persistence' on forecast/logistic-v2 with seed 0 is"):
        read_bound_records(home)
    for command in (["show"], ["build"], ["report", "--out", "x.md"]):
        done = CliRunner().invoke(app, ["leaderboard", command[0], str(home), *command[1:]])
        assert isinstance(done.exception, InputError)


def test_a_record_with_another_hash_is_refused(home):
    (path,) = (home / "records").glob("*persistence*")
    (record,) = read_records(path)
    write_file(path, [replace(record, forecast="0" * 64)])
    with pytest.raises(InputError, match="is not the one that its record was made from"):
        read_bound_records(home)


def test_records_without_forecasts_are_counted(home):
    shutil.rmtree(home / "forecasts")
    with pytest.warns(UnboundWarning, match="4 of 4 records come without the forecasts"):
        read_bound_records(home)
    with pytest.warns(UnboundWarning, match="1 of 1 records"):
        read_bound_records(next((home / "records").iterdir()))
