"""Fits over several devices: the same as on one, batch-normalization statistics included."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import keras_dlnotes
from keras_dlnotes import layers
from keras_dlnotes.common.graph import layers_of
from keras_dlnotes.runs.strategies import check_strategy, synchronized
from tests.backends import BACKEND, only_on

FIT = """
import sys
from dataclasses import replace

import keras
import numpy as np
import pandas

from keras_dlnotes import tasks

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    cpu, = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    Mirrored = tf.distribute.MirroredStrategy
    tf.distribute.MirroredStrategy = lambda: Mirrored(["CPU:0", "CPU:1"])
else:
    assert len(keras.distribution.list_devices()) == 2

def prepare(name):
    splits = tasks.get("digits").prepare(name)
    parts = [tuple(array[:count] for array in split) for split, count in (
        (splits.training, 96), (splits.validation, 64), (splits.test, 32))]
    return replace(splits, training=parts[0], validation=parts[1], test=parts[2])

task = replace(
    tasks.get("digits"), prepare=prepare, learning_rate=0.01, pictures=lambda outcome: (),
    arguments={"filters": (4, 8), "hidden": (16,), "moving_statistic": "std"},
)
folder = sys.argv[1]
found = {}
for strategy in ("none", "mirrored"):
    done = tasks.fit(task, f"{folder}/{strategy}", epochs=2, batch_size=32, quiet=True,
                     strategy=strategy)
    table = pandas.read_csv(f"{folder}/{strategy}/history.csv")
    history = table[["loss", "val_loss"]].to_numpy()
    model = keras.saving.load_model(f"{folder}/{strategy}/model.keras")
    statistics = [layer.moving_variance for layer in model.layers
                  if isinstance(layer, keras.layers.BatchNormalization)]
    statistics = [keras.ops.convert_to_numpy(value) for value in statistics]
    found[strategy] = history, statistics, done.metrics["test_loss"]
# Not the weights: a bias before a normalization has no gradient, and Adam makes rounding a step.
np.testing.assert_allclose(found["none"][0], found["mirrored"][0], rtol=1e-2, atol=1e-3)
for one, other in zip(found["none"][1], found["mirrored"][1], strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-2)
np.testing.assert_allclose(found["none"][2], found["mirrored"][2], rtol=1e-2)
"""


@pytest.mark.slow
@only_on("tensorflow", "jax", reason="a fit is divided there alone")
def test_two_devices_give_what_one_gives(tmp_path):
    paths = [str(Path(keras_dlnotes.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {
        "PYTHONPATH": os.pathsep.join(paths),
        "KERAS_BACKEND": BACKEND,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    done = subprocess.run(
        [sys.executable, "-c", FIT, str(tmp_path)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_backend_that_cannot(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match="'none' on every backend but TensorFlow and JAX"):
        check_strategy("mirrored")


@only_on("tensorflow", reason="JAX does so by itself")
def test_normalizations_within_blocks_are_synchronized_for_a_while():
    model = keras.Sequential([keras.Input((4, 4, 2)), layers.DenseBlock(1, 2)])
    found = [entry for entry in layers_of(model) if hasattr(entry, "synchronized")]
    assert found
    with synchronized(model, "mirrored"):
        assert all(entry.synchronized for entry in found)
    assert not any(entry.synchronized for entry in found)
