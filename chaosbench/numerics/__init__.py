"""Integrators and tangent space in numba; they see kernels and arrays, never a System."""
