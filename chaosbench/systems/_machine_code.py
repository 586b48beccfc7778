"""The machine code that belongs to a system, each piece compiled when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaosbench.systems._system import Trace

__all__ = ["Compiled"]


class Compiled:
    """What has a trace, and kernels made from it."""

    if TYPE_CHECKING:

        @property
        def trace(self) -> Trace:
            """The expression graph."""

        @property
        def dimension(self) -> int:
            """Number of state variables."""

    @cached_property
    def kernel(self) -> Any:
        """Machine code of the right-hand side (of the next state, for a map)."""
        from chaosbench.compile import compile_rhs

        return compile_rhs(self.trace.outputs, self.trace.inputs)

    @cached_property
    def lane_kernel(self) -> Any:
        """Machine code that integrates several trajectories of a flow side by side."""
        from chaosbench.numerics.lanes import LaneKernel

        return LaneKernel(self.trace.outputs, self.trace.inputs)

    @cached_property
    def jacobian_kernel(self) -> Any:
        """Machine code of the exact Jacobian."""
        from chaosbench.compile import compile_jacobian

        return compile_jacobian(self.trace.outputs, self.trace.inputs)

    @cached_property
    def time_derivative_kernel(self) -> Any:
        """Machine code of the partial derivative of the right-hand side in time, ``(d,)``."""
        from chaosbench.compile import compile_time_derivative

        return compile_time_derivative(self.trace.outputs, len(self.trace.inputs))

    @cached_property
    def tape(self) -> Any:
        """The right-hand side as arrays, for the Taylor method and for double-double numbers."""
        from chaosbench.numerics.tape import lower

        return lower(self.trace.outputs, self.trace.inputs)

    @cached_property
    def _tangents(self) -> dict[Any, Any]:
        return {}

    def tangent_kernel(self, count: int) -> Any:
        """Machine code of the system with its linearisation on `count` tangent vectors."""
        from chaosbench.compile import compile_tangent

        if count not in self._tangents:
            self._tangents[count] = compile_tangent(self.trace.outputs, self.trace.inputs, count)
        return self._tangents[count]

    def delay_tangent_kernel(self, count: int) -> Any:
        """Like `tangent_kernel` for a delay system: state, tangents, then their delayed values."""
        from chaosbench.compile import compile_delay_tangent

        key = -count
        if key not in self._tangents:
            self._tangents[key] = compile_delay_tangent(
                self.trace.outputs, self.trace.inputs, self.dimension, count
            )
        return self._tangents[key]

    def noise_kernels(self, count: int = 0) -> tuple[Any, ...]:
        """Machine code of a stochastic system's noise terms, for `count` tangent vectors.

        Of g, L¹g, L⁰g and L¹L¹g (see `numerics._stochastic`); None for a term that is zero.
        """
        from chaosbench.systems._stochastic import compile_noise

        key = ("noise", count)
        if key not in self._tangents:
            self._tangents[key] = compile_noise(self, count)  # type: ignore[arg-type]  # a System
        kernels: tuple[Any, ...] = self._tangents[key]
        return kernels

    @cached_property
    def pair_kernel(self) -> Any:
        """Machine code of two copies of the system side by side."""
        from chaosbench.compile import compile_pair

        return compile_pair(self.trace.outputs, self.trace.inputs)
