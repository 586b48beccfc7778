"""Forecasters that misbehave, each in its own way: a plugin file for the fault tests."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from dataclasses import dataclass

import numpy as np

from chaosbench import Forecast
from chaosbench.errors import DivergedError


@dataclass(frozen=True)
class Good:
    level: float = 0.0

    def fit(self, train, *, seed):
        return self

    def predict(self, context, horizon):
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), self.level))


@dataclass(frozen=True)
class Hangs(Good):
    def fit(self, train, *, seed):
        while True:
            pass


@dataclass(frozen=True)
class SleepsInNativeCode(Good):
    def fit(self, train, *, seed):
        ctypes.CDLL(None).sleep(3600)


@dataclass(frozen=True)
class Segfaults(Good):
    def fit(self, train, *, seed):
        ctypes.string_at(0)


@dataclass(frozen=True)
class Exits(Good):
    def fit(self, train, *, seed):
        sys.stderr.write("the licence has expired\n")
        sys.stderr.flush()
        os._exit(3)


@dataclass(frozen=True)
class Allocates(Good):
    def fit(self, train, *, seed):
        self.hoard = np.ones(100 * 2**27)  # 100 GiB
        return self


@dataclass(frozen=True)
class Grows(Good):
    """Grows in a child process, which no limit of its own process would notice."""

    def fit(self, train, *, seed):
        if os.fork() == 0:
            hoard = []
            while True:
                hoard.append(np.ones(2**20))
                time.sleep(0.001)
        time.sleep(3600)


@dataclass(frozen=True)
class Raises(Good):
    def fit(self, train, *, seed):
        raise ZeroDivisionError("as it happens")


@dataclass(frozen=True)
class Diverges(Good):
    def fit(self, train, *, seed):
        raise DivergedError("the loss became infinite")


@dataclass(frozen=True)
class BlowsUp(Good):
    def predict(self, context, horizon):
        values = np.repeat(context[:, -1:], horizon, axis=1)
        values[:, horizon // 2 :] = np.nan
        return Forecast(values)


@dataclass(frozen=True)
class WrongShape(Good):
    def predict(self, context, horizon):
        return Forecast(np.zeros((1, horizon + 1, context.shape[2])))


@dataclass(frozen=True)
class ComplexNumbers(Good):
    def predict(self, context, horizon):
        return Forecast(np.zeros((len(context), horizon, context.shape[2]), dtype=complex))


@dataclass(frozen=True)
class Objects(Good):
    def predict(self, context, horizon):
        return Forecast(np.full((len(context), horizon, context.shape[2]), None))


@dataclass(frozen=True)
class NoForecast(Good):
    def predict(self, context, horizon):
        return context


@dataclass(frozen=True)
class Chatters(Good):
    def fit(self, train, *, seed):
        line = "x" * 2**20
        for _ in range(256):
            sys.stdout.write(line)
            sys.stderr.write(line)
        return self


@dataclass(frozen=True)
class WritesOnThePipe(Good):
    """Sends bytes of its own over every descriptor it can find."""

    def fit(self, train, *, seed):
        for fd in range(3, 64):
            try:
                os.write(fd, b"\xff" * 4096)
            except OSError:
                continue
        return self


@dataclass(frozen=True)
class LooksAround(Good):
    """Reports what it could see: whether a path of the run is open or in its environment."""

    def predict(self, context, horizon):
        seen = " ".join(os.environ.values()) + " ".join(sys.argv) + os.getcwd()
        for fd in os.listdir("/proc/self/fd"):
            try:
                seen += os.readlink(f"/proc/self/fd/{fd}")
            except OSError:
                continue
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), float(".parquet" in seen or "secret-run" in seen)))


@dataclass(frozen=True)
class Ensemble(Good):
    """A Gaussian cloud around the last value, growing with the square root of time."""

    members: int = 50
    spread: float = 0.1

    def predict(self, context, horizon):
        generator = np.random.default_rng(0)
        shape = (self.members, len(context), horizon, context.shape[2])
        noise = self.spread * generator.standard_normal(shape).cumsum(axis=2)
        samples = context[None, :, -1:] + noise
        return Forecast(samples.mean(axis=0), samples)


@dataclass(frozen=True)
class Counts(Good):
    """Forecasts how often this process has been asked: shows that it outlives a cell."""

    def predict(self, context, horizon):
        Counts.asked = getattr(Counts, "asked", 0) + 1
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), float(Counts.asked)))
