"""Files that are called like modules of the standard library, in the folder that one works in."""

import os
import pickle
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import keras_dlnotes
from keras_dlnotes.common.paths import library_first
from keras_dlnotes.tuning.launcher import Launcher
from tests.tuning.addresses import free_port

PROGRAM = Path(sys.executable).with_name("dlnotes")
SHADOW = "raise SystemExit(f'{__name__} of the working directory')"
OWN = """
import os, random

class Job:
    def __reduce__(self):
        return make, (random.__file__,)

def make(random_file):
    import colorsys, sched
    assert random.__file__ == random_file
    assert not [name for name in os.environ if name.startswith("KERASTUNER_")]
    raise ValueError("this module has been found")
"""


@pytest.fixture
def shadows(tmp_path, monkeypatch):
    """Makes a folder with a file for each of Python's own modules the working directory."""
    folder = tmp_path / "shadows"
    folder.mkdir()
    for name in filter(find_spec, sys.stdlib_module_names):  # some are another system's
        (folder / f"{name}.py").write_text(SHADOW)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
def test_a_process_finds_the_user_s_modules_behind_python_s_own(shadows, monkeypatch, tmp_path):
    later = tmp_path / "later"
    later.mkdir()
    (later / "own_models.py").write_text(OWN)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    launcher = Launcher()
    monkeypatch.setattr(sys, "path", [*sys.path[1:], str(later)])
    import own_models

    (tmp_path / "job").write_bytes(pickle.dumps(own_models.Job()))
    monkeypatch.setattr(sys, "path", ["", str(later), *sys.path[:-1]])
    try:
        arguments = [str(tmp_path / "job"), str(tmp_path / "answer.json")]
        assert launcher.run("preflight", arguments, tmp_path / "log") == 1
    finally:
        launcher.close()
        del sys.modules["own_models"]
    assert "ValueError: this module has been found" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("entry", ["", ".", "../shadows"])
def test_the_working_directory_comes_behind_the_library(entry, shadows):
    own = library_first([entry, *sys.path, "/packages"])
    assert own.index(os.__file__.rpartition("/")[0]) < own.index(str(shadows))
    assert own.index(str(shadows)) < own.index("/packages")
    assert set(own) == {*map(os.path.abspath, sys.path), str(shadows), "/packages"}


def test_a_working_directory_that_is_gone(shadows, monkeypatch):
    def getcwd():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "getcwd", getcwd)
    assert library_first(["", "/packages"]) == ["/packages"]


def start(folder, command):
    root = str(Path(keras_dlnotes.__file__).parents[1])
    return subprocess.Popen(
        [PROGRAM, *command.split()],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def assert_undisturbed(process):
    told, _ = process.communicate(timeout=300)
    assert process.returncode == 0, told
    assert "working directory" not in told


COMMANDS = {
    "tune": "tune digits --tuner random --trials 1 --epochs 1 --quiet",
    "fit": "fit digits --epochs 1 --quiet",
    "fit on another backend": "fit digits --epochs 1 --quiet --backend torch",
    "report": "report keras.applications.MobileNetV2",
    "report of a module": "report model:build",
    "list": "data",
}
MODEL = """
import colorsys, queue, random, sched, select, statistics, types
import keras

def build():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
"""


@pytest.mark.slow
@pytest.mark.skipif(not PROGRAM.exists(), reason="the package is not installed")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_not_disturbed(name, shadows):
    (shadows / "model.py").write_text(MODEL)
    assert_undisturbed(start(shadows, COMMANDS[name]))


@pytest.mark.slow
@pytest.mark.skipif(not PROGRAM.exists(), reason="the package is not installed")
def test_a_chief_and_a_worker_are_not_disturbed(shadows):
    address = f"127.0.0.1:{free_port()}"
    common = "tune digits --quiet --out search"
    chief = start(shadows, f"{common} --tuner random --trials 1 --epochs 1 --chief {address}")
    try:
        assert_undisturbed(start(shadows, f"{common} --worker {address}"))
        assert_undisturbed(chief)
    finally:
        chief.kill()
