"""A search whose disk is full ends by a sentence; its trials have not failed and are kept."""

import errno
import os

import keras_tuner
import pytest

from keras_dlnotes.runs import RunFolderError
from keras_dlnotes.tuning import disk, trials
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.supervisor import SearchError, Supervisor

REASON = os.strerror(errno.ENOSPC)
CODE = disk.FIRST + errno.ENOSPC


def caused(error, cause):
    try:
        raise error from cause
    except type(error) as raised:
        return raised


FULL = OSError(errno.ENOSPC, REASON, "file")
FAULTS = {
    "of a file": FULL,
    "of a run folder": caused(RunFolderError("can't be used"), FULL),
    "of another process": RuntimeError(f"Exception calling application: [Errno 28] {REASON}"),
    "of TensorFlow's writer": RuntimeError(f"logs/train/events; {REASON}\nFailed to flush"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_full_disk_is_no_failure_of_a_trial(tmp_path, monkeypatch, fault):
    def execute(*arguments):
        raise fault

    monkeypatch.setattr(trials, "_execute", execute)
    monkeypatch.setattr(Recipe, "load", lambda self: None)
    objective = keras_tuner.Objective("val_loss", "min")
    settings = trials.TrialSettings(objective, executions=1, seed=0, retries=2)
    recipe = Recipe(name="none", epochs=1, batch_size=1)
    with pytest.raises(type(fault)) as caught:
        trials.run_trial(recipe, keras_tuner.HyperParameters(), settings, tmp_path, "0")
    assert disk.exit_code(caught.value) == CODE


@pytest.mark.parametrize("error", [ValueError("no"), OSError(errno.EACCES, "no"), MemoryError()])
def test_other_errors_are_no_full_disk(error):
    assert disk.exit_code(error) == 1 and not disk.is_full(error)
    assert disk.reason(1) is disk.reason(disk.FIRST) is None


class Search(Supervisor):
    """A supervisor of no processes."""

    def __init__(self, folder):
        self._job = type("Job", (), {"folder": folder})
        self._chief, self._chief_crashes = 1, []
        slot = {"number": 2, "crashes": 0, "has_died": False, "is_retired": False, "name": "w"}
        self._slots = [type("Slot", (), slot)]


@pytest.mark.parametrize("process", [1, 2], ids=["the chief's", "a worker's"])
def test_the_search_says_so_at_once(tmp_path, process):
    with pytest.raises(SearchError, match=f"{tmp_path} can't be written to: {REASON}"):
        Search(tmp_path)._handle({process: CODE})
