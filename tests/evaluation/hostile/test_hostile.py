"""Plugins that cheat, each by one trick: what becomes of the run, and what is left behind.

The plugins lie beside this file, grouped by what they are after. They are run through the public
path, in namespaces and, where the system has Landlock, with that alone. Without namespaces less
holds; `WEAKER` lists what does not, `OLDER` what only kernels before 6.12 (Landlock 6) let through.
Nothing else may differ.

    trick                                   namespaces    Landlock alone
    read limits, nice another process       closed        open to the same user
    path sockets, datagrams                 closed        open
    times, modes, attributes of files       closed        open to their owner
    name of a file turned into a handle     closed        open: it exists, but does not open
    namespaces of one's own                 closed        open, but nothing can be mounted in them
    SysV memory, messages, semaphores       closed        open, not counted, and left behind
    user's keyring of the kernel            closed        open
    names of files without end              closed        open, in the process's folder
    /dev/shm, /tmp                          own           closed
"""

from __future__ import annotations

import ctypes
import math
import os
import re
import socket
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from chaosbench.errors import ChaosbenchError, InputError
from chaosbench.evaluation import Budget, run, spec_of
from chaosbench.evaluation._cell import Cell
from chaosbench.isolation import _templates, description
from chaosbench.isolation._tree import descendants
from chaosbench.isolation.description import describe_file
from chaosbench.isolation.sandbox import confinement
from chaosbench.tasks import registry

HERE = Path(__file__).parent
FILES = ("unearned", "ending", "hoarding", "outside", "wording")
MODES = ["namespaces", *(["landlock"] if "landlock" in confinement(namespaces=False) else [])]
QUICK = Budget(seconds=60.0, memory_mib=300.0)
SHORT = Budget(seconds=2.0, memory_mib=300.0)
KEYS = (0x5EED, *range(0x5EEE, 0x5EEE + 8))
NO_ANSWER = "the process sent no valid answer: "
MEMORY = "used more than 300 MiB of memory"
KILLED = "the process died of SIGKILL."

