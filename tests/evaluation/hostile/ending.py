"""Ways to end a run, or to hang it, rather than the one cell."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
from honest import Honest, Tries, answer, call, line

from chaosbench import Forecast
from chaosbench.errors import ForecastFailure


class EmptySamples(Honest):
    """Draws no sample at all."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        return Forecast(np.zeros((n, horizon, d)), np.zeros((0, n, horizon, d)))


class ManySamples(Honest):
    """Draws more samples than can be scored in a minute."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        samples = np.broadcast_to(np.zeros(1), (1001, n, horizon, d))
        return Forecast(np.zeros((n, horizon, d)), samples)


class RaisesHalfACharacter(Honest):
    """Raises an error with a lone surrogate and a NUL."""

    def fit(self, train, *, seed):
        raise ValueError("half \ud800 a \0 character")


class RaisesTheUnspeakable(Honest):
    """Raises an error that cannot be turned into text."""

    def fit(self, train, *, seed):
        class Unspeakable(Exception):
            def __str__(self):
                raise Unspeakable

        raise Unspeakable


class RaisesWithoutEnd(Honest):
    """Raises an error that has ten thousand causes, the last of which is itself."""

    def fit(self, train, *, seed):
        first = error = ValueError("the first")
        for _ in range(10_000):
            error.__cause__ = error = ValueError("a cause")
        error.__cause__ = first
        raise first


class RaisesExit(Honest):
    """Leaves Python by the door for programs that are done."""

    def fit(self, train, *, seed):
        sys.exit(0)


class RaisesAnInterrupt(Honest):
    """Pretends that the user pressed Ctrl-C."""

    def fit(self, train, *, seed):
        raise KeyboardInterrupt


class Succeeds(Honest):
    """Fails with the status of a success."""

    def fit(self, train, *, seed):
        raise type("Success", (ForecastFailure,), {"status": "ok"})("all is well")


class FailsWithALie(Honest):
    """Fails with a status that only the harness can give."""

    def fit(self, train, *, seed):
        raise type("Lie", (ForecastFailure,), {"status": "timeout"})("all is late")


class FailsWithAList(Honest):
    """Fails with a status that is no text."""

    def fit(self, train, *, seed):
        raise type("Odd", (ForecastFailure,), {"status": ["ok"]})("all is odd")


class Changing(Forecast):
    """Is right at the first look and another thing at the next."""

    looks = 0

    @property
    def values(self):
        Changing.looks += 1
        return np.zeros((3, 2, 1) if Changing.looks > 1 else type(self).shape)

    @values.setter
    def values(self, _):
        pass

    def __init__(self, shape):
        type(self).shape = shape
        object.__setattr__(self, "samples", None)


class ChangesItsMind(Honest):
    """Returns a Forecast whose values have another shape at the second look."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        return Changing((n, horizon, d))


class LiesAboutItsShape(Honest):
    """Returns an array that says it has another shape than it has."""

    def predict(self, context, horizon):
        n, _, d = context.shape

        class Liar(np.ndarray):
            shape = (n, horizon, d)

        forecast = super().predict(context, horizon)
        object.__setattr__(forecast, "values", np.zeros((1, 1, 1)).view(Liar))
        return forecast


class ShowsEquationsWithoutEnd(Honest):
    """Shows a list of equations that says it is short and is not."""

    def equations(self):
        class Lines(list):
            def __len__(self):
                return 1

        return Lines(["x0' = 0"] * 100_000)


@dataclass(frozen=True)
class Forges(Honest):
    """Writes an answer of its own in place of the worker's."""

    kind: str = ""

    def predict(self, context, horizon):
        n, _, d = context.shape
        right = {"values": [n, horizon, d]}
        deep = b"[" * 200_000
        before = b'{"status": "ok", "arrays": {}, "number": "' + line().number.encode() + b'", '
        one = {
            "infinity": {"text": before + b'"message": Infinity}'},
            "nan": {"text": before + b'"message": NaN}'},
            "deep": {"text": deep},
            "deep_settings": {"text": before + b'"config": ' + deep},
            "no_json": {"text": b"\xff\xfe"},
            "list": {"text": b"[]"},
            "null": {"text": b"null"},
            "digits": {"text": before + b'"tried": ' + b"9" * 100_000 + b"}"},
            "repeated": {"text": before + b'"number": 3}'},
            "no_values": {"header": {}},
            "huge_axis": {"header": {"arrays": {"values": [0, 10**30]}}},
            "negative": {"header": {"arrays": {"values": [-1, 2, 3]}}},
            "boolean": {"header": {"arrays": {"values": [True, True, True]}}},
            "too_many": {"header": {"arrays": {"values": [n, horizon, d, 10**6]}}},
            "axes": {"header": {"arrays": {"values": [1] * 40}}},
            "named": {"header": {"arrays": {"\0" * 300: [1]}}, "numbers": 1},
            "more": {"header": {"arrays": right | {"truth": [1]}}, "numbers": n * horizon * d + 1},
            "other_shape": {"header": {"arrays": {"values": [n, d, horizon]}},
                            "numbers": n * horizon * d},
            "status_list": {"header": {"status": ["ok"], "arrays": right},
                            "numbers": n * horizon * d},
            "status_number": {"header": {"status": 1, "arrays": right},
                              "numbers": n * horizon * d},
            "message_number": {"header": {"message": 3, "arrays": right},
                               "numbers": n * horizon * d},
            "equations": {"header": {"equations": {"a": 1}, "arrays": right},
                          "numbers": n * horizon * d},
            "ready": {"header": {"status": "ready"}},
            "unfinite": {"header": {"status": "diverged", "arrays": right},
                         "numbers": n * horizon * d},
        }[self.kind]  # fmt: skip
        answer(one.get("header", {}), one.get("numbers", 0), one.get("text"))
        time.sleep(60)
        return super().predict(context, horizon)


