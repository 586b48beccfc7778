"""chaosbench: how far can a forecaster see into chaos, at what cost, and can you trust it?"""

__version__ = "0.1.0"
