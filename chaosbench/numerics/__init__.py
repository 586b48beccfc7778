"""Integrators and tangent-space methods in numba; they see kernels and arrays, never a System.

Numba caches machine code between processes, but it checks only the file that defines a function.
After a change to an integrator's step, cached code from other files would still use the old step.
Therefore the files of this package share one stamp: when any file changes, the cached machine code
of all files is dropped. (Older versions of numba check a file's modification time, so the files are
touched. Newer versions check its content, so the cache's index files are deleted as well.)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

__all__: list[str] = []


def _renew_stale_machine_code(folder: Path) -> bool:
    """Drop a package's cached machine code if its content has changed; return whether it had."""
    files = sorted(folder.glob("*.py"))
    content = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    stamp = folder / "__pycache__" / "numerics.stamp"
    if stamp.is_file() and stamp.read_text() == content:
        return False
    for file in files:
        os.utime(file)
    for index in _indices(folder):
        index.unlink(missing_ok=True)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(content)
    return True


def _indices(folder: Path) -> list[Path]:
    """List numba's cache index files, beside the source and in the user's cache directory."""
    found = list((folder / "__pycache__").glob("*.nbi"))
    if elsewhere := os.environ.get("NUMBA_CACHE_DIR"):
        name = hashlib.sha1(str(folder.absolute()).encode()).hexdigest()  # as numba names it
        found += Path(elsewhere).glob(f"{folder.name}_{name}/*.nbi")
    return found


# a read-only installation raises OSError here; its files do not change, so its cache stays valid
with contextlib.suppress(OSError):
    _renew_stale_machine_code(Path(__file__).parent)
