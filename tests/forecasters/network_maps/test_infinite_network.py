"""Kernels of infinite width against finite networks of growing width."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.forecasters._shared.triangular import TriangularEquations
from chaosbench.forecasters.network_maps._wide_kernel import Centred, WideKernel
from chaosbench.forecasters.network_maps.infinite_network import NNGP, NTK
from chaosbench.trajectories import FloatArray, Trajectories

WEIGHT, BIAS = 1.5, 0.4
INPUTS = np.random.default_rng(3).normal(size=(6, 3))


def _activate(activation: str, h: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return φ(h) and φ'(h)."""
    if activation == "relu":
        return np.maximum(h, 0.0), (h > 0).astype(float)
    from scipy.special import erf

    return erf(h), 2 / np.sqrt(np.pi) * np.exp(-(h**2))


def finite_network(
    activation: str, depth: int, width: int, x: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw a network; return its last hidden layer ``(m, n)`` and its gradients ``(m, P)``."""
    below, layers = x, []
    for _ in range(depth):
        matrix = rng.standard_normal((below.shape[1], width))
        h = np.sqrt(WEIGHT / below.shape[1]) * below @ matrix
        h = h + np.sqrt(BIAS) * rng.standard_normal(width)
        value, slope = _activate(activation, h)
        layers.append((below, matrix, slope))
        below = value
    last = rng.standard_normal((width, 1))
    delta = np.ones((len(x), 1))
    gradients = []
    for inputs, matrix, slope in [*layers, (below, last, None)][::-1]:
        if slope is not None:
            delta = delta * slope
        scale = np.sqrt(WEIGHT / inputs.shape[1])
        by_matrix = scale * inputs[:, :, np.newaxis] * delta[:, np.newaxis]
        gradients += [by_matrix.reshape(len(x), -1), np.sqrt(BIAS) * delta]
        delta = scale * delta @ matrix.T
    return below, np.concatenate(gradients, axis=1)


def _gram(kind: str, activation: str, width: int, rng: np.random.Generator) -> FloatArray:
    """Return one finite network's estimate of K or Θ for two hidden layers."""
    hidden, gradient = finite_network(activation, 2, width, INPUTS, rng)
    if kind == "tangent":
        return gradient @ gradient.T
    # the covariance of the outputs over the weights of the last layer
    return BIAS + WEIGHT * hidden @ hidden.T / width


@pytest.mark.parametrize("activation", ["erf", "relu"])
@pytest.mark.parametrize("kind", ["covariance", "tangent"])
def test_finite_networks_approach_the_kernel_as_one_over_root_width(
    kind: str, activation: str
) -> None:
    rng = np.random.default_rng(0)
    kernel = WideKernel(activation, 2, WEIGHT, BIAS, kind == "tangent")
    expected = kernel(INPUTS, INPUTS)
    np.testing.assert_allclose(np.diagonal(expected), kernel.diagonal(INPUTS), rtol=1e-6)
    widths, errors = (8, 32, 128), []
    for width in widths:
        drawn = np.stack([_gram(kind, activation, width, rng) for _ in range(30)])
        errors.append(np.sqrt(((drawn - expected) ** 2).mean()))
    # 30 draws of correlated entries measure each error to about a tenth
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.12)
    # the mean over the widest networks agrees within its standard error, and a bias of 1/width
    error = np.abs(drawn.mean(axis=0) - expected)
    allowed = 4.0 * drawn.std(axis=0) / np.sqrt(len(drawn)) + 2.0 / widths[-1] * expected.max()
    assert (error < allowed).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [100, 101, 102])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_a_very_wide_network_has_the_kernel_to_two_hundredths(activation: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hidden, _ = finite_network(activation, 1, 200_000, INPUTS, rng)
    found = BIAS + WEIGHT * hidden @ hidden.T / 200_000
    kernel = WideKernel(activation, 1, WEIGHT, BIAS, False)
    np.testing.assert_allclose(found, kernel(INPUTS, INPUTS), rtol=2e-2)


def test_critical_weights_keep_the_variance_of_rectifiers() -> None:
    kernel = WideKernel("relu", 5, 2.0, 0.0, False)
    np.testing.assert_allclose(
        kernel.diagonal(INPUTS), 2.0 / 3 * (INPUTS**2).sum(axis=1), rtol=1e-14
    )


@pytest.mark.parametrize("tangent", [False, True])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_all_rows_as_centres_give_the_whole_kernel(activation: str, tangent: bool) -> None:
    kernel = WideKernel(activation, 2, WEIGHT, BIAS, tangent)
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 3))
    functions = Centred.about(kernel, rows, 40)
    phi = functions(rows)
    expected = kernel(rows, rows)
    np.testing.assert_allclose(phi @ phi.T, expected, rtol=0, atol=1e-8 * expected.max())
    query = rng.normal(size=(7, 3))
    np.testing.assert_allclose(
        functions(query) @ phi.T, kernel(query, rows), rtol=0, atol=1e-8 * expected.max()
    )
    fewer = functions.first(10)
    np.testing.assert_array_equal(fewer(rows), Centred.about(kernel, rows, 10)(rows))


