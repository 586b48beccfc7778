"""What the harness asks a forecaster's process for one cell."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chaosbench.evaluation._cell import Cell
from chaosbench.evaluation._spec import ForecasterSpec
from chaosbench.evaluation.exam import Exam, SealedExam
from chaosbench.isolation.outcome import Outcome
from chaosbench.isolation.settings import encoded
from chaosbench.provenance import digest
from chaosbench.systems import registry as systems
from chaosbench.trajectories import FloatArray

IntArray = NDArray[np.int64]

__all__ = ["Server", "ask", "request"]


class Server(Protocol):
    """A forecaster's process, here or on another machine."""

    def run(
        self,
        job: dict[str, Any],
        train: FloatArray,
        context: FloatArray | None = None,
        *,
        states: FloatArray | None = None,
        observations: FloatArray | None = None,
    ) -> Outcome:
        """Serve one request."""
        ...

    def retire(self) -> None:
        """End what is under way, from another thread."""
        ...

    def close(self) -> None:
        """Clean up."""
        ...


def ask(server: Server, cell: Cell, exam: Exam, seconds: float) -> Outcome:
    """Have a cell's forecaster fitted and its forecasts made, its settings chosen before.

    While they are chosen the process holds the training data only, and the code that asks for it
    sees a `SealedExam`; the contexts follow with the second request.
    """
    job = request(cell.spec, exam, seed=cell.seed, learn=cell.task.learn)
    every = cell.task.dataset.observe_every
    job |= {
        "asks": cell.task.asks,
        "discrete": cell.task.recording is None and systems[cell.task.system].discrete,
        "observe_every": every,
        "ranked": cell.task.ranked,
        "dropped": cell.task.dropped,
    }
    order = None if exam.states is None else _order(cell, exam.states)
    more = {"states": _reordered(exam.states, order), "observations": exam.arrivals(every)}
    given = {name: array for name, array in more.items() if array is not None}

    def answer(job: dict[str, Any]) -> Outcome:
        outcome = server.run(job, exam.train, exam.context, **given)
        if order is None or outcome.values is None:
            return outcome
        return replace(outcome, values=_reordered(outcome.values, np.argsort(order)))

    if not cell.tune:
        return answer(job)
    start = time.monotonic()
    chosen = _choose(server, job, SealedExam(exam), cell.tune, seconds)
    if chosen.status != "ok" or chosen.config is None:
        return chosen
    left = seconds - (time.monotonic() - start)
    made = answer(job | {"config": encoded(chosen.config), "seconds": left})
    costs = dict(made.costs)
    for name in ("fit_seconds", "cpu_seconds"):
        if name in costs:
            costs[name] += chosen.costs.get(name, 0.0)
    if "peak_memory_mib" in costs:
        costs["peak_memory_mib"] = max(costs["peak_memory_mib"], chosen.costs["peak_memory_mib"])
    return replace(made, config=chosen.config, tried=chosen.tried, costs=costs)


def _order(cell: Cell, states: FloatArray) -> IntArray:
    """Shuffle held-out states over all windows: where they are neighbours, one tells the next.

    The order depends on the exam, like all that is random in it, so that a score can be recomputed.
    """
    seed = int(digest({"states": cell.task.dataset.hash}, 16), 16)
    return np.random.default_rng(seed).permutation(states[..., 0].size)


def _reordered(states: FloatArray | None, order: IntArray | None) -> FloatArray | None:
    if states is None or order is None:
        return states
    return states.reshape(-1, states.shape[2])[order].reshape(states.shape)


def _choose(
    server: Server, job: dict[str, Any], exam: SealedExam, count: int, seconds: float
) -> Outcome:
    search = {
        "duty": "tune", "tune": count, "context": exam.context_length, "seconds": seconds,
    }  # fmt: skip
    return server.run(job | search, exam.train)


class Timed(Protocol):
    """Something that says how it is sampled and how many steps it asks for."""

    @property
    def dt(self) -> float:
        """Sampling step."""
        ...

    @property
    def horizon(self) -> int:
        """Steps to forecast."""
        ...


def request(spec: ForecasterSpec, exam: Timed, *, seed: int, learn: str) -> dict[str, Any]:
    """Say which forecaster, with which settings, on data of which step; no names, no system."""
    return {
        "duty": "forecast",
        "forecaster": spec.name,
        "config": encoded(spec.config),
        "libraries": list(spec.libraries),
        "plugins": [path for path, _ in spec.plugins],
        "seed": seed,
        "learn": learn,
        "dt": exam.dt,
        "horizon": exam.horizon,
    }
