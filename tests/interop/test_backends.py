"""A model that was saved on one backend gives the same outputs on the others."""

import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.backends import BACKEND, BACKENDS

READ = """
import sys
import keras, numpy as np
import keras_dlnotes
folder = sys.argv[1]
for name in ("images", "sequences"):
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    outputs = model(np.load(f"{folder}/{name}.npy"))
    np.save(f"{folder}/{name}_{keras.backend.backend()}.npy", keras.ops.convert_to_numpy(outputs))
"""


def image_model():
    return keras.Sequential(
        [
            keras.Input((8, 9, 3)),
            layers.Conv2D(4, 3, strides=2, padding=1, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.DenseBlock(1, 2),
            layers.Residual([layers.SeparableConv2D(6, 3, padding=1)]),
            layers.Conv2DTranspose(2, 2, strides=2),
            layers.AveragePooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )


def sequence_model():
    return keras.Sequential(
        [
            keras.Input((5, 3)),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.GRU(4, return_sequences=True),
            layers.SimpleRNN(3),
        ]
    )


@pytest.mark.slow
def test_saved_models_give_equal_outputs_on_every_backend(tmp_path):
    rng = np.random.default_rng(0)
    expected = {}
    for name, model in (("images", image_model()), ("sequences", sequence_model())):
        values = rng.normal(size=(2, *model.input_shape[1:])).astype("float32")
        model.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", values)
        expected[name] = keras.ops.convert_to_numpy(model(values))
    others = [name for name in BACKENDS if name != BACKEND and find_spec(name)]
    if not others:
        pytest.skip("no other backend is installed")
    for backend in others:
        environment = {**os.environ, "KERAS_BACKEND": backend}
        command = [sys.executable, "-c", READ, str(tmp_path)]
        subprocess.run(command, env=environment, check=True, timeout=200)
        for name, outputs in expected.items():
            received = np.load(tmp_path / f"{name}_{backend}.npy")
            np.testing.assert_allclose(received, outputs, rtol=1e-5, atol=1e-5)
