"""Checks of a forecaster's settings, and the limit of one BLAS thread."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from chaosbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "require_choice",
    "require_flag",
    "require_integer",
    "require_real",
    "single_threaded",
]

P = ParamSpec("P")
R = TypeVar("R")


def require_integer(
    config: Any, name: str, *, minimum: int | None = None, optional: bool = False
) -> None:
    """Raise `ParameterError` unless the setting is an integer of at least `minimum`."""
    value = getattr(config, name)
    if optional and value is None:
        return
    wrong_type = isinstance(value, bool) or not isinstance(value, int)
    if wrong_type or (minimum is not None and value < minimum):
        bound = "" if minimum is None else f" of at least {minimum}"
        none = " or None" if optional else ""
        raise ParameterError(
            f"{type(config).__name__}: {name} must be an integer{bound}{none}, not {value!r}"
        )


def require_real(
    config: Any,
    name: str,
    *,
    low: float = 0.0,
    high: float = math.inf,
    open_low: bool = False,
    optional: bool = False,
) -> None:
    """Raise `ParameterError` unless the setting is a finite number within [low, high]."""
    value = getattr(config, name)
    if optional and value is None:
        return
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if good:
        above = value > low if open_low else value >= low
        good = math.isfinite(value) and above and value <= high
    if not good:
        bound = f"above {low:g}" if open_low else f"at least {low:g}"
        if math.isfinite(high):
            bound += f" and at most {high:g}"
        if optional:
            bound += " or None"
        raise ParameterError(
            f"{type(config).__name__}: {name} must be a finite number {bound}, not {value!r}"
        )


def require_choice(config: Any, name: str, choices: Sequence[str]) -> None:
    """Raise `ParameterError` unless the setting is one of `choices`."""
    value = getattr(config, name)
    if value not in choices:
        raise ParameterError(
            f"{type(config).__name__}: {name} must be one of {', '.join(map(repr, choices))}, "
            f"not {value!r}"
        )


def require_flag(config: Any, name: str, *, optional: bool = False) -> None:
    """Raise `ParameterError` unless the setting is True or False."""
    value = getattr(config, name)
    if isinstance(value, bool) or (optional and value is None):
        return
    none = ", or None" if optional else ""
    raise ParameterError(
        f"{type(config).__name__}: {name} must be True or False{none}, not {value!r}"
    )


def single_threaded(function: Callable[P, R]) -> Callable[P, R]:
    """Limit BLAS to one thread during each call.

    With more threads, the order of summation and so the last bits of a forecast would depend on the
    number of cores. On matrices this small, threads also cost more time than they save.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        # scipy loads its own BLAS, and the limit reaches only libraries that are already loaded.
        import scipy.linalg  # noqa: F401
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return wrapped