OK = ("ok", "")
RECORDS = {
    # A: not earned
    "patches_the_score": OK, "patches_numpy": OK, "patches_clocks": OK,
    "patches_json": ("invalid", f"{NO_ANSWER}it is not the answer to this request"),
    "patches_os": ("invalid", f"{NO_ANSWER}a header of 18446744073709551615 bytes"),
    "patches_builtins": ("crashed", "the process ended with exit code 70."),
    "forges_costs": OK, "forges_scores": OK, "forges_phases": OK, "resets_its_peak": OK,
    "works_in_a_child": OK, "works_unseen": OK, "works_in_libraries": OK,
    "reads_command_lines": OK, "remembers": OK, "answers_for_the_next": OK,
    "answers_twice": OK, "calls_itself_another": OK,
    "guesses_a_number": ("invalid", f"{NO_ANSWER}it is not the answer to this request"),
    "asks_ahead": ("invalid", f"{NO_ANSWER}it says what has no place here"),
    "asks_for_nothing": ("invalid", f"{NO_ANSWER}it holds no values"),
    "asks_for_more": ("invalid", f"{NO_ANSWER}it says what has no place here"),
    # B: the end of a run
    "empty_samples": ("invalid", f"{NO_ANSWER}its samples have the shape (0, 3, 24, 2), expected "
                      "(m, w, H, d) = (m, 3, 24, 2) with m from 1 to 1000"),
    "many_samples": ("invalid", f"{NO_ANSWER}more numbers than were asked for"),
    "raises_half_a_character": ("crashed", "ValueError: half   a   character"),
    "raises_the_unspeakable": ("crashed", "the process ended with exit code 70."),
    "raises_without_end": ("crashed", "ValueError: the first"),
    "raises_exit": ("crashed", "SystemExit: 0"),
    "raises_an_interrupt": ("crashed", "KeyboardInterrupt:"),
    "succeeds": ("invalid", f"{NO_ANSWER}it holds no values"),
    "fails_with_a_lie": ("invalid",
                         f"{NO_ANSWER}its status is 'timeout', which no process reports"),
    "fails_with_a_list": ("invalid",
                          f"{NO_ANSWER}its status is of type list, which no process reports"),
    "changes_its_mind": ("invalid", f"{NO_ANSWER}its values have the shape (3, 2, 1), "
                         "expected (w, H, d) = (3, 24, 2)"),
    "lies_about_its_shape": ("invalid", f"{NO_ANSWER}its values have the shape (1, 1, 1), "
                             "expected (w, H, d) = (3, 24, 2)"),
    "shows_equations_without_end": OK,
    "announces_a_terabyte": ("invalid", f"{NO_ANSWER}a header of 1099511627776 bytes"),
    "marks_without_end": ("invalid", f"{NO_ANSWER}it says what has no place here"),
    "dies_after_its_answer": OK, "exits_after_its_answer": OK,
    "closes_its_pipes": ("invalid", f"{NO_ANSWER}the other side has closed the pipe"),
    "kills_itself": ("crashed", KILLED),
    "becomes_another": ("crashed", "the process ended with exit code 0."),
    "kills_its_keepers": OK,
    "segfaults": ("crashed", "the process died of SIGSEGV."),
    "dumps_its_core": ("crashed", "the process died of SIGABRT."),
    "recurses_for_ever": ("crashed", "RecursionError: maximum recursion depth exceeded"),
    "overflows": OK,
    # C: more than its share
    "hoards_in_memfd": ("out_of_memory", MEMORY), "hoards_in_a_thread": ("out_of_memory", MEMORY),
    "hoards_in_shm": ("out_of_memory", MEMORY), "hoards_in_tmp": ("out_of_memory", MEMORY),
    "hoards_deleted_files": ("out_of_memory", MEMORY),
    "hoards_in_sys_v": ("crashed", "OSError: [Errno 28] shmget"),
    "hoards_in_shared_maps": ("out_of_memory", MEMORY),
    "hoards_in_children": ("out_of_memory", MEMORY), "lifts_its_limit": ("out_of_memory", MEMORY),
    "computes_in_a_pool": OK, "forks": OK, "forks_faster": OK, "daemonises": OK, "threads": OK,
    "opens_files": OK, "names_files": OK, "chatters": OK,
    "sets_timers": ("crashed", "the process died of SIGALRM."),
    "leaves_timers": OK, "leaves_files": OK, "limits": OK,
    "runs_out_of_processor_time": ("crashed", KILLED),
    # D: the world outside
    "secrets": OK, "connects": OK, "reads_memory": OK, "reads_files": OK, "writes_files": OK,
    "mounts": OK, "machine": OK,
    # E: text
    "odd_message": ("crashed", "ValueError:  [2J ]0;title  evil     31m  "),
    "odd_error": ("crashed", "Odd [2J ]0;title  evil    31m? : x"),
    "odd_frame": ("crashed", "ZeroDivisionError: division by zero"),
    "odd_equations": OK, "odd_halves": OK, "odd_setting": OK,
    "odd_words": ("crashed", "the process ended with exit code 3.  [2J ]0;title  evil     31m"),
    "odd_trace": ("crashed", "the process died of SIGABRT."),
}  # fmt: skip

HANGING = ("answers_half", "stops_itself", "stops_reading", "ends_with_its_thread",
           "hangs_with_children")  # fmt: skip
LATE = ("timeout", "fit and predict took longer than 2 s")

