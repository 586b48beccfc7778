"""The web page: its text, what it must not do, and how it behaves in a browser."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from chaosbench.errors import InputError
from chaosbench.evaluation import Record
from chaosbench.leaderboard import rank, render_page, write_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium")  # else the one that playwright brings
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
VOID = {"meta", "link", "br", "wbr", "hr", "img", "input"}


class Outline(HTMLParser):
    """Check that every element is closed, and collect the ids and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def text(records: tuple[Record, ...]) -> str:
    return render_page(records, bootstrap=200)


def parse(text: str) -> Outline:
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    return outline


def test_the_page_is_well_formed_and_has_every_section(text: str) -> None:
    outline = parse(text)
    assert len(set(outline.ids)) == len(outline.ids)
    assert {
        "leaderboard", "heat", "failed", "standings", "intervals", "systems", "growth",
        "failures", "method", "recompute", "provenance",
    } <= set(outline.ids)  # fmt: skip
    assert "$" not in outline.text  # every placeholder was filled
    assert "ValueError: <b>lags</b> & targets disagree" in outline.text
    assert "3f2a9c51" in outline.text


def test_every_number_of_the_table_is_that_of_the_ranking(
    text: str, records: tuple[Record, ...]
) -> None:
    rows = re.findall(r'<tr data-forecaster="([^"]+)" data-rank="(\d*)">(.*?)</tr>', text)
    lines = rank(records, bootstrap=200)
    assert [(name, place) for name, place, _ in rows] == [
        (line.forecaster, "" if line.rank is None else str(line.rank)) for line in lines
    ]
    for (_, _, cells), line in zip(rows, lines, strict=True):
        values = re.findall(r'data-value="([^"]*)"', cells)
        assert float(values[1]) == pytest.approx(line.score, abs=1e-6)
        held = [None if value == "" else int(float(value)) for value in values[2:4]]
        assert held == [line.rank_low, line.tie_group]
        assert float(values[5]) == line.failures


def test_plots_are_valid_xml_with_a_mark_for_every_forecaster(text: str) -> None:
    drawings = [ElementTree.fromstring(part) for part in re.findall(r"<svg.*?</svg>", text, re.S)]
    assert len(drawings) == 4  # two plots, each for wide and narrow screens
    for drawing in drawings:
        rows = [group for group in drawing.iter("g") if "row" in group.attrib["class"]]
        assert len(rows) == 11
        left, top, width, height = map(float, drawing.attrib["viewBox"].split())
        for label in drawing.iter("text"):
            assert left <= float(label.attrib["x"]) <= left + width
            assert top <= float(label.attrib["y"]) <= top + height


def test_nothing_is_loaded_from_anywhere(text: str) -> None:
    assert not re.search(r'(src|href)="(?!data:,")', text)
    assert not re.search(r"url\(|@import|https?:", text)
    assert "default-src 'none'" in text


def test_the_same_records_in_any_order_give_the_same_bytes(
    records: tuple[Record, ...], tmp_path: Path
) -> None:
    first = write_page(records, tmp_path / "a.html", bootstrap=50)
    second = write_page(reversed(records), tmp_path / "b.html", bootstrap=50)
    assert first.read_bytes() == second.read_bytes()
    dated = render_page(records, bootstrap=50, generated="on 1 May")
    assert "on 1 May" in dated


def test_text_from_records_is_escaped_everywhere(records: tuple[Record, ...]) -> None:
    evil = '"><script>alert(1)</script>'
    hostile = [
        replace(
            record,
            forecaster=evil + record.forecaster,
            task=f"forecast/{evil}{record.system}-v1",
            system=evil + record.system,
            message=evil,
            config={evil: evil},
            equations=(evil, evil),
            provenance={evil: {evil: [evil]}},
        )
        for record in records
    ]
    page = render_page(hostile, title=evil, bootstrap=0, generated=evil)
    outline = parse(page)
    assert outline.tags.count("script") == 1  # the page's own
    assert "alert(1)" in outline.text


