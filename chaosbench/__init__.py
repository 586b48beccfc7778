"""chaosbench: how far can a forecaster see into chaos, at what cost, and can you trust it?

>>> import chaosbench as cb
>>> train = cb.simulate("lorenz", points=5000, points_per_period=100, seed=0)
>>> predictor = cb.forecasters["persistence"]().fit(train, seed=0)
>>> predictor.predict(train.values[:, -512:], 300).values.shape
(1, 300, 3)

Names load when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from chaosbench import metrics as metrics
    from chaosbench import series as series
    from chaosbench.datasets import Dataset as Dataset
    from chaosbench.datasets import generate as generate
    from chaosbench.datasets.recordings import import_recording as import_recording
    from chaosbench.datasets.recordings import load_recordings as load_recordings
    from chaosbench.dynamics import characterise as characterise
    from chaosbench.dynamics import constants as constants
    from chaosbench.dynamics import lyapunov_spectrum as lyapunov_spectrum
    from chaosbench.dynamics import simulate as simulate
    from chaosbench.errors import ChaosbenchError as ChaosbenchError
    from chaosbench.evaluation import Analysis as Analysis
    from chaosbench.evaluation import Record as Record
    from chaosbench.evaluation import Records as Records
    from chaosbench.evaluation import analyse as analyse
    from chaosbench.evaluation import evaluate as evaluate
    from chaosbench.evaluation import read_records as read_records
    from chaosbench.forecasters import Forecast as Forecast
    from chaosbench.forecasters import registry as forecasters
    from chaosbench.growth import grow as grow
    from chaosbench.leaderboard import build as leaderboard
    from chaosbench.systems import System as System
    from chaosbench.systems import delay as delay
    from chaosbench.systems import field as field
    from chaosbench.systems import flow as flow
    from chaosbench.systems import load_systems as load_systems
    from chaosbench.systems import map as map  # noqa: A004
    from chaosbench.systems import registry as systems
    from chaosbench.systems import stochastic as stochastic
    from chaosbench.tasks import registry as tasks
    from chaosbench.trajectories import Trajectories as Trajectories

_PACKAGES = (
    "datasets", "errors", "forecasters", "leaderboard", "metrics", "series", "systems", "tasks",
)  # fmt: skip

_HOMES = {
    "Analysis": "evaluation",
    "ChaosbenchError": "errors",
    "Dataset": "datasets",
    "Forecast": "forecasters",
    "Record": "evaluation",
    "Records": "evaluation",
    "System": "systems",
    "Trajectories": "trajectories",
    "analyse": "evaluation",
    "characterise": "dynamics",
    "constants": "dynamics",
    "delay": "systems",
    "evaluate": "evaluation",
    "field": "systems",
    "flow": "systems",
    "generate": "datasets",
    "import_recording": "datasets.recordings",
    "load_recordings": "datasets.recordings",
    "grow": "growth",
    "load_systems": "systems",
    "lyapunov_spectrum": "dynamics",
    "map": "systems",
    "read_records": "evaluation",
    "simulate": "dynamics",
    "stochastic": "systems",
}

__all__ = [
    "Analysis", "ChaosbenchError", "Dataset", "Forecast", "Record", "Records", "System",
    "Trajectories", "analyse", "characterise", "constants", "delay", "evaluate", "field", "flow",
    "forecasters", "generate", "grow", "import_recording",
    "leaderboard", "load_recordings", "load_systems", "lyapunov_spectrum", "map", "metrics",
    "read_records", "series", "simulate", "stochastic", "systems", "tasks",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"chaosbench.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"chaosbench.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'chaosbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "datasets", "errors"])
