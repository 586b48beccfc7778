"""A forecast in pieces: of windows, or of the steps from one observation to the next."""

from __future__ import annotations

import numpy as np

from chaosbench.trajectories import FloatArray

__all__ = ["Piece", "joined"]

Piece = tuple[FloatArray, FloatArray | None]
"""Values ``(n, H, d)``, and samples ``(m, n, H, d)`` where there are some."""


def joined(pieces: list[Piece], *, axis: int) -> dict[str, FloatArray]:
    """Join forecasts along windows or steps; samples only if all pieces have equally many."""
    values = np.concatenate([v for v, _ in pieces], axis=axis)
    drawn = [s for _, s in pieces if s is not None]
    if len(drawn) < len(pieces) or len({len(s) for s in drawn}) > 1:
        return {"values": values}
    return {"values": values, "samples": np.concatenate(drawn, axis=axis + 1)}
