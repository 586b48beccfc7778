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


def test_a_change_drops_the_machine_code_that_numba_kept(tmp_path):
    (tmp_path / "a.py").write_text("# a")
    kept = tmp_path / "__pycache__" / "a.step-1.py311.nbi"
    kept.parent.mkdir()
    kept.write_text("")
    _renew_stale_machine_code(tmp_path)
    assert not kept.exists()
    kept.write_text("")
    _renew_stale_machine_code(tmp_path)
    assert kept.exists()
