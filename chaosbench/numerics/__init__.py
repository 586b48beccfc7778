"""Integrators and tangent space in numba; they see kernels and arrays, never a System.

Numba keeps machine code from one process to the next, and looks only at the file a function stands
in: after a change of the step, the exponents would go on with the old one. So the files of this
package share a stamp, and when any of them changes what numba kept of all of them is dropped.
(Older versions of numba look at a file's time, newer ones at its content, which a touch leaves.)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

__all__: list[str] = []


def _renew_stale_machine_code(folder: Path) -> bool:
    """Drop the machine code of a package whose content changed since the last time; say if so."""
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
    """List numba's indices of machine code, beside the source or where the user keeps them."""
    found = list((folder / "__pycache__").glob("*.nbi"))
    if elsewhere := os.environ.get("NUMBA_CACHE_DIR"):
        name = hashlib.sha1(str(folder.absolute()).encode()).hexdigest()  # as numba names it
        found += Path(elsewhere).glob(f"{folder.name}_{name}/*.nbi")
    return found


# an installation that cannot be written to is not edited either
with contextlib.suppress(OSError):
    _renew_stale_machine_code(Path(__file__).parent)
