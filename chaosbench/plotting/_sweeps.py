"""Pictures of sweeps, Poincaré sections and basins of attraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.attraction import Basins
from chaosbench.dynamics.sections import Section
from chaosbench.dynamics.sweeping import Sweep
from chaosbench.plotting._style import ACCENT, MUTED, blank, liveliest, plain, shades

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_basins", "plot_section", "plot_sweep"]


def plot_sweep(found: Sweep) -> Figure:
    """Draw the bifurcation diagram and, below it, the exponents."""
    measured = found.exponents.shape[1] > 0
    figure = blank(8.0, 6.4 if measured else 4.2)
    rows = 2 if measured else 1
    diagram = figure.add_subplot(rows, 1, 1)
    across = np.repeat(found.values, [len(one) for one in found.diagram])
    up = np.concatenate(found.diagram)
    diagram.plot(across, up, ".", color=ACCENT, ms=2.5, alpha=0.6, mew=0)
    diagram.set_title(found.system, fontsize=9)
    diagram.set_ylabel(found.variable)
    bottom = diagram
    if measured:
        bottom = figure.add_subplot(rows, 1, 2, sharex=diagram)
        bottom.axhline(0.0, color=MUTED, lw=0.8)
        for k, colour in enumerate(shades(found.exponents.shape[1])):
            bottom.plot(found.values, found.exponents[:, k], color=colour, lw=1, label=f"λ{k + 1}")
        bottom.set_ylabel("exponents per time unit")
        bottom.legend(frameon=False, fontsize=8)
        plain(bottom)
    bottom.set_xlabel(found.parameter)
    plain(diagram)
    figure.tight_layout()
    return figure


def plot_section(found: Section) -> Figure:
    """Draw the crossings in the two liveliest variables that the plane does not fix."""
    axis = np.flatnonzero(found.normal)
    free = [k for k in range(len(found.variables)) if len(axis) > 1 or k != axis[0]]
    figure = blank(5.6, 4.8)
    axes = figure.add_subplot()
    if len(free) == 1:
        x, y = found.times, found.points[:, free[0]]
        names = "time", found.variables[free[0]]
    else:
        i, j = (free[k] for k in liveliest(found.points[:, free]))
        x, y = found.points[:, i], found.points[:, j]
        names = found.variables[i], found.variables[j]
    axes.plot(x, y, ".", color=ACCENT, ms=3, mew=0)
    axes.set_title(found.system, fontsize=9)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    plain(axes)
    figure.tight_layout()
    return figure


def plot_basins(found: Basins) -> Figure:
    """Draw which attractor each initial state reaches; white where it escapes.

    Of more than two variables, the others have the first value of the grid.
    """
    from matplotlib.colors import ListedColormap

    figure = blank(5.6, 4.8)
    axes = figure.add_subplot()
    count = max(len(found.attractors), 1)
    colours = ListedColormap(shades(count))
    axes.set_title(found.system, fontsize=9)
    axes.set_xlabel(found.variables[0])
    if len(found.variables) == 1:
        axes.plot(found.axes[0], found.labels, ".", color=ACCENT)
        axes.set_ylabel("attractor")
    else:
        flat = found.labels.reshape(*found.labels.shape[:2], -1)[:, :, 0]
        axes.pcolormesh(
            found.axes[0], found.axes[1], np.ma.masked_less(flat.T, 0), cmap=colours, vmin=-0.5,
            vmax=count - 0.5, shading="nearest", rasterized=True,
        )  # fmt: skip
        axes.set_ylabel(found.variables[1])
    plain(axes)
    figure.tight_layout()
    return figure
