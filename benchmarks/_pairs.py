"""Interleaved timing: every case runs once per round, and ratios are taken within each round.

Other work on the machine then affects all cases equally, and the spread over rounds shows how much
other work there was.
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
    """Return seconds per call, ``(rounds,)`` for each case.

    Args:
        cases: functions to call, by name.
        rounds: number of timings of each case.
        warm_up: calls of each case before the timings.
        inner: calls within one timing, for cases that are too short to be timed alone.

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
