"""Timing side by side: every case once a round, round after round, ratios within each round.

What else the machine does then hits all cases alike, and the spread over rounds says how much it
did.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

import numpy as np

Times = dict[str, np.ndarray]


def interleave(
    cases: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 1,
    inner: Mapping[str, int] | None = None,
) -> Times:
    """Return seconds a call, ``(rounds,)`` for each case.

    Args:
        cases: what to call.
        rounds: how often each is timed.
        warm_up: calls of each before the clock starts.
        inner: calls within one timing, for cases too short to be timed alone.

    """
    inner = inner or {}
    for function in cases.values():
        for _ in range(warm_up):
            function()
    times: Times = {name: np.empty(rounds) for name in cases}
    gc.collect()
    gc.disable()
    try:
        for k in range(rounds):
            for name, function in cases.items():
                count = inner.get(name, 1)
                start = time.perf_counter()
                for _ in range(count):
                    function()
                times[name][k] = (time.perf_counter() - start) / count
    finally:
        gc.enable()
    return times


def spread(values: np.ndarray) -> str:
    """Return minimum, median and maximum."""
    return " / ".join(f"{v:.3g}" for v in (values.min(), np.median(values), values.max()))


def report(times: Times, ours: str, notes: Mapping[str, str] | None = None) -> None:
    """Print milliseconds and the ratio to `ours`, each as minimum / median / maximum."""
    notes = notes or {}
    width = max(map(len, times))
    for name, values in times.items():
        ratio = "" if name == ours else f"  x ours {spread(values / times[ours]):>24}"
        print(f"  {name:{width}}  ms {spread(1e3 * values):>24}{ratio}  {notes.get(name, '')}")
