"""Systems as data: what is written reads back the same, and a stranger's file does nothing else."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import CorruptDataError, InputError
from chaosbench.systems import own
from chaosbench.systems.written import (
    content_of,
    read_systems,
    system_of,
    systems_text,
    write_systems,
)


def lorenz() -> dict:
    return content_of(cb.systems["lorenz"])


def test_every_system_that_can_be_written_reads_back_with_its_fingerprint():
    written, others = 0, set()
    for name in cb.systems:
        system = cb.systems[name]
        try:
            content = content_of(system)
        except InputError:
            continue
        made = system_of(json.loads(json.dumps(content)))
        written += 1
        assert made.description == system.description
        if made.fingerprint != system.fingerprint:
            others.add(name)
    assert written > 150
    # its matrix of coefficients folds in another order when the parameters are symbols
    assert others == {"competitive_lotka_volterra"}


def test_a_written_system_has_exact_derivatives_and_a_printed_equation():
    system = system_of(lorenz())
    u = np.array([1.0, 2.0, 3.0])
    assert (system.rhs(0.0, u) == cb.systems["lorenz"].rhs(0.0, u)).all()
    assert (system.jacobian(0.0, u) == [[-10, 10, 0], [25, -1, -1], [2, 1, -8 / 3]]).all()
    (line,) = [row for row in systems_text([lorenz()]).splitlines() if "lorenz" in row]
    assert json.loads(line)["equation"][0] == "x' = sigma (y - x)"
    assert system.with_params(rho=0.0).rhs(0.0, u)[1] == 1.0 * (0.0 - 3.0) - 2.0


def test_equal_systems_give_equal_bytes_and_a_file_reads_back(tmp_path):
    contents = [lorenz(), content_of(cb.systems["mackey_glass"]), content_of(cb.systems["henon"])]
    for name in ("a", "b"):
        write_systems(tmp_path / name, contents)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    read = read_systems(tmp_path / "a")
    assert [one["name"] for one in read] == ["lorenz", "mackey_glass", "henon"]
    made = [system_of(one) for one in read]
    assert [one.fingerprint for one in made] == [cb.systems[one.name].fingerprint for one in made]
    assert made[1].rhs(0.0, [1.2], [0.5]) == cb.systems["mackey_glass"].rhs(0.0, [1.2], [0.5])


def test_a_file_of_systems_is_loaded_like_a_python_file(tmp_path):
    place = tmp_path / "mine.json"
    write_systems(place, [lorenz() | {"name": "my_lorenz"}])
    try:
        (system,) = cb.load_systems(place)
        assert cb.systems["my_lorenz"] is system
        assert place.resolve() in own.loaded_files()  # so that no forecaster sees it
    finally:
        own.unload(place.resolve())
    assert "my_lorenz" not in cb.systems


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "../../etc"}, "has the name"),
        ({"name": "x\x1b[31m"}, "has the name"),
        ({"kind": "field"}, "expected flow, map or delay"),
        ({"variables": ["x"] * 300}, "no list of at most 256 variables"),
        ({"variables": ["x", "x", "z"]}, "uses a name twice"),
        ({"variables": ["x", "__class__", "z"]}, "uses the name '__class__'"),
        ({"variables": ["t", "y", "z"]}, "but not t"),
        ({"initial": [1.0, float("inf"), 0.0]}, "finite initial number"),
        ({"initial": [1.0, 2.0]}, "finite initial number"),
        ({"parameters": {"sigma": "1"}}, "no finite number"),
        ({"parameters": {"sigma": 10**400}}, "no finite number"),
        ({"parameters": {"sigma": True}}, "no finite number"),
        ({"nodes": [["mul", "x", "y"]] * 20_001}, "no list of at most 20,000 nodes"),
        ({"nodes": [["exec", "x"]]}, "unknown operation 'exec'"),
        ({"nodes": [["__import__", "x"]]}, "unknown operation"),
        ({"nodes": [["add", "x"]]}, "gives add 1 arguments"),
        ({"nodes": [["add", "x", "#0"]]}, "'#0', which is neither known"),
        ({"nodes": [["add", "x", "#-1"]]}, "neither known before"),
        ({"nodes": [["add", "x", "os"]]}, "'os', which is neither known"),
        ({"nodes": [["powi", "x", 1e300]]}, "no integer of at most 64"),
        ({"nodes": [["sin", {"x": 1}]]}, "neither known before"),
        ({"nodes": [[]]}, "node 0 that is no list"),
        ({"results": ["x"]}, "not one result for each variable"),
        ({"description": "a\x1b[2J"}, "do not print"),
        ({"description": "a" * 400}, "no short text"),
        ({"dissipative": 1}, "whether it is dissipative"),
        ({"fingerprint": "0" * 16}, "it was edited"),
        ({"origin": {"a": ["b"]}}, "no number and no short text"),
        ({"origin": {str(k): 1 for k in range(30)}}, "no small table"),
        ({"delays": [["x_tau", "x", "tau"]]}, "another kind than its delays"),
        ({"__class__": "os.system"}, "unknown entry"),
        ({"nodes": [["div", 1.0, 0.0]], "results": ["#0", "#0", "#0"]}, "cannot be made"),
        ({"nodes": [["log", -1.0]], "results": ["#0", "#0", "#0"]}, "cannot be made"),
    ],
)  # fmt: skip
def test_what_is_no_system_is_refused_with_the_reason(change, words):
    with pytest.raises(CorruptDataError, match=words) as caught:
        system_of(lorenz() | change)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no JSON"),
        (b"\x80\x04\x95", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"format": "chaosbench-systems", "version": 2}', "does not state"),
        (b'{"format": "chaosbench-systems", "version": 1, "systems": 3}', "no list"),
        (b'{"format": "chaosbench-systems", "version": 1, "systems": [NaN]}', "no JSON"),
        (b'{"format": "chaosbench-systems", "version": 1, "systems": [[]]}', "is an object"),
    ],
)
def test_what_is_no_file_of_systems_is_refused(data, words, tmp_path):
    place = tmp_path / "systems.json"
    place.write_bytes(data)
    with pytest.raises(CorruptDataError, match=words):
        read_systems(place)


def test_links_pipes_devices_and_large_files_are_not_read(tmp_path, monkeypatch):
    write_systems(tmp_path / "a.json", [lorenz()])
    (tmp_path / "link.json").symlink_to(tmp_path / "a.json")
    os.mkfifo(tmp_path / "pipe.json")
    for name, words in {"link": "a link", "pipe": "no regular file", "none": "no file"}.items():
        with pytest.raises(CorruptDataError, match=words):
            read_systems(tmp_path / f"{name}.json")
    with pytest.raises(CorruptDataError, match="no regular file"):
        read_systems("/dev/zero")
    monkeypatch.setattr("chaosbench.systems.written.BYTES_AT_MOST", 100)
    with pytest.raises(CorruptDataError, match="larger than the 100 bytes"):
        read_systems(tmp_path / "a.json")


def test_what_cannot_be_written_says_so():
    for name in ("kuramoto", "kuramoto_sivashinsky"):
        with pytest.raises(InputError, match="cannot be written as data"):
            content_of(cb.systems[name])
