"""Compare our metrics with two peers on one system's 20 windows x 300 steps x 3 variables.

``python benchmarks/metrics_speed.py [--rounds 7] [--catalogue]``

The first peer is dysts' `compute_metrics` with all 17 scores, which works window by window. With
numpy 2.4 its mutual information raises an error; this score is therefore computed as dysts intends.
The second peer is a plain transcription of DynaMix' scores (D_stsp, D_H, MASE, prediction error) to
numpy: `histogramdd` and scipy's Gaussian filter, one series after the other. Ours compute the same
scores with our definitions. ``--catalogue`` also times ours on 135 systems.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable

import numpy as np
from _pairs import interleave, report
from dysts.metrics import compute_metrics
from scipy.ndimage import gaussian_filter1d
from sklearn.feature_selection import mutual_info_regression

from chaosbench import metrics

WINDOWS, STEPS, SYSTEMS = 20, 300, 135
DYSTS = (
    "mse", "mae", "rmse", "nrmse", "marre", "r2_score", "rmsle", "smape", "mape", "wape",
    "spearman", "pearson", "kendall", "coefficient_of_variation", "mutual_information",
    "kl_divergence", "hellinger_distance",
)  # fmt: skip
OURS: dict[str, Callable[..., object]] = {
    "mse": metrics.mse,
    "mae": metrics.mae,
    "rmse": metrics.rmse,
    "nrmse": metrics.window_nrmse,
    "marre": metrics.marre,
    "r2_score": metrics.r2,
    "rmsle": metrics.rmsle,
    "smape": metrics.window_smape,
    "mape": metrics.mape,
    "wape": metrics.wape,
    "spearman": metrics.spearman,
    "pearson": metrics.pearson,
    "kendall": metrics.kendall,
    "coefficient_of_variation": metrics.coefficient_of_variation,
    "mutual_information": metrics.mutual_information,
    "kl_divergence": metrics.mixture_divergence,
    "hellinger_distance": lambda y, yhat: metrics.spectral_hellinger(y, yhat, smoothing=0),
}


def lorenz_windows(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth, a forecast that diverges from it after some steps, and context."""
    rng = np.random.default_rng(seed)
    runs = np.empty((2, WINDOWS, STEPS + 100, 3))
    for k in range(WINDOWS):
        start = rng.normal(size=3) + np.array([1.0, 1.0, 20.0])
        for j, shift in enumerate((0.0, 1e-3)):
            state = start + shift
            for i in range(STEPS + 100):
                runs[j, k, i] = state
                for _ in range(5):  # Euler at 0.006: inaccurate, but on a Lorenz-like attractor
                    x, y, z = state
                    state = state + 0.006 * np.array(
                        [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]
                    )
    return runs[0, :, 100:], runs[1, :, 100:], runs[0, :, :100]


def dysts_scores(name: str, truth: np.ndarray, forecast: np.ndarray) -> list[float]:
    """Score one window after the other, as `compute_metrics` does."""
    if name == "mutual_information":
        return [
            float(
                np.mean(
                    [
                        mutual_info_regression(y[:, j].reshape(-1, 1), yhat[:, j].ravel())[0]
                        for j in range(y.shape[1])
                    ]
                )
            )
            for y, yhat in zip(truth, forecast, strict=True)
        ]
    return [
        compute_metrics(y, yhat, include=[name])[name]
        for y, yhat in zip(truth, forecast, strict=True)
    ]


def plain_divergence(truth: np.ndarray, forecast: np.ndarray) -> float:
    low, high = truth.min(axis=0), truth.max(axis=0)
    densities = []
    for series in (truth, forecast):
        counts, _ = np.histogramdd(series, bins=30, range=list(zip(low, high, strict=True)))
        densities.append((counts + 1e-5) / (counts.sum() + 1e-5 * counts.size))
    p, q = densities
    return float((p * np.log(p / q)).sum())


def plain_hellinger(truth: np.ndarray, forecast: np.ndarray) -> float:
    distances = []
    for i in range(truth.shape[1]):
        spectra = []
        for series in (truth[:, i], forecast[:, i]):
            z = (series - series.mean()) / series.std()
            power = gaussian_filter1d(np.abs(np.fft.rfft(z)) ** 2 * 2 / len(z), 20)
            spectra.append(power / power.sum())
        distances.append(np.sqrt(1 - np.sum(np.sqrt(spectra[0] * spectra[1]))))
    return float(np.mean(distances))


def dynamix_scores(truth: np.ndarray, forecast: np.ndarray, context: np.ndarray) -> list[tuple]:
    rows = []
    for y, yhat, past in zip(truth, forecast, context, strict=True):
        naive = np.abs(past[1:] - past[:-1]).mean(axis=0)
        rows.append(
            (
                plain_divergence(y, yhat),
                plain_hellinger(y, yhat),
                float((np.abs(y - yhat).mean(axis=0) / (naive + 1e-8)).mean()),
                float(np.mean((y[9] - yhat[9]) ** 2)),
            )
        )
    return rows


def our_dynamix_scores(truth: np.ndarray, forecast: np.ndarray, context: np.ndarray) -> list:
    return [
        metrics.state_space_divergence(truth, forecast),
        metrics.spectral_hellinger(truth, forecast),
        metrics.mase(truth, forecast, context),
        metrics.prediction_error(truth, forecast, k=10),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--catalogue", action="store_true", help="also ours on 135 systems")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    truth, forecast, context = lorenz_windows()

    print(f"{WINDOWS} windows x {STEPS} steps x 3 variables; minimum / median / maximum")
    print("\nthe 17 scores of dysts' compute_metrics")
    times = interleave(
        {
            "ours": lambda: [OURS[name](truth, forecast) for name in DYSTS],
            "dysts": lambda: [dysts_scores(name, truth, forecast) for name in DYSTS],
        },
        rounds=options.rounds,
    )
    report(times, "ours")
    print("\nthe same without the divergence of mixtures, which dominates the time")
    rest = [name for name in DYSTS if name != "kl_divergence"]
    times = interleave(
        {
            "ours": lambda: [OURS[name](truth, forecast) for name in rest],
            "dysts": lambda: [dysts_scores(name, truth, forecast) for name in rest],
        },
        rounds=options.rounds,
    )
    report(times, "ours")
    print("\nthe same one by one")
    for name in DYSTS:
        pair = interleave(
            {
                "ours": lambda name=name: OURS[name](truth, forecast),
                "dysts": lambda name=name: dysts_scores(name, truth, forecast),
            },
            rounds=3 if name == "kl_divergence" else options.rounds,
            inner={"ours": 5},
        )
        report({f"{name}, {key}": value for key, value in pair.items()}, f"{name}, ours")
    print("\nD_stsp, D_H, MASE and prediction error, as DynaMix")
    times = interleave(
        {
            "ours": lambda: our_dynamix_scores(truth, forecast, context),
            "plain": lambda: dynamix_scores(truth, forecast, context),
        },
        rounds=max(15, options.rounds),
        inner={"ours": 10},
        warm_up=2,
    )
    report(times, "ours")
    if options.catalogue:
        print(f"\nours on {SYSTEMS} systems, both sets")
        times = interleave(
            {
                "ours": lambda: [
                    (
                        [OURS[name](truth, forecast) for name in DYSTS],
                        our_dynamix_scores(truth, forecast, context),
                    )
                    for _ in range(SYSTEMS)
                ]
            },
            rounds=1,
            warm_up=0,
        )
        report(times, "ours")


if __name__ == "__main__":
    main()
