"""Autoregressions: linear and nonlinear functions of delayed values."""
