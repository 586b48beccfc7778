"""Piecewise-linear maps and their observations, in NumPy and in JAX.

Every method takes the array module `xp`: training uses JAX, forecasting uses NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = [
    "Affine",
    "AlmostLinear",
    "Cell",
    "Dendritic",
    "Identity",
    "Observation",
    "Shallow",
    "jacobian",
]

Parameters = dict[str, Any]
_FEW = 8
# Units that no observation forces run freely from the first step. A contracts, so small initial
# weights keep the whole map from expanding at first.
_WEAK = 0.1


class Cell(Protocol):
    """A map of M latent units z whose Jacobian is diag(A) + U diag(g(z)) V.

    `latent` is M; `weights` names the parameters that the L2 penalty pulls to zero.
    """

    def __hash__(self) -> int: ...

    @property
    def latent(self) -> int: ...

    @property
    def weights(self) -> tuple[str, ...]: ...

    def initial(self, rng: np.random.Generator) -> Parameters: ...

    def step(self, p: Parameters, z: Any, xp: ModuleType) -> Any:
        """Return the next states, ``(..., M)``."""
        ...

    def gate(self, p: Parameters, z: Any, xp: ModuleType) -> Any:
        """Return g(z) ``(..., K)``; at a kink, the value of the side where the unit is off."""
        ...

    def factors(self, p: Parameters) -> tuple[Any, Any | None]:
        """Return U ``(M, K)`` and V ``(K, M)``; V is None for the identity."""
        ...


def jacobian(cell: Cell, p: Parameters, z: Any, xp: ModuleType) -> Any:
    """Return ∂z'/∂z at states ``(..., M)``, as ``(..., M, M)``."""
    u, v = cell.factors(p)
    gate = cell.gate(p, z, xp)
    if v is None:
        return u * gate[..., None, :] + xp.diag(p["A"])
    m = len(u)
    outer = (u.T[:, :, None] * v[:, None, :]).reshape(-1, m * m)
    return (gate @ outer).reshape(*z.shape, m) + xp.diag(p["A"])


def _times(z: Any, w: Any, xp: ModuleType) -> Any:
    """Return ``z wᵀ`` for w ``(out, in)``.

    Inside the time loop, where states are ``(n, M)``, a product over few units is faster as a sum
    that the compiler fuses with the neighbouring operations.
    """
    if xp is np or z.ndim > 2 or w.shape[1] > _FEW:
        return z @ w.T
    return sum(z[:, i : i + 1] * w[:, i] for i in range(w.shape[1]))


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> FloatArray:
    bound = 1 / np.sqrt(fan_in)
    return rng.uniform(-bound, bound, shape)


def _contraction(rng: np.random.Generator, m: int) -> FloatArray:
    """Return the diagonal of K = (RᵀR/M + 1)/λ_max: positive, at most 1."""
    r = rng.standard_normal((m, m))
    k = r.T @ r / m + np.eye(m)
    return np.asarray(np.diag(k) / np.linalg.eigvalsh(k)[-1])


@dataclass(frozen=True)
class Shallow:
    """z' = A⊙z + W₁ φ(z) + h₁ with K hidden units.

    φ(z) = relu(W₂z + h₂), or when clipped φ(z) = relu(W₂z + h₂) − relu(W₂z).
    """

    latent: int
    hidden: int
    clipped: bool = False
    weights = ("W1", "W2")

    def initial(self, rng: np.random.Generator) -> Parameters:
        m, k = self.latent, self.hidden
        return {
            "A": _contraction(rng, m),
            "W1": _uniform(rng, (m, k), k),
            "W2": _uniform(rng, (k, m), m),
            "h1": np.zeros(m),
            "h2": _uniform(rng, (k,), m),
        }

    def step(self, p: Parameters, z: Any, xp: ModuleType) -> Any:
        inner = _times(z, p["W2"], xp)
        active = xp.maximum(inner + p["h2"], 0)
        if self.clipped:
            active = active - xp.maximum(inner, 0)
        return p["A"] * z + active @ p["W1"].T + p["h1"]

    def gate(self, p: Parameters, z: Any, xp: ModuleType) -> Any:
        inner = _times(z, p["W2"], xp)
        gate = (inner + p["h2"] > 0).astype(z.dtype)
        return gate - (inner > 0) if self.clipped else gate

    def factors(self, p: Parameters) -> tuple[Any, Any | None]:
        return p["W1"], p["W2"]


