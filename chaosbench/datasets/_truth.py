"""The truth of a dataset: its trajectories, as exact as the equation allows, and certified."""

from __future__ import annotations

import numpy as np

from chaosbench.datasets._corruption import corrupt
from chaosbench.datasets._observables import Observables
from chaosbench.datasets._recipe import SPLITS, Dataset, Pace, Split
from chaosbench.datasets._store import certificate_of, with_certificate
from chaosbench.dynamics.attractor import attractor_orbit, settling_time
from chaosbench.dynamics.certify import (
    Certificate,
    certified_again,
    certified_until,
    describe,
    shared_certificate,
)
from chaosbench.dynamics.orbits import Orbit, TaylorOrbit, can_follow
from chaosbench.dynamics.scales import Scales, scales_of
from chaosbench.errors import IntegrationError
from chaosbench.systems import DelaySystem, FieldSystem
from chaosbench.systems import registry as systems
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["integrate", "make_split", "source_of"]

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


def make_split(
    dataset: Dataset, system: str, split: Split, pace: Pace, clean: Trajectories | None = None
) -> Trajectories:
    """Make one split of one system; see `_whole_split`. Unobserved variables are left out.

    Args:
        dataset: the recipe.
        system: name of the system.
        split: which one.
        pace: step and horizon of the system.
        clean: what `integrate` returned for this split or another one of the same source.

    """
    made = _whole_split(
        dataset, system, split, integrate(dataset, system, split, pace) if clean is None else clean
    )
    kept = dataset.variables(system)
    if kept == made.variables:
        return made
    columns = [made.variables.index(name) for name in kept]
    seen = Trajectories(
        np.ascontiguousarray(made.values[..., columns]), made.dt, kept, made.start_times
    )
    return with_certificate(seen, certificate_of(made))


def source_of(split: Split) -> Split:
    """Return the split from whose clean trajectories a split is made."""
    return "train" if split == "train" else "test"


def _whole_split(dataset: Dataset, system: str, split: Split, made: Trajectories) -> Trajectories:
    """Make one split of one system; its trajectories depend on seed, split and index only.

    ``train`` and ``context`` are what forecasters see, noise and gaps included; ``test`` is the
    clean truth, contexts and futures; ``observations`` are the noisy samples of the futures that
    forecasters get to see when their time has come, and NaN elsewhere.

    What ``train`` and ``test`` are certified for is that of the clean trajectories: a training
    trajectory from its first sample, a window from the last sample of its context, where the
    forecast starts.
    """
    if split == "test" or (not dataset.corrupted and split != "observations"):
        return made
    seen = dataset.context
    values = {"train": made.values, "context": made.values[:, :seen]}.get(
        split, made.values[:, seen:]
    )
    seen_values = corrupt(
        values,
        scale=dataset.spread(system),
        noise=dataset.noise,
        missing=0.0 if split == "observations" else dataset.missing,
        key=dataset.key(2 + SPLITS.index(split)),
    )
    starts = made.start_times
    if split == "observations":
        assert starts is not None
        starts = starts + seen * made.dt
        steps = np.arange(1, values.shape[1] + 1)
        seen_values[:, steps % dataset.observe_every != 0] = np.nan
    observed = Trajectories(seen_values, made.dt, made.variables, starts)
    return with_certificate(observed, certificate_of(made)) if split == "train" else observed


def integrate(
    dataset: Dataset, system: str, split: Split, pace: Pace, *, certify: bool = True
) -> Trajectories:
    """Integrate and certify the clean trajectories behind a split, in all variables.

    Without `certify` the samples are those of the settled orbit in double, which differ from the
    others by rounding for the first Lyapunov times. They are for tests of what needs no more.
    """
    split = source_of(split)
    train = split == "train"
    count = dataset.train_trajectories if train else dataset.windows
    seen = 1 if train else dataset.context  # the certificate starts from the last of these
    further = (dataset.train_points if train else dataset.context + pace.horizon) - seen
    found = systems[system]
    scales = scales_of(found)
    observables = dataset.observables(system)
    values, starts, certificates = [], [], []
    for k in range(count):
        # NumPy pads short keys with zeros; the closing 1 keeps these apart from simulate's
        key = dataset.key(SPLITS.index(split), k, 1)
        rtol = dataset.rtol
        if isinstance(found, FieldSystem) and not train:
            # looser steps would leave errors in the fast waves that no second method can follow
            rtol = min(rtol, TIGHT_DOUBLE)
        orbit = attractor_orbit(scales, key=key, rtol=rtol)
        before = np.empty((0, found.dimension))
        if not train and dataset.shift:
            before = _shift(orbit, dataset, scales, pace)
        starts.append(orbit.time - len(before) * pace.dt)
        steps = seen - len(before), further
        if not certify:
            whole = np.concatenate([before, orbit.sample(sum(steps), pace.dt)])
            values.append(observables.of(whole))
            certificates.append(Certificate(None, reason="nothing was checked"))
            continue
        made = _exactly(orbit, observables, *steps, pace, scales) if dataset.exact else None
        if made is None:
            if dataset.exact and not isinstance(found, FieldSystem):
                rtol = _tighten(orbit)
            past = np.concatenate([before, orbit.sample(steps[0], pace.dt)])
            if train or dataset.exact:
                future, certificate = _continue(orbit, past, further, pace, rtol)
            else:
                future, certificate = _exact_future(orbit, past, further, pace)
            made = observables.of(np.concatenate([past, future])), certificate
        elif len(before):
            made = np.concatenate([observables.of(before), made[0]]), made[1]
        values.append(made[0])
        certificates.append(made[1])
    return Trajectories(
        np.stack(values), pace.dt, observables.variables, starts,
        provenance={"certificate": describe(certificates)},
        certified_until=shared_certificate(certificates), certified_from=seen - 1,
    )  # fmt: skip


def _exactly(
    orbit: Orbit, observables: Observables, seen: int, further: int, pace: Pace, scales: Scales
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
    certificate = certified_again(present, values[seen - 1 :, :, 0], pace.dt, scales=scales)
    return observables.of(values[..., 0], values[..., 1]), certificate


def _continue(
    orbit: Orbit, past: FloatArray, steps: int, pace: Pace, rtol: float
) -> tuple[FloatArray, Certificate]:
    """Return what follows the last of the samples ``(k, d)``, and for how long it is true."""
    # as the orbit stands now: a delay system's past is not in its samples
    memory = orbit.memory()
    begin = orbit.time
    future = orbit.sample(steps + 1, pace.dt)[1:]
    joined = np.concatenate([past[-1:], future])
    found = certified_until(
        orbit.system, joined, pace.dt, start_time=begin, rtol=rtol, memory=memory
    )
    return future, found


def _exact_future(
    orbit: Orbit, past: FloatArray, steps: int, pace: Pace
) -> tuple[FloatArray, Certificate]:
    """Like `_continue`, in double-double where the equation and the length of the future allow it.

    A free run over hundreds of Lyapunov times is not compared with the truth step by step.
    """
    system, rate = orbit.system, pace.lyapunov_exponent
    near = rate is None or steps * pace.dt * rate <= LONGEST_EXACT
    if not (near and can_follow(system)):
        return _continue(orbit, past, steps, pace, _tighten(orbit))
    exact = TaylorOrbit(system, past[-1], orbit.time, tolerance=EXACT_TOLERANCE)
    try:
        future = exact.sample(steps + 1, pace.dt)[1:]
    except IntegrationError:  # such as 0/0 on the way, which a double steps over
        return _continue(orbit, past, steps, pace, _tighten(orbit))
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