FORGED = {
    "infinity": "an unreadable header: Infinity is not a JSON number",
    "nan": "an unreadable header: NaN is not a JSON number",
    "deep": "an unreadable header: maximum recursion depth exceeded",
    "deep_settings": "an unreadable header: maximum recursion depth exceeded",
    "no_json": "an unreadable header",
    "list": "a header without a list of arrays", "null": "a header without a list of arrays",
    "digits": "an unreadable header: Exceeds the limit", "repeated": "it is not the answer",
    "no_values": "it holds no values",
    "huge_axis": "an array that is too large for any memory",
    "negative": "an array with an axis whose length is not a length",
    "boolean": "an array with an axis whose length is not a length",
    "too_many": "more numbers than were asked for",
    "axes": "an array whose name or shape is not one",
    "named": "an array whose name or shape is not one",
    "more": "it holds arrays that nobody asked for: truth",
    "other_shape": "its values have the shape (3, 2, 24), expected (w, H, d) = (3, 24, 2)",
    "status_list": "its status is of type list, which no process reports",
    "status_number": "its status is of type int, which no process reports",
    "message_number": "its message is of type int and not text",
    "equations": "its equations must be a list of text",
    "ready": "it says what has no place here",
    "unfinite": "its status is 'diverged' and its values are finite throughout",
}  # fmt: skip

WEAKER = {
    "limits": {"limit", "priority", "affinity"},
    "connects": {"a path", "a short path", "a datagram"},
    "writes_files": {"times", "mode", "attribute"},
    "reads_files": {"a handle"},
    "mounts": {"mount namespace", "network", "pid namespace", "names"},
    "remembers": {"sysv", "messages", "semaphores", "mqueue", "user keyring"},
    "names_files": {"twenty thousand names"},
}
OLDER = {
    "connects": {"an abstract name", "tcp", "tcp 6"},
    "kills_its_keepers": {"parent", "parent stopped", "harness", "everyone"},
    "remembers": {"socket"},
}
ELSEWHERE = {
    "hoards_in_shm": ("crashed", "PermissionError: [Errno 13] Permission denied: "
                      "'/dev/shm/hostile-hoard'"),
    "hoards_deleted_files": ("crashed", "PermissionError: [Errno 13] Permission denied: "
                             "'/dev/shm/hostile-gone'"),
    "hoards_in_tmp": ("out_of_memory", "wrote more than 300 MiB to its folder"),
    "hoards_in_sys_v": OK,
}  # fmt: skip
"""Records without namespaces where they are others."""

HENON, EQUATION, ASSIMILATION = (
    replace(task, dataset=replace(task.dataset, train_points=500, windows=3, context=64))
    for task in map(registry.__getitem__, (
        "forecast/henon-v1", "equation/henon-v2", "assimilate/lorenz-v1",
    ))
)  # fmt: skip
EQUATION = replace(EQUATION, dataset=replace(EQUATION.dataset, windows=100, context=1))
OTHER_TASKS = {
    "asks_ahead": ASSIMILATION, "asks_for_nothing": ASSIMILATION, "stops_reading": ASSIMILATION,
    "shifts_rows": EQUATION, "sorts_states": EQUATION, "persists": EQUATION,
}  # fmt: skip


