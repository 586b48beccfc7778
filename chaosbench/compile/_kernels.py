"""Compile the kernels of a system from its expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from chaosbench.compile._emitter import ATTRIBUTES, Emitter, declarations, literal
from chaosbench.compile._engine import Kernel
from chaosbench.expressions import Expr, differentiate

__all__ = [
    "compile_delay_tangent", "compile_entries", "compile_jacobian", "compile_moded",
    "compile_pair", "compile_rhs", "compile_tangent", "compile_time_derivative",
    "tangent_outputs",
]  # fmt: skip

_LOOP_ABOVE = 4
"""Number of tangent vectors above which the product with the Jacobian is a loop."""

_TUNE_BELOW = 1000
"""Lines of a Jacobian's IR below which the code generator optimises it.

Its time grows quadratically with the length of a block of stores, and the gain is small compared
with the decomposition of the matrix that follows.
"""

_PLAIN_BELOW = 130
"""Lines of IR below which LLVM's passes cost more time than they save."""

_SIGNATURE = "(double %t, ptr noalias nocapture readonly %y, ptr noalias nocapture writeonly %out)"


@cache
def _declared() -> list[tuple[str, str]]:
    """List the functions that scalar code may call: the text of a call, and the declaration."""
    return [(line[line.index("@") : line.index("(") + 1], line) for line in declarations()]


def _assemble(
    body: Sequence[str],
    inputs: int,
    outputs: int,
    *,
    optimise: bool | None = None,
    effort: int = 3,
) -> Kernel:
    """Compile the lines of a function body to a kernel."""
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
    """Compile `outputs` as a function of the state `inputs` and of time."""
    return _compile_list(outputs, len(inputs))


def compile_jacobian(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> Kernel:
    """Compile the exact Jacobian, row-major ``(len(outputs), len(inputs))``."""
    rows = differentiate(outputs, inputs)
    places = [
        (i * len(inputs) + j, e) for i, row in enumerate(rows) for j, e in sorted(row.items())
    ]
    emit = Emitter()
    size = len(outputs) * len(inputs)
    if len(places) < size:  # one call for all zeros, however large the matrix is
        emit.lines.append(f"  call void @llvm.memset.p0.i64(ptr %out, i8 0, i64 {8 * size}, i1 0)")
    for (place, _), value in zip(places, emit.graph([e for _, e in places]), strict=True):
        emit.store(value, "%out", place)
    effort = 3 if len(emit.lines) < _TUNE_BELOW else 0
    return _assemble(emit.lines, len(inputs), size, optimise=False, effort=effort)


def tangent_outputs(
    outputs: Sequence[Expr], inputs: Sequence[Expr], count: int
) -> tuple[list[Expr], list[Expr]]:
    """Return the outputs and inputs of the system with `count` tangent vectors as expressions.

    The layout is that of `compile_tangent`. It is for methods that differentiate these outputs
    again.
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
    """Compile the exact partial derivatives of `outputs` in time; `y` holds `inputs` values."""
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
    `out` holds their time derivatives in the same layout. Zeros of the Jacobian cost nothing.
    """
    d = len(inputs)
    return _compile_linearised(outputs, inputs, count, [d + j * count for j in range(d)])


def compile_delay_tangent(
    outputs: Sequence[Expr], inputs: Sequence[Expr], d: int, count: int
) -> Kernel:
    """Compile a delay system with its linearisation on `count` tangent histories.

    `y` holds the state ``(d,)``, its tangents ``(d, count)``, the delayed values ``(m,)`` and
    their tangents ``(m, count)``; `out` holds the derivatives of the first two.
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
    """Compile outputs and linearisation; the tangents of input j start at ``tangent_rows[j]``."""
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
            total = literal(0.0)
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

    `y` holds both states, then both sets of delayed values, if there are any.
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
    holds the derivatives of the first two.
    """
    d = len(outputs)
    if count == 0:
        return _compile_list(outputs, len(inputs))
    rows = [d + j * count for j in range(d)]
    return _compile_linearised(outputs, inputs[:d], count, rows, _modes_behind(d, count))


def compile_entries(entries: Sequence[Expr], inputs: Sequence[Expr], d: int, count: int) -> Kernel:
    """Compile expressions as a function of `y` in the layout of `compile_moded`."""
    emit = Emitter()
    for i, value in enumerate(emit.graph(entries, _modes_behind(d, count))):
        emit.store(value, "%out", i)
    return _assemble(emit.lines, len(inputs) + d * count, len(entries))


def _modes_behind(d: int, count: int) -> Callable[[int], int]:
    """Return the map from input index to offset if `count` tangent vectors precede the modes."""
    return lambda index: index if index < d else index + d * count
