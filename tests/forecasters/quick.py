"""What the tests that fit every registered forecaster know of single ones."""

from __future__ import annotations

from typing import Any

import chaosbench.forecasters as forecasters

# Settings of forecasters whose defaults take longer than a second; what they learn may be little.
SETTINGS: dict[str, dict[str, Any]] = {
    "alrnn": {"latent": 5, "steps": 20, "sequence": 20, "batch": 4, "evaluations": 1},
    "clipped_shplrnn": {"hidden": 8, "steps": 20, "sequence": 20, "batch": 4, "evaluations": 1},
    "dendplrnn": {"latent": 5, "bases": 3, "steps": 20, "sequence": 20, "batch": 4},
    "shplrnn": {"hidden": 8, "steps": 20, "sequence": 20, "batch": 4, "evaluations": 1},
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
