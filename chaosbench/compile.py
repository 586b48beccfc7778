"""From an expression graph to machine code, through the LLVM that numba already ships.

Every kernel has the one signature ``void kernel(double t, double *y, double *out)``; what `y` and
`out` hold is the kernel's own business. An integrator written once in numba calls it by address.
Only the ``contract`` flag is set: multiply–add may fuse, nothing is reassociated, so the same
machine gives the same bits every time.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from chaosbench.expressions import BOOLEAN, Expr, differentiate, reachable
from chaosbench.trajectories import FloatArray

__all__ = [
    "Kernel", "compile_delay_tangent", "compile_entries", "compile_jacobian", "compile_moded",
    "compile_pair", "compile_rhs", "compile_tangent",
]  # fmt: skip

_INTRINSICS = {
    "sqrt": "llvm.sqrt.f64", "exp": "llvm.exp.f64", "log": "llvm.log.f64",
    "sin": "llvm.sin.f64", "cos": "llvm.cos.f64", "floor": "llvm.floor.f64",
    "abs": "llvm.fabs.f64", "pow": "llvm.pow.f64",
    "min": "llvm.minimum.f64", "max": "llvm.maximum.f64",  # which let a NaN through
}  # fmt: skip
_LIBM = ("tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "atan2")
_ARITHMETIC = {
    "add": "fadd contract", "sub": "fsub contract", "mul": "fmul contract", "div": "fdiv",
}  # fmt: skip
_COMPARE = {"lt": "olt", "le": "ole"}
_LOOP_ABOVE = 4  # tangent vectors beyond which the product with the Jacobian is a loop

_lock = threading.Lock()


@cache
def _prepare() -> Any:
    """Prepare LLVM for this machine and make libm's functions known to its linker."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = ctypes.CDLL(ctypes.util.find_library("m") or None)
    for name in (*_LIBM, "sin", "cos", "exp", "log", "pow", "floor"):
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        llvm.add_symbol(name, address)
    return llvm.Target.from_default_triple(), llvm.get_host_cpu_features().flatten()


def _target_machine() -> Any:
    """Make a target machine; an engine owns the one it is given, so each needs its own."""
    target, features = _prepare()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True
    )


class Kernel:
    """Machine code of one graph; keeps the engine alive as long as its address is in use.

    Attributes:
        address: of ``void kernel(double t, double *y, double *out)``.
        inputs: how many doubles `y` holds.
        outputs: how many doubles `out` holds.

    """

    def __init__(self, ir: str, inputs: int, outputs: int) -> None:
        with _lock:  # MCJIT and the target machine are not safe to share between threads
            machine = _target_machine()
            module = llvm.parse_assembly(ir)
            module.verify()
            options = llvm.create_pipeline_tuning_options(speed_level=3)
            options.loop_vectorization = True
            options.slp_vectorization = True
            builder = llvm.create_pass_builder(machine, options)
            builder.getModulePassManager().run(module, builder)
            self._engine = llvm.create_mcjit_compiler(module, machine)
            self._engine.finalize_object()
            self.address: int = self._engine.get_function_address("kernel")
            many = self._engine.get_function_address("many")
        self.inputs = inputs
        self.outputs = outputs
        pointer = ctypes.c_void_p
        self._many = ctypes.CFUNCTYPE(None, ctypes.c_int64, pointer, pointer, pointer)(many)

    def __call__(self, t: FloatArray, y: FloatArray) -> FloatArray:
        """Evaluate at ``t (n,)`` and ``y (n, inputs)``; return ``(n, outputs)``."""
        t = np.ascontiguousarray(t, dtype=np.float64)
        y = np.ascontiguousarray(y, dtype=np.float64)
        out = np.empty((len(y), self.outputs))
        self._many(len(y), t.ctypes.data, y.ctypes.data, out.ctypes.data)
        return out


