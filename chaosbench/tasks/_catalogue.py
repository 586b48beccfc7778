"""The tracks and suites, as data."""

from __future__ import annotations

from importlib import resources

from chaosbench.datasets import Dataset
from chaosbench.registry import Registry
from chaosbench.systems import registry as systems
from chaosbench.tasks._task import Suite, Task

__all__ = ["suites", "tasks"]

LITE = (
    "lorenz", "rossler", "thomas", "chua", "lorenz96", "duffing", "henon", "mackey_glass",
)  # fmt: skip

FORECAST_METRICS = ("vpt", "smape", "nrmse", "mase", "d_stsp", "d_h")


def _forecast(system: str) -> Task:
    """Build the track `forecast`: how far ahead?"""
    return Task(
        id=f"forecast/{system}-v1",
        dataset=Dataset(systems=(system,)),
        metrics=FORECAST_METRICS,
    )


def _fill_tasks() -> None:
    folder = resources.files("chaosbench.systems") / "constants"
    measured = {entry.name.removesuffix(".json") for entry in folder.iterdir()}
    for name in systems:
        if name in measured:  # without constants there is no sampling step and no Lyapunov time
            tasks.add(f"forecast/{name}-v1", _forecast(name))


def _fill_suites() -> None:
    lite = Suite(
        id="lite-v1",
        description="Eight systems of every kind: minutes on a laptop.",
        tasks=tuple(f"forecast/{name}-v1" for name in LITE),
    )
    suites.add(lite.id, lite, aliases=("lite",))


tasks: Registry[Task] = Registry("task", populate=_fill_tasks)
suites: Registry[Suite] = Registry("suite", populate=_fill_suites)
