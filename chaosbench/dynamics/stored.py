"""The stored constants of systems: measurements that only the tool writes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from chaosbench.errors import CorruptDataError, InputError, StaleConstantsError
from chaosbench.files import write_text
from chaosbench.systems import FINGERPRINT_VERSION, System, get, origin_of, registry

__all__ = [
    "Constants", "constants", "constants_path", "constants_places", "known_constants", "restamped",
    "store",
]  # fmt: skip


@dataclass(frozen=True)
class Constants:
    """Measured facts about one system with its parameters and initial state.

    Attributes:
        system: name of the system.
        fingerprint: fingerprint of the equation, parameters and initial state that were measured.
        period: dominant period in time units (1 for maps).
        lyapunov_exponents: spectrum, per time unit, in falling order; for a delay system the
            leading ones.
        lyapunov_stderr: their standard errors. Where the first is much smaller than the others, the
            largest exponent was averaged over a longer time (`largest_length` against `length` in
            `provenance`). Such a spectrum need not sum to `mean_divergence`, and in a map whose
            orbits stick to islands not even within its errors: the sum of Chirikov's is -0.0225 ±
            0.0077, though its map preserves areas.
        largest_twin, largest_twin_stderr: the largest exponent from twin trajectories, a second,
            independent estimate.
        kaplan_yorke_dimension, kaplan_yorke_stderr: from the spectrum; None where its partial sums
            do not become negative.
        correlation_dimension, correlation_dimension_stderr: after Grassberger and Procaccia. The
            error is the scatter between orbits. It does not include a bias of some hundredths from
            the finite scaling region. None where the dimension is too high for the number of
            points, for fields, and for stochastic systems, whose noise fills the space.
        mean, std: mean and standard deviation of each variable on the attractor, ``(d,)``.
        mean_divergence, mean_divergence_stderr: time average of the trace of the Jacobian (of
            log|det| for a map), and of log|det| of the saltation matrices where the flow jumps;
            None for a delay system.
        stiffness: largest rate of decay |Re λ| among the Jacobian's eigenvalues along the orbit,
            times the period; None for a map.
        ranked: whether the system passed the gate of the ranked suites.
        verdict: why it did not pass, in one sentence; empty if it passed.
        provenance: versions, integrator, tolerances, transient, length, seed.

    """

    system: str
    fingerprint: str
    period: float
    lyapunov_exponents: tuple[float, ...]
    lyapunov_stderr: tuple[float, ...]
    largest_twin: float
    largest_twin_stderr: float
    kaplan_yorke_dimension: float | None
    kaplan_yorke_stderr: float | None
    correlation_dimension: float | None
    correlation_dimension_stderr: float | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mean_divergence: float | None
    mean_divergence_stderr: float | None
    stiffness: float | None
    ranked: bool
    verdict: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def largest_lyapunov_exponent(self) -> float:
        """Largest exponent, per time unit."""
        return self.lyapunov_exponents[0]

    @property
    def lyapunov_time(self) -> float | None:
        """Inverse of the largest exponent in time units; None unless the system is chaotic."""
        largest = self.lyapunov_exponents[0]
        return 1.0 / largest if largest > 3.0 * self.lyapunov_stderr[0] and largest > 0 else None

    def to_json(self) -> str:
        """Write as indented JSON, the format of the files in ``constants/``."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Constants:
        """Read what `to_json` wrote."""
        raw = json.loads(text)
        for name in ("lyapunov_exponents", "lyapunov_stderr", "mean", "std"):
            raw[name] = tuple(raw[name])
        return cls(**raw)


def user_folder() -> Path:
    """Return the user's folder of constants: ``CHAOSBENCH_CONSTANTS``, or in the user's data."""
    if given := os.environ.get("CHAOSBENCH_CONSTANTS"):
        return Path(given)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "chaosbench" / "constants"


def constants_places(name: str) -> list[Path]:
    """Return the files that may hold the constants of the system `name`, in the order of search.

    Those of the catalogue are in the package and nowhere else, so that a task asks the same on
    every machine. Those of a user's own system are beside its file, in ``FILE.constants``, or in
    the user's folder.
    """
    origin = origin_of(name)
    if origin is None:
        return [constants_path(name)]
    return [folder / f"{name}.json" for folder in (origin.folder, user_folder())]


