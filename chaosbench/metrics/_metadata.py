"""Metadata of a metric that tables need: its unit, its direction and its worst value."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from chaosbench.registry import Registry

__all__ = ["Direction", "Metric", "metric", "registry"]

Direction = Literal["higher", "lower"]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Metric:
    """A metric function with the metadata needed to read its values.

    Attributes:
        name: name of the function in `chaosbench.metrics`.
        function: the function itself; calling the Metric calls it.
        unit: unit of the value, empty for a pure number.
        direction: whether ``higher`` or ``lower`` is better.
        worst: value for a forecast without a finite entry. It is infinite only if the value has the
            unit of the data, because then no finite number is the worst.
        range: smallest and largest possible value.
        digits: decimals to print.
        label: short name for a column head.
        source: key of the reference that defines the metric.

    """

    name: str
    function: Callable[..., Any]
    unit: str
    direction: Direction
    worst: float
    range: tuple[float, float]
    digits: int
    label: str
    source: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @property
    def arrow(self) -> str:
        """``↑`` if higher is better, ``↓`` if lower is better."""
        return "↑" if self.direction == "higher" else "↓"

    def format(self, value: float) -> str:
        """Format `value` with the metric's decimals, a huge one with two digits, NaN as a dash."""
        if math.isnan(value):
            return "–"
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        if abs(value) >= HUGE:
            return f"{value:.1e}"
        return f"{value:.{self.digits}f}"


registry: Registry[Metric] = Registry("metric")

HUGE = 1e5
"""From this value on, a score means that the forecast diverged, and decimals are meaningless."""


def metric(
    *,
    unit: str,
    direction: Direction,
    worst: float,
    limits: tuple[float, float],
    digits: int,
    label: str,
    source: str,
    aliases: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Register the decorated function, unchanged, with its metadata (see `Metric`)."""

    def register(function: F) -> F:
        name = function.__name__
        value = Metric(name, function, unit, direction, worst, limits, digits, label, source)
        registry.add(name, value, aliases=aliases)
        return function

    return register
