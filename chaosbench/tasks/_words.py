"""Tasks and suites in words, worked out from their data so that they cannot disagree with it."""

from __future__ import annotations

from chaosbench.datasets import Pace
from chaosbench.datasets.recordings import RecordedDataset
from chaosbench.metrics import registry as metrics
from chaosbench.systems import registry as systems
from chaosbench.tasks._catalogue import tasks
from chaosbench.tasks._task import Suite, Task

__all__ = ["describe", "describe_suite"]

_LOWER = "lower is better; a run that fails or diverges gets the worst value there is"


def describe(task: Task) -> str:
    """Say what a task trains on, shows, asks and scores."""
    if task.recording is not None:
        return _recorded(task, task.recording)
    pace = task.dataset.pace(task.system)
    parts = [_trained(task, pace)]
    if task.asks == "equation":
        parts.append(_equation(task))
    else:
        parts += [_seen(task), *_changes(task), _asked(task, pace), *_assimilated(task)]
    return " ".join([*parts, _scored(task)])


def _recorded(task: Task, data: RecordedDataset) -> str:
    unit, one = data.time_unit, data.train_trajectories == 1
    span = f"{data.steps * data.step:.4g} {unit}"
    clock = f"in {unit}, because its largest Lyapunov exponent is not known"
    if data.exponent is not None:
        span += f", {data.steps * data.step * data.exponent:.3g} Lyapunov times"
        error = "" if data.exponent_error is None else f" ± {data.exponent_error:.2g}"
        clock = (
            f"in Lyapunov times with the {data.exponent_source} exponent "
            f"{data.exponent:.4g}{error} per {unit}"
        )
    names = ", ".join(
        f"{name} ({unit})" if unit else name
        for name, unit in zip(data.columns, data.units, strict=True)
    )
    return (
        f"A recording of {names}. Trained on {data.train_trajectories} "
        f"{'trajectory' if one else 'trajectories'} of {data.train_points:,} samples, "
        f"{data.step:.4g} {unit} apart. Sees the {data.context:,} samples before each of "
        f"{data.windows} forecasts, which roll over the later part of the recording and share no "
        f"sample. Forecasts the next {data.steps:,} samples ({span}). A forecast is scored against "
        "the recording itself, noise included, up to the first gap after its context. There is no "
        "equation, so there is no ceiling. Scored by valid prediction time at ε = "
        f"{', '.join(f'{t:g}' for t in task.thresholds)} (the first is ranked), {clock}, and by "
        f"{', '.join(name for name in task.metrics if name != task.ranked.partition('@')[0])}."
    )


def _trained(task: Task, pace: Pace) -> str:
    data = task.dataset
    step = f"{pace.dt:.4g} time units"
    if task.learn == "context":
        return f"Not trained: learns from each context alone, sampled every {step}."
    many = "trajectory" if data.train_trajectories == 1 else "trajectories"
    return (
        f"Trained on {data.train_trajectories} {many} of {data.train_points:,} samples, "
        f"{step} apart."
    )


def _seen(task: Task) -> str:
    data = task.dataset
    runs = "forecast" if task.asks == "forecast" else "free run"
    windows = f"{data.windows} {runs}s, each" if data.windows > 1 else f"one {runs},"
    text = (
        f"Sees the last {data.context:,} samples before {'each of ' if data.windows > 1 else ''}"
        f"{windows} from a starting point of its own on the attractor."
    )
    if data.noise:
        text += f" What is seen has noise of {100 * data.noise:g}% of σ; the truth is clean."
    if data.missing:
        text += f" {100 * data.missing:g}% of what is seen is lost at random."
    return text


def _changes(task: Task) -> list[str]:
    data = task.dataset
    if not data.shift:
        return []
    base = systems[task.system].parameters
    change = ", ".join(f"{name} from {base[name]:g} to {value:g}" for name, value in data.shift)
    when = (
        f"A parameter switches inside the context, after {100 * data.switch:g}% of it: {change};"
        if data.switch
        else f"Between training and test a parameter has changed: {change};"
    )
    return [
        f"{when} no forecaster is told. σ and Lyapunov times stay those of the training system; "
        "the ceiling is the changed equation."
    ]


def _asked(task: Task, pace: Pace) -> str:
    span = ""
    if pace.lyapunov_exponent is not None:
        span = f" ({pace.horizon * pace.dt * pace.lyapunov_exponent:.3g} Lyapunov times)"
    what = "all variables" if task.observed is None else ", ".join(task.observed)
    if task.asks == "forecast":
        return f"Forecasts the next {pace.horizon:,} samples{span} of {what}."
    settle = f"; the first {100 * task.dropped:g}% are dropped" if task.dropped else ""
    return f"Runs freely for {pace.horizon:,} samples{span} of {what}{settle}."


def _assimilated(task: Task) -> list[str]:
    every = task.dataset.observe_every
    if not every:
        return []
    return [
        f"Every {every} samples of the horizon all variables are observed, with the noise of the "
        "context. The forecaster then sees the past again, with gaps between the observations "
        "(interpolated, unless it says that it handles gaps) and without its own forecasts. It "
        "forecasts until the next observation; the pieces together are scored."
    ]


def _equation(task: Task) -> str:
    data = task.dataset
    asked = "next state" if systems[task.system].discrete else "time derivative"
    count = data.windows * (1 if task.apart else data.pace(task.system).horizon)
    each = ", the last state of each" if task.apart else ""
    return (
        f"No forecast is asked for, but the {asked} of all variables at {count:,} held-out states "
        f"on the attractor, clean, from {data.windows} trajectories that were not trained "
        f"on{each}. "
        "A forecaster that has no equation to show is recorded as unsupported."
    )


def _scored(task: Task) -> str:
    others = [name for name in task.metrics if name != task.ranked.partition("@")[0]]
    beside = f", and by {', '.join(others)}" if others else ""
    if task.ranked.startswith("vpt@"):
        thresholds = ", ".join(f"{t:g}" for t in task.thresholds)
        return (
            f"Scored by valid prediction time at ε = {thresholds} (the first is ranked), in "
            f"Lyapunov times{beside}."
        )
    known = metrics[task.ranked.partition("@")[0]]
    better = _LOWER if known.direction == "lower" else _LOWER.replace("lower", "higher")
    return f"Ranked by {known.label} ({better}){beside and ', reported beside ' + beside[9:]}."


def describe_suite(suite: Suite) -> str:
    """Say what a suite holds, and what its tasks ask, by the first task of each track."""
    tracks: dict[str, list[str]] = {}
    for name in suite.tasks:
        tracks.setdefault(tasks[name].track, []).append(name)
    lines = [suite.description]
    for track, names in tracks.items():
        count = f"{len(names):,} system{'' if len(names) == 1 else 's'}"
        lines.append(f"{track}: {count}. Of {tasks[names[0]].system}: {describe(tasks[names[0]])}")
    lines += [f"Published ({t.source}), {t.what}: {t.numbers()}." for t in suite.published]
    return "\n".join(lines)
