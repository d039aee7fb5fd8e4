"""What every test starts from: the same seeds, quiet logs, a non-interactive matplotlib."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")

import keras
import pytest


@pytest.fixture(autouse=True)
def same_seeds():
    keras.utils.set_random_seed(0)
