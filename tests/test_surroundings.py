"""Whole runs in surroundings that nobody would choose."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keras_dlnotes import cli
from keras_dlnotes.cli import ExitCode
from tests.backends import only_on
from tests.cli.processes import assert_one_line, in_a_new_process

pytestmark = only_on("tensorflow", reason="once is enough: no backend has a part in it")
FIT = ["fit", "digits", "--epochs", "1", "--out", "run"]
# A clock that has lost its battery, as `zipfile` and others ask for it.
CLOCK = "import time\nreal = time.localtime\ntime.localtime = lambda *at: real(0)\n"
RESULTS = ("model.keras", "history.csv", "metrics.json", "report.html")


@pytest.fixture(autouse=True)
def away(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def command(*arguments):
    return [sys.executable, "-m", "keras_dlnotes", *arguments]


def environment(**changes):
    paths = [os.getcwd(), str(Path(cli.__file__).parents[2])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | changes


@pytest.mark.slow
def test_a_fit_in_the_worst_surroundings_at_once():
    home = Path("home", ".keras")
    home.mkdir(parents=True)
    home.joinpath("keras.json").write_text("{nonsense")
    Path("sitecustomize.py").write_text(CLOCK)
    Path("matplotlibrc").write_text("text.usetex: True\nfont.family: no such\nbackend: none\n")
    surroundings = environment(
        **{"HOME": str(home.parent.absolute()), "TFDS_DATA_DIR": str(Path("data").absolute())},
        **{"MPLBACKEND": "nonsense", "MPLCONFIGDIR": "/dev/null/x", "TMPDIR": "/dev/null/x"},
        **{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        **{"PYTHONIOENCODING": "ascii", "COLUMNS": "1", "LINES": "x", "TERM": "dumb"},
        **{"TZ": "Nowhere/At+All:99", "PYTHONOPTIMIZE": "2", "OMP_NUM_THREADS": "0"},
    )
    script = 'umask 0077; exec <&- 2>&-; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *command(*FIT)],
        env=surroundings,
        stdout=subprocess.PIPE,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.isascii() and done.stdout.splitlines()[-1] == b"report: run/report.html"
    assert all(Path("run", name).is_file() for name in RESULTS)


@pytest.mark.slow
def test_a_fit_goes_on_when_its_pager_is_left():
    process = subprocess.Popen(
        command(*FIT),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.read(5)
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=300) == 0
    assert all(Path("run", name).is_file() for name in RESULTS)


@pytest.fixture
def full_disk():
    """A disk that has no room for a checkpoint; mounting one takes rights that few tests have."""
    disk = Path("disk").absolute()
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(["mount", *options], capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no right to mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_no_signal(full_disk):
    options = ["--epochs", "1", "--quiet", "--out", str(full_disk / "run")]
    done = in_a_new_process("fit", "digits", *options)
    assert done.returncode == ExitCode.FOLDER != -signal.SIGSEGV, done.stderr
    assert_one_line(done.stderr, "epoch-1.weights.h5", "No space left on device")
    assert json.loads((full_disk / "run" / "run.json").read_text())["settings"]["epochs"] == 1
    assert not list(full_disk.rglob(".partial-*"))
