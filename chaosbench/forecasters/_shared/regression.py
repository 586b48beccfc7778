"""Regression of increments on functions of delayed values: the choice of plan and the rollout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import delay_embedding
from chaosbench.forecasters._shared.neighbourhood import neighbourhoods, pooled
from chaosbench.forecasters._shared.rollout import delay_rollout, output_bounds
from chaosbench.forecasters._shared.selection import (
    HeldOut,
    affordable,
    embeddings,
    lags_of,
    lasting,
)
from chaosbench.forecasters._shared.settings import single_threaded
from chaosbench.forecasters._shared.triangular import TriangularEquations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from chaosbench.forecasters._shared.arrays import Scaler
    from chaosbench.forecasters._shared.neighbourhood import Neighbourhood
    from chaosbench.trajectories import FloatArray

__all__ = [
    "Choice",
    "Functions",
    "Kernels",
    "Loop",
    "Plan",
    "Trial",
    "choose",
    "fitted_to_all",
    "gamma_of",
    "plans_for",
    "transitions",
]

_CHUNK_BYTES = 32_000_000
# Rows to which a plan is fitted in the first round: at least so many, and so many per function.
_FIRST_ROWS = 1000
_FIRST_ROWS_PER_FUNCTION = 3
_FINALISTS = 3
# A model that all variables share has d times as many rows as it needs.
_POOLED = 3
# (delays, stride) of local models.
_LOCAL_EMBEDDINGS = ((1, 1), (2, 1), (3, 1))


class Functions(Protocol):
    """Functions of a delay vector, sorted so that the leading ones form smaller sets."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the leading parts that are sets themselves, ascending."""
        ...

    def first(self, size: int) -> Functions:
        """Return the first `size` functions."""
        ...

    def __call__(self, x: FloatArray) -> FloatArray:
        """Evaluate at delay vectors ``(rows, p)``, giving ``(rows, functions)``."""
        ...


@dataclass(frozen=True, eq=False)
class Plan:
    """What a regression looks at.

    Attributes:
        lags: lags of the stacked states in steps, 0 first.
        around: the variables that the forecast of each one sees; all, if None.

    """

    lags: tuple[int, ...]
    around: Neighbourhood | None = None

    @property
    def shared(self) -> bool:
        """Whether all variables share one model."""
        return self.around is not None and self.around.shared

    def width(self, d: int) -> int:
        """Return the number of entries of a delay vector."""
        return len(self.lags) * (d if self.around is None else self.around.width)

    def models(self, d: int) -> int:
        """Return the number of regressions."""
        return 1 if self.around is None or self.around.shared else d

    def scaling(self, scaler: Scaler) -> Scaler:
        """Return the standardisation, which treats variables alike that share a model."""
        return pooled(scaler) if self.shared else scaler


def plans_for(
    values: FloatArray,
    scaler: Scaler,
    *,
    delays: int | None,
    stride: int | None,
    local: bool,
    widest: int,
) -> list[Plan]:
    """Return the plans to try for trajectories ``(n, T, d)``: first all variables together.

    Args:
        values: training trajectories.
        scaler: their standardisation.
        delays: number of stacked states, or None to choose it.
        stride: steps between stacked states, or None to choose it.
        local: whether to try neighbourhoods, where there are many variables.
        widest: largest number of entries of a delay vector, beyond the first plan.

    """
    _, length, d = values.shape
    pairs = embeddings(d, length, delays=delays, stride=stride, widest=widest)
    plans = [Plan(lags_of(*pair)) for pair in pairs]
    around = neighbourhoods(scaler.apply(values)) if local else []
    if delays is None:
        near = [(k, s if stride is None else stride) for k, s in _LOCAL_EMBEDDINGS]
        pairs = [(k, s) for k, s in near if 10 * (k - 1) * s < length]
    return plans + [Plan(lags_of(*pair), where) for pair in pairs for where in around]