class AnnouncesATerabyte(Honest):
    """Announces a header of a terabyte."""

    def predict(self, context, horizon):
        os.write(line().sink, (2**40).to_bytes(8, "little"))
        time.sleep(5)


class MarksWithoutEnd(Honest):
    """Says more than ten thousand times that it fits."""

    def fit(self, train, *, seed):
        text = json.dumps({"status": "mark", "number": line().number, "arrays": {}}).encode()
        data = 10_100 * (len(text).to_bytes(8, "little") + text)
        while data:
            data = data[os.write(line().sink, data) :]
        return self


class AnswersHalf(Honest):
    """Sends half of its answer and waits."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        answer({"arrays": {"values": [n, horizon, d]}}, n * horizon * d // 2)
        time.sleep(60)


class DiesAfterItsAnswer(Honest):
    """Is gone the moment its answer is complete."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        answer({"arrays": {"values": [n, horizon, d]}}, n * horizon * d)
        os.kill(os.getpid(), signal.SIGKILL)


class ExitsAfterItsAnswer(Honest):
    """Ends with an error the moment its answer is complete."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        answer({"arrays": {"values": [n, horizon, d]}}, n * horizon * d)
        os._exit(9)


class StopsItself(Honest):
    """Stops all its threads, so that no signal handler runs any more."""

    def fit(self, train, *, seed):
        os.kill(os.getpid(), signal.SIGSTOP)


class StopsReading(Honest):
    """Hands in a forecast and never looks at what comes for it; ignores every signal."""

    def fit(self, train, *, seed):
        for number in range(1, 64):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                continue
        line().sink = os.open("/dev/null", os.O_WRONLY)
        return self


class ClosesItsPipes(Honest):
    """Closes every descriptor that it has and lives on."""

    def fit(self, train, *, seed):
        os.closerange(0, 1024)
        time.sleep(5)


class KillsItself(Honest):
    """Dies of the signal by which the kernel ends what takes too much memory."""

    def fit(self, train, *, seed):
        os.kill(os.getpid(), signal.SIGKILL)


class BecomesAnother(Honest):
    """Replaces its program by another."""

    def fit(self, train, *, seed):
        os.execv("/bin/true", ["true"])


class EndsWithItsThread(Honest):
    """Ends the main thread and leaves another at work."""

    def fit(self, train, *, seed):
        threading.Thread(target=time.sleep, args=(60,)).start()
        ctypes.CDLL(None).syscall(60, 0)  # exit of one thread


class KillsItsKeepers(Tries):
    """Sends signals to its ancestors, its process group and whoever it may."""

    def ways(self):
        def kill(pid, number):
            os.kill(pid, number)
            return pid != 1  # the first process of a namespace does not get it

        everyone = signal.SIGKILL if os.getppid() == 1 else 0  # where nobody else is within reach
        return {
            "parent": lambda: kill(os.getppid(), signal.SIGKILL),
            "parent stopped": lambda: kill(os.getppid(), signal.SIGSTOP),
            "harness": lambda: kill(self.harness, 0),
            "everyone": lambda: call("kill", -1, everyone) and True,
        }


class Segfaults(Honest):
    """Reads memory that is not there, in a thread."""

    def fit(self, train, *, seed):
        thread = threading.Thread(target=ctypes.string_at, args=(0,))
        thread.start()
        thread.join()


class DumpsItsCore(Honest):
    """Asks for core dumps and aborts."""

    def fit(self, train, *, seed):
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (2**30, 2**30))
        os.abort()


class RecursesForEver(Honest):
    """Recurses until Python gives up."""

    def fit(self, train, *, seed):
        return self.fit(train, seed=seed)


class Overflows(Honest):
    """Forecasts the largest numbers there are."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        values = np.full((n, horizon, d), 1.7e308)
        values[:, ::2] *= -1
        return Forecast(values)
