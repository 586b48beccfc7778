"""Text that means more to a terminal, a page or a reader than it says."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from honest import Honest

ODD = "\x1b[2J\x1b]0;title\x07\u202eevil\u2028\r\n\x00\x9b31m\ud800\u200b"


class OddMessage(Honest):
    """Raises an error of control characters."""

    def fit(self, train, *, seed):
        raise ValueError(ODD)


class OddError(Honest):
    """Raises an error whose type has a name of control characters."""

    def fit(self, train, *, seed):
        raise type(f"Odd{ODD.encode('utf8', 'replace').decode()}".replace("\0", ""),
                   (Exception,), {})("x")  # fmt: skip


class OddFrame(Honest):
    """Fails in code whose file and function have names of control characters."""

    def fit(self, train, *, seed):
        odd = ODD.replace("\0", "").replace("\ud800", "")
        exec(compile("def f():\n    1 / 0\nf()", f"{odd}.py", "exec"), {})


class OddEquations(Honest):
    """Shows equations of control characters."""

    def equations(self):
        return [ODD.replace("\ud800", ""), "<script>alert(1)</script>"]


class OddHalves(Honest):
    """Shows equations of half characters."""

    def equations(self):
        return ["\ud800"]


class OddWords(Honest):
    """Says control characters and exits."""

    def fit(self, train, *, seed):
        sys.stderr.buffer.write(ODD.encode("utf8", "surrogatepass") + b"\xff\xfe")
        sys.stderr.flush()
        os._exit(3)


class OddTrace(Honest):
    """Writes a stack trace of its own for the reader of a crash."""

    def fit(self, train, *, seed):
        text = f'Fatal Python error: {ODD}\nCurrent thread 0x1:\n  File "{ODD}", line 1 in f\n'
        sys.stderr.buffer.write(text.encode("utf8", "replace"))
        sys.stderr.flush()
        os.abort()


@dataclass(frozen=True)
class OddSetting(Honest):
    """Has a setting that is text."""

    word: str = "plain"
