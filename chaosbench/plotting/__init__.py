"""Pictures of attractors, series, sweeps, of forecasts and the truth, and of error growth."""

from __future__ import annotations

from chaosbench.plotting._analysis import maxima, plot_analysis
from chaosbench.plotting._dataset import plot_data
from chaosbench.plotting._forecasts import plot_error_growth, plot_forecast
from chaosbench.plotting._koopman import plot_pseudospectrum
from chaosbench.plotting._series import plot_divergence, plot_series
from chaosbench.plotting._style import save
from chaosbench.plotting._sweeps import plot_basins, plot_section, plot_sweep
from chaosbench.plotting._systems import plot_attractors, plot_system, write_gallery

__all__ = [
    "maxima", "plot_analysis", "plot_attractors", "plot_basins", "plot_data", "plot_divergence",
    "plot_error_growth", "plot_forecast", "plot_pseudospectrum", "plot_section", "plot_series",
    "plot_sweep", "plot_system", "save", "write_gallery",
]  # fmt: skip