class World:
    """What the plugins must not reach, the Records of their run, and what was there before."""

    def __init__(self, mode, base, patch):
        self.mode = mode
        self.place = base / "place"
        self.own = base / "own"
        for folder in (self.place / "cache", self.place / ".ssh", self.own):
            folder.mkdir(parents=True)
        (self.place / ".ssh/id").write_text("key")
        patch.setattr(_templates, "WANTED", mode == "namespaces")
        patch.setattr(tempfile, "tempdir", str(self.own))
        for name, value in {
            "HOME": self.place, "TMPDIR": self.own, "CHAOSBENCH_CACHE": self.place / "cache",
            "SECRET_TOKEN": "hostile-secret", "AWS_SECRET_ACCESS_KEY": "hostile-secret",
        }.items():  # fmt: skip
            patch.setenv(name, str(value))
        patch.syspath_prepend(str(HERE))
        self.sockets = [socket.socket()]
        self.sockets[0].bind(("127.0.0.1", 0))
        for address in (f"{self.place}.socket", f"\0{self.place}"):
            self.sockets.append(socket.socket(socket.AF_UNIX))
            self.sockets[-1].bind(address)
        for held in self.sockets:
            held.listen()
        keyctl(1, b"hostile-session")  # a login gives the harness a session keyring of its own
        self.processes = set(descendants(os.getpid()))
        self.beside = {path: path.stat().st_mtime_ns for path in HERE.glob("*.py")}
        self.priority = os.getpriority(os.PRIO_PROCESS, 0)
        self.records = {}
        self.seconds = 0.0

    def cells(self):
        """Make one cell of every plugin, two of that which looks for what the first has left."""
        for file in FILES:
            path = HERE / f"{file}.py"
            for told in describe_file(path):
                task = OTHER_TASKS.get(told.name, HENON)
                configs = [{}]
                if "harness" in told.defaults:
                    port = self.sockets[0].getsockname()[1]
                    configs = [{"harness": os.getpid(), "port": port, "place": str(self.place)}]
                if told.name == "forges":
                    configs = [{"kind": kind} for kind in FORGED]
                for config in configs:
                    spec = spec_of(told.name, plugins=[path], config=config)
                    for seed in (0, 1) if told.name == "remembers" else (0,):
                        yield Cell(task, spec, seed)

    def evaluate(self):
        began = time.monotonic()
        cells = list(self.cells())
        honest = Cell(HENON, spec_of("odd_setting:word=honest", plugins=[HERE / "wording.py"]), 0)
        quick = [cell for cell in cells if cell.spec.name not in HANGING]
        hanging = [cell for cell in cells if cell.spec.name in HANGING]
        home = self.place / "run"
        both = ([*quick, honest], QUICK, 2), (hanging, SHORT, len(hanging))
        for some, budget, workers in both:
            records = run(some, directory=home, budget=budget, workers=workers)
            for cell, record in zip(some, records, strict=True):
                name = cell.spec.name
                name += f" {cell.spec.config['kind']}" if name == "forges" else ""
                name += " again" if cell.seed else ""
                name += " honestly" if cell is honest else ""
                self.records[name] = record, home / "forecasts" / f"{cell.id}.parquet", budget
        self.seconds = time.monotonic() - began

    def close(self):
        for held in self.sockets:
            held.close()


