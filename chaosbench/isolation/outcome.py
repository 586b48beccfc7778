"""How a request to a forecaster's process ends, and the only reader of what the process answers.

Everything in an answer is untrusted: a plugin can write whatever it likes on its end of the pipe.
`read_answer` checks types, sizes, signs and shapes against what was asked. What is wrong becomes
the status ``invalid`` with one sentence, never an exception.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from chaosbench.errors import ParameterError
from chaosbench.isolation._text import last_lines, shortened
from chaosbench.isolation.settings import decoded
from chaosbench.text import printable
from chaosbench.trajectories import FloatArray

__all__ = [
    "STATUSES", "Asked", "Budget", "Outcome", "Status", "read_answer", "read_piece",
    "read_settings",
]  # fmt: skip

Status = Literal["ok", "timeout", "out_of_memory", "crashed", "diverged", "invalid", "unsupported"]
STATUSES: tuple[Status, ...] = (
    "ok", "timeout", "out_of_memory", "crashed", "diverged", "invalid", "unsupported",
)  # fmt: skip

SAMPLES_AT_MOST = 1000
"""Draws from the predictive distribution."""

AUDIT_AT_MOST = 100_000
"""Numbers of an audit: the eigenvalues and the grid of the pseudospectrum."""

DEGREE_AT_MOST = 100
MESSAGE_AT_MOST = 500

CONFIG_AT_MOST = 10_000
"""Characters of the settings as JSON."""

DEPTH_AT_MOST = 10
"""Lists and dictionaries inside one another; a tuple counts twice."""

INTEGER_AT_MOST = 2**63 - 1

AUDIT = ("eigenvalues", "tolerance", "real", "imaginary", "pseudospectrum")

Arrays = Mapping[str, FloatArray]


@dataclass(frozen=True)
class Budget:
    """What one cell may cost.

    Attributes:
        seconds: wall time of fit and predict together.
        memory_mib: resident memory of the forecaster's process and its children.

    Raises:
        ParameterError: one of them is not a positive number.

    """

    seconds: float = 600.0
    memory_mib: float = 8192.0

    def __post_init__(self) -> None:
        for name in ("seconds", "memory_mib"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and value > 0):
                raise ParameterError(f"{name} of a budget must be a positive number, not {value!r}")


@dataclass(frozen=True)
class Outcome:
    """How one request ended, as the harness saw it.

    Attributes:
        status: ``ok``, or how it failed.
        message: one sentence on the failure; empty when ok.
        values: forecast or right-hand side ``(w, H, d)``, or free run ``(1, T, d)``.
        samples: ``(m, w, H, d)``, where the forecaster drew some.
        config: the settings that were chosen, where that was asked.
        tried: how many settings were tried, likewise.
        polynomial: exponents and coefficients ``(p, d)``, where an equation is a polynomial.
        equations: lines for a reader.
        costs: ``fit_seconds``, ``predict_seconds`` by the harness's clock, ``cpu_seconds`` and
            ``peak_memory_mib`` by what the kernel says of all its processes.
        arrays: every array of the answer by name, its shape as asked.
        traceback: the last lines of where the forecaster was when it crashed.
        found: what a plugin says of itself, where that was asked; unchecked.
        confinement: what kept the process apart, such as namespaces and Landlock.

    """

    status: Status
    message: str = ""
    values: FloatArray | None = None
    samples: FloatArray | None = None
    config: dict[str, Any] | None = None
    tried: int = 0
    polynomial: tuple[FloatArray, FloatArray] | None = None
    equations: tuple[str, ...] = ()
    costs: dict[str, float] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)
    traceback: tuple[str, ...] = ()
    found: Any = None
    confinement: str = ""


@dataclass(frozen=True)
class Asked:
    """What a request asks for, as far as it decides what an answer must look like.

    Attributes:
        duty: ``forecast``, ``equation``, ``tune``, ``analyse`` or ``describe``.
        shape: of the values, ``(w, H, d)``.
        candidates: settings to try besides the defaults, for ``tune``.
        analysis: pairs of twins, steps of their growth and number of segments, for ``analyse``.
        every: steps between the observations that arrive; 0 for none.

    """

    duty: Literal["forecast", "equation", "tune", "analyse", "describe"]
    shape: tuple[int, int, int]
    candidates: int = 0
    analysis: tuple[int, int, int] = (0, 0, 0)
    every: int = 0
    settings: frozenset[str] = frozenset()

    @classmethod
    def by(
        cls,
        job: Mapping[str, Any],
        train: FloatArray | None,
        context: FloatArray | None,
        states: FloatArray | None = None,
    ) -> Asked:
        """Say what a request with this header and these arrays asks for."""
        duty = job.get("duty", "forecast")
        if duty == "describe" or train is None:
            return cls("describe", (0, 0, 0))
        if duty == "tune" or context is None:
            settings = frozenset(job.get("config", ()))
            return cls("tune", (0, 0, 0), candidates=job.get("tune", 0), settings=settings)
        if duty == "analyse":
            plan = job["analysis"]
            twins = plan["twins"], plan["growth"], plan["segments"]
            return cls("analyse", (1, plan["points"], train.shape[2]), analysis=twins)
        if job.get("asks") == "equation" and states is not None:
            w, steps, d = states.shape
            return cls("equation", (w, steps, d))
        shape = len(context), job["horizon"], train.shape[2]
        return cls("forecast", shape, every=job.get("observe_every") or 0)

    @property
    def numbers_at_most(self) -> int:
        """Numbers that an answer may hold; one that announces more is not read."""
        values = math.prod(self.shape)
        if self.duty == "analyse":
            twins, growth, segments = self.analysis
            return values + twins * (growth + segments) + AUDIT_AT_MOST
        return values * (1 + SAMPLES_AT_MOST)


class _InvalidError(ValueError):
    """Says in one sentence what is wrong with an answer."""


def read_piece(arrays: Arrays, asked: Asked) -> str:
    """Say what is wrong with a forecast up to the next observation; empty if nothing is."""
    w, _, d = asked.shape
    piece = Asked("forecast", (w, asked.every, d))
    try:
        _check_shapes(arrays, piece)
    except _InvalidError as error:
        return f"the process sent no valid answer: {error}"
    return ""


def read_answer(header: Mapping[str, Any], arrays: Arrays, asked: Asked) -> Outcome:
    """Turn what a process sent into an `Outcome`; anything wrong makes it ``invalid``."""
    try:
        return _read(header, arrays, asked)
    except _InvalidError as error:
        return Outcome("invalid", f"the process sent no valid answer: {error}")


def _read(header: Mapping[str, Any], arrays: Arrays, asked: Asked) -> Outcome:
    status = _status(header)
    message = header.get("message", "")
    _require(isinstance(message, str), f"its message is {_kind(message)} and not text")
    message = printable(message, MESSAGE_AT_MOST)
    equations = tuple(shortened(_lines(header, "equations")))
    traceback = last_lines(_lines(header, "traceback"))
    if status not in ("ok", "diverged") or (status == "diverged" and not arrays):
        _require(not arrays, f"it holds arrays although its status is {status!r}")
        return Outcome(status, message, equations=equations, traceback=traceback)
    if asked.duty == "describe":
        _require(status == "ok" and not arrays, "a description was asked for, not arrays")
        return Outcome(status, message, found=header.get("found"))
    if asked.duty == "tune":
        _require(status == "ok" and not arrays, "settings were asked for, not arrays")
        config, tried = _config(header.get("config")), _tried(header.get("tried"), asked)
        _require(set(config) == asked.settings, "its config has not the forecaster's settings")
        return Outcome(status, message, config=config, tried=tried)
    _check_shapes(arrays, asked)
    finite = bool(np.isfinite(arrays["values"]).all())
    _require(
        finite == (status == "ok"),
        f"its status is {status!r} and its values are {'' if finite else 'not '}finite throughout",
    )
    return Outcome(
        status,
        message,
        arrays["values"],
        arrays.get("samples"),
        polynomial=_polynomial(arrays),
        equations=equations,
        arrays=dict(arrays),
    )


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise _InvalidError(sentence)


def _kind(value: object) -> str:
    return "missing" if value is None else f"of type {type(value).__name__}"


def _lines(header: Mapping[str, Any], name: str) -> list[str]:
    lines = header.get(name, [])
    textual = isinstance(lines, list) and all(isinstance(line, str) for line in lines)
    _require(textual, f"its {name} must be a list of text")
    return list(lines)


def _status(header: Mapping[str, Any]) -> Status:
    """Return the status, if it is one that a process may report of itself."""
    told = header.get("status")
    for status in STATUSES:
        if told == status and status != "timeout":  # the harness has the clock
            return status
    shown = repr(printable(told, 60)) if isinstance(told, str) else _kind(told)
    raise _InvalidError(f"its status is {shown}, which no process reports")


def _config(config: Any) -> dict[str, Any]:
    """Return settings, if they are a plain dictionary of plain data."""
    _require(isinstance(config, dict), f"its config is {_kind(config)} and not a dictionary")
    _check_plain(config, DEPTH_AT_MOST)
    size = len(json.dumps(config))
    _require(size <= CONFIG_AT_MOST, f"its config has {size} characters as JSON")
    plain: dict[str, Any] = decoded(config)
    return plain


def read_settings(settings: Any) -> dict[str, Any]:
    """Return settings from another process, if they are plain data.

    Raises:
        ValueError: they are not.

    """
    return _config(settings)


def _check_plain(value: Any, depth: int) -> None:
    """Refuse what is not numbers, text, booleans, None, and lists and dictionaries of these."""
    if isinstance(value, dict | list):
        _require(depth > 0, "its config is nested too deeply")
        for key in value if isinstance(value, dict) else ():
            _require(isinstance(key, str), "its config has a name that is not text")
            _check_plain(key, 0)
        for item in value.values() if isinstance(value, dict) else value:
            _check_plain(item, depth - 1)
    elif isinstance(value, str):
        _require(len(value) <= CONFIG_AT_MOST, "its config holds a text that is too long")
        _require(not any("\ud800" <= c <= "\udfff" for c in value), "its config holds broken text")
    elif isinstance(value, int):
        _require(abs(value) <= INTEGER_AT_MOST, "its config holds an integer of more than 64 bits")
    elif isinstance(value, float):
        _require(math.isfinite(value), "its config holds a number that is not finite")
    else:
        _require(value is None, f"its config holds a value {_kind(value)}")


def _tried(tried: Any, asked: Asked) -> int:
    integer = isinstance(tried, int) and not isinstance(tried, bool)
    _require(integer, f"its number of settings is {_kind(tried)} and not an integer")
    most = 1 + asked.candidates
    _require(1 <= tried <= most, f"the number of settings it tried is not between 1 and {most}")
    return int(tried)


def _check_shapes(arrays: Arrays, asked: Asked) -> None:
    """Refuse arrays that were not asked for, or that have another shape than was asked for."""
    shapes = {name: array.shape for name, array in arrays.items()}
    _require(
        all(array.dtype == np.float64 for array in arrays.values()),
        "it holds arrays of other numbers than doubles",
    )
    _require("values" in shapes, "it holds no values")
    values = shapes.pop("values")
    _require(
        values == asked.shape,
        f"its values have the shape {values}, expected (w, H, d) = {asked.shape}",
    )
    if asked.duty == "forecast" and "samples" in shapes:
        m, *rest = shapes.pop("samples") or (0,)
        _require(
            1 <= m <= SAMPLES_AT_MOST and tuple(rest) == asked.shape,
            f"its samples have the shape {(m, *rest)}, expected (m, w, H, d) = (m, "
            f"{', '.join(map(str, asked.shape))}) with m from 1 to {SAMPLES_AT_MOST}",
        )
    if asked.duty == "equation" and shapes.keys() & {"powers", "coefficients"}:
        powers, coefficients = shapes.pop("powers", None), shapes.pop("coefficients", None)
        _require(
            powers is not None
            and powers == coefficients
            and len(powers) == 2
            and powers[1] == asked.shape[2],
            f"its polynomial has exponents of shape {powers} and coefficients of shape "
            f"{coefficients}, expected (p, d) with d = {asked.shape[2]} of both",
        )
    if asked.duty == "analyse":
        twins, growth, segments = asked.analysis
        for name, length in (("growth", growth), ("stretch", segments)):
            shape = shapes.pop(name, None)
            # a run that leaves the finite numbers has no twins
            _require(
                shape in ((twins, length), (0, length)),
                f"its {name} has the shape {shape}, expected {(twins, length)}",
            )
        if shapes.keys() & set(AUDIT):
            _check_audit(arrays)
            shapes = {name: shape for name, shape in shapes.items() if name not in AUDIT}
    more = ", ".join(printable(name, 20) for name in sorted(shapes)[:3])
    _require(not shapes, f"it holds arrays that nobody asked for: {more}")


def _check_audit(arrays: Arrays) -> None:
    """Refuse an audit of Koopman eigenvalues whose arrays do not fit together."""
    absent = [name for name in AUDIT if name not in arrays]
    _require(not absent, f"its audit lacks {' and '.join(absent)}")
    pairs, tolerance, real, imaginary, grid = (arrays[name] for name in AUDIT)
    sound = pairs.ndim == 2 and pairs.shape[1] == 3 and len(pairs) > 0 and tolerance.shape == (1,)
    sound = sound and real.ndim == imaginary.ndim == 1 and min(len(real), len(imaginary)) > 1
    sound = sound and grid.shape == (len(imaginary), len(real))
    _require(sound, "the arrays of its audit do not fit together")
    finite = all(bool(np.isfinite(arrays[name]).all()) for name in AUDIT)
    _require(finite, "its audit holds numbers that are not finite")


def _polynomial(arrays: Arrays) -> tuple[FloatArray, FloatArray] | None:
    """Return exponents and coefficients, each ``(p, d)``, where they came."""
    powers = arrays.get("powers")
    if powers is None:
        return None
    whole = bool(((powers >= 0) & (powers <= DEGREE_AT_MOST) & (powers % 1 == 0)).all())
    _require(whole, f"its exponents are not all integers from 0 to {DEGREE_AT_MOST}")
    return powers, arrays["coefficients"]