@dataclass(frozen=True, eq=False)
class Loop:
    """A regression of increments on functions of delayed values, iterated in closed loop.

    Attributes:
        who: name for error messages.
        scaler: standardisation.
        plan: lags and neighbourhood.
        functions: the functions φ.
        readout: W ``(p, d)``; column i belongs to variable i and, with a neighbourhood, to its own
            φ. It is ``(p, 1)`` where all variables share one model.
        bounds: lowest and highest values ``(2, d)``, or None.

    """

    who: str
    scaler: Scaler
    plan: Plan
    functions: Functions
    readout: FloatArray
    bounds: FloatArray | None = None

    def increments(self, states: FloatArray, readouts: FloatArray) -> FloatArray:
        """Return increments ``(r n, d)`` at delay vectors ``(r n, k d)`` for ``(r, p, d)``."""
        copies, p, _ = readouts.shape
        around = self.plan.around
        if around is None:
            phi = self.functions(states).reshape(copies, -1, p)
            return np.asarray((phi @ readouts).reshape(len(states), -1))
        local = around.local(states)
        phi = self.functions(local.reshape(-1, local.shape[2]))
        if around.shared:
            made = phi.reshape(copies, -1, p) @ readouts
        else:
            by_variable = phi.reshape(copies, -1, local.shape[1], p).swapaxes(1, 2)
            made = by_variable @ readouts.swapaxes(1, 2)[..., np.newaxis]
            made = made.swapaxes(1, 2)
        return np.asarray(made.reshape(len(states), local.shape[1]))

    def follow(self, context: ArrayLike, horizon: int, readouts: FloatArray) -> FloatArray:
        """Continue each context ``(n, C, d)`` with each readout, ``(r, n, H, d)``."""
        return delay_rollout(
            lambda states: self.increments(states, readouts),
            context,
            horizon,
            scaler=self.scaler,
            lags=self.plan.lags,
            who=self.who,
            box=self.bounds,
            copies=len(readouts),
        )

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        """Continue each context ``(n, C, d)`` by `horizon` steps."""
        return Forecast(self.follow(context, horizon, self.readout[np.newaxis])[0])


def transitions(plan: Plan, z: FloatArray, most: int) -> tuple[FloatArray, FloatArray]:
    """Return delay vectors and the increments that followed, evenly thinned to `most` times.

    With a neighbourhood these are ``(N, d, k w)`` and ``(N, d, 1)``, otherwise ``(N, k d)`` and
    ``(N, d)``.
    """
    states = delay_embedding(z[:, :-1], plan.lags)
    rows = states.reshape(-1, states.shape[2])
    increments = np.diff(z[:, max(plan.lags) :], axis=1).reshape(-1, z.shape[2])
    if most < len(rows):
        chosen = np.linspace(0, len(rows) - 1, most).astype(int)
        rows, increments = rows[chosen], increments[chosen]
    if plan.around is None:
        return rows, increments
    return plan.around.local(rows), increments[..., np.newaxis]


