"""The orbit on which the forecasters' tests are based."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp


def test_the_reference_follows_lorenz(reference) -> None:
    """Against scipy over six time units, in which an error grows by a factor of about 200."""
    states = reference.train.values[0]
    times = np.arange(300) * reference.train.dt
    for begin in (0, 2000, 4700):
        other = solve_ivp(
            reference.rhs,
            (0, times[-1]),
            states[begin],
            method="DOP853",
            rtol=1e-13,
            atol=1e-13,
            t_eval=times,
        )
        np.testing.assert_allclose(other.y.T, states[begin : begin + 300], atol=1e-8)


def test_the_windows_are_continued_by_their_truth(reference) -> None:
    last, first = reference.context[:, -1], reference.truth[:, 0]
    for before, after in zip(last, first, strict=True):
        step = solve_ivp(
            reference.rhs, (0, reference.train.dt), before, method="DOP853", rtol=1e-12, atol=1e-12
        )
        np.testing.assert_allclose(step.y[:, -1], after, rtol=1e-10)
