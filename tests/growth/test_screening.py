"""Screening against systems whose exponents are known."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.growth._draws import draw_jerks, draw_quadratic_flows
from chaosbench.growth._terms import equation_of, monomials, padded
from chaosbench.numerics.screening import (
    CHAOTIC,
    ESCAPED,
    REGULAR,
    RESTING,
    screen_delays,
    screen_flows,
    screen_maps,
)
from chaosbench.systems.written import system_of

LORENZ = [(0, (0,), -10.0), (0, (1,), 10.0), (1, (0,), 28.0), (1, (1,), -1.0), (1, (0, 2), -1.0),
          (2, (0, 1), 1.0), (2, (2,), -8 / 3)]  # fmt: skip
HENON = [(0, (), 1.0), (0, (0, 0), -1.4), (0, (1,), 1.0), (1, (0,), 0.3)]
ROTATION = [(0, (1,), 1.0), (1, (0,), -1.0)]
DAMPED = [*ROTATION, (0, (0,), -0.5)]
GROWING = [*ROTATION, (0, (0,), 0.5)]


def looked(terms, start, screen=screen_flows):
    made = padded([terms], np.array([start], dtype=float))
    found = np.zeros((1, 3 + 2 * len(start)))
    more = () if screen is screen_maps else (False, 0.01)
    screen(made.equation, made.factors, made.coefficients, made.starts, len(start), *more, found)
    return found[0]


def test_lorenz_is_chaotic_with_its_exponent_mean_and_spread():
    found = looked(LORENZ, [1.0, 2.0, 20.0])
    assert found[0] == CHAOTIC
    assert found[1] == pytest.approx(0.9056, rel=0.05)
    assert found[5] == pytest.approx(23.55, rel=0.02)
    assert found[8] == pytest.approx(8.6, rel=0.05)


def test_what_rests_turns_or_escapes_is_not():
    assert looked(DAMPED, [1.0, 0.5])[0] in (RESTING, REGULAR)  # it has not come to rest yet
    assert looked(ROTATION, [1.0, 0.5])[0] == REGULAR
    assert looked(GROWING, [1.0, 0.5])[0] == ESCAPED
    regular = [(e, f, 10.0 if (e, f) == (1, (0,)) else c) for e, f, c in LORENZ]
    assert looked(regular, [1.0, 2.0, 5.0])[0] in (RESTING, REGULAR)


def test_henon_is_chaotic_with_its_exponent():
    found = looked(HENON, [0.1, 0.1], screen_maps)
    assert found[0] == CHAOTIC
    assert found[1] == pytest.approx(0.419, rel=0.05)
    regular = [(e, f, -0.2 if c == -1.4 else c) for e, f, c in HENON]
    assert looked(regular, [0.1, 0.1], screen_maps)[0] == REGULAR
    escaping = [(e, f, -2.4 if c == -1.4 else c) for e, f, c in HENON]
    assert looked(escaping, [0.1, 0.1], screen_maps)[0] == ESCAPED


def test_a_delayed_sine_is_chaotic_and_a_weak_one_is_not():
    shapes, widths, shifts = np.zeros((2, 1), np.int64), np.ones((2, 1)), np.zeros((2, 1))
    found = np.zeros((2, 5))
    screen_delays(
        np.array([1.0, 1.0]), np.array([10.0, 10.0]), shapes, np.array([[8.0], [0.5]]), widths,
        shifts, np.array([[0.3], [0.3]]), found,
    )  # fmt: skip
    assert found[0, 0] == CHAOTIC  # Ikeda's equation, x' = -x + 8 sin x(t - 10)
    assert found[1, 0] == REGULAR


def test_the_system_of_a_candidate_is_what_was_screened():
    content = equation_of(LORENZ, 3) | {"name": "one", "kind": "flow", "initial": [1.0, 2.0, 3.0]}
    system = system_of(content)
    x, y, z = 0.3, -1.2, 4.0
    expected = [10.0 * (y - x), x * (28.0 - z) - y, x * y - 8 / 3 * z]
    assert system.rhs(0.0, [x, y, z]) == pytest.approx(expected, rel=1e-14)


def test_monomials_are_all_there_once():
    assert len(monomials(3, 2)) == 10
    assert len(set(monomials(4, 3))) == len(monomials(4, 3)) == 35


@pytest.mark.parametrize("d", [3, 4])
def test_every_variable_acts_on_every_other(d):
    made = draw_quadratic_flows(np.random.default_rng(1), 50, d)
    for b in range(50):
        acts = np.eye(d, dtype=bool)
        for e, factors, _ in made.of(b):
            for f in factors:
                acts[e, f] = True
        assert np.linalg.matrix_power(acts.astype(int), d).all()


def test_jerks_are_jerks():
    made = draw_jerks(np.random.default_rng(2), 20)
    for b in range(20):
        assert [t for t in made.of(b) if t[0] < 2] == [(0, (1,), 1.0), (1, (2,), 1.0)]
