"""What the guides search over: few and small images, in this process."""

import numpy as np
import pytest

from keras_dlnotes import tuning
from tests.tuning.in_process import stay_in_process


@pytest.fixture
def search(monkeypatch, tmp_path, quick):
    """`tuning.search` in this process; what it is not told is short."""
    stay_in_process(monkeypatch)

    def run(hypermodel, tuner="random", **arguments):
        defaults = {"max_trials": 3, "epochs": 1, "directory": tmp_path / "project"}
        return tuning.search(hypermodel, tuner, **(defaults | arguments))

    return run


@pytest.fixture(scope="session")
def images():
    """(training, validation) of 8 × 8 pixels with one-hot classes."""
    generator = np.random.default_rng(0)
    inputs = generator.random((60, 8, 8, 1)).astype("float32")
    targets = np.eye(10, dtype="float32")[generator.integers(0, 10, 60)]
    return (inputs[:40], targets[:40]), (inputs[40:], targets[40:])


@pytest.fixture(scope="session")
def table():
    """(training, validation) of a regression."""
    generator = np.random.default_rng(1)
    inputs, targets = generator.random((60, 10)), generator.random((60, 1))
    return (inputs[:40], targets[:40]), (inputs[40:], targets[40:])
