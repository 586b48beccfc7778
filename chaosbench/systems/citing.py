"""The sources of systems as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources

from chaosbench.systems._registry import get
from chaosbench.systems._system import System

__all__ = ["bibtex", "entries"]

_ENTRY = re.compile(r"^@\w+\{([^,\s]+),\n.*?^\}\n", re.MULTILINE | re.DOTALL)


def bibtex(systems: Iterable[str | System]) -> str:
    """Return the sources of systems as BibTeX, each once, sorted by key.

    Raises:
        UnknownNameError: no system has that name.

    """
    return entries({get(system).reference for system in systems})


def entries(keys: Iterable[str], package: str = "chaosbench.systems") -> str:
    """Return entries of a package's ``references.bib``; keys that it lacks are left out."""
    text = resources.files(package).joinpath("references.bib").read_text("utf-8")
    known = {match[1]: match[0] for match in _ENTRY.finditer(text)}
    return "\n".join(known[key] for key in sorted(set(keys)) if key in known)
