"""Chains of corruptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.datasets.corruptions._corruption import Corruption, Scene
from chaosbench.datasets.corruptions._dynamics import DynamicNoise, Irregular, RegimeSwitch
from chaosbench.datasets.corruptions._noise import (
    Coloured,
    Drift,
    Gaussian,
    HeavyTailed,
    Multiplicative,
)
from chaosbench.datasets.corruptions._sampling import (
    Delays,
    Missing,
    MissingBlocks,
    Partial,
    Quantised,
)
from chaosbench.errors import InputError, ParameterError, UnknownNameError, suggestion
from chaosbench.systems import System, get
from chaosbench.trajectories import FloatArray, Trajectories, real_array

__all__ = ["KINDS", "Chain", "check_chain", "corrupted", "corruption_from", "seen_variables"]

KINDS: dict[str, type[Corruption]] = {
    found.kind: found
    for found in (
        Gaussian, Multiplicative, HeavyTailed, Coloured, Drift, DynamicNoise, RegimeSwitch,
        Irregular, Quantised, Missing, MissingBlocks, Partial, Delays,
    )
}  # fmt: skip
"""The corruptions by the names that recipes give them."""

PIECE = 2**13
"""Samples that are worked on at a time, so that memory does not grow with the trajectory."""


class Chain:
    """Corruptions in order, applied to one trajectory from its first sample on.

    Args:
        corruptions: what happens, the first one first.
        scene: the trajectory as it is before; each corruption gets a seed of its own from it.

    """

    def __init__(self, corruptions: Sequence[Corruption], scene: Scene) -> None:
        self._observers = []
        for place, corruption in enumerate(corruptions):
            # equal corruptions at two places must not draw the same numbers
            own = replace(scene, key=(*scene.key, place + 1))
            self._observers.append(corruption.observer(own))
            scene = corruption.seen(scene)
        self.scene = scene

    def __call__(self, u: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the next samples ``(m, d)`` and their times ``(m,)`` as they are seen."""
        seen, times = [], []
        for begin in range(0, len(u), PIECE):
            values, now = u[begin : begin + PIECE], t[begin : begin + PIECE]
            for observe in self._observers:
                values, now = observe(values, now)
            seen.append(values)
            times.append(now)
        return np.concatenate(seen), np.concatenate(times)


def corrupted(
    clean: Trajectories,
    corruptions: Iterable[Corruption],
    *,
    seed: int = 0,
    scale: ArrayLike | None = None,
    system: str | System | None = None,
) -> Trajectories:
    """Return what an observer sees of clean trajectories, which stay as they are.

    Args:
        clean: the truth.
        corruptions: what happens to it, in this order.
        seed: the same seed gives the same bytes; trajectory k depends on the seed and on k.
        scale: standard deviation of each variable, the unit of sizes; measured if not given.
        system: the equation behind the data, for corruptions that follow it.

    Returns:
        Trajectories; its provenance says what was done. Where samples were taken at irregular
        times, `provenance["times"]` has them, ``(n, T)``.

    Example:
        >>> import chaosbench as cb
        >>> clean = cb.simulate("lorenz", points=500)
        >>> seen = corrupted(clean, [Gaussian(0.05), Missing(0.2)], seed=1)

    """
    chain = tuple(corruptions)
    equation = None if system is None else get(system)
    check_chain(chain, clean.variables, equation)
    if scale is None:
        sizes = np.nanstd(clean.values, axis=(0, 1))
    else:
        sizes = real_array(scale, what="scale")
    if sizes.shape != (len(clean.variables),):
        raise InputError(
            f"scale must have one size for each of {len(clean.variables)} variables, "
            f"not the shape {sizes.shape}"
        )
    starts = clean.start_times
    assert starts is not None
    length = clean.values.shape[1]
    seen, times, names = [], [], clean.variables
    for k, values in enumerate(clean.values):
        scene = Scene(clean.variables, sizes, length, clean.dt, (int(seed), k), equation)
        observe = Chain(chain, scene)
        now = starts[k] + np.arange(length) * clean.dt
        values, now = observe(values, now)
        names = observe.scene.variables
        seen.append(values)
        times.append(now)
    told = {"corruptions": [c.settings() for c in chain], "corruption_seed": int(seed)}
    if any(isinstance(c, Irregular) for c in chain):
        told["times"] = np.stack(times)
    return Trajectories(np.stack(seen), clean.dt, names, starts, {**clean.provenance, **told})


def seen_variables(
    corruptions: Iterable[Corruption], variables: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the names of what is seen of these variables."""
    scene = Scene(variables, np.ones(len(variables)), 1, 1.0, (0,))
    for corruption in corruptions:
        scene = corruption.seen(scene)
    return scene.variables


def check_chain(
    corruptions: Sequence[Corruption], variables: tuple[str, ...], system: System | None
) -> None:
    """Check that corruptions can be applied one after another.

    Args:
        corruptions: the chain.
        variables: what it starts with.
        system: whose whole state these are; None where they are not.

    Raises:
        ParameterError: one is no corruption, needs a clean state and is not the first, or needs a
            variable that is not there.

    """
    scene = Scene(variables, np.ones(len(variables)), 1, 1.0, (0,))
    before = ""
    for corruption in corruptions:
        if not isinstance(corruption, Corruption):
            raise ParameterError(
                "a corruption is expected, such as Gaussian(0.1), not a value of type "
                f"{type(corruption).__name__}"
            )
        if corruption.of_state and before:
            raise ParameterError(
                f"{corruption.kind!r} follows the equation from a clean state, so it must be the "
                f"first corruption; {before!r} comes before it"
            )
        before = corruption.kind
        corruption.suits(scene.variables, system)
        scene = corruption.seen(scene)


def corruption_from(table: Mapping[str, Any]) -> Corruption:
    """Return the corruption that a table of a recipe describes.

    Raises:
        UnknownNameError: there is no corruption of that kind.
        ParameterError: a setting is unknown, missing or out of its range.

    """
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise UnknownNameError("corruption", str(kind), KINDS)
    chosen = KINDS[kind]
    known = [field.name for field in fields(chosen)]
    given = {name: value for name, value in table.items() if name != "kind"}
    for name in given:
        if name not in known:
            raise ParameterError(
                f"the corruption {kind!r} has no setting {name!r}; {suggestion(name, known)}"
            )
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    try:
        return chosen(**plain)
    except TypeError as error:
        missing = [name for name in known if name not in given]
        raise ParameterError(
            f"the corruption {kind!r} needs the settings {', '.join(missing)}"
        ) from error
