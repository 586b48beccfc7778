"""The command line without a process of its own: it begins at once, where Python takes seconds."""

from __future__ import annotations

import io
import os
import signal
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from chaosbench.cli import ENDING, main


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def chaosbench(*args: object, cwd: Path | None = None, **environment: str) -> Ended:
    """Run a command in this process, as its users run it, and return what it printed."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "oe"]
    handlers = {name: signal.getsignal(getattr(signal, name)) for name in ENDING}
    here, told, code = Path.cwd(), warnings.showwarning, 0
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "100", **environment}),
        mock.patch.object(sys, "argv", ["chaosbench", *map(str, args)]),
        mock.patch.object(sys, "stdout", streams[0]),
        mock.patch.object(sys, "stderr", streams[1]),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("default")
        os.chdir(cwd or here)
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            os.chdir(here)
            warnings.showwarning = told
            for name, handler in handlers.items():
                signal.signal(getattr(signal, name), handler)
    out, err = (stream.buffer.getvalue().decode() for stream in streams)
    return Ended(code, out, err)