@pytest.fixture(scope="module", params=MODES)
def world(request, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    made = World(request.param, tmp_path_factory.mktemp("hostile"), patch)
    try:
        made.evaluate()
        yield made
    finally:
        made.close()
        _templates._end()
        patch.undo()
        forget_segments()


def guarded(record):
    return "namespaces" in record.provenance["confinement"]


def open_ways(name, record):
    """Return the ways that may be open where a cell ran."""
    if guarded(record):
        return set()
    found = re.search(r"landlock (\d+)", record.provenance["confinement"])
    older = OLDER.get(name, set()) if int(found[1]) < 6 else set()
    return WEAKER.get(name, set()) | older


def test_each_mode_is_what_it_says(world):
    held = {record.provenance["confinement"] for record, *_ in world.records.values()}
    assert len(held) == 1
    if world.mode == "landlock":
        assert "namespaces" not in held.pop()
    assert len(world.records) > 100


@pytest.mark.parametrize("name", [*RECORDS, *HANGING, "remembers again"])
def test_a_trick_becomes_the_right_record(world, name):
    record, forecast, budget = world.records[name]
    plain = name.removesuffix(" again")
    status, message = LATE if plain in HANGING else RECORDS[plain]
    if plain in ELSEWHERE and not guarded(record):
        status, message = ELSEWHERE[plain]
    assert record.status == status, record.message
    if plain == "odd_words" or plain == "recurses_for_ever":
        assert record.message.startswith(message)
    else:
        assert record.message == message
    assert record.forecaster.partition(":")[0] == plain
    assert not record.privileged
    check_costs(record, budget)
    check_text(record)
    if status != "ok":
        assert not record.scores
        assert not record.window_scores
        assert not forecast.exists()
        return
    found = set(record.equations) if plain in WITH_WAYS else set()
    assert found <= open_ways(plain, record)
    values = pq.read_table(forecast, columns=["x", "y"]).to_pandas().to_numpy()
    if plain == "overflows":
        assert np.isfinite(values).all()
        assert record.scores["smape"] == pytest.approx(200.0)
        return
    assert (values == float(len(found))).all()
    honest, *_ = world.records["odd_setting honestly"]
    if not found:
        assert record.scores == honest.scores
        assert record.window_scores == honest.window_scores
    assert max(record.window_scores["vpt@0.4"]) < 1.0


WITH_WAYS = ("reads_command_lines", "remembers", "kills_its_keepers", "limits", "names_files",
             "secrets", "connects", "reads_memory", "reads_files", "writes_files", "mounts",
             "machine")  # fmt: skip


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_answer_is_refused(world, kind):
    record, forecast, budget = world.records[f"forges {kind}"]
    assert record.status == "invalid"
    assert record.message.startswith(NO_ANSWER + FORGED[kind])
    assert record.fit_seconds + record.predict_seconds < 20.0, "it was not waited for"
    assert not record.scores
    assert not forecast.exists()
    check_costs(record, budget)
    check_text(record)


def check_costs(record, budget):
    wall = record.fit_seconds + record.predict_seconds
    assert record.fit_seconds >= 0.0
    assert record.predict_seconds >= 0.0
    assert wall < budget.seconds + 1.0
    assert 0.0 <= record.cpu_seconds < 2.0 + wall * (os.cpu_count() or 1)
    assert 0.0 <= record.peak_memory_mib < 4 * budget.memory_mib


def check_text(record):
    told = [record.message, record.forecaster, *record.equations, *record.traceback]
    assert all(line.isprintable() for line in told)
    assert all(len(line) <= 1000 for line in told)


@pytest.mark.parametrize(
    ("name", "seconds", "mib"),
    [
        ("works_in_a_child", 0.5, 0), ("works_unseen", 0.4, 0), ("works_in_libraries", 0.4, 0),
        ("resets_its_peak", 0, 100), ("hoards_in_memfd", 0, 200), ("lifts_its_limit", 0, 200),
        ("hoards_in_children", 0, 50), ("hoards_in_shared_maps", 0, 200),
    ],
)  # fmt: skip
def test_work_is_counted_wherever_it_is_done(world, name, seconds, mib):
    record, *_ = world.records[name]
    assert record.cpu_seconds > 0.9 * seconds
    assert record.peak_memory_mib > 0.9 * mib
    assert record.fit_seconds > 0.9 * seconds


def test_phases_are_only_swapped_and_not_lost(world):
    record, *_ = world.records["forges_phases"]
    assert record.predict_seconds > 0.28
    assert record.seed == 0


# Held-out states show where the attractor lies, as those of the training do: who knows the second
# variable of the next state reads the first off them roughly. With the next state itself among
# them, as in version 1, that was .0048.
@pytest.mark.parametrize(("name", "share"), [("shifts_rows", 0.5), ("sorts_states", 0.05)])
def test_other_held_out_states_do_not_answer_for_one(world, name, share):
    record, *_ = world.records[name]
    honest, *_ = world.records["persists"]
    assert record.status == honest.status == "ok"
    assert record.scores["derivative_smape"] > share * honest.scores["derivative_smape"]


def test_no_process_is_left(world):
    own = {template._process.pid for template in _templates._TEMPLATES.values()}
    deadline = time.monotonic() + 5.0
    while True:
        left = set(descendants(os.getpid())) - own - world.processes
        left = {pid for pid in left if state(pid) not in ("Z", "")}
        left |= set(forks_of(own)) - own
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.05)  # what has ended takes a moment to disappear
    assert not left
    assert os.getpriority(os.PRIO_PROCESS, 0) == world.priority


