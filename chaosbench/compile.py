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
    "ATTRIBUTES", "Emitter", "Kernel", "compile_delay_tangent", "compile_entries",
    "compile_jacobian", "compile_moded", "compile_pair", "compile_rhs", "compile_tangent",
    "compile_time_derivative", "declarations", "make_engine", "suffix", "tangent_outputs",
]  # fmt: skip

_INTRINSICS = {
    "sqrt": "llvm.sqrt", "exp": "llvm.exp", "log": "llvm.log", "sin": "llvm.sin",
    "cos": "llvm.cos", "floor": "llvm.floor", "abs": "llvm.fabs", "pow": "llvm.pow",
    "min": "llvm.minimum", "max": "llvm.maximum",  # which let a NaN through
}  # fmt: skip
_LIBM = ("tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "atan2")
_ARITHMETIC = {
    "add": "fadd contract", "sub": "fsub contract", "mul": "fmul contract", "div": "fdiv",
}  # fmt: skip
_COMPARE = {"lt": "olt", "le": "ole"}
_LOOP_ABOVE = 4  # tangent vectors beyond which the product with the Jacobian is a loop
_PACK_BELOW = 2000  # lines up to which equal operations are packed: the search grows like a square
_SHARE = 64  # functions in one engine
# the code generator's effort grows like the square of a long block of stores, and buys little
# where the matrix is then decomposed
_TUNE_BELOW = 1000  # lines of a Jacobian
_PLAIN_BELOW = 130  # lines for which LLVM's passes cost more than they ever bring

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


def _target_machine(effort: int) -> Any:
    """Make a target machine; an engine owns the one it is given, so each needs its own."""
    target, features = _prepare()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=effort, jit=True
    )


@cache
def _pass_machine() -> Any:
    """Return the target machine that LLVM's passes ask about costs; it is never given away."""
    return _target_machine(3)


def _parse(ir: str, optimise: bool) -> Any:
    """Turn text into a module; the caller holds the lock."""
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
    """Compile text IR; whoever keeps an address must keep the engine alive.

    `optimise` runs LLVM's passes before its code generator, which works with an `effort` of 0 to 3.
    """
    with _lock:  # MCJIT and the target machine are not safe to share between threads
        engine = llvm.create_mcjit_compiler(_parse(ir, optimise), _target_machine(effort))
        engine.finalize_object()
    return engine


_open: dict[int, tuple[Any, int]] = {}  # effort: the engine that takes functions, how many it has


def _add_function(ir: str, name: str, *, optimise: bool, effort: int) -> tuple[Any, int]:
    """Compile the one function in `ir`; return the engine to be kept alive, and the address.

    A target machine takes as long to make as a small function takes to compile, so functions share
    an engine. What an engine holds is freed with the last of them: hence only some to each.
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
    """Compile the loop over many states that Python calls, with the engine that holds it."""
    engine = make_engine(_MANY, optimise=False)
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    signature = ctypes.CFUNCTYPE(
        None, pointer, integer, integer, integer, pointer, pointer, pointer
    )
    return engine, signature(engine.get_function_address("many"))


class Kernel:
    """Machine code of one graph; keeps the engine alive as long as its address is in use.

    Attributes:
        address: of ``void kernel(double t, double *y, double *out)``.
        inputs: how many doubles `y` holds.
        outputs: how many doubles `out` holds.

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


