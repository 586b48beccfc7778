"""What a trained predictor has learnt of the attractor: its invariants beside the truth's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench import metrics
from chaosbench.datasets import generate
from chaosbench.dynamics.simulation import simulate
from chaosbench.dynamics.stored import constants
from chaosbench.errors import ChaosbenchError, InputError
from chaosbench.evaluation._request import request
from chaosbench.evaluation._spec import spec_of
from chaosbench.evaluation.exam import LABEL, Exam, cache_directory, load_exam
from chaosbench.forecasters import Audit
from chaosbench.isolation.outcome import Budget, Outcome
from chaosbench.isolation.plugins import refuse_while_importing
from chaosbench.isolation.process import WorkerProcess
from chaosbench.systems import System
from chaosbench.systems import registry as systems
from chaosbench.systems.own import loaded_files
from chaosbench.tasks import Task, get
from chaosbench.trajectories import FloatArray

__all__ = ["Analysis", "Measure", "analyse"]

TWINS = 16
SEGMENTS, WARM = 12, 2  # the first ones turn the twins into the direction that grows
SEGMENT = 2.0  # Lyapunov times between pulls: a millionth of σ grows tenfold
DROPPED = 4  # a quarter of the free run is its way to its attractor
OUTSIDE = 1.0
LEAST, MOST = 400, 10_000_000


@dataclass(frozen=True)
class Measure:
    """One number of the predictor beside that of the truth.

    Attributes:
        label: what it is.
        unit: of both; empty for a pure number.
        value, stderr: the predictor's; NaN where it has none or no error is known.
        truth, truth_stderr: the truth's.
        source: where the truth's comes from.

    """

    label: str
    unit: str
    value: float
    stderr: float
    truth: float
    truth_stderr: float
    source: str


@dataclass(frozen=True, eq=False)
class Analysis:
    """A predictor left to itself, beside the truth.

    Attributes:
        task, system, forecaster: what was analysed; the label as on the leaderboard.
        config: every setting.
        seed, exam_seed: of the fit and of the data.
        status: ``ok``, or ``diverged`` where the free run left the finite numbers.
        note: what to know about the numbers; may be empty.
        measures: by name: ``lyapunov_exponent`` per time unit, ``d_stsp``, ``d_h``,
            ``correlation_dimension``, ``divergence_time`` in Lyapunov times (in periods, if the
            system is not chaotic; infinite if the run never left).
        variables: names of what is observed, ``d``.
        dt: sampling step in time units.
        clock: Lyapunov times (or periods) a step.
        run: free run ``(T, d)`` without its first quarter.
        truth: as long a stretch of the truth ``(T, d)``.
        growth: distance of twins left alone, in σ, ``(pairs, steps)``.
        fit_seconds, predict_seconds: wall time inside the forecaster's process.
        audit: of the Koopman eigenvalues, for forecasters whose predictor has a method `audit`.

    """

    task: str
    system: str
    forecaster: str
    config: Mapping[str, Any]
    seed: int
    exam_seed: int
    status: str
    note: str
    measures: Mapping[str, Measure]
    variables: tuple[str, ...]
    dt: float
    clock: float
    run: FloatArray
    truth: FloatArray
    growth: FloatArray
    fit_seconds: float
    predict_seconds: float
    audit: Audit | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text; NaN and infinity, which JSON lacks, are None."""
        plain = {
            name: getattr(self, name)
            for name in (
                "task", "system", "forecaster", "seed", "exam_seed", "status", "note", "dt",
                "clock", "fit_seconds", "predict_seconds",
            )
        }  # fmt: skip
        found = {
            name: {k: _plain(v) for k, v in vars(measure).items()}
            for name, measure in self.measures.items()
        }
        audited = {} if self.audit is None else {"audit": _audit_to_dict(self.audit)}
        return plain | {"config": dict(self.config), "measures": found} | audited

    def rows(self) -> list[list[str]]:
        """Return label, value, truth and unit of each measure as text."""
        return [
            [m.label, show(m.value, m.stderr), show(m.truth, m.truth_stderr), m.unit]
            for m in self.measures.values()
        ]

    def __repr__(self) -> str:
        lines = [f"{self.forecaster} on {self.task}: {self.status}"]
        lines += [f"  {label}: {value}, truth {truth}" for label, value, truth, _ in self.rows()]
        if self.audit is not None:
            lines.append(f"  {self.audit}")
        return "\n".join([*lines, *([f"  {self.note}"] if self.note else [])])