class _Emitter:
    """Writes one function's text IR; every value is a register or a literal."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0

    def line(self, right: str) -> str:
        self._count += 1
        name = f"%r{self._count}"
        self.lines.append(f"  {name} = {right}")
        return name

    def load(self, base: str, offset: str | int) -> str:
        return self.line(f"load double, ptr {self.pointer(base, offset)}, align 8")

    def store(self, value: str, base: str, offset: str | int) -> None:
        self.lines.append(f"  store double {value}, ptr {self.pointer(base, offset)}, align 8")

    def pointer(self, base: str, offset: str | int) -> str:
        return self.line(f"getelementptr inbounds double, ptr {base}, i64 {offset}")

    def graph(
        self, outputs: Sequence[Expr], place: Callable[[int], int] = lambda index: index
    ) -> list[str]:
        """Emit every node that `outputs` need; `place` says where in `y` an input lies."""
        values: dict[int, str] = {}
        for node in reachable(outputs):
            values[node.id] = self._node(node, values, place)
        return [self._real(node, values) for node in outputs]

    def _node(self, node: Expr, values: dict[int, str], place: Callable[[int], int]) -> str:
        op = node.op
        if op == "const":
            return _literal(node.value)
        if op == "symbol":
            role, index, name = node.value
            if role == "time":
                return "%t"
            if role != "state":
                raise AssertionError(f"{role} {name} cannot be compiled")
            return self.load("%y", place(index))
        if op == "powi":
            return self._integer_power(self._real(node.args[0], values), int(node.args[1].value))
        if op in ("and", "or", "not", "where"):
            return self._logic(node, values)
        args = [self._real(a, values) for a in node.args]
        if op in _ARITHMETIC:
            return self.line(f"{_ARITHMETIC[op]} double {args[0]}, {args[1]}")
        if op in _COMPARE:
            return self.line(f"fcmp {_COMPARE[op]} double {args[0]}, {args[1]}")
        if op == "neg":
            return self.line(f"fneg double {args[0]}")
        if op == "sign":
            up = self._number(self.line(f"fcmp ogt double {args[0]}, {_literal(0.0)}"))
            down = self._number(self.line(f"fcmp olt double {args[0]}, {_literal(0.0)}"))
            value = self.line(f"fsub double {up}, {down}")
            # a NaN must not turn into a zero, or an overlong step would pass unnoticed
            lost = self.line(f"fcmp uno double {args[0]}, {_literal(0.0)}")
            return self.line(f"select i1 {lost}, double {args[0]}, double {value}")
        if op == "mod":
            ratio = self.line(f"fdiv double {args[0]}, {args[1]}")
            whole = self.line(f"call double @llvm.floor.f64(double {ratio})")
            product = self.line(f"fmul double {args[1]}, {whole}")
            return self.line(f"fsub double {args[0]}, {product}")
        name = _INTRINSICS.get(op, op)
        return self.line(f"call double @{name}({', '.join(f'double {a}' for a in args)})")

    def _logic(self, node: Expr, values: dict[int, str]) -> str:
        if node.op == "where":
            condition = self._truth(node.args[0], values)
            yes, no = (self._real(a, values) for a in node.args[1:])
            return self.line(f"select i1 {condition}, double {yes}, double {no}")
        args = [self._truth(a, values) for a in node.args]
        if node.op == "not":
            return self.line(f"xor i1 {args[0]}, true")
        return self.line(f"{node.op} i1 {args[0]}, {args[1]}")

    def _integer_power(self, base: str, exponent: int) -> str:
        """Raise by repeated squaring: exact in the number of roundings, no call to pow."""
        result, square, n = "", base, abs(exponent)
        while n:
            if n & 1:
                result = self.line(f"fmul double {result}, {square}") if result else square
            n >>= 1
            if n:
                square = self.line(f"fmul double {square}, {square}")
        return result if exponent > 0 else self.line(f"fdiv double {_literal(1.0)}, {result}")

    def _number(self, truth: str) -> str:
        return self.line(f"uitofp i1 {truth} to double")

    def _real(self, node: Expr, values: dict[int, str]) -> str:
        value = values[node.id]
        return self._number(value) if node.op in BOOLEAN else value

    def _truth(self, node: Expr, values: dict[int, str]) -> str:
        value = values[node.id]
        if node.op in BOOLEAN:
            return value
        return self.line(f"fcmp une double {value}, {_literal(0.0)}")


def _literal(value: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


_SIGNATURE = "(double %t, ptr noalias nocapture readonly %y, ptr noalias nocapture writeonly %out)"


def _assemble(body: Sequence[str], inputs: int, outputs: int) -> Kernel:
    """Wrap a body into the kernel and into the loop over many states that Python calls."""
    declarations = []
    for op, name in _INTRINSICS.items():
        count = 2 if op in ("pow", "min", "max") else 1
        declarations.append(f"declare double @{name}({', '.join(['double'] * count)})")
    for name in _LIBM:
        count = 2 if name == "atan2" else 1
        declarations.append(f"declare double @{name}({', '.join(['double'] * count)}) #1")
    text = "\n".join([
        *declarations,
        f"define void @kernel{_SIGNATURE} #2 {{", "entry:", *body, "  ret void", "}",
        "define void @many(i64 %n, ptr noalias %times, ptr noalias %ys, ptr noalias %outs) #0 {",
        "entry:",
        "  %some = icmp sgt i64 %n, 0",
        "  br i1 %some, label %loop, label %done",
        "loop:",
        "  %k = phi i64 [ 0, %entry ], [ %next, %loop ]",
        "  %tp = getelementptr inbounds double, ptr %times, i64 %k",
        "  %t = load double, ptr %tp, align 8",
        f"  %yo = mul i64 %k, {inputs}",
        "  %y = getelementptr inbounds double, ptr %ys, i64 %yo",
        f"  %oo = mul i64 %k, {outputs}",
        "  %o = getelementptr inbounds double, ptr %outs, i64 %oo",
        "  call void @kernel(double %t, ptr %y, ptr %o)",
        "  %next = add i64 %k, 1",
        "  %more = icmp slt i64 %next, %n",
        "  br i1 %more, label %loop, label %done",
        "done:", "  ret void", "}",
        "attributes #0 = { nounwind }",
        "attributes #1 = { nounwind willreturn memory(none) }",
        "attributes #2 = { nounwind noinline }",
    ])  # fmt: skip
    return Kernel(text, inputs, outputs)


def compile_rhs(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> Kernel:
    """Compile the values of `outputs` as a function of the state `inputs` and of time."""
    return _compile_list(outputs, len(inputs))


def compile_jacobian(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> Kernel:
    """Compile the exact Jacobian, row-major ``(len(outputs), len(inputs))``."""
    zero = outputs[0].graph.constant(0.0)
    rows = differentiate(outputs, inputs)
    entries = [row.get(j, zero) for row in rows for j in range(len(inputs))]
    return _compile_list(entries, len(inputs))


def _compile_list(entries: Sequence[Expr], inputs: int) -> Kernel:
    emit = _Emitter()
    for i, value in enumerate(emit.graph(entries)):
        emit.store(value, "%out", i)
    return _assemble(emit.lines, inputs, len(entries))


def compile_tangent(outputs: Sequence[Expr], inputs: Sequence[Expr], count: int) -> Kernel:
    """Compile the flow together with its linearisation on `count` tangent vectors.

    `y` holds the state ``(d,)`` followed by the tangent vectors as columns of ``(d, count)``;
    `out` holds their time derivatives in the same layout. The Jacobian's zeros cost nothing.
    """
    d = len(inputs)
    return _compile_linearised(outputs, inputs, count, [d + j * count for j in range(d)])


def compile_delay_tangent(
    outputs: Sequence[Expr], inputs: Sequence[Expr], d: int, count: int
) -> Kernel:
    """Compile a delay system with its linearisation on `count` tangent histories.

    `y` holds the state ``(d,)``, its tangents ``(d, count)``, the delayed values ``(m,)`` and
    their tangents ``(m, count)``; `out` the derivatives of the first two.
    """
    m = len(inputs) - d
    past = d * (count + 1)
    rows = [d + j * count for j in range(d)] + [past + m + j * count for j in range(m)]
    return _compile_linearised(
        outputs, inputs, count, rows, lambda index: index if index < d else past + index - d
    )


def _compile_linearised(
    outputs: Sequence[Expr],
    inputs: Sequence[Expr],
    count: int,
    tangent_rows: Sequence[int],
    place: Callable[[int], int] = lambda index: index,
) -> Kernel:
    """Compile outputs and their linearisation; input j's tangents start at ``tangent_rows[j]``."""
    d = len(outputs)
    emit = _Emitter()
    entries = [
        (i, j, e)
        for i, row in enumerate(differentiate(outputs, inputs))
        for j, e in sorted(row.items())
    ]
    values = emit.graph([*outputs, *(e for _, _, e in entries)], place)
    for i in range(d):
        emit.store(values[i], "%out", i)
    matrix: list[list[tuple[int, str]]] = [[] for _ in range(d)]
    for (i, j, _), value in zip(entries, values[d:], strict=True):
        matrix[i].append((j, value))
    columns = sorted({j for row in matrix for j, _ in row})

    def product(at: Callable[[int], str | int]) -> None:
        vector = {j: emit.load("%y", at(tangent_rows[j])) for j in columns}
        for i, row in enumerate(matrix):
            total = _literal(0.0)
            for n, (j, value) in enumerate(row):
                term = emit.line(f"fmul contract double {value}, {vector[j]}")
                total = term if n == 0 else emit.line(f"fadd contract double {total}, {term}")
            emit.store(total, "%out", at(d + i * count))

    if count <= _LOOP_ABOVE:
        for k in range(count):
            product(lambda row, k=k: row + k)  # type: ignore[misc]
    else:
        emit.lines += ["  br label %columns", "columns:"]
        emit.lines.append("  %k = phi i64 [ 0, %entry ], [ %k1, %columns ]")
        product(lambda row: emit.line(f"add i64 %k, {row}"))
        emit.lines += ["  %k1 = add i64 %k, 1", f"  %more = icmp slt i64 %k1, {count}"]
        emit.lines += ["  br i1 %more, label %columns, label %finish", "finish:"]
    return _assemble(emit.lines, len(inputs) * (count + 1), d * (count + 1))


