"""The Exam: the sheet of one task, with the questions and the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chaosbench.datasets import Observables
from chaosbench.systems import System
from chaosbench.systems.monomials import Monomials, polynomial
from chaosbench.trajectories import FloatArray

__all__ = ["Exam", "held_out"]


@dataclass(frozen=True, eq=False)
class Exam:
    """Everything a cell needs; only `train`, `context`, `dt` and `horizon` leave this process.

    Attributes:
        train: ``(n, T, d)``, as observed: noise, and NaN where a sample was lost.
        context: ``(w, C, d)``, as observed.
        truth: ``(w, H, d)``, what follows the contexts, clean.
        clean_context: ``(w, C, D)``, the true past in all `D` variables of the system.
        observed: indices of the `d` observed variables among the `D`.
        spread: ``(D,)`` standard deviation of each variable on the attractor.
        noise: ``(D,)`` standard deviation of the observation noise.
        context_end: ``(w,)`` absolute time of the last context sample.
        dt: sampling step in time units.
        lyapunov_exponent: per time unit; None unless the system is chaotic.
        period: dominant period in time units; 1 for a recording, so that its clock counts time
            units where no exponent is known.
        observations: ``(w, H, d)``, noisy observations of the horizon, which arrive one by one
            while it passes, NaN elsewhere; None where there are none.
        states: ``(w, H, d)``, held-out states at which a right-hand side is asked for; `truth` is
            then what it gives there. None where a forecast is asked for.
        equation: the true right-hand side as a polynomial; None where it is none, or not asked for.
        seen: ``(w, C, D)``, as observed, in all `D` variables; None where the ceiling starts from
            something else (version 1).
        observables: how the `D` variables follow from the state; None where they are the state.
        recorded: ``(w, H)``, which steps of the truth were recorded; the others are interpolated
            and scored by nothing. None where there are no gaps.
        certified_steps: ``(w,)`` steps for which each truth is known to be the solution through
            the last sample of its context, or was recorded without a gap; None where nobody could
            check, and all count.

    """

    train: FloatArray
    context: FloatArray
    truth: FloatArray
    clean_context: FloatArray
    observed: tuple[int, ...]
    spread: FloatArray
    noise: FloatArray
    context_end: FloatArray
    dt: float
    lyapunov_exponent: float | None
    period: float
    observations: FloatArray | None = None
    states: FloatArray | None = None
    equation: Monomials | None = None
    certified_steps: NDArray[np.int64] | None = None
    seen: FloatArray | None = None
    observables: Observables | None = None
    recorded: NDArray[np.bool_] | None = None

    @property
    def scorable(self) -> NDArray[np.int64]:
        """Steps of each window that can be scored against the truth, ``(w,)``, at most `H`."""
        if self.certified_steps is None:
            return np.full(len(self.truth), self.horizon)
        return np.minimum(self.certified_steps, self.horizon)

    @property
    def horizon(self) -> int:
        """Steps to forecast, `H`."""
        return int(self.truth.shape[1])

    @property
    def clock(self) -> float:
        """Steps times this are Lyapunov times.

        Periods for a system that is not chaotic, and time units for a recording of unknown
        exponent.
        """
        rate = self.lyapunov_exponent if self.lyapunov_exponent is not None else 1 / self.period
        return self.dt * rate

    def arrivals(self, every: int) -> FloatArray | None:
        """Return the observations ``(m, w, d)`` of every so many steps, in the order they arrive.

        Nothing is forecast after the last step, so what is seen there comes too late and stays out.
        """
        if self.observations is None:
            return None
        return self.observations[:, every - 1 : self.horizon - 1 : every].swapaxes(0, 1)


GROUP = 50
"""Held-out states, each of its own window, that are scored together."""


def held_out(exam: Exam, system: System, *, apart: bool) -> Exam:
    """Ask for the right-hand side at states of the horizon instead of a forecast.

    States that follow each other tell their right-hand side: for a map it is the next state, and
    for a flow a difference. States that are `apart` are the last ones of their windows and do not;
    they are scored in groups.
    """
    d = exam.truth.shape[2]
    states = exam.truth[:, -1].reshape(-1, GROUP, d) if apart else exam.truth
    slopes = system.rhs(0.0, states.reshape(-1, d)).reshape(states.shape)
    return replace(exam, states=states, truth=slopes, equation=polynomial(system))
