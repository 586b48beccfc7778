"""Forecasters of the library darts."""
