"""The data of tasks and suites, and what the command line makes of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from chaosbench.cli import app
from chaosbench.datasets import Dataset, generate, open_dataset
from chaosbench.errors import ParameterError, UnknownNameError
from chaosbench.tasks import Task, recipes, registry, suites

SMALL = ("--train-points", "40", "--windows", "2", "--context", "8", "--horizon", "0.3")


def test_a_suite_has_the_recipes_of_its_tasks():
    (noisy,) = recipes(["lite-noisy"]).values()
    assert noisy.noise == 0.05
    assert noisy.systems == tuple(registry[t].system for t in suites["lite-noisy"].tasks)
    found = recipes(["gaps/lorenz-v1", "gaps/rossler-v1", "partial/lorenz-v1", "henon", "lite"])
    assert list(found) == ["systems", "gaps", "partial", "forecast"]
    assert (found["gaps"].missing, found["gaps"].systems) == (0.3, ("lorenz", "rossler"))
    assert found["partial"].observed == ("x",)
    assert found["forecast"].systems == tuple(registry[t].system for t in suites["lite"].tasks)
    (first,) = recipes(["lite-v1"]).values()
    assert first == Dataset(first.systems)


def test_every_task_has_its_own_recipe():
    found = recipes(["full"])
    for task in (registry[name] for name in suites["full"].tasks):
        mine = [
            recipe for name, recipe in found.items()
            if name.startswith(task.track) and task.system in recipe.systems
            and replace(recipe.only(task.system), observed=()) == task.dataset
        ]  # fmt: skip
        assert (task.observed or ()) in [recipe.observed for recipe in mine]


def test_names_that_are_nothing_are_refused_with_what_was_meant():
    with pytest.raises(UnknownNameError, match="did you mean 'lite-noisy'"):
        recipes(["lite-nosy"])


def test_recipes_without_observed_variables_keep_their_hash():
    assert Dataset(("lorenz",)).hash == "0dc513808409eab1"
    assert "observed" not in Dataset(("lorenz",), noise=0.05).recipe()
    assert Dataset(("lorenz",), observed=("x",)).hash != Dataset(("lorenz",)).hash
    for bad, words in ((("q",), "no variable 'q'"), ("x", "tuple of names")):
        with pytest.raises(ParameterError, match=words):
            Dataset(("lorenz",), observed=bad)
    with pytest.raises(ParameterError, match="all variables"):
        Task("forecast/lorenz-v1", Dataset(("lorenz",), observed=("x",)), metrics=("vpt",))


def test_what_is_observed_is_a_part_of_the_same_numbers(tmp_path):
    whole = Dataset(
        ("lorenz",), train_points=30, windows=2, context=6, horizon_lyapunov=0.2, noise=0.1
    )
    a = generate(whole, tmp_path / "a")
    b = generate(replace(whole, observed=("z", "x")), tmp_path / "b")
    for split in ("train", "test", "context"):
        all_of_it, part = a.load("lorenz", split), b.load("lorenz", split)
        assert part.variables == ("x", "z")
        np.testing.assert_array_equal(part.values, all_of_it.values[..., [0, 2]])
        if split != "context":
            np.testing.assert_array_equal(part.certified_until, all_of_it.certified_until)


def command(*args):
    result = CliRunner().invoke(app, [str(a) for a in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_data_generate_makes_what_a_suite_sees(tmp_path, monkeypatch):
    out = tmp_path / "data"
    said = command("data", "generate", "noisy-20/henon-v1", *SMALL, "--out", out)
    assert "noise 0.2" in said.stdout
    assert "train_points 40" in said.stdout
    stored = open_dataset(out)
    seen, truth = stored.load("henon", "context").values, stored.load("henon", "test").values
    assert not np.array_equal(seen, truth[:, :8])


def test_data_generate_keeps_several_recipes_apart_and_verifies_them_together(tmp_path):
    out = tmp_path / "data"
    args = ("data", "generate", "gaps/henon-v1", "partial/henon-v1", "logistic", *SMALL)
    said = command(*args, "--out", out)
    assert "missing 0.3" in said.stdout
    assert "observed x" in said.stdout
    folders = {path.name for path in out.iterdir()}
    assert folders == {"_datasets.json", "dataset=gaps", "dataset=partial", "dataset=systems"}
    assert open_dataset(out / "dataset=partial").load("henon", "train").variables == ("x",)
    checked = command("data", "verify", out).stdout
    assert all(f"{name}: " in checked for name in ("gaps", "partial", "systems"))
    again = command(*args, "--out", out, "--format", "json")
    assert len(json.loads(again.stdout)["datasets"]) == 3


def test_data_generate_takes_noise_gaps_and_observed_variables(tmp_path):
    out = tmp_path / "data"
    command(
        "data", "generate", "lorenz", *SMALL, "--noise", 0.1, "--missing", 0.5, "--observed", "y",
        "--out", out,
    )  # fmt: skip
    train = open_dataset(out).load("lorenz", "train")
    assert train.variables == ("y",)
    assert 0.2 < np.isnan(train.values).mean() < 0.8