def show(value: float, stderr: float) -> str:
    """Print a value with its error; a dash where there is none."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}" + (f" ± {stderr:.1g}" if math.isfinite(stderr) else "")


def analyse(
    forecaster: object,
    task: str | Task,
    *,
    seed: int = 0,
    exam_seed: int | None = None,
    points: int = 10_000,
    distance: float = 1e-6,
    budget: Budget | None = None,
    plugins: Sequence[Path | str] = (),
) -> Analysis:
    """Train a forecaster, let it run freely and measure the attractor that it made.

    The forecaster learns and runs in a process of its own, as in `evaluate`. From the first
    context of the test it is run for `points` steps; of all but the first quarter D_stsp, D_H and
    the correlation dimension are taken. Its largest Lyapunov exponent is that of twins from 16
    states of this run, pulled back to each other every two Lyapunov times: the mean over the
    pairs with its standard error. It has left when it is more than one σ outside the box of the
    truth, or not finite. A predictor with a method `audit` (EDMD has one) is also asked which of
    its Koopman eigenvalues the training data verify.

    Args:
        forecaster: as for `evaluate`.
        task: id such as ``"forecast/lorenz-v1"``, or a Task.
        seed: given to `fit`, and of the twins' directions.
        exam_seed: other data than the task's own.
        points: steps of the free run.
        distance: of the twins, in σ; a forecaster in single precision needs about 1e-4.
        budget: seconds and memory, for everything.
        plugins: Python files that define forecasters.

    Raises:
        InputError: an unknown name, a wrong setting, too few points.
        ChaosbenchError: the forecaster crashed or ran out of time or memory.

    """
    refuse_while_importing("analyse")
    if forecaster == LABEL:
        raise InputError(
            f"the {LABEL} is the system itself; see `chaosbench systems show` for its invariants"
        )
    if not isinstance(points, int) or isinstance(points, bool) or not LEAST <= points <= MOST:
        raise InputError(f"a free run to analyse has {LEAST} to {MOST} points, not {points!r}")
    if not 0 < distance < 0.1:
        raise InputError(f"the distance of twins lies between 0 and 0.1 σ, not at {distance!r}")
    chosen = get(task)
    if exam_seed is not None:
        chosen = chosen.with_seed(exam_seed)
    spec = spec_of(forecaster, plugins=plugins)
    if chosen.recording is not None:
        raise InputError(
            f"{chosen.id} is a recording, and the invariants of its equation are not known; only "
            "tasks of systems can be analysed"
        )
    exam = load_exam(generate(chosen.dataset, cache_directory() / chosen.dataset.hash), chosen)
    plan = {
        "points": points,
        "twins": TWINS,
        "segments": SEGMENTS,
        "segment": max(1, math.ceil(SEGMENT / exam.clock)),
        "growth": max(2, math.ceil(-1.3 * math.log(distance) / exam.clock)),
        "distance": distance,
        "seed": seed,
    }
    job = request(spec, exam, seed=seed, learn=chosen.learn) | {
        "duty": "analyse",
        "analysis": plan,
    }
    server = WorkerProcess(budget or Budget(), [cache_directory(), *loaded_files()])
    try:
        outcome = server.run(job, exam.train, exam.context[:1])
    finally:
        server.close()
    if outcome.values is None:
        raise ChaosbenchError(f"{spec.label} on {chosen.id}: {outcome.status}. {outcome.message}")
    run, growth, stretch = outcome.values[0], outcome.arrays["growth"], outcome.arrays["stretch"]
    system = systems[chosen.system]
    measures, note, truth, kept = _measure(system, exam, run, stretch, plan, chosen.dataset.seed)
    return Analysis(
        task=chosen.id,
        system=system.name,
        forecaster=spec.label,
        config=spec.config,
        seed=seed,
        exam_seed=chosen.dataset.seed,
        status="ok" if np.isfinite(run).all() else "diverged",
        note=note,
        measures=measures,
        variables=tuple(chosen.dataset.variables(system.name)[i] for i in exam.observed),
        dt=exam.dt,
        clock=exam.clock,
        run=kept,
        truth=truth,
        growth=growth,
        fit_seconds=outcome.costs.get("fit_seconds", math.nan),
        predict_seconds=outcome.costs.get("predict_seconds", math.nan),
        audit=_audit(outcome),
    )


def _audit(outcome: Outcome) -> Audit | None:
    """Build the audit from the arrays that the process sent, if it sent one."""
    if "eigenvalues" not in outcome.arrays:
        return None
    names = ("eigenvalues", "tolerance", "real", "imaginary", "pseudospectrum")
    pairs, tolerance, real, imaginary, grid = (outcome.arrays[name] for name in names)
    values = pairs[:, 0] + 1j * pairs[:, 1]
    return Audit(values, pairs[:, 2], float(tolerance[0]), real, imaginary, grid)


def _audit_to_dict(audit: Audit) -> dict[str, Any]:
    """Return the verdict on every eigenvalue; the pseudospectrum is for the picture."""
    pairs = zip(audit.eigenvalues, audit.residuals, strict=True)
    return {
        "tolerance": audit.tolerance,
        "least_nontrivial_residual": _plain(audit.least_nontrivial),
        "eigenvalues": [
            {
                "real": float(value.real),
                "imaginary": float(value.imag),
                "residual": float(residual),
                "verified": bool(residual <= audit.tolerance),
            }
            for value, residual in pairs
        ],
    }


def _measure(
    system: System,
    exam: Exam,
    run: FloatArray,
    stretch: FloatArray,
    plan: Mapping[str, Any],
    seed: int,
) -> tuple[dict[str, Measure], str, FloatArray, FloatArray]:
    """Measure the run; return the measures, a note, and truth and run as compared."""
    known = constants(system)
    kept = run[len(run) // DROPPED :]
    both = simulate(system, points=len(kept), dt=exam.dt, n=2, seed=seed + 1)
    values = both.values if exam.observables is None else exam.observables.of(both.values)
    truth, again = values[..., list(exam.observed)]
    spread = exam.spread[list(exam.observed)]
    exponent, error, note = _exponent(stretch, plan["segment"] * exam.dt)
    dimension, dimension_error = _dimension(kept, system, exam)
    left = departure(run, truth, spread)
    true_dimension, true_error = _dimension(truth, system, exam)
    source = "a run of the truth, measured alike"
    if known.correlation_dimension is not None:
        stored = show(known.correlation_dimension, known.correlation_dimension_stderr or math.nan)
        source += f"; constants: {stored}"
    unit = "Lyapunov times" if exam.lyapunov_exponent is not None else "periods"
    nan = math.nan
    measures = {
        "lyapunov_exponent": Measure(
            "largest Lyapunov exponent", "per time unit", exponent, error,
            known.lyapunov_exponents[0], known.lyapunov_stderr[0], "constants",
        ),
        "d_stsp": Measure(
            "D_stsp", "nats",
            float(metrics.state_space_divergence(truth, kept, scale=spread)), nan,
            float(metrics.state_space_divergence(truth, again, scale=spread)), nan,
            "another run of the truth",
        ),
        "d_h": Measure(
            "D_H", "", float(metrics.spectral_hellinger(truth, kept)), nan,
            float(metrics.spectral_hellinger(truth, again)), nan, "another run of the truth",
        ),
        "correlation_dimension": Measure(
            "correlation dimension", "", dimension, dimension_error, true_dimension, true_error,
            source,
        ),
        "divergence_time": Measure(
            "leaves the attractor after", unit,
            math.inf if left is None else left * exam.clock, nan, math.inf, nan, "by definition",
        ),
    }  # fmt: skip
    if left is None:
        note = f"Stayed for all {len(run) * exam.clock:.4g} {unit}. {note}".strip()
    return measures, note, truth, kept


def _exponent(stretch: FloatArray, duration: float) -> tuple[float, float, str]:
    """Return the exponent, its standard error over pairs of twins, and a note."""
    if not stretch.size or np.isnan(stretch).any():
        return math.nan, math.nan, "No exponent: twins of the run, a hair apart, ran away."
    merged = int(np.isinf(stretch).any(axis=1).sum())
    if merged:
        words = f"{merged} of {len(stretch)} twins merged: the predictor forgets its context."
        return -math.inf, math.nan, words
    rates = stretch[:, WARM:].mean(axis=1) / duration
    return float(rates.mean()), float(rates.std(ddof=1) / math.sqrt(len(rates))), ""


def departure(run: FloatArray, truth: FloatArray, spread: FloatArray) -> int | None:
    """Return the first step at which a run is outside the truth's box, or not finite.

    Args:
        run: ``(T, d)``.
        truth: ``(T', d)``; its box is that of its smallest and largest values, wider by one σ.
        spread: σ of each variable, ``(d,)``.

    """
    low, high = truth.min(axis=0) - OUTSIDE * spread, truth.max(axis=0) + OUTSIDE * spread
    outside = ~((run >= low) & (run <= high)).all(axis=1)  # a NaN is outside
    return int(np.argmax(outside)) + 1 if outside.any() else None


def _dimension(values: FloatArray, system: System, exam: Exam) -> tuple[float, float]:
    """Correlation dimension of a series, unfolded in delays where one variable is seen."""
    if not np.isfinite(values).all():
        return math.nan, math.nan
    if values.shape[1] == 1 and not (system.discrete and system.dimension == 1):
        count = 2 * math.ceil(constants(system).kaplan_yorke_dimension or 3.0) + 1
        lag = 1 if system.discrete else max(1, round(exam.period / exam.dt / 8))
        length = len(values) - (count - 1) * lag
        if length < LEAST // 2:
            return math.nan, math.nan
        values = np.hstack([values[i * lag : i * lag + length] for i in range(count)])
    found = metrics.correlation_dimension(values)
    return found.value, found.stderr


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