def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def forks_of(templates):
    """List processes of these templates wherever they are; a fork keeps the command line."""
    lines = {line for pid in templates if (line := command(pid))}
    for path in Path("/proc").glob("[0-9]*"):
        if command(path.name) in lines and state(path.name) != "Z":
            yield int(path.name)


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_no_file_is_left(world):
    templates = {template._folder.name for template in _templates._TEMPLATES.values()}
    compiled = world.own / f"chaosbench-{os.getuid()}"  # by the harness itself
    left = {path for path in world.own.rglob("*") if not path.is_relative_to(compiled)}
    assert set(map(str, left)) == templates
    for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/", "/dev", world.place, Path.cwd()):
        assert not list(Path(folder).glob("hostile-[a-z]*")), folder
    assert {path: path.stat().st_mtime_ns for path in HERE.glob("*.py")} == world.beside or (
        world.mode == "landlock"
    )
    made = {path.name for path in world.place.iterdir()} - {".cache"}  # of the harness itself
    assert made == {"cache", ".ssh", "run"}
    run_ = world.place / "run"
    assert {path.name for path in run_.iterdir()} == {
        "data", "forecasts", "plan.json", "records", "run.json",
    }  # fmt: skip
    kept = len(list((run_ / "records").iterdir()))
    assert kept == len(world.records)
    ok = sum(record.status == "ok" for record, *_ in world.records.values())
    assert len(list((run_ / "forecasts").iterdir())) == ok


def test_no_shared_memory_is_left(world):
    table = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    left = {int(line.split()[0]) for line in table} & set(KEYS)
    held = {guarded(record) for record, *_ in world.records.values()}
    assert not left or held == {False}


def forget_segments():
    """Remove the SysV objects that plugins leave where they have no namespace."""
    library = ctypes.CDLL(None)
    for key in KEYS:
        library.shmctl(library.shmget(key, 0, 0), 0, None)
    library.msgctl(library.msgget(KEYS[0], 0), 0, None)
    library.semctl(library.semget(KEYS[0], 0, 0), 0, 0)
    library.mq_unlink(b"/hostile-mark")
    for ring in (-3, -4):
        found = keyctl(10, ctypes.c_int(ring), b"user", b"hostile-mark", 0)
        if found > 0:
            keyctl(21, ctypes.c_int(found))


def keyctl(*arguments):
    """Ask for the kernel's keyrings: 1 joins a session, 10 searches, 21 makes a key invalid."""
    return ctypes.CDLL(None).syscall(
        {"x86_64": 250, "aarch64": 219}[os.uname().machine], *arguments
    )


# ------------------------------------------------------------------------------- code at import

PLUGIN = """
from dataclasses import dataclass
from chaosbench import Forecast
import os, sys, time
{before}

@dataclass(frozen=True)
class Mine:
    {body}

    def fit(self, train, *, seed):
        return self

{after}
"""

FORGE = """
import gc, json
line = next(o for o in gc.get_objects() if type(o).__name__ == "_Line")
def say(**told):
    usual = {"name": "mine", "module": "m", "class": "Mine", "text": "", "table": [],
             "libraries": [], "extra": "", "tunable": False, "defaults": {}, "config": {},
             "refusal": ""}
    line.say({"status": "ok", "message": "", "found": [usual | told]})
    os._exit(0)
"""

MANY = """
for k in range(1000):
    made = type(f"M{k}", (Mine,), {"name": f"m{k}", "__module__": __name__})
    globals()[f"M{k}"] = dataclass(frozen=True)(made)
"""

