"""Pictures of systems: attractors, series, spectra, fields, and the gallery of all systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.simulation import simulate
from chaosbench.dynamics.stored import constants, known_constants
from chaosbench.plotting._style import ACCENT, INK, MUTED, blank, liveliest, plain, save, shades
from chaosbench.systems import DelaySystem, FieldSystem, System, get
from chaosbench.trajectories import Trajectories

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_attractors", "plot_system", "write_gallery"]


def plot_attractors(
    systems: str | System | Sequence[str | System], *, columns: int = 4, seed: int = 0
) -> Figure:
    """Draw one panel for each system, with flows and maps in their two liveliest variables.

    A delay system is drawn against its own past, a spatially extended system as a space–time field.
    """
    if isinstance(systems, str | System):
        systems = [systems]
    rows = -(-len(systems) // columns)
    figure = blank(2.6 * columns, 2.8 * rows)
    for k, name in enumerate(systems, start=1):
        axes = figure.add_subplot(rows, columns, k)
        _attractor(axes, get(name), seed)
    figure.tight_layout()
    return figure


def plot_system(system: str | System, *, seed: int = 0) -> Figure:
    """Draw one system: its attractor, its variables in time and their power spectra.

    A field in one dimension is drawn in space and time, a field in two dimensions at one instant,
    both with the spectrum over the wavenumbers.
    """
    system = get(system)
    if isinstance(system, FieldSystem):
        return _plot_field(system, seed)
    known = constants(system)
    figure = blank(9.6, 4.4)
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.35), hspace=0.5)
    _attractor(figure.add_subplot(grid[:, 0]), system, seed)
    discrete = system.discrete
    made = simulate(system, points=2**14, points_per_period=50, seed=seed)
    shown = min(system.dimension, 4)
    length = 100 if discrete else 600
    mean, std = np.array(known.mean), np.array(known.std)
    if not system.stationary:  # the moments grow with the length of the series
        mean, std = made.values[0, :length].mean(axis=0), made.values[0, :length].std(axis=0)
    standard = (made.values[0] - mean) / np.where(std > 0, std, 1.0)
    colours = shades(shown)
    series, spectrum = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    frequency = np.fft.rfftfreq(2**11, made.dt)[1:]
    for i in range(shown):
        series.plot(
            made.time[:length], standard[:length, i] + 4.0 * (shown - 1 - i), color=colours[i],
            lw=0.9, marker="." if discrete else None, ms=3, label=system.variables[i],
        )  # fmt: skip
        pieces = standard[:, i].reshape(8, -1) * np.hanning(2**11)
        power = (np.abs(np.fft.rfft(pieces, axis=1)) ** 2).mean(axis=0)[1:]
        spectrum.semilogy(frequency, np.maximum(power, 1e-12 * power.max()), color=colours[i], lw=1)
    if not discrete:
        spectrum.axvline(1 / known.period, color=MUTED, ls=":", lw=1)
        spectrum.set_xlim(0, 8 / known.period)
    series.set_xlabel("iterations" if discrete else "time", fontsize=8)
    series.set_yticks([])
    series.legend(
        frameon=False, fontsize=7, ncols=shown, loc="lower right", bbox_to_anchor=(1, 0.97)
    )
    spectrum.set_xlabel("frequency", fontsize=8)
    for axes in (series, spectrum):
        plain(axes)
    largest, error = known.lyapunov_exponents[0], known.lyapunov_stderr[0]
    facts = f"λ₁ = {largest:.4g} ± {error:.1g}    period {known.period:.4g}"
    if known.kaplan_yorke_dimension is not None:
        facts += f"    D_KY = {known.kaplan_yorke_dimension:.3f}"
    figure.subplots_adjust(left=0.08, right=0.98, top=0.92, bottom=0.19)
    figure.text(0.03, 0.02, facts, fontsize=9, color=MUTED)
    return figure


def _plot_field(system: FieldSystem, seed: int) -> Figure:
    figure = blank(9.6, 4.4)
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.35), hspace=0.5)
    made = _field_trajectory(system, 200, seed)
    _draw_field(figure.add_subplot(grid[:, 0]), system, made)
    series, spectrum = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    count = int(np.prod(system.points))
    for i, colour in zip((0, count // 3, 2 * count // 3), shades(3), strict=True):
        series.plot(made.time, made.values[0, :, i], color=colour, lw=1, label=system.variables[i])
    series.set_xlabel("time", fontsize=8)
    series.legend(frameon=False, fontsize=7, ncols=3, loc="lower right", bbox_to_anchor=(1, 0.97))
    fields = made.values[0].reshape(-1, len(system.components), *system.points)
    axes = tuple(range(2, fields.ndim))
    power = (np.abs(np.fft.fftn(fields, axes=axes)) ** 2).mean(axis=0)
    for name, values, colour in zip(
        system.components, power, shades(len(power)), strict=True
    ):  # along the first axis, summed over the other
        along = values.reshape(system.points[0], -1).sum(axis=1)[
            : system.discretisation.kept[0] + 1
        ]
        spectrum.semilogy(np.arange(1, len(along)), along[1:], color=colour, lw=1, label=name)
    spectrum.legend(frameon=False, fontsize=7)
    spectrum.set_xlabel("waves along x", fontsize=8)
    for plot in (series, spectrum):
        plain(plot)
    figure.subplots_adjust(left=0.08, right=0.98, top=0.92, bottom=0.19)
    known = known_constants(system)
    if known is not None:
        largest, error = known.lyapunov_exponents[0], known.lyapunov_stderr[0]
        facts = f"λ₁ = {largest:.4g} ± {error:.1g}    period {known.period:.4g}"
        figure.text(0.03, 0.02, facts, fontsize=9, color=MUTED)
    return figure


def _field_trajectory(system: FieldSystem, points: int, seed: int) -> Trajectories:
    """Simulate ten periods on the attractor, or the beginning if no chaos is known."""
    known = known_constants(system)
    if known is not None and known.lyapunov_time is not None:
        return simulate(system, points=points, dt=known.period / 20, seed=seed, rtol=1e-5)
    ic = np.array(system.ic)
    turnover = float(np.abs(ic).max() / np.abs(system.rhs(0.0, ic)).max())
    return simulate(system, points=points, dt=turnover / 20, ic=ic, rtol=1e-5)


def _draw_field(axes: Axes, system: FieldSystem, made: Trajectories) -> None:
    """Draw the first field: over time in one dimension, at the last instant in two dimensions.

    Time (in one dimension) or x (in two) runs to the right.
    """
    axes.set_title(system.name, fontsize=9, color=INK)
    values = made.values[0, :, : int(np.prod(system.points))]
    flat = len(system.points) == 2
    picture = values[-1].reshape(system.points) if flat else values
    across = system.lengths[0] if flat else len(values) * made.dt
    axes.imshow(
        picture.T, aspect="equal" if flat else "auto", origin="lower", cmap="viridis",
        interpolation="bilinear", extent=(0.0, across, 0.0, system.lengths[-1]),
    )  # fmt: skip
    _label(axes, *(("x", "y") if flat else ("time", "x")))


def write_gallery(
    folder: Path | str,
    systems: Sequence[str],
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> Path:
    """Write a picture of each system and an index page; return the path of the page."""
    import html

    folder = Path(folder)
    cards = []
    for k, name in enumerate(systems):
        if progress is not None:
            progress(k, len(systems), name)
        system = get(name)
        save(plot_system(system), folder / f"{name}.png")
        tags = ", ".join(sorted(system.tags))
        cards.append(
            f'<figure><a href="{name}.png"><img src="{name}.png" loading="lazy" '
            f'alt="{name}: attractor, time series and spectrum"></a><figcaption><b>{name}</b> '
            f"{html.escape(system.description)}<br><small>{html.escape(tags)}</small>"
            "</figcaption></figure>"
        )
    if progress is not None:
        progress(len(systems), len(systems), "")
    page = folder / "index.html"
    page.write_text(_GALLERY.replace("CARDS", "\n".join(cards)), "utf-8")
    return page


_GALLERY = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>chaosbench: gallery of systems</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
main { display: grid; gap: 2rem; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)) }
figure { margin: 0 } img { width: 100%; border: 1px solid #ddd } small { color: #666 }
</style>
<h1>Systems</h1>
<main>
CARDS
</main>
</html>
"""


