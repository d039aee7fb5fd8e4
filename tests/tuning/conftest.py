"""A search that takes seconds: a small network on a table of numbers."""

import os
import shutil

import keras
import numpy as np
import pytest

from keras_dlnotes import tuning
from keras_dlnotes.runs import records
from tests.tuning import finished


def build(hp):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(hp.Choice("units", [2, 4, 8], default=4), activation="tanh"),
            keras.layers.Dense(1),
        ]
    )
    rate = hp.Float("learning_rate", 1e-3, 1e-1, sampling="log", default=1e-2)
    model.compile(keras.optimizers.Adam(rate), loss="mse", metrics=["mae"], jit_compile=False)
    return model


def linear_table():
    """(training, validation) of a linear function."""
    inputs = np.random.default_rng(0).normal(size=(96, 4)).astype("float32")
    targets = inputs @ np.array([[1.0], [-1.0], [0.5], [0.0]], "float32")
    return (inputs[:64], targets[:64]), (inputs[64:], targets[64:])


@pytest.fixture(scope="session")
def table():
    return linear_table()


@pytest.fixture(scope="session")
def search_table(table):
    """Runs `search` on the table; the arguments may be replaced."""

    def run(directory, tuner="random", hypermodel=build, **arguments):
        training, validation = table
        defaults = {"max_trials": 3, "epochs": 2, "training": training, "validation": validation}
        return tuning.search(hypermodel, tuner, directory=directory, **{**defaults, **arguments})

    return run


@pytest.fixture
def quick(monkeypatch):
    """Waits neither for a disk nor for what passes by itself."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(records, "PATIENCE_SECONDS", 0.0)


@pytest.fixture(scope="session")
def intact(tmp_path_factory):
    """The folder of a finished search, what a reader is told of it, and what its oracle knows."""
    folder = tmp_path_factory.mktemp("intact") / "search"
    finished.make_search(folder)
    return folder, finished.answer(folder), finished.go_on(folder)


@pytest.fixture
def search(intact, tmp_path):
    """A copy of the folder, and what is told of it."""
    folder = tmp_path / "search"
    shutil.copytree(intact[0], folder)
    return folder, *intact[1:]
