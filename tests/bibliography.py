"""Reading of the lists of sources, strict enough for every BibTeX."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = re.compile(r"@([a-z]+)\{([a-z]+\d{4}[a-z]*),\n((?:  [a-z]+ = \{.*\},?\n)+)\}\n")
FIELD = re.compile(r"  ([a-z]+) = \{(.*)\}(,?)\n")


@dataclass(frozen=True)
class Entry:
    """One source: its kind, its key and its fields."""

    kind: str
    key: str
    fields: dict[str, str]

    @property
    def families(self) -> list[str]:
        """Family names of the authors, in plain small letters."""
        names = self.fields["author"].split(" and ")
        return [plain(name.partition(",")[0]) for name in names if name != "others"]


def plain(text: str) -> str:
    """Return the letters of a text without accents, in whatever way it writes them."""
    text = text.replace(r"\i", "i").replace(r"\ss", "ss").replace("ß", "ss")
    text = re.sub(r"\\[a-z]+\{|\\.", "", text)  # accents of TeX
    text = unicodedata.normalize("NFKD", text)
    return "".join(c for c in text if c.isascii() and c.isalpha()).lower()


def read(path: Path) -> list[Entry]:
    """Read a list; whatever is neither entry nor comment nor empty line is an error."""
    text = path.read_text("utf-8")
    rest = ENTRY.sub("", text)
    stray = [line for line in rest.splitlines() if line.strip() and not line.startswith("%")]
    assert not stray, f"{path}: {stray[:3]}"
    entries = []
    for kind, key, body in ENTRY.findall(text):
        fields = FIELD.findall(body)
        assert [comma for _, _, comma in fields] == [","] * (len(fields) - 1) + [""], key
        names = [name for name, _, _ in fields]
        assert len(names) == len(set(names)), f"{key} has a field twice"
        for _, value, _ in fields:
            assert balanced(value), f"{key}: {value}"
        entries.append(Entry(kind, key, {name: value for name, value, _ in fields}))
    return entries


def balanced(value: str) -> bool:
    depth = 0
    for c in value:
        depth += (c == "{") - (c == "}")
        if depth < 0:
            return False
    return depth == 0
