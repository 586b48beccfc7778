"""Recovered equations: closed forms, scikit-learn's F₁ and dysts' sMAPE."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from dysts.metrics import compute_metrics
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from chaosbench.errors import InputError
from chaosbench.metrics import (
    coefficient_error,
    derivative_smape,
    structure_f1,
    structure_precision_recall,
)

# Lorenz in the terms 1, x, y, z, xy, xz, yz
LORENZ = np.array(
    [
        [0.0, 0.0, 0.0],
        [-10.0, 28.0, 0.0],
        [10.0, -1.0, 0.0],
        [0.0, 0.0, -8 / 3],
        [0.0, 0.0, 1.0],
        [0.0, -1.0, 0.0],
        [0.0, 0.0, 0.0],
    ]
)
sparse = hnp.arrays(float, (6, 2), elements=st.sampled_from([0.0, 0.0, 1.0, -2.0, 0.5]))


def test_coefficient_error_is_relative_to_all_coefficients() -> None:
    assert coefficient_error(LORENZ, LORENZ.copy()) == 0.0
    assert coefficient_error(LORENZ, np.zeros_like(LORENZ)) == pytest.approx(1.0)
    assert coefficient_error(LORENZ, 1.01 * LORENZ) == pytest.approx(0.01)
    off = LORENZ.copy()
    off[0, 0] = 3.0
    size = (100 + 784 + 100 + 1 + 64 / 9 + 1 + 1) ** 0.5
    assert coefficient_error(LORENZ, off) == pytest.approx(3.0 / size)
    assert coefficient_error(1e200 * LORENZ, 1e200 * off) == pytest.approx(3.0 / size)


def test_an_empty_equation_is_matched_by_none() -> None:
    nothing = np.zeros((4, 1))
    assert coefficient_error(nothing, nothing.copy()) == 0.0
    assert coefficient_error(nothing, nothing + 1) == 1e6
    assert structure_f1(nothing, nothing.copy()) == 1.0
    assert structure_f1(nothing, nothing + 1) == 0.0
    assert structure_f1(nothing + 1, nothing) == 0.0


@given(sparse, sparse)
def test_structure_agrees_with_scikit_learn(truth: np.ndarray, found: np.ndarray) -> None:
    a, b = (truth != 0).ravel(), (found != 0).ravel()
    precision, recall = structure_precision_recall(truth, found)
    assert precision == pytest.approx(precision_score(a, b, zero_division=1.0))
    assert recall == pytest.approx(recall_score(a, b, zero_division=1.0))
    assert structure_f1(truth, found) == pytest.approx(f1_score(a, b, zero_division=1.0))


def test_small_coefficients_can_count_as_absent() -> None:
    found = LORENZ + 1e-6
    assert structure_precision_recall(LORENZ, found) == (7 / 21, 1.0)
    assert structure_f1(LORENZ, found) == pytest.approx(2 * 7 / (7 + 21))
    assert structure_f1(LORENZ, found, tolerance=1e-3) == 1.0
    assert structure_precision_recall(LORENZ, LORENZ, tolerance=2.0) == (1.0, 4 / 7)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_coefficient_that_is_not_finite_is_the_worst(bad: float) -> None:
    found = LORENZ.copy()
    found[2, 1] = bad
    assert coefficient_error(LORENZ, found) == 1e6
    assert structure_f1(LORENZ, found) == 0.0
    assert structure_precision_recall(LORENZ, found) == (0.0, 0.0)


def test_derivative_error_is_smape_from_0_to_2() -> None:
    rng = np.random.default_rng(0)
    truth, forecast = rng.normal(size=(2, 200, 3))
    theirs = compute_metrics(truth, forecast, include=["smape"])["smape"]  # 0 to 100
    # its 1e-10 shifts a denominator; the smallest of 600 here is above 1e-3
    assert (np.abs(truth) + np.abs(forecast)).min() > 1e-3
    assert derivative_smape(truth, forecast) == pytest.approx(theirs / 50, rel=1e-6)
    assert derivative_smape(truth, -truth) == 2.0
    assert derivative_smape([[1.0], [0.0]], [[3.0], [0.0]]) == 0.5
    assert derivative_smape([[1.0], [1.0]], [[1.0], [np.nan]]) == 1.0


def test_equations_in_other_terms_are_named() -> None:
    with pytest.raises(InputError, match="same terms"):
        coefficient_error(LORENZ, LORENZ[:6])
    with pytest.raises(InputError, match="tolerance"):
        structure_f1(LORENZ, LORENZ, tolerance=-1.0)
    with pytest.raises(InputError, match="same shape"):
        derivative_smape(np.ones((5, 2)), np.ones((4, 2)))
