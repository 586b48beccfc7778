"""The lists of sources: complete, of one form, cited, and in agreement with what cites them."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
from bibliography import Entry, plain, read

import chaosbench
from chaosbench.systems import registry

CODE = Path(chaosbench.__file__).parent
LISTS = {
    name: read(CODE / name / "references.bib")
    for name in ("systems", "metrics", "numerics", "forecasters", "series")
}
LISTS["literature"] = read(Path(__file__).parent / "systems" / "literature.bib")
EVERY = [(name, entry) for name, entries in LISTS.items() for entry in entries]
SORTED = {"systems", "metrics", "numerics", "series", "literature"}

NEEDED = {
    "article": {"journal", "volume", "pages"},
    "book": {"publisher"},
    "inproceedings": {"booktitle"},
    "misc": {"eprint", "archiveprefix"},
    "techreport": {"institution", "number"},
}
WITHOUT_VOLUMES = {"Transactions on Machine Learning Research"}
PREFIXES = {  # of the DOIs of a publisher: whoever copies the line of another entry trips here
    "Chaos": "10.1063/",
    "Chaos, Solitons \\& Fractals": "10.1016/",
    "Communications in Mathematical Physics": "10.1007/",
    "International Journal of Bifurcation and Chaos": "10.1142/S02181274",
    "Journal of Fluid Mechanics": "10.1017/",
    "Nature": "10.1038/",
    "Physica D": "10.1016/",
    "Physical Review A": "10.1103/PhysRevA.",
    "Physical Review E": "10.1103/PhysRevE.",
    "Physical Review Letters": "10.1103/PhysRevLett.",
    "Physics Letters A": "10.1016/",
    "Science": "10.1126/",
}

YEAR_IN_DOI = (  # with the pattern, how many years before the issue it may have been given
    # a series whose old volumes were numbered in 2008 is left out
    (r"10\.1016/(?!S0065)S?\d{4}-\d{3}[\dX]\((\d\d)\).*", 2),
    (r"10\.1016/j\.[a-z]+\.\d\d(\d\d)\..*", 2),
    (r"10\.1142/S\d{8}(\d\d)\d{6}|10\.1142/S\d{8}(\d\d)\d{5}X", 0),
    (r"10\.1175/\d{4}-\d{4}\(\d\d(\d\d)\).*", 0),
    (r"10\.1109/[A-Z]+\.\d\d(\d\d)\..*", 1),
)
PLACE_IN_DOI = (  # patterns of volume and first page
    r"10\.1103/PhysRev[A-Z][a-z]*\.(\d+)\.([R\d]+)",
    r"10\.1038/(\d{3})(\d{3})a0",
    r"10\.1073/pnas\.(\d+)\.\d+\.(\d+)",
    r"10\.1126/science\.(\d+)\.\d+\.(\d+)",
    r"10\.1175/\d{4}-\d{4}\(\d{4}\)0*(\d+)<0*(\d+):.*",
)

KEY = r"[a-z]+(?:1[789]|20)\d\d[a-z]*"
BRACKETS = re.compile(rf"\[({KEY}(?:, {KEY})*)(?:, (?:section|chapter|table) [^\]]+)?\]")
PROSE = re.compile(
    r"\b([A-Z][\w’'-]+)(?:, [A-Z][\w-]+)*(?:,? (?:and|&) [A-Z][\w-]+| et al\.)?,? "
    r"\(?((?:1[789]|20)\d\d)\b(?! (?:points|steps|units))"
)


def ids(pair: tuple[str, Entry]) -> str:
    return f"{pair[0]}: {pair[1].key}"


def sources(folder: Path) -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in sorted(folder.rglob("*.py"))}


def cited(text: str) -> set[str]:
    return {key for group in BRACKETS.findall(text) for key in group.split(", ")}


@pytest.mark.parametrize("name", LISTS)
def test_keys_and_dois_and_titles_are_there_once(name):
    entries = LISTS[name]
    keys = [entry.key for entry in entries]
    assert len(keys) == len(set(keys))
    assert name not in SORTED or keys == sorted(keys)
    for field in ("doi", "title", "eprint"):
        values = [plain(e.fields[field]) if field == "title" else e.fields[field].lower()
                  for e in entries if field in e.fields]  # fmt: skip
        twice = {value for value in values if values.count(value) > 1}
        assert not twice, f"{field}: {twice}"


@pytest.mark.parametrize("pair", EVERY, ids=ids)
def test_entry_is_complete(pair):
    _, entry = pair
    fields = entry.fields
    needed = {"author", "title", "year"} | NEEDED[entry.kind]
    if fields.get("journal") in WITHOUT_VOLUMES:
        needed -= {"volume", "pages"}
    assert needed <= fields.keys()
    assert all(value == value.strip() != "" for value in fields.values())
    year = int(fields["year"])
    assert 1700 <= year <= datetime.datetime.now(datetime.UTC).year
    stem, in_key = re.fullmatch(r"([a-z]+)(\d{4})[a-z]*", entry.key).groups()
    assert int(in_key) == year
    first = fields["author"].split(" and ")[0].partition(",")[0]
    umlauts = re.sub(r"\{?\\\"([aou])\}?|([äöü])", _two_letters, first)
    assert stem.startswith((entry.families[0], plain(umlauts)))


def _two_letters(found: re.Match[str]) -> str:
    return found[1] + "e" if found[1] else {"ä": "ae", "ö": "oe", "ü": "ue"}[found[2]]


@pytest.mark.parametrize("pair", EVERY, ids=ids)
def test_numbers_are_of_one_form(pair):
    _, entry = pair
    fields = entry.fields
    if "doi" in fields:
        assert re.fullmatch(r"10\.\d{4,5}/\S+", fields["doi"])
        assert fields["doi"].startswith(PREFIXES.get(fields.get("journal", ""), "10."))
    if "eprint" in fields:
        assert fields["archiveprefix"] == "arXiv"
        assert re.fullmatch(r"\d{4}\.\d{4,5}|[a-z-]+/\d{7}", fields["eprint"])
    for name in ("pages", "number", "volume"):
        value = fields.get(name, "1")
        assert "–" not in value
        assert re.fullmatch(r"[A-Za-z0-9]+(-\d+)?(--[A-Za-z0-9]+(-\d+)?)?", value)
        assert not re.fullmatch(r"\d+-\d+", value), "a range has two hyphens"
        first, _, last = value.partition("--")
        if first.isdigit() and last.isdigit():
            assert int(first) < int(last)
    for value in fields.values():
        assert not re.search(r"\s[-–—]\s|\.\.\.", value)


@pytest.mark.parametrize("pair", EVERY, ids=ids)
def test_doi_agrees_with_year_volume_and_page(pair):
    """Where the publisher builds it from them."""
    fields = pair[1].fields
    assert fields["year"].isdigit()
    doi = fields.get("doi", "")
    for pattern, earlier in YEAR_IN_DOI:
        found = re.fullmatch(pattern, doi)
        if found:
            given = next(group for group in found.groups() if group)
            assert (int(fields["year"]) - int(given)) % 100 <= earlier
    for pattern in PLACE_IN_DOI:
        found = re.fullmatch(pattern, doi)
        if found:
            page = fields["pages"].partition("--")[0].lstrip("0")
            assert (found[1], found[2].lstrip("0")) == (fields["volume"], page)


def test_what_several_lists_hold_is_the_same_in_all():
    seen: dict[str, Entry] = {}
    for _, entry in EVERY:
        assert seen.setdefault(entry.key, entry) == entry, entry.key


def test_a_doi_names_one_work():
    keys: dict[str, set[str]] = {}
    for _, entry in EVERY:
        if "doi" in entry.fields:
            keys.setdefault(entry.fields["doi"].lower(), set()).add(entry.key)
    assert not {doi: found for doi, found in keys.items() if len(found) > 1}


@pytest.mark.parametrize("name", ["systems", "metrics", "numerics", "forecasters", "series"])
def test_what_is_cited_is_listed_and_what_is_listed_is_cited(name):
    """In brackets; of systems also as their reference, of others also under References."""
    files = sources(CODE / name)
    listed = {entry.key for entry in LISTS[name]}
    also = {entry.key for entry in LISTS["numerics"]} if name == "systems" else set()
    used = set()
    for path, text in files.items():
        keys = cited(text)
        if name in ("metrics", "series"):
            keys |= set(re.findall(rf"\b{KEY}\b", text))
        assert keys <= listed | also, path
        used |= keys
    if name == "systems":
        used |= {registry[system].reference for system in registry}
    if name == "numerics":
        for other in ("systems", "dynamics"):
            used |= set.union(*(cited(text) for text in sources(CODE / other).values()))
    assert listed <= used


def test_authors_and_years_in_prose_are_those_of_a_source():
    works = {(family, e.fields["year"]) for _, e in EVERY for family in e.families}
    wrong = [
        f"{path.relative_to(CODE)}: {found[0]}"
        for path, text in sources(CODE).items()
        for found in PROSE.finditer(text)
        if (plain(found[1]), found[2]) not in works
    ]
    assert not wrong


def test_the_reader_refuses_an_entry_that_does_not_end(tmp_path):
    path = tmp_path / "list.bib"
    good = "@book{name2000,\n  title = {A {B}}\n}\n"
    path.write_text(good)
    assert [entry.fields for entry in read(path)] == [{"title": "A {B}"}]
    for bad in (good.replace("}\n}\n", "}\n"), good.replace("{B}", "{B"), good + "stray\n"):
        path.write_text(bad)
        with pytest.raises(AssertionError):
            read(path)
