"""Piecewise-linear recurrent networks, trained by teacher forcing."""
