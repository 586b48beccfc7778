"""A realistic set of records: 10 forecasters on 8 systems, with every kind of failure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from chaosbench.evaluation import Record

if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEMS = (
    "aizawa", "chua", "halvorsen", "lorenz", "lorenz96", "mackey_glass", "rossler", "thomas",
)  # fmt: skip
# label: median VPT in Lyapunov times, D_stsp, D_H, fit seconds, MiB
FORECASTERS = {
    "sindy": (9.1, 0.2, 0.03, 1.6, 310.0),
    "esn:units=1000": (8.6, 0.4, 0.04, 1.3, 420.0),
    "esn": (7.4, 0.5, 0.05, 0.41, 260.0),
    "nvar": (5.6, 0.9, 0.07, 0.12, 240.0),
    "local_linear": (3.4, 0.7, 0.06, 0.03, 180.0),
    "random_forest": (1.4, 2.6, 0.14, 22.0, 910.0),
    "parroting": (1.1, 1.2, 0.09, 0.004, 150.0),
    "linear_regression": (0.6, 8.4, 0.61, 0.2, 190.0),
    "climatology": (0.12, 11.0, 1.0, 0.001, 120.0),
    "persistence": (0.08, 11.5, 1.0, 0.0004, 120.0),
}
HORIZON = 10.0
FAILURES = {
    ("sindy", "mackey_glass"): ("diverged", "the fitted equation left every bound at step 31"),
    ("sindy", "lorenz96"): ("timeout", "fit took longer than 600 s"),
    ("nvar", "lorenz96"): ("out_of_memory", "the process was killed at 4,096 MiB"),
    ("random_forest", "lorenz96"): ("crashed", "ValueError: <b>lags</b> & targets disagree"),
}


def record(forecaster: str, system: str, *, seed: int = 0, exam_seed: int = 0) -> Record:
    """Make the record of one cell, the same at every call."""
    number = [*FORECASTERS, "true_equation"].index(forecaster)
    rng = np.random.default_rng([number, SYSTEMS.index(system), seed, exam_seed])
    level, d_stsp, d_h, seconds, memory = FORECASTERS.get(forecaster, (14.0, 0.1, 0.02, 0.3, 200.0))
    ease = 0.6 + 0.12 * SYSTEMS.index(system)
    # errors grow e-fold in a Lyapunov time and cross 0.4 at the median valid time
    error = [0.4 * math.exp(t - level * ease) for t in (0.5, 1, 2, 5, 10)]
    status, message = FAILURES.get((forecaster, system), ("ok", ""))
    common = {
        "task": f"forecast/{system}-v1",
        "system": system,
        "forecaster": forecaster,
        "config": {"units": 1000} if "=" in forecaster else {},
        "seed": seed,
        "exam_seed": exam_seed,
        "status": status,
        "message": message,
        "privileged": forecaster == "true_equation",
        "provenance": {"chaosbench": "0.1.0", "python": "3.11.7", "dataset": "3f2a9c51"},
    }
    if status in ("timeout", "out_of_memory", "crashed"):
        return Record(**common)
    times = rng.gamma(4.0, level * ease / 3.67, size=20)
    if status == "diverged":
        times = 0.1 * times
    windows = {}
    for threshold, factor in (("0.3", 0.93), ("0.4", 1.0), ("0.5", 1.05)):
        scaled = factor * times
        windows[f"vpt@{threshold}"] = tuple(np.minimum(scaled, HORIZON).round(3).tolist())
        windows[f"censored@{threshold}"] = tuple((scaled >= HORIZON).astype(float).tolist())
    scores = {
        "d_stsp": d_stsp * rng.uniform(0.7, 1.4),
        "d_h": min(1.0, d_h * rng.uniform(0.8, 1.3)),
    }
    scores["mase"] = 12 / (0.3 + level) * rng.uniform(0.8, 1.2)
    for time, value in zip(("0.5", "1", "2", "5", "10"), error, strict=True):
        nrmse = min(value, 1.35) * rng.uniform(0.9, 1.1)
        scores[f"nrmse@{time}"] = nrmse
        scores[f"smape@{time}"] = min(200.0, 90 * nrmse)
    return Record(
        **common,
        scores=scores,
        window_scores=windows,
        fit_seconds=seconds * rng.uniform(0.8, 1.3),
        predict_seconds=0.2 * seconds,
        cpu_seconds=seconds,
        peak_memory_mib=memory * rng.uniform(0.95, 1.05),
    )


def pool(**changes: int) -> list[Record]:
    """Make every record of one exam, ceiling included."""
    return [
        record(forecaster, system, **changes)
        for forecaster in (*FORECASTERS, "true_equation")
        for system in SYSTEMS
    ]


@pytest.fixture(scope="session")
def records() -> tuple[Record, ...]:
    return tuple(pool())


@pytest.fixture(scope="session")
def make_exam() -> Callable[..., list[Record]]:
    return pool


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    return record
