"""The forecaster's process: it gets arrays, gives a forecast, and never holds the truth.

Forked by `inside._template` for one request, which is:

    forecast  fit to ``train``, forecast from ``context``: ``values``, perhaps ``samples``
    tune      choose settings on ``train`` alone: ``config`` in the header
    analyse   fit to ``train``, run freely from ``context``, alone and as twins; see `_free_run`
    describe  say which forecasters a plugin defines, with their settings; no arrays

The process gives up its rights, says that it is ready, and only then gets the arrays and runs code
of a plugin. It reads no clock: the harness does, whenever a message says that a phase is over.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import random
import resource
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.errors import ForecastFailure, InputError, InvalidForecastError
from chaosbench.forecasters import Audit
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation._pieces import Piece, joined
from chaosbench.isolation._text import shortened
from chaosbench.isolation._wire import MARK, MORE, READY, ProtocolError, read_message, write_message
from chaosbench.isolation.inside._answers import checked, follow, right_hand_side, seen
from chaosbench.isolation.inside._describing import described
from chaosbench.isolation.inside._free_run import explore
from chaosbench.isolation.plugins import load_plugin
from chaosbench.isolation.sandbox import confine
from chaosbench.isolation.settings import decoded, encoded
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["main"]

Arrays = dict[str, FloatArray]


class _Line:
    """The two pipes to the harness; every message carries the number of the request."""

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self.sink = sink
        self.number = ""

    def say(self, header: dict[str, Any], arrays: Arrays | None = None) -> None:
        write_message(self.sink, {**header, "number": self.number}, arrays)

    def hear(self) -> tuple[dict[str, Any], Arrays]:
        return read_message(self.source)

    def mark(self, phase: str) -> None:
        """Say that from now on this is what the time is spent on: ``fit`` or ``predict``."""
        self.say({"status": MARK, "phase": phase})

    def observe(self, piece: Piece) -> FloatArray:
        """Hand in the forecast up to the next observation, and get that, ``(n, d)``."""
        self.say({"status": MORE}, _arrays(*piece))
        return self.hear()[1]["observation"]


def main(source: int, sink: int, terms: dict[str, Any]) -> None:
    """Serve one request, and wait until the harness has looked at what it cost."""
    faulthandler.enable()
    _limit_memory(terms["memory_mib"])
    confine(terms["reading"], terms["writing"], own_process_only=not terms["namespaces"])
    line = _Line(source, sink)
    with contextlib.suppress(ProtocolError):
        job, _ = line.hear()
        line.number = job["number"]
        for library in job["libraries"]:
            with contextlib.suppress(Exception):  # then it fails again where it is needed
                importlib.import_module(library)
        if job["ours"]:
            with contextlib.suppress(Exception):
                forecasters[job["forecaster"]]  # imports it
        line.say({"status": READY})
        job, arrays = line.hear()
        header, found = _serve(job, arrays, line)
        line.say(header, found)
        line.hear()


def _serve(job: dict[str, Any], arrays: Arrays, line: _Line) -> tuple[dict[str, Any], Arrays]:
    """Serve one request; whatever goes wrong becomes a status."""
    random.seed(job["seed"])
    np.random.seed(job["seed"] % 2**32)  # noqa: NPY002  # for those who use the global state
    if job["duty"] == "describe":
        try:
            return {"status": "ok", "message": "", "found": described(job)}, {}
        except InputError as error:
            return _failure("unsupported", error) | {"message": str(error)}, {}
        except BaseException as error:
            return _failure("crashed", error), {}
    try:
        for path in job["plugins"]:
            load_plugin(Path(path), lasting=True)
        chosen = forecasters[job["forecaster"]]
        for library in getattr(chosen, "libraries", ()):
            importlib.import_module(library)
        config = decoded(job["config"])
        gaps = getattr(chosen, "handles_gaps", False)
        train = Trajectories(seen(arrays["train"], gaps), job["dt"])
        context = seen(arrays["context"], gaps) if "context" in arrays else None
    except BaseException as error:
        return _failure("crashed", error), {}
    header: dict[str, Any] = {}
    try:
        if context is None or job["duty"] == "tune":
            found = _tune(chosen, config, job, train, header)
        elif job["duty"] == "analyse":
            found = _analyse(chosen(**config), job, train, context, line)
        elif job.get("asks") == "equation":
            states = arrays["states"]
            found = _fit_and_show(chosen(**config), train, states, job, header, line)
        elif job.get("observe_every"):
            shown = arrays["context"]
            found = _fit_and_follow(chosen(**config), train, shown, job, header, line)
        else:
            found = _forecast(chosen(**config), job, train, context, header, line)
    except ForecastFailure as failure:
        return header | _failure(failure.status, failure), {}
    except MemoryError as error:
        return header | _failure("out_of_memory", error), {}
    except BaseException as error:  # also SystemExit: what a plugin raises ends its cell
        return header | _failure("crashed", error), {}
    finite = bool(np.isfinite(found.get("values", 0.0)).all())
    header |= {"status": "ok" if finite else "diverged", "message": ""}
    if not finite:
        header["message"] = "the forecast is not finite throughout; it is scored as the worst there"
    return header, found


def _arrays(values: FloatArray, samples: FloatArray | None) -> dict[str, FloatArray]:
    return {"values": values} if samples is None else {"values": values, "samples": samples}


def _forecast(
    forecaster: Any,
    job: dict[str, Any],
    train: Trajectories,
    context: FloatArray,
    header: Any,
    line: _Line,
) -> Arrays:
    if job["learn"] == "train":
        return _arrays(*_fit_and_predict(forecaster, train, context, job, header, line))
    pieces = []
    for window in context:  # each is all that there is to learn from
        alone = Trajectories(window[np.newaxis], job["dt"])
        pieces.append(_fit_and_predict(forecaster, alone, window[np.newaxis], job, header, line))
        line.mark("fit")
    header["equations"] = []  # those of the last window would stand for all
    return joined(pieces, axis=0)


def _tune(
    chosen: Any, config: dict[str, Any], job: dict[str, Any], train: Trajectories, header: Any
) -> Arrays:
    """Choose settings on the training data; this process has no context of the exam yet."""
    # brings the metrics along, which no other request needs
    from chaosbench.isolation.inside._tuning import ASKED, Question, tune

    question = Question(**{name: job[name] for name in ASKED if name in job})
    found, header["tried"] = tune(
        chosen, config, train, question, count=job["tune"], seed=job["seed"],
        seconds=job["seconds"],
    )  # fmt: skip
    header["config"] = encoded(found)
    return {}


def _analyse(
    forecaster: Any, job: dict[str, Any], train: Trajectories, context: FloatArray, line: _Line
) -> Arrays:
    if job["learn"] != "train":
        train = Trajectories(context[:1], job["dt"])
    predictor = forecaster.fit(train, seed=job["seed"])
    line.mark("predict")

    def predict(past: FloatArray, horizon: int) -> FloatArray:
        return checked(predictor.predict(past, horizon), past, horizon)[0]

    spread = np.nanstd(train.values, axis=(0, 1))
    found = explore(predict, context[0], np.where(spread > 0, spread, 1.0), **job["analysis"])
    return found | _audited(predictor)


def _audited(predictor: Any) -> Arrays:
    """Return the audit of a Koopman model, if the predictor has one."""
    if not callable(getattr(predictor, "audit", None)):
        return {}
    made = predictor.audit()
    if not isinstance(made, Audit):
        raise InvalidForecastError(f"audit must return an Audit, not {type(made).__name__}")
    values = made.eigenvalues
    return {
        "eigenvalues": np.stack([values.real, values.imag, made.residuals], axis=1),
        "tolerance": np.array([made.tolerance]),
        "real": made.real,
        "imaginary": made.imaginary,
        "pseudospectrum": made.pseudospectrum,
    }


def _fit(
    forecaster: Any, train: Trajectories, job: dict[str, Any], header: Any, line: _Line
) -> Any:
    predictor = forecaster.fit(train, seed=job["seed"])
    line.mark("predict")
    header["equations"] = _equations(predictor)
    return predictor


def _equations(predictor: Any) -> list[str]:
    """Return the lines in which a predictor shows its equations, cut to what is kept."""
    if not callable(getattr(predictor, "equations", None)):
        return []
    lines = predictor.equations()
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) for line in lines):
        raise InvalidForecastError("equations() must return a list of str, a line an equation")
    return shortened(lines)


def _fit_and_show(
    forecaster: Any,
    train: Trajectories,
    states: FloatArray,
    job: dict[str, Any],
    header: Any,
    line: _Line,
) -> Arrays:
    """Return the right-hand side found, at states ``(w, H, d)``, and its polynomial."""
    predictor = _fit(forecaster, train, job, header, line)
    name = type(forecaster).__name__
    found = {"values": right_hand_side(predictor, states, discrete=job["discrete"], name=name)}
    if callable(getattr(predictor, "polynomial", None)):
        powers, coefficients = (np.asarray(a, dtype=float) for a in predictor.polynomial())
        found |= {"powers": powers, "coefficients": coefficients}
    return found


def _fit_and_follow(
    forecaster: Any,
    train: Trajectories,
    context: FloatArray,
    job: dict[str, Any],
    header: Any,
    line: _Line,
) -> Arrays:
    """Return the last piece of the forecast; those before it were handed in on the way."""
    predictor = _fit(forecaster, train, job, header, line)

    def predict(past: FloatArray, horizon: int) -> Piece:
        return checked(predictor.predict(past, horizon), past, horizon)

    last = follow(
        predict, context, horizon=job["horizon"], every=job["observe_every"], observe=line.observe,
        gaps=getattr(forecaster, "handles_gaps", False),
    )  # fmt: skip
    return _arrays(*last)


def _fit_and_predict(
    forecaster: Any,
    train: Trajectories,
    context: FloatArray,
    job: dict[str, Any],
    header: Any,
    line: _Line,
) -> Piece:
    predictor = _fit(forecaster, train, job, header, line)
    return checked(predictor.predict(context, job["horizon"]), context, job["horizon"])


def _failure(status: str, error: BaseException) -> dict[str, Any]:
    name = "" if isinstance(error, ForecastFailure) else f"{type(error).__name__}: "
    told = {"status": status, "message": f"{name}{error}".strip()[:500]}
    return told if isinstance(error, ForecastFailure) else told | {"traceback": _traceback(error)}


def _traceback(error: BaseException) -> list[str]:
    """Return where an error came from, without the frames of this process's own code."""
    if isinstance(error, InputError) and error.__cause__ is not None:
        error = error.__cause__  # what happened in the plugin's file
    found = traceback.TracebackException.from_exception(error)
    own = (str(Path(__file__).parent), str(Path(__file__).parents[1]))
    inside = [frame for frame in found.stack if not frame.filename.startswith(own)]
    found.stack = traceback.StackSummary.from_list(inside)
    lines = "".join(found.format()).splitlines()
    return [line for line in lines if not line.startswith("Traceback (most recent call")][-100:]


def _limit_memory(mib: float) -> None:
    """Make allocations beyond the budget fail here, before the machine suffers.

    The limit is on private memory, not on address space, of which deep-learning libraries reserve
    far more than they use; a quarter more than the budget leaves the verdict to the harness.
    """
    if mib < 2**40:  # an exbibyte
        with contextlib.suppress(ValueError, OSError):
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            wanted = int((1.25 * mib + 512) * 2**20)
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
