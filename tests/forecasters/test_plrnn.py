"""Maps against their formulas, gradients against automatic ones, exponents in closed form."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import DivergedError, InvalidForecastError, ParameterError
from chaosbench.forecasters._common import Scaler
from chaosbench.forecasters._piecewise_linear import (
    Affine,
    AlmostLinear,
    Dendritic,
    Identity,
    Shallow,
    jacobian,
)
from chaosbench.forecasters._teacher_forcing import (
    TeacherForcing,
    _rollout,
    forced_rollout,
    geometric_norm,
)
from chaosbench.forecasters._training import Plan, precision, train
from chaosbench.forecasters.plrnn import (
    AlmostLinearRNN,
    ClippedShallowPLRNN,
    DendriticPLRNN,
    PLRNNPredictor,
    ShallowPLRNN,
)
from chaosbench.trajectories import Trajectories

FAMILY = [ShallowPLRNN, ClippedShallowPLRNN, DendriticPLRNN, AlmostLinearRNN]
# Few units, whose Jacobians are formed for the gradient, and more, whose gates are.
CELLS = [
    Shallow(3, 7),
    Shallow(11, 7),
    Shallow(3, 7, clipped=True),
    Shallow(11, 7, clipped=True),
    Dendritic(4, 3),
    Dendritic(11, 3),
    AlmostLinear(4, 2),
    AlmostLinear(11, 2),
]
TINY = {"steps": 20, "sequence": 20, "batch": 4, "evaluations": 2}


def relu(x: float) -> float:
    return max(x, 0.0)


def plain_step(cell, p, z: np.ndarray) -> np.ndarray:
    """One state through the published formula, a number at a time."""
    out = np.empty(cell.latent)
    for i in range(cell.latent):
        total = p["A"][i] * z[i]
        if isinstance(cell, Shallow):
            total += p["h1"][i]
            for k in range(cell.hidden):
                inner = sum(p["W2"][k, j] * z[j] for j in range(cell.latent))
                active = relu(inner + p["h2"][k]) - (relu(inner) if cell.clipped else 0.0)
                total += p["W1"][i, k] * active
        else:
            total += p["h"][i]
            for j in range(cell.latent):
                if isinstance(cell, Dendritic):
                    active = sum(
                        p["slopes"][b, 0] * relu(z[j] - p["thresholds"][b, j])
                        for b in range(cell.bases)
                    )
                else:
                    active = relu(z[j]) if j >= cell.latent - cell.rectified else z[j]
                total += p["W"][i, j] * active
        out[i] = total
    return out


def drawn(cell, seed: int = 0):
    """Parameters away from zero, so that no term can be missed."""
    rng = np.random.default_rng(seed)
    start = cell.initial(rng)
    return {k: v + 0.1 * rng.standard_normal(v.shape) for k, v in start.items()}


def states(cell, *shape: int) -> np.ndarray:
    return np.random.default_rng(9).standard_normal((*shape, cell.latent))


def predictor(cell, parameters, *, d: int | None = None, dt: float = 1.0, **forcing):
    """A predictor of given parameters on data that are standardised already."""
    d = cell.latent if d is None else d
    settings = {"forcing": "generalized", "alpha": 0.3, "interval": 5, "memory": 0.9, "l2": 0.0}
    return PLRNNPredictor(
        who="Test",
        scaler=Scaler(mean=np.zeros(d), scale=np.ones(d)),
        dt=dt,
        objective=TeacherForcing(cell, Identity(cell.latent, d), **(settings | forcing)),
        parameters=parameters,
        alpha=0.3,
        warmup=50,
        last=np.full((1, 50, d), 0.1),
        training=None,
    )


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


def forcing(cell, **settings):
    given = {"forcing": "generalized", "alpha": 0.3, "interval": 5, "memory": 0.9, "l2": 0.0}
    return TeacherForcing(cell, Identity(cell.latent, cell.latent), **(given | settings))


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
    seen = jnp.zeros((8, 2, 1))

    def strength(slope: float, before: float, step: int, least: float = 0.0) -> float:
        tilted = p | {"A": np.array([slope])}
        update = jax.jit(replace(rule, alpha=least).update)
        return float(update(tilted, jnp.asarray(before), seen, step))

    assert rule.control() == 1.0
    assert strength(2.0, 0.1, 5) == pytest.approx(0.5, abs=1e-6)
    assert strength(2.0, 0.9, 5) == pytest.approx(0.9 * 0.9 + 0.1 * 0.5, abs=1e-6)
    assert strength(0.5, 0.9, 10) == pytest.approx(0.81, abs=1e-6)
    assert strength(0.5, 0.9, 10, least=0.3) == pytest.approx(0.9 * 0.9 + 0.1 * 0.3, abs=1e-6)
    assert strength(0.5, 0.1, 10, least=0.3) == pytest.approx(0.3, abs=1e-6)
    assert strength(2.0, 0.1, 6) == pytest.approx(0.1)  # not a fifth batch
    assert float(forcing(cell).update(p, jnp.asarray(0.3), seen, 5)) == pytest.approx(0.3)


def lozi() -> tuple[Shallow, dict[str, np.ndarray]]:
    """x' = 1 - 1.7|x| + y, y' = 0.5x as a shallow network; relu(u + 10) - 10 is u."""
    p = {
        "A": np.array([1.7, 0.0]),
        "W2": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]),
        "h2": np.array([0.0, 10.0, 10.0]),
        "W1": np.array([[-3.4, 1.0, 0.0], [0.0, 0.0, 0.5]]),
        "h1": np.array([1.0 - 10.0, -5.0]),
    }
    return Shallow(2, 3), p


def lozi_orbit(steps: int) -> np.ndarray:
    orbit = np.empty((steps, 2))
    x, y = 0.1, 0.1
    for t in range(-100, steps):
        if t >= 0:
            orbit[t] = x, y
        x, y = 1 - 1.7 * abs(x) + y, 0.5 * x
    return orbit


def gradient_norm(length: int, alpha: float) -> float:
    """Size of the gradient that the last of `length` predictions sends to its first state."""
    cell, p = lozi()
    x = lozi_orbit(length + 1)[:, None]
    gates = np.full((length, 2), alpha)
    with precision("float64"):
        last = jax.jit(lambda first: _rollout(cell)(p, first, x[1:], gates)[0][-1].sum())
        slope = jax.grad(last)(x[0])
    return float(np.abs(slope).max())  # squares would overflow first


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
        # |J ... J| at most N^L, so that (1 - alpha)^L of it is at most 1 at the least strength
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
    # z' = 1 - 1.9|z|: both slopes are 1.9 in size, whatever the orbit
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


# --- fitting and forecasting --------------------------------------------------------------------


@pytest.fixture(scope="module")
def wave() -> Trajectories:
    t = np.arange(400)
    return Trajectories(np.stack([np.sin(0.2 * t), 3 + np.cos(0.2 * t)], axis=1), dt=0.1)


def test_an_exactly_realisable_target_is_recovered() -> None:
    # The teacher is Lozi's map, and the student begins near it: its folds are where a gradient
    # finds them. From far away it ends in other folds, as any network of rectified units may.
    cell, teacher = lozi()
    rng = np.random.default_rng(0)
    start = {k: v + 0.05 * rng.standard_normal(v.shape) for k, v in teacher.items()}
    orbit = lozi_orbit(3000)

    def error(p, control) -> float:
        return float(((cell.step(p, orbit[:-1], np) - orbit[1:]) ** 2).mean())

    plan = Plan(
        steps=6000,
        batch=16,
        sequence=10,
        rate=1e-2,
        final_rate=1e-5,
        evaluations=4,
        seconds=600.0,
        precision="float64",
    )
    trained = train(forcing(cell, alpha=0.7), start, orbit[None], plan, seed=0, score=error)
    assert error(start, 0.7) > 1e-3
    assert trained.score < 1e-7 * orbit.var()
    found = predictor(cell, trained.parameters).lyapunov_exponent(steps=5000)
    exact = predictor(cell, teacher).lyapunov_exponent(steps=5000)
    assert found == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize(
    ("kind", "observation", "way"),
    [
        (ShallowPLRNN, "identity", "adaptive"),
        (ClippedShallowPLRNN, "affine", "adaptive"),
        (DendriticPLRNN, "identity", "sparse"),
        (AlmostLinearRNN, "affine", "generalized"),
    ],
)
def test_a_forecast_iterates_the_map(kind, observation: str, way: str, wave) -> None:
    config = kind(latent=4, observation=observation, forcing=way, **TINY)
    model = config.fit(wave, seed=1)
    context = wave.values[0, 100:200].reshape(2, 50, 2)
    state, rows = model.latent(context), []
    for _ in range(6):
        state = np.stack([plain_step(model.objective.cell, model.parameters, row) for row in state])
        read = model.objective.observation.read(model.parameters, state, np)
        rows.append(model.scaler.undo(read))
    np.testing.assert_allclose(model.predict(context, 6).values, np.stack(rows, 1), rtol=1e-9)


def test_with_one_unit_a_variable_the_last_row_is_the_state(wave) -> None:
    model = ShallowPLRNN(hidden=5, **TINY).fit(wave, seed=0)
    context = wave.values[:, :50].copy()
    np.testing.assert_array_equal(model.latent(context), model.scaler.apply(context[:, -1]))
    before = model.predict(context, 5).values
    context[:, :-1] = 0.0
    np.testing.assert_array_equal(model.predict(context, 5).values, before)


@pytest.mark.parametrize("way", ["sparse", "generalized"])
def test_hidden_units_forget_where_they_began(way: str, wave) -> None:
    # A contracting map under forcing: what is before the context must not matter.
    cell = AlmostLinear(4, 2)
    p = drawn(cell) | {"A": np.full(4, 0.3), "L": np.ones((2, 2))}
    p["W"] = 0.1 * p["W"]
    model = predictor(cell, p, d=2, forcing=way)
    series = wave.values[:, :50]
    guessed = replace(model, parameters=p | {"L": -5 * p["L"]})
    np.testing.assert_allclose(guessed.latent(series), model.latent(series), atol=1e-9)
    short = guessed.latent(series[:, -3:]) - model.latent(series[:, -3:])
    assert np.abs(short[:, 2:]).max() > 1e-3
    np.testing.assert_array_equal(model.latent(series)[:, :2], series[:, -1])


@pytest.mark.parametrize(("latent", "d"), [(4, 2), (2, 2), (2, 4)])
def test_affine_observation_is_inverted_by_the_pseudo_inverse(latent: int, d: int) -> None:
    seen = Affine(latent, d)
    rng = np.random.default_rng(0)
    p = seen.initial(rng) | {"c": rng.standard_normal(d)}
    x = rng.standard_normal((6, d))
    exact = (x - p["c"]) @ np.linalg.pinv(p["B"]).T
    np.testing.assert_allclose(seen.invert(p, x, np), exact, rtol=1e-9, atol=1e-12)


def test_a_checkpointed_fit_is_the_same_fit(wave, tmp_path) -> None:
    config = ShallowPLRNN(hidden=5, **TINY)
    seen = []
    plain = config.fit(wave, seed=0)
    kept = config.fit(wave, seed=0, checkpoint=tmp_path / "c.npz", progress=seen.append)
    resumed = config.fit(wave, seed=0, checkpoint=tmp_path / "c.npz")
    assert [p.step for p in seen] == [10, 20]
    for name, value in plain.parameters.items():
        assert value.tobytes() == kept.parameters[name].tobytes()
        assert value.tobytes() == resumed.parameters[name].tobytes()


def test_more_variables_than_units_raise_the_units(wave) -> None:
    assert ShallowPLRNN(latent=1, hidden=5, **TINY).fit(wave, seed=0).objective.cell.latent == 2
    affine = ShallowPLRNN(latent=1, observation="affine", hidden=5, **TINY).fit(wave, seed=0)
    assert affine.objective.cell.latent == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"forcing": "full"}, "forcing must be one of 'sparse', 'generalized', 'adaptive'"),
        ({"observation": "linear"}, "observation must be one of"),
        ({"precision": "float16"}, "precision must be one of"),
        ({"alpha": 1.5}, "alpha must be a finite number"),
        ({"steps": 0}, "steps must be an integer of at least 1"),
        ({"rate": 1e-3, "final_rate": 1.0}, "final_rate must be a finite number above 0 and at most"),
        ({"seconds": 0.0}, "seconds must be a finite number above 0"),
        ({"latent": 0}, "latent must be an integer of at least 1 or None"),
    ],
)
@pytest.mark.parametrize("kind", FAMILY)
def test_impossible_settings_are_refused(kind, settings, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        kind(**settings)


@pytest.mark.slow
def test_the_number_of_cores_changes_no_bit() -> None:
    code = (
        "import hashlib, numpy as np\n"
        "from chaosbench.forecasters.plrnn import ShallowPLRNN\n"
        "from chaosbench.trajectories import Trajectories\n"
        "x = np.random.default_rng(0).normal(size=(3000, 3)).cumsum(axis=0)\n"
        "p = ShallowPLRNN(hidden=200, steps=60).fit(Trajectories(x, 1.0), seed=0)\n"
        "print(hashlib.sha256(p.parameters['W1'].tobytes()).hexdigest())\n"
    )
    cores = sorted(os.sched_getaffinity(0))
    outputs = set()
    for some in (cores[:1], cores):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=lambda some=some: os.sched_setaffinity(0, some),
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reaches_three_lyapunov_times(reference, seed: int) -> None:
    assert reference.median(ShallowPLRNN(), seed=seed) >= 3.0


@pytest.mark.slow
def test_reconstructs_lorenz_from_noisy_data() -> None:
    # benchmarks/plrnn_noisy_lorenz.py at a quarter of the steps
    clean = cb.simulate("lorenz", points=100_000, dt=0.01, seed=0)
    truth = clean.values[0]
    noise = 0.05 * truth.std(axis=0) * np.random.default_rng(0).standard_normal(truth.shape)
    noisy = Trajectories(truth + noise, dt=0.01)
    config = ShallowPLRNN(alpha=0.2, l2=1e-4, steps=60_000)
    model = config.fit(noisy, seed=0)
    run = model.predict(truth[None, :1], len(truth)).values[0]
    assert float(cb.metrics.state_space_divergence(truth, run)[()]) < 0.35
    assert float(cb.metrics.spectral_hellinger(truth, run)[()]) < 0.09
    # shorter runs scatter by as much as is asked for
    exponent = model.lyapunov_exponent(steps=500_000)
    assert exponent == pytest.approx(0.9056, rel=0.05)
