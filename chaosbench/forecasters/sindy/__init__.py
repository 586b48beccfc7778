"""Sparse identification of the governing equation."""
