"""The equation of a system as text for a terminal and as LaTeX for the documentation."""

from __future__ import annotations

from typing import Any

from chaosbench.errors import DefinitionError
from chaosbench.expressions import Expr
from chaosbench.systems._flow import Flow
from chaosbench.systems._stochastic import StochasticSystem
from chaosbench.systems._system import System

__all__ = ["equation_latex", "equation_text"]

_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4

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
    r"""Return one LaTeX line per variable, such as ``\dot{x} &= \sigma (y - x)``."""
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
    def left(self, name: str, kind: str) -> str:
        return {"map": f"{name} ←", "field": f"{name}_t ="}.get(kind, f"{name}' =")

    def increment(self, name: str, drift: tuple[str, int], g: tuple[str, int]) -> str:
        noise = "" if g[0] == "0" else f" + {_wrap(g, _PRODUCT)} dW_{name}"
        return f"d{name} = {_wrap(drift, _PRODUCT)} dt{noise}"

    def reset(self, surface: str, changed: list[tuple[str, str]]) -> str:
        after = ", ".join(f"{name} ← {value}" for name, value in changed)
        return f"where {surface} rises through 0: {after}"

    def symbol(self, name: str) -> str:
        return name

    def number(self, value: float) -> str:
        return f"{value:.6g}"

    def fraction(self, above: tuple[str, int], below: tuple[str, int]) -> tuple[str, int]:
        return f"{_wrap(above, _PRODUCT)} / {_wrap(below, _POWER)}", _PRODUCT

    def power(self, base: tuple[str, int], exponent: tuple[str, int]) -> tuple[str, int]:
        return f"{_wrap(base, _ATOM)}^{_wrap(exponent, _ATOM)}", _POWER

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
        return f"{_OPERATORS[op][0]}{power} {_wrap(field, _ATOM)}", _PRODUCT

    def render(self, node: Expr) -> tuple[str, int]:
        """Return the text of a node and how tightly it binds."""
        if node.op == "const":
            text = self.number(node.value)
            return text, _SUM if node.value < 0 else _ATOM
        if node.op == "symbol":
            return self.symbol(node.value[2]), _ATOM
        args = [self.render(a) for a in node.args]
        match node.op:
            case "add":
                first, second = args
                if second[0].startswith("-") and second[1] != _ATOM:
                    return f"{first[0]} - {second[0][1:]}", _SUM
                if first[0].startswith("-") and first[1] != _ATOM:
                    return f"{second[0]} - {first[0][1:]}", _SUM
                return f"{first[0]} + {second[0]}", _SUM
            case "sub":
                return f"{args[0][0]} - {_wrap(args[1], _PRODUCT)}", _SUM
            case "neg":
                return f"-{_wrap(args[0], _PRODUCT)}", _SUM
            case "mul":
                # numbers and parameters read best in front
                pair = sorted(zip(node.args, args, strict=True), key=lambda p: _front(p[0]))
                texts = [_wrap(text, _PRODUCT) for _, text in pair]
                if pair[0][0].op in _OPERATORS:  # it does not act on the next factor
                    texts[0] = f"({texts[0]})"
                return " ".join(texts), _PRODUCT
            case "div":
                return self.fraction(args[0], args[1])
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


class _Latex(_Text):
    def left(self, name: str, kind: str) -> str:
        dotted = f"\\dot{{{name}}} &="
        return {"map": f"{name} &\\mapsto", "field": f"\\partial_t {name} &="}.get(kind, dotted)

    def increment(self, name: str, drift: tuple[str, int], g: tuple[str, int]) -> str:
        noise = "" if g[0] == "0" else f" + {_wrap(g, _PRODUCT)} \\, dW_{{{name}}}"
        return f"d{name} &= {_wrap(drift, _PRODUCT)} \\, dt{noise}"

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
        return f"{_wrap(base, _ATOM)}^{{{exponent[0]}}}", _POWER

    def call(self, name: str, args: list[str]) -> tuple[str, int]:
        word = _LATEX_NAMES.get(name, f"\\operatorname{{{name}}}")
        return f"{word}({', '.join(args)})", _ATOM

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
        return f"{_OPERATORS[op][1]}{power} {_wrap(field, _ATOM)}", _PRODUCT


def _greek(name: str) -> str:
    if name in _GREEK:
        return f"\\{name}"
    if name == "lam":
        return r"\lambda"
    return name if len(name) <= 1 else f"\\mathrm{{{name}}}"


def _front(node: Expr) -> int:
    """Return the rank of a factor in a product: numbers, then parameters, then the rest."""
    if node.op in ("mul", "neg"):
        return min(_front(a) for a in node.args)
    if node.op == "const":
        return 0
    return 1 if node.op == "symbol" and node.value[0] == "parameter" else 2


def _wrap(text: tuple[str, int], least: int) -> str:
    return text[0] if text[1] >= least else f"({text[0]})"
