"""The forecaster's process: it gets arrays, gives a forecast, and never holds the truth.

Run as ``python -m chaosbench.evaluation._worker IN OUT MEMORY_MIB`` with two pipe descriptors. It
lives for many cells, because importing a deep-learning library takes seconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.errors import ForecastFailure
from chaosbench.evaluation._plugins import load_plugin
from chaosbench.evaluation._wire import MORE, ProtocolError, read_message, write_message
from chaosbench.forecasters import Forecast
from chaosbench.forecasters import registry as forecasters
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["main"]


def main(source: int, sink: int, memory_mib: float) -> None:
    """Serve cells until the pipe closes."""
    _die_with_the_harness()
    _limit_memory(memory_mib)
    while True:
        try:
            job, arrays = read_message(source)
        except ProtocolError:
            return

        def observe() -> FloatArray:
            """Ask the harness for the observation ``(n, d)`` whose time has come."""
            write_message(sink, {"status": MORE})
            return read_message(source)[1]["observation"]

        header, found = _serve(job, arrays, observe)
        write_message(sink, header, **found)


def _serve(
    job: dict[str, Any], arrays: dict[str, FloatArray], observe: Callable[[], FloatArray]
) -> tuple[dict[str, Any], dict[str, FloatArray]]:
    """Fit and answer once; whatever goes wrong is a status."""
    try:
        for path in job["plugins"]:
            load_plugin(Path(path))
        chosen = forecasters[job["forecaster"]]
        for library in getattr(chosen, "libraries", ()):  # imports are not part of the fit
            importlib.import_module(library)
        forecaster = chosen(**job["config"])
        gaps = getattr(chosen, "handles_gaps", False)
        train = Trajectories(_seen(arrays["train"], gaps), job["dt"])
        context = _seen(arrays["context"], gaps)
    except Exception as error:
        return _failure("crashed", error), {}
    header: dict[str, Any] = {}
    _reset_peak()
    cpu = time.process_time()
    try:
        if job["tune"]:
            forecaster = _tuned(chosen, job, train, context, header)
        if job.get("asks") == "equation":
            found = _fit_and_show(forecaster, train, arrays["states"], job, header)
        elif job.get("observe_every"):
            found = _fit_and_follow(forecaster, train, arrays["context"], job, header, observe)
        elif job["learn"] == "train":
            found = _arrays(*_fit_and_predict(forecaster, train, context, job, header))
        else:  # every context is a world of its own
            pieces = [
                _fit_and_predict(
                    forecaster, Trajectories(window[np.newaxis], job["dt"]), window[np.newaxis],
                    job, header,
                )
                for window in context
            ]  # fmt: skip
            found = _joined(pieces, axis=0)
    except ForecastFailure as failure:
        return header | _failure(failure.status, failure), {}
    except MemoryError as error:
        return header | _failure("out_of_memory", error), {}
    except Exception as error:
        return header | _failure("crashed", error), {}
    header["cpu_seconds"] = time.process_time() - cpu
    header["peak_memory_mib"] = _peak_mib()
    finite = bool(np.isfinite(found["values"]).all())
    header |= {"status": "ok" if finite else "diverged", "message": ""}
    if not finite:
        header["message"] = "the forecast is not finite throughout; it is scored as the worst there"
    return header, found


def _arrays(values: FloatArray, samples: FloatArray | None) -> dict[str, FloatArray]:
    return {"values": values} if samples is None else {"values": values, "samples": samples}


def _joined(
    pieces: list[tuple[FloatArray, FloatArray | None]], *, axis: int
) -> dict[str, FloatArray]:
    """Join forecasts along windows or steps; samples where every piece has as many."""
    values = np.concatenate([v for v, _ in pieces], axis=axis)
    drawn = [s for _, s in pieces if s is not None]
    if len(drawn) < len(pieces) or len({len(s) for s in drawn}) > 1:
        return {"values": values}
    return {"values": values, "samples": np.concatenate(drawn, axis=axis + 1)}


def _tuned(
    chosen: Any, job: dict[str, Any], train: Trajectories, context: FloatArray, header: Any
) -> Any:
    """Choose settings on the training data; the search is part of the fit's time."""
    from chaosbench.evaluation._tuning import tune

    start = time.perf_counter()
    config, tried = tune(
        chosen, job["config"], train, count=job["tune"], context=context.shape[1],
        horizon=job["horizon"], seed=job["seed"], seconds=job["seconds"],
    )  # fmt: skip
    header["fit_seconds"] = time.perf_counter() - start
    header["config"], header["tried"] = config, tried
    return chosen(**config)