AT_IMPORT = {
    "exits": ("sys.exit(0)", "", "", r"cannot be imported \(line 5\): SystemExit\(0\)"),
    "exits at once": ("os._exit(0)", "", "", "ended with exit code 0"),
    "interrupts": ("raise KeyboardInterrupt", "", "", "KeyboardInterrupt"),
    "hangs": ("time.sleep(60)", "", "", r"not imported within 1\.5 s"),
    "stops": ("os.kill(os.getpid(), 19)", "", "", r"not imported within 1\.5 s"),
    "dies": ("os.kill(os.getpid(), 9)", "", "", "died of SIGKILL"),
    "aborts": ("os.abort()", "", "", "died of SIGABRT"),
    "closes": ("os.closerange(0, 99)", "", "", "ended with exit code 70"),
    "recurses": ("def f(): f()\nf()", "", "", "RecursionError"),
    "deep source": ("x = " + "(" * 500 + ")" * 500, "", "", "cannot be imported"),
    "a name with NUL": ("", "name = 'a\\0b'", "", "cannot be the name"),
    "a long name": ("", "name = 'a' * 300", "", "cannot be the name"),
    "a path for a name": ("", "name = '../../escaped'", "", "cannot be the name"),
    "the ceiling's name": ("", "name = 'perfect model'", "", "cannot be the name"),
    "a built-in's name": ("", "name = 'esn'", "", "already belongs to"),
    "an odd name": ("", "name = '\\x1b[2J\\u202e'", "", "cannot be the name"),
    "a name that changes": ("", "", "Mine.__class__ = type('M', (type,), {'name': 3})", "cannot"),
    "libraries that are none": ("", "libraries = ('../x', 'a b')", "", "no valid description"),
    "settings without end": ("", "x: object = None", "a = []; a.append(a); Mine.x = a\n"
                             "Mine.__dataclass_fields__['x'].default = a", "cannot|no valid"),
    "a thousand forecasters": ("", "", MANY, "no valid description"),
    "says another name": (FORGE + "say(name='esn')", "", "", "no valid description"),
    "says a path": (FORGE + "say(name='../x')", "", "", "no valid description"),
    "says numbers": (FORGE + "say(config={'a': 10**40})", "", "", "no valid description"),
    "says nothing": (FORGE + "line.say({'status': 'ok'})\ntime.sleep(9)", "", "", "no valid"),
    "says text without end": (FORGE + "say(text='x' * 900_000)", "", "", "no valid description"),
}  # fmt: skip


@pytest.fixture(params=MODES)
def place(request, tmp_path, monkeypatch):
    monkeypatch.setattr(_templates, "WANTED", request.param == "namespaces")
    monkeypatch.setattr(description, "_FILES", {})
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("kind", AT_IMPORT)
def test_code_at_import_ends_in_one_sentence(place, kind, monkeypatch):
    before, body, after, words = AT_IMPORT[kind]
    if "not imported within" in words:
        monkeypatch.setattr(description, "SECONDS", 1.5)
    path = place / "mine.py"
    path.write_text(PLUGIN.format(before=before, body=body or "pass", after=after))
    with pytest.raises(InputError, match=words) as caught:
        spec_of("mine", plugins=[path])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    assert {p.name for p in place.iterdir()} <= {"mine.py"} | templates()


def templates():
    return {Path(template._folder.name).name for template in _templates._TEMPLATES.values()}


