"""One system on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaosbench.dynamics.stored import Constants
from chaosbench.systems import System
from chaosbench.systems.printing import equation_text

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["card"]


def card(system: System, known: Constants | None) -> Group:
    """Return what a terminal shows: equation, parameters, facts with errors and provenance."""
    from rich.console import Group
    from rich.text import Text

    lines = Text()
    lines.append(system.name, style="bold")
    also = f", also {', '.join(system.aliases)}" if system.aliases else ""
    lines.append(f"  {system.kind} of dimension {system.dimension}{also}  [{system.reference}]\n")
    lines.append(f"{system.description}\n\n")
    for line in equation_text(system):
        lines.append(f"  {line}\n", style="cyan")
    lines.append("\n")
    shown = list(system.parameters.items())
    facts = [("parameters", ", ".join(f"{k} = {v:g}" for k, v in shown) or "none")]
    start = ", ".join(f"{v:g}" for v in system.ic[:6])
    facts.append(("initial state", start + (", …" if system.dimension > 6 else "")))
    facts.append(("tags", ", ".join(sorted(system.tags))))
    facts.append(("fingerprint", system.fingerprint))
    if known is None:
        facts.append(("constants", "none; chaosbench systems characterise measures them"))
    else:
        facts += _facts(system, known)
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        lines.append(f"{name:<{width}}  ", style="dim")
        lines.append(f"{value}\n")
    for warning in _warnings(known):
        lines.append(f"{warning}\n", style="yellow")
    lines.rstrip()
    return Group(lines)


def _facts(system: System, known: Constants) -> list[tuple[str, str]]:
    unit = system.time_unit
    pairs = list(zip(known.lyapunov_exponents, known.lyapunov_stderr, strict=True))
    exponents = ", ".join(f"{value:.4g} ± {error:.1g}" for value, error in pairs[:4])
    more = f", … {len(pairs) - 4} more" if len(pairs) > 4 else ""
    facts = [
        ("period", f"{known.period:.5g} {unit}"),
        ("Lyapunov spectrum", f"{exponents}{more} per {unit[:-1]}"),
        ("twin trajectories", f"{known.largest_twin:.4g} ± {known.largest_twin_stderr:.1g}"),
    ]
    if known.lyapunov_time is not None:
        periods = known.lyapunov_time / known.period
        facts.append(("Lyapunov time", f"{known.lyapunov_time:.5g} {unit}, {periods:.3g} periods"))
    if known.kaplan_yorke_dimension is not None:
        facts.append(("Kaplan–Yorke dim.", f"{known.kaplan_yorke_dimension:.4f}"))
    if known.correlation_dimension is not None:
        facts.append(
            (
                "correlation dim.",
                f"{known.correlation_dimension:.3f} ± {known.correlation_dimension_stderr:.1g}",
            )
        )
    if known.mean_divergence is not None:
        facts.append(("mean divergence", f"{known.mean_divergence:.5g}"))
    moments = zip(system.variables, known.mean, known.std, strict=True)
    text = ", ".join(f"{v}: {m:.3g} ± {s:.3g}" for v, m, s in list(moments)[:4])
    facts.append(("mean ± std", text + (", …" if system.dimension > 4 else "")))
    made = known.provenance
    how = f"{made['integrator']}, rtol {made['rtol']:g}, {made['periods']:g} periods"
    maker = f"seed {made['seed']}, chaosbench {made['versions']['chaosbench']}"
    facts.append(("measured", f"{how}, {maker}"))
    facts.append(("ranked", "yes" if known.ranked else "no"))
    return facts


def _warnings(known: Constants | None) -> list[str]:
    return [f"not ranked: {known.verdict}"] if known is not None and known.verdict else []
