"""A working example of a forecaster as an installable package."""

from __future__ import annotations

import re
from pathlib import Path

from chaosbench.errors import InputError, RecipeMismatchError

__all__ = ["write_plugin"]

_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "chaosbench-{dashed}"
version = "0.1.0"
description = "A forecaster for chaosbench"
requires-python = ">=3.11"
dependencies = ["chaosbench"]

[project.entry-points."chaosbench.forecasters"]
{name} = "{module}:{class_name}"

[tool.hatch.build.targets.wheel]
only-include = ["{module}.py"]
"""

_MODULE = '''\
"""A forecaster for chaosbench: change `fit` and `predict`, keep the shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaosbench import Forecast, Trajectories


@dataclass(frozen=True)
class {class_name}:
    """A quadratic one-step map, fitted by ridge regression.

    Every field is a setting: `chaosbench run lite -f {name}:ridge=1e-4 --out runs/try`.
    """

    ridge: float = 1e-6

    def fit(self, train: Trajectories, *, seed: int) -> {class_name}Predictor:
        """Learn from `train.values`, shape (n, T, d), sampled every `train.dt`."""
        center, scale = train.values.mean(axis=(0, 1)), train.values.std(axis=(0, 1))
        scale = np.where(scale > 0, scale, 1.0)
        states = (train.values - center) / scale
        features = quadratic(states[:, :-1]).reshape(-1, quadratic(states[0, 0]).size)
        change = (states[:, 1:] - states[:, :-1]).reshape(len(features), -1)
        gram = features.T @ features + self.ridge * len(features) * np.eye(features.shape[1])
        return {class_name}Predictor(center, scale, np.linalg.solve(gram, features.T @ change))


@dataclass(frozen=True)
class {class_name}Predictor:
    """What `fit` learned."""

    center: np.ndarray
    scale: np.ndarray
    weights: np.ndarray

    def predict(self, context: np.ndarray, horizon: int) -> Forecast:
        """Continue each context, shape (n, C, d), by `horizon` steps: (n, horizon, d)."""
        state = (context[:, -1] - self.center) / self.scale
        steps = []
        for _ in range(horizon):
            # beyond ten standard deviations the map has left what it was fitted on
            state = np.clip(state + quadratic(state) @ self.weights, -10.0, 10.0)
            steps.append(state)
        return Forecast(np.stack(steps, axis=1) * self.scale + self.center)


def quadratic(states: np.ndarray) -> np.ndarray:
    """Return 1, every variable and every product of two, along the last axis."""
    upper = np.triu_indices(states.shape[-1])
    products = (states[..., :, None] * states[..., None, :])[..., *upper]
    return np.concatenate([np.ones((*states.shape[:-1], 1)), states, products], axis=-1)
'''

_TEST = '''\
"""The suite that chaosbench runs on its own forecasters."""

import pytest
from chaosbench.testing import forecaster_checks
from {module} import {class_name}


@pytest.mark.parametrize("check", forecaster_checks(), ids=lambda check: check.__name__)
def test_conformance(check):
    check({class_name}())
'''

_README = """\
# chaosbench-{dashed}

A forecaster for chaosbench.

    pip install -e .
    pytest
    chaosbench forecasters list
    chaosbench run lite -f {name} --out runs/{name}
"""


def write_plugin(name: str, out: Path | None = None) -> Path:
    """Write a package with one forecaster and its test; return its folder.

    Raises:
        InputError: the name cannot be that of a Python module, or a forecaster has it already.
        RecipeMismatchError: the folder exists and is not empty.

    """
    from chaosbench.forecasters import registry as forecasters

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        raise InputError(
            "the name of a forecaster has at most 64 lower case letters, digits and underscores, "
            f"not {name[:80]!r}"
        )
    if name in forecasters:
        raise InputError(
            f"there is a forecaster {name!r} already ({forecasters.origin(name)}); choose another "
            "name"
        )
    folder = out or Path(f"chaosbench-{name.replace('_', '-')}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecipeMismatchError(f"{folder} exists already; nothing was changed")
    words = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "module": f"chaosbench_{name}",
        "class_name": "".join(part.capitalize() for part in name.split("_")),
    }
    files = {
        "pyproject.toml": _PYPROJECT.format(**words),
        f"{words['module']}.py": _MODULE.format(**words),
        f"tests/test_{name}.py": _TEST.format(**words),
        "README.md": _README.format(**words),
    }
    for relative, text in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
