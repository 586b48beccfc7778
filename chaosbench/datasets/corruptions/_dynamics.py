"""Corruptions that need the equation: noise in the dynamics, regimes, irregular sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chaosbench.datasets.corruptions._corruption import Corruption, Observer, Scene, check_number
from chaosbench.dynamics.orbits import BOUND, MAX_STEPS, Orbit, orbit_of, raise_status
from chaosbench.dynamics.scales import scales_of
from chaosbench.errors import IntegrationError, ParameterError
from chaosbench.systems import Flow, Map, System
from chaosbench.trajectories import FloatArray

__all__ = ["DynamicNoise", "Irregular", "RegimeSwitch"]

RTOL = 1e-10
"""Tolerance of what is integrated here."""


def _needs(corruption: Corruption, system: System | None, *, maps: bool) -> System:
    """Return the system, or refuse one whose state its samples do not hold.

    Raises:
        ParameterError: there is none, or it is of another kind.

    """
    kinds = (Flow, Map) if maps else (Flow,)
    if not isinstance(system, kinds):
        what = "a flow or a map" if maps else "a flow"
        raise ParameterError(
            f"the corruption {corruption.kind!r} follows the equation of {what} from a whole "
            "state; it cannot be applied to "
            + ("data without an equation or with hidden variables" if system is None else
               f"the {system.kind} system {system.name!r}")
        )  # fmt: skip
    return system


def _step(system: System, scene: Scene) -> float:
    return 1.0 if system.discrete else scene.dt


@dataclass(frozen=True)
class DynamicNoise(Corruption):
    """Noise that acts on the state: a normal kick of `size` σ after each sample.

    The trajectory starts where the clean one does and follows the equation between the kicks, so
    it soon is another one.
    """

    kind: ClassVar[str] = "dynamic_noise"
    of_state: ClassVar[bool] = True
    size: float

    def check(self) -> None:
        """Check the size."""
        check_number(self, "size", 0.0, 1.0)

    def suits(self, variables: tuple[str, ...], system: System | None) -> None:
        """Refuse what cannot be followed."""
        del variables
        _needs(self, system, maps=True)

    def observer(self, scene: Scene) -> Observer:
        """Follow the equation with kicks."""
        system = _needs(self, scene.system, maps=True)
        generator, orbit = scene.generator(), [None]
        stiff = scales_of(system).stiff

        def observe(u: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
            out = np.empty_like(u)
            kicks = self.size * scene.scale * generator.standard_normal(u.shape)
            for i in range(len(u)):
                moving: Orbit | None = orbit[0]
                if moving is None:
                    moving = orbit_of(system, u[0], float(t[0]), rtol=RTOL, stiff=stiff)
                    orbit[0] = moving  # type: ignore[call-overload]
                else:
                    moving.advance(_step(system, scene))
                out[i] = moving.state
                moving.state += kicks[i]
            return out, t

        return observe


@dataclass(frozen=True)
class RegimeSwitch(Corruption):
    """Parameters that switch to other values and back, at random samples.

    The trajectory starts where the clean one does, with the usual parameters.

    Attributes:
        parameters: those of the other regime.
        every: mean number of samples between switches; their distances are geometric.

    """

    kind: ClassVar[str] = "regime_switch"
    of_state: ClassVar[bool] = True
    parameters: Mapping[str, float]
    every: float = 1000.0

    def check(self) -> None:
        """Check the parameters and the distance."""
        if not isinstance(self.parameters, Mapping) or not self.parameters:
            raise ParameterError(
                f"parameters maps names to values, such as {{'rho': 32.0}}, not {self.parameters!r}"
            )
        check_number(self, "every", 1.0, 1e9)

    def __hash__(self) -> int:
        return hash((tuple(sorted(self.parameters.items())), self.every))

    def suits(self, variables: tuple[str, ...], system: System | None) -> None:
        """Refuse what cannot be followed, and parameters that are not there."""
        del variables
        _needs(self, system, maps=True).with_params(**dict(self.parameters))

    def observer(self, scene: Scene) -> Observer:
        """Follow the equation of the present regime."""
        system = _needs(self, scene.system, maps=True)
        regimes = system, system.with_params(**dict(self.parameters))
        generator, present = scene.generator(), [0]
        stiff = scales_of(system).stiff
        orbit: list[Orbit] = []

        def observe(u: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
            out = np.empty_like(u)
            switches = generator.random(len(u)) < 1.0 / self.every
            for i in range(len(u)):
                if not orbit:
                    orbit.append(orbit_of(system, u[0], float(t[0]), rtol=RTOL, stiff=stiff))
                else:
                    orbit[0].advance(_step(system, scene))
                out[i] = orbit[0].state
                if switches[i]:
                    present[0] = 1 - present[0]
                    orbit[0].change_to(regimes[present[0]])
            return out, t

        return observe


@dataclass(frozen=True)
class Irregular(Corruption):
    """Irregular sampling: each sample is taken late by a random share of up to `jitter` steps.

    The state at the later time follows from the equation; the column of times has the real ones.
    """

    kind: ClassVar[str] = "irregular"
    of_state: ClassVar[bool] = True
    jitter: float = 0.5

    def check(self) -> None:
        """Check the jitter."""
        check_number(self, "jitter", 0.0, 1.0)

    def suits(self, variables: tuple[str, ...], system: System | None) -> None:
        """Refuse what has no times between its samples."""
        del variables
        _needs(self, system, maps=False)

    def observer(self, scene: Scene) -> Observer:
        """Move each state on by its delay."""
        system = _needs(self, scene.system, maps=False)
        assert isinstance(system, Flow)
        generator = scene.generator()

        def observe(u: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
            late = self.jitter * scene.dt * generator.random(len(u))
            return _moved(system, u, t, late), t + late

        return observe


def _moved(system: Flow, u: FloatArray, t: FloatArray, span: FloatArray) -> FloatArray:
    """Return states ``(m, d)``, each moved on by a span of its own ``(m,)``."""
    from chaosbench.numerics.lanes import integrate_lanes

    if system.switches is None and not scales_of(system).stiff:
        made = integrate_lanes(
            system.lane_kernel, np.ascontiguousarray(u), t, span, 1, 1.0, RTOL, RTOL, BOUND,
            MAX_STEPS,
        )  # fmt: skip
        for k in np.flatnonzero(made.status)[:1]:
            raise_status(int(made.status[k]), system, float(t[k] + made.elapsed[k]))
        return made.values[:, 0]
    out = np.empty_like(u)
    for i, state in enumerate(u):
        orbit = orbit_of(system, state, float(t[i]), rtol=RTOL, stiff=scales_of(system).stiff)
        try:
            orbit.advance(float(span[i]))
        except IntegrationError as error:
            raise type(error)(f"sample {i} failed: {error}", time=error.time) from error
        out[i] = orbit.state
    return out
