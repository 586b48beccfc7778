"""The command line as a user meets it: what it prints, what it refuses, what it exits with."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import chaosbench

FAULTY = Path(__file__).parent / "isolation" / "faulty.py"


def printed_json(*args, **kwargs):
    result = chaosbench(*args, "--format", "json", **kwargs)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "sys.argv = ['chaosbench', '--help']\n"
        "from chaosbench.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as e:\n"
        "    assert e.code == 0, e.code\n"
        "heavy = {'numpy', 'numba', 'llvmlite', 'scipy', 'pandas', 'pyarrow', 'darts', 'torch'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "systems" in result.stdout


def test_systems_list_is_json_with_the_promised_fields():
    rows = printed_json("systems", "list")
    assert len(rows) >= 20
    for row in rows:
        assert {"name", "kind", "dimension", "aliases", "tags", "ranked"} <= row.keys()
    kinds = {row["kind"] for row in rows}
    assert kinds >= {"flow", "delay", "map"}
    by_name = {row["name"]: row for row in rows}
    assert by_name["lorenz"]["aliases"] == ["Lorenz"]
    assert by_name["lorenz96"]["dimension"] == 40


def test_systems_list_filters():
    assert {r["kind"] for r in printed_json("systems", "list", "--kind", "map")} == {"map"}
    driven = printed_json("systems", "list", "--tag", "driven")
    assert "duffing" in {r["name"] for r in driven}


def test_systems_list_takes_all_tags_and_knows_their_names():
    both = printed_json("systems", "list", "--tag", "fluid", "--tag", "driven")
    assert both
    assert all({"fluid", "driven"} <= set(row["tags"]) for row in both)
    refused = chaosbench("systems", "list", "--tag", "hamiltonain")
    assert refused.returncode == 2
    assert refused.stderr.strip() == (
        "error: there is no tag named 'hamiltonain'; did you mean 'hamiltonian'?"
    )


@pytest.mark.parametrize(
    ("text", "low", "high"), [("3", 3, 3), ("3-5", 3, 5), ("40-", 40, 10**9), ("-2", 0, 2)]
)
def test_systems_list_chooses_dimensions(text, low, high):
    found = {row["dimension"] for row in printed_json("systems", "list", "--dimension", text)}
    assert found
    assert low <= min(found) <= max(found) <= high


@pytest.mark.parametrize("text", ["three", "5-3", "-", "3-5-7", ""])
def test_systems_list_refuses_what_is_no_dimension(text):
    refused = chaosbench("systems", "list", "--dimension", text)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "dimension" in refused.stderr


def test_systems_list_is_csv_and_sorted_by_the_kaplan_yorke_dimension():
    import csv
    import io

    result = chaosbench(
        "systems", "list", "--dimension", "3", "--sort", "kaplan-yorke", "--format", "csv"
    )
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    numbers = [float(r["kaplan_yorke_dimension"]) for r in rows if r["kaplan_yorke_dimension"]]
    assert numbers == sorted(numbers, reverse=True)
    lorenz = next(r for r in rows if r["name"] == "lorenz")
    assert float(lorenz["kaplan_yorke_dimension"]) == pytest.approx(2.062, abs=0.002)
    assert "D_KY" in chaosbench("systems", "list", "--tag", "fluid").stdout.splitlines()[0]


def test_systems_cite_prints_bibtex():
    cited = chaosbench("systems", "cite", "lorenz", "rossler")
    assert cited.stdout.startswith("@article{lorenz1963,\n")
    listed = chaosbench("systems", "list", "--tag", "fluid", "--format", "bibtex")
    assert "@article{lorenz1963," in listed.stdout
    refused = chaosbench("systems", "cite", "lorentz")
    assert (refused.returncode, "lorenz" in refused.stderr) == (2, True)


def test_systems_show_fits_on_one_screen_and_says_everything():
    result = chaosbench("systems", "show", "Lorenz")
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) <= 40
    for part in ("x' = sigma (y - x)", "rho = 28", "Lyapunov spectrum", "±", "fingerprint", "rtol"):
        assert part in result.stdout
    shown = printed_json("systems", "show", "lorenz")
    assert shown["parameters"]["rho"] == 28.0
    assert shown["constants"]["fingerprint"] == shown["fingerprint"]


def test_systems_simulate_writes_parquet_and_does_not_overwrite(tmp_path):
    out = tmp_path / "lorenz.parquet"
    args = ("systems", "simulate", "lorenz", "--points", 50, "-p", "rho=30", "--n", 2, "--out", out)
    facts = printed_json(*args)
    assert facts["trajectories"] == 2
    before = out.read_bytes()
    again = chaosbench(*args)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert out.read_bytes() == before
    assert chaosbench(*args, "--force").returncode == 0
    assert out.read_bytes() == before  # the same seed, the same bytes
    import pyarrow.parquet as pq

    assert pq.read_table(out).column_names == ["trajectory", "step", "time", "x", "y", "z"]


def test_systems_characterise_writes_constants(tmp_path):
    rows = printed_json("systems", "characterise", "logistic", "--out", tmp_path)
    stored = json.loads((tmp_path / "logistic.json").read_text())
    assert rows == [stored]
    assert stored["lyapunov_exponents"][0] == pytest.approx(0.693147, rel=1e-3)


def test_systems_characterise_never_writes_into_the_package(tmp_path):
    from chaosbench.dynamics.stored import constants_path

    before = constants_path("logistic").stat().st_mtime_ns
    refused = chaosbench("systems", "characterise", "logistic")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: give --out DIRECTORY for the constants")
    assert len(refused.stderr.splitlines()) == 1
    assert constants_path("logistic").stat().st_mtime_ns == before
    assert chaosbench("systems", "characterise", "logistic", "--out", __file__).returncode == 2


def test_systems_characterise_checks_what_is_stored():
    result = chaosbench("systems", "characterise", "henon", "logistic", "lorenz", "--check")
    assert result.returncode == 0, result.stderr


def test_systems_simulate_certifies():
    args = ("systems", "simulate", "lorenz", "--points", 40, "--certify")
    facts = printed_json(*args)
    assert facts["certified_until"] == [pytest.approx(39 * facts["dt"])]
    assert "taylor-dd" in facts["certificate"]
    shown = chaosbench(*args, "--precision", "double-double")
    assert "Lyapunov times at least" in shown.stdout
    assert "taylor-dd at 1e-27" in shown.stdout.replace("\n", " ")
    refused = chaosbench("systems", "simulate", "mackey_glass", "--precision", "double-double")
    assert refused.returncode == 2
    assert "delay system" in refused.stderr


def test_data_generate_and_verify(tmp_path):
    out = tmp_path / "data"
    args = ("data", "generate", "henon", "logistic", "--train-points", 100, "--windows", 2)
    manifest = printed_json(*args, "--out", out)
    assert set(manifest["files"]) == {
        f"data/system={s}/{p}.parquet" for s in ("henon", "logistic") for p in ("train", "test")
    }
    verified = chaosbench("data", "verify", out)
    assert verified.returncode == 0
    assert "henon: certified for 10.1 Lyapunov times at least" in verified.stdout
    other = chaosbench(*args, "--seed", 1, "--out", out)
    assert other.returncode == 2
    assert "nothing was changed" in other.stderr
    victim = out / "data" / "system=henon" / "test.parquet"
    victim.write_bytes(victim.read_bytes()[:-8])
    broken = chaosbench("data", "verify", out)
    assert broken.returncode == 2
    assert "system=henon/test.parquet" in broken.stderr


def test_tasks_list_and_show():
    rows = printed_json("tasks", "list")
    assert "lite-v1" in next(r for r in rows if r["id"] == "forecast/lorenz-v1")["suites"]
    words = chaosbench("tasks", "show", "forecast/lorenz-v1").stdout
    for part in ("10,000 samples", "512", "20 forecasts", "Lyapunov times", "ε = 0.4"):
        assert part in " ".join(words.split())
    suite = printed_json("tasks", "show", "lite")
    assert len(suite["tasks"]) == 8
    words = " ".join(chaosbench("tasks", "show", "gilpin-2021").stdout.split())
    for part in ("As published:", "Different:", "NBEATS 50.6", "gilpin-2021-100: ", "150 samples"):
        assert part in words


@pytest.mark.parametrize(
    ("args", "row"),
    [
        (("tasks", "list", "lite"), "forecast/henon-v2 core, forecast, full, lite"),
        (("tasks", "suites"), "lite-v2 8 Eight systems of every kind: minutes on a laptop."),
        (("forecasters", "list"), "persistence "),
        (("systems", "list", "--kind", "map"), "henon map 2 "),
    ],
)
def test_a_list_is_a_line_an_entry_in_a_pipe(args, row):
    result = chaosbench(*args, COLUMNS="40")
    heading, rule, *lines = result.stdout.splitlines()
    names = [line.split()[0] for line in lines]
    assert names == [r.get("id", r.get("name")) for r in printed_json(*args)]
    assert set(rule) == {"─"}
    assert not heading.startswith(" ")
    assert any(" ".join(line.split()).startswith(row) for line in lines)


@pytest.mark.parametrize("width", [80, 30])
def test_on_a_terminal_a_row_is_a_line_and_a_number_is_never_cut(width, monkeypatch):
    import io

    from rich.console import Console

    from chaosbench.commands import _output

    out = io.StringIO()
    terminal = Console(file=out, width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(_output, "console", lambda: terminal)
    rows = [["a" * 20, "12345678", "a few words " * 9], ["b", "1", "λ"]]
    _output.table("", {"name": "left", "n": "right", "what": "left"}, rows)
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= width
    assert lines[2].endswith("…" if width == 80 else " 12345678")


def test_python_can_run_the_package():
    result = subprocess.run(
        [sys.executable, "-m", "chaosbench", "version"], capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_forecasters_list_and_show():
    names = {row["name"] for row in printed_json("forecasters", "list")}
    assert {
        "persistence", "climatology", "parroting", "linear_regression", "random_forest", "esn",
        "nvar", "sindy", "local_linear",
    } <= names  # fmt: skip
    shown = printed_json("forecasters", "show", "esn")
    assert {"setting": "units", "type": "int", "default": 500} in shown["settings"]


def test_a_run_ranks_and_a_failed_run_exits_with_1(tmp_path):
    out = tmp_path / "run"
    args = ("run", "forecast/henon-v1", "-f", "nvar", "--out", out, "--workers", 2)
    good = chaosbench(*args)
    assert good.returncode == 0, good.stderr
    assert "nvar" in good.stdout
    bad = chaosbench(*args, "-f", "raises", "--plugin", FAULTY)
    assert bad.returncode == 1
    assert "raises on forecast/henon-v1: crashed. ZeroDivisionError" in bad.stderr
    assert 'faulty.py", line ' in bad.stderr
    assert '  raise ZeroDivisionError("as it happens")\n' in bad.stderr
    assert "Traceback" not in bad.stderr
    rows = printed_json("leaderboard", "show", out)
    assert {"forecaster", "rank", "score", "ci_low", "ci_high", "failures"} <= rows[0].keys()
    by_name = {row["forecaster"]: row for row in rows}
    assert by_name["raises"]["failures"] == 1
    assert by_name["perfect model"]["rank"] is None
    assert by_name["nvar"]["rank"] == 1
    built = chaosbench("leaderboard", "build", out)
    assert built.returncode == 0
    assert (out / "index.html").read_text("utf-8").count("<table") >= 1
    made = chaosbench("leaderboard", "report", out, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.split() == ["docs/results.md", "leaderboard/index.html"]
    assert "| 1 | nvar |" in (tmp_path / "docs/results.md").read_text("utf-8")
    assert "<table" in (tmp_path / "leaderboard/index.html").read_text("utf-8")


def test_the_equations_of_a_run_are_printed(tmp_path):
    from chaosbench.evaluation import Record
    from chaosbench.evaluation._store import RunDirectory

    home = RunDirectory(tmp_path / "run", exam_seed=0)
    common = {"system": "lorenz", "config": {}, "seed": 0, "exam_seed": 0, "status": "ok"}
    home.put("a", Record(task="forecast/lorenz-v1", forecaster="esn", **common), None)
    plain = chaosbench("run", "equations", tmp_path / "run")
    assert plain.returncode == 0
    assert "showed an equation" in plain.stdout
    lines = ("x0' = -10 x0 + 10 x1", "x1' = [red]28[/red] x0")
    shown = Record(task="forecast/lorenz-v1", forecaster="sindy", equations=lines, **common)
    home.put("b", shown, None)
    printed = chaosbench("run", "equations", tmp_path / "run").stdout
    assert "forecast/lorenz-v1  sindy  seed 0\n" in printed
    assert all(f"  {line}\n" in printed for line in lines)
    (row,) = printed_json("run", "equations", tmp_path / "run")
    assert row["equations"] == list(lines)


def test_scores_are_computed_again_from_the_forecasts_on_disk(tmp_path):
    from chaosbench.evaluation._records import read_records, write_file

    out = tmp_path / "run"
    assert chaosbench("run", "forecast/henon-v1", "--out", out).returncode == 0
    sound = chaosbench("run", "rescore", out)
    assert (sound.returncode, sound.stdout) == (
        0, "4 records: 4 with the scores of their forecasts\n",
    )  # fmt: skip
    path = next((out / "records").glob("*persistence*"))
    (record,) = read_records(path)
    write_file(path, [replace(record, scores={**record.scores, "mase": 0.0})])
    wrong = chaosbench("run", "rescore", out)
    assert wrong.returncode == 1
    assert "differ: mase" in wrong.stdout
    assert "3 with the scores of their forecasts, 1 with others" in wrong.stdout
    rows = json.loads(chaosbench("run", "rescore", out, "--format", "json").stdout)
    assert [row["differ"] for row in rows if row["differ"]] == [["mase"]]
    assert "now replaced" in chaosbench("run", "rescore", out, "--write").stdout
    assert read_records(path)[0] == replace(record, provenance=read_records(path)[0].provenance)
    assert chaosbench("run", "rescore", out).returncode == 0


def test_a_broken_plugin_is_a_warning_and_the_rest_works(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("import a_library_nobody_has\n")
    result = chaosbench("forecasters", "list", "--plugin", broken)
    assert result.returncode == 0
    assert "warning:" in result.stderr
    assert "broken.py" in result.stderr
    assert "persistence" in result.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("systems", "show", "lorentz"), "did you mean 'lorenz'"),
        (("systems", "simulate", "lorenz", "-p", "rh=3"), "did you mean 'rho'"),
        (("systems", "simulate", "lorenz", "-p", "rho=nan"), "finite"),
        (("systems", "simulate", "lorenz", "-p", "rho"), "name=number"),
        (("systems", "simulate", "lorenz", "--points", "0"), "positive integer"),
        (("systems", "simulate", "lorenz", "--ic", "1,2"), "3 finite numbers"),
        (("systems", "simulate", "lorenz", "--ic", "a,b,c"), "1,2,3"),
        (("systems", "simulate", "lorenz", "--rtol", "1"), "rtol"),
        (("systems", "list", "--kind", "fow"), "flow"),
        (("tasks", "show", "forecast/lorenz"), "forecast/lorenz-v1"),
        (("forecasters", "show", "persistance"), "did you mean 'persistence'"),
        (("run", "lite", "-f", "esn:unit=3", "--out", "x"), "did you mean 'units'"),
        (("run", "light", "--out", "x"), "lite"),
        (("run", "lite", "--plugin", "nowhere.py", "--out", "x"), "nowhere.py"),
        (("leaderboard", "show", "nowhere"), "holds no records"),
        (("data", "verify", "nowhere"), "nowhere"),
        (("plugin", "new", "My-Method"), "lower case"),
        (("plugin", "new", "m" * 65), "at most 64"),
        (("plugin", "new", "esn"), "there is a forecaster 'esn' already"),
        (("data", "generate", "lorenz", "--clock", "wall", "--out", "x"), "clock"),
        (("run", "forecast/henon-v1", "--out", "/proc/run"), "/proc/run: No such file"),
        (("run", "forecast/henon-v1", "--out", f"{FAULTY}/run"), "faulty.py"),
        (("run", "forecast/henon-v1", "--out", "/proc"), "holds no chaosbench run"),
        (("run", "rescore", "nowhere"), "no run's directory"),
        (("run", "retry", "nowhere"), "holds no records"),
        (("tasks", "list", "ligth"), "did you mean 'lite'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, args, words):
    result = chaosbench(*args, cwd=tmp_path)
    assert result.returncode == 2, result.stdout + result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_escape_says_when_and_exits_with_1():
    result = chaosbench("systems", "simulate", "henon", "--ic", "5,5")
    assert result.returncode == 1
    assert "escaped after" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_says_its_status_and_failures_can_be_retried(tmp_path):
    flags = tmp_path / "flags"  # no part of the plugin, and shown to it
    flags.mkdir()
    flag, shown = flags / "mended", {"CHAOSBENCH_ALLOW": str(flags)}
    plugin = tmp_path / "moody.py"
    plugin.write_text(
        "from dataclasses import dataclass\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from chaosbench import Forecast\n"
        "@dataclass(frozen=True)\n"
        "class Moody:\n"
        "    def fit(self, train, *, seed):\n"
        f"        if not Path({str(flag)!r}).exists():\n"
        "            raise RuntimeError('not today')\n"
        "        return self\n"
        "    def predict(self, context, horizon):\n"
        "        return Forecast(np.repeat(context[:, -1:], horizon, axis=1))\n"
    )
    out = tmp_path / "run"
    args = ("run", "forecast/henon-v1", "-f", "moody", "--plugin", plugin, "--out", out)
    assert chaosbench(*args, **shown).returncode == 1
    rows = {row["forecaster"]: row for row in printed_json("run", "status", out)}
    assert rows["moody"]["crashed"] == 1
    assert rows["persistence"]["ok"] == 1
    kept = {p.name: p.stat().st_mtime_ns for p in (out / "records").iterdir()}
    flag.touch()
    done = chaosbench("run", "retry", out, "--status", "crashed", **shown)
    assert done.returncode == 0, done.stderr
    rows = {row["forecaster"]: row for row in printed_json("run", "status", out)}
    assert rows["moody"] == {"forecaster": "moody", "ok": 1}
    now = {p.name: p.stat().st_mtime_ns for p in (out / "records").iterdir()}
    assert now.keys() == kept.keys()
    assert {n for n in now if now[n] != kept[n]} == {n for n in now if "moody" in n}
    nothing = chaosbench("run", "retry", out)
    assert nothing.returncode == 2
    assert "holds no record" in nothing.stderr
    wrong = chaosbench("run", "retry", out, "--status", "timout")
    assert wrong.returncode == 2
    assert "did you mean 'timeout'" in wrong.stderr
