"""What the adapters of darts share: silenced output, and arrays as darts' series."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaosbench.trajectories import FloatArray

__all__ = ["series", "silence"]


@contextmanager
def silence() -> Iterator[None]:
    """Suppress warnings and log lines of darts and of the libraries that it uses."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)


def series(z: FloatArray) -> list[Any]:
    """Turn ``(n, T, d)`` into a list of darts series, one per trajectory."""
    from darts import TimeSeries

    return [TimeSeries.from_values(trajectory) for trajectory in z]
