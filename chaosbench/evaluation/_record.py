"""The Record: one immutable row for one forecaster on one task with one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosbench.isolation.outcome import Status

__all__ = ["Record"]


@dataclass(frozen=True)
class Record:
    """What happened when one forecaster met one task.

    Attributes:
        task: versioned id, such as ``forecast/lorenz-v1``.
        system: name of the system behind the task.
        forecaster: label on the leaderboard: the registered name, followed by the settings that
            differ from the defaults (``esn:units=1000``).
        config: every setting of the forecaster, defaults included.
        seed: seed given to ``fit``.
        exam_seed: seed of the dataset; another one is another exam.
        status: ``ok`` or how the run failed; ``unsupported`` where the forecaster has no such
            answer, such as an equation. A failed run is a Record, never a gap.
        message: one sentence on the failure; empty when ok.
        privileged: the forecaster was given the equation; shown, never ranked.
        scores: metric name to one number for the cell (``d_stsp``, ``smape@1`` at one Lyapunov
            time). Empty when there was no forecast to score.
        window_scores: metric name to one number a window, ``(n,)``: ``vpt@0.4`` in Lyapunov times
            and ``censored@0.4`` (1 where the forecast outlived the horizon or the certified
            truth), likewise 0.3, 0.5; ``vpt_smape`` with ``censored`` on the tracks that ask for
            it.
        fit_seconds, predict_seconds: wall time inside the forecaster's process.
        cpu_seconds: processor time of fit and predict together.
        peak_memory_mib: how far the resident size of the forecaster's process rose while it
            worked, above what it was when its libraries were imported and its data had come.
        equations: what the forecaster says that it found, a line an equation, in the units of the
            data; empty where it has none to show. Its own words: text of an unknown author.
        traceback: the last lines of where the forecaster was when it crashed; text of an unknown
            author.
        provenance: what it takes to run the cell again: versions, dataset hash, fingerprint; and
            how the process was confined.

    """

    task: str
    system: str
    forecaster: str
    config: Mapping[str, Any]
    seed: int
    exam_seed: int
    status: Status
    message: str = ""
    privileged: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    window_scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    fit_seconds: float = float("nan")
    predict_seconds: float = float("nan")
    cpu_seconds: float = float("nan")
    peak_memory_mib: float = float("nan")
    equations: tuple[str, ...] = ()
    traceback: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
