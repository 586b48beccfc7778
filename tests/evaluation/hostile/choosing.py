"""Tricks while settings are chosen, in the process that must not be the one that answers."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from honest import Honest, answer
from unearned import Remembers

SPACE = MappingProxyType({"k": (1, 2)})


class Choosing(Honest):
    search_space: ClassVar = SPACE


@dataclass(frozen=True)
class RemembersItsChoice(Remembers):
    """Leaves what it saw while it chose, and looks for it when it answers."""

    search_space: ClassVar = SPACE
    k: int = 0


@dataclass(frozen=True)
class KillsItsChoice(Choosing):
    k: int = 0

    def fit(self, train, *, seed):
        if self.k:
            os.kill(os.getpid(), signal.SIGKILL)
        return self


@dataclass(frozen=True)
class HangsInItsChoice(Choosing):
    k: int = 0

    def fit(self, train, *, seed):
        time.sleep(60 if self.k else 0)
        return self


@dataclass(frozen=True)
class HoardsInItsChoice(Choosing):
    k: int = 0

    def fit(self, train, *, seed):
        if self.k:
            held = bytearray(2**29)
            held[::4096] = bytes(len(held[::4096]))
        return self


@dataclass(frozen=True)
class ForgesItsChoice(Choosing):
    """Answers for the search with what no search finds."""

    k: int = 0
    kind: str = ""

    def fit(self, train, *, seed):
        if self.k:
            mine = {"k": 1, "kind": self.kind}
            config = {
                "another setting": mine | {"power": 9},
                "no setting": {},
                "a list": [1],
                "a number": mine | {"k": 10**40},
                "a count": mine,
            }[self.kind]
            answer({"config": config, "tried": 99 if self.kind == "a count" else 3})
            time.sleep(60)
        return self
