"""Sparse identification of the equation itself."""
