"""Command lines in forks of a process that has nothing but chaosbench in it.

Python and the libraries are imported once, and each command begins at once in a state that no other
has touched. The tests' own process cannot be forked: JAX has threads there.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import traceback

LIBRARIES = (
    "chaosbench.evaluation", "chaosbench.dynamics", "chaosbench.leaderboard", "chaosbench.plotting",
    "chaosbench.numerics", "chaosbench.series", "chaosbench.tasks", "matplotlib.pyplot", "numba",
    "pandas", "pyarrow.parquet", "rich.table", "scipy.integrate", "scipy.stats",
)  # fmt: skip

SECONDS = 120
"""For one command; a hang is a fault."""


class CommandLine:
    """Runs command lines in the folder where it was begun."""

    def __init__(self):
        self.server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, arguments):
        """Return the exit code of a command line, and what it printed."""
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.write(json.dumps(arguments) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def end(self):
        self.server.communicate()


def serve():
    from chaosbench import cli, forecasters, systems, tasks

    for library in LIBRARIES:
        importlib.import_module(library)
    for registry in systems.registry, tasks.registry, forecasters.registry:
        assert [registry[name] for name in registry]
    # What a command reads or prints past Python is neither a question nor an answer.
    asked, told = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    with open(os.devnull, "r+b") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
    for line in asked:
        told.write(json.dumps(called(cli, json.loads(line))) + "\n")
        told.flush()


def called(cli, arguments):
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        out, err, code = io.StringIO(), io.StringIO(), 99
        try:
            sys.argv = ["chaosbench", *arguments]
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    cli.main()
                    code = 0
                except SystemExit as ending:
                    code = ending.code or 0
        except BaseException:
            err.write(traceback.format_exc())
        finally:
            text = json.dumps([code, out.getvalue()[-5000:], err.getvalue()[-5000:]])
            os.write(sink, text.encode())
            os._exit(0)
    os.close(sink)
    end = time.monotonic() + SECONDS
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            break
        time.sleep(0.005)
    with os.fdopen(source, "rb") as answer:
        text = answer.read()
    return json.loads(text) if text else ["hang", "", ""]


if __name__ == "__main__":
    serve()
