"""Compile an expression graph to machine code, through the LLVM that numba already ships.

All kernels have the signature ``void kernel(double t, double *y, double *out)``; each kernel
defines what `y` and `out` hold. An integrator, written once in numba, calls kernels by address.
Only the ``contract`` flag is set: multiply–add may fuse, but nothing is reassociated, so the same
machine gives the same bits every time.
"""

from __future__ import annotations

from chaosbench.compile._emitter import ATTRIBUTES, Emitter, declarations, suffix
from chaosbench.compile._engine import Kernel, make_engine
from chaosbench.compile._kernels import (
    compile_delay_tangent,
    compile_entries,
    compile_jacobian,
    compile_moded,
    compile_pair,
    compile_rhs,
    compile_tangent,
    compile_time_derivative,
    tangent_outputs,
)

__all__ = [
    "ATTRIBUTES", "Emitter", "Kernel", "compile_delay_tangent", "compile_entries",
    "compile_jacobian", "compile_moded", "compile_pair", "compile_rhs", "compile_tangent",
    "compile_time_derivative", "declarations", "make_engine", "suffix", "tangent_outputs",
]  # fmt: skip
