"""The conformance checks of systems; public through `chaosbench.testing`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from chaosbench.dynamics.orbits import orbit_of
from chaosbench.errors import InputError, ParameterError
from chaosbench.expressions import evaluate
from chaosbench.systems import DelaySystem, FieldSystem, Map, System
from chaosbench.systems.tracing import accepted, flatten, named_arguments
from chaosbench.testing._check import Checks, require
from chaosbench.testing._fields import central_differences, low_passed, plain_rhs
from chaosbench.trajectories import FloatArray

__all__ = ["check_system", "system_checks"]

SystemCheck = Callable[[System], None]

check: Checks[SystemCheck] = Checks(lambda system: repr(system.name))

_STATES = 40
_FIELD_STATES = 2
_LARGE, _COARSE = 1000, 16  # the Jacobian of a large field is checked on a coarser grid
_ANALYTIC = frozenset({
    "const", "symbol", "add", "sub", "mul", "div", "neg", "pow", "powi", "sqrt", "exp", "log",
    "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan",
})  # fmt: skip


def system_checks() -> list[SystemCheck]:
    """Return the checks as a list; each is called as ``check(system)``."""
    return list(check.all)


def check_system(system: System) -> None:
    """Run every check on one system.

    Args:
        system: a system made by `flow`, `delay`, `map`, `field` or `stochastic`.

    Raises:
        AssertionError: the first check that failed, in one sentence.

    Example:
        >>> import chaosbench as cb
        >>> check_system(cb.systems["lorenz"])

    """
    for one in check.all:
        one(system)


def _affordable(system: System) -> System:
    large = isinstance(system, FieldSystem) and system.dimension > _LARGE
    return system.with_points(_COARSE) if large else system  # type: ignore[attr-defined]


def _sample(system: System) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Return times, states and delayed values along the trajectory from the initial state."""
    orbit = orbit_of(system, np.array(system.ic), rtol=1e-9)
    past = orbit.state[system.sources] if isinstance(system, DelaySystem) else None
    rate = np.abs(system.rhs(0.0, orbit.state, past)).max()
    size = max(1e-3, float(np.abs(orbit.state).max()))
    step = 1.0 if system.discrete else 0.1 * size / max(float(rate), 1e-3 * size)
    states = orbit.sample(_FIELD_STATES if isinstance(system, FieldSystem) else _STATES, step)
    delayed = None
    if isinstance(system, DelaySystem):  # any past states will do
        delayed = np.stack([np.roll(states[:, d.source], 1) for d in system.delays], axis=1)
    times = np.asarray(step * np.arange(len(states)), dtype=np.float64)
    return times, states, delayed


@check
def check_definition(system: System) -> None:
    """The definition says what the system is and where it comes from."""
    require(bool(system.description), "has no docstring")
    require(bool(system.reference.strip()), "has no reference")
    names = (*system.variables, *system.parameters)
    require(len(set(names)) == len(names), "uses a name twice among variables and parameters")
    taken = {"trajectory", "step", "time"} & set(system.variables)
    require(not taken, f"has a variable named {taken}, which is a column of every dataset")


@check
def check_fingerprint(system: System) -> None:
    """The fingerprint is stable, and every parameter and the initial state change it."""
    again = replace(system)
    require(again.fingerprint == system.fingerprint, "gets another fingerprint when traced again")
    for name, value in system.parameters.items():
        other = system.with_params(**{name: value * 1.01 if value else 0.01})
        require(
            other.fingerprint != system.fingerprint,
            f"does not depend on its parameter {name!r}: its fingerprint stays the same",
        )
    moved = system.with_ic(np.array(system.ic) + 0.01)
    require(
        moved.fingerprint != system.fingerprint, "keeps its fingerprint with another initial state"
    )


