"""Shared code of the conformance suites: a list of checks, each of which fails in one sentence."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Checks", "require"]

F = TypeVar("F", bound=Callable[..., None])


class Checks(Generic[F]):
    """The checks of one suite, in the order of their definition.

    Args:
        subject: function that names the first argument of a check in the message of a failure.

    """

    def __init__(self, subject: Callable[[Any], str]) -> None:
        self._subject = subject
        self.all: list[F] = []

    def __call__(self, function: F) -> F:
        """Add a check; any exception inside it becomes its failure."""

        @functools.wraps(function)
        def wrapped(checked: Any, **settings: Any) -> None:
            begin = f"{function.__name__}: {self._subject(checked)}"
            try:
                function(checked, **settings)
            except AssertionError as failure:
                raise AssertionError(f"{begin} {failure}") from failure
            except Exception as error:
                raise AssertionError(f"{begin} raised {type(error).__name__}: {error}") from error

        self.all.append(wrapped)  # type: ignore[arg-type]  # of the same signature
        return wrapped  # type: ignore[return-value]


def require(condition: bool, sentence: str) -> None:
    """Fail unless `condition` holds; `sentence` continues after the name of what is checked."""
    if not condition:
        raise AssertionError(sentence)
