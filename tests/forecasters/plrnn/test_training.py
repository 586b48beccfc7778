"""The trainer on an objective with a known minimum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from chaosbench.errors import CorruptDataError, DivergedError, RecipeMismatchError
from chaosbench.forecasters.plrnn._training import Plan, precision, train

PLAN = Plan(
    steps=200,
    batch=4,
    sequence=5,
    rate=0.05,
    final_rate=1e-3,
    evaluations=4,
    seconds=600.0,
    precision="float32",
)
START = {"slope": np.array([0.3, -0.2])}


@dataclass(frozen=True)
class Slope:
    """x(t+1) = slope x(t); the control counts the steps, and the loss is NaN from `breaks`."""

    breaks: int = 10**6

    def control(self):
        return np.array(0.0)

    def loss(self, parameters, windows, control):
        error = windows[1:] - parameters["slope"] * windows[:-1]
        return jnp.where(control < self.breaks, (error**2).mean(), jnp.nan), None

    def update(self, parameters, control, seen, step):
        return control + 1


@pytest.fixture(scope="module")
def data() -> np.ndarray:
    """Return three trajectories ``(3, 60, 2)`` of slopes 0.9 and -0.5, kicked at every step."""
    rng = np.random.default_rng(0)
    values = np.zeros((3, 60, 2))
    for t in range(59):
        values[:, t + 1] = [0.9, -0.5] * values[:, t] + rng.standard_normal((3, 2))
    return values


def distance(parameters, control) -> float:
    return float(np.abs(parameters["slope"] - [0.9, -0.5]).max())


def run(data, objective=None, plan=PLAN, **kwargs):
    kwargs = {"seed": 3, "score": distance} | kwargs
    return train(objective or Slope(), START, data, plan, **kwargs)


def test_finds_the_least_squares_solution(data) -> None:
    plan = replace(PLAN, steps=3000, sequence=59, batch=12, precision="float64")
    # With windows of the whole length, a batch only weights the trajectories differently.
    found = run(data, plan=plan, score=lambda p, c: -1.0).parameters["slope"]
    exact = (data[:, 1:] * data[:, :-1]).sum((0, 1)) / (data[:, :-1] ** 2).sum((0, 1))
    np.testing.assert_allclose(found, exact, atol=0.02)


def test_follows_radam_and_the_schedule_step_by_step(data) -> None:
    # One trajectory with one window: all batches are the same.
    series = data[:1, :6]
    plan = replace(PLAN, steps=40, precision="float64")
    found = run(series, plan=plan, score=lambda p, c: 0.0).parameters["slope"]
    with precision("float64"):
        windows = jnp.asarray(np.repeat(series.transpose(1, 0, 2), plan.batch, axis=1))
        fall = plan.final_rate / plan.rate
        rule = optax.radam(lambda k: plan.rate * fall ** (k.astype(float) / plan.steps))
        parameters = {"slope": jnp.asarray(START["slope"])}
        memory = rule.init(parameters)

        @jax.jit
        def one(parameters, memory):
            slope = jax.grad(lambda p: Slope().loss(p, windows, 0.0)[0])(parameters)
            step, memory = rule.update(slope, memory, parameters)
            return optax.apply_updates(parameters, step), memory

        for _ in range(plan.steps):
            parameters, memory = one(parameters, memory)
        expected = np.asarray(parameters["slope"])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_every_window_is_a_piece_of_one_trajectory(data) -> None:
    # Row t of trajectory i is 1000 i + t: a window that crossed a border would jump.
    rows = 1000.0 * np.arange(3)[:, None] + np.arange(60)
    values = np.stack([rows, rows], axis=2)

    @dataclass(frozen=True)
    class Watching(Slope):
        def control(self):
            return np.array([np.inf, -np.inf, 0.0])

        def loss(self, parameters, windows, control):
            return (parameters["slope"] ** 2).sum(), windows

        def update(self, parameters, control, seen, step):
            jumps = jnp.abs(jnp.diff(seen, axis=0) - 1).max()
            low, high = jnp.minimum(control[0], seen.min()), jnp.maximum(control[1], seen.max())
            return jnp.stack([low, high, jnp.maximum(control[2], jumps)])

    seen = run(values, Watching(), score=lambda p, c: 0.0).control
    assert seen.tolist() == [0.0, 2059.0, 0.0]


def test_keeps_the_best_and_not_the_last(data) -> None:
    scores = iter([3.0, 1.0, 2.0, 5.0])
    trained = run(data, score=lambda p, c: next(scores))
    assert trained.step == 100
    assert trained.score == 1.0
    assert [p.step for p in trained.history] == [50, 100, 150, 200]
    assert trained.ended == "finished"
    # Step 100 of a shorter schedule would differ, because rates fall over the whole length.
    assert int(trained.control) == 100


def test_of_scores_within_the_tolerance_the_latest_is_kept(data) -> None:
    scores = iter([3.0, 1.0, 1.2, 1.3])
    trained = run(data, plan=replace(PLAN, tolerance=0.25), score=lambda p, c: next(scores))
    assert trained.step == 150
    assert trained.score == 1.2


def test_a_score_that_is_never_finite_keeps_the_last(data) -> None:
    trained = run(data, score=lambda p, c: np.nan)
    assert trained.step == 200
    assert trained.score == np.inf


def test_stopped_and_resumed_gives_the_same_bits(data, tmp_path) -> None:
    whole = run(data)
    path = tmp_path / "half.npz"

    def stop(progress):
        if progress.step == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(data, checkpoint=path, progress=stop)
    steps = []
    resumed = run(data, checkpoint=path, progress=lambda p: steps.append(p.step))
    assert steps == [150, 200]
    assert resumed.parameters["slope"].tobytes() == whole.parameters["slope"].tobytes()
    assert resumed.history == whole.history
    assert [p.name for p in tmp_path.iterdir()] == ["half.npz"]
    again = run(data, checkpoint=path)  # nothing is left to do
    assert again.parameters["slope"].tobytes() == whole.parameters["slope"].tobytes()


def test_foreign_and_broken_checkpoints_are_refused(data, tmp_path) -> None:
    path = tmp_path / "c.npz"
    run(data, checkpoint=path)
    with pytest.raises(RecipeMismatchError, match="other settings, data or another seed"):
        run(data, checkpoint=path, seed=4)
    with pytest.raises(RecipeMismatchError, match="other settings, data or another seed"):
        run(data + 1e-9, checkpoint=path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CorruptDataError, match="cannot be read"):
        run(data, checkpoint=path)


def test_the_deadline_ends_with_the_best_so_far(data) -> None:
    trained = run(data, plan=replace(PLAN, steps=10**9, evaluations=1, seconds=0.5))
    assert trained.ended == "deadline"
    assert 0 < trained.step < 10**9
    assert trained.step == trained.history[-1].step


def test_a_loss_that_breaks_late_falls_back_and_says_so(data) -> None:
    trained = run(data, Slope(breaks=120))
    assert trained.ended == "diverged"
    assert trained.step == 100
    assert np.isfinite(trained.parameters["slope"]).all()


def test_a_loss_that_breaks_at_once_is_a_diverged_error(data) -> None:
    with pytest.raises(DivergedError, match="lower the learning rate"):
        run(data, Slope(breaks=10))


@pytest.mark.parametrize("seed", [0, 2**40, 2**62 + 12345])
def test_same_seed_same_bits_and_another_seed_others(data, seed: int) -> None:
    first, again = run(data, seed=seed), run(data, seed=seed)
    assert first.parameters["slope"].tobytes() == again.parameters["slope"].tobytes()
    other = run(data, seed=seed + 2**32)
    assert first.parameters["slope"].tobytes() != other.parameters["slope"].tobytes()


def test_what_jax_is_set_to_outside_neither_matters_nor_changes(data) -> None:
    plain = run(data).parameters["slope"]
    assert jnp.ones(1).dtype == np.float32
    with jax.enable_x64(True):
        wide = run(data).parameters["slope"]
        assert jnp.ones(1).dtype == np.float64
    assert plain.tobytes() == wide.tobytes()


def test_float64_computes_in_float64(data) -> None:
    narrow = run(data).parameters["slope"]
    wide = run(data, plan=replace(PLAN, precision="float64")).parameters["slope"]
    assert not np.array_equal(wide, wide.astype(np.float32))
    np.testing.assert_allclose(narrow, wide, rtol=1e-4)
