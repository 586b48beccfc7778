"""The tracks: one function each, from a system's name to its task, None where it makes no sense."""

from __future__ import annotations

from collections.abc import Callable

from chaosbench.datasets import Dataset
from chaosbench.dynamics.stored import known_constants
from chaosbench.systems import FieldSystem, Flow, Map, System
from chaosbench.tasks._shifts import SHIFTS
from chaosbench.tasks._task import Task

__all__ = ["FORECAST_METRICS", "TRACKS", "all_of_it"]

FORECAST_METRICS = ("vpt", "smape", "nrmse", "mase", "crps", "energy_score", "d_stsp", "d_h")
CLIMATE_METRICS = ("d_stsp", "d_h", "sw1", "mean_error", "spread_error")
EQUATION_METRICS = ("derivative_smape", "structure_f1", "coefficient_error")


def all_of_it(steps: int) -> dict[str, float | int]:
    """Ask for exactly this many steps, however many Lyapunov times they are."""
    return {"horizon_lyapunov": 1e6, "horizon_at_most": steps}


def _chaotic(system: System) -> bool:
    known = known_constants(system)
    return known is not None and known.lyapunov_time is not None


def _forecast(system: System) -> Task:
    """Build the track `forecast`: how far ahead?"""
    return Task(
        id=f"forecast/{system.name}-v1",
        dataset=Dataset(systems=(system.name,)),
        metrics=FORECAST_METRICS,
    )


def _few(system: System) -> Task | None:
    """Build the track `few`: how far with little data? (Gilpin 2023)."""
    if system.discrete:  # there is no more than one sample a period
        return None
    return Task(
        id=f"few/{system.name}-v1",
        dataset=Dataset(
            systems=(system.name,), train_points=1000, clock="period", rate=100.0,
            horizon_lyapunov=1e6, horizon_at_most=5000,
        ),
        metrics=FORECAST_METRICS,
    )  # fmt: skip


def _noisy_5(system: System) -> Task | None:
    """Build the track `noisy-5`: how far from noisy observations?"""
    return _noisy(system, 5)


def _noisy_20(system: System) -> Task | None:
    """Build the track `noisy-20`: how far from very noisy observations?"""
    return _noisy(system, 20)


def _noisy(system: System, percent: int) -> Task | None:
    if isinstance(system, FieldSystem):  # its ceiling would have to assimilate noisy fields
        return None
    return Task(
        id=f"noisy-{percent}/{system.name}-v1",
        dataset=Dataset(systems=(system.name,), noise=percent / 100),
        metrics=FORECAST_METRICS,
    )


def _gaps(system: System) -> Task:
    """Build the track `gaps`: how far when samples are missing?"""
    return Task(
        id=f"gaps/{system.name}-v1",
        dataset=Dataset(systems=(system.name,), missing=0.3),
        metrics=FORECAST_METRICS,
    )


def _partial(system: System) -> Task | None:
    """Build the track `partial`: how far from one variable?"""
    if system.dimension == 1:
        return None
    return Task(
        id=f"partial/{system.name}-v1",
        dataset=Dataset(systems=(system.name,)),
        metrics=FORECAST_METRICS,
        observed=system.variables[:1],
    )


def _zero_shot(system: System, context: int = 512, track: str = "zero-shot") -> Task | None:
    """Build the track `zero-shot`: how far from the context alone? (Zhang & Gilpin 2024)."""
    if not _chaotic(system):
        return None
    return Task(
        id=f"{track}/{system.name}-v1",
        dataset=Dataset(systems=(system.name,), train_points=2, clock="lyapunov", context=context),
        metrics=(*FORECAST_METRICS, "vpt_smape"),
        learn="context",
    )


def _zero_shot_128(system: System) -> Task | None:
    """Build the track `zero-shot-128`: how far from a short context alone?"""
    return _zero_shot(system, 128, "zero-shot-128")


def _zero_shot_2048(system: System) -> Task | None:
    """Build the track `zero-shot-2048`: how far from a long context alone?"""
    return _zero_shot(system, 2048, "zero-shot-2048")


