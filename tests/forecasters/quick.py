"""What the tests that fit every registered forecaster know of single ones."""

from __future__ import annotations

from typing import Any

import chaosbench.forecasters as forecasters

# One epoch of two batches is enough to have learnt from the data.
EPOCH = {"epochs": 1, "steps": 2, "batch": 8, "input_length": 8}

# Settings of forecasters whose defaults take longer than a second; what they learn may be little.
SETTINGS: dict[str, dict[str, Any]] = {
    "lightgbm": {"trees": 5, "lags": 4},
    "exponential_smoothing": {"damped": False},
    "nbeats": {**EPOCH, "stacks": 1, "layers": 1, "width": 8},
    "nhits": {**EPOCH, "stacks": 1, "layers": 1, "width": 8},
    "tide": {**EPOCH, "width": 8},
    "tsmixer": {**EPOCH, "blocks": 1, "width": 8},
    "dlinear": {**EPOCH},
    "nlinear": {**EPOCH},
    "tcn": {**EPOCH, "filters": 4},
    "transformer": {**EPOCH, "layers": 1, "width": 8},
    "tft": {**EPOCH, "width": 4, "heads": 2},
    "lstm": {**EPOCH, "training_length": 9, "width": 8},
    "gru": {**EPOCH, "training_length": 9, "width": 8},
}  # fmt: skip

# Of these another origin of the data makes another fit, for the reason given.
DEPEND_ON_ORIGIN = {
    "lightgbm",  # a shift moves the last bits, and near ties are decided otherwise
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
