"""Pictures of attractors, of forecasts and the truth, and of error growth."""

from __future__ import annotations

from chaosbench.plotting._analysis import maxima, plot_analysis
from chaosbench.plotting._dataset import plot_data
from chaosbench.plotting._forecasts import plot_error_growth, plot_forecast
from chaosbench.plotting._koopman import plot_pseudospectrum
from chaosbench.plotting._style import save
from chaosbench.plotting._systems import plot_attractors, plot_system, write_gallery

__all__ = [
    "maxima", "plot_analysis", "plot_attractors", "plot_data", "plot_error_growth", "plot_forecast",
    "plot_pseudospectrum", "plot_system", "save", "write_gallery",
]  # fmt: skip
