"""Integrators and tangent space in numba; they see kernels and arrays, never a System.

Numba keeps machine code from one process to the next, and looks only at the file a function stands
in: after a change of the step, the exponents would go on with the old one. So the files of this
package share a stamp, and when any of them changes all of them count as changed: older versions of
numba go by a file's time, newer ones by its content, for which what they kept has to go.
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
    for kept in stamp.parent.glob("*.nb[ic]"):
        kept.unlink(missing_ok=True)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(content)
    return True


# an installation that cannot be written to is not edited either
with contextlib.suppress(OSError):
    _renew_stale_machine_code(Path(__file__).parent)
