"""Every exception that chaosbench raises on purpose.

::

    ChaosbenchError
    ├── InputError (ValueError)          the input is wrong; the CLI exits with 2
    │   ├── UnknownNameError (KeyError)  no such system, task, metric or forecaster
    │   ├── ParameterError               a parameter or setting that does not exist or is not finite
    │   ├── DefinitionError              a system's function cannot be traced
    │   ├── StaleConstantsError          stored constants belong to another equation
    │   ├── CorruptDataError             a file is truncated, edited or foreign
    │   └── RecipeMismatchError          an output directory holds something else
    ├── IntegrationError                 a trajectory could not be computed; carries the time
    │   ├── TrajectoryEscapedError       the state left every bound or became non-finite
    │   └── StepSizeError                the step size underflowed or the step budget ran out
    ├── ExamSealedError                  the exam was touched while settings were being chosen
    └── ForecastFailure                  a forecaster gives up; becomes the status of a Record
        ├── DivergedError                non-finite training or forecast
        ├── InvalidForecastError         wrong shape, wrong type
        └── UnsupportedError             the forecaster lacks what was asked for

Each message says what was wrong, what was expected and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "ChaosbenchError",
    "CorruptDataError",
    "DefinitionError",
    "DivergedError",
    "ExamSealedError",
    "ForecastFailure",
    "InputError",
    "IntegrationError",
    "InvalidForecastError",
    "ParameterError",
    "RecipeMismatchError",
    "StaleConstantsError",
    "StepSizeError",
    "TrajectoryEscapedError",
    "UnknownNameError",
    "UnsupportedError",
    "check_integer",
    "shown",
    "suggestion",
]


class ChaosbenchError(Exception):
    """Base of every exception raised on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # process pools pickle errors, and some constructors take more than the message
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    kind: type[ChaosbenchError], args: tuple[Any, ...], state: dict[str, Any]
) -> ChaosbenchError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class InputError(ChaosbenchError, ValueError):
    """The input is wrong; the command line exits with code 2."""


class UnknownNameError(InputError, KeyError):
    """No registry knows this name; the message suggests similar ones."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no {what} named {name!r}; {suggestion(name, known)}")

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])


class ParameterError(InputError):
    """A parameter or setting that does not exist, has the wrong type or is not finite."""


class DefinitionError(InputError):
    """A system's function cannot be traced into an expression graph."""


class StaleConstantsError(InputError):
    """Stored constants are missing or belong to another equation, parameter or initial state."""


class CorruptDataError(InputError):
    """A file is truncated, edited or was not written by chaosbench."""


class RecipeMismatchError(InputError):
    """An output directory holds the product of another recipe; nothing was overwritten."""


class IntegrationError(ChaosbenchError):
    """A trajectory could not be computed; ``time`` says when (time units, or iterations)."""

    def __init__(self, message: str, *, time: float) -> None:
        super().__init__(message)
        self.time = time


class TrajectoryEscapedError(IntegrationError):
    """The state became non-finite or left every reasonable bound."""


class StepSizeError(IntegrationError):
    """The step size underflowed or the step budget ran out."""


class ExamSealedError(ChaosbenchError):
    """The exam's questions or answers were requested while settings were being chosen."""


class ForecastFailure(ChaosbenchError):
    """A forecaster gives up in ``fit`` or ``predict``; the Record gets a status, not a crash."""

    status = "crashed"


class DivergedError(ForecastFailure):
    """Training or forecast became non-finite."""

    status = "diverged"


class InvalidForecastError(ForecastFailure):
    """A forecast of the wrong shape or type."""

    status = "invalid"


class UnsupportedError(ForecastFailure):
    """The forecaster lacks what was asked for, such as an equation."""

    status = "unsupported"


def shown(value: object, width: int = 60) -> str:
    """Return a value as one short line for an error message."""
    text = " ".join(repr(value).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` or the list of what exists, for an error message."""
    names = sorted(set(known))
    lowered = {n.lower(): n for n in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(repr(lowered[c]) for c in close)}?"
    if len(names) > 12:
        return f"{len(names)} exist, among them {', '.join(names[:8])}, …"
    return f"expected one of: {', '.join(names)}"


def check_integer(name: str, value: object, least: int) -> None:
    """Refuse what is not an integer of at least `least`.

    Raises:
        ParameterError: it is not; the message says its name.

    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ParameterError(f"{name} must be an integer of at least {least}, not {value!r}")