def _attractor(axes: Axes, system: System, seed: int) -> None:
    if isinstance(system, FieldSystem):
        _draw_field(axes, system, _field_trajectory(system, 200, seed))
        return
    known = constants(system)
    axes.set_title(system.name, fontsize=9, color=INK)
    names = system.variables
    if system.discrete:
        values = simulate(system, points=20_000, seed=seed).values[0]
        if system.dimension == 1:
            x, y = values[:-1, 0], values[1:, 0]
            labels = f"{names[0]}, one iteration before", names[0]
        else:
            x, y = values[:, :2].T
            labels = names[0], names[1]
        axes.plot(x, y, ",", color=ACCENT, alpha=0.5)
    elif system.dimension > 9:
        values = simulate(system, points=300, dt=known.period / 30, seed=seed).values[0]
        if not system.stationary:  # rotating phases: draw their sine
            values = np.sin(values)
        spread = values.std(axis=0)
        values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        axes.imshow(
            values.T, aspect="auto", cmap="viridis", interpolation="bilinear",
            extent=(0.0, 300 * known.period / 30, system.dimension - 0.5, -0.5),
        )  # fmt: skip
        labels = "time", "number of the variable"
    else:
        periods = 60 if system.dimension > 1 else 40
        made = simulate(system, points=200 * periods, points_per_period=200, seed=seed)
        values = made.values[0]
        if system.dimension == 1:  # against its own past: one lag or a quarter of a period ago
            lag = round(system.lags[0] / made.dt) if isinstance(system, DelaySystem) else 50
            x, y = values[lag:, 0], values[:-lag, 0]
            labels = names[0], f"{names[0]}, {lag * made.dt:.3g} time units before"
        else:
            i, j = liveliest(values)
            x, y = values[:, i], values[:, j]
            labels = names[i], names[j]
        axes.plot(x, y, color=ACCENT, lw=0.4, alpha=0.8)
    _label(axes, *labels)


def _label(axes: Axes, across: str, up: str) -> None:
    """Name the axes, with few ticks."""
    axes.set_xlabel(across, fontsize=8)
    axes.set_ylabel(up, fontsize=8)
    axes.locator_params(nbins=5)
    plain(axes)