def _linearised(width: int, x: FloatArray, y: FloatArray, query: FloatArray, ridge: float):
    """Train the linearisation of networks in their weights, and return the mean prediction.

    The minimum of |J δ - y|² + ridge |δ|² over the changes δ of the weights is where gradient
    descent with weight decay ends.
    """
    made = []
    for seed in range(8):
        rng = np.random.default_rng([7, seed])
        _, gradient = finite_network("erf", 1, width, np.concatenate([x, query]), rng)
        known, asked = gradient[: len(x)], gradient[len(x) :]
        stacked = np.concatenate([known.T, np.sqrt(ridge) * np.eye(len(x))])
        upper = np.linalg.qr(stacked, mode="r")
        made.append(asked @ (known.T @ np.linalg.solve(upper.T @ upper, y)))
    return np.mean(made, axis=0)


def test_tangent_regression_is_the_linearised_training_of_a_wide_network() -> None:
    rng = np.random.default_rng(2)
    x, query = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    y = np.sin(x @ np.array([1.0, -0.5, 0.3]))[:, np.newaxis]
    ridge = 1e-2
    functions = Centred.about(WideKernel("erf", 1, WEIGHT, BIAS, True), x, len(x))
    equations = TriangularEquations()
    equations.add(functions(x), y)
    expected = functions(query) @ equations.solve(ridge / len(x))
    size = np.sqrt((expected**2).mean())
    errors = [
        np.sqrt(((_linearised(n, x, y, query, ridge) - expected) ** 2).mean()) / size
        for n in (32, 2048)
    ]
    assert errors[1] < 0.02
    assert errors[1] < errors[0] / 4  # 1/8 expected


def test_a_planted_function_of_the_kernel_is_recovered() -> None:
    # a map made of the kernel about five states is in the span, and the ridge is small
    kernel = WideKernel("erf", 1, 0.3, 1.0, False)
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(300, 2))
    weights = rng.normal(size=(5, 2))
    y = kernel(rows, rows[:5]) @ weights
    functions = Centred.about(kernel, rows, 100)
    equations = TriangularEquations()
    equations.add(functions(rows), y)
    query = rng.normal(size=(50, 2))
    np.testing.assert_allclose(
        functions(query) @ equations.solve(1e-16),
        kernel(query, rows[:5]) @ weights,
        rtol=0,
        atol=1e-6,
    )


@pytest.mark.parametrize("kind", [NNGP, NTK])
def test_reaches_several_lyapunov_times(reference, kind: type) -> None:
    few = kind(centres=150, delays=1, ridge=1e-14)
    assert reference.median(few, lyapunov_times=8.0) >= 5.0


@pytest.mark.slow
@pytest.mark.parametrize("activation_and_least", [("erf", 8.0), ("relu", 3.0)])
@pytest.mark.parametrize("kind", [NNGP, NTK])
def test_the_defaults_reach_more(reference, kind: type, activation_and_least) -> None:
    activation, least = activation_and_least
    assert reference.median(kind(activation=activation)) >= least


@pytest.mark.parametrize("kind", [NNGP, NTK])
def test_a_hidden_variable_gets_delays(reference, kind: type) -> None:
    alone = Trajectories(reference.train.values[:, :1200, :1], dt=0.02)
    predictor = kind(centres=60).fit(alone, seed=0)
    assert len(predictor.plan.lags) > 1
    context, truth = reference.context[:, :, :1], reference.truth[:, :25, :1]
    error = predictor.predict(context, 25).values - truth
    assert np.sqrt((error**2).mean()) < 0.5 * alone.values.std()
