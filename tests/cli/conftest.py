"""The command line in this process, in an empty folder, with a task that is quick to train."""

import sys
from dataclasses import replace

import pytest

from keras_dlnotes import cli, tasks

SMALL = {"filters": (4, 8), "hidden": (), "shift": 0.1, "dropout": 0.2}


@pytest.fixture(autouse=True)
def small_digits(monkeypatch, tmp_path):
    """Replaces the network of `digits` by a small one; returns its arguments."""
    monkeypatch.chdir(tmp_path)
    small = replace(tasks.TASKS["digits"], arguments=SMALL, batch_size=64)
    monkeypatch.setitem(tasks.TASKS, "digits", small)
    return SMALL


@pytest.fixture
def dlnotes(monkeypatch, capfd):
    """Runs the command line in this process; returns (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dlnotes", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capfd.readouterr()

    return run
