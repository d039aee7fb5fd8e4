"""A search over each kind of data, killed with SIGKILL within a trial and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import keras_dlnotes
from tests.tuning.killing import children, output_of

EPOCHS = 6
SEARCH = """
import sys
import time
import keras
from keras_dlnotes import tuning
from tests.runs.sources import KINDS, examples

kind, is_made, directory, pause, epochs = sys.argv[1:]
make, steps = KINDS[kind]

class Pauses(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        time.sleep(float(pause))

def build(hp):
    units = hp.Choice("units", [2, 4], default=4)
    layers = [keras.layers.Dense(units, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model

training = make(*examples())
if is_made == "made":
    training = lambda: make(*examples())
tuning.search(
    build, "grid", max_trials=1, epochs=int(epochs), batch_size=8, training=training,
    validation=examples(16, seed=2), steps_per_epoch=steps, directory=directory,
    callbacks=[Pauses(), keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=1.0)],
)
"""


def start(kind, is_made, directory, pause):
    arguments = [kind, "made" if is_made else "given", directory, pause, EPOCHS]
    paths = [str(Path(keras_dlnotes.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    with directory.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", SEARCH, *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdout=log,
            stderr=log,
        )


def state_of(directory):
    path = directory / "trial_0" / "execution_0" / "checkpoints" / "state.json"
    return json.loads(path.read_text()) if path.exists() else {"epoch": 0}


def worker_of(search):
    """The process that trains the trial."""
    for launcher in children(search.pid):
        for child in children(launcher):
            if output_of(child).startswith("worker"):
                return child
    return None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
@pytest.mark.parametrize("is_made", [False, True], ids=["given", "made"])
@pytest.mark.parametrize("kind", ["arrays", "batches", "dataset", "loader in steps", "iterable"])
def test_what_is_killed_ends_as_if_left_alone(kind, is_made, tmp_path):
    for word, package in (("dataset", "tensorflow"), ("loader", "torch")):
        if word in kind:
            pytest.importorskip(package)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(kind, is_made, whole, 0).wait(300) == 0, whole.with_suffix(".log").read_text()
    search = start(kind, is_made, killed, 0.5)
    for target, epoch in (("worker", 1), ("search", 3)):
        deadline = time.monotonic() + 300
        while state_of(killed)["epoch"] < epoch:
            assert search.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        if target == "worker":
            os.kill(worker_of(search), signal.SIGKILL)
        else:
            search.kill()
            search.wait()
    assert state_of(killed)["epoch"] < EPOCHS  # there was something left to do
    code = start(kind, is_made, killed, 0).wait(300)
    assert code == 0, killed.with_suffix(".log").read_text()
    expected, found = state_of(whole), state_of(killed)
    assert len(found["history"]) == EPOCHS
    assert found["history"] == expected["history"]
