"""Residuals of Koopman eigenpairs where the spectrum is known, and published counts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import legendre

from chaosbench.errors import InputError
from chaosbench.forecasters._shared.polynomial import exponents
from chaosbench.forecasters.koopman._dictionary import Polynomials
from chaosbench.forecasters.koopman.audit import audit, eigenpairs, pseudospectrum
from chaosbench.forecasters.koopman.edmd import EDMD, LinearEDMD
from chaosbench.trajectories import Trajectories


def test_gauss_map_has_the_published_counts() -> None:
    """x' = exp(-2x²) - 1 - exp(-2) on [-1, 0], 40 Legendre polynomials, 100 Gauss nodes."""
    nodes, weights = legendre.leggauss(100)
    x = (nodes - 1) / 2
    y = np.exp(-2 * x**2) - 1 - np.exp(-2)
    values, residuals, _ = eigenpairs(
        legendre.legvander(2 * x + 1, 39), legendre.legvander(2 * y + 1, 39), weights
    )
    assert len(values) == 40
    assert [int((residuals < t).sum()) for t in (0.1, 0.01, 0.001)] == [20, 16, 14]
    assert abs(values[0] - 1) < 1e-12


def _rotation(lift_count: int = 10, shift: float = np.sqrt(2)) -> tuple[np.ndarray, ...]:
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    k = np.arange(-lift_count, lift_count + 1)
    return np.exp(1j * np.outer(angle, k)), np.exp(1j * np.outer(angle + shift, k)), k * shift


def test_rotation_of_the_circle_is_verified_in_full() -> None:
    psi_x, psi_y, phases = _rotation()
    found = audit(psi_x, psi_y, tolerance=1e-3)
    assert len(found.verified) == 21
    assert len(found.refused) == 0
    distance = np.abs(found.verified[:, np.newaxis] - np.exp(1j * phases))
    assert distance.min(axis=0).max() < 1e-12
    assert found.residuals.max() < 1e-12


def test_pseudospectrum_of_a_normal_matrix_is_the_distance_to_its_spectrum() -> None:
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8)))
    spectrum = rng.normal(size=8) + 1j * rng.normal(size=8)
    normal = basis @ np.diag(spectrum) @ basis.conj().T
    frame, _ = np.linalg.qr(rng.normal(size=(50, 8)))
    z = rng.normal(size=(5, 6)) + 1j * rng.normal(size=(5, 6))
    expected = np.abs(z[..., np.newaxis] - spectrum).min(axis=-1)
    np.testing.assert_allclose(pseudospectrum(frame, frame @ normal, z), expected, atol=1e-7)
    assert pseudospectrum(frame, frame @ normal, spectrum).max() < 1e-6


def _random(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, 7)), rng.normal(size=(60, 7))


def test_residuals_are_those_of_the_definition() -> None:
    """A second implementation, with K formed in the dictionary itself."""
    x, y = _random()
    weights = np.random.default_rng(1).uniform(0.1, 1, 60)
    root = np.sqrt(weights)[:, np.newaxis]
    matrix = np.linalg.lstsq(root * x, root * y, rcond=None)[0]
    values, residuals, vectors = eigenpairs(x, y, weights)
    np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-10)
    left = np.linalg.norm(root * (y @ vectors - x @ vectors * values), axis=0)
    np.testing.assert_allclose(residuals, left / np.linalg.norm(root * (x @ vectors), axis=0))
    assert (np.diff(residuals) >= 0).all()


def test_pseudospectrum_is_the_least_singular_value_of_the_definition() -> None:
    x, y = _random()
    z = np.array([0.3, 0.5 + 0.2j, -1.0j, 1.2])
    q, r = np.linalg.qr(x)
    c = y @ np.linalg.inv(r)
    expected = [np.linalg.svd(c - point * q, compute_uv=False)[-1] for point in z]
    np.testing.assert_allclose(pseudospectrum(x, y, z), expected, rtol=1e-8)


def test_no_function_has_a_smaller_residual_than_the_pseudospectrum() -> None:
    x, y = _random()
    values, residuals, _ = eigenpairs(x, y)
    assert (pseudospectrum(x, y, values) <= residuals + 1e-12).all()


