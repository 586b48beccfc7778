"""Cached machine code: never older than its source, never written into the installed package."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import chaosbench
from chaosbench import jit

INNER = "from chaosbench.jit import jit\n\n@jit()\ndef step(x):\n    return x + {}\n"
OUTER = "from chaosbench.jit import jit\n\n@jit()\ndef twice(x):\n    return step(step(x))\n"


@pytest.fixture
def code_cache(tmp_path, monkeypatch):
    """Return an empty folder that holds all machine code of the test."""
    jit._folder.cache_clear()
    monkeypatch.setenv("CHAOSBENCH_CODE_CACHE", str(tmp_path / "code"))
    yield tmp_path / "code"
    jit._folder.cache_clear()


def load(file, **names):
    """Import a file as a new process would, with other modules' functions under their names."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module).update(names)
    return module


@pytest.fixture
def package(tmp_path):
    """Return a function that writes a package of two files and returns its compiled function."""
    folder = tmp_path / "package"
    folder.mkdir()

    def make(added):
        jit._folder.cache_clear()
        (folder / "inner.py").write_text(INNER.format(added))
        (folder / "outer.py").write_text(OUTER)
        return load(folder / "outer.py", step=load(folder / "inner.py").step).twice

    make.folder = folder
    return make


def hits(function):
    return sum(function.stats.cache_hits.values())


def test_a_second_process_finds_the_code(package, code_cache):
    first, second = package(1), package(1)
    assert first(1.0) == 3
    assert second(1.0) == 3
    assert hits(first) == 0
    assert hits(second) == 1


def test_a_change_in_another_file_of_the_package_is_a_change(package, code_cache):
    """Even if the file has the same size and time as before: numba checks the caller's only."""
    assert package(1)(1.0) == 3
    times = {file: file.stat().st_mtime_ns for file in package.folder.glob("*.py")}
    changed = package(5)
    for file, when in times.items():
        os.utime(file, ns=(when, when))
    assert changed(1.0) == 11
    assert hits(changed) == 0
    back = package(1)
    assert back(1.0) == 3
    assert hits(back) == 1


def test_code_is_not_kept_if_a_file_changed_since_it_was_imported(package, code_cache):
    old = package(1)
    (package.folder / "inner.py").write_text(INNER.format(7))
    assert old(1.0) == 3
    assert not list(code_cache.rglob("*.nbc"))


def test_a_damaged_file_is_compiled_again(package, code_cache):
    package(1)(1.0)
    kept = list(code_cache.rglob("*.nb?"))
    assert {file.suffix for file in kept} == {".nbi", ".nbc"}
    for suffix in (".nbc", ".nbi"):
        for file in code_cache.rglob(f"*{suffix}"):
            file.write_bytes(file.read_bytes()[:10])
        assert package(1)(1.0) == 3


def test_what_cannot_be_written_is_compiled_every_time(package, code_cache, monkeypatch):
    function = package(1)
    shutil.rmtree(code_cache)
    code_cache.write_text("a file in the way")
    assert function(1.0) == 3
    assert package(1)(1.0) == 3


def test_two_that_save_at_once_never_swap_their_code(tmp_path):
    """The first reads the index before the second saves: at worst one entry is lost."""
    first, second = (jit._Files(str(tmp_path), "f", "stamp") for _ in range(2))
    seen = first._load_index()
    second.save("second", "code of the second")
    first._load_index = lambda: seen
    first.save("first", "code of the first")
    reader = jit._Files(str(tmp_path), "f", "stamp")
    assert reader.load("first") == "code of the first"
    assert reader.load("second") in (None, "code of the second")
    second.save("second", "code of the second")
    assert reader.load("first") == "code of the first"
    assert reader.load("second") == "code of the second"


def test_the_folder_is_chosen_by_the_environment(tmp_path, monkeypatch):
    for name in ("CHAOSBENCH_CODE_CACHE", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(jit.sys, "platform", "linux")
    assert jit._bases()[0] == tmp_path / ".cache" / "chaosbench" / "machine-code"
    monkeypatch.setattr(jit.sys, "platform", "darwin")
    assert jit._bases()[0] == tmp_path / "Library" / "Caches" / "chaosbench" / "machine-code"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert jit._bases()[0] == Path("/xdg/chaosbench/machine-code")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/numba")
    assert jit._bases() == [Path("/numba")]
    monkeypatch.setenv("CHAOSBENCH_CODE_CACHE", "/ours")
    assert jit._bases() == [Path("/ours")]


def test_the_private_folder_is_refused_if_others_may_write_there(tmp_path, monkeypatch):
    monkeypatch.setattr(jit.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = jit._private()
    assert folder is not None
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o770)
    assert jit._private() is None
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    assert jit._private() is None


def test_code_of_old_versions_is_deleted_when_it_was_not_used_for_long(package, code_cache):
    package(1)(1.0)
    (old,) = code_cache.iterdir()
    package(2)(1.0)
    assert old.is_dir()
    long_ago = time.time() - (jit.UNUSED_DAYS + 1) * 86400
    os.utime(old, (long_ago, long_ago))
    package(3)(1.0)
    assert not old.exists()
    assert len(list(code_cache.iterdir())) == 2


CHEAP = """
import numpy as np
from chaosbench.numerics import collocation, dop853, events, lanes, stochastic, taylor
from chaosbench.metrics._compiled import concordance as used
x = np.arange(5, dtype=np.int32)[None]
print(used(x, x)[0, 0])
"""
WHOLE = """
from chaosbench.numerics.maps import iterate as used
print(chaosbench.simulate('henon', points=5).values.shape)
"""


@pytest.mark.parametrize("use", [CHEAP, pytest.param(WHOLE, marks=pytest.mark.slow)])
def test_a_read_only_package_without_a_home_works_and_stays_as_it_is(use, tmp_path):
    """The code goes to the user's own folder for temporary files and is found there again."""
    shutil.copytree(
        Path(chaosbench.__file__).parent, tmp_path / "site" / "chaosbench",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    (tmp_path / "tmp").mkdir()
    everything = list((tmp_path / "site").rglob("*"))
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    program = (
        f"import chaosbench\n{use}\nprint(chaosbench.__file__, sum(used.stats.cache_hits.values()))"
    )
    left_out = ("CHAOSBENCH_CODE_CACHE", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path,
            env=environment | {
                "HOME": "/dev/null", "TMPDIR": str(tmp_path / "tmp"),
                "PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1",
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert str(tmp_path / "site") in done.stdout
        said.append(int(done.stdout.split()[-1]))
    assert said == [0, 1]
    assert sorted((tmp_path / "site").rglob("*")) == sorted(everything)
    for path in everything:
        path.chmod(0o755)
