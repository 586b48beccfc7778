"""Where a number comes from: versions, machine and canonical hashes."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["canonical_json", "digest", "environment", "versions"]

_LIBRARIES = ("chaosbench", "numpy", "scipy", "numba", "llvmlite", "pyarrow")


@cache
def versions(*extra: str) -> dict[str, str]:
    """Return the installed versions of the libraries that numbers depend on."""
    found = {}
    for name in (*_LIBRARIES, *extra):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def environment() -> dict[str, str]:
    """Return the interpreter and the platform."""
    return {"python": platform.python_version(), "platform": platform.platform()}


def canonical_json(value: Any) -> str:
    """Write `value` as canonical JSON: sorted keys, no spaces, shortest floats.

    Raises:
        ValueError: `value` holds a NaN or an infinity, which JSON cannot represent.

    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any, length: int = 16) -> str:
    """Return `length` hexadecimal digits of the SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]
