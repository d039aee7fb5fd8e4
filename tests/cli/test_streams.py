"""Standard streams that are closed, broken or of another alphabet end no command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_dlnotes.cli import ExitCode
from tests.cli.processes import in_a_new_process

STREAMS = "import keras_dlnotes_command\nkeras_dlnotes_command.is_starting = True\n"  # no Keras
STREAMS += "from keras_dlnotes.cli.streams import robust_streams\n"
WRITE = STREAMS + (
    "import os, sys\n"
    "with robust_streams() as files:\n"
    "    print('out', flush=True)\n"
    "    print('error', file=sys.stderr)\n"
    "    file = os.open('file', os.O_WRONLY | os.O_CREAT)\n"
    "    os.write(1, b'o'), os.write(2, b'e'), sys.stdin.read(), sys.stdout.flush()\n"
    "    lost = [str(one.error) for one in files if one.error]\n"
    "    os.write(file, repr(lost).encode())\n"
)


def run(script, redirection="", **options):
    """Runs a script in a shell whose streams are redirected; neither imports Keras."""
    options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE} | options
    return subprocess.run(
        ["bash", "-c", f'exec {redirection}; exec "$0" -c "$1"', sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        **options,
    )


@pytest.fixture(autouse=True)
def away(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"]
)
def test_what_is_closed_is_opened_on_nothing(closed):
    done = run(WRITE, closed)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ("" if ">&-" in closed.split() else "out\no")
    assert done.stderr == ("" if "2>&-" in closed else "error\ne")
    assert Path("file").read_text() == "[]"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only: a device that is full")
@pytest.mark.parametrize("full", ["> /dev/full", "2> /dev/full"])
def test_what_can_not_be_written_is_dropped_and_remembered(full):
    done = run(WRITE, full)
    assert done.returncode == 0, done.stderr
    assert "No space left" in Path("file").read_text()


@pytest.mark.parametrize("broken", ["stdout", "stderr"])
def test_what_nobody_reads_is_dropped(broken):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {broken: writing}
        done = subprocess.run(
            [sys.executable, "-c", WRITE],
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=60,
            **streams,
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert (done.stdout, done.stderr) == {
        "stdout": (None, "error\ne"),
        "stderr": ("out\no", None),
    }[broken]
    assert Path("file").read_text() == "[]"


def test_an_alphabet_that_lacks_letters_spells_them(monkeypatch):
    script = STREAMS + "with robust_streams(): print('8×8 – ≥ π \\udcff')\n"
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert run(script).stdout == "8x8 - >= \\u03c0 \\udcff\n"
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    assert run(script).stdout == "8×8 – ≥ π \\udcff\n"


def test_streams_are_as_they_were_afterwards():
    before = sys.stdout, sys.stderr
    from keras_dlnotes.cli.streams import robust_streams

    with robust_streams():
        pass
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only: a device that is full")
def test_a_result_that_is_lost_is_told():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "keras_dlnotes", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == "dlnotes: The output is lost: No space left on device.\n"


def test_lists_are_printed_in_any_surroundings():
    surroundings = {"PYTHONIOENCODING": "ascii", "COLUMNS": "1", "TERM": "dumb", "LC_ALL": "C"}
    done = in_a_new_process("data", **surroundings)
    assert (done.returncode, done.stderr) == (0, "")