def test_another_basis_of_the_same_functions_changes_nothing() -> None:
    x, y = _random()
    mix = np.random.default_rng(2).normal(size=(7, 7))
    doubled = np.concatenate([mix, mix], axis=1)  # and linearly dependent functions
    plain, mixed = audit(x, y), audit(x @ doubled, y @ doubled)
    np.testing.assert_allclose(mixed.residuals, plain.residuals, rtol=1e-8)
    np.testing.assert_allclose(mixed.pseudospectrum, plain.pseudospectrum, rtol=1e-8)


def test_the_grid_is_symmetric_for_real_data_and_covers_the_circle() -> None:
    found = audit(*_random(), points=11)
    z = found.real + 1j * found.imaginary[:, np.newaxis]
    np.testing.assert_allclose(found.pseudospectrum, pseudospectrum(*_random(), z), rtol=1e-10)
    even = audit(*_random(), points=10)
    np.testing.assert_allclose(even.pseudospectrum, even.pseudospectrum[::-1])
    assert found.real[0] == -1.25


@pytest.fixture(scope="module")
def lorenz_states(reference):
    """10,000 states ``(T, 3)`` at the step of the published figures, 0.05."""
    from scipy.integrate import solve_ivp

    times = 20 + 0.05 * np.arange(10_000)
    run = solve_ivp(
        reference.rhs, (0, times[-1]), reference.train.values[0, 0],
        method="DOP853", rtol=1e-9, atol=1e-9, t_eval=times,
    )  # fmt: skip
    return run.y.T


@pytest.mark.parametrize(("degree", "published"), [(2, 0.317), (4, 0.153), (6, 0.148)])
@pytest.mark.slow
def test_on_lorenz_only_the_constant_survives(lorenz_states, degree: int, published: float) -> None:
    """The residuals from 5,000 points scatter by 0.03 about those of a long run."""
    z = (lorenz_states - lorenz_states.mean(axis=0)) / lorenz_states.std(axis=0)
    psi = Polynomials("monomials", exponents(3, degree))(z)
    values, residuals, _ = eigenpairs(psi[:-1], psi[1:])
    verified = values[residuals <= 0.1]
    np.testing.assert_allclose(verified, [1.0], atol=1e-8)
    assert residuals[np.abs(values - 1) > 1e-6].min() == pytest.approx(published, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("forecaster", [EDMD(degree=4), LinearEDMD(dictionary="chebyshev")])
def test_a_fitted_predictor_audits_itself(lorenz_states, forecaster) -> None:
    train = Trajectories(lorenz_states[:4000], dt=0.05)
    found = forecaster.fit(train, seed=0).audit(points=9)
    np.testing.assert_allclose(found.verified, [1.0], atol=1e-8)
    assert 0.1 < found.least_nontrivial < 0.35
    assert found.pseudospectrum.shape == (9, 9)
    assert "1 of" in repr(found)


def test_the_audit_of_a_predictor_does_not_join_trajectories(henon) -> None:
    pieces = henon[:600].reshape(30, 20, 2)
    shuffled = pieces[np.random.default_rng(0).permutation(30)]
    settings = {"degree": 3, "ridge": 0.0}
    plain = EDMD(**settings).fit(Trajectories(pieces, 1.0), seed=0).audit(points=3)
    other = EDMD(**settings).fit(Trajectories(shuffled, 1.0), seed=0).audit(points=3)
    np.testing.assert_allclose(other.residuals, plain.residuals, atol=1e-10)


def test_a_large_dictionary_is_cut_for_the_audit(henon) -> None:
    fitted = EDMD(degree=5, ridge=0.0).fit(Trajectories(henon[:1000], 1.0), seed=0)
    assert len(fitted.audit(most=10, points=3).eigenvalues) == 10  # degree 3


@pytest.mark.parametrize(
    ("x", "y", "weights", "sentence"),
    [
        (np.zeros((5, 2)), np.zeros((4, 2)), None, "must have the same shape"),
        (np.full((5, 2), np.nan), np.zeros((5, 2)), None, "has non-finite values"),
        (np.zeros((5, 2)), np.zeros((5, 2)), None, "not zero at all states"),
        (np.ones((5, 2)), np.ones((5, 2)), np.zeros(5), "weights must be 5 non-negative numbers"),
    ],
)
def test_wrong_input_is_refused(x, y, weights, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        eigenpairs(x, y, weights)


def test_a_wrong_tolerance_is_refused() -> None:
    with pytest.raises(InputError, match="positive tolerance"):
        audit(*_random(), tolerance=0.0)
