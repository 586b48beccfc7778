"""Pictures: drawn, not blank, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.plotting import (
    plot_attractors,
    plot_error_growth,
    plot_forecast,
    plot_system,
    save,
    write_gallery,
)


def inked(figure):
    """Return the share of pixels that are not white."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    return float((pixels < 200).any(axis=-1).mean())


@pytest.mark.parametrize(
    "name", ["lorenz", "lorenz96", "mackey_glass", "henon", "logistic", "double_well"]
)
def test_every_kind_of_system_is_drawn(name):
    figure = plot_system(name)
    assert inked(figure) > 0.01
    attractor, series, spectrum = figure.axes
    assert name in attractor.get_title()
    assert len(series.lines) == len(spectrum.lines) - (cb.systems[name].kind != "map")


@pytest.mark.parametrize(
    ("name", "across", "up"),
    [
        ("lorenz", "y", "z"), ("lorenz96", "time", "number of the variable"),
        ("mackey_glass", "x", "x, 17 time units before"), ("henon", "x", "y"),
        ("logistic", "x, one iteration before", "x"),
    ],
)  # fmt: skip
def test_attractors_have_axes(name, across, up):
    (axes,) = plot_attractors([name], columns=1).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == (across, up)
    assert len(axes.get_xticks()) > 2
    assert len(axes.get_yticks()) > 2


def test_the_picture_of_a_field_has_its_lengths_on_the_axes():
    system = cb.systems["kolmogorov_flow"].with_points(16)
    axes = plot_system(system).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
    assert axes.images[0].get_extent() == [0.0, *system.lengths[:1], 0.0, system.lengths[1]]


@pytest.mark.parametrize("name", ["burgers", "kolmogorov_flow", "gray_scott"])
def test_fields_are_drawn(name):
    system = cb.systems[name].with_points(32)  # of which nothing is known
    figure = plot_system(system)
    assert inked(figure) > 0.1
    picture, series, spectrum = figure.axes
    values = picture.images[0].get_array()
    assert values.shape == ((32, 32) if name == "kolmogorov_flow" else (32, 200))
    assert np.ptp(values) > 0.1
    assert len(series.lines) == 3
    assert len(spectrum.lines) == len(system.components)


def test_the_period_marks_the_peak_of_the_spectrum():
    _, _, spectrum = plot_system("rossler").axes
    frequency, power = spectrum.lines[0].get_data()
    marked = spectrum.lines[-1].get_xdata()[0]
    assert marked == pytest.approx(frequency[np.argmax(power)], rel=0.05)


def test_pictures_are_reproducible(tmp_path):
    for k in (1, 2):
        save(plot_attractors(["henon", "rossler"]), tmp_path / f"{k}.png")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_a_forecast_and_its_error_growth_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path))
    made = cb.simulate("lorenz", points=200, points_per_period=30, seed=0).values[0]
    figure = plot_forecast(
        made, {"late": np.roll(made, 1, axis=0)}, dt=0.02, lyapunov_exponent=0.9,
        variables=("x", "y", "z"),
    )  # fmt: skip
    assert len(figure.axes) == 3
    assert inked(figure) > 0.005
    records = [
        *cb.evaluate("nvar", "forecast/henon-v1"),
        *cb.evaluate("persistence", "forecast/henon-v1"),
    ]
    growth = plot_error_growth(records).axes[0]
    assert [line.get_label() for line in growth.lines[:2]] == ["nvar", "persistence"]


def test_a_gallery_has_a_card_for_every_system(tmp_path):
    page = write_gallery(tmp_path, ["henon", "logistic"])
    text = page.read_text("utf-8")
    for name in ("henon", "logistic"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
        assert f'src="{name}.png"' in text
