from __future__ import annotations

import re
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

    @pytest.mark.parametrize("loaded", [False, True])
    def test_what_is_installed_keeps_its_name(self, registry, loaded):
        from pathlib import Path

        if loaded:
            assert registry["path"] is Path
        with pytest.raises(InputError, match="'path' already"):
            registry.add("path", "mine")
        with pytest.raises(InputError, match="'broken' already belongs to no_such_module"):
            registry.add("mine", "mine", aliases=("broken",))
        assert registry["path"] is Path
        registry.add("path", Path)  # the same thing again
        assert "mine" not in registry


class TestNames:
    """Of entry points and of what is added: one owner, whatever is installed in which order."""

    OURS = EntryPoint("esn", "chaosbench.errors:InputError", "group")
    TAKES_OURS = EntryPoint("esn", "pathlib:Path", "group")
    ONE, OTHER = (EntryPoint("mine", f"pathlib:{name}", "group") for name in ("Path", "PurePath"))
    ESCAPES = EntryPoint("../../escape", "pathlib:Path", "group")
    CEILING = EntryPoint("perfect-model", "pathlib:Path", "group")

    def registry(self, monkeypatch, *points):
        monkeypatch.setattr(module, "entry_points", lambda group: points)
        return Registry(
            "thing", group="group", named=re.compile(r"[\w-]{1,64}"), reserved=["perfect model"]
        )

    @pytest.mark.parametrize("points", [(OURS, TAKES_OURS), (TAKES_OURS, OURS)])
    def test_a_plugin_cannot_take_a_name_of_ours(self, monkeypatch, points):
        registry = self.registry(monkeypatch, *points)
        with pytest.warns(PluginWarning, match="pathlib:Path is left out: .* 'esn' belongs to"):
            assert registry["esn"] is InputError

    def test_two_plugins_of_one_name_have_none(self, monkeypatch):
        registry = self.registry(monkeypatch, self.ONE, self.OTHER, self.OURS)
        with pytest.warns(PluginWarning, match="two installed packages"):
            assert list(registry) == ["esn"]
        with pytest.raises(InputError, match=r"pathlib:Path and for pathlib:PurePath; uninstall"):
            registry["mine"]
        with pytest.raises(InputError, match="two installed packages"):
            registry.add("mine", 3)

    @pytest.mark.parametrize("point", [ESCAPES, CEILING])
    def test_a_name_that_is_none_is_left_out(self, monkeypatch, point):
        registry = self.registry(monkeypatch, point, self.OURS)
        with pytest.warns(PluginWarning, match="left out"):
            assert list(registry) == ["esn"]

    @pytest.mark.parametrize(
        "name", ["", "a/b", "../../escape", "a\0b", "a\n", "x" * 65, "é ", "Perfect_Model", "a b"]
    )
    def test_a_wrong_name_is_one_sentence(self, monkeypatch, name):
        registry = self.registry(monkeypatch, self.OURS)
        with pytest.raises(InputError, match=r"cannot be the name|is reserved") as caught:
            registry.add(name, 3)
        assert "\n" not in str(caught.value)
        assert list(registry) == ["esn"]

    def test_a_class_is_known_under_the_name_that_its_package_exports(self, monkeypatch):
        point = EntryPoint(
            "mine", "collections.abc:Mapping", "group"
        )  # defined in _collections_abc
        registry = self.registry(monkeypatch, point)
        from collections.abc import Mapping

        assert registry.name_of(Mapping) == "mine"


def test_a_package_can_be_its_registry():
    import chaosbench.systems as systems

    assert systems["Lorenz"] is systems.registry["lorenz"]
    assert "lorenz" in systems
    assert list(systems) == list(systems.registry)
    assert len(systems) == len(systems.registry)