def _climate(system: System) -> Task | None:
    """Build the track `climate`: is the attractor right?"""
    if not system.stationary:  # a phase that winds up has no attractor to compare
        return None
    return Task(
        id=f"climate/{system.name}-v1",
        dataset=Dataset(systems=(system.name,), windows=3, **all_of_it(10_000)),  # type: ignore[arg-type]
        metrics=CLIMATE_METRICS,
        ranked="d_stsp",
        asks="climate",
        dropped=0.25,
    )


def _shift(system: System) -> Task | None:
    """Build the track `shift`: how far when a parameter has drifted since the training?"""
    return _shifted(system, "shift", 0.0)


def _shift_switch(system: System) -> Task | None:
    """Build the track `shift-switch`: how far when the regime switches inside the context?"""
    return _shifted(system, "shift-switch", 0.5)


def _shifted(system: System, track: str, switch: float) -> Task | None:
    change = SHIFTS.get(system.name)
    if change is None:
        return None
    return Task(
        id=f"{track}/{system.name}-v1",
        dataset=Dataset(
            systems=(system.name,), shift=((change.parameter, change.value),), switch=switch
        ),
        metrics=FORECAST_METRICS,
    )


def _field(system: System) -> Task | None:
    """Build the track `field`: how far in high dimension?

    Fewer windows and a shorter context than `forecast`, because a field has many variables.
    """
    if "spatiotemporal" not in system.tags:
        return None
    return Task(
        id=f"field/{system.name}-v1",
        dataset=Dataset(systems=(system.name,), windows=10, context=128),
        metrics=FORECAST_METRICS,
    )


def _assimilate(system: System) -> Task | None:
    """Build the track `assimilate`: can a forecast be corrected by what is observed meanwhile?

    Flows only: a map's iterates have nothing between them to interpolate, and with the state of a
    delay system its past would have to be assimilated. Five windows: their errors differ less than
    valid prediction times do, and the ceiling has a fit to make at every observation.
    """
    if not isinstance(system, Flow) or not _chaotic(system):
        return None
    return Task(
        id=f"assimilate/{system.name}-v1",
        dataset=Dataset(
            systems=(system.name,), windows=5, noise=0.1, observe_every=5,
            horizon_lyapunov=5.0, horizon_at_most=500,
        ),
        metrics=FORECAST_METRICS,
        ranked="nrmse",
    )  # fmt: skip


def _equation(system: System) -> Task | None:
    """Build the track `equation`: what is the right-hand side?

    It must depend on the state alone. That of a driven system also depends on
    the time, and that of a delay system on the past.
    """
    if system.driven or not isinstance(system, (Flow, Map)):
        return None
    return Task(
        id=f"equation/{system.name}-v1",
        dataset=Dataset(systems=(system.name,), context=64, **all_of_it(50)),  # type: ignore[arg-type]
        metrics=EQUATION_METRICS,
        ranked="derivative_smape",
        asks="equation",
    )


TRACKS: dict[str, tuple[Callable[[System], Task | None], str]] = {
    "forecast": (_forecast, "Every ranked system, ten Lyapunov times ahead."),
    "few": (_few, "Every ranked flow and delay system from 1,000 points at 100 a period."),
    "noisy-5": (_noisy_5, "Every ranked system, seen through 5% noise."),
    "noisy-20": (_noisy_20, "Every ranked system, seen through 20% noise."),
    "gaps": (_gaps, "Every ranked system, 30% of what is seen lost."),
    "partial": (_partial, "Every ranked system, one variable seen."),
    "zero-shot": (_zero_shot, "Every ranked system, learned from the context only."),
    "zero-shot-128": (_zero_shot_128, "Zero-shot from a context of 128 samples."),
    "zero-shot-2048": (_zero_shot_2048, "Zero-shot from a context of 2,048 samples."),
    "climate": (_climate, "Every ranked system with an attractor: is a free run's climate right?"),
    "shift": (_shift, "Ranked systems with one parameter that drifts between training and test."),
    "shift-switch": (_shift_switch, "The same systems, switching inside the context."),
    "field": (_field, "Every ranked system that is extended in space."),
    "assimilate": (
        _assimilate,
        "Every ranked chaotic flow, forecasts corrected by sparse noisy observations.",
    ),
    "equation": (
        _equation,
        "Every ranked autonomous flow and map: recover the right-hand side.",
    ),
}
"""How each track makes its task, and what its suite of ranked systems is."""
