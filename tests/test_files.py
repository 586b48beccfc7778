"""Files are whole or not there, and a directory has one owner."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from chaosbench.errors import CorruptDataError, RecipeMismatchError
from chaosbench.files import claim, read_json, sha256, whole, write_json, write_text


class TestWhole:
    def test_the_content_appears_at_the_end(self, tmp_path):
        path = tmp_path / "folder" / "file.txt"
        with whole(path) as place:
            place.write_text("new")
            assert not path.exists()
        assert path.read_text() == "new"
        assert os.listdir(path.parent) == ["file.txt"]

    @pytest.mark.parametrize("old", ["old", None])
    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space left"), KeyboardInterrupt()])
    def test_a_failure_leaves_what_was_there(self, tmp_path, old, error):
        path = tmp_path / "file.txt"
        if old is not None:
            path.write_text(old)

        def write():
            with whole(path) as place:
                place.write_text("half of the n")
                raise error

        with pytest.raises(type(error)):
            write()
        assert (path.read_text() if path.exists() else None) == old
        assert os.listdir(tmp_path) == ([] if old is None else ["file.txt"])

    def test_a_killed_process_leaves_what_was_there(self, tmp_path):
        path = tmp_path / "file.txt"
        path.write_text("old")
        code = (
            "import os, signal, sys\n"
            "from chaosbench.files import whole\n"
            "with whole(sys.argv[1]) as place:\n"
            "    place.write_text('half of the n')\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert path.read_text() == "old"

    def test_a_full_disk_leaves_what_was_there(self, tmp_path):
        path = tmp_path / "file.txt"
        path.write_text("old")
        code = (
            "import resource, signal, sys\n"
            "from chaosbench.files import write_text\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "write_text(sys.argv[1], 'new' * 1000)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], check=False, capture_output=True, text=True
        )
        assert "File too large" in done.stderr
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["file.txt"]

    def test_a_link_stays_a_link(self, tmp_path):
        (tmp_path / "there").mkdir()
        (tmp_path / "there/file.txt").write_text("old")
        (tmp_path / "link").symlink_to("there/file.txt")
        write_text(tmp_path / "link", "new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there/file.txt").read_text() == "new"

    def test_a_pipe_is_written_directly(self, tmp_path):
        path = tmp_path / "pipe"
        os.mkfifo(path)
        heard: list[str] = []
        reader = threading.Thread(target=lambda: heard.append(path.read_text()))
        reader.start()
        write_text(path, "new")
        reader.join()
        assert heard == ["new"]

    def test_an_error_names_the_file_and_not_the_temporary_one(self, tmp_path):
        (tmp_path / "file.txt").write_text("old")
        with pytest.raises(IsADirectoryError) as caught:
            write_text(tmp_path, "new")
        assert caught.value.filename == str(tmp_path)
        name = "x" * 250  # with the ending of the temporary file it is too long
        with pytest.raises(OSError, match="too long") as failed:
            write_text(tmp_path / name, "new")
        assert failed.value.filename == str(tmp_path / name)

    def test_two_threads_write_one_file(self, tmp_path):
        path = tmp_path / "file.txt"
        with whole(path) as first:
            first.write_text("first")
            other = threading.Thread(target=write_text, args=(path, "second"))
            other.start()
            other.join()
        assert path.read_text() == "first"
        assert os.listdir(tmp_path) == ["file.txt"]


def test_a_checksum_is_that_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    found = sha256(tmp_path / "file")
    assert found == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


class TestJson:
    def test_round_trip(self, tmp_path):
        path = tmp_path / "a" / "b.json"
        content = {"b": [1, 2.5, None], "a": {"θ": "x"}}
        write_json(path, content)
        assert read_json(path) == content
        assert [p.name for p in path.parent.iterdir()] == ["b.json"]

    @pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"a": NaN}', '{"a": Infinity}', "3"])
    def test_what_is_no_object_is_refused(self, tmp_path, text):
        path = tmp_path / "b.json"
        path.write_text(text)
        with pytest.raises(CorruptDataError, match=r"b\.json"):
            read_json(path)

    def test_what_is_nested_too_deeply_is_refused(self, tmp_path):
        path = tmp_path / "b.json"
        path.write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
        with pytest.raises(CorruptDataError, match=r"b\.json"):
            read_json(path)

    def test_bytes_that_are_no_text(self, tmp_path):
        path = tmp_path / "b.json"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(CorruptDataError, match=r"b\.json"):
            read_json(path)


MINE = {"format": 1, "exam_seed": 3}


class TestClaim:
    def take(self, directory, **other):
        claim(directory, "run.json", MINE | other, what="run", by=["exam_seed", "format"])

    def test_a_new_and_an_empty_directory_are_taken(self, tmp_path):
        self.take(tmp_path / "new" / "folder")
        (tmp_path / "empty").mkdir()
        self.take(tmp_path / "empty")
        assert read_json(tmp_path / "new/folder/run.json") == MINE
        assert read_json(tmp_path / "empty/run.json") == MINE

    def test_ones_own_is_taken_again(self, tmp_path):
        self.take(tmp_path)
        (tmp_path / "records").mkdir()
        self.take(tmp_path)
        assert sorted(os.listdir(tmp_path)) == ["records", "run.json"]

    def test_anothers_is_refused(self, tmp_path):
        self.take(tmp_path)
        with pytest.raises(RecipeMismatchError, match=r"exam seed 3, format 1.*exam seed 4, form"):
            self.take(tmp_path, exam_seed=4)
        assert read_json(tmp_path / "run.json") == MINE

    def test_what_is_not_ours_is_refused(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("ten years of work")
        with pytest.raises(RecipeMismatchError, match="holds no chaosbench run"):
            self.take(tmp_path)
        with pytest.raises(RecipeMismatchError, match="is a file; give a directory"):
            self.take(tmp_path / "thesis.tex")
        assert os.listdir(tmp_path) == ["thesis.tex"]

    def test_a_broken_marker_is_named(self, tmp_path):
        (tmp_path / "run.json").write_text("{")
        with pytest.raises(CorruptDataError, match=r"run\.json"):
            self.take(tmp_path)

    def test_a_process_killed_while_taking_it_is_no_owner(self, tmp_path):
        code = (
            "import os, pathlib, signal, sys\n"
            "from chaosbench.files import claim\n"
            "kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "pathlib.Path.replace = kill\n"
            "claim(pathlib.Path(sys.argv[1]), 'run.json', {'a': 1}, what='run', by=['a'])\n"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
        (left,) = os.listdir(tmp_path)
        assert left.startswith(".run.json.")
        self.take(tmp_path)
        assert read_json(tmp_path / "run.json") == MINE

    @pytest.mark.parametrize("name", [".run.json.12", ".run.json.12-3"])
    def test_a_temporary_file_of_any_version_is_ignored(self, tmp_path, name):
        (tmp_path / name).touch()
        self.take(tmp_path)

    @pytest.mark.parametrize("name", [".run.json.bak", ".runxjson.12", "run.json.12", ".git"])
    def test_other_hidden_files_are_not_ours(self, tmp_path, name):
        (tmp_path / name).touch()
        with pytest.raises(RecipeMismatchError, match="is not empty"):
            self.take(tmp_path)
