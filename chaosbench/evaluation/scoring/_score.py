"""From a forecast and the truth to the numbers of a Record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaosbench import metrics
from chaosbench.evaluation.scoring._climate import score_climate
from chaosbench.evaluation.scoring._equation import Monomials, score_equation
from chaosbench.tasks import Task
from chaosbench.trajectories import FloatArray

__all__ = ["Exam", "score"]

LEVEL = 0.9
"""Level of the central interval whose coverage is reported."""


@dataclass(frozen=True, eq=False)
class Exam:
    """Everything a cell needs; only `train`, `context`, `dt` and `horizon` leave this process.

    Attributes:
        train: ``(n, T, d)``, as observed: noise, and NaN where a sample was lost.
        context: ``(w, C, d)``, as observed.
        truth: ``(w, H, d)``, what follows the contexts, clean.
        clean_context: ``(w, C, D)``, the true past in all `D` variables of the system.
        observed: indices of the `d` observed variables among the `D`.
        spread: ``(D,)`` standard deviation of each variable on the attractor.
        noise: ``(D,)`` standard deviation of the observation noise.
        context_end: ``(w,)`` absolute time of the last context sample.
        dt: sampling step in time units.
        lyapunov_exponent: per time unit; None unless the system is chaotic.
        period: dominant period in time units.
        observations: ``(w, H, d)``, noisy observations of the horizon, which arrive one by one
            while it passes, NaN elsewhere; None where there are none.
        states: ``(w, H, d)``, held-out states at which a right-hand side is asked for; `truth` is
            then what it gives there. None where a forecast is asked for.
        equation: the true right-hand side as a polynomial; None where it is none, or not asked for.
        certified_steps: ``(w,)`` steps for which each truth is known to be the solution through
            the last sample of its context; None where nobody could check, and all count.

    """

    train: FloatArray
    context: FloatArray
    truth: FloatArray
    clean_context: FloatArray
    observed: tuple[int, ...]
    spread: FloatArray
    noise: FloatArray
    context_end: FloatArray
    dt: float
    lyapunov_exponent: float | None
    period: float
    observations: FloatArray | None = None
    states: FloatArray | None = None
    equation: Monomials | None = None
    certified_steps: NDArray[np.int64] | None = None

    @property
    def scorable(self) -> NDArray[np.int64]:
        """Steps of each window that can be scored against the truth, ``(w,)``, at most `H`."""
        if self.certified_steps is None:
            return np.full(len(self.truth), self.horizon)
        return np.minimum(self.certified_steps, self.horizon)

    @property
    def horizon(self) -> int:
        """Steps to forecast, `H`."""
        return int(self.truth.shape[1])

    @property
    def clock(self) -> float:
        """Steps times this are Lyapunov times (periods, for a system that is not chaotic)."""
        rate = self.lyapunov_exponent if self.lyapunov_exponent is not None else 1 / self.period
        return self.dt * rate

    def arrivals(self, every: int) -> FloatArray | None:
        """Return the observations ``(m, w, d)`` of every so many steps, in the order they arrive.

        Nothing is forecast after the last step, so what is seen there comes too late and stays out.
        """
        if self.observations is None:
            return None
        return self.observations[:, every - 1 : self.horizon - 1 : every].swapaxes(0, 1)


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

    D_stsp and D_H compare attractors and spectra, which the truth still has when it is no longer
    the solution through its start: D_stsp of the pooled states of all windows, D_H as the mean over
    windows.
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
    curves["energy_score"] = metrics.energy_score(exam.truth, members, scale=scale)
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
        times = metrics.valid_prediction_time_smape(
            exam.truth, forecast, dt=1.0, lyapunov_exponent=exam.clock
        )
        windows["vpt_smape"] = tuple(times.tolist())
        scores["vpt_smape"] = float(np.median(times))
    for name in ("ctf_short_time", "ctf_long_time_histogram", "ctf_long_time_spectrum"):
        if name in task.metrics:
            values = metrics.registry[name](exam.truth, forecast)
            windows[name] = tuple(values.tolist())
            scores[name] = float(np.median(values))
    d = exam.truth.shape[2]
    scores["d_stsp"] = float(
        metrics.state_space_divergence(
            exam.truth.reshape(-1, d), forecast.reshape(-1, d), scale=scale
        )
    )
    scores["d_h"] = float(np.mean(metrics.spectral_hellinger(exam.truth, forecast)))
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
