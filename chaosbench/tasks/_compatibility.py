"""Suites that follow published protocols, as near as tasks can, with the published numbers.

Every description says what is as published and what is not. Numbers of others are data: nothing is
computed from them, they only stand beside ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chaosbench.datasets import Dataset
from chaosbench.systems import System
from chaosbench.tasks._task import Published, Task
from chaosbench.tasks._tracks import FORECAST_METRICS, TRACKS, all_of_it

__all__ = ["PROTOCOLS", "Protocol"]

CTF_METRICS = ("ctf_short_time", "ctf_long_time_histogram", *FORECAST_METRICS)
OTHERS = "σ and Lyapunov times come from our own, corrected constants"

RESULTS = "medians recomputed from the raw result files of dysts_data"
METHODS_2021 = (
    "NBEATS", "LSTM", "random forest", "transformer", "linear regression", "ARIMA", "FFT",
    "theta", "naive seasonal", "naive drift", "TCN", "exponential smoothing", "naive mean",
)  # fmt: skip
MEDIANS_2021 = {
    15: (50.6, 67.8, 89.6, 94.0, 105.2, 111.4, 116.3, 120.3, 125.7, 128.8, 131.2, 142.0, 153.5),
    100: (67.7, 102.0, 106.0, 101.4, 118.0, 119.3, 118.6, 116.0, 125.3, 126.0, 113.3, 151.7, 148.9),
}
MEDIANS_2023 = {
    "NBEATS": 42.2, "NHiTS": 63.6, "LSTM": 63.9, "neural ODE": 72.6, "random forest": 72.8,
    "transformer": 78.3, "nVAR": 83.6, "XGBoost": 92.9, "linear": 94.4, "NLinear": 94.7,
    "BlockRNN": 101.7, "ESN": 101.8, "DLinear": 102.8, "TCN": 116.7, "Kalman": 140.7,
}  # fmt: skip
CTF_LORENZ = {
    "LSTM": 64.54, "DeepONet": 57.80, "reservoir": 54.87, "KAN": 47.28, "SINDy": 19.19,
    "Koopman": 8.33, "neural ODE": 3.38, "mean": -4.73,
}  # fmt: skip
CTF_KS = {"ODE-LSTM": 18.57, "reservoir": 18.32, "zeros": 0.0}


@dataclass(frozen=True)
class Protocol:
    """One compatibility suite: how it makes its tasks of a system, and what others measured."""

    description: str
    make: Callable[[System], list[Task]]
    published: tuple[Published, ...] = ()


def _gilpin_2021(system: System) -> list[Task]:
    if system.discrete:
        return []
    return [
        Task(
            id=f"gilpin-2021-{rate}/{system.name}-v1",
            dataset=Dataset(
                systems=(system.name,), train_points=12 * rate, windows=1, context=10 * rate,
                clock="period", rate=float(rate), **all_of_it(2 * rate),  # type: ignore[arg-type]
            ),
            metrics=FORECAST_METRICS,
            ranked="smape",
            observed=None if system.dimension == 1 else system.variables[:1],
            learn="context",
        )
        for rate in (15, 100)
    ]  # fmt: skip


def _gilpin_2023(system: System) -> list[Task]:
    if system.discrete:
        return []
    return [
        Task(
            id=f"gilpin-2023/{system.name}-v1",
            dataset=Dataset(
                systems=(system.name,), train_points=1200, windows=1, context=1000,
                clock="period", rate=100.0, **all_of_it(200),  # type: ignore[arg-type]
            ),
            metrics=FORECAST_METRICS,
            ranked="smape",
            learn="context",
        )
    ]  # fmt: skip


def _zero_shot_2024(system: System) -> list[Task]:
    found = TRACKS["zero-shot"][0](system)
    return [] if found is None else [found]


def _neurobench(system: System) -> list[Task]:
    if system.name != "mackey_glass":
        return []
    return [
        Task(
            id="neurobench/mackey_glass-v1",
            dataset=Dataset(
                systems=("mackey_glass",), train_points=1500, windows=30, context=750,
                clock="lyapunov", rate=75.0, **all_of_it(750),  # type: ignore[arg-type]
            ),
            metrics=FORECAST_METRICS,
            ranked="smape",
            learn="context",
        )
    ]  # fmt: skip


def _ctf(system: System) -> list[Task]:
    if system.name not in ("lorenz", "kuramoto_sivashinsky"):
        return []
    metrics = CTF_METRICS
    if system.name != "lorenz":
        metrics = ("ctf_short_time", "ctf_long_time_spectrum", *FORECAST_METRICS)
    return [
        Task(
            id=f"ctf{'-noisy' if noise else ''}/{system.name}-v1",
            dataset=Dataset(
                systems=(system.name,), noise=noise, windows=5, **all_of_it(1000),  # type: ignore[arg-type]
            ),
            metrics=metrics,
            ranked="ctf_short_time",
        )
        for noise in (0.0, 0.1)
    ]  # fmt: skip


def _dynamix(system: System) -> list[Task]:
    if system.name not in ("lorenz", "chua", "sprott_m"):
        return []
    return [
        Task(
            id=f"dynamix/{system.name}-v1",
            dataset=Dataset(
                systems=(system.name,),
                train_points=2,
                windows=3,
                context=2000,
                **all_of_it(10_000),  # type: ignore[arg-type]
            ),
            metrics=("d_stsp", "d_h", "mase", "sw1", "mean_error", "spread_error"),
            ranked="d_stsp",
            asks="climate",
            learn="context",
        )
    ]


PROTOCOLS: dict[str, Protocol] = {
    "gilpin-2021": Protocol(
        "Gilpin 2021 (dysts): univariate, 12 periods at 15 and at 100 points a period. As "
        "published: the forecaster is fitted to the first 10 periods of a test trajectory and "
        "forecasts its last 2; sMAPE over the forecast, its median over systems. Different: the "
        "systems are our ranked flows and delay systems; periods are our own corrected ones; "
        "the variable is the first; settings are a forecaster's own unless --tune searches them "
        "on a separate trajectory; the noisy variants are left out.",
        _gilpin_2021,
        tuple(
            Published(
                f"gilpin-2021-{rate}",
                f"median sMAPE over 131 systems, tuned, {rate} points a period",
                f"Gilpin 2021; {RESULTS}",
                dict(zip(METHODS_2021, medians, strict=True)),
            )
            for rate, medians in MEDIANS_2021.items()
        ),
    ),
    "gilpin-2023": Protocol(
        "Gilpin 2023 (model scale versus domain knowledge): all variables, 1,000 points at 100 "
        "a period, sMAPE at a horizon of 200 points as the mean over the forecast so far, its "
        "median over systems. As published: points, rate, horizon and metric. Different: the "
        "systems are our ranked flows and delay systems; periods are our own corrected ones; "
        "settings are a forecaster's own unless --tune searches them on a separate trajectory. "
        "Here the forecast continues the very trajectory that was fitted; the track `few` asks "
        "for separate test trajectories.",
        _gilpin_2023,
        (
            Published(
                "gilpin-2023",
                "median sMAPE at the 200-point horizon, tuned",
                f"Gilpin 2023; {RESULTS}",
                MEDIANS_2023,
            ),
        ),
    ),
    "zero-shot-2024": Protocol(
        "Zhang and Gilpin 2024: nothing is trained, every forecast sees 512 points at 30 a "
        "Lyapunov time and continues them by 300 steps, from 20 initial states a system, truth "
        "integrated at 1e-12. As published: all of that. Different: the systems are our ranked "
        f"ones; {OTHERS}, and with them the sampling; ranked by our valid prediction time, with "
        "theirs (by the sMAPE so far, vpt_smape) and sMAPE beside it. The tracks zero-shot-128 "
        "and zero-shot-2048 ask the same of shorter and longer contexts. None of their "
        "tables is available.",
        _zero_shot_2024,
    ),
    "neurobench-mackey-glass": Protocol(
        "NeuroBench's Mackey-Glass: τ = 17, 75 points a Lyapunov time, fitted to 10 Lyapunov "
        "times and free-running for the next 10, 30 times, sMAPE. As published: all of that. "
        "Different: the Lyapunov time is our measured one (theirs is 197 time units); the 30 "
        "repetitions are independent starting points instead of shifts by half a Lyapunov time "
        "along one series.",
        _neurobench,
        (
            Published(
                "neurobench",
                "sMAPE (that of the LSTM was scored on its training data; on test data it is "
                "near 30)",
                "NeuroBench",
                {"LSTM": 13.37, "ESN": 14.79},
            ),
        ),
    ),
    "ctf": Protocol(
        "CTF4Science (common task framework): Lorenz, and Kuramoto-Sivashinsky where it is in "
        "the catalogue, clean and with noise of 10% of σ. As published: short-time score over "
        "the first 20 steps (spectral norm) and long-time score (histograms of the last 500 "
        "steps; the spatial spectrum for a field), from 100 down to -100. Different: its "
        "average covers twelve tests (forecast, denoising, little data, other parameters) on "
        "its own files, ours ranks by the short-time score alone on exams made afresh, with our "
        "sampling and five windows.",
        _ctf,
        (
            Published("ctf", "average of all twelve scores, Lorenz", "CTF4Science", CTF_LORENZ),
            Published(
                "ctf", "average of all twelve scores, Kuramoto-Sivashinsky", "CTF4Science", CTF_KS
            ),
        ),
    ),
    "dynamix": Protocol(
        "DynaMix: nothing is trained, free runs of Lorenz, Chua and Sprott M from a context, "
        "judged by D_stsp, D_H and MASE. As published: systems and metrics. Different: 2,000 "
        "samples of context at our sampling step and free runs of 10,000, three a system; "
        "D_stsp counts mass outside its bins, which their code drops; MASE is scaled by the "
        "context of the truth, where their notebook swaps the arguments.",
        _dynamix,
        tuple(
            Published(
                "dynamix",
                f"{metric} of DynaMix",
                "DynaMix",
                {f"DynaMix on {system}": value for system, value in values.items()},
            )
            for metric, values in {
                "D_stsp": {"lorenz": 0.804, "chua": 2.206, "sprott_m": 3.325},
                "D_H": {"lorenz": 0.064, "chua": 0.088, "sprott_m": 0.097},
                "MASE": {"lorenz": 0.285, "chua": 0.366, "sprott_m": 0.180},
            }.items()
        ),
    ),
}
"""The compatibility suites by name; their ids end in ``-v1``."""
