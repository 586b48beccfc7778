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
        ({"values": np.ones((5, 2), dtype=complex)}, "real ones: these are complex128"),
        ({"values": np.array([[1j], [2.0]], dtype=object)}, "arrays of numbers"),
        ({"values": [["1.0"], ["2.0"]]}, "arrays of numbers"),
        ({"values": np.array([["1.0"], [2.0]], dtype=object)}, "some are text"),
        ({"values": np.zeros((5, 2), dtype="datetime64[s]")}, "these are datetime64"),
        ({"values": np.ones((3, 50))}, r"shape \(3, 50\) would be one trajectory \(T, d\) of 3"),
        ({"start_times": np.ma.masked_array([0.0], [True], dtype=complex)}, "start_times must be"),
        ({"certified_until": [1j]}, "certified_until must be"),
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


def test_what_a_masked_array_hides_is_a_lost_sample():
    whole = np.ma.masked_array(np.arange(10.0).reshape(5, 2))
    assert np.isfinite(Trajectories(whole, 1.0).values).all()
    hidden = np.ma.masked_equal(np.arange(10).reshape(5, 2), 3)  # integers have no NaN
    made = Trajectories(hidden, 1.0).values
    assert np.isnan(made[0, 1, 1])
    assert np.isfinite(made).sum() == 9
    several = [np.ma.masked_less(np.full((5, 2), float(k)), 1.0) for k in range(2)]
    made = Trajectories(several, 1.0).values
    assert np.isnan(made[0]).all()
    assert (made[1] == 1.0).all()
    with pytest.raises(InputError, match="real ones"):
        Trajectories(np.ma.masked_equal([[1j], [0.0]], 0), 1.0)


def test_the_order_in_memory_is_that_of_the_axes():
    values = np.random.default_rng(0).standard_normal((2, 50, 3))
    for given in (
        values,
        np.asfortranarray(values),
        values[:, ::-1][:, ::-1],
        values[..., [0, 1, 2]],
    ):
        made = Trajectories(given, 1.0).values
        assert made.flags.c_contiguous
        assert made.tobytes() == values.tobytes()
    assert np.shares_memory(Trajectories(values, 1.0).values, values)  # no copy without need


def test_the_columns_of_a_frame_are_the_variables():
    import pandas as pd

    frame = pd.DataFrame({"u": [1.0, 2.0, 3.0], "v": [4, 5, 6]})
    made = Trajectories(frame, 0.5)
    assert made.variables == ("u", "v")
    assert made.values[0].tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    assert made.values.flags.c_contiguous
    assert Trajectories(frame, 0.5, variables=("a", "b")).variables == ("a", "b")
    assert Trajectories(pd.DataFrame(frame.to_numpy()), 0.5).variables == ("x0", "x1")
    gappy = frame.assign(v=pd.array([4, None, 6], dtype="Int64"))
    assert np.isnan(Trajectories(gappy, 0.5).values[0, 1, 1])
    wide = pd.DataFrame(np.ones((2, 3)), columns=list("abc"))
    assert Trajectories(wide, 0.5).values.shape == (1, 2, 3)  # its columns are named
    with pytest.raises(InputError, match="must differ"):
        Trajectories(pd.DataFrame(np.ones((5, 2)), columns=["a", "a"]), 0.5)
    with pytest.raises(InputError, match="arrays of numbers"):
        Trajectories(frame.assign(v=["a", "b", "c"]), 0.5)
    with pytest.raises(InputError, match="complex"):
        Trajectories(frame.assign(v=1j), 0.5)


def test_more_variables_than_samples_must_be_meant():
    values = np.ones((3, 50))
    assert Trajectories(values[None], 1.0).values.shape == (1, 3, 50)
    assert Trajectories(values[..., None], 1.0).values.shape == (3, 50, 1)
    assert Trajectories(values.T, 1.0).values.shape == (1, 50, 3)
    names = tuple(f"u{k}" for k in range(50))
    assert Trajectories(values, 1.0, variables=names).values.shape == (1, 3, 50)
    with pytest.raises(InputError) as caught:
        Trajectories(values, 1.0)
    assert "\n" not in str(caught.value)
    assert "transpose it" in str(caught.value)
