"""The catalogue of chaotic systems: one module for each field of science."""
