from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

import chaosbench.registry as module
from chaosbench.errors import InputError, UnknownNameError
from chaosbench.registry import PluginWarning, Registry


@pytest.fixture
def registry() -> Registry[object]:
    registry: Registry[object] = Registry("thing")
    registry.add("beta", 2, aliases=("b", "Beta"))
    registry.add("alpha", 1)
    return registry


def test_is_a_mapping_of_primary_names_in_order(registry):
    assert list(registry) == ["alpha", "beta"]
    assert len(registry) == 2
    assert dict(registry.items()) == {"alpha": 1, "beta": 2}


def test_aliases_resolve_but_are_not_listed(registry):
    assert registry["b"] == registry["Beta"] == 2
    assert registry.resolve("b") == "beta"
    assert "b" in registry
    assert "b" not in list(registry)


def test_unknown_names_suggest(registry):
    with pytest.raises(UnknownNameError, match="no thing named 'alhpa'; did you mean 'alpha'"):
        registry["alhpa"]
    assert registry.get("alhpa") is None
    assert "alhpa" not in registry
    assert 3 not in registry


@pytest.mark.parametrize(
    ("name", "aliases"), [("b", ()), ("gamma", ("alpha",)), ("gamma", ("b",)), ("alpha", ())]
)
def test_names_belong_to_one_thing(registry, name, aliases):
    before = dict(registry)
    with pytest.raises(InputError, match="already"):
        registry.add(name, 3, aliases=aliases)
    assert dict(registry) == before


def test_adding_the_same_thing_again_is_no_error(registry):
    value = registry["beta"]
    registry.add("beta", value, aliases=("b",))
    assert len(registry) == 2


def test_population_happens_once_and_when_needed():
    calls = []

    def populate():
        calls.append(1)
        registry.add("late", 5)

    registry: Registry[int] = Registry("thing", populate=populate)
    assert calls == []
    assert registry["late"] == 5
    assert list(registry) == ["late"]
    assert calls == [1]


class TestEntryPoints:
    @pytest.fixture
    def registry(self, monkeypatch):
        points = [
            EntryPoint("path", "pathlib:Path", "group"),
            EntryPoint("broken", "no_such_module_at_all:thing", "group"),
        ]
        monkeypatch.setattr(module, "entry_points", lambda group: points)
        return Registry("thing", group="group")

    def test_load_when_asked_for(self, registry):
        from pathlib import Path

        assert list(registry) == ["broken", "path"]
        assert registry["path"] is Path

    def test_a_broken_plugin_says_which_and_why(self, registry):
        with pytest.raises(InputError, match=r"'broken' \(no_such_module_at_all:thing\)") as caught:
            registry["broken"]
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)

    def test_a_broken_plugin_is_a_warning_and_the_rest_works(self, registry):
        with pytest.warns(PluginWarning, match="broken"):
            available = registry.available()
        assert list(available) == ["path"]

    def test_what_is_registered_outright_wins(self, registry):
        registry.add("path", "mine")
        assert registry["path"] == "mine"


def test_a_package_can_be_its_registry():
    import chaosbench.systems as systems

    assert systems["Lorenz"] is systems.registry["lorenz"]
    assert "lorenz" in systems
    assert list(systems) == list(systems.registry)
    assert len(systems) == len(systems.registry)
