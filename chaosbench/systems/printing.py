"""The equation of a system as text for a terminal and as LaTeX for the documentation."""

from __future__ import annotations

from typing import Any

from chaosbench.errors import DefinitionError
from chaosbench.expressions import Expr
from chaosbench.systems._flow import Flow
from chaosbench.systems._stochastic import StochasticSystem
from chaosbench.systems._system import System

__all__ = ["equation_latex", "equation_text"]

_SUM, _NEGATIVE, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4, 5
"""How tightly a text binds; a negative one is a minus sign and a product behind it."""

LONGEST = 4000
"""Operations of the longest expression that is printed."""

_GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
    ]
)
_LATEX_NAMES = {
    "asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan", "atan2": r"\operatorname{atan2}",
    "exp": r"\exp", "log": r"\ln", "sin": r"\sin", "cos": r"\cos", "tan": r"\tan",
    "sinh": r"\sinh", "cosh": r"\cosh", "tanh": r"\tanh", "min": r"\min", "max": r"\max",
    "sign": r"\operatorname{sgn}", "mod": r"\operatorname{mod}", "and": r"\wedge", "or": r"\vee",
}  # fmt: skip
_OPERATORS = {
    "dx": ("∂x", r"\partial_x"), "dy": ("∂y", r"\partial_y"), "laplacian": ("∇²", r"\nabla^2"),
    "inverse_laplacian": ("∇⁻²", r"\nabla^{-2}"),
}  # fmt: skip


def equation_text(system: System, *, rows: int = 6) -> list[str]:
    """Return one line per variable, such as ``x' = sigma (y - x)``, at most `rows`."""
    return _lines(system, rows, _Text())


def equation_latex(system: System, *, rows: int = 6) -> list[str]:
    r"""Return one LaTeX line a variable, such as ``\dot{x} &= \sigma \left(y - x\right)``."""
    return _lines(system, rows, _Latex())


def _lines(system: System, rows: int, style: _Text) -> list[str]:
    try:
        trace = system.symbolic_trace
        parameters: dict[str, Any] = dict(system.parameter_symbols(trace.graph))
    except (DefinitionError, TypeError, ValueError):
        # a parameter, such as a count, must be a number and not a symbol
        trace, parameters = system.trace, dict(system.parameters)
    shown = list(zip(system.unknowns, trace.outputs, strict=True))[:rows]
    if isinstance(system, StochasticSystem):
        amplitudes = system.amplitudes(trace.graph, parameters)
        lines = [
            style.increment(style.symbol(name), style.render(drift), style.render(g))
            for (name, drift), g in zip(shown, amplitudes, strict=False)
        ]
    else:
        lines = [
            f"{style.left(style.symbol(name), system.kind)} {style.render(node)[0]}"
            for name, node in shown
        ]
    left_out = len(trace.outputs) - len(shown)
    lines += [f"… and {left_out} more like these"] if left_out else []
    for surface, image in system.traced_resets if isinstance(system, Flow) else ():
        changed = [
            (style.symbol(name), style.render(node)[0])
            for name, old, node in zip(system.variables, system.trace.inputs, image, strict=True)
            if node is not old
        ]
        lines.append(style.reset(style.render(surface)[0], changed))
    return lines


