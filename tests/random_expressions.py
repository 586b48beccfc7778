"""Random equations: programs of operations on earlier values, run with any arithmetic.

Every operation is guarded so that its argument stays where it is defined; what tells the
arithmetics apart is the set of functions they are run with.
"""

from __future__ import annotations

import cmath
import math
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st

from chaosbench import expressions as ex

SMOOTH = {
    "add": lambda m, a, b, c: a + b,
    "sub": lambda m, a, b, c: a - b,
    "mul": lambda m, a, b, c: a * b,
    "scale": lambda m, a, b, c: 0.3 * a - 1.7,
    "neg": lambda m, a, b, c: -a,
    "div": lambda m, a, b, c: a / (1.5 + b * b),
    "reverse": lambda m, a, b, c: 2.0 / (-3.0 - a * a),
    "square": lambda m, a, b, c: a**2,
    "cube": lambda m, a, b, c: a**3.0,
    "inverse": lambda m, a, b, c: (2.5 + m.sin(a)) ** -3,
    "root": lambda m, a, b, c: (1.0 + a * a) ** 0.5,
    "power": lambda m, a, b, c: (0.5 + a * a) ** 1.3,
    "varying": lambda m, a, b, c: (0.5 + a * a) ** m.sin(b),
    "base": lambda m, a, b, c: 2.0 ** m.cos(a),
    "sin": lambda m, a, b, c: m.sin(a),
    "cos": lambda m, a, b, c: m.cos(a),
    "tan": lambda m, a, b, c: m.tan(0.7 * m.sin(a)),
    "sinh": lambda m, a, b, c: m.sinh(m.sin(a)),
    "cosh": lambda m, a, b, c: m.cosh(m.sin(a)),
    "tanh": lambda m, a, b, c: m.tanh(a),
    "asin": lambda m, a, b, c: m.arcsin(0.9 * m.sin(a)),
    "acos": lambda m, a, b, c: m.arccos(0.9 * m.cos(a)),
    "atan": lambda m, a, b, c: m.arctan(a),
    "exp": lambda m, a, b, c: m.exp(m.sin(a)),
    "log": lambda m, a, b, c: m.log(0.5 + a * a),
    "sqrt": lambda m, a, b, c: m.sqrt(0.5 + a * a),
}
KINKED = {
    "abs": lambda m, a, b, c: m.absolute(a),
    "min": lambda m, a, b, c: m.minimum(a, b),
    "max": lambda m, a, b, c: m.maximum(a, 0.25),
    "sign": lambda m, a, b, c: m.sign(a) * b,
    "floor": lambda m, a, b, c: m.floor(a) + b,
    "mod": lambda m, a, b, c: m.mod(a, 0.7),
    "heaviside": lambda m, a, b, c: m.heaviside(a) * c,
    "where": lambda m, a, b, c: m.where(a < b, c, a),
    "both": lambda m, a, b, c: m.where((a < b) & ~(c <= 0.5), a, b),
    "either": lambda m, a, b, c: m.where((a >= b) | (c > 0.5), c, 1.0),
    "truth": lambda m, a, b, c: (a > b) * c,
}
OPERATIONS = SMOOTH | KINKED

Program = list[tuple[str, int, int, int]]


def programs(*, kinked: bool) -> st.SearchStrategy[Program]:
    index = st.integers(0, 40)
    names = st.sampled_from(sorted(OPERATIONS if kinked else SMOOTH))
    return st.lists(st.tuples(names, index, index, index), min_size=2, max_size=14)


def run(program: Program, inputs: list[Any], functions: Any) -> list[Any]:
    """Run with the arithmetic of `inputs`; return every value, the inputs first."""
    values = list(inputs)
    for name, i, j, k in program:
        a, b, c = (values[n % len(values)] for n in (i, j, k))
        values.append(OPERATIONS[name](functions, a, b, c))
    return values


class Step(complex):
    """A complex number that branches on its real part: complex steps through kinks.

    `margin` records how close any branch came to switching.
    """

    margin = math.inf

    def _near(self, distance: float) -> None:
        Step.margin = min(Step.margin, abs(distance))

    def _other(self, other: Any) -> complex:
        return complex(other)

    def __add__(self, other):
        return Step(complex(self) + complex(other))

    __radd__ = __add__

    def __sub__(self, other):
        return Step(complex(self) - complex(other))

    def __rsub__(self, other):
        return Step(complex(other) - complex(self))

    def __mul__(self, other):
        return Step(complex(self) * complex(other))

    __rmul__ = __mul__

    def __truediv__(self, other):
        return Step(complex(self) / complex(other))

    def __rtruediv__(self, other):
        return Step(complex(other) / complex(self))

    def __neg__(self):
        return Step(-complex(self))

    def __pow__(self, other):
        if isinstance(other, (int, float)) and other == int(other):
            product = complex(1.0)
            for _ in range(abs(int(other))):
                product *= complex(self)
            return Step(product if other >= 0 else 1.0 / product)
        return Step(cmath.exp(complex(other) * cmath.log(complex(self))))

    def __rpow__(self, other):
        return Step(cmath.exp(complex(self) * math.log(other)))

    def __lt__(self, other):
        distance = complex(self - other).real
        self._near(distance)
        return Truth(distance < 0)

    def __gt__(self, other):
        distance = complex(self - other).real
        self._near(distance)
        return Truth(distance > 0)

    __le__, __ge__ = __lt__, __gt__


class Truth(int):
    def __new__(cls, value):
        return super().__new__(cls, bool(value))

    def __and__(self, other):
        return Truth(bool(self) and bool(other))

    def __or__(self, other):
        return Truth(bool(self) or bool(other))

    def __invert__(self):
        return Truth(not self)


def _analytic(function):
    return lambda z: Step(function(complex(z)))


def _where(condition, a, b):
    return a if condition else b


def _mod(z, m):
    whole = math.floor(complex(z).real / m)
    fraction = complex(z).real / m - whole
    z._near(min(fraction, 1 - fraction))
    return z - m * whole


def _floor(z):
    below = math.floor(complex(z).real)
    z._near(min(complex(z).real - below, below + 1 - complex(z).real))
    return Step(below)


ANALYTIC = {
    "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "exp": "exp", "log": "log",
    "sqrt": "sqrt",
}  # fmt: skip
"""NumPy's names of the elementary functions, and those of cmath."""

STEPS = SimpleNamespace(
    **{name: _analytic(getattr(cmath, other)) for name, other in ANALYTIC.items()},
    absolute=lambda z: z if z > 0.0 else -z,
    minimum=lambda a, b: a if a < b else b,
    maximum=lambda a, b: a if a > b else Step(b),
    sign=lambda z: Step(1.0 if z > 0.0 else -1.0),
    heaviside=lambda z: Step(1.0 if z > 0.0 else 0.0),
    where=lambda c, a, b: Step(_where(c, a, b)),
    floor=_floor,
    mod=_mod,
)


def trace(program: Program, names: str = "xyz") -> tuple[list[ex.Expr], list[ex.Expr]]:
    """Return symbols and every value of the program as expressions of one graph."""
    graph = ex.Graph()
    symbols = [graph.symbol("state", i, name) for i, name in enumerate(names)]
    return symbols, [graph.lift(v) for v in run(program, symbols, ex)]