class Trial:
    """One plan with the triangular equations of its readout."""

    def __init__(self, loop: Loop, values: FloatArray, most: int) -> None:
        """Fit to trajectories ``(n, T, d)``, thinned to `most` rows per model."""
        self.loop = loop
        self._most = most
        self._variables = values.shape[2]
        self._equations = [TriangularEquations() for _ in range(loop.plan.models(values.shape[2]))]
        self.add(values)

    def add(self, values: FloatArray) -> None:
        """Add the transitions of trajectories ``(n, T, d)``."""
        plan = self.loop.plan
        times = max(1, self._most // self._variables) if plan.shared else self._most
        rows, increments = transitions(plan, self.loop.scaler.apply(values), times)
        if plan.around is None:
            self._gather(self._equations[0], rows, increments)
        elif plan.shared:
            flat = rows.reshape(-1, rows.shape[2])
            self._gather(self._equations[0], flat, increments.reshape(-1, 1))
        else:
            for i, equations in enumerate(self._equations):
                self._gather(equations, np.ascontiguousarray(rows[:, i]), increments[:, i])

    def _gather(self, equations: TriangularEquations, rows: FloatArray, y: FloatArray) -> None:
        width = self.loop.functions.sizes[-1]
        chunk = max(2 * width, _CHUNK_BYTES // (8 * width))
        for begin in range(0, len(rows), chunk):
            part = slice(begin, begin + chunk)
            equations.add(self.loop.functions(rows[part]), y[part])

    def readout(self, ridge: float, size: int, *, quick: bool = False) -> FloatArray:
        """Return W ``(size, d)``, or ``(size, 1)`` for a shared model."""
        solved = [
            e.quick(ridge, size=size) if quick else e.solve(ridge, size=size)
            for e in self._equations
        ]
        return np.concatenate(solved, axis=1)

    def fitted(self, ridge: float, size: int) -> Loop:
        """Return the closed loop of the leading `size` functions."""
        return replace(
            self.loop,
            functions=self.loop.functions.first(size),
            readout=self.readout(ridge, size),
        )

    def scores(
        self,
        held_out: HeldOut,
        sizes: Sequence[int],
        ridges: Sequence[float],
        *,
        quick: bool = False,
    ) -> list[tuple[float, int, float]]:
        """Return score, size and penalty for all of them; the penalties run side by side."""
        horizon = held_out.truth.shape[1]
        found = []
        for size in sizes:
            loop = replace(self.loop, functions=self.loop.functions.first(size))
            readouts = np.stack([self.readout(ridge, size, quick=quick) for ridge in ridges])
            paths = loop.follow(held_out.context, horizon, readouts)
            found += [
                (held_out.score(path), size, r) for path, r in zip(paths, ridges, strict=True)
            ]
        return found


@dataclass(frozen=True, eq=False)
class Choice:
    """The chosen plan, fitted to the data before the held-out tail."""

    trial: Trial
    size: int
    ridge: float

    def complete(self, values: FloatArray, split: int) -> Loop:
        """Fit to the tail of ``(n, T, d)`` as well, and bound the output."""
        # The first increment of the tail starts from the last states before the tail.
        self.trial.add(values[:, split - max(self.trial.loop.plan.lags) - 1 :])
        return _bounded(self.trial.fitted(self.ridge, self.size), values)


def _bounded(loop: Loop, values: FloatArray) -> Loop:
    return replace(loop, bounds=output_bounds(loop.scaler.apply(values)))


def _untrained(
    values: FloatArray,
    plan: Plan,
    functions: Callable[[Plan, FloatArray], Functions],
    scaler: Scaler,
    who: str,
) -> Loop:
    scaled = plan.scaling(scaler)
    rows, _ = transitions(plan, scaled.apply(values), values.shape[0] * values.shape[1])
    used = functions(plan, rows.reshape(-1, rows.shape[-1]))
    return Loop(who, scaled, plan, used, np.zeros((0, 0)))


def fitted_to_all(
    values: FloatArray,
    plan: Plan,
    *,
    functions: Callable[[Plan, FloatArray], Functions],
    ridge: float,
    scaler: Scaler,
    who: str,
) -> Loop:
    """Fit one plan to all data, where nothing has to be chosen or nothing can be held out."""
    loop = _untrained(values, plan, functions, scaler, who)
    trial = Trial(loop, values, _rows(plan, values))
    return _bounded(trial.fitted(ridge, loop.functions.sizes[-1]), values)


def _rows(plan: Plan, values: FloatArray) -> int:
    """Return the number of rows of a full fit."""
    n, length, _ = values.shape
    return int(n * length) * (_POOLED if plan.shared else 1)


def choose(
    values: FloatArray,
    plans: Sequence[Plan],
    *,
    functions: Callable[[Plan, FloatArray], Functions],
    ridges: Sequence[float],
    held_out: HeldOut,
    scaler: Scaler,
    who: str,
    most: int,
    whole: bool = False,
    stay: bool = False,
) -> Choice:
    """Choose plan, number of functions and penalty, by the rules of `selection`.

    In a first round every plan is fitted to a few rows per function, and judged on every second
    window with three sizes of its functions and a third of the penalties. The best three plans are
    then fitted to all rows before the tail and judged on all windows, with every penalty and up to
    three sizes. With `stay`, a score counts half where all free runs of 1,000 steps escape
    (`lasting`).

    Args:
        values: training trajectories ``(n, T, d)``.
        plans: in the order that decides ties.
        functions: makes the functions for a plan and its delay vectors ``(rows, p)``.
        ridges: penalties, the largest first.
        held_out: the windows that judge.
        scaler: the standardisation.
        who: name for error messages.
        most: largest number of functions that the settings allow, which sets the budget.
        whole: whether all functions of a plan have to be used.
        stay: whether free runs that escape count against a candidate.

    """
    past = values[:, : held_out.split]
    samples, d = past.shape[0] * past.shape[1], past.shape[2]

    def first_rows(loop: Loop) -> int:
        return max(_FIRST_ROWS, _FIRST_ROWS_PER_FUNCTION * loop.functions.sizes[-1])

    def work(loop: Loop) -> float:
        return loop.plan.models(d) * first_rows(loop) * float(loop.functions.sizes[-1]) ** 2

    loops = [_untrained(past, plan, functions, scaler, who) for plan in plans]
    loops = affordable(loops, work, samples * float(most) ** 2)
    finalists = [(loop, loop.functions.sizes[-1]) for loop in loops]
    if len(loops) > 1:
        few = held_out.thinned(2)
        ranked = []
        for k, loop in enumerate(loops):
            trial = Trial(loop, past, first_rows(loop))
            sizes = loop.functions.sizes[-1:] if whole else loop.functions.sizes
            tried = sorted({sizes[-1], sizes[min(1, len(sizes) - 1)], sizes[len(sizes) // 2]})
            found = trial.scores(few, tried, ridges[::3], quick=0.0 not in ridges)
            score, size, _ = max(found, key=lambda option: option[0])
            ranked.append((-score, k, size))
        ranked.sort()
        finalists = [(loops[k], size) for _, k, size in ranked[:_FINALISTS]]
    options: list[tuple[float, int, float, Trial]] = []
    for loop, size in finalists:
        trial = Trial(loop, past, _rows(loop.plan, past))
        sizes = loop.functions.sizes[-1:] if whole else loop.functions.sizes
        place = sizes.index(size)
        tried = list(sizes[max(0, place - 1) : place + 2])
        options += [(*found, trial) for found in trial.scores(held_out, tried, ridges)]

    def share(i: int) -> float:
        _, size, ridge, trial = options[i]
        return held_out.bounded(trial.fitted(ridge, size))

    scores = [option[0] for option in options]
    best = lasting(scores, share)[0] if stay else int(np.argmax(scores))
    _, size, ridge, trial = options[best]
    return Choice(trial, size, ridge)


@dataclass(frozen=True, eq=False)
class Kernels:
    """Gaussian functions about centres ``(m, p)``, exp(-γ |x - c|²)."""

    centres: FloatArray
    gamma: float

    @classmethod
    def about(cls, states: FloatArray, count: int, width: float, seed: int) -> Kernels:
        """Draw centres from delay vectors ``(rows, p)``; `width` is in mean distances."""
        count = max(1, min(count, len(states) // 2))
        chosen = np.sort(np.random.default_rng(seed).permutation(len(states))[:count])
        return cls(states[chosen], gamma_of(states, width))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of centres."""
        return (len(self.centres),)

    def first(self, size: int) -> Kernels:
        """Return the functions about the first centres."""
        return Kernels(self.centres[:size], self.gamma)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Evaluate at delay vectors ``(rows, p)``, giving ``(rows, m)``."""
        square = np.zeros((len(x), len(self.centres)))
        for k in range(x.shape[1]):
            square += (x[:, k, np.newaxis] - self.centres[:, k]) ** 2
        return np.asarray(np.exp(-self.gamma * square))


def gamma_of(states: FloatArray, width: float) -> float:
    """Return 1/w² for a width in mean distances from the mean of states ``(rows, p)``."""
    spread = float(np.linalg.norm(states - states.mean(axis=0), axis=1).mean())
    return 1.0 / (width * (spread if spread > 0 else 1.0)) ** 2
