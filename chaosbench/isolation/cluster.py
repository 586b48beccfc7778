"""Forecasters' processes on the machines of a Dask cluster.

Only what a forecaster may see travels there, settings, training data and contexts, and its forecast
travels back. Datasets, truth, scores and Records stay with the harness. Each request is served by a
process of its own, with the same budget and confinement as on this machine. Plugins are found by
their path, which must exist on the other machines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chaosbench.errors import InputError
from chaosbench.isolation.outcome import Budget, Outcome
from chaosbench.isolation.process import WorkerProcess
from chaosbench.text import printable
from chaosbench.trajectories import FloatArray

__all__ = ["Cluster", "RemoteProcess", "connect"]

TIMEOUT = 10.0
_ADDRESS = re.compile(r"^(tcp|tls|ws|wss|ucx)://[^/]+:[0-9]+$")


@dataclass(frozen=True)
class Cluster:
    """Where forecasters' processes run.

    Attributes:
        executor: sends requests to the machines.
        slots: requests that it can serve at a time.

    """

    executor: Executor
    slots: int


@contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to the scheduler of a Dask cluster, such as ``tcp://host:8786``.

    Raises:
        InputError: Dask is not installed, nothing answers, or the cluster has no worker.

    """
    try:
        from dask import distributed
    except ImportError as error:
        raise InputError(
            "a cluster needs Dask; install it with: pip install 'chaosbench[cluster]'"
        ) from error
    advice = f"no Dask scheduler answers at {address!r}; give an address such as tcp://host:8786"
    if not _ADDRESS.match(address):  # Dask would take twenty seconds to say so
        raise InputError(advice)
    connector: Any = distributed.Client  # half of its methods lack types
    try:
        client = connector(address, timeout=TIMEOUT, set_as_default=False)
    except OSError as error:
        raise InputError(advice) from error
    with client:
        slots = sum(client.nthreads().values())
        if not slots:
            raise InputError(f"the Dask cluster at {address!r} has no workers")
        yield Cluster(client.get_executor(pure=False, retries=0), slots)


class RemoteProcess:
    """A forecaster's process on whichever machine of the cluster is free."""

    def __init__(self, executor: Executor, budget: Budget, *, require: str = "") -> None:
        self._executor = executor
        self._budget = budget
        self._require = require
        self._pending: Future[Outcome] | None = None

    def run(
        self,
        job: dict[str, Any],
        train: FloatArray,
        context: FloatArray | None = None,
        **more: FloatArray | None,
    ) -> Outcome:
        """Have one request served there; every ending is an `Outcome`."""
        try:
            self._pending = self._executor.submit(
                _serve, self._budget, self._require, job, train, context, **more
            )
            return self._pending.result()
        except InputError:  # the machine cannot keep the process apart as is required
            raise
        except CancelledError:
            return Outcome("crashed", "the run was stopped")
        except Exception as error:  # a machine that goes down raises many kinds of errors
            message = f"the cluster gave no answer: {type(error).__name__}: {error}"
            return Outcome("crashed", printable(message, 500))

    def retire(self) -> None:
        """Cancel the request that is being served."""
        if self._pending is not None:
            self._pending.cancel()

    def close(self) -> None:
        """Do nothing: every process on the other machine ends with its request."""


def _serve(
    budget: Budget,
    require: str,
    job: dict[str, Any],
    train: FloatArray,
    context: FloatArray | None,
    **more: FloatArray | None,
) -> Outcome:
    """Serve a request on a machine of the cluster, by a process of its own."""
    process = WorkerProcess(budget, require=require)
    return process.run(job, train, context, **more)
