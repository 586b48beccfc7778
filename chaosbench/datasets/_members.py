"""The members of an ensemble: the equation of each trajectory and where it starts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from chaosbench.datasets._recipe import SPLITS, Dataset, Split
from chaosbench.dynamics.attractor import attractor_orbit, place, settle
from chaosbench.dynamics.orbits import Orbit
from chaosbench.dynamics.quick_gate import quick_gate
from chaosbench.dynamics.scales import Scales
from chaosbench.dynamics.stored import constants
from chaosbench.errors import IntegrationError, ParameterError
from chaosbench.trajectories import FloatArray

__all__ = ["member_of", "placed_of", "start_of"]

DRAWS = 100
"""Most draws of parameters, and of starting points, before a recipe is given up."""

PROBE = 10.0
"""Periods that a starting point must survive."""

PROBE_RTOL = 1e-6
"""Tolerance of that."""

PARAMETERS, START = 0xBE, 0xBF
"""Words that keep the seeds of these draws apart from all others."""


def member_of(dataset: Dataset, name: str, split: Split, k: int) -> Scales:
    """Return the scales of the system that trajectory k of a split follows.

    Raises:
        ParameterError: no draw of parameters is chaotic and bounded, or the skew product is not.

    """
    scales = dataset.scales(name)
    pair = dataset.pair(name)
    if pair is None and not dataset.perturb:
        return scales
    print_ = scales.system.fingerprint  # a file of systems may be loaded again
    if not dataset.perturb:
        if why := _verdict(dataset, name, print_):
            raise ParameterError(
                f"{name!r} with the coupling {dataset.coupling:g} is no chaotic system: {why}; "
                "choose another coupling"
            )
        return scales
    return _perturbed(dataset, name, split, k, print_)


@lru_cache(maxsize=1024)
def _perturbed(dataset: Dataset, name: str, split: Split, k: int, print_: str) -> Scales:
    del print_
    scales, why = dataset.scales(name), ""
    for draw in range(DRAWS):
        generator = _generator(dataset, split, k, PARAMETERS, draw)
        changes = dataset.perturb * generator.uniform(-1.0, 1.0, len(scales.system.parameters))
        values = {
            parameter: value * (1.0 + change)
            for (parameter, value), change in zip(
                scales.system.parameters.items(), changes.tolist(), strict=True
            )
        }
        try:
            changed = scales.system.with_params(**values)
        except ParameterError as error:
            why = str(error)
            continue
        if dataset.bounded and changed.periods != scales.system.periods:
            raise ParameterError(
                f"perturb changes the period of an angle of {name!r}; give bounded=False"
            )
        member = Scales(changed, given_period=scales.period)
        why = quick_gate(member, mean=_mean(dataset, name), spread=_spread(dataset, name))
        if not why:
            return member
    raise ParameterError(
        f"none of {DRAWS} draws of the parameters of {name!r} within {dataset.perturb:g} is "
        f"chaotic and bounded (the last one: {why}); choose a smaller perturb"
    )


@lru_cache(maxsize=64)
def _verdict(dataset: Dataset, name: str, print_: str) -> str:
    del print_
    scales = dataset.scales(name)
    return quick_gate(scales, mean=_mean(dataset, name), spread=_spread(dataset, name))


def placed_of(
    dataset: Dataset, name: str, split: Split, k: int, scales: Scales
) -> tuple[FloatArray, float]:
    """Return the initial state ``(d,)`` of trajectory k, and the time until its first sample."""
    transient = None if dataset.transient is None else dataset.transient * scales.period
    if not dataset.box:
        return place(scales, _key(dataset, split, k), transient)
    mean, spread = _mean(dataset, name), _spread(dataset, name)
    for draw in range(DRAWS):
        generator = _generator(dataset, split, k, START, draw)
        start = mean + dataset.box * spread * generator.uniform(-1.0, 1.0, mean.size)
        try:
            probe = settle(
                scales, start, PROBE * scales.period, rtol=PROBE_RTOL, integrator="",
                key=_key(dataset, split, k),
            )  # fmt: skip
        except IntegrationError:
            continue
        if np.abs((probe.state - mean) / np.where(spread > 0, spread, 1.0)).max() < 1e3:
            return start, transient or 0.0
    raise ParameterError(
        f"none of {DRAWS} starting points in the box of {dataset.box:g} standard deviations around "
        f"the attractor of {name!r} leads to it; choose a smaller box"
    )


def start_of(
    dataset: Dataset, name: str, split: Split, k: int, scales: Scales, rtol: float
) -> Orbit:
    """Return the orbit of trajectory k, at its first sample."""
    key = _key(dataset, split, k)
    if not dataset.box:
        transient = None if dataset.transient is None else dataset.transient * scales.period
        return attractor_orbit(scales, key=key, rtol=rtol, transient=transient)
    start, length = placed_of(dataset, name, split, k, scales)
    return settle(scales, start, length, rtol=rtol, integrator="", key=key)


def _key(dataset: Dataset, split: Split, k: int) -> tuple[int, ...]:
    # NumPy pads short keys with zeros; the closing 1 keeps these apart from simulate's
    return dataset.key(SPLITS.index(split), k, 1)


def _generator(dataset: Dataset, split: Split, k: int, *words: int) -> np.random.Generator:
    seeds = np.random.SeedSequence(_key(dataset, split, k), spawn_key=words)
    return np.random.default_rng(seeds)


def _mean(dataset: Dataset, name: str) -> FloatArray:
    """Return the mean of each variable of the state on the measured attractor ``(d,)``."""
    pair = dataset.pair(name)
    parts = (name,) if pair is None else (pair.driver.name, pair.response.name)
    return np.concatenate([constants(part).mean for part in parts])


def _spread(dataset: Dataset, name: str) -> FloatArray:
    """Return their standard deviation ``(d,)``."""
    pair = dataset.pair(name)
    parts = (name,) if pair is None else (pair.driver.name, pair.response.name)
    return np.concatenate([constants(part).std for part in parts])
