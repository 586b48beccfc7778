"""Maps against formulas, gradients against automatic ones, exponents in closed form."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import (
    CELLS,
    drawn,
    forcing,
    lozi,
    lozi_orbit,
    plain_step,
    predictor,
    states,
)

from chaosbench.errors import DivergedError, InvalidForecastError
from chaosbench.forecasters.plrnn._maps import (
    AlmostLinear,
    Shallow,
    jacobian,
)
from chaosbench.forecasters.plrnn._teacher_forcing import (
    _rollout,
    forced_rollout,
    geometric_norm,
)
from chaosbench.forecasters.plrnn._training import precision

# --- the maps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_step_is_the_published_formula(cell) -> None:
    p, z = drawn(cell), states(cell, 5)
    expected = np.stack([plain_step(cell, p, row) for row in z])
    np.testing.assert_allclose(cell.step(p, z, np), expected, rtol=1e-12)
    with precision("float64"):
        step = jax.jit(lambda z: cell.step(p, z, jnp))
        np.testing.assert_allclose(step(z), expected, rtol=1e-12)
        np.testing.assert_allclose(step(z[None])[0], expected, rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_jacobian_is_that_of_automatic_differentiation(cell) -> None:
    p, z = drawn(cell), states(cell, 5)
    with precision("float64"):
        exact = jax.jit(jax.vmap(jax.jacfwd(lambda s: cell.step(p, s[None], jnp)[0])))(z)
    np.testing.assert_allclose(jacobian(cell, p, z, np), exact, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(predictor(cell, p).jacobian(z), exact, rtol=1e-11, atol=1e-13)


def test_a_contracting_clipped_network_is_bounded() -> None:
    cell = Shallow(3, 20, clipped=True)
    p = drawn(cell)
    p["A"], p["W1"] = np.array([0.95, -0.9, 0.5]), 50 * p["W1"]
    reach = np.abs(p["W1"]) @ np.abs(p["h2"]) + np.abs(p["h1"])
    z = 1e3 * states(cell, 10)
    for _ in range(1000):
        z = cell.step(p, z, np)
    assert (np.abs(z) <= reach / (1 - np.abs(p["A"])) + 1e-9).all()


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_initial_decay_is_positive_and_at_most_one(cell) -> None:
    a = cell.initial(np.random.default_rng(5))["A"]
    assert ((a > 0) & (a <= 1)).all()


# --- forcing ------------------------------------------------------------------------------------


def windows(cell, length: int = 13, batch: int = 4) -> np.ndarray:
    return np.random.default_rng(2).standard_normal((length, batch, cell.latent))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_full_forcing_is_one_step_training(cell) -> None:
    p, x = drawn(cell), windows(cell)
    expected = ((cell.step(p, x[:-1], np) - x[1:]) ** 2).mean()
    with precision("float64"):
        loss, forced = jax.jit(forcing(cell).loss)(p, x, 1.0)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    np.testing.assert_allclose(forced, x[:-1], rtol=1e-12)


@pytest.mark.parametrize(
    ("settings", "strength"),
    [
        ({}, [0.3] * 12),
        ({}, [0.0] * 12),
        ({"forcing": "sparse"}, [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]),
    ],
    ids=["generalized", "free run", "sparse"],
)
def test_loss_is_the_recursion_in_plain_numpy(settings, strength) -> None:
    cell = Shallow(3, 7)
    p, x = drawn(cell), windows(cell)
    z, total = x[0], 0.0
    for t, a in enumerate(strength, start=1):
        z = cell.step(p, z, np)
        total += ((z - x[t]) ** 2).sum()
        z = (1 - a) * z + a * x[t]
    penalty = sum((v**2).sum() for v in (1 - p["A"], p["W1"], p["W2"]))
    with precision("float64"):
        loss, _ = jax.jit(forcing(cell, l2=0.01, **settings).loss)(p, x, strength[0])
    np.testing.assert_allclose(loss, total / x[1:].size + 0.01 * penalty, rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_written_out_gradient_is_the_automatic_one(cell) -> None:
    p, x = drawn(cell), windows(cell)
    rng = np.random.default_rng(4)
    gates = rng.uniform(0, 1, (12, cell.latent))
    slopes = rng.standard_normal((12, 4, cell.latent))
    with precision("float64"):

        def gradient(rollout):
            def value(p, first, targets):
                return (rollout(p, first, targets, gates)[0] * slopes).sum()

            return jax.jit(jax.grad(value, argnums=(0, 1, 2)))(p, x[0], x[1:])

        ours = gradient(_rollout(cell))
        exact = gradient(partial(forced_rollout, cell))
    for a, b in zip(jax.tree_util.tree_leaves(ours), jax.tree_util.tree_leaves(exact), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_geometric_norm_is_that_of_singular_values() -> None:
    jacobians = np.random.default_rng(0).standard_normal((50, 16, 3, 3))
    norms = np.linalg.svd(jacobians, compute_uv=False)[..., 0]
    exact = np.exp(np.log(norms).mean(axis=0)).max()
    np.testing.assert_allclose(jax.jit(geometric_norm)(jacobians), exact, rtol=1e-3)


def test_adaptive_strength_jumps_up_at_once_and_decays_slowly() -> None:
    cell = Shallow(1, 1)
    p = {k: np.zeros_like(v) for k, v in drawn(cell).items()}
    rule = forcing(cell, forcing="adaptive", alpha=0.0, memory=0.9)
    updates = {least: jax.jit(replace(rule, alpha=least).update) for least in (0.0, 0.3)}
    seen = jnp.zeros((8, 2, 1))

    def strength(slope: float, before: float, step: int, least: float = 0.0) -> float:
        tilted = p | {"A": np.array([slope])}
        return float(updates[least](tilted, jnp.asarray(before), seen, step))

    assert rule.control() == 1.0
    assert strength(2.0, 0.1, 5) == pytest.approx(0.5, abs=1e-6)
    assert strength(2.0, 0.9, 5) == pytest.approx(0.9 * 0.9 + 0.1 * 0.5, abs=1e-6)
    assert strength(0.5, 0.9, 10) == pytest.approx(0.81, abs=1e-6)
    assert strength(0.5, 0.9, 10, least=0.3) == pytest.approx(0.9 * 0.9 + 0.1 * 0.3, abs=1e-6)
    assert strength(0.5, 0.1, 10, least=0.3) == pytest.approx(0.3, abs=1e-6)
    assert strength(2.0, 0.1, 6) == pytest.approx(0.1)  # not a fifth batch
    assert float(forcing(cell).update(p, jnp.asarray(0.3), seen, 5)) == pytest.approx(0.3)


def gradient_norm(length: int, alpha: float) -> float:
    """Return the size of the gradient from the last of `length` predictions to the first state."""
    cell, p = lozi()
    x = lozi_orbit(length + 1)[:, None]
    gates = np.full((length, 2), alpha)
    with precision("float64"):
        last = jax.jit(lambda first: _rollout(cell)(p, first, x[1:], gates)[0][-1].sum())
        slope = jax.grad(last)(x[0])
    return float(np.abs(slope).max())  # squares would overflow earlier


def test_gradients_stay_bounded_over_ten_thousand_steps_under_enough_forcing() -> None:
    cell, p = lozi()
    orbit = lozi_orbit(10_000)
    jacobians = jacobian(cell, p, orbit, np)
    norms = np.linalg.svd(jacobians, compute_uv=False)[:, 0]
    least = 1 - 1 / np.exp(np.log(norms).mean())
    with precision("float64"):
        found = 1 - 1 / float(jax.jit(geometric_norm)(jacobians[:, None]))
    assert found == pytest.approx(least, abs=2e-3)
    for alpha in (least, least + 0.1, 0.9):
        # |J ... J| is at most N^L, so (1 - alpha)^L |J ... J| is at most 1 at the smallest strength
        assert gradient_norm(10_000, alpha) <= 10.0
    assert gradient_norm(1_000, 0.0) > 1e100
    assert not np.isfinite(gradient_norm(10_000, 0.0))


# --- exponents ----------------------------------------------------------------------------------


def test_exponents_of_a_linear_map() -> None:
    cell = AlmostLinear(4, 0)
    rng = np.random.default_rng(1)
    p = {"A": rng.uniform(0.1, 0.9, 4), "W": 0.3 * rng.standard_normal((4, 4)), "h": np.ones(4)}
    eigenvalues = np.linalg.eigvals(np.diag(p["A"]) + p["W"])
    exact = np.sort(np.log(np.abs(eigenvalues)) / 0.25)[::-1]
    found = predictor(cell, p, dt=0.25).lyapunov_spectrum(steps=4000, transient=100)
    np.testing.assert_allclose(found, exact, atol=2e-3)


def test_exponent_of_a_tent_map() -> None:
    # z' = 1 - 1.9|z|: both slopes have size 1.9, whatever the orbit
    p = {
        "A": np.array([1.9]),
        "W1": np.array([[-3.8]]),
        "W2": np.array([[1.0]]),
        "h1": np.array([1.0]),
        "h2": np.array([0.0]),
    }
    found = predictor(Shallow(1, 1), p, dt=2.0).lyapunov_exponent(steps=500)
    assert found == pytest.approx(np.log(1.9) / 2.0, rel=1e-12)


def test_exponents_agree_with_twins_and_with_the_divergence() -> None:
    cell, p = lozi()
    model = predictor(cell, p)
    spectrum = model.lyapunov_spectrum(steps=20_000)
    assert spectrum.sum() == pytest.approx(np.log(0.5), rel=1e-9)  # |det J| = 0.5
    rng = np.random.default_rng(0)
    starts = lozi_orbit(500)[::5]
    twins = starts + 1e-10 * rng.standard_normal(starts.shape)
    apart = []
    for _ in range(26):
        starts, twins = cell.step(p, starts, np), cell.step(p, twins, np)
        apart.append(np.log(np.linalg.norm(starts - twins, axis=1)).mean())
    assert (apart[25] - apart[5]) / 20 == pytest.approx(spectrum[0], rel=0.05)


def test_a_free_run_that_escapes_has_no_exponents() -> None:
    p = {"A": np.array([2.0]), "W": np.zeros((1, 1)), "h": np.ones(1)}
    with pytest.raises(DivergedError, match="left the finite numbers"):
        predictor(AlmostLinear(1, 0), p).lyapunov_spectrum()


def test_jacobian_refuses_other_shapes() -> None:
    cell, p = lozi()
    with pytest.raises(InvalidForecastError, match=r"shape \(n, 2\)"):
        predictor(cell, p).jacobian(np.zeros((4, 3)))
