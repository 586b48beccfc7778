"""A season from its secret to its scores, and everything in it that may be altered."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chaosbench.errors import CorruptDataError, InputError, ParameterError
from chaosbench.evaluation import read_records
from chaosbench.seasons import (
    Season,
    answer,
    enter,
    make_questions,
    new_season,
    read_questions,
    read_season,
    reveal,
    score_entries,
    verify,
)
from chaosbench.seasons._answers import write_answer
from chaosbench.seasons._questions import arrays_of
from chaosbench.seasons._secret import name_of, read_secret, seed_of

SIZES = {
    "relatives": 0, "newborns": 1, "families": ("quadratic-map-2",), "train_points": 200,
    "windows": 2, "context": 16, "steps_at_most": 80,
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A season of two questions with an entry, revealed; tests alter copies of it."""
    root = tmp_path_factory.mktemp("season")
    new_season(root / "pub", root / "secret", "test-1", **SIZES)
    make_questions(root / "pub", root / "secret", root / "sealed")
    persist(root / "pub", root / "entry")
    enter(root / "pub", root / "entry", "by hand", authors="A. Person")
    shutil.copytree(root / "pub", root / "open")  # before the reveal
    reveal(root / "pub", root / "secret", root / "sealed")
    return root


def persist(season, out):
    """Answer as any program may: read two Parquet files, write one."""
    for one in json.loads((season / "questions" / "questions.json").read_text())["questions"]:
        table = pq.read_table(season / "questions" / one["id"] / "contexts.parquet")
        last = {f"x{i}": table[f"x{i}"].to_numpy() for i in range(one["dimension"])}
        last = {k: v.reshape(one["windows"], -1)[:, -1] for k, v in last.items()}
        windows = np.repeat(np.arange(one["windows"]), one["steps"])
        steps = np.tile(np.arange(1, one["steps"] + 1), one["windows"])
        columns = {"window": windows, "step": steps}
        columns |= {k: np.repeat(v, one["steps"]).astype(np.float32) for k, v in last.items()}
        out.mkdir(exist_ok=True)
        pq.write_table(pa.table(columns), out / f"{one['id']}.parquet", compression="snappy")


@pytest.fixture
def season(made, tmp_path):
    for name in ("pub", "open", "entry"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


def first(folder: Path) -> Path:
    return sorted(folder.glob("q*"))[0]


def test_the_secret_is_committed_to_and_kept_from_others(made):
    assert stat.S_IMODE((made / "secret").stat().st_mode) == 0o600
    secret = read_secret(made / "secret")
    assert len(secret) == 32
    plan = read_season(made / "open")
    assert plan.commits(secret)
    assert not plan.commits(bytes([secret[0] ^ 1]) + secret[1:])
    public = b"".join(p.read_bytes() for p in (made / "open").rglob("*") if p.is_file())
    assert secret.hex().encode() not in public
    assert secret not in public


def test_the_plan_reads_back_as_it_was_written(made):
    plan = read_season(made / "open")
    assert plan == Season(**{k: getattr(plan, k) for k in plan.__dataclass_fields__})
    assert plan.families == ("quadratic-map-2",)
    assert plan.levels == (1, 2)


def test_questions_tell_no_names_and_no_exponents(made):
    questions = read_questions(made / "open")
    assert len(questions) == 2
    assert all(one.steps in (20, 40, 80) for one in questions)
    held = json.loads((made / "open" / "questions" / "questions.json").read_text())
    assert held["questions"][0].keys() == {
        "id", "dimension", "discrete", "dt", "train_points", "windows", "context", "steps",
        "train_sha256", "contexts_sha256",
    }  # fmt: skip
    for one in questions:
        train, contexts = arrays_of(made / "open", one)
        assert train.shape == (1, 200, 2)
        assert contexts.shape == (2, 16, 2)
        table = pq.read_table(made / "open" / "questions" / one.id / "train.parquet")
        assert table.column_names == ["trajectory", "step", "time", "x0", "x1"]
        assert table["time"][0].as_py() == 0.0


def test_training_and_contexts_follow_one_map(made):
    """The data are those of a quadratic map: least squares on six monomials is exact."""
    for one in read_questions(made / "open"):
        train, contexts = arrays_of(made / "open", one)

        def terms(u):
            x, y = u[:, 0], u[:, 1]
            return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)

        found = np.linalg.lstsq(terms(train[0, :-1]), train[0, 1:], rcond=None)[0]
        for window in contexts:
            assert terms(window[:-1]) @ found == pytest.approx(window[1:], abs=1e-10)