@check
def check_shapes(system: System) -> None:
    """Right-hand side and Jacobian take ``(d,)`` and ``(n, d)``, and nothing else."""
    system = _affordable(system)
    times, states, delayed = _sample(system)
    d = system.dimension
    m = len(system.delays) if isinstance(system, DelaySystem) else 0
    for u, t, past, leading in (
        (states, times, delayed, (len(states),)),
        (states[0], times[0], None if delayed is None else delayed[0], ()),
    ):
        rhs, jacobian = system.rhs(t, u, past), system.jacobian(t, u, past)
        require(rhs.shape == (*leading, d), f"has a right-hand side of shape {rhs.shape}")
        require(jacobian.shape == (*leading, d, d + m), f"has a Jacobian of shape {jacobian.shape}")
    for wrong in (np.zeros(d + 1), np.zeros((2, d + 1)), np.zeros((2, 2, d)), 0.5):
        try:
            system.rhs(0.0, wrong, delayed)
        except InputError:
            continue
        raise AssertionError(f"accepts a state of shape {np.shape(wrong)}")


@check
def check_rows(system: System) -> None:
    """A state gives the same right-hand side alone and in a batch, bit for bit."""
    times, states, delayed = _sample(system)
    together = system.rhs(times, states, delayed)
    for n in (0, 1, len(states) - 1):
        alone = system.rhs(times[n], states[n], None if delayed is None else delayed[n])
        require(
            np.array_equal(alone, together[n], equal_nan=True),
            "gives different right-hand sides alone and in a batch",
        )


@check
def check_plain_function(system: System) -> None:
    """The definition called with floats equals the compiled right-hand side."""
    times, states, delayed = _sample(system)
    if isinstance(system, FieldSystem):
        states = np.stack([low_passed(system, state) for state in states])
        fields = np.stack([plain_rhs(system, state) for state in states])
        apart = np.abs(fields - system.rhs(times, states))
        require(
            float(apart.max()) <= 1e-9 * max(1.0, float(np.abs(fields).max())),
            f"differs by {apart.max():.3g} from its definition, called with values on the grid",
        )
        return
    compiled = system.rhs(times, states, delayed)
    scale = 1e-12 * max(1.0, float(np.abs(compiled).max()))
    for n in range(_STATES):
        others = {"t": float(times[n])}
        if isinstance(system, DelaySystem) and delayed is not None:
            others |= zip((d.name for d in system.delays), delayed[n].tolist(), strict=True)
        values = named_arguments(system.layout, states[n].tolist(), others)
        taken = accepted(system.function, system.parameters)
        plain = np.array(flatten(system.function(*values.values(), **taken)), float)
        require(
            bool(np.allclose(plain, compiled[n], rtol=1e-12, atol=scale)),
            f"gives {plain} as a Python function and {compiled[n]} compiled, at {states[n]}",
        )


@check
def check_jacobian(system: System) -> None:
    """The Jacobian agrees with complex steps if the equation is analytic, else with differences."""
    system = _affordable(system)
    times, states, delayed = _sample(system)
    exact = system.jacobian(times, states, delayed)
    if isinstance(system, FieldSystem):
        along_states = np.einsum("nij,nj->ni", exact, states)
        apart = np.abs(along_states - central_differences(system, states, states))
        require(
            float(apart.max()) <= 1e-6 * max(1.0, float(np.abs(along_states).max())),
            f"has a Jacobian that differs from differences by {apart.max():.3g}",
        )
        return
    points = states if delayed is None else np.concatenate([states, delayed], axis=1)
    inputs, outputs = system.trace.inputs, system.trace.outputs
    clock = system.trace.graph.symbol("time", 0, "t")
    analytic = system.trace.operations <= _ANALYTIC
    other = np.empty_like(exact)
    step = 1e-30 if analytic else 1e-6

    def along(j: int, h: complex) -> FloatArray:
        shifted = {clock.id: times} | {
            node.id: points[:, k] + (h if k == j else 0.0) for k, node in enumerate(inputs)
        }
        with np.errstate(all="ignore"):  # branches that are not taken are evaluated too
            columns = evaluate(outputs, shifted)
        return np.stack([np.broadcast_to(c, _STATES) for c in columns], axis=1)

    for j in range(len(inputs)):
        if analytic:
            other[:, :, j] = np.imag(along(j, 1j * step)) / step
        else:
            h = step * max(1e-3, float(np.abs(points[:, j]).max()))
            other[:, :, j] = (along(j, h) - along(j, -h)) / (2 * h)
    tolerance = 1e-10 if analytic else 1e-5
    scale = np.abs(exact).max(axis=(1, 2), keepdims=True)
    agrees = (np.abs(exact - other) <= tolerance * np.maximum(scale, 1e-3)).all(axis=(1, 2))
    # a difference across a kink or a jump is not a derivative; few states are so close to one
    require(
        float(np.mean(agrees)) >= (1.0 if analytic else 0.9),
        f"has a Jacobian that differs from {'complex steps' if analytic else 'differences'} by "
        f"{np.abs(exact - other).max():.3g}",
    )


