"""Pictures: attractors, forecasts against the truth, error growth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.evaluation import Analysis, Record
from chaosbench.systems import System, get
from chaosbench.systems._constants import constants, known_constants
from chaosbench.systems._field import FieldSystem
from chaosbench.systems._simulate import simulate
from chaosbench.trajectories import FloatArray, Trajectories

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "plot_analysis", "plot_attractors", "plot_error_growth", "plot_forecast", "plot_system",
    "save", "write_gallery",
]  # fmt: skip

INK, MUTED, ACCENT = "#1b1b1f", "#8a8a94", "#1f5fae"


def plot_attractors(systems: Sequence[str | System], *, columns: int = 4, seed: int = 0) -> Figure:
    """Draw one panel a system: flows and maps in their two liveliest variables.

    A delay system is drawn against its own past, a spatially extended one as a space–time field.
    """
    rows = -(-len(systems) // columns)
    figure = _figure(2.6 * columns, 2.8 * rows)
    for k, name in enumerate(systems, start=1):
        axes = figure.add_subplot(rows, columns, k)
        _attractor(axes, get(name), seed)
    figure.tight_layout()
    return figure


def plot_system(system: str | System, *, seed: int = 0) -> Figure:
    """Draw one system: its attractor, its variables in time and their power spectra.

    A field is drawn in space and time, or as it is at one instant in two dimensions, with the
    spectrum over its wavenumbers.
    """
    system = get(system)
    if isinstance(system, FieldSystem):
        return _plot_field(system, seed)
    known = constants(system)
    figure = _figure(9.6, 4.4)
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.35), hspace=0.5)
    _attractor(figure.add_subplot(grid[:, 0]), system, seed)
    discrete = system.kind == "map"
    made = simulate(system, points=2**14, points_per_period=50, seed=seed)
    shown = min(system.dimension, 4)
    length = 100 if discrete else 600
    mean, std = np.array(known.mean), np.array(known.std)
    if "unbounded" in system.declared_tags:  # moments that grow with the time they are taken over
        mean, std = made.values[0, :length].mean(axis=0), made.values[0, :length].std(axis=0)
    standard = (made.values[0] - mean) / np.where(std > 0, std, 1.0)
    colours = _colours(shown)
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
        _plain(axes)
    largest, error = known.lyapunov_exponents[0], known.lyapunov_stderr[0]
    facts = f"λ₁ = {largest:.4g} ± {error:.1g}    period {known.period:.4g}"
    if known.kaplan_yorke_dimension is not None:
        facts += f"    D_KY = {known.kaplan_yorke_dimension:.3f}"
    figure.subplots_adjust(left=0.03, right=0.98, top=0.92, bottom=0.14)
    figure.text(0.03, 0.02, facts, fontsize=9, color=MUTED)
    return figure


def _plot_field(system: FieldSystem, seed: int) -> Figure:
    figure = _figure(9.6, 4.4)
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.35), hspace=0.5)
    made = _field_trajectory(system, 200, seed)
    _draw_field(figure.add_subplot(grid[:, 0]), system, made)
    series, spectrum = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    count = int(np.prod(system.points))
    for i, colour in zip((0, count // 3, 2 * count // 3), _colours(3), strict=True):
        series.plot(made.time, made.values[0, :, i], color=colour, lw=1, label=system.variables[i])
    series.set_xlabel("time", fontsize=8)
    series.legend(frameon=False, fontsize=7, ncols=3, loc="lower right", bbox_to_anchor=(1, 0.97))
    fields = made.values[0].reshape(-1, len(system.components), *system.points)
    axes = tuple(range(2, fields.ndim))
    power = (np.abs(np.fft.fftn(fields, axes=axes)) ** 2).mean(axis=0)
    for name, values, colour in zip(
        system.components, power, _colours(len(power)), strict=True
    ):  # along the first axis, added up over the other
        along = values.reshape(system.points[0], -1).sum(axis=1)[
            : system.discretisation.kept[0] + 1
        ]
        spectrum.semilogy(np.arange(1, len(along)), along[1:], color=colour, lw=1, label=name)
    spectrum.legend(frameon=False, fontsize=7)
    spectrum.set_xlabel("waves along x", fontsize=8)
    for plot in (series, spectrum):
        _plain(plot)
    figure.subplots_adjust(left=0.03, right=0.98, top=0.92, bottom=0.14)
    known = known_constants(system)
    if known is not None:
        largest, error = known.lyapunov_exponents[0], known.lyapunov_stderr[0]
        facts = f"λ₁ = {largest:.4g} ± {error:.1g}    period {known.period:.4g}"
        figure.text(0.03, 0.02, facts, fontsize=9, color=MUTED)
    return figure


def _field_trajectory(system: FieldSystem, points: int, seed: int) -> Trajectories:
    """Simulate ten periods on the attractor, or the beginning where there is no chaos."""
    known = known_constants(system)
    if known is not None and known.lyapunov_time is not None:
        return simulate(system, points=points, dt=known.period / 20, seed=seed, rtol=1e-5)
    ic = np.array(system.ic)
    turnover = float(np.abs(ic).max() / np.abs(system.rhs(0.0, ic)).max())
    return simulate(system, points=points, dt=turnover / 20, ic=ic, rtol=1e-5)


def _draw_field(axes: Axes, system: FieldSystem, made: Trajectories) -> None:
    """Draw the first field: over time if it has one dimension, at the last instant if it has two.

    Time and x run to the right.
    """
    axes.set_title(system.name, fontsize=9, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    values = made.values[0, :, : int(np.prod(system.points))]
    flat = len(system.points) == 2
    picture = values[-1].reshape(system.points) if flat else values
    axes.imshow(
        picture.T, aspect="equal" if flat else "auto", origin="lower", cmap="viridis",
        interpolation="bilinear",
    )  # fmt: skip


def write_gallery(
    folder: Path | str,
    systems: Sequence[str],
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> Path:
    """Write one picture a system and an index page; return the page."""
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


def plot_forecast(
    truth: FloatArray,
    forecasts: dict[str, FloatArray],
    *,
    dt: float,
    lyapunov_exponent: float,
    variables: Sequence[str],
) -> Figure:
    """Draw one window's truth ``(H, d)`` and forecasts ``(H, d)`` against Lyapunov times."""
    d = truth.shape[1]
    figure = _figure(8.0, 1.5 * d + 0.6)
    time = dt * lyapunov_exponent * np.arange(1, len(truth) + 1)
    colours = _colours(len(forecasts))
    first = None
    for i in range(d):
        axes = first = figure.add_subplot(d, 1, i + 1, sharex=first)
        axes.plot(time, truth[:, i], color=INK, lw=1.4, label="truth")
        low, high = truth[:, i].min(), truth[:, i].max()
        for (name, values), colour in zip(forecasts.items(), colours, strict=True):
            axes.plot(time, values[:, i], color=colour, lw=1.0, label=name)
        axes.set_ylim(low - 0.2 * (high - low), high + 0.2 * (high - low))
        axes.set_ylabel(variables[i], rotation=0, ha="right")
        _plain(axes)
    assert first is not None
    first.set_xlabel("Lyapunov times")
    figure.axes[0].legend(ncols=4, frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
    figure.tight_layout()
    return figure


def plot_error_growth(records: Sequence[Record]) -> Figure:
    """Draw the median error in standard deviations against Lyapunov times, on a log axis."""
    curves: dict[str, dict[float, list[float]]] = {}
    for record in records:
        for name, value in record.scores.items():
            metric, _, horizon = name.partition("@")
            if metric == "nrmse" and horizon:
                points = curves.setdefault(record.forecaster, {})
                points.setdefault(float(horizon), []).append(value)
    figure = _figure(7.0, 4.2)
    axes = figure.add_subplot()
    for (name, points), colour in zip(curves.items(), _colours(len(curves)), strict=True):
        times = sorted(points)
        axes.semilogy(times, [float(np.median(points[t])) for t in times], color=colour, label=name)
    axes.axhline(0.4, color=MUTED, ls=":", lw=1)
    axes.set_xlabel("Lyapunov times")
    axes.set_ylabel("error in σ")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _plain(axes)
    figure.tight_layout()
    return figure


def plot_analysis(analysis: Analysis) -> dict[str, Figure]:
    """Draw what `analyse` found, truth beside the predictor's free run.

    Returns:
        By name: ``attractor`` in the two liveliest variables (one variable against its own past),
        ``return_map`` of successive maxima, power ``spectrum``, ``error_growth`` of twins on a log
        axis with the exponents of the predictor and of the truth as slopes.

    """
    return {
        "attractor": _beside(analysis, _projection),
        "return_map": _beside(analysis, _return_map),
        "spectrum": _spectra(analysis),
        "error_growth": _twins(analysis),
    }


def _beside(
    analysis: Analysis, choose: Callable[[Analysis], tuple[str, str, Callable[..., Any], str]]
) -> Figure:
    """Draw the truth on the left and the predictor on the right, on the same axes."""
    across, up, plane, style = choose(analysis)
    figure = _figure(8.0, 4.2)
    first = None
    for k, (title, values, colour) in enumerate(
        (("truth", analysis.truth, INK), (analysis.forecaster, analysis.run, ACCENT)), start=1
    ):
        axes = figure.add_subplot(1, 2, k, sharex=first, sharey=first)
        first = first or axes
        x, y = plane(values)
        axes.plot(x, y, style, color=colour, lw=0.4, ms=2, alpha=0.8)
        axes.set_title(title, fontsize=9, color=colour)
        axes.set_xlabel(across)
        axes.set_ylabel(up if k == 1 else "")
        _plain(axes)
        if k == 1:  # a predictor that left the attractor must not shrink the truth to a dot
            axes.set_xlim(*_room(x))
            axes.set_ylim(*_room(y))
        elif not _inside(x, axes.get_xlim()) or not _inside(y, axes.get_ylim()):
            _say(axes, "nothing of it is here")
    figure.tight_layout()
    return figure


def _inside(values: FloatArray, limits: tuple[float, float]) -> bool:
    return bool(((values >= limits[0]) & (values <= limits[1])).any())


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=MUTED)


