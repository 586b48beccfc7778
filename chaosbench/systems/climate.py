"""Weather and climate."""

from __future__ import annotations

import numpy as np

from chaosbench.systems._definition import flow

__all__ = ["lorenz96"]


def _nudged(d: int) -> list[float]:
    """Return the unstable uniform state with one site pushed, as Lorenz did."""
    return [8.01, *([8.0] * (d - 1))]


@flow(dim=40, ic=_nudged, reference="lorenz1996", tags={"dissipative", "climate", "spatiotemporal"})
def lorenz96(u, *, F=8.0):
    """Weather on a circle of latitude: advection, damping and forcing at each site."""
    return (np.roll(u, -1) - np.roll(u, 2)) * np.roll(u, 1) - u + F
