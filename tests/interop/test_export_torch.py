"""ONNX files that PyTorch writes, run by their runtime: the model's outputs, or an error."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.backends import only_on
from tests.interop.builders import CASES, assert_equal, set_random_weights

onnxruntime = pytest.importorskip("onnxruntime", reason="runs ONNX")
pytestmark = only_on("torch", reason="is about PyTorch's exporter")

SEPARATE_LAYERS = {
    "Conv1D causal": ((13, 3), layers.Conv1D(4, 3, padding="causal")),
    "Conv2D unevenly padded": ((9, 8, 4), layers.Conv2D(6, 3, 2, padding=((1, 0), (0, 2)))),
    "Conv2D strided": ((9, 8, 2), layers.Conv2D(3, 3, 2, padding="same")),
    "Conv2D grouped, dilated": (
        (9, 8, 4),
        layers.Conv2D(6, 3, groups=2, padding=2, dilation_rate=2),
    ),
    "Conv2DTranspose": ((6, 5, 3), layers.Conv2DTranspose(4, 3, 2, 1, output_padding=1)),
    "AveragePooling2D": ((9, 8, 2), layers.AveragePooling2D(3, 2, padding=1)),
    "LSTM of any length": ((None, 3), layers.LSTM(4, return_sequences=True, truncate=2)),
    "Bidirectional of any length": ((None, 3), layers.Bidirectional(layers.LSTM(4))),
    "SimpleRNN of any length": ((None, 3), layers.SimpleRNN(4)),
    "GRU of any length": ((None, 3), layers.GRU(4, reset_after=True)),
    "coupled gates": ((5, 3), layers.LSTM(4, forget_gate="coupled")),
}


def run_exported(model, arrays, folder):
    model.export(folder / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    names = [entry.name for entry in session.get_inputs()]
    return session.run(None, dict(zip(names, arrays, strict=True)))[0]


def check(model, arrays, folder):
    outputs = keras.ops.convert_to_numpy(model(arrays[0]))
    assert_equal(run_exported(model, arrays, folder), outputs)


@pytest.mark.parametrize("name", ["convnet normalized", "densenet", "resnet", "unet"])
def test_models_of_images(name, tmp_path):
    case = CASES[name]
    model = case.build()
    set_random_weights(model)
    check(model, case.inputs(np.random.default_rng(0), 3, case.lengths[-1]), tmp_path)


@pytest.mark.parametrize("name", SEPARATE_LAYERS)
def test_separate_layers(name, tmp_path):
    shape, layer = SEPARATE_LAYERS[name]
    model = keras.Sequential([keras.Input(shape), layer])
    shape = [7 if length is None else length for length in shape]
    check(model, [np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")], tmp_path)


@pytest.mark.parametrize(
    ("shape", "stack", "name"),
    [
        ((None, 3), [layers.GRU(4, reset_after=False)], "inputs"),
        ((None, 3), [keras.layers.Masking(), layers.LSTM(4)], "inputs"),
        ((9, 8, 2), [layers.AveragePooling2D(3, padding="same")], "padding"),
    ],
    ids=["a cell that PyTorch lacks", "a mask", "the padding of averages"],
)
def test_what_would_be_wrong_is_an_error(shape, stack, name, tmp_path):
    model = keras.Sequential([keras.Input(shape), *stack])
    shape = [7 if length is None else length for length in shape]
    model(np.ones((2, *shape), "float32"))
    with pytest.raises(ValueError, match=f"`{name}` must be .* (where|that) PyTorch writes"):
        model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
