"""Runs killed with SIGKILL, which no handler sees, end like one that was left alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_dlnotes
from keras_dlnotes import tasks

# One process imports Keras and starts nothing; its forks are the runs, each starting it anew.
DRIVER = """
import os, random, signal, sys, threading

from keras_dlnotes import cli, tasks
from tests.tasks.short_forms import in_short

NAME, KILLS = sys.argv[1], int(sys.argv[2])
tasks.TASKS[NAME] = in_short(tasks.TASKS[NAME])
WRITES = {"open", "os.rename", "os.remove"}


def kill_at(number, delay):
    # SIGKILL the process `delay` seconds after its `number`-th write in its folder
    kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
    seen = []

    def hook(event, arguments):
        if event in WRITES and "killed" in str(arguments[0]) and "r" not in str(arguments[1:2]):
            seen.append(arguments)
            if len(seen) == number:
                threading.Timer(delay, kill).start() if delay else kill()

    sys.addaudithook(hook)


def run(out, *moment):
    pid = os.fork()
    if pid == 0:
        if moment:
            kill_at(*moment)
        options = "--epochs 4 --batch-size 64 --quiet --resume --out".split()
        sys.argv = ["dlnotes", "fit", NAME, *options, out]
        try:
            cli.main()
        except SystemExit as end:
            os._exit(end.code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


generator = random.Random(0)
ends = []
for delay in (0, 0.3, 0, 0.05, 0)[:KILLS]:
    ends.append(run("killed", generator.randint(1, 12), delay))
print([run("alone"), ends, run("killed")])
"""


def without_time(pairs):
    return {key: value for key, value in pairs if key not in ("seconds", "checksum")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kills"), [(name, 5 if name == "digits" else 3) for name in tasks.names()]
)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_run_killed_again_and_again_ends_like_one_left_alone(name, kills, tmp_path):
    paths = [str(Path(keras_dlnotes.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, name, str(kills)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    alone, ends, resumed = json.loads(done.stdout.splitlines()[-1])
    assert (alone, resumed) == (0, 0), done.stderr
    assert ends.count(-9) >= kills - 1, ends

    histories = [(tmp_path / name / "history.csv").read_text() for name in ("alone", "killed")]
    assert histories[0] == histories[1]
    metrics = [
        json.loads((tmp_path / name / "metrics.json").read_text(), object_pairs_hook=without_time)
        for name in ("alone", "killed")
    ]
    assert metrics[0] == metrics[1]
    assert not list(tmp_path.glob("**/.partial-*"))
