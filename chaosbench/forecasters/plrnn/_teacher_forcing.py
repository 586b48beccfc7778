"""Generalized teacher forcing: the loss, its gradient and the adaptive strength, in JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.forecasters.plrnn._maps import jacobian

if TYPE_CHECKING:
    from chaosbench.forecasters.plrnn._maps import Cell, Observation, Parameters

__all__ = ["EVERY", "TeacherForcing", "forced_rollout", "geometric_norm"]

# The strength is estimated at every 5th batch from every 4th state of its sequences.
EVERY = 5
_STRIDE = 4
# Squarings of JᵀJ: they give the largest singular value to 0.2% at worst, far better on average.
_SQUARINGS = 6
# Up to this many units it is cheaper to form the Jacobians along a sequence than to apply factors.
_EXPLICIT = 8


@dataclass(frozen=True)
class TeacherForcing:
    """Mean squared error of one-step predictions from states forced towards the data.

    With z̄ the inverted observation, over a window of L + 1 points,

        z(t) = F(z̃(t-1)),    z̃(t) = z(t) + a(t) m⊙(z̄(t) − z(t)),    z̃(0) from x(0),

    where m marks the units that an observation forces. `sparse` has a = 1 at every `interval`-th
    step and 0 between, `generalized` has a = `alpha`, and `adaptive` follows max(`alpha`, 1 − 1/N).
    N is the largest geometric mean of ‖∂F/∂z‖₂ along the sequences of a batch, and 1 − 1/N is the
    smallest strength that keeps gradients from exploding. The adaptive strength rises to this value
    at once and decays towards it by the factor `memory`.
    """

    cell: Cell
    observation: Observation
    forcing: str
    alpha: float
    interval: int
    memory: float
    l2: float

    def control(self) -> Any:
        """Return the initial strength; the adaptive one begins with full forcing."""
        return np.array(1.0 if self.forcing == "adaptive" else self.alpha)

    def gates(self, alpha: Any, length: int, xp: Any) -> Any:
        """Return a(t) m for t = 1 … `length`, ``(length, M)``."""
        if self.forcing == "sparse":
            strength = (np.arange(1, length + 1) % self.interval == 0).astype(np.float64)
        else:
            strength = alpha * xp.ones(length)
        return xp.asarray(strength[:, None] * self.observation.forced())

    def loss(self, parameters: Parameters, windows: Any, control: Any) -> tuple[Any, Any]:
        """Return the loss and the forced states ``(L, batch, M)``."""
        import jax.numpy as jnp

        first = self.observation.start(parameters, windows[0], jnp)
        targets = self.observation.invert(parameters, windows[1:], jnp)
        gates = self.gates(control, len(windows) - 1, jnp).astype(windows.dtype)
        states, forced = _rollout(self.cell)(parameters, first, targets, gates)
        error = self.observation.read(parameters, states, jnp) - windows[1:]
        penalty = ((1 - parameters["A"]) ** 2).sum()
        for name in self.cell.weights:
            penalty += (parameters[name] ** 2).sum()
        return (error**2).mean() + self.l2 * penalty, forced

    def update(self, parameters: Parameters, control: Any, seen: Any, step: Any) -> Any:
        """Return the strength of the next step."""
        if self.forcing != "adaptive":
            return control
        import jax.numpy as jnp
        from jax import lax

        def estimate() -> Any:
            jacobians = jacobian(self.cell, parameters, seen[::_STRIDE], jnp)
            least = jnp.maximum(self.alpha, 1.0 - 1.0 / geometric_norm(jacobians))
            kept = self.memory * control + (1 - self.memory) * least
            return jnp.where(least > control, least, kept).astype(control.dtype)

        return lax.cond(step % EVERY == 0, estimate, lambda: control)


def geometric_norm(jacobians: Any) -> Any:
    """Return the largest value over the batch of the geometric mean over time of ‖J‖₂.

    Args:
        jacobians: ``(L, batch, M, M)``.

    """
    import jax.numpy as jnp

    # Singular value decompositions would cost more than the training step itself.
    gram = jnp.einsum("...ki,...kj->...ij", jacobians, jacobians)
    power = gram
    tiny = np.finfo(gram.dtype).tiny
    for _ in range(_SQUARINGS):
        power = power / (jnp.sqrt((power**2).sum((-2, -1), keepdims=True)) + tiny)
        power = power @ power
    top = (power * gram).sum((-2, -1)) / (jnp.trace(power, axis1=-2, axis2=-1) + tiny)
    return jnp.exp(0.5 * jnp.log(jnp.maximum(top, tiny)).mean(axis=0).max())


def forced_rollout(
    cell: Cell, parameters: Parameters, first: Any, targets: Any, gates: Any
) -> tuple[Any, Any]:
    """Return predicted states z(1 … L) and forced states z̃(0 … L-1), each ``(L, batch, M)``.

    This is the plain recursion, for automatic differentiation. `TeacherForcing` uses the same
    recursion with its own gradient.
    """
    import jax.numpy as jnp
    from jax import lax

    def advance(state: Any, now: Any) -> tuple[Any, Any]:
        target, gate = now
        state = cell.step(parameters, state, jnp)
        return state + gate * (target - state), state

    _, states = lax.scan(advance, first, (targets, gates))
    forced = states + gates[:, None] * (targets - states)
    return states, jnp.concatenate([first[None], forced[:-1]])


@functools.lru_cache(maxsize=64)
def _rollout(cell: Cell) -> Callable[..., Any]:
    """Return `forced_rollout` of the cell with its reverse pass written out.

    Automatic differentiation would add to the gradient of every parameter at every backward step.
    But only the adjoint of the state has to go back through time. The gradient of the parameters is
    then one product over all states at once, and so are the Jacobians that carry the adjoint. This
    makes a training step two to three times as fast.
    """
    import jax
    import jax.numpy as jnp
    from jax import lax

    def forward(parameters: Any, first: Any, targets: Any, gates: Any) -> Any:
        states, forced = forced_rollout(cell, parameters, first, targets, gates)
        return (states, forced), (parameters, forced, gates)

    def backward(saved: Any, slopes: Any) -> Any:
        parameters, forced, gates = saved
        # No gradient flows through the forced states, which are returned for inspection only.
        given, _ = slopes
        u, v = cell.factors(parameters)
        explicit = cell.latent <= _EXPLICIT
        look = functools.partial(jacobian, cell) if explicit else cell.gate
        local = look(parameters, forced, jnp)

        def retreat(later: Any, now: Any) -> Any:
            slope, held, here = now
            adjoint = slope + (1 - held) * later
            if explicit:
                earlier = (adjoint[:, :, None] * here).sum(1)
            else:
                inner = here * (adjoint @ u)
                earlier = parameters["A"] * adjoint + (inner if v is None else inner @ v)
            return earlier, (adjoint, earlier)

        start = jnp.zeros_like(given[0])
        first, (adjoints, earlier) = lax.scan(retreat, start, (given, gates, local), reverse=True)
        (gradient,) = jax.vjp(lambda p: cell.step(p, forced, jnp), parameters)[1](adjoints)
        # later[t] is the adjoint of z̃(t), through which a target acts. The last acts on nothing.
        later = jnp.concatenate([earlier[1:], start[None]])
        return gradient, first, gates[:, None] * later, jnp.zeros_like(gates)

    @jax.custom_vjp
    def rollout(parameters: Any, first: Any, targets: Any, gates: Any) -> Any:
        return forward(parameters, first, targets, gates)[0]

    rollout.defvjp(forward, backward)
    return rollout