def test_names_and_seeds_depend_on_the_secret_and_the_season():
    secret, other = bytes(32), bytes([1]) + bytes(31)
    names = {name_of(s, t, "a", k) for s in (secret, other) for t in "xy" for k in range(3)}
    assert len(names) == 12
    assert seed_of(secret, "x", 1) != seed_of(secret, "x", 2)
    assert 0 <= seed_of(secret, "x", 1) < 2**62


def test_answers_of_any_program_are_scored_beside_the_ceiling(made, tmp_path):
    records = score_entries(made / "pub", [made / "entry"], tmp_path / "run", data=made / "sealed")
    assert sorted({r.task.partition("/")[0] for r in records}) == [
        "test-1-newborns-1", "test-1-newborns-2",
    ]  # fmt: skip
    by_name = {}
    for record in read_records(tmp_path / "run"):
        by_name.setdefault(record.forecaster, []).append(record)
    assert set(by_name) == {"by hand", "perfect model"}
    assert all(r.status == "ok" and r.forecast and r.question for r in records)
    for one, ceiling in zip(by_name["by hand"], by_name["perfect model"], strict=True):
        ours, theirs = one.window_scores["vpt@0.4"], ceiling.window_scores["vpt@0.4"]
        assert max(ours) < 2.0
        assert min(theirs) > max(ours)


@pytest.mark.slow
def test_the_same_secret_gives_the_same_bytes(made, tmp_path):
    found = verify(made / "pub", answers=[made / "entry"], regrow=True)
    assert any("byte for byte" in line for line in found)
    assert len(found) == 5


@pytest.mark.slow
def test_the_same_secret_gives_the_same_bytes_from_two_processes(made):
    assert any("byte for byte" in line for line in verify(made / "pub", regrow=True, workers=2))


@pytest.mark.slow
def test_a_forecaster_answers_in_a_process_of_its_own(made, tmp_path):
    answer(made / "open", "persistence", tmp_path / "a")
    entry = enter(made / "open", tmp_path / "a", "persistence")
    assert "answers.json" in entry.files
    records = score_entries(made / "pub", [tmp_path / "a"], tmp_path / "run", data=made / "sealed")
    (one, *_) = [r for r in records if r.forecaster == "persistence"]
    assert one.status == "ok"
    assert one.fit_seconds >= 0
    assert one.provenance["confinement"]


# ---------------------------------------------------------------- what may be altered


def flip(path: Path, at: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at < 0 else at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "file",
    ["questions/questions.json", "train.parquet", "contexts.parquet", "revealed/systems.json",
     "revealed/sealed.json", "revealed/secret.hex", "constants"],
)  # fmt: skip
def test_one_changed_bit_of_a_season_is_noticed(season, file):
    pub = season / "pub"
    if file == "constants":
        place = sorted((pub / "revealed" / "systems.constants").iterdir())[0]
    else:
        place = pub / file if "/" in file else first(pub / "questions") / file
    flip(place)
    with pytest.raises(CorruptDataError):
        verify(pub)


@pytest.mark.parametrize("file", ["parquet", "entry.toml"])
def test_one_changed_bit_of_an_entry_is_noticed(season, file):
    place = season / "entry" / "entry.toml" if file == "entry.toml" else first(season / "entry")
    flip(place, place.read_bytes().index(b"sha256") if file == "entry.toml" else -1)
    with pytest.raises(CorruptDataError):
        verify(season / "pub", answers=[season / "entry"])


def test_an_answer_that_is_taken_away_or_added_is_noticed(season):
    place = first(season / "entry")
    data = place.read_bytes()
    place.unlink()
    with pytest.raises(CorruptDataError, match="no file"):
        verify(season / "pub", answers=[season / "entry"])
    # sealed without one answer, which comes later
    (season / "entry" / "entry.toml").unlink()
    enter(season / "open", season / "entry", "less")
    place.write_bytes(data)
    with pytest.raises(CorruptDataError, match="added after"):
        verify(season / "pub", answers=[season / "entry"])


