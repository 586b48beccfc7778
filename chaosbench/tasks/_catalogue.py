"""The tracks and suites, as data."""

from __future__ import annotations

from importlib import resources

from chaosbench.datasets import Dataset
from chaosbench.registry import Registry
from chaosbench.systems import registry as systems
from chaosbench.systems._constants import known_constants
from chaosbench.tasks._task import Suite, Task

__all__ = ["suites", "tasks"]

LITE = (
    "lorenz", "rossler", "thomas", "chua", "lorenz96", "duffing", "henon", "mackey_glass",
)  # fmt: skip

FORECAST_METRICS = ("vpt", "smape", "nrmse", "mase", "crps", "energy_score", "d_stsp", "d_h")


def _forecast(system: str) -> Task:
    """Build the track `forecast`: how far ahead?"""
    return Task(
        id=f"forecast/{system}-v1",
        dataset=Dataset(systems=(system,)),
        metrics=FORECAST_METRICS,
    )


def _few(system: str) -> Task:
    """Build the track `few`: how far with little data? (Gilpin 2023)."""
    return Task(
        id=f"few/{system}-v1",
        dataset=Dataset(
            systems=(system,), train_points=1000, clock="period", rate=100.0,
            horizon_lyapunov=1e6, horizon_at_most=5000,
        ),
        metrics=FORECAST_METRICS,
    )  # fmt: skip


def _noisy(system: str, percent: int) -> Task:
    """Build the tracks `noisy-5` and `noisy-20`: how far from noisy observations?"""
    return Task(
        id=f"noisy-{percent}/{system}-v1",
        dataset=Dataset(systems=(system,), noise=percent / 100),
        metrics=FORECAST_METRICS,
    )


def _gaps(system: str) -> Task:
    """Build the track `gaps`: how far when samples are missing?"""
    return Task(
        id=f"gaps/{system}-v1",
        dataset=Dataset(systems=(system,), missing=0.3),
        metrics=FORECAST_METRICS,
    )


def _partial(system: str) -> Task:
    """Build the track `partial`: how far from one variable?"""
    return Task(
        id=f"partial/{system}-v1",
        dataset=Dataset(systems=(system,)),
        metrics=FORECAST_METRICS,
        observed=systems[system].variables[:1],
    )


def _zero_shot(system: str) -> Task:
    """Build the track `zero-shot`: how far from the context alone? (Zhang & Gilpin 2024)."""
    return Task(
        id=f"zero-shot/{system}-v1",
        dataset=Dataset(systems=(system,), train_points=2, clock="lyapunov"),
        metrics=FORECAST_METRICS,
        learn="context",
    )


def _fill_tasks() -> None:
    folder = resources.files("chaosbench.systems") / "constants"
    measured = {entry.name.removesuffix(".json") for entry in folder.iterdir()}
    for name in systems:
        if name not in measured:  # no sampling step and no Lyapunov time
            continue
        if systems[name].kind == "stochastic":  # no forecast can follow the noise
            continue
        made = [_forecast(name), _noisy(name, 5), _noisy(name, 20), _gaps(name)]
        if systems[name].dimension > 1:
            made.append(_partial(name))
        if systems[name].kind != "map":  # there is no more than one sample a period
            made.append(_few(name))
        known = known_constants(systems[name])
        if known is not None and known.lyapunov_time is not None:
            made.append(_zero_shot(name))
        for task in made:
            tasks.add(task.id, task)


def _fill_suites() -> None:
    lite = Suite(
        id="lite-v1",
        description="Eight systems of every kind: minutes on a laptop.",
        tasks=tuple(f"forecast/{name}-v1" for name in LITE),
    )
    suites.add(lite.id, lite, aliases=("lite",))
    ranked = [name for name in systems if _is_ranked(name)]
    for track, description in {
        "forecast": "Every ranked system, ten Lyapunov times ahead.",
        "few": "Every ranked flow and delay system from 1,000 points at 100 a period.",
        "noisy-5": "Every ranked system, seen through 5% noise.",
        "noisy-20": "Every ranked system, seen through 20% noise.",
        "gaps": "Every ranked system, 30% of what is seen lost.",
        "partial": "Every ranked system, one variable seen.",
        "zero-shot": "Every ranked system, nothing learned but from the context.",
    }.items():
        members = tuple(f"{track}/{name}-v1" for name in ranked if f"{track}/{name}-v1" in tasks)
        suites.add(f"{track}-v1", Suite(f"{track}-v1", description, members), aliases=(track,))


def _is_ranked(name: str) -> bool:
    known = known_constants(systems[name])
    return known is not None and known.ranked


tasks: Registry[Task] = Registry("task", populate=_fill_tasks)
suites: Registry[Suite] = Registry("suite", populate=_fill_suites)
