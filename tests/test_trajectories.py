from __future__ import annotations

import numpy as np
import pytest

from chaosbench.errors import InputError
from chaosbench.trajectories import Trajectories, fill_gaps


def test_a_single_trajectory_gains_an_axis():
    data = Trajectories(values=np.arange(12.0).reshape(4, 3), dt=0.5)
    assert data.values.shape == (1, 4, 3)
    assert data.time.tolist() == [0.0, 0.5, 1.0, 1.5]
    assert data.variables == ("x0", "x1", "x2")
    assert data.start_times.tolist() == [0.0]
    assert len(data) == 1
    assert repr(data) == "Trajectories(n=1, T=4, d=3, dt=0.5, variables=('x0', 'x1', 'x2'))"


def test_numbers_become_floats():
    data = Trajectories(np.ones((2, 5, 1), dtype=np.int32), dt=1, variables=("u",))
    assert data.values.dtype == np.float64
    assert isinstance(data.dt, float)


def test_is_frozen():
    data = Trajectories(np.ones((5, 1)), dt=1)
    with pytest.raises(AttributeError):
        data.dt = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"values": np.ones(5)}, r"shape \(5,\)"),
        ({"values": np.ones((0, 3))}, "without empty axes"),
        ({"values": np.ones((2, 2, 2, 2))}, "shape"),
        ({"values": [["a"]]}, "arrays of numbers"),
        ({"values": [[1.0], [1.0, 2.0]]}, "arrays of numbers"),
        ({"dt": 0.0}, "positive and finite"),
        ({"dt": -1.0}, "positive and finite"),
        ({"dt": np.nan}, "positive and finite"),
        ({"dt": np.inf}, "positive and finite"),
        ({"dt": "fast"}, "positive and finite"),
        ({"variables": ("x",)}, "2 variables need 2 names"),
        ({"variables": ("x", "x")}, "must differ"),
        ({"start_times": [0.0, 1.0]}, r"start_times must have shape \(1,\)"),
    ],
)
def test_bad_input(settings, message):
    with pytest.raises(InputError, match=message):
        Trajectories(**({"values": np.ones((5, 2)), "dt": 1.0} | settings))


def test_a_certificate_has_one_time_for_each_trajectory():
    made = Trajectories(np.zeros((2, 5, 1)), 0.1, certified_until=[0.3, 0.1], certified_from=1)
    np.testing.assert_array_equal(made.certified_until, [0.3, 0.1])
    assert made.certified_from == 1
    assert Trajectories(np.zeros((2, 5, 1)), 0.1).certified_until is None
    for wrong in ([0.3], [0.3, -1.0], [0.3, np.nan]):
        with pytest.raises(InputError, match="certified_until"):
            Trajectories(np.zeros((2, 5, 1)), 0.1, certified_until=wrong)
    with pytest.raises(InputError, match="certified_from"):
        Trajectories(np.zeros((2, 5, 1)), 0.1, certified_from=5)


def test_filling_is_linear():
    line = np.arange(10.0)[None, :, None] * [1.0, -2.0]
    gappy = line.copy()
    gappy[0, [2, 3, 7]] = np.nan
    np.testing.assert_allclose(fill_gaps(gappy), line, rtol=1e-15)
    assert np.isnan(gappy).any(), "the input was written to"
    assert fill_gaps(line) is line
