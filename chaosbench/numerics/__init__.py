"""Integrators and tangent-space methods in numba; they see kernels and arrays, never a System."""

from __future__ import annotations

__all__: list[str] = []
