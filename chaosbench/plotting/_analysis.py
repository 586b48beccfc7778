"""Pictures of an analysis: a predictor's free run beside the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.dynamics.stored import constants
from chaosbench.evaluation import Analysis
from chaosbench.plotting._style import ACCENT, INK, MUTED, blank, liveliest, plain
from chaosbench.systems import get
from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["maxima", "plot_analysis"]


def plot_analysis(analysis: Analysis) -> dict[str, Figure]:
    """Draw the results of `analyse`: the truth beside the predictor's free run.

    Returns:
        Figures by name: ``attractor`` in the two liveliest variables (a single variable against its
        own past), ``return_map`` of successive maxima, power ``spectrum``, and ``error_growth`` of
        twins on a log axis with the exponents of the predictor and of the truth as slopes.

    """
    return {
        "attractor": _beside(analysis, _projection),
        "return_map": _beside(analysis, _return_map),
        "spectrum": _spectra(analysis),
        "error_growth": _twins(analysis),
    }


def _beside(
    analysis: Analysis, choose: Callable[[Analysis], tuple[str, str, Callable[..., Any], str]]
) -> Figure:
    """Draw the truth on the left and the predictor on the right, on the same axes."""
    across, up, plane, style = choose(analysis)
    figure = blank(8.0, 4.2)
    first = None
    for k, (title, values, colour) in enumerate(
        (("truth", analysis.truth, INK), (analysis.forecaster, analysis.run, ACCENT)), start=1
    ):
        axes = figure.add_subplot(1, 2, k, sharex=first, sharey=first)
        first = first or axes
        x, y = plane(values)
        axes.plot(x, y, style, color=colour, lw=0.4, ms=2, alpha=0.8)
        axes.set_title(title, fontsize=9, color=colour)
        axes.set_xlabel(across)
        axes.set_ylabel(up if k == 1 else "")
        plain(axes)
        if k == 1:  # the truth sets the limits: a diverged predictor must not shrink it to a dot
            axes.set_xlim(*_room(x))
            axes.set_ylim(*_room(y))
        elif not _inside(x, axes.get_xlim()) or not _inside(y, axes.get_ylim()):
            _say(axes, "outside these limits")
    figure.tight_layout()
    return figure


def _inside(values: FloatArray, limits: tuple[float, float]) -> bool:
    return bool(((values >= limits[0]) & (values <= limits[1])).any())


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=MUTED)


def _room(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.15 * (high - low)
    return low - margin, high + margin


def _projection(analysis: Analysis) -> tuple[str, str, Callable[..., Any], str]:
    style = "," if _discrete(analysis) else "-"
    if len(analysis.variables) == 1:
        name = analysis.variables[0]
        lag = 1
        if not _discrete(analysis):
            lag = max(1, round(constants(analysis.system).period / analysis.dt / 4))
        return f"{name}(t)", f"{name}(t + {lag} dt)", lambda v: (v[:-lag, 0], v[lag:, 0]), style
    i, j = liveliest(analysis.truth)
    return analysis.variables[i], analysis.variables[j], lambda v: (v[:, i], v[:, j]), style


def _return_map(analysis: Analysis) -> tuple[str, str, Callable[..., Any], str]:
    """Choose successive values of a map, or maxima of a flow's variable with the thinnest map."""
    if _discrete(analysis):
        name = analysis.variables[0]
        return f"{name}(n)", f"{name}(n + 1)", lambda v: (v[:-1, 0], v[1:, 0]), "."
    k = min(range(len(analysis.variables)), key=lambda i: _thickness(analysis.truth[:, i]))
    name = f"maximum of {analysis.variables[k]}"

    def plane(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        top = maxima(values[:, k])
        return top[:-1], top[1:]

    return name, f"next {name}", plane, "."


def maxima(series: FloatArray) -> FloatArray:
    """Return local maxima of a sampled series ``(T,)``, from parabolas through three samples."""
    before, here, after = series[:-2], series[1:-1], series[2:]
    with np.errstate(invalid="ignore"):
        top = (here > before) & (here >= after)
    a, b, c = before[top], here[top], after[top]
    return np.asarray(b + (c - a) ** 2 / (8 * (2 * b - a - c)))


def _thickness(series: FloatArray) -> float:
    """Return the distance of the map of successive maxima from a curve, relative to its spread."""
    top = maxima(series)
    if len(top) < 10 or np.ptp(top) <= 1e-9 * np.abs(top).max():
        return np.inf
    following = top[1:][np.argsort(top[:-1])]
    return float(np.abs(np.diff(following)).mean() / following.std())


def _spectra(analysis: Analysis) -> Figure:
    figure = blank(7.0, 4.2)
    axes = figure.add_subplot()
    piece = 2 ** int(np.log2(len(analysis.truth) / 4))
    frequency = np.fft.rfftfreq(piece, analysis.dt)[1:]
    runs = (("truth", analysis.truth, INK), (analysis.forecaster, analysis.run, ACCENT))
    for name, values, colour in runs:
        with np.errstate(all="ignore"):
            standard = (values - analysis.truth.mean(axis=0)) / analysis.truth.std(axis=0)
            pieces = standard[: len(values) // piece * piece].reshape(-1, piece, values.shape[1])
            pieces = (pieces - pieces.mean(axis=1, keepdims=True)) * np.hanning(piece)[:, None]
            power = (np.abs(np.fft.rfft(pieces, axis=1)) ** 2).mean(axis=(0, 2))[1:]
        axes.semilogy(frequency, np.where(power > 0, power, np.nan), color=colour, lw=1, label=name)
    true = np.asarray(axes.lines[0].get_ydata())
    axes.set_ylim(0.1 * true.min(), 10 * true.max())
    axes.set_xlabel("frequency" if _discrete(analysis) else "frequency (per time unit)")
    axes.set_ylabel("power")
    axes.legend(frameon=False)
    plain(axes)
    figure.tight_layout()
    return figure


def _twins(analysis: Analysis) -> Figure:
    figure = blank(7.0, 4.2)
    axes = figure.add_subplot()
    time = analysis.clock * np.arange(1, analysis.growth.shape[1] + 1)
    for pair in analysis.growth:
        axes.plot(time, np.where(pair > 0, pair, np.nan), color=ACCENT, lw=0.3, alpha=0.4)
    if analysis.growth.size:
        with np.errstate(divide="ignore"):
            middle = np.exp(np.median(np.log(analysis.growth), axis=0))
        axes.plot(
            time, np.where(middle > 0, middle, np.nan), color=ACCENT, lw=1.8,
            label=f"{analysis.forecaster}, median of {len(analysis.growth)} twins",
        )  # fmt: skip
        exponent = analysis.measures["lyapunov_exponent"]
        start = middle[0]
        for name, rate, colour, dashes in (
            ("slope of the truth", exponent.truth, INK, "--"),
            (f"slope of {analysis.forecaster}", exponent.value, ACCENT, ":"),
        ):
            if not (start > 0 and np.isfinite(rate)):
                continue
            line = start * np.exp(rate * analysis.dt / analysis.clock * (time - time[0]))
            shown = (line < 10.0) & (line > 1e-3 * start)
            if shown.any():
                axes.plot(time[shown], line[shown], dashes, color=colour, lw=1.2,
                          label=f"{name}: λ = {rate:.3g}")  # fmt: skip
        axes.legend(frameon=False, fontsize=8)
    else:
        _say(axes, "the free run is not finite")
    axes.set_yscale("log")
    axes.set_xlabel("Lyapunov times" if constants(analysis.system).lyapunov_time else "periods")
    axes.set_ylabel("distance of twins in σ")
    plain(axes)
    figure.tight_layout()
    return figure


def _discrete(analysis: Analysis) -> bool:
    return get(analysis.system).discrete