def compile_pair(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> Kernel:
    """Compile two independent copies of a system as one, for twin trajectories.

    `y` holds both states, then both sets of delayed values where there are any.
    """
    d, m = len(outputs), len(inputs) - len(outputs)
    emit = _Emitter()
    first = emit.graph(outputs, lambda index: index if index < d else index + d)
    second = emit.graph(outputs, lambda index: index + d if index < d else index + d + m)
    for i, value in enumerate(first + second):
        emit.store(value, "%out", i)
    return _assemble(emit.lines, 2 * (d + m), 2 * d)


def compile_moded(outputs: Sequence[Expr], inputs: Sequence[Expr], count: int) -> Kernel:
    """Compile a field that depends on modes, with its linearisation on `count` tangent vectors.

    `y` holds the state ``(d,)``, the tangent vectors ``(d, count)`` and the modes ``(m,)``; `out`
    the derivatives of the first two.
    """
    d = len(outputs)
    if count == 0:
        return _compile_list(outputs, len(inputs))
    rows = [d + j * count for j in range(d)]
    return _compile_linearised(outputs, inputs[:d], count, rows, _modes_behind(d, count))


def compile_entries(entries: Sequence[Expr], inputs: Sequence[Expr], d: int, count: int) -> Kernel:
    """Compile values that depend on what `compile_moded` has in `y`."""
    emit = _Emitter()
    for i, value in enumerate(emit.graph(entries, _modes_behind(d, count))):
        emit.store(value, "%out", i)
    return _assemble(emit.lines, len(inputs) + d * count, len(entries))


def _modes_behind(d: int, count: int) -> Callable[[int], int]:
    """Say where state and modes lie when `count` tangent vectors stand between them."""
    return lambda index: index if index < d else index + d * count