def test_a_missing_answer_is_a_failure_and_no_gap(season, made, tmp_path):
    first(season / "entry").unlink()
    (season / "entry" / "entry.toml").unlink()
    enter(season / "open", season / "entry", "less")
    records = score_entries(
        season / "pub", [season / "entry"], tmp_path / "run", data=made / "sealed"
    )
    statuses = sorted(r.status for r in records if r.forecaster == "less")
    assert statuses == ["invalid", "ok"]


def test_nothing_is_sealed_after_the_reveal_or_scored_before_it(season):
    (season / "entry" / "entry.toml").unlink()
    with pytest.raises(InputError, match="must be sealed before"):
        enter(season / "pub", season / "entry", "late")
    with pytest.raises(InputError, match="not revealed yet"):
        score_entries(season / "open", [season / "entry"], season / "run")
    with pytest.raises(InputError, match="not revealed yet"):
        verify(season / "open", regrow=True)


def rewritten(season, change, **options):
    """Replace an answer by a changed one and try to seal it."""
    place = first(season / "entry")
    table = change(pq.read_table(place))
    pq.write_table(table, place, **options)
    (season / "entry" / "entry.toml").unlink()
    return enter(season / "open", season / "entry", "changed")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.slice(0, 40), "rows where"),
        (lambda t: t.drop_columns(["x1"]), "has the columns"),
        (lambda t: t.append_column("x2", t["x1"]), "has the columns"),
        (lambda t: t.set_column(2, "x0", t["x0"].cast(pa.string())), "the type string"),
        (lambda t: t.set_column(2, "x0", pa.array([None] * len(t), pa.float64())), "empty fields"),
        (lambda t: t.take(list(range(len(t)))[::-1]), "out of order"),
        (lambda t: t.set_column(1, "step", pa.array(np.zeros(len(t), np.int32))), "out of order"),
        (lambda t: t.rename_columns(["window", "step", "x0", "\x1b[31m"]), "has the columns"),
    ],
)
def test_what_is_no_answer_is_refused_when_it_is_sealed(season, change, words):
    with pytest.raises(CorruptDataError, match=words) as caught:
        rewritten(season, change)
    assert str(caught.value).isprintable()


def test_a_bomb_is_not_unfolded(season):
    """Two million equal numbers take a file of some kilobytes."""

    def bomb(_):
        n = 2_000_000
        zeros = pa.array(np.zeros(n))
        return pa.table({"window": zeros, "step": zeros, "x0": zeros, "x1": zeros})

    with pytest.raises(CorruptDataError, match=r"unfolds to more|larger than|rows where"):
        rewritten(season, bomb, compression="zstd", use_dictionary=False)


def test_a_forecast_that_is_not_finite_diverged(season, made, tmp_path):
    def nan(table):
        values = table["x0"].to_numpy().copy()
        values[5:] = np.nan
        return table.set_column(2, "x0", pa.array(values))

    rewritten(season, nan)
    records = score_entries(
        season / "pub", [season / "entry"], tmp_path / "run", data=made / "sealed"
    )
    assert sorted(r.status for r in records if r.forecaster == "changed") == ["diverged", "ok"]


@pytest.mark.parametrize("name", ["../a", "a/b", "", "a" * 100, "a\x1b[2J", "<script>", "é"])
def test_names_of_entries_are_plain(season, name):
    (season / "entry" / "entry.toml").unlink()
    with pytest.raises(CorruptDataError, match="the name of an entry"):
        enter(season / "open", season / "entry", name)


