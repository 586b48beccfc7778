"""The largest Lyapunov exponent of a recording: given, estimated from the data, or unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from chaosbench.errors import InputError
from chaosbench.series import largest_exponent
from chaosbench.trajectories import FloatArray

__all__ = ["Exponent", "exponent_of"]

LONGEST = 20_000
"""Samples that are looked at; the last ones."""


@dataclass(frozen=True)
class Exponent:
    """What is known of the largest Lyapunov exponent.

    Attributes:
        value: per time unit; None where it is not known.
        error: its standard error; None where it was given, or is not known.
        source: where it comes from.
        method: of the estimate; empty without one.
        reason: why it is not known; empty where it is.

    """

    value: float | None
    error: float | None
    source: Literal["estimated", "given", "unknown"]
    method: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text."""
        return vars(self) | {}


def exponent_of(asked: str | float, series: FloatArray, dt: float, variable: str) -> Exponent:
    """Return the exponent that was given, or estimate it.

    Args:
        asked: ``estimate``, ``unknown`` or a number per time unit.
        series: the longest stretch of one variable without a gap, of the training part ``(T,)``.
        dt: sampling step.
        variable: its name.

    Raises:
        InputError: neither a word that is known nor a positive number.

    """
    if asked == "unknown":
        return Exponent(None, None, "unknown", reason="nobody asked for an estimate")
    if asked != "estimate":
        try:
            value = float(asked)
        except (TypeError, ValueError):
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise InputError(
                f"the exponent is a positive number per time unit, 'estimate' or 'unknown', not "
                f"{asked!r}"
            )
        return Exponent(value, None, "given")
    try:
        found = largest_exponent(series[-LONGEST:], dt)
    except InputError as error:  # a series that it does not take, such as a very short one
        return Exponent(None, None, "unknown", "rosenstein", " ".join(str(error).split()))
    method = f"{found.method}, of {variable}"
    if not found.value > 0:  # NaN where it cannot be told
        reason = (found.reason or "the estimate is not positive").rstrip(".")
        return Exponent(None, None, "unknown", method, reason)
    spread = float(found.error) if math.isfinite(found.error) else None
    return Exponent(float(found.value), spread, "estimated", method)
