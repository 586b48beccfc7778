"""Cached machine code must not outlive the source from which it was compiled."""

from __future__ import annotations

import hashlib
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


def test_a_change_drops_what_numba_kept_of_every_file(tmp_path, monkeypatch):
    # numba 0.68 compares contents: touching a file alone would leave the old code in use
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "elsewhere"))
    folder = tmp_path / "package"
    named = hashlib.sha1(str(folder).encode()).hexdigest()
    kept = [folder / "__pycache__" / "a.nbi", tmp_path / "elsewhere" / f"package_{named}" / "b.nbi"]
    for file in (folder / "a.py", *kept):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    assert _renew_stale_machine_code(folder)
    assert not any(file.exists() for file in kept)
    kept[0].write_text("")
    assert not _renew_stale_machine_code(folder)
    assert kept[0].exists()
