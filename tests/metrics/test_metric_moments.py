"""Mean and spread of a climate: known shifts, known scales."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.metrics import mean_error, spread_error

TRUTH = np.random.default_rng(0).standard_normal((400, 3)) * (1.0, 5.0, 0.1)


def test_a_shift_moves_the_mean_and_a_scale_the_spread() -> None:
    sigma = TRUTH.std(axis=0)
    shifted = TRUTH + sigma * (0.3, 0.0, -0.6)
    assert mean_error(TRUTH, shifted) == pytest.approx(0.3)
    assert spread_error(TRUTH, shifted) == pytest.approx(0.0, abs=1e-12)
    centre = TRUTH.mean(axis=0)
    scaled = centre + (TRUTH - centre) * (2.0, 1.0, 0.5)
    assert spread_error(TRUTH, scaled) == pytest.approx((1.0 + 0.0 + 0.5) / 3)
    assert mean_error(TRUTH, scaled) == pytest.approx(0.0, abs=1e-12)


def test_a_fixed_point_has_no_spread_and_lengths_may_differ() -> None:
    still = np.tile(TRUTH.mean(axis=0), (7, 1))
    assert spread_error(TRUTH, still) == pytest.approx(1.0)
    assert mean_error(TRUTH, still) == pytest.approx(0.0, abs=1e-12)


def test_the_scale_may_be_given() -> None:
    assert mean_error(TRUTH, TRUTH + 1.0, scale=[2.0, 2.0, 2.0]) == pytest.approx(0.5)
