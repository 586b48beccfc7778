"""The forecaster's process: it gets arrays, gives a forecast, and never holds the truth.

Run by `isolation.process` with two pipe descriptors. The first message says what the process may
use and read; each further one is a request:

    forecast  fit to ``train``, forecast from ``context``: ``values``, perhaps ``samples``
    tune      choose settings on ``train`` alone: ``config`` in the header
    analyse   fit to ``train``, run freely from ``context``, alone and as twins; see `_free_run`

It serves many cells, because importing a deep-learning library takes seconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import math
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.errors import ForecastFailure, InputError, InvalidForecastError
from chaosbench.forecasters import Audit
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation._text import shortened
from chaosbench.isolation._wire import MORE, READY, ProtocolError, read_message, write_message
from chaosbench.isolation.inside._answers import (
    Piece,
    checked,
    follow,
    joined,
    right_hand_side,
    seen,
)
from chaosbench.isolation.inside._free_run import explore
from chaosbench.isolation.plugins import load_plugin
from chaosbench.isolation.sandbox import confine
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["main"]

Arrays = dict[str, FloatArray]


def main(source: int, sink: int) -> None:
    """Serve requests until the pipe closes."""
    _die_with_the_harness()
    faulthandler.enable()
    memory = _Memory()
    try:
        terms, _ = read_message(source)
        _limit_memory(terms["memory_mib"])
        confine(terms["reading"], terms["writing"])
        while True:
            job, arrays = read_message(source)
            begin = partial(write_message, sink, {"status": READY})
            header, found = _serve(job, arrays, memory, begin, partial(_observe, source, sink))
            write_message(sink, header, found)
    except ProtocolError:
        return


def _observe(source: int, sink: int) -> FloatArray:
    """Ask the harness for the observation ``(n, d)`` whose time has come."""
    write_message(sink, {"status": MORE})
    return read_message(source)[1]["observation"]


def _serve(
    job: dict[str, Any],
    arrays: Arrays,
    memory: _Memory,
    begin: Callable[[], None],
    observe: Callable[[], FloatArray],
) -> tuple[dict[str, Any], Arrays]:
    """Serve one request; whatever goes wrong becomes a status.

    `begin` is called after the imports and before the work, when the cell's clock starts.
    """
    try:
        for path in job["plugins"]:
            load_plugin(Path(path), lasting=True)
        chosen = forecasters[job["forecaster"]]
        for library in getattr(chosen, "libraries", ()):  # imports are not part of the fit
            importlib.import_module(library)
        gaps = getattr(chosen, "handles_gaps", False)
        train = Trajectories(seen(arrays["train"], gaps), job["dt"])
        context = seen(arrays["context"], gaps) if "context" in arrays else None
    except Exception as error:
        return _failure("crashed", error), {}
    header: dict[str, Any] = {}
    begin()
    memory.reset()
    cpu = time.process_time()
    try:
        duty = job.get("duty", "forecast")
        if context is None or duty == "tune":
            found = _tune(chosen, job, train, header)
        elif duty == "analyse":
            found = _analyse(chosen(**job["config"]), job, train, context, header)
        elif job.get("asks") == "equation":
            states = arrays["states"]
            found = _fit_and_show(chosen(**job["config"]), train, states, job, header)
        elif job.get("observe_every"):
            shown = arrays["context"]
            found = _fit_and_follow(chosen(**job["config"]), train, shown, job, header, observe)
        else:
            found = _forecast(chosen(**job["config"]), job, train, context, header)
    except ForecastFailure as failure:
        return header | _failure(failure.status, failure), {}
    except MemoryError as error:
        return header | _failure("out_of_memory", error), {}
    except Exception as error:
        return header | _failure("crashed", error), {}
    header["cpu_seconds"] = time.process_time() - cpu
    header["peak_memory_mib"] = memory.peak_mib()
    finite = bool(np.isfinite(found.get("values", 0.0)).all())
    header |= {"status": "ok" if finite else "diverged", "message": ""}
    if not finite:
        header["message"] = "the forecast is not finite throughout; it is scored as the worst there"
    return header, found


def _arrays(values: FloatArray, samples: FloatArray | None) -> dict[str, FloatArray]:
    return {"values": values} if samples is None else {"values": values, "samples": samples}


def _forecast(
    forecaster: Any, job: dict[str, Any], train: Trajectories, context: FloatArray, header: Any
) -> Arrays:
    if job["learn"] == "train":
        return _arrays(*_fit_and_predict(forecaster, train, context, job, header))
    pieces = [  # each context is all that there is to learn from
        _fit_and_predict(
            forecaster, Trajectories(window[np.newaxis], job["dt"]), window[np.newaxis], job, header
        )
        for window in context
    ]
    header["equations"] = []  # those of the last window would stand for all
    return joined(pieces, axis=0)


def _tune(chosen: Any, job: dict[str, Any], train: Trajectories, header: Any) -> Arrays:
    """Choose settings on the training data; this process has no context of the exam yet."""
    # brings the metrics along, which no other request needs
    from chaosbench.isolation.inside._tuning import ASKED, Question, tune

    start = time.perf_counter()
    question = Question(**{name: job[name] for name in ASKED if name in job})
    header["config"], header["tried"] = tune(
        chosen, job["config"], train, question, count=job["tune"], seed=job["seed"],
        seconds=job["seconds"],
    )  # fmt: skip
    header["fit_seconds"] = time.perf_counter() - start
    return {}


def _analyse(
    forecaster: Any, job: dict[str, Any], train: Trajectories, context: FloatArray, header: Any
) -> Arrays:
    start = time.perf_counter()
    if job["learn"] != "train":
        train = Trajectories(context[:1], job["dt"])
    predictor = forecaster.fit(train, seed=job["seed"])
    middle = time.perf_counter()
    header["fit_seconds"] = middle - start

    def predict(past: FloatArray, horizon: int) -> FloatArray:
        return checked(predictor.predict(past, horizon), past, horizon)[0]

    spread = np.nanstd(train.values, axis=(0, 1))
    found = explore(predict, context[0], np.where(spread > 0, spread, 1.0), **job["analysis"])
    header["predict_seconds"] = time.perf_counter() - middle
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


def _fit(forecaster: Any, train: Trajectories, job: dict[str, Any], header: Any) -> Any:
    """Fit once and add the time to the header."""
    start = time.perf_counter()
    predictor = forecaster.fit(train, seed=job["seed"])
    header["fit_seconds"] = header.get("fit_seconds", 0.0) + time.perf_counter() - start
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
    forecaster: Any, train: Trajectories, states: FloatArray, job: dict[str, Any], header: Any
) -> Arrays:
    """Return the right-hand side found, at states ``(w, H, d)``, and its polynomial."""
    predictor = _fit(forecaster, train, job, header)
    start = time.perf_counter()
    name = type(forecaster).__name__
    found = {"values": right_hand_side(predictor, states, discrete=job["discrete"], name=name)}
    if callable(getattr(predictor, "polynomial", None)):
        powers, coefficients = (np.asarray(a, dtype=float) for a in predictor.polynomial())
        found |= {"powers": powers, "coefficients": coefficients}
    header["predict_seconds"] = time.perf_counter() - start
    return found


def _fit_and_follow(
    forecaster: Any,
    train: Trajectories,
    context: FloatArray,
    job: dict[str, Any],
    header: Any,
    observe: Callable[[], FloatArray],
) -> Arrays:
    predictor = _fit(forecaster, train, job, header)
    return follow(
        partial(_predict, predictor, header), context, horizon=job["horizon"],
        every=job["observe_every"], observe=observe,
        gaps=getattr(forecaster, "handles_gaps", False),
    )  # fmt: skip


def _fit_and_predict(
    forecaster: Any, train: Trajectories, context: FloatArray, job: dict[str, Any], header: Any
) -> Piece:
    predictor = _fit(forecaster, train, job, header)
    return _predict(predictor, header, context, job["horizon"])


def _predict(predictor: Any, header: Any, context: FloatArray, horizon: int) -> Piece:
    """Predict once and add the time to the header."""
    start = time.perf_counter()
    result = predictor.predict(context, horizon)
    spent = time.perf_counter() - start
    header["predict_seconds"] = header.get("predict_seconds", 0.0) + spent
    return checked(result, context, horizon)


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


def _die_with_the_harness() -> None:
    """Ask Linux to end this process with the thread that started it, even if that is killed.

    Ask it also to hand over what its children leave behind, so that the harness, which counts and
    ends the descendants of this process, misses none.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
        if os.getppid() == 1:
            os._exit(0)


