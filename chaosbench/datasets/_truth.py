"""The truth of a dataset: its trajectories, as exact as the equation allows, and certified."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from chaosbench.datasets._corruption import NoiseAndGaps, corrupt
from chaosbench.datasets._members import member_of, placed_of, start_of
from chaosbench.datasets._observables import Observables
from chaosbench.datasets._parts import source_of
from chaosbench.datasets._recipe import SEGMENT, SPLITS, Dataset, Pace, Split
from chaosbench.datasets._store import certificate_of, with_certificate
from chaosbench.datasets.corruptions import Chain, Scene
from chaosbench.dynamics.attractor import settling_time
from chaosbench.dynamics.certify import (
    Certificate,
    certified_again,
    certified_until,
    describe,
    shared_certificate,
)
from chaosbench.dynamics.orbits import LANES, Orbit, TaylorOrbit, can_follow, sample_lanes
from chaosbench.dynamics.scales import Scales
from chaosbench.errors import IntegrationError
from chaosbench.systems import DelaySystem, FieldSystem, Flow
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Sight", "integrate", "make_split", "segments"]

TIGHT = 1e-13
"""Tolerance of a window; its certificate is made with a hundredth of it."""

TIGHT_DOUBLE = 1e-14
"""The same where there is no double-double; a tenth of it is worth a Lyapunov time or two."""

LONGEST_EXACT = 40.0
"""Lyapunov times up to which windows are integrated in double-double."""

EXACT_TOLERANCE = 1e-24
"""Their tolerance: what errors grow to in that time stays below the certificate's."""

FINEST_TOLERANCE = 1e-31
"""Tolerance of exact windows, at the rounding of double-double arithmetic."""

PAST_TOLERANCE = 1e-22
"""The same before a window's forecast begins: far below what is left when it is rounded."""

BETWEEN = 2.0**-53 / 3.0
"""Relative distance of an exact solution's start from the nearest double.

Where the equation of a map takes doubles to doubles, as that of the cat map, a solution from a
double would be one that forecasters see without any rounding.
"""

UNCHECKED = Certificate(None, reason="nothing was checked")


def make_split(
    dataset: Dataset,
    system: str,
    split: Split,
    pace: Pace,
    clean: Trajectories | None = None,
    first: int = 0,
) -> Trajectories:
    """Make one split of one system; its trajectories depend on seed, split and index only.

    ``train``, ``validation`` and ``context`` are what forecasters see, noise and gaps included;
    ``test`` is the clean truth, contexts and futures; ``observations`` are the noisy samples of the
    futures that forecasters get to see when their time has come, and NaN elsewhere. Where training
    data are corrupted, ``train_clean`` and ``validation_clean`` are their truth. Unobserved
    variables are left out.

    What a split is certified for is that of its clean trajectories: a training trajectory from its
    first sample, a window from the last sample of its context, where the forecast starts. What is
    made by corruptions has no certificate of its own.

    Args:
        dataset: the recipe.
        system: name of the system.
        split: which one.
        pace: step and horizon of the system.
        clean: what `integrate` returned for this split or another one of the same source.
        first: index of the first of its trajectories.

    """
    made = integrate(dataset, system, split, pace) if clean is None else clean
    starts = made.start_times
    assert starts is not None
    certificate = certificate_of(made)
    values, seen = made.values, dataset.context
    if split == "observations":
        values = corrupt(
            values[:, seen:], scale=dataset.spread(system), noise=dataset.noise, missing=0.0,
            key=dataset.key(2 + SPLITS.index(split)), first=first,
        )  # fmt: skip
        steps = np.arange(1, values.shape[1] + 1)
        values[:, steps % dataset.observe_every != 0] = np.nan
        values = values[..., columns_of(dataset, system)]
        return Trajectories(
            np.ascontiguousarray(values), made.dt, dataset.variables(system),
            starts + seen * made.dt,
        )  # fmt: skip
    if split == "context":
        values, certificate = values[:, :seen], None
    if split != "context" and not _is_changed(dataset, system, split):
        return made
    parts, times = [], []
    names = dataset.variables(system)
    for k, trajectory in enumerate(values):
        look = Sight(dataset, system, split, first + k, len(trajectory), made.dt)
        part, time = look(trajectory, starts[k] + np.arange(len(trajectory)) * made.dt)
        names = look.variables
        parts.append(part)
        times.append(time)
    told: dict[str, object] = {}
    if dataset.irregular and split in SEEN:
        told["times"] = np.stack(times)
    observed = Trajectories(np.stack(parts), made.dt, names, starts, told)
    if split in SEEN and dataset.corruptions:
        certificate = None
    return with_certificate(observed, certificate)