def _fit(forecaster: Any, train: Trajectories, job: dict[str, Any], header: Any) -> Any:
    """Fit once, adding the time to the header."""
    start = time.perf_counter()
    predictor = forecaster.fit(train, seed=job["seed"])
    header["fit_seconds"] = header.get("fit_seconds", 0.0) + time.perf_counter() - start
    return predictor


def _fit_and_show(
    forecaster: Any, train: Trajectories, states: FloatArray, job: dict[str, Any], header: Any
) -> dict[str, FloatArray]:
    """Return the right-hand side that was found at states ``(w, H, d)``, and its polynomial."""
    from chaosbench.errors import InvalidForecastError, UnsupportedError

    predictor = _fit(forecaster, train, job, header)
    method = "next_state" if job["discrete"] else "vector_field"
    if not callable(getattr(predictor, method, None)):
        raise UnsupportedError(
            f"{type(forecaster).__name__} has no equation to show: its predictor has no method "
            f"{method}(states)"
        )
    start = time.perf_counter()
    d = states.shape[2]
    values = np.asarray(getattr(predictor, method)(states.reshape(-1, d).copy()))
    if values.shape != (states.size // d, d) or values.dtype.kind not in "fiu":
        raise InvalidForecastError(
            f"{method} must return real numbers of shape (n, d) = {(states.size // d, d)}, "
            f"not {values.dtype} of shape {values.shape}"
        )
    found = {"values": values.reshape(states.shape)}
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
) -> dict[str, FloatArray]:
    """Forecast from observation to observation; what lies between two of them is never seen.

    The context slides along and keeps its length. Its gaps are filled for forecasters that do not
    handle them; the forecasts themselves are not fed back.
    """
    gaps = getattr(forecaster, "handles_gaps", False)
    every, horizon = job["observe_every"], job["horizon"]
    predictor = _fit(forecaster, train, job, header)
    pieces = []
    for begin in range(0, horizon, every):
        if begin:
            between = np.full((len(context), every - 1, context.shape[2]), np.nan)
            latest = observe()[:, np.newaxis]
            context = np.concatenate([context, between, latest], axis=1)[:, every:]
        start = time.perf_counter()
        steps = min(every, horizon - begin)
        result = predictor.predict(_seen(context, gaps), steps)
        spent = time.perf_counter() - start
        header["predict_seconds"] = header.get("predict_seconds", 0.0) + spent
        pieces.append(_checked(result, context, steps))
    return _joined(pieces, axis=1)


def _fit_and_predict(
    forecaster: Any, train: Trajectories, context: FloatArray, job: dict[str, Any], header: Any
) -> tuple[FloatArray, FloatArray | None]:
    """Fit and predict once, adding the times to the header."""
    predictor = _fit(forecaster, train, job, header)
    start = time.perf_counter()
    result = predictor.predict(context, job["horizon"])
    spent = time.perf_counter() - start
    header["predict_seconds"] = header.get("predict_seconds", 0.0) + spent
    return _checked(result, context, job["horizon"])


def _seen(values: FloatArray, gaps: bool) -> FloatArray:
    """Return a copy of what came; lost samples are filled unless the forecaster takes gaps."""
    from chaosbench.datasets._corruption import fill_gaps

    copy = values.copy()
    return copy if gaps else fill_gaps(copy)


def _checked(
    result: Any, context: FloatArray, horizon: int
) -> tuple[FloatArray, FloatArray | None]:
    from chaosbench.errors import InvalidForecastError

    if not isinstance(result, Forecast):
        raise InvalidForecastError(
            f"predict must return a chaosbench Forecast, not {type(result).__name__}"
        )
    n, _, d = context.shape
    expected = (n, horizon, d)
    if result.values.shape != expected:
        raise InvalidForecastError(
            f"the forecast has shape {result.values.shape}, expected (n, H, d) = {expected}"
        )
    return result.values, result.samples


def _failure(status: str, error: BaseException) -> dict[str, Any]:
    name = "" if isinstance(error, ForecastFailure) else f"{type(error).__name__}: "
    return {"status": status, "message": f"{name}{error}".strip()[:500]}


def _die_with_the_harness() -> None:
    """Ask Linux to end this process with the thread that started it, even if that is killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
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


def _reset_peak() -> None:
    with contextlib.suppress(OSError):  # Linux forgets the peak when asked; elsewhere it stays
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mib() -> float:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    os._exit(0)  # a library's exit handlers have nothing to add
