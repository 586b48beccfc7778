"""The Record: one immutable row for one forecaster on one task with one seed."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosbench.isolation.outcome import Status

__all__ = ["SEALED", "UNSEALED", "Record", "escaped"]

UNSEALED, SEALED = 1, 2
"""Versions of a Record: as files held it before they had checksums, and since."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that steer a terminal or a page, or turn the direction of a line."""


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
        question: SHA-256 of what the forecaster was given and of what it was scored against; empty
            where it was not noted.
        forecast: SHA-256 of what it answered; empty where there was no answer, or it was not noted.
        version: 1 if it comes from a file without checksums, so that nothing shows whether it was
            edited; else 2.

    Text that steers terminals and pages (control characters, marks of direction, halves of
    characters) is written as its escape, such as ``\\x1b``, whoever made the Record.

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
    question: str = ""
    forecast: str = ""
    version: int = SEALED

    def __post_init__(self) -> None:
        # Whatever is printed or drawn of a run goes through a Record: this is where text from
        # plugins and from foreign files comes in.
        for name in _TEXTS:
            value = getattr(self, name)
            clean = _clean(value, deep=name not in ("scores", "window_scores"))
            if clean is not value:
                object.__setattr__(self, name, clean)

    @property
    def exposure(self) -> str:
        """What a pretrained forecaster says that it may have met of the exam; else empty."""
        return str(self.provenance.get("exposure", ""))

    @property
    def sealed(self) -> bool:
        """Whether its file would show that it was edited."""
        return self.version >= SEALED


_TEXTS = (
    "task", "system", "forecaster", "config", "status", "message", "scores", "window_scores",
    "equations", "traceback", "provenance", "question", "forecast",
)  # fmt: skip


def escaped(text: str) -> str:
    """Return text in which control, direction and line characters are written as escapes."""
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _HIDDEN else c
        for c in text
    )


def _clean(value: Any, *, deep: bool = True) -> Any:
    """Return a value with its texts escaped; the value itself where there is nothing to escape.

    Of a mapping that holds numbers only, `deep` need not be true.
    """
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, Mapping):
        pairs = [(_clean(key), _clean(item) if deep else item) for key, item in value.items()]
        same = all(
            k is key and v is item for (k, v), (key, item) in zip(pairs, value.items(), strict=True)
        )
        return value if same else dict(pairs)
    if isinstance(value, list | tuple):
        items = [_clean(item) for item in value]
        same = all(item is old for item, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value
