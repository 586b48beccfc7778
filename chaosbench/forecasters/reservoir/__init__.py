"""Reservoirs and liquids: a fixed random network with a trained readout."""
