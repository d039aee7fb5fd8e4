"""Folders that last as long as a search, and what dead searches have left."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from keras_dlnotes.tuning import scratch
from keras_dlnotes.tuning.scratch import NEW, PREFIX, remove_abandoned, scratch_folder

DIES = """
import os, signal, sys
from scratch import scratch_folder

with scratch_folder(sys.argv[1]) as path:
    (path / "job.pickle").write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def abandoned(tmp_path):
    """The folder of an owner that was killed."""
    command = [sys.executable, "-c", DIES, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(Path(scratch.__file__).parent)}
    assert subprocess.run(command, env=environment).returncode == -9
    (path,) = tmp_path.iterdir()
    assert [entry.name for entry in path.iterdir()] == ["job.pickle"]
    return path


def test_nobody_else_can_look_in_and_it_goes(tmp_path):
    with scratch_folder(tmp_path) as path:
        assert path.name.startswith(PREFIX)
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        (path / "job.pickle").write_bytes(b"")
        (path / "folder").mkdir()
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_an_abandoned_one_goes_and_living_ones_stay(abandoned, tmp_path):
    with scratch_folder(tmp_path) as first:
        assert not abandoned.exists()
        (first / "job.pickle").write_bytes(b"")
        with scratch_folder(tmp_path) as second:
            assert first != second
        assert [entry.name for entry in first.iterdir()] == ["job.pickle"]


def test_one_whose_removal_was_interrupted_goes(abandoned, tmp_path):
    (abandoned / "job.pickle").unlink()
    remove_abandoned(tmp_path)
    assert not abandoned.exists()


def test_another_user_s_stays(abandoned, tmp_path, monkeypatch):
    monkeypatch.setattr(scratch.os, "geteuid", lambda: os.stat(tmp_path).st_uid + 1)
    remove_abandoned(tmp_path)
    assert (abandoned / "job.pickle").exists()


def another_machine_s(path):
    return path.rename(path.with_name(f"keras_dlnotes_search_{0:08x}_{path.name[-8:]}"))


def one_that_is_being_made(path):
    return path.rename(path.with_name(NEW + path.name))


def a_link(path):
    target = path.rename(path.parent / "target")
    path.symlink_to(target)
    return target


def a_file(path):
    path.with_name(f"{PREFIX}12345678").write_bytes(b"")
    return path.rename(path.with_name("renamed"))


@pytest.mark.parametrize(
    "change",
    [another_machine_s, one_that_is_being_made, a_link, a_file],
)
def test_what_can_t_be_told_as_abandoned_stays(change, abandoned, tmp_path):
    path = change(abandoned)
    before = set(tmp_path.iterdir())
    remove_abandoned(tmp_path)
    assert set(tmp_path.iterdir()) == before and (path / "job.pickle").exists()


def test_locks_that_do_not_work_keep_everything(abandoned, tmp_path, monkeypatch):
    def flock(descriptor, operation):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(scratch.fcntl, "flock", flock)
    with scratch_folder(tmp_path) as path:
        (path / "job.pickle").write_bytes(b"")
        remove_abandoned(tmp_path)
        assert (abandoned / "job.pickle").exists()
    assert list(tmp_path.iterdir()) == [abandoned]


def test_a_system_without_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "fcntl", None)
    with scratch_folder(tmp_path) as path:
        assert path.exists()
    assert list(tmp_path.iterdir()) == []


def test_one_that_can_t_be_removed_is_in_nobody_s_way(abandoned, tmp_path, monkeypatch):
    def rmtree(path, ignore_errors=False):
        assert ignore_errors

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    with scratch_folder(tmp_path) as path:
        assert path.exists()
