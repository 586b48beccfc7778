"""From a forecast and the truth to the numbers of a Record."""

from __future__ import annotations

import numpy as np

from chaosbench import metrics
from chaosbench.evaluation.exam import Exam
from chaosbench.evaluation.scoring._climate import score_climate
from chaosbench.evaluation.scoring._equation import score_equation
from chaosbench.systems.monomials import Monomials
from chaosbench.tasks import Task
from chaosbench.trajectories import FloatArray

__all__ = ["score"]

OPERATIONS = 1e9
"""What the energy score may take, which compares every member with every other: seconds."""

LEVEL = 0.9
"""Level of the central interval whose coverage is reported."""


def score(
    task: Task,
    exam: Exam,
    forecast: FloatArray,
    samples: FloatArray | None = None,
    found: Monomials | None = None,
) -> tuple[dict[str, float], dict[str, tuple[float, ...]]]:
    """Score one answer ``(w, H, d)``, with samples ``(m, w, H, d)`` where it has them.

    The answer to an ``equation`` task is the right-hand side at the exam's states, and `found` its
    polynomial, where it is one. Returns the cell's and the windows' numbers.

    Nothing is scored against a truth beyond its certificate. A forecast that is valid until there
    is censored: its true time is unknown but no shorter. Pointwise errors are reported at the
    task's horizons and belong to one instant, which every window's certificate must reach; `smape`,
    `nrmse` and their like without an ``@`` are means over the certified steps of each window, and a
    window with none of them has no part in the median. CRPS and energy score take a point forecast
    as an ensemble of one; coverage and spread–skill, over the steps that are certified for every
    window, are only given where there are samples.

    Of a recording with gaps, D_stsp is of the states that were recorded, and D_H of the windows
    without a gap.

    D_stsp, D_H and the long-time scores of CTF compare attractors and spectra, which the truth
    still has when it is no longer the solution through its start: D_stsp of the pooled states of
    all windows, D_H as the mean over windows.
    """
    # sums over axes depend in their last bit on how an array lies in memory
    forecast = np.ascontiguousarray(forecast)
    samples = None if samples is None else np.ascontiguousarray(samples)
    if task.asks == "equation":
        return score_equation(exam, forecast, found)
    scorable = exam.scorable
    past = exam.clean_context[..., list(exam.observed)]
    # where nothing is trained on, the spread is that of the attractor
    known = exam.spread[list(exam.observed)]
    scale = np.nanstd(exam.train, axis=(0, 1)) if task.learn == "train" else known
    if task.asks == "climate":
        return score_climate(task, exam, forecast, scale=scale, past=past)
    windows: dict[str, tuple[float, ...]] = {}
    for threshold in task.thresholds:
        steps = metrics.valid_prediction_steps(
            exam.truth, forecast, scale=scale, threshold=threshold, certified_steps=scorable
        )
        windows[f"vpt@{threshold:g}"] = tuple((steps * exam.clock).tolist())
        windows[f"censored@{threshold:g}"] = tuple((steps == scorable).astype(np.float64).tolist())
    curves = {
        "smape": metrics.smape(exam.truth, forecast),
        "nrmse": metrics.nrmse(exam.truth, forecast, scale=scale),
    }
    members = forecast if samples is None else samples
    curves["crps"] = metrics.crps(exam.truth, members, scale=scale)
    few = members if samples is None else samples[: _pairs_of(samples)]
    curves["energy_score"] = metrics.energy_score(exam.truth, few, scale=scale)
    scores: dict[str, float] = {}
    for name, curve in curves.items():
        if scorable.any():
            means = [
                row[:end].mean() if end else np.nan
                for row, end in zip(curve, scorable, strict=True)
            ]
            scores[name] = float(np.nanmedian(means))
            if task.ranked == name:
                windows[name] = tuple(float(v) for v in means)
        for horizon in task.horizons:
            step = round(horizon / exam.clock) - 1
            if 0 <= step < scorable.min():
                scores[f"{name}@{horizon:g}"] = float(np.median(curve[:, step]))
    if scorable.any():
        mase = np.array([
            metrics.mase(exam.truth[[k], :end], forecast[[k], :end], past[[k]])[0]
            if end else np.nan
            for k, end in enumerate(scorable)
        ])  # fmt: skip
        windows["mase"] = tuple(mase.tolist())
        scores["mase"] = float(np.nanmedian(mase))
    if "vpt_smape" in task.metrics:
        valid = metrics.valid_prediction_time_smape(
            exam.truth, forecast, dt=1.0, lyapunov_exponent=1.0, certified_steps=scorable
        )
        windows["vpt_smape"] = tuple((valid * exam.clock).tolist())
        windows["censored"] = tuple((valid == scorable).astype(np.float64).tolist())
        scores["vpt_smape"] = float(np.median(valid * exam.clock))
    if "ctf_short_time" in task.metrics and scorable.any():
        short = np.array([
            metrics.ctf_short_time(exam.truth[[k], :end], forecast[[k], :end])[0] if end else np.nan
            for k, end in enumerate(scorable)
        ])  # fmt: skip
        windows["ctf_short_time"] = tuple(short.tolist())
        scores["ctf_short_time"] = float(np.nanmedian(short))
    for name in ("ctf_long_time_histogram", "ctf_long_time_spectrum"):
        if name in task.metrics:
            values = metrics.registry[name](exam.truth, forecast)
            windows[name] = tuple(values.tolist())
            scores[name] = float(np.median(values))
    d = exam.truth.shape[2]
    states, runs = exam.truth.reshape(-1, d), forecast.reshape(-1, d)
    truths, forecasts = exam.truth, forecast
    if exam.recorded is not None:  # states that were not recorded are no truth
        states, runs = exam.truth[exam.recorded], forecast[exam.recorded]
        whole = exam.recorded.all(axis=1)
        truths, forecasts = exam.truth[whole], forecast[whole]
    scores["d_stsp"] = float(metrics.state_space_divergence(states, runs, scale=scale))
    if len(truths):
        scores["d_h"] = float(np.mean(metrics.spectral_hellinger(truths, forecasts)))
    if samples is not None:
        if shared := int(scorable.min()):
            truth, members = exam.truth[:, :shared], samples[:, :, :shared]
            coverage = metrics.interval_coverage(truth, members, level=LEVEL)
            scores[f"coverage@{LEVEL:g}"] = float(np.mean(coverage))
            ratio = metrics.spread_skill_ratio(truth, members, scale=scale)
            scores["spread_skill"] = float(np.median(ratio))
        windows[f"ensemble_vpt@{task.thresholds[0]:g}"] = tuple(
            metrics.probabilistic_valid_prediction_time(
                exam.truth, samples, scale=scale, dt=1.0, lyapunov_exponent=exam.clock,
                threshold=task.thresholds[0], certified_steps=scorable,
            ).tolist()
        )  # fmt: skip
    return scores, windows


def _pairs_of(samples: FloatArray) -> int:
    """Return how many members the energy score compares: all, unless that took minutes."""
    numbers = samples[0].size
    return int(min(len(samples), max(10, (OPERATIONS / max(1, numbers)) ** 0.5)))
