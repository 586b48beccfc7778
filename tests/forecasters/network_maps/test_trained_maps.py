"""Quadratic and Kolmogorov–Arnold networks against planted maps and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from chaosbench.errors import DivergedError
from chaosbench.forecasters.network_maps._layers import EdgeLayer, QuadraticLayer
from chaosbench.forecasters.network_maps._least_squares import Layer, Network, descend
from chaosbench.forecasters.network_maps.kan import KAN
from chaosbench.forecasters.network_maps.quadratic_network import QuadraticNetwork
from chaosbench.trajectories import Trajectories

LAYERS = {
    "quadratic": lambda i, o: QuadraticLayer(i, o),
    "spline": lambda i, o: EdgeLayer(i, o, "spline", 5, 3.0),
    "chebyshev": lambda i, o: EdgeLayer(i, o, "chebyshev", 5, 3.0),
}


def _last(steps):
    weights = None
    for weights in steps:  # noqa: B007
        pass
    return weights


@pytest.mark.parametrize("kind", LAYERS)
def test_the_jacobian_is_that_of_finite_differences(kind: str) -> None:
    rng = np.random.default_rng(0)
    network = Network((LAYERS[kind](3, 4), LAYERS[kind](4, 2)))
    weights, x = network.start(rng), rng.normal(size=(5, 3))
    value, jacobian = network.jacobian(weights, x)
    np.testing.assert_array_equal(value, network.value(weights, x))
    assert jacobian.shape == (5, 2, network.size)
    step = 1e-6
    for i, unit in enumerate(step * np.eye(network.size)):
        up, down = network.value(weights + unit, x), network.value(weights - unit, x)
        np.testing.assert_allclose(jacobian[..., i], (up - down) / (2 * step), rtol=0, atol=1e-7)


def test_a_quadratic_neuron_is_its_equation() -> None:
    w1, b1, w2, b2, w3, c = [1.0, -2.0], 0.5, [0.3, 0.7], -1.0, [2.0, 0.1], 4.0
    weights = np.array([*w1, b1, *w2, b2, *w3, c])
    x = np.array([[1.5, -0.4]])
    expected = (x @ w1 + b1) * (x @ w2 + b2) + x**2 @ w3 + c
    np.testing.assert_allclose(QuadraticLayer(2, 1).value(weights, x)[:, 0], expected, rtol=1e-14)


def test_splines_sum_to_one_and_reproduce_cubics_inside_the_grid() -> None:
    layer = EdgeLayer(1, 1, "spline", 6, 2.0)
    x = np.linspace(-2.0, 2.0, 200)[:, np.newaxis]
    functions = np.stack([layer.value(unit, x)[:, 0] for unit in np.eye(layer.size)], axis=1)
    splines = functions[:, :-1]  # silu is the last
    np.testing.assert_allclose(splines.sum(axis=1), 1.0, rtol=1e-14)
    assert (splines >= 0).all()
    for degree in range(4):
        target = x[:, 0] ** degree
        found = splines @ np.linalg.lstsq(splines, target)[0]
        np.testing.assert_allclose(found, target, rtol=0, atol=1e-10)
    np.testing.assert_allclose(functions[:, -1], x[:, 0] / (1 + np.exp(-x[:, 0])), atol=1e-14)
    assert (np.stack([layer.value(u, x + 6.5)[:, 0] for u in np.eye(layer.size)[:-1]]) == 0).all()


def test_the_other_basis_is_that_of_chebyshev_polynomials() -> None:
    layer = EdgeLayer(1, 1, "chebyshev", 4, 2.5)
    x = np.linspace(-6.0, 6.0, 50)[:, np.newaxis]
    functions = np.stack([layer.value(unit, x)[:, 0] for unit in np.eye(layer.size)], axis=1)
    expected = chebyshev.chebvander(np.tanh(x[:, 0] / 2.5), layer.functions - 2)
    np.testing.assert_allclose(functions[:, :-1], expected, rtol=0, atol=1e-13)


def test_a_linear_problem_ends_at_its_least_squares_solution() -> None:
    rng = np.random.default_rng(1)
    layer: Layer = EdgeLayer(2, 1, "spline", 3, 3.0)
    network = Network((layer,))
    x, y = rng.normal(size=(200, 2)), rng.normal(size=(200, 1))
    _, jacobian = network.jacobian(np.zeros(network.size), x)
    ridge = 1e-3
    a = jacobian[:, 0]
    normal = a.T @ a / len(x) + ridge * np.eye(network.size)
    expected = np.linalg.solve(normal, a.T @ y[:, 0] / len(x))
    found = _last(descend(network, network.start(rng), x, y, ridge=ridge, steps=50))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def test_every_step_lowers_the_loss_and_the_clock_stops_it() -> None:
    rng = np.random.default_rng(2)
    network = Network((QuadraticLayer(2, 3), QuadraticLayer(3, 1)))
    x = rng.normal(size=(100, 2))
    y = np.sin(x[:, :1])
    weights = network.start(rng)
    path = [weights, *descend(network, weights, x, y, ridge=1e-9, steps=15)]
    losses = [((network.value(w, x) - y) ** 2).mean() + 1e-9 * w @ w for w in path]
    assert len(losses) == 16
    assert (np.diff(losses) < 0).all()
    assert len(list(descend(network, weights, x, y, ridge=0.0, steps=15, seconds=1e-9))) == 1
    with pytest.raises(DivergedError, match="not finite"):
        list(descend(network, 1e200 * weights, x, y, ridge=0.0, steps=1))


@pytest.mark.parametrize(
    "forecaster",
    [
        QuadraticNetwork(layers=0, delays=1, rows=200, steps=60, ridge=0.0),
        # the map is a sum of functions of one variable, and cubic splines contain squares
        KAN(layers=0, grid=3, delays=1, rows=200, steps=60, ridge=0.0),
    ],
    ids=["quadratic", "kan"],
)
def test_a_planted_map_is_recovered(henon, forecaster) -> None:
    predictor = forecaster.fit(Trajectories(henon[:1000], dt=1.0), seed=100)
    context = henon[1000:1200, np.newaxis]
    values = predictor.predict(context, 1).values[:, 0]
    np.testing.assert_allclose(values, henon[1001:1201], rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    "forecaster",
    [
        QuadraticNetwork(hidden=6, delays=1, rows=400, steps=25),
        KAN(hidden=4, grid=3, delays=1, rows=400, steps=25),
        KAN(hidden=4, grid=3, delays=1, rows=400, steps=25, basis="chebyshev"),
    ],
    ids=["quadratic", "spline", "chebyshev"],
)
def test_a_small_network_reaches_two_lyapunov_times(reference, forecaster) -> None:
    assert reference.median(forecaster, seed=100, lyapunov_times=6.0) >= 2.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [100, 101, 102])
def test_the_quadratic_network_reaches_the_published_next_generation_reservoir(
    reference, seed: int
) -> None:
    # 6.0 is the figure of `nvar` in test_forecaster_accuracy.py
    assert reference.median(QuadraticNetwork(delays=1), seed=seed) >= 6.0
