"""Equations in print, as a person would write them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from chaosbench.systems import flow, registry
from chaosbench.systems.citing import bibtex
from chaosbench.systems.printing import equation_latex, equation_text


@pytest.mark.parametrize(
    ("name", "line", "text", "latex"),
    [
        ("lorenz", 0, "x' = sigma (y - x)", r"\dot{x} &= \sigma \left(y - x\right)"),
        ("chua", 2, "z' = -beta y", r"\dot{z} &= -\beta y"),
        ("hyper_cai", 3, "w' = -e x", r"\dot{w} &= -e x"),
        ("bouali2", 2, "z' = -1.5 m x", r"\dot{z} &= -1.5 m x"),
        ("burke_shaw", 0, "x' = -n (x + y)", r"\dot{x} &= -n \left(x + y\right)"),
        ("sprott_j", 1, "y' = z - 2 y", r"\dot{y} &= z - 2 y"),
        ("driven_pendulum", 1, "v' = g cos(omega t) - v / q - sin(theta)",
         r"\dot{v} &= g \cos\left(\omega t\right) - \frac{v}{q} - \sin\left(\theta\right)"),
        ("thomas", 0, "x' = b sin(y) - a x", r"\dot{x} &= b \sin\left(y\right) - a x"),
    ],
)  # fmt: skip
def test_signs_stand_in_front_and_parentheses_grow(name, line, text, latex):
    system = registry[name]
    assert equation_text(system)[line] == text
    assert equation_latex(system)[line] == latex


def test_what_is_printed_is_what_is_computed():
    """Every sign, product and quotient, read back as Python and evaluated."""

    @flow(ic=(0.3, -0.7), reference="lorenz1963")
    def odd(x, y, *, a=1.5, b=-0.25):
        first = -a * (x - y) * -2.0 / (3.0 * -b) - (-(x - 2.0)) * (-y) ** 3 / (1.0 + y * y)
        second = (1.0 / (x * x + 1.0)) * (-y) * (x / (2.0 + y)) - -(a / b) * x + (-(1.0 - x)) ** 2
        return first, second

    names = {"a": 1.5, "b": -0.25, "x": 0.3, "y": -0.7}
    for line, value in zip(equation_text(odd), odd.rhs(0.0, [0.3, -0.7]), strict=True):
        python = line.partition("= ")[2].replace("^", "**").replace("* *", "**")
        python = python.replace(") (", ") * (")
        words = python.split(" ")
        read = [words[0]]
        for before, word in pairwise(words):
            joins = before[-1] not in "+-*/" and word[0] not in "+*/-" and word not in "+-*/"
            read.append(f"* {word}" if joins else word)
        assert eval(" ".join(read), {}, names) == pytest.approx(value, rel=1e-5), line


def test_an_expression_that_no_one_could_read_is_counted_instead():
    line = equation_text(registry["blinking_vortex_map"])[0]
    assert line == "x ← [73,706,127 operations, too long to print]"


def test_sources_are_printed_once_as_bibtex():
    text = bibtex(["lorenz", "Lorenz", "rossler"])
    assert text.count("@article{lorenz1963,") == text.count("@article{") - 1 == 1
    assert "doi = {10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2}" in text
    # systems that other tests have made may have no source
    assert {registry[n].reference for n in registry} - {""} == {
        line.partition("{")[2].rstrip(",")
        for line in bibtex(registry).splitlines() if line.startswith("@")
    }  # fmt: skip
