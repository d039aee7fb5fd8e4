"""Signals that end a search: everything is let go of, and the process still ends by the signal."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import keras_dlnotes
from keras_dlnotes.tuning import signals
from tests.tuning.killing import children, output_of

BY_ITSELF = str(Path(signals.__file__).parent)  # without the seconds that the package takes
ENDS = ["SIGTERM", "SIGHUP"]
PROGRAM = """
import os, signal, threading, time
from signals import Terminated, unwinding

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever these tests were started with
kill = os.kill

def end(*numbers):
    for number in numbers:
        kill(os.getpid(), number)

def handle(number, frame):
    print("handled", flush=True)

def block(body):
    with unwinding():
        try:
            body()
        finally:
            print("left", flush=True)

{body}
print("after", flush=True)
assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
"""


def outcome(body, **options):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        env=os.environ | {"PYTHONPATH": BY_ITSELF},
        capture_output=True,
        text=True,
        timeout=30,
        **options,
    )
    assert not done.stderr
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize("name", ENDS)
def test_the_block_is_left_and_the_process_ends_by_the_signal(name):
    found = outcome(f"block(lambda: end(signal.{name}))")
    assert found == (-getattr(signal, name), ["left"])


def test_a_container_s_first_process_that_does_not_die_of_signals_ends_in_silence():
    body = """
os.kill = lambda pid, number: None
block(lambda: end(signal.SIGTERM))
"""
    assert outcome(body) == (128 + signal.SIGTERM, ["left"])


def test_further_signals_do_not_disturb_the_unwinding():
    body = """
def disturbed():
    try:
        end(signal.SIGHUP)
    finally:
        end(signal.SIGTERM, signal.SIGHUP)
        print("whole")
block(disturbed)
"""
    assert outcome(body) == (-signal.SIGHUP, ["whole", "left"])


def test_where_the_first_signal_got_lost_a_later_one_counts():
    body = """
import signals
signals.UNWINDING_SECONDS = 0.1
def deaf():
    try:
        end(signal.SIGTERM)
    except Terminated:
        print("lost")
    end(signal.SIGTERM)
    time.sleep(0.2)
    end(signal.SIGTERM)
    print("never")
block(deaf)
"""
    assert outcome(body) == (-signal.SIGTERM, ["lost", "left"])


def test_of_blocks_within_another_the_last_one_ends_the_process():
    body = """
def outer():
    try:
        block(lambda: end(signal.SIGTERM))
    except Terminated as error:
        print(error)
        raise
block(outer)
"""
    words = "left The process was ended by SIGTERM. left"
    assert outcome(body) == (-signal.SIGTERM, words.split())


@pytest.mark.parametrize("action", ["signal.SIG_IGN", "handle"])
def test_a_signal_that_is_ignored_or_handled_stays_so(action):
    body = f"""
signal.signal(signal.SIGHUP, {action})
block(lambda: end(signal.SIGHUP))
assert signal.getsignal(signal.SIGHUP) == {action}
"""
    said = ["handled"] if action == "handle" else []
    assert outcome(body) == (0, [*said, "left", "after"])


def test_in_another_thread_nothing_is_taken_over():
    body = """
def body():
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
thread = threading.Thread(target=block, args=(body,))
thread.start()
thread.join()
"""
    assert outcome(body) == (0, ["left", "after"])


def test_errors_and_results_pass():
    body = """
try:
    block(lambda: 1 / 0)
except ZeroDivisionError:
    print("raised")

@unwinding()
def function():
    return "returned"
print(function())
"""
    assert outcome(body) == (0, ["left", "raised", "returned", "after"])


@pytest.fixture
def short_folder():
    """A folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="dl_") as name:
        yield Path(name)


def start_search(folder):
    command = [sys.executable, "-m", "keras_dlnotes", "tune", "digits", "--tuner", "random"]
    command += ["--trials", "1", "--epochs", "8", "--resume", "--out", str(folder / "search")]
    (folder / "temporary").mkdir(exist_ok=True)
    return subprocess.Popen(
        command,
        env=os.environ
        | {
            "PYTHONPATH": str(Path(keras_dlnotes.__file__).parents[1]),
            "TMPDIR": str(folder / "temporary"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition, seconds=300.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def processes_of(folder):
    return [
        path
        for path in Path("/proc").glob("[0-9]*")
        if output_of(int(path.name), whole=True).startswith(f"{folder}/")
    ]


def trains(folder):
    has_begun = bool(list(folder.glob("search/trial_*/execution_0/run.json")))
    outputs = [output_of(int(path.name)) for path in processes_of(folder)]
    return has_begun and "worker0.log" in outputs


def end_search(folder, name):
    """Ends a search once it trains; returns what it said, and checks that no process is left."""
    search = start_search(folder)
    try:
        wait_until(lambda: trains(folder) or search.poll() is not None)
        assert search.poll() is None, search.communicate()
        launchers = [Path(f"/proc/{pid}") for pid in children(search.pid)]
        assert launchers
        search.send_signal(getattr(signal, name))
        _, said = search.communicate(timeout=30)
    finally:
        search.kill()
    assert search.returncode == -getattr(signal, name)
    wait_until(lambda: not any(path.exists() for path in [*launchers, *processes_of(folder)]), 10)
    return said


def left_in(folder):
    """The temporary files but those of TensorFlow Datasets, which removes its own never."""
    names = [path.name for path in (folder / "temporary").iterdir()]
    return [name for name in names if not name.endswith("tfds")]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_search_that_is_ended_leaves_nothing_else_and_says_how_to_go_on(name, short_folder):
    said = end_search(short_folder, name)
    assert f"dlnotes: The process was ended by {name}. The same command with --resume" in said
    assert left_in(short_folder) == []
    assert not list(short_folder.glob("search/**/.partial-*"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_what_a_killed_search_leaves_goes_with_the_next_one(short_folder):
    for _ in range(2):
        end_search(short_folder, "SIGKILL")
        assert len(left_in(short_folder)) == 1
    search = start_search(short_folder)
    assert search.wait(timeout=300) == 0
    assert left_in(short_folder) == []
