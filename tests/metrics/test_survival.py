"""Kaplan–Meier against a textbook table, an exact plain implementation and its limits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosbench.metrics import survival as _survival

# Remission of 21 leukaemia patients on 6-MP, in weeks (Freireich 1963; Kleinbaum & Klein,
# "Survival Analysis", table 2.1): relapses, and patients lost from view before.
RELAPSED = (6, 6, 6, 7, 10, 13, 16, 22, 23)
LOST = (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)
PRINTED = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}

observations = st.lists(
    st.tuples(st.integers(0, 8), st.booleans(), st.integers(1, 3)), min_size=1, max_size=25
)


def plain(data: list[tuple[int, bool, int]]) -> list[tuple[int, Fraction]]:
    """Survival beyond each distinct time, in exact fractions."""
    survival, steps = Fraction(1), []
    for time in sorted({t for t, _, _ in data}):
        at_risk = sum(w for t, _, w in data if t >= time)
        events = sum(w for t, censored, w in data if t == time and not censored)
        survival *= 1 - Fraction(events, at_risk)
        steps.append((time, survival))
    return steps


def arrays(data: list[tuple[int, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    times, censored, weights = zip(*data, strict=True)
    return np.array(times, float), np.array(censored), np.array(weights, float)


def test_the_textbook_table_and_median() -> None:
    times = np.array([*RELAPSED, *LOST], dtype=float)
    censored = np.arange(21) >= len(RELAPSED)
    distinct, surviving, at_risk = _survival.survival(times, censored, np.ones(21))
    table = dict(zip(distinct, surviving, strict=True))
    for week, value in PRINTED.items():
        assert table[week] == pytest.approx(value, abs=5e-5)
    middle, undefined = _survival.median(distinct, surviving, at_risk)
    assert (float(middle), bool(undefined)) == (23.0, False)


@given(observations)
def test_agrees_with_exact_fractions(data: list[tuple[int, bool, int]]) -> None:
    distinct, surviving, at_risk = _survival.survival(*arrays(data))
    expected = plain(data)
    assert distinct.tolist() == [time for time, _ in expected]
    np.testing.assert_allclose(surviving, [float(s) for _, s in expected], atol=1e-12)
    middle, undefined = _survival.median(distinct, surviving, at_risk)
    reached = [time for time, s in expected if s <= Fraction(1, 2)]
    passed = [time for time, s in expected if s < Fraction(1, 2)]
    last = max(t for t, _, _ in data)
    assert bool(undefined) == (not passed)
    first, second = (reached or [last])[0], (passed or [last])[0]
    assert middle == (first + second) / 2
    area, last, height = Fraction(0), 0, Fraction(1)
    for time, s in expected:
        area, last, height = area + height * (time - last), time, s
    assert _survival.restricted_mean(distinct, surviving) == pytest.approx(float(area))


@given(st.lists(st.floats(0, 9), min_size=1, max_size=20))
def test_without_censoring_it_is_the_plain_mean_and_the_plain_median(times: list[float]) -> None:
    values = np.array(times)
    curve = _survival.survival(values, np.zeros(len(values), bool), np.ones(len(values)))
    middle, undefined = _survival.median(*curve)
    assert not undefined
    assert middle == pytest.approx(np.median(values))
    assert _survival.restricted_mean(curve[0], curve[1]) == pytest.approx(values.mean())


@given(observations, st.integers(0, 2**32 - 1))
def test_replicates_are_independent_rows(data: list[tuple[int, bool, int]], seed: int) -> None:
    times, censored, _ = arrays(data)
    weights = np.random.default_rng(seed).integers(0, 3, (4, len(times))).astype(float)
    weights[:, 0] += 1  # something is always observed
    together = _survival.median(*_survival.survival(times, censored, weights))
    for row in range(4):
        kept = weights[row] > 0
        alone = _survival.median(
            *_survival.survival(times[kept], censored[kept], weights[row, kept])
        )
        assert (together[0][row], together[1][row]) == (alone[0], alone[1])


def test_fractional_weights_do_not_miss_the_half_by_rounding() -> None:
    times = np.repeat([1.0, 2.0], 15)
    weights = np.full(30, 0.1 / 3)
    middle, undefined = _survival.median(*_survival.survival(times, np.zeros(30, bool), weights))
    assert (float(middle), bool(undefined)) == (1.5, False)


def test_half_that_outlast_the_exam_leave_a_lower_bound_in_the_middle() -> None:
    times, censored = np.array([2.0, 4.0, 10.0, 10.0]), np.array([False, False, True, True])
    middle, undefined = _survival.median(*_survival.survival(times, censored, np.ones(4)))
    assert (float(middle), bool(undefined)) == (7.0, True)  # of 4 and at least 10


def test_scores_may_be_infinite() -> None:
    for values, expected in (([1.0, np.inf], np.inf), ([np.inf, np.inf], np.inf)):
        curve = _survival.survival(np.array(values), np.zeros(2, bool), np.ones(2))
        assert float(_survival.median(*curve)[0]) == expected
