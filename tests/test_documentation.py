"""The README and the guide do what they say: their snippets and commands are run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONG = ("README.md", "docs/guide.md")
"""Pages with commands that take minutes."""

PAGES = (*LONG, "docs/analysis.md")
SLOW = ("run lite", "leaderboard", "plugin new", "--systems")
"""Commands that a slow test runs together, in order."""


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)


def commands(page):
    lines = "".join(blocks(page, "console")).splitlines()
    return [line[2:] for line in lines if line.startswith("$ ")]


def run(command, folder):
    words = shlex.split(command, comments=True)
    assert words[0] == "chaosbench", command
    return subprocess.run(
        [sys.executable, "-m", "chaosbench.cli", *words[1:]],
        capture_output=True, text=True, cwd=folder, timeout=900,
        env={**os.environ, "CHAOSBENCH_CACHE": str(folder / "cache")},
    )  # fmt: skip


def test_the_pages_have_something_to_run():
    assert all(blocks(page, "python") and commands(page) for page in PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_python_snippets_run(page, tmp_path):
    """All snippets of a page in one process, in order; the plugin example has its own test."""
    snippets = [b for b in blocks(page, "python") if not b.startswith("# my_method.py")]
    program = "\n".join(["import chaosbench as cb", *snippets])
    path = tmp_path / "page.py"
    path.write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", path], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "CHAOSBENCH_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_quick_commands_run(tmp_path):
    quick = [
        c for page in PAGES for c in commands(page)
        if c.startswith("chaosbench") and not any(word in c for word in SLOW)
    ]  # fmt: skip
    assert len(quick) >= 5
    for command in quick:
        done = run(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", LONG)
def test_slow_commands_run(page, tmp_path):
    for source in (block for page in PAGES for block in blocks(page, "python")):
        if named := re.match(r"# (\w+\.py)\n", source):
            (tmp_path / named[1]).write_text(source)
    assert (tmp_path / "my_method.py").is_file()
    assert (tmp_path / "my_systems.py").is_file()
    slow = [c for c in commands(page) if any(word in c for word in SLOW)]
    assert slow
    for command in slow:
        done = run(command, tmp_path)
        # 1 says that a cell failed, which is a result and not a fault of the page
        assert done.returncode in (0, 1), f"{command}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def test_make_targets_that_are_promised_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    promised = {c.split()[1] for page in PAGES for c in commands(page) if c.startswith("make ")}
    assert {"demo", "test"} <= promised
    for target in promised:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_lead_somewhere():
    for page in (*PAGES, "CONTRIBUTING.md", "docs/entries.md"):
        text = (ROOT / page).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if not target.startswith("http"):
                assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"
