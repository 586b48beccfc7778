"""Fits and forecasts of piecewise-linear networks, and their reach on Lorenz."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from networks import (
    TINY,
    drawn,
    forcing,
    lozi,
    lozi_orbit,
    plain_step,
    predictor,
)

import chaosbench as cb
from chaosbench.errors import ParameterError
from chaosbench.forecasters.plrnn._maps import (
    Affine,
    AlmostLinear,
)
from chaosbench.forecasters.plrnn._training import Plan, train
from chaosbench.forecasters.plrnn.networks import (
    AlmostLinearRNN,
    ClippedShallowPLRNN,
    DendriticPLRNN,
    ShallowPLRNN,
)
from chaosbench.trajectories import Trajectories

FAMILY = [ShallowPLRNN, ClippedShallowPLRNN, DendriticPLRNN, AlmostLinearRNN]


@pytest.fixture(scope="module")
def wave() -> Trajectories:
    t = np.arange(400)
    return Trajectories(np.stack([np.sin(0.2 * t), 3 + np.cos(0.2 * t)], axis=1), dt=0.1)


@pytest.mark.slow
def test_an_exactly_realisable_target_is_recovered() -> None:
    # The teacher is Lozi's map, and the student begins near it, where a gradient finds its folds.
    # From far away it would end in other folds, as any network of rectified units may.
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
    # Under forcing a contracting map forgets what came before the context.
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
        (
            {"rate": 1e-3, "final_rate": 1.0},
            "final_rate must be a finite number above 0 and at most",
        ),
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
        "import os, sys\n"
        "os.sched_setaffinity(0, map(int, sys.argv[1:]))\n"  # before libraries count the cores
        "import hashlib, numpy as np\n"
        "from chaosbench.forecasters.plrnn.networks import ShallowPLRNN\n"
        "from chaosbench.trajectories import Trajectories\n"
        "x = np.random.default_rng(0).normal(size=(3000, 3)).cumsum(axis=0)\n"
        "p = ShallowPLRNN(hidden=200, steps=60).fit(Trajectories(x, 1.0), seed=0)\n"
        "print(hashlib.sha256(p.parameters['W1'].tobytes()).hexdigest())\n"
    )
    cores = sorted(os.sched_getaffinity(0))
    outputs = set()
    for some in (cores[:1], cores):
        # not by preexec_fn, which forks: jax warns about forks once it has run
        command = [sys.executable, "-c", code, *map(str, some)]
        outputs.add(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(outputs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reaches_three_lyapunov_times(reference, seed: int) -> None:
    assert reference.median(ShallowPLRNN(), seed=seed) >= 3.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_an_almost_linear_network_draws_lorenz(reference, seed: int) -> None:
    """With adaptive forcing it diverged; the authors' P = 2 reaches 3.5 nats."""
    model = AlmostLinearRNN().fit(reference.train, seed=seed)
    truth = reference.train.values[0]
    run = model.predict(truth[None, :50], len(truth)).values[0]
    assert float(cb.metrics.state_space_divergence(truth, run)[()]) < 1.5


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
    # shorter runs scatter by as much as the tolerance
    exponent = model.lyapunov_exponent(steps=500_000)
    assert exponent == pytest.approx(0.9056, rel=0.05)
