"""The scores of a free run: not where it is when, but how often it is where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import SupportsFloat

import numpy as np

from chaosbench import metrics
from chaosbench.evaluation.exam import Exam
from chaosbench.tasks import Task
from chaosbench.trajectories import FloatArray

__all__ = ["score_climate"]


def score_climate(
    task: Task, exam: Exam, forecast: FloatArray, *, scale: FloatArray, past: FloatArray
) -> tuple[dict[str, float], dict[str, tuple[float, ...]]]:
    """Compare the statistics of free runs ``(w, H, d)`` with those of the truth.

    The truth's windows lie on the attractor from their first sample on, so all of them together
    are the reference; of each run the first part is dropped, for it to settle. The spectra alone
    are compared window by window, over what is left. A run that diverges anywhere has no climate:
    it gets every metric's worst value.
    """
    kept = np.isfinite(forecast).all(axis=(1, 2), keepdims=True)
    forecast = np.where(kept, forecast, np.nan)
    first = round(task.dropped * exam.horizon)
    reference = exam.truth.reshape(-1, exam.truth.shape[2])
    runs = forecast[:, first:]
    values: dict[str, Iterable[SupportsFloat]] = {
        "d_stsp": [metrics.state_space_divergence(reference, run, scale=scale) for run in runs],
        "d_h": metrics.spectral_hellinger(exam.truth[:, first:], runs),
        "sw1": [metrics.sliced_wasserstein(reference, run, scale=scale) for run in runs],
        "mean_error": [metrics.mean_error(reference, run, scale=scale) for run in runs],
        "spread_error": [metrics.spread_error(reference, run, scale=scale) for run in runs],
    }
    if "mase" in task.metrics:
        values["mase"] = metrics.mase(exam.truth, forecast, past)
    windows = {name: tuple(map(float, value)) for name, value in values.items()}
    return {name: float(np.median(value)) for name, value in windows.items()}, windows
