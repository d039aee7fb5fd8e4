"""Every wrong option of the command line ends in one line and an exit code that tells why."""

import os
import sys
from pathlib import Path

import keras
import pytest

from keras_dlnotes import cli
from keras_dlnotes.cli import ExitCode

HUGE = str(2**40)
NETS = """
import functools
import keras
from keras import Input, Sequential, layers

def small(input_shape=(12, 12, 3)):
    return Sequential([Input(input_shape), layers.Conv2D(2, 5)])

def raising(): raise TypeError("a fault of its own")
def required(*, depth): ...
class Holder: model = small()
unbuilt = Sequential([layers.Dense(2)])
built_in = functools.reduce
nothing, number, text = None, 3, "three"
"""
FOLDERS = [
    (["--out", "text.txt"], "text.txt"),
    (["--out", "text.txt/below"], "text.txt"),
    (["--out", "occupied"], "isn't empty"),
    (["--out", "x" * 300], "File name too long"),
]
COUNTS = ["0", "-1", "1.5", "nan", "inf", "1e3", "", " ", "three", "0x10", "1j", "[1]"]


@pytest.fixture
def dlnotes(monkeypatch, capfd, tmp_path):
    """Runs the command line in this process, in a folder of faulty files."""
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("neither a model nor a folder")
    Path("text.keras").write_text("neither a model nor a folder")
    Path("folder.keras").mkdir()
    Path("occupied").mkdir()
    Path("occupied", "thesis.txt").write_text("mine")
    Path("nets.py").write_text(NETS)
    Path("syntax.py").write_text("def (")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dlnotes", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capfd.readouterr()

    yield run
    for name in ("nets", "syntax"):
        sys.modules.pop(name, None)


def assert_one_line(stderr):
    assert stderr.startswith("dlnotes: ") and stderr.count("\n") == 1, stderr


def options_of(command):
    """Faulty options that both commands take, each with what the line has to name."""
    yield from (([option, value], option) for option in ("--epochs",) for value in COUNTS)
    yield from ((["--seed", value], "--seed") for value in [*COUNTS[1:], HUGE, str(2**32)])
    yield from ((["--data", value], "data") for value in ("", "digit", "text.txt", "nuclei.csv"))
    yield from ((["--backend", value], "--backend") for value in ("", "theano", "TensorFlow"))


CASES = [
    *((["fit", "digits", *options], part) for options, part in options_of("fit")),
    *((["fit", "digits", "--batch-size", value], "--batch-size") for value in COUNTS),
    *((["fit", "digits", "--strategy", value], "--strategy") for value in ("", "tpu")),
    *((["fit", value], "task") for value in ("", " ", "digit", "text.txt", "3", "nan")),
    *((["tune", "digits", *options], part) for options, part in options_of("tune")),
    *((["tune", "digits", "--trials", value], "--trials") for value in COUNTS),
    *((["tune", "digits", "--workers", value], "--workers") for value in [*COUNTS[1:], HUGE]),
    *((["tune", "digits", "--tuner", value], "--tuner") for value in ("", "annealing")),
    *((["tune", "digits", "--objective", value], "objective") for value in ("", "val_size")),
    *(
        (["tune", "digits", option, value], "HOST:PORT")
        for option in ("--chief", "--worker")
        for value in ("", "host", ":80", "host:", "host:0", f"host:{HUGE}", "host:port")
    ),
    *(
        (["report", "nets:small", "--input-shape", value], "--input-shape")
        for value in [*COUNTS, "12,12", "12,12,3,", "12,-12,3", "²,2,2", "9" * 5000, "12;12;3"]
    ),
    *(
        (["report", value], part)
        for value, part in [
            *(("", "MODEL"), (" ", "MODEL"), (":", "MODEL"), ("nets:", "MODEL"), (":a", "MODEL")),
            *(
                ("text.txt", "MODEL"),
                ("gone.keras", "gone.keras"),
                ("folder.keras", "does not exist"),
            ),
            *(("keras.applications.", "''"), ("keras.applications.imagenet", "imagenet")),
            *((".nets:small", ".nets"), ("a b:c", "a b"), ("gone:small", "gone")),
            *(("nets:gone", "gone"), ("nets:number", "nets:number"), ("nets:text", "nets:text")),
            *(("nets:nothing", "nets:nothing"), ("nets:required", "depth")),
            *(("nets:Holder", "nets:Holder"), ("nets:unbuilt", "input_shape")),
            *(("nets:built_in", "nets:built_in"), ("nets:__name__", "nets:__name__")),
        ]
    ),
]