def constants_path(name: str) -> Path:
    """Return the file of the package that holds the constants of a system of the catalogue."""
    return Path(str(resources.files("chaosbench.systems"))) / "constants" / f"{name}.json"


def store(measured: Constants) -> Path:
    """Write the constants of a user's own system where they are looked for; return the file.

    That is beside its file. Where nothing can be written there, and for a system of an installed
    package, it is the user's folder.

    Raises:
        InputError: the system is one of the catalogue.

    """
    origin = origin_of(measured.system)
    if origin is None:
        raise InputError(
            f"{measured.system!r} is not a system of your own; the constants of the catalogue "
            "belong to the package"
        )
    *beside, last = constants_places(measured.system)
    for place in [] if origin.installed else beside:
        try:
            write_text(place, measured.to_json())
        except OSError:
            continue
        registry.touch()
        return place
    write_text(last, measured.to_json())
    registry.touch()
    return last


def restamped(stored: Constants, system: System) -> Constants:
    """Return constants with the present fingerprint, if the former one identifies the system.

    It is for files that were written before the version of fingerprints changed; nothing is
    measured.

    Raises:
        StaleConstantsError: the constants belong to another equation, parameter value or initial
            state.

    """
    former = system.fingerprint_of(FINGERPRINT_VERSION - 1)
    if stored.fingerprint != former:
        raise StaleConstantsError(
            f"the constants of {system.name!r} belong to the fingerprint {stored.fingerprint}, "
            f"but in the former version this system has {former}; measure it again"
        )
    provenance = {**stored.provenance, "former_fingerprint": former}
    return replace(stored, fingerprint=system.fingerprint, provenance=provenance)


MADE_WITH = ("integrator", "rtol", "periods", "seed", "versions")
"""What the provenance of constants says at least."""


@cache
def _read(path: Path, written: int) -> Constants:
    """Read a file of constants; `written` is when, so that a new one is read again.

    Raises:
        CorruptDataError: it holds no constants.

    """
    del written
    try:
        found = Constants.from_json(path.read_text("utf-8"))
        _ = [found.provenance[name] for name in MADE_WITH]
        return found
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptDataError(
            f"{path} holds no constants ({type(error).__name__}: {error}); delete it and run "
            f"`chaosbench systems characterise {path.stem}` again"
        ) from error


@cache
def _stored(name: str) -> Constants | None:
    """Return the constants of a system of the catalogue."""
    path = constants_path(name)
    return Constants.from_json(path.read_text("utf-8")) if path.is_file() else None


def _found(system: System) -> Constants | None:
    """Return the stored constants of a system, those that belong to it rather than others."""
    if origin_of(system.name) is None:
        return _stored(system.name)
    places = [place for place in constants_places(system.name) if place.is_file()]
    found = [_read(place, place.stat().st_mtime_ns) for place in places]
    fitting = [one for one in found if one.fingerprint == system.fingerprint]
    return next(iter(fitting or found), None)


def known_constants(system: System) -> Constants | None:
    """Return the stored constants if they belong to exactly this system, else None."""
    stored = _found(system)
    return stored if stored is not None and stored.fingerprint == system.fingerprint else None


def constants(system: str | System) -> Constants:
    """Return the constants that `chaosbench systems characterise` wrote for a system.

    Raises:
        StaleConstantsError: nothing is stored, or the constants belong to another equation,
            parameter value or initial state.

    """
    system = get(system)
    stored = _found(system)
    origin = origin_of(system.name)
    file = "" if origin is None or origin.installed else f" --systems {origin.file}"
    remedy = (
        f"run `chaosbench systems characterise {system.name}{file}` or call "
        "chaosbench.characterise(system)"
    )
    if stored is None:
        raise StaleConstantsError(f"no constants are stored for {system.name!r}; {remedy}")
    if stored.fingerprint != system.fingerprint:
        raise StaleConstantsError(
            f"the stored constants of {system.name!r} belong to the fingerprint "
            f"{stored.fingerprint}, this system has {system.fingerprint}: its equation, "
            f"parameters or initial state differ; {remedy}"
        )
    return stored
