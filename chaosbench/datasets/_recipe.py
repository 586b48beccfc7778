"""The Dataset: a recipe whose hash names the files it makes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from chaosbench.datasets._files import Precision
from chaosbench.datasets._observables import Observables, observables_of, spread_of
from chaosbench.datasets._skew import Pair, pair_of
from chaosbench.datasets.corruptions import Corruption, Irregular, check_chain, seen_variables
from chaosbench.dynamics.orbits import LANES, check_integrator
from chaosbench.dynamics.scales import Scales, scales_of
from chaosbench.dynamics.stored import Constants, constants, known_constants
from chaosbench.errors import InputError, ParameterError, suggestion
from chaosbench.provenance import digest
from chaosbench.systems import DelaySystem, FieldSystem, System
from chaosbench.systems import registry as systems
from chaosbench.trajectories import FloatArray

__all__ = ["FORMAT", "SEGMENT", "SPLITS", "Clock", "Dataset", "Pace", "Split"]

FORMAT = 2
"""Version of what a recipe means; raised when the same recipe would make other numbers."""

FIELD_FORMAT = 3
"""The same for recipes with fields, which are now integrated by collocation."""

DOUBLE_HORIZON = 20.0
"""Lyapunov times for which truth in double precision may last.

Errors of 1e-14 reach the 1e-6 of the certificate in ln(1e8) = 18.
"""

SPARSEST = 10.0
"""Samples a period to which `most_per_lyapunov` may lower the rate."""

Clock = Literal["fastest", "period", "lyapunov"]


Split = Literal[
    "train", "test", "context", "observations", "validation", "train_clean", "validation_clean"
]
SPLITS: tuple[Split, ...] = (
    "train", "test", "context", "observations", "validation", "train_clean", "validation_clean",
)  # fmt: skip
"""The splits of a dataset; the place of a split in this list is part of its seed."""

SEGMENT = 2**20
"""Samples after which the integration of a longer trajectory is cut: its steps end there."""

LONGEST_ON_LANES = 2**17
"""Samples of the longest trajectory that is made on lanes, of which eight are held at a time."""

SAMPLES_AT_MOST = 2**31
"""Of one system: 48 GiB for three variables."""


@dataclass(frozen=True)
class Pace:
    """How one system is sampled, worked out from its constants.

    Attributes:
        dt: sampling step in time units.
        horizon: steps of a forecast, `H`.
        lyapunov_exponent: largest exponent per time unit; None unless the system is chaotic.

    """

    dt: float
    horizon: int
    lyapunov_exponent: float | None


@dataclass(frozen=True)
class Dataset:
    """A recipe: which systems, sampled how, from which seed. Frozen.

    Attributes:
        systems: registered names.
        seed: of the starting points; another seed is another exam.
        train_points: samples of each training trajectory.
        train_trajectories: training trajectories per system.
        windows: test windows, each from a starting point of its own; 0 makes no test split.
        context: samples a forecaster sees of each window.
        horizon_lyapunov: length of the forecast in Lyapunov times (in periods for a system that
            is not chaotic).
        horizon_at_most: steps of the longest forecast; a longer one is cut, and scores censored.
        clock: what `rate` counts samples of: the dominant period, the Lyapunov time, or the
            faster of the two. Maps are sampled at every iteration.
        rate: samples per clock.
        rtol: tolerance of the integration.
        noise: standard deviation of the observation noise, in standard deviations of each
            variable on the attractor. It is on what forecasters see; the truth stays clean.
        missing: share of the seen samples that are lost (all variables of a sample at once); the
            last sample of a context is always there.
        shift: parameters of the one system that have other values in the test windows, such as
            ``(("rho", 32.0),)``. Step, horizon, noise and Lyapunov times stay those of the
            unshifted system, whose constants are measured.
        switch: share of each context that passes before the shift takes effect; 0 where the test
            windows lie on the shifted attractor from their beginning.
        observe_every: during the horizon, one in this many samples is observed, with the same
            noise; 0 for none.
        observed: variables that are written, the truth's too; empty for all of them. Noise and
            trajectories are those of the whole system. A task says itself what is observed of its
            dataset, so its dataset has all variables.
        stream: any name; it enters the seeds, so that datasets that differ in it share no starting
            point.
        exact: whether every sample of a flow or a map is the double closest to its solution: it
            is integrated in double-double and rounded once, and the windows are certified from the
            state before it was rounded. Other kinds are integrated at the smallest tolerance that
            is useful in double precision, and asked for at most `DOUBLE_HORIZON` Lyapunov times.
        bounded: whether an angle is written as its cosine and its sine.
        validation_trajectories: further trajectories like those to train on, from starting points
            of their own: the split ``validation``.
        transient: periods (iterations of a map) dropped before the first sample; None for the usual
            settling time, or for none where the starting points lie in a box.
        box: half the width of the box in which trajectories start, in standard deviations of each
            variable around its mean on the attractor; 0 for starting points on the attractor. A
            start from which the trajectory escapes is drawn again.
        perturb: relative size of a change of all parameters, drawn for each trajectory anew from
            between minus and plus this share. A draw that is not chaotic and bounded is drawn
            again, see `chaosbench.dynamics.quick_gate`.
        coupling: strength of the driving in a skew product, which ``DRIVER_drives_RESPONSE`` in
            `systems` names.
        corruptions: what happens to that which forecasters see, in this order; the clean truth of
            training data is kept beside it. See `chaosbench.datasets.corruptions`.
        precision: of the numbers that are written: float64 or float32.
        integrator: ``auto``, or ``taylor-lanes`` for many trajectories of a smooth flow at a time,
            which is several times as fast.
        certify: whether to find out for how long each trajectory is true.
        most_per_lyapunov: samples per Lyapunov time above which the rate is lowered, to no less
            than `SPARSEST` a period; 0 for no limit. Without it, the errors of a system that turns
            often in a Lyapunov time would not have grown when the forecast ends.

    Raises:
        UnknownNameError: no system has that name.
        ParameterError: a setting is out of its range.

    """

    systems: tuple[str, ...]
    seed: int = 0
    train_points: int = 10_000
    train_trajectories: int = 1
    windows: int = 20
    context: int = 512
    horizon_lyapunov: float = 10.0
    horizon_at_most: int = 3000
    clock: Clock = "fastest"
    rate: float = 30.0
    rtol: float = 1e-12
    noise: float = 0.0
    missing: float = 0.0
    shift: tuple[tuple[str, float], ...] = ()
    switch: float = 0.0
    observe_every: int = 0
    observed: tuple[str, ...] = ()
    stream: str = ""
    exact: bool = False
    bounded: bool = False
    most_per_lyapunov: float = 0.0
    validation_trajectories: int = 0
    transient: float | None = None
    box: float = 0.0
    perturb: float = 0.0
    coupling: float = 0.2
    corruptions: tuple[Corruption, ...] = ()
    precision: Precision = "float64"
    integrator: Literal["auto", "taylor-lanes"] = "auto"
    certify: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.systems, str):
            raise ParameterError(f"systems is a tuple of names, such as ({self.systems!r},)")
        names = tuple(dict.fromkeys(_resolved(name) for name in self.systems))
        if not names:
            raise ParameterError("a dataset needs at least one system")
        object.__setattr__(self, "systems", names)
        for name, least in {
            "seed": 0, "train_points": 2, "train_trajectories": 1, "windows": 0, "context": 1,
            "horizon_at_most": 1, "observe_every": 0, "validation_trajectories": 0,
        }.items():  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ParameterError(
                    f"{name} must be an integer of at least {least}, not {value!r}"
                )
        for what, size in {
            "training": self.train_points * self.train_trajectories,
            "validation": self.train_points * self.validation_trajectories,
            "contexts": self.windows * self.context,
        }.items():
            if size > SAMPLES_AT_MOST:
                raise ParameterError(
                    f"{size} samples of {what} are too many for one dataset; ask for at most "
                    f"{SAMPLES_AT_MOST}"
                )
        for name in ("horizon_lyapunov", "rate", "rtol"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
                raise ParameterError(f"{name} must be positive and finite, not {value!r}")
        for name, limit in {
            "noise": 10.0,
            "missing": 0.9,
            "switch": 1.0,
            "most_per_lyapunov": 1e6,
            "box": 100.0,
            "perturb": 0.5,
            "coupling": 1e3,
        }.items():
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and 0 <= value <= limit):
                raise ParameterError(f"{name} must lie between 0 and {limit:g}, not {value!r}")
        if self.clock not in ("fastest", "period", "lyapunov"):
            raise ParameterError(
                f"clock must be 'fastest', 'period' or 'lyapunov', not {self.clock!r}"
            )
        for name, kind in {
            "stream": str, "exact": bool, "bounded": bool, "certify": bool,
        }.items():  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, kind):
                wanted = "True or False" if kind is bool else "a text"
                raise ParameterError(f"{name} must be {wanted}, not {value!r}")
        self._check_observed()
        self._check_scale()
        if self.switch and not self.shift:
            raise ParameterError("switch says when the parameters of shift change; give shift too")
        if self.shift:
            if len(names) > 1:
                raise ParameterError(f"shift changes the parameters of one system, not {names}")
            object.__setattr__(self, "shift", tuple((str(k), float(v)) for k, v in self.shift))
            if self.perturb:
                raise ParameterError("give shift or perturb, not both: each changes parameters")
            shifted = self.test_system(names[0])  # refuses parameters that the system lacks
            both = shifted, self.system(names[0])
            delays = {found.delays for found in both if isinstance(found, DelaySystem)}
            if self.switch and len(delays) > 1:
                raise ParameterError(
                    "a delay cannot switch inside a context; shift another parameter"
                )

    def _check_observed(self) -> None:
        if isinstance(self.observed, str):
            raise ParameterError(f"observed is a tuple of names, such as ({self.observed!r},)")
        object.__setattr__(self, "observed", tuple(dict.fromkeys(self.observed)))
        for name in self.systems:
            known = self.observables(name).variables
            for variable in self.observed:
                if variable not in known:
                    raise ParameterError(
                        f"{name!r} has no variable {variable!r} to observe; "
                        f"{suggestion(variable, known)}"
                    )

    def _check_scale(self) -> None:
        """Check the settings of large datasets."""
        time = self.transient
        if time is not None and not (isinstance(time, (int, float)) and 0 <= time <= 1e6):
            raise ParameterError(f"transient must lie between 0 and 1e6 periods, not {time!r}")
        for name, choices in {
            "precision": ("float64", "float32"), "integrator": ("auto", LANES),
        }.items():  # fmt: skip
            if getattr(self, name) not in choices:
                raise ParameterError(
                    f"{name} must be {' or '.join(choices)}, not {getattr(self, name)!r}"
                )
        if not isinstance(self.corruptions, (tuple, list)):
            raise ParameterError("corruptions is a tuple of corruptions, such as (Gaussian(0.1),)")
        object.__setattr__(self, "corruptions", tuple(self.corruptions))
        for name in self.systems:
            whole = self.observables(name).plain and not self.observed
            check_chain(
                self.corruptions, self.variables(name), self.system(name) if whole else None
            )
        if self.integrator != LANES:
            return
        if self.exact or self.perturb or self.train_points > LONGEST_ON_LANES:
            raise ParameterError(
                f"{LANES} makes many trajectories of one equation at a time, in double, of at most "
                f"{LONGEST_ON_LANES} samples; leave out exact and perturb, or the integrator"
            )
        for name in self.systems:
            check_integrator(LANES, self.system(name), self.rtol)

    def recipe(self) -> dict[str, Any]:
        """Return everything that decides the bytes: settings, fingerprints, measured constants."""
        content = asdict(self)
        content["systems"] = list(self.systems)
        content["corruptions"] = [corruption.settings() for corruption in self.corruptions]
        for name in YOUNGER:  # than the format: older hashes must stay
            if getattr(self, name) == type(self).__dataclass_fields__[name].default:
                del content[name]
        pairs = [self.pair(name) for name in self.systems]
        if not any(pairs):
            content.pop("coupling", None)
        if self.segmented:
            content["segment"] = SEGMENT
        fields = any(isinstance(self.system(name), FieldSystem) for name in self.systems)
        content["format"] = FIELD_FORMAT if fields else FORMAT
        content["fingerprints"] = {name: self.system(name).fingerprint for name in self.systems}
        content["constants"] = {
            name: _clocks(self.system(name)) if pair is None
            else [_clocks(pair.driver), _clocks(pair.response)]
            for name, pair in zip(self.systems, pairs, strict=True)
        }  # fmt: skip
        return content

    @property
    def segmented(self) -> bool:
        """Whether trajectories are so long that their integration is cut into segments."""
        return self.train_points > SEGMENT

    def pair(self, name: str) -> Pair | None:
        """Return driver and response of a skew product; None for any other system."""
        return None if name in systems else pair_of(name, systems)

    def system(self, name: str) -> System:
        """Return a system of the recipe by its name; a skew product is made of its two parts."""
        pair = self.pair(name)
        return systems[name] if pair is None else pair.system(self.coupling)

    def scales(self, name: str) -> Scales:
        """Return the scales of a system; those of a skew product come from its two parts."""
        pair = self.pair(name)
        if pair is None:
            return scales_of(self.system(name))
        return Scales(self.system(name), given_period=pair.period)

    @cached_property
    def hash(self) -> str:
        """Hash of the recipe, 16 hexadecimal digits."""
        return digest(self.recipe())

    @property
    def corrupted(self) -> bool:
        """Whether what forecasters see differs from the truth."""
        return self.noise > 0 or self.missing > 0 or bool(self.corruptions)

    @property
    def irregular(self) -> bool:
        """Whether samples are seen at times of their own."""
        return any(isinstance(corruption, Irregular) for corruption in self.corruptions)

    def seen(self, system: str) -> tuple[str, ...]:
        """Return the variables that forecasters see: what corruptions leave of `variables`."""
        return seen_variables(self.corruptions, self.variables(system))

    def variables(self, system: str) -> tuple[str, ...]:
        """Return the variables of a system that are written, in the order of the system."""
        known = self.observables(system).variables
        return tuple(v for v in known if v in self.observed) if self.observed else known

    def observables(self, system: str) -> Observables:
        """Return how the state of a system is written."""
        return observables_of(self.system(system), bounded=self.bounded)

    def spread(self, system: str) -> FloatArray:
        """Return the standard deviation of each observable of a system, the unit of the noise."""
        pair = self.pair(system)
        if pair is not None:
            return pair.spread
        return np.array(spread_of(systems[system], bounded=self.bounded))

    def key(self, *parts: int) -> tuple[int, ...]:
        """Return what seeds the randomness of one part of the dataset."""
        words = (int(digest(self.stream), 16),) if self.stream else ()
        return (self.seed, *parts, *words)

    def test_system(self, system: str) -> System:
        """Return the system that the test windows end with: the shifted one, where there is one."""
        found = self.system(system)
        return found.with_params(**dict(self.shift)) if self.shift else found

    def only(self, system: str) -> Dataset:
        """Return the same recipe for one of its systems; its numbers stay the same."""
        return replace(self, systems=(system,))

    def pace(self, system: str) -> Pace:
        """Work out step and horizon of one system.

        Raises:
            StaleConstantsError: its constants are missing or belong to another equation.
            InputError: a Lyapunov clock for a system that is not chaotic.

        """
        pair = self.pair(system)
        if pair is not None:  # nobody measured its exponents; its pace is that of its parts
            paces = [self.pace(part.name) for part in (pair.driver, pair.response)]
            dt = min(pace.dt for pace in paces)
            span = max(pace.horizon * pace.dt for pace in paces)
            steps = min(max(1, math.ceil(span / dt - 1e-9)), self.horizon_at_most)
            return Pace(dt=dt, horizon=steps, lyapunov_exponent=None)
        known = constants(system)
        dt = self._step(known, systems[system].discrete)
        length = self.horizon_lyapunov
        if self.exact and isinstance(systems[system], DelaySystem | FieldSystem):
            length = min(length, DOUBLE_HORIZON)
        span = length * (known.lyapunov_time or known.period)
        steps = max(1, math.ceil(span / dt - 1e-9))
        return Pace(
            dt=dt,
            horizon=min(steps, self.horizon_at_most),
            lyapunov_exponent=(
                known.largest_lyapunov_exponent if known.lyapunov_time is not None else None
            ),
        )

    def _step(self, known: Constants, discrete: bool) -> float:
        if discrete:
            return 1.0
        if self.clock == "lyapunov" and known.lyapunov_time is None:
            raise InputError(
                f"{known.system!r} is not chaotic and has no Lyapunov time; use clock='period'"
            )
        times = {"period": known.period, "lyapunov": known.lyapunov_time}
        if self.clock == "fastest":
            step = min(t for t in times.values() if t is not None) / self.rate
        else:
            step = float(times[self.clock] or known.period) / self.rate
        if self.most_per_lyapunov and known.lyapunov_time is not None:
            longest = min(known.lyapunov_time / self.most_per_lyapunov, known.period / SPARSEST)
            step = max(step, longest)
        return step


YOUNGER = (
    "shift", "switch", "observe_every", "observed", "stream", "exact", "bounded",
    "most_per_lyapunov", "validation_trajectories", "transient", "box", "perturb", "coupling",
    "corruptions", "precision", "integrator", "certify",
)  # fmt: skip
"""Settings that are part of the hash only where they are not as usual."""


def _resolved(name: str) -> str:
    """Return the name of a system, or of a skew product."""
    if name not in systems and (pair := pair_of(name, systems)) is not None:
        return pair.name
    return systems.resolve(name)


def _clocks(system: System) -> str | None:
    """Hash the measured constants that set sampling step, horizon and starting points."""
    known = known_constants(system)
    if known is None:
        return None
    return digest([known.period, known.lyapunov_time, list(known.std)])