HARMLESS = {
    "patches the score": "import chaosbench.metrics as m\n"
    "m.valid_prediction_time = lambda *_, **__: 10.0",
    "patches the registry": "from chaosbench.forecasters import registry\n"
    "registry._items = {}\nregistry.discard('persistence')",
    "registers itself": "from chaosbench.forecasters import registry\n"
    "class Other:\n    def fit(self, train, *, seed): pass\n"
    "registry.add('another', Other)",
    "writes": "open('hostile-file', 'w').write('x')",
    "floods": "print('x' * 10**7)\nprint('\\x1b[2J' * 10**6, file=sys.stderr)",
    "leaves a child": "if os.fork() == 0:\n    os.setsid()\n    time.sleep(60)",
    "has odd text": "ODD = 1",
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_code_at_import_stays_in_its_process(place, kind):
    from chaosbench import metrics
    from chaosbench.forecasters import registry as forecasters

    before = set(forecasters), metrics.valid_prediction_time
    path = place / "mine.py"
    doc = "'''\x1b[2J \u202e odd'''"
    predict = (
        "    def predict(self, context, horizon):\n        import numpy as np\n"
        "        return Forecast(np.zeros((len(context), horizon, 2)))\n"
    )
    path.write_text(PLUGIN.format(before=HARMLESS[kind], body=doc, after=predict))
    (told,) = describe_file(path)
    assert told.name == "mine"
    assert all(line.isprintable() for line in told.text.split("\n"))
    (record,) = run([Cell(HENON, spec_of("mine", plugins=[path]), 0)], budget=QUICK)
    assert record.status == "ok", record.message
    assert max(record.window_scores["vpt@0.4"]) < 1.0
    assert (set(forecasters), metrics.valid_prediction_time) == before
    assert {p.name for p in place.iterdir()} <= {"mine.py", "cache"} | templates()


def test_work_at_import_is_counted(place):
    path = place / "mine.py"
    busy = "end = time.process_time() + 0.4\nwhile time.process_time() < end: pass"
    path.write_text(PLUGIN.format(before=busy, body="pass", after=""))
    (record,) = run([Cell(HENON, spec_of("mine", plugins=[path]), 0)], budget=QUICK)
    assert record.status == "crashed"
    assert record.message.startswith("AttributeError")
    assert record.fit_seconds > 0.35
    assert record.cpu_seconds > 0.35


def test_a_setting_with_odd_text_is_shown_and_not_obeyed(place):
    plugin = HERE / "wording.py"
    spec = spec_of("odd_setting", plugins=[plugin], config={"word": "\x1b[2J\u202e"})
    assert spec.label == r"odd_setting:word='\x1b[2J\u202e'"
    with pytest.raises(ChaosbenchError) as caught:
        spec_of("odd_setting", plugins=[plugin], config={"word": "\ud800"})
    assert str(caught.value).isprintable()


def test_a_class_with_odd_names_is_described_in_plain_text(place):
    path = place / "mine.py"
    after = "Mine.__qualname__ = Mine.extra = '\\x1b[2J\\u202e'\n"
    path.write_text(PLUGIN.format(before="", body="pass", after=after))
    (told,) = describe_file(path)
    for text in (told.qualname, told.module, told.extra, told.text):
        assert text.isprintable()
    assert math.isfinite(len(told.table))


def test_a_link_beside_a_plugin_does_not_lead_into_the_run(place):
    home = place / "run"
    run([Cell(HENON, spec_of("persistence"), 0)], directory=home, budget=QUICK)
    truth = next((home / "data").rglob("*.parquet"))
    folder = place / "plugin"
    folder.mkdir()
    (folder / "notes.txt").write_text("open")
    (folder / "truth.txt").symlink_to(truth)
    (folder / "run.txt").symlink_to(Path("../run/run.json"))
    text = (
        "    def predict(self, context, horizon):\n        import numpy as np\n"
        "        from pathlib import Path\n        found = 0\n"
        "        for k, name in enumerate(('notes.txt', 'truth.txt', 'run.txt')):\n"
        "            try:\n"
        "                found += 10**k * bool((Path(__file__).parent / name)"
        ".read_bytes())\n            except OSError:\n                pass\n"
        "        return Forecast(np.full((len(context), horizon, 2), float(found)))\n"
    )
    path = folder / "mine.py"
    path.write_text(PLUGIN.format(before="", body="pass", after=text))
    cell = Cell(HENON, spec_of("mine", plugins=[path]), 0)
    (record,) = run([cell], directory=home, budget=QUICK)
    assert record.status == "ok", record.message
    values = pq.read_table(home / "forecasts" / f"{cell.id}.parquet", columns=["x"])["x"]
    assert set(values.to_pylist()) == {1.0}
