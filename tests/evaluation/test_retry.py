"""Failed cells run again: nothing is lost on the way, and the cell is the one that failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chaosbench as cb
from chaosbench.evaluation import Budget, plan, retry, run, spec_of
from chaosbench.evaluation._cell import Cell
from chaosbench.evaluation._records import read_file, write_file
from chaosbench.evaluation._spec import _parse, _show
from chaosbench.isolation import description
from chaosbench.tasks import registry

TASK = "forecast/henon-v1"

MOODY = """
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from chaosbench import Forecast

@dataclass(frozen=True)
class Moody:
    level: float = 0.0
    how: str = "raise"
    lags: tuple[int, ...] = (1, 2)
    search_space = {"level": (0.5, 0.25)}

    def fit(self, train, *, seed):
        tuning = train.values.shape[1] < 9000
        if not Path("FLAG").exists() and not tuning:
            raise RuntimeError("not today")
        return self

    def predict(self, context, horizon):
        return Forecast(np.repeat(context[:, -1:], horizon, axis=1) + self.level)
"""


@pytest.fixture
def moody(tmp_path, monkeypatch):
    """Write a plugin that fails until a flag is there, which is no part of its code."""
    path = tmp_path / "moody.py"
    (tmp_path / "flags").mkdir()
    monkeypatch.setenv("CHAOSBENCH_ALLOW", str(tmp_path / "flags"))
    path.write_text(MOODY.replace("FLAG", str(tmp_path / "flags" / "mended")))
    yield path
    description._FILES.clear()


def mend(path):
    (path.parent / "flags" / "mended").touch()


def files(out):
    return {p.name: p.read_bytes() for p in (out / "records").iterdir()}


@pytest.mark.parametrize("when", [0, 1])
def test_an_interrupted_retry_loses_no_failure(moody, tmp_path, when):
    out = tmp_path / "run"
    specs = [spec_of(f"moody:level={k}", plugins=[moody]) for k in (1.0, 2.0)]
    run(plan([registry[TASK]], specs, baselines=False), directory=out)
    before = files(out)
    mend(moody)

    def stop(done, total, note):
        if done == when:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retry(out, progress=stop)
    after = files(out)
    assert after.keys() == before.keys()
    statuses = sorted(record.status for record in cb.read_records(out))
    assert statuses == (["crashed", "crashed"] if when == 0 else ["crashed", "ok"])
    assert {r.status for r in retry(out)} == {"ok"}
    assert sorted(files(out)) == sorted(before)


def test_a_retry_that_answers_less_leaves_no_answer_of_before(moody, tmp_path):
    """What a diverged cell answered is not that of the crash that replaces it."""
    out = tmp_path / "run"
    mend(moody)
    path = moody.parent / "flags" / "mended"
    moody.write_text(moody.read_text().replace("+ self.level", "* float('nan')"))
    run([Cell(registry[TASK], spec_of("moody", plugins=[moody]), 0)], directory=out)
    assert len(list((out / "forecasts").iterdir())) == 1
    path.unlink()
    (record,) = retry(out, statuses=["diverged"])
    assert record.status == "crashed"
    assert not list((out / "forecasts").iterdir())


@pytest.mark.parametrize("text", ["level=0.1234567", "how='a,b=c'", "lags=(3, 4)", "how=return"])
def test_the_cell_that_failed_is_the_one_that_runs_again(moody, tmp_path, text):
    out = tmp_path / "run"
    spec = spec_of(f"moody:{text}", plugins=[moody])
    (failed,) = run([Cell(registry[TASK], spec, 0)], directory=out)
    # version 0.1.0 rounded settings in labels
    (file,) = (out / "records").iterdir()
    write_file(file, [replace(failed, forecaster="moody:level=0.123457")])
    mend(moody)
    (again,) = retry(out)
    assert (again.status, again.forecaster) == ("ok", spec.label)
    assert Cell(registry[TASK], spec, 0).id == file.stem
    (held,) = read_file(file)
    assert held.status == "ok"
    assert len(files(out)) == 1
    assert spec_of("moody", plugins=[moody], config=held.config) == spec


def test_a_tuned_cell_begins_where_it_began(moody, tmp_path):
    out = tmp_path / "run"
    spec = spec_of("moody:how=x", plugins=[moody])
    (failed,) = run([Cell(registry[TASK], spec, 0, tune=2)], directory=out)
    assert failed.message == "RuntimeError: not today"
    assert failed.provenance["tuned"]["from"] == {"level": 0.0, "how": "x", "lags": [1, 2]}
    before = files(out)
    mend(moody)
    (again,) = retry(out)
    assert (again.status, again.forecaster) == ("ok", "moody:how=x (tuned 2)")
    assert files(out).keys() == before.keys()


# ----------------------------------------------------------------------------------------- labels


def test_labels_of_two_settings_differ():
    labels = {spec_of(f"esn:spectral_radius={v}").label for v in ("0.1234567", "0.12345671")}
    assert labels == {"esn:spectral_radius=0.1234567", "esn:spectral_radius=0.12345671"}
    assert spec_of("esn:units=1000,spectral_radius=1.10").label == (
        "esn:units=1000,spectral_radius=1.1"
    )
    assert spec_of("esn:ridge=0.000001").label.endswith("ridge=1e-06")


settings = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans(), st.none(),
    st.text(max_size=12), st.sampled_from(["raise", "None", "True", "a,b", "a=b", "'", '"\\', "("]),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3).map(tuple),
    st.lists(st.text(max_size=5), max_size=3).map(tuple),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), settings, min_size=1))
def test_what_a_label_says_reads_back_as_the_settings(chosen):
    label = ",".join(f"{key}={_show(value)}" for key, value in chosen.items())
    read = _parse("name", label)
    assert read == chosen
    assert [type(v) for v in read.values()] == [
        # 2.0 is written 2, which becomes a float again where a float is expected
        type(read[k]) if isinstance(v, float) else type(v) for k, v in chosen.items()
    ]  # fmt: skip
    assert label.isprintable()


def test_the_budget_of_a_retry_is_its_own(moody, tmp_path):
    out = tmp_path / "run"
    run([Cell(registry[TASK], spec_of("moody", plugins=[moody]), 0)], directory=out)
    mend(moody)
    (again,) = retry(out, budget=Budget(seconds=77.0))
    assert again.provenance["budget"]["seconds"] == 77.0
    assert Path(next(iter(again.provenance["plugins"]))) == moody
