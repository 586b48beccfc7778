"""Kernel EDMD: linear systems as oracle, Lorenz, and the parts kooplearn does not provide."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.errors import ParameterError
from chaosbench.forecasters.koopman.kernel_edmd import KernelEDMD, _estimate
from chaosbench.trajectories import Trajectories


@pytest.mark.parametrize("reduced_rank", [False, True])
def test_the_operator_of_a_rotation_has_its_eigenvalues(reduced_rank: bool) -> None:
    """Trigonometric functions of degree k are multiplied by e^(0.3ik)."""
    angle = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    before, after = (np.column_stack([np.cos(a), np.sin(a)]) for a in (angle, angle + 0.3))
    model = _estimate(before, after, np.arange(0, 300, 5), 0.5, 9, reduced_rank)
    found = np.linalg.eigvals(model.V_.T @ model.kernel_YX_ @ model.U_ / 60)
    for k in (-2, -1, 0, 1, 2):
        assert np.abs(found - np.exp(0.3j * k)).min() < 1e-6


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


@pytest.mark.slow
def test_reaches_far_on_lorenz_re_lifted_and_not_linearly(reference) -> None:
    """A linear forecast of a mixing system is lost within about a Lyapunov time."""
    settings = {"width": 1.0, "ridge": 1e-18}
    assert reference.median(KernelEDMD(**settings)) >= 9.0
    assert reference.median(KernelEDMD(relift=False, **settings), lyapunov_times=6.0) <= 2.0


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ParameterError, match="reduced_rank must be True or False"):
        KernelEDMD(reduced_rank=1)
