"""The page on datasets does what it says: its snippets and commands are run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_the_snippets_run(tmp_path):
    (tmp_path / "page.py").write_text("\n".join(blocks("python")))
    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_commands_run(tmp_path):
    (recipe,) = blocks("toml")
    (tmp_path / "recipe.toml").write_text(recipe)
    commands = [line[2:] for line in "".join(blocks("console")).splitlines() if line[:2] == "$ "]
    assert len(commands) == 8
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "chaosbench"
        done = subprocess.run(
            [sys.executable, "-m", "chaosbench.cli", *words],
            capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)


def test_it_names_every_corruption():
    from chaosbench.datasets.corruptions._chain import KINDS

    for kind, found in KINDS.items():
        assert f"`{kind}`" in PAGE
        assert f"`{found.__name__}(" in PAGE
