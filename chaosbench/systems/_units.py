"""The same system in other units: every variable measured in a unit of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chaosbench.systems.tracing import Layout, flatten

__all__ = ["rescaled"]


def rescaled(
    function: Callable[..., Any],
    layout: Layout,
    units: Sequence[float],
    others: dict[str, float],
    results: Sequence[float] | None,
) -> Callable[..., Any]:
    """Return a definition whose state is in `units`, and its results in units of their own.

    Args:
        function: called by position with all arguments of the layout, or by name with some.
        layout: the positional arguments.
        units: of the state variables ``(d,)``.
        others: units of the arguments that are neither state nor the time.
        results: what each result is divided by; None to leave them as they are.

    """
    named: dict[str, Any] = dict(others)
    rest = iter(units)
    for entry in layout:
        if isinstance(entry, tuple):
            named[entry[0]] = np.array([next(rest) for _ in range(entry[1])])
        elif entry != "t" and entry not in others:
            named[entry] = next(rest)

    def scale(name: str, value: Any) -> Any:
        return value * named[name] if name in named else value

    def names() -> Iterator[str]:
        return (entry[0] if isinstance(entry, tuple) else entry for entry in layout)

    @functools.wraps(function)
    def wrapped(*args: Any, **values: Any) -> Any:
        placed = [scale(name, value) for name, value in zip(names(), args, strict=False)]
        made = function(*placed, **{name: scale(name, value) for name, value in values.items()})
        if results is None:
            return made
        return tuple(value / unit for value, unit in zip(flatten(made), results, strict=True))

    return wrapped