def test_a_page_without_failures_ceilings_or_errors_says_so(records: tuple[Record, ...]) -> None:
    plain = [
        replace(record, scores={}, provenance={})
        for record in records
        if record.status == "ok" and record.forecaster in ("esn", "climatology")
    ]
    page = render_page(plain[:5], bootstrap=0)
    outline = parse(page)
    assert "every run ended well" in outline.text
    assert "carry no provenance" in outline.text
    assert "None was computed" in outline.text
    assert "growth" not in outline.ids
    assert 'class="ceiling"' not in page


def test_equations_are_folded_away_below_the_failures(records: tuple[Record, ...]) -> None:
    shown = [
        replace(r, equations=("x0' = 10 x1",)) if r.forecaster == "sindy" else r for r in records
    ]
    page = render_page(shown, bootstrap=0)
    assert page.count("<code>x0&#x27; = 10 x1</code>") == 8
    assert "equations" in parse(page).ids
    assert "equations" not in parse(render_page(records, bootstrap=0)).ids


def test_pages_of_other_tracks_are_linked(records: tuple[Record, ...]) -> None:
    page = render_page(records, bootstrap=0, others={"<climate>": 'a".html'})
    assert '<a href="a&quot;.html">&lt;climate&gt;</a>' in page
    assert "<nav" not in render_page(records, bootstrap=0)


def test_a_missing_run_shows_as_incomplete(records: tuple[Record, ...]) -> None:
    gone = [("esn", "chua"), ("true_equation", "chua")]
    page = render_page([r for r in records if (r.forecaster, r.system) not in gone], bootstrap=0)
    assert "Incomplete" in page
    assert "esn (1), true_equation (1)" in page
    assert page.count('class="missing"') == 1  # the ceiling is never imputed
    assert re.findall(r'class="imputed" title="(\S+ on \S+)', page) == ["esn on chua:"]


def test_many_systems_stand_their_names_on_end(records: tuple[Record, ...]) -> None:
    wide = [
        replace(record, system=f"{record.system}{k}", task=f"forecast/{record.system}{k}-v1")
        for record in records
        for k in range(3)
    ]
    assert '<table id="heat" class="many">' in render_page(wide, bootstrap=0)
    assert '<table id="heat">' in render_page(records, bootstrap=0)


def test_no_records_no_page(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no records"):
        write_page([], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def opened(browser: Browser, text: str, tmp_path: Path) -> Iterator[Page]:
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "data:")) else problems.append(request.url)
        ),
    )
    page.goto(file.as_uri())
    yield page
    page.close()
    assert problems == []


def shown(page: Page) -> list[str]:
    rows = page.locator("#leaderboard tbody tr")
    return [row.get_attribute("data-forecaster") or "" for row in rows.all()]


def test_a_click_on_a_heading_sorts(opened: Page, records: tuple[Record, ...]) -> None:
    lines = rank(records, bootstrap=0)
    names = [line.forecaster for line in lines]
    ranked = lines[:-1]
    assert shown(opened) == names
    head = opened.locator('#leaderboard th[data-key="d_stsp"]')
    head.click()
    by_divergence = [
        line.forecaster for line in sorted(ranked, key=lambda line: line.scores["d_stsp"])
    ]
    assert shown(opened) == [*by_divergence, "true_equation"]  # the ceiling stays below
    assert shown(opened) != names
    assert head.get_attribute("aria-sort") == "ascending"
    head.click()
    assert shown(opened) == [*by_divergence[::-1], "true_equation"]
    assert head.get_attribute("aria-sort") == "descending"
    opened.locator('#leaderboard th[data-key="win_rate"]').click()
    assert shown(opened)[0] == "esn:units=1000"  # higher is better, so the best comes first
    assert head.get_attribute("aria-sort") == "none"


def test_the_keyboard_sorts_too(opened: Page) -> None:
    opened.locator('#leaderboard th[data-key="forecaster"] button').focus()
    opened.keyboard.press("Enter")
    assert shown(opened)[:-1] == sorted(shown(opened)[:-1])
    opened.keyboard.press("Space")
    assert shown(opened)[:-1] == sorted(shown(opened)[:-1], reverse=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1280])
