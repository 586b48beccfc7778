"""Shared by the tests of piecewise-linear networks: cells, a plain step, and Lozi's map."""

from __future__ import annotations

import numpy as np

from chaosbench.forecasters._shared.arrays import Scaler
from chaosbench.forecasters.plrnn._maps import (
    AlmostLinear,
    Dendritic,
    Identity,
    Shallow,
)
from chaosbench.forecasters.plrnn._predictor import PLRNNPredictor
from chaosbench.forecasters.plrnn._teacher_forcing import (
    TeacherForcing,
)

# Few units, whose gradient uses Jacobians, and more units, whose gradient uses gates.
CELLS = [
    Shallow(3, 7),
    Shallow(11, 7),
    Shallow(3, 7, clipped=True),
    Shallow(11, 7, clipped=True),
    Dendritic(4, 3),
    Dendritic(11, 3),
    AlmostLinear(4, 2),
    AlmostLinear(11, 2),
]
TINY = {"steps": 20, "sequence": 20, "batch": 4, "evaluations": 2}


def relu(x: float) -> float:
    return max(x, 0.0)


def plain_step(cell, p, z: np.ndarray) -> np.ndarray:
    """Apply the published formula to one state, number by number."""
    out = np.empty(cell.latent)
    for i in range(cell.latent):
        total = p["A"][i] * z[i]
        if isinstance(cell, Shallow):
            total += p["h1"][i]
            for k in range(cell.hidden):
                inner = sum(p["W2"][k, j] * z[j] for j in range(cell.latent))
                active = relu(inner + p["h2"][k]) - (relu(inner) if cell.clipped else 0.0)
                total += p["W1"][i, k] * active
        else:
            total += p["h"][i]
            for j in range(cell.latent):
                if isinstance(cell, Dendritic):
                    active = sum(
                        p["slopes"][b, 0] * relu(z[j] - p["thresholds"][b, j])
                        for b in range(cell.bases)
                    )
                else:
                    active = relu(z[j]) if j >= cell.latent - cell.rectified else z[j]
                total += p["W"][i, j] * active
        out[i] = total
    return out


def drawn(cell, seed: int = 0):
    """Return parameters away from zero, so that no term can be missed."""
    rng = np.random.default_rng(seed)
    start = cell.initial(rng)
    return {k: v + 0.1 * rng.standard_normal(v.shape) for k, v in start.items()}


def states(cell, *shape: int) -> np.ndarray:
    return np.random.default_rng(9).standard_normal((*shape, cell.latent))


def predictor(cell, parameters, *, d: int | None = None, dt: float = 1.0, **forcing):
    """Return a predictor with given parameters for data that are already standardised."""
    d = cell.latent if d is None else d
    settings = {"forcing": "generalized", "alpha": 0.3, "interval": 5, "memory": 0.9, "l2": 0.0}
    return PLRNNPredictor(
        who="Test",
        scaler=Scaler(mean=np.zeros(d), scale=np.ones(d)),
        dt=dt,
        objective=TeacherForcing(cell, Identity(cell.latent, d), **(settings | forcing)),
        parameters=parameters,
        alpha=0.3,
        warmup=50,
        last=np.full((1, 50, d), 0.1),
        training=None,
    )


def forcing(cell, **settings):
    given = {"forcing": "generalized", "alpha": 0.3, "interval": 5, "memory": 0.9, "l2": 0.0}
    return TeacherForcing(cell, Identity(cell.latent, cell.latent), **(given | settings))


def lozi() -> tuple[Shallow, dict[str, np.ndarray]]:
    """x' = 1 - 1.7|x| + y, y' = 0.5x as a shallow network; relu(u + 10) - 10 is u."""
    p = {
        "A": np.array([1.7, 0.0]),
        "W2": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]),
        "h2": np.array([0.0, 10.0, 10.0]),
        "W1": np.array([[-3.4, 1.0, 0.0], [0.0, 0.0, 0.5]]),
        "h1": np.array([1.0 - 10.0, -5.0]),
    }
    return Shallow(2, 3), p


def lozi_orbit(steps: int) -> np.ndarray:
    orbit = np.empty((steps, 2))
    x, y = 0.1, 0.1
    for t in range(-100, steps):
        if t >= 0:
            orbit[t] = x, y
        x, y = 1 - 1.7 * abs(x) + y, 0.5 * x
    return orbit
