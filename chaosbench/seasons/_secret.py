"""The secret of a season, and everything that is derived from it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from chaosbench.errors import CorruptDataError, InputError
from chaosbench.files import bounded

__all__ = ["derived", "make_secret", "name_of", "read_secret", "seed_of"]

BYTES = 32


def make_secret(path: Path) -> bytes:
    """Write 32 random bytes, in hexadecimal, into a new file that only its owner can read.

    Raises:
        InputError: there is a file.

    """
    secret = secrets.token_bytes(BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path} exists already; a secret is used for one season only") from None
    with open(fd, "w") as file:  # noqa: PTH123 - a descriptor
        file.write(secret.hex() + "\n")
    return secret


def read_secret(path: Path) -> bytes:
    """Read a secret.

    Raises:
        InputError: others can read the file.
        CorruptDataError: it holds no secret.

    """
    data = bounded(path, 1000)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise InputError(f"others can read {path}; run chmod 600 on it and begin a new season")
    return parsed(data, path)


def parsed(data: bytes, path: Path) -> bytes:
    """Return the secret that a file's bytes write in hexadecimal."""
    try:
        secret = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != BYTES:
        raise CorruptDataError(f"{path} holds no secret, which is {2 * BYTES} hexadecimal digits")
    return secret


def derived(secret: bytes, season: str, *words: object) -> bytes:
    """Return 32 bytes that belong to a secret, a season and some words."""
    message = "\n".join(["chaosbench-season", season, *map(str, words)])
    return hmac.new(secret, message.encode(), hashlib.sha256).digest()


def seed_of(secret: bytes, season: str, *words: object) -> int:
    """Return a seed below 2^62."""
    return int.from_bytes(derived(secret, season, "seed", *words)[:8], "big") >> 2


def name_of(secret: bytes, season: str, *words: object) -> str:
    """Return the opaque name of a question."""
    return "q" + derived(secret, season, "name", *words).hex()[:12]
