from __future__ import annotations

import itertools
import string
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaosbench.datasets import _files
from chaosbench.datasets._files import INDEX, read_trajectories, write_trajectories
from chaosbench.errors import CorruptDataError, InputError
from chaosbench.files import sha256
from chaosbench.trajectories import Trajectories

names = st.text(string.ascii_letters + "_θ0123456789", min_size=1, max_size=8).filter(
    lambda name: name not in INDEX
)


@st.composite
def trajectories(draw):
    n, steps, d = draw(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 4)))
    values = draw(arrays(np.float64, (n, steps, d)))  # NaN, infinities, subnormals, both zeros
    dt = draw(st.floats(1e-6, 1e3))
    variables = tuple(draw(st.lists(names, min_size=d, max_size=d, unique=True)))
    starts = draw(arrays(np.float64, n, elements=st.floats(0, 1e6)))
    return Trajectories(values, dt, variables, starts)


@given(trajectories())
@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_round_trip(tmp_path, data):
    path = tmp_path / "data.parquet"
    write_trajectories(path, data)
    back = read_trajectories(path, dt=data.dt, variables=data.variables)
    assert back.values.tobytes() == data.values.tobytes()
    assert back.variables == data.variables
    assert back.dt == data.dt
    assert np.array_equal(back.start_times, data.start_times)


@given(
    data=trajectories(),
    precision=st.sampled_from(["float64", "float32"]),
    labels=st.booleans(),
    cut=st.integers(0, 5),
    along=st.booleans(),
    rows=st.integers(1, 9),
)
@settings(
    max_examples=80, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_round_trip_of_parts(tmp_path, monkeypatch, data, precision, labels, cut, along, rows):
    """In both precisions, with and without labels, cut between trajectories or along them."""
    monkeypatch.setattr(_files, "GROUP_ROWS", rows)
    n, steps, _ = data.values.shape
    if along:  # segments of each trajectory
        edges = [0, min(cut, steps), steps]
        pieces = [(k, k + 1, a, b) for k in range(n) for a, b in itertools.pairwise(edges) if a < b]
    else:
        edges = [0, min(cut, n), n]
        pieces = [(a, b, 0, steps) for a, b in itertools.pairwise(edges) if a < b]
    paths = []
    for first, last, begin, end in pieces:
        part = Trajectories(
            data.values[first:last, begin:end], data.dt, data.variables,
            data.start_times[first:last],
        )  # fmt: skip
        paths.append(tmp_path / f"part-{len(paths)}.parquet")
        write_trajectories(
            paths[-1], part, precision=precision, first=(first, begin),
            labels={"system": "lorenz", "split": "train"} if labels else None,
        )  # fmt: skip
    if labels and {"system", "split"} & set(data.variables):
        return
    back = read_trajectories(paths, dt=data.dt, variables=data.variables, precision=precision)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = data.values.astype(precision)
    assert back.values.astype(precision).tobytes() == expected.tobytes()
    assert np.array_equal(back.start_times, data.start_times)
    if len(paths) > 1:
        with pytest.raises(CorruptDataError, match=r"whole trajectories|out of order"):
            read_trajectories(
                paths[::-1], dt=data.dt, variables=data.variables, precision=precision
            )


@pytest.fixture
def data() -> Trajectories:
    values = np.random.default_rng(0).normal(size=(3, 50, 2))
    return Trajectories(values, 0.25, ("x", "v"), [10.0, 20.0, 30.5])


@pytest.fixture
def path(tmp_path, data) -> Path:
    path = tmp_path / "folder" / "data.parquet"
    write_trajectories(path, data)
    return path


def read(path, variables=("x", "v")):
    return read_trajectories(path, dt=0.25, variables=variables)


def test_schema(path, data):
    table = pq.read_table(path)
    assert table.column_names == ["trajectory", "step", "time", "x", "v"]
    assert [str(t) for t in table.schema.types] == ["int32", "int32", "double", "double", "double"]
    assert table.num_rows == 150
    assert table["trajectory"].to_pylist() == [k for k in range(3) for _ in range(50)]
    assert table["step"].to_pylist() == list(range(50)) * 3
    times = (data.start_times[:, None] + 0.25 * np.arange(50)).ravel()
    assert table["time"].to_pylist() == times.tolist()
    assert table["v"].to_pylist() == data.values[:, :, 1].ravel().tolist()


def test_equal_trajectories_give_equal_bytes_and_no_leftovers(path, data):
    other = path.with_name("other.parquet")
    write_trajectories(other, data)
    assert sha256(other) == sha256(path)
    assert {p.name for p in path.parent.iterdir()} == {"data.parquet", "other.parquet"}


@pytest.mark.parametrize("name", INDEX)
def test_a_variable_may_not_take_an_index_column(tmp_path, name):
    data = Trajectories(np.ones((5, 1)), 1.0, (name,))
    with pytest.raises(InputError, match="overwritten"):
        write_trajectories(tmp_path / "data.parquet", data)
    assert list(tmp_path.iterdir()) == []


class TestCorruption:
    @pytest.mark.parametrize("keep", [0, 3, 100, -1])
    def test_truncated(self, path, keep):
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(CorruptDataError, match=r"data\.parquet cannot be read as Parquet"):
            read(path)

    def test_foreign(self, path):
        path.write_text("x,v\n1,2\n")
        with pytest.raises(CorruptDataError, match=r"data\.parquet"):
            read(path)

    def test_missing(self, path):
        with pytest.raises(CorruptDataError, match=r"nothing\.parquet"):
            read(path.with_name("nothing.parquet"))

    @pytest.mark.parametrize("variables", [("x", "y"), ("x",), ("v", "x"), ("x", "v", "w")])
    def test_other_columns(self, path, variables):
        with pytest.raises(CorruptDataError, match=r"data\.parquet has the columns trajectory, "):
            read(path, variables)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: t.slice(0, 149), "whole trajectories"),
            (lambda t: t.slice(0, 0), "whole trajectories"),
            (lambda t: t.take(list(range(149, -1, -1))), "missing or out of order"),
            (lambda t: t.set_column(3, "x", t["x"].cast(pa.float32())), "another type"),
            (lambda t: t.set_column(3, "x", pa.array(["a"] * 150)), "another type"),
            (lambda t: t.set_column(3, "x", pa.array([None] + [1.0] * 149)), "gaps"),
        ],
        ids=["short", "empty", "reversed", "float32", "text", "null"],
    )
    def test_edited(self, path, change, message):
        pq.write_table(change(pq.read_table(path)), path)
        with pytest.raises(CorruptDataError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)
