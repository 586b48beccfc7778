"""The picture of a Koopman audit: eigenvalues, verified and refused, over the pseudospectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.plotting._style import ACCENT, INK, MUTED, blank, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chaosbench.forecasters import Audit

__all__ = ["plot_pseudospectrum"]

LEAST = 1e-3


def plot_pseudospectrum(audit: Audit) -> Figure:
    """Draw the logarithm of the least residual at every z, and the eigenvalues on top.

    Filled dots are verified, crosses refused; the dotted curve encloses the pseudospectrum at the
    tolerance of the audit, the thin one is the unit circle.
    """
    figure = blank(5.6, 4.8)
    axes = figure.add_subplot()
    level = np.log10(np.maximum(audit.pseudospectrum, LEAST))
    low, high = np.log10(LEAST), max(float(level.max()), np.log10(LEAST) + 1.0)
    shades = axes.contourf(
        audit.real, audit.imaginary, level, levels=np.linspace(low, high, 13), cmap="viridis",
        alpha=0.55,
    )  # fmt: skip
    bar = figure.colorbar(shades, ax=axes, ticks=np.arange(np.ceil(low), high + 1e-9))
    bar.set_label("log₁₀ of the least residual", fontsize=8)
    inside = audit.pseudospectrum <= audit.tolerance
    if inside.any() and not inside.all():
        axes.contour(
            audit.real, audit.imaginary, audit.pseudospectrum, levels=[audit.tolerance],
            colors=INK, linestyles=":", linewidths=1,
        )  # fmt: skip
    angle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(angle), np.sin(angle), color=MUTED, lw=0.7)
    for values, style, colour, name in (
        (audit.refused, "x", INK, "refused"),
        (audit.verified, "o", ACCENT, "verified"),
    ):
        label = f"{len(values)} {name}"
        axes.plot(values.real, values.imag, style, color=colour, ms=4.5, label=label)
    axes.set_xlim(audit.real[0], audit.real[-1])
    axes.set_ylim(audit.imaginary[0], audit.imaginary[-1])
    axes.set_aspect("equal")
    axes.set_xlabel("Re λ")
    axes.set_ylabel("Im λ")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    plain(axes)
    figure.tight_layout()
    return figure