def _room(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.15 * (high - low)
    return low - margin, high + margin


def _projection(analysis: Analysis) -> tuple[str, str, Callable[..., Any], str]:
    style = "," if _discrete(analysis) else "-"
    if len(analysis.variables) == 1:
        name = analysis.variables[0]
        lag = 1
        if not _discrete(analysis):
            lag = max(1, round(constants(analysis.system).period / analysis.dt / 4))
        return f"{name}(t)", f"{name}(t + {lag} dt)", lambda v: (v[:-lag, 0], v[lag:, 0]), style
    i, j = _liveliest(analysis.truth)
    return analysis.variables[i], analysis.variables[j], lambda v: (v[:, i], v[:, j]), style


def _return_map(analysis: Analysis) -> tuple[str, str, Callable[..., Any], str]:
    """Successive values of a map; of a flow, maxima of the variable with the thinnest map."""
    if _discrete(analysis):
        name = analysis.variables[0]
        return f"{name}(n)", f"{name}(n + 1)", lambda v: (v[:-1, 0], v[1:, 0]), "."
    k = min(range(len(analysis.variables)), key=lambda i: _thickness(analysis.truth[:, i]))
    name = f"maximum of {analysis.variables[k]}"

    def plane(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        top = maxima(values[:, k])
        return top[:-1], top[1:]

    return name, f"next {name}", plane, "."


def maxima(series: FloatArray) -> FloatArray:
    """Return the local maxima of a sampled series ``(T,)``, by a parabola through three samples."""
    before, here, after = series[:-2], series[1:-1], series[2:]
    with np.errstate(invalid="ignore"):
        top = (here > before) & (here >= after)
    a, b, c = before[top], here[top], after[top]
    return np.asarray(b + (c - a) ** 2 / (8 * (2 * b - a - c)))


def _thickness(series: FloatArray) -> float:
    """Say how far from a curve the map of successive maxima is, relative to its spread."""
    top = maxima(series)
    if len(top) < 10 or np.ptp(top) <= 1e-9 * np.abs(top).max():
        return np.inf
    following = top[1:][np.argsort(top[:-1])]
    return float(np.abs(np.diff(following)).mean() / following.std())


def _spectra(analysis: Analysis) -> Figure:
    figure = _figure(7.0, 4.2)
    axes = figure.add_subplot()
    piece = 2 ** int(np.log2(len(analysis.truth) / 4))
    frequency = np.fft.rfftfreq(piece, analysis.dt)[1:]
    runs = (("truth", analysis.truth, INK), (analysis.forecaster, analysis.run, ACCENT))
    for name, values, colour in runs:
        with np.errstate(all="ignore"):
            standard = (values - analysis.truth.mean(axis=0)) / analysis.truth.std(axis=0)
            pieces = standard[: len(values) // piece * piece].reshape(-1, piece, values.shape[1])
            pieces = (pieces - pieces.mean(axis=1, keepdims=True)) * np.hanning(piece)[:, None]
            power = (np.abs(np.fft.rfft(pieces, axis=1)) ** 2).mean(axis=(0, 2))[1:]
        axes.semilogy(frequency, np.where(power > 0, power, np.nan), color=colour, lw=1, label=name)
    true = np.asarray(axes.lines[0].get_ydata())
    axes.set_ylim(0.1 * true.min(), 10 * true.max())
    axes.set_xlabel("frequency" if _discrete(analysis) else "frequency (per time unit)")
    axes.set_ylabel("power")
    axes.legend(frameon=False)
    _plain(axes)
    figure.tight_layout()
    return figure


def _twins(analysis: Analysis) -> Figure:
    figure = _figure(7.0, 4.2)
    axes = figure.add_subplot()
    time = analysis.clock * np.arange(1, analysis.growth.shape[1] + 1)
    for pair in analysis.growth:
        axes.plot(time, np.where(pair > 0, pair, np.nan), color=ACCENT, lw=0.3, alpha=0.4)
    if analysis.growth.size:
        with np.errstate(divide="ignore"):
            middle = np.exp(np.median(np.log(analysis.growth), axis=0))
        axes.plot(
            time, np.where(middle > 0, middle, np.nan), color=ACCENT, lw=1.8,
            label=f"{analysis.forecaster}, median of {len(analysis.growth)} twins",
        )  # fmt: skip
        exponent = analysis.measures["lyapunov_exponent"]
        start = middle[0]
        for name, rate, colour, dashes in (
            ("slope of the truth", exponent.truth, INK, "--"),
            (f"slope of {analysis.forecaster}", exponent.value, ACCENT, ":"),
        ):
            if not (start > 0 and np.isfinite(rate)):
                continue
            line = start * np.exp(rate * analysis.dt / analysis.clock * (time - time[0]))
            shown = (line < 10.0) & (line > 1e-3 * start)
            if shown.any():
                axes.plot(time[shown], line[shown], dashes, color=colour, lw=1.2,
                          label=f"{name}: λ = {rate:.3g}")  # fmt: skip
        axes.legend(frameon=False, fontsize=8)
    else:
        _say(axes, "the free run left the finite numbers")
    axes.set_yscale("log")
    axes.set_xlabel("Lyapunov times" if constants(analysis.system).lyapunov_time else "periods")
    axes.set_ylabel("distance of twins in σ")
    _plain(axes)
    figure.tight_layout()
    return figure


def _discrete(analysis: Analysis) -> bool:
    return get(analysis.system).kind == "map"


def save(figure: Figure, path: Path | str) -> None:
    """Write PNG or SVG by the file's suffix; equal figures give equal bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, Any] = {"Software": None} if path.suffix == ".png" else {"Date": None}
    figure.savefig(path, dpi=110, metadata=metadata)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _colours(count: int) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["viridis"](x) for x in np.linspace(0.1, 0.85, max(count, 1))][:count]


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)


def _attractor(axes: Axes, system: System, seed: int) -> None:
    if isinstance(system, FieldSystem):
        _draw_field(axes, system, _field_trajectory(system, 200, seed))
        return
    known = constants(system)
    axes.set_title(system.name, fontsize=9, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if system.kind == "map":
        values = simulate(system, points=20_000, seed=seed).values[0]
        x, y = (values[:-1, 0], values[1:, 0]) if system.dimension == 1 else values[:, :2].T
        axes.plot(x, y, ",", color=ACCENT, alpha=0.5)
    elif system.dimension > 9:
        values = simulate(system, points=300, dt=known.period / 30, seed=seed).values[0]
        if "unbounded" in system.declared_tags:  # of phases that turn, where they point
            values = np.sin(values)
        spread = values.std(axis=0)
        values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        axes.imshow(values.T, aspect="auto", cmap="viridis", interpolation="bilinear")
    else:
        periods = 60 if system.dimension > 1 else 40
        made = simulate(system, points=200 * periods, points_per_period=200, seed=seed)
        values = made.values[0]
        if system.dimension == 1:  # against its own past: by its lag, or by a quarter of a period
            lag = round(system.delays[0].lag / made.dt) if system.delays else 50
            x, y = values[lag:, 0], values[:-lag, 0]
        else:
            i, j = _liveliest(values)
            x, y = values[:, i], values[:, j]
        axes.plot(x, y, color=ACCENT, lw=0.4, alpha=0.8)


def _liveliest(values: FloatArray) -> tuple[int, int]:
    """Return the two variables whose plane the orbit fills most, in cells of a 40 × 40 grid."""
    d = values.shape[1]
    low, high = values.min(axis=0), values.max(axis=0)
    cells = np.minimum(40 * (values - low) / np.where(high > low, high - low, 1), 39).astype(int)
    filled = {
        (i, j): len(np.unique(40 * cells[:, i] + cells[:, j]))
        for i in range(d)
        for j in range(i + 1, d)
    }
    return max(filled, key=lambda pair: filled[pair])
