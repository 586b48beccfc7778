"""Settings and exceptions for the tests that fit every registered forecaster."""

from __future__ import annotations

from typing import Any

import chaosbench.forecasters as forecasters

# One epoch of two batches is enough to learn something from the data.
EPOCH = {"epochs": 1, "steps": 2, "batch": 8, "input_length": 8}

# Settings for forecasters whose defaults take longer than a second. They need not learn much.
SETTINGS: dict[str, dict[str, Any]] = {
    "lsm": {"side": 4, "steps": 5},
    "nalsm": {"side": 4, "steps": 5, "settling": 200},
    "deep_koopman": {"steps": 60, "hidden": 16, "latent": 6, "batch": 32},
    "edmd": {"degree": 4, "delays": 1, "stride": 1},
    "edmd_linear": {"degree": 4, "delays": 1, "stride": 1},
    "esn": {"units": 100, "input_scaling": 0.3, "spectral_radius": 0.4},
    "kernel_edmd": {"centres": 80, "width": 1.0},
    "delay_reservoir": {"units": 100},
    "ei_reservoir": {"units": 100},
    "es2n": {"units": 100, "input_scaling": 0.3},
    "intrinsic_plasticity": {"units": 100, "input_scaling": 0.3, "spectral_radius": 0.4},
    # With a smaller scaling, the fit to two sines is so close that the rounding of a shift shows.
    "parallel_esn": {"units": 50, "input_scaling": 0.3},
    "lightgbm": {"trees": 5, "lags": 2, "linear": True},
    "exponential_smoothing": {"damped": False},
    "four_theta": {"theta": 2, "season": 1},
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
    "polynomial_map": {"max_features": 200},
    "sindy_ensemble": {"members": 4, "threshold": 0.05, "half_width": 8, "refine": False},
    "sindy_fourier": {"frequency": 1.0, "threshold": 0.05, "refine": False},
    "sindy_weak": {"half_width": 8, "threshold": 0.05, "settle": 0},
    "attention_local_linear": {"neighbours": 24, "beta": 4.0, "ridge": 1e-4},
    "gaussian_process": {"delays": 1, "inducing": 60, "subset": 60, "samples": 3, "cosines": 50},
    "hopfield": {"beta": 100.0, "delays": 1},
    "smap": {"theta": 8.0, "delays": 1},
    "nngp": {"centres": 60, "delays": 1, "ridge": 1e-8},
    "ntk": {"centres": 60, "delays": 1, "ridge": 1e-8},
    "quadratic_network": {"hidden": 3, "delays": 1, "rows": 100, "steps": 5},
    "kan": {"hidden": 2, "grid": 3, "delays": 1, "rows": 100, "steps": 5},
    "student_t": {"max_features": 150, "samples": 3},
    "alrnn": {"latent": 5, "steps": 20, "sequence": 20, "batch": 4, "evaluations": 1},
    "clipped_shplrnn": {"hidden": 8, "steps": 20, "sequence": 20, "batch": 4, "evaluations": 1},
    "dendplrnn": {"latent": 5, "bases": 3, "steps": 20, "sequence": 20, "batch": 4},
    "shplrnn": {"hidden": 8, "steps": 20, "sequence": 20, "batch": 4, "evaluations": 1},
}  # fmt: skip

# These fit differently when the origin of the data moves, for the reason given.
DEPEND_ON_ORIGIN = {
    "kernel_edmd",  # the last bits decide which nearly dependent functions the operator keeps
    "lightgbm",  # a shift changes the last bits, and so how near ties are decided
    "random_forest",  # a shift changes the last bits, and so how near ties are decided
    "sindy",  # looks for a sparse polynomial in the variables as they are
    "sindy_ensemble",  # as sindy
    "sindy_fourier",  # as sindy
    "sindy_weak",  # as sindy
}

# These ignore the context.
IGNORE_CONTEXT = {
    "climatology",
}


def quick(name: str) -> Any:
    """Return the forecaster with settings for a quick fit."""
    return forecasters.registry[name](**SETTINGS.get(name, {}))
