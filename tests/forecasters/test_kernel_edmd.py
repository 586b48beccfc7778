"""Kernel EDMD: linear systems as oracle, Lorenz, and what kooplearn's estimator leaves to us."""

from __future__ import annotations

import numpy as np
import pytest
from kooplearn.kernel import KernelRidge

from chaosbench.errors import ParameterError
from chaosbench.forecasters.kernel_edmd import KernelEDMD, _estimate
from chaosbench.trajectories import Trajectories


def _linear(steps: int) -> np.ndarray:
    step = np.array([[0.98, 0.17], [-0.17, 0.98]])
    states = np.empty((steps, 2))
    states[0] = 1.0, 0.3
    for t in range(steps - 1):
        states[t + 1] = step @ states[t]
    return states


def test_the_estimator_of_pairs_is_that_of_one_series() -> None:
    """Half a series behind itself is the same regression as the series itself."""
    states = _linear(120)
    before, after = states[:-1], states[1:]
    ours = _estimate(before, after, np.arange(119), 0.5, 6, False)
    theirs = KernelRidge(
        n_components=6, kernel="rbf", gamma=0.5, alpha=1e-12, reduced_rank=False,
        eigen_solver="dense",
    ).fit(states)  # fmt: skip
    a, b = (np.sort_complex(np.round(m.eig(), 6)) for m in (ours, theirs))
    leading = np.abs(a) > 0.9
    np.testing.assert_allclose(np.abs(a[leading][-3:]), np.abs(b[np.abs(b) > 0.9][-3:]), atol=1e-3)


def test_henon_is_learnt_by_either_regression(henon) -> None:
    train = Trajectories(henon[:2000], dt=1.0)
    context = np.stack([henon[s - 5 : s] for s in range(2100, 5100, 300)])
    truth = np.stack([henon[s : s + 5] for s in range(2100, 5100, 300)])
    for forecaster in (
        KernelEDMD(centres=200, width=1.0),
        KernelEDMD(centres=200, rank=60, width=1.0, reduced_rank=True),
    ):
        error = np.abs(forecaster.fit(train, seed=0).predict(context, 5).values - truth)
        assert error[:, 0].max() < 1e-3


def test_a_rotation_is_propagated_linearly() -> None:
    angle = 0.3 * np.arange(600)
    states = np.column_stack([np.cos(angle), np.sin(angle)])
    forecaster = KernelEDMD(centres=100, rank=40, relift=False)
    predictor = forecaster.fit(Trajectories(states[:400], 1.0), seed=0)
    values = predictor.predict(states[np.newaxis, 350:400], 100).values[0]
    assert np.abs(values - states[400:500]).max() < 0.05


def test_reaches_far_on_lorenz_re_lifted_and_not_linearly(reference) -> None:
    """A linear forecast of a mixing system is lost within about a Lyapunov time."""
    settings = {"width": 1.0, "ridge": 1e-18}
    assert reference.median(KernelEDMD(**settings)) >= 9.0
    assert reference.median(KernelEDMD(relift=False, **settings), lyapunov_times=6.0) <= 2.0


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ParameterError, match="reduced_rank must be True or False"):
        KernelEDMD(reduced_rank=1)
