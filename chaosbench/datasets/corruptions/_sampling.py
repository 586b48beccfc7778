"""What is seen at all: quantised values, lost samples, some variables, delayed copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chaosbench.datasets.corruptions._corruption import Corruption, Observer, Scene, check_number
from chaosbench.errors import ParameterError, suggestion
from chaosbench.systems import System
from chaosbench.trajectories import FloatArray

__all__ = ["Delays", "Missing", "MissingBlocks", "Partial", "Quantised"]


@dataclass(frozen=True)
class Quantised(Corruption):
    """Values rounded to the nearest multiple of `step` σ, as by a converter without a range."""

    kind: ClassVar[str] = "quantised"
    step: float

    def check(self) -> None:
        """Check the step."""
        check_number(self, "step", 1e-12, 100.0)

    def observer(self, scene: Scene) -> Observer:
        """Round."""
        quantum = self.step * scene.scale
        return lambda u, t: (np.round(u / quantum) * quantum, t)


@dataclass(frozen=True)
class Missing(Corruption):
    """Samples lost at random, with all variables: NaN. The first and the last are always there."""

    kind: ClassVar[str] = "missing"
    share: float

    def check(self) -> None:
        """Check the share."""
        check_number(self, "share", 0.0, 0.9)

    def observer(self, scene: Scene) -> Observer:
        """Lose samples."""
        generator = scene.generator()
        return _losing(scene, lambda count: generator.random(count) < self.share)


@dataclass(frozen=True)
class MissingBlocks(Corruption):
    """Samples lost in blocks: an observer that is away and comes back.

    Lengths of gaps and of what is between them are geometric. The first and the last sample are
    always there.

    Attributes:
        share: of the samples that are lost, on average.
        length: mean length of a gap, in samples.

    """

    kind: ClassVar[str] = "missing_blocks"
    share: float
    length: float = 20.0

    def check(self) -> None:
        """Check share and length."""
        check_number(self, "share", 0.0, 0.9)
        check_number(self, "length", 1.0, 1e6)
        between = self.length * (1.0 - self.share) / self.share if self.share else 1.0
        if between < 1.0:
            raise ParameterError(
                f"gaps of {self.length:g} samples cannot cover a share of {self.share:g}; give a "
                "longer length or a smaller share"
            )

    def observer(self, scene: Scene) -> Observer:
        """Lose blocks of samples."""
        generator = scene.generator()
        if not self.share:
            return lambda u, t: (u, t)
        between = self.length * (1.0 - self.share) / self.share
        away = [bool(generator.random() < self.share)]

        def lost(count: int) -> np.ndarray:
            found = np.empty(count, dtype=bool)
            changes = generator.random(count)
            for i in range(count):
                found[i] = away[0]
                if changes[i] < 1.0 / (self.length if away[0] else between):
                    away[0] = not away[0]
            return found

        return _losing(scene, lost)


def _losing(scene: Scene, lost: object) -> Observer:
    """Return an observer that loses what a function of the number of samples says."""
    done = [0]

    def observe(u: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        gone = lost(len(u))  # type: ignore[operator]
        if done[0] == 0:
            gone[:1] = False
        done[0] += len(u)
        if done[0] == scene.length:
            gone[-1:] = False
        return np.where(gone[:, None], np.nan, u), t

    return observe


@dataclass(frozen=True)
class Partial(Corruption):
    """Only some variables are seen, in the order of the system."""

    kind: ClassVar[str] = "partial"
    variables: tuple[str, ...]

    def check(self) -> None:
        """Check that these are names."""
        if isinstance(self.variables, str) or not self.variables:
            raise ParameterError(f"variables is a tuple of names, not {self.variables!r}")
        object.__setattr__(self, "variables", tuple(dict.fromkeys(self.variables)))

    def suits(self, variables: tuple[str, ...], system: System | None) -> None:
        """Refuse a variable that is not there."""
        del system
        for name in self.variables:
            if name not in variables:
                raise ParameterError(
                    f"there is no variable {name!r} to see; {suggestion(name, variables)}"
                )

    def _columns(self, scene: Scene) -> list[int]:
        return [i for i, name in enumerate(scene.variables) if name in self.variables]

    def seen(self, scene: Scene) -> Scene:
        """Return the scene with these variables only."""
        chosen = self._columns(scene)
        names = tuple(scene.variables[i] for i in chosen)
        return scene.with_variables(names, scene.scale[chosen])

    def observer(self, scene: Scene) -> Observer:
        """Choose columns."""
        chosen = self._columns(scene)
        return lambda u, t: (np.ascontiguousarray(u[:, chosen]), t)


@dataclass(frozen=True)
class Delays(Corruption):
    """Delay embedding: one variable now and at earlier samples, in place of the state.

    The columns are NAME, NAME_lag1, … The first samples have no past; what is missing is NaN.

    Attributes:
        variable: the one that is seen.
        dimension: number of columns.
        lag: samples between them.

    """

    kind: ClassVar[str] = "delays"
    variable: str
    dimension: int = 3
    lag: int = 1

    def check(self) -> None:
        """Check dimension and lag."""
        check_number(self, "dimension", 1, 1000, whole=True)
        check_number(self, "lag", 1, 100_000, whole=True)

    def suits(self, variables: tuple[str, ...], system: System | None) -> None:
        """Refuse a variable that is not there."""
        Partial((self.variable,)).suits(variables, system)

    def seen(self, scene: Scene) -> Scene:
        """Return the scene with the delayed copies."""
        at = scene.variables.index(self.variable)
        lags = [f"_lag{k * self.lag}" for k in range(1, self.dimension)]
        names = tuple(f"{self.variable}{lag}" for lag in ("", *lags))
        return scene.with_variables(names, np.full(self.dimension, scene.scale[at]))

    def observer(self, scene: Scene) -> Observer:
        """Embed."""
        at = scene.variables.index(self.variable)
        reach = (self.dimension - 1) * self.lag
        past = [np.full(reach, np.nan)]

        def observe(u: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
            series = np.concatenate([past[0], u[:, at]])
            past[0] = series[len(series) - reach :]
            columns = [
                series[reach - k * self.lag : len(series) - k * self.lag]
                for k in range(self.dimension)
            ]
            return np.stack(columns, axis=1), t

        return observe
