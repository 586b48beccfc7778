"""The second version of a track: what forecasters and ceiling see alike, and for how long.

Version 1 rounds the context of the ceiling to single precision and ends after ten Lyapunov times,
where the best forecasters still stand. In version 2

- every sample is the double closest to the solution, and the ceiling starts from these doubles;
- the horizon lies beyond the ceiling;
- an angle is seen as its cosine and sine;
- the starting points depend on the track, so no context holds the future of another task.

The held-out states of an equation were neighbours in time, so that the next state of a map was
among them. In version 2 each is of another window, far from its context.
"""

from __future__ import annotations

import math
from dataclasses import replace

from chaosbench.tasks._task import Task

__all__ = ["RENEWED", "horizon", "renewed"]

RENEWED: dict[str, str] = {
    "forecast": "Every ranked system, as far ahead as doubles and the truth allow.",
    "zero-shot": "Every ranked system, learned from the context only.",
    "partial": "Every ranked system, one variable seen.",
    "noisy-5": "Every ranked system, seen through 5% noise.",
    "gaps": "Every ranked system, 30% of what is seen lost.",
    "few": "Every ranked flow and delay system from 1,000 points at 100 a period.",
    "noisy-20": "Every ranked system, seen through 20% noise.",
    "zero-shot-128": "Zero-shot from a context of 128 samples.",
    "zero-shot-2048": "Zero-shot from a context of 2,048 samples.",
    "equation": "Every ranked autonomous flow and map: recover the right-hand side.",
}
"""The tracks that have a second version, and what its suite of ranked systems is."""

EXACT_HORIZON = 50.0
"""Lyapunov times asked of flows and maps.

The rounding of a double, 1e-16 of the state, grows to the threshold in ln(0.4/1e-16) = 36 Lyapunov
times in the mean. In one window it takes 25 to 45, because growth is uneven; of 40 Lyapunov times
the ceiling would outlive every sixth. Truth in double-double lasts for about 55, and in a window
where errors grow faster its certificate ends earlier just as the ceiling does.
"""

MOST_STEPS = 6000
"""Steps of the longest forecast."""

MOST_PER_LYAPUNOV = MOST_STEPS / EXACT_HORIZON
"""Samples per Lyapunov time that the horizon of flows and maps leaves room for."""

THRESHOLD = 0.4
"""Threshold of the valid prediction time that is ranked."""

ASSIMILATED = 2.0
"""Lyapunov times that the ceiling gains by fitting a noisy context."""

HORIZONS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


STATES = 500
"""Held-out states of an equation, each at the end of a window of its own."""

APART = 20.0
"""Lyapunov times between the context of a window and its held-out state."""


def horizon(noise: float) -> float:
    """Return the Lyapunov times that are asked for.

    Noise lowers the ceiling to about ln(0.4/noise) Lyapunov times, in which an error of the size
    of the noise reaches the threshold, and the two that it gains by fitting the context. Twice
    that is asked.
    """
    if not noise:
        return EXACT_HORIZON
    return float(math.ceil(2.0 * (math.log(THRESHOLD / noise) + ASSIMILATED)))


def renewed(task: Task) -> Task | None:
    """Return the second version of a task; None if its track has none."""
    if task.track not in RENEWED:
        return None
    if task.asks == "equation":
        dataset = replace(
            task.dataset, windows=STATES, context=1, horizon_lyapunov=APART,
            horizon_at_most=MOST_STEPS, stream=task.track,
        )  # fmt: skip
        return replace(task, id=f"{task.track}/{task.system}-v2", dataset=dataset, apart=True)
    dataset = replace(
        task.dataset,
        horizon_lyapunov=horizon(task.dataset.noise),
        horizon_at_most=MOST_STEPS,
        stream=task.track,
        exact=True,
        bounded=True,
        # the track `few` has a rate of its own
        most_per_lyapunov=MOST_PER_LYAPUNOV if task.dataset.clock == "fastest" else 0.0,
    )
    observed = task.observed
    if observed is not None:
        seen = dataset.observables(task.system)
        observed = tuple(name for variable in observed for name in seen.seen_of(variable))
    return replace(
        task,
        id=f"{task.track}/{task.system}-v2",
        dataset=dataset,
        observed=observed,
        horizons=HORIZONS,
    )