@dataclass(frozen=True)
class Dendritic:
    """z' = A⊙z + W Σ_b α_b relu(z − h_b) + h, with B thresholds for each unit."""

    latent: int
    bases: int
    weights = ("W",)

    def initial(self, rng: np.random.Generator) -> Parameters:
        m, b = self.latent, self.bases
        return {
            "A": _contraction(rng, m),
            "W": _WEAK * _uniform(rng, (m, m), m),
            "slopes": _uniform(rng, (b, 1), b),
            # Standardised data lie in this range; a threshold outside it would bend nothing.
            "thresholds": rng.uniform(-2.0, 2.0, (b, m)),
            "h": np.zeros(m),
        }

    def step(self, p: Parameters, z: Any, xp: ModuleType) -> Any:
        if xp is np:
            bent = (p["slopes"] * np.maximum(z[..., None, :] - p["thresholds"], 0)).sum(-2)
        else:  # written out, the branches compile to one loop over the units
            pairs = zip(p["slopes"], p["thresholds"], strict=True)
            bent = sum(slope * xp.maximum(z - threshold, 0) for slope, threshold in pairs)
        return p["A"] * z + _times(bent, p["W"], xp) + p["h"]

    def gate(self, p: Parameters, z: Any, xp: ModuleType) -> Any:  # noqa: ARG002
        pairs = zip(p["slopes"], p["thresholds"], strict=True)
        return sum(slope * (z > threshold) for slope, threshold in pairs)

    def factors(self, p: Parameters) -> tuple[Any, Any | None]:
        return p["W"], None


@dataclass(frozen=True)
class AlmostLinear:
    """z' = A⊙z + W φ(z) + h, where φ is relu on the last P units and the identity on the others."""

    latent: int
    rectified: int
    weights = ("W",)

    def initial(self, rng: np.random.Generator) -> Parameters:
        m = self.latent
        return {"A": _contraction(rng, m), "W": _WEAK * _uniform(rng, (m, m), m), "h": np.zeros(m)}

    def _bends(self) -> Any:
        return np.arange(self.latent) >= self.latent - self.rectified

    def step(self, p: Parameters, z: Any, xp: ModuleType) -> Any:
        bent = xp.where(self._bends(), xp.maximum(z, 0), z)
        return p["A"] * z + _times(bent, p["W"], xp) + p["h"]

    def gate(self, p: Parameters, z: Any, xp: ModuleType) -> Any:  # noqa: ARG002
        return xp.where(self._bends(), z > 0, True).astype(z.dtype)

    def factors(self, p: Parameters) -> tuple[Any, Any | None]:
        return p["W"], None


# --- observation --------------------------------------------------------------------------------


class Observation(Protocol):
    """How d variables x are observed in M units, and how an observation forces the units."""

    def initial(self, rng: np.random.Generator) -> Parameters: ...

    def forced(self) -> FloatArray:
        """Return which units an observation forces: ones and zeros ``(M,)``."""
        ...

    def read(self, p: Parameters, z: Any, xp: ModuleType) -> Any:
        """Return x ``(..., d)`` for z ``(..., M)``."""
        ...

    def invert(self, p: Parameters, x: Any, xp: ModuleType) -> Any:
        """Return the values ``(..., M)`` to which x forces the units."""
        ...

    def start(self, p: Parameters, x: Any, xp: ModuleType) -> Any:
        """Return the initial state ``(..., M)`` where only x is known."""
        ...


@dataclass(frozen=True)
class Identity:
    """The first d units are the variables; a learned L estimates the others: z(0) = (x, Lx)."""

    latent: int
    d: int

    def initial(self, rng: np.random.Generator) -> Parameters:
        rest = self.latent - self.d
        return {"L": _uniform(rng, (rest, self.d), self.d)} if rest else {}

    def forced(self) -> FloatArray:
        return (np.arange(self.latent) < self.d).astype(np.float64)

    def read(self, p: Parameters, z: Any, xp: ModuleType) -> Any:  # noqa: ARG002
        return z[..., : self.d]

    def invert(self, p: Parameters, x: Any, xp: ModuleType) -> Any:  # noqa: ARG002
        if self.latent == self.d:
            return x
        rest = xp.zeros((*x.shape[:-1], self.latent - self.d), x.dtype)
        return xp.concatenate([x, rest], axis=-1)

    def start(self, p: Parameters, x: Any, xp: ModuleType) -> Any:
        if self.latent == self.d:
            return x
        return xp.concatenate([x, x @ p["L"].T], axis=-1)


@dataclass(frozen=True)
class Affine:
    """x = Bz + c, inverted by the pseudo-inverse of B; all units are forced."""

    latent: int
    d: int

    def initial(self, rng: np.random.Generator) -> Parameters:
        tilt = 0.1 * rng.standard_normal((self.d, self.latent))
        return {"B": np.eye(self.d, self.latent) + tilt, "c": np.zeros(self.d)}

    def forced(self) -> FloatArray:
        return np.ones(self.latent)

    def read(self, p: Parameters, z: Any, xp: ModuleType) -> Any:  # noqa: ARG002
        return z @ p["B"].T + p["c"]

    def invert(self, p: Parameters, x: Any, xp: ModuleType) -> Any:
        b = p["B"]
        if self.latent >= self.d:  # B⁺ = Bᵀ(BBᵀ)⁻¹; B has full rank almost surely
            inverse = b.T @ xp.linalg.inv(b @ b.T)
        else:
            inverse = xp.linalg.inv(b.T @ b) @ b.T
        return (x - p["c"]) @ inverse.T

    def start(self, p: Parameters, x: Any, xp: ModuleType) -> Any:
        return self.invert(p, x, xp)
