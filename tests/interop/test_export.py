"""Every builder's model leaves Keras by `model.export`: SavedModel, ONNX and LiteRT."""

import functools
import importlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, models
from tests.interop.builders import CASES, assert_equal, set_random_weights, worked

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the formats are written by TensorFlow here"
)


def run_saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)  # its functions live no longer than this
    return lambda arrays: loaded.serve(arrays[0] if len(arrays) == 1 else arrays).numpy()


def run_onnx(path):
    session = importlib.import_module("onnxruntime").InferenceSession(path)
    names = [entry.name for entry in session.get_inputs()]
    return lambda arrays: session.run(None, dict(zip(names, arrays, strict=True)))[0]


def run_litert(path):
    import tensorflow as tf

    # TensorFlow's interpreter would run them, those of phones would not
    assert re.findall(rb"Flex\w+", path.read_bytes()) == [], "operations that LiteRT lacks"
    interpreter = tf.lite.Interpreter(str(path))
    inputs = sorted(interpreter.get_input_details(), key=lambda entry: entry["name"])

    def run(arrays):
        for entry, array in zip(inputs, arrays, strict=True):
            interpreter.resize_tensor_input(entry["index"], array.shape)
        interpreter.allocate_tensors()
        for entry, array in zip(inputs, arrays, strict=True):
            interpreter.set_tensor(entry["index"], array)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run


RUNTIMES = {
    "tf_saved_model": ("model", run_saved_model),
    "onnx": ("model.onnx", run_onnx),
    "litert": ("model.tflite", run_litert),
}
QUICK = {
    ("convnet normalized", "tf_saved_model"),
    ("convnet separable", "onnx"),
    ("resnet", "litert"),
    ("unet", "onnx"),
    ("unet", "litert"),
    ("convolutional autoencoder", "litert"),
    ("many to one, lstm both ways", "tf_saved_model"),
    ("many to one, lstm both ways", "onnx"),
    ("many to many, gru", "onnx"),
    ("sequence to sequence, lstm", "onnx"),
    ("sequence to sequence, lstm", "litert"),
}
PRODUCT = [(name, kind) for name in CASES for kind in RUNTIMES]


def exported(model, folder, kind):
    """Returns a function of arrays that runs what was written."""
    if kind == "onnx":
        pytest.importorskip("tf2onnx", reason="writes ONNX")
        pytest.importorskip("onnxruntime", reason="runs ONNX")
    file, run = RUNTIMES[kind]
    model.export(folder / file, format=kind, verbose=False)
    return run(folder / file)


@functools.cache
def worked_once(name):
    return worked(CASES[name])


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow, id=" → ".join(pair))
        for pair in PRODUCT
    ],
)
def test_runtimes_give_the_outputs_of_the_model(name, kind, tmp_path):
    model, batches = worked_once(name)
    run = exported(model, tmp_path, kind)
    for arrays, expected in batches:
        assert_equal(run(arrays), expected)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["tf_saved_model", "litert"])
def test_a_stateful_model_goes_on_where_it_was(kind, tmp_path):
    model = models.language_model(7, units=4, embedding_dim=3, stateful=True)
    set_random_weights(model)
    model.get_layer("recurrent1").reset_state()
    run = exported(model, tmp_path, kind)
    ids = np.random.default_rng(0).integers(1, 7, size=(2, 1, 5)).astype("int32")
    for part in ids:
        assert_equal(run([part]), model(part).numpy())


def test_a_stateful_model_has_no_onnx_file(tmp_path):
    model = models.language_model(7, units=4, embedding_dim=3, stateful=True)
    model(np.ones((1, 5), "int32"))
    with pytest.raises(ValueError, match="`stateful` must be False in an ONNX file"):
        exported(model, tmp_path, "onnx")


@pytest.mark.thorough
@pytest.mark.parametrize("kind", RUNTIMES)
def test_variants_of_the_recurrent_layers(kind, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.LSTM(
                4, return_sequences=True, forget_gate="coupled", output_gate="delayed", truncate=2
            ),
            layers.GRU(4, return_sequences=True, reset_after=True, go_backwards=True),
            layers.SimpleRNN(4, activation="swish", unroll=False),  # no derivative is written out
        ]
    )
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    expected = model(x).numpy()
    assert_equal(exported(model, tmp_path, kind)([x]), expected)


@pytest.mark.parametrize("kind", RUNTIMES)
def test_explicitly_padded_poolings(kind, tmp_path):
    inputs = keras.Input((None, None, 2))
    outputs = layers.MaxPooling2D(3, strides=2, padding=((2, 1), (0, 2)))(inputs)
    outputs = layers.AveragePooling2D(3, strides=1, padding=1)(outputs)
    outputs = layers.AveragePooling2D((2, 3), padding="same", count_include_pad=True)(outputs)
    model = keras.Model(inputs, outputs)
    x = np.random.default_rng(0).normal(size=(2, 11, 12, 2)).astype("float32") - 3
    expected = model(x).numpy()
    assert_equal(exported(model, tmp_path, kind)([x]), expected)


