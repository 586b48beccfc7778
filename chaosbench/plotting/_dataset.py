"""Pictures of stored data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaosbench.plotting._style import ACCENT, INK, blank, plain
from chaosbench.trajectories import Trajectories

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_data"]

MOST = 6
"""Variables that are drawn."""


def plot_data(made: Trajectories, truth: Trajectories | None = None, *, title: str = "") -> Figure:
    """Draw one trajectory over time, a row for each of its first variables.

    Args:
        made: what is drawn, its first trajectory.
        truth: the same samples before they were corrupted, drawn behind it.
        title: of the picture.

    """
    names = made.variables[:MOST]
    figure = blank(8.0, 1.3 * len(names) + 0.8)
    first = None
    for i, name in enumerate(names):
        axes = first = figure.add_subplot(len(names), 1, i + 1, sharex=first)
        if truth is not None and name in truth.variables:
            clean = truth.values[0, :, truth.variables.index(name)]
            axes.plot(truth.time, clean, color=INK, lw=1.2, label="clean")
        axes.plot(made.time, made.values[0, :, i], color=ACCENT, lw=0.8, label="seen")
        axes.set_ylabel(name, rotation=0, ha="right")
        plain(axes)
    assert first is not None
    first.set_xlabel("time")
    figure.axes[0].set_title(title, fontsize=9, loc="left")
    if truth is not None:
        figure.axes[0].legend(ncols=2, frameon=False, fontsize=8, loc="upper right")
    figure.tight_layout()
    return figure
