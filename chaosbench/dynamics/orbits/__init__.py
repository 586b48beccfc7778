"""Orbits: a state that moves through time, one file for each way of moving."""