class _Text:
    bars_divide = False  # a quotient within a product needs no parentheses

    def __init__(self) -> None:
        self._rendered: dict[Expr, tuple[str, int]] = {}
        self._sizes: dict[Expr, int] = {}

    def parentheses(self, inside: str) -> str:
        return f"({inside})"

    def wrap(self, text: tuple[str, int], least: int) -> str:
        """Return a text, in parentheses unless it binds as tightly as `least`."""
        return text[0] if text[1] >= least else self.parentheses(text[0])

    def signed(self, text: tuple[str, int]) -> str:
        """Return a term of a sum with its sign in front."""
        negative, rest = _without_sign(text)
        return f"{'-' if negative else '+'} {self.wrap(rest, _PRODUCT)}"

    def left(self, name: str, kind: str) -> str:
        return {"map": f"{name} ←", "field": f"{name}_t ="}.get(kind, f"{name}' =")

    def increment(self, name: str, drift: tuple[str, int], g: tuple[str, int]) -> str:
        noise = "" if g[0] == "0" else f" {self.signed(g)} dW_{name}"
        return f"d{name} = {self.wrap(drift, _NEGATIVE)} dt{noise}"

    def reset(self, surface: str, changed: list[tuple[str, str]]) -> str:
        after = ", ".join(f"{name} ← {value}" for name, value in changed)
        return f"where {surface} rises through 0: {after}"

    def symbol(self, name: str) -> str:
        return name

    def number(self, value: float) -> str:
        return f"{value:.6g}"

    def fraction(self, above: tuple[str, int], below: tuple[str, int]) -> tuple[str, int]:
        return f"{self.wrap(above, _PRODUCT)} / {self.wrap(below, _POWER)}", _PRODUCT

    def power(self, base: tuple[str, int], exponent: tuple[str, int]) -> tuple[str, int]:
        return f"{self.wrap(base, _ATOM)}^{self.wrap(exponent, _ATOM)}", _POWER

    def call(self, name: str, args: list[str]) -> tuple[str, int]:
        return f"{name}({', '.join(args)})", _ATOM

    def root(self, inside: str) -> tuple[str, int]:
        return f"sqrt({inside})", _ATOM

    def bars(self, inside: str) -> tuple[str, int]:
        return f"|{inside}|", _ATOM

    def cases(self, condition: str, yes: str, no: str) -> tuple[str, int]:
        return f"({yes} if {condition} else {no})", _ATOM

    def compare(self, op: str) -> str:
        return {"lt": "<", "le": "≤"}[op]

    def operator(self, op: str, order: int, field: tuple[str, int]) -> tuple[str, int]:
        """Return a spatial operator in front of a field, such as ∂x^2 u."""
        power = f"^{order}" if order > 1 else ""
        return f"{_OPERATORS[op][0]}{power} {self.wrap(field, _ATOM)}", _PRODUCT

    def render(self, node: Expr) -> tuple[str, int]:
        """Return the text of a node and how tightly it binds.

        Expressions share their parts, so one of few nodes may be longer than any memory.
        """
        if node not in self._rendered:
            size = self._size(node)
            if size > LONGEST:
                return self.too_long(size), _ATOM
            self._rendered[node] = self._render(node)
        return self._rendered[node]

    def too_long(self, size: int) -> str:
        return f"[{_amount(size)} operations, too long to print]"

    def _size(self, node: Expr) -> int:
        """Count the operations of a node, those of a shared part as often as it is used."""
        if node not in self._sizes:
            self._sizes[node] = 1 + sum(self._size(a) for a in node.args)
        return self._sizes[node]

    def _render(self, node: Expr) -> tuple[str, int]:
        if node.op == "const":
            text = self.number(node.value)
            return text, _NEGATIVE if text.startswith("-") else _ATOM
        if node.op == "symbol":
            return self.symbol(node.value[2]), _ATOM
        if node.op in ("mul", "neg", "div"):
            return self._product(node)
        args = [self.render(a) for a in node.args]
        match node.op:
            case "add":
                first, second = args
                if second[0].startswith("-") and second[1] <= _NEGATIVE:
                    return f"{first[0]} - {second[0][1:]}", _SUM
                if first[0].startswith("-") and first[1] <= _NEGATIVE:
                    return f"{second[0]} - {first[0][1:]}", _SUM
                return f"{first[0]} + {second[0]}", _SUM
            case "sub":
                return self._difference(*node.args)
            case "pow" | "powi":
                return self.power(args[0], args[1])
            case "sqrt":
                return self.root(args[0][0])
            case "abs":
                return self.bars(args[0][0])
            case "where":
                return self.cases(args[0][0], args[1][0], args[2][0])
            case "dx" | "dy" | "laplacian" | "inverse_laplacian":
                order = int(node.args[1].value) if len(node.args) > 1 else 1
                return self.operator(node.op, order, args[0])
            case "lt" | "le":
                return f"{args[0][0]} {self.compare(node.op)} {args[1][0]}", _SUM
            case _:
                return self.call(node.op, [text for text, _ in args])

    def _difference(self, first: Expr, second: Expr) -> tuple[str, int]:
        negative, rest = _without_sign(self.render(second))
        sign = "+" if negative else "-"
        return f"{self.render(first)[0]} {sign} {self.wrap(rest, _PRODUCT)}", _SUM

    def _product(self, node: Expr) -> tuple[str, int]:
        """Print a product, quotient or negation: one sign in front, then numbers, parameters."""
        negative, number, factors, below = False, 1.0, [], []
        todo = [node]
        while todo:
            part = todo.pop(0)
            if part.op == "neg":
                negative = not negative
                todo.insert(0, part.args[0])
            elif part.op == "mul":
                todo[:0] = part.args
            elif part.op == "const":
                negative, number = negative != (part.value < 0), number * abs(part.value)
            elif part.op == "div" and (part is node or _is_one(part.args[0])):
                todo.insert(0, part.args[0])
                below.append(part.args[1])
            else:
                factors.append(part)
        if negative and number == 1.0 and not below and [f.op for f in factors] == ["sub"]:
            first, second = factors[0].args
            return self._difference(second, first)
        texts = []
        if number != 1.0 or not factors:
            texts.append((self.number(number), _ATOM))
        factors.sort(key=_front)
        for k, factor in enumerate(factors):
            minus, text = _without_sign(self.render(factor))
            negative = negative != minus
            last = k == len(factors) - 1
            # an operator does not act on the next factor, nor is that divided
            if not last and factor.op in (*_OPERATORS, *(() if self.bars_divide else ("div",))):
                text = self.parentheses(text[0]), _ATOM
            texts.append(text)
        top = self.joined(texts)
        if below:
            bottoms = []
            for part in below:
                minus, text = _without_sign(self.render(part))
                negative = negative != minus
                bottoms.append(text)
            top = self.fraction(top, self.joined(bottoms))
        return (f"-{self.wrap(top, _PRODUCT)}", _NEGATIVE) if negative else top

    def joined(self, factors: list[tuple[str, int]]) -> tuple[str, int]:
        if len(factors) == 1:
            return factors[0]
        return " ".join(self.wrap(factor, _PRODUCT) for factor in factors), _PRODUCT


