"""Lyapunov exponents: what grows, one file for each kind of system."""
