"""A forecaster that cheats: it looks the equation up in the catalogue and integrates it.

It is the adversary of seasons (see benchmarks/lookup.py) and no method. From the training data it
takes, for every system of the catalogue of the same dimension and every order and sign of the
variables, the scale, the shift and the unit of time that make moments and period agree, keeps the
equations with the smallest error in the derivative (for a map, the next value), fits scales,
shifts, unit of time and all parameters by least squares, then again to steps of the solution, and
integrates the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np

MOST = 400
"""Samples at which equations are compared."""

POLISHED = 4
"""Equations whose parameters are fitted."""


@dataclass(frozen=True)
class Lookup:
    """Recognise a system of the catalogue and integrate its equation."""

    polish: int = POLISHED

    def fit(self, train: Any, *, seed: int) -> Any:
        """Find the equation."""
        values, dt = np.asarray(train.values)[0], float(train.dt)
        return _Predictor(recognised(values, dt, self.polish, seed), dt)


@dataclass(frozen=True)
class _Predictor:
    found: Any
    dt: float

    def predict(self, context: Any, horizon: int) -> Any:
        """Integrate from the last sample of each context."""
        from chaosbench.forecasters import Forecast

        last = np.asarray(context)[:, -1]
        out = np.empty((len(last), horizon, last.shape[1]))
        out[:] = last[:, np.newaxis]
        if self.found is not None:
            for k, state in enumerate(last):
                out[k] = self.found.run(state, horizon, self.dt)
        return Forecast(out)


class Guess:
    """A system of the catalogue in units: ``old = scale * new[order] + shift``."""

    def __init__(self, system: Any, order: Any, scale: Any, shift: Any, unit: float) -> None:
        self.system, self.order = system, np.array(order)
        self.names = [k for k, v in system.parameters.items() if v != 0.0]
        values = [float(system.parameters[k]) for k in self.names]
        self.vector = np.concatenate([scale, shift, [unit], values])
        self.error = np.inf

    def slopes(self, new: Any, vector: Any = None) -> Any:
        """Return derivatives (next values) ``(n, d)`` at new states."""
        vector = self.vector if vector is None else vector
        d = self.system.dimension
        scale, shift, unit = vector[:d], vector[d : 2 * d], vector[2 * d]
        old = self._right(new[:, self.order] * scale + shift, vector[2 * d + 1 :])
        changed = (old - shift) / scale if self.system.discrete else unit * old / scale
        out = np.empty_like(new)
        out[:, self.order] = changed
        return out

    def _right(self, old: Any, values: Any) -> Any:
        """Return the right-hand side with other parameter values, without compiling it again."""
        from chaosbench.expressions import evaluate

        system = self.system
        given = dict(zip(self.names, values.tolist(), strict=True))
        if all(system.parameters[k] == v for k, v in given.items()):
            return system.rhs(0.0, old)
        try:
            trace = system.symbolic_trace
        except Exception:
            return system.with_params(**given).rhs(0.0, old)
        whole = {**system.parameters, **given}
        known: dict[int, Any] = {node.id: old[:, i] for i, node in enumerate(trace.inputs)}
        for name, node in system.parameter_symbols(trace.graph).items():
            known[node.id] = whole[name]
        made = evaluate(trace.outputs, known)
        return np.stack([np.broadcast_to(v, len(old)) for v in made], axis=1)

    def step(self, new: Any, dt: float, vector: Any = None, pieces: int = 12) -> Any:
        """Return the states one sample later."""
        if self.system.discrete:
            return self.slopes(new, vector)
        h, y = dt / pieces, new
        for _ in range(pieces):
            k1 = self.slopes(y, vector)
            k2 = self.slopes(y + h / 2 * k1, vector)
            k3 = self.slopes(y + h / 2 * k2, vector)
            k4 = self.slopes(y + h * k3, vector)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y

    def run(self, state: Any, horizon: int, dt: float) -> Any:
        """Return ``(horizon, d)`` states after one."""
        from chaosbench.dynamics.orbits import orbit_of
        from chaosbench.errors import IntegrationError

        d = self.system.dimension
        scale, shift, unit = self.vector[:d], self.vector[d : 2 * d], self.vector[2 * d]
        values = self.vector[2 * d + 1 :].tolist()
        system = self.system.with_params(**dict(zip(self.names, values, strict=True)))
        orbit = orbit_of(system, state[self.order] * scale + shift, rtol=1e-14, stiff=False)
        out = np.empty((horizon, d))
        out[:] = state
        try:
            old = orbit.sample(horizon + 1, dt if system.discrete else dt * unit)[1:]
        except IntegrationError:
            return out
        out[:, self.order] = (old - shift) / scale
        return out


def derivative(values: Any, dt: float) -> tuple[Any, Any]:
    """Return states and their derivatives by central differences of the eighth order."""
    weights = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])
    slopes = sum(w * values[k : len(values) - 8 + k] for k, w in enumerate(weights)) / dt
    return values[4:-4], slopes


def guesses(values: Any, dt: float) -> Any:
    """Yield every system of the catalogue with the units that moments and period suggest."""
    from chaosbench.dynamics.period import dominant_period
    from chaosbench.dynamics.stored import known_constants
    from chaosbench.systems import Flow, Map, is_own
    from chaosbench.systems import registry as systems

    d = values.shape[1]
    mean, std = values.mean(axis=0), values.std(axis=0)
    period = dominant_period(values, dt)
    for name in systems:
        system = systems[name]
        known = None if is_own(name) else known_constants(system)
        if known is None or system.dimension != d or system.driven:
            continue
        if not isinstance(system, (Map if dt == 1.0 else Flow)) or not system.stationary:
            continue
        units = [1.0] if system.discrete else [known.period / period, 1.0]
        orders = permutations(range(d)) if d <= 4 else [tuple(range(d))]
        signs = list(product((1.0, -1.0), repeat=d)) if d <= 4 else [(1.0,) * d]
        yield Guess(system, range(d), np.ones(d), np.zeros(d), 1.0)  # not disguised at all
        for order in orders:
            for sign in signs:
                scale = np.array(sign) * np.array(known.std) / std[list(order)]
                shift = np.array(known.mean) - scale * mean[list(order)]
                yield Guess(system, order, scale, shift, units[0])


def recognised(values: Any, dt: float, polish: int, seed: int) -> Any:
    """Return the best guess, fitted; None where no equation fits."""
    from scipy.optimize import least_squares

    discrete = dt == 1.0
    states, slopes = (values[:-1], values[1:]) if discrete else derivative(values, dt)
    some = np.random.default_rng(seed).permutation(len(states))[:MOST]
    states, slopes, size = states[some], slopes[some], slopes.std(axis=0)
    with np.errstate(all="ignore"):
        best: list[Any] = []
        for one in guesses(values, dt):
            gap = (one.slopes(states[:100]) - slopes[:100]) / size
            one.error = float(np.sqrt(np.mean(gap**2))) if np.isfinite(gap).all() else np.inf
            best = sorted([*best, one], key=lambda g: g.error)[: 6 * polish]
        kept: dict[str, int] = {}
        chosen = []
        for one in best:
            kept[one.system.name] = kept.get(one.system.name, 0) + 1
            if kept[one.system.name] <= 2 and np.isfinite(one.error):
                chosen.append(one)
        stride = max(1, len(values) // 200)
        pairs = values[:-1][::stride], values[1:][::stride]
        unit = values.std(axis=0)
        for one in chosen[:polish]:
            if one.error < 1e-7:
                continue
            fixed = 2 * values.shape[1] if discrete else -1  # a map has no unit of time
            free = [i for i in range(len(one.vector)) if i != fixed]

            def full(x: Any, one: Any = one, free: Any = free) -> Any:
                vector = one.vector.copy()
                vector[free] = x
                return vector

            def gap(x: Any, one: Any = one, full: Any = full) -> Any:
                found = (one.slopes(states, full(x)) - slopes) / size
                return np.where(np.isfinite(found), found, 1e3).ravel()

            def steps(x: Any, one: Any = one, full: Any = full) -> Any:
                found = (one.step(pairs[0], dt, full(x)) - pairs[1]) / unit
                return np.where(np.isfinite(found), found, 1e3).ravel()

            made = least_squares(gap, one.vector[free], x_scale="jac", max_nfev=60)
            if not discrete:
                made = least_squares(steps, made.x, x_scale="jac", max_nfev=40, xtol=1e-15,
                                     ftol=1e-15, gtol=1e-15)  # fmt: skip
            one.error = float(np.sqrt(np.mean(gap(made.x) ** 2)))
            one.vector = full(made.x)
    best = sorted(chosen, key=lambda g: g.error)
    return best[0] if best and best[0].error < 0.5 else None
