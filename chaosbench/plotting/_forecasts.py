"""Pictures of forecasts and of their errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.evaluation import Record
from chaosbench.plotting._style import INK, MUTED, blank, plain, shades
from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_error_growth", "plot_forecast"]


def plot_forecast(
    truth: FloatArray,
    forecasts: dict[str, FloatArray],
    *,
    dt: float,
    lyapunov_exponent: float,
    variables: Sequence[str],
) -> Figure:
    """Draw the truth ``(H, d)`` and the forecasts ``(H, d)`` of one window over Lyapunov times."""
    d = truth.shape[1]
    figure = blank(8.0, 1.5 * d + 0.6)
    time = dt * lyapunov_exponent * np.arange(1, len(truth) + 1)
    colours = shades(len(forecasts))
    first = None
    for i in range(d):
        axes = first = figure.add_subplot(d, 1, i + 1, sharex=first)
        axes.plot(time, truth[:, i], color=INK, lw=1.4, label="truth")
        low, high = truth[:, i].min(), truth[:, i].max()
        for (name, values), colour in zip(forecasts.items(), colours, strict=True):
            axes.plot(time, values[:, i], color=colour, lw=1.0, label=name)
        axes.set_ylim(low - 0.2 * (high - low), high + 0.2 * (high - low))
        axes.set_ylabel(variables[i], rotation=0, ha="right")
        plain(axes)
    assert first is not None
    first.set_xlabel("Lyapunov times")
    figure.axes[0].legend(ncols=4, frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
    figure.tight_layout()
    return figure


def plot_error_growth(records: Sequence[Record]) -> Figure:
    """Draw the median error in standard deviations over Lyapunov times, on a log axis."""
    curves: dict[str, dict[float, list[float]]] = {}
    for record in records:
        for name, value in record.scores.items():
            metric, _, horizon = name.partition("@")
            if metric == "nrmse" and horizon:
                points = curves.setdefault(record.forecaster, {})
                points.setdefault(float(horizon), []).append(value)
    figure = blank(7.0, 4.2)
    axes = figure.add_subplot()
    for (name, points), colour in zip(curves.items(), shades(len(curves)), strict=True):
        times = sorted(points)
        axes.semilogy(times, [float(np.median(points[t])) for t in times], color=colour, label=name)
    axes.axhline(0.4, color=MUTED, ls=":", lw=1)
    axes.set_xlabel("Lyapunov times")
    axes.set_ylabel("error in σ")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain(axes)
    figure.tight_layout()
    return figure
