"""Where a flow switches: its surfaces, modes, sliding and resets, found in its graph.

Every operation with a kink or a jump chooses between smooth branches by the sign (or the integer
part) of a switching function. The *mode* of a switching function is its current choice: ±1, an
integer, or 0 while the state slides along the surface. With the modes as inputs the field is
smooth, and it can be evaluated beyond the surface at which a mode ends. An integrator can therefore
step across the surface and then go back to the crossing; see `numerics.events`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaosbench.compile import Kernel, compile_entries, compile_moded
from chaosbench.expressions import Expr, Graph, differentiate, reachable
from chaosbench.numerics.event_kinds import BINARY, RESET, WHOLE
from chaosbench.numerics.tape import Tape, lower
from chaosbench.trajectories import FloatArray

__all__ = ["SWITCHING", "Switches", "find_switches"]

SWITCHING = frozenset({"abs", "min", "max", "sign", "floor", "mod", "lt", "le"})
"""Operations that choose between branches; `where` chooses through its comparisons."""


@dataclass(frozen=True, eq=False)
class Branch:
    """A flow with fixed modes.

    Attributes:
        tape: the field ``(d,)`` and the gaps as outputs; a gap is positive while its mode holds.
        d: number of state variables.
        exits: for each gap, the index of its surface and the mode beyond it.

    """

    tape: Tape
    d: int
    exits: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Switches:
    """A flow with its modes as inputs.

    Attributes:
        inputs: state ``(d,)`` and modes ``(m,)``.
        outputs: the field, in the branches that the modes select.
        surfaces: the switching functions; each depends only on the modes of those before it.
        kinds: `BINARY`, `WHOLE` or `RESET`, one for each surface.
        jumping: whether the field may jump at each surface, so that the state may slide.
        resets: the state after the event, for each surface of kind `RESET`.

    """

    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]
    surfaces: tuple[Expr, ...]
    kinds: tuple[int, ...]
    jumping: tuple[bool, ...]
    resets: tuple[tuple[Expr, ...], ...]
    _branches: dict[tuple[float, ...], Branch | None] = field(
        default_factory=dict, repr=False, compare=False
    )
    _kernels: dict[int, tuple[NDArray[np.int64], list[Kernel]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def modes(self) -> tuple[Expr, ...]:
        """The inputs that hold the modes."""
        return self.inputs[len(self.outputs) :]

    @cached_property
    def kind_array(self) -> NDArray[np.int64]:
        """`kinds` as an array for the integrator."""
        return np.array(self.kinds, dtype=np.int64)

    def undecided(self) -> FloatArray:
        """Return modes ``(m,)`` that the integrator must still find from the state."""
        return np.array([-1.0 if kind == RESET else np.nan for kind in self.kinds])

    def addresses(self, count: int) -> NDArray[np.int64]:
        """Return the addresses of the machine code for `count` tangent vectors, ``(2 + 2 m,)``.

        They are the addresses of the field, of the surfaces with their derivatives, of the sliding
        field of each surface, and of the reset of each surface (0 where there is none).
        """
        if count not in self._kernels:
            kernels = {
                0: compile_moded(self.outputs, self.inputs, count),
                1: self._compile([self._with_derivatives(s) for s in self.surfaces], count),
            }
            m = len(self.surfaces)
            for j, jumps in enumerate(self.jumping):
                field = self.sliding(j) if jumps else None
                if field is not None:
                    kernels[2 + j] = compile_moded(field, self.inputs, count)
            at_reset = [j for j, kind in enumerate(self.kinds) if kind == RESET]
            for j, image in zip(at_reset, self.resets, strict=True):
                kernels[2 + m + j] = self._compile([self._image(image)], count)
            table = np.zeros(2 + 2 * m, dtype=np.int64)
            for place, kernel in kernels.items():
                table[place] = kernel.address
            self._kernels[count] = table, list(kernels.values())
        return self._kernels[count][0]

    def _compile(self, parts: Sequence[Sequence[Expr]], count: int) -> Kernel:
        entries = [entry for part in parts for entry in part]
        return compile_entries(entries, self.inputs, len(self.outputs), count)

    def _partials(self, node: Expr) -> list[Expr]:
        """Return the partial derivatives with respect to the state and to time."""
        d = len(self.outputs)
        by = [*self.inputs[:d], node.graph.symbol("time", 0, "t")]
        (row,) = differentiate([node], by)
        return [row.get(i, node.graph.constant(0.0)) for i in range(d + 1)]

    def _with_derivatives(self, surface: Expr) -> list[Expr]:
        return [surface, *self._partials(surface)]

    def _image(self, image: Sequence[Expr]) -> list[Expr]:
        """Return the state after a reset, its Jacobian row by row, and its time derivative."""
        partials = [self._partials(node) for node in image]
        rows = [entry for row in partials for entry in row[:-1]]
        return [*image, *rows, *(row[-1] for row in partials)]

    def branch(self, modes: tuple[float, ...]) -> Branch | None:
        """Return the smooth flow that holds in these modes, with the end of each mode.

        Return None where the state would have to slide along two surfaces at once.
        """
        if modes not in self._branches:
            self._branches[modes] = self._make_branch(modes)
        return self._branches[modes]

    def _make_branch(self, modes: tuple[float, ...]) -> Branch | None:
        slid = [j for j, mode in enumerate(modes) if mode == 0.0 and self.kinds[j] == BINARY]
        field: Sequence[Expr] | None = self.sliding(slid[0]) if slid else self.outputs
        if field is None or len(slid) > 1:
            return None
        gaps: list[Expr] = []
        exits: list[tuple[int, float]] = []
        for j, (surface, kind, mode) in enumerate(
            zip(self.surfaces, self.kinds, modes, strict=True)
        ):
            if kind == WHOLE:
                gaps += [surface - mode, (mode + 1.0) - surface]
                exits += [(j, mode - 1.0), (j, mode + 1.0)]
            elif kind == BINARY and mode == 0.0:
                rising, falling = self._rates(j)
                gaps += [rising, -falling]
                exits += [(j, -1.0), (j, 1.0)]
            else:
                gaps.append(surface if mode > 0.0 else -surface)
                exits.append((j, -mode))
        d = len(self.outputs)
        return Branch(lower(self._chosen([*field, *gaps], modes), self.inputs[:d]), d, tuple(exits))

    def image(self, j: int, modes: tuple[float, ...]) -> Tape:
        """Return the tape of the state after the reset at surface `j` in these modes."""
        at = [k for k, kind in enumerate(self.kinds) if kind == RESET].index(j)
        return lower(self._chosen(self.resets[at], modes), self.inputs[: len(self.outputs)])

    def _chosen(self, nodes: Sequence[Expr], modes: Sequence[float]) -> list[Expr]:
        graph = self.outputs[0].graph
        values = {s.id: graph.constant(m) for s, m in zip(self.modes, modes, strict=True)}
        return _substitute(nodes, values)

    def _rates(self, j: int) -> tuple[Expr, Expr]:
        """Return the rate of switching function `j` in the field on either side: below, above."""
        *gradient, by_time = self._partials(self.surfaces[j])

        def rate(side: float) -> Expr:
            total: Any = by_time
            for slope, value in zip(gradient, self._side(j, side), strict=True):
                total = total + slope * value
            return total  # type: ignore[no-any-return]

        return rate(-1.0), rate(1.0)

    def _side(self, j: int, side: float) -> list[Expr]:
        mode = self.modes[j]
        return _substitute(self.outputs, {mode.id: mode.graph.constant(side)})

    def sliding(self, j: int) -> list[Expr] | None:
        """Return the sliding field on surface `j`: the mean of both sides that stays on it.

        It is f = f₋ + α (f₊ − f₋) with α = ġ₋ / (ġ₋ − ġ₊), where ġ is the rate of the switching
        function [filippov1988]. Return None where both sides cross the surface equally fast, so
        that no mean stays on it.
        """
        below, above = self._side(j, -1.0), self._side(j, 1.0)
        rising, falling = self._rates(j)
        if rising is falling:
            return None
        share = rising / (rising - falling)
        return [low + share * (high - low) for low, high in zip(below, above, strict=True)]


def _substitute(nodes: Sequence[Expr], values: Mapping[int, Expr]) -> list[Expr]:
    """Rebuild nodes with new nodes in place of some symbols; `values` maps ids of symbols."""
    done: dict[int, Expr] = dict(values)
    for node in reachable(nodes):
        if node.id not in done:
            args = [done[a.id] for a in node.args]
            done[node.id] = node.graph.apply(node.op, *args) if args else node
    return [done[node.id] for node in nodes]


class _Lowering:
    """Replace every choice in a graph by a mode."""

    def __init__(self, graph: Graph, dimension: int) -> None:
        self.graph = graph
        self.dimension = dimension
        self.surfaces: list[Expr] = []
        self.kinds: list[int] = []
        self.jumping: list[bool] = []
        self.modes: list[Expr] = []
        self._found: dict[tuple[int, int], int] = {}

    def add(self, surface: Expr, kind: int, *, jumps: bool) -> int:
        key = (kind, surface.id)
        if key not in self._found:
            self._found[key] = j = len(self.surfaces)
            self.surfaces.append(surface)
            self.kinds.append(kind)
            self.jumping.append(False)
            self.modes.append(self.graph.symbol("state", self.dimension + j, f"mode{j}"))
        j = self._found[key]
        self.jumping[j] = self.jumping[j] or jumps
        return j

    def side(self, difference: Expr, *, jumps: bool) -> Expr:
        """Return the mode that is the sign of `difference`; equal surfaces share one mode."""
        flipped = False
        while difference.op == "neg":
            difference, flipped = difference.args[0], not flipped
        if difference.op == "sub" and difference.args[0].id > difference.args[1].id:
            difference = self.graph.apply("sub", difference.args[1], difference.args[0])
            flipped = not flipped
        mode = self.modes[self.add(difference, BINARY, jumps=jumps)]
        return self.graph.apply("neg", mode) if flipped else mode

    def whole(self, value: Expr) -> Expr:
        return self.modes[self.add(value, WHOLE, jumps=False)]

    def lower(self, node: Expr, args: list[Expr]) -> Expr:
        apply = self.graph.apply
        if all(a.op == "const" for a in args):
            return apply(node.op, *args)
        match node.op:
            case "sign":
                return self.side(args[0], jumps=True)
            case "abs":
                return apply("mul", self.side(args[0], jumps=False), args[0])
            case "min" | "max":
                first = apply("lt", 0.0, self.side(apply("sub", args[1], args[0]), jumps=False))
                small, large = args
                return apply(
                    "where", first, *((small, large) if node.op == "min" else (large, small))
                )
            case "lt" | "le":
                return apply("lt", 0.0, self.side(apply("sub", args[1], args[0]), jumps=True))
            case "floor":
                return self.whole(args[0])
            case "mod":
                whole = self.whole(apply("div", args[0], args[1]))
                return apply("sub", args[0], apply("mul", args[1], whole))
            case _:
                return apply(node.op, *args)


def find_switches(
    inputs: Sequence[Expr],
    outputs: Sequence[Expr],
    resets: Sequence[tuple[Expr, Sequence[Expr]]] = (),
) -> Switches | None:
    """Find where a flow switches; return None if it is smooth everywhere.

    Args:
        inputs: state ``(d,)``.
        outputs: the field ``(d,)``.
        resets: pairs of a function of the state, which rises through zero at the event, and the
            state ``(d,)`` after the event.

    """
    everything = [*outputs, *(node for surface, image in resets for node in (surface, *image))]
    nodes = reachable(everything)
    if not resets and not any(node.op in SWITCHING for node in nodes):
        return None
    lowering = _Lowering(outputs[0].graph, len(outputs))
    done: dict[int, Expr] = {}
    for node in nodes:
        args = [done[a.id] for a in node.args]
        done[node.id] = lowering.lower(node, args) if args else node
    for surface, _ in resets:
        lowering.add(done[surface.id], RESET, jumps=False)
    return Switches(
        inputs=(*inputs, *lowering.modes),
        outputs=tuple(done[node.id] for node in outputs),
        surfaces=tuple(lowering.surfaces),
        kinds=tuple(lowering.kinds),
        jumping=tuple(lowering.jumping),
        resets=tuple(tuple(done[node.id] for node in image) for _, image in resets),
    )
