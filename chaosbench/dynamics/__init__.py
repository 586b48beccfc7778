"""Simulate, certify and measure systems.

`simulate` samples trajectories. `certified_until` says for how long a trajectory is the solution
through its first sample. `lyapunov_spectrum` and `twin_exponent` measure exponents by two methods.
`characterise` measures everything that `constants` returns. `sweep` follows a parameter, `section`
cuts an orbit with a plane, and `basins` finds which initial states reach which attractor.

Names load when they are first used, so that constants can be read without the compiler.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaosbench.dynamics.attraction import Basins as Basins
    from chaosbench.dynamics.attraction import basins as basins
    from chaosbench.dynamics.certify import Certificate as Certificate
    from chaosbench.dynamics.certify import certified_until as certified_until
    from chaosbench.dynamics.characterisation import characterise as characterise
    from chaosbench.dynamics.exponents import LyapunovSpectrum as LyapunovSpectrum
    from chaosbench.dynamics.exponents import TwinExponent as TwinExponent
    from chaosbench.dynamics.lyapunov import lyapunov_spectrum as lyapunov_spectrum
    from chaosbench.dynamics.lyapunov import twin_exponent as twin_exponent
    from chaosbench.dynamics.scales import Scales as Scales
    from chaosbench.dynamics.scales import scales_of as scales_of
    from chaosbench.dynamics.sections import Section as Section
    from chaosbench.dynamics.sections import section as section
    from chaosbench.dynamics.simulation import simulate as simulate
    from chaosbench.dynamics.stored import Constants as Constants
    from chaosbench.dynamics.stored import constants as constants
    from chaosbench.dynamics.sweeping import Sweep as Sweep
    from chaosbench.dynamics.sweeping import sweep as sweep

_HOMES = {
    "Basins": "attraction",
    "Certificate": "certify",
    "Constants": "stored",
    "LyapunovSpectrum": "exponents",
    "Scales": "scales",
    "Section": "sections",
    "Sweep": "sweeping",
    "TwinExponent": "exponents",
    "basins": "attraction",
    "certified_until": "certify",
    "characterise": "characterisation",
    "constants": "stored",
    "lyapunov_spectrum": "lyapunov",
    "scales_of": "scales",
    "section": "sections",
    "simulate": "simulation",
    "sweep": "sweeping",
    "twin_exponent": "lyapunov",
}

__all__ = [
    "Basins", "Certificate", "Constants", "LyapunovSpectrum", "Scales", "Section", "Sweep",
    "TwinExponent", "basins", "certified_until", "characterise", "constants", "lyapunov_spectrum",
    "scales_of", "section", "simulate", "sweep", "twin_exponent",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'chaosbench.dynamics' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"chaosbench.dynamics.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