def _is_changed(dataset: Dataset, system: str, split: Split) -> bool:
    """Say whether what is seen of a split differs from its clean trajectories."""
    hidden = len(dataset.variables(system)) < len(dataset.observables(system).variables)
    return hidden or (split in SEEN and dataset.corrupted)


def columns_of(dataset: Dataset, system: str) -> list[int]:
    """Return which observables of a system are written."""
    known = dataset.observables(system).variables
    return [known.index(name) for name in dataset.variables(system)]


SEEN: tuple[Split, ...] = ("train", "validation", "context")
"""The splits that forecasters see with all that observation does to them."""


class Sight:
    """What is seen of one trajectory that arrives in pieces.

    Attributes:
        variables: names of what is seen.

    """

    def __init__(
        self, dataset: Dataset, system: str, split: Split, k: int, length: int, dt: float
    ) -> None:
        self.variables = dataset.variables(system)
        self._columns: list[int] | None = columns_of(dataset, system)
        if len(self._columns) == len(dataset.observables(system).variables):
            self._columns = None
        self._noise, self._chain = None, None
        if split not in SEEN:
            return
        key = dataset.key(2 + SPLITS.index(split))
        spread = dataset.spread(system)
        if dataset.noise or dataset.missing:
            self._noise = NoiseAndGaps(
                scale=spread, noise=dataset.noise, missing=dataset.missing, key=(*key, k),
                length=length,
            )  # fmt: skip
        if dataset.corruptions:
            chosen = spread if self._columns is None else spread[self._columns]
            equation = member_of(dataset, system, source_of(split), k).system
            scene = Scene(self.variables, chosen, length, dt, (*key, k), equation)
            self._chain = Chain(dataset.corruptions, scene)
            self.variables = self._chain.scene.variables

    def __call__(self, values: FloatArray, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the next samples ``(m, d)`` and their times ``(m,)`` as they are seen."""
        if self._noise is not None:
            values = self._noise(values)
        if self._columns is not None:
            values = np.ascontiguousarray(values[:, self._columns])
        return (values, times) if self._chain is None else self._chain(values, times)


def integrate(
    dataset: Dataset,
    system: str,
    split: Split,
    pace: Pace,
    first: int = 0,
    last: int | None = None,
    *,
    certify: bool = True,
) -> Trajectories:
    """Integrate and certify the clean trajectories behind a split, in all variables.

    Without `certify` the samples are those of the settled orbit in double, which differ from the
    others by rounding for the first Lyapunov times. They are for tests of what needs no more. (The
    setting `certify` of a recipe leaves out the certificate only.)

    Args:
        dataset: the recipe.
        system: name of the system.
        split: which one.
        pace: step and horizon of the system.
        first, last: the trajectories to make, all of them if not given; `last` is not among them.
        certify: see above.

    """
    split = source_of(split)
    if last is None:
        last = {
            "train": dataset.train_trajectories,
            "validation": dataset.validation_trajectories,
            "test": dataset.windows,
        }[split]  # fmt: skip
    seen = dataset.context if split == "test" else 1  # certified from the last of these
    if dataset.integrator == LANES and split != "test" and certify:
        values, starts, certificates = _abreast(dataset, system, split, pace, first, last)
    else:
        made = [_trajectory(dataset, system, split, pace, k, certify) for k in range(first, last)]
        values = np.stack([one[0] for one in made])
        starts = np.array([one[1] for one in made])
        certificates = [one[2] for one in made]
    return Trajectories(
        values, pace.dt, dataset.observables(system).variables, starts,
        provenance={"certificate": describe(certificates)},
        certified_until=shared_certificate(certificates), certified_from=seen - 1,
    )  # fmt: skip


def _trajectory(
    dataset: Dataset, system: str, split: Split, pace: Pace, k: int, certify: bool
) -> tuple[FloatArray, float, Certificate]:
    """Return one trajectory ``(T, D)``, the time of its first sample, and its certificate."""
    train = split != "test"
    seen = 1 if train else dataset.context
    further = (dataset.train_points if train else dataset.context + pace.horizon) - seen
    scales = member_of(dataset, system, split, k)
    found, observables = scales.system, dataset.observables(system)
    rtol = dataset.rtol
    if isinstance(found, FieldSystem) and not train:
        # looser steps would leave errors in the fast waves that no second method can follow
        rtol = min(rtol, TIGHT_DOUBLE)
    orbit = start_of(dataset, system, split, k, scales, rtol)
    before = np.empty((0, found.dimension))
    if not train and dataset.shift:
        before = _shift(orbit, dataset, scales, pace)
    start = orbit.time - len(before) * pace.dt
    steps = seen - len(before), further
    if not certify:
        whole = np.concatenate([before, orbit.sample(sum(steps), pace.dt)])
        return observables.of(whole), start, UNCHECKED
    checked = dataset.certify
    made = (
        _exactly(orbit, observables, *steps, pace, scales, checked=checked)
        if dataset.exact
        else None
    )
    if made is None:
        if dataset.exact and not isinstance(found, FieldSystem):
            rtol = _tighten(orbit)
        past = np.concatenate([before, orbit.sample(steps[0], pace.dt)])
        if train or dataset.exact:
            future, certificate = _continue(orbit, past, further, pace, rtol, checked=checked)
        else:
            future, certificate = _exact_future(orbit, past, further, pace, checked=checked)
        made = observables.of(np.concatenate([past, future])), certificate
    elif len(before):
        made = np.concatenate([observables.of(before), made[0]]), made[1]
    return made[0], start, made[1]


def _abreast(
    dataset: Dataset, system: str, split: Split, pace: Pace, first: int, last: int
) -> tuple[FloatArray, FloatArray, list[Certificate]]:
    """Return trajectories ``(n, T, D)`` that are integrated on lanes, as `_trajectory` does one."""
    scales = dataset.scales(system)
    assert isinstance(scales.system, Flow)
    placed = [placed_of(dataset, system, split, k, scales) for k in range(first, last)]
    values, starts = sample_lanes(
        scales.system, placed, last - first, dataset.train_points, pace.dt, dataset.rtol
    )
    certificates = [
        certified_until(scales.system, values[k], pace.dt, start_time=starts[k], rtol=dataset.rtol)
        if dataset.certify
        else UNCHECKED
        for k in range(last - first)
    ]
    observables = dataset.observables(system)
    return (values if observables.plain else observables.of(values)), starts, certificates


def segments(
    dataset: Dataset, system: str, split: Split, pace: Pace, k: int
) -> Iterator[tuple[FloatArray, float, Certificate | None]]:
    """Yield a long trajectory piece by piece, with its start time and the certificate of the first.

    The pieces have `SEGMENT` samples. The certificate does not look beyond the first of them.
    """
    scales = member_of(dataset, system, split, k)
    observables, rtol = dataset.observables(system), dataset.rtol
    orbit = start_of(dataset, system, split, k, scales, rtol)
    start = orbit.time
    ends = [*range(SEGMENT, dataset.train_points, SEGMENT), dataset.train_points]
    moving: TaylorOrbit | None = None
    made = None
    if dataset.exact and can_follow(orbit.system):
        # as `_exactly` does it, but in pieces
        place = TaylorOrbit(
            orbit.system, observables.wrapped(orbit.state), orbit.time, tolerance=PAST_TOLERANCE,
            nudge=BETWEEN, looks=scales.looks, even=True,
        )  # fmt: skip
        present = place.again(tolerance=FINEST_TOLERANCE, looks=scales.looks)
        moving = present.again(tolerance=FINEST_TOLERANCE, looks=scales.looks)
        try:
            made = moving.sample_exactly(ends[0], pace.dt)
        except IntegrationError:  # such as 0/0 on the way, which a double steps over
            moving = None
    if moving is not None and made is not None:
        certificate = UNCHECKED
        if dataset.certify:
            certificate = certified_again(present, made[:, :, 0], pace.dt, scales=scales)
        yield observables.of(made[..., 0], made[..., 1]), start, certificate
        for begin, end in pairwise(ends):
            made = moving.sample_exactly(end - begin + 1, pace.dt)[1:]
            yield observables.of(made[..., 0], made[..., 1]), start, None
        return
    if dataset.exact and not isinstance(orbit.system, FieldSystem):
        rtol = _tighten(orbit)
    memory, begin_time = orbit.memory(), orbit.time
    values = orbit.sample(ends[0], pace.dt)
    certificate = UNCHECKED
    if dataset.certify:
        certificate = certified_until(
            orbit.system, values, pace.dt, start_time=begin_time, rtol=rtol, memory=memory
        )
    yield observables.of(values), start, certificate
    for begin, end in pairwise(ends):
        yield observables.of(orbit.sample(end - begin + 1, pace.dt)[1:]), start, None


def _exactly(
    orbit: Orbit,
    observables: Observables,
    seen: int,
    further: int,
    pace: Pace,
    scales: Scales,
    *,
    checked: bool,
) -> tuple[FloatArray, Certificate] | None:
    """Return the observables ``(seen + further, D)`` closest to a solution, and their certificate.

    The solution starts between two doubles, at the first of the `seen` samples. None where
    double-double arithmetic cannot follow the system.
    """
    if not can_follow(orbit.system):
        return None
    start = observables.wrapped(orbit.state)
    exact = TaylorOrbit(
        orbit.system, start, orbit.time, tolerance=PAST_TOLERANCE, nudge=BETWEEN,
        looks=scales.looks, even=True,
    )  # fmt: skip
    try:
        past = exact.sample_exactly(seen, pace.dt)
        present = exact.again(tolerance=FINEST_TOLERANCE, looks=scales.looks)
        exact = present.again(tolerance=FINEST_TOLERANCE, looks=scales.looks)
        future = exact.sample_exactly(further + 1, pace.dt)[1:]
    except IntegrationError:  # such as 0/0 on the way, which a double steps over
        return None
    values = np.concatenate([past, future])
    certificate = UNCHECKED
    if checked:
        certificate = certified_again(present, values[seen - 1 :, :, 0], pace.dt, scales=scales)
    return observables.of(values[..., 0], values[..., 1]), certificate


def _continue(
    orbit: Orbit, past: FloatArray, steps: int, pace: Pace, rtol: float, *, checked: bool
) -> tuple[FloatArray, Certificate]:
    """Return what follows the last of the samples ``(k, d)``, and for how long it is true."""
    # as the orbit stands now: a delay system's past is not in its samples
    memory = orbit.memory()
    begin = orbit.time
    future = orbit.sample(steps + 1, pace.dt)[1:]
    if not checked:
        return future, UNCHECKED
    joined = np.concatenate([past[-1:], future])
    found = certified_until(
        orbit.system, joined, pace.dt, start_time=begin, rtol=rtol, memory=memory
    )
    return future, found


def _exact_future(
    orbit: Orbit, past: FloatArray, steps: int, pace: Pace, *, checked: bool
) -> tuple[FloatArray, Certificate]:
    """Like `_continue`, in double-double where the equation and the length of the future allow it.

    A free run over hundreds of Lyapunov times is not compared with the truth step by step.
    """
    system, rate = orbit.system, pace.lyapunov_exponent
    near = rate is None or steps * pace.dt * rate <= LONGEST_EXACT
    if not (near and can_follow(system)):
        return _continue(orbit, past, steps, pace, _tighten(orbit), checked=checked)
    exact = TaylorOrbit(system, past[-1], orbit.time, tolerance=EXACT_TOLERANCE)
    try:
        future = exact.sample(steps + 1, pace.dt)[1:]
    except IntegrationError:  # such as 0/0 on the way, which a double steps over
        return _continue(orbit, past, steps, pace, _tighten(orbit), checked=checked)
    if not checked:
        return future, UNCHECKED
    joined = np.concatenate([past[-1:], future])
    found = certified_until(system, joined, pace.dt, start_time=orbit.time, rtol=EXACT_TOLERANCE)
    return future, found


def _tighten(orbit: Orbit) -> float:
    """Set the smallest tolerance that is useful in double precision; return it."""
    in_double = isinstance(orbit.system, (DelaySystem, FieldSystem))
    return orbit.tighten(TIGHT_DOUBLE if in_double else TIGHT)


def _shift(orbit: Orbit, dataset: Dataset, scales: Scales, pace: Pace) -> FloatArray:
    """Change the parameters on the way; return the samples ``(k, d)`` taken before.

    Without a switch nothing is sampled, and the orbit settles on the shifted attractor for as long
    as it did on the unshifted one. Afterwards the orbit stands at the first
    sample that is still to be taken.
    """
    count = round(dataset.switch * dataset.context)
    before = orbit.sample(count, pace.dt) if count else np.empty((0, orbit.state.size))
    orbit.change_to(dataset.test_system(scales.system.name))
    if count:
        orbit.advance(pace.dt)
    else:
        orbit.advance(settling_time(scales))
    return before
