"""What the tests that fit every registered forecaster know of single ones."""

from __future__ import annotations

from typing import Any

import chaosbench.forecasters as forecasters

# Settings of forecasters whose defaults take longer than a second; what they learn may be little.
SETTINGS: dict[str, dict[str, Any]] = {
    "attention_local_linear": {"neighbours": 24, "beta": 4.0, "ridge": 1e-4},
    "gaussian_process": {"inducing": 60, "subset": 60, "samples": 3, "cosines": 50},
    "hopfield": {"beta": 100.0},
    "smap": {"theta": 8.0},
    "student_t": {"max_features": 150, "samples": 3},
}  # fmt: skip

# Of these another origin of the data makes another fit, for the reason given.
DEPEND_ON_ORIGIN = {
    "random_forest",  # a shift moves the last bits, and near ties are decided otherwise
    "sindy",  # looks for a sparse polynomial in the variables as they are
}

# These take nothing from the context.
IGNORE_CONTEXT = {
    "climatology",
}


def quick(name: str) -> Any:
    """Return the forecaster as small as it gets."""
    return forecasters.registry[name](**SETTINGS.get(name, {}))
