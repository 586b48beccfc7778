"""A disguise is a change of variables and of the unit of time, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.dynamics import Scales, lyapunov_spectrum
from chaosbench.errors import ParameterError
from chaosbench.growth.disguise import CONDITION, _change, disguised
from chaosbench.systems.written import content_of, system_of


def change_of(name, level, seed):
    known = cb.constants(name)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    return _change(known, level, rng, discrete=cb.systems[name].discrete)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("name", ["lorenz", "henon", "hyper_wang"])
def test_the_equation_is_the_old_one_in_other_variables(name, level):
    system, change = cb.systems[name], change_of(name, level, [4])
    content, _ = disguised(content_of(system), cb.constants(name), level, [4], "q1")
    made = system_of(content)
    v = np.random.default_rng(1).standard_normal((5, system.dimension))
    old = system.rhs(0.0, v @ change.matrix.T + change.shift)
    if system.discrete:
        expected = (old - change.shift) @ change.inverse.T
    else:
        expected = change.unit * old @ change.inverse.T
    assert made.rhs(0.0, v) == pytest.approx(expected, rel=1e-12, abs=1e-12 * np.abs(old).max())
    assert change.matrix @ change.inverse == pytest.approx(np.eye(system.dimension), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_level_one_permutes_and_level_two_mixes_moderately(seed):
    std = np.array(cb.constants("lorenz").std)
    plain = change_of("lorenz", 1, [seed]).matrix
    assert (np.count_nonzero(plain, axis=0) == 1).all()
    assert (np.count_nonzero(plain, axis=1) == 1).all()
    mixed = change_of("lorenz", 2, [seed]).matrix / std[:, np.newaxis]
    assert np.count_nonzero(mixed) == 9
    assert np.linalg.cond(mixed) <= CONDITION * 1.001


@pytest.mark.parametrize("level", [1, 2])
def test_constants_are_those_of_the_disguised_system(level):
    content, known = disguised(
        content_of(cb.systems["lorenz"]), cb.constants("lorenz"), level, [level], "q1"
    )
    system = system_of(content)
    assert known.fingerprint == system.fingerprint
    spectrum = lyapunov_spectrum(system, periods=400, scales=Scales(system, known))
    errors = 5 * np.hypot(spectrum.stderr, known.lyapunov_stderr) + 0.005 * known.period**-1
    assert (np.abs(spectrum.values - known.lyapunov_exponents) < errors).all()
    values = cb.simulate(system, points=20_000, dt=known.period / 8, rtol=1e-8).values[0]
    assert values.std(axis=0) == pytest.approx(known.std, rel=0.05)
    assert np.abs(values.mean(axis=0) - known.mean).max() < 0.1 * max(known.std)


def test_a_lag_is_counted_in_the_new_unit_of_time():
    mackey = cb.systems["mackey_glass"]
    content, known = disguised(content_of(mackey), cb.constants("mackey_glass"), 1, [3], "q1")
    made = system_of(content)
    ratio = cb.constants("mackey_glass").period / known.period
    assert made.lags[0] == pytest.approx(17.0 / ratio, rel=1e-5)
    change = change_of("mackey_glass", 1, [3])
    a, b, c = change.matrix[0, 0], change.shift[0], change.unit
    expected = c / a * mackey.rhs(0.0, [a * 0.3 + b], [a * 0.7 + b])[0]
    assert made.rhs(0.0, [0.3], [0.7])[0] == pytest.approx(expected, rel=1e-6)


def test_names_and_parameters_tell_nothing():
    content, _ = disguised(content_of(cb.systems["lorenz"]), cb.constants("lorenz"), 1, [0], "q1")
    assert content["variables"] == ["x0", "x1", "x2"]
    assert not set(content["parameters"]) & {"sigma", "rho", "beta"}
    assert content["description"] == ""


def test_the_same_seed_gives_the_same_disguise():
    args = content_of(cb.systems["lorenz"]), cb.constants("lorenz"), 2
    assert disguised(*args, [1, 2], "q1") == disguised(*args, [1, 2], "q1")
    assert disguised(*args, [1, 2], "q1")[0] != disguised(*args, [1, 3], "q1")[0]


def test_there_are_three_levels():
    with pytest.raises(ParameterError, match="0, 1 or 2"):
        disguised(content_of(cb.systems["henon"]), cb.constants("henon"), 3, [0], "q1")