class _Latex(_Text):
    bars_divide = True

    def parentheses(self, inside: str) -> str:
        return f"\\left({inside}\\right)"

    def too_long(self, size: int) -> str:
        return f"\\text{{{super().too_long(size)}}}"

    def left(self, name: str, kind: str) -> str:
        dotted = f"\\dot{{{name}}} &="
        return {"map": f"{name} &\\mapsto", "field": f"\\partial_t {name} &="}.get(kind, dotted)

    def increment(self, name: str, drift: tuple[str, int], g: tuple[str, int]) -> str:
        noise = "" if g[0] == "0" else f" {self.signed(g)} \\, dW_{{{name}}}"
        return f"d{name} &= {self.wrap(drift, _NEGATIVE)} \\, dt{noise}"

    def reset(self, surface: str, changed: list[tuple[str, str]]) -> str:
        after = ",\\ ".join(f"{name} \\mapsto {value}" for name, value in changed)
        return f"{surface} &\\uparrow 0:\\quad {after}"

    def symbol(self, name: str) -> str:
        head, _, tail = name.partition("_")
        digits = head[len(head.rstrip("0123456789")) :]
        head = head.removesuffix(digits)
        index = ",".join(part for part in (digits, _greek(tail)) if part)
        return f"{_greek(head)}_{{{index}}}" if index else _greek(head)

    def number(self, value: float) -> str:
        mantissa, _, exponent = f"{value:.6g}".partition("e")
        return f"{mantissa} \\cdot 10^{{{int(exponent)}}}" if exponent else mantissa

    def fraction(self, above: tuple[str, int], below: tuple[str, int]) -> tuple[str, int]:
        return f"\\frac{{{above[0]}}}{{{below[0]}}}", _PRODUCT

    def power(self, base: tuple[str, int], exponent: tuple[str, int]) -> tuple[str, int]:
        return f"{self.wrap(base, _ATOM)}^{{{exponent[0]}}}", _POWER

    def call(self, name: str, args: list[str]) -> tuple[str, int]:
        word = _LATEX_NAMES.get(name, f"\\operatorname{{{name}}}")
        return f"{word}{self.parentheses(', '.join(args))}", _ATOM

    def root(self, inside: str) -> tuple[str, int]:
        return f"\\sqrt{{{inside}}}", _ATOM

    def bars(self, inside: str) -> tuple[str, int]:
        return f"\\lvert {inside} \\rvert", _ATOM

    def cases(self, condition: str, yes: str, no: str) -> tuple[str, int]:
        return (
            f"\\begin{{cases}} {yes} & {condition} \\\\ {no} & \\text{{else}} \\end{{cases}}",
            _ATOM,
        )

    def compare(self, op: str) -> str:
        return {"lt": "<", "le": r"\le"}[op]

    def operator(self, op: str, order: int, field: tuple[str, int]) -> tuple[str, int]:
        power = f"^{{{order}}}" if order > 1 else ""
        return f"{_OPERATORS[op][1]}{power} {self.wrap(field, _ATOM)}", _PRODUCT


def _greek(name: str) -> str:
    if name in _GREEK:
        return f"\\{name}"
    if name == "lam":
        return r"\lambda"
    return name if len(name) <= 1 else f"\\mathrm{{{name}}}"


def _front(node: Expr) -> tuple[int, int]:
    """Order the factors of a product: parameters, variables with their powers, the rest."""
    inside = node.args[0] if node.op in ("pow", "powi") else node
    if inside.op != "symbol":
        return 3, 0
    if inside.value[0] == "parameter":
        return (1 if inside is node else 2), -1
    return 2, inside.value[1]


def _is_one(node: Expr) -> bool:
    return bool(node.op == "const" and node.value == 1.0)


def _without_sign(text: tuple[str, int]) -> tuple[bool, tuple[str, int]]:
    """Split the sign off a negative text."""
    return (True, (text[0][1:], _PRODUCT)) if text[1] == _NEGATIVE else (False, text)


def _amount(number: int) -> str:
    return f"{number:,}" if number < 10**9 else f"10^{len(str(number)) - 1}"
