"""What is done with a system: simulated, certified, measured."""

from __future__ import annotations

from chaosbench.dynamics.certify import Certificate, certified_until
from chaosbench.dynamics.characterise import characterise
from chaosbench.dynamics.constants import Constants, constants
from chaosbench.dynamics.lyapunov import LyapunovSpectrum, lyapunov_spectrum, twin_exponent
from chaosbench.dynamics.simulate import simulate

__all__ = [
    "Certificate", "Constants", "LyapunovSpectrum", "certified_until", "characterise", "constants",
    "lyapunov_spectrum", "simulate", "twin_exponent",
]  # fmt: skip