def _limit_memory(mib: float) -> None:
    """Make allocations beyond the budget fail here, before the machine suffers.

    The limit is on private memory, not on address space, of which deep-learning libraries reserve
    far more than they use; a quarter more than the budget leaves the verdict to the harness.
    """
    if math.isfinite(mib):
        with contextlib.suppress(ValueError, OSError):
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            wanted = int((1.25 * mib + 512) * 2**20)
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class _Memory:
    """How far the resident size rose above what it was at `reset`, in MiB.

    The process serves many cells, and what an earlier one imported is no cost of this one. Linux
    forgets the peak when asked to; elsewhere the peak is that of the process's whole life.
    """

    def __init__(self) -> None:
        self._before = 0.0
        try:  # before the process is confined
            self._forget = os.open("/proc/self/clear_refs", os.O_WRONLY)
        except OSError:
            self._forget = -1

    def reset(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)  # or freed memory of the last cell would be reused
        with contextlib.suppress(OSError):
            os.write(self._forget, b"5")
        self._before = _peak_mib()

    def peak_mib(self) -> float:
        return max(0.0, _peak_mib() - self._before)  # the kernel's count is a few pages late


def _peak_mib() -> float:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]), int(sys.argv[2]))
    os._exit(0)  # a library's exit handlers have nothing to add
