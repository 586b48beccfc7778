"""Skew products: one flow drives another, which does not act back."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from chaosbench.dynamics.stored import constants
from chaosbench.errors import ParameterError
from chaosbench.systems import Flow, System, flow
from chaosbench.trajectories import FloatArray

__all__ = ["Pair", "pair_of"]

BETWEEN = "_drives_"
"""What stands between the names of driver and response."""


@dataclass(frozen=True)
class Pair:
    """The two parts of a skew product.

    The state holds the variables of both, ``driver_NAME`` and ``response_NAME``. The driver x moves
    by itself. Each variable of the response gets the standardised variable of the driver with the
    same index (modulo the number of these) as a further term, in its own spread per period of its
    own: y_j' = g_j(y) + c (s_j / T) (x_i - m_i) / σ_i.
    """

    driver: System
    response: System

    @property
    def name(self) -> str:
        """Name of the product."""
        return f"{self.driver.name}{BETWEEN}{self.response.name}"

    @property
    def period(self) -> float:
        """The shorter of the two periods, in time units."""
        return min(constants(part.name).period for part in (self.driver, self.response))

    @property
    def spread(self) -> FloatArray:
        """Standard deviation of each variable ``(d,)``; for the response, of the undriven one."""
        parts = (self.driver, self.response)
        return np.concatenate([constants(part.name).std for part in parts])

    def system(self, coupling: float) -> System:
        """Return the product as a system.

        Raises:
            ParameterError: a part is not an autonomous flow of single variables.

        """
        return _product(self, float(coupling))


def pair_of(name: str, known: Mapping[str, System]) -> Pair | None:
    """Return the parts that a name such as ``lorenz_drives_rossler`` means; None if it is none."""
    if not isinstance(name, str):
        return None
    driver, found, response = name.partition(BETWEEN)
    if not found or driver not in known or response not in known:
        return None
    return Pair(known[driver], known[response])


@lru_cache(maxsize=64)
def _product(pair: Pair, coupling: float) -> System:
    for part in (pair.driver, pair.response):
        if (
            not isinstance(part, Flow)
            or part.driven
            or part.resets
            or part.layout != part.variables
        ):
            raise ParameterError(
                f"{part.name!r} cannot be part of a skew product, which takes two autonomous flows "
                "of single variables without resets"
            )
    x, y = pair.driver, pair.response
    driving, driven = constants(x.name), constants(y.name)
    state = [f"driver_{v}" for v in x.variables] + [f"response_{v}" for v in y.variables]
    kinds = inspect.Parameter
    parameters = {f"driver_{k}": v for k, v in x.parameters.items()}
    parameters |= {f"response_{k}": v for k, v in y.parameters.items()}
    parameters["coupling"] = coupling

    def equation(*values: Any, coupling: Any, **given: Any) -> tuple[Any, ...]:
        def of(part: str) -> dict[str, Any]:
            start = f"{part}_"
            return {k.removeprefix(start): v for k, v in given.items() if k.startswith(start)}

        first, second = values[: x.dimension], values[x.dimension :]
        own = x.function(*first, **of("driver"))
        other = y.function(*second, **of("response"))
        pushed = []
        for j, slope in enumerate(other):
            i = j % x.dimension
            strength = driven.std[j] / driven.period / driving.std[i]
            pushed.append(slope + coupling * strength * (first[i] - driving.mean[i]))
        return (*own, *pushed)

    vars(equation)["__signature__"] = inspect.Signature(
        [kinds(v, kinds.POSITIONAL_OR_KEYWORD) for v in state]
        + [kinds(k, kinds.KEYWORD_ONLY, default=v) for k, v in parameters.items()]
    )
    equation.__name__ = pair.name
    equation.__doc__ = f"{y.name} driven by {x.name}, which does not feel it."
    return flow(
        ic=(*x.ic, *y.ic),
        reference=x.reference,
        dissipative=x.dissipative and y.dissipative,
        name=pair.name,
    )(equation)
