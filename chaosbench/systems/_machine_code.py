"""The machine code that belongs to a system, each piece compiled when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any

from chaosbench.systems.tracing import Trace

__all__ = ["Compiled"]


class Compiled:
    """What has a trace, and the kernels that every kind of system has."""

    @cached_property
    def trace(self) -> Trace:
        """The expression graph."""
        raise NotImplementedError

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
        """Machine code of the system with its linearisation on `count` tangent vectors."""
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
        from chaosbench.numerics.tape import lower

        return lower(self.trace.outputs, self.trace.inputs)

    @cached_property
    def _kernels(self) -> dict[Hashable, Any]:
        return {}

    def _once(self, key: Hashable, compile_: Callable[[], Any]) -> Any:
        """Return what was compiled under a key; compile it first where that has not happened."""
        if key not in self._kernels:
            self._kernels[key] = compile_()
        return self._kernels[key]
