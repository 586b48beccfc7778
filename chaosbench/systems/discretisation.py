"""The pseudo-spectral discretisation of a field, derived from its traced equation.

The right-hand side is split automatically and exactly into two parts. The first is linear in the
fields with constant coefficients; it becomes symbols in the wavenumbers. The second is a sum of
derivatives of polynomials, which are evaluated on the grid. The polynomials depend on the fields
and on linear images of them, such as their derivatives or a stream function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chaosbench.errors import DefinitionError
from chaosbench.expressions import Expr, Graph
from chaosbench.systems.polynomials import Polynomials
from chaosbench.trajectories import FloatArray

__all__ = ["OPERATORS", "Discretisation", "symbol"]

Modes = np.ndarray[Any, np.dtype[Any]]
"""Array of modes, real or complex."""

OPERATORS = frozenset({"dx", "dy", "laplacian", "inverse_laplacian"})

WORST_CONDITION = 1e6
"""Largest condition number of the eigenvectors of the linear part at one wavenumber.

It excludes defective matrices, which lack eigenvectors.
"""


def symbol(op: str, order: int, wavenumbers: Sequence[FloatArray]) -> Modes:
    """Return the Fourier symbol of an operator; odd derivatives remove the Nyquist mode."""
    if op in ("dx", "dy"):
        axis = 0 if op == "dx" else 1
        if axis >= len(wavenumbers):
            raise DefinitionError(f"{op} needs a field in {axis + 1} dimensions")
        power = (1j * wavenumbers[axis]) ** order
        if order % 2:
            power = np.where(wavenumbers[axis] == np.abs(wavenumbers[axis]).max(), 0.0, power)
        return power
    square = -sum(k**2 for k in wavenumbers)
    if op == "laplacian":
        return np.asarray(square, dtype=complex)
    # a Laplacian removes the zero mode, and its inverse does not restore it
    return np.where(square == 0.0, 0.0, 1.0 / np.where(square == 0.0, 1.0, square)).astype(complex)


class Discretisation:
    """A field equation on a periodic grid, in the eigenbasis of its linear part.

    Modes are arrays ``(batch, m, *half plane)``: the amplitudes of the eigenvectors of the linear
    part at each wavenumber. For a single field these are its Fourier coefficients. States are
    arrays ``(batch, d)``: the grid values of one field after the other. Nonlinear terms of degree
    `p` read and keep only the lowest N/(p + 1) wavenumbers on each side: two thirds of all for a
    square, half for a cube. This removes aliasing entirely.

    Attributes:
        linear: eigenvalues of the linear part ``(m, *half plane)``.
        weights: weights with which the squared modes sum to the mean square over the grid.
        kept: largest wavenumber that nonlinear terms keep on each axis, in cycles per domain.

    """

    def __init__(
        self, inputs: Sequence[Expr], outputs: Sequence[Expr], points: Sequence[int],
        lengths: Sequence[float],
    ) -> None:  # fmt: skip
        from scipy import fft

        self._fft: Any = fft
        self.m, self.points = len(inputs), tuple(points)
        self._axes = tuple(range(-len(points), 0))
        cycles = _cycles(self.points)
        self._wavenumbers = [
            2 * np.pi / length * n for length, n in zip(lengths, cycles, strict=True)
        ]
        self._half = np.broadcast_shapes(*(n.shape for n in cycles))
        terms = _Terms(inputs, outputs, self._wavenumbers, self._half)
        self._program = Polynomials(
            terms.polynomials, terms.symbols, terms.coordinates, self.points, lengths
        )
        degree = max(self._program.degree, 1)
        self.kept = tuple((n - 1) // (degree + 1) for n in self.points)
        keep = np.ones(self._half, dtype=bool)
        for limit, n in zip(self.kept, cycles, strict=True):
            keep = keep & (np.abs(n) <= limit)
        last = cycles[-1]
        double = np.where((last == 0) | (last == self.points[-1] // 2), 1.0, 2.0)
        self.weights = np.broadcast_to(double / np.prod(self.points) ** 2, (self.m, *self._half))
        self.linear, self._basis, inverse = _diagonalise(terms.linear)
        into = terms.inputs if self._basis is None else _product(terms.inputs, self._basis)
        out = terms.outputs if inverse is None else _product(inverse, terms.outputs)
        self._inverse = inverse
        self._into, self._out = _sparse(into * keep), _sparse(out * keep)
        self._plain = _is_identity(into, keep)

    # ---------------------------------------------------------------- states and modes

    def to_modes(self, states: FloatArray) -> Modes:
        """Transform states ``(n, d)`` into modes ``(n, m, *half plane)``."""
        modes = self._forward(states.reshape(-1, self.m, *self.points))
        return modes if self._inverse is None else _apply(self._inverse, modes)

    def to_states(self, modes: Modes) -> FloatArray:
        """Transform modes back into states ``(n, d)``."""
        if self._basis is not None:
            modes = _apply(self._basis, modes)
        return self._backward(modes).reshape(len(modes), -1)

    def _forward(self, values: FloatArray) -> Modes:
        if len(self.points) == 1:
            return self._fft.rfft(values)  # type: ignore[no-any-return]
        return self._fft.rfftn(values, axes=self._axes)  # type: ignore[no-any-return]

    def _backward(self, modes: Modes) -> FloatArray:
        if len(self.points) == 1:
            return self._fft.irfft(modes, self.points[0])  # type: ignore[no-any-return]
        return self._fft.irfftn(modes, self.points, axes=self._axes)  # type: ignore[no-any-return]

    # ---------------------------------------------------------------- the nonlinear terms

    def nonlinear(self, modes: Modes) -> Modes:
        """Return the nonlinear terms of modes ``(n, m, *half plane)``."""
        if not self._program.outputs:
            return np.zeros_like(modes)
        return self._collect(self._program.values(self._grid_inputs(modes)))

    def nonlinear_tangent(self, modes: Modes, leaders: int = 1) -> Modes:
        """Return the nonlinear terms of the leading rows and their linearisation on the other rows.

        With one leader, all other rows are its tangent vectors. With several leaders, each has one
        tangent vector, in the same order. The linearisation is exact.
        """
        if not self._program.outputs:
            return np.zeros_like(modes)
        return self._collect(self._program.tangents(self._grid_inputs(modes), leaders))

    def _grid_inputs(self, modes: Modes) -> FloatArray:
        """Evaluate the inputs of the polynomials on the grid, ``(n, inputs, *points)``."""
        if self._plain:
            return self._backward(modes * self._into[0][0][1])
        return self._backward(_combine(self._into, modes, self._half))

    def _collect(self, values: FloatArray) -> Modes:
        """Add up the dealiased derivatives of the polynomials in the eigenbasis."""
        spectra = self._forward(values)
        if self._program.outputs == self.m == 1:
            spectra *= self._out[0][0][1]
            return spectra
        return _combine(self._out, spectra, self._half)

    # ---------------------------------------------------------------- right-hand side

    def rhs(self, states: FloatArray) -> FloatArray:
        """Return the time derivatives of states ``(n, d)``."""
        modes = self.to_modes(states)
        return self.to_states(self.linear * modes + self.nonlinear(modes))

    def jacobian(self, state: FloatArray) -> FloatArray:
        """Return the Jacobian ``(d, d)`` at one state: the linearisation on every unit vector."""
        modes = self.to_modes(np.concatenate([state[np.newaxis], np.eye(state.size)]))
        images = self.linear * modes + self.nonlinear_tangent(modes)
        return self.to_states(images[1:]).T


class _Terms:
    """The linear and the nonlinear terms of an equation.

    Attributes:
        linear: symbols of the linear part ``(m, m, *half plane)``.
        inputs: symbols of the inputs of the polynomials ``(inputs, m, *half plane)``.
        outputs: symbols of the operators in front of the polynomials ``(m, p, *half plane)``.
        symbols, coordinates, polynomials: nodes of `graph`. The polynomials are functions of the
            symbols, one for each input, and of the coordinates.

    """

    def __init__(
        self, inputs: Sequence[Expr], outputs: Sequence[Expr],
        wavenumbers: Sequence[FloatArray], half: tuple[int, ...],
    ) -> None:  # fmt: skip
        self._wavenumbers, self._half = wavenumbers, half
        self._state = {node.id: i for i, node in enumerate(inputs)}
        self._known: dict[int, Modes | None] = {}
        m = len(inputs)
        self.linear = np.zeros((m, m, *half), dtype=complex)
        self.graph = Graph()
        self.symbols: list[Expr] = []
        self.coordinates: dict[int, Expr] = {}
        self._images: list[Modes] = []
        self._moved: dict[int, Expr] = {}
        self.polynomials: list[Expr] = []
        operators: list[Modes] = []
        for i, output in enumerate(outputs):
            found: list[tuple[Any, Expr]] = []
            self._collect(i, output, 1.0, found)
            plain = self.graph.constant(0.0)  # terms without an operator share one transform
            for weight, node in found:
                if np.ndim(weight) == 0:
                    plain = plain + weight * self._move(node)
            pairs = [(w, self._move(node)) for w, node in found if np.ndim(w)]
            if not (plain.op == "const" and plain.value == 0.0):
                pairs.append((np.ones(half, dtype=complex), plain))
            for weight, node in pairs:
                self.polynomials.append(node)
                column = np.zeros((m, *half), dtype=complex)
                column[i] = weight
                operators.append(column)
        self.inputs = np.array(self._images or np.zeros((0, m, *half)), dtype=complex)
        self.outputs = np.array(operators or np.zeros((0, m, *half)), dtype=complex).swapaxes(0, 1)

    def _collect(self, i: int, node: Expr, weight: Any, found: list[tuple[Any, Expr]]) -> None:
        """Add `weight` times `node` to row i of the linear part or to the nonlinear terms."""
        image = self._image(node)
        if image is not None:
            self.linear[i] += weight * image
            return
        args = node.args
        if node.op == "add":
            self._collect(i, args[0], weight, found)
            self._collect(i, args[1], weight, found)
        elif node.op == "sub":
            self._collect(i, args[0], weight, found)
            self._collect(i, args[1], -weight, found)
        elif node.op == "neg":
            self._collect(i, args[0], -weight, found)
        elif node.op == "mul" and args[0].op == "const":
            self._collect(i, args[1], weight * args[0].value, found)
        elif node.op == "mul" and args[1].op == "const":
            self._collect(i, args[0], weight * args[1].value, found)
        elif node.op == "div" and args[1].op == "const":
            self._collect(i, args[0], weight / args[1].value, found)
        elif node.op in OPERATORS:
            self._collect(i, args[0], weight * self._symbol(node), found)
        else:
            found.append((weight, node))

    def _symbol(self, node: Expr) -> Modes:
        order = int(node.args[1].value) if len(node.args) > 1 else 1
        return np.broadcast_to(symbol(node.op, order, self._wavenumbers), self._half)

    def _image(self, node: Expr) -> Modes | None:
        """Return the symbols ``(m, *half plane)`` of an expression; None if it is not linear."""
        if node.id not in self._known:
            self._known[node.id] = self._find_image(node)
        return self._known[node.id]

    def _find_image(self, node: Expr) -> Modes | None:
        if node.id in self._state:
            image = np.zeros((len(self._state), *self._half), dtype=complex)
            image[self._state[node.id]] = 1.0
            return image
        if not node.args:
            return None
        first = self._image(node.args[0])
        second = self._image(node.args[1]) if len(node.args) > 1 else None
        if node.op in OPERATORS:
            return None if first is None else first * self._symbol(node)
        if node.op == "neg":
            return None if first is None else -first
        if node.op in ("add", "sub") and first is not None and second is not None:
            return first + second if node.op == "add" else first - second
        if node.op == "mul" and node.args[0].op == "const" and second is not None:
            return float(node.args[0].value) * second
        if node.op in ("mul", "div") and node.args[1].op == "const" and first is not None:
            factor = float(node.args[1].value)
            return first * factor if node.op == "mul" else first / factor
        return None

    def _move(self, node: Expr) -> Expr:
        """Rebuild a nonlinear term in its own graph, with fields and operators as symbols."""
        if node.id in self._moved:
            return self._moved[node.id]
        if node.op in OPERATORS or node.id in self._state:
            image = self._image(node)
            if image is None:
                raise DefinitionError(
                    f"{node!r} multiplies a derivative of a nonlinear expression; "
                    "write the derivative out by the product rule"
                )
            moved = self.graph.symbol("state", len(self.symbols), f"field{len(self.symbols)}")
            self.symbols.append(moved)
            self._images.append(image)
        elif node.op == "const":
            moved = self.graph.constant(node.value)
        elif node.op == "symbol":
            moved = self.graph.symbol(*node.value)
            if node.value[0] == "coordinate":
                self.coordinates[node.value[1]] = moved
        else:
            moved = self.graph.apply(node.op, *(self._move(a) for a in node.args))
        self._moved[node.id] = moved
        return moved


def _cycles(points: tuple[int, ...]) -> list[FloatArray]:
    """Return the wavenumbers in cycles per domain, shaped to broadcast over the half plane."""
    whole = [np.fft.fftfreq(n, 1 / n) for n in points[:-1]]
    every = [*whole, np.fft.rfftfreq(points[-1], 1 / points[-1])]
    shapes = np.eye(len(points), dtype=int) * -2 + 1  # -1 on its own axis
    return [n.reshape(tuple(shape)) for n, shape in zip(every, shapes, strict=True)]


def _diagonalise(matrices: Modes) -> tuple[Modes, Modes | None, Modes | None]:
    """Return eigenvalues, eigenvectors and their inverse of ``(m, m, *half plane)``.

    The eigenvectors and their inverse are None where the matrices are diagonal already.
    """
    m = len(matrices)
    diagonal = np.array([matrices[i, i] for i in range(m)])
    if not any(matrices[i, j].any() for i in range(m) for j in range(m) if i != j):
        return (diagonal.real.copy() if not diagonal.imag.any() else diagonal), None, None
    values, vectors = np.linalg.eig(np.moveaxis(matrices, (0, 1), (-2, -1)))
    if not np.linalg.cond(vectors).max() < WORST_CONDITION:
        raise DefinitionError(
            "the linear terms cannot be diagonalised at one of the wavenumbers; move the coupling "
            "between the fields into a nonlinear term, or change a parameter or the grid slightly"
        )
    inverse = np.linalg.inv(vectors)
    return (
        np.moveaxis(values, -1, 0),
        np.moveaxis(vectors, (-2, -1), (0, 1)),
        np.moveaxis(inverse, (-2, -1), (0, 1)),
    )


def _product(a: Modes, b: Modes) -> Modes:
    return np.asarray(np.einsum("ij...,jk...->ik...", a, b))


def _apply(matrix: Modes, modes: Modes) -> Modes:
    return np.asarray(np.einsum("ij...,nj...->ni...", matrix, modes))


def _sparse(matrix: Modes) -> list[list[tuple[int, Modes]]]:
    """List the entries of each row that are not zero everywhere, as real numbers if possible."""
    return [
        [(j, e if e.imag.any() else e.real.copy()) for j, e in enumerate(row) if e.any()]
        for row in matrix
    ]


def _is_identity(into: Modes, keep: np.ndarray[Any, np.dtype[np.bool_]]) -> bool:
    return into.shape[:2] == (1, 1) and bool((into[0, 0][keep] == 1.0).all())


def _combine(rows: list[list[tuple[int, Modes]]], modes: Modes, half: tuple[int, ...]) -> Modes:
    out = np.zeros((len(modes), len(rows), *half), dtype=complex)
    for i, row in enumerate(rows):
        for n, (j, entry) in enumerate(row):
            if n == 0:
                np.multiply(entry, modes[:, j], out=out[:, i])
            else:
                out[:, i] += entry * modes[:, j]
    return out
