"""Compile text IR with LLVM to functions at an address."""

from __future__ import annotations

import ctypes
import ctypes.util
import threading
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from chaosbench.compile._emitter import LIBM
from chaosbench.trajectories import FloatArray

__all__ = ["Kernel", "make_engine"]

_PACK_BELOW = 2000
"""Lines of IR below which equal operations are packed; the search time grows quadratically."""

_SHARE = 64
"""Number of functions in one engine."""

_lock = threading.Lock()


@cache
def _prepare() -> Any:
    """Prepare LLVM for this machine and register libm's functions with its linker."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = ctypes.CDLL(ctypes.util.find_library("m") or None)
    for name in (*LIBM, "sin", "cos", "exp", "log", "pow", "floor"):
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        llvm.add_symbol(name, address)
    return llvm.Target.from_default_triple(), llvm.get_host_cpu_features().flatten()


def _target_machine(effort: int) -> Any:
    """Make a target machine; an engine owns its target machine, so each engine needs its own."""
    target, features = _prepare()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=effort, jit=True
    )


@cache
def _pass_machine() -> Any:
    """Return the target machine that LLVM's passes query for costs; no engine may own it."""
    return _target_machine(3)


def _parse(ir: str, optimise: bool) -> Any:
    """Turn text IR into a module; the caller must hold the lock."""
    module = llvm.parse_assembly(ir)
    module.verify()
    if optimise:
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = True
        options.slp_vectorization = ir.count("\n") < _PACK_BELOW
        builder = llvm.create_pass_builder(_pass_machine(), options)
        builder.getModulePassManager().run(module, builder)
    return module


def make_engine(ir: str, *, optimise: bool = True, effort: int = 3) -> Any:
    """Compile text IR; keep the engine alive for as long as an address from it is in use.

    `optimise` runs LLVM's passes before its code generator; `effort`, from 0 to 3, is the
    optimisation level of the code generator.
    """
    with _lock:  # MCJIT and the target machine are not safe to share between threads
        engine = llvm.create_mcjit_compiler(_parse(ir, optimise), _target_machine(effort))
        engine.finalize_object()
    return engine


_open: dict[int, tuple[Any, int]] = {}
"""The engine that accepts further functions and its number of functions, by effort."""


def _add_function(ir: str, name: str, *, optimise: bool, effort: int) -> tuple[Any, int]:
    """Compile the one function in `ir`; return the engine, to be kept alive, and the address.

    Making a target machine takes as long as compiling a small function, so functions share an
    engine. The memory of an engine is freed when its last function is no longer used, so an engine
    holds only a limited number of functions.
    """
    with _lock:
        module = _parse(ir, optimise)
        engine, count = _open.get(effort, (None, 0))
        module.get_function(name).name = unique = f"{name}{count}"
        if engine is None:
            engine = llvm.create_mcjit_compiler(module, _target_machine(effort))
        else:
            engine.add_module(module)
        engine.finalize_object()
        address: int = engine.get_function_address(unique)
        engine.remove_module(module)  # its machine code stays
        module.close()
        if count + 1 < _SHARE:
            _open[effort] = engine, count + 1
        else:
            del _open[effort]
    return engine, address


_MANY = """
define void @many(ptr %kernel, i64 %n, i64 %inputs, i64 %outputs,
                  ptr noalias %times, ptr noalias %ys, ptr noalias %outs) nounwind {
entry:
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %loop, label %done
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %tp = getelementptr inbounds double, ptr %times, i64 %k
  %t = load double, ptr %tp, align 8
  %yo = mul i64 %k, %inputs
  %y = getelementptr inbounds double, ptr %ys, i64 %yo
  %oo = mul i64 %k, %outputs
  %o = getelementptr inbounds double, ptr %outs, i64 %oo
  call void %kernel(double %t, ptr %y, ptr %o)
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}
"""


@cache
def _many() -> tuple[Any, Any]:
    """Compile the loop over many states that Python calls; return its engine and the function."""
    engine = make_engine(_MANY, optimise=False)
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    signature = ctypes.CFUNCTYPE(
        None, pointer, integer, integer, integer, pointer, pointer, pointer
    )
    return engine, signature(engine.get_function_address("many"))


class Kernel:
    """Machine code of one graph; keeps the engine alive as long as its address is in use.

    Attributes:
        address: address of ``void kernel(double t, double *y, double *out)``.
        inputs: number of doubles in `y`.
        outputs: number of doubles in `out`.

    """

    def __init__(
        self, ir: str, inputs: int, outputs: int, *, optimise: bool = True, effort: int = 3
    ) -> None:
        self._engine, self.address = _add_function(ir, "kernel", optimise=optimise, effort=effort)
        self.inputs = inputs
        self.outputs = outputs

    def __call__(self, t: FloatArray, y: FloatArray) -> FloatArray:
        """Evaluate at ``t (n,)`` and ``y (n, inputs)``; return ``(n, outputs)``."""
        t = np.ascontiguousarray(t, dtype=np.float64)
        y = np.ascontiguousarray(y, dtype=np.float64)
        out = np.empty((len(y), self.outputs))
        loop = _many()[1]
        loop(
            self.address, len(y), self.inputs, self.outputs, t.ctypes.data, y.ctypes.data,
            out.ctypes.data,
        )  # fmt: skip
        return out