SEPARATE_LAYERS = {
    "Conv1D causal": ((None, 2), lambda: layers.Conv1D(3, 3, padding="causal", dilation_rate=2)),
    "Conv2D strided": ((None, None, 2), lambda: layers.Conv2D(3, 3, strides=2, padding="same")),
    "Conv2D grouped": ((9, 8, 4), lambda: layers.Conv2D(6, 3, groups=2, padding=1)),
    "Conv2D dilated": ((9, 8, 2), lambda: layers.Conv2D(3, 3, 2, padding=2, dilation_rate=2)),
    "Conv2D channels first": (
        (2, 9, 8),
        lambda: layers.Conv2D(3, 3, padding=1, data_format="channels_first"),
    ),
    "Conv3D": ((5, 6, 7, 2), lambda: layers.Conv3D(3, 3, padding=1)),
    "Conv1DTranspose": ((None, 2), lambda: layers.Conv1DTranspose(3, 4, strides=2, padding=1)),
    "Conv2DTranspose": (
        (None, None, 2),
        lambda: layers.Conv2DTranspose(3, 3, strides=2, padding=1, output_padding=1),
    ),
    "Conv3DTranspose": ((5, 6, 7, 2), lambda: layers.Conv3DTranspose(3, 2, strides=2)),
    "DepthwiseConv1D": ((9, 2), lambda: layers.DepthwiseConv1D(3, padding=1, depth_multiplier=2)),
    "DepthwiseConv2D": ((9, 8, 2), lambda: layers.DepthwiseConv2D(3, strides=2, padding=1)),
    "MaxPooling1D": ((9, 2), lambda: layers.MaxPooling1D(3, 2, 1)),
    "MaxPooling2D channels first": (
        (2, 9, 8),
        lambda: layers.MaxPooling2D(3, 2, 1, data_format="channels_first"),
    ),
    "MaxPooling3D": ((5, 6, 7, 2), lambda: layers.MaxPooling3D(2, 2, 1)),
    "AveragePooling3D": ((5, 6, 7, 2), lambda: layers.AveragePooling3D(2, 2, 1)),
    "BatchNormalization": ((2, 9, 8), lambda: layers.BatchNormalization(axis=1)),
    "DenseBlock": ((9, 8, 2), lambda: layers.DenseBlock(2, 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUNTIMES)
@pytest.mark.parametrize("name", SEPARATE_LAYERS)
def test_layers_that_no_builder_has(name, kind, tmp_path):
    shape, make = SEPARATE_LAYERS[name]
    model = keras.Sequential([keras.Input(shape), make()])
    lengths = [9 if length is None else length for length in shape]
    x = np.random.default_rng(0).normal(size=(2, *lengths)).astype("float32")
    expected = model(x).numpy()
    assert_equal(exported(model, tmp_path, kind)([x]), expected)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", RUNTIMES)
@pytest.mark.parametrize(
    "padding", ["same", *(pytest.param(more, marks=pytest.mark.slow) for more in ("valid", 1))]
)
def test_pooling_and_unpooling(kind, padding, tmp_path):
    inputs = keras.Input((9, 8, 2))
    values, indices = layers.MaxPooling2D(3, 2, padding, return_indices=True)(inputs)
    outputs = layers.MaxUnpooling2D(3, 2)([values, indices], output_size=(9, 8))
    model = keras.Model(inputs, outputs)
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 2)).astype("float32") - 3
    expected = model(x).numpy()
    assert_equal(exported(model, tmp_path, kind)([x]), expected)


SERVE = """
import sys, numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1] + "/model")
arrays = np.load(sys.argv[1] + "/arrays.npz")
np.testing.assert_allclose(loaded.serve(arrays["x"]).numpy(), arrays["y"], atol=1e-6)
assert "keras_dlnotes" not in sys.modules
print("served")
"""


@pytest.mark.thorough
def test_a_saved_model_needs_none_of_our_code(tmp_path):
    model, batches = worked_once("many to one, lstm both ways")
    model.export(tmp_path / "model", verbose=False)
    ((x,), y) = batches[1]
    np.savez(tmp_path / "arrays.npz", x=x, y=y)
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert "served" in result.stdout, result.stderr[-2000:]


@pytest.mark.thorough
def test_no_compiled_call_leaves_python(tmp_path):
    """A server need not have XLA."""
    for name in ("many to one, lstm both ways", "unet"):
        model, _ = worked_once(name)
        model.export(tmp_path / "model", verbose=False)
        assert (
            b"_XlaMustCompile\x12\x02(\x01" not in (tmp_path / "model/saved_model.pb").read_bytes()
        )