class Emitter:
    """Writes one function's text IR; every value is a register or a literal.

    With several `lanes` every number is a vector, one component a trajectory, and every truth
    value a mask; each lane's results are those of the scalar code.
    """

    def __init__(self, lanes: int = 1) -> None:
        self.lines: list[str] = []
        self.lanes = lanes
        self.real = "double" if lanes == 1 else f"<{lanes} x double>"
        self.mask = "i1" if lanes == 1 else f"<{lanes} x i1>"
        self.align = 8 * min(lanes, 8)
        self._count = 0

    def line(self, right: str) -> str:
        """Emit an instruction and return its register."""
        self._count += 1
        name = f"%r{self._count}"
        self.lines.append(f"  {name} = {right}")
        return name

    def load(self, base: str, offset: str | int) -> str:
        """Load a number; offsets count numbers, vectors on several lanes."""
        return self.line(f"load {self.real}, ptr {self.pointer(base, offset)}, align {self.align}")

    def store(self, value: str, base: str, offset: str | int) -> None:
        """Store a number."""
        where = self.pointer(base, offset)
        self.lines.append(f"  store {self.real} {value}, ptr {where}, align {self.align}")

    def pointer(self, base: str, offset: str | int) -> str:
        """Point to a number."""
        return self.line(f"getelementptr inbounds {self.real}, ptr {base}, i64 {offset}")

    def literal(self, value: float) -> str:
        """Return a constant, the same in every lane."""
        number = _literal(value)
        if self.lanes == 1:
            return number
        return f"<{', '.join([f'double {number}'] * self.lanes)}>"

    def op(self, name: str, a: str, b: str) -> str:
        """Emit an arithmetic operation on two numbers."""
        return self.line(f"{name} {self.real} {a}, {b}")

    def compare(self, how: str, a: str, b: str) -> str:
        """Emit a comparison of two numbers."""
        return self.line(f"fcmp {how} {self.real} {a}, {b}")

    def pick(self, condition: str, yes: str, no: str) -> str:
        """Emit the choice between two numbers."""
        return self.line(f"select {self.mask} {condition}, {self.real} {yes}, {self.real} {no}")

    def fma(self, a: str, b: str, c: str) -> str:
        """Emit ``a b + c``, rounded once where the machine can."""
        name, real = "llvm.fmuladd" + suffix(self.lanes), self.real
        return self.line(f"call {real} @{name}({real} {a}, {real} {b}, {real} {c})")

    def splat(self, value: str, kind: str = "double") -> str:
        """Emit a number whose lanes are all `value`."""
        if self.lanes == 1:
            return value
        vector = f"<{self.lanes} x {kind}>"
        one = self.line(f"insertelement {vector} undef, {kind} {value}, i32 0")
        return self.line(
            f"shufflevector {vector} {one}, {vector} undef, <{self.lanes} x i32> zeroinitializer"
        )

    def call(self, op: str, *args: str) -> str:
        """Call an elementary function; libm knows no vectors and is asked lane by lane."""
        if op in _INTRINSICS:
            name = _INTRINSICS[op] + suffix(self.lanes)
            numbers = ", ".join(f"{self.real} {a}" for a in args)
            return self.line(f"call {self.real} @{name}({numbers})")
        if self.lanes == 1:
            return self.line(f"call double @{op}({', '.join(f'double {a}' for a in args)})")
        result = "undef"
        for lane in range(self.lanes):
            parts = [self.line(f"extractelement {self.real} {a}, i32 {lane}") for a in args]
            value = self.line(f"call double @{op}({', '.join(f'double {p}' for p in parts)})")
            result = self.line(f"insertelement {self.real} {result}, double {value}, i32 {lane}")
        return result

    def graph(
        self, outputs: Sequence[Expr], place: Callable[[int], int] = lambda index: index
    ) -> list[str]:
        """Emit every node that `outputs` need; `place` says where in `y` an input lies."""
        values: dict[int, str] = {}
        for node in reachable(outputs):
            values[node.id] = self.node(node, values, place)
        return [self.number(node, values) for node in outputs]

    def node(self, node: Expr, values: dict[int, str], place: Callable[[int], int]) -> str:
        """Emit one node, whose arguments are in `values` already."""
        op = node.op
        if op == "const":
            return self.literal(node.value)
        if op == "symbol":
            role, index, name = node.value
            if role == "time":
                return "%t"
            if role != "state":
                raise AssertionError(f"{role} {name} cannot be compiled")
            return self.load("%y", place(index))
        if op == "powi":
            return self._integer_power(self.number(node.args[0], values), int(node.args[1].value))
        if op in ("and", "or", "not", "where"):
            return self._logic(node, values)
        args = [self.number(a, values) for a in node.args]
        if op in _ARITHMETIC:
            return self.op(_ARITHMETIC[op], *args)
        if op in _COMPARE:
            return self.compare(_COMPARE[op], *args)
        if op == "neg":
            return self.line(f"fneg {self.real} {args[0]}")
        if op == "sign":
            zero = self.literal(0.0)
            up = self._as_number(self.compare("ogt", args[0], zero))
            down = self._as_number(self.compare("olt", args[0], zero))
            value = self.op("fsub", up, down)
            # a NaN must not turn into a zero, or an overlong step would pass unnoticed
            return self.pick(self.compare("uno", args[0], zero), args[0], value)
        if op == "mod":
            whole = self.call("floor", self.op("fdiv", *args))
            return self.op("fsub", args[0], self.op("fmul", args[1], whole))
        return self.call(op, *args)

    def _logic(self, node: Expr, values: dict[int, str]) -> str:
        if node.op == "where":
            condition = self.truth(node.args[0], values)
            yes, no = (self.number(a, values) for a in node.args[1:])
            return self.pick(condition, yes, no)
        args = [self.truth(a, values) for a in node.args]
        if node.op == "not":
            return self.line(f"xor {self.mask} {args[0]}, {self.true}")
        return self.line(f"{node.op} {self.mask} {args[0]}, {args[1]}")

    def _integer_power(self, base: str, exponent: int) -> str:
        """Raise by repeated squaring: exact in the number of roundings, no call to pow."""
        result, square, n = "", base, abs(exponent)
        while n:
            if n & 1:
                result = self.op("fmul", result, square) if result else square
            n >>= 1
            if n:
                square = self.op("fmul", square, square)
        return result if exponent > 0 else self.op("fdiv", self.literal(1.0), result)

    def _as_number(self, truth: str) -> str:
        return self.line(f"uitofp {self.mask} {truth} to {self.real}")

    @property
    def true(self) -> str:
        """The mask that lets every lane pass."""
        return "true" if self.lanes == 1 else f"<{', '.join(['i1 true'] * self.lanes)}>"

    def number(self, node: Expr, values: dict[int, str]) -> str:
        """Return the register of a node; a truth value as 0 or 1."""
        value = values[node.id]
        return self._as_number(value) if node.op in BOOLEAN else value

    def truth(self, node: Expr, values: dict[int, str]) -> str:
        """Return the register of a node as a truth value; a number is true unless it is 0."""
        value = values[node.id]
        if node.op in BOOLEAN:
            return value
        return self.compare("une", value, self.literal(0.0))