def edited(season, old, new):
    place = season / "entry" / "entry.toml"
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('season = "test-1"', 'season = "other-1"', "answers other questions"),
        ('"q', '"../q', "has no file"),
        ('authors = "A. Person"', 'authors = "\\u001b[31m"', "characters that print"),
        ('authors = "A. Person"', 'authors = "' + "a" * 2000 + '"', "at most 1000"),
        ('authors = "A. Person"', 'editors = "A. Person"', "unknown one"),
        ("version = 1", "version = 2", "no entry of version 1"),
        ('license = ""', "license = 3", "is a text"),
        ('name = "by hand"', "name" + ".a" * 300 + " = 1", "a key of many parts"),
        ("[files]", "[files]\n" + "\n".join(f"k{i} = 1" for i in range(30_000)), "too many"),
    ],
)
def test_an_altered_entry_is_refused(season, old, new, words):
    edited(season, old, new)
    with pytest.raises(CorruptDataError, match=words) as caught:
        verify(season / "pub", answers=[season / "entry"])
    assert str(caught.value).isprintable()


def test_large_and_strange_files_are_not_read(season):
    place = season / "entry" / "entry.toml"
    place.write_text("a = 1\n" * 1_000_000)
    with pytest.raises(CorruptDataError, match="larger than"):
        verify(season / "pub", answers=[season / "entry"])
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(CorruptDataError, match="no regular file"):
        verify(season / "pub", answers=[season / "entry"])
    place.unlink()
    place.symlink_to("/etc/passwd")
    with pytest.raises(CorruptDataError, match="a link"):
        verify(season / "pub", answers=[season / "entry"])


def test_an_answer_that_is_a_link_is_refused(season):
    place = first(season / "entry")
    shutil.move(place, season / "moved")
    place.symlink_to(season / "moved")
    with pytest.raises(CorruptDataError, match="a link"):
        verify(season / "pub", answers=[season / "entry"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("newborns = 1", "newborns = 100000", "newborns must be"),
        ("levels = [1, 2]", "levels = [7]", "levels are some of"),
        ('id = "test-1"', 'id = "../x"', "the id of a season"),
        ("generator = 1", "generator = 2", "version of chaosbench"),
        ("windows = 2", "windows = true", "windows must be"),
        ("windows = 2", "windows = 2\nsurprise = 1", "unknown entry"),
        ('closes = ""', 'closes = "soon"', "must be a date"),
        ('protocol = "forecast-v2"', 'protocol = "x"', "another protocol"),
    ],
)
def test_an_altered_plan_is_refused(season, old, new, words):
    place = season / "pub" / "season.toml"
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))
    with pytest.raises(CorruptDataError, match=words):
        verify(season / "pub")


@pytest.mark.slow
def test_an_altered_number_of_the_plan_is_found_by_drawing_it_again(season):
    """The plan itself has no hash but where it was published."""
    place = season / "pub" / "season.toml"
    place.write_text(place.read_text().replace("train_points = 200", "train_points = 201"))
    with pytest.raises(CorruptDataError, match="other questions"):
        verify(season / "pub", regrow=True)


def test_another_secret_is_refused(made, tmp_path):
    (tmp_path / "other").write_text("00" * 32)
    (tmp_path / "other").chmod(0o600)
    with pytest.raises(InputError, match="is not the secret"):
        reveal(made / "open", tmp_path / "other", made / "sealed")
    (tmp_path / "other").chmod(0o644)
    with pytest.raises(InputError, match="others can read"):
        reveal(made / "open", tmp_path / "other", made / "sealed")


def test_a_new_season_keeps_its_secret_out_of_sight(tmp_path, made):
    with pytest.raises(InputError, match="must lie outside"):
        new_season(tmp_path / "a", tmp_path / "a" / "secret", "test-2")
    with pytest.raises(InputError, match="used for one season only"):
        new_season(tmp_path / "a", made / "secret", "test-2")
    with pytest.raises(ParameterError, match="no family of newborns 'relatives'"):
        new_season(tmp_path / "a", tmp_path / "s", "test-2", families=("relatives",))
    assert not (tmp_path / "s").exists()
    with pytest.raises(InputError, match="holds a season already"):
        new_season(made / "open", tmp_path / "s", "test-2")


def test_an_answer_reads_back(tmp_path, made):
    from chaosbench.seasons._answers import answer_of

    one = read_questions(made / "open")[0]
    values = np.random.default_rng(0).standard_normal((one.windows, one.steps, one.dimension))
    write_answer(tmp_path / "a.parquet", values)
    assert (answer_of(tmp_path / "a.parquet", one, "") == values).all()
