"""Write LLVM IR as text."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from chaosbench.expressions import BOOLEAN, Expr, reachable

__all__ = ["ATTRIBUTES", "LIBM", "Emitter", "declarations", "literal", "suffix"]

_INTRINSICS = {
    "sqrt": "llvm.sqrt", "exp": "llvm.exp", "log": "llvm.log", "sin": "llvm.sin",
    "cos": "llvm.cos", "floor": "llvm.floor", "abs": "llvm.fabs", "pow": "llvm.pow",
    "min": "llvm.minimum", "max": "llvm.maximum",  # both propagate NaN
}  # fmt: skip
LIBM = ("tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "atan2")
_ARITHMETIC = {
    "add": "fadd contract", "sub": "fsub contract", "mul": "fmul contract", "div": "fdiv",
}  # fmt: skip
_COMPARE = {"lt": "olt", "le": "ole"}


class Emitter:
    """Writer of the text IR of one function; every value is a register or a literal.

    With several `lanes`, every number is a vector with one component for each trajectory, and every
    truth value is a mask. Each lane gives the same results as the scalar code.
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
        """Load a number; `offset` counts numbers, or vectors if there are several lanes."""
        return self.line(f"load {self.real}, ptr {self.pointer(base, offset)}, align {self.align}")

    def store(self, value: str, base: str, offset: str | int) -> None:
        """Store a number; `offset` counts as in `load`."""
        where = self.pointer(base, offset)
        self.lines.append(f"  store {self.real} {value}, ptr {where}, align {self.align}")

    def pointer(self, base: str, offset: str | int) -> str:
        """Emit a pointer to a number; `offset` counts as in `load`."""
        return self.line(f"getelementptr inbounds {self.real}, ptr {base}, i64 {offset}")

    def literal(self, value: float) -> str:
        """Return a constant that is the same in every lane."""
        number = literal(value)
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
        """Emit ``a b + c``, rounded once if the machine has such an instruction."""
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
        """Call an elementary function; libm has no vector functions and is called lane by lane."""
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
        """Emit every node that `outputs` need; `place` maps the index of an input to its offset."""
        values: dict[int, str] = {}
        for node in reachable(outputs):
            values[node.id] = self.node(node, values, place)
        return [self.number(node, values) for node in outputs]

    def node(self, node: Expr, values: dict[int, str], place: Callable[[int], int]) -> str:
        """Emit one node whose arguments are already in `values`."""
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
            # NaN must not become zero, or a step that is too long would be accepted
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
        """Emit an integer power by repeated squaring, without a call to pow."""
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
        """The mask that is true in every lane."""
        return "true" if self.lanes == 1 else f"<{', '.join(['i1 true'] * self.lanes)}>"

    def number(self, node: Expr, values: dict[int, str]) -> str:
        """Return the register of a node as a number; a truth value becomes 0 or 1."""
        value = values[node.id]
        return self._as_number(value) if node.op in BOOLEAN else value

    def truth(self, node: Expr, values: dict[int, str]) -> str:
        """Return the register of a node as a truth value; a number is true unless it is 0."""
        value = values[node.id]
        if node.op in BOOLEAN:
            return value
        return self.compare("une", value, self.literal(0.0))


def suffix(lanes: int) -> str:
    """Return the suffix that LLVM appends to the name of an intrinsic on `lanes` lanes."""
    return ".f64" if lanes == 1 else f".v{lanes}f64"


def literal(value: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


ATTRIBUTES = (
    "attributes #0 = { nounwind }",
    "attributes #1 = { nounwind willreturn memory(none) }",
    "attributes #2 = { nounwind noinline }",
)


def declarations(lanes: int = 1) -> list[str]:
    """Return the declarations of all functions that an emitter may call."""
    emit = Emitter(lanes)
    lines = ["declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"]
    for op, name in _INTRINSICS.items():
        count = 2 if op in ("pow", "min", "max") else 1
        arguments = ", ".join([emit.real] * count)
        lines.append(f"declare {emit.real} @{name}{suffix(lanes)}({arguments})")
    lines.append(f"declare {emit.real} @llvm.fmuladd{suffix(lanes)}({', '.join([emit.real] * 3)})")
    for name in LIBM:
        count = 2 if name == "atan2" else 1
        lines.append(f"declare double @{name}({', '.join(['double'] * count)}) #1")
    return lines
