"""A bidirectional LSTM leaves Keras: SavedModel, ONNX."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_dlnotes import layers

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's here"
)


@pytest.fixture
def model():
    inputs = keras.Input((None, 3))
    hidden = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(inputs)
    hidden = layers.GRU(4)(layers.LSTM(4, return_sequences=True, forget_gate="coupled")(hidden))
    return keras.Model(inputs, keras.layers.Dense(2)(hidden))


def _inputs(rows=3, steps=7):
    return np.random.default_rng(0).normal(size=(rows, steps, 3)).astype("float32")


SERVE = """
import sys, numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1] + "/saved")
for name in ("one", "two"):
    arrays = np.load(sys.argv[1] + f"/{name}.npz")
    np.testing.assert_allclose(loaded.serve(arrays["x"]).numpy(), arrays["y"], atol=1e-6)
print("served")
"""


def test_saved_model_in_a_fresh_process(model, tmp_path):
    model.export(tmp_path / "saved", verbose=False)
    for name, (rows, steps) in (("one", (3, 7)), ("two", (1, 12))):
        x = _inputs(rows, steps)
        np.savez(tmp_path / f"{name}.npz", x=x, y=model.predict(x, verbose=0))
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert "served" in result.stdout, result.stderr[-2000:]


def test_onnx(model, tmp_path):
    pytest.importorskip("tf2onnx", reason="writes ONNX")
    runtime = pytest.importorskip("onnxruntime", reason="runs ONNX")
    expected = model.predict(_inputs(), verbose=0)
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: _inputs()})
    np.testing.assert_allclose(found, expected, atol=1e-5)
