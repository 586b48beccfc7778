"""The stored constants of systems: measurements that only the tool writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from chaosbench.errors import StaleConstantsError
from chaosbench.systems import FINGERPRINT_VERSION, System, get

__all__ = ["Constants", "constants", "constants_path", "known_constants", "restamped"]


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


def constants_path(name: str) -> Path:
    """Return the file that holds the constants of the system `name`."""
    return Path(str(resources.files("chaosbench.systems"))) / "constants" / f"{name}.json"


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


@cache
def _stored(name: str) -> Constants | None:
    path = constants_path(name)
    return Constants.from_json(path.read_text("utf-8")) if path.is_file() else None


def known_constants(system: System) -> Constants | None:
    """Return the stored constants if they belong to exactly this system, else None."""
    stored = _stored(system.name)
    return stored if stored is not None and stored.fingerprint == system.fingerprint else None


def constants(system: str | System) -> Constants:
    """Return the constants that `chaosbench systems characterise` wrote for a system.

    Raises:
        StaleConstantsError: nothing is stored, or the constants belong to another equation,
            parameter value or initial state.

    """
    system = get(system)
    stored = _stored(system.name)
    remedy = (
        f"run `chaosbench systems characterise {system.name}` or call "
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
