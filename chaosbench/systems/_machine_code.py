"""The machine code of a system; each piece is compiled when it is first used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any

from chaosbench.numerics.tape import lower
from chaosbench.systems.tracing import Trace

__all__ = ["Compiled"]


class Compiled(ABC):
    """An expression graph with the kernels that every kind of system has."""

    @property
    @abstractmethod
    def trace(self) -> Trace:
        """The expression graph."""

    @cached_property
    def kernel(self) -> Any:
        """Machine code of the right-hand side (of the next state, for a map)."""
        from chaosbench.compile import compile_rhs

        return compile_rhs(self.trace.outputs, self.trace.inputs)

    @cached_property
    def jacobian_kernel(self) -> Any:
        """Machine code of the exact Jacobian."""
        from chaosbench.compile import compile_jacobian

        return compile_jacobian(self.trace.outputs, self.trace.inputs)

    def tangent_kernel(self, count: int) -> Any:
        """Return machine code of the system with its linearisation on `count` tangent vectors."""
        from chaosbench.compile import compile_tangent

        return self._once(
            ("tangents", count),
            lambda: compile_tangent(self.trace.outputs, self.trace.inputs, count),
        )

    @cached_property
    def pair_kernel(self) -> Any:
        """Machine code of two copies of the system side by side."""
        from chaosbench.compile import compile_pair

        return compile_pair(self.trace.outputs, self.trace.inputs)

    @cached_property
    def tape(self) -> Any:
        """The right-hand side as arrays, for the Taylor method and for double-double numbers."""
        return lower(self.trace.outputs, self.trace.inputs)

    @cached_property
    def _kernels(self) -> dict[Hashable, Any]:
        return {}

    def _once(self, key: Hashable, compile_: Callable[[], Any]) -> Any:
        """Return what is compiled under a key, compiling it on the first call."""
        if key not in self._kernels:
            self._kernels[key] = compile_()
        return self._kernels[key]
