"""Pictures of a recorded series: embedding, divergence of neighbours, recurrence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.plotting._style import ACCENT, INK, MUTED, blank, plain
from chaosbench.series import ExponentFromData, SeriesAnalysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_divergence", "plot_series"]

SHOWN = 2_000
"""Samples of the series that are drawn."""


def plot_series(analysis: SeriesAnalysis) -> dict[str, Figure]:
    """Draw an analysis of a series.

    Returns:
        Figures by name: the ``series`` with its delay embedding, the ``embedding`` with mutual
        information and false neighbours, ``divergence`` of neighbours with the scaling region, and
        the ``recurrence`` plot.

    """
    return {
        "series": _series(analysis),
        "embedding": _embedding(analysis),
        "divergence": plot_divergence(analysis.exponents),
        "recurrence": _recurrence(analysis),
    }


def plot_divergence(exponents: dict[str, ExponentFromData]) -> Figure:
    """Draw the divergence of neighbours of each method, with the line fitted to its region."""
    figure = blank(7.0, 4.2)
    axes = figure.add_subplot()
    for (method, found), colour in zip(exponents.items(), (ACCENT, INK, MUTED), strict=False):
        if not len(found.times):
            continue
        axes.plot(found.times, found.divergence, color=colour, lw=1.2, label=method)
        if found.region is None:
            continue
        inside = (found.times >= found.region[0]) & (found.times <= found.region[1])
        times, level = found.times[inside], found.divergence[inside]
        line = level.mean() + found.value * (times - times.mean())
        axes.plot(
            times, line, color=colour, lw=4, alpha=0.3,
            label=f"λ₁ = {found.value:.3g} ± {found.error:.1g}",
        )  # fmt: skip
    reasons = [f"{method}: {found.reason}" for method, found in exponents.items() if found.reason]
    if reasons:
        axes.set_title("\n".join(_broken(reason) for reason in reasons), fontsize=7, color=MUTED)
    if axes.lines:
        axes.legend(frameon=False, fontsize=8)
    axes.set_xlabel("time since the states were neighbours")
    axes.set_ylabel("median of ln distance in σ")
    plain(axes)
    figure.tight_layout()
    return figure


def _broken(text: str, width: int = 100) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def _series(analysis: SeriesAnalysis) -> Figure:
    figure = blank(9.6, 3.6)
    grid = figure.add_gridspec(1, 2, width_ratios=(2, 1))
    axes, plane = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    x, delay = analysis.series, analysis.information.delay
    shown = x[:SHOWN]
    axes.plot(analysis.dt * np.arange(len(shown)), shown, color=ACCENT, lw=0.7)
    axes.set_title(analysis.name, fontsize=9, color=INK)
    axes.set_xlabel("time")
    style = "," if delay == 1 else "-"
    plane.plot(x[:-delay], x[delay:], style, color=ACCENT, lw=0.3, alpha=0.7)
    plane.set_xlabel("x(t)")
    plane.set_ylabel(f"x(t + {delay} dt)")
    for one in (axes, plane):
        plain(one)
    figure.tight_layout()
    return figure


def _embedding(analysis: SeriesAnalysis) -> Figure:
    figure = blank(9.6, 3.6)
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    information, neighbours = analysis.information, analysis.neighbours
    left.plot(information.lags[1:], information.values[1:], color=ACCENT, lw=1.2)
    left.axvline(information.delay, color=MUTED, ls=":")
    left.set_xlabel("lag in samples")
    left.set_ylabel("mutual information in nats")
    right.plot(neighbours.dimensions, neighbours.shares, "o-", color=ACCENT, label="false share")
    right.plot(neighbours.dimensions, neighbours.e1, "s--", color=INK, ms=4, label="Cao's E1")
    if neighbours.dimension is not None:
        right.axvline(neighbours.dimension, color=MUTED, ls=":")
    right.set_xlabel("embedding dimension")
    right.set_ylim(0, 1.1)
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        plain(axes)
    figure.tight_layout()
    return figure


def _recurrence(analysis: SeriesAnalysis) -> Figure:
    states = analysis.states[:1000]
    figure = blank(5.2, 5.2)
    axes = figure.add_subplot()
    square = ((states[:, np.newaxis] - states) ** 2).sum(axis=-1)
    span = analysis.dt * len(states)
    axes.imshow(
        square > analysis.recurrence.radius**2, cmap="gray", origin="lower", interpolation="none",
        extent=(0.0, span, 0.0, span),
    )  # fmt: skip
    axes.set_xlabel("time")
    axes.set_ylabel("time")
    plain(axes)
    figure.tight_layout()
    return figure
