"""Machine code that numba kept must not outlive the source it was made from."""

from __future__ import annotations

import os

from chaosbench.numerics import _renew_stale_machine_code


def test_a_change_in_one_file_makes_all_of_them_new(tmp_path):
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(f"# {name}")
        os.utime(tmp_path / name, (1, 1))
    assert _renew_stale_machine_code(tmp_path)
    assert all((tmp_path / name).stat().st_mtime > 1 for name in ("a.py", "b.py"))
    for name in ("a.py", "b.py"):
        os.utime(tmp_path / name, (1, 1))
    assert not _renew_stale_machine_code(tmp_path)
    assert (tmp_path / "b.py").stat().st_mtime == 1
    (tmp_path / "a.py").write_text("# changed")
    assert _renew_stale_machine_code(tmp_path)
    assert (tmp_path / "b.py").stat().st_mtime > 1
