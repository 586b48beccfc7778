"""Which parameter drifts in the tracks `shift` and `shift-switch`, and how far.

The rule: the parameter that the literature varies, moved by at most a third of its value, by more
than its third digit shows, to where the system is still chaotic. The exponents are measured there,
with `chaosbench.lyapunov_spectrum` over 1,000 periods; a test measures them again.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SHIFTS", "Shift"]


@dataclass(frozen=True)
class Shift:
    """One parameter's change, with the largest Lyapunov exponent after it.

    Attributes:
        parameter: its name.
        value: after the shift.
        exponent: largest exponent of the shifted system, per time unit.
        stderr: its standard error.

    """

    parameter: str
    value: float
    exponent: float
    stderr: float


SHIFTS: dict[str, Shift] = {
    "chen": Shift("c", 27.0, 2.436, 0.034),
    "chua": Shift("alpha", 15.0, 0.368, 0.017),
    "dadras": Shift("c", 2.2, 0.396, 0.010),
    "duffing": Shift("gamma", 0.4, 0.146, 0.009),
    "genesio_tesi": Shift("a", 0.45, 0.0907, 0.0024),
    "halvorsen": Shift("a", 1.5, 0.187, 0.007),
    "henon": Shift("a", 1.38, 0.3763, 0.0025),
    "ikeda": Shift("u", 0.88, 0.4373, 0.0036),
    "logistic": Shift("r", 3.9, 0.4956, 0.0020),
    "lorenz": Shift("rho", 32.0, 0.994, 0.018),
    "lorenz96": Shift("F", 9.0, 2.005, 0.025),
    "lu_chen": Shift("c", 20.0, 1.288, 0.037),
    "mackey_glass": Shift("beta", 0.22, 0.00761, 0.00025),
    "rossler": Shift("c", 7.5, 0.0903, 0.0031),
    "rucklidge": Shift("b", 7.2, 0.2166, 0.0049),
    "shimizu_morioka": Shift("a", 0.8, 0.0419, 0.0017),
}
