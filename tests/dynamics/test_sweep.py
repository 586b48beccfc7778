"""Sweeps, sections and basins against bifurcations and symmetries that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.dynamics import basins, section, sweep
from chaosbench.errors import InputError, ParameterError


@cb.map(ic=(0.4,), reference="may1976")
def logistic_here(x, *, r=3.9):
    """A population that is limited by its food."""
    return r * x * (1 - x)


@cb.flow(ic=(0.5, 0.0), reference="duffing1918")
def double_well(x, v, *, damping=0.3):
    """A damped particle between two hills."""
    return v, x - x**3 - damping * v


def branches(values, apart=1e-3):
    ordered = np.sort(values)
    return 1 + int((np.diff(ordered) > apart).sum())


def test_the_logistic_map_doubles_its_period_where_theory_says():
    """At 3 the period becomes two, at ``1 + √6`` four [may1976]."""
    second = 1 + np.sqrt(6)
    values = [0.5, 2.9, 2.97, 3.03, second - 0.02, second + 0.02, 3.9]
    found = sweep(logistic_here, "r", values, exponents=1, points=64, periods=50, settling=500)
    assert [branches(one) for one in found.diagram[:6]] == [1, 1, 1, 2, 2, 4]
    assert branches(found.diagram[6]) > 16
    # at a fixed point the exponent is the logarithm of the slope, |r| or |2 - r|
    np.testing.assert_allclose(
        found.exponents[:3, 0], np.log(np.abs([0.5, 2 - 2.9, 2 - 2.97])), atol=1e-6
    )
    # on the cycle of two it is ½ ln|4 + 2r - r²|
    r = np.array(values[3:5])
    np.testing.assert_allclose(
        found.exponents[3:5, 0], np.log(np.abs(4 + 2 * r - r**2)) / 2, atol=0.02
    )
    assert found.exponents[6, 0] > 0.3


def test_exponents_of_henon_along_the_sweep():
    found = sweep("henon", "a", [0.2, 1.4], exponents=2, periods=400)
    np.testing.assert_allclose(found.exponents.sum(axis=1), np.log(0.3), atol=1e-9)
    assert found.exponents[0, 0] < 0
    assert found.exponents[1, 0] == pytest.approx(0.419, abs=0.01)


def test_an_orbit_that_escapes_says_so_and_the_sweep_goes_on():
    found = sweep("henon", "a", [1.4, 3.0, 1.4], exponents=1, periods=50)
    assert [bool(words) for words in found.trouble] == [False, True, False]
    assert "escaped" in found.trouble[1]
    assert len(found.diagram[1]) == 0
    assert np.isnan(found.exponents[1]).all()
    assert np.isfinite(found.exponents[[0, 2]]).all()


def lorenz_at_rest(rho, sigma=10.0, beta=8 / 3):
    side = np.sqrt(max(beta * (rho - 1), 0.0))
    x, z = side, max(rho - 1.0, 0.0)
    matrix = [[-sigma, sigma, 0], [rho - z, -1, -x], [x, x, -beta]]
    return np.sort(np.linalg.eigvals(np.array(matrix)).real)[::-1]


def test_lorenz_at_rest_has_the_eigenvalues_of_its_jacobian():
    found = sweep("lorenz", "rho", [0.5, 10.0, 28.0], exponents=3, points=30, periods=100)
    assert found.trouble == ("", "", "")
    for k, rho in enumerate((0.5, 10.0)):
        np.testing.assert_allclose(found.exponents[k], lorenz_at_rest(rho), rtol=1e-6)
        assert len(found.diagram[k]) == 1
    assert abs(found.diagram[0][0]) < 1e-5
    assert abs(found.diagram[1][0]) == pytest.approx(np.sqrt(24), rel=1e-5)
    assert found.exponents[2, 0] == pytest.approx(0.906, abs=0.15)
    assert len(found.diagram[2]) > 20


def test_a_variable_that_rests_at_zero_does_no_harm():
    """At ±1 the exponents are the real parts of ``(-c ± √(c² - 8)) / 2``, both ``-c / 2``."""
    found = sweep(double_well, "damping", [0.1, 0.3, 0.5], exponents=2, points=5, periods=50)
    assert found.trouble == ("", "", "")
    for k, damping in enumerate(found.values):
        np.testing.assert_allclose(found.exponents[k], -damping / 2, rtol=1e-6)


def test_a_superstable_point_has_no_finite_exponent_and_the_sweep_goes_on():
    """At r = 2 the slope of the logistic map is 0 at its fixed point."""
    found = sweep(logistic_here, "r", [1.5, 2.0, 2.5], exponents=1, points=5, periods=20)
    np.testing.assert_allclose(found.diagram[1], 0.5, atol=1e-9)
    assert not found.exponents[1, 0] > -10
    np.testing.assert_allclose(found.exponents[[0, 2], 0], np.log(0.5), atol=1e-6)


@pytest.mark.slow
def test_a_sweep_passes_fixed_points_cycles_and_chaos():
    found = sweep("lorenz", "rho", np.linspace(0, 200, 41), exponents=3, points=20, periods=50)
    assert not any(found.trouble)
    assert np.isfinite(found.exponents).all()
    # the divergence is constant
    np.testing.assert_allclose(found.exponents.sum(axis=1), -(10 + 1 + 8 / 3), atol=1e-3)


def test_odd_sweeps_are_refused():
    with pytest.raises(ParameterError, match="rho2"):
        sweep("lorenz", "rho2", [1.0])
    with pytest.raises(InputError, match="no variable 'w'"):
        sweep("lorenz", "rho", [1.0], variable="w")
    with pytest.raises(ParameterError, match="3 exponents"):
        sweep("lorenz", "rho", [1.0], exponents=4)
    with pytest.raises(ParameterError, match="finite"):
        sweep("lorenz", "rho", [np.nan])
    with pytest.raises(InputError, match="maps and flows"):
        sweep("mackey_glass", "beta", [0.2])


@pytest.mark.parametrize("direction", ["up", "down", "both"])
def test_points_of_a_section_lie_on_the_plane(direction):
    normal = [0.0, 0.3, 1.0]
    found = section("lorenz", normal, 27.0, points=300, direction=direction)
    assert found.points.shape == (300, 3)
    assert np.abs(found.points @ normal - 27.0).max() < 1e-9
    assert (np.diff(found.times) > 0).all()
    speed = cb.systems["lorenz"].rhs(0.0, found.points) @ normal
    if direction != "both":
        assert (speed > 0).all() == (direction == "up")
    else:
        assert (speed > 0).any()
        assert (speed < 0).any()


def test_a_section_of_a_circle_is_one_point_once_a_turn():
    """``x'' = -x`` crosses x = 0 upwards with the speed of its energy, every 2π."""

    @cb.flow(ic=(1.0, 0.0), reference="huygens1673")
    def spring(x, v):
        """A weight on a spring."""
        return v, -x

    found = section(spring, [1.0, 0.0], 0.0, points=20, transient=0.0)
    np.testing.assert_allclose(np.diff(found.times), 2 * np.pi, rtol=1e-8)
    np.testing.assert_allclose(found.points[:, 1], 1.0, atol=1e-5)


def test_a_point_of_the_section_leads_to_the_next_one():
    found = section("rossler", [1.0, 0.0, 0.0], 0.0, points=5)
    span = found.times[1] - found.times[0]
    made = cb.simulate("rossler", ic=found.points[0], points=2, dt=span, rtol=1e-12)
    np.testing.assert_allclose(made.values[0, 1], found.points[1], rtol=1e-6, atol=1e-7)


def test_odd_sections_are_refused():
    with pytest.raises(InputError, match="does not cross"):
        section("lorenz", [0, 0, 1], 1000.0)
    with pytest.raises(ParameterError, match="3 finite numbers"):
        section("lorenz", [0, 1], 1.0)
    with pytest.raises(ParameterError, match="up, down or both"):
        section("lorenz", [0, 0, 1], 27.0, direction="left")
    with pytest.raises(InputError, match="smooth flows"):
        section("henon", [0, 1], 1.0)


def test_basins_of_two_wells_are_symmetric():
    """``(x, v) -> (-x, -v)`` maps the flow to itself and one well to the other."""
    grid = {"x": (-2.0, 2.0, 24), "v": (-2.0, 2.0, 24)}
    found = basins(double_well, grid, settling=150.0)
    assert len(found.attractors) == 2
    assert found.escaped == 0.0
    np.testing.assert_array_equal(found.labels, 1 - found.labels[::-1, ::-1])
    assert sorted(round(float(one[-1, 0]), 6) for one in found.attractors) == [-1.0, 1.0]
    near = found.labels[np.abs(found.axes[0] - 1).argmin(), np.abs(found.axes[1]).argmin()]
    assert found.attractors[near][-1, 0] == pytest.approx(1.0)


def test_basins_of_a_map_with_escape():
    """The logistic map keeps what starts in [0, 1] and loses everything else."""
    grid = {"x": (-0.5, 1.5, 81)}
    found = basins(logistic_here.with_params(r=3.2), grid, settling=300, periods=1)
    inside = (found.axes[0] >= 0) & (found.axes[0] <= 1)
    np.testing.assert_array_equal(found.labels >= 0, inside)
    # its two ends and their preimage stay on the fixed point at 0
    assert found.labels[np.abs(found.axes[0] - 0.3).argmin()] == 0
    cycle = np.unique(np.round(found.attractors[0][:, 0], 9))
    root = np.sqrt((3.2 + 1) * (3.2 - 3))
    np.testing.assert_allclose(cycle, [(4.2 - root) / 6.4, (4.2 + root) / 6.4], atol=1e-8)


def test_odd_grids_are_refused():
    with pytest.raises(InputError, match="no variable 'q'"):
        basins(double_well, {"q": (0.0, 1.0, 3)})
    with pytest.raises(ParameterError, match="in order"):
        basins(double_well, {"x": (1.0, 0.0, 3)})
    with pytest.raises(ParameterError, match="initial states"):
        basins(double_well, {})
    with pytest.raises(InputError, match="maps and smooth flows"):
        basins("mackey_glass", {"x": (0.0, 1.0, 3)})