def test_the_page_fits_its_screen_and_is_readable(opened: Page, width: int, scheme: str) -> None:
    opened.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    opened.set_viewport_size({"width": width, "height": 844})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    contrast = opened.evaluate(
        """() => {
          const canvas = document.createElement("canvas")
            .getContext("2d", {willReadFrequently: true});
          const luminance = colour => {
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
              .map(c => c / 255)
              .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const paper = getComputedStyle(document.body).backgroundColor;
          return [...document.querySelectorAll("p, td, #heat td, th")].map(cell => {
            const style = getComputedStyle(cell);
            const clear = style.backgroundColor === "rgba(0, 0, 0, 0)";
            const back = luminance(clear ? paper : style.backgroundColor);
            const front = luminance(style.color);
            return (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
          });
        }"""
    )
    assert len(contrast) > 200
    assert min(contrast) > 4.4  # WCAG asks for 4.5, rounded colours included
    visible = opened.locator("svg:visible").count()
    assert visible == 2  # either the wide pair or the narrow one


def test_lines_of_error_growth_are_over_the_same_tasks() -> None:
    """Ten Lyapunov times are reached by one task only, and there by the best of all errors."""
    from chaosbench.leaderboard._admission import prepare
    from chaosbench.leaderboard._growth import growth
    from chaosbench.leaderboard.ranking import standings

    def record(system: str, scores: dict[str, float]) -> Record:
        return Record(
            task=f"forecast/{system}-v1", system=system, forecaster="esn", config={}, seed=0,
            exam_seed=0, status="ok", scores=scores,
            window_scores={"vpt@0.4": (1.0, 2.0), "censored@0.4": (0.0, 0.0)},
        )  # fmt: skip

    early = {"nrmse@1": 0.1, "nrmse@2": 0.4}
    records = [record(system, early) for system in ("chua", "rossler")]
    records.append(record("lorenz", {"nrmse@1": 1e-6, "nrmse@2": 1e-5, "nrmse@10": 1e-4}))
    drawn = growth(prepare(records), standings(prepare(records), bootstrap=0), 0.4)
    curve = re.search(r'<path d="(M[^"]*)" class="curve"/>', drawn)
    assert curve is not None
    heights = [float(point.split()[1]) for point in curve[1].removeprefix("M").split(" L")]
    assert len(heights) == 2
    assert heights[1] < heights[0]  # up the page: errors grow
    assert "over windows and 3 systems" in drawn
    records[0] = record("chua", {"nrmse@1": 0.1})
    drawn = growth(prepare(records), standings(prepare(records), bootstrap=0), 0.4)
    assert "the 2 of 3 systems that reach as far" in drawn


def test_of_many_lines_the_first_are_named() -> None:
    from chaosbench.leaderboard._svg import NAMED, Curve, error_growth

    curves = [Curve(f"method_{k:02d}", (1.0, 2.0), (0.1, 0.2), False) for k in range(30)]
    curves.append(Curve("truth", (1.0, 2.0), (1e-5, 1e-4), True))
    drawn = error_growth(curves, threshold=0.4, width=700, kind="wide")
    named = re.findall(r'class="name">(\w+)<', drawn)
    assert named == [*(f"method_{k:02d}" for k in range(NAMED)), "truth"]
    assert drawn.count('class="curve"') == 31
    assert "<title>method_29</title>" in drawn


def test_provenance_is_short_whatever_the_number_of_windows() -> None:
    from chaosbench.leaderboard._facts import provenance

    many = [10.00144048116396 + k / 100 for k in range(20)]
    record = Record(
        task="forecast/lorenz-v1", system="lorenz", forecaster="esn", config={}, seed=0,
        exam_seed=0, status="ok",
        provenance={"certified": many, "few": [1.0, 1.00000001], "none": [], "rate": 0.9071234567},
    )  # fmt: skip
    assert dict(provenance([record])) == {
        "certified": "10 to 10.19", "few": "1", "none": "", "rate": "0.9071",
    }  # fmt: skip
