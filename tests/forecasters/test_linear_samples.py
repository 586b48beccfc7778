"""The sampled paths of the linear stochastic models, on a process for which they are exact."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.forecasters.autoregression.varima import VARIMA
from chaosbench.forecasters.darts.kalman import Kalman
from chaosbench.trajectories import Trajectories

TURN = np.array([[0.85, 0.35], [-0.35, 0.85]])  # a damped rotation: eigenvalues 0.92 in size
SHOCK = np.array([[1.0, 0.0], [0.6, 0.5]])
WINDOWS, CONTEXT, HORIZON = 600, 60, 20


def process(rng, n: int, steps: int):
    """Return a stationary VAR(1), ``(n, steps, 2)``."""
    x = np.zeros((n, 2))
    rows = []
    for _ in range(200 + steps):
        x = x @ TURN.T + rng.standard_normal((n, 2)) @ SHOCK.T
        rows.append(x)
    return np.stack(rows[200:], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "forecaster",
    [
        Kalman(units=2, points=4000, samples=800),
        VARIMA(p=1, q=0, samples=800),
        VARIMA(p=2, q=1, samples=800),
    ],
    ids=["kalman", "var", "varma"],
)
def test_four_fifths_of_the_truth_lie_in_the_middle_four_fifths_of_the_paths(forecaster) -> None:
    rng = np.random.default_rng(0)
    predictor = forecaster.fit(Trajectories(process(rng, 1, 4000), 1.0), seed=0)
    whole = process(rng, WINDOWS, CONTEXT + HORIZON)
    samples = predictor.predict(whole[:, :CONTEXT], HORIZON).samples
    low, high = np.quantile(samples, [0.1, 0.9], axis=0)
    truth = whole[:, CONTEXT:]
    covered = ((truth > low) & (truth < high)).mean(axis=0)  # (H, 2)
    # All windows use the same draws. A quantile of 800 draws scatters by 0.011 and a count of 600
    # windows by 0.016, and neighbouring steps scatter together. With 4,000 draws all three are
    # within 0.011.
    assert abs(covered.mean() - 0.8) < 0.03
    assert abs(covered[:3].mean() - 0.8) < 0.05  # the spread grows as the error does
    assert abs(covered[-5:].mean() - 0.8) < 0.06
