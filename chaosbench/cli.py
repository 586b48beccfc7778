"""The command line: its groups, its exit codes, and nothing else."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import warnings
from typing import Any

import typer

from chaosbench.commands import (
    analyse,
    data,
    entries,
    forecasters,
    leaderboard,
    plugin,
    run,
    season,
    systems,
    tasks,
)
from chaosbench.errors import ChaosbenchError, InputError
from chaosbench.text import printable

__all__ = ["app", "main"]

app = typer.Typer(
    help="Forecasting benchmark for chaotic dynamical systems: how far can a method see, at what "
    "cost, and can you trust the answer? Start with: chaosbench demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(systems.app, name="systems")
app.add_typer(data.app, name="data")
app.add_typer(tasks.app, name="tasks")
app.add_typer(forecasters.app, name="forecasters")
app.add_typer(plugin.app, name="plugin")
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(run.app, name="run")
app.add_typer(season.app, name="season")
app.command("demo")(run.demo)
app.command("analyse")(analyse.analyse_command)
app.command("submit")(entries.submit_command)
app.command("verify")(entries.verify_command)


@app.command("version")
def version() -> None:
    """Print the version."""
    from chaosbench import __version__

    print(__version__)  # noqa: T201


def _open_what_is_closed() -> None:
    """Let closed streams lead nowhere, or the next file that is opened would take their place."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115


class _Interrupted(BaseException):
    """A signal to end, under a name that typer does not turn into an exit of its own."""


ENDING = {"SIGINT": "interrupted", "SIGTERM": "told to end", "SIGHUP": "its terminal is gone"}
"""Signals that end a command with all that it has started, and what to say then."""


def _interrupt(number: int, _: Any) -> None:
    for name in ENDING:
        signal.signal(getattr(signal, name), lambda number, _: os._exit(128 + number))
    raise _Interrupted(number)


def main() -> None:
    """Run the command line; bad input ends with one sentence and exit code 2, a failure with 1."""
    warnings.showwarning = _show_warning
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # one of another encoding shows what it can
            stream.reconfigure(errors="replace")
    for name in ENDING:
        if signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:  # as under nohup
            signal.signal(getattr(signal, name), _interrupt)
    try:
        app()
    except InputError as error:
        _fail(str(error), 2)
    except ChaosbenchError as error:
        _fail(str(error), 1)
    except _Interrupted as ending:
        number = ending.args[0]
        why = ENDING[signal.Signals(number).name]
        _fail(
            f"{why}; finished work is on disk, and the same command goes on from there",
            128 + number,
        )
    except BrokenPipeError:  # the reader of the pipe has ended
        sys.stderr.close()
        sys.exit(0)
    except (MemoryError, OverflowError) as error:
        _fail(f"a number is too large for this machine: {error or 'out of memory'}", 2)
    except OSError as error:  # a path that cannot be written is bad input, a full disk a failure
        place = f"{error.filename}: " if error.filename else ""
        bad = isinstance(error, _BAD_PLACES) or error.errno in _BAD_NUMBERS
        _fail(f"{place}{error.strerror or error}", 2 if bad else 1)


_BAD_PLACES = (
    FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError,
)  # fmt: skip


_BAD_NUMBERS = (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EROFS)

LONGEST = 2000
"""Characters of an error or a warning that are shown."""


def _fail(message: str, code: int) -> None:
    print(f"error: {printable(message, LONGEST)}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {printable(str(message), LONGEST)}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
