"""Every source that the numerics cite is listed, and none that they do not."""

from __future__ import annotations

import re
from importlib import resources

CITED = re.compile(r"\[((?:[a-z]+(?:19|20)\d\d(?:, )?)+)(?:, (?:section|chapter) [^\]]+)?\]")


def test_sources_are_listed():
    folder = resources.files("chaosbench.numerics")
    files = [f for f in folder.iterdir() if f.name.endswith(".py")]
    files += [resources.files("chaosbench.systems") / "_witness.py"]
    text = "".join(f.read_text("utf-8") for f in files)
    cited = {key for group in CITED.findall(text) for key in group.rstrip(", ").split(", ")}
    listing = (folder / "references.bib").read_text("utf-8")
    listed = set(re.findall(r"^@\w+\{(\w+),", listing, re.MULTILINE))
    assert cited == listed
    assert {"hairer1993", "leine2004", "steinebach2023"} <= cited