@check
def check_inverse(system: System) -> None:
    """The inverse of a map undoes it along a trajectory; a map without inverse raises an error."""
    times, states, _ = _sample(system)
    if not isinstance(system, Map):
        return
    if system.inverse_function is None:
        try:
            system.inverse(states)
        except InputError:
            return
        raise AssertionError("has no inverse and returns one")
    after = system.rhs(times, states)
    errors = np.abs(system.inverse(after, times) - states).max(axis=1)
    # the inverse of the Jacobian stretches the rounding of the next state
    stretch = np.linalg.norm(np.linalg.inv(system.jacobian(times, states)), axis=(1, 2))
    size = np.maximum(1.0, np.abs(np.concatenate([states, after], axis=1)).max(axis=1))
    require(
        bool((errors <= 1e-13 * (1 + stretch) * size).all()),
        f"has an inverse that misses the previous state by {errors.max():.3g}",
    )


@check
def check_angles(system: System) -> None:
    """The equation repeats with the period of every angle."""
    times, states, delayed = _sample(system)
    here = system.rhs(times, states, delayed)
    scale = 1e-9 * max(1.0, float(np.abs(here).max()))
    for i, period in enumerate(system.periods):
        if period is None:
            continue
        turned = states + period * (np.arange(system.dimension) == i)
        past = delayed
        if isinstance(system, DelaySystem) and delayed is not None:
            past = delayed + period * (system.sources == i)
        there = system.rhs(times, turned, past)
        # a map may add whole turns to an angle
        turns = np.round((there - here)[:, i] / period) if system.discrete else 0.0
        there[:, i] -= turns * period
        apart = float(np.abs(there - here).max())
        require(
            apart <= scale,
            f"changes by {apart:.3g} when {system.variables[i]} turns by {period:.6g}",
        )


@check
def check_trajectory(system: System) -> None:
    """A short trajectory from the initial state moves, and stays finite and bounded."""
    _, states, _ = _sample(system)
    require(bool(np.isfinite(states).all()), "becomes non-finite")
    require(float(np.abs(states).max()) < 1e8, f"grows to {np.abs(states).max():.3g}")
    require(bool(np.ptp(states, axis=0).max() > 0), "rests at its initial state")


@check
def check_parameters(system: System) -> None:
    """The own values give an equal system; unknown names and non-finite values are rejected."""
    require(
        system.with_params(**system.parameters) == system,
        "differs from itself with its own parameter values",
    )
    wrong: list[dict[str, object]] = [{"no_such_parameter": 1.0}]
    for name in system.parameters:
        wrong += [{name: math.nan}, {name: math.inf}, {name: "1"}, {name: None}]
    for values in wrong:
        try:
            system.with_params(**values)  # type: ignore[arg-type]
        except ParameterError:
            continue
        raise AssertionError(f"accepts the parameters {values}")
