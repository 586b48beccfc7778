"""Corruptions: each against its oracle, all of them pure and blind to how a trajectory is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats

import chaosbench as cb
from chaosbench.datasets import Dataset
from chaosbench.datasets.corruptions import (
    Chain,
    Coloured,
    Corruption,
    Delays,
    Drift,
    DynamicNoise,
    Gaussian,
    HeavyTailed,
    Irregular,
    Missing,
    MissingBlocks,
    Multiplicative,
    Partial,
    Quantised,
    RegimeSwitch,
    Scene,
    corrupted,
    corruption_from,
)
from chaosbench.errors import ParameterError, UnknownNameError
from chaosbench.trajectories import Trajectories

SCALE = np.array([1.0, 10.0])
ZERO = Trajectories(np.zeros((2, 40_000, 2)), 0.1, ("x", "y"))
RAMP = Trajectories(np.linspace(-3, 3, 20_000).reshape(1, -1, 1) * SCALE, 0.1, ("x", "y"))


def seen(clean, *chain, **more):
    made = corrupted(clean, chain, **({"seed": 3, "scale": SCALE} | more))
    assert made.values is not clean.values
    return made


class TestOracles:
    def test_gaussian(self):
        u = seen(ZERO, Gaussian(0.2)).values / SCALE
        # a standard deviation of 160,000 normal numbers is known to 1/√320,000 = 0.2%
        assert u.std() == pytest.approx(0.2, rel=0.01)
        assert stats.kstest(u.ravel()[::7] / 0.2, "norm").pvalue > 1e-3

    def test_multiplicative(self):
        clean = Trajectories(np.full((1, 40_000, 2), 5.0), 0.1, ("x", "y"))
        u = seen(clean, Multiplicative(0.1)).values
        assert u.std() == pytest.approx(0.5, rel=0.02)
        assert (seen(ZERO, Multiplicative(0.1)).values == 0).all()

    @pytest.mark.parametrize("degrees", [1.0, 2.5])
    def test_heavy_tailed(self, degrees):
        u = seen(ZERO, HeavyTailed(0.3, degrees)).values / SCALE / 0.3
        assert stats.kstest(u.ravel()[::7], "t", args=(degrees,)).pvalue > 1e-3

    @pytest.mark.parametrize("exponent", [0.0, 0.3, 1.0, 1.7])
    def test_the_spectrum_of_coloured_noise_has_its_exponent(self, exponent):
        clean = Trajectories(np.zeros((12, 16_384, 1)), 1.0, ("x",))
        u = seen(clean, Coloured(1.0, exponent), scale=[1.0]).values[..., 0]
        f, power = signal.welch(u, nperseg=4096, axis=1)
        mean = power.mean(axis=0)
        band = (f > 2e-3) & (f < 0.1)
        slope = np.polyfit(np.log(f[band]), np.log(mean[band]), 1)[0]
        assert slope == pytest.approx(-exponent, abs=0.12)

    def test_coloured_noise_is_stationary_from_the_first_sample_and_has_its_size(self):
        clean = Trajectories(np.zeros((1000, 60, 1)), 1.0, ("x",))
        u = seen(clean, Coloured(0.5, 1.0), scale=[1.0]).values[..., 0]
        assert u[:, 0].std() == pytest.approx(0.5, rel=0.09)  # of 1000 numbers: 2.2%
        assert u[:, -1].std() == pytest.approx(0.5, rel=0.09)

    def test_drift(self):
        u = seen(ZERO, Drift(0.4)).values / SCALE
        assert (u[:, 0] == 0).all()
        assert np.allclose(np.abs(u[:, -1]), 0.4, rtol=1e-12)
        assert np.allclose(np.diff(u, 2, axis=1), 0, atol=1e-12)

    def test_quantised(self):
        u = seen(RAMP, Quantised(0.25)).values / SCALE
        assert np.allclose(u / 0.25, np.round(u / 0.25), atol=1e-9)
        error = u - RAMP.values / SCALE
        assert np.abs(error).max() <= 0.125 * (1 + 1e-12)
        assert error.std() == pytest.approx(0.25 / np.sqrt(12), rel=0.02)

    def test_missing(self):
        lost = np.isnan(seen(ZERO, Missing(0.3)).values)
        assert np.array_equal(lost[..., 0], lost[..., 1])
        assert lost.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 80_000))
        assert not lost[:, [0, -1]].any()

    def test_missing_blocks(self):
        lost = np.isnan(seen(ZERO, MissingBlocks(0.2, 25.0)).values[..., 0])
        runs = np.diff(np.flatnonzero(np.diff(np.pad(lost.ravel(), 1).astype(int))))[::2]
        assert lost.mean() == pytest.approx(0.2, abs=0.03)
        # some 640 geometric lengths of mean 25: their mean is known to 25/√640 = 1
        assert runs.mean() == pytest.approx(25.0, abs=4.0)
        assert not lost[:, [0, -1]].any()

    def test_partial(self):
        clean = cb.simulate("lorenz", points=50)
        made = corrupted(clean, [Partial(("z", "x"))])
        assert made.variables == ("x", "z")
        assert np.array_equal(made.values, clean.values[..., [0, 2]])

    def test_delays(self):
        clean = cb.simulate("lorenz", points=50)
        made = corrupted(clean, [Delays("y", 3, 5)])
        y = clean.values[0, :, 1]
        assert made.variables == ("y", "y_lag5", "y_lag10")
        assert np.array_equal(made.values[0, 10:], np.stack([y[10:], y[5:-5], y[:-10]], axis=1))
        assert np.isnan(made.values[0, :10, 2]).all()
        assert not np.isnan(made.values[0, :, 0]).any()

    def test_dynamic_noise_of_a_map_follows_its_equation(self):
        clean = cb.simulate("henon", points=3000)
        made = corrupted(clean, [DynamicNoise(1e-3)], system="henon", scale=[1.0, 1.0], seed=1)
        a, b = (cb.systems["henon"].parameters[name] for name in ("a", "b"))
        x, y = made.values[0].T
        assert np.array_equal(made.values[0, 0], clean.values[0, 0])
        kick_x = y[1:] / b - x[:-1]  # y' = b (x + kick)
        kick_y = x[1:] - 1 + a * (x[:-1] + kick_x) ** 2 - y[:-1]  # x' = 1 - a (x + kick)² + y
        for kicks in (kick_x, kick_y):
            assert kicks.std() == pytest.approx(1e-3, rel=4 / np.sqrt(6000))
            assert stats.kstest(kicks / 1e-3, "norm").pvalue > 1e-3

    def test_regimes_switch(self):
        clean = cb.simulate("lorenz", points=600)
        made = corrupted(clean, [RegimeSwitch({"rho": 40.0}, 60.0)], system="lorenz", seed=2)
        u = made.values[0]
        rhos = []
        for k in range(0, 599, 20):
            nexts = {
                rho: cb.simulate(
                    cb.systems["lorenz"].with_params(rho=rho), ic=u[k], points=2, dt=clean.dt,
                ).values[0, 1]
                for rho in (28.0, 40.0)
            }  # fmt: skip
            fits = [rho for rho, v in nexts.items() if np.allclose(v, u[k + 1], atol=1e-6)]
            assert len(fits) == 1
            rhos += fits
        assert set(rhos) == {28.0, 40.0}
        assert rhos[0] == 28.0

    @pytest.mark.parametrize("name", ["lorenz", "duffing"])
    def test_irregular_samples_are_states_at_their_times(self, name):
        clean = cb.simulate(name, points=40)
        made = corrupted(clean, [Irregular(0.8)], system=name)
        times = made.provenance["times"][0]
        late = times - clean.start_times[0] - clean.time
        assert (late >= 0).all()
        assert late.max() <= 0.8 * clean.dt
        assert late.std() == pytest.approx(0.8 * clean.dt / np.sqrt(12), rel=0.3)
        from chaosbench.dynamics.orbits import orbit_of

        for k in (0, 13, 39):
            orbit = orbit_of(cb.systems[name], clean.values[0, k], times[k] - late[k], rtol=1e-12)
            orbit.advance(late[k])
            assert np.allclose(made.values[0, k], orbit.state, atol=1e-8)


ANY = [
    Gaussian(0.1), Multiplicative(0.2), HeavyTailed(0.1, 1.5), Coloured(0.1, 1.2), Drift(1.0),
    Quantised(0.1), Missing(0.3), MissingBlocks(0.2, 3.0), Partial(("y",)), Delays("y", 3, 2),
]  # fmt: skip
OF_STATE = [DynamicNoise(1e-3), RegimeSwitch({"rho": 35.0}, 5.0), Irregular(0.5)]


def pieces(chain, scene, values, times, cuts):
    observe = Chain(chain, scene)
    ends = [*sorted({c for c in cuts if 0 < c < len(values)}), len(values)]
    out, begin = [], 0
    for end in ends:
        out.append(observe(values[begin:end], times[begin:end]))
        begin = end
    return [np.concatenate(part) for part in zip(*out, strict=True)]


@given(
    chain=st.lists(
        st.sampled_from([c for c in ANY if c.kind not in ("partial", "delays")]), max_size=4
    ),
    last=st.sampled_from([None, ANY[-2], ANY[-1]]),
    cuts=st.lists(st.integers(1, 119), max_size=5),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_chain_is_pure_and_does_not_see_how_a_trajectory_is_cut(chain, last, cuts, seed):
    chain = [*chain, *([last] if last else [])]
    values = np.random.default_rng(0).normal(size=(120, 2))
    before = values.copy()
    times = 0.1 * np.arange(120)
    scene = Scene(("x", "y"), SCALE, 120, 0.1, (seed, 0))
    whole = Chain(chain, scene)(values, times)
    again = Chain(chain, scene)(values, times)
    parts = pieces(chain, scene, values, times, cuts)
    for one, two, three in zip(whole, again, parts, strict=True):
        assert one.tobytes() == two.tobytes() == three.tobytes()
    assert values.tobytes() == before.tobytes()


@pytest.mark.parametrize("corruption", OF_STATE, ids=lambda c: c.kind)
@pytest.mark.parametrize("cuts", [[1], [7, 30, 31]])
def test_so_is_one_that_follows_the_equation(corruption, cuts):
    system = cb.systems["lorenz"]
    clean = cb.simulate("lorenz", points=60)
    scene = Scene(system.variables, np.ones(3), 60, clean.dt, (5, 0), system)
    whole = Chain([corruption], scene)(clean.values[0], clean.time)
    parts = pieces([corruption], scene, clean.values[0], clean.time, cuts)
    for one, two in zip(whole, parts, strict=True):
        assert one.tobytes() == two.tobytes()


def test_trajectories_seeds_and_places_draw_other_numbers():
    two = seen(ZERO, Gaussian(0.1)).values
    assert not np.array_equal(two[0], two[1])
    assert not np.array_equal(two, seen(ZERO, Gaussian(0.1), seed=4).values)
    both = seen(ZERO, Gaussian(0.1), Gaussian(0.1)).values
    assert (both / SCALE).std() == pytest.approx(0.1 * np.sqrt(2), rel=0.01)
    first = Trajectories(ZERO.values[:1], 0.1, ("x", "y"))
    assert np.array_equal(two[:1], seen(first, Gaussian(0.1)).values)


@pytest.mark.parametrize("corruption", [*ANY, *OF_STATE], ids=lambda c: c.kind)
def test_a_table_of_a_recipe_gives_it_back(corruption):
    assert corruption_from(corruption.settings()) == corruption
    assert hash(corruption_from(corruption.settings())) == hash(corruption)
    assert isinstance(corruption, Corruption)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Gaussian(-1.0), "size of the corruption 'gaussian' must be a number"),
        (lambda: Gaussian("much"), "must be a number"),
        (lambda: Gaussian(float("nan")), "must be a number"),
        (lambda: Coloured(0.1, 3.0), "exponent of the corruption 'coloured'"),
        (lambda: Coloured(0.1, 0.1), "between 0.25 and 2"),
        (lambda: Delays("x", 0, 1), "dimension .* must be an integer"),
        (lambda: MissingBlocks(0.8, 1.0), "longer length or a smaller share"),
        (lambda: RegimeSwitch({}), "maps names to values"),
        (lambda: corruption_from({"kind": "gaussian"}), "needs the settings size"),
        (lambda: corruption_from({"kind": "gaussian", "siz": 1}), "did you mean 'size'"),
        (lambda: corrupted(ZERO, [Partial(("q",))]), "no variable 'q' to see"),
        (lambda: corrupted(ZERO, [Irregular()]), "data without an equation"),
        (lambda: corrupted(ZERO, ["noise"]), "a corruption is expected"),
        (
            lambda: corrupted(cb.simulate("henon"), [Irregular()], system="henon"),
            "the map system 'henon'",
        ),
        (
            lambda: Dataset(systems=("lorenz",), corruptions=(Gaussian(0.1), DynamicNoise(0.1))),
            "must be the first",
        ),
        (
            lambda: Dataset(systems=("lorenz",), corruptions=(RegimeSwitch({"roh": 3.0}),)),
            "no parameter 'roh'",
        ),
        (
            lambda: Dataset(systems=("lorenz", "henon"), corruptions=(Partial(("z",)),)),
            "no variable 'z'",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


def test_an_unknown_corruption_suggests():
    with pytest.raises(UnknownNameError, match="did you mean 'gaussian'"):
        corruption_from({"kind": "gausian", "size": 0.1})
