"""The tasks behind the questions of a season."""

from __future__ import annotations

from dataclasses import replace

from chaosbench.seasons._plan import Season
from chaosbench.seasons._secret import seed_of
from chaosbench.tasks import Task, get

__all__ = ["task_of"]

LYAPUNOV_TIMES = 45.0
"""What a question asks for at least, where its steps allow it; the ceiling reaches about 37."""


def task_of(season: Season, secret: bytes, name: str, group: str) -> Task:
    """Return the task of a question, whose system must be loaded.

    It is that of the track `forecast`. The number of steps is one of three, so that it does not
    tell the exponent.
    """
    usual = get(f"forecast/{name}-v2")
    most = season.steps_at_most
    data = replace(
        usual.dataset,
        seed=seed_of(secret, season.id, "data"),  # one exam; the stream keeps questions apart
        train_points=season.train_points,
        windows=season.windows,
        context=season.context,
        most_per_lyapunov=most / LYAPUNOV_TIMES,
        stream=f"{season.id}/{name}",
    )
    pace = replace(data, horizon_lyapunov=LYAPUNOV_TIMES, horizon_at_most=most).pace(name)
    steps = next(s for s in (most // 4, most // 2, most) if s >= pace.horizon or s == most)
    data = replace(data, horizon_lyapunov=1e6, horizon_at_most=steps)
    return replace(usual, id=f"{season.id}-{group}/{name}-v1", dataset=data)
