"""The command in a process of its own, and the one line that an error is."""

import os
import subprocess
import sys
from pathlib import Path

import keras_dlnotes

REPOSITORY = Path(keras_dlnotes.__file__).parents[1]


def in_a_new_process(*arguments, **environment):
    """Runs `python -m keras_dlnotes` from outside the repository."""
    return run([sys.executable, "-m", "keras_dlnotes", *arguments], **environment)


def run(command, **environment):
    """Runs a command that finds the package of this repository."""
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def assert_one_line(stderr, *parts):
    assert stderr.startswith("dlnotes: ") and stderr.count("\n") == 1, stderr
    for part in parts:
        assert part in stderr
