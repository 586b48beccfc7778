"""The forecaster's process: it gets arrays, gives a forecast, and never holds the truth.

Run by `_process` with two pipe descriptors; the first message says what the process may use and
read, each further one is a request:

    forecast  fit to ``train``, forecast from ``context``: ``values``, perhaps ``samples``
    tune      choose settings on ``train`` alone: ``config`` in the header
    analyse   fit to ``train``, run freely from ``context``, alone and as twins; see `_free_run`

It lives for many cells, because importing a deep-learning library takes seconds.
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
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.errors import ForecastFailure
from chaosbench.evaluation._plugins import load_plugin
from chaosbench.evaluation._sandbox import confine
from chaosbench.evaluation._wire import ProtocolError, read_message, write_message
from chaosbench.forecasters import Forecast
from chaosbench.forecasters import registry as forecasters
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["main"]

Arrays = dict[str, FloatArray]


def main(source: int, sink: int) -> None:
    """Serve requests until the pipe closes."""
    _die_with_the_harness()
    memory = _Memory()
    try:
        terms, _ = read_message(source)
        _limit_memory(terms["memory_mib"])
        confine(terms["reading"], terms["writing"])
        while True:
            job, arrays = read_message(source)
            header, found = _serve(job, arrays, memory)
            write_message(sink, header, **found)
    except ProtocolError:
        return


def _serve(job: dict[str, Any], arrays: Arrays, memory: _Memory) -> tuple[dict[str, Any], Arrays]:
    """Do what is asked once; whatever goes wrong is a status."""
    try:
        for path in job["plugins"]:
            load_plugin(Path(path))
        chosen = forecasters[job["forecaster"]]
        for library in getattr(chosen, "libraries", ()):  # imports are not part of the fit
            importlib.import_module(library)
        gaps = getattr(chosen, "handles_gaps", False)
        train = Trajectories(_seen(arrays["train"], gaps), job["dt"])
        context = _seen(arrays["context"], gaps) if "context" in arrays else None
    except Exception as error:
        return _failure("crashed", error), {}
    header: dict[str, Any] = {}
    memory.reset()
    cpu = time.process_time()
    try:
        duty = job.get("duty", "forecast")
        if context is None or duty == "tune":
            found = _tune(chosen, job, train, header)
        elif duty == "analyse":
            found = _analyse(chosen(**job["config"]), job, train, context, header)
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


def _forecast(
    forecaster: Any, job: dict[str, Any], train: Trajectories, context: FloatArray, header: Any
) -> Arrays:
    if job["learn"] == "train":
        values, samples = _fit_and_predict(forecaster, train, context, job, header)
    else:  # every context is a world of its own
        pieces = [
            _fit_and_predict(
                forecaster, Trajectories(window[np.newaxis], job["dt"]), window[np.newaxis],
                job, header,
            )
            for window in context
        ]  # fmt: skip
        values = np.concatenate([v for v, _ in pieces])
        drawn = [s for _, s in pieces if s is not None]
        samples = np.concatenate(drawn, axis=1) if len(drawn) == len(pieces) else None
    return {"values": values} if samples is None else {"values": values, "samples": samples}


def _tune(chosen: Any, job: dict[str, Any], train: Trajectories, header: Any) -> Arrays:
    """Choose settings on the training data; this process has no context of the exam yet."""
    from chaosbench.evaluation._tuning import tune

    start = time.perf_counter()
    header["config"], header["tried"] = tune(
        chosen, job["config"], train, count=job["tune"], context=job["context"],
        horizon=job["horizon"], seed=job["seed"], seconds=job["seconds"],
    )  # fmt: skip
    header["fit_seconds"] = time.perf_counter() - start
    return {}


def _analyse(
    forecaster: Any, job: dict[str, Any], train: Trajectories, context: FloatArray, header: Any
) -> Arrays:
    from chaosbench.evaluation._free_run import explore

    start = time.perf_counter()
    if job["learn"] != "train":
        train = Trajectories(context[:1], job["dt"])
    predictor = forecaster.fit(train, seed=job["seed"])
    middle = time.perf_counter()
    header["fit_seconds"] = middle - start

    def predict(seen: FloatArray, horizon: int) -> FloatArray:
        return _checked(predictor.predict(seen, horizon), seen, horizon)[0]

    spread = np.nanstd(train.values, axis=(0, 1))
    found = explore(predict, context[0], np.where(spread > 0, spread, 1.0), **job["analysis"])
    header["predict_seconds"] = time.perf_counter() - middle
    return found


def _fit_and_predict(
    forecaster: Any, train: Trajectories, context: FloatArray, job: dict[str, Any], header: Any
) -> tuple[FloatArray, FloatArray | None]:
    """Fit and predict once, adding the times to the header."""
    start = time.perf_counter()
    predictor = forecaster.fit(train, seed=job["seed"])
    middle = time.perf_counter()
    header["fit_seconds"] = header.get("fit_seconds", 0.0) + middle - start
    result = predictor.predict(context, job["horizon"])
    end = time.perf_counter()
    header["predict_seconds"] = header.get("predict_seconds", 0.0) + end - middle
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


class _Memory:
    """How far the resident size rose above what it was at `reset`, in MiB.

    The process lives for many cells: what an earlier one imported is no cost of this one. Linux
    forgets the peak when asked; elsewhere it stays that of the whole life.
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
        return _peak_mib() - self._before


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
