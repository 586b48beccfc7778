"""The families of newborns: how each draws its candidates. One function a family.

Only uniform numbers and integers are drawn, so that a seed gives the same candidates everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chaosbench.growth._terms import Term, Terms, monomials, padded

__all__ = ["draw_cubic_flows", "draw_jerks", "draw_networks", "draw_quadratic_flows",
           "draw_quadratic_maps", "draw_responses"]  # fmt: skip

Generator = np.random.Generator


def draw_quadratic_flows(rng: Generator, size: int, d: int) -> Terms:
    """Draw sparse quadratic flows; in half of them the quadratic terms conserve energy."""
    return _flows(rng, size, d, 2)


def draw_cubic_flows(rng: Generator, size: int, d: int) -> Terms:
    """Draw sparse flows with quadratic and cubic terms."""
    return _flows(rng, size, d, 3)


def draw_jerks(rng: Generator, size: int) -> Terms:
    """Draw jerk equations ``x''' = -a x'' ± b x' + f(x, x', x'')`` with up to four more terms."""
    possible = [m for m in monomials(3, 3) if m not in ((1,), (2,))]
    quadratic = [m for m in possible if len(m) <= 2]

    def draw() -> list[Term]:
        terms: list[Term] = [(0, (1,), 1.0), (1, (2,), 1.0)]
        terms.append((2, (2,), -_number(rng, 0.2, 1.2)))
        terms.append((2, (1,), _signed(rng, _number(rng, 0.3, 3.0), 0.85, -1.0)))
        among = quadratic if rng.random() < 0.6 else possible
        terms += [
            (2, among[m], _signed(rng, _number(rng, 0.1, 2.0)))
            for m in _some(rng, len(among), int(rng.integers(1, 4)))
        ]
        return terms

    return _checked(rng, size, 3, draw)


def draw_quadratic_maps(rng: Generator, size: int, d: int) -> Terms:
    """Draw quadratic maps with two to five terms an equation."""
    possible = monomials(d, 2)

    def draw() -> list[Term]:
        return [
            (i, possible[m], _signed(rng, _number(rng, 0.1, 1.5)))
            for i in range(d)
            for m in _some(rng, len(possible), int(rng.integers(2, 6)))
        ]

    return _checked(rng, size, d, draw)


def draw_networks(rng: Generator, size: int, d: int) -> Terms:
    """Draw networks of `d` units ``x' = -b x + Σ w tanh(x)``, each with two or more inputs."""

    def draw() -> list[Term]:
        decay = _number(rng, 0.2, 0.8)
        terms: list[Term] = []
        for i in range(d):
            terms.append((i, (i,), -decay))
            terms += [
                (i, (d + j,), _signed(rng, _number(rng, 0.2, 2.0)))
                for j in _some(rng, d, int(rng.integers(2, d)))
            ]
        return terms

    return _checked(rng, size, d, draw, tanh=True)


def draw_responses(rng: Generator, driver: list[Term], size: int) -> Terms:
    """Draw skew products: two damped equations that a flow of three variables drives."""
    driving = [m for m in monomials(3, 2) if m]

    def draw() -> list[Term]:
        terms: list[Term] = list(driver)
        terms.append((3, (3,), -_number(rng, 0.1, 1.5)))
        terms.append((3, (4,), _signed(rng, _number(rng, 0.2, 2.0))))
        terms.append((4, (3,), _signed(rng, _number(rng, 0.2, 2.0))))
        terms.append((4, (4,), -_number(rng, 0.1, 1.5)))
        if rng.random() < 0.5:
            terms.append((4, (3, 3, 3), -_number(rng, 0.1, 1.0)))
        for e in (3, 4):
            terms += [
                (e, driving[m], _signed(rng, _number(rng, 0.1, 1.0)))
                for m in _some(rng, len(driving), int(rng.integers(1, 3)))
            ]
        if rng.random() < 0.5:  # the driver also changes the response's rates
            terms.append(
                (3 + int(rng.integers(2)), (int(rng.integers(3)), 3), _number(rng, 0.1, 0.5))
            )
        return terms

    return padded([draw() for _ in range(size)], _starts(rng, size, 5))


def _flows(rng: Generator, size: int, d: int, degree: int) -> Terms:
    possible = [m for m in monomials(d, degree) if m]
    nonlinear = [m for m in possible if len(m) > 1]

    def free() -> list[Term]:
        terms: list[Term] = []
        for i in range(d):
            terms += [
                (i, possible[m], _coefficient(rng))
                for m in _some(rng, len(possible), int(rng.integers(1, 4)))
            ]
        if rng.random() < 0.6:
            terms.append((int(rng.integers(d)), (), _coefficient(rng)))
        return terms

    def bounded() -> list[Term]:
        terms: list[Term] = [(i, (i,), -_number(rng, 0.1, 3.0)) for i in range(d)]
        if rng.random() < 0.3:  # one variable grows
            terms[int(rng.integers(d))] = (k := int(rng.integers(d)), (k,), _number(rng, 0.1, 1.0))
        for _ in range(int(rng.integers(1, d))):  # triads and pairs that exchange energy
            if rng.random() < 0.5:
                i, j, k = (int(v) for v in _some(rng, d, 3))
                a, b = _coefficient(rng), _coefficient(rng)
                terms += [(i, _m(j, k), a), (j, _m(i, k), b), (k, _m(i, j), round(-a - b, 2))]
            else:
                i, j = (int(v) for v in _some(rng, d, 2))
                a = _coefficient(rng)
                terms += [(i, _m(i, j), a), (j, _m(i, i), -a)]
        if degree == 3 and rng.random() < 0.7:
            i = int(rng.integers(d))
            terms.append((i, (i, i, i), -_number(rng, 0.1, 1.0)))
        for _ in range(int(rng.integers(1, 4))):
            i, j = (int(v) for v in _some(rng, d, 2))
            terms.append((i, (j,), _signed(rng, _number(rng, 0.2, 5.0))))
        if rng.random() < 0.6:
            terms.append((int(rng.integers(d)), (), _signed(rng, _number(rng, 0.2, 6.0))))
        return terms

    def draw() -> list[Term]:
        made = free() if rng.random() < 0.3 else bounded()
        if not any(t[1] in nonlinear for t in made):
            made.append((int(rng.integers(d)), nonlinear[int(rng.integers(len(nonlinear)))],
                         _coefficient(rng)))  # fmt: skip
        return made

    return _checked(rng, size, d, draw)


def _checked(
    rng: Generator,
    size: int,
    d: int,
    draw: Callable[[], list[Term]],
    *,
    linked: bool = True,
    tanh: bool = False,
) -> Terms:
    """Draw candidates; one that falls apart into pieces is drawn again."""
    made: list[list[Term]] = []
    while len(made) < size:
        terms = _merged(draw())
        if not linked or _linked(terms, d):
            made.append(terms)
    return padded(made, _starts(rng, size, d), tanh=tanh)


def _merged(terms: list[Term]) -> list[Term]:
    """Add up terms of the same monomial."""
    found: dict[tuple[int, tuple[int, ...]], float] = {}
    for e, factors, c in terms:
        key = e, factors
        found[key] = round(found.get(key, 0.0) + c, 4)
    return [(e, factors, c) for (e, factors), c in found.items() if c != 0.0]


def _linked(terms: list[Term], d: int) -> bool:
    """Say whether every variable acts on every other one, directly or not."""
    reach = [[i == j for j in range(d)] for i in range(d)]
    for e, factors, _ in terms:
        for f in factors:
            reach[e][f % d] = True
    for k in range(d):
        for i in range(d):
            for j in range(d):
                reach[i][j] = reach[i][j] or (reach[i][k] and reach[k][j])
    return all(map(all, reach))


def _m(*factors: int) -> tuple[int, ...]:
    return tuple(sorted(factors, reverse=True))[::-1]


def _some(rng: Generator, n: int, count: int) -> list[int]:
    """Draw different integers below `n`, at most `count`."""
    return [int(v) for v in rng.permutation(n)[:count]]


def _number(rng: Generator, low: float, high: float) -> float:
    return round(low + (high - low) * float(rng.random()), 2)


def _signed(rng: Generator, value: float, share: float = 0.5, sign: float = 1.0) -> float:
    return sign * value if rng.random() < share else -sign * value


def _coefficient(rng: Generator) -> float:
    """Draw 1 or -1, or a number of two decimals up to 3 in size."""
    value = 1.0 if rng.random() < 0.4 else _number(rng, 0.1, 3.0)
    return _signed(rng, value)


def _starts(rng: Generator, size: int, d: int) -> np.ndarray:
    return np.round(2.0 * rng.random((size, d)) - 1.0, 3)
