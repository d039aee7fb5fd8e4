"""Who may use a run folder, and what happens to what is in it."""

import json
import subprocess
import sys

import pytest

from keras_dlnotes.runs import RunFolder, RunFolderError

SETTINGS = {"task": "digits", "seed": 0, "epochs": 5}


def start(path, settings=SETTINGS, **options):
    with RunFolder(path, settings, **options) as folder:
        folder.begin()
    return folder


def test_a_new_folder_gets_the_settings_and_their_defaults(tmp_path):
    folder = start(tmp_path / "a" / "b", {"seed": None, "epochs": 3}, defaults={"seed": 7})
    assert folder.settings == {"seed": 7, "epochs": 3}
    assert not folder.resumed
    content = json.loads((tmp_path / "a" / "b" / "run.json").read_text())
    assert content["settings"] == {"seed": 7, "epochs": 3}


def test_an_occupied_folder_is_refused_and_left_alone(tmp_path):
    start(tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(RunFolderError, match=r"--resume.*--overwrite"):
        start(tmp_path, SETTINGS | {"seed": 1})
    assert (tmp_path / "run.json").read_bytes() == before


@pytest.mark.parametrize("option", ["none", "resume", "overwrite"])
def test_a_folder_of_other_files_is_refused_and_left_alone(tmp_path, option):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "thesis.txt").write_text("mine")
    (tmp_path / ".hidden").write_text("mine too")
    options = {} if option == "none" else {option: True}
    with pytest.raises(RunFolderError, match="isn't empty and holds no run"):
        start(tmp_path, **options)
    assert (tmp_path / "logs" / "thesis.txt").exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".hidden", "logs"]


def test_overwrite_removes_what_runs_write_and_nothing_else(tmp_path):
    start(tmp_path)
    for name in (
        "model.keras",
        "metrics.json",
        "report.html",
        "history.csv",
        ".partial-model.keras",
    ):
        (tmp_path / name).write_text("old")
    elsewhere = tmp_path.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("mine")
    (tmp_path / "logs").symlink_to(elsewhere, target_is_directory=True)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "state.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    folder = start(tmp_path, SETTINGS | {"seed": 1}, overwrite=True)
    assert folder.settings["seed"] == 1 and not folder.resumed
    names = {entry.name for entry in tmp_path.iterdir()} - {".lock"}
    assert names == {"run.json", "notes.txt"}
    assert (elsewhere / "kept").exists()


def test_resume_takes_the_settings_over(tmp_path):
    start(tmp_path)
    folder = start(tmp_path, {"task": "digits", "seed": None, "epochs": None}, resume=True)
    assert folder.resumed
    assert folder.settings == SETTINGS


def test_resume_starts_where_there_is_nothing(tmp_path):
    assert not start(tmp_path / "new", resume=True).resumed


def test_resume_takes_other_epochs_and_no_other_setting(tmp_path):
    start(tmp_path)
    assert start(tmp_path, {"epochs": 9}, resume=True).settings == SETTINGS | {"epochs": 9}
    with pytest.raises(RunFolderError, match=r"has seed=0, not seed=3"):
        start(tmp_path, SETTINGS | {"seed": 3}, resume=True)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "other"}', "\x00\x00"])
@pytest.mark.parametrize("option", ["resume", "overwrite"])
def test_a_corrupt_settings_file_is_named(tmp_path, content, option):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"run\.json is corrupt"):
        start(tmp_path, **{option: True})
    assert (tmp_path / "run.json").read_text() == content


def test_resume_and_overwrite_exclude_each_other(tmp_path):
    with pytest.raises(ValueError, match=r"`resume` and `overwrite`"):
        RunFolder(tmp_path, SETTINGS, resume=True, overwrite=True)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_path_that_is_no_folder_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunFolderError, match=r"file.* can't be used: "):
        start(tmp_path / name)


def test_a_folder_in_use_is_refused_until_that_process_is_gone(tmp_path):
    holder = (
        "import sys, time, filelock\n"
        "lock = filelock.FileLock(sys.argv[1]); lock.acquire()\n"
        "print('held', flush=True); time.sleep(60)"
    )
    start(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / ".lock")], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"held\n"
        for option in ("resume", "overwrite"):
            with pytest.raises(RunFolderError, match="Another process"):
                start(tmp_path, **{option: True})
    finally:
        process.kill()
        process.communicate()
    assert start(tmp_path, resume=True).resumed


def test_a_failed_entry_frees_the_folder(tmp_path):
    start(tmp_path)
    with pytest.raises(RunFolderError):
        start(tmp_path)
    assert start(tmp_path, resume=True).resumed