def suffix(lanes: int) -> str:
    """Return what LLVM appends to the name of an intrinsic on this many lanes."""
    return ".f64" if lanes == 1 else f".v{lanes}f64"


def _literal(value: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


_SIGNATURE = "(double %t, ptr noalias nocapture readonly %y, ptr noalias nocapture writeonly %out)"


ATTRIBUTES = (
    "attributes #0 = { nounwind }",
    "attributes #1 = { nounwind willreturn memory(none) }",
    "attributes #2 = { nounwind noinline }",
)


def declarations(lanes: int = 1) -> list[str]:
    """Declare what an emitter may call."""
    emit = Emitter(lanes)
    lines = ["declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"]
    for op, name in _INTRINSICS.items():
        count = 2 if op in ("pow", "min", "max") else 1
        arguments = ", ".join([emit.real] * count)
        lines.append(f"declare {emit.real} @{name}{suffix(lanes)}({arguments})")
    lines.append(f"declare {emit.real} @llvm.fmuladd{suffix(lanes)}({', '.join([emit.real] * 3)})")
    for name in _LIBM:
        count = 2 if name == "atan2" else 1
        lines.append(f"declare double @{name}({', '.join(['double'] * count)}) #1")
    return lines


@cache
def _declared() -> list[tuple[str, str]]:
    """List what scalar code may call, as it stands before its arguments, and its declaration."""
    return [(line[line.index("@") : line.index("(") + 1], line) for line in declarations()]


def _assemble(
    body: Sequence[str],
    inputs: int,
    outputs: int,
    *,
    optimise: bool | None = None,
    effort: int = 3,
) -> Kernel:
    """Make a body into a kernel."""
    code = "\n".join(body)
    text = "\n".join([
        *(line for name, line in _declared() if name in code),
        f"define void @kernel{_SIGNATURE} #2 {{", "entry:", code, "  ret void", "}",
        *ATTRIBUTES,
    ])  # fmt: skip
    if optimise is None:
        optimise = len(body) >= _PLAIN_BELOW
    return Kernel(text, inputs, outputs, optimise=optimise, effort=effort)


def compile_rhs(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> Kernel:
    """Compile the values of `outputs` as a function of the state `inputs` and of time."""
    return _compile_list(outputs, len(inputs))


def compile_jacobian(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> Kernel:
    """Compile the exact Jacobian, row-major ``(len(outputs), len(inputs))``."""
    rows = differentiate(outputs, inputs)
    places = [
        (i * len(inputs) + j, e) for i, row in enumerate(rows) for j, e in sorted(row.items())
    ]
    emit = Emitter()
    size = len(outputs) * len(inputs)
    if len(places) < size:  # one instruction, however sparse and large the matrix is
        emit.lines.append(f"  call void @llvm.memset.p0.i64(ptr %out, i8 0, i64 {8 * size}, i1 0)")
    for (place, _), value in zip(places, emit.graph([e for _, e in places]), strict=True):
        emit.store(value, "%out", place)
    effort = 3 if len(emit.lines) < _TUNE_BELOW else 0
    return _assemble(emit.lines, len(inputs), size, optimise=False, effort=effort)


def tangent_outputs(
    outputs: Sequence[Expr], inputs: Sequence[Expr], count: int
) -> tuple[list[Expr], list[Expr]]:
    """Return the outputs and inputs of the system with `count` tangent vectors as expressions.

    The layout is that of `compile_tangent`. For what must be differentiated again.
    """
    d = len(inputs)
    graph = outputs[0].graph
    tangents = [graph.symbol("state", d + k, f"tangent{k}") for k in range(d * count)]
    made = list(outputs)
    for row in differentiate(outputs, inputs):
        for c in range(count):
            total = graph.constant(0.0)
            for j, entry in sorted(row.items()):
                total = total + entry * tangents[j * count + c]
            made.append(total)
    return made, [*inputs, *tangents]


def compile_time_derivative(outputs: Sequence[Expr], inputs: int) -> Kernel:
    """Compile the exact partial derivatives of `outputs` in time, at `inputs` values of `y`."""
    graph = outputs[0].graph
    rows = differentiate(outputs, [graph.symbol("time", 0, "t")])
    return _compile_list([row.get(0, graph.constant(0.0)) for row in rows], inputs)


def _compile_list(entries: Sequence[Expr], inputs: int) -> Kernel:
    emit = Emitter()
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
    emit = Emitter()
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
    emit = Emitter()
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
    emit = Emitter()
    for i, value in enumerate(emit.graph(entries, _modes_behind(d, count))):
        emit.store(value, "%out", i)
    return _assemble(emit.lines, len(inputs) + d * count, len(entries))


def _modes_behind(d: int, count: int) -> Callable[[int], int]:
    """Say where state and modes lie when `count` tangent vectors stand between them."""
    return lambda index: index if index < d else index + d * count
