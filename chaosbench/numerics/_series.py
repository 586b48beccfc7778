"""Taylor coefficients of a flow's solution, as machine code generated from its graph.

If the state is a power series in time, every node of the graph is one too, and each operation has a
recurrence for its coefficients [jorba2005]. Coefficient k of a product is a convolution. For an
elementary function it follows from the derivative, whose expression the tracer knows:
``g(u)' = g'(u) u'``, again a product. All convolutions sum over the same lower orders. The code
therefore has two loops, over the order and over the summation index, and its length depends on the
graph, not on the order.
"""

from __future__ import annotations

from collections.abc import Sequence

from chaosbench.compile import Emitter, suffix
from chaosbench.expressions import BOOLEAN, Expr, partials, reachable

__all__ = ["Series"]

_STEPS = BOOLEAN | {"const", "sign", "floor"}
_PRODUCTS = frozenset({"mul", "div"})
_LINEAR = frozenset({"symbol", "add", "sub", "neg", "min", "max", "where"})
_KINKS = frozenset({"abs", "min", "max", "sign", "floor", "mod", "where"})

_REGISTERS = 16
"""Registers for the sums of one loop; a machine has 32 registers, or 16 of half the width."""

Row = tuple[int, bool]
"""Id of a node whose coefficients are kept, and whether each is multiplied by its order."""


