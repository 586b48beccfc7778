"""What all corruptions share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from chaosbench.errors import ParameterError
from chaosbench.systems import System
from chaosbench.trajectories import FloatArray

__all__ = ["Corruption", "Observer", "Scene", "check_number"]

Observer = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Takes the next samples ``(m, d)`` of a trajectory and their times ``(m,)``; returns both as
seen. It keeps what it needs of the past."""


@dataclass(frozen=True)
class Scene:
    """What a corruption may know of the trajectory that it is applied to.

    Attributes:
        variables: names of the `d` variables.
        scale: standard deviation of each variable, ``(d,)``, the unit of sizes.
        length: samples of the whole trajectory.
        dt: time units between samples.
        key: seeds the randomness.
        system: the equation; None where the data have none.

    """

    variables: tuple[str, ...]
    scale: FloatArray
    length: int
    dt: float
    key: tuple[int, ...]
    system: System | None = None

    def generator(self, *more: int) -> np.random.Generator:
        """Return a generator of random numbers; further words give further generators."""
        # a spawn key cannot be mistaken for the seeds of starting points, which have none
        return np.random.default_rng(np.random.SeedSequence(self.key, spawn_key=(0xC0, *more)))

    def with_variables(self, variables: tuple[str, ...], scale: FloatArray) -> Scene:
        """Return the same scene with other variables."""
        return replace(self, variables=variables, scale=scale)


@dataclass(frozen=True)
class Corruption(ABC):
    """A pure function of a clean trajectory, its scene and a seed."""

    kind: ClassVar[str]
    """Name of the corruption in recipes."""

    of_state: ClassVar[bool] = False
    """Whether it needs the whole state and the equation, so that it must come first."""

    def __post_init__(self) -> None:
        self.check()

    @abstractmethod
    def check(self) -> None:
        """Raise a ParameterError for a setting out of its range."""

    @abstractmethod
    def observer(self, scene: Scene) -> Observer:
        """Return what observes one trajectory from its first sample on."""

    def seen(self, scene: Scene) -> Scene:
        """Return the scene as it is afterwards; another one where the variables change."""
        return scene

    def suits(self, variables: tuple[str, ...], system: System | None) -> None:  # noqa: B027
        """Raise a ParameterError where it cannot be applied to this system."""

    def settings(self) -> dict[str, Any]:
        """Return the corruption as a table of a recipe."""
        plain = {k: dict(v) if isinstance(v, Mapping) else v for k, v in asdict(self).items()}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}
        return {"kind": self.kind, **plain}


def check_number(
    corruption: Corruption, name: str, low: float, high: float, *, whole: bool = False
) -> None:
    """Check that a setting is a number between two bounds, both included.

    Raises:
        ParameterError: it is not.

    """
    value = getattr(corruption, name)
    kinds = int if whole else (int, float)
    if not (isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high):
        what = "an integer" if whole else "a number"
        raise ParameterError(
            f"{name} of the corruption {corruption.kind!r} must be {what} between {low:g} and "
            f"{high:g}, not {value!r}"
        )