@pytest.mark.parametrize(("arguments", "part"), CASES, ids=lambda value: str(value)[:60])
def test_a_wrong_option_is_named_in_one_line(dlnotes, arguments, part):
    code, stdout, stderr = dlnotes(*arguments)
    assert_one_line(stderr)
    assert part in stderr
    assert (code, stdout) == (ExitCode.USAGE, "")
    assert sorted(os.listdir()) == sorted(
        ["text.txt", "text.keras", "folder.keras", "occupied", "nets.py", "syntax.py"]
        + (["__pycache__"] if Path("__pycache__").exists() else [])
    )


@pytest.mark.parametrize("command", ["fit", "tune"])
@pytest.mark.parametrize(("options", "part"), FOLDERS, ids=["file", "below", "occupied", "long"])
def test_a_wrong_folder_is_named_in_one_line(dlnotes, command, options, part):
    code, stdout, stderr = dlnotes(command, "digits", *options)
    assert_one_line(stderr)
    assert part in stderr
    assert (code, stdout) == (ExitCode.FOLDER, "")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("text.keras", "text.keras can't be loaded"),
        ("nets:raising", "a fault of its own"),
        ("syntax:model", "SyntaxError"),
    ],
)
def test_a_faulty_model_is_one_line(dlnotes, name, part):
    code, stdout, stderr = dlnotes("report", name)
    assert_one_line(stderr)
    assert part in stderr
    assert (code, stdout) == (ExitCode.FAILED, "")


@pytest.mark.parametrize("page", ["gone/page.html", "occupied", "text.txt/page.html", "x" * 300])
def test_a_page_that_can_not_be_written_is_one_line(dlnotes, page):
    code, _, stderr = dlnotes("report", "nets:small", "--html", page)
    assert_one_line(stderr)
    assert code == ExitCode.FOLDER and "--html" in stderr


@pytest.mark.parametrize("command", [["fit", "digits"], ["tune", "digits"], ["report", "a:b"]])
def test_a_working_directory_that_is_gone_is_one_line(dlnotes, monkeypatch, tmp_path, command):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code, stdout, stderr = dlnotes(*command)
    monkeypatch.chdir(tmp_path)
    assert (code, stdout) == (ExitCode.FOLDER, "")
    assert_one_line(stderr)
    assert "working directory has been removed" in stderr


@pytest.mark.parametrize("command", ["fit", "tune"])
def test_a_folder_whose_name_is_not_utf_8_is_one_line(dlnotes, command):
    code, stdout, stderr = dlnotes(command, "digits", "--out", os.fsdecode(b"run\xff"))
    assert (code, stdout) == (ExitCode.FOLDER, "")
    assert_one_line(stderr)
    assert r"run\udcff" in stderr
    assert "UTF-8" in stderr
    assert not list(Path().glob("run*"))


def test_settings_of_keras_that_no_task_works_with_are_one_line(dlnotes, monkeypatch):
    monkeypatch.setattr(keras.config, "floatx", lambda: "float64")
    code, stdout, stderr = dlnotes("fit", "digits")
    assert (code, stdout) == (ExitCode.USAGE, "")
    assert_one_line(stderr)
    assert "float32" in stderr
    assert "floatx is float64" in stderr
    assert "keras.json" in stderr