class Series:
    """The recurrences of one right-hand side.

    Attributes:
        outputs: the time derivatives, with integer powers written as products.
        nodes: the nodes to evaluate, in topological order.
        kinked: whether some operation has a kink or a jump, which no series can foresee.
        rows: index of each kept series among the coefficients of one order; the `d` states first.

    """

    def __init__(self, outputs: Sequence[Expr], inputs: Sequence[Expr]) -> None:
        self.outputs = _without_powers(outputs)
        self.dimension = len(self.outputs)
        self.rows: dict[Row, int] = {(node.id, False): i for i, node in enumerate(inputs)}
        self._still: dict[int, bool] = {}
        self._slopes: dict[int, list[tuple[int, Expr]]] = {}
        self.nodes = self._collect()
        self.kinked = any(node.op in _KINKS for node in self.nodes)
        self._sums: dict[tuple[Row, Row], str] = {}
        for node in self.nodes:
            for pair in self._convolutions(node):
                for row in pair:
                    self.rows.setdefault(row, len(self.rows))
                self._sums[pair] = ""

    def _collect(self) -> list[Expr]:
        """List the nodes of the outputs and of the derivatives that their series need."""
        seen: dict[int, Expr] = {}
        stack = list(self.outputs)
        while stack:
            for node in reachable([stack.pop()]):
                if node.id not in seen:
                    seen[node.id] = node
                    self._still[node.id] = node.op in _STEPS or (
                        bool(node.args) and all(self._still[a.id] for a in node.args)
                    )
                    if self._elementary(node):
                        self._slopes[node.id] = [
                            (position, slope)
                            for position, slope in enumerate(_slopes(node))
                            if not self._still[node.args[position].id]
                        ]
                        stack.extend(slope for _, slope in self._slopes[node.id])
        return [seen[i] for i in sorted(seen)]

    def _elementary(self, node: Expr) -> bool:
        return not self._still[node.id] and node.op not in _PRODUCTS | _LINEAR

    def _convolutions(self, node: Expr) -> list[tuple[Row, Row]]:
        """List the sums over lower orders that the coefficients of a node need."""
        if self._still[node.id]:
            return []
        if node.op == "mul" and not any(self._still[a.id] for a in node.args):
            return [((node.args[0].id, False), (node.args[1].id, False))]
        if node.op == "div" and not self._still[node.args[1].id]:
            return [((node.id, False), (node.args[1].id, False))]
        return [
            ((node.args[position].id, True), (slope.id, False))
            for position, slope in self._slopes.get(node.id, ())
            if not self._still[slope.id]
        ]

    # ---------------------------------------------------------------- code

    def evaluate(self, emit: Emitter) -> dict[int, str]:
        """Emit the values of all nodes at the state that ``%y`` points to."""
        values: dict[int, str] = {}
        for node in self.nodes:
            values[node.id] = emit.node(node, values, lambda index: index)
        return values

    def coefficients(self, emit: Emitter, values: dict[int, str]) -> None:
        """Emit the loop over the orders 1 to ``%n - 1``; order 1 of the states is already stored.

        ``%c`` points to the coefficients, ``len(self.rows)`` vectors for each order. The preceding
        block is ``%orders``, the following block ``%solved``.
        """
        width = len(self.rows)
        inverse = {
            node.id: emit.line(
                f"fdiv {emit.real} {emit.literal(1.0)}, {emit.number(node.args[1], values)}"
            )
            for node in self.nodes
            if node.op == "div" and not self._still[node.id]
        }
        emit.lines += ["  br label %order", "order:"]
        latch = "%order" if not self._sums else "%tail"
        emit.lines.append(f"  %k = phi i64 [ 1, %orders ], [ %k1, {latch} ]")
        emit.lines += ["  %k1 = add i64 %k, 1", "  %kreal = uitofp i64 %k to double"]
        emit.lines += ["  %kback = fdiv double 1.0, %kreal", "  %k1real = uitofp i64 %k1 to double"]
        emit.lines.append("  %k1back = fdiv double 1.0, %k1real")
        emit.lines.append(f"  %here = mul i64 %k, {width}")
        emit.lines.append(f"  %next = mul i64 %k1, {width}")
        times, over, over_next = (emit.splat(v) for v in ("%kreal", "%kback", "%k1back"))
        self._sum_loops(emit, width)
        found = self._tail(emit, values, inverse, over)
        for (identity, multiplied), row in self.rows.items():
            if multiplied:
                value = emit.op("fmul", found[identity], times)
            elif row < self.dimension:
                continue
            else:
                value = found[identity]
            emit.store(value, "%c", emit.line(f"add i64 %here, {row}"))
        for i, node in enumerate(self.outputs):
            value = found.get(node.id) or emit.literal(0.0)
            value = emit.op("fmul", value, over_next)
            emit.store(value, "%c", emit.line(f"add i64 %next, {i}"))
        emit.lines += ["  %more = icmp slt i64 %k1, %n"]
        emit.lines += ["  br i1 %more, label %order, label %solved", "solved:"]

    def _sum_loops(self, emit: Emitter, width: int) -> None:
        """Emit the sums of ``a_j b_(k-j)`` over j from 1 to k - 1, several in one loop."""
        pairs = list(self._sums)
        size = max(1, _REGISTERS * 8 // emit.lanes)
        groups = [pairs[i : i + size] for i in range(0, len(pairs), size)]
        before = "%order"
        for g, group in enumerate(groups):
            after = "tail" if g == len(groups) - 1 else f"sum{g + 1}.start"
            emit.lines += [f"  %some{g} = icmp sgt i64 %k, 1"]
            emit.lines += [f"  br i1 %some{g}, label %sum{g}, label %{after}", f"sum{g}:"]
            emit.lines.append(f"  %j{g} = phi i64 [ 1, {before} ], [ %j{g}n, %sum{g} ]")
            sums = []
            for m in range(len(group)):
                emit.lines.append(
                    f"  %s{g}.{m} = phi {emit.real} [ {emit.literal(0.0)}, {before} ], "
                    f"[ %t{g}.{m}, %sum{g} ]"
                )
                sums.append(f"%s{g}.{m}")
            up = emit.line(f"mul i64 %j{g}, {width}")
            down = emit.line(f"sub i64 %here, {up}")
            loaded: dict[tuple[str, int], str] = {}
            for m, pair in enumerate(group):
                factors = []
                for row, base in zip(pair, (up, down), strict=True):
                    key = base, self.rows[row]
                    if key not in loaded:
                        offset = emit.line(f"add i64 {base}, {self.rows[row]}")
                        loaded[key] = emit.load("%c", offset)
                    factors.append(loaded[key])
                emit.lines.append(
                    f"  %t{g}.{m} = call {emit.real} @llvm.fmuladd{suffix(emit.lanes)}("
                    f"{emit.real} {factors[0]}, {emit.real} {factors[1]}, {emit.real} {sums[m]})"
                )
            emit.lines += [f"  %j{g}n = add i64 %j{g}, 1"]
            emit.lines += [f"  %again{g} = icmp slt i64 %j{g}n, %k"]
            emit.lines += [f"  br i1 %again{g}, label %sum{g}, label %{after}", f"{after}:"]
            for m, pair in enumerate(group):
                self._sums[pair] = emit.line(
                    f"phi {emit.real} [ {emit.literal(0.0)}, {before} ], [ %t{g}.{m}, %sum{g} ]"
                )
            before = f"%{after}"

    def _tail(
        self, emit: Emitter, values: dict[int, str], inverse: dict[int, str], over: str
    ) -> dict[int, str]:
        """Emit coefficient k of every node that moves, from the sums and the order 0."""
        found: dict[int, str] = {}
        for node in self.nodes:
            if self._still[node.id]:
                continue
            start = [emit.number(a, values) for a in node.args]
            here = [found.get(a.id, "") for a in node.args]
            sums = [self._sums[pair] for pair in self._convolutions(node)]
            found[node.id] = self._coefficient(emit, node, values, start, here, sums, inverse, over)
        return found

    def _coefficient(
        self,
        emit: Emitter,
        node: Expr,
        values: dict[int, str],
        start: list[str],
        here: list[str],
        sums: list[str],
        inverse: dict[int, str],
        over: str,
    ) -> str:
        """Emit one coefficient; `start` and `here` are the arguments' coefficients 0 and k."""
        zero = emit.literal(0.0)
        match node.op:
            case "symbol":
                if node.value[0] == "time":
                    first = emit.line("icmp eq i64 %k, 1")
                    return emit.splat(emit.line(f"uitofp i1 {first} to double"))
                place = emit.line(f"add i64 %here, {node.value[1]}")
                return emit.load("%c", place)
            case "neg":
                return emit.line(f"fneg {emit.real} {here[0]}")
            case "add" | "sub" if all(here):
                return emit.op(f"f{node.op}", *here)
            case "add":
                return here[0] or here[1]
            case "sub":
                return here[0] or emit.line(f"fneg {emit.real} {here[1]}")
            case "where":
                condition = emit.truth(node.args[0], values)
                return emit.pick(condition, here[1] or zero, here[2] or zero)
            case "min" | "max":
                a, b = start if node.op == "min" else start[::-1]
                condition = emit.compare("ole", a, b)
                return emit.pick(condition, here[0] or zero, here[1] or zero)
            case "mul":
                if sums:
                    return emit.fma(start[0], here[1], emit.fma(here[0], start[1], sums[0]))
                moving = 0 if here[0] else 1
                return emit.op("fmul", here[moving], start[1 - moving])
            case "div":
                total = here[0]
                if sums:
                    less = emit.fma(values[node.id], here[1], sums[0])
                    total = emit.op("fsub", total or emit.literal(0.0), less)
                return emit.op("fmul", total, inverse[node.id])
        total = ""
        rest = iter(sums)
        for position, slope in self._slopes[node.id]:
            lower = emit.literal(0.0)
            if not self._still[slope.id]:
                lower = emit.op("fmul", next(rest), over)
            part = emit.fma(here[position], emit.number(slope, values), lower)
            total = emit.op("fadd", total, part) if total else part
        return total


def _slopes(node: Expr) -> list[Expr]:
    """Return the partial derivatives of an operation by its arguments, without new powers."""
    graph = node.graph
    if node.op == "pow":
        base, exponent = node.args
        along = exponent * node / base
        across = 0.0 if exponent.op == "const" else node * graph.apply("log", base)
        return [graph.lift(along), graph.lift(across)]
    return [graph.lift(value) for value in partials(node)]


def _without_powers(outputs: Sequence[Expr]) -> list[Expr]:
    """Write integer powers as products by repeated squaring, as the compiler does."""
    graph = outputs[0].graph
    new: dict[int, Expr] = {}
    for node in reachable(outputs):
        if node.op == "powi":
            new[node.id] = _power(new[node.args[0].id], int(node.args[1].value))
        elif node.args:
            new[node.id] = graph.apply(node.op, *(new[a.id] for a in node.args))
        else:
            new[node.id] = node
    return [new[node.id] for node in outputs]


def _power(base: Expr, exponent: int) -> Expr:
    result, square, n = None, base, abs(exponent)
    while n:
        if n & 1:
            result = square if result is None else result * square
        n >>= 1
        if n:
            square = square * square
    assert result is not None
    return result if exponent > 0 else 1.0 / result
