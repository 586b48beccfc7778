"""Functions that all pictures share: colours, an empty figure, saving."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ACCENT", "INK", "MUTED", "blank", "liveliest", "plain", "save", "shades"]

INK, MUTED, ACCENT = "#1b1b1f", "#8a8a94", "#1f5fae"


def save(figure: Figure, path: Path | str) -> None:
    """Write PNG or SVG according to the file's suffix; equal figures give equal bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, Any] = {"Software": None} if path.suffix == ".png" else {"Date": None}
    figure.savefig(path, dpi=110, metadata=metadata)


def blank(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def shades(count: int) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["viridis"](x) for x in np.linspace(0.1, 0.85, max(count, 1))][:count]


def plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)


def liveliest(values: FloatArray) -> tuple[int, int]:
    """Return the two variables in whose plane the orbit visits most cells of a 40 × 40 grid."""
    d = values.shape[1]
    low, high = values.min(axis=0), values.max(axis=0)
    cells = np.minimum(40 * (values - low) / np.where(high > low, high - low, 1), 39).astype(int)
    filled = {
        (i, j): len(np.unique(40 * cells[:, i] + cells[:, j]))
        for i in range(d)
        for j in range(i + 1, d)
    }
    return max(filled, key=lambda pair: filled[pair])
